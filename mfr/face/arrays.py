r"""numpy at the edges, torch inside: one function serves both, and says what shape it wants."""

from functools import lru_cache

import numpy as np
import torch


def as_tensor(x):
    r"""Floats as a tensor (...) that shares memory with x where it can; integers become float32."""
    x = x if torch.is_tensor(x) else torch.as_tensor(np.asarray(x))
    return x if x.is_floating_point() else x.float()


def like(original, result):
    r"""The tensor (...) as it is, or its numpy array where the original was no tensor."""
    return result if torch.is_tensor(original) else result.numpy()


def constant(values, like):
    r"""Numbers as a tensor of like's type and place, made once: do not write to it.

    Making it anew at every step would have a GPU wait for the host.

    Args:
        values: a number or tuples of them.
        like: tensor.

    Returns:
        Tensor.
    """
    return _constant(values, like.dtype, like.device)


@lru_cache(maxsize=64)
def _constant(values, dtype, device):
    with torch.inference_mode(False):  # a training step may be the next to read it
        return torch.tensor(values, dtype=dtype, device=device)


def check_finite(name, x):
    r"""Refuse NaN and infinity in a tensor.

    Raises:
        ValueError: a value is not finite.
    """
    if not torch.isfinite(x).all():
        bad = x[~torch.isfinite(x)][0].item()
        raise ValueError(f"{name} holds {bad}; allowed: finite numbers")


def check_width(name, x, width):
    r"""Refuse a tensor that is not (..., width).

    Raises:
        ValueError: the last axis differs, or there is none.
    """
    if x.ndim == 0 or x.shape[-1] != width:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; allowed: (..., {width})")
