r"""Reconstructions on people whom they have not seen, and against other people's .mat files.

    python -m tests.benchmarks.bench_reconstruction --data data/clean
        --weights mfr/weights/reconstruction.pt --clip clip.mp4=clip.mat

Of the synthetic people every coefficient is known: the error of the angles, of their own 68
landmarks, of a generic head's points under the two poses, and, for the expressions that have a
name, the correlation over all frames. Of a clip with a Deep3DFaceRecon file only angles can be
compared, by their correlation over time: there is no truth, and expressions are another basis's.
"""

import argparse

import numpy as np
import torch

from data_tools.synthetic.people.expressions import EXPRESSIONS
from mfr.face.coefficients import ANGLE, EXP, load_mat
from mfr.face.morphable import FILE, landmark_places, read_model
from mfr.face.reconstruction import (
    ReconstructionNet,
    landmark_error,
    pose_error,
    reconstruct,
)
from mfr.files import media
from mfr.files.whole import command
from mfr.training import checkpoint
from tests.benchmarks.bench_renderer_quality import Unseen, table

NAMED = ("jaw_open", "smile", "brow_raise", "brow_lower", "lids_close", "lip_round")
PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "lips": slice(48, 68),
}


def load(path):
    r"""The network of a weights file."""
    content = checkpoint.load(path, "reconstruction")
    network = ReconstructionNet(content["config"])
    checkpoint.restore(network, content["model"], path)
    return network.eval()


def correlation(x, y):
    r"""Pearson's r of two series; nan if one stands still."""
    return float(np.corrcoef(np.asarray(x), np.asarray(y))[0, 1])


def errors(network, frames, index, model):
    r"""Cells of a network's row: degrees, pixels, correlations."""
    with torch.no_grad():
        found = torch.cat([network(frames.images(part)) for part in index.split(32)])
    truth = frames.coefficients[index]
    angles = (found - truth)[:, ANGLE].abs().mean(0).rad2deg().tolist()
    away = (landmark_places(model, found) - landmark_places(model, truth)).norm(dim=2)
    parts = [float(away[:, part].mean()) for part in PARTS.values()]
    number = [EXPRESSIONS[name] for name in NAMED]
    known = [correlation(found[:, EXP][:, k], truth[:, EXP][:, k]) for k in number]
    pixels = [float(landmark_error(found, truth, model)), *parts, float(pose_error(found, truth))]
    return [f"{value:.2f}" for value in (*angles, float(np.mean(angles)), *pixels, *known)]


def angles_over_time(network, video, mat):
    r"""Cells: correlation of pitch, yaw and roll with a Deep3DFaceRecon file."""
    truth, _ = load_mat(mat)
    found = reconstruct(network, np.stack(list(media.stream_video(video))))
    place = np.linspace(0, len(truth) - 1, len(found)).round().astype(int)  # 25 fps files at 30
    pairs = zip(found[:, ANGLE].T, truth[place][:, ANGLE].T)
    return [f"{correlation(a, b):.2f}" for a, b in pairs]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", default="data/clean", help="synthetic folder (%(default)s)")
    parser.add_argument("--weights", nargs="+", default=["mfr/weights/reconstruction.pt"])
    parser.add_argument("--clip", nargs="*", default=[], metavar="VIDEO=MAT")
    parser.add_argument("--frames", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    frames = Unseen(options.data).frames
    index = torch.linspace(0, len(frames.frames) - 1, options.frames).long().unique()
    model = read_model(f"{options.data}/{FILE}")
    networks = {path: load(path) for path in options.weights}
    people = len(frames.person[index].unique())
    print(
        f"{len(index)} frames of {people} people of {options.data} whom training has not seen; "
        "degrees, pixels, correlations\n"
    )
    head = ["weights", "pitch", "yaw", "roll", "mean", "landmarks", *PARTS, "head points", *NAMED]
    rows = [[path, *errors(network, frames, index, model)] for path, network in networks.items()]
    print("\n".join(table(head, rows)))
    if options.clip:
        rows = []
        for path, network in networks.items():
            for clip in options.clip:
                video, _, mat = clip.partition("=")
                rows.append([path, video, *angles_over_time(network, video, mat)])
        print("\n" + "\n".join(table(["weights", "clip", "pitch r", "yaw r", "roll r"], rows)))


if __name__ == "__main__":
    command(main)
