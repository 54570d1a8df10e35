r"""From nothing to every bundled file: one command, fixed seeds, goes on after any kill.

    python -m mfr.training.recipe --out recipe --dry-run   says what it would do
    python -m mfr.training.recipe --out recipe

ROWS is all of it. A row that is done is not done again; one that was cut short goes on. In the end
recipe/weights/ holds the files, their curves and a table of how each was made.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from mfr.config import STAGES
from mfr.files.whole import atomic, command, command_line
from mfr.training import checkpoint

ROOT = Path(__file__).parents[2]


class Row(NamedTuple):
    r"""One command of the recipe; `{out}` in its words is the recipe's folder."""

    makes: str  # data/NAME or runs/NAME
    words: str
    hours: float = 0.0  # on two cores; 0: not measured
    needs: tuple = ()  # files that are copied into runs/NAME first, from below {out}


SYNTHETIC = "-m data_tools.make_synthetic --out {out}/data/"
TRAIN = "train_mfr.py "
ROWS = (
    # data: nobody of one seed is met in a set of another
    Row("data/small", SYNTHETIC + "small --size small --no-video --stills 16 --randomise"),
    Row("data/faces", SYNTHETIC + "faces --size faces --seed 7 --no-video --stills 24"),
    Row("data/town", SYNTHETIC + "town --size town --seed 2 --no-video --stills 4 --randomise"),
    Row("data/hall", SYNTHETIC + "hall --size hall --seed 11", hours=0.1),
    Row("data/cutouts", "-m data_tools.make_cutouts --people 300 --out {out}/data/cutouts"),
    # networks; 6,000 people at once are too many to begin with
    Row(
        "runs/few",
        TRAIN + "identity --data {out}/data/small --run {out}/runs/few --steps 1200",
    ),
    Row(
        "runs/identity",
        TRAIN + "identity --data {out}/data/town --run {out}/runs/identity --steps 1500 "
        "--start {out}/runs/few/identity.pt --learning-rate 1.5e-3 --precision bfloat16",
    ),
    Row(
        "runs/reconstruction",
        TRAIN + "reconstruction --data {out}/data/town --run {out}/runs/reconstruction "
        "--steps 8000 --learning-rate 1.2e-3 --batch-size 24",
    ),
    Row(
        "runs/motion",
        TRAIN + "motion --data {out}/data/hall --run {out}/runs/motion --steps 3000 "
        "--learning-rate 1e-3 --precision bfloat16 --speaker-noise 0.5 --listener-noise 0.5",
        hours=0.6,
        needs=("runs/identity/identity.pt",),
    ),
    Row(
        "runs/finder",
        TRAIN + "finder --data {out}/data/cutouts --run {out}/runs/finder --steps 2500",
    ),
    Row(
        "runs/renderer",
        TRAIN + "renderer --data {out}/data/faces --run {out}/runs/renderer --steps 8500 "
        "--precision bfloat16",
        needs=("runs/identity/identity.pt",),
    ),
)
# the reduced scale of --trial, what it takes to see that every row runs: said last, it counts
TRIAL_STEPS = 2
TRIAL = {
    "identity": "--width 8",
    "reconstruction": "--width 8",
    "motion": "--width 16",
    "renderer": "--width 16 --targets 2 --face-steps 1 --warp-steps 1 --gan-start 1",
    "finder": "--width 8 --pictures 64",
}


def words_of(row, out, trial=False):
    r"""The words after `python` of a row, a list."""
    words = [word.format(out=out) for word in row.words.split()]
    if not trial:
        return words
    if "data_tools.make_cutouts" in words:
        words[words.index("--people") + 1] = "7"  # of three views each; the finder wants twenty
        return words
    if row.makes.startswith("data/"):
        words[words.index("--size") + 1] = "demo"
        return [*words, *"--no-video --stills 2 --workers 1".split()]
    return [*words, *TRIAL[words[1]].split(), "--steps", str(TRIAL_STEPS), "--batch-size", "4"]


class Book:
    r"""recipe.json: the words of every row that is done, and the seconds that it took."""

    def __init__(self, out):
        self.path = Path(out) / "recipe.json"
        self.done = json.loads(self.path.read_text()) if self.path.exists() else {}

    def has(self, row, words):
        r"""Is the row done?

        Raises:
            ValueError: it was done with other words.
        """
        entry = self.done.get(row.makes)
        if entry and entry["words"] != words:
            raise ValueError(
                f"{self.path}: {row.makes} was made by {' '.join(entry['words'])!r}, now it is "
                f"{' '.join(words)!r}; allowed: the same, or another --out"
            )
        return entry is not None

    def add(self, row, words, seconds):
        r"""The row is done."""
        self.done[row.makes] = {"words": words, "seconds": round(seconds, 1)}
        with atomic(self.path) as temporary:
            temporary.write_text(json.dumps(self.done, indent=1) + "\n")


def cook(out, trial=False, rows=ROWS):
    r"""Do every row that is not done yet, then gather the weights.

    Raises:
        ValueError: a command failed, or a row was done with other words.
    """
    book = Book(out)
    for row in rows:
        words = words_of(row, out, trial)
        if book.has(row, words):
            print(f"has       {row.makes}", flush=True)
            continue
        print(f"makes     {row.makes}: python {' '.join(words)}", flush=True)
        for name in row.needs:
            with atomic(Path(out) / row.makes / Path(name).name) as temporary:
                shutil.copyfile(Path(out) / name, temporary)
        resume = ["--resume"] if row.makes.startswith("runs/") else []  # data go on by themselves
        began = time.monotonic()
        code = subprocess.run([sys.executable, *words, *resume], cwd=ROOT).returncode
        if code:
            raise ValueError(f"{row.makes}: python {' '.join(words)} ended with code {code}")
        book.add(row, words, time.monotonic() - began)
    gather(Path(out), book)


def gather(out, book):
    r"""OUT/weights: the files, their logs and a table of how each was made."""
    lines = ["| file | command | steps | held out at the end | hours |", "|---|---|---|---|---|"]
    for stage in STAGES:
        made = out / "runs" / stage / f"{stage}.pt"
        log = made.with_suffix("") / "log.jsonl"  # what later runs may expect
        for source, name in ((made, made.name), (log, f"logs/{stage}.jsonl")):
            with atomic(out / "weights" / name) as temporary:
                shutil.copyfile(source, temporary)
        state, entry = checkpoint.load(made, stage), book.done[f"runs/{stage}"]
        said = " ".join(entry["words"]).replace(str(out), "OUT")
        lines.append(
            f"| `{made.name}` | `python {said}` | {state['step']} | {state['held_out']:.4f} | "
            f"{entry['seconds'] / 3600:.2f} |"
        )
    with atomic(out / "weights" / "TABLE.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n")
    print(f"done      {out / 'weights'}")


def plan(out, trial=False, rows=ROWS):
    r"""Print what cook would do and how long it takes; nothing is written."""
    book, hours = Book(out), 0.0
    for row in rows:
        words = words_of(row, out, trial)
        state = "has" if book.has(row, words) else "makes"
        took = f"{row.hours:.1f} h" if row.hours else "time not measured"
        print(f"{state:<9} {row.makes}: python {' '.join(words)} · {took}")
        hours += row.hours if state == "makes" else 0
    print(f"in all    {hours:.1f} h on two cores, of what is measured; nothing was done")


def main(arguments=None):
    r"""The command line."""
    parser = command_line("mfr.training.recipe", __doc__)
    parser.add_argument("--out", default="recipe", help="everything goes here (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done")
    parser.add_argument("--trial", action="store_true", help="at a tiny scale, to see that it runs")
    options = parser.parse_args(arguments)
    out = str(Path(options.out).resolve())
    (plan if options.dry_run else cook)(out, options.trial)


if __name__ == "__main__":
    command(main)
