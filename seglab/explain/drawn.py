"""What every method gives: a map before its ReLU, and where it has them the channels that it is the sum of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map, raw (h, w), and the score y.

    A (C, h, w): the layer's activations; alpha (C,): the channels' weights, where raw is Σ_k α_k A^k; gap: what
    integrated gradients miss of completeness; G (C, h, w): ∂y/∂A, of Grad-CAM alone. None where a method has no such
    thing.
    """

    raw: Tensor
    y: float
    A: Tensor | None = None
    alpha: Tensor | None = None
    gap: float | None = None
    G: Tensor | None = None


def weighed(alpha: Tensor, A: Tensor, y: float) -> Drawn:
    """Return the sum over channels Σ_k α_k A^k, of alpha (C,) and A (C, h, w).

    >>> weighed(torch.tensor([2.0, -1.0]), torch.ones(2, 1, 3), 0.0).raw
    tensor([[1., 1., 1.]])
    """
    return Drawn(torch.einsum("k,khw->hw", alpha, A), y, A, alpha)
