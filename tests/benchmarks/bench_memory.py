r"""Most memory that a clip takes, by its length: sound, denoising, decoding, encoding.

    python -m tests.benchmarks.bench_memory --minutes 1 10 30 --steps 5

Each length has a process of its own, which responds to a small video with stereo sound as the
command line does. Reconstruction and rendering, which take a batch of frames at a time at any
length, are left out to spare time: coefficients come from a file, every frame is the portrait. What
is told is the process's peak (VmHWM) after each stage, without the encoder's and the decoder's own
processes.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from mfr import pipeline
from mfr.config import FPS
from mfr.face.coefficients import save_mat
from mfr.files import media


class Unrendered(pipeline.System):
    r"""Every frame is the portrait."""

    def render(self, portrait, motion, moments=None):
        for _ in motion if moments is None else moments:
            yield portrait.pixels


def peak():
    r"""Most memory so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def respond(folder, options, minutes):
    r"""Make one length's files, then measure it in a process of its own."""
    rng, seconds = np.random.default_rng(0), round(minutes * 60)
    with soundfile.SoundFile(folder / "a.wav", "w", 44100, 2) as file:
        for _ in range(seconds):
            file.write(0.1 * rng.normal(size=(44100, 2)))
    pictures = (np.full((64, 64, 3), i % 200, np.uint8) for i in range(seconds))
    media.write_video(folder / "a.mp4", pictures, fps=1)
    rows = 0.05 * rng.normal(size=(seconds * FPS, 257)).astype(np.float32)
    save_mat(folder / "a.mat", rows)
    row = [sys.executable, "-m", "tests.benchmarks.bench_memory", "--child", folder]
    row += ["--minutes", minutes, "--samples", options.samples, "--steps", options.steps]
    row += ["--written"] * options.written
    subprocess.run([str(word) for word in row], check=True)


def measure(folder, options):
    r"""Print the row of one length."""
    system = pipeline.load(device="cpu")
    parts = (system.motion, system.identity, system.reconstruction, system.renderer)
    system = Unrendered(*parts, system.device)
    portrait = system.look(pipeline.WEIGHTS / "demo" / "portrait.png")
    seen = [peak()]
    speaker = system.perceive(folder / "a.mp4", folder / "a.mat", folder / "a.wav")
    seen.append(peak())
    steps, samples = options.steps, options.samples
    response = system.respond(speaker, portrait, "positive", samples, steps=steps)[0]
    seen.append(peak())
    if options.written:
        response.save(folder / "out.mp4", speaker)
    else:
        media.write_sound(folder / "out.wav", speaker.sound, speaker.sample_rate)
    seen.append(peak())
    cells = "".join(f"{value:>12.0f}" for value in seen)
    print(f"{options.minutes[0]:>8g}{len(speaker.motion):>8}{cells}", flush=True)


def main():
    r"""Print a table, a row a length."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 30])
    p.add_argument("--samples", type=int, default=1)
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--written", action="store_true", help="a whole video; else its sound alone")
    p.add_argument("--child")
    options = p.parse_args()
    if options.child:
        measure(Path(options.child), options)
        return
    heads = ("loaded", "perceived", "denoised", "written")
    print(f"{'minutes':>8}{'frames':>8}" + "".join(f"{head:>12}" for head in heads) + "   [MB]")
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as folder:
            respond(Path(folder), options, minutes)


if __name__ == "__main__":
    main()
