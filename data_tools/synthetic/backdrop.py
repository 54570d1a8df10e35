r"""What stands behind a person: soft pictures made of formulas."""

import numpy as np

SIZE = 256


def background(kind, seed):
    r"""A still picture.

    Args:
        kind: index into BACKGROUNDS.
        seed: of everything random in it.

    Returns:
        (3, 256, 256) in [0, 1].
    """
    rng = np.random.default_rng(seed + 2)
    t = np.linspace(0, 1, SIZE)[:, None] * np.ones((1, SIZE))
    top, bottom = rng.uniform(0.25, 0.85, (2, 3))
    return top[:, None, None] * (1 - t) + bottom[:, None, None] * t
