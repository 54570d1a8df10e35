r"""Pictures beside the tables: scores as bars, samples and attitudes as curves, faces as strips."""

from pathlib import Path

import numpy as np
import torch

from mfr.config import ATTITUDES, FPS
from mfr.data import portrait_of
from mfr.evaluation.rendering import windows_at
from mfr.evaluation.responses import Drawn, file_name
from mfr.evaluation.scores import PARTS, fd_macro, over_clips
from mfr.evaluation.tables_images import to_images
from mfr.evaluation.tables_motion import sets_of
from mfr.evaluation.world import ORACLE
from mfr.files import atomic
from mfr.media import write_image

INK = {"positive": "#2a7f62", "neutral": "#5a6270", "negative": "#b4443c"}
CURVES = (("pitch [rad]", 0), ("yaw [rad]", 1), ("exp 1", 4), ("exp 4", 7))
MARGIN = 0.12  # of the pitch's axis beyond the truth [rad]
STRIP_ROWS, STRIP_MOMENTS = 4, 8  # samples and moments shown as faces


def save(figure, path):
    r"""Write a matplotlib figure whole or not at all.

    Ours.

    Args:
        figure: matplotlib Figure.
        path: .png.
    """
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight", metadata={"Software": None})


def new_figure(rows, columns, width, height):
    r"""An empty figure without a window.

    Ours.

    Args:
        rows, columns: of axes.
        width, height: [inches].

    Returns:
        (Figure, numpy array of axes (rows, columns)).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def plot_scores(path, scored, clips):
    r"""FD of the three parts, energy score and spread of every method.

    Ours.

    Args:
        path: .png.
        scored: list of Scored, the oracle first if there is one.
        clips: held-out rows.
    """
    sets, names = list(sets_of(clips).values()), [one.name for one in scored]
    everyone = [i for rows in sets for i in rows]
    panels = [(f"FD {part}", [fd_macro(one, part, sets) for one in scored]) for part in PARTS]
    for title, field in (("energy score", "energy"), ("spread", "spread")):
        panels.append((title, [over_clips([getattr(one, field)[i] for i in everyone])
                               for one in scored]))  # fmt: skip
    figure, axes = new_figure(1, len(panels), 14, 0.8 + 0.32 * len(names))
    for axis, (title, values) in zip(axes[0], panels):
        errors = [0 if np.isnan(v.error) else v.error for v in values]
        colours = ["#999999" if n == "oracle" else "#3b6ea5" for n in names]
        axis.barh(range(len(names)), [v.mean for v in values], xerr=errors, color=colours)
        axis.set_yticks(range(len(names)), names if axis is axes[0][0] else [])
        axis.invert_yaxis()
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def plot_samples(path, drawn, held, chosen):
    r"""The samples of one clip of each attitude: method by method, and the truth in black.

    Paper: Fig. 6, diverse responses to one speaker.

    Args:
        path: .png.
        drawn: dict name -> Drawn.
        held: HeldOut.
        chosen: numbers of the clips, a column each.
    """
    figure, axes = new_figure(len(drawn), len(chosen), 4.2 * len(chosen), 1.7 * len(drawn))
    for row, (name, one) in zip(axes, drawn.items()):
        for axis, i in zip(row, chosen):
            seconds = np.arange(len(held.real[i])) / FPS
            colour = INK.get(held.clips[i].attitude, "#5a6270")
            for motion in one.motion[i]:
                axis.plot(seconds, motion[:, 0], color=colour, linewidth=0.7, alpha=0.6)
            axis.plot(seconds, held.real[i][:, 0], color="black", linewidth=1.2)
            axis.set_title(f"{name}, {held.clips[i].attitude or 'attitude unknown'}", fontsize=8)
            low, high = held.real[i][:, 0].min(), held.real[i][:, 0].max()
            axis.set_ylim(low - MARGIN, high + MARGIN)
            axis.set_ylabel("pitch [rad]", fontsize=7)
            axis.tick_params(labelsize=7)
    save(figure, path)


def plot_attitudes(path, motions, title):
    r"""One speaker, one listener, three attitudes: mean and samples of four coefficients.

    Paper: Fig. 7.

    Args:
        path: .png.
        motions: dict attitude -> (K, L, 70).
        title: of the figure.
    """
    figure, axes = new_figure(1, len(CURVES), 15, 3)
    for axis, (name, column) in zip(axes[0], CURVES):
        for attitude, motion in motions.items():
            seconds, rows = np.arange(motion.shape[1]) / FPS, motion[:, :, column]
            axis.plot(seconds, rows.T, color=INK[attitude], linewidth=0.4, alpha=0.4)
            axis.plot(seconds, rows.mean(0), color=INK[attitude], linewidth=2, label=attitude)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("s", fontsize=8)
    axes[0][0].legend(fontsize=8)
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def of_each_attitude(clips):
    r"""The first clip of each attitude, or the first clip where none is known.

    Ours.

    Args:
        clips: held-out rows.

    Returns:
        list of numbers.
    """
    found = [next((i for i, c in enumerate(clips) if c.attitude == one), None) for one in ATTITUDES]
    return [i for i in found if i is not None] or [0]


@torch.no_grad()
def three_attitudes(method, held, i, samples, seed=0):
    r"""Responses to one clip under all three attitudes.

    Paper: Sec. 4.5.4.

    Args:
        method: Method.
        held: HeldOut.
        i: number of the clip.
        samples: K.
        seed: the same noise for all three.

    Returns:
        dict attitude -> numpy (K, L, 70).
    """
    found, cond = {}, held.condition(i, method.identity)
    for k, attitude in enumerate(ATTITUDES):
        one_hot = torch.eye(len(ATTITUDES))[k : k + 1]
        generator = torch.Generator().manual_seed(seed)
        motion = method.respond(cond._replace(attitude=one_hot), samples, generator)
        found[attitude] = motion.numpy()
    return found


def strip(path, painter, picture, own, motions, count):
    r"""Rows of faces: a motion a row, `count` moments of equal distance; the portrait leads.

    Paper: Fig. 5, 6 and 7.

    Args:
        path: .png.
        painter: Painter.
        picture: (3, 256, 256) in [0, 1].
        own: (70,), its coefficients.
        motions: list of (L, 70).
        count: moments.
    """
    rows = []
    for motion in motions:
        index = torch.linspace(0, len(motion) - 1, count + 1).round().long()[1:]
        images = painter.paint(picture, own, windows_at(motion, index, painter.window))
        rows.append(torch.cat([picture, *images], 2))  # (3, 256, 256 (count + 1))
    pixels = (torch.cat(rows, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    write_image(Path(path), pixels)


def draw_all(world, methods, scored, drawn, painter, options):
    r"""Write every figure.

    Paper: Fig. 5 (patterns), 6 (diversity) and 7 (attitudes).

    Args:
        world: World.
        methods: list of Method.
        scored: list of Scored, the oracle first if there is one.
        drawn: dict name -> Drawn.
        painter: Painter of the faces, or None for curves alone.
        options: out, samples and seed of the command line.

    Returns:
        list of file names.
    """
    out, held, names = Path(options.out), world.held, ["scores.png", "samples.png"]
    plot_scores(out / names[0], scored, held.clips)
    with_oracle = dict(drawn)
    if world.oracle:
        with_oracle = {ORACLE: Drawn(world.oracle.motion, float("nan")), **drawn}
    chosen = of_each_attitude(held.clips)
    plot_samples(out / names[1], with_oracle, held, chosen)
    for method in methods:
        if method.deterministic or not method.key or method.name not in drawn:
            continue
        names += _figures_of(method, held, drawn[method.name], chosen, painter, options)
    return names


def _figures_of(method, held, drawn, chosen, painter, options):
    """Curves of three attitudes and, with a painter, faces: Fig. 7 and 6."""
    out, name, i = Path(options.out), file_name(method.name), chosen[0]
    motions = three_attitudes(method, held, i, options.samples, options.seed)
    plot_attitudes(out / f"attitudes_{name}.png", motions, method.name)
    names = [f"attitudes_{name}.png"]
    if painter is None:
        return names
    for label, k, rows in (
        ("attitudes", i, [motion[0] for motion in motions.values()]),
        ("samples", chosen[-1], list(drawn.motion[chosen[-1]][:STRIP_ROWS])),
    ):
        names.append(f"faces_{label}_{name}.png")
        own = torch.as_tensor(held.real[k][0], dtype=torch.float32)
        picture = to_images(portrait_of(held.clips[k])[None])[0]
        strip(out / names[-1], painter, picture, own, rows, STRIP_MOMENTS)
    return names
