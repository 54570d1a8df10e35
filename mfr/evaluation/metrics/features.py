r"""Metrics of feature vectors, of whatever network: Frechet distance, CSIM, diversity of frames.

A number here means nothing without the network's name: print it beside the number.
"""

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from mfr.evaluation.metrics import inputs


def frechet_distance(generated, real):
    r"""|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)): squared 2-Wasserstein of two Gaussians.

    Paper: Sec. 4.2.1, Table 2 (FID [14], where the features are Inception's). Lower is better
    [feature units squared]. Aggregation: all frames of all clips in one set, covariances over n -
    1. Trap: two finite sets of one population are not at 0 but near F (F + 5) / 2 / n for whitened
    features, so compare equal n only; and another feature net is another metric.

    (N, F) and (M, F), N and M >= 2, to a float >= 0 up to rounding.

    Raises:
        ValueError: shapes, fewer than 2 rows, or numbers that are not finite.
    """
    generated, real = inputs.motion("generated", generated, 2), inputs.motion("real", real, 2)
    if generated.shape[1] != real.shape[1]:
        found = f"generated has F = {generated.shape[1]}, real {real.shape[1]}"
        raise ValueError(f"{found}; allowed: equal")
    for name, rows in (("generated", generated), ("real", real)):
        if len(rows) < 2:
            raise ValueError(f"{name} has {len(rows)} row; allowed: >= 2, for a covariance")
    gap = generated.mean(0) - real.mean(0)
    spread, cross = _spread_and_cross(generated, real)
    return float(gap @ gap + spread - 2 * cross)


def frechet_from_moments(mean_1, cov_1, mean_2, cov_2):
    r"""frechet_distance from means (F,) and covariances (F, F), as others publish them in .npz.

    Paper: Sec. 4.2.1, FID [14]. Lower is better. Aggregation: see frechet_distance. Covariances are
    symmetric, without an eigenvalue below 0; they may be singular.

    Raises:
        ValueError: shapes, or numbers that are not finite.
    """
    gap = inputs.to_array("mean_1", mean_1) - inputs.to_array("mean_2", mean_2)
    cov_1, cov_2 = inputs.to_array("cov_1", cov_1), inputs.to_array("cov_2", cov_2)
    if gap.ndim != 1 or not cov_1.shape == cov_2.shape == 2 * gap.shape:
        found = f"means give {gap.shape}, cov_1 is {cov_1.shape}, cov_2 {cov_2.shape}"
        raise ValueError(f"{found}; allowed: (F,), (F, F), (F, F)")
    spread = np.trace(cov_1) + np.trace(cov_2)
    return float(gap @ gap + spread - 2 * _trace_of_root(cov_1, cov_2))


def csim(generated, real):
    r"""<a, b> / (|a| |b|) of the identity features (..., F) of two frames, -1 .. 1, (...,).

    Paper: Sec. 4.2.1; Table 2 prints CSIM with an arrow down, which only 1 - cosine can have: see
    id_distance. Higher is more alike. Aggregation: mean over frames of all clips. Trap: needs a
    face recogniser that never was part of the training loss, or it rewards its own taste.

    Raises:
        ValueError: shapes differ, numbers that are not finite, or a vector of length 0.
    """
    generated, real = inputs.to_array("generated", generated), inputs.to_array("real", real)
    inputs.same_shape("generated", generated, "real", real)
    lengths = [np.linalg.norm(x, axis=-1) for x in (generated, real)]
    for name, length in zip(("generated", "real"), lengths):
        if not np.all(length):
            raise ValueError(f"{name} has a feature vector of length 0; allowed: > 0")
    return (generated * real).sum(-1) / (lengths[0] * lengths[1])


def id_distance(generated, real):
    r"""1 - csim of (..., F): what the paper's "CSIM, lower is better" must be, 0 .. 2, (...,).

    Paper: Table 2, Table 4. Lower is better. Aggregation: mean over frames of all clips.
    """
    return 1 - csim(generated, real)


def diversity_frames(features):
    r"""mean_f std_l x[l, f]: how much the features (..., L, F) of one clip vary over its frames.

    Paper: Sec. 4.2.1, Table 2 "Diversity", after SadTalker: x are Hopenet's features; the angles
    [rad] serve where no network is at hand. Higher is livelier [their units]; one frame gives 0.
    Aggregation: mean over clips. Trap: one lively but fixed response scores high (diversity_samples
    sees that); the published definition left net and axis open.
    """
    return float(inputs.motion("features", features).std(axis=-2).mean())


# ---- tr S1, tr S2 and tr (S1 S2)^(1/2) without a matrix square root ----


def _spread_and_cross(x, y):
    """tr(S1) + tr(S2) and tr (S1 S2)^(1/2) of the covariances of two sets of rows."""
    x, y = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (x, y))  # S = x^T x
    spread = float((x * x).sum() + (y * y).sum())
    width = x.shape[1]
    if min(len(x), len(y)) > width:
        return spread, _trace_of_root(x.T @ x, y.T @ y)
    # fewer rows than dimensions: tr (S1 S2)^(1/2) is the sum of the singular values of x y^T,
    # for any factors with S1 = x^T x and S2 = y^T y; a long set is shortened to F rows first
    x, y = (_factor(rows.T @ rows) if len(rows) > width else rows for rows in (x, y))
    return spread, float(linalg.svdvals(x @ y.T).sum())


def _trace_of_root(cov_1, cov_2):
    """tr (S1 S2)^(1/2) = sum of the roots of the eigenvalues of L^T S2 L, S1 = L L^T."""
    for first, second in ((cov_1, cov_2), (cov_2, cov_1)):
        lower, failed = lapack.dpotrf(first, lower=1)
        if not failed:
            product, _ = lapack.dsygst(second, lower, itype=2, lower=1)  # half the work of L^T S2 L
            values = linalg.eigvalsh(product, lower=True, overwrite_a=True, check_finite=False)
            return float(np.sqrt(np.maximum(values, 0)).sum())
    return float(linalg.svdvals(_factor(cov_1) @ _factor(cov_2).T).sum())


def _factor(cov):
    """A with cov = A^T A, for a singular cov too."""
    values, vectors = linalg.eigh(cov)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
