r"""One listener fed as things come, on a small untrained system.

Oracles: the same input cut otherwise; the renderer and the motion stream run by hand; the
attitude, which is one number of the input; counts.
"""

import numpy as np
import pytest
import torch

from mfr.face.coefficients import to_motion
from mfr.live import session
from mfr.live.session import PATIENCE, STRIDE, Live
from mfr.sound.features import acoustic_features

RATE = 16_000


def start(system, portrait, **options):
    options = {"steps": 2, "say": lambda sentence: None, **options}
    return Live(system, portrait, "positive", **options)


def cut(live, speaker, sizes, sound_ahead=0):
    r"""Push pictures in pieces of so many frames, with the sound that belongs to them."""
    pictures, sound = speaker
    frames, first, heard = [], 0, 0
    for size in sizes:
        until = min((first + size) * RATE // 30 + sound_ahead, len(sound))
        live.push(pictures[first : first + size], sound[heard:until])
        first, heard = first + size, until
        frames += list(live)
    live.end()
    return frames + list(live)


@pytest.fixture(scope="module")
def whole(unrendered, portrait, speaker):
    return cut(start(unrendered, portrait), speaker, [60])


@pytest.mark.parametrize("sizes", [[1] * 60, [0, 7, 0, 31, 22], [59, 1]])
def test_frames_do_not_depend_on_how_the_input_is_cut(unrendered, portrait, speaker, whole, sizes):
    found = cut(start(unrendered, portrait), speaker, sizes)
    assert [frame.number for frame in whole] == [frame.number for frame in found] == list(range(60))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(whole, found))


def test_frames_do_not_depend_on_which_comes_first(unrendered, portrait, speaker, whole):
    live = start(unrendered, portrait)
    found = cut(live, speaker, [1] * 60, sound_ahead=1400)  # within the patience
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(whole, found))
    pictures, sound = speaker
    live, found = start(unrendered, portrait), []
    for i in range(60):  # the sound of each picture once it is over
        live.push(pictures[i : i + 1])
        live.push(sound=sound[i * RATE // 30 : (i + 1) * RATE // 30])
        found += list(live)
    live.end()
    found += list(live)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(whole, found))


def test_frames_told_again_reach_the_motion(unrendered, portrait, speaker):
    live = start(unrendered, portrait)
    live.push(*(part[: len(part) // 2] for part in speaker))
    told = live._motion.stream.audio  # of the 30 frames so far, normalised
    offline = acoustic_features(speaker[1][:RATE], RATE, 30)
    offline = unrendered.motion.audio.normalise(torch.from_numpy(offline))
    torch.testing.assert_close(told[-30:], offline[-len(told) :], rtol=1e-3, atol=2e-3)


def test_seed_and_speaker_matter(unrendered, portrait, speaker, whole):
    other = cut(start(unrendered, portrait, seed=1), speaker, [60])
    assert not np.array_equal(other[30].pixels, whole[30].pixels)
    pictures, sound = speaker
    changed = sound.copy()
    changed[36 * RATE // 30 :] *= 0.1
    found = cut(start(unrendered, portrait), (pictures, changed), [60])
    same = [np.array_equal(a.pixels, b.pixels) for a, b in zip(whole, found)]
    assert all(same[:36]) and not any(same[36:])  # nothing of the future is known before


def test_a_frame_waits_for_its_stride_and_no_longer(unrendered, portrait, speaker):
    pictures, sound = speaker
    live = start(unrendered, portrait)
    for i in range(20):
        live.push(pictures[i : i + 1], sound[i * RATE // 30 : (i + 1) * RATE // 30])
        assert live.waiting == (i + 1) // STRIDE * STRIDE
    assert STRIDE / 30 + 0.1 <= 0.4  # what is stated, with 100 ms to compute


def test_a_frame_is_the_renderers_of_its_stride(unrendered, portrait, speaker):
    live = start(unrendered, portrait)
    live.push(*(part[: len(part) // 2] for part in speaker))
    rows = torch.stack(live._rows)
    found = list(live)
    for number in (0, 3, STRIDE - 1, STRIDE, 2 * STRIDE + 4):
        so_far = rows[: (number // STRIDE + 1) * STRIDE]
        (expected,) = unrendered.render(portrait, so_far, [number])  # (5, 70), what it sees
        np.testing.assert_allclose(found[number].pixels, expected, rtol=1e-5, atol=1e-6)


def test_the_first_frame_is_the_portrait_and_others_are_not(system, portrait, speaker):
    live = start(system, portrait)
    live.push(*speaker)
    first, _, later = live.take(), live.skip(30), live.take()
    assert np.abs(first.pixels.astype(int) - portrait.pixels).max() <= 1
    assert np.abs(later.pixels.astype(int) - portrait.pixels).max() > 1 and later.number == 30


def test_attitude_changes_from_the_next_stride_on(unrendered, portrait, speaker, whole):
    pictures, sound = speaker
    live = start(unrendered, portrait)
    live.push(pictures[:30], sound[:RATE])
    live.attitude = "negative"
    live.push(pictures[30:], sound[RATE:])
    same = [np.array_equal(a.pixels, b.pixels) for a, b in zip(whole, live)]
    assert all(same[:30]) and not any(same[30 : 30 + STRIDE])
    with pytest.raises(ValueError, match="attitude 'cross' is unknown; allowed: positive"):
        live.attitude = "cross"
    assert live.attitude == "negative"


def test_head_and_expression_scale_the_motion(unrendered, portrait, speaker):
    own = to_motion(portrait.coefficients)

    def away(head, expression):
        live = start(unrendered, portrait)
        live.head, live.expression = head, expression
        live.push(*speaker)
        return np.stack([frame.pixels for frame in live]) - own

    plain, other = away(1, 1), away(0.5, 2)
    head = [*range(3), 67, 68, 69]
    np.testing.assert_allclose(other[..., head], 0.5 * plain[..., head], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(other[..., 3:67], 2 * plain[..., 3:67], rtol=1e-4, atol=1e-6)


# ---- what goes wrong ----


def test_camera_without_sound_and_microphone_without_camera(unrendered, portrait, speaker):
    pictures, sound = speaker
    for what, push in (
        ("no sound", lambda live, i: live.push(pictures[i : i + 1])),
        ("no pictures", lambda live, i: live.push(sound=sound[i * 534 : i * 534 + 534])),
    ):
        said = []
        live = start(unrendered, portrait, say=said.append)
        for i in range(60):
            push(live, i)
            answered = live.waiting
            assert answered + STRIDE + PATIENCE > i
        assert len(said) == 1 and said[0].startswith(what)
        live.end()
        assert len(list(live)) >= 59


def test_a_stream_that_comes_back_is_used_again(unrendered, portrait, speaker):
    pictures, sound = speaker
    live = start(unrendered, portrait)
    for i in range(60):
        there = [] if 12 <= i < 40 else pictures[i : i + 1]
        live.push(there, sound[i * RATE // 30 : (i + 1) * RATE // 30], i / 30, i / 30)
    seen = np.stack(live._pictures.rows)[-60:]
    assert np.array_equal(seen[12], seen[11]) and np.array_equal(seen[12], seen[39])
    changed = np.stack([live._pictures.look(picture) for picture in pictures[40:]])
    np.testing.assert_allclose(seen[40:], changed, rtol=1e-5, atol=1e-5)


def test_late_lost_and_doubled_chunks_are_said_once(unrendered, portrait, speaker):
    pictures, sound = speaker
    said = []
    live = start(unrendered, portrait, say=said.append)
    chunks = [(i, min(i + 5, 60)) for i in range(0, 60, 5)]
    chunks[3:4] = []  # lost
    chunks[5:5] = [chunks[4], chunks[1]]  # doubled, and late
    for a, b in [*chunks, chunks[-1]]:
        live.push(pictures[a:b], sound[a * RATE // 30 : b * RATE // 30], a / 30, a / 30)
    assert [frame.number for frame in live] == list(range(60))
    assert len(said) == len(set(said)) == 4
    assert sum("lost" in sentence for sentence in said) == 2
    assert sum("twice or too late" in sentence for sentence in said) == 2


@pytest.mark.parametrize("fps, rate", [(15, 44_100), (60, 48_000), (25, 8_000)])
def test_other_rates_answer_as_many_frames(unrendered, portrait, fps, rate):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (2 * fps, 48, 64, 3), dtype=np.uint8)
    sound = rng.normal(size=(2 * rate, 2)).clip(-1, 1)
    said = []
    live = start(unrendered, portrait, fps=fps, sample_rate=rate, say=said.append)
    for k in range(2 * fps):
        live.push(pictures[k : k + 1], sound[k * rate // fps : (k + 1) * rate // fps])
    live.end()
    assert 59 <= len(list(live)) <= 60 and not said


def test_silence_and_nothing_at_all(unrendered, portrait):
    live = start(unrendered, portrait)
    live.push()
    live.push([], np.zeros(0, np.float32))
    live.end()
    assert list(live) == [] and live.take() is None
    black = np.zeros((60, 256, 256, 3), np.uint8)
    live.push(black, np.zeros(32_000, np.float32))
    assert all(np.isfinite(frame.pixels).all() for frame in live)


def test_a_source_that_ends_in_a_frame_loses_that_frame_alone(unrendered, portrait, speaker):
    pictures, sound = speaker
    live = start(unrendered, portrait)
    live.push(pictures[:20], sound[: 19 * RATE // 30 + 300])
    live.end()
    assert len(list(live)) == 19


@pytest.mark.parametrize(
    "push, message",
    [
        ({"frames": [np.zeros((4, 4), np.uint8)]}, r"a frame is uint8 \(4, 4\); allowed: uint8"),
        ({"frames": [np.zeros((4, 4, 3))]}, r"a frame is float64 \(4, 4, 3\)"),
        ({"sound": np.array(["a"])}, "waveform has dtype"),
        ({"sound": np.array([np.nan], np.float32)}, "waveform holds nan"),
        ({"frames": [np.zeros((4, 4, 3), np.uint8)], "frames_at": [0.0, 1.0]}, "1 frames have 2"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_taken(unrendered, portrait, push, message):
    live = start(unrendered, portrait)
    with pytest.raises(ValueError, match=message):
        live.push(**push)
    assert live._sound.count == 0 and live._pictures.time is None


def test_bad_settings_are_refused(unrendered, portrait):
    for options, message in (
        ({"fps": 0}, "fps is 0; allowed: 1 .. 240"),
        ({"stride": 41}, "stride is 41 with window 40"),
        ({"steps": 0.5}, "steps is 0.5"),
    ):
        with pytest.raises(ValueError, match=message):
            start(unrendered, portrait, **options)
    with pytest.raises(ValueError, match="attitude 'odd' is unknown"):
        Live(unrendered, portrait, "odd")


def test_memory_is_constant_and_a_consumer_may_be_slow(unrendered, portrait, speaker, monkeypatch):
    monkeypatch.setattr(session, "WAITING", 100)
    pictures, sound = speaker
    said = []
    live = start(unrendered, portrait, say=said.append, steps=1)
    for _ in range(4):
        live.push(pictures, sound)
    assert len(said) == 1 and "the oldest are left out" in said[0]
    assert live.waiting == 100 and len(live._rows) <= 100 + 2 * STRIDE
    stream = live._motion.stream
    assert len(stream.audio) <= 40 + 40 + STRIDE and len(stream.given_out) <= 80 + STRIDE
    assert len(live._pictures.rows) <= 140 and live._sound.parts[0].nbytes <= 4 * 3 * RATE
    assert live.skip(230) == 90  # the consumer catches up: ten frames are left
    assert [frame.number for frame in live] == list(range(230, 240))
    assert len(live._rows) <= 2 * STRIDE


def test_far_behind_one_window_answers_more(unrendered, portrait, speaker):
    live = start(unrendered, portrait)
    live.hurried = True
    live.push(*speaker)
    ends = [end for _, end in live._ends]
    assert ends == [20] * 20 + [40] * 20 + [60] * 20
