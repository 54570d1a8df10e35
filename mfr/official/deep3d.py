r"""Deep3DFaceRecon's regressor: a face crop to the 257 coefficients (Sec. 4.1.3)."""

import torch
import torch.nn.functional as F
from torch import nn

from mfr.face.camera import FRAME_PARAMS
from mfr.official.images import resize
from mfr.official.resnet import FEATURES, ResNet50

HEADS = (80, 64, 80, 3, 27, 2, 1)  # id, exp, tex, angle, gamma, trans xy, trans z
CROP_SIZE = 224
CENTRED = FRAME_PARAMS[2:]  # scale 1 and the middle: our frames are aligned faces already


class Deep3D(nn.Module):
    r"""Deep3DFaceRecon ResNet-50 (Deng et al. 2019), torchvision style, with seven 1x1 heads.

    Paper: Sec. 4.1.3.
    """

    def __init__(self):
        super().__init__()
        self.backbone = ResNet50()
        self.final_layers = nn.ModuleList(nn.Conv2d(FEATURES, width, 1) for width in HEADS)

    def prepare(self, frames, crop=CENTRED):
        r"""(B, 3, S, S) in [0, 1], scaled, the aligned crop cut out: (B, 3, 224, 224).

        Black beyond the frame's edge; the crop's corner is rounded towards zero to a whole pixel,
        as the published code does.

        Args:
            crop: (scale, tx, ty), the last three of transform_params: size of the scaled frame over
                the frame's, and the face's centre in the frame, ty counted upwards [pixels].

        Raises:
            ValueError: scale is not positive.
        """
        scale, tx, ty = (float(number) for number in crop)
        if not scale > 0:
            raise ValueError(f"crop scale is {scale}; allowed: > 0")
        side = frames.shape[-1]
        size = int(side * scale)
        frames = resize(frames, size)
        left = int(size / 2 - CROP_SIZE / 2 + (tx - side / 2) * scale)
        top = int(size / 2 - CROP_SIZE / 2 + (side / 2 - ty) * scale)
        right, bottom = left + CROP_SIZE - size, top + CROP_SIZE - size
        return F.pad(frames, (-left, right, -top, bottom))  # a negative pad cuts

    def regress(self, crops):
        r"""Aligned crops (B, 3, 224, 224), RGB in [0, 1], to coefficients (B, 257).

        id 80, exp 64, tex 80, angle 3 [rad], gamma 27, trans 3.
        """
        features = self.backbone.features(crops)[:, :, None, None]  # (B, 2048, 1, 1)
        return torch.cat([head(features).flatten(1) for head in self.final_layers], 1)

    def forward(self, frames, crop=CENTRED):
        r"""Frames (B, 3, S, S) in [0, 1] to coefficients (B, 257); `crop` as prepare takes it."""
        return self.regress(self.prepare(frames, crop))
