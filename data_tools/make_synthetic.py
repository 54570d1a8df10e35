r"""Synthetic people in conversation, in ViCo's folder layout.

    python -m data_tools.make_synthetic --out data/small --size small --seed 0

A folder holds RLD_data.csv, videos/, audios/ and recons/, as a real set does, and face_model.mat,
whose coefficients those are; besides, people.json and truth/ say what no real set can: everybody's
style, and what each listener answered to what.
"""

import argparse
import csv
import io
import json
import os
import shutil
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_tools.synthetic import dataset
from mfr.config import IMAGE_SIZE
from mfr.face.matfile import write_mat
from mfr.files.whole import atomic, command

SETTINGS = "synthetic.json"
# transform_params of every frame, as mfr.face.camera has them, without waiting for torch to load
FRAME_PARAMS = (IMAGE_SIZE, IMAGE_SIZE, 1, IMAGE_SIZE / 2, IMAGE_SIZE / 2)
FORMAT = 2  # grows when the same seed no longer gives the same numbers
FOLDERS = ("videos", "audios", "recons", "truth", "stills", "portraits")


class Order(NamedTuple):
    r"""What a worker needs to make one clip."""

    out: Path
    seed: int
    videos: bool
    stills: int
    randomise: bool
    meeting: dataset.Meeting
    others: tuple = ()  # Meetings: further answers to the same speech
    portraits: tuple = ()  # numbers of the listeners who are painted along with this clip


def files_of(order):
    r"""Every file of a clip, by what it holds.

    Args:
        order: Order.

    Returns:
        dict: (what, role, Meeting of a further answer or number of a person) -> Path.
    """
    meeting, out = order.meeting, order.out
    files = {
        ("truth", ""): out / "truth" / f"{meeting.audio}.json",
        ("sound", ""): out / "audios" / f"{meeting.audio}.wav",
    }
    for role in ("listener", "speaker"):
        files["coefficients", role] = out / "recons" / f"{meeting.video(role)}.mat"
        if order.videos:
            files["video", role] = out / "videos" / f"{meeting.video(role)}.mp4"
        if order.stills:
            files["stills", role] = out / "stills" / meeting.video(role)
    for other in order.others:
        files["coefficients", other] = out / "recons" / f"{other.video('listener')}.mat"
        if order.videos or order.stills:
            files["still", other] = out / "stills" / other.video("listener")
    for number in order.portraits:
        files["portrait", number] = out / "portraits" / f"{number}.jpg"
    return files


def make_clip(order):
    r"""Write those files of a clip that are not there yet; each appears whole or not at all.

    Args:
        order: Order.

    Returns:
        (frames of the clip, frames rendered).
    """
    missing = {key: path for key, path in files_of(order).items() if not path.exists()}
    take = dataset.play(order.meeting, order.seed, order.randomise) if missing else None
    rendered, alone = 0, None
    for (what, role), path in missing.items():
        if what == "truth":
            text = json.dumps(dataset.truth(order.meeting, take), separators=(",", ":"))
            _write(path, text.encode())
        elif what == "sound":
            _write(path, wav_bytes(take.speech.waveform, take.speech.sample_rate))
        elif what == "coefficients":
            coeff = np.asarray(_coefficients(order, take, role), np.float32)
            params = np.tile(np.float32(FRAME_PARAMS), (len(coeff), 1))
            write_mat(path, {"coeff": coeff, "transform_params": params})
        elif what == "portrait":
            _portrait(path, order.seed, role)
            rendered += 1
        elif what == "still":
            if alone is None:  # all answers begin with the same frame
                alone = _frames(order, "listener", np.asarray(take.listener[:1], np.float32))
                alone, rendered = next(iter(alone)), rendered + 1
            _pictures(path, {0: alone})
        elif what == "stills":
            rendered += _stills(path, order, role, getattr(take, role))
        else:
            rendered += _film(path, order, role, getattr(take, role))
    return order.meeting.frames, rendered


def _coefficients(order, take, role):
    r"""(L, 257) of the speaker, the listener, or a further answer, which is a Meeting."""
    if isinstance(role, str):
        return getattr(take, role)
    gamma = None if role.seat else take.listener[0, 227:254]  # the light of the first answer
    return dataset.listen(role, order.seed, take.speech.track, gamma)[0]


def _write(path, content):
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def wav_bytes(waveform, sample_rate):
    r"""A 16-bit .wav file.

    Args:
        waveform: (N,) in [-1, 1].
        sample_rate: [Hz].

    Returns:
        bytes; the same for the same sound.
    """
    from scipy.io import wavfile

    file = io.BytesIO()
    wavfile.write(file, sample_rate, np.round(waveform * 32767).astype("<i2"))
    return file.getvalue()


def _portrait(path, seed, number):
    r"""Somebody at rest, as he sits on his first day."""
    from PIL import Image

    from data_tools.synthetic.picture import film

    person, rest = dataset.portrait(seed, number)
    (frame,) = film.frames(person, person.coefficients(rest[None]))
    with atomic(path) as temporary:
        Image.fromarray(frame).save(temporary, "JPEG", quality=95, subsampling=0)


def _film(path, order, role, coefficients):
    r"""Render one side of a clip into its video."""
    from mfr.files.media import write_video

    return write_video(path, _frames(order, role, coefficients))


def _stills(path, order, role, coefficients):
    r"""Render a few moments of one side of a clip into a folder."""
    moments = np.unique(np.linspace(0, len(coefficients) - 1, order.stills).round().astype(int))
    _pictures(path, dict(zip(moments.tolist(), _frames(order, role, coefficients[moments]))))
    return len(moments)


def _pictures(path, frames):
    r"""Frames, by their number, into a folder, whole or not at all."""
    from PIL import Image

    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for moment, frame in frames.items():
        Image.fromarray(frame).save(temporary / f"{moment:06d}.jpg", quality=95, subsampling=0)
    os.replace(temporary, path)


def _frames(order, role, coefficients):
    r"""The pictures of one side of a clip, through its camera."""
    from data_tools.synthetic.picture import film

    meeting = order.meeting
    number = getattr(meeting, role)
    look = None
    if order.randomise:
        look = film.sample_look(np.random.default_rng([order.seed, 4, meeting.index, number]))
    return film.frames(dataset.person(order.seed, number), coefficients, IMAGE_SIZE, look)


def prepare_folder(out, settings):
    r"""Make sure that a folder is new, or holds an earlier run with the same settings.

    Leftovers of a run that was killed are removed.

    Args:
        out: Path.
        settings: dict of what decides the content.

    Raises:
        ValueError: something else is there.
    """
    mark = out / SETTINGS
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is a file; a folder is needed")
    if mark.exists():
        try:
            found = json.loads(mark.read_text())
        except ValueError:
            found = {}
        if found != settings:
            raise ValueError(
                f"--out {out}: was made with {_spell(found)}, now asked for {_spell(settings)}; "
                "give another folder"
            )
    elif out.is_dir() and any(out.iterdir()):
        first = sorted(path.name for path in out.iterdir())[0]
        raise ValueError(f"--out {out}: holds other files ({first}); give a new or empty folder")
    for name in FOLDERS:
        (out / name).mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    _write(mark, json.dumps(settings).encode())


def _spell(settings):
    return " ".join(f"{key} {value}" for key, value in settings.items()) or "unknown settings"


def remove_leftovers(out):
    r"""Delete temporary files whose writer is no longer alive.

    Args:
        out: folder of a set.
    """
    for path in [path for name in (".", *FOLDERS) for path in (out / name).glob(".*.partial*")]:
        writer = path.name.split(".partial")[0].rpartition(".")[2]
        if not (writer.isdigit() and Path(f"/proc/{writer}").exists()):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def make(
    out,
    size="small",
    seed=0,
    videos=True,
    randomise=False,
    workers=None,
    report=print,
    stills=0,
    answers=1,
):
    r"""Make a whole set, or what is missing of it.

    The same seed gives the same coefficients and sound. `stills` pictures of each video are spread
    over it from its first frame to its last, beside the videos or in their place. `answers` are of
    the listener to each training speech, attitudes drawn anew; those after the first are
    coefficients and, where there are pictures, a portrait. `motion` and `hall` come without videos,
    with one portrait of every listener.

    Args:
        out: folder; new, empty, or of an earlier run with the same settings.
        size: of dataset.SIZES.
        report: called with a line of text, now and then.

    Raises:
        ValueError: an argument is out of range, or the folder holds something else.
        InterruptedError: stopped from outside; the same call goes on later.
        OSError: the disk is full, or a worker was killed.
    """
    out, workers = Path(out), workers or len(os.sched_getaffinity(0))
    if seed < 0:
        raise ValueError(f"--seed {seed}: is negative; allowed: 0 and more")
    if workers < 1:
        raise ValueError(f"--workers {workers}: allowed: 1 and more")
    if stills < 0:
        raise ValueError(f"--stills {stills}: allowed: 0 and more")
    if answers < 1:
        raise ValueError(f"--answers {answers}: allowed: 1 and more")
    settings = {"format": FORMAT, "size": size, "seed": seed, "randomise": bool(randomise)}
    settings |= {"answers": answers} if answers > 1 else {}  # older sets have no such word
    if size in dataset.PORTRAIT_ONLY:
        if stills or answers > 1:
            raise ValueError(f"--size {size}: has neither stills nor further answers of its own")
        videos = False
    orders, audiences = [], dataset.audiences(size, seed)
    painted = set()
    for meeting in dataset.plan(size, seed):
        others = (
            *dataset.more_answers(meeting, seed, answers),
            *audiences.get(meeting.index, ()),
        )
        new = ()
        if size in dataset.PORTRAIT_ONLY:
            here = dict.fromkeys(one.listener for one in (meeting, *others))
            new = tuple(number for number in here if number not in painted)
            painted |= set(new)
        orders.append(Order(out, seed, videos, stills, randomise, meeting, others, new))
    meetings = [meeting for order in orders for meeting in (order.meeting, *order.others)]
    prepare_folder(out, settings)
    todo = [order for order in orders if not all(p.exists() for p in files_of(order).values())]
    if len(todo) < len(orders):
        report(f"found    {len(orders) - len(todo)} of {len(orders)} clips already made")
    _work(todo, workers, report)
    people = {**settings, "people": dataset.describe_people(size, seed)}
    _write(out / "people.json", json.dumps(people, separators=(",", ":")).encode())
    _face_model(out)
    _write(out / "RLD_data.csv", table(meetings).encode())
    return meetings


def _face_model(out):
    r"""The model whose coefficients the set holds, if it is not there yet."""
    from data_tools.synthetic.people.model_file import write_model
    from mfr.face.morphable import FILE

    if not (out / FILE).exists():
        write_model(out / FILE)


def table(meetings):
    r"""RLD_data.csv.

    Args:
        meetings: list of Meeting.

    Returns:
        str.
    """
    from mfr.files.vico import COLUMNS

    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(meeting.row() for meeting in meetings)
    return file.getvalue()


def _work(orders, workers, report):
    r"""Make clips here or in processes of their own, and tell how it goes."""
    workers = min(workers, len(orders))
    if workers <= 1:
        return _follow(map(make_clip, orders), len(orders), report)
    others = set(active_children())
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker) as pool:
            try:
                made = as_completed([pool.submit(make_clip, order) for order in orders])
                _follow((future.result() for future in made), len(orders), report)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in set(active_children()) - others:
                    child.terminate()
                raise
    except BrokenProcessPool:
        raise OSError(
            "a worker died (no memory left?); the same command goes on, best with --workers 1"
        ) from None
    finally:
        remove_leftovers(orders[0].out)


def _start_worker():
    r"""One thread a process; the keyboard's interrupt is the parent's, who ends us tidily."""
    os.environ["OMP_NUM_THREADS"] = "1"  # torch reads it when the first picture is rendered
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(1))  # closes files on its way


def _follow(results, total, report):
    r"""Count results; a line about every two seconds."""
    began = told = time.monotonic()
    frames = rendered = done = 0
    try:
        for made, filmed in results:
            done, frames, rendered = done + 1, frames + made, rendered + filmed
            now = time.monotonic()
            if now - told > 2 or done == total:
                told = now
                rate = (rendered or frames) / (now - began)
                left = round((now - began) / done * (total - done))
                report(
                    f"clip {done:4d}/{total}   {rate:6.1f} frames/s   "
                    f"{left // 60}:{left % 60:02d} left"
                )
    except KeyboardInterrupt:
        raise InterruptedError(
            f"stopped after {done} of {total} clips; what is there is whole, "
            "the same command goes on"
        ) from None


def _stop(signum, frame):
    raise KeyboardInterrupt


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="python -m data_tools.make_synthetic", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, help="folder for the set; new, empty, or to go on with")
    parser.add_argument("--size", default="small", help=f"{' | '.join(dataset.SIZES)} (small)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same set (0)")
    parser.add_argument("--no-video", action="store_true", help="no videos")
    parser.add_argument(
        "--stills",
        type=int,
        default=0,
        metavar="N",
        help="N pictures of each video: enough to train on, quicker to make",
    )
    parser.add_argument(
        "--randomise",
        action="store_true",
        help="vary light, background, blur, noise and compression by video",
    )
    parser.add_argument(
        "--answers",
        type=int,
        default=1,
        metavar="N",
        help="N answers to each training speech, all but one without video (1)",
    )
    parser.add_argument("--sheet", type=Path, help="also draw 24 people into this picture")
    parser.add_argument("--plot", type=Path, help="also draw one conversation into this picture")
    parser.add_argument("--workers", type=int, help="processes (one a core)")
    return parser.parse_args(argv)


def main(argv=None):
    r"""The command line.

    Args:
        argv: list of str; None: the process's own.

    Raises:
        ValueError: there is nothing to do, or an argument is out of range.
        InterruptedError: stopped from outside.
    """
    arguments = _arguments(argv)
    signal.signal(signal.SIGTERM, _stop)
    if not (arguments.out or arguments.sheet or arguments.plot):
        raise ValueError("nothing to do: give --out FOLDER, --sheet PICTURE or --plot PICTURE")
    try:
        _draw(arguments)
        if arguments.out:
            _make_and_tell(arguments)
    except KeyboardInterrupt:
        raise InterruptedError("stopped; what is there is whole") from None


def _draw(arguments):
    r"""The pictures that were asked for."""
    if arguments.sheet:
        from data_tools.synthetic.picture import sheet

        with atomic(arguments.sheet) as temporary:
            sheet.contact_sheet(seed=arguments.seed).save(temporary)
        print(f"sheet    {arguments.sheet}")
    if arguments.plot:
        from data_tools.synthetic.talk import conversation_plot

        conversation_plot.draw(arguments.plot, arguments.seed)
        print(f"plot     {arguments.plot}")


def _make_and_tell(arguments):
    r"""Make the set between a first and a last line."""
    out, began = arguments.out, time.monotonic()
    if arguments.workers is not None and arguments.workers < 1:
        raise ValueError(f"--workers {arguments.workers}: allowed: 1 and more")
    live = sys.stdout.isatty()

    def report(line):
        print(f"\r{line:<70}" if live else line, end="" if live else "\n", flush=True)

    meetings = make(
        out,
        arguments.size,
        arguments.seed,
        not arguments.no_video,
        arguments.randomise,
        arguments.workers,
        report,
        arguments.stills,
        arguments.answers,
    )
    frames = sum(meeting.frames for meeting in meetings)
    print(
        "\n" * live + f"done     {out}: {len(meetings)} clips, {frames} frames, "
        f"{time.monotonic() - began:.0f} s"
    )
    portraits = arguments.size in dataset.PORTRAIT_ONLY
    stages = "motion" if portraits or arguments.no_video and not arguments.stills else "all"
    print(f"next     python train_mfr.py {stages} --data {out}")


if __name__ == "__main__":
    command(main)
