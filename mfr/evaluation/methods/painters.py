r"""Frames for the tables and figures: a renderer, a picture with its coefficients, and a motion."""

from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
import torch

from mfr.config import to_dict
from mfr.evaluation.methods.method import digest
from mfr.render.renderer import Renderer, window_coefficients
from mfr.training import checkpoint
from mfr.training.checkpoint import WEIGHTS

BATCH = 8  # frames at once


class Painter(NamedTuple):
    r"""A renderer by name: a row of Table 2.

    paint(picture (3, 256, 256), reference (70,), windows (N, W, 70)) gives (N, 3, 256, 256), where
    the reference is the picture's own coefficients.
    """

    name: str
    paint: Callable
    window: int  # W, frames of coefficients around each
    with_identity_loss: bool = True
    key: str = ""  # of the file's content
    training: dict = {}  # its settings but for the identity loss: equal for what may be compared


def load_renderer(path):
    r"""The Renderer of a renderer.pt, in evaluation mode."""
    content = checkpoint.load(path, "renderer")
    renderer = Renderer(content["config"])
    checkpoint.restore(renderer, content["model"], path)
    return renderer.eval()


def find_painters(runs):
    r"""Every renderer.pt in a folder and its folders, the bundled one, the portrait as it is.

    The first is the one that responses are rendered with. One that does not fit this version is
    passed over with a line.
    """
    painters, runs = [], Path(runs)
    for folder in [runs, *sorted(path for path in runs.iterdir() if path.is_dir())]:
        painters += _painters(folder, folder.name)
    bundled = _painters(WEIGHTS, "bundled")
    known = {painter.key for painter in painters}
    painters += [painter for painter in bundled if painter.key not in known]
    return [*painters, Painter("portrait unchanged", _unchanged, 1)]


def _painters(folder, where):
    """The Painter of a folder's renderer.pt, if it has one that fits."""
    if not (folder / "renderer.pt").exists():
        return []
    try:
        return [painter(folder / "renderer.pt", where)]
    except ValueError as error:
        print(f"left out: {' '.join(str(error).split())}")
        return []


def painter(path, where):
    r"""The Painter of a renderer.pt, named after its run."""
    renderer = load_renderer(path)
    training = to_dict(renderer.config)
    without = training.pop("identity_weight") == 0
    name = f"w/o L_identity · {where}" if without else f"renderer · {where}"

    def paint(picture, reference, windows):
        return frames(renderer, picture, reference, windows)

    return Painter(name, paint, renderer.config.window, not without, digest(path), training)


def _unchanged(picture, reference, windows):
    """The trivial renderer."""
    return picture.expand(len(windows), -1, -1, -1)


@torch.no_grad()
def frames(renderer, picture, reference, windows):
    r"""Frames (N, 3, 256, 256) of one portrait, which is encoded once, in [0, 1].

    The picture (3, 256, 256), its coefficients `reference` (70,), windows (N, W, 70).
    """
    encoded = renderer.encode(picture[None], reference[None])
    return torch.cat([renderer(encoded, part) for part in windows.split(BATCH)])


def windows_at(motion, index, window):
    r"""Windows (N, W, 70) of a motion (L, 70) around its frames `index` (N,)."""
    return window_coefficients(torch.as_tensor(motion, dtype=torch.float32), window)[index]


def to_images(pixels):
    r"""Bytes (N, 256, 256, 3) as the networks want them: float32 (N, 3, 256, 256) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
