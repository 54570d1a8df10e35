r"""A face at rest looks at rest: shapes that mimic an expression are rare.

Slanting or lifted brows, corners of the mouth that hang, one side unlike the other and wide eyes
read as sad, startled or cross whoever has them, and would hide what a listener shows.
"""

import functools

import numpy as np

from data_tools.synthetic.people.expressions import expression_modes
from data_tools.synthetic.people.modes import LID_MODES, identity_modes
from data_tools.synthetic.people.surface import (
    EYE,
    MOUTH_WIDTH,
    MOUTH_Y,
    disc_to_rest,
    mouth_line,
    rest_to_disc,
    sculpt,
)

KEPT = 0.3  # of what mimics an expression
NAMED = 12  # expressions with a name; the others are waves
INNER, OUTER = (0.13, 0.265), (0.46, 0.27)  # ends of the right brow


def calm(identity, waves):
    r"""Take most of what mimics an expression out of a shape and out of a face at rest.

    Args:
        identity: (80,) shape coefficients.
        waves: (52,) expressions without a name.

    Returns:
        Both: x - (1 - 0.3) G^+ G x.
    """
    return tuple(
        x - (1 - KEPT) * np.linalg.pinv(seen, 0.02) @ (seen @ x)
        for x, seen in zip((identity, waves), features())
    )


@functools.cache
def features():
    r"""G: what each coefficient does to what tells an expression.

    Returns:
        (7, 80) of identity and (6, 52) of the waves: for each side the slant of the brow, its
        height over the eye, the height of the mouth's corner; and the eyes' opening [dm].
    """
    corner = (MOUTH_WIDTH, float(mouth_line(np.array(MOUTH_WIDTH))))
    rows = []
    for side in (-1, 1):
        inner, outer, eye, end = (_lift((side * x, y)) for x, y in (INNER, OUTER, EYE, corner))
        middle = _lift((0.0, MOUTH_Y))
        rows += [inner - outer, (inner + outer) / 2 - eye, end - middle]
    rows = np.array(rows)  # (6, 132)
    opening = np.zeros((1, 80))
    opening[0, LID_MODES[0]] = 0.03
    return np.concatenate([rows[:, :80], opening]), rows[:, 80:]


def _lift(place):
    """How far each coefficient of identity and of the waves lifts a place of the face: (132,)."""
    rest, skull = disc_to_rest(rest_to_disc(np.array([place], float)))
    x, y = rest.T
    xyz = sculpt(rest, skull)
    waves = expression_modes(x, y, xyz, np.ones(1))[0, 1, NAMED:]
    return np.concatenate([identity_modes(x, y, xyz)[0, 1], waves])
