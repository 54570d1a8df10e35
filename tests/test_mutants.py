r"""Every listed bug makes its named test fail; every named test passes without it.

Oracle: the rows of mutants.py. Two worker processes import torch once, copy the code into a folder
of their own and fork for each bug: the child imports the changed package afresh and runs one test.

    python tests/test_mutants.py                 all bugs, a line each
    python tests/test_mutants.py fam.py eq3      those whose file, text or test holds a word
"""

import ast
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mutants import MUTANTS  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 30  # a test that takes more CPU than this with a bug in it does not end
WORKERS = 2
SIX = {
    "sound": ("mfr/sound/",),
    "coefficients": ("mfr/face/coefficients.py",),
    "diffusion": ("mfr/motion/diffusion.py", "mfr/motion/samplers.py"),
    "attention": ("mfr/motion/attention.py",),
    "module": ("mfr/motion/fam.py", "mfr/motion/tokens.py", "mfr/motion/condition.py"),
    "clips": ("mfr/motion/clips.py", "mfr/motion/stream.py"),
}


class Mutant(NamedTuple):
    r"""One bug: `old` becomes `new` in `file`, and `test` (FILE::NAME) must fail."""

    file: str
    old: str
    new: str
    test: str


ROWS = [
    Mutant(file, old, new, name if "::" in name else f"{tests}::{name}")
    for file, (tests, rows) in MUTANTS.items()
    for old, new, name in rows
]


# ---- the worker: one process, one copy of the code, one fork per bug ----


def copy_code(root, folder):
    r"""What the tests import; weights are linked, pictures and data stay behind."""
    skipped = ("__pycache__", "weights", "benchmarks", "*.mp4")
    for name in ("mfr", "data_tools", "tests", "tutorials"):
        pictures = ("figures",) if name == "tutorials" else ()
        if (root / name).is_dir():
            skip = shutil.ignore_patterns(*skipped, *pictures)
            shutil.copytree(root / name, folder / name, ignore=skip)
    for path in root.glob("*.py"):
        shutil.copy(path, folder)
    if (root / "mfr" / "weights").is_dir():
        (folder / "mfr" / "weights").symlink_to(root / "mfr" / "weights")


def run_tests(tests, seconds):
    r"""(exit code of pytest, end of its output) for some tests, in a forked child."""
    with tempfile.TemporaryFile() as out:
        child = os.fork()
        if child == 0:
            limit = seconds * len(tests)  # of CPU: a busy machine is no endless loop
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            code = 3
            with contextlib.suppress(BaseException):
                code = int(pytest.main(["-xq", "--assert=plain", "-p", "no:cacheprovider", *tests]))
            sys.stdout.flush()
            os._exit(code)
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        text = out.read().decode(errors="replace")
    return os.waitstatus_to_exitcode(status), text[-1500:]


def verdict(mutant, seconds):
    r"""killed, or what else happened. Only a test that ran and failed has killed a bug."""
    path = Path(mutant.file)
    original = path.read_text(encoding="utf-8")
    if original.count(mutant.old) != 1:
        return f"{mutant.old!r} occurs {original.count(mutant.old)} times in {mutant.file}"
    path.write_text(original.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        code, text = run_tests([mutant.test], seconds)
    finally:
        path.write_text(original, encoding="utf-8")
    if code == 1:
        return "killed"
    reasons = {0: "survived", -signal.SIGXCPU: f"did not end in {seconds} s of CPU"}
    return f"{reasons.get(code, f'pytest could not run the test (exit code {code})')}\n{text}"


def unmutated(tests, seconds):
    r"""clean, or the output of the tests that fail without any bug."""
    code, text = run_tests(tests, seconds)
    return "clean" if code == 0 else text


def warm_up():
    r"""Import once, before any fork, what the tests need; torch.testing alone takes a second."""
    import scipy.io
    import scipy.signal
    import scipy.stats  # noqa: F401
    import torch

    torch.set_num_threads(1)
    one = torch.ones(1, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(one, one)
    torch.autograd.gradcheck(torch.square, one)


def work(root):
    r"""Read jobs from standard input, write verdicts to standard output."""
    if Path(root) == ROOT:
        warm_up()
    sys.dont_write_bytecode = True  # a stale .pyc would hide a bug of the same length
    jobs = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        copy_code(Path(root), Path(folder))
        os.chdir(folder)
        sys.path[:] = [folder, *(p for p in sys.path if Path(p or ".").resolve() != ROOT / "tests")]
        verdicts = [verdict(Mutant(*row), jobs["seconds"]) for row in jobs["rows"]]
        json.dump([verdicts, unmutated(jobs["tests"], jobs["seconds"])], sys.stdout)


def judge(rows, root=ROOT, seconds=SECONDS):
    r"""Verdicts of all rows in their order, and one on their tests without a bug."""
    shares = [rows[i::WORKERS] for i in range(WORKERS)]

    def start(share):
        jobs = {"rows": share, "tests": sorted({row.test for row in share}), "seconds": seconds}
        command = [sys.executable, __file__, "--worker", str(root)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        done = subprocess.run(
            command,
            input=json.dumps(jobs),
            text=True,
            stdout=subprocess.PIPE,
            env=environment,
            check=True,
        )
        return json.loads(done.stdout)

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(start, filter(None, shares)))
    verdicts = {}
    for share, (judged, _) in zip(filter(None, shares), answers):
        verdicts.update(zip(share, judged))
    return verdicts, [clean for _, clean in answers]


# ---- the tests ----


@pytest.fixture(scope="session")
def verdicts(request):
    r"""Verdicts of the bugs that this run asks for, found together."""
    items = [item for item in request.session.items if "verdicts" in item.fixturenames]
    asked = [getattr(item, "callspec", None) for item in items]
    asked = [call.params["mutant"] for call in asked if call]
    return judge([row for row in asked if isinstance(row, Mutant)] or ROWS)


@pytest.mark.slow  # about two minutes of two idle cores
@pytest.mark.parametrize(
    "mutant", ROWS, ids=lambda row: f"{Path(row.file).stem}: {row.old} -> {row.new}"
)
def test_named_test_kills(mutant, verdicts):
    assert verdicts[0][mutant] == "killed", mutant


@pytest.mark.slow
def test_named_tests_pass_without_a_bug(verdicts):
    assert set(verdicts[1]) == {"clean"}, "\n".join(verdicts[1])


def test_six_parts_have_sixty_different_bugs():
    counts = {
        part: sum(len(rows) for file, (_, rows) in MUTANTS.items() if file.startswith(files))
        for part, files in SIX.items()
    }
    assert sum(counts.values()) >= 60 and min(counts.values()) >= 5, counts
    assert len({row[:3] for row in ROWS}) == len(ROWS)
    assert all(row.old != row.new for row in ROWS)


def test_every_bug_and_its_test_are_still_there():
    sources = {row.file: (ROOT / row.file).read_text(encoding="utf-8") for row in ROWS}
    judges = {row.test.partition("::")[0] for row in ROWS}
    defined = {
        f"{file}::{node.name}"
        for file in judges
        for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for row in ROWS:
        assert sources[row.file].count(row.old) == 1, row
        assert row.test.partition("[")[0] in defined, row


TOY = Mutant("mfr/toy.py", "a + b", "a - b", "tests/test_toy.py::test_sum")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    claims = {"sum": "add(2, 3) == 5", "zero": "add(0, 0) == 0", "wrong": "add(0, 0) == 1"}
    for name, text in {
        "mfr/__init__.py": "",
        "mfr/toy.py": "# add\ndef add(a, b):\n    return a + b\n",
        "tests/test_toy.py": "from mfr.toy import add\n"
        + "".join(f"\n\ndef test_{name}():\n    assert {claims[name]}\n" for name in claims),
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def test_only_a_failing_test_kills(toy):
    rows = [
        TOY,
        TOY._replace(test="tests/test_toy.py::test_zero"),
        TOY._replace(old="# add", new="# sum"),
        TOY._replace(old="a * b"),
        TOY._replace(old="a"),
        TOY._replace(new="a +"),
        TOY._replace(test="tests/test_toy.py::test_product"),
        TOY._replace(old="return", new="while True: pass\n    return"),
    ]
    judged, clean = judge(rows, toy, seconds=3)
    first_lines = [judged[row].splitlines()[0] for row in rows]
    assert first_lines == [
        "killed",
        "survived",
        "survived",
        "'a * b' occurs 0 times in mfr/toy.py",
        "'a' occurs 4 times in mfr/toy.py",
        "pytest could not run the test (exit code 4)",
        "pytest could not run the test (exit code 4)",
        "did not end in 3 s of CPU",
    ]
    assert (toy / "mfr" / "toy.py").read_text().endswith("a + b\n")
    assert "not found: " in "".join(clean)


def test_a_test_that_fails_anyway_is_found(toy):
    judged, clean = judge([TOY._replace(test="tests/test_toy.py::test_wrong")], toy)
    assert list(judged.values()) == ["killed"] and "test_wrong" in clean[0]


def main(words):
    r"""Print a line for each bug; exit code 1 if one lives."""
    rows = [row for row in ROWS if not words or any(w in " ".join(row) for w in words)]
    judged, clean = judge(rows)
    for row in rows:
        print(f"{judged[row]:8} {row.file}: {row.old!r} -> {row.new!r}  {row.test}")
    dead = sum(value == "killed" for value in judged.values())
    print(f"{dead} of {len(rows)} killed; without a bug the tests are:", *clean)
    sys.exit(0 if dead == len(rows) and set(clean) == {"clean"} else 1)


if __name__ == "__main__":
    work(sys.argv[2]) if sys.argv[1:2] == ["--worker"] else main(sys.argv[1:])
