r"""Which square of a picture or of a video is looked at: the face's, or the one named by hand."""

import numpy as np
import torch

from mfr.config import FPS, IMAGE_SIZE
from mfr.face import finder, track
from mfr.face.finder import Face
from mfr.files import media

MIDDLE = "middle"  # as a crop: the largest square in the middle, whatever it shows
SEARCHED = 1280  # longest side of what faces are looked for in [pixels]
WATCHED = 640  # the same of a video
GLANCES = 240  # about how many pictures of a video faces are looked for in
REFINED = 6  # of them in which the reconstruction says where the head is


def in_picture(system, picture, name, number):
    r"""The square of a picture's face, and the other faces.

    Args:
        system: System.
        picture: uint8 (H, W, 3).
        name: of the picture, in messages.
        number: which face, 1 is the largest.

    Returns:
        (Face, list of Face).

    Raises:
        ValueError: there are not so many faces.
    """
    height, width = picture.shape[:2]
    small = media.at_most(picture, SEARCHED)
    grow = width / small.shape[1]
    faces = finder.find(system.finder, small)
    if len(faces) < max(1, number):
        raise ValueError(_no_face(name, "--listener-crop", number, len(faces)))
    face = faces.pop(number - 1)
    face = finder.refine(system.reconstruction, small, face)
    square = finder.settle(scaled(face, grow), width, height)
    return square, [scaled(other, grow) for other in faces]


def in_video(system, path, number, progress=None):
    r"""The square of a face in a video, or its squares at 30 fps, and how many are besides.

    Args:
        system: System.
        path: video.
        number: which face, 1 is the largest.
        progress: function of (done, in all, "pictures"), or None.

    Returns:
        ((left, top, side) or an array (L, 3) of them [pixels], number of other faces).

    Raises:
        ValueError: there are not so many faces.
    """
    info = media.probe(path)
    rate = min(4.0, max(0.5, GLANCES / max(info.seconds, 1)))
    count, kept = max(1, round(info.seconds * rate)), {}
    chosen = set(np.linspace(0, count - 1, REFINED).round().astype(int).tolist())

    def glances():
        for i, picture in enumerate(media.glances(path, rate, WATCHED)):
            if i in chosen:
                kept[i] = picture
            if progress is not None:
                progress(i, count, "pictures")
            yield picture

    found, others = track.follow(system.finder, glances(), number)
    exact = {
        i: finder.refine(system.reconstruction, picture, found[i])
        for i, picture in kept.items()
        if found[i] is not None
    }
    found = track.moved(found, exact)
    shrunk = next(iter(kept.values())).shape
    way = track.steady(found, others, shrunk[1], shrunk[0], rate)
    if way is None:
        raise ValueError(_no_face(path, "--crop", number))
    grow = info.size[0] / shrunk[1]
    if way.path is None:
        square = finder.settle(scaled(way.square, grow), *info.size)
        return corner(square), others
    moments = (np.arange(int(info.seconds * FPS) + 1) + 0.5) * rate / FPS - 0.5
    rows = [np.interp(moments, np.arange(len(found)), c) for c in grow * way.path.T]
    return np.stack(rows, 1), others


def scaled(face, grow):
    r"""A square of a picture that is `grow` times as large."""
    return face._replace(x=face.x * grow, y=face.y * grow, side=face.side * grow)


def corner(square):
    r"""(left, top, side) of a square [whole pixels], its tilt left aside."""
    left, top = square.x - square.side / 2, square.y - square.side / 2
    return round(left), round(top), round(square.side)


def by_hand(crop, picture, name):
    r"""The square that the user names.

    Args:
        crop: (left, top, side) [pixels], or "middle".
        picture: uint8 (H, W, 3).
        name: of the picture, in messages.

    Returns:
        Face.

    Raises:
        ValueError: it does not lie inside the picture.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    if isinstance(crop, str):
        return Face(width / 2, height / 2, side)
    media.check_crop(name, crop, (width, height))
    left, top, side = crop
    return Face(left + side / 2, top + side / 2, side)


def show(picture, square):
    r"""uint8 (256, 256, 3) of a square of a picture."""
    if square == by_hand(MIDDLE, picture, ""):
        return media.middle(picture)
    image = torch.from_numpy(picture).permute(2, 0, 1)[None]
    shown = finder.cut(image, square, IMAGE_SIZE)
    return (shown[0] * 255).round().byte().permute(1, 2, 0).numpy()


def _no_face(name, option, number, found=0):
    """What is said where there are not so many faces."""
    if found:
        return f"{name}: face {number} is asked for, {found} found; allowed: 1 .. {found}"
    return (
        f"{name}: no face found; name its square by hand ({option} LEFT,TOP,SIDE, or "
        f"{option} middle)"
    )
