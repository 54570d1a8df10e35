r"""One listener's response: coefficients now, frames and files when asked for."""

import itertools
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr.config import FPS
from mfr.face.coefficients import from_motion, save_mat
from mfr.files import media
from mfr.files.ahead import ahead
from mfr.motion.model import eventful
from mfr.pipeline.portrait import Portrait
from mfr.pipeline.squares import scaled, show
from mfr.render import paste

PASTED = 1920  # longest side of a video of the whole picture [pixels]
MOMENTS = 8  # of a response in a notebook
WAITING = 16  # frames that wait for the encoder, at most


class Response(NamedTuple):
    r"""One listener's response: coefficients now, frames when asked for."""

    attitude: str
    sample: int  # which of the K draws
    motion: torch.Tensor  # (L, 70) raw coefficients
    portrait: Portrait
    system: object  # System, which renders it

    def frames(self):
        r"""Render the response.

        Returns:
            Iterator of L uint8 arrays (256, 256, 3).
        """
        return self.system.render(self.portrait, self.motion)

    def pasted(self):
        r"""The whole picture with the square moving in it; see mfr.render.paste.

        Returns:
            Iterator of L uint8 arrays (H, W, 3) of the picture's size, but even and at most PASTED.
        """
        whole = self.portrait.picture
        picture = media.at_most(whole, PASTED)
        square = scaled(self.portrait.square, picture.shape[1] / whole.shape[1])
        height, width = (side // 2 * 2 for side in picture.shape[:2])  # as videos need
        # at rest or not, what counts as moved is what differs from the picture
        still = show(whole, self.portrait.square)
        return paste.into(picture[:height, :width], square, still, self.frames())

    def beside(self, speaker=None, paste=False, alone=False, seen=None):
        r"""What a video of the response shows; made by other threads, a little ahead of its use.

        Args:
            speaker: Speaker to show on the left, or None.
            paste: the whole picture, not the square of it.
            alone: leave the speaker out and only tell `seen` of it.
            seen: function of (number, speaker's frame or None, listener's), or None.

        Returns:
            Iterator of L uint8 arrays (H, W, 3).
        """
        listener = ahead(self.pasted() if paste else self.frames(), WAITING)
        others = itertools.repeat(None) if speaker is None else ahead(speaker.frames(), WAITING)
        for number, (left, right) in enumerate(zip(others, listener)):
            if seen is not None:
                seen(number, left, right)
            yield right if alone or left is None else np.concatenate([left, right], 1)

    def save(self, path, speaker=None, paste=False, fps=FPS, quality=8):
        r"""Render the response into a video.

        Args:
            path: .mp4, .webm or .gif; it is given back.
            speaker: Speaker to show on the left and to hear, or None for the listener alone.
            paste: in the whole picture, not in the square of it; without the speaker's picture.
            fps: of the video [1/s].
            quality: 1 (small) to 10 (good).
        """
        frames = self.beside(None if paste else speaker, paste)
        sound = {}
        if speaker is not None:
            sound = {"sound": speaker.sound, "sample_rate": speaker.sample_rate}
        with closing(media.at_rate(frames, FPS, fps)) as shown:
            media.write_video(path, shown, fps, quality=quality, **sound)
        return Path(path)

    def strip(self, count=MOMENTS):
        r"""Moments of the response side by side.

        Args:
            count: how many, those that differ most from each other.

        Returns:
            uint8 (256, 256 count, 3).
        """
        frames = self.system.render(self.portrait, self.motion, eventful(self.motion, count))
        return np.concatenate(list(frames), 1)

    def _repr_png_(self):
        return media.to_png(self.strip())

    def save_coefficients(self, path):
        r"""Write a Deep3DFaceRecon .mat that the ViCo baseline and PIRenderer render.

        Args:
            path: .mat; angle, exp and trans are the response's, the rest is the portrait's, its
                crop included: with the crop of another picture the face would change its size.
        """
        coefficients = from_motion(self.motion.cpu().numpy(), self.portrait.coefficients)
        save_mat(path, coefficients, self.portrait.params)
