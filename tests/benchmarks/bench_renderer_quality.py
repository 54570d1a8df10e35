r"""Renderers side by side on people whom none of them has seen.

    python -m tests.benchmarks.bench_renderer_quality --data data/clean --out out/renderer
        --renderer "ours=runs/a/renderer.pt" "PIRenderer=runs/b/pirenderer.pt"

A file is a renderer.pt of train_mfr.py or a pirenderer.pt of tests.benchmarks.train_pirenderer.
Self-reenactment: the first still of a video is the portrait, other stills of it are the truth.
Cross-reenactment: a person's first still moves as another person does, pose, expression and place
as they stand. In a synthetic folder that frame exists: the rasterizer draws it. Left out are people
who appear in a training clip. Nothing here is drawn by chance. Writes renderers.md and two figures.
"""

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_tools.synthetic import dataset
from data_tools.synthetic.picture import film
from mfr.config import IMAGE_SIZE
from mfr.evaluation.methods import painters as rendering
from mfr.evaluation.metrics import id_distance, psnr, ssim
from mfr.face.coefficients import from_motion
from mfr.files.vico import held_out, read_clips
from mfr.files.whole import atomic, command
from mfr.official.pirenderer import WINDOW, PIRenderer
from mfr.official.pirenderer_adapter import PIRendererAdapter
from mfr.training import checkpoint
from mfr.training.batches import FrameData
from mfr.training.checkpoint import WEIGHTS
from mfr.training.identity import load_identity
from tests.benchmarks import train_pirenderer
from tests.benchmarks.bench_renderer import frames_per_second, gflop

SCORES = ("PSNR", "SSIM", "id_distance")
FORMATS = ("{:.2f}", "{:.4f}", "{:.4f}")
COST = ("frames/s", "GFLOP a frame", "parameters [M]", "images trained on")
FLOOR = "portrait, unmoved"


class Case(NamedTuple):
    r"""A portrait, the motions it is given and what should be seen then."""

    portrait: Tensor  # (3, 256, 256) in [0, 1]
    own: Tensor  # (70,)
    windows: Tensor  # (N, 27, 70), the frame in the middle
    truth: Tensor  # (N, 3, 256, 256) in [0, 1]
    driver: Tensor  # (N, 3, 256, 256), who made the motion: for self-reenactment the truth
    person: int  # of the portrait


class Unseen:
    r"""Stills of people who are in no training clip."""

    def __init__(self, folder):
        train, held = held_out(read_clips(folder))
        known = {name for clip in train for name in (clip.listener_id, clip.speaker_id)}
        clips = [clip for clip in held if not {clip.listener_id, clip.speaker_id} & known]
        if not clips:
            raise ValueError(f"data {folder}: every held-out clip shows somebody of training")
        self.clips, self.frames = clips, FrameData(clips, WINDOW)
        self.world = json.loads((Path(folder) / "synthetic.json").read_text())
        if self.world["randomise"]:
            raise ValueError(f"data {folder}: is randomised; a clean camera is needed")

    def videos(self):
        r"""Stills of each video, and the first of them of each person."""
        of_videos, of_people = self.frames.video.unique(), {}
        stills = [(self.frames.video == number).nonzero()[:, 0] for number in of_videos]
        for index in stills:
            of_people.setdefault(int(self.frames.person[index[0]]), index)
        return stills, list(of_people.values())

    def self_cases(self, count):
        r"""About `count` frames, equally many of each video."""
        stills, _ = self.videos()
        each = max(1, count // len(stills))
        return [self.case(index[0], spread(index[1:], each)) for index in stills[:count]]

    def cross_cases(self, count):
        r"""About `count` frames: each person moved by the next but one."""
        _, people = self.videos()
        each = max(1, count // len(people))
        drivers = people[2:] + people[:2]
        pairs = list(zip(people, drivers))[:count]
        return [self.case(a[0], spread(b[1:], each), cross=True) for a, b in pairs]

    def case(self, portrait, target, cross=False):
        r"""One Case; its truth is a still, or drawn where none can exist."""
        frames, middle = self.frames, WINDOW // 2
        driver = frames.images(target)
        truth = self.draw(portrait, frames.windows[target, middle]) if cross else driver
        own = frames.windows[portrait, middle]
        picture, person = frames.images(portrait[None])[0], int(frames.person[portrait])
        return Case(picture, own, frames.windows[target], truth, driver, person)

    def draw(self, portrait, motion):
        r"""The person of a still in motion (N, 70), by the rasterizer: (N, 3, 256, 256)."""
        number = int(self.frames.people[self.frames.person[portrait]])
        person = dataset.person(self.world["seed"], number)
        rows = from_motion(motion, self.frames.coefficients[portrait])
        drawn = np.stack([*film.frames(person, rows.numpy(), IMAGE_SIZE)])
        return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255


def spread(index, count):
    r"""`count` of the numbers, evenly spread over them, the last among them."""
    return index[torch.linspace(0, len(index) - 1, count + 1).round().long()[1:]]


def load(path):
    r"""(network, images seen in training) of either kind of file."""
    stage = torch.load(path, map_location="cpu", weights_only=True)["stage"]
    content = checkpoint.load(path, stage)
    if stage == train_pirenderer.NAME:
        network = train_pirenderer.Comparison(content["config"])
        checkpoint.restore(network, content["model"], path)
    else:
        network = rendering.load_renderer(path)
    return network.eval(), content["step"] * content["config"].batch_size


def narrow(windows, size):
    r"""The middle of wider windows: (N, 27, 70) -> (N, size, 70)."""
    return windows.narrow(1, (windows.shape[1] - size) // 2, size)


def paint(network, case):
    r"""What a network makes of a case, (N, 3, 256, 256); None leaves the portrait as it is."""
    if network is None:
        return case.portrait.expand_as(case.truth)
    windows = narrow(case.windows, network.config.window)
    return rendering.frames(network, case.portrait, case.own, windows)


def score(network, cases, V):
    r"""(cases, 3): PSNR, SSIM and identity distance, each the mean over the frames of a case."""
    rows = []
    for case in cases:
        fake = paint(network, case).contiguous()
        values = psnr(fake, case.truth), ssim(fake, case.truth), id_distance(V(fake), V(case.truth))
        rows.append([float(np.mean(np.asarray(value))) for value in values])
    return np.array(rows)


def cost(network, case, seconds):
    r"""(frames a second, GFLOP a frame, parameters in millions); one frame at a time."""
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    encoded = network.encode(case.portrait[None], case.own[None])
    window = narrow(case.windows, network.config.window)[:1]
    work = gflop(network, encoded, window)
    fast = network.to(memory_format=torch.channels_last)
    speed = f"{frames_per_second(fast, encoded, window, seconds):.1f}" if seconds else "-"
    return [speed, f"{work:.2f}", f"{count:.2f}"]


def table(head, rows):
    r"""Lines of a Markdown table."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def cells(values):
    r"""(..., 3) scores as text."""
    return [form.format(value) for form, value in zip(FORMATS * 2, np.ravel(values))]


def differences(scores, first):
    r"""Rows: scores less those of the first renderer, with the standard error over portraits."""
    rows = []
    for name, parts in scores.items():
        row = [name]
        for part, reference in zip(parts, scores[first]):
            away = part - reference
            error = away.std(0, ddof=1) / np.sqrt(len(away)) if len(away) > 1 else 0 * away[0]
            means = zip(cells(away.mean(0)), cells(error))
            row += [f"{mean} +- {deviation}" for mean, deviation in means]
        rows.append(row)
    return [row for row in rows if row[0] not in (first, FLOOR)]


@torch.no_grad()
def report(unseen, networks, options):
    r"""Score everything; the report's lines."""
    V = load_identity(WEIGHTS / "identity.pt")
    sets = unseen.self_cases(options.self_frames), unseen.cross_cases(options.cross_frames)
    sizes = [
        f"{sum(len(case.truth) for case in cases)} frames, {len(cases)} portraits" for cases in sets
    ]
    scores, rows = {}, []
    for name, (network, seen) in {FLOOR: (None, 0), **networks}.items():
        scores[name] = [score(network, cases, V) for cases in sets]
        rows.append([name, *cells([part.mean(0) for part in scores[name]])])
        what = cost(network, sets[0][0], options.seconds) if network else ["-"] * 3
        rows[-1] += [*what, f"{seen:,}"] if network else ["-"] * 4
        print(f"scored    {' '.join(rows[-1])}", flush=True)
    if options.seconds:
        published = PIRendererAdapter(PIRenderer()).eval()
        speed = cost(published, sets[0][0], options.seconds)
        rows.append(["PIRenderer, 64 channels, not trained", *["-"] * 6, *speed, "-"])
    head = ["renderer", *[f"{score} ({kind})" for kind in ("self", "cross") for score in SCORES]]
    lines = [
        f"Unseen people of {options.data}. Self: {sizes[0]}. Cross: {sizes[1]}. "
        f"Speed: float32, {options.threads} threads, one frame at a time.",
        "",
        *table([*head, *COST], rows),
    ]
    if len(networks) > 1:
        first = next(iter(networks))
        lines += ["", f"Difference to {first}, +- standard error over portraits:", ""]
        lines += table(head, differences(scores, first))
    return lines


def arguments():
    r"""The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", default="data/clean", help="synthetic folder (%(default)s)")
    parser.add_argument("--renderer", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--out", default="out/renderer", help="folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each timing; 0: none")
    parser.add_argument("--self-frames", type=int, default=96)
    parser.add_argument("--cross-frames", type=int, default=48)
    parser.add_argument("--no-figures", action="store_true")
    return parser.parse_args()


def main():
    from tests.benchmarks.figures_renderer import draw_faces, draw_strip

    options = arguments()
    torch.set_num_threads(options.threads)
    named = (word.partition("=") for word in options.renderer)
    networks = {name: load(path) for name, _, path in named}
    unseen, out = Unseen(options.data), Path(options.out)
    if not options.no_figures:
        bare = {name: network for name, (network, _) in networks.items()}
        draw_faces(out / "faces.png", unseen, bare)
        draw_strip(out / "strip.png", unseen, bare)
        print(f"drawn     {out / 'faces.png'}, {out / 'strip.png'}", flush=True)
    text = "\n".join(report(unseen, networks, options)) + "\n"
    with atomic(out / "renderers.md") as temporary:
        temporary.write_text(text)
    print(f"\n{text}\nwritten   {out / 'renderers.md'}")


if __name__ == "__main__":
    command(main)
