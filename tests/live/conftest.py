r"""A small untrained system in which conditions matter, and a speaker made of noise."""

import numpy as np
import pytest
import torch

from mfr import config, pipeline
from mfr.face.identity import IdentityNet
from mfr.face.reconstruction import ReconstructionNet
from mfr.motion.model import MotionModel
from mfr.render.renderer import Renderer, window_coefficients
from mfr.training import checkpoint


class Unrendered(pipeline.System):
    r"""Its frames are the coefficients that the renderer would have seen, which costs nothing."""

    def render(self, portrait, motion, moments=None):
        yield from window_coefficients(motion, self.renderer.config.window)[moments].numpy()


class Colours(torch.nn.Module):
    r"""Coefficients that are mixtures of a picture's mean colours, which is quick."""

    def __init__(self):
        super().__init__()
        self.mix = torch.nn.Linear(3, 257)

    def forward(self, images):
        return self.mix(images.mean((2, 3)))


@pytest.fixture(scope="session")
def unrendered(system):
    parts = (system.motion, system.identity, Colours(), system.renderer)
    return Unrendered(*parts, system.device)


SMALL = {
    "motion": (MotionModel, {"width": 16, "layers": 1, "heads": 2, "feedforward": 16}),
    "identity": (IdentityNet, {"width": 8}),
    "reconstruction": (ReconstructionNet, {"width": 8}),
    "renderer": (Renderer, {"width": 16, "descriptor_dim": 16, "window": 5}),
}


@pytest.fixture(scope="session")
def system():
    torch.manual_seed(0)
    nets = {
        stage: network(config.preset(stage, **changes)).eval()
        for stage, (network, changes) in SMALL.items()
    }
    torch.nn.init.normal_(nets["motion"].network.out.weight, std=0.1)
    nets["motion"].listener.std.fill_(0.02)
    nets["reconstruction"].std.fill_(0.01)
    return pipeline.System(**nets, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def weights(system, tmp_path_factory):
    r"""The system as train_mfr.py would leave it."""
    folder = tmp_path_factory.mktemp("weights")
    for stage, (_, changes) in SMALL.items():
        network = getattr(system, stage)
        settings = config.preset(stage, **changes)
        checkpoint.save(folder / f"{stage}.pt", stage, settings, network.state_dict())
    return folder


@pytest.fixture(scope="session")
def portrait(system):
    return system.look(np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8))


@pytest.fixture(scope="session")
def speaker():
    r"""2 s: 60 pictures and 32,000 samples at 16 kHz."""
    rng = np.random.default_rng(2)
    pictures = rng.integers(0, 255, (60, 1, 1, 3), dtype=np.uint8)
    pictures = np.broadcast_to(pictures, (60, 256, 256, 3)).copy()
    return pictures, (0.2 * rng.normal(size=32_000)).astype(np.float32)
