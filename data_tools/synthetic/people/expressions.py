r"""The 64 directions of expression: named ones first, then slow waves."""

import numpy as np

from data_tools.synthetic.people.modes import as_vectors, smooth_modes
from data_tools.synthetic.people.surface import (
    EYE,
    EYE_WIDTH,
    MOUTH_WIDTH,
    bump,
    gauss,
    lid_edges,
    lid_height,
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
GAZE_TURN = 0.436  # [rad] at gaze = 1, 25 degrees


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
    waves = smooth_modes(xyz, 52, 0.005, seed=2)
    fields += [{k: v * still for k, v in f.items()} for f in waves]
    rows = np.stack([as_vectors(x, field) for field in fields], -1)
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
    middle = bump(x, off, 0, -0.05, 0.1, 0.06)
    return {"y": -0.055 * corner + 0.018 * middle, "x": 0.012 * sign * corner}


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
