"""V-Net (Milletari, Navab & Ahmadi 2016, 3DV, arXiv:1606.04797, fig. 2): U-Net's idea for volumes, in residual stages.

Fixed: organs were segmented slice by slice, each slice blind to its neighbours: in a slice a tube looks like a ball.
Here all convolutions are 5×5×5; strided 2×2×2 convolutions take the place of pooling; each stage learns what to add to
its input (← residual); skips as in U-Net (← skip). The paper trains it with the Dice loss (`seglab.losses`), since an
organ is a few per cent of a volume.
Lacks: 5×5×5 kernels are dear (125 weights for each pair of channels; two 3×3×3 see as far for 54), and volumes must be
cut up to fit into memory.
Differs: BatchNorm behind every convolution, which the paper hasn't; no dropout. Stages have 1, 2, 3, 3, 3 convolutions,
as fig. 2 and table 1 say (view of 551 voxels); the authors' Caffe model has 1, 1, 2, 3, 3. The paper prints no number
of parameters: 65.2 M by count for two classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stage(nn.Module):
    """n convolutions 5×5×5, and their input added to what they make."""

    def __init__(self, c_in: int, c: int, n: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(n):
            layers += [nn.Conv3d(c if i else c_in, c, 5, padding=2, bias=False), nn.BatchNorm3d(c), nn.PReLU(c)]
        self.convs = nn.Sequential(*layers[:-1])  # the last PReLU comes after the sum
        self.relu = nn.PReLU(c)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, d, h, w) → (N, c, d, h, w), c_in = c or 1: a single channel is added to all."""
        return self.relu(x + self.convs(x))  # (N, c, d, h, w)  ← residual


def down(c: int) -> nn.Sequential:
    """Half the size, twice the channels."""
    return nn.Sequential(nn.Conv3d(c, 2 * c, 2, stride=2, bias=False), nn.BatchNorm3d(2 * c), nn.PReLU(2 * c))


def up(c_in: int, c: int) -> nn.Sequential:
    """Twice the size."""
    return nn.Sequential(nn.ConvTranspose3d(c_in, c, 2, stride=2, bias=False), nn.BatchNorm3d(c), nn.PReLU(c))


class VNet(nn.Module):
    """Stages down, as many less one up, joined by skips.

    Args:
        n_classes: K.
        base: b, channels at full size; each step down doubles them.
        convs: convolutions of the stages down, the bottom last; those up have the same, bottom left out.
    """

    def __init__(self, n_classes: int, base: int = 16, convs: Sequence[int] = (1, 2, 3, 3, 3)) -> None:
        super().__init__()
        c = [base * 2**i for i in range(len(convs))]
        self.left = nn.ModuleList(Stage(c[i] if i else 1, c[i], n) for i, n in enumerate(convs))
        self.down = nn.ModuleList(down(width) for width in c[:-1])
        # What comes from below has half of a stage's channels up there, the skip has the other half.
        self.up = nn.ModuleList(
            up(c[-1] if i == len(c) - 2 else 2 * c[i + 1], c[i]) for i in reversed(range(len(c) - 1))
        )
        self.right = nn.ModuleList(Stage(2 * c[i], 2 * c[i], convs[i]) for i in reversed(range(len(c) - 1)))
        self.classify = nn.Conv3d(2 * base, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, D, H, W) → logits (N, K, D, H, W); any size: it is padded to a multiple of 16 and cropped again."""
        d, h, w = x.shape[-3:]
        x = padded(x, 2 ** len(self.down))
        x = self.left[0](x)  # (N, b, D, H, W)
        skips = []
        for step, stage in zip(self.down, self.left[1:], strict=True):
            skips.append(x)
            x = stage(step(x))  # (N, b·2ⁿ, D/2ⁿ, H/2ⁿ, W/2ⁿ)
        for step, stage in zip(self.up, self.right, strict=True):
            x = torch.cat([step(x), skips.pop()], 1)  # (N, 2b·2ⁿ, D/2ⁿ, H/2ⁿ, W/2ⁿ)  ← skip
            x = stage(x)  # (N, 2b·2ⁿ, D/2ⁿ, H/2ⁿ, W/2ⁿ)
        return self.classify(x)[..., :d, :h, :w]  # (N, K, D, H, W)


def padded(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last plane, row and column until all sides are multiples."""
    d, h, w = (-side % multiple for side in x.shape[-3:])
    return F.pad(x, (0, w, 0, h, 0, d), mode="replicate") if d or h or w else x


def paper_size(n_classes: int = 2) -> VNet:
    """Figure 2, 65.2 M parameters.

    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(1, 1, 16, 32, 32)).shape
    torch.Size([1, 2, 16, 32, 32])
    """
    return VNet(n_classes)


def small(n_classes: int) -> VNet:
    """For volumes of 32×64×64 voxels: three steps down instead of four, 4 channels at full size.

    >>> small(3).eval()(torch.zeros(1, 1, 8, 16, 16)).shape
    torch.Size([1, 3, 8, 16, 16])
    """
    return VNet(n_classes, base=4, convs=(1, 2, 1, 2))
