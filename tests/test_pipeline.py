r"""The whole path on small untrained networks. Oracles: lengths, seeds, the portrait's own bytes
(an untrained renderer moves nothing by itself), the index arithmetic of other people's scripts,
one planted fault at a time."""

import os
import pickle
import re
import shutil
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import loadmat, savemat

import sample_mfr
from mfr import config, pipeline
from mfr.config import ATTITUDES
from mfr.face import camera, coefficients
from mfr.face.identity import IdentityNet
from mfr.face.reconstruction import ReconstructionNet
from mfr.files import media
from mfr.files.whole import command
from mfr.motion.model import MotionModel, one_hot
from mfr.render.renderer import Renderer
from mfr.training import checkpoint

SMALL = {
    "motion": (
        MotionModel,
        {"width": 16, "layers": 1, "heads": 2, "feedforward": 16, "sample_steps": 3},
    ),
    "identity": (IdentityNet, {"width": 8}),
    "reconstruction": (ReconstructionNet, {"width": 8}),
    "renderer": (Renderer, {"width": 16, "descriptor_dim": 16, "window": 5}),
}


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
    return pipeline.load(weights, "cpu", finder=False)  # its pictures are of noise


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
    from mfr.face.reconstruction import reconstruct

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


def test_vico_and_pirenderer_scripts_find_the_response_and_the_portraits_crop(
    system, clip, tmp_path
):
    rng = np.random.default_rng(2)
    own = rng.normal(size=(4, 257)).astype(np.float32) * 0.1
    params = np.tile([480, 640, 0.45, 250.0, 330.0], (4, 1))  # of the original picture
    savemat(tmp_path / "own.mat", {"coeff": own, "transform_params": params})
    portrait = system.look(clip / "face.png", tmp_path / "own.mat")
    (response,) = system.respond(system.perceive(clip / "speaker.mp4"), portrait, "neutral")
    response.save_coefficients(tmp_path / "a.mat")
    content = loadmat(tmp_path / "a.mat")
    coeff, params = content["coeff"], content["transform_params"]
    assert coeff.dtype == params.dtype == np.float32 and len(coeff) == len(params) == 36
    # the baseline: 73 numbers a frame, width and height 256
    vico = np.concatenate(
        [coeff[:, 224:227], coeff[:, 80:144], coeff[:, 254:257], params[:, -3:]], axis=1
    )
    assert np.array_equal(vico[:, :70], response.motion.numpy())
    assert (params[:, :2] == 256).all()
    # PIRenderer: 260 numbers, the crop in the last three; the same face in the smaller picture
    stored = np.concatenate([coeff, params[:, 2:]], 1)
    grow = 256 / 480  # the middle 480 of 640 rows are kept
    crop = [0.45 / grow, 128 + grow * (250 - 240), 128 + grow * (330 - 320)]
    assert np.allclose(stored[:, 257:260], crop, rtol=1e-6)
    for still in (slice(0, 80), slice(144, 224), slice(227, 254)):
        assert (stored[:, still] == own[0, still]).all()


def test_a_portraits_own_file_takes_the_place_of_reconstruction(system, clip, tmp_path):
    params = np.array([300.0, 280.0, 0.85, 140.0, 150.0])
    own = 0.05 * np.random.default_rng(3).normal(size=(1, 257)).astype(np.float32)
    coefficients.save_mat(tmp_path / "own.mat", own, params)
    portrait = system.look(clip / "face.png", tmp_path / "own.mat")
    assert np.array_equal(portrait.coefficients, own[0]) and portrait.unfamiliar == 0
    # the renderer's camera sees a disc through the head's middle where the crop's camera saw it
    disc = np.random.default_rng(4).uniform(-1, 1, (1, 7, 3)) * [1, 1, 0]
    front, seen = np.zeros((1, 3)), portrait.encoded.coefficients.numpy()
    there = camera.project(disc, front, own[:, 254:])[..., :2]
    there = camera.crop_to_frame(there, params)
    there = (there - params[:2] / 2) * 256 / 280 + 128
    here = camera.project(disc, front, seen[:, 67:], centre=(128, 128))[..., :2]
    assert np.allclose(here, there, atol=1e-3)
    for frame in system.render(portrait, torch.from_numpy(coefficients.to_motion(own))):
        assert np.abs(frame.astype(int) - portrait.pixels).max() <= 1
    savemat(tmp_path / "bare.mat", {"coeff": own})
    assert system.look(clip / "face.png", tmp_path / "bare.mat").params[2:] == (1, 128, 128)


def test_sound_much_shorter_than_the_picture_is_said(system, clip, tmp_path):
    media.write_sound(tmp_path / "short.wav", np.zeros(8000), 16000)
    with pytest.warns(UserWarning, match="has 36 frames, sound 15; 15 are used"):
        speaker = system.perceive(clip / "speaker.mp4", sound=tmp_path / "short.wav")
    assert len(speaker.motion) == len(speaker.audio) == 15 and len(list(speaker.frames())) == 15
    assert len(speaker.sound) == 8000


def test_one_hot_is_in_the_order_of_the_attitudes():
    assert one_hot([*ATTITUDES, ""]).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


def sample(weights, clip, out, *more):
    words = [
        "--weights",
        str(weights),
        "--speaker",
        str(clip / "speaker.mp4"),
        "--device",
        "cpu",
        "--listener",
        str(clip / "face.png"),
        "--crop",
        "middle",
        "--listener-crop",
        "middle",
        "--out",
        str(out),
        *more,
    ]
    sample_mfr.main(words)


def test_the_command_writes_a_video_for_each_attitude_and_sample(weights, clip, tmp_path, capsys):
    sound, out = tmp_path / "sound.wav", tmp_path / "out"  # as short as shows everything
    media.write_sound(sound, 0.1 * np.sin(np.arange(8820))[:, None], 22050)
    more = ("--sound", str(sound), "--speaker-coefficients", str(clip / "speaker.mat"))
    sample(weights, clip, out, "--samples", "2", "--save-coefficients", *more)
    names = {f"{a}_{k}.{s}" for a in ATTITUDES for k in (0, 1) for s in ("mp4", "mat")}
    assert {path.name for path in out.iterdir()} == names | {"contact_sheet.png"}
    info = media.probe(out / "negative_1.mp4")
    assert info.size == (512, 256) and info.fps == 30 and info.has_sound
    assert len(media.read_video(out / "negative_1.mp4")) == 12
    sound, rate = media.read_sound(out / "neutral_0.mp4")
    assert rate == 22050 and abs(len(sound) / rate - 0.4) < 0.1
    assert "12 frames, 0.4 s" in capsys.readouterr().out


def test_the_listener_alone_when_asked(weights, clip, tmp_path):
    more = ("--attitude", "positive", "--samples", "1", "--listener-only")
    sample(weights, clip, tmp_path, *more)
    assert media.probe(tmp_path / "positive_0.mp4").size == (256, 256)


@pytest.fixture
def quick(weights, clip, tmp_path):
    r"""The command on 0.1 s of speaker: a function of further words, writing to tmp_path/out."""
    media.write_sound(tmp_path / "short.wav", np.zeros((800, 1)), 8000)
    words = [
        "--sound",
        str(tmp_path / "short.wav"),
        "--attitude",
        "positive",
        "--samples",
        "1",
        "--steps",
        "1",
        "--speaker-coefficients",
        str(clip / "speaker.mat"),
    ]
    return lambda *more: sample(weights, clip, tmp_path / "out", *words, *map(str, more))


def test_named_coefficients_go_where_they_are_named(quick, tmp_path):
    quick("--save-coefficients", tmp_path / "here" / "a.mat")
    assert os.listdir(tmp_path / "here") == ["a.mat"]
    quick("--samples", "2", "--save-coefficients", tmp_path / "there" / "a.mat")
    names = sorted(os.listdir(tmp_path / "there"))
    assert names == ["a_positive_0.mat", "a_positive_1.mat"]
    assert not list((tmp_path / "out").glob("*.mat"))


def test_how_frames_are_rendered_is_said_and_tried_if_much_is_to_be_done(
    quick, tmp_path, monkeypatch, capsys
):
    quick("--precision", "bfloat16", "--batch", 2)
    said = capsys.readouterr().out
    assert ", bfloat16, 2 frames at once\n" in said
    assert len(media.read_video(tmp_path / "out" / "positive_0.mp4")) == 3
    monkeypatch.setattr(sample_mfr, "WORTH_TIMING", 3)
    monkeypatch.setattr(pipeline.choices, "FRAMES", 1)
    quick("--precision", "float32", "--threads", torch.get_num_threads())
    assert re.search(
        r"float32, \d frames at once; \d+ frames/s in a trial", capsys.readouterr().out
    )


def portrait(mode, size):
    r"""A light disc before a dark wall; transparent around the disc where the mode can."""
    axes = np.ogrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    disc = axes[0] ** 2 + axes[1] ** 2 < 0.5
    image = Image.fromarray(np.where(disc, 200, 40).astype(np.uint8))
    if mode in ("LA", "RGBA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(np.where(disc, 255, 0).astype(np.uint8)))
    return image.convert(mode)


@pytest.mark.parametrize(
    "mode, size, wall",
    [
        ("L", (256, 256), 40),
        ("1", (99, 99), None),
        ("LA", (300, 300), 255),
        ("RGBA", (200, 300), 255),
        ("CMYK", (256, 256), 40),
        ("L", (6000, 6000), 40),
        ("RGB", (1000, 300), 40),
        ("L", (32, 32), 40),
    ],
)
def test_portraits_that_can_be_converted_are(mode, size, wall, quick, tmp_path, capsys):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    portrait(mode, size).save(path)
    quick("--listener", path, "--listener-only")
    frames = media.read_video(tmp_path / "out" / "positive_0.mp4")
    assert frames.shape == (3, 256, 256, 3)
    colours = frames.astype(float)
    assert np.abs(colours - colours.mean(-1, keepdims=True)).max() < 12  # grey stays grey
    if wall is not None:
        assert abs(np.median(colours[:, :8, :8]) - wall) < 6
    assert "error" not in capsys.readouterr().err


def png_of(width, height):
    r"""A PNG that claims a size and holds nothing of it."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(b"\0" * 99))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


class Code:
    r"""Makes a folder when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def bytes_of(path, save):
    save(path)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize(
    "what, message",
    [
        ("text", "is not a picture that can be read"),
        ("half a png", "is not a picture that can be read"),
        ("half a jpg", "is not a picture that can be read"),
        ("png without its picture", "is not a picture that can be read"),
        ("decompression bomb", "is not a picture that can be read"),
        ("nothing", "is empty (0 bytes)"),
        ("tiny", "is 31x200; at least 32x32 is needed"),
        ("checkpoint", "is not a picture that can be read"),
        ("pickle", "is not a picture that can be read"),
        ("video", "is not a picture that can be read"),
    ],
)
def test_portraits_that_cannot_be_read_are_one_line(what, message, quick, clip, tmp_path, capsys):
    mark, spare = tmp_path / "ran", tmp_path / "spare"
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8))
    picture = {kind: bytes_of(spare.with_suffix(f".{kind}"), noise.save) for kind in ("png", "jpg")}
    content = {
        "text": lambda: b"no picture " * 99,
        "half a png": lambda: picture["png"][: len(picture["png"]) // 2],
        "half a jpg": lambda: picture["jpg"][: len(picture["jpg"]) // 2],
        "png without its picture": lambda: png_of(300, 300),
        "decompression bomb": lambda: png_of(60000, 60000),
        "nothing": lambda: b"",
        "tiny": lambda: bytes_of(tmp_path / "t.png", portrait("L", (31, 200)).save),
        "checkpoint": lambda: bytes_of(spare, lambda p: torch.save({"a": torch.zeros(99)}, p)),
        "pickle": lambda: pickle.dumps(Code(str(mark))),
        "video": (clip / "speaker.mp4").read_bytes,
    }
    path = tmp_path / "face.png"
    path.write_bytes(content[what]())
    refused(lambda: quick("--listener", path), f"{path}: {message}", capsys)
    assert not (tmp_path / "out").exists() and not mark.exists()


def refused(call, message, capsys):
    r"""Exit code 2, one line on stderr that holds the message."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        command(call)
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and message in said and "\n" not in said, said


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
        (["--listener-crop", "90,0,300"], "does not lie inside"),
        (["--format", "avi"], "--format is 'avi'; allowed: mp4, webm, gif, png"),
        (["--fps", "0"], "--fps is 0.0; allowed: 1 .. 120"),
        (["--quality", "11"], "--quality is 11; allowed: 1 .. 10"),
        (["--threads", "0"], "threads is 0; allowed: >= 1"),
        (["--batch", "0"], "batch is 0; allowed: >= 1"),
        (["--precision", "half"], "precision is 'half'; allowed: float32, bfloat16"),
        (["--listener-coefficients", "OTHER"], "needed: coeff"),
        (["--save-coefficients", "out"], "--save-coefficients is 'out'; allowed: a name that ends"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    words, message, weights, clip, tmp_path, capsys
):
    media.write_sound(tmp_path / "a.wav", np.zeros(9000), 9000)
    media.write_video(tmp_path / "mute.mp4", [np.zeros((64, 64, 3), np.uint8)] * 3)
    savemat(tmp_path / "other.mat", {"other": np.zeros((3, 3))})
    stand = {"SOUND": "a.wav", "MUTE": "mute.mp4", "OTHER": "other.mat"}
    words = [str(tmp_path / stand[word]) if word in stand else word for word in words]
    refused(lambda: sample(weights, clip, tmp_path / "out", *words), message, capsys)
    assert not (tmp_path / "out").exists()


def test_a_face_unlike_any_in_training_is_said(weights, clip, quick, tmp_path, capsys):
    folder = shutil.copytree(weights, tmp_path / "weights")
    content = checkpoint.load(folder / "reconstruction.pt", "reconstruction")
    net = ReconstructionNet(content["config"])
    net.load_state_dict(content["model"])
    face = media.read_image(clip / "face.png")
    known = torch.from_numpy(face).permute(2, 0, 1)[None] / 255
    light = torch.randn(64, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    net.fit_familiarity((known + 0.1 * light).clamp(0, 1))
    save = content["config"], net.state_dict()
    checkpoint.save(folder / "reconstruction.pt", "reconstruction", *save)
    quick("--weights", folder)
    assert "note" not in capsys.readouterr().out
    Image.new("RGB", (640, 200), "orange").save(tmp_path / "wall.png")
    quick("--weights", folder, "--listener", tmp_path / "wall.png")
    assert "note      the listener's face is" in capsys.readouterr().out


def test_weights_of_another_network_are_named(weights, clip, tmp_path):
    for path in weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "motion.pt").write_bytes((weights / "identity.pt").read_bytes())
    with pytest.raises(ValueError, match="motion.pt: holds the stage 'identity'"):
        pipeline.load(tmp_path, "cpu")


def narrow_motion(path):
    settings = config.preset("motion", **SMALL["motion"][1])
    other = config.preset("motion", **{**SMALL["motion"][1], "width": 32})
    checkpoint.save(path, "motion", settings, MotionModel(other).state_dict())


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda p: torch.save({"state_dict": {"a": torch.zeros(3)}}, p), "motion.pt: format None"),
        (lambda p: torch.save([torch.zeros(3)], p), "motion.pt: format 'list'"),
        (
            lambda p: torch.save({"format": "mfr-net 1"}, p),
            "motion.pt: has no stage, config, model",
        ),
        (lambda p: torch.save({"a": Code("ran")}, p), "motion.pt: cannot be opened safely"),
        (lambda p: p.write_bytes(pickle.dumps(Code("ran"))), "motion.pt: cannot be opened safely"),
        (lambda p: p.write_bytes(b"no weights" * 99), "motion.pt: cannot be opened safely"),
        (lambda p: p.write_bytes(p.read_bytes()[:9000]), "motion.pt: cannot be opened safely"),
        (lambda p: p.write_bytes(b""), "motion.pt: is empty (0 bytes)"),
        (narrow_motion, "motion.pt: does not fit the network"),
    ],
)
def test_bad_weights_are_one_line(spoil, message, weights, quick, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(weights, tmp_path / "weights")
    spoil(folder / "motion.pt")
    refused(lambda: quick("--weights", folder), message, capsys)
    assert sorted(os.listdir(tmp_path)) == ["short.wav", "weights"]


def folder_of(weights, tmp_path, *stages):
    folder = tmp_path / "-".join(stages)
    folder.mkdir()
    for stage in stages:
        shutil.copy(weights / f"{stage}.pt", folder)
    return folder


def test_bundled_weights_take_the_place_of_those_a_run_did_not_train(
    weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(pipeline.loading, "WEIGHTS", weights)
    folder = folder_of(weights, tmp_path, "motion")
    message = "motion has no identity.pt, reconstruction.pt, renderer.pt; bundled weights"
    with pytest.warns(UserWarning, match=message):
        found = pipeline.load(folder, "cpu")
    for part in SMALL:
        wanted = checkpoint.load(weights / f"{part}.pt", part)["model"]
        for name, value in getattr(found, part).state_dict().items():
            assert torch.equal(value, wanted[name])
    own = found.identity, found.reconstruction, found.renderer
    given = dict(zip(("identity", "reconstruction", "renderer"), own))
    system = pipeline.load(folder, "cpu", **given)  # nothing is missing, nothing is warned of
    assert (system.identity, system.reconstruction, system.renderer) == own
    with pytest.raises(ValueError, match="identity-renderer: has identity.pt and no motion.pt"):
        pipeline.load(folder_of(weights, tmp_path, "identity", "renderer"), "cpu")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: holds none of identity.pt, reconstruction.pt,"):
        pipeline.load(tmp_path / "empty", "cpu")


def test_motion_trained_with_another_identity_net_is_refused(weights, tmp_path):
    folder = shutil.copytree(weights, tmp_path / "weights")
    settings = config.preset("motion", **SMALL["motion"][1], identity_dim=7)
    checkpoint.save(folder / "motion.pt", "motion", settings, MotionModel(settings).state_dict())
    message = r"motion.pt: takes identity vectors of 7 numbers; name the .* \(--identity KIND=FILE"
    with pytest.raises(ValueError, match=message):
        pipeline.load(folder, "cpu")
