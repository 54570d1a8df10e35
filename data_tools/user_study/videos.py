r"""The videos of a study: every method answers every pair of speaker and listener, in every mood.

Paper: Sec. 4.4 crosses 10 speakers with 10 listeners under 3 attitudes: 300 videos a method.
"""

from pathlib import Path

import numpy as np
import torch

from mfr.config import ATTITUDES, FPS
from mfr.evaluation.methods import find_methods, find_painters, to_images, windows_at
from mfr.evaluation.scoring import HeldOut, file_name
from mfr.files import media
from mfr.files.vico import held_out, portrait_of, read_clips


def make_videos(options):
    r"""Render what is not there yet; gives how many videos the folder holds now.

    Paper: Sec. 4.4.

    Raises:
        ValueError: nobody to show, or fewer than two methods.
    """
    for name in ("speakers", "listeners"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name} is {getattr(options, name)}; allowed: >= 1")
    methods = [
        m
        for m in find_methods(options.runs)[0]
        if not options.only or any(word in m.name for word in options.only)
    ]
    if len(methods) < 2:
        raise ValueError(f"{options.runs}: {len(methods)} methods; allowed: >= 2, to compare")
    clips = held_out(read_clips(options.data))[1]
    rng = np.random.default_rng(options.seed)
    speakers = choose(clips, "speaker_id", options.speakers, rng)
    listeners = choose(clips, "listener_id", options.listeners, rng)
    held, out = HeldOut(speakers + listeners), Path(options.out)
    painter = find_painters(options.runs)[0]
    for i, clip in enumerate(speakers):
        show_speaker(clip, len(held.real[i]), out)
    count = 0
    for j, listener in enumerate(listeners, len(speakers)):
        picture = portrait_of(listener)
        media.write_image(out / "_portraits" / f"{listener.listener.stem}.png", picture)
        for i, speaker in enumerate(speakers):
            for attitude in ATTITUDES:
                name = f"{speaker.speaker.stem}--{listener.listener.stem}--{attitude}.mp4"
                for method in methods:
                    path = out / file_name(method.name) / name
                    if not path.exists():
                        motion = answer(method, held, i, j, attitude, options.seed)
                        film(path, painter, picture, held.real[j][0], motion, speaker)
                    count += 1
            print(f"rendered  {speaker.speaker.stem}, {listener.listener.stem}", flush=True)
    return count


def choose(clips, column, count, rng):
    r"""One clip each of randomly chosen people, by person; fewer where there are fewer.

    Paper: Sec. 4.4, "randomly choose 10 speaker videos and 10 listeners".
    """
    by_person = {}
    for clip in clips:
        by_person.setdefault(getattr(clip, column), []).append(clip)
    people = sorted(by_person)
    chosen = sorted(rng.permutation(len(people))[:count].tolist())
    return [by_person[people[k]][0] for k in chosen]


def answer(method, held, i, j, attitude, seed):
    r"""Listener j's response (L, 70) to the speaker of clip i; every method gets the same seed."""
    speech, listener = held.condition(i, method.identity), held.condition(j, method.identity)
    one_hot = torch.eye(len(ATTITUDES))[ATTITUDES.index(attitude)][None]
    cond = speech._replace(
        identity=listener.identity, reference=listener.reference, attitude=one_hot
    )
    return method.respond(cond, 1, torch.Generator().manual_seed(seed))[0]


def film(path, painter, picture, reference, motion, speaker):
    r"""Write a response (L, 70) with the speaker's sound.

    The picture is bytes (256, 256, 3), `reference` (70,) its coefficients.
    """
    sound, sample_rate = media.read_sound(speaker.audio)
    sound = media.fit_sound(sound, sample_rate, len(motion) / FPS)
    reference, image = torch.as_tensor(reference, dtype=torch.float32), to_images(picture[None])[0]
    every = windows_at(motion, torch.arange(len(motion)), painter.window)

    def frames():
        for part in every.split(30):
            images = painter.paint(image, reference, part)
            yield from (images * 255).round().byte().permute(0, 2, 3, 1).numpy()

    media.write_video(path, frames(), FPS, sound, sample_rate)


def show_speaker(clip, length, out):
    r"""The speaker's own video with sound, `length` frames, where the data has it."""
    path = Path(out) / "_speakers" / f"{clip.speaker.stem}.mp4"
    if path.exists() or not clip.speaker.exists():
        return
    sound, sample_rate = media.read_sound(clip.audio)
    frames = (frame for frame, _ in zip(media.stream_video(clip.speaker), range(length)))
    sound = media.fit_sound(sound, sample_rate, length / FPS)
    media.write_video(path, frames, FPS, sound, sample_rate)
