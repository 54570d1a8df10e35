r"""One face through a video: a square that stands still, or goes along with a head that walks."""

import math
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from mfr.face.finder import FIRST, Face, find, look_again, settle

WALK = 0.12  # of the side: how far a middle may stray before the square goes along
RESCALED = 0.4  # octaves by which a size must change before it is looked at in another scale
SMOOTH = 0.4  # sd of the path's smoothing [s]


class Track(NamedTuple):
    r"""Where the face is; pixels of the pictures that were looked at."""

    square: Face  # all the time, or in the middle of the way
    path: np.ndarray  # (N, 3) left, top, side at every glance where the head walks; or None
    others: int  # faces besides
    seen: float  # share of the glances that showed it


def follow(net, pictures, number=1):
    r"""Find a face once, then look for it where it was.

    Args:
        net: FinderNet.
        pictures: iterable of uint8 (H, W, 3), in order.
        number: which face, 1 is the largest.

    Returns:
        (list of Face or None, one a picture; how many other faces there were).
    """
    found, face, others, scale = [], None, 0, 0.0
    for picture in pictures:
        if face is not None:
            # looked at in one scale: where it would follow its own guesses, the size would drift
            face = look_again(net, picture, face._replace(side=scale))
            face = face if face.score > FIRST else None
        if face is None:
            faces = find(net, picture)
            if len(faces) >= number:
                face, others = faces[number - 1], len(faces) - 1
        if face is not None and abs(math.log2(face.side / (scale or 1))) > RESCALED:
            scale = face.side
        found.append(face)
    return found, others


def moved(found, exact):
    r"""Move every square as some were moved by the reconstruction: by the median, in sides.

    Args:
        found: list of Face or None.
        exact: dict number -> Face, for some of them.

    Returns:
        List of Face or None.
    """
    if not exact:
        return found
    pairs = [(found[i], face) for i, face in exact.items()]
    moves = [((b.x - a.x) / a.side, (b.y - a.y) / a.side, b.side / a.side) for a, b in pairs]
    across, down, grow = np.median(moves, 0).tolist()
    return [
        face
        and face._replace(
            x=face.x + across * face.side, y=face.y + down * face.side, side=face.side * grow
        )
        for face in found
    ]


def steady(found, others, width, height, rate):
    r"""The square of a whole clip from a face's places.

    Args:
        found: list of Face or None.
        others: faces besides.
        width: of the pictures [pixels].
        height: [pixels].
        rate: pictures a second [1/s].

    Returns:
        Track, or None if the face was never seen.
    """
    known = np.array([i for i, face in enumerate(found) if face is not None])
    if not len(known):
        return None
    rows = np.array([(found[i].x, found[i].y, np.log2(found[i].side)) for i in known])
    moments = np.arange(len(found))
    rows = np.stack([np.interp(moments, known, column) for column in rows.T], 1)
    rows = median_filter(rows, (min(5, len(rows)), 1), mode="nearest")
    x, y, octaves = np.median(rows, 0)
    side = 2**octaves
    seen = len(known) / len(found)
    tilt = float(np.median([found[i].tilt for i in known]))
    square = settle(Face(x, y, side), width, height)._replace(tilt=tilt)
    strayed = np.hypot(rows[:, 0] - x, rows[:, 1] - y).max() / side
    if strayed < WALK and np.abs(rows[:, 2] - octaves).max() < 2 * WALK:
        return Track(square, None, others, seen)
    rows = gaussian_filter1d(rows, SMOOTH * rate, axis=0, mode="nearest")
    sides = np.minimum(2 ** rows[:, 2], min(width, height))
    left = np.clip(rows[:, 0] - sides / 2, 0, width - sides)
    top = np.clip(rows[:, 1] - sides / 2, 0, height - sides)
    return Track(square, np.stack([left, top, sides], 1), others, seen)
