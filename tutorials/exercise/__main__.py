r"""The command that writes skeletons: python -m tutorials.exercise 06."""

import argparse
import ast
import inspect
import sys
import textwrap
from pathlib import Path

from tutorials.exercise.judge import original
from tutorials.exercise.registry import EXERCISES

NUMPY = ("mfr.sound", "mfr.evaluation", "mfr.face.camera")  # where arrays go in and out


def skeleton(exercise):
    r"""The text of my_NAME.py: what is asked for, and how it is judged."""
    if exercise.text:
        return f"# Judge it by\n#     {command(exercise)}\n{exercise.text}"
    _, _, ours = original(exercise)
    node = ast.parse(textwrap.dedent(inspect.getsource(ours))).body[0]
    if exercise.target.startswith(NUMPY):
        imports = ["import numpy as np"]
    else:
        imports = ["import torch"] + ["from torch import nn"] * isinstance(node, ast.ClassDef)
    given = {
        name.id for name in ast.walk(node) if isinstance(name, ast.Name) and _given(node, name)
    }
    if given:  # what stands in the signature
        imports += ["", f"from {ours.__module__} import {', '.join(sorted(given))}"]
    about = [f"{exercise.name}: chapter tutorials/{exercise.chapter}", "Judge it by"]
    about += [f"    {command(exercise)}", *textwrap.wrap(exercise.needs, 98)]
    heading = [f"# {line}" for line in about]
    return "\n".join([*heading, "", *imports, "", "", emptied(node), ""])


def _given(node, name):
    r"""Whether a name stands among a function's defaults."""
    defaults = node.args.defaults if isinstance(node, ast.FunctionDef) else []
    return any(name is part for default in defaults for part in ast.walk(default))


def command(exercise):
    r"""The command that judges my_NAME.py."""
    return f"python -m pytest {exercise.tests} --mine {exercise.name}=my_{exercise.name}.py"


def emptied(node):
    r"""A function or class with its docstrings and nothing in it, written from its syntax."""
    if isinstance(node, ast.ClassDef):
        kept = [docstring(node)] if ast.get_docstring(node) else []
        wanted = [n for n in node.body if getattr(n, "name", "") in ("__init__", "forward")]
        body = "\n\n".join(kept + [emptied(n) for n in wanted])
        head = f"class {node.name}({', '.join(ast.unparse(b) for b in node.bases)}):"
        return f"{head}\n{textwrap.indent(body, '    ')}"
    head = f"def {node.name}({ast.unparse(node.args)}):"
    body = ([docstring(node)] if ast.get_docstring(node) else []) + ["raise NotImplementedError"]
    return f"{head}\n{textwrap.indent(chr(10).join(body), '    ')}"


def docstring(node):
    r"""Its docstring as source; what it says of errors is left out, no exercise asks for them."""
    text = ast.get_docstring(node).split("\n\nRaises:")[0]
    return f'r"""{text}\n"""' if "\n" in text else f'r"""{text}"""'


def main(arguments=None):
    r"""List the exercises, or write the skeletons of those asked for."""
    parser = argparse.ArgumentParser(prog="python -m tutorials.exercise", description=__doc__)
    parser.add_argument("what", nargs="*", help="a chapter, 06, or a name; none lists them")
    wanted = parser.parse_args(arguments).what
    if not wanted:
        for exercise in EXERCISES.values():
            print(f"{exercise.chapter[:2]}  {exercise.name:24} {exercise.tests}")
        return 0
    chosen = [e for e in EXERCISES.values() if e.name in wanted or e.chapter[:2] in wanted]
    for word in wanted:
        if not any(word in (e.name, e.chapter[:2]) for e in chosen):
            known = sorted({e.chapter[:2] for e in EXERCISES.values()})
            names = ", ".join([*known, *EXERCISES])
            parser.error(f"there is no exercise {word}; there are: {names}")
    for exercise in chosen:
        file = Path(f"my_{exercise.name}.py")
        if file.exists():
            print(f"kept     {file}, which is there already")
        else:
            file.write_text(skeleton(exercise), encoding="utf-8")
            print(f"written  {file}")
        print(f"         {command(exercise)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
