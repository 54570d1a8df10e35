r"""Oracles: numpy's mean and std, the diffusion's own loss on data standardised by hand, and what a
predictor that knows the clean motion must lead to."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mfr.config import MotionConfig, preset
from mfr.motion.condition import Condition
from mfr.motion.model import MotionModel, eventful, one_hot, scale_motion
from mfr.motion.samplers import spaced_steps

SMALL = MotionConfig(
    width=16,
    layers=1,
    heads=2,
    feedforward=13,
    identity_dim=3,
    T=50,
    attitude_dropout=0.0,
    listener_noise=0.7,
    past=0,
    speaker_features=5,
    speaker_noise=0.9,
    largest_weight=20.0,
)


class Clips:
    r"""What fit reads of MotionData."""

    def __init__(self, generator):
        def rows(width):
            return [7 + 3 * torch.randn(n, width, generator=generator) for n in (5, 11, 2)]

        self.listener, self.speaker, self.audio = rows(70), rows(70), rows(45)


def condition(generator, clips=2, frames=7):
    return Condition(
        torch.randn(clips, frames, 45, generator=generator),
        torch.randn(clips, frames, 70, generator=generator),
        torch.randn(clips, 3, generator=generator),
        one_hot(["positive", "negative"][:clips]),
        5 + torch.randn(clips, 70, generator=generator),
    )


def fitted(settings, generator):
    torch.manual_seed(0)
    model = MotionModel(settings)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    model.fit(Clips(generator))
    return model


@pytest.mark.parametrize("relative", [True, False])
def test_statistics_are_those_of_what_is_diffused(relative, generator):
    clips = Clips(generator)
    model = MotionModel(replace(SMALL, relative=relative))
    model.fit(clips)
    rows = [x.double().numpy() - relative * x[0].double().numpy() for x in clips.listener]
    for found, want in (
        (model.listener, np.concatenate(rows)),
        (model.reference, torch.cat(clips.listener).double().numpy()),
        (model.speaker, torch.cat(clips.speaker).double().numpy()),
        (model.audio, torch.cat(clips.audio).double().numpy()),
    ):
        np.testing.assert_allclose(found.mean, want.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.std, want.std(0), rtol=1e-5)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_loss_is_eq_3_of_the_standardised_motion(relative, training, prediction, generator):
    settings = replace(SMALL, relative=relative, prediction=prediction)
    model = fitted(settings, generator).train(training)
    cond, motion = condition(generator), 5 + torch.randn(2, 7, 70, generator=generator)
    seed = 3 if training else 8  # such that one t is early and one late
    found = model.loss(motion, cond, torch.Generator().manual_seed(seed))
    origin = cond.reference[:, None] if relative else 0
    x_0 = (motion - origin - model.listener.mean) / model.listener.std
    by_hand = Condition(
        (cond.audio - model.audio.mean) / model.audio.std,
        (cond.speaker - model.speaker.mean) / model.speaker.std,
        cond.identity,
        cond.attitude,
        (cond.reference - model.reference.mean) / model.reference.std,
    )
    noise = torch.Generator().manual_seed(seed)
    if training:  # the listener is blurred
        torch.rand(2, 1, generator=noise)  # which attitudes are dropped
        direction = F.normalize(cond.identity, dim=-1) * cond.identity.shape[1] ** 0.5
        by_hand = by_hand._replace(
            identity=direction + 0.7 * torch.randn(direction.shape, generator=noise),
            reference=by_hand.reference + 0.7 * torch.randn(2, 70, generator=noise),
        )
    by_hand = model.network.prepare(by_hand, noise if training else None)  # the speaker is too
    t = torch.randint(1, 51, (2,), generator=noise)
    assert t.max() > 30 > t.min()  # weights on both sides of the largest
    eps = torch.randn(x_0.shape, generator=noise)
    signal = model.diffusion.alphas_cumprod[t].sqrt().float()[:, None, None]
    still = model.diffusion.noise_variance[t].sqrt().float()[:, None, None]
    truth = eps if prediction == "noise" else signal * eps - still * x_0
    want = (truth - model.network(signal * x_0 + still * eps, t, by_hand)) ** 2
    if prediction == "velocity":
        weights = (1 / model.diffusion.alphas_cumprod[1:]).clamp(max=20)
        weights = weights / (weights * model.diffusion.alphas_cumprod[1:]).mean()
        want = want * signal**2 * weights[t - 1].float()[:, None, None]
    want = want.mean()
    torch.testing.assert_close(found, want, rtol=1e-4, atol=0)


def test_attitudes_are_dropped_while_training_alone(generator):
    cond, motion = condition(generator), torch.randn(2, 7, 70, generator=generator)
    losses = {}
    for share in (0.0, 0.999):
        model = fitted(replace(SMALL, attitude_dropout=share), torch.Generator().manual_seed(0))
        for training in (True, False):
            given = torch.Generator().manual_seed(3)
            losses[share, training] = model.train(training).loss(motion, cond, given).item()
    assert losses[0.0, False] == losses[0.999, False]
    assert losses[0.0, True] != losses[0.999, True]


@pytest.mark.parametrize("relative", [True, False])
def test_samples_are_counted_from_the_portrait(relative, generator):
    model = fitted(replace(SMALL, relative=relative, prediction="noise"), generator)
    truth = torch.randn(1, 7, 70, generator=generator)  # standardised

    class Knows(torch.nn.Module):
        def prepare(self, cond):
            return None

        def forward(self, x_t, t, cond):
            a = model.diffusion.alphas_cumprod[t][:, None, None]
            whole = torch.nn.functional.pad(truth, (0, 0, 0, 33))  # the clip's one window
            return ((x_t - a.sqrt() * whole) / (1 - a).sqrt()).float()

    model.network, cond = Knows(), condition(generator, clips=1)
    found = model.sample(cond, 3, torch.Generator().manual_seed(0), steps=5)
    origin = cond.reference[:, None] if relative else 0
    want = truth * model.listener.std + model.listener.mean + origin
    want = want.expand(3, -1, -1).clone()
    assert not torch.allclose(want[:, 0], cond.reference)
    want[:, 0] = cond.reference  # the response begins as the portrait shows
    torch.testing.assert_close(found, want, rtol=1e-4, atol=1e-3)
    model.config = replace(model.config, from_portrait=False)
    free = model.sample(cond, 3, torch.Generator().manual_seed(0), steps=5)
    torch.testing.assert_close(free[:, 1:], found[:, 1:], rtol=1e-4, atol=1e-3)
    assert not torch.allclose(free[:, 0], cond.reference)


def test_a_clip_that_is_not_held_whole_gets_the_same_response(generator):
    model = fitted(replace(SMALL, past=7, smoother=False, sample_steps=4), generator).double()
    cond = condition(generator, clips=1, frames=173).to(torch.float64)
    found = [
        model.sample(cond, 2, torch.Generator().manual_seed(3), at_once=sizes)
        for sizes in ((99, 99), (2, 3))  # windows held whole, windows at a time
    ]
    torch.testing.assert_close(found[1].double(), found[0].double(), rtol=1e-4, atol=1e-4)
    assert torch.allclose(found[1][:, 0].double(), cond.reference)


def test_the_config_says_how_many_steps_how_much_noise_and_guidance(generator, monkeypatch):
    model = fitted(replace(SMALL, sample_steps=3, sample_eta=0.3, guidance=2.0), generator)
    seen = {}

    def sample(denoiser, shape, cond, generator, steps, eta, progress, known, held, order):
        guidance = getattr(denoiser.eps_model, "guidance", None)
        seen.update(steps=steps, eta=eta, guidance=guidance, order=order)
        return torch.zeros(shape)

    monkeypatch.setattr(model.diffusion, "sample", sample)
    model.sample(condition(generator, 1), 1, generator)
    assert torch.equal(torch.as_tensor(seen["steps"]), torch.as_tensor(spaced_steps(50, 3, 2.0)))
    assert seen["eta"] == 0.3 and seen["order"] == 1  # fresh noise: DDIM
    assert seen["guidance"] == 2.0
    model.sample(condition(generator, 1), 1, generator, eta=0.0)
    assert seen["order"] == 2
    model.config = replace(model.config, sample_order=1)
    model.sample(condition(generator, 1), 1, generator, eta=0.0)
    assert seen["order"] == 1
    model.sample(condition(generator, 1), 1, generator, steps=0, guidance=1, eta=0.7)
    assert seen["steps"] is None and seen["guidance"] is None and seen["eta"] == 0.7
    assert seen["order"] == 1


def test_order_of_the_walk_is_1_or_2():
    with pytest.raises(ValueError, match="sample_order is 3; allowed: 1, 2"):
        preset("motion", sample_order=3)


def test_motion_cannot_be_relative_to_nothing():
    with pytest.raises(ValueError, match="relative .* allowed: with reference"):
        preset("motion", reference=False)
    with pytest.raises(ValueError, match="from_portrait .* allowed: with reference"):
        preset("motion", reference=False, relative=False)


def test_scales_move_head_and_face_from_the_portrait_each_by_its_own(generator):
    motion, reference = torch.randn(2, 7, 70, generator=generator), torch.arange(70.0)
    moved = scale_motion(motion, reference, head=0.5, expression=2.0)
    for column in (0, 2, 67, 69):
        expected = reference[column] + (motion[..., column] - reference[column]) / 2
        torch.testing.assert_close(moved[..., column], expected)
    for column in (3, 66):
        expected = reference[column] + 2 * (motion[..., column] - reference[column])
        torch.testing.assert_close(moved[..., column], expected)
    torch.testing.assert_close(scale_motion(motion, reference), motion)
    still = scale_motion(motion, reference, 0, 0)
    assert torch.equal(still, reference.expand_as(motion))
    with pytest.raises(ValueError, match="head scale is -1; allowed: >= 0"):
        scale_motion(motion, reference, -1)


def test_eventful_moments_are_those_in_which_something_happens():
    motion = torch.zeros(53, 70)
    motion[11:14, 8] = 1.0  # a blink
    motion[30:33, 0] = 0.2  # a nod
    motion[40:44, 4] = 0.5  # a smile
    moments = eventful(motion, 4).tolist()
    assert moments[0] == 0 and 11 <= moments[1] < 14 and 30 <= moments[2] < 33
    assert 40 <= moments[3] < 44
    assert eventful(motion[:3], 8).tolist() == [0, 1, 2]
    long = motion.repeat_interleave(400, 0)  # of which every fifth frame is looked at
    assert [moment // 400 for moment in eventful(long, 4).tolist()] == moments
