r"""Video and pictures in and out; sound is beside it (mfr.files.sounds), ffmpeg below.

Inside the system a video is 30 frames a second of 256x256 RGB (Sec. 4.1.3), whatever the user
brought. Both streams of a file are read from its time 0, so that picture and sound stay in step
when one of them starts late.
"""

import io
import itertools
import math
import re
import subprocess
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from mfr.config import FPS, IMAGE_SIZE
from mfr.files.ffmpeg import MediaInfo, ffmpeg, last_line, probe
from mfr.files.sounds import fit_sound, read_sound, write_sound
from mfr.files.whole import atomic, existing

__all__ = [
    "MediaInfo",
    "at_most",
    "at_rate",
    "check_crop",
    "fit_sound",
    "glances",
    "middle",
    "outlined",
    "probe",
    "read_image",
    "read_picture",
    "read_sound",
    "read_video",
    "stream_video",
    "to_png",
    "write_image",
    "write_sound",
    "write_stills",
    "write_video",
]

# container -> its encoders' options; {q} is 0 for the best quality and 1 for the smallest file
ENCODERS = {
    ".mp4": "-c:v libx264 -crf {51q} -pix_fmt yuv420p -movflags +faststart -c:a aac",
    ".webm": "-c:v libvpx-vp9 -crf {63q} -b:v 0 -deadline realtime -cpu-used 6 -c:a libopus",
    ".gif": "-vf split[a][b];[a]palettegen=max_colors={c}:stats_mode=single[p];[b][p]"
    "paletteuse=new=1:dither=bayer -an",
}
APART = {"start_new_session": True}  # Ctrl+C is ours to answer, not ffmpeg's


def stream_video(path, fps=FPS, size=IMAGE_SIZE, crop=None):
    r"""Frames of a video one by one, brought to a frame rate and a square size.

    The picture is scaled until it covers the square and its middle is kept, unless `crop` names
    another square.

    Args:
        path: a video of any size and rate that ffmpeg reads.
        fps: frames a second to give [1/s].
        size: side of the frames to give [pixels].
        crop: (left, top, side) of the square to keep in the original picture [pixels], or an
            array (L, 3) of them, one a frame, the last of which goes on; or None.

    Returns:
        An iterator of uint8 arrays (size, size, 3).

    Raises:
        ValueError: no such file, no picture in it, or not one frame can be decoded.
    """
    info = _with_picture(path)
    if isinstance(crop, np.ndarray):
        frames = _decoded(path, _rate(fps), info.size)
        squares = itertools.chain(crop, itertools.repeat(crop[-1]))
        return (_cut(frame, square, size) for frame, square in zip(frames, squares))
    if crop is not None:
        check_crop(path, crop, info.size)
        left, top, side = crop
        square = f"crop={side}:{side}:{left}:{top},scale={size}:{size}:flags=area"
    else:
        grow = "force_original_aspect_ratio=increase:flags=area"
        square = f"scale={size}:{size}:{grow},crop={size}:{size}"
    return _decoded(path, f"{_rate(fps)},{square}", (size, size))


def glances(path, fps, longest):
    r"""Whole pictures of a video, uint8 (H, W, 3), at a low rate and at most `longest` pixels long.

    Raises:
        ValueError: as stream_video.
    """
    width, height = _with_picture(path).size
    shrink = min(1, longest / max(width, height))
    size = max(16, round(width * shrink)), max(16, round(height * shrink))
    return _decoded(path, f"{_rate(fps)},scale={size[0]}:{size[1]}:flags=area", size)


def _with_picture(path):
    """What probe says of a file that must have a picture."""
    info = probe(path)
    if not info.has_video:
        raise ValueError(f"{path}: has sound but no picture; a video is needed")
    return info


def _rate(fps):
    return f"fps={Fraction(fps).limit_denominator(1001)}:start_time=0"


def _cut(frame, square, size):
    """A square of a picture, (left, top, side) in fractions of pixels, in another size."""
    left, top, side = square.tolist()
    box = (left, top, left + side, top + side)
    image = Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(image)


def _decoded(path, filters, size):
    """What ffmpeg makes of a video with filters that end in a (width, height)."""
    shape, count = (size[1], size[0], 3), 0
    chosen = ("-map", "0:V:0", "-vf", f"{filters},setsar=1", "-an")
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    command = ffmpeg("-v", "fatal", "-i", path, *chosen, *raw)
    # its words go nowhere: a pipe that nobody reads would stop it
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=-1, **APART
    ) as decoder:
        try:
            while len(frame := decoder.stdout.read(math.prod(shape))) == math.prod(shape):
                yield np.frombuffer(frame, np.uint8).reshape(shape)
                count += 1
        finally:
            decoder.kill()
    if count == 0:
        raise ValueError(f"{path}: its picture cannot be decoded")


def check_crop(path, crop, size):
    r"""Refuse a square (left, top, side) outside of a picture of a size (width, height) [pixels].

    Raises:
        ValueError: it does not, or it is smaller than 16 pixels.
    """
    left, top, side = crop
    if side < 16 or left < 0 or top < 0 or left + side > size[0] or top + side > size[1]:
        raise ValueError(
            f"crop {left},{top},{side} does not lie inside {path}, which is {size[0]}x{size[1]}"
        )


def read_video(path, fps=FPS, size=IMAGE_SIZE, crop=None, every=1):
    r"""Frames of a video as one array; see stream_video.

    Args:
        path: a video.
        fps: frames a second, before `every` thins them [1/s].
        size: side of the frames [pixels].
        crop: (left, top, side) [pixels] or None.
        every: keep frames 0, every, 2 every, ...

    Returns:
        uint8 (L, size, size, 3).
    """
    frames = stream_video(path, fps, size, crop)
    return np.stack([frame.copy() for i, frame in enumerate(frames) if i % every == 0])


def read_image(path, size=IMAGE_SIZE):
    r"""The middle of a picture as a square RGB array; see read_picture.

    Args:
        path: a picture that Pillow reads.
        size: side of the result [pixels].

    Returns:
        uint8 (size, size, 3).
    """
    return middle(read_picture(path), size)


def middle(picture, size=IMAGE_SIZE):
    r"""The largest square in the middle of a picture.

    Args:
        picture: uint8 (H, W, 3).
        size: side of the result [pixels].

    Returns:
        uint8 (size, size, 3).
    """
    image = Image.fromarray(picture)
    return np.array(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))


def at_most(picture, longest):
    r"""A picture whose longer side is at most so long.

    Args:
        picture: uint8 (H, W, 3).
        longest: [pixels].

    Returns:
        uint8 (h, w, 3), the same array if it is not too large.
    """
    shrink = longest / max(picture.shape[:2])
    if shrink >= 1:
        return picture
    height, width = (max(1, round(side * shrink)) for side in picture.shape[:2])
    image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    return np.array(image)


def outlined(picture, squares):
    r"""A picture with squares drawn on it, the first in green, others in grey.

    Args:
        picture: uint8 (H, W, 3).
        squares: for each its corners, (x, y) [pixels].

    Returns:
        uint8 (H, W, 3).
    """
    image = Image.fromarray(picture)
    draw, width = ImageDraw.Draw(image), max(2, max(picture.shape) // 200)
    for i, corners in reversed(list(enumerate(squares))):
        colour = (150, 150, 150) if i else (40, 220, 60)
        draw.line([*corners, *corners[:2]], colour, width, joint="curve")
    return np.array(image)


def to_png(pixels):
    r"""The bytes of a .png.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        bytes.
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read_picture(path):
    r"""A picture as an RGB array: turned upright, grey and alpha made RGB.

    Args:
        path: a picture that Pillow reads.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: no such file, not a picture, damaged, or smaller than 32 pixels.
    """
    path = existing(path, "picture")
    try:
        with Image.open(path) as image:
            image = _eight_bits(ImageOps.exif_transpose(image))
            image = image.convert("RGBA" if _has_alpha(image) else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: is not a picture that can be read ({error})") from error
    if min(image.size) < 32:
        raise ValueError(f"{path}: is {image.size[0]}x{image.size[1]}; at least 32x32 is needed")
    if image.mode == "RGBA":
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image).convert("RGB")
    return np.array(image)


def _eight_bits(image):
    """16-bit grey as 8-bit grey: Pillow's own conversion clips it to white."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image


def _has_alpha(image):
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def write_image(path, pixels):
    r"""Write a picture whole or not at all.

    Args:
        path: .png or .jpg.
        pixels: uint8 (H, W, 3).
    """
    with atomic(path) as temporary:
        Image.fromarray(pixels).save(temporary)


def write_video(path, frames, fps=FPS, sound=None, sample_rate=None, quality=8):
    r"""Write frames and, if given, a sound as a video, whole or not at all.

    Args:
        path: .mp4 (H.264), .webm (VP9) or .gif, which has no sound.
        frames: iterable of uint8 (H, W, 3), H and W even; consumed one by one.
        fps: frames a second [1/s].
        sound: (N, channels) in [-1, 1], cut to the length wanted; or a sounds.Sound; or None.
        sample_rate: of the sound [Hz].
        quality: 1 (small) to 10 (good).

    Returns:
        How many frames were written.

    Raises:
        ValueError: there is no frame, a frame differs in shape from the first, or the container
            is not one of these.
        OSError: the encoder failed (a full disk, say).
    """
    path = Path(path)
    if path.suffix.lower() not in ENCODERS:
        raise ValueError(f"{path}: is no video to write; allowed: {', '.join(ENCODERS)}")
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"{path}: no frame to write")
    height, width = first.shape[:2]
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", fps, "-i", "-")
    with tempfile.TemporaryDirectory() as folder, atomic(path) as temporary:
        heard = ()
        if sound is not None and path.suffix.lower() != ".gif":
            heard = ("-i", Path(folder) / "sound.wav")
            write_sound(heard[1], sound, sample_rate)
        command = ffmpeg("-v", "error", "-y", *raw, *heard, *_encoder(path, quality), temporary)
        command.remove("-nostdin")
        with open(Path(folder) / "said", "w+b") as said:
            count = _feed(command, itertools.chain([first], frames), said, path)
    return count


def add_sound(path, sound, sample_rate):
    r"""Give a silent .mp4 its sound; the pictures are copied as they are.

    Args:
        path: it is replaced, whole or not at all.
        sound: (N, channels) in [-1, 1].
        sample_rate: of the sound [Hz].

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder, atomic(path) as temporary:
        wav = Path(folder) / "sound.wav"
        write_sound(wav, sound, sample_rate)
        copied = ("-c:v", "copy", "-movflags", "+faststart", "-c:a", "aac")
        command = ffmpeg("-v", "error", "-y", "-i", path, "-i", wav, *copied, temporary)
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", **APART)
        if run.returncode != 0:
            raise OSError(f"{path}: cannot be written ({last_line(run.stderr)})")


def _encoder(path, quality):
    """The options of a container's encoders for a quality from 1 to 10."""
    share = 1 - quality / 10
    numbers = {"{51q}": int(51 * share), "{63q}": int(63 * share), "{c}": 16 + 24 * quality}
    words = ENCODERS[path.suffix.lower()]
    for name, number in numbers.items():
        words = words.replace(name, str(number))
    return words.split()


def _feed(command, frames, said, path):
    """Pour frames into an encoder that writes its words to a file; their number."""
    count, shape = 0, None
    encoder = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, **APART
    )
    with encoder:
        try:
            for frame in frames:
                shape = shape or frame.shape
                if frame.shape != shape:
                    raise ValueError(f"frame {count} has shape {frame.shape}, the first {shape}")
                encoder.stdin.write(np.ascontiguousarray(frame, np.uint8))
                count += 1
            encoder.stdin.close()
        except BrokenPipeError:  # it has said why
            with suppress(BrokenPipeError):  # what is left of the buffer breaks once more
                encoder.stdin.close()
        except BaseException:
            encoder.kill()
            raise
    if encoder.returncode != 0:
        said.seek(0)
        why = last_line(said.read().decode(errors="replace"))
        raise OSError(f"{path}: cannot be written after {count} frames ({why})")
    return count


def write_stills(folder, frames):
    r"""Write frames as 000000.png, 000001.png, ... of a new folder, whole or not at all.

    Args:
        folder: to make; pictures of an earlier call that lie there are replaced.
        frames: iterable of uint8 (H, W, 3).

    Returns:
        How many frames were written.

    Raises:
        ValueError: there is no frame, or something else than such pictures lies in the folder.
    """
    folder = Path(folder)
    old = list(folder.iterdir()) if folder.is_dir() else []
    foreign = [path.name for path in old if not re.fullmatch(r"\d{6}\.png", path.name)]
    if foreign:
        raise ValueError(f"{folder}: holds {foreign[0]}; allowed: numbered pictures or nothing")
    folder.parent.mkdir(parents=True, exist_ok=True)
    count = -1
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        for count, frame in enumerate(frames):
            write_image(Path(temporary) / f"{count:06d}.png", frame)
        if count < 0:
            raise ValueError(f"{folder}: no frame to write")
        for path in old:
            path.unlink()
        folder.mkdir(exist_ok=True)
        for path in Path(temporary).iterdir():
            path.rename(folder / path.name)
    return count + 1


def at_rate(frames, fps, wanted):
    r"""Frames (H, W, 3) at another rate: frame k is the one shown at (k + 1/2) / wanted."""
    shown = 0
    for i, frame in enumerate(frames):
        while (shown + 0.5) * fps < (i + 1) * wanted:
            yield frame
            shown += 1
