r"""The other family: metrics of papers that follow Learning2Listen, under names of their own.

Their "FD" is a Frechet distance, ours (the paper's) an L1 distance: the two must never share a
column. Their codes differ in pooling, k and flattening; each docstring says which reading this is.
A set is a list of clips (..., L_i, D), leading axes being samples; angle, exp and trans are scored
apart by slicing D first.
"""

import numpy as np

from mfr.evaluation.metrics import inputs
from mfr.evaluation.metrics.features import frechet_distance

KMEANS_ROUNDS = 100


def frechet_motion(generated, real):
    r"""Frechet distance of two sets of frames, the frames of all clips (..., L_i, D) pooled.

    "FD" of Learning2Listen and its heirs, see frechet_distance. Lower is better [units^2].
    Aggregation: one number a data set. Trap: LM-listener and DIM take it per clip and average; that
    is another, larger number, as two clips of n frames of one white D-dim population are D (D + 5)
    / (2 n) apart. It is not a distance in time.
    """
    return frechet_distance(inputs.frames("generated", generated), inputs.frames("real", real))


def frechet_paired(generated, real, speaker):
    r"""Frechet distance of pooled frames [speaker, listener]: is it an answer to this speaker?

    "Paired FD" of the family. Lower is better [units^2]. Aggregation: as in frechet_motion, its
    bias with D + D_speaker for D. Trap: where the speaker is missing (DIM's reader for ViCo fills
    in ones) it equals the unpaired distance; here that raises ValueError. Listeners are clips (...,
    L_i, D), speakers (L_i, D_speaker).
    """
    sides = []
    for name, value in (("generated", generated), ("real", real)):
        listener, beside = inputs.frames_beside(name, value, "speaker", speaker)
        _refuse_constant("speaker", beside)
        sides.append(np.concatenate([beside, listener], axis=1))
    return frechet_distance(*sides)


def variance_frames(clips):
    r"""mean over clips (..., L_i, D) and coefficients of var_l x[l, d], over n.

    "Var" as LM-listener and Avatar Forcing take it. Should equal that of real motion [units^2].
    Aggregation: each clip counts once, whatever its length. Trap: DIM's "Var" is
    variance_flattened, far larger.
    """
    return float(np.mean([clip.var(axis=-2).mean() for clip in inputs.clips("clips", clips)]))


def variance_flattened(clips):
    r"""var of all numbers of all clips (..., L_i, D) in one heap, over n.

    "Var" as DIM's code takes it. Should equal that of real motion [units^2]. Aggregation: all
    frames pooled. Trap: the coefficients' means differ, so a frozen face has variance too.
    """
    return float(inputs.frames("clips", clips).var())


def sid(generated, real, generator, clusters=40):
    r"""-sum_c p_c log2 p_c: entropy of generated frames over k-means cells of real frames.

    SID of Learning2Listen, of clips (..., L_i, D). Higher is more varied, 0 .. log2 k [bit].
    Aggregation: all frames pooled. Trap: k differs (DIM: 40 exp, 20 pose; others 15 and 9), so
    write SID with its k and compare only what one run computed: first centres are random.

    Raises:
        ValueError: no clips, D differs, k outside 1 .. number of real frames.
    """
    generated, real = inputs.frames("generated", generated), inputs.frames("real", real)
    inputs.same_shape("a generated frame", generated[0], "a real frame", real[0])
    if not 1 <= clusters <= len(real):
        raise ValueError(f"clusters is {clusters}; allowed: 1 .. {len(real)}, the real frames")
    centres = _kmeans(real, clusters, generator)
    share = np.bincount(_nearest(generated, centres), minlength=clusters) / len(generated)
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum()) + 0.0  # + 0.0 turns -0.0 into 0.0


def rpcc(generated, real, speaker, per_coefficient=False):
    r"""|r(real, speaker) - r(generated, speaker)|, 0 .. 2: as coupled as a real listener?

    rPCC of DIM: r is one Pearson correlation of all numbers of all clips. Lower is better.
    Aggregation: all frames pooled. Trap: that heap mixes coefficients of other means and sizes, so
    a frozen face can score well; `per_coefficient` takes the mean over d of r of each d alone, and
    those that never change are left out (if all are, nan).

    Listeners are clips (..., L_i, D), speakers (L_i, D).

    Raises:
        ValueError: shapes; numbers of clips; real or speaker is constant.
    """
    values = []
    for name, value in (("generated", generated), ("real", real)):
        listener, beside = inputs.frames_beside(name, value, "speaker", speaker)
        inputs.same_shape(name, listener, "speaker", beside)
        if not per_coefficient:
            listener, beside = listener.reshape(-1, 1), beside.reshape(-1, 1)
        _refuse_constant("speaker", beside)
        if name == "real":
            _refuse_constant("real", listener)
        values.append(_pearson(listener, beside))
    return _mean_of_defined(np.abs(values[1] - values[0]))


def tlcc(listener, speaker, max_lag=60):
    r"""argmax_lag mean_d r(listener[l + lag, d], speaker[l, d]), |lag| <= max_lag: who follows?

    TLCC of REACT (FRSyn), of one clip (L, D): (lag, correlation there); (nan, nan) where the
    listener never moves. A lag above 0: the listener follows. Should equal that of real pairs
    [frames]. Aggregation: mean of |lag| over clips. Trap: smooth motion correlates at any lag by
    chance, so read the peak beside the lag; a constant coefficient is left out.

    Raises:
        ValueError: shapes, max_lag outside 0 .. L - 3, or a speaker that never moves.
    """
    listener = inputs.motion("listener", listener, 2)
    speaker = inputs.motion("speaker", speaker, 2)
    inputs.same_shape("listener", listener, "speaker", speaker)
    if not 0 <= max_lag <= len(listener) - 3:
        raise ValueError(f"max_lag is {max_lag}; allowed: 0 .. {len(listener) - 3}, L - 3")
    _refuse_constant("speaker", speaker)
    lags = sorted(range(-max_lag, max_lag + 1), key=lambda lag: (abs(lag), -lag))
    means = np.array([_lagged(listener, speaker, lag) for lag in lags])
    if np.isnan(means).all():
        return float("nan"), float("nan")
    best = np.flatnonzero(means >= np.nanmax(means) - 1e-9)[0]  # of equal peaks, the shortest lag
    return lags[best], float(means[best])


def sts(generated, real, seconds=0.1):
    r"""sqrt(sum (dx - dy)^2 / seconds) over steps and coefficients of one clip, dx = x_l - x_(l-1).

    STS of DIM, whose 0.1 s stands for a step of 1/30 s; (..., L, D) against (L, D) gives (...,).
    Lower is better [units / sqrt s]. Aggregation: DIM strings all clips together; here mean over
    clips. Trap: a sum, so it grows with the square root of the clip's length.
    """
    generated, real = inputs.motion("generated", generated), inputs.motion("real", real, 2)
    inputs.same_shape("generated", generated[(0,) * (generated.ndim - 2)], "real", real)
    step = np.diff(generated - real, axis=-2)
    return np.sqrt((step**2).sum((-2, -1)) / seconds)


def _lagged(listener, speaker, lag):
    """Mean over coefficients of the correlation at one lag; nan where none is defined."""
    end = len(listener) - abs(lag)
    ahead, behind = slice(max(lag, 0), max(lag, 0) + end), slice(max(-lag, 0), max(-lag, 0) + end)
    return _mean_of_defined(_pearson(listener[ahead], speaker[behind]))


def _mean_of_defined(values):
    """Mean of those that are not nan; nan if there are none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _pearson(x, y):
    """Correlation of each column (N, D) -> (D,); nan where a column is constant."""
    x, y = _standard(x), _standard(y)
    return (x * y).sum(0)


def _standard(x):
    """Columns with mean 0 and length 1; nan where a column is constant up to rounding."""
    centred = x - x.mean(0)
    length = np.sqrt((centred**2).sum(0))
    constant = length <= 1e-12 * np.sqrt(len(x)) * np.abs(x).max(0)
    return centred / np.where(constant, np.nan, length)


def _refuse_constant(name, rows):
    """Data that never moves is a reader's mistake, not a result."""
    if (rows == rows[0]).all():
        raise ValueError(f"{name} never changes from {rows[0, 0]:g}; allowed: motion")


def _kmeans(rows, clusters, generator):
    """Centres (k, D): Lloyd's rounds until no row changes its cell."""
    centres = _kmeans_start(rows, clusters, generator)
    cells = None
    for _ in range(KMEANS_ROUNDS):
        nearest = _nearest(rows, centres)
        if cells is not None and (nearest == cells).all():
            break
        cells = nearest
        counts = np.bincount(cells, minlength=clusters)[:, None]
        sums = [np.bincount(cells, column, minlength=clusters) for column in rows.T]
        centres = np.where(counts > 0, np.stack(sums, axis=1) / np.maximum(counts, 1), centres)
    return centres


def _kmeans_start(rows, clusters, generator):
    """Rows drawn one by one, with chances as their squared distance from those already drawn."""
    drawn = [rows[generator.integers(len(rows))]]
    nearest = _squared(rows, drawn[0][None])[:, 0]
    for _ in range(clusters - 1):
        total = nearest.sum()
        chances = nearest / total if total > 0 else None  # None: every row already is a centre
        drawn.append(rows[generator.choice(len(rows), p=chances)])
        nearest = np.minimum(nearest, _squared(rows, drawn[-1][None])[:, 0])
    return np.stack(drawn)


def _nearest(rows, centres):
    """Number of the nearest centre of each row."""
    return _squared(rows, centres).argmin(1)


def _squared(rows, centres):
    """Squared distances (N, k), by the cosine law: one matrix product."""
    square = (rows**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * rows @ centres.T
    return np.maximum(square, 0)
