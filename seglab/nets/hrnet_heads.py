"""The three heads of HRNet (Wang et al. 2020, PAMI, arXiv:1908.07919, fig. 4): what is read off its branches.

V1: the highest resolution alone, as for poses in 2019; what the coarse branches know reaches it by the fusions only.
V2: all four, enlarged to stride 4, laid side by side (15w channels) and mixed by 1×1: for segmentation.
V2p: a pyramid of V2's map, by means over 2×2, 4×4, …: for detection, where each level finds objects of one size.
Lacks: V1 leaves out all but one branch; V2 needs 15w channels at stride 4; V2p is no segmenter by itself.
Differs: the bias before V2's BatchNorm, which cancels it, is left out. V2p has no published way to logits; ours gives
them from every level by one shared 1×1 and adds them up, much as FPNs do (Kirillov et al. 2019, arXiv:1901.02446).

Maps, finest first: (N, w, H/4, W/4), (N, 2w, H/8, W/8), (N, 4w, H/16, W/16), (N, 8w, H/32, W/32).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Maps = list[Tensor]
LEVELS = 5  # of V2p: strides 4, 8, 16, 32, 64


class HeadV1(nn.Module):
    """Fig. 4(a): logits from the highest resolution alone."""

    def __init__(self, c: Sequence[int], n_classes: int) -> None:
        super().__init__()
        self.classify = nn.Conv2d(c[0], n_classes, 1)

    def forward(self, maps: Maps) -> Tensor:
        """Maps → logits (N, K, H/4, W/4)."""
        return self.classify(maps[0])  # (N, K, H/4, W/4)


class HeadV2(nn.Module):
    """Fig. 4(b): all branches at the highest resolution, side by side, mixed by 1×1."""

    def __init__(self, c: Sequence[int], n_classes: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv2d(sum(c), sum(c), 1, bias=False), nn.BatchNorm2d(sum(c)), nn.ReLU())
        self.classify = nn.Conv2d(sum(c), n_classes, 1)

    def forward(self, maps: Maps) -> Tensor:
        """Maps → logits (N, K, H/4, W/4)."""
        y = beside(maps)  # (N, 15w, H/4, W/4)
        return self.classify(self.mix(y))  # (N, K, H/4, W/4)


class HeadV2p(nn.Module):
    """Fig. 4(c): V2's map squeezed to `width` channels, halved by means again and again, a 3×3 on each level."""

    def __init__(self, c: Sequence[int], n_classes: int, width: int = 256) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(sum(c), width, 1)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(LEVELS))
        self.classify = nn.Conv2d(width, n_classes, 1)

    def pyramid(self, maps: Maps) -> Maps:
        """Maps → (N, width, H/4, W/4) … (N, width, H/64, W/64), what detectors take."""
        y = self.squeeze(beside(maps))  # (N, width, H/4, W/4)
        levels = [F.avg_pool2d(y, 2**n, ceil_mode=True) for n in range(LEVELS)]  # (N, width, H/4·2ⁿ, W/4·2ⁿ)
        return [smooth(level) for smooth, level in zip(self.smooth, levels, strict=True)]

    def forward(self, maps: Maps) -> Tensor:
        """Maps → logits (N, K, H/4, W/4)."""
        logits = [self.classify(level) for level in self.pyramid(maps)]  # (N, K, H/4 … H/64, W/4 … W/64)
        return torch.stack([enlarge(y, maps[0]) for y in logits]).sum(0)  # (N, K, H/4, W/4)


def beside(maps: Maps) -> Tensor:
    """Enlarge all maps to the first one's size and lay them side by side: (N, Σ channels, h, w)."""
    return torch.cat([enlarge(x, maps[0]) for x in maps], 1)


def enlarge(y: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the height and width of `like`."""
    return F.interpolate(y, like.shape[-2:], mode="bilinear", align_corners=False)
