r"""Results that are checked in: README, tables.md, tables.csv and record.json say the same.

Oracles: numbers read out of Markdown by this file's own parser, held against the csv module's; a
small folder that `publish` wrote, right at first and then broken in one place at a time.
"""

import csv
import json
import math
import re
from pathlib import Path

import pytest

from mfr.evaluation.scoring.scores import NAN, Value
from mfr.evaluation.tables import results
from mfr.evaluation.tables.writing import Column, Row, Table, to_csv, to_markdown

ROOT = Path(__file__).resolve().parents[2]
FOLDER, OUT = ROOT / "tutorials" / "results", ROOT / "out" / "tables"
KEYS = {  # how a title in tables.md begins -> the table's name in tables.csv
    "Table 1: ": "table 1",
    "Table 1b": "table 1b",
    "Table 2: ": "table 2",
    "Table 2, renderer": "table 2 renderer",
    "Table 4": "table 4",
    "Ours: is it the right": "ours",
    "Ours: does it behave": "behaviour",
}
MOST_BYTES = 1_000_000  # of all pictures


# ---- what is read ----


def cells_of(line):
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


def markdown_tables(text):
    r"""(title or caption, header, rows) of every table of a page."""
    found, title, lines = [], "", text.splitlines()
    for n, line in enumerate(lines):
        if line.startswith("#"):
            title = line.lstrip("# ")
        if line.startswith("|") and (n == 0 or not lines[n - 1].startswith("|")):
            after = (k for k in range(n, len(lines)) if not lines[k].startswith("|"))
            end = next(after, len(lines))
            found.append((title, cells_of(line), [cells_of(row) for row in lines[n + 2 : end]]))
    return found


def numbers_of_csv(text):
    rows = csv.DictReader(text.splitlines())
    return {
        (r["table"], r["method"], r["set"], r["metric"]): (
            float(r["value"]),
            float(r["standard_error"] or "nan"),
        )
        for r in rows
    }


def as_printed(value, text):
    r"""Whether a printed number is a value's rounding, six digits having been kept of the value."""
    unit = 10.0 ** -len(text.partition(".")[2])
    return abs(float(text) - value) <= 0.5 * unit + 1e-5 * abs(value) + 1e-12


def differences(markdown, table_csv):
    r"""Where tables.md and tables.csv disagree, cell by cell and in both directions."""
    numbers, seen, problems = numbers_of_csv(table_csv), set(), []
    for title, header, rows in markdown_tables(markdown):
        key = next((KEYS[start] for start in KEYS if title.startswith(start)), None)
        if key is None:
            problems.append(f"{title!r} is no table of tables.csv")
            continue
        heads = 2 if header[1] == "set" else 1
        for row in rows:
            for name, text in zip(header[heads:], row[heads:]):
                metric = re.sub(r" (↓|↑|→ 1)$", "", name)
                where = (key, row[0], row[1] if heads == 2 else "", metric)
                if text == "–":
                    problems += [f"{where} is a dash in tables.md"] if where in numbers else []
                    continue
                seen.add(where)
                value, error = numbers.get(where, (NAN, NAN))
                printed = text.split(" ± ")
                if not as_printed(value, printed[0]):
                    problems.append(f"{where}: {text} in tables.md, {value} in tables.csv")
                elif len(printed) == 2 and not as_printed(error, printed[1]):
                    problems.append(f"{where}: error {printed[1]}, in tables.csv {error}")
    return problems + [f"{where} is not in tables.md" for where in numbers if where not in seen]


def readme_problems(readme, table_csv, record, link, pictures):
    r"""README's part, made again; and each of its numbers, looked for in tables.csv."""
    part, numbers = results.between(readme), numbers_of_csv(table_csv)
    problems = []
    if part != results.readme_part(table_csv, record, link, pictures):
        problems.append("README's part is not what publish makes of tables.csv and record.json")
    tables = markdown_tables(part)
    if len(tables) != 2:
        problems.append(f"README has {len(tables)} tables; 2 are needed")
    for _, header, rows in tables:
        for row in rows:
            values = [
                v
                for (_, method, *_), (v, _) in numbers.items()
                if method.partition(" · ")[0] == row[0].partition(" · ")[0]
            ]
            problems += [
                f"README: {row[0]}, {name}: {text} is nowhere in tables.csv"
                for name, text in zip(header[1:], row[1:])
                if text != "–" and not any(as_printed(value, text) for value in values)
            ]
    return problems


def record_problems(record, markdown, table_csv):
    r"""What of command, settings and digests is missing, or not told to the reader."""
    missing = [
        name
        for name in ("command", "data", "clips", "samples", "seed", "weights")
        if not record.get(name) and record.get(name) != 0
    ]
    if missing:
        return [f"record.json lacks {name}" for name in missing]
    problems = []
    if not record["command"].startswith("python -m mfr.evaluation.tables "):
        problems.append(f"command is {record['command']!r}")
    digests = {
        "the data": record["data"].get("digest", ""),
        **record["weights"],
        **record.get("renderer", {}),
    }
    for name, digest in digests.items():
        if not re.fullmatch(r"[0-9a-f]{16}|", digest) or (not digest and "unchanged" not in name):
            problems.append(f"digest of {name} is {digest!r}")
        if f"`{digest}`" not in markdown:
            problems.append(f"tables.md does not name the digest of {name}")
    rows = csv.DictReader(table_csv.splitlines())
    trained = {r["method"] for r in rows if " · " in r["method"] and r["table"] == "ours"}
    problems += [f"{name} has no digest" for name in sorted(trained - set(record["weights"]))]
    words = (
        record["command"],
        f"mean over {record['samples']} samples",
        f"seed {record['seed']}",
        *(f"{count} {name}" for name, count in record["clips"].items()),
    )
    return problems + [f"tables.md does not say {w!r}" for w in words if w not in markdown]


def check(folder, readme, link):
    r"""All problems of a results folder and its README."""
    markdown, table_csv, record = (
        (folder / name).read_text(encoding="utf-8") for name in results.FILES
    )
    record, pictures = json.loads(record), {path.name for path in folder.glob("*.png")}
    problems = record_problems(record, markdown, table_csv) + differences(markdown, table_csv)
    problems += readme_problems(readme, table_csv, record, link, pictures)
    size = sum(path.stat().st_size for path in folder.glob("*.png"))
    return problems + ([f"pictures take {size} bytes"] if size > MOST_BYTES else [])


# ---- this repository's ----


def test_readme_and_results_folder_say_the_same():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if not FOLDER.exists():
        assert results.between(readme) == "", "README shows results that are not checked in"
        pytest.skip("no results are checked in: tutorials/results does not exist")
    assert check(FOLDER, readme, "tutorials/results") == []


def test_results_are_those_that_the_command_last_wrote():
    if not FOLDER.exists():
        pytest.skip("no results are checked in: tutorials/results does not exist")
    if not (OUT / "record.json").exists():
        pytest.skip("out/tables does not exist: the command was not run here")
    here, there = (json.loads((f / "record.json").read_text("utf-8")) for f in (FOLDER, OUT))
    asked = ("data", "clips", "samples", "seed")
    if any(here[name] != there[name] for name in asked):
        pytest.skip("out/tables holds other data, clips, samples or seed: nothing to compare")
    advice = "run mfr.evaluation.tables with --publish tutorials/results"
    for name in results.FILES[:2]:
        same = (FOLDER / name).read_bytes() == (OUT / name).read_bytes()
        assert same, f"out/tables/{name} is newer than the checked-in one: {advice}"


# ---- a small one, broken ----


RECORD = {
    "command": "python -m mfr.evaluation.tables --data data/x",
    "samples": 3,
    "seed": 0,
    "data": {"folder": "x", "digest": "0" * 16},
    "clips": {"D_test": 2, "D_ood": 2},
    "frames": 99,
    "weights": {"MFR-Net · a": "1" * 16, "ViCo · b": "2" * 16},
    "settings": {},
    "renderer": {"renderer · bundled": "3" * 16},
}
README = f"# Name\n\nbefore\n\n{results.START}\n{results.END}\n\nafter\n"


def small_tables():
    names = ("oracle", "freeze first frame", "training mean", "MFR-Net · a", "ViCo · b")

    def table(key, title, heads, columns):
        heads_of = (
            [(n, s) for s in ("D_test", "D_ood") for n in names] if heads else [(n,) for n in names]
        )
        rows = [
            Row(
                head,
                [
                    Value(1 + math.sin(7 * i + j + len(key)), 0.01 * (j + 1), 2)
                    for j in range(len(columns))
                ],
                head[0] != "oracle",
            )
            for i, head in enumerate(heads_of)
        ]
        return Table(key, title, ("method", "set") if heads else ("method",), columns, rows, ["n"])

    parts = ("angle", "exp", "trans")
    return [
        table(
            "table 1", "Table 1: f", True, [Column(f"average {p}", 2, "down", True) for p in parts]
        ),
        table(
            "table 4",
            "Table 4: f",
            False,
            [Column("1 - CSIM", 3, "down"), Column("diversity [rad]", 4, "up")],
        ),
        table(
            "ours",
            "Ours: is it the right distribution?",
            True,
            [Column("energy / oracle", 3, "down", True), Column("spread / oracle", 3, "one")],
        ),
        table(
            "behaviour",
            "Ours: does it behave like the listener?",
            False,
            [Column("recognised [%]", 1, "up", True), Column("style r", 2, "up")],
        ),
    ]


@pytest.fixture
def published(tmp_path):
    from PIL import Image

    out, tables = tmp_path / "out", small_tables()
    text = "## Tables on x\n\n(2 D_test, 2 D_ood), mean over 3 samples a clip, seed 0"
    text += "".join(f"\n{to_markdown(one)}" for one in tables) + results.record_to_markdown(RECORD)
    results.write(out, text, to_csv(tables), RECORD)
    Image.new("RGB", (40, 30), "white").save(out / "patterns_MFR-Net_a.png")
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    folder = tmp_path / "tutorials" / "results"
    results.publish(out, folder, tmp_path / "README.md", {"patterns.png": "patterns_MFR-Net_a.png"})
    return tmp_path, folder


def found_in(published):
    root, folder = published
    return check(folder, (root / "README.md").read_text("utf-8"), "tutorials/results")


def test_what_publish_writes_is_right(published):
    root, folder = published
    assert found_in(published) == []
    names = {path.name for path in folder.iterdir()}
    assert names == {"tables.md", "tables.csv", "record.json", "patterns.png"}
    text = (root / "README.md").read_text("utf-8")
    assert text.startswith("# Name\n\nbefore\n") and text.endswith("\n\nafter\n")
    tables = markdown_tables(results.between(text))
    assert [row[0] for row in tables[0][2]] == ["oracle", "freeze first frame", "MFR-Net", "ViCo"]
    assert tables[0][1][1] == "D_test angle ↓" and "](tutorials/results/tables.md)" in text


def test_publishing_again_changes_nothing(published):
    root, folder = published
    before = (root / "README.md").read_bytes()
    results.publish(
        root / "out", folder, root / "README.md", {"patterns.png": "patterns_MFR-Net_a.png"}
    )
    assert (root / "README.md").read_bytes() == before


def test_only_trained_methods_are_bold_in_the_readme(published):
    text = results.between((published[0] / "README.md").read_text("utf-8"))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert any("**" in row for row in rows if row.startswith(("| MFR-Net", "| ViCo")))
    assert not any("**" in row for row in rows if row.startswith(("| oracle", "| freeze")))


def another_digit(text, at):
    r"""The text with its first digit from a place on changed."""
    match = re.search(r"\d\.\d(\d)", text[at:])
    place = at + match.start(1)
    return text[:place] + str((int(text[place]) + 5) % 10) + text[place + 1 :]


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("README", lambda s: another_digit(s, s.index("| MFR-Net")), "README's part is not what"),
        ("README", lambda s: s.replace("**Further", "**Mine"), "README's part is not what"),
        ("tables.md", lambda s: another_digit(s, s.index("| MFR-Net · a")), "in tables.csv"),
        ("tables.csv", lambda s: another_digit(s, s.index("MFR-Net · a")), "in tables.md,"),
        ("tables.csv", lambda s: s.rpartition("\nbehaviour,")[0] + "\n", "nan in tables.csv"),
        ("tables.md", lambda s: s.replace("seed 0", "seed 1"), "tables.md does not say 'seed 0'"),
        (
            "tables.md",
            lambda s: s.replace("`" + "1" * 16, "`"),
            "does not name the digest of MFR-Net",
        ),
        ("record.json", lambda s: s.replace('"samples": 3', '"samples": null'), "lacks samples"),
        ("record.json", lambda s: s.replace("2" * 16, ""), "digest of ViCo · b is ''"),
        ("record.json", lambda s: s.replace("ViCo · b", "PCHG · b"), "ViCo · b has no digest"),
    ],
)
def test_broken_results_are_found(published, name, change, message):
    root, folder = published
    path = root / "README.md" if name == "README" else folder / name
    before = path.read_text("utf-8")
    path.write_text(change(before), encoding="utf-8")
    assert path.read_text("utf-8") != before
    assert message in "\n".join(found_in(published))


def test_pictures_must_stay_small(published):
    (published[1] / "big.png").write_bytes(bytes(MOST_BYTES))
    assert any(line.startswith("pictures take 1000") for line in found_in(published))


def test_readme_without_its_marks_is_refused(published):
    root, folder = published
    for text in ("# Name", README + results.START, f"{results.END}\n{results.START}"):
        (root / "README.md").write_text(text)
        with pytest.raises(ValueError, match="README: allowed: one line <!-- results -->"):
            results.publish(root / "out", folder, root / "README.md", {})
        assert (root / "README.md").read_text() == text


def test_runs_of_one_kind_keep_their_names():
    names = ["MFR-Net · a", "MFR-Net · b", "ViCo · a"]
    assert [results.short(n, names) for n in names] == ["MFR-Net · a", "MFR-Net · b", "ViCo"]
