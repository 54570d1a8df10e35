r"""The system from weights: ours, a run's, or published networks in the place of some."""

import warnings
from pathlib import Path

import torch

from mfr.config import IMAGE_SIZE, STAGES
from mfr.face.finder import FinderNet
from mfr.face.reconstruction import ReconstructionNet
from mfr.motion.model import MotionModel
from mfr.pipeline.system import System
from mfr.render.renderer import Renderer
from mfr.training import checkpoint
from mfr.training.averaging import pick_device
from mfr.training.identity import load_identity

WEIGHTS = Path(__file__).parents[1] / "weights"
FINDER = WEIGHTS / "finder.pt"


def load(
    weights=None, device="auto", renderer=None, identity=None, reconstruction=None, finder=None
):
    r"""The system from a folder of weights, with other networks in the place of some.

    Ours. A folder may hold some of the four files, as after `train_mfr.py motion`; the bundled
    ones take the place of the others, as they did in training, and a warning says so.

    Args:
        weights: folder as train_mfr.py leaves it; None takes the bundled one.
        renderer: a network in the place of renderer.pt, as mfr.official.load gives it, or None.
        identity: the same for identity.pt; motion.pt must have been trained with it.
        reconstruction: the same for reconstruction.pt.
        finder: the same for finder.pt; False takes the middle of every picture.

    Returns:
        System.

    Raises:
        ValueError: a file is missing, damaged, or of another network, or motion.pt was trained
            with another identity net.
    """
    device = pick_device(device)
    given = {"renderer": renderer, "identity": identity, "reconstruction": reconstruction}
    needed = [stage for stage in STAGES if stage != "finder" and given.get(stage) is None]
    files = _files(Path(weights or WEIGHTS), needed)
    motion = _ours("motion", MotionModel, files, device)
    if identity is None:
        identity = load_identity(files["identity"], device)
    _check_identity(motion, identity.to(device), files["motion"], device)
    if reconstruction is None:
        reconstruction = _ours("reconstruction", ReconstructionNet, files, device)
    if renderer is None:
        renderer = _ours("renderer", Renderer, files, device)
    if finder is None:
        own = Path(weights or WEIGHTS) / "finder.pt"  # few folders have one
        finder = _ours("finder", FinderNet, {"finder": own if own.exists() else FINDER}, device)
    others = reconstruction.to(device), renderer.to(device)
    return System(motion, identity, *others, device, finder or None)


def _files(folder, needed):
    """stage -> weights file, of the folder or, where it has none, the bundled one."""
    if not folder.is_dir():
        raise ValueError(f"weights {folder}: no such folder; it should be what train_mfr.py left")
    files = {stage: folder / f"{stage}.pt" for stage in needed}
    absent = [stage for stage, path in files.items() if not path.exists()]
    if absent == needed:
        raise ValueError(
            f"weights {folder}: holds none of {', '.join(path.name for path in files.values())}"
        )
    if "motion" in absent and "identity" in needed and "identity" not in absent:
        raise ValueError(
            f"weights {folder}: has identity.pt and no motion.pt trained with it; "
            f"python train_mfr.py motion --data FOLDER --run {folder}"
        )
    if absent:
        names = ", ".join(files[stage].name for stage in absent)
        warnings.warn(f"{folder} has no {names}; bundled weights take their place", stacklevel=3)
    return files | {stage: WEIGHTS / f"{stage}.pt" for stage in absent}


def _ours(stage, build, files, device):
    """A network of ours with its weights."""
    content = checkpoint.load(files[stage], stage, device)
    network = build(content["config"]).to(device)
    checkpoint.restore(network, content["model"], files[stage])
    return network.eval()


@torch.no_grad()
def _check_identity(motion, V, path, device):
    """Refuse an identity net whose vectors are not as long as those the motion was trained with."""
    wanted = motion.config.identity_dim
    found = V(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE, device=device)).shape[1]
    if found == wanted:
        return
    kind = getattr(V, "kind", "")
    mend = f"name the one that it was trained with (--identity KIND=FILE), not {found}"
    if kind:
        mend = (
            f"{kind} gives {found}; train it for them: python train_mfr.py motion --identity "
            f"{kind}=FILE --data FOLDER --run DIR; then --weights DIR"
        )
    raise ValueError(f"{path}: takes identity vectors of {wanted} numbers; {mend}")
