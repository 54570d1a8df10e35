r"""Sec. 3.2 against slower and foreign implementations.

Oracles: the whole module again, frame by frame and head by head in numpy float64; torch's decoder
and encoder layers with copied weights; the binomial law of dropping; finite differences
(gradcheck); properties (padding, samples and clips do not touch each other, no input is dead).
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from modules import (
    CONCAT,
    CONFIGS,
    EXACT,
    PAPER,
    PAST,
    SMALL,
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
from torch.autograd import gradcheck
from torch.nn import functional as F

from mfr.config import preset
from mfr.motion import additions
from mfr.motion.concatenation import ConcatenationModel
from mfr.motion.condition import Condition
from mfr.motion.diffusion import build as build_diffusion
from mfr.motion.fam import FeatureAggregationModule, IdentityModulation
from mfr.motion.guidance import drop_attitude
from mfr.motion.model import noise_predictor
from mfr.motion.tokens import sinusoid


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


@pytest.fixture
def batch():
    return draw(9, B, L, 70), torch.tensor([3, 41]), condition()


# ---- the module again, slowly ----


class Slow:
    r"""The figure of the paper in numpy: one clip, lists of tokens, explicit loops."""

    def __init__(self, model):
        self.config = model.config
        self.weights = {name: x.detach().numpy() for name, x in model.named_parameters()}

    def linear(self, name, x):
        return self.weights[f"{name}.weight"] @ x + self.weights[f"{name}.bias"]

    def sinusoid(self, p):
        half = self.config.width // 2
        angles = [p / 10000 ** (i / half) for i in range(half)]
        return np.array([math.sin(a) for a in angles] + [math.cos(a) for a in angles])

    def silu(self, x):
        return x / (1 + np.exp(-x))

    def gelu(self, x):
        return np.array([a / 2 * (1 + math.erf(a / math.sqrt(2))) for a in x])

    def normal(self, x):
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5)

    def modulate(self, name, x, modulation):
        gamma, beta = np.split(self.linear(f"{name}.gamma_beta", modulation), 2)
        return self.normal(x) * (1 + gamma) + beta

    def attend(self, name, query, tokens):
        size = self.config.width // self.config.heads
        q = self.linear(f"{name}.W_q", query)
        keys = [self.linear(f"{name}.W_k", token) for token in tokens]
        values = [self.linear(f"{name}.W_v", token) for token in tokens]
        heads = []
        for h in range(self.config.heads):
            own = slice(h * size, (h + 1) * size)
            weights = [math.exp(q[own] @ k[own] / math.sqrt(size)) for k in keys]
            heads.append(sum(w * v[own] for w, v in zip(weights, values)) / sum(weights))
        return self.linear(f"{name}.W_o", np.concatenate(heads))

    def encode(self, who, rows):
        if f"{who}.weight" in self.weights:
            return [self.linear(who, row) for row in rows]
        frames = [self.linear(f"{who}.embed", row) for row in rows]
        for i in range(2 if self.config.context else 0):
            name, span = f"{who}.filters.{i}", self.config.context
            smooth = [self.weights[f"{name}.bias"].copy() for _ in frames]
            for l in range(len(frames)):
                for j in range(span):
                    if 0 <= l + j - span // 2 < len(frames):
                        tap = self.weights[f"{name}.weight"][:, 0, j, 0]
                        smooth[l] += tap * frames[l + j - span // 2]
            frames = [
                x + self.linear(f"{who}.mix.{i}", self.silu(y)) for x, y in zip(frames, smooth)
            ]
        return frames

    def eps(self, x_t, t, audio, speaker, identity, attitude, reference):
        direction = identity / np.linalg.norm(identity) * math.sqrt(len(identity))
        if self.config.reference:
            still = [self.linear("identity.vector", direction)]
            still.append(self.linear("identity.portrait", reference))
        else:
            still = [self.linear("identity", direction)]
        time = self.linear("time.net.2", self.silu(self.linear("time.net.0", self.sinusoid(t))))
        attitude = self.linear("attitude", attitude)
        modulation = sum(still) + (time if self.config.time_in_modulation else 0)
        modulation = modulation + (attitude if self.config.attitude_in_modulation else 0)
        modulation = self.silu(modulation)
        speaker = np.concatenate([audio, speaker], 1)
        if self.config.speaker_features:
            speaker = [self.normal(self.linear("speaker.narrow", row)) for row in speaker]
        plain = "speaker.weight" in self.weights
        speaker = self.encode("speaker" if plain else "speaker.frames", speaker)
        past = len(speaker) - len(x_t)
        driving = [row + self.sinusoid(i - past) for i, row in enumerate(speaker)]
        driving += [attitude, time]
        latent = [x + self.sinusoid(i) for i, x in enumerate(self.encode("latent", x_t))]
        if self.config.speaker_beside:
            latent = [x + self.linear("beside", row) for x, row in zip(latent, speaker[past:])]
        tokens = still + latent
        for layer in (f"layers.{i}" for i in range(self.config.layers)):
            h = [self.modulate(f"{layer}.modulate_enhance", x, modulation) for x in tokens]
            tokens = [x + self.attend(f"{layer}.enhance", q, h) for x, q in zip(tokens, h)]
            h = [self.modulate(f"{layer}.modulate_fuse", x, modulation) for x in tokens]
            tokens = [x + self.attend(f"{layer}.fuse", q, driving) for x, q in zip(tokens, h)]
            h = [self.modulate(f"{layer}.modulate_feedforward", x, modulation) for x in tokens]
            h = [self.gelu(self.linear(f"{layer}.feedforward.0", x)) for x in h]
            tokens = [x + self.linear(f"{layer}.feedforward.2", y) for x, y in zip(tokens, h)]
        latent = tokens[len(still) :]
        latent = [self.modulate("modulate_out", x, modulation) for x in latent]
        out = [self.linear("out", x) for x in latent]
        if self.config.smoother:
            out = [x + y for x, y in zip(out, self.smooth(x_t, time, latent))]
        return out

    def smooth(self, rows, time, tokens):
        a, b, c = self.linear("added.modulate", self.silu(time)).reshape(3, 4, 70)
        smooth = []
        for i in range(len(rows)):
            gain = self.linear("added.gain", self.silu(time))
            gain = gain + self.linear("added.frame_gain", tokens[i])
            total, shapes = np.zeros(70), np.zeros((4, 70))
            for k, width in enumerate((0.1, 1.0, 2.0, 4.0, 8.0, 16.0)):
                weights = [math.exp(-((i - j) ** 2) / (2 * width**2)) for j in range(len(rows))]
                mean = sum(w * row for w, row in zip(weights, rows)) / sum(weights)
                total += gain[70 * k : 70 * (k + 1)] * mean
                shapes += self.weights["added.shapes"][:, k] * mean
            found = self.silu(shapes * (1 + a) + b)
            smooth.append(total + (c * found).sum(0))
        return smooth


@pytest.mark.parametrize("config", [SMALL, PAPER, PAST], ids=["default", "paper", "past"])
def test_module_matches_frame_by_frame_loops(config):
    model = random_model(config)
    x_t, t, cond = draw(9, B, L, 70), torch.tensor([3, 41]), condition(frames=config.past + L)
    found = model(x_t, t, cond).detach()
    for b in range(B):
        arrays = [x[b].numpy() for x in cond[:-1]]
        expected = Slow(model).eps(x_t[b].numpy(), t[b].item(), *arrays)
        torch.testing.assert_close(found[b], torch.tensor(np.array(expected)), **EXACT)


def test_unmodulated_layer_is_torchs_decoder_layer():
    layer = random_model(SMALL).layers[0]
    for name in ("modulate_enhance", "modulate_fuse", "modulate_feedforward"):
        nn.init.zeros_(getattr(layer, name).gamma_beta.weight)
        nn.init.zeros_(getattr(layer, name).gamma_beta.bias)
    peer = nn.TransformerDecoderLayer(
        6, 3, 11, dropout=0, activation="gelu", batch_first=True, norm_first=True
    ).double()
    copy_attention(layer.enhance, peer.self_attn)
    copy_attention(layer.fuse, peer.multihead_attn)
    copy_feedforward(layer.feedforward, peer)
    tokens, driving, time = draw(0, B, 7, 6), draw(1, B, 5, 6), draw(2, B, 1, 6)
    found = layer(tokens, draw(3, B, 6), layer.fuse.keys_values(driving), time, (None, None))
    expected = peer(tokens, torch.cat([driving, time], 1))
    torch.testing.assert_close(found, expected, **EXACT)


# ---- the parts ----


def random_modulation(width):
    r"""An IdentityModulation and its linear map, which makes gamma and then beta."""
    modulate = IdentityModulation(width).double()
    gamma_beta = next(m for m in modulate.modules() if isinstance(m, nn.Linear))
    for n, parameter in enumerate(gamma_beta.parameters()):
        parameter.data = draw(20 + n, *parameter.shape)
    return modulate, gamma_beta


@pytest.mark.equation("IdentityModulation")
def test_modulation_scales_by_one_plus_gamma_and_shifts_by_beta():
    modulate, gamma_beta = random_modulation(6)
    x, who = draw(0, B, L, 6), draw(1, B, 6)
    found, numbers = modulate(x, who), gamma_beta(who)  # (B, L, 6), (B, 12)
    for b in range(B):
        for n in range(L):
            spread = (x[b, n].var(correction=0) + 1e-5).sqrt()
            normal = (x[b, n] - x[b, n].mean()) / spread
            expected = normal * (1 + numbers[b, :6]) + numbers[b, 6:]
            torch.testing.assert_close(found[b, n], expected, **EXACT)


@pytest.mark.equation("IdentityModulation")
def test_modulation_is_plain_layer_norm_before_training():
    modulate, x = IdentityModulation(6).double(), draw(0, B, L, 6)
    expected = F.layer_norm(x, (6,))
    torch.testing.assert_close(modulate(x, draw(1, B, 6)), expected, **EXACT)


@pytest.mark.equation("IdentityModulation")
def test_modulation_gradients():
    modulate, _ = random_modulation(6)
    inputs = [draw(0, 2, 3, 6).requires_grad_(), draw(1, 2, 6).requires_grad_()]
    assert gradcheck(modulate, inputs)


# ---- what the whole must do ----


def test_untrained_model_predicts_zero_so_the_loss_is_one(config, generator):
    model, clips = noise_predictor(config), 200
    cond = condition(clips).to(torch.float32)
    x_0 = draw(0, clips, L, 70).float()
    loss = build_diffusion(config).noise_loss(model, x_0, cond, generator).item()
    assert (model(x_0, torch.full((clips,), 3), cond) == 0).all()
    assert abs(loss - 1) < 5 * math.sqrt(2 / (clips * L * 70))  # 5 sigma of a mean of squares


def test_no_input_is_dead(config, batch):
    model = random_model(config)
    x_t, t, cond = batch
    base = model(x_t, t, cond)
    for name in ("audio", "speaker", "identity", "attitude", "reference"):
        value = getattr(cond, name).clone()
        value[0, ..., 0] += 1  # one number of the first clip, in every frame
        changed = model(x_t, t, cond._replace(**{name: value}))
        if name == "reference" and not config.reference:
            assert torch.equal(changed, base)
            continue
        assert (changed[0] != base[0]).any(-1).all(), name  # every frame responds
        assert torch.equal(changed[1], base[1]), name
    assert (model(x_t, t + 1, cond) != base).any(-1).all()
    x_t = x_t.clone()
    x_t[0, 2, 0] += 1
    assert (model(x_t, t, cond)[0] != base[0]).any(-1).all()


def test_every_weight_receives_a_gradient(config, batch):
    model = random_model(config)
    (model(*batch) ** 2).sum().backward()
    still = [name for name, p in model.named_parameters() if not (p.grad != 0).any()]
    # a shift of all keys changes no softmax, so W_k's bias never learns
    assert all(name.endswith("W_k.bias") for name in still)
    model.zero_grad()


def test_speaker_and_latent_frames_share_their_positions(batch):
    # with maps of zero, a frame's token is its position and nothing else
    model, driving, tokens = random_model(PAPER), [], []
    x_t, t, cond = batch
    for linear in (model.latent, model.speaker):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    model.layers[0].fuse.W_k.register_forward_hook(lambda _, args, out: driving.append(args[0]))
    model.layers[0].register_forward_hook(lambda _, args, out: tokens.append(args[0]))
    model(x_t, t, cond)
    speaker, latent = driving[0][:, :L], tokens[0][:, 1:]  # without attitude, identity
    expected = sinusoid(torch.arange(L), 6, torch.float64).expand(B, -1, -1)
    assert torch.equal(speaker, expected) and torch.equal(latent, expected)


@pytest.mark.parametrize("name", ["time", "attitude"])
def test_time_and_attitude_modulate_only_where_asked(name, batch):
    x_t, t, cond = batch
    other = {
        "time": (x_t, t + 1, cond),
        "attitude": (x_t, t, cond._replace(attitude=cond.attitude + 1)),
    }[name]
    beside = {"time": "attitude", "attitude": "time"}[name]
    flags = {"time_in_modulation": False, "attitude_in_modulation": False, "smoother": False}
    for config, dead in (
        (PAPER, True),
        (SMALL, False),
        (replace(SMALL, **flags), True),
        (replace(SMALL, **{**flags, f"{beside}_in_modulation": True}), True),
        (replace(SMALL, **{**flags, f"{name}_in_modulation": True}), False),
    ):
        model = random_model(config)
        for layer in model.layers:  # no values: the fusion says the same to everyone
            nn.init.zeros_(layer.fuse.W_v.weight)
            nn.init.zeros_(layer.fuse.W_v.bias)
        assert torch.equal(model(*batch), model(*other)) == dead


def test_without_additions_the_module_is_the_papers():
    config = preset("motion", "paper")
    literal = noise_predictor(config)
    assert type(literal) is FeatureAggregationModule
    foreign = [m for m in literal.modules() if type(m).__module__ == additions.__name__]
    assert not foreign and literal.beside is None and literal.added is None
    shapes = {name: x.shape for name, x in literal.state_dict().items()}
    plain = FeatureAggregationModule(config)
    assert shapes == {name: x.shape for name, x in plain.state_dict().items()}
    assert config.listener_noise == config.speaker_noise == config.past == 0
    assert not config.relative and not config.from_portrait and config.prediction == "noise"
    assert len(literal.layers) == 4 and literal.layers[0].fuse.heads == 8


def test_only_the_direction_of_the_identity_is_used(config, batch):
    model = random_model(config)
    x_t, t, cond = batch
    scaled = cond._replace(identity=17 * cond.identity)
    torch.testing.assert_close(model(x_t, t, scaled), model(x_t, t, cond), **EXACT)
    none = model(x_t, t, cond._replace(identity=0 * cond.identity))
    assert none.isfinite().all()


def test_padding_changes_nothing(config):
    model, x_t, cond = random_model(config), draw(9, B, L, 70), condition()
    t = torch.tensor([3, 41])
    mask = torch.arange(L + 3).expand(B, -1) < L
    padded = Condition(
        audio=F.pad(cond.audio, (0, 0, 0, 3), value=1e3),
        speaker=F.pad(cond.speaker, (0, 0, 0, 3), value=-1e3),
        identity=cond.identity,
        attitude=cond.attitude,
        reference=cond.reference,
        mask=mask,
    )
    found = model(F.pad(x_t, (0, 0, 0, 3), value=1e3), t, padded)
    torch.testing.assert_close(found[:, :L], model(x_t, t, cond), **EXACT)
    assert found.isfinite().all()


def test_clips_of_different_length_share_a_batch(config):
    model, x_t = random_model(config), draw(9, B, L, 70)
    cond = condition(mask=torch.tensor([[True] * L, [True] * 2 + [False] * 3]))
    t = torch.full((B,), 7)
    short = Condition(*(x[1:, :2] if x.dim() == 3 else x[1:] for x in condition()[:-1]))
    alone = model(x_t[1:, :2], t[:1], short)
    torch.testing.assert_close(model(x_t, t, cond)[1:, :2], alone, **EXACT)


def test_full_mask_is_no_mask(config, batch):
    model = random_model(config)
    x_t, t, cond = batch
    full = model.prepare(cond._replace(mask=torch.ones(B, L, dtype=torch.bool)))
    assert full.mask is None and torch.equal(model(x_t, t, full), model(x_t, t, cond))


@pytest.mark.parametrize("masked", [False, True])
def test_samples_of_a_clip_are_independent(config, masked):
    samples, model = 3, random_model(config)
    mask = torch.tensor([[True] * L, [True] * 2 + [False] * 3]) if masked else None
    cond, x_t = condition(mask=mask), draw(9, B * samples, L, 70)
    t = torch.tensor([3, 41]).repeat_interleave(samples)
    together = model(x_t, t, cond)
    for k in range(samples):
        alone = model(x_t[k::samples], t[k::samples], cond)  # row b K + k
        torch.testing.assert_close(together[k::samples], alone, **EXACT)


def test_prepared_condition_gives_the_same_and_is_not_read_again(config, batch):
    model = random_model(config)
    x_t, t, cond = batch
    prepared = model.prepare(cond)
    names = ("speaker", "attitude", "identity") if config.aggregation == "fam" else ("condition",)
    calls = []
    for name in names:
        getattr(model, name).register_forward_hook(lambda *_: calls.append(1))
    assert torch.equal(model(x_t, t, prepared), model(x_t, t, prepared)) and not calls
    assert torch.equal(model(x_t, t, prepared), model(x_t, t, cond)) and calls


def test_speaker_keys_and_values_are_computed_once_while_sampling(generator):
    model, tokens = noise_predictor(PAPER), []
    for layer in model.layers:
        layer.fuse.W_k.register_forward_hook(lambda _, args, out: tokens.append(out.shape[:2]))
    cond = condition(1).to(torch.float32)
    prepared = model.prepare(cond)
    build_diffusion(PAPER).sample(model, (4, L, 70), prepared, generator, steps=3)
    # per layer: all L speaker frames and the attitude once, then one time token a step
    assert tokens == [(1, L + 1)] * 2 + [(1, 1)] * 2 * 3


def test_bfloat16_weights_stay_close_and_return_the_input_dtype(config):
    config = replace(config, width=32, heads=4, feedforward=64)
    model = noise_predictor(config)
    nn.init.normal_(model.out.weight, std=0.2, generator=torch.Generator().manual_seed(0))
    x_t, t, cond = draw(9, B, L, 70).float(), torch.tensor([3, 41]), condition().to(torch.float32)
    expected = model(x_t, t, cond)
    found = model.to(torch.bfloat16)(x_t, t, cond)
    assert found.dtype == torch.float32
    # bfloat16 keeps 8 bits: 2^-8 a rounding, some ten roundings deep
    assert (found - expected).norm() / expected.norm() < 10 * 2**-8


def test_gradients_of_the_whole(config):
    model, cond = random_model(config), condition(1, 2)
    x_t = draw(9, 1, 2, 70).requires_grad_()
    speaker = cond.speaker.clone().requires_grad_()
    t = torch.tensor([5])

    def eps(x_t, speaker):
        return model(x_t, t, cond._replace(speaker=speaker))

    assert gradcheck(eps, [x_t, speaker], fast_mode=True)


def test_build_picks_by_aggregation():
    assert isinstance(noise_predictor(SMALL), FeatureAggregationModule)
    assert isinstance(noise_predictor(CONCAT), ConcatenationModel)


# ---- errors ----


def broken(**changes):
    return lambda: noise_predictor(SMALL).double().prepare(condition()._replace(**changes))


def called(x_t, t, config=SMALL):
    return lambda: noise_predictor(config).double()(x_t, t, condition())


TWO = torch.tensor([1, 2])
ERRORS = [
    (broken(audio=draw(0, B, L, 44)), r"audio has shape \(2, 5, 44\); allowed: \(2, 5, 45\)"),
    (broken(speaker=draw(0, B, L + 1, 70)), r"speaker has shape \(2, 6, 70\)"),
    (broken(identity=draw(0, B, V + 1)), r"identity has shape \(2, 8\); allowed: \(2, 7\)"),
    (broken(attitude=draw(0, 1, 3)), r"attitude has shape \(1, 3\); allowed: \(2, 3\)"),
    (broken(reference=None), r"reference has shape None; allowed: \(2, 70\)"),
    (
        lambda: noise_predictor(replace(SMALL, past=L)).double().prepare(condition()),
        "audio has 5 frames; allowed: more than the past's 5",
    ),
    (broken(mask=torch.ones(B, 4).bool()), r"mask has shape \(2, 4\); allowed: \(2, 5\)"),
    (called(draw(0, 3, L, 70), TWO), r"x_t has shape \(3, 5, 70\); allowed: \(2 K, 5, 70\)"),
    (called(draw(0, B, L + 1, 70), TWO), r"x_t has shape \(2, 6, 70\)"),
    (called(draw(0, 1, L, 70), TWO[:1], CONCAT), r"x_t has shape \(1, 5, 70\)"),
    (called(draw(0, B, L, 70), torch.tensor([1])), r"t has shape \(1,\); allowed: \(2,\)"),
    (called(draw(0, 4, L, 70), torch.tensor([1, 2, 3, 3])), r"t is \[\[1, 2\], \[3, 3\]\]"),
    (lambda: sinusoid(torch.arange(2), 5, torch.float32), "width is 5; allowed: even"),
    (lambda: drop_attitude(condition(), 1.5, None), "share is 1.5; allowed: 0 .. 1"),
    (lambda: noise_predictor(replace(SMALL, aggregation="sum")), "aggregation 'sum' is unknown"),
]


@pytest.mark.parametrize("call, message", ERRORS)
def test_errors_name_the_argument_the_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()
