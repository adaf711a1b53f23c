"""DeepLab V1 (Chen, Papandreou, Kokkinos, Murphy & Yuille 2015, ICLR, arXiv:1412.7062): large field of view.

Fixed: FCN ends at stride 32 and enlarges by 32. Here VGG-16's last two poolings stop striding, so the map stays at
stride 8, and what follows is dilated ("with holes") so that the view stays as wide: conv5 with taps 2 apart, fc6
with taps 12 apart. fc6 shrinks from 7×7×4096 to 3×3×1024: 20.5 M parameters instead of 134.3 M (table 2 there).
Lacks: one size of context for all objects; boundaries, which the paper leaves to a fully connected CRF behind the
network, tuned apart from it.
Differs: no CRF, BatchNorm behind every convolution (theirs starts from VGG-16 trained on ImageNet and has none).
The poolings are 3×3, with a 3×3 mean behind the last, as in the authors' Caffe model "DeepLab-LargeFOV".
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def convs(c_in: int, c_out: int, n: int, dilation: int = 1) -> nn.Sequential:
    """Convolution 3×3, n times, with taps `dilation` apart, BatchNorm and ReLU behind each; the size stays."""
    layers: list[nn.Module] = []
    for i in range(n):
        conv = nn.Conv2d(c_out if i else c_in, c_out, 3, padding=dilation, dilation=dilation, bias=False)
        layers += [conv, nn.BatchNorm2d(c_out), nn.ReLU()]
    return nn.Sequential(*layers)


class DeepLabV1(nn.Module):
    """VGG-16 kept at stride 8 by dilation, fc6 and fc7 as convolutions, logits enlarged by 8.

    Args:
        n_classes: K.
        base: b, channels of the first block; 64 in VGG-16.
    """

    def __init__(self, n_classes: int, base: int = 64) -> None:
        super().__init__()
        b = base
        self.conv1 = convs(3, b, 2)
        self.conv2 = convs(b, 2 * b, 2)
        self.conv3 = convs(2 * b, 4 * b, 3)
        self.conv4 = convs(4 * b, 8 * b, 3)
        self.conv5 = convs(8 * b, 8 * b, 3, dilation=2)
        self.fc6 = nn.Sequential(convs(8 * b, 16 * b, 1, dilation=12), nn.Dropout(0.5))
        self.fc7 = nn.Sequential(
            nn.Conv2d(16 * b, 16 * b, 1, bias=False), nn.BatchNorm2d(16 * b), nn.ReLU(), nn.Dropout(0.5)
        )
        self.fc8 = nn.Conv2d(16 * b, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = max_pool(self.conv1(x), stride=2)  # (N, b, H/2, W/2), sizes rounded up
        y = max_pool(self.conv2(y), stride=2)  # (N, 2b, H/4, W/4)
        y = max_pool(self.conv3(y), stride=2)  # (N, 4b, H/8, W/8)
        y = max_pool(self.conv4(y), stride=1)  # (N, 8b, H/8, W/8)  ← VGG-16 would go to stride 16,
        y = max_pool(self.conv5(y), stride=1)  # (N, 8b, H/8, W/8)  ← and to 32: dilation 2 in conv5 instead
        y = F.avg_pool2d(y, 3, stride=1, padding=1)  # (N, 8b, H/8, W/8)
        y = self.fc6(y)  # (N, 16b, H/8, W/8)  ← the large field of view: dilation 12
        y = self.fc7(y)  # (N, 16b, H/8, W/8)
        y = self.fc8(y)  # (N, K, H/8, W/8)
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)


def max_pool(x: Tensor, stride: int) -> Tensor:
    """Maximum over 3×3; with stride 1 the size stays."""
    return F.max_pool2d(x, 3, stride=stride, padding=1)


def paper_size(n_classes: int = 21) -> DeepLabV1:
    """VGG-16's widths, 20.5 M parameters.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 21, 64, 64])
    """
    return DeepLabV1(n_classes)


def small(n_classes: int) -> DeepLabV1:
    """For 128×128 scenes: an eighth of the widths. All dilations stay: 12 still fits the map of 16×16.

    >>> import torch
    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return DeepLabV1(n_classes, base=8)
