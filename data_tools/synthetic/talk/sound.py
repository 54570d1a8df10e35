r"""Source-filter synthesis: control curves at 200 Hz become a waveform.

A glottal pulse train and noise pass through moving formants. The filter changes every 5 ms;
each piece is filtered in the frequency domain and overlap-added, so no loop runs over samples.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

CONTROL_RATE = 200  # control points a second [Hz]
_TAIL = 0.06  # seconds that a formant may ring on


@dataclass
class Controls:
    r"""Everything the vocal tract does, at CONTROL_RATE; each (K,), formants (K, 3)."""

    pitch: np.ndarray  # [Hz], > 0 also where unvoiced
    voicing: np.ndarray  # amplitude of the glottal pulses
    aspiration: np.ndarray  # amplitude of breath noise through the formants
    formants: np.ndarray  # F1..F3 [Hz]
    frication: np.ndarray  # amplitude of noise made in the mouth
    frication_centre: np.ndarray  # [Hz]
    frication_width: np.ndarray  # [Hz]


def glottal_pulse(open_phase=0.6, return_phase=0.03, points=2048):
    r"""One period of LF-like flow derivative: exp(a x) sin(pi x / x_p), then an exponential return.

    Ours: the shape of Liljencrants and Fant with a fixed growth a = 3.2 and x_p = 0.75 open_phase;
    the mean is taken out, so no DC remains.

    Args:
        open_phase: share of the period until the closure, in (0, 1); smaller is a pressed voice.
        return_phase: how soft the closure is [periods]; larger is a darker voice.
        points: length of the table.

    Returns:
        (points,), the closure's negative peak is -1 before the mean is taken out.
    """
    x = np.arange(points) / points
    rising = np.exp(3.2 * (x - open_phase)) * np.sin(np.pi * x / (0.75 * open_phase))
    peak = abs(np.sin(np.pi / 0.75))
    returning = -np.exp(-(x - open_phase) / return_phase)
    pulse = np.where(x < open_phase, rising / peak, returning)
    return pulse - pulse.mean()


def formant_response(formants, bandwidths, frequencies, sample_rate):
    r"""H = prod_i (1 - 2 r_i cos w_i + r_i^2) / (1 - 2 r_i cos w_i z^-1 + r_i^2 z^-2).

    Args:
        formants: (K, F) resonance frequencies [Hz].
        bandwidths: (F,) [Hz].
        frequencies: (M,) where the response is wanted [Hz].
        sample_rate: [Hz].

    Returns:
        complex (K, M); each resonator has gain 1 at 0 Hz.
    """
    delay = np.exp(-2j * np.pi * frequencies / sample_rate).astype(np.complex64)
    radius = np.exp(-np.pi * np.asarray(bandwidths) / sample_rate)
    first = 2 * radius * np.cos(2 * np.pi * formants / sample_rate)  # (K, F)
    gain = (1 - first + radius**2).astype(np.float32)
    denominator = np.ones((len(formants), len(frequencies)), np.complex64)
    for index in range(formants.shape[1]):
        slope = -first[:, index : index + 1].astype(np.float32)
        denominator *= 1 + delay * (slope + np.float32(radius[index] ** 2) * delay)
    return gain.prod(1, keepdims=True) / denominator


def synthesize(controls, voice, length, sample_rate, rng):
    r"""The waveform of a set of controls.

    Args:
        controls: Controls.
        voice: has formant_scale, open_phase, return_phase, jitter.
        length: samples wanted.
        sample_rate: [Hz].
        rng: numpy Generator, for jitter and noise.

    Returns:
        float64 (length,), not yet scaled.
    """
    seconds = np.arange(length) / sample_rate
    at = np.arange(len(controls.pitch)) / CONTROL_RATE
    wobble = rng.standard_normal(len(at)) * voice.jitter
    pitch = np.interp(seconds, at, controls.pitch * (1 + wobble))
    phase = np.cumsum(pitch / sample_rate)
    table = glottal_pulse(voice.open_phase, voice.return_phase)
    points = len(table)
    pulses = np.interp((phase % 1) * points, np.arange(points), table, period=points)
    noise = rng.standard_normal((2, length))
    throat = pulses * np.interp(seconds, at, controls.voicing)
    throat += 0.12 * noise[0] * np.interp(seconds, at, controls.aspiration)
    mouth = noise[1] * np.interp(seconds, at, controls.frication)
    return _filtered(throat, mouth, controls, voice, sample_rate)


def _filtered(throat, mouth, controls, voice, sample_rate):
    r"""Overlap-add of both sources, each through its own response of the moment."""
    hop = sample_rate // CONTROL_RATE
    spread = int(np.ceil(_TAIL * sample_rate / hop)) + 2  # pieces that one answer covers
    size = spread * hop
    count = len(throat) // hop + 2  # pieces, centred on the control points
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2 * hop) / (2 * hop))
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate).astype(np.float32)
    near = np.minimum(np.arange(count), len(controls.pitch) - 1)
    upper = np.broadcast_to(np.array([3500.0, 4600.0]) * voice.formant_scale, (count, 2))
    formants = np.concatenate([controls.formants[near], upper], 1)
    tract = formant_response(formants, (70, 90, 130, 220, 300), frequencies, sample_rate)
    centre = controls.frication_centre[near, None].astype(np.float32)
    width = controls.frication_width[near, None].astype(np.float32)
    hiss = np.exp(-0.5 * ((frequencies - centre) / width) ** 2)
    spectrum = tract * _spectra(throat, window, hop, count, size)
    spectrum += hiss * _spectra(mouth, window, hop, count, size)
    pieces = np.fft.irfft(spectrum, size, axis=1).reshape(count, spread, hop)
    blocks = np.zeros((count + spread, hop))
    for step in range(spread):
        blocks[step : step + count] += pieces[:, step]
    return blocks.ravel()[hop : hop + len(throat)]


def _spectra(signal, window, hop, count, size):
    r"""rfft of each windowed piece; piece k is centred on sample k hop."""
    padded = np.zeros((count + 1) * hop)
    padded[hop : hop + len(signal)] = signal
    blocks = padded.reshape(count + 1, hop)
    pieces = np.concatenate([blocks[:-1], blocks[1:]], 1) * window
    return np.fft.rfft(pieces.astype(np.float32), size, axis=1).astype(np.complex64)


def in_a_room(waveform, sample_rate, noise_db, echo_seconds, rng):
    r"""Add an exponentially dying echo and a pink background.

    Args:
        waveform: (N,).
        sample_rate: [Hz].
        noise_db: background under the speech's own level [dB], negative.
        echo_seconds: time until the echo is 60 dB down [s]; 0: none.
        rng: numpy Generator.

    Returns:
        float64 (N,).
    """
    length = len(waveform)
    level = np.sqrt(np.mean(waveform**2)) + 1e-12
    background = np.fft.rfft(rng.standard_normal(length))
    background /= np.sqrt(np.maximum(np.fft.rfftfreq(length, 1 / sample_rate), 30))
    background = np.fft.irfft(background, length)
    background *= level * 10 ** (noise_db / 20) / np.sqrt(np.mean(background**2))
    if echo_seconds > 0:
        seconds = np.arange(1, int(echo_seconds * sample_rate)) / sample_rate
        answer = rng.standard_normal(len(seconds)) * 10 ** (-3 * seconds / echo_seconds)
        answer *= 0.4 / np.sqrt(np.sum(answer**2))
        echo = fftconvolve(waveform, np.concatenate([np.zeros(80), answer]))[:length]
        waveform = waveform + echo
    return waveform + background
