r"""Features of a sound in blocks. Oracle: those of the whole sound."""

import numpy as np
import pytest

from mfr.sound.features import acoustic_features
from mfr.sound.stretches import features_in_stretches


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
@pytest.mark.parametrize("seconds", [0.07, 30.99, 31.0, 61.013, 66.0])
def test_features_in_stretches_are_those_of_the_whole(rate, seconds):
    rng = np.random.default_rng(0)
    samples = int(seconds * rate)
    loud = 0.1 + 0.1 * np.sin(np.arange(samples) / rate)
    wave = (loud[:, None] * rng.normal(size=(samples, 2))).astype(np.float32)
    cuts = np.sort(rng.integers(0, samples, 7))
    parts = list(features_in_stretches(np.split(wave, cuts), rate))
    frames = int(samples / rate * 30 + 0.5)
    found = np.concatenate(parts)
    assert found.shape == (frames, 45) and max(map(len, parts)) <= 31 * 30 + 1
    assert np.abs(found - acoustic_features(wave, rate, frames)).max() < 1e-3  # [dB]


def test_less_than_half_a_frame_of_sound_is_nothing():
    assert list(features_in_stretches([np.zeros(100), np.zeros((0,))], 8000)) == []
    assert list(features_in_stretches([], 8000)) == []
