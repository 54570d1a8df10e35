r"""Training the renderer: one frame of a video from another and its coefficients (Sec. 3.3)."""

from torch import nn

from mfr.render.losses import (
    PatchDiscriminator,
    discriminator_loss,
    pixel_loss,
    renderer_loss,
)
from mfr.render.renderer import Encoded, Rendered, Renderer
from mfr.training.batches import FrameData, sent
from mfr.training.identity import frozen_identity
from mfr.training.stage import Stage, mean_over


class RendererStage(Stage):
    r"""Sec. 3.3: one frame of a video from another and its coefficients."""

    name, unit = "renderer", "frames"
    in_phases = True  # the flow first
    expect = "the pixel term starts at that of a rigidly turned head"

    def build(self, run):
        r"""Renderer, discriminator, the frozen V and frames."""
        V = frozen_identity(run, self.device)
        self.V = V if self.V is None else self.V
        self.features = V.features if self.features is None else self.features
        self.frames = FrameData(self.train_clips, self.config.window).to(self.device)
        self.held = FrameData(self.held_clips, self.config.window).to(self.device)
        self.network = Renderer(self.config)
        self.network.set_statistics(self.frames.windows[:, self.config.window // 2])
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

    def rendered(self, network, portrait, shown, windows, paint=True):
        r"""The frames of a group as Rendered, each portrait encoded once.

        Arrays as `group` gives them; paint False stops at the warped portrait.
        """
        encoded = network.encode(portrait, shown)
        repeated = (x.repeat_interleave(len(windows) // len(portrait), 0) for x in encoded)
        return network.render(Encoded(*repeated), windows, paint)

    def loss(self, step, draw, noise):
        r"""renderer_loss; its flow first, and the discriminator from config.gan_start on."""
        index = self.frames.draw(self.config.batch_size // self.config.targets, draw)
        portrait, shown, windows, real = self.group(self.frames, index, draw, self.share)
        paint = step >= self.config.warp_steps
        with self.precision():
            rendered = self.rendered(self.network, portrait, shown, windows, paint)
        if not paint:
            warp = pixel_loss(rendered.warped, real)
            return self.config.warp_weight * warp, {"warp": warp.detach()}
        rendered = Rendered(*(x.float() for x in rendered))
        judge = self.adversary if step >= self.config.gan_start else None
        self.fake, self.real = rendered.image.detach(), real
        with self.precision():
            return renderer_loss(rendered, real, self.config, self.V, self.features, judge)

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
