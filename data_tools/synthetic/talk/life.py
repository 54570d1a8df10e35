r"""What a body does whether or not anybody speaks: sway, breath, posture, gaze, blinks.

Everything begins at 0, so that the first frame of a clip is the pose at rest.
"""

from typing import NamedTuple

import numpy as np

from data_tools.synthetic.talk import motion
from data_tools.synthetic.talk.motion import COLUMN, FPS

SLOW = {  # sd of the slow sway of a person with liveliness 1 [rad, exp or trans units]
    "pitch": 0.016,
    "yaw": 0.017,
    "roll": 0.014,
    "sideways": 0.025,
    "upwards": 0.035,
    "lean": 0.085,
    "lids_close": 0.03,
    "gaze_x": 0.0,
    "gaze_y": 0.0,
}
SLOW_OTHER = 0.035  # of every other direction of expression
SLOW_TIME = 28  # time constant of each of the two filters [frames]
QUICK = {"pitch": 0.0075, "yaw": 0.0075, "roll": 0.006, "lean": 0.008}
QUICK_TIME = 3.2

BREATH_RATE = 0.25  # [Hz]; times the root of the person's tempo
BREATH = {"pitch": 0.004, "upwards": 0.012, "lean": 0.012}  # times liveliness

POSTURE_RATE = 0.16  # moves to a new seat [1/s]
POSTURE_FRAMES = (25, 60)  # how long one takes
POSTURE = {  # sd of the seats about the first one, times liveliness
    "pitch": 0.02,
    "yaw": 0.028,
    "roll": 0.022,
    "sideways": 0.04,
    "upwards": 0.05,
    "lean": 0.13,
}

BLINK_RATE = 0.35  # a second, once the rest of 18 frames after a blink is over
BLINK_DEPTH = (0.4, 0.95)  # many blinks do not close the eye
MICRO_RATE, MICRO = 1.2, 0.02  # of the small jumps of a fixation [1/s], their sd
JUMP_FRAMES = 2  # a saccade lasts some 50 ms
HEAD_FOLLOWS = {"yaw": ("gaze_x", 0.06), "pitch": ("gaze_y", -0.05)}
FOLLOW_TIME = 5  # of the head's two filters [frames]
LIDS_FOLLOW = 0.25  # lids sink by that much of a downward gaze


class Gaze(NamedTuple):
    r"""Where somebody looks: to and fro between the other's face and somewhere else."""

    there: float  # mean time on the other's face [frames]
    away: float  # mean time elsewhere
    x: float  # sd of where that is [exp units: 1 is 25 degrees]
    y: float


SHORTEST_LOOK = 6  # frames


def live(frames, style, gaze, rng, blinks=None):
    r"""All of it together.

    Args:
        frames: L.
        style: Style.
        gaze: Gaze.
        rng: numpy Generator.
        blinks: times of the blinks [frames], or None to draw them.

    Returns:
        (L, 70), row 0 is 0; the neck is not yet followed.
    """
    moved = motion.drift(frames, slow_std() * style.liveliness, SLOW_TIME, rng)
    moved += motion.drift(frames, _row(QUICK) * style.liveliness, QUICK_TIME, rng)
    moved += breath(frames, style, rng)[:, None] * _row(BREATH)
    moved += posture(frames, rng) @ _places(POSTURE) * style.liveliness
    look(moved, frames, gaze, style, rng)
    times = motion.blink_frames(frames, BLINK_RATE, rng) if blinks is None else blinks
    depths = rng.uniform(*BLINK_DEPTH, len(times))
    moved[:, COLUMN["lids_close"]] += motion.lids(frames, times, depths)
    return moved


def slow_std():
    r"""(70,) sd of the slow sway of a person with liveliness 1."""
    std = np.zeros(70)
    std[motion.EXP] = SLOW_OTHER
    for name, value in SLOW.items():
        std[COLUMN[name]] = value
    return std


def _row(values):
    """(70,) with these columns set."""
    row = np.zeros(70)
    for name, value in values.items():
        row[COLUMN[name]] = value
    return row


def _places(values):
    """(N, 70): row n moves the n-th of these columns."""
    return np.stack([_row({name: value}) for name, value in values.items()])


def breath(frames, style, rng):
    r"""A breathing rhythm of height 1 that is not quite regular.

    Args:
        frames: L.
        style: Style; tempo sets the rate, liveliness the depth.
        rng: numpy Generator.

    Returns:
        (L,), 0 at first.
    """
    rate = BREATH_RATE * style.tempo**0.5 / FPS
    wander = motion.drift(frames, [0.5], 40, rng)[:, 0]  # of the phase [rad]
    wave = np.sin(2 * np.pi * rate * np.arange(frames) + rng.uniform(0, 2 * np.pi) + wander)
    return style.liveliness * (wave - wave[0])


def posture(frames, rng):
    r"""Now and then somebody sits differently, which takes a second or two.

    Args:
        frames: L.
        rng: numpy Generator.

    Returns:
        (L, 6) in units of POSTURE, 0 at first.
    """
    moved, seat = np.zeros((frames, len(POSTURE))), np.zeros(len(POSTURE))
    now = rng.exponential(FPS / POSTURE_RATE)
    while now < frames:
        target = rng.standard_normal(len(POSTURE))
        slope = rng.uniform(*POSTURE_FRAMES)
        moved += ramp(frames, now, slope)[:, None] * (target - seat)
        seat = target
        now += slope + rng.exponential(FPS / POSTURE_RATE)
    return moved


def ramp(frames, start, slope):
    r"""0 -> 1, a raised cosine.

    Args:
        frames: L.
        start: where it begins [frames], any float.
        slope: its length [frames].

    Returns:
        (L,).
    """
    since = ((np.arange(frames) - start) / slope).clip(0, 1)
    return (1 - np.cos(np.pi * since)) / 2


def look(moved, frames, gaze, style, rng):
    r"""Eyes that jump and rest, lids and head that follow them; added in place.

    Args:
        moved: (L, 70).
        frames: L.
        gaze: Gaze.
        style: Style: tempo shortens the looks.
        rng: numpy Generator.
    """
    eyes = jumps(frames, *fixations(frames, gaze, style, rng))
    times = motion.blink_frames(frames, MICRO_RATE, rng, refractory=6, start=3)
    eyes += jumps(frames, times, rng.normal(0, MICRO, (len(times), 2)))
    moved[:, [COLUMN["gaze_x"], COLUMN["gaze_y"]]] += eyes
    moved[:, COLUMN["lids_close"]] += LIDS_FOLLOW * np.maximum(-eyes[:, 1], 0)
    for (name, (eye, share)), column in zip(HEAD_FOLLOWS.items(), eyes.T):
        moved[:, COLUMN[name]] += share * motion.eased(column, FOLLOW_TIME)


def fixations(frames, gaze, style, rng):
    r"""When the eyes jump and where to: (times (N,), targets (N, 2)).

    Args:
        frames: L.
        gaze: Gaze.
        style: Style.
        rng: numpy Generator.
    """
    times, targets, now, away = [], [], 0.0, False
    while True:
        mean = (gaze.away if away else gaze.there) - SHORTEST_LOOK
        now += (SHORTEST_LOOK + rng.exponential(mean)) / style.tempo
        if now >= frames:
            return times, np.reshape(targets, (len(times), 2))
        away = not away
        times.append(now)
        targets.append(rng.normal(0, [gaze.x, gaze.y]) if away else np.zeros(2))


def jumps(frames, times, targets):
    r"""Rest at 0, then at each target from its time on.

    Args:
        frames: L.
        times: (N,) [frames], growing.
        targets: (N, D).

    Returns:
        (L, D).
    """
    targets = np.asarray(targets)
    moved, before = np.zeros((frames, targets.shape[1])), 0.0
    for time, target in zip(times, targets):
        step = ((np.arange(frames) - time) / JUMP_FRAMES).clip(0, 1)
        moved += step[:, None] * (target - before)
        before = target
    return moved
