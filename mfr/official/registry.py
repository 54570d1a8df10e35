r"""Every optional file: what it is for, where it comes from, and the network that loads it.

None of them is needed; none of them is shipped. Licences are the publishers' and are noted as far
as their pages tell; read them at the source before use.
"""

from dataclasses import dataclass

import torch

from mfr.official.deep3d import Deep3D
from mfr.official.hopenet import Hopenet
from mfr.official.identity_adapter import IdentityAdapter
from mfr.official.loading import fill
from mfr.official.pirenderer import PIRenderer
from mfr.official.pirenderer_adapter import PIRendererAdapter
from mfr.official.vgg import VGG19, VGGFace
from mfr.official.vggface2 import VGGFace2


@dataclass(frozen=True)
class Official:
    r"""One optional file."""

    build: type  # the network, made without arguments
    purpose: str
    file: str
    source: str
    licence: str
    entries: tuple = ()  # names of the state dict inside the file, the best first
    adapter: type = None  # gives the network the interface of its counterpart in mfr/
    part: str = ""  # whose place it can take: renderer | identity | reconstruction


REGISTRY = {
    "pirenderer": Official(
        PIRenderer,
        "the paper's renderer: sample_mfr.py --renderer pirenderer=FILE",
        "epoch_00190_iteration_000400000_checkpoint.pt, entry net_G_ema",
        "https://github.com/RenYurui/PIRender",
        "CC BY-NC 4.0: not for commercial use",
        ("net_G_ema", "net_G"),
        PIRendererAdapter,
        part="renderer",
    ),
    "deep3d": Official(
        Deep3D,
        "the paper's face reconstruction: sample_mfr.py --reconstruction deep3d=FILE",
        "epoch_20.pth, entry net_recon",
        "https://github.com/sicxu/Deep3DFaceRecon_pytorch",
        "MIT code; made with the Basel Face Model, which has its own terms and is not needed here",
        ("net_recon",),
        part="reconstruction",
    ),
    "vggface2": Official(
        VGGFace2,
        "the paper's identity vector, Eq. 6 and ID: sample_mfr.py --identity vggface2=FILE",
        "resnet50_ft, converted to a state dict",
        "https://github.com/ox-vgg/vgg_face2 and https://github.com/cydonia999/VGGFace2-pytorch",
        "the Visual Geometry Group's terms for VGGFace2",
        adapter=IdentityAdapter,
        part="identity",
    ),
    "vggface": Official(
        VGGFace,
        "another identity vector: sample_mfr.py --identity vggface=FILE",
        "vgg_face_dag.pth",
        "https://www.robots.ox.ac.uk/~albanie/pytorch-models.html",
        "the Visual Geometry Group's terms for VGG-Face",
        adapter=IdentityAdapter,
        part="identity",
    ),
    "vgg19": Official(
        VGG19,
        "perceptual and style terms: train_mfr.py renderer --vgg19 FILE",
        "vgg19-dcbb9e9d.pth",
        "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        "BSD 3-Clause code; weights made from ImageNet, which has its own terms",
    ),
    "hopenet": Official(
        Hopenet,
        "head pose in degrees, to judge rendered video",
        "hopenet_robust_alpha1.pkl",
        "https://github.com/natanielruiz/deep-head-pose",
        "Apache 2.0",
    ),
}


def _entry(kind):
    """The registry's row, or an error that lists the kinds."""
    if kind not in REGISTRY:
        raise ValueError(f"kind {kind!r} is unknown; allowed: {', '.join(REGISTRY)}")
    return REGISTRY[kind]


def expected(kind):
    r"""What a file must hold: name -> shape, in the network's order."""
    entry = _entry(kind)
    with torch.device("meta"):
        state = entry.build().state_dict()
    return {name: tuple(value.shape) for name, value in state.items()}


def load(kind, path):
    r"""A network with a user's published weights, ready to stand in for ours: CPU, frozen, eval.

    A renderer has `encode` and `forward` of mfr.render.renderer.Renderer; a reconstruction and an
    identity network map frames (B, 3, 256, 256) to (B, 257) or vectors of length 1. Raises
    ValueError where the file is missing, unsafe, damaged or of another network.
    """
    entry = _entry(kind)
    network = fill(entry.build, path, entry.entries)
    module = entry.adapter(network) if entry.adapter else network
    module.kind = kind
    return module


def choose(part, text):
    r"""The network that "KIND=FILE" of option --`part` puts in the place of ours, or None.

    Raises:
        ValueError: it is not KIND=FILE, the kind cannot stand there, or `load` refuses the file.
    """
    if text is None:
        return None
    kind, _, path = text.partition("=")
    kinds = [name for name, entry in REGISTRY.items() if entry.part == part]
    if kind not in kinds or not path:
        allowed = " or ".join(f"{name}=FILE" for name in kinds)
        raise ValueError(f"--{part} is {text!r}; allowed: {allowed} (see python -m mfr.official)")
    return load(kind, path)
