r"""What this project adds to the paper's module, part by part.

`plug_into` is the whole list: each part goes into a seam of mfr.motion.fam, under a setting of its
own, and with all of them off the module is the paper's. What each buys is a table's to say, the
ladder of tests/benchmarks/bench_ladder.py.
"""

import torch
from torch import nn
from torch.nn import functional as F

from mfr.config import AUDIO_DIM, COEFFICIENT_DIM
from mfr.motion.tokens import direction, zero

# std of the Gaussians that FrameSmoother looks through [frames]; the first sees a frame alone
SMOOTHING = (0.1, 1.0, 2.0, 4.0, 8.0, 16.0)
SHAPES = 4  # in time, that FrameSmoother looks for in each coefficient


def plug_into(module, config):
    r"""The FeatureAggregationModule with the additions that a MotionConfig asks for.

    Two more are no part of the network: config.past (frames of the speaker before the window are
    among the keys, since what is answered was often said before it) and what its output is read
    as (mfr.motion.guidance).
    """
    C = config.width
    if config.context:
        module.latent = FrameEncoder(COEFFICIENT_DIM, C, config.context)
    if config.context or config.speaker_features:
        module.speaker = SpeakerEncoder(0, config)
    if config.reference:
        module.identity = IdentityAndPortrait(config)
    if config.time_in_modulation or config.attitude_in_modulation:
        module.modulation = Modulation(config)
    if config.speaker_beside:
        module.beside = nn.Linear(C, C)  # attention must learn first which frame that is
    if config.smoother:
        module.added = FrameSmoother(C)
    return module


class FrameEncoder(nn.Module):
    r"""s = W x; twice s <- s + W_i SiLU(filter_i * s), one filter over the frames a feature.

    The paper embeds each frame alone (context 0: no filters). A pause of the speaker means "the
    phrase is over" only beside the speech before it, and what of a noisy motion is noise shows
    only beside its neighbours; attention finds either out slowly. A filter spans `context`
    frames, an odd number.
    """

    def __init__(self, inputs, width, context):
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        rounds = 2 if context else 0
        # over frames as over a column of pixels: in the tokens' layout twice as fast as Conv1d
        self.filters = nn.ModuleList(
            nn.Conv2d(width, width, (context, 1), padding=(context // 2, 0), groups=width)
            for _ in range(rounds)
        )
        self.mix = nn.ModuleList(nn.Linear(width, width) for _ in range(rounds))

    def forward(self, x, mask=None):
        r"""(B, L, inputs) -> (B, L, C); frames outside the mask (B, L) reach no filter."""
        s = self.embed(x)
        for smooth, mix in zip(self.filters, self.mix):
            real = s if mask is None else s * mask[..., None]
            neighbours = smooth(real.mT[..., None])[..., 0].mT  # (B, L, C)
            s = s + mix(F.silu(neighbours))
        return s


class SpeakerEncoder(nn.Module):
    r"""The speaker's frames as tokens: z = LN(W u) + std n, k numbers a frame; then FrameEncoder.

    The paper embeds all 115 numbers. They are a fingerprint of each training clip, by which a
    network learns its listener's motion by heart; k few and blurred ones have room for what a
    listener answers to and little else. k = config.speaker_features, 0 keeps all 115 as they are;
    std = config.speaker_noise. `inputs` more numbers may lie beside (the ablation's).
    """

    def __init__(self, inputs, config):
        super().__init__()
        k, frame = config.speaker_features, AUDIO_DIM + COEFFICIENT_DIM
        self.noise = config.speaker_noise if k else 0.0
        self.narrow = nn.Linear(frame, k) if k else None
        self.norm = nn.LayerNorm(k, elementwise_affine=False) if k else None
        self.frames = FrameEncoder((k or frame) + inputs, config.width, config.context)

    def forward(self, cond, mask=None, generator=None, beside=None):
        r"""Condition of B clips, mask (B, L), beside (B, L, inputs) -> (B, L, C).

        The generator is the source of n while training; None adds no noise.
        """
        u = torch.cat([cond.audio, cond.speaker], -1)  # (B, L, 115)
        if self.narrow is not None:
            u = self.norm(self.narrow(u))  # (B, L, k)
            if generator is not None and self.noise:
                u = blur(u, self.noise, generator)
        return self.frames(u if beside is None else torch.cat([u, beside], -1), mask)


class IdentityAndPortrait(nn.Module):
    r"""Two tokens of who listens: V(I_l), and the coefficients that the portrait shows."""

    def __init__(self, config):
        super().__init__()
        self.vector = nn.Linear(config.identity_dim, config.width)
        self.portrait = nn.Linear(COEFFICIENT_DIM, config.width)

    def forward(self, cond):
        r"""Condition of B clips -> (B, 2, C)."""
        tokens = [self.vector(direction(cond.identity)), self.portrait(cond.reference)]
        return torch.stack(tokens, 1)


class Modulation:
    r"""The time step and the attitude in the modulation too: one key among 42 is a weak signal."""

    def __init__(self, config):
        self.time = config.time_in_modulation
        self.attitude = config.attitude_in_modulation

    def __call__(self, identity, attitude, time):
        r"""Identity tokens (B, I, C), attitude (B, C), time (B, C) -> (B, C)."""
        modulation = identity.sum(1)
        if self.time:
            modulation = modulation + time
        if self.attitude:
            modulation = modulation + attitude
        return modulation


class FrameSmoother(nn.Module):
    r"""sum_k g_k S_k x_t + sum_m c_m SiLU((1 + a_m) sum_k w_mk S_k x_t + b_m): own frames only.

    S_k smooths over frames by one of several widths; g, a, b, c depend on t, and all of them and
    w on the coefficient. A moving head goes on moving: what its own frames before and after tell
    of a noisy coefficient is most of what can be told, and it is linear. A blink is not; the
    second sum finds such shapes. Nor is it known beforehand which way a head shakes, only when:
    so g also depends on the frame's token. Attention has to learn all that for each of the 70
    anew; here it is learnt in some hundred steps. Zero at the start.
    """

    def __init__(self, width):
        super().__init__()
        self.gain = zero(nn.Linear(width, len(SMOOTHING) * COEFFICIENT_DIM))
        self.frame_gain = zero(nn.Linear(width, len(SMOOTHING) * COEFFICIENT_DIM))
        self.shapes = nn.Parameter(torch.empty(SHAPES, len(SMOOTHING), COEFFICIENT_DIM))  # w
        nn.init.normal_(self.shapes, std=len(SMOOTHING) ** -0.5)
        self.modulate = zero(nn.Linear(width, 3 * SHAPES * COEFFICIENT_DIM))  # a, b, c
        widths = torch.tensor(SMOOTHING)[:, None, None]  # (W, 1, 1)
        self.register_buffer("widths", widths, persistent=False)

    def forward(self, x, time, tokens, mask=None):
        r"""Noisy x (B, L, 70), time (B, C), frames' tokens (B, L, C) -> (B, L, 70).

        float32 at least; frames outside the mask (B, L) are not looked at.
        """
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # little noise is lost in bfloat16
        frames = torch.arange(x.shape[1], device=x.device)
        apart = (frames[:, None] - frames) / self.widths.to(x)  # (W, L, L)
        near = torch.exp(-(apart**2) / 2)[None]
        if mask is not None:
            near = near * mask[:, None, None]  # (B, W, L, L)
        time = F.silu(time)
        gain = self.gain(time)[:, None] + self.frame_gain(tokens)  # (B, L, W 70)
        gain = gain.unflatten(2, (len(SMOOTHING), -1)).to(x)  # (B, L, W, 70)
        a, b, c = self.modulate(time).view(len(time), 3, 1, SHAPES, -1).to(x).unbind(1)
        with torch.autocast(x.device.type, enabled=False):
            near = near / near.sum(-1, keepdim=True).clamp(min=1e-6)
            smooth = near @ x[:, None]  # (B, W, L, 70)
            shapes = torch.einsum("bwld,mwd->blmd", smooth, self.shapes.to(x))  # (B, L, M, 70)
            shapes = F.silu(shapes * (1 + a) + b)
            return (smooth.transpose(1, 2) * gain).sum(2) + (shapes * c).sum(2)


def blur_listener(cond, std, generator):
    r"""Identity direction + std n and reference + std n, n ~ N(0, I): a listener seen roughly.

    Both differ from clip to clip, so the network could learn by them where the head of each
    training clip drifts, and would then make strangers drift too.

    Raises:
        ValueError: std is negative.
    """
    if std < 0:
        raise ValueError(f"std is {std}; allowed: >= 0")
    if not std:
        return cond
    cond = cond._replace(identity=blur(direction(cond.identity), std, generator))
    if cond.reference is None:
        return cond
    return cond._replace(reference=blur(cond.reference, std, generator))


def blur(x, std, generator):
    r"""x (...) + std n, n ~ N(0, I) drawn where the generator is."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device)
    return x + std * noise.to(x)
