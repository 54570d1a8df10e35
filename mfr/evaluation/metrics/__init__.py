r"""Every metric of the tables, in one place; formula, direction, unit and traps in each docstring.

Paper's family (Sec. 4.2.1): feature_distance, ssim, psnr, cpbd, frechet_distance (FID), csim and
id_distance, diversity_frames. Ours beside it: diversity_samples, energy_score, seam_ratios. The
listening-head family, which calls other things FD: frechet_motion, frechet_paired, variance_frames,
variance_flattened, sid, rpcc, tlcc, sts.

ABOUT tells a table what each number is: which way is better, its unit, and how clips are joined.
"""

from typing import NamedTuple

from mfr.evaluation.metrics.cpbd import cpbd, cpbd_of_gray
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


class About(NamedTuple):
    r"""What a table must know of a metric.

    Attributes: better ("up", "down", or "real": as near to real motion's as possible), unit, and
    clips (how the numbers of several clips become one).
    """

    better: str
    unit: str
    clips: str


ABOUT = {
    "feature_distance": About("down", "0.01 rad, 0.01, 0.01 scene units", "mean over clips"),
    "ssim": About("up", "1", "mean over frames of all clips"),
    "psnr": About("up", "dB", "mean over frames of all clips"),
    "cpbd": About("up", "share of edges", "mean over frames of all clips"),
    "cpbd_of_gray": About("up", "share of edges", "mean over frames of all clips"),
    "frechet_distance": About("down", "feature units squared", "one set of all frames"),
    "frechet_from_moments": About("down", "feature units squared", "one set of all frames"),
    "csim": About("up", "1", "mean over frames of all clips"),
    "id_distance": About("down", "1", "mean over frames of all clips"),
    "diversity_frames": About("up", "feature units", "mean over clips"),
    "diversity_samples": About("real", "scale", "mean over clips"),
    "energy_score": About("down", "scale", "mean over clips"),
    "seam_ratios": About("down", "1", "mean over clips"),
    "frechet_motion": About("down", "coefficient units squared", "one set of all frames"),
    "frechet_paired": About("down", "coefficient units squared", "one set of all frames"),
    "variance_frames": About("real", "coefficient units squared", "mean over clips"),
    "variance_flattened": About("real", "coefficient units squared", "one set of all frames"),
    "sid": About("up", "bit", "one set of all frames"),
    "rpcc": About("down", "1", "one set of all frames"),
    "tlcc": About("real", "frames", "mean of |lag| over clips"),
    "sts": About("down", "coefficient units / sqrt s", "mean over clips"),
}

__all__ = ["ABOUT", "About", *ABOUT]
