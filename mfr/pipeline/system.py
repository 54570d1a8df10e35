r"""The networks together: look, perceive, respond, render."""

import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mfr.config import FPS, IMAGE_SIZE
from mfr.face.camera import FRAME_PARAMS, to_frame_camera
from mfr.face.coefficients import EXP, MOTION_EXP, load_mat, to_motion
from mfr.face.reconstruction import reconstruct
from mfr.files import media
from mfr.motion.condition import Condition
from mfr.motion.model import one_hot, scale_motion
from mfr.pipeline import choices, squares
from mfr.pipeline.portrait import Portrait, portrait_coefficients
from mfr.pipeline.response import Response
from mfr.pipeline.speaker import Speaker, hear, watch
from mfr.render.renderer import window_coefficients


class System:
    r"""The four networks, ready to respond.

    Args:
        motion: MotionModel.
        identity: V, images -> vectors.
        reconstruction: ReconstructionNet, or any other images -> (B, 257).
        renderer: Renderer, or another with its encode, forward and config.window; one that has
            `reads_crop` is told the portrait's crop, the others see through our frames' camera.
        device: where they are.
        finder: FinderNet, or None for the middle of every picture.
    """

    def __init__(self, motion, identity, reconstruction, renderer, device, finder=None):
        self.finder = finder
        self.motion, self.identity = motion, identity
        self.reconstruction, self.renderer = reconstruction, renderer
        self.reads_crop = getattr(renderer, "reads_crop", False)
        self.device = device
        self.choice = choices.default()  # how frames are rendered

    def choose(self, choice):
        r"""Take another choices.Choice: threads of the process, precision and batch of rendering.

        Raises:
            ValueError: it is not allowed.
        """
        choices.check(choice)
        self.choice = choice
        torch.set_num_threads(choice.threads)

    def perceive(self, path, coefficients=None, sound=None, crop=None, face=1, progress=None):
        r"""A speaker's video as numbers: 45 of sound and 70 of the face a frame.

        Paper: Sec. 4.1.3.

        Args:
            path: video of any size and frame rate.
            coefficients: Deep3DFaceRecon .mat of it at 30 fps, or None to reconstruct.
            sound: sound file, where the video has none of its own.
            crop: (left, top, side) of the face [pixels], "middle", or None to find the face and,
                should the head walk, to go along with it; with coefficients None is the middle.
            face: which face to find, 1 is the largest.
            progress: function of (done, in all, "pictures" or "frames"), or None.

        Returns:
            Speaker. Where picture, sound and coefficients differ in length, the shortest counts;
            a warning says so above one frame.

        Raises:
            ValueError: a file is missing or is not what it should be.
        """
        if not media.probe(path).has_video:
            raise ValueError(f"{path}: has sound but no picture; a video is needed")
        audio, sound = hear(sound or path)
        others = 0
        if crop is None and coefficients is None and self.finder is not None:
            crop, others = squares.in_video(self, path, face, progress)
        crop = None if isinstance(crop, str) else crop
        if coefficients is None:
            motion, unfamiliar = watch(self, path, crop, progress)
            what = "picture"
        else:
            motion, unfamiliar = to_motion(load_mat(coefficients)[0]), 0.0
            what = str(coefficients)
        length = min(len(motion), len(audio))
        if abs(len(motion) - len(audio)) > 1:
            warnings.warn(
                f"{path}: {what} has {len(motion)} frames, sound {len(audio)}; {length} are used",
                stacklevel=2,
            )
        return Speaker(
            Path(path),
            torch.from_numpy(audio[:length]),
            torch.as_tensor(motion[:length], dtype=torch.float32),
            replace(sound, samples=round(length / FPS * sound.rate)),
            sound.rate,
            crop,
            unfamiliar,
            others,
        )

    def strangeness(self, image):
        r"""How far a frame is from the training's; 0 for a net that cannot tell."""
        judge = getattr(self.reconstruction, "unfamiliarity", None)
        return float(judge(image)) if judge else 0.0

    def images(self, frames):
        r"""uint8 (B, 256, 256, 3) -> float (B, 3, 256, 256) in [0, 1]."""
        return torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2).float() / 255

    @torch.no_grad()
    def look(self, picture, coefficients=None, crop=None, face=1, rest=False):
        r"""All that is taken from the listener's picture, once.

        Paper: I_l of Sec. 3; V of Sec. 4.1.3.

        Args:
            picture: path of a picture, or uint8 (H, W, 3); an array of 256x256 is taken as it is.
            coefficients: Deep3DFaceRecon .mat of it (or of a video that it begins), or None to
                reconstruct.
            crop: (left, top, side) of the face [pixels], "middle", or None to find the face; with
                coefficients None is the middle.
            face: which face to find, 1 is the largest.
            rest: bring an open mouth, a smile or closed lids to rest first; not for renderers
                that were published elsewhere.

        Returns:
            Portrait.

        Raises:
            ValueError: a file cannot be read, there is no face, or not so many.
        """
        name = "picture" if isinstance(picture, np.ndarray) else picture
        whole = picture if isinstance(picture, np.ndarray) else media.read_picture(picture)
        framed = isinstance(picture, np.ndarray) and picture.shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
        others = []
        if crop is None and (framed or coefficients is not None or self.finder is None):
            crop = squares.MIDDLE
        if crop is None:
            square, others = squares.in_picture(self, whole, name, face)
        else:
            square = squares.by_hand(crop, whole, name)
        pixels = squares.show(whole, square)
        image = self.images(pixels[None].copy())
        if coefficients is None:
            own = reconstruct(self.reconstruction, pixels[None], smoothing=0)[0]
            params, unfamiliar = FRAME_PARAMS, self.strangeness(image)
        else:
            own, params = portrait_coefficients(coefficients)
            unfamiliar = 0.0
        seen = torch.from_numpy(self._through(own, params))[None].to(self.device)
        identity = self.identity(image)
        if rest and not self.reads_crop:
            image, seen = self.renderer.at_rest(image, to_motion(seen))
            pixels = _pixels(image)[0]
            own = np.array(own)
            own[EXP] = seen[0, MOTION_EXP].cpu().numpy()
        crop = {"crop": params[2:]} if self.reads_crop else {}
        encoded = self.renderer.encode(image, seen, **crop)
        return Portrait(pixels, own, params, identity, encoded, unfamiliar, whole, square, others)

    def _through(self, coefficients, params):
        """Coefficients of a crop for a renderer that knows our frames' camera alone."""
        return coefficients if self.reads_crop else to_frame_camera(coefficients, params)

    def respond(
        self,
        speaker,
        portrait,
        attitude,
        samples=1,
        seed=0,
        steps=None,
        guidance=None,
        progress=None,
        head_scale=1.0,
        expression_scale=1.0,
    ):
        r"""Draw responses of one listener to one speaker.

        Paper: Sec. 3, Fig. 2.

        Args:
            speaker: path of a video, or a Speaker from perceive.
            portrait: path of a picture, or a Portrait from look.
            seed: the same seed and K samples give the same responses.
            steps: DDIM steps; None takes the checkpoint's, 0 the whole chain of Eq. (1).
            guidance: weight of the attitude; None takes the checkpoint's, 1 is none.
            progress: function of (steps done, steps in all), or None.
            head_scale: times how far the head moves from the portrait's pose; 1: as drawn.
            expression_scale: the same of the face.

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
            audio=speaker.audio[None],
            speaker=speaker.motion[None],
            identity=portrait.identity,
            attitude=attitude_row,
            reference=reference,
        ).to(self.device)
        generator = torch.Generator(self.device).manual_seed(seed)
        motions = self.motion.sample(
            cond, samples, generator, steps, guidance, progress=progress
        )  # (K, L, 70)
        motions = scale_motion(motions, reference.to(motions), head_scale, expression_scale)
        return [Response(attitude, k, motion, portrait, self) for k, motion in enumerate(motions)]

    def live(self, portrait, attitude, **options):
        r"""The listener as a stream, while the speaker is still speaking.

        Args:
            portrait: path of a picture, or a Portrait from look.
            attitude: positive | neutral | negative.
            options: of mfr.live.session.Live: fps, sample_rate, seed, ...

        Returns:
            Live: push what comes, iterate over what is there.

        Raises:
            ValueError: an input is not what it should be.
        """
        from mfr.live.session import Live

        portrait = portrait if isinstance(portrait, Portrait) else self.look(portrait)
        return Live(self, portrait, attitude, **options)

    @torch.no_grad()
    def render(self, portrait, motion, moments=None):
        r"""Frames of a portrait moved by coefficients.

        Paper: Sec. 3.3.

        Args:
            portrait: Portrait.
            motion: (L, 70) raw coefficients.
            moments: numbers of the frames to render, or None for all.

        Returns:
            Iterator of L uint8 arrays (256, 256, 3).
        """
        motion = self._through(motion, portrait.params)
        moments = torch.arange(len(motion)) if moments is None else torch.as_tensor(moments)
        for numbers in moments.split(self.choice.batch):
            part = window_coefficients(motion, self.renderer.config.window, numbers)
            with self._precision():
                images = self.renderer(portrait.encoded, part.to(self.device))
            yield from _pixels(images.float())

    def _precision(self):
        """What the renderer computes in."""
        if self.choice.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, choices.PRECISIONS[self.choice.precision])


def _pixels(images):
    """(B, 3, 256, 256) in [0, 1] to uint8 (B, 256, 256, 3)."""
    return (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
