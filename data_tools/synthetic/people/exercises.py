r"""A face at its exercises: from pose to pose, whatever a face can do as often as rest.

Conversations show a resting face most of the time, and a renderer that learns from them learns to
rest. Here lids, mouth, brows, gaze and head are drawn independently of each other, each to its full
range, and one pose eases into the next.
"""

import numpy as np

from data_tools.synthetic.people.expressions import EXPRESSIONS

HOLD = 8  # frames from one pose to the next
TURN = (0.3, 0.45, 0.25)  # largest pitch, yaw and roll [rad]
MOUTHS = {  # directions and their ranges; what is not named rests
    "rest": {},
    "open": {"jaw_open": (0.1, 0.8), "lip_round": (-0.3, 0.4)},
    "smile": {"smile": (0.3, 1.15), "cheek_raise": (0.1, 0.7), "jaw_open": (0.0, 0.1)},
    "laugh": {"smile": (0.4, 1.1), "cheek_raise": (0.2, 0.8), "jaw_open": (0.1, 0.5)},
    "sad": {"lip_corner_down": (0.3, 1.0), "lip_press": (0.0, 0.5)},
    "round": {"lip_round": (0.3, 1.0), "jaw_open": (0.0, 0.4)},
    "lip": {"upper_lip_raise": (0.2, 1.0), "jaw_open": (0.0, 0.3)},
}
MOUTH_SHARES = (0.3, 0.18, 0.18, 0.1, 0.1, 0.07, 0.07)
BROWS = {"rest": {}, "up": {"brow_raise": (0.3, 1.1)}, "down": {"brow_lower": (0.3, 1.1)}}
BROW_SHARES = (0.5, 0.25, 0.25)
LIDS = {"rest": {}, "half": {"lids_close": (0.25, 0.75)}, "closed": {"lids_close": (0.85, 1.1)}}
LID_SHARES = (0.6, 0.18, 0.22)
AT_REST = 0.2  # share of poses that rest wholly but for the head


def exercises(rng, rest, frames):
    r"""Poses, HOLD frames apart, and the way from each to the next.

    Args:
        rng: numpy Generator.
        rest: (70,) where the first pose is, and what the others add to.
        frames: L.

    Returns:
        (L, 70); frame 0 is at rest.
    """
    count = -(-(frames - 1) // HOLD) + 1
    poses = np.stack([rest, *(pose(rng, rest) for _ in range(count - 1))])
    place = np.arange(frames) / HOLD
    before = place.astype(int)
    after = np.minimum(before + 1, count - 1)
    share = place - before
    share = (share * share * (3 - 2 * share))[:, None]
    return (1 - share) * poses[before] + share * poses[after]


def pose(rng, rest):
    r"""One pose.

    Args:
        rng: numpy Generator.
        rest: (70,).

    Returns:
        (70,).
    """
    motion = rest.copy()
    wide = rng.random() < 0.5
    motion[:3] = rng.uniform(-1, 1, 3) * TURN if wide else rest[:3] + rng.normal(0, 0.05, 3)
    motion[67:] += rng.normal(0, [0.03, 0.03, 0.1])
    if rng.random() < AT_REST:
        return motion
    motion[3:67] += rng.normal(0, 0.03, 64)
    for choices, shares in ((MOUTHS, MOUTH_SHARES), (BROWS, BROW_SHARES), (LIDS, LID_SHARES)):
        name = rng.choice(list(choices), p=shares)
        for direction, (low, high) in choices[name].items():
            motion[3 + EXPRESSIONS[direction]] += rng.uniform(low, high)
    if rng.random() < 0.5:
        motion[3 + EXPRESSIONS["gaze_x"]] += rng.normal(0, 0.35)
        motion[3 + EXPRESSIONS["gaze_y"]] += rng.normal(0, 0.25)
    return motion
