r"""The ViCo-layout dataset: who listened to whom, and what training draws from it.

A folder holds `RLD_data.csv` (one row a pair), `videos/`, `audios/` and `recons/`. Where
`stills/NAME/FRAME.jpg` shows some frames of a video, they are read in its place. The challenge
release (`train.csv` with uuids, no attitude) is read too. Columns are found by name, because the
public files do not agree on their order.
"""

import csv
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr import media
from mfr.audio import acoustic_features
from mfr.coefficients import load_mat, to_motion
from mfr.config import ATTITUDES
from mfr.fam import Condition
from mfr.files import existing
from mfr.motion import one_hot

COLUMNS = (
    "attitude", "audio", "listener", "speaker", "listener_id", "speaker_id", "data_split",
)  # fmt: skip
SPLITS = {
    "train": "train", "test": "test", "val": "test", "valid": "test",
    "ood": "ood", "test_ood": "ood", "out_of_domain": "ood",
}  # fmt: skip


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
    r"""The rows of a ViCo-layout folder, each checked.

    Args:
        folder: with RLD_data.csv, or with train.csv of the challenge release.
        videos: whether the videos are needed too, besides sound and coefficients.

    Returns:
        A list of Clip, in the file's order.

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
    values = _named(table, number, header, cells, ("uuid", "speaker_id", "listener_id"))
    uuid = values["uuid"]
    people = values["listener_id"], values["speaker_id"]
    names = uuid, f"{uuid}.listener", f"{uuid}.speaker"
    return _clip(table, number, "", table.stem, people, names, videos)


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
        number, attitude, SPLITS[split.lower()], *people,
        audio=folder / "audios" / f"{audio}.wav",
        listener=folder / "videos" / f"{listener}.mp4",
        speaker=folder / "videos" / f"{speaker}.mp4",
        listener_mat=folder / "recons" / f"{listener}.mat",
        speaker_mat=folder / "recons" / f"{speaker}.mat",
    )  # fmt: skip
    needed = [clip.audio, clip.listener_mat, clip.speaker_mat]
    if videos:
        needed += [path for path in (clip.listener, clip.speaker) if not stills_of(path)]
    for path in needed:
        existing(path, f"{table}, row {number}:")
    return clip


def held_out(clips):
    r"""Split rows into those to train on and those to watch the loss on.

    Args:
        clips: from read_clips.

    Returns:
        (training clips, held-out clips): the file's own splits, or every tenth row where the file
        has only one of them.
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

    Args:
        video: path of the .mp4, whether or not it exists.

    Returns:
        dict: frame number -> Path, in order; empty where there are none.
    """
    folder = video.parent.parent / "stills" / video.stem
    return {int(path.stem): path for path in sorted(folder.glob("[0-9]*.jpg"))}


def portrait_of(clip):
    r"""The listener's picture I_l: the first frame of the video.

    Args:
        clip: a row.

    Returns:
        uint8 (256, 256, 3).
    """
    stills = stills_of(clip.listener)
    if stills:
        return media.read_image(next(iter(stills.values())))
    frames = media.stream_video(clip.listener)
    first = next(frames).copy()
    frames.close()
    return first


def some_frames(video, length, count):
    r"""A few frames of a video, spread over it, and which they are.

    Args:
        video: path of the .mp4; its stills go before it.
        length: frames that have coefficients.
        count: about how many frames are wanted of a video.

    Returns:
        (uint8 (n, 256, 256, 3), int64 (n,) frame numbers below length).
    """
    stills = {i: path for i, path in stills_of(video).items() if i < length}
    if stills:
        return np.stack([media.read_image(path) for path in stills.values()]), np.array([*stills])
    every = max(1, length // count)
    pictures = media.read_video(video, every=every)
    index = np.arange(0, length, every)[: len(pictures)]
    return pictures[: len(index)], index


class MotionData:
    r"""Every frame of every clip as numbers, in memory; windows are drawn from it.

    Attributes:
        audio, speaker, listener: lists of float32 (L, 45), (L, 70), (L, 70), raw units.
        attitude: (N, 3) one-hot; a zero row where the release has none.
        identity: (N, V) vectors of the listeners' portraits, set by the caller.
    """

    def __init__(self, clips):
        self.clips, self.audio, self.speaker, self.listener = clips, [], [], []
        for clip in clips:
            speaker = to_motion(load_mat(clip.speaker_mat)[0])
            listener = to_motion(load_mat(clip.listener_mat)[0])
            waveform, sample_rate = media.read_sound(clip.audio)
            heard = int(len(waveform) / sample_rate * 30 + 0.5)
            lengths = {"speaker": len(speaker), "listener": len(listener), "sound": heard}
            length = min(lengths.values())
            if max(lengths.values()) - length > 1:
                found = ", ".join(f"{name} {frames}" for name, frames in lengths.items())
                warnings.warn(f"{clip.audio.stem}: {found} frames; cut to {length}", stacklevel=2)
            features = acoustic_features(waveform, sample_rate, num_frames=length)
            self.audio.append(torch.from_numpy(features))
            self.speaker.append(torch.as_tensor(speaker[:length], dtype=torch.float32))
            self.listener.append(torch.as_tensor(listener[:length], dtype=torch.float32))
        self.attitude = one_hot([clip.attitude for clip in clips])
        self.identity = None

    @property
    def num_frames(self):
        r"""Frames of all clips together."""
        return sum(len(x) for x in self.listener)

    def draw(self, count, window, generator):
        r"""Windows at random places of random clips, longer clips more often.

        Args:
            count: B.
            window: L [frames]; shorter clips are padded and masked.
            generator: torch.Generator.

        Returns:
            (listener (B, L, 70), Condition) in raw units; the reference is a random frame of the
            same listener, as the portrait may show any moment.
        """
        places = torch.tensor([max(1, len(x) - window + 1) for x in self.listener])
        chosen = torch.multinomial(places.float(), count, replacement=True, generator=generator)
        chance = torch.rand(2, count, generator=generator)
        starts = (chance[0] * places[chosen]).long()
        rows = []
        for i, start, moment in zip(chosen.tolist(), starts.tolist(), chance[1].tolist()):
            part = slice(start, start + window)
            reference = self.listener[i][int(moment * len(self.listener[i]))]
            rows.append((self.listener[i][part], self.audio[i][part], self.speaker[i][part],
                         reference))  # fmt: skip
        listener, audio, speaker, reference = zip(*rows)
        mask = torch.tensor([[k < len(x) for k in range(window)] for x in listener])
        condition = Condition(
            audio=_pad(audio, window), speaker=_pad(speaker, window),
            identity=self.identity[chosen], reference=torch.stack(reference),
            attitude=self.attitude[chosen], mask=mask,
        )  # fmt: skip
        return _pad(listener, window), condition


def _pad(rows, length):
    r"""Stack (L_i, D) rows into (B, length, D), zeros after their ends."""
    return torch.stack([torch.nn.functional.pad(x, (0, 0, 0, length - len(x))) for x in rows])


class FrameData:
    r"""A thinned set of frames of every video with its coefficients, in memory as uint8.

    Attributes:
        frames: uint8 (N, 256, 256, 3).
        coefficients: float32 (N, 257), of the same frames.
        windows: float32 (N, W, 70), the motion around each frame, clamped at the clip's ends.
        person: int64 (N,), index into people.
        video: int64 (N,), which video a frame is of.
        people: names, in order.
    """

    def __init__(self, clips, window, people=None, per_video=15):
        frames, coefficients, windows, person, video = [], [], [], [], []
        roles = [(c.listener, c.listener_mat, c.listener_id) for c in clips]
        roles += [(c.speaker, c.speaker_mat, c.speaker_id) for c in clips]
        roles = sorted(set(roles))
        self.people = people or sorted({name for _, _, name in roles})
        for number, (path, mat, name) in enumerate(roles):
            truth = load_mat(mat)[0]
            pictures, index = some_frames(path, len(truth), per_video)
            motion = to_motion(truth)
            near = index[:, None] + np.arange(window) - window // 2
            frames.append(torch.from_numpy(pictures))
            coefficients.append(torch.as_tensor(truth[index], dtype=torch.float32))
            around = motion[near.clip(0, len(motion) - 1)]
            windows.append(torch.as_tensor(around, dtype=torch.float32))
            person += [self.people.index(name) if name in self.people else -1] * len(index)
            video += [number] * len(index)
        self.frames, self.coefficients = torch.cat(frames), torch.cat(coefficients)
        self.windows = torch.cat(windows)
        self.person, self.video = torch.tensor(person), torch.tensor(video)

    def images(self, index):
        r"""Frames as the networks want them.

        Args:
            index: int64 (B,).

        Returns:
            float32 (B, 3, 256, 256) in [0, 1].
        """
        return self.frames[index].permute(0, 3, 1, 2).float() / 255

    def draw(self, count, generator):
        r"""Random frames.

        Args:
            count: B.
            generator: torch.Generator.

        Returns:
            int64 (B,) indices.
        """
        return torch.randint(len(self.frames), (count,), generator=generator)

    def partner(self, index, generator):
        r"""For each frame another of the same video.

        Args:
            index: int64 (B,).
            generator: torch.Generator.

        Returns:
            int64 (B,) indices.
        """
        first = torch.searchsorted(self.video, self.video[index])
        last = torch.searchsorted(self.video, self.video[index], right=True)
        chance = torch.rand(len(index), generator=generator)
        return first + (chance * (last - first)).long()
