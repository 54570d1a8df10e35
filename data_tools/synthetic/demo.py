r"""The demo that ships with the weights: a speaker and a portrait of people unseen in training.

python -m data_tools.synthetic.demo --out mfr/weights/demo
"""

import argparse
from pathlib import Path

import numpy as np

from data_tools.synthetic import dataset
from data_tools.synthetic.picture import film
from mfr.face.coefficients import from_motion, save_mat
from mfr.files.media import write_image, write_video
from mfr.files.whole import command


def make_demo(out, seed=0, clip=0):
    r"""Write speaker.mp4 with its sound, speaker.mat and portrait.png.

    Args:
        out: folder.
        seed: of the world; the same as the training set's, so that `ood` people are unseen.
        clip: which of the `small` set's ood clips.

    Raises:
        ValueError: there is no such clip.
    """
    meetings = [meeting for meeting in dataset.plan("small", seed) if meeting.split == "ood"]
    if not 0 <= clip < len(meetings):
        raise ValueError(f"--clip {clip}: allowed: 0 .. {len(meetings) - 1}")
    meeting, out = meetings[clip], Path(out)
    take = dataset.play(meeting, seed)
    frames = film.frames(dataset.person(seed, meeting.speaker), take.speaker)
    sound = take.speech.waveform[:, None]
    write_video(out / "speaker.mp4", frames, sound=sound, sample_rate=take.speech.sample_rate)
    save_mat(out / "speaker.mat", take.speaker)
    still = from_motion(take.rest[None].astype(np.float32), take.listener[0])
    (portrait,) = film.frames(dataset.person(seed, meeting.listener), still)
    write_image(out / "portrait.png", portrait)


def main():
    r"""The command line."""
    parser = argparse.ArgumentParser(prog="python -m data_tools.synthetic.demo")
    parser.add_argument("--out", type=Path, required=True, help="folder for the three files")
    parser.add_argument("--seed", type=int, default=0, help="of the world (0)")
    parser.add_argument("--clip", type=int, default=0, help="which meeting of unseen people (0)")
    options = parser.parse_args()
    make_demo(options.out, options.seed, options.clip)
    print(f"written   {options.out}/speaker.mp4, speaker.mat, portrait.png")


if __name__ == "__main__":
    command(main)
