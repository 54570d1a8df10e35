r"""Coefficients become video frames, seen by a clean camera or by one of many bad ones."""

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from data_tools.synthetic.people.face_model import face_model
from data_tools.synthetic.people.person import BACKGROUNDS, PATTERNS

BATCH = 6  # frames rendered at once


@dataclass(frozen=True)
class Look:
    r"""What differs by video under domain randomisation, besides the light."""

    background: int
    pattern: int  # of the clothes
    cloth_colour: tuple
    cloth_second: tuple
    seed: int  # of background, grain and noise
    gain: tuple  # of red, green, blue
    contrast: float  # exponent of the values
    blur: float  # sd [pixels]
    noise: float  # sd, of values in [0, 1]
    quality: int  # of a JPEG step before the video's own compression; 0: none


def sample_look(rng):
    r"""Draw a Look.

    Exposure within +-25 %, white balance +-8 %, blur up to 1.3 pixels, noise up to 4 %, and for
    half of the videos a JPEG step of quality 25 to 90.
    """
    gain = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3)
    return Look(
        background=int(rng.integers(len(BACKGROUNDS))),
        pattern=int(rng.integers(len(PATTERNS))),
        cloth_colour=tuple(rng.uniform(0.05, 0.9, 3).tolist()),
        cloth_second=tuple(rng.uniform(0.05, 0.9, 3).tolist()),
        seed=int(rng.integers(2**31)),
        gain=tuple(gain.tolist()),
        contrast=float(rng.uniform(0.8, 1.25)),
        blur=float(max(0.0, rng.uniform(-0.4, 1.3))),
        noise=float(rng.uniform(0, 0.04) * (rng.random() < 0.7)),
        quality=int(rng.integers(25, 91) if rng.random() < 0.5 else 0),
    )


def frames(person, coefficients, size=256, look=None):
    r"""Frames uint8 (size, size, 3) of a person at coefficients (L, 257), a few rendered at a time.

    Look None: the person's own clothes and room and a clean camera.
    """
    import torch

    from data_tools.synthetic.picture.rasterizer import render

    appearance = dressed(person.appearance, look) if look else person.appearance
    rng = np.random.default_rng(look.seed if look else 0)
    for start in range(0, len(coefficients), BATCH):
        rows = torch.as_tensor(coefficients[start : start + BATCH])
        with torch.inference_mode():
            images = render(face_model(), rows, appearance, size).image
        for image in images.permute(0, 2, 3, 1).numpy():
            yield photograph(image, look, rng) if look else to_bytes(image)


def dressed(appearance, look):
    r"""An Appearance in the clothes and the room of a Look."""
    return replace(
        appearance,
        background=look.background,
        pattern=look.pattern,
        seed=look.seed,
        cloth_colour=list(look.cloth_colour),
        cloth_second=list(look.cloth_second),
    )


def photograph(image, look, rng):
    r"""One frame through a look's camera: gain, contrast, blur, noise, JPEG.

    (H, W, 3) in [0, 1] -> uint8 (H, W, 3).
    """
    image = (image * np.asarray(look.gain, np.float32)).clip(0, 1) ** look.contrast
    if look.blur > 0:
        image = gaussian_filter(image, (look.blur, look.blur, 0))
    if look.noise > 0:
        image = image + look.noise * rng.standard_normal(image.shape, np.float32)
    pixels = to_bytes(image)
    if look.quality:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=look.quality)
        pixels = np.asarray(Image.open(file))
    return pixels


def to_bytes(image):
    r"""[0, 1] to 0..255, rounded, uint8."""
    return np.round(image.clip(0, 1) * 255).astype(np.uint8)
