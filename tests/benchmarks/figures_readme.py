r"""The moving picture of the README: the demo's speaker, and one listener in three attitudes.

python -m tests.benchmarks.figures_readme tutorials/figures/readme_attitudes.webp
"""

import sys

import numpy as np
from PIL import Image

from mfr import pipeline
from mfr.config import ATTITUDES, FPS

SIDE, EVERY = 150, 3  # of a picture [pixels]; one frame of so many is shown
DEMO = pipeline.WEIGHTS / "demo"


def main(path, portrait=DEMO / "portrait.png"):
    r"""Render three responses to the demo's speaker, side by side, and write them as a WebP."""
    system = pipeline.load()
    speaker = system.perceive(DEMO / "speaker.mp4", DEMO / "speaker.mat")
    listener = system.look(portrait)
    moments = np.arange(0, len(speaker.motion), EVERY)
    columns = [[frame for i, frame in enumerate(speaker.frames()) if i % EVERY == 0]]
    for attitude in ATTITUDES:
        (response,) = system.respond(speaker, listener, attitude, seed=1)
        columns.append(list(system.render(listener, response.motion, moments)))
    pictures = []
    for row in zip(*columns):
        wide = Image.fromarray(np.concatenate(row, 1))
        pictures.append(wide.resize((SIDE * len(row), SIDE), Image.Resampling.LANCZOS))
    wait = round(1000 * EVERY / FPS)
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=wait, loop=0, quality=60
    )
    print(f"written   {path}   {len(pictures)} pictures")


if __name__ == "__main__":
    main(sys.argv[1])
