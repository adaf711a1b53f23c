"""Losses that are a mean over pixels: cross-entropy of foreground against background, and its weighted relatives.

Conventions: see `seglab.losses.inputs`. All are (1/N) Σ_i w_i · (−log q_i), where q_i is the probability of what is
true at pixel i (p where y = 1, 1 − p where y = 0; "p_t" in the papers) and w_i a weight. They differ in w alone. With
the sign s = ±1 of the truth, log q = log σ(s·z): computed so from the logit, it is exact where q itself is 0 in fp32.
An empty or a full truth is nothing special here, except for `balanced_bce`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from seglab.losses.inputs import Reduction, prepare, reduce_pixels, within


def bce_terms(z: Tensor, on: Tensor, off: Tensor) -> Tensor:
    """−y log p − (1 − y) log(1 − p) of each pixel, 0 where ignored: (…, H, W), from what `prepare` returns.

    >>> import torch
    >>> bce_terms(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([[0.6931, 0.0000]])
    """
    return -(on + off) * F.logsigmoid((on - off) * z)


def bce(z: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy, −(1/N) Σ [y log p + (1 − y) log(1 − p)], 0 or more; ∂/∂z is (p − y)/N.

    z, y: (…, H, W). Source: the negative log-likelihood of independent coin tosses; Jadon 2020, arXiv:2006.14822.

    >>> import torch
    >>> bce(torch.zeros(1, 2), torch.tensor([[1, 0]]))  # p = 1/2: log 2
    tensor(0.6931)
    """
    z, on, off = prepare(z, y)
    return reduce_pixels(bce_terms(z, on, off), (on + off).sum(), reduction)


def weighted_bce(z: Tensor, y: Tensor, beta: float = 2.0, *, reduction: Reduction = "mean") -> Tensor:
    """BCE with the foreground counted β times, −(1/N) Σ [β y log p + (1 − y) log(1 − p)].

    β > 1 cuts false negatives, β < 1 cuts false positives; β = 1 is BCE. At a pixel of which a share s of the labels
    says foreground, the best p is βs/(βs + 1 − s), no longer s: the probabilities are bent.

    z, y: (…, H, W); beta: 0 or more. Source: Jadon 2020, arXiv:2006.14822, weighted binary cross-entropy.

    >>> import torch
    >>> weighted_bce(torch.zeros(1, 2), torch.tensor([[1, 0]]), beta=3)  # (3 + 1)/2 · log 2
    tensor(1.3863)
    """
    within("beta", beta, 0)
    z, on, off = prepare(z, y)
    return reduce_pixels((beta * on + off) * bce_terms(z, on, off), (on + off).sum(), reduction)


def balanced_bce(z: Tensor, y: Tensor, beta: float | None = None, *, reduction: Reduction = "mean") -> Tensor:
    """−(1/N) Σ [β y log p + (1 − β)(1 − y) log(1 − p)], by default with β = share of background in the picture's truth.

    So both classes weigh the same, together at most half of BCE. With one class alone (an empty or full truth), that
    class has the weight 0: the loss and its gradient are 0, and nothing is learnt from the picture.

    z, y: (…, H, W); beta: 0..1, or None for each picture's own. Source: Xie & Tu 2015 (HED), arXiv:1504.06375, eq. 2,
    where it is a sum over pixels.

    >>> import torch
    >>> balanced_bce(torch.zeros(1, 4), torch.tensor([[1, 0, 0, 0]]))  # (3/4 + 3·1/4)/4 · log 2
    tensor(0.2599)
    """
    z, on, off = prepare(z, y)
    if beta is None:
        n = (on + off).sum((-2, -1), keepdim=True)
        share: Tensor | float = off.sum((-2, -1), keepdim=True) / n.clamp(min=1)
    else:
        within("beta", beta, 0, 1)
        share = beta
    return reduce_pixels((share * on + (1 - share) * off) * bce_terms(z, on, off), (on + off).sum(), reduction)


def focal(z: Tensor, y: Tensor, gamma: float = 2.0, alpha: float = 0.25, *, reduction: Reduction = "mean") -> Tensor:
    """(1/N) Σ −α_t (1 − q)^γ log q, where q is the probability of what is true; α_t = α where y = 1, else 1 − α.

    γ turns down pixels that are right already: at q = 0.9 and γ = 2 to 1/100. γ = 0 is the α-weighted cross-entropy,
    and with α = ½ half of BCE. The paper divides by the number of positive anchors, here by that of pixels.

    z, y: (…, H, W); gamma: 0 or more; alpha: 0..1. Source: Lin et al. 2017, arXiv:1708.02002, eq. 5.

    >>> import torch
    >>> focal(torch.zeros(1, 1), torch.tensor([[1]]))  # ¼ · (1 − ½)² · log 2
    tensor(0.0433)
    """
    within("gamma", gamma, 0)
    within("alpha", alpha, 0, 1)
    z, on, off = prepare(z, y)
    # (1 − q)^γ by its logarithm: a power of 0 would have no gradient for γ < 1.
    easy = (gamma * F.logsigmoid((off - on) * z)).exp()
    terms = (alpha * on + (1 - alpha) * off) * easy * bce_terms(z, on, off)
    return reduce_pixels(terms, (on + off).sum(), reduction)
