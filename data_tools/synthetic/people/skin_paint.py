r"""What is painted on a person's skin: shade, lids, lips, lines, brows, beard, hair roots."""

import numpy as np

from data_tools.synthetic.people.hair import hairline, style_height
from data_tools.synthetic.people.surface import (
    EYE,
    EYE_WIDTH,
    MOUTH_WIDTH,
    bump,
    gauss,
    lid_edges,
    lip_border,
    mouth_line,
    step,
)
from data_tools.synthetic.people.textures import FACE, SIDE


def paint_skin(palette, albedo, look):
    r"""Brows, lashes, nostrils, lines, beard and hair roots over the albedo.

    Args:
        palette: a SkinPalette.
        albedo: (3, 512, 512).
        look: an Appearance.

    Returns:
        (5, 512, 512): RGB, gloss, wet.
    """
    rng = np.random.default_rng(look.seed)
    grain = _grain(rng)
    shade = palette.shade
    image = albedo.double().numpy() * np.stack([shade**0.75, shade, shade**1.08])
    image = image * (1 + 0.009 * grain)
    skin, face = palette.skin, palette.face
    part = _lines(image[:, *FACE], face, look)
    part = _mouth_paint(part, face, look, rng)
    image[:, *FACE] = _eye_paint(part, face, look)
    hair = np.array(look.hair_colour)
    beard = np.minimum(0.8 * hair, [0.36, 0.26, 0.18])
    if look.beard:
        image = _over(image, _beard(skin, look, rng), beard)
    image[:, *FACE] = _over(image[:, *FACE], _brow(face, look, rng), look.brow_colour)
    image = _darken(image, 0.32 * step(style_height(skin.xyz, look), -0.10, 0.04), 0.88)
    image = _over(image, _roots(skin, look, rng), 0.75 * hair)
    gloss = _gloss(skin, look) + 0.02 * grain
    return np.concatenate([image, gloss[None], 0 * gloss[None]])


def _gloss(texels, look):
    """How much of the lamp the skin mirrors: lips most, then nose and forehead."""
    x, y = texels.x, texels.y
    lips = (0.16 + 0.3 * look.lipstick) * texels.lip()
    nose, forehead = bump(x, y, 0, -0.1, 0.05, 0.16), bump(x, y, 0, 0.5, 0.3, 0.15)
    return 0.10 + lips + 0.04 * nose + 0.05 * forehead


def _over(image, alpha, colour):
    """Paint a colour over the image."""
    return image * (1 - alpha) + alpha * np.array(colour)[:, None, None]


def _darken(image, amount, warm=0.6):
    """Darken as blood-filled skin does: red least."""
    return image * np.stack([1 - warm * amount, 1 - amount, 1 - amount])


def _grain(rng):
    """White noise with a trace of blur (512, 512)."""
    noise = rng.standard_normal((SIDE, SIDE))
    return noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)


def _line(value, width):
    """A thin dark line where value is 0."""
    return np.exp(-((value / width) ** 2))


def _eye_paint(image, texels, look):
    """Lid crease, lashes, the lower lid's edge, lines at the corners."""
    y, s = texels.y, np.abs(texels.x)
    front = texels.xyz[..., 2] > -0.3
    dx, dy = s - EYE[0], y - EYE[1]
    upper, lower = lid_edges(np.clip(dx / EYE_WIDTH, -1, 1))
    crease = _line(dy - 0.083 + 1.6 * dx**2 - 0.06 * dx, 0.010) * step(np.abs(dx), 0.18, 0.09)
    image = _darken(image, 0.38 * crease * front)
    lid = step(dy, 0.10, 0.07) * step(dy, upper - 0.01, upper) * step(np.abs(dx), 0.17, 0.10)
    image = _darken(image, (0.10 + 0.16 * look.lipstick) * lid * front)
    bag = _line(dy + 0.092 - 1.4 * dx**2, 0.012) * step(np.abs(dx), 0.15, 0.05)
    image = _darken(image, (0.06 + 0.16 * look.age) * bag * front)
    wing = 0.010 + 0.004 * look.lashes + 0.008 * look.lashes * step(dx, 0.02, 0.15)
    lash = _line(dy - upper - 0.5 * wing, wing) * step(np.abs(dx - 0.008), 0.168, 0.145) * front
    image = _over(image, (0.62 + 0.35 * look.lashes) * lash, [0.05, 0.035, 0.03])
    under = _line(dy - lower + 0.004, 0.008) * step(np.abs(dx), 0.165, 0.12) * front
    image = _over(image, (0.30 + 0.25 * look.lashes) * under, [0.16, 0.08, 0.07])
    inner = bump(dx, dy, -EYE_WIDTH - 0.004, 0.0, 0.012, 0.010) * front
    return _over(image, 0.6 * inner, [0.62, 0.33, 0.30])


def _mouth_paint(image, texels, look, rng):
    """Lip line, corners, lip creases, lipstick, nostrils."""
    x, y, s = texels.x, texels.y, np.abs(texels.x)
    front = texels.xyz[..., 2] > -0.3
    off = y - mouth_line(x)
    lip = texels.lip()
    if look.lipstick:
        red = np.array([0.62, 0.13, 0.17]) + 0.08 * rng.standard_normal(3)
        image = _over(image, 0.75 * look.lipstick * lip, red)
    creases = 1 + 0.05 * lip * np.sin(210 * x + 4 * np.sin(40 * x)) * step(np.abs(off), 0.09, 0.02)
    image = image * creases
    image = _darken(image, 0.22 * lip * step(off, 0.01, 0.05), 0.8)  # the upper lip faces down
    line = _line(off, 0.008) * step(s, MOUTH_WIDTH + 0.015, MOUTH_WIDTH - 0.03)
    corner = bump(s, off, MOUTH_WIDTH + 0.004, 0.0, 0.014, 0.010)
    image = _over(image, np.clip(0.75 * line + 0.45 * corner, 0, 1) * front, [0.22, 0.06, 0.06])
    nostril = bump(s, y, 0.058, -0.292, 0.022, 0.010) * front
    image = _over(image, 0.85 * np.clip(1.3 * nostril, 0, 1), [0.12, 0.04, 0.035])
    return image


def _lines(image, texels, look):
    """Lines of age: from nose to mouth, on the forehead, between the brows, at the eyes."""
    x, y, s = texels.x, texels.y, np.abs(texels.x)
    front = texels.xyz[..., 2] > -0.4
    age = look.age
    fold = _line(s - 0.145 - 0.42 * np.clip(-0.25 - y, 0, 1), 0.020)
    fold = fold * step(y, -0.24, -0.36) * step(y, -0.58, -0.45)
    total = (0.02 + 0.18 * age) * fold
    old = max(age - 0.45, 0)
    for k, height in enumerate((0.43, 0.50, 0.57)):
        wave = y - height - 0.012 * np.cos(9 * x + k) + 0.10 * x**2
        total = total + 0.34 * old * _line(wave, 0.008) * step(s, 0.42, 0.2)
    dx, dy = s - EYE[0] - EYE_WIDTH, y - EYE[1]
    for slope in (-0.5, 0.0, 0.5):
        foot = _line(dy - slope * dx, 0.006) * step(dx, 0.02, 0.04) * step(dx, 0.12, 0.06)
        total = total + 0.4 * old * foot
    total = total + 0.35 * old * _line(s - 0.035, 0.008) * step(y, 0.2, 0.24) * step(y, 0.34, 0.29)
    return _darken(image, np.clip(total, 0, 0.6) * front)


def _strands(texels, angle, pitch, rng):
    """Hair-like noise in [0, 1]: fine across the direction angle, long along it."""
    x, y = texels.u[..., 0], texels.u[..., 1]
    across, along = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    table = rng.random((1024, 64))
    i = np.floor(across * pitch).astype(int) % 1024
    j = np.floor(along * pitch * 0.18 + 13.7 * (i % 7)).astype(int) % 64
    return table[i, j]


def _brow(texels, look, rng):
    """Opacity of the brows: hairs along an arch that tapers outwards."""
    x, y, s = texels.x, texels.y, np.abs(texels.x)
    t = (s - 0.105) / 0.37
    arch = 0.258 + 0.025 * t - 0.04 * step(t, 0.65, 1.1)
    arch = arch + 0.055 * look.brow_arch * gauss(t, 0.62, 0.3)
    thick = 0.027 * look.brow_thickness * (0.75 + 0.25 * step(t, 0, 0.2))
    thick = thick * (1 - 0.6 * step(t, 0.45, 1.0))
    body = np.exp(-(np.abs((y - arch) / thick) ** 2.5)) * step(t, -0.05, 0.15) * step(t, 1.05, 0.85)
    lean = np.where(t < 0.25, 0.35, 1.05)
    hairs = _strands(texels, 0.5 * np.pi - np.sign(x) * 0.5 * lean, 120, rng)
    return np.clip(body * (0.55 + 0.6 * hairs), 0, 0.93) * (texels.xyz[..., 2] > -0.3)


def _beard(texels, look, rng):
    """Opacity of the beard."""
    x, y, s, z = texels.x, texels.y, np.abs(texels.x), texels.xyz[..., 2]
    off = y - mouth_line(x)
    cheek = step(y + 0.36 - 0.55 * np.clip(s - 0.3, 0, 1), 0.08, -0.08) * step(z, -0.75, -0.55)
    moustache = bump(s, off, 0.10, 0.115, 0.11, 0.035) * 1.5
    lip = step(np.abs(off) - lip_border(x, np.sign(off)), 0.0, 0.018)
    lip = np.maximum(lip, step(s, MOUTH_WIDTH - 0.01, MOUTH_WIDTH + 0.02))
    soul = bump(x, y, 0, -0.66, 0.05, 0.03)
    sides = gauss(s, 0.255, 0.022) * step(y, -0.46, -0.56) * step(y, -0.86, -0.72)
    chin = step(s, 0.25, 0.16) * step(y, -0.65, -0.74) + soul + 0.8 * sides
    bare = step(off, -0.12, -0.21) + step(s, 0.15, 0.26)
    full = cheek * np.clip(bare + soul + (off > 0) * (s > 0.2), 0, 1)
    amount = (0.45 * (full + 0.8 * moustache), moustache, moustache + chin, full + moustache)
    amount = amount[look.beard - 1]  # in the order of BEARDS
    hairs = _strands(texels, 0.2 * np.sign(x), 110, rng)
    density = 0.32 if look.beard == 1 else 0.93
    grain = 0.35 + 0.65 * hairs if look.beard == 1 else 0.7 + 0.35 * hairs
    return np.clip(np.clip(amount, 0, 1) * lip * density * grain, 0, 0.95)


def _roots(texels, look, rng):
    """Opacity of the hair's roots on the scalp, with single hairs at its border."""
    if look.hair_style == 0:
        grown = hairline(texels.xyz, 0.1)
        return 0.16 * step(grown, 0, 0.12)
    hairs = _strands(texels, 0.15 * np.sign(texels.x), 75, rng)
    grown = hairline(texels.xyz, look.hairline) + 0.05 * (hairs - 0.5)
    return 0.96 * step(grown, -0.03, 0.035) * (0.85 + 0.15 * hairs)
