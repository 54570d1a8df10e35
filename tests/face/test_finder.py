r"""Squares around faces. Oracles: ramps whose pixels are known everywhere, the reconstruction's own
camera, maps written by the training and read back, synthetic people at known places."""

import math
from functools import cache

import numpy as np
import pytest
import torch

from mfr import config, pipeline
from mfr.face import camera, finder
from mfr.face.finder import Face
from mfr.training import checkpoint
from mfr.training import finder as stage
from mfr.training.clutter import clutter


@pytest.fixture(scope="module")
def trained():
    content = checkpoint.load(pipeline.FINDER, "finder")
    net = finder.FinderNet(content["config"])
    net.load_state_dict(content["model"])
    return net.eval()


def ramp(height, width):
    r"""An image that is 0.001 x + 0.002 y at each pixel's middle."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return (0.001 * x + 0.002 * y).expand(1, 3, -1, -1)


def test_a_tilted_squares_right_end_is_raised():
    left_top, right_top, right_bottom, _ = Face(50, 40, 20, 0.3).corners()
    assert right_top[1] < left_top[1] and math.isclose(math.dist(left_top, right_top), 20)
    middle = np.add(left_top, right_bottom) / 2
    assert np.allclose(middle, [50, 40])
    assert np.allclose(Face(50, 40, 20).corners()[0], [40, 30])


def test_a_cut_in_its_own_size_is_the_pixels_themselves():
    image = torch.rand(1, 3, 71, 97, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        finder.cut(image, Face(40, 30, 38), 38), image[:, :, 11:49, 21:59], atol=1e-6
    )
    whole = (image * 255).round().byte()
    assert torch.equal(
        (finder.cut(whole, Face(40, 30, 38), 38) * 255).round().byte(), whole[:, :, 11:49, 21:59]
    )


@pytest.mark.parametrize("tilt, side", [(0.0, 61.0), (0.4, 61.0), (-0.5, 130.0)])
def test_a_cut_sees_each_place_where_it_is(tilt, side):
    size, face = 43, Face(150.3, 140.7, side, tilt)
    found = finder.cut(ramp(301, 307), face, size)[0, 0]
    unit = (torch.arange(size) + 0.5) / size - 0.5
    v, u = torch.meshgrid(unit * side, unit * side, indexing="ij")
    x = face.x + math.cos(tilt) * u + math.sin(tilt) * v
    y = face.y - math.sin(tilt) * u + math.cos(tilt) * v
    assert (found - (0.001 * x + 0.002 * y)).abs().max() < 2e-3


def test_beyond_the_picture_its_edge_goes_on_or_a_value_stands():
    image = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(1))
    edge = finder.cut(image, Face(0, 10, 20), 20)
    assert torch.allclose(edge[..., :10], image[..., :1].expand(-1, -1, -1, 10), atol=1e-6)
    grey = finder.cut(image, Face(0, 10, 20), 20, beyond=0.5)
    assert torch.allclose(grey[..., :9], torch.tensor(0.5), atol=1e-2)


def test_a_map_says_the_squares_that_were_written_into_it():
    truth, weight = torch.zeros(2, 5, 14, 14), torch.ones(2, 14, 14)
    squares = torch.tensor([[50.0, 61.0, 49.0, 0.2], [31.0, 80.0, 71.0, -0.4]])
    there, face = torch.tensor([True, True]), torch.tensor([True, False])
    stage._say(truth, weight, squares, there, face)
    rows = finder.read_map(truth[0])
    said = rows[rows[:, 4] > 0.6]  # a truth of 1 is a logit of 1
    assert len(said) >= 2 and torch.allclose(said[:, :4], squares[0].expand_as(said[:, :4]))
    assert truth[1].abs().sum() == 0 and (weight[0] == 0).any() and (weight[1] == 1).all()


def test_what_a_cell_says_does_not_depend_on_what_is_far_away(trained):
    image = torch.rand(1, 3, 160, 240, generator=torch.Generator().manual_seed(2))
    other = image.clone()
    other[..., 124:] = 0.1  # cell 10's middle is at 84; it sees 71 pixels
    with torch.no_grad():
        one, two = trained(image), trained(other)
    assert torch.allclose(one[..., :11], two[..., :11], atol=1e-5)
    assert not torch.allclose(one[..., 16:], two[..., 16:], atol=1e-3)


@pytest.mark.parametrize("tilt", [0.0, 0.35])
def test_the_reconstructed_head_lies_in_the_middle_of_the_new_square(tilt):
    old = Face(300.0, 200.0, 180.0, tilt)
    coefficients = torch.zeros(257)
    coefficients[224:227] = torch.tensor([0.1, -0.2, 0.25])
    coefficients[254:257] = torch.tensor([0.21, -0.13, 0.9])
    new = finder.framed_by(coefficients, old)
    assert new.tilt == pytest.approx(tilt + 0.25)
    # a disc of 1 unit around the head's middle, seen by the old square's camera
    at = camera.project(
        torch.zeros(1, 1, 3), torch.zeros(1, 3), coefficients[None, 254:], centre=(128, 128)
    )[0, 0]
    u, v = (float(at[0]) / 256 - 0.5) * old.side, (0.5 - float(at[1]) / 256) * old.side
    x = old.x + math.cos(tilt) * u + math.sin(tilt) * v
    y = old.y - math.sin(tilt) * u + math.cos(tilt) * v
    assert (new.x, new.y) == pytest.approx((x, y), abs=1e-3)
    # pixels a unit in the picture: the same through either square
    assert 1015 / 9.1 / 256 * old.side == pytest.approx(1015 / 10 / 256 * new.side)


class Says(torch.nn.Module):
    r"""A reconstruction that sees the head at one trans, whatever it is shown."""

    def __init__(self, *trans):
        super().__init__()
        self.trans = torch.nn.Parameter(torch.tensor(trans))

    def forward(self, images):
        return torch.cat([torch.zeros(1, 254), self.trans.detach()[None]], 1)


def test_the_reconstruction_is_not_followed_far_away():
    picture, face = np.zeros((300, 300, 3), np.uint8), Face(150, 150, 100)
    assert finder.refine(Says(1.5, 0.0, 0.0), picture, face) == face
    assert finder.refine(Says(0.0, 0.0, 5.0), picture, face) == face


def test_the_size_lies_between_what_both_say():
    picture, face = np.zeros((300, 300, 3), np.uint8), Face(150, 150, 100)
    found = finder.refine(Says(0.0, 0.0, 0.5), picture, face)
    told = 100 * (10 / 9.5) ** 3  # thrice the same answer
    assert found.side == pytest.approx(0.96 * 100 * (told / 100) ** 0.65, rel=1e-4)


def test_a_square_is_cut_inside_the_picture():
    found = finder.settle(Face(20.4, 30.2, 99.7, 0.1), 400, 300)
    assert found[:4] == (50, 50, 100, 0)
    assert finder.settle(Face(390, 290, 100, -0.4), 400, 300)[:4] == (350, 250, 100, -0.4)
    assert finder.settle(Face(200, 100, 900), 400, 300).side == 300


def test_a_framed_square_picture_is_taken_as_it_is():
    assert finder.settle(Face(131, 124, 238), 256, 256)[:4] == (128, 128, 256, 0)
    assert finder.settle(Face(131, 124, 200), 256, 256).side == 200
    assert finder.settle(Face(131, 124, 238), 256, 300).side == 238


def test_of_squares_in_one_place_the_surest_stays():
    faces = [Face(50, 50, 40, 0, 0.6), Face(58, 50, 44, 0, 0.9), Face(88, 50, 40, 0, 0.5)]
    assert finder._distinct(faces) == faces[1:]


@pytest.mark.parametrize("seed", [0, 3])
def test_clutter_differs_and_is_a_picture(seed):
    rng = np.random.default_rng(seed)
    made = np.stack([clutter(rng, 48) for _ in range(24)])
    assert made.shape == (24, 48, 48, 3) and made.dtype == np.uint8
    assert len({picture.tobytes() for picture in made}) == 24


@cache
def people(seed, count):
    r"""Cut-out people, RGBA in [0, 1], whose square is the middle half."""
    from data_tools.make_cutouts import views

    return [
        views(np.random.default_rng([seed, 99, number]), 1)[0].astype(np.float32) / 255
        for number in range(count)
    ]


def room(rng, height, width):
    r"""A picture without a face that the training never saw."""
    from data_tools.synthetic.picture.backdrop import background

    picture = background(int(rng.integers(6)), int(rng.integers(10**6))).transpose(1, 2, 0)
    rows = np.arange(height) * 256 // height
    return picture[rows][:, np.arange(width) * 256 // width]


def paste(picture, cutout, face):
    r"""A cutout before a picture, so that its middle half is the square of a face."""
    height, width = picture.shape[:2]
    cutout = np.concatenate([cutout[..., :3] * cutout[..., 3:], cutout[..., 3:]], 2)
    tensor = torch.from_numpy(cutout).permute(2, 0, 1)[None]
    y = torch.arange(height)[:, None] + 0.5 - face.y
    x = torch.arange(width)[None] + 0.5 - face.x
    c, s = math.cos(face.tilt), math.sin(face.tilt)
    grid = torch.stack([c * x - s * y, s * x + c * y], -1)[None] / face.side
    pasted = torch.nn.functional.grid_sample(tensor, grid.float(), align_corners=False)[0]
    pasted = pasted.permute(1, 2, 0).numpy()
    return picture * (1 - pasted[..., 3:]) + pasted[..., :3]


def as_bytes(picture):
    return (255 * picture.clip(0, 1)).round().astype(np.uint8)


def test_people_are_found_wherever_they_are(trained):
    rng, right = np.random.default_rng(5), 0
    cutouts = people(5, 6)
    for number in range(12):
        height, width = ((360, 640), (640, 360), (400, 400))[number % 3]
        side = min(height, width) * math.exp(rng.uniform(math.log(1 / 6), math.log(0.9)))
        x, y = rng.uniform(side / 2, width - side / 2), rng.uniform(side / 2, height - side / 2)
        truth = Face(x, y, side, rng.uniform(-0.5, 0.5))
        picture = as_bytes(paste(room(rng, height, width), cutouts[number % 6], truth))
        found = finder.find(trained, picture)
        right += bool(found) and (
            math.hypot(found[0].x - x, found[0].y - y) < 0.1 * side
            and abs(found[0].side / side - 1) < 0.2
            and abs(found[0].tilt - truth.tilt) < 0.3
        )
    assert right >= 11


def test_of_two_people_the_larger_comes_first(trained):
    one, other = people(6, 2)
    rng = np.random.default_rng(6)
    large, small = Face(180, 190, 200), Face(480, 150, 110)
    picture = paste(paste(room(rng, 360, 640), one, large), other, small)
    found = finder.find(trained, as_bytes(picture))
    assert len(found) == 2 and abs(found[0].x - 180) < 20 and abs(found[1].x - 480) < 11


def test_rooms_and_clutter_hold_no_face(trained):
    rng = np.random.default_rng(7)
    pictures = [as_bytes(room(rng, 300, 400)) for _ in range(10)]
    pictures += [clutter(rng, 300) for _ in range(10)]
    pictures += [rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)]
    assert sum(bool(finder.find(trained, picture)) for picture in pictures) <= 1


def test_a_few_steps_of_training_lower_the_loss(tmp_path):
    from PIL import Image

    for number, cutout in enumerate(people(8, 4) * 5):
        Image.fromarray(as_bytes(cutout)).save(tmp_path / f"{number:05d}_0.png")
    settings = config.preset("finder", width=8, pictures=64, batch_size=8)
    torch.manual_seed(0)
    made = stage.FinderStage(settings, tmp_path, tmp_path, "cpu")
    draw = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(made.modules.parameters(), 3e-3)
    made.network.eval()
    before = made.held_out_loss(made.network)
    made.network.train()
    for step in range(30):
        loss, terms = made.loss(step, draw, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert set(terms) == {"face", "place", "size", "tilt"}
    made.network.eval()
    assert made.held_out_loss(made.network) < 0.9 * before


def test_too_few_cutouts_are_named(tmp_path):
    with pytest.raises(ValueError, match="0 cutouts.*at least 20 are needed"):
        stage.FinderStage(config.preset("finder"), tmp_path, tmp_path, "cpu")
