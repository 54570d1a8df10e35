r"""The ladder's rows and what is said of them; training and drawing are tested elsewhere.

Oracles: the two presets, which are its ends; errors worked out by hand.
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from mfr.config import MotionConfig, preset, to_dict
from mfr.evaluation.scoring.scores import Value
from tests.benchmarks import bench_ladder as ladder
from train_mfr import parser


def test_ladder_leads_from_the_letter_to_ours_one_addition_a_row():
    rows = [(rung, config) for rung, config, _ in ladder.configs() if not rung.beside]
    letter = preset("motion", "paper", **{k: getattr(MotionConfig(), k) for k in ladder.SIZES})
    assert ladder.trained(rows[0][1]) == ladder.trained(letter)
    assert rows[-1][1] == MotionConfig()
    for (_, above), (rung, config) in zip(rows, rows[1:]):
        changed = {k for k, v in to_dict(config).items() if v != getattr(above, k)}
        assert changed == set(rung.adds) and changed


def test_each_row_is_compared_with_the_row_that_it_stands_upon():
    names = {rung.name: below for rung, _, below in ladder.configs()}
    assert names["letter"] is None and names["letter, concatenation"] == "letter"
    assert names["+ short walk"] == "letter"
    assert names["ours, concatenation"] == "+ guidance learnt"


def test_words_give_the_config_back():
    for _, config, _ in ladder.configs(steps=7, width=32, feedforward=128):
        options = parser().parse_args(ladder.words(config, "data/x", "runs/x"))
        given = {k: v for k, v in vars(options).items() if v is not None}
        settings = {k: v for k, v in given.items() if hasattr(config, k)}
        assert preset("motion", "small", **settings) == config
        assert (options.data, options.run, options.resume) == ("data/x", "runs/x", True)


def test_rows_that_are_trained_alike_share_their_weights(monkeypatch):
    asked = []
    monkeypatch.setattr(
        ladder, "weights_of", lambda config, name, options: asked.append((config, name))
    )
    monkeypatch.setattr(
        ladder, "motion_methods", lambda path, settings: [None, SimpleNamespace(_replace=dict)]
    )
    options = SimpleNamespace(rows=["letter", "+ short walk"], chain=100)
    for _, of_seed in ladder.methods(ladder.configs(), options):
        of_seed(3)
    (one, first), (other, second) = asked
    assert first == second == "letter" and one == other and one.seed == 3
    assert one == replace(ladder.trained(ladder.configs()[0][1]), seed=3)


def test_error_over_seeds_holds_the_clips_and_the_seeds():
    one = ladder.over_seeds([Value(3.0, 0.5, 7)])
    assert one == Value(3.0, 0.5, 7)
    mean, error, clips = ladder.over_seeds([Value(1.0, 0.3, 7), Value(2.0, 0.4, 7)])
    # clips: mean of 0.09 and 0.16; seeds: sd of (1, 2) over root 2 is 0.5
    assert (mean, clips) == (1.5, 7) and error == pytest.approx((0.125 + 0.25) ** 0.5)


def test_gap_is_of_the_same_clips():
    above, below = SimpleNamespace(energy=[2.0, 4.0]), SimpleNamespace(energy=[1.0, 3.0])
    assert ladder.gap(below, above, scale=2.0) == Value(-0.5, 0.0, 2)
