r"""PIRenderer's generator (Ren et al. 2021): a portrait and a window of coefficients to a frame.

A mapping network turns the window into a descriptor; a warping network reads a flow from portrait
and descriptor; an editing network repairs the warped portrait. Attribute names are those of the
published checkpoint, its spelling `warpping_net` included. Assumed where names and shapes leave it
open: any side that is a multiple of 32, from 64 on, works as 256 does.
"""

import torch
from torch import nn

from mfr.official.pirenderer_blocks import DESCRIPTOR, SLOPE, ConvBlock, ResidualBlock
from mfr.official.pirenderer_warping import WarpingNet, warp

COEFFICIENTS = 73  # exp 64, angle 3, trans 3, crop 3
WINDOW = 27  # frames t-13 ... t+13


class MappingNet(nn.Module):
    r"""Coefficient window to descriptor; without padding 27 frames become 21, 15, 9, 3, then 1."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(COEFFICIENTS, DESCRIPTOR, 7))
        for index in range(3):
            convolution = nn.Conv1d(DESCRIPTOR, DESCRIPTOR, 3, dilation=3)
            setattr(self, f"encoder{index}", nn.Sequential(nn.LeakyReLU(SLOPE), convolution))

    def forward(self, windows):
        r"""out = conv(leaky(out)) + out without three frames at each end, then the average.

        Raw windows (B, 73, 27), channels exp, angle, trans, crop, to (B, 256).

        Raises:
            ValueError: windows is not (B, 73, 27).
        """
        if windows.ndim != 3 or windows.shape[1:] != (COEFFICIENTS, WINDOW):
            raise ValueError(f"windows are {tuple(windows.shape)}; allowed: (B, 73, 27)")
        out = self.first(windows)  # (B, 256, 21)
        for encoder in (self.encoder0, self.encoder1, self.encoder2):
            out = encoder(out) + out[:, :, 3:-3]
        return out.mean(2)


class EditingEncoder(nn.Module):
    r"""Portrait and warped portrait to maps of 1, 1/2, 1/4 and 1/8 of their side.

    `width`: channels of the first map; 64 as published.
    """

    def __init__(self, width):
        super().__init__()
        self.first = ConvBlock(6, width, kernel=7)
        self.down0 = ConvBlock(width, 2 * width, after=nn.AvgPool2d(2))
        self.down1 = ConvBlock(2 * width, 4 * width, after=nn.AvgPool2d(2))
        self.down2 = ConvBlock(4 * width, 4 * width, after=nn.AvgPool2d(2))

    def forward(self, images):
        r"""Portrait beside warped portrait, (B, 6, S, S) in [-1, 1], to the four maps.

        (B, channels, S / 2^k, S / 2^k), k = 0..3.
        """
        maps = [self.first(images)]
        for down in (self.down0, self.down1, self.down2):
            maps.append(down(maps[-1]))
        return maps


class EditingDecoder(nn.Module):
    r"""Maps of the encoder and descriptor to the frame; `width` channels in the last map."""

    def __init__(self, width):
        super().__init__()
        for level, wide, narrow in ((2, 4, 4), (1, 4, 2), (0, 2, 1)):
            inputs, outputs = wide * width, narrow * width
            residual = nn.Module()
            residual.res0 = ResidualBlock(inputs)
            residual.res1 = ResidualBlock(inputs)
            setattr(self, f"res{level}", residual)
            up = ConvBlock(inputs, outputs, before=nn.Upsample(scale_factor=2))
            setattr(self, f"up{level}", up)
            setattr(self, f"jump{level}", ConvBlock(outputs, outputs))
        self.final = nn.Module()
        self.final.model = nn.Sequential(nn.Conv2d(width, 3, 7, padding=3), nn.Tanh())

    def forward(self, maps, descriptor):
        r"""Three times two residual blocks, up, and the encoder's map added through a jump.

        The encoder's four maps and a descriptor (B, 256) to (B, 3, S, S) in (-1, 1).
        """
        *skips, x = maps
        for level in (2, 1, 0):
            residual = getattr(self, f"res{level}")
            x = residual.res1(residual.res0(x, descriptor), descriptor)
            x = getattr(self, f"up{level}")(x) + getattr(self, f"jump{level}")(skips.pop())
        return self.final.model(x)


class EditingNet(nn.Module):
    r"""Repair of the warped portrait."""

    def __init__(self, width):
        super().__init__()
        self.encoder = EditingEncoder(width)
        self.decoder = EditingDecoder(width)

    def forward(self, source, warped, descriptor):
        r"""Two images (B, 3, S, S) in [-1, 1], descriptor (B, 256), to a frame in (-1, 1)."""
        return self.decoder(self.encoder(torch.cat([source, warped], 1)), descriptor)


class PIRenderer(nn.Module):
    r"""PIRenderer's generator, `net_G_ema` of its checkpoint; 22,519,109 parameters.

    Paper: Sec. 3.3, the renderer. `width` is even, 64 as published: channels of the maps of full
    size. Other widths are the same networks with thinner maps and the same descriptors.
    """

    def __init__(self, width=64):
        super().__init__()
        self.mapping_net = MappingNet()
        self.warpping_net = WarpingNet(width)
        self.editing_net = EditingNet(width)

    def prepare(self, portrait):
        r"""2 portrait - 1: float (B, 3, S, S) RGB in [0, 1], S a multiple of 32, 64 or more.

        Raises:
            ValueError: portrait is not a float batch of square RGB images, or S does not fit.
        """
        shape = tuple(portrait.shape)
        square = len(shape) == 4 and shape[1] == 3 and shape[2] == shape[3]
        if not (square and shape[2] in range(64, 4096, 32) and portrait.is_floating_point()):
            allowed = "float (B, 3, S, S) with S a multiple of 32, at least 64"
            raise ValueError(f"portrait is {portrait.dtype} {shape}; allowed: {allowed}")
        return 2 * portrait - 1

    def encode(self, source):
        r"""What of (B, 3, S, S) no coefficient touches: the hourglass's first convolution.

        (B, width / 2, S, S).
        """
        return self.warpping_net.hourglass.encoder.input_layer(source)

    def generate(self, source, first, windows):
        r"""Flow (B, 2, S / 4, S / 4) [pixels of this grid], warped portrait and frame in [-1, 1].

        Source (B, 3, S, S) in [-1, 1], first = encode(source), raw windows (B, 73, 27).
        """
        descriptor = self.mapping_net(windows)  # (B, 256)
        flow = self.warpping_net(first, descriptor)
        warped = warp(source, flow)
        return flow, warped, self.editing_net(source, warped, descriptor)

    def forward(self, portrait, windows):
        r"""The portrait (B, 3, S, S) in [0, 1], moved as the middle of each window says, in (0, 1).

        Raw windows (B, 73, 27), channels exp 64, angle 3 [rad], trans 3, crop 3.
        """
        source = self.prepare(portrait)
        frame = self.generate(source, self.encode(source), windows)[2]
        return (frame + 1) / 2
