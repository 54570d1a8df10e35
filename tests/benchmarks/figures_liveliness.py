r"""Real and synthetic listeners in one picture: head motion by frequency, and their tracks.

    python -m tests.benchmarks.figures_liveliness --real vico/videos/*.listener.mp4 --out lively.png

Real videos are read back by the reconstruction net; the world's listeners stand beside them as they
are. Above: power of the three angles by frequency, medians and ranges of clips. Below: pitch, yaw
and smile of one real listener and of one synthetic listener of each attitude. A picture that holds
real people's tracks is for looking at, not for the repository.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.signal import welch

from data_tools.synthetic.talk.motion import COLUMN
from mfr import pipeline
from mfr.config import ATTITUDES, FPS
from mfr.face.coefficients import to_motion
from mfr.files import media
from mfr.files.whole import atomic, command
from tests.benchmarks.bench_liveliness import UNSEEN_SEED, read_back, world_clips

TRACKS = (("pitch", "tab:blue"), ("yaw", "tab:red"), ("smile", "tab:green"))
WINDOW = 120  # frames of a piece of Welch's spectrum
CLIPS, SECONDS = 60, 9


def spectrum(motion):
    r"""Frequencies [Hz] and power of the angles, mean of the three [rad^2 / Hz]."""
    frequency, power = welch(motion[:, :3], FPS, nperseg=min(WINDOW, len(motion)), axis=0)
    return frequency[1:], power[1:].mean(1)


def draw_spectra(axis, clips, label, colour):
    r"""Median and range of some clips' spectra."""
    common = np.linspace(0.25, 8, 60)
    powers = np.array([np.interp(common, *spectrum(motion)) for motion in clips])
    axis.loglog(common, np.median(powers, 0), color=colour, label=label)
    axis.fill_between(common, powers.min(0), powers.max(0), color=colour, alpha=0.15, lw=0)


def draw_tracks(axis, name, motion):
    r"""Pitch, yaw and smile over time, from the first frame on."""
    seconds = np.arange(len(motion)) / FPS
    for column, colour in TRACKS:
        moved = motion[:, COLUMN[column]] - motion[0, COLUMN[column]]
        scale = 1.0 if column == "smile" else 5.0
        label = column if scale == 1 else f"{column} x 5 [rad]"
        axis.plot(seconds, scale * moved, color=colour, lw=1, label=label)
    axis.set_ylabel(name, fontsize=8)
    axis.set_ylim(-1, 1.2)


def draw(real, out, seed=UNSEEN_SEED):
    r"""Write the picture.

    Args:
        real: list of (name, (L, 70)).
        out: .png.
        seed: of the world.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    world = [
        (name.split()[1], to_motion(coefficients))
        for name, _, coefficients in world_clips(CLIPS, SECONDS, seed)
    ]
    shown = real[:2] + world[: len(ATTITUDES)]
    figure, axes = plt.subplots(1 + len(shown), 1, figsize=(8, 4 + 1.5 * len(shown)))
    if real:
        draw_spectra(axes[0], [x for _, x in real], "real, read back", "black")
    draw_spectra(axes[0], [x for _, x in world], "synthetic", "tab:orange")
    axes[0].set_xlabel("Hz")
    axes[0].set_ylabel("rad$^2$ / Hz")
    axes[0].legend(fontsize=8, frameon=False)
    for axis, (name, motion) in zip(axes[1:], shown):
        draw_tracks(axis, name, motion)
    axes[1].legend(fontsize=7, ncol=3, frameon=False)
    axes[-1].set_xlabel("seconds")
    figure.tight_layout()
    with atomic(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


def main(argv=None):
    r"""The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--real", nargs="*", type=Path, default=[], help="videos, or .npy of motion"
    )
    parser.add_argument("--out", type=Path, required=True, help="the picture, .png")
    options = parser.parse_args(argv)
    network = pipeline.load().reconstruction if options.real else None
    real = [
        (
            f"real {number}",
            np.load(path)
            if path.suffix == ".npy"
            else read_back(network, media.stream_video(path)),
        )
        for number, path in enumerate(options.real, 1)
    ]
    draw(real, options.out)
    print(f"written   {options.out}")


if __name__ == "__main__":
    command(main)
