r"""The list of metrics, and what they refuse.

Oracles: the public functions of the files; one message for each kind of wrong input.
"""

import re

import numpy as np
import pytest
import torch

from mfr.evaluation import metrics

DIRECTIONS = ("Higher is", "Lower is", "Should equal")


@pytest.mark.parametrize("name", metrics.__all__)
def test_every_metric_says_one_direction_and_how_clips_are_joined(name):
    text = re.sub(r"\s+", " ", getattr(metrics, name).__doc__)
    assert sum(phrase in text for phrase in DIRECTIONS) == 1
    assert "Aggregation: " in text


def test_every_public_function_of_the_metrics_is_listed():
    listed = set(metrics.__all__)
    for module in ("sharpness", "features", "image", "listening", "motion"):
        part = vars(__import__(f"mfr.evaluation.metrics.{module}", fromlist=["*"]))
        made_here = {
            name
            for name, value in part.items()
            if getattr(value, "__module__", "").endswith(f"metrics.{module}") and name[0] != "_"
        }
        assert made_here - {"gray_levels"} <= listed
    assert all(hasattr(metrics, name) for name in listed)


MOTION = np.arange(5 * 70, dtype=float).reshape(5, 70)
CALLS = {
    "feature_distance": lambda x: metrics.feature_distance(x, MOTION),
    "energy_score": lambda x: metrics.energy_score(np.stack([x, x]), MOTION),
    "diversity_samples": lambda x: metrics.diversity_samples(np.stack([x, x])),
    "diversity_frames": metrics.diversity_frames,
    "seam_ratios": lambda x: metrics.seam_ratios(x, [2]),
    "frechet_distance": lambda x: metrics.frechet_distance(x, MOTION),
    "csim": lambda x: metrics.csim(x, MOTION),
    "frechet_motion": lambda x: metrics.frechet_motion([MOTION, x], [MOTION]),
    "frechet_paired": lambda x: metrics.frechet_paired([x], [MOTION], [MOTION]),
    "variance_frames": metrics.variance_frames,
    "variance_flattened": metrics.variance_flattened,
    "sid": lambda x: metrics.sid(x, MOTION, np.random.default_rng(0), clusters=2),
    "rpcc": lambda x: metrics.rpcc(x, MOTION, MOTION),
    "tlcc": lambda x: metrics.tlcc(x, MOTION, max_lag=1),
    "sts": lambda x: metrics.sts(x, MOTION),
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers_that_are_not_finite_are_named_by_place(name):
    broken = MOTION.copy()
    broken[3, 2:4] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"has \d numbers that are not finite, the first at .*2\)"):
        CALLS[name](broken)
    CALLS[name](MOTION)


@pytest.mark.parametrize("name", CALLS)
def test_torch_float32_is_taken(name):
    x = torch.from_numpy(MOTION).float().requires_grad_()
    if name in ("energy_score", "diversity_samples"):
        x = x.detach().numpy()
    np.testing.assert_equal(CALLS[name](x), CALLS[name](MOTION))


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"csim"}))
def test_empty_motion_is_refused_with_its_shape(name):
    with pytest.raises(ValueError, match=r"has shape \((2, )?0, 70\); allowed: \(.*L, D\)"):
        CALLS[name](MOTION[:0])


@pytest.mark.parametrize(
    "name", ["feature_distance", "energy_score", "csim", "rpcc", "tlcc", "sts", "frechet_paired"]
)
def test_unequal_lengths_are_refused_with_both(name):
    with pytest.raises(ValueError, match=r"(\(4, 70\).*\(5, 70\)|\(5, 70\).*\(4, 70\)).*; allowed"):
        CALLS[name](MOTION[:4])


def test_empty_lists_of_clips_are_refused():
    for call in (
        lambda: metrics.frechet_motion([], [MOTION]),
        lambda: metrics.variance_frames([]),
        lambda: metrics.sid([], [MOTION], np.random.default_rng(0)),
        lambda: metrics.rpcc([], [], []),
    ):
        with pytest.raises(ValueError, match=r"(generated|clips) has 0 clips; allowed: >= 1"):
            call()


def test_clips_must_agree_in_number_and_width():
    with pytest.raises(ValueError, match="real has 1 clips, speaker 2; allowed: equally many"):
        metrics.frechet_paired([MOTION, MOTION], [MOTION], [MOTION, MOTION])
    with pytest.raises(ValueError, match=r"clips has clips of D = \[3, 70\]; allowed: one D"):
        metrics.variance_frames([MOTION, MOTION[:, :3]])
    with pytest.raises(ValueError, match=r"generated\[1\] has shape \(3,\); allowed: \(.*L, D"):
        metrics.frechet_motion([MOTION, MOTION[0, :3]], [MOTION])


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="generated is a str; allowed: numbers"):
        metrics.csim("face", MOTION)
