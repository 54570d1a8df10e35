r"""Training V of Eq. 6: tell the training people apart under a margin."""

from pathlib import Path

import torch
from torch import nn

from mfr.face.identity import IdentityNet, MarginHead, recognition_loss
from mfr.face.reconstruction import augment
from mfr.training import checkpoint
from mfr.training.batches import FrameData, sent
from mfr.training.stage import Stage, mean_over


def identity_file(run):
    r"""Path of a run's identity net: its own, or the bundled one."""
    trained = Path(run) / "identity.pt"
    return trained if trained.exists() else checkpoint.WEIGHTS / "identity.pt"


def load_identity(path, device="cpu"):
    r"""The IdentityNet of identity.pt, in evaluation mode."""
    content = checkpoint.load(path, "identity", device)
    net = IdentityNet(content["config"]).to(device)
    checkpoint.restore(net, content["model"], path)
    return net.eval()


def frozen_identity(run, device):
    r"""V of a run, without gradients of its own."""
    return load_identity(identity_file(run), device).requires_grad_(False)


class IdentityStage(Stage):
    r"""V of Eq. 6: tell the training people apart under a margin."""

    name, unit = "identity", "frames"

    def build(self, run):
        r"""Networks and frames."""
        self.frames = FrameData(self.train_clips, window=1).to(self.device)
        people = self.frames.people
        self.held = FrameData(self.held_clips, window=1, people=people).to(self.device)
        people = len(people)
        self.network = IdentityNet(self.config)
        head = MarginHead(people, self.config)
        self.modules = nn.ModuleDict({"network": self.network, "head": head})
        chance = torch.log(torch.tensor(float(people))).item()
        self.expect = f"loss about {chance:.1f} + margin at step 0 (chance among {people} people)"

    def loss(self, step, draw, noise):
        r"""Margin softmax on augmented frames."""
        index = self.share(self.frames.draw(self.config.batch_size, draw))
        images = augment(self.frames.images(index), noise)
        person = sent(self.frames.person[index], self.device)
        return recognition_loss(self.network, self.modules["head"], images, person), {}

    def held_out_loss(self, network):
        r"""The same loss on held-out frames of people seen in training."""
        known = (self.held.person >= 0).nonzero()[:, 0]
        if not len(known):
            return float("nan")
        index = known[self.chosen_once(len(known), self.held_out_frames)]

        def loss(part):
            images = self.held.images(part)
            person = sent(self.held.person[part], self.device)
            return recognition_loss(network, self.modules["head"], images, person)

        return mean_over(index, 32, loss)
