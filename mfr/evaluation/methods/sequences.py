r"""Small parts of the compared systems: a stack of LSTMs, dropout and initial weights by generator.

torch's own dropout and initial weights draw from its global state; here both take a generator, so
that a run depends on its seed alone and can be resumed bit for bit.
"""

import math

import torch
from torch import nn


def dropout(x, share, generator):
    r"""x with a share of its entries 0 and the others divided by 1 - share; x (...).

    Without a generator, which must be on x's device, nothing changes.

    Raises:
        ValueError: the share is outside [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"share is {share}; allowed: 0 .. 1, 1 not included")
    if generator is None or share == 0:
        return x
    survives = torch.rand(x.shape, generator=generator, device=x.device) >= share
    return x * survives / (1 - share)


class Stack(nn.Module):
    r"""nn.LSTM(num_layers=layers), but for where the dropout between layers is drawn from.

    `share` is the dropout's probability.
    """

    def __init__(self, inputs, hidden, layers, share, bias=True, both_ways=False):
        super().__init__()
        between = hidden * (1 + both_ways)
        widths = [inputs] + [between] * (layers - 1)
        self.lstms = nn.ModuleList(
            nn.LSTM(width, hidden, bias=bias, batch_first=True, bidirectional=both_ways)
            for width in widths
        )
        self.layers, self.share = layers, share

    def forward(self, x, states=None, generator=None):
        r"""(B, L, inputs) through all layers: (B, L, hidden), or twice that both ways.

        `states` (2, layers, B, hidden) are first hidden states and cells; None is zeros.
        """
        for i, lstm in enumerate(self.lstms):
            if i:
                x = dropout(x, self.share, generator if self.training else None)
            start = None if states is None else tuple(s[i : i + 1].contiguous() for s in states)
            x, _ = lstm(x, start)
        return x


def initialise(module, generator):
    r"""U(-b, b), b = 1/sqrt(inputs), of an LSTM 1/sqrt(hidden): torch's own choice, drawn anew.

    In place; normalisations keep their ones and zeros. The generator is on the CPU.
    """
    for part in module.modules():
        if isinstance(part, (nn.Linear, nn.Conv1d, nn.Conv2d)):
            bound = 1 / math.sqrt(part.weight[0].numel())
        elif isinstance(part, nn.LSTM):
            bound = 1 / math.sqrt(part.hidden_size)
        else:
            continue
        with torch.no_grad():
            for parameter in part.parameters(recurse=False):
                parameter.uniform_(-bound, bound, generator=generator)
    return module
