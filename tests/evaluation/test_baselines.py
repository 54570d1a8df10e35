r"""The compared systems: their networks, their losses, their training, the trivial methods.

Oracles: torch's own two-layer LSTM with copied weights; a slow float64 loop over frames and
blocks; causality and residual by construction; the binomial's five standard deviations; a run in
one go against the same run stopped and resumed.
"""

import math

import pytest
import torch

from mfr.config import COEFFICIENT_DIM
from mfr.evaluation.methods import baselines, recurrent, training
from mfr.evaluation.methods.baselines import DEFAULTS, Baseline, BaselineConfig
from mfr.evaluation.methods.method import (
    find_methods,
    freeze,
    to_and_fro,
    trivial_methods,
)
from mfr.evaluation.methods.sequences import Stack, dropout, initialise
from mfr.motion.condition import Condition

SIZES = {"hidden": 5, "inputs": 7, "layers": 2, "dropout": 0.3, "identity_dim": 3, "window": 11}


def random_condition(batch, length, generator):
    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    attitude = torch.eye(3)[torch.randint(3, (batch,), generator=generator)]
    return Condition(
        normal(batch, length, 45),
        normal(batch, length, 70),
        normal(batch, 3),
        attitude,
        normal(batch, 70),
        torch.ones(batch, length, dtype=torch.bool),
    )


def built(kind, generator, **changes):
    return initialise(Baseline(BaselineConfig(kind=kind, **{**SIZES, **changes})), generator).eval()


# ---- parts ----


@pytest.mark.parametrize("both_ways", [False, True])
def test_stack_is_torchs_own_lstm(generator, both_ways):
    stack = initialise(Stack(7, 5, 2, 0.3, both_ways=both_ways), generator).eval()
    own = torch.nn.LSTM(7, 5, 2, batch_first=True, bidirectional=both_ways)
    for layer, lstm in enumerate(stack.lstms):
        for name, value in lstm.named_parameters():
            getattr(own, name.replace("_l0", f"_l{layer}")).data.copy_(value)
    x = torch.randn(3, 11, 7, generator=generator)
    torch.testing.assert_close(stack(x, None, generator), own(x)[0])
    if not both_ways:
        states = torch.randn(2, 2, 3, 5, generator=generator)
        torch.testing.assert_close(stack(x, states), own(x, tuple(states))[0])


def test_dropout_keeps_the_mean_and_drops_its_share(generator):
    count, share = 10007, 0.3
    dropped = dropout(torch.ones(count), share, generator)
    zeros = int((dropped == 0).sum())
    assert abs(zeros - share * count) < 5 * math.sqrt(count * share * (1 - share))
    torch.testing.assert_close(dropped[dropped > 0], torch.full((count - zeros,), 1 / 0.7))
    assert torch.equal(dropout(torch.ones(7), share, None), torch.ones(7))
    with pytest.raises(ValueError, match="share is 1; allowed: 0 .. 1"):
        dropout(torch.ones(2), 1, generator)


def test_initial_weights_are_uniform_within_torchs_bounds(generator):
    stack = initialise(Stack(97, 101, 1, 0.0), generator)
    linear = initialise(torch.nn.Linear(103, 107), generator)
    for part, bound in ((stack, 1 / math.sqrt(101)), (linear, 1 / math.sqrt(103))):
        for value in part.parameters():
            assert value.detach().abs().max() <= bound
            band = 5 * bound / math.sqrt(3 * value.numel())  # of the mean of U(-b, b)
            assert abs(float(value.detach().mean())) < band
    largest = max(float(value.detach().abs().max()) for value in stack.parameters())
    assert largest > 0.99 / math.sqrt(101)


# ---- networks ----


def test_vico_does_not_see_the_future_and_pchg_does(generator):
    cond = random_condition(2, 11, generator)
    moved = cond._replace(audio=cond.audio.clone())
    moved.audio[:, 6] += 1
    for kind, first in (("vico", 7), ("pchg", 1)):
        baseline = built(kind, generator)
        change = (baseline.network(cond, None) - baseline.network(moved, None)).abs().sum((0, 2))
        assert change[:first].max() == 0 and change[first:].min() > 0


@pytest.mark.parametrize("kind", ["vico", "pchg"])
def test_first_frame_is_the_portraits(kind, generator):
    cond = random_condition(1, 7, generator)
    baseline = built(kind, generator)
    torch.testing.assert_close(baseline.respond(cond, 2)[:, 0], cond.reference.expand(2, -1))


def test_vicos_first_state_comes_from_the_portrait(generator):
    cond = random_condition(1, 7, generator)
    other = cond._replace(reference=cond.reference.flip(1))
    baseline = built("vico", generator)
    gap = (baseline.network(cond, None) - baseline.network(other, None))[0, 1:].abs().sum(1)
    assert gap.min() > 0
    assert gap[-1] < gap[0]  # and fades, as only the state carries it


@pytest.mark.parametrize("kind", ["pchg", "lstm"])
def test_without_its_residual_it_freezes_the_portrait(kind, generator):
    cond = random_condition(1, 7, generator)
    baseline = built(kind, generator)
    for value in baseline.network.project.parameters():
        value.data.zero_()
    expected = freeze(cond, 3, None)
    torch.testing.assert_close(baseline.respond(cond, 3), expected)


def test_attitude_counts_only_where_the_config_says_so(generator):
    cond = random_condition(1, 7, generator)
    other = cond._replace(attitude=1 - cond.attitude)
    for kind in DEFAULTS:
        for attitude in (True, False):
            baseline = built(kind, generator, attitude=attitude)
            equal = torch.equal(baseline.respond(cond, 1), baseline.respond(other, 1))
            assert equal != attitude


def test_regressor_uses_the_direction_of_identity(generator):
    cond = random_condition(1, 7, generator)
    baseline = built("lstm", generator)
    respond = baseline.respond
    assert not torch.equal(respond(cond, 1), respond(cond._replace(identity=-cond.identity), 1))
    torch.testing.assert_close(
        respond(cond, 1), respond(cond._replace(identity=5 * cond.identity), 1)
    )


@pytest.mark.parametrize("kind", list(DEFAULTS))
def test_responses_are_in_raw_units_and_equal(kind, generator):
    cond, baseline = random_condition(1, 7, generator), built(kind, generator)
    plain = baseline.network(baseline.standardised(cond), None)[0]
    baseline.listener.mean.fill_(2.0)
    baseline.listener.std.fill_(3.0)
    shifted = cond._replace(reference=2 + 3 * cond.reference)
    response = baseline.respond(shifted, 5)
    assert response.shape == (5, 7, 70)
    torch.testing.assert_close(response, (2 + 3 * plain).expand(5, -1, -1))


# ---- losses ----


def slow_terms(found, real, mask, skipped=0):
    r"""(distance, spikes) of angle, exp, trans, frame by frame in float64."""
    blocks = {"angle": range(3), "exp": range(3, 67), "trans": range(67, 70)}
    terms = {}
    for name, columns in blocks.items():
        gaps, jumps = [], []
        for b in range(len(found)):
            frames = [i for i in range(skipped, found.shape[1]) if mask[b, i]]
            for i in frames:
                e = [float(found[b, i, c] - real[b, i, c]) for c in columns]
                gaps.append(math.sqrt(sum(x * x for x in e)))
                if i > skipped:
                    e = [
                        float(
                            found[b, i, c] - found[b, i - 1, c] - real[b, i, c] + real[b, i - 1, c]
                        )
                        for c in columns
                    ]
                    jumps.append(math.sqrt(sum(x * x for x in e)))
        terms[name] = sum(gaps) / len(gaps), sum(jumps) / len(jumps)
    return terms


@pytest.fixture
def pair(generator):
    found, real = torch.randn(2, 3, 11, 70, generator=generator, dtype=torch.float64)
    mask = torch.arange(11) < torch.tensor([11, 7, 9])[:, None]
    return found, real, mask


def test_vicos_loss_is_the_slow_sum(pair, generator):
    terms = slow_terms(*pair)
    expected = sum(value for value, _ in terms.values())
    expected += terms["angle"][1] + 0.001 * terms["exp"][1] + terms["trans"][1]
    loss = built("vico", generator).network.loss(*pair)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


def test_pchgs_loss_is_the_slow_sum(pair, generator):
    found, real, mask = pair
    terms = slow_terms(*pair, skipped=5)
    expected = terms["angle"][0] + terms["exp"][0] + terms["angle"][1] + 0.001 * terms["exp"][1]
    part = (found - real)[:, 5:, 67:][mask[:, 5:]]
    expected += 2 * sum(abs(float(x)) for x in part.flatten()) / part.numel()
    loss = built("pchg", generator).network.loss(*pair)
    assert float(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", list(DEFAULTS))
def test_frames_beyond_the_end_do_not_count(kind, pair, generator):
    found, real, mask = pair
    network = built(kind, generator).network
    beyond = found + 100.0 * ~mask[..., None]
    assert float(network.loss(beyond, real, mask)) == pytest.approx(
        float(network.loss(found, real, mask)), rel=1e-9
    )


def test_losses_have_the_right_gradients(pair, generator):
    found, real, mask = (x[:2, :3] for x in pair)
    found = found.clone().requires_grad_(True)
    for function in (recurrent.distance, recurrent.spikes):
        torch.autograd.gradcheck(lambda x: function(x, real, mask, slice(0, 3)), found)


# ---- training ----


def test_loss_falls_and_a_resumed_run_is_the_run_in_one_go(vico_folder, tmp_path):
    config = BaselineConfig(
        kind="vico", **{**SIZES, "hidden": 32, "inputs": 48}, steps=40, batch_size=5
    )

    def trainer(name):
        return training.Trainer(config, vico_folder, tmp_path / name, torch.device("cpu"))

    whole = trainer("a")
    whole.sets[1] = whole.sets[0]
    before = whole.held_out_loss()
    for _ in range(40):
        whole.update()
    assert whole.held_out_loss() < 0.9 * before
    half = trainer("b")
    for _ in range(17):
        half.update()
    half.save(1.5)
    other = trainer("b")
    other.resume()
    assert other.step == 17 and other.best == 1.5
    for _ in range(23):
        other.update()
    for name, value in whole.baseline.state_dict().items():
        assert torch.equal(value, other.baseline.state_dict()[name]), name


def test_weights_are_kept_from_where_the_held_out_loss_was_lowest(vico_folder, tmp_path, capsys):
    config = BaselineConfig(kind="lstm", **SIZES, steps=4, batch_size=3)
    trainer, values = training.Trainer(config, vico_folder, tmp_path, torch.device("cpu")), [9, 5]
    trainer.held_out_loss = lambda: values.pop(0) if values else 7 + trainer.step
    training.train(trainer)  # 9 before the first step, 5 after it, then 9, 10, 11
    _, kept = baselines.load(tmp_path / "lstm.pt")
    _, last = baselines.load(tmp_path / "lstm" / "last.pt")
    assert (kept["step"], kept["held_out"]) == (1, 5)
    assert (last["step"], last["best"]) == (4, 5)
    assert "held-out loss 11.0000, at best 5.0000" in capsys.readouterr().out


def test_command_trains_and_its_file_is_the_method(vico_folder, tmp_path, capsys):
    words = f"train lstm --data {vico_folder} --run {tmp_path / 'r'} --steps 1 --hidden 5"
    training.main([*words.split(), "--batch-size", "3", "--device", "cpu"])
    assert "held out" in capsys.readouterr().out
    (method,), problems = find_methods(tmp_path)
    assert problems == []
    assert method.name == "w/o DIFF (LSTM) · r" and method.deterministic
    baseline, content = baselines.load(tmp_path / "r" / "lstm.pt")
    assert content["step"] == 1 and baseline.config.hidden == 5
    with pytest.raises(ValueError, match="trained with .*hidden=5.*; now asked for .*hidden=7"):
        words = words.replace("--hidden 5", "--hidden 7 --batch-size 3 --device cpu --resume")
        training.main(words.split())


def test_foreign_files_and_settings_are_refused(tmp_path, generator):
    path = tmp_path / "vico.pt"
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="vico.pt: cannot be opened safely"):
        baselines.load(path)
    torch.save({"format": "other"}, path)
    with pytest.raises(ValueError, match="format 'other'; a baseline has 'mfr-net baseline 1'"):
        baselines.load(path)
    baseline = built("vico", generator)
    baselines.save(path, baseline)
    content = torch.load(path, weights_only=True)
    content["config"]["colour"] = 3
    torch.save(content, path)
    with pytest.raises(ValueError, match="config does not fit this version .*colour"):
        baselines.load(path)
    for name, value in (("steps", 0), ("hidden", -1), ("dropout", 1.0)):
        with pytest.raises(ValueError, match=f"{name} is {value}; allowed"):
            training.check(BaselineConfig(**{name: value}))
    with pytest.raises(ValueError, match="window is 6; allowed: > 6"):
        training.check(BaselineConfig(kind="pchg", window=6))


# ---- methods that need no training ----


def test_trivial_methods_are_what_they_say(generator):
    cond = random_condition(1, 11, generator)
    clips = [torch.randn(n, 70, generator=generator) for n in (5, 7, 13)]
    by_name = {m.name: m for m in trivial_methods(clips)}
    still = by_name["freeze first frame"].respond(cond, 2, generator)
    assert torch.equal(still, cond.reference[:, None].expand(2, 11, 70))
    assert torch.equal(by_name["mirror the speaker"].respond(cond, 1, generator), cond.speaker)
    mean = by_name["training mean"].respond(cond, 3, generator)
    frames = [frame for clip in clips for frame in clip.double()]
    assert mean.shape == (3, 11, 70)
    torch.testing.assert_close(mean[2, 10].double(), sum(frames) / 25, atol=1e-6, rtol=0)
    drawn = by_name["random training clip"].respond(cond, 50, generator)
    first = {tuple(x[0].tolist()) for x in drawn}
    assert first == {tuple(x[0].tolist()) for x in clips}


@pytest.mark.parametrize("length", [1, 2, 5, 17])
def test_short_clip_is_played_to_and_fro(length):
    clip = torch.arange(5.0)[:, None].expand(5, COEFFICIENT_DIM)
    expected = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0][:length]
    assert to_and_fro(clip, length)[:, 0].tolist() == expected
    assert to_and_fro(clip[:1], length).shape == (length, COEFFICIENT_DIM)


def test_runs_are_named_by_what_their_config_is(tmp_path, generator):
    from mfr import config
    from mfr.motion.model import MotionModel
    from mfr.training import checkpoint

    small = {"width": 16, "layers": 1, "heads": 2, "feedforward": 8, "T": 5, "sample_steps": 2}
    for folder, changes in (
        ("a", {}),
        ("b", {"aggregation": "concat"}),
        (
            "c",
            {
                "reference": False,
                "relative": False,
                "from_portrait": False,
                "time_in_modulation": False,
                "attitude_in_modulation": False,
            },
        ),
    ):
        settings = config.preset("motion", **small, **changes)
        model = MotionModel(settings)
        checkpoint.save(tmp_path / folder / "motion.pt", "motion", settings, model.state_dict())
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "motion.pt").write_bytes(b"half a copy")
    found, problems = find_methods(tmp_path, [{"steps": 1}])
    assert len(problems) == 1 and "left out: " in problems[0] and "motion.pt" in problems[0]
    assert [m.name for m in found] == [
        "MFR-Net · a",
        "MFR-Net · a, steps 1",
        "w/o FAM · b",
        "w/o FAM · b, steps 1",
        "MFR-Net, paper · c",
        "MFR-Net, paper · c, steps 1",
    ]
    assert len({m.key for m in found}) == 6 and not any(m.deterministic for m in found)
    cond = random_condition(1, 7, generator)._replace(identity=torch.ones(1, 128), mask=None)
    assert found[0].respond(cond, 3, generator).shape == (3, 7, 70)
    with pytest.raises(ValueError, match="runs .*nowhere: no such folder"):
        find_methods(tmp_path / "nowhere")
