r"""Chapters that are their own tests: run a page's blocks, compare what they print, mend the page.

A page is plain GitHub Markdown. The first words of a fence decide what happens to the block:

    python              runs; the blocks of a page run in order and share one namespace
    text                right after a python block: exactly what that block prints
    python FILE::NAME   a quotation: the library's own lines, without docstrings, never run
    sh, math, ...       shown only; so is a text block that follows no python block

A block that prints must be followed by its text block. Answers folded in <details> are blocks
like any other. A quotation is found by the syntax tree: decorators and comments stay, docstrings
and the blank lines after them go, and the indentation of a method is removed. NAME may also be an
assigned constant, or several names with commas between them.

Blocks run in a temporary folder with torch on one thread and plt.savefig("figures/NN_name.png")
for a picture. A traceback names the line of the page. The same functions serve the command and
tests/test_tutorials.py; each returns a list of problems, "PAGE:LINE: what is wrong".

    python -m tutorials.run                 run every chapter, rewrite its figures
    python -m tutorials.run 03 05           only these
    python -m tutorials.run --update 03     also rewrite printed outputs and quotations
    python -m tutorials.run --notebook 03   also write tutorials/03_forward_diffusion.ipynb
"""

import argparse
import contextlib
import io
import os
import re
import sys
import tempfile
import time
import traceback
import types
from pathlib import Path
from typing import NamedTuple

from tutorials import notebook
from tutorials.page import (
    check_form,
    check_quotations,
    check_references,
    quotation,
    read_blocks,
    root_of,
)

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tutorials"
SECONDS = 30  # CPU time a chapter may take; more on a machine that others use too
STYLE = {  # every figure alike: 6 x 2.5 in at 110 dpi unless the block says otherwise
    "figure.figsize": (6, 2.5),
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.size": 8,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def chapters(folder=FOLDER):
    r"""The pages 00_..., 01_... in reading order; the paper map is no chapter."""
    return [p for p in sorted(folder.glob("[0-9][0-9]_*.md")) if p.name != "00_paper_map.md"]


def _expected(page):
    r"""Pairs (block that runs, the text block right after it or None)."""
    blocks, lines = read_blocks(page), page.read_text(encoding="utf-8").splitlines()
    pairs = []
    for block, after in zip(blocks, [*blocks[1:], None]):
        if block.runs:
            near = after and after.info == "text"
            near = near and not "".join(lines[block.end : after.start - 1]).strip()
            pairs.append((block, after if near else None))
    return pairs


@contextlib.contextmanager
def _own_world(page):
    r"""A folder, a module and settings of a page's own; the caller's come back afterwards."""
    os.environ["MPLBACKEND"] = "Agg"
    import matplotlib
    import matplotlib.pyplot as plt
    import numpy as np
    import torch

    matplotlib.use("Agg")
    home, path, threads = os.getcwd(), list(sys.path), torch.get_num_threads()
    dtype, numpy_state = torch.get_default_dtype(), np.random.get_state()
    sys.path.insert(0, str(ROOT))
    module = sys.modules["chapter"] = types.ModuleType("chapter")
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=[]))
            stack.enter_context(np.printoptions())
            stack.enter_context(matplotlib.rc_context())
            torch.manual_seed(0)
            np.random.seed(0)
            torch.set_num_threads(1)
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            (Path(folder) / "figures").mkdir()
            os.chdir(folder)
            stack.callback(os.chdir, home)
            yield Path(folder), module.__dict__
    finally:
        plt.close("all")
        del sys.modules["chapter"]
        sys.path[:] = path
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_printoptions(profile="default")
        np.random.set_state(numpy_state)


class Run(NamedTuple):
    r"""What a page did: (block, text block or None, what it printed), figures by name, CPU time."""

    printed: list
    figures: dict
    seconds: float
    drawn: dict = {}  # line of a block -> names of the figures it drew


def begin():
    r"""What a notebook of a chapter needs: seeds, one thread, our figures, a folder of its own."""
    import matplotlib
    import numpy as np
    import torch

    torch.manual_seed(0)
    np.random.seed(0)
    torch.set_num_threads(1)
    matplotlib.rcParams.update(STYLE)
    os.chdir(tempfile.mkdtemp())


def execute(page):
    r"""Run the python blocks of a page in order.

    What a block raises is passed on; its traceback shows the line of the page, because each block
    is compiled below as many empty lines as stand above it.
    """
    printed, drawn, began = [], {}, time.process_time()
    with _own_world(page) as (folder, namespace):
        for block, text in _expected(page):
            out = io.StringIO()
            code = compile("\n" * block.start + block.body, str(page), "exec")
            with contextlib.redirect_stdout(out):
                exec(code, namespace)
            printed.append((block, text, out.getvalue()))
            known = {name for names in drawn.values() for name in names}
            new = {f.name for f in (folder / "figures").iterdir()} - known
            drawn[block.start] = sorted(new)
        figures = {f.name: f.read_bytes() for f in sorted((folder / "figures").iterdir())}
    return Run(printed, figures, time.process_time() - began, drawn)


def check_printed(page, run):
    r"""Each block prints exactly what the page shows, and the page runs in time."""
    problems = []
    for block, text, out in run.printed:
        shown = text.body if text else ""
        if out.splitlines() == shown.splitlines():  # the page cannot show a missing last newline
            continue
        line = text.start + 1 if text else block.end
        pairs = zip([*out.splitlines(), "(end)"], [*shown.splitlines(), "(end)"])
        at, (got, said) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
        problems.append(
            f"{page.name}:{line + at}: the block prints {got!r}, the page shows {said!r}"
        )
    if run.seconds > SECONDS:
        problems.append(f"{page.name}:1: takes {run.seconds:.0f} s of CPU; {SECONDS} are allowed")
    return problems


def check_figures(page, run):
    r"""Figures are named after the chapter, committed, shown; what is shown is drawn here."""
    folder = page.parent / "figures"
    shown = set(re.findall(r"!\[[^\]]*\]\(figures/([^)\s]+)\)", page.read_text(encoding="utf-8")))
    problems = []
    for name in run.figures:
        if not name.startswith(page.name[:3]):
            problems.append(f"{page.name}:1: figure {name} should begin with {page.name[:3]}")
        if not (folder / name).exists():
            problems.append(f"{page.name}:1: figures/{name} is drawn but not in the repository")
        if name not in shown:
            problems.append(f"{page.name}:1: figures/{name} is drawn but never shown")
    for name in sorted(shown - set(run.figures)):
        if name.startswith(page.name[:3]):
            problems.append(f"{page.name}:1: figures/{name} is shown but no block draws it")
    return problems


def updated(page, run):
    r"""The page's text with the printed outputs and the quotations as they are now."""
    lines = page.read_text(encoding="utf-8").splitlines()
    changes = []
    for block, text, out in run.printed:
        if text:
            span = (text.start - 1, text.end) if out else (block.end, text.end)
            changes.append((*span, ["```text", *out.splitlines(), "```"] if out else []))
        elif out:
            changes.append((block.end, block.end, ["", "```text", *out.splitlines(), "```"]))
    for block in read_blocks(page):
        if block.quoted:
            quoted = quotation(root_of(page), block.quoted).splitlines()
            changes.append((block.start, block.end - 1, quoted))
    for start, end, new in sorted(changes, reverse=True):
        lines[start:end] = new
    return "".join(line + "\n" for line in lines)


def check(page, run):
    r"""Everything that can be wrong with a chapter."""
    return [
        *check_printed(page, run),
        *check_quotations(page),
        *check_figures(page, run),
        *check_references(page),
        *check_form(page),
    ]


def _one(page, update, as_notebook):
    r"""Run one chapter for the command; the number of problems."""
    read = page.read_text(encoding="utf-8")
    try:
        run = execute(page)
    except Exception as error:
        traceback.print_exception(error.with_traceback(error.__traceback__.tb_next))
        return 1
    for name, content in run.figures.items():
        (page.parent / "figures").mkdir(exist_ok=True)
        (page.parent / "figures" / name).write_bytes(content)
    if update and page.read_text(encoding="utf-8") != read:
        print(f"{page.name} was changed while it ran; it is left as it is: run it again")
        return 1
    if update:
        page.write_text(updated(page, run), encoding="utf-8")
        run = run._replace(
            printed=[(b, t, o) for (b, t), (*_, o) in zip(_expected(page), run.printed)]
        )
    if as_notebook:
        print(f"written  {notebook.write(page, run)}")
    problems = check(page, run)
    blocks, seconds = len(run.printed), run.seconds
    print(f"{page.name:36} {blocks:3} blocks {len(run.figures)} figures {seconds:5.1f} s", end="  ")
    print("ok" if not problems else f"{len(problems)} problems")
    print("".join(f"  {problem}\n" for problem in problems), end="", flush=True)
    return len(problems)


def main(arguments=None):
    r"""The command: run chapters, rewrite figures, with --update also outputs and quotations."""
    parser = argparse.ArgumentParser(prog="python -m tutorials.run", description="Run chapters.")
    parser.add_argument("chapter", nargs="*", help="03, or a page's file name; default: all")
    parser.add_argument("--update", action="store_true", help="rewrite outputs and quotations")
    parser.add_argument("--notebook", action="store_true", help="write it as .ipynb too")
    options = parser.parse_args(arguments)
    pages = [p for p in chapters() if not options.chapter or _named(p, options.chapter)]
    for word in options.chapter:
        if not any(_named(page, [word]) for page in chapters()):
            names = ", ".join(page.name for page in chapters())
            parser.error(f"there is no chapter {word}; there are: {names}")
    problems = [_one(page, options.update, options.notebook) for page in pages]
    return 1 if sum(problems) else 0


def _named(page, words):
    return any(w in (page.name[:2], page.stem, page.name, f"tutorials/{page.name}") for w in words)


if __name__ == "__main__":
    sys.exit(main())
