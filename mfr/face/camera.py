r"""Deep3DFaceRecon's camera: angles and trans to pixels of its 224x224 crop and of our frames.

pitch + lowers the nose, yaw + turns it to the image's right, roll + raises the eye line to the
image's right. The camera sits at z = 10 and looks down the z axis. u grows to the right, v upwards.
"""

from functools import lru_cache

import torch
from torch.nn import functional as F

from mfr.face.arrays import as_tensor, check_width, constant, like

FOCAL, CROP_CENTRE, CAMERA_Z = 1015.0, 112.0, 10.0  # [pixels], [pixels], [units]
FRAME_SIZE = 256  # side of our frames [pixels]
ZOOM = FOCAL / (FRAME_SIZE / 2)  # focal length in halves of our frame
FRAME_PARAMS = (256.0, 256.0, 1.0, 128.0, 128.0)  # transform_params of our own frames


def rotation_matrix(angle):
    r"""R = Rz(roll) Ry(yaw) Rx(pitch); a point, as a row, turns by p R^T.

    Args:
        angle: (..., 3) pitch, yaw, roll [rad].

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: the last axis is not 3 wide.
    """
    x = as_tensor(angle)
    check_width("angle", x, 3)
    (cx, cy, cz), (sx, sy, sz) = torch.cos(x).unbind(-1), torch.sin(x).unbind(-1)
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return like(angle, torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2))


def project(points, angle, trans, focal=FOCAL, centre=(CROP_CENTRE, CROP_CENTRE)):
    r"""w = p R^T + trans; depth = 10 - w_z; (u, v) = focal (w_x, w_y)/depth + centre.

    u grows to the right and v upwards, both from the picture's lower left corner, as in
    Deep3DFaceRecon: a picture of H rows has v in row H - 1 - v.

    Points (B, N, 3) of a face about 2 units tall, angle (B, 3) [rad], trans (B, 3) [units]; focal
    length and (u, v) of the optical axis [pixels] -> (B, N, 3): u, v [pixels], depth [units].

    Raises:
        ValueError: a last axis is not 3 wide.
    """
    x, shift = as_tensor(points), as_tensor(trans)
    check_width("points", x, 3)
    check_width("trans", shift, 3)
    world = x @ rotation_matrix(as_tensor(angle)).transpose(-1, -2) + shift.unsqueeze(-2)
    depth = CAMERA_Z - world[..., 2:]
    image = focal * world[..., :2] / depth + constant(tuple(centre), world)
    return like(points, torch.cat([image, depth], dim=-1))


def crop_to_frame(points, transform_params):
    r"""Pixels of the 224 crop to pixels of the original picture: (tx, ty) + (p - 112)/scale.

    Deep3DFaceRecon scales the picture and cuts 224x224 around (tx, ty), y counted upwards.

    Args:
        points: (..., N, 2) u, v in the crop, v upwards [pixels].
        transform_params: (5,) or (..., 5): width, height, scale, tx, ty.

    Returns:
        (..., N, 2) u, v in the original picture, v upwards [pixels].

    Raises:
        ValueError: a last axis has the wrong width, or a scale is not above 0.
    """
    x, params = as_tensor(points), _checked(transform_params)
    check_width("points", x, 2)
    params = params.to(x).unsqueeze(-2)
    return like(points, params[..., 3:] + (x - CROP_CENTRE) / params[..., 2:3])


def _checked(transform_params):
    params = as_tensor(transform_params)
    check_width("transform_params", params, 5)
    if not (params[..., 2] > 0).all():
        scale = params[..., 2].min().item()
        raise ValueError(f"transform_params hold the scale {scale}; allowed: above 0")
    return params


def frame_camera(transform_params):
    r"""The camera that took the original picture, once that is brought to 256x256.

    The picture is scaled until it covers 256x256 and its middle is kept, as media.read_video does.

    Args:
        transform_params: (..., 5): width, height, scale, tx, ty.

    Returns:
        (focal (...,), centre (..., 2)) [pixels of the 256x256 frame], v upwards.

    Raises:
        ValueError: the last axis is not 5 wide, or a scale is not above 0.
    """
    params = _checked(transform_params)
    size, scale, middle = params[..., :2], params[..., 2], params[..., 3:]
    grow = FRAME_SIZE / size.amin(-1)
    centre = FRAME_SIZE / 2 + grow.unsqueeze(-1) * (middle - size / 2)
    return like(transform_params, FOCAL * grow / scale), like(transform_params, centre)


def to_frame_camera(coeff, transform_params):
    r"""The trans that shows the same picture in the 256x256 frame's own camera.

    That camera has focal 1015 and looks at (128, 128); instead of zooming, the head moves nearer or
    farther. Exact for points at the head's depth, to first order for the others: 45 pixels off the
    middle the tip of the nose is off by 5.

    coeff (..., D) is fitted to the 224 crop and ends in trans, as all 257 and the 70 that move do;
    transform_params (5,) or (..., 5) -> (..., D), trans alone changed.

    Raises:
        ValueError: coeff has fewer than 3 numbers, the params are not 5 wide, or a scale is not
            above 0.
    """
    x = as_tensor(coeff)
    if x.ndim == 0 or x.shape[-1] < 3:
        raise ValueError(f"coeff has shape {tuple(x.shape)}; allowed: (..., D) that ends in trans")
    focal, centre = frame_camera(as_tensor(transform_params).to(x))
    depth = CAMERA_Z - x[..., -1]
    nearer = depth * (1 - FOCAL / focal)  # exactly 0 for our own frames
    aside = x[..., -3:-1] + (centre - FRAME_SIZE / 2) * ((depth - nearer) / FOCAL).unsqueeze(-1)
    moved = [x[..., :-3], aside, x[..., -1:] + nearer.unsqueeze(-1)]
    return like(coeff, torch.cat(moved, dim=-1))


def pixel_grid(side, like):
    r"""Pixel centres of a square picture, (side, side, 2), in halves of the frame from its middle.

    x to the right, y downward, as grid_sample has it; dtype and device are those of `like`. Made
    once: do not write to it.
    """
    return _grid(side, like.dtype, like.device)


@lru_cache(maxsize=32)
def _grid(side, dtype, device):
    with torch.inference_mode(False):  # a training step may be the next to read it
        axis = (torch.arange(side, dtype=dtype, device=device) + 0.5) * 2 / side - 1
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        return torch.stack([x, y], -1)


def sample(x, places):
    r"""Bilinear reading of maps (B, C, h, w) at places (B, h', w', 2), edges repeated.

    Places are in halves of the map. A zero flow reads every pixel itself; PIRenderer's mixed
    corner rules do not.
    """
    return F.grid_sample(x, places, padding_mode="border", align_corners=False)
