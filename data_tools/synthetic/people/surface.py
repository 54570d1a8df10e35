r"""The head as formulas: a smooth skull, the relief of a face, and a triangle mesh over both.

Ours: no scan is behind it. Unit 1 dm, as in Deep3DFaceRecon: x to the image's right, y up, z to
the camera, origin near the middle of the face. Three coordinate systems name a point of the skin:

* `u` (a disc), the plane of the texture and of the triangulation; its middle is the face's middle;
* `rest` (x, y), where the point of the unsculpted skull lies as seen from the front; the mouth is a
  slit in `u` that `rest` closes;
* `xyz`, the point itself.
"""

import numpy as np

CENTRE = np.array([0.0, -0.1, -0.62])  # all directions start here
DISC = 1.45  # radius of the u disc
STRETCH = 0.35  # u is denser in the face: angle * RADIUS = u + STRETCH u^3
RADIUS = 0.92
SKULL = (  # centre and radii of ellipsoids that all hold CENTRE: cranium, face, jaw
    ((0.0, 0.36, -0.70), (0.735, 0.80, 0.90)),
    ((0.0, -0.13, -0.53), (0.655, 0.80, 0.66)),
    ((0.0, -0.46, -0.36), (0.47, 0.50, 0.48)),
)
EYE = np.array([0.305, 0.115])  # of the right eye in the image; the left one is its mirror
EYE_WIDTH = 0.157  # half the lid opening
EYE_RADIUS = 0.125
LID_Z = 0.015  # centre of the sphere on which the lids lie
EYE_Z = -0.003  # centre of the eyeball
LID = 0.013  # thickness
MOUTH_Y, MOUTH_WIDTH = -0.515, 0.245
GAP = 0.022  # half the height of the mouth's slit in u


def gauss(value, centre, width):
    r"""exp(-((value - centre) / width)^2 / 2).

    Args:
        value: array of any shape.
        centre: where it is 1.
        width: standard deviation, in the unit of value.

    Returns:
        An array like value.
    """
    return np.exp(-0.5 * ((value - centre) / width) ** 2)


def bump(x, y, x0, y0, width_x, width_y):
    r"""A Gaussian hill of height 1 over the rest plane.

    x and y are arrays alike, or |x| for a mirrored pair of hills; (x0, y0) is the middle, the
    widths are standard deviations.
    """
    return gauss(x, x0, width_x) * gauss(y, y0, width_y)


def step(value, low, high):
    r"""A smooth step from 0 at low to 1 at high (falling when high < low).

    Args:
        value: array of any shape.
        low: last value of 0.
        high: first value of 1.

    Returns:
        An array like value.
    """
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mouth_line(x):
    r"""y of the line between the closed lips.

    Args:
        x: array of rest coordinates.

    Returns:
        An array like x.
    """
    return MOUTH_Y - 0.006 * gauss(x, 0, 0.05) + 0.014 * gauss(abs(x), 0.12, 0.07) + 0.30 * x**2


def lip_border(x, side):
    r"""Height of the red of the lip over (side +1) or under (side -1) the mouth line.

    Args:
        x: array of rest coordinates.
        side: +1 | -1, or an array of them.

    Returns:
        An array like x, 0 outside the corners.
    """
    arch = np.sqrt(np.clip(1 - (x / (MOUTH_WIDTH + 0.008)) ** 2, 0, 1))
    bow = 1 - 0.16 * gauss(x, 0, 0.03) + 0.06 * gauss(abs(x), 0.06, 0.03)
    return np.where(np.asarray(side) > 0, 0.082 * arch**1.25 * bow, 0.108 * arch)


def lid_edges(t):
    r"""Heights over the eye's middle of the upper and lower lid edge.

    Args:
        t: array in [-1, 1], across the eye, outer corner at +1.

    Returns:
        Two arrays like t [dm].
    """
    arch = np.clip(1 - np.abs(t) ** 2.2, 0, 1)
    tilt = 0.010 * t
    upper = 0.0505 * arch**0.72 * (1 - 0.10 * t) + tilt
    lower = -0.044 * arch**0.8 * (1 + 0.14 * t) + tilt
    return upper, lower


def disc_to_rest(u):
    r"""Rest coordinates and skull point of disc points.

    Args:
        u: (N, 2).

    Returns:
        rest (N, 2) with the mouth's slit closed, and skull (N, 3).
    """
    skull = _skull(u)
    x, y = skull[:, 0], skull[:, 1]
    off = y - mouth_line(x)
    closing = slit(x) * np.exp(-((off / 0.14) ** 2)) * (skull[:, 2] > -0.4)
    y = y - np.sign(off) * np.minimum(closing, np.abs(off))
    return np.stack([x, y], 1), np.stack([x, y, skull[:, 2]], 1)


def rest_to_disc(rest):
    r"""Disc point of a point of the front, the mouth's slit ignored.

    Args:
        rest: (N, 2).

    Returns:
        u (N, 2), found by fixed-point steps.
    """
    u = np.asarray(rest, dtype=float) * 0.9
    for _ in range(40):
        u = u + 0.7 * (rest - _skull(u)[:, :2])
    return u


def slit(x):
    r"""Half the height of the mouth's slit in u.

    Args:
        x: array of rest coordinates.

    Returns:
        An array like x [dm].
    """
    return GAP * np.clip(1 - (x / MOUTH_WIDTH) ** 2, 0, 1) ** 0.5


def mouth_height(u):
    r"""Height over the mouth line of disc points, before the slit is closed.

    Args:
        u: (N, 2).

    Returns:
        (N,), of which the sign tells the lips apart.
    """
    skull = _skull(u)
    return skull[:, 1] - mouth_line(skull[:, 0])


def _skull(u):
    """Point of the unsculpted skull: direction from u, radius as a smooth maximum of ellipsoids."""
    length = np.linalg.norm(u, axis=1)
    angle = (length + STRETCH * length**3) / RADIUS
    side = u / np.maximum(length, 1e-9)[:, None]
    direction = np.concatenate([side * np.sin(angle)[:, None], np.cos(angle)[:, None]], 1)
    radius = 0
    for centre, radii in SKULL:
        a = ((direction / radii) ** 2).sum(1)
        offset = (CENTRE - centre) / radii
        b = (direction / radii * offset).sum(1)
        root = (-b + np.sqrt(b * b - a * ((offset**2).sum() - 1))) / a
        radius = radius + root**14
    point = CENTRE + direction * radius[:, None] ** (1 / 14)
    taper = 1 - 0.15 * step(point[:, 1], -0.15, -0.95)
    return point * np.stack([taper, np.ones_like(taper), np.ones_like(taper)], 1)


def sculpt(rest, skull):
    r"""The face's relief on the skull: brows, sockets, nose, cheeks, lips, chin.

    Args:
        rest: (N, 2).
        skull: (N, 3).

    Returns:
        xyz (N, 3).
    """
    x, y = rest.T
    s = np.abs(x)
    front = step(skull[:, 2], -0.45, -0.1)
    z = 0.030 * bump(s, y, 0.24, 0.30, 0.17, 0.06) - 0.085 * bump(s, y, 0.29, 0.12, 0.13, 0.085)
    z += 0.045 * bump(s, y, 0.43, -0.06, 0.12, 0.11) + 0.03 * bump(s, y, 0.36, -0.32, 0.14, 0.14)
    z += 0.055 * bump(x, y, 0, -0.50, 0.20, 0.15) + 0.085 * bump(x, y, 0, -0.80, 0.15, 0.085)
    z -= 0.02 * bump(s, y, 0.26, -0.62, 0.08, 0.1) + 0.020 * bump(s, y, 0.62, 0.30, 0.12, 0.15)
    z += _nose(x, y) + _lips(x, y)
    moved = skull + np.stack([np.zeros_like(z), np.zeros_like(z), z * front], 1)
    moved[:, 1] -= front * 0.035 * bump(x, y, 0, -0.20, 0.07, 0.05)  # the tip hangs a little
    moved[:, 0] += front * np.sign(x) * 0.02 * bump(s, y, 0.115, -0.235, 0.04, 0.04)
    return _lids(x, y, moved)


def _nose(x, y):
    """Height of the nose: a ridge that rises to the tip, two wings, two nostrils."""
    s = np.abs(x)
    rise = step(y, 0.26, -0.20)
    base = -0.322 + 0.05 * np.minimum(s / 0.1, 1.3) ** 2
    height = (0.035 + 0.250 * rise**1.3) * step(y, 0.30, 0.12) * step(y - base, 0.0, 0.075)
    width = 0.044 + 0.030 * rise**2
    near, far = np.exp(-((s / (1.25 * width)) ** 2)), np.exp(-((s / (2.2 * width)) ** 2))
    z = height * (0.74 * near + 0.26 * far)
    z += 0.045 * bump(x, y, 0, -0.205, 0.050, 0.045)
    z += 0.075 * bump(s, y, 0.100, -0.245, 0.033, 0.036)
    z -= 0.045 * bump(s, y, 0.056, -0.290, 0.022, 0.013)
    return z - 0.010 * bump(x, y, 0, -0.37, 0.022, 0.045)


def _lips(x, y):
    """Height of the lips: two cushions with a groove between and a step at the border."""
    off = y - mouth_line(x)
    border = lip_border(x, np.sign(off)) + 1e-4
    t = np.clip(np.abs(off) / border, 0, 3)
    cushion = np.exp(-(((t - 0.5) / 0.52) ** 2)) * step(border, 0.0, 0.06)
    groove = -0.028 * np.exp(-((off / 0.018) ** 2)) * step(np.abs(x), MOUTH_WIDTH + 0.05, 0.15)
    corner = -0.030 * bump(np.abs(x), off, MOUTH_WIDTH + 0.01, 0, 0.03, 0.03)
    sulcus = -0.035 * bump(x, y, 0, -0.665, 0.13, 0.030)
    return cushion * np.where(off > 0, 0.042, 0.055) + groove + corner + sulcus


def _lids(x, y, xyz):
    """Lay the skin around each eye on its eyeball."""
    dx, dy = np.abs(x) - EYE[0], y - EYE[1]
    reach = np.sqrt((dx / 1.25) ** 2 + dy**2)
    near = step(reach, 0.150, 0.085) * (xyz[:, 2] > -0.3)
    ball = LID_Z + lid_height(dx, dy)
    crease = -0.012 * np.exp(-(((dy - 0.088 + 1.2 * dx**2) / 0.014) ** 2))
    crease = crease * step(np.abs(dx), 0.19, 0.1)
    xyz[:, 2] = xyz[:, 2] * (1 - near) + (ball + crease) * near
    return xyz


def lid_height(dx, dy):
    r"""z over the eyeball's centre of a lid lying on it, flattened towards the corners.

    Args:
        dx: array, offset from the eye's middle.
        dy: array like dx.

    Returns:
        An array like dx.
    """
    radius = EYE_RADIUS + LID
    inside = radius**2 - (0.78 * dx) ** 2 - dy**2
    return np.sqrt(np.maximum(inside, 0.3 * radius**2))
