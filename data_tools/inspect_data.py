r"""What a file or a folder of this project's world holds, and what is wrong with it.

A .mat, a sound, a video, a picture, weights, a ViCo-layout folder, or a folder of weights.

    python -m data_tools.inspect_data PATH

The last line counts the problems; the exit code is 1 if there are any.
"""

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from mfr.config import ATTITUDES, FPS, IMAGE_SIZE, STAGES, preset, to_dict
from mfr.face.coefficients import ORDERS, load_mat, order_slices
from mfr.face.matfile import read_mat
from mfr.face.morphable import FILE as FACE_MODEL
from mfr.face.morphable import read_model
from mfr.files import media
from mfr.files.vico import COLUMNS, SPLITS
from mfr.files.whole import command, existing
from mfr.training import checkpoint

SHOWN = 30  # problems printed
UNITS = {"angle": "rad", "trans": "units", "id": "sd", "exp": "sd", "tex": "sd", "gamma": "light"}
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".m4a")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SHOWS = ("videos", "stills", "portraits")  # folders of a set whose files show its people
TABLES = {"RLD_data.csv": COLUMNS, "train.csv": ("uuid", "speaker_id", "listener_id")}


def inspect(path, every_video=False):
    r"""Describe a file or folder: (lines of text, list of problems, each a line).

    every_video opens every video of a folder too, which takes a while.

    Raises:
        ValueError: nothing is there, or its kind is unknown.
    """
    path = Path(path)
    if path.is_dir():
        weights = any((path / f"{stage}.pt").exists() for stage in STAGES)
        return inspect_run(path) if weights else inspect_folder(path, every_video)
    existing(path, "data")
    suffix = path.suffix.lower()
    if suffix == ".mat":
        return inspect_model(path) if "meanshape" in read_mat(path) else inspect_mat(path)
    if suffix in SOUNDS:
        return inspect_sound(path)
    if suffix in VIDEOS:
        return inspect_video(path)
    if suffix in PICTURES:
        return inspect_picture(path)
    if suffix == ".pt":
        return inspect_weights(path), []
    allowed = ", ".join((".mat", ".pt", *SOUNDS, *VIDEOS, *PICTURES))
    raise ValueError(f"{path}: suffix {suffix!r} is unknown; allowed: a folder, {allowed}")


def inspect_model(path):
    r"""Points, triangles and size of a face model: (lines, problems)."""
    model = read_model(path)
    width, height, depth = (model.mean.amax(0) - model.mean.amin(0)).tolist()
    lines = [
        f"{path}: a face model of {len(model.mean)} points, {len(model.triangles)} triangles, "
        f"{len(model.landmarks)} landmarks",
        f"  {width:.2f} wide, {height:.2f} high, {depth:.2f} deep [units]",
    ]
    problems = []
    if not 1 < height < 5:
        problems.append(f"{path}: the face is {height:.3g} units high; about 2 expected")
    return lines, problems


def inspect_mat(path):
    r"""Layout, ranges and oddities of a Deep3DFaceRecon file: (lines, problems)."""
    coefficients, params = load_mat(path)
    lines = [
        f"{path}: {len(coefficients)} frames = {len(coefficients) / FPS:.2f} s at {FPS} fps",
        f"  {'part':6}{'columns':>9}{'mean':>9}{'sd':>8}{'min':>9}{'max':>9}{'a frame':>9}  unit",
    ]
    problems, where = [], order_slices("coeff")
    for part in ORDERS["coeff"]:
        x = coefficients[:, where[part]].astype(float)
        change = np.abs(np.diff(x, axis=0)).mean() if len(x) > 1 else 0.0
        lines.append(
            f"  {part:6}{f'{where[part].start}:{where[part].stop}':>9}{x.mean():9.4f}"
            f"{x.std(0).mean():8.4f}{x.min():9.4f}{x.max():9.4f}{change:9.4f}"
            f"  {UNITS[part]}"
        )
        if not x.any():
            problems.append(f"{path}: {part} is all zero, so it says nothing")
    if params is None:
        lines.append("  transform_params: none")
    else:
        mean = ", ".join(f"{value:.4g}" for value in params.mean(0))
        lines.append(f"  transform_params (width, height, scale, tx, ty), mean: {mean}")
    return lines, problems + _odd_coefficients(path, coefficients, where)


def _odd_coefficients(path, coefficients, where):
    r"""What genuine files never show."""
    angle, trans = coefficients[:, where["angle"]], coefficients[:, where["trans"]]
    problems = []
    if np.abs(angle).max() > np.pi / 2:
        frame = int(np.abs(angle).max(1).argmax())
        problems.append(
            f"{path}: angle {np.abs(angle).max():.1f} in frame {frame}; radians below "
            f"{np.pi / 2:.2f} expected (degrees?)"
        )
    if np.abs(trans).max() > 5:
        problems.append(f"{path}: trans reaches {np.abs(trans).max():.1f}; within 5 expected")
    steps = np.abs(np.diff(angle, axis=0)).max(1, initial=0)
    for frame in np.flatnonzero(steps > 0.35):
        problems.append(
            f"{path}: the head turns by {steps[frame]:.2f} rad at frame {frame + 1}; "
            "a cut or a lost face"
        )
    return problems


def inspect_sound(path):
    r"""Rate, length and level of a sound: (lines, problems)."""
    waveform, sample_rate = media.read_sound(path)
    seconds, peak = len(waveform) / sample_rate, float(np.abs(waveform).max(initial=0))
    level = 20 * np.log10(np.sqrt(np.mean(waveform**2.0)) + 1e-12) if len(waveform) else -np.inf
    clipped = float((np.abs(waveform) > 0.999).mean()) if len(waveform) else 0.0
    lines = [
        f"{path}: {seconds:.3f} s = {seconds * FPS:.1f} frames at {FPS} fps, "
        f"{sample_rate} Hz, {waveform.shape[1]} channel(s), peak {peak:.3f}, "
        f"level {level:.1f} dBFS"
    ]
    problems = []
    if peak == 0:
        problems.append(f"{path}: is silent")
    if clipped > 1e-3:
        problems.append(f"{path}: {100 * clipped:.1f} % of the samples are clipped")
    if sample_rate < 16000:
        problems.append(f"{path}: {sample_rate} Hz; 16000 or more expected")
    return lines, problems


def inspect_video(path):
    r"""Size, rate and length of a video: (lines, problems); of the latter a video has none.

    Raises:
        ValueError: it has no picture.
    """
    info = media.probe(path)
    if not info.has_video:
        raise ValueError(f"{path}: has sound but no picture; a video is needed")
    sound = "with sound" if info.has_sound else "no sound"
    lines = [
        f"{path}: {info.size[0]}x{info.size[1]}, {info.fps:g} fps, {info.seconds:.2f} s = "
        f"{info.seconds * info.fps:.0f} frames, {sound}"
    ]
    if info.size != (256, 256):
        lines.append("  256x256 is what the system works on: the frames are resized when read")
    if abs(info.fps - FPS) > 0.01:
        lines.append(f"  {FPS} fps is what the system works on: it is resampled when read")
    return lines, []


def inspect_picture(path):
    r"""Size of a picture and what the system makes of it: (lines, problems)."""
    from PIL import Image

    pixels = media.read_image(path)
    with Image.open(path) as image:
        width, height = image.size
    lines = [f"{path}: a picture of {width}x{height} pixels"]
    if (width, height) != (IMAGE_SIZE, IMAGE_SIZE):
        lines.append(
            f"  {IMAGE_SIZE}x{IMAGE_SIZE} is what the system works on: the middle square is kept "
            "and resized when read"
        )
    spread = float(pixels.std((0, 1)).max())
    return lines, [f"{path}: shows one colour only"] if spread < 1 else []


def inspect_weights(path):
    r"""Lines on a checkpoint: its stage, size, training, and settings unlike both presets'."""
    content = checkpoint.open_format(path, "checkpoint of train_mfr.py", checkpoint.FORMAT)
    stage = content["stage"]
    config = checkpoint.load(path, stage)["config"]
    numbers = sum(x.numel() for x in content["model"].values())
    lines = [
        f"{path}: weights of {stage}, {numbers / 1e6:.2f} M numbers, after {content['step']} steps"
    ]
    if "held_out" in content:
        lines[0] += f", held-out loss {content['held_out']:.4f}"
    settings = to_dict(config)
    presets = {name: to_dict(preset(stage, name)) for name in ("small", "paper")}
    changed = {
        name: [key for key, value in settings.items() if value != known[key]]
        for name, known in presets.items()
    }
    nearest = min(changed, key=lambda name: len(changed[name]))
    others = ", ".join(f"{key} {settings[key]}" for key in changed[nearest])
    lines.append(f"  preset {nearest}" + (f", but {others}" if others else ""))
    return lines


def inspect_run(folder):
    r"""Weights in a run's folder, and what is missing of it for sampling: (lines, problems)."""
    lines, problems = [f"{folder}: a folder of weights"], []
    for stage in STAGES:
        path = folder / f"{stage}.pt"
        if not path.exists():
            lines.append(f"  {stage}.pt is not there: sampling takes the bundled one")
            continue
        try:
            lines += inspect_weights(path)
        except ValueError as error:
            problems.append(str(error))
        log = folder / stage / "log.jsonl"
        if log.exists():
            lines.append(f"  {len(log.read_text().splitlines())} lines in {log}")
    return lines, problems


def inspect_folder(folder, every_video=False):
    r"""Every row of a ViCo-layout folder: its names, its files, their lengths: (lines, problems).

    Raises:
        ValueError: the folder holds neither table, or the table has not the columns.
    """
    folder = Path(folder)
    table = next((folder / name for name in TABLES if (folder / name).exists()), None)
    if table is None:
        inside = sorted({str(path.parent) for name in TABLES for path in folder.glob(f"*/{name}")})
        hint = f"; look at {', '.join(inside)}" if inside else ""
        raise ValueError(f"{folder}: holds neither weights nor {' nor '.join(TABLES)}{hint}")
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    missing = [name for name in TABLES[table.name] if name not in header]
    if missing:
        raise ValueError(f"{table}: no column {', '.join(missing)}; found {', '.join(header)}")
    records, problems = [], []
    shown = {name: len([*(folder / name).glob("*")]) for name in SHOWS}
    videos = shown["videos"] > 0
    if not any(shown.values()):
        problems.append(f"{folder}: no {', '.join(SHOWS)}; every stage needs pictures of listeners")
    for number, cells in enumerate(rows[1:], 2):
        values = dict(zip(header, (cell.strip() for cell in cells)))
        row_problems, frames = _row(folder, values, videos, every_video)
        records.append({**values, "frames": frames})
        problems += [f"{table.name}, row {number}: {problem}" for problem in row_problems]
    lines = _summary(table, records)
    lines.append("  pictures  " + ", ".join(f"{name} {n}" for name, n in shown.items() if n))
    if (folder / FACE_MODEL).exists():
        try:
            more, odd = inspect_model(folder / FACE_MODEL)
        except ValueError as error:
            more, odd = [], [str(error)]
        lines, problems = lines + more, problems + odd
    return lines, problems + _people_problems(table, records)


def _row(folder, values, videos, every_video):
    r"""(problems, frames) of one row."""
    problems = []
    if "uuid" in values:
        audio = values["uuid"]
        roles = [f"{audio}.listener", f"{audio}.speaker"]
    else:
        audio, roles = values.get("audio", ""), [values.get("listener", ""), values.get("speaker")]
        if values.get("attitude", "").lower() not in ATTITUDES:
            problems.append(f"attitude {values.get('attitude')!r}; allowed: {', '.join(ATTITUDES)}")
        if values.get("data_split", "").lower() not in SPLITS:
            allowed = ", ".join(SPLITS)
            problems.append(f"data_split {values.get('data_split')!r}; allowed: {allowed}")
    lengths = {}
    paths = {"sound": folder / "audios" / f"{audio}.wav"}
    paths.update((f"recons/{name}", folder / "recons" / f"{name}.mat") for name in roles)
    if videos:
        paths.update((f"videos/{name}", folder / "videos" / f"{name}.mp4") for name in roles)
    for label, path in paths.items():
        try:
            lengths[label] = _length(path, every_video)
        except ValueError as error:
            problems.append(str(error))
    known = {label: frames for label, frames in lengths.items() if frames}
    if known and max(known.values()) - min(known.values()) > 1:
        listed = ", ".join(f"{label} {frames}" for label, frames in known.items())
        problems.append(f"lengths differ: {listed} frames")
    return problems, min(known.values(), default=0)


def _length(path, every_video):
    r"""Frames at 30 fps; None for a video that is only looked for."""
    existing(path, path.parent.name)
    if path.suffix == ".mat":
        return len(load_mat(path)[0])
    if path.suffix == ".wav":
        waveform, sample_rate = media.read_sound(path)
        return int(len(waveform) / sample_rate * FPS + 0.5)
    return round(media.probe(path).seconds * FPS) if every_video else None


def _summary(table, records):
    r"""Counts of clips, frames, people, attitudes and splits."""
    frames = sum(row["frames"] for row in records)
    lines = [
        f"{table}: {len(records)} rows, {frames} frames = {frames / FPS / 60:.1f} min",
        f"  columns   {', '.join(key for key in records[0] if key != 'frames')}"
        if records
        else "  no rows",
    ]
    for key, label in (("listener_id", "listeners"), ("speaker_id", "speakers")):
        lines.append(f"  {label:9} {len({row.get(key) for row in records})}")
    for key in ("attitude", "data_split"):
        counts = Counter(row[key] for row in records if key in row)
        if counts:
            lines.append(f"  {key:9} " + ", ".join(f"{k} {n}" for k, n in counts.most_common()))
    return lines


def _people_problems(table, records):
    r"""People of ood who are also in training; people of test who are not."""
    people = {}
    for row in records:
        split = SPLITS.get(row.get("data_split", "").lower())
        people.setdefault(split, set()).update((row.get("listener_id"), row.get("speaker_id")))
    train, problems = people.get("train", set()), []
    if both := people.get("ood", set()) & train:
        problems.append(f"{table.name}: ood people also in train: {', '.join(sorted(both))}")
    if train and (new := people.get("test", set()) - train):
        problems.append(f"{table.name}: test people not in train: {', '.join(sorted(new))}")
    return problems


def main(argv=None):
    r"""The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.inspect_data", description=__doc__.splitlines()[0]
    )
    parser.add_argument("path", type=Path, help=".mat, sound, video, picture, .pt or folder")
    parser.add_argument("--videos", action="store_true", help="open every video of a folder too")
    arguments = parser.parse_args(argv)
    lines, problems = inspect(arguments.path, arguments.videos)
    print("\n".join(lines))
    for problem in problems[:SHOWN]:
        print(f"problem: {problem}")
    if len(problems) > SHOWN:
        print(f"... and {len(problems) - SHOWN} more")
    print(f"{len(problems)} problem{'s' * (len(problems) != 1)}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    command(main)
