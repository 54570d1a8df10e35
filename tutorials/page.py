r"""A page of Markdown, read and checked without running it.

Every check returns a list of problems, "PAGE:LINE: what is wrong"; an empty list is a good page.
The kinds of blocks are described in tutorials/run.py.
"""

import ast
import re
import textwrap
from typing import NamedTuple

SECTIONS = (
    "You will need",
    "You will have",
    "What goes wrong if",
    "Summary",
    "What to try next",
    "Exercises",
    "Tests",
)

LINES = 12  # of a block that runs: one idea is seen at once


class Block(NamedTuple):
    r"""One fenced block: its fence's words, the lines of both fences (from 1), what is between."""

    info: str
    start: int
    end: int
    body: str

    @property
    def runs(self):
        r"""A python block that is no quotation."""
        return self.info == "python"

    @property
    def quoted(self):
        r"""FILE::NAME of a quotation, otherwise None."""
        words = self.info.split(maxsplit=1)
        return words[1] if len(words) == 2 and words[0] == "python" else None


def read_blocks(page):
    r"""Every fenced block of a page.

    Raises:
        ValueError: a fence is never closed.
    """
    blocks, opening = [], None
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = re.match(r"(`{3,})(.*)$", line)
        if fence and opening is None:
            opening = (number, fence[1], fence[2].strip())
        elif fence and not fence[2].strip() and len(fence[1]) >= len(opening[1]):
            start, _, info = opening
            body = "".join(text + "\n" for text in lines[start : number - 1])
            blocks.append(Block(info, start, number, body))
            opening = None
    if opening:
        raise ValueError(f"{page.name}:{opening[0]}: the fence {opening[1]} is never closed")
    return blocks


def find_definition(file, name):
    r"""The syntax node of a function, class, method or assigned constant, and its file's lines.

    Raises:
        ValueError: the file or the name in it does not exist.
    """
    if not file.is_file():
        raise ValueError(f"there is no file {file.name}")
    source = file.read_text(encoding="utf-8")
    node = ast.parse(source)
    for part in name.split("."):
        node = next((child for child in node.body if part in _names(child)), None)
        if node is None or (part != name.split(".")[-1] and not hasattr(node, "body")):
            raise ValueError(f"{file.name} has no {name}")
    return node, source.splitlines()


def _names(node):
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return [leaf.id for t in targets for leaf in ast.walk(t) if isinstance(leaf, ast.Name)]
    return []


def quotation(root, target):
    r"""The library's lines that FILE::NAME stands for, docstrings removed, indentation removed.

    Raises:
        ValueError: the file or the name does not exist.
    """
    file, _, names = target.partition("::")
    parts = []
    for name in names.split(","):
        node, lines = find_definition(root / file, name.strip())
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        kept = {number: lines[number - 1] for number in range(first, node.end_lineno + 1)}
        for inner in ast.walk(node):
            if not isinstance(inner, (ast.FunctionDef, ast.ClassDef)) or not ast.get_docstring(
                inner
            ):
                continue
            number, last = inner.body[0].lineno, inner.body[0].end_lineno
            while number <= last or (number in kept and not kept[number].strip()):
                kept.pop(number, None)
                number += 1
        parts.append(textwrap.dedent("".join(line + "\n" for line in kept.values())))
    between = "" if all(part.count("\n") == 1 for part in parts) else "\n"
    return between.join(parts)


def check_quotations(page):
    r"""Each quotation equals the library's lines."""
    problems = []
    for block in read_blocks(page):
        if block.quoted:
            try:
                lines = quotation(root_of(page), block.quoted).splitlines()
            except ValueError as error:
                problems.append(f"{page.name}:{block.start}: {error}")
                continue
            pairs = zip([*block.body.splitlines(), "(end)"], [*lines, "(end)"])
            for at, (said, true) in enumerate(pairs, 1):
                if said != true:
                    where = f"{page.name}:{block.start + at}: {block.quoted}"
                    problems.append(f"{where} reads {true!r}, the page quotes {said!r}")
                    break
    return problems


def root_of(page):
    return next((folder for folder in page.parents if (folder / "mfr").is_dir()), page.parent)


def _prose(page):
    r"""Pairs (line number, line) outside the fenced blocks."""
    inside = {n for block in read_blocks(page) for n in range(block.start, block.end + 1)}
    lines = page.read_text(encoding="utf-8").splitlines()
    return [(n, line) for n, line in enumerate(lines, 1) if n not in inside]


def headings(page):
    r"""Triples (level, words, GitHub's anchor) of a page's headings."""
    found, seen = [], {}
    for _, line in _prose(page):
        match = re.match(r"(#{1,6}) +(.*?)[ #]*$", line)
        if match:
            words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", match[2])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            found.append((len(match[1]), words, f"{slug}-{seen[slug]}" if seen[slug] else slug))
    return found


def check_references(page):
    r"""Links, anchors, pictures, FILE::NAME and test names in the prose all lead somewhere."""
    problems, root = [], root_of(page)
    for number, line in _prose(page):
        where = f"{page.name}:{number}:"
        for mark, words, target in re.findall(r"(!?)\[((?:[^\[\]]|\[\])*)\]\(([^)\s]+)\)", line):
            if mark and not words.strip():
                problems.append(f"{where} the picture {target} has no words saying what to see")
            problems += [f"{where} {p}" for p in _check_link(page, words, target)]
        for code in re.findall(r"`([^`]+)`", line):
            problems += [f"{where} {p}" for p in _check_code(root, code)]
    return problems


def _check_link(page, words, target):
    if re.match(r"https?://|mailto:", target):
        return []
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    if not file.exists():
        return [f"the link {target} leads nowhere"]
    if anchor and (file.suffix != ".md" or anchor not in [slug for *_, slug in headings(file)]):
        return [f"{target}: there is no such heading"]
    name = re.fullmatch(r"`([A-Za-z_][\w.]*)`", words)
    if file.suffix == ".py" and name and not name[1].endswith(".py"):
        try:
            find_definition(file, name[1])
        except ValueError as error:
            return [str(error)]
    return []


def _check_code(root, code):
    if re.fullmatch(r"[\w/]+\.py::[\w.]+", code):
        file, name = code.split("::")
        try:
            find_definition(root / file, name)
        except ValueError as error:
            return [str(error)]
    elif re.fullmatch(r"test_\w+", code):
        if not any(f"def {code}(" in f.read_text() for f in (root / "tests").rglob("test_*.py")):
            return [f"no file in tests/ has {code}"]
    return []


def check_form(page):
    r"""A chapter's sections, figure, exercises with answers that run, links to tests."""
    text = page.read_text(encoding="utf-8")
    problems = []
    titles = [words for level, words, _ in headings(page) if level == 2]
    for section in SECTIONS:
        if not any(title.startswith(section) for title in titles):
            problems.append(f"has no section '## {section}'")
    if not re.search(r"!\[[^\]]+\]\(figures/", text):
        problems.append("shows no figure")
    if f"](figures/where_{page.name[:2]}.png)" not in text:
        problems.append("has no picture of where we are in Fig. 2 (python -m tutorials.where)")
    if not any(block.quoted for block in read_blocks(page)):
        problems.append("quotes no function of the library")
    folds = re.findall(r"<details>\s*<summary>Answer</summary>\n\n(.*?)\n</details>", text, re.S)
    if len(folds) != 3:
        problems.append(f"has {len(folds)} folded answers; three exercises have three")
    for number, fold in enumerate(folds, 1):
        if not re.search(r"^```python\n.*?^```\n\s*^```text\n", fold, re.S | re.M):
            problems.append(f"answer {number} has no python block with its text block")
    for block in read_blocks(page):
        lines = block.body.count("\n")
        if block.runs and lines > LINES:
            problems.append(f"the block in line {block.start} has {lines} lines; {LINES} at most")
    if not re.search(r"\]\(\.\./tests/(?:\w+/)*test_\w+\.py\)", text):
        problems.append("has no link to its tests")
    return [f"{page.name}:1: {problem}" for problem in problems]
