r"""A run, and twins of it that are killed again and again and go on: python killed.py OUT WORDS.

OUT/whole is left alone. OUT/timed is killed after random shares of the whole run's time, OUT/torn
in the middle of each kind of writing in turn. WORDS are of train_mfr.py, without --run. Every run
is a fork of this process, so that what all of them need is read once.
"""

import itertools
import os
import signal
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

import train_mfr
from mfr.files.vico import read_clips
from mfr.training import batches, watching
from mfr.training.motion import MotionStage
from mfr.training.reconstruction import ReconstructionStage
from mfr.training.stage import Stage

KILLS = 10
MOMENTS = 14  # of writing: as many as a run has until its first evaluation is over


def child(words, prepare=lambda: None):
    r"""Run train_mfr.py in a fork; (how it ended, what it used), as os.wait4 has them."""
    process = os.fork()
    if process == 0:
        prepare()
        train_mfr.main(words)
        os._exit(0)
    return os.wait4(process, 0)[1:]


def torn(moment):
    r"""Die at a moment of writing: half of the bytes are there, all are, the file has its name."""
    count, write, replace = itertools.count(), Path.write_bytes, os.replace

    def perhaps():
        if next(count) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def halves(path, content):
        write(path, content[: len(content) // 2])
        perhaps()
        write(path, content)

    def moved(*places):
        perhaps()
        replace(*places)
        perhaps()

    Path.write_bytes, os.replace = halves, moved


def warm(out):
    r"""Load what a first step and a first picture load, once for all forks."""
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    torch.optim.AdamW([weight]).step()
    entry = {"step": 1, "held_out": 1.0, "loss": 1.0}
    watching.draw_loss(Path(out) / "warm.png", "warm", [entry])


def main(out, words):
    r"""All three runs."""
    warm(out)
    Stage.held_out_frames, MotionStage.held_out_windows = 4, 64
    ReconstructionStage.familiar_frames = 4
    batches.some_frames = cache(batches.some_frames)
    folder = Path(words[words.index("--data") + 1])
    if words[0] != "finder":
        batches.FrameData(read_clips(folder), window=1)
    end, used = child([*words, "--run", f"{out}/whole"])
    assert end == 0
    again, ends = [*words, "--resume", "--run"], []
    for share in np.random.default_rng(3).uniform(0.05, 0.6, KILLS):
        # processor's time; nobody handles this signal, which ends a process as kill -9 does
        timer = partial(signal.setitimer, signal.ITIMER_PROF, float(share * used.ru_utime))
        ends.append(child([*again, f"{out}/timed"], timer)[0])
    assert set(ends) <= {0, signal.SIGPROF} and signal.SIGPROF in ends, ends
    ends = [child([*again, f"{out}/torn"], partial(torn, m))[0] for m in range(MOMENTS)]
    assert set(ends) <= {0, signal.SIGKILL} and ends.count(signal.SIGKILL) >= 10, ends
    for twin in ("timed", "torn"):
        assert child([*again, f"{out}/{twin}"])[0] == 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
