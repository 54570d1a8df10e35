r"""Chapters 6 and 7: Eq. 5, its heads, positions, the identity's modulation."""

import math
from functools import partial

import torch
from torch import nn

from mfr.config import MotionConfig
from tutorials.exercise.judge import Case, Exercise, Slip
from tutorials.toys import condition, draw

# ---- Eq. 5 ----

QUERY = torch.tensor([[2 * math.log(3), 0.0, 0, 0]], dtype=torch.float64)
KEYS = torch.eye(4, dtype=torch.float64)[:2]
VALUES = torch.tensor([[8.0], [4.0]], dtype=torch.float64)
THE = "q = (2 log 3, 0, 0, 0), k = the first two rows of the identity, v = 8 and 4"


def attend(q, k, v, mask=None, scale="root", axis=-1, masking="right", soft=True):
    r"""Eq. 5, right or with a slip."""
    C = q.shape[-1]
    scores = q @ k.transpose(-2, -1)
    scores = (
        scores / {"root": math.sqrt(C), "none": 1, "width": C, "keys": k.shape[-2] ** 0.5}[scale]
    )
    if mask is not None and masking == "inverted":
        mask = ~mask
    if mask is not None and masking in ("right", "inverted", "nan"):
        lowest = -math.inf if masking == "nan" else torch.finfo(scores.dtype).min
        scores = scores.masked_fill(~mask, lowest)
    if mask is not None and masking == "zero scores":
        scores = scores * mask
    if masking == "bare exp":
        weights = scores.exp() if mask is None else scores.exp() * mask
        return weights / weights.sum(-1, keepdim=True).clamp(min=1e-300) @ v
    if masking == "hidden maximum":
        weights = (scores - scores.amax(-1, keepdim=True)).exp()
        weights = weights if mask is None else weights * mask
        return weights / weights.sum(-1, keepdim=True).clamp(min=1e-300) @ v
    weights = scores.softmax(axis) if soft else scores
    if mask is not None and masking in ("right", "inverted", "after"):
        weights = weights.masked_fill(~mask, 0)
    return weights @ v


def masked(*seen):
    return lambda attention: attention(QUERY, KEYS, VALUES, torch.tensor([seen]))


ATTENTION = Exercise(
    "attention",
    "mfr.motion.attention:attention",
    "06_attention.md#equation-5",
    "tests/motion/test_attention.py",
    "",
    [
        Case(
            THE,
            lambda attention: attention(QUERY, KEYS, VALUES),
            [[7.0]],
            "scores (2 log 3, 0)/sqrt(4) = (log 3, 0), softmax (3/4, 1/4), 3/4 8 + 1/4 4",
        ),
        Case(
            "the same twice, as two queries",
            lambda a: a(QUERY.repeat(2, 1), KEYS, VALUES),
            [[7.0], [7.0]],
            "each query by itself",
        ),
        Case(
            "the same with mask (True, False)",
            masked(True, False),
            [[8.0]],
            "only the first key may be seen, so its weight is 1",
        ),
        Case(
            "the same with mask (False, False)",
            masked(False, False),
            [[0.0]],
            "a query that may see no key gets zeros",
        ),
        Case(
            "the same, both keys 1000 times as long",
            lambda attention: attention(QUERY, 1000 * KEYS, VALUES),
            [[8.0]],
            "scores 1099 and 0: exp(1099) is too large for a number, a softmax subtracts first",
        ),
        Case(
            "the same with mask (False, True)",
            lambda attention: attention(QUERY, 1000 * KEYS, VALUES, torch.tensor([[False, True]])),
            [[4.0]],
            "the hidden key's huge score must not matter",
        ),
        Case(
            "with 2 x 3 in front of every shape",
            lambda a: torch.as_tensor(
                a(*(x.expand(2, 3, *x.shape) for x in (QUERY, KEYS, VALUES)))
            ),
            torch.full((2, 3, 1, 1), 7.0),
            "leading axes stay apart",
        ),
    ],
    [
        Slip("the scores are not divided by sqrt(C)", partial(attend, scale="none")),
        Slip(
            "the scores are divided by C and not by its square root", partial(attend, scale="width")
        ),
        Slip(
            "the scores are divided by the root of the number of keys, not of the features",
            partial(attend, scale="keys"),
        ),
        Slip(
            "the softmax runs over the queries (axis -2) and not over the keys (axis -1)",
            partial(attend, axis=-2),
        ),
        Slip("the softmax is missing", partial(attend, soft=False)),
        Slip("the mask is not looked at", partial(attend, masking="none")),
        Slip(
            "the mask is read the other way round: here True means a key may be seen",
            partial(attend, masking="inverted"),
        ),
        Slip(
            "hidden keys get the score 0, which still has the weight exp(0)",
            partial(attend, masking="zero scores"),
        ),
        Slip(
            "hidden keys are set to 0 after the softmax, and the others no longer sum to 1",
            partial(attend, masking="after"),
        ),
        Slip(
            "exp is taken without subtracting the largest score first: it overflows",
            partial(attend, masking="bare exp"),
        ),
        Slip(
            "the largest score is looked for among hidden keys too",
            partial(attend, masking="hidden maximum"),
        ),
        Slip(
            "hidden keys get -inf: a row of nothing but -inf becomes nan",
            partial(attend, masking="nan"),
        ),
    ],
)


# ---- heads ----


def set_maps(module, weights, biases):
    r"""Give an attention's four linear maps W_q, W_k, W_v, W_o these (4, C, C) and (4, C).

    They are taken in the order in which the module made them; one map of C to 3 C counts as q, k
    and v above each other.

    Raises:
        ValueError: the module's linear maps are others.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    C = weights.shape[-1]
    found = [tuple(layer.weight.shape) for layer in layers]
    if found == [(3 * C, C), (C, C)]:
        parts = [(layers[0], slice(0, 3)), (layers[1], slice(3, 4))]
    elif found == [(C, C)] * 4:
        parts = [(layer, slice(n, n + 1)) for n, layer in enumerate(layers)]
    else:
        raise ValueError(f"linear maps {found}; expected four ({C}, {C}): W_q, W_k, W_v, W_o")
    for layer, which in parts:
        layer.weight.data = weights[which].flatten(0, 1).to(layer.weight).clone()
        if layer.bias is None:
            raise ValueError("a linear map has no bias; expected one in each of the four")
        layer.bias.data = biases[which].flatten().to(layer.bias).clone()


class Heads(nn.Module):
    r"""Several heads, right or with a slip."""

    def __init__(self, width, heads, neighbours=True, own_scale=True, out=True, merged=True):
        super().__init__()
        self.heads, self.neighbours, self.own_scale = heads, neighbours, own_scale
        self.out, self.merged = out, merged
        self.maps = nn.ModuleList(nn.Linear(width, width) for _ in range(4))

    def split(self, x):
        if not self.neighbours:
            return x.unflatten(-1, (-1, self.heads)).permute(0, 3, 1, 2)
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, queries, keys_values, mask=None):
        q = self.split(self.maps[0](queries))
        k, v = (self.split(layer(keys_values)) for layer in self.maps[1:3])
        if not self.own_scale:
            q = q / math.sqrt(self.heads)
        x = attend(q, k, v, None if mask is None else mask[:, None])
        if not self.neighbours:
            x = x.permute(0, 2, 3, 1).flatten(2)
        elif self.merged:
            x = x.transpose(1, 2).flatten(2)
        else:
            x = x.reshape(queries.shape)  # heads and tokens are mixed up
        return self.maps[3](x) if self.out else x


def heads_case(words, heads, why, **options):
    r"""Four features, maps drawn at random; the answer by one head after the other."""
    weights, biases = draw(0, 4, 4, 4), draw(1, 4, 4)
    queries, tokens = draw(2, 1, 2, 4), draw(3, 1, 3, 4)
    q, k, v = (x[0] @ w.T + b for x, w, b in zip((queries, tokens, tokens), weights, biases))
    size = 4 // heads
    parts = [slice(h * size, (h + 1) * size) for h in range(heads)]
    mixed = torch.cat([attend(q[:, part], k[:, part], v[:, part]) for part in parts], -1)
    answer = (mixed @ weights[3].T + biases[3])[None]

    def ask(cls):
        module = cls(4, heads).double()
        set_maps(module, weights, biases)
        return module(queries, tokens)

    return Case(words, ask, answer, why)


HEADS = Exercise(
    "MultiHeadAttention",
    "mfr.motion.attention:MultiHeadAttention",
    "06_attention.md#heads",
    "tests/motion/test_attention.py",
    "Make its four linear maps, with biases, in the order W_q, W_k, W_v, W_o (or one map to 3 C in "
    "front of W_o), under any name: the tests set them in that order. Of the methods only "
    "__init__ and forward are asked for, and keys_values may always be tokens.",
    [
        heads_case(
            "MultiHeadAttention(4, 1), maps drawn at random",
            1,
            "Eq. 5 of the projected tokens, then W_o",
        ),
        heads_case(
            "MultiHeadAttention(4, 2), maps drawn at random",
            2,
            "head h owns the features 2 h and 2 h + 1; its width is 2, so sqrt(2)",
        ),
    ],
    [
        Slip("neighbouring features go to different heads", partial(Heads, neighbours=False)),
        Slip(
            "the scores are divided by sqrt(C) of the whole width, not of a head's",
            partial(Heads, own_scale=False),
        ),
        Slip("the last map W_o is missing", partial(Heads, out=False)),
        Slip(
            "heads are put side by side without turning head and token back first",
            partial(Heads, merged=False),
        ),
    ],
)


# ---- chapter 7 ----


def clocks(positions, width, dtype, interleaved=False, exponent=2, last=0, cosine_first=False):
    rates = torch.arange(width // 2).double() * exponent / 2 / (width // 2 - last)
    angles = positions[:, None].double() * 10000**-rates
    pair = [angles.cos(), angles.sin()] if cosine_first else [angles.sin(), angles.cos()]
    if interleaved:
        return torch.stack(pair, -1).flatten(-2).to(dtype)
    return torch.cat(pair, -1).to(dtype)


SINUSOID = Exercise(
    "sinusoid",
    "mfr.motion.tokens:sinusoid",
    "06_attention.md#what-attention-sees",
    "tests/motion/test_tokens.py",
    "",
    [
        Case(
            "position 0, width 4",
            lambda f: f(torch.tensor([0]), 4, torch.float64),
            [[0.0, 0, 1, 1]],
            "sine of 0 twice, then cosine of 0 twice",
        ),
        Case(
            "position 1, width 4",
            lambda f: f(torch.tensor([1]), 4, torch.float64),
            [[math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)]],
            "w_0 = 1, w_1 = 10000^(-1/2) = 0.01",
        ),
    ],
    [
        Slip("sines and cosines take turns", partial(clocks, interleaved=True)),
        Slip("the exponent is i/C and not i/(C/2)", partial(clocks, exponent=1)),
        Slip("the exponent is i/(C/2 - 1)", partial(clocks, last=1)),
        Slip("the cosines come first", partial(clocks, cosine_first=True)),
    ],
)


class Modulate(nn.Module):
    r"""LN(x) (1 + gamma) + beta, right or with a slip."""

    def __init__(self, width, one=1, ddof=0, swapped=False, late=False, normed=True):
        super().__init__()
        self.slips = one, ddof, swapped, late, normed
        self.maps = nn.Linear(width, 2 * width)
        nn.init.zeros_(self.maps.weight)
        nn.init.zeros_(self.maps.bias)

    def forward(self, x, modulation):
        one, ddof, swapped, late, normed = self.slips
        gamma, beta = self.maps(modulation)[:, None].chunk(2, -1)
        if swapped:
            gamma, beta = beta, gamma
        if normed:
            spread = (x.var(-1, correction=ddof, keepdim=True) + 1e-5).sqrt()
            x = (x - x.mean(-1, keepdim=True)) / spread
        return (x + beta) * (one + gamma) if late else x * (one + gamma) + beta


def modulated(bias):
    def ask(cls):
        module = cls(4).double()
        layer = next(m for m in module.modules() if isinstance(m, nn.Linear))
        if bias is not None:
            layer.bias.data = torch.tensor(bias, dtype=torch.float64)
        return module(torch.tensor([[[1.0, 2, 3, 6]]]).double(), torch.ones(1, 4).double())[0, 0]

    return ask


NORMAL = [(x - 3) / math.sqrt(3.5 + 1e-5) for x in (1, 2, 3, 6)]
MODULATION = Exercise(
    "IdentityModulation",
    "mfr.motion.fam:IdentityModulation",
    "07_feature_aggregation.md#identity-modulation",
    "tests/motion/test_fam.py",
    "One nn.Linear(width, 2 width), zero at the start, makes gamma and then beta.",
    [
        Case(
            "the token (1, 2, 3, 6), nothing learnt yet",
            modulated(None),
            NORMAL,
            "mean 3, variance 14/4 = 3.5; the linear map is zero at the start: a plain LayerNorm",
        ),
        Case(
            "the same, gamma = (1, 0, 0, -1), beta = (0.5, 0, 0.5, 0)",
            modulated([1.0, 0, 0, -1, 0.5, 0, 0.5, 0]),
            [NORMAL[0] * 2 + 0.5, NORMAL[1], NORMAL[2] + 0.5, 0.0],
            "times 1 + gamma, then plus beta",
        ),
    ],
    [
        Slip("the variance is divided by C - 1 and not by C", partial(Modulate, ddof=1)),
        Slip("it is multiplied by gamma and not by 1 + gamma", partial(Modulate, one=0)),
        Slip("gamma and beta have changed places", partial(Modulate, swapped=True)),
        Slip("it is shifted first and scaled afterwards", partial(Modulate, late=True)),
        Slip("the token is not normalised", partial(Modulate, normed=False)),
    ],
)

OWN = '''# Train it by
#     python train_mfr.py motion --network my_noise_predictor.py:noise_predictor --data data/small

import torch
from torch import nn


class noise_predictor(nn.Module):
    r"""Any network of your own that predicts the noise, built from a MotionConfig.

    config.width, config.layers ... are yours to use or not. The speaker has P = config.past frames
    more than the window: frame i of x_t stands beside frame P + i of cond.audio and cond.speaker.
    """

    def __init__(self, config):
        raise NotImplementedError

    def prepare(self, cond, generator=None):
        r"""Whatever depends neither on x_t nor on t, worked out once; forward gets it as cond."""
        raise NotImplementedError

    def forward(self, x_t, t, cond):
        r"""The noise in x_t.

        Args:
            x_t: (B K, L, 70); row b K + k is sample k of clip b.
            t: (B K,) int64 in 1..T, the same for the samples of a clip.
            cond: a Condition of B clips, or what prepare made of it.

        Returns:
            (B K, L, 70).
        """
        raise NotImplementedError
'''


def small_predictor(cls):
    config = MotionConfig(
        width=4, heads=2, layers=1, feedforward=8, identity_dim=8, context=3, past=2
    )
    return cls(config).double()


def predicted(cls, K=1):
    x_t, t = draw(5, 2 * K, 3, 70), torch.tensor([3, 41]).repeat_interleave(K)
    return [*small_predictor(cls)(x_t, t, condition(2, 5)).shape]


def from_prepared(cls):
    predictor, cond = small_predictor(cls), condition(2, 5)
    x_t, t = draw(5, 2, 3, 70), torch.tensor([3, 41])
    return predictor(x_t, t, predictor.prepare(cond)) - predictor(x_t, t, cond)


PREDICTOR = Exercise(
    "noise_predictor",
    "mfr.motion.model:noise_predictor",
    "07_feature_aggregation.md#the-whole-module",
    "tests/motion/test_predictor.py",
    "",
    [
        Case(
            "2 clips, a past of 2 frames and 3 to predict",
            predicted,
            [2, 3, 70],
            "noise for every number of x_t; cond has 2 frames more",
        ),
        Case(
            "the same, cond first handed to prepare",
            from_prepared,
            torch.zeros(2, 3, 70),
            "prepared or not, the noise is the same (shown: the difference)",
        ),
        Case(
            "2 clips, 3 samples of each",
            lambda cls: predicted(cls, 3),
            [6, 3, 70],
            "row b 3 + k of x_t is sample k of clip b: cond has 2 rows, x_t has 6",
        ),
    ],
    [],
    OWN,
)

EXERCISES = [ATTENTION, HEADS, SINUSOID, MODULATION, PREDICTOR]
