r"""What training draws from: windows of motion and single frames, all in memory.

Places are drawn on the host, so that a seed means the same batches on every device; what lies there
is gathered on the device. Nothing here waits for it.
"""

import warnings
from copy import copy
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

ON_DEVICE = 4 << 30  # bytes up to which a set of frames or motion is kept on the device


def sent(x, device):
    r"""x on a device; the host does not wait until it is there."""
    if device.type != "cuda" or x.device.type == "cuda":
        return x.to(device)
    return x.pin_memory().to(device, non_blocking=True)


def kept(x, device):
    r"""A set of data where it is drawn from: on the device up to ON_DEVICE bytes, else on the host.

    On the host, the next batch is gathered and sent while the device works at the last one.
    """
    return x.to(device) if x.numel() * x.element_size() <= ON_DEVICE else x


class Reel:
    r"""Clips (L_i, D) one after the other in one tensor: windows of many are one gather.

    Clips that share their memory lie there once.

    Args:
        clips: list of float tensors, one D.
    """

    def __init__(self, clips):
        places, parts, end = {}, [], 0
        for clip in clips:
            if _memory(clip) not in places:
                places[_memory(clip)] = end
                parts.append(clip)
                end += len(clip)
        self.frames = torch.cat(parts)
        self.first = torch.tensor([places[_memory(clip)] for clip in clips])  # (N,)
        self.lengths = torch.tensor([len(clip) for clip in clips])

    def clips(self):
        r"""The list of (L_i, D) again, in the memory of this one."""
        starts, lengths = self.first.tolist(), self.lengths.tolist()
        return [self.frames[start : start + n] for start, n in zip(starts, lengths)]

    def to(self, device):
        r"""Keep it on a device, where it fits."""
        self.frames = kept(self.frames, device)
        self.first, self.lengths = (x.to(self.frames.device) for x in (self.first, self.lengths))

    def windows(self, chosen, frames):
        r"""Frames (B, W) of the clips chosen (B,) -> (B, W, D), zeros where a clip has none."""
        first, lengths = self.first[chosen, None], self.lengths[chosen, None]  # (B, 1)
        outside = (frames < 0) | (frames >= lengths)
        return self.frames[first + frames.masked_fill(outside, 0)].masked_fill(
            outside[..., None], 0
        )


def _memory(clip):
    return clip.data_ptr(), len(clip)


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
        self.reels = [Reel(x) for x in (self.listener, self.audio, self.speaker)]
        self.listener, self.audio, self.speaker = (reel.clips() for reel in self.reels)
        self.lengths = self.reels[0].lengths  # (N,) on the host
        self.attitude = one_hot([clip.attitude for clip in clips])
        self.identity, self.device = None, torch.device("cpu")

    def to(self, device):
        r"""Draw windows for a device, on it where they fit; the lists stay on the host."""
        self.device = torch.device(device)
        self.reels = [copy(reel) for reel in self.reels]
        for reel in self.reels:
            reel.to(self.device)
        return self

    @property
    def num_frames(self):
        r"""Frames of all clips together."""
        return sum(len(x) for x in self.listener)

    def draw(self, count, window, generator, past=0, share=slice(None)):
        r"""B windows at random places of random clips, longer clips more often, in raw units.

        (listener (B, L, 70), Condition of P + L frames), L = window, P = past, on the device.
        Shorter clips are padded and masked, and so is what lies before a clip; the reference is the
        clip's first frame, the portrait in ViCo's task. Of several processes' one batch, `share`
        are the rows that are wanted here.
        """
        places = (self.lengths - window + 1).clamp(min=1)
        chosen = torch.multinomial(places.float(), count, replacement=True, generator=generator)
        starts = (torch.rand(count, generator=generator) * places[chosen]).long()
        chosen, starts = chosen[share], starts[share]
        return self._windows(chosen, starts, window, past)

    def opening(self, clip, frames):
        r"""The first frames of a clip in raw units: listener (L, 70) and the Condition of one.

        On the host; L is as asked, or all that the clip has.
        """
        cut = slice(frames)
        return self.listener[clip][cut], Condition(
            audio=self.audio[clip][None, cut],
            speaker=self.speaker[clip][None, cut],
            identity=self.identity[clip, None],
            attitude=self.attitude[clip, None],
            reference=self.listener[clip][:1],
        )

    def _windows(self, chosen, starts, window, past):
        """The windows (B,) that begin at starts in the clips chosen, both on the host."""
        listener, audio, speaker = self.reels
        at = sent(torch.stack([chosen, starts]), listener.frames.device)
        frames = at[1][:, None] + torch.arange(-past, window, device=at.device)  # (B, P + L)
        condition = Condition(
            audio=audio.windows(at[0], frames),
            speaker=speaker.windows(at[0], frames),
            identity=self.identity[chosen],
            reference=listener.frames[listener.first[at[0]]],
            attitude=self.attitude[chosen],
            mask=(frames >= 0) & (frames < listener.lengths[at[0], None]),
        )
        moved = listener.windows(at[0], frames[:, past:]), *condition
        moved = [sent(x, self.device) for x in moved]
        return moved[0], Condition(*moved[1:])


def _motion_of(path):
    return torch.as_tensor(to_motion(load_mat(path)[0]), dtype=torch.float32)


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
        self.device = torch.device("cpu")

    def to(self, device):
        r"""Give images on a device, out of its own memory where all fit; the rest stays here."""
        self.device = torch.device(device)
        self.frames = kept(self.frames, self.device)
        return self

    @property
    def num_videos(self):
        r"""Videos that the frames are of."""
        return int(self.video.max()) + 1

    def where(self, chosen):
        r"""Some of the frames alone.

        Args:
            chosen: bool (N,).

        Returns:
            FrameData.
        """
        part = copy(self)
        for name in ("frames", "coefficients", "windows", "person", "video"):
            setattr(part, name, getattr(self, name)[chosen])
        return part

    def images(self, index):
        r"""Frames as the networks want them: index (B,) -> float32 (B, 3, 256, 256) in [0, 1]."""
        frames = self.frames[sent(index, self.frames.device)]
        return sent(frames, self.device).permute(0, 3, 1, 2).float() / 255

    def draw(self, count, generator):
        r"""Random frames: int64 (B,) indices."""
        return torch.randint(len(self.frames), (count,), generator=generator)

    def partner(self, index, generator):
        r"""For each frame another of the same video: int64 (B,) -> (B,) indices."""
        first = torch.searchsorted(self.video, self.video[index])
        last = torch.searchsorted(self.video, self.video[index], right=True)
        chance = torch.rand(len(index), generator=generator)
        return first + (chance * (last - first)).long()
