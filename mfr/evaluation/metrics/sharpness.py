r"""CPBD: the share of edges whose blur a viewer would not notice (Narvekar, Karam 2011).

The arithmetic is that of the public Python package `cpbd` with its Canny and Sobel detectors, which
no longer imports on a modern SciPy; values are equal to its own. Where the package loops over
pixels, this file asks each question of all pixels at once.

    1. Sobel edges, thinned; each is as wide as the brightness runs on monotonically beside it.
    2. 64 x 64 blocks with enough Canny edges count; their contrast gives the just noticeable width.
    3. P(blur seen) = 1 - exp(-(width / noticeable)^3.6); CPBD = share of edges with P below 0.64.
"""

from functools import lru_cache

import numpy as np
from scipy import ndimage

from mfr.evaluation.metrics.inputs import Images

BLOCK = 64  # side of a block [pixels]
EDGE_SHARE = 0.002  # a block counts when more than this share of its pixels are Canny edges
BETA = 3.6
LOW_CONTRAST = 50  # up to this contrast [grey levels] 5 pixels are noticeable, above it 3
BUCKETS = 64  # P is rounded to hundredths: 0.63 still counts as sharp
CANNY_STD = 1.0
CANNY_LOW, CANNY_HIGH = float(np.float32(0.1)), 0.2  # the package's detector keeps low in float32
LUMA = (19595, 38470, 7471)  # ITU-R 601 weights times 2^16, as Pillow's mode L


def cpbd(images):
    r"""Share of edges with 1 - exp(-(width / noticeable)^3.6) <= 0.63, in 0 .. 1, (B,).

    Paper: Sec. 4.2.1, Table 2 [4]; images (B, C, H, W) or bytes (B, H, W, C) from 64 pixels. Higher
    is sharper; no reference needed. Aggregation: mean over frames of all clips. Trap: noise and
    ringing score high, a frame without a counted edge scores 0, compression moves it.
    """
    images = Images("images", images, side=BLOCK)
    return np.array([cpbd_of_gray(gray_levels(images.frame(i))) for i in range(len(images))])


def gray_levels(frame):
    r"""Y = (19595 R + 38470 G + 7471 B + 2^15) >> 16 of 8-bit levels: Pillow's mode L.

    The paper does not say how colour becomes grey; the public tools read mode L. torch (C, H, W),
    float in [0, 1] or uint8, C 3 or 1, to numpy uint8 (H, W).
    """
    levels = frame.detach().cpu().numpy()
    if levels.dtype != np.uint8:
        levels = np.rint(levels * 255).clip(0, 255).astype(np.uint8)
    if len(levels) == 1:
        return levels[0]
    red, green, blue = (weight * x for weight, x in zip(LUMA, levels.astype(np.uint32)))
    return ((red + green + blue + 2**15) >> 16).astype(np.uint8)


def cpbd_of_gray(gray):
    r"""CPBD of one grey image (H, W) uint8; same value as the package `cpbd` gives.

    Paper: Sec. 4.2.1. Higher is sharper, 0 .. 1. Aggregation: see cpbd.

    Raises:
        ValueError: another shape or type, or a side below 64 pixels.
    """
    gray = np.asarray(gray)
    if gray.dtype != np.uint8 or gray.ndim != 2 or min(gray.shape) < BLOCK:
        found = f"{gray.dtype} {gray.shape}"
        raise ValueError(f"gray is {found}; allowed: uint8 (H, W), both >= {BLOCK}")
    widths = _edge_widths(gray.astype(np.int16))
    counts = np.zeros(101)
    for block in np.argwhere(_edge_blocks(gray)):
        rows, columns = (slice(BLOCK * k, BLOCK * (k + 1)) for k in block)
        inside, found = gray[rows, columns], widths[rows, columns]
        noticeable = 5 if int(inside.max()) - int(inside.min()) <= LOW_CONTRAST else 3
        seen = 1 - np.exp(-((found[found > 0] / noticeable) ** BETA))
        counts += np.bincount(np.rint(seen * 100).astype(int), minlength=101)
    return float(np.sum(counts[:BUCKETS] / max(counts.sum(), 1)))


# ---- edge widths ----


def _edge_widths(gray):
    """Width of each near-vertical Sobel edge [pixels], 0 elsewhere: (H, W)."""
    slope_x = gray[1:-1, 2:] - gray[1:-1, :-2]  # twice the central difference
    slope_y = gray[2:, 1:-1] - gray[:-2, 1:-1]
    across = np.abs(slope_y) <= np.tan(np.pi / 8) * np.abs(slope_x)  # within 22.5 degrees of x
    across |= slope_x == 0  # the package gives such pixels the angle 0, whatever slope_y is
    edge = _sobel_edges(gray)[1:-1, 1:-1] & across
    rising = edge & (slope_x >= 0)
    widths = np.zeros(gray.shape, np.int16)
    if not _has_an_angle(gray, slope_x, slope_y):
        return widths
    step = np.diff(gray, axis=1)  # step[:, j] leads from column j to j + 1
    up, down = _runs(step > 0), _runs(step < 0)
    inside = widths[1:-1, 1:-1]
    inside[rising] = up[rising]
    falling = edge & ~rising
    inside[falling] = down[falling]
    return widths


def _sobel_edges(gray):
    """Strong horizontal gradients that are the strict maximum of their row or column neighbours."""
    padded = np.pad(gray, 1, mode="symmetric").astype(np.int32)
    column = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    strength = (column[:, 2:] - column[:, :-2]) ** 2  # 64 times the package's, in exact integers
    threshold = 64 * 2 * np.sqrt(strength.mean() / 64)
    strength[strength <= threshold] = 0
    padded = np.pad(strength, 1)
    middle = padded[1:-1, 1:-1]
    in_row = (middle > padded[1:-1, :-2]) & (middle > padded[1:-1, 2:])
    in_column = (middle > padded[:-2, 1:-1]) & (middle > padded[2:, 1:-1])
    return in_row | in_column


def _runs(monotone):
    """Width at each inner pixel: how far the run goes on, left and right, beyond its neighbours."""
    left = np.pad(_run_that_ends(monotone), ((0, 0), (1, 0)))[1:-1, :-2]  # from step c - 2 down
    right = _run_that_ends(monotone[:, ::-1])[:, ::-1]
    right = np.pad(right, ((0, 0), (0, 1)))[1:-1, 2:]  # from step c + 1 up
    return left + right + 2  # the package stops at 202, where P has long been 1


def _run_that_ends(monotone):
    """At each step, how many true steps in a row end with it."""
    places = np.arange(monotone.shape[1], dtype=np.int16)
    return places - np.maximum.accumulate(np.where(monotone, np.int16(-1), places), axis=1)


def _has_an_angle(gray, slope_x, slope_y):
    """False where every gradient points exactly to +x or +-y: the package then measures nothing."""
    if ((slope_x != 0) & ((slope_y != 0) | (slope_x < 0))).any():
        return True
    slope_y, slope_x = np.gradient(gray.astype(np.float64))  # with the border's one-sided slopes
    return bool(((slope_x != 0) & ((slope_y != 0) | (slope_x < 0))).any())


# ---- blocks with enough Canny edges ----


def _edge_blocks(gray):
    """Which blocks hold enough Canny edge pixels: bool (H // 64, W // 64)."""
    peaks = _canny_peaks(gray)
    needed = EDGE_SHARE * BLOCK**2
    sure = _count_blocks(peaks >= CANNY_HIGH) > needed
    if (sure | (_count_blocks(peaks > 0) <= needed)).all():
        return sure  # no block depends on which weak edges touch a strong one
    labels, number = ndimage.label(peaks > 0, np.ones((3, 3)))
    strong = np.zeros(number + 1, bool)
    strong[labels[peaks >= CANNY_HIGH]] = True
    return _count_blocks(strong[labels]) > needed


def _count_blocks(mask):
    """Number of true pixels in each whole block."""
    rows, columns = (side // BLOCK for side in mask.shape)
    mask = mask[: rows * BLOCK, : columns * BLOCK]
    return np.count_nonzero(mask.reshape(rows, BLOCK, columns, BLOCK), axis=(1, 3))


def _canny_peaks(gray):
    """Gradient magnitude where it is a ridge across its own direction and >= low, else 0."""
    smooth = ndimage.gaussian_filter(gray.astype(np.float64), CANNY_STD, mode="constant")
    smooth /= _smoothed_ones(gray.shape)
    slope_y, slope_x = ndimage.sobel(smooth, axis=0), ndimage.sobel(smooth, axis=1)
    size = np.sqrt(slope_y * slope_y + slope_x * slope_x)
    slope_y, slope_x = slope_y[1:-1, 1:-1], slope_x[1:-1, 1:-1]
    same_sign = (slope_y > 0) == (slope_x > 0)
    slope_y, slope_x = np.abs(slope_y), np.abs(slope_x)
    steep = slope_y > slope_x
    middle, above, below = size[1:-1, 1:-1], size[:-2], size[2:]
    before = _neighbours(steep, same_sign, size[1:-1, :-2], above, below, slice(None, -2))
    after = _neighbours(steep, ~same_sign, size[1:-1, 2:], above, below, slice(2, None))
    weight = np.minimum(slope_y, slope_x) / np.maximum(np.maximum(slope_y, slope_x), 1e-300)
    peak = middle >= CANNY_LOW
    for straight, diagonal in (before, after):
        peak &= diagonal * weight + straight * (1.0 - weight) <= middle
    return np.pad(np.where(peak, middle, 0.0), 1)


def _neighbours(steep, upward, beside, above, below, side):
    """The two pixels that the gradient's line passes between, on the side given by `side`."""
    inner = slice(1, -1)
    straight = np.where(steep, np.where(upward, above[:, inner], below[:, inner]), beside)
    return straight, np.where(upward, above[:, side], below[:, side])


@lru_cache(maxsize=4)
def _smoothed_ones(shape):
    """How much of the Gaussian lies inside the image, at each pixel."""
    ones = ndimage.gaussian_filter(np.ones(shape), CANNY_STD, mode="constant")
    return ones + np.finfo(np.float64).eps
