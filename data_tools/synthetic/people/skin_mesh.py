r"""The skin's triangle mesh: rings around eyes and lips, a grid elsewhere, Delaunay between."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from data_tools.synthetic.people.surface import (
    DISC,
    EYE,
    EYE_WIDTH,
    MOUTH_WIDTH,
    disc_to_rest,
    lid_edges,
    mouth_height,
    mouth_line,
    rest_to_disc,
    sculpt,
    slit,
)


@dataclass
class Skin:
    r"""The skin's mesh: disc and rest coordinates, points, triangles and the holes' rims."""

    u: np.ndarray  # (N, 2)
    rest: np.ndarray  # (N, 2)
    xyz: np.ndarray  # (N, 3)
    triangles: np.ndarray  # (F, 3), counter-clockwise seen from outside
    side: np.ndarray  # (N,) +1 above the mouth line, -1 below
    eyes: tuple  # two rims, each an index array, counter-clockwise from the image's right
    mouth: np.ndarray  # rim, counter-clockwise from the image's right corner


def build_skin(spacing=0.034):
    r"""The skin's mesh: rings around eyes and lips, a hexagonal grid elsewhere, Delaunay between.

    Args:
        spacing: of the grid in the middle of the face [dm].

    Returns:
        A Skin.
    """
    eyes = [eye_rim(side, 0.0) for side in (-1, 1)]
    mouth = mouth_rim(0.0)
    rings = [eye_rim(side, grow) for grow in (0.016, 0.036, 0.06) for side in (-1, 1)]
    rings += [mouth_rim(grow) for grow in (0.022, 0.045, 0.07, 0.1, 0.135)]
    points = np.concatenate([*eyes, mouth, *rings])
    grid = _hexagons(spacing)
    distance, _ = cKDTree(points).query(grid)
    points = np.concatenate([points, grid[distance > 0.62 * spacing]])
    triangles = _triangulate(points, [*eyes, mouth])
    rest, skull = disc_to_rest(points)
    counts = np.cumsum([0, len(eyes[0]), len(eyes[1]), len(mouth)])
    rims = [np.arange(a, b) for a, b in zip(counts, counts[1:])]
    upper = mouth_height(points)
    side = np.where(upper >= 0, 1.0, -1.0)
    xyz = sculpt(rest, skull)
    _overlap(xyz, rest, rims[2], side)
    return Skin(points, rest, xyz, triangles, side, tuple(rims[:2]), rims[2])


def _overlap(xyz, rest, rim, side):
    """Tuck the lower lip's edge behind the upper one, so that a closed mouth stays closed."""
    lower = rim[side[rim] < 0]
    arch = np.clip(1 - (rest[lower, 0] / MOUTH_WIDTH) ** 2, 0, 1) ** 0.5
    xyz[lower, 1] += 0.012 * arch
    xyz[lower, 2] -= 0.010 * arch


def eye_rim(side, grow, count=26):
    r"""Disc points around an eye's opening.

    Args:
        side: +1 the eye at the image's right, -1 the left.
        grow: distance outwards of the opening [dm].
        count: points.

    Returns:
        (count, 2).
    """
    turn = np.arange(count) * 2 * np.pi / count
    t = np.cos(turn)
    upper, lower = lid_edges(t)
    height = np.where(np.sin(turn) >= -1e-9, upper, lower)
    edge = np.stack([t * EYE_WIDTH, height], 1)
    outward = np.stack([np.cos(turn) * 0.8, np.sin(turn)], 1)
    rest = edge + grow * outward + EYE
    return rest_to_disc(rest if side > 0 else rest[::-1] * [-1, 1])


def mouth_rim(grow, count=44):
    r"""Disc points around the mouth's slit.

    Args:
        grow: distance outwards [dm].
        count: points.

    Returns:
        (count, 2).
    """
    turn = np.arange(count) * 2 * np.pi / count
    x = np.cos(turn) * (MOUTH_WIDTH + 0.8 * grow)
    inner = np.clip(x, -MOUTH_WIDTH, MOUTH_WIDTH)
    lift = np.where(np.abs(np.sin(turn)) < 1e-6, 0, np.sign(np.sin(turn))) * slit(inner)
    y = mouth_line(inner) + lift + grow * np.sin(turn)
    return rest_to_disc(np.stack([x, y], 1))


def _hexagons(spacing):
    """A hexagonal grid over the disc; its outermost points form the rim of the back."""
    rows = np.arange(-DISC, DISC, spacing * 0.75**0.5)
    columns = np.arange(-DISC, DISC, spacing)
    x, y = np.meshgrid(columns, rows)
    x = x + 0.5 * spacing * (np.arange(len(rows)) % 2)[:, None]
    grid = np.stack([x.ravel(), y.ravel()], 1)
    length = np.linalg.norm(grid, axis=1)
    inner = grid[(length < 0.98)]
    rings = [inner]
    radius, gap = 0.98, spacing
    while radius < DISC:  # rings that grow coarser towards the back of the head
        count = int(2 * np.pi * radius / gap)
        turn = (np.arange(count) + 0.5 * (len(rings) % 2)) * 2 * np.pi / count
        rings.append(radius * np.stack([np.cos(turn), np.sin(turn)], 1))
        gap *= 1.10
        radius += gap * 0.85
    return np.concatenate(rings)


def _triangulate(points, holes):
    """Delaunay triangles whose middle lies in no hole."""
    triangles = Delaunay(points).simplices
    a, b, c = (points[triangles[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    triangles = np.where(area[:, None] > 0, triangles, triangles[:, [0, 2, 1]])
    middle = (a + b + c) / 3
    keep = np.abs(area) > 1e-9
    for hole in holes:
        keep &= ~inside(middle, hole)
    return triangles[keep]


def inside(points, polygon):
    r"""Which points lie in a polygon (even-odd rule).

    Args:
        points: (N, 2).
        polygon: (M, 2).

    Returns:
        (N,) bool.
    """
    result = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, 0)):
        spans = (y0 > points[:, 1]) != (y1 > points[:, 1])
        cross = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0 + 1e-300)
        result ^= spans & (points[:, 0] < cross)
    return result
