r"""The listening-head family.

Oracles: pooling by hand, clusters that cannot be confused, np.corrcoef in loops, a planted lag,
values that follow from copies, shifts and permutations.
"""

import numpy as np
import pytest

from mfr.evaluation.metrics import (
    frechet_distance,
    frechet_motion,
    frechet_paired,
    listening,
    rpcc,
    sid,
    sts,
    tlcc,
    variance_flattened,
    variance_frames,
)


def clips_of(lengths, width, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((length, width)) + i for i, length in enumerate(lengths)]


def test_frechet_of_motion_pools_frames_of_clips_of_any_length():
    generated, real = clips_of((5, 11, 7), 3), clips_of((13, 2), 3, seed=1)
    want = frechet_distance(np.concatenate(generated), np.concatenate(real))
    assert frechet_motion(generated, real) == pytest.approx(want, rel=1e-9)
    samples = np.stack([generated[0], generated[0] + 1])
    want = frechet_distance(samples.reshape(-1, 3), real[0])
    assert frechet_motion([samples], real[0]) == pytest.approx(want, rel=1e-9)


def test_frechet_per_clip_is_another_larger_number():
    rng = np.random.default_rng(2)
    generated, real = rng.standard_normal((2, 10, 30, 7))
    per_clip = np.mean([frechet_motion(x, y) for x, y in zip(generated, real)])
    pooled = frechet_motion(list(generated), list(real))
    assert per_clip > 5 * pooled  # 10 times the frames, a tenth of the bias


def test_paired_frechet_joins_columns():
    generated, real = clips_of((5, 11), 3), clips_of((5, 11), 3, seed=1)
    speaker = clips_of((5, 11), 2, seed=2)
    both = [
        np.concatenate([np.hstack(pair) for pair in zip(speaker, side)])
        for side in (generated, real)
    ]
    assert frechet_paired(generated, real, speaker) == pytest.approx(frechet_distance(*both))
    samples = [np.stack([clip, clip + 1]) for clip in generated]
    both[0] = np.concatenate(
        [np.hstack([s, clip + k]) for s, clip in zip(speaker, generated) for k in (0, 1)]
    )
    assert frechet_paired(samples, real, speaker) == pytest.approx(frechet_distance(*both))


def test_paired_frechet_sees_an_answer_to_another_speaker():
    rng = np.random.default_rng(3)
    speaker = rng.standard_normal((4, 50, 2))
    real = speaker + 0.1 * rng.standard_normal(speaker.shape)
    swapped = list(real[[1, 2, 3, 0]])
    assert frechet_motion(swapped, list(real)) == pytest.approx(0, abs=1e-9)
    assert frechet_paired(swapped, list(real), list(speaker)) > 1


def test_paired_frechet_refuses_a_speaker_of_ones():
    x = clips_of((5, 7), 3)
    with pytest.raises(ValueError, match="speaker never changes from 1; allowed: motion"):
        frechet_paired(x, x, [np.ones((5, 3)), np.ones((7, 3))])


def test_variances_by_hand():
    x = [np.array([[1.0, 10], [-1, 10]]), np.array([[0.0, 4], [0, 0], [0, 2]])]
    assert variance_frames(x) == pytest.approx(((1 + 0) / 2 + (0 + 8 / 3) / 2) / 2)
    assert variance_flattened(x) == pytest.approx(np.var([1, 10, -1, 10, 0, 4, 0, 0, 0, 2]))
    assert variance_frames(x[0][:1]) == 0


def test_a_frozen_face_has_variance_only_when_flattened():
    frozen = np.tile(np.arange(5.0), (11, 1))
    assert variance_frames(frozen) == 0 and variance_flattened(frozen) == pytest.approx(2)


def blobs(counts, width=3):
    r"""counts[c] frames near 100 c."""
    rng = np.random.default_rng(5)
    return np.concatenate([100 * c + rng.standard_normal((n, width)) for c, n in enumerate(counts)])


@pytest.mark.parametrize(
    "counts, bits",
    [((8, 8, 8, 8), 2.0), ((16, 8, 8, 0), 1.5), ((0, 7, 0, 0), 0.0), ((0, 5, 15, 0), 0.8112781)],
)
def test_sid_of_separate_clusters_is_the_entropy_of_their_shares(counts, bits):
    real = blobs((11, 13, 17, 7))
    found = sid(blobs(counts), real, np.random.default_rng(0), clusters=4)
    assert found == pytest.approx(bits, abs=1e-7)


def test_sid_is_at_most_log2_k_and_0_for_one_cluster():
    rng = np.random.default_rng(6)
    generated, real = rng.standard_normal((2, 200, 3))
    assert sid(generated, real, rng, clusters=1) == 0
    for clusters in (5, 23):
        assert 0.7 * np.log2(clusters) < sid(real, real, rng, clusters) < np.log2(clusters)


def test_sid_of_equal_frames_is_0_and_repeats_with_its_generator():
    frozen = np.ones((11, 3))
    assert sid(frozen, frozen, np.random.default_rng(0), clusters=3) == 0
    generated, real = np.random.default_rng(7).standard_normal((2, 50, 3))
    values = [sid(generated, real, np.random.default_rng(1), clusters=7) for _ in range(2)]
    assert values[0] == values[1]


def test_kmeans_centres_are_the_means_of_their_cells():
    rows = np.random.default_rng(8).standard_normal((200, 3))
    centres = listening._kmeans(rows, 7, np.random.default_rng(0))
    nearest = np.array([((row - centres) ** 2).sum(1).argmin() for row in rows])
    for c in range(7):
        np.testing.assert_allclose(centres[c], rows[nearest == c].mean(0), rtol=1e-9)


@pytest.mark.parametrize("clusters", [0, 8])
def test_sid_refuses_a_k_beyond_the_real_frames(clusters):
    x = clips_of((7,), 3)
    with pytest.raises(ValueError, match=f"clusters is {clusters}; allowed: 1 .. 7"):
        sid(x, x, np.random.default_rng(0), clusters)
    with pytest.raises(ValueError, match=r"generated frame has shape \(3,\), a real frame \(2,\)"):
        sid(x, np.ones((5, 2)), np.random.default_rng(0), clusters=1)


def test_rpcc_is_the_gap_of_two_correlations():
    generated, real, speaker = (clips_of((5, 11), 3, seed) for seed in (1, 2, 3))
    flat = [np.concatenate([clip.ravel() for clip in side]) for side in (generated, real, speaker)]
    want = abs(np.corrcoef(flat[1], flat[2])[0, 1] - np.corrcoef(flat[0], flat[2])[0, 1])
    assert rpcc(generated, real, speaker) == pytest.approx(want, rel=1e-9)
    pooled = [np.concatenate(side) for side in (generated, real, speaker)]
    each = [[np.corrcoef(side[:, d], pooled[2][:, d])[0, 1] for d in range(3)] for side in pooled]
    gaps = np.abs(np.subtract(each[1], each[0]))
    found = rpcc(generated, real, speaker, per_coefficient=True)
    assert found == pytest.approx(np.mean(gaps), rel=1e-9)


def test_rpcc_of_extremes():
    x = clips_of((5, 11), 3)
    mirrored = [-clip for clip in x]
    assert rpcc(x, x, x) == pytest.approx(0, abs=1e-12)
    assert rpcc(mirrored, x, x) == pytest.approx(2)
    samples = [np.stack([clip, clip]) for clip in x]
    assert rpcc(samples, mirrored, x, per_coefficient=True) == pytest.approx(2)


def test_rpcc_of_motion_that_never_changes():
    x = clips_of((5, 7), 3)
    still = [np.full_like(clip, 0.1) for clip in x]
    assert np.isnan(rpcc(still, x, x)) and np.isnan(rpcc(still, x, x, per_coefficient=True))
    half = [np.hstack([clip[:, :1], 0.1 + 0 * clip[:, 1:]]) for clip in x]
    assert rpcc(half, x, x, per_coefficient=True) == pytest.approx(0, abs=1e-12)
    for real, speaker, name in ((still, x, "real"), (x, still, "speaker")):
        with pytest.raises(ValueError, match=f"{name} never changes from 0.1; allowed: motion"):
            rpcc(x, real, speaker)


def slow_tlcc(listener, speaker, max_lag):
    r"""Every lag, every coefficient, np.corrcoef."""
    best = (-2.0, 0)
    for lag in range(-max_lag, max_lag + 1):
        pairs = [(i + lag, i) for i in range(len(speaker)) if 0 <= i + lag < len(listener)]
        rows = [np.array(side) for side in zip(*pairs)]
        values = [
            np.corrcoef(listener[rows[0], d], speaker[rows[1], d])[0, 1]
            for d in range(speaker.shape[1])
        ]
        best = max(best, (float(np.mean(values)), lag))
    return best[1], best[0]


@pytest.mark.parametrize("lag", [-7, 0, 5])
def test_tlcc_finds_a_planted_lag(lag):
    speaker = np.random.default_rng(9).standard_normal((80, 3))
    listener = np.roll(speaker, lag, axis=0)  # above 0: the listener comes later
    assert tlcc(listener, speaker, max_lag=11) == (lag, pytest.approx(1))
    noisy = listener + np.random.default_rng(10).standard_normal(listener.shape)
    assert tlcc(noisy, speaker, max_lag=11) == pytest.approx(slow_tlcc(noisy, speaker, 11))


def test_tlcc_of_equal_peaks_is_the_shortest_lag():
    wave = np.tile([[1.0], [0], [-1], [0]], (10, 1))
    assert tlcc(np.roll(wave, 1, axis=0), wave, max_lag=9)[0] == 1
    assert tlcc(np.roll(wave, -1, axis=0), wave, max_lag=9)[0] == -1


def test_tlcc_leaves_out_coefficients_that_never_change():
    speaker = np.random.default_rng(11).standard_normal((40, 3))
    listener = np.roll(speaker, 3, axis=0)
    listener[:, 1] = 0.1
    assert tlcc(listener, speaker, max_lag=5) == (3, pytest.approx(1))
    assert np.isnan(tlcc(np.full_like(speaker, 0.1), speaker, max_lag=5)).all()
    with pytest.raises(ValueError, match="speaker never changes from 0.1; allowed: motion"):
        tlcc(listener, np.full_like(speaker, 0.1), max_lag=5)


@pytest.mark.parametrize("max_lag", [-1, 9])
def test_tlcc_needs_three_frames_at_every_lag(max_lag):
    x = clips_of((11,), 3)[0]
    with pytest.raises(ValueError, match=f"max_lag is {max_lag}; allowed: 0 .. 8, L - 3"):
        tlcc(x, x, max_lag)
    assert tlcc(x, x, 8)[0] == 0


def test_sts_of_a_ramp_against_stillness():
    ramp = np.arange(11.0)[:, None] * [1, 2, 2]  # steps of squared length 9, ten of them
    assert sts(ramp, np.zeros((11, 3))) == pytest.approx(np.sqrt(10 * 9 / 0.1))
    found = sts([ramp, ramp * 0], np.zeros((11, 3)), seconds=1)
    np.testing.assert_allclose(found, [np.sqrt(90), 0])
    assert sts(ramp[:1], ramp[:1]) == 0
