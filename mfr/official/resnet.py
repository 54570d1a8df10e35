r"""The one ResNet-50 of all published networks here, with the two places where they differ.

Names are those of torchvision: conv1, bn1, layer1.0.conv1 ... layer4.2.bn3, downsample.0 and .1;
a network that keeps them under a prefix holds this one as that attribute.
"""

import torch.nn.functional as F
from torch import nn

DEPTHS = (3, 4, 6, 3)  # bottlenecks a stage
WIDTHS = (64, 128, 256, 512)  # inner channels a stage; the output has 4 x as many
FEATURES = 2048


class Bottleneck(nn.Module):
    r"""1x1, 3x3 and 1x1 convolutions, each normalised, around a shortcut.

    `stride_first` puts the stride into the first 1x1 (Caffe) instead of the 3x3 (torchvision). The
    shapes of the weights do not show which, the output does.
    """

    def __init__(self, channels, width, stride, stride_first):
        super().__init__()
        strides = (stride, 1) if stride_first else (1, stride)
        self.conv1 = nn.Conv2d(channels, width, 1, strides[0], bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, strides[1], padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        if channels != 4 * width:
            shortcut = nn.Conv2d(channels, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))
        else:
            self.downsample = nn.Identity()

    def forward(self, x):
        r"""(B, channels, height, width) to (B, 4 * width, height / stride, width / stride), rounded
        up.
        """
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResNet50(nn.Module):
    r"""ResNet-50 without a head: images to the average-pooled feature.

    Caffe style: `stride_first`, see Bottleneck; `ceil_pool`, the first pooling has no padding and
    rounds its size up, instead of padding by one and rounding down; from 112 pixels both give 56,
    shifted by one.
    """

    def __init__(self, stride_first=False, ceil_pool=False):
        super().__init__()
        self.ceil_pool = ceil_pool
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS)):
            blocks = []
            for index in range(depth):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(Bottleneck(channels, width, stride, stride_first))
                channels = 4 * width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def features(self, x):
        r"""(B, 3, 224, 224), as the network's own `prepare` gives it, to (B, 2048)."""
        x = self.pool(F.relu(self.bn1(self.conv1(x))))  # (B, 64, 56, 56)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (B, 2048, 7, 7)
        return x.mean((2, 3))

    def pool(self, x):
        r"""The first max-pooling, 3x3 with stride 2, of (B, 64, height, width)."""
        return F.max_pool2d(x, 3, 2, padding=int(not self.ceil_pool), ceil_mode=self.ceil_pool)
