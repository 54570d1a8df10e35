r"""Attention: one function for Eq. 5, and the heads on top of it (Sec. 3.2)."""

import math

import torch
from torch import nn


def attention(q, k, v, mask=None):
    r"""Softmax(q k^T / sqrt(C)) v, softmax over the keys.

    Paper: Eq. (5), after the projections. C is the width of what is compared: the width of a
    head when there are several. q (..., Lq, C), k (..., Lk, C), v (..., Lk, Cv) -> (..., Lq, Cv).
    The mask, bool, broadcastable to (..., Lq, Lk), is True where a query may see a key; a query
    that may see none gets zeros.

    Raises:
        ValueError: the shapes do not fit, or the mask is not bool.
    """
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        shapes = f"q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
        raise ValueError(f"{shapes}; allowed: (..., Lq, C), (..., Lk, C), (..., Lk, Cv)")
    scores = q / math.sqrt(q.shape[-1]) @ k.transpose(-2, -1)  # (..., Lq, Lk)
    if mask is None:
        return scores.softmax(-1) @ v
    if mask.dtype != torch.bool:
        raise ValueError(f"mask is {mask.dtype}; allowed: bool, True where a key may be seen")
    # the smallest number, not -inf: a row without keys stays finite, then becomes zero
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(-1).masked_fill(~mask, 0) @ v


class MultiHeadAttention(nn.Module):
    r"""Eq. (5) in H heads of width C / H, side by side, then W_o.

    Paper: Sec. 3.2, Sec. 4.1.3 (8 heads).

    Raises:
        ValueError: the width C is no multiple of the heads H.
    """

    def __init__(self, width, heads):
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"width {width} with heads {heads}; allowed: a multiple of heads >= 1")
        self.heads = heads
        self.W_q = nn.Linear(width, width)
        self.W_k = nn.Linear(width, width)
        self.W_v = nn.Linear(width, width)
        self.W_o = nn.Linear(width, width)

    def keys_values(self, tokens):
        r"""K W_k and V W_v, split into heads: (B, Lk, C) -> twice (B, H, Lk, C/H).

        Worth keeping when the tokens do not change.
        """
        return self._split(self.W_k(tokens)), self._split(self.W_v(tokens))

    def forward(self, queries, keys_values, mask=None):
        r"""Attend from queries (B, Lq, C) to keys and values: (B, Lq, C).

        keys_values: tokens (B, Lk, C), or the pair that keys_values returned. The mask is bool,
        broadcastable to (B, Lq, Lk), True where a query may see a key.
        """
        k, v = keys_values if isinstance(keys_values, tuple) else self.keys_values(keys_values)
        q = self._split(self.W_q(queries))  # (B, H, Lq, C/H)
        out = attention(q, k, v, None if mask is None else mask[:, None])  # (B, H, Lq, C/H)
        return self.W_o(out.transpose(1, 2).flatten(2))  # (B, Lq, C)

    def _split(self, x):
        """(B, L, C) -> (B, H, L, C/H); head h owns features h C/H .. (h + 1) C/H."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
