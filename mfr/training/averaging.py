r"""What the training loop of train_mfr.py leans on: the device and the averaged weights."""

import copy

import torch


def pick_device(name="auto"):
    r"""The device to compute on: auto (a GPU if there is one) | cpu | cuda | cuda:N.

    Raises:
        ValueError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not name.startswith(("cpu", "cuda")) or (name != "cpu" and not torch.cuda.is_available()):
        raise ValueError(
            f"device {name!r} is not here; allowed: auto, cpu"
            + (", cuda" if torch.cuda.is_available() else "")
        )
    return torch.device(name)


class AveragedWeights:
    r"""The exponential moving average of a network's weights, which is what is kept.

    A step keeps the share `decay` of the old average; less at first, so the start is forgotten.
    """

    def __init__(self, network, decay):
        self.decay = decay
        self.shadow = {name: value.clone() for name, value in network.state_dict().items()}
        self.network = copy.deepcopy(network)

    @torch.no_grad()
    def update(self, network, step):
        r"""Move the average towards the network after an optimiser's step, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.shadow[name].lerp_(value, 1 - decay)
            else:
                self.shadow[name].copy_(value)

    def evaluate(self, loss):
        r"""A float, loss(network), under the averaged weights."""
        self.network.load_state_dict(self.shadow)
        self.network.eval()
        with torch.no_grad():
            return float(loss(self.network))
