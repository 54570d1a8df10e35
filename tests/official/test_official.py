r"""mfr.official: files in, networks out.

Oracles: the published names and shapes, kept as plain data in tests/facts; files made here with one
number a parameter, so that a swapped pair shows; files that must be refused.
"""

import json
import os
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mfr.face.morphable import NEEDED
from mfr.files.whole import command
from mfr.official import REGISTRY, choose, expected, load
from mfr.official.__main__ import main
from mfr.official.loading import compare, find_state, open_safely

FOLDER = Path(__file__).parents[1] / "facts"
FACTS = {
    kind: json.loads((FOLDER / f"official_{kind}.json").read_text(encoding="utf-8"))
    for kind in REGISTRY
}


def state_of(kind):
    r"""A state dict with the published names and shapes; entry i is filled with the number i.

    An expanded number is saved as one number, so that the files stay small.
    """
    state = {}
    for i, (name, shape) in enumerate(FACTS[kind].items()):
        counter = name.endswith("num_batches_tracked")
        number = torch.tensor(i) if counter else torch.tensor(float(i))
        state[name] = number.expand(shape)
    return state


def saved(path, content, **options):
    torch.save(content, path, **options)
    return path


def meta(state):
    return {name: value.to("meta") for name, value in state.items()}


@pytest.mark.parametrize("kind", REGISTRY)
def test_names_and_shapes_are_the_published_ones(kind):
    found = {name: list(shape) for name, shape in expected(kind).items()}
    assert found == FACTS[kind]


def test_pirenderer_has_the_published_number_of_parameters():
    shapes = expected("pirenderer").values()
    assert sum(int(np.prod(shape)) for shape in shapes) == 22_519_109


@pytest.mark.parametrize("kind", REGISTRY)
def test_every_number_lands_under_its_own_name(kind, tmp_path):
    module = load(kind, saved(tmp_path / "file.pt", state_of(kind)))
    network = getattr(module, "network", module)
    loaded = network.state_dict()
    for i, name in enumerate(FACTS[kind]):
        assert loaded[name].device.type == "cpu" and (loaded[name].flatten()[:5] == i).all(), name
    assert module.source == "a bare state dict" and module.kind == kind
    assert not module.training
    assert not any(value.requires_grad for value in network.parameters())


@pytest.mark.parametrize(
    ("kind", "wrap", "note"),
    [
        ("pirenderer", lambda s: {"net_G": {}, "net_G_ema": s, "epoch": 190}, "entry net_G_ema"),
        ("pirenderer", lambda s: {"net_G": s, "opt_G": {"state": {}}}, "entry net_G"),
        ("deep3d", lambda s: {"opt_00": {}, "net_recon": s}, "entry net_recon"),
        ("hopenet", lambda s: {"state_dict": s, "epoch": 3}, "entry state_dict"),
        (
            "deep3d",
            lambda s: {"net_recon": {f"module.{name}": value for name, value in s.items()}},
            "entry net_recon, prefix module. removed",
        ),
        (
            "vggface2",
            lambda s: {f"module.{name}": value for name, value in s.items()},
            "prefix module. removed",
        ),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_wrapped_entries_are_found_and_reported(kind, wrap, note, zipped, tmp_path):
    content = wrap(state_of(kind))
    path = saved(tmp_path / "file.pth", content, _use_new_zipfile_serialization=zipped)
    assert load(kind, path).source == note


@pytest.mark.parametrize("kind", REGISTRY)
def test_each_missing_extra_and_misshapen_key_is_named(kind):
    full = state_of(kind)
    network = meta(full)
    compare(full, network)
    for name in full:
        state = dict(full)
        value = state.pop(name)
        with pytest.raises(ValueError, match=rf"^1 missing \({re.escape(name)}\)"):
            compare(state, network)
        state[name] = value.expand(2, *value.shape)
        shapes = rf"{re.escape(name)} \(2,.*must be {re.escape(str(tuple(value.shape)))}"
        with pytest.raises(ValueError, match=rf"^1 misshapen \({shapes}"):
            compare(state, network)
        state[name] = value
        state[f"{name}.more"] = value
        with pytest.raises(ValueError, match=rf"^1 extra \({re.escape(name)}.more\)"):
            compare(state, network)


def test_many_wrong_keys_are_counted_and_the_first_named(tmp_path):
    state = state_of("hopenet")
    names = list(state)
    for name in names[10:17]:
        del state[name]
    state["fc_yaw.bias"] = torch.zeros(67)
    state["epoch"] = 5
    path = saved(tmp_path / "hopenet.pkl", state)
    with pytest.raises(ValueError) as error:
        load("hopenet", path)
    line = str(error.value)
    assert "\n" not in line and str(path) in line and "Hopenet" in line
    assert f"7 missing ({'; '.join(names[10:13])}; ...)" in line
    assert "1 extra (epoch)" in line
    assert "1 misshapen (fc_yaw.bias (67,), must be (66,))" in line


def test_numbers_of_another_kind_are_misshapen():
    state = state_of("hopenet")
    network = meta(state)
    state["fc_yaw.bias"] = torch.zeros(66, dtype=torch.long)
    with pytest.raises(ValueError, match=r"fc_yaw.bias \(66,\) int, must be \(66,\)"):
        compare(state, network)
    state["fc_yaw.bias"] = "text"
    with pytest.raises(ValueError, match=r"fc_yaw.bias str, must be \(66,\)"):
        compare(state, network)


def test_only_old_files_may_lack_the_counters_of_batch_norm(tmp_path):
    state = state_of("hopenet")
    counters = [name for name in state if name.endswith("num_batches_tracked")]
    assert len(counters) == 53
    old = {name: value for name, value in state.items() if name not in counters}
    path = saved(tmp_path / "old.pkl", old, _use_new_zipfile_serialization=False)
    assert load("hopenet", path).source == "a bare state dict, without batch-norm counters"
    del state[counters[7]]
    with pytest.raises(ValueError, match=rf"1 missing \({counters[7]}\)"):
        load("hopenet", saved(tmp_path / "new.pkl", state))


def test_half_precision_files_become_float32(tmp_path):
    state = state_of("hopenet")
    halved = {n: v.half() if v.is_floating_point() else v for n, v in state.items()}
    network = load("hopenet", saved(tmp_path / "half.pt", halved))
    assert {value.dtype for value in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", REGISTRY)
def test_a_file_of_another_network_is_refused_in_one_line(kind, tmp_path):
    other = next(name for name in REGISTRY if name != kind)
    path = saved(tmp_path / "other.pt", state_of(other))
    with pytest.raises(ValueError, match=r"does not fit \w+: \d+ missing \(.*\d+ extra") as error:
        load(kind, path)
    assert "\n" not in str(error.value)


class Code:
    r"""Writes a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_torch_file_is_refused_and_not_run(zipped, tmp_path):
    mark = str(tmp_path / "ran")
    content = {"net_recon": state_of("deep3d"), "more": Code(mark)}
    path = saved(tmp_path / "evil.pth", content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match="safely: it holds (posix|nt).mkdir, which .* convert it"):
        load("deep3d", path)
    assert not os.path.exists(mark)


def test_a_plain_pickle_is_refused_and_not_run(tmp_path):
    mark, path = str(tmp_path / "ran"), tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps(Code(mark)))
    with pytest.raises(ValueError, match="safely: it is a plain pickle, which .* convert it"):
        load("vggface2", path)
    assert not os.path.exists(mark)


@pytest.mark.parametrize("plain", [True, False])
def test_the_conversion_that_the_message_gives_works(plain, tmp_path, monkeypatch):
    small = {name: np.full(shape, 0.5, np.float16) for name, shape in FACTS["hopenet"].items()}
    small = {n: np.array(7) if n.endswith("tracked") else v for n, v in small.items()}
    if plain:
        (tmp_path / "file.pkl").write_bytes(pickle.dumps(small))
    else:
        state = {name: torch.as_tensor(value) for name, value in small.items()}
        saved(tmp_path / "file.pkl", {"ENTRY": state, "score": np.float64(0.5)})
    with pytest.raises(ValueError) as error:
        load("hopenet", tmp_path / "file.pkl")
    program = re.search(r'python -c "(.*?)"', str(error.value))[1]
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    assert (load("hopenet", "converted.pt").fc_roll.bias == 0.5).all()


def test_what_is_no_torch_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "file.pt"
    whole = saved(tmp_path / "whole.pt", {"a": torch.zeros(5000)}).read_bytes()
    picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(picture)
    noise = np.random.default_rng(0).bytes(5000)
    for content in (b"some text\n" * 9, noise, whole[:9000], picture.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"file.pt: is damaged or not a torch file"):
            open_safely(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"file.pt: is empty \(0 bytes\)"):
        open_safely(path)
    with pytest.raises(ValueError, match="none.pt: no such file"):
        open_safely(tmp_path / "none.pt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused(tmp_path):
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)), path)
    with pytest.raises(ValueError, match="is a TorchScript program; a state dict"):
        open_safely(path)


def test_content_without_a_state_dict_says_what_was_found():
    with pytest.raises(ValueError, match="holds a list; a state dict is needed"):
        find_state([torch.zeros(2)])
    with pytest.raises(ValueError, match="found: weird, epoch; looked for: tensors, net_recon,"):
        find_state({"weird": {"a": torch.zeros(2)}, "epoch": 3}, ("net_recon",))


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="'arcface' is unknown; allowed: pirenderer, deep3d,"):
        load("arcface", "file")
    with pytest.raises(ValueError, match="'arcface' is unknown"):
        expected("arcface")


def test_a_command_line_names_kind_and_file(tmp_path):
    path = saved(tmp_path / "a=b.pth", {"net_recon": state_of("deep3d")})
    network = choose("reconstruction", f"deep3d={path}")
    assert network.kind == "deep3d" and network.source == "entry net_recon"
    assert choose("reconstruction", None) is None


@pytest.mark.parametrize(
    ("part", "text", "allowed"),
    [
        ("renderer", "deep3d=FILE", "pirenderer=FILE"),
        ("renderer", "file.pt", "pirenderer=FILE"),
        ("renderer", "pirenderer=", "pirenderer=FILE"),
        ("renderer", "=file.pt", "pirenderer=FILE"),
        ("reconstruction", "vggface2=FILE", "deep3d=FILE"),
        ("identity", "vgg19=FILE", "vggface2=FILE or vggface=FILE"),
        ("identity", "VGGFace2=FILE", "vggface2=FILE or vggface=FILE"),
        ("identity", "", "vggface2=FILE or vggface=FILE"),
    ],
)
def test_a_kind_stands_in_for_its_own_part_alone(part, text, allowed):
    message = f"--{part} is {text!r}; allowed: {allowed} (see"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        choose(part, text)


def test_the_command_lists_every_file(capsys):
    main([])
    text = capsys.readouterr().out
    for kind, entry in REGISTRY.items():
        for part in (f"{kind}\n", entry.file, entry.source, entry.licence, f"--{kind} FILE"):
            assert part in text
        assert f"{len(FACTS[kind])} entries" in text
    assert "inception-2015-12-05.pt" in text
    assert all(f"{name} (" in text for name in NEEDED)  # of a face model


def test_readme_has_the_same_table():
    page = Path(__file__).parents[2] / "mfr" / "official" / "README.md"
    readme = page.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in readme.splitlines() if line.startswith("| `")]
    assert [row[0] for row in rows] == [f"| `{kind}`" for kind in REGISTRY]
    for (_, file, _, example), entry in zip(rows, REGISTRY.values()):
        assert file == entry.file
        option = re.search(r"--\w+ [\w=]*FILE", example)
        assert option is None or option[0] in entry.purpose


def test_the_command_gives_all_names(capsys):
    main(["--names", "deep3d"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{name} {tuple(shape)}" for name, shape in FACTS["deep3d"].items()]


def test_the_command_checks_the_files_given(tmp_path, capsys, monkeypatch):
    good = saved(tmp_path / "good.pth", {"net_recon": state_of("deep3d")})
    main(["--deep3d", str(good)])
    assert f"ok  {good}: entry net_recon; 332 entries" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["mfr.official", "--deep3d", str(good), "--vgg19", str(good)])
    with pytest.raises(SystemExit) as stop:
        command(main)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "does not fit VGG19: " in lines[0] and str(good) in lines[0]
