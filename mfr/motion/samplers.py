r"""Shorter walks from noise to data than Eq. (1)'s: DDIM, and a second-order one.

The paper samples with all T steps. Every function here reads the tables of a GaussianDiffusion and
is affine in (x_t, eps), so that a walk is worked out in float64 before it begins, as a list of
ReverseStep.
"""

from typing import NamedTuple

import torch


class ReverseStep(NamedTuple):
    r"""One step of a sampler: x_s = x_scale x_t + eps_scale eps + std z + turn (x_0 - x_0').

    x_0 is what eps implies, x_0' what the step before it implied.
    """

    t: int
    x_scale: float
    eps_scale: float
    std: float
    turn: float = 0.0


def spaced_steps(T, count, power=2.0):
    r"""t_i = T (i/n)^p, i = 1 .. n: the steps of a short DDIM walk, closer together near the data.

    With few steps DDIM narrows what it draws; spacing them by the square loses about half as much
    as even spacing (p = 1) does. The list falls from T and holds each t once, so it is shorter
    than n where several round to one.

    Raises:
        ValueError: n is outside 1 .. T, or p below 1.
    """
    if not 1 <= count <= T:
        raise ValueError(f"steps is {count}; allowed: 1 .. T = {T}")
    if power < 1:
        raise ValueError(f"power is {power}; allowed: >= 1")
    return sorted({max(1, round(T * (i / count) ** power)) for i in range(1, count + 1)})[::-1]


def ddim_mean(tables, x_t, t, s, eps, eta):
    r"""sqrt(bar_alpha_s) x_0 + sqrt(1 - bar_alpha_s - std^2) eps, x_0 as eps implies it.

    DDIM's mean of x_s given x_t (B, L, D), for any s < t, (B,) int64 in 0..T [diffusion steps].
    std is that of ddim_std, eta its share of the posterior's.

    Raises:
        ValueError: t or s is outside the tables.
    """
    x_0 = (x_t - tables.at("noise", t, x_t, first=1) * eps) / tables.at("signal", t, x_t, first=1)
    kept = tables.noise_variance[s] - ddim_std(tables, t, s, eta) ** 2  # noise that stays eps
    kept = per_clip(kept.clamp(min=0).sqrt(), x_t)
    return tables.at("signal", s, x_t) * x_0 + kept * eps


def ddim_std(tables, t, s, eta):
    r"""eta sqrt((1 - bar_alpha_s)/(1 - bar_alpha_t)) sqrt(1 - bar_alpha_t/bar_alpha_s).

    (B,) float64. At eta = 1 and s = t - 1 its square is the posterior variance of Eq. (1).
    """
    remaining = tables.noise_variance[s] / tables.noise_variance[t]
    added = 1 - tables.alphas_cumprod[t] / tables.alphas_cumprod[s]
    return eta * (remaining * added).sqrt()


def second_order(tables, t, s):
    r"""(sqrt(bar_alpha_s) - sqrt(1 - bar_alpha_s) e^-l_t) h / (2 h'), what a turn of x_0 adds.

    DPM-Solver++(2M). l_t = log sqrt(bar_alpha_t / (1 - bar_alpha_t)), h = l_s - l_t, h' that of
    the step before. DDIM takes x_0 for constant over a step, and so draws too narrow a law; here
    it changes as it did over the last one. Not in the first step, which has none, nor in the last,
    which only reads x_0 off. t falls, (n,) int64; s is where each step leads, the last to 0:
    (n,) float64.
    """
    signal, noise = tables.signal, tables.noise
    level = (signal / noise).log()
    h = level[s] - level[t]  # the last one is infinite
    turn = torch.zeros_like(h)
    gained = signal[s] - noise[s] * signal[t] / noise[t]
    turn[1:-1] = (gained[1:] * h[1:] / (2 * h[:-1]))[:-1]
    return turn


def ddim_walk(tables, steps, eta, order=1):
    r"""DDIM over some of the t as a list of ReverseStep, t falling, the last one without noise.

    Args:
        tables: GaussianDiffusion.
        steps: n, the n steps round(T i/n); or the t themselves.
        eta: noise, in [0, 1].
        order: 1, DDIM; 2, each step also looks at the one before (second_order).

    Raises:
        ValueError: steps are not among 1..T, eta is outside [0, 1], or order is not allowed.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta is {eta}; allowed: 0 .. 1")
    if order not in (1, 2) or (order == 2 and eta):
        raise ValueError(f"order is {order} with eta {eta}; allowed: 1, or 2 with eta 0")
    t = torch.tensor(_visited(tables.T, steps))  # (n,) falling
    s = torch.cat([t[1:], t.new_zeros(1)])
    one, zero = torch.ones_like(tables.betas[t]), torch.zeros_like(tables.betas[t])
    std = ddim_std(tables, t, s, eta)
    turn = second_order(tables, t, s) if order == 2 else zero
    # the mean is linear in (x_t, eps): its two coefficients are its values at (1, 0) and (0, 1)
    x_scale = ddim_mean(tables, one, t, s, zero, eta)
    eps_scale = ddim_mean(tables, zero, t, s, one, eta)
    return listed(t, x_scale, eps_scale, std, turn)


def listed(t, x_scale, eps_scale, std, turn):
    r"""Five (n,) tensors as n ReverseSteps; nothing is added to x_0."""
    std[-1] = 0
    rows = zip(*(x.tolist() for x in (t, x_scale, eps_scale, std, turn)))
    return [ReverseStep(*row) for row in rows]


def per_clip(values, x):
    r"""(B,) in x's dtype, shaped to multiply x (B, ...)."""
    return values.to(x.dtype).view(-1, *[1] * (x.dim() - 1))


def _visited(T, steps):
    """The t that a walk visits, falling."""
    if isinstance(steps, int):
        if not 1 <= steps <= T:
            raise ValueError(f"steps is {steps}; allowed: 1 .. T = {T}")
        return [round(T * i / steps) for i in range(steps, 0, -1)]
    times = sorted({int(t) for t in steps}, reverse=True)
    if not times or times[0] > T or times[-1] < 1:
        raise ValueError(f"steps visit {times}; allowed: one or more of 1 .. T = {T}")
    return times
