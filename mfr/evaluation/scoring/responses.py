r"""Held-out clips in memory, and each method's K responses to them, kept on disk.

Drawing is the slow part of the tables, so every clip's draws are a file that holds what they depend
on; a file that does not match is drawn again.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr.face.coefficients import load_mat, to_motion
from mfr.files.whole import atomic
from mfr.motion.condition import Condition
from mfr.training.batches import MotionData
from mfr.training.identity import load_identity
from mfr.training.motion import portraits_to_vectors


class Oracle(NamedTuple):
    r"""What only a synthetic folder tells about its held-out clips, an entry a clip."""

    motion: list  # (K, L, 70) draws of the true listener
    phrase_ends: list  # (N,) [frames]
    nod_size: list  # float, the listener's true factor


class Drawn(NamedTuple):
    r"""A method's responses."""

    motion: list  # (K, L, 70) float32, a clip each; K = 1 for a deterministic method
    pace: float  # seconds of motion a second; NaN where it was not measured


class HeldOut:
    r"""Clips to respond to, at most `limit` of each split, with the truth.

    The reference is the listener's frame 0, as in ViCo's protocol.
    """

    def __init__(self, clips, limit=None):
        if limit is not None:
            by_split = {}
            for clip in clips:
                by_split.setdefault(clip.split, []).append(clip)
            clips = [c for rows in by_split.values() for c in spread(rows, limit)]
        data = MotionData(clips)
        self.clips = clips
        self.real = [x.double().numpy() for x in data.listener]
        self.conditions = [
            Condition(
                data.audio[i][None],
                data.speaker[i][None],
                torch.zeros(1, 1),
                data.attitude[i][None],
                data.listener[i][:1],
            )
            for i in range(len(clips))
        ]
        self._vectors = {}

    def condition(self, i, identity=None):
        r"""The raw Condition of clip i, B = 1, with V's vector where `identity` names weights."""
        if identity is None:
            return self.conditions[i]
        if identity not in self._vectors:
            V = load_identity(identity)
            self._vectors[identity] = portraits_to_vectors(V, self.clips, torch.device("cpu"))
        return self.conditions[i]._replace(identity=self._vectors[identity][i][None])


def spread(rows, limit):
    r"""At most so many rows, evenly spread.

    Raises:
        ValueError: most is below 1.
    """
    if limit < 1:
        raise ValueError(f"clips is {limit}; allowed: >= 1")
    if len(rows) <= limit:
        return rows
    return [rows[i * len(rows) // limit] for i in range(limit)]


def training_motion(clips):
    r"""The training listeners (L, 70) in float32, without their speakers' sound."""
    return [
        torch.as_tensor(to_motion(load_mat(clip.listener_mat)[0]), dtype=torch.float32)
        for clip in clips
    ]


def read_oracle(folder, held):
    r"""What data_tools.oracle wrote into the data's folder; None where a clip has no file.

    Raises:
        ValueError: a file is of another length than its clip.
    """
    oracle = Oracle([], [], [])
    for clip, real in zip(held.clips, held.real):
        path = Path(folder) / "oracle" / f"{clip.audio.stem}.npz"
        if not path.exists():
            return None
        with np.load(path) as values:
            motion = values["motion"][:, : len(real)]
            if motion.shape[1:] != real.shape:
                raise ValueError(f"{path}: {motion.shape[1]} frames; the clip has {len(real)}")
            oracle.motion.append(motion)
            oracle.phrase_ends.append(values["phrase_ends"])
            oracle.nod_size.append(float(values["nod_size"]))
    return oracle


def draw(method, held, samples, seed=0, folder=None, progress=None):
    r"""K responses of a method to every held-out clip, read from `folder` where they are kept.

    Clip by clip from a generator of its own, so that a subset of clips gives the same draws.
    `progress` is told (clips done, clips in all).
    """
    motions, frames, seconds = [], 0, 0.0
    count = 1 if method.deterministic else samples
    for i, clip in enumerate(held.clips):
        key = f"{method.key} K {count} seed {seed} frames {len(held.real[i])}"
        path = folder and Path(folder) / file_name(method.name) / f"{clip.audio.stem}.npz"
        drawn = _read_draw(path, key) if method.key else None
        if drawn is None:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + clip.row)
            began = time.perf_counter()
            motion = method.respond(held.condition(i, method.identity), count, generator)
            drawn = motion.numpy(), time.perf_counter() - began
            check_response(f"{method.name}, {clip.audio.stem}", drawn[0], count, len(held.real[i]))
            if path and method.key:
                with atomic(path) as temporary:
                    np.savez(temporary, motion=drawn[0], seconds=drawn[1], key=np.array(key))
        motions.append(drawn[0])
        frames, seconds = frames + count * len(held.real[i]), seconds + float(drawn[1])
        if progress:
            progress(i + 1, len(held.clips))
    return Drawn(motions, frames / 30 / seconds if method.key else float("nan"))


def file_name(name):
    r"""A method's name as a folder's: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_")


def check_response(name, motion, samples, length):
    r"""Refuse what the metrics could not judge.

    Raises:
        ValueError: the shape is not (K, L, 70), or a number is not finite.
    """
    if motion.shape != (samples, length, 70):
        wanted = (samples, length, 70)
        raise ValueError(f"{name}: response of shape {motion.shape}; allowed: {wanted}")
    bad = int((~np.isfinite(motion)).sum())
    if bad:
        raise ValueError(f"{name}: {bad} of {motion.size} numbers are not finite; allowed: none")


def _read_draw(path, key):
    """(motion, seconds) of a file that was drawn in the same way, or None."""
    if path is None or not path.exists():
        return None
    with np.load(path) as values:
        if str(values["key"]) != key:
            return None
        return values["motion"], float(values["seconds"])
