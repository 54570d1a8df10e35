r"""SSIM and PSNR (Table 2). One value a frame; the paper's cell is the mean over all frames.

Both compare pixels of the same frame number, so generated and real clips must be aligned and of
equal length. Trap: a method that copies the true first frame has one perfect frame a clip.
"""

import numpy as np
import torch

from mfr.evaluation.metrics.inputs import image_pair

WINDOW, STD = 11, 1.5  # of the Gaussian window [pixels] (Wang et al. 2004)
C1, C2 = 0.01**2, 0.03**2  # for values in [0, 1]


def psnr(generated, real):
    r"""10 log10(1 / mean (x - y)^2) [dB], images in [0, 1].

    Paper: Sec. 4.2.1, Table 2. Higher is better. Aggregation: mean over frames of all clips. Trap:
    equal frames give inf, which then owns the mean; and the mean of decibels is not the decibels of
    the mean error.

    Both as Images takes them, float (B, C, H, W) or uint8 (B, H, W, C); gives (B,) float64.
    """
    generated, real = image_pair(generated, real, side=1)
    values = []
    for i in range(len(real)):
        error = generated.unit(i).double() - real.unit(i).double()
        values.append(float(error.square().mean()))
    with np.errstate(divide="ignore"):
        return -10 * np.log10(np.array(values))


def ssim(generated, real):
    r"""mean (2 mu_x mu_y + C1)(2 cov + C2) / ((mu_x^2 + mu_y^2 + C1)(var_x + var_y + C2)), (B,).

    Paper: Sec. 4.2.1, Table 2. Higher is better, -1 .. 1. Aggregation: per channel, over the places
    where the 11 x 11 Gaussian window (std 1.5) fits; mean over channels, frames, clips. Trap: on
    grey images, with a 7 x 7 window or sample covariances (scikit-image) the numbers are others.
    """
    generated, real = image_pair(generated, real, side=WINDOW)
    values = [_ssim(generated.unit(i), real.unit(i)) for i in range(len(real))]
    return np.array(values)


def _ssim(x, y):
    """SSIM of one frame (C, H, W), from four blurred maps: of x + y, x - y and their squares."""
    both, gap = x + y, x - y  # 4 x y = both^2 - gap^2, 2 (x^2 + y^2) = both^2 + gap^2
    mean_both, mean_gap = _blur(both).square_(), _blur(gap).square_()
    var_both = _blur(both.square_()).sub_(mean_both)
    var_gap = _blur(gap.square_()).sub_(mean_gap)
    top = (mean_both - mean_gap).div_(2).add_(C1) * (var_both - var_gap).div_(2).add_(C2)
    below = mean_both.add_(mean_gap).div_(2).add_(C1) * var_both.add_(var_gap).div_(2).add_(C2)
    return float(top.div_(below).mean(dtype=torch.float64))


def _blur(x):
    """Gaussian window over columns, then rows, where it fits: (C, H, W) -> (C, H - 10, W - 10)."""
    return _blur_along(_blur_along(x, 1), 2)


def _blur_along(x, axis):
    """Shifted slices added up: faster here than a convolution, on any device and float type."""
    weights, size = _window(), x.shape[axis] - WINDOW + 1
    middle = WINDOW // 2
    blurred = x.narrow(axis, middle, size) * weights[middle]
    for k in range(middle):  # the window is symmetric: add the two mirror slices first
        pair = x.narrow(axis, k, size) + x.narrow(axis, WINDOW - 1 - k, size)
        blurred.add_(pair, alpha=weights[k])
    return blurred


def _window():
    """The 11 weights; their sum is 1."""
    weights = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / STD) ** 2)
    return (weights / weights.sum()).tolist()
