r"""Coefficients and camera: coefficients.py, camera.py, arrays.py, matfile.py.

Oracles: the layout written out by hand, rotations of axes worked out by hand and matrix
exponentials, a pinhole camera in a scalar loop, Deep3DFaceRecon's resize-and-crop followed step by
step, statistics of all frames at once, scipy's reader and writer, gradcheck, and files damaged at
every kind of place.
"""

import os
import struct

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch

from mfr.face import matfile
from mfr.face.camera import (
    FRAME_PARAMS,
    crop_to_frame,
    frame_camera,
    project,
    rotation_matrix,
    to_frame_camera,
)
from mfr.face.coefficients import (
    ANGLE,
    COEFF_DIM,
    EXP,
    GAMMA,
    ID,
    MOTION_ANGLE,
    MOTION_DIM,
    MOTION_EXP,
    MOTION_TRANS,
    ORDERS,
    TEX,
    TRANS,
    Statistics,
    from_motion,
    load_mat,
    order_slices,
    reorder,
    save_mat,
    to_motion,
)
from mfr.face.matfile import read_mat

COUNT = np.arange(257.0)  # coefficient k holds k, so that a slice is read off


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---- slices and orders ----


def test_slices_are_deep3dfacerecons():
    assert [ID, EXP, TEX, ANGLE, GAMMA, TRANS] == [
        slice(0, 80),
        slice(80, 144),
        slice(144, 224),
        slice(224, 227),
        slice(227, 254),
        slice(254, 257),
    ]
    assert [MOTION_ANGLE, MOTION_EXP, MOTION_TRANS] == [slice(0, 3), slice(3, 67), slice(67, 70)]
    assert (COEFF_DIM, MOTION_DIM) == (257, 70)
    parts = order_slices("coeff")
    assert list(parts.values()) == [ID, EXP, TEX, ANGLE, GAMMA, TRANS]
    assert list(order_slices("motion").values()) == [MOTION_ANGLE, MOTION_EXP, MOTION_TRANS]


def test_motion_is_angle_exp_trans():
    expected = [224, 225, 226, *range(80, 144), 254, 255, 256]
    assert to_motion(COUNT).tolist() == expected
    batch = torch.arange(2 * 3 * 257.0).reshape(2, 3, 257)
    assert torch.equal(to_motion(batch), batch[..., expected])


def test_motion_goes_back_into_the_reference(rng):
    reference, other = rng.standard_normal((2, 5, 257))
    assert np.array_equal(from_motion(to_motion(reference), reference), reference)
    mixed = from_motion(to_motion(other), reference[0])  # one reference for all frames
    assert mixed.shape == (5, 257)
    assert np.array_equal(to_motion(mixed), to_motion(other))
    for part in (ID, TEX, GAMMA):
        assert np.array_equal(mixed[:, part], np.tile(reference[0, part], (5, 1)))
    before = reference.copy()
    from_motion(to_motion(other), reference)
    assert np.array_equal(reference, before)


def test_orders_of_others():
    crop = [900.0, 901.0, 902.0]
    angle, exp, trans = [224, 225, 226], list(range(80, 144)), [254, 255, 256]
    assert reorder(COUNT, "coeff", "vico", crop).tolist() == angle + exp + trans + crop
    assert reorder(COUNT, "coeff", "pirenderer", crop).tolist() == exp + angle + trans + crop
    vico = reorder(to_motion(COUNT), "motion", "vico", crop)
    assert reorder(vico, "vico", "pirenderer").tolist() == exp + angle + trans + crop
    assert reorder(vico, "vico", "motion").tolist() == to_motion(COUNT).tolist()


@pytest.mark.parametrize("source", ("motion", "vico", "pirenderer"))
@pytest.mark.parametrize("target", ("motion", "vico", "pirenderer"))
def test_orders_there_and_back_lose_nothing(rng, source, target):
    widths = {"motion": 70, "vico": 73, "pirenderer": 73}
    x = rng.standard_normal((2, 3, widths[source]))
    crop = x[..., -3:] if source != "motion" else rng.standard_normal((3, 3))
    there = reorder(x, source, target, crop)
    assert there.shape == (2, 3, widths[target])
    assert np.array_equal(reorder(there, target, source, crop), x)


def test_kinds_and_types_stay_what_they_were(rng):
    for dtype in (np.float32, np.float64):
        x = rng.standard_normal((3, 257)).astype(dtype)
        assert to_motion(x).dtype == dtype and isinstance(to_motion(x), np.ndarray)
        assert to_motion(torch.from_numpy(x)).dtype == torch.from_numpy(x).dtype
        assert from_motion(to_motion(x), x.astype(np.float32)).dtype == dtype
        assert rotation_matrix(x[:, ANGLE]).dtype == dtype
        assert to_frame_camera(x, FRAME_PARAMS).dtype == dtype
    assert to_motion(list(range(257))).dtype == np.float32


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: to_motion(np.zeros((5, 70))), r"vectors has shape \(5, 70\); .* \(..., 257\)"),
        (lambda: from_motion(np.zeros(73), COUNT), r"motion has shape \(73,\); .* \(..., 70\)"),
        (lambda: from_motion(np.zeros(70), np.zeros(70)), r"reference has shape \(70,\); .*257"),
        (lambda: reorder(np.zeros(70), "motion", "vico"), "motion has no crop, which vico needs"),
        (lambda: reorder(np.zeros(70), "motion", "coeff"), "has no id, tex, gamma, which coeff"),
        (lambda: reorder(np.zeros(70), "motion", "vico", [1, 2]), r"crop has shape \(2,\)"),
        (lambda: reorder(COUNT, "vico", "motion"), r"vectors has shape \(257,\); .* \(..., 73\)"),
        (lambda: reorder(COUNT, "dreamtalk", "motion"), "'dreamtalk' is unknown; allowed: coeff"),
        (lambda: reorder(COUNT, "coeff", "l2l"), "order 'l2l' is unknown; allowed: coeff, motion"),
        (lambda: rotation_matrix(np.zeros(2)), r"angle has shape \(2,\); allowed: \(..., 3\)"),
        (lambda: project(np.zeros((1, 2)), np.zeros(3), np.zeros(3)), r"points has shape \(1, 2\)"),
        (lambda: project(np.zeros((1, 3)), np.zeros(3), np.zeros(2)), r"trans has shape \(2,\)"),
        (lambda: crop_to_frame(np.zeros((1, 3)), FRAME_PARAMS), r"points has shape \(1, 3\)"),
        (lambda: crop_to_frame(np.zeros((1, 2)), np.ones(3)), r"transform_params has shape \(3,\)"),
        (lambda: frame_camera([256, 256, 0, 1, 1]), "transform_params hold .* 0.0; .* above 0"),
        (lambda: crop_to_frame(np.zeros((1, 2)), [9, 9, -1, 1, 1]), "hold the scale -1.0; allowed"),
        (lambda: to_frame_camera(np.zeros(2), FRAME_PARAMS), r"coeff has shape \(2,\); allowed"),
        (lambda: to_frame_camera(COUNT, np.zeros(3)), r"transform_params has shape \(3,\)"),
    ],
)
def test_wrong_shapes_are_refused_by_name_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- statistics ----


def test_stats_are_those_of_all_frames_at_once(rng):
    spread = np.diag(np.arange(1, 8))
    clips = [3 + 2 * rng.standard_normal((n, 7)) @ spread for n in (1, 2, 11, 101)]
    everything = np.concatenate(clips)
    for given in (clips, [everything], iter(clips), [*clips, np.zeros((0, 7))]):
        stats = Statistics.fit(given)
        assert np.allclose(stats.mean, everything.mean(axis=0), rtol=1e-6)
        assert np.allclose(stats.std, everything.std(axis=0), rtol=1e-6)


def test_stats_of_values_far_from_zero_do_not_cancel(rng):
    x = 1e6 + rng.standard_normal((1000, 2))
    assert np.allclose(Statistics.fit([x[:333], x[333:]]).std, x.std(axis=0), rtol=1e-6)


def test_stats_normalise_to_unit_variance_and_back(rng):
    x = rng.standard_normal((50, 5)) * [1, 10, 0.1, 3, 0.02] + 7
    stats = Statistics.fit([x])
    z = stats.normalise(x)
    assert np.allclose(z.mean(axis=0), 0, atol=1e-4) and np.allclose(z.std(axis=0), 1, rtol=1e-5)
    assert np.allclose(stats.denormalise(z), x, rtol=1e-9)
    assert torch.is_tensor(stats.normalise(torch.zeros(2, 3, 5)))
    # by hand
    stats = Statistics([1.0, 2.0], [2.0, 4.0])
    assert stats.normalise(np.array([5.0, 0.0])).tolist() == [2.0, -0.5]
    assert stats.denormalise(np.array([2.0, -0.5])).tolist() == [5.0, 0.0]
    assert stats.normalise(np.array([5, 0])).tolist() == [2.0, -0.5]


def test_stats_of_a_dead_column_do_not_blow_up_rounding_noise():
    x = np.full((50, 2), 0.1) + np.random.default_rng(0).standard_normal((50, 2)) * [1, 1e-7]
    stats = Statistics.fit([x])
    assert stats.std[1] == np.float32(1e-3)
    assert np.abs(stats.normalise(x)[:, 1]).max() < 1e-3
    assert np.isfinite(Statistics.fit([x[:1]]).normalise(x)).all()


def test_stats_live_in_the_state_dict_and_in_a_plain_dict(rng):
    stats = Statistics.fit([rng.standard_normal((11, 3))])
    empty = Statistics(torch.zeros(3), torch.ones(3))
    empty.load_state_dict(stats.state_dict())
    copy = Statistics.from_dict(stats.to_dict())
    for other in (empty, copy):
        assert torch.equal(other.mean, stats.mean) and torch.equal(other.std, stats.std)
    assert set(stats.to_dict()) == {"mean", "std"} and not list(stats.parameters())
    stats.to_dict()["mean"].zero_()
    assert not torch.equal(stats.mean, torch.zeros(3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Statistics.fit([]), "clips hold 0 frames; at least 1 is needed"),
        (lambda: Statistics.fit([np.zeros((0, 3))]), "clips hold 0 frames"),
        (lambda: Statistics.fit([np.zeros(3)]), r"clip 0 has shape \(3,\); allowed: \(L, D\)"),
        (
            lambda: Statistics.fit([np.zeros((2, 3)), np.zeros((2, 4))]),
            r"clip 1 has shape \(2, 4\); allowed: \(L, 3\)",
        ),
        (lambda: Statistics.fit([np.ones((2, 3)), np.full((2, 3), np.nan)]), "clip 1 holds nan"),
        (lambda: Statistics(torch.zeros(3), torch.ones(2)), r"mean \(3,\) and std \(2,\); allowed"),
        (lambda: Statistics([float("inf")], [1.0]), "mean holds inf; allowed: finite"),
        (lambda: Statistics([0.0], [float("nan")]), "std holds nan; allowed: finite"),
        (lambda: Statistics([0.0], [-0.5]), "std holds -0.5; allowed: at least 0"),
        (lambda: Statistics.from_dict({"mean": [0.0]}), r"hold \['mean'\]; 'std' is missing"),
        (lambda: Statistics([0.0], [1.0]).normalise(np.zeros(3)), r"x has shape \(3,\); .* 1\)"),
        (lambda: Statistics([0.0], [1.0]).denormalise(np.zeros(3)), r"z has shape \(3,\); .* 1\)"),
    ],
)
def test_bad_stats_are_refused_by_name_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- rotation and camera ----

NOSE, TOP, RIGHT = np.eye(3)[[2, 1, 0]]  # of a face that looks at the camera; image right


def turned(point, pitch=0.0, yaw=0.0, roll=0.0):
    return point @ rotation_matrix(np.array([pitch, yaw, roll])).T


@pytest.mark.equation("rotation_matrix")
def test_rotation_signs_are_those_of_the_image():
    assert np.allclose(turned(NOSE, pitch=0.3), [0, -np.sin(0.3), np.cos(0.3)])  # nose down
    assert np.allclose(turned(NOSE, yaw=0.3), [np.sin(0.3), 0, np.cos(0.3)])  # nose to the right
    assert np.allclose(turned(RIGHT, roll=0.3), [np.cos(0.3), np.sin(0.3), 0])  # right eye up
    assert np.allclose(turned(RIGHT, yaw=0.3), [np.cos(0.3), 0, -np.sin(0.3)])  # and back
    assert np.allclose(turned(TOP, pitch=0.3), [0, np.cos(0.3), np.sin(0.3)])  # brow to the front
    assert np.allclose(turned(TOP, roll=0.3), [-np.sin(0.3), np.cos(0.3), 0])
    assert np.allclose(turned(RIGHT, pitch=0.3), RIGHT)
    assert np.allclose(turned(TOP, yaw=0.3), TOP)
    assert np.allclose(turned(NOSE, roll=0.3), NOSE)


@pytest.mark.equation("rotation_matrix")
def test_rotation_order_is_roll_after_yaw_after_pitch(rng):
    def generator(axis):  # of rotations about an axis: x -> axis x x
        x, y, z = np.eye(3)[axis]
        return torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)

    angles = rng.uniform(-3, 3, (2, 5, 3))
    found = rotation_matrix(angles)
    assert found.shape == (2, 5, 3, 3)
    for index in np.ndindex(2, 5):
        x, y, z = (torch.matrix_exp(generator(i) * a) for i, a in enumerate(angles[index]))
        assert np.allclose(found[index], z @ y @ x, rtol=1e-9, atol=1e-12)
    # 90 degrees down, then 90 to the right: the nose, already down, stays down
    assert np.allclose(turned(NOSE, pitch=np.pi / 2, yaw=np.pi / 2), [0, -1, 0], atol=1e-12)


@pytest.mark.equation("rotation_matrix")
def test_rotation_keeps_lengths_and_handedness(rng):
    r = rotation_matrix(rng.uniform(-9, 9, (11, 3)))
    assert np.allclose(r @ r.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    assert np.allclose(np.linalg.det(r), 1, rtol=1e-12)


def test_projection_is_the_pinhole_camera(rng):
    points, angle = rng.uniform(-1, 1, (2, 7, 3)), rng.uniform(-0.5, 0.5, (2, 3))
    trans = rng.uniform(-0.5, 0.5, (2, 3))
    found = project(points, angle, trans, focal=700.0, centre=(100.0, 130.0))
    for b in range(2):
        r = rotation_matrix(angle[b])
        for n in range(7):
            x, y, z = (
                sum(r[i, j] * points[b, n, j] for j in range(3)) + trans[b, i] for i in range(3)
            )
            depth = 10 - z
            expected = [700 * x / depth + 100, 700 * y / depth + 130, depth]
            assert np.allclose(found[b, n], expected, rtol=1e-9)


def test_projection_by_default_is_the_224_crop():
    points = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]], dtype=np.float64)
    at = project(points, np.zeros((1, 3)), np.zeros((1, 3)))[0]
    assert at[0].tolist() == [112, 112, 10]
    assert at[1].tolist() == [213.5, 112, 10] and at[2].tolist() == [112, 213.5, 10]
    assert at[3].tolist() == [112, 112, 9]
    nearer = project(points, np.zeros((1, 3)), np.array([[0, 0, 1.0]]))[0]
    assert nearer[1, 0] > at[1, 0]  # trans z + comes nearer and larger


def test_gradients_of_rotation_projection_and_frame_camera(rng):
    def leaf(*shape):
        values = torch.from_numpy(rng.uniform(-0.5, 0.5, shape))
        return values.requires_grad_()

    assert torch.autograd.gradcheck(rotation_matrix, leaf(2, 3))
    assert torch.autograd.gradcheck(project, (leaf(2, 5, 3), leaf(2, 3), leaf(2, 3)))
    params = torch.tensor([300.0, 200.0, 0.9, 140.0, 90.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: to_frame_camera(x, params), leaf(2, 70))
    assert torch.autograd.gradcheck(lambda x: crop_to_frame(x, params), leaf(5, 2))
    reference = leaf(257)
    assert torch.autograd.gradcheck(from_motion, (leaf(2, 70), reference))


def test_crop_to_frame_follows_deep3dfacerecons_resize_and_crop(rng):
    # the picture is scaled by s, then cut at (left, up); rows count downwards there, v upwards here
    for w0, h0, s, tx, ty in (
        (256, 256, 1.0, 128, 128),
        (640, 480, 0.7, 300, 200),
        (256, 256, 1.07, 167.1, 122.5),
    ):
        left = w0 * s / 2 - 112 + (tx - w0 / 2) * s
        up = h0 * s / 2 - 112 + (h0 / 2 - ty) * s
        for column, row in rng.uniform(0, 224, (5, 2)):
            original = ((column + left) / s, (row + up) / s)
            u, v = crop_to_frame(np.array([[column, 224 - row]]), [w0, h0, s, tx, ty])[0]
            assert np.allclose([u, h0 - v], original, rtol=1e-9)


def test_crop_to_frame_of_a_clip_uses_each_frames_own_params(rng):
    points, params = rng.uniform(0, 224, (3, 5, 2)), rng.uniform(50, 300, (3, 5))
    together = crop_to_frame(points, params)
    for i in range(3):
        assert np.allclose(together[i], crop_to_frame(points[i], params[i]), rtol=1e-12)


def test_frame_camera_sees_what_the_crop_saw(rng):
    # a picture of 640x480 is scaled by 256/480 and loses 64/... pixels at either side
    params = np.array([640.0, 480.0, 0.7, 300.0, 200.0])
    points, angle = rng.uniform(-1, 1, (1, 7, 3)), rng.uniform(-0.5, 0.5, (1, 3))
    trans = np.array([[0.02, -0.01, 0.3]])
    original = crop_to_frame(project(points, angle, trans)[..., :2], params)
    grow = 256 / 480
    expected = (original - [320, 240]) * grow + 128
    focal, centre = frame_camera(params)
    found = project(points, angle, trans, focal=float(focal), centre=centre)
    assert np.allclose(found[..., :2], expected, rtol=1e-9)


def test_frame_camera_of_our_own_frames_changes_nothing(rng):
    coeff = rng.standard_normal((3, 257))
    assert np.allclose(to_frame_camera(coeff, FRAME_PARAMS), coeff, rtol=1e-12, atol=1e-12)
    focal, centre = frame_camera(np.array(FRAME_PARAMS))
    assert focal == 1015 and centre.tolist() == [128, 128]
    assert FRAME_PARAMS == (256, 256, 1, 128, 128)


def test_frame_camera_trans_shows_the_same_picture(rng):
    for params in (
        [256, 256, 1.07, 140.0, 122.0],
        [512, 512, 0.45, 240.0, 270.0],
        [640, 480, 0.8, 330.0, 250.0],
    ):
        coeff = 0.1 * rng.standard_normal((1, 257))
        moved = to_frame_camera(coeff, params)
        assert np.array_equal(moved[:, :254], coeff[:, :254])
        focal, centre = frame_camera(np.array(params))
        face = rng.uniform(-1, 1, (1, 101, 3)) * [0.8, 1, 0]  # through the head's middle
        both = [
            project(face, np.zeros((1, 3)), coeff[:, TRANS], float(focal), centre),
            project(face, np.zeros((1, 3)), moved[:, TRANS], centre=(128, 128)),
        ]
        assert np.allclose(both[0][..., :2], both[1][..., :2], rtol=1e-9)
        face[..., 2] = 0.5  # before it: parallax, to first order nothing
        both = [
            project(face, np.zeros((1, 3)), coeff[:, TRANS], float(focal), centre),
            project(face, np.zeros((1, 3)), moved[:, TRANS], centre=(128, 128)),
        ]
        assert np.abs(both[0][..., :2] - both[1][..., :2]).max() < 4
    motion = to_motion(coeff)
    assert np.array_equal(to_frame_camera(motion, params), to_motion(moved))


# ---- .mat files ----


def write(folder, **content):
    scipy.io.savemat(folder / "a.mat", content)
    return folder / "a.mat"


def test_mat_round_trip_is_exact(tmp_path, rng):
    coeff = rng.standard_normal((7, 257)).astype(np.float32)
    params = rng.uniform(1, 300, (7, 5)).astype(np.float32)
    save_mat(tmp_path / "new" / "a.mat", coeff, params)
    found, found_params = load_mat(tmp_path / "new" / "a.mat")
    assert np.array_equal(found, coeff) and np.array_equal(found_params, params)
    assert found.dtype == found_params.dtype == np.float32
    assert os.listdir(tmp_path / "new") == ["a.mat"]


def test_mat_is_what_vico_and_pirenderer_index(tmp_path):
    save_mat(tmp_path / "a.mat", np.tile(COUNT, (3, 1)), [512, 384, 0.9, 250, 190])
    content = scipy.io.loadmat(tmp_path / "a.mat")
    coeff, params = content["coeff"], content["transform_params"]
    assert coeff.shape == (3, 257) and params.shape == (3, 5)
    # the baseline: parts by number, and the last three of transform_params
    moving = [coeff[:, 224:227], coeff[:, 80:144], coeff[:, 254:257]]
    vico = np.concatenate([*moving, params[:, -3:]], 1)
    assert np.array_equal(vico, reorder(coeff, "coeff", "vico", params[:, 2:]))
    # PIRenderer: width and height dropped, 260 numbers a frame as raw float32
    _, _, scale, tx, ty = np.hsplit(params, 5)
    raw = np.concatenate([coeff, scale, tx, ty], 1).tobytes()
    stored = np.frombuffer(raw, np.float32).reshape(3, 260)
    assert np.array_equal(stored[0, :257], COUNT)
    assert np.allclose(stored[:, 257:], [0.9, 250, 190])


def test_mat_without_params_gets_those_of_our_frames(tmp_path, rng):
    save_mat(tmp_path / "a.mat", rng.standard_normal((2, 257)))
    assert load_mat(tmp_path / "a.mat")[1].tolist() == [list(FRAME_PARAMS)] * 2


def test_mat_of_one_picture_is_read_from_its_parts(tmp_path):
    parts = {name: COUNT[None, place] for name, place in order_slices("coeff").items()}
    coeff, params = load_mat(write(tmp_path, **parts, lm68=np.zeros((1, 68, 2))))
    assert coeff.tolist() == [COUNT.tolist()] and coeff.dtype == np.float32
    assert params is None


def test_mat_without_transform_params_is_read(tmp_path):
    coeff, params = load_mat(write(tmp_path, coeff=np.tile(COUNT, (5, 1))))
    assert coeff.shape == (5, 257) and params is None
    assert load_mat(write(tmp_path, coeff=COUNT.astype(np.int16)))[0].shape == (1, 257)


def test_mat_is_written_whole_or_not_at_all(tmp_path, rng, monkeypatch):
    coeff = rng.standard_normal((3, 257))
    save_mat(tmp_path / "a.mat", coeff)
    before = (tmp_path / "a.mat").read_bytes()

    def full_disk(file, *rest, **more):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(scipy.io, "savemat", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_mat(tmp_path / "a.mat", 2 * coeff)
    assert (tmp_path / "a.mat").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.mat"]


GOOD = np.zeros((3, 257))
BAD_CONTENT = [
    ({"coef": GOOD}, "a.mat: holds coef; needed: coeff, or all of id, exp, tex, angle, gamma"),
    ({"id": np.zeros((1, 80)), "exp": np.zeros((1, 64))}, "a.mat: holds id, exp; needed: coeff"),
    ({"coeff": np.zeros((3, 260))}, r"a.mat: coeff is \(3, 260\); allowed: \(L, 257\) with L >= 1"),
    ({"coeff": np.zeros((0, 257))}, r"a.mat: coeff is \(0, 257\); allowed"),
    ({"coeff": np.zeros((2, 3, 257))}, r"a.mat: coeff is \(2, 3, 257\); allowed"),
    ({"coeff": GOOD + [[0], [np.nan], [0]]}, "a.mat: coeff holds nan in frame 1; allowed: finite"),
    ({"coeff": GOOD + [[0], [0], [-np.inf]]}, "a.mat: coeff holds -inf in frame 2; allowed"),
    ({"coeff": GOOD.astype(complex) + 1j}, "a.mat: coeff holds complex numbers; allowed: real"),
    ({"coeff": "text"}, "a.mat: coeff holds text; allowed: real numbers"),
    ({"coeff": np.array([{"a": 1}, "b"], object)}, "a.mat: coeff holds a cell; allowed: real"),
    ({"coeff": {"id": 1.0}}, "a.mat: coeff holds a struct; allowed: real numbers"),
    ({"coeff": scipy.sparse.csc_array(GOOD)}, "a.mat: coeff holds a sparse matrix; allowed: real"),
    ({"coeff": GOOD, "transform_params": np.ones((3, 3))}, r"transform_params is \(3, 3\); .*5\)"),
    ({"coeff": GOOD, "transform_params": np.ones((2, 5))}, "has 2 frames, coeff 3; allowed: equal"),
    ({"coeff": GOOD, "transform_params": np.full((3, 5), np.inf)}, "params holds inf in frame 0"),
    (
        {
            name: np.zeros((2 if name == "exp" else 1, width))
            for name, width in zip(ORDERS["coeff"], (80, 64, 80, 3, 27, 3), strict=True)
        },
        r"a.mat: its parts have \[1, 2, 1, 1, 1, 1\] frames; allowed: one number",
    ),
]


@pytest.mark.parametrize("content, message", BAD_CONTENT)
def test_mat_with_wrong_content_is_refused_by_name_value_and_what_is_allowed(
    tmp_path, content, message
):
    with pytest.raises(ValueError, match=message):
        load_mat(write(tmp_path, **content))


def test_mat_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="coefficients .*b.mat: no such file"):
        load_mat(tmp_path / "b.mat")
    with pytest.raises(ValueError, match="is a folder"):
        load_mat(tmp_path)
    path = tmp_path / "b.mat"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="b.mat: is empty"):
        load_mat(path)
    for content in (b"not a mat file", b"\x89PNG\r\n" * 40, b"\0" * 300):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="b.mat: is not a MATLAB file; allowed: .* version 5"):
            load_mat(path)
    save_mat(path, np.ones((5, 257)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(ValueError, match=r"damaged or cut short \(\d+ bytes announced, \d+ there"):
        load_mat(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF" + b"\0" * 500)
    with pytest.raises(ValueError, match="b.mat: is a MATLAB 7.3 file; allowed: version 5"):
        load_mat(path)


@pytest.mark.parametrize("compress", (False, True))
def test_mat_damaged_anywhere_is_read_whole_or_refused(tmp_path, rng, compress):
    path = tmp_path / "a.mat"
    content = {"coeff": rng.standard_normal((2, 257)), "transform_params": np.ones((2, 5))}
    scipy.io.savemat(path, content, do_compression=compress)
    good = path.read_bytes()
    damaged = [good[:n] for n in range(1, len(good), 97)]  # cut short
    for place in [*range(124, 200), *rng.integers(200, len(good), 60)]:
        damaged.append(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            coeff, params = load_mat(path)
        except ValueError as error:
            assert "a.mat: " in str(error)
            refused += 1
        else:  # a number changed, or a name or comment that does not matter
            assert coeff.shape == (2, 257) and np.isfinite(coeff).all()
            assert params is None or params.shape == (2, 5)
    assert refused > len(damaged) / 3


def test_mat_reader_reads_what_scipy_writes(tmp_path, rng):
    content = {
        f"{kind}_{'x'.join(map(str, shape))}": (100 * rng.standard_normal(shape)).astype(kind)
        for kind in ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
        for shape in ((1, 1), (2, 3), (7, 5), (2, 3, 5), (0, 4))
    }
    for compress in (False, True):
        scipy.io.savemat(tmp_path / "a.mat", {**content, "word": "x"}, do_compression=compress)
        found = read_mat(tmp_path / "a.mat")
        assert found.pop("word") == "text"
        assert found.keys() == content.keys()
        for name, values in content.items():
            assert found[name].dtype == values.dtype and np.array_equal(found[name], values), name


def test_mat_reader_reads_the_other_byte_order(tmp_path):
    def element(kind, content):  # by hand, as a big-endian machine writes it
        padding = -len(content) % 8
        return struct.pack(">II", kind, len(content)) + content + b"\0" * padding

    numbers = np.array([[1.5, -2.0], [3.0, 4.25], [0.0, 9.0]])
    matrix = (
        element(6, struct.pack(">II", 6, 0))
        + element(5, struct.pack(">ii", 3, 2))
        + struct.pack(">HH", 1, 1)
        + b"x\0\0\0"  # a small element: length, type, up to 4 bytes
        + element(9, numbers.T.astype(">f8").tobytes())
    )
    header = b"by hand".ljust(124) + struct.pack(">H", 0x100) + b"MI"
    (tmp_path / "a.mat").write_bytes(header + element(14, matrix))
    assert np.array_equal(read_mat(tmp_path / "a.mat")["x"], numbers)


def test_mat_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(matfile, "LARGEST", 10_000)
    save_mat(tmp_path / "a.mat", np.zeros((100, 257)))
    assert os.path.getsize(tmp_path / "a.mat") < 2000
    with pytest.raises(ValueError, match="a.mat: is damaged .* larger than 10000 bytes"):
        load_mat(tmp_path / "a.mat")


@pytest.mark.parametrize(
    "coeff, params, message",
    [
        (np.zeros((3, 70)), None, r"a.mat: coeff is \(3, 70\); allowed: \(L, 257\)"),
        (np.zeros(257), None, r"a.mat: coeff is \(257,\); allowed"),
        (np.zeros((0, 257)), None, r"a.mat: coeff is \(0, 257\); allowed"),
        (GOOD * np.nan, None, "a.mat: coeff holds nan in frame 0"),
        (GOOD, np.zeros((3, 4)), r"a.mat: transform_params is \(3, 4\); allowed: \(L, 5\)"),
        (GOOD, np.zeros((2, 5)), "a.mat: transform_params has 2 frames, coeff 3; allowed: equal"),
        (GOOD, [np.nan] * 5, "a.mat: transform_params holds nan in frame 0"),
    ],
)
def test_mat_is_not_written_with_wrong_content(tmp_path, coeff, params, message):
    with pytest.raises(ValueError, match=message):
        save_mat(tmp_path / "a.mat", coeff, params)
    assert not os.listdir(tmp_path)
