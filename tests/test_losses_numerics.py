"""Every binary loss at its limits: derivatives, logits of ±100, half precision, empty and tiny masks, bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from seglab import losses
from seglab.losses.catalogue import LOSSES, find

KEYS = [loss.key for loss in LOSSES]
PIXELS = ("bce", "weighted_bce", "balanced_bce", "focal", "boundary", "hausdorff")  # those with terms per pixel
LOG2 = math.log(2)


def call(key: str, z: Tensor, y: Tensor, **options: object) -> Tensor:
    loss = find(key)
    return loss.function(z, y, **loss.defaults, **options)


def pictures(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(*shape, generator=rng, dtype=torch.double)
    y = (torch.rand(*shape, generator=rng) < 0.4).long()
    y[..., 0, 0], y[..., 0, 1] = 1, 0
    return z, y


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_gradcheck(key, reduction):
    z, y = pictures(2, 4, 5)
    y[0, 3, 2:] = 255
    assert torch.autograd.gradcheck(lambda x: call(key, x, y, reduction=reduction), z.requires_grad_())


@pytest.mark.parametrize(
    ("key", "parameters"),
    [
        ("focal", {"gamma": 0.5, "alpha": 0.9}),
        ("focal", {"gamma": 0.0, "alpha": 0.5}),
        ("balanced_bce", {"beta": 0.7}),
        ("dice", {"epsilon": 0.0}),
        ("dice_squared", {"epsilon": 0.0}),
        ("focal_tversky", {"gamma": 3.0, "epsilon": 0.0}),
        ("focal_tversky", {"gamma": 0.5}),
        ("hausdorff", {"alpha": 0.5}),
    ],
)
def test_gradcheck_of_other_parameters(key, parameters):
    z, y = pictures(4, 5)
    assert torch.autograd.gradcheck(lambda x: find(key).function(x, y, **parameters), z.requires_grad_())


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [100.0, 1e4])
def test_extreme_logits_stay_finite(key, dtype, size):
    _, y = pictures(6, 7)
    wrong = ((1 - 2 * y) * size).to(dtype)
    mixed = wrong.clone()
    mixed[::2] *= -1
    for z in (wrong, -wrong, mixed, torch.full_like(wrong, size), torch.full_like(wrong, -size)):
        for truth in (y, torch.zeros_like(y), torch.ones_like(y)):
            x = z.clone().requires_grad_()
            value = call(key, x, truth)
            value.backward()
            assert math.isfinite(value.item())
            assert torch.isfinite(x.grad).all()
            assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_values_and_gradients_at_100_are_the_right_ones():
    # Everything wrong: BCE is the logit itself, with a gradient of ±1 each; the regions are at their worst.
    y = torch.tensor([[1, 0]])
    z = torch.tensor([[-100.0, 100.0]], requires_grad=True)
    losses.bce(z, y, reduction="sum").backward()
    assert z.grad.tolist() == [[-1.0, 1.0]]
    assert losses.bce(z, y).item() == 100
    assert losses.focal(z, y, 2, 0.5).item() == 50
    assert losses.dice(z, y, 0).item() == 1
    assert losses.log_jaccard(z, y, 1).item() == pytest.approx(math.log(3))  # J = (0 + 1)/(2 + 1)
    assert losses.lovasz_hinge(z, y).item() == 101
    assert losses.weighted_bce(z, y, 3).item() == 200


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_fp32(key, dtype):
    z, y = pictures(40, 50)
    half = z.to(dtype)
    assert call(key, half, y).item() == call(key, half.float(), y).item()
    assert call(key, half, y).item() == pytest.approx(call(key, half.double(), y).item(), rel=2e-5)


@pytest.mark.parametrize("key", KEYS)
def test_reductions_and_truths_of_any_type(key):
    z, y = pictures(2, 3, 4, 5)
    each = call(key, z, y, reduction="none")
    assert each.shape == (z.shape if key in PIXELS else z.shape[:-2])
    assert call(key, z, y, reduction="sum").item() == pytest.approx(each.sum().item())
    assert call(key, z, y).item() == pytest.approx(each.mean().item())
    for truth in (y.bool(), y.to(torch.uint8), y.float(), y.double(), y.half()):
        assert call(key, z, truth).item() == call(key, z, y).item()
    for i in range(2):  # each picture by itself, whatever else is in the batch
        alone = call(key, z[i, 1], y[i, 1], reduction="none")
        torch.testing.assert_close(alone, each[i, 1])
    with pytest.raises(ValueError, match="reduction is 'avg'"):
        call(key, z, y, reduction="avg")


@pytest.mark.parametrize("key", KEYS)
def test_ignored_pixels_are_as_if_they_were_not_there(key):
    z, y = pictures(6, 7)
    y[:, 4], y[:, 3], z[:, 3:5] = 0, 0, -3  # the border is nearer than what is cut off: distances stay
    cut = y.clone()
    cut[:, 5:] = 255
    x = z.clone().requires_grad_()
    value = call(key, x, cut)
    value.backward()
    assert x.grad[:, 5:].abs().max() == 0
    if key != "hausdorff":  # its prediction has a border over there too
        assert value.item() == pytest.approx(call(key, z[:, :5], y[:, :5]).item())
    none = torch.full_like(y, 255)
    x.grad = None
    value = call(key, x, none)
    value.backward()
    assert x.grad.abs().max() == 0
    assert value.item() == {"one_minus_log_jaccard": 1, "combo": -0.5}.get(key, 0)


# By hand, ε = 1. (2, 2) pixels of p = 1/2 on an empty truth; the same on a full one; a sure and right answer on either;
# and one pixel of p = 1/2 that is foreground.
TABLE = {
    #                        empty            full              right  one pixel
    "bce":                   (LOG2,           LOG2,             0,     LOG2),
    "weighted_bce":          (LOG2,           2 * LOG2,         0,     2 * LOG2),
    "balanced_bce":          (0,              0,                0,     0),
    "focal":                 (3 / 16 * LOG2,  LOG2 / 16,        0,     LOG2 / 16),
    "dice":                  (2 / 3,          1 - 5 / 7,        0,     1 - 2 / 2.5),
    "dice_squared":          (1 / 2,          1 - 5 / 6,        0,     1 - 2 / 2.25),
    "jaccard":               (2 / 3,          1 - 3 / 5,        0,     1 - 1.5 / 2),
    "log_jaccard":           (math.log(3),    math.log(5 / 3),  0,     math.log(4 / 3)),
    "one_minus_log_jaccard": (1 + math.log(3), 1 + math.log(5 / 3), 1, 1 + math.log(4 / 3)),
    "bce_jaccard":           (LOG2 / 2 + 1 / 3, LOG2 / 2 + 1 / 5, 0,   LOG2 / 2 + 1 / 8),
    "tversky":               (1 - 1 / 1.6,    1 - 3 / 4.4,      0,     1 - 1.5 / 1.85),
    "focal_tversky":         ((1 - 1 / 1.6) ** 0.75, (1 - 3 / 4.4) ** 0.75, 0, (1 - 1.5 / 1.85) ** 0.75),
    "log_cosh_dice":         tuple(math.log(math.cosh(v)) for v in (2 / 3, 2 / 7, 0, 1 / 5)),
    "combo":                 (LOG2 / 4 - 1 / 6, LOG2 / 4 - 5 / 14, -0.5, LOG2 / 4 - 0.4),
    "lovasz_hinge":          (1,              1,                0,     1),
    "boundary":              (0,              0,                0,     0),
    "hausdorff":             (0,              0,                0,     0),
    "sensitivity_specificity": (0.95 / 4,     0.05 / 4,         0,     0.05 / 4),
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_empty_full_and_tiny_masks(key):
    zero, ones = torch.zeros(2, 2, dtype=torch.double), torch.ones(2, 2)
    loss = find(key)
    parameters = {name: 1.0 if name == "epsilon" else value for name, value in loss.defaults.items()}
    value = lambda z, y: loss.function(z, y, **parameters).item()  # noqa: E731
    empty, full, right, one = TABLE[key]
    assert value(zero, ones * 0) == pytest.approx(empty)
    assert value(zero, ones) == pytest.approx(full)
    assert value(zero - 100, ones * 0) == pytest.approx(right, abs=1e-12)
    assert value(zero + 100, ones) == pytest.approx(right, abs=1e-12)
    assert value(zero[:1, :1], ones[:1, :1]) == pytest.approx(one)


def test_dice_without_epsilon_learns_nothing_from_an_empty_truth():
    z = torch.zeros(3, 3, requires_grad=True)
    y = torch.zeros(3, 3)
    for loss in (losses.dice, losses.dice_squared, losses.jaccard, losses.tversky):
        value = loss(z, y, epsilon=0)
        (gradient,) = torch.autograd.grad(value, z)
        assert value.item() == 1
        assert gradient.abs().max() < 1e-7
        assert loss(z - 1000, y, epsilon=0).item() == 0  # 0/0 is a perfect answer
        (gradient,) = torch.autograd.grad(loss(z, y, epsilon=1), z)
        assert gradient.min() > 0.005


def test_tversky_has_dice_and_jaccard_in_it():
    z, y = pictures(3, 6, 7)
    assert losses.tversky(z, y, 0.5, 0.5, 1).item() == pytest.approx(losses.dice(z, y, 2).item())
    assert losses.tversky(z, y, 1, 1, 1).item() == pytest.approx(losses.jaccard(z, y, 1).item())
    assert losses.focal_tversky(z, y, 0.5, 0.5, 1, 1).item() == pytest.approx(losses.dice(z, y, 2).item())


def test_what_the_notes_say():
    z, y = pictures(6, 7)

    def gradient(key: str) -> Tensor:
        x = z.clone().requires_grad_()
        call(key, x, y).backward()
        return x.grad

    torch.testing.assert_close(gradient("one_minus_log_jaccard"), gradient("log_jaccard"))
    j = 1 - losses.jaccard(z, y).item()
    torch.testing.assert_close(gradient("log_jaccard"), gradient("jaccard") / j)
    d = losses.dice(z, y).item()
    torch.testing.assert_close(gradient("log_cosh_dice"), gradient("dice") * math.tanh(d))
    torch.testing.assert_close(gradient("bce"), (z.sigmoid() - y) / y.numel())
    torch.testing.assert_close(losses.focal(z, y, 0, 0.5), losses.bce(z, y) / 2)
    assert losses.jaccard(z, y, 0) >= losses.dice(z, y, 0)
    # β > 1 cuts false negatives: of labels that say foreground in a share s, the best p is βs/(βs + 1 − s).
    beta, s = 3.0, 0.25
    best = beta * s / (beta * s + 1 - s)
    x = torch.full((1, 4), math.log(best / (1 - best)), dtype=torch.double, requires_grad=True)
    losses.weighted_bce(x, torch.tensor([[1, 0, 0, 0]]), beta).backward()
    assert x.grad.sum().item() == pytest.approx(0, abs=1e-12)
    assert best > s


@pytest.mark.parametrize("key", KEYS)
def test_bad_input_is_refused_in_words(key):
    z, y = pictures(4, 5)
    with pytest.raises(ValueError, match=r"\(4, 5\) and the truth \(4, 4\); they must have one shape"):
        call(key, z, y[:, :4])
    for bad in (math.nan, math.inf, -math.inf):
        wrong = z.clone()
        wrong[1, 1] = bad
        with pytest.raises(ValueError, match="NaN or infinity"):
            call(key, wrong, y)
    for bad in (0.5, 2, -1, math.nan):
        truth = y.double()
        truth[1, 1] = bad
        with pytest.raises(ValueError, match=f"The truth holds {float(bad)}; wanted 1"):
            call(key, z, truth)
    for empty in (z[:0], z[0]):
        with pytest.raises(ValueError, match="needs pixels"):
            call(key, empty, torch.ones_like(empty))
    for q in find(key).parameters:
        for bad in (math.nan, -1.0, math.inf):
            with pytest.raises(ValueError, match=f"{q.name} is {bad}; it must be"):
                find(key).function(z, y, **{q.name: bad})


def test_a_large_picture_is_summed_without_loss():
    rng = np.random.default_rng(0)
    z, y = rng.normal(-6, 1, (1000, 1000)), rng.random((1000, 1000)) < 1e-4
    args = torch.from_numpy(z), torch.from_numpy(y)
    for loss in (losses.bce, losses.focal, losses.dice, losses.dice_squared, losses.focal_tversky):
        assert loss(args[0].float(), args[1]).item() == pytest.approx(loss(*args).item(), rel=1e-5)
