r"""How alive listeners are: how far head and face move, and how fast, as one eye reads it back.

    python -m tests.benchmarks.bench_liveliness response.mp4 other.mp4
    python -m tests.benchmarks.bench_liveliness --world 4
    python -m tests.benchmarks.bench_liveliness --coefficients data/vico/recons/*_listener.mat

FD is the mean distance to the first frame, times 100; exp the twelve named directions; smile and
brow the range from 5 % to 95 %; lids the 99 % quantile less the median; speeds of the head are
rms values of the three angles in a band of frequencies [rad]. Videos and the world's own frames
are read back by the reconstruction net, so the net's weaknesses weigh alike on real people, on the
world and on rendered responses; coefficients are taken as they stand.
"""

import argparse
from pathlib import Path

import numpy as np

from data_tools.synthetic import dataset
from data_tools.synthetic.picture import film
from data_tools.synthetic.talk.motion import COLUMN
from mfr import pipeline
from mfr.config import ATTITUDES, FPS
from mfr.face.coefficients import load_mat, to_motion
from mfr.face.reconstruction import reconstruct, smooth
from mfr.files import media
from mfr.files.whole import command
from tests.benchmarks.bench_renderer_quality import table

BANDS = ((0.0, 0.5), (0.5, 2.0), (2.0, 6.0))  # [Hz]
ANGLE, NAMED, TRANS = slice(0, 3), slice(3, 15), slice(67, 70)
BATCH = 16
UNSEEN_SEED = 77  # a world whose people nobody was trained on


def band_power(angles):
    r"""Mean square of the angles about their mean, by band.

    Args:
        angles: (L, 3) [rad].

    Returns:
        (3,) [rad^2], mean over the angles.
    """
    length = len(angles)
    frequency = np.fft.rfftfreq(length, 1 / FPS)
    spectrum = np.abs(np.fft.rfft(angles - angles.mean(0), axis=0)) ** 2 * 2 / length**2
    inside = [(frequency > low) & (frequency <= high) for low, high in BANDS]
    return np.array([spectrum[where].sum(0).mean() for where in inside])


def liveliness(motion):
    r"""The numbers of one clip.

    Args:
        motion: (L, 70).

    Returns:
        dict, in the order of the table.
    """
    motion = np.asarray(motion, float)
    away = 100 * np.abs(motion - motion[0])
    power = band_power(motion[:, ANGLE])
    lids = motion[:, COLUMN["lids_close"]]
    return {
        "FD angle": away[:, ANGLE].mean(),
        "FD exp": away[:, NAMED].mean(),
        "FD trans": away[:, TRANS].mean(),
        "smile": np.ptp(np.quantile(motion[:, COLUMN["smile"]], [0.05, 0.95])),
        "brows": np.ptp(np.quantile(motion[:, COLUMN["brow_lower"]], [0.05, 0.95])),
        "lids": np.quantile(lids, 0.99) - np.median(lids),
        "rms 0-.5": np.sqrt(power[0]),
        "rms .5-2": np.sqrt(power[1]),
        "rms 2-6": np.sqrt(power[2]),
        "smile mean": (motion[:, COLUMN["smile"]] - motion[0, COLUMN["smile"]]).mean(),
    }


def read_back(network, frames):
    r"""Motion as the reconstruction net sees it.

    Args:
        network: ReconstructionNet.
        frames: iterable of uint8 (256, 256, 3).

    Returns:
        (L, 70).
    """
    rows, batch = [], []
    for frame in frames:
        batch.append(frame)
        if len(batch) == BATCH:
            rows.append(reconstruct(network, np.stack(batch), smoothing=0))
            batch = []
    if batch:
        rows.append(reconstruct(network, np.stack(batch), smoothing=0))
    return to_motion(smooth(np.concatenate(rows)))


def world_clips(count, seconds, seed=UNSEEN_SEED):
    r"""Listeners of a world of its own, attitudes in turn.

    Args:
        count: clips.
        seconds: of each.
        seed: of people, speeches and answers.

    Returns:
        An iterator of (name, Person, (L, 257)).
    """
    for index in range(count):
        attitude = ATTITUDES[index % len(ATTITUDES)]
        frames = round(seconds * FPS)
        meeting = dataset.Meeting(index, attitude, 2 * index, 2 * index + 1, "ood", frames, 16000)
        take = dataset.play(meeting, seed)
        yield f"{index} {attitude}", dataset.person(seed, meeting.listener), take.listener


def rows_of(options):
    r"""(name, (L, 70)) of everything that the command line names."""
    for path in options.paths:
        if options.coefficients:
            yield path.stem, to_motion(load_mat(path)[0])
        else:
            yield path.stem, read_back(options.network, media.stream_video(path))
    for name, person, coefficients in world_clips(options.world, options.seconds, options.seed):
        if not options.coefficients:
            motion = read_back(options.network, film.frames(person, coefficients))
        else:
            motion = to_motion(coefficients)
        yield name, motion


def main(argv=None):
    r"""The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, help="videos, or .mat files")
    parser.add_argument("--world", type=int, default=0, help="clips of the world's own (0)")
    parser.add_argument("--seconds", type=float, default=9, help="of each of these (9)")
    parser.add_argument("--seed", type=int, default=UNSEEN_SEED, help="of that world (77)")
    parser.add_argument(
        "--coefficients", action="store_true", help="no pictures: numbers as they stand"
    )
    options = parser.parse_args(argv)
    if not options.paths and options.world < 1:
        raise ValueError("nothing to read: give videos, --world N, or both")
    options.network = None if options.coefficients else pipeline.load().reconstruction
    found = {name: liveliness(motion) for name, motion in rows_of(options)}
    cells = np.array([list(row.values()) for row in found.values()])
    summary = {"lowest": cells.min(0), "median": np.median(cells, 0), "highest": cells.max(0)}
    columns = list(next(iter(found.values())))
    rows = [[name, *(f"{x:.3g}" for x in row.values())] for name, row in found.items()]
    if len(found) > 1:
        rows += [[name, *(f"{x:.3g}" for x in row)] for name, row in summary.items()]
    print("\n".join(table(["", *columns], rows)))


if __name__ == "__main__":
    command(main)
