r"""How much of a change is shown: lids, mouth, brows and turns of people never seen before.

    python -m tests.benchmarks.bench_expressions --people 32 \
        --renderer "ours=mfr/weights/renderer.pt"

People of a world of their own are drawn by the rasterizer at rest and in ten views. A renderer gets
the rest as portrait and the true coefficients. The share of a change that it shows is
1 - |ours - true|^2 / |portrait - true|^2 over the crop that changes, eyes, mouth or brows by the
landmarks, or over the whole frame: 0 if nothing moves, 1 for the truth. Then the way back: the view
is the portrait, and rest is asked for. PSNR, whose frames mostly rest, says nothing of this.
Writes expressions.md and a sheet of pairs, the truth at the left of ours.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from data_tools.synthetic import dataset
from data_tools.synthetic.people.expressions import EXPRESSIONS
from data_tools.synthetic.picture import film
from data_tools.synthetic.picture.rasterizer import landmarks
from mfr.files.whole import atomic, command
from mfr.official.pirenderer import WINDOW
from tests.benchmarks.bench_renderer_quality import Case, load, paint, table

SEED = 1009  # of a world from which no training set is drawn
MARGIN = 6  # around the landmarks of a crop [pixels]
PARTS = {"eyes": slice(36, 48), "mouth": slice(48, 68), "brows": slice(17, 27)}  # of iBUG's 68
ANGLES = {"pitch": 0, "yaw": 1, "roll": 2}


class View(NamedTuple):
    r"""A change of the face at rest, and where it is looked for."""

    change: dict  # expression or angle -> number that is added
    part: str  # a name of PARTS, or frame


VIEWS = {
    "lids closed": View({"lids_close": 1.0}, "eyes"),
    "half blink": View({"lids_close": 0.5}, "eyes"),
    "smile": View({"smile": 1.0, "cheek_raise": 0.5}, "mouth"),
    "jaw half open": View({"jaw_open": 0.5}, "mouth"),
    "frown": View({"brow_lower": 1.0, "lip_corner_down": 0.8}, "brows"),
    "brows up": View({"brow_raise": 1.0}, "brows"),
    "yaw .3": View({"yaw": 0.3}, "frame"),
    "yaw -.3": View({"yaw": -0.3}, "frame"),
    "pitch .25": View({"pitch": 0.25}, "frame"),
    "roll .2": View({"roll": 0.2}, "frame"),
}
BACK = ("lids closed", "smile", "jaw half open")  # from which rest is asked for


class Sitter(NamedTuple):
    r"""One person: rest first, then each view."""

    motions: Tensor  # (11, 70)
    images: Tensor  # (11, 3, 256, 256) in [0, 1]
    landmarks: Tensor  # (11, 68, 2) [pixels]


def motions(rest):
    r"""Rest and all views of it.

    Args:
        rest: (70,).

    Returns:
        (11, 70) float32.
    """
    rows = [rest]
    for view in VIEWS.values():
        row = rest.copy()
        for name, value in view.change.items():
            row[ANGLES[name] if name in ANGLES else 3 + EXPRESSIONS[name]] += value
        rows.append(row)
    return np.stack(rows).astype(np.float32)


def sitter(number):
    r"""Draw a person of the world SEED.

    Args:
        number: integer >= 0.

    Returns:
        A Sitter.
    """
    person = dataset.person(SEED, number)
    moved = motions(person.neutral_motion()[0])
    rows = person.coefficients(moved)
    drawn = np.stack([*film.frames(person, rows)])
    images = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
    places = landmarks(film.face_model(), torch.from_numpy(rows))
    return Sitter(torch.from_numpy(moved), images, places)


def crop_of(places, part):
    r"""The rectangle around the landmarks of a part, in all given frames.

    Args:
        places: (N, 68, 2) [pixels].
        part: a name of PARTS, or frame.

    Returns:
        (slice of rows, slice of columns).
    """
    if part == "frame":
        return slice(None), slice(None)
    points = places[:, PARTS[part]].flatten(0, 1)
    low = (points.amin(0) - MARGIN).floor().long().clamp(min=0)
    high = (points.amax(0) + MARGIN).ceil().long()
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def shown(portrait, true, ours, crop):
    r"""1 - |ours - true|^2 / |portrait - true|^2.

    Args:
        portrait: (3, h, w).
        true: same shape.
        ours: same shape.
        crop: slices of rows and columns.

    Returns:
        float.
    """
    rows, columns = crop
    portrait, true, ours = (x[:, rows, columns].double() for x in (portrait, true, ours))
    return 1 - float((ours - true).square().sum() / (portrait - true).square().sum())


def asked(network, person, source, targets):
    r"""What a network makes of a person's frame `source` when asked for others.

    Args:
        network: a renderer.
        person: Sitter.
        source: number of the frame that is the portrait.
        targets: numbers of the frames asked for.

    Returns:
        (N, 3, 256, 256).
    """
    windows = person.motions[targets][:, None].expand(-1, WINDOW, -1)
    own, truth = person.motions[source], person.images[targets]
    return paint(network, Case(person.images[source], own, windows, truth, truth, 0))


def scores(network, person):
    r"""The share shown of each view, and of each way back.

    Args:
        network: a renderer.
        person: Sitter.

    Returns:
        (shares (13,), pictures (10, 3, 256, 256) of the views, (3, 3, 256, 256) of the ways back).
    """
    names, images = list(VIEWS), person.images
    made = asked(network, person, 0, list(range(1, len(images))))
    rows = []
    for place, (name, view) in enumerate(VIEWS.items()):
        crop = crop_of(person.landmarks[[0, place + 1]], view.part)
        rows.append(shown(images[0], images[place + 1], made[place], crop))
    rested = []
    for name in BACK:
        place = names.index(name) + 1
        crop = crop_of(person.landmarks[[0, place]], VIEWS[name].part)
        rested.append(asked(network, person, place, [0])[0])
        rows.append(shown(images[place], images[0], rested[-1], crop))
    return np.array(rows), made, torch.stack(rested)


def sheet(people, results):
    r"""Pairs, the truth at the left: a row a person, a column a view, then the ways back.

    Args:
        people: list of Sitter.
        results: of `scores`, for each.

    Returns:
        uint8 (H, W, 3).
    """
    lines = []
    for person, (_, made, rested) in zip(people, results):
        cells = [person.images[0]]
        cells += [x for pair in zip(person.images[1:], made) for x in pair]
        for name, back in zip(BACK, rested):
            cells += [person.images[list(VIEWS).index(name) + 1], back]
        lines.append(torch.cat(cells, 2))
    picture = torch.cat(lines, 1).permute(1, 2, 0)
    return film.to_bytes(picture.numpy())


def arguments():
    r"""The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--renderer", nargs="+", required=True, metavar="NAME=FILE")
    parser.add_argument("--people", type=int, default=8, help="32 for the table (%(default)s)")
    parser.add_argument("--shown", type=int, default=6, help="people on the sheet (%(default)s)")
    parser.add_argument("--out", default="out/expressions", help="folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


@torch.no_grad()
def main():
    from PIL import Image

    options = arguments()
    torch.set_num_threads(options.threads)
    people = [sitter(number) for number in range(options.people)]
    head = ["share shown", *VIEWS, *(f"{name} to rest" for name in BACK)]
    out, rows = Path(options.out), []
    for name, _, path in (word.partition("=") for word in options.renderer):
        network, _ = load(path)
        results = [scores(network, person) for person in people]
        means = np.stack([shares for shares, _, _ in results]).mean(0)
        rows.append([name, *(f"{value:.2f}" for value in means)])
        with atomic(out / f"{name}.png") as temporary:
            picture = sheet(people[: options.shown], results[: options.shown])
            Image.fromarray(picture).save(temporary, "PNG")
        print(f"drawn     {out / f'{name}.png'}", flush=True)
    text = "\n".join(table(head, rows)) + "\n"
    with atomic(out / "expressions.md") as temporary:
        temporary.write_text(f"Mean of {options.people} unseen people.\n\n{text}")
    print(f"\n{text}\nwritten   {out / 'expressions.md'}")


if __name__ == "__main__":
    command(main)
