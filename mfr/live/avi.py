r"""Raw pictures and sound from a pipe, as `ffmpeg -pix_fmt bgr24 -c:v rawvideo -f avi -` writes.

An AVI is a tree of chunks: four letters, a length, that many bytes. Of a stream that is still
being written the lengths of the lists are not known yet, so the lists are walked into and only
the leaves' lengths are read; the stream may go on for ever.
"""

import struct
from typing import NamedTuple

import numpy as np

HOW = "-pix_fmt bgr24 -c:v rawvideo -c:a pcm_s16le -f avi -"
LISTS = (b"hdrl", b"strl", b"movi", b"rec ")  # walked into; others are passed over
LONGEST = 2**28  # of a chunk [bytes]


class Format(NamedTuple):
    r"""What the stream says of itself."""

    fps: float = 0.0  # 0: no pictures
    width: int = 0
    height: int = 0
    upside_down: bool = False
    rate: int = 0  # 0: no sound [Hz]
    channels: int = 0


def read(stream):
    r"""The format, then the pictures and stretches of sound.

    Args:
        stream: binary file, such as standard input.

    Returns:
        (Format, iterator of ("picture", uint8 (H, W, 3)) and ("sound", int16 (n, channels))); the
        iterator ends with the stream, and what is incomplete there is left out.

    Raises:
        ValueError: it is no such AVI.
    """
    head = stream.read(12)
    if not head:
        raise ValueError("standard input: is empty")
    if head[:4] != b"RIFF" or head[8:] != b"AVI ":
        raise ValueError(f"standard input: is no AVI; allowed: ffmpeg -i CAMERA {HOW}")
    kinds, format = [], Format()  # of the streams, in order
    for name, content in _chunks(stream):
        if name == b"strh":
            kinds.append(content[:4])
            if kinds[-1] == b"vids":
                scale, rate = struct.unpack_from("<II", content, 20)
                format = format._replace(fps=rate / max(scale, 1))
        elif name == b"strf" and kinds[-1:] == [b"vids"]:
            format = format._replace(**_picture_format(content))
        elif name == b"strf" and kinds[-1:] == [b"auds"]:
            format = format._replace(**_sound_format(content))
        elif name == b"movi":
            break
    if not format.fps and not format.rate:
        raise ValueError("standard input: holds neither pictures nor sound")
    return format, _parts(stream, format)


def _chunks(stream):
    """(name, content) of the leaves, and (b"movi", b"") where the pictures begin."""
    while len(head := stream.read(8)) == 8:
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if name in (b"RIFF", b"LIST"):
            kind = stream.read(4)
            if kind == b"movi":
                yield kind, b""
            if kind in LISTS or name == b"RIFF":
                continue
            length -= 4
        if not 0 <= length <= LONGEST:
            raise ValueError(f"standard input: a chunk says it is {length} bytes long")
        content = stream.read(length + length % 2)
        if len(content) < length:
            return
        yield name, content[:length]


def _parts(stream, format):
    row = -(-3 * format.width // 4) * 4  # rows end at multiples of 4 bytes
    last = None
    for name, content in _chunks(stream):
        picture = name[2:] in (b"db", b"dc") and format.fps
        if picture and not content and last is not None:
            yield "picture", last  # an empty one says: the same again
        elif picture and len(content) == row * format.height:
            rows = np.frombuffer(content, np.uint8).reshape(format.height, row)
            rows = rows[::-1] if format.upside_down else rows
            bgr = rows[:, : 3 * format.width].reshape(format.height, format.width, 3)
            last = bgr[..., ::-1]
            yield "picture", last
        elif name[2:] == b"wb" and format.rate:
            whole = len(content) // (2 * format.channels) * 2 * format.channels
            yield "sound", np.frombuffer(content[:whole], "<i2").reshape(-1, format.channels)


def _picture_format(content):
    width, height, _, bits, compression = struct.unpack_from("<iihHI", content, 4)
    if bits != 24 or compression != 0 or not 0 < width <= 8192 or not 0 < abs(height) <= 8192:
        raise ValueError(f"standard input: its pictures are not raw 24-bit ones; allowed: {HOW}")
    return {"width": width, "height": abs(height), "upside_down": height > 0}


def _sound_format(content):
    tag, channels, rate = struct.unpack_from("<HHI", content)
    (bits,) = struct.unpack_from("<H", content, 14)
    if (tag, bits) not in ((1, 16), (0xFFFE, 16)) or channels < 1:
        raise ValueError(f"standard input: its sound is not 16-bit PCM; allowed: {HOW}")
    return {"rate": rate, "channels": channels}
