r"""The generator of listener motion: data statistics + noise predictor + diffusion in one module.

Everything outside speaks raw units (radians, Deep3D's coefficients, dB); everything inside speaks
standard deviations. The statistics are buffers, so a checkpoint cannot be used without its own.
What is diffused is the motion's deviation from the portrait's coefficients (config.relative): where
a face rests is known from the picture, and a network that must say it again says it inexactly.
"""

import torch
from torch import nn

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM
from mfr.face.coefficients import MOTION_ANGLE, MOTION_EXP, MOTION_TRANS, Statistics
from mfr.motion import cascade, diffusion
from mfr.motion.additions import blur_listener, plug_into
from mfr.motion.clips import ClipDenoiser, num_windows
from mfr.motion.concatenation import ConcatenationModel
from mfr.motion.fam import FeatureAggregationModule
from mfr.motion.guidance import Guided, VelocityPredictor, drop_attitude
from mfr.motion.samplers import spaced_steps

# windows of a clip that is held whole, half a minute here; windows at once of one that is not
AT_ONCE = {"cpu": (48, 8), "cuda": (512, 128)}
CANDIDATES = 3600  # frames among which eventful chooses


class MotionModel(nn.Module):
    r"""p(listener motion | speaker, portrait, attitude). Paper: Sec. 3.1, 3.2."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.network = noise_predictor(config)
        self.diffusion = diffusion.build(config)
        # x_0, the motion or its deviation from the portrait's coefficients; and those themselves
        self.listener = Statistics(torch.zeros(COEFFICIENT_DIM), torch.ones(COEFFICIENT_DIM))
        self.reference = Statistics(torch.zeros(COEFFICIENT_DIM), torch.ones(COEFFICIENT_DIM))
        self.speaker = Statistics(torch.zeros(COEFFICIENT_DIM), torch.ones(COEFFICIENT_DIM))
        self.audio = Statistics(torch.zeros(AUDIO_DIM), torch.ones(AUDIO_DIM))
        weights = getattr(self.eps_model, "weights", torch.ones(config.T + 1))
        self.register_buffer("error_weights", weights.float(), persistent=False)  # (T + 1,)

    def fit(self, data):
        r"""Remember the statistics of the training clips, a MotionData."""
        origin = [x[:1] if self.config.relative else 0 for x in data.listener]  # as portraits show
        self.listener = Statistics.fit(x - o for x, o in zip(data.listener, origin))
        # of all frames: a portrait may smile though no clip begins with a smile
        self.reference = Statistics.fit(data.listener)
        self.speaker, self.audio = Statistics.fit(data.speaker), Statistics.fit(data.audio)

    @property
    def eps_model(self):
        r"""eps_theta: the network, or its output read as a velocity (config.prediction)."""
        if self.config.prediction == "noise":
            return self.network
        return VelocityPredictor(self.network, self.diffusion, self.config.largest_weight)

    def _origin(self, cond):
        """(B, 1, 70) raw coefficients from which the motion is counted, or 0."""
        return cond.reference[:, None] if self.config.relative else 0

    def _begins_with(self, cond):
        """Known coefficients (1, 1, 70) and the frame that is held at them (1, L, 1), or None."""
        if not self.config.from_portrait:
            return None, None
        known = self.listener.normalise(cond.reference[:, None] - self._origin(cond))
        first = torch.arange(cond.speaker.shape[1], device=known.device) == 0
        return known, first[None, :, None]

    def standardised(self, cond):
        r"""A Condition in raw units -> in standard deviations, as the network wants it.

        Without the reference where the config has none.
        """
        return cond._replace(
            audio=self.audio.normalise(cond.audio),
            speaker=self.speaker.normalise(cond.speaker),
            reference=self.reference.normalise(cond.reference) if self.config.reference else None,
        )

    def loss(self, listener, cond, generator, by_quartile=False):
        r"""Eq. (3) on raw motion (B, L, 70).

        A velocity's own error counts where the network puts out one; while training, listener and
        speaker are blurred and some attitudes dropped, for guidance. The Condition is raw too; the
        generator is the source of t, noise and of which attitudes are dropped. A scalar;
        by_quartile also that of each quarter of t, (4,).
        """
        x_0 = self.listener.normalise(listener - self._origin(cond))
        cond = self.standardised(cond)
        if self.training:
            cond = drop_attitude(cond, self.config.attitude_dropout, generator)
            cond = blur_listener(cond, self.config.listener_noise, generator)
        cond = self.network.prepare(cond, generator if self.training else None)
        return self.diffusion.noise_loss(
            self.eps_model, x_0, cond, generator, by_quartile, self.error_weights
        )

    @torch.no_grad()
    def sample(
        self,
        cond,
        samples,
        generator,
        steps=None,
        guidance=None,
        eta=None,
        progress=None,
        at_once=None,
    ):
        r"""Draw K responses to one clip, (K, L, 70) raw, all its windows denoised together.

        Paper: Eq. (1), Sec. 3.3. Ours: in memory that does not grow with a long clip.

        Args:
            cond: Condition of one clip in raw units: audio (1, L, 45), speaker (1, L, 70),
                identity (1, V), reference (1, 70), attitude (1, 3); L of any length.
            generator: torch.Generator on the module's device.
            steps: DDIM steps; None takes the config's, 0 the whole chain of Eq. (1).
            guidance: weight of the attitude; None takes the config's, 1 is none.
            eta: noise of DDIM, 0 .. 1; None takes the config's.
            progress: progress(done, total), or None.
            at_once: how many windows a clip may have to be held whole, and how many are predicted
                at a time in a longer one (see mfr.motion.cascade); None takes AT_ONCE.
        """
        steps = self.config.sample_steps if steps is None else steps
        guidance = self.config.guidance if guidance is None else guidance
        eta = self.config.sample_eta if eta is None else eta
        eps_model = self.eps_model if guidance == 1 else Guided(self.eps_model, guidance)
        size = (self.config.window, self.config.stride)
        shape = (samples, cond.speaker.shape[1], COEFFICIENT_DIM)
        walk = spaced_steps(self.config.T, steps, self.config.spacing) if steps else None
        order = self.config.sample_order if steps and not eta else 1
        known, held = self._begins_with(cond)
        past, origin = self.config.past, self._origin(cond)
        together, group = at_once or AT_ONCE.get(generator.device.type, AT_ONCE["cuda"])
        if num_windows(shape[1], *size) <= together:
            denoiser = ClipDenoiser(eps_model, self.standardised(cond), *size, past=past)
            x_0 = self.diffusion.sample(
                denoiser, shape, None, generator, walk, eta, progress, known, held, order=order
            )
            return self.listener.denormalise(x_0) + origin
        plan = self.diffusion.reverse_steps(walk, eta, order)
        shared = (eps_model, cond, self.standardised, self.diffusion, plan)
        walk = cascade.Walk(*shared, *size, past, group, order == 2, known, held)
        x = torch.randn(shape, generator=generator, device=generator.device)
        before = 0
        for finished in cascade.take_walk(walk, x, generator, progress):
            part = x[:, before:finished]
            part.copy_(self.listener.denormalise(part) + origin)
            before = finished
        return x


def paper_module(config):
    r"""The paper's module with the additions that a MotionConfig asks for."""
    return plug_into(FeatureAggregationModule(config), config)


PREDICTORS = {"fam": paper_module, "concat": ConcatenationModel}  # and those of --network


def noise_predictor(config):
    r"""The network that a MotionConfig asks for: the module with its additions, or the ablation.

    Raises:
        ValueError: the aggregation is unknown.
    """
    if config.aggregation not in PREDICTORS:
        raise ValueError(
            f"aggregation {config.aggregation!r} is unknown; allowed: {', '.join(PREDICTORS)}; "
            f"one of your own: --network FILE.py:{config.aggregation}"
        )
    return PREDICTORS[config.aggregation](config)


def scale_motion(motion, reference, head=1.0, expression=1.0):
    r"""Motion (..., 70) that goes `head` and `expression` times as far from the portrait's (70,).

    1 is as drawn, 0 keeps the portrait's own pose or face.

    Raises:
        ValueError: a scale is negative.
    """
    for name, value in (("head scale", head), ("expression scale", expression)):
        if not value >= 0:
            raise ValueError(f"{name} is {value}; allowed: >= 0")
    if head == expression == 1:
        return motion
    scale = torch.full((COEFFICIENT_DIM,), float(head), device=motion.device)
    scale[MOTION_EXP] = float(expression)
    return reference + scale * (motion - reference)


def eventful(motion, count):
    r"""`count` frames of motion (L, 70) that differ most, in order: int64 (min(count, L),).

    The first frame, then always the one that is farthest from all that were chosen, in units of
    what the eye sees: 0.05 rad of a turn, 0.2 of an expression, 0.1 of a shift. Of a motion of
    many minutes every n-th frame is looked at.
    """
    every = max(1, len(motion) // CANDIDATES)
    motion = motion[::every]
    unit = torch.full((COEFFICIENT_DIM,), 0.2, device=motion.device)
    unit[MOTION_ANGLE], unit[MOTION_TRANS] = 0.05, 0.1
    seen = motion / unit  # (L, 70)
    chosen, apart = [0], (seen - seen[0]).norm(dim=1)  # (L,)
    apart[0] = -1
    while len(chosen) < min(count, len(motion)):
        chosen.append(int(apart.argmax()))
        apart = torch.minimum(apart, (seen - seen[chosen[-1]]).norm(dim=1))
        apart[chosen] = -1
    return torch.tensor(sorted(chosen)) * every


def one_hot(attitudes):
    r"""F_l^att: B names among ATTITUDES as one-hot rows (B, 3), "" (not known) as zeros.

    Paper: Sec. 4.1.3.

    Raises:
        ValueError: an attitude is none of them.
    """
    for name in attitudes:
        if name and name not in ATTITUDES:
            raise ValueError(f"attitude {name!r} is unknown; allowed: {', '.join(ATTITUDES)}")
    return torch.tensor([[float(name == one) for one in ATTITUDES] for name in attitudes])
