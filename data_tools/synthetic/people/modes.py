r"""The 80 directions of identity: how each coefficient moves a point of the head.

Ours: every direction is a smooth formula over the rest plane, about one and a half standard
deviations of people at coefficient 1.
"""

import numpy as np

from data_tools.synthetic.people.surface import (
    EYE,
    MOUTH_WIDTH,
    MOUTH_Y,
    bump,
    lid_height,
    mouth_line,
    step,
)

LID_MODES = [17, 18, 19]  # identity coefficients that shape the lids


def identity_modes(x, y, xyz):
    r"""Displacement of points of the head for each of the 80 identity coefficients.

    Args:
        x: (N,) rest coordinates.
        y: (N,).
        xyz: (N, 3).

    Returns:
        (N, 3, 80) [dm per unit].
    """
    s, sign, z = np.abs(x), np.sign(x) * step(np.abs(x), 0, 0.03), xyz[:, 2]
    front = step(z, -0.5, -0.05)
    fields = _head_modes(x, s, sign, y, z) + _eye_modes(x, s, sign, y, front)
    fields += _nose_modes(x, s, sign, y, front) + _mouth_modes(x, s, sign, y, front)
    fields += _uneven_modes(x, s, y, front)
    fields += smooth_modes(xyz, 80 - len(fields), 0.011, seed=1)
    return np.stack([as_vectors(x, field) for field in fields], -1)


def keep_sockets(rows, rest, at_eyes):
    r"""Make the identity rows move each eye's surrounds with the eyeball, but for the lids' shape.

    Args:
        rows: (N, 3, 80) of skin points.
        rest: (N, 2).
        at_eyes: the same rows at the middles of the left and the right eye, (2, 3, 80).

    Returns:
        (N, 3, 80).
    """
    dx, dy = np.abs(rest[:, 0]) - EYE[0], rest[:, 1] - EYE[1]
    near = step(np.hypot(dx / 1.2, dy), 0.20, 0.12)[:, None, None]
    rigid = np.where(rest[:, :1, None] > 0, at_eyes[1], at_eyes[0])
    held = rows + near * (rigid - rows)
    held[:, :2, LID_MODES] = rows[:, :2, LID_MODES]
    slope = (lid_height(dx, dy + 1e-4) - lid_height(dx, dy - 1e-4)) / 2e-4
    follow = slope[:, None] * (held - rigid)[:, 1, LID_MODES]
    held[:, 2, LID_MODES] = held[:, 2, LID_MODES] + near[:, :, 0] * follow
    return held


def as_vectors(x, field):
    r"""(N, 3) from a dict of components.

    Args:
        x: (N,) any array, for the size.
        field: arrays by "x", "y", "z"; what is missing is 0.

    Returns:
        (N, 3).
    """
    zero = np.zeros_like(x)
    return np.stack([field.get(axis, zero) + zero for axis in "xyz"], 1)


def _head_modes(x, s, sign, y, z):
    """Width, length and depth of head, jaw, chin, cheeks and forehead."""
    low = step(y, -0.1, -0.6)
    chin = step(y, -0.55, -0.8)
    cheek, jowl = bump(s, y, 0.45, -0.05, 0.15, 0.12), bump(s, y, 0.42, -0.42, 0.18, 0.18)
    return [
        {"x": 0.075 * x},
        {"y": 0.07 * y},
        {"x": 0.09 * x * low},
        {"y": -0.085 * chin},
        {"z": 0.07 * bump(x, y, 0, -0.82, 0.2, 0.12)},
        {"x": 0.15 * x * step(y, -0.5, -0.85)},
        {"x": 0.035 * sign * cheek, "z": 0.045 * cheek},
        {"x": 0.052 * sign * jowl, "z": 0.04 * jowl},
        {"y": 0.09 * step(y, 0.3, 0.9)},
        {"z": -0.09 * step(y, 0.25, 0.8)},
        {"z": 0.035 * bump(s, y, 0.2, 0.29, 0.18, 0.06)},
        {"z": 0.10 * (z + 0.4) * step(z, -0.2, -0.8)},
        {"x": 0.10 * x * step(y, 0.2, 0.6)},
        {"x": 0.06 * sign * bump(s, y, 0.58, -0.42, 0.12, 0.12)},
        {"y": -0.06 * bump(x, y, 0, -0.98, 0.3, 0.12), "z": 0.03 * bump(x, y, 0, -0.95, 0.3, 0.1)},
    ]


def _eye_modes(x, s, sign, y, front):
    """Place, size and slant of the eyes; height of the brows."""
    dx, dy = s - EYE[0], y - EYE[1]
    near = bump(dx, dy, 0, 0, 0.16, 0.11) * front
    wide = bump(dx, dy, 0, 0, 0.2, 0.2) * front
    brow = bump(s, y, 0.28, 0.29, 0.18, 0.05) * front
    return [
        {"x": 0.035 * sign * wide},
        {"y": 0.04 * bump(x, y, 0, EYE[1], 0.6, 0.2) * front},
        {"y": 0.28 * dy * near},
        {"x": 0.16 * dx * sign * near},
        {"y": 0.20 * dx * near},
        {"z": -0.035 * wide},
        {"y": 0.035 * brow},
        {"y": 0.16 * (s - 0.28) * brow},
        {"z": 0.03 * bump(dx, dy, 0, 0.11, 0.12, 0.03) * front, "y": -0.02 * near * (dy > 0.06)},
    ]


def _nose_modes(x, s, sign, y, front):
    """Length, width, height, hump, tilt and tip of the nose."""
    tip = bump(x, y, 0, -0.22, 0.12, 0.09) * front
    ridge = bump(x, y, 0, 0.02, 0.08, 0.14) * front
    wings = bump(s, y, 0.12, -0.24, 0.06, 0.06) * front
    nose = bump(x, y, 0, -0.15, 0.16, 0.18) * front
    return [
        {"y": -0.055 * tip},
        {"x": 0.028 * sign * wings, "z": 0.02 * wings},
        {"z": 0.07 * tip},
        {"z": 0.05 * ridge},
        {"z": 0.03 * bump(x, y, 0, 0.0, 0.06, 0.05) * front},
        {"y": 0.045 * tip, "z": -0.02 * ridge},
        {"x": 0.22 * x * tip, "z": 0.012 * tip},
        {"x": 0.22 * x * nose},
    ]


def _mouth_modes(x, s, sign, y, front):
    """Width, height and fullness of the lips."""
    off = y - mouth_line(x)
    near = bump(x, off, 0, 0, 0.28, 0.11) * front
    across = step(s, MOUTH_WIDTH + 0.04, MOUTH_WIDTH - 0.06)
    up, down = across * step(off, 0, 0.03), across * step(off, 0, -0.03)
    return [
        {"x": 0.18 * x * near},
        {"y": 0.5 * np.minimum(off, 0.1) * near * up, "z": 0.02 * near * up},
        {"y": 0.5 * np.maximum(off, -0.12) * near * down, "z": 0.02 * near * down},
        {"y": 0.04 * bump(x, off, 0, 0, 0.35, 0.2) * front},
        {"z": 0.04 * near},
        {"y": 0.022 * bump(s, off, MOUTH_WIDTH, 0, 0.1, 0.08) * front},
        {"y": -0.03 * bump(x, off, 0, 0.12, 0.25, 0.08) * front},
    ]


def _uneven_modes(x, s, y, front):
    """Differences between left and right."""
    return [
        {"x": 0.015 * bump(x, y, 0, MOUTH_Y, 0.3, 0.2) * front},
        {"x": 0.014 * bump(x, y, 0, -0.12, 0.12, 0.15) * front},
        {"y": 0.008 * np.tanh(4 * x) * bump(s, y, 0.3, 0.16, 0.25, 0.2) * front},
        {"x": 0.018 * step(y, -0.2, -0.7)},
    ]


def smooth_modes(xyz, count, size, seed):
    r"""Slow waves over the head, one direction each, ever finer; mostly alike left and right.

    Args:
        xyz: (N, 3).
        count: number of waves.
        size: amplitude [dm].
        seed: of their directions.

    Returns:
        A list of dicts for as_vectors.
    """
    rng = np.random.default_rng(seed)
    fields = []
    for k in range(count):
        pitch = 1.5 + 4.0 * k / max(count, 1)
        wave = rng.standard_normal(3) * pitch
        axis = rng.standard_normal(3) * [0.7, 0.7, 1.0]
        phase = rng.uniform(0, 6.28)
        mirror = xyz * [-1, 1, 0.6] @ wave + phase
        value, other = size * np.sin(xyz * [1, 1, 0.6] @ wave + phase), size * np.sin(mirror)
        even, odd = 0.5 * (value + other), 0.5 * (value - other)
        fields.append({"x": axis[0] * odd, "y": axis[1] * even, "z": axis[2] * (even + 0.3 * odd)})
    return fields
