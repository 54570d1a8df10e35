r"""The face model's skin in the layout of BFM_model_front.mat, for whoever trains on a set."""

import numpy as np
import torch
from torch.nn.functional import grid_sample

from data_tools.synthetic.people.face_model import face_model
from data_tools.synthetic.people.skin_mesh import build_skin
from data_tools.synthetic.people.surface import DISC
from mfr.face.matfile import write_mat


def write_model(path):
    r"""Write the skin's points, bases, triangles and landmarks.

    Args:
        path: .mat; the same bytes every time.
    """
    model, skin = face_model(), build_skin()
    count = len(skin.xyz)  # the model's first points are the skin's
    albedo = point_albedo(model, skin.u)
    write_mat(
        path,
        {
            "meanshape": model.mean[:count].reshape(1, -1).numpy(),
            "idBase": model.id_basis[:count].reshape(-1, 80).numpy(),
            "exBase": model.exp_basis[:count].reshape(-1, 64).numpy(),
            "meantex": 255 * albedo[0].reshape(1, -1).numpy(),
            "texBase": 255 * (albedo[1:] - albedo[0]).reshape(80, -1).T.numpy(),
            "tri": np.int32(skin.triangles + 1),
            "keypoints": np.int32(model.landmark_index[None].numpy() + 1),
            "origin": np.zeros((1, 3), np.float32),
        },
    )


def point_albedo(model, u):
    r"""The colours of points under no tex, and under each of its 80 numbers alone at 1.

    Args:
        model: FaceModel.
        u: (V, 2), places on the disc.

    Returns:
        (81, V, 3).
    """
    place = torch.as_tensor(u / [DISC, -DISC], dtype=torch.float32)[None, None]
    looks = torch.cat([torch.zeros(1, 80), torch.eye(80)])
    return torch.stack(
        [
            grid_sample(model.albedo(tex)[None], place, align_corners=True)[0, :, 0].T
            for tex in looks
        ]
    )
