r"""Sec. 4.1.3: a waveform becomes 45 numbers a frame.

`framing` cuts the samples that belong to a frame, `features` and `loudness` make numbers of them.
`legacy` is the ViCo baseline's vector, for people who hold its files.
"""

from mfr.sound.features import (
    acoustic_features,
    delta,
    mfcc,
    rms_energy,
    zero_crossing_rate,
)
from mfr.sound.loudness import loudness as loudness

__all__ = [
    "acoustic_features",
    "delta",
    "loudness",
    "mfcc",
    "rms_energy",
    "zero_crossing_rate",
]
