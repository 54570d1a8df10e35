r"""The square around the speaker. Oracle: a finder that knows where a drawn face is."""

import types

import numpy as np
import pytest

from mfr.face.finder import Face
from mfr.live import framing
from mfr.live.framing import EVERY, HeadSquare, middle_square


@pytest.fixture
def finder(monkeypatch):
    r"""In the place of mfr.face.finder: `there` is the face; refining moves it by a fixed share."""
    fake = types.ModuleType("mfr.face.finder")
    fake.FIRST, fake.there, fake.finds = 0.3, None, 0

    def find(net, picture):
        fake.finds += 1
        return [] if fake.there is None else [fake.there]

    def look_again(net, picture, face):
        return face._replace(score=0.0) if fake.there is None else fake.there

    fake.find, fake.look_again = find, look_again
    fake.refine = lambda net, picture, face: face._replace(y=face.y - 0.1 * face.side)
    monkeypatch.setattr(framing, "finder", fake)
    return fake


def scene(x, y, side):
    r"""A picture that is bright inside a square alone."""
    picture = np.zeros((240, 320, 3), np.uint8)
    top, left = int(y - side / 2), int(x - side / 2)
    picture[top : top + side, left : left + side] = 200
    return picture


def test_middle_is_the_largest_square():
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:, 40:280] = 9
    assert (middle_square(picture) == 9).all() and middle_square(picture).shape == (256, 256, 3)
    assert (HeadSquare(None, None)(np.full((256, 256, 3), 5, np.uint8)) == 5).all()


def test_a_face_fills_the_square_and_until_then_the_middle_is_shown(finder):
    square = HeadSquare(None, None)
    picture = scene(100, 110, 80)
    assert np.array_equal(square(picture), middle_square(picture))
    for _ in range(EVERY):
        square(picture)
    assert finder.finds == 2  # looked for, three times a second
    finder.there = Face(100, 118, 80)  # the square lies a tenth above what is found
    for _ in range(EVERY):
        shown = square(picture)
    assert shown.shape == (256, 256, 3) and (shown > 190).mean() > 0.95


def test_the_square_stays_while_the_head_moves_a_little(finder):
    square = HeadSquare(None, None)
    finder.there = Face(100, 118, 80)
    square(scene(100, 110, 80))
    before = square.square
    finder.there = Face(108, 116, 86)
    for _ in range(3 * EVERY):
        square(scene(100, 110, 80))
    assert square.square == before


def test_the_square_glides_after_who_walks(finder):
    square = HeadSquare(None, None)
    finder.there = Face(100, 118, 80)
    square(scene(100, 110, 80))
    finder.there = Face(200, 118, 80)
    ways = []
    for _ in range(8 * EVERY):
        square(scene(200, 110, 80))
        ways.append(square.square.x)
    steps = np.diff([100, *ways])
    assert max(steps) <= 100 * framing.GLIDE + 1e-6 and min(steps) >= 0  # no leap
    assert abs(ways[-1] - 200) < 2 and (square(scene(200, 110, 80)) > 190).mean() > 0.9


def test_a_face_that_goes_leaves_the_square_and_is_looked_for(finder):
    square = HeadSquare(None, None)
    finder.there = Face(100, 118, 80)
    square(scene(100, 110, 80))
    before, finder.there = square.square, None
    for _ in range(2 * EVERY):
        square(scene(100, 110, 80))
    assert square.square == before and finder.finds == 2
    square(np.zeros((120, 160, 3), np.uint8))  # another camera
    assert square.square is None
