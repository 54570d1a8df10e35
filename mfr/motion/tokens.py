r"""What the module, its additions and the ablation are all made of: positions, time, two maps."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def sinusoid(positions, width, dtype):
    r"""[sin(p w_i), cos(p w_i)], w_i = 10000^(-i/(C/2)), i = 0 .. C/2 - 1: (N,) -> (N, C).

    Paper: [42], Vaswani et al. Positions are frames (shared by latents and speaker) or t. The
    angles are float32 at least, as bfloat16 cannot count to 1000.

    Raises:
        ValueError: the width C is odd.
    """
    if width % 2:
        raise ValueError(f"width is {width}; allowed: even, for pairs of sine and cosine")
    exact = torch.promote_types(dtype, torch.float32)
    rates = torch.arange(width // 2, dtype=exact, device=positions.device) / (width // 2)
    angles = positions[:, None].to(exact) * 10000**-rates  # (N, C/2)
    return torch.cat([angles.sin(), angles.cos()], -1).to(dtype)


class TimeEmbedding(nn.Module):
    r"""t as a token: a sinusoid, then two linear maps.

    Ours: the paper names the time step as an input and no more.
    """

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.net = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t):
        r"""(B,) int64 in 1..T [diffusion steps] -> (B, C)."""
        return self.net(sinusoid(t, self.width, self.net[0].weight.dtype))


class FeedForward(nn.Sequential):
    r"""W_2 GELU(W_1 x), `hidden` features between the two maps. Paper: Sec. 3.2."""

    def __init__(self, width, hidden):
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


def zero(layer):
    r"""The layer with weights and bias set to zero: it adds nothing until it has learnt."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def direction(identity):
    r"""(B, V) -> (B, V) of norm sqrt(V): unit variance, whatever scale the recogniser has."""
    return F.normalize(identity, dim=-1) * math.sqrt(identity.shape[-1])
