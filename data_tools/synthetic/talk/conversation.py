r"""How a listener answers: random responses to what the speaker does, by attitude and by person.

The speaker's phrase ends and accents are triggers. At each trigger every response of the attitude
happens or not, after a random latency, with a random size and length; the person's style scales
all of these. The responses lie over drift and blinks, which every attitude shares. All densities
stand in one table, RESPONSES, printed in the docstring of `sample_listener`.
"""

from dataclasses import asdict, dataclass

import numpy as np

from data_tools.synthetic.talk import motion
from data_tools.synthetic.talk.motion import COLUMN, Style, personal_style
from mfr.config import ATTITUDES

BLINK_RATE = 0.25  # a second, once the rest of 18 frames after a blink is over
DRIFT_STD = {
    "pitch": 0.017,
    "yaw": 0.022,
    "roll": 0.016,
    "lean": 0.04,
    "gaze_x": 0.06,
    "gaze_y": 0.04,
    "lids_close": 0.02,
}
DRIFT_STD_OTHER = {"exp": 0.03, "trans": 0.006}
DRIFT_TIME = 15  # time constant of each of the two filters [frames]
LARGEST_PROBABILITY = 0.95


@dataclass(frozen=True)
class Response:
    r"""One row of the table: what may follow a trigger. Frames, rad, or exp units."""

    attitude: str
    kind: str
    trigger: str  # phrase_end | accent
    probability: float  # at mood 0, of a person with eagerness 1
    mood: float  # probability * (1 + mood * speaker's mood at the trigger)
    latency: tuple  # gamma: mean, sd, from the trigger to the first movement
    size: tuple  # log-normal: mean, sd
    length: tuple  # log-normal: mean, sd, of one beat or of the whole hold
    beats: tuple  # uniform: fewest, most


_TABLE = {  # kind, trigger, probability, mood, latency, size, length, beats
    "positive": (
        ("nod", "phrase_end", 0.55, 0.2, (9, 3.5), (0.075, 0.025), (14, 2.5), (1, 3)),
        ("nod", "accent", 0.10, 0.0, (8, 3), (0.045, 0.015), (12, 2), (1, 1)),
        ("smile", "phrase_end", 0.40, 0.6, (14, 6), (0.45, 0.15), (60, 18), (1, 1)),
        ("brow_raise", "phrase_end", 0.20, 0.0, (8, 3), (0.40, 0.12), (24, 6), (1, 1)),
    ),
    "neutral": (
        ("nod", "phrase_end", 0.30, 0.0, (16, 6), (0.045, 0.015), (26, 5), (1, 1)),
        ("tilt", "phrase_end", 0.25, 0.0, (15, 7), (0.045, 0.015), (60, 18), (1, 1)),
        ("glance", "accent", 0.08, 0.0, (12, 6), (0.30, 0.10), (22, 5), (1, 1)),
        ("smile", "phrase_end", 0.12, 0.6, (16, 7), (0.25, 0.08), (50, 15), (1, 1)),
        ("frown", "phrase_end", 0.10, -0.4, (12, 5), (0.22, 0.07), (50, 15), (1, 1)),
        ("brow_raise", "phrase_end", 0.12, 0.0, (10, 4), (0.30, 0.10), (24, 6), (1, 1)),
    ),
    "negative": (
        ("shake", "phrase_end", 0.40, -0.2, (12, 5), (0.060, 0.020), (15, 2.5), (2, 3)),
        ("frown", "phrase_end", 0.40, -0.4, (8, 3.5), (0.45, 0.15), (60, 18), (1, 1)),
        ("lean_back", "phrase_end", 0.30, -0.4, (18, 8), (0.30, 0.10), (75, 20), (1, 1)),
        ("lip_press", "accent", 0.06, 0.0, (10, 4), (0.35, 0.12), (26, 7), (1, 1)),
        ("nod", "phrase_end", 0.15, 0.0, (14, 6), (0.045, 0.015), (18, 3), (1, 2)),
    ),
}
RESPONSES = tuple(Response(attitude, *row) for attitude in _TABLE for row in _TABLE[attitude])


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


def _personal(row, style, mood):
    r"""One row for one person."""
    chance = row.probability * style.eagerness * (1 + row.mood * mood)
    head = row.kind in ("nod", "shake", "tilt", "lean_back")
    factor = style.size if head else style.expressiveness
    return Response(
        row.attitude,
        row.kind,
        row.trigger,
        min(chance, LARGEST_PROBABILITY),
        row.mood,
        latency=tuple(x / style.promptness for x in row.latency),
        size=tuple(x * factor for x in row.size),
        length=tuple(x / style.tempo for x in row.length),
        beats=row.beats,
    )


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
    mean, std = row.latency
    latency = rng.gamma((mean / std) ** 2, std**2 / mean)
    return Act(
        row.kind,
        row.trigger,
        float(frame),
        float(frame + latency),
        size=_lognormal(*row.size, rng),
        length=_lognormal(*row.length, rng),
        beats=int(rng.integers(row.beats[0], row.beats[1] + 1)),
        side=float(rng.choice([-1.0, 1.0])),
    )


def _lognormal(mean, std, rng):
    r"""Log-normal by its own mean and sd."""
    variance = np.log1p((std / mean) ** 2)
    return float(rng.lognormal(np.log(mean) - variance / 2, np.sqrt(variance)))


def perform(acts, frames):
    r"""Acts as motion, added to nothing: no rest pose, no drift.

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


_PARTS = {  # what moves in each kind, as a share of its size
    "nod": (("pitch", 1.0),),
    "shake": (("yaw", 1.0),),
    "tilt": (("roll", 1.0), ("yaw", 0.4)),
    "lean_back": (("lean", -1.0), ("pitch", -0.12)),
    "smile": (("smile", 1.0), ("cheek_raise", 0.6)),
    "frown": (("brow_lower", 1.0), ("lip_corner_down", 0.7)),
    "brow_raise": (("brow_raise", 1.0),),
    "glance": (("gaze_x", 1.0), ("yaw", 0.12)),
    "lip_press": (("lip_press", 1.0),),
}


def sample_listener(speaker, attitude, identity, rng, rest=None):
    r"""Draw one listener: rest + responses + drift + blinks. The oracle; call it again and again.

    Frame 0 is the rest pose itself with open eyes. Densities, for a person whose traits are all 1
    and a mood of 0 [frames at 30 fps, rad, exp or trans units; mean sd]:

    | attitude | kind | trigger | probability | mood | latency | size | length | beats |
    |---|---|---|---|---|---|---|---|---|
    | positive | nod | phrase_end | 0.55 | 0.2 | 9 3.5 | 0.075 0.025 | 14 2.5 | 1 3 |
    | positive | nod | accent | 0.10 | 0.0 | 8 3 | 0.045 0.015 | 12 2 | 1 1 |
    | positive | smile | phrase_end | 0.40 | 0.6 | 14 6 | 0.45 0.15 | 60 18 | 1 1 |
    | positive | brow_raise | phrase_end | 0.20 | 0.0 | 8 3 | 0.40 0.12 | 24 6 | 1 1 |
    | neutral | nod | phrase_end | 0.30 | 0.0 | 16 6 | 0.045 0.015 | 26 5 | 1 1 |
    | neutral | tilt | phrase_end | 0.25 | 0.0 | 15 7 | 0.045 0.015 | 60 18 | 1 1 |
    | neutral | glance | accent | 0.08 | 0.0 | 12 6 | 0.30 0.10 | 22 5 | 1 1 |
    | neutral | smile | phrase_end | 0.12 | 0.6 | 16 7 | 0.25 0.08 | 50 15 | 1 1 |
    | neutral | frown | phrase_end | 0.10 | -0.4 | 12 5 | 0.22 0.07 | 50 15 | 1 1 |
    | neutral | brow_raise | phrase_end | 0.12 | 0.0 | 10 4 | 0.30 0.10 | 24 6 | 1 1 |
    | negative | shake | phrase_end | 0.40 | -0.2 | 12 5 | 0.060 0.020 | 15 2.5 | 2 3 |
    | negative | frown | phrase_end | 0.40 | -0.4 | 8 3.5 | 0.45 0.15 | 60 18 | 1 1 |
    | negative | lean_back | phrase_end | 0.30 | -0.4 | 18 8 | 0.30 0.10 | 75 20 | 1 1 |
    | negative | lip_press | accent | 0.06 | 0.0 | 10 4 | 0.35 0.12 | 26 7 | 1 1 |
    | negative | nod | phrase_end | 0.15 | 0.0 | 14 6 | 0.045 0.015 | 18 3 | 1 2 |

    Probability is times eagerness (1 + mood x speaker's mood), at most 0.95; latency (gamma) over
    promptness; size (log-normal) times `size` for nod, shake, tilt, lean_back and times
    expressiveness for the rest; length (log-normal, one beat or the whole hold) over tempo; beats
    uniform. Blinks: 0.25 a second after 18 frames of rest. Drift: DRIFT_STD times liveliness.

    Args:
        speaker: Speech or Track, L frames.
        attitude: positive | neutral | negative.
        identity: (80,) shape coefficients; they fix the style (motion.personal_style).
        rng: numpy Generator.
        rest: (70,) pose and expression at rest; none: a seat is drawn, face at rest 0.

    Returns:
        float32 (L, 70).

    Raises:
        ValueError: the attitude is unknown, or rest is not (70,).
    """
    track = getattr(speaker, "track", speaker)
    style = identity if isinstance(identity, Style) else personal_style(identity)
    rest = motion.seat(rng) if rest is None else np.asarray(rest, float)
    if rest.shape != (70,):
        raise ValueError(f"rest has shape {rest.shape}; allowed: (70,)")
    acts = sample_responses(track, attitude, style, rng)
    return act_out(acts, track.num_frames, style, rng, rest)


def act_out(acts, frames, style, rng, rest):
    r"""Rest + given acts + drift + blinks: the second half of sample_listener.

    Args:
        acts: list of Act.
        frames: L.
        style: Style.
        rng: numpy Generator, for drift and blinks.
        rest: (70,).

    Returns:
        float32 (L, 70).
    """
    moved = perform(acts, frames) + rest
    moved += motion.drift(frames, drift_std() * style.liveliness, DRIFT_TIME, rng)
    times = motion.blink_frames(frames, BLINK_RATE, rng)
    moved[:, COLUMN["lids_close"]] += motion.lids(frames, times)
    return motion.follow_neck(moved, rest).astype(np.float32)


def drift_std():
    r"""(70,) standard deviations of the drift of a person with liveliness 1."""
    std = np.full(70, DRIFT_STD_OTHER["exp"])
    std[motion.TRANS] = DRIFT_STD_OTHER["trans"]
    for name, value in DRIFT_STD.items():
        std[COLUMN[name]] = value
    return std


def acts_to_dicts(acts):
    r"""Acts as dicts of rounded numbers, for a JSON file.

    Args:
        acts: list of Act.

    Returns:
        A list of dict.
    """
    return [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(act).items()}
        for act in acts
    ]
