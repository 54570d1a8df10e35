r"""A predictor of one's own, as small as it can be: each frame on its own (chapter 15).

python train_mfr.py motion --network tutorials/own_network.py:PerFrame
"""

import torch
from torch import nn


class PerFrame(nn.Module):
    r"""Two linear maps on what stands in one frame; who listens is not read."""

    def __init__(self, config):
        super().__init__()
        self.past = config.past
        self.net = nn.Sequential(nn.Linear(70 + 115 + 3 + 1, 64), nn.SiLU(), nn.Linear(64, 70))

    def prepare(self, cond, generator=None):
        r"""What depends neither on x_t nor on t: (B, L, 118)."""
        heard = torch.cat([cond.audio, cond.speaker], -1)[:, self.past :]
        attitude = cond.attitude[:, None].expand(-1, heard.shape[1], -1)
        return torch.cat([heard, attitude], -1)

    def forward(self, x_t, t, cond):
        r"""(B K, L, 70), (B K,), a Condition of B clips or what prepare made of it -> noise."""
        told = cond if torch.is_tensor(cond) else self.prepare(cond)
        told = told.repeat_interleave(len(x_t) // len(told), 0)  # K samples of each clip
        level = t.log().view(-1, 1, 1).expand(*x_t.shape[:2], 1)
        return self.net(torch.cat([x_t, told.to(x_t), level.to(x_t)], -1))
