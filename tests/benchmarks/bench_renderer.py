r"""Speed of the renderer on this machine, never to be quoted without the PSNR of the same weights.

    python -m tests.benchmarks.bench_renderer [--threads 2] [--seconds 3]

Prints GFLOP a frame by torch.utils.flop_counter (portrait encoding apart) and frames a second for
batches of 1 and 8, float32 and bfloat16.
"""

import argparse
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from mfr.config import COEFFICIENT_DIM, preset
from mfr.render.renderer import Renderer


def gflop(function, *arguments):
    r"""Multiply-adds times two of one call, in units of 1e9."""
    with FlopCounterMode(display=False) as counter:
        function(*arguments)
    return counter.get_total_flops() / 1e9


def frames_per_second(renderer, encoded, windows, seconds):
    r"""Best of three rounds, each of the given length after a warm-up."""
    for _ in range(3):
        renderer(encoded, windows)
    best = 0.0
    for _ in range(3):
        started, done = time.perf_counter(), 0
        while time.perf_counter() - started < seconds / 3:
            renderer(encoded, windows)
            done += len(windows)
        best = max(best, done / (time.perf_counter() - started))
    return best


@torch.inference_mode()
def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    config = preset("renderer")
    generator = torch.Generator().manual_seed(0)
    renderer = Renderer(config).eval().to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in renderer.parameters())
    portrait = torch.rand(1, 3, 256, 256, generator=generator)
    portrait = portrait.contiguous(memory_format=torch.channels_last)
    windows = 0.1 * torch.randn(8, config.window, COEFFICIENT_DIM, generator=generator)
    encoded = renderer.encode(portrait)
    print(f"renderer  {count / 1e6:.2f} M parameters; {options.threads} threads")
    print(f"portrait  {gflop(renderer.encode, portrait):.2f} GFLOP, once")
    print(f"frame     {gflop(renderer, encoded, windows[:1]):.2f} GFLOP")
    for dtype in (torch.float32, torch.bfloat16):
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            for batch in (1, 8):
                speed = frames_per_second(renderer, encoded, windows[:batch], options.seconds)
                print(f"{str(dtype)[6:]:9} batch {batch}: {speed:6.1f} frames/s")


if __name__ == "__main__":
    main()
