r"""When and how much a listener moves: the delay after a phrase, the size of nods, personal style.

These need to know when phrases end and how large a person's movements truly are, which only a
synthetic folder tells (data_tools.oracle writes it down).
"""

import numpy as np
from scipy.signal import find_peaks

from mfr.evaluation.metrics import inputs
from mfr.face.coefficients import MOTION_ANGLE

REACH = 45  # frames after a phrase's end that count as an answer to it
QUIET = 3  # of them, the first ones: nobody is that fast
LEAST_EXCESS = 0.1  # of the quiet speed, on average: less is no answer
NOD = 0.03  # least prominence of a nod [rad]
NOD_WIDTH = (4, 30)  # at half its height [frames]
LEAST_NODS = 4


def response_delay(motions, phrase_ends):
    r"""sum_j j (s_j - s) / sum_j (s_j - s), s_j the mean head speed j frames after a phrase ends.

    s is that of the first 3 frames. Should equal the oracle's; NaN where no phrase counts or the
    head does not answer [frames]. Aggregation: all phrases of all clips in one mean curve. Trap: it
    is the centre of the answer's movement, so it is later than its onset; phrases whose 45 frames
    leave the clip do not count.

    Args:
        motions: list of (L, 70), one response a clip.
        phrase_ends: list of (N,) [frames], of the speakers.

    Raises:
        ValueError: the lists differ in length, or a motion is not (L, 70).
    """
    if len(motions) != len(phrase_ends):
        raise ValueError(
            f"motions has {len(motions)} clips, phrase_ends {len(phrase_ends)}; allowed: equal"
        )
    answers = []
    for i, (clip, ends) in enumerate(zip(motions, phrase_ends)):
        clip = inputs.motion(f"motions[{i}]", clip, 2, 70)
        speed = np.linalg.norm(np.diff(clip[:, MOTION_ANGLE], axis=0), axis=1)
        firsts = np.ceil(np.asarray(ends, float)).astype(int)
        answers += [speed[k : k + REACH] for k in firsts if 0 <= k <= len(speed) - REACH]
    if not answers:
        return float("nan")
    curve = np.mean(answers, axis=0)  # (REACH,)
    quiet = curve[:QUIET].mean()
    excess = curve - quiet
    if excess.mean() <= LEAST_EXCESS * quiet:
        return float("nan")
    return float(np.arange(REACH) @ excess / excess.sum())


def nod_size(samples):
    r"""Mean prominence of the pitch's peaks that are at least 0.03 rad and 4 .. 30 frames wide.

    Of responses (K, L, 70) of one listener; NaN for fewer than 4 nods [rad].
    """
    pitch = inputs.motion("samples", samples, 3, 70)[:, :, 0]
    prominences = [
        find_peaks(row, prominence=NOD, width=NOD_WIDTH, rel_height=0.5)[1]["prominences"]
        for row in pitch
    ]
    sizes = np.concatenate(prominences)
    return float(sizes.mean()) if len(sizes) >= LEAST_NODS else float("nan")


def style_correlation(sizes, truth, groups):
    r"""Pearson's r of log sizes and log truth over clips, each group's means taken away first.

    Attitudes nod in different sizes, which is no personal style. Higher is better; the oracle's own
    value is the limit, as a few nods tell a style only so well. Sizes of nods and true factors are
    (N,), > 0; NaN sizes are left out.

    Returns:
        (r, its standard error (1 - r^2)/sqrt(n - 1 - number of groups), n); r and its error are NaN
        where n leaves less than one degree of freedom, or nothing varies.
    """
    sizes, truth = np.log(np.asarray(sizes, float)), np.log(np.asarray(truth, float))
    used = np.isfinite(sizes)
    x, y = sizes[used], truth[used]
    names = [name for name, use in zip(groups, used) if use]
    for name in set(names):
        rows = np.array([other == name for other in names])
        x[rows] -= x[rows].mean()
        y[rows] -= y[rows].mean()
    freedom = len(x) - 1 - len(set(names))
    length = np.sqrt((x @ x) * (y @ y))
    if freedom < 1 or length < 1e-12:
        return float("nan"), float("nan"), len(x)
    r = float(x @ y / length)
    return r, (1 - r * r) / np.sqrt(freedom), len(x)
