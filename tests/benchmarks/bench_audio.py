r"""How fast the acoustic features are, as ratios: python -m tests.benchmarks.bench_audio

One thread, process time, the contestants interleaved, medians. Peers that are not installed are
skipped with a line; to have them: pip install librosa pyloudnorm.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported

import argparse
import statistics
import time

import numpy as np

from mfr.config import FPS
from mfr.sound import features as audio
from mfr.sound.framing import check_sound

SECONDS = 60
HOP_SECONDS = 1 / FPS


def sound(rate, seconds=SECONDS):
    r"""Noise with a syllable's rise and fall, the same every time.

    Args:
        rate: [Hz].
        seconds: [s].

    Returns:
        (N,) float32.
    """
    noise = np.random.default_rng(0).standard_normal(rate * seconds)
    swell = 1 + np.sin(2 * np.pi * 4 * np.arange(rate * seconds) / rate)
    return (0.05 * noise * swell).astype(np.float32)


def ours_44(x, rate):
    r"""The columns that librosa has too: all but loudness, as acoustic_features makes them."""
    return np.column_stack(audio._short_time(check_sound(x, rate), None, FPS))


def librosa_44(librosa):
    r"""The same 44 columns by librosa: 25 ms, 26 HTK bands to 8 kHz, 14 cepstra, both deltas."""

    def run(x, rate):
        width, hop = int(0.025 * rate + 0.5) // 2 * 2, int(HOP_SECONDS * rate)  # even: equal counts
        length = 1 << (width - 1).bit_length()
        cepstra = librosa.feature.mfcc(
            y=x,
            sr=rate,
            n_mfcc=14,
            n_mels=26,
            n_fft=length,
            win_length=width,
            hop_length=hop,
            fmin=20,
            fmax=8000,
            htk=True,
        )
        return np.vstack(
            [
                cepstra,
                librosa.feature.delta(cepstra, width=5),
                librosa.feature.delta(cepstra, width=5, order=2),
                librosa.feature.rms(y=x, frame_length=width, hop_length=hop),
                librosa.feature.zero_crossing_rate(x, frame_length=width, hop_length=hop),
            ]
        )

    return run


def with_loudness(librosa_run, pyloudnorm):
    r"""librosa's columns and pyloudnorm's K-weighting, squared and averaged over 400 ms."""

    def run(x, rate):
        columns = librosa_run(x, rate)
        y = x
        for stage in pyloudnorm.Meter(rate)._filters.values():
            y = stage.apply_filter(y)
        total = np.concatenate([[0], np.cumsum(y**2)])
        centres = ((np.arange(columns.shape[1]) + 0.5) * rate * HOP_SECONDS).astype(int)
        first, last = (np.clip(centres + side * rate // 5, 0, len(x)) for side in (-1, 1))
        return columns, 10 * np.log10((total[last] - total[first]) / (last - first) + 1e-12)

    return run


def legacy_loop(librosa):
    r"""The ViCo baseline's way: every 1/30 s by itself. RMS and crossings by librosa, as there.

    Its Kaldi MFCC is ours, frame by frame, which flatters the baseline: torchaudio's is slower.
    """

    def run(x, rate):
        piece, rows = rate // FPS, []
        for first in range(0, len(x) // piece * piece, piece):
            part = x[first : first + piece]
            cepstra = audio.vico_compat(part, rate)[0, :39]
            rms = librosa.feature.rms(y=part, pad_mode="reflect")
            crossings = librosa.feature.zero_crossing_rate(part, frame_length=rate)
            rows.append(np.concatenate([cepstra, rms[0], crossings[0]]))
        return np.array(rows)

    return run


def medians(contestants, x, rate, rounds):
    r"""Median process time of each, one run of each per round after one to warm up.

    Args:
        contestants: name -> function (x, rate).
        x: (N,) float32.
        rate: [Hz].
        rounds: how often.

    Returns:
        dict: name -> [s].
    """
    times = {name: [] for name in contestants}
    for name, run in contestants.items():
        run(x[: 2 * rate], rate)
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.process_time()
            run(x, rate)
            times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def contestants():
    r"""(name -> function (x, rate)) of what is installed; ours first."""
    runs = {"ours, 44 columns": ours_44, "ours, all 45": audio.acoustic_features}
    try:
        import librosa
    except ImportError:
        print("librosa is not installed: skipped, and with it pyloudnorm and the baseline's loop")
        return runs
    runs["librosa, 44 columns"] = librosa_44(librosa)
    try:
        import pyloudnorm

        runs["librosa + pyloudnorm, all 45"] = with_loudness(librosa_44(librosa), pyloudnorm)
    except ImportError:
        print("pyloudnorm is not installed: skipped")
    runs["the baseline's loop"] = legacy_loop(librosa)
    return runs


def main():
    r"""Print the times and ratios at 16 and 44.1 kHz."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="runs of each (default 15)")
    rounds = parser.parse_args().rounds
    runs = contestants()
    loop = {name: runs.pop(name) for name in list(runs) if "loop" in name}
    for rate in (16_000, 44_100):
        x = sound(rate)
        times = medians(runs, x, rate, rounds)
        slow = medians(loop, x[: len(x) // 10], rate, 3)  # a tenth of the sound, scaled
        times.update({name: 10 * seconds for name, seconds in slow.items()})
        print(f"{rate} Hz, {SECONDS} s, {SECONDS * FPS} frames, one thread, process time")
        for name, seconds in times.items():
            peer = "ours, 44 columns" if "44" in name else "ours, all 45"
            ratio = "" if name == peer else f"{seconds / times[peer]:7.1f} x {peer}"
            print(f"  {name:30s}{1e3 * seconds:9.1f} ms{ratio}")


if __name__ == "__main__":
    main()
