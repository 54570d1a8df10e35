r"""PCHG's repair of rendered frames: where portrait and frame both show background, the portrait's.

Paper: [16], "complicated post-processing on background pixels" (Sec. 4.2.2). As its released code:
a segmentation of both pictures, the portrait's blurred and thresholded high so that hair is spared,
the median of the last five masks against flicker, a blur of the mask's edge. Its other repair,
border padding of the warp, is how mfr.render.renderer samples anyway.

The segmentation net is small and ours: PCHG's is U2Net with weights of its own. It is taught by
data_tools.train_segmenter.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mfr.files.whole import existing
from mfr.training import checkpoint

FORMAT = "mfr-net segmenter 1"
SIDE = 128  # of the net's pictures [pixels]
PORTRAIT_LEVEL, FRAME_LEVEL = 0.8, 0.4  # least share of background in portrait and frame
PORTRAIT_BLUR, MASK_BLUR, BLUR_STD = 7, 5, 8.0  # kernels and standard deviation [pixels]
MEMORY = 5  # masks of the median


class Segmenter(nn.Module):
    r"""A picture to the share of background at each pixel, by an hourglass with skips.

    In place of PCHG's U2Net [32]; `width` channels in the first level.
    """

    def __init__(self, width=12):
        super().__init__()
        w = width
        self.width = width
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, 2, 1)
            for a, b in ((3, w), (w, 2 * w), (2 * w, 4 * w), (4 * w, 4 * w))
        )
        self.up = nn.ModuleList(
            nn.Conv2d(a, b, 3, 1, 1) for a, b in ((8 * w, 4 * w), (6 * w, 2 * w), (3 * w, w))
        )
        self.last = nn.Conv2d(w + 3, 1, 3, 1, 1)

    def forward(self, images):
        r"""Images (B, 3, 256, 256) in [0, 1] to logits of background (B, 1, 256, 256)."""
        small = F.interpolate(images, size=(SIDE, SIDE), mode="area") * 2 - 1
        maps, x = [], small
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        for layer, skip in zip(self.up, maps[-2::-1]):
            x = F.leaky_relu(layer(torch.cat([_twice(x), skip], 1)), 0.1)
        x = self.last(torch.cat([_twice(x), small], 1))  # (B, 1, 128, 128)
        return F.interpolate(x, size=images.shape[-2:], mode="bilinear")


def _twice(x):
    """A map of twice the side."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def blur(x, size, std=BLUR_STD):
    r"""Gaussian of `size` x `size` pixels (odd) over (B, 1, H, W), reflected at the edges."""
    places = torch.arange(size, dtype=x.dtype, device=x.device) - size // 2
    weights = torch.exp(-0.5 * (places / std) ** 2)
    weights = weights / weights.sum()
    kernel = (weights[:, None] * weights)[None, None]
    return F.conv2d(F.pad(x, [size // 2] * 4, mode="reflect"), kernel)


def background_masks(of_portrait, of_frames):
    r"""m_l = [blur(a) > 0.8] [b_l > 0.4], then the median of the last five, then a blur [16].

    a (1, 1, H, W) and b (L, 1, H, W) are shares of background in portrait and frames, in order; the
    masks (L, 1, H, W) say where the portrait shows through. Of an even number of masks the median
    is the lower one.
    """
    still = (blur(of_portrait, PORTRAIT_BLUR) > PORTRAIT_LEVEL).to(of_frames)
    both = still * (of_frames > FRAME_LEVEL)
    steady = [both[max(0, k + 1 - MEMORY) : k + 1].median(0).values for k in range(len(both))]
    return blur(torch.stack(steady), MASK_BLUR)


@torch.no_grad()
def keep_background(segmenter, portrait, frames):
    r"""frame (1 - m) + portrait m [16]: (1, 3, 256, 256) and (L, 3, 256, 256) in [0, 1]."""
    shares = torch.cat([segmenter(part).sigmoid() for part in frames.split(16)])
    masks = background_masks(segmenter(portrait).sigmoid(), shares)
    return frames * (1 - masks) + portrait * masks


def repaired(painter, segmenter):
    r"""A Painter followed by the repair: [16]'s row of Table 2."""

    def paint(picture, reference, windows):
        return keep_background(segmenter, picture[None], painter.paint(picture, reference, windows))

    return painter._replace(name=f"{painter.name} + PCHG's background", paint=paint)


def save(path, segmenter):
    r"""Write a segmenter.pt whole or not at all."""
    content = {"format": FORMAT, "width": segmenter.width, "model": segmenter.state_dict()}
    checkpoint.write(path, content)


def load(path):
    r"""A Segmenter in evaluation mode; nothing that is in the file is executed.

    Raises ValueError where there is no such file, or it holds something else.
    """
    path = existing(path, "segmenter")
    content = checkpoint.open_format(path, "segmenter", FORMAT)
    segmenter = Segmenter(content["width"])
    checkpoint.restore(segmenter, content["model"], path)
    return segmenter.eval()


def find_segmenter(runs):
    r"""The first segmenter.pt in a folder of runs or one below it, or None."""
    paths = sorted([*runs.glob("segmenter.pt"), *runs.glob("*/segmenter.pt")])
    return load(paths[0]) if paths else None


def with_repair(painters, runs):
    r"""(painters, the first of them repaired), or (painters, None) without a segmenter in `runs`.

    The repaired one stands second in the list.
    """
    segmenter = find_segmenter(runs)
    if segmenter is None:
        return painters, None
    first_repaired = repaired(painters[0], segmenter)
    return [painters[0], first_repaired, *painters[1:]], first_repaired
