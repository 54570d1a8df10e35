r"""A file or a pipe played to the listener in real time, and what a viewer saw of the listener."""

import signal
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from mfr.config import FPS
from mfr.files import media
from mfr.live import avi
from mfr.live.pace import LIMIT, Paced
from mfr.live.session import SOUND_RATE

LONGEST = 640  # side of a file's pictures that none is above [pixels]


class Source(NamedTuple):
    r"""What speaks."""

    fps: float  # of its pictures [1/s]
    rate: int  # of its sound [Hz]
    chunks: object  # iterator of (until, frames, sound, frames_at, sound_at), see Paced.put
    waits: bool  # its chunks must be waited for until they are due: they do not come by themselves
    sound: object = None  # (N, channels) of a file


def from_file(path, crop=None, sound=None):
    r"""A video as a camera would show it, a picture and its sound at a time.

    Args:
        path: video.
        crop: (left, top, side) of the face [pixels], "middle", or None for whole pictures, in which
            the listener finds it.
        sound: sound file, where the video has none of its own.

    Returns:
        Source.

    Raises:
        ValueError: a file is missing or is not what it should be.
    """
    if not media.probe(path).has_video:
        raise ValueError(f"{path}: has sound but no picture; a video is needed")
    waveform, rate = media.read_sound(sound or path)

    def chunks():
        if crop is None:
            pictures = media.glances(path, FPS, LONGEST)
        else:
            pictures = media.stream_video(path, crop=None if isinstance(crop, str) else crop)
        for i, frame in enumerate(pictures):
            start, end = i * rate // FPS, (i + 1) * rate // FPS
            yield (i + 1) / FPS, [frame], waveform[start:end], [i / FPS], start / rate

    return Source(FPS, rate, chunks(), True, waveform)


def from_pipe(stream):
    r"""Raw pictures and sound as they come out of a pipe.

    Args:
        stream: binary file; see mfr.live.avi.

    Returns:
        Source.

    Raises:
        ValueError: it is no such stream.
    """
    format, parts = avi.read(stream)

    def chunks():
        shown = heard = 0
        for kind, content in parts:
            if kind == "picture":
                at, shown = shown / format.fps, shown + 1
                yield shown / format.fps, [content], None, [at], None
            else:
                at, heard = heard / format.rate, heard + len(content)
                yield heard / format.rate, (), content, None, at

    return Source(format.fps or FPS, format.rate or SOUND_RATE, chunks(), False)


def perform(live, source, path):
    r"""Play a source to a listener in real time and write down what was seen of the listener.

    Args:
        live: session.Live for the source's rates.
        source: Source.
        path: .mp4 to write: every moment shows the frame that was there then.

    The first interrupt (Ctrl+C) ends it, and what was seen until then is written; the second one
    leaves nothing behind.

    Returns:
        dict of Paced.summary, with seconds [s], stopped and work: share of a core of each stage.

    Raises:
        ValueError: nothing was given out.
        KeyboardInterrupt: nothing was given out before the first interrupt.
    """
    paced, begun = Paced(live), time.monotonic()
    feeder = threading.Thread(target=_feed, args=(paced, source, begun), daemon=True)
    feeder.start()
    try:
        with _until_interrupted(paced):
            count = media.write_video(path, _as_seen(paced))
    except ValueError:
        if paced.stopped:
            raise KeyboardInterrupt from None
        raise
    finally:
        stopped = paced.stopped
        paced.close()
    if source.sound is not None:
        sound = media.fit_sound(source.sound, source.rate, count / FPS)
        media.add_sound(path, sound, source.rate)
    seconds = time.monotonic() - begun
    work = {name: spent / seconds for name, spent in live.work.items()}
    return {**paced.summary(), "seconds": seconds, "stopped": stopped, "work": work}


def told(summary):
    r"""What a performance was like, in lines for a person."""
    given, dropped = summary["given"], summary["dropped"]
    stopped = "; interrupted" if summary["stopped"] else ""
    share = " · ".join(f"{name} {100 * part:.0f} %" for name, part in summary["work"].items())
    return (
        f"live      {given} frames given out in time, {dropped} left out "
        f"({given / max(given + dropped, 1) * FPS:.1f} of {FPS} a second){stopped}\n"
        f"latency   median {1000 * summary['median']:.0f} ms, 99 % "
        f"{1000 * summary['late']:.0f} ms; allowed: {1000 * LIMIT:.0f} ms\n"
        f"work      of a core: {share}"
    )


@contextmanager
def _until_interrupted(paced):
    """The first interrupt stops it, the second one is as everywhere."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal comes here
        return

    def stop(*_):
        signal.signal(signal.SIGINT, before)
        paced.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _feed(paced, source, begun):
    """Hand over each chunk when it is due."""
    try:
        for until, *chunk in source.chunks:
            if source.waits:
                time.sleep(max(0.0, begun + until - time.monotonic()))
            paced.put(until, *chunk)
    except Exception as error:  # the source is damaged; the consumer shall know
        paced.trouble = paced.trouble or error
    paced.end()


def _as_seen(paced):
    """30 frames a second; where one was left out the one before it stays."""
    shown, last = 0, None
    for frame in paced:
        while last is not None and shown < frame.number:
            yield last
            shown += 1
        for _ in range(shown, frame.number):  # before the first one
            yield frame.pixels
        last, shown = frame.pixels, frame.number + 1
        yield np.ascontiguousarray(last)
    if last is None:
        raise ValueError(
            f"no frame was ready within {1000 * LIMIT:.0f} ms: the speaker ended before one could "
            "be, or this machine has too much else to do"
        )
