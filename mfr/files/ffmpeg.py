r"""What ffmpeg is asked, and what it says of a file."""

import re
import subprocess
from typing import NamedTuple

from mfr.files.whole import existing


class MediaInfo(NamedTuple):
    r"""What a file holds: seconds, frames a second, (width, height), and which streams."""

    seconds: float
    fps: float
    size: tuple
    has_video: bool
    has_sound: bool


def probe(path):
    r"""Ask ffmpeg what is in a file, without decoding it.

    Args:
        path: any file that ffmpeg may know.

    Returns:
        A MediaInfo; a still picture attached to a sound file is not counted as video.

    Raises:
        ValueError: there is no such file, or ffmpeg finds neither picture nor sound in it.
    """
    path = existing(path, "media file")
    command = ffmpeg("-i", path)
    text = subprocess.run(command, capture_output=True, text=True, errors="replace").stderr
    text = text[text.find("Input #0") :] if "Input #0" in text else ""
    streams = [line for line in text.splitlines() if line.strip().startswith("Stream #")]
    video = [line for line in streams if "Video:" in line and "attached pic" not in line]
    sound = [line for line in streams if "Audio:" in line]
    if not video and not sound:
        raise ValueError(f"{path}: neither video nor sound that ffmpeg can read")
    clock = re.search(r"Duration: (\d+):(\d+):([\d.]+)", text)
    hours, minutes, seconds = (float(part) for part in clock.groups()) if clock else (0, 0, 0)
    rate = re.search(r"([\d.]+) fps", video[0]) if video else None
    size = re.search(r"[ ,](\d{2,5})x(\d{2,5})[ ,]", video[0]) if video else None
    size = (int(size[1]), int(size[2])) if size else (0, 0)
    turned = re.search(r"(?i)display ?matrix: rotation of -?(\d+)", text)
    if video and turned and int(turned[1]) % 180 == 90:
        size = size[::-1]  # a telephone held upright: ffmpeg sets the frames upright
    return MediaInfo(
        seconds=3600 * hours + 60 * minutes + seconds,
        fps=float(rate[1]) if rate else 0.0,
        size=size,
        has_video=bool(video),
        has_sound=bool(sound),
    )


def ffmpeg(*words):
    r"""A command line of the ffmpeg that came with imageio-ffmpeg."""
    import imageio_ffmpeg

    return [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", *map(str, words)]


def last_line(text):
    r"""Why a decoder or encoder stopped: its last words, on one line."""
    lines = text.strip().splitlines() or ["it does not say why"]
    full = [line for line in lines if "No space left" in line]  # what follows is of no use
    return re.sub(r"^(\[[^\]]*\] )+", "", (full or lines)[-1])[-200:]
