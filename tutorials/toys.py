r"""What chapters need and do not teach: random inputs, a place for figures, small drawings."""

import contextlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mfr.config import ATTITUDES, PAPER, MotionConfig
from mfr.face.coefficients import save_mat
from mfr.files import media
from mfr.motion.condition import Condition
from mfr.motion.diffusion import GaussianDiffusion
from mfr.motion.model import noise_predictor, one_hot

TABLES = GaussianDiffusion([0.8])  # one step of noise, of signal squared 0.2


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


def paper_config(**changes):
    r"""The motion's config with every addition off; `changes` are settings that differ."""
    sizes = ("width", "feedforward", "steps", "learning_rate")
    off = {name: value for name, value in PAPER["motion"].items() if name not in sizes}
    return replace(MotionConfig(), **{**off, **changes})


def small_config(**changes):
    r"""The same, so small that it learns a toy in a second."""
    sizes = {"width": 32, "heads": 4, "layers": 1, "feedforward": 64, "identity_dim": 8}
    return paper_config(**{**sizes, **changes})


def toy_loss(network, x_0, cond, generator):
    r"""Eq. (3) at the one step of TABLES, over the 8 numbers that move."""
    t = torch.ones(len(x_0), dtype=torch.long)
    noise = torch.randn(x_0.shape, generator=generator)
    eps = network(TABLES.q_sample(x_0, t, noise), t, cond)
    return ((eps - noise)[..., 3:11] ** 2).mean()


def descend(adam, loss):
    r"""One step of an optimiser down a loss."""
    adam.zero_grad()
    loss.backward()
    adam.step()


def learn(config, world, steps):
    r"""A network trained on a toy world, and the loss of each step."""
    generator = torch.manual_seed(0)  # also of the first weights
    network, losses = noise_predictor(config), []
    adam = torch.optim.Adam(network.parameters(), lr=4e-3)
    for _ in range(steps):
        x_0, cond = world(generator)[:2]
        loss = toy_loss(network, x_0, cond, generator)
        descend(adam, loss)
        losses.append(loss.item())
    return network, losses


def smooth(losses):
    r"""Means of ten losses in a row."""
    return [sum(losses[i : i + 10]) / 10 for i in range(len(losses) - 10)]


def save(name):
    r"""Save the figure: in figures/ where that is a folder, else in out/figures/."""
    import matplotlib.pyplot as plt

    folder = Path("figures") if Path("figures").is_dir() else Path("out/figures")
    folder.mkdir(parents=True, exist_ok=True)
    plt.savefig(folder / name)


def heatmap(figure, axes, rows, groups, seconds):
    r"""Rows over time in red and blue, groups of them (name -> how many) ruled off and named."""
    extent = (0, seconds, len(rows), 0)
    image = axes.imshow(rows, "RdBu_r", aspect="auto", extent=extent, vmin=-3, vmax=3)
    ends = torch.tensor(list(groups.values())).cumsum(0)
    middles = ends - torch.tensor(list(groups.values())) / 2
    axes.set(xlabel="time [s]", yticks=middles.tolist(), yticklabels=list(groups))
    axes.hlines(ends[:-1].tolist(), 0, seconds, "k", lw=0.6)
    figure.colorbar(image, ax=axes, label="standard deviations")


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
    speaker, x_0 = torch.zeros(B, L, 70), torch.zeros(B, reaction.shape[1], 70)
    speaker[..., 3:11], x_0[..., 3:11] = shown, reaction
    identity = torch.randn(B, 8, generator=generator)
    portrait = torch.randn(B, 70, generator=generator)
    return x_0, Condition(audio, speaker, identity, torch.eye(3)[mood], portrait)


def normal_density(x, mean, std):
    r"""The bell curve's height at x."""
    return torch.exp(-(((x - mean) / std) ** 2) / 2) / (std * (2 * torch.pi) ** 0.5)


def squares_of_weights(weights, across, down):
    r"""Tables of weights, by title, as squares of one scale."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(weights), figsize=(6.4, 2.4), sharey=True)
    for axis, (title, table) in zip(axes, weights.items()):
        image = axis.imshow(table.numpy(), cmap="Blues", vmin=0, vmax=0.5)
        axis.set(title=title, xlabel=across)
    axes[0].set_ylabel(down)
    figure.colorbar(image, ax=axes, label="weight", shrink=0.85)


def row_of_pictures(pictures, names):
    r"""Pictures (N, 3, H, W) in [0, 1] side by side, each under its name."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(names), figsize=(1.35 * len(names), 1.7))
    for axis, name, picture in zip(axes, names, pictures):
        axis.imshow(picture.clamp(0, 1).permute(1, 2, 0).numpy())
        axis.set_title(name)
        axis.axis("off")
    return figure


def line_face():
    r"""Twenty points (x, y, z) of a face: jaw 9, eyes 4, middle 3 (the last: the nose), mouth 4."""
    arc = np.pi * (1 + np.arange(9) / 8)  # ear, chin, ear
    jaw = np.stack([0.75 * np.cos(arc), 0.2 + 1.1 * np.sin(arc), -0.5 * np.abs(np.cos(arc))], 1)
    eyes = [(-0.48, 0.25, 0.2), (-0.2, 0.25, 0.3), (0.2, 0.25, 0.3), (0.48, 0.25, 0.2)]
    middle = [(0, 0.9, 0.2), (0, 0.25, 0.4), (0, -0.1, 0.65)]  # forehead, bridge, tip
    mouth = [(-0.28, -0.45, 0.35), (0, -0.38, 0.45), (0.28, -0.45, 0.35), (0, -0.55, 0.43)]
    return np.concatenate([jaw, eyes, middle, mouth])


def draw_line_face(axes, points):
    r"""Draw the twenty points of line_face, projected (20, 2 or more), the nose in red."""
    for line in (range(9), (9, 10), (11, 12), (13,), (14, 15), (16, 17, 18, 19, 16)):
        axes.plot(*points[list(line), :2].T, "o-", color="0.3", ms=2, lw=1)
    axes.plot(*points[15, :2], "C3o", ms=5)
    axes.set(xlim=(0, 224), ylim=(0, 224), aspect="equal")


def printed(command, words):
    r"""The lines that a command prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        command(words)
    return said.getvalue().splitlines()


def release(folder, pairs):
    r"""Write pairs of two seconds as a release has them: 25 frames a second, 64x48, grey."""
    rng, folder = np.random.default_rng(0), Path(folder)
    lines = ["attitude,audio,listener,speaker,listener_id,speaker_id,data_split"]
    for n in range(pairs):
        for role in ("listener", "speaker"):
            coefficients = 0.02 * rng.normal(size=(50, 257)).cumsum(0)
            save_mat(folder / "recons" / f"{role}{n}.mat", coefficients)
            grey = (128 + 400 * coefficients[:, 224]).clip(0, 255).astype(np.uint8)
            frames = [np.full((48, 64, 3), value, np.uint8) for value in grey]
            media.write_video(folder / "videos" / f"{role}{n}.mp4", frames, fps=25)
        media.write_sound(folder / "audios" / f"{n}.wav", 0.1 * rng.normal(size=32000), 16000)
        split = "test" if n == pairs - 1 else "train"
        lines.append(f"{ATTITUDES[n % 3]},{n},listener{n},speaker{n},{n},{10 + n},{split}")
    (folder / "RLD_data.csv").write_text("\n".join(lines) + "\n")
