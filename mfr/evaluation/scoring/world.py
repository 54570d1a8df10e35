r"""What methods are judged against, and the judging of all of them, one by one."""

import sys
import time
from pathlib import Path
from typing import NamedTuple, Optional

from mfr.evaluation.scoring.attitude_classifier import AttitudeNet, train_classifier
from mfr.evaluation.scoring.responses import (
    Drawn,
    HeldOut,
    Oracle,
    draw,
    read_oracle,
    training_motion,
)
from mfr.evaluation.scoring.scores import score
from mfr.face.coefficients import Statistics
from mfr.files.vico import held_out, read_clips

ORACLE, REAL = "oracle", "real motion"


class World(NamedTuple):
    r"""What the methods are judged against."""

    folder: Path
    held: HeldOut
    training: list  # (L, 70) of the training listeners
    std: object  # numpy (70,), their unit
    classifier: Optional[AttitudeNet]
    oracle: Optional[Oracle]

    @property
    def on_vico(self):
        r"""Whether the paper's printed numbers belong beside ours."""
        return not (self.folder / "synthetic.json").exists()


def read_world(folder, limit=None):
    r"""Data, units, classifier and oracle of a folder; `limit` clips of each held-out split."""
    train, held_out_clips = held_out(read_clips(folder))
    held, training = HeldOut(held_out_clips, limit), training_motion(train)
    std = Statistics.fit(training).std
    classifier = train_classifier(training, [clip.attitude for clip in train], std)
    oracle = read_oracle(folder, held)
    return World(Path(folder), held, training, std.double().numpy(), classifier, oracle)


def score_all(world, methods, samples, seed, folder=None, report=print):
    r"""Draw and score every method; one that fails is left out with a line.

    Returns:
        (list of Scored, dict name -> Drawn, list of lines about what was left out).
    """
    scored, drawn, left_out = [], {}, []
    for method in methods:
        began = time.monotonic()
        try:
            responses = draw(method, world.held, samples, seed, folder, _progress(method.name))
            scored.append(
                score(
                    method.name,
                    responses,
                    world.held,
                    world.std,
                    method.stride,
                    world.classifier,
                    world.oracle,
                )
            )
            drawn[method.name] = responses
            report(f"scored    {method.name}   {time.monotonic() - began:.0f} s")
        except ValueError as error:
            left_out.append(f"left out: {' '.join(str(error).split())}")
            report(left_out[-1])
    return scored, drawn, left_out


def _progress(name):
    """A live line on a terminal, nothing elsewhere."""
    if not sys.stdout.isatty():
        return None
    return lambda done, total: print(f"\r{name}: {done}/{total} clips", end="\r", flush=True)


def reference_rows(world):
    r"""The oracle's (or None) and real motion's own Scored."""

    def judged(name, motion):
        drawn = Drawn(motion, float("nan"))
        return score(name, drawn, world.held, world.std, 20, world.classifier, world.oracle)

    oracle = world.oracle and judged(ORACLE, world.oracle.motion)
    return oracle, judged(REAL, [x[None] for x in world.held.real])
