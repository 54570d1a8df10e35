r"""Hair: a shell over the scalp, curtains and locks, each with strands along its texture."""

import numpy as np

from data_tools.synthetic.atlas import to_atlas
from data_tools.synthetic.parts import HAIR, Block
from data_tools.synthetic.surface import CENTRE, DISC, build_skin, step

HAIRLINE_Z = (-1.6, -0.9, -0.72, -0.46, -0.40, -0.34, -0.2, -0.05, 0.08, 0.3)
HAIRLINE_Y = (-0.60, -0.55, -0.30, -0.06, 0.05, 0.20, 0.45, 0.62, 0.72, 0.74)


def hairline(xyz, receded=0.0):
    r"""Signed height over the hairline, positive where hair grows.

    Args:
        xyz: (..., 3) points of the scalp.
        receded: how far the line has moved up at the front [dm].

    Returns:
        (...).
    """
    line = np.interp(xyz[..., 2], HAIRLINE_Z, HAIRLINE_Y)
    return xyz[..., 1] - line - receded * step(xyz[..., 2], -0.3, 0.0)


def hair_blocks(look):
    r"""The hair of an appearance.

    Args:
        look: an Appearance.

    Returns:
        A list of Blocks.
    """
    if look.hair_style == 0:
        return []
    skin = build_skin(0.05)
    grown = hairline(skin.xyz, look.hairline)
    thick = 0.01 + 0.13 * look.hair_volume * step(grown, -0.02, 0.35)
    outward = skin.xyz - CENTRE
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    keep = (grown > -0.03)[skin.triangles].all(1)
    used, back = np.unique(skin.triangles[keep], return_inverse=True)
    xyz = skin.xyz + thick[:, None] * outward
    s = 0.5 + 0.5 * skin.u[:, 0] / DISC
    t = np.abs(skin.u[:, 1]) / DISC
    uv = to_atlas("hair", s, t)
    return [Block(xyz[used], uv[used], back.reshape(-1, 3), HAIR, skin.xyz[used])]
