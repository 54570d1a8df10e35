r"""Sound block by block. Oracles: what was written; soundfile's own reading at once."""

import gc
import warnings

import numpy as np
import pytest
import soundfile

from mfr.files import media, sounds


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    r"""The same 5 s of stereo as a .wav and as the sound of a video."""
    folder = tmp_path_factory.mktemp("sounds")
    wave = 0.3 * np.random.default_rng(0).normal(size=(110251, 2)).clip(-3, 3)
    media.write_sound(folder / "a.wav", wave, 22050)
    frames = [np.zeros((32, 32, 3), np.uint8)] * 150
    media.write_video(folder / "a.mp4", frames, sound=wave, sample_rate=22050)
    return folder


@pytest.mark.parametrize("name", ["a.wav", "a.mp4"])
def test_blocks_are_the_sound(files, name, monkeypatch):
    monkeypatch.setattr(sounds, "BLOCK", 4099)
    rate, channels, blocks = sounds.stream_sound(files / name)
    blocks = list(blocks)
    assert (rate, channels) == (22050, 2) and blocks[0].dtype == np.float32
    assert max(map(len, blocks)) == 4099
    whole, _ = sounds.read_sound(files / name)
    assert np.array_equal(np.concatenate(blocks), whole) and len(whole) >= 110251
    expected, _ = soundfile.read(files / "a.wav", dtype="float32")
    close = 1e-6 if name == "a.wav" else 0.2  # AAC loses something
    assert np.sqrt(np.mean((whole[:110251] - expected) ** 2)) <= close


@pytest.mark.parametrize("samples", [1, 8198, 110251, 130000])
def test_a_sound_is_as_long_as_is_asked_for(files, samples, monkeypatch, tmp_path):
    monkeypatch.setattr(sounds, "BLOCK", 4099)
    sound = sounds.Sound(files / "a.wav", 22050, 2, samples)
    heard = np.concatenate(list(sound.blocks()))
    whole, rate = sounds.read_sound(files / "a.wav")
    assert len(sound) == len(heard) == samples
    assert np.array_equal(heard, media.fit_sound(whole, rate, samples / rate))
    sounds.write_sound(tmp_path / "b.wav", sound, rate)
    assert np.abs(sounds.read_sound(tmp_path / "b.wav")[0] - heard).max() <= 1 / 32768


def test_a_sound_that_is_not_read_to_its_end_leaves_nothing_open(files):
    gc.collect()  # what other tests left is theirs
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        for name in ("a.wav", "a.mp4"):
            next(sounds.stream_sound(files / name).blocks)
            sounds.stream_sound(files / name)
        gc.collect()
    assert not [warning for warning in seen if warning.category is ResourceWarning]


def test_a_damaged_sound_is_named(files, tmp_path):
    path = tmp_path / "bad.mp4"
    content = bytearray((files / "a.mp4").read_bytes())
    start = content.find(b"mdat")
    content[start + 4 : start + 60000] = b"\xff" * 59996
    path.write_bytes(content)
    try:
        sounds.read_sound(path)
    except ValueError as error:
        assert "bad.mp4" in str(error)
