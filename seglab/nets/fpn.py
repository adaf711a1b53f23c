"""FPN (Lin et al. 2017, arXiv:1612.03144, fig. 3) and its segmentation head (Kirillov et al. 2019, 1901.02446, fig. 3).

What it fixed: FCN asks each scale once, and large and small things of a class look alike to none of its maps. FPN walks
from the coarsest map down to the finest, ×2 each time, and adds the encoder's own map of that size (a 1×1 convolution
makes the channels equal): every level of the pyramid knows what is there *and* where, and things are found at the level
of their size. For segmentation each level is brought to stride 4 and they are added up: a prediction from every level,
merged. (The last 1×1 convolution is linear: classifying the sum is the sum of what it would say of each level.)

What it lacks: maps finer than stride 4, so thin things suffer; sums weigh all levels alike at every place.

28.5 M parameters over ResNet-50, 15.4 M over ResNet-18 and 47.5 M over ResNet-101 for 150 classes; "Semantic FPN" is
listed with 28.5, 15.5 and 47.5 M by Wang et al. 2021 (PVT, arXiv:2102.12122, table 4). Ours differs: sides are padded
to multiples of 32.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.blocks import padded
from seglab.nets.encoders import Encoder, encoder
from seglab.nets.street import Residual, conv_bn


class FPN(nn.Module):
    """An encoder with maps at strides 4, 8, 16 and 32, the pyramid on them, and a head that merges its levels.

    Args:
        backbone: the encoder, of stride 32.
        n_classes: K, the number of classes.
        width: channels of the pyramid.
        head: channels of the head, a multiple of 4: GroupNorm's groups are of 4 channels, as in the paper.
    """

    def __init__(self, backbone: Encoder, n_classes: int, width: int = 256, head: int = 128) -> None:
        super().__init__()
        self.encoder = backbone
        c4, c8, c16, c32 = backbone.channels[1:]
        self.lateral4, self.lateral8 = nn.Conv2d(c4, width, 1), nn.Conv2d(c8, width, 1)
        self.lateral16, self.lateral32 = nn.Conv2d(c16, width, 1), nn.Conv2d(c32, width, 1)
        # After a sum of maps of two sizes, a 3×3 convolution against the aliasing (Lin et al., section 3).
        self.smooth4, self.smooth8 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.smooth16, self.smooth32 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.branch4, self.branch8 = branch(width, head, 0), branch(width, head, 1)
        self.branch16, self.branch32 = branch(width, head, 2), branch(width, head, 3)
        self.classify = nn.Conv2d(head, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 1."""
        h, w = x.shape[-2:]
        _, s4, s8, s16, s32 = self.encoder(padded(x, 32))  # bottom-up
        p32 = self.lateral32(s32)  # (N, 256, H/32, W/32), top-down from here
        p16 = self.lateral16(s16) + double(p32)  # (N, 256, H/16, W/16)
        p8 = self.lateral8(s8) + double(p16)  # (N, 256, H/8, W/8)
        p4 = self.lateral4(s4) + double(p8)  # (N, 256, H/4, W/4)
        y = (  # every level at stride 4, merged
            self.branch4(self.smooth4(p4))
            + self.branch8(self.smooth8(p8))
            + self.branch16(self.smooth16(p16))
            + self.branch32(self.smooth32(p32))
        )  # (N, 128, H/4, W/4)
        y = self.classify(y)  # (N, K, H/4, W/4)
        return F.interpolate(y, scale_factor=4, mode="bilinear", align_corners=False)[..., :h, :w]  # (N, K, H, W)


def double(x: Tensor) -> Tensor:
    """Repeat each cell of a map (N, C, h, w) into 2×2."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def branch(c_in: int, c_out: int, doublings: int) -> nn.Sequential:
    """3×3 convolution, GroupNorm, ReLU, bilinear ×2, as often as it takes to stride 4; once without ×2 if none."""
    layers: list[nn.Module] = []
    for n in range(max(1, doublings)):
        layers += [
            nn.Conv2d(c_out if n else c_in, c_out, 3, padding=1, bias=False),
            nn.GroupNorm(c_out // 4, c_out),
            nn.ReLU(inplace=True),
        ]
        if doublings:
            layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
    return nn.Sequential(*layers)


def paper_size(n_classes: int = 150, name: str = "resnet50", weights: str | None = None) -> FPN:
    """28.5 M parameters over ResNet-50; `name` and `weights` as in `seglab.nets.encoders.encoder`.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.empty(1, 3, 67, 91)).shape
    torch.Size([1, 150, 67, 91])
    """
    return FPN(encoder(name, weights=weights), n_classes)


def small(n_classes: int) -> FPN:
    """Over the tiny encoder, 64 channels in the pyramid, 32 in the head: 0.51 M parameters.

    >>> import torch
    >>> small(11)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 11, 64, 64])
    """
    return FPN(encoder("tiny"), n_classes, width=64, head=32)


def residual(channels: tuple[int, ...], blocks: tuple[int, ...], stride: int = 32) -> Encoder:
    """Build an encoder without a classifier to take weights from: residual blocks at each stride from 4 on."""
    stages: list[nn.Module] = [nn.Sequential(conv_bn(3, channels[0], stride=2), nn.ReLU())]
    for (c_in, c_out), n in zip(pairwise(channels), blocks, strict=True):
        stages.append(nn.Sequential(Residual(c_in, c_out, 2), *(Residual(c_out, c_out) for _ in range(n - 1))))
    return Encoder(stages, channels, stride)


def street() -> FPN:
    """SegLab's `street`, 11 classes: over residual blocks to be trained from scratch, 3.2 M parameters.

    >>> import torch
    >>> street()(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 11, 64, 64])
    """
    return FPN(residual((32, 64, 96, 160, 224), (2, 2, 2, 1)), 11, width=128, head=64)
