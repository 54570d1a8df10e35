r"""The face as 257 numbers a frame: slices, units, orders, statistics, .mat in and out.

Deep3DFaceRecon's layout. Angles are pitch, yaw, roll in radians; mfr/face/camera.py has their signs
and turns the numbers into pixels. Functions take numpy arrays or torch tensors and give back the
same.
"""

import numpy as np
import torch
from torch import nn

from mfr.face.arrays import as_tensor, check_finite, check_width, like
from mfr.face.camera import FRAME_PARAMS
from mfr.face.matfile import read_mat, write_mat
from mfr.files.whole import existing

ID, EXP, TEX = slice(0, 80), slice(80, 144), slice(144, 224)  # shape, expression, skin
ANGLE, GAMMA, TRANS = slice(224, 227), slice(227, 254), slice(254, 257)  # [rad], light, [units]
COEFF_DIM = 257

MOTION_ANGLE, MOTION_EXP, MOTION_TRANS = slice(0, 3), slice(3, 67), slice(67, 70)
MOTION_DIM = 70

WIDTHS = {"id": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "trans": 3, "crop": 3}
ORDERS = {
    "coeff": ("id", "exp", "tex", "angle", "gamma", "trans"),  # Deep3DFaceRecon, 257
    "motion": ("angle", "exp", "trans"),  # ours, 70
    "vico": ("angle", "exp", "trans", "crop"),  # the ViCo baseline, 73
    "pirenderer": ("exp", "angle", "trans", "crop"),  # PIRenderer, DreamTalk, SadTalker, 73
}


def order_slices(order):
    r"""Where each part lies in a vector of that order (a key of ORDERS): dict, part -> slice.

    Raises:
        ValueError: the order is unknown.
    """
    if order not in ORDERS:
        raise ValueError(f"order {order!r} is unknown; allowed: {', '.join(ORDERS)}")
    ends = np.cumsum([WIDTHS[part] for part in ORDERS[order]]).tolist()
    return {part: slice(end - WIDTHS[part], end) for part, end in zip(ORDERS[order], ends)}


def reorder(vectors, source, target, crop=None):
    r"""The same numbers in another order: (..., width of source) -> (..., width of target).

    Orders are keys of ORDERS. crop (3,) or (..., 3) = (scale, tx, ty), the last three of
    transform_params, where the source has none.

    Raises:
        ValueError: an order is unknown, a width is wrong, or a part of the target is missing.
    """
    places, wanted = order_slices(source), order_slices(target)
    x = as_tensor(vectors)
    check_width("vectors", x, sum(WIDTHS[part] for part in places))
    parts = {part: x[..., place] for part, place in places.items()}
    if crop is not None:
        crop = as_tensor(crop).to(x.dtype)
        check_width("crop", crop, 3)
        parts["crop"] = crop.expand(*x.shape[:-1], 3)
    missing = [part for part in wanted if part not in parts]
    if missing:
        raise ValueError(f"{source} has no {', '.join(missing)}, which {target} needs")
    return like(vectors, torch.cat([parts[part] for part in wanted], dim=-1))


def to_motion(coeff):
    r"""What the listener moves: (..., 257) -> (..., 70), angle 3, exp 64, trans 3.

    Raises:
        ValueError: the last axis is not 257 wide.
    """
    return reorder(coeff, "coeff", "motion")


def from_motion(motion, reference):
    r"""The identity, skin and light of a reference, (257,) or (..., 257), with a motion (..., 70).

    (..., 257), a copy.

    Raises:
        ValueError: a last axis has the wrong width.
    """
    x, full = as_tensor(motion), as_tensor(reference)
    check_width("motion", x, MOTION_DIM)
    check_width("reference", full, COEFF_DIM)
    full = full.to(x).expand(*x.shape[:-1], COEFF_DIM).clone()
    full[..., ANGLE] = x[..., MOTION_ANGLE]
    full[..., EXP] = x[..., MOTION_EXP]
    full[..., TRANS] = x[..., MOTION_TRANS]
    return like(motion, full)


class Statistics(nn.Module):
    r"""z = (x - mean)/std, with both (D,) as buffers so that a checkpoint carries them.

    Ours: the paper is silent; angle, exp and trans differ tenfold, and without it the loss would
    see exp alone. The std has a floor of 1e-3, so that the rounding noise of a column that never
    moves is not blown up to unit variance.

    Raises:
        ValueError: shapes differ, or a value is not finite or, in std, negative.
    """

    FLOOR = 1e-3

    def __init__(self, mean, std):
        super().__init__()
        mean, std = (torch.as_tensor(value, dtype=torch.float32).clone() for value in (mean, std))
        if mean.ndim != 1 or mean.shape != std.shape:
            raise ValueError(
                f"mean {tuple(mean.shape)} and std {tuple(std.shape)}; allowed: both (D,)"
            )
        check_finite("mean", mean)
        check_finite("std", std)
        if (std < 0).any():
            raise ValueError(f"std holds {std.min().item()}; allowed: at least 0")
        self.register_buffer("mean", mean)
        self.register_buffer("std", std.clamp(min=self.FLOOR))

    @classmethod
    def fit(cls, clips):
        r"""Mean and std over all frames of all clips (L, D), read once, one in memory at a time.

        Raises:
            ValueError: a clip is not (L, D), widths differ, a value is not finite, or there is
                no frame at all.
        """
        count, mean, spread = 0, 0.0, 0.0
        for number, clip in enumerate(clips):
            x = as_tensor(clip).double()
            if x.ndim != 2 or (count and x.shape[1] != len(mean)):
                width = len(mean) if count else "D"
                raise ValueError(f"clip {number} has shape {tuple(x.shape)}; allowed: (L, {width})")
            check_finite(f"clip {number}", x)
            if len(x):  # Chan's update of the sum of squares
                shift, total = x.mean(0) - mean, count + len(x)
                spread += ((x - x.mean(0)) ** 2).sum(0) + shift**2 * count * len(x) / total
                mean, count = mean + shift * len(x) / total, total
        if count == 0:
            raise ValueError("clips hold 0 frames; at least 1 is needed")
        return cls(mean, (spread / count).sqrt())

    def normalise(self, x):
        r"""(x - mean)/std: (..., D) -> (..., D), unit variance over the training frames.

        Raises:
            ValueError: the last axis is not D wide.
        """
        value = as_tensor(x)
        check_width("x", value, len(self.mean))
        return like(x, (value - self.mean.to(value)) / self.std.to(value))

    def denormalise(self, z):
        r"""mean + std z: (..., D) -> (..., D) in the units of the data.

        Raises:
            ValueError: the last axis is not D wide.
        """
        value = as_tensor(z)
        check_width("z", value, len(self.mean))
        return like(z, value * self.std.to(value) + self.mean.to(value))

    def to_dict(self):
        r"""{"mean": (D,), "std": (D,)}: plain tensors for a checkpoint."""
        return {"mean": self.mean.clone(), "std": self.std.clone()}

    @classmethod
    def from_dict(cls, state):
        r"""Statistics from what to_dict gave.

        Raises:
            ValueError: mean or std is missing.
        """
        for name in ("mean", "std"):
            if name not in state:
                raise ValueError(f"statistics hold {list(state)}; {name!r} is missing")
        return cls(state["mean"], state["std"])


def load_mat(path):
    r"""Read a Deep3DFaceRecon file, of a video or of one picture: with `coeff`, or its parts apart.

    coeff (L, 257) float32, and transform_params (L, 5) float32 or None.

    Raises:
        ValueError: no such file, not a .mat, damaged, or not of that content; the message names the
            file, what was found and what is allowed.
    """
    content = read_mat(existing(path, "coefficients"))
    if "coeff" in content:
        coeff = _column(path, content, "coeff", COEFF_DIM)
    else:
        coeff = _from_parts(path, content)
    if "transform_params" not in content:
        return coeff, None
    params = _column(path, content, "transform_params", 5)
    _check_lengths(path, coeff, params)
    return coeff, params


def _from_parts(path, content):
    """(L, 257) of a file that holds id, exp, tex, angle, gamma, trans one by one."""
    if not all(part in content for part in ORDERS["coeff"]):
        raise ValueError(
            f"{path}: holds {', '.join(content) or 'nothing'}; needed: coeff, or all of "
            f"{', '.join(ORDERS['coeff'])}"
        )
    parts = [_column(path, content, part, WIDTHS[part]) for part in ORDERS["coeff"]]
    lengths = [len(part) for part in parts]
    if len(set(lengths)) > 1:
        raise ValueError(f"{path}: its parts have {lengths} frames; allowed: one number")
    return np.concatenate(parts, axis=1)


def _check_lengths(path, coeff, params):
    if len(params) != len(coeff):
        raise ValueError(
            f"{path}: transform_params has {len(params)} frames, coeff {len(coeff)}; allowed: equal"
        )


def _column(path, content, name, width):
    """One (L, width) table of a file, as float32."""
    table = content[name]
    if isinstance(table, str) or table.dtype.kind not in "fiu":
        found = table if isinstance(table, str) else table.dtype
        raise ValueError(f"{path}: {name} holds {found}; allowed: real numbers")
    if table.ndim != 2 or table.shape[1] != width or len(table) == 0:
        raise ValueError(f"{path}: {name} is {table.shape}; allowed: (L, {width}) with L >= 1")
    if not np.isfinite(table).all():
        frame, column = np.argwhere(~np.isfinite(table))[0]
        raise ValueError(
            f"{path}: {name} holds {table[frame, column]} in frame {frame}; allowed: finite numbers"
        )
    return np.array(table, np.float32, order="C")  # a copy: torch wants arrays it may write to


def save_mat(path, coeff, transform_params=None):
    r"""Write a Deep3DFaceRecon video file, whole or not at all.

    float32, because PIRenderer stores the bytes as they are and reads them as float32. coeff is
    (L, 257), transform_params (5,) or (L, 5), None for our own 256x256 frames.

    Raises:
        ValueError: a shape is wrong or a value is not finite.
    """
    params = np.asarray(FRAME_PARAMS if transform_params is None else transform_params)
    coeff = np.asarray(coeff)
    if params.ndim == 1:
        params = np.tile(params, (len(coeff), 1))
    content = {"coeff": coeff, "transform_params": params}
    content = {
        "coeff": _column(path, content, "coeff", COEFF_DIM),
        "transform_params": _column(path, content, "transform_params", 5),
    }
    _check_lengths(path, content["coeff"], content["transform_params"])
    write_mat(path, content)
