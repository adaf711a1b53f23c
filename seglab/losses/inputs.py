"""What all binary losses share: the check of their input, and the reduction of their terms.

Conventions of every binary loss `loss(z, y, **parameters, reduction="mean")`:

- z (…, H, W): logits of any floating type; p = 1/(1 + exp(−z)) is the probability of foreground. Half precision is
  computed in fp32, and fp64 stays fp64. Finite values and gradients for logits of ±100 and beyond.
- y (…, H, W): the truth, bool, integer or float: 1 = foreground, 0 = background, 255 = ignored. An ignored pixel is in
  no sum and no count, its gradient is 0; in distance maps it passes for background.
- Each (H, W) is a picture. A loss with **terms per pixel** gives with reduction "none" its map (…, H, W), with "mean"
  Σ terms / N over the N counted pixels of all pictures, with "sum" Σ terms. A loss **per picture** (Dice and the like)
  gives (…), one number for each picture, their mean, or their sum.
- Where no pixel counts, pixel losses are 0, and losses per picture have the value of a perfect answer; the gradient
  is 0. What an empty truth or an empty prediction gives is said by each loss.
- ValueError: unequal shapes, no pixels, NaN or infinity in z, other values in y, a parameter out of its range.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

IGNORE = 255  # the truth's value for pixels that do not count

Reduction = Literal["none", "mean", "sum"]


def prepare(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Check logits and truth; return z, where the truth is 1 and where it is 0, all (…, H, W) in fp32 or fp64.

    An ignored pixel is 0 in both maps. ValueError as the module says.

    >>> z, on, off = prepare(torch.zeros(1, 3).half(), torch.tensor([[1, 0, 255]]))
    >>> z.dtype, on.tolist(), off.tolist()
    (torch.float32, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    """
    if z.shape != y.shape:
        raise ValueError(
            f"The logits are {tuple(z.shape)} and the truth {tuple(y.shape)}; they must have one shape. "
            f"Resize the logits, not the truth."
        )
    if z.ndim < 2 or z.numel() == 0:
        raise ValueError(f"A loss needs pixels, (…, H, W); got {tuple(z.shape)}.")
    z = floating(z)
    if not torch.isfinite(z).all():
        raise ValueError(
            "The logits hold NaN or infinity, so there is no loss. A network that gives those has diverged: lower "
            "its learning rate; of probabilities 0 and 1, clip them before taking logits."
        )
    on, off = y == 1, y == 0
    if not (on | off | (y == IGNORE)).all():
        wrong = y[~(on | off | (y == IGNORE))][0].item()
        raise ValueError(
            f"The truth holds {wrong}; wanted 1 for foreground, 0 for background, {IGNORE} for pixels to ignore."
        )
    return z, on.to(z.dtype), off.to(z.dtype)


def floating(z: Tensor) -> Tensor:
    """Return fp64 as it is, and all else as fp32: half precision has 3 digits, too few for sums over pixels.

    >>> floating(torch.zeros(1).half()).dtype, floating(torch.zeros(1).double()).dtype
    (torch.float32, torch.float64)
    """
    return z if z.dtype == torch.float64 else z.float()


def within(name: str, value: float, low: float, high: float = math.inf) -> None:
    """ValueError unless low ≤ value ≤ high and the value is finite.

    >>> within("gamma", -1, 0)
    Traceback (most recent call last):
    ValueError: gamma is -1; it must be a number of 0 or more.
    """
    if not (low <= value <= high and math.isfinite(value)):
        span = f"a number of {low:g} or more" if high == math.inf else f"between {low:g} and {high:g}"
        raise ValueError(f"{name} is {value}; it must be {span}.")


def reduce_pixels(terms: Tensor, n: Tensor, reduction: Reduction) -> Tensor:
    """Return the map, its sum, or its sum by the number n of counted pixels (0 if there is none).

    >>> reduce_pixels(torch.tensor([[1.0, 3.0, 0.0]]), torch.tensor(2.0), "mean")
    tensor(2.)
    """
    _check(reduction)
    if reduction == "none":
        return terms
    return terms.sum() if reduction == "sum" else terms.sum() / n.clamp(min=1)


def reduce_pictures(values: Tensor, reduction: Reduction) -> Tensor:
    """Return the values (…), one for each picture or class, their mean, or their sum.

    >>> reduce_pictures(torch.tensor([1.0, 3.0]), "mean")
    tensor(2.)
    """
    _check(reduction)
    if reduction == "none":
        return values
    return values.sum() if reduction == "sum" else values.mean()


def _check(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction is {reduction!r}; it must be 'none', 'mean' or 'sum'.")
