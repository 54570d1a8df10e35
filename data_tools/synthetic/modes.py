r"""The directions of the face model: how each coefficient moves a point of the face.

Ours: every direction is a smooth formula over the rest plane. A direction of identity is about
one and a half standard deviations of real heads at coefficient 1; one of expression is a full
natural extreme.
"""

import numpy as np

from data_tools.synthetic.surface import (
    EYE,
    EYE_WIDTH,
    MOUTH_WIDTH,
    MOUTH_Y,
    bump,
    gauss,
    lid_edges,
    lid_height,
    lip_border,
    mouth_line,
    step,
)

EXPRESSIONS = {
    "jaw_open": 0,
    "smile": 1,
    "lip_corner_down": 2,
    "brow_raise": 3,
    "brow_lower": 4,
    "lids_close": 5,
    "lip_round": 6,
    "lip_press": 7,
    "upper_lip_raise": 8,
    "gaze_x": 9,
    "gaze_y": 10,
    "cheek_raise": 11,
}
JAW_PIVOT = np.array([0.0, -0.10, -0.55])
JAW_TURN = 0.36  # [rad] at jaw_open = 1
LID_MODES = [17, 18, 19]  # identity coefficients that shape the lids
GAZE_TURN = 0.436  # [rad] at gaze = 1, 25 degrees


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
    fields += _smooth_modes(xyz, 80 - len(fields), 0.011, seed=1)
    return np.stack([_vector(x, field) for field in fields], -1)


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


def _vector(x, field):
    """(N, 3) from a dict of components."""
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


def _smooth_modes(xyz, count, size, seed):
    """Slow waves over the head, one direction each, ever finer and smaller."""
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


def expression_modes(x, y, xyz, side):
    r"""Displacement of points of the skin for each of the 64 expression coefficients.

    Args:
        x: (N,) rest coordinates.
        y: (N,).
        xyz: (N, 3).
        side: (N,) +1 above the mouth line, -1 below; on the line it tells the lips apart.

    Returns:
        (N, 3, 64) [dm per unit].
    """
    s, sign = np.abs(x), np.sign(x) * step(np.abs(x), 0, 0.03)
    off, front = y - mouth_line(x), step(xyz[:, 2], -0.5, -0.05)
    fields = [{} for _ in range(12)]
    turn = jaw_weight(x, y, side)[:, None] * rotation_x(xyz) * step(xyz[:, 2], -0.75, -0.4)[:, None]
    fields[0] = {name: turn[:, i] for i, name in enumerate("xyz")}
    fields[1] = _smile(x, s, sign, off, y, side)
    fields[2] = _corner_down(x, s, sign, off)
    fields[3] = {"y": 0.075 * bump(s, y, 0.27, 0.32, 0.2, 0.085) + 0.02 * _upper_lid(s, y)}
    fields[4] = _frown(s, sign, y)
    fields[5] = _lids_close(s, y)
    fields[6] = _round(x, s, sign, off, side)
    fields[7] = {"y": -0.55 * off * bump(x, off, 0, 0, 0.25, 0.07), "z": -0.025 * _lips(x, off)}
    raise_ = bump(x, off, 0, 0.06, 0.16, 0.07) * (side > 0)
    fields[8] = {"y": 0.055 * raise_ + 0.02 * bump(s, y, 0.12, -0.24, 0.08, 0.07)}
    fields[10] = {"y": 0.022 * _upper_lid(s, y)}
    cheek = bump(s, y, 0.36, -0.13, 0.15, 0.10)
    lower_lid = bump(s, y, EYE[0], EYE[1] - 0.06, 0.13, 0.04)
    fields[11] = {"y": 0.035 * cheek + 0.018 * lower_lid, "z": 0.028 * cheek}
    fields = [{k: v * front if i else v for k, v in f.items()} for i, f in enumerate(fields)]
    dx, dy = s - EYE[0], y - EYE[1]
    near = step(np.hypot(dx / 1.2, dy), 0.20, 0.12)
    still = front * (1 - near)
    waves = _smooth_modes(xyz, 52, 0.005, seed=2)
    fields += [{k: v * still for k, v in f.items()} for f in waves]
    rows = np.stack([_vector(x, field) for field in fields], -1)
    blink = rows[:, :, EXPRESSIONS["lids_close"]].copy()
    slope = (lid_height(dx, dy + 1e-4) - lid_height(dx, dy - 1e-4)) / 2e-4
    rows[:, 2] = rows[:, 2] * (1 - near[:, None]) + (near * slope)[:, None] * rows[:, 1]
    rows[:, :, EXPRESSIONS["lids_close"]] = blink
    return rows


def rotation_x(xyz):
    r"""Displacement of a small turn of the jaw, linear in the angle.

    Args:
        xyz: (N, 3).

    Returns:
        (N, 3) at jaw_open = 1.
    """
    _, dy, dz = (xyz - JAW_PIVOT).T
    return JAW_TURN * np.stack([np.zeros_like(dy), -dz, dy], 1)


def jaw_weight(x, y, side):
    r"""How much a point goes with the jaw: lower lip and chin 1, upper lip and eyes 0.

    Args:
        x: (N,) rest coordinates.
        y: (N,).
        side: (N,) +1 | -1.

    Returns:
        (N,) in [0, 1].
    """
    off = y - mouth_line(x)
    corner = step(np.abs(x), 0.02, MOUTH_WIDTH + 0.01)
    edge = np.where(side > 0, 0.45 * corner**1.5, 1 - 0.55 * corner**1.5)
    above = edge * step(off, 0.10 + 0.22 * corner, 0)
    below = edge + (1 - edge) * step(off, 0, -0.10 - 0.16 * corner)
    return np.where(side > 0, above, below)


def _lips(x, off):
    """1 on the lips, 0 away from them."""
    return bump(x, off, 0, 0, 0.2, 0.08)


def _smile(x, s, sign, off, y, side):
    """Corners out, up and back; cheeks up; lips part a little over the teeth."""
    corner = gauss(s, MOUTH_WIDTH + 0.03, 0.13) * gauss(off, 0, 0.13)
    across = np.clip(x / MOUTH_WIDTH, -1, 1) * gauss(off, 0, 0.12) * step(s, 0.55, 0.25)
    cheek = bump(s, y, 0.37, -0.22, 0.13, 0.12)
    part = np.clip(1 - (x / MOUTH_WIDTH) ** 2, 0, 1) * gauss(off, 0, 0.07)
    fold = bump(s - 0.20 - 0.35 * np.clip(-0.28 - y, 0, 0.3), y, 0, -0.38, 0.022, 0.11)
    return {
        "x": 0.085 * across,
        "y": 0.075 * corner + 0.03 * cheek + part * np.where(side > 0, 0.012, -0.030),
        "z": -0.035 * corner + 0.040 * cheek - 0.022 * fold - 0.012 * _lips(x, off),
    }


def _corner_down(x, s, sign, off):
    """Corners down, the middle of the lower lip up."""
    corner = bump(s, off, MOUTH_WIDTH + 0.01, 0, 0.09, 0.09)
    return {"y": -0.055 * corner + 0.018 * bump(x, off, 0, -0.05, 0.1, 0.06), "x": 0.012 * sign * corner}


def _frown(s, sign, y):
    """Inner brows down and together; the lids follow a little."""
    inner = bump(s, y, 0.16, 0.27, 0.12, 0.075)
    outer = bump(s, y, 0.38, 0.29, 0.12, 0.06)
    furrow = bump(s, y, 0.045, 0.27, 0.014, 0.06)
    return {
        "x": -0.028 * sign * inner,
        "y": -0.055 * inner - 0.02 * outer - 0.012 * _upper_lid(s, y),
        "z": 0.018 * inner - 0.02 * furrow,
    }


def _upper_lid(s, y):
    """1 on the edge of the upper lid."""
    dx, dy = s - EYE[0], y - EYE[1]
    upper, _ = lid_edges(np.clip(dx / EYE_WIDTH, -1, 1))
    arch = np.clip(1 - (dx / EYE_WIDTH) ** 2, 0, 1)
    return arch * step(dy, 0.13, upper + 0.002) * (dy > 0)


def _lids_close(s, y):
    """The upper lid slides down its eyeball until it meets the lower one."""
    dx, dy = s - EYE[0], y - EYE[1]
    upper, lower = lid_edges(np.clip(dx / EYE_WIDTH, -1, 1))
    meet = lower + 0.14 * (upper - lower)
    down = np.clip((0.135 - dy) / (0.135 - upper), 0, 1) * (dy > 0.5 * (upper + lower))
    up = np.clip((dy - lower + 0.08) / 0.08, 0, 1) * (dy <= 0.5 * (upper + lower))
    change = (meet - upper) * down**1.3 + (meet - lower) * up
    fade = step(np.abs(dx), 0.19, 0.14)
    rise = lid_height(dx, dy + change) - lid_height(dx, dy)
    return {"y": change * fade, "z": rise * fade * np.maximum(down**0.5, up)}


def _round(x, s, sign, off, side):
    """Corners in, lips forward and a little apart."""
    across = np.clip(x / MOUTH_WIDTH, -1, 1) * gauss(off, 0, 0.14) * step(s, 0.6, 0.2)
    part = np.clip(1 - (x / MOUTH_WIDTH) ** 2, 0, 1) * gauss(off, 0, 0.07)
    return {
        "x": -0.075 * across,
        "y": part * np.where(side > 0, 0.018, -0.030),
        "z": 0.075 * bump(x, off, 0, 0, 0.17, 0.11),
    }
