"""The losses of K classes at their limits: derivatives, logits of ±100, half precision, nothing counted, bad input."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seglab import losses


def softmax(f: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A K-class loss of the logits alone, K = 3, with ignored pixels, as a function of (N, K, H, W)."""
    target = torch.randint(0, 3, (2, 3, 4), generator=torch.Generator().manual_seed(1))
    target[0, 0, :2] = 255
    return lambda z: f(z, target)


WEIGHTS = torch.tensor([0.5, 1.0, 2.0])
SOFTMAX = {
    "cross_entropy": softmax(losses.cross_entropy),
    "cross_entropy, weights": softmax(lambda z, t: losses.cross_entropy(z, t, WEIGHTS)),
    "softmax_focal": softmax(losses.softmax_focal),
    "softmax_focal, γ 0.5, weights": softmax(lambda z, t: losses.softmax_focal(z, t, 0.5, WEIGHTS)),
    "soft_dice": softmax(losses.soft_dice),
    "lovasz_softmax": softmax(losses.lovasz_softmax),
}


@pytest.mark.parametrize("name", SOFTMAX)
def test_gradcheck_of_softmax_losses(name):
    z = torch.randn(2, 3, 3, 4, dtype=torch.double, generator=torch.Generator().manual_seed(2))
    assert torch.autograd.gradcheck(SOFTMAX[name], z.requires_grad_())


@pytest.mark.parametrize("name", SOFTMAX)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_of_classes_stay_finite(name, dtype):
    z = torch.randint(-1, 2, (2, 3, 3, 4), generator=torch.Generator().manual_seed(4))
    x = (100 * z).to(dtype).requires_grad_()
    value = SOFTMAX[name](x)
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(x.grad).all()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_bad_input_of_softmax_losses():
    z, t = torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2).long()
    for loss in (losses.cross_entropy, losses.soft_dice, losses.softmax_focal, losses.lovasz_softmax):
        for wrong in (t[0], t[:, :1], t[:, None]):
            with pytest.raises(ValueError, match="Wanted logits"):
                loss(z, wrong)
        with pytest.raises(ValueError, match="reduction is 'avg'"):
            loss(z, t, reduction="avg")
    for loss in (losses.softmax_focal, losses.lovasz_softmax):
        with pytest.raises(ValueError, match="NaN or infinity"):
            loss(z * math.nan, t)
        with pytest.raises(ValueError, match="The target holds 3; wanted a class, 0 to 2, or 255"):
            loss(z, t + 3)
        with pytest.raises(ValueError, match="one class alone"):
            loss(z[:, :1], t)


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_focal", "soft_dice", "lovasz_softmax"])
def test_softmax_losses_without_a_counted_pixel(name):
    z = torch.randn(1, 3, 2, 2, requires_grad=True)
    value = getattr(losses, name)(z, torch.full((1, 2, 2), 255))
    value.backward()
    assert value.item() == 0
    assert z.grad.abs().max() == 0
