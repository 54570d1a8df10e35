r"""The paper's figures 5, 6 and 7 of one method: patterns, diversity and attitudes.

Curves tell what a strip of faces cannot: when something happens, and how samples spread.
"""

import numpy as np
import torch

from mfr.config import ATTITUDES, FPS
from mfr.evaluation.figures.canvas import INK, SAMPLES, save, sheet, tidy
from mfr.evaluation.methods import to_images, windows_at
from mfr.evaluation.metrics.behaviour import REACH
from mfr.files.vico import portrait_of

SIGN = {"positive": ("pitch", 0), "neutral": ("pitch", 0), "negative": ("yaw", 1)}  # nod, shake
CURVES = (("pitch [rad]", 0), ("yaw [rad]", 1), ("smile (exp 1)", 4), ("frown (exp 4)", 7))
NEUTRAL = {"smile (exp 1)": "exp 1", "frown (exp 4)": "exp 4"}  # where exp is not our world's
LINES, MOMENTS = 4, 6  # samples drawn as lines or faces, moments shown as faces
EDGE = 28  # pixels cut off a face's frame on each side
ENERGY = 42  # of the 45 audio features


def plot_patterns(path, motion, world, name, chosen):
    r"""How responses follow the speaker, a column each attitude: one clip, and all of them.

    Paper: Fig. 5. Upper row: samples (K, L, 70) over the oracle's band, the truth, the speaker's
    loudness and ends of phrases. Lower row, where phrases are known: mean head speed after they
    end.
    """
    rows = 2 if world.oracle else 1
    figure, axes = sheet(rows, len(chosen), 4.6 * len(chosen), 2.5 * rows)
    for column, i in enumerate(chosen):
        _one_clip(axes[0][column], motion[i], world, i, name)
        if world.oracle:
            _after_phrases(axes[1][column], motion, world, world.held.clips[i].attitude, name)
    figure.legend(
        *axes[0][0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    if world.oracle:
        axes[1][0].legend(fontsize=7, frameon=False, loc="lower right")
    save(figure, path)


def _one_clip(axis, samples, world, i, name):
    """A clip's samples on the oracle's band."""
    attitude, real = world.held.clips[i].attitude, world.held.real[i]
    label, k = SIGN.get(attitude, ("pitch", 0))
    seconds, colour = np.arange(len(real)) / FPS, INK.get(attitude, INK["neutral"])
    if world.oracle:
        low, high = np.quantile(world.oracle.motion[i][:, :, k], [0.1, 0.9], axis=0)
        axis.fill_between(seconds, low, high, color="#c9ced6", lw=0, label="oracle, middle 80 %")
        for n, end in enumerate(world.oracle.phrase_ends[i]):
            axis.axvline(
                end / FPS,
                color="#7a4fb0",
                ls="--",
                lw=1,
                label="speaker's phrase ends" if n == 0 else None,
            )
    for n, row in enumerate(samples[:LINES, :, k]):
        axis.plot(seconds, row, color=colour, lw=1, alpha=0.85, label=None if n else name)
    axis.plot(seconds, real[:, k], color="black", lw=1.3, ls=":", label="what happened")
    loudness = world.held.conditions[i].audio[0, :, ENERGY].numpy()
    below = axis.twinx()  # the speaker's sound along the foot of the panel
    span = np.ptp(loudness) or 1.0
    below.fill_between(
        seconds, 0, (loudness - loudness.min()) / span, color="#7a4fb0", alpha=0.15, lw=0
    )
    below.set_ylim(0, 6)
    below.axis("off")
    tidy(axis, f"{attitude or 'attitude unknown'}: {label} [rad]")


def _after_phrases(axis, motion, world, attitude, name):
    """Mean head speed after phrases, all clips of an attitude."""
    rows = [i for i, clip in enumerate(world.held.clips) if clip.attitude == attitude]
    ends = [world.oracle.phrase_ends[i] for i in rows]
    seconds = np.arange(REACH) / FPS
    for label, source, style in (
        ("oracle", world.oracle.motion, {"color": "#8a929e", "lw": 4, "alpha": 0.6}),
        (name, motion, {"color": INK.get(attitude, INK["neutral"]), "lw": 1.8}),
    ):
        curve = speed_after([source[i] for i in rows], ends)
        if curve is not None:
            axis.plot(seconds, curve, label=label, **style)
    axis.set_ylim(bottom=0)
    tidy(axis, f"head speed [rad/s] after a phrase ends, {len(rows)} clips", "s after its end")


def speed_after(motions, phrase_ends):
    r"""s_j: mean speed of the angles j frames after the speaker's phrases end, (45,) [rad/s].

    The curve whose centre is behaviour.response_delay. None where no phrase of (N,) [frames] is
    followed by 45 frames of its motion (K, L, 70).
    """
    speeds = []
    for samples, ends in zip(motions, phrase_ends):
        speed = np.linalg.norm(np.diff(samples[:, :, :3], axis=1), axis=2) * FPS  # (K, L - 1)
        firsts = np.ceil(np.asarray(ends, float)).astype(int)
        speeds += [
            speed[:, k : k + REACH].mean(0) for k in firsts if 0 <= k <= speed.shape[1] - REACH
        ]
    return np.mean(speeds, axis=0) if speeds else None


@torch.no_grad()
def three_attitudes(method, held, i, samples, seed=0):
    r"""Responses (K, L, 70) to clip i under each of the three attitudes, from the same noise.

    Paper: Sec. 4.5.4.
    """
    motions, cond = {}, held.condition(i, method.identity)
    for k, attitude in enumerate(ATTITUDES):
        one_hot = torch.eye(len(ATTITUDES))[k : k + 1]
        generator = torch.Generator().manual_seed(seed)
        motion = method.respond(cond._replace(attitude=one_hot), samples, generator)
        motions[attitude] = motion.numpy()
    return motions


def plot_attitudes(path, motions, held, i, painter, name, synthetic=True):
    r"""One speaker, one listener, three attitudes: curves, and the first sample's faces: Fig. 7.

    `motions` maps attitudes to (K, L, 70); `synthetic`: exp 1 and exp 4 are a smile and a frown.
    """
    rows = [(attitude, INK[attitude], motion) for attitude, motion in motions.items()]
    title = f"{name}: one speaker and listener, three attitudes (bold: mean; faces: first sample)"
    _curves_and_faces(path, rows, held, i, painter, title, synthetic)


def plot_diversity(path, samples, held, i, painter, name, synthetic=True):
    r"""Several responses (K, L, 70) to one speaker: curves and faces: Fig. 6.

    `synthetic`: exp 1 and exp 4 are a smile and a frown.
    """
    rows = [
        (f"sample {n + 1}", SAMPLES[n], response[None])
        for n, response in enumerate(samples[:LINES])
    ]
    attitude = held.clips[i].attitude or "unknown"
    title = f"{name}: responses to one speaker, attitude {attitude} (dotted: what happened)"
    _curves_and_faces(path, rows, held, i, painter, title, synthetic, held.real[i])


def _curves_and_faces(path, rows, held, i, painter, title, synthetic, truth=None):
    """Four coefficients over time; below, faces of each row's first motion at marked moments."""
    index = most_different(np.stack([motion[0] for _, _, motion in rows]), MOMENTS)
    face = 1.45 * len(rows) + 0.3 if painter else 0
    figure, _ = sheet(0, 0, 11, 2.6 + face)
    parts = figure.subfigures(2, 1, height_ratios=[2.6, face]) if painter else [figure]
    parts[0].suptitle(title, fontsize=10)
    for axis, (label, k) in zip(parts[0].subplots(1, len(CURVES)), CURVES):
        _curves(axis, rows, k, truth, index)
        tidy(axis, label if synthetic else NEUTRAL.get(label, label))
    if painter:
        picture = to_images(portrait_of(held.clips[i])[None])[0]
        reference = torch.as_tensor(held.real[i][0], dtype=torch.float32)
        _faces(parts[1], rows, index, painter, picture, reference)
    save(figure, path)


def most_different(motions, count):
    r"""Of `count` equal spans of time, the frame of each in which motions (R, L, 70) differ most.

    In standard deviations of each coefficient, so that none prevails; fewer spans where there are
    fewer frames.
    """
    scale = motions.std(axis=(0, 1)) + 1e-9
    difference = ((motions - motions.mean(0)) / scale).var(axis=0).sum(axis=1)  # (L,)
    spans = np.array_split(np.arange(len(difference)), min(count, len(difference)))
    return torch.tensor([int(span[difference[span].argmax()]) for span in spans])


def _curves(axis, rows, k, truth, index):
    """One coefficient of every row."""
    for _, colour, motion in rows:
        seconds, several = np.arange(motion.shape[1]) / FPS, len(motion) > 1
        if several:
            axis.plot(seconds, motion[:LINES, :, k].T, color=colour, lw=0.6, alpha=0.45)
        axis.plot(seconds, motion[:, :, k].mean(0), color=colour, lw=2.2 if several else 1.4)
    if truth is not None:
        axis.plot(np.arange(len(truth)) / FPS, truth[:, k], color="black", lw=1, ls=":")
    for moment in index.tolist():
        axis.axvline(moment / FPS, color="#c9ced6", lw=0.8, zorder=0)


def _faces(part, rows, index, painter, picture, reference):
    """The portrait, then a row of faces each motion; times above, names in their colours."""
    axes = part.subplots(len(rows), len(index) + 1, squeeze=False)
    for line, (label, colour, motion) in zip(axes, rows):
        images = painter.paint(picture, reference, windows_at(motion[0], index, painter.window))
        images = torch.cat([picture[None], images]).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        for axis, image in zip(line, images):
            axis.imshow(image[EDGE:-EDGE, EDGE:-EDGE], interpolation="lanczos")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        line[0].set_ylabel(label, color=colour, fontsize=10, fontweight="bold")
    titles = ["portrait", *(f"{moment / FPS:.1f} s" for moment in index.tolist())]
    for axis, words in zip(axes[0], titles):
        axis.set_title(words, fontsize=8)
