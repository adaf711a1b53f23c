"""Losses per picture from soft counts: Dice, Jaccard, Tversky, what is made of them, and mixtures with cross-entropy.

Conventions: see `seglab.losses.inputs`. The soft counts of a picture are TP = Σ p y, FP = Σ p (1 − y) and
FN = Σ (1 − p) y; for p of 0 and 1 they are the pixel counts. So Σp + Σy = 2TP + FP + FN, and Σp + Σy − Σpy =
TP + FP + FN. The functions `…_of` take the counts themselves, tensors of one shape, each 0 or more.

**ε** (in pixels) is added to both sides of each ratio. With ε > 0 a truth without foreground is defined: the loss grows
from 0 (nothing predicted) to 1 with the pixels predicted, fast at first if ε is small, and both empty is 0. With ε = 0
every prediction on such a truth costs 1 with a gradient of 0, however small it is, and 0/0 counts as a perfect answer.
The logarithms need ε > 0. All of them ignore true negatives.

A large ε spoils what Dice is for: if all of N pixels are given one p, "nothing anywhere" is the best answer as soon as
ε > 2P²/(N − 2P), P the truth's pixels of foreground. So the default is as small as in nnU-Net and MONAI.

1 − a/b is computed as (b − a)/b: the same, but exact near 0, where the subtraction would leave nothing in fp32.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seglab.losses.inputs import Reduction, prepare, reduce_pictures, within

EPSILON = 1e-5  # pixels; `losses.dense` has 1, which its sums over whole batches can take
TINY = 1e-9  # the least ε where a logarithm is taken
AXES = (-2, -1)


def soft_counts(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return TP, FP and FN of each picture, (…) each: Σpy, Σp(1 − y) and Σ(1 − p)y over the counted pixels.

    z, y: (…, H, W), as for any loss.

    >>> soft_counts(torch.zeros(1, 3), torch.tensor([[1, 0, 0]]))
    (tensor(0.5000), tensor(1.), tensor(0.5000))
    """
    z, on, off = prepare(z, y)
    p = z.sigmoid()
    return (p * on).sum(AXES), (p * off).sum(AXES), ((-z).sigmoid() * on).sum(AXES)


def dice_of(tp: Tensor, fp: Tensor, fn: Tensor, epsilon: float = EPSILON) -> Tensor:
    """1 − (2TP + ε)/(2TP + FP + FN + ε), 0..1, elementwise.

    >>> dice_of(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0), epsilon=0)
    tensor(0.5000)
    """
    within("epsilon", epsilon, 0)
    return _share(fp + fn, 2 * tp + fp + fn + epsilon)


def jaccard_of(tp: Tensor, fp: Tensor, fn: Tensor, epsilon: float = EPSILON) -> Tensor:
    """1 − J, J = (TP + ε)/(TP + FP + FN + ε), 0..1, elementwise.

    >>> jaccard_of(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0), epsilon=0)
    tensor(0.6667)
    """
    within("epsilon", epsilon, 0)
    return _share(fp + fn, tp + fp + fn + epsilon)


def log_jaccard_of(tp: Tensor, fp: Tensor, fn: Tensor, epsilon: float = EPSILON) -> Tensor:
    """−log J, 0 or more, elementwise; ε above 0.

    >>> log_jaccard_of(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(1.0), epsilon=1)  # J = 1/3
    tensor(1.0986)
    """
    within("epsilon", epsilon, TINY)
    return (tp + fp + fn + epsilon).log() - (tp + epsilon).log()


def one_minus_log_jaccard_of(tp: Tensor, fp: Tensor, fn: Tensor, epsilon: float = EPSILON) -> Tensor:
    """1 − log J, 1 or more, elementwise; ε above 0.

    >>> one_minus_log_jaccard_of(torch.tensor(9.0), torch.tensor(0.0), torch.tensor(0.0))
    tensor(1.)
    """
    return 1 + log_jaccard_of(tp, fp, fn, epsilon)


def tversky_of(
    tp: Tensor, fp: Tensor, fn: Tensor, alpha: float = 0.3, beta: float = 0.7, epsilon: float = EPSILON
) -> Tensor:
    """1 − T, T = (TP + ε)/(TP + α FP + β FN + ε), 0..1, elementwise.

    >>> tversky_of(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0), epsilon=0)
    tensor(0.5000)
    """
    for name, value in (("alpha", alpha), ("beta", beta), ("epsilon", epsilon)):
        within(name, value, 0)
    wrong = alpha * fp + beta * fn
    return _share(wrong, tp + wrong + epsilon)


def focal_tversky_of(
    tp: Tensor,
    fp: Tensor,
    fn: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    epsilon: float = EPSILON,
) -> Tensor:
    """(1 − T)^(1/γ), 0..1, elementwise; where T is exactly 1 the gradient, infinite for γ > 1, counts as 0.

    >>> focal_tversky_of(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0), gamma=2, epsilon=0)  # √½
    tensor(0.7071)
    """
    within("gamma", gamma, 0.1)
    miss = tversky_of(tp, fp, fn, alpha, beta, epsilon)
    safe = torch.where(miss > 0, miss, torch.ones_like(miss))
    return torch.where(miss > 0, safe ** (1 / gamma), miss)


def log_cosh_dice_of(tp: Tensor, fp: Tensor, fn: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Log cosh of the Dice loss, 0..0.4338, elementwise.

    >>> log_cosh_dice_of(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(1.0), epsilon=0)
    tensor(0.4338)
    """
    return dice_of(tp, fp, fn, epsilon).cosh().log()


def dice(z: Tensor, y: Tensor, epsilon: float = EPSILON, *, reduction: Reduction = "mean") -> Tensor:
    """Soft Dice loss, 1 − (2Σpy + ε)/(Σp + Σy + ε), 0..1.

    z, y: (…, H, W); epsilon: pixels, 0 or more. Source: Sudre et al. 2017, arXiv:1707.03237, DL2; Jadon 2020,
    arXiv:2006.14822, both with sums, not squares, below.

    >>> dice(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0)  # 1 − 2·½/(1 + 1)
    tensor(0.5000)
    """
    return reduce_pictures(dice_of(*soft_counts(z, y), epsilon), reduction)


def dice_squared(z: Tensor, y: Tensor, epsilon: float = EPSILON, *, reduction: Reduction = "mean") -> Tensor:
    """V-Net's soft Dice loss, 1 − (2Σpy + ε)/(Σp² + Σy² + ε), 0..1; as y² = y, that is Σ(p − y)²/(Σp² + Σy² + ε).

    z, y: (…, H, W); epsilon: pixels, 0 or more (the paper has none). Source: Milletari, Navab & Ahmadi 2016,
    arXiv:1606.04797, section 3; its gradient in closed form is `gradients.vnet_dice_gradient`.

    >>> dice_squared(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0)  # 1 − 2·½/(½ + 1)
    tensor(0.3333)
    """
    within("epsilon", epsilon, 0)
    z, on, off = prepare(z, y)
    p, q = z.sigmoid(), (-z).sigmoid()
    wrong = (on * q**2 + off * p**2).sum(AXES)
    return reduce_pictures(_share(wrong, ((on + off) * p**2 + on).sum(AXES) + epsilon), reduction)


def jaccard(z: Tensor, y: Tensor, epsilon: float = EPSILON, *, reduction: Reduction = "mean") -> Tensor:
    """Soft Jaccard loss 1 − J, J = (Σpy + ε)/(Σp + Σy − Σpy + ε), 0..1.

    z, y: (…, H, W); epsilon: pixels, 0 or more. Source: Rahman & Wang 2016, "Optimizing Intersection-Over-Union in
    Deep Neural Networks for Image Segmentation", section 3.

    >>> jaccard(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0)  # 1 − ½/(1 + 1 − ½)
    tensor(0.6667)
    """
    return reduce_pictures(jaccard_of(*soft_counts(z, y), epsilon), reduction)


def log_jaccard(z: Tensor, y: Tensor, epsilon: float = EPSILON, *, reduction: Reduction = "mean") -> Tensor:
    """−log J, 0 or more: like 1 − J near J = 1, but its gradient grows by 1/J where almost nothing is found.

    z, y: (…, H, W); epsilon: pixels, above 0. Source: Iglovikov & Shvets 2018 (TernausNet), arXiv:1801.05746, where
    it is added to the cross-entropy.

    >>> log_jaccard(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0.5)  # J = (½ + ½)/(3/2 + ½)
    tensor(0.6931)
    """
    return reduce_pictures(log_jaccard_of(*soft_counts(z, y), epsilon), reduction)


def one_minus_log_jaccard(z: Tensor, y: Tensor, epsilon: float = EPSILON, *, reduction: Reduction = "mean") -> Tensor:
    """The lecture's 1 − log J, 1 or more: −log J moved up by 1, with the same gradient.

    z, y: (…, H, W); epsilon: pixels, above 0.

    >>> one_minus_log_jaccard(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0.5)
    tensor(1.6931)
    """
    return reduce_pictures(one_minus_log_jaccard_of(*soft_counts(z, y), epsilon), reduction)


def tversky(
    z: Tensor,
    y: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    epsilon: float = EPSILON,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """Tversky loss 1 − (TP + ε)/(TP + α FP + β FN + ε), 0..1; α = β = ½ is Dice (with 2ε), α = β = 1 is Jaccard.

    z, y: (…, H, W); alpha, beta: what a false alarm and a miss cost, 0 or more; epsilon: pixels, 0 or more.
    Source: Salehi, Erdogmus & Gholipour 2017, arXiv:1706.05721, eq. 3.

    >>> tversky(torch.zeros(1, 2), torch.tensor([[1, 0]]), 1, 1, epsilon=0)  # as the Jaccard loss
    tensor(0.6667)
    """
    return reduce_pictures(tversky_of(*soft_counts(z, y), alpha, beta, epsilon), reduction)


def focal_tversky(
    z: Tensor,
    y: Tensor,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
    epsilon: float = EPSILON,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """(1 − T)^(1/γ), 0..1: γ > 1 makes the gradient of an almost right answer steeper, γ < 1 flatter.

    z, y: (…, H, W); gamma: 0.1 or more; the rest as for `tversky`. Source: Abraham & Khan 2019, arXiv:1810.07842,
    eq. 4; there α goes with the misses and β with the false alarms, here it is as in the Tversky loss.

    >>> focal_tversky(torch.zeros(1, 2), torch.tensor([[1, 0]]), 1, 1, gamma=2, epsilon=0)  # √(2/3)
    tensor(0.8165)
    """
    return reduce_pictures(focal_tversky_of(*soft_counts(z, y), alpha, beta, gamma, epsilon), reduction)


def log_cosh_dice(z: Tensor, y: Tensor, epsilon: float = EPSILON, *, reduction: Reduction = "mean") -> Tensor:
    """Log cosh D of the Dice loss D, 0..0.4338; the gradient is Dice's times tanh D: gentle near the goal.

    z, y: (…, H, W); epsilon: pixels, 0 or more. Source: Jadon 2020, arXiv:2006.14822, log-cosh Dice loss.

    >>> log_cosh_dice(torch.zeros(1, 2), torch.tensor([[1, 0]]), epsilon=0)  # log cosh ½
    tensor(0.1201)
    """
    return reduce_pictures(log_cosh_dice_of(*soft_counts(z, y), epsilon), reduction)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole; 0 where both are 0."""
    return part / torch.where(whole > 0, whole, torch.ones_like(whole))
