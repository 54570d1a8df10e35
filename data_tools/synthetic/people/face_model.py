r"""The synthetic world's linear face model: Deep3DFaceRecon's layout, camera, units and signs.

    shape  = mean + B_id id(80) + B_exp exp(64)        [dm]
    albedo = mean + B_tex tex(80)                      on the skin's texture
    world  = shape R^T + trans,  R = Rz(roll) Ry(yaw) Rx(pitch)
    pixel  = 1015 / (10 - z) (x, -y) + 128             in the 256 frame, pixel j centred at j + 1/2

Ours: every number comes from the formulas of surface.py, modes.py,
expressions.py, parts.py and textures.py.
"""

import functools

import numpy as np
import torch

from data_tools.synthetic.people.expressions import EXPRESSIONS
from data_tools.synthetic.people.head import head_blocks
from data_tools.synthetic.people.landmarks import landmark_vertices
from data_tools.synthetic.people.person import Appearance, Person, sample_person
from data_tools.synthetic.people.skin_mesh import build_skin
from data_tools.synthetic.people.textures import SkinPalette

__all__ = ["EXPRESSIONS", "Appearance", "FaceModel", "Person", "sample_person"]

FOCAL = 1015.0  # [pixels] at the 224 crop and at the 256 frame
CAMERA_Z = 10.0  # [dm]
FRAME = 256  # side of the frame that FOCAL belongs to [pixels]
ID, EXP, TEX = slice(0, 80), slice(80, 144), slice(144, 224)
ANGLE, GAMMA, TRANS = slice(224, 227), slice(227, 254), slice(254, 257)
NECK_JOINT = (0.0, -0.75, -0.62)  # the torso follows this point of the head
FOLLOW = 0.55  # share of its motion that the torso makes


class FaceModel:
    r"""The linear model's arrays.

    Attributes:
        mean (V, 3), id_basis (V, 3, 80), exp_basis (V, 3, 64): the head without hair.
        basis (V, 3, 144): both bases side by side.
        blocks: the head's surface, piece by piece, see parts.py.
        landmark_index (68,): vertices in the iBUG order.
        scenes: what pictures keep of the people already dressed (picture/scene.py).

    Args:
        device: where its tensors live and pictures are drawn.
        dtype: of its tensors.
    """

    def __init__(self, device="cpu", dtype=torch.float32):
        skin = build_skin()
        blocks = head_blocks(skin)
        self.device, self.dtype = torch.device(device), dtype
        self.mean = self._tensor(np.concatenate([b.xyz for b, _, _ in blocks]))
        rows = np.concatenate([np.concatenate([i, e], 2) for _, i, e in blocks])
        self.basis = self._tensor(rows)
        self.id_basis, self.exp_basis = self.basis[:, :, :80], self.basis[:, :, 80:]
        self.blocks = [b for b, _, _ in blocks]
        self.landmark_index = torch.as_tensor(landmark_vertices(skin), device=self.device)
        self.palette = SkinPalette()
        self.scenes = {}

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


@functools.cache
def face_model():
    r"""The FaceModel on the CPU, built once a process."""
    return FaceModel()


def rotation(angle):
    r"""R = Rz(roll) Ry(yaw) Rx(pitch).

    Args:
        angle: (B, 3), pitch, yaw, roll [rad].

    Returns:
        (B, 3, 3); a row of points p turns to p R^T.
    """
    (cx, cy, cz), (sx, sy, sz) = angle.cos().unbind(1), angle.sin().unbind(1)
    rows = [
        cz * cy,
        cz * sy * sx - sz * cx,
        cz * sy * cx + sz * sx,
        sz * cy,
        sz * sy * sx + cz * cx,
        sz * sy * cx - cz * sx,
        -sy,
        cy * sx,
        cy * cx,
    ]
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
