r"""The building blocks of PIRenderer's generator, with the attribute names of its checkpoint.

A "descriptor" is the (B, 256) vector that the mapping network makes of a coefficient window.
Assumed, as the names do not say: both norms add 1e-5 to the variance.
"""

import torch
import torch.nn.functional as F
from torch import nn

DESCRIPTOR = 256
HIDDEN = 128  # of the small network that turns a descriptor into scales and shifts
SLOPE = 0.1  # of every leaky ReLU


def leaky(x):
    r"""max(x, 0.1 x), any shape."""
    return F.leaky_relu(x, SLOPE)


class AdaIN(nn.Module):
    r"""Instance norm, scaled by 1 + gamma and shifted by beta, both read from the descriptor."""

    def __init__(self, channels):
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(DESCRIPTOR, HIDDEN), nn.ReLU())
        self.mlp_gamma = nn.Linear(HIDDEN, channels)
        self.mlp_beta = nn.Linear(HIDDEN, channels)

    def forward(self, x, descriptor):
        r"""(x - mean) / std * (1 + gamma) + beta, mean and std over positions.

        x (B, channels, height, width), descriptor (B, 256).
        """
        hidden = self.mlp_shared(descriptor)  # (B, 128)
        gamma = self.mlp_gamma(hidden)[:, :, None, None]
        beta = self.mlp_beta(hidden)[:, :, None, None]
        return F.instance_norm(x) * (1 + gamma) + beta


class LayerNorm(nn.Module):
    r"""Layer norm over channels and positions together, with a scale and shift per channel."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x):
        r"""(x - mean) / std * weight + bias, x (B, channels, height, width)."""
        return F.layer_norm(x, x.shape[1:]) * self.weight + self.bias


class EncoderBlock(nn.Module):
    r"""Half the size: AdaIN, leaky, 4x4 convolution with stride 2; AdaIN, leaky, 3x3."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm_0 = AdaIN(inputs)
        self.conv_0 = nn.Conv2d(inputs, outputs, 4, 2, padding=1)
        self.norm_1 = AdaIN(outputs)
        self.conv_1 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x, descriptor):
        r"""(B, inputs, height, width), even sizes, to (B, outputs, height / 2, width / 2)."""
        x = self.conv_0(leaky(self.norm_0(x, descriptor)))
        return self.conv_1(leaky(self.norm_1(x, descriptor)))


class DecoderBlock(nn.Module):
    r"""Twice the size: a residual branch of two convolutions beside a convolved shortcut."""

    def __init__(self, inputs, outputs):
        super().__init__()
        hidden = min(inputs, outputs)
        double = {"stride": 2, "padding": 1, "output_padding": 1}
        self.norm_0 = AdaIN(inputs)
        self.conv_0 = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.norm_1 = AdaIN(hidden)
        self.conv_1 = nn.ConvTranspose2d(hidden, outputs, 3, **double)
        self.norm_s = AdaIN(inputs)
        self.conv_s = nn.ConvTranspose2d(inputs, outputs, 3, **double)

    def forward(self, x, descriptor):
        r"""(B, inputs, height, width) to (B, outputs, 2 height, 2 width)."""
        shortcut = self.conv_s(leaky(self.norm_s(x, descriptor)))
        x = self.conv_0(leaky(self.norm_0(x, descriptor)))
        return shortcut + self.conv_1(leaky(self.norm_1(x, descriptor)))


class ResidualBlock(nn.Module):
    r"""x + norm2(conv2(x)): as published, `conv1` and `norm1` exist and do nothing.

    The published block overwrites what they give, so running them would change the time and not the
    picture; they are kept for the names of the checkpoint alone.
    """

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = AdaIN(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = AdaIN(channels)

    def forward(self, x, descriptor):
        r"""x + norm2(conv2(x), descriptor), x (B, channels, height, width), descriptor (B, 256)."""
        return x + self.norm2(self.conv2(x), descriptor)


class ConvBlock(nn.Module):
    r"""A convolution, LayerNorm and leaky ReLU under the name `model`, and a change of size.

    `before` is applied first (nearest x2), `after` last (average over 2x2).
    """

    def __init__(self, inputs, outputs, kernel=3, before=None, after=None):
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.model = nn.Sequential(convolution, LayerNorm(outputs), nn.LeakyReLU(SLOPE))
        self.before = before or nn.Identity()
        self.after = after or nn.Identity()

    def forward(self, x):
        r"""(B, inputs, height, width) to `outputs` channels of the same, half or double size."""
        return self.after(self.model(self.before(x)))
