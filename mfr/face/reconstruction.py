r"""Frames to the 257 face coefficients: the compact regressor that stands in for Deep3DFaceRecon.

Paper: Sec. 4.1.3 takes pose and expression from a 3DMM reconstruction [10]. Angles are read off
positions, so the network is told where each pixel is (two coordinate channels) and never averages
over the picture before its last layers.
"""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import nn
from torch.nn import functional as F

from mfr.config import IMAGE_SIZE
from mfr.face.arrays import constant
from mfr.face.camera import CAMERA_Z, ZOOM, pixel_grid, project, rotation_matrix, sample
from mfr.face.coefficients import ANGLE, EXP, GAMMA, ID, TEX, TRANS
from mfr.face.identity import conv_block
from mfr.face.morphable import colours, landmark_places

DIM = 257
BLOCK_WEIGHTS = ((ID, 0.5), (EXP, 8.0), (TEX, 0.25), (ANGLE, 4.0), (GAMMA, 0.5), (TRANS, 4.0))
EXP_FALL = 8.0  # columns over which an expression error's weight falls by e
POSE_WEIGHT = 0.25  # of one pixel of the head points beside one squared standard deviation
LANDMARK_WEIGHT = 10.0  # of one pixel of the person's own landmarks; at 1 they learn slowly
COLOUR_WEIGHT = 10.0  # of a colour error of 1, from black to white
SMALLEST_STD = 1e-3  # columns that never vary in the training data (some files hold zeros)
# Fixed points of a generic head [Deep3DFaceRecon's units]: outer eye corners, nose tip, mouth
# corners, chin, temples. They turn an error of pose into an error in pixels.
HEAD_POINTS = (
    (-0.45, 0.10, 0.10),
    (0.45, 0.10, 0.10),
    (0.0, -0.25, 0.55),
    (-0.25, -0.58, 0.22),
    (0.25, -0.58, 0.22),
    (0.0, -1.00, 0.15),
    (-0.70, 0.10, -0.40),
    (0.70, 0.10, -0.40),
)


class ReconstructionNet(nn.Module):
    r"""A face frame to its 257 coefficients, with the statistics of the training data inside.

    Paper: Sec. 4.1.3 uses the network of [10] in its place.

    Args:
        config: ReconstructionConfig.
    """

    def __init__(self, config):
        super().__init__()
        c = config.width
        self.stem = conv_block(14, c, 2)  # 64
        self.stages = nn.Sequential(
            conv_block(c, 2 * c),
            conv_block(2 * c, 4 * c, 2),
            conv_block(4 * c, 4 * c),  # 32
            conv_block(4 * c, 8 * c, 2),
            conv_block(8 * c, 8 * c),  # 16
            conv_block(8 * c, 8 * c, 2),
            conv_block(8 * c, 8 * c),  # 8
        )
        self.squeeze = nn.Conv2d(8 * c, 2 * c, 1)
        self.head = nn.Sequential(nn.Linear(2 * c * 64, 16 * c), nn.ReLU(), nn.Linear(16 * c, DIM))
        self.register_buffer("mean", torch.zeros(DIM))
        self.register_buffer("std", torch.ones(DIM))
        self.register_buffer("feature_mean", torch.zeros(8 * c))
        self.register_buffer("feature_precision", torch.zeros(8 * c, 8 * c))
        self.register_buffer("feature_limit", torch.ones(()))

    def set_statistics(self, coefficients):
        r"""Remember mean and std of the training coefficients; the head predicts in their units.

        Args:
            coefficients: (N, 257).
        """
        self.mean.copy_(coefficients.mean(0))
        self.std.copy_(coefficients.std(0).clamp(min=SMALLEST_STD))

    def features(self, images):
        r"""The last map, 8x8 cells.

        Args:
            images: (B, 3, 256, 256) in [0, 1].

        Returns:
            (B, 8 width, 8, 8).

        Raises:
            ValueError: the images have another shape.
        """
        if images.shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"images have shape {tuple(images.shape)}; (B, 3, 256, 256) is needed")
        x = F.pixel_unshuffle(images, 2) * 4 - 2  # (B, 12, 128, 128): lids are a few pixels high
        axis = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype, device=x.device)
        place = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))  # (2, 128, 128): row, column
        return self.stages(self.stem(torch.cat([x, place.expand(len(x), -1, -1, -1)], 1)))

    def forward(self, images):
        r"""The coefficients of each frame.

        Args:
            images: (B, 3, 256, 256) in [0, 1].

        Returns:
            (B, 257).
        """
        return self.head(self.squeeze(self.features(images)).flatten(1)) * self.std + self.mean

    @torch.no_grad()
    def fit_familiarity(self, images):
        r"""Remember what known frames look like inside: Gaussian of the pooled features.

        Ours.

        Args:
            images: (N, 3, 256, 256) training frames, N a few hundred or more.
        """
        pooled = torch.cat([self.features(part).mean((2, 3)) for part in images.split(64)])
        pooled = pooled.cpu().double()  # in float64, which not every device has
        centred = pooled - pooled.mean(0)
        covariance = centred.T @ centred / len(pooled)
        ridge = 0.05 * covariance.diagonal().mean() * torch.eye(len(covariance)).to(covariance)
        self.feature_mean.copy_(pooled.mean(0))
        self.feature_precision.copy_(torch.linalg.inv(covariance + ridge))
        self.feature_limit.fill_(1.0)
        distances = torch.cat([self.unfamiliarity(part) for part in images.split(64)])
        self.feature_limit.copy_(distances.cpu().quantile(0.99))

    @torch.no_grad()
    def unfamiliarity(self, images):
        r"""sqrt((f - mu)^T S^-1 (f - mu)) over its 99 % quantile in training.

        Ours: above 1 a frame is stranger than 99 of 100 training frames.

        Args:
            images: (B, 3, 256, 256) in [0, 1].

        Returns:
            (B,), 0 for a network whose familiarity was never fitted.
        """
        away = self.features(images).mean((2, 3)) - self.feature_mean  # (B, 8 width)
        squared = torch.einsum("bi,ij,bj->b", away, self.feature_precision, away)
        return squared.clamp(min=0).sqrt() / self.feature_limit


def reconstruction_loss(found, truth, std, model=None):
    r"""Weighted squared error of each block, pixel error of the head, its landmarks and colours.

    Ours: [10] trains without coefficients, through a renderer; here they are known, and so is what
    the renderer would have shown at each point. An error counts in units of its column's std, in
    exp in units of the block's, the k-th column by exp(-k / 8): a basis begins with what moves a
    face most, and most of the 64 are too small to be seen.

    Args:
        found: (B, 257), the network's.
        truth: (B, 257).
        std: (257,) of the training data.
        model: MorphableModel of the coefficients, or None for a loss without landmarks and colours.

    Returns:
        (scalar, dict of the terms, detached: id, exp, tex, angle, gamma, trans [std^2], pose
        [pixels], with a model landmarks [pixels] and colours [of white]).
    """
    unit = std.clone()
    share = (-torch.arange(len(std[EXP]), device=std.device).to(std) / EXP_FALL).exp()
    unit[EXP] = (std[EXP].square().mean() * share.mean() / share).sqrt()
    squared = ((found - truth) / unit) ** 2
    names = ("id", "exp", "tex", "angle", "gamma", "trans")
    terms = {name: squared[:, block].mean() for name, (block, _) in zip(names, BLOCK_WEIGHTS)}
    total = sum(weight * terms[name] for name, (_, weight) in zip(names, BLOCK_WEIGHTS))
    terms["pose"] = pose_error(found, truth)
    total = total + POSE_WEIGHT * terms["pose"]
    if model is not None:
        terms["landmarks"] = landmark_error(found, truth, model)
        terms["colours"] = (colours(model, found) - colours(model, truth)).abs().mean()
        total = total + LANDMARK_WEIGHT * terms["landmarks"] + COLOUR_WEIGHT * terms["colours"]
    return total, {name: term.detach() for name, term in terms.items()}


def pose_error(found, truth):
    r"""Mean distance in the picture of fixed head points under two poses.

    Ours.

    Args:
        found: (B, 257).
        truth: (B, 257).

    Returns:
        A scalar [pixels].
    """
    points = constant(HEAD_POINTS, found)
    return _distance(*(project(points, c[:, ANGLE], c[:, TRANS])[..., :2] for c in (found, truth)))


def landmark_error(found, truth, model):
    r"""Mean distance in the picture of the 68 landmarks of two faces.

    Ours: unlike the head points these are the person's own, so shape and expression count too.

    Args:
        found: (B, 257).
        truth: (B, 257).
        model: MorphableModel.

    Returns:
        A scalar [pixels].
    """
    return _distance(*(landmark_places(model, c) for c in (found, truth)))


def _distance(places, others):
    """Mean distance of points (B, N, 2), with a gradient where it is zero."""
    return (places - others).square().sum(-1).add(1e-12).sqrt().mean()


def reconstruct(net, frames, smoothing=1.0, batch_size=32):
    r"""A video's coefficients, smoothed in time without delay.

    Paper: Sec. 4.1.3 reconstructs each frame; the smoothing is ours.

    Args:
        net: ReconstructionNet, or any other images -> (B, 257).
        frames: uint8 numpy (L, 256, 256, 3), RGB.
        smoothing: std of the Gaussian over time [frames]; 0 = none.
        batch_size: frames at once.

    Returns:
        float32 numpy (L, 257).

    Raises:
        ValueError: the frames have another shape or type, or there are none.
    """
    known = frames.dtype == np.uint8 and frames.shape[1:] == (IMAGE_SIZE, IMAGE_SIZE, 3)
    if not known or not len(frames):
        raise ValueError(
            f"frames are {frames.dtype} {frames.shape}; uint8 (L, 256, 256, 3) with "
            "L >= 1 is needed"
        )
    device = next(net.parameters()).device
    found = []
    for start in range(0, len(frames), batch_size):
        part = torch.from_numpy(frames[start : start + batch_size]).to(device)
        with torch.no_grad():
            found.append(net(part.permute(0, 3, 1, 2).float() / 255).cpu().numpy())
    return smooth(np.concatenate(found), smoothing)


def smooth(coefficients, std=1.0):
    r"""A Gaussian mean over time, without delay; the ends are repeated.

    Ours: frames are reconstructed one by one, and each has its own small error.

    Args:
        coefficients: (L, 257).
        std: of the Gaussian [frames]; 0 = none.

    Returns:
        (L, 257).
    """
    return gaussian_filter1d(coefficients, std, axis=0, mode="nearest") if std else coefficients


def augment(images, generator):
    r"""Light, colour, contrast, blur, noise and JPEG blocks at random; nothing moves.

    Ours: a network that saw one camera only fails on the next one.

    Args:
        images: (B, 3, 256, 256) in [0, 1].
        generator: torch.Generator on the images' device.

    Returns:
        Same shape, in [0, 1].
    """
    shape = (len(images), 1, 1, 1)

    def uniform(low, high, channels=1):
        size = (len(images), channels, 1, 1)
        return low + (high - low) * torch.rand(size, generator=generator, device=images.device)

    grey = images.mean(1, keepdim=True)
    x = grey + (images - grey) * uniform(0.5, 1.4)  # colour
    x = (x - 0.5) * uniform(0.7, 1.3) + 0.5 + uniform(-0.15, 0.15)  # contrast, brightness
    x = (x * uniform(0.85, 1.15, channels=3)).clamp(0, 1) ** uniform(0.7, 1.4)
    blurred = F.avg_pool2d(x, 5, 1, 2, count_include_pad=False)
    x = x + (blurred - x) * uniform(-0.3, 1.0).clamp(min=0)
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    x = x + noise * uniform(-0.02, 0.04).clamp(min=0)
    step, blocky = uniform(0.005, 0.06), uniform(0, 1) < 0.4
    x = torch.where(blocky, _quantise_blocks(x, step), x)  # picking them would wait for a GPU
    plain = torch.rand(shape, generator=generator, device=x.device) < 0.15
    return torch.where(plain, images, x.clamp(0, 1))


def move_camera(images, coefficients, generator, size=1.0):
    r"""Turn the camera in its place (exact) and zoom (first order); the coefficients follow.

    Ours: a turned camera sees the old picture through a homography, whatever the scene is, and
    R' = Q R, trans' = Q (trans - camera) + camera. Light is left as it was.

    Args:
        images: (B, 3, 256, 256) in [0, 1].
        coefficients: (B, 257), theirs.
        generator: torch.Generator on their device.
        size: 1: std 8 px of shift, 5 degrees of roll, 4 % of zoom.

    Returns:
        (images, coefficients) of the same shapes.
    """
    draws = size * torch.randn(len(images), 4, generator=generator, device=images.device)
    turn = rotation_matrix(draws[:, :3] * constant((0.008, 0.008, 0.09), draws))  # (B, 3, 3)
    zoom = (0.04 * draws[:, 3]).exp()
    place = pixel_grid(IMAGE_SIZE, images) / zoom[:, None, None, None]  # (B, 256, 256, 2)
    x, y = place.unbind(-1)
    ray = torch.stack([x, -y, torch.full_like(x, -ZOOM)], -1).flatten(1, 2) @ turn  # Q^T ray
    place = ray[..., :2] * constant((1, -1), ray) * (-ZOOM / ray[..., 2:])
    moved = sample(images, place.unflatten(1, (IMAGE_SIZE, IMAGE_SIZE)))
    rotation = turn @ rotation_matrix(coefficients[:, ANGLE])
    camera = constant((0, 0, CAMERA_Z), coefficients)
    trans = (turn @ (coefficients[:, TRANS] - camera)[..., None])[..., 0]
    trans = trans * torch.stack([torch.ones_like(zoom), torch.ones_like(zoom), 1 / zoom], 1)
    after = coefficients.clone()
    after[:, ANGLE], after[:, TRANS] = _angles(rotation), trans + camera
    return moved, after


def _angles(rotation):
    """Pitch, yaw, roll (B, 3) of R = Rz Ry Rx (B, 3, 3)."""
    pitch = torch.atan2(rotation[:, 2, 1], rotation[:, 2, 2])
    yaw = -torch.asin(rotation[:, 2, 0])
    return torch.stack([pitch, yaw, torch.atan2(rotation[:, 1, 0], rotation[:, 0, 0])], 1)


def _quantise_blocks(x, step):
    """Round the 8x8 cosine coefficients, high frequencies more coarsely, as JPEG does."""
    n = torch.arange(8, dtype=x.dtype, device=x.device)
    basis = torch.cos(torch.pi * (n + 0.5) * n[:, None] / 8) / 2  # (frequency, place)
    basis[0] /= 2**0.5
    rows = basis @ x.unflatten(2, (-1, 8))  # (B, C, h/8, 8, w)
    cosines = rows.unflatten(4, (-1, 8)) @ basis.T  # (B, C, h/8, 8, w/8, 8)
    step = step[..., None, None] * (1 + n + n[:, None, None])
    cosines = (cosines / step).round() * step
    return (basis.T @ (cosines @ basis).flatten(4)).view_as(x)
