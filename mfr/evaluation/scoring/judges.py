r"""Who judges the frames: our V always, and two networks that a user may bring for the paper's own.

Inception makes the Frechet distance the paper's FID, Hopenet's features make its diversity. Both
files are the user's; nothing here needs them.
"""

import warnings
from typing import Callable, NamedTuple, Optional

import torch

from mfr.files.whole import existing
from mfr.official import load

BATCH = 16  # frames at once


class Judges(NamedTuple):
    r"""Networks that see frames (N, 3, 256, 256) in [0, 1] and give features (N, F)."""

    V: Callable
    inception: Optional[Callable] = None
    hopenet: Optional[Callable] = None


@torch.no_grad()
def features(network, images):
    r"""A network's features (N, F) in float64 of images (N, 3, 256, 256), a few at a time."""
    return torch.cat([network(part) for part in images.split(BATCH)]).double().numpy()


def load_hopenet(path):
    r"""Hopenet's pooled features (N, 2048) before its three heads of angles, of frames in [0, 1].

    Paper: Sec. 4.2.1, "head motion feature embeddings"; which layer is not said.
    """
    network = load("hopenet", path)
    return lambda images: network.features(network.prepare(images))


def load_inception(path):
    r"""The TorchScript Inception of the public FID scripts: (N, 3, 256, 256) in [0, 1] to (N, F).

    It reads bytes; one without `return_features` is called with the pixels alone.

    Raises:
        ValueError: no TorchScript program, or one that does not turn pixels into rows of numbers.
    """
    path = existing(path, "--inception")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer torch calls TorchScript old
            network = torch.jit.load(str(path), map_location="cpu").eval()
    except Exception as error:  # garbage makes torch raise nearly anything
        raise ValueError(f"--inception {path}: is no TorchScript program") from error
    probe = torch.zeros(2, 3, 256, 256)
    for words in ({"return_features": True}, {}):
        judge = _on_bytes(network, words)
        try:
            answer = judge(probe)
        except (RuntimeError, TypeError):
            continue
        if isinstance(answer, torch.Tensor) and answer.ndim == 2 and len(answer) == 2:
            return judge
    raise ValueError(
        f"--inception {path}: does not map uint8 (2, 3, 256, 256) to features; allowed: (2, F)"
    )


def _on_bytes(network, words):
    """A network that wants bytes, behind one that takes [0, 1]."""
    return lambda images: network((images.clamp(0, 1) * 255).round().to(torch.uint8), **words)
