r"""The training script. Oracles: the known loss of a predictor that says zero, bits after a resume,
files that must and must not exist."""

import contextlib
import io
import json
import shutil
from functools import cache

import pytest
import torch

import train_mfr
from mfr import config
from mfr.face.morphable import landmark_places
from mfr.training import averaging as training
from mfr.training import batches, checkpoint, watching
from mfr.training.motion import MotionStage
from mfr.training.reconstruction import ReconstructionStage
from mfr.training.renderer import RendererStage, relit
from mfr.training.stage import Stage

TINY = {
    "motion": ["--width", "16", "--layers", "1", "--heads", "2", "--feedforward", "16"],
    "identity": ["--width", "8"],
    "reconstruction": ["--width", "8"],
    "renderer": ["--width", "16", "--descriptor-dim", "16", "--targets", "3"],
}
DRAW_LOSS = watching.draw_loss


@pytest.fixture(scope="module", autouse=True)
def few_held_out():
    r"""Evaluations of a moment, videos read once, nothing drawn: other things are asked here."""
    with pytest.MonkeyPatch.context() as patch:
        for stage in (Stage, RendererStage):
            patch.setattr(stage, "held_out_frames", 4)
        patch.setattr(MotionStage, "held_out_windows", 64)
        patch.setattr(ReconstructionStage, "familiar_frames", 8)
        patch.setattr(batches, "some_frames", cache(batches.some_frames))  # each video read once
        patch.setattr(watching, "draw_loss", lambda *given: None)
        yield


@pytest.fixture(scope="module")
def run(vico_folder, tmp_path_factory):
    r"""A run whose identity net has been trained for two steps."""
    run = tmp_path_factory.mktemp("runs") / "tiny"
    train("identity", vico_folder, run, 2, "--batch-size", "3")
    return run


@pytest.fixture(scope="module")
def two_steps(vico_folder, run):
    r"""stage -> what its command prints while it trains for two steps in `run`, once."""

    @cache
    def printed(stage):
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(watching, "draw_loss", DRAW_LOSS)
            train(stage, vico_folder, run, 2, "--batch-size", "3")
        return out.getvalue()

    return printed


def train(stage, folder, run, steps, *more):
    words = [stage, "--data", str(folder), "--run", str(run), "--steps", str(steps)]
    train_mfr.main([*words, "--device", "cpu", *TINY[stage], *more])


def weights(run, stage):
    return checkpoint.load(run / f"{stage}.pt", stage)["model"]


@pytest.mark.parametrize("stage", ["reconstruction", "motion", "renderer"])
def test_every_stage_trains_and_leaves_its_files(stage, run, two_steps):
    printed = two_steps(stage)
    assert checkpoint.load(run / f"{stage}.pt", stage)["step"] == 2
    assert json.loads((run / stage / "config.json").read_text())["steps"] == 2
    lines = (run / stage / "log.jsonl").read_text().split("\n")[:-1]
    first, *entries = [json.loads(line) for line in lines]
    assert first["step"] == 0 and first["settings"]["batch_size"] == 3
    assert all(("energy" in entry) == (stage == "motion") for entry in entries)
    assert [entry["step"] for entry in entries] == [1, 2]
    pictured = stage != "reconstruction"  # the folder has no face model
    assert (run / stage / "picture.png").exists() == pictured
    assert (run / stage / "loss.png").read_bytes().startswith(b"\x89PNG")
    for word in ("expect", "step      0/2", "held out", "steps/s", "left", "done", "next"):
        assert word in printed


@pytest.fixture
def folder_with_model(vico_folder, tmp_path):
    r"""The folder again, through links, with the synthetic world's face model beside its table."""
    from data_tools.synthetic.people.model_file import write_model

    for path in vico_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    write_model(tmp_path / "face_model.mat")
    return tmp_path


def test_reconstruction_learns_landmarks_where_the_face_model_is(folder_with_model, run):
    settings = config.preset("reconstruction", width=8, batch_size=3)
    stage = ReconstructionStage(settings, folder_with_model, run, "cpu")
    draws = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    loss, terms = stage.loss(0, *draws)
    assert {"landmarks", "colours"} < set(terms)
    assert float(loss.detach()) > 10 * terms["landmarks"]  # they weigh most
    assert "pixels of landmarks" in stage.expect
    frames = stage.held.frames
    found = stage.network(stage.held.images(torch.arange(len(frames)))).detach()
    places = [landmark_places(stage.model, c) for c in (found, stage.held.coefficients)]
    away = (places[0] - places[1]).norm(dim=2).mean(1)
    chosen = stage.chosen_once(len(frames), stage.held_out_frames)
    assert stage.held_out_loss(stage.network) == pytest.approx(float(away[chosen].mean()), rel=1e-4)


def test_reconstruction_without_a_face_model_says_so(vico_folder, run):
    settings = config.preset("reconstruction", width=8, batch_size=3)
    stage = ReconstructionStage(settings, vico_folder, run, "cpu")
    assert "face_model.mat is not there" in stage.expect
    _, terms = stage.loss(0, *(torch.Generator().manual_seed(seed) for seed in (0, 1)))
    assert "pose" in terms and "landmarks" not in terms


def test_draws_for_held_out_clips_are_judged_while_training(vico_folder, run):
    settings = config.preset("motion", width=16, layers=1, heads=2, feedforward=16)
    stage = MotionStage(settings, vico_folder, run, "cpu")
    assert stage.validation(stage.network) == {}
    seen = []
    stage.score = lambda *given: seen.append(given) or 3.0 * len(seen)
    stage.judged_frames, stage.judged_draws, stage.judged_steps = 23, 3, 2
    assert stage.validation(stage.network) == {"energy": 4.5}  # of 3 and 6
    for clip, (draws, truth, units) in enumerate(seen):
        assert draws.shape == (3, 23, 70) and units.shape == (70,)
        assert (truth == stage.held.listener[clip][:23].numpy()).all()
        assert (abs(draws[:, 0] - truth[0]) < 1e-4).all()  # each begins with its own portrait
        assert (draws[0] != draws[1]).any()


@pytest.mark.parametrize("prediction", ["noise", "velocity"])
def test_motion_loss_is_one_at_step_0(prediction, vico_folder, run):
    stage = MotionStage(
        config.preset(
            "motion",
            width=16,
            layers=1,
            heads=2,
            feedforward=16,
            batch_size=61,
            prediction=prediction,
        ),
        vico_folder,
        run,
        "cpu",
    )
    draw, noise = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    with torch.no_grad():
        loss, quarters = stage.loss(0, draw, noise)
    numbers = 61 * 40 * 70  # eps = 0, so the loss is the mean of that many squared normals
    # a velocity's also holds the motion, of variance 1 over all clips but not in every window
    band = 5 * (2 / numbers) ** 0.5 if prediction == "noise" else 0.1
    assert abs(float(loss) - 1) < band
    assert len(quarters) == 4


@pytest.mark.parametrize("stage", ["motion", "renderer"])
def test_resume_is_bit_for_bit(stage, vico_folder, run, tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    shutil.copy(run / "identity.pt", whole)
    write_log = watching.write_log

    def kept(path, entries):  # what a power cut after step 2 leaves
        if entries[-1]["step"] == 3 and not killed.exists():
            shutil.copytree(whole, killed)
        write_log(path, entries)

    monkeypatch.setattr(watching, "write_log", kept)
    more = ["--batch-size", "3"]
    if stage == "renderer":  # stopped when the discriminator has learnt a step
        more = ["--batch-size", "2", "--targets", "2", "--face-steps", "1"]
        more += ["--warp-steps", "1", "--gan-start", "1"]
    train(stage, vico_folder, whole, 3, *more)
    assert checkpoint.load(killed / stage / "last.pt", stage)["step"] == 2
    train(stage, vico_folder, killed, 3, "--resume", *more)
    first, second = (checkpoint.load(f / stage / "last.pt", stage) for f in (whole, killed))
    assert first["step"] == second["step"] == 3
    names = ["modules", "model"] + (["adversary"] if stage == "renderer" else [])
    for name in names:
        for key, value in first[name].items():
            assert torch.equal(value, second[name][key]), (stage, key)


def test_the_gradient_is_clipped(vico_folder, run, tmp_path, monkeypatch):
    settings = config.preset(
        "motion", width=16, layers=1, heads=2, feedforward=16, batch_size=3, steps=2, grad_clip=0.01
    )
    stage = MotionStage(settings, vico_folder, run, torch.device("cpu"))
    sizes, step = [], torch.optim.AdamW.step

    def seen(optimizer):
        grads = [p.grad.flatten() for p in stage.modules.parameters() if p.grad is not None]
        sizes.append(float(torch.cat(grads).norm()))
        return step(optimizer)

    monkeypatch.setattr(torch.optim.AdamW, "step", seen)
    train_mfr.train(stage, tmp_path)
    assert sizes == pytest.approx([0.01, 0.01], rel=1e-3)  # it is larger of itself


def test_evaluation_does_not_disturb_training(vico_folder, run, monkeypatch):
    settings = config.preset(
        "motion", width=16, layers=1, heads=2, feedforward=16, batch_size=3, steps=3
    )
    ends = []
    for name in ("with", "without"):
        torch.manual_seed(0)
        stage = MotionStage(settings, vico_folder, run, torch.device("cpu"))
        if name == "without":
            monkeypatch.setattr(stage, "held_out_loss", lambda network: 0.0)
        train_mfr.train(stage, run / name)
        ends.append(checkpoint.load(run / name / "motion" / "last.pt", "motion")["modules"])
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_the_model_can_learn_one_batch(vico_folder, run):
    torch.manual_seed(0)
    stage = MotionStage(
        config.preset("motion", width=32, layers=1, heads=2, feedforward=32, batch_size=8),
        vico_folder,
        run,
        "cpu",
    )
    optimizer = torch.optim.AdamW(stage.modules.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        draw, noise = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
        loss, _ = stage.loss(0, draw, noise)  # the same batch, steps and noise each time
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[0] > 0.9 and losses[-1] < 0.7 * losses[0]


def test_half_precision_trains_on_nearly_the_same_loss(vico_folder, run):
    found = []
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        settings = config.preset(
            "renderer", width=16, descriptor_dim=16, batch_size=2, targets=2, precision=precision
        )
        stage = RendererStage(settings, vico_folder, run, torch.device("cpu"))
        draw = torch.Generator().manual_seed(0)
        phases = (0, settings.face_steps, settings.warp_steps)
        found.append([float(stage.loss(step, draw, draw)[0].detach()) for step in phases])
    assert found[1] == pytest.approx(found[0], rel=0.02) and found[0] != found[1]


def test_the_frames_of_a_portrait_are_of_its_video(vico_folder, run):
    settings = config.preset("renderer", width=16, descriptor_dim=16, batch_size=4, targets=2)
    stage = RendererStage(settings, vico_folder, run, torch.device("cpu"))
    index = torch.tensor([0, len(stage.frames.frames) - 1])
    draw = torch.Generator().manual_seed(0)
    portrait, own, windows, real = stage.group(stage.frames, index, draw)
    assert len(portrait) == len(own) == 2 and len(windows) == len(real) == 4
    assert torch.equal(portrait, stage.frames.images(index))
    for row, window in enumerate(windows):
        at = (stage.frames.windows == window).all(2).all(1).nonzero()[:, 0]
        assert stage.frames.video[index[row // 2]] in stage.frames.video[at]
        assert any(torch.equal(stage.frames.images(at)[i], real[row]) for i in range(len(at)))
    stage.network.eval()
    with torch.no_grad():
        together = stage.rendered(stage.network, portrait, own, windows).image
        alone = stage.network(stage.network.encode(portrait[1:], own[1:]), windows[3:])
    torch.testing.assert_close(together[3:].clamp(0, 1), alone, rtol=0, atol=1e-4)


def test_dry_run_writes_nothing(vico_folder, run, tmp_path, capsys):
    (tmp_path / "identity.pt").write_bytes((run / "identity.pt").read_bytes())
    before = sorted(tmp_path.rglob("*"))
    train("motion", vico_folder, tmp_path, 5, "--dry-run")
    assert sorted(tmp_path.rglob("*")) == before
    assert "one step done, nothing written" in capsys.readouterr().out


def test_resume_with_other_settings_is_refused(vico_folder, run):
    with pytest.raises(ValueError, match="last.pt: trained .*batch_size=3.*asked.*batch_size=5"):
        train("identity", vico_folder, run, 2, "--batch-size", "5", "--resume")


@pytest.mark.parametrize("stage", ["identity", "reconstruction", "motion", "renderer"])
def test_a_run_begins_with_the_weights_given(stage, vico_folder, run, two_steps, tmp_path):
    if stage != "identity":  # which has been
        two_steps(stage)
    more = ["--seed", "7", "--learning-rate", "1e-12", "--start", str(run / f"{stage}.pt")]
    train(stage, vico_folder, tmp_path, 1, "--batch-size", "3", *more)
    before, after = weights(run, stage), weights(tmp_path, stage)
    fitted = [name for name in before if name.startswith("feature_")]  # once a run is over
    for name in before.keys() - fitted:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6, msg=name)


def test_weights_of_another_network_do_not_begin_a_run(vico_folder, run, tmp_path):
    wide = ["--batch-size", "3", "--start", str(checkpoint.WEIGHTS / "identity.pt")]
    with pytest.raises(ValueError, match="identity.pt: .* of .* arrays fit .*at least half"):
        train("identity", vico_folder, tmp_path, 2, *wide)
    assert not list(tmp_path.rglob("*.pt"))


def test_a_gradient_that_is_not_finite_stops_the_run(vico_folder, run, tmp_path, monkeypatch):
    settings = config.preset("motion", width=16, layers=1, heads=2, feedforward=16, steps=3)
    stage = MotionStage(settings, vico_folder, run, torch.device("cpu"))
    good = stage.loss

    def bad(step, draw, noise):
        loss, terms = good(step, draw, noise)
        return loss * float("nan"), terms

    monkeypatch.setattr(stage, "loss", bad)
    with pytest.raises(ValueError, match="motion: the gradient is not finite at step 0 .*network"):
        train_mfr.train(stage, tmp_path)


def test_average_of_a_constant_is_that_constant():
    net = torch.nn.Linear(3, 2)
    average = training.AveragedWeights(net, 0.9)
    for step in range(5):
        average.update(net, step)
    assert all(torch.allclose(average.shadow[k], v) for k, v in net.state_dict().items())


def test_average_is_the_moving_mean_once_warm():
    net = torch.nn.Linear(1, 1, bias=False)
    average = training.AveragedWeights(net, 0.75)
    expected = float(net.weight)
    for step in range(40, 47):  # beyond the warm-up of the decay
        with torch.no_grad():
            net.weight.fill_(step)
        average.update(net, step)
        expected = 0.75 * expected + 0.25 * step
    assert abs(float(average.shadow["weight"]) - expected) < 1e-4


def test_the_learning_rate_warms_up_and_falls():
    settings = config.preset("motion", learning_rate=1.0, steps=1000)
    rates = [train_mfr.learning_rate(step, settings) for step in range(1000)]
    assert rates[0] < 0.011 and max(rates) == max(rates[90:110]) and rates[-1] == 0.02


@pytest.mark.parametrize("name", ["tpu", "cuda:9" if not torch.cuda.is_available() else "tpu"])
def test_an_absent_device_is_named(name):
    with pytest.raises(ValueError, match=f"device '{name}' is not here; allowed: auto, cpu"):
        training.pick_device(name)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--width", "0"], "width is 0"),
        (["--schedule", "sine"], "'sine'"),
        (["--heads", "7"], "heads"),
    ],
)
def test_a_setting_out_of_range_is_named(words, message, vico_folder, run):
    with pytest.raises(ValueError, match=message):
        train_mfr.main(["motion", "--data", str(vico_folder), "--run", str(run), *words])


def test_frames_of_a_portrait_are_relit_alike():
    images = torch.tensor([0.25, 0.81, 0.5]).view(1, 3, 1, 1).expand(6, 3, 2, 2)
    chance = torch.full((2, 5), 0.5)
    chance[:, 4] = 4 / 9  # an exponent of 1
    torch.testing.assert_close(relit(images, chance), images)
    chance[1] = torch.tensor([0.75, 0.5, 0.5, 0.0, 4 / 9])
    found = relit(images, chance)[:, :, 0, 0]
    torch.testing.assert_close(found[2], images[2, :, 0, 0])
    want = torch.tensor([0.25 * 1.1, 0.81 * 1.1, 0.5 * 1.1 * 0.94])
    torch.testing.assert_close(found[3:], want.expand(3, 3))
    chance[0, 4] = 0.0  # flat
    torch.testing.assert_close(relit(images, chance)[0, :, 0, 0], images[0, :, 0, 0] ** 0.8)
