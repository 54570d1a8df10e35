r"""Runs that are killed at any moment and go on. Oracle: the same run that nobody killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mfr.training import checkpoint, watching

ROOT = Path(__file__).parents[2]
TINY = {
    "identity": ["--width=8"],
    "reconstruction": ["--width=8"],
    "motion": ["--width=16", "--layers=1", "--heads=2", "--feedforward=16"],
    "renderer": ["--width=16", "--descriptor-dim=16", "--targets=1", "--face-steps=2"]
    + ["--warp-steps=4", "--gan-start=6"],
    "finder": ["--width=4", "--pictures=20"],
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", TINY)
def test_kills_leave_what_a_run_without_them_leaves(stage, vico_folder, cutouts, tmp_path):
    folder = cutouts if stage == "finder" else vico_folder
    words = [stage, "--data", str(folder), *TINY[stage], "--batch-size=4", "--steps=10"]
    subprocess.run(
        [sys.executable, Path(__file__).with_name("killed.py"), tmp_path, *words, "--device=cpu"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    for twin in ("timed", "torn"):
        for name in (f"{stage}.pt", f"{stage}/last.pt"):
            whole, again = (checkpoint.load(tmp_path / r / name, stage) for r in ("whole", twin))
            assert whole.keys() == again.keys()
            alike(whole, again, f"{twin} {name}")
        logs = [watching.read_log(tmp_path / r / stage / "log.jsonl") for r in ("whole", twin)]
        whole, again = ([(e["step"], e["held_out"]) for e in log] for log in logs)
        assert whole == again
        files = (
            sorted(p.relative_to(tmp_path / r) for p in (tmp_path / r).rglob("*"))
            for r in ("whole", twin)
        )
        assert next(files) == next(files)  # nothing half-written lies about


def alike(one, other, name):
    r"""Everything in two checkpoints, bit for bit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), name
        for key in one:
            alike(one[key], other[key], f"{name} {key}")
    elif isinstance(one, list):
        for i, pair in enumerate(zip(one, other, strict=True)):
            alike(*pair, f"{name} {i}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), name
    else:
        assert one == other, name
