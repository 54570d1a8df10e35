r"""Chapters 3 to 5: schedules, q_sample, the loss, the mean of a step back."""

import math
from functools import partial
from types import SimpleNamespace

import torch

from mfr.motion.diffusion import GaussianDiffusion
from tutorials.exercise.judge import Case, Exercise, Slip

TESTS = "tests/motion/test_diffusion.py"
TWO = "beta_1 = 0.5, beta_2 = 0.36, so alpha = 0.5, 0.64 and bar alpha = 0.5, 0.32"
SELF = (
    "self is a GaussianDiffusion of chapter 3: self.T, and the tables self.betas, self.alphas, "
    "self.alphas_cumprod, each (T + 1,) float64 with entry 0 for the clean data."
)


def tables(betas=(0.5, 0.36)):
    return GaussianDiffusion(list(betas))


def at(value, *t):
    r"""value as a (B, 1, 1) clip for each t, and the t."""
    return torch.full((len(t), 1, 1), value, dtype=torch.float64), torch.tensor(t)


# ---- schedules ----


def ends(T):
    def ask(schedule):
        betas = torch.as_tensor(schedule(T))
        return [len(betas), float(betas[0]), float(betas[-1])]

    return ask


def linear(T, rescaled=True, few=True, extra=0, root=False):
    low, high = (0.1 / T, 20 / T) if rescaled else (1e-4, 0.02)
    if few and rescaled and T <= 20:
        middle = (torch.arange(1, T + 1).double() - 0.5) / T
        return 1 - torch.exp(-(0.1 + 19.9 * middle) / T)
    if root:
        return torch.linspace(low**0.5, high**0.5, T + extra, dtype=torch.float64) ** 2
    return torch.linspace(low, high, T + extra, dtype=torch.float64)


def cosine(T, s=0.008, power=2, capped=True, bar=False):
    def f(u):
        return math.cos((u + s) / (1 + s) * math.pi / 2) ** power

    if bar:
        return torch.tensor([f(t / T) / f(0) for t in range(1, T + 1)])
    betas = [1 - f(t / T) / f((t - 1) / T) for t in range(1, T + 1)]
    limit = (0.999 if T > 4 else 0.99995) if capped else math.inf
    return torch.tensor([min(beta, limit) for beta in betas])


def f(u):
    return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2


LINEAR = Exercise(
    "linear_beta_schedule",
    "mfr.motion.diffusion:linear_beta_schedule",
    "03_forward_diffusion.md#the-schedule",
    TESTS,
    "",
    [
        Case("T = 1000; length, first, last", ends(1000), [1000, 1e-4, 0.02], "0.1/T and 20/T"),
        Case(
            "T = 1001, the middle one",
            lambda schedule: float(torch.as_tensor(schedule(1001))[500]),
            (0.1 + 20) / 2 / 1001,
            "equal steps: half-way between 0.1/T and 20/T",
        ),
        Case(
            "T = 100; length, first, last",
            ends(100),
            [100, 1e-3, 0.2],
            "0.1/T and 20/T: fewer steps are larger steps, else the signal survives",
        ),
        Case(
            "T = 1; length, first, last",
            ends(1),
            [1] + [1 - math.exp(-(0.1 + 19.9 / 2))] * 2,
            "T <= 20: 1 - exp(-(0.1 + 19.9 (t - 1/2)/T)/T), here with t = T = 1",
        ),
    ],
    [
        Slip(
            "beta runs from 1e-4 to 0.02 for every T, not for T = 1000 only",
            partial(linear, rescaled=False),
        ),
        Slip("the case T <= 20 is missing: there 20/T would reach 1", partial(linear, few=False)),
        Slip("there is an entry too many: T steps have T betas", partial(linear, extra=1)),
        Slip("the square roots of beta are spaced evenly, not beta", partial(linear, root=True)),
    ],
)

COSINE = Exercise(
    "cosine_beta_schedule",
    "mfr.motion.diffusion:cosine_beta_schedule",
    "03_forward_diffusion.md#the-schedule",
    TESTS,
    "",
    [
        Case(
            "T = 2, its first beta",
            lambda schedule: float(torch.as_tensor(schedule(2))[0]),
            1 - f(0.5) / f(0),
            "1 - f(1/2)/f(0), f(u) = cos^2(pi/2 (u + 0.008)/1.008)",
        ),
        Case(
            "T = 5; length, first, last",
            ends(5),
            [5, 1 - f(0.2) / f(0), 0.999],
            "the last one would be 1 and is capped at 0.999",
        ),
        Case("T = 2; length and last", lambda s: ends(2)(s)[::2], [2, 0.99995], "T <= 4: 0.99995"),
    ],
    [
        Slip("the offset s = 0.008 is left out", partial(cosine, s=0)),
        Slip("the cosine is not squared", partial(cosine, power=1)),
        Slip("the last beta is not capped", partial(cosine, capped=False)),
        Slip("bar alpha is returned and not beta", partial(cosine, bar=True)),
    ],
)


# ---- Eq. 2 ----


def noisy(self, x_0, t, noise, bars=True, signal=0.5, spread=0.5, shift=0, swapped=False, own=True):
    table = self.alphas_cumprod if bars else self.alphas
    t = (t + shift).clamp(min=0)
    a = table[t if own else t[:1].expand_as(t)].view(-1, 1, 1).to(x_0)
    if swapped:
        return (1 - a) ** signal * x_0 + a**spread * noise
    return a**signal * x_0 + (1 - a) ** spread * noise


def q_case(words, times, why):
    bar_alpha = [1, 0.5, 0.32]
    answer = [[[math.sqrt(bar_alpha[t]) * 2 + math.sqrt(1 - bar_alpha[t]) * 0.3]] for t in times]

    def ask(q_sample):
        x_0, t = at(2.0, *times)
        return q_sample(tables(), x_0, t, torch.full_like(x_0, 0.3))

    return Case(f"x_0 = 2, noise 0.3, {words}; {TWO}", ask, answer, why)


Q_SAMPLE = Exercise(
    "q_sample",
    "mfr.motion.diffusion:GaussianDiffusion.q_sample",
    "03_forward_diffusion.md#the-closed-form",
    TESTS,
    SELF,
    [
        q_case("t = 1", [1], "sqrt(0.5) 2 + sqrt(0.5) 0.3"),
        q_case("t = 2", [2], "sqrt(0.32) 2 + sqrt(0.68) 0.3: the bar alpha is a product"),
        q_case("t = 0", [0], "entry 0 is the clean data: x_0 itself"),
        q_case("t = 1 and t = 2 in one batch", [1, 2], "each clip by its own t"),
    ],
    [
        Slip(
            "alpha_t stands where bar alpha_t belongs (the paper's misprint)",
            partial(noisy, bars=False),
        ),
        Slip("the signal's square root is missing", partial(noisy, signal=1)),
        Slip(
            "the noise is multiplied by its variance, not by its standard deviation",
            partial(noisy, spread=1),
        ),
        Slip("both square roots are missing", partial(noisy, signal=1, spread=1)),
        Slip("the table is read at t - 1", partial(noisy, shift=-1)),
        Slip("signal and noise have changed places", partial(noisy, swapped=True)),
        Slip("all clips of a batch get the first one's t", partial(noisy, own=False)),
    ],
)


# ---- Eq. 3 ----


def noise_of(self, x_0, x_t, t):
    a = self.alphas_cumprod[t].view(-1, 1, 1)
    return (x_t - a.sqrt() * x_0) / (1 - a).sqrt()


def loss(
    self,
    eps_model,
    x_0,
    cond,
    generator,
    by_quartile=False,
    weights=None,
    low=1,
    high=1,
    reduce="real",
    power=2,
    wanted="noise",
    told=0,
    each=True,
):
    t = torch.randint(low, self.T + high, (len(x_0) if each else 1,), generator=generator)
    t = t.expand(len(x_0))
    noise = torch.randn(x_0.shape, generator=generator).to(x_0)
    a = self.alphas_cumprod[t].view(-1, 1, 1)
    eps = eps_model(a.sqrt() * x_0 + (1 - a).sqrt() * noise, t + told, cond)
    error = ((noise if wanted == "noise" else x_0) - eps).abs() ** power
    mask = getattr(cond, "mask", None)
    mask = torch.ones(x_0.shape[:2], dtype=torch.bool) if mask is None else mask
    if reduce == "nothing masked":
        return error.mean()
    error = error.masked_fill(~mask[..., None], 0)
    if reduce == "all":
        return error.mean()
    if reduce == "sum":
        return error.sum(-1).sum() / len(x_0)
    return error.sum() / (mask.sum() * x_0.shape[-1])


def loss_case(words, answer, why, off=0.0, mask=None):
    def ask(noise_loss):
        diffusion = tables([0.1, 0.2, 0.3])
        x_0 = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(1)).double()

        def model(x_t, t, cond):
            eps = noise_of(diffusion, x_0, x_t, t) + off
            return eps if mask is None else torch.where(mask[..., None], eps, 1e3)

        cond = None if mask is None else SimpleNamespace(mask=mask)
        return noise_loss(diffusion, model, x_0, cond, torch.Generator().manual_seed(0))

    return Case(words, ask, answer, why)


def steps_told(noise_loss):
    seen = []

    def model(x_t, t, cond):
        seen.extend(t.tolist())
        return x_t

    noise_loss(
        tables([0.1, 0.2, 0.3]),
        model,
        torch.zeros(999, 1, 1).double(),
        None,
        torch.Generator().manual_seed(0),
    )
    return sorted(set(seen))


NOISE_LOSS = Exercise(
    "noise_loss",
    "mfr.motion.diffusion:GaussianDiffusion.noise_loss",
    "04_predicting_noise.md#equation-3-the-loss",
    TESTS,
    SELF
    + " Draw with the generator, t first and then the noise. cond may be None or have no mask. "
    "by_quartile and weights may stay unused.",
    [
        loss_case("a model that names the noise exactly", 0.0, "nothing is left of the error"),
        loss_case(
            "a model that is off by 2 in every number, (B, L, D) = (2, 3, 5)",
            4.0,
            "every squared error is 4, and so is their mean",
            off=2.0,
        ),
        Case(
            "999 clips, T = 3: which t is the model told",
            steps_told,
            [1, 2, 3],
            "t runs 1..T, both ends included",
        ),
        loss_case(
            "off by 2 where the mask is True, 1000 where it is False",
            4.0,
            "frames outside cond.mask count neither in the sum nor in the number",
            off=2.0,
            mask=torch.tensor([[True, True, True], [True, False, False]]),
        ),
    ],
    [
        Slip(
            "the squares of a clip are summed, as printed, and not averaged",
            partial(loss, reduce="sum"),
        ),
        Slip("the error is not squared", partial(loss, power=1)),
        Slip("the model is to name x_0, not the noise", partial(loss, wanted="x_0")),
        Slip("t is drawn from 0..T-1", partial(loss, low=0, high=0)),
        Slip("t is drawn from 1..T-1: randint leaves the upper end out", partial(loss, high=0)),
        Slip("t is drawn from 0..T", partial(loss, low=0)),
        Slip("one t is drawn for the whole batch, not one a clip", partial(loss, each=False)),
        Slip("the mask is not looked at", partial(loss, reduce="nothing masked")),
        Slip(
            "masked frames count 0, but still count in the number that is divided by",
            partial(loss, reduce="all"),
        ),
    ],
)


# ---- Eq. 4 ----


def mean(
    self, x_t, t, eps, root=True, divisor="noise", share="beta", shift=0, sign=-1, bar_shift=0
):
    t = t + shift
    alpha = self.alphas[t].view(-1, 1, 1).to(x_t)
    bar = self.alphas_cumprod[t + bar_shift].view(-1, 1, 1).to(x_t)
    part = {"beta": 1 - alpha, "root": (1 - alpha).sqrt(), "bar": 1 - bar}[share]
    below = {"noise": (1 - bar).sqrt(), "variance": 1 - bar, "own": (1 - alpha).sqrt()}[divisor]
    scale = {True: alpha.sqrt(), False: alpha, "none": 1.0, "bar": bar.sqrt()}[root]
    return (x_t + sign * part / below * eps) / scale


def p_case(words, times, why):
    alpha, bar_alpha = [1, 0.5, 0.64], [1, 0.5, 0.32]
    answer = [
        [[(1 - (1 - alpha[t]) / math.sqrt(1 - bar_alpha[t]) * 0.3) / math.sqrt(alpha[t])]]
        for t in times
    ]

    def ask(p_mean):
        x_t, t = at(1.0, *times)
        return p_mean(tables(), x_t, t, torch.full_like(x_t, 0.3))

    return Case(f"x_t = 1, eps = 0.3, {words}; {TWO}", ask, answer, why)


P_MEAN = Exercise(
    "p_mean",
    "mfr.motion.diffusion:GaussianDiffusion.p_mean",
    "05_the_reverse_chain.md#equation-4-the-mean",
    TESTS,
    SELF,
    [
        p_case("t = 1", [1], "(1 - 0.5/sqrt(0.5) 0.3)/sqrt(0.5)"),
        p_case("t = 2", [2], "(1 - 0.36/sqrt(0.68) 0.3)/sqrt(0.64)"),
        p_case("t = 1 and t = 2 in one batch", [1, 2], "each clip by its own t"),
    ],
    [
        Slip("the division by sqrt(alpha_t) is missing", partial(mean, root="none")),
        Slip("it is divided by alpha_t and not by its square root", partial(mean, root=False)),
        Slip(
            "it is divided by sqrt(bar alpha_t): that gives x_0's scale, not the step's",
            partial(mean, root="bar"),
        ),
        Slip(
            "the noise is divided by 1 - bar alpha_t and not by its square root",
            partial(mean, divisor="variance"),
        ),
        Slip(
            "sqrt(1 - alpha_t) stands where sqrt(1 - bar alpha_t) belongs",
            partial(mean, divisor="own"),
        ),
        Slip("sqrt(1 - alpha_t) stands where 1 - alpha_t belongs", partial(mean, share="root")),
        Slip(
            "1 - bar alpha_t stands where 1 - alpha_t belongs: all the noise is taken away",
            partial(mean, share="bar"),
        ),
        Slip("the table is read at t - 1", partial(mean, shift=-1)),
        Slip(
            "bar alpha is read at t - 1, alpha at t: at t = 1 it divides by 0",
            partial(mean, bar_shift=-1),
        ),
        Slip("the noise is added and not subtracted", partial(mean, sign=1)),
    ],
)

EXERCISES = [LINEAR, COSINE, Q_SAMPLE, NOISE_LOSS, P_MEAN]
