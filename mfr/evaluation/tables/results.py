r"""What is checked in: the tables' files, a few figures, and the README's part made from them.

`record.json` says what the numbers come from: the command, the data, the weights. README.md holds
two lines, START and END; what stands between is written by `publish` from tables.csv and
record.json alone, so that no number is ever copied by hand.
"""

import csv
import hashlib
import io
import json
import math
import os
import shutil
from pathlib import Path

from mfr.evaluation.methods.method import DIGITS
from mfr.evaluation.scoring.scores import NAN, Value
from mfr.evaluation.tables.writing import Column, Row, Table, to_markdown
from mfr.files.whole import atomic

START, END = "<!-- results -->", "<!-- end of results -->"
FILES = ("tables.md", "tables.csv", "record.json")
COLOURS = 256  # of a published picture
OMITTED = ("training mean", "mirror the speaker")  # from the README, for brevity

DISTANCE = [  # column, table, set, metric
    (Column(f"{label} {part}", 2, "down"), "table 1", label, f"average {part}")
    for label in ("D_test", "D_ood")
    for part in ("angle", "exp", "trans")
] + [
    (Column("1 - CSIM", 3, "down"), "table 4", "", "1 - CSIM"),
    (Column("diversity [rad]", 4, "up"), "table 4", "", "diversity [rad]"),
]
RESPONSE = [
    (Column(f"{label} {words}", 2, better), "ours", label, metric)
    for words, better, metric in (
        ("energy", "down", "energy / oracle"),
        ("spread", "one", "spread / oracle"),
    )
    for label in ("D_test", "D_ood")
] + [
    (Column("attitude [%]", 0, "up"), "behaviour", "", "recognised [%]"),
    (Column("delay [frames]", 1), "behaviour", "", "delay [frames]"),
    (Column("style r", 2, "up"), "behaviour", "", "style r"),
    (Column("seams", 2, "one"), "behaviour", "", "seam velocity"),
    (Column("x real time", 0), "behaviour", "", "x real time"),
]
DISTANCE_CAPTION = "**The paper's tables 1 and 4**: feature distance (FD), identity, liveliness."
RESPONSE_CAPTION = (
    "**Further measures**: energy score and spread over the oracle's (1 is best), attitude "
    "recognised, middle of the response after a phrase ends, size of nods against the person's, "
    "speed at window borders over elsewhere."
)
PATTERNS = (
    "Above: responses to one clip of each attitude, the oracle's middle 80 % shaded, ends of the "
    "speaker's phrases dashed. Below: how fast the head moves after them."
)


def digest_of_motion(motions):
    r"""16 hexadecimal digits by which the true held-out motion, list of (L, 70), is known."""
    total = hashlib.sha256()
    for motion in motions:
        total.update(motion.astype("<f4").tobytes())
    return total.hexdigest()[:DIGITS]


def to_record(words, world, methods, painter, options, sets):
    r"""What the numbers come from: dict of strings, numbers and dicts of them."""
    weights = {m.name: m.key[:DIGITS] for m in methods if m.key}
    return {
        "command": " ".join(["python -m mfr.evaluation.tables", *words]),
        "data": {"folder": world.folder.name, "digest": digest_of_motion(world.held.real)},
        "clips": sets,
        "frames": sum(map(len, world.held.real)),
        "samples": options.samples,
        "seed": options.seed,
        "weights": weights,
        "settings": {m.name: m.key[DIGITS:].strip() for m in methods if m.key[DIGITS:]},
        "renderer": {painter.name: painter.key} if painter else {},
    }


def record_to_markdown(record):
    r"""The record for readers."""
    text = f"\n### Made by\n\n```sh\n{record['command']}\n```\n\n"
    text += (
        f"Data: {record['data']['folder']}, true held-out motion `{record['data']['digest']}`."
        " Weights, by the first digits of SHA-256 (a method's with those of its V):"
        "\n\n"
    )
    rows = {**record["weights"], **record["renderer"]}
    return text + "".join(f"* {name}: `{key}`\n" for name, key in rows.items())


def write(folder, text, table_csv, record):
    r"""tables.md, tables.csv and record.json, whole or not at all."""
    content = text, table_csv, json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    for name, part in zip(FILES, content):
        with atomic(Path(folder) / name) as temporary:
            temporary.write_text(part, encoding="utf-8")


# ---- the README's part ----


def readme_part(table_csv, record, folder, pictures=()):
    r"""The few rows and columns that a reader needs, in words and numbers.

    Every number is one of tables.csv (its text), rounded; `folder` is linked to from the README.
    """
    rows = list(csv.DictReader(io.StringIO(table_csv)))
    numbers = {(r["table"], r["method"], r["set"], r["metric"]): float(r["value"]) for r in rows}
    names = dict.fromkeys(r["method"] for r in rows if r["table"] in ("ours", "behaviour"))
    names = [
        name
        for name in names
        if name not in OMITTED
        and name not in record["settings"]
        and not name.endswith("as printed")
    ]
    names.sort(key=lambda name: name not in ("real motion", "oracle"))  # these two lead
    sets = ", ".join(f"{count} {name}" for name, count in record["clips"].items())
    text = (
        f"Data `{record['data']['folder']}`, {sets} clips, mean over {record['samples']} "
        f"responses a clip, seed {record['seed']}. The oracle is the synthetic world itself "
        "responding again, so a method near its row responds as people do there. An FD below "
        "its only means moving less. Bold: the best of the trained methods. D_ood: listeners "
        "whom training never saw. "
    )
    text += (
        "[Every table, its errors and what they say of the paper's claims]"
        f"({folder}/tables.md); made by\n\n```sh\n{record['command']}\n```\n\n"
    )
    text += _part(
        DISTANCE_CAPTION,
        DISTANCE,
        numbers,
        [n for n in names if n != "real motion"],
        record["weights"],
    )
    text += _part(RESPONSE_CAPTION, RESPONSE, numbers, names, record["weights"])
    if "patterns.png" in pictures:
        text += f"![How responses follow the speaker]({folder}/patterns.png)\n\n{PATTERNS}\n"
    return text.rstrip() + "\n"


def _part(caption, columns, numbers, names, trained):
    """One small table under its caption; methods without any number are left out."""
    columns = [one for one in columns if any((one[1], n, one[2], one[3]) in numbers for n in names)]
    rows = []
    for name in names:
        values = [numbers.get((table, name, *rest), NAN) for _, table, *rest in columns]
        if not all(map(math.isnan, values)):
            ranked = name in trained  # a portrait that never moves should win nothing
            rows.append(Row((short(name, names),), [Value(value) for value in values], ranked))
    table = Table("", "", ("",), [one[0] for one in columns], rows, [])
    return f"{caption}\n\n" + to_markdown(table).partition("\n\n")[2] + "\n"


def short(name, names):
    r"""A method's name without its run's, where that is enough to tell it from the others."""
    first = name.partition(" · ")[0]
    return first if sum(other.partition(" · ")[0] == first for other in names) == 1 else name


def put(text, part):
    r"""A README with another part between its two marks.

    Raises:
        ValueError: the marks are not there once each, in order.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise ValueError(f"README: allowed: one line {START} and after it one line {END}")
    head, tail = text.partition(START)[0], text.partition(END)[2]
    return f"{head}{START}\n\n{part}\n{END}{tail}"


def between(text):
    r"""What stands between the marks, without the empty lines around it."""
    inner = text.partition(START)[2].partition(END)[0].strip()
    return inner + "\n" if inner else ""


def publish(out, folder, readme, pictures):
    r"""Copy results to where they are checked in, and put the README's part into the README.

    `pictures`: name to publish -> file name in `out`.
    """
    out, folder, readme = Path(out), Path(folder), Path(readme)
    record = json.loads((out / "record.json").read_text(encoding="utf-8"))
    link = Path(os.path.relpath(folder, readme.parent)).as_posix()
    table_csv = (out / "tables.csv").read_text(encoding="utf-8")
    part = readme_part(table_csv, record, link, pictures)
    text = put(readme.read_text(encoding="utf-8"), part)  # first: nothing is copied if it fails
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with atomic(folder / name) as temporary:
            shutil.copyfile(out / name, temporary)
    for name, source in pictures.items():
        shrink(out / source, folder / name)
    with atomic(readme) as temporary:
        temporary.write_text(text, encoding="utf-8")


def shrink(source, path):
    r"""A .png with few colours, for a small file."""
    from PIL import Image

    with Image.open(source) as image, atomic(path) as temporary:
        few = image.convert("RGB").quantize(  # this method keeps the colours of thin lines
            COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
        )
        few.save(temporary, optimize=True)
