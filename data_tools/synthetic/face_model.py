r"""The synthetic world's linear face model, in the layout, camera, units and signs of Deep3DFaceRecon.

    shape  = mean + B_id id(80) + B_exp exp(64)        [dm]
    albedo = mean + B_tex tex(80)                      on the skin's texture
    world  = shape R^T + trans,  R = Rz(roll) Ry(yaw) Rx(pitch)
    pixel  = 1015 / (10 - z) (x, -y) + 128             in the 256 frame, pixel j centred at j + 1/2

Ours: every number comes from the formulas of surface.py, modes.py, parts.py and textures.py.
"""

import numpy as np
import torch

from data_tools.synthetic import parts
from data_tools.synthetic.modes import EXPRESSIONS, GAZE_TURN, expression_modes, identity_modes, keep_sockets
from data_tools.synthetic.modes import rotation_x
from data_tools.synthetic.person import Appearance, Person, sample_person
from data_tools.synthetic.scene import Scene, build_scene
from data_tools.synthetic.surface import EYE, EYE_WIDTH, EYE_Z, MOUTH_WIDTH, MOUTH_Y
from data_tools.synthetic.surface import build_skin, disc_to_rest, lid_edges, lip_border, mouth_line
from data_tools.synthetic.surface import rest_to_disc, sculpt
from data_tools.synthetic.textures import SkinPalette, skin_uv

__all__ = ["EXPRESSIONS", "Appearance", "FaceModel", "Person", "Scene", "sample_person"]

FOCAL = 1015.0  # [pixels] at the 224 crop and at the 256 frame
CAMERA_Z = 10.0  # [dm]
FRAME = 256  # side of the frame that FOCAL belongs to [pixels]
ID, EXP, TEX = slice(0, 80), slice(80, 144), slice(144, 224)
ANGLE, GAMMA, TRANS = slice(224, 227), slice(227, 254), slice(254, 257)
NECK_JOINT = (0.0, -0.75, -0.62)  # the torso follows this point of the head
FOLLOW = 0.55  # share of its motion that the torso makes


class FaceModel:
    r"""The linear model's arrays and the scenes of the people already dressed.

    Attributes:
        mean (V, 3), id_basis (V, 3, 80), exp_basis (V, 3, 64): the head without hair.
        basis (V, 3, 144): both bases side by side.
        triangles (F, 3), uv (V, 2), part (F,): its surface; see parts.py for the part numbers.
        landmark_index (68,): vertices in the iBUG order.
    """

    def __init__(self, device="cpu", dtype=torch.float32):
        skin = build_skin()
        blocks = _head_blocks(skin)
        self.device, self.dtype = torch.device(device), dtype
        self.mean = self._tensor(np.concatenate([b.xyz for b, _, _ in blocks]))
        rows = np.concatenate([np.concatenate([i, e], 2) for _, i, e in blocks])
        self.basis = self._tensor(rows)
        self.id_basis, self.exp_basis = self.basis[:, :, :80], self.basis[:, :, 80:]
        self.blocks = [b for b, _, _ in blocks]
        self.landmark_index = torch.as_tensor(_landmark_vertices(skin), device=self.device)
        self.palette = SkinPalette(skin)
        self._scenes = {}

    def _tensor(self, values):
        return torch.as_tensor(np.asarray(values), dtype=self.dtype, device=self.device)

    def shape(self, coefficients):
        r"""mean + B_id id + B_exp exp.

        Args:
            coefficients: (B, 257).

        Returns:
            (B, V, 3) [dm], before rotation and translation.
        """
        moved = coefficients[:, :144].to(self.basis) @ self.basis.flatten(0, 1).T  # (B, 3V)
        return self.mean + moved.unflatten(1, (-1, 3))

    def albedo(self, tex):
        r"""mean + B_tex tex, on the skin's texture.

        Args:
            tex: (80,).

        Returns:
            (3, 512, 512) float32, linear in tex and unclamped.
        """
        return self.palette.albedo(tex)

    def scene(self, person):
        r"""The person's whole surface, textures and background; kept for the next call.

        Args:
            person: a Person, an Appearance or an Appearance's dict.

        Returns:
            A Scene.
        """
        appearance = getattr(person, "appearance", person)
        if isinstance(appearance, dict):
            appearance = Appearance.from_dict(appearance)
        key = repr(appearance)
        if key not in self._scenes:
            if len(self._scenes) >= 8:
                self._scenes.pop(next(iter(self._scenes)))
            self._scenes[key] = build_scene(self, appearance)
        return self._scenes[key]


def rotation(angle):
    r"""R = Rz(roll) Ry(yaw) Rx(pitch).

    Args:
        angle: (B, 3), pitch, yaw, roll [rad].

    Returns:
        (B, 3, 3); a row of points p turns to p R^T.
    """
    (cx, cy, cz), (sx, sy, sz) = angle.cos().unbind(1), angle.sin().unbind(1)
    rows = [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx,
            sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx,
            -sy, cy * sx, cy * cx]  # fmt: skip
    return torch.stack(rows, 1).unflatten(1, (3, 3))


def to_world(points, coefficients):
    r"""p R^T + trans.

    Args:
        points: (B, V, 3).
        coefficients: (B, 257).

    Returns:
        (B, V, 3) [dm].
    """
    angle, trans = coefficients[:, ANGLE].to(points), coefficients[:, TRANS].to(points)
    return points @ rotation(angle).transpose(1, 2) + trans[:, None]


def project(world, size=FRAME):
    r"""u = 1015 x / (10 - z) + 128 and its like for y, downwards.

    Args:
        world: (..., 3) [dm].
        size: side of the frame [pixels]; everything scales with size / 256.

    Returns:
        (..., 3): column, row [pixels; pixel j is centred at j + 1/2] and depth 10 - z [dm].
    """
    depth = CAMERA_Z - world[..., 2]
    scale = FOCAL * size / FRAME
    column = scale * world[..., 0] / depth + size / 2
    row = size / 2 - scale * world[..., 1] / depth
    return torch.stack([column, row, depth], -1)


def _head_blocks(skin):
    """Blocks of the head with their identity and expression rows."""
    x, y = skin.rest.T
    whole = parts.Block(skin.xyz, skin_uv(skin.u), skin.triangles, parts.SKIN)
    id_rows, exp_rows = identity_modes(x, y, skin.xyz), expression_modes(x, y, skin.xyz, skin.side)
    at_eyes = np.concatenate([identity_modes(*_point((side * EYE[0], EYE[1]))) for side in (-1, 1)])
    id_rows = keep_sockets(id_rows, skin.rest, at_eyes)
    blocks = [(whole, id_rows, exp_rows)]
    for side, rim in zip((-1, 1), skin.eyes):
        blocks.append(_eyeball_rows(parts.eyeball(side), side))
        strip = parts.lid_strip(skin.xyz[rim])
        blocks.append((strip, _ring_rows(id_rows[rim], 2), _ring_rows(exp_rows[rim], 2)))
    bag = parts.mouth_bag(skin.xyz[skin.mouth])
    blocks.append((bag, _ring_rows(id_rows[skin.mouth], 4), _ring_rows(exp_rows[skin.mouth], 4)))
    for piece, jaw in ((parts.teeth(True), 0), (parts.teeth(False), 1), (parts.tongue(), 0.92)):
        blocks.append(_teeth_rows(piece, jaw))
    for side in (-1, 1):
        blocks.append(_ear_rows(parts.ear(side), side))
    return blocks


def _ring_rows(rows, count):
    """Rows of rings behind a rim that follow it, and of a last one that goes with its middle."""
    return np.concatenate([rows] * count + [np.broadcast_to(rows.mean(0), rows.shape)])


def _point(rest):
    """Rest coordinates and point on the skin, as identity_modes takes them."""
    rest, skull = disc_to_rest(rest_to_disc(np.atleast_2d(np.asarray(rest, float))))
    return rest[:, 0], rest[:, 1], sculpt(rest, skull)


def _rigid_rows(block, rest, jaw):
    """Rows of a part that moves as one with a place of the skin and, in part, with the jaw."""
    id_rows = np.repeat(identity_modes(*_point(rest)), len(block.xyz), 0)
    exp_rows = np.zeros((len(block.xyz), 3, 64))
    exp_rows[:, :, EXPRESSIONS["jaw_open"]] = jaw * rotation_x(block.xyz)
    return block, id_rows, exp_rows


def _teeth_rows(block, jaw):
    """Teeth and tongue grow wider and narrower with the lips before them."""
    block, id_rows, exp_rows = _rigid_rows(block, (0, MOUTH_Y), jaw)
    x = np.clip(block.xyz[:, 0], -MOUTH_WIDTH, MOUTH_WIDTH)
    across = identity_modes(*_point(np.stack([x, np.full_like(x, MOUTH_Y)], 1)))
    id_rows[:, [0, 2]] = across[:, [0, 2]]
    exp_rows[:, 0, EXPRESSIONS["lip_round"]] = -0.30 * block.xyz[:, 0]
    return block, id_rows, exp_rows


def _eyeball_rows(block, side):
    """The eyeball keeps its shape, goes with its socket and turns with the gaze."""
    block, id_rows, exp_rows = _rigid_rows(block, (side * EYE[0], EYE[1]), 0)
    _, dy, dz = (block.xyz - [side * EYE[0], EYE[1], EYE_Z]).T
    dx = block.xyz[:, 0] - side * EYE[0]
    exp_rows[:, 0, EXPRESSIONS["gaze_x"]] = GAZE_TURN * dz
    exp_rows[:, 2, EXPRESSIONS["gaze_x"]] = -GAZE_TURN * dx
    exp_rows[:, 1, EXPRESSIONS["gaze_y"]] = GAZE_TURN * dz
    exp_rows[:, 2, EXPRESSIONS["gaze_y"]] = -GAZE_TURN * dy
    return block, id_rows, exp_rows


def _ear_rows(block, side):
    """Ears go with the side of the head."""
    root = np.array([[side * 0.70, 0.02, -0.56]])
    rows = identity_modes(root[:, 0], root[:, 1], root)
    return block, np.repeat(rows, len(block.xyz), 0), np.zeros((len(block.xyz), 3, 64))


def _landmark_vertices(skin):
    """The skin vertex nearest to each of the 68 iBUG places."""
    turn = np.linspace(-1, 1, 17) * 1.5
    jaw = np.stack([0.66 * np.sin(turn), 0.02 - 0.93 * np.cos(turn) ** 0.9], 1)
    across = np.linspace(-1, 1, 5)
    brow = np.stack([-0.30 + 0.17 * across, 0.285 + 0.02 * (1 - across**2)], 1)
    nose = [(0, 0.12), (0, 0.02), (0, -0.09), (0, -0.20)]
    base = [(-0.11, -0.27), (-0.055, -0.295), (0, -0.305), (0.055, -0.295), (0.11, -0.27)]
    t = np.array([-1, -0.4, 0.4, 1, 0.4, -0.4])
    upper, lower = lid_edges(np.array([1, 0.4, -0.4, -1, -0.4, 0.4]))
    eye = np.stack([t * EYE_WIDTH, np.where(np.arange(6) < 4, upper, lower)], 1) \
        + [-EYE[0], EYE[1]]
    right = (eye * [-1, 1])[[3, 2, 1, 0, 5, 4]]
    rest = np.concatenate([jaw, brow, (brow * [-1, 1])[::-1], nose, base, eye, right])
    tree_index = [int(np.argmin(((skin.rest - p) ** 2).sum(1) + (skin.xyz[:, 2] < -0.6)))
                  for p in rest]  # fmt: skip
    return np.array(tree_index + _lip_vertices(skin))


def _lip_vertices(skin):
    """Outer lips 12, inner lips 8."""
    outer_x = MOUTH_WIDTH * np.array([-1, -0.62, -0.25, 0, 0.25, 0.62, 1, 0.62, 0.25, 0, -0.25, -0.62])
    side = np.array([1] * 7 + [-1] * 5)
    outer = np.stack([outer_x, mouth_line(outer_x) + side * lip_border(outer_x, side)], 1)
    inner_x = MOUTH_WIDTH * np.array([-0.9, -0.35, 0, 0.35, 0.9, 0.35, 0, -0.35])
    index = [int(np.argmin(((skin.rest - p) ** 2).sum(1) + (skin.xyz[:, 2] < -0.6))) for p in outer]
    rim = skin.mouth
    for x, sign in zip(inner_x, [1, 1, 1, 1, 1, -1, -1, -1]):
        wrong = skin.side[rim] * sign < 0
        index.append(int(rim[np.argmin(np.abs(skin.rest[rim, 0] - x) + 10 * wrong)]))
    return index
