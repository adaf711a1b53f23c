"""What several networks share: a picture's sides made divisible, and convolution + BatchNorm + ReLU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def padded(x: Tensor, multiple: int, least: int = 0) -> Tensor:
    """Repeat the last column and row of x (N, C, H, W) until its sides are multiples of `multiple`, and ≥ `least`.

    A network that halves its maps n times then gets back to the very size by n doublings, and `y[..., :H, :W]` cuts the
    answer to the picture. Only right and below: pixel (0, 0) stays where it is.

    >>> import torch
    >>> padded(torch.zeros(1, 3, 67, 91), 32).shape
    torch.Size([1, 3, 96, 96])
    """
    h, w = x.shape[-2:]
    down, right = (-max(side, least) % multiple + max(least - side, 0) for side in (h, w))
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


def conv_bn_relu(c_in: int, c_out: int, kernel: int = 3) -> nn.Sequential:
    """Convolution that keeps the size, BatchNorm, ReLU; the convolution has no bias, BatchNorm has one.

    >>> import torch
    >>> conv_bn_relu(3, 8)(torch.zeros(2, 3, 5, 7)).shape
    torch.Size([2, 8, 5, 7])
    """
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(inplace=True),
    )
