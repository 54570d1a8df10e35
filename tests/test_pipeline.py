r"""The whole path on small untrained networks. Oracles: lengths, seeds, the portrait's own bytes
(an untrained renderer moves nothing by itself), one planted fault at a time."""

import numpy as np
import pytest
import torch

import sample_mfr
from mfr import checkpoint, coefficients, config, files, media, pipeline
from mfr.config import ATTITUDES
from mfr.identity import IdentityNet
from mfr.motion import MotionModel, one_hot
from mfr.reconstruction import ReconstructionNet
from mfr.renderer import Renderer

SMALL = {
    "motion": (MotionModel, {"width": 16, "layers": 1, "heads": 2, "feedforward": 16,
                             "sample_steps": 3}),
    "identity": (IdentityNet, {"width": 8}),
    "reconstruction": (ReconstructionNet, {"width": 8}),
    "renderer": (Renderer, {"width": 16, "descriptor_dim": 16, "window": 5}),
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for stage, (network, changes) in SMALL.items():
        settings = config.preset(stage, **changes)
        net = network(settings)
        if stage == "motion":
            torch.nn.init.normal_(net.network.out.weight, std=0.1)  # so that conditions matter
            net.listener.std.fill_(0.02)
        if stage == "reconstruction":
            net.std.fill_(0.01)
        checkpoint.save(folder / f"{stage}.pt", stage, settings, net.state_dict())
    return folder


@pytest.fixture(scope="module")
def system(weights):
    return pipeline.load(weights, "cpu")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    r"""A user's own clip: 25 fps, 96x64, stereo 22.05 kHz, 1.2 s; and its portrait."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (30, 64, 96, 3), dtype=np.uint8)
    sound = 0.2 * rng.normal(size=(26460, 2))
    media.write_video(folder / "speaker.mp4", frames, fps=25, sound=sound, sample_rate=22050)
    media.write_image(folder / "face.png", rng.integers(0, 255, (300, 280, 3), dtype=np.uint8))
    coefficients.save_mat(folder / "speaker.mat", 0.1 * rng.normal(size=(36, 257)))
    return folder


def test_a_response_has_the_speakers_length_and_the_frames_their_format(system, clip):
    (response,) = system.respond(clip / "speaker.mp4", clip / "face.png", "positive")
    frames = list(response.frames())
    assert response.motion.shape == (36, 70) and len(frames) == 36
    assert frames[0].shape == (256, 256, 3) and frames[0].dtype == np.uint8


def test_the_same_seed_gives_the_same_and_samples_differ(system, clip):
    def motions(seed):
        found = system.respond(clip / "speaker.mp4", clip / "face.png", "neutral", 2, seed)
        return [response.motion for response in found]

    first, again, other = motions(0), motions(0), motions(1)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], other[0])


def test_speaker_sound_attitude_and_portrait_all_count(system, clip):
    speaker, portrait = system.perceive(clip / "speaker.mp4"), system.look(clip / "face.png")
    base = system.respond(speaker, portrait, "positive")[0].motion
    changed = {
        "attitude": (speaker, portrait, "negative"),
        "sound": (speaker._replace(audio=speaker.audio + 5), portrait, "positive"),
        "face": (speaker._replace(motion=speaker.motion + 1), portrait, "positive"),
        "portrait": (speaker, system.look(255 - portrait.pixels), "positive"),
    }
    for name, (a, b, c) in changed.items():
        assert not torch.equal(base, system.respond(a, b, c)[0].motion), name


def test_coefficients_of_a_file_take_the_place_of_reconstruction(system, clip):
    truth = coefficients.load_mat(clip / "speaker.mat")[0]
    speaker = system.perceive(clip / "speaker.mp4", clip / "speaker.mat")
    assert torch.equal(speaker.motion, torch.from_numpy(coefficients.to_motion(truth)))


def test_reading_in_batches_equals_reading_at_once(system, clip):
    from mfr.reconstruction import reconstruct

    whole = reconstruct(system.reconstruction, media.read_video(clip / "speaker.mp4"))
    speaker = system.perceive(clip / "speaker.mp4")
    assert np.allclose(speaker.motion, coefficients.to_motion(whole), atol=1e-5)


def test_standing_still_gives_the_portrait_back(system, clip):
    portrait = system.look(clip / "face.png")
    still = torch.from_numpy(coefficients.to_motion(portrait.coefficients)).repeat(20, 1)
    for frame in system.render(portrait, still):
        assert np.abs(frame.astype(int) - portrait.pixels).max() <= 1


def test_saved_coefficients_are_the_response_in_deep3d_layout(system, clip, tmp_path):
    (response,) = system.respond(clip / "speaker.mp4", clip / "face.png", "neutral")
    response.save_coefficients(tmp_path / "a.mat")
    coeff, params = coefficients.load_mat(tmp_path / "a.mat")
    assert np.array_equal(coefficients.to_motion(coeff), response.motion.numpy())
    assert np.array_equal(coeff[3, :80], response.portrait.coefficients[:80])
    assert params[0].tolist() == [256, 256, 1, 128, 128]


def test_sound_much_shorter_than_the_picture_is_said(system, clip, tmp_path):
    media.write_sound(tmp_path / "short.wav", np.zeros(8000), 16000)
    with pytest.warns(UserWarning, match="has 36 frames, sound 15; 15 are used"):
        speaker = system.perceive(clip / "speaker.mp4", sound=tmp_path / "short.wav")
    assert len(speaker.motion) == len(speaker.audio) == 15 and len(list(speaker.frames())) == 15
    assert len(speaker.sound) == 8000


def test_one_hot_is_in_the_order_of_the_attitudes():
    assert one_hot([*ATTITUDES, ""]).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


def sample(weights, clip, out, *more):
    words = ["--weights", str(weights), "--speaker", str(clip / "speaker.mp4"), "--device", "cpu",
             "--listener", str(clip / "face.png"), "--out", str(out), *more]  # fmt: skip
    sample_mfr.main(words)


def test_the_command_writes_a_video_for_each_attitude_and_sample(weights, clip, tmp_path, capsys):
    sample(weights, clip, tmp_path / "out", "--samples", "2", "--save-coefficients")
    names = {f"{a}_{k}.{s}" for a in ATTITUDES for k in (0, 1) for s in ("mp4", "mat")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | {"contact_sheet.png"}
    info = media.probe(tmp_path / "out" / "negative_1.mp4")
    assert info.size == (512, 256) and info.fps == 30 and info.has_sound
    assert len(media.read_video(tmp_path / "out" / "negative_1.mp4")) == 36
    sound, rate = media.read_sound(tmp_path / "out" / "neutral_0.mp4")
    assert rate == 22050 and abs(len(sound) / rate - 1.2) < 0.1
    assert "36 frames, 1.2 s" in capsys.readouterr().out


def test_the_listener_alone_when_asked(weights, clip, tmp_path):
    more = ("--attitude", "positive", "--samples", "1", "--listener-only")
    sample(weights, clip, tmp_path, *more)
    assert media.probe(tmp_path / "positive_0.mp4").size == (256, 256)


@pytest.mark.parametrize(
    "words, message",
    [
        (["--attitude", "bored"], "attitude 'bored' is unknown; allowed: positive, neutral"),
        (["--listener", "gone.png"], "gone.png: no such file"),
        (["--speaker", "gone.mp4"], "gone.mp4: no such file"),
        (["--speaker", "SOUND"], "has sound but no picture"),
        (["--speaker", "MUTE"], "has no sound"),
        (["--listener", "SOUND"], "is not a picture"),
        (["--speaker-coefficients", "OTHER"], "needed: coeff"),
        (["--weights", "gone"], "weights gone: no such folder"),
        (["--samples", "0"], "samples is 0"),
        (["--steps", "5000"], "steps is 5000"),
        (["--crop", "90,0,64"], "does not lie inside"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    words, message, weights, clip, tmp_path, capsys
):
    from scipy.io import savemat

    media.write_sound(tmp_path / "a.wav", np.zeros(9000), 9000)
    media.write_video(tmp_path / "mute.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3)
    savemat(tmp_path / "other.mat", {"other": np.zeros((3, 3))})
    stand = {"SOUND": "a.wav", "MUTE": "mute.mp4", "OTHER": "other.mat"}
    words = [str(tmp_path / stand[word]) if word in stand else word for word in words]
    with pytest.raises(SystemExit) as stop:
        files.command(lambda: sample(weights, clip, tmp_path / "out", *words))
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and message in said and "\n" not in said
    assert not (tmp_path / "out").exists()


def test_weights_of_another_network_are_named(weights, clip, tmp_path):
    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "motion.pt").write_bytes((weights / "identity.pt").read_bytes())
    with pytest.raises(ValueError, match="motion.pt: holds the stage 'identity'"):
        pipeline.load(tmp_path, "cpu")
