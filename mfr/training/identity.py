r"""Training V of Eq. 6: tell the training people apart under a margin, and their shapes."""

from pathlib import Path

import torch
from torch import nn

from mfr.face.identity import FACE, IdentityNet, MarginHead, ShapeHead, recognition_loss
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
    r"""V of Eq. 6: tell the training people apart under a margin, and say their shapes."""

    name, unit = "identity", "frames"

    def build(self, run):
        r"""Networks and frames."""
        self.frames = FrameData(self.train_clips, window=1).to(self.device)
        people = self.frames.people
        self.held = FrameData(self.held_clips, window=1, people=people).to(self.device)
        people = len(people)
        self.network = IdentityNet(self.config)
        self.margin = MarginHead(people, self.config)
        self.shape = ShapeHead(self.config, self.frames.coefficients)
        self.modules = nn.ModuleDict(
            {"network": self.network, "head": self.margin, "shape": self.shape}
        )
        chance = torch.log(torch.tensor(float(people))).item()
        self.expect = (
            f"who about {chance:.1f} + margin at step 0 (chance among {people} people), "
            "shape about 1 (nothing known)"
        )

    def loss(self, step, draw, noise):
        r"""Margin softmax and error of the shape on augmented frames."""
        index = self.share(self.frames.draw(self.config.batch_size, draw))
        faces = augment(self.frames.images(index)[FACE], noise)  # (B, 3, 192, 192)
        with self.precision():
            vectors = self.network.of_faces(faces).float()
        who = recognition_loss(self.margin, vectors, sent(self.frames.person[index], self.device))
        shape = self.shape.error(vectors, sent(self.frames.coefficients[index], self.device))
        terms = {"who": who.detach(), "shape": shape.detach()}
        return who + self.config.shape_weight * shape, terms

    def compiled(self):
        r"""V's blocks: training shows it faces that are cut already, past its forward."""
        return list(self.network.blocks)

    def held_out_loss(self, network):
        r"""The margin softmax on held-out frames of people seen in training."""
        known = (self.held.person >= 0).nonzero()[:, 0]
        if not len(known):
            return float("nan")
        index = known[self.chosen_once(len(known), self.held_out_frames)]

        def loss(part):
            person = sent(self.held.person[part], self.device)
            return recognition_loss(self.margin, network(self.held.images(part)), person)

        return mean_over(index, 32, loss)

    def validation(self, network):
        r"""The error of the shape of strangers [std^2]."""
        strangers = (self.held.person < 0).nonzero()[:, 0]
        if not len(strangers):
            return {}
        index = strangers[self.chosen_once(len(strangers), self.held_out_frames)]

        def error(part):
            coefficients = sent(self.held.coefficients[part], self.device)
            return self.shape.error(network(self.held.images(part)), coefficients)

        return {"strangers' shape": mean_over(index, 32, error)}
