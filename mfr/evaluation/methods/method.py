r"""Whatever produces K responses to a clip, behind one call: respond(cond, samples, generator).

Here are MFR-Net's own, read from runs, and the trivial ones that every table needs: an L1 distance
alone rewards a head that does not move at all.
"""

import hashlib
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import torch

from mfr.evaluation.methods import baselines
from mfr.motion.model import MotionModel
from mfr.training import checkpoint
from mfr.training.identity import identity_file

DIGITS = 16  # of a digest; what follows in a key are the settings of sampling
KINDS = {"vico": "ViCo", "pchg": "PCHG", "lstm": "w/o DIFF (LSTM)"}


class Method(NamedTuple):
    r"""A row of the tables."""

    name: str
    respond: Callable  # (cond raw with B = 1, K, torch.Generator) -> (K, L, 70) raw
    deterministic: bool
    identity: Optional[Path] = None  # weights of V whose vectors it wants; None: it wants none
    key: str = ""  # differs where the responses would
    stride: int = 20  # of its windows [frames]: where seams could be


def freeze(cond, samples, generator):
    r"""x_l = x_0: the portrait, still."""
    return cond.reference[:, None].expand(samples, cond.speaker.shape[1], -1)


def mirror(cond, samples, generator):
    r"""x_l = the speaker's own coefficients."""
    return cond.speaker.expand(samples, -1, -1)


class TrainingMean:
    r"""x_l = the mean of all training frames of listeners, clips (L, 70) raw."""

    def __init__(self, clips):
        self.mean = torch.cat(list(clips)).double().mean(0).float()

    def __call__(self, cond, samples, generator):
        r"""(K, L, 70), the mean at every frame."""
        return self.mean.expand(samples, cond.speaker.shape[1], -1)


class RandomClip:
    r"""x = the motion of a random training listener, to and fro where it is too short."""

    def __init__(self, clips):
        self.clips = list(clips)

    def __call__(self, cond, samples, generator):
        r"""(K, L, 70), each of the clips as likely as any other."""
        chosen = torch.randint(len(self.clips), (samples,), generator=generator)
        length = cond.speaker.shape[1]
        return torch.stack([to_and_fro(self.clips[i], length) for i in chosen.tolist()])


def to_and_fro(clip, length):
    r"""The first `length` frames of clip (L, D), clip backwards, clip, ...

    No jump, and no frame twice in a row but for a clip of one.
    """
    period = max(1, 2 * len(clip) - 2)
    place = torch.arange(length) % period
    return clip[torch.where(place < len(clip), place, period - place)]


def trivial_methods(clips):
    r"""The methods that need no training but its listeners, clips (L, 70) raw."""
    return [
        Method("freeze first frame", freeze, True),
        Method("training mean", TrainingMean(clips), True),
        Method("random training clip", RandomClip(clips), False),
        Method("mirror the speaker", mirror, True),
    ]


def find_methods(runs, variants=()):
    r"""Every motion.pt, vico.pt, pchg.pt and lstm.pt in a folder of runs and in its folders.

    `variants` are settings of sampling for further rows of each motion.pt, as {"steps": 10}.

    Returns:
        (list of Method, list of lines about files that could not be read), by folder.

    Raises:
        ValueError: no such folder.
    """
    runs = Path(runs)
    if not runs.is_dir():
        raise ValueError(f"runs {runs}: no such folder")
    methods, problems = [], []
    for folder in [runs, *sorted(path for path in runs.iterdir() if path.is_dir())]:
        for kind in (*KINDS, "motion"):
            path = folder / f"{kind}.pt"
            if not path.exists():
                continue
            try:
                if kind == "motion":
                    methods += motion_methods(path, variants)
                else:
                    methods.append(baseline_method(path, f"{KINDS[kind]} · {folder.name}"))
            except ValueError as error:  # of an older version, or half a copy
                problems.append(f"left out: {' '.join(str(error).split())}")
    return methods, problems


def baseline_method(path, name):
    r"""A vico.pt, pchg.pt or lstm.pt as a method."""
    baseline, _ = baselines.load(path)
    V = identity_file(path.parent)
    return Method(name, baseline.respond, True, V, digest(path, V))


def motion_methods(path, variants=()):
    r"""A motion.pt as methods: as it is, and once for each dict of steps, guidance, eta."""
    content = checkpoint.load(path, "motion")
    model = MotionModel(content["config"]).eval()
    checkpoint.restore(model, content["model"], path)
    V, label = identity_file(path.parent), f"{describe(content['config'])} · {path.parent.name}"
    methods = []
    for settings in ({}, *variants):
        words = ", ".join(f"{k} {v:g}" for k, v in settings.items())
        methods.append(
            Method(
                f"{label}, {words}" if words else label,
                _sampler(model, settings),
                False,
                V,
                digest(path, V) + words,
                content["config"].stride,
            )
        )
    return methods


def _sampler(model, settings):
    """model.sample with its settings filled in."""

    def respond(cond, samples, generator):
        return model.sample(cond, samples, generator, **settings)

    return respond


def describe(config):
    r"""What a motion config is in Table 4's words; `paper` is the literal reading."""
    if config.aggregation == "concat":
        return "w/o FAM"
    literal = not (config.reference or config.time_in_modulation)
    return "MFR-Net, paper" if literal else "MFR-Net"


def digest(*paths):
    r"""A short name of the content of files: 16 hexadecimal digits."""
    total = hashlib.sha256()
    for path in paths:
        total.update(Path(path).read_bytes())
    return total.hexdigest()[:DIGITS]
