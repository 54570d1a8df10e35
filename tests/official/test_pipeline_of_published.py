r"""Official networks in the place of ours, through sample_mfr.py and mfr.pipeline.

Oracles: the networks called by themselves on the same pixels; the windows that PIRenderer's own
scripts cut from the .mat we write; files that must be refused. The files hold random weights under
the published names: a mean over the inputs a channel, so that a signal keeps its size.
"""

import os
import pickle

import numpy as np
import pytest
import torch
from scipy.io import loadmat

import sample_mfr
import train_mfr
from mfr import config, official, pipeline
from mfr.face import coefficients
from mfr.face.identity import IdentityNet, identity_loss
from mfr.face.reconstruction import ReconstructionNet
from mfr.files import media
from mfr.files.whole import command
from mfr.motion.model import MotionModel
from mfr.official.pirenderer import PIRenderer
from mfr.official.pirenderer_adapter import PIRendererAdapter
from mfr.render.losses import perceptual_loss, style_loss
from mfr.render.renderer import Renderer, window_coefficients
from mfr.training import checkpoint
from mfr.training.renderer import RendererStage

MOTION = {"width": 16, "layers": 1, "heads": 2, "feedforward": 16, "sample_steps": 2}
FRAMES = 2  # of the speaker's clip: PIRenderer takes its time


def mild(kind, generator):
    r"""A state dict of that kind; what is repeated is stored once, so that the file is small."""
    state = {}
    for name, shape in official.expected(kind).items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        elif len(shape) < 2:
            state[name] = torch.tensor(float(name.endswith(("var", "weight")))).expand(shape)
        else:
            kernel = torch.rand(1, *shape[1:], generator=generator)
            state[name] = (kernel / kernel.sum()).expand(shape)
    return state


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    r"""A clip, a portrait, official files, weights for our V (w128) and for VGGFace2 (w2048)."""
    folder = tmp_path_factory.mktemp("official")
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    frames = rng.integers(0, 255, (FRAMES, 64, 64, 3), dtype=np.uint8)
    sound = 0.1 * rng.normal(size=(FRAMES * 800, 1))
    media.write_video(folder / "speaker.mp4", frames, sound=sound, sample_rate=24000)
    media.write_image(folder / "face.png", rng.integers(0, 255, (256, 256, 3), dtype=np.uint8))
    torch.save({"net_G_ema": mild("pirenderer", generator)}, folder / "pirenderer.pt")
    torch.save({"net_recon": mild("deep3d", generator)}, folder / "deep3d.pth")
    torch.save(mild("vggface2", generator), folder / "vggface2.pt")
    torch.save(mild("vggface", generator), folder / "vggface.pth")
    torch.save(mild("vgg19", generator), folder / "vgg19.pth")
    torch.manual_seed(0)
    for width in (128, 2048):
        settings = config.preset("motion", **MOTION, identity_dim=width)
        model = MotionModel(settings)
        torch.nn.init.normal_(model.network.out.weight, std=0.1)
        path = folder / f"w{width}" / "motion.pt"
        checkpoint.save(path, "motion", settings, model.state_dict())
    for stage, build in (("identity", IdentityNet), ("reconstruction", ReconstructionNet)):
        settings = config.preset(stage, width=8)
        path = folder / "w128" / f"{stage}.pt"
        checkpoint.save(path, stage, settings, build(settings).state_dict())
    settings = config.preset("renderer", width=16, descriptor_dim=16, window=5)
    path = folder / "w128" / "renderer.pt"
    checkpoint.save(path, "renderer", settings, Renderer(settings).state_dict())
    return folder


def sample(folder, out, weights, *more):
    words = [
        "--weights",
        str(folder / weights),
        "--speaker",
        str(folder / "speaker.mp4"),
        "--listener",
        str(folder / "face.png"),
        "--crop",
        "middle",
        "--listener-crop",
        "middle",
        "--out",
        str(out),
        "--device",
        "cpu",
        "--attitude",
        "positive",
        "--samples",
        "1",
        "--listener-only",
    ]
    sample_mfr.main([*words, *map(str, more)])


def test_the_papers_own_pipeline_runs_on_official_files(folder, tmp_path, capsys):
    given = {
        "renderer": "pirenderer=pirenderer.pt",
        "identity": "vggface2=vggface2.pt",
        "reconstruction": "deep3d=deep3d.pth",
    }
    words = []
    for part, text in given.items():
        given[part] = text.replace("=", f"={folder}{os.sep}")
        words += [f"--{part}", given[part]]
    sample(folder, tmp_path / "out", "w2048", *words, "--save-coefficients")
    said = capsys.readouterr().out
    assert f"official  renderer {given['renderer']}: entry net_G_ema\n" in said
    assert f"official  identity {given['identity']}: a bare state dict\n" in said
    assert f"official  reconstruction {given['reconstruction']}: entry net_recon\n" in said
    assert "note" not in said  # Deep3D cannot tell how strange a face is; nothing is bundled
    networks = {part: official.choose(part, text) for part, text in given.items()}
    # the portrait's coefficients are Deep3D's, and the video is what PIRenderer makes of them
    face = torch.from_numpy(media.read_image(folder / "face.png")).permute(2, 0, 1)[None] / 255
    own = networks["reconstruction"](face)
    coeff, params = coefficients.load_mat(tmp_path / "out" / "positive_0.mat")
    assert coeff.shape == (FRAMES, 257) and params[1].tolist() == [256, 256, 1, 128, 128]
    for still in (coefficients.ID, coefficients.TEX, coefficients.GAMMA):
        torch.testing.assert_close(torch.from_numpy(coeff[:1, still]), own[:, still])
    windows = window_coefficients(torch.from_numpy(coefficients.to_motion(coeff)), 27)
    renderer = networks["renderer"]
    frame = renderer(renderer.encode(face), windows[:1])[0].permute(1, 2, 0)
    shown = media.read_video(tmp_path / "out" / "positive_0.mp4")
    assert len(shown) == FRAMES
    assert np.abs(shown[0] / 255 - frame.numpy()).mean() < 0.02  # but for the codec


def test_pirenderer_scripts_cut_from_our_file_what_we_feed_the_network(folder, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = PIRenderer().eval().requires_grad_(False)
    renderer = PIRendererAdapter(network)
    system = pipeline.load(folder / "w128", "cpu", renderer=renderer, finder=False)
    own = 0.1 * np.random.default_rng(1).normal(size=(1, 257))
    coefficients.save_mat(tmp_path / "own.mat", own, [256, 256, 1.05, 120, 131])
    portrait = system.look(folder / "face.png", tmp_path / "own.mat")
    (response,) = system.respond(system.perceive(folder / "speaker.mp4"), portrait, "negative")
    response.save_coefficients(tmp_path / "a.mat")
    fed = []
    network.mapping_net.register_forward_pre_hook(lambda module, given: fed.append(given[0]))
    assert len(list(response.frames())) == FRAMES
    content = loadmat(tmp_path / "a.mat")
    stored = np.concatenate([content["coeff"], content["transform_params"][:, 2:]], 1)
    for frame in range(FRAMES):
        rows = stored[np.clip(np.arange(frame - 13, frame + 14), 0, FRAMES - 1)]
        parts = [rows[:, 80:144], rows[:, 224:227], rows[:, 254:257], rows[:, 257:260]]
        wanted = np.concatenate(parts, 1).T
        assert np.array_equal(fed[0][frame].numpy(), wanted)
    assert np.allclose(fed[0][0, -3:, 0], [1.05, 120, 131])


@pytest.mark.parametrize("kind", ["vggface2", "vggface"])
def test_recognisers_stand_in_with_vectors_of_length_1(kind, folder, generator):
    name = {"vggface2": "vggface2.pt", "vggface": "vggface.pth"}[kind]
    module = official.load(kind, folder / name)
    frames = torch.rand(1, 3, 256, 256, generator=generator)
    plain = module.network(frames)
    assert float(plain.norm()) > 2
    torch.testing.assert_close(module(frames), plain / plain.norm(), rtol=1e-5, atol=1e-8)


def test_a_motion_for_another_recogniser_says_how_to_train_one(folder, tmp_path, capsys):
    file = f"vggface2={folder / 'vggface2.pt'}"
    refused(
        lambda: sample(folder, tmp_path / "out", "w128", "--identity", file),
        capsys,
        "motion.pt: takes identity vectors of 128 numbers; vggface2 gives 2048; train it for "
        "them: python train_mfr.py motion --identity vggface2=FILE --data FOLDER --run DIR",
    )
    net = IdentityNet(config.preset("identity", width=8))
    with pytest.raises(ValueError, match="takes identity vectors of 2048 .*, not 128$"):
        pipeline.load(folder / "w2048", "cpu", identity=net, reconstruction=net, renderer=net)


def test_the_command_that_it_says_trains_a_motion_that_samples(
    folder, vico_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(pipeline.loading, "WEIGHTS", folder / "w128")
    given = ["--identity", f"vggface2={folder / 'vggface2.pt'}"]
    words = ["--data", str(vico_folder), "--run", str(tmp_path / "run"), "--device", "cpu"]
    tiny = [
        "--width",
        "16",
        "--layers",
        "1",
        "--heads",
        "2",
        "--feedforward",
        "16",
        "--steps",
        "1",
        "--batch-size",
        "2",
    ]
    train_mfr.main(["motion", *given, *words, *tiny])
    assert f"official  identity {given[1]}: a bare state dict" in capsys.readouterr().out
    assert checkpoint.load(tmp_path / "run" / "motion.pt", "motion")["config"].identity_dim == 2048
    with pytest.warns(UserWarning, match="run has no reconstruction.pt, renderer.pt; bundled"):
        sample(folder, tmp_path / "out", tmp_path / "run", *given, "--steps", "1")
    assert (tmp_path / "out" / "positive_0.mp4").exists()
    with pytest.raises(ValueError, match="identity_dim is 7; .* 2048 numbers: --identity-dim 2048"):
        train_mfr.main(["motion", *given, *words, *tiny, "--identity-dim", "7"])


def test_renderer_trains_on_vgg19_and_an_official_recogniser(folder, vico_folder):
    names = ["--identity", f"vggface2={folder / 'vggface2.pt'}", "--vgg19", folder / "vgg19.pth"]
    options = train_mfr.parser().parse_args(["renderer", *map(str, names)])
    V, features = train_mfr.published(options)
    settings = config.preset(
        "renderer",
        width=16,
        descriptor_dim=16,
        window=5,
        batch_size=1,
        targets=1,
        face_steps=0,
        warp_steps=0,
    )
    cpu = torch.device("cpu")
    stage = RendererStage(settings, vico_folder, folder / "w128", cpu, V, features)
    with torch.no_grad():
        stage.network.motion.flow.bias.add_(0.5)  # so that the frame is not the portrait
    draw = torch.Generator().manual_seed(0)
    total, terms = stage.loss(0, draw, draw)
    maps = features(stage.fake), features(stage.real)
    assert terms["perceptual"] == pytest.approx(float(perceptual_loss(*maps)), rel=1e-5)
    assert terms["style"] == pytest.approx(float(style_loss(*maps)), rel=1e-5)
    wanted = float(identity_loss(V, stage.fake, stage.real))
    assert terms["identity"] == pytest.approx(wanted, rel=1e-3, abs=1e-5)
    assert terms["perceptual"] > 1e-3 and total.requires_grad
    total.backward()
    assert stage.network.motion.flow.bias.grad.abs().sum() > 0


class Code:
    r"""Makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("option", "write", "message"),
    [
        ("renderer", None, "weights FILE: no such file"),
        ("renderer", lambda s: {"net_G_ema": s("deep3d")}, "FILE: does not fit PIRenderer: 3"),
        ("reconstruction", lambda s: s("vggface2"), "FILE: does not fit Deep3D: 332 missing"),
        (
            "reconstruction",
            lambda s: without(s("deep3d"), "final_layers.3.bias"),
            "FILE: does not fit Deep3D: 1 missing (final_layers.3.bias)",
        ),
        (
            "identity",
            lambda s: {**s("vggface2"), "more": torch.zeros(2)},
            "FILE: does not fit VGGFace2: 1 extra (more)",
        ),
        (
            "identity",
            lambda s: {**s("vggface2"), "fc.bias": torch.zeros(2)},
            "FILE: does not fit VGGFace2: 1 misshapen (fc.bias (2,), must be (8631,))",
        ),
        (
            "renderer",
            lambda s: {"net_G_ema": s("pirenderer"), "opt": Code()},
            "FILE: cannot be opened safely: it holds",
        ),
        ("identity", b"pickle", "FILE: cannot be opened safely: it is a plain pickle"),
        ("identity", b"text", "FILE: is damaged or not a torch file"),
        ("identity", b"", "weights FILE: is empty"),
    ],
)
def test_bad_official_files_are_one_line(
    option, write, message, folder, tmp_path, capsys, generator, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if callable(write):
        torch.save(write(lambda kind: mild(kind, generator)), "FILE")
    elif write is not None:
        content = pickle.dumps(Code()) if write == b"pickle" else 99 * write
        (tmp_path / "FILE").write_bytes(content)
    kind = {"renderer": "pirenderer", "reconstruction": "deep3d", "identity": "vggface2"}[option]
    words = "w128", f"--{option}", f"{kind}=FILE"
    refused(lambda: sample(folder, "out", *words), capsys, message)
    assert set(os.listdir()) <= {"FILE"}


def test_a_kind_that_cannot_stand_there_is_one_line(folder, tmp_path, capsys):
    for text in ("deep3d=x.pth", "x.pth"):
        refused(
            lambda: sample(folder, tmp_path / "out", "w128", "--renderer", text),
            capsys,
            f"--renderer is '{text}'; allowed: pirenderer=FILE",
        )
    assert not (tmp_path / "out").exists()


def refused(call, capsys, message):
    r"""Exit code 2, one line on stderr that holds the message."""
    with pytest.raises(SystemExit) as stop:
        command(call)
    said = capsys.readouterr().err.strip()
    assert stop.value.code == 2 and message in said and "\n" not in said, said
