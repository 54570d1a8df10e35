r"""What chapters need and do not teach: random inputs, a place for figures, small drawings."""

from pathlib import Path

import torch

from mfr.config import ATTITUDES
from mfr.motion.condition import Condition
from mfr.motion.model import one_hot


def draw(seed, *shape):
    r"""Standard normal float64 numbers of a shape, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def condition(B, L, V=8):
    r"""What the module is told, at random: B <= 3 clips of L frames, each of another attitude."""
    audio, speaker = draw(0, B, L, 45), draw(1, B, L, 70)
    identity, portrait = draw(2, B, V), draw(3, B, 70)
    return Condition(audio, speaker, identity, one_hot(ATTITUDES[:B]).double(), portrait)


def shaken(module):
    r"""A module in float64, none of whose weights is zero, so that every path is open."""
    for n, parameter in enumerate(module.double().requires_grad_(False).parameters()):
        parameter.copy_(0.2 * draw(n, *parameter.shape))
    return module


def save(name):
    r"""Save the figure: in figures/ where that is a folder, else in out/figures/."""
    import matplotlib.pyplot as plt

    folder = Path("figures") if Path("figures").is_dir() else Path("out/figures")
    folder.mkdir(parents=True, exist_ok=True)
    plt.savefig(folder / name)


def adam(network, rate):
    r"""A function of the loss that changes the network a little, so that the loss falls."""
    optimizer = torch.optim.Adam(network.parameters(), rate)

    def step(loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step
