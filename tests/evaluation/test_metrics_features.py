r"""Frechet distance, CSIM, diversity of frames.

Oracles: two Gaussians in closed form, scipy's matrix square root, rotation into more dimensions
(which must change nothing), the bias of finite samples from its expansion, vectors by hand.
"""

import numpy as np
import pytest
from scipy import linalg

from mfr.evaluation.metrics import (
    csim,
    diversity_frames,
    frechet_distance,
    frechet_from_moments,
    id_distance,
)


def rows_with(mean, cov, rows, rng):
    r"""Random rows whose sample mean and covariance (over n - 1) are exactly these."""
    x = rng.standard_normal((rows, len(mean)))
    x -= x.mean(0)
    white = x @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(x, rowvar=False)))).T
    return white @ np.linalg.cholesky(cov).T + mean


def random_cov(width, rng):
    x = rng.standard_normal((width + 3, width))
    return x.T @ x / width


def by_sqrtm(mean_1, cov_1, mean_2, cov_2):
    root = linalg.sqrtm(cov_1 @ cov_2)
    return ((mean_1 - mean_2) ** 2).sum() + np.trace(cov_1 + cov_2 - 2 * root.real)


def test_frechet_of_two_gaussians_in_closed_form():
    rng = np.random.default_rng(0)
    mean_1, mean_2 = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 0.5])
    std_1, std_2 = np.array([1.0, 2.0, 3.0]), np.array([4.0, 0.5, 3.0])
    x = rows_with(mean_1, np.diag(std_1**2), 11, rng)
    y = rows_with(mean_2, np.diag(std_2**2), 7, rng)
    want = 1 + 9 + ((std_1 - std_2) ** 2).sum()
    assert frechet_distance(x, y) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("width", [1, 2, 31])
def test_frechet_is_that_of_the_matrix_square_root(width):
    rng = np.random.default_rng(width)
    means, covs = rng.standard_normal((2, width)), [random_cov(width, rng) for _ in range(2)]
    want = by_sqrtm(means[0], covs[0], means[1], covs[1])
    found = frechet_from_moments(means[0], covs[0], means[1], covs[1])
    assert found == pytest.approx(want, rel=1e-9)
    x, y = (rows_with(means[i], covs[i], 3 * width + 2, rng) for i in range(2))
    assert frechet_distance(x, y) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(
    "rows, digits",  # zero eigenvalues of two full sets come out as the root of their rounding
    [((5, 7), 1e-12), ((5, 90), 1e-12), ((90, 5), 1e-12), ((90, 91), 1e-6)],
)
def test_frechet_with_fewer_rows_than_dimensions_is_exact(rows, digits):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((rows[0], 3)) * [1, 2, 3]
    y = rng.standard_normal((rows[1], 3)) + 1
    covs = [np.cov(z, rowvar=False) for z in (x, y)]
    cross = np.sqrt(np.linalg.eigvals(covs[0] @ covs[1]).astype(complex)).real.sum()
    want = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(covs[0] + covs[1]) - 2 * cross
    into_11 = np.linalg.qr(rng.standard_normal((11, 3)))[0].T
    assert frechet_distance(x @ into_11, y @ into_11) == pytest.approx(want, rel=digits)


def test_frechet_of_two_rows_each_by_hand():
    x, y = np.array([[1.0, 0, 0], [-1, 0, 0]]), np.array([[3.0, 4, 5], [-3, -4, 5]])
    # S1 = 2 e e^T, S2 = 2 v v^T with e = (1, 0, 0), v = (3, 4, 0): the cross term is 2 |e v| = 6
    assert frechet_distance(x, y) == pytest.approx(25 + 2 + 2 * 25 - 2 * 6, rel=1e-12)


def test_frechet_with_features_that_never_change_is_exact():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 23, 3))
    wider = [np.hstack([np.full((23, 2), 7.0), z]) for z in (x, y + 1)]
    assert frechet_distance(*wider) == pytest.approx(frechet_distance(x, y + 1), rel=1e-9)
    moments = [moment for z in wider for moment in (z.mean(0), np.cov(z, rowvar=False))]
    assert frechet_from_moments(*moments) == pytest.approx(frechet_distance(x, y + 1), rel=1e-9)


@pytest.mark.parametrize("rows", [5, 23])
def test_frechet_of_a_set_with_itself_is_0_and_of_a_shifted_one_the_shift(rows):
    x = np.random.default_rng(3).standard_normal((rows, 7))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-12)
    assert frechet_distance(x + 2, x) == pytest.approx(4 * 7, rel=1e-12)


def test_frechet_of_finite_samples_is_biased_as_the_docstring_says():
    rng, width, rows, repeats = np.random.default_rng(4), 5, 1000, 300
    values = [frechet_distance(*rng.standard_normal((2, rows, width))) for _ in range(repeats)]
    want = width * (width + 5) / 2 / rows  # the next term is of order width / rows smaller
    band = 5 * np.std(values) / np.sqrt(repeats) + want * 5 * width / rows
    assert np.mean(values) == pytest.approx(want, abs=band) and band < 0.2 * want


@pytest.mark.parametrize(
    "x, y, message",
    [
        (np.ones((1, 3)), np.ones((5, 3)), "generated has 1 row; allowed: >= 2"),
        (np.ones((5, 3)), np.ones((1, 3)), "real has 1 row; allowed: >= 2"),
        (np.ones((5, 3)), np.ones((5, 2)), "generated has F = 3, real 2; allowed: equal"),
        (np.ones((2, 5, 3)), np.ones((5, 3)), r"generated has shape \(2, 5, 3\); allowed: \(L, D"),
    ],
)
def test_frechet_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(x, y)


def test_frechet_from_moments_refuses_shapes():
    with pytest.raises(ValueError, match=r"means give \(3,\), cov_1 is \(3, 3\), cov_2 \(2, 2\)"):
        frechet_from_moments(np.ones(3), np.eye(3), np.ones(3), np.eye(2))


def test_csim_of_known_angles():
    x = np.array([[1.0, 0], [1, 0], [1, 0], [3, 0]])
    y = np.array([[5.0, 0], [0, 2], [-1, 0], [2, 2]])
    want = np.array([1, 0, -1, np.sqrt(0.5)])
    np.testing.assert_allclose(csim(x, y), want, atol=1e-15)
    np.testing.assert_allclose(id_distance(x, y), 1 - want, atol=1e-15)
    assert csim(x[0], y[3]) == pytest.approx(np.sqrt(0.5))


def test_csim_refuses_vectors_without_direction_and_other_shapes():
    for x, y, name in (
        (np.zeros((2, 3)), np.ones((2, 3)), "generated"),
        (np.ones((2, 3)), np.zeros((2, 3)), "real"),
    ):
        with pytest.raises(ValueError, match=f"{name} has a feature vector of length 0"):
            csim(x, y)
    with pytest.raises(ValueError, match=r"generated has shape \(2, 3\), real \(3,\)"):
        csim(np.ones((2, 3)), np.ones(3))


def test_diversity_over_frames_by_hand():
    x = np.array([[[1.0, 10], [-1, 10]], [[3, 0], [3, 4]]])  # 2 clips, 2 frames, 2 features
    assert diversity_frames(x) == pytest.approx((1 + 0 + 0 + 2) / 4)
    assert diversity_frames(x[0]) == pytest.approx(0.5)
    assert diversity_frames(x[0, :1]) == 0
