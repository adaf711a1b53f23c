"""Losses against scikit-learn, a plain float64 NumPy reference and numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from seglab.losses import cross_entropy, soft_dice


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    logits = 4 * torch.randn(2, 5, 7, 9, generator=rng)
    target = torch.randint(0, 4, (2, 7, 9), generator=rng)  # class 4 never occurs
    target[0, :3] = 255
    return logits, target


def reference_dice(logits: np.ndarray, target: np.ndarray, eps: float) -> float:
    """The definition, class by class, in float64."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    p = (e / e.sum(1, keepdims=True)).astype(np.float64)
    counted = target != 255
    scores = []
    for k in range(logits.shape[1]):
        y = (target == k)[counted].astype(float)
        q = p[:, k][counted]
        if y.sum():
            scores.append((2 * (q * y).sum() + eps) / (q.sum() + y.sum() + eps))
    return 1 - float(np.mean(scores))


def test_cross_entropy_equals_sklearn(batch):
    logits, target = batch
    weights = torch.tensor([0.5, 2.0, 1.0, 4.0, 1.0])
    keep = target != 255
    p = logits.softmax(1).movedim(1, -1)[keep].double().numpy()
    y = target[keep].numpy()
    want = log_loss(y, p, labels=range(5), sample_weight=weights.numpy()[y])
    assert cross_entropy(logits, target, weights).item() == pytest.approx(want, rel=1e-5)
    assert cross_entropy(logits, target).item() == pytest.approx(log_loss(y, p, labels=range(5)), rel=1e-5)


def test_dice_equals_the_definition(batch):
    logits, target = batch
    assert soft_dice(logits, target).item() == pytest.approx(
        reference_dice(logits.numpy(), target.numpy(), 1.0), rel=1e-5
    )


def test_dice_by_hand():
    # Two pixels, two classes, p = 1/2 everywhere, truth (0, 1): (2·½ + 1)/(1 + 1 + 1) = 2/3 for both classes.
    assert soft_dice(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])).item() == pytest.approx(1 / 3)


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice])
def test_gradients_by_finite_differences(loss, batch):
    _, target = batch
    logits = torch.randn(1, 5, 3, 4, dtype=torch.double, requires_grad=True)
    small = target[1:, :3, :4].contiguous()
    # The functions compute in fp32, so the check takes a coarse step and tolerance.
    assert torch.autograd.gradcheck(lambda x: loss(x, small).double(), logits, eps=1e-2, atol=2e-3, rtol=2e-2)


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice])
def test_nothing_counted_gives_zero_and_no_gradient(loss):
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    value = loss(logits, torch.full((1, 4, 4), 255))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_stay_finite(loss, dtype):
    logits = torch.tensor([100.0, -100.0, 0.0], dtype=dtype)[None, :, None, None].repeat(1, 1, 2, 2).requires_grad_()
    value = loss(logits, torch.ones(1, 2, 2, dtype=torch.long))
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(logits.grad).all()
