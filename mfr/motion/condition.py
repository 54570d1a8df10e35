r"""What a noise predictor is told of a clip, and which of its frames are real.

A condition describes B clips; x_t may hold K samples of each, row b K + k.
"""

from typing import NamedTuple, Optional

from torch import Tensor
from torch.nn import functional as F

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM


class Condition(NamedTuple):
    r"""What the listener responds to, and who the listener is (Sec. 3.2); all normalised.

    The condition of a window begins P = config.past frames before it; that of a clip, at frame 0.
    """

    audio: Tensor  # (B, P + L, 45) acoustic features of the speaker
    speaker: Tensor  # (B, P + L, 70) coefficients of the speaker
    identity: Tensor  # (B, V) listener's identity vector; only its direction is used
    attitude: Tensor  # (B, 3) one-hot in the order of ATTITUDES; a zero row = not known
    reference: Optional[Tensor] = None  # (B, 70) coefficients of the listener's portrait
    mask: Optional[Tensor] = None  # (B, P + L) bool, True = a real frame; None = all are

    def to(self, *args):
        r"""Move or convert every tensor, as Tensor.to does; the mask stays bool."""
        moved = [None if x is None else x.to(*args) for x in self[:-1]]
        if self.mask is None:
            return Condition(*moved, None)
        return Condition(*moved, self.mask.to(moved[0].device))


def check_condition(cond, config):
    r"""Refuse shapes that do not fit each other or the config.

    Raises:
        ValueError: a tensor has another shape, or one that the config needs is missing.
    """
    clips, frames = cond.audio.shape[:2]
    if frames <= config.past:
        raise ValueError(f"audio has {frames} frames; allowed: more than the past's {config.past}")
    allowed = {
        "audio": (clips, frames, AUDIO_DIM),
        "speaker": (clips, frames, COEFFICIENT_DIM),
        "identity": (clips, config.identity_dim),
        "attitude": (clips, len(ATTITUDES)),
    }
    if config.reference:
        allowed["reference"] = (clips, COEFFICIENT_DIM)
    if cond.mask is not None:
        allowed["mask"] = (clips, frames)
    for name, shape in allowed.items():
        value = getattr(cond, name)
        found = None if value is None else tuple(value.shape)
        if found != shape:
            raise ValueError(f"{name} has shape {found}; allowed: {shape}")


def count_samples(x_t, t, clips, frames):
    r"""K, the samples of each clip that x_t (B K, L, 70) holds.

    Raises:
        ValueError: x_t does not hold K samples of B clips, or t (B K,) is not one for each.
    """
    samples = len(x_t) // clips
    if x_t.shape[1:] != (frames, COEFFICIENT_DIM) or samples * clips != len(x_t) or not samples:
        allowed = f"({clips} K, {frames}, {COEFFICIENT_DIM})"
        raise ValueError(f"x_t has shape {tuple(x_t.shape)}; allowed: {allowed}")
    if t.shape != x_t.shape[:1]:
        raise ValueError(f"t has shape {tuple(t.shape)}; allowed: ({len(x_t)},)")
    t = t.unflatten(0, (clips, samples))
    if samples > 1 and t.device.type == "cpu" and bool((t != t[:, :1]).any()):
        raise ValueError(f"t is {t.tolist()}; allowed: one t for the {samples} samples of a clip")
    return samples


def needed_mask(mask):
    r"""The mask, or None where nothing is padded: attention is a tenth faster without."""
    # not asked on a GPU, where the answer would stop the queue of kernels
    full = mask is not None and mask.device.type == "cpu" and bool(mask.all())
    return None if full else mask


def window_mask(mask, past):
    r"""(B, P + L) of the speaker -> (B, L) of the window; None where nothing of it is padded."""
    return None if mask is None else needed_mask(mask[:, past:])


def each_sample(x, samples):
    r"""(B, ...) of clips -> (B K, ...) of their samples; None stays None."""
    return None if x is None else x.repeat_interleave(samples, 0)


def key_mask(mask, before, after):
    r"""(B, L) -> (B, 1, before + L + after), with tokens that are always there; None stays None."""
    return None if mask is None else F.pad(mask, (before, after), value=True)[:, None]
