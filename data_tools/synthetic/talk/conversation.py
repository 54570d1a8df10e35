r"""How a listener answers: a lasting state of the face, and events on it, by attitude and person.

Two tables hold every density. STATES: what an attitude does to a face for as long as it lasts. It
comes after a latency from the clip's start, waxes and wanes, and after each of the speaker's
phrases goes on to what the speaker's mood there asks for. RESPONSES: what may happen after a
phrase's end or an accent, after a latency of its own, with a random size and length. The person's
style scales both. They lie over what the body does by itself (life.py).
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from data_tools.synthetic.talk import life, motion
from data_tools.synthetic.talk.motion import COLUMN, Style, personal_style
from mfr.config import ATTITUDES

LARGEST_PROBABILITY = 0.95
LEAST_SHARE = 0.3  # of a state's level: no mood takes all of it away
HEAD = ("nod", "shake", "tilt", "lean_back", "sigh")  # kinds that style.size scales

GAZE = {  # by attitude: frames on the speaker's face and away from it, where that is
    "positive": life.Gaze(there=110, away=20, x=0.20, y=0.12),
    "neutral": life.Gaze(there=75, away=28, x=0.32, y=0.18),
    "negative": life.Gaze(there=45, away=50, x=0.50, y=0.22),
}


@dataclass(frozen=True)
class State:
    r"""One row of STATES. Frames, rad, exp or trans units."""

    attitude: str
    kind: str
    level: tuple  # log-normal between clips: mean, sd, at mood 0, of a person with plain style
    mood: float  # level * (1 + mood * speaker's mood at the last phrase end), at least 0.3 of it
    latency: tuple  # gamma: mean, sd, from the clip's start, and after each phrase end
    rise: float  # how long it takes to come, and to go on to another level
    waver: tuple  # within a clip: relative sd, time constant


_STATES = {  # kind, level, mood, latency, rise, waver
    "positive": (
        ("smile", (0.58, 0.10), 0.40, (16, 7), 24, (0.22, 25)),
        ("brow_raise", (0.10, 0.05), 0.30, (20, 8), 30, (0.60, 25)),
    ),
    "neutral": (
        ("smile", (0.14, 0.07), 0.60, (25, 10), 40, (0.80, 30)),
        ("brow_raise", (0.12, 0.06), 0.00, (25, 10), 40, (0.90, 30)),
        ("lip_press", (0.08, 0.05), 0.00, (25, 10), 40, (0.90, 30)),
    ),
    "negative": (
        ("frown", (0.58, 0.10), -0.30, (16, 7), 24, (0.22, 25)),
        ("lip_press", (0.30, 0.08), -0.30, (20, 8), 24, (0.40, 25)),
        ("lean_back", (0.18, 0.07), -0.30, (24, 10), 45, (0.25, 40)),
    ),
}
STATES = tuple(State(attitude, *row) for attitude in _STATES for row in _STATES[attitude])


@dataclass(frozen=True)
class Response:
    r"""One row of RESPONSES: what may follow a trigger. Frames, rad, exp or trans units."""

    attitude: str
    kind: str
    trigger: str  # phrase_end | accent
    probability: float  # at mood 0, of a person with eagerness 1
    mood: float  # probability * (1 + mood * speaker's mood at the trigger)
    latency: tuple  # gamma: mean, sd, from the trigger to the first movement
    size: tuple  # log-normal: mean, sd
    length: tuple  # log-normal: mean, sd, of one beat or of the whole hold
    beats: tuple  # uniform: fewest, most


_RESPONSES = {  # kind, trigger, probability, mood, latency, size, length, beats
    "positive": (
        ("nod", "phrase_end", 0.60, 0.2, (9, 3.5), (0.085, 0.028), (14, 2.5), (1, 3)),
        ("nod", "accent", 0.10, 0.0, (8, 3), (0.050, 0.016), (12, 2), (1, 1)),
        ("smile", "phrase_end", 0.45, 0.5, (14, 6), (0.35, 0.12), (60, 18), (1, 1)),
        ("brow_raise", "phrase_end", 0.30, 0.0, (8, 3), (0.50, 0.15), (24, 6), (1, 1)),
    ),
    "neutral": (
        ("nod", "phrase_end", 0.30, 0.0, (16, 6), (0.050, 0.016), (26, 5), (1, 1)),
        ("tilt", "phrase_end", 0.30, 0.0, (15, 7), (0.060, 0.020), (60, 18), (1, 1)),
        ("glance", "accent", 0.08, 0.0, (12, 6), (0.40, 0.12), (22, 5), (1, 1)),
        ("smile", "phrase_end", 0.10, 0.6, (16, 7), (0.22, 0.08), (50, 15), (1, 1)),
        ("frown", "phrase_end", 0.08, -0.4, (12, 5), (0.20, 0.07), (50, 15), (1, 1)),
        ("brow_raise", "phrase_end", 0.20, 0.0, (10, 4), (0.40, 0.12), (24, 6), (1, 1)),
    ),
    "negative": (
        ("shake", "phrase_end", 0.45, -0.2, (12, 5), (0.070, 0.022), (17, 2.5), (2, 3)),
        ("frown", "phrase_end", 0.40, -0.4, (8, 3.5), (0.35, 0.12), (60, 18), (1, 1)),
        ("lean_back", "phrase_end", 0.20, -0.4, (18, 8), (0.25, 0.08), (75, 20), (1, 1)),
        ("sigh", "phrase_end", 0.15, -0.3, (14, 6), (1.0, 0.25), (55, 12), (1, 1)),
        ("lip_press", "accent", 0.06, 0.0, (10, 4), (0.35, 0.12), (26, 7), (1, 1)),
        ("nod", "phrase_end", 0.12, 0.0, (14, 6), (0.045, 0.015), (18, 3), (1, 2)),
    ),
}
RESPONSES = tuple(
    Response(attitude, *row) for attitude in _RESPONSES for row in _RESPONSES[attitude]
)


@dataclass(frozen=True)
class Mien:
    r"""A state that was drawn. Times are float frames."""

    kind: str
    level: float
    onset: float
    rise: float
    waver: tuple  # relative sd, time constant
    turns: tuple  # of (frame, share of the level from there on)


@dataclass(frozen=True)
class Act:
    r"""A response that was drawn. Times are float frames."""

    kind: str
    trigger: str
    trigger_frame: float
    onset: float
    size: float
    length: float
    beats: int
    side: float  # -1 or 1


def check_attitude(attitude):
    r"""Nothing, for one of the three.

    Args:
        attitude: positive | neutral | negative.

    Raises:
        ValueError: it is none of them.
    """
    if attitude not in ATTITUDES:
        raise ValueError(f"attitude {attitude!r} is unknown; allowed: {', '.join(ATTITUDES)}")


def oracle_densities(attitude, style, mood=0.0):
    r"""The table's rows for one attitude, with a person's style and the speaker's mood put in.

    Args:
        attitude: positive | neutral | negative.
        style: a Style, or the (80,) identity it comes from.
        mood: of the speaker at the trigger, in [-1, 1].

    Returns:
        A list of Response: probability is the final one, latency, size and length are scaled.

    Raises:
        ValueError: the attitude is unknown.
    """
    check_attitude(attitude)
    style = style if isinstance(style, Style) else personal_style(style)
    return [_personal(row, style, mood) for row in RESPONSES if row.attitude == attitude]


def oracle_states(attitude, style):
    r"""The rows of STATES for one attitude, with a person's style put in.

    Args:
        attitude: positive | neutral | negative.
        style: a Style, or the (80,) identity it comes from.

    Returns:
        A list of State.

    Raises:
        ValueError: the attitude is unknown.
    """
    check_attitude(attitude)
    style = style if isinstance(style, Style) else personal_style(style)
    return [_personal_state(row, style) for row in STATES if row.attitude == attitude]


def _factor(kind, style):
    r"""How much larger than others' a person's movement of this kind is."""
    return style.size if kind in HEAD else style.expressiveness


def _personal(row, style, mood):
    r"""One row of RESPONSES for one person."""
    chance = row.probability * style.eagerness * (1 + row.mood * mood)
    factor = _factor(row.kind, style)
    return replace(
        row,
        probability=min(chance, LARGEST_PROBABILITY),
        latency=tuple(x / style.promptness for x in row.latency),
        size=tuple(x * factor for x in row.size),
        length=tuple(x / style.tempo for x in row.length),
    )


def _personal_state(row, style):
    r"""One row of STATES for one person."""
    factor = _factor(row.kind, style)
    return replace(
        row,
        level=tuple(x * factor for x in row.level),
        latency=tuple(x / style.promptness for x in row.latency),
        rise=row.rise / style.tempo,
        waver=(row.waver[0], row.waver[1] / style.tempo),
    )


def sample_states(speaker, attitude, style, rng):
    r"""Draw how the attitude lies on the face, before it is turned into motion.

    Args:
        speaker: Speech or Track.
        attitude: positive | neutral | negative.
        style: a Style, or the (80,) identity it comes from.
        rng: numpy Generator.

    Returns:
        A list of Mien.

    Raises:
        ValueError: the attitude is unknown.
    """
    track = getattr(speaker, "track", speaker)
    miens = []
    for row in oracle_states(attitude, style):
        level, onset = _lognormal(*row.level, rng), _gamma(*row.latency, rng)
        turns = []
        for end in track.phrase_ends:
            share = max(LEAST_SHARE, 1 + row.mood * track.mood_at(end))
            turns.append((float(end + _gamma(*row.latency, rng)), share))
        miens.append(Mien(row.kind, level, onset, row.rise, row.waver, tuple(turns)))
    return miens


def sample_responses(speaker, attitude, style, rng):
    r"""Draw what the listener does, before it is turned into motion.

    Args:
        speaker: Speech or Track.
        attitude: positive | neutral | negative.
        style: a Style, or the (80,) identity it comes from.
        rng: numpy Generator.

    Returns:
        A list of Act, in the order of their onsets.

    Raises:
        ValueError: the attitude is unknown.
    """
    check_attitude(attitude)
    track = getattr(speaker, "track", speaker)
    style = style if isinstance(style, Style) else personal_style(style)
    triggers = [("phrase_end", end) for end in track.phrase_ends]
    triggers += [("accent", time) for time, _ in track.accents]
    acts = []
    for trigger, frame in triggers:
        for row in oracle_densities(attitude, style, track.mood_at(frame)):
            if row.trigger == trigger and rng.random() < row.probability:
                acts.append(_draw(row, frame, rng))
    return sorted(acts, key=lambda act: act.onset)


def _draw(row, frame, rng):
    r"""One act of a row."""
    return Act(
        row.kind,
        row.trigger,
        float(frame),
        float(frame + _gamma(*row.latency, rng)),
        size=_lognormal(*row.size, rng),
        length=_lognormal(*row.length, rng),
        beats=int(rng.integers(row.beats[0], row.beats[1] + 1)),
        side=float(rng.choice([-1.0, 1.0])),
    )


def _gamma(mean, std, rng):
    r"""Gamma by its mean and sd."""
    return float(rng.gamma((mean / std) ** 2, std**2 / mean))


def _lognormal(mean, std, rng):
    r"""Log-normal by its own mean and sd."""
    variance = np.log1p((std / mean) ** 2)
    return float(rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance)))


def perform(acts, frames):
    r"""Acts as motion, added to nothing: no rest pose, no state, no life.

    Args:
        acts: list of Act.
        frames: L.

    Returns:
        (L, 70); the neck is not yet followed.
    """
    moved = np.zeros((frames, 70))
    for act in acts:
        if act.kind == "nod":
            shape = motion.beats(frames, act.onset, act.length, act.beats)
        elif act.kind == "shake":
            shape = motion.swings(frames, act.onset, act.length, act.beats, act.side)
        else:
            rise, fall = 0.2 * act.length, 0.35 * act.length
            shape = motion.hold(frames, act.onset, rise, act.length - rise - fall, fall)
        for name, share in _PARTS[act.kind]:
            sided = act.side if act.kind in ("tilt", "glance") else 1.0
            moved[:, COLUMN[name]] += share * sided * act.size * shape
    return moved


def sustain(miens, frames, rng):
    r"""States as motion: level x onset x share by the speaker's mood x waver.

    Args:
        miens: list of Mien.
        frames: L.
        rng: numpy Generator, of the waver.

    Returns:
        (L, 70), row 0 is 0; the neck is not yet followed.
    """
    moved = np.zeros((frames, 70))
    for mien in miens:
        height, before = np.ones(frames), 1.0
        for frame, share in mien.turns:
            height += (share - before) * life.ramp(frames, frame, mien.rise)
            before = share
        height *= mien.level * life.ramp(frames, mien.onset, mien.rise)
        height *= motion.waver(frames, *mien.waver, rng)
        for name, share in _PARTS[mien.kind]:
            moved[:, COLUMN[name]] += share * height
    return moved


_PARTS = {  # what moves in each kind, as a share of its size
    "nod": (("pitch", 1.0),),
    "shake": (("yaw", 1.0),),
    "tilt": (("roll", 1.0), ("yaw", 0.4)),
    "lean_back": (("lean", -1.0), ("pitch", -0.12)),
    "sigh": (("pitch", 0.07), ("upwards", -0.04), ("lean", -0.06), ("jaw_open", 0.10)),
    "smile": (("smile", 1.0), ("cheek_raise", 0.7)),
    "frown": (("brow_lower", 1.0), ("lip_corner_down", 0.8), ("lids_close", 0.08)),
    "brow_raise": (("brow_raise", 1.0),),
    "glance": (("gaze_x", 1.0), ("yaw", 0.12)),
    "lip_press": (("lip_press", 1.0),),
}


def sample_listener(speaker, attitude, identity, rng, rest=None):
    r"""Draw one listener: rest + state + responses + life. The oracle; call it again and again.

    Frame 0 is the rest pose itself with open eyes. The densities are the tables of this module and
    of life.py; `oracle_states` and `oracle_densities` say them for one person.

    A Speech or Track of L frames, an identity (80,) that fixes the style, or a Style, and rest
    (70,), None for a seat that is drawn -> float32 (L, 70).

    Raises:
        ValueError: the attitude is unknown, or rest is not (70,).
    """
    track = getattr(speaker, "track", speaker)
    style = identity if isinstance(identity, Style) else personal_style(identity)
    rest = motion.seat(rng) if rest is None else np.asarray(rest, float)
    if rest.shape != (70,):
        raise ValueError(f"rest has shape {rest.shape}; allowed: (70,)")
    plan = sample_plan(track, attitude, style, rng)
    return act_out(plan, track.num_frames, style, rng, rest)


@dataclass(frozen=True)
class Plan:
    r"""What one listener will do in one clip, before it is turned into motion."""

    attitude: str
    miens: list  # of Mien
    acts: list  # of Act


def sample_plan(speaker, attitude, style, rng):
    r"""States and responses of one listener.

    The speaker is a Speech or a Track; the style a Style, or the (80,) identity it comes from.

    Raises:
        ValueError: the attitude is unknown.
    """
    miens = sample_states(speaker, attitude, style, rng)
    return Plan(attitude, miens, sample_responses(speaker, attitude, style, rng))


def act_out(plan, frames, style, rng, rest):
    r"""Rest + what was planned + life: the second half of sample_listener.

    Args:
        plan: Plan.
        frames: L.
        style: Style.
        rng: numpy Generator, for waver and life.
        rest: (70,).

    Returns:
        float32 (L, 70).
    """
    moved = perform(plan.acts, frames) + sustain(plan.miens, frames, rng)
    moved = motion.follow_face(motion.limit(moved))
    moved += life.live(frames, style, GAZE[plan.attitude], rng) + rest
    return motion.follow_neck(moved, rest).astype(np.float32)


def to_dicts(rows):
    r"""Miens or acts as dicts of rounded numbers, for a JSON file.

    Args:
        rows: list of Mien or Act.

    Returns:
        A list of dict.
    """
    return [_rounded(asdict(row)) for row in rows]


def _rounded(value):
    r"""The same, numbers to four places."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_rounded(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value
