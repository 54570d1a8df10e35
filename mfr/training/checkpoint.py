r"""What a training run leaves behind: tensors, numbers, strings and dicts, nothing that executes.

Two kinds of file share one layout. A weights file (`motion.pt`) holds what sampling needs: stage,
config, averaged weights and, inside them, the statistics of the data. A training state
(`motion/last.pt`) adds what a bit-for-bit resume needs.
"""

import io
import warnings
from pathlib import Path

import torch

from mfr.config import STAGES, to_dict
from mfr.files.whole import atomic, existing

FORMAT = "mfr-net 1"
WEIGHTS = Path(__file__).parents[1] / "weights"  # the bundled files


def save(path, stage, config, model, **more):
    r"""Write a checkpoint whole or not at all.

    `model` is the network's state dict, statistics included as buffers; more: further tensors,
    numbers, strings and dicts of them.
    """
    settings = to_dict(config)
    write(path, {"format": FORMAT, "stage": stage, "config": settings, "model": model, **more})


def write(path, content):
    r"""A torch file, whole or not at all, of whatever format."""
    packed = io.BytesIO()  # torch's own file ends a full disk in an error of its inside
    torch.save(content, packed)
    with atomic(path) as temporary:
        temporary.write_bytes(packed.getbuffer())


def load(path, stage, device="cpu"):
    r"""Read a checkpoint without executing anything that is in it.

    Its dict, with `config` as the stage's dataclass again.

    Raises:
        ValueError: no such file, not a checkpoint of ours, of another stage, or a config field
            that this version does not know.
    """
    path = existing(path, f"{stage} weights")
    content = open_format(path, "checkpoint of train_mfr.py", FORMAT, device)
    missing = [name for name in ("stage", "config", "model") if name not in content]
    if missing:
        raise ValueError(f"{path}: has no {', '.join(missing)}; a checkpoint of train_mfr.py has")
    if content["stage"] != stage:
        raise ValueError(f"{path}: holds the stage {content['stage']!r}; {stage!r} is needed")
    if not isinstance(content["config"], dict) or not isinstance(content["model"], dict):
        raise ValueError(f"{path}: its config or its model is not a dict of names")
    try:
        content["config"] = STAGES[stage](**content["config"])
    except TypeError as error:
        raise ValueError(f"{path}: its config does not fit this version ({error})") from error
    return content


def open_format(path, kind, wanted, device="cpu"):
    r"""The dict in a file of ours, opened without executing anything that is in it.

    `kind` says in messages what it should have been.

    Raises:
        ValueError: the file is damaged, holds objects, or its `format` is not `wanted`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about foreign files before it refuses
            content = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # a damaged file makes torch raise almost anything
        raise ValueError(
            f"{path}: cannot be opened safely as a {kind} (damaged, or it holds "
            "objects other than tensors, numbers and strings)"
        ) from error
    named = content.get("format") if isinstance(content, dict) else type(content).__name__
    if named != wanted:
        raise ValueError(f"{path}: format {named!r}; a {kind} has {wanted!r}")
    return content


def restore(module, state, path):
    r"""Load a state dict strictly; the message names the path when it does not fit.

    Raises:
        ValueError: names or shapes differ.
    """
    wanted = module.state_dict()
    problems = {
        "missing": [name for name in wanted if name not in state],
        "unknown": [name for name in state if name not in wanted],
        "of another shape": [
            name
            for name in wanted
            if name in state and wanted[name].shape != getattr(state[name], "shape", None)
        ],
    }
    found = "; ".join(f"{what}: {_first_few(names)}" for what, names in problems.items() if names)
    if found:
        raise ValueError(f"{path}: does not fit the network of this version and config ({found})")
    module.load_state_dict(state)


def begin(module, state, path):
    r"""Load what fits of a state dict of another version or config; the rest stays as it is.

    Gives a few names of the arrays that did not fit, as text; empty if all did.

    Raises:
        ValueError: fewer than half of the arrays fit.
    """
    wanted = module.state_dict()
    shapes = {name: getattr(value, "shape", None) for name, value in state.items()}
    fits = {name: state[name] for name in wanted if wanted[name].shape == shapes.get(name)}
    if 2 * len(fits) < len(wanted):
        raise ValueError(
            f"{path}: {len(fits)} of {len(wanted)} arrays fit the network of this "
            "version and config; at least half must"
        )
    module.load_state_dict(fits, strict=False)
    return _first_few([name for name in wanted if name not in fits])


def _first_few(names, most=3):
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
