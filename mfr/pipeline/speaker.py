r"""What the listener sees and hears: a speaker's video as numbers."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr.face.coefficients import to_motion
from mfr.face.reconstruction import reconstruct, smooth
from mfr.files import media

BATCH = 16  # frames at once in reconstruction


class Speaker(NamedTuple):
    r"""What the listener sees and hears of a speaker."""

    path: Path  # of the video
    audio: torch.Tensor  # (L, 45) acoustic features
    motion: torch.Tensor  # (L, 70) raw coefficients
    sound: np.ndarray  # (N, channels), exactly L frames long
    sample_rate: int  # [Hz]
    crop: object  # (left, top, side) [pixels], an array (L, 3) of them a frame, or None: middle
    unfamiliar: float  # mean over frames; above 1: stranger than training's; 0: not known
    others: int = 0  # faces besides

    def frames(self):
        r"""The speaker's pictures again, one by one.

        Returns:
            Iterator of L uint8 arrays (256, 256, 3).
        """
        stream = media.stream_video(self.path, crop=self.crop)
        yield from (frame for frame, _ in zip(stream, range(len(self.motion))))


def watch(system, path, crop):
    r"""Reconstruct a video batch by batch.

    Args:
        system: System.
        path: video.
        crop: of the face, as media.stream_video takes it.

    Returns:
        ((L, 70) raw coefficients, mean unfamiliarity).
    """
    rows, strange, batch = [], [], []
    for frame in media.stream_video(path, crop=crop):
        batch.append(frame)
        if len(batch) == BATCH:
            _look_at(system, batch, rows, strange)
            batch = []
    if batch:
        _look_at(system, batch, rows, strange)
    return to_motion(smooth(np.concatenate(rows))), float(np.mean(strange))


def _look_at(system, frames, rows, strange):
    """Coefficients of a batch of frames, and how unfamiliar they are."""
    frames = np.stack(frames)
    rows.append(reconstruct(system.reconstruction, frames, smoothing=0))
    strange.append(system.strangeness(system.images(frames[:1])))
