"""Grad-CAM, written as its formula: where did the network look for this score?

    α_k = (1/Z) Σ_i Σ_j ∂y/∂A_ij^k          (eq. 1)
    L   = ReLU( Σ_k α_k A^k )               (eq. 2)

Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
arXiv:1610.02391. For segmentation y is a sum of the class's scores over chosen pixels, y = Σ_{(i,j)∈M} z_ij: that is
Seg-Grad-CAM, Vinogradova, Dibrov & Myers 2020, arXiv:2002.11434, eq. 1.

Conventions: x (1, 3, H, W) is the network's input; A (1, K, h, w) are the activations of one layer, Z = h·w; y is one
number, made from x by `score`. Maps are returned before the ReLU: what speaks against a class is worth seeing too, and
leaving it out is the last step, which a page does when it shows the map (`seglab.explain.report`).

The graph is kept only behind the layer: its output is cut loose, and what comes after it sees a new beginning. A loaded
network's parameters need no gradient, so that nothing before the layer is remembered: a pass costs little more than one
without gradients, and nothing is left in the network afterwards, neither a hook nor a `.grad`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

ScoreOf = Callable[[Tensor], Tensor]  # x (N, 3, H, W) → y (N,)


def grad_cam(score: ScoreOf, layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return Σ_k α_k A^k (h, w) before its ReLU, α (K,), A (K, h, w), G = ∂y/∂A (K, h, w) and y, without a graph.

    Args:
        score: makes y (1,) from x, and runs `layer` once meanwhile.
        layer: any module whose output is (1, K, h, w).
        x: (1, 3, H, W).

    Raises:
        ValueError: as `activations` and `gradient`.

    >>> layer = nn.Conv2d(3, 2, 1, bias=False).requires_grad_(False)
    >>> cam, alpha, A, G, y = grad_cam(lambda x: layer(x)[:, 1].sum((1, 2)), layer, torch.rand(1, 3, 4, 5))
    >>> alpha.tolist(), torch.equal(cam, A[1])  # y is the sum of channel 1
    ([0.0, 1.0], True)

    """
    y, A = activations(score, layer, x)  # (1,), (1, K, h, w)
    G = gradient(y, A)  # ∂y/∂A, (1, K, h, w)
    alpha = G.mean((2, 3))  # α_k = (1/Z) Σ_ij ∂y/∂A_ij^k, (1, K)
    cam = (alpha[:, :, None, None] * A).sum(1)  # Σ_k α_k A^k, (1, h, w)
    return cam[0].detach(), alpha[0], A[0].detach(), G[0], y[0].detach()


def activations(score: ScoreOf, layer: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Run score(x), and return y (N,) and the layer's output A (N, K, h, w), which the graph of y begins with.

    Raises:
        ValueError: the layer gives no (N, K, h, w), or runs not at all, or more than once.

    """
    seen: list[Tensor] = []

    def cut(module: nn.Module, inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != 4:
            got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f"A layer to explain gives maps (N, channels, h, w); this one gives {got}. Choose another."
            )
        seen.append(output.detach().requires_grad_())
        return seen[-1].clone()  # or the next step might overwrite A, as an in-place ReLU does

    hook = layer.register_forward_hook(cut)
    try:
        y = score(x)
    finally:
        hook.remove()
    if len(seen) != 1:
        raise ValueError(f"The layer runs {len(seen)} times for this score, and must run once: choose another layer.")
    return y, seen[0]


def gradient(y: Tensor, A: Tensor) -> Tensor:
    """Return ∂y/∂A (N, K, h, w); ValueError where y doesn't depend on A, or so little that it is 0 everywhere."""
    found = torch.autograd.grad(y.sum(), A, allow_unused=True)[0] if y.requires_grad else None
    if found is None:
        raise ValueError("The score doesn't depend on this layer, so it has no gradient there: choose another layer.")
    if not torch.isfinite(found).all():
        raise ValueError("The gradient isn't a number: the network's weights are damaged or were trained badly.")
    if not found.any():
        raise ValueError(
            "The gradient vanishes: no small change here changes the score at all. A ReLU further on may be shut "
            "everywhere, or a probability so near to 0 or 1 that it can't move: take the logit, or another layer."
        )
    return found
