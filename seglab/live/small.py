"""A network small enough to train while a visitor looks on: 23 thousand weights, three scales, sums across.

The form is an FPN's (Lin et al. 2017, fig. 3): convolutions to a quarter of the size, and on the way back up the map of
each scale is added. No scale below that: a thing of 4 pixels is one pixel there, and what it needs to see is near it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn


def _conv(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)
    )


class Small(nn.Module):
    """Foreground against background.

    Args:
        width: channels at full size; twice and four times as many at a half and a quarter.

    >>> Small()(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 64, 64])
    """

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.at_full = _conv(3, width)
        self.at_half = nn.Sequential(_conv(width, 2 * width, 2), _conv(2 * width, 2 * width))
        self.at_quarter = nn.Sequential(_conv(2 * width, 4 * width, 2), _conv(4 * width, 4 * width))
        self.to_half, self.to_full = _conv(4 * width, 2 * width), _conv(2 * width, width)
        self.classify = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised, H and W multiples of 4 → logits (N, H, W)."""
        full = self.at_full(x)  # (N, w, H, W)
        half = self.at_half(full)  # (N, 2w, H/2, W/2)
        quarter = self.at_quarter(half)  # (N, 4w, H/4, W/4)
        half = half + F.interpolate(self.to_half(quarter), scale_factor=2.0)  # (N, 2w, H/2, W/2)
        full = full + F.interpolate(self.to_full(half), scale_factor=2.0)  # (N, w, H, W)
        return self.classify(full)[:, 0]  # (N, H, W)


@torch.no_grad()
def begin(net: nn.Module, rng: Generator) -> None:
    """Fill convolutions and linear layers as torch does (He et al. 2015, uniform, a = √5), from a generator of its own.

    Torch's own filling takes from the generator that all threads share: two visitors' runs would change each other's.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for values in (module.weight, module.bias):
                if values is not None:
                    values.uniform_(-bound, bound, generator=rng)
