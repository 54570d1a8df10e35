r"""The whole system: a speaker's video, a portrait and an attitude become a listener's frames.

    system = mfr.pipeline.load()
    for response in system.respond("speaker.mp4", "face.png", "positive", samples=2):
        mfr.files.media.write_video("listener.mp4", response.frames())

Frames are read, reconstructed and rendered in small batches, so that memory holds a clip's
coefficients and never its pictures.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr.config import FPS, IMAGE_SIZE, STAGES
from mfr.face.camera import (
    FOCAL,
    FRAME_PARAMS,
    FRAME_SIZE,
    frame_camera,
    to_frame_camera,
)
from mfr.face.coefficients import EXP, MOTION_EXP, from_motion, load_mat, save_mat, to_motion
from mfr.face.reconstruction import ReconstructionNet, reconstruct, smooth
from mfr.files import media
from mfr.motion.condition import Condition
from mfr.motion.model import MotionModel, one_hot
from mfr.render.renderer import Encoded, Renderer, window_coefficients
from mfr.sound.features import acoustic_features
from mfr.training import checkpoint
from mfr.training.averaging import pick_device
from mfr.training.identity import load_identity

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
    unfamiliar: float  # mean over frames; above 1: stranger than training's; 0: not known

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
    params: tuple  # its transform_params: 256, 256, scale, tx, ty
    identity: torch.Tensor  # (1, V), V(I_l)
    encoded: Encoded  # by the renderer, once
    unfamiliar: float  # above 1: stranger than 99 of 100 training frames; 0: not known


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
        r"""Write a Deep3DFaceRecon .mat that the ViCo baseline and PIRenderer render.

        Args:
            path: .mat; angle, exp and trans are the response's, the rest is the portrait's, its
                crop included: with the crop of another picture the face would change its size.
        """
        coefficients = from_motion(self.motion.cpu().numpy(), self.portrait.coefficients)
        save_mat(path, coefficients, self.portrait.params)


class System:
    r"""The four networks, ready to respond.

    Args:
        motion: MotionModel.
        identity: V, images -> vectors.
        reconstruction: ReconstructionNet, or any other images -> (B, 257).
        renderer: Renderer, or another with its encode, forward and config.window; one that has
            `reads_crop` is told the portrait's crop, the others see through our frames' camera.
        device: where they are.
    """

    def __init__(self, motion, identity, reconstruction, renderer, device):
        self.motion, self.identity = motion, identity
        self.reconstruction, self.renderer = reconstruction, renderer
        self.reads_crop = getattr(renderer, "reads_crop", False)
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
            warnings.warn(
                f"{path}: {what} has {len(motion)} frames, sound {heard}; {length} are used",
                stacklevel=2,
            )
        features = acoustic_features(waveform, sample_rate, num_frames=length)
        return Speaker(
            Path(path),
            torch.from_numpy(features),
            torch.as_tensor(motion[:length], dtype=torch.float32),
            media.fit_sound(waveform, sample_rate, length / FPS),
            sample_rate,
            crop,
            unfamiliar,
        )

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
        strange.append(self._strangeness(self._images(frames[:1])))

    def _strangeness(self, image):
        """How far a frame is from the training's; 0 for a net that cannot tell."""
        judge = getattr(self.reconstruction, "unfamiliarity", None)
        return float(judge(image)) if judge else 0.0

    def _images(self, frames):
        """uint8 (B, 256, 256, 3) -> float (B, 3, 256, 256) in [0, 1]."""
        return torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2).float() / 255

    @torch.no_grad()
    def look(self, picture, coefficients=None, rest=False):
        r"""All that is taken from the listener's picture, once.

        Paper: I_l of Sec. 3; V of Sec. 4.1.3.

        Args:
            picture: path of a picture, or uint8 (256, 256, 3).
            coefficients: Deep3DFaceRecon .mat of it (or of a video that it begins), or None to
                reconstruct.
            rest: bring an open mouth, a smile or closed lids to rest first; not for renderers
                that were published elsewhere.

        Returns:
            Portrait.

        Raises:
            ValueError: a file cannot be read.
        """
        pixels = picture if isinstance(picture, np.ndarray) else media.read_image(picture)
        image = self._images(pixels[None].copy())
        if coefficients is None:
            own = reconstruct(self.reconstruction, pixels[None], smoothing=0)[0]
            params, unfamiliar = FRAME_PARAMS, self._strangeness(image)
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
        return Portrait(pixels, own, params, identity, encoded, unfamiliar)

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
    ):
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
        windows = window_coefficients(motion, self.renderer.config.window)
        if moments is not None:
            windows = windows[torch.as_tensor(moments)]
        for part in windows.split(BATCH):
            images = self.renderer(portrait.encoded, part.to(self.device))
            yield from _pixels(images)


def _pixels(images):
    """(B, 3, 256, 256) in [0, 1] to uint8 (B, 256, 256, 3)."""
    return (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def portrait_coefficients(path):
    r"""A portrait's own Deep3DFaceRecon file, its crop brought to the 256x256 picture.

    Args:
        path: .mat of a picture of any size, or of a video; its first frame counts.

    Returns:
        (float32 (257,), transform_params: 256, 256, scale, tx, ty).
    """
    coeff, params = load_mat(path)
    first = coeff[0].copy()
    if params is None:
        return first, FRAME_PARAMS
    focal, centre = frame_camera(params[0].astype(np.float64))
    return first, (FRAME_SIZE, FRAME_SIZE, FOCAL / float(focal), *centre.tolist())


def load(weights=None, device="auto", renderer=None, identity=None, reconstruction=None):
    r"""The system from a folder of weights, with other networks in the place of some.

    Ours. A folder may hold some of the four files, as after `train_mfr.py motion`; the bundled
    ones take the place of the others, as they did in training, and a warning says so.

    Args:
        weights: folder with identity.pt, reconstruction.pt, motion.pt and renderer.pt, as
            train_mfr.py leaves it; None takes the bundled ones.
        renderer: a network in the place of renderer.pt, as mfr.official.load gives it, or None.
        identity: the same for identity.pt; motion.pt must have been trained with it.
        reconstruction: the same for reconstruction.pt.

    Returns:
        System.

    Raises:
        ValueError: a file is missing, damaged, or of another network, or motion.pt was trained
            with another identity net.
    """
    device = pick_device(device)
    given = {"renderer": renderer, "identity": identity, "reconstruction": reconstruction}
    needed = [stage for stage in STAGES if given.get(stage) is None]
    files = _files(Path(weights or WEIGHTS), needed)
    motion = _ours("motion", MotionModel, files, device)
    if identity is None:
        identity = load_identity(files["identity"], device)
    _check_identity(motion, identity.to(device), files["motion"], device)
    if reconstruction is None:
        reconstruction = _ours("reconstruction", ReconstructionNet, files, device)
    if renderer is None:
        renderer = _ours("renderer", Renderer, files, device)
    return System(motion, identity, reconstruction.to(device), renderer.to(device), device)


def _files(folder, needed):
    """stage -> weights file, of the folder or, where it has none, the bundled one."""
    if not folder.is_dir():
        raise ValueError(f"weights {folder}: no such folder; it should be what train_mfr.py left")
    files = {stage: folder / f"{stage}.pt" for stage in needed}
    absent = [stage for stage, path in files.items() if not path.exists()]
    if absent == needed:
        raise ValueError(
            f"weights {folder}: holds none of {', '.join(path.name for path in files.values())}"
        )
    if "motion" in absent and "identity" in needed and "identity" not in absent:
        raise ValueError(
            f"weights {folder}: has identity.pt and no motion.pt trained with it; "
            f"python train_mfr.py motion --data FOLDER --run {folder}"
        )
    if absent:
        names = ", ".join(files[stage].name for stage in absent)
        warnings.warn(f"{folder} has no {names}; bundled weights take their place", stacklevel=3)
    return files | {stage: WEIGHTS / f"{stage}.pt" for stage in absent}


def _ours(stage, build, files, device):
    """A network of ours with its weights."""
    content = checkpoint.load(files[stage], stage, device)
    network = build(content["config"]).to(device)
    checkpoint.restore(network, content["model"], files[stage])
    return network.eval()


@torch.no_grad()
def _check_identity(motion, V, path, device):
    """Refuse an identity net whose vectors are not as long as those the motion was trained with."""
    wanted = motion.config.identity_dim
    found = V(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE, device=device)).shape[1]
    if found == wanted:
        return
    kind = getattr(V, "kind", "")
    mend = f"name the one that it was trained with (--identity KIND=FILE), not {found}"
    if kind:
        mend = (
            f"{kind} gives {found}; train it for them: python train_mfr.py motion --identity "
            f"{kind}=FILE --data FOLDER --run DIR; then --weights DIR"
        )
    raise ValueError(f"{path}: takes identity vectors of {wanted} numbers; {mend}")
