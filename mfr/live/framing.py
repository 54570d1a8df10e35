r"""The square of a camera's picture in which the speaker's head lies as training heads do."""

import numpy as np
from PIL import Image, ImageOps

from mfr.config import IMAGE_SIZE


class MiddleSquare:
    r"""The largest square in the middle of every picture."""

    def __call__(self, picture):
        r"""uint8 (H, W, 3) -> uint8 (256, 256, 3)."""
        if picture.shape == (IMAGE_SIZE, IMAGE_SIZE, 3):
            return picture
        size = (IMAGE_SIZE, IMAGE_SIZE)
        return np.array(ImageOps.fit(Image.fromarray(picture), size, Image.Resampling.BOX))
