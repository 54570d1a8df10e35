r"""The deterministic systems that the paper compares with, and its ablation without diffusion.

vico   ViCo's sequential decoder [52]: an LSTM whose first state comes from the portrait's
       coefficients; distances of values and of frame-to-frame differences ("spiky") as losses.
pchg   PCHG's regularised driver [16]: a bidirectional LSTM that sees the portrait at every frame
       and predicts the residual to it, with batch normalisation and dropout.
lstm   Table 4's "w/o DIFF": all inputs of MFR-Net, concatenated, regressed by an LSTM.

All three live in standard deviations inside and speak raw units outside, as MotionModel does;
training.py trains them.
"""

from dataclasses import asdict, dataclass

import torch
from torch import nn

from mfr.config import AUDIO_DIM, COEFFICIENT_DIM
from mfr.evaluation.methods.recurrent import NETWORKS
from mfr.face.coefficients import Statistics
from mfr.files.whole import existing
from mfr.training import checkpoint

FORMAT = "mfr-net baseline 1"


@dataclass(frozen=True)
class BaselineConfig:
    r"""One of the systems and how it is trained."""

    kind: str = "vico"  # vico | pchg | lstm
    attitude: bool = True  # False: as in the released code of vico and pchg, which ignore it
    hidden: int = 96  # features of an LSTM direction
    layers: int = 2
    inputs: int = 192  # features that enter the LSTM
    dropout: float = 0.1  # between LSTM layers
    identity_dim: int = 128  # length of V(I_l); lstm alone uses it
    window: int = 90  # frames of a training sequence
    steps: int = 1600  # a few hundred clips are known by heart soon after
    batch_size: int = 16  # windows
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    grad_clip: float = 1.0
    seed: int = 0


DEFAULTS = {
    "vico": BaselineConfig(steps=4000),  # absolute values, hidden in a state: slow to learn
    "pchg": BaselineConfig(kind="pchg", layers=4),
    "lstm": BaselineConfig(
        kind="lstm", hidden=128, window=40, batch_size=32, learning_rate=1e-3, steps=600
    ),
}


class Baseline(nn.Module):
    r"""One of the networks in standard deviations, spoken to in raw units.

    The three share all that is not their idea, so that a table compares ideas.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.network = NETWORKS[config.kind](config)
        self.listener = Statistics(torch.zeros(COEFFICIENT_DIM), torch.ones(COEFFICIENT_DIM))
        self.speaker = Statistics(torch.zeros(COEFFICIENT_DIM), torch.ones(COEFFICIENT_DIM))
        self.audio = Statistics(torch.zeros(AUDIO_DIM), torch.ones(AUDIO_DIM))

    def standardised(self, cond):
        r"""A raw Condition in standard deviations, without attitude where the config says so."""
        return cond._replace(
            audio=self.audio.normalise(cond.audio),
            speaker=self.speaker.normalise(cond.speaker),
            reference=self.listener.normalise(cond.reference),
            attitude=cond.attitude * self.config.attitude,
        )

    def loss(self, listener, cond, generator):
        r"""The network's own loss on raw motion (B, L, 70) and its raw Condition, a scalar.

        ViCo's and PCHG's data begins at the frame that is given, so that is their reference.
        """
        if self.config.kind != "lstm":  # their data begins at the frame that is given
            cond = cond._replace(reference=listener[:, 0])
        real, cond = self.listener.normalise(listener), self.standardised(cond)
        return self.network.loss(self.network(cond, generator), real, cond.mask)

    @torch.no_grad()
    def respond(self, cond, samples, generator=None):
        r"""The one response, `samples` times: (K, L, 70) raw, from a raw Condition of one clip."""
        response = self.listener.denormalise(self.network(self.standardised(cond), None))
        return response.expand(samples, -1, -1)


def save(path, baseline, **more):
    r"""Write a baseline whole or not at all; `more` are further tensors and numbers."""
    content = {
        "format": FORMAT,
        "config": asdict(baseline.config),
        "model": baseline.state_dict(),
        **more,
    }
    checkpoint.write(path, content)


def load(path, device="cpu"):
    r"""(Baseline in evaluation mode, dict of the file's content).

    Raises:
        ValueError: no such file, not a baseline, or a config that this version does not know.
    """
    path = existing(path, "baseline")
    content = checkpoint.open_format(path, "baseline", FORMAT, device)
    try:
        baseline = Baseline(BaselineConfig(**content["config"])).to(device)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path}: its config does not fit this version ({error})") from error
    checkpoint.restore(baseline, content["model"], path)
    return baseline.eval(), content
