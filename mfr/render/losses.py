r"""What the renderer is trained with: perceptual, style, adversarial and identity terms.

Paper: Sec. 3.3, "another identity restriction loss apart from the original perceptual loss, style
loss and GAN loss". Perceptual and style terms compare feature maps of any frozen network: VGG-19
where the user has it, our identity net otherwise.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mfr.face.identity import identity_loss

SMALL = 0.02  # s of pixel_loss, of values in [0, 1]


def perceptual_loss(fake, real):
    r"""mean_k mean |phi_k(fake) - phi_k(real)| over the maps phi_k.

    Paper: Sec. 3.3; its formula and weights are those of PIRenderer [36].

    Args:
        fake: list of maps (B, C, h, w) of the rendered frames.
        real: list of the same shapes, of the true frames.

    Returns:
        A scalar.

    Raises:
        ValueError: the lists differ in length.
    """
    return _mean(fake, real, lambda x: x)


def pixel_loss(fake, real, levels=3):
    r"""mean_k mean sqrt(d_k^2 + s^2) - s of d = fake - real over a pyramid of halved sizes.

    Ours: coarse levels tell a flow which way to go when it is off by more than a pixel. Errors
    well above s count as they are, smaller ones as their square: with |d| alone a network learns
    to change nothing, as half of the pixels need nothing.

    Two (B, 3, h, w), k = 0 .. levels - 1 -> a scalar.
    """
    difference, total = fake - real, 0.0
    for level in range(levels):
        d = F.avg_pool2d(difference, 2**level) if level else difference
        total = total + ((d.square() + SMALL**2).sqrt() - SMALL).mean()
    return total / levels


def gram(x):
    r"""G_ij = <x_i, x_j> / (C h w) over the places of a map.

    Paper: Sec. 3.3, inside the style loss.

    Args:
        x: (B, C, h, w).

    Returns:
        (B, C, C).
    """
    flat = x.flatten(2)  # (B, C, h w)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


def style_loss(fake, real):
    r"""mean_k mean |G(phi_k(fake)) - G(phi_k(real))|: texture, wherever it is.

    Paper: Sec. 3.3; its formula is that of PIRenderer [36].

    Args:
        fake: list of maps (B, C, h, w) of the rendered frames.
        real: list of the same shapes, of the true frames.

    Returns:
        A scalar.

    Raises:
        ValueError: the lists differ in length.
    """
    return _mean(fake, real, gram)


def _mean(fake, real, of):
    """Mean over the maps of the mean absolute difference of something of each."""
    if len(fake) != len(real):
        raise ValueError(f"fake has {len(fake)} maps, real {len(real)}; as many are needed")
    return sum((of(a) - of(b)).abs().mean() for a, b in zip(fake, real)) / len(fake)


class PatchDiscriminator(nn.Module):
    r"""True or rendered, judged patch by patch.

    Paper: Sec. 3.3 names a GAN loss without a network; ours is small.

    Args:
        width: channels of the first of its four layers.
    """

    def __init__(self, width=24):
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 3, 1, 1))

    def forward(self, images):
        r"""Scores: positive looks true.

        Args:
            images: (B, 3, 256, 256) in [0, 1].

        Returns:
            (B, 1, 32, 32); each sees 38x38 pixels.
        """
        return self.layers(images * 2 - 1)


def discriminator_loss(discriminator, fake, real):
    r"""mean max(0, 1 - D(real)) + mean max(0, 1 + D(fake)).

    Paper: Sec. 3.3, "GAN loss"; the hinge form is ours.

    Args:
        discriminator: PatchDiscriminator.
        fake: (B, 3, 256, 256); no gradient reaches it.
        real: same shape.

    Returns:
        A scalar.
    """
    return F.relu(1 - discriminator(real)).mean() + F.relu(1 + discriminator(fake.detach())).mean()


def gan_loss(discriminator, fake):
    r"""-mean D(fake).

    Paper: Sec. 3.3, "GAN loss".

    Args:
        discriminator: PatchDiscriminator.
        fake: (B, 3, 256, 256).

    Returns:
        A scalar.
    """
    return -discriminator(fake).mean()


def renderer_loss(fake, real, config, V=None, features=None, discriminator=None):
    r"""Sum of the weighted terms of one rendered batch.

    Paper: Sec. 3.3, Eq. (6); weights ours. A term of weight 0, or whose network is None, is not
    computed.

    Args:
        fake: (B, 3, 256, 256), rendered frames.
        real: same shape, the true frames in [0, 1].
        config: RendererConfig, for the weights.
        V: frozen face recogniser of Eq. 6, or None.
        features: callable, images -> list of maps, frozen, or None.
        discriminator: PatchDiscriminator, or None.

    Returns:
        (scalar, dict of the unweighted terms, without gradient).
    """
    terms = {}
    if config.pixel_weight:
        terms["pixel"] = pixel_loss(fake, real)
    if features and (config.perceptual_weight or config.style_weight):
        with torch.no_grad():
            true_maps = features(real)
        maps = features(fake)
    if config.perceptual_weight and features:
        terms["perceptual"] = perceptual_loss(maps, true_maps)
    if config.style_weight and features:
        terms["style"] = style_loss(maps, true_maps)
    if config.identity_weight and V:
        terms["identity"] = identity_loss(V, fake, real)
    if config.gan_weight and discriminator:
        terms["gan"] = gan_loss(discriminator, fake)
    total = sum(getattr(config, f"{name}_weight") * term for name, term in terms.items())
    return total, {name: term.detach() for name, term in terms.items()}
