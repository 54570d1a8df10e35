r"""A frame becomes 257 numbers, a face an identity.

`coefficients` names the numbers, `camera` turns them into pixels, `reconstruction` reads them off
a picture, `identity` is V of Eq. 6, `morphable` the linear face model that the numbers speak of.
"""

from mfr.face.coefficients import ANGLE, EXP, GAMMA, ID, TEX, TRANS, load_mat, save_mat
from mfr.face.identity import identity_loss

__all__ = [
    "ANGLE",
    "EXP",
    "GAMMA",
    "ID",
    "TEX",
    "TRANS",
    "identity_loss",
    "load_mat",
    "save_mat",
]
