r"""The three networks of baselines.py and their losses, in standard deviations."""

import torch
from torch import nn

from mfr.config import ATTITUDES, AUDIO_DIM, COEFFICIENT_DIM
from mfr.evaluation.methods.sequences import Stack, dropout
from mfr.face.coefficients import MOTION_ANGLE, MOTION_EXP, MOTION_TRANS

DRIVING = AUDIO_DIM + COEFFICIENT_DIM + len(ATTITUDES)
VALUES = ((MOTION_ANGLE, 1.0), (MOTION_EXP, 1.0), (MOTION_TRANS, 1.0))  # block, weight
SPIKES = ((MOTION_ANGLE, 1.0), (MOTION_EXP, 0.001), (MOTION_TRANS, 1.0))
PCHG_SKIPPED = 5  # first frames that PCHG's loss leaves out


class ViCo(nn.Module):
    r"""x_(t+1) = W LSTM(tanh(W LN[audio_t, speaker_t])), first state from the portrait.

    [52] as compared with in Sec. 4.2. Frame 0 is the portrait's own.
    """

    def __init__(self, config):
        super().__init__()
        self.normal_start = nn.LayerNorm(COEFFICIENT_DIM)
        self.normal_driving = nn.LayerNorm(DRIVING)
        states = 2 * config.layers * config.hidden
        self.start = nn.Sequential(
            nn.Linear(COEFFICIENT_DIM, COEFFICIENT_DIM),
            nn.Tanh(),
            nn.Linear(COEFFICIENT_DIM, states),
        )
        self.fuse = nn.Linear(DRIVING, config.inputs)
        self.stack = Stack(config.inputs, config.hidden, config.layers, config.dropout, bias=False)
        self.project = nn.Linear(config.hidden, COEFFICIENT_DIM)

    def forward(self, cond, generator):
        r"""The listener (B, L, 70), frame by frame."""
        states = self.start(self.normal_start(cond.reference))
        states = states.unflatten(1, (2, self.stack.layers, -1)).permute(1, 2, 0, 3)
        driving = torch.tanh(self.fuse(self.normal_driving(driving_of(cond))))  # (B, L, inputs)
        later = self.project(self.stack(driving, states, generator))
        return torch.cat([cond.reference[:, None], later[:, :-1]], 1)

    def loss(self, generated, real, mask):
        r"""mean |x - y| + mean |dx - dy|, |.| the norm over the coefficients of a block.

        Motion (B, L, 70), mask (B, L) bool.
        """
        values = sum(w * distance(generated, real, mask, block) for block, w in VALUES)
        return values + sum(w * spikes(generated, real, mask, block) for block, w in SPIKES)


class PCHG(nn.Module):
    r"""x_(t+1) = x_0 + W BiLSTM(BN(W [audio_t, speaker_t, x_0])).

    [16] as compared with in Sec. 4.2. Its released driver animates the speaker; this is the same
    driver with the listener's inputs.
    """

    def __init__(self, config):
        super().__init__()
        self.fuse = nn.Linear(DRIVING + COEFFICIENT_DIM, config.inputs)
        self.normal = nn.BatchNorm1d(config.inputs)
        self.stack = Stack(
            config.inputs, config.hidden, config.layers, config.dropout, bias=False, both_ways=True
        )
        self.project = nn.Linear(2 * config.hidden, COEFFICIENT_DIM)

    def forward(self, cond, generator):
        r"""The listener (B, L, 70) as a residual to the portrait."""
        first = cond.reference[:, None].expand_as(cond.speaker)
        fused = self.fuse(torch.cat([driving_of(cond), first], -1))  # (B, L, inputs)
        fused = self.normal(fused.flatten(0, 1)).view_as(fused)
        later = first + self.project(self.stack(fused, None, generator))
        return torch.cat([first[:, :1], later[:, :-1]], 1)

    def loss(self, generated, real, mask):
        r"""ViCo's terms for angle and exp, L1 twice for trans; the first 5 frames are free.

        Motion (B, L, 70) with L > 5, mask (B, L) bool.
        """
        generated, real, mask = (x[:, PCHG_SKIPPED:] for x in (generated, real, mask))
        values = sum(w * distance(generated, real, mask, block) for block, w in VALUES[:2])
        values = values + sum(w * spikes(generated, real, mask, block) for block, w in SPIKES[:2])
        return values + 2 * (generated - real)[..., MOTION_TRANS][mask].abs().mean()


class Regressor(nn.Module):
    r"""x = x_0 + W BiLSTM(W [audio, speaker, attitude, identity, x_0]), mean squared error.

    Table 4, "w/o DIFF": its "LSTM backbone for predicting noise" cannot have the printed diversity
    of a deterministic method, so it is read as a regressor of the motion itself. Like MFR-Net here,
    it counts from the portrait's coefficients x_0.
    """

    def __init__(self, config):
        super().__init__()
        inputs = DRIVING + COEFFICIENT_DIM + config.identity_dim
        self.fuse = nn.Linear(inputs, config.inputs)
        self.stack = Stack(
            config.inputs, config.hidden, config.layers, config.dropout, both_ways=True
        )
        self.project = nn.Linear(2 * config.hidden, COEFFICIENT_DIM)
        self.share = config.dropout

    def forward(self, cond, generator):
        r"""The listener (B, L, 70), all frames at once."""
        person = torch.cat([cond.reference, nn.functional.normalize(cond.identity, dim=1)], -1)
        person = person[:, None].expand(-1, cond.speaker.shape[1], -1)
        fused = torch.relu(self.fuse(torch.cat([driving_of(cond), person], -1)))
        fused = dropout(fused, self.share, generator if self.training else None)
        return cond.reference[:, None] + self.project(self.stack(fused, None, generator))

    def loss(self, generated, real, mask):
        r"""mean (x - y)^2 over real frames; motion (B, L, 70), mask (B, L) bool."""
        return (generated - real)[mask].square().mean()


NETWORKS = {"vico": ViCo, "pchg": PCHG, "lstm": Regressor}


def driving_of(cond):
    r"""[audio, speaker, attitude] of every frame, (B, L, 118)."""
    attitude = cond.attitude[:, None].expand(-1, cond.speaker.shape[1], -1)
    return torch.cat([cond.audio, cond.speaker, attitude], -1)


def distance(generated, real, mask, block):
    r"""mean over real frames of |x - y|, the Euclidean norm over a block's coefficients [52].

    Motion (B, L, 70), mask (B, L) bool; 0 where no frame is real.
    """
    gaps = torch.linalg.vector_norm((generated - real)[..., block], dim=-1)
    return (gaps * mask).sum() / mask.sum().clamp(min=1)


def spikes(generated, real, mask, block):
    r"""distance of the frame-to-frame differences: [52]'s "spiky" loss."""
    return distance(generated.diff(dim=1), real.diff(dim=1), mask[:, 1:], block)
