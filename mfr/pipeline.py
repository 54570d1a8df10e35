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
Frames are read, reconstructed and rendered in small batches, so that memory holds a clip's
coefficients and never its pictures.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mfr.config import FPS, IMAGE_SIZE, STAGES
from mfr.face import finder, track
from mfr.face.camera import (
    FOCAL,
    FRAME_PARAMS,
    FRAME_SIZE,
    frame_camera,
    to_frame_camera,
)
from mfr.face.coefficients import (
    EXP,
    MOTION_EXP,
    from_motion,
    load_mat,
    save_mat,
    to_motion,
)
from mfr.face.finder import Face, FinderNet
from mfr.face.reconstruction import ReconstructionNet, reconstruct, smooth
from mfr.files import media
from mfr.motion.condition import Condition
from mfr.motion.model import MotionModel, eventful, one_hot, scale_motion
from mfr.render import paste
from mfr.render.renderer import Encoded, Renderer, window_coefficients
from mfr.sound.features import acoustic_features
from mfr.training import checkpoint
from mfr.training.averaging import pick_device
from mfr.training.identity import load_identity

WEIGHTS = Path(__file__).parent / "weights"
FINDER = WEIGHTS / "finder.pt"
BATCH = 16  # frames at once in reconstruction and rendering
MIDDLE = "middle"  # as a crop: the largest square in the middle, whatever it shows
SEARCHED = 1280  # longest side of what faces are looked for in [pixels]
WATCHED = 640  # the same of a video
GLANCES = 240  # about how many pictures of a video faces are looked for in
REFINED = 6  # of them in which the reconstruction says where the head is
PASTED = 1920  # longest side of a video of the whole picture [pixels]
MOMENTS = 8  # of a response in a notebook


class Speaker(NamedTuple):
    r"""What the listener sees and hears of a speaker."""

    path: Path  # of the video
    audio: torch.Tensor  # (L, 45) acoustic features
    motion: torch.Tensor  # (L, 70) raw coefficients
    sound: np.ndarray  # (N, channels), exactly L frames long
    sample_rate: int  # [Hz]
    crop: object  # (left, top, side) [pixels], an array (L, 3) of them a frame, or None: middle
    unfamiliar: float  # mean over frames; above 1: stranger than training's; 0: not known
    others: int = 0  # faces besides

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
    picture: np.ndarray  # uint8 (H, W, 3), the whole of it
    square: Face  # of the picture, which `pixels` shows
    others: list = []  # of Face, besides

    def _repr_png_(self):
        return media.to_png(self.shown())

    def shown(self, longest=WATCHED):
        r"""The picture with the square on it, other faces in grey.

        Args:
            longest: side that the result's is not above [pixels].

        Returns:
            uint8 (h, w, 3).
        """
        small = media.at_most(self.picture, longest)
        grow = small.shape[1] / self.picture.shape[1]
        squares = [_scaled(face, grow).corners() for face in (self.square, *self.others)]
        return media.outlined(small, squares)


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

    def pasted(self):
        r"""The whole picture with the square moving in it; see mfr.render.paste.

        Returns:
            Iterator of L uint8 arrays (H, W, 3) of the picture's size, but even and at most PASTED.
        """
        whole = self.portrait.picture
        picture = media.at_most(whole, PASTED)
        square = _scaled(self.portrait.square, picture.shape[1] / whole.shape[1])
        height, width = (side // 2 * 2 for side in picture.shape[:2])  # as videos need
        # at rest or not, what counts as moved is what differs from the picture
        still = _show(whole, self.portrait.square)
        return paste.into(picture[:height, :width], square, still, self.frames())

    def save(self, path, speaker=None, paste=False, fps=FPS, quality=8):
        r"""Render the response into a video.

        Args:
            path: .mp4, .webm or .gif; it is given back.
            speaker: Speaker to show on the left and to hear, or None for the listener alone.
            paste: in the whole picture, not in the square of it; without the speaker's picture.
            fps: of the video [1/s].
            quality: 1 (small) to 10 (good).
        """
        frames = self.pasted() if paste else self.frames()
        sound = {}
        if speaker is not None:
            sound = {"sound": speaker.sound, "sample_rate": speaker.sample_rate}
            if not paste:
                frames = (np.concatenate(pair, 1) for pair in zip(speaker.frames(), frames))
        media.write_video(path, media.at_rate(frames, FPS, fps), fps, quality=quality, **sound)
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

    def perceive(self, path, coefficients=None, sound=None, crop=None, face=1):
        r"""A speaker's video as numbers: 45 of sound and 70 of the face a frame.

        Paper: Sec. 4.1.3.

        Args:
            path: video of any size and frame rate.
            coefficients: Deep3DFaceRecon .mat of it at 30 fps, or None to reconstruct.
            sound: sound file, where the video has none of its own.
            crop: (left, top, side) of the face [pixels], "middle", or None to find the face and,
                should the head walk, to go along with it; with coefficients None is the middle.
            face: which face to find, 1 is the largest.

        Returns:
            Speaker. Where picture, sound and coefficients differ in length, the shortest counts;
            a warning says so above one frame.

        Raises:
            ValueError: a file is missing or is not what it should be.
        """
        if not media.probe(path).has_video:
            raise ValueError(f"{path}: has sound but no picture; a video is needed")
        waveform, sample_rate = media.read_sound(sound or path)
        others = 0
        if crop is None and coefficients is None and self.finder is not None:
            crop, others = self._find_in_video(path, face)
        crop = None if isinstance(crop, str) else crop
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
            others,
        )

    def _find_in_video(self, path, number):
        """The square of a face in a video, or its squares at 30 fps, and how many are besides."""
        info = media.probe(path)
        rate = min(4.0, max(0.5, GLANCES / max(info.seconds, 1)))
        count, kept = max(1, round(info.seconds * rate)), {}
        chosen = set(np.linspace(0, count - 1, REFINED).round().astype(int).tolist())

        def glances():
            for i, picture in enumerate(media.glances(path, rate, WATCHED)):
                if i in chosen:
                    kept[i] = picture
                yield picture

        found, others = track.follow(self.finder, glances(), number)
        exact = {
            i: finder.refine(self.reconstruction, picture, found[i])
            for i, picture in kept.items()
            if found[i] is not None
        }
        found = track.moved(found, exact)
        shrunk = next(iter(kept.values())).shape
        way = track.steady(found, others, shrunk[1], shrunk[0], rate)
        if way is None:
            raise ValueError(_no_face(path, "--crop", number))
        grow = info.size[0] / shrunk[1]
        if way.path is None:
            square = finder.settle(_scaled(way.square, grow), *info.size)
            return corner(square), others
        moments = (np.arange(int(info.seconds * FPS) + 1) + 0.5) * rate / FPS - 0.5
        rows = [np.interp(moments, np.arange(len(found)), c) for c in grow * way.path.T]
        return np.stack(rows, 1), others

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
            crop = MIDDLE
        if crop is None:
            square, others = self._find(whole, name, face)
        else:
            square = _by_hand(crop, whole, name)
        pixels = _show(whole, square)
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
        return Portrait(pixels, own, params, identity, encoded, unfamiliar, whole, square, others)

    def _find(self, picture, name, number):
        """The square of a picture's face, and the other faces."""
        height, width = picture.shape[:2]
        small = media.at_most(picture, SEARCHED)
        grow = width / small.shape[1]
        faces = finder.find(self.finder, small)
        if len(faces) < max(1, number):
            raise ValueError(_no_face(name, "--listener-crop", number, len(faces)))
        face = faces.pop(number - 1)
        face = finder.refine(self.reconstruction, small, face)
        square = finder.settle(_scaled(face, grow), width, height)
        return square, [_scaled(other, grow) for other in faces]

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
        windows = window_coefficients(motion, self.renderer.config.window)
        if moments is not None:
            windows = windows[torch.as_tensor(moments)]
        for part in windows.split(BATCH):
            images = self.renderer(portrait.encoded, part.to(self.device))
            yield from _pixels(images)


def _pixels(images):
    """(B, 3, 256, 256) in [0, 1] to uint8 (B, 256, 256, 3)."""
    return (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def _scaled(face, grow):
    """A square of a picture that is `grow` times as large."""
    return face._replace(x=face.x * grow, y=face.y * grow, side=face.side * grow)


def corner(square):
    r"""(left, top, side) of a square [whole pixels], its tilt left aside."""
    left, top = square.x - square.side / 2, square.y - square.side / 2
    return round(left), round(top), round(square.side)


def _by_hand(crop, picture, name):
    """The square that the user names."""
    height, width = picture.shape[:2]
    side = min(height, width)
    if isinstance(crop, str):
        return Face(width / 2, height / 2, side)
    media.check_crop(name, crop, (width, height))
    left, top, side = crop
    return Face(left + side / 2, top + side / 2, side)


def _show(picture, square):
    """uint8 (256, 256, 3) of a square of a picture."""
    if square == _by_hand(MIDDLE, picture, ""):
        return media.middle(picture)
    image = torch.from_numpy(picture).permute(2, 0, 1)[None]
    shown = finder.cut(image, square, IMAGE_SIZE)
    return (shown[0] * 255).round().byte().permute(1, 2, 0).numpy()


def _no_face(name, option, number, found=0):
    """What is said where there are not so many faces."""
    if found:
        return f"{name}: face {number} is asked for, {found} found; allowed: 1 .. {found}"
    return (
        f"{name}: no face found; name its square by hand ({option} LEFT,TOP,SIDE, or "
        f"{option} middle)"
    )


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


def load(
    weights=None, device="auto", renderer=None, identity=None, reconstruction=None, finder=None
):
    r"""The system from a folder of weights, with other networks in the place of some.

    Ours. A folder may hold some of the four files, as after `train_mfr.py motion`; the bundled
    ones take the place of the others, as they did in training, and a warning says so.

    Args:
        weights: folder as train_mfr.py leaves it; None takes the bundled one.
        renderer: a network in the place of renderer.pt, as mfr.official.load gives it, or None.
        identity: the same for identity.pt; motion.pt must have been trained with it.
        reconstruction: the same for reconstruction.pt.
        finder: the same for finder.pt; False takes the middle of every picture.

    Returns:
        System.

    Raises:
        ValueError: a file is missing, damaged, or of another network, or motion.pt was trained
            with another identity net.
    """
    device = pick_device(device)
    given = {"renderer": renderer, "identity": identity, "reconstruction": reconstruction}
    needed = [stage for stage in STAGES if stage != "finder" and given.get(stage) is None]
    files = _files(Path(weights or WEIGHTS), needed)
    motion = _ours("motion", MotionModel, files, device)
    if identity is None:
        identity = load_identity(files["identity"], device)
    _check_identity(motion, identity.to(device), files["motion"], device)
    if reconstruction is None:
        reconstruction = _ours("reconstruction", ReconstructionNet, files, device)
    if renderer is None:
        renderer = _ours("renderer", Renderer, files, device)
    if finder is None:
        own = Path(weights or WEIGHTS) / "finder.pt"  # few folders have one
        finder = _ours("finder", FinderNet, {"finder": own if own.exists() else FINDER}, device)
    others = reconstruction.to(device), renderer.to(device)
    return System(motion, identity, *others, device, finder or None)


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
