r"""The Feature Aggregation Module: eps_theta(x_t, t, input) (Sec. 3.2, Fig. 2).

Each layer enhances, fuses, feeds forward. Enhance: self-attention over [identity, latent frames].
Fuse: cross-attention from them to [speaker frames, attitude, time step]. The identity enters every
LayerNorm as its scale and shift (the paper's "SPADE-like" module on a sequence). Every tensor that
does not change while sampling is worked out once, by prepare(cond).

A condition describes B clips; x_t may hold K samples of each, row b K + k. The K samples share
their clip's keys and values without copying them: the frames of all K become one long query.
"""

import math
from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM
from mfr.motion.attention import MultiHeadAttention

# std of the Gaussians that FrameSmoother looks through [frames]; the first sees a frame alone
SMOOTHING = (0.1, 1.0, 2.0, 4.0, 8.0, 16.0)
SHAPES = 4  # in time, that FrameSmoother looks for in each coefficient


class Condition(NamedTuple):
    r"""What the listener responds to, and who the listener is; coefficients are normalised.

    The condition of a window begins P = config.past frames before it; that of a clip, at frame 0.
    """

    audio: Tensor  # (B, P + L, 45) acoustic features of the speaker
    speaker: Tensor  # (B, P + L, 70) coefficients of the speaker
    identity: Tensor  # (B, V) listener's identity vector; only its direction is used
    attitude: Tensor  # (B, 3) one-hot in the order of ATTITUDES; a zero row = not known
    reference: Optional[Tensor] = None  # (B, 70) coefficients of the listener's portrait
    mask: Optional[Tensor] = None  # (B, P + L) bool, True = a real frame; None = all are

    def to(self, *args):
        r"""Move or convert every tensor, as Tensor.to does; the mask stays bool.

        Args:
            args: a device, or a dtype of the features.

        Returns:
            Condition.
        """
        moved = [None if x is None else x.to(*args) for x in self[:-1]]
        if self.mask is None:
            return Condition(*moved, None)
        return Condition(*moved, self.mask.to(moved[0].device))


class Prepared(NamedTuple):
    r"""A condition after everything that depends neither on x_t nor on t."""

    identity: Tensor  # (B, I, C) identity tokens; I = 2 with a reference
    attitude: Tensor  # (B, C) attitude token
    driving: list  # per layer: keys and values (B, H, P + L + 1, C/H) of speaker and attitude
    frames: Tensor  # (B, L, C) what the latent frames are added to: position, speaker's frame
    mask: Optional[Tensor]  # (B, L) bool: which latent frames are real
    heard: Optional[Tensor]  # (B, P + L) bool: which of the speaker's


class PreparedConcatenation(NamedTuple):
    r"""The same for the ablation."""

    features: Tensor  # (B, L, C) the condition's part of the concatenation
    mask: Optional[Tensor]  # (B, L) bool


def drop_attitude(cond, share, generator):
    r"""Forget the attitude of some clips, so that guidance has a prediction without it.

    Ours: classifier-free guidance; the paper has none.

    Args:
        cond: Condition of B clips.
        share: probability of dropping, in [0, 1].
        generator: source of the choice.

    Returns:
        Condition whose dropped clips have an all-zero attitude.

    Raises:
        ValueError: the share is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; allowed: 0 .. 1")
    clips = len(cond.attitude)
    drawn = torch.rand(clips, 1, generator=generator, device=generator.device)
    return cond._replace(attitude=cond.attitude * (drawn >= share).to(cond.attitude))


def blur_listener(cond, std, generator):
    r"""Identity direction + std n and reference + std n, n ~ N(0, I): a listener seen roughly.

    Ours. Both differ from clip to clip, so the network could learn by them where the head of each
    training clip drifts, and would then make strangers drift too.

    Args:
        cond: Condition of B clips, normalised.
        std: of n, >= 0; 0 = none.
        generator: source of n.

    Returns:
        Condition.

    Raises:
        ValueError: std is negative.
    """
    if std < 0:
        raise ValueError(f"std is {std}; allowed: >= 0")
    if not std:
        return cond
    cond = cond._replace(identity=_blur(_direction(cond.identity), std, generator))
    if cond.reference is None:
        return cond
    return cond._replace(reference=_blur(cond.reference, std, generator))


def sinusoid(positions, width, dtype):
    r"""[sin(p w_i), cos(p w_i)], w_i = 10000^(-i/(C/2)), i = 0 .. C/2 - 1.

    Paper: [42], Vaswani et al. Used for frames (shared by latents and speaker) and for t.

    Args:
        positions: (N,) frames or diffusion steps.
        width: C, even.
        dtype: of the result; the angles are float32 at least, as bfloat16 cannot count to 1000.

    Returns:
        (N, C).

    Raises:
        ValueError: the width is odd.
    """
    if width % 2:
        raise ValueError(f"width is {width}; allowed: even, for pairs of sine and cosine")
    exact = torch.promote_types(dtype, torch.float32)
    rates = torch.arange(width // 2, dtype=exact, device=positions.device) / (width // 2)
    angles = positions[:, None].to(exact) * 10000**-rates  # (N, C/2)
    return torch.cat([angles.sin(), angles.cos()], -1).to(dtype)


class TimeEmbedding(nn.Module):
    r"""t as a token: a sinusoid, then two linear maps.

    Ours: the paper names the time step as an input and no more.

    Args:
        width: C, features a token.
    """

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.net = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t):
        r"""Embed the diffusion steps.

        Args:
            t: (B,) int64 in 1..T [diffusion steps].

        Returns:
            (B, C).
        """
        return self.net(sinusoid(t, self.width, self.net[0].weight.dtype))


class FrameEncoder(nn.Module):
    r"""s = W x; twice s <- s + W_i SiLU(filter_i * s), one filter over the frames a feature.

    Ours: the paper embeds each frame alone (context 0). A pause of the speaker means "the phrase
    is over" only beside the speech before it, and what of a noisy motion is noise shows only
    beside its neighbours; attention finds either out slowly.

    Args:
        inputs: features a frame.
        width: C, features a token.
        context: frames that a filter spans, odd; 0 = no filters.
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
        r"""Embed frames.

        Args:
            x: (B, L, inputs).
            mask: (B, L) bool, True = a real frame: what is padded reaches no filter.

        Returns:
            (B, L, C).
        """
        s = self.embed(x)
        for smooth, mix in zip(self.filters, self.mix):
            real = s if mask is None else s * mask[..., None]
            around = smooth(real.mT[..., None])[..., 0].mT  # (B, L, C)
            s = s + mix(F.silu(around))
        return s


class FrameSmoother(nn.Module):
    r"""sum_k g_k S_k x_t + sum_m c_m SiLU((1 + a_m) sum_k w_mk S_k x_t + b_m): own frames only.

    Ours; S_k smooths over frames by one of several widths; g, a, b, c depend on t, and all of them
    and w on the coefficient. A moving head goes on moving: what its own frames before and after
    tell of a noisy coefficient is most of what can be told, and it is linear. A blink is not: six
    frames out of hundreds, which a gain fit for all would smooth away; the second sum finds such
    shapes. Nor is it known beforehand which way a head shakes, only when: so g also depends on
    the frame's token, which says how much of a motion to believe there. Attention has to learn all
    that for each of the 70 anew; here it is learnt in some hundred steps, and attention is left
    with what the speaker and the other coefficients tell. Zero at the start.

    Args:
        width: C, features of the time token.
    """

    def __init__(self, width):
        super().__init__()
        self.gain = _zero(nn.Linear(width, len(SMOOTHING) * COEFFICIENT_DIM))
        self.frame_gain = _zero(nn.Linear(width, len(SMOOTHING) * COEFFICIENT_DIM))
        self.shapes = nn.Parameter(torch.empty(SHAPES, len(SMOOTHING), COEFFICIENT_DIM))  # w
        nn.init.normal_(self.shapes, std=len(SMOOTHING) ** -0.5)
        self.modulate = _zero(nn.Linear(width, 3 * SHAPES * COEFFICIENT_DIM))  # a, b, c

    def forward(self, x, time, tokens, mask=None):
        r"""Smooth frames.

        Args:
            x: (B, L, 70) noisy coefficients.
            time: (B, C) time tokens.
            tokens: (B, L, C) what is known of each frame.
            mask: (B, L) bool, True = a real frame; the others are not looked at.

        Returns:
            (B, L, 70), float32 at least.
        """
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # little noise is lost in bfloat16
        frames = torch.arange(x.shape[1], device=x.device)
        widths = torch.tensor(SMOOTHING, dtype=x.dtype, device=x.device)[:, None, None]
        near = torch.exp(-(((frames[:, None] - frames) / widths) ** 2) / 2)[None]  # (1, W, L, L)
        if mask is not None:
            near = near * mask[:, None, None]  # (B, W, L, L)
        time = F.silu(time)
        gain = self.gain(time)[:, None] + self.frame_gain(tokens)  # (B, L, W 70)
        gain = gain.unflatten(2, (len(SMOOTHING), -1)).to(x)  # (B, L, W, 70)
        a, b, c = self.modulate(time).view(len(time), 3, 1, SHAPES, -1).to(x).unbind(1)
        with torch.autocast(x.device.type, enabled=False):
            near = near / near.sum(-1, keepdim=True).clamp(min=1e-6)
            smooth = near @ x[:, None]  # (B, W, L, 70)
            found = torch.einsum("bwld,mwd->blmd", smooth, self.shapes.to(x))  # (B, L, M, 70)
            found = F.silu(found * (1 + a) + b)
            return (smooth.transpose(1, 2) * gain).sum(2) + (found * c).sum(2)


class SpeakerEncoder(nn.Module):
    r"""The speaker's frames as tokens: z = LN(W u) + std n, k numbers a frame; then FrameEncoder.

    Ours: the paper embeds all 115 numbers. They are a fingerprint of each training clip, by which
    a network learns its listener's motion by heart; k few and blurred ones have room for what a
    listener answers to and little else. k = 0 keeps all 115, as they are.

    Args:
        inputs: numbers a frame beside the speaker's 115 (the ablation's other features).
        config: MotionConfig; reads width, context, speaker_features and speaker_noise.
    """

    def __init__(self, inputs, config):
        super().__init__()
        k, frame = config.speaker_features, AUDIO_DIM + COEFFICIENT_DIM
        self.noise = config.speaker_noise if k else 0.0
        self.narrow = nn.Linear(frame, k) if k else None
        self.norm = nn.LayerNorm(k, elementwise_affine=False) if k else None
        self.frames = FrameEncoder((k or frame) + inputs, config.width, config.context)

    def forward(self, cond, mask, generator=None, beside=None):
        r"""Tokens of the speaker's frames.

        Args:
            cond: Condition of B clips, normalised.
            mask: (B, L) bool, True = a real frame; None = all are.
            generator: source of n, while training; None adds no noise.
            beside: (B, L, inputs) other numbers of each frame, or None.

        Returns:
            (B, L, C).
        """
        u = torch.cat([cond.audio, cond.speaker], -1)  # (B, L, 115)
        if self.narrow is not None:
            u = self.norm(self.narrow(u))  # (B, L, k)
            if generator is not None and self.noise:
                u = _blur(u, self.noise, generator)
        return self.frames(u if beside is None else torch.cat([u, beside], -1), mask)


class IdentityModulation(nn.Module):
    r"""LN(x) (1 + gamma) + beta, with gamma and beta from the identity.

    Paper: Sec. 3.2, "SPADE-like": on a sequence there is no spatial map to modulate by.
    Zero-initialised, so training starts from a plain LayerNorm.

    Args:
        width: C, features a token.
    """

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.gamma_beta = _zero(nn.Linear(width, 2 * width))

    def forward(self, x, modulation):
        r"""Normalise and modulate every token.

        Args:
            x: (B, N, C) tokens.
            modulation: (B, C) identity, with time and attitude where the config says so.

        Returns:
            (B, N, C).
        """
        gamma, beta = self.gamma_beta(modulation)[:, None].chunk(2, -1)  # (B, 1, C) each
        return torch.addcmul(beta, self.norm(x), 1 + gamma)


class FeedForward(nn.Sequential):
    r"""W_2 GELU(W_1 x).

    Paper: Sec. 3.2, the feed-forward module.

    Args:
        width: C, features a token.
        hidden: features between the two maps.
    """

    def __init__(self, width, hidden):
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class AggregationLayer(nn.Module):
    r"""Enhance, fuse, feed forward; each a residual behind an identity modulation.

    Paper: Sec. 3.2, one of the 4 layers.

    Args:
        width: C, features a token.
        heads: H.
        hidden: features inside the feed-forward.
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
        r"""One layer of the module.

        Args:
            x: (B K, I + L, C) identity and latent tokens.
            modulation: (B K, C) identity, with time and attitude where the config says so.
            driving: keys and values (B, H, P + L + 1, C/H) of the speaker and the attitude.
            time: (B, 1, C) time token.
            masks: own (B K, 1, I + L) and driving (B, 1, P + L + 2), bool or None.

        Returns:
            (B K, I + L, C).
        """
        own_mask, driving_mask = masks
        h = self.modulate_enhance(x, modulation)
        x = x + self.enhance(h, h, own_mask)
        h = self.modulate_fuse(x, modulation)
        h = h.reshape(len(time), -1, h.shape[-1])  # (B, K (I + L), C): K samples, one query
        pairs = zip(driving, self.fuse.keys_values(time))
        keys_values = tuple(torch.cat(pair, 2) for pair in pairs)  # (B, H, P + L + 2, C/H)
        x = x + self.fuse(h, keys_values, driving_mask).view_as(x)
        return x + self.feedforward(self.modulate_feedforward(x, modulation))


class FeatureAggregationModule(nn.Module):
    r"""eps_theta of the paper: identity and latents enhanced, then fused with what drives them.

    Paper: Sec. 3.2, Fig. 2. Ours: sinusoidal positions, shared by latent and speaker frames; the
    portrait's coefficients as a second identity token (config.reference); the time step and the
    attitude also in the modulation (config.time_in_modulation, config.attitude_in_modulation),
    since one key among 42 is a weak signal; the speaker's frame also added to the latent of the
    same frame (config.speaker_beside), since attention must learn first which frame that is; P
    frames of the speaker before the window (config.past), since what is answered in a window was
    often said before it; each coefficient's own smoothed frames added to the output
    (config.smoother).

    Args:
        config: MotionConfig.
    """

    def __init__(self, config):
        super().__init__()
        width = config.width
        self.config = config
        self.latent = FrameEncoder(COEFFICIENT_DIM, width, config.context)
        self.identity = nn.Linear(config.identity_dim, width)
        self.reference = nn.Linear(COEFFICIENT_DIM, width) if config.reference else None
        self.speaker = SpeakerEncoder(0, config)
        self.beside = nn.Linear(width, width) if config.speaker_beside else None
        self.attitude = nn.Linear(len(ATTITUDES), width)
        self.time = TimeEmbedding(width)
        self.layers = nn.ModuleList(
            AggregationLayer(width, config.heads, config.feedforward) for _ in range(config.layers)
        )
        self.modulate_out = IdentityModulation(width)
        self.out = _zero(nn.Linear(width, COEFFICIENT_DIM))  # eps = 0 and loss 1 at step 0
        self.smoother = FrameSmoother(width) if config.smoother else None

    def prepare(self, cond, generator=None):
        r"""Everything of a condition that does not change while sampling.

        Args:
            cond: Condition of B clips.
            generator: while training, source of the noise on the speaker's features; else None.

        Returns:
            Prepared: identity tokens, and every layer's keys and values of speaker and attitude.

        Raises:
            ValueError: a tensor of the condition has the wrong shape or is missing.
        """
        _check_condition(cond, self.config)
        cond = cond.to(self.out.weight.dtype)
        past, heard = self.config.past, _padding(cond.mask)
        speaker = self.speaker(cond, heard, generator)  # (B, P + L, C)
        frames = torch.arange(speaker.shape[1], device=speaker.device) - past
        positions = sinusoid(frames, self.config.width, speaker.dtype).expand_as(speaker)
        frames = positions if self.beside is None else positions + self.beside(speaker)
        frames = frames[:, past:]  # (B, L, C)
        speaker = speaker + positions
        attitude = self.attitude(cond.attitude)  # (B, C)
        driving = torch.cat([speaker, attitude[:, None]], 1)  # (B, P + L + 1, C)
        identity = [self.identity(_direction(cond.identity))]
        if self.reference is not None:
            identity.append(self.reference(cond.reference))
        keys_values = [layer.fuse.keys_values(driving) for layer in self.layers]
        identity = torch.stack(identity, 1)  # (B, I, C)
        mask = _of_window(heard, past)
        return Prepared(identity, attitude, keys_values, frames, mask, heard)

    def forward(self, x_t, t, cond):
        r"""eps_theta(x_t, t, input), the noise in x_t; or the velocity, where it is read as one.

        Paper: Sec. 3.2. Ours: config.prediction says which (mfr.predictors). Frames outside the
        mask influence no real frame; their own output means nothing.

        Args:
            x_t: (B K, L, 70) noisy coefficients, K samples of each of the condition's B clips.
            t: (B K,) int64 in 1..T [diffusion steps]; the samples of a clip share theirs.
            cond: Condition of B clips, or what prepare made of it.

        Returns:
            (B K, L, 70) noise or velocity, in x_t's dtype.

        Raises:
            ValueError: x_t or t do not fit the condition.
        """
        prepared = cond if isinstance(cond, Prepared) else self.prepare(cond)
        samples = _samples(x_t, t, *prepared.frames.shape[:2])
        mask = _each_sample(prepared.mask, samples)  # (B K, L)
        latent = self.latent(x_t.to(prepared.frames.dtype), mask)
        latent = latent + prepared.frames.repeat_interleave(samples, 0)  # (B K, L, C)
        identity = prepared.identity.repeat_interleave(samples, 0)  # (B K, I, C)
        time = self.time(t[::samples])  # (B, C)
        modulation = prepared.identity.sum(1)  # (B, C)
        if self.config.time_in_modulation:
            modulation = modulation + time
        if self.config.attitude_in_modulation:
            modulation = modulation + prepared.attitude
        modulation = F.silu(modulation).repeat_interleave(samples, 0)  # (B K, C)
        masks = _wider(mask, identity.shape[1], 0), _wider(prepared.heard, 0, 2)
        x = torch.cat([identity, latent], 1)  # (B K, I + L, C)
        for layer, driving in zip(self.layers, prepared.driving):
            x = layer(x, modulation, driving, time[:, None], masks)
        x = x[:, identity.shape[1] :]  # (B K, L, C)
        x = self.modulate_out(x, modulation)
        eps = self.out(x).to(x_t.dtype)
        if self.smoother is None:
            return eps
        smooth = self.smoother(x_t, time.repeat_interleave(samples, 0), x, mask)
        return eps + smooth.to(eps)


class ConcatenationLayer(nn.Module):
    r"""Self-attention over the frames, then feed forward, behind plain LayerNorms.

    Args:
        width: C, features a token.
        heads: H.
        hidden: features inside the feed-forward.
    """

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.norm_attend = nn.LayerNorm(width)
        self.attend = MultiHeadAttention(width, heads)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, hidden)

    def forward(self, x, mask):
        r"""One layer.

        Args:
            x: (B, L, C) tokens.
            mask: (B, 1, L) bool, True = a real frame; or None.

        Returns:
            (B, L, C).
        """
        h = self.norm_attend(x)
        x = x + self.attend(h, h, mask)
        return x + self.feedforward(self.norm_feedforward(x))


class ConcatenationModel(nn.Module):
    r"""The ablation without the module: every input concatenated in each frame, then attention.

    Paper: Table 4, "w/o FAM". Ours: the paper says no more than "concatenates all features
    directly"; the layers here are the module's own without modulation and fusion, the encoders
    of frames its own.

    Args:
        config: MotionConfig; what goes into the modulation is not read.
    """

    def __init__(self, config):
        super().__init__()
        width = config.width
        self.config = config
        self.latent = FrameEncoder(COEFFICIENT_DIM, width, config.context)
        # latent W + condition W' = [latent, condition] W'': the concatenation in two parts,
        # so that the second is worked out once while sampling
        inputs = config.identity_dim + len(ATTITUDES)
        inputs += COEFFICIENT_DIM if config.reference else 0
        self.condition = SpeakerEncoder(inputs, config)
        self.time = TimeEmbedding(width)
        self.layers = nn.ModuleList(
            ConcatenationLayer(width, config.heads, config.feedforward)
            for _ in range(config.layers)
        )
        self.norm_out = nn.LayerNorm(width)
        self.out = _zero(nn.Linear(width, COEFFICIENT_DIM))
        self.smoother = FrameSmoother(width) if config.smoother else None

    def prepare(self, cond, generator=None):
        r"""The condition's part of the concatenation.

        Args:
            cond: Condition of B clips.
            generator: while training, source of the noise on the speaker's features; else None.

        Returns:
            PreparedConcatenation.

        Raises:
            ValueError: a tensor of the condition has the wrong shape or is missing.
        """
        _check_condition(cond, self.config)
        cond = cond.to(self.out.weight.dtype)
        still = [_direction(cond.identity), cond.attitude]
        still += [cond.reference] if self.config.reference else []
        still = torch.cat(still, -1)[:, None].expand(-1, cond.audio.shape[1], -1)
        past, heard = self.config.past, _padding(cond.mask)
        features = self.condition(cond, heard, generator, still)[:, past:]  # (B, L, C)
        positions = torch.arange(features.shape[1], device=still.device)
        positions = sinusoid(positions, self.config.width, features.dtype)
        mask = _of_window(heard, past)
        return PreparedConcatenation(features + positions, mask)

    def forward(self, x_t, t, cond):
        r"""eps_theta(x_t, t, input), the noise in x_t.

        Args:
            x_t: (B K, L, 70) noisy coefficients, K samples of each of the condition's B clips.
            t: (B K,) int64 in 1..T [diffusion steps].
            cond: Condition of B clips, or what prepare made of it.

        Returns:
            (B K, L, 70) noise, in x_t's dtype.

        Raises:
            ValueError: x_t or t do not fit the condition.
        """
        prepared = cond if isinstance(cond, PreparedConcatenation) else self.prepare(cond)
        features, mask = prepared
        samples = _samples(x_t, t, *features.shape[:2])
        mask = _each_sample(mask, samples)
        x = self.latent(x_t.to(features.dtype), mask) + features.repeat_interleave(samples, 0)
        time = self.time(t)
        x = x + time[:, None]  # (B K, L, C)
        for layer in self.layers:
            x = layer(x, None if mask is None else mask[:, None])
        x = self.norm_out(x)
        eps = self.out(x).to(x_t.dtype)
        return eps if self.smoother is None else eps + self.smoother(x_t, time, x, mask).to(eps)


def build(config):
    r"""The noise predictor that a config asks for.

    Args:
        config: MotionConfig; reads aggregation.

    Returns:
        FeatureAggregationModule or ConcatenationModel.

    Raises:
        ValueError: the aggregation is unknown.
    """
    models = {"fam": FeatureAggregationModule, "concat": ConcatenationModel}
    if config.aggregation not in models:
        allowed = ", ".join(models)
        raise ValueError(f"aggregation {config.aggregation!r} is unknown; allowed: {allowed}")
    return models[config.aggregation](config)


def _zero(layer):
    """The layer with weights and bias set to zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _direction(identity):
    """(B, V) -> (B, V) of norm sqrt(V): unit variance, whatever scale the recogniser has."""
    return F.normalize(identity, dim=-1) * math.sqrt(identity.shape[-1])


def _blur(x, std, generator):
    """x + std n, n ~ N(0, I) drawn where the generator is."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device)
    return x + std * noise.to(x)


def _padding(mask):
    """The mask, or None where nothing is padded: attention is a tenth faster without."""
    # not asked on a GPU, where the answer would stop the queue of kernels
    full = mask is not None and mask.device.type == "cpu" and bool(mask.all())
    return None if full else mask


def _of_window(heard, past):
    """(B, P + L) -> (B, L), the window's own frames; None where nothing of it is padded."""
    return None if heard is None else _padding(heard[:, past:])


def _each_sample(mask, samples):
    """(B, L) -> (B K, L), or None."""
    return None if mask is None else mask.repeat_interleave(samples, 0)


def _wider(mask, before, after):
    """(B, L) of keys -> (B, 1, before + L + after), with tokens that are always there; or None."""
    return None if mask is None else F.pad(mask, (before, after), value=True)[:, None]


def _check_condition(cond, config):
    """Shapes of a condition against each other and against the config."""
    clips, frames = cond.audio.shape[:2]
    if frames <= config.past:
        raise ValueError(f"audio has {frames} frames; allowed: more than the past's {config.past}")
    allowed = {
        "audio": (clips, frames, AUDIO_DIM),
        "speaker": (clips, frames, COEFFICIENT_DIM),
        "identity": (clips, config.identity_dim),
        "attitude": (clips, len(ATTITUDES)),
    }
    if config.reference:
        allowed["reference"] = (clips, COEFFICIENT_DIM)
    if cond.mask is not None:
        allowed["mask"] = (clips, frames)
    for name, shape in allowed.items():
        value = getattr(cond, name)
        found = None if value is None else tuple(value.shape)
        if found != shape:
            raise ValueError(f"{name} has shape {found}; allowed: {shape}")


def _samples(x_t, t, clips, frames):
    """K, the samples of each clip that x_t holds, after checking that x_t and t fit."""
    samples = len(x_t) // clips
    if x_t.shape[1:] != (frames, COEFFICIENT_DIM) or samples * clips != len(x_t) or not samples:
        allowed = f"({clips} K, {frames}, {COEFFICIENT_DIM})"
        raise ValueError(f"x_t has shape {tuple(x_t.shape)}; allowed: {allowed}")
    if t.shape != x_t.shape[:1]:
        raise ValueError(f"t has shape {tuple(t.shape)}; allowed: ({len(x_t)},)")
    t = t.unflatten(0, (clips, samples))
    if samples > 1 and t.device.type == "cpu" and bool((t != t[:, :1]).any()):
        raise ValueError(f"t is {t.tolist()}; allowed: one t for the {samples} samples of a clip")
    return samples
