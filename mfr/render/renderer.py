r"""Coefficients and one portrait to frames: a warping renderer that starts as an exact head turn.

Paper: Sec. 3.3 takes PIRenderer [36]: descriptor -> flow -> edit. Ours keeps that order, with a
geometric prior that PIRenderer has to learn. Each pixel of a frame is a ray of Deep3DFaceRecon's
camera; where the ray meets an ellipsoid at the frame's pose there is a point of the head, and the
same point at the portrait's pose tells which pixel of the portrait to show. A learned basis moves
that point with the expression, on a chart that is the head seen from the front. Two masks split
the portrait into layers: what goes with the head, what with the neck's joint as a body does, and
what stands still. Lids, lips and brows move on a finer chart, which also covers what the portrait
cannot lend (face.py). The other network only corrects: a residual flow. PIRenderer's last step, a
network that paints over the whole frame, is not here: for strangers it painted nothing.

encode: once a portrait. forward: a frame each, cost independent of the encoder.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfr.config import COEFFICIENT_DIM, IMAGE_SIZE
from mfr.face.arrays import constant
from mfr.face.camera import pixel_grid, sample
from mfr.face.coefficients import COEFF_DIM, MOTION_EXP, to_motion
from mfr.render.blocks import Block, conv, double, he, zero
from mfr.render.face import FACE, Face, cover, shift_to_flow
from mfr.render.head import (
    HEAD,
    NECK,
    chart_place,
    chart_points,
    head_points,
    place_points,
)
from mfr.render.layers import compose, split

NEAR, FAR = 1.4, 2.0  # distance [radii] at which the surroundings stop following, wholly
GRID = 64  # side of the head's flow
BASIS = (6, 12, 24, 48)  # sides of the expression basis: coarse ones learn fast, fine ones detail
EXPRESSIONS = 64
# What 1 means at the ends of the networks, so that a step of training moves each about alike
FLOW_UNIT = 0.05  # residual flow: halves of the frame, 6.4 px
HEAD_UNIT = 0.1  # relief and displacement of the head [Deep3D's units]; shift on the chart


class Encoded(NamedTuple):
    r"""What a portrait leaves for every frame."""

    head: Tensor  # (B, 4, 256, 256), a layer of the portrait: colour times share, share
    body: Tensor  # (B, 4, 256, 256)
    still: Tensor  # (B, 3, 256, 256)
    masks: Tensor  # (B, 2, 128, 128): the shares of head and body
    coarse: Tensor  # (B, C, 32, 32)
    person: Tensor  # (B, 2 C)
    shape: Tensor  # (B, 6, 48, 48) on the head's chart: relief, shift of its parts, displacement
    coefficients: Tensor  # (B, 70)
    face_fine: Tensor = None  # (B, face_width, 72, 64), on the face's chart
    face_coarse: Tensor = None  # (B, 2 face_width, 36, 32)
    face_maps: Tensor = None  # (B, 3, 36, 32): of the portrait's own expression
    face_still: Tensor = (
        None  # (B, 6, 144, 128): what the chart says of it, which counts as nothing
    )


class Rendered(NamedTuple):
    r"""A frame and how it came about."""

    image: Tensor  # (B, 3, 256, 256), within [0, 1] but for what the face's chart adds
    flow: Tensor  # (B, 2, 128, 128): target pixel -> portrait pixel, in halves of the frame


def window_coefficients(coefficients, window, numbers=None):
    r"""The frames around each frame, the ends repeated: (L, 70) -> (N, window, 70).

    Paper: Sec. 3.3; PIRenderer [36] feeds such windows. The window is an odd number; numbers are
    those of the frames, int64 (N,) on the host, or None for all.

    Raises:
        ValueError: the window is even or not positive.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window {window} is not allowed; an odd number >= 1 is")
    length = len(coefficients)
    numbers = torch.arange(length) if numbers is None else numbers
    places = numbers[:, None] + torch.arange(window) - window // 2
    return coefficients[places.clamp(0, length - 1).to(coefficients.device)]


class Encoder(nn.Module):
    r"""The portrait's layers, its features, a person vector and the shape of the head.

    Ours.

    Args:
        config: RendererConfig.
    """

    def __init__(self, config):
        super().__init__()
        c = config.width
        fine, middle = 3 * c // 4, 3 * c // 2
        self.fine = nn.Sequential(conv(12, fine), conv(fine, fine))
        self.middle = nn.Sequential(conv(fine, middle, 2), Block(middle))
        self.coarse = nn.Sequential(
            conv(middle, 2 * c, 2), *(Block(2 * c) for _ in range(config.encoder_blocks))
        )
        self.deep = nn.Sequential(conv(2 * c, 2 * c, 2), conv(2 * c, 2 * c, 2))  # 8x8
        self.narrow = he(nn.Conv2d(4 * c, c, 1))
        self.masks = nn.Sequential(conv(fine + c, fine), zero(nn.Conv2d(fine, 8, 3, 1, 1)))
        self.shape = nn.Sequential(
            conv(c, c), conv(c, c), conv(c, c), zero(nn.Conv2d(c, 3, 3, 1, 1))
        )

    def forward(self, portrait, coefficients):
        r"""All that the frames need of the portrait.

        Args:
            portrait: (B, 3, 256, 256) in [0, 1].
            coefficients: (B, 70), the portrait's own.

        Returns:
            Encoded; its shape holds what the picture shows: relief and shift.
        """
        fine = self.fine(F.pixel_unshuffle(4 * portrait - 2, 2))  # (B, 3/4 C, 128, 128)
        middle = self.middle(fine)  # (B, 3/2 C, 64, 64)
        coarse = self.coarse(middle)  # (B, 2 C, 32, 32)
        deep = self.deep(coarse)
        around = F.interpolate(deep, scale_factor=4, mode="bilinear", align_corners=False)
        narrow = self.narrow(torch.cat([coarse, around], 1))  # (B, C, 32, 32)
        on_chart = sample(narrow, place_points(coefficients, chart_points(HEAD, coefficients)))
        shape = HEAD_UNIT * self.shape(on_chart)  # (B, 3, 48, 48)
        around = F.interpolate(narrow, scale_factor=4, mode="bilinear", align_corners=False)
        logits = F.pixel_shuffle(self.masks(torch.cat([fine, around], 1)), 2)
        masks = (logits + _where_parts_are(coefficients)).sigmoid()  # (B, 2, 256, 256)
        layers, half = split(portrait, masks), F.avg_pool2d(masks, 2)
        person = deep.mean((2, 3))
        return Encoded(*layers, half, narrow, person, shape, coefficients)


def _where_parts_are(coefficients):
    """(B, 2, 256, 256): how likely head and body are in a portrait before anything is learnt."""
    places = pixel_grid(IMAGE_SIZE, coefficients)
    _, _, distance = head_points(coefficients, places)
    below = places[..., 1] - _neck(coefficients)[:, None, None, 1]
    return torch.stack([12 * (1.35 - distance), 12 * below], 1).clamp(-4, 8)


def _neck(coefficients):
    """(B, 2): where the neck's joint is seen."""
    joint = constant(NECK, coefficients).expand(len(coefficients), 1, 1, 3)
    return place_points(coefficients, joint)[:, 0, 0]


class Surface(nn.Module):
    r"""An expression to where the skin has moved, on the chart: linear, as in a face model.

    Ours: Deep3DFaceRecon's expression basis, learnt from pictures. It starts at zero; a step of
    training moves a coarse map and a fine one alike, so that large motion is found first.
    """

    def __init__(self):
        super().__init__()
        self.basis = nn.ModuleList(
            nn.Linear(EXPRESSIONS, 3 * side * side, bias=False) for side in BASIS
        )
        for layer in self.basis:
            nn.init.zeros_(layer.weight)

    def forward(self, expression):
        r"""The maps of a batch.

        Args:
            expression: (B, 64) [std].

        Returns:
            (B, 3, 48, 48): displacement x, y, z [Deep3D's units].
        """
        x = expression.new_zeros(len(expression), 3, BASIS[0] // 2, BASIS[0] // 2)
        for side, layer in zip(BASIS, self.basis):
            x = double(x) + layer(expression).view(-1, 3, side, side)
        return HEAD_UNIT * x


class Motion(nn.Module):
    r"""Geometry and descriptor to flow, at 128x128.

    Ours: PIRenderer's warping network learns the whole flow, this one the rest of it.

    Args:
        config: RendererConfig.
    """

    def __init__(self, config):
        super().__init__()
        c = config.width
        self.surface = Surface()
        self.follow = nn.Parameter(torch.tensor([0.5, 0.5]))  # of the neck's joint, by the body
        self.enter = conv(c + 11, 2 * c)
        self.blocks = nn.ModuleList(Block(2 * c, config.descriptor_dim) for _ in range(3))
        self.widen = conv(2 * c, c)
        self.flow = zero(nn.Conv2d(c, 2, 3, 1, 1))

    def head(self, encoded, target, expression):
        r"""Backward flow of the turned head with its learned relief and expression.

        Ours.

        Args:
            encoded: Encoded.
            target: (B, 70) raw coefficients of the frame.
            expression: (B, 64) of the frame [std].

        Returns:
            (flow (B, 2, 64, 64) in halves of the frame, head points and their displacement
            (B, 6, 64, 64) for the network).
        """
        places = pixel_grid(GRID, target)
        points, rays, distance = head_points(target, places)
        follow = ((FAR - distance) / (FAR - NEAR)).clamp(0, 1)
        follow = (follow * follow * (3 - 2 * follow))[..., None]  # smooth at both ends
        on_chart = chart_place(points)
        relief = sample(encoded.shape[:, :1], on_chart).permute(0, 2, 3, 1)  # (B, 64, 64, 1)
        moved = self.moved(encoded, expression, on_chart).permute(0, 2, 3, 1)
        points = points - relief * rays  # towards the camera
        source = place_points(encoded.coefficients, points - moved)
        home = place_points(target, points)  # not `places`: equal poses must cancel to exact zero
        flow = (source - home) * follow
        known = torch.cat([points, moved], -1)
        return flow.permute(0, 3, 1, 2), known.permute(0, 3, 1, 2)

    def moved(self, encoded, expression, places):
        r"""How far an expression has moved the skin since the portrait.

        Ours.

        Args:
            encoded: Encoded.
            expression: (B, 64) of the frame [std].
            places: (B, h, w, 2) on the head's chart.

        Returns:
            (B, 3, h, w) [Deep3D's units].
        """
        _, shift, own = encoded.shape.split((1, 2, 3), 1)
        moved = self.surface(expression) - own  # (B, 3, 48, 48)
        chart = pixel_grid(HEAD.rows, expression) + shift.permute(0, 2, 3, 1)
        return sample(sample(moved, chart), places)

    def layered(self, encoded, target, head):
        r"""Head before body before what stands still: how much of each layer a frame shows.

        Ours.

        Args:
            encoded: Encoded.
            target: (B, 70) raw coefficients of the frame.
            head: (B, 2, 64, 64) flow of the head.

        Returns:
            (flows of head and body (B, 2, 128, 128) each, shares of head, body and of what the
            portrait hides (B, 3, 128, 128)).
        """
        head = double(head)  # (B, 2, 128, 128)
        body = self.follow * (_neck(encoded.coefficients) - _neck(target))  # (B, 2)
        body = body[..., None, None].expand_as(head)
        covered, figure = encoded.masks[:, :1], _over(*encoded.masks.split(1, 1))
        in_front = _warp(covered, head)
        beside, was_covered = _warp(torch.cat([encoded.masks[:, 1:], covered], 1), body).split(1, 1)
        behind = (1 - in_front) * beside
        hidden = behind * was_covered + (1 - in_front - behind) * figure
        return head, body, torch.cat([in_front, behind, hidden], 1)

    def forward(self, encoded, target, expression, descriptor):
        r"""The flows, how much of each layer is seen, and where the face's chart is.

        Args:
            encoded: Encoded.
            target: (B, 70) raw coefficients of the frame.
            expression: (B, 64) of the frame [std].
            descriptor: (B, descriptor_dim).

        Returns:
            (flows of head and body (B, 2, 128, 128) each, shares (B, 3, 128, 128), places on the
            face's chart (B, 2, 64, 64)).
        """
        head, known = self.head(encoded, target, expression)
        on_face = chart_place(known[:, :3].permute(0, 2, 3, 1), FACE).permute(0, 3, 1, 2)
        head, body, shares = self.layered(encoded, target, head)
        quarter = F.avg_pool2d(_mixed(head, body, shares), 4)
        seen = _warp(encoded.coarse, quarter)  # (B, C, 32, 32)
        geometry = [quarter / FLOW_UNIT, F.avg_pool2d(shares, 4), F.avg_pool2d(known, 2)]
        x = self.enter(torch.cat([seen, *geometry], 1))
        for block in self.blocks:
            x = block(x, descriptor)
        x = self.widen(double(x))  # (B, C, 64, 64)
        residual = FLOW_UNIT * double(self.flow(x))
        return head + residual, body + residual, shares, on_face


class Renderer(nn.Module):
    r"""I~_t = renderer(portrait, coefficients around t).

    Paper: Sec. 3.3, in place of PIRenderer [36].

    Args:
        config: RendererConfig.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        d = config.descriptor_dim
        self.register_buffer("mean", torch.zeros(COEFFICIENT_DIM))
        self.register_buffer("std", torch.ones(COEFFICIENT_DIM))
        self.register_buffer("rest", torch.zeros(COEFFICIENT_DIM))  # the median
        self.encoder = Encoder(config)
        self.describe = nn.Sequential(
            he(nn.Linear((config.window + 1) * COEFFICIENT_DIM + 2 * config.width, d)),
            nn.ReLU(),
            he(nn.Linear(d, d)),
            nn.ReLU(),
        )
        self.motion = Motion(config)
        self.face = Face(config, EXPRESSIONS)

    def set_statistics(self, coefficients):
        r"""Remember mean, std and median of the training coefficients.

        Args:
            coefficients: (N, 70).
        """
        std = coefficients.std(0)
        self.mean.copy_(coefficients.mean(0))
        self.rest.copy_(coefficients.median(0).values)
        self.std.copy_(std.clamp(min=1e-3 * std.max().item()))

    def encode(self, portrait, coefficients=None):
        r"""All that is computed once a portrait.

        Paper: Sec. 3.3; PIRenderer encodes the portrait again for every frame.

        Args:
            portrait: (B, 3, 256, 256) in [0, 1].
            coefficients: (B, 257) or (B, 70), the portrait's own; None takes it for the average
                of the training data, seen from the front.

        Returns:
            Encoded.

        Raises:
            ValueError: portrait or coefficients have another shape.
        """
        if portrait.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"portrait has shape {tuple(portrait.shape)}; (B, 3, 256, 256) needed")
        if coefficients is None:
            coefficients = self.mean.expand(len(portrait), -1)
        if coefficients.shape[-1] == COEFF_DIM:
            coefficients = to_motion(coefficients)
        if coefficients.shape != (len(portrait), COEFFICIENT_DIM):
            raise ValueError(
                f"coefficients have shape {tuple(coefficients.shape)}; "
                f"({len(portrait)}, 70) or ({len(portrait)}, 257) needed"
            )
        encoded = self.encoder(portrait, coefficients)
        own = self.motion.surface(self._expression(coefficients))
        encoded = encoded._replace(shape=torch.cat([encoded.shape, own], 1))
        return self.encode_face(portrait, encoded)

    def encode_face(self, portrait, encoded):
        r"""The last part of encode: what the portrait's face leaves on its chart.

        Ours.

        Args:
            portrait: (B, 3, 256, 256) in [0, 1].
            encoded: Encoded, complete but for that.

        Returns:
            Encoded.
        """
        own = encoded.coefficients
        fine, coarse, maps = self.face.encode(
            portrait, own, self._expression(own), self._face_points(encoded)
        )
        encoded = encoded._replace(face_fine=fine, face_coarse=coarse, face_maps=maps)
        return encoded._replace(face_still=self._on_chart(encoded, own))

    def _on_chart(self, encoded, target):
        """What the chart of the face says of a frame (B, 6, 144, 128)."""
        own = self._expression(encoded.coefficients)
        return self.face(encoded, own, self._expression(target))

    def _face_points(self, encoded):
        """Head points (B, 144, 128, 3) of the face's cells, with the portrait's relief."""
        points = chart_points(FACE, encoded.coefficients)
        relief = sample(encoded.shape[:, :1], chart_place(points)).permute(0, 2, 3, 1)
        return torch.cat([points[..., :2], points[..., 2:] + relief], -1)

    def face_places(self, encoded, target):
        r"""Where portrait and frame show the cells of the face's chart.

        Ours.

        Args:
            encoded: Encoded.
            target: (B, 70), coefficients of the frame.

        Returns:
            (B, 144, 128, 2) each, in halves of the frame; the portrait's by the head's flow alone.
        """
        points = self._face_points(encoded)
        moved = self.motion.moved(encoded, self._expression(target), chart_place(points))
        source = place_points(encoded.coefficients, points - moved.permute(0, 2, 3, 1))
        return source, place_points(target, points)

    def unrolled(self, portrait, encoded, target, source):
        r"""The face of a frame on its chart, moved and covered, without the frame.

        Ours: a tenth of a frame's work, for the first steps of training.

        Args:
            portrait: (B, 3, 256, 256) in [0, 1].
            encoded: Encoded.
            target: (B, 70), coefficients of the frame.
            source: (B, 144, 128, 2), of face_places.

        Returns:
            (B, 3, 144, 128).
        """
        chart = self._on_chart(encoded, target) - encoded.face_still
        shift, colour, share = chart.split((2, 3, 1), 1)
        flow = shift_to_flow(shift, encoded.coefficients).permute(0, 2, 3, 1)
        face = sample(portrait, source + flow)
        return (1 - share) * face + colour

    def _expression(self, coefficients):
        """The expression of (B, 70) coefficients in standard deviations."""
        return ((coefficients - self.mean) / self.std)[:, MOTION_EXP]

    def render(self, encoded, coefficients):
        r"""One frame for each window of coefficients, not yet clamped, and its flow.

        Paper: Sec. 3.3.

        Args:
            encoded: Encoded of batch B, or of batch 1 for B frames of one portrait.
            coefficients: (B, window, 70), the frame in the middle; or (B, 70), standing still.

        Returns:
            Rendered.

        Raises:
            ValueError: the coefficients have another shape.
        """
        if coefficients.ndim == 2:
            coefficients = coefficients[:, None].expand(-1, self.config.window, -1)
        if coefficients.shape[1:] != (self.config.window, COEFFICIENT_DIM):
            raise ValueError(
                f"coefficients have shape {tuple(coefficients.shape)}; "
                f"(B, {self.config.window}, 70) or (B, 70) needed"
            )
        encoded = Encoded(*(x.expand(len(coefficients), *x.shape[1:]) for x in encoded))
        target = coefficients[:, self.config.window // 2]  # (B, 70)
        away = (coefficients - encoded.coefficients[:, None]) / self.std
        own = (encoded.coefficients - self.mean) / self.std
        descriptor = self.describe(torch.cat([away.flatten(1), own, encoded.person], 1))
        expression = self._expression(target)
        head, body, shares, on_face = self.motion(encoded, target, expression, descriptor)
        chart = self._on_chart(encoded, target) - encoded.face_still
        on_frame = sample(chart, double(double(on_face)).permute(0, 2, 3, 1))
        shift, colour, share = on_frame.split((2, 3, 1), 1)
        fine = double(head) + shift_to_flow(shift, encoded.coefficients)  # (B, 2, 256, 256)
        front = cover(_warp(encoded.head, fine), colour, share)
        image = compose(front, _warp(encoded.body, body), encoded.still)
        return Rendered(image, _mixed(F.avg_pool2d(fine, 2), body, shares))

    def at_rest(self, portrait, coefficients):
        r"""A portrait brought to rest: as it would look with the median expression.

        Ours: nobody listens for a minute with the laugh of the one moment that the portrait shows.

        Args:
            portrait: (B, 3, 256, 256) in [0, 1].
            coefficients: (B, 70), its own.

        Returns:
            (portrait, coefficients) at rest, of the same shapes; the pose is kept.
        """
        rested = coefficients.clone()
        rested[:, MOTION_EXP] = self.rest[MOTION_EXP]
        return self(self.encode(portrait, coefficients), rested), rested

    def forward(self, encoded, coefficients):
        r"""One frame for each window of coefficients.

        Paper: Sec. 3.3, I~_t.

        Args:
            encoded: Encoded of batch B, or of batch 1 for B frames of one portrait.
            coefficients: (B, window, 70), the frame in the middle; or (B, 70), standing still.

        Returns:
            (B, 3, 256, 256) in [0, 1].
        """
        return self.render(encoded, coefficients).image.clamp(0, 1)


def _over(front, back):
    """Share of two things together, one before the other."""
    return front + (1 - front) * back


def _mixed(head, body, shares):
    """One flow of the flows of head and body (B, 2, 128, 128); what stands still has none."""
    return shares[:, :1] * head + shares[:, 1:2] * body


def _warp(x, flow):
    """Maps of any size read along the flow."""
    side = x.shape[-1]
    while flow.shape[-1] < side:
        flow = double(flow)
    if flow.shape[-1] > side:
        flow = F.avg_pool2d(flow, flow.shape[-1] // side)
    return sample(x, pixel_grid(side, flow) + flow.permute(0, 2, 3, 1))
