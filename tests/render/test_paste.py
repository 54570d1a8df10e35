r"""The square back in its photograph. Oracles: the photograph itself, flat colours, the square's
outline."""

import numpy as np
import pytest

from mfr.face.finder import Face
from mfr.files import media
from mfr.render import paste


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (210, 330, 3), dtype=np.uint8)


SQUARE = Face(150.0, 110.0, 120)


def portrait_of(photo, square):
    half = square.side // 2
    x, y = int(square.x), int(square.y)
    part = photo[y - half : y + half, x - half : x + half]
    return media.middle(np.ascontiguousarray(part))


def test_standing_still_is_the_photograph_to_the_pixel(photo):
    portrait = portrait_of(photo, SQUARE)
    for frame in paste.into(photo, SQUARE, portrait, [portrait] * 2):
        assert np.abs(frame.astype(int) - photo).max() <= 1


@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_what_surrounds_the_square_stands_still_and_its_middle_moves(photo, tilt):
    square = SQUARE._replace(tilt=tilt)
    portrait = portrait_of(photo, SQUARE)
    flat = np.full((256, 256, 3), 200, np.uint8)
    flat[..., 2] = 10
    (frame,) = paste.into(photo, square, portrait, [flat])
    y, x = np.mgrid[:210, :330] + 0.5
    u = np.cos(tilt) * (x - square.x) - np.sin(tilt) * (y - square.y)
    v = np.sin(tilt) * (x - square.x) + np.cos(tilt) * (y - square.y)
    away = np.maximum(abs(u), abs(v))
    assert np.array_equal(frame[away > 60.8], photo[away > 60.8])
    deep = away < 60 * (1 - 2 * paste.FADE) - 2
    # detail of the photograph that the 256 pixels do not hold is lost where all changes
    assert np.median(np.abs(frame[deep].astype(int) - [200, 200, 10])) < 4


def test_the_border_fades_but_not_at_the_photographs_own_edge():
    photo = np.zeros((200, 300, 3), np.uint8)
    square = Face(150.0, 140.0, 120)  # its lower edge is the photograph's
    portrait, white = np.zeros((256, 256, 3), np.uint8), np.full((256, 256, 3), 255, np.uint8)
    (frame,) = paste.into(photo, square, portrait, [white])
    column, row = frame[80:, 150, 0].astype(int), frame[140, 90:210, 0].astype(int)
    assert column[0] < 10 and column[-1] > 245 and (np.diff(column) >= -1).all()
    assert row[0] < 10 and row[-1] < 10 and row[60] > 245
    assert np.diff(row).max() < 40  # no step that an eye would see as a line
