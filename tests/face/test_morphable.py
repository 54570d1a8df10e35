r"""Oracles: loops over points and triangles in float64, a sphere's own normals, Deep3DFaceRecon's
constants written out, the synthetic world's rasterizer, and a file written by hand."""

import numpy as np
import pytest
import torch

from mfr.face.coefficients import ANGLE, EXP, GAMMA, ID, TEX, TRANS
from mfr.face.matfile import write_mat
from mfr.face.morphable import (
    MorphableModel,
    colours,
    landmark_places,
    light,
    normals,
    read_model,
    shape,
)

V, F = 71, 13


@pytest.fixture
def content():
    rng = np.random.default_rng(0)
    return {
        "meanshape": rng.normal(size=(1, 3 * V)),
        "idBase": 0.1 * rng.normal(size=(3 * V, 80)),
        "exBase": 0.1 * rng.normal(size=(3 * V, 64)),
        "meantex": rng.uniform(50, 200, (1, 3 * V)),
        "texBase": rng.normal(size=(3 * V, 80)),
        "tri": rng.permuted(np.tile(np.arange(1, V + 1), (F, 1)), axis=1)[:, :3].astype(np.int32),
        "keypoints": rng.permutation(np.arange(1, V + 1))[None, :68].astype(np.int32),
    }


@pytest.fixture
def model(generator):
    """A small model of random numbers, in double precision."""
    draws = torch.randn(V, 3, 2 + 144 + 80, generator=generator, dtype=torch.float64)
    numbers = [torch.randperm(V, generator=generator) for _ in range(F + 1)]
    return MorphableModel(
        draws[..., 0],
        0.1 * draws[..., 2:146],
        draws[..., 1].sigmoid(),
        0.1 * draws[..., 146:],
        torch.stack([n[:3] for n in numbers[:F]]),
        numbers[F][:68],
    )


@pytest.fixture
def coefficients(generator):
    return 0.3 * torch.randn(5, 257, generator=generator, dtype=torch.float64)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    """The synthetic world's model, through the file, and the world's own."""
    from data_tools.synthetic.people.face_model import face_model
    from data_tools.synthetic.people.model_file import write_model

    path = tmp_path_factory.mktemp("model") / "face_model.mat"
    write_model(path)
    return read_model(path), face_model()


# ---- the file ----


def test_file_counts_from_1_to_255_and_is_moved_to_its_middle(content, tmp_path):
    write_mat(tmp_path / "m.mat", content)
    model = read_model(tmp_path / "m.mat")
    mean = content["meanshape"].reshape(V, 3)
    np.testing.assert_allclose(model.mean, mean - mean.mean(0), atol=1e-6)
    np.testing.assert_allclose(model.albedo, content["meantex"].reshape(V, 3) / 255, rtol=1e-6)
    for v, axis in ((0, 0), (3, 2), (V - 1, 1)):
        row = 3 * v + axis
        form = np.concatenate([content["idBase"][row], content["exBase"][row]])
        np.testing.assert_allclose(model.basis[v, axis], form, rtol=1e-6)
        np.testing.assert_allclose(
            model.albedo_basis[v, axis], content["texBase"][row] / 255, rtol=1e-5
        )
    assert model.triangles.tolist() == (content["tri"] - 1).tolist()
    assert model.landmarks.tolist() == (content["keypoints"][0] - 1).tolist()


def test_file_may_say_where_its_origin_is(content, tmp_path):
    write_mat(tmp_path / "m.mat", content | {"origin": np.array([[0.1, 0.2, -0.3]])})
    mean = content["meanshape"].reshape(V, 3) - [0.1, 0.2, -0.3]
    np.testing.assert_allclose(read_model(tmp_path / "m.mat").mean, mean, atol=1e-6)


def test_rows_may_lie_as_columns(content, tmp_path):
    write_mat(tmp_path / "a.mat", content)
    other = content | {name: content[name].T for name in ("meanshape", "meantex", "keypoints")}
    write_mat(tmp_path / "b.mat", other)
    for a, b in zip(read_model(tmp_path / "a.mat"), read_model(tmp_path / "b.mat")):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "name, value, said",
    [
        ("idBase", None, "has no numbers idBase"),
        (
            "exBase",
            np.zeros((3 * V, 29)),
            rf"exBase has shape \({3 * V}, 29\); allowed: \({3 * V}, 64",
        ),
        ("meantex", np.zeros((1, 3 * V + 3)), rf"meantex has shape \(1, {3 * V + 3}\)"),
        ("keypoints", np.ones((1, 67)), r"keypoints has shape \(1, 67\); allowed: \(68, 1\)"),
        ("keypoints", np.zeros((1, 68)), rf"keypoints names points 0.* allowed: 1 .. {V}"),
        ("tri", np.full((2, 3), V + 1), rf"tri names points {V + 1} .. {V + 1}; allowed: 1 .. {V}"),
        ("origin", np.zeros((1, 4)), r"origin has shape \(1, 4\); allowed: \(3, 1\)"),
        ("origin", "the nose", "has no numbers origin"),
        ("texBase", np.full((3 * V, 80), np.nan), "texBase holds a number that is not finite"),
    ],
)
def test_what_is_no_face_model_is_named(name, value, said, content, tmp_path):
    content[name] = value
    write_mat(tmp_path / "m.mat", {k: v for k, v in content.items() if v is not None})
    with pytest.raises(ValueError, match=said):
        read_model(tmp_path / "m.mat")
    with pytest.raises(ValueError, match=r"face model .*none.mat: no such file"):
        read_model(tmp_path / "none.mat")


# ---- places ----


def test_shape_matches_nested_loops(model, coefficients):
    found = shape(model, coefficients)
    for b, v, axis in ((0, 0, 0), (2, 17, 1), (4, V - 1, 2)):
        want = float(model.mean[v, axis])
        for k in range(144):  # id 0:80 and exp 80:144 are neighbours in the vector
            want += float(model.basis[v, axis, k] * coefficients[b, k])
        assert float(found[b, v, axis]) == pytest.approx(want, rel=1e-9)
    torch.testing.assert_close(
        shape(model, coefficients, model.landmarks), found[:, model.landmarks]
    )


def test_landmarks_are_where_the_rasterizer_has_them(synthetic, coefficients):
    from data_tools.synthetic.picture.rasterizer import landmarks

    model, world = synthetic
    row = coefficients.float()
    found, want = landmark_places(model, row), landmarks(world, row)
    torch.testing.assert_close(found[..., 0] + 16, want[..., 0], rtol=0, atol=1e-3)
    torch.testing.assert_close(256 - 16 - found[..., 1], want[..., 1], rtol=0, atol=1e-3)


def test_landmark_gradients(model, coefficients):
    row = coefficients[:2].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: landmark_places(model, x), row)


# ---- colours ----


def test_normals_of_a_fine_sphere_point_outwards():
    rows, columns = np.meshgrid(np.linspace(0.3, 2.8, 61), np.linspace(0, 5, 83), indexing="ij")
    points = np.stack(
        [np.sin(rows) * np.cos(columns), np.sin(rows) * np.sin(columns), np.cos(rows)], -1
    )
    at = np.arange(61 * 83).reshape(61, 83)
    a, b, c, d = at[:-1, :-1], at[1:, :-1], at[:-1, 1:], at[1:, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).reshape(-1, 3)
    sphere = torch.from_numpy(points).reshape(1, -1, 3)
    found = normals(sphere, torch.from_numpy(faces)).view(61, 83, 3)[1:-1, 1:-1]
    want = torch.from_numpy(points)[1:-1, 1:-1]
    torch.testing.assert_close(found, want, rtol=0, atol=5e-3)


def test_normals_match_a_loop_over_triangles(model, coefficients):
    points = shape(model, coefficients)
    found = normals(points, model.triangles)
    for b in range(len(points)):
        total = np.zeros((V, 3))
        for corners in model.triangles.tolist():
            p, q, r = (points[b, i].numpy() for i in corners)
            for i in corners:
                total[i] += np.cross(q - p, r - p)
        length = np.linalg.norm(total, axis=1, keepdims=True).clip(min=1e-12)
        np.testing.assert_allclose(found[b], total / length, atol=1e-9)


def test_light_is_deep3d(generator):
    draws = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    directions = torch.nn.functional.normalize(draws, dim=2)
    gamma = torch.randn(2, 27, generator=generator, dtype=torch.float64)
    a0, a1, a2 = np.pi, 2 * np.pi / np.sqrt(3.0), 2 * np.pi / np.sqrt(8.0)
    c0, c1, c2 = (
        1 / np.sqrt(4 * np.pi),
        np.sqrt(3.0) / np.sqrt(4 * np.pi),
        3 * np.sqrt(5.0) / np.sqrt(12 * np.pi),
    )
    first = np.zeros(9)
    first[0] = 0.8
    for b in range(2):
        for v in range(5):
            x, y, z = directions[b, v].numpy()
            bands = np.array(
                [
                    a0 * c0,
                    -a1 * c1 * y,
                    a1 * c1 * z,
                    -a1 * c1 * x,
                    a2 * c2 * x * y,
                    -a2 * c2 * y * z,
                    0.5 * a2 * c2 / np.sqrt(3.0) * (3 * z**2 - 1),
                    -a2 * c2 * x * z,
                    0.5 * a2 * c2 * (x**2 - y**2),
                ]
            )
            expected = [(gamma[b].numpy()[9 * c : 9 * c + 9] + first) @ bands for c in range(3)]
            found = light(directions, gamma)[b, v]
            np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_colours_are_albedo_times_the_light_of_the_turned_normal(model, coefficients):
    from data_tools.synthetic.people.face_model import rotation

    found = colours(model, coefficients)
    outward = normals(shape(model, coefficients), model.triangles)
    corners = model.triangles[[0, 5, 12], [0, 1, 2]].tolist()  # other points have no normal
    for b, v in zip((0, 3, 4), corners):
        row = coefficients[b]
        turned = rotation(row[None, ANGLE])[0] @ outward[b, v]
        lamp = light(turned[None, None], row[None, GAMMA])[0, 0]
        for c in range(3):
            albedo = float(model.albedo[v, c])
            for k in range(80):
                albedo += float(model.albedo_basis[v, c, k] * row[144 + k])
            assert float(found[b, v, c]) == pytest.approx(albedo * float(lamp[c]), rel=1e-9)


def test_colours_are_those_of_the_rasterized_picture(synthetic):
    r"""Where nothing is painted over the skin, a pixel shows albedo times light, and a gleam."""
    from data_tools.synthetic.people.person import Appearance, sample_person
    from data_tools.synthetic.picture.rasterizer import landmarks, render

    model, world = synthetic
    person = sample_person(np.random.default_rng(3))
    row = torch.from_numpy(person.coefficients(person.neutral_motion()))
    image = render(world, row, Appearance(age=0.0)).image[0]
    nose = 30  # of the iBUG order: the tip, which no brow, beard or lipstick covers
    column, line = landmarks(world, row)[0, nose].long().tolist()
    shown = image[:, line - 1 : line + 2, column - 1 : column + 2].mean((1, 2))
    said = colours(model, row)[0, model.landmarks[nose]]
    torch.testing.assert_close(shown, said, rtol=0, atol=0.12)
    dark = row.clone()
    dark[:, TEX.start] += 1  # melanin
    assert (colours(model, dark)[0] < colours(model, row)[0]).float().mean() > 0.99


def test_colour_gradients(model, coefficients):
    row = coefficients[:1].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: colours(model, x), row)


def test_each_block_reaches_what_it_should(model, coefficients):
    row = coefficients.requires_grad_()
    (by_place,) = torch.autograd.grad(landmark_places(model, row).sum(), row)
    (by_colour,) = torch.autograd.grad(colours(model, row).sum(), row)
    for block, place, colour in (
        (ID, 1, 1),
        (EXP, 1, 1),
        (TEX, 0, 1),
        (ANGLE, 1, 1),
        (GAMMA, 0, 1),
        (TRANS, 1, 0),
    ):
        assert bool(by_place[:, block].abs().max() > 0) == bool(place)
        assert bool(by_colour[:, block].abs().max() > 0) == bool(colour)
