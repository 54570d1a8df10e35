r"""Triangles to pixels: image, masks, depth and exact motion of the synthetic people.

Ours. Triangles are sorted into classes by the size of their pixel box; a class is tested against a
window of k x k pixels at once, and the nearest hit of a pixel wins by scatter-min on one integer,
depth in the high bits and triangle in the low ones. Light falls on vertices; colour is looked up
once a pixel. Pixels at outlines then take in what their neighbours' triangles cover of them.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import grid_sample, interpolate

from data_tools.synthetic import parts
from data_tools.synthetic.face_model import FOLLOW, GAMMA, NECK_JOINT, TEX, project, to_world
from data_tools.synthetic.scene import atlas

WINDOWS = (2, 4, 8, 16, 32, 64, 128, 256, 512)
EMPTY = torch.iinfo(torch.int64).max
INCLUDE = 1e-5  # edge slack [pixels^2]: a pixel on a shared edge belongs to both triangles
SAMPLES = ((-0.3125, -0.0625), (-0.0625, 0.3125), (0.0625, -0.3125), (0.3125, 0.0625),
           (-0.1875, -0.4375), (0.1875, 0.4375), (-0.4375, 0.1875), (0.4375, -0.1875))  # fmt: skip


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

    Args:
        model: a FaceModel.
        scene: a Scene of that model.
        coefficients: (B, 257).

    Returns:
        (B, V, 3) [dm].
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


def visible_triangles(screen, triangles, two_sided, size):
    r"""The nearest triangle of every pixel centre.

    Args:
        screen: (B, V, 3) column, row [pixels], depth [dm].
        triangles: (F, 3) int64, counter-clockwise seen from outside.
        two_sided: (F,) bool; the others are dropped when seen from behind.
        size: side of the frame [pixels].

    Returns:
        (B, size, size) int64, b F + triangle, -1 where nothing is.
    """
    frames, count = len(screen), len(triangles)
    corners = screen[:, triangles].flatten(0, 1)  # (BF, 3, 3)
    x, y, depth = corners.unbind(2)
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
    low_x, high_x = (x.amin(1) - 0.5).ceil().clamp(min=0), (x.amax(1) - 0.5).floor()
    low_y, high_y = (y.amin(1) - 0.5).ceil().clamp(min=0), (y.amax(1) - 0.5).floor()
    wide = torch.maximum(high_x.clamp(max=size - 1) - low_x, high_y.clamp(max=size - 1) - low_y) + 1
    seen = (area < 0) | two_sided.repeat(frames) & (area > 0)  # rows go down: outside is clockwise
    seen &= (high_x.clamp(max=size - 1) >= low_x) & (high_y.clamp(max=size - 1) >= low_y)
    keys = torch.full((frames * size * size,), EMPTY, dtype=torch.int64, device=screen.device)
    smallest = 0
    for window in WINDOWS:
        chosen = (seen & (wide > smallest) & (wide <= window)).nonzero()[:, 0]
        smallest = window
        step = max(1, (1 << 21) // window**2)
        for part in chosen.split(step):
            _fill(keys, corners[part], part, low_x[part], low_y[part], window, size, count)
    nearest = keys.bitwise_and(0xFFFFFFFF).view(frames, size, size)
    return torch.where(keys.view_as(nearest) == EMPTY, -1, nearest)


def _fill(keys, corners, number, low_x, low_y, window, size, count):
    """Test some triangles against a window of pixels each and keep the nearest hits."""
    x = corners[:, :, 0] - (low_x + 0.5)[:, None]
    y = corners[:, :, 1] - (low_y + 0.5)[:, None]
    a, b, c, area = edges(x, y)  # (n, 3) each
    offset = torch.arange(window, device=keys.device, dtype=x.dtype)
    along = a[:, :, None] * offset  # (n, 3, k)
    down = b[:, :, None] * offset + c[:, :, None]
    inner = along[:, 0, None, :] + down[:, 0, :, None]
    for i in (1, 2):
        inner = torch.minimum(inner, along[:, i, None, :] + down[:, i, :, None])
    hit = (inner.flatten() >= -INCLUDE).nonzero()[:, 0]
    row, place = hit // window**2, hit % window**2
    dy, dx = place // window, place % window
    column, line = dx + low_x.long()[row], dy + low_y.long()[row]
    inverse = 1 / corners[:, :, 2] / area[:, None]
    slope = torch.stack([(a * inverse).sum(1), (b * inverse).sum(1), (c * inverse).sum(1)], 1)
    slope = slope.index_select(0, row)
    depth = 1 / (slope[:, 0] * dx + slope[:, 1] * dy + slope[:, 2])
    good = (column < size) & (line < size)
    number = number.index_select(0, row)
    pixel = (number // count) * size * size + line * size + column
    bits = depth.float().view(torch.int32).long() << 32 | number
    keys.scatter_reduce_(0, pixel[good], bits[good], "amin")


def edges(x, y):
    r"""Edge functions e_i = a_i column + b_i row + c_i, positive inside; e_i / area is corner i's weight.

    Args:
        x: (n, 3) columns of the corners.
        y: (n, 3) rows.

    Returns:
        a, b, c (n, 3) and area (n,) > 0, twice the triangle's.
    """
    x1, x2, y1, y2 = x.roll(-1, 1), x.roll(-2, 1), y.roll(-1, 1), y.roll(-2, 1)
    a, b, c = y1 - y2, x2 - x1, x1 * y2 - x2 * y1
    area = c.sum(1)
    sign = area.sign()[:, None]
    return a * sign, b * sign, c * sign, area.abs()


def weights(corners, column, row):
    r"""Perspective-correct weights of a triangle's corners at a place of the frame.

    Args:
        corners: (n, 3, 3) column, row, depth of each corner.
        column: (n,) [pixels].
        row: (n,) [pixels].

    Returns:
        (n, 3), summing to 1; and depth (n,) [dm].
    """
    x, y = corners[:, :, 0] - column[:, None], corners[:, :, 1] - row[:, None]
    x1, x2, y1, y2 = x.roll(-1, 1), x.roll(-2, 1), y.roll(-1, 1), y.roll(-2, 1)
    flat = x1 * y2 - x2 * y1
    near = flat / corners[:, :, 2]
    return near / near.sum(1, keepdim=True), flat.sum(1) / near.sum(1)


def vertex_normals(world, triangles):
    r"""Unit normals, the mean of the triangles around a vertex weighted by area.

    Args:
        world: (B, V, 3).
        triangles: (F, 3).

    Returns:
        (B, V, 3).
    """
    a, b, c = (world[:, triangles[:, i]] for i in range(3))
    face = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(world)
    for i in range(3):
        normals.index_add_(1, triangles[:, i], face)
    return torch.nn.functional.normalize(normals, dim=2)


def light(normals, gamma):
    r"""Spherical-harmonics light of Deep3DFaceRecon on unit normals.

    Args:
        normals: (B, V, 3).
        gamma: (B, 27), channel after channel; 0.8 is added to the first of each.

    Returns:
        (B, V, 3) factors of the albedo.
    """
    x, y, z = normals.unbind(2)
    a1c1, a2c2 = 1.7724538509, 2.4270667  # a1 c1 = 2 pi/sqrt(3) sqrt(3)/sqrt(4 pi) and its like
    a0c0 = 0.8862269255
    bands = torch.stack([
        torch.full_like(x, a0c0), -a1c1 * y, a1c1 * z, -a1c1 * x,
        a2c2 * x * y, -a2c2 * y * z, 0.5 * a2c2 / 3**0.5 * (3 * z * z - 1),
        -a2c2 * x * z, 0.5 * a2c2 * (x * x - y * y),
    ], 2)  # fmt: skip
    gamma = gamma.unflatten(1, (3, 9)).transpose(1, 2).clone()
    gamma[:, 0] += 0.8
    return bands @ gamma


def render(model, coefficients, person, size=256):
    r"""Draw a person at each row of coefficients.

    Args:
        model: a FaceModel.
        coefficients: (B, 257), on any device; drawn on the model's.
        person: a Person, an Appearance or an Appearance's dict.
        size: side of the frames [pixels].

    Returns:
        A Rendering.

    Raises:
        ValueError: coefficients are not (B, 257).
    """
    coefficients = _checked(model, coefficients)
    scene = model.scene(person)
    world = world_vertices(model, scene, coefficients)
    screen = project(world, size)
    nearest = visible_triangles(screen, scene.triangles, scene.two_sided, size)
    batch, line, column = (nearest >= 0).nonzero(as_tuple=True)
    number = nearest[batch, line, column] % len(scene.triangles)
    values = torch.cat([screen, _lit(world, scene, coefficients)], 2)
    values = torch.cat([values, scene.uv.expand(len(world), -1, -1)], 2)  # (B, V, 3 + 5 + 2)
    rows = batch[:, None] * values.shape[1] + scene.triangles[number]
    corners = values.flatten(0, 1)[rows]  # (n, 3, 10)
    share, depth = weights(corners[..., :3], column + 0.5, line + 0.5)
    mixed = (share[..., None] * corners[..., 3:]).sum(1)
    colour = _colour(model, scene, coefficients, mixed, batch)
    image = _backdrop(scene, size).expand(len(world), -1, -1, -1).permute(0, 2, 3, 1).clone()
    image[batch, line, column] = colour
    depth_image = torch.zeros_like(image[..., 0])
    depth_image[batch, line, column] = depth
    part = torch.full_like(nearest, -1)
    part[batch, line, column] = scene.part[number]
    image = smooth_outlines(image, depth_image, part, nearest, screen, scene.triangles)
    face = (part >= 0) & (part <= max(parts.FACE_PARTS))
    return Rendering(
        image.permute(0, 3, 1, 2).clamp(0, 1).contiguous(),
        (part >= 0)[:, None].to(image),
        face[:, None].to(image),
        depth_image[:, None],
    )


def _checked(model, coefficients):
    coefficients = torch.as_tensor(coefficients)
    if coefficients.ndim != 2 or coefficients.shape[1] != 257:
        raise ValueError(f"coefficients have shape {tuple(coefficients.shape)}; allowed: (B, 257)")
    return coefficients.to(model.mean)


def _lit(world, scene, coefficients):
    """Light (3), broad gleam and sharp gleam of every vertex (B, V, 5)."""
    normals = vertex_normals(world, scene.triangles)
    colour = light(normals, coefficients[:, GAMMA])
    half = torch.tensor([-0.25, 0.42, 0.87], dtype=world.dtype, device=world.device)
    facing = (normals @ half).clamp(min=0)
    return torch.cat([colour, facing[..., None] ** 14, facing[..., None] ** 90], 2)


def _colour(model, scene, coefficients, mixed, batch):
    """RGB of visible points from their light, gleams and texture coordinates."""
    colour = torch.empty(len(mixed), 3, dtype=mixed.dtype, device=mixed.device)
    tex = coefficients[:, TEX]
    kinds, kind = torch.unique(tex, dim=0, return_inverse=True)
    for k in range(len(kinds)):
        chosen = slice(None) if len(kinds) == 1 else (kind[batch] == k).nonzero()[:, 0]
        piece = mixed[chosen]
        grid = (2 * piece[:, 5:7] - 1)[None, None]
        texel = grid_sample(atlas(model, scene, kinds[k])[None], grid, align_corners=False)[0, :, 0].T
        lit = texel[:, :3] * piece[:, :3]
        colour[chosen] = lit + 0.5 * texel[:, 3:4] * piece[:, 3:4] + 0.9 * texel[:, 4:5] * piece[:, 4:5]
    return colour


def _backdrop(scene, size):
    """The background at the frame's size (1, 3, H, W)."""
    if size == scene.background.shape[-1]:
        return scene.background[None]
    return interpolate(scene.background[None], size=(size, size), mode="area")


def smooth_outlines(image, depth, part, nearest, screen, triangles, jump=0.06):
    r"""Blend pixels at outlines with their neighbours by covered area.

    Eight points of each such pixel are tested against the triangles seen by its eight neighbours;
    a point takes the colour of the nearest triangle that covers it.

    Args:
        image: (B, H, W, 3).
        depth: (B, H, W) [dm], 0 on the background.
        part: (B, H, W) int64.
        nearest: (B, H, W) int64, from visible_triangles.
        screen: (B, V, 3).
        triangles: (F, 3).
        jump: difference of depth that makes an outline [dm].

    Returns:
        (B, H, W, 3).
    """
    outline = torch.zeros_like(part, dtype=torch.bool)
    for axis in (1, 2):
        size = part.shape[axis]
        a, b = (part.narrow(axis, 0, size - 1), part.narrow(axis, 1, size - 1))
        da, db = (depth.narrow(axis, 0, size - 1), depth.narrow(axis, 1, size - 1))
        differs = (a != b) | ((da - db).abs() > jump)
        outline.narrow(axis, 0, size - 1).logical_or_(differs)
        outline.narrow(axis, 1, size - 1).logical_or_(differs)
    batch, line, column = outline.nonzero(as_tuple=True)
    if len(batch) == 0:
        return image
    height, width = part.shape[1:]
    reach = torch.tensor([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)], device=part.device)
    lines = (line[:, None] + reach[:, 0]).clamp(0, height - 1)  # (n, 9)
    columns = (column[:, None] + reach[:, 1]).clamp(0, width - 1)
    flat = (batch[:, None] * height + lines) * width + columns
    candidate = nearest.flatten()[flat]
    count = len(triangles)
    some = candidate.clamp(min=0)
    rows = (some // count)[..., None] * screen.shape[1] + triangles[some % count]
    corners = screen.flatten(0, 1)[rows]  # (n, 9, 3, 3)
    x = corners[..., 0] - (column + 0.5)[:, None, None]
    y = corners[..., 1] - (line + 0.5)[:, None, None]
    a, b, c, area = (v.unflatten(0, (-1, 9)) for v in edges(x.flatten(0, 1), y.flatten(0, 1)))
    inverse = 1 / corners[..., 2] / area[..., None]
    slope = [(v * inverse).sum(2) for v in (a, b, c)]
    colours = image.flatten(0, 2)[flat]  # (n, 9, 3)
    total = torch.zeros_like(colours[:, 0])
    own = torch.arange(len(batch), device=part.device)
    for dx, dy in SAMPLES:
        inner = (a * dx + b * dy + c).amin(2) >= -INCLUDE
        inner &= candidate >= 0
        near = slope[0] * dx + slope[1] * dy + slope[2]  # 1 / depth
        near = torch.where(inner, near, torch.zeros_like(near))
        best, which = near.max(1)
        empty = candidate < 0
        sky = torch.where(empty.any(1), empty.int().argmax(1), torch.full_like(which, 4))
        total += colours[own, torch.where(best > 0, which, sky)]
    result = image.clone()
    result[batch, line, column] = total / len(SAMPLES)
    return result


def motion(model, source, target, person, size=256):
    r"""Where each visible point of the target frame lies in the source frame.

    Args:
        model: a FaceModel.
        source: (B, 257).
        target: (B, 257).
        person: a Person, an Appearance or an Appearance's dict.
        size: side of the frames [pixels].

    Returns:
        flow (B, 2, H, W), source minus target place, columns then rows [pixels], 0 on the
        background; valid (B, 1, H, W), 1 where the same point is also seen in the source.

    Raises:
        ValueError: source or target is not (B, 257).
    """
    scene = model.scene(person)
    places, depths = [], []
    worlds = [world_vertices(model, scene, _checked(model, v)) for v in (source, target)]
    screens = [project(world, size) for world in worlds]
    seen = [visible_triangles(s, scene.triangles, scene.two_sided, size) for s in screens]
    batch, line, column = (seen[1] >= 0).nonzero(as_tuple=True)
    number = seen[1][batch, line, column] % len(scene.triangles)
    rows = batch[:, None] * worlds[0].shape[1] + scene.triangles[number]
    share, _ = weights(screens[1].flatten(0, 1)[rows], column + 0.5, line + 0.5)
    point = (share[..., None] * worlds[0].flatten(0, 1)[rows]).sum(1)
    place = project(point, size)
    flow = torch.zeros(len(worlds[0]), size, size, 2, dtype=point.dtype, device=point.device)
    flow[batch, line, column] = place[:, :2] - torch.stack([column, line], 1) - 0.5
    valid = (seen[0] < 0) & (seen[1] < 0)
    valid[batch, line, column] = _visible_in(seen[0], screens[0], scene.triangles, batch, place)
    return flow.permute(0, 3, 1, 2).contiguous(), valid[:, None].to(point)


def _visible_in(nearest, screen, triangles, batch, place, slack=0.03):
    """Whether points of the source frame lie on its visible surface."""
    size = nearest.shape[1]
    column, line = place[:, 0].floor().long(), place[:, 1].floor().long()
    inside = (column >= 0) & (column < size) & (line >= 0) & (line < size)
    number = nearest[batch, line.clamp(0, size - 1), column.clamp(0, size - 1)]
    some = number.clamp(min=0)
    rows = batch[:, None] * screen.shape[1] + triangles[some % len(triangles)]
    corners = screen.flatten(0, 1)[rows]
    _, depth = weights(corners, place[:, 0], place[:, 1])
    return inside & (number >= 0) & ((depth - place[:, 2]).abs() < slack)


def landmarks(model, coefficients, size=256):
    r"""Pixel places of 68 named points: jaw, brows, nose, eyes, lips in the iBUG order.

    Args:
        model: a FaceModel.
        coefficients: (B, 257).
        size: side of the frame [pixels].

    Returns:
        (B, 68, 2) columns and rows [pixels; pixel j is centred at j + 1/2].

    Raises:
        ValueError: coefficients are not (B, 257).
    """
    coefficients = _checked(model, coefficients)
    points = model.shape(coefficients)[:, model.landmark_index]
    return project(to_world(points, coefficients), size)[..., :2]
