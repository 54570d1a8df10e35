r"""The ViCo-layout reader and what training draws from it. Oracles: a folder whose content is
known, one fault planted at a time."""

import itertools
import shutil

import numpy as np
import pytest
import torch

from mfr.face.camera import to_frame_camera
from mfr.face.coefficients import load_mat, save_mat, to_motion
from mfr.files import media
from mfr.files import vico as data
from mfr.training import batches


@pytest.fixture
def copy(vico_folder, tmp_path):
    return shutil.copytree(vico_folder, tmp_path / "copy")


def rewrite(folder, change):
    table = folder / "RLD_data.csv"
    table.write_text(change(table.read_text()))


def test_rows_come_in_order_with_their_files(vico_folder):
    clips = data.read_clips(vico_folder)
    assert [clip.row for clip in clips] == [2, 3, 4, 5, 6, 7]
    assert clips[1].attitude == "neutral" and clips[5].split == "ood"
    assert clips[2].listener == vico_folder / "videos" / "c2_listener.mp4"


def test_columns_are_found_by_name(copy):
    order = [6, 3, 2, 1, 0, 5, 4]

    def shuffle(text):
        rows = [line.split(",") for line in text.split()]
        return "\n".join(",".join(row[i] for i in order) for row in rows)

    before = data.read_clips(copy)
    rewrite(copy, shuffle)
    assert data.read_clips(copy) == before


def test_spelling_of_attitude_and_split_is_forgiven(copy):
    rewrite(copy, lambda text: text.replace("positive", "Positive").replace(",ood", ",test_OOD"))
    clips = data.read_clips(copy)
    assert clips[0].attitude == "positive" and clips[5].split == "ood"


def challenge(copy, *clips):
    r"""Name files as the challenge release does."""
    (copy / "RLD_data.csv").unlink()
    for clip, role in itertools.product(clips, ("listener", "speaker")):
        for kind, suffix in (("videos", "mp4"), ("recons", "mat")):
            old = copy / kind / f"{clip}_{role}.{suffix}"
            old.rename(copy / kind / f"{clip}.{role}.{suffix}")


def test_the_challenge_release_has_uuids_and_no_attitude(copy):
    challenge(copy, "c0")
    (copy / "train.csv").write_text("video_id,uuid,speaker_id,listener_id\nv,c0,7,8\n")
    (clip,) = data.read_clips(copy)
    assert (clip.attitude, clip.split, clip.listener_id, clip.speaker_id) == ("", "train", "8", "7")
    assert batches.MotionData([clip]).attitude.tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("column", ["split", "data_split"])
def test_a_split_in_the_challenge_release_counts(copy, column):
    challenge(copy, "c0", "c1")
    table = copy / "train.csv"
    table.write_text(f"uuid,speaker_id,listener_id,{column}\nc0,7,8,ood\nc1,7,8,train\n")
    assert [clip.split for clip in data.read_clips(copy)] == ["ood", "train"]
    table.write_text(f"uuid,speaker_id,listener_id,{column}\nc0,7,8,later\n")
    with pytest.raises(ValueError, match="row 2: data_split 'later'; allowed: train"):
        data.read_clips(copy)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.replace("neutral,c1", "bored,c1"), "row 3: attitude 'bored'; allowed: pos"),
        (lambda t: t.replace(",ood", ",later"), "row 7: data_split 'later'; allowed: train"),
        (lambda t: t.replace("c2_speaker", "../c2_speaker"), "row 4: '../c2_speaker' is not"),
        (lambda t: t.replace("c2_speaker", "gone"), "row 4: .*gone.mat: no such file"),
        (lambda t: t.replace("attitude,", "mood,"), "no column attitude; found mood"),
        (lambda t: t.replace(",0,10,train", ""), "row 2: 4 cells; the header has 7"),
        (lambda t: t.split("\n")[0], "has a header and no row"),
        (lambda t: "", "is empty"),
    ],
)
def test_a_bad_table_is_named_with_its_row(copy, change, message):
    rewrite(copy, change)
    with pytest.raises(ValueError, match=message):
        data.read_clips(copy)


def test_a_folder_without_table_is_named(tmp_path):
    with pytest.raises(ValueError, match="neither RLD_data.csv nor train.csv"):
        data.read_clips(tmp_path)
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        data.read_clips(tmp_path / "nowhere")


def test_videos_are_not_needed_where_none_is_asked_for(copy):
    shutil.rmtree(copy / "videos")
    assert len(data.read_clips(copy, videos=False)) == 6
    with pytest.raises(ValueError, match="c0_listener.mp4: no such file"):
        data.read_clips(copy)


def test_the_files_own_splits_hold_out(vico_folder):
    train, held = data.held_out(data.read_clips(vico_folder))
    assert [c.row for c in train] == [2, 3, 4, 5] and [c.row for c in held] == [6, 7]


def test_without_splits_rows_are_held_out_once(vico_folder):
    clips = [clip._replace(split="train") for clip in data.read_clips(vico_folder)]
    train, held = data.held_out(clips)
    assert held and not set(train) & set(held) and set(train) | set(held) == set(clips)


def test_motion_windows_are_cut_where_they_say(vico_folder):
    clips = data.read_clips(vico_folder)
    motion = batches.MotionData(clips)
    motion.identity = torch.arange(6.0)[:, None]  # so that a window tells its clip
    generator = torch.Generator().manual_seed(0)
    listener, cond = motion.draw(97, 40, generator)
    assert listener.shape == (97, 40, 70) and cond.audio.shape == (97, 40, 45)
    assert cond.mask.all()
    for row in range(0, 97, 7):
        clip = int(cond.identity[row, 0])
        truth = torch.from_numpy(to_motion(load_mat(clips[clip].listener_mat)[0]))
        start = int((truth[:11] - listener[row, 0]).abs().sum(1).argmin())
        assert torch.equal(listener[row], truth[start : start + 40])
        assert torch.equal(cond.speaker[row], motion.speaker[clip][start : start + 40])
        assert torch.equal(cond.audio[row], motion.audio[clip][start : start + 40])
        assert torch.equal(cond.reference[row], truth[0])


def test_the_past_of_a_window_is_the_speakers_frames_before_it(vico_folder):
    motion = batches.MotionData(data.read_clips(vico_folder))
    motion.identity = torch.arange(6.0)[:, None]
    plain, without = motion.draw(97, 23, torch.Generator().manual_seed(0))
    listener, cond = motion.draw(97, 23, torch.Generator().manual_seed(0), past=13)
    assert torch.equal(listener, plain)  # the same windows, heard from earlier on
    assert torch.equal(cond.audio[:, 13:], without.audio)
    assert torch.equal(cond.mask[:, 13:], without.mask)
    before = cond.mask[:, :13].sum(1)
    assert before.min() < 13 and before.max() == 13  # near a clip's start, and far from it
    for row in range(97):
        clip, there = int(cond.identity[row, 0]), int(before[row])
        speaker, length = motion.speaker[clip], 23 + there
        start = int(
            (speaker.unfold(0, length, 1).mT - cond.speaker[row, 13 - there :])
            .abs()
            .sum((1, 2))
            .argmin()
        )
        assert torch.equal(cond.speaker[row, 13 - there :], speaker[start : start + length])
        assert there == 13 or start == 0
        assert (cond.speaker[row, : 13 - there] == 0).all()


def test_windows_of_a_short_clip_are_padded_and_masked(vico_folder):
    motion = batches.MotionData(data.read_clips(vico_folder)[:1])
    motion.identity = torch.zeros(1, 2)
    listener, cond = motion.draw(3, 61, torch.Generator().manual_seed(0))
    assert cond.mask.sum(1).tolist() == [50, 50, 50]
    assert (listener[:, 50:] == 0).all() and (listener[:, :50] != 0).any()


@pytest.mark.parametrize("past", [0, 5])
def test_windows_at_every_place_of_every_clip_are_drawn_ends_included(past, vico_folder):
    motion = batches.MotionData(data.read_clips(vico_folder))
    motion.identity = torch.arange(6.0)[:, None]
    listener, cond = motion.draw(300, 47, torch.Generator().manual_seed(0), past)
    found = set()
    for row in range(300):
        clip = int(cond.identity[row, 0])
        own = [s for s in range(4) if torch.equal(motion.listener[clip][s : s + 47], listener[row])]
        assert len(own) == 1 and cond.mask[row].sum() == 47 + min(past, own[0])
        found.add((clip, own[0]))
    assert found == {(clip, start) for clip in range(6) for start in range(4)}


def test_a_share_of_the_windows_is_rows_of_all(vico_folder):
    motion = batches.MotionData(data.read_clips(vico_folder))
    motion.identity = torch.arange(6.0)[:, None]
    whole = motion.draw(6, 11, torch.Generator().manual_seed(0), 3)
    part = motion.draw(6, 11, torch.Generator().manual_seed(0), 3, slice(2, 4))
    for x, y in zip((whole[0], *whole[1]), (part[0], *part[1])):
        assert torch.equal(x[2:4], y)


def test_clips_that_share_their_memory_lie_in_a_reel_once(generator):
    first, second = torch.randn(7, 3, generator=generator), torch.randn(5, 3, generator=generator)
    clips = [first[:4], first, second, first[:], second[1:]]  # one is the beginning of another
    reel = batches.Reel(clips)
    assert len(reel.frames) == 4 + 7 + 5 + 4
    for clip, want in zip(reel.clips(), clips):
        assert torch.equal(clip, want)
    frames = torch.tensor([[3, 4, 5], [-2, -1, 0], [3, 4, 5], [2, 6, 7], [3, 4, 5]])
    found = reel.windows(torch.arange(5), frames)
    for row, (clip, numbers) in enumerate(zip(clips, frames.tolist())):
        for place, number in enumerate(numbers):
            want = clip[number] if 0 <= number < len(clip) else torch.zeros(3)
            assert torch.equal(found[row, place], want)


@pytest.mark.parametrize("samples, frames", [(16266, 30), (16267, 31)])  # 30.499, 30.501 frames
def test_sound_counts_whole_frames_from_a_half_on(samples, frames, copy):
    media.write_sound(copy / "audios" / "c0.wav", np.zeros(samples), 16000)
    with pytest.warns(UserWarning, match=f"sound {frames} frames; cut to {frames}"):
        motion = batches.MotionData(data.read_clips(copy)[:1])
    assert len(motion.audio[0]) == frames


def test_every_frame_of_a_video_is_a_partner_ends_included(vico_folder):
    frames = batches.FrameData(data.read_clips(vico_folder)[:2], window=1, per_video=7)
    for video in (0, frames.num_videos - 1):
        own = (frames.video == video).nonzero()[:, 0]
        found = frames.partner(own[2].repeat(500), torch.Generator().manual_seed(0))
        assert sorted(set(found.tolist())) == own.tolist()


def test_a_sound_of_another_length_is_cut_with_a_warning(copy):
    media.write_sound(copy / "audios" / "c0.wav", np.zeros(16000), 16000)
    with pytest.warns(UserWarning, match="c0: speaker 50, listener 50, sound 30 frames; cut to 30"):
        motion = batches.MotionData(data.read_clips(copy)[:1])
    assert len(motion.audio[0]) == len(motion.speaker[0]) == len(motion.listener[0]) == 30


def test_frames_carry_their_own_coefficients_and_partners_share_the_video(vico_folder):
    frames = batches.FrameData(data.read_clips(vico_folder)[:3], window=5, per_video=10)
    grey = frames.images(torch.arange(len(frames.frames))).mean((1, 2, 3))
    pitch = 128 + 500 * frames.coefficients[:, 224]
    assert (grey * 255 - pitch.clamp(0, 255)).abs().max() < 8  # H.264 is lossy
    assert torch.equal(frames.windows[:, 2, :3], frames.coefficients[:, 224:227])
    index = frames.draw(53, torch.Generator().manual_seed(1))
    other = frames.partner(index, torch.Generator().manual_seed(2))
    assert torch.equal(frames.video[index], frames.video[other]) and (index != other).any()


def test_coefficients_of_a_crop_become_those_of_the_frame(copy):
    clip, params = data.read_clips(copy)[0], np.array([512, 512, 1.3, 250, 270.0])
    crop, _ = load_mat(clip.listener_mat)
    save_mat(clip.listener_mat, crop, params)
    frames = batches.FrameData([clip], window=3, per_video=10)
    at = frames.video == sorted([clip.listener, clip.speaker]).index(clip.listener)
    want = to_frame_camera(crop, params)[:: len(crop) // 10]
    assert not np.allclose(want, crop[:: len(crop) // 10], atol=0.01)
    torch.testing.assert_close(frames.coefficients[at], torch.from_numpy(want))
    near = frames.windows[at][:, 1]
    torch.testing.assert_close(near[:, 67:], torch.from_numpy(want[:, 254:]))


def test_stills_go_before_the_video_and_say_their_frame(copy):
    clips = data.read_clips(copy)[:1]
    for role in ("listener", "speaker"):
        for frame in (0, 7, 31, 77):  # the last one lies beyond the coefficients
            picture = np.full((256, 256, 3), frame, np.uint8)
            media.write_image(copy / "stills" / f"c0_{role}" / f"{frame:06d}.jpg", picture)
        (copy / "videos" / f"c0_{role}.mp4").unlink()
    assert data.read_clips(copy)[:1] == clips
    frames = batches.FrameData(clips, window=3)
    assert frames.frames[:, 0, 0, 0].tolist() == [0, 7, 31] * 2
    truth = torch.from_numpy(load_mat(clips[0].listener_mat)[0])
    assert torch.equal(frames.coefficients[:3], truth[[0, 7, 31]])
    assert torch.equal(frames.windows[1, :, :3], truth[6:9, 224:227])
    assert (data.portrait_of(clips[0]) == 0).all()
