"""Lovász hinge and Lovász-softmax: the piecewise linear, convex way through the Jaccard loss of hard masks.

Conventions: see `seglab.losses.inputs` for the hinge, `seglab.losses.dense` for the softmax. Let the pixels be put into
the set of mistakes one by one, from the largest error m to the smallest. With P foreground pixels in the truth and
F of them and B background pixels wrong so far, the Jaccard loss is Δ = (F + B)/(P + B). Each pixel's weight g is what
it adds to Δ on joining, and the loss is Σ g_i m_i: it is 1 − IoU where all errors are 0 or 1.

Pixels with equal errors, as in painted masks, have no order. Here foreground joins before background, and equals of a
class share their steps evenly, which is a subgradient like any other, but one that does not depend on how the picture
was scanned: g = 1/(P + B>) for foreground, (P − F≥)/((P + B>)(P + B≥)) for background, where > and ≥ count the pixels
with an error greater, or at least as great. Without foreground (P = 0) Δ is 1 from the first mistake on: the loss is
the largest error.

Source: Berman, Triki & Blaschko 2018, arXiv:1705.08790, section 2 and algorithm 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seglab.losses.dense import check_classes, reduce_classes
from seglab.losses.inputs import Reduction, floating, prepare, reduce_pictures


@torch.no_grad()
def jaccard_steps(errors: Tensor, on: Tensor) -> Tensor:
    """Each pixel's weight g: (n,), 0 or more, for its error (n,) and whether it is foreground (n,), bool.

    >>> jaccard_steps(torch.tensor([0.9, 0.5, 0.1]), torch.tensor([False, True, True]))  # Δ = 1/3, 2/3, 3/3
    tensor([0.3333, 0.3333, 0.3333])
    """
    p = int(on.sum())
    if p == 0:
        largest = errors == errors.max()
        return largest.to(errors.dtype) / largest.sum()
    order = errors.argsort(descending=True)
    runs = torch.unique_consecutive(errors[order], return_counts=True)[1]
    end = runs.cumsum(0)  # where each run of equal errors ends, in this order
    found = on[order].cumsum(0)[end - 1]  # F≥ of each run
    background = end - found  # B≥
    before = torch.cat([background.new_zeros(1), background[:-1]])  # B>
    fg = 1 / (p + before).to(errors.dtype)
    bg = (p - found) * fg / (p + background)
    steps = torch.where(on[order], fg.repeat_interleave(runs), bg.repeat_interleave(runs))
    return torch.empty_like(steps).scatter_(0, order, steps)


def lovasz_hinge(z: Tensor, y: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Σ g_i max(1 − s_i z_i, 0) with s = +1 on foreground and −1 on background, 0 or more and not bounded above.

    A pixel whose logit is right by a margin of 1 counts no more. An empty truth gives the largest error, see above.

    z, y: (…, H, W). Source: Berman et al. 2018, section 2.1.

    >>> lovasz_hinge(torch.tensor([[-1.0, 3.0]]), torch.tensor([[1, 0]]))  # errors 2 and 4, steps ½ and ½
    tensor(3.)
    """
    z, on, off = prepare(z, y)
    shape = z.shape[:-2]
    pictures = zip(*(t.reshape(-1, z.shape[-2] * z.shape[-1]) for t in (z, on, off)), strict=True)
    return reduce_pictures(torch.stack([_hinge(*picture) for picture in pictures]).reshape(shape), reduction)


def _hinge(z: Tensor, on: Tensor, off: Tensor) -> Tensor:
    errors = (1 - (on - off) * z).relu() * (on + off)  # an ignored pixel joins last, with an error of 0
    return (jaccard_steps(errors.detach(), on > 0) * errors).sum()


def lovasz_softmax(logits: Tensor, target: Tensor, ignore_index: int = 255, *, reduction: Reduction = "mean") -> Tensor:
    """Mean over the classes in the truth of Σ g_i |[t_i = k] − p_ik|, 0..1, over the batch's pixels together.

    Args:
        logits: (N, K, H, W), finite.
        target: (N, H, W), int64, 0..K−1 or `ignore_index`.
        ignore_index: the target value of pixels that do not count.
        reduction: "none" gives (K,), NaN for a class that the truth lacks; "mean" and "sum" skip it.

    Raises:
        ValueError: shapes that don't fit, NaN, or a target that is no class.

    >>> lovasz_softmax(torch.tensor([[[[9.0]], [[-9.0]]]]), torch.ones(1, 1, 1).long())  # class 1 all wrong
    tensor(1.)
    """
    check_classes(logits, target, ignore_index)
    counted = target != ignore_index
    p = floating(logits).softmax(1).movedim(1, 0)[:, counted]  # (K, counted pixels)
    label = target[counted]
    present = torch.bincount(label, minlength=len(p)) > 0
    values = [p[k].sum() * 0 if not present[k] else _distance(p[k], label == k) for k in range(len(p))]
    return reduce_classes(torch.stack(values), present, reduction)


def _distance(p: Tensor, on: Tensor) -> Tensor:
    errors = torch.where(on, 1 - p, p)
    return (jaccard_steps(errors.detach(), on) * errors).sum()
