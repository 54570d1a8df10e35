r"""Lids, lips and brows on a chart of the face, fine enough to show them.

Ours. The head's flow has cells of 4 pixels; an open eye is 7 pixels high. So the face has a chart
of its own, about a cell a pixel, that goes with the head. Every cell says from how far aside in the
portrait its skin has come, and how much of it is under a cover: what the portrait has nothing to
lend for, such as teeth, tongue and dark in an opened mouth or the skin of a closed lid.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from mfr.face.arrays import constant
from mfr.face.camera import CAMERA_Z, ZOOM, rotation_matrix, sample
from mfr.face.coefficients import MOTION_ANGLE, MOTION_TRANS
from mfr.render.blocks import Block, conv, double, he, zero
from mfr.render.head import CENTRE, RADII, Chart, chart_points, place_points

FACE = Chart((0.0, -0.2), (0.58, 0.6525), 144, 128)  # from the chin to above raised brows
RIM = 0.12  # share of the chart's half over which it fades out
MAPS = 3  # of the expression: the skin's displacement along x, y and z, a basis that is learnt on
BEHIND = -0.4  # z of head points that the chart does not show [Deep3D's units]
SHIFT_UNIT = 0.05  # what 1 means at the network's end: displacement [Deep3D's units]
COLOUR_UNIT = 0.25  # and colour
BARE = 2.0  # how unlikely a cover is [logit]
AT_FIRST = 1 / (1 + math.exp(BARE))  # what that would be as a share, before anything is learnt
CLOSE = 0.29  # half the side of an eye's close-up, brow and all; the mouth's is twice as wide
EYES = tuple(Chart((x, 0.2), (CLOSE, CLOSE), 64, 64) for x in (-0.305, 0.305))
MOUTH = Chart((0.0, -0.515), (2 * CLOSE, CLOSE), 64, 128)


def shift_to_flow(shift, coefficients):
    r"""A small displacement on the face, as the portrait's camera sees it.

    Ours: the head's x and y after its turn, at the depth of the ellipsoid's front.

    Args:
        shift: (B, 2, h, w) along x and y of the head [Deep3D's units].
        coefficients: (B, 70) of the portrait.

    Returns:
        (B, 2, h, w) in halves of the frame, y downward.
    """
    turn = rotation_matrix(coefficients[:, MOTION_ANGLE])[:, :2, :2]
    turn = turn * constant(((1.0,), (-1.0,)), turn)
    depth = CAMERA_Z - coefficients[:, MOTION_TRANS][:, 2] - (CENTRE[2] + RADII[2])  # (B,)
    scale = ZOOM / depth[:, None, None] * turn  # (B, 2, 2)
    return (scale[..., None, None] * shift[:, None]).sum(2)


def cover(layer, colour, share):
    r"""A layer with something laid upon it, as far as the layer itself goes.

    Ours.

    Args:
        layer: (B, 4, h, w): colour times share, share.
        colour: (B, 3, h, w) of what covers it, times its share.
        share: (B, 1, h, w).

    Returns:
        (B, 4, h, w).
    """
    own, there = layer[:, :3], layer[:, 3:]
    return torch.cat([(1 - share) * own + colour * there, there], 1)


def closeup(images, coefficients):
    r"""Both eyes with their brows above, the mouth below: what a viewer looks at.

    Ours, for the losses: in a frame they are a twentieth of the area.

    Args:
        images: (B, 3, h, h) frames.
        coefficients: (B, 70) of them; the close-ups turn with the head.

    Returns:
        (B, 3, 256, 256), twice as large as in the frame.
    """
    eyes = torch.cat([chart_points(eye, coefficients) for eye in EYES], 2)
    points = torch.cat([eyes, chart_points(MOUTH, coefficients)], 1)  # (B, 128, 128, 3)
    return double(sample(images, place_points(coefficients, points)))


def fading(like):
    r"""1 within the chart, falling to 0 in its outermost cells: (144, 128)."""
    sides = (FACE.rows, FACE.columns)
    away = [
        ((torch.arange(n, dtype=like.dtype, device=like.device) + 0.5) * 2 / n - 1).abs() + 1 / n
        for n in sides
    ]
    y, x = (((1 - side) / RIM).clamp(0, 1) for side in away)
    return y[:, None] * x


class Face(nn.Module):
    r"""A portrait's face and two expressions to what each cell of the chart shows.

    Ours.

    Args:
        config: RendererConfig.
        expressions: numbers of an expression.
    """

    def __init__(self, config, expressions):
        super().__init__()
        c, d = config.face_width, config.descriptor_dim
        self.rows, self.columns = FACE.rows // 4, FACE.columns // 4
        self.fine = conv(12, c)
        self.coarse = nn.Sequential(conv(c, 2 * c, 2), Block(2 * c))
        self.position = nn.Parameter(torch.empty(2 * c, self.rows, self.columns))
        nn.init.normal_(self.position, std=0.3)
        self.basis = nn.Linear(expressions, MAPS * self.rows * self.columns, bias=False)
        nn.init.zeros_(self.basis.weight)
        self.describe = nn.Sequential(he(nn.Linear(2 * expressions, d)), nn.ReLU())
        self.enter = conv(2 * c + 2 * MAPS, 2 * c)
        self.blocks = nn.ModuleList(Block(2 * c, d) for _ in range(2))
        self.rise = he(nn.Conv2d(2 * c, c, 1))
        self.merge = conv(2 * c, c)
        self.refine = nn.ModuleList(Block(c, d) for _ in range(2))
        self.leave = zero(nn.Conv2d(c, 24, 3, 1, 1))  # 6 numbers at 2x2 cells

    def begin_with(self, mean, basis, std):
        r"""Begin with the basis of a face model, each cell with that of the nearest point.

        Ours: a network that is told where the skin goes has less to find out.

        Args:
            mean: (V, 3), the model's points [Deep3D's units].
            basis: (V, 3, 64), of expressions.
            std: (64,), of the training expressions.
        """
        front = mean[:, 2] > BEHIND
        chart = FACE._replace(rows=self.rows, columns=self.columns)
        cells = chart_points(chart, mean[:1])[0, ..., :2].flatten(0, 1)  # (h w, 2)
        nearest = torch.cdist(cells, mean[front, :2]).argmin(1)
        moved = basis[front][nearest] * std / SHIFT_UNIT  # (h w, 3, 64)
        self.basis.weight.copy_(moved.transpose(0, 1).flatten(0, 1))

    def maps(self, expression):
        r"""Where the skin is moved: (B, 64) [std] -> (B, 3, 36, 32)."""
        return self.basis(expression).view(-1, MAPS, self.rows, self.columns)

    def encode(self, portrait, coefficients, expression, points):
        r"""All that the frames need of the portrait's face.

        Args:
            portrait: (B, 3, 256, 256) in [0, 1].
            coefficients: (B, 70), its own.
            expression: (B, 64) of it [std].
            points: (B, 144, 128, 3) of the head, at the chart's cells.

        Returns:
            (features (B, C, 72, 64) and (B, 2 C, 36, 32), the maps of its expression
            (B, 3, 36, 32)).
        """
        crop = sample(portrait, place_points(coefficients, points))  # (B, 3, 144, 128)
        fine = self.fine(F.pixel_unshuffle(4 * crop - 2, 2))  # (B, C, 72, 64)
        coarse = self.coarse(fine) + self.position  # (B, 2 C, 36, 32)
        return fine, coarse, self.maps(expression)

    def forward(self, encoded, own, expression):
        r"""Where each cell's skin was in the portrait, and what covers it.

        Args:
            encoded: Encoded.
            own: (B, 64), the portrait's expression [std].
            expression: (B, 64) of the frame [std].

        Returns:
            (B, 6, 144, 128): shift along x and y [Deep3D's units], the cover's colour times share,
            its share.
        """
        descriptor = self.describe(torch.cat([expression, own], 1))
        maps = self.maps(expression)
        x = self.enter(torch.cat([encoded.face_coarse, maps, maps - encoded.face_maps], 1))
        for block in self.blocks:
            x = block(x, descriptor)
        x = self.merge(torch.cat([encoded.face_fine, double(self.rise(x))], 1))  # (B, C, 72, 64)
        for block in self.refine:
            x = block(x, descriptor)
        shift, colour, logit = F.pixel_shuffle(self.leave(x).float(), 2).split((2, 3, 1), 1)
        share = ((logit - BARE).sigmoid() - AT_FIRST) / (1 - AT_FIRST)  # 0 at a logit of 0
        seen = fading(shift)
        return seen * torch.cat([SHIFT_UNIT * shift, COLOUR_UNIT * colour, share], 1)
