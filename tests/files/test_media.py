r"""Video, sound and pictures. Oracles: what was written is what is read, a bright flash and a click
placed at the same known moment, plain arithmetic on lengths."""

import numpy as np
import pytest
from PIL import Image

from mfr.files import media


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
