r"""The oracle listener: what it draws is what its table says.

Oracles: the docstring's own table; moments of binomial, gamma and log-normal distributions with
bands of five standard errors; times and sizes measured from the motion itself; a slow recursion
for the drift; a linear classifier for the attitudes.
"""

import re
from dataclasses import astuple, fields, replace

import numpy as np
import pytest

from data_tools.synthetic.people.person import ID_STD
from data_tools.synthetic.talk import conversation, motion
from data_tools.synthetic.talk.conversation import (
    RESPONSES,
    oracle_densities,
    sample_listener,
)
from data_tools.synthetic.talk.motion import COLUMN, Style
from data_tools.synthetic.talk.phonetics import sample_voice
from data_tools.synthetic.talk.speech import Track, synthesize_speech
from mfr.config import ATTITUDES

PLAIN = Style(1, 1, 1, 1, 1, 1)
STILL = replace(PLAIN, liveliness=0.0)
OTHER = Style(1.3, 0.7, 1.6, 0.8, 1.25, 0.0)


def track(frames, ends=(), accents=(), mood=0.0):
    """A track that holds triggers alone."""
    empty = np.zeros(frames)
    return Track(
        frames,
        tuple((max(0.0, end - 20), float(end)) for end in ends),
        tuple((float(a), 1.0) for a in accents),
        (),
        empty,
        empty,
        empty,
        empty,
        empty,
        np.full(frames, mood),
    )


def near_mean(values, mean, std):
    """Whether the mean of independent draws is within five standard errors."""
    return abs(np.mean(values) - mean) < 5 * std / np.sqrt(len(values))


def near_std(values, std):
    """The same for the sd, whose error comes from the sample's fourth moment."""
    x = np.asarray(values) - np.mean(values)
    error = np.sqrt(max(np.mean(x**4) - np.mean(x**2) ** 2, 1e-30) / len(x)) / (2 * std)
    return abs(np.std(x) - std) < 5 * error


def test_docstring_table_is_the_one_that_is_drawn_from():
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in sample_listener.__doc__.splitlines()
        if line.strip().startswith("| ")
    ]
    assert rows[0] == [field.name for field in fields(conversation.Response)]
    printed = [
        (*row[:3], *(tuple(float(part) for part in cell.split()) for cell in row[3:]))
        for row in rows[1:]
    ]
    drawn = [
        (
            *astuple(r)[:3],
            *((float(v),) if np.isscalar(v) else tuple(map(float, v)) for v in astuple(r)[3:]),
        )
        for r in RESPONSES
    ]
    assert printed == drawn
    blink = re.search(r"Blinks: ([\d.]+) a second after (\d+) frames", sample_listener.__doc__)
    assert float(blink[1]) == conversation.BLINK_RATE and int(blink[2]) == 18


@pytest.mark.parametrize("attitude", ATTITUDES)
@pytest.mark.parametrize("style, mood", [(PLAIN, 0.0), (OTHER, 0.6)], ids=["plain", "other"])
def test_acts_have_the_densities_of_the_table(attitude, style, mood):
    """Probability, latency, size, length and beats of every row: 2,500 triggers of each kind."""
    times = np.arange(2500) * 1000.0
    talk = track(10, times, times + 500, mood)
    acts = conversation.sample_responses(talk, attitude, style, np.random.default_rng(7))
    rows = [r for r in RESPONSES if r.attitude == attitude]
    assert {(a.kind, a.trigger) for a in acts} == {(r.kind, r.trigger) for r in rows}
    for row in rows:
        found = [a for a in acts if (a.kind, a.trigger) == (row.kind, row.trigger)]
        chance = min(0.95, row.probability * style.eagerness * (1 + row.mood * mood))
        error = np.sqrt(chance * (1 - chance) / len(times))
        assert abs(len(found) / len(times) - chance) < 5 * error, row
        head = row.kind in ("nod", "shake", "tilt", "lean_back")
        factor = style.size if head else style.expressiveness
        for name, values, (mean, std), scale in [
            (
                "latency",
                [a.onset - a.trigger_frame for a in found],
                row.latency,
                1 / style.promptness,
            ),
            ("size", [a.size for a in found], row.size, factor),
            ("length", [a.length for a in found], row.length, 1 / style.tempo),
        ]:
            assert near_mean(values, mean * scale, std * scale), (row, name)
            assert near_std(values, std * scale), (row, name)
            assert min(values) > 0
        low, high = row.beats
        for beats in range(low, high + 1):
            share = 1 / (high - low + 1)
            count = np.mean([a.beats == beats for a in found])
            assert abs(count - share) <= 5 * np.sqrt(share * (1 - share) / len(found))
        assert {a.side for a in found} == {-1.0, 1.0}


@pytest.mark.parametrize(
    "attitude, kind, column, sign",
    [
        ("positive", "smile", "smile", 1),
        ("negative", "frown", "brow_lower", 1),
        ("negative", "lean_back", "lean", -1),
        ("neutral", "nod", "pitch", 1),
    ],
)
def test_motion_shows_rates_latencies_and_sizes_of_the_table(attitude, kind, column, sign):
    """Measured on the 70 numbers of a listener without drift: 400 draws after one phrase end."""
    row = next(
        r for r in RESPONSES if (r.attitude, r.kind, r.trigger) == (attitude, kind, "phrase_end")
    )
    end, rest, rng = 30.0, np.zeros(70), np.random.default_rng(11)
    talk, latencies, peaks, draws = track(200, [end]), [], [], 400
    for _ in range(draws):
        moved = sign * sample_listener(talk, attitude, STILL, rng, rest)[:, COLUMN[column]]
        if kind == "lean_back":  # the neck adds to z when the head turns
            moved = moved.clip(0)
        if moved.max() > 0.01:
            latencies.append(np.argmax(moved > 1e-3 * moved.max()) - end)
            peaks.append(moved.max())
    chance = row.probability
    assert abs(len(peaks) / draws - chance) < 5 * np.sqrt(chance * (1 - chance) / draws)
    if kind in ("smile", "frown"):  # nothing else moves these columns
        assert near_mean(peaks, *row.size)
        # the first frame that shows it comes after the onset: by 0.5 frames for the grid, and by
        # the slope's first thousandth, 2 percent of the rise = 0.004 of the length
        late = 0.5 + 0.02 * 0.2 * row.length[0]
        assert abs(np.mean(latencies) - late - row.latency[0]) < 0.3 + 5 * row.latency[1] / np.sqrt(
            len(latencies)
        )
    else:
        assert abs(np.mean(latencies) - row.latency[0]) < 2 + 5 * row.latency[1] / np.sqrt(
            len(latencies)
        )


def test_frame_zero_is_the_rest_pose():
    talk = track(50, [2.0], [1.0])
    for seed, attitude in enumerate(ATTITUDES):
        rest = motion.seat(np.random.default_rng(seed), np.full(64, 0.1))
        moved = sample_listener(talk, attitude, PLAIN, np.random.default_rng(seed), rest)
        assert moved.shape == (50, 70) and moved.dtype == np.float32
        np.testing.assert_allclose(moved[0], rest, atol=1e-6)


def test_same_generator_same_listener_and_the_next_draw_differs():
    talk, rng = track(200, [30, 90]), np.random.default_rng(0)
    identity = ID_STD * rng.standard_normal(80)
    a, b = (sample_listener(talk, "positive", identity, np.random.default_rng(5)) for _ in "ab")
    assert a.tobytes() == b.tobytes()
    rng, rest = np.random.default_rng(5), np.zeros(70)
    a, b = (sample_listener(talk, "positive", identity, rng, rest) for _ in "ab")
    assert np.abs(a - b).max() > 0.05


def test_acts_take_the_time_and_size_they_were_drawn_with():
    act = conversation.Act("nod", "phrase_end", 0.0, 10.0, 0.08, 12.0, 3, 1.0)
    pitch = conversation.perform([act], 80)[:, 0]
    assert np.flatnonzero(pitch > 1e-12)[[0, -1]].tolist() == [11, 45]
    assert pitch[16] == pytest.approx(0.08) and pitch[28] == pytest.approx(0.8 * 0.08)
    swing = conversation.perform([replace(act, kind="shake", side=-1.0)], 80)
    assert np.flatnonzero(np.abs(swing[:, 1]) > 1e-9)[[0, -1]].tolist() == [11, 45]
    assert swing[13, 1] < 0 < swing[19, 1] and 0.06 < np.abs(swing[:, 1]).max() <= 0.08
    assert not swing[:, [0, 2]].any()
    smile = conversation.perform([replace(act, kind="smile", length=40.0, beats=1)], 80)
    assert smile[20, COLUMN["smile"]] == pytest.approx(0.08)  # risen after 0.2 of the length
    assert smile[36, COLUMN["smile"]] == pytest.approx(0.08)  # falls over the last 0.35
    assert smile[50:].max() < 1e-12
    assert smile[25, COLUMN["cheek_raise"]] == pytest.approx(0.6 * 0.08)


@pytest.mark.parametrize("kind", sorted({r.kind for r in RESPONSES}))
def test_two_acts_add(kind):
    a = conversation.Act(kind, "accent", 0.0, 5.3, 0.1, 20.0, 2, 1.0)
    b = replace(a, onset=9.9, size=0.2, side=-1.0)
    both = conversation.perform([a, b], 70)
    np.testing.assert_allclose(
        both, conversation.perform([a], 70) + conversation.perform([b], 70), atol=1e-12
    )
    assert np.abs(both).max() > 0.01


def test_densities_know_attitude_style_and_mood():
    identity = ID_STD * np.random.default_rng(3).standard_normal(80)
    style = motion.personal_style(identity)
    by_style = oracle_densities("positive", style, 0.5)
    assert by_style == oracle_densities("positive", identity, 0.5)
    rows = [r for r in RESPONSES if r.attitude == "positive"]
    for found, row in zip(by_style, rows):
        expected = row.probability * style.eagerness * (1 + row.mood * 0.5)
        assert found.probability == pytest.approx(min(expected, 0.95))
        assert found.latency[0] * style.promptness == pytest.approx(row.latency[0])
    eager = oracle_densities("positive", replace(PLAIN, eagerness=9.0))
    assert max(row.probability for row in eager) == 0.95


@pytest.mark.parametrize(
    "call",
    [
        lambda: oracle_densities("angry", PLAIN),
        lambda: sample_listener(track(20), "angry", PLAIN, np.random.default_rng(0)),
    ],
)
def test_unknown_attitude_is_named(call):
    with pytest.raises(ValueError, match="attitude 'angry' is unknown; allowed: positive, neutral"):
        call()


def test_bad_rest_and_identity_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"rest has shape \(3,\); allowed: \(70,\)"):
        sample_listener(track(20), "neutral", PLAIN, rng, np.zeros(3))
    with pytest.raises(ValueError, match="identity has 5 numbers"):
        motion.personal_style(np.zeros(5))
    with pytest.raises(ValueError, match="80 finite ones are needed"):
        motion.personal_style(np.full(80, np.nan))


# ---- style ----


def test_style_is_plain_for_the_mean_face_and_bounded_for_all():
    assert motion.personal_style(np.zeros(80)) == PLAIN
    rng = np.random.default_rng(0)
    traits = np.log([astuple(motion.personal_style(rng.standard_normal(80))) for _ in range(300)])
    spreads = np.array([0.25, 0.35, 0.30, 0.18, 0.22, 0.30])
    assert (np.abs(traits) <= 2 * spreads).all()
    assert (np.abs(traits).max(0) > 1.5 * spreads).all()


def test_traits_are_independent_and_come_from_six_coefficients():
    rng = np.random.default_rng(0)
    faces = ID_STD * rng.standard_normal((2000, 80))
    traits = np.log([astuple(motion.personal_style(face)) for face in faces])
    correlation = np.corrcoef(traits.T)[np.triu_indices(6, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    changed = faces[0].copy()
    changed[6:] = 0
    assert motion.personal_style(changed) == motion.personal_style(faces[0])
    for index in range(6):
        changed = faces[0].copy()
        changed[index] += 0.3
        assert motion.personal_style(changed) != motion.personal_style(faces[0])


# ---- drift, blinks, neck ----


def test_drift_is_two_recursions_from_zero_towards_its_std():
    found = motion.drift(11, [2.0, 0.5, 0.0], 7, np.random.default_rng(0))
    noise = np.random.default_rng(0).standard_normal((11, 3))
    pole = np.exp(-1 / 7)
    first, second, slow = np.zeros(3), np.zeros(3), [np.zeros(3)]
    for step in range(1, 11):
        first = pole * first + noise[step]
        second = pole * second + first
        slow.append(second)
    unit = np.sqrt((1 + pole**2) / (1 - pole**2) ** 3)
    np.testing.assert_allclose(found, np.array(slow) / unit * [2.0, 0.5, 0.0], rtol=1e-9)
    late = motion.drift(400, np.ones(3000), 15, np.random.default_rng(1))[-1]
    assert abs(np.mean(late**2) - 1) < 5 * np.sqrt(2 / 3000)


def test_blinks_rest_between_and_have_their_rate():
    rng, gaps, count, frames = np.random.default_rng(0), [], 0, 30 * 60 * 20
    for _ in range(5):
        times = motion.blink_frames(frames, 0.25, rng)
        gaps += list(np.diff(times))
        count += len(times)
    assert min(gaps) >= 18 and min(times) >= 10
    assert near_mean(gaps, 18 + 30 / 0.25, 30 / 0.25)


def test_lids_shut_fast_and_open_slower():
    closed = motion.lids(40, [20.0])
    assert closed.max() == closed[20] == 1 and not closed[:18].any() and not closed[25:].any()
    assert (closed[18:20] > 0).sum() < (closed[21:25] > 0).sum()
    np.testing.assert_array_equal(motion.lids(40, [20.0, 20.0]), closed)


def test_neck_moves_the_head_as_a_turn_about_a_point_below_and_behind():
    """To first order, (R - 1) (0, 0.6, 0.45) with the rotation of mfr.face.camera."""
    from mfr.face.coefficients import rotation_matrix

    angle = 1e-4 * np.random.default_rng(0).standard_normal((5, 3))
    moved = np.zeros((5, 70))
    moved[:, :3] = angle + 0.1
    rest = np.zeros(70)
    rest[:3] = 0.1
    motion.follow_neck(moved, rest)
    lever = np.array([0, 0.6, 0.45])
    expected = np.einsum("bij,j->bi", rotation_matrix(angle) - np.eye(3), lever)
    np.testing.assert_allclose(moved[:, 67:], expected, atol=1e-7)


def test_rest_poses_have_the_spread_they_should():
    rng = np.random.default_rng(0)
    seats = np.array([motion.seat(rng) for _ in range(2000)])
    for column, std in [(0, 0.05), (1, 0.10), (2, 0.045), (67, 0.02), (68, 0.02), (69, 0.15)]:
        assert near_std(seats[:, column], std)
    assert not seats[:, 3:67].any()


# ---- the task ----


def features(moved):
    """What four seconds of motion look like, in 18 channels."""
    x = np.delete(moved.astype(float), range(15, 67), 1)
    centred = x - np.median(x, 0)
    steps = np.diff(x, axis=0)
    return np.concatenate(
        [np.log(x.std(0) + 1e-3), np.log(steps.std(0) + 1e-4), centred.max(0), centred.min(0)]
    )


def test_attitude_shows_in_four_seconds_but_not_always():
    """A linear classifier on hand-made features; people and speech of the test half are new."""
    rng, rows, labels = np.random.default_rng(0), [], []
    for _ in range(14):
        talk = synthesize_speech(sample_voice(rng), 7, rng).track
        for draw in range(90):
            label = draw % 3
            identity = ID_STD * rng.standard_normal(80)
            moved = sample_listener(talk, ATTITUDES[label], identity, rng)
            start = rng.integers(0, len(moved) - 120)
            rows.append(features(moved[start : start + 120]))
            labels.append(label)
    x, y = np.array(rows), np.array(labels)
    x = (x - x[:900].mean(0)) / x[:900].std(0)
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    ridge = x[:900].T @ x[:900] + 10 * np.eye(x.shape[1])
    weights = np.linalg.solve(ridge, x[:900].T @ np.eye(3)[y[:900]])
    accuracy = np.mean((x[900:] @ weights).argmax(1) == y[900:])
    assert 0.65 < accuracy < 0.95


def test_listener_moves_as_smoothly_as_people():
    """Real listeners' angles change by 0.003 to 0.010 rad a frame, tracker noise included."""
    rng, steps = np.random.default_rng(0), {name: [] for name in ATTITUDES}
    talk = track(300, [40, 110, 180, 250], [30, 60, 90, 120, 160, 200, 240])
    for name in ATTITUDES:
        for _ in range(30):
            moved = sample_listener(talk, name, ID_STD * rng.standard_normal(80), rng)
            steps[name].append(np.abs(np.diff(moved[:, :3], axis=0)))
        steps[name] = np.array(steps[name])
        assert 0.0008 < steps[name].mean() < 0.006 and steps[name].max() < 0.12
    assert steps["neutral"].mean() < steps["positive"].mean()
