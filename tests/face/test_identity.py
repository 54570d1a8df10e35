r"""Oracles: Eq. 6 in closed form for a linear V and as nested loops; the margin softmax as nested
loops; the equal error rate by trying every threshold; gradcheck."""

import pytest
import torch

from mfr.config import IdentityConfig
from mfr.face.identity import (
    IdentityNet,
    MarginHead,
    ShapeHead,
    identity_loss,
    recognition_loss,
    verification_error,
)

CONFIG = IdentityConfig(width=8, identity_dim=11)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return IdentityNet(CONFIG)


def noise(generator, *shape, dtype=torch.float32):
    return torch.rand(*shape, generator=generator, dtype=dtype)


def linear_v(generator, inputs, outputs):
    weight = torch.randn(inputs, outputs, generator=generator, dtype=torch.float64)
    return lambda images: images.flatten(1) @ weight, weight


@pytest.mark.equation("identity_loss")
def test_eq6_is_zero_on_equal_images(net, generator):
    images = noise(generator, 2, 3, 256, 256)
    assert identity_loss(net, images, images).item() == 0


@pytest.mark.equation("identity_loss")
def test_eq6_closed_form_on_a_linear_v(generator):
    V, weight = linear_v(generator, 3 * 5 * 7, 11)
    real = noise(generator, 2, 3, 5, 7, dtype=torch.float64)
    found = identity_loss(V, real + 0.25, real)  # V moves by 0.25 times the column sums
    torch.testing.assert_close(found, 0.25 * weight.sum(0).abs().sum(), rtol=1e-9, atol=0)


@pytest.mark.equation("identity_loss")
def test_eq6_sums_over_the_vector_and_averages_over_the_batch(generator):
    V, weight = linear_v(generator, 3 * 2 * 2, 7)
    fake, real = noise(generator, 2, 5, 3, 2, 2, dtype=torch.float64)
    total = 0.0
    for b in range(5):
        difference = (fake[b] - real[b]).flatten()
        for k in range(7):
            total += abs(sum(float(difference[i] * weight[i, k]) for i in range(12)))
    assert identity_loss(V, fake, real).item() == pytest.approx(total / 5, rel=1e-9)


@pytest.mark.equation("identity_loss")
def test_eq6_gradients(generator):
    V, _ = linear_v(generator, 12, 7)
    fake, real = noise(generator, 2, 3, 3, 2, 2, dtype=torch.float64)
    fake.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: identity_loss(V, x, real), fake)


@pytest.mark.equation("identity_loss")
def test_eq6_frozen_v_while_the_image_receives_gradient(net, generator):
    net.requires_grad_(False)
    fake, real = noise(generator, 2, 2, 3, 256, 256).requires_grad_().unbind()
    fake.retain_grad()
    real.retain_grad()
    identity_loss(net, fake, real).backward()
    assert fake.grad.abs().sum() > 0
    assert real.grad is None or real.grad.abs().sum() == 0
    assert all(parameter.grad is None for parameter in net.parameters())


def test_eq6_refuses_two_shapes(net):
    with pytest.raises(ValueError, match=r"fake \(2, 3, 5, 7\) and real \(3, 3, 5, 7\)"):
        identity_loss(net, torch.zeros(2, 3, 5, 7), torch.zeros(3, 3, 5, 7))


def test_vector_has_length_one(net, generator):
    vectors = net(noise(generator, 3, 3, 256, 256))
    assert vectors.shape == (3, 11)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


def test_maps_halve_from_block_to_block(net, generator):
    maps = net.features(noise(generator, 2, 3, 256, 256))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (8, 128, 128),
        (16, 64, 64),
        (32, 32, 32),
        (64, 16, 16),
        (64, 8, 8),
    ]


def test_vector_does_not_see_the_wall(net, generator):
    images = noise(generator, 2, 3, 256, 256)
    walls = images.clone()
    walls[..., :56, :] = walls[..., :32] = walls[..., 224:] = 0
    walls[..., 56:90, 32:66] = 1  # a corner of the crop
    assert torch.equal(net(walls), net(images))
    walls[..., 140:160, 120:140] = 1
    assert not torch.allclose(net(walls), net(images), atol=1e-4)


def test_a_small_picture_is_refused(net):
    for function in (net, net.features):
        with pytest.raises(ValueError, match=r"\(2, 3, 128, 128\); \(B, 3, 256, 256\)"):
            function(torch.zeros(2, 3, 128, 128))


def test_margin_softmax_matches_nested_loops(generator):
    head = MarginHead(5, CONFIG).double().requires_grad_(False)
    vectors = torch.randn(3, 11, generator=generator, dtype=torch.float64)
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    person = torch.tensor([4, 0, 4])
    logits = head(vectors, person)
    for b in range(3):
        for j in range(5):
            w = head.weight[j]
            cosine = sum(float(vectors[b, k] * w[k]) for k in range(11)) / float(w.norm())
            want = CONFIG.scale * (cosine - (CONFIG.margin if person[b] == j else 0))
            assert logits[b, j].item() == pytest.approx(want, rel=1e-9)


def test_recognition_loss_is_the_cross_entropy_of_the_margin_softmax(net, generator):
    images, person = noise(generator, 2, 3, 256, 256), torch.tensor([2, 0])
    head = MarginHead(3, CONFIG)
    logits = head(net(images), person).detach()
    want = sum(float(logits[b].logsumexp(0) - logits[b, person[b]]) for b in range(2)) / 2
    assert recognition_loss(head, net(images), person).item() == pytest.approx(want, rel=1e-5)


def test_error_of_the_shape_matches_nested_loops(generator):
    coefficients = torch.randn(7, 257, generator=generator, dtype=torch.float64)
    coefficients[:, 3] = 0.25  # a column that never varies
    head = ShapeHead(CONFIG, coefficients).double().requires_grad_(False)
    vectors = torch.randn(5, 11, generator=generator, dtype=torch.float64)
    faces = torch.randn(5, 257, generator=generator, dtype=torch.float64)
    faces[:, 3] = 0.25
    total = 0.0
    for k in range(80):
        known = [float(row[k]) for row in coefficients]
        mean = sum(known) / 7
        std = (sum((x - mean) ** 2 for x in known) / 6) ** 0.5
        for b in range(5):
            told = float(head.linear.bias[k]) + CONFIG.scale * sum(
                float(head.linear.weight[k, i] * vectors[b, i]) for i in range(11)
            )
            total += (told - (float(faces[b, k]) - mean) / max(std, 1e-3)) ** 2
    assert head.error(vectors, faces).item() == pytest.approx(total / (5 * 80), rel=1e-9)


def test_v_of_a_frame_is_v_of_the_part_that_it_looks_at(net, generator):
    images = noise(generator, 2, 3, 256, 256)
    assert torch.equal(net(images), net.of_faces(images[..., 56:248, 32:224]))


def test_equal_error_rate_agrees_with_every_threshold_tried(generator):
    vectors = torch.randn(13, 7, generator=generator, dtype=torch.float64)
    person = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 2])
    vectors = vectors + 2 * torch.eye(3, 7, dtype=torch.float64)[person]
    vectors = torch.nn.functional.normalize(vectors, dim=1)
    same, other = [], []
    for i in range(13):
        for j in range(i + 1, 13):
            (same if person[i] == person[j] else other).append(float(vectors[i] @ vectors[j]))
    rates = []
    for limit in same + other:
        refused = sum(c < limit for c in same) / len(same)
        passed = sum(c >= limit for c in other) / len(other)
        rates.append((abs(refused - passed), (refused + passed) / 2))
    assert verification_error(vectors, person) == pytest.approx(min(rates)[1], rel=1e-9)


def test_equal_error_rate_of_perfect_vectors_is_zero():
    person = torch.tensor([0, 0, 1, 1, 2, 2, 2])
    assert verification_error(torch.eye(3)[person], person) == 0


def test_equal_error_rate_needs_both_kinds_of_pair():
    with pytest.raises(ValueError, match="0 of 1 pairs are of one person"):
        verification_error(torch.eye(2), torch.tensor([0, 1]))
