r"""One command for every table: finds the methods, draws their responses, scores and writes.

    python -m mfr.evaluation.tables --data data/vico --runs runs --out out/tables

DATA is a ViCo-layout folder; RUNS holds runs of train_mfr.py and mfr.evaluation.baselines. What was
drawn is kept in OUT/draws, so that a second call takes up where the first was stopped. Written are
tables.md, tables.csv and figures.
"""

import argparse
from pathlib import Path

from mfr.data import held_out, read_clips
from mfr.evaluation import figures, tables_images, tables_motion
from mfr.evaluation.aims import summary
from mfr.evaluation.baselines_background import with_repair
from mfr.evaluation.methods import find_methods, trivial_methods
from mfr.evaluation.rendering import find_painters
from mfr.evaluation.tables_writing import to_csv, to_markdown
from mfr.evaluation.world import read_world, reference_rows, score_all
from mfr.files import atomic, command
from mfr.stages import WEIGHTS, load_identity


def motion_tables(world, scored, oracle, real, images=None):
    r"""Tables 1, 1b, 4 and ours.

    Ours.

    Args:
        world: World.
        scored: list of Scored.
        oracle: the oracle's Scored, or None.
        real: real motion's Scored.
        images: name -> id_distance (Value) of rendered responses, or None.

    Returns:
        list of Table.
    """
    clips, ranked = world.held.clips, {one.name for one in scored}
    rows = [oracle, *scored] if oracle else scored
    return [
        tables_motion.table_1(rows, clips, world.on_vico, ranked),
        tables_motion.table_1b(rows, clips, ranked),
        tables_motion.table_4(rows, clips, images, world.on_vico, ranked),
        tables_motion.table_ours(rows, clips, oracle, ranked),
        tables_motion.table_behaviour([real, *rows], clips, ranked),
    ]


def image_tables(world, scored, drawn, painters, runs, folder=None):
    r"""Table 2 in both readings, where pictures are at hand.

    Ours.

    Args:
        world: World.
        scored: list of Scored.
        drawn: dict name -> Drawn.
        painters: list of Painter; none, no table.
        runs: folder of runs, where PCHG's segmenter may be.
        folder: with several pictures a video for the renderer alone, or None for the world's.

    Returns:
        (list of Table, dict name -> id_distance Value, empty without pictures).
    """
    if not painters:
        return [], {}
    V, name_of_V = load_identity(WEIGHTS / "identity.pt"), "the bundled identity net"
    tables, distances = [], {}
    painters, better = with_repair(painters, Path(runs))
    shown = tables_images.read_pictures(world.held.clips)
    if shown:
        table, distances = tables_images.response_table(
            painters[0], shown, drawn, scored, V, world.on_vico, better
        )
        tables.append(table)
    if folder:
        shown = tables_images.read_pictures(held_out(read_clips(folder))[1])
    if shown:
        tables.append(tables_images.reenactment_table(painters, shown, V, name_of_V))
    else:
        print(f"note      Table 2 left out: {folder or world.folder} has one picture a video; "
              "--pictures names a folder with more")  # fmt: skip
    return tables, distances


def heading(world, samples, seed):
    r"""What the tables are about, as Markdown.

    Ours.

    Args:
        world: World.
        samples: K.
        seed: of the draws.

    Returns:
        str.
    """
    clips, sets = world.held.clips, tables_motion.sets_of(world.held.clips)
    counts = ", ".join(f"{len(rows)} {tables_motion.SETS[s]}" for s, rows in sets.items())
    frames = sum(len(x) for x in world.held.real)
    return (f"## Tables on {world.folder.name}\n\n{len(clips)} held-out clips ({counts}), {frames} "
            f"frames; mean over {samples} samples a clip, seed {seed}; the reference is the "
            f"listener's first frame.\n")  # fmt: skip


def write(folder, text, tables):
    r"""tables.md and tables.csv.

    Ours.

    Args:
        folder: OUT.
        text: Markdown.
        tables: list of Table.
    """
    for name, content in (("tables.md", text), ("tables.csv", to_csv(tables))):
        with atomic(Path(folder) / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def variant(words):
    r"""A setting of sampling from the command line.

    Ours.

    Args:
        words: "steps=10" or "steps=10,guidance=2".

    Returns:
        dict.

    Raises:
        ValueError: another name, or no number.
    """
    kinds = {"steps": int, "guidance": float, "eta": float}
    found = {}
    for part in words.split(","):
        name, _, value = part.partition("=")
        if name not in kinds:
            raise ValueError(f"--vary {part!r}: allowed: steps=N, guidance=X, eta=X")
        try:
            found[name] = kinds[name](value)
        except ValueError:
            raise ValueError(f"--vary {part!r}: {value!r} is not a number") from None
    return found


def main(arguments=None):
    r"""The command line.

    Args:
        arguments: list of words, or None for the command line's own.

    Raises:
        ValueError: fewer than one sample, or nothing could be scored.
    """
    options = parser().parse_args(arguments)
    if options.samples < 1:
        raise ValueError(f"--samples is {options.samples}; allowed: >= 1")
    trained, problems = find_methods(options.runs, [variant(words) for words in options.vary])
    for line in problems:
        print(line)
    world = read_world(options.data, options.clips)
    methods = trivial_methods(world.training) + trained
    methods = [m for m in methods if not options.only or any(w in m.name for w in options.only)]
    if not trained:
        print(f"note      {options.runs}: no motion.pt, vico.pt, pchg.pt or lstm.pt; "
              "the trivial methods alone")  # fmt: skip
    scored, drawn, left_out = score_all(
        world, methods, options.samples, options.seed, Path(options.out) / "draws"
    )
    if not scored:
        raise ValueError(f"no method could be scored: {left_out or 'none was chosen by --only'}")
    painters = find_painters(options.runs) if options.images else []
    images, distances = image_tables(
        world, scored, drawn, painters, options.runs, options.pictures
    )
    left_out = problems + left_out
    oracle, real = reference_rows(world)
    tables = motion_tables(world, scored, oracle, real, distances) + images
    text = "\n".join([heading(world, options.samples, options.seed), *map(to_markdown, tables)])
    text += summary(scored, methods, oracle, world.held.clips, distances)
    text += "".join(f"\n{line}\n" for line in left_out)
    print(text)
    write(options.out, text, tables)
    rows = [oracle, *scored] if oracle else scored
    painter = painters[0] if painters else None
    names = figures.draw_all(world, methods, rows, drawn, painter, options)
    print(f"written   {options.out}: {', '.join(['tables.md', 'tables.csv', *names])}")


def parser():
    r"""The command line's words.

    Returns:
        An ArgumentParser.
    """
    top = argparse.ArgumentParser(
        prog="mfr.evaluation.tables", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    top.add_argument("--data", default="data/small", help="ViCo-layout folder (%(default)s)")
    top.add_argument("--runs", default="runs", help="folder of runs, or one run (%(default)s)")
    top.add_argument("--out", default="out/tables", help="results go here (%(default)s)")
    top.add_argument("--samples", type=int, default=10, help="K, responses a clip (%(default)s)")
    top.add_argument("--seed", type=int, default=0, help="of the draws (%(default)s)")
    top.add_argument("--clips", type=int, help="of each held-out split (all)")
    top.add_argument("--only", nargs="+", metavar="WORD", help="methods whose name holds a word")
    top.add_argument("--pictures", help="folder with several pictures a video, for Table 2 (DATA)")
    top.add_argument("--no-images", dest="images", action="store_false", help="without Table 2")
    top.add_argument("--vary", nargs="+", default=[], metavar="steps=N,guidance=X",
                     help="further rows of each motion.pt, sampled otherwise")  # fmt: skip
    return top


if __name__ == "__main__":
    command(main)
