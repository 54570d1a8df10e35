r"""What the training loop of train_mfr.py leans on: the device and the averaged weights."""

import copy

import torch


def pick_device(name="auto"):
    r"""The device to compute on: auto (a GPU, if there is one) | cpu | cuda | cuda:N | mps.

    Raises:
        ValueError: no such device here.
    """
    here = ["cuda"] if torch.cuda.is_available() else []
    here += ["mps"] if torch.backends.mps.is_available() else []
    here += ["cpu"]
    if name == "auto":
        return torch.device(here[0])
    kind, _, number = name.partition(":")
    several = kind == "cuda" and number.isdecimal() and int(number) < torch.cuda.device_count()
    if kind not in here or (number and not several):
        raise ValueError(f"device {name!r} is not here; allowed: auto, {', '.join(here[::-1])}")
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
        values = network.state_dict()
        floats = [name for name, value in values.items() if value.is_floating_point()]
        averages, latest = [self.shadow[name] for name in floats], [values[name] for name in floats]
        torch._foreach_lerp_(averages, latest, 1 - decay)  # all in one call
        for name in values.keys() - set(floats):
            self.shadow[name].copy_(values[name])

    def evaluate(self, loss):
        r"""A float, loss(network), under the averaged weights."""
        self.network.load_state_dict(self.shadow)
        self.network.eval()
        with torch.no_grad():
            return float(loss(self.network))

    def judge(self, validation):
        r"""What validation(network) says, name -> float, of the weights just evaluated."""
        with torch.no_grad():
            return validation(self.network)
