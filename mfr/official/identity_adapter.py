r"""A published recogniser in the place of our V: vectors of length 1."""

import torch.nn.functional as F
from torch import nn


class IdentityAdapter(nn.Module):
    r"""V(I) / ||V(I)||, as mfr.face.identity.IdentityNet gives it.

    Published features are as long as the picture is clear; motion uses only their direction, and
    Eq. (6) would want another weight for every network.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.source = getattr(network, "source", "")
        self.identity_dim = network.VECTOR
        self.train(network.training)

    def forward(self, frames):
        r"""The unit vector (B, 2048) or (B, 4096) of each face (B, 3, S, S) in [0, 1]."""
        return F.normalize(self.network(frames), dim=1)
