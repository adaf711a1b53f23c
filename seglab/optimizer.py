"""Muon for the convolution kernels, AdamW for the rest, behind one face.

A kernel (c_out, c_in, k, k) is a matrix with c_out rows (one of volumes, with k×k×k, as well): Muon takes its averaged
gradient, replaces it by the nearest matrix whose singular values are all 1, and steps by that (Jordan et al. 2024,
"Muon: an optimizer for hidden layers in neural networks"). So the rare directions, a pole or a sign, move as far in a
step as the frequent ones. Biases, BatchNorm, the first layer and the classifier stay with AdamW, as its authors advise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class MuonAdamW:
    """Both optimisers as one; rates are set together, as a share of their peaks.

    Args:
        net: in channels_last memory format (`channels_last`), whose kernels are matrices without being copied.
        muon: peak learning rate of the kernels.
        adamw: peak learning rate of the rest.
        weight_decay: of the kernels, decoupled: a step takes rate × weight_decay of them away.

    Raises:
        ValueError: the network isn't in channels_last format.
    """

    def __init__(self, net: nn.Module, muon: float, adamw: float, weight_decay: float) -> None:
        kernels = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d | nn.Conv3d)]
        # The first sees colours and the last makes the classes: the rows or columns of neither are interchangeable.
        self._kernels = kernels[1:-1]
        hidden = {id(p) for p in self._kernels}
        rest = [p for p in net.parameters() if id(p) not in hidden]
        # Parameters of two dimensions that share the kernels' memory: torch's Muon takes no others.
        self._matrices = [nn.Parameter(_matrix(p.data)) for p in self._kernels]
        self._muon = torch.optim.Muon(self._matrices, lr=muon, weight_decay=weight_decay, momentum=0.95)
        self._adamw = torch.optim.AdamW(rest, lr=adamw, weight_decay=0.0)
        self._peaks = ((self._muon, muon), (self._adamw, adamw))

    def set_rate(self, share: float) -> None:
        """Set both learning rates to `share` (0..1) of their peaks."""
        for optimizer, peak in self._peaks:
            for group in optimizer.param_groups:
                group["lr"] = peak * share

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for kernel in self._kernels:
            kernel.grad = None
        self._adamw.zero_grad()

    def step(self) -> None:
        """Move the weights."""
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.movedim(1, -1).flatten(1)
        self._muon.step()
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])


def _matrix(kernel: Tensor) -> Tensor:
    """(c_out, c_in, k, k) → (c_out, k·k·c_in), the same memory."""
    try:
        return kernel.movedim(1, -1).view(len(kernel), -1)
    except RuntimeError as error:
        raise ValueError("MuonAdamW wants a network in channels_last format; call net.to(memory_format=…).") from error
