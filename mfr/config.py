r"""Every setting of every stage, with its unit: one frozen dataclass a stage, two presets.

A checkpoint stores its stage's config as a plain dict, so a network is rebuilt from the file alone.
`small` trains on two CPU cores in an evening and made mfr/weights/; `paper` is the paper's setting
on one GPU, with the paper's silences filled as the table in tutorials/00_paper_map.md says.
"""

from dataclasses import asdict, dataclass, fields, replace

ATTITUDES = ("positive", "neutral", "negative")  # order of the one-hot; files store the name
FPS = 30  # frames a second of every video inside the system (Sec. 4.1.3)
IMAGE_SIZE = 256  # side of every face frame [pixels] (Sec. 4.1.3)
COEFFICIENT_DIM = 70  # angle 3 + exp 64 + trans 3
AUDIO_DIM = 45  # acoustic features a frame


@dataclass(frozen=True)
class PaperMotionConfig:
    r"""What Sec. 3.1 to 3.3 speak of, printed or left open, and how it is trained."""

    # Sec. 3.2, 4.1.3: the Feature Aggregation Module
    aggregation: str = "fam"  # fam | concat (Table 4's "w/o FAM")
    width: int = 128  # C, features a token
    heads: int = 8  # H
    layers: int = 4  # enhance + fuse + feed-forward, repeated
    feedforward: int = 512  # hidden features of the feed-forward
    identity_dim: int = 128  # length of V(I_l)
    # Sec. 3.1: the diffusion
    T: int = 1000  # diffusion steps
    schedule: str = "linear"  # linear | cosine
    variance: str = "posterior"  # posterior (tilde beta_t) | beta
    # Sec. 3.3, 4.1.3: clip by clip
    window: int = 40  # [frames]
    stride: int = 20  # [frames]
    # training (the paper states none of it)
    precision: str = "float32"  # of the network while training: float32 | bfloat16
    steps: int = 4000
    batch_size: int = 64  # windows
    learning_rate: float = 5e-4
    ema: float = 0.999  # decay a step of the averaged weights
    grad_clip: float = 1.0  # largest norm of the gradient
    seed: int = 0


@dataclass(frozen=True)
class MotionConfig(PaperMotionConfig):
    r"""The diffusion model and its noise predictor, with what this project adds to the paper's.

    Each of these is off in the `paper` preset.
    """

    # additions to the module (mfr.motion.additions)
    reference: bool = True  # the portrait's own coefficients as a second identity token
    time_in_modulation: bool = True  # t also in the modulation, not only as a key token
    attitude_in_modulation: bool = True  # the attitude likewise
    context: int = 21  # frames that each filter over speaker or latent frames spans; 0 = none
    speaker_beside: bool = True  # the speaker's frame also added to the latent, not only attended
    smoother: bool = True  # each coefficient's own frames, smoothed, added to the output
    speaker_features: int = 8  # numbers a frame that the network keeps of the speaker; 0 = all
    past: int = 40  # P, frames of the speaker before the window that are heard too
    # what is predicted (mfr.motion.model, mfr.motion.guidance)
    relative: bool = True  # x_0 is the motion's deviation from the portrait's coefficients
    from_portrait: bool = True  # a response's first frame is held at them
    prediction: str = "velocity"  # what the network puts out: velocity | noise
    largest_weight: float = 100.0  # of a velocity's error in Eq. 3, else 1/bar_alpha_t
    attitude_dropout: float = 0.1  # share of clips trained without attitude, for guidance
    guidance: float = 1.0  # classifier-free guidance on the attitude; 1 = none
    listener_noise: float = 3.0  # on identity and reference while training [their sd]
    speaker_noise: float = 1.0  # on the speaker's features while training [their sd]
    # shorter walks (mfr.motion.samplers)
    sample_steps: int = 25  # DDIM steps when sampling; 0 = Eq. 1's ancestral chain of T
    sample_eta: float = 0.0  # noise of those steps: 0 = none, 1 = as much as the chain's
    sample_order: int = 2  # of those steps: 1 = DDIM, 2 looks at the step before too; with eta 0
    spacing: float = 2.0  # of those steps: t = T (i/n)^spacing; 1 = even


@dataclass(frozen=True)
class IdentityConfig:
    r"""The compact VGG-style face recogniser V of Eq. 6."""

    width: int = 16  # channels of the first block; doubles at each of five
    identity_dim: int = 128
    margin: float = 0.2  # of the cosine of the true person
    scale: float = 16.0  # of the cosines before the softmax
    shape_weight: float = 40.0  # of the error of the shape coefficients beside the softmax
    precision: str = "float32"  # of the network while training: float32 | bfloat16
    steps: int = 1500
    batch_size: int = 32  # frames
    learning_rate: float = 1e-3
    ema: float = 0.99
    grad_clip: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class ReconstructionConfig:
    r"""Frames to the 257 coefficients (Sec. 4.1.3 uses Deep3DFaceRecon there)."""

    width: int = 16
    precision: str = "float32"  # of the network while training: float32 | bfloat16
    steps: int = 2000
    batch_size: int = 32  # frames
    learning_rate: float = 1e-3
    ema: float = 0.99
    grad_clip: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class RendererConfig:
    r"""The compact warping renderer of Sec. 3.3 and the weights of its loss terms."""

    width: int = 32
    encoder_blocks: int = 1  # residual blocks of the portrait's encoder
    face_width: int = 32  # channels on the chart of the face
    descriptor_dim: int = 128  # of the coefficient window
    window: int = 9  # frames of coefficients around the rendered one
    perceptual_weight: float = 4.0
    style_weight: float = 100.0
    pixel_weight: float = 10.0
    closeup_weight: float = 1.0  # of each term again on close-ups of eyes and mouth
    gan_weight: float = 0.05
    identity_weight: float = 0.05  # Eq. 6: 0.1 of the perceptual gradient, a vector of 128 summed
    face_steps: int = 2500  # first steps, which learn the chart of the face alone
    warp_steps: int = 8000  # step until which the pixel term alone teaches the flow
    gan_start: int = 8250  # step at which the discriminator joins
    precision: str = "float32"  # of the networks while training: float32 | bfloat16
    steps: int = 8500
    batch_size: int = 12  # frames
    targets: int = 4  # frames rendered from each portrait, which is encoded once
    learning_rate: float = 7e-4
    ema: float = 0.995
    grad_clip: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class FinderConfig:
    r"""The network that finds faces in a picture."""

    width: int = 16  # channels of the first block; doubles twice
    pictures: int = 10000  # made before training
    steps: int = 2500
    batch_size: int = 48  # pictures
    learning_rate: float = 3e-3
    ema: float = 0.998
    grad_clip: float = 5.0
    seed: int = 0


STAGES = {
    "identity": IdentityConfig,
    "reconstruction": ReconstructionConfig,
    "motion": MotionConfig,
    "renderer": RendererConfig,
    "finder": FinderConfig,
}

PAPER = {
    "identity": {"width": 32, "steps": 20000, "batch_size": 128},
    "reconstruction": {"width": 32, "steps": 50000, "batch_size": 128},
    "motion": {
        "width": 256,
        "feedforward": 1024,
        "reference": False,
        "relative": False,
        "from_portrait": False,
        "time_in_modulation": False,
        "attitude_in_modulation": False,
        "attitude_dropout": 0.0,
        "context": 0,
        "speaker_beside": False,
        "speaker_features": 0,
        "past": 0,
        "smoother": False,
        "prediction": "noise",
        "listener_noise": 0.0,
        "speaker_noise": 0.0,
        "sample_steps": 0,
        "steps": 50000,
        "learning_rate": 2e-4,
    },
    "renderer": {
        "width": 48,
        "steps": 100000,
        "batch_size": 32,
        "face_steps": 5000,
        "warp_steps": 15000,
        "gan_start": 20000,
    },
    "finder": {"width": 32, "pictures": 40000, "steps": 30000},
}


def preset(stage, name="small", **changes):
    r"""The config of one stage.

    Ours: the paper states none of the training numbers.

    Args:
        stage: identity | reconstruction | motion | renderer.
        name: small | paper.
        changes: fields that differ from the preset.

    Returns:
        A frozen dataclass of that stage.

    Raises:
        ValueError: the stage, the preset or a field is unknown.
    """
    if stage not in STAGES:
        raise ValueError(f"stage {stage!r} is unknown; allowed: {', '.join(STAGES)}")
    if name not in ("small", "paper"):
        raise ValueError(f"preset {name!r} is unknown; allowed: small, paper")
    config = STAGES[stage](**(PAPER[stage] if name == "paper" else {}))
    known = {field.name for field in fields(config)}
    for key in changes:
        if key not in known:
            raise ValueError(f"{stage} has no setting {key!r}; it has: {', '.join(sorted(known))}")
    return check(replace(config, **changes))


def check(config):
    r"""Refuse settings that no network or loop could work with.

    Args:
        config: a stage's dataclass.

    Returns:
        The same config.

    Raises:
        ValueError: a setting is out of its range.
    """
    may_be_zero = (
        "seed",
        "sample_steps",
        "sample_eta",
        "attitude_dropout",
        "guidance",
        "margin",
        "gan_start",
        "face_steps",
        "warp_steps",
        "context",
        "speaker_features",
        "past",
        "listener_noise",
        "speaker_noise",
    )
    for name, value in to_dict(config).items():
        if isinstance(value, (str, bool)):
            continue
        free = name in may_be_zero or name.endswith("_weight")
        if not (value > 0 or (free and value == 0)):
            raise ValueError(f"{name} is {value}; allowed: {'>= 0' if free else '> 0'}")
    if getattr(config, "ema", 0) >= 1 or getattr(config, "attitude_dropout", 0) >= 1:
        raise ValueError("ema and attitude_dropout are shares; allowed: below 1")
    for name in ("relative", "from_portrait"):
        if getattr(config, name, False) and not config.reference:
            raise ValueError(f"{name} needs the portrait's coefficients; allowed: with reference")
    if getattr(config, "sample_eta", 0) > 1:
        raise ValueError(f"sample_eta is {config.sample_eta}; allowed: 0 .. 1")
    if getattr(config, "sample_order", 1) > 2:
        raise ValueError(f"sample_order is {config.sample_order}; allowed: 1, 2")
    context = getattr(config, "context", 0)
    if context and context % 2 == 0:
        raise ValueError(f"context is {context}; allowed: 0 or odd, a frame in the middle")
    if getattr(config, "batch_size", 0) % getattr(config, "targets", 1):
        raise ValueError(
            f"batch_size is {config.batch_size}; allowed: a multiple of targets, {config.targets}"
        )
    if getattr(config, "prediction", "noise") not in ("noise", "velocity"):
        raise ValueError(f"prediction is {config.prediction!r}; allowed: noise, velocity")
    if getattr(config, "precision", "float32") not in ("float32", "bfloat16"):
        raise ValueError(f"precision is {config.precision!r}; allowed: float32, bfloat16")
    return config


def to_dict(config):
    r"""The config as plain numbers and strings, for a checkpoint or config.json.

    Args:
        config: a stage's dataclass.

    Returns:
        name -> value.
    """
    return asdict(config)
