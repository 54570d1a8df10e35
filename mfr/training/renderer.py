r"""Training the renderer: one frame of a video from another and its coefficients (Sec. 3.3)."""

import torch
from torch import nn

from mfr.face.camera import sample
from mfr.face.coefficients import EXP, MOTION_ANGLE, MOTION_EXP
from mfr.face.morphable import FILE as FACE_MODEL
from mfr.face.morphable import read_model
from mfr.render.face import closeup
from mfr.render.losses import (
    PatchDiscriminator,
    discriminator_loss,
    pixel_loss,
    renderer_loss,
)
from mfr.render.renderer import Encoded, Renderer
from mfr.training.batches import FrameData, sent
from mfr.training.identity import frozen_identity
from mfr.training.stage import Stage, mean_over

FRONTAL = 0.2  # largest angle of a head whose chart is seen whole, no side behind the nose [rad]
SQUARES = 10  # of the mean square beside the pixel term, on the chart of the face


class RendererStage(Stage):
    r"""Sec. 3.3: one frame of a video from another and its coefficients."""

    name, unit = "renderer", "frames"
    held_out_frames = 24  # whole frames cost most
    in_phases = True  # the flow first
    expect = "the pixel term starts at that of a rigidly turned head"

    def build(self, run):
        r"""Renderer, discriminator, the frozen V and frames."""
        V = frozen_identity(run, self.device)
        self.V = V if self.V is None else self.V
        self.features = V.features if self.features is None else self.features
        self.frames = FrameData(self.train_clips, self.config.window).to(self.device)
        self.held = FrameData(self.held_clips, self.config.window).to(self.device)
        angle = self.frames.windows[:, self.config.window // 2, MOTION_ANGLE]
        frontal = angle.abs().amax(1) < FRONTAL
        self.frontal = self.frames.where(frontal) if frontal.any() else self.frames
        self.network = Renderer(self.config)
        self.network.set_statistics(self.frames.windows[:, self.config.window // 2])
        path = self.folder / FACE_MODEL
        if path.exists():
            model, std = read_model(path), self.network.std[MOTION_EXP]
            with torch.no_grad():
                self.network.face.begin_with(model.mean, model.basis[:, :, EXP], std)
        self.modules = nn.ModuleDict({"network": self.network})
        if self.config.gan_weight:
            self.adversary = PatchDiscriminator().to(self.device)

    def group(self, frames, index, draw, share=lambda index: index):
        r"""Portraits, the windows to render from them, and the true frames, on the device.

        P portraits (index); what is rendered from each are K frames of its video: portrait
        (P, 3, 256, 256), its coefficients (P, 70), windows (P K, W, 70), real (P K, 3, 256, 256).
        Of what is drawn, `share` takes this process's part.
        """
        target = share(frames.partner(index.repeat_interleave(self.config.targets), draw))
        index = share(index)
        middle = self.config.window // 2
        parts = (
            frames.images(index),
            frames.windows[index, middle],
            frames.windows[target],
            frames.images(target),
        )
        return tuple(sent(part, self.device) for part in parts)

    def rendered(self, network, portrait, shown, windows):
        r"""The frames of a group as Rendered, each portrait encoded once. Arrays as of `group`."""
        encoded = network.encode(portrait, shown)
        repeated = (x.repeat_interleave(len(windows) // len(portrait), 0) for x in encoded)
        return network.render(Encoded(*repeated), windows)

    def moved(self, network, portrait, shown, windows):
        r"""What the flow is taught by: here the frames themselves, (P K, 3, 256, 256)."""
        return self.rendered(network, portrait, shown, windows).image

    def loss(self, step, draw, noise):
        r"""The chart of the face first, then the flow; config.gan_start calls the discriminator."""
        frames = self.frontal if step < self.config.face_steps else self.frames
        index = frames.draw(self.config.batch_size // self.config.targets, draw)
        portrait, shown, windows, real = self.group(frames, index, draw, self.share)
        chance = torch.rand(len(index), 5, generator=noise, device=self.device)
        chance = self.share(chance)
        portrait = relit(portrait, chance)
        if step < self.config.face_steps:
            return self.face_loss(portrait, shown, windows, real, chance)
        real = relit(real, chance)
        if step < self.config.warp_steps:
            with self.precision():
                moved = self.moved(self.network, portrait, shown, windows)
            return self.warp_loss(moved.float(), real, windows)
        with self.precision():
            fake = self.rendered(self.network, portrait, shown, windows).image
        fake = fake.float()
        judge = self.adversary if step >= self.config.gan_start else None
        self.fake, self.real = fake.detach(), real
        target = windows[:, self.config.window // 2]
        near = closeup(fake, target), closeup(real, target)
        with self.precision():
            loss, terms = renderer_loss(fake, real, self.config, self.V, self.features, judge)
            close, _ = renderer_loss(*near, self.config, features=self.features)
        terms["close"] = close.detach()
        return loss + self.config.closeup_weight * close, terms

    def warp_loss(self, moved, real, windows):
        r"""The pixel term, and again on close-ups.

        Args:
            moved: (P K, 3, 256, 256).
            real: same shape.
            windows: (P K, W, 70).

        Returns:
            (scalar, dict of terms).
        """
        target = windows[:, self.config.window // 2]
        pixel = pixel_loss(moved, real)
        close = pixel_loss(closeup(moved, target), closeup(real, target))
        loss = self.config.pixel_weight * (pixel + self.config.closeup_weight * close)
        return loss, {"pixel": pixel.detach(), "close": close.detach()}

    def face_loss(self, portrait, shown, windows, real, chance):
        r"""The chart of the face alone: pixel term and mean square of what it shows.

        Ours: teeth that are missing are far off in few places, and squares look at those.

        Args:
            portrait: (P, 3, 256, 256).
            shown: (P, 70), its coefficients.
            windows: (P K, W, 70).
            real: (P K, 3, 256, 256), not yet relit.
            chance: (P, 5), of `relit`.

        Returns:
            (scalar, dict of terms).
        """
        network, target = self.network, windows[:, self.config.window // 2]
        each = len(windows) // len(portrait)

        def repeated(encoded):  # what the chart needs of it, for each frame
            kept = encoded._asdict().items()
            kept = {k: v for k, v in kept if k in ("coefficients", "shape") or "face" in k}
            rest = dict.fromkeys(Encoded._fields)
            return Encoded(**rest | {k: v.repeat_interleave(each, 0) for k, v in kept.items()})

        with torch.no_grad():
            encoded = network.encode(portrait, shown)
            source, home = network.face_places(repeated(encoded), target)
            truth = relit(sample(real, home), chance)
        with self.precision():
            encoded = repeated(network.encode_face(portrait, encoded))
            portrait = portrait.repeat_interleave(each, 0)
            face = network.unrolled(portrait, encoded, target, source)
        face = face.float()
        pixel, square = pixel_loss(face, truth), (face - truth).square().mean()
        loss = self.config.pixel_weight * (pixel + SQUARES * square)
        return loss, {"face": pixel.detach(), "square": square.detach()}

    def adversary_loss(self):
        r"""The discriminator's loss on the batch that was just rendered, a scalar."""
        return discriminator_loss(self.adversary, self.fake, self.real)

    def compiled(self):
        r"""The renderer has no forward while training: its parts have."""
        return [self.network.encoder, self.network.motion]

    def held_out_loss(self, network):
        r"""Mean absolute pixel error on held-out videos, in [0, 1]."""
        several = self.held_out_frames // self.config.targets
        index, generator = self.chosen_once(len(self.held.frames), several), self.evaluation()

        def error(part):
            portrait, shown, windows, real = self.group(self.held, part, generator)
            fake = self.rendered(network, portrait, shown, windows).image.clamp(0, 1)
            return (fake - real).abs().mean()

        return mean_over(index, 4, error)


def relit(images, chance):
    r"""Pictures in another light: exposure, white balance and contrast.

    Ours.

    Args:
        images: (P K, 3, h, w) in [0, 1], K after K alike.
        chance: (P, 5) in [0, 1): exposure, three colours, contrast.

    Returns:
        Same shape, in [0, 1].
    """
    chance = chance.repeat_interleave(len(images) // len(chance), 0)[..., None, None]
    gain = (0.8 + 0.4 * chance[:, :1]) * (0.94 + 0.12 * chance[:, 1:4])
    return (images * gain).clamp(0, 1).pow(0.8 + 0.45 * chance[:, 4:])
