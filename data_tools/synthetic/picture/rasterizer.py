r"""Triangles to pixels: image, masks, depth and exact motion of the synthetic people.

Ours. Light falls on vertices; coverage.py finds the triangle of each pixel; colour is looked up
once a pixel in the person's texture; outlines are blended by covered area.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import embedding_bag, grid_sample, interpolate, normalize

from data_tools.synthetic.people import parts
from data_tools.synthetic.people.face_model import (
    FOLLOW,
    GAMMA,
    NECK_JOINT,
    TEX,
    project,
    to_world,
)
from data_tools.synthetic.picture.coverage import (
    pick_rows,
    smooth_outlines,
    visible_triangles,
    weights,
)
from data_tools.synthetic.picture.scene import atlas, scene_of
from mfr.face.morphable import light

GLEAM = (0.5, 0.9)  # strength of the broad gleam of skin and hair and of the sharp one of eyes
LAMPS = ((-0.25, 0.42, 0.87), (-0.20, 0.22, 0.955))  # normals that gleam: skin and hair, eyes
CPU_CHUNK, GPU_CHUNK = 4, 128  # frames drawn at once: what the caches, or the memory, hold


@dataclass
class Rendering:
    r"""What `render` returns; all (B, channels, H, W).

    Attributes:
        image: RGB in [0, 1]. mask: 1 where the person is. face: 1 on skin, eyes and mouth.
        depth: 10 - z of the nearest surface [dm], 0 on the background.
    """

    image: torch.Tensor
    mask: torch.Tensor
    face: torch.Tensor
    depth: torch.Tensor


def world_vertices(model, scene, coefficients):
    r"""Every vertex of the dressed person after expression, head pose and the torso's following.

    Coefficients (B, 257) -> (B, V, 3) [dm].
    """
    coefficients = coefficients.to(scene.mean)
    head = model.shape(coefficients)
    count = head.shape[1]
    identity = coefficients[:, :80] @ scene.id_basis[count:].flatten(0, 1).T
    rest = scene.mean[count:] + identity.unflatten(1, (-1, 3))
    joint = torch.tensor([[NECK_JOINT]], dtype=rest.dtype, device=rest.device)
    joint = joint.expand(len(rest), 1, 3)
    moved = to_world(torch.cat([head, rest, joint], 1), coefficients)
    shift = FOLLOW * (moved[:, -1:] - joint)
    weight = scene.weight[count:, None]
    dressed = weight * moved[:, count:-1] + (1 - weight) * (rest + shift)
    return torch.cat([moved[:, :count], dressed], 1)


def vertex_normals(world, triangles, at_vertex):
    r"""Unit normals, the mean of the triangles that meet at a vertex, weighted by area.

    (B, V, 3), triangles (F, 3) -> (B, V, 3); at_vertex as triangles_around gives it.
    """
    frames = len(world)
    flat = world.transpose(0, 1).reshape(world.shape[1], 3 * frames)
    a, b, c = (flat.index_select(0, triangles[:, i]).view(-1, 3) for i in range(3))
    face = torch.linalg.cross(b - a, c - a).view(-1, 3 * frames)
    total = embedding_bag(at_vertex[0], face, at_vertex[1], mode="sum").view(-1, frames, 3)
    return normalize(total, dim=2).transpose(0, 1)


def render(model, coefficients, person, size=256):
    r"""A Rendering of a person at each row of coefficients (B, 257), on the model's device.

    The person is a Person, an Appearance or an Appearance's dict.

    Raises:
        ValueError: coefficients are not (B, 257).
    """
    coefficients = _checked(model, coefficients)
    scene = scene_of(model, person)
    chunk = CPU_CHUNK if model.device.type == "cpu" else GPU_CHUNK
    pieces = [_render(model, scene, piece, size) for piece in coefficients.split(chunk)]
    return Rendering(*(torch.cat(channel) for channel in zip(*pieces)))


def _render(model, scene, coefficients, size):
    """Image, mask, face mask and depth of a few frames."""
    world = world_vertices(model, scene, coefficients)
    screen = project(world, size)
    nearest = visible_triangles(screen, scene.triangles, scene.two_sided, size)
    pixel, batch, number, rows = _hits(nearest, scene.triangles, world.shape[1])
    column, line = (pixel % size).to(world) + 0.5, (pixel // size % size).to(world) + 0.5
    values = torch.cat(
        [screen, _lit(world, scene, coefficients), scene.uv.expand(len(world), -1, -1)], 2
    )
    corners = pick_rows(values.flatten(0, 1), rows)  # (n, 3, 3 + 5 + 2)
    share, depth = weights(corners[..., :3], column, line)
    mixed = torch.bmm(share[:, None], corners[..., 3:])[:, 0]
    colour = _colour(model, scene, coefficients, mixed, batch)
    image = _backdrop(scene, size).permute(0, 2, 3, 1).repeat(len(world), 1, 1, 1)
    image.view(-1, 3).index_copy_(0, pixel, colour)
    depth_image = torch.zeros_like(image[..., 0])
    depth_image.view(-1).index_copy_(0, pixel, depth)
    part = torch.full_like(nearest, -1)
    part.view(-1).index_copy_(0, pixel, scene.part.index_select(0, number))
    image = smooth_outlines(image, depth_image, part, nearest, screen, scene.triangles)
    face = (part >= 0) & (part <= max(parts.FACE_PARTS))
    mask, face = ((part >= 0)[:, None].to(image), face[:, None].to(image))
    return image.permute(0, 3, 1, 2).clamp(0, 1), mask, face, depth_image[:, None]


def _hits(nearest, triangles, count):
    """Pixels that show a triangle: flat place, frame, triangle, rows of its corners' vertices."""
    flat = nearest.flatten()
    pixel = (flat >= 0).nonzero()[:, 0]
    batch = pixel // nearest[0].numel()
    number = flat.index_select(0, pixel) - batch * len(triangles)
    return pixel, batch, number, triangles.index_select(0, number) + (batch * count)[:, None]


def _checked(model, coefficients):
    coefficients = torch.as_tensor(coefficients)
    if coefficients.ndim != 2 or coefficients.shape[1] != 257:
        raise ValueError(f"coefficients have shape {tuple(coefficients.shape)}; allowed: (B, 257)")
    return coefficients.to(model.mean)


def _lit(world, scene, coefficients):
    """Light (3), broad gleam and what the sharp gleam grows from, of every vertex (B, V, 5)."""
    normals = vertex_normals(world, scene.triangles, scene.at_vertex)
    colour = light(normals, coefficients[:, GAMMA])
    broad, sharp = (normals @ normals.new_tensor(LAMPS).T).clamp(min=0).unbind(2)
    return torch.cat([colour, broad[..., None] ** 14, sharp[..., None]], 2)


def _colour(model, scene, coefficients, mixed, batch):
    """RGB of visible points from their light, gleams and texture coordinates."""
    colour = torch.empty(len(mixed), 3, dtype=mixed.dtype, device=mixed.device)
    tex = coefficients[:, TEX]
    kinds, kind = torch.unique(tex, dim=0, return_inverse=True)
    for k in range(len(kinds)):
        chosen = slice(None) if len(kinds) == 1 else (kind[batch] == k).nonzero()[:, 0]
        piece = mixed[chosen]
        grid = (2 * piece[:, 5:7] - 1)[None, None]
        texture = atlas(model, scene, kinds[k])[None]
        texel = grid_sample(texture, grid, align_corners=False)[0, :, 0].T
        broad, sharp = texel[:, 3] * piece[:, 3], texel[:, 4] * piece[:, 4] ** 110
        gleam = GLEAM[0] * broad + GLEAM[1] * sharp
        colour[chosen] = texel[:, :3] * piece[:, :3] + gleam[:, None]
    return colour


def _backdrop(scene, size):
    """The background at the frame's size (1, 3, H, W)."""
    if size == scene.background.shape[-1]:
        return scene.background[None]
    return interpolate(scene.background[None], size=(size, size), mode="area")


def motion(model, source, target, person, size=256):
    r"""Where each visible point of the target frame lies in the source frame; both (B, 257).

    flow (B, 2, H, W), source minus target place, columns then rows [pixels], 0 on the background;
    valid (B, 1, H, W), 1 where the same point is also seen in the source.

    Raises:
        ValueError: source or target is not (B, 257).
    """
    scene = scene_of(model, person)
    worlds = [world_vertices(model, scene, _checked(model, v)) for v in (source, target)]
    screens = [project(world, size) for world in worlds]
    seen = [visible_triangles(s, scene.triangles, scene.two_sided, size) for s in screens]
    pixel, batch, _, rows = _hits(seen[1], scene.triangles, worlds[0].shape[1])
    centre = torch.stack([pixel % size, pixel // size % size], 1).to(worlds[0]) + 0.5
    share, _ = weights(pick_rows(screens[1].flatten(0, 1), rows), centre[:, 0], centre[:, 1])
    point = torch.bmm(share[:, None], pick_rows(worlds[0].flatten(0, 1), rows))[:, 0]
    place = project(point, size)
    flow = torch.zeros(seen[1].numel(), 2, dtype=point.dtype, device=point.device)
    flow.index_copy_(0, pixel, place[:, :2] - centre)
    valid = ((seen[0] < 0) & (seen[1] < 0)).flatten()
    valid[pixel] = _visible_in(seen[0], screens[0], scene.triangles, batch, place)
    shape = (len(worlds[0]), size, size)
    flow = flow.view(*shape, 2).permute(0, 3, 1, 2).contiguous()
    return flow, valid.view(shape)[:, None].to(point)


def _visible_in(nearest, screen, triangles, batch, place, slack=0.03):
    """Whether points of the source frame lie on its visible surface."""
    size = nearest.shape[1]
    column, line = place[:, 0].floor().long(), place[:, 1].floor().long()
    inside = (column >= 0) & (column < size) & (line >= 0) & (line < size)
    number = nearest[batch, line.clamp(0, size - 1), column.clamp(0, size - 1)]
    candidate = (number - batch * len(triangles)).clamp(min=0)
    rows = batch[:, None] * screen.shape[1] + triangles[candidate]
    _, depth = weights(pick_rows(screen.flatten(0, 1), rows), place[:, 0], place[:, 1])
    return inside & (number >= 0) & ((depth - place[:, 2]).abs() < slack)


def landmarks(model, coefficients, size=256):
    r"""Places of 68 named points: jaw, brows, nose, eyes, lips in the iBUG order.

    (B, 257) -> (B, 68, 2) columns and rows [pixels; pixel j is centred at j + 1/2].

    Raises:
        ValueError: coefficients are not (B, 257).
    """
    coefficients = _checked(model, coefficients)
    points = model.shape(coefficients)[:, model.landmark_index]
    return project(to_world(points, coefficients), size)[..., :2]
