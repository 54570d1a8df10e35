r"""The recipe. Oracles: its own table, and at a tiny scale the files that it must leave."""

import json

import pytest

from mfr.config import STAGES
from mfr.training import checkpoint, recipe, watching


def test_the_plan_names_every_row_and_writes_nothing(tmp_path, capsys):
    recipe.main(["--out", str(tmp_path / "new"), "--dry-run"])
    printed = capsys.readouterr().out
    for row in recipe.ROWS:
        assert f"makes     {row.makes}: python " in printed
    assert not list(tmp_path.iterdir())


def test_every_row_uses_only_what_rows_before_it_made():
    made = set()
    for row in recipe.ROWS:
        words = recipe.words_of(row, "OUT")
        used = [word for flag, word in zip(words, words[1:]) if flag in ("--data", "--start")]
        used += [f"OUT/{name}" for name in row.needs]
        for path in used:
            assert any(path == f"OUT/{m}" or path.startswith(f"OUT/{m}/") for m in made), path
        made.add(row.makes)
    assert {f"runs/{stage}" for stage in STAGES} <= made


def test_a_row_that_is_done_is_not_done_again_and_not_otherwise(tmp_path, monkeypatch, capsys):
    ran = []

    class Ended:
        returncode = 0

    def run(words, cwd):
        ran.append(words)
        return Ended if len(ran) != 2 else type("Failed", (), {"returncode": 3})

    monkeypatch.setattr(recipe.subprocess, "run", run)
    monkeypatch.setattr(recipe, "gather", lambda out, book: None)
    rows = recipe.ROWS[:2]
    with pytest.raises(ValueError, match="data/faces: .*ended with code 3"):
        recipe.cook(str(tmp_path), rows=rows)
    assert list(json.loads((tmp_path / "recipe.json").read_text())) == ["data/small"]
    recipe.cook(str(tmp_path), rows=rows)
    assert len(ran) == 3 and ran[1] == ran[2] != ran[0]
    changed = [rows[0]._replace(words=rows[0].words + " --seed 5")]
    with pytest.raises(ValueError, match="data/small was made by .*now it is .*--seed 5"):
        recipe.cook(str(tmp_path), rows=changed)


@pytest.mark.slow
def test_the_recipe_makes_every_file_from_nothing(tmp_path):
    recipe.cook(str(tmp_path), trial=True)
    table = (tmp_path / "weights" / "TABLE.md").read_text()
    for stage in STAGES:
        assert checkpoint.load(tmp_path / "weights" / f"{stage}.pt", stage)["step"] == 2
        assert f"| `{stage}.pt` | `python train_mfr.py {stage} " in table
        curve = watching.read_log(tmp_path / "weights" / "logs" / f"{stage}.jsonl")
        assert [entry["step"] for entry in curve] == [0, 1, 2] and curve[0]["data"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.pt")}
    recipe.cook(str(tmp_path), trial=True)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.pt")}
