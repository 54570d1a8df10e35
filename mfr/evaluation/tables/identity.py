r"""Identity where a clip has one picture only: rendered responses against that picture.

Table 2 wants true frames of other moments; this does without.
"""

import numpy as np
import torch

from mfr.evaluation import metrics
from mfr.evaluation.methods import to_images, windows_at
from mfr.evaluation.scoring.judges import features
from mfr.evaluation.scoring.scores import over_clips
from mfr.evaluation.tables.images import painter_of
from mfr.files.vico import portrait_of

MOMENTS = 4  # frames a clip


def kept_identity(painter, held, drawn, V, repaired=None):
    r"""1 - CSIM of a few frames of each method's first response against the portrait.

    A Value for each name, mean over clips; `repaired` paints PCHG's rows.
    """
    distances = {name: [] for name in drawn}
    for i, clip in enumerate(held.clips):
        picture = to_images(portrait_of(clip)[None])[0]
        reference = torch.as_tensor(held.real[i][0], dtype=torch.float32)
        true = features(V, picture[None])
        index = torch.linspace(0, len(held.real[i]) - 1, MOMENTS + 1).round().long()[1:]
        for name, responses in drawn.items():
            painter_here = painter_of(name, painter, repaired)
            images = painter_here.paint(
                picture, reference, windows_at(responses.motion[i][0], index, painter_here.window)
            )
            ours = features(V, images)
            distance = metrics.id_distance(ours, np.broadcast_to(true, ours.shape))
            distances[name].append(distance.mean())
    return {name: over_clips(values) for name, values in distances.items()}
