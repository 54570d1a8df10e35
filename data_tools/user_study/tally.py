r"""Answers of a study become Table 3: shares of votes with confidence intervals.

Two intervals stand beside each share. Wilson's takes every vote for an independent one, as a small
study would like to. The other draws whole persons anew, because one person's votes agree with each
other; where the two differ, it is the one to believe.
"""

import csv
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from mfr.files.whole import atomic, existing

DRAWS = 4000  # of persons, for the second interval
LEVEL = 0.95


class Share(NamedTuple):
    r"""How often a method was chosen."""

    votes: int
    total: int
    wilson: tuple  # (low, high)
    persons: tuple  # (low, high); NaN for fewer than two persons


def read_answers(key, paths):
    r"""Every vote of every file, checked: list of (person, question, method, place).

    Raises:
        ValueError: a file of another study, an unknown option or question, or one person's answers
            twice; the message names the file.
    """
    votes, people = [], {}
    for path in paths:
        path = existing(path, "answers")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            study, person, answers = (content[k] for k in ("study", "person", "answers"))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: is not a file of answers ({error})") from None
        if study != key["study"]:
            raise ValueError(f"{path}: answers study {study!r}; the key is of {key['study']!r}")
        if person in people:
            raise ValueError(f"{path}: {person!r} has answered in {people[person]} already")
        people[person] = path
        for answer in answers:
            if answer["option"] not in key["options"]:
                raise ValueError(f"{path}: option {answer['option']!r} is not in the key")
            if answer["question"] not in key["questions"]:
                raise ValueError(f"{path}: question {answer['question']!r} is not in the key")
            votes.append(
                (person, answer["question"], key["options"][answer["option"]], answer["place"])
            )
    return votes


def wilson(votes, total, level=LEVEL):
    r"""(p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n): Wilson's interval (low, high).

    Stays inside 0 .. 1, also for no votes; p = votes / n.
    """
    if total == 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf((1 + level) / 2))
    p, n = votes / total, total
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * reach) / (1 + z * z / n) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def by_person(votes, method, rng, level=LEVEL):
    r"""Interval (low, high) of a share when persons, with all their votes, are drawn anew.

    Votes are (person, method) of one question; NaN for fewer than two persons.
    """
    people = sorted({person for person, _ in votes})
    if len(people) < 2:
        return float("nan"), float("nan")
    counts = np.zeros((len(people), 2))
    for person, chosen in votes:
        counts[people.index(person)] += (chosen == method, 1)
    drawn = counts[rng.integers(len(people), size=(DRAWS, len(people)))].sum(1)  # (DRAWS, 2)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def tally(key, votes, seed=0):
    r"""Shares of every method in every question, Table 3: question -> method -> Share."""
    rng, shares = np.random.default_rng(seed), {}
    for question in key["questions"]:
        answers = [(person, method) for person, asked, method, _ in votes if asked == question]
        shares[question] = {}
        for method in key["methods"]:
            count = sum(chosen == method for _, chosen in answers)
            shares[question][method] = Share(
                count, len(answers), wilson(count, len(answers)), by_person(answers, method, rng)
            )
    return shares


def place_bias(votes, places):
    r"""Whether the first, second, ... video on the page was chosen more often than by chance.

    The order is random, so the places' shares should be equal whatever the methods are. Gives
    counts by place and p of a chi-squared test, NaN without votes.
    """
    counts = [sum(place == k + 1 for *_, place in votes) for k in range(places)]
    if not votes:
        return counts, float("nan")
    return counts, float(stats.chisquare(counts).pvalue)


def to_text(key, votes, shares):
    r"""The table and what must be known to read it, as Markdown."""
    people = sorted({vote[0] for vote in votes})
    width = max(len(method) for method in key["methods"])
    lines = [
        f"{len(people)} people, {len(votes)} votes. Share [%], 95 % interval over votes, "
        "95 % interval over persons:",
        "",
        "| " + " | ".join(["method".ljust(width), *key["questions"]]) + " |",
        "|" + "---|" * (1 + len(key["questions"])),
    ]
    for method in key["methods"]:
        cells = []
        for question in key["questions"]:
            share = shares[question][method]
            if share.total == 0:
                cells.append("–")
                continue
            ranges = [
                f"{100 * a:.0f}..{100 * b:.0f}"
                for a, b in (share.wilson, share.persons)
                if not math.isnan(a)
            ]
            cells.append(f"{100 * share.votes / share.total:.1f} ({'; '.join(ranges)})")
        lines.append("| " + " | ".join([method.ljust(width), *cells]) + " |")
    counts, p = place_bias(votes, len(key["methods"]))
    if votes:
        lines += ["", f"Votes by place on the page: {counts}; by chance p = {p:.2f}."]
    return "\n".join(lines)


def tally_files(key, paths, out=None, seed=0):
    r"""Read a key and answers, and write the table, also as .csv where `out` names one.

    Raises:
        ValueError: see read_answers; or the key is no key.
    """
    try:
        content = json.loads(existing(key, "key").read_text(encoding="utf-8"))
        content["study"], content["options"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{key}: is not the key of a study ({error})") from None
    votes = read_answers(content, paths)
    shares = tally(content, votes, seed)
    if out:
        with atomic(Path(out)) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(
                (
                    "question",
                    "method",
                    "votes",
                    "total",
                    "low",
                    "high",
                    "low_over_persons",
                    "high_over_persons",
                )
            )
            for question, row in shares.items():
                for method, share in row.items():
                    ends = (f"{x:.4f}" for x in (*share.wilson, *share.persons))
                    writer.writerow((question, method, share.votes, share.total, *ends))
    return to_text(content, votes, shares)
