r"""Triangles to pixels: image, masks, depth and exact motion of the synthetic people.

Ours. All triangles of all frames are cut into pixel rows at once, the rows into pixels; the nearest
hit of a pixel wins by scatter-min on one integer, depth in the high bits and triangle in the low
ones. Light falls on vertices; colour is looked up once a pixel. Pixels at outlines then take in what
their neighbours' triangles cover of them.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import embedding_bag, grid_sample, interpolate, normalize

from data_tools.synthetic import parts
from data_tools.synthetic.face_model import FOLLOW, GAMMA, NECK_JOINT, TEX, project, to_world
from data_tools.synthetic.scene import atlas

CPU_CHUNK, GPU_CHUNK = 4, 128  # frames drawn at once: what the caches, or the memory, hold
EMPTY = torch.iinfo(torch.int64).max
INCLUDE = 2e-6  # edge slack [share of the box]: a pixel on a shared edge belongs to both sides
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
    offset = torch.arange(frames, device=screen.device)[:, None, None] * screen.shape[1]
    corners = _rows(screen.flatten(0, 1), (triangles + offset).flatten(0, 1))  # (BF, 3, 3)
    low, high = corners[:, :, :2].amin(1), corners[:, :, :2].amax(1)
    first = (low - 0.5).ceil().clamp(min=0)  # left and top pixel
    last = (high - 0.5).floor().clamp(max=size - 1)
    x, y = corners[:, :, 0], corners[:, :, 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
    seen = (area < 0) | two_sided.repeat(frames) & (area > 0)  # rows go down: outside is clockwise
    chosen = (seen & (last >= first).all(1)).nonzero()[:, 0]
    keys = torch.full((frames * size * size,), EMPTY, dtype=torch.int64, device=screen.device)
    _fill(keys, corners[chosen], chosen, first[chosen], last[chosen], size, count)
    nearest = keys.bitwise_and(0xFFFFFFFF)
    return torch.where(keys == EMPTY, -1, nearest).view(frames, size, size)


def _rows(table, index):
    """table[index] for whole rows: (N, C) and (n, k) -> (n, k, C)."""
    return table.index_select(0, index.flatten()).view(*index.shape, table.shape[1])


def _spread(counts):
    """Number i repeated counts[i] times, and the running place within each repeat."""
    owner = torch.repeat_interleave(counts)
    start = counts.cumsum(0) - counts
    return owner, torch.arange(len(owner), device=counts.device) - start.index_select(0, owner)


def _fill(keys, corners, number, first, last, size, count):
    """Walk the triangles row by row; in each row the edges bound a span; keep the nearest hits."""
    x, y = (corners[:, :, i] - (first[:, i : i + 1] + 0.5) for i in (0, 1))
    a, b, c, area = edges(x, y)  # (n, 3) each, over columns and rows from the box's corner
    wide, high = (last - first).unbind(1)
    c = c + (INCLUDE * (wide * high + 16))[:, None]
    inverse = 1 / corners[:, :, 2] / area[:, None]
    slope = torch.stack([(v * inverse).sum(1) for v in (a, b, c)], 1)
    base = (number // count) * size * size + first[:, 1].long() * size + first[:, 0].long()
    triangle, down = _spread(high.long() + 1)
    line = down.to(x)
    k = torch.addcmul(c.index_select(0, triangle), b.index_select(0, triangle), line[:, None])
    a = a.index_select(0, triangle)
    cross = -k / a
    left = torch.where(a > 0, cross, 0.0).amax(1).ceil()
    right = torch.where(a < 0, cross, 1e9).amin(1)
    right = torch.minimum(right, wide.index_select(0, triangle)).floor()
    flat = ((a == 0) & (k < 0)).any(1)
    width = torch.where(flat, 0.0, (right - left + 1).clamp(min=0)).long()
    slope = slope.index_select(0, triangle)
    near = slope[:, 0] * left + slope[:, 1] * line + slope[:, 2]
    start = base.index_select(0, triangle) + down * size + left.long()
    span, along = _spread(width)
    depth = 1 / torch.addcmul(near.index_select(0, span), slope[:, 0].index_select(0, span), along.to(x))
    pixel = start.index_select(0, span) + along
    number = number.index_select(0, triangle).index_select(0, span)
    bits = depth.float().view(torch.int32).long().bitwise_left_shift(32).bitwise_or(number)
    keys.scatter_reduce_(0, pixel, bits, "amin")


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


def vertex_normals(world, triangles, around):
    r"""Unit normals, the mean of the triangles around a vertex weighted by area.

    Args:
        world: (B, V, 3).
        triangles: (F, 3).
        around: the triangles around each vertex, from scene.triangles_around.

    Returns:
        (B, V, 3).
    """
    frames = len(world)
    flat = world.transpose(0, 1).reshape(world.shape[1], 3 * frames)
    a, b, c = (flat.index_select(0, triangles[:, i]).view(-1, 3) for i in range(3))
    face = torch.linalg.cross(b - a, c - a).view(-1, 3 * frames)
    total = embedding_bag(around[0], face, around[1], mode="sum").view(-1, frames, 3)
    return normalize(total, dim=2).transpose(0, 1)


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
    values = torch.cat([screen, _lit(world, scene, coefficients),
                        scene.uv.expand(len(world), -1, -1)], 2)  # fmt: skip
    corners = _rows(values.flatten(0, 1), rows)  # (n, 3, 3 + 5 + 2)
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
    """Light (3), broad gleam and sharp gleam of every vertex (B, V, 5)."""
    normals = vertex_normals(world, scene.triangles, scene.around)
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

    Eight points of each such pixel are tested against the triangles seen by it and its four
    neighbours; a point takes the colour of the nearest one that covers it.

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
    pixel = outline.flatten().nonzero()[:, 0]
    height, width = part.shape[1:]
    line, column = pixel // width % height, pixel % width
    beside = torch.stack([pixel, pixel - width * (line > 0), pixel + width * (line < height - 1),
                          pixel - (column > 0).long(), pixel + (column < width - 1)], 1)  # fmt: skip
    candidate = nearest.flatten()[beside]  # (n, 5)
    frame = (pixel // (height * width))[:, None]
    number = (candidate - frame * len(triangles)).clamp(min=0).flatten()
    rows = triangles.index_select(0, number) + frame.repeat_interleave(5, 0) * screen.shape[1]
    corners = _rows(screen.flatten(0, 1), rows)  # (5n, 3, 3)
    x = corners[..., 0] - (column + 0.5).to(screen).repeat_interleave(5)[:, None]
    y = corners[..., 1] - (line + 0.5).to(screen).repeat_interleave(5)[:, None]
    a, b, c, area = edges(x, y)
    inverse = 1 / (corners[:, :, 2] * area[:, None])
    slope = [(v * inverse).sum(1) for v in (a, b, c)]
    a, b, c = (v.T.contiguous() for v in (a, b, c))  # (3, 5n)
    empty = (candidate < 0).flatten()
    taken = [_taken(a, b, c, slope, place, empty) for place in SAMPLES]
    taken = beside.gather(1, torch.stack(taken, 1))  # (n, 8)
    colours = _rows(image.reshape(-1, 3), taken).mean(1)
    return image.reshape(-1, 3).index_copy(0, pixel, colours).view_as(image)


def _taken(a, b, c, slope, place, empty):
    """Which of the five candidates of each pixel covers one place of it and is nearest (n,)."""
    dx, dy = place
    side = c.add(b, alpha=dy).add_(a, alpha=dx)
    inner = torch.minimum(torch.minimum(side[0], side[1]), side[2]) >= 0
    near = slope[2].add(slope[1], alpha=dy).add_(slope[0], alpha=dx)  # 1 / depth
    near = torch.where(inner, near, 0.0).masked_fill_(empty, 1e-6).view(-1, 5)
    best, which = near[:, 0] + 1e-9, torch.zeros(len(near), dtype=torch.int64, device=a.device)
    for i in range(1, 5):  # the background is far but everywhere; last resort is the pixel itself
        better = near[:, i] > best
        best, which = torch.where(better, near[:, i], best), which.masked_fill_(better, i)
    return which


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
    worlds = [world_vertices(model, scene, _checked(model, v)) for v in (source, target)]
    screens = [project(world, size) for world in worlds]
    seen = [visible_triangles(s, scene.triangles, scene.two_sided, size) for s in screens]
    pixel, batch, _, rows = _hits(seen[1], scene.triangles, worlds[0].shape[1])
    centre = torch.stack([pixel % size, pixel // size % size], 1).to(worlds[0]) + 0.5
    share, _ = weights(_rows(screens[1].flatten(0, 1), rows), centre[:, 0], centre[:, 1])
    point = torch.bmm(share[:, None], _rows(worlds[0].flatten(0, 1), rows))[:, 0]
    place = project(point, size)
    flow = torch.zeros(seen[1].numel(), 2, dtype=point.dtype, device=point.device)
    flow.index_copy_(0, pixel, place[:, :2] - centre)
    valid = ((seen[0] < 0) & (seen[1] < 0)).flatten()
    valid[pixel] = _visible_in(seen[0], screens[0], scene.triangles, batch, place)
    shape = (len(worlds[0]), size, size)
    return flow.view(*shape, 2).permute(0, 3, 1, 2).contiguous(), valid.view(shape)[:, None].to(point)


def _visible_in(nearest, screen, triangles, batch, place, slack=0.03):
    """Whether points of the source frame lie on its visible surface."""
    size = nearest.shape[1]
    column, line = place[:, 0].floor().long(), place[:, 1].floor().long()
    inside = (column >= 0) & (column < size) & (line >= 0) & (line < size)
    number = nearest[batch, line.clamp(0, size - 1), column.clamp(0, size - 1)]
    some = (number - batch * len(triangles)).clamp(min=0)
    rows = batch[:, None] * screen.shape[1] + triangles[some]
    _, depth = weights(_rows(screen.flatten(0, 1), rows), place[:, 0], place[:, 1])
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
