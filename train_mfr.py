r"""Train MFR-Net on a ViCo-layout folder, stage by stage.

    python -m data_tools.make_synthetic --out data/small --size small
    python train_mfr.py all --data data/small --run runs/small
    python sample_mfr.py --weights runs/small

Each stage leaves `runs/NAME/STAGE.pt`, which is all that sampling needs, and the folder
`runs/NAME/STAGE/` with config.json, log.jsonl, loss.png, picture.png (what the stage makes, beside
the truth) and last.pt, from which --resume goes on bit for bit.
"""

import argparse
import inspect
import json
import math
import os
import re
import sys
import time
import warnings
from dataclasses import fields
from pathlib import Path

import torch

from mfr import config, official
from mfr.evaluation.metrics.motion import energy_score
from mfr.files.whole import atomic, command, sweep
from mfr.training import checkpoint, pictures, watching
from mfr.training.averaging import AveragedWeights
from mfr.training.own_network import register
from mfr.training.processes import join
from mfr.training.stages import STAGES

EVALUATIONS = 20  # of a run: held-out loss, files, pictures
SAY_EVERY = 60  # seconds without an evaluation after which a line is printed all the same


def train(stage, run, resume=False, dry_run=False, start=None, compile=False):
    r"""The training loop, the same for every stage.

    Args:
        stage: from mfr.training: network, loss and data.
        run: folder to leave checkpoints and the log in.
        resume: go on from last.pt, if it is there.
        dry_run: one step, nothing written.
        start: weights file to begin from, or None for random weights. Its statistics of the data
            come along, as they are the units of its weights. Arrays of another shape, as after a
            change of the config, stay random and are named.
        compile: the stage's networks, by torch.compile.

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
    # one call for all parameters, where torch has one
    fused = {"fused": device.type in ("cpu", "cuda", "mps")}
    optimizer = torch.optim.AdamW(stage.modules.parameters(), settings.learning_rate, **fused)
    adversary = stage.adversary and torch.optim.AdamW(
        stage.adversary.parameters(), settings.learning_rate, betas=(0.5, 0.999), **fused
    )
    average = AveragedWeights(stage.network, settings.ema)
    processes = stage.processes
    if processes.rank == 0 and not dry_run:
        sweep(run, stage.name)
        sweep(folder)
    draw = torch.Generator().manual_seed(settings.seed)  # which clips, which frames
    noise = torch.Generator(device)  # what is added to them
    noise.manual_seed(settings.seed + 1_000_003 * processes.rank)
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
        noise.set_state(noise_of(state["noise"].cpu(), processes, folder / "last.pt"))
        first, best = state["step"], state["best"]
        print(f"resumed   at step {first}, best held-out loss {best:.4f}")

    if compile:
        # constants are made once behind a cache, which the compiler looks through
        warnings.filterwarnings("ignore", ".*lru_cache.*")
        for module in stage.compiled():
            module.compile()
    step_loss = processes.parallel(
        stage.modules, lambda *given: stage.loss(*given), stage.in_phases
    )
    adversary_loss = adversary and processes.parallel(stage.adversary, stage.adversary_loss)
    every = max(1, settings.steps // EVALUATIONS)
    steps = range(first, min(first + 1, settings.steps) if dry_run else settings.steps)
    started, said, value = time.monotonic(), time.monotonic(), best
    running, finite, warned = watching.Meter(), watching.Finite(device), ""
    entries = watching.read_log(folder / "log.jsonl", first) if first else []
    if first == 0 and processes.rank == 0:
        value = average.evaluate(stage.held_out_loss)
        print(f"step {0:>6}/{settings.steps}   held out {value:.4f}")
        entries = [watching.beginning(value, settings, stage.describe())]
    for step in steps:
        rate = learning_rate(step, settings)
        for group in optimizer.param_groups + (adversary.param_groups if adversary else []):
            group["lr"] = rate
        loss, terms = step_loss(step, draw, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        size = torch.nn.utils.clip_grad_norm_(stage.modules.parameters(), settings.grad_clip)
        bad = finite.add(size, step)
        if bad is not None:
            raise ValueError(not_a_number(stage, bad, terms))
        optimizer.step()
        average.update(stage.network, step)
        if adversary and "gan" in terms:
            adversary.zero_grad(set_to_none=True)
            adversary_loss().backward()
            adversary.step()

        running.add({"loss": loss, **terms}, step - first + 1)
        done = step + 1
        if dry_run:
            continue
        judged = done % every == 0 or done == settings.steps
        pace = (done - first) / (time.monotonic() - started)
        if not judged and time.monotonic() - said > SAY_EVERY:
            print(watching.progress(done, settings.steps, running.read(), pace, device), flush=True)
            said = time.monotonic()
        if not judged:
            continue
        bad = finite.look()
        if bad is not None:
            raise ValueError(not_a_number(stage, bad, terms))
        noises = processes.gathered(noise.get_state())
        if processes.rank:
            continue
        value, means = average.evaluate(stage.held_out_loss), running.read()
        judgement = {"held out": value, **average.judge(stage.validation)}
        print(watching.progress(done, settings.steps, means, pace, device, judgement), flush=True)
        said = time.monotonic()
        entry = {"step": done, "held_out": value, "rate": rate, **means, **judgement}
        entry.pop("held out")
        entries.append(entry)
        watching.write_log(folder / "log.jsonl", entries)
        best = min(best, value)
        # the latest average, not the best: Eq. 3's held-out loss rises before samples get worse
        checkpoint.save(
            weights_file, stage.name, settings, average.shadow, step=done, held_out=value
        )
        state = {
            "modules": stage.modules.state_dict(),
            "optimizer": optimizer.state_dict(),
            "draw": draw.get_state(),
            "noise": noises,
            "step": done,
            "best": best,
        }
        if adversary:
            state["adversary"] = stage.adversary.state_dict()
            state["adversary_optimizer"] = adversary.state_dict()
        checkpoint.save(folder / "last.pt", stage.name, settings, average.shadow, **state)
        expected = watching.read_log(checkpoint.WEIGHTS / "logs" / f"{stage.name}.jsonl")
        watching.draw_loss(folder / "loss.png", f"{stage.name}, {run}", entries, expected)
        average.judge(lambda network: pictures.draw(stage, network, folder / "picture.png"))
        words = watching.advice([(e["step"], e["held_out"]) for e in entries], settings.steps)
        words = words or watching.astray(entries, expected)
        if words and not warned:
            print(f"look      {words}", flush=True)
        warned = words
    if dry_run:
        print("dry run   one step done, nothing written")
    elif processes.rank == 0:
        finish(stage, weights_file)
        print(f"done      held-out loss {value:.4f}, at best {best:.4f}: {weights_file}")
    processes.wait()
    return best


def noise_of(states, processes, path):
    r"""This process's noise generator's state out of last.pt's, (processes, n) or one's (n,).

    Raises:
        ValueError: the run had another number of processes.
    """
    states = states.reshape(-1, states.shape[-1])
    if len(states) != processes.size:
        raise ValueError(
            f"{path}: trained by {len(states)} processes; now there are {processes.size}"
        )
    return states[processes.rank]


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
        f"{next(bad, 'the norm')}; lower --learning-rate, or look at the data with "
        "python -m data_tools.inspect_data"
    )


def main(arguments=None):
    r"""Parse the command line and train the stages asked for.

    Args:
        arguments: list of words, or None for the command line's own.

    Raises:
        ValueError: a setting is out of its range.
    """
    options = parser().parse_args(arguments)
    names = ("identity", "reconstruction", "motion", "renderer")
    team, device = join(options.device)
    if team.rank:
        sys.stdout = open(os.devnull, "w")  # the first one speaks for all
    if device.type == "cuda" and options.tf32:
        torch.set_float32_matmul_precision("high")  # TF32: 10 bits of a product, all of the sum
    chosen = names if options.stage == "all" else (options.stage,)
    V, features = published(options)
    known = {field.name for name in {*names, *chosen} for field in fields(config.STAGES[name])}
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
        stage.processes = team
        if name == "motion":
            stage.score = energy_score
        print(stage.describe())
        count = sum(p.numel() for p in stage.network.parameters())
        print(
            f"model     {count / 1e6:.2f} M parameters · {settings.steps} steps of "
            f"{settings.batch_size} {stage.unit}"
        )
        print(f"expect    {stage.expect}")
        if not options.dry_run and not team.rank:
            with atomic(Path(options.run) / name / "config.json") as temporary:
                temporary.write_text(json.dumps(config.to_dict(settings), indent=1) + "\n")
        train(
            stage,
            options.run,
            options.resume,
            options.dry_run,
            getattr(options, "start", None),
            options.compile,
        )
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
        sub.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N, mps")
        sub.add_argument("--compile", action="store_true", help="the networks, by torch.compile")
        sub.add_argument(
            "--tf32",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="products of 10 bits in float32, on GPUs that have them",
        )
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
