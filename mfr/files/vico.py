r"""The ViCo-layout dataset: who listened to whom, and where the files are.

A folder holds `RLD_data.csv` (one row a pair), `videos/`, `audios/` and `recons/`. Where
`stills/NAME/FRAME.jpg` shows some frames of a video, they are read in its place; where
`portraits/LISTENER_ID.jpg` shows the listener, a row may do without videos, which is enough for
the motion. The challenge release (`train.csv` with uuids, no attitude) is read too. Columns are
found by name, because the public files do not agree on their order.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mfr.config import ATTITUDES
from mfr.files import media
from mfr.files.whole import existing

COLUMNS = (
    "attitude",
    "audio",
    "listener",
    "speaker",
    "listener_id",
    "speaker_id",
    "data_split",
)
SPLITS = {
    "train": "train",
    "test": "test",
    "val": "test",
    "valid": "test",
    "ood": "ood",
    "test_ood": "ood",
    "out_of_domain": "ood",
}


class Clip(NamedTuple):
    r"""One row: a speaker, the listener who answered, and where their files are."""

    row: int  # of the CSV file, the header being row 1
    attitude: str  # "" where the release has none
    split: str  # train | test | ood
    listener_id: str
    speaker_id: str
    audio: Path
    listener: Path  # video
    speaker: Path
    listener_mat: Path
    speaker_mat: Path


def read_clips(folder, videos=True):
    r"""The rows of a ViCo-layout folder as Clips, each checked, in the file's order.

    The folder holds RLD_data.csv, or train.csv of the challenge release. videos False asks for
    sound and coefficients alone.

    Raises:
        ValueError: no table, a missing column, no row, or a row whose attitude, split or files
            are not there; the message names the row.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"data {folder}: no such folder")
    for name in ("RLD_data.csv", "train.csv"):
        if (folder / name).exists():
            table = folder / name
            break
    else:
        raise ValueError(f"data {folder}: holds neither RLD_data.csv nor train.csv")
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if not rows:
        raise ValueError(f"{table}: is empty; its columns should be {', '.join(COLUMNS)}")
    header = [cell.strip().lower() for cell in rows[0]]
    read = _challenge_row if "uuid" in header else _row
    clips = [read(table, number, header, cells, videos) for number, cells in enumerate(rows[1:], 2)]
    if not clips:
        raise ValueError(f"{table}: has a header and no row")
    return clips


def _row(table, number, header, cells, videos):
    values = _named(table, number, header, cells, COLUMNS)
    attitude = values["attitude"].lower()
    if attitude not in ATTITUDES:
        allowed = ", ".join(ATTITUDES)
        raise ValueError(f"{table}, row {number}: attitude {attitude!r}; allowed: {allowed}")
    names = values["audio"], values["listener"], values["speaker"]
    people = values["listener_id"], values["speaker_id"]
    return _clip(table, number, attitude, values["data_split"], people, names, videos)


def _challenge_row(table, number, header, cells, videos):
    own = [name for name in ("data_split", "split") if name in header]  # else the file's name
    values = _named(table, number, header, cells, ("uuid", "speaker_id", "listener_id", *own))
    split = values[own[0]] if own else table.stem
    uuid = values["uuid"]
    people = values["listener_id"], values["speaker_id"]
    names = uuid, f"{uuid}.listener", f"{uuid}.speaker"
    return _clip(table, number, "", split, people, names, videos)


def _named(table, number, header, cells, columns):
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(f"{table}: no column {', '.join(missing)}; found {', '.join(header)}")
    if len(cells) < len(header):
        raise ValueError(f"{table}, row {number}: {len(cells)} cells; the header has {len(header)}")
    return {name: cells[header.index(name)].strip() for name in columns}


def _clip(table, number, attitude, split, people, names, videos):
    if split.lower() not in SPLITS:
        allowed = ", ".join(SPLITS)
        raise ValueError(f"{table}, row {number}: data_split {split!r}; allowed: {allowed}")
    for name in names:
        if not name or Path(name).name != name:
            raise ValueError(f"{table}, row {number}: {name!r} is not a plain file name")
    audio, listener, speaker = names
    folder = table.parent
    clip = Clip(
        number,
        attitude,
        SPLITS[split.lower()],
        *people,
        audio=folder / "audios" / f"{audio}.wav",
        listener=folder / "videos" / f"{listener}.mp4",
        speaker=folder / "videos" / f"{speaker}.mp4",
        listener_mat=folder / "recons" / f"{listener}.mat",
        speaker_mat=folder / "recons" / f"{speaker}.mat",
    )
    needed = [clip.audio, clip.listener_mat, clip.speaker_mat]
    if videos and not _portrait_file(clip).exists():
        needed += [path for path in (clip.listener, clip.speaker) if not stills_of(path)]
    for path in needed:
        existing(path, f"{table}, row {number}:")
    return clip


def held_out(clips):
    r"""Split rows into those to train on and those to watch the loss on.

    (training clips, held-out clips): the file's own splits, or every tenth row where the file has
    only one of them.
    """
    train = [clip for clip in clips if clip.split == "train"]
    other = [clip for clip in clips if clip.split != "train"]
    if train and other:
        return train, other
    every = max(2, min(10, len(clips)))
    if len(clips) == 1:
        return clips, clips
    return [c for i, c in enumerate(clips) if i % every], clips[::every]


def stills_of(video):
    r"""Pictures that stand in for a video: `stills/NAME/FRAME.jpg` beside the videos.

    dict, frame number -> Path, in order; empty where there are none.
    """
    folder = video.parent.parent / "stills" / video.stem
    return {int(path.stem): path for path in sorted(folder.glob("[0-9]*.jpg"))}


def _portrait_file(clip):
    return clip.listener.parent.parent / "portraits" / f"{clip.listener_id}.jpg"


def portrait_path(clip):
    r"""The file that shows I_l: a still, a portrait of the listener, or else the video."""
    stills, portrait = stills_of(clip.listener), _portrait_file(clip)
    if stills:
        return next(iter(stills.values()))
    return portrait if portrait.exists() else clip.listener


def portrait_of(clip):
    r"""The listener's picture I_l, uint8 (256, 256, 3): the first frame of the video."""
    path = portrait_path(clip)
    if path != clip.listener:
        return media.read_image(path)
    frames = media.stream_video(path)
    first = next(frames).copy()
    frames.close()
    return first


def some_frames(video, length, count):
    r"""About `count` frames of a video (or its stills), spread over the `length` with coefficients.

    (uint8 (n, 256, 256, 3), int64 (n,) frame numbers below length).
    """
    stills = {i: path for i, path in stills_of(video).items() if i < length}
    if stills:
        return np.stack([media.read_image(path) for path in stills.values()]), np.array([*stills])
    every = max(1, length // count)
    pictures = media.read_video(video, every=every)
    index = np.arange(0, length, every)[: len(pictures)]
    return pictures[: len(index)], index
