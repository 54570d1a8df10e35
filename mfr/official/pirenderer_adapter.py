r"""PIRenderer in the place of our renderer: the same encode and forward, its own window and order.

The motion vector here is angle 3, exp 64, trans 3; PIRenderer reads exp, angle, trans and the crop
3 (scale, tx, ty), channels before time. The crop is the portrait's own, held for every frame: with
the crop of another person's video the face changes its size and place.
"""

from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mfr.face.camera import FRAME_PARAMS
from mfr.face.coefficients import MOTION_DIM, reorder
from mfr.official.pirenderer import WINDOW


def semantics(motion, crop):
    r"""Raw motion windows (B, L, 70) in PIRenderer's order, then time: (B, 73, L).

    Each frame is given the portrait's crop, (3,) or (B, 1, 3): scale, tx, ty.
    """
    return reorder(motion, "motion", "pirenderer", crop).transpose(1, 2)


class Encoded(NamedTuple):
    r"""What is computed once a portrait."""

    source: Tensor  # (B, 3, S, S), [-1, 1]
    first: Tensor  # (B, 32, S, S), the only layer that no coefficient touches
    crop: Tensor  # (B, 1, 3) scale, tx, ty


class PIRendererAdapter(nn.Module):
    r"""encode and forward of mfr.render.renderer.Renderer, run by PIRenderer (Sec. 3.3)."""

    reads_crop = True  # beside the coefficients, which are left in the crop's own camera

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.source = getattr(network, "source", "")
        self.config = SimpleNamespace(window=WINDOW)
        self.train(network.training)

    def encode(self, portrait, coefficients=None, crop=FRAME_PARAMS[2:]):
        r"""What is computed once a portrait (B, 3, 256, 256); PIRenderer knows no reference.

        `crop` is (scale, tx, ty), the last three of the portrait's transform_params.

        Raises:
            ValueError: crop is not three numbers.
        """
        crop = torch.as_tensor(crop, dtype=portrait.dtype, device=portrait.device)
        if crop.shape != (3,):
            raise ValueError(f"crop has shape {tuple(crop.shape)}; three numbers are needed")
        source = self.network.prepare(portrait)
        return Encoded(source, self.network.encode(source), crop.expand(len(portrait), 1, 3))

    def forward(self, encoded, coefficients):
        r"""The portrait moved as raw windows (B, 27, 70) say, or as (B, 70) held still: (B, 3, S,
        S).

        RGB in (0, 1); the portrait's batch is one or B.

        Raises:
            ValueError: coefficients are of another shape.
        """
        if coefficients.ndim == 2:
            coefficients = coefficients[:, None].expand(-1, WINDOW, -1)
        if coefficients.ndim != 3 or coefficients.shape[1:] != (WINDOW, MOTION_DIM):
            found = tuple(coefficients.shape)
            raise ValueError(f"coefficients are {found}; allowed: (B, {WINDOW}, 70) or (B, 70)")
        source, first, crop = (x.expand(len(coefficients), *x.shape[1:]) for x in encoded)
        frame = self.network.generate(source, first, semantics(coefficients, crop))[2]
        return (frame + 1) / 2
