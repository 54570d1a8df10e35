r"""The square of a camera's picture in which the speaker's head lies as training heads do."""

import math

import numpy as np
from PIL import Image, ImageOps

from mfr.config import IMAGE_SIZE
from mfr.face import finder

SIZE = (IMAGE_SIZE, IMAGE_SIZE)
EVERY = 10  # pictures from one look for the face to the next: three a second
STRAYED = 0.12  # of the side: the square stays where it is while the head's middle does
GROWN = 0.24  # octaves: or its size
GLIDE = 0.1  # share of the way that the square goes with each picture once it has to


def middle_square(picture):
    r"""uint8 (H, W, 3) -> (256, 256, 3), the largest square in its middle."""
    if picture.shape[:2] == SIZE:
        return picture
    return np.array(ImageOps.fit(Image.fromarray(picture), SIZE, Image.Resampling.BOX))


class HeadSquare:
    r"""Finds the face, then stays, and glides after it when the speaker has moved away.

    A square that followed every motion would take it out of the coefficients. Until a face is
    found it is the middle of the picture; a picture of 256x256 is taken as it is.

    Args:
        net: FinderNet.
        reconstruction: (B, 3, 256, 256) in [0, 1] -> (B, 257).
    """

    def __init__(self, net, reconstruction):
        self.net, self.reconstruction = net, reconstruction
        self.face = self.square = None  # where the face was last seen; what is shown
        self.gliding, self.count, self.size = False, 0, None

    def __call__(self, picture):
        r"""uint8 (H, W, 3) -> (256, 256, 3)."""
        if picture.shape[:2] == SIZE:
            return picture
        if picture.shape != self.size:  # another camera
            self.face = self.square = None
            self.count, self.size = 0, picture.shape
        if self.count % EVERY == 0:
            self._look(picture)
        self.count += 1
        if self.face is None and self.square is None:
            return middle_square(picture)
        if self.gliding:
            self._glide()
        return _cut(picture, self.square)

    def _look(self, picture):
        """Where is the face, and does the square still fit it?"""
        if self.face is not None:
            self.face = finder.look_again(self.net, picture, self.face)
            if self.face.score < finder.FIRST:
                self.face = None  # the square stays
                return
        else:
            faces = finder.find(self.net, picture)
            if not faces:
                return
            self.face = faces[0]
        if self.square is None:
            self.square = finder.refine(self.reconstruction, picture, self.face)
            self.offset = _offset(self.face, self.square)
            return
        wanted = _moved(self.face, self.offset)
        away = math.hypot(wanted.x - self.square.x, wanted.y - self.square.y) / self.square.side
        self.gliding |= away > STRAYED or abs(math.log2(wanted.side / self.square.side)) > GROWN

    def _glide(self):
        if self.face is None:
            return
        wanted, square = _moved(self.face, self.offset), self.square
        step = [GLIDE * (a - b) for a, b in zip(wanted[:3], square[:3])]
        self.square = square._replace(
            x=square.x + step[0], y=square.y + step[1], side=square.side + step[2]
        )
        self.gliding = max(map(abs, step)) > 0.1 * GLIDE * STRAYED * square.side


def _offset(face, square):
    """Across, down [sides of the face] and growth from what is found to what is shown."""
    return (
        (square.x - face.x) / face.side,
        (square.y - face.y) / face.side,
        square.side / face.side,
    )


def _moved(face, offset):
    across, down, grow = offset
    return face._replace(
        x=face.x + across * face.side, y=face.y + down * face.side, side=face.side * grow
    )


def _cut(picture, square):
    """The square's pixels, as large as the picture allows."""
    height, width = picture.shape[:2]
    side = min(square.side, height, width)
    left = min(max(0.0, square.x - side / 2), width - side)
    top = min(max(0.0, square.y - side / 2), height - side)
    box = (left, top, left + side, top + side)
    image = Image.fromarray(picture)
    return np.array(image.resize(SIZE, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0))
