r"""Sec. 3.1 against other derivations of the same numbers.

Oracles: Eq. 2 composed step by step; Bayes' product of two Gaussians; the optimal predictor of
Gaussian data, with which every sampler is affine and its moments are known exactly; the ordinary
differential equation that DDIM discretises; binomial and chi-square bands of 5 sigma; frozen
numbers that diffusers 0.42.1 with torch 2.13.0 gave for the inputs of each test.
"""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from mfr.config import MotionConfig
from mfr.motion import diffusion, samplers
from mfr.motion.diffusion import (
    GaussianDiffusion,
    cosine_beta_schedule,
    linear_beta_schedule,
)

SHAPE = (2, 3, 5)  # B, L, D
EXACT = {"rtol": 1e-9, "atol": 1e-12}


def assert_close(found, expected, **tolerance):
    expected = torch.as_tensor(expected, dtype=found.dtype)
    torch.testing.assert_close(found, expected, **(tolerance or EXACT))


def draw(seed, shape=SHAPE):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(T=1000, variance="posterior"):
    return GaussianDiffusion(linear_beta_schedule(T), variance)


def full(t, clips=SHAPE[0]):
    return torch.full((clips,), t)


class OptimalPredictor:
    r"""E[eps | x_t] for data of independent N(mean, std^2): linear in x_t."""

    def __init__(self, tables, mean, std):
        self.tables, self.mean, self.std = tables, mean, std
        self.visited, self.inputs = [], []

    def __call__(self, x_t, t, cond):
        self.visited.append(t.tolist())
        self.inputs.append(x_t.clone())
        bar_alpha = self.tables.alphas_cumprod[t].view(-1, 1, 1)
        total = bar_alpha * self.std**2 + 1 - bar_alpha  # variance of x_t
        return ((1 - bar_alpha).sqrt() * (x_t - bar_alpha.sqrt() * self.mean) / total).to(x_t)


def exact_moments(tables, eps_model, monkeypatch, **options):
    r"""Mean and variance of what sample draws, without drawing.

    With a linear predictor the result is c + sum_i a_i z_i. Each draw of the sampler is replaced
    by a unit vector over the batch: row i then comes out as c + a_i, the last row as c.
    """
    draws = len(tables.reverse_steps(options.get("steps"), options.get("eta", 1.0)))
    calls = []

    def unit(shape, generator, like):
        calls.append(shape)
        rows = torch.zeros(shape, dtype=torch.float64)
        rows[len(calls) - 1] = 1
        return rows

    monkeypatch.setattr(diffusion, "_randn", unit)
    out = tables.sample(
        eps_model, (draws + 1, 1, 1), None, torch.Generator(), dtype=torch.float64, **options
    )
    return out[-1].item(), ((out - out[-1]) ** 2).sum().item()


# ---- schedules and tables ----


@pytest.mark.equation("q_sample")
def test_t_runs_from_1_to_T_and_entry_0_is_clean():
    tables = linear(7)
    for name in ("betas", "alphas", "alphas_cumprod", "noise_variance", "posterior_variance"):
        assert getattr(tables, name).shape == (8,) and getattr(tables, name).dtype == torch.float64
    assert tables.betas[0] == 0 and tables.alphas_cumprod[0] == 1
    assert tables.posterior_variance[0] == 0 and tables.posterior_variance[1] == 0
    assert_close(tables.betas[1:], linear_beta_schedule(7))
    x_0, noise = draw(0), draw(1)
    assert torch.equal(tables.q_sample(x_0, full(0), noise), x_0)


@pytest.mark.equation("linear_beta_schedule")
def test_linear_schedule_at_1000_is_ho_et_al():
    assert_close(linear_beta_schedule(1000), np.linspace(1e-4, 0.02, 1000))


@pytest.mark.parametrize("schedule", [linear_beta_schedule, cosine_beta_schedule])
@pytest.mark.parametrize("T", [*range(1, 61), 100, 1000, 4001])
@pytest.mark.equation("linear_beta_schedule", "cosine_beta_schedule")
def test_signal_is_gone_at_T_for_every_T(schedule, T):
    betas = schedule(T)
    assert betas.shape == (T,) and betas.dtype == torch.float64
    assert (betas > 0).all() and (betas < 1).all() and (betas.diff() > 0).all()
    assert GaussianDiffusion(betas).alphas_cumprod[-1].sqrt() < 0.01


@pytest.mark.parametrize("T", [1, 2, 11, 20])
@pytest.mark.equation("linear_beta_schedule")
def test_few_linear_steps_share_the_noise_of_continuous_time(T):
    # d log bar_alpha / du = -(0.1 + 19.9 u), u = t/T in [0, 1], solved at the ends of each step
    u = np.arange(T + 1) / T
    bar_alpha = np.exp(-(0.1 * u + 19.9 * u**2 / 2))
    assert_close(GaussianDiffusion(linear_beta_schedule(T)).alphas_cumprod, bar_alpha)


@pytest.mark.equation("cosine_beta_schedule")
def test_cosine_schedule_follows_its_bar_alpha():
    T = 101
    u = (np.arange(T) / T + 0.008) / 1.008
    expected = np.cos(u * np.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert_close(GaussianDiffusion(cosine_beta_schedule(T)).alphas_cumprod[:-1], expected)
    assert cosine_beta_schedule(T)[-1] == 0.999 and cosine_beta_schedule(4)[-1] == 0.99995


FROZEN_TABLES = [  # diffusers' own float32 tables: schedule, t, beta_t, bar_alpha_t
    (linear_beta_schedule, 1, 9.99999975e-05, 0.999899983),
    (linear_beta_schedule, 500, 0.0100400401, 0.078587234),
    (linear_beta_schedule, 1000, 0.0199999996, 4.03583035e-05),
    (cosine_beta_schedule, 2, 4.61417512e-05, 0.99991256),
    (cosine_beta_schedule, 500, 0.00314588612, 0.493843466),
    (cosine_beta_schedule, 1000, 0.999000013, 2.42873499e-09),
]


@pytest.mark.parametrize("schedule, t, beta, bar_alpha", FROZEN_TABLES)
def test_tables_are_those_of_diffusers(schedule, t, beta, bar_alpha):
    tables = GaussianDiffusion(schedule(1000))
    assert tables.betas[t].item() == pytest.approx(beta, rel=1e-5)
    # rounding of 1 - beta in float32, 1000 times
    assert tables.alphas_cumprod[t].item() == pytest.approx(bar_alpha, rel=2e-5)


# ---- Eq. 2 ----


@pytest.mark.parametrize("t", [1, 2, 5, 11])
@pytest.mark.equation("q_sample")
def test_eq2_closed_form_is_the_one_step_kernel_composed(t):
    tables, x_0, noise = linear(11), draw(0), draw(1)
    mean, variance = x_0, 0.0
    for step in range(1, t + 1):  # q(x_s | x_{s-1}) = N(sqrt(1 - beta_s) x_{s-1}, beta_s)
        beta = linear_beta_schedule(11)[step - 1].item()
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
    assert_close(tables.q_sample(x_0, full(t), noise), mean + math.sqrt(variance) * noise)


@pytest.mark.equation("q_sample")
def test_eq2_signal_and_noise_powers_sum_to_one():
    tables, one = linear(50), torch.ones(51, 1, 1, dtype=torch.float64)
    t = torch.arange(51)
    signal = tables.q_sample(one, t, 0 * one)
    noise = tables.q_sample(0 * one, t, one)
    assert_close(signal**2 + noise**2, one)


@pytest.mark.equation("q_sample")
def test_eq2_each_clip_has_its_own_t():
    tables, x_0, noise = linear(50), draw(0), draw(1)
    both = tables.q_sample(x_0, torch.tensor([3, 47]), noise)
    assert_close(both[0], tables.q_sample(x_0, full(3), noise)[0])
    assert_close(both[1], tables.q_sample(x_0, full(47), noise)[1])


@pytest.mark.equation("q_sample")
def test_eq2_gradients():
    t = torch.tensor([1, 7])
    inputs = [draw(seed).requires_grad_() for seed in (0, 1)]
    assert gradcheck(lambda x_0, noise: linear(11).q_sample(x_0, t, noise), inputs)


# ---- Eq. 3 ----


def noise_of(tables, x_0, x_t, t):
    bar_alpha = tables.alphas_cumprod[t].view(-1, 1, 1)
    return (x_t - bar_alpha.sqrt() * x_0) / (1 - bar_alpha).sqrt()


@pytest.mark.equation("noise_loss")
def test_eq3_perfect_predictor_loses_nothing_and_zero_predictor_the_noise(generator):
    tables, x_0, seen = linear(13), draw(0), []

    def perfect(x_t, t, cond):
        seen.append(noise_of(tables, x_0, x_t, t))
        return seen[-1]

    assert tables.noise_loss(perfect, x_0, None, generator) < 1e-20
    again = torch.Generator().manual_seed(0)
    zero = tables.noise_loss(lambda x_t, t, cond: torch.zeros_like(x_t), x_0, None, again)
    assert_close(zero, (seen[0] ** 2).mean())  # a mean per element, not the printed sum


@pytest.mark.equation("noise_loss")
def test_eq3_t_is_uniform_on_1_to_T(generator):
    T, clips, seen = 7, 7000, []

    def record(x_t, t, cond):
        seen.append(t)
        return x_t

    linear(T).noise_loss(record, torch.zeros(clips, 1, 1), None, generator)
    counts = torch.bincount(seen[0], minlength=T + 1)
    band = 5 * math.sqrt(clips * (1 / T) * (1 - 1 / T))  # 5 sigma of a binomial count
    assert counts[0] == 0 and len(counts) == T + 1
    assert ((counts[1:] - clips / T).abs() < band).all()


@pytest.mark.equation("noise_loss")
def test_eq3_optimum_of_gaussian_data_is_its_conditional_variance(generator):
    tables, mean, std = linear(20), 2.0, 0.7
    clips, frames = 5000, 2
    x_0 = mean + std * draw(3, (clips, frames, 1))
    found = tables.noise_loss(OptimalPredictor(tables, mean, std), x_0, None, generator).item()
    bar_alpha = tables.alphas_cumprod[1:]
    expected = bar_alpha * std**2 / (bar_alpha * std**2 + 1 - bar_alpha)  # Var(eps | x_t)
    # per element E[e^4] = 3 v^2; elements of one clip share t and are independent given it
    mean_v, mean_v2 = expected.mean(), (expected**2).mean()
    variance = (mean_v2 - mean_v**2) / clips + 2 * mean_v2 / (clips * frames)
    assert abs(found - mean_v) < 5 * variance.sqrt()


@pytest.mark.equation("noise_loss")
def test_eq3_masked_frames_count_for_nothing(generator):
    tables, x_0 = linear(13), draw(0, (2, 5, 3))
    mask = torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    bias = draw(1, x_0.shape).requires_grad_()

    def model(x_t, t, cond):
        return noise_of(tables, x_0, x_t, t) + bias

    loss = tables.noise_loss(model, x_0, SimpleNamespace(mask=mask), generator)
    assert_close(loss.detach(), (bias[mask] ** 2).mean())
    loss.backward()
    assert (bias.grad[~mask] == 0).all() and (bias.grad[mask] != 0).all()

    def garbage(x_t, t, cond):
        return torch.where(mask[..., None], model(x_t, t, cond), torch.nan)

    found = tables.noise_loss(garbage, x_0, SimpleNamespace(mask=mask), generator)
    assert_close(found, loss.detach())


def test_eq3_quartiles_are_the_same_loss_by_noise_level(generator):
    T, clips, seen = 11, 64, []
    tables, x_0 = linear(T), draw(0, (64, 3, 2))
    mask = torch.arange(3) < torch.randint(1, 4, (clips, 1), generator=generator)

    def off_by_t(x_t, t, cond):  # squared error t^2
        seen.append(t)
        return noise_of(tables, x_0, x_t, t) + t.view(-1, 1, 1)

    cond = SimpleNamespace(mask=mask)
    loss, quartiles = tables.noise_loss(off_by_t, x_0, cond, generator, by_quartile=True)
    t, frames = seen[0].numpy(), mask.sum(1).numpy()
    edges = [(1, 3), (4, 6), (7, 9), (10, 11)]  # ceil: t = 1..11 in four parts
    for found, (low, high) in zip(quartiles.tolist(), edges):
        inside = (t >= low) & (t <= high)
        expected = (t[inside] ** 2 * frames[inside]).sum() / frames[inside].sum()
        assert found == pytest.approx(expected, rel=1e-9)
    assert loss.item() == pytest.approx((t**2 * frames).sum() / frames.sum(), rel=1e-9)
    one = linear(4).noise_loss(lambda x, t, c: x, x_0[:1], None, generator, by_quartile=True)[1]
    assert one.isnan().sum() == 3


@pytest.mark.equation("noise_loss")
def test_eq3_gradients():
    x_0, weight = draw(0), draw(1, (5, 5)).requires_grad_()

    def loss(weight):
        same = torch.Generator().manual_seed(0)
        return linear(11).noise_loss(lambda x_t, t, cond: x_t @ weight, x_0, None, same)

    assert gradcheck(loss, [weight])


# ---- Eq. 4 ----


@pytest.mark.parametrize("t", [1, 2, 25, 50])
@pytest.mark.equation("p_mean")
def test_eq4_mean_is_bayes_posterior(t):
    tables, x_0, noise = linear(50), draw(0), draw(1)
    x_t = tables.q_sample(x_0, full(t), noise)
    mean = tables.p_mean(x_t, full(t), noise)
    if t == 1:  # x_0 is what it is
        assert_close(mean, x_0)
        assert tables.posterior_variance[1] == 0
        return
    beta = linear_beta_schedule(50)[t - 1]
    before = torch.prod(1 - linear_beta_schedule(50)[: t - 1])
    # N(x; sqrt(before) x_0, 1 - before) times N(x_t; sqrt(1 - beta) x, beta), as a density of x
    precision = 1 / (1 - before) + (1 - beta) / beta
    weighted = before.sqrt() * x_0 / (1 - before) + (1 - beta).sqrt() * x_t / beta
    assert_close(mean, weighted / precision)
    assert_close(tables.posterior_variance[t], 1 / precision)


@pytest.mark.equation("p_mean")
def test_eq4_each_clip_has_its_own_t():
    tables, x_t, eps = linear(50), draw(0), draw(1)
    both = tables.p_mean(x_t, torch.tensor([2, 49]), eps)
    assert_close(both[0], tables.p_mean(x_t, full(2), eps)[0])
    assert_close(both[1], tables.p_mean(x_t, full(49), eps)[1])


@pytest.mark.equation("p_mean")
def test_eq4_gradients():
    t = torch.tensor([1, 7])
    inputs = [draw(seed).requires_grad_() for seed in (0, 1)]
    assert gradcheck(lambda x_t, eps: linear(11).p_mean(x_t, t, eps), inputs)


FROZEN_STEPS = [  # diffusers DDPMScheduler.step on float64 tables: variance, t, x_{t-1}
    ("posterior", 1, [-0.0100005000375, 0.8456747379674, 0.9158796581621, 0.1315248816019]),
    ("posterior", 2, [-0.0007026064572166, 0.8375762278231, 0.921728529439, 0.1266350983155]),
    ("posterior", 500, [0.08964431144469, 0.7509476047921, 1.016935549937, 0.0404844147708]),
    ("posterior", 1000, [0.1212178394111, 0.7184156379731, 1.06752349952, -0.005699249668949]),
    ("beta", 1, [-0.0100005000375, 0.8456747379674, 0.9158796581621, 0.1315248816019]),
    ("beta", 2, [0.002863618772852, 0.8340456916041, 0.9251527129404, 0.1233858025877]),
    ("beta", 500, [0.08968765727438, 0.750904692746, 1.016977169315, 0.04044492107364]),
    ("beta", 1000, [0.1212178976536, 0.7184155803135, 1.067523555442, -0.005699302735376]),
]


@pytest.mark.parametrize("variance, t, expected", FROZEN_STEPS)
@pytest.mark.equation("p_mean")
def test_chain_step_is_that_of_diffusers(variance, t, expected):
    i = torch.arange(4, dtype=torch.float64)
    x_t, eps, noise = i.sin(), (2 * i).cos(), (3 * i).cos()
    step = linear(1000, variance).reverse_steps()[1000 - t]
    assert step.t == t
    found = step.x_scale * x_t + step.eps_scale * eps + step.std * noise
    assert_close(found, expected, rtol=1e-9, atol=1e-12)


# ---- Eq. 1: the samplers ----


@pytest.mark.equation("p_mean")
def test_eq1_chain_reaches_a_single_point_exactly(monkeypatch):
    # data at one point: x_0 is certain, so the posterior's variance is the true one
    tables = linear(50)
    mean, variance = exact_moments(tables, OptimalPredictor(tables, 3.0, 0.0), monkeypatch)
    assert mean == pytest.approx(3.0, rel=1e-9) and variance < 1e-18


@pytest.mark.equation("p_mean")
def test_eq1_chain_reaches_unit_gaussian_exactly(monkeypatch):
    # data N(m, 1): x_{t-1} given x_t has variance beta_t, so that option is the true one there.
    # Starting from N(0, 1) instead of N(sqrt(bar_alpha_T) m, 1) costs bar_alpha_T m of the mean;
    # the last step adds no noise, which costs beta_1 of the variance.
    tables = linear(50, "beta")
    mean, variance = exact_moments(tables, OptimalPredictor(tables, 3.0, 1.0), monkeypatch)
    assert mean == pytest.approx(3 * (1 - tables.alphas_cumprod[-1].item()), rel=1e-9)
    assert variance == pytest.approx(1 - tables.betas[1].item(), rel=1e-9)


@pytest.mark.parametrize("variance, low, high", [("posterior", 0.97, 1), ("beta", 1, 1.03)])
@pytest.mark.equation("p_mean")
def test_eq1_constant_variances_bracket_the_true_one(variance, low, high, monkeypatch):
    # Ho et al.: the two constants are the bounds for data between a point and N(0, 1)
    tables = linear(1000, variance)
    mean, found = exact_moments(tables, OptimalPredictor(tables, 2.0, 0.3), monkeypatch)
    assert mean == pytest.approx(2.0, rel=1e-3)
    assert low < found / 0.3**2 < high


def test_eq1_loop_visits_every_t_once_and_falls(generator):
    tables = linear(13)
    model = OptimalPredictor(tables, 0.0, 1.0)
    tables.sample(model, SHAPE, None, generator)
    assert model.visited == [[t, t] for t in range(13, 0, -1)]


@pytest.mark.equation("p_mean")
def test_eq1_loop_is_mean_plus_noise_and_the_last_step_adds_none():
    tables = linear(5)
    model = OptimalPredictor(tables, 1.0, 0.5)
    options = {"generator": torch.Generator().manual_seed(3), "dtype": torch.float64}
    found = tables.sample(model, SHAPE, None, **options)
    same = torch.Generator().manual_seed(3)
    x = torch.randn(SHAPE, generator=same).double()
    for t in range(5, 0, -1):
        x = tables.p_mean(x, full(t), model(x, full(t), None))
        if t > 1:
            noise = torch.randn(SHAPE, generator=same).double()
            x = x + tables.posterior_variance[t].sqrt() * noise
    assert_close(found, x)


def test_sampling_does_not_clamp():
    tables = linear(20)
    model = OptimalPredictor(tables, 50.0, 0.0)
    options = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
    for steps in (None, 5):
        found = tables.sample(model, SHAPE, None, steps=steps, **options)
        assert_close(found, torch.full(SHAPE, 50.0))


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_keeps_the_marginal_for_any_pair_of_steps(eta):
    tables, x_0, noise = linear(50), draw(0), draw(1)
    for t, s in ((50, 49), (50, 7), (31, 2), (2, 1), (7, 0)):
        x_t = tables.q_sample(x_0, full(t), noise)
        mean = samplers.ddim_mean(tables, x_t, full(t), full(s), noise, eta)
        std = samplers.ddim_std(tables, full(t), full(s), eta)[0]
        left = (mean - tables.alphas_cumprod[s].sqrt() * x_0) / noise  # same for every element
        assert_close(left**2 + std**2, torch.full_like(left, 1 - tables.alphas_cumprod[s]))
        assert (eta == 0) == (std.item() == 0) or s == 0


def test_ddim_with_all_steps_and_eta_one_is_the_chain():
    tables = linear(23)
    model = OptimalPredictor(tables, 1.0, 0.5)
    chain, ddim = (
        tables.sample(
            model, SHAPE, None, torch.Generator().manual_seed(1), steps, dtype=torch.float64
        )
        for steps in (None, 23)
    )
    assert_close(ddim, chain)


def test_ddim_converges_to_the_probability_flow(monkeypatch):
    # x_t - sqrt(bar_alpha_t) m stays proportional to the standard deviation of x_t
    tables, m, s = linear(1000), 2.0, 0.3
    last = tables.alphas_cumprod[-1]
    scale = s / (last * s**2 + 1 - last).sqrt()
    errors = []
    for steps in (10, 20, 40, 80):
        mean, variance = exact_moments(
            tables, OptimalPredictor(tables, m, s), monkeypatch, steps=steps, eta=0.0
        )
        errors.append(abs(math.sqrt(variance) - scale.item()))
        assert mean == pytest.approx((m - scale * last.sqrt() * m).item(), rel=2e-2)
    assert all(0.3 < late / early < 0.6 for early, late in zip(errors, errors[1:]))  # first order


def test_second_order_falls_with_the_square_of_the_step(monkeypatch):
    tables, m, s = linear(1000), 2.0, 0.3
    last = tables.alphas_cumprod[-1]
    scale = (s / (last * s**2 + 1 - last).sqrt()).item()
    errors = {1: [], 2: []}
    for order, steps in [(1, 25), (1, 50), (1, 100), (2, 25), (2, 50), (2, 100)]:
        mean, variance = exact_moments(
            tables,
            OptimalPredictor(tables, m, s),
            monkeypatch,
            eta=0.0,
            order=order,
            steps=samplers.spaced_steps(1000, steps),
        )
        errors[order].append(abs(math.sqrt(variance) - scale) / s)
        assert mean == pytest.approx((m - scale * last.sqrt() * m).item(), rel=2e-2)
    assert all(late / early > 0.4 for early, late in zip(errors[1], errors[1][1:]))
    assert all(late / early < 0.3 for early, late in zip(errors[2], errors[2][1:]))
    assert errors[1][0] > 0.07 and errors[2][0] < 0.03  # of the 25 steps that motion takes


def test_second_order_walk_is_dpm_solvers_multistep(monkeypatch):
    # Lu et al. 2022, algorithm 2, number by number: x, its data prediction, half the log SNR
    tables, x_T = linear(1000), 0.7
    times = samplers.spaced_steps(1000, 7)

    def data(x, t):  # a predictor that is not linear
        a = tables.alphas_cumprod[t].item()
        return math.tanh(2 * a**0.5 * x) + 0.1 * x

    def eps_model(x_t, t, cond):
        a = tables.alphas_cumprod[t].view(-1, 1, 1)
        x_0 = torch.tanh(2 * a.sqrt() * x_t) + 0.1 * x_t
        return (x_t - a.sqrt() * x_0) / (1 - a).sqrt()

    alpha = [a**0.5 for a in tables.alphas_cumprod.tolist()]
    sigma = [(1 - a) ** 0.5 for a in tables.alphas_cumprod.tolist()]
    x, before, h_before = x_T, None, None
    for t, s in zip(times, [*times[1:], 0]):
        now = data(x, t)
        if s == 0:
            x = now
            break
        h = math.log(alpha[s] / sigma[s]) - math.log(alpha[t] / sigma[t])
        r = None if before is None else h_before / h
        D = now if r is None else (1 + 1 / (2 * r)) * now - before / (2 * r)
        x = sigma[s] / sigma[t] * x - alpha[s] * (math.exp(-h) - 1) * D
        before, h_before = now, h
    start = torch.full(SHAPE, x_T, dtype=torch.float64)
    monkeypatch.setattr(diffusion, "_randn", lambda *_: start)
    options = {"steps": times, "eta": 0.0, "dtype": torch.float64, "order": 2}
    found = tables.sample(eps_model, SHAPE, None, torch.Generator(), **options)
    assert_close(found, torch.full(SHAPE, x), rtol=1e-7, atol=1e-9)  # x_0 is divided by 0.0066 at T


@pytest.mark.parametrize("steps", [1, 2, 7, 10, 25, 999, 1000])
def test_ddim_steps_are_evenly_spread_from_T(steps):
    times = [step.t for step in linear(1000).reverse_steps(steps)]
    assert times[0] == 1000 and len(set(times)) == steps
    gaps = -np.diff([*times, 0])
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


def test_ddim_visits_the_given_steps(generator):
    tables = linear(50)
    model = OptimalPredictor(tables, 0.0, 1.0)
    tables.sample(model, SHAPE, None, generator, steps=[1, 50, 11])
    assert model.visited == [[50, 50], [11, 11], [1, 1]]


FROZEN_DDIM = [  # the same of DDIMScheduler, 10 of 1000 steps, "trailing": eta, t, x_s
    (0.0, 1000, [-1.611419137707, 2.867948954541, 3.427773327015, -1.178725269148]),
    (0.0, 500, [-0.6154891525698, 1.582133610729, 1.835192000012, -0.3685958490129]),
    (0.0, 100, [-0.3388283489835, 1.029463678027, 1.181548402092, -0.1763323263033]),
    (0.5, 500, [-0.3302389930237, 1.256180116668, 2.231577895406, -0.7705376924507]),
    (1.0, 1000, [-1.30477094109, 2.210298706711, 4.717953666911, -2.61274044877]),
    (1.0, 500, [-0.258223923572, 1.018963730791, 2.767343547184, -1.377221533468]),
    (1.0, 100, [-0.3388283489835, 1.029463678027, 1.181548402092, -0.1763323263033]),
]


@pytest.mark.parametrize("eta, t, expected", FROZEN_DDIM)
def test_ddim_step_is_that_of_diffusers(eta, t, expected):
    i = torch.arange(4, dtype=torch.float64)
    x_t, eps, noise = i.sin(), (2 * i).cos(), (3 * i).cos()
    step = linear(1000).reverse_steps(10, eta)[10 - t // 100]
    assert step.t == t
    found = step.x_scale * x_t + step.eps_scale * eps + step.std * noise
    assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_same_generator_same_sample_and_no_other_state_is_touched(generator):
    tables = linear(7)
    model = OptimalPredictor(tables, 0.0, 1.0)
    state = torch.get_rng_state()
    first = tables.sample(model, SHAPE, None, generator)
    second = tables.sample(model, SHAPE, None, torch.Generator().manual_seed(0))
    other = tables.sample(model, SHAPE, None, generator)
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state) and first.dtype == torch.float32


def test_predictor_may_return_its_own_input(generator):
    tables = linear(7)
    own = tables.sample(lambda x_t, t, cond: x_t, SHAPE, None, generator)
    copy = tables.sample(lambda x_t, t, cond: x_t.clone(), SHAPE, None, generator.manual_seed(0))
    assert torch.equal(own, copy)


def test_condition_and_progress_are_handed_on(generator):
    seen, progress = [], []
    linear(50).sample(
        lambda x_t, t, cond: seen.append(cond) or x_t,
        SHAPE,
        "cond",
        generator,
        steps=3,
        progress=lambda done, total: progress.append((done, total)),
    )
    assert seen == ["cond"] * 3 and progress == [(1, 3), (2, 3), (3, 3)]


# ---- held frames ----


@pytest.mark.parametrize("steps, eta", [(None, 1.0), (7, 0.0), (7, 0.5)])
def test_held_frames_are_draws_of_q_and_end_as_known(steps, eta):
    tables, frames = linear(20), 10007
    known = 3 + draw(0, (1, frames, 2))
    held = (torch.arange(frames) % 2 == 0)[:, None]
    model = OptimalPredictor(tables, 0.0, 1.0)
    out = tables.sample(
        model,
        known.shape,
        None,
        torch.Generator().manual_seed(0),
        steps,
        eta,
        known=known,
        held=held,
        dtype=torch.float64,
    )
    assert torch.equal(out[:, held[:, 0]], known[:, held[:, 0]])
    assert not torch.isclose(out[:, ~held[:, 0]], known[:, ~held[:, 0]]).all(-1).any()
    for (t,), x_t in zip(model.visited, model.inputs):
        noise = noise_of(tables, known, x_t, torch.tensor([t]))[:, held[:, 0]]
        count = noise.numel()
        assert noise.mean().abs() < 5 / math.sqrt(count)
        assert (noise.var() - 1).abs() < 5 * math.sqrt(2 / count)


def test_held_frames_move_with_one_noise_when_ddim_is_deterministic():
    tables, known = linear(20), draw(0)
    model = OptimalPredictor(tables, 0.0, 1.0)
    tables.sample(
        model,
        SHAPE,
        None,
        torch.Generator().manual_seed(0),
        5,
        0.0,
        known=known,
        held=torch.ones(1, 1, dtype=torch.bool),
        dtype=torch.float64,
    )
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)).double()
    for t, x_t in zip(model.visited, model.inputs):
        assert_close(x_t, tables.q_sample(known, torch.tensor(t), noise))


def test_build_reads_schedule_T_and_variance():
    config = MotionConfig(T=30, schedule="cosine", variance="beta")
    built = diffusion.build(config)
    assert_close(built.betas[1:], cosine_beta_schedule(30))
    assert_close(built.chain_variance, built.betas)
    straight = diffusion.build(replace(config, schedule="linear"))
    assert_close(straight.betas[1:], linear_beta_schedule(30))
    assert_close(diffusion.build(MotionConfig()).chain_variance, linear(1000).posterior_variance)


# ---- errors ----

ERRORS = [
    (lambda: linear_beta_schedule(0), "T is 0; allowed: >= 1"),
    (lambda: cosine_beta_schedule(-3), "T is -3; allowed: >= 1"),
    (lambda: GaussianDiffusion([[0.1]]), r"betas have shape \(1, 1\); allowed: \(T,\)"),
    (lambda: GaussianDiffusion([]), r"betas have shape \(0,\)"),
    (lambda: GaussianDiffusion([0.1, 1.0]), r"betas span 0.1 .. 1.0; allowed: inside \(0, 1\)"),
    (lambda: GaussianDiffusion([0.1, math.nan]), "betas span nan"),
    (lambda: linear(5, "learned"), "variance 'learned' is unknown; allowed: posterior, beta"),
    (lambda: linear(5).q_sample(draw(0), full(1), draw(0)[:1]), r"noise \(1, 3, 5\)"),
    (lambda: linear(5).q_sample(draw(0), full(6), draw(0)), "t spans 6 .. 6; allowed: 0 .. T = 5"),
    (lambda: linear(5).q_sample(draw(0), full(-1), draw(0)), "t spans -1 .. -1"),
    (lambda: linear(5).p_mean(draw(0), full(0), draw(0)), "t spans 0 .. 0; allowed: 1 .. T = 5"),
    (
        lambda: samplers.ddim_mean(linear(5), draw(0), full(0), full(0), draw(0), 1),
        "t spans 0 .. 0",
    ),
    (lambda: linear(5).reverse_steps(6), "steps is 6; allowed: 1 .. T = 5"),
    (lambda: linear(5).reverse_steps(0), "steps is 0; allowed: 1 .. T = 5"),
    (lambda: linear(5).reverse_steps([3, 0]), r"steps visit \[3, 0\]; allowed: .* T = 5"),
    (lambda: linear(5).reverse_steps([]), r"steps visit \[\]"),
    (lambda: linear(5).reverse_steps(2, 1.5), "eta is 1.5; allowed: 0 .. 1"),
    (lambda: linear(5).reverse_steps(2, 0, 3), "order is 3 with eta 0; allowed: 1, or"),
    (lambda: linear(5).reverse_steps(2, 0.5, 2), "order is 2 with eta 0.5"),
    (lambda: linear(5).reverse_steps(None, 0, 2), "order is 2 with None steps"),
    (
        lambda: linear(5).sample(None, SHAPE, None, torch.Generator(), known=draw(0)),
        "known and held: one is None",
    ),
    (lambda: diffusion.build(MotionConfig(schedule="sigmoid")), "schedule 'sigmoid' is unknown"),
]


@pytest.mark.parametrize("call, message", ERRORS)
def test_errors_name_the_argument_the_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("T", [1, 2, 7, 50, 1000])
def test_spaced_steps_fall_from_T_to_the_data(T):
    for count in {1, 2, T // 3, T} & set(range(1, T + 1)):
        steps = samplers.spaced_steps(T, count)
        assert steps[0] == T and steps[-1] >= 1 and len(steps) <= count
        assert all(a > b for a, b in zip(steps, steps[1:]))
    assert samplers.spaced_steps(T, T, power=1) == list(range(T, 0, -1))


def test_square_spacing_keeps_more_of_the_spread_than_even_spacing():
    # N(2, 0.3^2) with its exact eps: every DDIM step is affine, so the std is exact
    model = diffusion.GaussianDiffusion(diffusion.linear_beta_schedule(1000))
    std = {}
    for power in (1.0, 2.0):
        std[power] = 1.0
        for step in model.reverse_steps(samplers.spaced_steps(1000, 25, power), eta=0.0):
            bar_alpha, noise = model.alphas_cumprod[step.t], model.noise_variance[step.t]
            slope = float(noise.sqrt() / (bar_alpha * 0.09 + noise))  # d eps* / d x_t
            std[power] *= abs(step.x_scale + step.eps_scale * slope)
    assert 0.24 < std[1.0] < 0.255 and 0.27 < std[2.0] < 0.3


@pytest.mark.parametrize(
    "count, power, message",
    [
        (0, 2, "steps is 0; allowed: 1 .. T = 9"),
        (10, 2, "steps is 10"),
        (3, 0.5, "power is 0.5"),
    ],
)
def test_spaced_steps_refuse_what_is_no_walk(count, power, message):
    with pytest.raises(ValueError, match=message):
        samplers.spaced_steps(9, count, power)
