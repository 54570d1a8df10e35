r"""What stands between network and diffusion.

Oracles: the definition of the velocity; the exact predictor of Gaussian data, in both forms; Eq. 3
summed over t by hand; a predictor whose answer to an attitude is known.
"""

import math

import pytest
import torch
from modules import condition

from mfr.motion.condition import Condition
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.motion.guidance import Guided, VelocityPredictor, drop_attitude

EXACT = {"rtol": 1e-9, "atol": 1e-12}
SHAPE = (2, 3, 5)  # B, L, D


def draw(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Answers:
    r"""A network that says what it is told to, and what it was asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def prepare(self, cond):
        return ("prepared", cond)

    def __call__(self, x_t, t, cond):
        self.asked.append((x_t, t, cond))
        return self.answer(x_t, t) if callable(self.answer) else self.answer


# ---- velocity ----


@pytest.mark.parametrize("t", [1, 7, 53])
def test_velocity_of_x_0_and_noise_is_the_noise_again(t):
    tables = GaussianDiffusion(linear_beta_schedule(53))
    x_0, noise, at = draw(0), draw(1), torch.tensor([t, 54 - t])
    bar_alpha = tables.alphas_cumprod[at].view(-1, 1, 1)
    velocity = bar_alpha.sqrt() * noise - (1 - bar_alpha).sqrt() * x_0
    network = Answers(velocity)
    model = VelocityPredictor(network, tables)
    x_t = tables.q_sample(x_0, at, noise)
    torch.testing.assert_close(model(x_t, at, "cond"), noise, **EXACT)
    assert network.asked == [(x_t, at, "cond")]
    assert model.prepare("cond") == ("prepared", "cond")
    assert model(x_t.float(), at, None).dtype == torch.float64  # of the network's answer
    network.answer = velocity.float()
    assert model(x_t.float(), at, None).dtype == torch.float32


def test_network_that_says_nothing_is_the_best_linear_guess_for_unit_variance():
    # for x_0 ~ N(0, I): E[eps | x_t] = sqrt(1 - bar_alpha) x_t, and E[v | x_t] = 0
    tables, x_t, t = GaussianDiffusion(linear_beta_schedule(20)), draw(0), torch.tensor([3, 17])
    found = VelocityPredictor(Answers(torch.zeros(SHAPE).double()), tables)(x_t, t, None)
    still = torch.stack([tables.noise_variance[3], tables.noise_variance[17]]).sqrt()
    torch.testing.assert_close(found, still.view(-1, 1, 1) * x_t, **EXACT)


def test_eq3_with_its_weights_is_the_squared_error_of_the_velocity():
    tables, clips = GaussianDiffusion(linear_beta_schedule(11)), 29
    x_0, wrong = draw(0, (clips, 3, 5)), draw(1, (clips, 3, 5))
    model = VelocityPredictor(Answers(wrong), tables)
    found = tables.noise_loss(
        model, x_0, None, torch.Generator().manual_seed(5), True, model.weights
    )
    same = torch.Generator().manual_seed(5)
    t = torch.randint(1, 12, (clips,), generator=same)
    noise = torch.randn(x_0.shape, generator=same).double()
    squares = []
    for b in range(clips):
        bar_alpha = float(tables.alphas_cumprod[t[b]])
        velocity = bar_alpha**0.5 * noise[b] - (1 - bar_alpha) ** 0.5 * x_0[b]
        squares.append(float(((velocity - wrong[b]) ** 2).mean()))
    assert abs(float(found[0]) - sum(squares) / clips) < 1e-9 * clips
    for quarter in range(4):
        mine = [s for s, step in zip(squares, t.tolist()) if (step - 1) * 4 // 11 == quarter]
        assert abs(float(found[1][quarter]) - sum(mine) / len(mine)) < 1e-6


def test_weights_rise_with_the_noise_up_to_the_largest():
    tables = GaussianDiffusion([0.5, 0.5, 0.5])  # bar_alpha 1, 1/2, 1/4, 1/8
    for largest, want in ((float("inf"), [1, 2, 4, 8]), (5.0, [1, 2, 4, 5]), (1.0, [1, 1, 1, 1])):
        silent = (want[1] / 2 + want[2] / 4 + want[3] / 8) / 3  # E v^2 = 1 loses that much
        found = VelocityPredictor(Answers(None), tables, largest).weights
        torch.testing.assert_close(found, torch.tensor(want).double() / silent, **EXACT)


def test_weights_of_one_are_eq3_as_printed(generator):
    tables, x_0 = GaussianDiffusion(linear_beta_schedule(11)), draw(0)
    model = Answers(lambda x_t, t: 0.3 * x_t)
    losses = [
        tables.noise_loss(model, x_0, None, torch.Generator().manual_seed(2), weights=weights)
        for weights in (None, torch.ones(12), 3 * torch.ones(12))
    ]
    torch.testing.assert_close(losses[1], losses[0], **EXACT)
    torch.testing.assert_close(losses[2], 3 * losses[0], **EXACT)


# ---- guidance ----


class AttitudeSum:
    r"""A predictor whose noise is x_t plus what the attitude says."""

    def __init__(self):
        self.prepared = 0

    def prepare(self, cond):
        self.prepared += 1
        return cond.attitude @ torch.tensor([1.0, 2.0, 3.0])

    def __call__(self, x_t, t, prepared):
        return x_t + prepared.view(-1, 1, 1)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_extrapolates_from_no_attitude(guidance):
    cond = Condition(None, None, None, torch.eye(3)[[1, 2]])
    model = Guided(AttitudeSum(), guidance)
    x_t = draw(0).float()
    expected = x_t + guidance * torch.tensor([2.0, 3.0]).view(-1, 1, 1)
    prepared = model.prepare(cond)
    t = torch.ones(2, dtype=torch.long)
    torch.testing.assert_close(model(x_t, t, prepared), expected)
    assert model.eps_model.prepared == 1  # the prepared form is not prepared again
    torch.testing.assert_close(model(x_t, t, cond), expected)


def test_guidance_below_zero_is_refused():
    with pytest.raises(ValueError, match="guidance is -1; allowed: >= 0"):
        Guided(None, -1)


def test_attitude_is_dropped_with_the_given_share(generator):
    clips, share = 5000, 0.1
    cond = condition(clips, 1)
    dropped = drop_attitude(cond, share, generator)
    gone = (dropped.attitude == 0).all(-1)
    band = 5 * math.sqrt(clips * share * (1 - share))  # 5 sigma of a binomial count
    assert abs(gone.sum() - clips * share) < band
    assert torch.equal(dropped.attitude[~gone], cond.attitude[~gone])
    assert dropped.audio is cond.audio and (cond.attitude.sum(-1) == 1).all()
    assert torch.equal(drop_attitude(cond, 0, generator).attitude, cond.attitude)
    assert (drop_attitude(cond, 1, generator).attitude == 0).all()
