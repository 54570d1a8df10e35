r"""From a release on disk to the folder that mfr.files.vico reads.

Oracles: a moving square whose place is known before and after the crop; mfr.face.camera's own
projection, which must show a point at the same pixel before and after; a line sampled at two rates;
mfr.files.vico.read_clips, which must accept what was written.
"""

import csv
import os

import numpy as np
import pytest

from data_tools.prepare_vico import files, prepare, table
from mfr.face import camera, coefficients
from mfr.files import media
from mfr.files.vico import read_clips


def write_csv(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


HEADER = "attitude,audio,listener,speaker,listener_id,speaker_id,data_split"


# ---- tables ----


def test_columns_are_found_by_name_and_values_are_cleaned(tmp_path):
    path = write_csv(
        tmp_path / "RLD_data.csv",
        " Data_Split ,speaker_id,listener_id,speaker,listener,audio,Attitude",
        "test_ood,3.0,12.0,s1.mp4,l1.mp4,a1.wav,Positive",
    )
    rows, problems = table.read_table(path, table.kind_of(path))
    assert problems == []
    assert rows[0][1:] == ("positive", "a1", "l1", "s1", "12", "3", "ood")
    assert rows[0].place == "RLD_data.csv, row 2"


def test_table_without_a_header_is_read_by_position(tmp_path):
    path = write_csv(tmp_path / "x.csv", "neutral,a,l,s,1,2,train", "negative,b,m,t,3,4,test")
    assert table.kind_of(path) == "project"
    rows, _ = table.read_table(path, "project")
    assert [row.audio for row in rows] == ["a", "b"]
    assert rows[0].place == "x.csv, row 1"


def test_challenge_tables_take_their_split_from_their_names(tmp_path):
    for name in ("train", "test", "ood"):
        write_csv(tmp_path / f"{name}.csv", "video_id,uuid,speaker_id,listener_id", f"v,{name},1,2")
    write_csv(tmp_path / "notes.csv", "a,b", "1,2")
    tables, kind = table.find_tables(tmp_path)
    assert kind == "challenge" and [p.name for p in tables] == ["ood.csv", "test.csv", "train.csv"]
    rows = [table.read_table(path, kind)[0][0] for path in tables]
    assert [row.split for row in rows] == ["ood", "test", "train"]
    assert rows[2][1:5] == ("", "train", "train.listener", "train.speaker")


@pytest.mark.parametrize("column", ["split", "data_split"])
def test_a_split_in_a_challenge_table_goes_before_its_name(column, tmp_path):
    lines = "u1,1,2,ood", "u2,3,4,train", "u3,5,6,x"
    path = write_csv(tmp_path / "train.csv", f"uuid,speaker_id,listener_id,{column}", *lines)
    rows, problems = table.read_table(path, "challenge")
    assert [row.split for row in rows] == ["ood", "train"]
    (problem,) = problems
    assert problem.startswith("train.csv, row 4: data_split 'x'; allowed: train")


@pytest.mark.parametrize(
    "line, message",
    [
        ("happy,a,l,s,1,2,train", "row 2: attitude 'happy'; allowed: positive, neutral, negative"),
        ("neutral,a,l,s,1,2,dev", "row 2: data_split 'dev'; allowed: train"),
        ("neutral,a,../l,s,1,2,train", "row 2: '../l' is not a plain file name"),
        ("neutral,a,l", "row 2: 3 cells; the header has 7"),
    ],
)
def test_rows_that_make_no_sense_are_named(tmp_path, line, message):
    path = write_csv(tmp_path / "RLD_data.csv", HEADER, line)
    rows, problems = table.read_table(path, "project")
    assert rows == [] and message in problems[0]


def test_folder_without_a_table_is_refused(tmp_path):
    write_csv(tmp_path / "other.csv", "a,b")
    with pytest.raises(ValueError, match="no table of a ViCo .*other.csv.* attitude, audio"):
        table.read_release(tmp_path)
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        table.read_release(tmp_path, more=[tmp_path / "nowhere"])


def test_files_are_found_by_name_wherever_they_lie(tmp_path):
    for name in (
        "videos/test/u.listener.mp4",
        "b/u.listener.mp4",
        "recons/u.listener.mat",
        "u.wav",
        "._u.wav",
        "notes.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    indexed, twice = table.index_files([tmp_path])
    assert indexed["video"] == {"u.listener": tmp_path / "b/u.listener.mp4"}
    assert set(indexed["sound"]) == {"u"} and set(indexed["coefficients"]) == {"u.listener"}
    assert len(twice) == 1 and "videos/test/u.listener.mp4: the name occurs twice" in twice[0]


# ---- geometry and time ----


def test_line_stays_a_line_at_30_a_second():
    for fps in (25.0, 24.0, 50.0, 29.97):
        seconds = (np.arange(101) + 0.5) / fps
        found = files.resample(np.stack([seconds, 3 - seconds], 1), fps)
        assert len(found) == round(101 * 30 / fps)
        expected = ((np.arange(len(found)) + 0.5) / 30).clip(seconds[0], seconds[-1])
        np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)
        np.testing.assert_allclose(found[:, 1], 3 - expected, atol=1e-12)
    assert files.resample(np.ones((1, 2)), 60).shape == (1, 2)


def test_rate_is_the_one_that_explains_the_number_of_rows():
    info = media.MediaInfo(10.0, 25.0, (256, 256), True, False)
    assert files.rate_of(250, info) == 25
    assert files.rate_of(251, info) == 25
    assert files.rate_of(299, info) == 30


def test_point_of_the_face_lands_on_the_same_pixel_after_the_crop():
    rng = np.random.default_rng(0)
    size = (720, 576)
    params = np.array([[*size, 0.72, 400.3, 250.9]] * 3)
    points = rng.uniform(20, 200, size=(3, 7, 2))  # of the 224 crop, v upwards
    u, v = np.moveaxis(camera.crop_to_frame(points, params), -1, 0)
    left, top, side = box = files.face_box(params, size)
    assert side == 356 and left + side <= 720 and top + side <= 576
    expected_u = (u - left) * 256 / side
    expected_v = (v - (576 - top - side)) * 256 / side  # v counts from the lower edge
    moved = files.params_in_box(params, size, box)
    found = camera.crop_to_frame(points, moved)
    np.testing.assert_allclose(found[..., 0], expected_u, atol=1e-9)
    np.testing.assert_allclose(found[..., 1], expected_v, atol=1e-9)
    assert moved[0, :2].tolist() == [256, 256]
    assert np.abs(moved[0, 3:] - 128).max() < 1  # the face is in the middle, to a whole pixel


def test_box_stays_inside_the_picture():
    for x, y, scale in ((5, 5, 1), (315, 235, 1), (160, 120, 0.1)):
        left, top, side = files.face_box([[320, 240, scale, x, y]], (320, 240))
        assert 0 <= left <= 320 - side and 0 <= top <= 240 - side and side <= 240


# ---- a whole release ----


def speaking_folder(root, fps=25, size=(320, 240)):
    r"""A release as nobody wants it: 25 fps, not square, sub-folders, sound in the video only."""
    rng = np.random.default_rng(1)
    names = ("l1", "s1")
    for name in names:
        frames = []
        for i in range(50):
            frame = np.full((size[1], size[0], 3), 30, np.uint8)
            frame[80:160, 150 + i : 230 + i] = (220, 180, 150)
            frames.append(frame)
        sound = 0.1 * rng.normal(size=(32000, 1)) if name == "s1" else None
        folder = root / "videos" / "test"
        media.write_video(folder / f"{name}.mp4", frames, fps, sound, 16000)
        coeff = np.zeros((50, 257))
        coeff[:, 224] = np.arange(50) * 0.01
        params = [[*size, 1.2, 190 + i, 120] for i in range(50)]
        coefficients.save_mat(root / "mats" / f"{name}.mat", coeff, params)
    write_csv(
        root / "RLD_data.csv", HEADER, "positive,a1,l1,s1,1,2,train", "neutral,a2,l2,s1,3,2,test"
    )
    return root


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    speaking_folder(root / "src")
    words = [str(root / "src"), "--out", str(root / "out")]
    options = prepare.parser().parse_args(words)
    return root, prepare.prepare(options)


def test_what_was_written_is_what_training_reads(prepared):
    root, problems = prepared
    assert [line for line in problems if "row 3" in line] == [
        "RLD_data.csv, row 3: no video l2",
        "RLD_data.csv, row 3: no coefficients l2",
    ]  # its sound would come from the speaker's video
    (clip,) = read_clips(root / "out")
    assert clip.attitude == "positive" and clip.split == "train"
    info = media.probe(clip.listener)
    assert info.size == (256, 256) and info.fps == 30
    mat, params = coefficients.load_mat(clip.listener_mat)
    assert len(mat) == 60 == len(media.read_video(clip.listener))
    expected = ((np.arange(60) + 0.5) * 25 / 30 - 0.5).clip(0, 49) * 0.01
    np.testing.assert_allclose(mat[:, 224], expected, atol=1e-6)
    sound, rate = media.read_sound(clip.audio)
    assert len(sound) / rate == pytest.approx(2.0, abs=0.1)
    assert not [line for line in problems if "lengths differ" in line]


def test_square_is_where_the_moved_params_say(prepared):
    root, _ = prepared
    (clip,) = read_clips(root / "out")
    frames = media.read_video(clip.listener)
    _, params = coefficients.load_mat(clip.listener_mat)
    for i in (0, 30, 59):
        bright = frames[i, :, :, 0] > 120
        rows, columns = np.nonzero(bright)
        assert columns.mean() + 0.5 == pytest.approx(params[i, 3], abs=2)
        assert 256 - (rows.mean() + 0.5) == pytest.approx(params[i, 4], abs=2)


def test_second_call_changes_nothing(prepared):
    root, _ = prepared
    before = {p: p.stat().st_mtime_ns for p in (root / "out").rglob("*.m*")}
    words = [str(root / "src"), "--out", str(root / "out")]
    prepare.prepare(prepare.parser().parse_args(words))
    assert {p: p.stat().st_mtime_ns for p in (root / "out").rglob("*.m*")} == before


def test_check_writes_nothing_and_counts_problems(prepared, tmp_path, capsys):
    root, _ = prepared
    words = [str(root / "src"), "--out", str(tmp_path / "o"), "--check"]
    with pytest.raises(SystemExit) as stopped:
        prepare.main(words)
    assert stopped.value.code == 1 and not (tmp_path / "o").exists()
    text = capsys.readouterr().out
    assert "2 usable rows, project release" in text and "complete  1 rows" in text
    assert "videos    2 of 3 found" in text and "problem: RLD_data.csv, row 3: no video l2" in text


def test_release_that_is_right_is_linked_and_frame_camera_is_mfrs(vico_folder, tmp_path):
    words = [str(vico_folder), "--out", str(tmp_path / "o")]
    problems = prepare.prepare(prepare.parser().parse_args(words))
    assert not [line for line in problems if "no " in line]
    clips, ours = read_clips(vico_folder), read_clips(tmp_path / "o")
    assert [c.audio.stem for c in clips] == [c.audio.stem for c in ours]
    for name in ("listener", "listener_mat", "audio"):
        assert os.path.samefile(getattr(clips[0], name), getattr(ours[0], name))
    target = tmp_path / "c.mat"
    info = media.probe(clips[0].listener)
    params = np.array([[256, 256, 1.07, 120, 133]] * 50)
    source = tmp_path / "s.mat"
    coefficients.save_mat(source, np.ones((50, 257)), params)
    files.convert_coefficients(source, target, info, None, True)
    found, new = coefficients.load_mat(target)
    expected = camera.to_frame_camera(np.ones((50, 257)), params.astype(float))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert new[0].tolist() == list(camera.FRAME_PARAMS)


def test_challenge_release_without_attitudes_keeps_its_training_rows(vico_folder, tmp_path):
    source = tmp_path / "src"
    for split, number in (("train", 0), ("test", 4)):
        uuid = f"u{number}"
        write_csv(source / f"{split}.csv", "uuid,speaker_id,listener_id", f"{uuid},1,2")
        for role in ("listener", "speaker"):
            for kind, suffix in (("videos", "mp4"), ("recons", "mat")):
                target = source / kind / f"{uuid}.{role}.{suffix}"
                target.parent.mkdir(exist_ok=True)
                os.link(vico_folder / kind / f"c{number}_{role}.{suffix}", target)
        os.link(vico_folder / "audios" / f"c{number}.wav", source / f"{uuid}.wav")
    words = [str(source), "--out", str(tmp_path / "o")]
    problems = prepare.prepare(prepare.parser().parse_args(words))
    assert "without attitudes only the training rows can be read; 1 are left out" in problems
    (clip,) = read_clips(tmp_path / "o")
    assert clip.attitude == "" and clip.audio.stem == "u0"
    with open(tmp_path / "o" / "train.csv") as file:
        assert list(csv.reader(file)) == [["uuid", "speaker_id", "listener_id"], ["u0", "1", "2"]]


def test_missing_coefficients_are_reconstructed(vico_folder, tmp_path):
    source = tmp_path / "src"
    write_csv(source / "RLD_data.csv", HEADER, "positive,c0,c0_listener,c0_speaker,1,2,train")
    for name in ("videos/c0_listener.mp4", "videos/c0_speaker.mp4", "audios/c0.wav"):
        (source / name).parent.mkdir(exist_ok=True)
        os.link(vico_folder / name, source / name)
    words = [str(source), "--out", str(tmp_path / "o")]
    with pytest.raises(ValueError, match="no row has all its files"):
        prepare.prepare(prepare.parser().parse_args(words))
    prepare.prepare(prepare.parser().parse_args([*words, "--reconstruct"]))
    (clip,) = read_clips(tmp_path / "o")
    assert coefficients.load_mat(clip.listener_mat)[0].shape == (50, 257)


def test_out_inside_the_source_is_refused(vico_folder):
    words = [str(vico_folder), "--out", str(vico_folder / "new")]
    with pytest.raises(ValueError, match="new: allowed: a folder apart from"):
        prepare.prepare(prepare.parser().parse_args(words))


def test_damaged_file_is_named_and_the_others_are_kept(vico_folder, tmp_path):
    source = tmp_path / "src"
    lines = [f"positive,c{i},c{i}_listener,c{i}_speaker,{i},9,train" for i in (0, 1)]
    write_csv(source / "RLD_data.csv", HEADER, *lines)
    for folder in ("videos", "recons", "audios"):
        (source / folder).mkdir()
        for path in (vico_folder / folder).iterdir():
            os.link(path, source / folder / path.name)
    (source / "videos" / "c0_listener.mp4").unlink()
    (source / "videos" / "c0_listener.mp4").write_bytes(b"no video")
    words = [str(source), "--out", str(tmp_path / "o")]
    problems = prepare.prepare(prepare.parser().parse_args(words))
    assert any("row 2: " in line and "c0_listener.mp4" in line for line in problems)
    assert [clip.audio.stem for clip in read_clips(tmp_path / "o")] == ["c1"]
