r"""What an exercise is, and how a learner's own function is put in ours' place and talked about.

Whether it is right is for the tests marked `equation` to say (tests/conftest.py). Where it is not,
`diagnose` says what to look at: the smallest input on which it fails, what comes out by hand, and
which common slip makes the very same numbers.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]


class Case(NamedTuple):
    r"""One small input with its answer."""

    words: str  # the input, in a line
    ask: Callable  # ask(function) -> what the function answers
    answer: object  # numbers, or a dict of them
    why: str  # how the answer is worked out by hand


class Slip(NamedTuple):
    r"""A common mistake: a function that makes it."""

    words: str  # completes "That is what comes out if ..."
    function: object


class Exercise(NamedTuple):
    r"""A function or class of the library that a reader may write anew."""

    name: str  # as in --mine NAME=FILE
    target: str  # MODULE:NAME, or MODULE:CLASS.METHOD
    chapter: str  # PAGE.md#heading in tutorials/
    tests: str  # file whose tests judge it
    needs: str  # what the docstring does not say
    cases: list
    slips: list
    text: str = ""  # of the skeleton, where the library's signature is not enough


def original(exercise):
    r"""(owner, attribute, value): where the library keeps the function."""
    module, _, path = exercise.target.partition(":")
    owner = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name, getattr(owner, name)


def chosen(word, exercises):
    r"""(exercise, the reader's function) of a word NAME=FILE or NAME=FILE:OTHER_NAME.

    Raises:
        ValueError: the name is unknown, or the file has nothing of it.
    """
    name, _, place = word.partition("=")
    if name not in exercises or not place:
        known = ", ".join(exercises)
        raise ValueError(f"--mine {word}: is not NAME=FILE; names: {known}")
    file, colon, own = place.rpartition(":")
    return exercises[name], load(file, own) if colon else load(place, name)


def load(file, name):
    r"""The object `name` of a Python file.

    Raises:
        ValueError: there is no such file, it cannot be run, or it has no such name.
    """
    file = Path(file)
    if not file.is_file():
        raise ValueError(f"{file}: no such file")
    spec = importlib.util.spec_from_file_location(f"mine_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))  # a file beside it may be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{file}: cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    if not hasattr(module, name):
        raise ValueError(f"{file}: has no {name}")
    return getattr(module, name)


def put_in_place(exercise, mine):
    r"""Put a function where the library keeps its own, in every module that has it by name."""
    owner, name, ours = original(exercise)
    for parent in _parents(exercise.target.partition(":")[0]):
        importlib.import_module(parent)  # may hand the function on under its own name
    setattr(owner, name, mine)
    for module in [m for key, m in sys.modules.items() if key.split(".")[0] == "mfr"]:
        for key, value in list(vars(module).items()):
            if value is ours:
                setattr(module, key, mine)


def _parents(module):
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def outcome(case, function):
    r"""What a function answers to a case; what it raises, as text."""
    try:
        answer = case.ask(function)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return answer


def same(a, b):
    r"""Whether two outcomes are equal: shape by shape, number by number, up to 1e-6."""
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a.split(":")[0] == b.split(":")[0]
    if isinstance(a, dict) or isinstance(b, dict):
        both = isinstance(a, dict) and isinstance(b, dict) and set(a) == set(b)
        return both and all(same(a[key], b[key]) for key in a)
    try:
        a, b = _numbers(a), _numbers(b)
    except (TypeError, ValueError, RuntimeError):
        return False
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=1e-7, equal_nan=True)


def _numbers(x):
    if torch.is_tensor(x):
        x = x.detach().cpu().double().numpy()
    return np.asarray(x, dtype=np.float64)


def shown(x):
    r"""An outcome in a line."""
    if isinstance(x, str):
        return f"it raises {x}"
    if isinstance(x, dict):
        return ", ".join(f"{key} {shown(value)}" for key, value in x.items())
    try:
        x = _numbers(x)
    except (TypeError, ValueError, RuntimeError):
        return f"{type(x).__name__}, which is no tensor or number"
    if x.size == 1 and x.ndim == 0:
        return f"{x.item():.6g}"
    text = np.array2string(x.round(4), separator=", ", threshold=40).replace("\n", "")
    return f"{' '.join(text.split())}   shape {x.shape}"


def diagnose(exercise, mine):
    r"""Lines that say where a learner's function goes wrong; [] where every small case is right."""
    found = [outcome(case, mine) for case in exercise.cases]
    wrong = [n for n, case in enumerate(exercise.cases) if not same(found[n], case.answer)]
    if not wrong:
        return []
    case, answer = exercise.cases[wrong[0]], found[wrong[0]]
    lines = [
        f"input      {case.words}",
        f"expected   {shown(case.answer)}",
        f"           {case.why}",
        f"yours      {shown(answer)}",
    ]
    slip = _slip(exercise, found, wrong[0])
    if slip:
        lines.append(f"slip       That is what comes out if {slip}.")
    if wrong[0]:
        lines.append(f"right      {'; '.join(c.words for c in exercise.cases[: wrong[0]])}")
    return [*lines, f"read       tutorials/{exercise.chapter}"]


def _slip(exercise, found, first):
    """Words of the slip that explains all outcomes, or else the first wrong one."""
    explains = None
    for slip in exercise.slips:
        theirs = [outcome(case, slip.function) for case in exercise.cases]
        if all(same(a, b) for a, b in zip(theirs, found)):
            return slip.words
        # an exception or a wrong shape tells too little to blame a slip for it alone
        if not isinstance(found[first], str) and same(theirs[first], found[first]):
            explains = explains or slip.words
    return explains
