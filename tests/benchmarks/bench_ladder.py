r"""The ladder from the paper's letter to ours: one addition a row, equal data, steps and seeds.

    python -m data_tools.oracle data/hall
    python -m tests.benchmarks.bench_ladder --data data/hall --out out/ladder --steps 4000
    python -m tests.benchmarks.bench_ladder --data data/hall --out out/ladder --rows letter "+ past"

Every row keeps all that the rows above it added, and is trained anew from nothing, at the small
preset's width and learning rate unless told otherwise. A row that is trained is not trained again,
one that was cut short goes on, and so do the draws: the same command after a kill takes up where
it was. Written are OUT/ladder.md and OUT/ladder.csv, after every row.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import train_mfr
from mfr.config import PAPER, MotionConfig, to_dict
from mfr.evaluation.methods import trivial_methods
from mfr.evaluation.methods.method import motion_methods
from mfr.evaluation.scoring import file_name, read_world, reference_rows, score_all
from mfr.evaluation.scoring.scores import (
    SETS,
    Value,
    fd_macro,
    over_clips,
    over_samples,
    ratio,
    sets_of,
    standard_error,
)
from mfr.evaluation.tables.writing import Column, Row, Table, to_csv, to_markdown
from mfr.files.whole import atomic, command
from mfr.training import checkpoint

SIZES = ("width", "feedforward", "steps", "learning_rate")  # not what is compared here
CHAIN = {"sample_steps": 100, "sample_eta": 1.0}
BEHAVIOUR = 4  # last columns: attitude, delay, style, seams
LETTER = {k: v for k, v in PAPER["motion"].items() if k not in SIZES} | CHAIN


class Rung(NamedTuple):
    r"""A row: its name, and the settings that differ from those of the row above."""

    name: str
    adds: dict
    beside: bool = False  # compared with the row above, but not stood upon by the next


RUNGS = (
    Rung("letter", LETTER),
    Rung("letter, concatenation", {"aggregation": "concat"}, beside=True),
    Rung("+ short walk", {"sample_steps": 25, "sample_eta": 0.0}),
    Rung("+ portrait", {"reference": True, "relative": True, "from_portrait": True}),
    Rung("+ velocity", {"prediction": "velocity"}),
    Rung("+ step, attitude", {"time_in_modulation": True, "attitude_in_modulation": True}),
    Rung("+ frames around", {"context": 21, "speaker_beside": True}),
    Rung("+ smoother", {"smoother": True}),
    Rung("+ past", {"past": 40}),
    Rung("+ few features", {"speaker_features": 8, "speaker_noise": 1.0, "listener_noise": 3.0}),
    Rung("+ guidance learnt", {"attitude_dropout": 0.1}),
    Rung("ours, concatenation", {"aggregation": "concat"}, beside=True),
)


def configs(rungs=RUNGS, **common):
    r"""(rung, MotionConfig, name of the row it is compared with or None) of every rung."""
    found, below, name = [], MotionConfig(), None
    for rung in rungs:
        config = replace(below, **rung.adds)
        found.append((rung, replace(config, **common), name))
        if not rung.beside:
            below, name = config, rung.name
    return found


def words(config, data, run):
    r"""The words after `train_mfr.py` that train this config."""
    given = ["motion", "--data", str(data), "--run", str(run), "--resume"]
    for name, value in to_dict(config).items():
        flag = "--" + name.replace("_", "-")
        if value == getattr(MotionConfig(), name):
            continue
        if isinstance(value, bool):
            given.append(flag if value else flag.replace("--", "--no-", 1))
        else:
            given += [flag, str(value)]
    return given


def trained(config):
    r"""The config as far as training knows it: how responses are drawn is no part of that."""
    return replace(config, **{name: getattr(MotionConfig(), name) for name in CHAIN})


def weights_of(config, name, options):
    r"""The motion.pt of a config: found whole, gone on with, or trained."""
    run = Path(options.out) / "runs" / f"{file_name(name)}_{config.seed}"
    path = run / "motion.pt"
    content = checkpoint.load(path, "motion") if path.exists() else None
    if not content or content["config"] != config or content["step"] < config.steps:
        train_mfr.main(words(config, options.data, run))
    return path


def methods(ladder, options):
    r"""(rung, function that gives its Method of a seed) of every row that is asked for.

    Rows that are trained alike share their weights, under the name of the first of them.
    """
    first = {}
    for rung, config, _ in ladder:
        name = first.setdefault(trained(config), rung.name)
        if options.rows and rung.name not in options.rows:
            continue
        steps = options.chain if "letter" in rung.name else config.sample_steps
        settings = {"steps": steps, "eta": config.sample_eta}

        def of_seed(seed, rung=rung, config=config, name=name, settings=settings):
            path = weights_of(replace(trained(config), seed=seed), name, options)
            sampled = motion_methods(path, [settings])[1]
            return sampled._replace(name=f"{rung.name}, seed {seed}")

        yield rung, of_seed


def over_seeds(values):
    r"""Mean of a number over seeds (list of Value); the clips' error and the seeds' together.

    All seeds answer the same clips, so their errors over clips do not average out.
    """
    if len(values) == 1:
        return values[0]
    means = np.array([value.mean for value in values])
    squares = np.mean([np.nan_to_num(value.error) ** 2 for value in values])
    error = np.sqrt(squares + standard_error(means) ** 2)
    return Value(float(means.mean()), float(error), values[0].clips)


def gap(one, other, scale):
    r"""Energy score of one less another's over the oracle's mean, clip by clip (Value)."""
    return over_clips((np.array(one.energy) - np.array(other.energy)) / scale)


def columns(members):
    r"""The table's columns, for the held-out sets that there are."""
    return [
        *(Column(f"{SETS[split]} energy / oracle", 3, "down", True) for split in members),
        Column("energy less than above", 3, "down", True),
        *(Column(f"FD {part}", 2, "", True) for part in ("angle", "exp", "trans")),
        Column("spread / oracle", 2, "one", True),
        Column("attitude [%]", 1, "up", True),
        Column("delay [frames]", 1, "", True),
        Column("style r", 2, "up", True),
        Column("seams", 3, "one", True),
    ]


def cells(one, members, oracle):
    r"""One seed's numbers, in the columns' order; the gap's place stays empty."""
    every = [i for rows in members.values() for i in rows]
    known = [x for x in one.recognised if x is not None]
    limit = oracle or one._replace(energy=np.ones(len(every)), spread=np.ones(len(every)))
    energies = [
        ratio([one.energy[i] for i in rows], [limit.energy[i] for i in rows])
        for rows in members.values()
    ]
    return [
        *energies,
        Value(float("nan")),
        *(fd_macro(one, part, list(members.values())) for part in ("angle", "exp", "trans")),
        ratio(one.spread, limit.spread),
        over_samples([100 * x for x in known]),
        one.delay,
        one.style,
        over_clips([x["velocity"] for x in one.seams]),
    ]


def table(world, scored, references, options):
    r"""The rows that are there: scored is name -> list of Scored, a seed each, in order."""
    members, (oracle, real) = sets_of(world.held.clips), references
    place, rows = len(members), []
    scale = np.mean(oracle.energy) if oracle else 1.0
    if oracle:
        rows.append(Row((oracle.name,), cells(oracle, members, oracle), False))
    behaviour = cells(real, members, oracle)[-BEHAVIOUR:]  # it is the truth of all the others
    rows.append(Row((real.name,), [None] * (place + 5) + behaviour, False))
    above = {rung.name: name for rung, _, name in configs()}
    for name, seeds in scored.items():
        found = [cells(one, members, oracle) for one in seeds]
        mean = [over_seeds(values) for values in zip(*found)]
        if above.get(name) in scored:
            pairs = zip(seeds, scored[above[name]])
            mean[place] = over_seeds([gap(one, other, scale) for one, other in pairs])
        rows.append(Row((name,), mean, name in above))
    counts = ", ".join(f"{len(rows)} {SETS[split]}" for split, rows in members.items())
    notes = [
        f"Data `{world.folder.name}`, {counts} clips, {options.samples} responses each; "
        f"{options.steps} steps, seeds {' '.join(map(str, options.seeds))}, width {options.width}.",
        "Each row keeps what the rows above it added; a row with concatenation is compared with "
        "the row before it and nothing stands upon it. Errors: of the mean over clips or "
        "responses, and over seeds where there are several.",
        "energy less than above: clip by clip, as a share of the oracle's mean; below 0 the "
        "addition bought something, and within two errors of 0 nothing is claimed.",
        f"letter is sampled by {options.chain or 'all'} steps of the chain with its full noise, "
        "every other row by the short walk.",
    ]
    if oracle is None:
        notes.append("No oracle: energy and spread are plain (python -m data_tools.oracle DATA).")
    title = "The ladder: from the paper's letter to ours"
    return Table("ladder", title, ("row",), columns(members), rows, notes)


def write(found, out):
    r"""OUT/ladder.md and OUT/ladder.csv."""
    for name, text in (("ladder.md", to_markdown(found)), ("ladder.csv", to_csv([found]))):
        with atomic(Path(out) / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def main(arguments=None):
    r"""The command line."""
    options = parser().parse_args(arguments)
    common = {
        "steps": options.steps,
        "width": options.width,
        "feedforward": 4 * options.width,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        "precision": options.precision,
    }
    ladder = configs(**common)
    unknown = set(options.rows or ()) - {rung.name for rung, *_ in ladder}
    if unknown:
        names = ", ".join(repr(rung.name) for rung, *_ in ladder)
        raise ValueError(f"--rows {min(unknown)!r}: is no row; there are: {names}")
    world = read_world(options.data, options.clips)
    references, draws = reference_rows(world), Path(options.out) / "draws"
    scored = {}
    for one in trivial_methods(world.training):
        if one.name in ("freeze first frame", "random training clip"):
            scored[one.name] = score_all(world, [one], options.samples, 0, draws)[0]
    for rung, of_seed in methods(ladder, options):
        print(f"row       {rung.name}", flush=True)
        seeds = [of_seed(seed) for seed in options.seeds]
        found, _, problems = score_all(world, seeds, options.samples, 0, draws)
        if problems:
            raise ValueError(f"{rung.name}: {problems[0]}")
        scored[rung.name] = found
        write(table(world, scored, references, options), options.out)
    print(to_markdown(table(world, scored, references, options)))
    print(f"written   {options.out}/ladder.md, ladder.csv")


def parser():
    r"""The command line's words."""
    top = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    top.add_argument("--data", default="data/hall", help="ViCo-layout folder (%(default)s)")
    top.add_argument("--out", default="out/ladder", help="results go here (%(default)s)")
    top.add_argument("--steps", type=int, default=4000, help="of training, each row (%(default)s)")
    top.add_argument("--seeds", type=int, nargs="+", default=[0], help="trained for each row (0)")
    top.add_argument("--clips", type=int, help="of each held-out split (all)")
    top.add_argument("--samples", type=int, default=10, help="responses a clip (%(default)s)")
    top.add_argument(
        "--rows", nargs="+", metavar="NAME", help="only these, such as letter '+ past'"
    )
    top.add_argument(
        "--chain", type=int, default=100, help="steps of the letter's chain, 0: all (%(default)s)"
    )
    top.add_argument("--width", type=int, default=MotionConfig().width, help="(%(default)s)")
    top.add_argument("--batch-size", type=int, default=MotionConfig().batch_size)
    top.add_argument("--learning-rate", type=float, default=MotionConfig().learning_rate)
    top.add_argument("--precision", default="float32", help="float32 | bfloat16 (%(default)s)")
    return top


if __name__ == "__main__":
    command(main)
