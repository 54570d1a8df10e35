r"""Video, sound and pictures in and out; the only file that knows imageio-ffmpeg and soundfile.

Inside the system a video is 30 frames a second of 256x256 RGB (Sec. 4.1.3), whatever the user
brought. Both streams of a file are read from its time 0, so that picture and sound stay in step
when one of them starts late.
"""

import logging
import re
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from mfr.config import FPS, IMAGE_SIZE
from mfr.files.whole import atomic, existing

# it warns whenever frames are resized, which is what we ask of it
logging.getLogger("imageio_ffmpeg").setLevel(logging.ERROR)


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
    import imageio_ffmpeg

    path = existing(path, "media file")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
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
    return MediaInfo(
        seconds=3600 * hours + 60 * minutes + seconds,
        fps=float(rate[1]) if rate else 0.0,
        size=(int(size[1]), int(size[2])) if size else (0, 0),
        has_video=bool(video),
        has_sound=bool(sound),
    )


def stream_video(path, fps=FPS, size=IMAGE_SIZE, crop=None):
    r"""Frames of a video one by one, brought to a frame rate and a square size.

    The picture is scaled until it covers the square and its middle is kept, unless `crop` names
    another square.

    Args:
        path: a video of any size and rate that ffmpeg reads.
        fps: frames a second to give [1/s].
        size: side of the frames to give [pixels].
        crop: (left, top, side) of the square to keep in the original picture [pixels], or None.

    Returns:
        An iterator of uint8 arrays (size, size, 3).

    Raises:
        ValueError: no such file, no picture in it, or not one frame can be decoded.
    """
    import imageio_ffmpeg

    info = probe(path)
    if not info.has_video:
        raise ValueError(f"{path}: has sound but no picture; a video is needed")
    if crop is not None:
        _check_crop(path, crop, info.size)
        left, top, side = crop
        square = f"crop={side}:{side}:{left}:{top},scale={size}:{size}:flags=area"
    else:
        grow = "force_original_aspect_ratio=increase:flags=area"
        square = f"scale={size}:{size}:{grow},crop={size}:{size}"
    filters = f"fps={Fraction(fps).limit_denominator(1001)}:start_time=0,{square},setsar=1"
    reader = imageio_ffmpeg.read_frames(
        str(path), output_params=["-map", "0:V:0", "-vf", filters, "-an"]
    )
    count = 0
    try:
        next(reader)  # the header
        for frame in reader:
            yield np.frombuffer(frame, np.uint8).reshape(size, size, 3)
            count += 1
    except (OSError, RuntimeError, StopIteration) as error:
        if count == 0:
            raise ValueError(f"{path}: its picture cannot be decoded") from error
    finally:
        reader.close()
    if count == 0:
        raise ValueError(f"{path}: its picture cannot be decoded")


def _check_crop(path, crop, size):
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


def read_sound(path):
    r"""The sound of a sound file or of a video, at its own rate, from the file's time 0.

    Args:
        path: anything that soundfile or ffmpeg reads.

    Returns:
        (float32 (N, channels) in [-1, 1], sample rate [Hz]).

    Raises:
        ValueError: no such file, no sound in it, or it cannot be decoded.
    """
    import imageio_ffmpeg
    import soundfile

    path = existing(path, "sound")
    try:
        return soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        pass  # not a plain sound file: ask ffmpeg
    if not probe(path).has_sound:
        raise ValueError(f"{path}: has no sound; give a file of it (sample_mfr.py --sound FILE)")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-vn"]
        command += ["-af", "aresample=async=1:first_pts=0", "-c:a", "pcm_f32le", str(wav)]
        run = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if not wav.exists() or run.returncode != 0:
            raise ValueError(f"{path}: its sound cannot be decoded: {run.stderr.strip()[-200:]}")
        return soundfile.read(wav, dtype="float32", always_2d=True)


def read_image(path, size=IMAGE_SIZE):
    r"""A picture as a square RGB array: turned upright, grey and alpha made RGB, middle kept.

    Args:
        path: a picture that Pillow reads.
        size: side of the result [pixels].

    Returns:
        uint8 (size, size, 3).

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
    return np.array(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))


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


def write_sound(path, waveform, sample_rate):
    r"""Write a 16-bit sound file whole or not at all.

    Args:
        path: .wav or another suffix that soundfile knows.
        waveform: (N,) or (N, channels) in [-1, 1].
        sample_rate: [Hz].
    """
    import soundfile

    with atomic(path) as temporary:
        soundfile.write(temporary, waveform, sample_rate, subtype="PCM_16")


def fit_sound(waveform, sample_rate, seconds):
    r"""Cut or pad a sound with silence at its end to an exact length.

    Args:
        waveform: (N, channels).
        sample_rate: [Hz].
        seconds: wanted length [s].

    Returns:
        (round(seconds sample_rate), channels).
    """
    length = round(seconds * sample_rate)
    waveform = waveform[:length]
    return np.pad(waveform, ((0, length - len(waveform)), (0, 0)))


def write_video(path, frames, fps=FPS, sound=None, sample_rate=None, quality=8):
    r"""Write frames and, if given, a sound as an H.264 file, whole or not at all.

    Args:
        path: .mp4 or another container for H.264.
        frames: iterable of uint8 (H, W, 3), H and W even; consumed one by one.
        fps: frames a second [1/s].
        sound: (N, channels) in [-1, 1], cut to the length wanted, or None.
        sample_rate: of the sound [Hz].
        quality: 1 (small) to 10 (good).

    Returns:
        How many frames were written.

    Raises:
        ValueError: there is no frame, or a frame differs in shape from the first.
        OSError: the encoder failed (a full disk, say).
    """
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder, atomic(path) as temporary:
        options = {}
        if sound is not None:
            write_sound(Path(folder) / "sound.wav", sound, sample_rate)
            options = {"audio_path": str(Path(folder) / "sound.wav"), "audio_codec": "aac"}
        writer, shape, count = None, None, 0
        try:
            for frame in frames:
                frame = np.ascontiguousarray(frame, np.uint8)
                if writer is None:
                    shape = frame.shape
                    writer = imageio_ffmpeg.write_frames(
                        str(temporary),
                        (shape[1], shape[0]),
                        fps=fps,
                        codec="libx264",
                        quality=quality,
                        macro_block_size=2,
                        ffmpeg_log_level="error",
                        output_params=["-movflags", "+faststart"],
                        **options,
                    )
                    writer.send(None)
                if frame.shape != shape:
                    raise ValueError(f"frame {count} has shape {frame.shape}, the first {shape}")
                writer.send(frame)
                count += 1
        finally:
            if writer is not None:
                writer.close()
        if count == 0:
            raise ValueError(f"{path}: no frame to write")
        written, _ = imageio_ffmpeg.count_frames_and_secs(str(temporary))
        if written != count:
            raise OSError(f"{path}: only {written} of {count} frames could be written")
    return count
