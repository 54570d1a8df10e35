r"""A speaker's video, a portrait and an attitude become videos of the portrait listening.

    python sample_mfr.py
    python sample_mfr.py --speaker clip.mp4 --listener face.png --attitude positive --samples 3
    python sample_mfr.py --renderer pirenderer=FILE      (python -m mfr.official lists such files)

The largest face of each is found and framed. Writes OUT/ATTITUDE_K.mp4 (speaker beside listener,
with the speaker's sound) for every attitude and sample, and OUT/contact_sheet.png: the photo with
the square that was taken, and a row of moments for each.
"""

import argparse
import sys
import time
import warnings
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mfr import official, pipeline
from mfr.config import ATTITUDES, FPS
from mfr.files import media
from mfr.files.ahead import ahead
from mfr.files.progress import Progress
from mfr.files.whole import command
from mfr.live import avi, film
from mfr.live.pace import chosen as affordable
from mfr.motion.model import eventful
from mfr.pipeline import choices
from mfr.training.own_network import register

DEMO = pipeline.WEIGHTS / "demo"  # made by data_tools.make_synthetic
MOMENTS = 8  # columns of the contact sheet
TILE, MARGIN, CAPTION = 160, 6, 110  # of the contact sheet [pixels]
WORTH_TIMING = 3600  # frames to render from which it pays to try how [frames]
FORMATS = ("mp4", "webm", "gif", "png")


def main(arguments=None):
    r"""Parse the command line, respond, write.

    Args:
        arguments: list of words, or None for the command line's own.

    Raises:
        ValueError: an option or a file is not what it should be.
    """
    options = parser().parse_args(arguments)
    warnings.formatwarning = lambda message, *_: f"warning   {message}\n"
    attitudes = ATTITUDES if options.attitude == "all" else (options.attitude,)
    if not set(attitudes) <= set(ATTITUDES):
        raise ValueError(
            f"attitude {options.attitude!r} is unknown; allowed: {', '.join(ATTITUDES)}, all"
        )
    if options.format not in FORMATS:
        raise ValueError(f"--format is {options.format!r}; allowed: {', '.join(FORMATS)}")
    if not 1 <= options.fps <= 120:
        raise ValueError(f"--fps is {options.fps}; allowed: 1 .. 120")
    if not 1 <= options.quality <= 10:
        raise ValueError(f"--quality is {options.quality}; allowed: 1 .. 10")
    if options.save_coefficients and not options.save_coefficients.endswith(".mat"):
        raise ValueError(
            f"--save-coefficients is {options.save_coefficients!r}; allowed: a name "
            "that ends in .mat, or nothing"
        )
    choices.check(choices.default()._replace(**chosen(options)))
    started = time.monotonic()
    system = assemble(options)
    if options.live is not None:
        return listen_live(system, options)
    speaker, portrait = meet(system, options)
    settle(system, portrait, len(attitudes) * options.samples * len(speaker.motion), options)
    rows, suffix = {}, f".{options.format}"
    # the next attitude's motion is drawn while this one's is rendered and encoded
    for attitude, responses in ahead(drawn(system, speaker, portrait, attitudes, options), 1):
        for response in responses:
            name = f"{attitude}_{response.sample}"
            begun = time.monotonic()
            path = Path(options.out) / (name if options.format == "png" else name + suffix)
            moments = eventful(response.motion, MOMENTS).tolist()
            left, right = write(path, speaker, response, moments, options)
            seconds = [moment / FPS for moment in moments]
            rows.setdefault("speaker", (left, seconds))
            rows[name] = (right, seconds)
            if options.save_coefficients is not None:
                one = len(attitudes) * options.samples == 1
                response.save_coefficients(coefficients_file(options, name, one))
            pace = len(speaker.motion) / (time.monotonic() - begun)
            print(f"written   {path}   {pace:.1f} frames/s", flush=True)
    sheet = Path(options.out) / "contact_sheet.png"
    media.write_image(sheet, contact_sheet(rows, portrait.shown()))
    print(f"written   {sheet}   in all {time.monotonic() - started:.0f} s")


def drawn(system, speaker, portrait, attitudes, options):
    r"""The responses in each attitude, drawn when they are asked for.

    Args:
        system: pipeline.System.
        speaker: Speaker.
        portrait: Portrait.
        attitudes: names.
        options: of the command line.

    Returns:
        Iterator of (attitude, list of Response).
    """
    for attitude in attitudes:
        responses = system.respond(
            speaker,
            portrait,
            attitude,
            options.samples,
            options.seed,
            options.steps,
            options.guidance,
            partial(Progress(attitude), unit="steps"),
            options.head_scale,
            options.expression_scale,
        )
        yield attitude, responses


def settle(system, portrait, frames, options):
    r"""Choose how to render, by a timing if the user left something open and much is to be done.

    Args:
        system: pipeline.System.
        portrait: Portrait.
        frames: to render in all.
        options: of the command line.
    """
    fixed = chosen(options)
    choice, measured = choices.default()._replace(**fixed), ""
    if frames >= WORTH_TIMING and len(fixed) < len(choice):
        render = choices.rendering(system, portrait)
        choice, seconds = choices.measured(render, fixed, system.device)
        measured = f"; {1 / seconds:.0f} frames/s in a trial"
    system.choose(choice)
    print(f"rendering {choice}{measured}", flush=True)


def chosen(options):
    r"""Fields of choices.Choice that the options name, as a dict."""
    fields = {name: getattr(options, name) for name in choices.Choice._fields}
    return {name: value for name, value in fields.items() if value is not None}


def listen_live(system, options):
    r"""Play a video, or what comes in by standard input, to the listener in real time.

    Args:
        system: pipeline.System.
        options: of the command line.
    """
    torch.set_num_threads(1)  # one thread sees and hears, the other renders
    piped = options.live == "-"
    source = (
        film.from_pipe(sys.stdin.buffer)
        if piped
        else film.from_file(options.live, options.crop, sound_file(options))
    )
    portrait = look(system, options)
    attitude = ATTITUDES[0] if options.attitude == "all" else options.attitude
    start = partial(
        system.live,
        portrait,
        attitude,
        fps=source.fps,
        sample_rate=source.rate,
        seed=options.seed,
        guidance=options.guidance,
    )
    if options.steps is None:
        pace = affordable(start)
        print(pace.told(), flush=True)
        live = start(stride=pace.stride, steps=pace.steps)
    else:
        live = start(steps=options.steps)
    live.head, live.expression = options.head_scale, options.expression_scale
    print(f"speaker   {'standard input' if piped else options.live}, in real time", flush=True)
    path = Path(options.out) / "live.mp4"
    print(film.told(film.perform(live, source, path)))
    print(f"written   {path}   {attitude}")


def assemble(options):
    r"""The system that the options describe, with official networks where they name some.

    Args:
        options: of the command line.

    Returns:
        pipeline.System.
    """
    if options.network:
        register(options.network)
    given = {part: getattr(options, part) for part in ("renderer", "identity", "reconstruction")}
    networks = {part: official.choose(part, text) for part, text in given.items()}
    system = pipeline.load(options.weights, options.device, **networks)
    print(
        f"mfr-net   weights {options.weights or 'mfr/weights'} · seed {options.seed} · "
        f"{system.device}"
    )
    for part, network in networks.items():
        if network is not None:
            print(f"official  {part} {given[part]}: {network.source}")
    basel = given["renderer"] or given["reconstruction"] or options.save_coefficients is not None
    if basel and options.weights is None:
        print(
            "note      exp of the bundled weights is the synthetic world's, not Basel's: to "
            "official networks only angle and trans mean the same"
        )
    return system


def meet(system, options):
    r"""Speaker and portrait as numbers, with what is to be said of them.

    Args:
        system: pipeline.System.
        options: of the command line.

    Returns:
        (Speaker, Portrait).
    """
    demo = options.speaker is None
    video = DEMO / "speaker.mp4" if demo else options.speaker
    coefficients = options.speaker_coefficients
    if demo and not options.reconstruction:
        coefficients = coefficients or DEMO / "speaker.mat"
    portrait = look(system, options)
    speaker = system.perceive(
        video,
        coefficients,
        sound_file(options),
        options.crop,
        options.speaker_face,
        Progress("speaker"),
    )
    frames = len(speaker.motion)
    print(
        f"speaker   {video}: {frames} frames, {frames / FPS:.1f} s; coefficients from "
        f"{coefficients or 'the reconstruction net'}"
    )
    print(f"listener  {options.listener or DEMO / 'portrait.png'}")
    if isinstance(speaker.crop, np.ndarray):
        print("note      the speaker's head walks through the picture; the square goes along")
    named = (
        ("speaker", speaker.crop, speaker.others, "--speaker-face"),
        ("listener", pipeline.corner(portrait.square), len(portrait.others), "--face"),
    )
    for who, square, others, option in named:
        if isinstance(square, tuple):
            print(f"framed    the {who}'s face: {square[2]} pixels from {square[0]},{square[1]}")
        if others:
            print(f"note      {others} more in the {who}'s picture; {option} K takes another")
    for what, strange in (("speaker", speaker.unfamiliar), ("listener", portrait.unfamiliar)):
        if strange > 1:
            print(
                f"note      the {what}'s face is {strange:.1f} times as far from the training "
                "frames as 99 % of them; expect less"
            )
    return speaker, portrait


def look(system, options):
    r"""The Portrait that the options name, or the demo's."""
    return system.look(
        options.listener or DEMO / "portrait.png",
        options.listener_coefficients,
        options.listener_crop,
        options.face,
        options.rest,
    )


def sound_file(options):
    r"""The file of the speaker's sound, or None for the video's own."""
    return None if options.sound in ("none", "speaker") else options.sound


def coefficients_file(options, name, one):
    r"""Where a response's coefficients go.

    Args:
        options: of the command line; save_coefficients is "" or a .mat.
        name: ATTITUDE_K.
        one: it is the only response.

    Returns:
        A Path: OUT/ATTITUDE_K.mat, the .mat itself, or STEM_ATTITUDE_K.mat beside it.
    """
    if not options.save_coefficients:
        return Path(options.out) / f"{name}.mat"
    path = Path(options.save_coefficients)
    return path if one else path.with_stem(f"{path.stem}_{name}")


def write(path, speaker, response, moments, options):
    r"""Render one response into a video, keeping a few moments for the contact sheet.

    Args:
        path: .mp4, .webm, .gif, or a folder for pictures.
        speaker: Speaker.
        response: Response.
        moments: frames to keep.
        options: of the command line; listener_only and paste leave the speaker out.

    Returns:
        (speaker's frames, listener's frames) at the moments.
    """
    kept = ([], [])

    def seen(number, left, right):
        if number in moments:
            kept[0].append(left)
            kept[1].append(right)

    alone = options.listener_only or options.paste
    shown = response.beside(speaker, options.paste, alone, seen)
    shown = Progress(path.stem).over(shown, len(response.motion))
    heard = {"sound": speaker.sound, "sample_rate": speaker.sample_rate}
    heard = {} if options.sound == "none" else heard
    with closing(media.at_rate(shown, FPS, options.fps)) as frames:
        if options.format == "png":
            media.write_stills(path, frames)
        else:
            media.write_video(path, frames, options.fps, quality=options.quality, **heard)
    return kept


def contact_sheet(rows, photo):
    r"""The photo with its square; moments of the speaker and of every response, one row each.

    Args:
        rows: name -> (list of uint8 (H, W, 3), when each is seen [s]).
        photo: uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3).
    """
    pitch = TILE + MARGIN
    columns = max(len(frames) for frames, _ in rows.values())
    rows = {"photo": ([photo], []), **rows}
    sheet = Image.new("RGB", (CAPTION + pitch * columns, MARGIN + pitch * len(rows)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=14)
    small = ImageFont.load_default(size=11)
    for row, (name, (frames, seconds)) in enumerate(rows.items()):
        top = MARGIN + row * pitch
        draw.text((8, top + TILE // 2 - 8), name.replace("_", " "), "black", font)
        for column, frame in enumerate(frames):
            room = (TILE * (2 if name == "photo" else 1), TILE)
            tile = ImageOps.contain(Image.fromarray(frame), room, Image.Resampling.LANCZOS)
            sheet.paste(tile, (CAPTION + column * pitch, top + (TILE - tile.height) // 2))
        for column, second in enumerate(seconds):
            place = (CAPTION + column * pitch + 5, top + TILE - 17)
            draw.text(place, f"{second:.1f} s", "white", small, stroke_width=2, stroke_fill="black")
    return np.asarray(sheet)


def square(text):
    r"""LEFT,TOP,SIDE of --crop as whole numbers (left, top, side) [pixels], or "middle".

    Raises:
        ValueError: it is neither three whole numbers nor "middle".
    """
    if text == pipeline.MIDDLE:
        return text
    left, top, side = (int(part) for part in text.split(","))
    return left, top, side


def parser():
    r"""The command line.

    Returns:
        An ArgumentParser.
    """
    p = argparse.ArgumentParser(
        prog="sample_mfr.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    who = p.add_argument_group("who speaks, who listens (all left out: the bundled demo)")
    who.add_argument("--speaker", metavar="VIDEO", help="video with the speaker's face and sound")
    who.add_argument(
        "--speaker-coefficients",
        metavar="MAT",
        help="its Deep3DFaceRecon file (else the net is asked)",
    )
    who.add_argument(
        "--sound",
        default="speaker",
        metavar="FILE",
        help="speaker: the video's own; none: a silent result; else a file of it",
    )
    who.add_argument(
        "--crop",
        metavar="LEFT,TOP,SIDE",
        type=square,
        help="square around the speaker's face [pixels], or middle (the face is found)",
    )
    who.add_argument(
        "--speaker-face", type=int, default=1, metavar="K", help="1: the largest of the video (1)"
    )
    who.add_argument("--listener", metavar="PICTURE", help="photo with the listener's face")
    who.add_argument(
        "--listener-crop",
        metavar="LEFT,TOP,SIDE",
        type=square,
        help="square around its face [pixels], or middle (the face is found)",
    )
    who.add_argument("--face", type=int, default=1, metavar="K", help="1: its largest face (1)")
    who.add_argument(
        "--listener-coefficients",
        metavar="MAT",
        help="its Deep3DFaceRecon file (else the net is asked)",
    )
    who.add_argument(
        "--rest", action="store_true", help="bring the portrait's laugh or closed eyes to rest"
    )
    who.add_argument(
        "--live",
        metavar="VIDEO",
        help="speaker in real time, answered while it plays; - reads raw\n"
        f"pictures and sound from a pipe: ffmpeg -i CAMERA {avi.HOW}",
    )
    how = p.add_argument_group("how")
    how.add_argument("--attitude", default="all", help="positive, neutral, negative, all (all)")
    how.add_argument("--samples", type=int, default=2, metavar="K", help="responses each (2)")
    how.add_argument("--seed", type=int, default=0, help="same seed, same responses (0)")
    how.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="diffusion steps; 0 is the whole chain (the checkpoint's)",
    )
    for part, what in (("head", "head moves"), ("expression", "face moves")):
        how.add_argument(
            f"--{part}-scale",
            type=float,
            default=1.0,
            metavar="S",
            help=f"times how far the {what} from the portrait (1: as drawn)",
        )
    how.add_argument(
        "--guidance",
        type=float,
        metavar="G",
        help="above 1 shows the attitude more (the checkpoint's)",
    )
    how.add_argument("--weights", metavar="DIR", help="what train_mfr.py left (mfr/weights)")
    how.add_argument("--network", metavar="FILE.py:CLASS", help="what motion.pt was trained as")
    how.add_argument("--device", default="auto", help="auto, cpu, cuda (auto)")
    for name, kind, what in (
        ("threads", int, "of the processor"),
        ("precision", str, "float32 or bfloat16"),
        ("batch", int, "frames at once"),
    ):
        how.add_argument(
            f"--{name}", type=kind, help=f"of rendering: {what} (tried, if much is to be done)"
        )
    other = p.add_argument_group("published networks in the place of ours (see mfr/official)")
    other.add_argument("--renderer", metavar="pirenderer=FILE", help="the paper's renderer")
    other.add_argument(
        "--identity",
        metavar="KIND=FILE",
        help="vggface2 or vggface; needs a motion trained with it",
    )
    other.add_argument(
        "--reconstruction", metavar="deep3d=FILE", help="coefficients of speaker and portrait"
    )
    out = p.add_argument_group("what is written")
    out.add_argument("--out", default="out", metavar="DIR", help="folder (out)")
    out.add_argument("--listener-only", action="store_true", help="leave the speaker out")
    out.add_argument(
        "--paste",
        action="store_true",
        help="the listener moving in the whole photo, without the speaker's picture",
    )
    out.add_argument("--format", default="mp4", help=f"{', '.join(FORMATS)} (mp4)")
    out.add_argument("--fps", type=float, default=FPS, help=f"frames a second ({FPS})")
    out.add_argument("--quality", type=int, default=8, help="1 (small file) .. 10 (good) (8)")
    out.add_argument(
        "--save-coefficients",
        metavar="MAT",
        nargs="?",
        const="",
        help="also Deep3DFaceRecon files, which the ViCo baseline's and\n"
        "PIRenderer's scripts render (OUT/ATTITUDE_K.mat)",
    )
    return p


if __name__ == "__main__":
    command(main)
