r"""Sound to 45 acoustic features a frame (Sec. 4.1.3).

Frame i is centred at (i + 1/2)/fps seconds; every feature looks at a window of the continuous sound
around that moment (mfr/sound/framing.py). Loudness has a file of its own (mfr/sound/loudness.py),
and so has the vector that the ViCo baseline ships (mfr/sound/legacy.py).
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal

from mfr.config import FPS
from mfr.sound.framing import check_sound, decibels, frame_starts, measure
from mfr.sound.legacy import vico_compat
from mfr.sound.loudness import loudness, momentary

__all__ = [
    "MfccSettings",
    "acoustic_features",
    "delta",
    "loudness",
    "mel_bands",
    "mfcc",
    "rms_energy",
    "vico_compat",
    "zero_crossing_rate",
]

MFCC, DELTA, DELTA_DELTA = slice(0, 14), slice(14, 28), slice(28, 42)  # columns of the 45
ENERGY, ZERO_CROSSING_RATE, LOUDNESS = 42, 43, 44
WINDOW = 0.025  # of MFCC, energy and zero-crossing rate [s]
ENERGY_FLOOR = -80.0  # [dB of full scale]
CROSSING_RATE = 16_000  # samples a second that column 43 counts by [Hz]


@dataclass(frozen=True)
class MfccSettings:
    r"""How mfcc measures; the defaults give nearly the same numbers at every sample rate.

    librosa's: mel="slaney", area_norm=True, calibrated=False, top_db=80, low=0, high=rate/2, and
    fft_length, window_seconds as its n_fft, win_length/rate.
    """

    count: int = 14  # cepstra c0..c13
    bands: int = 26  # triangular mel bands
    low: float = 20.0  # lower edge of the first band [Hz]
    high: float = 8000.0  # upper edge of the last band [Hz]; may lie above Nyquist
    mel: str = "htk"  # htk | slaney: the mel scale
    area_norm: bool = False  # triangles of equal area instead of equal height
    window: str = "hann"  # a name that scipy.signal.get_window knows
    window_seconds: float = WINDOW  # [s]
    fft_length: int | None = None  # samples, zeros behind the window; None = a fast length
    calibrated: bool = True  # band powers are mean squares; False = plain |FFT|^2
    dct_norm: str | None = "ortho"  # ortho | None, as scipy.fft.dct
    floor: float = -100.0  # of a band's power [dB]
    top_db: float | None = None  # a band counts at most this far below the clip's loudest [dB]


def acoustic_features(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""The 45 numbers a frame: MFCC 14, deltas 14, delta-deltas 14, energy, ZCR, loudness.

    Paper: Sec. 4.1.3 names them. Ours: all are taken from the mean of the channels, and crossings
    count per 1/16000 s, so that one sound reads alike at every rate, mono or stereo. Waveform (N,)
    or (N, channels), floats in [-1, 1] or integers, at 8000..192000 Hz -> (L, 45) float32, finite;
    num_frames None gives every frame whose centre lies in the sound, at least one.

    Raises:
        ValueError: an argument is outside what is allowed; the message names it.
    """
    sound = check_sound(waveform, sample_rate)
    sound = sound._replace(samples=sound.mono[:, None])
    *cepstra, energy, crossings = _short_time(sound, num_frames, fps)
    crossings = crossings * (sound.rate / CROSSING_RATE)
    columns = [*cepstra, energy, crossings, momentary(sound, num_frames, fps)]
    return np.column_stack(columns).astype(np.float32, copy=False)


def _short_time(sound, num_frames, fps):
    """The 44 columns before loudness, all from one pass over the 25 ms frames."""
    settings, width = MfccSettings(), sound.width(WINDOW)
    starts = frame_starts(sound, num_frames, fps, width)
    powers, squares, changes = measure(
        sound, starts, width, _band_power(settings, sound, width), _mean_square, _sign_changes
    )
    cepstra = _cepstra(powers, settings)
    slopes = delta(cepstra)
    return cepstra, slopes, delta(slopes), decibels(squares, ENERGY_FLOOR), changes


def mfcc(waveform, sample_rate, num_frames=None, fps=FPS, settings=MfccSettings()):
    r"""c = DCT-II(max(10 log10 M |FFT(w x)|^2, floor)), M triangular mel bands, w the window.

    (L, count) [dB], in the sound's precision. Calibrated band powers are mean squares, the same at
    every rate, and the bands never move. Of a sound below 16 kHz the bands that reach above Nyquist
    repeat the highest whole one: a guess, but nearer to the wider sound than silence would be.

    Raises:
        ValueError: an argument (see acoustic_features) or a setting is outside what is allowed.
    """
    sound = check_sound(waveform, sample_rate)
    width = sound.width(settings.window_seconds)
    starts = frame_starts(sound, num_frames, fps, width)
    (powers,) = measure(sound, starts, width, _band_power(settings, sound, width))
    return _cepstra(powers, settings)


def _band_power(settings, sound, width):
    """A function (n, width) windows -> (n, bands) powers."""
    length = settings.fft_length or scipy.fft.next_fast_len(max(width, 2), real=True)
    if not 2 <= width <= length:
        raise ValueError(
            f"window_seconds {settings.window_seconds} is {width} samples; allowed: 2..{length}, "
            "the fft_length"
        )
    try:
        window = scipy.signal.get_window(settings.window, width)
    except ValueError as error:
        raise ValueError(
            f"window {settings.window!r} is unknown; allowed: names of scipy.signal.get_window"
        ) from error
    bank = mel_bands(settings, sound.rate, length)
    used = 1 + int(np.flatnonzero(bank.any(axis=0)).max(initial=0))  # no weight above
    bank = bank[:, :used].T
    if settings.calibrated:  # one-sided mean square of what the window lets through
        bank = bank * 2 / (length * np.sum(window**2))
    window, bank = window.astype(sound.samples.dtype), bank.astype(sound.samples.dtype)

    def power(windows):
        spectrum = scipy.fft.rfft(windows * window, length, axis=1)[:, :used]
        return (spectrum.real**2 + spectrum.imag**2) @ bank

    return power


def _cepstra(powers, settings):
    levels = decibels(powers, settings.floor)
    if settings.top_db is not None:
        levels = np.maximum(levels, levels.max() - settings.top_db)
    return scipy.fft.dct(levels, axis=1, norm=settings.dct_norm)[:, : settings.count]


def mel_bands(settings, sample_rate, fft_length):
    r"""Triangles evenly spaced in mel, each rising and falling linearly in Hz.

    (M, 1 + fft_length//2) float64 weights of M bands; rows that reach above Nyquist repeat the
    highest that does not.

    Raises:
        ValueError: the mel scale is unknown, 0 <= low < high does not hold, count exceeds bands, a
            band is so narrow that no bin of the FFT falls into it, or none ends below Nyquist.
    """
    if settings.mel not in MEL_SCALES:
        raise ValueError(f"mel {settings.mel!r} is unknown; allowed: {', '.join(MEL_SCALES)}")
    if not 0 <= settings.low < settings.high:
        raise ValueError(f"low {settings.low} and high {settings.high}; allowed: 0 <= low < high")
    if not 1 <= settings.count <= settings.bands:
        raise ValueError(f"count {settings.count} is not allowed; it is 1..bands={settings.bands}")
    to_mel, to_hz = MEL_SCALES[settings.mel]
    edges = to_hz(np.linspace(to_mel(settings.low), to_mel(settings.high), settings.bands + 2))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(fft_length // 2 + 1) * sample_rate / fft_length
    bank = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clip(0)
    bank = bank * 2 / (right - left) if settings.area_norm else bank
    whole = np.count_nonzero(right <= sample_rate / 2 * (1 + 1e-9))
    if whole == 0 or not bank[:whole].any(axis=1).all():
        raise ValueError(
            f"bands {settings.bands} between {settings.low} and {settings.high} Hz: one holds no "
            f"bin of the FFT, which lie {sample_rate / fft_length:.1f} Hz apart up to "
            f"{sample_rate / 2:.0f} Hz; allowed: fewer bands or a longer fft_length"
        )
    bank[whole:] = bank[whole - 1]
    return bank


def _slaney_mel(hz):
    """15 mel a kHz up to 1 kHz, then 27 mel for each factor of 6.4."""
    return np.where(hz < 1000, hz * 0.015, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / SLANEY)


def _slaney_hz(mel):
    return np.where(mel < 15, mel / 0.015, 1000 * np.exp(SLANEY * (mel - 15) / 27))


SLANEY = np.log(6.4)
MEL_SCALES = {
    "htk": (lambda hz: 2595 * np.log10(1 + hz / 700), lambda mel: 700 * (10 ** (mel / 2595) - 1)),
    "slaney": (_slaney_mel, _slaney_hz),
}


def delta(features, reach=2):
    r"""d_i = sum_n n (c_{i+n} - c_{i-n}) / (2 sum_n n^2), n = 1..reach: the local slope.

    Features (L, D) -> their change a frame (L, D). Ours: the regression runs over the frames of
    the whole clip; its edges are replicated.

    Raises:
        ValueError: features is not (L, D) with L >= 1, or reach is below 1.
    """
    features = np.asarray(features)
    if features.ndim != 2 or len(features) == 0:
        raise ValueError(f"features has shape {features.shape}; allowed: (L, D) with L >= 1")
    if reach < 1:
        raise ValueError(f"reach {reach} is not allowed; it must be at least 1 frame")
    padded = np.concatenate([features[:1]] * reach + [features] + [features[-1:]] * reach)
    slope, count = 0, len(features)
    for n in range(1, reach + 1):
        slope += n * (padded[reach + n :][:count] - padded[reach - n :][:count])
    return slope / (2 * sum(n * n for n in range(1, reach + 1)))


def rms_energy(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""E_i = max(20 log10 RMS of the 25 ms frame, -80): (L,) [dB of full scale].

    Ours: the frame is rectangular; channels are averaged first. Arguments and errors as
    acoustic_features.
    """
    squares = _measure_alone(_mean_square, waveform, sample_rate, num_frames, fps)
    return decibels(squares, ENERGY_FLOOR)


def zero_crossing_rate(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""Z_i = share of neighbouring samples of the 25 ms frame whose signs differ; 2f/rate a sine.

    (L,) in 0..1 [crossings a sample]. Ours: zero counts as positive; channels are averaged first.
    Arguments and errors as acoustic_features.
    """
    return _measure_alone(_sign_changes, waveform, sample_rate, num_frames, fps)


def _measure_alone(function, waveform, sample_rate, num_frames, fps):
    sound = check_sound(waveform, sample_rate)
    width = sound.width(WINDOW)
    return measure(sound, frame_starts(sound, num_frames, fps, width), width, function)[0]


def _mean_square(windows):
    return np.einsum("in,in->i", windows, windows) / windows.shape[1]


def _sign_changes(windows):
    negative = windows < 0
    changes = negative[:, 1:] != negative[:, :-1]
    pairs = np.ones(changes.shape[1], windows.dtype)  # a product counts faster than count_nonzero
    return changes @ pairs / len(pairs)
