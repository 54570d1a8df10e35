r"""The whole system: a speaker's video, a portrait and an attitude become a listener's frames.

    system = mfr.pipeline.load()
    for response in system.respond("speaker.mp4", "face.png", "positive", samples=2):
        mfr.media.write_video("listener.mp4", response.frames())

Frames are read, reconstructed and rendered in small batches, so that memory holds a clip's
coefficients and never its pictures.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr import checkpoint, media
from mfr.audio import acoustic_features
from mfr.coefficients import FRAME_PARAMS, from_motion, load_mat, save_mat, to_motion
from mfr.config import FPS
from mfr.fam import Condition
from mfr.motion import MotionModel, one_hot
from mfr.reconstruction import ReconstructionNet, reconstruct, smooth
from mfr.renderer import Encoded, Renderer, window_coefficients
from mfr.stages import load_identity
from mfr.training import pick_device

WEIGHTS = Path(__file__).parent / "weights"
BATCH = 16  # frames at once in reconstruction and rendering


class Speaker(NamedTuple):
    r"""What the listener sees and hears of a speaker."""

    path: Path  # of the video
    audio: torch.Tensor  # (L, 45) acoustic features
    motion: torch.Tensor  # (L, 70) raw coefficients
    sound: np.ndarray  # (N, channels), exactly L frames long
    sample_rate: int  # [Hz]
    crop: tuple  # (left, top, side) [pixels] or None
    unfamiliar: float  # mean strangeness of the frames; above 1: stranger than training's

    def frames(self):
        r"""The speaker's pictures again, one by one.

        Returns:
            Iterator of L uint8 arrays (256, 256, 3).
        """
        stream = media.stream_video(self.path, crop=self.crop)
        yield from (frame for frame, _ in zip(stream, range(len(self.motion))))


class Portrait(NamedTuple):
    r"""What is known of a listener from one picture."""

    pixels: np.ndarray  # uint8 (256, 256, 3)
    coefficients: np.ndarray  # (257,)
    identity: torch.Tensor  # (1, V), V(I_l)
    encoded: Encoded  # by the renderer, once
    unfamiliar: float  # above 1: stranger than 99 of 100 training frames


class Response(NamedTuple):
    r"""One listener's response: coefficients now, frames when asked for."""

    attitude: str
    sample: int  # which of the K draws
    motion: torch.Tensor  # (L, 70) raw coefficients
    portrait: Portrait
    system: "System"

    def frames(self):
        r"""Render the response.

        Returns:
            Iterator of L uint8 arrays (256, 256, 3).
        """
        return self.system.render(self.portrait, self.motion)

    def save_coefficients(self, path):
        r"""Write a Deep3DFaceRecon .mat that other renderers can take.

        Args:
            path: .mat; angle, exp and trans are the response's, the rest is the portrait's.
        """
        coefficients = from_motion(self.motion.cpu().numpy(), self.portrait.coefficients)
        save_mat(path, coefficients, np.asarray(FRAME_PARAMS))


class System:
    r"""The four networks, ready to respond.

    Args:
        motion: MotionModel.
        identity: V, images -> vectors.
        reconstruction: ReconstructionNet.
        renderer: Renderer.
        device: where they are.
    """

    def __init__(self, motion, identity, reconstruction, renderer, device):
        self.motion, self.identity = motion, identity
        self.reconstruction, self.renderer = reconstruction, renderer
        self.device = device

    def perceive(self, path, coefficients=None, sound=None, crop=None):
        r"""A speaker's video as numbers: 45 of sound and 70 of the face a frame.

        Paper: Sec. 4.1.3.

        Args:
            path: video of any size and frame rate.
            coefficients: Deep3DFaceRecon .mat of it at 30 fps, or None to reconstruct.
            sound: sound file, where the video has none of its own.
            crop: (left, top, side) of the face [pixels], or None for the middle.

        Returns:
            Speaker. Where picture, sound and coefficients differ in length, the shortest counts;
            a warning says so above one frame.

        Raises:
            ValueError: a file is missing or is not what it should be.
        """
        if not media.probe(path).has_video:
            raise ValueError(f"{path}: has sound but no picture; a video is needed")
        waveform, sample_rate = media.read_sound(sound or path)
        if coefficients is None:
            motion, unfamiliar = self._watch(path, crop)
            what = "picture"
        else:
            motion, unfamiliar = to_motion(load_mat(coefficients)[0]), 0.0
            what = str(coefficients)
        heard = int(len(waveform) / sample_rate * FPS + 0.5)
        length = min(len(motion), heard)
        if length < 1:
            raise ValueError(f"{sound or path}: its sound is shorter than one frame")
        if abs(len(motion) - heard) > 1:
            warnings.warn(f"{path}: {what} has {len(motion)} frames, sound {heard}; "
                          f"{length} are used", stacklevel=2)  # fmt: skip
        features = acoustic_features(waveform, sample_rate, num_frames=length)
        return Speaker(
            Path(path), torch.from_numpy(features),
            torch.as_tensor(motion[:length], dtype=torch.float32),
            media.fit_sound(waveform, sample_rate, length / FPS), sample_rate, crop, unfamiliar,
        )  # fmt: skip

    def _watch(self, path, crop):
        """Reconstruct a video batch by batch: ((L, 70), mean unfamiliarity)."""
        rows, strange, batch = [], [], []
        for frame in media.stream_video(path, crop=crop):
            batch.append(frame)
            if len(batch) == BATCH:
                self._look_at(batch, rows, strange)
                batch = []
        if batch:
            self._look_at(batch, rows, strange)
        return to_motion(smooth(np.concatenate(rows))), float(np.mean(strange))

    def _look_at(self, frames, rows, strange):
        """Coefficients of a batch of frames, and how unfamiliar they are."""
        frames = np.stack(frames)
        rows.append(reconstruct(self.reconstruction, frames, smoothing=0))
        strange.append(float(self.reconstruction.unfamiliarity(self._images(frames[:1]))))

    def _images(self, frames):
        """uint8 (B, 256, 256, 3) -> float (B, 3, 256, 256) in [0, 1]."""
        return torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2).float() / 255

    @torch.no_grad()
    def look(self, picture):
        r"""All that is taken from the listener's picture, once.

        Paper: I_l of Sec. 3; V of Sec. 4.1.3.

        Args:
            picture: path of a picture, or uint8 (256, 256, 3).

        Returns:
            Portrait.

        Raises:
            ValueError: the picture cannot be read.
        """
        pixels = picture if isinstance(picture, np.ndarray) else media.read_image(picture)
        image = self._images(pixels[None].copy())
        coefficients = reconstruct(self.reconstruction, pixels[None], smoothing=0)[0]
        encoded = self.renderer.encode(image, torch.from_numpy(coefficients)[None].to(self.device))
        unfamiliar = float(self.reconstruction.unfamiliarity(image))
        return Portrait(pixels, coefficients, self.identity(image), encoded, unfamiliar)

    def respond(
        self, speaker, portrait, attitude, samples=1, seed=0, steps=None, guidance=None,
        progress=None,
    ):  # fmt: skip
        r"""Draw responses of one listener to one speaker.

        Paper: Sec. 3, Fig. 2.

        Args:
            speaker: path of a video, or a Speaker from perceive.
            portrait: path of a picture, or a Portrait from look.
            attitude: positive | neutral | negative.
            samples: K, how many different responses.
            seed: the same seed and K give the same responses.
            steps: DDIM steps; None takes the checkpoint's, 0 the whole chain of Eq. (1).
            guidance: weight of the attitude; None takes the checkpoint's, 1 is none.
            progress: function of (steps done, steps in all), or None.

        Returns:
            List of K Response.

        Raises:
            ValueError: an input is not what it should be.
        """
        attitude_row = one_hot([attitude])
        if samples < 1:
            raise ValueError(f"samples is {samples}; allowed: >= 1")
        speaker = speaker if isinstance(speaker, Speaker) else self.perceive(speaker)
        portrait = portrait if isinstance(portrait, Portrait) else self.look(portrait)
        reference = torch.from_numpy(to_motion(portrait.coefficients))[None]
        cond = Condition(
            audio=speaker.audio[None], speaker=speaker.motion[None],
            identity=portrait.identity, attitude=attitude_row, reference=reference,
        ).to(self.device)  # fmt: skip
        generator = torch.Generator(self.device).manual_seed(seed)
        motions = self.motion.sample(
            cond, samples, generator, steps, guidance, progress=progress
        )  # (K, L, 70)
        return [Response(attitude, k, motion, portrait, self) for k, motion in enumerate(motions)]

    @torch.no_grad()
    def render(self, portrait, motion):
        r"""Frames of a portrait moved by coefficients.

        Paper: Sec. 3.3.

        Args:
            portrait: Portrait.
            motion: (L, 70) raw coefficients.

        Returns:
            Iterator of L uint8 arrays (256, 256, 3).
        """
        windows = window_coefficients(motion, self.renderer.config.window)
        for part in windows.split(BATCH):
            images = self.renderer(portrait.encoded, part.to(self.device))
            yield from (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def load(weights=None, device="auto"):
    r"""The system from a folder of weights.

    Ours.

    Args:
        weights: folder with identity.pt, reconstruction.pt, motion.pt and renderer.pt, as
            train_mfr.py leaves it; None takes the bundled ones.
        device: auto | cpu | cuda.

    Returns:
        System.

    Raises:
        ValueError: a file is missing, damaged, or of another network.
    """
    device, folder = pick_device(device), Path(weights or WEIGHTS)
    if not folder.is_dir():
        raise ValueError(f"weights {folder}: no such folder; it should be what train_mfr.py left")
    networks = []
    for stage, network in (
        ("motion", MotionModel), ("reconstruction", ReconstructionNet), ("renderer", Renderer),
    ):  # fmt: skip
        content = checkpoint.load(folder / f"{stage}.pt", stage, device)
        built = network(content["config"]).to(device)
        checkpoint.restore(built, content["model"], folder / f"{stage}.pt")
        networks.append(built.eval())
    motion, reconstruction, renderer = networks
    motion.diffusion.to(device)
    identity = load_identity(folder / "identity.pt", device)
    return System(motion, identity, reconstruction, renderer, device)
