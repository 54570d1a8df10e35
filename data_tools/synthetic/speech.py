r"""Speech-like sound with a known inside: phrases, stress, pitch, pauses, mood; and its speaker.

A plan is drawn first (syllables of a consonant and a vowel, grouped in phrases with accents),
then turned into control curves, then into sound and into the speaker's motion. The plan does not
depend on the sample rate.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np
from scipy.ndimage import gaussian_filter1d

from data_tools.synthetic import motion, sound
from data_tools.synthetic.motion import COLUMN, FPS

# F1, F2, F3 [Hz] of a typical adult male, then openness and rounding of the lips in [0, 1]
VOWELS = {
    "i": (290, 2250, 2950, 0.10, 0.0),
    "e": (430, 2050, 2600, 0.35, 0.0),
    "E": (570, 1800, 2520, 0.60, 0.0),
    "a": (740, 1250, 2500, 1.00, 0.0),
    "O": (580, 900, 2420, 0.70, 0.6),
    "o": (440, 820, 2380, 0.40, 0.9),
    "u": (310, 830, 2270, 0.12, 1.0),
    "@": (500, 1450, 2480, 0.30, 0.1),
}


@dataclass(frozen=True)
class Consonant:
    r"""How a consonant sounds and looks; seconds, Hz, amplitudes and shares."""

    seconds: float
    voicing: float = 0.0
    frication: float = 0.0
    centre: float = 4000.0
    width: float = 1500.0
    burst: float = 0.0  # noise of the release, over its last 15 ms
    closure: float = 0.0  # of the lips, 1 = shut
    formants: tuple = (300, 1500, 2500)


CONSONANTS = {
    "": Consonant(0.0),
    "p": Consonant(0.075, burst=0.5, centre=1200, closure=1.0, formants=(300, 900, 2200)),
    "b": Consonant(0.06, 0.18, burst=0.25, centre=1000, closure=1.0, formants=(250, 900, 2200)),
    "t": Consonant(0.07, burst=0.6, centre=4200, formants=(300, 1750, 2600)),
    "d": Consonant(0.055, 0.18, burst=0.3, centre=3800, formants=(250, 1750, 2600)),
    "k": Consonant(0.075, burst=0.6, centre=1900, width=800, formants=(300, 1900, 2300)),
    "s": Consonant(0.10, frication=0.55, centre=5800, width=1300, formants=(300, 1700, 2600)),
    "S": Consonant(0.10, frication=0.5, centre=3000, width=900, formants=(300, 1800, 2500)),
    "f": Consonant(0.09, frication=0.16, centre=5000, width=3000, closure=0.6,
                   formants=(320, 1100, 2200)),
    "v": Consonant(0.06, 0.25, 0.08, 4500, 2500, closure=0.6, formants=(300, 1100, 2200)),
    "m": Consonant(0.07, 0.35, closure=1.0, formants=(250, 1050, 2200)),
    "n": Consonant(0.065, 0.35, formants=(250, 1600, 2500)),
    "l": Consonant(0.06, 0.45, formants=(360, 1150, 2700)),
    "r": Consonant(0.06, 0.45, formants=(380, 1150, 1650)),
    "w": Consonant(0.06, 0.4, closure=0.5, formants=(300, 700, 2200)),
}  # fmt: skip
_ONSETS = tuple(CONSONANTS)
_ONSET_CHANCE = np.array([3, 2, 2, 4, 3, 3, 4, 1, 1, 1, 3, 4, 3, 2, 1], float)


@dataclass(frozen=True)
class Voice:
    r"""A speaker's voice and the room it is recorded in."""

    pitch: float  # middle of the range [Hz]
    pitch_range: float  # of an accent [semitones]
    formant_scale: float  # 1 = adult male; a shorter throat is larger
    rate: float  # syllables a second inside a phrase
    pause: float  # mean silence between phrases [s]
    open_phase: float  # of the glottis [periods]
    return_phase: float  # softness of its closure [periods]
    breath: float  # aspiration beside the pulses
    jitter: float  # relative, of the pitch
    noise_db: float  # room, under the speech [dB]
    echo_seconds: float  # room; 0 = dry


def sample_voice(rng):
    r"""Draw a voice.

    Ours: pitch from two overlapping groups (about 85-150 and 160-260 Hz) whose formants lie some
    15 % apart; two recordings in five have an audible room.

    Args:
        rng: numpy Generator.

    Returns:
        A Voice.
    """
    high = rng.random() < 0.5
    middle, scale = (205, 1.15) if high else (115, 1.0)
    roomy = rng.random() < 0.4
    return Voice(
        pitch=float(middle * np.exp(rng.normal(0, 0.12))),
        pitch_range=float(rng.uniform(2.5, 6.0)),
        formant_scale=float(scale * np.exp(rng.normal(0, 0.035))),
        rate=float(rng.uniform(4.0, 5.6)),
        pause=float(rng.uniform(0.40, 0.75)),
        open_phase=float(rng.uniform(0.5, 0.72)),
        return_phase=float(rng.uniform(0.012, 0.045)),
        breath=float(rng.uniform(0.02, 0.25)),
        jitter=float(rng.uniform(0.003, 0.012)),
        noise_db=float(rng.uniform(-40, -24) if roomy else rng.uniform(-70, -55)),
        echo_seconds=float(rng.uniform(0.15, 0.45) if roomy else 0.0),
    )


@dataclass(frozen=True)
class Syllable:
    r"""One consonant and one vowel; frames are floats from the clip's start."""

    start: float
    vowel_start: float
    end: float
    consonant: str
    vowel: str
    openness: float
    rounding: float
    stress: float  # 0 = none, else the accent's strength in (0, 1]


@dataclass(frozen=True)
class Track:
    r"""What is inside a stretch of speech; the hidden variables that a listener answers.

    Times are float frames at 30 fps; per-frame arrays hold the value at the frame's centre.
    """

    num_frames: int
    phrases: tuple  # of (start, end)
    accents: tuple  # of (frame, strength)
    syllables: tuple  # of Syllable
    pitch: np.ndarray  # (L,) [Hz], 0 where nothing is voiced
    loudness: np.ndarray  # (L,) planned amplitude, 0 in pauses, about 1 in a stressed vowel
    openness: np.ndarray  # (L,) of the mouth, in [0, 1]
    rounding: np.ndarray  # (L,) of the lips
    closure: np.ndarray  # (L,) of the lips
    mood: np.ndarray  # (L,) from -1 (upset) to 1 (cheerful)

    @property
    def phrase_ends(self):
        r"""The ends of the phrases [frames]."""
        return tuple(end for _, end in self.phrases)

    @property
    def pauses(self):
        r"""(start, end) of the silences before, between and after the phrases [frames]."""
        edges = [0.0, *(time for phrase in self.phrases for time in phrase), float(self.num_frames)]
        return tuple(zip(edges[::2], edges[1::2]))

    def mood_at(self, frame):
        r"""The mood at a moment.

        Args:
            frame: float, any; clamped to the clip.

        Returns:
            float.
        """
        return float(self.mood[int(np.clip(frame, 0, self.num_frames - 1))])

    def to_dict(self):
        r"""The track as lists and numbers, for a JSON file."""
        return {
            key: np.round(value, 4).tolist() if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values):
        r"""The track that to_dict wrote.

        Args:
            values: dict.

        Returns:
            A Track.
        """
        values = dict(values)
        values["syllables"] = tuple(Syllable(**row) for row in values["syllables"])
        for key in ("phrases", "accents"):
            values[key] = tuple(tuple(row) for row in values[key])
        for field in fields(cls):
            if field.type is np.ndarray:
                values[field.name] = np.asarray(values[field.name])
        return cls(**values)


@dataclass(frozen=True)
class Speech:
    r"""A recording and what is inside it."""

    waveform: np.ndarray  # float32 (N,) in [-1, 1]
    sample_rate: int  # [Hz]
    track: Track


def synthesize_speech(voice, seconds, rng, sample_rate=16000):
    r"""Draw a stretch of speech and its recording.

    Args:
        voice: a Voice.
        seconds: length [s], at least 1; rounded to whole frames.
        rng: numpy Generator.
        sample_rate: [Hz], a multiple of 100 from 8000 to 48000.

    Returns:
        A Speech with round(30 seconds) frames and as much sound.

    Raises:
        ValueError: seconds or sample_rate is out of range.
    """
    if not 1 <= seconds <= 3600:
        raise ValueError(f"seconds is {seconds}; allowed: 1 to 3600")
    if sample_rate % 100 or not 8000 <= sample_rate <= 48000:
        raise ValueError(f"sample_rate is {sample_rate}; allowed: 8000 to 48000 in steps of 100")
    plan_rng, sound_rng = rng.spawn(2)
    frames = round(seconds * FPS)
    mood = _mood(frames, plan_rng)
    phrases = _phrases(voice, frames / FPS, plan_rng)
    syllables = [_syllables(voice, *phrase, plan_rng) for phrase in phrases]
    controls, lips = _controls(voice, frames / FPS, phrases, syllables, mood, plan_rng)
    length = round(frames / FPS * sample_rate)
    waveform = sound.synthesize(controls, voice, length, sample_rate, sound_rng)
    waveform *= 0.08 / (np.sqrt(np.mean(waveform**2)) + 1e-12)  # a pause more, a bit louder
    waveform = sound.in_a_room(
        waveform, sample_rate, voice.noise_db, voice.echo_seconds, sound_rng
    )
    waveform *= min(1.0, 0.97 / np.abs(waveform).max())
    return Speech(
        waveform.astype(np.float32), sample_rate,
        _track(frames, phrases, syllables, controls, lips, mood),
    )  # fmt: skip


def _mood(frames, rng):
    r"""A slow walk around the clip's own mood."""
    return np.tanh(rng.normal(0, 0.6) + motion.drift(frames, [0.3], 40, rng)[:, 0])


def _phrases(voice, seconds, rng):
    r"""(start, end) in seconds; the last one ends before the clip does."""
    phrases, start = [], rng.uniform(0.15, 0.5)
    last = seconds - rng.uniform(0.25, 0.9)
    while last - start > 0.5:
        end = start + max(0.7, rng.gamma(8.0, 1.7 / 8.0))
        if last - end < 0.9:  # too little left for another phrase
            end = min(end, last)
        phrases.append((start, end))
        start = end + 0.2 + rng.gamma(6.0, (voice.pause - 0.2) / 6.0)
    return phrases


def _syllables(voice, start, end, rng):
    r"""Syllables that fill a phrase; each second to fourth is stressed, which makes it longer."""
    count = max(2, round((end - start) * voice.rate))
    stress = np.zeros(count)
    place = int(rng.integers(0, 2))
    while place < count:
        stress[place] = rng.uniform(0.5, 0.85)
        place += int(rng.integers(2, 5))
    stress[max(0, count - 1 - int(rng.integers(0, 2)))] = 1.0  # the phrase's main accent
    length = rng.lognormal(0, 0.18, count) * (1 + 0.4 * stress)
    length[-1] *= 1.4
    edges = start + (end - start) * np.concatenate([[0], np.cumsum(length) / length.sum()])
    rows = []
    for index in range(count):
        onset = _ONSETS[rng.choice(len(_ONSETS), p=_ONSET_CHANCE / _ONSET_CHANCE.sum())]
        kinds = list(VOWELS)[:-1] if stress[index] else list(VOWELS)
        vowel = kinds[rng.integers(len(kinds))]
        begin, finish = edges[index], edges[index + 1]
        split = begin + min(CONSONANTS[onset].seconds, 0.45 * (finish - begin))
        openness, rounding = VOWELS[vowel][3:]
        rows.append(Syllable(*(round(x * FPS, 3) for x in (begin, split, finish)), onset, vowel,
                             openness, rounding, round(float(stress[index]), 3)))  # fmt: skip
    return rows


def _controls(voice, seconds, phrases, syllables, mood, rng):
    r"""Control curves of the sound, and of the lips (K, 3): openness, rounding, closure."""
    count = int(np.ceil(seconds * sound.CONTROL_RATE)) + 2
    at = np.arange(count) / sound.CONTROL_RATE
    formants = np.tile(np.array(VOWELS["@"][:3], float), (count, 1))
    curves = {name: np.zeros(count) for name in ("voicing", "frication", "centre", "width")}
    curves["centre"] += 4000
    curves["width"] += 1500
    lips = np.zeros((count, 3))
    for syllable in (row for phrase in syllables for row in phrase):
        _place_syllable(syllable, at, formants, curves, lips)
    formants = gaussian_filter1d(formants, 3.5, axis=0) * voice.formant_scale
    voicing = gaussian_filter1d(curves["voicing"], 2.0)
    lips = gaussian_filter1d(lips, 6.0, axis=0)
    controls = sound.Controls(
        pitch=_pitch(voice, at, phrases, syllables, mood, rng),
        voicing=voicing,
        aspiration=voice.breath * voicing + 0.3 * curves["frication"],
        formants=formants,
        frication=gaussian_filter1d(curves["frication"], 1.0),
        frication_centre=curves["centre"],
        frication_width=curves["width"],
    )
    return controls, lips


def _place_syllable(syllable, at, formants, curves, lips):
    r"""Write one syllable's targets into the curves."""
    start, split, end = (x / FPS for x in (syllable.start, syllable.vowel_start, syllable.end))
    consonant = CONSONANTS[syllable.consonant]
    first, second = (at >= start) & (at < split), (at >= split) & (at < end)
    formants[first], formants[second] = consonant.formants, VOWELS[syllable.vowel][:3]
    curves["voicing"][first] = consonant.voicing
    curves["frication"][first] = consonant.frication
    curves["frication"][(at >= split - 0.015) & (at < split)] += consonant.burst
    curves["centre"][first], curves["width"][first] = consonant.centre, consonant.width
    swell = np.sin(np.pi * ((at[second] - split) / (end - split)).clip(0, 1)) ** 0.4
    curves["voicing"][second] = (0.62 + 0.38 * syllable.stress) * swell
    lips[first, 2] = consonant.closure
    lips[second, 0] = syllable.openness * (0.7 + 0.3 * syllable.stress)
    lips[first | second, 1] = syllable.rounding


def _pitch(voice, at, phrases, syllables, mood, rng):
    r"""Hz: a line that falls through each phrase, a bump an accent, a fall or a rise at its end."""
    semitones = np.zeros(len(at))
    for (start, end), rows in zip(phrases, syllables):
        inside = ((at - start) / (end - start)).clip(0, 1)
        here = (at > start - 0.1) & (at < end + 0.1)
        asks = rng.random() < 0.2
        final = (4.0 if asks else -2.5) * (1 - (end - at) / 0.25).clip(0, 1)
        line = 2.0 - 4.0 * inside + final
        for row in rows:
            middle = (row.vowel_start + row.end) / 2 / FPS
            bump = np.exp(-0.5 * ((at - middle) / 0.075) ** 2)
            line += voice.pitch_range * row.stress * bump
        semitones[here] = line[here]
    frame = (at * FPS).astype(int).clip(0, len(mood) - 1)
    semitones = semitones * (1 + 0.25 * mood[frame]) + 1.0 * mood[frame]
    semitones += motion.drift(len(at), [0.25], 6, rng)[:, 0]
    return voice.pitch * 2 ** (gaussian_filter1d(semitones, 4.0) / 12)


def _track(frames, phrases, syllables, controls, lips, mood):
    r"""Read the curves at the frames' centres."""
    centre = (np.arange(frames) + 0.5) / FPS
    at = np.arange(len(controls.pitch)) / sound.CONTROL_RATE
    voicing = np.interp(centre, at, controls.voicing)
    pitch = np.interp(centre, at, controls.pitch)
    rows = tuple(row for phrase in syllables for row in phrase)
    accents = [((row.vowel_start + row.end) / 2, row.stress) for row in rows if row.stress]
    openness, rounding, closure = (np.interp(centre, at, column) for column in lips.T)
    return Track(
        num_frames=frames,
        phrases=tuple((round(start * FPS, 3), round(end * FPS, 3)) for start, end in phrases),
        accents=tuple((round(time, 3), strength) for time, strength in accents),
        syllables=rows,
        pitch=np.where(voicing > 0.15, pitch, 0.0),
        loudness=voicing + 0.5 * np.interp(centre, at, controls.frication),
        openness=openness, rounding=rounding, closure=closure, mood=mood,
    )  # fmt: skip


def speaker_motion(speech, person_style, rng, rest=None):
    r"""How the speaker's face and head move while speaking.

    Ours: jaw and lips follow the syllables one frame ahead of the sound; the head dips with the
    accents, changes its pose between phrases and sways; brows rise with strong accents; blinks
    gather at phrase ends; the smile follows the mood.

    Args:
        speech: Speech or Track, L frames.
        person_style: Style of motion.personal_style.
        rng: numpy Generator.
        rest: (70,) the pose at frame 0 and around which all moves; none: a seat is drawn.

    Returns:
        float32 (L, 70).
    """
    track = getattr(speech, "track", speech)
    rest = motion.seat(rng) if rest is None else np.asarray(rest, float)
    moved = _sway(track.num_frames, person_style, rng)
    _articulate(moved, track, person_style, rng)
    _beat(moved, track, person_style, rng)
    _shift_pose(moved, track, person_style, rng)
    times = motion.blink_frames(track.num_frames, 0.3, rng)
    times += [end + rng.uniform(-3, 8) for end in track.phrase_ends if rng.random() < 0.4]
    moved[:, COLUMN["lids_close"]] += motion.lids(track.num_frames, times)
    moved += rest
    return motion.follow_neck(moved, rest).astype(np.float32)


def _sway(frames, style, rng):
    r"""Drift of a talking head; row 0 is 0."""
    std = np.full(70, 0.04)
    std[:3] = np.array([0.03, 0.045, 0.03])
    std[motion.TRANS] = [0.008, 0.008, 0.05]
    std[COLUMN["lids_close"]] = 0.02
    std[[COLUMN["gaze_x"], COLUMN["gaze_y"]]] = 0.10
    return motion.drift(frames, std * style.liveliness, 16, rng)


def _articulate(moved, track, style, rng):
    r"""Jaw and lips, one frame before the sound; how wide differs by person and clip."""
    ahead = np.minimum(np.arange(track.num_frames) + 1, track.num_frames - 1)
    openness, rounding = track.openness[ahead], track.rounding[ahead]
    closure, loud = track.closure[ahead], track.loudness[ahead]
    wide = 0.55 * np.exp(rng.normal(0, 0.15)) * style.expressiveness**0.5
    moved[:, COLUMN["jaw_open"]] += wide * openness * (0.6 + 0.4 * loud) * (1 - 0.9 * closure)
    moved[:, COLUMN["lip_round"]] += 0.7 * rounding * (1 - closure)
    moved[:, COLUMN["lip_press"]] += 0.5 * closure
    moved[:, COLUMN["upper_lip_raise"]] += 0.15 * openness * loud
    mood = track.mood - track.mood[0] * np.exp(-np.arange(track.num_frames) / 15)
    moved[:, COLUMN["smile"]] += 0.3 * style.expressiveness * np.maximum(mood, 0)
    moved[:, COLUMN["cheek_raise"]] += 0.2 * style.expressiveness * np.maximum(mood, 0)
    moved[:, COLUMN["brow_lower"]] += 0.3 * style.expressiveness * np.maximum(-mood, 0)


def _beat(moved, track, style, rng):
    r"""A dip of the head at most accents, brows up at some."""
    frames = track.num_frames
    for time, strength in track.accents:
        period = rng.uniform(8, 13) / style.tempo
        if rng.random() < 0.8:
            size = 0.07 * style.size * strength * np.exp(rng.normal(0, 0.3))
            dip = size * motion.beats(frames, time - period / 2, period, 1)
            moved[:, motion.PITCH] += dip
            moved[:, motion.YAW] += dip * rng.normal(0, 0.3)
        if rng.random() < 0.35:
            rise = 0.35 * style.expressiveness * strength * np.exp(rng.normal(0, 0.3))
            shape = motion.hold(frames, time - 6, 5, rng.uniform(2, 8), 9)
            moved[:, COLUMN["brow_raise"]] += rise * shape


def _shift_pose(moved, track, style, rng):
    r"""Between phrases the head goes to another pose."""
    size = np.array([0.035, 0.07, 0.045]) * style.size
    for start, _ in track.phrases:
        target = rng.normal(0, size)
        slope = rng.uniform(10, 18)
        since = (np.arange(track.num_frames) - start + slope / 2).clip(0, slope) / slope
        step = (1 - np.cos(np.pi * since)) / 2
        moved[:, :3] += step[:, None] * (target - moved[-1, :3] * 0.5)
