r"""One command for every table: finds the methods, draws their responses, scores and writes.

    python -m mfr.evaluation.tables --data data/vico --runs runs --out out/tables

DATA is a ViCo-layout folder; RUNS holds runs of train_mfr.py and mfr.evaluation.methods. What was
drawn is kept in OUT/draws, so that a second call takes up where the first was stopped. Written are
tables.md, tables.csv, record.json and figures; --publish tutorials/results copies what is checked
in and renews the results in README.md.
"""

import math
import sys
from pathlib import Path
from typing import NamedTuple

from mfr.evaluation import figures
from mfr.evaluation.methods import (
    find_methods,
    find_painters,
    trivial_methods,
    with_repair,
)
from mfr.evaluation.scoring import (
    ORACLE,
    Drawn,
    Judges,
    load_hopenet,
    load_inception,
    read_world,
    reference_rows,
    score_all,
)
from mfr.evaluation.scoring.scores import SETS, sets_of
from mfr.evaluation.tables import images, motion, results
from mfr.evaluation.tables.aims import summary
from mfr.evaluation.tables.identity import MOMENTS, kept_identity
from mfr.evaluation.tables.writing import to_csv, to_markdown
from mfr.files.vico import held_out, read_clips
from mfr.files.whole import command_line, existing
from mfr.training.checkpoint import WEIGHTS
from mfr.training.identity import load_identity


class FromPictures(NamedTuple):
    r"""What rendered frames told, by name of the method or renderer; empty without pictures."""

    tables: list  # of Table
    distances: dict  # method -> 1 - CSIM (Value)
    liveliness: dict  # method -> diversity by Hopenet (Value)
    identity_kept: dict  # renderer -> 1 - CSIM (Value) of self-reenactment
    remark: str = ""  # what the distances are to, where not to true frames


def motion_tables(world, scored, oracle, real, from_pictures):
    r"""Tables 1, 1b, 4 and ours."""
    clips, ranked = world.held.clips, {one.name for one in scored}
    rows = [oracle, *scored] if oracle else scored
    table_4 = motion.table_4(
        rows,
        clips,
        from_pictures.distances,
        world.on_vico,
        ranked,
        from_pictures.liveliness if any_number(from_pictures.liveliness) else None,
    )
    return [
        motion.table_1(rows, clips, world.on_vico, ranked),
        motion.table_1b(rows, clips, ranked),
        table_4._replace(
            notes=[*table_4.notes, *([from_pictures.remark] if from_pictures.remark else [])]
        ),
        motion.table_ours(rows, clips, oracle, ranked),
        motion.table_behaviour([real, *rows], clips, ranked),
    ]


def any_number(values):
    r"""Whether any Value of a dict is a number."""
    return any(not math.isnan(value.mean) for value in values.values())


def score_pictures(world, scored, drawn, painters, repaired, options):
    r"""Table 2 in both readings, where pictures and painters are at hand."""
    if not painters:
        return FromPictures([], {}, {}, {})
    V, name_of_V = load_identity(WEIGHTS / "identity.pt"), "the bundled identity net"
    judges = Judges(
        V,
        options.inception and load_inception(options.inception),
        options.hopenet and load_hopenet(options.hopenet),
    )
    tables, liveliness, identity_kept, remark = [], {}, {}, ""
    shown = images.read_pictures(world.held.clips)
    if shown:
        table, distances, liveliness = images.response_table(
            painters[0], shown, drawn, scored, judges, name_of_V, world.on_vico, repaired
        )
        tables.append(table)
    else:
        with_oracle = dict(drawn)
        if world.oracle:
            with_oracle[ORACLE] = Drawn(world.oracle.motion, float("nan"))
        distances = kept_identity(painters[0], world.held, with_oracle, V, repaired)
        remark = (
            f"1 - CSIM: {MOMENTS} rendered frames a clip against the portrait, by "
            f"{name_of_V}; no other true frame is at hand."
        )
    if options.pictures:
        shown = images.read_pictures(held_out(read_clips(options.pictures))[1])
    if shown:
        table, identity_kept = images.reenactment_table(painters, shown, judges, name_of_V)
        tables.append(table)
    else:
        print(
            f"note      Table 2 left out: {options.pictures or world.folder} has one picture a "
            "video; --pictures names a folder with more"
        )
    return FromPictures(tables, distances, liveliness, identity_kept, remark)


def counts(world):
    r"""Clips of each held-out set: dict name of the set -> int."""
    sets = sets_of(world.held.clips)
    return {SETS[split]: len(rows) for split, rows in sets.items()}


def heading(world, samples, seed):
    r"""What the tables are about, as Markdown."""
    words = ", ".join(f"{count} {name}" for name, count in counts(world).items())
    clips, frames = world.held.clips, sum(len(x) for x in world.held.real)
    return (
        f"## Tables on {world.folder.name}\n\n{len(clips)} held-out clips ({words}), {frames} "
        f"frames; mean over {samples} samples a clip, seed {seed}; the reference is the "
        f"listener's first frame.\n"
    )


def variant(words):
    r"""A setting of sampling from the command line, such as "steps=10,guidance=2".

    Raises:
        ValueError: another name, or no number.
    """
    kinds = {"steps": int, "guidance": float, "eta": float}
    settings = {}
    for part in words.split(","):
        name, _, value = part.partition("=")
        if name not in kinds:
            raise ValueError(f"--vary {part!r}: allowed: steps=N, guidance=X, eta=X")
        try:
            settings[name] = kinds[name](value)
        except ValueError:
            raise ValueError(f"--vary {part!r}: {value!r} is not a number") from None
    return settings


def check(options):
    r"""Refuse, before the slow part, what would fail after it.

    Raises:
        ValueError: fewer than one sample, or a file or folder that is not there.
    """
    if options.samples < 1:
        raise ValueError(f"--samples is {options.samples}; allowed: >= 1")
    if options.publish:
        results.put(existing(options.readme, "--readme").read_text(encoding="utf-8"), "")
    for name in ("inception", "hopenet"):
        if getattr(options, name):
            existing(getattr(options, name), f"--{name}")
    if options.pictures:
        read_clips(options.pictures)


def main(arguments=None):
    r"""The command line.

    Raises:
        ValueError: an option is wrong, or nothing could be scored.
    """
    options = parser().parse_args(arguments)
    check(options)
    trained, problems = find_methods(options.runs, [variant(words) for words in options.vary])
    for line in problems:
        print(line)
    world = read_world(options.data, options.clips)
    methods = trivial_methods(world.training) + trained
    methods = [m for m in methods if not options.only or any(w in m.name for w in options.only)]
    if not trained:
        print(
            f"note      {options.runs}: no motion.pt, vico.pt, pchg.pt or lstm.pt; "
            "the trivial methods alone"
        )
    scored, drawn, left_out = score_all(
        world, methods, options.samples, options.seed, Path(options.out) / "draws"
    )
    if not scored:
        raise ValueError(f"no method could be scored: {left_out or 'none was chosen by --only'}")
    methods = [m for m in methods if m.name in drawn]
    words = sys.argv[1:] if arguments is None else arguments
    names = report(world, methods, scored, drawn, problems + left_out, options, words)
    print(f"written   {options.out}: {', '.join([*results.FILES, *names])}")


def report(world, methods, scored, drawn, left_out, options, words):
    r"""Everything after the scores: tables, claims, record, figures and what is published.

    Gives the figures' names; `words` are the command line's, for the record.
    """
    painters = find_painters(options.runs) if options.images else []
    painters, repaired = with_repair(painters, Path(options.runs)) if painters else ([], None)
    from_pictures = score_pictures(world, scored, drawn, painters, repaired, options)
    oracle, real = reference_rows(world)
    tables = motion_tables(world, scored, oracle, real, from_pictures) + from_pictures.tables
    painter = painters[0] if painters else None
    record = results.to_record(words, world, methods, painter, options, counts(world))
    text = "\n".join([heading(world, options.samples, options.seed), *map(to_markdown, tables)])
    text += summary(
        scored,
        methods,
        oracle,
        world.held.clips,
        from_pictures.distances,
        painters,
        from_pictures.identity_kept,
    )
    text += "".join(f"\n{line}\n" for line in left_out) + results.record_to_markdown(record)
    print(text)
    results.write(options.out, text, to_csv(tables), record)
    rows = [oracle, *scored] if oracle else scored
    names = figures.draw_all(world, methods, rows, drawn, painter, options)
    if options.publish:
        results.publish(options.out, options.publish, options.readme, figures.to_publish(names))
        print(f"published {options.publish} and {options.readme}")
    return names


def parser():
    r"""The command line's words."""
    top = command_line("mfr.evaluation.tables", __doc__)
    top.add_argument("--data", default="data/small", help="ViCo-layout folder (%(default)s)")
    top.add_argument("--runs", default="runs", help="folder of runs, or one run (%(default)s)")
    top.add_argument("--out", default="out/tables", help="results go here (%(default)s)")
    top.add_argument("--samples", type=int, default=10, help="K, responses a clip (%(default)s)")
    top.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    top.add_argument("--clips", type=int, help="of each held-out split (all)")
    top.add_argument("--only", nargs="+", metavar="WORD", help="methods whose name holds a word")
    top.add_argument("--pictures", help="folder with several pictures a video, for Table 2 (DATA)")
    top.add_argument("--no-images", dest="images", action="store_false", help="without Table 2")
    top.add_argument("--inception", metavar="FILE", help="TorchScript Inception, for FID")
    top.add_argument("--hopenet", metavar="FILE", help="official Hopenet, for diversity")
    top.add_argument(
        "--publish", metavar="FOLDER", help="also write what is checked in, as tutorials/results"
    )
    top.add_argument("--readme", default="README.md", help="to be renewed by it (%(default)s)")
    top.add_argument(
        "--vary",
        nargs="+",
        default=[],
        metavar="steps=N,guidance=X",
        help="further rows of each motion.pt, sampled otherwise",
    )
    return top
