r"""What the listener sees and hears: a speaker's video as numbers."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr.config import FPS
from mfr.face.coefficients import to_motion
from mfr.face.reconstruction import reconstruct, smooth
from mfr.files import media, sounds
from mfr.files.ahead import ahead
from mfr.sound.stretches import features_in_stretches

BATCH = 16  # frames at once in reconstruction


class Speaker(NamedTuple):
    r"""What the listener sees and hears of a speaker."""

    path: Path  # of the video
    audio: torch.Tensor  # (L, 45) acoustic features
    motion: torch.Tensor  # (L, 70) raw coefficients
    sound: sounds.Sound  # exactly L frames long; it stays in its file
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
        yield from itertools.islice(stream, len(self.motion))


def hear(path):
    r"""The sound of a file, read block by block.

    Args:
        path: video or sound file.

    Returns:
        ((L, 45) acoustic features, Sound).

    Raises:
        ValueError: there is no sound, or it is shorter than one frame.
    """
    rate, channels, blocks = sounds.stream_sound(path)
    samples = 0

    def counted():
        nonlocal samples
        for block in blocks:
            samples += len(block)
            yield block

    features = list(features_in_stretches(counted(), rate))
    if not features:
        raise ValueError(f"{path}: its sound is shorter than one frame")
    return np.concatenate(features), sounds.Sound(Path(path), rate, channels, samples)


def watch(system, path, crop, progress=None):
    r"""Reconstruct a video batch by batch, while the next ones are decoded.

    Args:
        system: System.
        path: video.
        crop: of the face, as media.stream_video takes it.
        progress: function of (frames done, about how many in all), or None.

    Returns:
        ((L, 70) raw coefficients, mean unfamiliarity).
    """
    stream = media.stream_video(path, crop=crop)
    batches = iter(lambda: list(itertools.islice(stream, BATCH)), [])
    total = round(media.probe(path).seconds * FPS)
    rows, strange, done = [], [], 0
    for frames in ahead(batches, 2):
        frames = np.stack(frames)
        strange.append(system.strangeness(system.images(frames[:1])))
        rows.append(to_motion(reconstruct(system.reconstruction, frames, smoothing=0)))
        done += len(frames)
        if progress is not None:
            progress(done, total)
    return smooth(np.concatenate(rows)), float(np.mean(strange))
