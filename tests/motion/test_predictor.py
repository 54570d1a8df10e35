r"""What every noise predictor must keep, whoever wrote it: shapes, clips apart, padding unseen.

A class of your own under these tests, with CLASS(config) an nn.Module, prepare(cond,
generator=None) and forward(x_t, t, cond):

    python -m pytest tests/motion/test_predictor.py --mine noise_predictor=mine.py:MyNet

Oracles: the same predictor asked in another way (one clip alone, other rubbish in the padding).
"""

from dataclasses import replace

import pytest
import torch
from modules import CONCAT, PAPER, PAST, SMALL, B, L, condition, draw

from mfr.motion import model as motion_model
from mfr.motion.model import MotionModel, noise_predictor
from mfr.training import own_network
from mfr.training.own_network import register

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
CONFIGS = {"paper": PAPER, "default": SMALL, "past": PAST, "concat": CONCAT}
contract = pytest.mark.equation("noise_predictor")


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


@pytest.fixture
def predictor(config):
    r"""One with random weights: what starts at zero would hide everything."""
    predictor = noise_predictor(config).double()
    for n, parameter in enumerate(predictor.parameters()):
        parameter.data = 0.3 * draw(1000 + n, *parameter.shape)
    return predictor.eval()


def clips(config, count=B, mask=None):
    return condition(count, config.past + L, mask=mask)


T = torch.tensor([3, 41])


@contract
def test_noise_has_the_shape_and_the_type_of_x_t(config, predictor):
    x_t = draw(9, B, L, 70)
    found = predictor(x_t, T, clips(config))
    assert found.shape == x_t.shape and found.dtype == x_t.dtype and found.isfinite().all()


@contract
def test_prepared_condition_gives_the_same(config, predictor):
    x_t, cond = draw(9, B, L, 70), clips(config)
    found = predictor(x_t, T, predictor.prepare(cond))
    torch.testing.assert_close(found, predictor(x_t, T, cond), **CLOSE)


@contract
def test_noise_depends_on_x_t_t_and_the_speaker(config, predictor):
    x_t, cond = draw(9, B, L, 70), clips(config)
    base = predictor(x_t, T, cond)
    other = cond._replace(speaker=cond.speaker.flip(0), audio=cond.audio.flip(0))
    for changed in (
        predictor(x_t + 1, T, cond),
        predictor(x_t, T + 1, cond),
        predictor(x_t, T, other),
    ):
        assert (changed - base).abs().max() > 1e-6


@contract
def test_a_clip_does_not_see_the_others_of_its_batch(config, predictor):
    x_t, cond = draw(9, B, L, 70), clips(config)
    alone = type(cond)(*(None if x is None else x[:1] for x in cond))
    expected = predictor(x_t[:1], T[:1], alone)
    torch.testing.assert_close(predictor(x_t, T, cond)[:1], expected, **CLOSE)


@contract
def test_samples_of_a_clip_come_one_after_the_other_and_apart(config, predictor):
    K, cond = 3, clips(config)
    x_t = draw(9, B * K, L, 70)  # row b K + k is sample k of clip b
    found = predictor(x_t, T.repeat_interleave(K), cond)
    for k in range(K):
        torch.testing.assert_close(found[k::K], predictor(x_t[k::K], T, cond), **CLOSE)


@contract
def test_what_stands_in_the_padding_is_not_seen(config, predictor):
    frames = config.past + L
    mask = torch.arange(frames) < torch.tensor([[frames], [frames - 2]])
    cond, x_t = clips(config, mask=mask), draw(9, B, L, 70)
    real = mask[:, config.past :]
    dirty = cond._replace(
        audio=cond.audio.masked_fill(~mask[..., None], 7.0),
        speaker=cond.speaker.masked_fill(~mask[..., None], -7.0),
    )
    expected = predictor(x_t, T, cond)[real]
    found = predictor(x_t.masked_fill(~real[..., None], 5.0), T, dirty)[real]
    torch.testing.assert_close(found, expected, **CLOSE)


@contract
def test_every_weight_learns(config, predictor):
    predictor(draw(9, B, L, 70), T, clips(config)).square().sum().backward()
    idle = [n for n, p in predictor.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle, f"no gradient reaches {', '.join(idle)}"


@contract
def test_it_trains_and_samples_in_the_whole(config, generator):
    small = replace(config, T=7, sample_steps=3, window=L, stride=2)
    model = MotionModel(small).train()
    listener, cond = draw(1, B, L, 70).float(), clips(config).to(torch.float32)
    loss = model.loss(listener, cond, generator)
    loss.backward()
    assert loss.isfinite()
    whole = condition(1, 3 * L).to(torch.float32)  # a clip of several windows, without a past
    assert model.eval().sample(whole, 2, generator).shape == (2, 3 * L, 70)


# ---- a class of the user's own in training ----

OWN = """
import torch
from torch import nn

class Own(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.map = nn.Linear(70, 70)
    def prepare(self, cond, generator=None):
        return cond
    def forward(self, x_t, t, cond):
        return self.map(x_t)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setattr(motion_model, "PREDICTORS", dict(motion_model.PREDICTORS))
    monkeypatch.setattr(own_network, "PREDICTORS", motion_model.PREDICTORS)
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path / "mine.py"


def test_a_class_in_a_file_becomes_an_aggregation(own):
    name = register(f"{own}:Own")
    assert name == "Own" and register(f"{own}:Own") == "Own"  # said again, as when sampling
    model = MotionModel(replace(SMALL, aggregation=name))
    assert type(model.network).__name__ == "Own" and model.network.map.weight.shape == (70, 70)


@pytest.mark.parametrize(
    "word, message",
    [
        ("Own", "allowed: FILE.py:CLASS"),
        ("nothing.py:Own", "nothing.py: no such file"),
        ("mine.py:Other", "mine.py: has no class Other"),
        ("mine.py:fam", "the name fam is taken"),
        ("broken.py:Own", "broken.py: cannot be run: ZeroDivisionError"),
    ],
)
def test_a_file_without_it_is_refused(own, monkeypatch, word, message):
    monkeypatch.chdir(own.parent)
    (own.parent / "broken.py").write_text("1 / 0")
    with pytest.raises(ValueError, match=message):
        register(word)


def test_a_checkpoint_alone_runs_no_file_of_another(own):
    with pytest.raises(ValueError, match="'Own' is unknown.*--network FILE.py:Own"):
        noise_predictor(replace(SMALL, aggregation="Own"))
