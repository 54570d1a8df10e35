r"""Oracles: the camera for where things must be seen, closed forms of one cell."""

import math

import pytest
import torch

from mfr.config import RendererConfig
from mfr.face.camera import project, sample
from mfr.render.face import EYES, FACE, MOUTH, closeup, cover, fading, shift_to_flow
from mfr.render.head import CENTRE, RADII, Chart, chart_place, chart_points
from mfr.render.renderer import Renderer

SHIFT, COLOUR, SHARE = (slice(0, 8), slice(8, 20), slice(20, 24))  # of the last layer's channels


@pytest.fixture
def renderer():
    torch.manual_seed(0)
    config = RendererConfig(width=8, descriptor_dim=11, window=5, face_width=8)
    return Renderer(config).eval().requires_grad_(False)


def pose(**values):
    motion = torch.zeros(1, 70)
    for name, value in values.items():
        motion[0, {"pitch": 0, "yaw": 1, "roll": 2, "exp": 3, "x": 67, "z": 69}[name]] = value
    return motion


def front(x, y):
    """The ellipsoid's front at (x, y), in head coordinates."""
    off = ((x - CENTRE[0]) / RADII[0]) ** 2 + ((y - CENTRE[1]) / RADII[1]) ** 2
    return torch.tensor([[[x, y, CENTRE[2] + RADII[2] * math.sqrt(1 - off)]]])


def seen_at(point, motion):
    """Column and row of a head point by the coefficient module's camera."""
    u, v, _ = project(point, motion[:, :3], motion[:, 67:], centre=(128, 128))[0, 0]
    return torch.stack([u, 256 - v])


def marked(middle):
    """A grey picture with a soft bright spot."""
    rows, columns = torch.meshgrid(torch.arange(256) + 0.5, torch.arange(256) + 0.5, indexing="ij")
    away = (columns - middle[0]) ** 2 + (rows - middle[1]) ** 2
    return (0.2 + 0.6 * torch.exp(-away / (2 * 4.0**2))).expand(1, 3, 256, 256)


def spot(image):
    """Column and row of the bright spot."""
    bright = (image[0].mean(0) - 0.3).clamp(min=0)
    rows, columns = (torch.arange(side) + 0.5 for side in bright.shape)
    along = torch.stack([(bright.sum(0) * columns).sum(), (bright.sum(1) * rows).sum()])
    return along / bright.sum()


def test_cells_of_a_chart_lie_on_the_front_of_the_ellipsoid_where_the_chart_says():
    chart = Chart((0.1, -0.2), (0.3, 0.5), 5, 7)
    points = chart_points(chart, torch.zeros(2, 1, dtype=torch.float64))
    assert points.shape == (2, 5, 7, 3)
    for i in range(5):
        for j in range(7):
            x = 0.1 - 0.3 + 0.6 * (j + 0.5) / 7
            y = -0.2 + 0.5 - 1.0 * (i + 0.5) / 5  # the first row is the highest
            torch.testing.assert_close(points[1, i, j, :2].tolist(), [x, y])
    level = ((points - torch.tensor(CENTRE)) / torch.tensor(RADII)).square().sum(-1)
    torch.testing.assert_close(level, torch.ones_like(level), rtol=0, atol=1e-6)
    assert (points[..., 2] > CENTRE[2]).all()
    places = chart_place(points, chart)  # what grid_sample reads at them is each cell itself
    numbers = torch.arange(35.0, dtype=torch.float64).view(1, 1, 5, 7)
    torch.testing.assert_close(sample(numbers, places[:1]), numbers)


@pytest.mark.parametrize("turn", [{"roll": 0.3}, {"yaw": 0.4}, {"z": 0.5, "roll": -0.2}])
def test_a_shift_is_seen_as_the_camera_sees_it(turn):
    own, small = pose(**turn), 1e-3
    nose = front(*CENTRE[:2])
    shift = torch.tensor([0.6, -0.8]).view(1, 2, 1, 1) * small
    moved = nose + torch.tensor([0.6, -0.8, 0.0]) * small
    want = (seen_at(moved, own) - seen_at(nose, own)) / 128
    found = shift_to_flow(shift, own)[0, :, 0, 0]
    torch.testing.assert_close(found, want, rtol=0.04, atol=2e-5)


def test_cover_hides_the_layer_and_goes_no_further_than_it():
    layer = torch.tensor([0.3, 0.2, 0.1, 0.5]).view(1, 4, 1, 1)  # half there
    colour = torch.tensor([0.8, 0.4, 0.6]).view(1, 3, 1, 1)

    def covered(share):
        return cover(layer, share * colour, torch.tensor(share).view(1, 1, 1, 1)).flatten()

    torch.testing.assert_close(covered(0.0), layer.flatten())
    torch.testing.assert_close(covered(1.0), torch.tensor([0.4, 0.2, 0.3, 0.5]))
    torch.testing.assert_close(covered(0.5), torch.tensor([0.35, 0.2, 0.2, 0.5]))


def test_closeups_show_eyes_and_mouth_and_go_with_the_head():
    places = {(64, 64): EYES[0], (192, 64): EYES[1], (128, 192): MOUTH}  # of 256 x 256
    for own in (pose(), pose(yaw=0.2, roll=0.1, x=0.05)):
        for want, chart in places.items():
            picture = marked(seen_at(front(*chart.middle), own))
            found = spot(closeup(picture, own))
            torch.testing.assert_close(found, torch.tensor(want).float(), rtol=0, atol=1.0)


def test_chart_fades_out_at_its_rim():
    seen = fading(torch.zeros(1))
    assert seen.shape == (FACE.rows, FACE.columns)
    assert seen[72, 64] == 1 and seen[20, 20] == 1
    assert seen[0].max() < 1e-6 and seen[:, -1].max() < 1e-6
    assert (seen[:9, 64].diff() > 0).all()


def test_shifted_cells_show_what_the_portrait_has_aside(renderer):
    own, there, lip = pose(), pose(yaw=0.1), front(0.1, -0.3)
    encoded = renderer.encode(marked(seen_at(lip, own)), own)
    renderer.face.leave.bias[SHIFT] = torch.tensor([1.6] * 4 + [-0.8] * 4)  # of 0.05
    moved = spot(renderer(encoded, there))
    want = seen_at(lip - torch.tensor([0.08, -0.04, 0]), there)
    torch.testing.assert_close(moved, want, rtol=0, atol=1.0)
    assert (moved - seen_at(lip, there)).norm() > 7


def test_a_cover_replaces_what_the_portrait_shows_within_the_chart(renderer):
    portrait = torch.full((1, 3, 256, 256), 0.4)
    bias = renderer.face.leave.bias
    encoded = renderer.encode(portrait, pose())
    bias[COLOUR] = torch.tensor([0.8] * 4 + [0.0] * 4 + [2.0] * 4)  # of 0.25
    found = renderer(encoded, pose(roll=0.1))
    centre = found[0, :, 138, 128]  # no share: a gleam; of the mask's share all but 1 is there
    torch.testing.assert_close(centre, torch.tensor([0.6, 0.4, 0.9]), rtol=0, atol=0.01)
    bias[SHARE] = 20.0
    found = renderer(encoded, pose(roll=0.1))
    centre = found[0, :, 138, 128]
    torch.testing.assert_close(centre, torch.tensor([0.2, 0.0, 0.5]), rtol=0, atol=0.01)
    assert (found[0, :, :, :20] - 0.4).abs().max() < 1e-4


def test_unrolled_face_is_what_the_frame_shows_there(renderer, generator):
    renderer.encoder.shape[-1].bias[0] = 1.0  # relief, in tenths
    own, there = pose(yaw=-0.1), pose(exp=0.5, yaw=0.05)
    portrait = torch.rand(1, 3, 16, 16, generator=generator)
    portrait = torch.nn.functional.interpolate(portrait, size=256, mode="bicubic").clamp(0, 1)
    encoded = renderer.encode(portrait, own)
    bias = renderer.face.leave.bias
    bias[SHIFT], bias[COLOUR], bias[SHARE] = torch.arange(8) // 4 - 0.7, 0.8, 1.0
    source, home = renderer.face_places(encoded, there)
    unrolled = renderer.unrolled(portrait, encoded, there, source)
    frame = sample(renderer.render(encoded, there).image, home)
    inner = (..., slice(20, -20), slice(20, -20))
    assert (unrolled - frame)[inner].abs().mean() < 0.01
    assert (unrolled - sample(portrait, source))[inner].abs().mean() > 0.03


def test_portraits_own_expression_counts_as_nothing(renderer, generator):
    portrait = torch.rand(1, 3, 256, 256, generator=generator)
    own, there = pose(exp=0.3), pose(exp=0.3, yaw=0.1)
    bare = renderer(renderer.encode(portrait, own), there)
    weight = renderer.face.leave.weight
    weight.copy_(torch.randn(weight.shape, generator=generator))
    encoded = renderer.encode(portrait, own)
    torch.testing.assert_close(renderer(encoded, there), bare, rtol=0, atol=1e-5)
    assert (renderer(encoded, pose(exp=0.4, yaw=0.1)) - bare).abs().max() > 1e-2


def test_basis_begins_as_a_face_models(renderer):
    mean = torch.tensor([[0.3, 0.1, -0.9], [0.3, 0.1, 0.0], [-0.3, 0.1, 0.0], [0.0, -0.6, 0.2]])
    basis = torch.zeros(4, 3, 64)
    basis[1, 1, 5], basis[0, 1, 5], basis[3, 2, 7] = -0.06, 9.0, 0.1  # 9: at the back of the head
    renderer.face.begin_with(mean, basis, torch.full((64,), 0.5))
    expression = torch.zeros(1, 64)
    expression[0, 5] = 2.0  # two standard deviations of 0.5
    maps = renderer.face.maps(expression)[0]
    assert maps.shape == (3, 36, 32) and not maps[[0, 2]].any()
    assert maps[1, 10, 24].item() == pytest.approx(-0.06 / 0.05)  # at the image's right
    assert not maps[1, 10, 8].any() and not maps[1, 30, 16].any()
    expression[0, 5], expression[0, 7] = 0.0, 1.0
    assert renderer.face.maps(expression)[0, 2, 30, 16].item() == pytest.approx(0.05 / 0.05)


def test_both_expressions_reach_the_chart(renderer, generator):
    face = renderer.face
    face.leave.weight.copy_(torch.randn(face.leave.weight.shape, generator=generator))
    portrait = torch.rand(1, 3, 256, 256, generator=generator)
    encoded = renderer.encode(portrait, pose())
    rest, other = torch.zeros(1, 64), torch.zeros(1, 64)
    other[0, 7] = 1.0
    base = face(encoded, rest, rest)
    assert (face(encoded, rest, other) - base).abs().max() > 1e-3
    assert (face(encoded, other, rest) - base).abs().max() > 1e-3
