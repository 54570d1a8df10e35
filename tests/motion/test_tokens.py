r"""Positions and conditions that the predictors share."""

import math

import pytest
import torch
from modules import EXACT, B, L, condition

from mfr.motion.tokens import sinusoid


@pytest.mark.equation("sinusoid")
def test_sinusoid_counts_frames_and_steps():
    found = sinusoid(torch.tensor([0, 1, 1000]), 10, torch.float64)
    for row, p in zip(found, (0, 1, 1000)):
        angles = [p / 10000 ** (i / 5) for i in range(5)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        torch.testing.assert_close(row, torch.tensor(expected, dtype=torch.float64), **EXACT)
    # 1000 and 999 are one number in bfloat16: the angles must not be computed there
    near = sinusoid(torch.tensor([999, 1000]), 10, torch.bfloat16)
    assert near.dtype == torch.bfloat16 and not torch.equal(near[0], near[1])


def test_condition_moves_its_features_and_keeps_its_mask_bool():
    mask = torch.ones(B, L, dtype=torch.bool)
    moved = condition(mask=mask).to(torch.float32)
    assert [x.dtype for x in moved] == [torch.float32] * 5 + [torch.bool]
    bare = condition()._replace(reference=None).to(torch.float32)
    assert bare.reference is None and bare.mask is None
