r"""Metrics of one clip's motion: the paper's FD, and what FD cannot see (spread, honesty, seams).

FD alone rewards the conditional mean, which no listener moves like. So it stands beside the energy
score, which only the true distribution of responses minimises, and beside the spread of samples.
"""

import numpy as np
from scipy.spatial.distance import pdist

from mfr.evaluation.metrics import inputs
from mfr.face.coefficients import MOTION_ANGLE, MOTION_DIM, MOTION_EXP, MOTION_TRANS

BLOCKS = {"angle": MOTION_ANGLE, "exp": MOTION_EXP, "trans": MOTION_TRANS}


def feature_distance(generated, real):
    r"""FD = 100 mean |x - y| over frames and coefficients: dict angle, exp, trans -> (...,).

    Paper: Sec. 4.2.1, Table 1 (L1, not Frechet), (..., L, 70) against (L, 70). Lower is better
    [0.01 rad, 0.01, 0.01]. Aggregation: mean over samples, then clips (or attitudes, macro). Trap:
    on raw coefficients only; the mean of K samples is never worse than they are on average.
    """
    generated, real = _against("generated", generated, real, MOTION_DIM)
    error = np.abs(generated - real)
    return {part: 100 * error[..., where].mean((-2, -1)) for part, where in BLOCKS.items()}


def diversity_samples(samples, scale=1.0):
    r"""mean_(i < j) |x_i - x_j| / sqrt(L D): how far apart K responses (K, L, D) are.

    The paper shows one-to-many diversity in Fig. 6 without a number. Should equal the true spread
    (the oracle's), not exceed it [of `scale`, a number or (D,)]. Aggregation: mean over clips.
    Trap: noise is diverse; one sample has spread 0.
    """
    rows = _rows(inputs.motion("samples", samples, 3), scale)
    return float(pdist(rows).mean()) if len(rows) > 1 else 0.0


def energy_score(samples, real, scale=1.0):
    r"""mean_i |x_i - y| - 1/2 mean_(i != j) |x_i - x_j|, with |.| the norm over L D, / sqrt(L D).

    Strictly proper: its mean is least for samples (K, L, D) of the truth's (L, D) distribution.
    Lower is better [of `scale`, a number or (D,)]. Aggregation: mean over clips. Trap: fair in K,
    but a single sample's value is its distance alone.
    """
    samples, real = _against("samples", samples, real, ndim=3)
    distance = np.linalg.norm(_rows(samples - real, scale), axis=1)
    return float(distance.mean()) - diversity_samples(samples, scale) / 2


def seam_ratios(motion, seams, scale=1.0):
    r"""mean speed at window seams / mean speed inside; the same for acceleration. 1 is no seam.

    Lower is better, 1 is the aim. Speed is |x_s - x_(s-1)|, acceleration |second difference|, x
    (..., L, D) over `scale`, a number or (D,). Aggregation: leading axes are pooled before the
    ratio; mean over clips. Trap: a cross-fade spreads a jump over its frames; then name them all.
    Still motion gives 1; a jump in stillness, inf.

    Args:
        seams: first frames of the windows, each in 1 .. L - 1, such as range(20, L, 20).

    Raises:
        ValueError: scale, seams, fewer than 3 frames, or no frame is left inside.
    """
    x = inputs.motion("motion", motion)
    x = x / inputs.scale(scale, x.shape[-1])
    seams = _seams(seams, x.shape[-2])
    ratios = {}
    for order, name in ((1, "velocity"), (2, "acceleration")):
        size = np.linalg.norm(np.diff(x, order, axis=-2), axis=-1)  # (..., L - order)
        touched = np.zeros(size.shape[-1], bool)
        # the jump from s - 1 to s is inside differences s - order .. s - 1
        for back in range(1, order + 1):
            places = seams - back
            touched[places[(places >= 0) & (places < len(touched))]] = True
        if touched.all():
            raise ValueError(f"seams leave 0 frames inside for {name}; allowed: >= 1")
        ratios[name] = _ratio(size[..., touched].mean(), size[..., ~touched].mean())
    return ratios


def _against(name, generated, real, width=None, ndim=None):
    """Samples (..., L, D) and the truth (L, D), of one L and D."""
    generated = inputs.motion(name, generated, ndim, width)
    real = inputs.motion("real", real, 2, width)
    inputs.same_shape(name, generated[(0,) * (generated.ndim - 2)], "real", real)
    return generated, real


def _rows(samples, scale):
    """(K, L D), scaled so that the Euclidean norm of a row is a root mean square."""
    width = samples.shape[-1]
    rows = (samples / inputs.scale(scale, width)).reshape(len(samples), -1)
    return rows / np.sqrt(rows.shape[1])


def _seams(seams, length):
    """Frame numbers of the seams as an integer array."""
    if length < 3:
        raise ValueError(f"motion has {length} frames; allowed: >= 3, for an acceleration")
    seams = np.asarray(seams)
    whole = np.issubdtype(seams.dtype, np.integer) and seams.ndim == 1
    if not whole or seams.size == 0 or seams.min() < 1 or seams.max() >= length:
        raise ValueError(f"seams are {seams.tolist()}; allowed: integers in 1 .. {length - 1}")
    return seams


def _ratio(seam, inside):
    """seam / inside; 0 / 0 is 1: stillness shows no seam."""
    if inside > 0:
        return float(seam / inside)
    return 1.0 if seam == 0 else float("inf")
