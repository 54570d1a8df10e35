r"""What training draws from: windows of motion and single frames, all in memory."""

import warnings
from functools import lru_cache

import numpy as np
import torch

from mfr.config import FPS
from mfr.face.camera import to_frame_camera
from mfr.face.coefficients import load_mat, to_motion
from mfr.files import media
from mfr.files.vico import some_frames
from mfr.motion.condition import Condition
from mfr.motion.model import one_hot
from mfr.sound.features import acoustic_features


class MotionData:
    r"""Every frame of every clip as numbers, in memory; windows are drawn from it.

    Holds audio, speaker and listener, lists of float32 (L, 45), (L, 70), (L, 70) in raw units;
    attitude, (N, 3) one-hot, a zero row where the release has none; and identity, (N, V) vectors
    of the listeners' portraits, set by the caller.
    """

    def __init__(self, clips):
        self.clips, self.audio, self.speaker, self.listener = clips, [], [], []
        # Several listeners may answer one speech, in rows that follow one another: it is read
        # once, and their rows share its memory.
        motion_of, sound_of = lru_cache(2)(_motion_of), lru_cache(2)(media.read_sound)
        features_of = lru_cache(2)(
            lambda path, length: torch.from_numpy(acoustic_features(*sound_of(path), length))
        )
        for clip in clips:
            speaker = motion_of(clip.speaker_mat)
            listener = to_motion(load_mat(clip.listener_mat)[0])
            waveform, sample_rate = sound_of(clip.audio)
            sound_frames = int(len(waveform) / sample_rate * FPS + 0.5)
            lengths = {"speaker": len(speaker), "listener": len(listener), "sound": sound_frames}
            length = min(lengths.values())
            if max(lengths.values()) - length > 1:
                listed = ", ".join(f"{name} {frames}" for name, frames in lengths.items())
                warnings.warn(f"{clip.audio.stem}: {listed} frames; cut to {length}", stacklevel=2)
            self.audio.append(features_of(clip.audio, length))
            self.speaker.append(speaker[:length])
            self.listener.append(torch.as_tensor(listener[:length], dtype=torch.float32))
        self.attitude = one_hot([clip.attitude for clip in clips])
        self.identity = None

    @property
    def num_frames(self):
        r"""Frames of all clips together."""
        return sum(len(x) for x in self.listener)

    def draw(self, count, window, generator, past=0):
        r"""B windows at random places of random clips, longer clips more often, in raw units.

        (listener (B, L, 70), Condition of P + L frames), L = window, P = past. Shorter clips are
        padded and masked, and so is what lies before a clip; the reference is the clip's first
        frame, the portrait in ViCo's task.
        """
        places = torch.tensor([max(1, len(x) - window + 1) for x in self.listener])
        chosen = torch.multinomial(places.float(), count, replacement=True, generator=generator)
        starts = (torch.rand(count, generator=generator) * places[chosen]).long()
        rows = []
        for i, start in zip(chosen.tolist(), starts.tolist()):
            rows.append(
                (
                    _cut(self.listener[i], start, window),
                    _cut(self.audio[i], start - past, past + window),
                    _cut(self.speaker[i], start - past, past + window),
                    self.listener[i][0],
                )
            )
        listener, audio, speaker, reference = (torch.stack(x) for x in zip(*rows))
        frames = starts[:, None] + torch.arange(-past, window)  # (B, P + L)
        lengths = torch.tensor([len(x) for x in self.listener])[chosen, None]
        condition = Condition(
            audio=audio,
            speaker=speaker,
            identity=self.identity[chosen],
            reference=reference,
            attitude=self.attitude[chosen],
            mask=(frames >= 0) & (frames < lengths),
        )
        return listener, condition


def _motion_of(path):
    return torch.as_tensor(to_motion(load_mat(path)[0]), dtype=torch.float32)


def _cut(x, start, length):
    r"""Frames start .. start + length of (L, D), zeros where x has none: (length, D)."""
    part = x[max(start, 0) : start + length]
    before = max(-start, 0)
    return torch.nn.functional.pad(part, (0, 0, before, length - before - len(part)))


class FrameData:
    r"""A thinned set of frames of every video with its coefficients, in memory as uint8.

    Holds frames, uint8 (N, 256, 256, 3); coefficients, float32 (N, 257), of the same frames, as
    the camera of the whole frame sees them, which is what the networks are used with;
    windows, float32 (N, W, 70), the motion about each, clamped at the clip's ends; person, int64
    (N,), an index into people, -1 for others; video, int64 (N,), which video a frame is of.

    Args:
        window: W, odd [frames].
        people: names that count, or None for all that appear.
        per_video: about how many frames of a video without stills.
    """

    def __init__(self, clips, window, people=None, per_video=15):
        frames, coefficients, windows, person, video = [], [], [], [], []
        roles = [(c.listener, c.listener_mat, c.listener_id) for c in clips]
        roles += [(c.speaker, c.speaker_mat, c.speaker_id) for c in clips]
        roles = sorted(set(roles))
        self.people = people or sorted({name for _, _, name in roles})
        for number, (path, mat, name) in enumerate(roles):
            truth, params = load_mat(mat)
            truth = truth if params is None else to_frame_camera(truth, params)
            pictures, index = some_frames(path, len(truth), per_video)
            motion = to_motion(truth)
            places = index[:, None] + np.arange(window) - window // 2
            frames.append(torch.from_numpy(pictures))
            coefficients.append(torch.as_tensor(truth[index], dtype=torch.float32))
            window_motion = motion[places.clip(0, len(motion) - 1)]  # (n, W, 70)
            windows.append(torch.as_tensor(window_motion, dtype=torch.float32))
            person += [self.people.index(name) if name in self.people else -1] * len(index)
            video += [number] * len(index)
        self.frames, self.coefficients = torch.cat(frames), torch.cat(coefficients)
        self.windows = torch.cat(windows)
        self.person, self.video = torch.tensor(person), torch.tensor(video)

    @property
    def num_videos(self):
        r"""Videos that the frames are of."""
        return int(self.video.max()) + 1

    def images(self, index):
        r"""Frames as the networks want them: index (B,) -> float32 (B, 3, 256, 256) in [0, 1]."""
        return self.frames[index].permute(0, 3, 1, 2).float() / 255

    def draw(self, count, generator):
        r"""Random frames: int64 (B,) indices."""
        return torch.randint(len(self.frames), (count,), generator=generator)

    def partner(self, index, generator):
        r"""For each frame another of the same video: int64 (B,) -> (B,) indices."""
        first = torch.searchsorted(self.video, self.video[index])
        last = torch.searchsorted(self.video, self.video[index], right=True)
        chance = torch.rand(len(index), generator=generator)
        return first + (chance * (last - first)).long()
