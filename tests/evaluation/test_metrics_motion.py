r"""FD, energy score, spread of samples, seams.

Oracles: constant shifts, loops over frames, the energy score's definition in loops, its closed
form for Gaussians and the inequality that makes it proper, planted jumps.
"""

import numpy as np
import pytest

from mfr.evaluation.metrics import (
    diversity_samples,
    energy_score,
    feature_distance,
    seam_ratios,
)


@pytest.mark.equation("feature_distance")
def test_fd_of_a_constant_shift():
    real = np.random.default_rng(0).standard_normal((7, 70))
    shift = np.concatenate([np.full(3, 0.01), np.full(64, -0.02), np.full(3, 0.05)])
    found = feature_distance(real + shift, real)
    assert {part: round(float(value), 9) for part, value in found.items()} == {
        "angle": 1.0,
        "exp": 2.0,
        "trans": 5.0,
    }


@pytest.mark.equation("feature_distance")
def test_fd_is_the_mean_over_frames_and_coefficients_of_each_sample():
    rng = np.random.default_rng(1)
    generated, real = rng.standard_normal((2, 5, 70)), rng.standard_normal((5, 70))
    found = feature_distance(generated, real)
    for part, first, end in (("angle", 0, 3), ("exp", 3, 67), ("trans", 67, 70)):
        for k in range(2):
            errors = [
                abs(generated[k, i, j] - real[i, j]) for i in range(5) for j in range(first, end)
            ]
            assert found[part][k] == pytest.approx(100 * sum(errors) / len(errors), rel=1e-9)


@pytest.mark.equation("feature_distance")
def test_fd_of_one_frame_and_of_no_error():
    real = np.random.default_rng(2).standard_normal((1, 70))
    assert feature_distance(real, real) == {"angle": 0, "exp": 0, "trans": 0}
    assert feature_distance(real + 1, real)["exp"] == pytest.approx(100)


def test_fd_refuses_other_coefficients():
    with pytest.raises(ValueError, match="generated has D = 73; allowed: 70"):
        feature_distance(np.ones((5, 73)), np.ones((5, 73)))
    with pytest.raises(ValueError, match=r"real has shape \(2, 5, 70\); allowed: \(L, D\)"):
        feature_distance(np.ones((2, 5, 70)), np.ones((2, 5, 70)))


def test_diversity_of_clones_and_of_one_sample_is_0():
    x = np.random.default_rng(3).standard_normal((1, 5, 7))
    assert diversity_samples(np.repeat(x, 3, 0)) == 0 == diversity_samples(x)


def test_diversity_of_two_samples_a_constant_apart():
    x = np.random.default_rng(4).standard_normal((5, 7))
    assert diversity_samples([x, x + 0.3]) == pytest.approx(0.3, rel=1e-9)
    assert diversity_samples([x, x + 0.3], scale=2) == pytest.approx(0.15, rel=1e-9)
    scale = np.arange(1.0, 8)
    assert diversity_samples([x, x + 3 * scale], scale) == pytest.approx(3, rel=1e-9)


def slow_energy_score(samples, real, scale):
    r"""E |X - y| - E |X - X'| / 2 by loops, the second over pairs of different samples."""

    def distance(a, b):
        total = 0.0
        for row_a, row_b in zip(a, b):
            for p, q, s in zip(row_a, row_b, scale):
                total += ((p - q) / s) ** 2
        return (total / (len(a) * len(scale))) ** 0.5

    count = len(samples)
    near = sum(distance(x, real) for x in samples) / count
    pairs = [distance(x, y) for i, x in enumerate(samples) for j, y in enumerate(samples) if i != j]
    return near - sum(pairs) / len(pairs) / 2


@pytest.mark.equation("energy_score")
def test_energy_score_is_its_definition_in_loops():
    rng = np.random.default_rng(5)
    samples, real = rng.standard_normal((5, 3, 7)), rng.standard_normal((3, 7))
    scale = 0.5 + rng.random(7)
    want = slow_energy_score(samples, real, scale)
    assert energy_score(samples, real, scale) == pytest.approx(want, rel=1e-9)


@pytest.mark.equation("energy_score")
def test_energy_score_of_one_sample_is_its_distance():
    real = np.random.default_rng(6).standard_normal((5, 7))
    assert energy_score(real[None] + 0.3, real) == pytest.approx(0.3, rel=1e-9)
    assert energy_score(np.stack([real + 0.3] * 3), real) == pytest.approx(0.3, rel=1e-9)


@pytest.mark.parametrize("count", [2, 11])
@pytest.mark.equation("energy_score")
def test_energy_score_of_the_true_gaussian_is_1_over_sqrt_pi_for_any_number_of_samples(count):
    rng, trials = np.random.default_rng(7), 4000
    draws = rng.standard_normal((trials, count + 1, 1, 1))
    values = [energy_score(x[1:], x[0]) for x in draws]  # E |X - X'| / 2 of two standard normals
    band = 5 * np.std(values) / np.sqrt(trials)
    assert np.mean(values) == pytest.approx(1 / np.sqrt(np.pi), abs=band) and band < 0.06


@pytest.mark.parametrize("shift, spread", [(0.7, 1), (0, 0.4), (0, 1.8), (0, 0)])
@pytest.mark.equation("energy_score")
def test_energy_score_is_proper_any_other_distribution_scores_worse(shift, spread):
    rng, trials = np.random.default_rng(8), 400
    losses = []
    for _ in range(trials):
        real, x = rng.standard_normal((2, 3)), rng.standard_normal((7, 2, 3))
        losses.append(energy_score(shift + spread * x, real) - energy_score(x, real))
    assert np.mean(losses) > 5 * np.std(losses) / np.sqrt(trials)


def test_scale_must_fit_and_be_positive():
    x = np.ones((2, 5, 7))
    with pytest.raises(ValueError, match=r"scale has shape \(3,\); allowed: \(\) or \(7,\)"):
        energy_score(x, x[0], scale=[1, 2, 3])
    with pytest.raises(ValueError, match="scale has 0 in it; allowed: > 0"):
        diversity_samples(x, scale=0)


def trembling(frames, jumps, size):
    r"""Every coefficient goes +1, -1, +1, ...; at each (even) jump the level rises by size."""
    x = np.where(np.arange(frames) % 2 == 0, 1.0, -1.0)
    for jump in jumps:
        x[jump:] += size
    return np.repeat(x[:, None], 3, axis=1)


def test_seam_ratio_of_planted_jumps():
    # speed is 2 everywhere and 2 + 5 at the seams; acceleration 4, and 4 + 5 on both their sides
    x = trembling(60, (20, 40), 5)
    assert seam_ratios(x, [20, 40]) == pytest.approx({"velocity": 3.5, "acceleration": 2.25})
    beside = seam_ratios(x, [19, 41])
    assert beside["velocity"] < 1 < beside["acceleration"] < 2.25


def test_seam_ratio_of_even_motion_is_1():
    for motion in (trembling(11, (), 0), np.ones((11, 3))):
        found = seam_ratios(motion, range(2, 11, 3))
        assert found == pytest.approx({"velocity": 1, "acceleration": 1})


def test_seam_ratio_of_a_jump_in_stillness_is_inf():
    x = np.zeros((11, 2))
    x[5:] = 1
    assert seam_ratios(x, [5]) == {"velocity": np.inf, "acceleration": np.inf}


def test_seam_ratio_pools_samples_and_scales_coefficients():
    calm, rough = trembling(60, (20,), 5), 3 * trembling(60, (20,), 5)
    assert seam_ratios([calm, rough], [20]) == pytest.approx(seam_ratios(calm, [20]))
    with_jump = np.concatenate([calm, 100 * trembling(60, (), 0)], axis=1)
    scaled = seam_ratios(with_jump, [20], scale=np.repeat([1, 1e6], 3))
    assert scaled == pytest.approx(seam_ratios(calm, [20]), rel=1e-4)


def test_seams_at_both_ends_are_seen():
    x = trembling(12, (2,), 0)
    for seam in (1, 11):
        jump = x - np.where(np.arange(12) >= seam, 5, 0)[:, None]
        found = seam_ratios(jump, [seam])
        assert found == pytest.approx({"velocity": 3.5, "acceleration": 2.25})


@pytest.mark.parametrize("seams", [[], [0], [11], [2.5], [[2]]])
def test_seams_outside_the_clip_are_refused(seams):
    with pytest.raises(ValueError, match=r"seams are \[.*\]; allowed: integers in 1 .. 10"):
        seam_ratios(np.ones((11, 3)), seams)


def test_seams_need_frames_inside():
    with pytest.raises(ValueError, match="motion has 2 frames; allowed: >= 3"):
        seam_ratios(np.ones((2, 3)), [1])
    with pytest.raises(ValueError, match="seams leave 0 frames inside for acceleration"):
        seam_ratios(np.ones((4, 3)), [2])
