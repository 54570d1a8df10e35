r"""PIRenderer's architecture trained as our renderer is: same frames, losses, steps and loop.

    python -m tests.benchmarks.train_pirenderer --data data/small --run runs/pirenderer

takes the options of `train_mfr.py renderer` and leaves RUN/pirenderer.pt. --width 64 is the
published network, 101 GFLOP a frame as the flop counter sees it; the default of 16 costs 7.1, 8
costs 2.0; ours 2.0. --window is 27, PIRenderer's own. Portraits, targets and their
order are those that train_mfr.py draws by the seed.

Kept from PIRenderer: mapping, warping and editing networks, the warp, the warping phase that comes
first. Shared with ours: coefficients normalised by the training data's mean and std (the crop, the
same in all frames, becomes 0), the losses and their weights, the optimiser, the average of weights.
"""

import sys
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

import train_mfr
from mfr import config
from mfr.config import COEFFICIENT_DIM
from mfr.files.whole import command
from mfr.official.pirenderer import WINDOW, PIRenderer
from mfr.official.pirenderer_adapter import semantics
from mfr.official.pirenderer_warping import warp
from mfr.render.renderer import Rendered
from mfr.training import stages
from mfr.training.renderer import RendererStage

NAME = "pirenderer"


@dataclass(frozen=True)
class PIRendererConfig(config.RendererConfig):
    r"""RendererConfig read by another network; encoder_blocks and descriptor_dim do nothing."""

    width: int = 16  # channels of the maps of full size; 64 as published
    window: int = WINDOW  # frames of coefficients around the rendered one


class Source(NamedTuple):
    r"""What is computed once a portrait."""

    image: Tensor  # (B, 3, 256, 256), [-1, 1]
    first: Tensor  # (B, width / 2, 256, 256)


class Comparison(nn.Module):
    r"""PIRenderer with the encode, render and forward of mfr.render.Renderer."""

    def __init__(self, settings):
        super().__init__()
        self.config = settings
        self.network = PIRenderer(settings.width)
        self.register_buffer("mean", torch.zeros(COEFFICIENT_DIM))
        self.register_buffer("std", torch.ones(COEFFICIENT_DIM))

    def encode(self, portrait, coefficients=None):
        r"""(B, 3, 256, 256) -> Source; PIRenderer does not read the portrait's coefficients."""
        image = self.network.prepare(portrait)
        return Source(image, self.network.encode(image))

    def render(self, encoded, coefficients, edit=True):
        r"""Source of batch B or 1 and windows (B, 27, 70) -> Rendered, images about [0, 1].

        edit False leaves it at the warped portrait.
        """
        image, first = (x.expand(len(coefficients), *x.shape[1:]) for x in encoded)
        windows = (coefficients - self.mean) / self.std
        windows = semantics(windows, windows.new_zeros(3))  # (B, 73, 27)
        descriptor = self.network.mapping_net(windows)
        flow = self.network.warpping_net(first, descriptor)
        flow = flow.float()  # half precision would round places to half a pixel
        warped = warp(image, flow)
        drawn = self.network.editing_net(image, warped, descriptor) if edit else warped
        return Rendered((drawn + 1) / 2, flow)

    def forward(self, encoded, coefficients):
        r"""As render; the images alone, (B, 3, 256, 256) in [0, 1]."""
        return self.render(encoded, coefficients).image.clamp(0, 1)


class PIRendererStage(RendererStage):
    r"""RendererStage with another network in it."""

    name = NAME
    expect = "the pixel term starts near that of an unmoved portrait"

    def build(self, run):
        r"""All of RendererStage, then the other network with the same statistics."""
        super().build(run)
        ours, self.network = self.network, Comparison(self.config)
        self.network.mean.copy_(ours.mean)
        self.network.std.copy_(ours.std)
        self.modules = nn.ModuleDict({"network": self.network})

    def rendered(self, network, portrait, own, windows, edit=True):
        r"""As RendererStage.rendered: each portrait prepared once."""
        encoded = network.encode(portrait)
        repeated = (x.repeat_interleave(len(windows) // len(portrait), 0) for x in encoded)
        return network.render(Source(*repeated), windows, edit)

    def moved(self, network, portrait, own, windows):
        r"""The warped portrait: the editing network does not learn yet."""
        return self.rendered(network, portrait, own, windows, edit=False).image


config.STAGES[NAME], config.PAPER[NAME] = PIRendererConfig, config.PAPER["renderer"]
stages.STAGES[NAME] = PIRendererStage


if __name__ == "__main__":
    command(lambda: train_mfr.main([NAME, *sys.argv[1:]]))
