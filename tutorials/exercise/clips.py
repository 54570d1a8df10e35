r"""Chapters 8 and 9, and measuring: windows, Eq. 6, two metrics."""

import math
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from tutorials.exercise.judge import Case, Exercise, Slip

TESTS = "tests/motion/test_clips.py"

# ---- windows ----


def cut(x, window=40, stride=20, tail="zeros", more=0):
    length = x.shape[-2]
    count = 1 - min(window - length, 0) // stride
    if tail == "dropped":
        return x.unfold(-2, window, stride).transpose(-1, -2)
    count += more
    missing = (count - 1) * stride + window - length
    if tail == "zeros":
        x = F.pad(x, (0, 0, 0, missing))
    else:
        x = torch.cat([x, x[..., -1:, :].expand(*x.shape[:-2], missing, x.shape[-1])], -2)
    return x.unfold(-2, window, stride).transpose(-1, -2)


def frames(length):
    return torch.arange(10.0, 10 + length).double()[:, None]


def split_case(length, answer, why):
    return Case(
        f"{length} frames 10, 11, ..., window 4, stride 2",
        lambda split: torch.as_tensor(split(frames(length), 4, 2))[..., 0],
        answer,
        why,
    )


SPLIT = Exercise(
    "split",
    "mfr.motion.clips:split",
    "08_clips.md#split",
    TESTS,
    "",
    [
        split_case(4, [[10, 11, 12, 13]], "it fits into one window"),
        split_case(
            7,
            [[10, 11, 12, 13], [12, 13, 14, 15], [14, 15, 16, 0]],
            "a window every 2 frames until the end is covered; zeros beyond it",
        ),
        split_case(3, [[10, 11, 12, 0]], "a short clip is one window with zeros behind"),
        Case(
            "shape for (2, 7, 3)",
            lambda split: [*torch.as_tensor(split(torch.zeros(2, 7, 3), 4, 2)).shape],
            [2, 3, 4, 3],
            "(..., W, window, D)",
        ),
    ],
    [
        Slip("the last, incomplete window is left out", partial(cut, tail="dropped")),
        Slip("the last frame is repeated beyond the end, not zeros", partial(cut, tail="repeat")),
        Slip("there is always one window more than needed", partial(cut, more=1)),
    ],
)


def merged(windows, length, window=40, stride=20, weights="triangle", divide=True, keep=False):
    count = windows.shape[-3]
    place = torch.arange(window).double()
    weight = {
        "triangle": torch.minimum(place + 1, window - place),
        "equal": torch.ones(window).double(),
        "zero ends": torch.minimum(place, window - 1 - place).clamp(min=0),
        "last": torch.ones(window).double(),
    }[weights].to(windows)
    total = windows.new_zeros(*windows.shape[:-3], (count - 1) * stride + window, windows.shape[-1])
    shares = windows.new_zeros((count - 1) * stride + window, 1)
    for w in range(count):
        part = slice(w * stride, w * stride + window)
        if weights == "last":
            total[..., part, :], shares[part] = windows[..., w, :, :], 1
        else:
            total[..., part, :] += weight[:, None] * windows[..., w, :, :]
            shares[part] += weight[:, None]
    total = total / shares if divide else total
    return total if keep else total[..., :length, :]


THREE = torch.tensor([[0.0] * 4, [6] * 4, [9] * 4]).double()[..., None]

JOIN = Exercise(
    "join",
    "mfr.motion.clips:join",
    "08_clips.md#join",
    TESTS,
    "",
    [
        Case(
            "one window 1, 2, 3, 4 of a clip of 4 frames, stride 2",
            lambda join: torch.as_tensor(join(frames(4)[None], 4, 4, 2))[:, 0],
            [10, 11, 12, 13],
            "nothing overlaps",
        ),
        Case(
            "one window of a clip of 3 frames",
            lambda join: torch.as_tensor(join(frames(4)[None], 3, 4, 2))[:, 0],
            [10, 11, 12],
            "what lies beyond the clip's end is dropped",
        ),
        Case(
            "three windows of zeros, sixes and nines, window 4, stride 2, 7 frames",
            lambda join: torch.as_tensor(join(THREE, 7, 4, 2))[:, 0],
            [0, 0, 2, 4, 7, 8, 9],
            "weights 1, 2, 2, 1: frame 2 is (2 0 + 1 6)/3",
        ),
    ],
    [
        Slip("all frames of a window weigh the same", partial(merged, weights="equal")),
        Slip(
            "the weighted windows are added and not divided by the sum of their weights",
            partial(merged, divide=False),
        ),
        Slip(
            "the windows are added, neither weighted nor divided",
            partial(merged, weights="equal", divide=False),
        ),
        Slip("where windows overlap, the later one is taken", partial(merged, weights="last")),
        Slip("the padding beyond the clip's end is kept", partial(merged, keep=True)),
        Slip(
            "the triangle begins with 0: the first frame has no weight at all",
            partial(merged, weights="zero ends"),
        ),
    ],
)


# ---- Eq. 6 ----


def distance(V, fake, real, reduce="sum", power=1, detach=True):
    truth = V(real).detach() if detach else V(real)
    error = ((V(fake) - truth).abs() ** power).flatten(1)
    if reduce == "mean":
        return error.mean()
    return error.sum() if reduce == "all" else error.sum(1).mean()


def two_pixels(images):
    return images.flatten(1)[:, :2]


def pictures(*rows):
    x = torch.zeros(len(rows), 3, 2, 2, dtype=torch.float64)
    x[:, 0, 0, :2] = torch.tensor(rows, dtype=torch.float64)
    return x


def into_the_truth(identity_loss):
    fake, real = pictures([0.6, 0.8]).requires_grad_(), pictures([1.0, 0.0]).requires_grad_()
    identity_loss(two_pixels, fake, real).backward()
    return [float(x.grad is not None and bool(x.grad.any())) for x in (fake, real)]


IDENTITY = Exercise(
    "identity_loss",
    "mfr.face.identity:identity_loss",
    "09_a_face_that_moves.md#equation-6",
    "tests/face/test_identity.py",
    "",
    [
        Case(
            "V(fake) = (0.6, 0.8), V(real) = (1, 0)",
            lambda f: f(two_pixels, pictures([0.6, 0.8]), pictures([1.0, 0.0])),
            1.2,
            "|0.6 - 1| + |0.8 - 0|",
        ),
        Case(
            "the same beside a pair of equal pictures",
            lambda f: f(
                two_pixels, pictures([0.6, 0.8], [1.0, 0.0]), pictures([1.0, 0.0], [1.0, 0.0])
            ),
            0.6,
            "a sum over the vector, a mean over the batch: (1.2 + 0)/2",
        ),
        Case(
            "does a gradient reach fake and real (1 yes, 0 no)",
            into_the_truth,
            [1, 0],
            "only the rendered picture is to change",
        ),
    ],
    [
        Slip("it is averaged over the vector too", partial(distance, reduce="mean")),
        Slip("it is summed over the batch too", partial(distance, reduce="all")),
        Slip("the differences are squared: Eq. 6 has the L1 norm", partial(distance, power=2)),
        Slip(
            "the true picture receives a gradient too: V(real) is to be a constant",
            partial(distance, detach=False),
        ),
    ],
)


# ---- metrics ----


def fd(generated, real, factor=100, power=1, order=("angle", "exp", "trans"), total=False):
    error = np.abs(np.asarray(generated) - np.asarray(real)) ** power
    sizes, start, found = {"angle": 3, "exp": 64, "trans": 3}, 0, {}
    for part in order:
        where = slice(start, start + sizes[part])
        block = error[..., where]
        found[part] = factor * (block.sum((-2, -1)) if total else block.mean((-2, -1)))
        start += sizes[part]
    return found


def shift(*parts):
    return np.repeat(parts, [3, 64, 3])[None].repeat(2, 0)


FD = Exercise(
    "feature_distance",
    "mfr.evaluation.metrics.motion:feature_distance",
    "11_measuring.md#standing-still-wins",
    "tests/evaluation/test_metrics_motion.py",
    "",
    [
        Case(
            "two frames, angle off by 0.01, exp by 0.02, trans by 0.05",
            lambda f: f(shift(0.01, 0.02, 0.05), np.zeros((2, 70))),
            {"angle": 1.0, "exp": 2.0, "trans": 5.0},
            "100 times the mean absolute error",
        ),
    ],
    [
        Slip("the factor 100 is missing", partial(fd, factor=1)),
        Slip("the errors are squared: the paper's FD is an L1 distance", partial(fd, power=2)),
        Slip(
            "exp is looked for before angle: the 70 are angle 3, exp 64, trans 3",
            partial(fd, order=("exp", "angle", "trans")),
        ),
        Slip("the errors are summed and not averaged", partial(fd, total=True)),
    ],
)


def energy(samples, real, scale=1.0, half=0.5, itself=False, rooted=True, by_frame=False):
    samples, real = np.asarray(samples, float) / scale, np.asarray(real, float) / scale
    size = math.sqrt(real.size) if rooted else 1.0

    def far(a, b):
        if by_frame:
            return np.linalg.norm(a - b, axis=-1).mean() / math.sqrt(a.shape[-1])
        return np.linalg.norm(a - b) / size

    near = np.mean([far(x, real) for x in samples])
    pairs = [
        far(x, y) for i, x in enumerate(samples) for j, y in enumerate(samples) if itself or i != j
    ]
    return near - half * (np.mean(pairs) if pairs else 0.0)


def numbers(*values):
    return np.array(values, float)[:, None, None]


ENERGY = Exercise(
    "energy_score",
    "mfr.evaluation.metrics.motion:energy_score",
    "11_measuring.md#energy-score",
    "tests/evaluation/test_metrics_motion.py",
    "",
    [
        Case(
            "one sample, 3; the truth is 1",
            lambda f: f(numbers(3), np.ones((1, 1))),
            2.0,
            "its distance, and no pairs",
        ),
        Case(
            "samples 0 and 4; the truth is 1",
            lambda f: f(numbers(0, 4), np.ones((1, 1))),
            0.0,
            "(1 + 3)/2 - 1/2 mean over both pairs i != j of 4",
        ),
        Case(
            "one sample of 2 frames of 2 numbers, off by 1, 1, 1 and 5",
            lambda f: f([[[1, 1], [1, 5]]], np.zeros((2, 2))),
            math.sqrt(28 / 4),
            "the norm over all L D numbers over sqrt(L D): a root mean square",
        ),
        Case(
            "the same, scale 2",
            lambda f: f([[[1, 1], [1, 5]]], np.zeros((2, 2)), 2),
            math.sqrt(28 / 4) / 2,
            "everything is measured in units of scale",
        ),
    ],
    [
        Slip("the spread of the samples is subtracted whole, not by half", partial(energy, half=1)),
        Slip(
            "the spread of the samples is not subtracted: then the mean answer wins",
            partial(energy, half=0),
        ),
        Slip(
            "pairs of a sample with itself count too: that is not fair to few samples",
            partial(energy, itself=True),
        ),
        Slip("the norm is not divided by sqrt(L D)", partial(energy, rooted=False)),
        Slip("the norm is taken frame by frame and then averaged", partial(energy, by_frame=True)),
    ],
)

EXERCISES = [SPLIT, JOIN, IDENTITY, FD, ENERGY]
