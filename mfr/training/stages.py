r"""The stages of train_mfr.py by name, in the order in which they are trained.

The finder stands alone: it learns from cutouts, not from a ViCo folder.
"""

from mfr.training.finder import FinderStage
from mfr.training.identity import IdentityStage
from mfr.training.motion import MotionStage
from mfr.training.reconstruction import ReconstructionStage
from mfr.training.renderer import RendererStage

STAGES = {
    stage.name: stage
    for stage in (IdentityStage, ReconstructionStage, MotionStage, RendererStage, FinderStage)
}
