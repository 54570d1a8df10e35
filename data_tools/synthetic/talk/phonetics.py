r"""Vowels, consonants and voices: what the speech synthesis is made of."""

from dataclasses import dataclass

import numpy as np

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
    "f": Consonant(
        0.09, frication=0.16, centre=5000, width=3000, closure=0.6, formants=(320, 1100, 2200)
    ),
    "v": Consonant(0.06, 0.25, 0.08, 4500, 2500, closure=0.6, formants=(300, 1100, 2200)),
    "m": Consonant(0.07, 0.35, closure=1.0, formants=(250, 1050, 2200)),
    "n": Consonant(0.065, 0.35, formants=(250, 1600, 2500)),
    "l": Consonant(0.06, 0.45, formants=(360, 1150, 2700)),
    "r": Consonant(0.06, 0.45, formants=(380, 1150, 1650)),
    "w": Consonant(0.06, 0.4, closure=0.5, formants=(300, 700, 2200)),
}
_ONSET_CHANCE = np.array([3, 2, 2, 4, 3, 3, 4, 1, 1, 1, 3, 4, 3, 2, 1]) / 37  # in their order


def sample_onset(rng):
    r"""Draw the consonant that a syllable begins with.

    Args:
        rng: numpy Generator.

    Returns:
        A key of CONSONANTS; "" is a syllable without one.
    """
    return tuple(CONSONANTS)[rng.choice(len(CONSONANTS), p=_ONSET_CHANCE)]


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
