r"""The Feature Aggregation Module: eps_theta(x_t, t, input) (Sec. 3.2, Fig. 2).

Each layer enhances, fuses, feeds forward. Enhance: self-attention over [identity, latent frames].
Fuse: cross-attention from them to [speaker frames, attitude, time step]. The identity enters every
LayerNorm as its scale and shift (the paper's "SPADE-like" module on a sequence).

Five parts of the module are seams: latent, speaker, identity, modulation, and the two that are
None here, beside and added. What this project adds to the paper is plugged in there, and only
there (mfr.motion.additions).
"""

from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM
from mfr.motion.attention import MultiHeadAttention
from mfr.motion.condition import (
    check_condition,
    count_samples,
    each_sample,
    key_mask,
    needed_mask,
    window_mask,
)
from mfr.motion.tokens import FeedForward, TimeEmbedding, direction, sinusoid, zero


class IdentityModulation(nn.Module):
    r"""LN(x) (1 + gamma) + beta, with gamma and beta from the identity.

    Paper: Sec. 3.2, "SPADE-like": on a sequence there is no spatial map to modulate by.
    Zero-initialised, so training starts from a plain LayerNorm.
    """

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.gamma_beta = zero(nn.Linear(width, 2 * width))

    def forward(self, x, modulation):
        r"""Tokens (B, N, C) and what modulates them (B, C) -> (B, N, C)."""
        gamma, beta = self.gamma_beta(modulation)[:, None].chunk(2, -1)  # (B, 1, C) each
        return torch.addcmul(beta, self.norm(x), 1 + gamma)


class AggregationLayer(nn.Module):
    r"""Enhance, fuse, feed forward; each a residual behind an identity modulation.

    Paper: Sec. 3.2, one of the 4 layers.
    """

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.modulate_enhance = IdentityModulation(width)
        self.enhance = MultiHeadAttention(width, heads)
        self.modulate_fuse = IdentityModulation(width)
        self.fuse = MultiHeadAttention(width, heads)
        self.modulate_feedforward = IdentityModulation(width)
        self.feedforward = FeedForward(width, hidden)

    def forward(self, x, modulation, driving, time, masks):
        r"""One layer. The K samples of a clip share its keys: their tokens are one long query.

        Args:
            x: (B K, I + L, C) identity and latent tokens.
            modulation: (B K, C).
            driving: keys and values (B, H, P + L + 1, C/H) of the speaker and the attitude.
            time: (B, 1, C) time token.
            masks: of x (B K, 1, I + L) and of what drives (B, 1, P + L + 2), bool or None.

        Returns:
            (B K, I + L, C).
        """
        own_mask, driving_mask = masks
        h = self.modulate_enhance(x, modulation)
        x = x + self.enhance(h, h, own_mask)

        h = self.modulate_fuse(x, modulation)
        h = h.reshape(len(time), -1, h.shape[-1])  # (B, K (I + L), C)
        pairs = zip(driving, self.fuse.keys_values(time))
        keys_values = tuple(torch.cat(pair, 2) for pair in pairs)  # (B, H, P + L + 2, C/H)
        x = x + self.fuse(h, keys_values, driving_mask).view_as(x)

        return x + self.feedforward(self.modulate_feedforward(x, modulation))


class LatentToken(nn.Linear):
    r"""Each noisy frame alone: (B, L, 70) -> (B, L, C)."""

    def __init__(self, width):
        super().__init__(COEFFICIENT_DIM, width)

    def forward(self, x_t, mask=None):
        return super().forward(x_t)


class SpeakerToken(nn.Linear):
    r"""Each frame of the speaker alone, sound and face: (B, L, 45) and (B, L, 70) -> (B, L, C)."""

    def __init__(self, width):
        super().__init__(AUDIO_DIM + COEFFICIENT_DIM, width)

    def forward(self, cond, mask=None, generator=None):
        return super().forward(torch.cat([cond.audio, cond.speaker], -1))


class IdentityToken(nn.Linear):
    r"""V(I_l) as one token: (B, V) -> (B, 1, C)."""

    def __init__(self, config):
        super().__init__(config.identity_dim, config.width)

    def forward(self, cond):
        return super().forward(direction(cond.identity))[:, None]


def identity_modulates(identity, attitude, time):
    r"""What the paper modulates by: the identity alone, (B, I, C) -> (B, C)."""
    return identity.sum(1)


class Prepared(NamedTuple):
    r"""A condition after everything that depends neither on x_t nor on t."""

    identity: Tensor  # (B, I, C) identity tokens; I = 1
    attitude: Tensor  # (B, C) attitude token
    driving: list  # per layer: keys and values (B, H, P + L + 1, C/H) of speaker and attitude
    frames: Tensor  # (B, L, C) what the latent frames are added to: their positions
    mask: Optional[Tensor]  # (B, L) bool: which latent frames are real
    driving_mask: Optional[Tensor]  # (B, P + L) bool: which of the speaker's


class FeatureAggregationModule(nn.Module):
    r"""eps_theta of the paper: identity and latents enhanced, then fused with what drives them.

    Paper: Sec. 3.2, Fig. 2. Ours: sinusoidal positions, shared by latent and speaker frames.
    """

    def __init__(self, config):
        super().__init__()
        C = config.width
        self.config = config
        self.latent = LatentToken(C)  # seam: how a noisy frame becomes a token
        self.speaker = SpeakerToken(C)  # seam: what is heard
        self.identity = IdentityToken(config)  # seam: who listens
        self.attitude = nn.Linear(len(ATTITUDES), C)
        self.time = TimeEmbedding(C)
        self.modulation = identity_modulates  # seam: what modulates
        self.layers = nn.ModuleList(
            AggregationLayer(C, config.heads, config.feedforward) for _ in range(config.layers)
        )
        self.modulate_out = IdentityModulation(C)
        self.out = zero(nn.Linear(C, COEFFICIENT_DIM))  # eps = 0 and loss 1 at step 0
        self.beside = None  # seam: what else is added to the latent of the same frame
        self.added = None  # seam: what is added to the output

    def prepare(self, cond, generator=None):
        r"""Everything of a Condition that does not change while sampling, as Prepared.

        While training, the generator is the source of the noise on what is heard; else None.

        Raises:
            ValueError: a tensor of the condition has the wrong shape or is missing.
        """
        check_condition(cond, self.config)
        cond = cond.to(self.out.weight.dtype)
        past, driving_mask = self.config.past, needed_mask(cond.mask)
        speaker = self.speaker(cond, driving_mask, generator)  # (B, P + L, C)
        frames = torch.arange(speaker.shape[1], device=speaker.device) - past
        positions = sinusoid(frames, self.config.width, speaker.dtype).expand_as(speaker)
        attitude = self.attitude(cond.attitude)  # (B, C)
        driving = torch.cat([speaker + positions, attitude[:, None]], 1)  # (B, P + L + 1, C)
        frames = positions if self.beside is None else positions + self.beside(speaker)
        return Prepared(
            identity=self.identity(cond),
            attitude=attitude,
            driving=[layer.fuse.keys_values(driving) for layer in self.layers],
            frames=frames[:, past:],
            mask=window_mask(driving_mask, past),
            driving_mask=driving_mask,
        )

    def forward(self, x_t, t, cond):
        r"""eps_theta(x_t, t, input). Frames outside the mask influence no real frame.

        Args:
            x_t: (B K, L, 70) noisy coefficients, K samples of each of the condition's B clips.
            t: (B K,) int64 in 1..T [diffusion steps]; the samples of a clip share theirs.
            cond: Condition of B clips, or what prepare made of it.

        Returns:
            (B K, L, 70) noise, in x_t's dtype.

        Raises:
            ValueError: x_t or t do not fit the condition.
        """
        clip = cond if isinstance(cond, Prepared) else self.prepare(cond)
        K = count_samples(x_t, t, *clip.frames.shape[:2])
        mask = each_sample(clip.mask, K)  # (B K, L)
        identity = each_sample(clip.identity, K)  # (B K, I, C)
        latent = self.latent(x_t.to(clip.frames.dtype), mask)
        latent = latent + each_sample(clip.frames, K)  # (B K, L, C)
        time = self.time(t[::K])  # (B, C)
        modulation = F.silu(self.modulation(clip.identity, clip.attitude, time))
        modulation = each_sample(modulation, K)  # (B K, C)
        masks = key_mask(mask, identity.shape[1], 0), key_mask(clip.driving_mask, 0, 2)

        x = torch.cat([identity, latent], 1)  # (B K, I + L, C)
        for layer, driving in zip(self.layers, clip.driving):
            x = layer(x, modulation, driving, time[:, None], masks)
        frames = self.modulate_out(x[:, identity.shape[1] :], modulation)  # (B K, L, C)
        eps = self.out(frames).to(x_t.dtype)
        if self.added is None:
            return eps
        return eps + self.added(x_t, each_sample(time, K), frames, mask).to(eps)
