r"""What a head has besides skin: eyeballs, the inside of the mouth, ears, neck, clothes, glasses.

Every part is a Block: points, texture coordinates, triangles. Parts of the face carry rows of the
model's bases; the others follow places of the head, as much as `weight` says.
"""

from dataclasses import dataclass

import numpy as np

from data_tools.synthetic.people.atlas import to_atlas
from data_tools.synthetic.people.surface import (
    EYE,
    EYE_RADIUS,
    EYE_Z,
    MOUTH_Y,
    gauss,
    step,
)

SKIN, EYES, MOUTH, EAR, HAIR, NECK, CLOTH, GLASSES = range(8)  # part numbers
FACE_PARTS = (SKIN, EYES, MOUTH)


@dataclass
class Block:
    r"""A piece of surface."""

    xyz: np.ndarray  # (N, 3) [dm]
    uv: np.ndarray  # (N, 2) in the atlas
    triangles: np.ndarray  # (F, 3), counter-clockwise seen from outside
    part: int
    anchor: np.ndarray = None  # (N, 3) places of the head that it follows; None: stands alone
    weight: np.ndarray = 1.0  # (N,) share of the head's motion, the rest is the torso's
    two_sided: bool = False  # also drawn when seen from behind


def grid_triangles(rows, columns, closed=False):
    r"""Triangles of a grid of points stored row after row.

    Args:
        rows: number of rows.
        columns: number of points a row.
        closed: join the last column to the first.

    Returns:
        (F, 3); counter-clockwise when rows go down and columns to the right.
    """
    last = columns if closed else columns - 1
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = a + columns, b + columns
    return np.stack([np.stack([a, c, d], -1), np.stack([a, d, b], -1)], 2).reshape(-1, 3)


def eyeball(side, rings=9, spokes=22):
    r"""The front cap of an eyeball, its texture a disc around the pupil.

    Args:
        side: +1 at the image's right, -1 at the left.
        rings: from the pupil to the rim.
        spokes: around.

    Returns:
        A Block.
    """
    angle = np.linspace(0.02, 1.45, rings)[:, None] ** 1.0
    turn = np.arange(spokes) * 2 * np.pi / spokes
    unit = np.stack([np.cos(turn), np.sin(turn)], -1)
    flat = (np.sin(angle)[..., None] * unit).reshape(-1, 2)
    z = np.repeat(np.cos(angle), spokes, 1).reshape(-1)
    xyz = EYE_RADIUS * np.concatenate([flat, z[:, None]], 1)
    disc = (angle[..., None] / 1.45 * unit).reshape(-1, 2)
    uv = to_atlas("eye", 0.5 + 0.5 * disc[:, 0] * side, 0.5 - 0.5 * disc[:, 1])
    centre = [side * EYE[0], EYE[1], EYE_Z]
    triangles = grid_triangles(rings, spokes, closed=True)
    return Block(xyz + centre, uv, triangles, EYES)


def lid_strip(rim):
    r"""The thickness of the lids and the socket: strips from the rim back behind the eyeball.

    Args:
        rim: (N, 3) points around the opening.

    Returns:
        A Block; points 0..N-1 lie on the rim, the rest behind it.
    """
    centre = rim.mean(0)
    behind = centre + (rim - centre) * [0.97, 0.93, 1.0] - [0, 0, 0.045]
    deep = centre + (rim - centre) * 0.02 - [0, 0, 0.17]
    angle = np.arange(len(rim)) / len(rim)
    s = 0.5 + 0.5 * np.cos(2 * np.pi * angle)
    top = np.sin(2 * np.pi * angle) >= 0
    front = to_atlas("mouth", s, np.where(top, 0.86, 0.97))
    triangles = grid_triangles(3, len(rim), True)[:, [0, 2, 1]]
    return Block(np.concatenate([rim, behind, deep]), np.tile(front, (3, 1)), triangles, EYES)


def mouth_bag(rim):
    r"""The lips' insides and the cavity: rings that shrink backwards from the rim.

    Args:
        rim: (N, 3) points around the mouth's slit, counter-clockwise from the image's right.

    Returns:
        A Block of 5 rings of N points; its texture goes from lip (top) to throat (bottom).
    """
    count = len(rim)
    turn = np.arange(count) * 2 * np.pi / count
    up = np.sin(turn)[:, None] * [0, 1, 0]
    rings = [rim, rim + 0.012 * up - [0, 0, 0.035], rim + 0.05 * up - [0, 0, 0.09]]
    rings.append(rim * [0.95, 1, 1] + 0.10 * up - [0, 0, 0.20])
    rings.append(rim.mean(0) + (rim - rim.mean(0)) * [0.02, 0.02, 0.02] - [0, 0, 0.34])
    depth = np.repeat([0.0, 0.18, 0.4, 0.65, 0.82], count)
    s = np.tile(0.5 + 0.5 * np.cos(turn), 5)
    t = depth * 0.8
    triangles = grid_triangles(5, count, closed=True)
    return Block(np.concatenate(rings), to_atlas("mouth", s, t), triangles[:, [0, 2, 1]], MOUTH)


def teeth(upper, columns=19):
    r"""A row of teeth on an arch, behind the lips.

    Args:
        upper: True for the upper row.
        columns: points along the arch.

    Returns:
        A Block.
    """
    across = np.linspace(-1, 1, columns)
    x = 0.215 * np.sin(across * 1.25) / np.sin(1.25)
    z = (0.105 if upper else 0.072) - 0.20 * (1 - np.cos(across * 1.25))
    gum, edge = (MOUTH_Y + 0.10, MOUTH_Y - 0.012) if upper else (MOUTH_Y - 0.11, MOUTH_Y - 0.028)
    bend = 0.012 * across**2 * (1 if upper else -1)
    rows = []
    for t in (0.0, 0.5, 1.0):
        y = gum + (edge - gum) * t + bend
        rows.append(np.stack([x, y, z + 0.012 * t], 1))
    xyz = np.concatenate(rows)
    t = np.repeat([0.0, 0.5, 1.0], columns)
    uv = to_atlas("teeth", np.tile(0.5 + 0.5 * across, 3), t * 0.48 if upper else 1 - t * 0.48)
    triangles = grid_triangles(3, columns)
    return Block(xyz, uv, triangles if upper else triangles[:, [0, 2, 1]], MOUTH)


def tongue(rows=8, columns=11):
    r"""A flat dome on the floor of the mouth.

    Args:
        rows: points from tip to root.
        columns: points across.

    Returns:
        A Block.
    """
    t, a = np.meshgrid(np.linspace(0, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    wide = 0.145 * np.sqrt(1 - (1 - np.minimum(t * 2.5 + 0.05, 1)) ** 2)
    x = wide * a
    y = MOUTH_Y - 0.11 + 0.085 * np.sqrt(np.clip(1 - a**2 * 0.85, 0, 1)) * np.minimum(1, 3 * t)
    y = y - 0.025 * gauss(a, 0, 0.12) * t + 0.05 * t
    z = 0.075 - 0.36 * t
    xyz = np.stack([x, y, z], -1).reshape(-1, 3)
    uv = to_atlas("tongue", 0.5 + 0.5 * a, 1 - t).reshape(-1, 2)
    return Block(xyz, uv, grid_triangles(rows, columns)[:, [0, 2, 1]], MOUTH, two_sided=True)


def ear(side, rings=9, spokes=22):
    r"""An ear: a leaf with a rolled rim and a hollow.

    Args:
        side: +1 at the image's right, -1 at the left.
        rings: from the middle to the rim.
        spokes: around.

    Returns:
        A Block.
    """
    r, turn = np.meshgrid(
        np.linspace(0.02, 1, rings), np.arange(spokes) * 2 * np.pi / spokes, indexing="ij"
    )
    across, up = r * np.cos(turn), r * np.sin(turn)
    lobe = 1 - 0.28 * step(up, 0.1, -1)
    back = 0.14 * across * lobe + 0.03 * up  # towards the back of the head
    height = 0.255 * up
    rim = 0.045 * gauss(r, 0.86, 0.13) * step(up, -0.9, -0.2)
    bowl = -0.05 * np.exp(-((across - 0.0) ** 2 + (up + 0.1) ** 2) / 0.16)
    ridge = 0.022 * gauss(np.hypot(across + 0.15, up * 0.9), 0.55, 0.1) * (across > -0.3)
    out = 0.05 + 0.075 * across + rim + bowl + ridge - 0.07 * step(r, 0.93, 1.0)
    xyz = np.stack([side * (0.705 + out), 0.02 + height, -0.56 - back], -1).reshape(-1, 3)
    uv = to_atlas("ear", 0.5 + 0.5 * across, 0.5 - 0.5 * up).reshape(-1, 2)
    triangles = grid_triangles(rings, spokes, closed=True)
    return Block(xyz, uv, triangles if side > 0 else triangles[:, [0, 2, 1]], EAR, two_sided=True)
