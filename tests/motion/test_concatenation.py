r"""The ablation against torch's encoder layers with copied weights."""

import math
from dataclasses import replace

import torch
from modules import (
    CONCAT,
    EXACT,
    B,
    L,
    V,
    condition,
    copy_attention,
    copy_feedforward,
    draw,
    random_model,
)
from torch import nn
from torch.nn import functional as F

from mfr.motion.tokens import sinusoid


def test_ablation_is_torchs_encoder_on_concatenated_inputs():
    model = random_model(replace(CONCAT, context=0, speaker_features=0, smoother=False))
    x_t, t, cond = draw(9, B, L, 70), torch.tensor([3, 41]), condition()
    direction = F.normalize(cond.identity, dim=-1) * math.sqrt(V)
    still = torch.cat([direction, cond.attitude, cond.reference], -1)[:, None].expand(-1, L, -1)
    joined = torch.cat([x_t, cond.audio, cond.speaker, still], -1)
    latent, rest = model.latent.embed, model.condition.frames.embed
    weight = torch.cat([latent.weight, rest.weight], 1)
    x = F.linear(joined, weight, latent.bias + rest.bias)
    x = x + sinusoid(torch.arange(L), 6, torch.float64) + model.time(t)[:, None]
    for layer in model.layers:
        peer = nn.TransformerEncoderLayer(
            6, 3, 11, dropout=0, activation="gelu", batch_first=True, norm_first=True
        ).double()
        copy_attention(layer.attend, peer.self_attn)
        copy_feedforward(layer.feedforward, peer)
        for ours, norm in ((layer.norm_attend, peer.norm1), (layer.norm_feedforward, peer.norm2)):
            norm.weight.data, norm.bias.data = ours.weight, ours.bias
        x = peer(x)
    torch.testing.assert_close(model(x_t, t, cond), model.out(model.norm_out(x)), **EXACT)
