r"""The paper map is true: every row's function, docstring, test and chapter exist and fit together.

Oracles: the syntax trees of the library and the tests, the headings of the chapters; and a small
map in a temporary repository, which is right and is then broken in one place at a time.
"""

import ast
import re
from pathlib import Path

import pytest

from tutorials.page import check_references, find_definition, headings

ROOT = Path(__file__).resolve().parents[1]
MAP = ROOT / "tutorials" / "00_paper_map.md"
# files of what the paper has not: their rows name a place at which it is silent
ADDED = ("additions.py", "concatenation.py", "guidance.py", "samplers.py", "stream.py", "clips.py")
LINK = r"\[`?([^\]`]+)`?\]\(([^)\s]+)\)"


def tables(page):
    r"""Every table as rows: dicts from the header's words to the cells, with the line number."""
    rows, header = [], None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if header is None:
            header = cells
        elif not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            rows.append({**dict(zip(header, cells)), "line": number})
    return rows


def docstrings(file, name):
    r"""(own words, own and surrounding words) of a definition: its class's, its module's."""
    node, lines = find_definition(file, name)
    own = ast.get_docstring(node) if not isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if own is None:  # a constant or a field: its line and the nearest comment above it
        own, above = "\n".join(lines[node.lineno - 1 : node.end_lineno]), node.lineno - 2
        while above > 0 and lines[above].strip() and not lines[above].lstrip().startswith("#"):
            above -= 1
        own += lines[above]
    around = [own, ast.get_docstring(ast.parse("\n".join(lines))) or ""]
    if "." in name:
        outer, _ = find_definition(file, name.rpartition(".")[0])
        around.append(ast.get_docstring(outer) or "")
    return own, "\n".join(around)


def places(cell):
    r"""The equations and sections that a cell names: ['Eq. (2)', 'Sec. 3.1']."""
    return re.findall(r"Eq\. \(\d\)|Sec\. \d(?:\.\d)*|Table \d|Fig\. \d", cell)


def said(place, own, around):
    r"""Whether a docstring names the place; an equation it must name itself."""
    if place.startswith("Sec."):  # also in a list, "Sec. 3.2, 4.1.3"
        return bool(re.search(rf"Sec\. (?:[\d.]+, )*{re.escape(place[5:])}(?![\d.]*\d)", around))
    if not place.startswith("Eq."):
        return place in around
    number = int(place[5])
    spans = re.findall(r"Eq\. \(?(\d)\)?(?:(?:-| and | to )\(?(\d)\)?)?", own)
    return any(int(first) <= number <= int(last or first) for first, last in spans)


def row_problems(page, row):
    r"""What is wrong with one row of a table that has a column `code`."""
    problems, found = [], places(row["paper"])
    equations = [place[5] for place in found if place.startswith("Eq.")]
    if not found:
        problems.append("names no equation and no section")
    code, tests = (re.findall(LINK, row[column]) for column in ("code", "test"))
    problems += [
        f"{column} is empty" for column, links in (("code", code), ("test", tests)) if not links
    ]
    named = 0
    for name, target in code:
        try:
            own, around = docstrings(page.parent / target, name)
        except ValueError as error:
            problems.append(str(error))
            continue
        ours = "Ours:" in own or Path(target).name in ADDED
        named += any(said(place, own, around) for place in found) or ours
    if not problems and not named:
        problems.append(f"docstrings in {row['code']} do not name {row['paper']}")
    if equations and code and not problems:
        owns = "\n".join(docstrings(page.parent / target, name)[0] for name, target in code)
        problems += [
            f"no docstring names Eq. ({n})" for n in equations if not said(f"Eq. ({n})", owns, "")
        ]
    for name, target in tests:
        try:
            find_definition(page.parent / target, name)
        except ValueError as error:
            problems.append(str(error))
    for n in equations:
        if not any(name.startswith(f"test_eq{n}_") for name, _ in tests):
            problems.append(f"no test is named test_eq{n}_...")
    return [f"{page.name}:{row['line']}: {problem}" for problem in problems]


def chapter_problems(page, row):
    r"""The chapters of a row exist and have the heading."""
    links = re.findall(LINK, row["chapter"])
    problems = [] if links else ["chapter is empty"]
    for _, target in links:
        name, _, anchor = target.partition("#")
        if not (page.parent / name).exists():
            problems.append(f"there is no {name}")
        elif anchor not in [slug for *_, slug in headings(page.parent / name)]:
            problems.append(f"{name} has no heading #{anchor}")
    return [f"{page.name}:{row['line']}: {problem}" for problem in problems]


ROWS = [row for row in tables(MAP) if "code" in row] if MAP.exists() else []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['line']}: {row['paper']}"[:40])
def test_row_of_the_map_is_true(row):
    assert row_problems(MAP, row) == []


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if "chapter" in row],
    ids=lambda row: f"{row['line']}: {row['paper']}"[:40],
)
def test_chapter_of_the_row_exists(row):
    assert chapter_problems(MAP, row) == []


def test_every_equation_and_number_has_a_row():
    spoken = " ".join(row["paper"] + " " + row["says"] for row in ROWS if "says" in row)
    numbers = "256×256, 30 FPS, 45-dim, 14-dim, 28-dim, energy, Zero Crossing Rate, loudness, "
    numbers += "one-hot, 40 frames, 20 frames, 8 heads, 4 layers"
    for words in [f"Eq. ({n})" for n in range(1, 7)] + numbers.split(", "):
        assert words in spoken, words


def test_every_silence_of_the_paper_has_a_row():
    named = [row["#"] for row in ROWS if "#" in row]
    wanted = [
        f"{kind}{n}"
        for kind, count in (("D", 7), ("F", 7), ("A", 4), ("M", 8), ("C", 3))
        for n in range(1, count + 1)
    ]
    assert set(wanted) <= set(named)
    assert len(set(named)) == len(named)


# ---- a small map, right and then broken ----

LIBRARY = '''r"""Toys (Sec. 9.1)."""

SIZE = 3  # Sec. 4.1


def scale(x):
    r"""x / 2.

    Paper: Eq. (2).
    """
    return x / 2


class Box:
    r"""Sec. 3.2."""

    def open(self):
        r"""Open. Ours: it opens."""
'''
MAP_OF_TOYS = """# Map

| paper | says | code | test | chapter |
|---|---|---|---|---|
| Eq. (2) | half | [`scale`](LIB) | [`test_eq2_is_half`](TEST) | [1](01_toy.md#equation-2) |
| Sec. 4.1 | three | [`SIZE`](LIB) | [`test_size`](TEST) | [1](01_toy.md#1-toys) |

| # | paper | the paper says | we do | code | test |
|---|---|---|---|---|---|
| D1 | Sec. 3.2 | a box \\| a lid | open | [`Box.open`](LIB) | [`test_size`](TEST) |
"""
TOY = {
    "mfr/toy.py": LIBRARY,
    "tests/test_toy.py": "def test_eq2_is_half():\n    pass\n\n\ndef test_size():\n    pass\n",
    "tutorials/01_toy.md": "# 1. Toys\n\n## Equation 2\n",
    "tutorials/00_paper_map.md": MAP_OF_TOYS.replace("LIB", "../mfr/toy.py").replace(
        "TEST", "../tests/test_toy.py"
    ),
}


@pytest.fixture
def toy(tmp_path):
    def write(name="mfr/toy.py", old="", new=""):
        for path, text in TOY.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        assert old in TOY[name]
        (tmp_path / name).write_text(TOY[name].replace(old, new))
        page = tmp_path / "tutorials" / "00_paper_map.md"
        rows = tables(page)
        problems = [problem for row in rows for problem in row_problems(page, row)]
        problems += [
            problem for row in rows if "chapter" in row for problem in chapter_problems(page, row)
        ]
        return problems, check_references(page)

    return write


def test_true_map_has_no_problem(toy):
    assert toy() == ([], [])


@pytest.mark.parametrize(
    "name, old, new, message",
    [
        ("mfr/toy.py", "def scale", "def scaled", ":5: toy.py has no scale"),
        ("mfr/toy.py", "SIZE = 3", "SIDE = 3", ":6: toy.py has no SIZE"),
        ("mfr/toy.py", "    def open", "    def shut", ":10: toy.py has no Box.open"),
        ("mfr/toy.py", "Eq. (2)", "Eq. (3)", "(../mfr/toy.py) do not name Eq. (2)"),
        ("mfr/toy.py", "  # Sec. 4.1", "", "(../mfr/toy.py) do not name Sec. 4.1"),
        ("tests/test_toy.py", "test_eq2_is_half", "test_eq2", "test_toy.py has no test_eq2_is_h"),
        ("tests/test_toy.py", "test_size", "test_sizes", ":10: test_toy.py has no test_size"),
        (
            "tutorials/01_toy.md",
            "## Equation 2",
            "## Eq. 2",
            "01_toy.md has no heading #equation-2",
        ),
        ("tutorials/00_paper_map.md", "01_toy.md#1", "02_toy.md#1", ":6: there is no 02_toy.md"),
        ("tutorials/00_paper_map.md", "[1](01_toy.md#1-toys)", "", ":6: chapter is empty"),
        (
            "tutorials/00_paper_map.md",
            "[`test_eq2_is_half`](",
            "[`test_size`](",
            "named test_eq2_...",
        ),
        ("tutorials/00_paper_map.md", "[`Box.open`](../mfr/toy.py)", "", ":10: code is empty"),
        ("tutorials/00_paper_map.md", "Sec. 3.2", "here", ":10: names no equation and no s"),
        ("tutorials/00_paper_map.md", "../mfr/toy.py", "../mfr/joy.py", "there is no file joy.py"),
    ],
)
def test_broken_map_is_found(toy, name, old, new, message):
    assert message in "\n".join(toy(name, old, new)[0])


@pytest.mark.parametrize(
    "text, place, expected",
    [
        ("Paper: Eq. (2).", "Eq. (2)", True),
        ("Paper: Eq. 2", "Eq. (2)", True),
        ("Eq. (1)-(4)", "Eq. (3)", True),
        ("Eq. 1-4", "Eq. (4)", True),
        ("Eq. 1-4", "Eq. (5)", False),
        ("Eq. (12)", "Eq. (2)", False),
        ("", "Eq. (1)", False),
        ("Sec. 3.2", "Sec. 3.2", True),
        ("Sec. 3.2, 4.1.3", "Sec. 4.1.3", True),
        ("Sec. 4.1.3", "Sec. 4.1", False),
    ],
)
def test_equation_is_found_in_words(text, place, expected):
    assert said(place, text, text) is expected
