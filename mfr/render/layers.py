r"""A portrait as three layers: head before body before what stands still.

Ours. The layers hold colour times share, as compositing wants them, and obey the matting equation:
laid upon each other unmoved they are the portrait, exactly, wherever the masks err. What a layer
hides is filled in from around, once a portrait.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

TRUST = 4  # power of the known share: a pixel that is partly hair lends hardly any of its colour
SPREAD = 2  # by how much a coarser level knows more than the mean of the finer one
NOTHING = 1e-8  # share below which a level knows no colour


class Layers(NamedTuple):
    r"""What each layer shows, as if the ones before it were not there."""

    head: Tensor  # (B, 4, h, w): colour times share, share
    body: Tensor  # (B, 4, h, w): also of the body behind the head
    still: Tensor  # (B, 3, h, w): colour; it is everywhere


def fill(image, known):
    r"""The image where it is known, elsewhere colours from around: pulled up, pushed down.

    Ours: each level is the weighted mean of four pixels of the finer one; on the way back a level
    keeps its own colour as far as it is known.

    Args:
        image: (B, 3, h, h), h a power of 2.
        known: (B, 1, h, h) in [0, 1].

    Returns:
        (B, 3, h, h).
    """
    colour, weight, levels = image, known**TRUST, []
    while colour.shape[-1] > 1:
        levels.append((colour, weight))
        total = F.avg_pool2d(weight, 2)
        colour = F.avg_pool2d(weight * colour, 2) / total.clamp(min=NOTHING)
        weight = (SPREAD * total).clamp(max=1)
    for fine, weight in reversed(levels):
        coarse = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
        colour = weight * fine + (1 - weight) * coarse
    return colour


def split(portrait, masks):
    r"""The layers of a portrait. I = a F + (1 - a) B gives a layer's a F from what is behind it.

    Ours.

    Args:
        portrait: I, (B, 3, h, h), h a power of 2.
        masks: (B, 2, h, h): share a of the head, and of the body where no head is before it.

    Returns:
        Layers, for which compose(*layers) is the portrait.
    """
    head, body = masks.split(1, 1)
    still = fill(portrait, (1 - head) * (1 - body))
    hidden = body * fill(portrait, (1 - head) * body) + (1 - body) * still  # by the head
    seen = (1 - head) ** TRUST
    behind = seen * portrait + (1 - seen) * hidden
    return Layers(
        torch.cat([portrait - (1 - head) * behind, head], 1),
        torch.cat([behind - (1 - body) * still, body], 1),
        still,
    )


def compose(head, body, still):
    r"""One layer upon the other.

    Ours.

    Args:
        head: (B, 4, h, w): colour times share, share.
        body: (B, 4, h, w).
        still: (B, 3, h, w).

    Returns:
        (B, 3, h, w).
    """
    picture = still
    for layer in (body, head):
        picture = layer[:, :3] + (1 - layer[:, 3:]) * picture
    return picture
