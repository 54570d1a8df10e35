r"""Hair: a sheet of locks that leave the crown, follow the scalp and, on some, hang.

Ours. Column by column the sheet follows a straight path of the disc from the crown outwards, lifted
off the scalp; where it reaches the end of its style it stops or falls. Near the hairline it dips
under the skin, on which the roots are painted, so that no edge shows.
"""

from dataclasses import dataclass

import numpy as np

from data_tools.synthetic.people.atlas import to_atlas
from data_tools.synthetic.people.parts import HAIR, Block, grid_triangles
from data_tools.synthetic.people.person import HAIR_STYLES
from data_tools.synthetic.people.surface import disc_to_rest, gauss, step

CROWN = np.array([0.0, 1.08])  # on the disc
COLUMNS, ROWS, HANGING = 132, 13, 8
HAIRLINE_Z = (-1.6, -0.9, -0.72, -0.50, -0.42, -0.34, -0.2, -0.05, 0.08, 0.3)
HAIRLINE_Y = (-0.60, -0.50, -0.30, -0.02, 0.03, 0.26, 0.52, 0.69, 0.77, 0.80)


@dataclass
class Style:
    r"""The numbers of a hair style [dm]."""

    lift: float = 0.10  # off the scalp at the top
    end: float = 0.02  # off the scalp at the end
    fringe: float = 0.0  # how far it reaches below the hairline at the front
    fall: float = 0.0  # y of the hanging tips; 0 for none
    part: float = 0.0  # 1: swept to both sides of a parting
    ragged: float = 0.03  # of the ends
    curl: float = 0.0  # bumps
    out: float = 0.0  # hanging hair bows outwards
    sides: float = 1.0  # share of the lift at the temples


STYLES = {
    "buzz": Style(lift=0.022, end=0.0, ragged=0.01),
    "short": Style(lift=0.11, end=0.015, ragged=0.05, sides=0.45),
    "side": Style(lift=0.15, end=0.02, part=0.8, ragged=0.03, sides=0.4),
    "fringe": Style(lift=0.12, end=0.05, fringe=0.30, ragged=0.08, sides=0.8),
    "curly": Style(lift=0.20, end=0.06, fringe=0.05, ragged=0.06, curl=0.055),
    "bob": Style(lift=0.12, end=0.06, fringe=0.30, fall=-0.62, ragged=0.04, out=0.10),
    "long": Style(lift=0.11, end=0.05, fall=-1.6, part=1.0, ragged=0.02, out=0.05),
    "wavy": Style(lift=0.14, end=0.07, fall=-1.25, part=1.0, ragged=0.06, curl=0.03, out=0.14),
    "bun": Style(lift=0.05, end=0.0, ragged=0.01),
}


def hairline(xyz, receded=0.0):
    r"""Signed height over the hairline, positive where hair grows.

    Args:
        xyz: (..., 3) points of the scalp.
        receded: how far the line has moved up at the front [dm].

    Returns:
        (...).
    """
    line = np.interp(xyz[..., 2], HAIRLINE_Z, HAIRLINE_Y)
    temple = (0.05 + 0.5 * receded) * gauss(np.abs(xyz[..., 0]), 0.40, 0.12)
    return xyz[..., 1] - line - (receded + temple) * step(xyz[..., 2], -0.3, 0.0)


def style_height(xyz, look):
    r"""Signed height over the line where the hair ends, fringe included.

    Args:
        xyz: (..., 3) points of the scalp or the face.
        look: an Appearance.

    Returns:
        (...), negative on bare skin.
    """
    style = STYLES.get(HAIR_STYLES[look.hair_style])
    if style is None:
        return np.full(xyz.shape[:-1], -1.0)
    return hairline(xyz, look.hairline) + style.fringe * step(xyz[..., 2], -0.30, -0.05)


def hair_blocks(look):
    r"""The hair of an appearance.

    Args:
        look: an Appearance.

    Returns:
        A list of Blocks, empty for the bald.
    """
    name = HAIR_STYLES[look.hair_style]
    if name == "bald":
        return []
    rng = np.random.default_rng(look.seed + 3)
    blocks = [_sheet(STYLES[name], look, rng)]
    if name == "bun":
        blocks.append(_bun(look))
    return blocks


def _sheet(style, look, rng):
    """The sheet of locks, cut open at the parting."""
    turn = np.linspace(0, 2 * np.pi, COLUMNS + 1)
    angle = turn - np.pi / 2 + 0.45 * look.parting * (style.part > 0)
    noise = _smooth_noise(rng, COLUMNS + 1)
    scalp, ends = _paths(style, look, angle, turn, noise)  # (R, C, 3)
    t = np.linspace(0, 1, ROWS)[:, None]
    lifted = scalp + _outward(scalp) * _lift(style, look, scalp, t, ends, noise)[..., None]
    anchor = scalp
    if style.fall:
        hanging = _hang(style, look, lifted, turn, noise)
        lifted = np.concatenate([lifted, hanging])
        anchor = np.concatenate([scalp, np.repeat(scalp[-1:], HANGING, 0)])
    if style.curl:
        lifted = lifted + style.curl * _bumps(lifted, rng)
    rows = len(lifted)
    strand = 2 * turn / np.pi + 0.02 * noise
    s = np.abs((strand % 2) - 1)
    along = np.linspace(0, 1, rows)[:, None] * np.ones(COLUMNS + 1)
    uv = to_atlas("hair", np.broadcast_to(s, along.shape), along).reshape(-1, 2)
    triangles = _cut(grid_triangles(rows, COLUMNS + 1), lifted.reshape(-1, 3))
    return Block(lifted.reshape(-1, 3), uv, triangles, HAIR, anchor.reshape(-1, 3), two_sided=True)


def _smooth_noise(rng, count):
    """Noise along the columns, alike at both ends."""
    noise, slow = rng.standard_normal((2, count))
    for _ in range(3):
        slow = 0.5 * slow + 0.35 * (np.roll(slow, 1) + np.roll(slow, -1))
    return 0.7 * noise + 0.7 * slow


def _paths(style, look, angle, turn, noise):
    """Points of the scalp along each column (R, C, 3) and their height over the hairline."""
    away = np.minimum(turn, 2 * np.pi - turn)  # from the front [rad]
    side = np.sign(np.pi - turn)
    front = np.clip(1 - away / 0.85, 0, 1) * (style.part > 0)
    way = angle + side * style.part * 0.62 * front
    reach = np.linspace(0, 2.1, 90)[:, None]
    ray = CROWN + reach[..., None] * np.stack([np.cos(way), np.sin(way)], -1)
    stop = _first(_over(style, look, ray, noise) < 0)
    stop = np.minimum(stop, _first(np.linalg.norm(ray, axis=-1) > 1.44))
    end = ray[np.maximum(stop - 1, 1), np.arange(COLUMNS + 1)]
    ahead = np.stack([np.cos(angle[:1]), np.sin(angle[:1])], -1)  # along the parting
    start = CROWN + 0.37 * front[:, None] * ahead
    t = np.linspace(0, 1, ROWS)[:, None, None]
    u = start + (end - start) * t + 0.03 * (front[:, None] * ahead) * np.sin(np.pi * t)
    points = _scalp(u)
    return points, hairline(points, look.hairline)


def _scalp(u):
    """Points of the skull (..., 3)."""
    return disc_to_rest(u.reshape(-1, 2))[1].reshape(*u.shape[:-1], 3)


def _over(style, look, u, noise):
    """Height over the line where the style ends, negative beyond."""
    skull = _scalp(u * np.minimum(1, 1.44 / np.linalg.norm(u, axis=-1, keepdims=True)))
    front = step(skull[..., 2], -0.30, -0.05) if style.fringe else np.zeros(skull.shape[:-1])
    over = hairline(skull, look.hairline) + style.fringe * front - style.ragged * noise
    if style.fall:
        over = np.minimum(over, skull[..., 1] - 0.28 + 10 * (front > 0.3))
    return over


def _first(claim):
    """Index of the first True of each column, or the last row."""
    return np.where(claim.any(0), claim.argmax(0), len(claim) - 1)


def _outward(points):
    """Unit vectors away from the middle of the skull."""
    away = points - [0.0, 0.25, -0.68]
    return away / np.linalg.norm(away, axis=-1, keepdims=True)


def _lift(style, look, scalp, t, grown, noise):
    """Distance of the sheet from the scalp (R, C)."""
    temple = step(np.abs(scalp[..., 0]), 0.35, 0.7)
    top = style.lift * look.hair_volume * (1 - (1 - style.sides) * temple)
    fade = step(t, 1.0, 0.55)
    lift = style.end + (top - style.end) * fade * (0.75 + 0.25 * step(t, 0, 0.2))
    if not style.fringe and not style.fall:
        lift = lift * step(grown, -0.02, 0.12) - 0.015 * step(grown, 0.05, -0.02)
    return lift * (1 + 0.10 * noise)


def _hang(style, look, lifted, turn, noise):
    """Rows that fall from the sheet's end (H, C, 3); columns of the face hang not at all."""
    end = lifted[-1]
    hangs = ((end[:, 1] < 0.45) | (end[:, 2] < -0.3))[:, None]
    t = np.linspace(0, 1, HANGING + 1)[1:, None]
    tip = style.fall + style.ragged * 2 * noise
    y = end[:, 1] + (tip - end[:, 1]) * t
    bow = style.out * np.sin(np.pi * np.minimum(t * 0.85, 1)) * np.sign(end[:, 0])
    x = end[:, 0] + bow + (0.10 * np.sign(end[:, 0]) - 0.05 * end[:, 0]) * t
    z = end[:, 2] + 0.06 * t - 0.10 * step(t, 0.2, 1.0) * (end[:, 2] > -0.3)
    rows = np.stack([x, y, z], -1)
    still = np.repeat(end[None], HANGING, 0)
    return np.where(hangs[None], rows, still)


def _bumps(points, rng):
    """Curls: waves of the outward direction over the sheet."""
    wave = np.zeros(points.shape[:-1])
    for _ in range(5):
        wave += np.sin(points @ (rng.standard_normal(3) * 14) + rng.uniform(0, 6.28))
    return _outward(points) * (wave / 2.2)[..., None]


def _cut(triangles, points, longest=0.42):
    """Drop triangles that would span the gap between locks of very unlike length."""
    corners = points[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=-1)
    return triangles[(sides.max(1) < longest) & (sides.max(1) > 1e-6)]


def _bun(look, rings=10, spokes=18):
    """A knot on the back of the crown."""
    polar, turn = np.meshgrid(
        np.linspace(0.05, np.pi - 0.05, rings), np.linspace(0, 2 * np.pi, spokes + 1), indexing="ij"
    )
    size = 0.24 * look.hair_volume * (1 + 0.04 * np.sin(3 * turn + 2 * polar))
    centre = np.array([0.0, 1.26, -0.85])
    wide = np.sin(polar)
    ball = np.stack([wide * np.cos(turn), 0.9 * np.cos(polar), wide * np.sin(turn)], -1)
    xyz = (centre + size[..., None] * ball).reshape(-1, 3)
    s = np.abs((3 * turn / np.pi + 0.5 * polar) % 2 - 1)
    uv = to_atlas("hair", s, polar / np.pi).reshape(-1, 2)
    root = np.tile([0.0, 1.1, -0.85], (len(xyz), 1))
    return Block(xyz, uv, grid_triangles(rings, spokes + 1)[:, [0, 2, 1]], HAIR, root, 1.0, True)
