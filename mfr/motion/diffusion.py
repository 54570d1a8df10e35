r"""Denoising diffusion of motion coefficients (Sec. 3.1, Eq. 1-4).

t runs 1..T as printed. Every table has T + 1 entries in float64; entry 0 is the clean data, so
alphas_cumprod[0] = 1, posterior_variance[1] = 0, and no line needs a shifted table or a special
case. (Libraries that count from 0 keep the value of step t at index t - 1.)
The predictor is any eps_model(x_t, t, cond) -> noise of x_t's shape. Nothing is clamped.
"""

import math

import torch

from mfr.motion import samplers


def linear_beta_schedule(T):
    r"""beta_t from 0.1/T to 20/T in equal steps: (T,) float64, 1e-4 .. 0.02 at T = 1000.

    Ours: the paper prints no schedule; at T = 1000 this is Ho et al.'s, and sqrt(bar_alpha_T) <=
    exp(-5.025) = 0.0066 for every T. At T <= 20 the last beta would reach 1; there each step takes
    its share of the same noise in continuous time, 1 - exp(-integral).

    Raises:
        ValueError: T is below 1.
    """
    _check_steps(T)
    if T > 20:
        return torch.linspace(0.1, 20, T, dtype=torch.float64) / T
    middle = (torch.arange(1, T + 1, dtype=torch.float64) - 0.5) / T
    return 1 - torch.exp(-(0.1 + 19.9 * middle) / T)


def cosine_beta_schedule(T):
    r"""beta_t such that bar_alpha_t = cos^2(pi/2 (t/T + s)/(1 + s)), s = 0.008: (T,) float64.

    Ours: the paper prints no schedule; this is iDDPM's. The last beta would be 1; it is capped at
    0.999, and at 0.99995 for T <= 4, where 0.999 would leave more than 0.01 of the signal.

    Raises:
        ValueError: T is below 1.
    """
    _check_steps(T)
    time = torch.arange(T + 1, dtype=torch.float64) / T
    signal = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
    return (1 - signal[1:] / signal[:-1]).clamp(max=0.999 if T > 4 else 0.99995)


class GaussianDiffusion:
    r"""The tables of a variance schedule and every formula that reads them.

    Paper: Sec. 3.1.

    Args:
        betas: (T,) variances of the T forward steps, each in (0, 1).
        variance: posterior (tilde beta_t) | beta: the constant Sigma_theta of the chain.

    Raises:
        ValueError: betas are not a vector inside (0, 1), or the variance is unknown.
    """

    def __init__(self, betas, variance="posterior"):
        betas = torch.as_tensor(betas, dtype=torch.float64)
        if betas.dim() != 1 or len(betas) == 0:
            raise ValueError(f"betas have shape {tuple(betas.shape)}; allowed: (T,) with T >= 1")
        if not bool(((betas > 0) & (betas < 1)).all()):
            low, high = betas.min().item(), betas.max().item()
            raise ValueError(f"betas span {low} .. {high}; allowed: inside (0, 1)")
        if variance not in ("posterior", "beta"):
            raise ValueError(f"variance {variance!r} is unknown; allowed: posterior, beta")
        self.T = len(betas)
        # q(x_t | x_{t-1}) and q(x_t | x_0); entry 0 is the clean data
        self.betas = torch.cat([betas.new_zeros(1), betas])  # (T + 1,)
        self.alphas = 1 - self.betas
        self.alphas_cumprod = self.alphas.cumprod(0)
        self.noise_variance = 1 - self.alphas_cumprod  # of x_t given x_0
        self.signal, self.noise = self.alphas_cumprod.sqrt(), self.noise_variance.sqrt()
        # q(x_{t-1} | x_t, x_0)
        kept = self.noise_variance[:-1] / self.noise_variance[1:]  # (T,)
        self.posterior_variance = torch.cat([betas.new_zeros(1), self.betas[1:] * kept])
        # Sigma_theta of p_theta(x_{t-1} | x_t), a constant for each t
        self.chain_variance = self.posterior_variance if variance == "posterior" else self.betas
        # p_theta's mean, Eq. (4)
        self.kept, self.eps_share = self.alphas.sqrt(), (1 - self.alphas) / self.noise
        self._sent = {}  # (name, device) -> the table there, float32: not every device has float64

    def __deepcopy__(self, memo):
        return self  # nothing in it changes

    def q_sample(self, x_0, t, noise):
        r"""Draw x_t ~ q(x_t | x_0) = N(sqrt(bar_alpha_t) x_0, (1 - bar_alpha_t) I), (B, L, D).

        Paper: Sec. 3.1, closed form of Eq. (2); the printed formula lost its bars. t is (B,) int64
        in 0..T [diffusion steps], 0 returns x_0; the noise (B, L, D) is standard normal.

        Raises:
            ValueError: x_0 and noise differ in shape, or t is outside 0..T.
        """
        if x_0.shape != noise.shape:
            raise ValueError(f"noise {tuple(noise.shape)} must have x_0's {tuple(x_0.shape)}")
        return self.at("signal", t, x_0) * x_0 + self.at("noise", t, x_0) * noise

    def noise_loss(self, eps_model, x_0, cond, generator, by_quartile=False, weights=None):
        r"""E |eps - eps_theta(x_t, t, input)|^2 over uniform t, as a mean per element.

        Paper: Eq. (3). Ours: the printed norm is a sum; the mean differs by the constant L D and
        does not depend on how long a clip is. Frames outside cond.mask (B, L) count for nothing.

        Args:
            x_0: (B, L, D) clean coefficients.
            generator: source of t and of the noise.
            weights: (T + 1,), what an error at each t counts; None, all alike, as printed.

        Returns:
            A scalar; by_quartile also the loss of each quarter of 1..T, (4,), NaN if not drawn.
        """
        t = _randint(1, self.T, len(x_0), generator, x_0.device)
        noise = _randn(x_0.shape, generator, x_0)
        eps = eps_model(self.q_sample(x_0, t, noise), t, cond)
        error = ((noise - eps) ** 2).mean(-1)  # (B, L)
        if weights is not None:
            error = error * samplers.per_clip(weights[t], error)
        mask = getattr(cond, "mask", None)
        real = torch.ones_like(error) if mask is None else mask.to(error)  # (B, L) of 0 and 1
        if mask is not None:
            error = error.masked_fill(~mask, 0)
        loss = error.sum() / real.sum()
        if not by_quartile:
            return loss
        quarter = (t - 1) * 4 // self.T  # (B,) in 0..3
        sums, counts = (
            error.new_zeros(4).index_add(0, quarter, frames.detach().sum(1))
            for frames in (error, real)
        )
        return loss, sums / counts

    def p_mean(self, x_t, t, eps):
        r"""mu_theta = (x_t - (1 - alpha_t)/sqrt(1 - bar_alpha_t) eps) / sqrt(alpha_t), (B, L, D).

        Paper: Eq. (4). The mean of p_theta(x_{t-1} | x_t), with eps (B, L, D) and t (B,) int64.

        Raises:
            ValueError: t is outside 1..T.
        """
        share = self.at("eps_share", t, x_t, first=1)
        return (x_t - share * eps) / self.at("kept", t, x_t, first=1)

    def reverse_steps(self, steps=None, eta=1.0, order=1):
        r"""The sampler as a list of ReverseStep (floats), t falling, the last one without noise.

        Affine steps, worked out in float64 before the loop: steps None, Eq. (1)'s chain T..1, which
        does not read eta; else the walk of samplers.ddim_walk.

        Raises:
            ValueError: steps, eta or order are not allowed.
        """
        if steps is not None:
            return samplers.ddim_walk(self, steps, eta, order)
        if order != 1:
            raise ValueError(f"order is {order} with None steps; allowed: 1 for the chain")
        t = torch.arange(self.T, 0, -1, device=self.betas.device)
        one = torch.ones_like(self.betas[t])[:, None, None]  # (T, 1, 1), a clip for each t
        # Eq. (4) is linear in (x_t, eps): its coefficients are its values at (1, 0) and (0, 1)
        x_scale = self.p_mean(one, t, 0 * one).flatten()
        eps_scale = self.p_mean(0 * one, t, one).flatten()
        std = self.chain_variance[t].sqrt()
        return samplers.listed(t, x_scale, eps_scale, std, torch.zeros_like(std))

    @torch.no_grad()
    def sample(
        self,
        eps_model,
        shape,
        cond,
        generator,
        steps=None,
        eta=1.0,
        progress=None,
        known=None,
        held=None,
        device=None,
        dtype=torch.float32,
        order=1,
        x_T=None,
    ):
        r"""Draw x_0 ~ p_theta, (B, L, D), by walking x_T ~ N(0, I) back to x_0.

        Paper: Eq. (1). Ours: DDIM when steps is given (see reverse_steps); held frames, whose noise
        is known and not predicted: at every t they are draws of q(x_t | known) (the posterior
        variance given), and they end as known.

        Args:
            eps_model: eps_model(x_t, t, cond) -> noise of x_t's shape.
            generator: source of x_T and of every step's noise.
            progress: None or progress(done, total), called after each step.
            known: (B, L, D) or broadcastable, clean values of the held frames.
            held: bool, broadcastable to (B, L, 1): frames that are known.
            device: where to sample; the generator's by default.
            x_T: (B, L, D) noise to begin with, or None to draw it.

        Raises:
            ValueError: steps, eta or order are not allowed, or only one of known and held is given.
        """
        if (known is None) != (held is None):
            raise ValueError("known and held: one is None; allowed: both or neither")
        plan = self.reverse_steps(steps, eta, order)
        like = torch.empty(0, device=device or generator.device, dtype=dtype)
        x = _randn(shape, generator, like) if x_T is None else x_T.to(like)
        times = torch.tensor([step.t for step in plan], device=like.device)
        if held is not None:
            x = self.hold(plan[0].t, x, known, held)
        x_0 = None  # as the last step implied it
        for done, step in enumerate(plan):
            eps = eps_model(x, times[done].expand(shape[0]), cond)
            x, x_0 = self.advance(step, x, eps, x_0, known, held, order == 2)
            if step.std > 0:
                x.add_(_randn(shape, generator, like), alpha=step.std)
            if progress is not None:
                progress(done + 1, len(plan))
        return x if held is None else self.hold(0, x, known, held)

    def hold(self, t, x, known, held):
        r"""x (B, L, D), but where held q_sample(known, t, x); t is an int in 0..T."""
        signal, noise = float(self.signal[t]), float(self.noise[t])
        return torch.where(held, signal * known + noise * x, x)

    def advance(self, step, x, eps, before=None, known=None, held=None, second=False):
        r"""A ReverseStep but for its noise: x_t, eps (B, L, D) -> (x_s, the x_0 that eps implies).

        before is the x_0 of the step before. The noise in held frames is known. Only a
        second-order step asks for x_0; without `second` it is None.
        """
        signal, noise = float(self.signal[step.t]), float(self.noise[step.t])
        if held is not None:
            eps = torch.where(held, (x - signal * known) / noise, eps)
        x_0 = (x - noise * eps) / signal if second else None
        x = (step.x_scale * x).add_(eps, alpha=step.eps_scale)
        if step.turn:
            x.add_(x_0 - before, alpha=step.turn)
        return x, x_0

    def at(self, table, t, x, first=0):
        r"""Entries of a table, by name, at t (B,), in x's dtype, shaped to multiply x (B, ...).

        Raises:
            ValueError: a t is outside first .. T.
        """
        if t.device.type == "cpu" and not first <= int(t.min()) <= int(t.max()) <= self.T:
            low, high = int(t.min()), int(t.max())
            raise ValueError(f"t spans {low} .. {high}; allowed: {first} .. T = {self.T}")
        return samplers.per_clip(self._near(table, t.device)[t], x)

    def _near(self, table, device):
        """The table on a device: float64 here, float32 elsewhere, where it goes once."""
        if device.type == "cpu":
            return getattr(self, table)
        if (table, device) not in self._sent:
            self._sent[table, device] = getattr(self, table).float().to(device)
        return self._sent[table, device]


def build(config):
    r"""The GaussianDiffusion that a MotionConfig asks for: its schedule, T and variance.

    Raises:
        ValueError: the schedule is unknown.
    """
    schedules = {"linear": linear_beta_schedule, "cosine": cosine_beta_schedule}
    if config.schedule not in schedules:
        allowed = ", ".join(schedules)
        raise ValueError(f"schedule {config.schedule!r} is unknown; allowed: {allowed}")
    return GaussianDiffusion(schedules[config.schedule](config.T), config.variance)


def _check_steps(T):
    if T < 1:
        raise ValueError(f"T is {T}; allowed: >= 1")


def _randn(shape, generator, like):
    """Standard normal drawn on the generator's device, moved to like's device and dtype."""
    return torch.randn(shape, generator=generator, device=generator.device).to(like)


def _randint(low, high, count, generator, device):
    """Uniform integers low..high, both included, drawn on the generator's device."""
    drawn = torch.randint(low, high + 1, (count,), generator=generator, device=generator.device)
    return drawn.to(device)
