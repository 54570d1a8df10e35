r"""Acoustic features: audio.py, framing.py, loudness.py, audio_legacy.py.

Oracles: slow loops in float64 (DFT, triangles, DCT, regression, sums), closed forms (sine, ramp,
silence, Parseval), exact fractions for the timing, the transfer function that ITU-R BS.1770 prints,
the level tests of EBU Tech 3341, scipy's sosfilt, and small frozen numbers of librosa 0.11.0,
pyloudnorm 0.2.0 and torchaudio 2.11.0 on the sound that tone_and_noise makes.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.fft
import scipy.signal

from mfr.sound import framing
from mfr.sound.features import (
    DELTA,
    DELTA_DELTA,
    ENERGY,
    LOUDNESS,
    MFCC,
    ZERO_CROSSING_RATE,
    MfccSettings,
    acoustic_features,
    delta,
    loudness,
    mel_bands,
    mfcc,
    rms_energy,
    vico_compat,
    zero_crossing_rate,
)
from mfr.sound.framing import check_sound, frame_starts
from mfr.sound.loudness import CHUNK, K_WEIGHTING, k_filtered, k_weighting

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 37800, 44100, 48000, 88200, 96000, 192000)
PARTS = (acoustic_features, mfcc, rms_energy, zero_crossing_rate, loudness)


def tone_and_noise(rate, seconds):
    r"""A rising tone, a pulsing tone and number-theoretic noise: the same on every machine."""
    n = np.arange(round(rate * seconds))
    t = n / rate
    noise = ((7919 * n + 13) ** 2 % 10007) / 10007 - 0.5
    pulse = 0.1 * np.sin(2 * np.pi * 3100 * t) * (1 + np.sin(2 * np.pi * 5 * t))
    return 0.3 * np.sin(2 * np.pi * (200 * t + 900 * t * t)) + pulse + 0.05 * noise


def sine(rate, frequency, seconds=1.0, amplitude=1.0, phase=0.1):
    t = np.arange(round(rate * seconds)) / rate
    return amplitude * np.sin(2 * np.pi * frequency * t + phase)


def voice(rate, seconds=1.0):
    r"""119 Hz and its harmonics up to 7.4 kHz, made at each rate: no resampling filter in it."""
    t = np.arange(round(rate * seconds)) / rate
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)
    k = np.arange(1, 63)
    k = k[119 * k < 0.49 * rate]
    phases = np.exp(1j * k * k)
    powers = np.cumprod(np.tile(np.exp(2j * np.pi * 119 * t), (len(k), 1)), axis=0)
    return 0.2 * swell * np.sum((phases / k**1.2)[:, None] * powers, axis=0).imag


def windows(x, rate, fps=30, seconds=0.025):
    r"""Slow oracle of the framing: a window's first sample by exact fractions, zeros outside."""
    seconds, fps = Fraction(seconds).limit_denominator(10**6), Fraction(fps)
    width = math.floor(seconds * rate + Fraction(1, 2))
    count = max(1, math.ceil(len(x) * fps / rate - Fraction(1, 2)))
    for i in range(count):
        first = math.floor((i + Fraction(1, 2)) * rate / fps - Fraction(width, 2) + Fraction(1, 2))
        yield np.array([x[n] if 0 <= n < len(x) else 0.0 for n in range(first, first + width)])


# ---- the 45 columns ----


@pytest.mark.parametrize("rate", RATES)
def test_45_columns_at_every_rate(rate):
    x = tone_and_noise(rate, 0.7)
    features = acoustic_features(x, rate)
    assert features.shape == (21, 45) and features.dtype == np.float32
    assert np.isfinite(features).all()
    cepstra = mfcc(x, rate)
    assert np.allclose(features[:, MFCC], cepstra, rtol=1e-6)
    assert np.allclose(features[:, DELTA], delta(cepstra), rtol=1e-6)
    assert np.allclose(features[:, DELTA_DELTA], delta(delta(cepstra)), rtol=1e-6)
    assert np.allclose(features[:, ENERGY], rms_energy(x, rate), rtol=1e-6)
    crossings = zero_crossing_rate(x, rate) * rate / 16000
    assert np.allclose(features[:, ZERO_CROSSING_RATE], crossings, rtol=1e-6)
    assert np.allclose(features[:, LOUDNESS], loudness(x, rate), rtol=1e-6)
    assert [MFCC, DELTA, DELTA_DELTA, ENERGY, ZERO_CROSSING_RATE, LOUDNESS] == [
        slice(0, 14),
        slice(14, 28),
        slice(28, 42),
        42,
        43,
        44,
    ]


def test_45_columns_read_alike_at_every_rate():
    reference = acoustic_features(voice(16000), 16000)[2:-2]
    for rate in (22050, 32000, 44100, 48000, 192000):
        difference = np.abs(acoustic_features(voice(rate), rate)[2:-2] - reference)
        assert difference[:, MFCC].max() < 0.15  # [dB], of cepstra that spread over tens
        assert difference[:, ENERGY].max() < 0.02
        assert difference[:, LOUDNESS].max() < 0.03
        assert difference[:, ZERO_CROSSING_RATE].max() < 1e-4  # of 2 119/16000


def test_45_columns_of_a_sound_below_16_khz_guess_the_missing_bands():
    reference = mfcc(voice(16000), 16000)[2:-2]
    settings = MfccSettings(count=26)
    for rate, whole in ((8000, 19), (11025, 22)):
        powers = scipy.fft.idct(mfcc(voice(rate), rate, settings=settings), norm="ortho", axis=1)
        mel = 2595 * np.log10(1 + np.array([20, 8000]) / 700)
        edges = 700 * (10 ** (np.linspace(*mel, 28) / 2595) - 1)
        assert np.count_nonzero(edges[2:] <= rate / 2) == whole
        assert np.allclose(powers[:, whole:], powers[:, whole - 1 : whole], atol=1e-6)
        assert np.ptp(powers[:, :whole], axis=1).min() > 1
        near = np.abs(mfcc(voice(rate), rate)[2:-2] - reference).mean()
        powers[:, whole:] = -100  # what silence up there would read
        silent = scipy.fft.dct(powers, norm="ortho", axis=1)[2:-2, :14]
        assert near < 0.25 * np.abs(silent - reference).mean()


def test_45_columns_of_stereo_are_those_of_its_mix():
    x = tone_and_noise(16000, 0.5)
    twice = acoustic_features(np.stack([x, x], axis=1), 16000)
    assert np.allclose(twice, acoustic_features(x, 16000), rtol=1e-5, atol=1e-5)
    y = np.roll(x, 111)
    mixed = acoustic_features((x + y + 0 * x) / 3, 16000)
    three = acoustic_features(np.stack([x, y, 0 * x], axis=1), 16000)
    assert np.allclose(three, mixed, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rate", (8000, 44100))
def test_silence_reads_the_floors(rate):
    features = acoustic_features(np.zeros(rate), rate)
    assert np.allclose(features[:, 0], -100 * math.sqrt(26))
    assert np.allclose(features[:, 1:42], 0, atol=1e-4)
    assert (features[:, ENERGY] == -80).all() and (features[:, ZERO_CROSSING_RATE] == 0).all()
    assert (features[:, LOUDNESS] == -70).all()


@pytest.mark.parametrize("length", (1, 2, 3, 199, 401, 533))
def test_short_clip_gives_one_finite_frame(length):
    features = acoustic_features(tone_and_noise(16000, 1)[:length], 16000)
    assert features.shape == (1, 45) and np.isfinite(features).all()


def test_length_is_every_frame_whose_centre_lies_in_the_sound():
    for rate in (8000, 11025, 44100):
        for length in (1, rate // 60, rate // 60 + 1, rate // 20, rate // 20 + 1, rate, rate + 17):
            centres = [Fraction(2 * i + 1, 60) for i in range(60)]
            inside = sum(centre < Fraction(length, rate) for centre in centres)
            assert len(rms_energy(np.ones(length), rate)) == max(1, inside)


def test_num_frames_cuts_or_appends_silence():
    x = tone_and_noise(16000, 0.5)
    whole = acoustic_features(x, 16000)
    assert len(whole) == 15
    # fewer frames: the same numbers, but for the deltas at the new end
    assert np.array_equal(acoustic_features(x, 16000, 7)[:, MFCC], whole[:7, MFCC])
    longer = acoustic_features(x, 16000, 31)
    padded = acoustic_features(np.pad(x, (0, 16000)), 16000, 31)
    assert np.array_equal(longer[:, :44], padded[:, :44])
    assert (longer[22:, ENERGY] == -80).all() and (longer[22:, LOUDNESS] == -70).all()


def test_sample_types_are_scaled_to_full_scale():
    x = np.round(tone_and_noise(16000, 0.3) * 100) / 128  # fits every type exactly
    reference = acoustic_features(x, 16000)
    for kind, scale, offset in (
        ("int16", 2**15, 0),
        ("int32", 2**31, 0),
        ("uint8", 128, 128),
        ("float16", 1, 0),
        ("float32", 1, 0),
    ):
        stored = (x * scale + offset).astype(kind)
        assert np.allclose(acoustic_features(stored, 16000), reference, rtol=1e-4, atol=2e-3), kind
    assert check_sound(np.array([-(2**15)], np.int16), 8000).samples[0, 0] == -1
    assert check_sound(np.array([0, 255], np.uint8), 8000).samples[:, 0].tolist() == [-1, 127 / 128]


def test_sound_is_left_as_it_was_and_strides_do_not_matter():
    x = tone_and_noise(16000, 0.3).astype(np.float32)
    before = x.copy()
    x.flags.writeable = False
    first = acoustic_features(x, 16000)
    assert np.array_equal(x, before)
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    assert np.array_equal(acoustic_features(backwards, 16000), first)
    column = np.stack([x, x], axis=1)[:, :1]
    assert np.array_equal(acoustic_features(column, 16000), first)
    numbers = list(map(float, x))
    assert np.allclose(acoustic_features(numbers, 16000.0), first, rtol=1e-4, atol=1e-4)


def test_gain_moves_levels_and_c0_alone():
    x = tone_and_noise(16000, 0.5)
    difference = acoustic_features(x / 2, 16000) - acoustic_features(x, 16000)
    assert np.allclose(difference[:, 0], -20 * math.log10(2) * math.sqrt(26), atol=1e-3)
    assert np.allclose(difference[:, [ENERGY, LOUDNESS]], -20 * math.log10(2), atol=1e-4)
    others = np.delete(difference, [0, ENERGY, LOUDNESS], axis=1)
    assert np.abs(others).max() < 1e-3


# ---- where a frame looks ----


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("fps", (30, 25, 29.97, Fraction(30000, 1001), 60))
def test_frame_k_is_centred_at_k_and_a_half_over_fps(rate, fps):
    sound, exact = check_sound(np.zeros(1), rate), Fraction(fps).limit_denominator(1001)
    for width in (sound.width(0.025), sound.width(0.4), 7):
        starts = frame_starts(sound, 108_001, fps, width)
        for i in (0, 1, 2, 3, 17, 17_999, 18_000, 107_999, 108_000):  # up to an hour at 30 fps
            centre = int(starts[i]) + Fraction(width, 2)
            assert abs(centre - (i + Fraction(1, 2)) * rate / exact) <= Fraction(1, 2)


@pytest.mark.parametrize("rate", (8000, 11025, 44100))
def test_frame_k_hears_the_click_at_600_seconds(rate):
    x = np.zeros(601 * rate, np.float32)
    for frame in (0, 18_000, 18_029):
        x[round((frame + 0.5) / 30 * rate)] = 1.0
    energy = rms_energy(x, rate)
    assert np.flatnonzero(energy > -80).tolist() == [0, 18_000, 18_029]
    assert np.flatnonzero(mfcc(x, rate)[:, 0] > -500).tolist() == [0, 18_000, 18_029]
    # 400 ms reach 6 frames to either side of a frame's centre, less half a sample
    heard = np.flatnonzero(loudness(x, rate) > -70)
    assert set(range(17_995, 18_006)) <= set(heard) <= {*range(7), *range(17_994, 18_030)}


def test_frame_k_hears_its_own_window_and_nothing_else():
    for rate in (8000, 16000, 44100):
        width = math.floor(0.025 * rate + 0.5)
        first = math.floor(Fraction(7, 60) * rate - Fraction(width, 2) + Fraction(1, 2))
        for n, heard in (
            (first - 1, False),
            (first, True),
            (first + width - 1, True),
            (first + width, False),
        ):
            x = np.zeros(rate // 4)
            x[n] = 1
            assert (rms_energy(x, rate)[3] > -80) == heard


def test_window_that_begins_before_the_sound_sees_silence_there():
    x = tone_and_noise(16000, 0.2)  # at 60 fps the first window begins 4 ms too early
    energy = [10 * math.log10(np.mean(frame**2)) for frame in windows(x, 16000, fps=60)]
    assert np.allclose(rms_energy(x, 16000, fps=60), energy, rtol=1e-9)
    assert energy[0] < 20 * math.log10(np.sqrt(np.mean(x[:333] ** 2)))


# ---- MFCC ----


@pytest.mark.parametrize("mel", ("htk", "slaney"))
def test_mfcc_is_the_slow_sum(mel):
    rate, settings = 8000, MfccSettings(count=7, bands=11, low=90, high=3700, mel=mel)
    x = tone_and_noise(rate, 0.17)
    if mel == "htk":
        edges = 700 * (
            10 ** (np.linspace(*(2595 * np.log10(1 + f / 700) for f in (90, 3700)), 13) / 2595) - 1
        )
    else:  # linear to 1 kHz at 200/3 Hz a mel, then 27 steps for each factor of 6.4
        top = 15 + 27 * math.log(3.7) / math.log(6.4)
        steps = np.linspace(90 * 3 / 200, top, 13)
        edges = np.array([200 / 3 * m if m < 15 else 1000 * 6.4 ** ((m - 15) / 27) for m in steps])
    rows = []
    for frame in windows(x, rate):
        width = len(frame)
        hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / width) for n in range(width)]
        power = [
            abs(
                sum(
                    h * s * np.exp(-2j * np.pi * k * n / width)
                    for n, (h, s) in enumerate(zip(hann, frame, strict=True))
                )
            )
            ** 2
            for k in range(width // 2 + 1)
        ]
        bands = [
            sum(
                p * np.interp(k * rate / width, edges[b : b + 3], [0, 1, 0], 0, 0)
                for k, p in enumerate(power)
            )
            * 2
            / (width * sum(h * h for h in hann))
            for b in range(11)
        ]
        levels = [max(10 * math.log10(p), -100) for p in bands]
        rows.append(
            [
                math.sqrt((1 if c == 0 else 2) / 11)
                * sum(v * math.cos(math.pi * c * (2 * b + 1) / 22) for b, v in enumerate(levels))
                for c in range(7)
            ]
        )
    assert np.allclose(mfcc(x, rate, settings=settings), rows, rtol=1e-9, atol=1e-9)


@pytest.mark.equation("mfcc")
def test_mfcc_of_the_defaults_is_the_slow_sum():
    rate = 16000  # 400 samples a window, which is as long as the FFT
    x = tone_and_noise(rate, 0.1)
    mels = np.linspace(2595 * np.log10(1 + 20 / 700), 2595 * np.log10(1 + 8000 / 700), 28)
    edges = 700 * (10 ** (mels / 2595) - 1)
    basis = np.cos(np.pi * np.arange(14)[:, None] * (2 * np.arange(26) + 1) / 52) / np.sqrt(13)
    basis[0] /= np.sqrt(2)
    rows = []
    for frame in windows(x, rate):
        n, length = np.arange(len(frame)), len(frame)
        hann = np.sin(np.pi * n / length) ** 2
        k = np.arange(length // 2 + 1)
        turned = np.exp(-2j * np.pi * np.outer(k, n) / length) @ (hann * frame)
        power = np.abs(turned) ** 2 * 2 / (length * (hann**2).sum())
        hertz = k * rate / length
        bands = [np.interp(hertz, edges[b : b + 3], [0, 1, 0], 0, 0) @ power for b in range(26)]
        rows.append(basis @ np.maximum(10 * np.log10(bands), -100))
    assert np.allclose(mfcc(x, rate), rows, rtol=1e-9, atol=1e-9)


def band_powers(x, rate, **changes):
    settings = MfccSettings(count=26, **changes)
    return 10 ** (scipy.fft.idct(mfcc(x, rate, settings=settings), norm="ortho", axis=1) / 10)


@pytest.mark.parametrize("rate", (16000, 22050, 44100, 192000))
def test_mfcc_of_a_sine_peaks_in_its_band(rate):
    step = (2595 * math.log10(1 + 8000 / 700) - 2595 * math.log10(1 + 20 / 700)) / 27
    for frequency in (150, 440, 1000, 2500, 5000, 7000):
        centre = 2595 * math.log10((700 + frequency) / 720) / step - 1  # counted in bands
        peak = band_powers(sine(rate, frequency), rate)[15].argmax()
        assert abs(peak - centre) <= 0.5 + 0.1


@pytest.mark.parametrize("rate", (16000, 44100))
def test_mfcc_band_powers_sum_to_the_windowed_mean_square(rate):
    # Parseval; triangles sum to 1 between the first and the last centre, where this sound lies
    x = sine(rate, 300) * 0.5 + sine(rate, 1237) * 0.25 + sine(rate, 5511) * 0.125
    frames = np.array(list(windows(x, rate)))
    hann = scipy.signal.get_window("hann", frames.shape[1])
    expected = np.sum((frames * hann) ** 2, axis=1) / np.sum(hann**2)
    assert np.allclose(band_powers(x, rate).sum(axis=1)[1:-1], expected[1:-1], rtol=1e-5)


def test_mfcc_does_not_depend_on_the_padding_of_the_fft():
    x = voice(16000)
    reference = mfcc(x, 16000)
    for length in (512, 1024, 4096):
        longer = mfcc(x, 16000, settings=MfccSettings(fft_length=length))
        assert np.abs(longer - reference)[:, 0].mean() < 4  # of a c0 near -150
    finer = mfcc(x, 16000, settings=MfccSettings(fft_length=2048))
    finest = mfcc(x, 16000, settings=MfccSettings(fft_length=8192))
    assert np.abs(finer - finest).max() < 0.5


def test_mfcc_equals_librosa():
    # librosa 0.11.0: feature.mfcc(y=x[64:], sr=16000, n_mfcc=14, n_fft=512, hop_length=640,
    # win_length=400, n_mels=26, center=False); frames 0 and 5
    librosa_16k = [
        [
            -124.0051,
            18.611,
            20.1011,
            39.3814,
            8.5957,
            13.6521,
            25.1805,
            -7.0538,
            5.0601,
            4.9025,
            -19.3478,
            -4.5575,
            -5.062,
            -19.137,
        ],
        [
            -123.9686,
            10.5913,
            0.6691,
            -0.1096,
            -34.0629,
            -21.7182,
            -10.4667,
            -28.1454,
            0.9077,
            20.8359,
            1.0239,
            22.8098,
            17.7987,
            -6.0455,
        ],
    ]
    settings = MfccSettings(
        mel="slaney", area_norm=True, calibrated=False, top_db=80, low=0, high=8000, fft_length=512
    )
    ours = mfcc(tone_and_noise(16000, 0.3), 16000, 7, fps=25, settings=settings)
    assert np.abs(ours[[0, 5]] - librosa_16k).max() < 1e-3
    # the same of numpy.pad(x, (142, 0)), sr=44100, n_fft=2048, hop_length=1764, win_length=1102,
    # htk=True, norm=None (of the DCT), fmin=20, fmax=8000
    librosa_44k = [
        [
            -851.2783,
            174.3892,
            175.4919,
            319.4495,
            31.7013,
            2.9505,
            117.6596,
            -158.2703,
            -140.5731,
            -21.2921,
            -205.1477,
            -124.8677,
            23.936,
            -107.5124,
        ],
        [
            -885.417,
            75.039,
            -10.4458,
            10.5911,
            -296.0841,
            -239.9324,
            55.8103,
            -47.8151,
            92.6141,
            257.6333,
            26.3203,
            5.8155,
            44.8729,
            -125.3557,
        ],
    ]
    settings = MfccSettings(
        area_norm=True,
        calibrated=False,
        top_db=80,
        dct_norm=None,
        fft_length=2048,
        window_seconds=1102 / 44100,
    )
    ours = mfcc(tone_and_noise(44100, 0.3), 44100, 7, fps=25, settings=settings)
    assert np.abs(ours[[0, 5]] - librosa_44k).max() < 1e-3


def test_mfcc_top_db_is_measured_from_the_clips_loudest_band():
    x = np.concatenate([sine(16000, 1000), 1e-3 * sine(16000, 1000)])
    levels = scipy.fft.idct(
        mfcc(x, 16000, settings=MfccSettings(count=26, top_db=40)), norm="ortho", axis=1
    )
    assert levels.min() == pytest.approx(levels.max() - 40)


# ---- delta ----


@pytest.mark.equation("delta")
def test_delta_of_a_ramp_is_its_slope():
    slope = np.array([3.0, -0.5, 0.0])
    ramp = 7 + np.arange(11)[:, None] * slope
    assert np.allclose(delta(ramp)[2:-2], slope, rtol=1e-12)
    assert np.allclose(delta(delta(ramp))[4:-4], 0, atol=1e-12)
    square = np.arange(13.0)[:, None] ** 2
    assert np.allclose(delta(square)[2:-2, 0], 2 * np.arange(13)[2:-2], rtol=1e-12)


@pytest.mark.parametrize("length", (1, 2, 3, 5, 11))
@pytest.mark.parametrize("reach", (1, 2, 3))
@pytest.mark.equation("delta")
def test_delta_is_the_least_squares_slope_with_edges_replicated(length, reach):
    x = np.random.default_rng(length).standard_normal((length, 3))
    offsets = np.arange(-reach, reach + 1)
    for i in range(length):
        near = x[np.clip(i + offsets, 0, length - 1)]
        slope = np.polyfit(offsets, near, 1)[0]  # the line fitted by least squares
        assert np.allclose(delta(x, reach)[i], slope, rtol=1e-9, atol=1e-12)


@pytest.mark.equation("delta")
def test_edges_of_delta_need_no_frames_beyond_the_clip():
    x = np.random.default_rng(0).standard_normal((17, 2))
    assert np.allclose(delta(x)[0], (x[1] - x[0] + 2 * (x[2] - x[0])) / 10)
    assert np.allclose(delta(x)[-1], (x[-1] - x[-2] + 2 * (x[-1] - x[-3])) / 10)
    # a live end: 2 frames later the delta is final, 4 frames later the delta-delta
    assert np.allclose(delta(x[:13])[:11], delta(x)[:11])
    assert np.allclose(delta(delta(x[:13]))[:9], delta(delta(x))[:9])


# ---- energy and zero crossings ----


def test_energy_of_a_sine_is_its_rms():
    for rate in (8000, 16000, 44100, 192000):
        for amplitude in (1.0, 0.1, 1e-3):  # whole periods in 25 ms
            level = rms_energy(sine(rate, 400, amplitude=amplitude), rate)
            assert np.allclose(level, 20 * math.log10(amplitude / math.sqrt(2)), atol=0.03)
        assert np.allclose(rms_energy(np.full(rate, 0.25), rate), 20 * math.log10(0.25))


@pytest.mark.parametrize("rate", (8000, 11025, 44100))
@pytest.mark.equation("zero_crossing_rate")
def test_energy_and_zcr_are_the_slow_sums(rate):
    x = tone_and_noise(rate, 4.4) - 0.01  # 132 frames: more than one block
    frames = list(windows(x, rate))
    assert len(frames) > framing.BLOCK
    energy = [10 * math.log10(sum(s * s for s in frame) / len(frame)) for frame in frames]
    assert np.allclose(rms_energy(x, rate), energy, rtol=1e-9)
    crossings = [
        sum((a < 0) != (b < 0) for a, b in zip(frame, frame[1:], strict=False)) / (len(frame) - 1)
        for frame in frames
    ]
    assert np.allclose(zero_crossing_rate(x, rate), crossings, rtol=1e-12)


def test_energy_floor_is_minus_80():
    assert rms_energy(np.full(16000, 1.1e-4), 16000).min() == pytest.approx(-79.172, abs=1e-3)
    assert (rms_energy(np.full(16000, 0.9e-4), 16000) == -80).all()


@pytest.mark.parametrize("rate", (8000, 16000, 44100, 192000))
@pytest.mark.equation("zero_crossing_rate")
def test_zcr_of_a_sine_is_twice_f_over_rate(rate):
    for frequency in (100, 440, 1000, 3333):
        rates = zero_crossing_rate(sine(rate, frequency, seconds=3), rate)
        pairs = round(0.025 * rate) - 1
        assert np.abs(rates - 2 * frequency / rate).max() <= 1 / pairs + 1e-9
        # a window holds a whole number of crossings; their mean over many windows does not
        assert rates.mean() == pytest.approx(2 * frequency / rate, abs=0.3 / pairs)


@pytest.mark.equation("zero_crossing_rate")
def test_zcr_counts_zero_as_positive():
    x = np.tile([0.0, 0.5, 0.0, -0.5], 4000)
    assert np.allclose(zero_crossing_rate(x, 16000)[1:-1], 200 / 399, atol=2 / 399)
    assert (zero_crossing_rate(np.tile([0.0, 0.5], 8000), 16000) == 0).all()


# ---- loudness ----


@pytest.mark.parametrize("rate", RATES)
def test_loudness_of_the_997_hz_test_tone_is_minus_3_01(rate):
    assert np.abs(loudness(sine(rate, 997), rate) + 3.01).max() < 0.01
    quiet = loudness(sine(rate, 997, amplitude=0.01), rate)
    assert np.abs(quiet + 43.01).max() < 0.01


def test_loudness_passes_the_level_tests_of_ebu_tech_3341():
    rate = 48000
    for level in (-23.0, -33.0):  # cases 1 and 2: stereo, 1 kHz
        tone = sine(rate, 1000, amplitude=10 ** (level / 20))
        assert np.abs(loudness(np.stack([tone, tone], axis=1), rate) - level).max() < 0.1
    # case 6: 5.0 channels, L and R -28, C -24, surrounds -30 dB, reads -23
    levels = np.array([-28, -28, -24, -30, -30])
    five = sine(rate, 1000)[:, None] * 10 ** (levels / 20)
    assert np.abs(loudness(five, rate) + 23.0).max() < 0.1
    six = np.insert(five, 3, sine(rate, 50), axis=1)  # a low-frequency channel counts for nothing
    assert np.allclose(loudness(six, rate), loudness(five, rate), rtol=1e-12)
    eight = np.concatenate([six, 0 * six[:, :2]], axis=1)[:, [0, 1, 2, 3, 6, 7, 4, 5]]
    assert np.allclose(loudness(eight, rate), loudness(six, rate), rtol=1e-12)


def test_loudness_of_a_mono_sound_stored_twice_is_3_lu_more():
    x = tone_and_noise(16000, 1)
    stereo = loudness(np.stack([x, x], axis=1), 16000)
    assert np.allclose(stereo - loudness(x, 16000), 10 * math.log10(2), rtol=1e-9)
    four = loudness(np.stack([x] * 4, axis=1), 16000)
    assert np.allclose(four - loudness(x, 16000), 10 * math.log10(2 + 2 * 1.41), rtol=1e-9)


def test_loudness_filter_is_the_printed_one_at_48_khz():
    printed = [section for section, _ in K_WEIGHTING]
    assert np.allclose(k_weighting(48000), printed, rtol=1e-12)
    assert printed[0][:3] == (1.53512485958697, -2.69169618940638, 1.19839281085285)
    assert printed[1][3:] == (1.0, -1.99004745483398, 0.99007225036621)


@pytest.mark.parametrize("rate", RATES)
def test_loudness_filter_weighs_alike_at_every_rate(rate):
    frequencies = np.array([20, 38, 100, 500, 997, 1500, 3000, 7000, 15000])
    frequencies = frequencies[frequencies < 0.45 * rate]
    printed = np.array([section for section, _ in K_WEIGHTING])

    def decibels(sections, at):
        z = np.exp(-2j * np.pi * frequencies / at)  # 1/z
        gain = [
            (s[0] + s[1] * z + s[2] * z * z) / (s[3] + s[4] * z + s[5] * z * z) for s in sections
        ]
        return 20 * np.log10(np.abs(gain[0] * gain[1]))

    difference = np.abs(decibels(k_weighting(rate), rate) - decibels(printed, 48000))
    # the bilinear map bends the shelf where it nears Nyquist
    assert difference.max() < {8000: 0.45, 11025: 0.25, 12000: 0.2, 16000: 0.11}.get(rate, 0.06)
    assert difference[frequencies == 997].max() < 2e-3
    # its poles lie inside the unit circle
    assert all(np.abs(np.roots(section[3:])).max() < 1 for section in k_weighting(rate))


@pytest.mark.parametrize("rate", (8000, 44100, 192000))
@pytest.mark.parametrize("length", (1, 31, 32, 33, 255, 256, 257, 8191, CHUNK, CHUNK + 1, 99_999))
def test_loudness_filter_by_matrices_is_the_recursion(rate, length):
    x = np.random.default_rng(0).standard_normal(length) + 0.5
    y = scipy.signal.sosfilt(k_weighting(rate), x)
    assert np.abs(np.concatenate(list(k_filtered(x, rate))) - y).max() < 2e-9 * np.abs(y).max()
    single = np.concatenate(list(k_filtered(x.astype(np.float32), rate)))
    assert single.dtype == np.float32
    assert np.abs(single - y).max() < 2e-5 * np.abs(y).max()


@pytest.mark.parametrize("rate", (8000, 16000, 44100))
def test_loudness_is_the_slow_sum(rate):
    x = tone_and_noise(rate, 2.7) * np.linspace(0, 1, round(2.7 * rate)) ** 2
    y = scipy.signal.sosfilt(k_weighting(rate), x)
    width, expected = round(0.4 * rate), []
    for i in range(81):
        first = math.floor(Fraction(2 * i + 1, 60) * rate - Fraction(width, 2) + Fraction(1, 2))
        power = np.mean(y[max(first, 0) : first + width] ** 2)
        expected.append(max(-0.691 + 10 * math.log10(power), -70))
    assert np.allclose(loudness(x, rate), expected, rtol=1e-9)


def test_loudness_is_steady_up_to_both_ends_of_a_steady_sound():
    noise = np.random.default_rng(0).standard_normal(5 * 16000) * 0.1
    level = loudness(noise, 16000)
    # the first window is half as long: its mean square has a relative sigma of at most
    # sqrt(4/3200), 0.15 dB; 5 sigma
    assert np.abs(level - level.mean()).max() < 5 * 0.15
    tone = loudness(sine(16000, 500, seconds=1), 16000)
    assert np.ptp(tone) < 0.02


def test_loudness_equals_pyloudnorm_on_steady_sounds():
    # pyloudnorm 0.2.0: Meter(rate).integrated_loudness(0.5 sin(2 pi f t)), 3 s
    for rate, frequency, expected in (
        (16000, 60, -12.6532),
        (16000, 997, -9.1038),
        (16000, 3000, -5.8911),
        (44100, 60, -12.6533),
        (44100, 997, -9.073),
        (44100, 3000, -5.9552),
    ):
        x = sine(rate, frequency, seconds=3, amplitude=0.5, phase=0)
        assert np.abs(loudness(x, rate)[6:-6] - expected).max() < 0.1, (rate, frequency)
    # and of tone_and_noise(rate, 3)
    for rate, expected in ((16000, -10.1197), (44100, -10.1574)):
        power = 10 ** (loudness(tone_and_noise(rate, 3), rate)[6:-6] / 10)
        assert 10 * math.log10(power.mean()) == pytest.approx(expected, abs=0.1)


# ---- the baseline's legacy vector ----


@pytest.mark.parametrize(
    "rate, columns", ((16000, 43), (22050, 43), (32000, 45), (44100, 45), (48000, 47))
)
def test_legacy_vector_has_as_many_columns_as_the_rate_makes(rate, columns):
    x = tone_and_noise(rate, 0.5)
    features = vico_compat(x, rate)
    assert features.shape == (len(x) // (rate // 30), columns) and features.dtype == np.float32
    n = (columns - 39) // 2
    assert (features[:, 13:39] == 0).all()
    crossings = features[:, 39 + n :]
    assert (crossings == crossings[:, :1]).all()
    piece = rate // 30
    signs = x[: piece * len(features)].reshape(-1, piece) < 0
    assert np.allclose(crossings[:, 0], (signs[:, 1:] != signs[:, :-1]).sum(1) / rate)


def test_legacy_vector_equals_torchaudio_and_librosa():
    # torchaudio 2.11.0 compliance.kaldi.mfcc(piece, sample_frequency=rate, use_energy=True) and
    # librosa 0.11.0 feature.rms(pad_mode="reflect"), zero_crossing_rate(frame_length=rate), piece 5
    cepstra_16k = [
        2.9143,
        -23.2705,
        -5.8324,
        -16.394,
        -50.3431,
        -71.3091,
        -38.5002,
        -38.4549,
        5.9769,
        48.4733,
        18.2622,
        15.8056,
        25.0484,
    ]
    features = vico_compat(tone_and_noise(16000, 0.3), 16000)[5]
    assert np.abs(features[:13] - cepstra_16k).max() < 1e-3
    assert np.abs(features[39:] - [0.2167, 0.2158, 0.0023, 0.0023]).max() < 1e-4
    cepstra_44k = [
        0.0,
        -23.2851,
        1.9424,
        -4.7258,
        6.5149,
        -22.0173,
        -60.523,
        -59.1557,
        -25.7916,
        -29.6641,
        -46.3053,
        -24.2453,
        25.6868,
    ]
    features = vico_compat(tone_and_noise(44100, 0.3) * 0.05, 44100)[5]
    assert np.abs(features[:13] - cepstra_44k).max() < 1e-3
    assert np.abs(features[39:] - [0.0107, 0.0108, 0.0109, 0.001, 0.001, 0.001]).max() < 1e-4


def test_legacy_vector_drifts_from_the_video():
    x = np.zeros(61 * 16000)
    x[60 * 16000 + 100] = 1.0  # in frame 1800
    heard = np.flatnonzero(vico_compat(x, 16000)[:, 39] > 0)
    assert heard[0] == 1801  # 37.5 ms late


def test_legacy_vector_refuses_what_it_cannot_fill():
    with pytest.raises(ValueError, match=r"num_frames 31 is not allowed; .* 30 whole pieces"):
        vico_compat(np.zeros(16000), 16000, 31)
    with pytest.raises(ValueError, match=r"num_frames 0 is not allowed; .* 0 whole pieces"):
        vico_compat(np.zeros(100), 16000)


# ---- bad input ----

X = np.zeros(1600)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
@pytest.mark.parametrize(
    "waveform, rate, num_frames, fps, message",
    [
        (np.array([0.0, np.nan]), 16000, None, 30, "waveform holds nan; allowed: finite floats"),
        (np.array([0.0, np.inf, 0]), 16000, None, 30, "waveform holds inf; allowed"),
        (np.array([0.0, -np.inf]), 16000, None, 30, "waveform holds -inf; allowed"),
        (np.array([0.0, 20000]), 16000, None, 30, "waveform holds 20000.0; allowed: .* -1..1"),
        (np.array([]), 16000, None, 30, r"waveform has shape \(0,\); allowed: \(N,\) or"),
        (np.zeros((5, 0)), 16000, None, 30, r"waveform has shape \(5, 0\); allowed"),
        (np.zeros(()), 16000, None, 30, r"waveform has shape \(\); allowed"),
        (np.zeros((2, 3, 5)), 16000, None, 30, r"waveform has shape \(2, 3, 5\); allowed"),
        (np.zeros((2, 1600)), 16000, None, 30, r"waveform has shape \(2, 1600\); .* at most 32"),
        (np.zeros(9, np.int64), 16000, None, 30, "dtype int64; allowed: floats .* int16, int32"),
        (np.zeros(9, complex), 16000, None, 30, "dtype complex128; allowed"),
        (np.array(["a"]), 16000, None, 30, "dtype <U1; allowed"),
        (X, -16000, None, 30, r"sample_rate -16000 is not allowed; .* 8000..192000"),
        (X, 0, None, 30, "sample_rate 0 is not allowed"),
        (X, 7999, None, 30, "sample_rate 7999 is not allowed"),
        (X, 192001, None, 30, "sample_rate 192001 is not allowed"),
        (X, 16000.5, None, 30, "sample_rate 16000.5 is not allowed; it must be a whole number"),
        (X, float("nan"), None, 30, "sample_rate nan is not allowed"),
        (X, float("inf"), None, 30, "sample_rate inf is not allowed"),
        (X, None, None, 30, "sample_rate None is not allowed"),
        (X, "16k", None, 30, "sample_rate '16k' is not allowed"),
        (X, 16000, 0, 30, "num_frames 0 is not allowed; it must be whole and >= 1"),
        (X, 16000, -3, 30, "num_frames -3 is not allowed"),
        (X, 16000, 2.5, 30, "num_frames 2.5 is not allowed"),
        (X, 16000, None, 0, "fps 0 is not allowed; it must be a number above 0"),
        (X, 16000, None, -30, "fps -30 is not allowed"),
        (X, 16000, None, float("nan"), "fps nan is not allowed"),
        (X, 16000, None, float("inf"), "fps inf is not allowed"),
    ],
)
def test_bad_sound_is_refused_by_name_value_and_what_is_allowed(
    part, waveform, rate, num_frames, fps, message
):
    with pytest.raises(ValueError, match=message):
        part(waveform, rate, num_frames, fps)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"mel": "bark"}, "mel 'bark' is unknown; allowed: htk, slaney"),
        ({"low": -1}, "low -1 and high 8000.0; allowed: 0 <= low < high"),
        ({"low": 9000}, "low 9000 and high 8000.0; allowed"),
        ({"count": 27}, "count 27 is not allowed; it is 1..bands=26"),
        ({"count": 0}, "count 0 is not allowed"),
        ({"bands": 200}, "bands 200 between 20.0 and 8000.0 Hz: one holds no bin .* 40.0 Hz"),
        ({"bands": 1, "count": 1, "high": 48000.0}, "bands 1 between 20.0 and 48000.0 Hz"),
        ({"fft_length": 256}, "window_seconds 0.025 is 400 samples; allowed: 2..256, the fft_len"),
        ({"window_seconds": 0.0}, "window_seconds 0.0 is 0 samples; allowed: 2.."),
        ({"window": "hat"}, "window 'hat' is unknown; allowed: .* scipy.signal.get_window"),
    ],
)
def test_bad_setting_is_refused_by_name_value_and_what_is_allowed(changes, message):
    with pytest.raises(ValueError, match=message):
        mfcc(X, 16000, settings=MfccSettings(**changes))


def test_bad_features_are_refused_by_delta():
    with pytest.raises(ValueError, match=r"features has shape \(5,\); allowed: \(L, D\)"):
        delta(np.zeros(5))
    with pytest.raises(ValueError, match=r"features has shape \(0, 3\); allowed"):
        delta(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="reach 0 is not allowed; it must be at least 1"):
        delta(np.zeros((5, 3)), reach=0)


def test_mel_bands_are_triangles_of_height_or_area_one():
    settings = MfccSettings(bands=7, count=7)
    bank = mel_bands(settings, 16000, 16000)  # a bin every hertz
    assert bank.shape == (7, 8001) and bank.min() == 0
    assert np.allclose(bank.max(axis=1), 1, atol=0.01)
    area = mel_bands(MfccSettings(bands=7, count=7, area_norm=True), 16000, 16000)
    assert np.allclose(area.sum(axis=1), 1, rtol=1e-3)
