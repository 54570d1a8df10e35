r"""What the metrics accept: motion, clips of motion, features, images; everything else ends here.

Torch tensors and numpy arrays are both taken. Motion and features become float64 numpy. Images
keep their type until a metric reads a frame, so that a long clip is never held in floats.
"""

import numpy as np
import torch

RANGE_SLACK = 1e-3  # images may leave [0, 1] by the rounding of a blend


def to_array(name, value):
    r"""A float64 array (...) of a numpy array, torch tensor or nested sequence.

    Raises:
        ValueError: not numbers, or some of them are not finite.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise ValueError(f"{name} is a {kind}; allowed: numbers, an array of them") from None
    bad = ~np.isfinite(array)
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} has {bad.sum()} numbers that are not finite, the first at {first}; "
            "allowed: finite"
        )
    return array


def motion(name, value, ndim=None, width=None):
    r"""Motion or features as float64 (..., L, D), a row per frame.

    Args:
        ndim: number of axes, or None for two and more.
        width: D, or None for any.

    Raises:
        ValueError: number of axes, D, an empty axis, or a number that is not finite.
    """
    array = to_array(name, value)
    wanted = {None: "(..., L, D)", 2: "(L, D)", 3: "(K, L, D)"}[ndim]
    if array.ndim < 2 or ndim not in (None, array.ndim) or 0 in array.shape:
        raise ValueError(f"{name} has shape {array.shape}; allowed: {wanted}, no axis empty")
    if width not in (None, array.shape[-1]):
        raise ValueError(f"{name} has D = {array.shape[-1]}; allowed: {width}")
    return array


def clips(name, value):
    r"""A list of float64 (..., L_i, D), one entry a clip; a single array is a single clip.

    Raises:
        ValueError: the list is empty, a clip is not motion, or D differs between clips.
    """
    if not isinstance(value, (list, tuple)):
        value = [value]
    if len(value) == 0:
        raise ValueError(f"{name} has 0 clips; allowed: >= 1")
    arrays = [motion(f"{name}[{i}]", clip) for i, clip in enumerate(value)]
    widths = sorted({array.shape[-1] for array in arrays})
    if len(widths) > 1:
        raise ValueError(f"{name} has clips of D = {widths}; allowed: one D")
    return arrays


def frames(name, value):
    r"""All frames of clips (..., L_i, D) in one table (N, D), every frame with equal weight."""
    return np.concatenate([clip.reshape(-1, clip.shape[-1]) for clip in clips(name, value)])


def frames_beside(name, value, other_name, other):
    r"""Frames (N, D) of `value` and, row by row, the frames (N, D2) of `other` beside them.

    Args:
        value: clips (..., L_i, D); leading axes are samples of one clip.
        other: as many clips (L_i, D2); repeated for every sample.

    Raises:
        ValueError: not clips, or their number or lengths differ.
    """
    ours, theirs = clips(name, value), clips(other_name, other)
    if len(ours) != len(theirs):
        raise ValueError(
            f"{name} has {len(ours)} clips, {other_name} {len(theirs)}; allowed: equally many"
        )
    rows, rows_beside = [], []
    for i, (clip, beside) in enumerate(zip(ours, theirs)):
        if clip.shape[-2] != beside.shape[-2] or beside.ndim != 2:
            raise ValueError(
                f"{name}[{i}] has shape {clip.shape}, {other_name}[{i}] {beside.shape}; "
                "allowed: (..., L, D) and (L, D) of one L"
            )
        rows.append(clip.reshape(-1, clip.shape[-1]))
        rows_beside.append(np.tile(beside, (len(rows[-1]) // len(beside), 1)))
    return np.concatenate(rows), np.concatenate(rows_beside)


def same_shape(name, value, other_name, other):
    r"""Refuse two arrays that cannot be compared entry by entry.

    Raises:
        ValueError: the shapes differ.
    """
    if tuple(value.shape) != tuple(other.shape):
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}, {other_name} {tuple(other.shape)}; "
            "allowed: equal shapes"
        )


def scale(value, width):
    r"""What coefficients (..., D) are divided by before distances are taken: () or (D,), > 0.

    Raises:
        ValueError: another shape, or not above 0.
    """
    array = to_array("scale", value)
    if array.shape not in ((), (width,)):
        raise ValueError(f"scale has shape {array.shape}; allowed: () or ({width},)")
    if not (array > 0).all():
        raise ValueError(f"scale has {array.min():g} in it; allowed: > 0")
    return array


class Images:
    r"""A clip of images that gives one frame at a time as (C, H, W), floats in [0, 1] or uint8.

    Args:
        value: float (B, C, H, W) in [0, 1], or uint8 (B, H, W, C) in 0..255; numpy or torch; C is 3
            (RGB) or 1.
        side: least height and width [pixels].

    Raises:
        ValueError: type, shape, size, or values outside the range (NaN included).
    """

    def __init__(self, name, value, side):
        if not isinstance(value, torch.Tensor):
            value = np.require(value, requirements="CW")
            if value.dtype.kind not in "biuf":
                raise ValueError(f"{name} is {value.dtype}; allowed: float in [0, 1] or uint8")
            value = torch.from_numpy(value)
        self.values = value = value.detach()
        self.bytes = value.dtype == torch.uint8
        if not (self.bytes or value.is_floating_point()):
            raise ValueError(f"{name} is {value.dtype}; allowed: float in [0, 1] or uint8")
        wanted = "uint8 (B, H, W, C)" if self.bytes else "float (B, C, H, W)"
        channels = value.shape[3 if self.bytes else 1] if value.ndim == 4 else None
        if channels not in (1, 3) or len(value) == 0:
            found = tuple(value.shape)
            raise ValueError(f"{name} has shape {found}; allowed: {wanted}, B >= 1, C = 1 or 3")
        self.shape = self.frame(0).shape
        if min(self.shape[1:]) < side:
            found = f"{self.shape[1]} x {self.shape[2]}"
            raise ValueError(f"{name} is {found} pixels; allowed: {side} x {side} and larger")
        if not self.bytes:
            low, high = (float(x) for x in value.aminmax())
            if not (low >= -RANGE_SLACK and high <= 1 + RANGE_SLACK):
                raise ValueError(f"{name} spans {low:g} .. {high:g}; allowed: 0 .. 1")

    def __len__(self):
        return len(self.values)

    def frame(self, i):
        r"""Frame i, (C, H, W), float in [0, 1] or uint8."""
        return self.values[i].permute(2, 0, 1) if self.bytes else self.values[i]

    def unit(self, i):
        r"""Frame i in floats, (C, H, W) in [0, 1]; float32 at least."""
        frame = self.frame(i)
        if self.bytes:
            return frame.contiguous().float() / 255
        return frame if frame.dtype == torch.float64 else frame.float()


def image_pair(generated, real, side):
    r"""Two clips of images that can be compared frame by frame; one may be bytes, one floats.

    Raises:
        ValueError: one is not a clip of images, or their numbers or sizes differ.
    """
    pair = Images("generated", generated, side), Images("real", real, side)
    (b1, s1), (b2, s2) = ((len(x), tuple(x.shape)) for x in pair)
    if (b1, s1) != (b2, s2):
        raise ValueError(
            f"generated has {b1} frames (C, H, W) = {s1}, real {b2} of {s2}; allowed: equal"
        )
    return pair
