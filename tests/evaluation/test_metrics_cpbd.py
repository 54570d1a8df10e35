r"""CPBD.

Oracles: the public package's values on pictures made by integer formulas; ramps of known width;
edge widths, ridge suppression and linking by loops over pixels; Pillow's grey.
"""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from mfr.evaluation.metrics import cpbd, cpbd_of_gray, sharpness
from tests.evaluation.test_metrics_image import colour, picture

# package cpbd 1.0.7 on SciPy 1.17, scikit-image 0.26 (its import repaired):
# python -m tests.benchmarks.bench_metrics --references
REFERENCES = {
    ("noise", (192, 256)): 0.8284238714613619,
    ("fine", (192, 256)): 0.7786431291104188,
    ("coarse", (192, 256)): 0.7288285109386027,
    ("discs", (192, 256)): 0.35551330798479086,
    ("face", (192, 256)): 0.3964757709251101,
    ("faint dots", (192, 256)): 1.0,
    ("ramp", (192, 256)): 0.0,
    ("step", (192, 256)): 0.0,  # gradients to +x only: the package sees no angle, so no edge
    ("fine", (64, 64)): 0.8073217726396917,
    ("face", (193, 250)): 0.3103448275862069,
}


@pytest.mark.parametrize("name, size", REFERENCES)
def test_cpbd_is_that_of_the_public_package(name, size):
    value = cpbd_of_gray(picture(name, *size))
    assert value == pytest.approx(REFERENCES[name, size], abs=1e-12)


def bars(*steps, spacing=32):
    r"""128 x 128, edges up and down in turn, each in the given steps [grey levels]."""
    slope = np.zeros(128, int)
    for i, start in enumerate(range(8, 128 - len(steps), spacing)):
        slope[start : start + len(steps)] = np.array(steps) * (-1) ** i
    return np.tile((60 + slope.cumsum()).astype(np.uint8), (128, 1))


@pytest.mark.parametrize(
    "steps, value",
    [
        ((20, 20), 1.0),  # contrast 40, 2 pixels wide; 5 are noticeable
        ((10, 15, 15, 10), 1.0),  # contrast 50: 4 of 5
        ((10, 16, 16, 10), 0.0),  # contrast 52: 4 of 3
        ((2, 8, 15, 15, 8, 2), 0.0),  # contrast 50: 6 of 5
        ((20, 30, 10), 1.0),  # 3 of 3: P = 1 - 1/e = 0.632, in the last sharp hundredth
    ],
)
def test_cpbd_of_edges_of_known_width(steps, value):
    assert cpbd_of_gray(bars(*steps)) == value


def test_cpbd_is_the_share_of_sharp_edges():
    sharp, soft = bars(30, 30), bars(10, 20, 20, 10)
    both = np.hstack([sharp, sharp, soft])  # as many edges in each
    assert cpbd_of_gray(both) == pytest.approx(2 / 3, rel=1e-12)


def test_cpbd_counts_only_blocks_with_edges():
    flat = np.full((64, 64), 100, np.uint8)
    assert cpbd_of_gray(flat) == 0.0
    with_edges = np.vstack([bars(30, 30), np.full((64, 128), 60, np.uint8)])
    assert cpbd_of_gray(with_edges) == 1.0


def slow_widths(gray):
    r"""Widths of Sobel edges by walking from each edge pixel, as the package's paper tells it."""
    gray = gray.astype(float)
    height, width = gray.shape
    kernel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8
    strength = ndimage.convolve(gray, kernel) ** 2
    strength[strength <= 2 * np.sqrt(strength.mean())] = 0
    slope_y, slope_x = np.gradient(gray)
    widths = np.zeros(gray.shape)
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            here, row, column = strength[i, j], strength[i], strength[:, j]
            if not (here > max(row[j - 1], row[j + 1]) or here > max(column[i - 1], column[i + 1])):
                continue
            angle = 0.0
            if slope_x[i, j] != 0:
                angle = math.degrees(math.atan2(slope_y[i, j], slope_x[i, j]))
            if 22.5 < abs(angle) < 157.5:
                continue
            sign = 1 if abs(angle) < 90 else -1  # brightness grows to the right, or to the left
            left, right = j - 1, j + 1
            while left >= 1 and sign * (gray[i, left] - gray[i, left - 1]) > 0:
                left -= 1
            while right <= width - 2 and sign * (gray[i, right + 1] - gray[i, right]) > 0:
                right += 1
            widths[i, j] = right - left
    return widths


@pytest.mark.parametrize("name", ["noise", "coarse", "face", "discs"])
def test_edge_widths_are_those_of_a_walk(name):
    gray = picture(name, 67, 131) if name != "face" else picture(name)[60:127, 70:201]
    widths = sharpness._edge_widths(gray.astype(np.int16))
    assert (widths > 0).sum() > 30
    np.testing.assert_array_equal(widths, slow_widths(gray))


def slow_canny(gray):
    r"""Ridges of the smoothed gradient by a loop, linked to strong ones by flooding."""
    inside = ndimage.gaussian_filter(np.ones(gray.shape), 1, mode="constant")
    smooth = ndimage.gaussian_filter(gray.astype(float), 1, mode="constant")
    smooth = smooth / (inside + np.finfo(float).eps)
    down, right = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    size = np.hypot(down, right)
    ridge = np.zeros(gray.shape)
    for i in range(1, gray.shape[0] - 1):
        for j in range(1, gray.shape[1] - 1):
            if size[i, j] < 0.1:
                continue
            longest = max(abs(down[i, j]), abs(right[i, j]))
            di, dj = down[i, j] / longest, right[i, j] / longest  # one of them is +1 or -1
            neighbours = []
            for sign in (1, -1):
                values = [  # along the other one, between two pixels
                    size[
                        i + sign * round(di) if abs(di) == 1 else i + side,
                        j + sign * round(dj) if abs(dj) == 1 else j + side,
                    ]
                    for side in (0, int(np.sign(sign * (dj if abs(di) == 1 else di))))
                ]
                share = min(abs(di), abs(dj))
                neighbours.append(values[0] * (1 - share) + values[1] * share)
            if max(neighbours) <= size[i, j] * (1 + 1e-12):
                ridge[i, j] = size[i, j]
    edges = ridge >= 0.2
    waiting = list(np.argwhere(edges))
    while waiting:
        i, j = waiting.pop()
        for k, m in np.ndindex(3, 3):
            place = i + k - 1, j + m - 1
            if ridge[place] > 0 and not edges[place]:
                edges[place] = True
                waiting.append(place)
    return edges


def stripes(*dots):
    r"""Faint diagonal stripes, whose smoothed ridges are weak away from the border, and dots."""
    y, x = np.mgrid[:192, :192]
    gray = 128 + 3 * ((x + y) % 3 - 1)
    for i, j, level in dots:
        gray[i, j] += level
    return gray.astype(np.uint8)


@pytest.mark.parametrize(
    "gray, middle",
    [
        (stripes(), False),  # 9 weak ridge pixels and more, none linked to a strong one
        (stripes((96, 96, 1), (96, 97, -1)), True),  # the same, linked by 8 strong ones
        (picture("faint dots", 192, 192), None),
        (picture("face", 192, 256)[:, 40:232], None),
    ],
)
def test_blocks_count_by_canny_edges_found_in_a_loop(gray, middle):
    edges = slow_canny(gray)
    want = [[edges[i : i + 64, j : j + 64].sum() > 8 for j in (0, 64, 128)] for i in (0, 64, 128)]
    found = sharpness._edge_blocks(gray)
    np.testing.assert_array_equal(found, want)
    assert middle in (None, found[1, 1])


def test_grey_is_pillows():
    frame = colour("face", "noise", "discs")
    want = np.asarray(Image.fromarray(frame[0]).convert("L"))
    bytes_, floats = torch.from_numpy(frame), torch.from_numpy(frame).permute(0, 3, 1, 2) / 255
    np.testing.assert_array_equal(sharpness.gray_levels(bytes_[0].permute(2, 0, 1)), want)
    np.testing.assert_array_equal(sharpness.gray_levels(floats[0]), want)


def test_cpbd_of_frames_is_that_of_each_grey():
    frames = np.concatenate([colour("face", "noise", "discs"), colour("fine", "coarse", "fine")])
    want = [cpbd_of_gray(np.asarray(Image.fromarray(frame).convert("L"))) for frame in frames]
    assert cpbd(frames).tolist() == want
    assert cpbd(torch.from_numpy(frames).permute(0, 3, 1, 2) / 255).tolist() == want
    gray = picture("fine")
    assert cpbd(gray[None, :, :, None]).tolist() == [cpbd_of_gray(gray)]


@pytest.mark.parametrize(
    "gray, message",
    [
        (np.zeros((63, 64), np.uint8), r"gray is uint8 \(63, 64\); allowed: uint8 \(H, W\), both"),
        (np.zeros((64, 64)), r"gray is float64 \(64, 64\); allowed: uint8"),
        (np.zeros((64, 64, 3), np.uint8), r"gray is uint8 \(64, 64, 3\); allowed"),
    ],
)
def test_grey_images_of_another_kind_are_refused(gray, message):
    with pytest.raises(ValueError, match=message):
        cpbd_of_gray(gray)


def test_cpbd_needs_64_pixels_and_a_frame():
    with pytest.raises(ValueError, match="images is 63 x 65 pixels; allowed: 64 x 64"):
        cpbd(np.zeros((2, 63, 65, 3), np.uint8))
    with pytest.raises(ValueError, match=r"images has shape \(0, 64, 64, 3\); .* B >= 1"):
        cpbd(np.zeros((0, 64, 64, 3), np.uint8))
