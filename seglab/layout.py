"""In which order a network's numbers lie in memory."""

from __future__ import annotations

import torch
from torch import nn


def channels_last(net: nn.Module) -> nn.Module:
    """Return the network with the channels of each place side by side, whether its pictures are flat or volumes.

    CPU kernels and half precision on a GPU are fastest so; `optimizer.MuonAdamW` wants it.
    """
    deep = any(p.ndim == 5 for p in net.parameters())
    return net.to(memory_format=torch.channels_last_3d if deep else torch.channels_last)  # type: ignore[call-overload]
