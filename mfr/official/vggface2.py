r"""VGGFace2's ResNet-50: the recogniser V that the paper takes for Eq. 6 and for ID."""

from torch import nn

from mfr.official.images import centre_crop, standardise
from mfr.official.resnet import FEATURES, ResNet50

MEAN = (91.4953, 103.8827, 131.0912)  # BGR, of pixels on 0..255
PEOPLE = 8631


class VGGFace2(ResNet50):
    r"""VGGFace2 ResNet-50 (Cao et al. 2018), Caffe style, names of `resnet50_ft`.

    Paper: Sec. 3.3 and 4.1.2, its reference [5]. `fc` is in the file and names the 8631 people
    of the training set; the feature is taken before it.
    """

    VECTOR = FEATURES  # numbers of V(frames)

    def __init__(self):
        super().__init__(stride_first=True, ceil_pool=True)
        self.fc = nn.Linear(FEATURES, PEOPLE)

    def prepare(self, frames):
        r"""Middle 224 of 256 pixels, 0..255, blue first, minus the mean: (B, 3, 224, 224).

        The crop is the one of the published evaluation (224 of a shorter side of 256).
        """
        return standardise(255 * centre_crop(frames).flip(1), MEAN, (1.0, 1.0, 1.0))

    def forward(self, frames):
        r"""V(frames), the average-pooled feature (B, 2048), >= 0, of (B, 3, S, S) in [0, 1]."""
        return self.features(self.prepare(frames))
