r"""Oracles: the matting equation, a fill in nested float64 loops, pixels by hand."""

import torch

from mfr.render.layers import SPREAD, TRUST, compose, fill, split


def doubled(coarse, side):
    """Bilinear, twice the side, edges repeated; by the position of each pixel's centre."""
    fine = [[0.0] * side for _ in range(side)]
    last = len(coarse) - 1
    for y in range(side):
        for x in range(side):
            v, u = min(max((y + 0.5) / 2 - 0.5, 0), last), min(max((x + 0.5) / 2 - 0.5, 0), last)
            y0, x0 = int(v), int(u)
            y1, x1 = min(y0 + 1, last), min(x0 + 1, last)
            top = coarse[y0][x0] * (1 - u + x0) + coarse[y0][x1] * (u - x0)
            bottom = coarse[y1][x0] * (1 - u + x0) + coarse[y1][x1] * (u - x0)
            fine[y][x] = top * (1 - v + y0) + bottom * (v - y0)
    return fine


def slow_fill(image, weight):
    """One channel as lists; a level at a time, by recursion."""
    side = len(image)
    if side == 1:
        return image
    colour, coarse_weight = [], []
    for y in range(0, side, 2):
        colour.append([])
        coarse_weight.append([])
        for x in range(0, side, 2):
            four = [(y, x), (y, x + 1), (y + 1, x), (y + 1, x + 1)]
            total = sum(weight[j][i] for j, i in four)
            mean = sum(weight[j][i] * image[j][i] for j, i in four) / total if total else 0.0
            colour[-1].append(mean)
            coarse_weight[-1].append(min(SPREAD * total / 4, 1.0))
    around = doubled(slow_fill(colour, coarse_weight), side)
    return [
        [weight[y][x] * image[y][x] + (1 - weight[y][x]) * around[y][x] for x in range(side)]
        for y in range(side)
    ]


def test_fill_matches_nested_loops(generator):
    image = torch.rand(2, 3, 8, 8, generator=generator, dtype=torch.float64)
    known = torch.rand(2, 1, 8, 8, generator=generator, dtype=torch.float64)
    known[0, :, 2:6, :4] = 0
    known[1, :, 4:] = 1
    found = fill(image, known)
    for b in range(2):
        for c in range(3):
            want = slow_fill(image[b, c].tolist(), (known[b, 0] ** TRUST).tolist())
            torch.testing.assert_close(found[b, c], torch.tensor(want, dtype=torch.float64))


def test_fill_keeps_what_is_known_and_spreads_one_colour(generator):
    image = torch.rand(1, 3, 16, 16, generator=generator)
    assert torch.equal(fill(image, torch.ones(1, 1, 16, 16)), image)
    known = torch.zeros(1, 1, 16, 16)
    known[..., 3:5, 11] = 1
    image[:, :, 3:5, 11] = torch.tensor([0.2, 0.5, 0.9])[:, None]
    want = torch.tensor([0.2, 0.5, 0.9])[:, None, None].expand(1, 3, 16, 16)
    torch.testing.assert_close(fill(image, known), want)


def test_fill_takes_the_nearer_colour():
    image, known = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    image[..., 32:] = 1
    image[..., 12:20] = 0.5  # something hides columns 12 to 19, far from the bright half
    known[..., 12:20] = 0
    assert fill(image, known)[..., 12:20].max() < 0.1


def test_layers_laid_upon_each_other_are_the_portrait(generator):
    portrait = torch.rand(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    masks = torch.rand(2, 2, 32, 32, generator=generator, dtype=torch.float64)
    found = compose(*split(portrait, masks))
    torch.testing.assert_close(found, portrait, rtol=0, atol=1e-12)


def test_each_layer_shows_what_it_is():
    portrait = torch.zeros(1, 3, 32, 32)
    portrait[:, 0, :16, 8:24] = 1  # a red head
    portrait[:, 1, 16:] = 1  # on a green body
    portrait[:, 2, :16, :8] = portrait[:, 2, :16, 24:] = 1  # before a blue wall
    masks = torch.zeros(1, 2, 32, 32)
    masks[:, 0, :16, 8:24] = 1
    masks[:, 1, 16:] = 1
    masks[:, 1, 12:16, 8:24] = 1  # the body goes on behind the chin
    layers = split(portrait, masks)
    red, green, blue = torch.eye(3)

    def at(layer, row, column):
        return layer[0, :, row, column]

    torch.testing.assert_close(at(layers.head, 5, 12), torch.cat([red, torch.ones(1)]))
    assert not at(layers.head, 5, 2).any() and not at(layers.head, 20, 12).any()
    torch.testing.assert_close(at(layers.body, 20, 12), torch.cat([green, torch.ones(1)]))
    torch.testing.assert_close(at(layers.body, 14, 12), torch.cat([green, torch.ones(1)]))
    assert not at(layers.body, 5, 12).any()
    torch.testing.assert_close(at(layers.still, 5, 12), blue)
    torch.testing.assert_close(at(layers.still, 5, 2), blue)


def test_half_a_share_of_hair_gives_back_its_own_colour():
    """The matting equation: a pixel half black hair, half white wall, is grey."""
    portrait, masks = torch.ones(1, 3, 16, 16), torch.zeros(1, 2, 16, 16)
    portrait[..., 8], masks[:, 0, :, 8] = 0.5, 0.5
    portrait[..., 9:], masks[:, 0, :, 9:] = 0.0, 1.0
    layers = split(portrait, masks)
    torch.testing.assert_close(layers.head[0, :3, :, 8], torch.zeros(3, 16), rtol=0, atol=0.1)
    black = torch.zeros(1, 3, 16, 16)
    found = compose(layers.head, layers.body, black)  # the same hair before a black wall
    assert found[..., 8].abs().max() < 0.1


def test_composition_by_hand():
    def pixel(*values):
        return torch.tensor(values)[None, :, None, None]

    head = pixel(0.3, 0.0, 0.1, 0.5)
    body = pixel(0.0, 0.2, 0.2, 0.25)
    still = pixel(0.8, 0.4, 1.0)
    want = pixel(0.3 + 0.5 * (0.75 * 0.8), 0.5 * (0.2 + 0.75 * 0.4), 0.1 + 0.5 * (0.2 + 0.75))
    torch.testing.assert_close(compose(head, body, still), want)


def test_gradients(generator):
    portrait = torch.rand(1, 3, 4, 4, generator=generator, dtype=torch.float64)
    masks = 0.3 + 0.2 * torch.rand(1, 2, 4, 4, generator=generator, dtype=torch.float64)
    masks.requires_grad_()
    assert torch.autograd.gradcheck(lambda m: torch.cat([*split(portrait, m)], 1), masks)
