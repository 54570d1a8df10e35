r"""The two pictures beside the renderers' table: faces of unseen people, and frames in a row."""

import numpy as np
import torch

from mfr.coefficients import load_mat, to_motion
from mfr.evaluation.figures import new_figure, save
from mfr.evaluation.rendering import windows_at
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


def sheet(rows, columns):
    r"""A figure of square pictures close together."""
    figure, axes = new_figure(rows, columns, SIDE * columns + 0.35, SIDE * rows + 0.35)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    return figure, axes


def farthest(case):
    r"""The frame of a case that differs most from its portrait."""
    return (case.truth - case.portrait).abs().mean((1, 2, 3)).argmax()[None]


def choose(cases, rows):
    r"""Cases spread evenly over all, of each the frame that moves most: (Case of one frame)."""
    index = np.linspace(0, len(cases) - 1, rows + 2).round().astype(int)[1:-1]
    for case in (cases[i] for i in index):
        k = farthest(case)
        yield Case(case.portrait, case.own, case.windows[k], case.truth[k], case.driver[k])


@torch.no_grad()
def draw_faces(path, unseen, networks):
    r"""Rows of people; columns source, target, then what each renderer makes of it.

    Other people's motion shows its owner in the target's corner.
    """
    rows = [("self", case) for case in choose(unseen.self_cases(160), SELF_ROWS)]
    rows += [("cross", case) for case in choose(unseen.cross_cases(64), CROSS_ROWS)]
    figure, axes = sheet(len(rows), 2 + len(networks))
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
        axis.set_title(title, **TITLE)
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
    name = unseen.clips[which].listener_id
    stills = (unseen.frames.person == unseen.frames.people.index(name)).nonzero()[:, 0]
    index = torch.arange(first, first + MOMENTS * STEP, STEP)
    windows = windows_at(motions[which], index, WINDOW)
    truth = unseen.draw(stills[0], windows[:, WINDOW // 2])
    own = unseen.frames.windows[stills[0], WINDOW // 2]
    case = Case(unseen.frames.images(stills[:1])[0], own, windows, truth, truth)
    rows = {"target": truth, **{name: paint(one, case) for name, one in networks.items()}}
    figure, axes = sheet(len(rows), 1 + MOMENTS)
    for line, (name, images) in zip(axes, rows.items()):
        line[0].axis("off")
        line[0].text(0.95, 0.5, name, ha="right", va="center", fontsize=15)
        for axis, image in zip(line[1:], images):
            show(axis, image)
    show(axes[0][0], case.portrait)
    axes[0][0].axis("on")
    axes[0][0].set_title("source", **TITLE)
    for axis, moment in zip(axes[0][1:], range(MOMENTS)):
        axis.set_title(f"{moment * STEP / 30:.1f} s", **TITLE)
    save(figure, path)
