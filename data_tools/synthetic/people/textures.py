r"""The skin's colours: albedo = mean + B_tex tex over the texture."""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import interpolate

from data_tools.synthetic.people.atlas import to_atlas
from data_tools.synthetic.people.surface import (
    DISC,
    EYE,
    MOUTH_WIDTH,
    bump,
    disc_to_rest,
    gauss,
    lip_border,
    mouth_line,
    sculpt,
    step,
)

SIDE = 512  # texels of the skin's room
FACE = (slice(128, 392), slice(96, 416))
SKIN_MEAN = (0.82, 0.615, 0.505)


def skin_uv(u):
    r"""Atlas coordinates of disc points.

    Args:
        u: (N, 2).

    Returns:
        (N, 2) in [0, 1].
    """
    return to_atlas("skin", 0.5 + 0.5 * u[:, 0] / DISC, 0.5 - 0.5 * u[:, 1] / DISC)


class Texels(NamedTuple):
    r"""Some of the skin's texels: arrays of one shape (H, W), or (H, W, 2 | 3)."""

    x: np.ndarray  # rest coordinates
    y: np.ndarray
    u: np.ndarray  # disc coordinates
    xyz: np.ndarray

    def lip(self):
        r"""1 on the red of the lips, with a soft border."""
        off = self.y - mouth_line(self.x)
        border = lip_border(self.x, np.sign(off))
        return (
            step(np.abs(off) - border, 0.010, -0.012)
            * (np.abs(self.x) < MOUTH_WIDTH + 0.01)
            * (self.xyz[..., 2] > -0.3)
        )


class SkinPalette:
    r"""albedo = mean + B_tex tex: 16 painted masks, each with a colour, and 64 soft colour waves.

    Attributes:
        skin: Texels, all (512, 512); shade (512, 512): how much sky each sees.
        face: Texels of FACE, where eyes, brows, lips and lines lie.
    """

    def __init__(self):
        axis = (np.linspace(-1, 1, SIDE)) * DISC
        u = np.stack(np.meshgrid(axis, -axis), -1).reshape(-1, 2)
        rest, skull = disc_to_rest(u)
        x, y = rest.T.reshape(2, SIDE, SIDE)
        xyz = sculpt(rest, skull).reshape(SIDE, SIDE, 3)
        self.skin = Texels(x, y, u.reshape(SIDE, SIDE, 2), xyz)
        self.shade = _occlusion(self.skin)
        self.face = Texels(*(values[FACE] for values in self.skin))
        masks, colours = self._named()
        self.masks = torch.as_tensor(np.stack(masks), dtype=torch.float32)
        self.colours = torch.as_tensor(np.array(colours), dtype=torch.float32)
        self.waves = _colour_waves(80 - len(masks))
        self.mean = self._mean()

    def albedo(self, tex):
        r"""mean + B_tex tex.

        Args:
            tex: (80,).

        Returns:
            (3, 512, 512) float32, unclamped.
        """
        tex = torch.as_tensor(tex, dtype=torch.float32).cpu()
        named = len(self.masks)
        weighted = (tex[:named, None] * self.colours).T @ self.masks.flatten(1)
        soft = torch.tensordot(tex[named:], self.waves, 1)[None]
        soft = interpolate(soft, size=(SIDE, SIDE), mode="bilinear", align_corners=True)[0]
        return self.mean + weighted.unflatten(1, (SIDE, SIDE)) + soft

    def _named(self):
        """Masks and the colours they add at coefficient 1."""
        x, y, s = self.skin.x, self.skin.y, np.abs(self.skin.x)
        front = step(self.skin.xyz[..., 2], -0.6, -0.2)
        lip, one = self.skin.lip(), np.ones_like(x)
        socket = bump(s, y, EYE[0], EYE[1] - 0.01, 0.16, 0.09) * front
        under = bump(s, y, 0.28, 0.015, 0.09, 0.035) * front
        cheek = bump(s, y, 0.40, -0.18, 0.14, 0.12) * front
        nose = bump(x, y, 0, -0.20, 0.11, 0.09) * front
        freckles = _speckle(5, 2.2) * (bump(s, y, 0.25, -0.12, 0.22, 0.12) * front)
        rows = [
            (one, (-0.165, -0.188, -0.180)),
            (one, (0.008, -0.010, -0.008)),
            (one, (0.003, 0.004, -0.010)),
            (lip, (0.012, -0.035, -0.028)),
            (lip, (-0.032, -0.034, -0.027)),
            (cheek, (0.010, -0.032, -0.025)),
            (nose, (0.007, -0.026, -0.022)),
            (under, (-0.035, -0.042, -0.026)),
            (freckles, (-0.05, -0.065, -0.060)),
            (socket, (-0.025, -0.030, -0.025)),
            (bump(x, y, 0, 0.5, 0.4, 0.15) * front, (0.025, 0.022, 0.020)),
            (bump(x, y, 0, -0.8, 0.2, 0.1) * front, (0.006, -0.018, -0.015)),
            (_speckle(9, 2.0), (-0.010, -0.014, -0.012)),
            (step(y, -0.3, -0.6) * front, (-0.015, -0.018, -0.012)),
            (step(s, 0.25, 0.6) * front, (-0.020, -0.020, -0.018)),
            (lip * gauss(x, 0, 0.1), (0.03, 0.0, 0.005)),
        ]
        return [row[0] for row in rows], [row[1] for row in rows]

    def _mean(self):
        """The mean face's colours."""
        x, y, s = self.skin.x, self.skin.y, np.abs(self.skin.x)
        image = np.ones((3, SIDE, SIDE)) * np.array(SKIN_MEAN)[:, None, None]
        front = step(self.skin.xyz[..., 2], -0.6, -0.2)
        for mask, colour in (
            (self.skin.lip(), (-0.09, -0.20, -0.15)),
            (bump(s, y, 0.38, -0.15, 0.15, 0.12) * front, (0.01, -0.035, -0.03)),
            (bump(x, y, 0, -0.21, 0.10, 0.08) * front, (0.005, -0.03, -0.025)),
            (bump(s, y, EYE[0], EYE[1], 0.15, 0.08) * front, (-0.02, -0.035, -0.02)),
            (bump(x, y, 0, 0.45, 0.4, 0.15) * front, (0.01, 0.01, 0.0)),
        ):
            image += mask * np.array(colour)[:, None, None]
        return torch.as_tensor(image, dtype=torch.float32)


def _occlusion(texels):
    """How much sky each texel sees, in (0, 1], by hand: sockets, nose, lips, chin, neck."""
    x, y, s, z = texels.x, texels.y, np.abs(texels.x), texels.xyz[..., 2]
    dx, dy = s - EYE[0], y - EYE[1]
    dark = 0.22 * bump(s, y, 0.20, 0.15, 0.07, 0.06) + 0.10 * bump(dx, dy, 0, 0.07, 0.13, 0.035)
    dark += 0.35 * bump(s, y, 0.06, -0.305, 0.06, 0.022)
    dark += 0.10 * bump(s, y, 0.150, -0.26, 0.025, 0.035)
    dark += 0.16 * bump(x, y, 0, -0.655, 0.12, 0.028)
    dark += 0.45 * step(y, -0.86, -1.02) + 0.25 * step(z, -0.35, -0.7) * step(y, 0.3, -0.2)
    return np.clip(1 - dark, 0.25, 1)


def _speckle(seed, sharp):
    """Blurred noise in [0, 1], most of it near 0."""
    noise = torch.rand(1, 1, 170, 170, generator=torch.Generator().manual_seed(seed))
    noise = interpolate(noise, size=(SIDE, SIDE), mode="bicubic", align_corners=True)
    return noise.clamp(0, 1)[0, 0].double().numpy() ** (2 * sharp)


def _colour_waves(count):
    """Soft colour patterns (count, 3, 24, 24)."""
    rng = np.random.default_rng(3)
    axis = np.linspace(-1, 1, 24)
    x, y = np.meshgrid(axis, axis)
    waves = []
    for k in range(count):
        frequency = rng.standard_normal(2) * (1.5 + 6.0 * k / count)
        value = np.cos(x * frequency[0] + y * frequency[1] + rng.uniform(0, 6.28))
        tint = np.array([1, 1, 1]) + 0.3 * rng.standard_normal(3)
        waves.append(0.003 * value * tint[:, None, None])
    return torch.as_tensor(np.array(waves), dtype=torch.float32)
