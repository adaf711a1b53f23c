"""What a loss does to its pixels: value, gradient, curve, surface and shares, as NumPy arrays in float64.

Conventions: losses are named by their key in `catalogue.LOSSES`, parameters by their names there. Pictures are
(H, W): z logits, y the truth as in `seglab.losses.inputs`. Gradients are ∂L/∂z, with respect to the logit: descent
raises z where they are negative. Inputs are never changed. ValueError as the losses give it, or for an unknown key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from seglab.losses.catalogue import find
from seglab.losses.inputs import IGNORE

Floats = NDArray[np.float64]

MOST = 30.0  # as sure as a painted mask gets: its 65 536 wrong 10^−13 then don't add up to anything beside ε


@dataclass(frozen=True, eq=False)
class Gradient:
    """A loss on a picture: its value, ∂L/∂z (H, W), and its terms per pixel (H, W), or None if it has none.

    The value is the terms' mean over the counted pixels.
    """

    value: float
    map: Floats
    terms: Floats | None


@dataclass(frozen=True)
class Shares:
    """How much of a loss is foreground's, 0..1 each, NaN where there is nothing to share.

    pixels: of the counted pixels; loss: of Σ |terms|, NaN for a loss without terms per pixel; gradient: of Σ |∂L/∂z|.
    foreground, background: Σ ∂L/∂z over each, with its sign. Their sum is the gradient on the last layer's bias: where
    it is positive, a step lowers all logits together.
    """

    pixels: float
    loss: float
    gradient: float
    foreground: float
    background: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Loss and slope ∂L/∂z of a picture of one pixel, for each p: (P,) both."""

    loss: Floats
    slope: Floats


def logits(p: ArrayLike, most: float = MOST) -> Floats:
    """Logits log(p/(1 − p)) of probabilities 0..1 of any shape, limited to ±most: a painted 0 or 1 has none of its own.

    So a pixel that is painted wrong costs `most` in cross-entropy.

    >>> logits([0.5, 1.0]).tolist()
    [0.0, 30.0]
    """
    probs = np.asarray(p, np.float64)
    if not ((probs >= 0) & (probs <= 1)).all():
        raise ValueError("Probabilities must be 0 to 1, without NaN.")
    with np.errstate(divide="ignore"):
        return np.clip(np.log(probs) - np.log1p(-probs), -most, most)


def gradient(key: str, z: ArrayLike, y: ArrayLike, **parameters: float) -> Gradient:
    """Value of a loss on a picture, its gradient with respect to the logits by autograd, and its terms per pixel.

    >>> found = gradient("bce", [[0.0, 0.0]], [[1, 0]])
    >>> round(found.value, 4), found.map.tolist()  # (p − y)/N
    (0.6931, [[-0.25, 0.25]])
    """
    x, truth = _picture(z).requires_grad_(), _picture(y)
    if x.ndim != 2:
        raise ValueError(f"A picture of logits is (H, W); got {tuple(x.shape)}.")
    out = find(key).function(x, truth, **parameters, reduction="none")
    terms = out if out.shape == x.shape else None
    value = out if terms is None else out.sum() / max(1, int((truth != IGNORE).sum()))
    (found,) = torch.autograd.grad(value, x)
    return Gradient(value.item(), found.numpy(), None if terms is None else terms.detach().numpy())


def shares(found: Gradient, y: ArrayLike) -> Shares:
    """How much of a loss and of its gradient comes from foreground: BCE drowns a small object, Dice doesn't.

    found: what `gradient` gave for the truth y (H, W).

    >>> y = [[1, 0, 0, 0]]
    >>> shares(gradient("bce", [[0.0, 0.0, 0.0, 0.0]], y), y)
    Shares(pixels=0.25, loss=0.25, gradient=0.25, foreground=-0.125, background=0.375)
    """
    truth = np.asarray(y)
    if truth.shape != found.map.shape:
        raise ValueError(f"The truth is {truth.shape} and the gradient {found.map.shape}; they must be of one picture.")
    on, off = truth == 1, truth == 0
    return Shares(
        _share(np.ones(truth.shape), on, off),
        float("nan") if found.terms is None else _share(found.terms, on, off),
        _share(found.map, on, off),
        float(found.map[on].sum()),
        float(found.map[off].sum()),
    )


def curve(key: str, p: ArrayLike, y: int, **parameters: float) -> Curve:
    """Loss and its slope over p for one pixel of truth y.

    For a loss that isn't `per_pixel`, this is a picture of that one pixel alone. There the balanced BCE is 0, by its
    own β: hand in `beta`, the share of background in the picture that the pixel is thought to be from.

    p: (P,), between 0 and 1, both excluded; y: 0 or 1.

    >>> curve("bce", [0.25, 0.5], 1).slope.tolist()  # p − 1
    [-0.75, -0.5]
    """
    grid = np.asarray(p, np.float64)
    if grid.ndim != 1 or not ((grid > 0) & (grid < 1)).all():
        raise ValueError("A curve needs a list of probabilities, above 0 and below 1.")
    z = torch.from_numpy(np.log(grid) - np.log1p(-grid))[:, None, None].requires_grad_()
    values = find(key).function(z, torch.full_like(z, y), **parameters, reduction="none").flatten()
    (slope,) = torch.autograd.grad(values.sum(), z)
    return Curve(values.detach().numpy(), slope.flatten().numpy())


def surface(key: str, n_positive: int, n_total: int, fp: ArrayLike, fn: ArrayLike, **parameters: float) -> Floats:
    """Loss of hard masks by their counts of false positives and negatives: (len(fn), len(fp)).

    For the losses with `of_counts` (Dice, Jaccard, Tversky and what is made of them); any other needs more than counts.

    Args:
        key: the loss.
        n_positive: foreground pixels in the truth, of n_total pixels.
        n_total: all pixels.
        fp: (A,), false positives, 0..n_total − n_positive.
        fn: (B,), false negatives, 0..n_positive.
        parameters: the loss's own.

    >>> surface("jaccard", 4, 100, [0, 4], [0, 4], epsilon=0).tolist()  # 1 − TP/(TP + FP + FN)
    [[0.0, 0.5], [1.0, 1.0]]
    """
    loss = find(key)
    if loss.of_counts is None:
        raise ValueError(f"{loss.title} isn't a function of TP, FP and FN alone, so it has no surface over them.")
    wrong_fp, wrong_fn = np.asarray(fp, np.float64), np.asarray(fn, np.float64)
    for name, counts, most in (("fp", wrong_fp, n_total - n_positive), ("fn", wrong_fn, n_positive)):
        if counts.ndim != 1 or not ((counts >= 0) & (counts <= most)).all():
            raise ValueError(f"{name} must be a list of counts, 0 to {most}, with {n_positive} of {n_total} positive.")
    miss = torch.from_numpy(wrong_fn)[:, None].expand(-1, len(wrong_fp))
    alarm = torch.from_numpy(wrong_fp).expand(len(wrong_fn), -1)
    return loss.of_counts(n_positive - miss, alarm, miss, **parameters).numpy()


def vnet_dice_gradient(p: ArrayLike, g: ArrayLike, epsilon: float = 0.0) -> Floats:
    """∂D/∂p_j = 2[g_j(Σp² + Σg² + ε) − p_j(2Σpg + ε)]/(Σp² + Σg² + ε)² of V-Net's D = (2Σpg + ε)/(Σp² + Σg² + ε).

    In closed form, to compare with autograd: of the loss 1 − D by the logit, it is −∂D/∂p_j · p_j(1 − p_j).

    p, g: probabilities and truth of one picture, of one shape. Source: Milletari et al. 2016, arXiv:1606.04797,
    section 3, with ε = 0; there the 2 in 2p_jΣpg stands inside, for the same value.

    >>> vnet_dice_gradient([0.5, 0.5], [1, 0]).round(4).tolist()  # 2[1 · 1.5 − 2 · ½ · ½]/1.5² and 2[0 − ½]/1.5²
    [0.8889, -0.4444]
    """
    probs, truth = np.asarray(p, np.float64), np.asarray(g, np.float64)
    if probs.shape != truth.shape:
        raise ValueError(f"p is {probs.shape} and g {truth.shape}; they must have one shape.")
    squares = (probs**2).sum() + (truth**2).sum() + epsilon
    return 2 * (truth * squares - probs * (2 * (probs * truth).sum() + epsilon)) / squares**2


def _picture(values: ArrayLike) -> Tensor:
    return torch.from_numpy(np.array(values, np.float64))


def _share(values: Floats, on: NDArray[np.bool_], off: NDArray[np.bool_]) -> float:
    a, b = float(np.abs(values[on]).sum()), float(np.abs(values[off]).sum())
    return a / (a + b) if a + b else float("nan")
