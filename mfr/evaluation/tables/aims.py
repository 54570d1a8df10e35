r"""What the tables were made to find out, as plain lines: each aim and each claim, held or missed.

Aims are ours and want the oracle; claims are the paper's (Sec. 4.2, 4.5) and want its rivals among
the rows. A line compares numbers and knows nothing of luck: the errors stand in the tables.
"""

import math

import numpy as np

from mfr.config import ATTITUDES
from mfr.evaluation.scoring.scores import (
    PARTS,
    SETS,
    fd_macro,
    over_clips,
    over_samples,
    ratio,
    sets_of,
)

ENERGY = {"test": 1.08, "ood": 1.20}  # largest share of the oracle's
FD_SHARE, SPREAD_SHARE = 1.08, 0.10
POINTS, FRAMES, STYLE, SEAM = 3.0, 1.0, 0.8, 1.05
RIVALS = ("ViCo", "PCHG", "w/o DIFF", "w/o FAM")
WHY_FD = (
    "FD judges one drawn response against the one that happened. Where the oracle's own gain is "
    "below 0, the true distribution itself loses to that rival: whoever answers as people do "
    "cannot win there, and the energy score is the fair judge."
)


def verdict(what, value, limit, met, digits=2):
    r"""One line: what was asked, the value, the limit in words, whether it held."""
    number = "no number" if math.isnan(value) else f"{value:.{digits}f}"
    return f"* {'held  ' if met else 'MISSED'} {what}: {number} ({limit})"


def aims(method, oracle, rivals, clips):
    r"""Lines that tell how near a method comes to the true distribution.

    `rivals` are the deterministic ones.
    """
    lines, members = [], sets_of(clips)
    for split, rows in members.items():
        share = ratio([method.energy[i] for i in rows], [oracle.energy[i] for i in rows]).mean
        most = ENERGY.get(split, ENERGY["test"])
        lines.append(
            verdict(
                f"energy score / oracle on {SETS[split]}", share, f"<= {most:.2f}", share <= most, 3
            )
        )
    groups, all_clips = list(members.values()), [i for rows in members.values() for i in rows]
    for part in PARTS:
        share = fd_macro(method, part, groups).mean / fd_macro(oracle, part, groups).mean
        lines.append(
            verdict(
                f"FD {part} of a sample / oracle", share, f"<= {FD_SHARE:.2f}", share <= FD_SHARE
            )
        )
    lines += [_mean_beats(method, oracle, rivals, part, all_clips) for part in PARTS if rivals]
    share = ratio([method.spread[i] for i in all_clips], [oracle.spread[i] for i in all_clips]).mean
    lines.append(
        verdict(
            "spread / oracle",
            share,
            f"within {SPREAD_SHARE:.0%} of 1",
            abs(share - 1) <= SPREAD_SHARE,
        )
    )
    return lines + _behaves(method, oracle, all_clips)


def _mean_beats(method, oracle, rivals, part, rows):
    """FD of the mean of the samples against the best deterministic rival."""

    def of_mean(scored):
        return over_clips([scored.fd_of_mean[i][part] for i in rows]).mean

    best = min(rivals, key=of_mean)
    words = f"< {of_mean(best):.2f}, {best.name}; the oracle's is {of_mean(oracle):.2f}"
    return verdict(
        f"FD {part} of the mean of samples", of_mean(method), words, of_mean(method) < of_mean(best)
    )


def _behaves(method, oracle, rows):
    """Recognition, delay, style and seams."""
    known = [i for i in rows if method.recognised[i] is not None]
    ours, theirs = (
        over_samples([100 * s.recognised[i] for i in known]).mean for s in (method, oracle)
    )
    delay = method.delay.mean - oracle.delay.mean
    lines = [
        verdict(
            "attitude recognised, points behind the oracle's",
            theirs - ours,
            f"<= {POINTS:g}",
            theirs - ours <= POINTS,
            1,
        ),
        verdict(
            "delay, frames after the oracle's", delay, f"within {FRAMES:g}", abs(delay) <= FRAMES, 1
        ),
        verdict(
            "style r",
            method.style.mean,
            f">= {STYLE}; the oracle's is {oracle.style.mean:.2f}",
            method.style.mean >= STYLE,
        ),
    ]
    for name in ("velocity", "acceleration"):
        value = over_clips([x[name] for x in method.seams]).mean
        lines.append(verdict(f"seam {name}", value, f"<= {SEAM}", value <= SEAM, 3))
    return lines


def claims(method, rivals, clips, distances, oracle=None):
    r"""The paper's claims (Sec. 4.2.2, 4.5.1) for its MFR-Net, rival by rival, as lines.

    Args:
        rivals: Scored of the ablations and the compared systems.
        distances: name -> 1 - CSIM (Value), may be empty.
        oracle: Scored, whose own place tells what a claim asks for, or None.
    """
    lines, members = [], sets_of(clips)
    all_clips = [i for rows in members.values() for i in rows]
    for rival in rivals:
        frames, others = (
            over_samples([s.frames[i] for i in all_clips]).mean for s in (method, rival)
        )
        lines.append(
            verdict(
                f"livelier than {rival.name}, diversity over frames [rad]",
                frames,
                f"> {others:.4f}",
                frames > others,
                4,
            )
        )
        spread, theirs = (
            over_clips([s.spread[i] for i in all_clips]).mean for s in (method, rival)
        )
        if theirs == 0:
            lines.append(
                verdict(
                    f"several responses to one speaker, unlike {rival.name}; spread",
                    spread,
                    "> 0",
                    spread > 0,
                )
            )
        for split, rows in members.items():
            lines += _nearer(method, rival, oracle, clips, split, rows)
        lines += _keeps_identity(method, rival, distances)
    return lines


def _nearer(method, rival, oracle, clips, split, rows):
    """FD of one set: in all, and under each attitude."""

    def gains(scored, numbers):
        return [
            fd_macro(rival, part, [numbers]).mean - fd_macro(scored, part, [numbers]).mean
            for part in PARTS
        ]

    of_part = gains(method, rows)
    words = ", ".join(f"{part} {gain:+.2f}" for part, gain in zip(PARTS, of_part))
    words = f"gain in {words}"
    if oracle:
        words += f"; the oracle's own gain: {np.mean(gains(oracle, rows)):+.2f}"
    where = f"{rival.name} on {SETS[split]}{' (people unseen in training)' * (split == 'ood')}"
    lines = [
        verdict(
            f"nearer to the truth than {where}, FD, mean gain",
            float(np.mean(of_part)),
            words,
            min(of_part) > 0,
        )
    ]
    of_attitude = {name: [i for i in rows if clips[i].attitude == name] for name in ATTITUDES}
    by_attitude = {
        name: np.mean(gains(method, numbers)) for name, numbers in of_attitude.items() if numbers
    }
    if by_attitude:
        words = ", ".join(f"{name} {gain:+.2f}" for name, gain in by_attitude.items())
        lines.append(
            verdict(
                f"nearer under each attitude than {where}, FD, least gain",
                float(min(by_attitude.values())),
                words,
                min(by_attitude.values()) > 0,
            )
        )
    return lines


def _keeps_identity(method, rival, distances):
    """1 - CSIM of two methods, if both were rendered."""
    if not (method.name in distances and rival.name in distances):
        return [f"* not tested  identity kept better than by {rival.name}: no pictures"]
    ours, theirs = distances[method.name].mean, distances[rival.name].mean
    return [
        verdict(
            f"identity kept better than by {rival.name}, 1 - CSIM",
            ours,
            f"< {theirs:.4f}",
            ours < theirs,
            4,
        )
    ]


def identity_loss(painters, distances):
    r"""Whether Eq. (6) keeps identity: renderers with it against those without, as lines.

    Paper: Table 4, w/o L_identity. Only those that were trained alike are compared.

    Args:
        distances: name -> 1 - CSIM (Value) of self-reenactment, may be empty.
    """
    trained = [painter for painter in painters if painter.key and painter.name in distances]
    without = [painter for painter in trained if not painter.with_identity_loss]
    lines = [
        verdict(
            f"identity kept better by {a.name} than by {b.name}, 1 - CSIM",
            distances[a.name].mean,
            f"< {distances[b.name].mean:.4f}",
            distances[a.name].mean < distances[b.name].mean,
            4,
        )
        for a in trained
        if a.with_identity_loss
        for b in without
        if a.training == b.training
    ]
    if lines:
        return lines
    why = (
        "no two renderers in the runs differ in identity_weight 0 alone"
        if distances
        else ("no pictures of other moments (--pictures FOLDER)")
    )
    return [f"* not tested  the identity loss (w/o L_identity, Table 4): {why}"]


def untested(rivals):
    r"""Lines for the paper's rivals that are not among the rows."""
    return [
        f"* not tested  against {kind}: no run of it"
        for kind in RIVALS
        if not any(rival.name.startswith(kind) for rival in rivals)
    ]


def summary(scored, methods, oracle, clips, distances, painters=(), painter_distances=None):
    r"""Aims and claims of every MFR-Net among the rows, as Markdown.

    1 - CSIM (Value) by name: `distances` of responses, `painter_distances` of self-reenactment.
    """
    deterministic = {m.name for m in methods if m.deterministic}
    trained = {m.name for m in methods if m.key}
    text = ""
    for method in scored:
        if not method.name.startswith("MFR-Net"):
            continue
        if oracle:
            rivals = [s for s in scored if s.name in deterministic]
            text += f"\n### Aims: {method.name}\n\n"
            text += "\n".join(aims(method, oracle, rivals, clips)) + "\n"
        rivals = [s for s in scored if s.name in trained and not s.name.startswith("MFR-Net")]
        lines = claims(method, rivals, clips, distances, oracle) + untested(rivals)
        text += f"\n### The paper's claims: {method.name}\n\n" + "\n".join(lines) + "\n"
        if oracle:
            text += f"\n{WHY_FD}\n"
    if text:
        text += "\n### The paper's claim for the identity loss\n\n"
        text += "\n".join(identity_loss(painters, painter_distances or {})) + "\n"
    return text
