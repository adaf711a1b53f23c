"""HRNet (Sun et al. 2019, CVPR, arXiv:1902.09212; Wang et al. 2020, PAMI, arXiv:1908.07919, fig. 2 and 3).

Fixed: all others shrink the map and try to bring back what was lost. Here the map at stride 4 is kept throughout;
branches at strides 8, 16, 32 join it one by one, and again and again *every branch hears from every other* (`Exchange`,
the line marked ← below): finer to coarser by strided 3×3, coarser to finer by 1×1 and bilinear enlargement.
Lacks: anything finer than stride 4; many small operations make it slow for its MACs; the fine branch takes memory.
Stages 2, 3, 4 have 1, 4, 3 modules of 4 residual blocks per branch, w, 2w, 4w, 8w channels wide (table 1 there).
Parameters: V1-W32 28.5 M, V1-W48 63.6 M (17 joints, 2019, tables 1 and 2), V2-W48 65.9 M (19 classes, 2020, table 3;
the 45.2 M printed there for V2-W40 are 45.9 M by count). Differs: no align_corners; V1's (2019) enlarges by repeating.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.hrnet_heads import HeadV1, HeadV2, HeadV2p, enlarge

Maps = list[Tensor]  # finest first: (N, w, H/4, W/4), (N, 2w, H/8, W/8), …
HEADS = {"V1": HeadV1, "V2": HeadV2, "V2p": HeadV2p}


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1, relu: bool = True) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU; the size stays, up to the stride (then rounded up)."""
    layers = [nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(c_out)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class Residual(nn.Module):
    """relu(x + body(x)), x projected where the channels change."""

    def __init__(self, c_in: int, c_out: int, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = nn.Identity() if c_in == c_out else conv(c_in, c_out, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) → (N, c_out, h, w)."""
        return F.relu(self.shortcut(x) + self.body(x))


def basic(c: int) -> Residual:
    """Two 3×3 convolutions."""
    return Residual(c, c, nn.Sequential(conv(c, c), conv(c, c, relu=False)))


def bottleneck(c_in: int, c: int) -> Residual:
    """1×1 to c channels, 3×3, 1×1 to 4c."""
    return Residual(c_in, 4 * c, nn.Sequential(conv(c_in, c, 1), conv(c, c), conv(c, 4 * c, 1, relu=False)))


class Exchange(nn.Module):
    """Fig. 3: each branch by itself, then each of the first `n_out` hears from all."""

    def __init__(self, c: Sequence[int], n_blocks: int, n_out: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*(basic(width) for _ in range(n_blocks))) for width in c)
        self.hear = nn.ModuleList(Hear(c, i) for i in range(n_out))

    def forward(self, maps: Maps) -> Maps:
        """Maps → the same maps, or the first `n_out` of them."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        return [hear(maps) for hear in self.hear]


class Hear(nn.Module):
    """Branch i becomes the sum of what it hears from every branch j."""

    def __init__(self, c: Sequence[int], i: int) -> None:
        super().__init__()
        self.i, self.paths = i, nn.ModuleList(path(c, j, i) for j in range(len(c)))

    def forward(self, maps: Maps) -> Tensor:
        """Maps → (N, c[i], h, w), the size of branch i."""
        heard = [enlarge(send(x), maps[self.i]) for send, x in zip(self.paths, maps, strict=True)]  # of one shape
        return F.relu(torch.stack(heard).sum(0))  # (N, c[i], h, w)  ← the fusion


def path(c: Sequence[int], j: int, i: int) -> nn.Module:
    """From branch j to branch i: nothing to itself, 1×1 to a finer one, i − j strided 3×3 to a coarser one."""
    if j >= i:
        return nn.Identity() if j == i else conv(c[j], c[i], 1, relu=False)
    halve = (conv(c[j], c[j], stride=2) for _ in range(i - j - 1))
    return nn.Sequential(*halve, conv(c[j], c[i], stride=2, relu=False))


class Branch(nn.Module):
    """One branch more, from the coarsest by a strided 3×3; the others are kept, or get their width by 3×3."""

    def __init__(self, c_in: Sequence[int], c: Sequence[int]) -> None:
        super().__init__()
        self.keep = nn.ModuleList(nn.Identity() if a == b else conv(a, b) for a, b in zip(c_in, c, strict=False))
        self.add = conv(c_in[-1], c[-1], stride=2)

    def forward(self, maps: Maps) -> Maps:
        """Maps → one map more."""
        return [*(keep(x) for keep, x in zip(self.keep, maps, strict=True)), self.add(maps[-1])]


class HRNet(nn.Module):
    """Stem, four stages, a head.

    Args: n_classes, K; w, channels at stride 4; head, of `HEADS`; plan, modules in stages 2, 3 and 4, residual blocks
    per branch and in stage 1, channels of the stem.
    """

    def __init__(self, n_classes: int, w: int, head: str = "V2", plan: Sequence[int] = (1, 4, 3, 4, 64)) -> None:
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"HRNet has the heads {', '.join(HEADS)}; got {head!r}.")
        n2, n3, n4, blocks, stem = plan
        c = [w, 2 * w, 4 * w, 8 * w]
        self.stem = nn.Sequential(conv(3, stem, stride=2), conv(stem, stem, stride=2))
        self.stage1 = nn.Sequential(*(bottleneck(4 * stem if i else stem, stem) for i in range(blocks)))
        self.stage2 = nn.Sequential(Branch([4 * stem], c[:2]), *(Exchange(c[:2], blocks, 2) for _ in range(n2)))
        self.stage3 = nn.Sequential(Branch(c[:2], c[:3]), *(Exchange(c[:3], blocks, 3) for _ in range(n3)))
        outs = [*(n4 - 1) * [4], 1 if head == "V1" else 4]  # V1 reads one branch: the last module makes no other
        self.stage4 = nn.Sequential(Branch(c[:3], c), *(Exchange(c, blocks, n_out) for n_out in outs))
        self.head = HEADS[head](c, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = self.stem(x)  # (N, 64, H/4, W/4)
        y = self.stage1(y)  # (N, 256, H/4, W/4)
        maps = self.stage2([y])  # (N, w, H/4, W/4), (N, 2w, H/8, W/8)
        maps = self.stage3(maps)  # and (N, 4w, H/16, W/16)
        maps = self.stage4(maps)  # and (N, 8w, H/32, W/32)
        return enlarge(self.head(maps), x)  # (N, K, H, W)


def paper_size(n_classes: int = 19, w: int = 48, head: str = "V2") -> HRNet:
    """HRNetV2-W48, 65.9 M parameters; w = 18 and 32 are published too.

    >>> with torch.device("meta"):
    ...     paper_size(w=18)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 19, 64, 64])
    """
    return HRNet(n_classes, w, head)


def small(n_classes: int) -> HRNet:
    """For 128×128 scenes: V2, w = 10, one module per stage, two blocks per branch.

    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return HRNet(n_classes, 10, plan=(1, 1, 1, 2, 16))
