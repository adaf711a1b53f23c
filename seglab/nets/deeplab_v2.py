"""DeepLab V2 (Chen, Papandreou, Kokkinos, Murphy & Yuille 2018, PAMI, arXiv:1606.00915, sec. 3.2 and fig. 7): ASPP.

Fixed: V1 looks with one width of view at objects of all sizes. Atrous spatial pyramid pooling (ASPP) looks with four
at once: parallel 3×3 convolutions with taps 6, 12, 18, 24 apart, each giving logits, summed: the line marked ← below.
ResNet-101 takes the place of VGG-16.
Lacks: at a large rate most taps fall off the map (on one of 41×41, at rate 24, at least five of the nine wherever the
kernel lies), so that little but its centre is left and it never sees the whole picture, which V3 mends. No BatchNorm in
ASPP; boundaries are left to a CRF.
Differs: no CRF and no fusion over three sizes of the picture; torchvision's dilated ResNet-101, whose first dilated
block of a stage still has the dilation before it. As in the authors' ResNet model each branch is one convolution to
logits (fc1_voc12_c0 … c3); the three layers of fig. 7 are those of VGG-16. No parameters are published; 44.0 M here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.encoders import Encoder, encoder

RATES = (6, 12, 18, 24)


class ASPP(nn.Module):
    """Fig. 7: one 3×3 convolution to logits per rate, taps `rate` apart; their sum."""

    def __init__(self, c_in: int, n_classes: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(c_in, n_classes, 3, padding=r, dilation=r) for r in rates)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) → (N, K, h, w)."""
        return torch.stack([branch(x) for branch in self.branches]).sum(0)


class DeepLabV2(nn.Module):
    """A dilated encoder, ASPP to logits, enlarged to the picture's size.

    Args:
        backbone: an encoder, in the paper ResNet-101 of stride 8.
        n_classes: K.
        rates: of ASPP, in pixels of the backbone's last map.
    """

    def __init__(self, backbone: Encoder, n_classes: int, rates: tuple[int, ...] = RATES) -> None:
        super().__init__()
        self.encoder = backbone
        self.aspp = ASPP(backbone.channels[-1], n_classes, rates)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = self.encoder(x)[-1]  # (N, C, H/8, W/8)  ← dilated, not H/32: see `encoders._dilate`
        y = self.aspp(y)  # (N, K, H/8, W/8)  ← four widths of view, summed
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)


def paper_size(n_classes: int = 21) -> DeepLabV2:
    """ResNet-101 at stride 8, 44.0 M parameters.

    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 21, 64, 64])
    """
    return DeepLabV2(encoder("resnet101", stride=8), n_classes)


def small(n_classes: int) -> DeepLabV2:
    """For 128×128 scenes: a small encoder at stride 8; rates a third of the paper's, as the map is 16 and not 41 wide.

    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return DeepLabV2(encoder("tiny", stride=8), n_classes, rates=(2, 4, 6, 8))
