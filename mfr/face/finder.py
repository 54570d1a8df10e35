r"""Where the faces of a picture are, and the square around one that training frames show.

A face's square has the head's middle, which lies between nose and eyes, in its own middle, and
256 pixels of a training frame along its side. A small network that knows faces of about one size
looks at the picture in ever smaller sizes, so that every face has that size once.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mfr.config import IMAGE_SIZE
from mfr.face.camera import CAMERA_Z, FOCAL
from mfr.face.coefficients import ANGLE, TRANS

SQUARE = 56  # side of a face's square where the network knows it best [pixels]
STRIDE = 8  # pixels a cell of its map
SHORTEST = 288  # side of the picture in its largest size [pixels]: an eighth of it is 36
LONGEST = 640  # of that size [pixels]
STEP = 2**0.75  # between sizes
MARGIN = 40  # grey around the picture [pixels]
SIZES = (-0.25, 0.0, 0.25)  # in which a face is looked at again [octaves]
FIRST, SURE = 0.3, 0.6  # what is looked at again; what is a face
MOST = 12  # squares that are looked at again
APART = 0.5  # two squares nearer than this share of the larger side are one face
UPRIGHT = 0.15  # as far as this training frames tilt, so the square does not [rad]
BELIEVED = 0.65  # weight of the reconstruction's size beside the network's
LONG = 0.96  # both read real faces, which are longer than the ones they know, as too large
TURNS = 3  # how often the reconstruction moves the square


class Face(NamedTuple):
    r"""A square of a picture [pixels, from the upper left corner; rad]."""

    x: float  # of its middle, to the right
    y: float  # downwards
    side: float
    tilt: float = 0.0  # of the eye line, + raises it at the picture's right
    score: float = 1.0  # how sure it is that this is a face

    def corners(self):
        r"""The square's corners, from the upper left one clockwise.

        Returns:
            Four (x, y).
        """
        c, s = math.cos(self.tilt) * self.side / 2, math.sin(self.tilt) * self.side / 2
        around = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return [(self.x + c * a + s * b, self.y - s * a + c * b) for a, b in around]


class FinderNet(nn.Module):
    r"""Pixels to a map of faces; it sees 71 x 71 pixels around each cell.

    Args:
        config: FinderConfig.
    """

    def __init__(self, config):
        super().__init__()
        c = config.width
        self.body = nn.Sequential(
            _block(3, 2 * c, 4, 7),
            _block(2 * c, 2 * c),
            _block(2 * c, 4 * c, 2),
            _block(4 * c, 4 * c),
            _block(4 * c, 4 * c),
            _block(4 * c, 4 * c),
        )
        self.head = nn.Conv2d(4 * c, 5, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        nn.init.constant_(self.head.bias[:1], -3.0)  # few cells are faces

    def forward(self, images):
        r"""What each cell says of a face that it may be the middle of.

        Args:
            images: (B, 3, h, w) in [0, 1], h and w multiples of 8.

        Returns:
            (B, 5, h / 8, w / 8): logit; x and y of the square's middle from the cell's [SQUARE];
            log2 of its side [SQUARE]; tilt [rad].
        """
        return self.head(self.body(images * 4 - 2))


def _block(inputs, outputs, stride=1, size=3):
    """Batch norm, not group norm: what a cell says must not depend on far parts of the picture."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def cell_middles(height, width, like):
    r"""Where the cells of a map lie: (2, height, width), x and y of their middles [pixels]."""
    y, x = (STRIDE * (torch.arange(n).to(like) + 0.5) for n in (height, width))
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])


def read_map(found):
    r"""A map of the network as squares.

    Args:
        found: (5, h, w) of one picture.

    Returns:
        (h w, 5): x, y, side [pixels], tilt [rad], score in [0, 1].
    """
    middles = cell_middles(*found.shape[1:], found)
    x, y = middles + SQUARE * found[1:3]
    side = SQUARE * 2 ** found[3].clamp(-2, 2)
    return torch.stack([x, y, side, found[4], found[0].sigmoid()]).flatten(1).T


@torch.no_grad()
def find(net, picture, sure=SURE):
    r"""The faces of a picture, the largest first.

    Args:
        net: FinderNet, trained.
        picture: uint8 tensor or array (H, W, 3).
        sure: smallest score that counts.

    Returns:
        List of Face.
    """
    image = as_image(picture).to(next(net.parameters()).device)
    height, width = image.shape[2:]
    scale = min(SHORTEST / min(height, width), LONGEST / max(height, width))
    seen = []
    while scale * max(height, width) > SQUARE * 0.6:
        level = _resized(image, scale)
        squares = read_map(net(_framed(level))[0])
        squares[:, :2] -= MARGIN
        squares[:, 0] *= width / level.shape[3]
        squares[:, 1] *= height / level.shape[2]
        squares[:, 2] *= max(height, width) / max(level.shape[2:])
        seen.append(squares[squares[:, 4] > FIRST])
        scale /= STEP
    faces = _distinct([Face(*row) for row in torch.cat(seen).tolist()])
    faces = _distinct([_again(net, image, face, SIZES[1:2]) for face in faces[:MOST]])
    faces = _distinct([_again(net, image, face) for face in faces if face.score > FIRST])
    inside = [f for f in faces if f.score > sure and 0 < f.x < width and 0 < f.y < height]
    return sorted(inside, key=lambda face: -face.side)


def as_image(picture):
    r"""uint8 (H, W, 3) -> float (1, 3, H, W) in [0, 1]."""
    if not isinstance(picture, torch.Tensor):
        picture = torch.from_numpy(np.array(picture))
    return picture.permute(2, 0, 1)[None].float() / 255


def _resized(image, scale):
    size = [max(16, round(scale * side)) for side in image.shape[2:]]
    return F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def _framed(level):
    """The picture with grey around it, its sides multiples of the stride."""
    height, width = level.shape[2:]
    right, bottom = (MARGIN + -side % STRIDE for side in (width, height))
    return F.pad(level, (MARGIN, right, MARGIN, bottom), value=0.5)


def _distinct(faces):
    """Of squares in one place the one with the highest score."""
    kept = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(_apart(face, other) for other in kept):
            kept.append(face)
    return kept


def _apart(face, other):
    """Whether two squares are of two faces."""
    distance = math.hypot(face.x - other.x, face.y - other.y)
    return distance > APART * max(face.side, other.side)


@torch.no_grad()
def look_again(net, picture, face):
    r"""A face about where it was in the picture before, uint8 (H, W, 3).

    Its score falls below FIRST where there is none.
    """
    image = as_image(picture).to(next(net.parameters()).device)
    return _again(net, image, face._replace(score=1.0))


def _again(net, image, face, sizes=SIZES):
    """The same face seen upright, in sizes near the best known one, and in a mirror."""
    grow = [face.side / SQUARE * 2**octaves for octaves in sizes]  # pixels of the picture a pixel
    views = torch.cat(
        [cut(image, face._replace(side=2 * SQUARE * g), 2 * SQUARE, 0.5) for g in grow]
    )
    found = net(torch.cat([views, views.flip(3)]))
    straight, mirrored = found.chunk(2)
    mirrored = mirrored.flip(3) * found.new_tensor([1, -1, 1, 1, -1])[:, None, None]
    seen = []
    for view, g in zip((straight + mirrored) / 2, grow):
        squares = read_map(view)
        middle = ((squares[:, :2] - SQUARE) ** 2).sum(1).sqrt() < 0.3 * SQUARE
        best = squares[squares[:, 4].masked_fill(~middle, -1).argmax()]
        x, y, side, tilt, score = best.tolist()
        seen.append(((x - SQUARE) * g, (y - SQUARE) * g, math.log2(side * g), tilt, score))
    seen = torch.tensor(seen, dtype=torch.float64)
    across, down, octaves, tilt, _ = seen.median(0).values.tolist()
    c, s = math.cos(face.tilt), math.sin(face.tilt)
    return Face(
        face.x + c * across + s * down,
        face.y - s * across + c * down,
        2**octaves,
        face.tilt + tilt,
        math.sqrt(float(seen[:, 4].mean()) * face.score),
    )


def cut(image, face, size, beyond=None):
    r"""The pixels of a square, turned upright, in another size.

    Args:
        image: (1, C, H, W) in [0, 1], or uint8.
        face: Face; where it is upright and its edges are whole pixels, nothing is blurred.
        size: side of the result [pixels].
        beyond: value outside of the picture, or None to repeat its edge.

    Returns:
        (1, C, size, size).
    """
    reach = face.side * (abs(math.cos(face.tilt)) + abs(math.sin(face.tilt))) / 2
    left, top = (math.floor(v - reach + 1e-6) for v in (face.x, face.y))
    right, bottom = (math.ceil(v + reach - 1e-6) for v in (face.x, face.y))
    part = _window(image, left, top, right, bottom, beyond)
    part = part.float() / 255 if part.dtype == torch.uint8 else part
    shrink = max(1.0, face.side / size)
    sides = [max(1, round(side / shrink)) for side in part.shape[2:]]
    part = F.interpolate(part, sides, mode="bicubic", antialias=True, align_corners=False)
    if face.tilt == 0 and sides == [size, size]:
        return part.clamp(0, 1)
    pixel = (torch.arange(size).to(part) + 0.5) / size - 0.5  # of the side, from the middle
    y, x = torch.meshgrid(pixel * face.side, pixel * face.side, indexing="ij")
    c, s = math.cos(face.tilt), math.sin(face.tilt)
    across = (face.x + c * x + s * y - left) / (right - left)
    down = (face.y - s * x + c * y - top) / (bottom - top)
    grid = 2 * torch.stack([across, down], -1)[None] - 1
    return F.grid_sample(
        part, grid, mode="bicubic", padding_mode="border", align_corners=False
    ).clamp(0, 1)


def _window(image, left, top, right, bottom, beyond):
    """Pixels top:bottom, left:right of a picture and of what surrounds it."""
    height, width = image.shape[2:]
    if beyond is not None:
        inside = image[:, :, max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        around = (-left, right - width, -top, bottom - height)
        return F.pad(inside, [max(0, by) for by in around], value=beyond)
    rows = torch.arange(top, bottom, device=image.device).clamp(0, height - 1)
    columns = torch.arange(left, right, device=image.device).clamp(0, width - 1)
    return image[:, :, rows][:, :, :, columns]


@torch.no_grad()
def refine(reconstruct, picture, face):
    r"""Move the square until the reconstructed head lies in it as training heads lie in frames.

    Args:
        reconstruct: (B, 3, 256, 256) in [0, 1] -> (B, 257).
        picture: uint8 (H, W, 3).
        face: Face, about right.

    Returns:
        Face; of the one given where the reconstruction would lead far away from it.
    """
    image, moved = as_image(picture), face
    device = next(reconstruct.parameters()).device
    for _ in range(TURNS):
        view = cut(image, moved, IMAGE_SIZE).to(device)
        moved = framed_by(reconstruct(view)[0].cpu(), moved)
        far = math.hypot(moved.x - face.x, moved.y - face.y) > 0.25 * face.side
        if far or abs(math.log2(moved.side / face.side)) > 0.5:
            return face
    octaves = (1 - BELIEVED) * math.log2(face.side) + BELIEVED * math.log2(moved.side)
    return moved._replace(side=LONG * 2**octaves)


def framed_by(coefficients, face):
    r"""The square in which a head would have trans 0 and roll 0.

    Args:
        coefficients: (257,) of what the square shows.
        face: Face, the square.

    Returns:
        Face.
    """
    x, y, z = coefficients[TRANS].tolist()
    per_pixel = face.side / IMAGE_SIZE
    across, down = (FOCAL * v / (CAMERA_Z - z) * per_pixel for v in (x, -y))
    c, s = math.cos(face.tilt), math.sin(face.tilt)
    return Face(
        face.x + c * across + s * down,
        face.y - s * across + c * down,
        face.side * CAMERA_Z / (CAMERA_Z - z),
        face.tilt + float(coefficients[ANGLE][2]),
        face.score,
    )


def settle(face, width, height, near=0.12):
    r"""The square as it is cut: whole pixels, inside the picture, upright where the head is.

    A picture that is a square and framed nearly so is taken as it is.

    Args:
        face: Face.
        width: of the picture [pixels].
        height: [pixels].
        near: of the side: how far a square picture may be from the square found.

    Returns:
        Face.
    """
    shortest = min(width, height)
    side = max(16, min(round(face.side), shortest))
    tilt = face.tilt if abs(face.tilt) > UPRIGHT else 0.0
    left, top = (
        min(max(0, round(v - side / 2)), room - side)
        for v, room in ((face.x, width), (face.y, height))
    )
    if width == height and side > (1 - near) * shortest and not tilt:
        left, top, side = 0, 0, shortest
    return Face(left + side / 2, top + side / 2, side, tilt, face.score)
