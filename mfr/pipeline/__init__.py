r"""The whole system: a speaker's video, a portrait and an attitude become a listener's frames.

    from mfr import pipeline

    system = pipeline.load()                       # the bundled weights
    speaker = system.perceive("speaker.mp4")       # the largest face, found and followed; sound
    portrait = system.look("photo.jpg")            # the largest face; face=2, crop=(x, y, side)
    for response in system.respond(speaker, portrait, "positive", samples=2):
        response.save(f"listener_{response.sample}.mp4", speaker)     # beside whom it listens to
        response.save(f"photo_{response.sample}.mp4", paste=True)     # moving in the whole photo
        for frame in response.frames():                               # uint8 (256, 256, 3), 30 a s
            ...

In a notebook a Portrait shows the square that was taken and a Response a row of its moments.
Frames are decoded, reconstructed, rendered and encoded side by side, each a few ahead of the next
(mfr.files.ahead), and motion is drawn a few windows at a time (mfr.motion.cascade): memory holds a
clip's coefficients and never its pictures or its sound. system.choose(choices.Choice(2, "float32",
8)) says how frames are rendered; choices.measured finds out what is quick here.
"""

from mfr.pipeline.loading import FINDER, WEIGHTS, load
from mfr.pipeline.portrait import Portrait, portrait_coefficients
from mfr.pipeline.response import Response
from mfr.pipeline.speaker import Speaker
from mfr.pipeline.squares import MIDDLE, corner
from mfr.pipeline.system import System

__all__ = [
    "FINDER",
    "MIDDLE",
    "WEIGHTS",
    "Portrait",
    "Response",
    "Speaker",
    "System",
    "corner",
    "load",
    "portrait_coefficients",
]
