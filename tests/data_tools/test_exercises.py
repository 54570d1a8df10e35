r"""Oracles: counts over many poses in binomial bands, the way between two poses by hand."""

import numpy as np
import pytest

from data_tools.synthetic import dataset
from data_tools.synthetic.people.exercises import HOLD, TURN, exercises, pose
from data_tools.synthetic.people.expressions import EXPRESSIONS

REST = np.zeros(70)
LIDS, JAW, SMILE, BROWS = (
    3 + EXPRESSIONS[name] for name in ("lids_close", "jaw_open", "smile", "brow_raise")
)


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(5)
    return np.stack([pose(rng, REST) for _ in range(4000)])


@pytest.mark.parametrize(
    ("column", "above", "share"),
    [
        (LIDS, 0.75, 0.8 * 0.22),  # closed; the half closed reach 0.75
        (JAW, 0.5, 0.8 * 0.18 * 3 / 7),  # an open mouth is even in 0.1 .. 0.8
        (SMILE, 0.2, 0.8 * 0.28),  # a smile or a laugh
        (BROWS, 0.2, 0.8 * 0.25),
    ],
)
def test_every_part_moves_as_often_as_its_share(poses, column, above, share):
    found = (poses[:, column] > above).mean()
    slack = 4 * np.sqrt(share * (1 - share) / len(poses))
    assert abs(found - share) < slack + 0.01  # 0.01: the noise of 0.03 at the edge


def test_half_of_the_poses_turn_to_the_full_range(poses):
    for axis, most in enumerate(TURN):
        far = np.abs(poses[:, axis]) > most / 2
        assert 0.2 < far.mean() < 0.35  # half of the half that turns, and some of the others
        assert np.abs(poses[:, axis]).max() <= max(most, 0.25)


def test_one_pose_eases_into_the_next():
    motion = exercises(np.random.default_rng(3), REST, 2 * HOLD + 3)
    assert motion.shape == (2 * HOLD + 3, 70)
    np.testing.assert_array_equal(motion[0], REST)
    first, second = motion[HOLD], motion[2 * HOLD]
    assert np.abs(first - second).max() > 0.1
    np.testing.assert_allclose(motion[HOLD + HOLD // 2], (first + second) / 2, atol=1e-12)
    quarter = 0.25**2 * (3 - 0.5)
    there = first + quarter * (second - first)
    np.testing.assert_allclose(motion[HOLD + HOLD // 4], there, atol=1e-12)


def test_people_of_faces_exercise_and_nobody_answers():
    meeting = dataset.plan("faces", 2)[0]
    take = dataset.play(meeting, 2)
    for who in (take.speaker, take.listener):
        assert who.shape == (meeting.frames, 257)
        assert np.abs(np.diff(who[::HOLD, 225])).max() > 0.2  # yaw
    assert take.plan.acts == [] and dataset.truth(meeting, take)["responses"] == []
    assert (meeting.frames - 1) % HOLD == 0
    other = dataset.play(meeting, 2)
    np.testing.assert_array_equal(take.listener, other.listener)
