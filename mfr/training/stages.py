r"""What train_mfr.py's one loop trains: for every stage its network, its data and its loss.

A stage says how to draw a batch and what the loss is; the loop, the optimiser and the files are
the script's. Sound and pictures are read once, at the start, and stay in memory.
"""

from pathlib import Path

import torch
from torch import nn

from mfr.face.identity import IdentityNet, MarginHead, recognition_loss
from mfr.face.morphable import FILE as FACE_MODEL
from mfr.face.morphable import read_model
from mfr.face.reconstruction import (
    ReconstructionNet,
    augment,
    landmark_error,
    move_camera,
    pose_error,
    reconstruction_loss,
)
from mfr.files.vico import held_out, portrait_of, read_clips
from mfr.motion.model import MotionModel
from mfr.render.losses import PatchDiscriminator, discriminator_loss, pixel_loss, renderer_loss
from mfr.render.renderer import Encoded, Rendered, Renderer
from mfr.training import checkpoint
from mfr.training.batches import FrameData, MotionData

WEIGHTS = Path(__file__).parents[1] / "weights"
HELD_OUT_FRAMES = 256  # of the image stages: enough to tell two checkpoints apart
HELD_OUT_WINDOWS = 512
FAMILIAR_FRAMES = 512  # from which the reconstruction net knows what training looked like


class Stage:
    r"""What the loop needs of a stage.

    Ours: `network` is kept, `modules` holds all that the main optimiser trains, `adversary` what
    a second one trains against it.

    Args:
        config: the stage's dataclass.
        data: ViCo-layout folder.
        run: folder of this run, where weights of earlier stages are looked for.
        device: torch.device.
        V: a frozen recogniser in the place of identity.pt, or None.
        features: frozen, images -> maps, for the perceptual and style terms, or None for those of
            identity.pt.
    """

    adversary = None

    def __init__(self, config, data, run, device, V=None, features=None):
        self.config, self.device = config, torch.device(device)
        self.V, self.features = (net if net is None else net.to(device) for net in (V, features))
        self.train_clips, self.held_clips = held_out(read_clips(data))
        self.folder = Path(data)
        self.build(Path(run))
        self.modules.to(device)

    def evaluation(self):
        r"""A generator for held-out batches: the same at every evaluation, none of training's.

        Returns:
            torch.Generator on the CPU, freshly seeded.
        """
        return torch.Generator().manual_seed(1)

    def some_of(self, count, most):
        r"""The same random choice at every evaluation.

        Args:
            count: things to choose from.
            most: how many at the most.

        Returns:
            int64 (min(count, most),), no number twice.
        """
        return torch.randperm(count, generator=self.evaluation())[:most]

    def precision(self):
        r"""Autocast to the config's precision, for the networks while training.

        Returns:
            A context manager.
        """
        half = getattr(self.config, "precision", "float32") == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def finish(self, network):
        r"""What is left to do with the network once training is over.

        Args:
            network: with the weights that are kept.
        """

    def _frozen_identity(self, run):
        """The identity net of this run, or the bundled one."""
        return load_identity(identity_file(run), self.device).requires_grad_(False)


def identity_file(run):
    r"""Where the identity net of a run is: its own, or the bundled one.

    Args:
        run: folder of the run.

    Returns:
        A Path, whether or not it exists.
    """
    own = Path(run) / "identity.pt"
    return own if own.exists() else WEIGHTS / "identity.pt"


def load_identity(path, device="cpu"):
    r"""The identity net of a weights file, ready for use.

    Args:
        path: identity.pt.
        device: where to put it.

    Returns:
        IdentityNet in evaluation mode.
    """
    content = checkpoint.load(path, "identity", device)
    net = IdentityNet(content["config"]).to(device)
    checkpoint.restore(net, content["model"], path)
    return net.eval()


class IdentityStage(Stage):
    r"""V of Eq. 6: tell the training people apart under a margin."""

    name, unit = "identity", "frames"

    def build(self, run):
        r"""Networks and frames.

        Args:
            run: folder of this run.
        """
        self.frames = FrameData(self.train_clips, window=1)
        self.held = FrameData(self.held_clips, window=1, people=self.frames.people)
        people = len(self.frames.people)
        self.network = IdentityNet(self.config)
        head = MarginHead(people, self.config)
        self.modules = nn.ModuleDict({"network": self.network, "head": head})
        chance = torch.log(torch.tensor(float(people))).item()
        self.expect = f"loss about {chance:.1f} + margin at step 0 (chance among {people} people)"

    def describe(self):
        r"""One line about the data.

        Returns:
            The line.
        """
        return (
            f"data      {self.folder}: {len(self.frames.frames)} frames of "
            f"{len(self.frames.people)} people; {len(self.held.frames)} held out"
        )

    def loss(self, step, draw, noise):
        r"""Margin softmax on augmented frames.

        Args:
            step: from 0.
            draw: generator that chooses the frames.
            noise: generator on the device, of the augmentation.

        Returns:
            (scalar, dict of terms).
        """
        index = self.frames.draw(self.config.batch_size, draw)
        images = augment(self.frames.images(index).to(self.device), noise)
        person = self.frames.person[index].to(self.device)
        return recognition_loss(self.network, self.modules["head"], images, person), {}

    def held_out_loss(self, network):
        r"""The same loss on held-out frames of people seen in training.

        Args:
            network: IdentityNet.

        Returns:
            float.
        """
        known = (self.held.person >= 0).nonzero()[:, 0]
        if not len(known):
            return float("nan")
        index = known[self.some_of(len(known), HELD_OUT_FRAMES)]
        total = 0.0
        for part in index.split(32):
            images = self.held.images(part).to(self.device)
            person = self.held.person[part].to(self.device)
            loss = recognition_loss(network, self.modules["head"], images, person)
            total += float(loss) * len(part)
        return total / len(index)


class ReconstructionStage(Stage):
    r"""Frames to coefficients, taught by the data's own coefficients."""

    name, unit = "reconstruction", "frames"

    def build(self, run):
        r"""Network, frames and, where the data folder has one, the face model.

        Args:
            run: folder of this run.
        """
        self.frames = FrameData(self.train_clips, window=1)
        self.held = FrameData(self.held_clips, window=1)
        self.network = ReconstructionNet(self.config)
        self.network.set_statistics(self.frames.coefficients)
        self.modules = nn.ModuleDict({"network": self.network})
        path = self.folder / FACE_MODEL
        self.model = read_model(path).to(self.device) if path.exists() else None
        what = "landmarks" if self.model else f"the pose alone, as {path} is not there"
        self.expect = (
            "each term about 1 at step 0 (units of one std); held out is pixels of " + what
        )

    def describe(self):
        r"""One line about the data.

        Returns:
            The line.
        """
        return (
            f"data      {self.folder}: {len(self.frames.frames)} frames; "
            f"{len(self.held.frames)} held out"
        )

    def loss(self, step, draw, noise):
        r"""reconstruction_loss on augmented frames, seen by a camera that was moved.

        Args:
            step: from 0.
            draw: generator that chooses the frames.
            noise: generator on the device, of the augmentation.

        Returns:
            (scalar, dict of terms).
        """
        index = self.frames.draw(self.config.batch_size, draw)
        images = self.frames.images(index).to(self.device)
        truth = self.frames.coefficients[index].to(self.device)
        images, truth = move_camera(images, truth, noise)
        images = augment(images, noise)
        with self.precision():
            found = self.network(images)
        return reconstruction_loss(found.float(), truth, self.network.std, self.model)

    def held_out_loss(self, network):
        r"""Pixel error of landmarks on held-out frames as they are; of the pose without a model.

        Ours: what the other stages need is where things are, and new people's shape and skin
        coefficients, which no training set can teach, would drown it in a sum.

        Args:
            network: ReconstructionNet.

        Returns:
            float [pixels].
        """
        index = self.some_of(len(self.held.frames), HELD_OUT_FRAMES)
        total = 0.0
        for part in index.split(32):
            found = network(self.held.images(part).to(self.device))
            truth = self.held.coefficients[part].to(self.device)
            error = (
                landmark_error(found, truth, self.model) if self.model else pose_error(found, truth)
            )
            total += float(error) * len(part)
        return total / len(index)

    def finish(self, network):
        r"""Remember what the training frames look like, so that strange ones can be told.

        Args:
            network: ReconstructionNet, trained.
        """
        index = self.some_of(len(self.frames.frames), FAMILIAR_FRAMES)
        images = augment(self.frames.images(index), self.evaluation())
        network.fit_familiarity(images.to(self.device))


class MotionStage(Stage):
    r"""Eq. 3: the noise in windows of the listeners' motion."""

    name, unit = "motion", "windows"
    expect = "loss about 1 at step 0 (the output starts at zero; noise and motion have variance 1)"

    def build(self, run):
        r"""Model and clips.

        Args:
            run: folder of this run, with identity.pt.

        Raises:
            ValueError: the identity net's vectors are not as long as the config says.
        """
        V = self._frozen_identity(run) if self.V is None else self.V
        self.data, self.held = MotionData(self.train_clips), MotionData(self.held_clips)
        for data in (self.data, self.held):
            data.identity = portraits_to_vectors(V, data.clips, self.device)
        if self.data.identity.shape[1] != self.config.identity_dim:
            found = self.data.identity.shape[1]
            raise ValueError(
                f"identity_dim is {self.config.identity_dim}; the identity net gives "
                f"{found} numbers: --identity-dim {found}"
            )
        self.network = MotionModel(self.config)
        self.network.fit(self.data)
        self.network.diffusion.to(self.device)
        self.modules = nn.ModuleDict({"network": self.network})

    def describe(self):
        r"""One line about the data.

        Returns:
            The line.
        """
        return (
            f"data      {self.folder}: {len(self.data.clips)} clips, {self.data.num_frames} "
            f"frames at 30 fps; {len(self.held.clips)} clips held out"
        )

    def draw(self, data, count, generator):
        r"""Windows as the config wants them.

        Args:
            data: MotionData.
            count: B.
            generator: torch.Generator.

        Returns:
            (listener (B, L, 70), Condition) in raw units.
        """
        return data.draw(count, self.config.window, generator, self.config.past)

    def loss(self, step, draw, noise):
        r"""noise_loss on random windows, with its four quarters of t as terms.

        Args:
            step: from 0.
            draw: generator that chooses the windows.
            noise: generator on the device, of t and the noise.

        Returns:
            (scalar, dict of terms).
        """
        listener, cond = self.draw(self.data, self.config.batch_size, draw)
        listener, cond = listener.to(self.device), cond.to(self.device)
        with self.precision():
            loss, quarters = self.network.loss(listener, cond, noise, by_quartile=True)
        return loss, {f"t{i + 1}/4": q for i, q in enumerate(quarters) if q.isfinite()}

    def held_out_loss(self, network):
        r"""noise_loss on fixed held-out windows, steps and noise.

        Args:
            network: MotionModel.

        Returns:
            float.
        """
        generator = self.evaluation()
        noise = torch.Generator(self.device).manual_seed(1)
        total = 0.0
        for _ in range(HELD_OUT_WINDOWS // 64):
            listener, cond = self.draw(self.held, 64, generator)
            total += float(network.loss(listener.to(self.device), cond.to(self.device), noise))
        return total / (HELD_OUT_WINDOWS // 64)


def portraits_to_vectors(V, clips, device):
    r"""V(I_l) of every clip's listener.

    Paper: Sec. 3.2, the identity feature.

    Args:
        V: IdentityNet.
        clips: N rows.
        device: where V is.

    Returns:
        (N, identity_dim) on the CPU.
    """
    known = {}
    for clip in clips:
        if clip.listener not in known:
            picture = torch.from_numpy(portrait_of(clip).copy()).permute(2, 0, 1)[None]
            with torch.no_grad():
                known[clip.listener] = V(picture.to(device).float() / 255).cpu()
    return torch.cat([known[clip.listener] for clip in clips])


class RendererStage(Stage):
    r"""Sec. 3.3: one frame of a video from another and its coefficients."""

    name, unit = "renderer", "frames"
    expect = "the pixel term starts at that of a rigidly turned head"

    def build(self, run):
        r"""Renderer, discriminator, the frozen V and frames.

        Args:
            run: folder of this run, with identity.pt.
        """
        ours = self._frozen_identity(run)
        self.V = ours if self.V is None else self.V
        self.features = ours.features if self.features is None else self.features
        self.frames = FrameData(self.train_clips, self.config.window)
        self.held = FrameData(self.held_clips, self.config.window)
        self.network = Renderer(self.config)
        self.network.set_statistics(self.frames.windows[:, self.config.window // 2])
        self.modules = nn.ModuleDict({"network": self.network})
        if self.config.gan_weight:
            self.adversary = PatchDiscriminator().to(self.device)

    def describe(self):
        r"""One line about the data.

        Returns:
            The line.
        """
        videos = int(self.frames.video.max()) + 1
        return (
            f"data      {self.folder}: {len(self.frames.frames)} frames of {videos} videos; "
            f"{len(self.held.frames)} held out"
        )

    def group(self, frames, index, draw):
        r"""Portraits, the windows to render from them, and the true frames.

        Args:
            frames: FrameData.
            index: (P,) the portraits; what is rendered from each are K frames of its video.
            draw: generator that chooses those frames.

        Returns:
            (portrait (P, 3, 256, 256), its coefficients (P, 70), windows (P K, W, 70),
            real (P K, 3, 256, 256)), on the device.
        """
        target = frames.partner(index.repeat_interleave(self.config.targets), draw)
        middle = self.config.window // 2
        parts = (
            frames.images(index),
            frames.windows[index, middle],
            frames.windows[target],
            frames.images(target),
        )
        return tuple(part.to(self.device) for part in parts)

    def rendered(self, network, portrait, own, windows, paint=True):
        r"""The frames of a group, each portrait encoded once.

        Args:
            network: Renderer.
            portrait: (P, 3, 256, 256).
            own: (P, 70), its coefficients.
            windows: (P K, W, 70).
            paint: False stops at the warped portrait.

        Returns:
            Rendered.
        """
        encoded = network.encode(portrait, own)
        repeated = (x.repeat_interleave(len(windows) // len(portrait), 0) for x in encoded)
        return network.render(Encoded(*repeated), windows, paint)

    def loss(self, step, draw, noise):
        r"""renderer_loss; its flow first, and the discriminator from config.gan_start on.

        Args:
            step: from 0.
            draw: generator that chooses frames and portraits.
            noise: not needed here.

        Returns:
            (scalar, dict of terms).
        """
        index = self.frames.draw(self.config.batch_size // self.config.targets, draw)
        portrait, own, windows, real = self.group(self.frames, index, draw)
        paint = step >= self.config.warp_steps
        with self.precision():
            rendered = self.rendered(self.network, portrait, own, windows, paint)
        if not paint:
            warp = pixel_loss(rendered.warped, real)
            return self.config.warp_weight * warp, {"warp": float(warp.detach())}
        rendered = Rendered(*(x.float() for x in rendered))
        judge = self.adversary if step >= self.config.gan_start else None
        self.fake, self.real = rendered.image.detach(), real
        with self.precision():
            return renderer_loss(rendered, real, self.config, self.V, self.features, judge)

    def adversary_loss(self):
        r"""The discriminator's loss on the batch that was just rendered.

        Returns:
            A scalar.
        """
        return discriminator_loss(self.adversary, self.fake, self.real)

    def held_out_loss(self, network):
        r"""Mean absolute pixel error on held-out videos.

        Args:
            network: Renderer.

        Returns:
            float, in [0, 1].
        """
        several = HELD_OUT_FRAMES // self.config.targets
        index, generator = self.some_of(len(self.held.frames), several), self.evaluation()
        total = 0.0
        for part in index.split(4):
            portrait, own, windows, real = self.group(self.held, part, generator)
            fake = self.rendered(network, portrait, own, windows).image.clamp(0, 1)
            total += float((fake - real).abs().mean()) * len(part)
        return total / len(index)


STAGES = {
    stage.name: stage for stage in (IdentityStage, ReconstructionStage, MotionStage, RendererStage)
}
