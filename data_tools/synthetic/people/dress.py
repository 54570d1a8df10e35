r"""Neck, clothes and glasses."""

import numpy as np

from data_tools.synthetic.people.atlas import to_atlas
from data_tools.synthetic.people.parts import (
    CLOTH,
    GLASSES,
    NECK,
    Block,
    grid_triangles,
)
from data_tools.synthetic.people.surface import EYE, step


def _tube(profile, spokes, room, part, weight):
    """Rings around the neck's axis; profile rows are y, radius x, radius z, centre z."""
    turn = np.arange(spokes + 1) * 2 * np.pi / spokes - np.pi / 2
    rows = []
    for y, wide, deep, middle in profile:
        rows.append(
            np.stack([-wide * np.sin(turn), np.full_like(turn, y), middle - deep * np.cos(turn)], 1)
        )
    t = np.repeat(np.linspace(0, 1, len(profile)), spokes + 1)
    s = np.tile(np.linspace(0, 1, spokes + 1), len(profile))
    triangles = grid_triangles(len(profile), spokes + 1)
    block = Block(np.concatenate(rows), to_atlas(room, s, t), triangles, part)
    block.weight = np.repeat(weight, spokes + 1)
    return block


def neck(width):
    r"""The neck, which bends between head and torso.

    Args:
        width: factor, 1 is usual.

    Returns:
        A Block.
    """
    y = np.linspace(-0.52, -1.42, 10)
    flare, slim = 0.10 * step(y, -1.0, -1.4), step(y, -0.5, -0.95)
    wide, deep = 0.28 + 0.17 * slim + flare, 0.22 + 0.22 * slim + flare
    middle = -0.76 + 0.12 * slim
    profile = np.stack([y, wide * width, deep * width, middle], 1)
    return _tube(profile, 30, "neck", NECK, step(y, -1.30, -0.80))


def torso(collar, build):
    r"""Collar, shoulders and chest.

    Args:
        collar: 0 round neck, 1 shirt collar, 2 roll neck.
        build: width factor, 1 is usual.

    Returns:
        A Block.
    """
    rise = (0.0, 0.10, 0.20)[collar]
    fit = (0.60, 0.58, 0.53)[collar]
    profile = [
        (-1.17 + rise, fit - 0.015, fit - 0.05, -0.61),
        (-1.15 + rise, fit, fit - 0.03, -0.61),
        (-1.17 + 0.6 * rise, fit + 0.03, fit, -0.61),
        (-1.22, 0.66, 0.62, -0.6),
        (-1.27, 0.95, 0.68, -0.62),
        (-1.36, 1.35, 0.74, -0.64),
        (-1.50, 1.7, 0.8, -0.66),
        (-1.8, 1.95, 0.9, -0.66),
        (-2.6, 2.0, 1.0, -0.66),
    ]
    profile = [(y, w * (build if w > 0.7 else 1), d, m) for y, w, d, m in profile]
    block = _tube(profile, 40, "cloth", CLOTH, np.zeros(len(profile)))
    block.two_sided = True
    return block


def glasses(style):
    r"""Two rims, a bridge and two arms of thin tube.

    Args:
        style: 0 round, 1 rectangular, 2 large.

    Returns:
        A Block that follows the bridge of the nose.
    """
    wide, high, power = ((0.185, 0.165, 2.0), (0.20, 0.125, 4.5), (0.215, 0.175, 2.8))[style]
    turn = np.linspace(0, 2 * np.pi, 33)
    shape = [np.sign(f) * np.abs(f) ** (2 / power) for f in (np.cos(turn), np.sin(turn))]
    paths = []
    for side in (-1, 1):
        x = side * (EYE[0] + 0.005) + wide * shape[0]
        z = 0.265 - 0.12 * x**2
        paths.append(np.stack([x, EYE[1] - 0.02 + high * shape[1], z], 1))
        reach = np.linspace(0, 1, 7)
        outer = EYE[0] + wide
        arm_x = side * (outer + (0.745 - outer) * np.minimum(reach * 2.2, 1) ** 0.5)
        arm_z = 0.265 - 0.88 * reach - 0.12 * outer**2 * (1 - reach)
        paths.append(np.stack([arm_x, EYE[1] + 0.05 + 0 * reach, arm_z], 1))
    across = np.linspace(-1, 1, 7)
    x = across * (EYE[0] - wide + 0.01)
    paths.append(np.stack([x, EYE[1] + 0.05 - 0.03 * across**2, 0.28 + 0 * across], 1))
    return _pipes(paths, 0.014, GLASSES, [0.0, 0.05, 0.15])


def _pipes(paths, radius, part, anchor):
    """Thin four-sided tubes along paths."""
    points, triangles, count = [], [], 0
    for path in paths:
        along = np.gradient(path, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        first = np.cross(along, np.where(np.abs(along[:, 2:]) > 0.8, [[0, 1.0, 0]], [[0, 0, 1.0]]))
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        second = np.cross(along, first)
        turn = np.arange(5) * 2 * np.pi / 5
        ring = np.cos(turn)[:, None] * first[:, None] + np.sin(turn)[:, None] * second[:, None]
        points.append((path[:, None] + radius * ring).reshape(-1, 3))
        triangles.append(grid_triangles(len(path), 5, closed=True) + count)
        count += len(path) * 5
    xyz = np.concatenate(points)
    uv = to_atlas("glasses", np.full(len(xyz), 0.5), np.full(len(xyz), 0.5))
    return Block(
        xyz,
        uv,
        np.concatenate(triangles),
        part,
        np.tile(anchor, (len(xyz), 1)),
        1.0,
        two_sided=True,
    )
