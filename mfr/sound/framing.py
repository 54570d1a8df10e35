r"""Which samples belong to which video frame, and what counts as a sound at all.

Frame i is centred at (i + 1/2)/fps seconds. Positions are computed in integers, so the last frame
of an hour is as well placed as the first, at every sample rate. Where a window leaves the sound it
sees silence.
"""

import math
import operator
from fractions import Fraction
from typing import NamedTuple

import numpy as np

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # sample rates [Hz]
LARGEST_SAMPLE = 10.0  # decoders overshoot 1 a little; integers kept as floats exceed this
MOST_CHANNELS = 32
BLOCK = 128  # windows worked on at once: what a CPU's cache holds

# integer samples: what is subtracted, then what divides
INTEGERS = {np.dtype(np.int16): (0, 2**15), np.dtype(np.int32): (0, 2**31)}
INTEGERS[np.dtype(np.uint8)] = (128, 128)


class Sound(NamedTuple):
    r"""A checked sound: samples (N, channels) in float32 or float64, rate [Hz]."""

    samples: np.ndarray
    rate: int

    @property
    def mono(self):
        r"""(N,) mean of the channels."""
        one = self.samples.shape[1] == 1
        return self.samples[:, 0] if one else self.samples.mean(axis=1, dtype=self.samples.dtype)

    def width(self, seconds):
        r"""floor(seconds rate + 1/2): a duration [s] in whole samples."""
        return math.floor(seconds * self.rate + 0.5)


def check_sound(waveform, sample_rate):
    r"""A Sound of (N,) or (N, channels) at 8000..192000 Hz, or an error that says what is allowed.

    Floats lie in [-1, 1]; int16, int32 and uint8 become floats in [-1, 1).

    Raises:
        ValueError: a rate, shape, type or sample that is not allowed.
    """
    rate = _check_rate(sample_rate)
    samples = np.asarray(waveform)
    if samples.ndim not in (1, 2) or 0 in samples.shape:
        raise ValueError(
            f"waveform has shape {samples.shape}; allowed: (N,) or (N, channels), N >= 1"
        )
    samples = samples[:, None] if samples.ndim == 1 else samples
    if samples.shape[1] > MOST_CHANNELS:
        raise ValueError(
            f"waveform has shape {samples.shape}; allowed: (N, channels), at most {MOST_CHANNELS}"
        )
    if samples.dtype in INTEGERS:
        offset, scale = INTEGERS[samples.dtype]
        return Sound((samples.astype(np.float32) - offset) / scale, rate)
    if samples.dtype.kind != "f":
        raise ValueError(
            f"waveform has dtype {samples.dtype}; allowed: floats in -1..1, int16, int32, uint8"
        )
    if samples.dtype != np.float64:
        samples = samples.astype(np.float32, copy=False)
    for extreme in (samples.min(), samples.max()):  # NaN passes through both
        if not abs(extreme) <= LARGEST_SAMPLE:
            raise ValueError(f"waveform holds {extreme}; allowed: finite floats in -1..1")
    return Sound(samples, rate)


def _check_rate(sample_rate):
    try:
        rate = int(sample_rate)
    except (TypeError, ValueError, OverflowError):
        rate = 0
    if rate != sample_rate or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"sample_rate {sample_rate!r} is not allowed; it must be a whole number of Hz in "
            f"{LOWEST_RATE}..{HIGHEST_RATE}"
        )
    return rate


def frame_starts(sound, num_frames, fps, width):
    r"""First sample of each frame's window: floor((i + 1/2) rate/fps - width/2 + 1/2).

    (L,) int64, rising; may be negative or beyond the sound. num_frames None: every frame whose
    centre lies in the sound, at least one. fps is a number or a Fraction, width counts samples.

    Raises:
        ValueError: num_frames is not a whole number >= 1, or fps is not positive and finite.
    """
    try:
        fraction = Fraction(fps).limit_denominator(1001)  # 30000/1001 is television's 29.97
    except (TypeError, ValueError, OverflowError):
        fraction = Fraction(0)
    if fraction <= 0:
        raise ValueError(f"fps {fps!r} is not allowed; it must be a number above 0")
    p, q = fraction.numerator, fraction.denominator
    rate, length = sound.rate * q, len(sound.samples) * p
    if num_frames is None:  # as many i as have (i + 1/2)/fps < N/rate
        num_frames = max(1, -((rate - 2 * length) // (2 * rate)))
    try:
        count = operator.index(num_frames)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"num_frames {num_frames!r} is not allowed; it must be whole and >= 1")
    i = np.arange(count, dtype=np.int64)
    return ((2 * i + 1) * rate - (width - 1) * p) // (2 * p)


def decibels(power, floor):
    r"""max(10 log10 power, floor) of an array (...) >= 0, silence included, in its dtype [dB]."""
    with np.errstate(divide="ignore"):  # log 0 = -inf, which the floor replaces
        return np.maximum(10 * np.log10(power), power.dtype.type(floor))


def measure(sound, starts, width, *measures):
    r"""Apply functions to every window of the sound's mono mix, a cache-full of windows at a time.

    Windows of `width` samples begin at starts (L,), rising; each of the measures, functions
    (n, width) -> (n, ...), gives one (L, ...) of the list.
    """
    mono, blocks = sound.mono, []
    inside = (starts >= 0) & (starts + width <= len(mono))
    if inside.any():
        every = np.lib.stride_tricks.sliding_window_view(mono, width)  # a view, nothing is copied
    for first in range(0, len(starts), BLOCK):
        block = slice(first, first + BLOCK)
        whole = inside[block].all()
        windows = every[starts[block]] if whole else _cut(mono, starts[block], width)
        blocks.append([function(windows) for function in measures])
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def _cut(mono, starts, width):
    """(n, width): windows that leave the sound, with zeros there."""
    index = starts[:, None] + np.arange(width)
    inside = (index >= 0) & (index < len(mono))
    return np.where(inside, mono[index.clip(0, len(mono) - 1)], mono.dtype.type(0))
