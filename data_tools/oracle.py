r"""What the synthetic world itself would answer: draws of the true listener for held-out clips.

    python -m data_tools.oracle data/vico --samples 10

writes `oracle/CLIP.npz` into the folder, for mfr.evaluation.tables: `motion` (K, L, 70), the true
distribution's own samples; `phrase_ends` (N,) [frames], when the speaker's phrases end; `nod_size`
(), the listener's true factor on the size of head movements. A real data set has no such folder.
"""

from pathlib import Path

import numpy as np

from data_tools.synthetic import dataset
from data_tools.synthetic.talk.conversation import sample_listener
from data_tools.synthetic.talk.motion import personal_style
from mfr.files.vico import held_out, read_clips
from mfr.files.whole import atomic, command, command_line


def oracle_samples(truth, samples, rng):
    r"""K independent responses of the true listener to one speaker: float32 (K, L, 70).

    The limit of a learnt model.

    Raises:
        ValueError: K is below 1.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; allowed: >= 1")
    drawn = [
        sample_listener(truth.track, truth.attitude, truth.identity, rng, truth.rest)
        for _ in range(samples)
    ]
    return np.stack(drawn)


def write_oracle(folder, samples=10, seed=0):
    r"""Draw for every held-out clip of a synthetic folder; gives the number of clips.

    Raises:
        ValueError: the folder is not synthetic, or samples is below 1.
    """
    folder = Path(folder)
    _, clips = held_out(read_clips(folder, videos=False))
    for clip in clips:
        truth = dataset.read_truth(folder, clip.audio.stem)
        rng = np.random.default_rng([seed, 4, clip.row])
        values = {
            "motion": oracle_samples(truth, samples, rng),
            "phrase_ends": np.asarray(truth.track.phrase_ends, float),
            "nod_size": np.float64(personal_style(truth.identity).size),
        }
        with atomic(folder / "oracle" / f"{clip.audio.stem}.npz") as temporary:
            np.savez(temporary, **values)
    return len(clips)


def main(arguments=None):
    r"""The command line."""
    parser = command_line("data_tools.oracle", __doc__)
    parser.add_argument("folder", help="made by data_tools.make_synthetic")
    parser.add_argument("--samples", type=int, default=10, help="draws a clip (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    options = parser.parse_args(arguments)
    count = write_oracle(options.folder, options.samples, options.seed)
    print(f"written   {Path(options.folder) / 'oracle'}: {count} clips x {options.samples} draws")
    print(f"next      python -m mfr.evaluation.tables --data {options.folder} --runs runs")


if __name__ == "__main__":
    command(main)
