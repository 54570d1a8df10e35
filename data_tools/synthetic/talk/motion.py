r"""What moving people share: names of the 70 numbers, personal style, shapes in time, the neck.

A motion is (L, 70) at 30 frames a second: angle 3 [rad], exp 64, trans 3, as in mfr.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from data_tools.synthetic.people.person import STYLE_SHAPE, STYLE_STD

FPS = 30
EXPRESSIONS = (
    "jaw_open",
    "smile",
    "lip_corner_down",
    "brow_raise",
    "brow_lower",
    "lids_close",
    "lip_round",
    "lip_press",
    "upper_lip_raise",
    "gaze_x",
    "gaze_y",
    "cheek_raise",
)
PITCH, YAW, ROLL = 0, 1, 2
EXP = slice(3, 67)
TRANS = slice(67, 70)
LEAN = 69  # trans z: towards the camera is positive
COLUMN = {name: 3 + index for index, name in enumerate(EXPRESSIONS)}
COLUMN.update(pitch=PITCH, yaw=YAW, roll=ROLL, sideways=67, upwards=68, lean=LEAN)

# trans (x, y, z) that follows angle (pitch, yaw, roll): the head turns about a point 0.6 units
# below and 0.45 behind its own origin, so a nod also lowers the face and brings it closer.
NECK = np.array([[0.0, 0.45, -0.6], [-0.45, 0.0, 0.0], [0.6, 0.0, 0.0]])

TRAITS = ("eagerness", "size", "expressiveness", "tempo", "promptness", "liveliness")
_TRAIT_SPREAD = (0.25, 0.35, 0.30, 0.18, 0.22, 0.30)  # sd of each trait's logarithm
_TRAIT_LIMIT = 2.0  # a person is never further out than this many sd


@dataclass(frozen=True)
class Style:
    r"""How one person moves: six factors around 1, fixed by who the person is."""

    eagerness: float  # how often: times every response's probability
    size: float  # how large: times head movements
    expressiveness: float  # how large: times face movements
    tempo: float  # how fast: beats and holds are that much shorter
    promptness: float  # how soon: latencies are that much shorter
    liveliness: float  # times what the body does by itself: sway, breath, posture


def personal_style(identity):
    r"""trait_k = exp(spread_k 2 tanh(z_k / 2)), z = Q identity[STYLE_SHAPE] / 0.78, Q orthonormal.

    Six shape coefficients that a portrait shows well fix the style, so it can be read off the face,
    and people who look alike move alike. Q is the cosine basis, which mixes all six.

    Args:
        identity: (80,) shape coefficients; a synthetic person's six have sd 0.78.

    Returns:
        A Style.

    Raises:
        ValueError: not 80 numbers, or one that is not finite.
    """
    identity = np.asarray(identity, float).ravel()
    if len(identity) != 80 or not np.isfinite(identity).all():
        raise ValueError(f"identity has {len(identity)} numbers; 80 finite ones are needed")
    n = len(TRAITS)
    row, column = np.arange(n)[:, None], np.arange(n)[None]
    basis = np.cos(np.pi * (column + 0.5) * row / n) * np.sqrt(2 / n)
    basis[0] /= np.sqrt(2)
    z = basis @ identity[list(STYLE_SHAPE)] / STYLE_STD
    z = _TRAIT_LIMIT * np.tanh(z / _TRAIT_LIMIT)
    return Style(*np.exp(z * _TRAIT_SPREAD).tolist())


def drift(frames, std, time_constant, rng):
    r"""x'' as two Ornstein-Uhlenbeck filters in a row, from x_0 = 0, towards `std` at rest.

    Ours: one filter alone has a path without slope, which shakes; two give a smooth head.

    Args:
        frames: L.
        std: (D,), the standard deviation that is reached after some time constants.
        time_constant: of each filter [frames].
        rng: numpy Generator.

    Returns:
        (L, D); row 0 is 0.
    """
    std = np.asarray(std, float)
    pole = np.exp(-1 / time_constant)
    gain = np.sqrt((1 - pole**2) ** 3 / (1 + pole**2))  # of white noise, to unit variance
    noise = rng.standard_normal((frames, len(std)))
    noise[0] = 0
    return lfilter([gain], [1, -2 * pole, pole**2], noise, axis=0) * std


def eased(x, time_constant):
    r"""x after two one-pole filters in a row, from rest at 0.

    Args:
        x: (L,).
        time_constant: of each [frames].

    Returns:
        (L,).
    """
    pole = np.exp(-1 / time_constant)
    return lfilter([(1 - pole) ** 2], [1, -2 * pole, pole**2], x)


def waver(frames, spread, time_constant, rng):
    r"""A positive process of mean 1: exp(s x - s^2 / 2), x a stationary drift of variance 1.

    Args:
        frames: L.
        spread: its standard deviation; s^2 = log(1 + spread^2).
        time_constant: of each of the drift's two filters [frames].
        rng: numpy Generator.

    Returns:
        (L,).
    """
    warm = round(8 * time_constant)  # the drift starts at 0 and has forgotten it by then
    log_std = np.sqrt(np.log1p(spread**2))
    x = drift(warm + frames, [log_std], time_constant, rng)[warm:, 0]
    return np.exp(x - log_std**2 / 2)


def blink_frames(frames, rate, rng, refractory=18, start=10):
    r"""Times of a Poisson process that rests after every blink.

    Args:
        frames: L.
        rate: blinks a second once the rest is over [1/s], scalar.
        rng: numpy Generator.
        refractory: rest after a blink [frames].
        start: no blink earlier than that [frames].

    Returns:
        A list of frames (floats) in [start, L).
    """
    times, now = [], start + rng.exponential(FPS / rate)
    while now < frames:
        times.append(now)
        now += refractory + rng.exponential(FPS / rate)
    return times


def lids(frames, times, depths=None, closing=3.0, opening=5.0):
    r"""Lids that shut fast and open slower.

    Args:
        frames: L.
        times: moments at which the lids are lowest [frames].
        depths: how far they close, in [0, 1]; None: all the way.
        closing, opening: how long that takes [frames].

    Returns:
        (L,) in [0, 1]; two blinks at once are one.
    """
    closed = np.zeros(frames)
    for time, depth in zip(times, np.ones(len(times)) if depths is None else depths):
        since = np.arange(frames) - time
        phase = np.where(since < 0, 1 + since / closing, 1 - since / opening).clip(0, 1)
        closed = np.maximum(closed, depth * phase * phase * (3 - 2 * phase))
    return closed


def hold(frames, onset, rise, stay, fall):
    r"""0 -> 1 -> 0 with raised-cosine slopes.

    Args:
        frames: L.
        onset: where the rise begins [frames], any float.
        rise, stay, fall: lengths of the three parts [frames].

    Returns:
        (L,) in [0, 1].
    """
    since = np.arange(frames) - onset
    up = (since / rise).clip(0, 1)
    down = ((since - rise - stay) / fall).clip(0, 1)
    return (1 - np.cos(np.pi * up)) / 2 * (1 + np.cos(np.pi * down)) / 2


def beats(frames, onset, period, count, decay=0.8):
    r"""`count` raised-cosine bumps in a row, each `decay` times the last: a nod's pitch.

    Args:
        frames: L.
        onset: where the first begins [frames].
        period: of one beat [frames].
        count: how many, >= 1.
        decay: of each against the one before.

    Returns:
        (L,); the first peak is 1, at onset + period / 2.
    """
    beat = (np.arange(frames) - onset) / period
    inside = (beat >= 0) & (beat < count)
    return inside * decay ** np.floor(beat.clip(0, count)) * (1 - np.cos(2 * np.pi * beat)) / 2


def swings(frames, onset, period, count, side=1.0):
    r"""`count` full left-right swings that fade in and out: a shake's yaw.

    Args:
        frames: L.
        onset: where it begins [frames].
        period: of one swing [frames].
        count: how many, >= 1.
        side: +1 or -1, where it goes first.

    Returns:
        (L,) in [-1, 1].
    """
    since = (np.arange(frames) - onset) / period
    inside = (since >= 0) & (since <= count)
    window = np.sin(np.pi * (since / count).clip(0, 1)) ** 0.75
    return inside * side * window * np.sin(2 * np.pi * since)


FURTHEST, FREE = 1.0, 0.6  # a face goes no further than 1, and easily up to 0.6
LIMITED = [
    COLUMN[name]
    for name in (
        "smile",
        "lip_corner_down",
        "brow_raise",
        "brow_lower",
        "lip_press",
        "cheek_raise",
    )
]


def limit(moved):
    r"""Muscles give out: x beyond 0.6 becomes 0.6 + 0.4 tanh((x - 0.6) / 0.4), in place.

    Args:
        moved: (L, 70), away from rest.

    Returns:
        moved.
    """
    room = FURTHEST - FREE
    x = moved[:, LIMITED]
    moved[:, LIMITED] = np.where(x > FREE, FREE + room * np.tanh((x - FREE) / room), x)
    return moved


# What the 52 waves of expression do when a named muscle moves: a face is no row of sliders. Eyes
# (lids and gaze) move alone.
COMPANY = 0.08 * np.random.default_rng(52).standard_normal((12, 52))
COMPANY[[EXPRESSIONS.index(name) for name in ("lids_close", "gaze_x", "gaze_y")]] = 0


def follow_face(moved):
    r"""The 52 directions without a name += named ones times COMPANY, in place.

    Args:
        moved: (L, 70), away from rest.

    Returns:
        moved.
    """
    moved[:, 15:67] += moved[:, 3:15] @ COMPANY
    return moved


def follow_neck(motion, rest):
    r"""trans += NECK (angle - rest angle), in place.

    Args:
        motion: (L, 70).
        rest: (70,).

    Returns:
        motion.
    """
    motion[:, TRANS] += (motion[:, :3] - rest[:3]) @ NECK.T
    return motion


def seat(rng, neutral=None):
    r"""A rest pose: how somebody sits before the camera today.

    Ours: spreads near the between-clip statistics of real Deep3DFaceRecon files (angle sd 0.10
    to 0.16 rad, trans z 0.3); trans x and y small, because the crop follows the face.

    Args:
        rng: numpy Generator.
        neutral: (64,) the person's expression at rest; none: zeros.

    Returns:
        (70,).
    """
    rest = np.zeros(70)
    rest[:3] = rng.normal([0.02, 0.0, 0.0], [0.05, 0.10, 0.045])
    rest[TRANS] = rng.normal(0, [0.02, 0.02, 0.15])
    if neutral is not None:
        rest[EXP] = neutral
    return rest
