r"""Threads, precision and batch of rendering, chosen by a short timing on the machine at hand.

What is quick differs from machine to machine: bfloat16 halves the time where the processor has
units for it and takes five times as long where it has none, and no name of a processor tells.
"""

import time
from typing import NamedTuple

import numpy as np
import torch

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
FRAMES = 8  # rendered in each trial
ROUNDS = 2  # trials of each candidate that count, after one that warms up
GAIN = 0.9  # share of the present choice's time below which another one is taken


class Choice(NamedTuple):
    r"""How frames are rendered."""

    threads: int  # of torch on a processor
    precision: str  # float32 | bfloat16, of the network
    batch: int  # frames at once

    def __str__(self):
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{threads}, {self.precision}, {self.batch} frames at once"


def default():
    r"""The Choice that needs no timing: torch's threads, float32, 8 frames."""
    return Choice(torch.get_num_threads(), "float32", 8)


def check(choice):
    r"""Refuse what is not allowed of a Choice.

    Raises:
        ValueError: a field is not allowed.
    """
    for name, value in (("threads", choice.threads), ("batch", choice.batch)):
        if value < 1:
            raise ValueError(f"{name} is {value}; allowed: >= 1")
    if choice.precision not in PRECISIONS:
        allowed = ", ".join(PRECISIONS)
        raise ValueError(f"precision is {choice.precision!r}; allowed: {allowed}")


def quicker(first, others, seconds):
    r"""The quickest of some candidates; another than the first must gain a tenth.

    Args:
        first: candidate to begin with.
        others: those that may take its place.
        seconds: candidate -> how long it takes [s].

    Returns:
        (candidate, its seconds).
    """
    times = {candidate: seconds(candidate) for candidate in (first, *others)}
    best = min(times, key=times.get)
    best = best if times[best] < GAIN * times[first] else first
    return best, times[best]


def measured(render, fixed, device, clock=time.perf_counter):
    r"""Choose field by field, each by a timing with the fields before it as chosen.

    Args:
        render: a function of (Choice, number of frames) that renders so many and waits for them.
        fixed: field name -> value, what the user has chosen.
        device: torch.device; threads and bfloat16 by autocast are tried on a processor.
        clock: a function that tells the time [s].

    Returns:
        (Choice, seconds a frame).
    """
    known = {}

    def seconds(choice):
        if choice not in known:
            trials = []
            for _ in range(1 + ROUNDS):
                begun = clock()
                render(choice, FRAMES)
                trials.append(clock() - begun)
            known[choice] = min(trials[1:]) / FRAMES
        return known[choice]

    choice = default()._replace(**fixed)
    candidates = {
        "precision": list(PRECISIONS),
        "threads": sorted({1, choice.threads}) if device.type == "cpu" else [],
        "batch": [2, 8] if device.type == "cpu" else [8, 32],
    }
    taken = seconds(choice)
    for field, values in candidates.items():
        if field not in fixed:
            others = [choice._replace(**{field: value}) for value in values]
            others = [other for other in others if other != choice]
            choice, taken = quicker(choice, others, seconds)
    return choice, taken


def rendering(system, portrait):
    r"""The function that `measured` asks for: a portrait that moves a little.

    Args:
        system: System, whose choice is left as it was.
        portrait: Portrait.

    Returns:
        A function of (Choice, number of frames).
    """

    def render(choice, count):
        before = system.choice
        moved = np.linspace(0, 0.1, count, dtype=np.float32)[:, None]
        motion = portrait.encoded.coefficients.cpu() + torch.from_numpy(moved)
        try:
            system.choose(choice)
            for _ in system.render(portrait, motion):
                pass
        finally:
            system.choose(before)

    return render
