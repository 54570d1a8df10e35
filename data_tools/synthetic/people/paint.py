r"""The rooms of the texture besides the skin: hair, cloth, eyes, teeth and the rest."""

import numpy as np

from data_tools.synthetic.people.atlas import HEIGHT, ROOMS, WIDTH, texel_grid
from data_tools.synthetic.people.surface import gauss, step


def paint_rooms(look):
    r"""Paint every room but the skin.

    Args:
        look: an Appearance.

    Returns:
        (5, H, W): RGB, gloss, wet, in [0, 1]; ear and neck are factors of the skin's tone.
    """
    rng = np.random.default_rng(look.seed + 1)
    image = np.zeros((5, HEIGHT, WIDTH))
    for room, painter in (
        ("hair", _hair),
        ("cloth", _cloth),
        ("ear", _ear),
        ("neck", _neck),
        ("eye", _eye),
        ("mouth", _mouth),
        ("teeth", _teeth),
        ("tongue", _tongue),
        ("glasses", _glasses),
    ):
        left, top, width, height = ROOMS[room]
        s, t = texel_grid(room)
        image[:, top : top + height, left : left + width] = painter(s, t, look, rng)
    return np.clip(image, 0, 1)


def _stack(colour, gloss, wet=0.0):
    """Five channels from an RGB image (3, h, w)."""
    plane = np.ones_like(colour[:1])
    return np.concatenate([colour, gloss * plane, wet * plane])


def _tint(colour, value):
    """A colour times an image."""
    return np.array(colour)[:, None, None] * value


def _hair(s, t, look, rng):
    """Strands along t."""
    strands = np.zeros_like(s)
    for pitch, size in ((30, 0.13), (64, 0.15), (120, 0.12)):
        knots = rng.standard_normal((pitch, 12))
        strands += size * _stretch(knots, s.shape)
    return _stack(_tint(look.hair_colour, np.clip(1 + strands, 0.3, 1.8)), 0.30)


def _stretch(knots, shape):
    """Knots (across, along) blown up to (height, width) with linear steps."""
    rows = np.linspace(0, knots.shape[1] - 1.001, shape[0])
    columns = np.linspace(0, knots.shape[0] - 1.001, shape[1])
    i, j = rows.astype(int), columns.astype(int)
    a, b = (rows - i)[:, None], (columns - j)[None]
    k = knots.T
    top = k[i][:, j] * (1 - b) + k[i][:, j + 1] * b
    return top * (1 - a) + (k[i + 1][:, j] * (1 - b) + k[i + 1][:, j + 1] * b) * a


def _cloth(s, t, look, rng):
    """Plain, striped, checked, knitted or trimmed; folds at the collar."""
    value = 1 + 0.035 * rng.standard_normal(s.shape)
    value = value * (1 - 0.30 * gauss(t, 0.24, 0.04)) * (1 + 0.10 * gauss(t, 0.10, 0.06))
    value = value * (1 + 0.05 * np.sin(26 * s + 9 * t + 3 * rng.random()))
    image = _tint(look.cloth_colour, value)
    around, below = np.sin(2 * np.pi * s * 34), np.sin(2 * np.pi * t * 26)
    mix = 0 * s
    if look.pattern == 1:
        mix = 0.8 * step(below, 0.2, 0.5)
    elif look.pattern == 2:
        mix = 0.35 * step(below, 0.2, 0.5) + 0.35 * step(around, 0.2, 0.5)
    elif look.pattern == 3:
        image = image * (0.92 + 0.10 * np.sin(2 * np.pi * s * 52))
    elif look.pattern == 4:
        mix = 0.9 * step(t, 0.30, 0.26) * (np.array(look.collar) > 0)
    return _stack(image * (1 - mix) + _tint(look.cloth_second, mix * value), 0.02)


def _ear(s, t, look, rng):
    """Factor of the skin's tone."""
    r = np.hypot(s - 0.5, (t - 0.5)) * 2
    value = 0.92 - 0.35 * gauss(r, 0.35, 0.2)
    return _stack(_tint([1.0, 0.92, 0.9], value), 0.1)


def _neck(s, t, look, rng):
    """Factor of the skin's tone, dark under the chin."""
    value = 0.52 + 0.42 * step(t, 0.25, 0.85)
    return _stack(_tint([1.0, 0.98, 0.97], value), 0.05)


def _eye(s, t, look, rng):
    """White, iris, pupil."""
    x, y = 2 * s - 1, 1 - 2 * t
    r = np.hypot(x, y) * 1.45  # angle from the pupil [rad]
    white = _tint([0.90, 0.87, 0.85], 1 - 0.30 * step(r, 0.6, 1.2) - 0.38 * step(y, 0.10, 0.42))
    turn = np.arctan2(y, x)
    rays = 1 + 0.18 * np.sin(23 * turn + 2 * np.sin(5 * turn)) * step(r, 0.15, 0.35)
    iris = _tint(look.eye_colour, rays * (0.75 + 0.7 * step(r, 0.42, 0.2)))
    iris = iris * (1 - 0.75 * step(r, 0.40, 0.49))
    pupil = step(r, 0.22, 0.18)
    image = white + (iris - white) * step(r, 0.51, 0.46)
    image = image * (1 - 0.35 * step(y, 0.12, 0.36))
    image = image * (1 - pupil) + 0.02 * pupil
    return _stack(image, 0.0, 1.0)


def _mouth(s, t, look, rng):
    """From the lips' insides to the throat; the last rows colour the lids' edges."""
    depth = step(t, 0.0, 0.36)
    image = _tint([0.45, 0.17, 0.16], 1 - depth) + _tint([0.07, 0.012, 0.012], depth)
    image = np.where(t > 0.81, _tint([0.10, 0.06, 0.05], 1 + 0 * t), image)
    image = np.where(t > 0.915, _tint([0.62, 0.38, 0.33], 1 + 0 * t), image)
    return _stack(image, 0.06 * (1 - depth))


def _teeth(s, t, look, rng):
    """Upper row in the top half (edge in the middle), lower row in the bottom half."""
    down = np.abs(t - 0.5) * 2  # 0 at the edge of either row, 1 at its far gum
    gaps = np.abs(np.sin(np.pi * (s * 10 + 0.0)))
    enamel = _tint([0.86, 0.82, 0.74], 0.80 + 0.20 * step(gaps, 0.0, 0.35))
    enamel = enamel * (1 - 0.55 * step(np.abs(s - 0.5), 0.2, 0.5))
    gum = _tint([0.62, 0.28, 0.27], 1 - 0.4 * step(np.abs(s - 0.5), 0.2, 0.5))
    mix = step(down, 0.62, 0.75)
    return _stack(enamel + (gum - enamel) * mix, 0.15)


def _tongue(s, t, look, rng):
    """Pink, darker at root and middle."""
    value = (1 - 0.5 * step(t, 0.6, 0.1)) * (1 - 0.18 * gauss(s, 0.5, 0.07))
    return _stack(_tint([0.68, 0.33, 0.32], value * (1 + 0.04 * rng.standard_normal(s.shape))), 0.2)


def _glasses(s, t, look, rng):
    """One colour."""
    return _stack(_tint(look.glasses_colour, 1 + 0 * s), 0.5)
