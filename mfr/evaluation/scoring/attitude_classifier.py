r"""Which attitude does a motion show? A small network taught by real training listeners.

It sees motion only, each clip from its portrait on, so that a face at rest gives nothing away. Its
share of right answers on generated motion says whether the attitude was expressed; real motion and
the oracle, judged by the same network, say how much could be.
"""

import torch
from torch import nn

from mfr.config import ATTITUDES, COEFFICIENT_DIM
from mfr.evaluation.methods.method import to_and_fro
from mfr.evaluation.methods.sequences import dropout, initialise

CROP = 120  # frames of a training example
KERNEL, STRIDE = 9, 3  # [frames] of both convolutions
STEPS, BATCH, RATE, DECAY = 300, 48, 2e-3, 0.05
SHARE = 0.3  # of the dropout before the last layer


class AttitudeNet(nn.Module):
    r"""softmax W [mean_l, max_l] of two convolutions over (x - x_portrait) / std.

    `std` (70,) is that of training listeners, `width` the channels.
    """

    def __init__(self, std, width=48):
        super().__init__()
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32))
        self.first = nn.Conv1d(COEFFICIENT_DIM, width, KERNEL, STRIDE, KERNEL // 2)
        self.second = nn.Conv1d(width, width, KERNEL, STRIDE, KERNEL // 2)
        self.last = nn.Linear(2 * width, len(ATTITUDES))

    def forward(self, motion, reference, generator=None):
        r"""Scores (B, 3), by ATTITUDES, of raw motion (B, L, 70) and portraits (B, 70)."""
        x = (motion - reference[:, None]) / self.std  # (B, L, 70)
        x = torch.relu(self.first(x.transpose(1, 2)))  # (B, width, L / 3)
        x = torch.relu(self.second(x))
        pooled = torch.cat([x.mean(2), x.amax(2)], 1)  # (B, 2 width)
        return self.last(dropout(pooled, SHARE, generator))


def train_classifier(clips, attitudes, std, seed=0, steps=STEPS):
    r"""An AttitudeNet taught with real motion, or None where fewer than two attitudes are known.

    Every attitude is drawn equally often; the crops move with every step.

    Args:
        clips: list of (L, 70) raw, training listeners.
        attitudes: their names.
    """
    known = [[i for i, name in enumerate(attitudes) if name == one] for one in ATTITUDES]
    present = [k for k, rows in enumerate(known) if rows]
    if len(present) < 2:
        return None
    generator = torch.Generator().manual_seed(seed)
    net = initialise(AttitudeNet(std), generator)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        rows, references, labels = [], [], []
        for label in [present[i % len(present)] for i in range(BATCH)]:
            chance = torch.rand(2, generator=generator).tolist()
            clip = clips[known[label][int(chance[0] * len(known[label]))]]
            start = int(chance[1] * max(1, len(clip) - CROP + 1))
            rows.append(to_and_fro(clip[start : start + CROP], CROP))
            references.append(clip[0])
            labels.append(label)
        scores = net(torch.stack(rows).float(), torch.stack(references).float(), generator)
        loss = nn.functional.cross_entropy(scores, torch.tensor(labels))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return net.eval()


@torch.no_grad()
def recognised(net, motion, reference, attitude):
    r"""(K,) of 0 and 1: whether the network names `attitude` for motion (K, L, 70).

    Args:
        reference: (70,) of the listener's portrait.
    """
    reference = torch.as_tensor(reference, dtype=torch.float32)
    scores = net(torch.as_tensor(motion, dtype=torch.float32), reference.expand(len(motion), 70))
    return (scores.argmax(1) == ATTITUDES.index(attitude)).float()
