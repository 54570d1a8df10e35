r"""The 45 numbers of a sound that comes block by block, whatever its length.

A stretch of it is heard at a time, with a second before it, in which the filters settle, and one
after it, into which loudness and slopes look. Whole seconds hold whole frames at every rate, so no
frame is moved.
"""

import numpy as np

from mfr.config import FPS
from mfr.sound.features import acoustic_features
from mfr.sound.framing import check_sound

STRETCH = 30  # [s]
AROUND = 1  # heard before a stretch, and after it [s]


def features_in_stretches(blocks, sample_rate, fps=FPS):
    r"""acoustic_features of a sound in blocks (n,) or (n, channels), but for rounding.

    An iterator of (m, 45) float32, in all of as many frames as the sound lasts, to the nearest.

    Raises:
        ValueError: a block or the rate is not what acoustic_features allows.
    """
    kept, first, begins = np.zeros(0, np.float32), 0, 0  # kept begins at second `first`
    for block in blocks:
        if len(block):
            mono = check_sound(block, sample_rate).mono.astype(np.float32, copy=False)
            kept = np.concatenate([kept, mono])
        while len(kept) >= (begins + STRETCH + AROUND - first) * sample_rate:
            heard = kept[: (begins + STRETCH + AROUND - first) * sample_rate]
            lead = (begins - first) * fps
            frames = acoustic_features(heard, sample_rate, lead + (STRETCH + AROUND) * fps, fps)
            yield frames[lead : lead + STRETCH * fps]
            begins += STRETCH
            kept, first = kept[(begins - AROUND - first) * sample_rate :], begins - AROUND
    count = int(len(kept) / sample_rate * fps + 0.5)  # frames that are left, and lead
    if count > (begins - first) * fps:
        yield acoustic_features(kept, sample_rate, count, fps)[(begins - first) * fps :]
