r"""Training the reconstruction net: frames to coefficients, taught by the data's own."""

import torch
from torch import nn

from mfr.face.morphable import FILE as FACE_MODEL
from mfr.face.morphable import read_model
from mfr.face.reconstruction import (
    ReconstructionNet,
    augment,
    landmark_error,
    move_camera,
    pose_error,
    reconstruction_loss,
)
from mfr.training.batches import FrameData, sent
from mfr.training.stage import Stage, mean_over


class ReconstructionStage(Stage):
    r"""Frames to coefficients, taught by the data's own coefficients."""

    name, unit = "reconstruction", "frames"
    familiar_frames = 512  # from which the net knows what training looked like

    def build(self, run):
        r"""Network, frames and, where the data folder has one, the face model."""
        self.frames = FrameData(self.train_clips, window=1).to(self.device)
        self.held = FrameData(self.held_clips, window=1).to(self.device)
        self.network = ReconstructionNet(self.config)
        self.network.set_statistics(self.frames.coefficients)
        self.modules = nn.ModuleDict({"network": self.network})
        path = self.folder / FACE_MODEL
        self.model = read_model(path).to(self.device) if path.exists() else None
        what = "landmarks" if self.model is not None else f"the pose alone, as {path} is not there"
        self.expect = (
            "each term about 1 at step 0 (units of one std); held out is pixels of " + what
        )

    def loss(self, step, draw, noise):
        r"""reconstruction_loss on augmented frames, seen by a camera that was moved."""
        index = self.share(self.frames.draw(self.config.batch_size, draw))
        images = self.frames.images(index)
        truth = sent(self.frames.coefficients[index], self.device)
        images, truth = move_camera(images, truth, noise)
        images = augment(images, noise)
        with self.precision():
            predicted = self.network(images)
        return reconstruction_loss(predicted.float(), truth, self.network.std, self.model)

    def held_out_loss(self, network):
        r"""Error of landmarks on held-out frames as they are [pixels]; of the pose without a model.

        What the other stages need is where things are, and new people's shape and skin, which no
        training set can teach, would drown it in a sum.
        """

        def error(part):
            predicted = network(self.held.images(part))
            truth = sent(self.held.coefficients[part], self.device)
            if self.model is None:
                return pose_error(predicted, truth)
            return landmark_error(predicted, truth, self.model)

        index = self.chosen_once(len(self.held.frames), self.held_out_frames)
        return mean_over(index, 32, error)

    def finish(self, network):
        r"""Remember what the training frames look like, so that strange ones can be told."""
        index = self.chosen_once(len(self.frames.frames), self.familiar_frames)
        noise = torch.Generator(self.device).manual_seed(1)
        network.fit_familiarity(augment(self.frames.images(index), noise))
