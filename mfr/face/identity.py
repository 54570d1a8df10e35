r"""Who is it: the face recogniser V of Eq. 6, its training loss and the identity loss of Eq. 6.

The paper takes VGGFace. `IdentityNet` is a small network of the same make (3x3 convolutions, halved
five times, one linear layer) that trains on two CPU cores; `identity_loss` takes any V. Our V looks
through a soft oval: a small network would rather learn the wall behind a person than the face.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mfr.config import IMAGE_SIZE
from mfr.face.coefficients import ID

BLOCKS = 5  # each halves the side: 128 -> 4
CONVOLUTIONS = (1, 2, 2, 2, 2)  # of each block; the first is the widest map and must stay cheap
FACE = (slice(None), slice(None), slice(56, 248), slice(32, 224))  # where an aligned face lies
FACE_SIDE = 96  # of the halved crop
SMALLEST_STD = 1e-3  # of shape columns that never vary in the training data


def conv_block(inputs, outputs, stride=1):
    r"""3x3 convolution, group norm, rectifier: (B, inputs, H, W) -> (B, outputs, H/s, W/s).

    s is the stride. Group norm behaves alike in training and use, so averaged weights need no care;
    it takes a multiple of 8 outputs.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.GroupNorm(outputs // 8, outputs),
        nn.ReLU(inplace=True),
    )


class IdentityNet(nn.Module):
    r"""V(I): a face to a vector of length 1 that depends on the person alone.

    Paper: Sec. 3.3 uses VGGFace [5] as V.
    """

    def __init__(self, config):
        super().__init__()
        widths = [config.width * 2 ** min(i, 3) for i in range(BLOCKS)]
        inputs = [3, *widths[:-1]]
        self.blocks = nn.ModuleList(
            nn.Sequential(conv_block(a, b), *(conv_block(b, b) for _ in range(n - 1)))
            for a, b, n in zip(inputs, widths, CONVOLUTIONS, strict=True)
        )
        self.project = nn.Linear(widths[-1] * 3 * 3, config.identity_dim)
        axis = torch.linspace(-1, 1, FACE_SIDE)
        radius = (axis[:, None] ** 2 + (axis / 0.85) ** 2).sqrt()
        self.register_buffer("oval", ((1 - radius) / 0.15).clamp(0, 1), persistent=False)

    def features(self, images):
        r"""The maps after each block, for perceptual and style terms.

        Images (B, 3, 256, 256) in [0, 1] -> five maps (B, C, S, S), S = 128, 64, 32, 16, 8.

        Raises:
            ValueError: the images have another shape.
        """
        _check(images)
        return self._maps(F.avg_pool2d(images, 2) * 4 - 2)  # about zero mean and unit variance

    def _maps(self, x):
        maps = []
        for block in self.blocks:
            x = block(F.max_pool2d(x, 2) if maps else x)
            maps.append(x)
        return maps

    def forward(self, images):
        r"""Images (B, 3, 256, 256) in [0, 1] -> V(I), (B, identity_dim), of Euclidean length 1.

        Raises:
            ValueError: the images have another shape.
        """
        _check(images)
        return self.of_faces(images[FACE])

    def of_faces(self, faces):
        r"""V of the part of a frame that it looks at: faces (B, 3, 192, 192) -> V(I)."""
        face = (F.avg_pool2d(faces, 2) * 4 - 2) * self.oval  # (B, 3, 96, 96)
        last = F.max_pool2d(self._maps(face)[-1], 2)  # (B, 8 width, 3, 3)
        return F.normalize(self.project(last.flatten(1)), dim=1)


def _check(images):
    if images.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE):
        raise ValueError(f"images have shape {tuple(images.shape)}; (B, 3, 256, 256) is needed")


class MarginHead(nn.Module):
    r"""logits = scale (cos(V, w_j) - margin [j is the true person]).

    The additive-cosine-margin softmax over the people in training; the paper's V comes trained.
    """

    def __init__(self, people, config):
        super().__init__()
        self.margin, self.scale = config.margin, config.scale
        self.weight = nn.Parameter(torch.empty(people, config.identity_dim))
        nn.init.normal_(self.weight, std=0.1)  # short: an optimiser's steps turn them sooner

    def forward(self, vectors, person):
        r"""Vectors (B, identity_dim) of length 1, person (B,) int64 -> logits (B, people)."""
        cosines = vectors @ F.normalize(self.weight, dim=1).T  # (B, people)
        true = person[:, None] == torch.arange(len(self.weight), device=person.device)
        return self.scale * (cosines - self.margin * true.to(cosines))


class ShapeHead(nn.Module):
    r"""The 80 shape coefficients of a face, read off V's vector by one linear layer.

    Ours. To tell people apart, a hat is as good as a chin; what somebody's face says about how he
    moves is asked of people never seen, and only what varies smoothly with the face carries over.
    """

    def __init__(self, config, coefficients):
        super().__init__()
        self.linear = nn.Linear(config.identity_dim, ID.stop - ID.start)
        self.scale = config.scale
        shape = coefficients[:, ID]
        self.register_buffer("mean", shape.mean(0))
        self.register_buffer("std", shape.std(0).clamp(min=SMALLEST_STD))

    def forward(self, vectors):
        r"""Vectors (B, identity_dim) of length 1 -> (B, 80) [std of the training people]."""
        return self.linear(self.scale * vectors)

    def error(self, vectors, coefficients):
        r"""Mean squared error [std^2] for faces with coefficients (B, 257), a scalar; 1 = blind."""
        truth = (coefficients[:, ID] - self.mean) / self.std
        return (self(vectors) - truth).square().mean()


def recognition_loss(head, vectors, person):
    r"""Cross-entropy of the margin softmax, a scalar: vectors (B, ...) of person (B,), int64."""
    return F.cross_entropy(head(vectors, person), person)


def identity_loss(V, fake, real):
    r"""L_identity = ||V(fake) - V(real)||_1: summed over the vector, averaged over the batch.

    Paper: Eq. (6). V is any callable from images (B, 3, 256, 256) in [0, 1] to vectors (B, ...);
    freeze its parameters where only the images train. V(real) is a constant. A scalar.

    Raises:
        ValueError: fake and real differ in shape.
    """
    if fake.shape != real.shape:
        raise ValueError(f"fake {tuple(fake.shape)} and real {tuple(real.shape)} differ in shape")
    with torch.no_grad():
        truth = V(real)
    return (V(fake) - truth).abs().flatten(1).sum(1).mean()


def verification_error(vectors, person):
    r"""Equal error rate of "same person?" by the cosine, over all pairs: a float in [0, 1].

    At the threshold where as many same pairs are refused as other pairs pass. Vectors
    (N, identity_dim) of length 1, person (N,) int64.

    Raises:
        ValueError: there is no pair of one person, or none of two.
    """
    first, second = torch.triu_indices(len(vectors), len(vectors), 1)
    cosines = (vectors[first] * vectors[second]).sum(1)
    same = person[first] == person[second]
    if same.all() or not same.any():
        raise ValueError(f"{int(same.sum())} of {len(same)} pairs are of one person; both needed")
    order = cosines.argsort(descending=True)
    refused = 1 - same[order].double().cumsum(0) / same.sum()
    passed = (~same[order]).double().cumsum(0) / (~same).sum()
    best = (refused - passed).abs().argmin()
    return float((refused[best] + passed[best]) / 2)
