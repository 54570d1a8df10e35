r"""The stages of train_mfr.py by name, in the order in which they are trained."""

from mfr.training.identity import IdentityStage
from mfr.training.motion import MotionStage
from mfr.training.reconstruction import ReconstructionStage
from mfr.training.renderer import RendererStage

STAGES = {
    stage.name: stage for stage in (IdentityStage, ReconstructionStage, MotionStage, RendererStage)
}
