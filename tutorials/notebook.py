r"""A chapter as a Jupyter notebook, outputs and figures inside, by the standard library alone.

    python -m tutorials.run 03 --notebook       writes tutorials/03_forward_diffusion.ipynb

It lies beside its page, so that links and pictures lead where they led. The first cell finds the
repository and a folder to work in; the others are the page's blocks, one a cell.
"""

import base64
import json
import re

from tutorials.page import read_blocks

SETUP = """\
# Finds the repository above this notebook and works in a folder of its own.
# In Colab, first: !git clone the repository, %cd into it, !pip install -r requirements.txt
import sys
from pathlib import Path

here = Path.cwd()
root = next(folder for folder in (here, *here.parents) if (folder / "mfr").is_dir())
sys.path.insert(0, str(root))

from tutorials.run import begin

begin()
"""


def notebook(page, run):
    r"""The notebook of a chapter that ran, as a dict for json.

    Args:
        page: its path.
        run: tutorials.run.Run.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    cells, prose, skipped = [], [], set()
    ran = {block.start: (text, out) for block, text, out in run.printed}
    blocks = {block.start: block for block in read_blocks(page)}
    number = 1
    while number <= len(lines):
        block = blocks.get(number)
        if block is None:
            prose.append(lines[number - 1])
            number += 1
            continue
        number = block.end + 1
        if block.start in ran:
            _flush(cells, prose, page)
            text, out = ran[block.start]
            skipped.add(text.start if text else None)
            cells.append(_code(block.body, out, _pictures(run, block)))
        elif block.start not in skipped:
            prose += _shown(block)
    _flush(cells, prose, page)
    setup = _code(SETUP, "", [])
    cells.insert(1, setup)
    for count, cell in enumerate(cells):
        cell["id"] = f"cell-{count}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(page, run):
    r"""Write the notebook beside its page; its path."""
    path = page.with_suffix(".ipynb")
    path.write_text(json.dumps(notebook(page, run), indent=1) + "\n", encoding="utf-8")
    return path


def _shown(block):
    """A block that never runs, as Markdown that notebooks understand."""
    body = block.body.splitlines()
    if block.info == "math":
        return ["$$", *body, "$$"]
    fence = block.info.split()[0] if block.info else ""
    source = [f"`{block.quoted}`", ""] if block.quoted else []
    return [*source, f"```{fence}", *body, "```"]


def _pictures(run, block):
    return [run.figures[name] for name in run.drawn.get(block.start, ())]


def _flush(cells, prose, page):
    """The prose collected so far as one cell; pictures that a cell draws are left to it."""
    text = "\n".join(prose).strip("\n")
    prose.clear()
    attachments = {}

    def picture(match):
        words, name = match.groups()
        if name.startswith(page.name[:2]):  # drawn above: its words are enough
            return f"*{words}*"
        data = (page.parent / "figures" / name).read_bytes()
        kind = f"image/{name.rpartition('.')[2]}"
        attachments[name] = {kind: base64.b64encode(data).decode()}
        return f"![{words}](attachment:{name})"

    text = re.sub(r"!\[([^\]]*)\]\(figures/([^)]+)\)", picture, text)
    if text:
        cell = {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}
        cells.append({**cell, "attachments": attachments} if attachments else cell)


def _code(body, out, pictures):
    outputs = []
    if out:
        text = out.splitlines(keepends=True)
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    for png in pictures:
        data = {"image/png": base64.b64encode(png).decode()}
        outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
    return {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "source": body.rstrip("\n").splitlines(keepends=True),
        "outputs": outputs,
    }
