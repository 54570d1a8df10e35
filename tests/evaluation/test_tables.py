r"""The tables: scores from responses, their errors, their text, the command that makes them.

Oracles: slow sums over clips and samples; planted motion whose delay, nods and style are known;
scipy's Pearson r; a bootstrap of the paired ratio; the csv module reading back what was written;
the paper's own printed numbers.
"""

import csv
import functools
import io
import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from mfr.evaluation import figures
from mfr.evaluation.figures import paper
from mfr.evaluation.methods.method import Method, freeze
from mfr.evaluation.methods.painters import Painter, to_images
from mfr.evaluation.metrics import behaviour
from mfr.evaluation.scoring import attitude_classifier, responses, scores, world
from mfr.evaluation.scoring.judges import Judges, load_hopenet, load_inception
from mfr.evaluation.scoring.scores import NAN, Scored, Value
from mfr.evaluation.tables import aims, images, printed, report
from mfr.evaluation.tables.motion import table_1, table_4, table_ours
from mfr.evaluation.tables.writing import (
    Column,
    Row,
    Table,
    best_cells,
    to_csv,
    to_markdown,
)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


# ---- behaviour ----


def test_delay_is_the_planted_centre():
    ends, clips = [[20.0, 110.4], [40.0]], []
    for places in ends:
        step = np.zeros((200, 70))
        for end in places:
            first = math.ceil(end) + 11
            step[first + 1 : first + 8, 0] = 0.01  # moves at lags 11 .. 17
        clips.append(step.cumsum(0))
    assert behaviour.response_delay(clips, ends) == pytest.approx(14.0)


def test_delay_takes_the_quiet_speed_away():
    speed = np.full(100, 0.02)
    speed[30 + 9] += 0.5
    motion = np.zeros((101, 70))
    motion[1:, 2] = speed.cumsum()
    assert behaviour.response_delay([motion], [[30]]) == pytest.approx(9.0)


def test_who_does_not_answer_has_no_delay():
    still, steady = np.zeros((90, 70)), np.zeros((90, 70))
    steady[:, 0] = np.arange(90) * 0.01
    for motion in (still, steady):
        assert math.isnan(behaviour.response_delay([motion], [[10]]))
    assert math.isnan(behaviour.response_delay([still], [[60]]))  # leaves the clip too early
    with pytest.raises(ValueError, match="motions has 1 clips, phrase_ends 2"):
        behaviour.response_delay([still], [[1], [2]])


def test_nod_size_is_the_planted_height():
    frames = np.arange(300)
    samples = np.zeros((2, 300, 70))
    heights = [[0.05, 0.07, 0.09], [0.04, 0.1, 0.02]]  # 0.02 is too small to count
    for row, sizes in zip(samples, heights):
        for k, size in enumerate(sizes):
            near = np.abs(frames - 50 - 100 * k) <= 8
            row[near, 0] = size * (1 + np.cos(np.pi * (frames[near] - 50 - 100 * k) / 8)) / 2
    assert behaviour.nod_size(samples) == pytest.approx(np.mean([0.05, 0.07, 0.09, 0.04, 0.1]))
    assert math.isnan(behaviour.nod_size(samples[:1]))  # three nods are too few


def test_style_correlation_is_pearsons_within_groups(rng):
    groups = ["a"] * 7 + ["b"] * 11 + ["c"] * 3
    truth = np.exp(rng.normal(size=21))
    shift = np.array([{"a": 1.0, "b": 5.0, "c": 0.1}[g] for g in groups])
    noise = np.exp(0.3 * rng.normal(size=21))
    r, error, count = behaviour.style_correlation(truth * shift * noise, truth, groups)
    x, y = np.log(truth * noise), np.log(truth)
    for name in "abc":
        rows = np.array([g == name for g in groups])
        x[rows] -= x[rows].mean()
        y[rows] -= y[rows].mean()
    assert r == pytest.approx(stats.pearsonr(x, y)[0])
    assert error == pytest.approx((1 - r * r) / math.sqrt(21 - 4)) and count == 21
    perfect = behaviour.style_correlation(truth**2 * shift, truth, groups)[0]
    assert perfect == pytest.approx(1)
    few = behaviour.style_correlation([1, NAN, 2, NAN], [1, 2, 3, 4], ["a", "a", "b", "b"])
    assert math.isnan(few[0]) and few[2] == 2


def test_classifier_learns_what_can_be_told_and_ignores_rest(rng):
    def clip(label):
        motion = rng.normal(size=(131, 70)).cumsum(0) * 0.01 + 5 * rng.normal(size=70)
        motion[20:, label] += 0.5  # a state that lasts
        return torch.as_tensor(motion, dtype=torch.float32)

    names = [attitude_classifier.ATTITUDES[i % 3] for i in range(36)]
    clips = [clip(i % 3) for i in range(36)]
    net = attitude_classifier.train_classifier(clips, names, torch.full((70,), 0.1), steps=30)
    fresh = [clip(i % 3) for i in range(30)]
    right = [
        attitude_classifier.recognised(net, one[None], one[0], name)
        for one, name in zip(fresh, names)
    ]
    assert float(torch.cat(right).mean()) > 0.8
    for one in clips[:3]:
        moved, there = net(one[None] + 3.0, one[:1] + 3.0), net(one[None], one[:1])
        torch.testing.assert_close(moved, there, atol=1e-3, rtol=0)
    late = [
        attitude_classifier.recognised(net, x[None, 60:], x[0], n) for x, n in zip(fresh, names)
    ]
    assert float(torch.cat(late).mean()) > 0.8  # also where it had come before the clip began
    assert attitude_classifier.train_classifier(clips, ["positive"] * 36, torch.ones(70)) is None


# ---- numbers and their errors ----


def test_over_samples_by_hand():
    value = scores.over_samples([[1, 2, 6], [3, 4, 2]])  # sets: 2, 3, 4
    assert value == pytest.approx((3, 1 / math.sqrt(3), 2))
    assert math.isnan(scores.over_samples([[1], [3]]).error)


def test_over_clips_leaves_out_what_is_no_number():
    assert scores.over_clips([1, NAN, 3]) == pytest.approx((2, 1, 2))
    assert math.isnan(scores.over_clips([NAN]).mean)
    assert math.isnan(scores.over_clips([2.0]).error)


def test_paired_ratios_error_is_the_bootstraps(rng):
    b = rng.gamma(4, size=211)
    a = 1.2 * b + 0.3 * rng.normal(size=211)
    value = scores.ratio(a, b)
    assert value.mean == pytest.approx(a.sum() / b.sum())
    rows = rng.integers(211, size=(4001, 211))
    spread = (a[rows].sum(1) / b[rows].sum(1)).std()
    assert value.error == pytest.approx(spread, rel=0.1)
    assert math.isnan(scores.ratio([1.0], [0.0]).mean)


class Clip:
    def __init__(self, split, attitude):
        self.split, self.attitude = split, attitude


def made_up(rng, name, clips, K):
    def parts():
        return {part: rng.random(K) for part in scores.PARTS}

    n = len(clips)
    return Scored(
        name,
        [parts() for _ in range(n)],
        [dict.fromkeys(scores.PARTS, 1.0)] * n,
        list(rng.random(n)),
        list(rng.random(n)),
        [rng.random(K) for _ in range(n)],
        [{"velocity": 1.0, "acceleration": NAN}] * n,
        [None] * n,
        Value(NAN),
        Value(NAN),
        NAN,
    )


@pytest.fixture
def clips():
    attitudes = ["positive"] * 3 + ["neutral"] * 2 + ["negative"]
    return [Clip(split, one) for split in ("test", "ood") for one in attitudes]


def column(table, name):
    return next(j for j, c in enumerate(table.columns) if c.name == name)


def test_table_1s_two_averages_by_slow_sums(rng, clips):
    one = made_up(rng, "m", clips, 5)
    table = table_1([one], clips, ranked={"m"})
    assert [row.head for row in table.rows] == [("m", "D_test"), ("m", "D_ood")]
    for row, members in zip(table.rows, (range(6), range(6, 12))):
        cells = {a: [] for a in ("positive", "neutral", "negative")}
        for i in members:
            cells[clips[i].attitude].append(sum(one.fd[i]["exp"]) / 5)
        every = [x for values in cells.values() for x in values]
        found = row.cells[column(table, "average exp")].mean
        assert found == pytest.approx(sum(every) / 6)
        macro = sum(sum(v) / len(v) for v in cells.values()) / 3
        assert row.cells[column(table, "macro exp")].mean == pytest.approx(macro)
        negative = row.cells[column(table, "negative exp")].mean
        assert negative == pytest.approx(cells["negative"][0])
        error = row.cells[column(table, "average exp")].error
        of_set = np.mean([one.fd[i]["exp"] for i in members], axis=0)
        assert error == pytest.approx(of_set.std(ddof=1) / math.sqrt(5))


def test_table_4_is_the_unweighted_mean_of_the_test_sets(rng, clips):
    clips = clips[:9]  # 6 and 3
    one = made_up(rng, "m", clips, 5)
    table = table_4([one], clips)
    sets = [np.mean([one.fd[i]["angle"] for i in rows]) for rows in (range(6), range(6, 9))]
    assert table.rows[0].cells[0].mean == pytest.approx(sum(sets) / 2)


def test_ours_over_the_oracle_is_clip_by_clip(rng, clips):
    one, oracle = made_up(rng, "m", clips, 2), made_up(rng, "oracle", clips, 2)
    table = table_ours([oracle, one], clips, oracle, {"m"})
    row = next(r for r in table.rows if r.head == ("m", "D_ood"))
    expected = sum(one.energy[6:]) / sum(oracle.energy[6:])
    assert row.cells[1].mean == pytest.approx(expected)
    without = table_ours([one], clips)
    assert without.rows[0].cells[1] is None and "No oracle" in without.notes[-1]


def test_unknown_attitudes_leave_dashes(rng):
    clips = [Clip("test", ""), Clip("test", "")]
    one = made_up(rng, "m", clips, 2)
    table = table_1([one], clips)
    text = to_markdown(table)
    row = text.splitlines()[4].split("|")[3:-1]
    assert [cell.strip() for cell in row[:9]] == ["–"] * 9
    assert all(cell.strip() not in ("–", "nan") for cell in row[9:12])


def test_aims_and_claims_are_held_or_missed_by_the_numbers(rng, clips):
    oracle, one, rival = (made_up(rng, n, clips, 3) for n in ("oracle", "MFR-Net", "w/o FAM"))
    recognised = [np.ones(3)] * 12
    oracle = oracle._replace(recognised=recognised, delay=Value(20.0), style=Value(0.9))
    one = oracle._replace(
        name="MFR-Net",
        delay=Value(21.5),
        style=Value(0.7),
        energy=[1.1 * x for x in oracle.energy],
        fd_of_mean=[dict.fromkeys(scores.PARTS, 0.5)] * 12,
    )
    lines = aims.aims(one, oracle, [rival], clips)
    held = {line[9:].split(":")[0]: line[2:8].strip() for line in lines}
    assert held["energy score / oracle on D_test"] == "MISSED"  # 1.10 > 1.08
    assert held["energy score / oracle on D_ood"] == "held"  # 1.10 <= 1.20
    assert held["FD exp of a sample / oracle"] == held["spread / oracle"] == "held"
    assert held["FD angle of the mean of samples"] == "held"  # 0.5 < 1
    assert held["delay, frames after the oracle's"] == held["style r"] == "MISSED"
    assert held["seam velocity"] == "held" and held["seam acceleration"] == "MISSED"  # NaN
    worse = one._replace(
        name="w/o FAM",
        frames=[x / 2 for x in one.frames],
        fd=[{p: v + 1 for p, v in row.items()} for row in one.fd],
    )
    distances = {"MFR-Net": Value(0.3), "w/o FAM": Value(0.2)}
    lines = aims.claims(one, [worse], clips, distances, oracle)
    held = [line[2:8].strip() for line in lines]
    assert held == ["held", "held", "held", "held", "held", "MISSED"]
    assert "angle +1.00, exp +1.00, trans +1.00; the oracle's own gain: +1.00" in lines[1]
    assert "each attitude than w/o FAM on D_ood (people unseen in training)" in lines[4]
    assert "1.00 (positive +1.00, neutral +1.00, negative +1.00)" in lines[4]
    one_only = worse._replace(spread=[0.0] * 12)
    assert "unlike w/o FAM; spread" in aims.claims(one, [one_only], clips, {})[1]
    assert "not tested" in aims.claims(one, [worse], clips, {})[-1]


def test_one_attitude_lost_is_a_claim_missed(rng, clips):
    one = made_up(rng, "MFR-Net", clips, 3)
    worse = [
        {p: v + (1 if clip.attitude != "neutral" else -0.01) for p, v in row.items()}
        for row, clip in zip(one.fd, clips)
    ]
    lines = aims.claims(one, [one._replace(name="PCHG", fd=worse)], clips, {})
    found = [line[2:8].strip() for line in lines if " on D_test" in line]
    assert found == ["held", "MISSED"]  # nearer in all, not under each


def test_figures_of_ours_are_published_before_those_of_the_paper_preset():
    names = [f"patterns_MFR-Net_{which}.png" for which in ("paper_a", "b", "c")]
    assert figures.to_publish(names)["patterns.png"] == "patterns_MFR-Net_b.png"
    assert figures.to_publish(names[:1])["patterns.png"] == "patterns_MFR-Net_paper_a.png"


def test_identity_loss_is_judged_by_pairs_of_renderers():
    def painter(name, with_loss, key="1"):
        return Painter(name, None, 1, with_loss, key)

    kept = {"a": Value(0.1), "b": Value(0.2), "portrait unchanged": Value(0.0)}
    pair = [painter("a", True), painter("b", False), painter("portrait unchanged", True, "")]
    assert aims.identity_loss(pair, kept) == [
        "* held   identity kept better by a than by b, 1 - CSIM: 0.1000 (< 0.2000)"
    ]
    missing = "no two renderers in the runs differ in identity_weight 0 alone"
    assert missing in aims.identity_loss(pair[:1], kept)[0]
    longer = pair[0]._replace(training={"steps": 7})  # trained otherwise: no comparison
    assert missing in aims.identity_loss([longer, *pair[1:]], kept)[0]
    assert "no pictures" in aims.identity_loss(pair, {})[0]


def test_rivals_that_were_not_run_are_named(rng, clips):
    rivals = [made_up(rng, f"{name} · a", clips, 2) for name in ("ViCo", "w/o DIFF (LSTM)")]
    lines = aims.untested(rivals)
    assert [line.partition("against ")[2] for line in lines] == [
        "PCHG: no run of it",
        "w/o FAM: no run of it",
    ]


# ---- the paper's numbers ----


def weights_exist(rows, tolerance=0.01):
    r"""Whether some weights of the attitudes give all the averages of some rows from their cells.

    Weights p >= 0 of sum 1 with |cells p - averages| <= tolerance, a linear programme; the default
    is what rounding the cells and the average to two digits can cost.
    """
    cells = np.array([c for *three, average in rows for c in zip(*three)])  # (N, 3)
    averages = np.array([x for *_, average in rows for x in average])  # (N,)
    sides = np.concatenate([cells, -cells])
    most = np.concatenate([averages, -averages]) + tolerance
    found = optimize.linprog(np.zeros(3), sides, most, np.ones((1, 3)), [1.0])  # p >= 0: its own
    assert found.status in (0, 2)  # solved, or proved to have no solution
    return found.status == 0


def test_printed_averages_that_no_weights_give():
    impossible = {key for key, row in printed.TABLE_1.items() if not weights_exist([row])}
    assert impossible == {("MFR-Net", "test"), ("MFR-Net", "ood"), ("PCHG", "test")}
    for key in (("MFR-Net", "test"), ("MFR-Net", "ood")):
        *cells, average = printed.TABLE_1[key]
        assert average[2] > max(cell[2] for cell in cells)
        assert f"{average[2]:.2f}" in printed.MISPRINTS["Table 1"][0]
    pair = [printed.TABLE_1["ViCo", "test"], printed.TABLE_1["PCHG", "test"]]
    assert not weights_exist(pair, tolerance=0.05)
    for split in ("test", "ood"):  # angle and exp alone: no average of theirs is impossible
        rows = {
            name: [tuple(cells[:2]) for cells in row]
            for (name, of_set), row in printed.TABLE_1.items()
            if of_set == split
        }
        for a, b in (("ViCo", "PCHG"), ("ViCo", "MFR-Net"), ("PCHG", "MFR-Net")):
            assert not weights_exist([rows[a], rows[b]])
    weights = ((0.385, 0.345, 0.27), (0.76, 0.22, 0.02))
    for name, shares in zip(("ViCo", "PCHG"), weights):
        row = printed.TABLE_1[name, "ood"]
        for i in range(3):
            total = sum(w * cell[i] for w, cell in zip(shares, row))
            assert total == pytest.approx(row[3][i], abs=0.05)
    for row, weights in zip(pair, ((0.653, 0.264, 0.083), (0.28, 0.17, 0.55))):
        for i in range(3):
            total = sum(w * cell[i] for w, cell in zip(weights, row))
            assert total == pytest.approx(row[3][i], abs=0.05)
    ours, pchg = printed.TABLE_1["MFR-Net", "test"], printed.TABLE_1["PCHG", "test"]
    same = [abs(a[1] - b[0]) < 1e-9 for a, b in zip(ours, pchg)]
    assert same == [True, True, False, True]
    assert [round(b[2] - a[2], 2) for a, b in zip(ours, pchg)][:2] == [1.0, 1.0]
    assert sum(row[0] for row in printed.TABLE_3.values()) == pytest.approx(103.9)
    assert max(printed.TABLE_2, key=lambda name: printed.TABLE_2[name][2]) == "PCHG"


def test_printed_table_4_is_the_mean_of_table_1s_averages():
    test, ood = (printed.TABLE_1["MFR-Net", s][3] for s in ("test", "ood"))
    for part in range(3):
        middle = (test[part] + ood[part]) / 2
        assert middle == pytest.approx(printed.TABLE_4["MFR-Net"][part], abs=0.0051)


def test_printed_rows_stand_beside_ours_on_vico_alone(rng, clips):
    one = made_up(rng, "m", clips, 2)
    for on_vico in (False, True):
        table = table_1([one], clips, on_vico)
        names = [row.head[0] for row in table.rows]
        assert ("MFR-Net, as printed" in names) == on_vico
        assert any("cannot be right" in note for note in table.notes) == on_vico
    row = next(r for r in table.rows if r.head == ("PCHG, as printed", "D_ood"))
    assert row.cells[column(table, "negative trans")].mean == 17.95 and not row.ranked


# ---- text ----


@pytest.fixture
def small_table():
    columns = [Column("down", 1, "down"), Column("up", 2, "up", True), Column("near", 2, "one")]
    rows = [
        Row(("a", "x"), [Value(1.04), Value(2, 0.125, 3), Value(0.5)]),
        Row(("b", "x"), [Value(0.96), Value(3), Value(1.9)]),
        Row(("limit", "x"), [Value(0.1), Value(9), Value(1.0)], False),
        Row(("a", "y"), [Value(7), None, Value(NAN)]),
    ]
    return Table("t", "Title", ("method", "set"), columns, rows, ["a note"])


def test_best_ranked_value_of_a_set_is_bold(small_table):
    best = best_cells(small_table)
    # 1.04 and 0.96 print alike; 1.9 is nearer to 1 than 0.5 in proportion
    assert best == {(0, 0), (1, 0), (1, 1), (1, 2)}


def test_markdown_is_padded_and_says_dashes(small_table):
    lines = to_markdown(small_table).splitlines()
    assert lines[0] == "### Title" and lines[-1] == "* a note"
    rows = lines[2:8]
    assert len({len(line) for line in rows}) == 1
    cells = [[c.strip() for c in line.split("|")[1:-1]] for line in rows]
    assert cells[0] == ["method", "set", "down ↓", "up ↑", "near → 1"]
    assert cells[2] == ["a", "x", "**1.0**", "2.00 ± 0.12", "0.50"]
    assert cells[5] == ["a", "y", "7.0", "–", "–"]


def test_csv_reads_back(small_table):
    rows = list(csv.DictReader(io.StringIO(to_csv([small_table]))))
    assert len(rows) == 10  # twelve cells, two of them empty
    assert rows[1] == {
        "table": "t",
        "method": "a",
        "set": "x",
        "metric": "up",
        "value": "2",
        "standard_error": "0.125",
        "clips": "3",
    }


# ---- responses ----


@pytest.fixture(scope="module")
def held(vico_folder):
    from mfr.files.vico import held_out, read_clips

    return responses.HeldOut(held_out(read_clips(vico_folder))[1])


def test_reference_is_the_listeners_first_frame(held):
    for i, real in enumerate(held.real):
        found = held.condition(i).reference[0].double().numpy()
        np.testing.assert_array_equal(found, real[0].astype(np.float32))


class Counting:
    def __init__(self):
        self.calls = 0

    def __call__(self, cond, samples, generator):
        self.calls += 1
        shape = samples, cond.speaker.shape[1], 70
        return torch.randn(shape, generator=generator)


def test_draws_are_kept_and_drawn_again_when_they_depend_on_something_else(held, tmp_path):
    respond = Counting()
    method = Method("m · a", respond, False, None, "key")
    first = responses.draw(method, held, 3, 0, tmp_path)
    again = responses.draw(method, held, 3, 0, tmp_path)
    assert respond.calls == len(held.clips)
    for a, b in zip(first.motion, again.motion):
        np.testing.assert_array_equal(a, b)
    assert again.pace == pytest.approx(first.pace) and first.pace > 0
    changes = ((method._replace(key="other"), 3, 0), (method, 2, 0), (method, 3, 1))
    for count, (one, samples, seed) in enumerate(changes, 2):
        responses.draw(one, held, samples, seed, tmp_path)
        assert respond.calls == count * len(held.clips)


def test_a_clips_draws_do_not_depend_on_the_other_clips(held, vico_folder):
    method = Method("m", Counting(), False)
    everything = responses.draw(method, held, 2)
    one = responses.HeldOut(held.clips[1:])
    np.testing.assert_array_equal(responses.draw(method, one, 2).motion[0], everything.motion[1])


@pytest.mark.parametrize(
    "answer, message",
    [
        (
            lambda c, k, g: torch.full((k, c.speaker.shape[1], 70), NAN),
            "10500 of 10500 numbers are no",
        ),
        (lambda c, k, g: torch.zeros(k, 3, 70), r"shape \(3, 3, 70\); allowed: \(3, 50, 70\)"),
    ],
)
def test_response_that_cannot_be_judged_is_named(held, answer, message):
    with pytest.raises(ValueError, match=f"^m, c4: .*{message}"):
        responses.draw(Method("m", answer, False), held, 3)


def test_spread_takes_rows_evenly():
    assert responses.spread(list(range(10)), 3) == [0, 3, 6]
    assert responses.spread([1, 2], 5) == [1, 2]
    with pytest.raises(ValueError, match="clips is 0; allowed: >= 1"):
        responses.spread([1], 0)


def test_score_is_the_metrics_own_numbers(held, rng):
    motion = [x[None] + 0.1 * rng.normal(size=(3, *x.shape)) for x in held.real]
    motion = [m.astype(np.float32) for m in motion]
    std = np.full(70, 0.5)
    found = scores.score("m", responses.Drawn(motion, 2.0), held, std)
    for i, real in enumerate(held.real):
        error = [np.abs(m - real)[:, 3:67].mean() * 100 for m in motion[i]]
        np.testing.assert_allclose(found.fd[i]["exp"], error, rtol=1e-9)
        mean = np.abs(motion[i].mean(0) - real)[:, :3].mean() * 100
        assert found.fd_of_mean[i]["angle"] == pytest.approx(mean, rel=1e-6)
        flat = (motion[i].astype(float) / std).reshape(3, -1) / math.sqrt(real.size)
        truth = (real / std).ravel() / math.sqrt(real.size)
        pairs = [np.linalg.norm(flat[a] - flat[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
        assert found.spread[i] == pytest.approx(np.mean(pairs), rel=1e-6)
        away = np.mean([np.linalg.norm(x - truth) for x in flat])
        assert found.energy[i] == pytest.approx(away - np.mean(pairs) / 2, rel=1e-6)
    assert math.isnan(found.delay.mean) and found.recognised == [None, None]


class One:
    r"""A held-out clip of one frame."""

    clips, real = [Clip("test", "positive")], [np.zeros((1, 70))]


def test_one_sample_of_one_frame_has_stated_values():
    drawn = responses.Drawn([np.ones((1, 1, 70), np.float32)], NAN)
    oracle = responses.Oracle([np.zeros((2, 1, 70))], [np.array([0.0])], [1.0])
    net = attitude_classifier.AttitudeNet(torch.ones(70))
    found = scores.score("m", drawn, One, np.ones(70), 20, net, oracle)
    assert found.fd[0]["exp"] == pytest.approx([100]) and found.energy == pytest.approx([1])
    assert found.spread == [0] and found.frames[0] == pytest.approx([0])
    assert found.recognised[0] in ([0.0], [1.0])
    assert math.isnan(found.delay.mean) and math.isnan(found.style.mean)
    assert math.isnan(found.seams[0]["velocity"]) and math.isnan(scores.over_samples([[1]]).error)
    table = table_1([found], One.clips)
    assert "nan" not in to_markdown(table) + to_csv([table])


def test_clip_without_a_seam_has_no_ratio():
    assert math.isnan(scores.seams(np.zeros((2, 15, 70)), 1.0, 20)["velocity"])
    assert scores.seams(np.zeros((2, 50, 70)), 1.0, 20)["velocity"] == 1


def test_oracle_of_another_length_is_refused(held, tmp_path):
    assert responses.read_oracle(tmp_path, held) is None
    (tmp_path / "oracle").mkdir()
    for clip, frames in zip(held.clips, (52, 49)):
        values = {"phrase_ends": np.zeros(1), "nod_size": 1.0}
        np.savez(
            tmp_path / "oracle" / f"{clip.audio.stem}.npz",
            motion=np.zeros((2, frames, 70)),
            **values,
        )
    with pytest.raises(ValueError, match="c5.npz: 49 frames; the clip has 50"):
        responses.read_oracle(tmp_path, held)


# ---- pictures ----


def test_image_scores_are_the_metrics_means(rng):
    from mfr.evaluation import metrics

    def V(images):
        return images.mean((2, 3)) + torch.tensor([1.0, 0.0, 0.0])

    gathered, values = images.ImageScores(Judges(V)), []
    for count in (2, 1):
        real = rng.integers(0, 255, size=(count, 64, 64, 3), dtype=np.uint8)
        fake = to_images(real[:, ::-1])
        gathered.add(fake, real)
        values += list(metrics.psnr(fake, to_images(real)))
    assert gathered.value("psnr").mean == pytest.approx(np.mean(values))
    csim, distance = gathered.value("csim").mean, gathered.value("id_distance").mean
    assert csim + distance == pytest.approx(1) and csim == pytest.approx(1)
    assert gathered.value("frechet").mean == pytest.approx(0, abs=1e-9)
    assert math.isnan(gathered.value("fid").mean) and math.isnan(gathered.value("hopenet").mean)


class Corners(torch.nn.Module):
    """Four pixels as features, from bytes, as the public Inception programs are called."""

    def forward(self, images, return_features: bool = False):
        assert images.dtype == torch.uint8
        corners = images[:, :, ::255, ::255].flatten(1).float()
        return corners if return_features else corners.mean(1)


class Plain(torch.nn.Module):
    def forward(self, images):
        return images.float().mean(3).mean(2)


@pytest.mark.parametrize("network", [Corners, Plain])
def test_inception_sees_bytes_and_gives_the_fid(network, rng, tmp_path):
    from mfr.evaluation import metrics

    torch.jit.script(network()).save(str(tmp_path / "inception.pt"))
    judge = load_inception(tmp_path / "inception.pt")
    real = rng.integers(0, 255, size=(5, 256, 256, 3), dtype=np.uint8)
    fake = real[::-1] // 2
    scores_ = images.ImageScores(Judges(lambda x: x.mean((2, 3)) + 1, judge, judge))
    for part in (slice(0, 2), slice(2, 5)):
        scores_.add(to_images(fake[part]), real[part])

    def rows(images):
        images = images.astype(float)
        if network is Plain:
            return images.mean((1, 2))
        return images[:, ::255, ::255].transpose(0, 3, 1, 2).reshape(5, -1)

    expected = metrics.frechet_distance(rows(fake), rows(real))
    assert scores_.value("fid").mean == pytest.approx(expected, rel=1e-4)
    lively = [rows(fake)[:2].std(0).mean(), rows(fake)[2:].std(0).mean()]
    assert scores_.value("hopenet").mean == pytest.approx(np.mean(lively), rel=1e-4)


def test_inception_that_is_none_is_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"no program")
    with pytest.raises(ValueError, match="--inception .*a.pt: is no TorchScript program"):
        load_inception(tmp_path / "a.pt")
    torch.jit.script(torch.nn.Identity()).save(str(tmp_path / "b.pt"))
    with pytest.raises(ValueError, match=r"b.pt: does not map uint8 .*; allowed: \(2, F\)"):
        load_inception(tmp_path / "b.pt")


def test_hopenets_features_are_its_pooled_ones(tmp_path):
    from mfr.official.hopenet import Hopenet

    torch.save(Hopenet().state_dict(), tmp_path / "hopenet.pkl")
    found = load_hopenet(tmp_path / "hopenet.pkl")(torch.zeros(1, 3, 256, 256))
    assert found.shape == (1, 2048) and float(found.min()) >= 0  # after a ReLU and a mean


def test_the_report_says_who_judged():
    columns = images.names_of(Judges(None))
    assert "fid" not in columns and "hopenet" not in columns and "frechet" in columns
    assert set(images.names_of(Judges(None, len, len))) == set(images.COLUMNS)
    assert "none (no --inception)" in images.who_judged(Judges(None), "V")
    text = images.who_judged(Judges(None, len, len), "V")
    assert "the Inception of --inception" in text and "the Hopenet of --hopenet" in text


def test_printed_fid_stands_only_beside_another_fid():
    for judges, there in ((Judges(None), False), (Judges(None, len, len), True)):
        names = images.names_of(judges)
        row = next(r for r in images._printed_rows(names) if r.head[0].startswith("MFR"))
        means = [cell.mean for cell in row.cells if cell]
        assert (20.08 in means) == there == (0.28 in means)


# ---- the paper's figures ----


def test_speed_after_phrases_is_the_planted_one():
    motion = np.zeros((2, 80, 70))
    motion[:, 31:, 1] = 0.5  # jumps from frame 30 to 31
    curve = paper.speed_after([motion], [[20.2, 70.0]])  # the second leaves the clip
    assert np.flatnonzero(curve).tolist() == [9] and curve[9] == pytest.approx(15)
    assert paper.speed_after([motion], [[70.0]]) is None


def test_moments_shown_are_those_that_differ_most(rng):
    motions = np.zeros((3, 20, 70))
    for frame in (4, 13, 17):
        motions[:, frame] = rng.normal(size=(3, 70))
    assert paper.most_different(motions, 4).tolist() == [4, 5, 13, 17]
    assert len(paper.most_different(motions[:, :1], 6)) == 1


# ---- the command ----


def tiny_motion(folder):
    from mfr import config
    from mfr.motion.model import MotionModel
    from mfr.training import checkpoint

    settings = config.preset("motion", width=16, layers=1, heads=2, feedforward=8, sample_steps=2)
    model = MotionModel(settings)
    checkpoint.save(folder / "motion.pt", "motion", settings, model.state_dict())


@pytest.fixture(scope="module")
def quick():
    r"""The real classifier and pictures, but few steps and frames of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            world,
            "train_classifier",
            functools.partial(attitude_classifier.train_classifier, steps=2),
        )
        patch.setattr(images, "PER_VIDEO", 2)
        patch.setattr(paper, "MOMENTS", 1)
        yield


@pytest.fixture(scope="module")
def made(vico_folder, tmp_path_factory, quick):
    root = tmp_path_factory.mktemp("tables")
    tiny_motion(root / "runs" / "a")
    (root / "runs" / "b").mkdir()
    (root / "runs" / "b" / "vico.pt").write_bytes(b"half")
    words = f"--data {vico_folder} --runs {root / 'runs'} --out {root / 'out'} --samples 2"
    report.main([*words.split(), "--vary", "steps=1"])
    return root, words.split()


def test_command_writes_tables_and_figures(made):
    root, _ = made
    text = (root / "out" / "tables.md").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO((root / "out" / "tables.csv").read_text())))
    found = {row["table"] for row in rows}
    assert found == {
        "table 1",
        "table 1b",
        "table 4",
        "ours",
        "behaviour",
        "table 2",
        "table 2 renderer",
    }
    for name in ("freeze first frame", "MFR-Net · a", "MFR-Net · a, steps 1", "real motion"):
        assert f"| {name} " in text
    assert "left out: " in text and "vico.pt" in text
    assert "2 held-out clips (1 D_test, 1 D_ood), 100 frames; mean over 2 samples" in text
    assert "as printed" in text  # the folder does not say that it is synthetic
    names = {path.name for path in (root / "out").glob("*.png")}
    assert names == {
        "scores.png",
        "samples.png",
        "patterns_MFR-Net_a.png",
        "diversity_MFR-Net_a.png",
        "attitudes_MFR-Net_a.png",
    }


def test_command_again_gives_the_same_file_from_kept_draws(made, monkeypatch):
    root, words = made
    before = (root / "out" / "tables.csv").read_text().splitlines()
    painters = []
    monkeypatch.setattr(figures, "draw_all", lambda *given: painters.append(given[4]) or [])

    def never(*_, **__):
        raise AssertionError("drawn again")

    monkeypatch.setattr("mfr.motion.model.MotionModel.sample", never)
    report.main([*words, "--vary", "steps=1", "--no-images"])
    after = (root / "out" / "tables.csv").read_text().splitlines()
    assert len(after) > 100 and painters == [None]
    before, after = (
        [line for line in lines if not line.startswith("table 2") and "1 - CSIM" not in line]
        for lines in (before, after)
    )
    assert after == before


def test_command_without_runs_or_methods_says_so(made, tmp_path, capsys, monkeypatch):
    root, words = made
    empty = tmp_path / "empty"
    empty.mkdir()
    words = [str(empty) if word == str(root / "runs") else word for word in words]
    words[words.index("--out") + 1] = str(tmp_path / "out")
    monkeypatch.setattr(figures, "draw_all", lambda *_: [])
    report.main([*words, "--no-images", "--only", "freeze"])
    assert "no motion.pt, vico.pt, pchg.pt or lstm.pt; the trivial" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no method could be scored: none was chosen by --only"):
        report.main([*words, "--only", "nobody"])
    with pytest.raises(ValueError, match="--samples is 0; allowed: >= 1"):
        report.main([*words, "--samples", "0"])
    with pytest.raises(ValueError, match="holds neither RLD_data.csv nor train.csv"):
        report.main(["--data", str(empty), "--runs", str(empty)])
    for option in ("--inception", "--hopenet"):
        with pytest.raises(ValueError, match=f"{option} none.pt: no such file"):
            report.main([*words, option, "none.pt"])
    with pytest.raises(ValueError, match="holds neither RLD_data.csv nor train.csv"):
        report.main([*words, "--pictures", str(empty)])
    with pytest.raises(ValueError, match="--readme .*none.md: no such file"):
        report.main([*words, "--publish", "x", "--readme", str(tmp_path / "none.md")])


def test_variants_are_read_or_refused():
    assert report.variant("steps=10,guidance=1.5") == {"steps": 10, "guidance": 1.5}
    with pytest.raises(ValueError, match="--vary 'colour=3': allowed: steps=N"):
        report.variant("colour=3")
    with pytest.raises(ValueError, match="'x' is not a number"):
        report.variant("steps=x")


def test_method_whose_motion_is_not_finite_is_left_out(vico_folder, held):
    def broken(cond, samples, generator):
        return torch.full((samples, cond.speaker.shape[1], 70), math.inf)

    judge = world.World(vico_folder, held, [], np.ones(70), None, None)
    rows = [Method("good", freeze, True), Method("bad", broken, True)]
    lines = []
    scored, drawn, left_out = world.score_all(judge, rows, 2, 0, None, lines.append)
    assert [one.name for one in scored] == ["good"] == list(drawn)
    assert left_out == [lines[-1]] and "bad, c4: 3500 of 3500 numbers are not" in lines[-1]


# ---- the oracle's file ----


def test_oracle_writes_what_the_world_would_answer(tmp_path):
    from data_tools import make_synthetic, oracle
    from data_tools.synthetic import dataset
    from mfr.files.vico import held_out, read_clips

    make_synthetic.make(tmp_path, "demo", 3, False, False, 1, lambda line: None, 0)
    assert oracle.write_oracle(tmp_path, samples=3, seed=5) == 2  # one test, one ood
    _, clips = held_out(read_clips(tmp_path, videos=False))
    for clip in clips:
        path = tmp_path / "oracle" / f"{clip.audio.stem}.npz"
        truth = dataset.read_truth(tmp_path, clip.audio.stem)
        with np.load(path) as values:
            motion, ends = values["motion"], values["phrase_ends"]
        assert motion.shape == (3, 120, 70) and motion.dtype == np.float32
        np.testing.assert_allclose(motion[:, 0], np.tile(truth.rest, (3, 1)), atol=1e-6)
        assert not np.array_equal(motion[0], motion[1])
        assert list(ends) == list(truth.track.phrase_ends)
        before = path.read_bytes()
    oracle.write_oracle(tmp_path, samples=3, seed=5)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="samples is 0; allowed: >= 1"):
        oracle.oracle_samples(truth, 0, np.random.default_rng(0))


def test_oracle_needs_a_synthetic_folder(vico_folder):
    from data_tools import oracle

    with pytest.raises(ValueError, match="c4.json: no such file; only synthetic folders have it"):
        oracle.write_oracle(vico_folder)
