r"""The tables of motion: Table 1, Table 4 and ours, from the scores of every method."""

from mfr.config import ATTITUDES
from mfr.evaluation.scoring.scores import (
    PARTS,
    SETS,
    Value,
    fd_cell,
    fd_macro,
    over_clips,
    over_samples,
    ratio,
    sets_of,
)
from mfr.evaluation.tables import printed
from mfr.evaluation.tables.writing import Column, Row, Table


def table_1(scored, clips, on_vico=False, ranked=()):
    r"""FD of angle, exp, trans by attitude, and both averages: Table 1.

    On ViCo the printed rows stand beside ours; `ranked` names the rows that may be best.
    """
    groups = [*ATTITUDES, "average", "macro"]
    columns = [
        Column(f"{group} {part}", 2, "down", group in ("average", "macro"))
        for group in groups
        for part in PARTS
    ]
    rows = []
    for split, members in sets_of(clips).items():
        by_attitude = [[i for i in members if clips[i].attitude == one] for one in ATTITUDES]
        for one in scored:
            cells = [fd_cell(one, part, members_of) for members_of in by_attitude for part in PARTS]
            cells += [fd_cell(one, part, members) for part in PARTS]
            cells += [fd_macro(one, part, by_attitude) for part in PARTS]
            rows.append(Row((one.name, SETS[split]), cells, one.name in ranked))
        if on_vico:
            rows += _printed_rows(split)
    notes = [
        "FD: mean |generated - true| x 100 over frames and coefficients; mean over samples, "
        "then over clips. average: every clip counts alike; macro: every attitude does. "
        "The error is that of the mean over samples."
    ]
    notes += printed.MISPRINTS["Table 1"] if on_vico else ()
    return Table(
        "table 1", "Table 1: feature distance by attitude", ("method", "set"), columns, rows, notes
    )


def _printed_rows(split):
    """The paper's rows of one set; its averages are neither of ours, so macro stays empty."""
    rows = []
    for (name, of_set), groups in printed.TABLE_1.items():
        if of_set == split:
            cells = [Value(x) for group in groups for x in group] + [None] * 3
            rows.append(Row((f"{name}, as printed", SETS[split]), cells, False))
    return rows


def table_1b(scored, clips, ranked=()):
    r"""FD of the mean of the samples, and of the best one, which has seen the truth.

    The first shows what a deterministic method aims at, the second what others print.
    """
    columns = [Column(f"mean of samples {part}", 2, "down") for part in PARTS]
    columns += [Column(f"best sample {part}") for part in PARTS]
    rows = []
    for split, members in sets_of(clips).items():
        for one in scored:
            cells = [over_clips([one.fd_of_mean[i][part] for i in members]) for part in PARTS]
            cells += [over_clips([one.fd[i][part].min() for i in members]) for part in PARTS]
            rows.append(Row((one.name, SETS[split]), cells, one.name in ranked))
    notes = [
        "Best sample: the one nearest to the truth, chosen by it for each coefficient group; "
        "it grows better with the number of samples and ranks nothing."
    ]
    return Table(
        "table 1b",
        "Table 1b: FD of the mean of the samples, and of the best",
        ("method", "set"),
        columns,
        rows,
        notes,
    )


def table_4(scored, clips, images=None, on_vico=False, ranked=(), liveliness=None):
    r"""The ablation: unweighted mean of D_test's and D_ood's FD, identity and diversity: Table 4.

    By name of the method: `images` are id_distance of rendered responses, `liveliness` is
    diversity over frames by Hopenet's features (Value), or None.
    """
    columns = [
        *(Column(part, 2, "down", True) for part in PARTS),
        Column("1 - CSIM", 3, "down"),
        Column("diversity [rad]", 4, "up", True),
        Column("spread", 3, "", True),
    ]
    columns += [Column("diversity [Hopenet]", 4, "up")] if liveliness else []
    members, rows = list(sets_of(clips).values()), []
    all_clips = [i for part in members for i in part]
    for one in scored:
        cells = [fd_macro(one, part, members) for part in PARTS]
        cells += [
            (images or {}).get(one.name),
            over_samples([one.frames[i] for i in all_clips]),
            over_clips([one.spread[i] for i in all_clips]),
        ]
        cells += [liveliness.get(one.name)] if liveliness else []
        rows.append(Row((one.name,), cells, one.name in ranked))
    if on_vico:
        for name, values in printed.TABLE_4.items():
            *cells, diversity = [None if x is None else Value(x) for x in values]
            cells += [None, None, *([diversity] if liveliness else [])]
            rows.append(Row((f"{name}, as printed",), cells, False))
    notes = [
        "diversity: standard deviation over frames, of the angles (the paper's is of Hopenet's "
        "features, in other units: --hopenet FILE); it cannot tell one lively response from many. "
        "spread: distance between samples in standard deviations, 0 if deterministic."
    ]
    return Table(
        "table 4", "Table 4: ablation, mean of the test sets", ("method",), columns, rows, notes
    )


def table_ours(scored, clips, oracle=None, ranked=()):
    r"""Energy score and spread, and both against the oracle's.

    FD rewards the mean response; these reward the distribution.
    """
    columns = [
        Column("energy score", 4, "down", True),
        Column("energy / oracle", 3, "down", True),
        Column("spread", 4, "", True),
        Column("spread / oracle", 3, "one", True),
    ]
    rows = []
    for split, members in sets_of(clips).items():
        for one in scored:
            cells = []
            for name in ("energy", "spread"):
                values = [getattr(one, name)[i] for i in members]
                limit = oracle and [getattr(oracle, name)[i] for i in members]
                cells += [over_clips(values), ratio(values, limit) if limit else None]
            rows.append(Row((one.name, SETS[split]), cells, one.name in ranked))
    notes = [
        "Both in standard deviations of the training listeners, mean over clips; the error is "
        "that of the mean over clips, of a ratio that of paired clips. A deterministic "
        "method's energy score is its distance alone."
    ]
    if oracle is None:
        notes.append("No oracle: `python -m data_tools.oracle DATA` writes one for synthetic data.")
    return Table(
        "ours", "Ours: is it the right distribution?", ("method", "set"), columns, rows, notes
    )


def table_behaviour(scored, clips, ranked=()):
    r"""Recognition of the attitude, delay, personal style, seams, pace."""
    columns = [
        Column("recognised [%]", 1, "up", True),
        *(Column(f"{one} [%]", 1) for one in ATTITUDES),
        Column("delay [frames]", 1, "", True),
        Column("style r", 2, "up", True),
        Column("seam velocity", 3, "one", True),
        Column("seam acceleration", 3, "one", True),
        Column("diversity [rad]", 4, "", True),
        Column("x real time", 1),
    ]
    rows = []
    for one in scored:
        known = [i for i, x in enumerate(one.recognised) if x is not None]
        groups = [known, *([i for i in known if clips[i].attitude == name] for name in ATTITUDES)]
        cells = [over_samples([100 * one.recognised[i] for i in group]) for group in groups]
        cells += [one.delay, one.style]
        cells += [over_clips([x[name] for x in one.seams]) for name in ("velocity", "acceleration")]
        cells += [over_samples(one.frames), Value(one.pace)]
        rows.append(Row((one.name,), cells, one.name in ranked))
    notes = [
        "All held-out clips together. recognised: by a network taught with real training motion. "
        "delay: centre of the head's movement after a phrase of the speaker ends. style r: size "
        "of nods against the person's true factor. Seams: speed at the windows' first frames "
        "against elsewhere. x real time: seconds of motion a second, all samples of a clip at "
        "once, on this machine and whatever else it was doing."
    ]
    return Table(
        "behaviour", "Ours: does it behave like the listener?", ("method",), columns, rows, notes
    )
