r"""One texture image holds every surface of a person; this names its rooms."""

import numpy as np

WIDTH, HEIGHT = 768, 512
ROOMS = {  # left, top, width, height [texels]
    "skin": (0, 0, 512, 512),
    "hair": (512, 0, 256, 256),
    "cloth": (512, 256, 256, 64),
    "ear": (512, 320, 64, 64),
    "neck": (576, 320, 192, 64),
    "eye": (512, 384, 128, 128),
    "mouth": (640, 384, 128, 44),
    "teeth": (640, 428, 128, 32),
    "tongue": (640, 460, 96, 52),
    "glasses": (736, 460, 32, 52),
}


def to_atlas(room, s, t):
    r"""Texture coordinates in [0, 1] of a place in a room; half a texel is kept free at the rim.

    Args:
        room: a name of ROOMS.
        s: array in [0, 1], left to right.
        t: array in [0, 1], top to bottom.

    Returns:
        (..., 2).
    """
    left, top, width, height = ROOMS[room]
    u = left + 0.5 + np.clip(s, 0, 1) * (width - 1)
    v = top + 0.5 + np.clip(t, 0, 1) * (height - 1)
    return np.stack([u / WIDTH, v / HEIGHT], -1)


def texel_grid(room):
    r"""The (s, t) of every texel of a room.

    Args:
        room: a name of ROOMS.

    Returns:
        Two arrays (height, width) in [0, 1].
    """
    _, _, width, height = ROOMS[room]
    return np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
