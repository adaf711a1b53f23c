"""Losses over all pixels of a batch, for K exclusive classes.

Conventions: logits (N, K, H, W) of any floating type, computed in fp32; target (N, H, W) int64 with `ignore_index`
(255) where a pixel does not count. A batch in which no pixel counts gives 0, with a gradient of 0. A class that is
absent from the batch's target is left out of the Dice mean: its score would be 0/0 or a pure penalty on noise.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1.0  # added to both sides of the Dice ratio, in pixels: keeps a class of one pixel from a jumpy gradient


def cross_entropy(logits: Tensor, target: Tensor, weights: Tensor | None = None, ignore_index: int = 255) -> Tensor:
    """Softmax cross-entropy, −w_t log p_t, averaged over the counted pixels by the sum of their weights (Long 2015).

    Args:
        logits: (N, K, H, W).
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        weights: (K,), one per class, or None for ones.
        ignore_index: the target value of pixels that do not count.

    >>> cross_entropy(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1).long())  # p = 1/2: log 2
    tensor(0.6931)
    """
    total = F.cross_entropy(logits.float(), target, weights, ignore_index=ignore_index, reduction="sum")
    counted = target != ignore_index
    norm = counted.sum() if weights is None else weights[target[counted]].sum()
    return total / norm.clamp(min=1e-6)


def soft_dice(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """1 − mean over the present classes of (2Σpy + ε)/(Σp + Σy + ε), summed over the batch (Milletari 2016, sec. 3).

    Args:
        logits: (N, K, H, W).
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        ignore_index: the target value of pixels that do not count.

    >>> soft_dice(torch.tensor([[[[99.0]], [[-99.0]]]]), torch.zeros(1, 1, 1).long()).item()
    0.0
    """
    k = logits.shape[1]
    counted = target != ignore_index
    p = logits.float().softmax(1) * counted[:, None]
    label = target.masked_fill(~counted, 0)
    p_true = p.gather(1, label[:, None])[:, 0]  # 0 where a pixel does not count
    # Summing p_true by class is Σ p·y without ever building the one-hot y, which would cost more than the network.
    intersection = torch.zeros(k, device=p.device).index_add(0, label.flatten(), p_true.flatten())
    size_y = torch.bincount(label.flatten(), counted.flatten().float(), minlength=k)
    dice = (2 * intersection + EPSILON) / (p.sum((0, 2, 3)) + size_y + EPSILON)
    present = size_y > 0
    # `where` keeps absent classes out of value and gradient alike; an empty batch gives 0, not 0/0.
    missing = torch.where(present, 1 - dice, torch.zeros_like(dice)).sum()
    return missing / present.sum().clamp(min=1)
