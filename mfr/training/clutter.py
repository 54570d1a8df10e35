r"""Pictures without a face, made of formulas: what the face finder must pass over.

Gratings, patches, writing, branches, blobs (some in colours of skin, some with dark spots), noise
of every roughness, and mixtures of two.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

LETTERS = "abcdefghiklmnoprstuvwxyzABCDEFGHIKLMNOPRSTUVWXYZ0123456789.,:;-+ "


def clutter(rng, size):
    r"""One picture.

    Args:
        rng: numpy Generator.
        size: side [pixels].

    Returns:
        uint8 (size, size, 3).
    """
    kinds = (_plain, _rough, _patches, _grating, _writing, _lines, _blobs, _spotted, _noise)
    image = kinds[rng.integers(len(kinds))](rng, size)
    while rng.random() < 0.45:
        other = kinds[rng.integers(len(kinds))](rng, size)
        share = _mask(rng, size)[..., None]
        image = image + share * (other - image)
    if rng.random() < 0.4:
        image = gaussian_filter(image, (*[rng.uniform(0.4, 4)] * 2, 0))
    return (255 * image.clip(0, 1)).astype(np.uint8)


def colour(rng):
    r"""A colour; one in three is that of some skin.

    Args:
        rng: numpy Generator.

    Returns:
        (3,) in [0, 1].
    """
    if rng.random() < 1 / 3:
        skin = np.array([0.85, 0.62, 0.5]) * rng.uniform(0.25, 1.15)
        return (skin + rng.normal(0, 0.04, 3)).clip(0, 1)
    grey = rng.uniform(0, 1)
    return (grey + rng.normal(0, 0.15, 3)).clip(0, 1)


def _axes(size):
    axis = np.arange(size) / size - 0.5
    return np.meshgrid(axis, axis)


def _turned(rng, size):
    """A coordinate that grows in a random direction."""
    x, y = _axes(size)
    turn = rng.uniform(0, 2 * np.pi)
    return np.cos(turn) * x + np.sin(turn) * y


def _between(rng, share):
    """Two colours mixed by a map of shares."""
    one, other = colour(rng), colour(rng)
    return one + share[..., None] * (other - one)


def _plain(rng, size):
    return _between(rng, (_turned(rng, size) * rng.uniform(0.2, 2) + 0.5).clip(0, 1))


def _rough(rng, size):
    """Noise whose amplitude falls with frequency: clouds, plaster, sand."""
    fx, fy = np.meshgrid(np.fft.rfftfreq(size), np.fft.fftfreq(size))
    squeeze = rng.uniform(0.3, 3)
    amplitude = (np.hypot(fx * squeeze, fy) + 1 / size) ** -rng.uniform(0.6, 2.2)
    waves = amplitude * np.exp(2j * np.pi * rng.random(amplitude.shape))
    field = np.fft.irfft2(waves, (size, size))
    field = field / (field.std() + 1e-9)
    return _between(rng, (0.5 + rng.uniform(0.15, 0.6) * field).clip(0, 1))


def _noise(rng, size):
    grain = rng.integers(1, 9)
    coarse = rng.normal(0.5, rng.uniform(0.1, 0.5), (-(-size // grain), -(-size // grain), 3))
    if rng.random() < 0.5:
        coarse = np.repeat(coarse.mean(-1, keepdims=True), 3, -1)
    return coarse.repeat(grain, 0).repeat(grain, 1)[:size, :size].clip(0, 1)


def _grating(rng, size):
    wave = np.sin(2 * np.pi * rng.uniform(2, 30) * _turned(rng, size) + rng.normal())
    if rng.random() < 0.5:
        wave = wave * np.sin(2 * np.pi * rng.uniform(2, 30) * _turned(rng, size) + rng.normal())
    if rng.random() < 0.5:
        wave = np.sign(wave)
    return _between(rng, 0.5 + 0.5 * wave)


def _canvas(rng, size):
    image = Image.fromarray((255 * _plain(rng, size)).astype(np.uint8))
    return image, ImageDraw.Draw(image)


def _ink(rng):
    return tuple((255 * colour(rng)).astype(int).tolist())


def _array(image):
    return np.asarray(image, np.float64) / 255


def _patches(rng, size):
    """Boxes and polygons: windows, furniture, shelves."""
    image, draw = _canvas(rng, size)
    for _ in range(rng.integers(3, 40)):
        left, top = rng.uniform(-0.1, 1, 2) * size
        wide, high = rng.uniform(0.03, 0.5, 2) * size
        if rng.random() < 0.6:
            draw.rectangle((left, top, left + wide, top + high), _ink(rng))
        else:
            corners = rng.uniform(-0.5, 1.2, (rng.integers(3, 7), 2)) * [wide, high]
            draw.polygon([tuple(c) for c in corners + [left, top]], _ink(rng))
    return _array(image)


def _writing(rng, size):
    image, draw = _canvas(rng, size)
    height = int(rng.integers(8, 40))
    font, ink = ImageFont.load_default(height), _ink(rng)
    for top in range(-height // 2, size, int(height * rng.uniform(1.1, 2))):
        letters = rng.choice(list(LETTERS), size // 4 + 4)
        draw.text((rng.uniform(-20, 20), top), "".join(letters), ink, font)
    return _array(image)


def _lines(rng, size):
    """Branches, wires, hair."""
    image, draw = _canvas(rng, size)
    inks = [_ink(rng) for _ in range(rng.integers(1, 4))]
    for _ in range(rng.integers(5, 80)):
        steps = rng.normal(0, rng.uniform(0.02, 0.2) * size, (rng.integers(2, 7), 2))
        path = rng.uniform(0, size, 2) + steps.cumsum(0)
        ink = inks[rng.integers(len(inks))]
        draw.line([tuple(p) for p in path], ink, int(rng.integers(1, 8)))
    return _array(image)


def _blobs(rng, size):
    image, draw = _canvas(rng, size)
    largest = rng.uniform(0.05, 0.4)
    for _ in range(rng.integers(3, 60)):
        x, y = rng.uniform(0, size, 2)
        a, b = rng.uniform(0.01, largest, 2) * size
        draw.ellipse((x - a, y - b, x + a, y + b), _ink(rng))
    return _array(image)


def _spotted(rng, size):
    """Heads without a face: skin with spots and stripes that lie anywhere."""
    image, draw = _canvas(rng, size)
    for _ in range(rng.integers(1, 6)):
        x, y = rng.uniform(0, size, 2)
        a = rng.uniform(0.06, 0.3) * size
        b = a * rng.uniform(0.8, 1.6)
        skin = np.array([0.85, 0.62, 0.5]) * rng.uniform(0.25, 1.15)
        draw.ellipse((x - a, y - b, x + a, y + b), tuple((255 * skin.clip(0, 1)).astype(int)))
        if rng.random() < 0.5:
            draw.pieslice((x - a, y - b, x + a, y + b), 180, 360, _ink(rng))
        for _ in range(rng.integers(0, 4)):
            u, v = x + rng.uniform(-0.8, 0.8) * a, y + rng.uniform(-0.8, 0.8) * b
            r, q = rng.uniform(0.03, 0.4, 2) * a
            draw.ellipse((u - r, v - q, u + r, v + q), _ink(rng))
    return gaussian_filter(_array(image), (*[rng.uniform(0.3, 2)] * 2, 0))


def _mask(rng, size):
    """Where the second of two mixed pictures is seen."""
    if rng.random() < 0.3:
        return np.full((size, size), rng.uniform(0.2, 0.7))
    edge = _turned(rng, size) - rng.uniform(-0.3, 0.3)
    if rng.random() < 0.5:
        x, y = _axes(size)
        middle = rng.uniform(-0.4, 0.4, 2)
        edge = np.hypot(x - middle[0], y - middle[1]) - rng.uniform(0.1, 0.4)
    return (edge * rng.choice([4, 20, 200]) + 0.5).clip(0, 1)
