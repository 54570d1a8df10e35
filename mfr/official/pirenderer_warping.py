r"""PIRenderer's warping network and its warp: portrait and descriptor to a flow, flow to an image.

Assumed where the published names leave it open: a skip is concatenated behind the decoder's map.
"""

import torch
import torch.nn.functional as F
from torch import nn

from mfr.official.pirenderer_blocks import SLOPE, DecoderBlock, EncoderBlock, LayerNorm


class HourglassEncoder(nn.Module):
    r"""Portrait to maps of 1/2 ... 1/32 of its side.

    `width` is twice the channels of the first map; 64 as published.
    """

    def __init__(self, width):
        super().__init__()
        channels = [width // 2, width, 2 * width, 4 * width, 4 * width, 4 * width]
        self.input_layer = nn.Conv2d(3, channels[0], 7, padding=3)
        for index, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
            setattr(self, f"encoder{index}", EncoderBlock(inputs, outputs))

    def forward(self, first, descriptor):
        r"""The outputs of the five encoder blocks, (B, channels, S / 2^k, S / 2^k), k = 1..5.

        `first` is input_layer of the portrait, (B, width / 2, S, S), which no coefficient touches;
        the descriptor is (B, 256).
        """
        maps, x = [], first
        for index in range(5):
            x = getattr(self, f"encoder{index}")(x, descriptor)
            maps.append(x)
        return maps


class HourglassDecoder(nn.Module):
    r"""Maps of the encoder to one at a quarter of the portrait's side."""

    def __init__(self, width):
        super().__init__()
        self.decoder4 = DecoderBlock(4 * width, 4 * width)
        self.decoder3 = DecoderBlock(8 * width, 4 * width)
        self.decoder2 = DecoderBlock(8 * width, 2 * width)

    def forward(self, maps, descriptor):
        r"""Up three times, each time with the encoder's map of that size behind it.

        Five maps and a descriptor (B, 256) to (B, 4 width, S / 4, S / 4).
        """
        *skips, x = maps
        for decoder in (self.decoder4, self.decoder3, self.decoder2):
            x = torch.cat([decoder(x, descriptor), skips.pop()], 1)
        return x


class WarpingNet(nn.Module):
    r"""Portrait and descriptor to a flow."""

    def __init__(self, width):
        super().__init__()
        self.hourglass = nn.Module()
        self.hourglass.encoder = HourglassEncoder(width)
        self.hourglass.decoder = HourglassDecoder(width)
        to_flow = nn.Conv2d(4 * width, 2, 7, padding=3)
        self.flow_out = nn.Sequential(LayerNorm(4 * width), nn.LeakyReLU(SLOPE), to_flow)

    def forward(self, first, descriptor):
        r"""The flow (B, 2, S / 4, S / 4), x and y [pixels of this grid].

        `first` is input_layer of the portrait, (B, width / 2, S, S); the descriptor is (B, 256).
        """
        maps = self.hourglass.encoder(first, descriptor)
        return self.flow_out(self.hourglass.decoder(maps, descriptor))


def warp(source, flow):
    r"""Sample the source (B, 3, S, S) where the flow (B, 2, height, width) says.

    As the published weights were trained: the flow, x and y [pixels of its own grid], is divided as
    if the grid's corners were pixel centres (2 / (w - 1)) and sampled as if they were pixel edges,
    so a zero flow is NOT the identity: it magnifies a little about the centre and darkens the rim.
    The weights know this and need it. Zeros are sampled beyond the edge.
    """
    height, width = flow.shape[2:]
    scale = flow.new_tensor([2 / (width - 1), 2 / (height - 1)]).view(2, 1, 1)
    like = {"dtype": flow.dtype, "device": flow.device}
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, **like), torch.linspace(-1, 1, width, **like), indexing="ij"
    )
    places = torch.stack([x, y]) + flow * scale  # (B, 2, height, width), [-1, 1]
    places = F.interpolate(places, source.shape[2:], mode="bilinear", align_corners=False)
    return F.grid_sample(source, places.permute(0, 2, 3, 1), align_corners=False)
