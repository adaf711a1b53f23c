"""Losses per picture that mix: cross-entropy with Jaccard or Dice, sensitivity with specificity.

Conventions: see `seglab.losses.inputs`, and `seglab.losses.regions` for ε and the soft counts. The cross-entropy in a
mixture is the mean over each picture's own counted pixels.
"""

from __future__ import annotations

from torch import Tensor

from seglab.losses.inputs import Reduction, prepare, reduce_pictures, within
from seglab.losses.pixels import bce_terms
from seglab.losses.regions import AXES, EPSILON, dice, jaccard


def bce_jaccard(
    z: Tensor, y: Tensor, alpha: float = 0.5, epsilon: float = EPSILON, *, reduction: Reduction = "mean"
) -> Tensor:
    """α·BCE + (1 − α)·(1 − J), 0 or more, with the soft Jaccard index J as in `jaccard`.

    z, y: (…, H, W); alpha: 0..1; epsilon: pixels, 0 or more. Source: Buslaev et al. 2018, arXiv:1806.05182.

    >>> import torch
    >>> bce_jaccard(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0)  # (log 2 + 2/3)/2
    tensor(0.6799)
    """
    within("alpha", alpha, 0, 1)
    z, on, off = prepare(z, y)
    mean = bce_terms(z, on, off).sum(AXES) / (on + off).sum(AXES).clamp(min=1)
    return reduce_pictures(alpha * mean + (1 - alpha) * jaccard(z, y, epsilon, reduction="none"), reduction)


def combo(
    z: Tensor,
    y: Tensor,
    alpha: float = 0.5,
    beta: float = 0.5,
    epsilon: float = EPSILON,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """−α·(1/N) Σ [β y log p + (1 − β)(1 − y) log(1 − p)] − (1 − α)·D, with the soft Dice index D.

    The index itself is subtracted, so the least value is −(1 − α), not 0, and empty truth and prediction give that.
    β > ½ makes misses dearer, β < ½ false alarms.

    z, y: (…, H, W); alpha, beta: 0..1; epsilon: pixels, 0 or more. Source: Taghanaki et al. 2019, arXiv:1805.02798.

    >>> import torch
    >>> combo(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0)  # ½·½ log 2 − ½·½
    tensor(-0.0767)
    """
    within("alpha", alpha, 0, 1)
    within("beta", beta, 0, 1)
    z, on, off = prepare(z, y)
    terms = (beta * on + (1 - beta) * off) * bce_terms(z, on, off)
    mean = terms.sum(AXES) / (on + off).sum(AXES).clamp(min=1)
    index = 1 - dice(z, y, epsilon, reduction="none")
    return reduce_pictures(alpha * mean - (1 - alpha) * index, reduction)


def sensitivity_specificity(z: Tensor, y: Tensor, r: float = 0.05, *, reduction: Reduction = "mean") -> Tensor:
    """r·Σ(y − p)² y/Σy + (1 − r)·Σ(y − p)² (1 − y)/Σ(1 − y), 0..1: the mean squared error of each class, weighed.

    r is the share of sensitivity (what is found of the foreground), 1 − r that of specificity (what is left of the
    background). A class that the truth lacks adds 0.

    z, y: (…, H, W); r: 0..1. Source: Brosch et al. 2015, "Deep Convolutional Encoder Networks for Multiple Sclerosis
    Lesion Segmentation", MICCAI 2015, section 2.

    >>> import torch
    >>> sensitivity_specificity(torch.zeros(1, 3), torch.tensor([[1, 0, 0]]))  # (1 − ½)² for both classes
    tensor(0.2500)
    """
    within("r", r, 0, 1)
    z, on, off = prepare(z, y)
    missed = ((-z).sigmoid() ** 2 * on).sum(AXES) / on.sum(AXES).clamp(min=1)
    raised = (z.sigmoid() ** 2 * off).sum(AXES) / off.sum(AXES).clamp(min=1)
    return reduce_pictures(r * missed + (1 - r) * raised, reduction)
