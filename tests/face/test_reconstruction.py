r"""Oracles: the loss written out in loops, the pixel shift of a sideways move in closed form, a
double loop for the smoothing, scipy's cosine transform for the JPEG blocks, gradcheck."""

import math

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from mfr.config import ReconstructionConfig
from mfr.face.camera import project
from mfr.face.coefficients import ANGLE, EXP, GAMMA, ID, TEX, TRANS
from mfr.face.morphable import MorphableModel, colours, landmark_places
from mfr.face.reconstruction import (
    BLOCK_WEIGHTS,
    COLOUR_WEIGHT,
    HEAD_POINTS,
    LANDMARK_WEIGHT,
    POSE_WEIGHT,
    ReconstructionNet,
    _quantise_blocks,
    augment,
    landmark_error,
    move_camera,
    pose_error,
    reconstruct,
    reconstruction_loss,
)


@pytest.fixture
def net(generator):
    torch.manual_seed(0)
    net = ReconstructionNet(ReconstructionConfig(width=8))
    net.set_statistics(0.3 * torch.randn(13, 257, generator=generator) + 0.1)
    return net


@pytest.fixture
def images(generator):
    return torch.rand(3, 3, 256, 256, generator=generator)


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (7, 256, 256, 3), dtype=np.uint8)


def test_blocks_cover_the_257_columns_once():
    columns = sorted(i for block, _ in BLOCK_WEIGHTS for i in range(*block.indices(257)))
    assert columns == list(range(257))
    assert [block for block, _ in BLOCK_WEIGHTS] == [ID, EXP, TEX, ANGLE, GAMMA, TRANS]


def test_a_silent_head_says_the_training_mean(net, images):
    torch.nn.init.zeros_(net.head[-1].weight)
    torch.nn.init.zeros_(net.head[-1].bias)
    torch.testing.assert_close(net(images), net.mean.expand(3, -1), rtol=0, atol=0)
    total, terms = reconstruction_loss(net(images), net.mean.expand(3, -1), net.std)
    assert float(total.detach()) == pytest.approx(0, abs=1e-5)
    assert terms == pytest.approx(dict.fromkeys(terms, 0), abs=1e-5)


def test_loss_matches_nested_loops(net, images, generator):
    truth = 0.3 * torch.randn(3, 257, generator=generator)
    found, want = net(images).detach(), 0.0
    total, terms = reconstruction_loss(found, truth, net.std)
    terms = {name: float(term) for name, term in terms.items()}
    exp = (sum(float(net.std[i]) ** 2 for i in range(80, 144)) / 64) ** 0.5
    shares = [np.exp(-k / 8) for k in range(64)]
    shares = [share * 64 / sum(shares) for share in shares]
    for (block, weight), name in zip(BLOCK_WEIGHTS, terms):
        columns = range(*block.indices(257))
        away = (found - truth).double() / (exp if name == "exp" else net.std)
        counts = shares if name == "exp" else [1] * len(columns)
        squares = [n * away[b, i] ** 2 for b in range(3) for n, i in zip(counts, columns)]
        mean = float(sum(squares)) / len(squares)
        assert terms[name] == pytest.approx(mean, rel=1e-4)
        want += weight * mean
    want += POSE_WEIGHT * terms["pose"]
    assert float(total.detach()) == pytest.approx(want, rel=1e-4)


@pytest.fixture
def model(generator):
    """A face model of random numbers."""
    draws = torch.randn(71, 3, 226, generator=generator, dtype=torch.float64)
    numbers = torch.stack([torch.randperm(71, generator=generator) for _ in range(14)])
    return MorphableModel(
        draws[..., 0],
        0.1 * draws[..., 1:145],
        draws[..., 145].sigmoid(),
        0.1 * draws[..., 146:],
        numbers[:13, :3],
        numbers[13, :68],
    )


def test_loss_with_a_model_adds_landmarks_and_colours(model, generator):
    found, truth = 0.3 * torch.randn(2, 3, 257, generator=generator, dtype=torch.float64)
    std = torch.ones(257, dtype=torch.float64)
    plain, few = reconstruction_loss(found, truth, std)
    total, terms = reconstruction_loss(found, truth, std, model)
    assert {name: terms[name] for name in few} == few
    terms = {name: float(term) for name, term in terms.items()}
    places = [landmark_places(model, c).numpy() for c in (found, truth)]
    away = [math.dist(places[0][b, i], places[1][b, i]) for b in range(3) for i in range(68)]
    assert terms["landmarks"] == pytest.approx(sum(away) / len(away), rel=1e-6)
    shades = [colours(model, c).numpy() for c in (found, truth)]
    assert terms["colours"] == pytest.approx(np.abs(shades[0] - shades[1]).mean(), rel=1e-9)
    want = float(plain) + LANDMARK_WEIGHT * terms["landmarks"] + COLOUR_WEIGHT * terms["colours"]
    assert float(total) == pytest.approx(want, rel=1e-9)


def test_landmarks_are_the_persons_own(model, generator):
    truth = 0.3 * torch.randn(2, 257, generator=generator, dtype=torch.float64)
    found = truth.clone()
    found[:, ID] += 0.1
    assert pose_error(found, truth).item() < 1e-5 < landmark_error(found, truth, model).item()


def test_pose_error_of_a_move_across_the_picture_in_closed_form():
    truth = torch.zeros(2, 257, dtype=torch.float64)
    found = truth.clone()
    found[:, TRANS.start], found[:, TRANS.start + 1] = 0.03, 0.04
    want = sum(1015 * 0.05 / (10 - z) for _, _, z in HEAD_POINTS) / len(HEAD_POINTS)
    assert pose_error(found, truth).item() == pytest.approx(want, rel=1e-9)


def test_pose_error_gradients(generator):
    truth = 0.2 * torch.randn(2, 257, generator=generator, dtype=torch.float64)
    found = 0.2 * torch.randn(2, 257, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: pose_error(x, truth), found.requires_grad_())


def test_columns_that_never_vary_do_not_blow_up(net):
    net.set_statistics(torch.zeros(5, 257))
    assert net.std.min() == pytest.approx(1e-3)


def test_the_network_knows_where_a_pixel_is(net):
    grey = torch.full((1, 3, 256, 256), 0.5)
    inner = net.features(grey)[0, :, 3:5, 3:5].flatten(1)  # far from the padded border
    assert (inner - inner[:, :1]).abs().max() > 1e-3


def test_batches_do_not_mix_frames(net, frames):
    np.testing.assert_allclose(
        reconstruct(net, frames, batch_size=3), reconstruct(net, frames, batch_size=7), atol=1e-5
    )


def test_smoothing_matches_a_double_loop(net, frames):
    raw, found = reconstruct(net, frames, smoothing=0), reconstruct(net, frames, smoothing=0.7)
    weights = {k: math.exp(-0.5 * (k / 0.7) ** 2) for k in range(-3, 4)}
    for i in range(7):
        want = sum(w * raw[min(max(i + k, 0), 6)] for k, w in weights.items())
        np.testing.assert_allclose(found[i], want / sum(weights.values()), rtol=1e-4, atol=1e-5)


def test_smoothing_has_no_delay(net, frames):
    forwards, backwards = reconstruct(net, frames), reconstruct(net, frames[::-1].copy())
    np.testing.assert_allclose(forwards, backwards[::-1], atol=1e-5)


def test_one_frame_is_a_video(net, frames):
    assert reconstruct(net, frames[:1]).shape == (1, 257)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (np.zeros((2, 256, 256, 3), np.float32), r"float32 \(2, 256, 256, 3\)"),
        (np.zeros((2, 128, 256, 3), np.uint8), r"uint8 \(2, 128, 256, 3\)"),
        (np.zeros((0, 256, 256, 3), np.uint8), r"uint8 \(0, 256, 256, 3\)"),
    ],
)
def test_other_frames_are_refused(net, broken, said):
    with pytest.raises(ValueError, match=said):
        reconstruct(net, broken)


def test_a_small_picture_is_refused(net):
    with pytest.raises(ValueError, match=r"\(2, 3, 64, 64\); \(B, 3, 256, 256\)"):
        net(torch.zeros(2, 3, 64, 64))


def test_strange_pictures_are_told_from_known_ones(net, generator):
    ramp = torch.linspace(0, 1, 256).expand(3, 256, 256)
    tints = torch.rand(2, 41, 3, 1, 1, generator=generator) * 0.6 + 0.2
    known, fresh = (ramp * tint for tint in tints)
    assert net.unfamiliarity(fresh).abs().max() == 0  # never fitted: no opinion
    net.fit_familiarity(known)
    inside = net.unfamiliarity(known)
    assert inside.quantile(0.99).item() == pytest.approx(1, rel=1e-4)
    assert net.unfamiliarity(fresh).median() < 1.2
    assert net.unfamiliarity(torch.rand(5, 3, 256, 256, generator=generator)).min() > 2


def test_block_rounding_is_the_cosine_transform_rounded(generator):
    x = torch.rand(2, 3, 16, 24, generator=generator, dtype=torch.float64)
    step = torch.tensor([0.03, 0.2], dtype=torch.float64).reshape(2, 1, 1, 1)
    found = _quantise_blocks(x, step)
    n = np.arange(8)
    for b in range(2):
        sizes = float(step[b]) * (1 + n + n[:, None])
        for c in range(3):
            kept = dctn(found[b, c, 8:16, 16:24].numpy(), norm="ortho")
            want = np.round(dctn(x[b, c, 8:16, 16:24].numpy(), norm="ortho") / sizes) * sizes
            np.testing.assert_allclose(kept, want, atol=1e-12)


def test_augmentation_stays_in_range_and_repeats_with_its_seed(images):
    def draw(seed):
        return augment(images, torch.Generator().manual_seed(seed))

    assert draw(1).min() >= 0 and draw(1).max() <= 1
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_augmentation_moves_nothing(generator):
    square = torch.full((11, 3, 256, 256), 0.3)
    square[:, :, 96:128, 144:176] = 0.7
    # the contrast of the square against its surroundings lies where it lay: no sub-pixel shift
    weight = augment(square, generator).mean(1)[:, 80:144, 128:192]
    weight = (weight - weight[:, :4, :4].mean((1, 2))[:, None, None]).abs() > 0.08
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    for place in (rows, columns):
        centre = (place * weight).sum((1, 2)) / weight.sum((1, 2))
        torch.testing.assert_close(centre, torch.full((11,), 31.5), rtol=0, atol=0.5)


def spots(coefficients):
    """A picture with a soft spot at one head point, and where the point is (column, row)."""
    point = torch.tensor([0.2, 0.3, 0.1])
    place = project(point[None], coefficients[:, ANGLE], coefficients[:, TRANS], centre=(128, 128))
    place = torch.stack([place[:, 0, 0], 256 - place[:, 0, 1]], 1)
    axis = torch.arange(256) + 0.5
    away = (axis - place[:, :1])[:, None] ** 2 + (axis - place[:, 1:])[:, :, None] ** 2
    return torch.exp(-away / 50)[:, None].expand(-1, 3, -1, -1), place


def test_moved_camera_sees_the_head_where_the_moved_coefficients_put_it(generator):
    before = torch.zeros(23, 257)
    before[:, ANGLE] = 0.2 * torch.randn(23, 3, generator=generator)
    before[:, TRANS] = torch.tensor([0.05, 0.05, 0.3]) * torch.randn(23, 3, generator=generator)
    moved, after = move_camera(spots(before)[0], before, generator)
    want, old = spots(after)[1], spots(before)[1]
    weight = moved.mean(1)
    weight = weight / weight.sum((1, 2), keepdim=True)
    axis = torch.arange(256) + 0.5
    found = torch.stack([(weight.sum(1) * axis).sum(1), (weight.sum(2) * axis).sum(1)], 1)
    assert (want - old).norm(dim=1).mean() > 5
    torch.testing.assert_close(found, want, rtol=0, atol=0.2)


def test_moved_camera_leaves_the_face_itself_alone(images, generator):
    before = 0.2 * torch.randn(3, 257, generator=generator)
    _, after = move_camera(images, before, generator)
    for block in (ID, EXP, TEX, GAMMA):
        assert torch.equal(after[:, block], before[:, block])
    assert (after[:, ANGLE] - before[:, ANGLE]).abs().min() > 1e-4


def test_camera_that_does_not_move_changes_nothing(images, generator):
    before = 0.2 * torch.randn(3, 257, generator=generator)
    same, after = move_camera(images, before, generator, size=0)
    torch.testing.assert_close(same, images, rtol=0, atol=1e-4)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
