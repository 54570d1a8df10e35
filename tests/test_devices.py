r"""The project on a pretended GPU that refuses float64, as a Mac's does, and counts waits.

Oracles: the same run on the CPU, whose numbers the pretended GPU has, and mistakes
planted one of each kind."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from pretended import OnDevice, Pretended

import train_mfr
from mfr import config, pipeline
from mfr.evaluation.methods import training as baselines
from mfr.evaluation.methods.baselines import DEFAULTS
from mfr.face.reconstruction import reconstruct
from mfr.files.vico import read_clips
from mfr.motion.stream import ResponseStream
from mfr.training import batches, checkpoint, watching
from mfr.training.motion import MotionStage
from mfr.training.reconstruction import ReconstructionStage
from mfr.training.renderer import RendererStage
from mfr.training.stage import Stage
from mfr.training.stages import STAGES

SETTINGS = {
    "identity": {"width": 8},
    "reconstruction": {"width": 8},
    "motion": {"width": 16, "layers": 1, "heads": 2, "feedforward": 16},
    "renderer": {"width": 16, "descriptor_dim": 16, "targets": 3, "warp_steps": 1, "gan_start": 1},
}
WAITS = 2  # a step, at most
pytestmark = pytest.mark.slow  # about a minute


@pytest.fixture(scope="module", autouse=True)
def few():
    r"""Few frames to judge by, videos read once, one evaluation at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for stage in (Stage, RendererStage):
            patch.setattr(stage, "held_out_frames", 4)
        patch.setattr(MotionStage, "held_out_windows", 64)
        patch.setattr(ReconstructionStage, "familiar_frames", 4)
        patch.setattr(batches, "some_frames", cache(batches.some_frames))
        patch.setattr(train_mfr, "EVALUATIONS", 1)
        yield


@pytest.fixture
def gpu():
    with Pretended(double=False) as device:
        yield device


def settings(stage, **more):
    return config.preset(stage, **SETTINGS[stage], batch_size=3, steps=4, **more)


def train(stage, folder, run, device, **more):
    torch.manual_seed(0)
    built = STAGES[stage](settings(stage), folder, run, device)
    train_mfr.train(built, run, **more)


@pytest.fixture(scope="module")
def runs(vico_folder, tmp_path_factory):
    r"""All stages trained on the CPU and on the pretended GPU: (folders, waits of each step)."""
    folders = {device: tmp_path_factory.mktemp(device) for device in ("cpu", "cuda")}
    waits = {}
    add = watching.Meter.add
    for stage in SETTINGS:
        train(stage, vico_folder, folders["cpu"], "cpu")
        with Pretended(double=False) as device, pytest.MonkeyPatch.context() as patch:
            steps = waits[stage] = []

            def counted(meter, terms, seen):
                add(meter, terms, seen)
                steps.append(dict(device.waits))
                device.waits.clear()

            patch.setattr(watching.Meter, "add", counted)
            train(stage, vico_folder, folders["cuda"], "cuda")
    return folders, waits


@pytest.mark.parametrize("stage", SETTINGS)
def test_a_stage_on_the_device_learns_what_it_learns_on_the_host(stage, runs):
    folders, _ = runs
    host, there = (checkpoint.load(folders[d] / f"{stage}.pt", stage) for d in ("cpu", "cuda"))
    assert there["step"] == 4
    for name, value in host["model"].items():
        torch.testing.assert_close(there["model"][name], value, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("stage", SETTINGS)
def test_a_step_does_not_wait_for_the_device(stage, runs):
    steps = runs[1][stage]
    assert len(steps) == 4
    for waits in steps[2:]:  # the phases of the first two are others
        assert sum(waits.values()) <= WAITS, waits


@pytest.mark.parametrize("first, then", [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_run_goes_on_where_another_device_left_it(first, then, vico_folder, runs, tmp_path):
    stage, whole = "renderer", runs[0]["cpu"]
    (tmp_path / "identity.pt").write_bytes((whole / "identity.pt").read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_mfr, "EVALUATIONS", 2)
        patch.setattr(watching, "draw_loss", stopped)  # just after the first evaluation's files
        on(first, lambda: train(stage, vico_folder, tmp_path, first))
    last = checkpoint.load(tmp_path / stage / "last.pt", stage)
    assert last["step"] == 2
    on(then, lambda: train(stage, vico_folder, tmp_path, then, resume=True))
    want = checkpoint.load(whole / stage / "last.pt", stage)
    found = checkpoint.load(tmp_path / stage / "last.pt", stage)
    assert found["step"] == 4
    for part in ("modules", "adversary"):
        for name, value in want[part].items():
            torch.testing.assert_close(found[part][name], value, rtol=1e-3, atol=1e-4, msg=name)


class Stopped(Exception):
    pass


def stopped(*_):
    raise Stopped


def on(device, run):
    r"""Run on the host or the pretended device; a run that was stopped is over."""
    with Pretended(double=False) if device == "cuda" else nullcontext(), suppress(Stopped):
        run()


def test_the_system_responds_from_the_device(vico_folder, runs, gpu):
    video = vico_folder / "videos" / "c0_speaker.mp4"
    system = pipeline.load(runs[0]["cuda"], "cuda", finder=False)
    gpu.waits.clear()
    speaker = system.perceive(video, sound=vico_folder / "audios" / "c0.wav")
    portrait = system.look(np.full((256, 256, 3), 90, np.uint8))
    responses = system.respond(speaker, portrait, "positive", samples=2, steps=3)
    motion = [response.motion for response in responses]
    assert all(isinstance(x, OnDevice) and x.shape == (50, 70) for x in motion)
    frames = [frame for frame, _ in zip(responses[1].frames(), range(3))]
    host = pipeline.load(runs[0]["cuda"], "cpu", finder=False)
    own = host.look(portrait.pixels)
    same = host.respond(speaker, own, "positive", samples=2, steps=3)
    for x, y in zip(motion, same):
        torch.testing.assert_close(x.cpu(), y.motion, rtol=1e-3, atol=1e-4)
    want = [frame for frame, _ in zip(same[1].frames(), range(3))]
    assert np.abs(np.stack(frames).astype(int) - np.stack(want)).max() <= 1


def test_denoising_does_not_wait_for_the_device(runs, vico_folder, gpu):
    stage = MotionStage(settings("motion"), vico_folder, runs[0]["cpu"], "cuda")
    counts = []
    for steps in (3, 9):
        _, cond = stage.draw(stage.held, 1, torch.Generator().manual_seed(0))
        cond = cond._replace(audio=cond.audio[:, 40:], speaker=cond.speaker[:, 40:], mask=None)
        gpu.waits.clear()
        stage.network.sample(cond, 2, torch.Generator("cuda").manual_seed(0), steps, guidance=1.5)
        counts.append(sum(gpu.waits.values()))
    assert counts[1] - counts[0] <= WAITS * 6, gpu.waits  # 6 steps more


def test_a_response_waits_in_no_step_and_once_for_each_batch_of_frames(runs, gpu):
    system = pipeline.load(runs[0]["cuda"], "cuda", finder=False)
    portrait = system.look(np.full((256, 256, 3), 90, np.uint8))
    draw = torch.Generator().manual_seed(0)
    sound, motion = (torch.randn(50, n, generator=draw) for n in (45, 70))
    speaker = pipeline.Speaker("", sound, motion, None, 16000, None, 0.0)

    def waits(work, *given, **more):
        for _ in range(2):  # tables and grids are sent once
            gpu.waits.clear()
            made = list(work(*given, **more))
        return sum(gpu.waits.values()), made

    few, _ = waits(system.respond, speaker, portrait, "positive", steps=3)
    many, (response,) = waits(system.respond, speaker, portrait, "positive", steps=9)
    assert few == many <= 12
    parts = [response.motion[: n * system.choice.batch] for n in (1, 3)]
    counts = [waits(system.render, portrait, part)[0] for part in parts]
    assert counts[1] - counts[0] <= WAITS * 2 and counts[0] <= 5


def test_a_stream_answers_on_the_device(runs, vico_folder, gpu):
    stage = MotionStage(settings("motion"), vico_folder, runs[0]["cpu"], "cuda")
    model, clip = stage.network.eval(), stage.held
    cond = model.standardised(stage.draw(clip, 1, torch.Generator().manual_seed(0))[1])
    stream = ResponseStream(
        model.eps_model,
        model.diffusion,
        cond.identity,
        cond.attitude,
        torch.Generator("cuda").manual_seed(0),
        cond.reference,
        steps=2,
        past=model.config.past,
    )
    answer = torch.cat([stream.push(cond.audio[0, :19], cond.speaker[0, :19]), stream.flush()])
    assert isinstance(answer, OnDevice) and answer.shape == (19, 70)
    assert answer.cpu().isfinite().all()


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_baseline_trains_and_resumes_on_the_device(kind, vico_folder, runs, tmp_path, gpu):
    chosen = replace(DEFAULTS[kind], steps=2, hidden=8, batch_size=2)
    (tmp_path / "identity.pt").write_bytes((runs[0]["cpu"] / "identity.pt").read_bytes())
    trainer = baselines.Trainer(chosen, vico_folder, tmp_path, torch.device("cuda"))
    trainer.update()
    trainer.save(trainer.held_out_loss())
    again = baselines.Trainer(chosen, vico_folder, tmp_path, torch.device("cuda"))
    again.resume()
    assert again.step == 1
    again.update()
    loaded, _ = baselines.load(trainer.weights_file, "cpu")
    assert not any(isinstance(x, OnDevice) for x in loaded.state_dict().values())


def test_data_that_do_not_fit_stay_on_the_host(runs, vico_folder, gpu, monkeypatch):
    clips = read_clips(vico_folder)[:3]
    near = [batches.MotionData(clips), batches.FrameData(clips, 3)]
    far = [batches.MotionData(clips), batches.FrameData(clips, 3)]
    for data, limit in ((near, batches.ON_DEVICE), (far, 1000)):
        monkeypatch.setattr(batches, "ON_DEVICE", limit)
        data[0].identity = torch.zeros(3, 2)
        for part in data:
            part.to("cuda")
    gpu.waits.clear()
    drawn = [data[0].draw(5, 40, torch.Generator().manual_seed(0), past=7) for data in (near, far)]
    images = [data[1].images(torch.tensor([1, 0, 7])) for data in (near, far)]
    assert not gpu.waits
    assert not isinstance(far[1].frames, OnDevice) and isinstance(near[1].frames, OnDevice)
    for x, y in zip((drawn[0][0], *drawn[0][1], images[0]), (drawn[1][0], *drawn[1][1], images[1])):
        assert isinstance(x, OnDevice) and isinstance(y, OnDevice)
        assert torch.equal(x.cpu(), y.cpu())


# ---- planted mistakes ----


def loss_of(stage, folder, run, noise):
    built = STAGES[stage](settings(stage), folder, run, "cuda")
    return built.loss(2, torch.Generator().manual_seed(0), noise)


def test_a_tensor_left_on_the_host_is_noticed(vico_folder, runs, gpu, monkeypatch):
    monkeypatch.setattr(
        batches.FrameData, "images", lambda self, index: torch.zeros(len(index), 3, 256, 256)
    )
    monkeypatch.setattr("mfr.training.renderer.sent", lambda part, device: part)
    with pytest.raises(RuntimeError, match="same device"):
        loss_of("renderer", vico_folder, runs[0]["cpu"], torch.Generator("cuda"))


def test_a_generator_of_the_other_device_is_noticed(vico_folder, runs, gpu):
    with pytest.raises(RuntimeError, match="generator"):
        loss_of("reconstruction", vico_folder, runs[0]["cpu"], torch.Generator())


def test_numpy_of_a_tensor_of_the_device_is_noticed(runs, gpu, monkeypatch):
    system = pipeline.load(runs[0]["cuda"], "cuda")
    monkeypatch.setattr(OnDevice, "cpu", lambda self: self)
    with pytest.raises(TypeError, match="numpy"):
        reconstruct(system.reconstruction, np.zeros((2, 256, 256, 3), np.uint8))


def test_float64_and_a_wait_are_noticed(gpu):
    x = torch.ones(3, device="cuda")
    with pytest.raises(TypeError, match="float64"):
        x.double()
    assert not gpu.waits
    assert x.sum().item() == 3 and sum(gpu.waits.values()) == 1
    assert x[x > 0].shape == (3,) and sum(gpu.waits.values()) == 2
    with pytest.raises(RuntimeError, match="same device"):
        x + torch.ones(3)
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3)[torch.zeros(2, dtype=torch.int64, device="cuda")]
    weight = torch.nn.Parameter(torch.ones(3, device="cuda"))
    (weight * x).sum().backward()  # the backward pass comes by too
    assert isinstance(weight.grad, OnDevice)
