r"""Sound in and out, block by block: an hour of it is never held whole unless asked for.

A file is read from its time 0, so that picture and sound stay in step when one of them starts late.
"""

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mfr.files.ffmpeg import ffmpeg, last_line, probe
from mfr.files.whole import atomic, existing

BLOCK = 2**16  # samples read at once


class Stream(NamedTuple):
    r"""A sound that is being read."""

    rate: int  # [Hz]
    channels: int
    blocks: object  # iterator of float32 (n, channels) in [-1, 1]


@dataclass(frozen=True)
class Sound:
    r"""A sound in a file, cut or filled up with silence to so many samples."""

    path: Path
    rate: int  # [Hz]
    channels: int
    samples: int

    def __len__(self):
        return self.samples

    def blocks(self):
        r"""Read it again.

        Returns:
            Iterator of float32 (n, channels), n samples at a time.
        """
        left = self.samples
        for block in stream_sound(self.path).blocks:
            yield block[:left]
            left -= len(block[:left])
            if not left:
                return
        while left:
            silence = np.zeros((min(left, BLOCK), self.channels), np.float32)
            left -= len(silence)
            yield silence


def stream_sound(path):
    r"""The sound of a sound file or of a video, at its own rate, from the file's time 0.

    Args:
        path: anything that soundfile or ffmpeg reads.

    Returns:
        Stream.

    Raises:
        ValueError: no such file, no sound in it, or it cannot be decoded.
    """
    import soundfile

    path = existing(path, "sound")
    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:  # not a plain sound file: ask ffmpeg
        if not probe(path).has_sound:
            message = f"{path}: has no sound; give a file of it (sample_mfr.py --sound FILE)"
            raise ValueError(message) from None
        blocks = _decoded(path)
        return Stream(*next(blocks), blocks)
    return Stream(file.samplerate, file.channels, _read(file, path))


def _read(file, path):
    """Blocks of an open sound file."""
    import soundfile

    try:
        with file:
            yield from file.blocks(BLOCK, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path}: its sound cannot be decoded: {error.error_string}") from error


def _decoded(path):
    """(rate, channels), then blocks: what ffmpeg makes of a file, as Sun's .au in a pipe."""
    in_step = ("-vn", "-af", "aresample=async=1:first_pts=0", "-c:a", "pcm_f32be", "-f", "au", "-")
    command = ffmpeg("-v", "error", "-i", path, *in_step)
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as decoder,
    ):
        try:
            head = decoder.stdout.read(24)
            if len(head) == 24:
                _, start, _, _, rate, channels = struct.unpack(">6I", head)
                decoder.stdout.read(start - len(head))  # the header's notes
                yield rate, channels
                width = 4 * channels
                while len(content := decoder.stdout.read(BLOCK * width)) >= width:
                    whole = len(content) // width * width
                    block = np.frombuffer(content[:whole], ">f4").astype(np.float32)
                    yield block.reshape(-1, channels)
            if decoder.wait() != 0 or len(head) < 24:
                said.seek(0)
                why = last_line(said.read().decode(errors="replace"))
                raise ValueError(f"{path}: its sound cannot be decoded: {why}")
        finally:
            decoder.kill()


def read_sound(path):
    r"""A whole sound, see stream_sound.

    Args:
        path: anything that soundfile or ffmpeg reads.

    Returns:
        (float32 (N, channels) in [-1, 1], sample rate [Hz]).

    Raises:
        ValueError: no such file, no sound in it, or it cannot be decoded.
    """
    rate, channels, blocks = stream_sound(path)
    return np.concatenate([np.zeros((0, channels), np.float32), *blocks]), rate


def write_sound(path, waveform, sample_rate):
    r"""Write a 16-bit sound file whole or not at all.

    Args:
        path: .wav or another suffix that soundfile knows.
        waveform: (N,) or (N, channels) in [-1, 1], or a Sound.
        sample_rate: [Hz].

    Raises:
        OSError: it cannot be written (a full disk, say).
    """
    import soundfile

    streamed = isinstance(waveform, Sound)
    if not streamed:
        waveform = np.asarray(waveform)
    channels = waveform.channels if streamed else waveform[:1].size
    blocks = waveform.blocks() if streamed else [waveform]
    with atomic(path) as temporary:
        try:
            with soundfile.SoundFile(temporary, "w", sample_rate, channels, "PCM_16") as file:
                for block in blocks:
                    file.write(block)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{path}: cannot be written ({error.error_string})") from error


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
