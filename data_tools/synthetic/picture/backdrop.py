r"""What stands behind a person: rooms and gardens out of focus, made of formulas."""

import numpy as np
from scipy.ndimage import gaussian_filter

SIZE = 256


def background(kind, seed):
    r"""A still picture (3, 256, 256) in [0, 1]; kind is an index into BACKGROUNDS."""
    rng = np.random.default_rng(seed + 2)
    painter = (_gradient, _wall, _office, _window, _bookshelf, _outdoors)[kind]
    image = painter(rng)
    return np.clip(image + 0.006 * rng.standard_normal(image.shape), 0, 1)


def _axes():
    """x to the right and y downwards in [0, 1]."""
    axis = (np.arange(SIZE) + 0.5) / SIZE
    return np.meshgrid(axis, axis)


def _tone(rng, low=0.15, high=0.85, colour=0.08):
    """A muted colour."""
    return np.clip(rng.uniform(low, high) + colour * rng.standard_normal(3), 0.03, 0.97)


def _fill(colour):
    """A plain picture."""
    return np.broadcast_to(np.asarray(colour)[:, None, None], (3, SIZE, SIZE)).copy()


def _box(image, left, top, right, bottom, colour):
    """A rectangle; places in [0, 1]."""
    a, b, c, d = (int(round(np.clip(v, 0, 1) * SIZE)) for v in (left, top, right, bottom))
    image[:, b:d, a:c] = np.asarray(colour)[:, None, None]


def _blur(image, width):
    """Out of focus."""
    return np.stack([gaussian_filter(channel, width, mode="nearest") for channel in image])


def _glow(x, y, rng, strength=0.25):
    """Light that falls off across the picture."""
    side, height = rng.uniform(0, 1), rng.uniform(-0.2, 0.6)
    return 1 + strength * (1 - 1.6 * np.hypot(x - side, y - height))


def _gradient(rng):
    """A photographer's paper: brighter behind the head."""
    x, y = _axes()
    colour = _tone(rng, 0.25, 0.8, 0.07)
    spot = np.exp(-(((x - 0.5) / 0.55) ** 2 + ((y - rng.uniform(0.3, 0.6)) / 0.6) ** 2))
    return colour[:, None, None] * (0.62 + 0.45 * spot)


def _wall(rng):
    """A painted wall with a frame or a switch of tone."""
    x, y = _axes()
    image = _fill(_tone(rng, 0.5, 0.9, 0.06))
    if rng.random() < 0.6:
        left, top = rng.uniform(-0.15, 0.12), rng.uniform(0.02, 0.2)
        left = left if rng.random() < 0.5 else left + 0.78
        _box(image, left, top, left + 0.24, top + 0.34, _tone(rng, 0.1, 0.5))
        _box(image, left + 0.02, top + 0.02, left + 0.22, top + 0.32, _tone(rng, 0.3, 0.9, 0.2))
    return _blur(image, 3.5) * _glow(x, y, rng)


def _office(rng):
    """Panels, a shelf, a screen, a lamp."""
    x, y = _axes()
    image = _fill(_tone(rng, 0.55, 0.85, 0.05))
    edge = rng.uniform(0.3, 0.7)
    _box(image, edge, 0, 1, 1, _tone(rng, 0.4, 0.8, 0.05))
    _box(image, 0, rng.uniform(0.62, 0.75), 1, 1, _tone(rng, 0.2, 0.6, 0.08))
    for _ in range(7):
        left, top = rng.uniform(-0.1, 0.95), rng.uniform(0.05, 0.8)
        _box(
            image,
            left,
            top,
            left + rng.uniform(0.05, 0.3),
            top + rng.uniform(0.05, 0.28),
            _tone(rng, 0.1, 0.9, 0.12),
        )
    lamp = np.exp(-(((x - rng.uniform(0, 1)) / 0.06) ** 2 + ((y - 0.1) / 0.05) ** 2))
    return _blur(image, 6) * _glow(x, y, rng) + 0.5 * lamp


def _window(rng):
    """Daylight panes with a frame and a curtain."""
    x, y = _axes()
    image = _fill(_tone(rng, 0.3, 0.6, 0.05))
    left = rng.choice([-0.05, 0.55])
    sky = np.array([0.80, 0.88, 0.95]) * rng.uniform(0.85, 1.05)
    _box(image, left, -0.1, left + 0.5, 0.72, sky)
    _box(image, left, 0.42, left + 0.5, 0.72, [0.55, 0.65, 0.50] * rng.uniform(0.8, 1.2, 3))
    for bar in (left, left + 0.24, left + 0.49):
        _box(image, bar, 0, bar + 0.025, 0.75, [0.92, 0.91, 0.88])
    _box(image, left, 0.72, left + 0.52, 0.76, [0.9, 0.89, 0.86])
    fold = 0.5 + 0.5 * np.sin(60 * x + 2 * np.sin(9 * x))
    curtain = ((x - left - 0.5) * np.sign(0.3 - left) > -0.03) & (np.abs(x - left - 0.5) < 0.18)
    image = np.where(curtain, _tone(rng)[:, None, None] * (0.75 + 0.3 * fold), image)
    return _blur(image, 4.0) * _glow(x, y, rng, 0.15)


def _bookshelf(rng):
    """Rows of spines."""
    x, y = _axes()
    image = _fill(_tone(rng, 0.1, 0.25, 0.03))
    wood = np.array([0.36, 0.24, 0.15]) * rng.uniform(0.6, 1.5)
    height = rng.uniform(0.22, 0.3)
    top = rng.uniform(-0.2, 0.0)
    while top < 1:
        left = rng.uniform(-0.05, 0)
        while left < 1:
            width = rng.uniform(0.018, 0.05)
            tall = height * rng.uniform(0.62, 0.9)
            colour = _tone(rng, 0.10, 0.65, 0.07)
            if rng.random() < 0.92:
                _box(image, left, top + height - tall, left + width, top + height, colour)
                _box(
                    image,
                    left + 0.75 * width,
                    top + height - tall,
                    left + width,
                    top + height,
                    0.6 * colour,
                )
            left += width
        _box(image, 0, top + height, 1, top + height + 0.025, wood)
        top += height + 0.025
    return _blur(image, 2.6) * _glow(x, y, rng)


def _outdoors(rng):
    """Leaves and sky as discs of light."""
    x, y = _axes()
    sky, green = np.array([0.75, 0.83, 0.90]), np.array([0.28, 0.40, 0.18])
    t = 1 / (1 + np.exp(-(y - rng.uniform(0.1, 0.6)) * 9))
    image = sky[:, None, None] * (1 - t) + (green * rng.uniform(0.6, 1.2))[:, None, None] * t
    for _ in range(60):
        radius = rng.uniform(0.02, 0.075)
        disc = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1)) < radius
        colour = np.array([0.5, 0.62, 0.25]) * rng.uniform(0.35, 1.6)
        colour = colour + 0.08 * rng.standard_normal(3)
        image = image + 0.45 * disc * (colour[:, None, None] - image)
    return _blur(image, 2.2) * _glow(x, y, rng, 0.12)
