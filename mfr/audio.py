r"""Sound to 45 acoustic features a frame (Sec. 4.1.3).

Frame i of the video is centred at (i + 1/2)/fps seconds. Every feature looks at a window of the
continuous sound around that moment; where the window leaves the sound it sees silence. Window
positions are computed in integers, so the last frame of an hour is as well placed as the first.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy.fft
import scipy.signal

from mfr.config import FPS

MFCC = slice(0, 14)
DELTA = slice(14, 28)
DELTA_DELTA = slice(28, 42)
ENERGY, ZERO_CROSSING_RATE, LOUDNESS = 42, 43, 44  # columns of acoustic_features

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # sample rates [Hz]
WINDOW = 0.025  # of MFCC, energy and zero-crossing rate [s]
ENERGY_FLOOR = -80.0  # [dB of full scale]
LOUDNESS_FLOOR = -70.0  # [LUFS], BS.1770's absolute gate: below it lies silence
LOUDNESS_WINDOW = 0.4  # "momentary" [s]
LARGEST_SAMPLE = 10.0  # decoders overshoot 1 a little; integers stored as floats do not
BLOCK = 128  # frames worked on at once: what fits the CPU's cache


@dataclass(frozen=True)
class MfccSettings:
    r"""How mfcc measures; the defaults give nearly the same numbers at every sample rate.

    librosa's: MfccSettings(mel="slaney", area_norm=True, calibrated=False, low=0, fft_length=...).
    """

    count: int = 14  # cepstra c0..c13
    bands: int = 26  # triangular mel bands
    low: float = 20.0  # lower edge of the first band [Hz]
    high: float = 8000.0  # upper edge of the last band [Hz], above Nyquist if need be
    mel: str = "htk"  # htk | slaney: the mel scale
    area_norm: bool = False  # divide each triangle by half its width in Hz, as Slaney's toolbox did
    window: str = "hann"  # a name that scipy.signal.get_window knows, or "povey" (Kaldi's)
    window_seconds: float = WINDOW  # [s]
    fft_length: int | None = None  # samples, zero-padded; None = the next length with a fast FFT
    calibrated: bool = True  # band power as mean square; False = plain |FFT|^2
    dct_norm: str | None = "ortho"  # scipy.fft.dct's norm
    floor: float = 1e-10  # smallest band power: -100 dB


def acoustic_features(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""The 45 numbers a frame: MFCC 14, deltas 14, delta-deltas 14, energy, ZCR, loudness.

    Paper: Sec. 4.1.3 names them; Ours: how each is measured, see the parts.

    Args:
        waveform: (N,) or (N, channels), floats in [-1, 1], or int16, int32, uint8.
        sample_rate: 8000..192000, whole [Hz].
        num_frames: L, or None for every frame whose centre lies in the sound (at least one).
        fps: frames a second [1/s].

    Returns:
        (L, 45) float32, finite.

    Raises:
        ValueError: an argument is outside what is allowed; the message names it.
    """
    cepstra = mfcc(waveform, sample_rate, num_frames, fps)
    slopes = delta(cepstra)
    columns = [
        energy(waveform, sample_rate, num_frames, fps)
        for energy in (rms_energy, zero_crossing_rate, loudness)
    ]
    return np.column_stack([cepstra, slopes, delta(slopes), *columns]).astype(np.float32)


def mfcc(waveform, sample_rate, num_frames=None, fps=FPS, settings=MfccSettings()):
    r"""c = DCT-II(10 log10 max(M |FFT(w x)|^2, floor)), M the triangular mel bands.

    Ours: channels are averaged. Calibrated band powers are mean squares: their sum over all bands
    is the windowed frame's power, whatever the rate. The bands stay where they are at every rate;
    one above Nyquist holds no power, so it reads the floor, as it does for the resampled sound.

    Args:
        waveform: (N,) or (N, channels), see acoustic_features.
        sample_rate: [Hz].
        num_frames: L or None.
        fps: frames a second [1/s].
        settings: MfccSettings.

    Returns:
        (L, count) cepstra [dB], in the sound's precision.

    Raises:
        ValueError: an argument or a setting is outside what is allowed.
    """
    samples, rate = _check(waveform, sample_rate)
    window = _window(settings, rate)
    starts = _starts(len(samples), rate, num_frames, fps, len(window))
    length = settings.fft_length or scipy.fft.next_fast_len(len(window), real=True)
    bank = mel_bands(settings, rate, length)
    used = int(np.flatnonzero(bank.any(axis=0)).max(initial=0)) + 1  # bins above carry no weight
    bank = bank[:, :used].T.astype(samples.dtype)
    if settings.calibrated:  # one-sided power over what the window lets through
        bank *= 2 / (length * np.sum(window**2))
    window = window.astype(samples.dtype)
    power = np.empty((len(starts), settings.bands), samples.dtype)
    mono = _mono(samples)
    for first in range(0, len(starts), BLOCK):
        frames = _cut(mono, starts[first : first + BLOCK], len(window)) * window
        spectrum = scipy.fft.rfft(frames, length, axis=1)[:, :used]
        power[first : first + BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ bank
    decibels = 10 * np.log10(np.maximum(power, settings.floor))
    return scipy.fft.dct(decibels, axis=1, norm=settings.dct_norm)[:, : settings.count]


def mel_bands(settings, sample_rate, fft_length):
    r"""Triangles, evenly spaced in mel, each rising and falling linearly in Hz.

    Args:
        settings: MfccSettings.
        sample_rate: [Hz].
        fft_length: samples.

    Returns:
        (bands, fft_length//2 + 1) float64.
    """
    to_mel, to_hz = _MEL[settings.mel]
    edges = to_hz(np.linspace(to_mel(settings.low), to_mel(settings.high), settings.bands + 2))
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(fft_length // 2 + 1) * (sample_rate / fft_length)
    bank = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    bank = np.maximum(bank, 0)
    return bank * 2 / (right - left) if settings.area_norm else bank


def _htk_mel(hz):
    return 2595 * np.log10(1 + np.asarray(hz) / 700)


def _htk_hz(mel):
    return 700 * (10 ** (mel / 2595) - 1)


# Slaney's scale: 15 mel a kHz up to 1 kHz, then 27 mel for each factor of 6.4
def _slaney_mel(hz):
    hz = np.asarray(hz, float)
    return np.where(hz < 1000, hz * 0.015, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))


def _slaney_hz(mel):
    return np.where(mel < 15, mel / 0.015, 1000 * 6.4 ** ((mel - 15) / 27))


_MEL = {"htk": (_htk_mel, _htk_hz), "slaney": (_slaney_mel, _slaney_hz)}


def delta(features, reach=2):
    r"""d_i = sum_n n (c_{i+n} - c_{i-n}) / (2 sum_n n^2), n = 1..reach: the local slope.

    Ours: the regression runs over whole frames of the clip; its edges are replicated.

    Args:
        features: (L, D).
        reach: frames to either side.

    Returns:
        (L, D), change a frame.

    Raises:
        ValueError: features is not (L, D) with L >= 1, or reach < 1.
    """
    features = np.asarray(features)
    if features.ndim != 2 or len(features) == 0:
        raise ValueError(f"features has shape {features.shape}; allowed: (L, D) with L >= 1")
    if reach < 1:
        raise ValueError(f"reach {reach} is not allowed; it must be at least 1 frame")
    count = len(features)
    padded = np.pad(features, ((reach, reach), (0, 0)), mode="edge")
    slope = np.zeros_like(features)
    for n in range(1, reach + 1):
        later, earlier = padded[reach + n :][:count], padded[reach - n :][:count]
        slope += n * (later - earlier)
    return slope / (2 * sum(n * n for n in range(1, reach + 1)))


def rms_energy(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""E_i = 20 log10 max(RMS of the 25 ms frame, 1e-4).

    Ours: the frame is rectangular; channels are averaged first.

    Args:
        waveform: (N,) or (N, channels), see acoustic_features.
        sample_rate: [Hz].
        num_frames: L or None.
        fps: frames a second [1/s].

    Returns:
        (L,) [dB of full scale], at least -80.

    Raises:
        ValueError: an argument is outside what is allowed.
    """
    samples, rate = _check(waveform, sample_rate)
    width = _width(WINDOW, rate)
    starts = _starts(len(samples), rate, num_frames, fps, width)
    mono = _mono(samples)
    power = np.empty(len(starts), samples.dtype)
    for first in range(0, len(starts), BLOCK):
        frames = _cut(mono, starts[first : first + BLOCK], width)
        power[first : first + BLOCK] = np.einsum("in,in->i", frames, frames) / width
    return 10 * np.log10(np.maximum(power, 10 ** (ENERGY_FLOOR / 10)))


def zero_crossing_rate(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""Z_i = share of the frame's neighbouring samples that differ in sign: 2f/sample_rate a sine.

    Ours: zero counts as positive; channels are averaged first.

    Args:
        waveform: (N,) or (N, channels), see acoustic_features.
        sample_rate: [Hz].
        num_frames: L or None.
        fps: frames a second [1/s].

    Returns:
        (L,) in 0..1 [crossings a sample].

    Raises:
        ValueError: an argument is outside what is allowed.
    """
    samples, rate = _check(waveform, sample_rate)
    width = _width(WINDOW, rate)
    starts = _starts(len(samples), rate, num_frames, fps, width)
    mono = _mono(samples)
    crossings = np.empty(len(starts), samples.dtype)
    for first in range(0, len(starts), BLOCK):
        negative = _cut(mono, starts[first : first + BLOCK], width) < 0
        changes = negative[:, 1:] != negative[:, :-1]
        crossings[first : first + BLOCK] = np.count_nonzero(changes, axis=1)
    return crossings / (width - 1)


def loudness(waveform, sample_rate, num_frames=None, fps=FPS):
    r"""L_i = -0.691 + 10 log10 sum_c G_c mean(y_c^2), y the K-weighted sound, 400 ms (BS.1770).

    Ours: the momentary window is centred on the frame and averages what lies inside the sound.
    Mono is one channel; stereo adds both channels' powers, so a mono sound stored twice reads
    3 LU more. Surround channels count 1.41, the low-frequency channel of 5.1 and 7.1 nothing.

    Args:
        waveform: (N,) or (N, channels), see acoustic_features.
        sample_rate: [Hz].
        num_frames: L or None.
        fps: frames a second [1/s].

    Returns:
        (L,) [LUFS], at least -70.

    Raises:
        ValueError: an argument is outside what is allowed.
    """
    samples, rate = _check(waveform, sample_rate)
    width = _width(LOUDNESS_WINDOW, rate)
    starts = _starts(len(samples), rate, num_frames, fps, width)
    ends = np.clip(starts + width, 0, len(samples))
    starts = np.clip(starts, 0, len(samples))
    weights = CHANNEL_WEIGHTS.get(samples.shape[1], (1.0,) * samples.shape[1])
    filters = k_weighting(rate)
    total = np.zeros(len(samples) + 1)
    for channel, weight in zip(samples.T, weights, strict=True):
        total[1:] += weight * np.square(scipy.signal.sosfilt(filters, channel))
    total = np.cumsum(total)
    power = (total[ends] - total[starts]) / np.maximum(ends - starts, 1)
    quietest = 10 ** ((LOUDNESS_FLOOR + 0.691) / 10)
    level = -0.691 + 10 * np.log10(np.maximum(power, quietest))
    return level.astype(samples.dtype)


# channels in WAV order; BS.1770's 1.41 is for those 60 to 120 degrees off the front
CHANNEL_WEIGHTS = {
    4: (1.0, 1.0, 1.41, 1.41),  # L R Ls Rs
    5: (1.0, 1.0, 1.0, 1.41, 1.41),  # L R C Ls Rs
    6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41),  # L R C LFE Ls Rs
    8: (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41),  # L R C LFE back L R, side L R
}

# BS.1770's two sections as it prints them, for 48 kHz: (b0, b1, b2, 1, a1, a2)
K_WEIGHTING_48K = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585),
    (1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621),
)


def k_weighting(sample_rate):
    r"""BS.1770's head shelf and high pass at any rate, from their analogue prototype.

    Ours: the printed 48 kHz sections are solved for the prototype, whose corner frequency is then
    mapped exactly (bilinear transform, warped to the corner).

    Args:
        sample_rate: [Hz].

    Returns:
        (2, 6) second-order sections for scipy.signal.sosfilt, float64.
    """
    return np.array([_move_section(np.array(section), sample_rate) for section in K_WEIGHTING_48K])


def _move_section(section, rate):
    """With s = (1 - 1/z)/(1 + 1/z) a section is a ratio of quadratics in s: rescale s."""
    numerator, denominator = _in_s(section[:3]), _in_s(section[3:])
    warped = math.sqrt(denominator[0] / denominator[2])  # tan(pi corner/48000)
    corner = 48_000 / math.pi * math.atan(warped)
    powers = (math.tan(math.pi * corner / rate) / warped) ** np.array([2.0, 1.0, 0.0])
    b, a = _in_z(numerator * powers), _in_z(denominator * powers)
    return np.concatenate([b, a]) / a[0]


def _in_s(c):
    """c0 + c1/z + c2/z^2 times (1 + s)^2, as coefficients of 1, s, s^2."""
    return np.array([c[0] + c[1] + c[2], 2 * (c[0] - c[2]), c[0] - c[1] + c[2]]) / 4


def _in_z(c):
    """The way back: coefficients of 1, 1/z, 1/z^2."""
    return np.array([c[0] + c[1] + c[2], 2 * (c[0] - c[2]), c[0] - c[1] + c[2]])


def _check(waveform, sample_rate):
    """(N, channels) floats and a whole rate, or a ValueError that says what is allowed."""
    rate = _check_rate(sample_rate)
    samples = np.asarray(waveform)
    if samples.ndim not in (1, 2) or 0 in samples.shape:
        raise ValueError(
            f"waveform has shape {samples.shape}; allowed: (N,) or (N, channels), N >= 1"
        )
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.shape[1] > 32:
        raise ValueError(
            f"waveform has shape {samples.shape}: {samples.shape[1]} channels; allowed: at most 32"
            " (is it (channels, N)?)"
        )
    if samples.dtype in _INTEGERS:
        offset, scale = _INTEGERS[samples.dtype]
        return (samples.astype(np.float32) - offset) / scale, rate
    if samples.dtype.kind != "f":
        raise ValueError(
            f"waveform has dtype {samples.dtype}; allowed: floats in -1..1, int16, int32, uint8"
        )
    if samples.dtype != np.float64:
        samples = samples.astype(np.float32, copy=False)
    for extreme in (samples.min(), samples.max()):
        if not abs(extreme) <= LARGEST_SAMPLE:
            raise ValueError(f"waveform holds {extreme}; allowed: finite floats in -1..1")
    return samples, rate


_INTEGERS = {np.dtype("int16"): (0, 2**15), np.dtype("int32"): (0, 2**31), np.dtype("u1"): (128, 128)}


def _check_rate(sample_rate):
    try:
        rate = int(sample_rate)
    except (TypeError, ValueError, OverflowError):
        rate = None
    if rate is None or rate != sample_rate or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"sample_rate {sample_rate} is not allowed; it must be a whole number of Hz in "
            f"{LOWEST_RATE}..{HIGHEST_RATE}"
        )
    return rate


def _mono(samples):
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)


def _width(seconds, rate):
    return int(seconds * rate + 0.5)


def _window(settings, rate):
    width = _width(settings.window_seconds, rate)
    if settings.window == "povey":
        return scipy.signal.get_window("hann", width, fftbins=False) ** 0.85
    return scipy.signal.get_window(settings.window, width)


def _starts(length, rate, num_frames, fps, width):
    """First sample of each frame's window: round((i + 1/2) rate/fps - width/2), in integers."""
    try:
        fps = Fraction(fps).limit_denominator(1001)
    except (TypeError, ValueError, OverflowError):
        fps = Fraction(0)
    if fps <= 0:
        raise ValueError("fps must be a positive number of frames a second")
    p, q = fps.numerator, fps.denominator
    if num_frames is None:  # ceil(length fps/rate - 1/2): every centre that lies in the sound
        num_frames = max(1, -((rate * q - 2 * length * p) // (2 * rate * q)))
    if num_frames != int(num_frames) or num_frames < 1:
        raise ValueError(f"num_frames {num_frames} is not allowed; it must be at least 1")
    i = np.arange(int(num_frames), dtype=np.int64)
    return ((2 * i + 1) * rate * q - (width - 1) * p) // (2 * p)


def _cut(mono, starts, width):
    """(frames, width): the windows, zero where they leave the sound."""
    if starts[0] >= 0 and starts[-1] + width <= len(mono):
        return np.lib.stride_tricks.sliding_window_view(mono, width)[starts]
    index = starts[:, None] + np.arange(width)
    inside = (index >= 0) & (index < len(mono))
    return np.where(inside, mono[np.clip(index, 0, len(mono) - 1)], 0)
