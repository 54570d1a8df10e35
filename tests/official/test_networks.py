r"""mfr.official: what the published ResNet-50 and VGG networks do that their shapes do not show.

Oracles: the block written out with functional calls, pooling by nested loops, closed forms of the
conventions on one-colour frames, layers in a plain list with torchvision's numbers.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mfr.face.camera import crop_to_frame
from mfr.official.deep3d import HEADS, Deep3D
from mfr.official.hopenet import Hopenet, degrees
from mfr.official.images import centre_crop, resize
from mfr.official.resnet import Bottleneck, ResNet50
from mfr.official.vgg import VGG19, VGGFace
from mfr.official.vggface2 import VGGFace2


def on_meta(build, *arguments):
    r"""A network without memory for its weights: enough to ask for what has none."""
    with torch.device("meta"):
        return build(*arguments)


def colour(red, green, blue, side=256):
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(2, 3, side, side)


def norm(x, layer):
    mean, var, weight, bias = (
        value[:, None, None]
        for value in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


@pytest.mark.parametrize(("stride_first", "strides"), [(True, (2, 1)), (False, (1, 2))])
def test_stride_sits_in_the_first_1x1_for_caffe_and_in_the_3x3_for_torchvision(
    stride_first, strides, generator
):
    block = Bottleneck(5, 3, 2, stride_first).double().eval()
    for value in block.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + 0.1)
    x = torch.randn(2, 5, 7, 11, generator=generator, dtype=torch.float64)
    out = F.relu(norm(F.conv2d(x, block.conv1.weight, stride=strides[0]), block.bn1))
    out = F.conv2d(out, block.conv2.weight, stride=strides[1], padding=1)
    out = norm(F.conv2d(F.relu(norm(out, block.bn2)), block.conv3.weight), block.bn3)
    shortcut = F.conv2d(x[:, :, ::2, ::2], block.downsample[0].weight)
    expected = F.relu(out + norm(shortcut, block.downsample[1]))
    torch.testing.assert_close(block(x), expected, rtol=1e-9, atol=1e-12)


def test_each_network_has_its_own_style():
    blocks = [net.layer3[0] for net in (on_meta(VGGFace2), on_meta(Hopenet))]
    assert [(b.conv1.stride, b.conv2.stride) for b in blocks] == [
        ((2, 2), (1, 1)),
        ((1, 1), (2, 2)),
    ]
    assert on_meta(Deep3D).backbone.layer3[0].conv2.stride == (2, 2)
    pools = [n.ceil_pool for n in (on_meta(VGGFace2), on_meta(Hopenet), on_meta(Deep3D).backbone)]
    assert pools == [True, False, False]


@pytest.mark.parametrize("side", [6, 7, 112])
@pytest.mark.parametrize("ceil", [True, False])
def test_first_pooling_is_ceil_mode_without_padding_for_caffe(ceil, side, generator):
    network = on_meta(ResNet50, False, ceil)
    x = torch.randn(1, 1, side, side, generator=generator)
    found = network.pool(x)[0, 0]
    size = -(-(side - 3) // 2) + 1 if ceil else (side + 2 - 3) // 2 + 1
    assert found.shape == (size, size)
    for row in range(size):
        for column in range(size):
            top, left = (2 * row, 2 * column) if ceil else (2 * row - 1, 2 * column - 1)
            cells = x[0, 0, max(top, 0) : top + 3, max(left, 0) : left + 3]
            assert found[row, column] == cells.max()


def test_a_published_input_ends_in_one_feature_vector():
    with torch.device("meta"):
        assert VGGFace2().features(torch.empty(2, 3, 224, 224)).shape == (2, 2048)
        assert Deep3D().regress(torch.empty(2, 3, 224, 224)).shape == (2, 257)
        assert VGGFace().descriptor(torch.empty(2, 3, 224, 224)).shape == (2, 4096)


def test_vggface2_wants_bgr_minus_its_mean_on_255():
    x = on_meta(VGGFace2).prepare(colour(0.2, 0.5, 0.9))
    assert x.shape == (2, 3, 224, 224)
    wanted = torch.tensor([0.9 * 255 - 91.4953, 0.5 * 255 - 103.8827, 0.2 * 255 - 131.0912])
    torch.testing.assert_close(x, wanted.view(1, 3, 1, 1).expand_as(x))


def test_vggface_wants_rgb_minus_its_mean_on_255():
    x = on_meta(VGGFace).prepare(colour(0.2, 0.5, 0.9))
    assert x.shape == (2, 3, 224, 224)
    wanted = torch.tensor([0.2 * 255 - 129.1863, 0.5 * 255 - 104.7624, 0.9 * 255 - 93.5940])
    torch.testing.assert_close(x, wanted.view(1, 3, 1, 1).expand_as(x))


@pytest.mark.parametrize(("build", "side"), [(Hopenet, 224), (VGG19, 256)])
def test_hopenet_and_vgg19_want_imagenets_mean_and_std(build, side):
    x = on_meta(build).prepare(colour(0.2, 0.5, 0.9))
    assert x.shape == (2, 3, side, side)
    wanted = torch.tensor([(0.2 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.9 - 0.406) / 0.225])
    torch.testing.assert_close(x, wanted.view(1, 3, 1, 1).expand_as(x))


def test_deep3d_takes_pixels_as_they_are():
    x = on_meta(Deep3D).prepare(colour(0.2, 0.5, 0.9))
    torch.testing.assert_close(x, colour(0.2, 0.5, 0.9, 224), rtol=0, atol=0)


def test_frames_are_cropped_in_the_middle_and_resized_only_where_needed(generator):
    frames = torch.rand(1, 3, 256, 256, generator=generator)
    assert torch.equal(centre_crop(frames), frames[:, :, 16:240, 16:240])
    assert resize(frames, 256) is frames
    large = frames.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert centre_crop(large).shape == (1, 3, 224, 224)
    torch.testing.assert_close(resize(colour(0.1, 0.2, 0.3, 37), 11), colour(0.1, 0.2, 0.3, 11))


@pytest.mark.parametrize(
    "frames",
    [
        torch.zeros(3, 256, 256),
        torch.zeros(1, 4, 256, 256),
        torch.zeros(1, 3, 256, 240),
        torch.zeros(1, 3, 256, 256, dtype=torch.uint8),
    ],
)
def test_other_frames_are_refused(frames):
    shape = str(tuple(frames.shape)).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=rf"frames are {frames.dtype} {shape}; allowed: float"):
        resize(frames, 224)


@pytest.mark.parametrize("crop", [(1.0, 128, 128), (1.0, 139, 117), (1.0, 97, 151)])
def test_deep3d_crop_puts_a_pixel_where_crop_to_frame_finds_it(crop):
    frames = torch.zeros(1, 3, 256, 256)
    row, column = 101, 149
    frames[..., row, column] = 1
    lit = on_meta(Deep3D).prepare(frames, crop)[0, 0].nonzero()[0]
    crop_pixel = torch.tensor([[lit[1] + 0.5, 224 - (lit[0] + 0.5)]])  # u, v upwards, its middle
    back = crop_to_frame(crop_pixel, torch.tensor([256.0, 256.0, *crop]))
    assert back.tolist() == [[column + 0.5, 256 - (row + 0.5)]]


def test_deep3d_crop_is_black_beyond_the_frame_and_scales():
    network, white = on_meta(Deep3D), torch.ones(1, 3, 256, 256)
    moved = network.prepare(white, (1.0, 28.0, 128.0))  # 84 pixels beyond the left edge
    assert moved[..., :84].eq(0).all() and moved[..., 84:].eq(1).all()
    small = network.prepare(white, (0.5, 128.0, 128.0))[0, 0]  # 128 pixels, 48 around them
    assert small[48:176, 48:176].eq(1).all() and small.sum() == 128**2
    with pytest.raises(ValueError, match="crop scale is -1.0; allowed: > 0"):
        network.prepare(white, (-1.0, 128.0, 128.0))


def test_deep3d_heads_are_in_the_order_of_the_coefficients():
    network = on_meta(Deep3D)
    network.backbone.features = lambda crops: torch.zeros(len(crops), 2048)
    for i, head in enumerate(network.final_layers):
        network.final_layers[i] = nn.Conv2d(2048, head.out_channels, 1)
        nn.init.constant_(network.final_layers[i].bias, i)
    found = network(torch.zeros(2, 3, 256, 256))
    wanted = torch.cat([torch.full((width,), float(i)) for i, width in enumerate(HEADS)])
    assert torch.equal(found, wanted.expand(2, 257))


def test_hopenet_degrees_are_the_mean_bin_times_3_minus_99(generator):
    logits = torch.randn(2, 66, generator=generator, dtype=torch.float64, requires_grad=True)
    for row, found in zip(logits.tolist(), degrees(logits).tolist()):
        weights = torch.tensor(row, dtype=torch.float64).exp().tolist()
        mean = sum(w * i for i, w in enumerate(weights)) / sum(weights)
        assert found == pytest.approx(mean * 3 - 99, rel=1e-9)
    assert degrees(torch.zeros(66)).item() == pytest.approx(-1.5, abs=1e-4)
    sure = 1000 * torch.eye(66)
    torch.testing.assert_close(degrees(sure), torch.arange(66) * 3.0 - 99)
    assert torch.autograd.gradcheck(degrees, logits)


def test_hopenet_gives_yaw_pitch_roll_and_its_finetune_layer_does_not_act():
    network = on_meta(Hopenet)
    network.features = lambda x: torch.zeros(len(x), 2048)
    for name, index in (("fc_yaw", 30), ("fc_pitch", 40), ("fc_roll", 50)):
        head = nn.Linear(2048, 66)
        head.bias.data = 1000.0 * torch.eye(66)[index]
        setattr(network, name, head)
    network.fc_finetune = None
    found = network(torch.zeros(2, 3, 256, 256))
    assert found.tolist() == [[-9.0, 21.0, 51.0]] * 2


def numbered_layers(network, count):
    r"""Convolutions, ReLUs and poolings in one list, as torchvision numbers them."""
    layers, names = [], iter([name for block in network.names for name in block])
    for channels, repeats in zip((64, 128, 256, 512, 512), count):
        for _ in range(repeats):
            convolution = network.get_submodule(next(names))
            assert convolution.out_channels == channels
            layers += [convolution, nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return layers


def test_vgg19_maps_are_relu1_1_to_relu5_1(generator):
    network = on_meta(VGG19)
    network.features.to_empty(device="cpu")
    for value in network.features.parameters():
        value.data = torch.randn(value.shape, generator=generator) * 0.05
    frames = torch.rand(2, 3, 32, 48, generator=generator)
    layers = numbered_layers(network, (2, 2, 4, 4, 4))
    places = {
        name: layers.index(network.get_submodule(name)) for block in network.names for name in block
    }
    assert all(name == f"features.{place}" for name, place in places.items())
    x, wanted = network.prepare(frames), []
    for i, layer in enumerate(layers[:30]):
        x = layer(x)
        if i in (1, 6, 11, 20, 29):
            wanted.append(x)
    found = network(frames)
    assert len(found) == 5
    for one, other in zip(found, wanted):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_vggface_descriptor_is_fc7_after_its_relu(generator):
    network = on_meta(VGGFace)
    for block in network.names:
        for name in block:
            network.get_submodule(name).to_empty(device="cpu")
    for name, inputs, outputs in (("fc6", 25088, 7), ("fc7", 7, 5)):
        setattr(network, name, nn.Linear(inputs, outputs))  # narrow: 120 million numbers less
    network.fc8 = None
    for value in network.parameters():
        value.data = torch.randn(value.shape, generator=generator) * 0.05
    frames = torch.rand(1, 3, 256, 256, generator=generator)
    x = network.prepare(frames)
    for layer in numbered_layers(network, (2, 2, 3, 3, 3)):
        x = layer(x)
    wanted = network.fc7(network.fc6(x.flatten(1)).relu()).relu()
    assert wanted.count_nonzero() > 0
    torch.testing.assert_close(network(frames), wanted, rtol=1e-4, atol=1e-5)
