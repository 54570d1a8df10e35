r"""Checkpoints and atomic files. Oracles: bits that come back, files that must not be there."""

import pickle

import pytest
import torch

from mfr import config
from mfr.files.whole import atomic, command, existing, sweep
from mfr.training import checkpoint


class Bomb:
    r"""Opening this with an unsafe loader creates the file `exploded`."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def save(path, **changes):
    settings = config.preset("identity", width=7)
    content = {"stage": "identity", "config": settings, "model": {"w": torch.arange(5.0)}}
    checkpoint.save(path, **{**content, **changes})
    return settings


def test_what_was_saved_comes_back_bit_for_bit(tmp_path):
    settings = save(tmp_path / "a.pt", step=11)
    content = checkpoint.load(tmp_path / "a.pt", "identity")
    assert content["config"] == settings and content["step"] == 11
    assert torch.equal(content["model"]["w"], torch.arange(5.0))


def test_a_checkpoint_of_another_stage_is_refused(tmp_path):
    save(tmp_path / "a.pt")
    with pytest.raises(ValueError, match="a.pt: holds the stage 'identity'; 'motion' is needed"):
        checkpoint.load(tmp_path / "a.pt", "motion")


def test_an_unknown_setting_is_refused(tmp_path):
    torch.save(
        {"format": checkpoint.FORMAT, "stage": "identity", "config": {"colour": 3}, "model": {}},
        tmp_path / "a.pt",
    )
    with pytest.raises(ValueError, match="a.pt: its config does not fit .*colour"):
        checkpoint.load(tmp_path / "a.pt", "identity")


def test_a_pickle_that_executes_is_refused_and_not_executed(tmp_path):
    for write in (lambda x, f: pickle.dump(x, f), torch.save):
        with open(tmp_path / "a.pt", "wb") as file:
            write({"model": Bomb(tmp_path / "exploded")}, file)
        with pytest.raises(ValueError, match="a.pt: cannot be opened safely"):
            checkpoint.load(tmp_path / "a.pt", "identity")
        assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [b"x", b"PK\x03\x04 truncated", b"hello" * 100])
def test_a_damaged_file_is_one_clear_line(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(ValueError, match="a.pt: cannot be opened safely"):
        checkpoint.load(tmp_path / "a.pt", "identity")


def test_a_foreign_state_dict_is_named_as_such(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="a.pt: format None; .*'mfr-net 1'"):
        checkpoint.load(tmp_path / "a.pt", "identity")


def test_weights_that_do_not_fit_are_named(tmp_path):
    net = torch.nn.Linear(2, 3)
    for state, found in (
        ({"extra": torch.zeros(1)}, r"missing: weight, bias; unknown: extra\)"),
        ({**net.state_dict(), "bias": torch.zeros(5)}, r"\(of another shape: bias\)"),
        ({**net.state_dict(), "bias": "none"}, r"\(of another shape: bias\)"),
        ({name: torch.zeros(1) for name in "abcde"}, "unknown: a, b, c and 2 more"),
    ):
        with pytest.raises(ValueError, match=f"x.pt: does not fit the network .*{found}"):
            checkpoint.restore(net, state, "x.pt")


def test_weights_of_another_config_begin_what_they_fit():
    torch.manual_seed(0)
    old, new = (torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, n)) for n in (4, 5))
    random = {name: value.clone() for name, value in new.state_dict().items()}
    state = {**old.state_dict(), "gone": torch.zeros(2)}
    assert checkpoint.begin(new, state, "x.pt") == "1.weight, 1.bias"
    for name, value in new.state_dict().items():
        assert torch.equal(value, state[name] if name.startswith("0") else random[name])
    assert checkpoint.begin(old, old.state_dict(), "x.pt") == ""
    with pytest.raises(ValueError, match="x.pt: 1 of 4 arrays fit .*at least half must"):
        checkpoint.begin(new, {"0.bias": torch.zeros(3), "0.weight": "none"}, "x.pt")


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_finished_write_replaces_and_makes_its_folder(tmp_path):
    with atomic(tmp_path / "new" / "a.txt") as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("whole")
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path):
    kept = {"a.txt", "b.txt", ".b.txt", ".hidden.pt"}
    for name in kept:
        (tmp_path / name).write_text("whole")
    writers = [atomic(tmp_path / f"{name}.txt") for name in ("a", "b", "a.b")]
    for writer in writers:
        writer.__enter__().write_text("half")  # and does not come back
    sweep(tmp_path, "b")
    assert {path.name for path in tmp_path.iterdir() if "partial" not in path.name} == kept
    assert len(list(tmp_path.iterdir())) == len(kept) + 2
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: p.touch(), "is empty"),
    ],
)
def test_existing_names_what_is_wrong(tmp_path, make, message):
    make(tmp_path / "a")
    with pytest.raises(ValueError, match=f"portrait .*a: {message}"):
        existing(tmp_path / "a", "portrait")


def test_a_command_turns_bad_input_into_one_line_and_code_2(capsys):
    def bad():
        raise ValueError("x.mp4: is\n  wrong")

    with pytest.raises(SystemExit) as stop:
        command(bad)
    assert stop.value.code == 2 and capsys.readouterr().err == "error: x.mp4: is wrong\n"


@pytest.mark.parametrize(
    "stage, name, changes, message",
    [
        ("voice", "small", {}, "stage 'voice' is unknown"),
        ("motion", "huge", {}, "preset 'huge' is unknown"),
        ("motion", "small", {"colour": 1}, "motion has no setting 'colour'"),
        ("renderer", "small", {"batch_size": 7}, "batch_size is 7; allowed: .* targets, 4"),
        ("motion", "small", {"context": 4}, "context is 4; allowed: 0 or odd"),
        ("motion", "small", {"sample_eta": 1.5}, "sample_eta is 1.5; allowed: 0 .. 1"),
        ("renderer", "small", {"precision": "int8"}, "precision is 'int8'; allowed: float32"),
    ],
)
def test_preset_names_what_is_unknown(stage, name, changes, message):
    with pytest.raises(ValueError, match=message):
        config.preset(stage, name, **changes)


def test_paper_preset_is_the_literal_reading():
    paper = config.preset("motion", "paper")
    assert (paper.window, paper.stride, paper.heads, paper.layers, paper.T) == (40, 20, 8, 4, 1000)
    assert not paper.reference and paper.sample_steps == 0
    assert not paper.time_in_modulation and not paper.attitude_in_modulation
