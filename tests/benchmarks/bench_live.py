r"""The listener as a stream: how good it is beside the offline one, and what minutes of it cost.

    python -m tests.benchmarks.bench_live --data data/vico --clips 4 --samples 4
    python -m tests.benchmarks.bench_live --minutes 5

The first draws every held-out clip of a synthetic folder (with data_tools.oracle's files) as one
clip and as a stream of every stride and step count, and scores both alike: energy over the oracle's
own (1 is the aim), speed at the stride's borders over that between them, the attitude that is
recognised, the response's delay, and how far head and face move; ms is processor time of hearing
and moving a frame. mfr.live.pace.CHOICES is read off this table. The speaker's coefficients are the
folder's own, so that no picture is looked at.

The second holds a conversation in real time, as the page does: pictures of 427x320 and sound come
and are decoded, the listener's frames are encoded when they are due.
"""

import argparse
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from mfr import pipeline
from mfr.config import ATTITUDES, FPS
from mfr.evaluation.scoring.responses import Drawn
from mfr.evaluation.scoring.scores import over_clips, ratio, score
from mfr.evaluation.scoring.world import read_world, reference_rows
from mfr.face.coefficients import COEFF_DIM, from_motion
from mfr.files import media
from mfr.files.whole import command
from mfr.live.pace import Paced, chosen
from mfr.live.server import decoded, jpeg
from mfr.live.session import Live, Work
from tests.benchmarks.bench_liveliness import liveliness
from tests.benchmarks.bench_renderer_quality import table

STRIDES, STEPS = (3, 6, 9), (2, 4, 8, 16)
LIVELY = ("FD angle", "FD exp", "FD trans", "rms .5-2")
HEAD = ["drawn", "energy", "seams", "attitude", "delay", *LIVELY, "ms"]
DEMO = pipeline.WEIGHTS / "demo"
CAMERA = (427, 320)  # of a picture as the page sends it [pixels]


class Unrendered(pipeline.System):
    r"""Its frames are the coefficients that the renderer would be told."""

    def render(self, portrait, motion, moments=None):
        r"""(70,) arrays."""
        yield from motion[moments].numpy()


def streamed(system, clip, cond, seed, stride, steps):
    r"""One response (L, 70) to a held-out clip, as it is given out live."""
    rows = iter(from_motion(cond.speaker[0].numpy(), np.zeros(COEFF_DIM, np.float32)))
    portrait = SimpleNamespace(
        coefficients=from_motion(cond.reference[0].numpy(), np.zeros(COEFF_DIM, np.float32)),
        identity=cond.identity,
    )
    sound, rate = media.read_sound(clip.audio)
    length = cond.speaker.shape[1]
    options = {"stride": stride, "steps": steps, "look": lambda _: next(rows)}
    live = Live(system, portrait, clip.attitude, sample_rate=rate, seed=seed, **options)
    nothing = np.zeros((1, 1, 3), np.uint8)
    live.push([nothing] * length, media.fit_sound(sound, rate, length / FPS))
    live.end()
    return np.stack([frame.pixels for frame in live])


def quality(options):
    r"""Print the table of strides and steps."""
    world = read_world(options.data, options.clips)
    if world.oracle is None:
        raise ValueError(f"{options.data}: no oracle; python -m data_tools.oracle {options.data}")
    bundled = pipeline.load()
    parts = (bundled.motion, bundled.identity, bundled.reconstruction, bundled.renderer)
    system = Unrendered(*parts, bundled.device)
    identity = pipeline.WEIGHTS / "identity.pt"
    conditions = [world.held.condition(i, identity) for i in range(len(world.held.clips))]
    oracle, real = reference_rows(world)

    def row(name, motion, stride, cost=""):
        scored = score(
            name,
            Drawn(motion, float("nan")),
            world.held,
            world.std,
            stride,
            world.classifier,
            world.oracle,
        )
        return told(scored, motion, oracle) + [cost]

    def whole(clip, cond):
        generator = torch.Generator().manual_seed(clip.row)
        return bundled.motion.sample(cond, options.samples, generator).numpy()

    def stream(stride, steps):
        return lambda clip, cond: np.stack(
            [streamed(system, clip, cond, k, stride, steps) for k in range(options.samples)]
        )

    ways = {f"offline, {bundled.motion.config.sample_steps} steps": (whole, 20)}
    for stride in options.strides:
        for steps in options.steps:
            ways[f"stride {stride}, {steps} steps"] = (stream(stride, steps), stride)
    rows = [told(oracle, world.oracle.motion, oracle) + [""]]
    rows += [told(real, [x[None] for x in world.held.real], oracle) + [""]]
    rows[1][1] = ""  # to itself
    print("\n".join(table(HEAD, rows)), flush=True)
    for name, (draw, stride) in ways.items():
        begun = time.process_time()
        motion = [draw(*pair) for pair in zip(world.held.clips, conditions)]
        frames = sum(x.shape[0] * x.shape[1] for x in motion)
        cost = f"{1000 * (time.process_time() - begun) / frames:.1f}"
        print(table(HEAD, [row(name, motion, stride, cost)])[2], flush=True)


def told(scored, motion, oracle):
    r"""Cells of one way of drawing, without its cost."""
    energy = ratio(scored.energy, oracle.energy)
    seams = over_clips([clip["velocity"] for clip in scored.seams])
    attitude = np.mean([value for value in scored.recognised if value is not None])
    lively = [liveliness(x) for clip in motion for x in clip]
    lively = [f"{np.median([one[name] for one in lively]):.3g}" for name in LIVELY]
    cells = [f"{energy.mean:.2f} +- {energy.error:.2f}", f"{seams.mean:.2f}"]
    return [scored.name, *cells, f"{100 * attitude:.0f} %", f"{scored.delay.mean:.1f}", *lively]


class Speaker:
    r"""The demo's speaker before a camera, to and fro, as long as one likes."""

    def __init__(self):
        self.pictures = []  # .jpg
        for face in media.stream_video(DEMO / "speaker.mp4"):
            scene = np.full((CAMERA[1], CAMERA[0], 3), 96, np.uint8)
            side = CAMERA[1] * 3 // 4
            small = np.asarray(Image.fromarray(face).resize((side, side)))
            scene[40 : 40 + side, 90 : 90 + side] = small
            self.pictures.append(jpeg(scene))
        self.sound, self.rate = media.read_sound(DEMO / "speaker.mp4")
        self.sound = media.fit_sound(self.sound, self.rate, len(self.pictures) / FPS)

    def moment(self, i):
        r"""(.jpg, samples, when these begin [s]) of a frame."""
        turn, at = divmod(i, len(self.pictures))
        start, end = at * self.rate // FPS, (at + 1) * self.rate // FPS
        picture = self.pictures[-1 - at if turn % 2 else at]
        return picture, self.sound[start:end], turn * len(self.pictures) / FPS + start / self.rate


def resident():
    r"""Memory of this process [MiB], or NaN where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def converse(seconds):
    r"""Hold a conversation and print what it cost.

    Args:
        seconds: how long [s].
    """
    torch.set_num_threads(1)
    system, speaker = pipeline.load(), Speaker()
    portrait = system.look(DEMO / "portrait.png")

    def start(**drawn):
        return Live(system, portrait, ATTITUDES[0], sample_rate=speaker.rate, **drawn)

    pace = chosen(start)
    print(pace.told(), flush=True)
    live = start(stride=pace.stride, steps=pace.steps)
    paced, memory = Paced(live), []
    work = Work.fromkeys(("receive", "encode"), 0.0)
    begun, spent = time.monotonic(), time.process_time()

    def feed():
        for i in range(round(seconds * FPS)):
            time.sleep(max(0.0, begun + (i + 1) / FPS - time.monotonic()))
            picture, sound, at = speaker.moment(i)
            with work.on("receive"):
                frame = decoded(picture)
            paced.put((i + 1) / FPS, [frame], sound, [i / FPS], at)
            if i == round(FPS * min(60, seconds / 2)):
                memory.append((i / FPS, resident()))
        paced.end()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    for frame in paced:
        with work.on("encode"):
            jpeg(frame.pixels)
    lasted, spent = time.monotonic() - begun, time.process_time() - spent
    memory.append((lasted, resident()))
    report(
        paced, {**live.work, "receive": work["receive"], "encode": work["encode"]}, lasted, spent
    )
    for moment, size in memory:
        print(f"| memory at {moment / 60:.1f} min | {size:.0f} MiB |")


def report(paced, work, lasted, spent):
    r"""Print what was given out and what it cost.

    Args:
        paced: Paced.
        work: stage -> processor time [s].
        lasted: [s].
        spent: processor time of the process [s].
    """
    known = paced.summary()
    frames = known["given"] + known["dropped"]
    share = known["dropped"] / max(frames, 1)
    rows = [
        ["machine", f"{os.cpu_count()} cores, torch {torch.__version__}"],
        ["time", f"{lasted:.0f} s"],
        ["frames a second", f"{known['given'] / lasted:.1f} of {FPS}"],
        ["frames dropped", f"{known['dropped']} of {frames} ({100 * share:.1f} %)"],
        ["latency, median", f"{1000 * known['median']:.0f} ms"],
        ["latency, 99 %", f"{1000 * known['late']:.0f} ms"],
    ]
    rows += [[stage, f"{100 * part / lasted:.0f} % of a core"] for stage, part in work.items()]
    rows += [["everything", f"{100 * spent / lasted:.0f} % of a core"]]
    print("\n".join(table(["in real time", ""], rows)))


def main(argv=None):
    r"""The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="synthetic folder with its oracle")
    parser.add_argument("--clips", type=int, default=4, help="of each held-out split (4)")
    parser.add_argument("--samples", type=int, default=4, help="responses a clip (4)")
    parser.add_argument("--strides", type=int, nargs="+", default=STRIDES, help="frames (3 6 9)")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="steps (2 4 8 16)")
    parser.add_argument("--minutes", type=float, help="hold a conversation so long")
    options = parser.parse_args(argv)
    if options.data is None and options.minutes is None:
        raise ValueError("nothing to do: give --data FOLDER, --minutes M, or both")
    if options.data is not None:
        quality(options)
    if options.minutes is not None:
        converse(60 * options.minutes)


if __name__ == "__main__":
    command(main)
