r"""Synthetic sets on disk: whole, repeatable, resumable, honest about people; and inspect_data.

Oracles: the bytes of a second run, mfr's own readers, the file system after a run was stopped, was
refused the disk, or was given nonsense; defects put into a folder by hand.
"""

import csv
import functools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_tools import inspect_data, make_synthetic
from data_tools.make_synthetic import make
from data_tools.synthetic import dataset
from data_tools.synthetic.people.face_model import face_model
from data_tools.synthetic.people.person import sample_person
from data_tools.synthetic.picture import film, sheet
from data_tools.synthetic.talk import conversation
from mfr.config import ATTITUDES, preset
from mfr.face.coefficients import load_mat, save_mat
from mfr.face.matfile import read_mat, write_mat
from mfr.face.morphable import landmark_places, read_model
from mfr.files.vico import portrait_of, read_clips
from mfr.files.whole import command
from mfr.training import checkpoint

ROOT = Path(__file__).resolve().parents[2]


def contents(folder):
    """Bytes of every file, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo set without videos."""
    folder = tmp_path_factory.mktemp("set") / "demo"
    make(folder, "demo", seed=3, videos=False, workers=1, report=lambda line: None)
    return folder


def quiet(line):
    pass


# ---- the plan ----


@pytest.mark.parametrize("size", dataset.SIZES)
@pytest.mark.parametrize("seed", [0, 11])
def test_ood_people_are_unseen_and_test_people_are_seen(size, seed):
    meetings = dataset.plan(size, seed)
    meetings += [one for others in dataset.audiences(size, seed).values() for one in others]
    people = {split: set() for split in ("train", "test", "ood")}
    for meeting in meetings:
        assert meeting.listener != meeting.speaker
        people[meeting.split] |= {meeting.listener, meeting.speaker}
    assert not people["ood"] & (people["train"] | people["test"])
    assert people["test"] <= people["train"]
    everybody, listeners, speakers = (sum(pair) for pair in zip(*dataset.SIZES[size][:2]))
    assert len({m.listener for m in meetings}) == listeners
    assert len({m.speaker for m in meetings}) == speakers
    assert set.union(*people.values()) == set(range(everybody))


def test_vico_size_is_vico_s():
    meetings = dataset.plan("vico", 0)
    assert len(meetings) == 483 and sum(m.frames for m in meetings) > 100_000
    shares = [np.mean([m.attitude == name for m in meetings]) for name in ATTITUDES]
    np.testing.assert_allclose(shares, dataset.SHARES, atol=0.01)
    rates = [m.sample_rate for m in meetings]
    assert set(rates) == {16000, 44100} and 40 < rates.count(44100) < 110
    assert len({m.audio for m in meetings}) == 483
    assert len({m.listener for m in meetings}) == 76 and len({m.speaker for m in meetings}) == 67
    assert len({m.listener for m in meetings} | {m.speaker for m in meetings}) == 92


def test_a_meeting_does_not_depend_on_how_many_there_are():
    small = dataset.plan("demo", 5)[1]
    assert small == dataset.plan("demo", 5)[1] and small != dataset.plan("demo", 6)[1]
    take, again = (dataset.play(small, 5) for _ in "ab")
    assert take.listener.tobytes() == again.listener.tobytes()
    assert take.speech.waveform.tobytes() == again.speech.waveform.tobytes()


# ---- the files ----


def test_same_seed_same_bytes_whatever_the_workers(demo, tmp_path):
    make(tmp_path / "two", "demo", seed=3, videos=False, workers=2, report=quiet)
    assert contents(tmp_path / "two") == contents(demo)
    assert len([name for name in contents(demo) if name.startswith(("recons", "audios"))]) == 12
    meeting = dataset.plan("demo", 3)[0]
    one, other = (dataset.play(meeting, seed) for seed in (3, 4))
    for name in ("listener", "speaker"):
        assert (getattr(one, name)[0] != getattr(other, name)[0]).any()
    assert one.speech.waveform.tobytes() != other.speech.waveform.tobytes()


def test_the_face_model_of_the_folder_is_the_one_that_was_drawn(demo):
    from data_tools.synthetic.picture.rasterizer import landmarks

    model = read_model(demo / "face_model.mat")
    row = torch.from_numpy(load_mat(read_clips(demo, videos=False)[0].listener_mat)[0][:3])
    drawn = landmarks(face_model(), row)
    found = landmark_places(model, row)
    torch.testing.assert_close(found[..., 0] + 16, drawn[..., 0], rtol=0, atol=1e-3)
    torch.testing.assert_close(240 - found[..., 1], drawn[..., 1], rtol=0, atol=1e-3)


def test_mfr_reads_the_folder(demo):
    clips = read_clips(demo, videos=False)
    assert [clip.attitude for clip in clips] == ["positive", "neutral", "negative", "positive"]
    header = (demo / "RLD_data.csv").read_text().splitlines()[0]
    assert header == "attitude,audio,listener,speaker,listener_id,speaker_id,data_split"
    for clip in clips:
        for path in (clip.listener_mat, clip.speaker_mat):
            coefficients, params = load_mat(path)
            assert coefficients.shape == (120, 257) and coefficients.dtype == np.float32
            assert (params == [256, 256, 1, 128, 128]).all()
            assert np.ptp(coefficients[:, :80], axis=0).max() == 0  # one person throughout


def test_sound_on_disk_is_the_sound_that_was_made(demo):
    from scipy.io import wavfile

    meeting = dataset.plan("demo", 3)[2]
    rate, stored = wavfile.read(demo / "audios" / f"{meeting.audio}.wav")
    made = dataset.play(meeting, 3).speech
    assert rate == made.sample_rate == 16000 and stored.dtype == np.int16
    assert np.abs(stored / 32767 - made.waveform).max() <= 0.5 / 32767 + 1e-7
    assert len(stored) == 120 * rate // 30


def test_truth_makes_the_listener_again(demo):
    for clip in read_clips(demo, videos=False):
        truth = dataset.read_truth(demo, clip.audio.stem)
        stored = load_mat(clip.listener_mat)[0]
        assert truth.attitude == clip.attitude
        np.testing.assert_allclose(stored[0, 224:227], truth.rest[:3], atol=1e-5)
        np.testing.assert_allclose(stored[0, :80], truth.identity, atol=1e-6)
        smiles = conversation.perform(truth.plan.acts, 120)[:, 3 + 1]
        smiles += conversation.sustain(truth.plan.miens, 120, np.random.default_rng(0))[:, 3 + 1]
        moved = stored[:, 80 + 1] - stored[0, 80 + 1]
        assert np.abs(moved - smiles).mean() < 0.25  # waver and sway alone are left
        draw = conversation.sample_listener(
            truth.track, truth.attitude, truth.identity, np.random.default_rng(0), truth.rest
        )
        assert draw.shape == (120, 70)


def test_people_file_knows_everybody(demo):
    people = json.loads((demo / "people.json").read_text())["people"]
    assert [p["number"] for p in people] == list(range(6))
    assert [p["unseen"] for p in people] == [False] * 4 + [True] * 2
    for clip in read_clips(demo, videos=False):
        assert people[int(clip.listener_id)]["listens"] and people[int(clip.speaker_id)]["speaks"]
    assert set(people[0]["style"]) == {
        "eagerness",
        "size",
        "expressiveness",
        "tempo",
        "promptness",
        "liveliness",
    }


def test_resume_makes_only_what_is_missing(demo, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(demo, folder)
    lost = [next((folder / "audios").iterdir()), sorted((folder / "recons").iterdir())[3]]
    for path in lost:
        path.unlink()
    (folder / "recons" / ".clip9.99999999.partial.mat").write_bytes(b"half")
    before = {
        name: (folder / name).stat().st_mtime_ns
        for name in contents(folder)
        if name.startswith(("audios", "recons", "truth"))
    }
    told = []
    make(folder, "demo", seed=3, videos=False, workers=1, report=told.append)
    assert contents(folder) == contents(demo)
    kept = [n for n in before if (folder / n).exists() and folder / n not in lost]
    assert all((folder / n).stat().st_mtime_ns == before[n] for n in kept)
    assert "of 4 clips already made" in told[0]


def test_further_answers_are_new_draws_from_the_same_seat(demo, tmp_path):
    folder = tmp_path / "answers"
    make(folder, "demo", seed=3, videos=False, workers=1, report=quiet, stills=1, answers=4)
    clips = read_clips(folder)
    first = {c.audio.stem: c for c in clips if not c.listener.stem[-1].isdigit()}
    assert len(first) == 4 and len(clips) == 4 + 2 * 3  # two clips are for training
    held = [c for c in clips if c.split != "train"]
    assert all(c is first[c.audio.stem] for c in held)  # and only they are answered again
    for clip in set(clips) - set(first.values()):
        one = first[clip.audio.stem]
        assert clip.speaker == one.speaker and clip.listener_id == one.listener_id
        motion, other = (load_mat(c.listener_mat)[0] for c in (clip, one))
        assert (motion[0] == other[0]).all() and (motion[20:] != other[20:]).any(1).all()
        assert (portrait_of(clip) == portrait_of(one)).all()
    twins = [load_mat(c.listener_mat)[0] for c in clips if c.audio == clips[0].audio]
    assert len(twins) == 4 and len({x.tobytes() for x in twins}) == 4
    assert {c.attitude for c in clips if c.split == "train"} == set(ATTITUDES)
    plain = contents(demo)  # the rest is as it was
    mats = [n for n in plain if n.endswith((".mat", ".wav"))]
    assert all(contents(folder)[n] == plain[n] for n in mats)
    with pytest.raises(ValueError, match="was made with .*answers 4, now asked for"):
        make(folder, "demo", seed=3, videos=False, workers=1, report=quiet, stills=1)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A motion set of a few people."""
    folder, whole = tmp_path_factory.mktemp("set") / "motion", dataset.SIZES["motion"]
    size = whole._replace(
        known=dataset.Group(12, 9, 3),
        unseen=dataset.Group(4, 2, 2),
        clips={"train": 3, "test": 1, "ood": 1},
        frames=(60, 70),
        audience=6,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(dataset.SIZES, "motion", size)
        make(folder, "motion", seed=5, workers=1, report=quiet)
    return folder


def test_a_motion_set_has_many_answers_and_one_portrait_of_everybody(few):
    clips = read_clips(few)
    train = [clip for clip in clips if clip.split == "train"]
    assert len(train) == 3 * 6 and not list((few / "videos").iterdir())
    by_listener = {name: [c for c in train if c.listener_id == name] for name in "012345678"}
    for answers in by_listener.values():
        assert len(answers) == 2 == len({c.audio for c in answers})  # as often as everybody
        shape, other = (load_mat(c.listener_mat)[0][0, :80] for c in answers)
        assert (shape == other).all()
        seats = [load_mat(c.listener_mat)[0][0, 224:227] for c in answers]
        assert (seats[0] != seats[1]).all()
    for clip in train:
        assert clip.listener_id != clip.speaker_id and clip.speaker_mat.exists()
    shown = {int(path.stem) for path in (few / "portraits").iterdir()}
    assert shown == {int(clip.listener_id) for clip in clips}
    one, same = by_listener["0"]
    assert (portrait_of(one) == portrait_of(same)).all() and portrait_of(one).std() > 10
    assert (portrait_of(one) != portrait_of(by_listener["1"][0])).any()


def test_a_person_keeps_the_seat_in_further_answers_and_another_sits_elsewhere():
    meeting = dataset.plan("demo", 3)[0]
    track = dataset.play(meeting, 3).speech.track
    again = replace(meeting, answer=1)
    rests = [dataset.listen(one, 3, track)[1] for one in (meeting, again, replace(again, seat=1))]
    assert (rests[0] == rests[1]).all()
    assert (rests[0][:3] != rests[2][:3]).all()


def test_a_motion_set_can_be_trained_on_and_reads_each_speech_once(few, monkeypatch):
    from mfr.files import media
    from mfr.training.batches import MotionData

    read, read_sound = [], media.read_sound
    monkeypatch.setattr(media, "read_sound", lambda path: read.append(path) or read_sound(path))
    clips = [clip for clip in read_clips(few) if clip.split == "train"]
    data = MotionData(clips)
    same = [i for i, clip in enumerate(clips) if clip.audio == clips[0].audio]
    assert len(same) == 6 and sorted(read) == sorted({clip.audio for clip in clips})
    assert len({data.audio[i].data_ptr() for i in same}) == 1
    alone = MotionData([clips[same[-1]]])
    assert torch.equal(alone.audio[0], data.audio[same[-1]])
    assert torch.equal(alone.speaker[0], data.speaker[same[-1]])


def test_attitudes_of_further_answers_are_in_their_shares():
    meetings = [m for m in dataset.plan("vico", 0) if m.split == "train"]
    drawn = [o.attitude for m in meetings for o in dataset.more_answers(m, 0, 12)]
    assert len(drawn) == 397 * 11
    for name, share in zip(ATTITUDES, dataset.SHARES):
        band = 5 * (len(drawn) * share * (1 - share)) ** 0.5  # 5 sigma of a binomial count
        assert abs(drawn.count(name) - share * len(drawn)) < band


def test_light_differs_by_video_when_randomised():
    meeting = dataset.plan("demo", 0)[0]
    plain, other = dataset.play(meeting, 0), dataset.play(meeting, 0, randomise=True)
    gamma = slice(227, 254)
    assert (plain.listener[:, gamma] != other.listener[:, gamma]).any()
    same = np.delete(plain.listener, range(227, 254), 1) == np.delete(
        other.listener, range(227, 254), 1
    )
    assert same.all()


# ---- refusals ----


@pytest.mark.parametrize(
    "options, match",
    [
        (
            {"size": "huge"},
            "size 'huge' is unknown; allowed: demo, small, vico, crowd, town, motion, hall, faces",
        ),
        ({"seed": -1}, "--seed -1: is negative"),
        ({"workers": -2}, "--workers -2: allowed: 1 and more"),
        ({"answers": 0}, "--answers 0: allowed: 1 and more"),
        ({"size": "motion", "answers": 2}, "--size motion: has neither stills nor further answers"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(options, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        make(tmp_path / "set", **{"size": "demo", "videos": False, **options})
    assert not (tmp_path / "set").exists()


def test_folders_with_something_else_are_left_alone(demo, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="file: is a file; a folder is needed"):
        make(tmp_path / "file", "demo", videos=False)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match=r"holds other files \(thesis.tex\)"):
        make(tmp_path / "full", "demo", videos=False)
    assert contents(tmp_path / "full") == {"thesis.tex": b"x"}
    before = contents(demo)
    with pytest.raises(ValueError, match="was made with .*seed 3.*now asked for .*seed 4"):
        make(demo, "demo", seed=4, videos=False)
    assert contents(demo) == before


def run(*arguments, **options):
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "data_tools.make_synthetic", *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # a shell's background jobs ignore the interrupt, and so would their children
        **{"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options},
    )


def assert_whole(folder):
    """Every file that a later run would take for made can be read, and nothing else is there."""
    assert not list(folder.rglob("*.partial*")) and not (folder / "RLD_data.csv").exists()
    for path in (folder / "recons").iterdir():
        load_mat(path)
    for path in (folder / "truth").iterdir():
        json.loads(path.read_text())
    for path in (folder / "audios").iterdir():
        head = path.read_bytes()[:8]
        assert int.from_bytes(head[4:], "little") + 8 == path.stat().st_size


def test_an_interrupt_leaves_whole_files_and_one_line(tmp_path):
    process = run("--out", tmp_path / "set", "--size", "vico", "--no-video", "--workers", 1)
    waiting = time.monotonic()
    while len(list(tmp_path.glob("set/recons/clip*.mat"))) < 5:
        assert process.poll() is None and time.monotonic() - waiting < 120
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "of 483 clips; what is there is whole, the same command goes on" in errors
    assert_whole(tmp_path / "set")


def test_a_full_disk_leaves_whole_files_and_one_line(tmp_path):
    """A limit on the size of files stands for the disk: the truth fits, the sound does not."""
    process = run(
        "--out",
        tmp_path / "set",
        "--size",
        "demo",
        "--no-video",
        "--workers",
        1,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000,) * 2),
    )
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and errors.count("\n") == 1 and errors.startswith("error: ")
    assert "File too large" in errors
    assert_whole(tmp_path / "set")


def test_nothing_to_do_is_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        command(lambda: make_synthetic.main([]))
    errors = capsys.readouterr().err
    assert errors.startswith("error: nothing to do: give --out FOLDER") and errors.count("\n") == 1


# ---- pictures ----


def test_video_frames_are_those_of_the_coefficients(monkeypatch):
    person = sample_person(np.random.default_rng(0))
    motion = person.neutral_motion(4)
    motion[2:, 1] = 0.3  # turned to the image's right
    monkeypatch.setattr(film, "BATCH", 3)  # the last frame is of another batch
    pictures = np.array(list(film.frames(person, person.coefficients(motion), size=128)))
    assert pictures.shape == (4, 128, 128, 3) and pictures.dtype == np.uint8
    apart = np.abs(pictures.astype(float) - pictures[[0, 0, 2, 2]]).mean((1, 2, 3))
    assert apart.max() < 0.05  # sums within a batch may differ in the last bit
    assert np.abs(pictures[0].astype(float) - pictures[2]).mean() > 3


def test_a_look_changes_the_room_and_the_camera_but_not_the_person():
    rng = np.random.default_rng(0)
    look, person = film.sample_look(rng), sample_person(rng)
    dressed = film.dressed(person.appearance, look)
    assert dressed.background == look.background and dressed.cloth_colour == [*look.cloth_colour]
    assert dressed.hair_colour == person.appearance.hair_colour
    image = np.full((16, 16, 3), 0.5, np.float32)
    clean = film.Look(0, 0, (0,) * 3, (0,) * 3, 0, (1.0, 1.0, 1.0), 1.0, 0.0, 0.0, 0)
    assert (film.photograph(image, clean, rng) == 128).all()
    noisy = film.photograph(image, replace(clean, noise=0.04), rng) / 255.0
    assert abs(noisy.std() - 0.04) < 0.01
    warm = film.photograph(image, replace(clean, gain=(1.2, 1.0, 0.8)), rng)
    assert warm[0, 0].tolist() == [153, 128, 102]
    rough = film.photograph(np.float32(rng.random((32, 32, 3))), replace(clean, quality=25), rng)
    assert rough.shape == (32, 32, 3)


def test_sheet_and_plot_are_drawn(tmp_path, monkeypatch):
    """The sheet with two people in place of its 24, for the sake of time."""
    two = functools.partial(sheet.contact_sheet, 2)
    monkeypatch.setattr(sheet, "contact_sheet", two)
    names = [str(tmp_path / name) for name in ("people.png", "plot.png")]
    make_synthetic.main(["--sheet", names[0], "--plot", names[1], "--seed", "1"])
    for name in names:
        with Image.open(name) as picture:
            assert picture.size[0] >= 500 and len(picture.convert("L").getcolors()) > 50


# ---- inspect_data ----


def damaged(demo, tmp_path, change):
    """A copy of the demo folder whose rows went through `change`."""
    folder = tmp_path / "damaged"
    shutil.copytree(demo, folder)
    with open(folder / "RLD_data.csv", newline="") as file:
        rows = list(csv.reader(file))
    change(folder, rows)
    with open(folder / "RLD_data.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return inspect_data.inspect(folder)[1]


def test_inspect_counts_a_folder_and_finds_it_sound(demo):
    lines, problems = inspect_data.inspect(demo)
    assert lines[0].endswith("4 rows, 480 frames = 0.3 min")
    assert any("positive 2" in line and "negative 1" in line for line in lines)
    assert len(problems) == 1 and "no videos, stills, portraits" in problems[0]


def test_inspect_finds_a_folder_of_stills_sound(demo, tmp_path):
    def add_stills(folder, rows):
        for row in rows[1:]:
            (folder / "stills" / row[2]).mkdir(parents=True)

    assert damaged(demo, tmp_path, add_stills) == []


def test_inspect_describes_a_picture(tmp_path):
    Image.new("RGB", (300, 200), "red").save(tmp_path / "red.png")
    lines, problems = inspect_data.inspect(tmp_path / "red.png")
    assert "300x200" in lines[0] and "256x256" in lines[1] and "one colour" in problems[0]
    (tmp_path / "red.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="is not a picture"):
        inspect_data.inspect(tmp_path / "red.png")


def test_inspect_describes_weights_and_a_folder_of_them(tmp_path):
    settings = preset("identity", "small", width=3, identity_dim=5)
    save = functools.partial(checkpoint.save, stage="identity", config=settings)
    save(tmp_path / "identity.pt", model={"a": torch.zeros(2, 7)}, step=11, held_out=0.5)
    lines, problems = inspect_data.inspect(tmp_path / "identity.pt")
    assert "identity" in lines[0] and "11 steps" in lines[0] and "0.5" in lines[0]
    assert "preset small, but width 3, identity_dim 5" in lines[1] and not problems
    whole, problems = inspect_data.inspect(tmp_path)
    assert set(lines) < set(whole) and not problems
    assert any("motion.pt is not there" in line for line in whole)
    (tmp_path / "motion.pt").write_bytes(b"damaged")
    assert "motion.pt: cannot be opened" in inspect_data.inspect(tmp_path)[1][0]


def test_inspect_says_which_folders_inside_are_sets(demo):
    with pytest.raises(ValueError, match=re.escape(f"look at {demo}")):
        inspect_data.inspect(demo.parent)


def set_cell(row, column, value):
    def change(folder, rows):
        rows[row - 1][column] = value

    return change


@pytest.mark.parametrize(
    "change, expected",
    [
        (set_cell(3, 0, "happy"), "RLD_data.csv, row 3: attitude 'happy'; allowed: positive"),
        (set_cell(5, 6, "dev"), "RLD_data.csv, row 5: data_split 'dev'; allowed: train"),
        (set_cell(2, 1, "gone"), "row 2: audios .*gone.wav: no such file"),
        (set_cell(5, 4, "0"), "ood people also in train: 0"),
        (set_cell(4, 5, "77"), "test people not in train: 77"),
    ],
)
def test_inspect_names_the_row(demo, tmp_path, change, expected):
    problems = damaged(demo, tmp_path, change)
    assert any(re.search(expected, problem) for problem in problems), problems


def test_inspect_compares_lengths(demo, tmp_path):
    def shorten(folder, rows):
        path = folder / "recons" / f"{rows[2][2]}.mat"
        save_mat(path, load_mat(path)[0][:100])

    problems = damaged(demo, tmp_path, shorten)
    assert any("row 3: lengths differ: sound 120" in p and "_listener 100" in p for p in problems)


def test_inspect_sees_degrees_jumps_and_empty_parts(tmp_path):
    coefficients = np.random.default_rng(0).normal(0, 0.1, (30, 257)).astype(np.float32)
    coefficients[:, 224:227] = 0
    coefficients[:, :80] = 0
    coefficients[12:, 225] = 0.5
    save_mat(tmp_path / "a.mat", coefficients)
    lines, problems = inspect_data.inspect(tmp_path / "a.mat")
    assert lines[0].endswith("30 frames = 1.00 s at 30 fps")
    assert any("id is all zero" in p for p in problems)
    assert any("turns by 0.50 rad at frame 12" in p for p in problems)
    coefficients[5, 224] = 20.0
    save_mat(tmp_path / "a.mat", coefficients)
    assert any("angle 20.0 in frame 5" in p for p in inspect_data.inspect(tmp_path / "a.mat")[1])


def test_inspect_describes_a_face_model_alone_and_in_its_folder(demo, tmp_path):
    lines, problems = inspect_data.inspect(demo / "face_model.mat")
    assert "4558 points, 8856 triangles, 68 landmarks" in lines[0] and not problems
    assert set(lines) < set(inspect_data.inspect(demo)[0])
    large = read_mat(demo / "face_model.mat")
    large["meanshape"] = 1000 * large["meanshape"]  # in tenths of millimetres
    write_mat(tmp_path / "large.mat", large)
    assert any(
        "units high; about 2 expected" in p for p in inspect_data.inspect(tmp_path / "large.mat")[1]
    )


def test_inspect_names_a_broken_face_model_of_a_folder(demo, tmp_path):
    def cut(folder, rows):
        (folder / "face_model.mat").write_bytes((demo / "face_model.mat").read_bytes()[:9999])

    assert any("face_model.mat: is damaged" in p for p in damaged(demo, tmp_path, cut))


def test_inspect_describes_sound(tmp_path):
    tone = 1.2 * np.sin(np.arange(8000) * 0.3).clip(-0.8, 0.8) / 0.96
    (tmp_path / "a.wav").write_bytes(make_synthetic.wav_bytes(tone.clip(-1, 1), 16000))
    lines, problems = inspect_data.inspect(tmp_path / "a.wav")
    assert "0.500 s = 15.0 frames at 30 fps, 16000 Hz, 1 channel(s), peak 1.000" in lines[0]
    assert any("of the samples are clipped" in p for p in problems)
    (tmp_path / "b.wav").write_bytes(make_synthetic.wav_bytes(np.zeros(800), 8000))
    problems = inspect_data.inspect(tmp_path / "b.wav")[1]
    assert any("is silent" in p for p in problems) and any("8000 Hz" in p for p in problems)


def test_inspect_describes_video(tmp_path):
    from mfr.files.media import write_video

    write_video(tmp_path / "a.mp4", np.zeros((15, 64, 96, 3), np.uint8), fps=25)
    lines, problems = inspect_data.inspect(tmp_path / "a.mp4")
    assert "96x64, 25 fps, 0.60 s = 15 frames, no sound" in lines[0]
    assert "resized" in lines[1] and "resampled" in lines[2] and not problems


@pytest.mark.parametrize(
    "name, match",
    [
        ("nothing.mat", "nothing.mat: no such file"),
        ("notes.txt", "suffix '.txt' is unknown"),
        (".", "holds neither weights nor RLD_data.csv nor train.csv"),
    ],
)
def test_inspect_names_what_it_cannot_read(tmp_path, name, match):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match=match):
        inspect_data.inspect(tmp_path / name)


def test_inspect_ends_with_a_count_and_a_code(demo, capsys):
    mat = demo / "recons" / f"{dataset.plan('demo', 3)[0].video('listener')}.mat"
    for path, code, last in [(demo, 1, "1 problem"), (mat, 0, "0 problems")]:
        with pytest.raises(SystemExit, match=str(code)):
            inspect_data.main([str(path)])
        assert capsys.readouterr().out.splitlines()[-1] == last
