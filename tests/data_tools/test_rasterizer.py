r"""Oracles: a loop in float64 that tests every pixel against every triangle, finite differences of
projected points, and what a picture of a solid head must look like."""

import numpy as np
import pytest
import torch

from data_tools.synthetic.people import parts
from data_tools.synthetic.people.face_model import (
    EXPRESSIONS,
    FOLLOW,
    NECK_JOINT,
    FaceModel,
    project,
    rotation,
    sample_person,
)
from data_tools.synthetic.people.skin_mesh import inside
from data_tools.synthetic.picture.coverage import smooth_outlines, visible_triangles, weights
from data_tools.synthetic.picture.rasterizer import (
    landmarks,
    motion,
    render,
    vertex_normals,
    world_vertices,
)
from data_tools.synthetic.picture.scene import scene_of, triangles_around


@pytest.fixture(scope="module")
def model():
    return FaceModel()


@pytest.fixture(scope="module")
def person():
    return sample_person(np.random.default_rng(45))


def rows(person, count, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    frames = np.repeat(person.neutral_motion(), count, 0)
    frames[:, :3] += spread * rng.uniform(-0.35, 0.35, (count, 3))
    frames[:, 3:15] += spread * rng.uniform(0, 0.7, (count, 12))
    frames[:, 67:] += spread * rng.uniform(-0.05, 0.05, (count, 3))
    return torch.as_tensor(person.coefficients(frames))


def slow_render(screen, triangles, two_sided, size, margin=1e-3):
    """Nearest triangle and depth of every pixel; unsure where a centre is close to an edge."""
    nearest, depth = np.full(size * size, -1), np.full(size * size, np.inf)
    unsure = np.zeros(size * size, bool)
    row, column = (v.reshape(-1) + 0.5 for v in np.mgrid[:size, :size])
    for number, corners in enumerate(screen[triangles]):
        (x0, y0, d0), (x1, y1, d1), (x2, y2, d2) = corners
        area = (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0)
        if area == 0 or (area > 0 and not two_sided[number]):
            continue
        edges = (
            (x2 - x1) * (row - y1) - (y2 - y1) * (column - x1),
            (x0 - x2) * (row - y2) - (y0 - y2) * (column - x2),
            (x1 - x0) * (row - y0) - (y1 - y0) * (column - x0),
        )
        lengths = np.hypot(x2 - x1, y2 - y1), np.hypot(x0 - x2, y0 - y2), np.hypot(x1 - x0, y1 - y0)
        for edge, length in zip(edges, lengths):
            unsure |= np.abs(edge) < margin * length
        w0, w1, w2 = (edge / area for edge in edges)
        inside_it = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
        if inside_it.any():
            here = 1 / (w0 / d0 + w1 / d1 + w2 / d2)
            closer = inside_it & (here < depth)
            nearest[closer], depth[closer] = number, here[closer]
    shape = (size, size)
    return nearest.reshape(shape), depth.reshape(shape), unsure.reshape(shape)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_visible_triangles_match_the_slow_loop(seed):
    rng = np.random.default_rng(seed)
    corners = np.concatenate([rng.uniform(-3, 20, (41, 3, 2)), rng.uniform(8, 12, (41, 3, 1))], 2)
    corners[7:, 1:, :2] = corners[7:, :1, :2] + rng.uniform(-4, 4, (34, 2, 2))  # mostly small ones
    screen, triangles = corners.reshape(-1, 3), np.arange(123).reshape(41, 3)
    two_sided = rng.random(41) < 0.5
    expected, _, unsure = slow_render(screen, triangles, two_sided, 17)
    ours = visible_triangles(
        torch.as_tensor(screen, dtype=torch.float32)[None],
        torch.as_tensor(triangles),
        torch.as_tensor(two_sided),
        17,
    )[0].numpy()
    assert (expected >= 0).sum() > 50
    assert np.array_equal(ours[~unsure], expected[~unsure])


def test_mask_and_depth_match_the_slow_loop(model, person):
    coefficients = rows(person, 1, 3)
    size = 23
    drawn = render(model, coefficients, person, size)
    scene = scene_of(model, person)
    screen = project(world_vertices(model, scene, coefficients), size)[0].double().numpy()
    triangles = scene.triangles.numpy()
    nearest, depth, _ = slow_render(screen, triangles, scene.two_sided.numpy(), size)
    # at 23 pixels thousands of edges pass close to a centre, so a few pixels may take either side
    assert ((drawn.mask[0, 0].numpy() > 0) != (nearest >= 0)).sum() <= 1
    both = (drawn.mask[0, 0].numpy() > 0) & (nearest >= 0)
    error = np.abs(drawn.depth[0, 0].numpy()[both] - depth[both])
    assert both.sum() > 200 and np.quantile(error, 0.95) < 1e-4
    face = np.isin(scene.part.numpy()[nearest], parts.FACE_PARTS) & (nearest >= 0)
    assert (face != (drawn.face[0, 0].numpy() > 0)).sum() <= 5


def test_frames_of_a_batch_do_not_mix(model, person):
    coefficients = rows(person, 5, 4)
    whole = render(model, coefficients, person, 48)
    for b in (0, 2, 4):
        alone = render(model, coefficients[b : b + 1], person, 48)
        torch.testing.assert_close(whole.image[b], alone.image[0], rtol=0, atol=1e-4)
        assert torch.equal(whole.mask[b], alone.mask[0])


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_outlines_are_blended_by_covered_area(seed):
    rng = np.random.default_rng(seed)
    screen = np.concatenate([rng.uniform(-5, 28, (3, 2)), rng.uniform(9, 11, (3, 1))], 1)[None]
    size, fine, triangle = 23, 16, torch.tensor([[0, 1, 2]])
    both = torch.tensor([True])

    def covered(scale):
        places = torch.as_tensor(screen * [scale, scale, 1])
        return visible_triangles(places, triangle, both, size * scale)

    nearest = covered(1)
    hard = (nearest >= 0).double()
    image = hard[..., None].expand(-1, -1, -1, 3)
    soft = smooth_outlines(image, 10 * hard, nearest, nearest, torch.as_tensor(screen), triangle)[
        0, :, :, 0
    ]
    exact = (covered(fine)[0] >= 0).double().view(size, fine, size, fine).mean((1, 3))
    assert hard.sum() > 20
    # eight places a pixel tell its area to about 1/8; a pixel whose four neighbours all miss the
    # triangle can stay blind to a thin tip
    assert (soft - exact).abs().mean() < 0.3 * (hard[0] - exact).abs().mean()
    assert ((soft - exact).abs() < 0.2).double().mean() > 0.99


def test_a_triangle_seen_from_its_edge_has_finite_weights():
    columns, depths = torch.tensor([2.0, 3.25, 7.5]), torch.tensor([9.0, 10.0, 11.0])
    edge_on = torch.stack([columns, 2 * columns - 1, depths], 1)  # three corners on one line
    whole = torch.tensor([[0.0, 0.0, 10.0], [8.0, 0.0, 10.0], [0.0, 8.0, 10.0]])
    share, depth = weights(
        torch.stack([edge_on, whole]), torch.tensor([3.0, 2.0]), torch.tensor([5.0, 4.0])
    )
    torch.testing.assert_close(share[0], torch.full((3,), 1 / 3))
    assert depth[0] == pytest.approx(10)
    torch.testing.assert_close(share[1], torch.tensor([0.25, 0.25, 0.5]))


def test_vertex_normals_match_a_loop():
    generator = torch.Generator().manual_seed(5)
    world = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    triangles = torch.tensor([[0, 1, 2], [2, 1, 3], [3, 4, 5], [5, 6, 0], [1, 6, 4]])
    around = [torch.as_tensor(v) for v in triangles_around(triangles.numpy(), 7)]
    ours = vertex_normals(world, triangles, around)
    for b in range(2):
        for v in range(7):
            total = torch.zeros(3, dtype=torch.float64)
            for i, j, k in triangles.tolist():
                if v in (i, j, k):
                    first, second = world[b, j] - world[b, i], world[b, k] - world[b, i]
                    total += torch.linalg.cross(first, second)
            torch.testing.assert_close(ours[b, v], total / total.norm(), rtol=1e-9, atol=1e-12)


def test_motion_is_the_finite_difference_of_projected_points(person):
    model = FaceModel(dtype=torch.float64)
    source, target = rows(person, 2, 6).double().split(1)
    size = 64
    flow, valid = motion(model, source, target, person, size)
    scene = scene_of(model, person)
    worlds = [world_vertices(model, scene, c)[0] for c in (source, target)]
    screen = project(worlds[1][None], size)
    nearest = visible_triangles(screen, scene.triangles, scene.two_sided, size)[0]
    for row, column in (nearest >= 0).nonzero()[::97].tolist():
        corners = scene.triangles[nearest[row, column]]
        # the point of the triangle under the pixel: solve the ray through the pixel's centre
        ray = torch.tensor([(column + 0.5 - 32) / (1015 / 4), -(row + 0.5 - 32) / (1015 / 4), -1.0])
        eye = torch.tensor([0.0, 0.0, 10.0], dtype=torch.float64)
        a, b, c = worlds[1][corners]
        system = torch.stack([ray.double(), a - b, a - c], 1)
        distance, s, t = torch.linalg.solve(system, a - eye)
        share = torch.stack([1 - s - t, s, t])
        places = [project((share[:, None] * w[corners]).sum(0), size)[:2] for w in worlds]
        expected = places[0] - places[1]
        torch.testing.assert_close(flow[0, :, row, column], expected, rtol=1e-6, atol=1e-6)
    assert 0.5 < valid[nearest[None, None] >= 0].mean() <= 1


def test_motion_to_itself_is_nothing_and_all_seen(model, person):
    coefficients = rows(person, 1, 7)
    flow, valid = motion(model, coefficients, coefficients, person, 96)
    assert flow.abs().max() < 1e-3
    assert valid.mean() > 0.995


def test_motion_carries_the_source_picture_to_the_target(model, person):
    source, target = rows(person, 2, 8, 0.35).split(1)
    flow, valid = motion(model, source, target, person)
    pictures = [render(model, c, person).image for c in (source, target)]
    axis = torch.arange(256) + 0.5
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), 2) + flow[0].permute(1, 2, 0)
    warped = torch.nn.functional.grid_sample(pictures[0], grid[None] / 128 - 1, align_corners=False)
    wrong = ((warped - pictures[1]).abs() * valid).sum() / valid.sum() / 3
    still = ((pictures[0] - pictures[1]).abs() * valid).sum() / valid.sum() / 3
    assert wrong < 0.35 * still


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 6, 7])
def test_no_hole_inside_the_face(model, seed):
    person = sample_person(np.random.default_rng(seed))
    coefficients = rows(person, 4, seed)
    drawn, places = render(model, coefficients, person, 128), landmarks(model, coefficients, 128)
    axis = np.arange(128) + 0.5
    pixels = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    for mask, points in zip(drawn.mask[:, 0].numpy(), places.numpy()):
        outline = np.concatenate([points[0:17], points[26:16:-1]])  # jaw and brows
        outline = outline.mean(0) + 0.96 * (outline - outline.mean(0))
        within = inside(pixels, outline)
        assert within.sum() > 2000
        assert mask.reshape(-1)[within].all()


def test_hair_is_rigid_and_the_torso_follows_softly(person):
    model = FaceModel(dtype=torch.float64)
    scene = scene_of(model, person)
    at_rest = torch.as_tensor(person.coefficients(person.neutral_motion())).double()
    turned = at_rest.clone()
    turned[0, 224:227] = torch.tensor([0.2, -0.3, 0.1])
    turned[0, 254:257] += torch.tensor([0.05, 0.02, -0.1])
    before, after = (world_vertices(model, scene, c)[0] for c in (at_rest, turned))
    matrix = rotation(turned[:, 224:227])[0]
    for number in (parts.HAIR, parts.CLOTH):
        chosen = scene.triangles[scene.part == number].unique()
        rigid = before[chosen] @ matrix.T + turned[0, 254:257]
        moved = after[chosen] - before[chosen]
        if number == parts.HAIR:
            torch.testing.assert_close(after[chosen], rigid, rtol=1e-9, atol=1e-9)
        else:
            joint = torch.tensor(NECK_JOINT, dtype=torch.float64)
            shift = FOLLOW * (matrix @ joint + turned[0, 254:257] - joint)
            torch.testing.assert_close(moved, shift.expand_as(moved), rtol=1e-9, atol=1e-9)


def test_open_jaw_shows_the_mouth_and_shut_lids_hide_the_eyes(model, person):
    scene = scene_of(model, person)
    frames = np.repeat(person.neutral_motion(), 3, 0)
    frames[:, 3:15] = 0
    frames[1, 3 + EXPRESSIONS["jaw_open"]] = 1
    frames[2, 3 + EXPRESSIONS["lids_close"]] = 1
    coefficients = torch.as_tensor(person.coefficients(frames))
    screen = project(world_vertices(model, scene, coefficients))
    nearest = visible_triangles(screen, scene.triangles, scene.two_sided, 256)
    part = torch.where(nearest < 0, -1, scene.part[nearest.clamp(min=0) % len(scene.triangles)])
    mouth = (part == parts.MOUTH).sum((1, 2))
    eyes = (part == parts.EYES).sum((1, 2))
    assert mouth[0] < 60 and mouth[1] > 400
    assert eyes[0] > 250 and eyes[2] < 0.3 * eyes[0]


def test_same_coefficients_same_bytes(model, person):
    coefficients = rows(person, 2, 9)
    one = render(model, coefficients, person, 64).image
    two = render(FaceModel(), coefficients, person.appearance.to_dict(), 64).image
    assert torch.equal(one, two)


def test_image_is_in_range_and_people_differ(model):
    pictures = []
    for seed in (3, 5, 7):
        person = sample_person(np.random.default_rng(seed))
        image = render(model, person.coefficients(person.neutral_motion()), person, 64).image
        assert image.shape == (1, 3, 64, 64) and image.min() >= 0 and image.max() <= 1
        pictures.append(image)
    assert (pictures[0] - pictures[1]).abs().mean() > 0.05
    assert (pictures[1] - pictures[2]).abs().mean() > 0.05


def test_landmarks_lie_on_the_face(model, person):
    coefficients = rows(person, 3, 10, 0.3)
    face = render(model, coefficients, person).mask[:, 0] > 0
    places = landmarks(model, coefficients)[:, 17:].long()  # the jaw line lies on the outline
    for b in range(3):
        assert face[b, places[b, :, 1], places[b, :, 0]].all()


@pytest.mark.parametrize("call", [render, landmarks])
def test_wrong_coefficients_are_refused(model, person, call):
    with pytest.raises(ValueError, match=r"\(2, 70\).*\(B, 257\)"):
        call(model, torch.zeros(2, 70), *([person] if call is render else []))


def test_motion_refuses_wrong_coefficients(model, person):
    with pytest.raises(ValueError, match=r"\(257,\).*\(B, 257\)"):
        motion(model, torch.zeros(257), torch.zeros(1, 257), person)


@pytest.mark.gpu
def test_gpu_draws_what_the_cpu_draws(model, person):
    coefficients = rows(person, 3, 11)
    ours = render(FaceModel("cuda"), coefficients, person)
    expected = render(model, coefficients, person)
    assert (ours.mask.cpu() != expected.mask).float().mean() < 1e-4
    assert (ours.image.cpu() - expected.image).abs().mean() < 1e-3
