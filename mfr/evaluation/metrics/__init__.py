r"""Every metric of the tables; its formula, direction, unit and traps stand in its docstring.

The paper's (Sec. 4.2.1) come first, then what FD cannot see, then the listening-head family, which
calls other things FD. behaviour.py measures what only a world with a known truth can tell.
"""

from mfr.evaluation.metrics.features import (
    csim,
    diversity_frames,
    frechet_distance,
    frechet_from_moments,
    id_distance,
)
from mfr.evaluation.metrics.image import psnr, ssim
from mfr.evaluation.metrics.listening import (
    frechet_motion,
    frechet_paired,
    rpcc,
    sid,
    sts,
    tlcc,
    variance_flattened,
    variance_frames,
)
from mfr.evaluation.metrics.motion import (
    diversity_samples,
    energy_score,
    feature_distance,
    seam_ratios,
)
from mfr.evaluation.metrics.sharpness import cpbd, cpbd_of_gray

__all__ = [  # the paper's
    "feature_distance",
    "ssim",
    "psnr",
    "cpbd",
    "cpbd_of_gray",
    "frechet_distance",
    "frechet_from_moments",
    "csim",
    "id_distance",
    "diversity_frames",
    # what FD cannot see
    "diversity_samples",
    "energy_score",
    "seam_ratios",
    # the listening-head family
    "frechet_motion",
    "frechet_paired",
    "variance_frames",
    "variance_flattened",
    "sid",
    "rpcc",
    "tlcc",
    "sts",
]
