r"""A method's responses become numbers, clip by clip, and those become a cell with its error.

Two kinds of error stand in the tables. Where a number belongs to one response (FD, recognition,
delay), the K-th response of every clip gives one value of the whole set, and the error is that of
the mean of K such values. Where it belongs to all K responses of a clip (energy score, spread), the
error is that of the mean over clips; a ratio to the oracle is taken clip by clip.
"""

from typing import NamedTuple

import numpy as np

from mfr.evaluation.metrics import (
    behaviour,
    diversity_frames,
    diversity_samples,
    energy_score,
    feature_distance,
    seam_ratios,
)
from mfr.evaluation.scoring.attitude_classifier import recognised

PARTS = ("angle", "exp", "trans")
SETS = {"test": "D_test", "ood": "D_ood", "train": "held out"}
NAN = float("nan")


class Value(NamedTuple):
    r"""A cell: the number, its standard error (NaN where it has none), and of how many clips."""

    mean: float
    error: float = NAN
    clips: int = 0


class Scored(NamedTuple):
    r"""A method's numbers, an entry a clip; arrays are (K,)."""

    name: str
    fd: list  # dict part -> (K,)
    fd_of_mean: list  # dict part -> float, of the mean of the K responses
    energy: list  # float
    spread: list  # float
    frames: list  # (K,), diversity over frames of the angles [rad]
    seams: list  # dict velocity, acceleration -> float; NaN in clips without a seam
    recognised: list  # (K,), or None where the attitude or the classifier is not known
    delay: Value
    style: Value
    pace: float  # seconds of motion a second


def score(name, drawn, held, std, stride=20, classifier=None, oracle=None):
    r"""All numbers of one method.

    Args:
        std: (70,) of training listeners, the unit of energy and spread.
        stride: of the windows [frames]: seams may be there.
        classifier: AttitudeNet or None.
        oracle: Oracle or None; tells when phrases end and how large people nod.
    """
    scored = Scored(name, [], [], [], [], [], [], [], NAN, NAN, drawn.pace)
    for clip, motion, real in zip(held.clips, drawn.motion, held.real):
        scored.fd.append(feature_distance(motion, real))
        mean = feature_distance(motion.mean(0), real)
        scored.fd_of_mean.append({part: float(value) for part, value in mean.items()})
        scored.energy.append(energy_score(motion, real, std))
        scored.spread.append(diversity_samples(motion, std))
        scored.frames.append(np.array([diversity_frames(x[:, :3]) for x in motion]))
        scored.seams.append(seams(motion, std, stride))
        judged = classifier is not None and clip.attitude
        scored.recognised.append(
            recognised(classifier, motion, real[0], clip.attitude).numpy() if judged else None
        )
    if oracle is None:
        return scored._replace(delay=Value(NAN), style=Value(NAN))
    return scored._replace(
        delay=delay(drawn.motion, oracle), style=style(drawn.motion, held, oracle)
    )


def seams(motion, std, stride):
    r"""seam_ratios of (K, L, 70) at the window's stride, NaN where a clip has no seam."""
    places = range(stride, motion.shape[1], stride)
    if not len(places) or stride < 4:
        return {"velocity": NAN, "acceleration": NAN}
    return seam_ratios(motion, list(places), std)


def delay(motion, oracle):
    r"""The response delay of all K sets of (L, 70) together [frames]; its error from single sets.

    NaN where they do not answer; its error is NaN where one set does not.
    """
    sets = [[clip[k] for clip in motion] for k in range(len(motion[0]))]
    values = [behaviour.response_delay(responses, oracle.phrase_ends) for responses in sets]
    all_clips = [clip for responses in sets for clip in responses]
    together = behaviour.response_delay(all_clips, list(oracle.phrase_ends) * len(sets))
    error = standard_error(values) if len(values) > 1 else NAN
    return Value(together, error, len(motion))


def style(motion, held, oracle):
    r"""Correlation of nod size and true style over clips, from all K responses of each."""
    sizes = [behaviour.nod_size(clip) for clip in motion]
    groups = [clip.attitude for clip in held.clips]
    return Value(*behaviour.style_correlation(sizes, oracle.nod_size, groups))


def over_samples(values):
    r"""Mean of K means over clips, with the standard error of that mean over K.

    Values (clips, K); the error is NaN for K = 1.
    """
    values = np.asarray(values, float)
    if values.size == 0:
        return Value(NAN)
    of_sample = values.mean(0)  # (K,)
    K = len(of_sample)
    return Value(float(of_sample.mean()), standard_error(of_sample) if K > 1 else NAN, len(values))


def over_clips(values):
    r"""Mean over clips, with its standard error; NaN entries of (clips,) are left out.

    The error is NaN for one clip.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return Value(NAN)
    error = standard_error(values) if len(values) > 1 else NAN
    return Value(float(values.mean()), error, len(values))


def ratio(values, reference):
    r"""sum a / sum b over clips, with error sd(a - r b)/(sqrt(n) mean b): clips are paired.

    a and b (clips,), b the oracle's; NaN where its mean is not above 0.
    """
    a, b = np.asarray(values, float), np.asarray(reference, float)
    if len(a) == 0 or not b.mean() > 0:
        return Value(NAN)
    r = a.mean() / b.mean()
    error = standard_error(a - r * b) / b.mean() if len(a) > 1 else NAN
    return Value(float(r), float(error), len(a))


def standard_error(values):
    r"""sd / sqrt(n), sd over n - 1, of (n,) values."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def fd_cell(scored, part, clips):
    r"""FD of some clips, a cell of Table 1; NaN where there is no clip."""
    if not clips:
        return Value(NAN)
    return over_samples([scored.fd[i][part] for i in clips])


def fd_macro(scored, part, groups):
    r"""Mean of several groups' FD, each group of clips with equal weight.

    Paper: one of two readings of Table 1's average; Table 4's is this over the test sets.
    """
    of_group = [np.mean([scored.fd[i][part] for i in rows], axis=0) for rows in groups if rows]
    if not of_group:
        return Value(NAN)
    return over_samples(of_group)._replace(clips=sum(map(len, groups)))


def sets_of(clips):
    r"""The sets that occur, test first: dict split -> numbers of its clips."""
    members = {split: [i for i, c in enumerate(clips) if c.split == split] for split in SETS}
    return {split: rows for split, rows in members.items() if rows}
