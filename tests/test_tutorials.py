r"""The chapters do what they print; and each check of a chapter is shown failing.

Oracles: the chapters themselves (every printed line, quotation, link, figure), and a small good
chapter made in a temporary repository, which passes and is then broken in one place at a time.
"""

import contextlib
import io
import json
import re
import sys
import types

import pytest

from tutorials import notebook
from tutorials import run as command
from tutorials.page import check_references, headings, quotation, read_blocks
from tutorials.run import ROOT, chapters, check, check_printed, execute, updated

PAGES = [pytest.param(page, id=page.stem) for page in chapters()]


@pytest.mark.parametrize("page", PAGES)
def test_chapter_prints_what_it_shows(page):
    assert check(page, execute(page)) == []


OTHERS = ["README.md", "tutorials/00_paper_map.md", "tutorials/glossary.md"]
OTHERS += [f"mfr/{room}/README.md" for room in ("live", "official", "training")]


@pytest.mark.parametrize("name", OTHERS)
def test_links_and_names_of_other_pages_lead_somewhere(name):
    assert check_references(ROOT / name) == []


def test_readme_is_read_in_minutes():
    text = (ROOT / "README.md").read_text()
    before, results, after = re.split("<!-- (?:end of )?results -->", text)
    assert len((before + after).splitlines()) <= 125


LIBRARY = '''r"""A library of one formula."""

HALF = 0.5


class Scale:
    r"""Times a half."""

    @staticmethod
    def half(x):
        r"""x / 2.

        Args:
            x: a number.
        """

        # a comment stays
        return x * HALF
'''

ANSWER = """<details>
<summary>Answer</summary>

```python
print({0} * x)
```

```text
{1}
```

</details>
"""

CHAPTER = (
    """# 1. Halves

![Where we are](figures/where_01.png)

## You will need

Nothing.

## You will have

A half. See [above](#1-halves), `mfr/toy.py::Scale.half` and `test_half_is_half`.

## By hand

```python
x = 3
print(x)
print("half", x * 0.5)
```

```text
3
half 1.5
```

```python mfr/toy.py::Scale.half
@staticmethod
def half(x):
    # a comment stays
    return x * HALF
```

```python
import matplotlib.pyplot as plt

plt.plot([0, x], [0, x / 2])
plt.savefig("figures/01_half.png")
```

![A line that rises by a half](figures/01_half.png)

## What goes wrong if the half is lost

```sh
python -m tutorials.run 01
```

## Summary

Halves.

## What to try next

Thirds.

## Exercises

"""
    + "\n".join(ANSWER.format(n, 3 * n) for n in (2, 3, 5))
    + """
## Tests of this chapter

[`test_half_is_half`](../tests/test_toy.py)
"""
)


@pytest.fixture
def toy(tmp_path):
    r"""A repository with one function, one test and one good chapter; gives a chapter writer."""
    for name, text in {
        "mfr/toy.py": LIBRARY,
        "tests/test_toy.py": "def test_half_is_half():\n    assert True\n",
        "tutorials/figures/01_half.png": "a picture",
        "tutorials/figures/where_01.png": "a picture",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def write(old="", new=""):
        assert old in CHAPTER
        page = tmp_path / "tutorials" / "01_halves.md"
        page.write_text(CHAPTER.replace(old, new, 1) if old else CHAPTER)
        return page

    return write


def test_good_chapter_has_no_problem(toy):
    assert check(toy(), execute(toy())) == []


BROKEN = [
    ("a printed number", "half 1.5", "half 1.4", r":23: the block prints 'half 1.5'.*'half 1.4'"),
    ("a printed line too many", "half 1.5\n", "half 1.5\nand\n", r"prints '\(end\)'.*shows 'and'"),
    ("a printed line too few", "half 1.5\n", "", r"prints 'half 1.5', the page shows '\(end\)'"),
    ("an answer's number", "\n6\n", "\n7\n", r"prints '6', the page shows '7'"),
    (
        "print without a text block",
        "\n```text\n3\nhalf 1.5\n```\n",
        "",
        r"prints '3', the page sho",
    ),
    (
        "a quoted line",
        "return x * HALF",
        "return x / 2",
        r":30: .*half reads .*HALF.* quotes .*/ 2",
    ),
    (
        "a quoted name",
        "python mfr/toy.py::Scale.half",
        "python mfr/toy.py::Scale.third",
        "has no Sc",
    ),
    ("a quoted file", "python mfr/toy.py", "python mfr/joy.py", "there is no file joy.py"),
    ("a heading that is linked", "# 1. Halves", "# 1. Half", "#1-halves: there is no such heading"),
    ("a missing section", "## You will have", "## You may have", "no section '## You will have'"),
    ("no mutant", "## What goes wrong if", "## If", "no section '## What goes wrong if'"),
    (
        "a renamed test",
        "and `test_half_is_half`",
        "and `test_half`",
        "no file in tests/ has test_half",
    ),
    (
        "a renamed linked test",
        "[`test_half_is_half`]",
        "[`test_half`]",
        "test_toy.py has no test_ha",
    ),
    ("a link to a missing file", "../tests/test_toy.py", "../tests/test_joy.py", "leads nowhere"),
    (
        "a figure never drawn",
        'plt.savefig("figures/01_half.png")',
        "",
        "shown but no block draws it",
    ),
    ("a figure not committed", "01_half", "01_third", "01_third.png is drawn but not in the repo"),
    (
        "a figure never shown",
        "![A line that rises by a half](figures/01_half.png)",
        "",
        "never shown",
    ),
    ("a figure without words", "![A line that rises by a half]", "![]", "no words saying what"),
    ("a figure of another chapter", "figures/01_half", "figures/02_half", "should begin with 01_"),
    ("an answer that is not folded", "<details>\n<summary>Answer</summary>\n", "", "has 2 folded"),
    ("an answer that prints nothing", "print(5 * x)", "x", "prints '(end)'"),
    ("nowhere in Fig. 2", "![Where we are](figures/where_01.png)", "", "no picture of where we"),
    ("nothing to try", "## What to try next", "## Rest", "no section '## What to try next'"),
    ("a long block", "x = 3\n", "x = 3\n" * 11, "has 13 lines; 12 at most"),
    ("no link to tests", "[`test_half_is_half`](../tests/test_toy.py)", "", "no link to its tests"),
]


@pytest.mark.parametrize("old, new, message", [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_broken_chapter_is_found(toy, old, new, message):
    page = toy(old, new)
    problems = "\n".join(check(page, execute(page)))
    assert re.search(message, problems) or message in problems, problems


def test_renamed_library_function_breaks_the_chapter(toy):
    page = toy()
    library = page.parents[1] / "mfr" / "toy.py"
    library.write_text(LIBRARY.replace("def half", "def halve"))
    problems = "\n".join(check(page, execute(page)))
    assert ":11: toy.py has no Scale.half" in problems and ":26: toy.py has no" in problems


def test_changed_library_line_breaks_the_quotation(toy):
    page = toy()
    (page.parents[1] / "mfr" / "toy.py").write_text(LIBRARY.replace("x * HALF", "HALF * x"))
    assert "reads '    return HALF * x', the page quotes" in "".join(check(page, execute(page)))


def test_slow_chapter_is_found(toy):
    run = execute(toy())._replace(seconds=30.6)
    assert check_printed(toy(), run) == ["01_halves.md:1: takes 31 s of CPU; 30 are allowed"]


def test_output_without_a_last_newline_is_compared_too(toy):
    page = toy('print("half", x * 0.5)', 'print("half", x * 0.5, end="")')
    assert check_printed(page, execute(page)) == []


def test_traceback_names_the_line_of_the_page(toy):
    page = toy("x = 3", "x = 1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        execute(page)
    last = caught.traceback[-1]
    assert (str(last.path), last.lineno + 1) == (str(page), 16)
    assert "x = 1 / 0" in page.read_text().splitlines()[last.lineno]


def test_unclosed_fence_is_named(toy):
    page = toy()
    page.write_text(CHAPTER + "\n```python\n")
    with pytest.raises(ValueError, match=f"01_halves.md:{CHAPTER.count(chr(10)) + 2}: the fence"):
        read_blocks(page)


def test_update_mends_outputs_and_quotations_and_nothing_else(toy):
    page = toy()
    good = page.read_text()
    for old, new in [
        ("half 1.5", "half 9"),
        ("half 1.5\n", ""),
        ("\n```text\n3\nhalf 1.5\n```\n", ""),
        ("    # a comment stays\n", "    # it went\n    # twice\n"),
    ]:
        toy(old, new)
        page.write_text(updated(page, execute(page)))
        assert page.read_text() == good, (old, new)


def test_update_removes_the_output_of_a_block_that_is_silent_now(toy):
    page = toy('print(x)\nprint("half", x * 0.5)\n', "")
    page.write_text(updated(page, execute(page)))
    assert "half 1.5" not in page.read_text() and check(page, execute(page)) == []


def test_blocks_share_names_but_pages_do_not(toy):
    execute(toy())
    with pytest.raises(NameError, match="x"):
        execute(toy("x = 3\n", ""))


def test_a_page_leaves_the_process_as_it_was(toy, tmp_path):
    torch, numpy = pytest.importorskip("torch"), pytest.importorskip("numpy")
    from pathlib import Path

    torch.manual_seed(11)
    numpy.random.seed(11)
    expected = (
        torch.rand(2, generator=torch.Generator().manual_seed(11)),
        numpy.random.RandomState(11),
    )
    here, path, dtype = Path.cwd(), list(sys.path), torch.get_default_dtype()
    mess = "import numpy, sys, torch\ntorch.set_default_dtype(torch.float64)\ntorch.rand(3)\n"
    mess += "numpy.random.rand()\nsys.path.append('x')\nx = 3"
    execute(toy("x = 3", mess))
    assert (Path.cwd(), sys.path, torch.get_default_dtype()) == (here, path, dtype)
    assert torch.equal(torch.rand(2), expected[0])
    assert numpy.random.rand() == expected[1].rand()


def test_unseeded_draws_are_the_same_in_every_run(toy):
    page = toy('print("half", x * 0.5)', "import torch\nprint(torch.rand(3))")
    first, second = (execute(page).printed[0][2] for _ in range(2))
    assert first == second


def test_quotation_drops_docstrings_and_indentation_only(toy):
    root = toy().parents[1]
    half = "@staticmethod\ndef half(x):\n    # a comment stays\n    return x * HALF\n"
    assert quotation(root, "mfr/toy.py::Scale.half") == half
    whole = "class Scale:\n" + "".join(f"    {line}\n" for line in half.splitlines())
    assert quotation(root, "mfr/toy.py::Scale") == whole
    assert quotation(root, "mfr/toy.py::HALF") == "HALF = 0.5\n"
    assert quotation(root, "mfr/toy.py::HALF,Scale.half") == "HALF = 0.5\n\n" + half


def test_anchors_are_githubs(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# 1. The `x_t` of Eq. (2): a & b\n\n```sh\n# no heading\n```\n\n## Same\n## Same\n"
    )
    slugs = [slug for *_, slug in headings(page)]
    assert slugs == ["1-the-x_t-of-eq-2-a--b", "same", "same-1"]


def test_command_rewrites_figures_and_reports(toy, monkeypatch, capsys):
    page = toy("half 1.5", "half 9")
    monkeypatch.setattr(command, "chapters", lambda: [page])
    assert command.main(["01"]) == 1
    assert "1 problems" in capsys.readouterr().out
    assert (page.parent / "figures" / "01_half.png").read_bytes()[1:4] == b"PNG"
    assert command.main(["--update"]) == 0
    assert re.search(r"01_halves.md +5 blocks 1 figures +\d.\d s  ok", capsys.readouterr().out)
    toy("x = 3", "x = 1 / 0")
    assert command.main([]) == 1
    assert "line 16" in capsys.readouterr().err


def test_command_names_the_chapters_it_has(toy, monkeypatch, capsys):
    monkeypatch.setattr(command, "chapters", lambda: [toy()])
    with pytest.raises(SystemExit):
        command.main(["07"])
    assert "there is no chapter 07; there are: 01_halves.md" in capsys.readouterr().err


def cells(page):
    return notebook.notebook(page, execute(page))["cells"]


def test_notebook_holds_prose_code_outputs_and_figures(toy):
    found = cells(toy())
    code = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    blocks = [block.body.rstrip("\n") for block in read_blocks(toy()) if block.runs]
    assert code == [notebook.SETUP.rstrip("\n"), *blocks]
    outputs = [output for cell in found for output in cell.get("outputs", [])]
    text = ["".join(o["text"]) for o in outputs if o["output_type"] == "stream"]
    assert text == ["3\nhalf 1.5\n", "6\n", "9\n", "15\n"]
    assert sum("image/png" in o.get("data", {}) for o in outputs) == 1
    prose = "\n".join("".join(c["source"]) for c in found if c["cell_type"] == "markdown")
    assert "attachment:where_01.png" in prose and "figures/" not in prose
    assert "return x * HALF" in prose and "half 1.5" not in prose  # outputs are in their cells
    assert len({cell["id"] for cell in found}) == len(found)


def test_notebook_runs_from_its_cells_and_says_what_it_holds(tmp_path, monkeypatch):
    page = next(page for page in chapters() if page.name.startswith("03"))
    written = json.loads(json.dumps(notebook.notebook(page, execute(page))))
    monkeypatch.chdir(page.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = types.ModuleType("cells")
    monkeypatch.setitem(sys.modules, "cells", module)
    for cell in written["cells"]:
        if cell["cell_type"] == "code":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec("".join(cell["source"]), module.__dict__)
            said = [o["text"] for o in cell["outputs"] if o["output_type"] == "stream"]
            assert out.getvalue() == "".join("".join(text) for text in said)


def test_command_writes_a_notebook(toy, monkeypatch, capsys):
    monkeypatch.setattr(command, "chapters", lambda: [toy()])
    assert command.main(["--notebook"]) == 0
    assert json.loads(toy().with_suffix(".ipynb").read_text())["nbformat"] == 4
    assert "01_halves.ipynb" in capsys.readouterr().out


def test_every_sentence_of_section_3_2_stands_beside_a_line_of_the_module():
    page = next(page for page in chapters() if page.name.startswith("07"))
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \| (.*?) ?\|$", page.read_text(), re.M)
    source = (ROOT / "mfr/motion/fam.py").read_text()
    choices = (ROOT / "tutorials/00_paper_map.md").read_text()
    assert len(rows) >= 12
    for sentence, line, choice in rows:
        assert line in source, sentence
        assert not choice or f"| {choice} |" in choices, sentence


def test_moving_pictures_are_small():
    files = [*(ROOT / "tutorials/figures").glob("moving_*.webp")]
    assert files and all(file.stat().st_size < 300_000 for file in files)


def test_figures_are_saved_where_a_block_is_pasted(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    from tutorials.toys import save

    monkeypatch.chdir(tmp_path)
    plt.figure()
    save("a.png")
    (tmp_path / "figures").mkdir()
    save("a.png")
    plt.close("all")
    assert (tmp_path / "out/figures/a.png").exists() and (tmp_path / "figures/a.png").exists()
