r"""Training of the compared systems: one loop, files that a kill cannot halve, resume bit for bit.

    python -m mfr.evaluation.methods train vico --data data/vico --run runs/baselines

RUN/KIND.pt is what the tables need, as it was where the held-out loss was lowest; RUN/KIND/last.pt
is what --resume needs.
"""

import argparse
import math
import time
from dataclasses import fields, replace
from pathlib import Path

import torch

from mfr.evaluation.methods.baselines import (
    DEFAULTS,
    Baseline,
    BaselineConfig,
    load,
    save,
)
from mfr.evaluation.methods.sequences import initialise
from mfr.face.coefficients import Statistics
from mfr.files.vico import held_out, read_clips
from mfr.files.whole import command_line
from mfr.training.averaging import pick_device
from mfr.training.batches import MotionData
from mfr.training.identity import identity_file, load_identity
from mfr.training.motion import portraits_to_vectors

HELD_OUT_BATCHES = 8


class Trainer:
    r"""Data, network, optimiser and generators of one run.

    V is RUN/identity.pt, or the bundled one.
    """

    def __init__(self, config, data, run, device):
        self.config, self.run, self.device = config, Path(run), device
        V = load_identity(identity_file(run), device)
        self.sets = [MotionData(clips) for clips in held_out(read_clips(data))]
        for part in self.sets:
            part.identity = portraits_to_vectors(V, part.clips, device)
        train = self.sets[0]
        config = replace(config, identity_dim=train.identity.shape[1])
        initial = torch.Generator().manual_seed(config.seed)
        self.baseline = initialise(Baseline(config), initial)
        for name in ("listener", "speaker", "audio"):
            setattr(self.baseline, name, Statistics.fit(getattr(train, name)))
        self.baseline.to(device)
        self.config = config
        self.optimizer = torch.optim.AdamW(
            self.baseline.parameters(), config.learning_rate, weight_decay=config.weight_decay
        )
        self.draw = torch.Generator().manual_seed(config.seed)
        self.noise = torch.Generator(device).manual_seed(config.seed)
        self.step, self.best = 0, math.inf

    @property
    def weights_file(self):
        r"""RUN/KIND.pt."""
        return self.run / f"{self.config.kind}.pt"

    @property
    def state_file(self):
        r"""RUN/KIND/last.pt."""
        return self.run / self.config.kind / "last.pt"

    def update(self):
        r"""One step of training; gives the loss.

        Raises:
            ValueError: the gradient is not finite.
        """
        rate = self.config.learning_rate * max(
            0.02, 0.5 * (1 + math.cos(math.pi * self.step / self.config.steps))
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        listener, cond = self.sets[0].draw(self.config.batch_size, self.config.window, self.draw)
        self.baseline.train()
        loss = self.baseline.loss(listener.to(self.device), cond.to(self.device), self.noise)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        size = torch.nn.utils.clip_grad_norm_(self.baseline.parameters(), self.config.grad_clip)
        if not torch.isfinite(size):
            raise ValueError(
                f"{self.config.kind}: the gradient is {float(size)} at step "
                f"{self.step}; allowed: finite"
            )
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    @torch.no_grad()
    def held_out_loss(self):
        r"""The same loss on fixed held-out windows."""
        self.baseline.eval()
        generator, total = torch.Generator().manual_seed(1), 0.0
        for _ in range(HELD_OUT_BATCHES):
            listener, cond = self.sets[1].draw(32, self.config.window, generator)
            total += float(self.baseline.loss(listener.to(self.device), cond.to(self.device), None))
        return total / HELD_OUT_BATCHES

    def save(self, value):
        r"""Write the state, and the weights if this held-out loss is the least so far."""
        if value < self.best:
            self.best = value
            save(self.weights_file, self.baseline, step=self.step, held_out=value)
        save(
            self.state_file,
            self.baseline,
            step=self.step,
            best=self.best,
            draw=self.draw.get_state(),
            noise=self.noise.get_state(),
            optimizer=self.optimizer.state_dict(),
        )

    def resume(self):
        r"""Go on from last.pt, if it is there.

        Raises:
            ValueError: it was trained with other settings.
        """
        if not self.state_file.exists():
            return
        baseline, state = load(self.state_file, self.device)
        if baseline.config != self.config:
            raise ValueError(
                f"{self.state_file}: trained with {baseline.config}; now asked for {self.config}"
            )
        self.baseline.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.draw.set_state(state["draw"].cpu())
        self.noise.set_state(state["noise"].cpu())
        self.step, self.best = state["step"], state["best"]
        print(f"resumed   at step {self.step}")


def train(trainer):
    r"""The loop: twenty reports, twenty saves; gives the last held-out loss."""
    steps, first = trainer.config.steps, trainer.step
    every, running, began = max(1, steps // 20), None, time.monotonic()
    value = trainer.held_out_loss()
    print(f"step {first:>6}/{steps}   held out {value:.4f}", flush=True)
    while trainer.step < steps:
        loss = trainer.update()
        seen = min(50, trainer.step - first)
        running = loss if running is None else running + (loss - running) / seen
        if trainer.step % every == 0 or trainer.step == steps:
            value, pace = trainer.held_out_loss(), time.monotonic() - began
            trainer.save(value)
            print(
                f"step {trainer.step:>6}/{steps}   loss {running:.4f}   held out {value:.4f}   "
                f"{(trainer.step - first) / pace:.1f} steps/s",
                flush=True,
            )
    print(
        f"done      held-out loss {value:.4f}, at best {trainer.best:.4f}: {trainer.weights_file}"
    )
    return value


def main(arguments=None):
    r"""The command line."""
    options = parser().parse_args(arguments)
    known = {f.name for f in fields(BaselineConfig)}
    given = {k: v for k, v in vars(options).items() if k in known and v is not None}
    config = check(replace(DEFAULTS[options.kind], **given))
    device = pick_device(options.device)
    trainer = Trainer(config, options.data, options.run, device)
    count = sum(p.numel() for p in trainer.baseline.parameters())
    print(
        f"baseline  {config.kind} · {count / 1e6:.2f} M parameters · {device}\n"
        f"data      {options.data}: {len(trainer.sets[0].clips)} clips, "
        f"{len(trainer.sets[1].clips)} held out"
    )
    if options.resume:
        trainer.resume()
    train(trainer)


def check(config):
    r"""The config, if a loop could work with it.

    Raises:
        ValueError: a number is out of its range.
    """
    for name in ("hidden", "layers", "inputs", "window", "steps", "batch_size", "learning_rate"):
        if not getattr(config, name) > 0:
            raise ValueError(f"{name} is {getattr(config, name)}; allowed: > 0")
    if not 0 <= config.dropout < 1:
        raise ValueError(f"dropout is {config.dropout}; allowed: 0 .. 1, 1 not included")
    if config.kind == "pchg" and config.window <= 6:
        raise ValueError(f"window is {config.window}; allowed: > 6, pchg leaves out 5 frames")
    return config


def parser():
    r"""The command line's words."""
    top = command_line("mfr.evaluation.methods", __doc__)
    sub = top.add_subparsers(dest="command", required=True).add_parser("train")
    sub.add_argument("kind", choices=tuple(DEFAULTS))
    sub.add_argument("--data", default="data/small", help="ViCo-layout folder (%(default)s)")
    sub.add_argument("--run", default="runs/small", help="results go here (%(default)s)")
    sub.add_argument("--resume", action="store_true", help="go on from RUN/KIND/last.pt")
    sub.add_argument("--device", default="auto", help="auto, cpu, cuda (%(default)s)")
    for field in fields(BaselineConfig):
        if field.name in ("kind", "identity_dim"):
            continue
        flag = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            sub.add_argument(flag, action=argparse.BooleanOptionalAction, default=None)
        else:
            sub.add_argument(flag, type=type(field.default))
    return top
