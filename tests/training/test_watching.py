r"""What one sees of a run. Oracles: a slow running mean, curves whose fault is known."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from mfr import config
from mfr.training import watching


def test_meter_is_the_running_mean_of_each_term_that_there_was(generator):
    meter, slow, counts = watching.Meter(), {}, 70
    for step in range(counts):
        terms = {"loss": torch.randn((), generator=generator), "a": torch.tensor(step / 7)}
        if step % 3:
            terms["a"] = torch.tensor(math.nan)  # not drawn in this step
        if step >= 20:
            terms["late"] = torch.tensor(5.0 + step)
        meter.add(terms, step + 1)
        for name, value in terms.items():
            if not math.isnan(value):
                old = slow.get(name, float(value))
                slow[name] = old + (float(value) - old) / min(50, step + 1)
    assert meter.read() == pytest.approx(slow, rel=1e-5)


def test_finite_names_the_first_bad_step_at_the_next_look(monkeypatch):
    finite = watching.Finite(torch.device("cpu"))
    finite.every = 10
    sizes = [1.0] * 13 + [math.nan, 1.0, math.inf] + [1.0] * 10
    found = [finite.add(torch.tensor(size), step) for step, size in enumerate(sizes)]
    assert found == [None] * 20 + [13] + [None] * 5
    assert finite.look() == 13
    assert watching.Finite(torch.device("cpu")).look() is None


def curve(*values):
    return [(100 * i, value) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    "history, word",
    [
        (curve(1.0, 0.7, 0.6, 0.5, 0.55), ""),
        (curve(1.0, 0.7, 0.5, 0.6, 0.6, 0.6, 0.6), "held out rises: 0.5000 at step 200, 0.6000"),
        (curve(1.0, 0.7, 0.5, 0.6, 0.6, 0.6), ""),  # not for long enough
        (curve(1.0, 0.7, 0.5, 0.501, 0.502, 0.503, 0.504), ""),  # not by enough
        (curve(1.0, 0.999, 1.001, 0.998), "nothing is learnt"),
        (curve(1.0, 0.999, 0.999), ""),  # too early to say, of 1000 steps
        ([(0, 1.0), (190, 1.0)], ""),  # or of all
        (curve(1.0, 0.98, 1.001, 0.999), ""),
    ],
)
def test_what_looks_wrong_is_said(history, word):
    said = watching.advice(history, 250 if len(history) == 2 else 1000)
    assert (word in said) if word else said == ""


def run_of(curve, data="data/x: 7 clips", **changes):
    r"""Log entries of a run whose held-out loss is a curve over steps 0, 100, ..."""
    first = watching.beginning(curve[0], config.preset("identity", **changes), data)
    return [first] + [{"step": 100 * i, "held_out": x} for i, x in enumerate(curve) if i]


@pytest.mark.parametrize(
    "entries, word",
    [
        (run_of([9.0, 5.0, 3.0, 3.4]), ""),
        (run_of([9.0, 5.0, 3.0, 3.5]), "3.5000; the bundled weights had 3.0000 at this step"),
        (run_of([9.0, 5.0, 3.0, 3.5], seed=4, data="else/where: 7 clips"), "3.5000"),
        (run_of([9.0, 5.0, 3.0, 3.5], data="data/x: 8 clips"), ""),
        (run_of([9.0, 5.0, 3.0, 3.5], width=7), ""),
        (run_of([9.0, 9.0]), ""),  # too early
        ([{"step": 300, "held_out": 9.0}], ""),  # of an older log: nobody knows what it was
    ],
)
def test_a_run_off_the_expected_curve_is_told(entries, word, tmp_path):
    expected = run_of([9.0, 4.0, 3.5])
    expected[-1]["step"], expected[-1]["held_out"] = 500, 2.0  # 3.0 at step 300
    watching.write_log(tmp_path / "log.jsonl", expected)
    said = watching.astray(entries, watching.read_log(tmp_path / "log.jsonl"))
    assert (word in said) if word else said == ""
    assert watching.astray(entries, []) == ""
    assert watching.astray(entries, expected[1:]) == ""  # an older log there


def test_progress_tells_rate_time_left_and_what_is_judged():
    line = watching.progress(
        30, 7230, {"loss": 0.5, "a": 0.25}, 2.0, torch.device("cpu"), {"held out": 0.75}
    )
    for part in ("step     30/7230", "loss 0.5000", "held out 0.7500", "a 0.25", "2.0 steps/s"):
        assert part in line
    assert "1:00:00 left" in line and line.endswith(" GB")


def test_log_is_read_back_up_to_a_step_and_up_to_a_cut_line(tmp_path):
    path = tmp_path / "log.jsonl"
    assert watching.read_log(path) == []
    entries = [{"step": 2 * i, "held_out": 1 / i} for i in range(1, 6)]
    watching.write_log(path, entries)
    assert watching.read_log(path) == entries
    assert watching.read_log(path, 6) == entries[:3]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries)[:-5])
    assert watching.read_log(path) == entries[:4]


@pytest.mark.parametrize(
    "expected", [(), [{"step": 0, "held_out": 2.0}, {"step": 9, "held_out": 1.0}]]
)
def test_loss_is_drawn_whole(expected, tmp_path):
    entries = [{"step": 0, "held_out": 1.0}, {"step": 5, "held_out": 0.5, "loss": 0.7}]
    watching.draw_loss(tmp_path / "loss.png", "motion", entries, expected)
    picture = np.asarray(Image.open(tmp_path / "loss.png"))
    assert picture.shape == (400, 700, 4) and picture[..., :3].std() > 5
    assert [path.name for path in tmp_path.iterdir()] == ["loss.png"]
