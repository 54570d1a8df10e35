r"""The oracle listener: what it draws is what its table says.

Oracles: moments of binomial, gamma and log-normal distributions with bands of five standard errors;
times and sizes measured from the motion itself; slow loops for drift, states and gaze; a linear
classifier for the attitudes.
"""

from dataclasses import astuple, replace

import numpy as np
import pytest

from data_tools.synthetic.people.person import ID_STD, STYLE_SHAPE, sample_person
from data_tools.synthetic.talk import conversation, life, motion
from data_tools.synthetic.talk.conversation import (
    RESPONSES,
    STATES,
    oracle_densities,
    oracle_states,
    sample_listener,
)
from data_tools.synthetic.talk.motion import COLUMN, Style
from data_tools.synthetic.talk.phonetics import sample_voice
from data_tools.synthetic.talk.speech import Track, synthesize_speech
from mfr.config import ATTITUDES
from mfr.face.camera import rotation_matrix

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
        head = row.kind in ("nod", "shake", "tilt", "lean_back", "sigh")
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
    """Measured on the 70 numbers of the responses alone: 400 draws after one phrase end."""
    row = next(
        r for r in RESPONSES if (r.attitude, r.kind, r.trigger) == (attitude, kind, "phrase_end")
    )
    end, rng = 30.0, np.random.default_rng(11)
    talk, latencies, peaks, draws = track(200, [end]), [], [], 400
    for _ in range(draws):
        acts = conversation.sample_responses(talk, attitude, PLAIN, rng)
        acts = [act for act in acts if act.kind != "sigh"]  # it leans back a little as well
        moved = sign * conversation.perform(acts, 200)[:, COLUMN[column]]
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


@pytest.mark.parametrize("attitude", ATTITUDES)
@pytest.mark.parametrize("style, mood", [(PLAIN, 0.0), (OTHER, 0.8)], ids=["plain", "other"])
def test_states_have_the_densities_of_the_table(attitude, style, mood):
    """Level, onset and turns of every row: 2,000 draws."""
    talk, rng = track(300, [100.0], mood=mood), np.random.default_rng(3)
    drawn = [conversation.sample_states(talk, attitude, style, rng) for _ in range(2000)]
    for row, miens in zip([r for r in STATES if r.attitude == attitude], zip(*drawn), strict=True):
        assert {m.kind for m in miens} == {row.kind}
        factor = style.size if row.kind == "lean_back" else style.expressiveness
        mean, std = row.level
        assert near_mean([m.level for m in miens], mean * factor, std * factor)
        assert near_std([m.level for m in miens], std * factor)
        mean, std = (x / style.promptness for x in row.latency)
        for values in ([m.onset for m in miens], [m.turns[0][0] - 100 for m in miens]):
            assert near_mean(values, mean, std) and near_std(values, std) and min(values) > 0
        shares = {m.turns[0][1] for m in miens}
        assert shares == {max(0.3, 1 + row.mood * mood)}
        assert miens[0].rise == pytest.approx(row.rise / style.tempo)
        assert miens[0].waver == pytest.approx((row.waver[0], row.waver[1] / style.tempo))


def test_a_state_comes_stays_and_turns_with_the_mood():
    mien = conversation.Mien("smile", 0.5, 10.0, 20.0, (0.0, 25.0), ((60.0, 1.4), (110.0, 0.4)))
    moved = conversation.sustain([mien], 150, np.random.default_rng(0))
    smile = moved[:, COLUMN["smile"]]
    assert not smile[:11].any() and (np.diff(smile[10:30]) > 0).all()
    np.testing.assert_allclose(smile[30:61], 0.5)
    np.testing.assert_allclose(smile[20], 0.25)
    np.testing.assert_allclose(smile[80:111], 0.7)
    np.testing.assert_allclose(smile[130:], 0.2)
    np.testing.assert_allclose(moved[:, COLUMN["cheek_raise"]], 0.7 * smile)
    wavering = replace(mien, waver=(0.3, 25.0))
    again = conversation.sustain([wavering], 150, np.random.default_rng(0))[:, COLUMN["smile"]]
    factor = motion.waver(150, 0.3, 25.0, np.random.default_rng(0))
    np.testing.assert_allclose(again, smile * factor)


def test_a_listener_is_state_and_responses_within_the_face_s_limits_and_life():
    talk, rest = track(200, [40.0, 110.0]), motion.seat(np.random.default_rng(0), np.full(64, 0.1))
    style = replace(STILL, expressiveness=1.5)
    plan = conversation.sample_plan(talk, "positive", style, np.random.default_rng(1))
    moved = conversation.act_out(plan, 200, style, np.random.default_rng(2), rest) - rest
    rng = np.random.default_rng(2)
    alone = conversation.perform(plan.acts, 200) + conversation.sustain(plan.miens, 200, rng)
    assert plan.acts and alone.max() > 0.6
    x = alone[:, COLUMN["smile"]]
    expected = np.where(x > 0.6, 0.6 + 0.4 * np.tanh((x - 0.6) / 0.4), x)
    np.testing.assert_allclose(moved[:, COLUMN["smile"]], expected, atol=1e-6)
    company = moved[:, 3:15] @ motion.COMPANY
    np.testing.assert_allclose(moved[:, 15:67], company, atol=1e-6)
    life_alone = life.live(200, style, conversation.GAZE["positive"], rng)
    np.testing.assert_allclose(
        moved[:, COLUMN["yaw"]], (alone + life_alone)[:, COLUMN["yaw"]], atol=1e-6
    )


def test_attitudes_last():
    """From two seconds on, at any mood: who is positive smiles, who is negative frowns."""
    rng = np.random.default_rng(0)
    shown = {name: [] for name in ATTITUDES}
    for draw in range(60):
        talk = track(270, [50, 120, 190], mood=[-0.5, 0.0, 0.5][draw % 3])
        for name in ATTITUDES:
            moved = sample_listener(talk, name, PLAIN, rng, np.zeros(70))[60:]
            shown[name].append(moved[:, [COLUMN["smile"], COLUMN["brow_lower"]]])
    smiles, frowns = (
        {name: np.mean(np.array(x)[..., k] > 0.2) for name, x in shown.items()} for k in (0, 1)
    )
    assert smiles["positive"] > 0.95 and smiles["neutral"] < 0.35 and smiles["negative"] < 0.02
    assert frowns["negative"] > 0.95 and frowns["neutral"] < 0.1 and frowns["positive"] < 0.02


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
    assert smile[25, COLUMN["cheek_raise"]] == pytest.approx(0.7 * 0.08)


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
    for found, row in zip(
        oracle_states("negative", identity), [r for r in STATES if r.attitude == "negative"]
    ):
        factor = style.size if row.kind == "lean_back" else style.expressiveness
        assert found.level[0] == pytest.approx(row.level[0] * factor)
        assert found.rise == pytest.approx(row.rise / style.tempo)
    eager = oracle_densities("positive", replace(PLAIN, eagerness=9.0))
    assert max(row.probability for row in eager) == 0.95


@pytest.mark.parametrize(
    "call",
    [
        lambda: oracle_densities("angry", PLAIN),
        lambda: oracle_states("angry", PLAIN),
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
    changed[np.delete(np.arange(80), STYLE_SHAPE)] = 0
    assert motion.personal_style(changed) == motion.personal_style(faces[0])
    for index in STYLE_SHAPE:
        changed = faces[0].copy()
        changed[index] += 0.3
        assert motion.personal_style(changed) != motion.personal_style(faces[0])


def test_synthetic_people_have_the_whole_spread_of_style():
    people = [sample_person(np.random.default_rng([8, k])).id for k in range(600)]
    traits = np.log([astuple(motion.personal_style(face)) for face in people])
    spreads = np.array([0.25, 0.35, 0.30, 0.18, 0.22, 0.30])
    z = np.random.default_rng(0).standard_normal(100_000)
    share = (2 * np.tanh(z / 2)).std()  # what tanh leaves of the spread
    np.testing.assert_allclose(traits.std(0), share * spreads, rtol=0.15)


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
    np.testing.assert_allclose(motion.lids(40, [20.0], [0.7]), 0.7 * closed)
    both = motion.lids(60, [20.0, 40.0], [0.7, 0.9])
    assert both[20] == 0.7 and both[40] == 0.9


# ---- life ----


def test_waver_is_positive_has_mean_one_and_is_as_wide_at_first_as_at_last():
    rng = np.random.default_rng(0)
    drawn = np.array([motion.waver(60, 0.5, 10, rng) for _ in range(3000)])
    assert drawn.min() > 0
    for frame in (0, 59):
        assert near_mean(drawn[:, frame], 1, 0.5) and near_std(drawn[:, frame], 0.5)
    x = np.log(drawn)
    pole = np.exp(-1 / 10)  # two equal poles: r(k) = p^k (1 + k (1 - p^2) / (1 + p^2))
    expected = pole**20 * (1 + 20 * (1 - pole**2) / (1 + pole**2))
    found = np.corrcoef(x[:, 10], x[:, 30])[0, 1]
    assert abs(found - expected) < 5 * (1 - expected**2) / np.sqrt(3000)
    np.testing.assert_array_equal(motion.waver(9, 0.0, 10, rng), 1)


def test_eased_is_two_recursions():
    x = np.random.default_rng(0).standard_normal(13)
    pole, first, second, slow = np.exp(-1 / 4), 0.0, 0.0, []
    for value in x:
        first = pole * first + (1 - pole) * value
        second = pole * second + (1 - pole) * first
        slow.append(second)
    np.testing.assert_allclose(motion.eased(x, 4), slow)


def test_a_face_gives_out_and_never_goes_beyond_one():
    moved = np.full((3, 70), [[0.6], [0.8], [9.0]])
    motion.limit(moved)
    smile = moved[:, COLUMN["smile"]]
    np.testing.assert_allclose(smile, [0.6, 0.6 + 0.4 * np.tanh(0.5), 1.0])
    assert (moved[:, COLUMN["jaw_open"]] == [0.6, 0.8, 9.0]).all()


def test_a_muscle_has_company_but_eyes_move_alone():
    moved = np.zeros((2, 70))
    moved[0, COLUMN["smile"]] = 1
    moved[1, [COLUMN[name] for name in ("lids_close", "gaze_x", "gaze_y")]] = 1
    motion.follow_face(moved)
    assert 0.05 < moved[0, 15:67].std() < 0.11 and not moved[1, 15:67].any()


def test_breath_has_its_rate_its_depth_and_starts_at_rest():
    rng, fast = np.random.default_rng(0), replace(PLAIN, tempo=1.44, liveliness=2.0)
    for style, rate, depth in [(PLAIN, 0.25, 1.0), (fast, 0.25 * 1.2, 2.0)]:
        waves = np.array([life.breath(2400, style, rng) for _ in range(40)])
        assert not waves[:, 0].any()
        power = np.mean(np.abs(np.fft.rfft(waves - waves.mean(1, keepdims=True))) ** 2, 0)
        frequency = np.fft.rfftfreq(2400, 1 / 30)
        centre = (power * frequency).sum() / power.sum()
        assert abs(centre - rate) < 0.01
        assert np.ptp(waves, 1).mean() == pytest.approx(2 * depth, rel=0.02)


def test_posture_moves_rarely_to_seats_about_the_first():
    rng = np.random.default_rng(0)
    moved = np.array([life.posture(900, rng) for _ in range(400)])
    assert not moved[:, 0].any()
    moving = (np.abs(np.diff(moved, axis=1)).max(2) > 0).mean()
    mean = 30 / life.POSTURE_RATE + np.mean(life.POSTURE_FRAMES)
    assert moving == pytest.approx(np.mean(life.POSTURE_FRAMES) / mean, rel=0.1)
    last = moved[:, -1]  # 30 s on nearly everybody has moved
    assert (np.abs(last) > 0).any(1).mean() > 0.9
    assert near_std(last[np.abs(last).max(1) > 0].ravel(), 1.0)
    assert np.abs(np.diff(moved, axis=1)).max() < 0.35  # slow: 5 sd in 25 frames


def test_gaze_is_away_for_its_share_of_the_time_and_returns():
    gaze, rng = life.Gaze(40, 20, 0.5, 0.2), np.random.default_rng(0)
    shares, places = [], []
    for _ in range(60):
        times, targets = life.fixations(3000, gaze, PLAIN, rng)
        assert not targets[1::2].any() and (np.diff(times) >= life.SHORTEST_LOOK).all()
        edges = np.append(times, 3000.0)
        shares.append(np.diff(edges)[0::2].sum() / 3000)
        places.append(targets[0::2])
    assert abs(np.mean(shares) - 20 / 60) < 5 * np.std(shares) / np.sqrt(60)
    places = np.concatenate(places)
    assert near_std(places[:, 0], 0.5) and near_std(places[:, 1], 0.2)
    hasty, _ = life.fixations(3000, gaze, replace(PLAIN, tempo=2.0), rng)
    assert len(hasty) > 1.5 * len(times)


def test_eyes_jump_and_rest():
    found = life.jumps(20, [3.0, 10.5], [[0.4], [-0.2]])[:, 0]
    slow = []
    for frame in range(20):
        place = 0.4 * min(max((frame - 3.0) / 2, 0), 1)
        slow.append(place - 0.6 * min(max((frame - 10.5) / 2, 0), 1))
    np.testing.assert_allclose(found, slow, atol=1e-12)


def test_life_begins_at_rest_and_liveliness_scales_the_body():
    gaze, calm = conversation.GAZE["neutral"], replace(PLAIN, liveliness=0.5)
    whole, half = (life.live(150, s, gaze, np.random.default_rng(4)) for s in (PLAIN, calm))
    assert not whole[0].any()
    np.testing.assert_allclose(half[:, 67:], whole[:, 67:] / 2, atol=1e-12)
    np.testing.assert_allclose(half[:, COLUMN["smile"]], whole[:, COLUMN["smile"]] / 2, atol=1e-12)
    eyes = [COLUMN["gaze_x"], COLUMN["gaze_y"]]
    np.testing.assert_array_equal(half[:, eyes], whole[:, eyes])


def test_head_and_lids_follow_the_eyes():
    moved, gaze = np.zeros((400, 70)), life.Gaze(20, 20, 0.8, 0.8)
    life.look(moved, 400, gaze, PLAIN, np.random.default_rng(1))
    eyes = moved[:, [COLUMN["gaze_x"], COLUMN["gaze_y"]]]
    np.testing.assert_allclose(moved[:, 1], 0.06 * motion.eased(eyes[:, 0], 5))
    np.testing.assert_allclose(moved[:, 0], -0.05 * motion.eased(eyes[:, 1], 5))
    sunk = moved[:, COLUMN["lids_close"]]
    np.testing.assert_allclose(sunk, 0.25 * np.maximum(-eyes[:, 1], 0))
    assert sunk.max() > 0.05


def test_neck_moves_the_head_as_a_turn_about_a_point_below_and_behind():
    """To first order, (R - 1) (0, 0.6, 0.45) with the rotation of mfr.face.camera."""
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
    """What four seconds of motion look like beside the first frame of the clip, in 18 channels."""
    x = np.delete(moved.astype(float), range(15, 67), 1)
    steps = np.diff(x, axis=0)
    return np.concatenate([np.log(steps.std(0) + 1e-4), x.mean(0), x.max(0), x.min(0)])


def test_attitude_shows_in_four_seconds():
    """A linear classifier on hand-made features; people and speech of the test half are new."""
    rng, rows, labels = np.random.default_rng(0), [], []
    for _ in range(14):
        talk = synthesize_speech(sample_voice(rng), 6, rng).track
        for draw in range(48):
            label = draw % 3
            identity = ID_STD * rng.standard_normal(80)
            moved = sample_listener(talk, ATTITUDES[label], identity, rng)
            moved = moved - moved[0]
            start = rng.integers(0, len(moved) - 120)
            rows.append(features(moved[start : start + 120]))
            labels.append(label)
    x, y = np.array(rows), np.array(labels)
    x = (x - x[:480].mean(0)) / x[:480].std(0)
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    ridge = x[:480].T @ x[:480] + 10 * np.eye(x.shape[1])
    weights = np.linalg.solve(ridge, x[:480].T @ np.eye(3)[y[:480]])
    accuracy = np.mean((x[480:] @ weights).argmax(1) == y[480:])
    assert accuracy > 0.9


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
