r"""What every stage shares: its data, its networks, how it is judged while training."""

from contextlib import nullcontext
from pathlib import Path

import torch

from mfr.files.vico import held_out, read_clips
from mfr.training.processes import Processes


class Stage:
    r"""What the loop of train_mfr.py needs of a stage.

    A stage has a name, the unit of its batch, a line on what to expect, and build(run) which sets
    `network` (what is kept), `modules` (all that the main optimiser trains) and, where a second
    one trains against them, `adversary`. loss(step, draw, noise) gives a scalar and a dict of its
    terms (`draw` chooses examples, `noise` is a generator on the device); held_out_loss(network) a
    float.

    Args:
        run: folder of this run, where weights of earlier stages are looked for.
        V: a frozen recogniser in the place of identity.pt, or None.
        features: frozen, images -> maps, for the perceptual and style terms, or None for those of
            identity.pt.
    """

    adversary = None
    processes = Processes()  # this one alone
    in_phases = False  # all of the network learns in each step
    held_out_frames = 256  # of the image stages: enough to tell two checkpoints apart

    def __init__(self, config, data, run, device, V=None, features=None):
        self.config, self.device = config, torch.device(device)
        self.V, self.features = (net if net is None else net.to(device) for net in (V, features))
        self.train_clips, self.held_clips = held_out(read_clips(data))
        self.folder = Path(data)
        self.build(Path(run))
        self.modules.to(device)

    def describe(self):
        r"""One line about the data; here of a stage whose data are frames."""
        return (
            f"data      {self.folder}: {len(self.frames.frames)} frames of "
            f"{self.frames.num_videos} videos; {len(self.held.frames)} held out"
        )

    def evaluation(self):
        r"""A generator for held-out batches: the same at every evaluation, none of training's."""
        return torch.Generator().manual_seed(1)

    def chosen_once(self, count, most):
        r"""The same random choice at every evaluation: int64 (min(count, most),), none twice."""
        return torch.randperm(count, generator=self.evaluation())[:most]

    def precision(self):
        r"""Autocast to the config's precision, for the networks while training."""
        if getattr(self.config, "precision", "float32") == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def share(self, index):
        r"""Of places (N,) that all processes drew alike, those of this one."""
        return index[self.processes.share(len(index))]

    def compiled(self):
        r"""The modules that --compile compiles: all of whose work is done in their forward."""
        return [self.network]

    def validation(self, network):
        r"""What else is worth watching while training: name -> float."""
        return {}

    def finish(self, network):
        r"""What is left to do with the network, with the weights that are kept."""


def mean_over(index, size, loss):
    r"""Mean of loss(part) over an index (N,) cut into parts of `size`, weighed by length."""
    parts = index.split(size)
    losses = torch.stack([loss(part).detach() for part in parts]).tolist()  # one wait for all
    return sum(value * len(part) for value, part in zip(losses, parts)) / len(index)
