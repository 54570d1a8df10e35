r"""Metrics against public packages, values and speed: python -m tests.benchmarks.bench_metrics

One thread, process time, the contestants interleaved, medians. Peers that are not installed are
skipped with a line; to have them, in an environment of their own beside requirements.txt:
pip install scikit-image cpbd. The package cpbd asks SciPy for an image reader that is long gone;
the reader is not needed here, so an empty name stands in for it.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported

import argparse
import importlib
import statistics
import time

import numpy as np
import scipy.linalg
import scipy.ndimage
import torch

from mfr.evaluation import metrics
from tests.evaluation.test_metrics_cpbd import REFERENCES as CPBD_REFERENCES
from tests.evaluation.test_metrics_image import REFERENCES, colour, picture

FRAMES = 32


def peer(name):
    r"""A module, or None and a line when it is not installed."""
    if name == "cpbd":
        vars(scipy.ndimage).setdefault("imread", None)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"{name} cannot be imported: skipped ({error})")
        return None


def skimage_ssim(module):
    r"""SSIM with the Gaussian window, frame by frame: (B, H, W, 3) floats twice -> (B,)."""

    def run(x, y):
        return np.array(
            [
                module.structural_similarity(
                    a,
                    b,
                    channel_axis=2,
                    gaussian_weights=True,
                    sigma=1.5,
                    data_range=1,
                    use_sample_covariance=False,
                )
                for a, b in zip(x, y)
            ]
        )

    return run


def medians(contestants, rounds):
    r"""Median process time [s] of each call, one a round, the contestants taking turns."""
    times = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            if turn:  # the first is to warm up
                times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def show(what, times, equal):
    r"""One line: times, how many times slower the others are, how far the values are apart."""
    ours, *others = times.values()
    ratio = ", ".join(f"{name} {times[name] / ours:.1f} x" for name in list(times)[1:])
    listed = ", ".join(f"{1e3 * seconds:.1f}" for seconds in (ours, *others))
    print(f"{what:34s}{listed:>20s} ms   {ratio}   largest difference {equal:.1e}")


def frames(size=256):
    r"""FRAMES pairs of RGB frames, sharp and with noise: float32 (B, H, W, 3) in [0, 1]."""
    rng = np.random.default_rng(0)
    channels = [picture(name, size, size) for name in ("face", "fine", "discs")]
    x = np.stack(channels, -1).astype(np.float32) / 255
    x = np.stack([np.roll(x, 3 * i, axis=1) for i in range(FRAMES)])
    return x, np.clip(x + 0.05 * rng.standard_normal(x.shape, np.float32), 0, 1)


def bench_ssim(module, rounds):
    x, y = frames()
    a, b = (torch.from_numpy(z).permute(0, 3, 1, 2).contiguous() for z in (x, y))
    theirs = skimage_ssim(module)
    apart = np.abs(metrics.ssim(a, b) - theirs(x, y)).max()
    runs = {"ours": lambda: metrics.ssim(a, b), "scikit-image": lambda: theirs(x, y)}
    show(f"SSIM, {FRAMES} RGB frames of 256", medians(runs, rounds), apart)


def bench_cpbd(module, rounds):
    names = ("face", "fine", "discs", "noise")
    grays = [picture(name, 256, 256) for name in names]
    ours, theirs = metrics.cpbd_of_gray, module.compute
    apart = max(abs(ours(gray) - theirs(gray)) for gray in grays)
    runs = {"ours": lambda: [ours(g) for g in grays], "cpbd": lambda: [theirs(g) for g in grays]}
    show(f"CPBD, {len(names)} frames of 256", medians(runs, rounds), apart)


def bench_frechet(width, rounds):
    rng = np.random.default_rng(0)
    moments = []
    for _ in range(2):
        rows = rng.standard_normal((2 * width, width)) * np.exp(rng.uniform(-3, 1, width))
        moments += [rows.mean(0), np.cov(rows, rowvar=False)]

    def by_root():
        gap, (one, two) = moments[0] - moments[2], moments[1::2]
        root = scipy.linalg.sqrtm(one @ two)
        return gap @ gap + np.trace(one) + np.trace(two) - 2 * np.trace(root).real

    runs = {"ours": lambda: metrics.frechet_from_moments(*moments), "scipy's sqrtm": by_root}
    apart = abs(runs["ours"]() / by_root() - 1)
    show(f"Frechet, {width} dimensions", medians(runs, rounds), apart)


def references(skimage, cpbd):
    r"""Print the numbers that the tests hold, as the packages compute them."""
    for names in REFERENCES if skimage else ():
        x, y = (colour(*part)[0] / 255 for part in (names[:3], names[3:]))
        value = float(skimage_ssim(skimage)([x], [y])[0])
        decibels = float(skimage.peak_signal_noise_ratio(y, x, data_range=1))
        print(f"    {names}: ({value!r}, {decibels!r}),")
    for name, size in CPBD_REFERENCES if cpbd else ():
        print(f"    ({name!r}, {size}): {float(cpbd.compute(picture(name, *size)))!r},")


def main():
    r"""Print one line a metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="runs of each (default 7)")
    parser.add_argument("--width", type=int, default=2048, help="of the Frechet distance")
    parser.add_argument("--references", action="store_true", help="print the tests' numbers only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    skimage, cpbd = peer("skimage.metrics"), peer("cpbd")
    if options.references:
        references(skimage, cpbd)
        return
    print("median process time on one thread: ours, others; how many times slower; difference")
    if skimage:
        bench_ssim(skimage, options.rounds)
    if cpbd:
        bench_cpbd(cpbd, options.rounds)
    bench_frechet(options.width, min(options.rounds, 3))


if __name__ == "__main__":
    main()
