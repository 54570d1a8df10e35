r"""What is known of a listener from one picture."""

from typing import NamedTuple

import numpy as np
import torch

from mfr.face.camera import FOCAL, FRAME_PARAMS, FRAME_SIZE, frame_camera
from mfr.face.coefficients import load_mat
from mfr.face.finder import Face
from mfr.files import media
from mfr.pipeline.squares import WATCHED, scaled
from mfr.render.renderer import Encoded


class Portrait(NamedTuple):
    r"""What is known of a listener from one picture."""

    pixels: np.ndarray  # uint8 (256, 256, 3)
    coefficients: np.ndarray  # (257,)
    params: tuple  # its transform_params: 256, 256, scale, tx, ty
    identity: torch.Tensor  # (1, V), V(I_l)
    encoded: Encoded  # by the renderer, once
    unfamiliar: float  # above 1: stranger than 99 of 100 training frames; 0: not known
    picture: np.ndarray  # uint8 (H, W, 3), the whole of it
    square: Face  # of the picture, which `pixels` shows
    others: list = []  # of Face, besides

    def _repr_png_(self):
        return media.to_png(self.shown())

    def shown(self, longest=WATCHED):
        r"""The picture with the square on it, other faces in grey.

        Args:
            longest: side that the result's is not above [pixels].

        Returns:
            uint8 (h, w, 3).
        """
        small = media.at_most(self.picture, longest)
        grow = small.shape[1] / self.picture.shape[1]
        squares = [scaled(face, grow).corners() for face in (self.square, *self.others)]
        return media.outlined(small, squares)


def portrait_coefficients(path):
    r"""A portrait's own Deep3DFaceRecon file, its crop brought to the 256x256 picture.

    Args:
        path: .mat of a picture of any size, or of a video; its first frame counts.

    Returns:
        (float32 (257,), transform_params: 256, 256, scale, tx, ty).
    """
    coeff, params = load_mat(path)
    first = coeff[0].copy()
    if params is None:
        return first, FRAME_PARAMS
    focal, centre = frame_camera(params[0].astype(np.float64))
    return first, (FRAME_SIZE, FRAME_SIZE, FOCAL / float(focal), *centre.tolist())
