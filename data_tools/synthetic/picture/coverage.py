r"""Which triangle each pixel shows, and how outlines blend.

Ours. All triangles of all frames are cut into pixel rows at once, the rows into pixels; the nearest
hit of a pixel wins by scatter-min on one integer, depth in the high bits, triangle in the low ones.
"""

import torch

EMPTY = torch.iinfo(torch.int64).max
INCLUDE = 2e-6  # edge slack [share of the box]: a pixel on a shared edge belongs to both sides
EDGE_ON = 1e-6  # area over depth [pixels^2 / dm] below which float32 knows no weights
SAMPLES = (
    (-0.3125, -0.0625),
    (-0.0625, 0.3125),
    (0.0625, -0.3125),
    (0.3125, 0.0625),
    (-0.1875, -0.4375),
    (0.1875, 0.4375),
    (-0.4375, 0.1875),
    (0.4375, -0.1875),
)


def visible_triangles(screen, triangles, two_sided, size):
    r"""The nearest triangle of every pixel centre.

    Args:
        screen: (B, V, 3) column, row [pixels], depth [dm].
        triangles: (F, 3) int64, counter-clockwise seen from outside.
        two_sided: (F,) bool; the others are dropped when seen from behind.

    Returns:
        (B, size, size) int64, b F + triangle, -1 where nothing is.
    """
    frames, count = len(screen), len(triangles)
    offset = torch.arange(frames, device=screen.device)[:, None, None] * screen.shape[1]
    corners = pick_rows(screen.flatten(0, 1), (triangles + offset).flatten(0, 1))  # (BF, 3, 3)
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


def pick_rows(table, index):
    r"""table[index] for whole rows: (N, C), (n, k) int64 -> (n, k, C)."""
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
    inverse = slope[:, 0] * left + slope[:, 1] * line + slope[:, 2]  # 1 / depth
    start = base.index_select(0, triangle) + down * size + left.long()
    span, along = _spread(width)
    inverse, slope = inverse.index_select(0, span), slope[:, 0].index_select(0, span)
    depth = 1 / torch.addcmul(inverse, slope, along.to(x))
    pixel = start.index_select(0, span) + along
    number = number.index_select(0, triangle).index_select(0, span)
    bits = depth.float().view(torch.int32).long().bitwise_left_shift(32).bitwise_or(number)
    keys.scatter_reduce_(0, pixel, bits, "amin")


def edges(x, y):
    r"""Edge functions e_i = a_i column + b_i row + c_i, positive inside.

    Corners' columns x and rows y (n, 3) -> a, b, c (n, 3) and area (n,) > 0, twice the triangle's.
    Where the depth is even, e_i / area is the weight of corner i.
    """
    (x0, x1, x2), (y0, y1, y2) = x.unbind(1), y.unbind(1)
    a = torch.stack([y1 - y2, y2 - y0, y0 - y1], 1)
    b = torch.stack([x2 - x1, x0 - x2, x1 - x0], 1)
    c = torch.stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], 1)
    area = c.sum(1)
    sign = area.sign()[:, None]
    return a * sign, b * sign, c * sign, area.abs()


def weights(corners, column, row):
    r"""Perspective-correct weights of a triangle's corners at a place of the frame.

    Corners (n, 3, 3) column, row, depth; column and row (n,) [pixels] -> (n, 3), summing to 1, and
    depth (n,) [dm]. A triangle seen from its edge has no inside: there all three count alike.
    """
    x0, x1, x2 = (corners[:, :, 0] - column[:, None]).unbind(1)
    y0, y1, y2 = (corners[:, :, 1] - row[:, None]).unbind(1)
    flat = torch.stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], 1)
    share = flat / corners[:, :, 2]
    total = share.sum(1)
    edge_on = total.abs() < EDGE_ON
    total = total.masked_fill(edge_on, 1.0)
    even = edge_on[:, None]
    depth = torch.where(edge_on, corners[:, :, 2].mean(1), flat.sum(1) / total)
    return torch.where(even, 1 / 3, share / total[:, None]), depth


def smooth_outlines(image, depth, part, nearest, screen, triangles, jump=0.06):
    r"""Blend pixels of an image (B, H, W, 3) at outlines with their neighbours by covered area.

    Eight points of each such pixel are tested against the triangles seen by it and its four
    neighbours; a point takes the colour of the nearest one that covers it.

    Args:
        depth: (B, H, W) [dm], 0 on the background.
        part, nearest: (B, H, W) int64, the latter from visible_triangles.
        screen, triangles: (B, V, 3), (F, 3).
        jump: difference of depth that makes an outline [dm].
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
    above, below = pixel - width * (line > 0), pixel + width * (line < height - 1)
    left, right = pixel - (column > 0).long(), pixel + (column < width - 1).long()
    beside = torch.stack([pixel, above, below, left, right], 1)
    candidate = nearest.flatten()[beside]  # (n, 5)
    frame = (pixel // (height * width))[:, None]
    number = (candidate - frame * len(triangles)).clamp(min=0).flatten()
    rows = triangles.index_select(0, number) + frame.repeat_interleave(5, 0) * screen.shape[1]
    corners = pick_rows(screen.flatten(0, 1), rows)  # (5n, 3, 3)
    x = corners[..., 0] - (column + 0.5).to(screen).repeat_interleave(5)[:, None]
    y = corners[..., 1] - (line + 0.5).to(screen).repeat_interleave(5)[:, None]
    a, b, c, area = edges(x, y)
    inverse = 1 / (corners[:, :, 2] * area[:, None])
    slope = [(v * inverse).sum(1) for v in (a, b, c)]
    a, b, c = (v.T.contiguous() for v in (a, b, c))  # (3, 5n)
    empty = (candidate < 0).flatten()
    taken = [_taken(a, b, c, slope, place, empty) for place in SAMPLES]
    taken = beside.gather(1, torch.stack(taken, 1))  # (n, 8)
    colours = pick_rows(image.reshape(-1, 3), taken).mean(1)
    return image.reshape(-1, 3).index_copy(0, pixel, colours).view_as(image)


def _taken(a, b, c, slope, place, empty):
    """Which of the five candidates of each pixel covers one place of it and is nearest (n,)."""
    dx, dy = place
    side = c.add(b, alpha=dy).add_(a, alpha=dx)
    inner = torch.minimum(torch.minimum(side[0], side[1]), side[2]) >= 0
    inverse = slope[2].add(slope[1], alpha=dy).add_(slope[0], alpha=dx)  # 1 / depth
    inverse = torch.where(inner, inverse, 0.0).masked_fill_(empty, 1e-6).view(-1, 5)
    best = inverse[:, 0] + 1e-9
    which = torch.zeros(len(inverse), dtype=torch.int64, device=a.device)
    for i in range(1, 5):  # the background is far but everywhere; last resort is the pixel itself
        better = inverse[:, i] > best
        best, which = torch.where(better, inverse[:, i], best), which.masked_fill_(better, i)
    return which
