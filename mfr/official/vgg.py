r"""The one VGG of both published networks: VGG-Face (16 layers) and ImageNet's VGG-19."""

import torch.nn.functional as F
from torch import nn

from mfr.official.images import IMAGENET_MEAN, IMAGENET_STD, centre_crop, standardise

CHANNELS = (64, 128, 256, 512, 512)  # a block


def attach(module, name, child):
    r"""Make `child` the submodule of `module` with a dotted name, with containers on the way."""
    *containers, last = name.split(".")
    for container in containers:
        if container not in module._modules:
            module.add_module(container, nn.Module())
        module = module._modules[container]
    module.add_module(last, child)


class VGG(nn.Module):
    r"""3x3 convolutions in five blocks with ReLU after each, 2x2 max-pooling after each block.

    `names`: of each block's convolutions; `heads`: of the three linear layers.
    """

    def __init__(self, names, heads, classes):
        super().__init__()
        self.names, self.heads = names, heads
        before = 3
        for block, channels in zip(names, CHANNELS):
            for name in block:
                attach(self, name, nn.Conv2d(before, channels, 3, padding=1))
                before = channels
        widths = (7 * 7 * CHANNELS[-1], 4096, 4096, classes)
        for name, inputs, outputs in zip(heads, widths, widths[1:]):
            attach(self, name, nn.Linear(inputs, outputs))

    def convolve(self, x, names):
        r"""The named layers, one after the other, each with its ReLU; x (B, channels, ...)."""
        for name in names:
            x = F.relu(self.get_submodule(name)(x))
        return x

    def maps(self, x):
        r"""relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1; nothing is run beyond the last.

        From prepared (B, 3, height, width), sides of 16 pixels and more, to five maps (B, channels,
        height / 2^k, width / 2^k), k = 0..4.
        """
        maps, rest = [], ()
        for first, *others in self.names:
            x = F.max_pool2d(self.convolve(x, rest), 2) if maps else x
            x = self.convolve(x, [first])
            maps.append(x)
            rest = others
        return maps

    def descriptor(self, x):
        r"""Prepared (B, 3, 224, 224) to the second linear layer after its ReLU, (B, 4096)."""
        for names in self.names:
            x = F.max_pool2d(self.convolve(x, names), 2)
        return self.convolve(x.flatten(1), self.heads[:2])  # from (B, 25088)


class VGGFace(VGG):
    r"""VGG-Face (Parkhi et al. 2015), VGG-16, names of `vgg_face_dag`; 2622 people.

    The vector is `fc7` after its ReLU, the layer that face verification uses.
    """

    MEAN = (129.1863, 104.7624, 93.5940)  # RGB, of pixels on 0..255
    PEOPLE = 2622
    VECTOR = 4096  # numbers of V(frames)

    def __init__(self):
        depths = (2, 2, 3, 3, 3)
        names = [tuple(f"conv{k}_{i + 1}" for i in range(n)) for k, n in enumerate(depths, 1)]
        super().__init__(names, ("fc6", "fc7", "fc8"), self.PEOPLE)

    def prepare(self, frames):
        r"""Middle 224 of 256 pixels, 0..255, red first, minus the mean: (B, 3, 224, 224)."""
        return standardise(255 * centre_crop(frames), self.MEAN, (1.0, 1.0, 1.0))

    def forward(self, frames):
        r"""V(frames), the fc7 descriptor (B, 4096), not normalised, >= 0, of (B, 3, S, S) in [0,
        1].
        """
        return self.descriptor(self.prepare(frames))


class VGG19(VGG):
    r"""ImageNet's VGG-19 (Simonyan and Zisserman 2015), torchvision's names.

    Paper: Sec. 3.3, the perceptual and style terms. Its classifier is in the file and never acts.
    """

    CONVOLUTIONS = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34))
    CLASSES = 1000

    def __init__(self):
        names = [tuple(f"features.{i}" for i in block) for block in self.CONVOLUTIONS]
        super().__init__(names, ("classifier.0", "classifier.3", "classifier.6"), self.CLASSES)

    def prepare(self, frames):
        r"""(B, 3, height, width) in [0, 1] without ImageNet's mean and std; any size stays."""
        return standardise(frames, IMAGENET_MEAN, IMAGENET_STD)

    def forward(self, frames):
        r"""relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 of (B, 3, height, width) in [0, 1]."""
        return self.maps(self.prepare(frames))
