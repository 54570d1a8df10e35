r"""Sec. 3.1 to 3.3: the listener's 70 numbers a frame, drawn by diffusion.

`diffusion` is Eq. 1 to 4, `attention` Eq. 5, `fam` the Feature Aggregation Module, `clips` cuts and
joins windows, `model` puts them together. What the paper has not is in `additions`, `guidance`,
`samplers`, `cascade` (long clips) and `stream`; the ablation without the module is
`concatenation`.
"""

from mfr.motion.attention import MultiHeadAttention, attention
from mfr.motion.clips import join, split
from mfr.motion.diffusion import GaussianDiffusion, linear_beta_schedule
from mfr.motion.fam import FeatureAggregationModule
from mfr.motion.stream import ResponseStream

__all__ = [
    "FeatureAggregationModule",
    "GaussianDiffusion",
    "MultiHeadAttention",
    "ResponseStream",
    "attention",
    "join",
    "linear_beta_schedule",
    "split",
]
