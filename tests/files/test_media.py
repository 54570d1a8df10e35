r"""Video, sound and pictures. Oracles: what was written is what is read, a bright flash and a click
placed at the same known moment, plain arithmetic on lengths."""

import gc
import os
import re
import subprocess
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from mfr.config import MotionConfig
from mfr.face.coefficients import save_mat
from mfr.files import media, whole
from mfr.files.ffmpeg import ffmpeg
from mfr.training import checkpoint


def flat(value, shape=(64, 48, 3)):
    return np.full(shape, value, np.uint8)


@pytest.fixture
def flash(tmp_path):
    r"""25 fps, 96x64, 2 s, stereo 22.05 kHz: black, white from 1.2 s on; a click at 1.2 s."""
    frames = [flat(255 if i >= 30 else 0, (64, 96, 3)) for i in range(50)]
    sound = np.zeros((44100, 2))
    sound[26460:26500] = 0.9
    path = tmp_path / "flash.mp4"
    media.write_video(path, frames, fps=25, sound=sound, sample_rate=22050)
    return path


def test_probe_names_what_is_inside(flash):
    info = media.probe(flash)
    assert (info.fps, info.size, info.has_video, info.has_sound) == (25, (96, 64), True, True)
    assert abs(info.seconds - 2) < 0.1


def test_video_comes_at_30_frames_a_second_and_256_pixels(flash):
    frames = media.read_video(flash)
    assert frames.shape == (60, 256, 256, 3) and frames.dtype == np.uint8


def test_picture_and_sound_stay_in_step(flash):
    frames = media.read_video(flash)
    white = int(np.argmax(frames.mean(axis=(1, 2, 3)) > 128))
    sound, rate = media.read_sound(flash)
    click = int(np.argmax(np.abs(sound).max(axis=1) > 0.3)) / rate
    assert abs(white / 30 - 1.2) <= 1 / 30 and abs(click - 1.2) <= 1 / 30


@pytest.mark.parametrize("late", ["", "picture", "sound"])
@pytest.mark.parametrize("rate", ["24", "25", "30000/1001", "50", "60"])
def test_flash_and_click_stay_within_a_frame_at_every_rate_and_if_one_begins_late(
    rate, late, tmp_path
):
    fps, path = float(Fraction(rate)), tmp_path / "a.mp4"
    flash = round(1.2 * fps)
    at, delay = flash / fps, {track: 0.4 * (late == track) for track in ("picture", "sound")}
    pictures = [flat(255 * (i >= flash), (32, 48, 3)) for i in range(round(2 * fps))]
    sound = np.zeros((32000, 1))
    sound[round(16000 * at) : round(16000 * at) + 40] = 0.9
    media.write_video(tmp_path / "even.mp4", pictures, Fraction(rate), sound, 16000)
    inputs = [("-itsoffset", seconds, "-i", tmp_path / "even.mp4") for seconds in delay.values()]
    streams = ("-map", "0:v", "-map", "1:a", "-c", "copy")
    subprocess.run(ffmpeg("-v", "error", *inputs[0], *inputs[1], *streams, path), check=True)
    light = np.array([frame.mean() for frame in media.stream_video(path, size=32)])
    heard, hertz = media.read_sound(path)
    seen = np.argmax(light > 128) / 30
    click = np.argmax(np.abs(heard).max(1) > 0.3) / hertz
    assert abs(seen - at - delay["picture"]) <= 1 / 30 + 1e-3
    assert abs(click - at - delay["sound"]) <= 1 / 30


def test_every_keeps_each_nth_frame(flash):
    assert np.array_equal(media.read_video(flash, every=7), media.read_video(flash)[::7])


def test_crop_takes_the_named_square(tmp_path):
    frame = flat(0, (64, 96, 3))
    frame[16:48, 32:64] = 255
    media.write_video(tmp_path / "a.mp4", [frame] * 3)
    inside = media.read_video(tmp_path / "a.mp4", size=32, crop=(32, 16, 32))
    assert inside.min() > 200
    with pytest.raises(ValueError, match=r"crop 80,0,32 .* 96x64"):
        media.read_video(tmp_path / "a.mp4", crop=(80, 0, 32))


def test_a_wide_video_is_covered_not_squeezed(tmp_path):
    frame = flat(0, (64, 128, 3))
    frame[:, 32:96] = 255  # the middle square
    media.write_video(tmp_path / "a.mp4", [frame] * 2)
    assert media.read_video(tmp_path / "a.mp4", size=64)[:, :, 2:-2].min() > 200


def test_sound_keeps_its_rate_and_channels(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, 2))
    media.write_sound(tmp_path / "a.wav", wave, 44100)
    back, rate = media.read_sound(tmp_path / "a.wav")
    assert rate == 44100 and np.abs(back - wave).max() < 1 / 32000


def test_fit_sound_cuts_and_pads():
    wave = np.ones((10, 2))
    assert media.fit_sound(wave, 10, 0.7).shape == (7, 2)
    assert media.fit_sound(wave, 10, 1.3)[:, 0].tolist() == [1.0] * 10 + [0.0] * 3


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "I;16", "1", "CMYK"])
def test_pictures_of_every_mode_become_rgb(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (80, 60)).save(path)
    pixels = media.read_image(path)
    assert pixels.shape == (256, 256, 3) and pixels.dtype == np.uint8


def test_grey_of_16_bits_keeps_its_light(tmp_path):
    grey = np.full((64, 64), 0x4567, np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert (media.read_image(tmp_path / "a.png") == 0x45).all()


def test_a_transparent_picture_stands_on_white(tmp_path):
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert media.read_image(tmp_path / "a.png").min() == 255


def test_a_turned_photograph_is_set_upright(tmp_path):
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (0, 0, 64, 32))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    pixels = media.read_image(tmp_path / "a.jpg", size=64)
    assert pixels[:28].mean() < 20 and pixels[36:].mean() > 235


@pytest.mark.parametrize(
    "content, message",
    [(b"", "empty"), (b"no media at all" * 50, "neither video nor sound"), (None, "no such file")],
)
def test_what_is_no_video_is_named(tmp_path, content, message):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"bad.mp4.*{message}"):
        media.read_video(path)


def test_a_sound_file_given_as_video_is_named(tmp_path):
    media.write_sound(tmp_path / "a.wav", np.zeros((1000, 1)), 8000)
    with pytest.raises(ValueError, match="a.wav: has sound but no picture"):
        media.read_video(tmp_path / "a.wav")


def test_a_video_without_sound_is_named(tmp_path):
    media.write_video(tmp_path / "a.mp4", [flat(9)] * 3)
    with pytest.raises(ValueError, match="a.mp4: has no sound"):
        media.read_sound(tmp_path / "a.mp4")


def test_a_truncated_video_is_named(flash, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(flash.read_bytes()[:200])
    with pytest.raises(ValueError, match="cut.mp4"):
        media.read_video(path)


@pytest.mark.parametrize(
    "content", [b"not a picture", b"\x89PNG\r\n\x1a\n broken", b"P6 9 9 70000 "]
)
def test_what_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match="a.png: is not a picture"):
        media.read_image(tmp_path / "a.png")


def test_a_tiny_picture_is_refused(tmp_path):
    Image.new("RGB", (16, 200)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="16x200; at least 32x32"):
        media.read_image(tmp_path / "a.png")


def test_a_failed_video_leaves_nothing(tmp_path):
    def frames():
        yield flat(1)
        yield flat(1, (32, 32, 3))

    with pytest.raises(ValueError, match=r"frame 1 has shape \(32, 32, 3\)"):
        media.write_video(tmp_path / "a.mp4", frames())
    with pytest.raises(ValueError, match="no frame"):
        media.write_video(tmp_path / "a.mp4", [])
    assert list(tmp_path.iterdir()) == []


def ticking(count):
    r"""Frames that are told apart by their light: 4, 12, 20, ..."""
    return [flat(4 + 8 * i) for i in range(count)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_every_container_gives_the_frames_back(tmp_path, suffix):
    path, sound = tmp_path / f"a{suffix}", np.zeros((8000, 1))
    sound[3900:4100] = 0.5
    assert media.write_video(path, ticking(30), 30, sound, 8000, quality=9) == 30
    info = media.probe(path)
    assert info.size == (48, 64) and info.has_sound == (suffix != ".gif")
    light = media.read_video(path).mean((1, 2, 3))
    assert len(light) == 30 and np.abs(light - (4 + 8 * np.arange(30))).max() < 6
    if info.has_sound:
        heard, rate = media.read_sound(path)
        assert abs(np.abs(heard).max(1).argmax() / rate - 0.5) < 0.05
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_quality_costs_bytes(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(6)]
    for suffix in (".mp4", ".webm", ".gif"):
        small, good = tmp_path / f"s{suffix}", tmp_path / f"g{suffix}"
        media.write_video(small, frames, quality=1)
        media.write_video(good, frames, quality=10)
        assert small.stat().st_size < 0.8 * good.stat().st_size


def test_pictures_of_a_folder_are_the_frames_themselves(tmp_path):
    frames = [np.random.default_rng(i).integers(0, 256, (9, 7, 3), np.uint8) for i in range(12)]
    assert media.write_stills(tmp_path / "a", frames) == 12
    assert media.write_stills(tmp_path / "a", frames[:3]) == 3  # the old ones go
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a" / "000002.png")), frames[2])
    (tmp_path / "a" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds notes.txt"):
        media.write_stills(tmp_path / "a", frames)
    with pytest.raises(ValueError, match="no frame"):
        media.write_stills(tmp_path / "b", [])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("wanted", [12, 24, 25, 30, 50, 60])
def test_another_rate_shows_what_was_shown_at_the_time(wanted):
    shown = list(media.at_rate(range(90), 30, wanted))
    assert len(shown) == 3 * wanted
    assert shown == [int((k + 0.5) * 30 / wanted) for k in range(3 * wanted)]


def test_other_suffixes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"a.avi: is no video to write; allowed: .mp4, .webm"):
        media.write_video(tmp_path / "a.avi", ticking(2))


def test_glances_are_whole_small_and_few(flash):
    seen = list(media.glances(flash, 5, 48))
    assert len(seen) == 10 and seen[0].shape == (32, 48, 3)
    assert [picture.mean() > 128 for picture in seen] == [False] * 6 + [True] * 4


def test_squares_that_move_show_what_lies_in_them(tmp_path):
    frame = flat(0, (64, 96, 3))
    frame[16:48, 32:64] = 255
    media.write_video(tmp_path / "a.mp4", [frame] * 4)
    squares = np.array([[32, 16, 32], [0, 16, 32], [24, 8, 48.0]])
    seen = list(media.stream_video(tmp_path / "a.mp4", size=32, crop=squares))
    assert seen[0].min() > 200 and seen[1][:, :28].max() < 30
    assert len(seen) == 4 and np.array_equal(seen[2], seen[3])  # the last one goes on
    assert 0.3 < seen[2].mean() / 255 < 0.6


def test_an_upright_telephones_video_has_the_size_that_is_seen(flash, tmp_path):
    path = tmp_path / "turned.mp4"
    turn = ffmpeg("-v", "error", "-display_rotation", 90, "-i", flash, "-c", "copy", path)
    subprocess.run(turn, check=True)
    assert media.probe(path).size == (64, 96)
    assert next(media.glances(path, 1, 960)).shape == (96, 64, 3)


def test_nothing_stays_open(flash, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        stream = media.stream_video(flash)
        next(stream)
        stream.close()
        del stream
        media.read_sound(flash)
        media.write_video(tmp_path / "a.mp4", ticking(3))
        with pytest.raises(ValueError):
            media.write_video(tmp_path / "b.mp4", [flat(1), flat(1, (32, 32, 3))])
        gc.collect()


def full(path):
    r"""Make what is about to be written to a path end at a disk without room."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    temporary.symlink_to("/dev/full")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
@pytest.mark.parametrize(
    "name, write",
    [
        ("a.mp4", lambda p: media.write_video(p, [flat(9)] * 40)),
        ("a.webm", lambda p: media.write_video(p, [flat(9)] * 40)),
        ("a.gif", lambda p: media.write_video(p, [flat(9)] * 40)),
        ("a.wav", lambda p: media.write_sound(p, np.zeros(90000), 8000)),
        ("a.png", lambda p: media.write_image(p, flat(9))),
        ("a.pt", lambda p: checkpoint.save(p, "motion", MotionConfig(), {"a": torch.zeros(9)})),
        ("a.mat", lambda p: save_mat(p, np.zeros((9, 257)))),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(name, write, tmp_path, capsys):
    path = tmp_path / name
    path.write_bytes(b"old")
    full(path)
    with pytest.raises(SystemExit) as stop:
        whole.command(lambda: write(path))
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and "\n" not in said
    assert said.startswith(f"error: {path}: cannot be written"), said
    assert re.search("No space left|System error", said), said  # the latter of libsndfile
    assert [p.name for p in tmp_path.iterdir()] == [name] and path.read_bytes() == b"old"


def test_a_file_that_is_read_while_another_is_written_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        with whole.atomic(tmp_path / "a.txt"):
            open(tmp_path / "gone")
