r"""Train MFR-Net on a ViCo-layout folder, stage by stage.

    python -m data_tools.make_synthetic --out data/small --size small
    python train_mfr.py all --data data/small --run runs/small
    python sample_mfr.py --weights runs/small

Each stage leaves `runs/NAME/STAGE.pt`, which is all that sampling needs, and the folder
`runs/NAME/STAGE/` with config.json, log.jsonl and last.pt, from which --resume goes on bit for bit.
"""

import argparse
import inspect
import json
import math
import re
import time
from dataclasses import fields
from pathlib import Path

import torch

from mfr import config, official
from mfr.files.whole import atomic, command
from mfr.training import checkpoint
from mfr.training.averaging import AveragedWeights, pick_device
from mfr.training.own_network import register
from mfr.training.stages import STAGES


def train(stage, run, resume=False, dry_run=False, start=None):
    r"""The training loop, the same for every stage.

    Args:
        stage: from mfr.training: network, loss and data.
        run: folder to leave checkpoints and the log in.
        resume: go on from last.pt, if it is there.
        dry_run: one step, nothing written.
        start: weights file to begin from, or None for random weights. Its statistics of the data
            come along, as they are the units of its weights. Arrays of another shape, as after a
            change of the config, stay random and are named.

    Returns:
        The best held-out loss.

    Raises:
        ValueError: last.pt is of another config, the weights to begin from are of another network,
            or the loss is not a number.
    """
    settings, device = stage.config, stage.device
    folder, weights_file = Path(run) / stage.name, Path(run) / f"{stage.name}.pt"
    if start:
        weights = checkpoint.load(start, stage.name, device)
        others = checkpoint.begin(stage.network, weights["model"], start)
        print(
            f"begins    with {start}, {weights['step']} steps old"
            + (f"; at random: {others}" if others else "")
        )
    optimizer = torch.optim.AdamW(stage.modules.parameters(), settings.learning_rate)
    adversary = stage.adversary and torch.optim.AdamW(
        stage.adversary.parameters(), settings.learning_rate, betas=(0.5, 0.999)
    )
    average = AveragedWeights(stage.network, settings.ema)
    draw = torch.Generator().manual_seed(settings.seed)  # which clips, which frames
    noise = torch.Generator(device).manual_seed(settings.seed)  # what is added to them
    first, best = 0, math.inf
    if resume and (folder / "last.pt").exists():
        state = checkpoint.load(folder / "last.pt", stage.name, device)
        if state["config"] != settings:
            raise ValueError(
                f"{folder / 'last.pt'}: trained with {state['config']}; now asked for {settings}"
            )
        checkpoint.restore(stage.modules, state["modules"], folder / "last.pt")
        optimizer.load_state_dict(state["optimizer"])
        if adversary:
            checkpoint.restore(stage.adversary, state["adversary"], folder / "last.pt")
            adversary.load_state_dict(state["adversary_optimizer"])
        average.shadow = state["model"]
        draw.set_state(state["draw"].cpu())
        noise.set_state(state["noise"].cpu())
        first, best = state["step"], state["best"]
        print(f"resumed   at step {first}, best held-out loss {best:.4f}")

    every = max(1, settings.steps // 20)
    steps = range(first, min(first + 1, settings.steps) if dry_run else settings.steps)
    started, running, value = time.monotonic(), {}, best
    if first == 0:
        value = average.evaluate(stage.held_out_loss)
        print(f"step {0:>6}/{settings.steps}   held out {value:.4f}")
    for step in steps:
        rate = learning_rate(step, settings)
        for group in optimizer.param_groups + (adversary.param_groups if adversary else []):
            group["lr"] = rate
        loss, terms = stage.loss(step, draw, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        size = torch.nn.utils.clip_grad_norm_(stage.modules.parameters(), settings.grad_clip)
        if not torch.isfinite(size):
            raise ValueError(not_a_number(stage, step, terms))
        optimizer.step()
        average.update(stage.network, step)
        if adversary and "gan" in terms:
            adversary.zero_grad(set_to_none=True)
            stage.adversary_loss().backward()
            adversary.step()

        for name, value in {"loss": loss.detach(), **terms}.items():
            old = running.get(name, float(value))
            running[name] = old + (float(value) - old) / min(50, step - first + 1)
        done = step + 1
        if dry_run or (done % every and done < settings.steps):
            continue
        value = average.evaluate(stage.held_out_loss)
        pace = (done - first) / (time.monotonic() - started)
        print(progress(done, settings.steps, running, value, pace), flush=True)
        log(folder, {"step": done, "held_out": value, "rate": rate, **running})
        best = min(best, value)
        # the latest average, not the best: Eq. 3's held-out loss rises before samples get worse
        checkpoint.save(
            weights_file, stage.name, settings, average.shadow, step=done, held_out=value
        )
        state = {
            "modules": stage.modules.state_dict(),
            "optimizer": optimizer.state_dict(),
            "draw": draw.get_state(),
            "noise": noise.get_state(),
            "step": done,
            "best": best,
        }
        if adversary:
            state["adversary"] = stage.adversary.state_dict()
            state["adversary_optimizer"] = adversary.state_dict()
        checkpoint.save(folder / "last.pt", stage.name, settings, average.shadow, **state)
    if dry_run:
        print("dry run   one step done, nothing written")
    else:
        finish(stage, weights_file)
        print(f"done      held-out loss {value:.4f}, at best {best:.4f}: {weights_file}")
    return best


def finish(stage, weights_file):
    r"""Let a stage complete its weights, and write them again.

    Args:
        stage: trained.
        weights_file: its STAGE.pt.
    """
    last = checkpoint.load(weights_file, stage.name, stage.device)
    checkpoint.restore(stage.network, last["model"], weights_file)
    stage.finish(stage.network.eval())
    more = {"step": last["step"], "held_out": last["held_out"]}
    checkpoint.save(weights_file, stage.name, stage.config, stage.network.state_dict(), **more)


def learning_rate(step, settings):
    r"""Linear warm-up over 100 steps, then half a cosine down to 2 % of the rate.

    Args:
        step: from 0.
        settings: config of the stage.

    Returns:
        The rate of this step.
    """
    falling = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return settings.learning_rate * min(1.0, (step + 1) / 100) * max(0.02, falling)


def progress(step, steps, running, held_out, pace):
    r"""One line of progress.

    Args:
        step: done so far.
        steps: in all.
        running: name -> running mean over about 50 steps; "loss" is the sum.
        held_out: loss on held-out clips.
        pace: [steps/s].

    Returns:
        The line.
    """
    left = int((steps - step) / pace)
    terms = " ".join(f"{k} {v:.3g}" for k, v in running.items() if k != "loss")
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return (
        f"step {step:>6}/{steps}   loss {running['loss']:.4f}   held out {held_out:.4f}   "
        f"{terms}   {pace:.1f} steps/s   {clock} left"
    )


def not_a_number(stage, step, terms):
    r"""The message that stops a run whose gradient is not finite.

    Args:
        stage: in training.
        step: at which it happened.
        terms: name -> term of the loss.

    Returns:
        One line that names the step, the terms and the first parameter concerned.
    """
    named = stage.modules.named_parameters()
    bad = (name for name, p in named if p.grad is not None and not p.grad.isfinite().all())
    found = ", ".join(f"{name} {float(value):.3g}" for name, value in terms.items())
    return (
        f"{stage.name}: the gradient is not finite at step {step} ({found}), first in "
        f"{next(bad, 'the norm')}; lower --learning-rate or look at the data"
    )


def log(folder, entry):
    r"""Add one line to log.jsonl.

    Args:
        folder: of the stage.
        entry: name -> number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.jsonl", "a") as file:
        file.write(json.dumps(entry) + "\n")


def main(arguments=None):
    r"""Parse the command line and train the stages asked for.

    Args:
        arguments: list of words, or None for the command line's own.

    Raises:
        ValueError: a setting is out of its range.
    """
    options = parser().parse_args(arguments)
    names = ("identity", "reconstruction", "motion", "renderer")
    device = pick_device(options.device)
    chosen = names if options.stage == "all" else (options.stage,)
    V, features = published(options)
    known = {field.name for name in names for field in fields(config.STAGES[name])}
    changes = {k: v for k, v in vars(options).items() if k in known and v is not None}
    if getattr(options, "network", None):
        changes["aggregation"] = register(options.network)
    for name in chosen:
        mine = {f.name for f in fields(config.STAGES[name])}
        if V is not None and name == "motion":
            changes.setdefault("identity_dim", V.identity_dim)
        settings = config.preset(
            name, options.preset, **{k: v for k, v in changes.items() if k in mine}
        )
        print(f"mfr-net   {name} · preset {options.preset} · seed {settings.seed} · {device}")
        torch.manual_seed(settings.seed)  # initial weights
        stage = STAGES[name](settings, options.data, options.run, device, V, features)
        print(stage.describe())
        count = sum(p.numel() for p in stage.network.parameters())
        print(
            f"model     {count / 1e6:.2f} M parameters · {settings.steps} steps of "
            f"{settings.batch_size} {stage.unit}"
        )
        print(f"expect    {stage.expect}")
        if not options.dry_run:
            with atomic(Path(options.run) / name / "config.json") as temporary:
                temporary.write_text(json.dumps(config.to_dict(settings), indent=1) + "\n")
        train(stage, options.run, options.resume, options.dry_run, getattr(options, "start", None))
    if not options.dry_run:
        print(f"next      python sample_mfr.py --weights {options.run}")


def published(options):
    r"""The published networks that the options name, frozen.

    Args:
        options: of the command line.

    Returns:
        (V or None, feature maps of VGG-19 or None).
    """
    identity, vgg19 = (getattr(options, name, None) for name in ("identity", "vgg19"))
    V = official.choose("identity", identity)
    features = official.load("vgg19", vgg19) if vgg19 else None
    for name, given, network in (("identity", identity, V), ("vgg19", vgg19, features)):
        if network is not None:
            print(f"official  {name} {given}: {network.source}")
    return V, features


def parser():
    r"""The command line; each stage's options are the fields of its config.

    Returns:
        An ArgumentParser.
    """
    top = argparse.ArgumentParser(
        prog="train_mfr.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    stages = top.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name in (*config.STAGES, "all"):
        sub = stages.add_parser(name, help=f"train {name}" if name != "all" else "all in order")
        sub.add_argument("--data", default="data/small", help="ViCo-layout folder (%(default)s)")
        sub.add_argument("--run", default="runs/small", help="results go here (%(default)s)")
        sub.add_argument("--preset", default="small", choices=("small", "paper"))
        sub.add_argument("--resume", action="store_true", help="go on from the run's last.pt")
        sub.add_argument("--dry-run", action="store_true", help="one step, nothing written")
        sub.add_argument("--device", default="auto", help="auto, cpu, cuda (%(default)s)")
        if name in ("motion", "renderer", "all"):
            sub.add_argument(
                "--identity",
                metavar="KIND=FILE",
                help="V: vggface2=FILE or vggface=FILE (python -m mfr.official); else identity.pt",
            )
        if name in ("renderer", "all"):
            sub.add_argument(
                "--vgg19",
                metavar="FILE",
                help="for the perceptual and style terms; else identity.pt's maps",
            )
        if name == "motion":
            sub.add_argument("--network", metavar="FILE.py:CLASS", help="a predictor of your own")
        if name == "all":
            sub.add_argument("--steps", type=int, help="of every stage [steps]")
            sub.add_argument("--seed", type=int, help="of every stage")
            continue
        sub.add_argument(
            "--start",
            metavar="FILE",
            help=f"begin with these weights, such as mfr/weights/{name}.pt, not at random",
        )
        for title, names in groups_of_settings(name):
            add_settings(sub.add_argument_group(title), config.STAGES[name], names)
    return top


def groups_of_settings(stage):
    r"""(title, names) of a stage's settings; the paper's and ours apart, where both are."""
    settings = config.STAGES[stage]
    own = list(vars(settings)["__annotations__"])
    inherited = [field.name for field in fields(settings) if field.name not in own]
    if not inherited:
        return [(f"settings of {stage} (defaults of the preset)", own)]
    return [
        (f"settings of {stage} that the paper speaks of (defaults of the preset)", inherited),
        (f"what this project adds to the paper's {stage}; all off in --preset paper", own),
    ]


def add_settings(group, settings, names):
    r"""Options --NAME for the named fields of a config class."""
    notes = field_notes(settings)
    for field in fields(settings):
        if field.name not in names:
            continue
        flag = "--" + field.name.replace("_", "-")
        note = f"{notes.get(field.name, '')} (small: {field.default})".strip()
        if isinstance(field.default, bool):
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=note)
        else:
            kind = float if isinstance(field.default, float) else type(field.default)
            group.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=note)


def field_notes(settings):
    r"""The comment behind each field of a config class, so that help and source are one.

    field name -> comment, of the class and what it inherits from.
    """
    notes = {}
    for part in settings.__mro__[:-1]:
        for line in inspect.getsource(part).splitlines():
            match = re.match(r"\s+(\w+): \w+ = [^#]+#\s*(.+)", line)
            if match:
                notes[match[1]] = match[2].replace("%", "%%")
    return notes


if __name__ == "__main__":
    command(main)
