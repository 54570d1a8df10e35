r"""The acoustic vector of the ViCo baseline, for people who hold files made by it."""

import numpy as np
import scipy.fft

from mfr.sound.framing import check_sound

FPS = 30
BANDS, CEPSTRA, LIFTER, PREEMPHASIS = 23, 13, 22, 0.97
LOWEST = 20.0  # lower edge of the first mel band [Hz]
RMS_WIDTH, RMS_HOP = 2048, 512  # [samples]
LOG_FLOOR = np.finfo(np.float32).eps  # smallest band power


def vico_compat(waveform, sample_rate, num_frames=None):
    r"""The baseline's vector of each 1/30 s: MFCC 13, deltas 26, RMS n, zero crossings n.

    (L, 39 + 2 n) float32. Its defects are kept. (a) Each frame is one isolated piece of
    floor(rate/30) samples: pieces drift from the video, and their last third has no MFCC. (b) c0 is
    the log energy floored at 0, which most speech is below. (c) Deltas of a single MFCC frame are
    rounding noise; here they are 0. (d) The n RMS windows exceed the piece, which is mirrored into
    them. (e) The n zero-crossing columns are equal and count per second of sound, 30 times too few.
    (f) n = 1 + piece//512, so only some rates (32, 44.1 kHz) give 45 columns; there is no loudness.

    num_frames None: every whole piece. Channels are averaged.

    Raises:
        ValueError: the sound is not allowed, or has fewer than num_frames (or no) whole pieces.
    """
    sound = check_sound(waveform, sample_rate)
    piece = sound.rate // FPS
    whole = len(sound.samples) // piece
    count = whole if num_frames is None else num_frames
    if not 1 <= count <= whole:
        raise ValueError(f"num_frames {count} is not allowed; the sound has {whole} whole pieces")
    pieces = sound.mono[: count * piece].reshape(count, piece)
    cepstra, deltas = _kaldi_mfcc(pieces, sound.rate), np.zeros((count, 2 * CEPSTRA))
    rms = _mirrored_rms(pieces)
    crossings = _crossings(pieces) / sound.rate
    columns = [cepstra, deltas, rms, np.repeat(crossings[:, None], rms.shape[1], axis=1)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _kaldi_mfcc(pieces, rate):
    """Kaldi's default MFCC of the first 25 ms, c0 replaced by the log energy."""
    width = int(0.025 * rate)
    length = 1 << (width - 1).bit_length()
    x = pieces[:, :width] - pieces[:, :width].mean(axis=1, keepdims=True)
    energy = np.log(np.maximum(np.sum(x**2, axis=1), LOG_FLOOR)).clip(0)
    x = x - PREEMPHASIS * np.concatenate([x[:, :1], x[:, :-1]], axis=1)
    povey = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / (width - 1))) ** 0.85
    power = np.abs(scipy.fft.rfft(x * povey, length, axis=1)) ** 2
    bands = np.log(np.maximum(power @ _kaldi_bands(rate, length).T, LOG_FLOOR))
    cepstra = scipy.fft.dct(bands, axis=1, norm="ortho")[:, :CEPSTRA]
    cepstra = cepstra * (1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER))
    cepstra[:, 0] = energy
    return cepstra


def _kaldi_bands(rate, length):
    """(bands, bins): triangles straight in mel, not in Hz; the Nyquist bin counts for 0."""
    hz = np.arange(length // 2 + 1) * rate / length
    mel, low, high = (1127 * np.log(1 + f / 700) for f in (hz, LOWEST, rate / 2))
    step = (high - low) / (BANDS + 1)
    centre = low + step * np.arange(1, BANDS + 1)[:, None]
    bank = (1 - np.abs(mel - centre) / step).clip(0)
    bank[:, -1] = 0
    return bank


def _mirrored_rms(pieces):
    """Windows of 2048 around every 512th sample of a piece that is mirrored at both ends."""
    padded = np.pad(pieces, ((0, 0), (RMS_WIDTH // 2,) * 2), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, RMS_WIDTH, axis=1)[:, ::RMS_HOP]
    return np.sqrt(np.mean(windows**2, axis=2))


def _crossings(pieces):
    negative = np.where(np.abs(pieces) <= 1e-10, 0, pieces) < 0
    return np.count_nonzero(negative[:, 1:] != negative[:, :-1], axis=1)
