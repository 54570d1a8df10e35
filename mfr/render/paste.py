r"""Back into the photograph: the square moves, what surrounds it stands still.

The square is rendered with 256 pixels; where it shows what the portrait shows, the photograph's
own pixels stay, as sharp as they are. Towards its border the square fades into the photograph, but
not where that ends there too.
"""

import numpy as np
import torch
from torch.nn import functional as F

FADE = 0.16  # share of the side over which the border fades
STILL = 0.05  # change, of white, at which 1/e of the photograph's fine detail is left
SOFT = 9  # over how many pixels of the 256 a change counts


def into(picture, square, pixels, frames):
    r"""Whole pictures with each frame in the place of the square.

    Args:
        picture: uint8 (H, W, 3).
        square: with x, y, side [pixels] and tilt [rad], as mfr.face.finder.Face.
        pixels: uint8 (h, h, 3), what the square shows, in the size of the frames.
        frames: iterable of uint8 (h, h, 3).

    Returns:
        Iterator of uint8 (H, W, 3).
    """
    rows, columns = _box(square, *picture.shape[:2])
    grid, alpha = _grid(square, rows, columns, picture.shape)
    part = _image(picture[rows, columns])
    portrait = _image(pixels)
    detail = part - _grown(portrait, grid)
    for frame in frames:
        shown = _image(frame)
        change = F.avg_pool2d((shown - portrait).abs().amax(1, keepdim=True), SOFT, 1, SOFT // 2)
        kept = _grown((-change / STILL).exp(), grid)
        moved = _grown(shown, grid) + kept * detail
        mixed = part + alpha * (moved - part)
        whole = picture.copy()
        mixed = (mixed.clamp(0, 1)[0] * 255).round().byte().permute(1, 2, 0)
        whole[rows, columns] = mixed.numpy()
        yield whole


def _image(pixels):
    """uint8 (H, W, C) -> float (1, C, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


def _grown(image, grid):
    return F.grid_sample(image, grid, "bicubic", "border", align_corners=False)


def _box(square, height, width):
    """The rows and columns that hold the square."""
    reach = square.side * (abs(np.cos(square.tilt)) + abs(np.sin(square.tilt))) / 2
    top, left = (max(0, int(np.floor(v - reach))) for v in (square.y, square.x))
    bottom, right = (
        min(room, int(np.ceil(v + reach))) for v, room in ((square.y, height), (square.x, width))
    )
    return slice(top, bottom), slice(left, right)


def _grid(square, rows, columns, shape):
    """Where each pixel lies in the square, -1 .. 1, and how much of the square it shows."""
    y = torch.arange(rows.start, rows.stop)[:, None] + 0.5 - square.y
    x = torch.arange(columns.start, columns.stop)[None] + 0.5 - square.x
    c, s = float(np.cos(square.tilt)), float(np.sin(square.tilt))
    u, v = (c * x - s * y) * 2 / square.side, (s * x + c * y) * 2 / square.side
    half = square.side / 2
    room = {  # from each edge of the square to the picture's
        "left": square.x - half,
        "right": shape[1] - square.x - half,
        "top": square.y - half,
        "bottom": shape[0] - square.y - half,
    }
    alpha = ((u.abs() <= 1) & (v.abs() <= 1)).float()
    for edge, inwards in (("left", 1 + u), ("right", 1 - u), ("top", 1 + v), ("bottom", 1 - v)):
        if square.tilt or room[edge] > 1.5:
            t = (inwards / (2 * FADE)).clamp(0, 1)
            alpha = alpha * t * t * (3 - 2 * t)
    return torch.stack([u, v], -1)[None].float(), alpha[None, None]
