r"""Sound and pictures as they come, laid on one row of frames, 30 a second.

Frame i lasts from i/30 to (i + 1)/30 s of the sender's clock. Whatever has a time is laid where
it belongs: what is lost leaves silence, or the last picture; what comes twice or too late is cut.
"""

import numpy as np
import torch

from mfr.config import FPS
from mfr.face.coefficients import to_motion
from mfr.face.reconstruction import smooth
from mfr.sound.features import acoustic_features
from mfr.sound.framing import check_sound

SNAP = 0.02  # times that differ by less are those of one unbroken sound [s]
SETTLED = 6  # frames from the newest on that may still change: loudness looks 200 ms ahead
WARM = 1  # sound heard before the frames that are asked for, for the filters [s]
FARTHEST = 3600  # a gap longer than this is a wrong clock [s]


class SoundLine:
    r"""Samples in, acoustic features of the newest frames out, as if the clip ended there.

    They are those of mfr.sound.acoustic_features for the sound so far: where that looks ahead, the
    newest SETTLED frames see less of it than they will, and are told again when it has come.

    Args:
        rate: [Hz].
    """

    def __init__(self, rate):
        self.rate = check_sound(np.zeros(1, np.float32), rate).rate
        self.parts = []  # arrays of samples, in order
        self.first = self.count = 0  # samples before those that are kept; samples in all
        self.lost = self.late = 0  # samples

    @property
    def frames(self):
        r"""Frames that have been heard to their end."""
        return self.count * FPS // self.rate

    def take(self, samples, at=None):
        r"""Sound as it came.

        Args:
            samples: (n,) or (n, channels), see mfr.sound.acoustic_features; n = 0 is allowed.
            at: when it begins [s], or None: where the sound before it ends.

        Raises:
            ValueError: it is no sound, or begins more than an hour after the sound before it.
        """
        samples = np.asarray(samples)
        if not len(samples):
            return
        mono = check_sound(samples, self.rate).mono.astype(np.float32, copy=False)
        gap = 0 if at is None else round((at - self.count / self.rate) * self.rate)
        if gap > FARTHEST * self.rate:
            raise ValueError(f"sound begins at {at:.0f} s after {self.count / self.rate:.0f} s")
        if gap > SNAP * self.rate:
            self.lost += gap
            self._append(np.zeros(gap, np.float32))
        if gap < -SNAP * self.rate:
            self.late += min(-gap, len(mono))
            mono = mono[-gap:]
        self._append(mono)

    def silence(self, frames):
        r"""Fill up with silence until so many frames have been heard."""
        missing = self.end(frames) - self.count
        if missing > 0:
            self.lost += missing
            self._append(np.zeros(missing, np.float32))

    def end(self, frames):
        r"""Samples that so many frames last, rounded up."""
        return -(-frames * self.rate // FPS)

    def features(self, frames, newest):
        r"""The features of the newest of so many frames.

        Args:
            frames: n, as if the sound ended after them.
            newest: how many to give, 1 .. n.

        Returns:
            (newest, 45) float32.
        """
        # whole seconds hold whole frames at every rate, so no frame is moved
        start = max(0, (frames - newest) // FPS - WARM)
        self._forget(start * self.rate)
        kept = np.concatenate(self.parts)
        self.parts = [kept]
        heard = kept[start * self.rate - self.first : self.end(frames) - self.first]
        return acoustic_features(heard, self.rate, frames - start * FPS)[-newest:]

    def _append(self, samples):
        self.parts.append(samples)
        self.count += len(samples)

    def _forget(self, before):
        """Drop the samples before a number."""
        if self.parts and before > self.first:
            kept = np.concatenate(self.parts)[before - self.first :]
            self.parts, self.first = [kept.copy()], before


class PictureLine:
    r"""Pictures of any rate in, the speaker's coefficients a frame out.

    A frame shows the newest picture that has begun by its middle. Each picture that is shown is
    looked at once; of a camera of 60 a second every other one is never looked at.

    Args:
        look: picture -> (257,) coefficients.
        fps: rate of the camera [1/s]: how long a picture is taken to last.
        before: (70,) raw coefficients of a speaker who has not been seen yet.

    Raises:
        ValueError: fps is outside 1 .. 240.
    """

    def __init__(self, look, fps, before):
        if not 1 <= fps <= 240:
            raise ValueError(f"fps is {fps}; allowed: 1 .. 240")
        self.look, self.fps, self.before = look, fps, before
        self.picture = self.row = None  # the newest one until it is looked at; what one showed
        self.time = None  # when the newest one began [s]
        self.rows = []  # of the newest frames; None before the first picture
        self.first = self.frames = 0  # frames before those that are kept; frames that are settled
        self.lost = self.late = 0  # frames; pictures

    def take(self, picture, at=None):
        r"""A picture as it came.

        Args:
            picture: uint8 (H, W, 3).
            at: when it begins [s], or None: when the one before it ends, or now.

        Raises:
            ValueError: it begins more than an hour after the one before it.
        """
        now = self.frames / FPS
        if at is None:
            at = now if self.time is None else max(self.time + 1 / self.fps, now - 0.5 / FPS)
        if self.time is not None and at <= self.time:
            self.late += 1  # a double, or overtaken
            return
        if at > now + FARTHEST:
            raise ValueError(f"a picture begins at {at:.0f} s after {now:.0f} s")
        self._miss(at)
        self.picture, self.time = picture, at
        self._settle(at + 1 / self.fps)

    def hold(self, frames):
        r"""Go on with the last picture until so many frames are settled."""
        self._miss(frames / FPS)

    def coefficients(self, frames, newest):
        r"""The coefficients of the newest of so many frames, smoothed as if they ended there.

        Args:
            frames: n, of those that are settled.
            newest: how many to give, 1 .. n.

        Returns:
            (newest, 70) float32.
        """
        self._forget(frames - newest - 2 * FPS)
        rows = self.rows[: frames - self.first]
        told = np.tile(self.before, (newest, 1)).astype(np.float32)
        seen = [row for row in rows if row is not None]
        if seen:
            count = min(newest, len(seen))  # none is missing after the first
            told[-count:] = to_motion(smooth(np.stack(seen))[-count:])
        return torch.from_numpy(told)

    def _miss(self, until):
        """The last picture goes on where no other came."""
        before = self.frames
        self._settle(until)
        self.lost += self.frames - before if self.time is not None else 0

    def _settle(self, until):
        """The newest picture is shown by every frame whose middle lies before `until` [s]."""
        while (self.frames + 0.5) / FPS < until - 1e-6:
            if self.picture is not None:
                self.row, self.picture = self.look(self.picture), None
            self.rows.append(self.row)
            self.frames += 1

    def _forget(self, before):
        """Drop the frames before a number."""
        if before > self.first:
            self.rows, self.first = self.rows[before - self.first :], before
