r"""Speech-like sound with a known inside: phrases, stress, pitch, pauses and mood.

A plan is drawn first (syllables of a consonant and a vowel, grouped in phrases with accents),
then turned into control curves of sound and lips, then into a waveform. The plan does not depend
on the sample rate.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np
from scipy.ndimage import gaussian_filter1d

from data_tools.synthetic.talk import motion, sound
from data_tools.synthetic.talk.motion import FPS
from data_tools.synthetic.talk.phonetics import CONSONANTS, VOWELS, sample_onset


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
    waveform = sound.in_a_room(waveform, sample_rate, voice.noise_db, voice.echo_seconds, sound_rng)
    waveform *= min(1.0, 0.97 / np.abs(waveform).max())
    return Speech(
        waveform.astype(np.float32),
        sample_rate,
        _track(frames, phrases, syllables, controls, lips, mood),
    )


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
        onset = sample_onset(rng)
        kinds = list(VOWELS)[:-1] if stress[index] else list(VOWELS)
        vowel = kinds[rng.integers(len(kinds))]
        begin, finish = edges[index], edges[index + 1]
        split = begin + min(CONSONANTS[onset].seconds, 0.45 * (finish - begin))
        openness, rounding = VOWELS[vowel][3:]
        rows.append(
            Syllable(
                *(round(x * FPS, 3) for x in (begin, split, finish)),
                onset,
                vowel,
                openness,
                rounding,
                round(float(stress[index]), 3),
            )
        )
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
        openness=openness,
        rounding=rounding,
        closure=closure,
        mood=mood,
    )
