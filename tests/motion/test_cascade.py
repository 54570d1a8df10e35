r"""Long clips a few windows at a time. Oracles: the same walk with all windows together; the law of
a predictor that is known in closed form; groups of other sizes; how far the steps lie apart."""

import pytest
import torch

from mfr.motion.cascade import Walk, take_walk
from mfr.motion.clips import ClipDenoiser, num_windows
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.motion.guidance import Guided
from tests.motion.test_clips import EXACT, condition, draw, random_model

TABLES = GaussianDiffusion(linear_beta_schedule(50))
STEPS = [50, 31, 17, 7, 2]


def walked(walk, x, seed=0):
    x = x.clone()
    ends = list(take_walk(walk, x, torch.Generator().manual_seed(seed)))
    assert ends[-1] == x.shape[1] and ends == sorted(ends)
    return x


def walk_of(model, cond, order=2, eta=0.0, **more):
    plan = TABLES.reverse_steps(STEPS, eta, order)
    shared = {"standardised": lambda part: part, "diffusion": TABLES, "plan": plan}
    shared |= {"window": 40, "stride": 20, "second": order == 2}
    return Walk(model, cond, **(shared | more))


@pytest.mark.parametrize("frames, group", [(331, 3), (120, 2), (100, 1), (41, 4), (7, 1)])
@pytest.mark.parametrize("past, order", [(0, 1), (23, 2)])
def test_step_behind_step_is_the_walk_with_all_windows_together(frames, group, past, order):
    model, cond, x = random_model(past), condition(frames), draw(5, 3, frames, 70)
    known, held = draw(6, 1, 1, 70), torch.arange(frames)[None, :, None] == 0
    together = TABLES.sample(
        ClipDenoiser(model, cond, past=past),
        x.shape,
        None,
        torch.Generator(),
        STEPS,
        0.0,
        None,
        known,
        held,
        dtype=torch.float64,
        order=order,
        x_T=x,
    )
    walk = walk_of(model, cond, order, past=past, group=group, known=known, held=held)
    torch.testing.assert_close(walked(walk, x), together, **EXACT)


@pytest.mark.parametrize("window, stride", [(40, 8), (40, 40), (7, 3)])
def test_windows_of_every_overlap_are_joined_as_in_whole_clips(window, stride):
    model, cond, x = random_model(), condition(211), draw(5, 1, 211, 70)
    guided = Guided(model, 1.7)
    denoiser = ClipDenoiser(guided, cond, window, stride)
    options = {"dtype": torch.float64, "order": 2, "x_T": x}
    together = TABLES.sample(denoiser, x.shape, None, torch.Generator(), STEPS, 0.0, **options)
    walk = walk_of(guided, cond, window=window, stride=stride, group=2)
    torch.testing.assert_close(walked(walk, x), together, **EXACT)


class Nothing:
    r"""Predicts no noise; remembers how many windows it was asked about at once."""

    def __init__(self):
        self.most = 0

    def prepare(self, cond):
        self.most = max(self.most, len(cond.audio))

    def __call__(self, x_t, t, prepared):
        return torch.zeros_like(x_t)


def test_what_is_held_does_not_grow_with_the_clip():
    asked = Nothing()
    walk = walk_of(asked, condition(3000), group=3)
    seen, lags = [], []
    ends = take_walk(walk, draw(0, 1, 3000, 70), torch.Generator(), lambda *at: seen.append(at))
    for number, finished in enumerate(ends):
        lags.append((number + 1) * 60 - finished)
    assert asked.most == 3  # windows
    # a step waits for the group's last window and half a stride: less than two groups
    assert max(lags) <= 2 * 60 * len(STEPS) and lags[-1] == 0
    assert seen[-1][0] == seen[-1][1]  # progress ends at its total
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    windows = [num_windows(3000, 40, 20), num_windows(3010, 40, 20)]
    assert seen[0][1] == 3 * -(-windows[0] // 3) + 2 * -(-windows[1] // 3)


def test_noise_of_the_steps_has_its_law_whatever_the_group():
    cond = condition(1200)
    x = draw(1, 40, 1200, 7)
    one = walked(walk_of(Nothing(), cond, 1, 1.0, group=2), x)
    assert torch.equal(one, walked(walk_of(Nothing(), cond, 1, 1.0, group=5), x))
    assert not torch.equal(one, walked(walk_of(Nothing(), cond, 1, 1.0, group=5), x, seed=1))
    scale, added = 1.0, 0.0  # x_0 = scale x_T + noise of variance `added`
    for step in TABLES.reverse_steps(STEPS, 1.0, 1):
        scale, added = scale * step.x_scale, added * step.x_scale**2 + step.std**2
    noise = one - scale * x
    spread = (2 / noise.numel()) ** 0.5  # sd of a variance over its value
    assert abs(noise.var().item() / added - 1) < 5 * spread
    near = (noise[:, 1:] * noise[:, :-1]).mean().item() / added
    assert abs(near) < 5 / noise.numel() ** 0.5  # neighbours, seams included, are independent
