r"""A long clip denoised a few windows at a time, step behind step.

All windows of a clip are denoised together (mfr.motion.clips), yet a frame's next value asks only
for the windows over that frame. So the second step may be taken at the clip's beginning while the
first is still on its way, and so on: the steps of the walk follow each other through the clip, each
a few windows behind the one before it, and what the last has passed is finished. It is the same
walk, and what it holds does not grow with the clip.
"""

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from mfr.motion.clips import join, num_windows, split, split_condition
from mfr.motion.condition import Condition


class Walk(NamedTuple):
    r"""What the steps of one clip's walk share."""

    eps_model: object  # a predictor for windows, with prepare(cond)
    cond: Condition  # of the clip
    standardised: object  # a function of a part of cond: that part as the predictor wants it
    diffusion: object  # GaussianDiffusion
    plan: list  # of ReverseStep
    window: int
    stride: int
    past: int = 0
    group: int = 8  # windows predicted at once
    second: bool = False  # a step also looks at the one before, see samplers.second_order
    known: Optional[Tensor] = None  # (1, 1, D) clean values of the frames that are held
    held: Optional[Tensor] = None  # (1, L, 1) bool

    @property
    def reach(self):
        r"""How many frames a group of windows covers."""
        return (self.group - 1) * self.stride + self.window

    def shift(self, number):
        r"""Frames by which a step's windows begin before the clip; see ClipDenoiser."""
        return number % 2 * (self.stride // 2)


def take_walk(walk, x, generator, progress=None):
    r"""Turn a clip's noise into x_0 where it lies; an iterator: how many frames are finished.

    As GaussianDiffusion.sample with a ClipDenoiser does, but for rounding, if no step adds noise;
    one that does draws its own, of the same law.

    Args:
        walk: Walk.
        x: (K, L, D) noise, which is overwritten from the first frame on.
        generator: source of the noise of later steps, where they have some.
        progress: progress(done, total), called after each group of windows, or None.
    """
    length, part = x.shape[1], walk.group * walk.stride
    seed = 0
    if any(step.std > 0 for step in walk.plan):
        device = generator.device
        seed = int(torch.randint(2**62, (1,), generator=generator, device=device))
    steps = [_Step(walk, number, x, seed + number) for number in range(len(walk.plan))]
    groups = [num_windows(walk.shift(i) + length, walk.window, walk.stride) for i in range(2)]
    groups = [-(-windows // walk.group) for windows in groups]
    total = sum(groups[i % 2] for i in range(len(steps)))
    finished = 0
    for first in range(0, length, part):
        moved = x[:, first : first + part].clone()
        if walk.held is not None:
            held = walk.held[:, first : first + part]
            moved = walk.diffusion.hold(walk.plan[0].t, moved, walk.known, held)
        before = torch.zeros_like(moved) if walk.second else None  # the first step does not ask
        for step in steps:
            moved, before = step.push(moved, before, first + part >= length)
            if progress is not None:
                progress(sum(step.groups for step in steps), total)
        until = finished + moved.shape[1]
        if walk.held is not None:
            moved = walk.diffusion.hold(0, moved, walk.known, walk.held[:, finished:until])
        x[:, finished:until] = moved
        finished = until
        yield finished


class _Step:
    """One step on its way through the clip: x_t comes in, x_s goes out a few windows later."""

    def __init__(self, walk, number, like, seed):
        self.walk, self.step, shift = walk, walk.plan[number], walk.shift(number)
        self.start = -shift  # frame of the clip at which x begins, and the next window
        self.x = like.new_zeros(len(like), shift, like.shape[2])  # (K, n, D), x_t
        self.before = self.x if walk.second else None  # (K, n, D), x_0 of the step before
        # noise of the last windows, which reach into frames that come later
        self.tail = like.new_zeros(len(like), 0, walk.window, like.shape[2])
        self.noise = _Noise(like, walk.window, seed) if self.step.std > 0 else None
        self.groups = 0  # that were taken

    def push(self, x, before, last):
        """(x_s, the x_0 implied), (K, m, D), of the frames whose windows have all been seen."""
        self.x = torch.cat([self.x, x], 1)
        if before is not None:
            self.before = torch.cat([self.before, before], 1)
        done = [(x[:, :0], None if before is None else before[:, :0])]
        while self.x.shape[1] > self.walk.reach or (last and self.x.shape[1]):
            done.append(self._take_group())
        moved, implied = zip(*done)
        return torch.cat(moved, 1), None if before is None else torch.cat(implied, 1)

    @torch.no_grad()
    def _take_group(self):
        """The next windows, and the step on the frames that no later window covers."""
        walk, more = self.walk, self.x.shape[1] > self.walk.reach
        seen = self.x[:, : walk.reach]
        ready = walk.group * walk.stride if more else seen.shape[1]
        eps = torch.cat([self.tail, self._eps(seen)], 1)  # (K, W, window, D)
        earlier = self.tail.shape[1] * walk.stride
        overlapping = -(-walk.window // walk.stride) - 1  # windows over the next one's first frame
        self.tail = eps[:, max(0, eps.shape[1] - overlapping) :]
        eps = join(eps, earlier + seen.shape[1], walk.window, walk.stride)[:, earlier:]

        lead = max(0, -self.start)  # frames before the clip
        frames = slice(self.start + lead, self.start + ready)
        x, self.x = self.x[:, lead:ready], self.x[:, ready:]
        before = None
        if self.before is not None:
            before, self.before = self.before[:, lead:ready], self.before[:, ready:]
        held = None if walk.held is None else walk.held[:, frames]
        moved, implied = walk.diffusion.advance(
            self.step, x, eps[:, lead:ready], before, walk.known, held, walk.second
        )
        if self.noise is not None:
            moved.add_(self.noise.take(moved.shape[1]), alpha=self.step.std)
        self.start += ready
        self.groups += 1
        return moved, implied

    def _eps(self, seen):
        """The noise in the windows over (K, n, D), (K, W, window, D)."""
        walk = self.walk
        windows = split(seen, walk.window, walk.stride).transpose(0, 1)  # (W, K, window, D)
        count = len(windows) * windows.shape[1]
        t = torch.full((count,), self.step.t, device=seen.device)
        eps = walk.eps_model(windows.flatten(0, 1), t, self._heard(seen.shape[1]))
        return eps.view(windows.shape).transpose(0, 1)

    def _heard(self, frames):
        """The condition of the windows over the next frames, prepared."""
        walk, first = self.walk, self.start - self.walk.past
        inside = slice(max(0, first), self.start + frames)
        cond = walk.cond
        cond = cond._replace(audio=cond.audio[:, inside], speaker=cond.speaker[:, inside])
        windows = split_condition(
            walk.standardised(cond), walk.past + walk.window, walk.stride, shift=max(0, -first)
        )
        return walk.eps_model.prepare(windows)


class _Noise:
    """Standard normal frames, the same however many are taken at a time."""

    def __init__(self, like, block, seed):
        self.shape = (block, len(like), like.shape[2])
        self.generator = torch.Generator(like.device).manual_seed(seed)
        self.frames = like.new_zeros(0, *self.shape[1:])

    def take(self, count):
        """(K, count, D)."""
        while len(self.frames) < count:
            drawn = torch.randn(self.shape, generator=self.generator, device=self.frames.device)
            self.frames = torch.cat([self.frames, drawn.to(self.frames)])
        taken, self.frames = self.frames[:count], self.frames[count:]
        return taken.transpose(0, 1)
