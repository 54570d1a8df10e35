r"""A head as an ellipsoid before Deep3DFaceRecon's camera: which point of it does a pixel show?

Ours. Pictures are measured in halves of the frame from its middle, x to the right and y downward,
as grid_sample has it; head points in Deep3DFaceRecon's head coordinates, x to the image's right, y
up, z towards the camera, a face about 2 units tall. A chart is a part of the head seen from the
front: a map whose places are (x, y) of a head point.
"""

from typing import NamedTuple

import torch

from mfr.face.arrays import constant
from mfr.face.camera import CAMERA_Z, ZOOM, rotation_matrix
from mfr.face.coefficients import MOTION_ANGLE, MOTION_TRANS

CENTRE = (0.0, 0.07, -0.60)  # of the ellipsoid
RADII = (0.78, 1.09, 0.79)
NECK = (0.0, -0.8, -0.6)  # joint of head and body


class Chart(NamedTuple):
    r"""Where a map lies on the head, and how many cells it has."""

    middle: tuple  # (x, y) in head coordinates
    half: tuple  # half its extent in x and y
    rows: int
    columns: int


HEAD = Chart((0.0, 0.0), (1.0, 1.5), 48, 48)  # all of it


def head_points(coefficients, places):
    r"""Where the rays of pixels meet the head's ellipsoid, in head coordinates.

    Ours. A ray that misses gives its point nearest to the ellipsoid.

    Args:
        coefficients: (B, 70), of which angle and trans count.
        places: (h, w, 2) pixels, in halves of the frame.

    Returns:
        (points (B, h, w, 3), rays (B, h, w, 3) towards the scene per unit of depth,
        distance (B, h, w) of the ray from the centre [radii]; below 1 it hits).
    """
    rotation = rotation_matrix(coefficients[:, MOTION_ANGLE])  # (B, 3, 3)
    eye = constant((0, 0, CAMERA_Z), coefficients) - coefficients[:, MOTION_TRANS]  # (B, 3)
    eye = _turn(eye[:, None, None], rotation.transpose(1, 2))  # (B, 1, 1, 3): R^T p
    ray = torch.cat([places / ZOOM, -torch.ones_like(places[..., :1])], -1)
    ray = _turn((ray * constant((1, -1, 1), ray))[None], rotation.transpose(1, 2))
    radii = constant(RADII, ray)
    o, d = (eye - constant(CENTRE, ray)) / radii, ray / radii  # a unit sphere from here on
    a, b, c = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1)
    miss = (c - b * b / a).clamp(min=0)  # squared distance of the line from the centre
    depth = (-b - (a * (1 - miss)).clamp(min=0).sqrt()) / a
    return eye + depth[..., None] * ray, ray, miss.sqrt()


def _turn(points, rotation):
    """R p of points (B, h, w, 3); written as sums, which autocast leaves in full precision."""
    x, y, z = points.unbind(-1)
    rows = rotation[:, None, None].unbind(-2)  # (B, 1, 1, 3) each
    return torch.stack([x * r[..., 0] + y * r[..., 1] + z * r[..., 2] for r in rows], -1)


def place_points(coefficients, points):
    r"""Where points of the head are seen.

    Ours.

    Args:
        coefficients: (B, 70).
        points: (B, h, w, 3) in head coordinates.

    Returns:
        (B, h, w, 2), in halves of the frame.
    """
    rotation = rotation_matrix(coefficients[:, MOTION_ANGLE])
    world = _turn(points, rotation) + coefficients[:, None, None, MOTION_TRANS]
    x, y, z = world.unbind(-1)
    return torch.stack([x, -y], -1) * ZOOM / (CAMERA_Z - z)[..., None]


def chart_place(points, chart=HEAD):
    r"""Head points to places on a chart, as grid_sample has them.

    Ours.

    Args:
        points: (..., 3) in head coordinates.
        chart: Chart.

    Returns:
        (..., 2), within [-1, 1] on the chart.
    """
    (x, y), (half_x, half_y) = chart.middle, chart.half
    return (points[..., :2] - constant((x, y), points)) / constant((half_x, -half_y), points)


def chart_points(chart, like):
    r"""The front of the ellipsoid at the centres of a chart's cells.

    Ours.

    Args:
        chart: Chart.
        like: (B, ...) tensor whose batch, dtype and device are taken.

    Returns:
        (B, rows, columns, 3) in head coordinates.
    """
    across, down = (
        (torch.arange(count, dtype=like.dtype, device=like.device) + 0.5) * 2 / count - 1
        for count in (chart.columns, chart.rows)
    )
    y, x = torch.meshgrid(
        chart.middle[1] - chart.half[1] * down,
        chart.middle[0] + chart.half[0] * across,
        indexing="ij",
    )
    off = ((x - CENTRE[0]) / RADII[0]) ** 2 + ((y - CENTRE[1]) / RADII[1]) ** 2
    z = CENTRE[2] + RADII[2] * (1 - off).clamp(min=0).sqrt()
    return torch.stack([x, y, z], -1).expand(len(like), -1, -1, -1)
