r"""A user's file into a network: opened safely, its entry found, every name and shape compared."""

import pickletools
import re
import warnings
import zipfile

import torch

from mfr.files.whole import existing

SHOWN = 3  # names that a message gives before it counts the rest
WRAPPERS = ("state_dict", "model_state_dict", "model")  # entries that other people's scripts use
COUNTER = "num_batches_tracked"  # of batch norm; files older than torch 0.4.1 have none


def open_safely(path):
    r"""The content of a torch file, by torch's restricted reader alone: nothing in it is run.

    Tensors stay on disk until they are used, where the format allows it.

    Raises:
        ValueError: no such file, not a torch file, damaged, or it holds objects that are code.
    """
    path = existing(path, "weights")
    try:
        lazy = zipfile.is_zipfile(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about foreign files before it refuses
            return torch.load(path, map_location="cpu", weights_only=True, mmap=lazy)
    except Exception as error:  # garbage makes torch raise nearly anything
        raise ValueError(f"{path}: {_reason(path, str(error))}") from error


def _reason(path, refusal):
    """Why torch refused a file, and how to convert it where that is possible."""
    if "TorchScript" in refusal:
        return "is a TorchScript program; a state dict saved by torch.save is needed"
    found = re.search(r"GLOBAL ([\w.]+)", refusal)
    if found:
        return (
            f"cannot be opened safely: it holds {found[1]}, which could run code; if you trust it, "
            f'convert it once: python -c "import torch; torch.save(torch.load({str(path)!r}, '
            "weights_only=False, map_location='cpu')['ENTRY'], 'converted.pt')\" with ENTRY the "
            "name of its state dict (leave ['ENTRY'] out if the file is the state dict)"
        )
    if _is_pickle(path):
        return (
            "cannot be opened safely: it is a plain pickle, which could run code; if you trust it, "
            f'convert it once: python -c "import pickle, torch; d = pickle.load('
            f"open({str(path)!r}, 'rb'), encoding='latin1'); "
            "torch.save({k: torch.as_tensor(v) for k, v in d.items()}, "
            "'converted.pt')\""
        )
    return "is damaged or not a torch file; a state dict saved by torch.save is needed"


def _is_pickle(path):
    """Whether the file reads as one pickle to its end; its instructions are listed, not run."""
    try:
        with open(path, "rb") as file:
            for _ in pickletools.genops(file):
                pass
            return True
    except Exception:  # whatever it was, it was no pickle
        return False


def find_state(content, entries=()):
    r"""The state dict inside a file's content, and a note such as "entry net_G_ema".

    `entries` are names under which the publisher keeps it, the best first.

    Raises:
        ValueError: there is no state dict where one can be.
    """
    if not isinstance(content, dict):
        raise ValueError(f"holds a {type(content).__name__}; a state dict is needed")
    notes = []
    for entry in (*entries, *WRAPPERS):
        if isinstance(content.get(entry), dict):
            content = content[entry]
            notes.append(f"entry {entry}")
            break
    if not any(torch.is_tensor(value) for value in content.values()):
        found = ", ".join(map(str, list(content)[: 2 * SHOWN])) or "nothing"
        looked = ", ".join((*entries, *WRAPPERS))
        raise ValueError(f"holds no state dict; found: {found}; looked for: tensors, {looked}")
    if all(str(name).startswith("module.") for name in content):
        content = {name.removeprefix("module."): value for name, value in content.items()}
        notes.append("prefix module. removed")
    return dict(content), ", ".join(notes) or "a bare state dict"


def compare(state, expected):
    r"""Hold every name and shape of a state dict against those of the network's.

    Raises:
        ValueError: one line with the count and the first names of what is missing, extra or
            misshapen.
    """
    missing = [name for name in expected if name not in state]
    extra = [str(name) for name in state if name not in expected]
    misshapen = [
        f"{name} {_shape(state[name])}, must be {_shape(expected[name])}"
        for name in expected
        if name in state and _shape(state[name]) != _shape(expected[name])
    ]
    kinds = (("missing", missing), ("extra", extra), ("misshapen", misshapen))
    parts = [f"{len(names)} {kind} ({_first(names)})" for kind, names in kinds if names]
    if parts:
        raise ValueError(", ".join(parts) + f"; {len(expected)} entries are needed")


def _shape(value):
    """Shape and kind of number: (64, 3, 7, 7) int, or the type of what is no tensor."""
    if not torch.is_tensor(value):
        return type(value).__name__
    return f"{tuple(value.shape)}" + ("" if value.is_floating_point() else " int")


def _first(names):
    """The first few names, and an ellipsis where there are more."""
    return "; ".join(names[:SHOWN]) + ("; ..." if len(names) > SHOWN else "")


def add_counters(state, expected):
    r"""Give a file from before torch 0.4.1 the counters of batch norm that it cannot have.

    They count training steps and do not act here. A file that has some of them must have all.
    Changes `state` in place; gives whether any were added.
    """
    counters = [name for name in expected if name.endswith(COUNTER)]
    if not counters or any(str(name).endswith(COUNTER) for name in state):
        return False
    state.update({name: torch.zeros((), dtype=torch.long) for name in counters})
    return True


def fill(build, path, entries=()):
    r"""Build a network and load a user's file into it, strictly.

    On the CPU in float32, frozen, in eval mode; its `source` says which entry of the file it was.

    Raises:
        ValueError: the file cannot be opened safely, or a name or shape is not the network's.
    """
    content = open_safely(path)
    with torch.device("meta"):
        network = build()
    expected = network.state_dict()
    try:
        state, note = find_state(content, entries)
        if add_counters(state, expected):
            note += ", without batch-norm counters"
        compare(state, expected)
    except ValueError as error:
        raise ValueError(f"{path}: does not fit {type(network).__name__}: {error}") from error
    state = {name: state[name].to(expected[name].dtype) for name in expected}
    network.load_state_dict(state, strict=True, assign=True)
    network.source = note
    return network.eval().requires_grad_(False)
