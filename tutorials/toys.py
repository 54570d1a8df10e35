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


def mirrors(generator, B=32, L=12):
    r"""A world with a rule: (x_0, Condition, the loud frame of each clip).

    The speaker shows a random expression, 8 numbers, in each of L frames, and is loud in one of
    them. Who is positive mirrors the expression of the loud frame, in all frames; who is neutral
    shows half of it, who is negative nothing. Who they are does not matter.
    """
    loud = torch.randint(L, (B,), generator=generator)
    mood = torch.randint(3, (B,), generator=generator)
    shown = torch.randn(B, L, 8, generator=generator)
    audio = torch.eye(L)[loud][..., None].expand(B, L, 45)  # 1 in the loud frame
    reaction = (1 - mood[:, None] / 2) * shown[torch.arange(B), loud]  # (B, 8)
    return (*_told(generator, audio, shown, mood, reaction[:, None].expand(B, L, 8)), loud)


def phrases(generator, B=32, L=24):
    r"""Another: (x_0, Condition, the frame after the phrase's last).

    The speaker's voice is on until a phrase ends. Then a positive listener nods, over some six
    frames, a neutral one keeps still, a negative one moves the other way. Faces say nothing.
    """
    end = torch.randint(4, L - 6, (B,), generator=generator)
    mood = torch.randint(3, (B,), generator=generator)
    since = torch.arange(L) - end[:, None]  # (B, L) frames since the phrase ended
    shown = torch.randn(B, L, 8, generator=generator)
    audio = (since < 0).float()[..., None].expand(B, L, 45)
    nod = 2 * torch.exp(-(((since - 3) / 2) ** 2) / 2)
    reaction = (1 - mood[:, None]) * nod  # (B, L)
    return (*_told(generator, audio, shown, mood, reaction[..., None].expand(B, L, 8)), end)


def _told(generator, audio, shown, mood, reaction):
    """(x_0, Condition) with the 8 numbers as the first of exp, and strangers' identities."""
    B, L = audio.shape[:2]
    speaker, x_0 = torch.zeros(2, B, L, 70)
    speaker[..., 3:11], x_0[..., 3:11] = shown, reaction
    identity = torch.randn(B, 8, generator=generator)
    portrait = torch.randn(B, 70, generator=generator)
    return x_0, Condition(audio, speaker, identity, torch.eye(3)[mood], portrait)
