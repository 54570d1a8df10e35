r"""Small noise predictors with random weights, and conditions for them: what tests here share."""

from dataclasses import replace

import torch

from mfr.config import MotionConfig
from mfr.motion.condition import Condition
from mfr.motion.model import noise_predictor

EXACT = {"rtol": 1e-9, "atol": 1e-11}
B, L, V = 2, 5, 7
SMALL = MotionConfig(
    width=6,
    heads=3,
    layers=2,
    feedforward=11,
    identity_dim=V,
    T=50,
    context=3,
    speaker_features=4,
    past=0,
)
PAPER = replace(
    SMALL,
    reference=False,
    time_in_modulation=False,
    attitude_in_modulation=False,
    context=0,
    speaker_beside=False,
    speaker_features=0,
    smoother=False,
)
CONCAT = replace(SMALL, aggregation="concat")
P = 3
PAST = replace(SMALL, past=P)
CONFIGS = {"default": SMALL, "paper": PAPER, "concat": CONCAT}


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def condition(clips=B, frames=L, seed=0, mask=None):
    return Condition(
        audio=draw(seed + 1, clips, frames, 45),
        speaker=draw(seed + 2, clips, frames, 70),
        identity=draw(seed + 3, clips, V),
        attitude=torch.eye(3, dtype=torch.float64)[[(seed + i) % 3 for i in range(clips)]],
        reference=draw(seed + 4, clips, 70),
        mask=mask,
    )


def random_model(config, seed=0):
    r"""A model none of whose weights is zero, in float64; every linear map keeps unit variance."""
    model = noise_predictor(config).double()
    for i, parameter in enumerate(model.parameters()):
        scale = parameter.shape[-1] ** -0.5 if parameter.dim() == 2 else 0.3
        parameter.data = scale * draw(1000 * seed + i, *parameter.shape)
    return model


def copy_attention(ours, peer):
    peer.in_proj_weight.data = torch.cat([ours.W_q.weight, ours.W_k.weight, ours.W_v.weight])
    peer.in_proj_bias.data = torch.cat([ours.W_q.bias, ours.W_k.bias, ours.W_v.bias])
    peer.out_proj.weight.data, peer.out_proj.bias.data = ours.W_o.weight, ours.W_o.bias


def copy_feedforward(ours, peer):
    for ours, peer in ((ours[0], peer.linear1), (ours[2], peer.linear2)):
        peer.weight.data, peer.bias.data = ours.weight, ours.bias
