r"""SSIM and PSNR.

Oracles: closed forms (equal images, constants, a constant offset), an 11 x 11 window moved by a
loop in float64, and scikit-image's values on pictures made by integer formulas.
"""

import numpy as np
import pytest
import torch

from mfr.evaluation.metrics import psnr, ssim


def picture(name, height=192, width=256):
    r"""A grey picture by integer arithmetic, the same on every machine: (H, W) uint8."""
    y, x = np.mgrid[:height, :width]
    noise = (3 * x * x + 5 * y * y + 7 * x * y) % 251
    discs = 60 + 120 * (((x - 128) ** 2 + (y - 96) ** 2) // 900 % 2)
    oval = (x - 128) ** 2 * 9 + (y - 96) ** 2 * 5 < 40000
    face = np.where(oval, 180 + (x - 128) // 9 + y * x % 7, 70 + y // 8)
    for eye in (100, 156):
        face = face - 90 * ((x - eye) ** 2 + (y - 80) ** 2 < 90)
    face = face - 60 * ((x - 128) ** 2 + 9 * (y - 130) ** 2 < 900)
    dots = 100 + ((x % 32 == 15) & (y % 61 == 29))
    made = {
        "noise": noise,
        "fine": box(noise, 1),
        "coarse": box(noise, 3),
        "discs": box(discs, 2),
        "face": box(face, 1),
        "faint dots": dots,
        "ramp": x * 255 // (width - 1),
        "step": 20 + 90 * (x > 150) + 90 * (x > 151),
    }
    return made[name].clip(0, 255).astype(np.uint8)


def box(x, radius):
    r"""Mean over a square, rounded down."""
    size = 2 * radius + 1
    padded = np.pad(x, radius, mode="edge")
    rows = sum(padded[i : i + x.shape[0]] for i in range(size))
    return sum(rows[:, j : j + x.shape[1]] for j in range(size)) // size**2


def colour(*names):
    r"""Three grey pictures as the channels of one image: (1, H, W, 3) uint8."""
    return np.stack([picture(name) for name in names], axis=-1)[None]


# scikit-image 0.26.0, python -m tests.benchmarks.bench_metrics --references, on float64 / 255:
# structural_similarity(channel_axis=2, gaussian_weights=True, sigma=1.5, data_range=1,
# use_sample_covariance=False) and peak_signal_noise_ratio(data_range=1)
REFERENCES = {
    ("face", "discs", "coarse", "face", "discs", "fine"): (0.7305740870293604, 26.0002257625652),
    ("face", "fine", "ramp", "coarse", "noise", "discs"): (0.2660634818973198, 11.425085320560594),
}


def unit(images):
    r"""uint8 (B, H, W, C) as float64 (B, C, H, W)."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).double() / 255


@pytest.mark.parametrize("names", REFERENCES)
def test_ssim_and_psnr_are_those_of_scikit_image(names):
    x, y = colour(*names[:3]), colour(*names[3:])
    want_ssim, want_psnr = REFERENCES[names]
    assert ssim(unit(x), unit(y)) == pytest.approx([want_ssim], abs=1e-12)
    assert psnr(unit(x), unit(y)) == pytest.approx([want_psnr], rel=1e-12)
    assert ssim(x, y) == pytest.approx([want_ssim], abs=1e-5)  # bytes, in float32
    assert psnr(x, y) == pytest.approx([want_psnr], rel=1e-6)


def slow_ssim(x, y):
    r"""The 11 x 11 window at each place where it fits, (H, W) float64."""
    ticks = np.arange(-5, 6)
    window = np.exp(-(ticks[:, None] ** 2 + ticks**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mu_a, mu_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mu_a) ** 2).sum(), (window * (b - mu_b) ** 2).sum()
            cov = (window * (a - mu_a) * (b - mu_b)).sum()
            top = (2 * mu_a * mu_b + 0.01**2) * (2 * cov + 0.03**2)
            values.append(top / ((mu_a**2 + mu_b**2 + 0.01**2) * (var_a + var_b + 0.03**2)))
    return np.mean(values)


def test_ssim_is_a_window_moved_by_a_loop(generator):
    x, y = torch.rand(2, 2, 3, 13, 17, generator=generator, dtype=torch.float64)
    want = [np.mean([slow_ssim(a, b) for a, b in zip(*pair)]) for pair in zip(x.numpy(), y.numpy())]
    np.testing.assert_allclose(ssim(x, y), want, rtol=1e-9)


def test_ssim_of_an_image_with_itself_is_1(generator):
    x = torch.rand(2, 3, 11, 13, generator=generator)
    np.testing.assert_allclose(ssim(x, x), [1, 1], atol=1e-6)


def test_ssim_of_two_constants_is_the_luminance_term():
    x, y = (torch.full((1, 3, 11, 11), value, dtype=torch.float64) for value in (0.3, 0.7))
    want = (2 * 0.3 * 0.7 + 1e-4) / (0.3**2 + 0.7**2 + 1e-4)
    assert ssim(x, y) == pytest.approx([want], rel=1e-9)


def test_ssim_of_a_negative_is_below_0():
    x = unit(colour("noise", "fine", "coarse"))
    assert ssim(x, 1 - x)[0] < -0.5


def test_psnr_of_a_constant_offset():
    x = torch.full((2, 3, 5, 7), 0.5, dtype=torch.float64)
    offsets = torch.tensor([0.1, 0.01], dtype=torch.float64).view(2, 1, 1, 1)
    np.testing.assert_allclose(psnr(x + offsets, x), [20, 40], rtol=1e-9)


def test_psnr_of_one_grey_level_in_bytes_and_of_equal_frames():
    x = np.full((2, 5, 7, 3), 100, np.uint8)
    y = x.copy()
    y[0] += 1
    np.testing.assert_allclose(psnr(y, x), [20 * np.log10(255), np.inf], rtol=1e-6)


def test_bytes_floats_torch_and_read_only_numpy_agree():
    x, y = colour("face", "fine", "discs"), colour("face", "coarse", "noise")
    fixed = np.frombuffer(x.tobytes(), np.uint8).reshape(x.shape)
    for metric in (ssim, psnr):
        want = metric(x, y)
        np.testing.assert_allclose(metric(fixed, torch.from_numpy(y)), want, rtol=1e-6)
        np.testing.assert_allclose(metric(unit(x).float().numpy(), y), want, rtol=1e-6)
        np.testing.assert_allclose(metric(unit(x).requires_grad_(), unit(y)), want, rtol=1e-4)


def test_images_are_left_as_they_were(generator):
    x = torch.rand(1, 3, 11, 13, generator=generator)
    y, before = x + 0, x.clone()
    ssim(x, y), psnr(x, y)
    assert torch.equal(x, before) and torch.equal(y, before)


@pytest.mark.parametrize("metric", [ssim, psnr])
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x: x * 2 - 1, r"generated spans -1 .. 1; allowed: 0 .. 1"),
        (lambda x: x * 255, r"generated spans 0 .. 255; allowed: 0 .. 1"),
        (lambda x: x * torch.nan, r"generated spans nan .. nan; allowed: 0 .. 1"),
        (lambda x: x[0], r"generated has shape \(3, 11, 13\); allowed: float \(B, C, H, W\)"),
        (lambda x: x[:0], r"generated has shape \(0, 3, 11, 13\); .* B >= 1"),
        (lambda x: x.permute(0, 2, 3, 1), r"generated has shape \(2, 11, 13, 3\); .* C = 1 or 3"),
        (lambda x: x.int(), r"generated is torch.int32; allowed: float in \[0, 1\] or uint8"),
        (lambda x: x[:1], r"generated has 1 frames \(C, H, W\) = \(3, 11, 13\), real 2 of"),
        (lambda x: x[..., :12], r"\(3, 11, 12\), real 2 of \(3, 11, 13\); allowed: equal"),
        (lambda x: ["a"], r"generated is <U1; allowed: float in \[0, 1\] or uint8"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(metric, change, message):
    x = torch.linspace(0, 1, 2 * 3 * 11 * 13).view(2, 3, 11, 13)
    with pytest.raises(ValueError, match=message):
        metric(change(x), x)


def test_ssim_needs_11_pixels():
    x = torch.rand(1, 3, 10, 13, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="generated is 10 x 13 pixels; allowed: 11 x 11"):
        ssim(x, x)
