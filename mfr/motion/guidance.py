r"""What stands between a network and the diffusion: its output read as a velocity, and guidance.

Eq. (1), (3) and (4) want eps_theta(x_t, t, input) and ask no more of it. Each class here is such a
predictor around another one, with the same prepare(cond).
"""

from typing import NamedTuple

import torch


def drop_attitude(cond, share, generator):
    r"""Forget the attitude of some clips, so that guidance has a prediction without it.

    Classifier-free guidance; the paper has none. Of the Condition's attitudes (B, 3) those that are
    chosen, `share` of them in the mean, become zero rows.

    Raises:
        ValueError: the share is outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; allowed: 0 .. 1")
    clips = len(cond.attitude)
    drawn = torch.rand(clips, 1, generator=generator, device=generator.device)
    return cond._replace(attitude=cond.attitude * (drawn >= share).to(cond.attitude))


class VelocityPredictor:
    r"""eps = sqrt(1 - bar_alpha_t) x_t + sqrt(bar_alpha_t) v, v what the network puts out.

    Ours: the paper's network puts out eps. At large t, where it is decided whether and when the
    listener nods, eps is nearly x_t itself, and what speaker and attitude tell changes it by
    little; v = sqrt(bar_alpha_t) eps - sqrt(1 - bar_alpha_t) x_0 has the variance of x_0 there
    and of the noise at small t. From outside nothing changes: it predicts noise. largest_weight
    >= 1 limits an error's weight in Eq. (3) (see weights).
    """

    def __init__(self, network, diffusion, largest_weight=float("inf")):
        self.network, self.diffusion, self.largest_weight = network, diffusion, largest_weight
        self.prepare = network.prepare

    @property
    def weights(self):
        r"""c min(1 / bar_alpha_t, largest), (T + 1,): what an error of eps at each t counts.

        Without the limit Eq. (3) becomes E |v - v_theta|^2. But at the last t nothing is left of
        the motion: errors there cannot be made small, and their gradients are noise. c is such
        that a network which puts out 0 still loses 1, if x_0 has variance 1.
        """
        signal = self.diffusion.alphas_cumprod
        weights = (1 / signal).clamp(max=self.largest_weight)
        return weights / (weights * signal)[1:].mean()

    def __call__(self, x_t, t, cond):
        r"""The noise (B, L, D) in x_t (B, L, D), t (B,) int64 in 1..T [diffusion steps].

        cond is a Condition, or what prepare returned.
        """
        noise, signal = (self.diffusion.at(name, t, x_t) for name in ("noise", "signal"))
        return noise * x_t + signal * self.network(x_t, t, cond)


class GuidedCondition(NamedTuple):
    r"""2 B clips prepared at once: B with their attitude, then the same B without."""

    both: object


class Guided:
    r"""eps = eps_null + g (eps_cond - eps_null): classifier-free guidance on the attitude.

    The paper has none; g = 1 is the plain predictor, above 1 the attitude shows more than in the
    data. eps_null is the prediction without attitude, learnt by dropping it now and then while
    training.

    Raises:
        ValueError: the guidance g is negative.
    """

    def __init__(self, eps_model, guidance):
        if guidance < 0:
            raise ValueError(f"guidance is {guidance}; allowed: >= 0")
        self.eps_model = eps_model
        self.guidance = guidance

    def prepare(self, cond):
        r"""A Condition of B clips prepared with and without its attitude, as GuidedCondition."""
        both = [None if x is None else torch.cat([x, x]) for x in cond]
        attitude = torch.cat([cond.attitude, torch.zeros_like(cond.attitude)])
        return GuidedCondition(self.eps_model.prepare(cond._make(both)._replace(attitude=attitude)))

    def __call__(self, x_t, t, cond):
        r"""The guided noise (B, L, D) in x_t (B, L, D), t (B,) int64 in 1..T [diffusion steps].

        cond is a Condition, or what prepare returned.
        """
        prepared = cond if isinstance(cond, GuidedCondition) else self.prepare(cond)
        # one call for both: a window alone does not fill a core
        eps = self.eps_model(torch.cat([x_t, x_t]), torch.cat([t, t]), prepared.both)
        eps_cond, eps_null = eps.chunk(2)
        return eps_null + self.guidance * (eps_cond - eps_null)
