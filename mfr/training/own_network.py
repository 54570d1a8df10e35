r"""A noise predictor of the user's own in the place of the paper's: --network FILE.py:CLASS.

Only the command line names such a file, never a checkpoint: a checkpoint remembers the class's
name, and whoever samples from it says again where the class is.
"""

import importlib.util
from pathlib import Path

from mfr.motion.model import PREDICTORS


def register(word):
    r"""Make the class of FILE.py:CLASS an aggregation of MotionConfig; its name.

    The class is built as CLASS(config), is an nn.Module, and keeps what tests/motion/
    test_predictor.py asks of every predictor: prepare(cond, generator=None), and forward(x_t, t,
    cond) -> noise of x_t's shape, with cond a Condition or what prepare made of it.

    Raises:
        ValueError: there is no such file or class, the file cannot be run, or the name is taken.
    """
    file, _, name = word.rpartition(":")
    if not file or not name.isidentifier():
        raise ValueError(f"--network {word}: allowed: FILE.py:CLASS")
    if not Path(file).is_file():
        raise ValueError(f"--network {word}: {file}: no such file")
    if name in PREDICTORS and PREDICTORS[name].__module__ != f"own_{Path(file).stem}":
        raise ValueError(f"--network {word}: the name {name} is taken; call the class otherwise")
    spec = importlib.util.spec_from_file_location(f"own_{Path(file).stem}", file)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{file}: cannot be run: {type(error).__name__}: {error}") from error
    if not isinstance(getattr(module, name, None), type):
        raise ValueError(f"{file}: has no class {name}")
    PREDICTORS[name] = getattr(module, name)
    return name
