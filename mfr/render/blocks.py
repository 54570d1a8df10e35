r"""What the renderer's networks are built of."""

import torch
from torch import nn
from torch.nn import functional as F


def he(layer, gain=1.0):
    r"""The layer with weights that keep the signal's size; torch's own lose half of it a layer."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    with torch.no_grad():
        layer.weight.mul_(gain)
    return layer


def conv(inputs, outputs, stride=1):
    r"""3x3 convolution and rectifier."""
    return nn.Sequential(he(nn.Conv2d(inputs, outputs, 3, stride, 1)), nn.ReLU(inplace=True))


def zero(layer):
    r"""The layer with zero weights: it adds nothing until it has learned to."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def double(x):
    r"""(B, C, h, w) -> (B, C, 2 h, 2 w), bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Block(nn.Module):
    r"""x + conv(relu(modulate(conv(x)))), the modulation from the descriptor.

    Ours.

    Args:
        width: channels.
        descriptor_dim: length of the descriptor; 0 for none.
    """

    def __init__(self, width, descriptor_dim=0):
        super().__init__()
        self.first = he(nn.Conv2d(width, width, 3, 1, 1))
        self.second = he(nn.Conv2d(width, width, 3, 1, 1), 0.3)  # close to the identity at first
        self.modulate = nn.Linear(descriptor_dim, 2 * width) if descriptor_dim else None

    def forward(self, x, descriptor=None):
        r"""(B, width, h, w) -> same.

        Args:
            x: (B, width, h, w).
            descriptor: (B, descriptor_dim) or None.

        Returns:
            (B, width, h, w).
        """
        y = self.first(x)
        if self.modulate is not None:
            scale, shift = self.modulate(descriptor)[..., None, None].chunk(2, 1)
            y = torch.addcmul(shift, y, 1 + scale)
        return F.relu(x + self.second(F.relu(y)))
