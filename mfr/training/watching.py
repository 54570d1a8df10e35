r"""What one sees of a run: a line now and then, loss.png, and words when something looks wrong."""

import json
import math
import resource
import sys

import numpy as np
import torch

from mfr.config import to_dict
from mfr.files.progress import clock
from mfr.files.whole import atomic

MEMORY = 50  # steps that a running mean looks back
STILL = 0.01  # share by which a held-out loss must have fallen to count as learning
EARLY = 200  # steps that no curve is judged by: the rate rises over the first 100
ASTRAY = 0.15  # share above the expected held-out loss from which words are due
PATIENCE = 4  # evaluations without a new best after which a held-out loss is said to rise


class Meter:
    r"""Running means of a loss and its terms, on the device: reading one waits for it."""

    def __init__(self):
        self.names, self.means = (), None

    def add(self, terms, seen):
        r"""Take the terms, name -> scalar tensor, of the seen-th step; NaN is one it had not."""
        values = torch.stack([term.detach().float() for term in terms.values()])
        if tuple(terms) != self.names:
            before = self.read()
            known = [before.get(name, math.nan) for name in terms]
            self.names, self.means = tuple(terms), values.new_tensor(known)
        moved = self.means.lerp(values, 1 / min(MEMORY, seen))
        moved = torch.where(self.means.isnan(), values, moved)
        self.means = torch.where(values.isnan(), self.means, moved)

    def read(self):
        r"""name -> float of every term that there was."""
        values = self.means.tolist() if self.names else []
        return {name: x for name, x in zip(self.names, values) if not math.isnan(x)}


class Finite:
    r"""Notes the first step whose gradient was not finite, without waiting for the device."""

    LOOK = 20  # steps between two looks at a device that would have to be waited for

    def __init__(self, device):
        self.first = torch.full((), torch.iinfo(torch.int32).max, dtype=torch.int32, device=device)
        self.every = 1 if device.type == "cpu" else self.LOOK

    def add(self, size, step):
        r"""The gradient's norm of a step; the first bad step, or None, now and then."""
        self.first = torch.where(size.isfinite(), self.first, self.first.clamp(max=step))
        return self.look() if step % self.every == 0 else None

    def look(self):
        r"""The first bad step so far, or None."""
        first = int(self.first)
        return None if first == torch.iinfo(torch.int32).max else first


def progress(step, steps, running, pace, device, held_out=None):
    r"""One line: `running` name -> mean ("loss" is the sum), pace [steps/s], name -> held out."""
    judged = "".join(f"   {name} {value:.4f}" for name, value in (held_out or {}).items())
    terms = "".join(f" {k} {v:.3g}" for k, v in running.items() if k != "loss")
    left = clock((steps - step) / pace)
    return (
        f"step {step:>6}/{steps}   loss {running['loss']:.4f}{judged}  {terms}   "
        f"{pace:.1f} steps/s   {left} left   {memory(device):.1f} GB"
    )


def memory(device):
    r"""The most that was held so far [GB]: of the GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def advice(history, steps):
    r"""What looks wrong in [(step, held-out loss)] of a run of `steps`, and what to try; or "".

    A loss that has not moved after a quarter of the steps, and one that rises. One that is not a
    number ends the run elsewhere.
    """
    (_, first), (step, last) = history[0], history[-1]
    best_step, best = min(history, key=lambda entry: entry[1])
    since = sum(at > best_step for at, _ in history)
    if step < EARLY:
        return ""
    if 4 * step >= steps and best > (1 - STILL) * first:
        return (
            f"held out is {last:.4f}, at step 0 it was {first:.4f}: nothing is learnt. Try "
            "--learning-rate three times larger, then smaller; look at the data with "
            "python -m data_tools.inspect_data"
        )
    if since >= PATIENCE and last > (1 + STILL) * best:
        return (
            f"held out rises: {best:.4f} at step {best_step}, {last:.4f} now. The training set is "
            "being learnt by heart: more data or people, fewer --steps, or a smaller --width"
        )
    return ""


def beginning(held_out, settings, described):
    r"""The entry of step 0: what tells whether two runs can be compared comes along.

    `described` is the stage's line on its data; where they lie does not matter.
    """
    data = described.partition(": ")[2]
    return {"step": 0, "held_out": held_out, "data": data, "settings": to_dict(settings)}


def alike(entries, expected):
    r"""Are two logs of runs on the same data under the same settings, whatever their seed?"""

    def told(log):
        first = log[0] if log else {}
        settings = first.get("settings", {})
        return first.get("data"), {k: v for k, v in settings.items() if k != "seed"}

    return told(entries) == told(expected) != (None, {})


def astray(entries, expected):
    r"""Words on a held-out loss well above that of the bundled weights' own run; or ""."""
    step, held_out = entries[-1]["step"], entries[-1]["held_out"]
    if step < EARLY or not alike(entries, expected):
        return ""
    steps, curve = zip(*((entry["step"], entry["held_out"]) for entry in expected))
    usual = float(np.interp(step, steps, curve))
    if held_out <= (1 + ASTRAY) * usual:
        return ""
    return (
        f"held out is {held_out:.4f}; the bundled weights had {usual:.4f} at this step, with the "
        "same data and settings. Has the code changed, or torch? python -m pytest says what broke"
    )


def read_log(path, until=math.inf):
    r"""Entries of log.jsonl up to a step; a line that a kill cut short ends it."""
    entries = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return [entry for entry in entries if entry["step"] <= until]


def write_log(path, entries):
    r"""log.jsonl whole, one entry a line."""
    with atomic(path) as temporary:
        temporary.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def draw_loss(path, title, entries, expected=()):
    r"""loss.png: training and held-out loss over the steps, the expected curve in grey behind."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    if expected:
        steps, held = zip(*((entry["step"], entry["held_out"]) for entry in expected))
        where = "" if alike(entries, expected) else " (other data or settings)"
        label = f"held out, bundled weights{where}"
        axes.plot(steps, held, color="0.8", linewidth=4, label=label)
    for name, label in (("loss", "training"), ("held_out", "held out")):
        points = [(entry["step"], entry[name]) for entry in entries if name in entry]
        axes.plot(*zip(*points), marker=".", label=label)
    values = [entry["held_out"] for entry in (*entries, *expected)]
    if 0 < 10 * min(values) < max(values):
        axes.set_yscale("log")
    axes.set(title=title, xlabel="steps", ylabel="loss")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=100)
