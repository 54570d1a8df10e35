r"""Several processes on one batch, by torch's own engine: each takes its rows.

    torchrun --nproc_per_node 2 -- train_mfr.py motion --data data/small --run runs/small

(Without `--` torchrun takes our --run for one of its own.) All draw the same places and each keeps
its share of them; DistributedDataParallel makes the mean of their gradients. The first one alone
judges, prints and writes.
"""

import os
from typing import NamedTuple

import torch
from torch import distributed, nn

from mfr.training.averaging import pick_device


class Processes(NamedTuple):
    r"""Which of them this is, of how many."""

    rank: int = 0
    size: int = 1

    def share(self, count):
        r"""The rows of a batch of `count` that are this process's, as a slice.

        Raises:
            ValueError: the batch cannot be cut evenly.
        """
        if count % self.size:
            raise ValueError(
                f"a batch of {count} for {self.size} processes; allowed: a multiple of {self.size}"
            )
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def parallel(self, modules, loss, in_phases=False):
        r"""The function `loss`, whose backward pass gives `modules` the mean gradient of all.

        in_phases: some of their parameters may have none, as long as others learn.
        """
        if self.size == 1:
            return loss
        return nn.parallel.DistributedDataParallel(
            _Loss(modules, loss), find_unused_parameters=in_phases
        )

    def gathered(self, state):
        r"""A ByteTensor of each process, (size, n) on the host."""
        if self.size == 1:
            return state[None]
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        states = [torch.empty_like(state, device=device) for _ in range(self.size)]
        distributed.all_gather(states, state.to(device))
        return torch.stack(states).cpu()

    def wait(self):
        r"""Go on when all are here."""
        if self.size > 1:
            distributed.barrier()


class _Loss(nn.Module):
    """A loss as the forward pass of the modules that it trains, as the engine wants it."""

    def __init__(self, modules, loss):
        super().__init__()
        self.trained, self.loss = modules, loss

    def forward(self, *arguments):
        return self.loss(*arguments)


def join(name):
    r"""(Processes, this one's device) as torchrun's environment has them; without it, one.

    Raises:
        ValueError: no such device here.
    """
    device, size = pick_device(name), int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        return Processes(), device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(distributed.get_rank(), size), device
