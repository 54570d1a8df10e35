r"""Clip by clip: windows of 40 frames, stride 20 (Sec. 3.3, 4.1.3), and the live stream.

The paper does not say how overlapping windows are merged. Here all windows of a clip are denoised
together: at every step their noise predictions are averaged where they overlap, each weighing less
towards its ends, so the clip is one diffusion process (ClipDenoiser). A live stream cannot wait for
the future: it holds the frames that were already given out and completes the next window
(ResponseStream).
"""

import warnings
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from mfr.motion.diffusion import spaced_steps
from mfr.motion.fam import Condition
from mfr.motion.guidance import Guided


def split(x, window=40, stride=20):
    r"""Cut a clip into overlapping windows; the last one is padded with zeros.

    Paper: Sec. 3.3, Sec. 4.1.3 (40 frames, 20).

    Args:
        x: (..., L, D), L >= 1 [frames].
        window: [frames], >= 1.
        stride: from one window's start to the next [frames], 1 .. window.

    Returns:
        (..., W, window, D), W = 1 + ceil(max(L - window, 0) / stride).

    Raises:
        ValueError: L, window or stride is not allowed.
    """
    length = x.shape[-2]
    windows = num_windows(length, window, stride)
    x = F.pad(x, (0, 0, 0, (windows - 1) * stride + window - length))
    return x.unfold(-2, window, stride).transpose(-1, -2)


def num_windows(length, window=40, stride=20):
    r"""W = 1 + ceil(max(L - window, 0) / stride).

    Args:
        length: L, >= 1 [frames].
        window: [frames], >= 1.
        stride: [frames], 1 .. window.

    Returns:
        Number of windows that split makes.

    Raises:
        ValueError: L, window or stride is not allowed.
    """
    if length < 1:
        raise ValueError(f"length is {length} frames; allowed: >= 1")
    if not 1 <= stride <= window:
        raise ValueError(f"stride is {stride} with window {window}; allowed: 1 .. window")
    return 1 - min(window - length, 0) // stride


def join(windows, length, window=40, stride=20):
    r"""Put windows back into a clip; where they overlap, their mean, weighed by a triangle.

    Ours: the paper does not say how windows are merged. A window weighs least at its ends, where
    it enters and leaves the mean: equal weights make a step there. The exact inverse of split.

    Args:
        windows: (..., W, window, D).
        length: L of the clip [frames]; padding beyond it is dropped.
        window: [frames].
        stride: [frames], 1 .. window.

    Returns:
        (..., L, D).

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

    Args:
        cond: Condition of B clips of up to L frames.
        window: [frames].
        stride: [frames], 1 .. window.
        past: P, frames of the speaker before each window.
        shift: where the first window begins, frames before the clip's start.

    Returns:
        Condition of W_1 + .. + W_B windows of P + window frames, each clip cut at its end; its
        mask marks what lies before a clip's start and after its end.

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
        window: [frames].
        stride: [frames].
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
        r"""The noise in whole clips; zero beyond a clip's end.

        Args:
            x_t: (B K, L, D) noisy coefficients, K samples of each clip.
            t: (B K,) int64 in 1..T [diffusion steps].
            cond: not read; the condition was given at the start.

        Returns:
            (B K, L, D).

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


class ResponseStream:
    r"""Speaker frames in as they arrive, listener frames out, each given out once.

    Ours: the paper is offline. Whenever `stride` new speaker frames are there, the window that
    ends with them is sampled with its older frames held at what was given out. No look-ahead:
    a response waits for at most `stride` frames (8 at 30 fps: 267 ms) and the computation.

    Args:
        eps_model: a predictor for windows, with prepare(cond).
        diffusion: GaussianDiffusion.
        identity: (1, V) listener's identity vector.
        attitude: (1, 3) one-hot, or zeros.
        generator: source of all noise.
        reference: (1, 70) normalised coefficients of the portrait, or None.
        window: [frames].
        stride: frames that are waited for and given out together [frames], 1 .. window.
        steps: DDIM steps a window, dense at small t; None, the whole chain.
        eta: noise of DDIM, 0 .. 1; new noise lets the new frames turn towards the held ones.
        guidance: weight of the attitude (see Guided), >= 0; 1 is none.
        past: P of the predictor, frames of the speaker before the window.

    Raises:
        ValueError: the stride or the guidance is not allowed.
    """

    def __init__(
        self,
        eps_model,
        diffusion,
        identity,
        attitude,
        generator,
        reference=None,
        window=40,
        stride=8,
        steps=25,
        eta=1.0,
        guidance=1.0,
        past=0,
    ):
        num_windows(1, window, stride)  # checks both
        self.eps_model = eps_model if guidance == 1 else Guided(eps_model, guidance)
        self.diffusion, self.generator = diffusion, generator
        self.listener = {"identity": identity, "attitude": attitude, "reference": reference}
        self.window, self.stride, self.past = window, stride, past
        self.steps, self.eta = steps and spaced_steps(diffusion.T, steps), eta
        self.audio = self.speaker = self.given = None  # last frames, at most P + window + stride

    def push(self, audio, speaker):
        r"""Take new speaker frames, give back the listener frames that they complete.

        Args:
            audio: (n, 45) acoustic features, n >= 0.
            speaker: (n, 70) normalised coefficients of the same frames.

        Returns:
            (m, 70) normalised coefficients, m a multiple of the stride, possibly 0.

        Raises:
            ValueError: audio and speaker differ in length.
        """
        if len(audio) != len(speaker):
            raise ValueError(f"audio has {len(audio)} frames, speaker {len(speaker)}; align them")
        self._start(audio, speaker)
        self.audio = torch.cat([self.audio, audio])
        self.speaker = torch.cat([self.speaker, speaker])
        out = [self.given[:0]]
        while self._waiting() >= self.stride:
            out.append(self._respond(self.stride))
        return torch.cat(out)

    def flush(self):
        r"""The speaker has ended: give back the frames that still wait.

        Returns:
            (m, 70) normalised coefficients, m below the stride; then the stream is empty.

        Raises:
            ValueError: nothing was pushed.
        """
        if self.audio is None:
            raise ValueError("the stream is empty; allowed: flush after push")
        out = self._respond(self._waiting()) if self._waiting() else self.given[:0]
        self.audio = self.speaker = self.given = None
        return out

    def _start(self, audio, speaker):
        """Empty buffers before the first frame."""
        if self.audio is None:
            self.audio, self.speaker, self.given = audio[:0], speaker[:0], speaker[:0]

    def _waiting(self):
        """Speaker frames that have no listener frame yet."""
        return len(self.audio) - len(self.given)

    @torch.no_grad()
    def _respond(self, new):
        """Sample the window that ends `new` frames after the last given one; keep its tail."""
        end = len(self.given) + new
        start = max(end - self.window, 0)
        first = max(start - self.past, 0)  # the speaker's frames from here on are heard
        missing = self.past - (start - first)  # before the stream began
        audio, speaker = (
            F.pad(x[None, first:end], (0, 0, missing, 0)) for x in (self.audio, self.speaker)
        )
        mask = (torch.arange(audio.shape[1], device=audio.device) >= missing)[None]
        cond = self.eps_model.prepare(Condition(audio, speaker, mask=mask, **self.listener))
        known = torch.cat([self.given[start:], self.given.new_zeros(new, self.given.shape[1])])
        held = torch.arange(start, end, device=known.device)[:, None] < len(self.given)
        response = self.diffusion.sample(
            self.eps_model,
            (1, *known.shape),
            cond,
            self.generator,
            self.steps,
            self.eta,
            known=known,
            held=held,
            device=known.device,
            dtype=known.dtype,
        )[0, -new:]
        # the next window starts later: nothing before this one's past is read again
        self.given = torch.cat([self.given, response])[first:]
        self.audio, self.speaker = self.audio[first:], self.speaker[first:]
        return response


def align(audio, video):
    r"""Cut sound features and video coefficients of one clip to the shorter of the two.

    Ours: frame i of both covers [i/fps, (i + 1)/fps), so the longer one merely runs on.

    Args:
        audio: (L1, ...) a row per frame, L1 >= 1.
        video: (L2, ...) a row per frame, L2 >= 1.

    Returns:
        Both, min(L1, L2) rows; a warning says so when they differ by more than one frame.

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
    return counts, torch.repeat_interleave(torch.tensor(counts, device=device))


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
