"""Losses against torch, torchvision, segmentation_models_pytorch, MONAI and NumPy, values and gradients.

Where an oracle has another convention, the test says which, and translates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import segmentation_models_pytorch.losses as smp
import torch
import torch.nn.functional as F
from monai import losses as monai
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from seglab import losses
from seglab.losses import lovasz

Fn = Callable[[Tensor, Tensor], Tensor]


def pictures(seed: int, n: int = 3) -> tuple[Tensor, Tensor]:
    """Logits (n, 1, 9, 11) in float64 and a truth with both classes in every picture."""
    rng = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(n, 1, 9, 11, generator=rng, dtype=torch.double)
    y = (torch.rand(n, 1, 9, 11, generator=rng) < 0.3).double()
    y[..., 0, 0], y[..., 0, 1] = 1, 0
    return z, y


def agree(ours: Fn, oracle: Fn, z: Tensor, y: Tensor, rel: float = 1e-9) -> None:
    """Value and gradient are equal."""
    a, b = z.clone().requires_grad_(), z.clone().requires_grad_()
    mine, theirs = ours(a, y), oracle(b, y)
    mine.backward()
    theirs.backward()
    assert mine.item() == pytest.approx(theirs.item(), rel=rel)
    torch.testing.assert_close(a.grad, b.grad, rtol=max(rel, 1e-6), atol=rel)


def each(oracle: Fn) -> Fn:
    """The mean over pictures of an oracle that pools the whole batch."""
    return lambda z, y: torch.stack([oracle(a[None], b[None]) for a, b in zip(z, y, strict=True)]).mean()


def smp_lovasz(mode: str, **options: int | bool) -> Fn:
    """smp's Lovász losses, which need fp32 logits and whole truths."""
    return lambda z, y: smp.LovaszLoss(mode, **options)(z.float(), y.long())


def smp_dice(smooth: float) -> Fn:
    return each(smp.DiceLoss("binary", smooth=smooth))


ORACLES: dict[str, tuple[Fn, Fn]] = {
    "bce": (losses.bce, F.binary_cross_entropy_with_logits),
    "weighted bce": (
        lambda z, y: losses.weighted_bce(z, y, 3.5),
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, pos_weight=torch.tensor(3.5, dtype=z.dtype)),
    ),
    "balanced bce": (
        lambda z, y: losses.balanced_bce(z[:1], y[:1]),
        lambda z, y: F.binary_cross_entropy_with_logits(
            z[:1], y[:1], torch.where(y[:1] > 0, 1 - y[:1].mean(), y[:1].mean())
        ),
    ),
    "focal, torchvision": (
        lambda z, y: losses.focal(z, y, 2, 0.25),
        lambda z, y: sigmoid_focal_loss(z, y, reduction="mean"),
    ),
    "focal, torchvision, γ ½": (
        lambda z, y: losses.focal(z, y, 0.5, 0.8),
        lambda z, y: sigmoid_focal_loss(z, y, 0.8, 0.5, reduction="mean"),
    ),
    "focal, smp": (lambda z, y: losses.focal(z, y, 1.5, 0.6), smp.FocalLoss("binary", alpha=0.6, gamma=1.5)),
    "focal, MONAI": (
        lambda z, y: losses.focal(z, y, 3, 0.7),
        monai.FocalLoss(gamma=3, alpha=0.7, include_background=True),
    ),
    # smp counts intersections once, not twice, so that its smooth is half of our ε.
    "dice, smp": (lambda z, y: losses.dice(z, y, 1), smp_dice(0.5)),
    "dice, ε 0": (lambda z, y: losses.dice(z, y, 0), smp_dice(0)),
    "dice, MONAI": (
        lambda z, y: losses.dice(z, y, 0.3),
        monai.DiceLoss(sigmoid=True, smooth_nr=0.3, smooth_dr=0.3),
    ),
    "dice of squares, MONAI": (
        lambda z, y: losses.dice_squared(z, y, 0.3),
        monai.DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=0.3, smooth_dr=0.3),
    ),
    "jaccard, smp": (lambda z, y: losses.jaccard(z, y, 0.7), each(smp.JaccardLoss("binary", smooth=0.7))),
    # MONAI's Jaccard is 2TP/(2(TP + FP + FN)), so that its smooth is twice our ε.
    "jaccard, MONAI": (
        lambda z, y: losses.jaccard(z, y, 0.7),
        monai.DiceLoss(sigmoid=True, jaccard=True, smooth_nr=1.4, smooth_dr=1.4),
    ),
    "−log jaccard, smp": (
        lambda z, y: losses.log_jaccard(z, y, 0.7),
        each(smp.JaccardLoss("binary", log_loss=True, smooth=0.7)),
    ),
    "1 − log jaccard": (
        lambda z, y: losses.one_minus_log_jaccard(z, y, 0.7),
        lambda z, y: 1 + each(smp.JaccardLoss("binary", log_loss=True, smooth=0.7))(z, y),
    ),
    "α·bce + (1 − α)·jaccard": (
        lambda z, y: losses.bce_jaccard(z, y, 0.3, 0.7),
        lambda z, y: (
            0.3 * F.binary_cross_entropy_with_logits(z, y) + 0.7 * each(smp.JaccardLoss("binary", smooth=0.7))(z, y)
        ),
    ),
    "tversky, smp": (
        lambda z, y: losses.tversky(z, y, 0.3, 0.9, 0.5),
        each(smp.TverskyLoss("binary", alpha=0.3, beta=0.9, smooth=0.5)),
    ),
    "tversky, MONAI": (
        lambda z, y: losses.tversky(z, y, 0.3, 0.9, 0.5),
        monai.TverskyLoss(sigmoid=True, alpha=0.3, beta=0.9, smooth_nr=0.5, smooth_dr=0.5),
    ),
    # smp's γ is the exponent itself, ours its inverse, as in the paper.
    "focal tversky, smp": (
        lambda z, y: losses.focal_tversky(z, y, 0.3, 0.9, 2, 0.5),
        each(smp.TverskyLoss("binary", alpha=0.3, beta=0.9, smooth=0.5, gamma=0.5)),
    ),
    "log-cosh dice": (
        lambda z, y: losses.log_cosh_dice(z, y, 1),
        each(lambda z, y: smp_dice(0.5)(z, y).cosh().log()),
    ),
    "combo": (
        lambda z, y: losses.combo(z, y, 0.3, 0.8, 1),
        lambda z, y: (
            0.3 * F.binary_cross_entropy_with_logits(z, y, 0.8 * y + 0.2 * (1 - y)) - 0.7 * (1 - smp_dice(0.5)(z, y))
        ),
    ),
    "lovász hinge, smp": (losses.lovasz_hinge, smp_lovasz("binary", per_image=True)),
    "sensitivity–specificity": (
        lambda z, y: losses.sensitivity_specificity(z, y, 0.2),
        each(lambda z, y: 0.2 * F.mse_loss(z[y > 0].sigmoid(), y[y > 0]) + 0.8 * (z[y == 0].sigmoid() ** 2).mean()),
    ),
}


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_its_oracle(name, seed):
    ours, oracle = ORACLES[name]
    in_fp32 = name in ("lovász hinge, smp", "focal, MONAI")  # whatever they are given
    agree(ours, oracle, *pictures(seed), rel=1e-5 if in_fp32 else 1e-9)


# MONAI keeps distances in fp32; its distance maps are ours: sums of both sides, and the authors' signed ones.
@pytest.mark.parametrize(
    ("ours", "oracle"),
    [
        (losses.boundary, monai.BoundaryLoss(sigmoid=True)),
        (lambda z, y: losses.hausdorff(z, y, 2), monai.HausdorffDTLoss(alpha=2, sigmoid=True)),
        (lambda z, y: losses.hausdorff(z, y, 1.5), monai.HausdorffDTLoss(alpha=1.5, sigmoid=True)),
    ],
)
@pytest.mark.filterwarnings("ignore:single channel prediction")
def test_losses_by_distance_equal_monai(ours, oracle):
    z, y = pictures(2)
    agree(ours, oracle, z, y, rel=1e-5)
    for truth in (torch.zeros_like(y), torch.ones_like(y)):  # no border: both say 0 for these distances
        assert ours(z, truth).item() == pytest.approx(oracle(z, truth).item(), rel=1e-5)


def classes(k: int = 5) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(3)
    z = 3 * torch.randn(2, k, 7, 8, generator=rng, dtype=torch.double)
    return z, torch.randint(0, k, (2, 7, 8), generator=rng)


def test_softmax_cross_entropy_equals_torch():
    z, t = classes()
    t[0, :2] = 255
    w = torch.rand(5, dtype=torch.double) + 0.1
    for weights in (None, w):
        for how in ("none", "mean", "sum"):
            ours = losses.cross_entropy(z, t, weights, reduction=how)
            torch.testing.assert_close(ours, F.cross_entropy(z, t, weights, ignore_index=255, reduction=how))


def test_softmax_focal_equals_monai_and_cross_entropy():
    z, t = classes()
    alpha = torch.rand(5, dtype=torch.double)

    def oracle(gamma, weights):  # MONAI, in fp32, takes the mean over classes too: K times as many terms
        return lambda z, t: (
            5
            * monai.FocalLoss(gamma=gamma, alpha=weights, use_softmax=True, to_onehot_y=True, include_background=True)(
                z, t[:, None]
            )
        )

    agree(lambda z, t: losses.softmax_focal(z, t, 2.0), oracle(2.0, None), z, t, rel=1e-5)
    weights = alpha.tolist()
    agree(lambda z, t: losses.softmax_focal(z, t, 1.5, alpha), oracle(1.5, weights), z, t, rel=1e-5)
    agree(lambda z, t: losses.softmax_focal(z, t, 0), losses.cross_entropy, z, t)
    t[1, 3:] = 255
    each = losses.softmax_focal(z, t, reduction="none")
    assert each[1, 3:].abs().max() == 0
    assert losses.softmax_focal(z, t).item() == pytest.approx(each.sum().item() / int((t != 255).sum()))


def test_two_classes_by_softmax_are_one_by_sigmoid():
    z, y = pictures(5)
    two = torch.cat([torch.zeros_like(z), z], 1)
    got = losses.softmax_focal(two, y[:, 0].long(), 2.0, torch.tensor([0.75, 0.25]))
    assert got.item() == pytest.approx(losses.focal(z, y).item(), rel=1e-12)
    assert losses.cross_entropy(two, y[:, 0].long()).item() == pytest.approx(losses.bce(z, y).item(), rel=1e-12)


def test_dice_of_classes_equals_smp():
    z, t = classes()  # smp's smooth is half of our ε of 1
    agree(losses.soft_dice, smp.DiceLoss("multiclass", smooth=0.5), z, t)
    t[0, 2:4] = 255
    agree(losses.soft_dice, smp.DiceLoss("multiclass", smooth=0.5, ignore_index=255), z, t)
    t[t == 4] = 3  # smp counts an absent class as 0 and divides by all 5, we by the 4 present ones
    each = losses.soft_dice(z, t, reduction="none")
    assert each.isnan().tolist() == [False] * 4 + [True]
    agree(losses.soft_dice, lambda z, t: smp.DiceLoss("multiclass", smooth=0.5, ignore_index=255)(z, t) * 5 / 4, z, t)
    assert losses.soft_dice(z, t, reduction="sum").item() == pytest.approx(each[:4].sum().item())


def test_lovasz_softmax_equals_smp():
    z, t = classes()
    t[t == 4] = 0  # an absent class is skipped by both
    t[0, :2] = 255
    agree(losses.lovasz_softmax, smp_lovasz("multiclass", ignore_index=255), z, t, rel=1e-5)
    each = losses.lovasz_softmax(z, t, reduction="none")
    assert each[:4].mean().item() == pytest.approx(losses.lovasz_softmax(z, t).item())
    assert each[4].isnan()


def test_lovasz_is_one_minus_iou_on_hard_answers():
    t = torch.tensor([[[0, 0, 1, 1, 1, 2]]])
    answer = torch.tensor([[[0, 1, 1, 1, 0, 2]]])
    z = 200.0 * F.one_hot(answer, 3).movedim(-1, 1) - 100
    iou = [1 / 3, 2 / 4, 1.0]
    assert losses.lovasz_softmax(z, t).item() == pytest.approx(1 - np.mean(iou))


def test_equal_errors_share_their_steps():
    # Two of foreground and two of background, all with an error of 1: foreground first, 1/2 and 2/2, then nothing.
    steps = lovasz.jaccard_steps(torch.ones(4), torch.tensor([True, False, True, False]))
    assert steps.tolist() == [0.5, 0, 0.5, 0]
    # Background first by its error: Δ goes to 2/(2 + 2) in two equal steps, then foreground adds 1/4 each.
    steps = lovasz.jaccard_steps(torch.tensor([1.0, 2, 1, 2]), torch.tensor([True, False, True, False]))
    assert steps.tolist() == [0.25, 0.25, 0.25, 0.25]
    # Without foreground the largest error alone counts.
    assert lovasz.jaccard_steps(torch.tensor([3.0, 1, 3]), torch.zeros(3).bool()).tolist() == [0.5, 0, 0.5]


def test_lovasz_of_painted_masks_is_the_same_for_equal_pixels():
    rng = torch.Generator().manual_seed(0)
    z = torch.randint(-2, 3, (1, 1, 16, 16), generator=rng).double()
    y = (torch.rand(1, 1, 16, 16, generator=rng) < 0.5).double()
    x = z.clone().requires_grad_()
    losses.lovasz_hinge(x, y).backward()
    for value in range(-2, 3):
        for truth in (0, 1):
            assert x.grad[(z == value) & (y == truth)].unique().numel() == 1
    assert losses.lovasz_hinge(z, y).item() == pytest.approx(smp_lovasz("binary")(z, y).item(), rel=1e-6)
