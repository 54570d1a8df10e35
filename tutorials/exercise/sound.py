r"""Chapters 1 and 2: slopes, crossings, cepstra; a rotation."""

import math
from functools import partial

import numpy as np
import scipy.fft
import torch

from tutorials.exercise.judge import Case, Exercise, Slip

TESTS = "tests/sound/test_features.py"
FRAMES = (
    "mfr.sound.framing has what finds the windows: sound = check_sound(waveform, sample_rate), "
    "width = sound.width(0.025) samples, frame_starts(sound, num_frames, fps, width) their first "
    "samples; sound.mono is the mean of the channels. Samples outside the sound are 0."
)


# ---- deltas ----


def slopes(features, reach=2, edges="edge", halved=True, sign=1, weighted=True, plain=False):
    x = np.asarray(features, float)
    if plain:
        return np.diff(x, axis=0, prepend=x[:1])
    padded = np.pad(x, ((reach, reach), (0, 0)), edges)
    total, squares = 0, 0
    for n in range(1, reach + 1):
        weight = n if weighted else 1
        later = padded[reach + n :][: len(x)]
        total = total + weight * (later - padded[reach - n :][: len(x)])
        squares += n * weight
    return sign * total / ((2 if halved else 1) * squares)


def column(*values):
    return np.array(values, float)[:, None]


DELTA = Exercise(
    "delta",
    "mfr.sound.features:delta",
    "01_sound_to_45_numbers.md#deltas-and-delta-deltas",
    TESTS,
    "",
    [
        Case(
            "0, 1, 2, 3, 4, reach 2; the middle frame",
            lambda delta: np.asarray(delta(column(0, 1, 2, 3, 4)))[2],
            [1.0],
            "(1 (3 - 1) + 2 (4 - 0))/(2 (1 + 4)) = 10/10: a ramp rises by 1 a frame",
        ),
        Case(
            "0, 1, 4, 9, 16, reach 2; the middle frame",
            lambda delta: np.asarray(delta(column(0, 1, 4, 9, 16)))[2],
            [4.0],
            "(1 (9 - 1) + 2 (16 - 0))/10",
        ),
        Case(
            "0, 1, 2, 3, 4, reach 2; the first and the last frame",
            lambda delta: np.asarray(delta(column(0, 1, 2, 3, 4)))[[0, 4], 0],
            [0.5, 0.5],
            "edges are replicated: (1 (1 - 0) + 2 (2 - 0))/10",
        ),
        Case(
            "0, 0, 1, 0, 0, reach 2",
            lambda delta: np.asarray(delta(column(0, 0, 1, 0, 0))),
            [[0.2], [0.1], [0], [-0.1], [-0.2]],
            "two frames away counts twice as much as one: 2/10 and 1/10",
        ),
        Case(
            "0, 0, 1, 0, 0, reach 1",
            lambda delta: np.asarray(delta(column(0, 0, 1, 0, 0), 1)),
            [[0], [0.5], [0], [-0.5], [0]],
            "(c_{i+1} - c_{i-1})/2",
        ),
    ],
    [
        Slip(
            "each frame is compared with the one before it only, not with two on either side",
            partial(slopes, plain=True),
        ),
        Slip("the 2 in front of the sum of n^2 is missing", partial(slopes, halved=False)),
        Slip("the differences are not weighted by n", partial(slopes, weighted=False)),
        Slip("the frame before is taken minus the frame after", partial(slopes, sign=-1)),
        Slip(
            "zeros stand beyond the edges, not the first and the last frame again",
            partial(slopes, edges="constant"),
        ),
        Slip(
            "the frames are mirrored at the edges, not the first and the last one repeated",
            partial(slopes, edges="reflect"),
        ),
    ],
)


# ---- windows ----


def windows(waveform, rate, fps=30, centred=True):
    width = math.floor(0.025 * rate + 0.5)
    count = max(1, math.ceil(len(waveform) * fps / rate - 0.5))
    for i in range(count):
        middle = (i + 0.5) * rate / fps - width / 2 if centred else i * rate / fps
        first = math.floor(middle + 0.5)
        yield np.array(
            [waveform[n] if 0 <= n < len(waveform) else 0.0 for n in range(first, first + width)]
        )


def crossings(waveform, sample_rate, num_frames=None, fps=30, share="pairs", zero="positive"):
    rates = []
    for frame in windows(waveform, sample_rate, fps):
        if zero == "product":
            changes = (frame[1:] * frame[:-1] < 0).sum()
        elif zero == "sign":
            changes = (np.sign(frame[1:]) != np.sign(frame[:-1])).sum()
        else:
            changes = ((frame[1:] < 0) != (frame[:-1] < 0)).sum()
        divisor = {"pairs": len(frame) - 1, "count": 1, "samples": len(frame), "half": 2}[share]
        rates.append(changes / (divisor if share != "half" else 2 * (len(frame) - 1)))
    return np.array(rates)


TURNS = np.tile([0.5, -0.5], 300)  # one frame: its window lies inside
ZEROS = np.tile([0.0, 0.5, 0.0, -0.5], 150)  # the window's 399 pairs begin at sample 67

ZERO_CROSSINGS = Exercise(
    "zero_crossing_rate",
    "mfr.sound.features:zero_crossing_rate",
    "01_sound_to_45_numbers.md#zero-crossing-rate",
    TESTS,
    FRAMES,
    [
        Case(
            "600 samples +0.5, -0.5, +0.5, ... at 16 kHz",
            lambda zcr: np.asarray(zcr(TURNS, 16000))[:1],
            [1.0],
            "400 samples a window make 399 pairs, and the sign changes in each",
        ),
        Case(
            "600 samples 0, 0.5, 0, -0.5, ... at 16 kHz",
            lambda zcr: np.asarray(zcr(ZEROS, 16000))[:1],
            [sum(n % 4 in (2, 3) for n in range(67, 466)) / 399],
            "zero counts as positive: two changes in four pairs",
        ),
    ],
    [
        Slip(
            "the changes are counted and not divided by the number of pairs",
            partial(crossings, share="count"),
        ),
        Slip(
            "it is divided by the 400 samples, not by their 399 pairs",
            partial(crossings, share="samples"),
        ),
        Slip(
            "a full wave counts once: both its crossings count here",
            partial(crossings, share="half"),
        ),
        Slip(
            "only a product below 0 counts, so that a change by way of 0 is lost",
            partial(crossings, zero="product"),
        ),
        Slip("0 is a third sign beside + and -", partial(crossings, zero="sign")),
    ],
)


# ---- cepstra ----


def cepstra(
    waveform,
    sample_rate,
    num_frames=None,
    fps=30,
    symmetric=False,
    scale="mean square",
    ortho=True,
    level=10,
    centred=True,
    hann=True,
    squared=True,
):
    rows = []
    for frame in windows(waveform, sample_rate, fps, centred):
        width = len(frame)
        turns = 2 * np.pi * np.arange(width) / (width - 1 if symmetric else width)
        window = 0.5 - 0.5 * np.cos(turns) if hann else np.ones(width)
        power = np.abs(np.fft.rfft(window * frame)) ** (2 if squared else 1)
        power = (
            power
            * {
                "mean square": 2 / (width * (window**2).sum()),
                "1/n": 1 / width,
                "none": 1.0,
            }[scale]
        )
        edges = 700 * (
            10 ** (np.linspace(*(2595 * np.log10(1 + hz / 700) for hz in (20, 8000)), 28) / 2595)
            - 1
        )
        hertz = np.arange(width // 2 + 1) * sample_rate / width
        bands = [np.interp(hertz, edges[b : b + 3], [0, 1, 0], 0, 0) @ power for b in range(26)]
        levels = np.maximum(level * np.log10(np.maximum(bands, 1e-300)), -100)
        rows.append(scipy.fft.dct(levels, norm="ortho" if ortho else None)[:14])
    return np.array(rows)


def natural(*sound):
    return cepstra(*sound, level=1 / math.log10(math.e))


TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(600) / 16000)
TONE = TONE + 0.01 * np.cos(1.7 * np.arange(600) ** 1.3)  # something in every band

MFCC = Exercise(
    "mfcc",
    "mfr.sound.features:mfcc",
    "01_sound_to_45_numbers.md#fourteen-cepstra",
    TESTS,
    FRAMES + " The defaults: a periodic Hann window, |FFT|^2 times 2/(width sum w^2), 26 triangles "
    "of height 1 between 20 and 8000 Hz in HTK's mel, 10 log10 with the floor -100, an "
    "orthonormal DCT-II, the first 14. settings may stay unused.",
    [
        Case(
            "440 Hz and some noise, 600 samples at 16 kHz; c0 to c3 of the first frame",
            lambda mfcc: np.asarray(mfcc(TONE, 16000))[0, :4],
            cepstra(TONE, 16000)[0, :4],
            "the sum written out, one step after the other",
        ),
        Case(
            "the same, all of it",
            lambda mfcc: np.asarray(mfcc(TONE, 16000)),
            cepstra(TONE, 16000),
            "(1, 14): one frame has its centre in the sound",
        ),
    ],
    [
        Slip(
            "the Hann window is symmetric (width - 1 in its cosine), not periodic",
            partial(cepstra, symmetric=True),
        ),
        Slip("no window is laid over the samples", partial(cepstra, hann=False)),
        Slip(
            "the powers are divided by n, not multiplied by 2/(n sum w^2): c0 is shifted",
            partial(cepstra, scale="1/n"),
        ),
        Slip(
            "the powers are not scaled to mean squares: c0 is shifted",
            partial(cepstra, scale="none"),
        ),
        Slip("the DCT is not orthonormal", partial(cepstra, ortho=False)),
        Slip("log10 is not multiplied by 10: these are bels", partial(cepstra, level=1)),
        Slip("the logarithm is the natural one, not 10 log10", natural),
        Slip("|FFT| is taken and not |FFT|^2", partial(cepstra, squared=False)),
        Slip(
            "the window begins at i/fps instead of lying around (i + 1/2)/fps",
            partial(cepstra, centred=False),
        ),
    ],
)


# ---- chapter 2 ----


def turned(angle, order="roll yaw pitch", sign=1, unit=1.0):
    pitch, yaw, roll = (sign * unit * torch.as_tensor(angle).double()).unbind(-1)
    parts = {}
    for name, x, (i, j) in (("pitch", pitch, (1, 2)), ("yaw", yaw, (2, 0)), ("roll", roll, (0, 1))):
        R = torch.eye(3).double().expand(*x.shape, 3, 3).clone()
        R[..., i, i] = R[..., j, j] = x.cos()
        R[..., i, j], R[..., j, i] = -x.sin(), x.sin()
        parts[name] = R
    first, second, third = order.split()
    return (parts[first] @ parts[second] @ parts[third]).numpy()


def rotated(*angle):
    return lambda f: np.asarray(f(np.array([angle])))[0]


C, S = math.cos(0.3), math.sin(0.3)
ROTATION = Exercise(
    "rotation_matrix",
    "mfr.face.camera:rotation_matrix",
    "02_faces_as_coefficients.md#angles-become-a-rotation",
    "tests/face/test_coefficients.py",
    "The tests hand in numpy arrays and want one back.",
    [
        Case(
            "pitch 0.3",
            rotated(0.3, 0, 0),
            [[1, 0, 0], [0, C, -S], [0, S, C]],
            "x stays; y and z turn: the nose, on +z, goes down",
        ),
        Case(
            "yaw 0.3",
            rotated(0, 0.3, 0),
            [[C, 0, S], [0, 1, 0], [-S, 0, C]],
            "y stays; the nose goes to +x",
        ),
        Case("roll 0.3", rotated(0, 0, 0.3), [[C, -S, 0], [S, C, 0], [0, 0, 1]], "z stays"),
        Case(
            "pitch 0.1, yaw 0.2, roll 0.3",
            rotated(0.1, 0.2, 0.3),
            turned([0.1, 0.2, 0.3]),
            "Rz Ry Rx: pitch acts first, roll last",
        ),
    ],
    [
        Slip(
            "the matrix is transposed: it turns the other way",
            partial(turned, sign=-1, order="pitch yaw roll"),
        ),
        Slip("every angle has the other sign", partial(turned, sign=-1)),
        Slip("pitch acts last and roll first", partial(turned, order="pitch yaw roll")),
        Slip("the angles are taken for degrees", partial(turned, unit=math.pi / 180)),
    ],
)

EXERCISES = [DELTA, ZERO_CROSSINGS, MFCC, ROTATION]
