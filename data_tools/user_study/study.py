r"""Table 3's study with people: videos, one web page that works without a network, and the tally.

    python -m data_tools.user_study videos --data data/vico --runs runs --out out/study
    python -m data_tools.user_study page --videos out/study --out out/study.html --per-person 60
    python -m data_tools.user_study tally out/study.key.json answers_*.json

A folder of videos holds a folder for every method with files SPEAKER--LISTENER--ATTITUDE.mp4, the
same in each; _speakers/SPEAKER.mp4 and _portraits/LISTENER.png are shown beside them where they are
there. The page names no method; the .key.json beside it does, and stays with whoever asks.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

from mfr.config import ATTITUDES
from mfr.files.whole import atomic, command_line, existing

PAGE = Path(__file__).with_name("page.html")
QUESTIONS = {  # Sec. 4.4: overall naturalness, motion diversity, identity, attitude
    "naturalness": "Which one looks most natural as a whole?",
    "diversity": "Which one shows the greatest variety of motion?",
    "identity": "Which one stays most like the person in the listener's picture?",
    "attitude": "Which one fits the attitude named above best?",
}
NAME = re.compile(rf"(.+)--(.+)--({'|'.join(ATTITUDES)})\.mp4")
TYPES = {".mp4": "video/mp4", ".png": "image/png"}


def find_trials(folder):
    r"""The methods of a folder of videos, and the videos that all of them have.

    Paper: Sec. 4.4; one response of each attitude for each pair, as 300 videos ask for.

    Returns:
        (names of methods, dict (speaker, listener, attitude) -> list of paths, a method each).

    Raises:
        ValueError: fewer than two methods, a name of another form, or a video that one lacks.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"videos {folder}: no such folder")
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    methods = [path for path in inside if not path.name.startswith(("_", "."))]
    if len(methods) < 2:
        raise ValueError(f"videos {folder}: {len(methods)} folders of methods; allowed: >= 2")
    names = sorted({path.name for method in methods for path in method.glob("*.mp4")})
    if not names:
        raise ValueError(f"videos {folder}: no .mp4 in {', '.join(p.name for p in methods)}")
    trials = {}
    for name in names:
        parts = NAME.fullmatch(name)
        if not parts:
            raise ValueError(
                f"{name}: allowed: SPEAKER--LISTENER--ATTITUDE.mp4, the attitude one "
                f"of {', '.join(ATTITUDES)}"
            )
        trials[parts.groups()] = [existing(method / name, "video") for method in methods]
    return [method.name for method in methods], trials


def code(*parts):
    r"""A short name that tells nothing: 12 hexadecimal digits of a digest of the parts."""
    text = "|".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def build(folder, seed=0, per_person=None, source=None):
    r"""(study, key): what the page holds and what the key holds, as dicts for JSON.

    Paper: Sec. 4.4.

    Args:
        seed: of all codes and so of every order.
        per_person: pages that one person sees, drawn at random; None is all.
        source: function of (path, code) that gives what the page writes as src; None embeds.

    Raises:
        ValueError: per_person is below 1, or see find_trials.
    """
    if per_person is not None and per_person < 1:
        raise ValueError(f"--per-person is {per_person}; allowed: >= 1")
    methods, videos = find_trials(folder)
    source = source or embedded
    trials, key_options, key_trials = [], {}, {}
    for (speaker, listener, attitude), paths in videos.items():
        trial = code(seed, speaker, listener, attitude)
        options = []
        for method, path in zip(methods, paths):
            option = code(seed, trial, method)
            options.append({"id": option, "src": source(path, option)})
            key_options[option] = method
        key_trials[trial] = {"speaker": speaker, "listener": listener, "attitude": attitude}
        paths = {
            "speaker": Path(folder) / "_speakers" / f"{speaker}.mp4",
            "portrait": Path(folder) / "_portraits" / f"{listener}.png",
        }
        beside = {
            role: source(path, code(seed, path.name)) if path.exists() else None
            for role, path in paths.items()
        }
        trials.append(
            {
                "id": trial,
                "attitude": attitude,
                **beside,
                "options": sorted(options, key=lambda o: o["id"]),
            }
        )
    trials.sort(key=lambda trial: trial["id"])
    identity = code(seed, *sorted(key_options))
    questions = [{"key": name, "text": text} for name, text in QUESTIONS.items()]
    study = {
        "id": identity,
        "seed": seed,
        "per_person": per_person,
        "questions": questions,
        "trials": trials,
    }
    key = {
        "study": identity,
        "methods": methods,
        "questions": list(QUESTIONS),
        "options": key_options,
        "trials": key_trials,
    }
    return study, key


def embedded(path, name=None):
    r"""An .mp4 or .png as a data URI."""
    content = base64.b64encode(Path(path).read_bytes()).decode()
    return f"data:{TYPES[Path(path).suffix]};base64,{content}"


def copied(folder):
    r"""A source that copies files under coded names, for studies too large for one page."""
    folder = Path(folder)

    def source(path, name):
        target = folder / f"{name}{path.suffix}"
        with atomic(target) as temporary:
            temporary.write_bytes(path.read_bytes())
        return f"{folder.name}/{target.name}"

    return source


def write_page(study, key, out):
    r"""The page and the key beside it; gives the key's path."""
    out = Path(out)
    content = json.dumps(study).replace("</", "<\\/")  # no text may close the script element
    page = PAGE.read_text(encoding="utf-8").replace("/*STUDY*/", content)
    with atomic(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    with atomic(out.with_suffix(".key.json")) as temporary:
        temporary.write_text(json.dumps(key, indent=1) + "\n")
    return out.with_suffix(".key.json")


def main(arguments=None):
    r"""The command line."""
    options = parser().parse_args(arguments)
    if options.command == "videos":
        from data_tools.user_study.videos import make_videos

        count = make_videos(options)
        print(f"written   {options.out}: {count} videos")
        print(f"next      python -m data_tools.user_study page --videos {options.out}")
    elif options.command == "page":
        out = Path(options.out)
        source = copied(out.with_name(f"{out.stem}_files")) if options.link else None
        study, key = build(options.videos, options.seed, options.per_person, source)
        key_path = write_page(study, key, out)
        print(
            f"written   {out}: {len(study['trials'])} trials of {len(key['methods'])} methods, "
            f"{out.stat().st_size / 1e6:.1f} MB; who is who: {key_path}"
        )
        print(f"next      python -m data_tools.user_study tally {key_path} answers_*.json")
    else:
        from data_tools.user_study.tally import tally_files

        print(tally_files(options.key, options.answers, options.out))


def parser():
    r"""The command line's words."""
    top = command_line("data_tools.user_study", __doc__)
    parts = top.add_subparsers(dest="command", required=True)
    videos = parts.add_parser("videos", help="render every method's responses")
    videos.add_argument("--data", default="data/vico", help="ViCo-layout folder (%(default)s)")
    videos.add_argument("--runs", default="runs", help="folder of runs (%(default)s)")
    videos.add_argument("--out", default="out/study", help="folder of videos (%(default)s)")
    videos.add_argument("--speakers", type=int, default=10, help="how many (%(default)s)")
    videos.add_argument("--listeners", type=int, default=10, help="how many (%(default)s)")
    videos.add_argument("--only", nargs="+", metavar="WORD", help="methods whose name holds a word")
    videos.add_argument("--seed", type=int, default=0, help="of the choice and the draws")
    page = parts.add_parser("page", help="make the web page")
    page.add_argument("--videos", default="out/study", help="folder of videos (%(default)s)")
    page.add_argument("--out", default="out/study.html", help="the page (%(default)s)")
    page.add_argument("--seed", type=int, default=0, help="of codes and orders (%(default)s)")
    page.add_argument("--per-person", type=int, help="pages that one person sees (all)")
    page.add_argument("--link", action="store_true", help="copy the videos beside the page")
    tally = parts.add_parser("tally", help="count the answers")
    tally.add_argument("key", help="PAGE.key.json")
    tally.add_argument("answers", nargs="+", help="files that the page saved")
    tally.add_argument("--out", help="also write the table as CSV")
    return top
