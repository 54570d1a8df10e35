r"""Sound and pictures on one row of frames.

Oracles: the offline features of the sound cut at each moment; a slow search for the picture that
a frame's middle shows; the offline smoothing.
"""

import numpy as np
import pytest

from mfr.face.coefficients import to_motion
from mfr.face.reconstruction import smooth
from mfr.live.timeline import SETTLED, PictureLine, SoundLine
from mfr.sound.features import acoustic_features

CLOSE = {"rtol": 1e-4, "atol": 2e-3}  # float32 matrix products of other shapes


def noise(count, channels=None, seed=0):
    shape = count if channels is None else (count, channels)
    return (0.1 * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_features_are_the_offline_ones_of_the_sound_so_far(rate):
    sound, line = noise(7 * rate), SoundLine(rate)
    line.take(sound)
    for frames in (1, 13, 37, 101, 199):
        newest = min(frames, 17)
        found = line.features(frames, newest)
        offline = acoustic_features(sound[: -(-frames * rate // 30)], rate, frames)
        np.testing.assert_allclose(found, offline[-newest:], **CLOSE)


def test_features_settle_after_six_frames():
    sound, line = noise(64_000), SoundLine(16_000)
    line.take(sound)
    offline, found = acoustic_features(sound, 16_000, 120), line.features(60, 30)
    np.testing.assert_allclose(found[:-SETTLED], offline[30 : 60 - SETTLED], **CLOSE)
    assert not np.allclose(found[-SETTLED], offline[60 - SETTLED], **CLOSE)


def test_sound_lies_where_its_times_say():
    sound, line = noise(8_000), SoundLine(8_000)
    line.take(sound[:1000], at=0.0)
    line.take(sound[800:2000], at=0.1)  # a fifth of it came before
    line.take(sound[2000:2200], at=0.251)  # a clock that is 1 ms slow
    line.take(sound[2200:2400], at=0.274)  # and 1 ms fast
    line.take(sound[2000:2400], at=0.25)  # once more
    line.take(sound[4000:], at=0.5)  # what lay between was lost
    there = np.concatenate(line.parts)
    expected = sound.copy()
    expected[2400:4000] = 0
    np.testing.assert_array_equal(there, expected)
    assert (line.lost, line.late) == (1600, 600) and line.frames == 30


def test_sound_memory_is_constant():
    line = SoundLine(8_000)
    for second in range(1, 61):
        line.take(noise(8_000, seed=second))
        line.features(30 * second, 12)
        assert sum(map(len, line.parts)) <= 3 * 8_000


def test_stereo_and_integers_read_as_offline():
    sound = (noise(16_000, 2) * 2**15).astype(np.int16)
    line = SoundLine(16_000)
    for part in np.split(sound, [3, 700]):
        line.take(part)
    np.testing.assert_allclose(line.features(30, 30), acoustic_features(sound, 16_000), **CLOSE)


@pytest.mark.parametrize("rate", [7_999, 16_000.5, 200_000])
def test_bad_rate_is_refused(rate):
    with pytest.raises(ValueError, match="sample_rate .* is not allowed"):
        SoundLine(rate)


def test_wrong_clocks_are_refused():
    with pytest.raises(ValueError, match="sound begins at 99999 s after 0 s"):
        SoundLine(8_000).take(noise(10), at=99_999)
    with pytest.raises(ValueError, match="a picture begins at 99999 s after 0 s"):
        pictures(30).take(picture(0), at=99_999)


# ---- pictures ----


def picture(value):
    return np.full((2, 2, 3), value, np.uint8)


def pictures(fps, looked=None):
    def look(image):
        value = int(image[0, 0, 0])
        if looked is not None:
            looked.append(value)
        return np.full(257, value, np.float32)

    return PictureLine(look, fps, np.full(70, -1.0))


def shown(line):
    return [None if row is None else int(row[0]) for row in line.rows]


@pytest.mark.parametrize("fps", [15, 24, 30, 50, 60])
@pytest.mark.parametrize("stamped", [True, False])
def test_a_frame_shows_the_newest_picture_that_has_begun_by_its_middle(fps, stamped):
    looked, count = [], 2 * fps
    line = pictures(fps, looked)
    for k in range(count):
        line.take(picture(k), k / fps if stamped else None)
    middles = (np.arange(60) + 0.5) / 30
    expected = [max(k for k in range(count) if k / fps <= middle + 1e-9) for middle in middles]
    assert shown(line) == expected[: line.frames] and line.frames >= 59
    assert looked == sorted(set(looked)) == sorted(set(shown(line)))  # each once, as it comes
    assert line.lost == line.late == 0


def test_lost_late_and_doubled_pictures():
    line = pictures(30)
    for k in (0, 1, 1, 4, 3, 5):
        line.take(picture(k), k / 30)
    assert shown(line) == [0, 1, 1, 1, 4, 5]
    assert (line.lost, line.late) == (2, 2)


def test_a_speaker_who_is_not_seen_yet_is_the_average_one():
    line = pictures(30)
    line.hold(3)
    line.take(picture(7))
    assert shown(line) == [None, None, None, 7]
    found = line.coefficients(4, 4).numpy()
    assert found[:, 0].tolist() == [-1, -1, -1, 7]


def test_coefficients_are_the_offline_ones_of_the_pictures_so_far():
    rows = np.random.default_rng(0).normal(size=(100, 257)).astype(np.float32)
    line = PictureLine(lambda image: rows[int(image[0, 0, 0])], 30, np.zeros(70))
    for k in range(100):
        line.take(picture(k))
        if k % 7 == 6:
            offline = to_motion(smooth(rows[: k + 1]))
            found = line.coefficients(k + 1, min(k + 1, 13)).numpy()
            np.testing.assert_allclose(found, offline[-13:], rtol=1e-5, atol=1e-6)
    assert len(line.rows) <= 100 and line.first > 0
