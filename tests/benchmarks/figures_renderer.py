r"""The two pictures beside the renderers' table: faces of unseen people, and frames in a row."""

import textwrap

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mfr.evaluation.methods.painters import windows_at
from mfr.face.coefficients import load_mat, to_motion
from mfr.files.vico import portrait_of
from mfr.files.whole import atomic
from mfr.official.pirenderer import WINDOW
from tests.benchmarks.bench_renderer_quality import Case, paint

SELF_ROWS, CROSS_ROWS = 3, 2
MOMENTS, STEP = 8, 3  # of the strip; every third frame, 0.1 s
SIDE = 2.1  # of a picture [inches]
TITLE = {"fontsize": 13, "pad": 6}


def show(axis, image):
    r"""A picture (3, H, W) without ticks."""
    axis.imshow(image.clamp(0, 1).permute(1, 2, 0).numpy(), interpolation="lanczos")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def sheet(rows, columns, left, top):
    r"""A figure of square pictures close together, with room for names [inches]."""
    size = SIDE * columns + left, SIDE * rows + top
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure, path):
    r"""Write the figure whole or not at all."""
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight", metadata={"Software": None})


def farthest(case):
    r"""The frame of a case that differs most from its portrait."""
    return (case.truth - case.portrait).abs().mean((1, 2, 3)).argmax()[None]


def choose(cases, rows, taken):
    r"""The people who move most, each in the frame that differs most from the portrait.

    Nobody is shown twice: `taken` holds the people in the figure so far, and grows.
    """
    singles = []
    for case in cases:
        k = farthest(case)
        singles.append(
            case._replace(windows=case.windows[k], truth=case.truth[k], driver=case.driver[k])
        )
    singles.sort(key=lambda case: -float((case.truth[0] - case.portrait).abs().mean()))
    chosen = []
    for case in singles:
        if case.person not in taken and len(chosen) < rows:
            taken.add(case.person)
            chosen.append(case)
    return chosen


def wrapped(name):
    r"""A name in lines of a picture's width."""
    return textwrap.fill(name, 18)


@torch.no_grad()
def draw_faces(path, unseen, networks):
    r"""Rows of people; columns source, target, then what each renderer makes of it.

    Other people's motion shows its owner in the target's corner.
    """
    people = set()
    rows = [("self", case) for case in choose(unseen.self_cases(160), SELF_ROWS, people)]
    rows += [("cross", case) for case in choose(unseen.cross_cases(64), CROSS_ROWS, people)]
    figure, axes = sheet(len(rows), 2 + len(networks), 0.3, 0.6)
    for line, (kind, case) in zip(axes, rows):
        images = [case.portrait, case.truth[0]]
        images += [paint(network, case)[0] for network in networks.values()]
        for axis, image in zip(line, images):
            show(axis, image)
        line[0].set_ylabel(f"{kind}-reenactment", fontsize=11)
        if kind == "cross":
            corner = line[1].inset_axes([0.66, 0.02, 0.32, 0.32])
            show(corner, case.driver[0])
            corner.spines[:].set(visible=True, color="white", linewidth=2)
    for axis, title in zip(axes[0], ["source", "target", *networks]):
        axis.set_title(wrapped(title), **TITLE)
    save(figure, path)


def liveliest(motions, span):
    r"""(which motion, first frame) of the `span` frames that turn and change most."""

    def change(motion, first):
        part = motion[first : first + span]
        return np.abs(part - part[0])[:, :67].sum(1).max()

    starts = ((i, k) for i, m in enumerate(motions) for k in range(0, len(m) - span, 5))
    return max(starts, key=lambda place: change(motions[place[0]], place[1]))


@torch.no_grad()
def draw_strip(path, unseen, networks):
    r"""One unseen listener's liveliest moment: the truth, then each renderer, 0.1 s a frame."""
    motions = [to_motion(load_mat(clip.listener_mat)[0]) for clip in unseen.clips]
    which, first = liveliest(motions, MOMENTS * STEP)
    clip, motion = unseen.clips[which], motions[which]
    person = unseen.frames.people.index(clip.listener_id)
    still = (unseen.frames.person == person).nonzero()[0, 0]  # for the identity that is drawn
    index = torch.arange(first, first + MOMENTS * STEP, STEP)
    windows = windows_at(motion, index, WINDOW)
    truth = unseen.draw(still, windows[:, WINDOW // 2])
    source = torch.from_numpy(portrait_of(clip).copy()).permute(2, 0, 1).float() / 255
    own = torch.as_tensor(motion[0], dtype=torch.float32)
    case = Case(source, own, windows, truth, truth, person)
    rows = {"target": truth, **{name: paint(one, case) for name, one in networks.items()}}
    figure, axes = sheet(len(rows), 1 + MOMENTS, 0.5, 0.35)
    for line, (name, images) in zip(axes, rows.items()):
        line[0].axis("off")
        for axis, image in zip(line[1:], images):
            show(axis, image)
        line[1].set_ylabel(wrapped(name), fontsize=12)
    show(axes[0][0], case.portrait)
    axes[0][0].set_title("source", **TITLE)
    for axis, moment in zip(axes[0][1:], range(MOMENTS)):
        axis.set_title(f"{moment * STEP / 30:.1f} s", **TITLE)
    save(figure, path)
