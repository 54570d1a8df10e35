r"""Oracles: Deep3DFaceRecon's projection written out once more with numpy, plain linear algebra,
and what each name of an expression promises, measured on the landmarks."""

import json

import numpy as np
import pytest
import torch

from data_tools.synthetic.people.calm import calm, features
from data_tools.synthetic.people.face_model import (
    EXPRESSIONS,
    FaceModel,
    Person,
    project,
    rotation,
    sample_person,
    to_world,
)
from data_tools.synthetic.people.person import Appearance
from data_tools.synthetic.picture.rasterizer import landmarks

NOSE, CHIN = 30, 8
LEFT_CORNER, RIGHT_CORNER = 48, 54
EYE_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))  # upper and lower lid


@pytest.fixture(scope="module")
def model():
    return FaceModel()


@pytest.fixture(scope="module")
def model64():
    return FaceModel(dtype=torch.float64)


def coefficients(**changes):
    row = torch.zeros(1, 257, dtype=torch.float64)
    for name, value in changes.items():
        places = {"pitch": 224, "yaw": 225, "roll": 226, "x": 254, "y": 255, "z": 256}
        row[0, 80 + EXPRESSIONS[name] if name in EXPRESSIONS else places[name]] = value
    return row


def places(model, **changes):
    return landmarks(model, coefficients(**changes))[0]


def test_shape_is_linear_in_id_and_exp(model64):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 3, 257, generator=generator, dtype=torch.float64)
    zero = model64.shape(torch.zeros(1, 257))
    mixed = model64.shape(0.3 * a - 1.7 * b) - zero
    parts = 0.3 * (model64.shape(a) - zero) - 1.7 * (model64.shape(b) - zero)
    torch.testing.assert_close(mixed, parts, rtol=1e-9, atol=1e-9)


def test_shape_is_mean_plus_both_bases(model64):
    row = torch.randn(1, 257, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = model64.mean + model64.id_basis @ row[0, :80] + model64.exp_basis @ row[0, 80:144]
    torch.testing.assert_close(model64.shape(row)[0], expected, rtol=1e-9, atol=1e-9)


def test_albedo_is_linear_in_tex(model):
    a, b = torch.randn(2, 80, generator=torch.Generator().manual_seed(2))
    zero = model.albedo(torch.zeros(80))
    parts = 0.5 * (model.albedo(a) - zero) + 2 * (model.albedo(b) - zero)
    torch.testing.assert_close(model.albedo(0.5 * a + 2 * b) - zero, parts, rtol=1e-4, atol=1e-5)


def test_every_coefficient_of_shape_and_albedo_does_something(model):
    assert (model.basis.abs().amax((0, 1)) > 1e-4).all()
    zero = model.albedo(torch.zeros(80))
    for k in range(80):
        assert (model.albedo(torch.eye(80)[k]) - zero).abs().max() > 1e-4, k


def test_rotation_and_camera_are_deep3d(model64):
    row = coefficients(pitch=0.3, yaw=-0.2, roll=0.1, x=0.07, y=-0.05, z=0.4)
    points = model64.shape(row)[0].numpy()
    x, y, z = 0.3, -0.2, 0.1
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    turned = points @ (np.array(about_z) @ about_y @ about_x).T + [0.07, -0.05, 0.4]
    camera = np.stack([turned[:, 0], turned[:, 1], 10 - turned[:, 2]], 1)
    matrix = np.array([[1015, 0, 112], [0, 1015, 112], [0, 0, 1]])  # of the 224 crop, v upwards
    uv = camera @ matrix.T
    uv = uv[:, :2] / uv[:, 2:]
    frame = np.stack([uv[:, 0] + 16, 224 - uv[:, 1] + 16], 1)  # the crop's place in the 256 frame
    ours = project(to_world(model64.shape(row), row))[0]
    np.testing.assert_allclose(ours[:, :2].numpy(), frame, rtol=1e-9)
    np.testing.assert_allclose(ours[:, 2].numpy(), camera[:, 2], rtol=1e-9)


def test_rotation_is_orthogonal():
    angle = torch.randn(7, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    matrix = rotation(angle)
    eye = torch.eye(3, dtype=torch.float64).expand(7, 3, 3)
    torch.testing.assert_close(matrix @ matrix.transpose(1, 2), eye, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(7, dtype=torch.float64))


def test_projection_scales_with_the_frame():
    world = torch.randn(11, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    torch.testing.assert_close(project(world, 64)[:, :2] * 4, project(world, 256)[:, :2])


def test_angle_signs(model64):
    rest = places(model64)
    assert places(model64, pitch=0.2)[NOSE, 1] > rest[NOSE, 1] + 5  # nose down
    assert places(model64, yaw=0.2)[NOSE, 0] > rest[NOSE, 0] + 5  # nose to the image's right
    rolled = places(model64, roll=0.2)
    assert rolled[45, 1] < rolled[36, 1] - 5  # eye line rises to the right


def test_translation_signs(model64):
    rest = places(model64)
    assert (places(model64, x=0.1) > rest)[:, 0].all()
    assert (places(model64, y=0.1) < rest)[:, 1].all()
    near = places(model64, z=0.5)
    assert (near[16, 0] - near[0, 0]) > (rest[16, 0] - rest[0, 0])


def test_face_is_where_deep3d_expects_it(model64):
    rest = places(model64)
    eyes = (rest[36:42].mean(0) + rest[42:48].mean(0)) / 2
    assert abs(eyes[0] - 128) < 0.5 and 105 < eyes[1] < 125
    assert 55 < rest[42:48, 0].mean() - rest[36:42, 0].mean() < 68
    assert 210 < rest[CHIN, 1] < 235


def test_landmarks_follow_the_ibug_order(model64):
    rest = places(model64)
    assert (rest[0:17, 0].diff() > 0).all() and rest[0:17, 1].argmax() == CHIN
    assert (rest[17:27, 0].diff() > 0).all()
    assert (rest[27:31, 1].diff() > 0).all() and (rest[31:36, 0].diff() > 0).all()
    assert rest[36, 0] < rest[39, 0] < rest[42, 0] < rest[45, 0]
    assert (rest[48:55, 0].diff() > 0).all() and (rest[54:60, 0].diff() < 0).all()
    assert rest[51, 1] < rest[62, 1] < rest[57, 1] and rest[51, 1] < rest[66, 1] < rest[57, 1]
    assert abs(rest[62, 1] - rest[66, 1]) < 2  # the lips touch
    assert len(set(model64.landmark_index.tolist())) >= 66


def opening(points):
    return points[66, 1] - points[62, 1]


def test_jaw_open_lowers_the_chin_and_parts_the_lips(model64):
    rest, moved = places(model64), places(model64, jaw_open=1)
    assert moved[CHIN, 1] > rest[CHIN, 1] + 12
    assert opening(moved) > opening(rest) + 15
    assert (moved[36:48] - rest[36:48]).abs().max() < 0.5


def test_smile_widens_and_raises_the_corners(model64):
    rest, moved = places(model64), places(model64, smile=1)
    assert moved[RIGHT_CORNER, 0] > rest[RIGHT_CORNER, 0] + 3
    assert moved[LEFT_CORNER, 0] < rest[LEFT_CORNER, 0] - 3
    assert (moved[[48, 54], 1] < rest[[48, 54], 1] - 3).all()


def test_lip_corner_down_lowers_the_corners(model64):
    assert (places(model64, lip_corner_down=1) > places(model64) + 3)[[48, 54], 1].all()


def test_brow_raise_and_lower(model64):
    rest = places(model64)
    assert (places(model64, brow_raise=1)[17:27, 1] < rest[17:27, 1] - 2).all()
    frown = places(model64, brow_lower=1)
    assert (frown[[21, 22], 1] > rest[[21, 22], 1] + 3).all()
    assert frown[22, 0] - frown[21, 0] < rest[22, 0] - rest[21, 0] - 2


def test_lids_close_brings_the_lids_together(model64):
    rest, shut = places(model64), places(model64, lids_close=1)
    for upper, lower in EYE_PAIRS:
        assert rest[lower, 1] - rest[upper, 1] > 6
        assert abs(shut[lower, 1] - shut[upper, 1]) < 0.8


def test_lip_round_narrows_and_lip_press_thins(model64):
    rest = places(model64)
    narrow = places(model64, lip_round=1)
    assert narrow[54, 0] - narrow[48, 0] < rest[54, 0] - rest[48, 0] - 8
    pressed = places(model64, lip_press=1)
    assert pressed[57, 1] - pressed[51, 1] < 0.8 * (rest[57, 1] - rest[51, 1])


def test_upper_lip_raise_and_cheek_raise_go_up(model64):
    rest = places(model64)
    assert places(model64, upper_lip_raise=1)[51, 1] < rest[51, 1] - 2
    assert places(model64, cheek_raise=1)[[41, 46], 1].sum() < rest[[41, 46], 1].sum()


@pytest.mark.parametrize("name, axis", [("gaze_x", 0), ("gaze_y", 1)])
def test_gaze_turns_the_pupils_by_25_degrees(model64, name, axis):
    for block, first in zip(model64.blocks[1:4:2], block_starts(model64)[1:4:2]):
        pupil = first + int(block.xyz[:, 2].argmax())
        shapes = [model64.shape(coefficients(**{name: v}))[0, pupil, axis] for v in (0.0, 1.0)]
        # linear in the coefficient: the radius 0.125 times the angle in radians
        move = float(shapes[1] - shapes[0])
        assert move == pytest.approx(0.125 * np.deg2rad(25), rel=0.02)


def block_starts(model):
    return np.cumsum([0] + [len(block.xyz) for block in model.blocks])


def test_same_seed_same_person():
    one, two = (sample_person(np.random.default_rng(7)) for _ in range(2))
    for name in ("id", "tex", "gamma", "exp_neutral"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert one.appearance == two.appearance
    assert sample_person(np.random.default_rng(8)).appearance != one.appearance


def test_people_have_real_statistics():
    # real clips: id std 0.55 and tex std 0.90 within a coefficient, light 0.12, over 57 clips
    people = [sample_person(np.random.default_rng(seed)) for seed in range(200)]
    assert np.stack([p.id for p in people]).std(0).mean() == pytest.approx(0.6, abs=0.05)
    assert np.stack([p.tex for p in people]).std(0).mean() == pytest.approx(0.9, abs=0.06)
    assert 0.04 < np.stack([p.gamma for p in people]).std(0).mean() < 0.12


def test_appearance_survives_json():
    appearance = sample_person(np.random.default_rng(9)).appearance
    assert Appearance.from_dict(json.loads(json.dumps(appearance.to_dict()))) == appearance


def test_coefficients_hold_each_part_in_its_place():
    person = sample_person(np.random.default_rng(10))
    motion = np.random.default_rng(11).standard_normal((5, 70))
    rows = person.coefficients(motion)
    assert rows.shape == (5, 257) and rows.dtype == np.float32
    assert np.array_equal(rows[:, 224:227], motion[:, :3].astype(np.float32))
    assert np.array_equal(rows[:, 80:144], motion[:, 3:67].astype(np.float32))
    assert np.array_equal(rows[:, 254:257], motion[:, 67:].astype(np.float32))
    for name, part in (("id", slice(0, 80)), ("tex", slice(144, 224)), ("gamma", slice(227, 254))):
        assert np.array_equal(rows[2, part], getattr(person, name))


def test_coefficients_refuse_other_shapes():
    person = sample_person(np.random.default_rng(12))
    with pytest.raises(ValueError, match=r"\(3, 64\).*\(L, 70\)"):
        person.coefficients(np.zeros((3, 64)))
    assert isinstance(person, Person)


def test_faces_at_rest_rarely_mimic_an_expression(model):
    """Brows and mouth corners, on the landmarks of 200 people, beside shapes drawn freely."""

    def signs(identities, waves):
        rows = torch.zeros(len(identities), 257)
        rows[:, :80], rows[:, 92:144] = torch.tensor(identities), torch.tensor(waves)
        place = model.shape(rows)[:, model.landmark_index, 1].double().numpy()  # (N, 68) heights
        corners = place[:, [48, 54]].mean(1) - place[:, [62, 66]].mean(1)
        slant = place[:, [21, 22]].mean(1) - place[:, [17, 26]].mean(1)
        height = place[:, 17:27].mean(1) - place[:, 36:48].mean(1)
        return np.std([corners, slant, height], axis=1)

    rng = np.random.default_rng(0)
    free = 0.6 * rng.standard_normal((200, 80)), 0.08 * rng.standard_normal((200, 52))
    calmed = [calm(*pair) for pair in zip(*free)]
    calmed = [np.array(part) for part in zip(*calmed)]
    ratio = signs(*calmed) / signs(*free)
    assert (ratio < 0.6).all()
    rank = np.linalg.matrix_rank(features()[0], 1e-3)
    left = np.sqrt(1 - rank * (1 - 0.3**2) / 80)  # of 80 directions only these lose anything
    assert calmed[0].std() / free[0].std() == pytest.approx(left, abs=0.005)
    once, more = calm(*calm(free[0][0], free[1][0])), calm(free[0][0], free[1][0])
    seen = features()[0]
    np.testing.assert_allclose(seen[6] @ once[0], 0.3 * seen[6] @ more[0], atol=1e-6)
