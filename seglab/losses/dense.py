"""Losses over all pixels of a batch, for K exclusive classes.

Conventions: logits (N, K, H, W) of any floating type, computed in fp32 (fp64 stays fp64); target (N, H, W) int64 with
`ignore_index` (255) where a pixel does not count. A batch in which no pixel counts gives 0, with a gradient of 0. A
class that is absent from the batch's target is left out of the Dice mean: its score would be 0/0 or a pure penalty on
noise. `reduction` "none" gives the terms per pixel (N, H, W), 0 where ignored, or per class (K,), NaN where absent.

Softmax cross-entropy has one term per pixel, −log p of the true class alone. With −log(1 − p) for the classes that are
not true added, as a slide has it, it is something else: binary cross-entropy, once for each class.

`cross_entropy` and `soft_dice` look at shapes only, as they run at each step of a training; the others also refuse NaN.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from seglab.losses.inputs import Reduction, floating, reduce_pictures, reduce_pixels, within

EPSILON = 1.0  # added to both sides of the Dice ratio, in pixels: keeps a class of one pixel from a jumpy gradient


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """Softmax cross-entropy, −w_t log p_t, averaged over the counted pixels by the sum of their weights (Long 2015).

    Args:
        logits: (N, K, H, W).
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        weights: (K,), one per class, or None for ones.
        ignore_index: the target value of pixels that do not count.
        reduction: "none" gives (N, H, W).

    Raises:
        ValueError: shapes that don't fit.

    >>> cross_entropy(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1).long())  # p = 1/2: log 2
    tensor(0.6931)
    """
    _check_shapes(logits, target)
    logits = floating(logits)
    if weights is not None:
        weights = weights.to(logits.dtype)
    if reduction != "mean":
        each = F.cross_entropy(logits, target, weights, ignore_index=ignore_index, reduction="none")
        return reduce_pictures(each, reduction)
    total = F.cross_entropy(logits, target, weights, ignore_index=ignore_index, reduction="sum")
    counted = target != ignore_index
    norm = counted.sum() if weights is None else weights[target[counted]].sum()
    return total / norm.clamp(min=1e-6)


def softmax_focal(
    logits: Tensor,
    target: Tensor,
    gamma: float = 2.0,
    weights: Tensor | None = None,
    ignore_index: int = 255,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """Focal loss of K classes, −α_t (1 − p_t)^γ log p_t of the true class t, averaged over the counted pixels.

    Args:
        logits: (N, K, H, W), finite.
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        gamma: 0 or more; 0 is the cross-entropy, weighted by α.
        weights: α (K,), one per class, or None for ones; unlike in `cross_entropy` their sum divides nothing.
        ignore_index: the target value of pixels that do not count.
        reduction: "none" gives (N, H, W).

    Raises:
        ValueError: shapes that don't fit, NaN, or a target that is no class.

    Source: Lin et al. 2017, arXiv:1708.02002, eq. 5, with the softmax's p_t.

    >>> softmax_focal(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1).long())  # (1 − ½)² · log 2
    tensor(0.1733)
    """
    within("gamma", gamma, 0)
    check_classes(logits, target, ignore_index)
    logs = floating(logits).log_softmax(1)
    counted = target != ignore_index
    label = target.masked_fill(~counted, 0)[:, None]
    log_true = logs.gather(1, label)
    # log(1 − p_t) from the other classes' logarithms: 1 − p_t itself is 0, without a gradient, once p_t is near 1.
    log_rest = logs.scatter(1, label, -torch.inf).logsumexp(1)
    terms = -(gamma * log_rest).exp() * log_true[:, 0]
    if weights is not None:
        terms = weights.to(logs.dtype)[label[:, 0]] * terms
    return reduce_pixels(torch.where(counted, terms, torch.zeros_like(terms)), counted.sum(), reduction)


def soft_dice(logits: Tensor, target: Tensor, ignore_index: int = 255, *, reduction: Reduction = "mean") -> Tensor:
    """1 − mean over the present classes of (2Σpy + ε)/(Σp + Σy + ε), summed over the batch (Milletari 2016, sec. 3).

    Args:
        logits: (N, K, H, W).
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        ignore_index: the target value of pixels that do not count.
        reduction: "none" gives each class's loss (K,), NaN where absent; "sum" adds up the present ones.

    Raises:
        ValueError: shapes that don't fit.

    >>> soft_dice(torch.tensor([[[[99.0]], [[-99.0]]]]), torch.zeros(1, 1, 1).long()).item()
    0.0
    """
    _check_shapes(logits, target)
    k = logits.shape[1]
    counted = target != ignore_index
    p = floating(logits).softmax(1) * counted[:, None]
    label = target.masked_fill(~counted, 0)
    p_true = p.gather(1, label[:, None])[:, 0]  # 0 where a pixel does not count
    # Summing p_true by class is Σ p·y without ever building the one-hot y, which would cost more than the network.
    intersection = torch.zeros(k, device=p.device, dtype=p.dtype).index_add(0, label.flatten(), p_true.flatten())
    size_y = torch.bincount(label.flatten(), counted.flatten().to(p.dtype), minlength=k)
    dice = (2 * intersection + EPSILON) / (p.sum((0, 2, 3)) + size_y + EPSILON)
    return reduce_classes(1 - dice, size_y > 0, reduction)


def reduce_classes(values: Tensor, present: Tensor, reduction: Reduction) -> Tensor:
    """Classes' losses (K,), NaN where not `present` (K,); or the mean or sum of the others, 0 if there are none.

    >>> reduce_classes(torch.tensor([1.0, 7.0, 0.0]), torch.tensor([True, False, True]), "mean")
    tensor(0.5000)
    """
    # `where` keeps absent classes out of value and gradient alike; an empty batch gives 0, not 0/0.
    absent = torch.full_like(values, torch.nan if reduction == "none" else 0.0)
    return reduce_pixels(torch.where(present, values, absent), present.sum(), reduction)


def check_classes(logits: Tensor, target: Tensor, ignore_index: int) -> None:
    """ValueError unless logits (N, K, H, W), K ≥ 2, are finite and target (N, H, W) holds 0..K−1 or `ignore_index`.

    >>> check_classes(torch.zeros(1, 2, 1, 1), torch.full((1, 1, 1), 2), 255)
    Traceback (most recent call last):
    ValueError: The target holds 2; wanted a class, 0 to 1, or 255 for pixels to ignore.
    """
    _check_shapes(logits, target)
    if logits.shape[1] < 2:
        raise ValueError("The softmax of one class alone is always 1; wanted logits of two classes or more.")
    if not torch.isfinite(logits).all():
        raise ValueError("The logits hold NaN or infinity, so there is no loss; the network that gave them diverged.")
    wrong = target[(target != ignore_index) & ((target < 0) | (target >= logits.shape[1]))]
    if len(wrong):
        raise ValueError(
            f"The target holds {wrong[0].item()}; wanted a class, 0 to {logits.shape[1] - 1}, or {ignore_index} for "
            f"pixels to ignore."
        )


def _check_shapes(logits: Tensor, target: Tensor) -> None:
    if logits.ndim != 4 or target.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f"Wanted logits (N, K, H, W) and a target (N, H, W) of the same pictures; got {tuple(logits.shape)} and "
            f"{tuple(target.shape)}. Resize the logits, not the target."
        )
