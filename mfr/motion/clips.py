r"""Clip by clip: windows of 40 frames, stride 20 (Sec. 3.3, 4.1.3).

The paper does not say how overlapping windows are merged. Here all windows of a clip are denoised
together: at every step their noise predictions are averaged where they overlap, each weighing less
towards its ends, so the clip is one diffusion process.
"""

import warnings
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mfr.motion.condition import Condition
from mfr.motion.guidance import Guided


def split(x, window=40, stride=20):
    r"""Cut a clip into overlapping windows; the last one is padded with zeros.

    Paper: Sec. 3.3, Sec. 4.1.3 (40 frames, 20). (..., L, D) -> (..., W, window, D), with
    W = 1 + ceil(max(L - window, 0) / stride).

    Raises:
        ValueError: L, window or stride is not allowed (see num_windows).
    """
    length = x.shape[-2]
    windows = num_windows(length, window, stride)
    x = F.pad(x, (0, 0, 0, (windows - 1) * stride + window - length))
    return x.unfold(-2, window, stride).transpose(-1, -2)


def num_windows(length, window=40, stride=20):
    r"""W = 1 + ceil(max(L - window, 0) / stride), an int: how many windows split makes of L frames.

    Raises:
        ValueError: L or window is below 1, or stride is outside 1 .. window.
    """
    if length < 1:
        raise ValueError(f"length is {length} frames; allowed: >= 1")
    if not 1 <= stride <= window:
        raise ValueError(f"stride is {stride} with window {window}; allowed: 1 .. window")
    return 1 - min(window - length, 0) // stride


def join(windows, length, window=40, stride=20):
    r"""Put windows (..., W, window, D) back into a clip (..., L, D): split's exact inverse.

    Ours: the paper does not say how windows are merged. Where they overlap, their mean, weighed by
    a triangle: a window weighs least at its ends, where it enters and leaves the mean, as equal
    weights make a step there. Padding beyond `length` frames is dropped.

    Raises:
        ValueError: the number or the length of the windows is not what split makes of L frames.
    """
    allowed = (num_windows(length, window, stride), window)
    if tuple(windows.shape[-3:-1]) != allowed:
        found = tuple(windows.shape[-3:-1])
        raise ValueError(f"windows are {found} (number, frames); allowed: {allowed}")
    rows = windows.flatten(-3, -2)  # (..., W window, D)
    sources, weights = _coverage(length, window, stride, windows.device, windows.dtype)
    mean = rows.index_select(-2, sources[0])  # (..., L, D)
    for source, weight in zip(sources[1:], weights[1:]):
        mean = mean.lerp(rows.index_select(-2, source), weight)
    return mean


def split_condition(cond, window=40, stride=20, past=0, shift=0):
    r"""The windows of B clips, one after the other, as a condition of as many clips.

    A Condition of W_1 + .. + W_B windows of past + window frames, each clip cut at its end; its
    mask marks what lies before a clip's start and after its end. The first window begins `shift`
    frames before the clip's start.

    Raises:
        ValueError: window or stride is not allowed, or a mask has a hole.
    """
    lengths = _lengths(cond)
    _, which = _windows_of(lengths, window, stride, shift, cond.audio.device)

    def cut(x):
        clips = (F.pad(clip[:n], (0, 0, past + shift, 0)) for clip, n in zip(x, lengths))
        return torch.cat([split(clip, past + window, stride) for clip in clips])

    real = cut(torch.ones_like(cond.audio[..., :1], dtype=torch.bool))[..., 0]
    return Condition(
        audio=cut(cond.audio),
        speaker=cut(cond.speaker),
        identity=cond.identity[which],
        attitude=cond.attitude[which],
        reference=None if cond.reference is None else cond.reference[which],
        mask=None if bool(real.all()) else real,
    )


class Grid(NamedTuple):
    r"""Where the windows of B clips lie, and their prepared condition."""

    shift: int  # the first begins so many frames before a clip's start
    counts: list  # windows of each clip, W_1 .. W_B
    which: Tensor  # (W,) the clip of each
    prepared: object


class ClipDenoiser:
    r"""eps of whole clips: all windows predicted in one batch, overlaps averaged.

    Ours: the paper goes clip by clip and does not say how windows meet. Every other call shifts
    the windows by half a stride: where one set ends a window, the other has the middle of one, so
    no frame lies at a border in all steps. The speaker's windows are encoded once, here. Give it
    to GaussianDiffusion.sample as the eps_model of a (B K, L, 70) sample; the K samples of a clip
    share its keys and values.

    Args:
        eps_model: a predictor for windows, with prepare(cond).
        cond: Condition of B clips of up to L frames; its mask tells how long each is.
        guidance: weight of the attitude (see Guided), >= 0; 1 is none.
        past: P of the predictor, frames of the speaker before each window.

    Raises:
        ValueError: window, stride or guidance is not allowed, or a mask has a hole.
    """

    def __init__(self, eps_model, cond, window=40, stride=20, guidance=1.0, past=0):
        self.eps_model = eps_model if guidance == 1 else Guided(eps_model, guidance)
        self.size, self.past = (window, stride), past
        self.frames, self.lengths = cond.audio.shape[1], _lengths(cond)
        self.grids = [self._grid(cond, shift) for shift in (0, stride // 2)]

    @torch.no_grad()
    def _grid(self, cond, shift):
        """The windows that begin `shift` frames early."""
        counts, which = _windows_of(self.lengths, *self.size, shift, cond.audio.device)
        windows = split_condition(cond, *self.size, self.past, shift)
        return Grid(shift, counts, which, self.eps_model.prepare(windows))

    def __call__(self, x_t, t, cond=None):
        r"""The noise in whole clips, zero beyond a clip's end: (B K, L, D) -> (B K, L, D).

        t is (B K,) int64 in 1..T [diffusion steps]; cond is not read: it was given at the start.

        Raises:
            ValueError: x_t does not hold K samples of each of the B clips.
        """
        clips = self._clips(x_t)
        grid = self.grids[0]
        self.grids.reverse()  # the next call takes the other one
        x = F.pad(x_t, (0, 0, grid.shift, 0)).unflatten(0, (clips, -1))  # (B, K, shift + L, D)
        lengths = [grid.shift + n for n in self.lengths]
        windows = [split(clip[:, :n], *self.size) for clip, n in zip(x, lengths)]
        windows = torch.cat(windows, 1).transpose(0, 1)  # (W, K, window, D), W = W_1 + .. + W_B
        t = t.reshape(clips, -1)[grid.which].flatten()  # (W K,)
        eps = self.eps_model(windows.flatten(0, 1), t, grid.prepared)
        eps = eps.view(windows.shape).transpose(0, 1)  # (K, W, window, D)
        out = torch.zeros_like(x)
        for clip, part, n in zip(out, eps.split(grid.counts, 1), lengths):
            clip[:, :n] = join(part, n, *self.size)
        return out[:, :, grid.shift :].flatten(0, 1)

    def _clips(self, x_t):
        """B, after checking that x_t holds K samples of each clip."""
        clips = len(self.lengths)
        if x_t.shape[1] != self.frames or len(x_t) % clips:
            allowed = f"({clips} K, {self.frames}, D)"
            raise ValueError(f"x_t has shape {tuple(x_t.shape)}; allowed: {allowed}")
        return clips


def align(audio, video):
    r"""Sound features (L1, ...) and video coefficients (L2, ...) of a clip, cut to the shorter.

    Ours: frame i of both covers [i/fps, (i + 1)/fps), so the longer one merely runs on. A warning
    says so when they differ by more than one frame.

    Raises:
        ValueError: one of them is empty.
    """
    length = min(len(audio), len(video))
    if length == 0:
        raise ValueError(f"audio has {len(audio)} frames, video {len(video)}; allowed: >= 1")
    if abs(len(audio) - len(video)) > 1:
        warnings.warn(
            f"audio has {len(audio)} frames, video {len(video)}; both cut to {length}",
            stacklevel=2,
        )
    return audio[:length], video[:length]


def _lengths(cond):
    """Real frames of each clip; they come first."""
    clips, frames = cond.audio.shape[:2]
    if cond.mask is None:
        return [frames] * clips
    lengths = cond.mask.sum(1).tolist()
    for clip, (mask, length) in enumerate(zip(cond.mask.tolist(), lengths)):
        if not all(mask[:length]):
            raise ValueError(f"mask of clip {clip} has a hole; allowed: real frames, then padding")
    return lengths


def _windows_of(lengths, window, stride, shift, device):
    """How many windows each clip has, W_1 .. W_B, and the clip of each, (W,)."""
    counts = [num_windows(shift + length, window, stride) for length in lengths]
    return counts, torch.repeat_interleave(torch.tensor(counts)).to(device)


@lru_cache(maxsize=16)
def _coverage(length, window, stride, device, dtype):
    """For the j-th window over each frame: its row (n, L) and its weight in a running mean."""
    frames = torch.arange(length)
    last = (frames // stride).clamp(max=num_windows(length, window, stride) - 1)
    sources, weights, total = [], [], torch.zeros(length, dtype=dtype)
    for j in range(-(-window // stride)):
        covers = (last - j >= 0) & (frames - (last - j) * stride < window)
        chosen = torch.where(covers, last - j, last)
        place = frames - chosen * stride  # in the window
        weight = torch.minimum(place + 1, window - place) * covers.to(dtype)  # 1, 2, .. 2, 1
        total += weight
        sources.append((chosen * window + place).to(device))
        weights.append((weight / total).to(device)[:, None])
    return sources, weights
