r"""The face as 257 numbers a frame: slices, units, orders, statistics, camera, .mat in and out.

Deep3DFaceRecon's layout and conventions. Angles are pitch, yaw, roll in radians: pitch + lowers the
nose, yaw + turns it to the image's right, roll + raises the eye line to the image's right. Every
function takes numpy arrays or torch tensors and gives back the same kind.
"""

import zlib

import numpy as np
import torch
from torch import nn

from mfr.files import atomic, existing

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

FOCAL, CROP_CENTRE, CAMERA_Z = 1015.0, 112.0, 10.0  # Deep3DFaceRecon: 224x224 pixels, camera at z
FRAME_SIZE = 256
FRAME_PARAMS = (256.0, 256.0, 1.0, 128.0, 128.0)  # transform_params of our own 256x256 frames


def order_slices(order):
    r"""Where each part lies in a vector of that order.

    Args:
        order: coeff | motion | vico | pirenderer.

    Returns:
        dict: part -> slice.

    Raises:
        ValueError: the order is unknown.
    """
    if order not in ORDERS:
        raise ValueError(f"order {order!r} is unknown; allowed: {', '.join(ORDERS)}")
    ends = np.cumsum([WIDTHS[part] for part in ORDERS[order]]).tolist()
    return {part: slice(end - WIDTHS[part], end) for part, end in zip(ORDERS[order], ends)}


def reorder(vectors, source, target, crop=None):
    r"""The same numbers in another order.

    Ours: crop = (scale, tx, ty), the last three of transform_params, where the source has none.

    Args:
        vectors: (..., width of source).
        source: coeff | motion | vico | pirenderer.
        target: motion | vico | pirenderer, or coeff from coeff.
        crop: (3,) or (..., 3), or None.

    Returns:
        (..., width of target).

    Raises:
        ValueError: an order is unknown, a width is wrong, or a part of the target is missing.
    """
    where, wanted = order_slices(source), ORDERS[target] if target in ORDERS else order_slices(target)
    x = _tensor(vectors)
    _check_width("vectors", x, sum(WIDTHS[part] for part in ORDERS[source]))
    parts = {part: x[..., place] for part, place in where.items()}
    if crop is not None:
        crop = _tensor(crop).to(x.dtype)
        _check_width("crop", crop, 3)
        parts["crop"] = crop.expand(*x.shape[:-1], 3)
    missing = [part for part in wanted if part not in parts]
    if missing:
        raise ValueError(f"{source} has no {', '.join(missing)}, which {target} needs")
    return _like(vectors, torch.cat([parts[part] for part in wanted], dim=-1))


def to_motion(coeff):
    r"""angle 3, exp 64, trans 3 of the 257 coefficients: what the listener moves.

    Args:
        coeff: (..., 257).

    Returns:
        (..., 70).

    Raises:
        ValueError: the last axis is not 257 wide.
    """
    return reorder(coeff, "coeff", "motion")


def from_motion(motion, reference):
    r"""The reference's 257 coefficients with another motion in them.

    Args:
        motion: (..., 70).
        reference: (257,) or (..., 257): identity, skin and light.

    Returns:
        (..., 257).

    Raises:
        ValueError: a last axis has the wrong width.
    """
    x, full = _tensor(motion), _tensor(reference)
    _check_width("motion", x, MOTION_DIM)
    _check_width("reference", full, COEFF_DIM)
    full = full.to(x).expand(*x.shape[:-1], COEFF_DIM).clone()
    full[..., ANGLE] = x[..., MOTION_ANGLE]
    full[..., EXP] = x[..., MOTION_EXP]
    full[..., TRANS] = x[..., MOTION_TRANS]
    return _like(motion, full)


class Statistics(nn.Module):
    r"""z = (x - mean)/std, the statistics kept as buffers so that a checkpoint carries them.

    Ours: the paper does not normalise; angle, exp and trans differ tenfold, and the loss would
    see exp alone.
    """

    FLOOR = 1e-3  # smallest std: rounding noise of a dead column is not blown up to unit variance

    def __init__(self, mean, std):
        super().__init__()
        mean, std = (torch.as_tensor(value, dtype=torch.float32).clone() for value in (mean, std))
        if mean.ndim != 1 or mean.shape != std.shape:
            raise ValueError(
                f"mean {tuple(mean.shape)} and std {tuple(std.shape)}; allowed: both (D,)"
            )
        for name, value in (("mean", mean), ("std", std)):
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} holds NaN or infinity; allowed: finite numbers")
        if (std < 0).any():
            raise ValueError(f"std {std.min().item()} is negative; allowed: >= 0")
        self.register_buffer("mean", mean)
        self.register_buffer("std", std.clamp(min=self.FLOOR))

    @classmethod
    def fit(cls, clips):
        r"""Mean and population std of every frame of the training listeners.

        Args:
            clips: iterable of (L, D), all of one D.

        Returns:
            Statistics of width D.

        Raises:
            ValueError: there is no frame, a clip is not (L, D), widths differ, or a value is not
                finite.
        """
        count, mean, spread = 0, None, None
        for number, clip in enumerate(clips):
            x = _tensor(clip).double()
            if x.ndim != 2 or (mean is not None and x.shape[1] != len(mean)):
                width = "D" if mean is None else len(mean)
                raise ValueError(f"clip {number} has shape {tuple(x.shape)}; allowed: (L, {width})")
            if not torch.isfinite(x).all():
                raise ValueError(f"clip {number} holds NaN or infinity; allowed: finite numbers")
            if len(x) == 0:
                continue
            if mean is None:
                mean, spread = torch.zeros(x.shape[1]).double(), torch.zeros(x.shape[1]).double()
            # Chan's update: exact however many clips, and one clip in memory at a time
            shift, total = x.mean(0) - mean, count + len(x)
            spread += ((x - x.mean(0)) ** 2).sum(0) + shift**2 * count * len(x) / total
            mean, count = mean + shift * len(x) / total, total
        if count == 0:
            raise ValueError("clips hold 0 frames; at least 1 is needed")
        return cls(mean, (spread / count).sqrt())

    def normalise(self, x):
        r"""(x - mean)/std, x (..., D) numpy or torch."""
        value = _tensor(x)
        return _like(x, (value - self.mean.to(value)) / self.std.to(value))

    def denormalise(self, z):
        r"""mean + std z, z (..., D) numpy or torch."""
        value = _tensor(z)
        return _like(z, value * self.std.to(value) + self.mean.to(value))

    def to_dict(self):
        r"""{"mean": (D,), "std": (D,)}: plain tensors for a checkpoint."""
        return {"mean": self.mean.clone(), "std": self.std.clone()}

    @classmethod
    def from_dict(cls, state):
        r"""Statistics from what to_dict gave.

        Args:
            state: {"mean": (D,), "std": (D,)}.

        Returns:
            Statistics.

        Raises:
            ValueError: mean or std is missing.
        """
        for name in ("mean", "std"):
            if name not in state:
                raise ValueError(f"statistics without {name!r}; found: {', '.join(state) or '-'}")
        return cls(state["mean"], state["std"])


def rotation_matrix(angle):
    r"""R = Rz(roll) Ry(yaw) Rx(pitch); a point, as a row, turns by p R^T.

    Args:
        angle: (..., 3) pitch, yaw, roll [rad].

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: the last axis is not 3 wide.
    """
    x = _tensor(angle)
    _check_width("angle", x, 3)
    (cx, cy, cz), (sx, sy, sz) = torch.cos(x).unbind(-1), torch.sin(x).unbind(-1)
    rows = (
        (cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        (sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        (-sy, cy * sx, cy * cx),
    )
    return _like(angle, torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2))


def project(points, angle, trans, focal=FOCAL, centre=(CROP_CENTRE, CROP_CENTRE)):
    r"""w = p R^T + trans; depth = 10 - w_z; (u, v) = focal (w_x, w_y)/depth + centre.

    u grows to the right and v upwards, both from the picture's lower left corner, as in
    Deep3DFaceRecon: a picture of H rows has v in row H - 1 - v.

    Args:
        points: (B, N, 3) of the face, about 2 units tall.
        angle: (B, 3) [rad].
        trans: (B, 3) [units].
        focal: [pixels].
        centre: (u, v) of the optical axis [pixels].

    Returns:
        (B, N, 3): u [pixels], v [pixels], depth in front of the camera [units].

    Raises:
        ValueError: a last axis is not 3 wide.
    """
    x, shift = _tensor(points), _tensor(trans)
    _check_width("points", x, 3)
    _check_width("trans", shift, 3)
    world = x @ rotation_matrix(_tensor(angle)).transpose(-1, -2) + shift.unsqueeze(-2)
    depth = CAMERA_Z - world[..., 2:]
    image = focal * world[..., :2] / depth + torch.as_tensor(centre).to(world)
    return _like(points, torch.cat([image, depth], dim=-1))


def crop_to_frame(points, transform_params):
    r"""Pixels of the 224 crop to pixels of the original picture: (tx, ty) + (p - 112)/scale.

    Deep3DFaceRecon scales the picture and cuts 224x224 around (tx, ty), y counted upwards.

    Args:
        points: (..., N, 2) u, v in the crop, v upwards [pixels].
        transform_params: (5,) or (..., 5): width, height, scale, tx, ty.

    Returns:
        (..., N, 2) u, v in the original picture, v upwards [pixels].

    Raises:
        ValueError: a last axis has the wrong width.
    """
    x, params = _tensor(points), _tensor(transform_params)
    _check_width("points", x, 2)
    _check_width("transform_params", params, 5)
    params = params.to(x).unsqueeze(-2)
    return _like(points, params[..., 3:] + (x - CROP_CENTRE) / params[..., 2:3])


def frame_camera(transform_params):
    r"""The camera that took the original picture, once that is brought to 256x256.

    The picture is scaled until it covers 256x256 and its middle is kept, as media.read_video does.

    Args:
        transform_params: (..., 5): width, height, scale, tx, ty.

    Returns:
        (focal (...,), centre (..., 2)) [pixels of the 256x256 frame], v upwards.

    Raises:
        ValueError: the last axis is not 5 wide.
    """
    params = _tensor(transform_params)
    _check_width("transform_params", params, 5)
    size, scale, middle = params[..., :2], params[..., 2], params[..., 3:]
    grow = FRAME_SIZE / size.amin(-1)
    centre = FRAME_SIZE / 2 + grow.unsqueeze(-1) * (middle - size / 2)
    return _like(transform_params, FOCAL * grow / scale), _like(transform_params, centre)


def to_frame_camera(coeff, transform_params):
    r"""The trans that shows the same picture in the 256x256 frame's own camera.

    Ours: that camera has focal 1015 and looks at (128, 128). Exact for points at the head's depth,
    to first order for the others: the head is moved nearer or farther instead of zooming.

    Args:
        coeff: (..., 257) as fitted to the 224 crop.
        transform_params: (5,) or (..., 5).

    Returns:
        (..., 257), trans alone changed.

    Raises:
        ValueError: a last axis has the wrong width.
    """
    x = _tensor(coeff)
    _check_width("coeff", x, COEFF_DIM)
    focal, centre = frame_camera(_tensor(transform_params).to(x))
    depth = CAMERA_Z - x[..., 256]
    seen = depth * FOCAL / focal
    trans = x[..., TRANS].clone()
    trans[..., :2] += (centre - FRAME_SIZE / 2) * (seen / FOCAL).unsqueeze(-1)
    trans[..., 2] = CAMERA_Z - seen
    return _like(coeff, torch.cat([x[..., :254], trans], dim=-1))


def load_mat(path):
    r"""Read a Deep3DFaceRecon file, of a video or of one picture.

    Args:
        path: .mat with `coeff` (and `transform_params`), or with id, exp, tex, angle, gamma, trans.

    Returns:
        (coeff (L, 257) float32, transform_params (L, 5) float32 or None).

    Raises:
        ValueError: no such file, not a .mat, damaged, or its content is not what is said above;
            the message names the file, what was found and what is allowed.
    """
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    path = existing(path, "coefficients")
    try:
        content = loadmat(path)
    except NotImplementedError as error:
        raise ValueError(f"{path}: is a MATLAB 7.3 file; allowed: version 5 (save -v7)") from error
    except (MatReadError, ValueError, TypeError, KeyError, IndexError, EOFError, OSError,
            zlib.error, MemoryError, OverflowError) as error:  # fmt: skip
        raise ValueError(f"{path}: cannot be read as a .mat file ({error})") from error
    if "coeff" in content:
        coeff = _column(path, content, "coeff", COEFF_DIM)
    else:
        missing = [part for part in ORDERS["coeff"] if part not in content]
        if missing:
            found = ", ".join(key for key in content if not key.startswith("__")) or "nothing"
            raise ValueError(
                f"{path}: holds {found}; needed: coeff, or id, exp, tex, angle, gamma, trans"
            )
        parts = [_column(path, content, part, WIDTHS[part]) for part in ORDERS["coeff"]]
        if len({len(part) for part in parts}) > 1:
            raise ValueError(f"{path}: id..trans have {[len(p) for p in parts]} frames; need one L")
        coeff = np.concatenate(parts, axis=1)
    if "transform_params" not in content:
        return coeff, None
    params = _column(path, content, "transform_params", 5)
    if len(params) != len(coeff):
        raise ValueError(
            f"{path}: transform_params has {len(params)} frames, coeff {len(coeff)}; allowed: equal"
        )
    return coeff, params


def _column(path, content, name, width):
    """One (L, width) table of a file, as float32."""
    table = content[name]
    if not isinstance(table, np.ndarray) or table.dtype.kind not in "fiu":
        kind = getattr(table, "dtype", type(table).__name__)
        raise ValueError(f"{path}: {name} holds {kind}; allowed: real numbers")
    if table.ndim != 2 or table.shape[1] != width or len(table) == 0:
        raise ValueError(f"{path}: {name} is {table.shape}; allowed: (L, {width}) with L >= 1")
    if not np.isfinite(table).all():
        frame = int(np.flatnonzero(~np.isfinite(table).all(axis=1))[0])
        raise ValueError(f"{path}: {name} holds NaN or infinity in frame {frame}; allowed: finite")
    return np.ascontiguousarray(table, np.float32)


def save_mat(path, coeff, transform_params=None):
    r"""Write a Deep3DFaceRecon video file, whole or not at all.

    float32, because PIRenderer stores the bytes as they are and reads them as float32.

    Args:
        path: .mat.
        coeff: (L, 257).
        transform_params: (5,) or (L, 5); None = our own 256x256 frames.

    Raises:
        ValueError: a shape is wrong or a value is not finite.
    """
    from scipy.io import savemat

    params = np.asarray(FRAME_PARAMS if transform_params is None else transform_params)
    content = {"coeff": np.asarray(coeff), "transform_params": params}
    if params.ndim == 1 and content["coeff"].ndim == 2:
        content["transform_params"] = np.tile(params, (len(coeff), 1))
    content = {
        "coeff": _column(path, content, "coeff", COEFF_DIM),
        "transform_params": _column(path, content, "transform_params", 5),
    }
    if len(content["coeff"]) != len(content["transform_params"]):
        raise ValueError(
            f"{path}: transform_params has {len(params)} frames, coeff {len(coeff)}; allowed: equal"
        )
    with atomic(path) as temporary:
        savemat(temporary, content, do_compression=True)


def _tensor(x):
    return x if torch.is_tensor(x) else torch.as_tensor(np.asarray(x))


def _like(original, result):
    return result if torch.is_tensor(original) else result.numpy()


def _check_width(name, x, width):
    if x.ndim == 0 or x.shape[-1] != width:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; allowed: (..., {width})")
