r"""One listener, fed as things come: pictures and sound in, the listener's frames out.

Whenever STRIDE more frames of the speaker are there, the listener's motion goes on by as many; each
frame of it is rendered when it is taken. No frame looks at anything later than the end of the
STRIDE frames that it belongs to. Where an offline response would look farther (loudness, slopes,
smoothing, the renderer's window), everything is as if the clip ended there.
"""

import threading
import time
import warnings
from collections import deque
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM, FPS
from mfr.face.coefficients import to_motion
from mfr.face.reconstruction import reconstruct
from mfr.live.framing import HeadSquare, middle_square
from mfr.live.timeline import SETTLED, PictureLine, SoundLine
from mfr.motion.clips import num_windows
from mfr.motion.condition import Condition
from mfr.motion.model import one_hot, scale_motion
from mfr.motion.stream import LiveMotion

STRIDE = 6  # frames that are waited for [frames]: 200 ms
STEPS = 8  # of DDIM a window
PATIENCE = 3  # frames that sound and pictures wait for each other [frames]: 100 ms
WAITING = 18_000  # frames that may wait to be taken [frames]: ten minutes of 70 numbers each
SOUND_RATE = 16_000  # [Hz]
STAGES = ("see", "hear", "move", "render")

# what is said, once
LOST = {
    "sound": "some sound was lost: silence takes its place",
    "pictures": "some pictures were lost, or came too fast: the one before takes their place",
}
LATE = {
    "sound": "some sound came twice or too late: it is left out",
    "pictures": "some pictures came twice or too late: they are left out",
}
MISSING = {
    "sound": "no sound comes: the listener answers the pictures alone",
    "pictures": "no pictures come: the listener answers the sound alone",
}


class LiveFrame(NamedTuple):
    r"""One frame of the listener."""

    number: int  # it answers what the speaker did from number/30 to (number + 1)/30 s
    pixels: np.ndarray  # uint8 (256, 256, 3)


class Work(dict):
    r"""Stage -> processor time that its thread has spent on it [s]."""

    @contextmanager
    def on(self, stage):
        r"""Count what happens inside."""
        begun = time.thread_time()
        try:
            yield
        finally:
            self[stage] = self.get(stage, 0.0) + time.thread_time() - begun


class Live:
    r"""A listener who answers while the speaker is still speaking.

    The frames do not depend on how the input is cut, as long as sound and pictures stay within
    PATIENCE of each other; then the one that is behind is taken as missing: silence, or a speaker
    who holds still. Times are the sender's; without them each chunk follows the one before.

    Args:
        attitude: positive | neutral | negative; may be set again at any time.
        fps, sample_rate: of the camera [1/s], of the sound [Hz].
        seed: the same seed and input give the same frames.
        stride, steps: frames that are waited for [frames]; DDIM steps a window.
        guidance: weight of the attitude; None takes the checkpoint's, 1 is none.
        look: picture -> (257,) coefficients of the speaker; None finds the face and reconstructs.
        say: function of a sentence, called once for each kind of trouble; None warns.

    Raises:
        ValueError: an argument is outside what is allowed.
    """

    def __init__(
        self,
        system,
        portrait,
        attitude,
        fps=FPS,
        sample_rate=SOUND_RATE,
        seed=0,
        stride=STRIDE,
        steps=STEPS,
        guidance=None,
        look=None,
        say=None,
    ):
        self.system, self.portrait = system, portrait
        self.sample_rate = sample_rate
        self.head = self.expression = 1.0  # how far the motion leaves the portrait, times this
        self.hurried = False  # may respond to more than the stride at once, when far behind
        self._attitude, self._attitude_now = attitude, attitude
        self._say, self._said = say or warnings.warn, set()
        num_windows(1, system.motion.config.window, stride)  # checks it
        self._stride, self._device = stride, system.device
        self.work = Work.fromkeys(STAGES, 0.0)
        unseen = system.motion.speaker.mean.cpu().numpy()
        look = look or _looker(system)
        self._sound, self._pictures = SoundLine(sample_rate), PictureLine(look, fps, unseen)
        self._missing = {"sound": False, "pictures": False}
        self._reference = torch.from_numpy(to_motion(portrait.coefficients))[None]
        cond = Condition(
            audio=torch.zeros(1, 1, AUDIO_DIM),
            speaker=torch.zeros(1, 1, COEFFICIENT_DIM),
            identity=portrait.identity,
            attitude=one_hot([attitude]),
            reference=self._reference,
        ).to(self._device)
        generator = torch.Generator(self._device).manual_seed(seed)
        self._motion = LiveMotion(system.motion, cond, generator, steps, guidance)
        self._inlet = threading.Lock()  # one chunk at a time; held while it is answered
        self._outlet = threading.Lock()  # of what is below; held for a moment only
        self._answered = 0  # frames whose motion is known
        self._rows, self._first = [], 0  # (70,) of the frames first .. answered - 1
        self._ends = deque()  # (number, the end of its stride) of the frames that wait

    @property
    def attitude(self):
        r"""positive | neutral | negative; a new one shows in frames that are not answered yet."""
        return self._attitude

    @attitude.setter
    def attitude(self, name):
        r"""From the next stride on.

        Raises:
            ValueError: the name is another.
        """
        if name not in ATTITUDES:
            allowed = ", ".join(ATTITUDES)
            raise ValueError(f"attitude {name!r} is unknown; allowed: {allowed}")
        self._attitude = name

    @property
    def waiting(self):
        r"""Frames that can be taken now."""
        return len(self._ends)

    @property
    def next_number(self):
        r"""Number of the frame that is taken next."""
        return self._ends[0][0] if self._ends else self._answered

    def push(self, frames=(), sound=None, frames_at=None, sound_at=None):
        r"""Take what came, of any length, and answer it as far as it is complete.

        Args:
            frames: pictures of the speaker, uint8 (H, W, 3) each, or one array of them; may be
                empty.
            sound: (n,) or (n, channels) samples, see mfr.sound.acoustic_features, or None.
            frames_at: when the first picture begins, or a list with a time for each [s].
            sound_at: when the sound begins [s]. What has no time follows what came before it.

        Raises:
            ValueError: frames or sound are not what they should be; nothing is taken then.
        """
        frames = [_picture(frame) for frame in frames]
        times = _times(frames, frames_at, self._pictures.fps)
        with self._inlet:
            with self.work.on("hear"):
                self._take(self._sound, [] if sound is None else [(sound, sound_at)])
            with self.work.on("see"):
                self._take(self._pictures, zip(frames, times))
            if sound is not None and len(sound):
                self._missing["sound"] = False
            if len(times):
                self._missing["pictures"] = False
            while self._complete(end := self._answered + self._stride):
                if self.hurried:
                    end = self._hurry(end)
                self._answer(end)

    def end(self):
        r"""Nothing more comes: answer the frames that still wait for their stride to be full."""
        with self._inlet:
            there = [
                line.frames
                for name, line in (("sound", self._sound), ("pictures", self._pictures))
                if not self._missing[name] and line.frames
            ]
            last = min(there, default=0)
            if last > self._answered:
                self._fill(last)
                self._answer(last)

    def __iter__(self):
        r"""The frames that can be taken now."""
        while (frame := self.take()) is not None:
            yield frame

    def take(self):
        r"""The next frame, rendered.

        Returns:
            LiveFrame, or None where none is there yet.
        """
        with self._outlet:
            if not self._ends:
                return None
            number, end = self._ends.popleft()
            reach = self.system.renderer.config.window // 2
            start = max(0, number - reach)
            rows = torch.stack(self._rows[start - self._first : end - self._first])
            self._forget(number + 1 - reach)
        with self.work.on("render"):
            (pixels,) = self.system.render(self.portrait, self._scaled(rows), [number - start])
        return LiveFrame(number, pixels)

    def skip(self, number):
        r"""Leave out the frames before a number.

        Args:
            number: of the frame that is wanted next.

        Returns:
            How many were left out.
        """
        with self._outlet:
            before = len(self._ends)
            while self._ends and self._ends[0][0] < number:
                self._ends.popleft()
            return before - len(self._ends)

    def _take(self, line, parts):
        lost, late = line.lost, line.late
        for part, at in parts:
            line.take(part, at)
        what = "sound" if line is self._sound else "pictures"
        if line.lost > lost and not self._missing[what]:
            self._tell(LOST[what])
        if line.late > late:
            self._tell(LATE[what])

    def _tell(self, sentence):
        """Say it, once."""
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)

    def _complete(self, end):
        """Whether so many frames of the speaker have come, or will not come any more."""
        behind = {
            "sound": self._sound.frames < end,
            "pictures": self._pictures.frames < end,
        }
        if not any(behind.values()):
            return True
        if all(behind.values()):
            return False
        late = "sound" if behind["sound"] else "pictures"
        other = self._pictures if behind["sound"] else self._sound
        if other.frames < end + (0 if self._missing[late] else PATIENCE):
            return False
        self._missing[late] = True
        self._tell(MISSING[late])
        self._fill(end)
        return True

    def _fill(self, end):
        """Silence, or the last picture, where nothing came."""
        self._sound.silence(end)
        self._pictures.hold(end)

    def _hurry(self, end):
        """The farthest end that one window can answer."""
        there = min(self._sound.frames, self._pictures.frames)
        return min(max(end, there), self._answered + self.system.motion.config.window // 2)

    def _answer(self, end):
        """The listener's motion up to a frame, from the speaker's up to the same."""
        if self._attitude_now != self._attitude:
            self._attitude_now = self._attitude
            self._motion.stream.attitude = one_hot([self._attitude]).to(self._device)
        again = min(SETTLED, self._answered)
        newest = end - self._answered + again
        with self.work.on("hear"):
            audio = torch.from_numpy(self._sound.features(end, newest)).to(self._device)
        with self.work.on("see"):
            speaker = self._pictures.coefficients(end, newest).to(self._device)
        with self.work.on("move"):
            rows = self._motion.answer(audio, speaker, again).cpu()
        with self._outlet:
            self._rows.extend(rows)
            self._ends.extend((number, end) for number in range(self._answered, end))
            self._answered = end
            self._forget(self._ends[0][0] - self.system.renderer.config.window)
        if len(self._ends) > WAITING:
            self._tell(f"more than {WAITING} frames wait to be taken: the oldest are left out")
            self.skip(end - WAITING)

    def _forget(self, before):
        """Drop the motion of the frames before a number."""
        if before > self._first:
            self._rows, self._first = self._rows[before - self._first :], before

    def _scaled(self, rows):
        """Coefficients (n, 70) as far from the portrait's as head and expression say."""
        return scale_motion(rows, self._reference, self.head, self.expression)


def _looker(system):
    """picture -> (257,) coefficients: the face's square, or without a finder the middle's."""
    square = middle_square
    if system.finder is not None:
        square = HeadSquare(system.finder, system.reconstruction)

    def look(picture):
        face = np.require(square(picture), requirements=["C", "W"])
        return reconstruct(system.reconstruction, face[None], smoothing=0)[0]

    return look


def _times(frames, at, fps):
    """When each picture begins, or None."""
    if at is None or isinstance(at, (int, float)):
        return [None if at is None else at + i / fps for i in range(len(frames))]
    if len(at) != len(frames):
        raise ValueError(f"{len(frames)} frames have {len(at)} times; allowed: one each")
    return list(at)


def _picture(frame):
    """A picture, or an error that says what is allowed."""
    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or min(frame.shape) < 1:
        raise ValueError(f"a frame is {frame.dtype} {frame.shape}; allowed: uint8 (H, W, 3)")
    return frame
