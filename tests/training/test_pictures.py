r"""What stages draw of themselves. Oracles: networks that know the truth, whose pictures show
no difference; a slow search for the frame that is shown."""

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

from mfr import config
from mfr.files.vico import read_clips
from mfr.training import batches, pictures
from mfr.training.batches import MotionData
from mfr.training.stages import STAGES

TINY = {
    "identity": {"width": 8},
    "reconstruction": {"width": 8},
    "motion": {"width": 16, "layers": 1, "heads": 2, "feedforward": 16},
    "renderer": {"width": 16, "descriptor_dim": 16},
    "finder": {"width": 4, "pictures": 140},
}


@pytest.fixture(scope="module")
def folders(vico_folder, cutouts, tmp_path_factory):
    r"""Data of a stage: the folder again with the synthetic world's face model, or cutouts."""
    from data_tools.synthetic.people.model_file import write_model

    folder = tmp_path_factory.mktemp("with_model")
    for path in vico_folder.iterdir():
        (folder / path.name).symlink_to(path)
    write_model(folder / "face_model.mat")
    return lambda stage: cutouts if stage == "finder" else folder


@pytest.fixture(scope="module", autouse=True)
def read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "some_frames", cache(batches.some_frames))
        yield


def build(stage, folder):
    torch.manual_seed(0)
    return STAGES[stage](config.preset(stage, **TINY[stage]), folder, folder / "no_run", "cpu")


@pytest.mark.parametrize("stage", STAGES)
def test_a_picture_is_written_whole_and_no_chance_is_used_up(stage, folders, tmp_path):
    built = build(stage, folders(stage))
    if stage == "motion":
        pictures.draw(built, built.network, tmp_path / "out" / "none.png")  # nothing is judged yet
        assert not (tmp_path / "out").exists()
        generator = torch.Generator().manual_seed(0)
        made = torch.randn(2, 4, 11, 70, generator=generator)
        built.drawn = [(clip[1:], clip[0]) for clip in made]
    before = torch.get_rng_state()
    with torch.no_grad():
        for name in ("one.png", "two.png"):
            pictures.draw(built, built.network.eval(), tmp_path / "out" / name)
    assert torch.equal(torch.get_rng_state(), before)
    one, two = (np.asarray(Image.open(tmp_path / "out" / f"{n}.png")) for n in ("one", "two"))
    assert (one == two).all() and one[20:].std() > 0
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_rendered_frame_stands_beside_the_true_one(folders):
    built = build("renderer", folders("renderer"))
    held, std = built.held, built.network.std

    class Knows:
        std = built.network.std

        def encode(self, portrait, shown):
            return portrait, shown

        def __call__(self, encoded, windows):
            places = [(held.windows == window).all(2).all(1).nonzero()[0, 0] for window in windows]
            return held.images(torch.stack(places))

    shown = np.asarray(pictures.frames(built, Knows()))[pictures.TITLE :]
    portrait, true, ours = (shown[:, 256 * i : 256 * (i + 1)] for i in range(3))
    assert (true == ours).all() and (true != portrait).any()
    own = held.windows[:, built.config.window // 2]
    for row, i in enumerate(built.chosen_once(len(own), pictures.FRAMES).tolist()):
        same = [j for j in range(len(own)) if held.video[j] == held.video[i]]
        away = {j: float((((own[j] - own[i]) / std) ** 2).sum()) for j in same}
        want = held.frames[max(away, key=away.get)].numpy()
        assert (true[256 * row : 256 * (row + 1)] == want).all()


def test_true_landmarks_are_covered_by_right_ones(folders):
    built = build("reconstruction", folders("reconstruction"))
    index = built.chosen_once(len(built.held.frames), pictures.FACES)
    truth = built.held.coefficients[index]
    right = np.asarray(pictures.landmarks(built, lambda images: truth))[pictures.TITLE :]
    wrong = np.asarray(pictures.landmarks(built, lambda images: truth + 0.3))[pictures.TITLE :]

    def dots(picture, colour):
        return int((picture == colour).all(-1).sum())

    assert dots(right, pictures.TRUE) == 0 < dots(right, pictures.OURS)
    assert min(dots(wrong, colour) for colour in (pictures.TRUE, pictures.OURS)) > 100
    built.model = None
    assert pictures.landmarks(built, None) is None


def test_a_landmark_is_drawn_where_it_is_seen(folders, monkeypatch):
    built = build("reconstruction", folders("reconstruction"))
    corner = torch.zeros(pictures.FACES, 1, 2)  # the lower left one of the crop
    monkeypatch.setattr(pictures, "landmark_places", lambda model, coefficients: corner)
    shown = np.asarray(pictures.landmarks(built, lambda images: None))[pictures.TITLE :]
    y, x = np.nonzero((shown[:256, :256] == pictures.OURS).all(-1))
    assert abs(x.mean() - 16) < 1 and abs(y.mean() - 240) < 1


def test_true_squares_are_covered_by_right_ones(folders):
    built = build("finder", folders("finder"))
    _, truth, _ = built.held
    order = truth[:, 0].amax((1, 2)).argsort(descending=True, stable=True)[: pictures.SQUARES]
    said = truth[order].clone()
    said[:, 0] = 20 * said[:, 0] - 10  # logits
    shown = np.asarray(pictures.squares(built, lambda images: said))[pictures.TITLE :]
    blind = np.asarray(pictures.squares(built, lambda images: 0 * said - 9))[pictures.TITLE :]
    green, white = (
        [(picture == colour).all(-1).sum() for picture in (shown, blind)]
        for colour in (pictures.OURS, pictures.TRUE)
    )
    assert green[0] > 100 and green[1] == 0 and white[0] == 0 and white[1] == green[0]


def test_people_told_apart_are_white_blocks(folders):
    built = build("identity", folders("identity"))
    held = built.held
    codes = torch.eye(len(held.people))

    person = sorted(p for p in held.person.unique().tolist() if p >= 0)[: pictures.PEOPLE]
    names = torch.tensor(person).repeat_interleave(pictures.EACH)
    shown = np.asarray(pictures.likeness(built, lambda images: codes[names]))[pictures.TITLE :]
    want = 255 * (names[:, None] == names).repeat_interleave(12, 0).repeat_interleave(12, 1)
    assert (shown[..., 0] == want.numpy()).all()


def test_an_opening_is_the_clips_own(vico_folder):
    data = MotionData(read_clips(vico_folder)[:3])
    data.identity = torch.arange(6.0).view(3, 2)
    listener, cond = data.opening(1, 23)
    assert torch.equal(listener, data.listener[1][:23])
    assert torch.equal(cond.audio[0], data.audio[1][:23]) and cond.speaker.shape == (1, 23, 70)
    assert cond.identity.tolist() == [[2.0, 3.0]]
    assert torch.equal(cond.reference[0], data.listener[1][0])
    assert torch.equal(cond.attitude[0], data.attitude[1])
