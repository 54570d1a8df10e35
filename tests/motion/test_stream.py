r"""What a stream adds to windows: frames told again, a first frame, a new attitude, raw units.

Oracles: a stream that was told the truth at once; MotionModel.sample of one window.
"""

from dataclasses import replace

import pytest
import torch
from modules import SMALL, condition, random_model

from mfr.motion.condition import Condition
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.motion.model import MotionModel
from mfr.motion.stream import JOINING, LiveMotion, ResponseStream, joined


def stream(cond, **options):
    model = random_model(replace(SMALL, past=options.get("past", 0)))
    generator = torch.Generator().manual_seed(0)
    listener = (cond.identity, cond.attitude, generator, cond.reference)
    options = {"steps": 3, "stride": 4, "window": 12, **options}
    return ResponseStream(model, GaussianDiffusion(linear_beta_schedule(50)), *listener, **options)


def test_frames_told_again_are_the_truth_from_then_on():
    cond = condition(1, 16)
    audio, speaker = cond.audio[0], cond.speaker[0]
    live, other = stream(cond, past=5), stream(cond, past=5)
    first = live.push(audio[:8] + 1, speaker[:8])
    assert torch.equal(first, other.push(audio[:8] + 1, speaker[:8]))
    again = live.push(audio[5:12], speaker[5:12], again=3)
    assert torch.equal(live.audio[-7:], audio[5:12]) and torch.equal(live.audio[0], audio[0] + 1)
    assert len(again) == 4
    assert not torch.allclose(again, other.push(audio[8:12], speaker[8:12]))


def test_telling_again_too_much_is_refused():
    cond = condition(1, 8)
    live = stream(cond)
    live.push(cond.audio[0, :3], cond.speaker[0, :3])
    with pytest.raises(ValueError, match="again is 4 frames; allowed: 0 .. 3"):
        live.push(cond.audio[0], cond.speaker[0], again=4)
    with pytest.raises(ValueError, match="again is 3 frames; allowed: 0 .. 2"):
        live.push(cond.audio[0, :2], cond.speaker[0, :2], again=3)


def test_first_frame_is_held_once():
    cond = condition(1, 30)
    first = torch.linspace(-1, 1, 70, dtype=torch.float64)[None]
    live = stream(cond, first=first)
    out = live.push(cond.audio[0], cond.speaker[0])
    assert torch.equal(out[0], first[0])
    assert not torch.isclose(out[1:], first).all(1).any()
    assert live.before == 28 - 12  # frame 0 has left the window: it is held no more
    assert not torch.equal(stream(cond).push(cond.audio[0], cond.speaker[0])[0], first[0])


def test_attitude_holds_from_the_next_window_on():
    cond = condition(1, 16)
    live, other = stream(cond), stream(cond)
    first = live.push(cond.audio[0, :8], cond.speaker[0, :8])
    assert torch.equal(first, other.push(cond.audio[0, :8], cond.speaker[0, :8]))
    live.attitude = cond.attitude.roll(1, 1)
    second = (one.push(cond.audio[0, 8:], cond.speaker[0, 8:]) for one in (live, other))
    assert not torch.isclose(*second).all(1).any()


def test_rest_answers_without_ending():
    cond = condition(1, 10)
    live = stream(cond)
    assert len(live.push(cond.audio[0, :6], cond.speaker[0, :6])) == 4
    assert len(live.rest()) == 2 and len(live.rest()) == 0
    assert len(live.push(cond.audio[0, 6:], cond.speaker[0, 6:])) == 4
    with pytest.raises(ValueError, match="stream is empty"):
        stream(cond).rest()


@pytest.mark.parametrize("relative", [True, False])
def test_live_motion_of_one_window_is_the_models_sample(relative):
    config = replace(SMALL, relative=relative, from_portrait=relative, guidance=1.5, stride=1)
    model = MotionModel(config)
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(
                0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(i))
            )
        for i, statistics in enumerate(
            (model.listener, model.reference, model.speaker, model.audio)
        ):
            statistics.mean.fill_(0.1 * i)
            statistics.std.fill_(0.5 + i)
    cond = Condition(*(x.float() for x in condition(1, 9)[:5]))
    sampled = model.sample(cond, 1, torch.Generator().manual_seed(0), steps=4)[0]
    live = LiveMotion(model, cond, torch.Generator().manual_seed(0), steps=4)
    answered = live.answer(cond.audio[0], cond.speaker[0])
    torch.testing.assert_close(answered, sampled, rtol=1e-4, atol=1e-4)


def test_joined_begins_where_and_as_fast_as_what_was_given_out():
    # a window of an even motion, given out from elsewhere and faster
    frames = torch.arange(60.0, dtype=torch.float64)[:, None]
    window, given = 0.5 * frames, 7 + 0.9 * frames[:20]
    new = joined(given, window)
    assert new.shape == (40, 1)
    step = 1e-4  # the correction as a function of time, by differences at the seam
    tau = JOINING
    away, slope = (given[-1] - window[19]).item(), 0.9 - 0.5

    def moved(k):
        return (away + (slope + away / tau) * k) * 2.718281828459045 ** (-k / tau)

    assert abs((moved(step) - moved(-step)) / (2 * step) - slope) < 1e-6  # as fast
    expected = torch.tensor([moved(k) for k in range(1, 41)], dtype=torch.float64)[:, None]
    torch.testing.assert_close(new - window[20:], expected)
    assert (new - window[20:])[-1].abs() < 1e-3 * away  # forgotten
    assert torch.equal(joined(given[:0], window), window)
    one = joined(given[:1], window)
    torch.testing.assert_close(
        one[0] - window[1], (7 + 7 / tau) * torch.exp(torch.tensor([-1 / tau]).double())
    )


def test_a_window_is_drawn_from_the_noise_of_its_frames():
    cond = condition(1, 16)
    live, seen = stream(cond, past=5), []
    sample = live.diffusion.sample

    def record(*arguments, **options):
        seen.append(options["x_T"][0])
        return sample(*arguments, **options)

    live.diffusion.sample = record
    live.push(cond.audio[0], cond.speaker[0])
    assert [len(noise) for noise in seen] == [4, 8, 12, 12]
    assert torch.equal(seen[1][:4], seen[0]) and torch.equal(seen[2][:8], seen[1])
    assert torch.equal(seen[3][:8], seen[2][4:])
