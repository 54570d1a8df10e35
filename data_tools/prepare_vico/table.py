r"""The tables of both ViCo releases, and where the files of each row are.

The project release has one table with attitudes: attitude, audio, listener, speaker, listener_id,
speaker_id, data_split. The challenge release has train.csv (and others) with uuids and, as it is
published, no attitude. Columns are found by name; a table of the project release without a header
is read by position.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from mfr.config import ATTITUDES
from mfr.files.vico import COLUMNS, SPLITS

CHALLENGE = ("uuid", "speaker_id", "listener_id")
SUFFIXES = {
    "video": (".mp4", ".mov", ".avi", ".mkv", ".webm"),
    "sound": (".wav", ".flac", ".mp3", ".m4a", ".ogg"),
    "coefficients": (".mat",),
}
ROLES = ("listener", "speaker")


class Row(NamedTuple):
    r"""One pair: what the table says of it."""

    place: str  # table and line, for messages
    attitude: str  # "" where the release has none
    audio: str
    listener: str
    speaker: str
    listener_id: str
    speaker_id: str
    split: str  # train | test | ood


class Release(NamedTuple):
    r"""A folder that was looked through."""

    kind: str  # project | challenge
    tables: list  # of Path
    rows: list  # of Row
    files: dict  # kind of file -> dict name -> Path
    problems: list  # lines


def read_release(source, table=None, more=()):
    r"""Look a release through without opening its media; `more` are folders of further files.

    Raises:
        ValueError: no such folder, or no table with the columns of a release.
    """
    source = Path(source)
    for folder in (source, *map(Path, more)):
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder")
    tables, kind = find_tables(source, table)
    rows, problems = [], []
    for path in tables:
        rows_of_table, problems_of_table = read_table(path, kind)
        rows += rows_of_table
        problems += problems_of_table
    files, repeated = index_files([source, *map(Path, more)])
    return Release(kind, tables, rows, files, problems + repeated)


def find_tables(source, table=None):
    r"""The table of the project release, or those of the challenge release, and which it is.

    RLD_data.csv is looked at first, then any .csv.

    Raises:
        ValueError: none has the columns of a release.
    """
    if table is not None:
        candidates = [Path(table)]
    else:
        candidates = sorted(source.rglob("*.csv"), key=lambda p: (p.name != "RLD_data.csv", p))
    kinds = {path: kind_of(path) for path in candidates if path.is_file()}
    for path, kind in kinds.items():
        if kind == "project":
            return [path], kind
    challenge = [path for path, kind in kinds.items() if kind == "challenge"]
    if challenge:
        return challenge, "challenge"
    looked = ", ".join(str(path) for path in candidates) or "no .csv file there"
    raise ValueError(
        f"{source}: no table of a ViCo release ({looked}); it has the columns "
        f"{', '.join(COLUMNS)}, or {', '.join(CHALLENGE)}"
    )


def read_cells(path):
    r"""The lines of a table that are not empty, cells trimmed."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = [[cell.strip() for cell in row] for row in csv.reader(file)]
    return [cells for cells in lines if any(cells)]


def kind_of(path):
    r"""Which release a table is of: "project", "challenge" or ""."""
    lines = read_cells(path)
    header = [cell.lower() for cell in lines[0]] if lines else []
    if set(COLUMNS) <= set(header) or _headless(header):
        return "project"
    return "challenge" if set(CHALLENGE) <= set(header) else ""


def _headless(cells):
    """Whether a first line is a row already: seven cells, an attitude first."""
    return len(cells) >= len(COLUMNS) and cells[0].lower() in ATTITUDES


def read_table(path, kind):
    r"""Rows of a table; those that make no sense become lines about problems.

    A name may carry a file's suffix, and a number of a person may end in ".0".
    """
    lines = read_cells(path)
    header = [cell.lower() for cell in lines[0]]
    first = 1
    if _headless(header):
        header, first = list(COLUMNS), 0
    rows, problems = [], []
    for number, cells in enumerate(lines[first:], first + 1):
        place = f"{path.name}, row {number}"
        if len(cells) < len(header):
            problems.append(f"{place}: {len(cells)} cells; the header has {len(header)}")
            continue
        row = _row(dict(zip(header, cells)), place, path.stem, kind)
        problem = _problem_of(row, kind)
        if problem:
            problems.append(f"{place}: {problem}")
        else:
            rows.append(row._replace(split=SPLITS[row.split]))
    return rows, problems


def _row(values, place, stem, kind):
    """The values of one line, names without suffixes."""
    people = [values[name].removesuffix(".0") for name in ("listener_id", "speaker_id")]
    attitude = values.get("attitude", "").lower()
    if kind == "challenge":
        uuid = values["uuid"]
        names = uuid, f"{uuid}.listener", f"{uuid}.speaker"
        split = values.get("data_split", values.get("split", stem))  # else the file's name
        return Row(place, attitude, *names, *people, split.lower())
    names = [_without_suffix(values[name]) for name in ("audio", "listener", "speaker")]
    return Row(place, attitude, *names, *people, values["data_split"].lower())


def _without_suffix(name):
    """A file's name without its suffix, if it carries one."""
    suffixes = [suffix for kind in SUFFIXES.values() for suffix in kind]
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in suffixes else name


def _problem_of(row, kind):
    """What makes a row unusable, or ""."""
    if row.attitude not in ATTITUDES and (kind == "project" or row.attitude):
        return f"attitude {row.attitude!r}; allowed: {', '.join(ATTITUDES)}"
    if row.split not in SPLITS:
        return f"data_split {row.split!r}; allowed: {', '.join(SPLITS)}"
    for name in (row.audio, row.listener, row.speaker):
        if not name or Path(name).name != name:
            return f"{name!r} is not a plain file name"
    return ""


def index_files(folders):
    r"""Every video, sound and .mat below some folders, by name: dict kind -> dict name -> Path.

    Published scripts move files into sub-folders such as videos/test, so the name counts and not
    the place. Beside it, lines about names that occur twice.
    """
    files, repeated = {kind: {} for kind in SUFFIXES}, []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            kinds = [k for k, suffixes in SUFFIXES.items() if path.suffix.lower() in suffixes]
            if not kinds or not path.is_file() or path.name.startswith("."):
                continue
            paths = files[kinds[0]]
            if path.stem in paths and paths[path.stem].resolve() != path.resolve():
                repeated.append(f"{path}: the name occurs twice; {paths[path.stem]} is used")
            paths.setdefault(path.stem, path)
    return files, repeated
