r"""PIRenderer's facts that names and shapes do not show, and its place beside our renderer.

Oracles: closed forms of the sampling places, weights replaced by NaN, index arithmetic on windows.
The published network's own numbers are in test_official_reference.py.
"""

import numpy as np
import pytest
import torch

from mfr.official.pirenderer import MappingNet, PIRenderer
from mfr.official.pirenderer_adapter import PIRendererAdapter, semantics
from mfr.official.pirenderer_warping import warp
from mfr.render.renderer import window_coefficients

SIDE = 64  # the smallest that the hourglass takes; 256 as published


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PIRenderer().eval().requires_grad_(False)


@pytest.fixture
def portrait(generator):
    return torch.rand(1, 3, SIDE, SIDE, generator=generator)


@pytest.fixture
def windows(generator):
    return torch.randn(2, 73, 27, generator=generator)


def sampled_places(side, grid, flow):
    r"""Where each pixel of one axis is read: corner arithmetic forth, edge arithmetic back."""
    own = np.linspace(-1, 1, grid) + 2 * flow / (grid - 1)
    fine = ((np.arange(side) + 0.5) * grid / side - 0.5).clip(0, grid - 1)
    return (np.interp(fine, np.arange(grid), own) + 1) * side / 2 - 0.5


def ramps(side):
    r"""Channel 0 tells the column, channel 1 the row, channel 2 is white."""
    axis = torch.arange(side, dtype=torch.float64)
    column, row = axis.expand(side, side), axis[:, None].expand(side, side)
    return torch.stack([column, row, torch.ones_like(row)])[None]


def test_zero_flow_is_not_the_identity():
    source = ramps(256)
    warped = warp(source, torch.zeros(1, 2, 64, 64, dtype=torch.float64))
    assert not torch.allclose(warped, source, atol=0.4)
    places = sampled_places(256, 64, 0.0)
    inside = slice(3, -3)
    np.testing.assert_allclose(warped[0, 0, 128, inside], places[inside], rtol=1e-9)
    np.testing.assert_allclose(warped[0, 1, inside, 128], places[inside], rtol=1e-9)
    away = np.abs(places - np.arange(256))[inside]
    assert 1.8 < away.max() < 2.0  # [pixels]
    white = warped[0, 2]
    assert white[128, 0] == pytest.approx(0.5) and white[0, 0] == pytest.approx(0.25)  # dark rim
    assert (white[inside, inside] - 1).abs().max() < 1e-12


def test_flow_is_in_pixels_of_its_own_grid_x_first():
    flow = torch.tensor([1.5, -2.25], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, 64, 64)
    warped = warp(ramps(256), flow)[0]
    inside = slice(20, -20)
    for channel, along in ((0, warped[0, 128]), (1, warped[1, :, 128])):
        wanted = sampled_places(256, 64, flow[0, channel, 0, 0].item())
        np.testing.assert_allclose(along[inside], wanted[inside], rtol=1e-9)


def test_warp_gives_the_flow_a_true_gradient(generator):
    source = torch.randn(1, 2, 7, 7, generator=generator, dtype=torch.float64)
    flow = 0.3 * torch.rand(1, 2, 3, 3, generator=generator, dtype=torch.float64) + 0.1
    assert torch.autograd.gradcheck(warp, (source, flow.requires_grad_()))


def residual_blocks(network):
    decoder = network.editing_net.decoder
    levels = (decoder.res0, decoder.res1, decoder.res2)
    return [block for level in levels for block in (level.res0, level.res1)]


def test_dead_convolution_does_not_act(network, portrait, windows):
    before = network(portrait.expand(2, -1, -1, -1), windows)
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    try:
        for block in residual_blocks(network):
            for value in (*block.conv1.parameters(), *block.norm1.parameters()):
                value.fill_(float("nan"))
        assert torch.equal(network(portrait.expand(2, -1, -1, -1), windows), before)
        for block in residual_blocks(network):
            block.conv2.weight.mul_(1.5)
            assert not torch.equal(network(portrait.expand(2, -1, -1, -1), windows), before)
            block.conv2.weight.copy_(block.conv2.weight / 1.5)
    finally:
        network.load_state_dict(kept)


def test_window_of_27_leaves_one_number_a_channel_after_the_pyramid():
    network = MappingNet().double()
    windows = torch.zeros(1, 73, 27, dtype=torch.float64, requires_grad=True)
    lengths = []
    for layer in (network.first, network.encoder0, network.encoder1, network.encoder2):
        layer.register_forward_hook(lambda *call: lengths.append(call[2].shape[2]))
    network(windows).sum().backward()
    assert lengths == [21, 15, 9, 3]
    assert (windows.grad[0].abs().sum(0) > 0).all()  # every frame counts
    for shape in ((1, 73, 26), (1, 73, 29), (1, 70, 27), (73, 27)):
        with pytest.raises(ValueError, match=r"windows are \(.*; allowed: \(B, 73, 27\)"):
            network(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("length", [1, 2, 13, 27, 31])
def test_windows_are_clamped_at_the_clips_ends(length):
    motion = torch.arange(length * 70.0).view(length, 70)
    windows = semantics(window_coefficients(motion, 27), torch.tensor([1.0, 2.0, 3.0]))
    assert windows.shape == (length, 73, 27)
    for frame in range(length):
        for place in range(27):
            near = min(max(frame + place - 13, 0), length - 1)
            row = motion[near].tolist()
            wanted = row[3:67] + row[:3] + row[67:] + [1.0, 2.0, 3.0]  # exp, angle, trans, crop
            assert windows[frame, :, place].tolist() == wanted


def test_frames_of_a_batch_do_not_touch_each_other(network, portrait, windows):
    both = network(portrait.expand(2, -1, -1, -1), windows)
    assert both.shape == (2, 3, SIDE, SIDE) and both.min() > 0 and both.max() < 1
    for frame, window in zip(both, windows):
        torch.testing.assert_close(network(portrait, window[None])[0], frame, rtol=0, atol=1e-5)


def test_adapter_renders_what_the_network_does(network, portrait, generator):
    adapter = PIRendererAdapter(network)
    motion = torch.randn(2, adapter.config.window, 70, generator=generator)
    encoded = adapter.encode(portrait, torch.zeros(1, 257), crop=(1.05, 120.0, 131.0))
    found = adapter(encoded, motion)
    windows = semantics(motion, torch.tensor([1.05, 120.0, 131.0]))
    wanted = network(portrait.expand(2, -1, -1, -1), windows)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    default = adapter(adapter.encode(portrait), motion)
    windows = semantics(motion, torch.tensor([1.0, 128.0, 128.0]))
    wanted = network(portrait.expand(2, -1, -1, -1), windows)
    torch.testing.assert_close(default, wanted, rtol=0, atol=1e-6)


def test_adapter_holds_single_coefficients_still(network, portrait, generator):
    adapter = PIRendererAdapter(network)
    motion, encoded = torch.randn(2, 70, generator=generator), adapter.encode(portrait)
    held = motion[:, None].expand(2, 27, 70)
    assert torch.equal(adapter(encoded, motion), adapter(encoded, held))


def test_adapter_refuses_other_shapes(network, portrait):
    adapter = PIRendererAdapter(network)
    with pytest.raises(ValueError, match=r"crop has shape \(5,\); three numbers"):
        adapter.encode(portrait, crop=(256.0, 256.0, 1.0, 128.0, 128.0))
    encoded = adapter.encode(portrait)
    for shape in ((2, 9, 70), (2, 27, 73), (2, 73, 27)):
        with pytest.raises(ValueError, match=r"coefficients are .*allowed: \(B, 27, 70\) or"):
            adapter(encoded, torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 3, 100, 100), (1, 4, 64, 64), (3, 64, 64)])
def test_other_portraits_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"portrait is torch.float32 \(.*; allowed: float"):
        network.prepare(torch.zeros(shape))


def test_a_thinner_network_has_the_same_names_and_maps_of_its_width(portrait, windows):
    thin, wide = PIRenderer(width=6), PIRenderer()
    assert sum(parameter.numel() for parameter in wide.parameters()) == 22_519_109
    assert list(thin.state_dict()) == list(wide.state_dict())
    for (name, a), b in zip(thin.state_dict().items(), wide.state_dict().values()):
        maps = a.shape != b.shape
        for small, large in zip(a.shape, b.shape):
            assert small == large or 64 * small == 6 * large, name
        assert (
            maps
            or "mapping_net" in name
            or "mlp_shared" in name
            or name.endswith(("flow_out.2.bias", "final.model.0.bias"))
        ), name
    with torch.no_grad():
        flow, warped, frame = thin.generate(portrait, thin.encode(portrait), windows[:1])
    assert flow.shape == (1, 2, SIDE // 4, SIDE // 4)
    assert warped.shape == frame.shape == (1, 3, SIDE, SIDE)
