r"""Oracles: nested loops for the Gram matrix, closed forms for hinge and L1, the sum written out
for the whole loss, gradcheck."""


import pytest
import torch
from torch.nn import functional as F

from mfr.config import RendererConfig
from mfr.render.losses import (
    SMALL,
    PatchDiscriminator,
    discriminator_loss,
    gan_loss,
    gram,
    perceptual_loss,
    pixel_loss,
    renderer_loss,
    style_loss,
)

TERMS = ("pixel", "perceptual", "style", "identity", "gan")


def maps(generator, seed_shapes=((2, 3, 5, 7), (2, 5, 3, 2))):
    return [torch.randn(*s, generator=generator, dtype=torch.float64) for s in seed_shapes]


def halves(images):
    """A plain feature extractor: the picture at two sizes."""
    return [F.avg_pool2d(images, 2), F.avg_pool2d(images, 4)]


def vector(images):
    return images.mean((2, 3))


@pytest.fixture
def batch(generator):
    return torch.rand(2, 2, 3, 16, 16, generator=generator)


def test_gram_matches_nested_loops(generator):
    x = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    found = gram(x)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                total = sum(
                    float(x[b, i, r, c] * x[b, j, r, c]) for r in range(5) for c in range(7)
                )
                assert found[b, i, j].item() == pytest.approx(total / (3 * 5 * 7), rel=1e-9)


def test_gram_does_not_know_where(generator):
    x = torch.randn(2, 3, 5, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(gram(x.roll((2, 3), (2, 3))), gram(x), rtol=1e-9, atol=1e-12)


def test_perceptual_loss_is_the_mean_of_the_maps_l1(generator):
    real = maps(generator)
    fake = [real[0] + 0.5, real[1] - 0.25]
    assert perceptual_loss(fake, real).item() == pytest.approx((0.5 + 0.25) / 2, rel=1e-9)


def test_style_loss_of_doubled_maps(generator):
    real = maps(generator)
    want = sum(3 * gram(x).abs().mean() for x in real) / 2  # the Gram matrix of 2x is 4 G
    torch.testing.assert_close(style_loss([2 * x for x in real], real), want, rtol=1e-9, atol=0)


@pytest.mark.parametrize("loss", [perceptual_loss, style_loss])
def test_maps_losses_gradients(loss, generator):
    fake, real = maps(generator), maps(generator)
    assert torch.autograd.gradcheck(
        lambda *x: loss(list(x), real), [x.requires_grad_() for x in fake]
    )


def test_other_number_of_maps_is_refused(generator):
    with pytest.raises(ValueError, match="fake has 2 maps, real 1"):
        perceptual_loss(maps(generator), maps(generator)[:1])


def test_pixel_loss_matches_nested_loops(generator):
    fake, real = torch.rand(2, 2, 3, 8, 12, generator=generator, dtype=torch.float64)
    want = 0.0
    for side in (1, 2, 4):
        values = []
        for row in range(0, 8, side):
            for column in range(0, 12, side):
                cell = (fake - real)[:, :, row : row + side, column : column + side]
                d = cell.mean((2, 3))
                values.append(float((torch.hypot(d, torch.full_like(d, SMALL)) - SMALL).mean()))
        want += sum(values) / len(values) / 3
    assert pixel_loss(fake, real).item() == pytest.approx(want, rel=1e-9)


def test_hinge_closed_form():
    real, fake = torch.tensor([[-2.0, -1.0, 0.5, 2.0], [-3.0, -0.5, 0.0, 2.0]])
    # real: 1 - s = 3, 2, 0.5, 0 -> 5.5 / 4; fake: 1 + s = 0, 0.5, 1, 3 -> 4.5 / 4
    assert discriminator_loss(lambda x: x, fake, real).item() == pytest.approx(10 / 4)
    assert gan_loss(lambda x: x, fake).item() == pytest.approx(1.5 / 4)


def test_hinge_sends_no_gradient_to_the_renderer():
    fake, real = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    discriminator_loss(lambda x: x, fake, real).backward()
    assert fake.grad is None
    assert real.grad.abs().sum() > 0


def test_discriminator_judges_patches(generator):
    discriminator = PatchDiscriminator(width=8)
    images = torch.rand(2, 3, 256, 256, generator=generator, requires_grad=True)
    scores = discriminator(images)
    assert scores.shape == (2, 1, 32, 32)
    scores[0, 0, 16, 16].backward()
    rows = images.grad[0].abs().sum((0, 2)).nonzero()
    # three layers of 4 wide steps and one of 3: 4 + 2 * 3 + 4 * 3 + 8 * 2 = 38 pixels
    assert rows.max() - rows.min() + 1 == 38
    assert images.grad[1].abs().sum() == 0


def test_renderer_loss_is_the_weighted_sum_of_its_terms(batch):
    fake, real = batch
    config = RendererConfig(
        pixel_weight=2,
        perceptual_weight=3,
        style_weight=5,
        identity_weight=11,
        gan_weight=13,
    )
    total, terms = renderer_loss(fake, real, config, vector, halves, vector)
    want = {
        "pixel": pixel_loss(fake, real),
        "perceptual": sum((a - b).abs().mean() for a, b in zip(halves(fake), halves(real))) / 2,
        "style": style_loss(halves(fake), halves(real)),
        "identity": (vector(fake) - vector(real)).abs().sum() / 2,
        "gan": -vector(fake).mean(),
    }
    assert terms == pytest.approx({name: float(value) for name, value in want.items()})
    by_hand = sum(w * want[name] for w, name in zip((2, 3, 5, 11, 13), TERMS))
    assert float(total) == pytest.approx(float(by_hand), rel=1e-5)


@pytest.mark.parametrize("term", TERMS)
def test_weight_zero_switches_a_term_off(term, batch):
    fake, real = batch
    config = RendererConfig(**{f"{term}_weight": 0})
    _, terms = renderer_loss(fake, real, config, vector, halves, vector)
    assert set(terms) == set(TERMS) - {term}


def test_absent_networks_leave_their_terms_out(batch):
    fake, real = batch
    assert set(renderer_loss(fake, real, RendererConfig())[1]) == {"pixel"}
