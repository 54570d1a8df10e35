r"""The face finder's stage: cut-out people before clutter, at any place, size and tilt."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from mfr.face.finder import SQUARE, STRIDE, FinderNet, cell_middles
from mfr.face.reconstruction import augment
from mfr.training.clutter import clutter
from mfr.training.stage import Stage

PATCH = 112  # side of a training picture [pixels]: two squares
BACKDROP = 160  # side of the pictures without a face [pixels]
INSIDE, OUTSIDE = 0.16, 0.36  # of the side: how near to the middle a cell is a face, is not
SAME, OTHER = 0.55, 0.9  # octaves from SQUARE: up to which size a face is, from which it is not
DECOYS = 0.2  # share of the people whose face is hidden, upside down or shuffled


class FinderStage(Stage):
    r"""Which cells are the middle of a face, and where its square is.

    Raises:
        ValueError: the data folder holds too few cutouts.
    """

    name, unit = "finder", "pictures"
    expect = "face about 0.2 at step 0, where nothing is a face; the others fall with it"

    def __init__(self, config, data, run, device, V=None, features=None):
        self.config, self.device, self.folder = config, torch.device(device), Path(data)
        paths = sorted(self.folder.glob("*.png"))
        if len(paths) < 20:
            raise ValueError(
                f"{self.folder}: {len(paths)} cutouts (*.png); at least 20 are needed, as "
                "python -m data_tools.make_cutouts writes them"
            )
        held = max(1, len(paths) // 20)
        people, held_people = read_cutouts(paths[held:]), read_cutouts(paths[:held])
        rng = np.random.default_rng(config.seed)
        generator = torch.Generator().manual_seed(config.seed)
        self.pictures = pictures(people, config.pictures, rng, generator)
        self.held = pictures(held_people, config.pictures // 20, rng, generator)
        self.network = FinderNet(config)
        self.modules = nn.ModuleDict({"network": self.network})
        self.modules.to(self.device)

    def describe(self):
        r"""One line about the data.

        Returns:
            The line.
        """
        count, held = (int((x[1][:, 0].amax((1, 2)) > 0).sum()) for x in (self.pictures, self.held))
        return (
            f"data      {self.folder}: {len(self.pictures[0])} pictures, {count} with a face of "
            f"known size; {len(self.held[0])}, {held} held out"
        )

    def loss(self, step, draw, noise):
        r"""finder_loss on some of the pictures, mirrored, lighter or darker.

        Args:
            step: from 0.
            draw: generator that chooses.
            noise: not used.

        Returns:
            (scalar, dict of terms).
        """
        index = torch.randint(len(self.pictures[0]), (self.config.batch_size,), generator=draw)
        index = self.share(index)
        images, truth, weight = (x[index] for x in self.pictures)
        images = images.float() / 255
        if torch.rand(1, generator=draw) < 0.5:
            images, weight, truth = images.flip(3), weight.flip(2), truth.flip(3)
            truth = truth * torch.tensor([1, -1, 1, 1, -1.0])[:, None, None]
        gain = uniform(0.8, 1.2, (len(index), 1, 1, 1), draw)
        images = images * gain + uniform(-0.1, 0.1, (len(index), 1, 1, 1), draw)
        made = images.clamp(0, 1), truth, weight
        return finder_loss(self.network, *(x.to(self.device) for x in made))

    def held_out_loss(self, network):
        r"""finder_loss on pictures of people and rooms not trained on.

        Args:
            network: FinderNet.

        Returns:
            float.
        """
        losses = []
        for images, truth, weight in zip(*(x.split(64) for x in self.held)):
            made = images.float() / 255, truth, weight
            losses.append(finder_loss(network, *(x.to(self.device) for x in made))[0].detach())
        return float(torch.stack(losses).mean())


def pictures(people, count, rng, generator):
    r"""Many pictures of compose, as bytes.

    Args:
        people: of read_cutouts.
        count: how many.
        rng: numpy Generator, of the rooms.
        generator: torch.Generator.

    Returns:
        (images uint8 (N, 3, PATCH, PATCH), truth, weight).
    """
    made = []
    for start in range(0, count, 64):
        some = min(64, count - start)
        if start % 1024 == 0:  # other rooms from time to time
            rooms = np.stack([clutter(rng, BACKDROP) for _ in range(min(256, count))])
            rooms = torch.from_numpy(rooms).permute(0, 3, 1, 2)
        images, truth, weight = compose(people, rooms, some, generator)
        made.append(((images * 255).round().byte(), truth, weight))
    return tuple(torch.cat(x) for x in zip(*made))


def read_cutouts(paths):
    r"""Cutouts in two sizes, their colours multiplied by how much of a pixel they are.

    Args:
        paths: .png with transparency, 192x192.

    Returns:
        (uint8 (N, 4, 192, 192), uint8 (N, 4, 96, 96)).
    """
    full = []
    for path in paths:
        pixels = np.asarray(Image.open(path).convert("RGBA"), np.float32)
        pixels[..., :3] *= pixels[..., 3:] / 255
        full.append(torch.from_numpy(pixels.round().astype(np.uint8)).permute(2, 0, 1))
    full = torch.stack(full)
    half = [F.avg_pool2d(part.float(), 2).round().byte() for part in full.split(64)]
    return full, torch.cat(half)


def uniform(low, high, shape, generator):
    r"""Even draws between two numbers."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def compose(people, rooms, count, generator):
    r"""Pictures with none, one or two people, and what the network should say of them.

    Args:
        people: of read_cutouts.
        rooms: uint8 (M, 3, h, w) without a face.
        count: B.
        generator: torch.Generator on the CPU.

    Returns:
        images (B, 3, PATCH, PATCH) in [0, 1], truth (B, 5, h, w) as the network's map, its first
        channel 1 at faces and 0 elsewhere, and weight (B, h, w), 0 where either would be right.
    """
    images = _backdrops(rooms, count, generator)
    cells = PATCH // STRIDE
    truth = torch.zeros(count, 5, cells, cells)
    weight = torch.ones(count, cells, cells)
    for share in (0.3, 0.75):
        there = torch.rand(count, generator=generator) < share
        images, square, face = _add_person(people, images, there, generator)
        _say(truth, weight, square, there, face)
    return _photograph(images, weight, generator), truth, weight


def _backdrops(rooms, count, generator):
    """Cut out of the rooms at any size and turn."""
    chosen = torch.randint(len(rooms), (count,), generator=generator)
    turn = uniform(-3.2, 3.2, count, generator)
    zoom = 2 ** uniform(-2, 0.8, count, generator)
    c, s = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    shift = uniform(-0.6, 0.6, (2, count), generator)
    affine = torch.stack([c, -s, shift[0], s, c, shift[1]], 1).view(-1, 2, 3)
    grid = F.affine_grid(affine, [count, 3, PATCH, PATCH], align_corners=False)
    pixels = rooms[chosen].float() / 255
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def _add_person(people, images, there, generator):
    """Paste a cutout before each picture: images, squares (B, 4: x, y, side, tilt), is a face."""
    count = len(images)
    chosen = torch.randint(len(people[0]), (count,), generator=generator)
    octaves = uniform(-0.9, 0.9, count, generator)
    wild = torch.rand(count, generator=generator) < 0.25
    octaves = torch.where(wild, uniform(-1.6, 2.2, count, generator), octaves)
    side = SQUARE * 2**octaves
    tilt = uniform(-0.6, 0.6, count, generator)
    place = uniform(-0.1, 1.1, (2, count), generator) * PATCH
    decoy = torch.rand(count, generator=generator) < DECOYS
    kind = torch.randint(3, (count,), generator=generator)
    upside_down = decoy & (kind == 0)
    turned = tilt + torch.pi * upside_down
    axis = torch.arange(PATCH) + 0.5
    x = axis[None, None, :] - place[0][:, None, None]
    y = axis[None, :, None] - place[1][:, None, None]
    c, s = torch.cos(turned)[:, None, None], torch.sin(turned)[:, None, None]
    mirror = (torch.randint(2, (count,), generator=generator) * 2 - 1.0)[:, None, None]
    # real faces are longer than ours, and some films squeeze them: the area is what counts
    stretch = 2 ** uniform(-0.22, 0.22, count, generator)[:, None, None]
    u = mirror * stretch * (c * x - s * y) / side[:, None, None]  # of the side, upright
    v = (s * x + c * y) / stretch / side[:, None, None]
    shuffled = (decoy & (kind == 1))[:, None, None]
    near = (u.abs() < 0.5) & (v.abs() < 0.5) & shuffled
    swap = torch.randint(2, (count,), generator=generator).bool()[:, None, None]
    u_read = torch.where(near & swap, u - u.sign() * 0.5, u)  # halves change places
    v_read = torch.where(near & ~swap, v - v.sign() * 0.5, v)
    grid = torch.stack([u_read, v_read], -1)  # a cutout is two squares wide
    large = (side > 60)[:, None, None, None]
    pasted = torch.where(
        large,
        F.grid_sample(people[0][chosen].float() / 255, grid, align_corners=False),
        F.grid_sample(people[1][chosen].float() / 255, grid, align_corners=False),
    )
    colours, alpha = pasted[:, :3], pasted[:, 3:]
    alone = torch.rand(count, generator=generator) < 0.25  # a head without shoulders
    oval = (u / 0.36) ** 2 + ((v + 0.04) / 0.55) ** 2
    head = torch.where(alone[:, None, None], ((1.2 - oval) * 6).clamp(0, 1), torch.ones(()))
    colours, alpha = colours * head[:, None], alpha * head[:, None]
    # light from a side, another balance of white
    light = uniform(-0.8, 0.8, (count, 2), generator)
    shade = 1 + light[:, :1, None] * u.clamp(-1, 1) + light[:, 1:, None] * v.clamp(-1, 1)
    gain = uniform(0.6, 1.2, (count, 1, 1, 1), generator)
    gain = gain * uniform(0.9, 1.1, (count, 3, 1, 1), generator)
    colours = torch.minimum(colours * shade[:, None].clamp(0.25, 1.8) * gain, alpha)
    images_new = images * (1 - alpha) + colours
    images_new = _hide(images_new, u, v, decoy & (kind == 2), generator)
    keep = there[:, None, None, None]
    square = torch.stack([*place, side, tilt], 1)
    return torch.where(keep, images_new, images), square, ~decoy


def _hide(images, u, v, faceless, generator):
    """Hats, hands and microphones before some faces; a smooth disc in the place of others."""
    count = len(images)

    def box(low, high):
        return uniform(low, high, count, generator)[:, None, None]

    colour = torch.rand(count, 3, 1, 1, generator=generator)
    hat = (v < box(-0.35, -0.17)) & (v > box(-0.9, -0.5)) & (u.abs() < box(0.25, 0.6))
    hat = hat & (torch.rand(count, 1, 1, generator=generator) < 0.15)
    hand = ((u - box(-0.6, 0.6)).abs() < box(0.02, 0.15)) & (v > box(0.1, 0.5))
    hand = hand & (torch.rand(count, 1, 1, generator=generator) < 0.15)
    images = torch.where((hat | hand)[:, None], colour, images)
    disc = ((1.0 - (u / 0.34) ** 2 - ((v - 0.03) / 0.42) ** 2) * 5).clamp(0, 1)
    disc = (disc * faceless[:, None, None])[:, None]
    weight = disc.sum((2, 3), keepdim=True) + 1e-6
    mean = (images * disc).sum((2, 3), keepdim=True) / weight
    return images + disc * (mean - images)


def _say(truth, weight, square, there, face):
    """Write what the cells should say of one square a picture; later ones stand in front."""
    middles = cell_middles(*truth.shape[2:], truth)  # (2, h, w)
    away = (square[:, :2, None, None] - middles) / SQUARE
    side = square[:, 2, None, None]
    octaves = torch.log2(side / SQUARE)
    distance = away.square().sum(1).sqrt() * SQUARE / side  # (B, h, w)
    covered = (distance < 0.7) & there[:, None, None]
    truth[:, 0][covered], weight[covered] = 0.0, 1.0
    around = covered & (distance < OUTSIDE) & (octaves.abs() < OTHER) & face[:, None, None]
    weight[around] = 0.0
    is_face = around & (distance < INSIDE) & (octaves.abs() < SAME)
    weight[is_face], truth[:, 0][is_face] = 1.0, 1.0
    tilt = square[:, 3, None, None]
    said = torch.stack([away[:, 0], away[:, 1], octaves.expand_as(distance)], 1)
    said = torch.cat([said, tilt.expand_as(distance)[:, None]], 1)
    truth[:, 1:] = torch.where(is_face[:, None], said, truth[:, 1:])


def _photograph(images, weight, generator):
    """Through bad cameras; some without colour, some coarse, some at the picture's edge."""
    count = len(images)

    def some(share):
        return torch.rand(count, 1, 1, 1, generator=generator) < share

    mixed = torch.eye(3) + uniform(-0.15, 0.15, (count, 3, 3), generator)
    mixed = torch.einsum("bij,bjhw->bihw", mixed, images)
    images = torch.where(some(0.4), mixed, images)
    images = torch.where(some(0.15), images.mean(1, keepdim=True), images)
    coarse = F.interpolate(F.avg_pool2d(images, 2), scale_factor=2, mode="bilinear")
    images = torch.where(some(0.25), coarse, images)
    dark = uniform(0.6, 1.8, (count, 1, 1, 1), generator)
    images = images.clamp(1e-4, 1) ** dark
    images = augment(images, generator).clone()
    axis = torch.arange(PATCH)
    width = uniform(8, 40, (4, count, 1), generator)
    width = width * (torch.rand(4, count, 1, generator=generator) < 0.1)
    across = (axis < width[0]) | (axis >= PATCH - width[1])  # (B, PATCH)
    down = (axis < width[2]) | (axis >= PATCH - width[3])
    beyond = across[:, None, :] | down[:, :, None]
    weight[beyond[:, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]] = 0.0
    return torch.where(beyond[:, None], 0.5, images)


def finder_loss(network, images, truth, weight):
    r"""Focal cross-entropy of every cell; absolute errors of the squares where faces are.

    Args:
        network: FinderNet.
        images: (B, 3, h, w).
        truth: (B, 5, h / 8, w / 8) of compose.
        weight: (B, h / 8, w / 8).

    Returns:
        (scalar, dict of terms: face, place and size and tilt [SQUARE, octaves, rad]).
    """
    found = network(images)
    positive = truth[:, 0]
    count = positive.sum().clamp(min=1)
    entropy = F.binary_cross_entropy_with_logits(found[:, 0], positive, reduction="none")
    certain = (-entropy).exp()
    balance = torch.where(positive > 0, 1.0, 0.5)
    face = (balance * (1 - certain) ** 2 * entropy * weight).sum() / count
    error = F.smooth_l1_loss(found[:, 1:], truth[:, 1:], reduction="none", beta=0.05)
    place, size, tilt = (
        (error[:, part] * positive[:, None]).sum() / count
        for part in (slice(0, 2), slice(2, 3), slice(3, 4))
    )
    loss = face + 2 * place + size + 0.5 * tilt
    return loss, {
        "face": face.detach(),
        "place": place.detach(),
        "size": size.detach(),
        "tilt": tilt.detach(),
    }
