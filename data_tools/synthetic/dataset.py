r"""Who meets whom in a synthetic set, and one such meeting: coefficients, sound and the truth.

A clip depends on the seed and its own number alone, so any worker makes the same one.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_tools.synthetic.people.exercises import exercises
from data_tools.synthetic.people.person import sample_light, sample_person
from data_tools.synthetic.talk import conversation, motion, speech
from data_tools.synthetic.talk.phonetics import sample_voice
from data_tools.synthetic.talk.speaker import speaker_motion
from mfr.config import ATTITUDES, FPS

PORTRAIT_ONLY = ("motion", "hall")  # sizes that come without videos

SHARES = (0.5, 0.3, 0.2)  # positive, neutral, negative: about ViCo's


class Group(NamedTuple):
    r"""People of one part of a set: its first `listeners` listen, its last `speakers` speak."""

    people: int
    listeners: int
    speakers: int


class Size(NamedTuple):
    r"""How large a set is."""

    known: Group  # people of train and test
    unseen: Group  # people of ood
    clips: dict  # by split
    frames: tuple  # fewest and most of a clip
    high_rate: float  # share of recordings at 44.1 kHz, the others are at 16 kHz
    audience: int = 1  # different listeners who answer one training speech
    exercises: bool = False  # nobody talks: both faces go from pose to pose


SIZES = {
    "demo": Size(Group(4, 2, 2), Group(2, 1, 1), {"train": 2, "test": 1, "ood": 1}, (120, 120), 0),
    "small": Size(
        Group(96, 64, 64), Group(16, 8, 8), {"train": 160, "test": 16, "ood": 16}, (150, 210), 0
    ),
    "vico": Size(
        Group(80, 66, 58), Group(12, 10, 9), {"train": 397, "test": 60, "ood": 26}, (150, 285), 0.15
    ),
    # many faces and little of each: people are what reconstruction and recognition learn from
    "crowd": Size(
        Group(600, 300, 300),
        Group(40, 20, 20),
        {"train": 300, "test": 20, "ood": 20},
        (150, 210),
        0,
    ),
    "town": Size(
        Group(6000, 3000, 3000),
        Group(40, 20, 20),
        {"train": 3000, "test": 20, "ood": 20},
        (60, 90),
        0,
    ),
    # many listeners and several answers of each, for what a face says about how its owner moves;
    # coefficients, sound and one portrait of everybody who listens
    "motion": Size(
        Group(3072, 3072, 512),
        Group(64, 48, 48),
        {"train": 1024, "test": 48, "ood": 48},
        (180, 240),
        0,
        audience=12,
    ),
    # a quarter of it, made in minutes: what the bundled motion learns from
    "hall": Size(
        Group(768, 768, 256),
        Group(64, 40, 40),
        {"train": 768, "test": 40, "ood": 40},
        (180, 240),
        0,
        audience=6,
    ),
    # every expression and turn as often as rest: what a renderer learns from
    "faces": Size(
        Group(240, 120, 120),
        Group(40, 20, 20),
        {"train": 120, "test": 2, "ood": 20},
        (185, 185),
        0,
        exercises=True,
    ),
}


@dataclass(frozen=True)
class Meeting:
    r"""One row of RLD_data.csv."""

    index: int
    attitude: str
    listener: int  # number of the person
    speaker: int
    split: str
    frames: int
    sample_rate: int
    answer: int = 0  # > 0: another answer to the same speech
    seat: int = 0  # > 0: by another listener, who sits elsewhere
    exercises: bool = False  # the two do not talk, they go from pose to pose

    @property
    def audio(self):
        r"""Name of the sound file, in ViCo's style: source, first and last frame."""
        return f"clip{self.index:04d}_0_{self.frames}"

    def video(self, role):
        r"""Name of a video and of its coefficients.

        Args:
            role: listener | speaker.

        Returns:
            A file name without suffix.
        """
        number = self.answer if role == "listener" and self.answer else ""
        return f"{self.audio}_{role}{number}"

    def row(self):
        r"""The values of RLD_data.csv, in ViCo's order."""
        return (
            self.attitude,
            self.audio,
            self.video("listener"),
            self.video("speaker"),
            self.listener,
            self.speaker,
            self.split,
        )


def plan(size, seed):
    r"""All meetings of a set.

    Everybody of the known group is met in training; test draws new pairs of them; ood meets only
    people of the unseen group.

    Args:
        size: of SIZES.
        seed: integer >= 0.

    Returns:
        A list of Meeting.

    Raises:
        ValueError: the size is unknown.
    """
    if size not in SIZES:
        raise ValueError(f"size {size!r} is unknown; allowed: {', '.join(SIZES)}")
    world, rng = SIZES[size], np.random.default_rng([seed, 0])
    meetings = []
    for split, count in world.clips.items():
        group, first = (world.unseen, world.known.people) if split == "ood" else (world.known, 0)
        pairs = _pairs(group, count, rng)
        attitudes = _attitudes(count, rng, len(meetings))
        for (listener, speaker), attitude in zip(pairs, attitudes):
            frames = int(rng.integers(world.frames[0], world.frames[1] + 1))
            rate = 44100 if rng.random() < world.high_rate else 16000
            meetings.append(
                Meeting(
                    len(meetings),
                    attitude,
                    first + listener,
                    first + speaker,
                    split,
                    frames,
                    rate,
                    exercises=world.exercises,
                )
            )
    return meetings


def more_answers(meeting, seed, answers):
    r"""The listener of a training clip answers the same speech again, from the same seat.

    Ours: a real set has one answer to each speech. What is chance in it and what is rule shows
    only by several.

    Args:
        meeting: Meeting.
        seed: of the world.
        answers: to each speech, >= 1; the meeting itself is the first.

    Returns:
        A list of answers - 1 Meeting, attitudes drawn anew; empty for a held-out clip.
    """
    if meeting.split != "train":
        return []
    rng = np.random.default_rng([seed, 5, meeting.index])
    return [
        replace(meeting, attitude=str(rng.choice(ATTITUDES, p=SHARES)), answer=answer)
        for answer in range(1, answers)
    ]


def audiences(size, seed):
    r"""Who else answers each training speech, where a speech has several listeners.

    Everybody who listens answers equally often.

    Args:
        size: of SIZES.
        seed: of the world.

    Returns:
        dict: index of the first listener's Meeting -> list of Meeting.
    """
    first = [meeting for meeting in plan(size, seed) if meeting.split == "train"]
    world, rng = SIZES[size], np.random.default_rng([seed, 6])
    if world.audience == 1:
        return {}
    more = world.audience - 1
    again = np.bincount([m.listener for m in first], minlength=world.known.listeners)
    rounds = -(-(len(first) * world.audience) // world.known.listeners)
    seats = np.repeat(np.arange(world.known.listeners), rounds - again)
    taken, rows = [(m.listener, m.speaker) for m in first], None
    while rows is None:
        rows = _apart(rng.permutation(seats)[: len(first) * more].reshape(-1, more), taken)
    names = iter(_attitudes(rows.size, rng, 0))
    return {
        meeting.index: [
            replace(meeting, listener=int(who), attitude=next(names), answer=k, seat=k)
            for k, who in enumerate(row, 1)
        ]
        for meeting, row in zip(first, rows)
    }


def _apart(rows, taken):
    r"""Swap people between rows until nobody is in a row twice or meets himself; None: no way."""
    cells = list(np.ndindex(rows.shape))
    for at, (place, k) in enumerate(cells):
        others = [*taken[place], *np.delete(rows[place], k)]
        if rows[place, k] not in others:
            continue
        for other, column in cells[at + 1 :] + cells[:at]:
            away = [*taken[other], *np.delete(rows[other], column)]
            if rows[place, k] not in away and rows[other, column] not in others:
                break
        else:
            return None
        rows[place, k], rows[other, column] = rows[other, column], rows[place, k]
    return rows


def _pairs(group, count, rng):
    r"""`count` pairs of two different people, everybody as often as everybody else."""
    rounds = -(-count // min(group.listeners, group.speakers))
    start = group.people - group.speakers
    listeners = [i for _ in range(rounds) for i in rng.permutation(group.listeners)][:count]
    speakers = [start + i for _ in range(rounds) for i in rng.permutation(group.speakers)][:count]
    for place in range(count):
        if listeners[place] == speakers[place]:
            other = next(
                k
                for k in range(count)
                if speakers[k] != listeners[place] and listeners[k] != speakers[place]
            )
            speakers[place], speakers[other] = speakers[other], speakers[place]
    return [(int(a), int(b)) for a, b in zip(listeners, speakers)]


def _attitudes(count, rng, first):
    r"""Attitudes in their shares and in random order; a handful of clips takes turns."""
    if count < len(ATTITUDES):
        return [ATTITUDES[(first + i) % len(ATTITUDES)] for i in range(count)]
    numbers = [max(1, round(share * count)) for share in SHARES]
    numbers[0] += count - sum(numbers)
    names = [name for name, number in zip(ATTITUDES, numbers) for _ in range(number)]
    return [names[i] for i in rng.permutation(count)]


def person(seed, number):
    r"""Person `number` of the world of a seed.

    Args:
        seed: integer >= 0.
        number: integer >= 0.

    Returns:
        A Person.
    """
    return sample_person(np.random.default_rng([seed, 1, number]))


def portrait(seed, number):
    r"""Person `number` at rest, as a portrait shows him.

    Args:
        seed: integer >= 0.
        number: integer >= 0.

    Returns:
        (Person, float32 (70,) pose and expression).
    """
    who = person(seed, number)
    seat = motion.seat(np.random.default_rng([seed, 7, number]), who.exp_neutral)
    return who, seat.astype(np.float32)


def voice(seed, number):
    r"""The voice of person `number`.

    Args:
        seed: integer >= 0.
        number: integer >= 0.

    Returns:
        A Voice.
    """
    return sample_voice(np.random.default_rng([seed, 2, number]))


class Take(NamedTuple):
    r"""One meeting, played: what its files will hold."""

    speech: speech.Speech
    speaker: np.ndarray  # float32 (L, 257)
    listener: np.ndarray
    rest: np.ndarray  # (70,) of the listener
    plan: conversation.Plan  # of the listener


def play(meeting, seed, randomise=False):
    r"""Act out a meeting.

    Args:
        meeting: Meeting.
        seed: of the world.
        randomise: whether each video has a light of its own.

    Returns:
        A Take.
    """
    streams = _streams(meeting, seed)
    speaker, gamma = person(seed, meeting.speaker), None
    if randomise:
        gamma, speaker.gamma = sample_light(streams[6]), sample_light(streams[6])
    said = speech.synthesize_speech(
        voice(seed, meeting.speaker), meeting.frames / FPS, streams[0], meeting.sample_rate
    )
    speaker_rest = motion.seat(streams[1], speaker.exp_neutral)
    if meeting.exercises:
        speaking = exercises(streams[2], speaker_rest, meeting.frames)
    else:
        style = motion.personal_style(speaker.id)
        speaking = speaker_motion(said, style, streams[2], speaker_rest)
    heard, rest, plan = listen(meeting, seed, said.track, gamma)
    return Take(said, speaker.coefficients(speaking), heard, rest, plan)


def listen(meeting, seed, track, gamma=None):
    r"""Act out the listener of a meeting.

    Args:
        meeting: Meeting.
        seed: of the world.
        track: Track of the speech.
        gamma: (27,) light on the listener, or None for the person's own.

    Returns:
        (float32 (L, 257), rest (70,), conversation.Plan).
    """
    streams, listener = _streams(meeting, seed), person(seed, meeting.listener)
    listener.gamma = listener.gamma if gamma is None else gamma
    rest = motion.seat(streams[3], listener.exp_neutral)
    if meeting.exercises:
        moved = exercises(streams[4], rest, meeting.frames)
        return listener.coefficients(moved), rest, conversation.Plan(meeting.attitude, [], [])
    style = motion.personal_style(listener.id)
    plan = conversation.sample_plan(track, meeting.attitude, style, streams[4])
    heard = conversation.act_out(plan, meeting.frames, style, streams[5], rest)
    return listener.coefficients(heard), rest, plan


def _streams(meeting, seed):
    """A generator for each part of a meeting; only the answer and its seat differ by answer."""
    parts = [[seed, 3, meeting.index, part] for part in range(7)]
    if meeting.answer:
        parts[4:6] = [[*part, meeting.answer] for part in parts[4:6]]
    if meeting.seat:
        parts[3] = [*parts[3], meeting.seat]
    return [np.random.default_rng(part) for part in parts]


def truth(meeting, take):
    r"""What is known about a meeting, for a JSON file.

    Args:
        meeting: Meeting.
        take: Take.

    Returns:
        dict of plain numbers, strings and lists.
    """
    return {
        **asdict(meeting),
        "track": take.speech.track.to_dict(),
        "rest": np.round(take.rest, 6).tolist(),
        "states": conversation.to_dicts(take.plan.miens),
        "responses": conversation.to_dicts(take.plan.acts),
    }


class Truth(NamedTuple):
    r"""What is known about a clip on disk; all that `sample_listener` needs is here."""

    attitude: str
    track: speech.Track
    identity: np.ndarray  # (80,) of the listener
    rest: np.ndarray  # (70,)
    plan: conversation.Plan  # what the listener on disk did


def read_truth(folder, audio):
    r"""The hidden side of one clip of a synthetic folder.

    Args:
        folder: made by make_synthetic.
        audio: the clip's name in the audio column.

    Returns:
        A Truth: `sample_listener(t.track, t.attitude, t.identity, rng, t.rest)` is its oracle.

    Raises:
        ValueError: the folder holds no truth for that clip.
    """
    path = Path(folder) / "truth" / f"{audio}.json"
    people = Path(folder) / "people.json"
    for needed in (path, people):
        if not needed.exists():
            raise ValueError(f"{needed}: no such file; only synthetic folders have it")
    values = json.loads(path.read_text())
    listener = json.loads(people.read_text())["people"][values["listener"]]
    return Truth(
        values["attitude"],
        speech.Track.from_dict(values["track"]),
        np.asarray(listener["id"]),
        np.asarray(values["rest"]),
        conversation.Plan(
            values["attitude"],
            [conversation.Mien(**row) for row in values["states"]],
            [conversation.Act(**row) for row in values["responses"]],
        ),
    )


def describe_people(size, seed):
    r"""Everybody of a set: style, voice, face, for people.json.

    Args:
        size: of SIZES.
        seed: of the world.

    Returns:
        A list of dict, in the order of the people's numbers.
    """
    world, rows = SIZES[size], []
    for number in range(world.known.people + world.unseen.people):
        unseen = number >= world.known.people
        group = world.unseen if unseen else world.known
        place = number - world.known.people * unseen
        face = person(seed, number)
        rows.append(
            {
                "number": number,
                "unseen": unseen,
                "listens": place < group.listeners,
                "speaks": place >= group.people - group.speakers,
                "style": asdict(motion.personal_style(face.id)),
                "voice": asdict(voice(seed, number)),
                "appearance": face.appearance.to_dict(),
                **{
                    key: np.asarray(getattr(face, key), float).round(7).tolist()
                    for key in ("id", "tex", "gamma", "exp_neutral")
                },
            }
        )
    return rows
