r"""Hopenet: head pose of a frame in degrees, an outside judge of yaw, pitch and roll."""

import torch
from torch import nn

from mfr.official.images import IMAGENET_MEAN, IMAGENET_STD, resize, standardise
from mfr.official.resnet import FEATURES, ResNet50

BINS = 66  # of 3 degrees each


def degrees(logits):
    r"""sum_i softmax(logits)_i i * 3 - 99: (..., 66) bins of one angle to (...), -99 .. 96."""
    index = torch.arange(BINS, dtype=logits.dtype, device=logits.device)
    return (logits.softmax(-1) * index).sum(-1) * 3 - 99


class Hopenet(ResNet50):
    r"""Hopenet (Ruiz et al. 2018): ResNet-50 and three heads of 66 bins, torchvision style.

    `fc_finetune` is in the file, unused there and here: it exists and does not act.
    """

    def __init__(self):
        super().__init__()
        self.fc_yaw = nn.Linear(FEATURES, BINS)
        self.fc_pitch = nn.Linear(FEATURES, BINS)
        self.fc_roll = nn.Linear(FEATURES, BINS)
        self.fc_finetune = nn.Linear(FEATURES + 3, 3)

    def prepare(self, frames):
        r"""(B, 3, S, S) in [0, 1] to (B, 3, 224, 224) with ImageNet's mean and std taken out."""
        return standardise(resize(frames, 224), IMAGENET_MEAN, IMAGENET_STD)

    def forward(self, frames):
        r"""Yaw, pitch and roll (B, 3) [degrees], in Hopenet's own signs, of (B, 3, S, S)."""
        features = self.features(self.prepare(frames))  # (B, 2048)
        heads = (self.fc_yaw, self.fc_pitch, self.fc_roll)
        return torch.stack([degrees(head(features)) for head in heads], 1)
