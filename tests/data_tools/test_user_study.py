r"""The study with people: a blind page, and a tally with honest intervals.

Oracles: scipy's Wilson interval; the closed error of a mean over persons; counts by hand; the page
itself in headless Chromium, driven by key presses from a script that the test appends to it.
"""

import base64
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats

from data_tools.user_study.study import build, find_trials, main, write_page
from data_tools.user_study.tally import (
    by_person,
    place_bias,
    read_answers,
    tally_files,
    wilson,
)
from data_tools.user_study.videos import choose

METHODS = ("methodalpha", "methodbeta", "methodgamma")


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    for method in METHODS:
        (folder / method).mkdir(parents=True)
        for speaker in ("talker1", "talker2"):
            for attitude in ("positive", "negative"):
                name = f"{speaker}--hearer7--{attitude}.mp4"
                (folder / method / name).write_bytes(f"{method} {name}".encode())
    for name in ("_speakers/talker1.mp4", "_portraits/hearer7.png"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(name.encode())
    return folder


def answers_of(study, key, person, chosen, place=1):
    r"""A file's content in which a person always chooses the method `chosen`."""
    rows = []
    for trial in study["trials"]:
        option = next(o["id"] for o in trial["options"] if key["options"][o["id"]] == chosen)
        for question in key["questions"]:
            rows.append(
                {
                    "trial": trial["id"],
                    "question": question,
                    "option": option,
                    "place": place,
                    "seconds": 1.0,
                }
            )
    return {"study": study["id"], "person": person, "answers": rows}


# ---- the page ----


def test_page_names_no_method_and_the_key_does(videos, tmp_path):
    study, key = build(videos)
    kept = write_page(study, key, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    for word in (*METHODS, "talker1", "hearer7"):
        assert word not in page
    key = json.loads(kept.read_text())
    assert key["methods"] == list(METHODS) and len(study["trials"]) == 4
    for trial in study["trials"]:
        about = key["trials"][trial["id"]]
        assert trial["attitude"] == about["attitude"]
        assert (trial["speaker"] is None) == (about["speaker"] == "talker2")
        assert base64.b64decode(trial["portrait"].split(",")[1]) == b"_portraits/hearer7.png"
        for option in trial["options"]:
            content = base64.b64decode(option["src"].split(",")[1]).decode()
            name = f"{about['speaker']}--hearer7--{about['attitude']}.mp4"
            assert content == f"{key['options'][option['id']]} {name}"


def test_order_in_the_file_tells_nothing_and_seeds_repeat(videos):
    study, key = build(videos, seed=3)
    again, _ = build(videos, seed=3)
    other, _ = build(videos, seed=4)
    assert study == again and study["id"] != other["id"]
    orders = {tuple(key["options"][o["id"]] for o in t["options"]) for t in study["trials"]}
    assert len(orders) > 1


def test_linked_page_copies_videos_under_codes(videos, tmp_path):
    words = ["page", "--videos", str(videos), "--out", str(tmp_path / "a.html"), "--link"]
    main([*words, "--per-person", "2"])
    page = (tmp_path / "a.html").read_text()
    study = json.loads(re.search(r'id="study">(.*?)</script>', page, re.S)[1])
    key = json.loads((tmp_path / "a.key.json").read_text())
    assert study["per_person"] == 2
    for trial in study["trials"]:
        for option in trial["options"]:
            content = (tmp_path / option["src"]).read_text()
            assert content.split()[0] == key["options"][option["id"]]
            assert not any(method in option["src"] for method in METHODS)


def test_no_text_can_close_the_script(tmp_path):
    write_page({"x": "</script><b>"}, {}, tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert "</script><b>" not in page and page.count("</script>") == 2


def test_folders_that_are_no_study_are_refused(videos, tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        build(tmp_path / "nowhere")
    (videos / "methodbeta" / "talker1--hearer7--positive.mp4").unlink()
    with pytest.raises(ValueError, match="methodbeta/talker1--hearer7--positive.mp4: no such file"):
        build(videos)
    (videos / "methodalpha" / "odd.mp4").write_bytes(b"x")
    with pytest.raises(ValueError, match="odd.mp4: allowed: SPEAKER--LISTENER--ATTITUDE.mp4"):
        build(videos)
    with pytest.raises(ValueError, match="--per-person is 0; allowed: >= 1"):
        build(videos, per_person=0)
    one = tmp_path / "one"
    (one / "only").mkdir(parents=True)
    with pytest.raises(ValueError, match="1 folders of methods; allowed: >= 2"):
        build(one)
    (one / "two").mkdir()
    with pytest.raises(ValueError, match="no .mp4 in only, two"):
        build(one)


# ---- the tally ----


@pytest.mark.parametrize("votes, total", [(0, 7), (3, 11), (13, 13), (250, 1000)])
def test_wilson_is_scipys(votes, total):
    expected = stats.binomtest(votes, total).proportion_ci(0.95, "wilson")
    assert wilson(votes, total) == pytest.approx(tuple(expected), abs=1e-12)
    assert wilson(0, 0) == (0, 1)


def test_persons_that_never_waver_count_as_one_vote_each():
    people, often = 200, 31
    votes = [(str(p), "a" if p < 80 else "b") for p in range(people) for _ in range(often)]
    low, high = by_person(votes, "a", np.random.default_rng(0))
    error = math.sqrt(0.4 * 0.6 / people)  # not over people * often votes
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert (high + low) / 2 == pytest.approx(0.4, abs=error)
    assert math.isnan(by_person(votes[:5], "a", np.random.default_rng(0))[0])


def test_tally_by_hand_and_its_files(videos, tmp_path):
    study, key = build(videos)
    kept = write_page(study, key, tmp_path / "p.html")
    paths = []
    for person, chosen in (("A", "methodalpha"), ("B", "methodalpha"), ("C", "methodgamma")):
        paths.append(tmp_path / f"{person}.json")
        content = answers_of(study, key, person, chosen)
        if person == "C":
            content["answers"] = [a for a in content["answers"] if a["question"] != "identity"]
        paths[-1].write_text(json.dumps(content))
    text = tally_files(kept, paths, tmp_path / "t.csv")
    assert "3 people, 44 votes" in text
    row = next(line for line in text.splitlines() if line.startswith("| methodalpha"))
    cells = [cell.split()[0] for cell in row.split("|")[2:-1]]
    assert cells == ["66.7", "66.7", "100.0", "66.7"]
    assert "[44, 0, 0]; by chance p = 0.00" in text
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[1].startswith("naturalness,methodalpha,8,12,0.39")


def test_answers_that_do_not_belong_are_refused_by_name(videos, tmp_path):
    study, key = build(videos)

    def refused(change, message, person="A"):
        content = answers_of(study, key, person, "methodbeta")
        change(content)
        (tmp_path / "x.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=f"x.json: {message}"):
            read_answers(key, [tmp_path / "x.json"])

    refused(lambda c: c.update(study="other"), "answers study 'other'; the key is of")
    refused(lambda c: c["answers"][0].update(option="no"), "option 'no' is not in the key")
    refused(lambda c: c["answers"][0].update(question="no"), "question 'no' is not in the key")
    refused(lambda c: c.pop("person"), "is not a file of answers")
    (tmp_path / "x.json").write_text(json.dumps(answers_of(study, key, "A", "methodbeta")))
    with pytest.raises(ValueError, match="x.json: 'A' has answered in .*x.json already"):
        read_answers(key, [tmp_path / "x.json"] * 2)
    with pytest.raises(ValueError, match="x.json: is not the key of a study"):
        tally_files(tmp_path / "x.json", [])


def test_places_chosen_alike_are_no_bias():
    votes = [("A", "q", "m", place) for place in (1, 2, 3) for _ in range(5)]
    assert place_bias(votes, 3) == ([5, 5, 5], 1.0)
    counts, p = place_bias(votes[:5], 3)
    assert counts == [5, 0, 0] and p == pytest.approx(math.exp(-5))  # chi2 10, 2 degrees


# ---- the videos ----


def test_everybody_is_chosen_once(vico_folder):
    from mfr.files.vico import read_clips

    clips = read_clips(vico_folder)
    rows = choose(clips, "listener_id", 5, np.random.default_rng(0))
    assert [row.listener_id for row in rows] == ["0", "1"]


@pytest.mark.slow
def test_videos_of_two_methods_make_a_study(vico_folder, tmp_path):
    from mfr.evaluation.methods.baselines import Baseline, BaselineConfig, save
    from mfr.files import media

    for kind in ("vico", "pchg"):
        baseline = Baseline(BaselineConfig(kind=kind, hidden=5, inputs=7))
        save(tmp_path / "runs" / "r" / f"{kind}.pt", baseline)
    words = f"videos --data {vico_folder} --runs {tmp_path / 'runs'} --out {tmp_path / 'v'}"
    main([*words.split(), "--speakers", "1", "--listeners", "1"])
    methods, trials = find_trials(tmp_path / "v")
    assert methods == ["PCHG_r", "ViCo_r"] and len(trials) == 3
    for path in next(iter(trials.values())):
        info = media.probe(path)
        assert info.has_video and len(media.read_video(path)) == 50
        assert len(media.read_sound(path)[0]) > 0
    study, _ = build(tmp_path / "v")
    assert all(trial["speaker"] and trial["portrait"] for trial in study["trials"])


# ---- the page in a browser ----


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


def in_browser(page, script, tmp_path):
    r"""Run a script at the end of the page; what it leaves in `out` comes back."""
    if CHROMIUM is None:
        pytest.skip("no chromium")
    driver = """<pre id="out"></pre><script>
    const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key }));
    const say = (value) => { get("out").textContent = JSON.stringify(value); };
    const enter = (name) => {
      get("person").value = name; get("person").oninput(); press("Enter");
    };
    %s</script></body>"""
    file = tmp_path / "driven.html"
    file.write_text(page.replace("</body>", driver % script))
    found = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--virtual-time-budget=5000",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    text = re.search(r'<pre id="out">(.*?)</pre>', found, re.S)[1]
    return json.loads(text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


@pytest.fixture
def page(videos, tmp_path):
    study, key = build(videos)
    write_page(study, key, tmp_path / "page.html")
    return (tmp_path / "page.html").read_text()


@pytest.mark.slow
def test_keys_answer_every_page_and_the_tally_takes_the_answers(page, tmp_path):
    script = """
    enter("person one");
    const seen = [];
    for (let k = 0; k < 4; k++) {
      seen.push([get("count").textContent, get("next").disabled, active]);
      for (const key of "1232") press(key);
      seen.push(get("next").disabled);
      press("Enter");
    }
    say({ seen, end: !get("end").hidden, text: get("text").value });
    """
    found = in_browser(page, script, tmp_path)
    assert found["seen"][:3] == [["1 of 4", True, 0], False, ["2 of 4", True, 0]]
    assert found["end"]
    answers = json.loads(found["text"])
    assert len(answers["answers"]) == 16
    assert [a["place"] for a in answers["answers"][:4]] == [1, 2, 3, 2]
    (tmp_path / "one.json").write_text(found["text"])
    text = tally_files(tmp_path / "page.key.json", [tmp_path / "one.json"])
    assert "1 people, 16 votes" in text and "[4, 8, 4]" in text


@pytest.mark.slow
def test_keys_move_between_questions_and_pages_and_mend_answers(page, tmp_path):
    script = """
    enter("x");
    press("ArrowDown"); press("ArrowDown"); press("3");
    const afterThird = [active, Object.keys(answered(current()))];
    press("9"); press("Enter");  // no ninth video; not complete
    const still = state.at;
    for (const key of "112") press(key);
    press("ArrowUp"); press("ArrowUp"); press("ArrowUp"); press("2");
    press("Enter"); press("Backspace");
    const checked = [...document.querySelectorAll("input:checked")].length;
    const given = answered(current());
    say({ afterThird, still, at: state.at, checked,
          places: study.questions.map((q) => given[q.key].place) });
    """
    found = in_browser(page, script, tmp_path)
    assert found == {
        "afterThird": [0, ["identity"]],
        "still": 0,
        "at": 0,
        "checked": 4,
        "places": [2, 1, 3, 2],
    }


@pytest.mark.slow
def test_progress_survives_a_reload_for_every_person(page, tmp_path):
    script = """
    if (!sessionStorage.getItem("second")) {
      sessionStorage.setItem("second", "yes");
      enter("first person");
      for (const key of "1111") press(key);
      press("Enter");
      begin("second person");
      press("2");
      location.reload();
    } else {
      const offered = get("resume").textContent;
      get("resume").click();
      const second = [get("count").textContent, document.querySelectorAll("input:checked").length];
      begin("first person");
      say({ offered, second, first: get("count").textContent });
    }
    """
    found = in_browser(page, script, tmp_path)
    assert found == {
        "offered": "Go on as second person",
        "second": ["1 of 4", 1],
        "first": "2 of 4",
    }


@pytest.mark.slow
def test_every_method_stands_at_every_place_equally_often(page, tmp_path):
    script = """
    const counts = {}, firsts = {};
    for (let k = 0; k < 3000; k++) {
      state = { person: "p" + k, at: 0, answers: {} };
      const trial = study.trials[0];
      options(trial).forEach((o, place) => {
        counts[o.id + place] = (counts[o.id + place] || 0) + 1;
      });
      firsts[order()[0]] = (firsts[order()[0]] || 0) + 1;
    }
    say({ counts: Object.values(counts), firsts: Object.values(firsts) });
    """
    found = in_browser(page, script, tmp_path)
    for counts, share in ((found["counts"], 1 / 3), (found["firsts"], 1 / 4)):
        band = 5 * math.sqrt(3000 * share * (1 - share))
        assert len(counts) == {1 / 3: 9, 1 / 4: 4}[share]
        assert all(abs(count - 3000 * share) < band for count in counts)
