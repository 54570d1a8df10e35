r"""Oracles: a float64 march along the ray for the ellipsoid, the coefficient module's own camera
for where a marked spot of the head must go, loops for the windows, the FLOP counter."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mfr.config import RendererConfig
from mfr.face.camera import CAMERA_Z, FOCAL, pixel_grid, project, rotation_matrix
from mfr.face.coefficients import from_motion
from mfr.render.head import (
    CENTRE,
    HEAD,
    NECK,
    RADII,
    chart_place,
    head_points,
    place_points,
)
from mfr.render.layers import split
from mfr.render.renderer import BASIS, Rendered, Renderer, window_coefficients

CHART = HEAD.rows
PITCH, YAW, ROLL, EXP, X, Y, Z = 0, 1, 2, 3, 67, 68, 69
SMALL = RendererConfig(width=8, descriptor_dim=11, window=5)


@pytest.fixture
def renderer():
    torch.manual_seed(0)
    return Renderer(SMALL).eval().requires_grad_(False)


def trained(renderer, generator):
    """The renderer with all its layers awake."""
    for parameter in renderer.parameters():
        if not parameter.any():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return renderer


def poses(generator, count, dtype=torch.float64):
    spread = torch.tensor([0.1] * 3 + [0.3] * 64 + [0.02, 0.02, 0.3], dtype=dtype)
    return spread * torch.randn(count, 70, generator=generator, dtype=dtype)


def pose(**values):
    motion = torch.zeros(1, 70)
    for name, value in values.items():
        motion[0, globals()[name]] = value
    return motion


def surface(x, y):
    """The ellipsoid's front at (x, y), in head coordinates."""
    off = ((x - CENTRE[0]) / RADII[0]) ** 2 + ((y - CENTRE[1]) / RADII[1]) ** 2
    return torch.tensor([[[x, y, CENTRE[2] + RADII[2] * math.sqrt(1 - off)]]])


def seen_at(point, motion):
    """Column and row of a head point by the coefficient module's camera."""
    angle, trans = motion[:, :3], motion[:, 67:]
    u, v, _ = project(point, angle, trans, centre=(128, 128))[0, 0]
    return torch.stack([u, 256 - v])


def marked(point, motion):
    """A grey portrait with a soft bright spot where the point is seen."""
    middle = seen_at(point, motion)
    rows, columns = torch.meshgrid(torch.arange(256) + 0.5, torch.arange(256) + 0.5, indexing="ij")
    away = (columns - middle[0]) ** 2 + (rows - middle[1]) ** 2
    return (0.2 + 0.6 * torch.exp(-away / (2 * 4.0**2))).expand(1, 3, 256, 256)


def spot(image):
    """Column and row of the bright spot."""
    bright = (image[0].mean(0) - 0.3).clamp(min=0)
    axis = torch.arange(256) + 0.5
    return torch.stack([(bright.sum(0) * axis).sum(), (bright.sum(1) * axis).sum()]) / bright.sum()


def test_rays_meet_the_ellipsoid_where_a_march_does(generator):
    motion = poses(generator, 3)
    places = 0.9 * (2 * torch.rand(3, 5, 2, generator=generator, dtype=torch.float64) - 1)
    points, rays, distance = head_points(motion, places)
    eye = torch.tensor([0, 0, CAMERA_Z], dtype=torch.float64)
    steps = torch.linspace(5, 14, 90001, dtype=torch.float64)
    hits = 0
    for b in range(3):
        rotation = rotation_matrix(motion[b, :3])
        for i in range(3):
            for j in range(5):
                x, y = places[i, j] * 128 / FOCAL
                world = eye + steps[:, None] * torch.stack([x, -y, -torch.ones_like(x)])
                head = (world - motion[b, 67:]) @ rotation
                level = (((head - torch.tensor(CENTRE)) / torch.tensor(RADII)) ** 2).sum(1)
                nearest = level.sqrt().min()
                assert distance[b, i, j].item() == pytest.approx(float(nearest), abs=1e-6)
                inside = (level <= 1).nonzero()
                first = inside[0, 0] if len(inside) else level.argmin()
                hits += len(inside) > 0
                assert (points[b, i, j] - head[first]).abs().max() < 2e-4
    assert 5 < hits < 40  # both kinds were seen


def test_points_are_seen_where_their_rays_started(generator):
    motion, places = poses(generator, 5), pixel_grid(7, torch.zeros(1, dtype=torch.float64))
    points, rays, _ = head_points(motion, places)
    for moved in (points, points - 0.3 * rays):  # along the ray nothing is seen to move
        found = place_points(motion, moved)
        torch.testing.assert_close(found, places.expand_as(found), rtol=0, atol=1e-12)


def test_camera_is_the_coefficient_modules(generator):
    motion = poses(generator, 3)
    points = torch.rand(3, 1, 7, 3, generator=generator, dtype=torch.float64) - 0.5
    want = project(points[:, 0], motion[:, :3], motion[:, 67:], centre=(128, 128))
    found = place_points(motion, points)[:, 0] * 128 + 128
    torch.testing.assert_close(found[..., 0], want[..., 0], rtol=1e-9, atol=0)
    torch.testing.assert_close(256 - found[..., 1], want[..., 1], rtol=1e-9, atol=0)


def test_flow_gradients(generator):
    motion, places = poses(generator, 2), pixel_grid(3, torch.zeros(1, dtype=torch.float64)) / 2

    def moved(target, source):
        return place_points(source, head_points(target, places)[0])

    source = poses(generator, 2)
    assert torch.autograd.gradcheck(moved, (motion.requires_grad_(), source.requires_grad_()))


def test_own_coefficients_give_the_portrait_back(renderer, generator):
    portrait = torch.rand(2, 3, 256, 256, generator=generator)
    motion = poses(generator, 2, torch.float32)
    found = renderer(renderer.encode(portrait, motion), motion)
    torch.testing.assert_close(found, portrait, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "turn", "axis", "sign"),
    [
        ("PITCH", 0.15, 1, +1),  # the nose goes down
        ("YAW", 0.15, 0, +1),  # to the image's right
        ("X", 0.05, 0, +1),
        ("Y", 0.05, 1, -1),  # up
    ],
)
def test_untrained_renderer_moves_the_nose(renderer, name, turn, axis, sign):
    here, there, nose = pose(PITCH=0.05, X=0.01), pose(PITCH=0.05, X=0.01), surface(0.0, -0.2)
    there[0, globals()[name]] += turn
    moved = spot(renderer(renderer.encode(marked(nose, here), here), there))
    torch.testing.assert_close(moved, seen_at(nose, there), rtol=0, atol=0.7)
    assert sign * (moved - seen_at(nose, here))[axis] > 1.5


@pytest.mark.parametrize(("name", "turn"), [("ROLL", 0.2), ("Z", 0.8)])
def test_untrained_renderer_moves_the_right_eye(renderer, name, turn):
    here, there, eye = pose(), pose(**{name: turn}), surface(0.45, 0.3)
    moved = spot(renderer(renderer.encode(marked(eye, here), here), there)) - 128
    torch.testing.assert_close(moved + 128, seen_at(eye, there), rtol=0, atol=0.7)
    before = seen_at(eye, here) - 128
    if name == "ROLL":
        assert moved[1] < before[1] - 3  # the eye line rises to the image's right
    else:
        assert (moved.abs() > before.abs() + 1).all()  # nearer is larger


def test_background_stands_still(renderer, generator):
    portrait = torch.rand(1, 3, 256, 256, generator=generator)
    turned = pose(YAW=0.2, PITCH=-0.1, ROLL=0.1)
    rendered = renderer.render(renderer.encode(portrait, pose()), turned)
    for columns in (slice(0, 8), slice(-8, None)):
        assert 128 * rendered.flow[..., :8, columns].abs().max() < 1  # pixels
        away = rendered.image[..., :8, columns] - portrait[..., :8, columns]
        assert away.abs().mean() < 0.05  # noise: elsewhere 0.3
    assert 128 * rendered.flow.abs().max() > 5


def test_relief_makes_a_nose_move_more_in_a_turn(renderer):
    here, there, flat = pose(), pose(YAW=0.15), surface(0.0, -0.2)
    renderer.encoder.shape[-1].bias[0] = 2.5  # tenths
    nose = flat + torch.tensor([0, 0, 0.25])
    moved = spot(renderer(renderer.encode(marked(nose, here), here), there))
    torch.testing.assert_close(moved, seen_at(nose, there), rtol=0, atol=0.7)
    assert (moved - seen_at(flat, there))[0] > 3


class Shifted(torch.nn.Module):
    """A face whose fifth expression shifts it by 0.1 to the right a standard deviation."""

    def forward(self, expression):
        maps = torch.zeros(len(expression), 3, CHART, CHART)
        maps[:, 0] = 0.1 * expression[:, 5, None, None]
        return maps


def test_expression_moves_its_part_of_the_chart(renderer):
    renderer.motion.surface = Shifted()
    renderer.std.fill_(0.5)
    here, there, lip = pose(), pose(), surface(0.1, -0.3)
    here[0, EXP + 5], there[0, EXP + 5] = 0.2, 0.7  # one standard deviation apart
    moved = spot(renderer(renderer.encode(marked(lip, here), here), there))
    want = seen_at(lip + torch.tensor([0.1, 0, 0]), there)
    torch.testing.assert_close(moved, want, rtol=0, atol=0.7)


def test_parts_of_the_chart_lie_where_the_portrait_has_them(renderer):
    class Left(Shifted):
        def forward(self, expression):
            maps = super().forward(expression)
            maps[..., CHART // 2 :] = 0  # only the left half of the generic head moves
            return maps

    renderer.motion.surface = Left()
    here, there, spot_at = pose(), pose(), surface(0.2, -0.3)
    there[0, EXP + 5] = 1.0
    still = spot(renderer(renderer.encode(marked(spot_at, here), here), there))
    torch.testing.assert_close(still, seen_at(spot_at, here), rtol=0, atol=0.3)
    renderer.encoder.shape[-1].bias[1] = -6  # on this person it reaches 0.6 of a half further
    moved = spot(renderer(renderer.encode(marked(spot_at, here), here), there))
    assert moved[0] - still[0] > 5


@pytest.mark.parametrize("level", range(4))
def test_each_level_of_the_expression_basis_moves_its_own_cell(renderer, level):
    layer = renderer.motion.surface.basis[level]
    side = BASIS[level]
    axis, row, column = 1, side // 3, side - 2
    layer.weight.view(3, side, side, 64)[axis, row, column, 7] = 2.0
    expression = torch.zeros(2, 64)
    expression[1, 7] = 1.5
    maps = renderer.motion.surface(expression)  # (2, 3, 48, 48)
    assert not maps[0].any() and not maps[1, [0, 2]].any()
    size = CHART // side
    total = 2.0 * 1.5 * 0.1 * size**2  # a cell of one level is size x size places of the chart
    assert maps[1, axis].sum().item() == pytest.approx(total, rel=1e-5)
    places = torch.arange(CHART) + 0.5
    middle = (maps[1, axis].sum(0) * places).sum() / total, (maps[1, axis].sum(1) * places).sum()
    assert middle[0].item() == pytest.approx((column + 0.5) * size, abs=1e-3 * CHART)
    assert (middle[1] / total).item() == pytest.approx((row + 0.5) * size, abs=1e-3 * CHART)


def masked(renderer, head, body):
    """The renderer with masks set by hand: shares of head and body, (256, 256) each."""
    maps = torch.stack([head, body])[None].float()
    masks = torch.nn.functional.avg_pool2d(maps, 2)

    def encode(portrait, motion):
        encoded, layers = renderer.encode(portrait, motion), split(portrait, maps)
        return encoded._replace(**layers._asdict(), masks=masks)

    return encode


def test_body_goes_its_share_of_the_way_of_the_necks_joint(renderer):
    everywhere, nowhere = torch.ones(256, 256), torch.zeros(256, 256)
    encode = masked(renderer, nowhere, everywhere)
    renderer.motion.follow.copy_(torch.tensor([0.5, 0.25]))
    here, there = pose(X=0.01), pose(X=0.05, Y=0.04, PITCH=0.1)
    joint = torch.tensor([[NECK]])
    way = seen_at(joint, there) - seen_at(joint, here)
    before = marked(surface(0.2, 0.1), here)
    moved = spot(renderer(encode(before, here), there)) - spot(before)
    torch.testing.assert_close(moved, way * torch.tensor([0.5, 0.25]), rtol=0, atol=0.3)
    assert way.abs().min() > 2


def test_what_is_neither_head_nor_body_stands_still(renderer, generator):
    nowhere = torch.zeros(256, 256)
    portrait = torch.rand(1, 3, 256, 256, generator=generator)
    encoded = masked(renderer, nowhere, nowhere)(portrait, pose())
    found = renderer(encoded, pose(YAW=0.3, X=0.05))
    torch.testing.assert_close(found, portrait, rtol=0, atol=1e-4)


def test_head_is_before_the_body_and_what_it_uncovers_is_hidden(renderer):
    columns = torch.arange(256).expand(256, 256)
    head, body = (columns < 128).float(), (columns >= 96).float()  # 32 of it behind the head
    encoded = masked(renderer, head, body)(torch.zeros(1, 3, 256, 256), pose())
    renderer.motion.follow.zero_()  # the body stays

    def shares(way, column):
        flow = torch.zeros(1, 2, 64, 64)
        flow[:, 0] = way / 128
        return renderer.motion.layered(encoded, pose(), flow)[2][0, :, 64, column].tolist()

    assert shares(-32, 70) == [1, 0, 0]  # comes from further left, moved right: over the body
    assert shares(-32, 90) == [0, 1, 0]  # body that the portrait shows
    assert shares(+32, 40) == [1, 0, 0]  # moved left
    assert shares(+32, 56) == [0, 1, 1]  # body behind the head, never seen
    assert shares(+96, 30) == [0, 0, 1]  # nothing but the wall, never seen
    half = torch.full((256, 256), 0.5)
    encoded = masked(renderer, half, half)(torch.zeros(1, 3, 256, 256), pose())
    # behind the head's half half of a body; of both what the head's half hid, and of the wall's
    # quarter what head or body hid, which is three quarters of it
    assert shares(0, 60) == [0.5, 0.25, 0.25 * 0.5 + 0.25 * 0.75]


def test_what_a_turn_uncovers_takes_the_colour_of_the_wall(renderer):
    rows, columns = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    head, body = (rows - 120) ** 2 + (columns - 128) ** 2 < 60**2, rows >= 150
    portrait = torch.tensor([0.2, 0.4, 0.8])[None, :, None, None].expand(1, 3, 256, 256).clone()
    portrait[:, :, body] = torch.tensor([0.1, 0.7, 0.2])[:, None]
    portrait[:, :, head] = torch.tensor([0.9, 0.1, 0.1])[:, None]
    encode = masked(renderer, head, body)
    there = pose(X=0.1)  # 10 pixels to the right
    found = renderer(encode(portrait, pose()), there)[0]
    torch.testing.assert_close(found[:, 120, 72], portrait[0, :, 0, 0])  # was head
    torch.testing.assert_close(found[:, 120, 192], portrait[0, :, 120, 128])  # was wall
    torch.testing.assert_close(found[:, 165, 93], portrait[0, :, 250, 0])  # was head, is body
    torch.testing.assert_close(found[:, 165, 173], portrait[0, :, 120, 128])  # was body


def test_chart_is_the_head_seen_from_the_front():
    corner = torch.tensor([*HEAD.half, 0.3])
    assert chart_place(corner).tolist() == [1, -1]  # right and up: grid_sample's y points down


def test_one_portrait_serves_many_frames(renderer, generator):
    trained(renderer, generator)
    portrait, own = torch.rand(1, 3, 256, 256, generator=generator), poses(generator, 1).float()
    windows = poses(generator, 15).float().reshape(3, 5, 70)
    once = renderer(renderer.encode(portrait, own), windows)
    thrice = renderer(renderer.encode(portrait.expand(3, -1, -1, -1), own.expand(3, -1)), windows)
    torch.testing.assert_close(once, thrice, rtol=0, atol=1e-3)
    single = torch.cat([renderer(renderer.encode(portrait, own), w[None]) for w in windows])
    torch.testing.assert_close(once, single, rtol=0, atol=1e-3)


def test_every_input_reaches_the_frame(renderer, generator):
    trained(renderer, generator)
    portrait, own = torch.rand(1, 3, 256, 256, generator=generator), poses(generator, 1).float()
    windows = poses(generator, 5).float()[None]
    base = renderer(renderer.encode(portrait, own), windows)
    for place in ((0, 0), (0, 40), (2, YAW), (2, EXP + 7), (4, Z)):  # frame, coefficient
        other = windows.clone()
        other[0][place] += 0.5
        assert (renderer(renderer.encode(portrait, own), other) - base).abs().max() > 1e-5
    assert (renderer(renderer.encode(portrait, own + 0.1), windows) - base).abs().max() > 1e-5


def test_at_rest_has_the_median_expression_and_keeps_the_pose(renderer, generator):
    trained(renderer, generator)
    motion = poses(generator, 11).float()
    motion[:, EXP + 5] = 0.5
    motion[7:, EXP + 5] = 9.0  # a laugh now and then shifts the mean, not what is usual
    renderer.set_statistics(motion)
    portrait, own = torch.rand(1, 3, 256, 256, generator=generator), poses(generator, 1).float()
    found, rested = renderer.at_rest(portrait, own)
    assert rested[0, EXP + 5] == 0.5
    assert torch.equal(rested[:, :3], own[:, :3]) and torch.equal(rested[:, X:], own[:, X:])
    assert torch.equal(found, renderer(renderer.encode(portrait, own), rested))
    assert (found - portrait).abs().max() > 1e-3


def test_257_and_70_coefficients_are_the_same_portrait(renderer, generator):
    portrait, own = torch.rand(1, 3, 256, 256, generator=generator), poses(generator, 1).float()
    whole = from_motion(own, torch.randn(1, 257, generator=generator))
    assert torch.equal(renderer.encode(portrait, whole).coefficients, own)


def test_portrait_without_coefficients_counts_as_the_average(renderer, generator):
    motion = poses(generator, 11).float()
    renderer.set_statistics(motion)
    encoded = renderer.encode(torch.rand(2, 3, 256, 256, generator=generator))
    torch.testing.assert_close(encoded.coefficients, motion.mean(0).expand(2, -1))


def test_a_frame_costs_the_same_whatever_the_encoder(generator):
    cost = {}
    for blocks in (1, 4):
        renderer = Renderer(RendererConfig(encoder_blocks=blocks)).eval()
        portrait = torch.rand(1, 3, 256, 256, generator=generator)
        with torch.no_grad(), FlopCounterMode(display=False) as encoding:
            encoded = renderer.encode(portrait, pose())
        with torch.no_grad(), FlopCounterMode(display=False) as frame:
            renderer(encoded, pose())
        cost[blocks] = encoding.get_total_flops(), frame.get_total_flops()
    assert cost[4][0] > 1.1 * cost[1][0]
    assert cost[4][1] == cost[1][1] <= 7.5e9


def test_half_precision_leaves_the_geometry_whole(renderer, generator):
    portrait, own = torch.rand(1, 3, 256, 256, generator=generator), pose()
    encoded = renderer.encode(portrait, own)
    with torch.autocast("cpu", torch.bfloat16):  # a rotation in bfloat16 would be off by pixels
        half = renderer.render(encoded, pose(YAW=0.1, X=0.02))
    whole = renderer.render(encoded, pose(YAW=0.1, X=0.02))
    torch.testing.assert_close(half.flow.float(), whole.flow, rtol=0, atol=1e-5)


def test_parts_have_their_shapes_and_the_frame_its_range(renderer, generator):
    trained(renderer, generator)
    renderer.face.leave.bias.fill_(200)  # a cover brighter than white
    encoded = renderer.encode(torch.rand(1, 3, 256, 256, generator=generator), pose())
    parts = renderer.render(encoded, poses(generator, 2).float())
    assert isinstance(parts, Rendered)
    assert [tuple(p.shape) for p in parts] == [(2, 3, 256, 256), (2, 2, 128, 128)]
    frame = renderer(encoded, poses(generator, 2).float())
    assert frame.max() == 1 and frame.min() >= 0


def test_windows_repeat_the_ends(generator):
    motion = torch.randn(7, 70, generator=generator)
    found = window_coefficients(motion, 5)
    for i in range(7):
        for k in range(5):
            assert torch.equal(found[i, k], motion[min(max(i + k - 2, 0), 6)])
    numbers = torch.tensor([6, 0, 3])
    assert torch.equal(window_coefficients(motion, 5, numbers), found[numbers])


@pytest.mark.parametrize("window", [0, 4, -3])
def test_even_and_empty_windows_are_refused(window):
    with pytest.raises(ValueError, match=f"window {window} is not allowed"):
        window_coefficients(torch.zeros(3, 70), window)


def test_other_shapes_are_refused(renderer):
    portrait = torch.zeros(1, 3, 256, 256)
    with pytest.raises(ValueError, match=r"portrait has shape \(1, 3, 128, 256\)"):
        renderer.encode(portrait[:, :, :128])
    with pytest.raises(ValueError, match=r"\(1, 73\); \(1, 70\) or \(1, 257\)"):
        renderer.encode(portrait, torch.zeros(1, 73))
    with pytest.raises(ValueError, match=r"\(2, 3, 70\); \(B, 5, 70\)"):
        renderer(renderer.encode(portrait), torch.zeros(2, 3, 70))
