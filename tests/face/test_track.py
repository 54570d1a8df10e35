r"""One face through a video. Oracles: paths that were put in, a network that cannot be wrong."""

import numpy as np
import pytest
import torch

from mfr.face import track
from mfr.face.finder import Face


def clip(xs, side=80.0):
    return [None if x is None else Face(x, 150.0, side, 0.0, 0.9) for x in xs]


def test_a_head_that_stays_has_one_square():
    rng = np.random.default_rng(0)
    found = clip(200 + rng.normal(0, 1, 40))
    way = track.steady(found, 2, 640, 360, 4.0)
    assert way.path is None and way.others == 2 and way.seen == 1
    assert abs(way.square.x - 200) <= 1 and way.square.side == 80


def test_one_wrong_guess_moves_nothing():
    found = clip([200.0] * 20)
    found[7] = Face(500, 300, 200, 0.0, 0.9)
    assert track.steady(found, 0, 640, 360, 4.0).path is None


def test_a_walk_is_followed_smoothly_and_inside_the_picture():
    xs = np.linspace(20, 620, 61)
    found = clip(xs)
    found[30] = None
    way = track.steady(found, 0, 640, 360, 4.0)
    left, top, side = way.path.T
    assert np.allclose((left + side / 2)[10:-10], xs[10:-10], atol=2)
    assert np.abs(np.diff(left[4:-4], 2)).max() < 1 and np.allclose(side, 80) and way.seen < 1
    assert left.min() >= 0 and (left + side).max() <= 640 and np.allclose(top, 110)


def test_a_face_that_is_never_seen_is_none():
    assert track.steady([None] * 5, 0, 640, 360, 4.0) is None


def test_squares_move_by_the_median_of_what_the_reconstruction_says():
    found = clip([100.0, 200.0, None, 300.0])
    exact = {
        0: Face(104.0, 142.0, 88.0),
        1: Face(204.0, 142.0, 88.0),
        3: Face(900.0, 900.0, 8.0),
    }
    moved = track.moved(found, exact)
    assert moved[2] is None
    assert [face.x for face in moved if face] == pytest.approx([104, 204, 304])
    assert moved[3][1:3] == pytest.approx((142, 88))
    assert track.moved(found, {}) == found


def test_following_keeps_its_scale_and_finds_again_what_was_lost(monkeypatch):
    truth = [(100, 80), (103, 80), None, (300, 80), (303, 80)]
    scales = []

    def find(net, picture):
        place = truth[picture]
        return [] if place is None else [Face(*place, 60.0), Face(500, 80, 30.0)]

    def again(net, picture, face):
        scales.append(face.side)
        place = truth[picture]
        near = place is not None and abs(place[0] - face.x) < 50
        return Face(*place, 66.0, 0.0, 0.9) if near else face._replace(score=0.1)

    monkeypatch.setattr(track, "find", find)
    monkeypatch.setattr(track, "look_again", again)
    found, others = track.follow(torch.nn.Identity(), range(5))
    assert [face and face.x for face in found] == [100, 103, None, 300, 303]
    assert others == 1 and set(scales) == {60.0}  # never the size of its own guess
