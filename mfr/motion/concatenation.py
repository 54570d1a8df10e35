r"""The ablation without the module (Table 4, "w/o FAM"): one concatenation, then attention.

The paper says no more than "concatenates all features directly"; the layers here are the module's
own without modulation and fusion, the encoders of frames and what is added to the output as well.
"""

from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn

from mfr.config import ATTITUDES, COEFFICIENT_DIM
from mfr.motion.additions import FrameEncoder, FrameSmoother, SpeakerEncoder
from mfr.motion.attention import MultiHeadAttention
from mfr.motion.condition import (
    check_condition,
    count_samples,
    each_sample,
    needed_mask,
    window_mask,
)
from mfr.motion.tokens import FeedForward, TimeEmbedding, direction, sinusoid, zero


class PreparedConcatenation(NamedTuple):
    r"""A condition after everything that depends neither on x_t nor on t."""

    features: Tensor  # (B, L, C) the condition's part of the concatenation
    mask: Optional[Tensor]  # (B, L) bool


class ConcatenationLayer(nn.Module):
    r"""Self-attention over the frames, then feed forward, behind plain LayerNorms."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm_attend = nn.LayerNorm(width)
        self.attend = MultiHeadAttention(width, heads)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, hidden)

    def forward(self, x, mask):
        r"""Tokens (B, L, C), mask (B, 1, L) bool or None -> (B, L, C)."""
        h = self.norm_attend(x)
        x = x + self.attend(h, h, mask)
        return x + self.feedforward(self.norm_feedforward(x))


class ConcatenationModel(nn.Module):
    r"""Every input concatenated in each frame; what goes into the modulation is not read."""

    def __init__(self, config):
        super().__init__()
        C = config.width
        self.config = config
        self.latent = FrameEncoder(COEFFICIENT_DIM, C, config.context)
        # latent W + condition W' = [latent, condition] W'': the concatenation in two parts,
        # so that the second is worked out once while sampling
        inputs = config.identity_dim + len(ATTITUDES)
        inputs += COEFFICIENT_DIM if config.reference else 0
        self.condition = SpeakerEncoder(inputs, config)
        self.time = TimeEmbedding(C)
        self.layers = nn.ModuleList(
            ConcatenationLayer(C, config.heads, config.feedforward) for _ in range(config.layers)
        )
        self.norm_out = nn.LayerNorm(C)
        self.out = zero(nn.Linear(C, COEFFICIENT_DIM))
        self.added = FrameSmoother(C) if config.smoother else None

    def prepare(self, cond, generator=None):
        r"""The condition's part of the concatenation, as PreparedConcatenation.

        While training, the generator is the source of the noise on what is heard; else None.

        Raises:
            ValueError: a tensor of the condition has the wrong shape or is missing.
        """
        check_condition(cond, self.config)
        cond = cond.to(self.out.weight.dtype)
        still = [direction(cond.identity), cond.attitude]
        still += [cond.reference] if self.config.reference else []
        still = torch.cat(still, -1)[:, None].expand(-1, cond.audio.shape[1], -1)
        past, driving_mask = self.config.past, needed_mask(cond.mask)
        features = self.condition(cond, driving_mask, generator, still)[:, past:]  # (B, L, C)
        positions = torch.arange(features.shape[1], device=still.device)
        positions = sinusoid(positions, self.config.width, features.dtype)
        return PreparedConcatenation(features + positions, window_mask(driving_mask, past))

    def forward(self, x_t, t, cond):
        r"""eps_theta(x_t, t, input), as FeatureAggregationModule's.

        Args:
            x_t: (B K, L, 70) noisy coefficients, K samples of each of the condition's B clips.
            t: (B K,) int64 in 1..T [diffusion steps].
            cond: Condition of B clips, or what prepare made of it.

        Returns:
            (B K, L, 70) noise, in x_t's dtype.

        Raises:
            ValueError: x_t or t do not fit the condition.
        """
        clip = cond if isinstance(cond, PreparedConcatenation) else self.prepare(cond)
        K = count_samples(x_t, t, *clip.features.shape[:2])
        mask = each_sample(clip.mask, K)  # (B K, L)
        time = self.time(t)  # (B K, C)
        x = self.latent(x_t.to(clip.features.dtype), mask)
        x = x + each_sample(clip.features, K) + time[:, None]  # (B K, L, C)
        for layer in self.layers:
            x = layer(x, None if mask is None else mask[:, None])
        x = self.norm_out(x)
        eps = self.out(x).to(x_t.dtype)
        return eps if self.added is None else eps + self.added(x_t, time, x, mask).to(eps)
