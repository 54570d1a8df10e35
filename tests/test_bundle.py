r"""The weights that ship, on the demo that ships: what a fresh clone runs. Oracles: the attitudes'
own meaning (who agrees smiles, who disagrees frowns), the ends of the demo's phrases, sizes and
lengths."""

import numpy as np
import pytest
import torch

import sample_mfr
from data_tools.synthetic import dataset
from mfr import pipeline
from mfr.face.coefficients import MOTION_EXP, to_motion
from mfr.files import media

SAMPLES = 6
SMILE, BROW_LOWER = MOTION_EXP.start + 1, MOTION_EXP.start + 4


@pytest.fixture(scope="module")
def system():
    return pipeline.load(device="cpu")


@pytest.fixture(scope="module")
def responses(system):
    r"""Motion (K, L, 70) of each attitude for the demo."""
    speaker = system.perceive(sample_mfr.DEMO / "speaker.mp4", sample_mfr.DEMO / "speaker.mat")
    portrait = system.look(sample_mfr.DEMO / "portrait.png")
    found = {}
    for attitude in ("positive", "neutral", "negative"):
        drawn = system.respond(speaker, portrait, attitude, SAMPLES, steps=12)
        found[attitude] = torch.stack([response.motion for response in drawn])
    return found


def test_all_weights_together_are_small():
    files = [path for path in pipeline.WEIGHTS.rglob("*") if path.is_file()]
    demo = [path for path in files if sample_mfr.DEMO in path.parents]
    assert sum(path.stat().st_size for path in files) < 25e6
    assert sum(path.stat().st_size for path in demo) < 2e6


def test_attitudes_mean_what_they_say(responses):
    level = {name: motion.mean(1) for name, motion in responses.items()}  # (K, 70)
    smile = {name: float(x[:, SMILE].mean()) for name, x in level.items()}
    frown = {name: float(x[:, BROW_LOWER].mean()) for name, x in level.items()}
    assert smile["positive"] > smile["negative"] and frown["negative"] > frown["positive"]


def test_the_head_answers_when_a_phrase_ends(responses):
    # the demo's speech is ood meeting 4 of the small set; its phrases end at frames 58 and 149
    meeting = [m for m in dataset.plan("small", 0) if m.split == "ood"][4]
    ends = dataset.play(meeting, 0).speech.track.phrase_ends
    angles = responses["positive"][:, :, :3]
    speed = angles.diff(dim=1).norm(dim=-1).mean(0)  # (L - 1,), over samples
    assert len(ends) == 2 and len(speed) == meeting.frames - 1
    after = torch.zeros(len(speed), dtype=torch.bool)
    for end in ends:
        after[int(end) + 8 : int(end) + 22] = True  # nods begin 9 +- 3.5 frames later
    calm = ~after
    calm[:15] = False  # there the head leaves the portrait's pose
    assert speed[after].mean() > 1.2 * speed[calm].mean()


def test_a_response_begins_with_the_portrait(system, responses):
    portrait = system.look(sample_mfr.DEMO / "portrait.png")
    first = torch.from_numpy(to_motion(portrait.coefficients))
    for motion in responses.values():
        torch.testing.assert_close(motion[:, 0], first.expand(SAMPLES, -1), rtol=0, atol=1e-4)


def test_samples_of_one_attitude_differ_as_much_as_a_listener_does(responses):
    for motion in responses.values():
        spread = motion[:, :, 0].std(0).mean()  # over samples, of the pitch
        assert 0.005 < float(spread) < 0.2


def test_motion_is_smooth_and_stays_a_heads_motion(responses):
    for motion in responses.values():
        step = motion[:, 1:, :3].diff(dim=1).abs().mean()
        assert float(step) < 0.01 and float(motion[:, :, :3].abs().max()) < 0.8
        assert bool(torch.isfinite(motion).all())


def test_the_demo_runs_as_printed(tmp_path, capsys, monkeypatch):
    render = pipeline.System.render

    def twentieths(system, portrait, motion, moments=None):  # each stands for 20: time goes there
        moments = range(len(motion)) if moments is None else moments
        for frame in render(system, portrait, motion, [*moments][::20]):
            yield from [frame] * 20

    monkeypatch.setattr(pipeline.System, "render", twentieths)
    words = ["--attitude", "positive", "--samples", "1", "--steps", "5", "--out", str(tmp_path)]
    sample_mfr.main(words)
    frames = media.read_video(tmp_path / "positive_0.mp4", every=20)
    assert media.probe(tmp_path / "positive_0.mp4").has_sound
    assert frames.shape[1:] == (256, 256, 3) and (tmp_path / "contact_sheet.png").exists()
    assert "speaker" in capsys.readouterr().out


@pytest.mark.slow
def test_the_face_stays_the_same_persons(system):
    speaker = system.perceive(sample_mfr.DEMO / "speaker.mp4", sample_mfr.DEMO / "speaker.mat")
    portrait = system.look(sample_mfr.DEMO / "portrait.png")
    other = system.look(next(speaker.frames()).copy())
    (response,) = system.respond(speaker, portrait, "positive")
    frames = np.stack([frame for i, frame in enumerate(response.frames()) if i % 40 == 0])
    with torch.no_grad():
        vectors = system.identity(system.images(frames))
    same = (vectors * portrait.identity).sum(1)
    assert float(same.min()) > float((vectors * other.identity).sum(1).max())
