r"""The 68 landmarks of the iBUG order as vertices of the skin."""

import numpy as np

from data_tools.synthetic.people.surface import (
    EYE,
    EYE_WIDTH,
    MOUTH_WIDTH,
    lid_edges,
    lip_border,
    mouth_line,
)


def landmark_vertices(skin):
    r"""The skin vertex nearest to each place.

    Args:
        skin: a Skin.

    Returns:
        (68,) int64: jaw 17, brows 10, nose 9, eyes 12, outer lips 12, inner lips 8.
    """
    turn = np.linspace(-1, 1, 17) * 1.5
    jaw = np.stack([0.66 * np.sin(turn), 0.02 - 0.93 * np.cos(turn) ** 0.9], 1)
    across = np.linspace(-1, 1, 5)
    brow = np.stack([-0.30 + 0.17 * across, 0.285 + 0.02 * (1 - across**2)], 1)
    nose = [(0, 0.12), (0, 0.02), (0, -0.09), (0, -0.20)]
    base = [(-0.11, -0.27), (-0.055, -0.295), (0, -0.305), (0.055, -0.295), (0.11, -0.27)]
    t = np.array([-1, -0.4, 0.4, 1, 0.4, -0.4])
    upper, lower = lid_edges(np.array([1, 0.4, -0.4, -1, -0.4, 0.4]))
    edge = np.where(np.arange(6) < 4, upper, lower)
    left = np.stack([t * EYE_WIDTH - EYE[0], edge + EYE[1]], 1)
    right = (left * [-1, 1])[[3, 2, 1, 0, 5, 4]]
    rest = np.concatenate([jaw, brow, (brow * [-1, 1])[::-1], nose, base, left, right])
    return np.array([_nearest(skin, place) for place in rest] + _lip_vertices(skin))


def _nearest(skin, place):
    """The vertex of the front nearest to a rest place."""
    return int(np.argmin(((skin.rest - place) ** 2).sum(1) + (skin.xyz[:, 2] < -0.6)))


def _lip_vertices(skin):
    """Outer lips 12, inner lips 8."""
    across = [-1, -0.62, -0.25, 0, 0.25, 0.62, 1, 0.62, 0.25, 0, -0.25, -0.62]
    outer_x = MOUTH_WIDTH * np.array(across)
    side = np.array([1] * 7 + [-1] * 5)
    outer = np.stack([outer_x, mouth_line(outer_x) + side * lip_border(outer_x, side)], 1)
    inner_x = MOUTH_WIDTH * np.array([-0.9, -0.35, 0, 0.35, 0.9, 0.35, 0, -0.35])
    index = [_nearest(skin, place) for place in outer]
    rim = skin.mouth
    for x, sign in zip(inner_x, [1, 1, 1, 1, 1, -1, -1, -1]):
        wrong = skin.side[rim] * sign < 0
        index.append(int(rim[np.argmin(np.abs(skin.rest[rim, 0] - x) + 10 * wrong)]))
    return index
