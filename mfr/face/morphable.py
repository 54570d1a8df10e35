r"""The linear face model that the 257 coefficients speak of: its points' places, and their colours.

Paper: Sec. 4.1.3 has them from a 3DMM reconstruction. A data folder may hold the model itself as
`face_model.mat`, in the layout of Deep3DFaceRecon's BFM_model_front.mat; synthetic sets do. The
reconstruction learns from it, and nothing else needs it.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from mfr.face.camera import project, rotation_matrix
from mfr.face.coefficients import ANGLE, EXP, GAMMA, ID, TEX, TRANS
from mfr.face.matfile import read_mat
from mfr.files.whole import existing

FILE = "face_model.mat"  # in a data folder
AMBIENT = 0.8  # Deep3DFaceRecon's light where gamma is zero
NEEDED = ("meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "keypoints")


class MorphableModel(NamedTuple):
    r"""The model's arrays; V points, F triangles."""

    mean: Tensor  # (V, 3) [units]
    basis: Tensor  # (V, 3, 144): of id, then of exp
    albedo: Tensor  # (V, 3) in [0, 1]
    albedo_basis: Tensor  # (V, 3, 80), of tex
    triangles: Tensor  # (F, 3) int64, counter-clockwise seen from outside
    landmarks: Tensor  # (68,) int64, points in the iBUG order

    def to(self, device):
        r"""The same model on a device."""
        return MorphableModel(*(array.to(device) for array in self))


def read_model(path):
    r"""Read a model in the layout of BFM_model_front.mat.

    It holds meanshape (1, 3 V), idBase (3 V, 80), exBase (3 V, 64), meantex (1, 3 V), texBase
    (3 V, 80), tri (F, 3), keypoints (1, 68). Its numbers count from 1, its colours go to 255, and
    its head is moved to have its middle at the origin, unless the file says where that is
    (`origin`, 3 numbers).

    Raises:
        ValueError: no such file, a variable is missing or has another shape, a number is not
            finite, or a triangle or landmark has a corner that is no point.
    """
    content = read_mat(existing(path, "face model"))
    names = (*NEEDED, "origin") if "origin" in content else NEEDED
    missing = [name for name in names if not isinstance(content.get(name), np.ndarray)]
    if missing:
        raise ValueError(
            f"{path}: has no numbers {', '.join(missing)}; a face model holds {', '.join(NEEDED)}"
        )
    count = content["meanshape"].size // 3
    widths = {"meanshape": 1, "idBase": 80, "exBase": 64, "meantex": 1, "texBase": 80}
    shapes = {name: (3 * count, width) for name, width in widths.items()}
    shapes |= {"tri": (len(content["tri"]), 3), "keypoints": (68, 1), "origin": (3, 1)}
    arrays = {}
    for name in names:
        array, shape = content[name], shapes[name]
        if array.shape not in (shape, shape[::-1]) or not array.size:
            raise ValueError(f"{path}: {name} has shape {array.shape}; allowed: {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} holds a number that is not finite")
        arrays[name] = np.array(array if array.shape == shape else array.T, order="C")
    for name in ("tri", "keypoints"):
        low, high = arrays[name].min(), arrays[name].max()
        if low < 1 or high > count:
            raise ValueError(f"{path}: {name} names points {low} .. {high}; allowed: 1 .. {count}")
    x = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in widths}
    mean = x["meanshape"].view(-1, 3)
    origin = mean.mean(0)
    if "origin" in arrays:
        origin = torch.from_numpy(arrays["origin"].astype(np.float32)).flatten()
    return MorphableModel(
        mean - origin,
        torch.cat([x["idBase"], x["exBase"]], 1).view(-1, 3, 144),
        x["meantex"].view(-1, 3) / 255,
        x["texBase"].view(-1, 3, 80) / 255,
        torch.from_numpy(arrays["tri"].astype(np.int64)) - 1,
        torch.from_numpy(arrays["keypoints"].astype(np.int64)).flatten() - 1,
    )


def shape(model, coefficients, points=slice(None)):
    r"""S = mean + B_id id + B_exp exp: (B, 257) -> (B, V, 3) [units], before the head turns.

    Paper: Sec. 4.1.3, the 3DMM of [10]. `points` chooses among the model's V.
    """
    form = torch.cat([coefficients[:, ID], coefficients[:, EXP]], 1)
    return model.mean[points] + torch.einsum("vck,bk->bvc", model.basis[points], form)


def landmark_places(model, coefficients):
    r"""Where the 68 landmarks are seen: (B, 257) -> (B, 68, 2).

    u, v of the 224 crop, v upwards [pixels]; also of the 256 frame but for 16.
    """
    points = shape(model, coefficients, model.landmarks)
    return project(points, coefficients[:, ANGLE], coefficients[:, TRANS])[..., :2]


def normals(points, triangles):
    r"""Unit normals of points: the mean of the triangles that meet there, weighted by area.

    Points (B, V, 3), triangles (F, 3) int64 -> (B, V, 3).
    """
    a, b, c = points[:, triangles].unbind(2)  # (B, F, 3) each
    across = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(points)
    for corner in triangles.unbind(1):
        total = total.index_add(1, corner, across)
    return normalize(total, dim=2)


def light(directions, gamma):
    r"""Light by direction, in spherical harmonics of nine terms a channel.

    The formulas and constants of Deep3DFaceRecon. Unit normals (B, V, 3), gamma (B, 27), channel
    after channel, 0.8 added to the first of each -> (B, V, 3) factors of the albedo.
    """
    x, y, z = directions.unbind(2)
    a0c0, a1c1, a2c2 = math.pi**0.5 / 2, math.pi**0.5, (15 * math.pi / 8) ** 0.5
    bands = torch.stack(
        [
            torch.full_like(x, a0c0),
            -a1c1 * y,
            a1c1 * z,
            -a1c1 * x,
            a2c2 * x * y,
            -a2c2 * y * z,
            0.5 * a2c2 / 3**0.5 * (3 * z * z - 1),
            -a2c2 * x * z,
            0.5 * a2c2 * (x * x - y * y),
        ],
        2,
    )
    gamma = gamma.unflatten(1, (3, 9)).transpose(1, 2).clone()
    gamma[:, 0] += AMBIENT
    return bands @ gamma


def colours(model, coefficients):
    r"""The face at each point, albedo times light: (B, 257) -> (B, V, 3), about [0, 1]."""
    tex = torch.einsum("vck,bk->bvc", model.albedo_basis, coefficients[:, TEX])
    outward = normals(shape(model, coefficients), model.triangles)
    turned = outward @ rotation_matrix(coefficients[:, ANGLE]).transpose(1, 2)
    return (model.albedo + tex) * light(turned, coefficients[:, GAMMA])
