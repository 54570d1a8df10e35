r"""Whatever answers a speaker, and whatever draws a face: the rows of the tables.

The compared systems ViCo, PCHG and w/o DIFF with their training, the methods that need none,
MFR-Net itself read from runs, and the renderers that turn any of their motions into frames.
"""

from mfr.evaluation.methods.background import with_repair
from mfr.evaluation.methods.method import Method, find_methods, trivial_methods
from mfr.evaluation.methods.painters import (
    Painter,
    find_painters,
    to_images,
    windows_at,
)

__all__ = [
    "Method",
    "Painter",
    "find_methods",
    "find_painters",
    "to_images",
    "trivial_methods",
    "windows_at",
    "with_repair",
]
