r"""Files and pipes played in real time. Oracles: ffmpeg's own AVI; bytes written by hand."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

import sample_mfr
from mfr.files import media
from mfr.live import avi, film
from mfr.live.session import LiveFrame

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    r"""1 s, 25 fps, 62x48 (rows of an AVI end at multiples of 4), sound at 22,050 Hz."""
    path = tmp_path_factory.mktemp("clip") / "speaker.mp4"
    rng = np.random.default_rng(0)
    frames = np.broadcast_to(rng.integers(0, 255, (25, 1, 1, 3), dtype=np.uint8), (25, 48, 62, 3))
    sound = 0.2 * rng.normal(size=(22_050, 2))
    media.write_video(path, frames, fps=25, sound=sound, sample_rate=22_050)
    return path


@pytest.fixture(scope="module")
def piped(clip):
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *avi.HOW.split()]
    return subprocess.run(words, capture_output=True, check=True).stdout


class Pipe(io.RawIOBase):
    r"""Bytes that can be read once and not sought."""

    def __init__(self, content):
        self.file = io.BytesIO(content)

    def read(self, count=-1):
        return self.file.read(count)


def test_avi_is_what_ffmpeg_decodes(clip, piped):
    format, parts = avi.read(Pipe(piped))
    parts = list(parts)
    pictures = np.stack([content for kind, content in parts if kind == "picture"])
    sound = np.concatenate([content for kind, content in parts if kind == "sound"])
    assert (format.fps, format.width, format.height) == (25, 62, 48)
    assert (format.rate, format.channels) == (22_050, 2)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *raw]
    expected = subprocess.run(words, capture_output=True, check=True).stdout
    expected = np.frombuffer(expected, np.uint8).reshape(-1, 48, 62, 3)
    assert pictures.shape == expected.shape
    assert np.abs(pictures.astype(int) - expected).max() <= 2
    offline, rate = media.read_sound(clip)
    count = min(len(offline), len(sound))
    assert rate == 22_050 and count > 20_000
    np.testing.assert_allclose(sound[:count] / 2**15, offline[:count], atol=1e-3)


def test_a_stream_that_ends_in_a_frame_gives_the_frames_before(piped):
    _, parts = avi.read(Pipe(piped))
    whole = len(list(parts))
    for cut in (1, 3000, len(piped) // 2):
        _, parts = avi.read(Pipe(piped[:-cut]))
        assert len(list(parts)) < whole or cut == 1  # the last byte belongs to the index


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "standard input: is empty"),
        (b"hello, this is no film", "is no AVI; allowed: ffmpeg"),
        (b"RIFF\0\0\0\0AVI ", "neither pictures nor sound"),
        (b"RIFF\0\0\0\0AVI JUNK\xff\xff\xff\xff", "a chunk says it is 4294967295 bytes"),
    ],
)
def test_bad_streams_are_refused(content, message):
    with pytest.raises(ValueError, match=message):
        avi.read(Pipe(content))


def test_compressed_pictures_are_refused(clip):
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip)]
    words += ["-c:v", "mjpeg", "-f", "avi", "-"]
    content = subprocess.run(words, capture_output=True, check=True).stdout
    with pytest.raises(ValueError, match="not raw 24-bit"):
        avi.read(Pipe(content))


def test_pipe_is_timed_by_what_it_counted(piped):
    source = film.from_pipe(Pipe(piped))
    assert (source.fps, source.rate, source.waits) == (25, 22_050, False)
    shown = [(until, at[0]) for until, frames, _, at, _ in source.chunks if len(frames)]
    assert shown == [((k + 1) / 25, k / 25) for k in range(25)]


def test_as_seen_repeats_the_frame_that_stayed():
    given = [(2, "a"), (3, "b"), (6, "c")]
    frames = [film_frame(number, letter) for number, letter in given]
    seen = [chr(pixels.flat[0]) for pixels in film._as_seen(frames)]
    assert "".join(seen) == "aaabbbc"


def film_frame(number, letter):
    return LiveFrame(number, np.full((2, 2, 3), ord(letter), np.uint8))


@pytest.mark.parametrize("pipe", [False, True])
def test_command_plays_a_clip_in_real_time(
    system, clip, piped, tmp_path, monkeypatch, capsys, pipe, patient
):
    monkeypatch.setattr(sample_mfr, "assemble", lambda options: system)
    if pipe:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": Pipe(piped)}))
    words = ["--live", "-" if pipe else str(clip), "--attitude", "neutral", "--steps", "1"]
    sample_mfr.main([*words, "--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "frames given out in time" in said and "latency   median" in said and "neutral" in said
    assert 25 <= len(media.read_video(tmp_path / "live.mp4")) <= 31
    info = media.probe(tmp_path / "live.mp4")
    assert info.has_sound != pipe


def test_an_empty_picture_shows_the_one_before(piped):
    def chunk(name, content):
        return name + len(content).to_bytes(4, "little") + content

    begin = piped.index(b"movi") + 4  # after it: chunks of a hand's own
    first = np.arange(48 * 188, dtype=np.uint16).astype(np.uint8).tobytes()  # rows of 186 + 2
    content = piped[:begin] + chunk(b"00dc", first) + 2 * chunk(b"00dc", b"")
    _, parts = avi.read(Pipe(content))
    pictures = [picture for _, picture in parts]
    assert len(pictures) == 3
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)
    _, parts = avi.read(Pipe(piped[:begin] + chunk(b"00dc", b"")))
    assert list(parts) == []  # there is none before


class Slowly:
    r"""A Live that gives 30 frames for a second, and calls somebody in the middle."""

    def __init__(self, calls):
        self.pushed, self.taken, self.calls = 0, 0, calls
        self.work = {"see": 0.0}

    @property
    def waiting(self):
        return self.pushed - self.taken

    def push(self, *chunk):
        self.pushed += 1

    def end(self):
        pass

    def skip(self, number):
        return 0

    def take(self):
        self.taken += 1
        for _ in range(self.calls.get(self.taken, 0)):
            signal.raise_signal(signal.SIGINT)
        return LiveFrame(self.taken - 1, np.full((16, 16, 3), self.taken, np.uint8))


def a_second(sound=None):
    chunks = ((0.5, [None], None, None, None) for _ in range(30))
    return film.Source(30, 8000, chunks, False, sound)


@pytest.fixture
def patient(monkeypatch):
    r"""On a machine that does other things too."""
    monkeypatch.setattr(film, "LIMIT", 900.0)
    monkeypatch.setattr("mfr.live.pace.LIMIT", 900.0)
    monkeypatch.setattr("mfr.live.pace.DELAY", -900.0)


def test_an_interrupt_leaves_a_whole_video_of_what_was_shown(tmp_path, patient):
    tone = np.sin(np.arange(8000) / 3)[:, None]
    before = signal.getsignal(signal.SIGINT)
    path = tmp_path / "live.mp4"
    summary = film.perform(Slowly({12: 1}), a_second(tone), path)
    assert summary["stopped"] and summary["given"] == 12 and "interrupted" in film.told(summary)
    assert len(media.read_video(path)) == 12
    sound, rate = media.read_sound(path)
    assert abs(len(sound) / rate - 12 / 30) < 0.06  # a packet of its encoder
    assert signal.getsignal(signal.SIGINT) is before
    whole = film.perform(Slowly({}), a_second(tone[:4000]), path)
    assert not whole["stopped"] and "interrupted" not in film.told(whole)
    assert len(media.read_video(path)) == 30  # though its sound is shorter


def test_two_interrupts_or_an_early_one_leave_nothing(tmp_path, patient):
    with pytest.raises(KeyboardInterrupt):
        film.perform(Slowly({12: 2}), a_second(), tmp_path / "a.mp4")
    live = Slowly({})
    live.push = lambda *chunk: None  # no frame ever comes

    def chunks():
        yield from ()
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
        yield

    with pytest.raises(KeyboardInterrupt):
        film.perform(live, film.Source(30, 8000, chunks(), False), tmp_path / "b.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_reaches_ffmpeg_too(weights, clip, tmp_path):
    words = [sys.executable, "sample_mfr.py", "--live", str(clip), "--weights", str(weights)]
    words += ["--steps", "1", "--out", str(tmp_path / "out")]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(words, start_new_session=True, **quiet) as command:
        while "in real time" not in command.stdout.readline():
            assert command.poll() is None, command.stderr.read()
        time.sleep(0.8)  # it lasts for one second
        os.killpg(command.pid, signal.SIGINT)
        said, trouble = command.communicate(timeout=600)
    left = [path.name for path in (tmp_path / "out").glob("*")]
    assert "Traceback" not in trouble
    if command.returncode == 0:
        assert left == ["live.mp4"] and media.probe(tmp_path / "out" / left[0]).has_video
    else:  # no frame was shown yet, or in time
        assert command.returncode in (130, 2) and left == []


def test_no_frame_in_time_is_said():
    with pytest.raises(ValueError, match="no frame was ready within 400 ms"):
        list(film._as_seen([]))


def test_command_refuses_what_is_no_video(system, tmp_path, monkeypatch):
    monkeypatch.setattr(sample_mfr, "assemble", lambda options: system)
    with pytest.raises(ValueError, match="media file .*: no such file"):
        sample_mfr.main(["--live", str(tmp_path / "none.mp4")])
