r"""Eq. 5 and its heads against other ways to compute them.

Oracles: three nested loops in float64; numbers worked by hand; torch.nn.MultiheadAttention with
copied weights; finite differences (gradcheck); properties (a hidden key is as if it were absent,
the order of keys means nothing).
"""

import math

import pytest
import torch
from torch.autograd import gradcheck

from mfr.motion.attention import MultiHeadAttention, attention
from tutorials.exercise.attention import set_maps

EXACT = {"rtol": 1e-9, "atol": 1e-12}
B, H, LQ, LK, C, CV = 2, 3, 5, 7, 11, 13


def draw(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def qkv(*lead):
    return draw(0, *lead, LQ, C), draw(1, *lead, LK, C), draw(2, *lead, LK, CV)


def some_mask():
    mask = torch.ones(LQ, LK, dtype=torch.bool)
    mask[1, 4:] = mask[2, :3] = mask[3, 1:] = False
    return mask


def by_loops(q, k, v, mask=None):
    r"""softmax(q k^T / sqrt(C)) v, one number at a time, for two-dimensional q, k, v."""
    out = torch.zeros(len(q), v.shape[1], dtype=q.dtype)
    for i in range(len(q)):
        weights = []
        for j in range(len(k)):
            score = sum(q[i, c].item() * k[j, c].item() for c in range(q.shape[1]))
            seen = mask is None or bool(mask[i, j])
            weights.append(math.exp(score / math.sqrt(q.shape[1])) if seen else 0.0)
        for j, weight in enumerate(weights):
            for c in range(v.shape[1]):
                out[i, c] += weight / sum(weights) * v[j, c]
    return out


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.equation("attention")
def test_eq5_matches_nested_loops(masked):
    q, k, v = qkv()
    mask = some_mask() if masked else None
    torch.testing.assert_close(attention(q, k, v, mask), by_loops(q, k, v, mask), **EXACT)


@pytest.mark.equation("attention")
def test_eq5_by_hand():
    # C = 4, so the scores are halved: softmax(log 3, 0) = (3/4, 1/4)
    q = torch.tensor([[2 * math.log(3), 0.0, 0, 0]], dtype=torch.float64)
    k = torch.eye(4, dtype=torch.float64)[:2]
    v = torch.tensor([[8.0], [4.0]], dtype=torch.float64)
    torch.testing.assert_close(attention(q, k, v), torch.tensor([[7.0]]).double(), **EXACT)


@pytest.mark.equation("attention")
def test_eq5_batch_and_heads_do_not_mix():
    q, k, v = qkv(B, H)
    mask = draw(3, B, 1, LQ, LK) > -0.5
    mask[..., 0] = True
    found = attention(q, k, v, mask)  # (B, H, LQ, CV)
    for b in range(B):
        for h in range(H):
            expected = by_loops(q[b, h], k[b, h], v[b, h], mask[b, 0])
            torch.testing.assert_close(found[b, h], expected, **EXACT)


@pytest.mark.equation("attention")
def test_eq5_weights_are_positive_and_sum_to_one():
    q, k, _ = qkv()
    weights = attention(q, k, torch.eye(LK, dtype=torch.float64), some_mask())
    torch.testing.assert_close(weights.sum(-1), torch.ones(LQ).double(), **EXACT)
    assert ((weights > 0) == some_mask()).all()


@pytest.mark.equation("attention")
def test_eq5_hidden_key_is_as_if_absent():
    q, k, v = qkv()
    mask = torch.arange(LK) < 4
    k[4:], v[4:] = 1e6, -1e6
    torch.testing.assert_close(attention(q, k, v, mask), attention(q, k[:4], v[:4]), **EXACT)


@pytest.mark.equation("attention")
def test_eq5_order_of_keys_means_nothing():
    q, k, v = qkv()
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    torch.testing.assert_close(attention(q, k[order], v[order]), attention(q, k, v), **EXACT)


@pytest.mark.equation("attention")
def test_eq5_query_without_keys_gets_zeros_and_finite_gradients():
    q, k, v = (x.requires_grad_() for x in qkv())
    mask = some_mask()
    mask[4] = False
    out = attention(q, k, v, mask)
    assert (out[4] == 0).all() and out.isfinite().all()
    torch.testing.assert_close(out[:4], by_loops(q, k, v, some_mask())[:4], **EXACT)
    out.sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v)) and (q.grad[4] == 0).all()


@pytest.mark.equation("attention")
def test_eq5_large_scores_do_not_overflow():
    q, k, v = (1e4 * x.float() for x in qkv())
    assert attention(q, k, v, some_mask()).isfinite().all()


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.equation("attention")
def test_eq5_gradients(masked):
    mask = some_mask() if masked else None
    if masked:
        mask[4] = False
    inputs = [x.requires_grad_() for x in qkv()]
    assert gradcheck(lambda q, k, v: attention(q, k, v, mask), inputs)


# ---- heads ----


def heads_and_peer(width=6, heads=3):
    r"""MultiHeadAttention and torch's, with the same random weights."""
    weights, biases = draw(10, 4, width, width), draw(11, 4, width)  # of W_q, W_k, W_v, W_o
    ours = MultiHeadAttention(width, heads).double()
    set_maps(ours, weights, biases)
    peer = torch.nn.MultiheadAttention(width, heads, batch_first=True).double()
    peer.in_proj_weight.data, peer.in_proj_bias.data = weights[:3].flatten(0, 1), biases[:3].ravel()
    peer.out_proj.weight.data, peer.out_proj.bias.data = weights[3], biases[3]
    return ours, peer


@pytest.mark.parametrize("heads", [1, 2, 3, 6])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.equation("MultiHeadAttention")
def test_heads_are_those_of_torch_with_the_same_weights(heads, masked):
    ours, peer = heads_and_peer(6, heads)
    queries, tokens = draw(0, B, LQ, 6), draw(1, B, LK, 6)
    seen = torch.tensor([[True] * LK, [True] * 4 + [False] * 3]) if masked else None
    expected, _ = peer(queries, tokens, tokens, key_padding_mask=None if seen is None else ~seen)
    found = ours(queries, tokens, None if seen is None else seen[:, None])
    torch.testing.assert_close(found, expected, **EXACT)


@pytest.mark.equation("MultiHeadAttention")
def test_each_query_may_have_its_own_mask():
    ours, peer = heads_and_peer()
    queries, tokens, mask = draw(0, 1, LQ, 6), draw(1, 1, LK, 6), some_mask()
    expected, _ = peer(queries, tokens, tokens, attn_mask=~mask)
    torch.testing.assert_close(ours(queries, tokens, mask[None]), expected, **EXACT)


def test_kept_keys_and_values_give_the_same():
    ours, _ = heads_and_peer()
    queries, tokens = draw(0, B, LQ, 6), draw(1, B, LK, 6)
    kept = ours.keys_values(tokens)
    assert kept[0].shape == kept[1].shape == (B, 3, LK, 2)
    torch.testing.assert_close(ours(queries, kept), ours(queries, tokens), rtol=0, atol=0)


def test_head_owns_neighbouring_features():
    ours, _ = heads_and_peer()
    tokens = draw(1, B, LK, 6)
    k = ours.W_k(tokens)
    for head in range(3):
        torch.testing.assert_close(
            ours.keys_values(tokens)[0][:, head], k[..., 2 * head : 2 * head + 2], rtol=0, atol=0
        )


@pytest.mark.equation("MultiHeadAttention")
def test_heads_gradients():
    ours, _ = heads_and_peer()
    inputs = [draw(0, 2, 3, 6).requires_grad_(), draw(1, 2, 5, 6).requires_grad_()]
    assert gradcheck(ours, inputs)


# ---- errors ----

ERRORS = [
    (lambda: attention(draw(0, 5, 3), draw(1, 7, 2), draw(2, 7, 2)), r"q \(5, 3\), k \(7, 2\)"),
    (lambda: attention(draw(0, 5, 3), draw(1, 7, 3), draw(2, 6, 2)), r"k \(7, 3\), v \(6, 2\)"),
    (
        lambda: attention(*qkv(), mask=torch.ones(LQ, LK)),
        "mask is torch.float32; allowed: bool",
    ),
    (lambda: MultiHeadAttention(7, 2), "width 7 with heads 2; allowed: a multiple of heads"),
    (lambda: MultiHeadAttention(7, 0), "width 7 with heads 0"),
]


@pytest.mark.parametrize("call, message", ERRORS)
def test_errors_name_the_argument_the_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()
