r"""How fast a 60 s clip is sampled: python -m tests.benchmarks.bench_sampling [--rounds N]

Ours: all windows in one batch, speaker keys and values computed once, float32 and bfloat16.
Peer: stock nn.TransformerDecoder of the same width, heads, layers and feed-forward in float32, one
window at a time, at the same number of steps. The peer's work is the smaller: it has no identity
tokens and no modulation. A few steps are timed and the whole is their multiple, as every step
costs the same. Rounds of ours and the peer's alternate; the ratios are of medians. On a busy
machine read the ratio by CPU time, with --threads 1.
Then the scheduler alone, against diffusers where that is installed.
"""

import argparse
import os
import time

import torch
from torch import nn

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM, FPS, preset
from mfr.motion.clips import ClipDenoiser, num_windows
from mfr.motion.condition import Condition
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.motion.model import noise_predictor
from mfr.motion.tokens import TimeEmbedding, sinusoid

FRAMES = 60 * FPS
TARGETS = {"float32": 1.7, "bfloat16": 3.5}


class Stock(nn.Module):
    r"""The same task by torch's own decoder: latents attend to speaker, attitude and time."""

    def __init__(self, config):
        super().__init__()
        width = config.width
        self.latent = nn.Linear(COEFFICIENT_DIM, width)
        self.speaker = nn.Linear(AUDIO_DIM + COEFFICIENT_DIM, width)
        self.attitude = nn.Linear(len(ATTITUDES), width)
        self.time = TimeEmbedding(width)
        layer = nn.TransformerDecoderLayer(
            width,
            config.heads,
            config.feedforward,
            dropout=0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.decoder = nn.TransformerDecoder(layer, config.layers, nn.LayerNorm(width))
        self.out = nn.Linear(width, COEFFICIENT_DIM)
        positions = sinusoid(torch.arange(config.window), width, torch.float32)
        self.register_buffer("positions", positions)

    def forward(self, x_t, t, cond):
        speaker = self.speaker(torch.cat([cond.audio, cond.speaker], -1)) + self.positions
        attitude, step = self.attitude(cond.attitude)[:, None], self.time(t)[:, None]
        memory = torch.cat([speaker, attitude, step], 1)
        return self.out(self.decoder(self.latent(x_t) + self.positions, memory))


def condition(config, frames, generator):
    def draw(*shape):
        return torch.randn(shape, generator=generator)

    return Condition(
        draw(1, frames, AUDIO_DIM),
        draw(1, frames, COEFFICIENT_DIM),
        draw(1, config.identity_dim),
        torch.eye(3)[:1],
        draw(1, COEFFICIENT_DIM),
    )


def seconds(action):
    r"""Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return torch.tensor([time.perf_counter() - wall, time.process_time() - cpu])


def compare(name, rounds, generator):
    r"""One preset: seconds of a clip's step, ours in two precisions and the peer's."""
    config = preset("motion", name)
    diffusion = GaussianDiffusion(linear_beta_schedule(config.T))
    windows, steps = num_windows(FRAMES, config.window, config.stride), 2
    clip = condition(config, FRAMES, generator)
    window = condition(config, config.window, generator)
    ours = {
        dtype: noise_predictor(config).eval().to(dtype) for dtype in (torch.float32, torch.bfloat16)
    }
    stock = Stock(config).eval()

    def sample_clip(model):
        shape = (1, FRAMES, COEFFICIENT_DIM)
        denoiser = ClipDenoiser(model, clip, past=config.past)
        diffusion.sample(denoiser, shape, None, generator, steps, 0.0)

    def sample_window():
        shape = (1, config.window, COEFFICIENT_DIM)
        diffusion.sample(stock, shape, window, generator, 5 * steps, 0.0)

    timed = {"peer": []} | {str(dtype).split(".")[1]: [] for dtype in ours}
    for i in range(rounds + 1):  # the first one warms up
        found = {"peer": seconds(sample_window) / 5 * windows}
        for dtype, model in ours.items():
            found[str(dtype).split(".")[1]] = seconds(lambda model=model: sample_clip(model))
        for key, value in found.items() if i else ():
            timed[key].append(value / steps)
    medians = {key: torch.stack(values).median(0).values for key, values in timed.items()}
    print(f"{name}: width {config.width}, {windows} windows of {FRAMES} frames, a step of all")
    print(f"  stock decoder, one by one {1e3 * medians['peer'][0]:8.1f} ms")
    for dtype, target in TARGETS.items():
        wall, cpu = (medians["peer"] / medians[dtype]).tolist()
        print(
            f"  ours in {dtype:9s}         {1e3 * medians[dtype][0]:8.1f} ms  {wall:5.2f} x "
            f"({cpu:5.2f} x by CPU time; aim {target} x)"
        )


def scheduler(generator):
    r"""The arithmetic of a step without any network, and its equality with diffusers'."""
    diffusion, shape, eps = GaussianDiffusion(linear_beta_schedule(1000)), (1, 40, 70), None
    eps = torch.randn(shape, generator=generator)
    ours = {}
    for name, steps in (("DDPM", None), ("DDIM", 1000)):
        action = lambda steps=steps: diffusion.sample(  # noqa: E731
            lambda x_t, t, cond: eps, shape, None, generator, steps, 0.0
        )
        ours[name] = min(seconds(action)[1].item() for _ in range(5)) / 1000
        print(f"scheduler: our {name} step {1e6 * ours[name]:.1f} us at batch 1")
    try:
        from diffusers import DDIMScheduler, DDPMScheduler
    except ImportError:
        print("scheduler: diffusers is not installed; its equality and speed are skipped")
        return
    betas = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    peers = {
        "DDPM": (DDPMScheduler(1000, clip_sample=False, **betas), 1000, {}),
        "DDIM": (
            DDIMScheduler(1000, clip_sample=False, timestep_spacing="trailing", **betas),
            25,
            {"eta": 0.5},
        ),
    }

    def predictor(x_t, t, cond):  # the optimal one for data of N(1/2, 1/4)
        bar_alpha = diffusion.alphas_cumprod[t].float().view(-1, 1, 1)
        eps = (1 - bar_alpha).sqrt() * (x_t - bar_alpha.sqrt() / 2)
        return eps / (bar_alpha / 4 + 1 - bar_alpha)

    for name, (peer, count, options) in peers.items():
        found = diffusion.sample(
            predictor,
            shape,
            None,
            torch.Generator().manual_seed(0),
            None if name == "DDPM" else count,
            0.5,
        )
        same = torch.Generator().manual_seed(0)
        x = torch.randn(shape, generator=same)
        peer.set_timesteps(count)
        for t in peer.timesteps:
            x = peer.step(predictor(x, t + 1, None), t, x, generator=same, **options).prev_sample
        error = ((found - x).abs().max() / x.abs().max()).item()
        peer.set_timesteps(1000)
        walk = lambda peer=peer: [peer.step(eps, t, eps) for t in peer.timesteps]  # noqa: E731
        cost = min(seconds(walk)[1].item() for _ in range(3)) / 1000
        print(
            f"scheduler: diffusers' {name} step {1e6 * cost:.1f} us, {cost / ours[name]:.1f} x "
            f"ours; {count} steps differ by {error:.1e} of the largest value (aim 1e-5)"
        )


def main():
    r"""Print every ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds a preset")
    parser.add_argument("--threads", type=int, default=2, help="torch threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = torch.Generator().manual_seed(0)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"torch {torch.__version__}, {arguments.threads} threads, load average {load:.1f}")
    for name in ("paper", "small"):
        compare(name, arguments.rounds, generator)
    scheduler(generator)


if __name__ == "__main__":
    main()
