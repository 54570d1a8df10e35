r"""Several processes on one batch. Oracle: the mean of two gradients in one process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mfr import config
from mfr.training import checkpoint
from mfr.training.processes import Processes
from mfr.training.stages import STAGES
from train_mfr import learning_rate, noise_of

ROOT = Path(__file__).parents[2]
TINY = {
    "motion": {"width": 16, "layers": 1, "heads": 2, "feedforward": 16},
    "renderer": {"width": 16, "descriptor_dim": 16, "targets": 1, "warp_steps": 2, "gan_start": 4},
}


def test_shares_of_a_batch_are_all_of_it_once():
    rows = torch.arange(12)
    for size in (1, 2, 3, 6):
        parts = [rows[Processes(rank, size).share(12)] for rank in range(size)]
        assert torch.equal(torch.cat(parts), rows) and len({len(part) for part in parts}) == 1
    with pytest.raises(ValueError, match="batch of 12 for 5 processes; allowed: a multiple of 5"):
        Processes(0, 5).share(12)


def test_a_state_of_other_processes_is_refused():
    states = torch.arange(6, dtype=torch.uint8).view(2, 3)
    assert noise_of(states, Processes(1, 2), "last.pt").tolist() == [3, 4, 5]
    assert noise_of(states[0], Processes(), "last.pt").tolist() == [0, 1, 2]  # of older versions
    with pytest.raises(ValueError, match="last.pt: trained by 2 processes; now there are 3"):
        noise_of(states, Processes(0, 3), "last.pt")


def words(stage, folder, run, **more):
    settings = {**TINY[stage], "batch_size": 4, **more}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    return ["train_mfr.py", stage, f"--data={folder}", f"--run={run}", "--device=cpu", *options]


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["motion", "renderer"])
def test_two_processes_are_one_with_the_mean_of_their_gradients(stage, vico_folder, tmp_path):
    more = {"steps": 3} | ({"warp_steps": 1, "gan_start": 3} if stage == "renderer" else {})
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--standalone",
        "--",
    ]
    subprocess.run(
        [*torchrun, *words(stage, vico_folder, tmp_path, **more)],
        cwd=ROOT,
        env=environment(),
        check=True,
    )
    found = checkpoint.load(tmp_path / stage / "last.pt", stage)
    assert found["step"] == 3 and found["noise"].shape[0] == 2
    settings = config.preset(stage, **{**TINY[stage], "batch_size": 4, **more})
    torch.manual_seed(0)
    built = STAGES[stage](settings, vico_folder, tmp_path, "cpu")
    optimizer = torch.optim.AdamW(built.modules.parameters(), fused=True)
    draws = [torch.Generator().manual_seed(0) for _ in range(2)]
    noises = [torch.Generator().manual_seed(1_000_003 * rank) for rank in range(2)]
    for step in range(3):
        optimizer.param_groups[0]["lr"] = learning_rate(step, settings)
        optimizer.zero_grad(set_to_none=True)
        for rank in range(2):
            built.processes = Processes(rank, 2)
            (built.loss(step, draws[rank], noises[rank])[0] / 2).backward()
        torch.nn.utils.clip_grad_norm_(built.modules.parameters(), settings.grad_clip)
        optimizer.step()
    for name, value in built.modules.state_dict().items():
        torch.testing.assert_close(found["modules"][name], value, rtol=1e-4, atol=1e-6, msg=name)
