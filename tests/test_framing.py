r"""Faces anywhere in pictures and videos, through the whole path and the command. Oracles: where
synthetic people were pasted, the photograph's own pixels."""

import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import sample_mfr
from mfr import config, pipeline
from mfr.face.finder import Face
from mfr.files import media
from mfr.training import checkpoint
from tests.face.test_finder import as_bytes, paste, people, room
from tests.test_pipeline import SMALL, refused


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    r"""Small untrained networks beside the bundled finder and reconstruction."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    for stage, (network, changes) in SMALL.items():
        settings = config.preset(stage, **changes)
        checkpoint.save(folder / f"{stage}.pt", stage, settings, network(settings).state_dict())
    shutil.copy(pipeline.WEIGHTS / "reconstruction.pt", folder)  # it has a say in the framing
    return folder


@pytest.fixture(scope="module")
def system(weights):
    return pipeline.load(weights, "cpu")


LARGE, SMALLER = Face(210.0, 190.0, 190.0), Face(500.0, 150.0, 120.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    r"""A photo with two people, one without; a still and a walking head, 0.8 and 1.5 s."""
    folder = tmp_path_factory.mktemp("framing")
    rng = np.random.default_rng(6)
    one, other = people(6, 2)
    wall = room(rng, 360, 640)
    media.write_image(folder / "two.png", as_bytes(paste(paste(wall, one, LARGE), other, SMALLER)))
    media.write_image(folder / "none.png", as_bytes(wall))
    sound = {"sound": np.zeros((12000, 1)), "sample_rate": 8000}
    short = {"sound": np.zeros((6400, 1)), "sample_rate": 8000}
    still = as_bytes(paste(wall, one, LARGE))
    media.write_video(folder / "still.mp4", [still] * 24, **short)
    walk = [as_bytes(paste(wall, one, LARGE._replace(x=150 + 7.0 * i))) for i in range(45)]
    media.write_video(folder / "walk.mp4", walk, **sound)
    media.write_video(folder / "none.mp4", [as_bytes(wall)] * 9, **sound)
    return folder


@pytest.fixture(scope="module")
def still(system, files):
    return system.perceive(files / "still.mp4")


def near(square, face, share=0.2):
    return np.hypot(square.x - face.x, square.y - face.y) < share * face.side and (
        abs(np.log2(square.side / face.side)) < 0.4
    )


def test_the_largest_face_is_taken_and_others_are_said(system, files):
    portrait = system.look(files / "two.png")
    assert near(portrait.square, LARGE) and len(portrait.others) == 1
    assert near(portrait.others[0], SMALLER) and portrait.pixels.shape == (256, 256, 3)
    second = system.look(files / "two.png", face=2)
    assert near(second.square, SMALLER) and near(second.others[0], LARGE)
    with pytest.raises(ValueError, match="two.png: face 3 is asked for, 2 found"):
        system.look(files / "two.png", face=3)


def test_no_face_is_refused_unless_the_square_is_named(system, files):
    with pytest.raises(ValueError, match="none.png: no face found; .*--listener-crop LEFT,TOP"):
        system.look(files / "none.png")
    portrait = system.look(files / "none.png", crop=(100, 40, 256))
    picture = media.read_picture(files / "none.png")
    assert np.array_equal(portrait.pixels, picture[40:296, 100:356])
    middle = system.look(files / "none.png", crop="middle")
    assert np.array_equal(middle.pixels, media.read_image(files / "none.png"))
    with pytest.raises(ValueError, match="none.mp4: no face found; .*--crop LEFT,TOP"):
        system.perceive(files / "none.mp4")


def test_a_head_that_stays_has_one_square_and_one_that_walks_is_followed(system, files, still):
    left, top, side = still.crop
    assert near(Face(left + side / 2, top + side / 2, side), LARGE)
    speaker = system.perceive(files / "walk.mp4")
    x = speaker.crop[:, 0] + speaker.crop[:, 2] / 2
    assert len(x) >= 45 and np.abs(np.diff(x)).max() < 12
    assert np.abs(x[10:35] - (150 + 7.0 * np.arange(10, 35))).max() < 35
    assert len(list(speaker.frames())) == 45


def test_the_response_moves_in_the_whole_photo(system, files, still, tmp_path):
    portrait = system.look(files / "two.png")
    (response,) = system.respond(still, portrait, "neutral")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        path = response.save(tmp_path / "a.mp4", still, paste=True)
    info = media.probe(path)
    assert info.size == (640, 360) and info.has_sound
    frame = next(response.pasted())
    half = portrait.square.side / 2 + 2
    away = slice(0, max(0, int(portrait.square.x - half)))
    assert np.array_equal(frame[:, away], portrait.picture[:, away])
    assert response.strip(3).shape == (256, 768, 3)
    for shown in (portrait, response):
        assert shown._repr_png_().startswith(b"\x89PNG")
    assert (portrait.shown(320) == (40, 220, 60)).all(-1).sum() > 100  # the square, in green


def run(weights, files, out, *more):
    words = ["--weights", weights, "--speaker", files / "still.mp4", "--out", out, "--device"]
    words += ["cpu", "--listener", files / "two.png", "--attitude", "neutral", "--samples", "1"]
    sample_mfr.main([str(word) for word in [*words, *more]])


def test_the_command_says_and_shows_what_it_framed(weights, files, tmp_path, capsys):
    words = ("--format", "webm", "--fps", "15", "--quality", "3", "--sound", "none")
    run(weights, files, tmp_path, *words)
    said = capsys.readouterr().out
    assert "framed    the listener's face:" in said and "framed    the speaker's face:" in said
    assert "1 more in the listener's picture; --face K takes another" in said
    info = media.probe(tmp_path / "neutral_0.webm")
    assert (info.size, info.fps, info.has_sound) == ((512, 256), 15, False)
    assert len(media.read_video(tmp_path / "neutral_0.webm", fps=15)) == 12
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.height > 3 * sample_mfr.TILE


def test_pictures_of_the_whole_photo(weights, files, tmp_path):
    run(weights, files, tmp_path, "--format", "png", "--paste", "--fps", "10")
    stills = sorted((tmp_path / "neutral_0").iterdir())
    assert len(stills) == 8 and Image.open(stills[0]).size == (640, 360)


def test_a_photo_without_a_face_is_one_line(weights, files, tmp_path, capsys):
    words = ("--listener", files / "none.png")
    refused(lambda: run(weights, files, tmp_path / "out", *words), "no face found", capsys)
    assert not (tmp_path / "out").exists()
