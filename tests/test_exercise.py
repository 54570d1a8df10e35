r"""A reader's own code under our tests: right ones pass, each common slip is named.

Oracles: the library's own functions; functions with one mistake each; programs written to files as
a reader would, judged by the command in another process.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tutorials.exercise import __main__ as command
from tutorials.exercise import judge
from tutorials.exercise.registry import EXERCISES
from tutorials.page import headings

ROOT = Path(__file__).resolve().parents[1]
SLIPS = [(name, slip) for name, exercise in EXERCISES.items() for slip in exercise.slips]


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))
def test_ours_is_right_in_every_small_case(exercise):
    assert judge.diagnose(exercise, judge.original(exercise)[2]) == []


@pytest.mark.parametrize("name, slip", SLIPS, ids=[f"{n}-{s.words[:30]}" for n, s in SLIPS])
def test_slip_is_named(name, slip):
    lines = judge.diagnose(EXERCISES[name], slip.function)
    assert f"slip       That is what comes out if {slip.words}." in lines
    assert {line.split()[0] for line in lines} >= {"input", "expected", "yours", "read"}


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))
def test_exercise_names_a_heading_and_a_file_that_judges_it(exercise):
    page, _, anchor = exercise.chapter.partition("#")
    page = ROOT / "tutorials" / page
    assert page.exists() and (not anchor or anchor in [slug for *_, slug in headings(page)])
    marks = re.findall(r"mark\.equation\((.*?)\)", (ROOT / exercise.tests).read_text())
    assert any(f'"{exercise.name}"' in mark for mark in marks)


def test_every_chapter_of_the_paper_has_an_exercise():
    chapters = {exercise.chapter[:2] for exercise in EXERCISES.values()}
    assert chapters >= {f"{n:02}" for n in range(1, 10)} | {"11"}


@pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))
def test_skeleton_has_the_signature_and_nothing_of_the_answer(exercise, tmp_path):
    text = command.skeleton(exercise)
    assert command.command(exercise) in text
    ours = ast.parse(text).body[-1]
    assert ours.name == exercise.name and ast.get_docstring(ours)
    functions = [n for n in ast.walk(ours) if isinstance(n, ast.FunctionDef)]
    for function in functions:
        raised = function.body[-1]
        assert isinstance(raised, ast.Raise) and raised.exc.id == "NotImplementedError"
        assert len(function.body) <= 2
    (tmp_path / "mine.py").write_text(text)
    mine = judge.load(tmp_path / "mine.py", exercise.name)
    assert any("NotImplementedError" in line for line in judge.diagnose(exercise, mine))


def test_command_writes_once_and_lists(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.main(["06"]) == 0
    assert {f.name for f in tmp_path.iterdir()} >= {"my_attention.py", "my_MultiHeadAttention.py"}
    (tmp_path / "my_attention.py").write_text("mine")
    command.main(["attention"])
    assert (tmp_path / "my_attention.py").read_text() == "mine"
    command.main([])
    assert all(name in capsys.readouterr().out + name for name in EXERCISES)
    with pytest.raises(SystemExit):
        command.main(["17"])
    assert "there is no exercise 17; there are: 01, 02" in capsys.readouterr().err


@pytest.mark.parametrize(
    "word, message",
    [
        ("attention", "is not NAME=FILE"),
        ("attend=my.py", "names: delta"),
        ("attention=nothing.py", "nothing.py: no such file"),
        ("attention=empty.py", "empty.py: has no attention"),
        ("attention=broken.py", r"broken.py: cannot be run: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_judged_is_refused(tmp_path, monkeypatch, word, message):
    monkeypatch.chdir(tmp_path)
    Path("empty.py").write_text("")
    Path("broken.py").write_text("1 / 0")
    with pytest.raises(ValueError, match=message):
        judge.chosen(word, EXERCISES)


def test_another_name_in_the_file_may_be_given(tmp_path):
    (tmp_path / "a.py").write_text("def mine():\n    return 3\n")
    assert judge.chosen(f"attention={tmp_path / 'a.py'}:mine", EXERCISES)[1]() == 3


RIGHT = """
import torch

def attention(query, key, value, seen=None):
    scores = torch.einsum("...qc,...kc->...qk", query, key) / query.shape[-1] ** 0.5
    if seen is None:
        return scores.softmax(-1) @ value
    scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
    weights = (scores - scores.amax(-1, keepdim=True)).exp() * seen
    return weights / weights.sum(-1, keepdim=True).clamp(min=1e-30) @ value
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    r"""What the command says of a right and of a wrong file, side by side: (code, words)."""
    folder, running = tmp_path_factory.mktemp("mine"), {}
    for name, text in (("right", RIGHT), ("wrong", RIGHT.replace("** 0.5", "** 1.0"))):
        (folder / f"{name}.py").write_text(text)
        running[name] = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            + ["tests/motion/test_attention.py", f"--mine=attention={folder / name}.py"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    said = {name: process.communicate()[0] for name, process in running.items()}
    return {name: (process.returncode, said[name]) for name, process in running.items()}


def test_command_line_finds_a_right_file_right(judged):
    code, said = judged["right"]
    assert code == 0, said
    assert "right by every test of its mathematics" in said
    assert "refuse" not in said and "11 passed" in said


def test_command_line_names_the_slip_of_a_wrong_file(judged):
    code, said = judged["wrong"]
    assert code == 1, said
    assert "if the scores are divided by C and not by its square root." in said
    assert "Traceback" not in said and "tutorials/06_attention.md" in said
