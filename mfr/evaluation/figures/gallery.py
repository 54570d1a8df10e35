r"""Pictures beside the tables: scores as bars, samples of all methods, the paper's figures."""

from pathlib import Path

import numpy as np

from mfr.config import ATTITUDES, FPS
from mfr.evaluation.figures.canvas import INK, save, sheet, tidy
from mfr.evaluation.figures.paper import (
    plot_attitudes,
    plot_diversity,
    plot_patterns,
    three_attitudes,
)
from mfr.evaluation.methods.method import DIGITS
from mfr.evaluation.scoring import ORACLE, Drawn, file_name
from mfr.evaluation.scoring.scores import PARTS, fd_macro, over_clips, sets_of

MARGIN = 0.12  # of the pitch's axis beyond the truth [rad]
OF_METHOD = ("patterns", "diversity", "attitudes")


def plot_scores(path, scored, clips):
    r"""FD of the three parts, energy score and spread of every method, the oracle first."""
    sets, names = list(sets_of(clips).values()), [one.name for one in scored]
    all_clips = [i for rows in sets for i in rows]
    panels = [(f"FD {part}", [fd_macro(one, part, sets) for one in scored]) for part in PARTS]
    for title, field in (("energy score", "energy"), ("spread", "spread")):
        panels.append(
            (title, [over_clips([getattr(one, field)[i] for i in all_clips]) for one in scored])
        )
    figure, axes = sheet(1, len(panels), 14, 0.8 + 0.32 * len(names))
    for axis, (title, values) in zip(axes[0], panels):
        errors = [0 if np.isnan(v.error) else v.error for v in values]
        colours = ["#2a7f62" if n.startswith("MFR-Net") else "#9aa7b8" for n in names]
        axis.barh(range(len(names)), [v.mean for v in values], xerr=errors, color=colours)
        axis.set_yticks(range(len(names)), names if axis is axes[0][0] else [])
        axis.invert_yaxis()
        tidy(axis, title, "")
        if names[0] == ORACLE:
            axis.axvline(values[0].mean, color="black", lw=1, ls=":")  # the place to be
    save(figure, path)


def plot_samples(path, drawn, held, chosen):
    r"""The samples of one clip of each attitude: method by method, and the truth in black.

    Paper: Fig. 6. A column for each number of a clip in `chosen`.
    """
    figure, axes = sheet(len(drawn), len(chosen), 4.2 * len(chosen), 1.6 * len(drawn))
    for row, (name, one) in zip(axes, drawn.items()):
        for axis, i in zip(row, chosen):
            seconds = np.arange(len(held.real[i])) / FPS
            colour = INK.get(held.clips[i].attitude, INK["neutral"])
            for motion in one.motion[i]:
                axis.plot(seconds, motion[:, 0], color=colour, linewidth=0.7, alpha=0.6)
            axis.plot(seconds, held.real[i][:, 0], color="black", linewidth=1.2)
            low, high = held.real[i][:, 0].min(), held.real[i][:, 0].max()
            axis.set_ylim(low - MARGIN, high + MARGIN)
            attitude = held.clips[i].attitude or "attitude unknown"
            tidy(axis, f"{name}, {attitude}: pitch [rad]", "s" if row is axes[-1] else "")
    save(figure, path)


def of_each_attitude(clips):
    r"""Number of the first clip of each attitude, or of the first clip where none is known."""
    firsts = [
        next((i for i, c in enumerate(clips) if c.attitude == one), None) for one in ATTITUDES
    ]
    return [i for i in firsts if i is not None] or [0]


def draw_all(world, methods, scored, drawn, painter, options):
    r"""Write every figure, Fig. 5 (patterns), 6 (diversity) and 7 (attitudes) among them.

    Gives the file names. Without a painter there are curves alone.
    """
    out, held, names = Path(options.out), world.held, ["scores.png", "samples.png"]
    plot_scores(out / names[0], scored, held.clips)
    with_oracle = dict(drawn)
    if world.oracle:
        with_oracle = {ORACLE: Drawn(world.oracle.motion, float("nan")), **drawn}
    chosen = of_each_attitude(held.clips)
    plot_samples(out / names[1], with_oracle, held, chosen)
    for method in methods:
        generative = method.key and not method.deterministic and method.name in drawn
        if generative and len(method.key) == DIGITS:  # not again with other settings of sampling
            names += _figures_of(method, world, drawn[method.name], chosen, painter, options)
    return names


def _figures_of(method, world, drawn, chosen, painter, options):
    """Fig. 5, 6 and 7 of one method."""
    held, name, synthetic = world.held, method.name, not world.on_vico
    names = [f"{kind}_{file_name(name)}.png" for kind in OF_METHOD]
    paths = [Path(options.out) / one for one in names]
    plot_patterns(paths[0], drawn.motion, world, name, chosen)
    last, first = chosen[-1], chosen[0]
    plot_diversity(paths[1], drawn.motion[last], held, last, painter, name, synthetic)
    motions = three_attitudes(method, held, first, options.samples, options.seed)
    plot_attitudes(paths[2], motions, held, first, painter, name, synthetic)
    return names


def to_publish(names):
    r"""Which figures are checked in: the scores, and those of the first MFR-Net, not the preset's.

    dict published name -> file name.
    """
    published = {"scores.png": "scores.png"}
    for kind in OF_METHOD:
        candidates = [name for name in names if name.startswith(f"{kind}_MFR-Net_")]
        # the preset's last
        candidates.sort(key=lambda name: name.startswith(f"{kind}_MFR-Net_paper"))
        published |= {f"{kind}.png": candidates[0]} if candidates else {}
    return published
