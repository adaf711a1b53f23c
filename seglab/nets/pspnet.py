"""PSPNet (Zhao, Shi, Qi, Wang & Jia 2017, CVPR, arXiv:1612.01105, fig. 3): means over 1, 4, 9, 36 regions as context.

Fixed: FCN decides a pixel by what lies near it and calls the boat on the river a car (fig. 2 there). Here the mean of
the whole map, of its quarters, ninths and 36ths is laid beside every pixel: `PyramidPooling`, the line marked ← below.
Lacks: nothing brings back what stride 8 has lost, boundaries come from a bilinear enlargement by 8; the grid of regions
is fixed, wherever the objects lie; a ResNet kept at stride 8 by dilation (`encoders._dilate`) costs 4 and 16 times the
MACs in its last two stages.
Differs: torchvision's ResNet-101 begins with one 7×7 convolution, theirs with three of 3×3; their second loss on
stage 4, used in training only, is left out. Without it: 65.6 M parameters here, 65.9 M there (Wang et al. 2020,
arXiv:1908.07919, table 3, for 19 classes).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.encoders import Encoder, encoder

BINS = (1, 2, 3, 6)  # n: the map is cut into n×n regions


class PyramidPooling(nn.Module):
    """Fig. 3(c): for each n, mean over n×n regions, 1×1 convolution to a quarter of the channels, enlarged again."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(n),
                nn.Conv2d(c_in, c_in // len(BINS), 1, bias=False),
                PooledBatchNorm(c_in // len(BINS)),
                nn.ReLU(),
            )
            for n in BINS
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) → (N, 2C, h, w)."""
        means = [level(x) for level in self.levels]  # (N, C/4, n, n) for n = 1, 2, 3, 6
        means = [F.interpolate(m, x.shape[-2:], mode="bilinear", align_corners=False) for m in means]  # (N, C/4, h, w)
        return torch.cat([x, *means], 1)  # (N, 2C, h, w)


class PSPNet(nn.Module):
    """A dilated encoder, pyramid pooling, one 3×3 convolution, logits enlarged to the picture's size.

    Args:
        backbone: an encoder, in the paper a ResNet of stride 8.
        n_classes: K.
        width: channels after the fusion.
    """

    def __init__(self, backbone: Encoder, n_classes: int, width: int = 512) -> None:
        super().__init__()
        c = backbone.channels[-1]
        self.encoder = backbone
        self.pyramid = PyramidPooling(c)
        self.fuse = nn.Sequential(
            nn.Conv2d(2 * c, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout2d(0.1)
        )
        self.classify = nn.Conv2d(width, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = self.encoder(x)[-1]  # (N, C, H/8, W/8)
        y = self.pyramid(y)  # (N, 2C, H/8, W/8)  ← the context of every size joins here
        y = self.fuse(y)  # (N, 512, H/8, W/8)
        y = self.classify(y)  # (N, K, H/8, W/8)
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)


class PooledBatchNorm(nn.BatchNorm2d):
    """BatchNorm behind a pooling to 1×1: one picture alone has a single value there, so it takes the running mean."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, n, n) → the same size."""
        if x.shape[0] * x.shape[2] * x.shape[3] > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def paper_size(n_classes: int = 21) -> PSPNet:
    """ResNet-101 at stride 8, 65.6 M parameters.

    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 21, 64, 64])
    """
    return PSPNet(encoder("resnet101", stride=8), n_classes)


def small(n_classes: int) -> PSPNet:
    """For 128×128 scenes: a small encoder at stride 8, 64 channels after the fusion.

    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return PSPNet(encoder("tiny", stride=8), n_classes, width=64)
