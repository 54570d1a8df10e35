r"""Loudness as ITU-R BS.1770 measures it: K-weighting, mean square over 400 ms, LUFS.

K-weighting is a head shelf and a high pass in series. The standard prints them for 48 kHz alone;
here they are moved to any rate, and run as matrix products over stretches of samples, which is
several times as fast as sample by sample.
"""

import functools
import math

import numpy as np

from mfr.config import FPS
from mfr.sound.framing import check_sound, decibels, frame_starts

FLOOR = -70.0  # [LUFS], the absolute gate of BS.1770: below it lies silence
OFFSET = -0.691  # [dB], makes the 997 Hz test tone read its own level
MOMENTARY = 0.4  # length of the window [s]
STRETCH = 32  # samples filtered by one row of a matrix product
GROUP = 8  # stretches whose states are carried on by one row
CHUNK = 2**17  # samples worked on at once: what a CPU's cache holds

# BS.1770 at 48 kHz as printed: (b0, b1, b2, 1, a1, a2), and the frequency that stays exact when
# the section is moved: the standard's test tone for the shelf, its own corner for the high pass
K_WEIGHTING = (
    (
        (
            1.53512485958697,
            -2.69169618940638,
            1.19839281085285,
            1.0,
            -1.69065929318241,
            0.73248077421585,
        ),
        997.0,
    ),
    ((1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621), 38.0),
)

# weights of the channels in WAV order; 1.41 for those 60 to 120 degrees off the front
CHANNEL_WEIGHTS = {
    4: (1.0, 1.0, 1.41, 1.41),  # L R, surround L R
    5: (1.0, 1.0, 1.0, 1.41, 1.41),  # L R C, surround L R
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),  # L R C, low-frequency, surround L R
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41),  # L R C, low-frequency, back L R, side L R
}


def loudness(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""L_i = -0.691 + 10 log10 sum_c G_c mean(y_c^2), y the K-weighted sound, 400 ms (BS.1770).

    (L,) [LUFS], at least -70. Ours: the window is centred on the frame and averages what lies
    inside the sound. Mono is one channel; stereo adds both channels' powers, so a mono sound stored
    twice reads 3 LU more. Arguments and errors as acoustic_features.
    """
    return momentary(check_sound(waveform, sample_rate), num_frames, fps)


def momentary(sound, num_frames, fps):
    r"""loudness (L,) [LUFS] of a Sound that is already checked."""
    width = sound.width(MOMENTARY)
    starts = frame_starts(sound, num_frames, fps, width)
    ends = np.clip(starts + width, 0, len(sound.samples))
    starts = np.clip(starts, 0, len(sound.samples))
    channels = sound.samples.shape[1]
    energy = np.zeros(len(starts))
    for channel, weight in enumerate(CHANNEL_WEIGHTS.get(channels, (1.0,) * channels)):
        if weight:
            energy += weight * _weighted_energy(sound, channel, starts, ends)
    power = energy / np.maximum(ends - starts, 1)
    level = np.maximum(OFFSET + decibels(power, -np.inf), FLOOR)
    return level.astype(sound.samples.dtype)


def _weighted_energy(sound, channel, starts, ends):
    """(L,) sums of y^2 from each start to its end."""
    samples = np.ascontiguousarray(sound.samples[:, channel])
    marks = np.concatenate([starts, ends, np.arange(0, len(samples), CHUNK), [len(samples)]])
    marks, between, first = np.unique(marks), [], 0
    for y in k_filtered(samples, sound.rate):
        inside = marks[np.searchsorted(marks, first) : np.searchsorted(marks, first + len(y))]
        between.append(np.add.reduceat(y * y, inside - first))
        first += len(y)
    upto = np.concatenate([[0.0], np.cumsum(np.concatenate(between), dtype=np.float64)])
    return upto[np.searchsorted(marks, ends)] - upto[np.searchsorted(marks, starts)]


def k_weighting(sample_rate):
    r"""BS.1770's two sections at any rate [Hz], from the analogue prototype of the printed ones.

    In s = (1 - 1/z)/(1 + 1/z) a section is a ratio of quadratics; a new rate rescales s so that one
    frequency f keeps its place: s tan(pi f/48000)/tan(pi f/rate). (2, 6) rows b0 b1 b2 1 a1 a2,
    float64, as scipy.signal.sosfilt takes them.
    """
    rows = []
    for section, exact in K_WEIGHTING:
        ratio = math.tan(math.pi * exact / 48_000) / math.tan(math.pi * exact / sample_rate)
        b, a = (_rescale_s(np.array(part), ratio) for part in (section[:3], section[3:]))
        rows.append(np.concatenate([b, a]) / a[0])
    return np.array(rows)


def _rescale_s(c, ratio):
    """c0 + c1/z + c2/z^2 to a quadratic in s, s to ratio s, and back."""
    swap = np.array([[1, 1, 1], [2, 0, -2], [1, -1, 1]]) / 2  # its own inverse
    return swap @ (swap @ c * ratio ** np.arange(3))


def k_filtered(x, sample_rate):
    r"""The K-weighted samples of one contiguous channel (n,), a stretch at a time, in its dtype."""
    forward, into, _, out = (matrix.astype(x.dtype) for matrix in _unrolled(sample_rate, 0))
    pushed = np.concatenate([rows @ into for rows, _ in _chunks(x)])
    states = _states(pushed.astype(np.float64), sample_rate, 1).astype(x.dtype)
    first = 0
    for rows, length in _chunks(x):
        y = rows @ forward
        y += states[first : first + len(rows)] @ out
        first += len(rows)
        yield y.reshape(-1)[:length]


def _chunks(x):
    """(rows of STRETCH samples, how many of them are real), a cache-full at a time."""
    for first in range(0, len(x), CHUNK):
        part = x[first : first + CHUNK]
        missing = -len(part) % STRETCH
        yield (np.pad(part, (0, missing)) if missing else part).reshape(-1, STRETCH), len(part)


def _states(pushed, rate, level):
    """(n, 4): s_0 = 0, s_{i+1} = A s_i + pushed_i, itself a filter run in stretches."""
    if len(pushed) == 1:
        return np.zeros((1, 4))
    forward, into, _, out = _unrolled(rate, level)
    rows = np.pad(pushed, ((0, -len(pushed) % GROUP), (0, 0))).reshape(-1, 4 * GROUP)
    states = rows @ forward + _states(rows @ into, rate, level + 1) @ out
    return states.reshape(-1, 4)[: len(pushed)]


@functools.lru_cache(maxsize=64)
def _unrolled(rate, level):
    """Matrices x to y, x to s', s to s', s to y of one stretch of s' = A s + B x, y = C s + D x.

    Level 0 filters samples; each level above carries the states from stretch to stretch.
    """
    if level == 0:
        (A, B, C, D), count = _state_space(rate), STRETCH
    else:
        A, B, C, D = _unrolled(rate, level - 1)[2], np.eye(4), np.eye(4), np.zeros((4, 4))
        count = GROUP
    powers = [np.linalg.matrix_power(A, n) for n in range(count + 1)]
    answer = [D] + [C @ power @ B for power in powers]  # of y to a single 1, n samples later
    forward = np.block(
        [
            [answer[k - j].T if k >= j else np.zeros_like(D) for k in range(count)]
            for j in range(count)
        ]
    )
    into = np.vstack([(powers[count - 1 - j] @ B).T for j in range(count)])
    out = np.hstack([(C @ powers[k]).T for k in range(count)])
    return forward, into, powers[count], out


def _state_space(rate):
    """A (4, 4), B (4, 1), C (1, 4), D (1, 1) of shelf and high pass in series."""
    (b, a), (d, c) = ((row[:3], row[3:]) for row in k_weighting(rate))
    A, B, C = np.zeros((4, 4)), np.zeros((4, 1)), np.zeros((1, 4))
    shelf, high = slice(0, 2), slice(2, 4)
    A[shelf, shelf], A[high, high] = [[-a[1], 1], [-a[2], 0]], [[-c[1], 1], [-c[2], 0]]
    B[shelf, 0] = b[1:] - a[1:] * b[0]
    A[high, 0] = d[1:] - c[1:] * d[0]  # the shelf's output drives the high pass
    B[high, 0] = A[high, 0] * b[0]
    C[0] = d[0], 0, 1, 0
    return A, B, C, np.array([[d[0] * b[0]]])
