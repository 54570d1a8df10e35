r"""What every published network does to its input first: fit the size, order the channels, scale.

Frames come in as float RGB (B, 3, S, S) in [0, 1]; 256 is the side of every face frame here.
"""

import torch.nn.functional as F

from mfr.config import IMAGE_SIZE

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, of pixels in [0, 1]
IMAGENET_STD = (0.229, 0.224, 0.225)


def resize(frames, size):
    r"""(B, 3, S, S) to (B, 3, size, size), bilinear with antialiasing; untouched where it fits.

    Raises:
        ValueError: frames is not a float batch of square RGB images.
    """
    square = frames.ndim == 4 and frames.shape[1] == 3 and frames.shape[2] == frames.shape[3]
    if not (square and frames.is_floating_point()):
        found = f"{frames.dtype} {tuple(frames.shape)}"
        raise ValueError(f"frames are {found}; allowed: float (B, 3, S, S) in [0, 1]")
    if frames.shape[-1] == size:
        return frames
    return F.interpolate(frames, (size, size), mode="bilinear", antialias=True)


def centre_crop(frames, size=224):
    r"""The middle size x size of the frames (B, 3, S, S) at 256 x 256."""
    edge = (IMAGE_SIZE - size) // 2
    return resize(frames, IMAGE_SIZE)[:, :, edge : edge + size, edge : edge + size]


def standardise(frames, mean, std):
    r"""(frames - mean) / std, channel by channel of (B, 3, height, width)."""
    mean, std = (frames.new_tensor(numbers).view(3, 1, 1) for numbers in (mean, std))
    return (frames - mean) / std
