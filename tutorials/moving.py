r"""The moving pictures of the chapters, as small WebP files.

python -m tutorials.moving            draws figures/moving_NN.webp, a minute or two
python -m tutorials.moving 05         only this one
"""

import io
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from data_tools.synthetic.people.face_model import EXPRESSIONS, FaceModel, sample_person
from data_tools.synthetic.picture.rasterizer import render
from data_tools.synthetic.talk.conversation import sample_listener
from data_tools.synthetic.talk.phonetics import sample_voice
from data_tools.synthetic.talk.speech import synthesize_speech
from mfr import pipeline
from mfr.config import ATTITUDES, FPS, RendererConfig
from mfr.files import media
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.render.renderer import Renderer

FIGURES = Path(__file__).parent / "figures"
EVERY = 3  # of the frames of a face, one is shown


def pictures_of(person, motion):
    r"""The world's own frames of a person's motion (L, 70): uint8 (L, 200, 200, 3)."""
    frames = [
        render(FaceModel(), person.coefficients(row[None]), person).image[0, :, 40:240, 28:228]
        for row in motion
    ]
    return (255 * torch.stack(frames)).round().byte().permute(0, 2, 3, 1).numpy()


def acting():
    r"""Chapter 2: two nods, a smile that grows, a blink."""
    person, frames = sample_person(np.random.default_rng(4)), np.arange(0, 45, EVERY)
    motion = person.neutral_motion(len(frames))
    motion[:, 0] += 0.14 * np.sin(np.pi * frames / 22) ** 2
    motion[:, 3 + EXPRESSIONS["smile"]] += np.clip(frames / 30, 0, 1)
    motion[:, 3 + EXPRESSIONS["lids_close"]] += np.exp(-(((frames - 24) / 2.5) ** 2))
    return pictures_of(person, motion), EVERY / FPS


def chain():
    r"""Chapter 5: a smooth motion comes out of noise, frame by frame together."""
    import matplotlib.pyplot as plt

    frames = torch.arange(60).double()
    S = torch.exp(-((frames[:, None] - frames) ** 2) / 72)  # how alike two frames are
    tables, identity = GaussianDiffusion(linear_beta_schedule(1000)), torch.eye(60).double()
    path = []

    def smooth(x_t, t, cond):
        a = tables.alphas_cumprod[t[0]]
        path.append((t[0].item(), x_t[0, :, 0]))
        M = a * S + (1 - a) * identity
        return (1 - a).sqrt() * torch.linalg.solve(M, x_t)

    seed = torch.Generator().manual_seed(2)
    x_0 = tables.sample(smooth, (1, 60, 1), None, seed, dtype=torch.float64)[0, :, 0]
    shown, drawn = [*path[::40], *[(0, x_0)] * 6], []
    for t, x in shown:
        figure, axes = plt.subplots(figsize=(4.2, 2.2), dpi=80, layout="constrained")
        axes.plot(frames / FPS, 5 * x, "C0.-", lw=1, ms=3)
        axes.set(ylim=(-17, 17), xlabel="time [s]", ylabel="pitch [degrees]", title=f"t = {t}")
        file = io.BytesIO()
        figure.savefig(file)
        plt.close(figure)
        drawn.append(np.asarray(Image.open(file).convert("RGB")))
    return drawn, 0.15


def turning():
    r"""Chapter 9: the demo's portrait turned by geometry alone, nothing learnt."""
    torch.manual_seed(0)
    picture = media.read_image(pipeline.WEIGHTS / "demo" / "portrait.png")
    portrait = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    bare = Renderer(RendererConfig()).eval().requires_grad_(False)
    encoded, frames = bare.encode(portrait, torch.zeros(1, 70)), []
    for way in torch.linspace(0, 2 * torch.pi, 21)[:-1]:
        motion = torch.zeros(1, 70)
        motion[0, :2] = torch.stack([0.1 * (2 * way).sin(), 0.2 * way.sin()])  # pitch, yaw
        image = bare.render(encoded, motion).image[0].clamp(0, 1)
        frames.append((255 * image).round().byte().permute(1, 2, 0).numpy())
    return frames, 0.1


def attitudes():
    r"""Chapter 12: one listener of the world in three attitudes, to one speech."""
    speech = synthesize_speech(
        sample_voice(np.random.default_rng(5)), 5.0, np.random.default_rng(5)
    )
    person, columns = sample_person(np.random.default_rng(3)), []
    for attitude in ATTITUDES:
        rest = person.neutral_motion()[0]
        motion = sample_listener(speech, attitude, person.id, np.random.default_rng(101), rest)
        columns.append(pictures_of(person, motion[:: 2 * EVERY]))
    return np.concatenate(columns, 2), 2 * EVERY / FPS


CHAPTERS = {"02": acting, "05": chain, "09": turning, "12": attitudes}


def write(name, frames, seconds, height=170):
    r"""Frames (H, W, 3) of so many seconds each as a WebP that goes round."""
    pictures = []
    for frame in frames:
        size = round(height * frame.shape[1] / frame.shape[0]), height
        pictures.append(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))
    options = {"save_all": True, "append_images": pictures[1:], "loop": 0, "quality": 60}
    pictures[0].save(FIGURES / name, duration=round(1000 * seconds), **options)
    print(f"written   {name}   {len(pictures)} pictures, {(FIGURES / name).stat().st_size} bytes")


def main(chosen):
    r"""Draw those of the chapters asked for, or all."""
    for chapter, make in CHAPTERS.items():
        if not chosen or chapter in chosen:
            frames, seconds = make()
            write(f"moving_{chapter}.webp", frames, seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
