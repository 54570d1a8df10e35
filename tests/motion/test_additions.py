r"""What is added to the paper's module, part by part.

Oracles: closed forms of the parts, 5-sigma bands of the noise, reach and padding as properties.
"""

import math
from dataclasses import replace

import pytest
import torch
from modules import (
    CONCAT,
    EXACT,
    PAST,
    SMALL,
    B,
    L,
    P,
    V,
    condition,
    draw,
    random_model,
)
from torch.nn import functional as F

from mfr.motion import additions


def test_listener_is_blurred_by_the_given_noise_and_nothing_else_is(generator):
    clips, std = 500, 1.5
    cond = condition(clips, 1)
    cond = cond._replace(identity=17 * cond.identity)  # of which the direction counts
    blurred = additions.blur_listener(cond, std, generator)
    direction = F.normalize(cond.identity, dim=-1) * math.sqrt(V)
    for found, clean in ((blurred.identity, direction), (blurred.reference, cond.reference)):
        n = (found - clean) / std
        assert abs(n.mean()) < 5 * n.numel() ** -0.5  # 5 sigma of a mean
        assert abs((n**2).mean() - 1) < 5 * (2 / n.numel()) ** 0.5  # and of a mean of squares
    assert blurred.audio is cond.audio and blurred.speaker is cond.speaker
    assert blurred.attitude is cond.attitude
    assert additions.blur_listener(cond, 0, generator) is cond
    bare = cond._replace(reference=None)
    assert additions.blur_listener(bare, std, generator).reference is None
    with pytest.raises(ValueError, match="std is -1; allowed: >= 0"):
        additions.blur_listener(cond, -1, generator)


def test_smoother_keeps_what_is_still_and_sees_through_noise():
    smoother, still = additions.FrameSmoother(6).double(), torch.ones(1, 37, 70).double()
    known = draw(0, 1, 6), draw(2, 1, 37, 6)
    assert (smoother(still, *known) == 0).all()  # before training
    sums = []
    for k in range(len(additions.SMOOTHING)):
        smoother.gain.weight.data.zero_(), smoother.gain.bias.data.zero_()
        smoother.gain.bias.data[70 * k : 70 * (k + 1)] = 1
        torch.testing.assert_close(smoother(still, *known), still, **EXACT)
        sums.append(smoother(draw(1, 1, 37, 70), *known).var().item())
    assert sums == sorted(sums, reverse=True) and sums[0] > 0.9 and sums[-1] < 0.1
    mask = torch.arange(37)[None] < 11  # what is padded is not looked at
    other = still.masked_fill(~mask[..., None], 1e6)
    found = smoother(other, *known, mask)
    torch.testing.assert_close(found[mask], still[mask], **EXACT)


def test_smoother_stays_exact_where_the_network_is_bfloat16():
    smoother = additions.FrameSmoother(6)
    smoother.gain.bias.data[:70] = 1  # the frame itself
    x = draw(0, 1, 5, 70).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = smoother(x, draw(1, 1, 6).bfloat16(), draw(2, 1, 5, 6).bfloat16())
    torch.testing.assert_close(found, x, rtol=1e-6, atol=1e-7)


def test_speaker_is_a_few_normalised_features_blurred_only_while_training(generator):
    config = replace(SMALL, speaker_noise=1.5, context=0)
    encoder, cond = additions.SpeakerEncoder(0, config).double(), condition(50, 31)
    frames = encoder.frames.embed
    frames.weight.data, frames.bias.data = torch.eye(6, 4).double(), torch.zeros(6).double()
    joined = torch.cat([cond.audio, cond.speaker], -1)
    clean = F.layer_norm(F.linear(joined, encoder.narrow.weight, encoder.narrow.bias), (4,))
    torch.testing.assert_close(encoder(cond, None)[..., :4], clean, **EXACT)
    n = (encoder(cond, None, generator)[..., :4] - clean) / 1.5
    assert abs(n.mean()) < 5 * n.numel() ** -0.5  # 5 sigma of a mean
    assert abs((n**2).mean() - 1) < 5 * (2 / n.numel()) ** 0.5  # and of a mean of squares
    whole = additions.SpeakerEncoder(0, replace(config, speaker_features=0)).double()
    assert torch.equal(whole(cond, None, generator), whole.frames(joined))  # all 115, no noise


@pytest.mark.parametrize("training", [True, False])
def test_the_speaker_is_blurred_exactly_when_a_generator_is_given(training, generator):
    encoder = additions.SpeakerEncoder(0, replace(SMALL, speaker_noise=0.8)).double()
    encoder.train(training)
    cond = condition(50, 31)
    plain = encoder(cond)
    assert torch.equal(plain, encoder(cond))
    noisy = [encoder(cond, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(noisy[0], noisy[1]) and not torch.allclose(noisy[0], noisy[2])
    encoder.noise = 0.0
    assert torch.equal(encoder(cond, generator=generator), plain)
    assert not torch.allclose(noisy[0], plain)


def test_noise_on_the_speaker_reaches_both_models(generator):
    x_t, t, cond = draw(9, B, L, 70), torch.tensor([3, 41]), condition()
    for config in (SMALL, CONCAT):
        model = random_model(config)
        base = model(x_t, t, model.prepare(cond))
        assert torch.equal(base, model(x_t, t, cond))
        assert not torch.equal(base, model(x_t, t, model.prepare(cond, generator)))


def test_a_frame_sees_as_far_as_its_two_filters_reach():
    encoder, x = additions.FrameEncoder(3, 6, 5).double(), draw(0, 1, 17, 3)
    base, other = encoder(x), x.clone()
    other[0, 8, 0] += 1
    changed = (encoder(other) != base).any(-1)[0].nonzero()[:, 0]
    assert changed.tolist() == list(range(8 - 4, 8 + 5))  # 2 frames a filter, to both sides
    alone = additions.FrameEncoder(3, 6, 0).double()
    assert torch.equal(alone(x), alone.embed(x))


@pytest.mark.parametrize("without", [SMALL, CONCAT], ids=["fam", "concat"])
def test_a_past_that_is_not_there_changes_nothing(without):
    model, blind = random_model(replace(without, past=P)), random_model(without)
    x_t, t, cond = draw(9, B, L, 70), torch.tensor([3, 41]), condition(frames=P + L)
    mask = torch.arange(P + L).expand(B, -1) >= P
    alone = cond._replace(audio=cond.audio[:, P:], speaker=cond.speaker[:, P:])
    found, expected = model(x_t, t, cond._replace(mask=mask)), blind(x_t, t, alone)
    torch.testing.assert_close(found, expected, **EXACT)
    assert (model(x_t, t, cond) != expected).any(-1).any(-1).all()  # where it is there, it counts


def test_the_first_frame_of_the_past_reaches_every_frame_of_the_window():
    x_t, t, cond = draw(9, B, L, 70), torch.tensor([3, 41]), condition(frames=P + L)
    model, heard = random_model(PAST), cond.audio.clone()
    heard[:, 0] += 1
    changed = model(x_t, t, cond._replace(audio=heard)) != model(x_t, t, cond)
    assert changed.any(-1).all()
