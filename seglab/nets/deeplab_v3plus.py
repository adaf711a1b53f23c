"""DeepLab V3+ (Chen, Zhu, Papandreou, Schroff & Adam 2018, ECCV, arXiv:1802.02611, fig. 2): V3 and a small decoder.

Fixed: V3 enlarges its logits by 16 at once. Here ASPP's output is enlarged by 4 and joined with the encoder's map at
stride 4, squeezed to 48 channels so that it doesn't outweigh the context; two 3×3 convolutions, then ×4 again: the
lines marked ← below. Atrous *separable* convolutions (depthwise 3×3 with its taps apart, then 1×1) in ASPP and decoder
cut the MACs; the encoder is an aligned Xception (xception.py), any other will do.
Lacks: what is thinner than stride 4; one join, where U-Net has one at each stride.
Differs: 41.1 M parameters with Xception-65 and 21 classes; with Xception-71, 43.5 M for 19 (Wang et al. 2020,
arXiv:1908.07919, table 3). As in the authors' code there are BatchNorm and ReLU after the depthwise convolution too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.encoders import Encoder, encoder
from seglab.nets.xception import ENTRY_71, Xception

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # by output stride


def conv(c_in: int, c_out: int) -> nn.Sequential:
    """Convolution 1×1, BatchNorm, ReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


def separable(c_in: int, c_out: int, rate: int = 1) -> nn.Sequential:
    """Depthwise 3×3 with its taps `rate` apart, then pointwise 1×1: 9·C + C·C' weights instead of 9·C·C'."""
    depthwise = nn.Conv2d(c_in, c_in, 3, padding=rate, dilation=rate, groups=c_in, bias=False)
    return nn.Sequential(depthwise, nn.BatchNorm2d(c_in), nn.ReLU(), *conv(c_in, c_out))


class SeparableASPP(nn.Module):
    """1×1, three atrous separable 3×3 and the mean of the whole map, side by side, mixed by 1×1."""

    def __init__(self, c_in: int, rates: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.point = conv(c_in, width)
        self.atrous = nn.ModuleList(separable(c_in, width, rate) for rate in rates)
        self.image = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(c_in, width, 1, bias=False), PooledBatchNorm(width), nn.ReLU()
        )
        self.mix = nn.Sequential(conv((2 + len(rates)) * width, width), nn.Dropout(0.1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) → (N, width, h, w)."""
        image = self.image(x).expand(-1, -1, *x.shape[-2:])  # (N, width, h, w), the same everywhere
        y = torch.cat([self.point(x), *(atrous(x) for atrous in self.atrous), image], 1)  # (N, 5·width, h, w)
        return self.mix(y)  # (N, width, h, w)


class DeepLabV3Plus(nn.Module):
    """Encoder, ASPP, ×4, joined with stride 4, ×4.

    Args:
        backbone: an encoder with a map at stride 4 and one at s = 8 or 16, the last.
        n_classes: K.
        width: channels of ASPP and of the decoder.
        low: channels left of the map at stride 4.
        rates: of ASPP, in pixels of the backbone's last map; the paper's for its stride if None.
    """

    def __init__(
        self,
        backbone: Encoder | Xception,
        n_classes: int,
        width: int = 256,
        low: int = 48,
        rates: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = backbone
        self.at4 = backbone.strides.index(4)
        self.aspp = SeparableASPP(backbone.channels[-1], rates or rates_at(backbone.strides[-1]), width)
        self.squeeze = conv(backbone.channels[self.at4], low)
        self.refine = nn.Sequential(separable(width + low, width), separable(width, width))
        self.classify = nn.Conv2d(width, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        maps = self.encoder(x)
        low = self.squeeze(maps[self.at4])  # (N, 48, H/4, W/4)
        y = self.aspp(maps[-1])  # (N, 256, H/s, W/s): the encoder's last stages are dilated (`encoders._dilate`)
        y = enlarge(y, low)  # (N, 256, H/4, W/4)  ← the decoder: ×4,
        y = torch.cat([y, low], 1)  # (N, 304, H/4, W/4)  ← the skip,
        y = self.refine(y)  # (N, 256, H/4, W/4)
        y = self.classify(y)  # (N, K, H/4, W/4)
        return enlarge(y, x)  # (N, K, H, W)  ← and ×4 again


def enlarge(y: Tensor, like: Tensor) -> Tensor:
    """Bilinear, to the height and width of `like`."""
    return F.interpolate(y, like.shape[-2:], mode="bilinear", align_corners=False)


def rates_at(stride: int) -> tuple[int, int, int]:
    """Return the paper's rates for an output stride; ValueError for another than 8 and 16."""
    if stride not in RATES:
        raise ValueError(f"The paper has rates for strides 8 and 16; got an encoder of stride {stride}. Give rates.")
    return RATES[stride]


class PooledBatchNorm(nn.BatchNorm2d):
    """BatchNorm behind a pooling to 1×1: one picture alone has a single value there, so it takes the running mean."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, 1) → the same size."""
        if len(x) > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def paper_size(n_classes: int = 21, stride: int = 16) -> DeepLabV3Plus:
    """Xception-65, 41.1 M parameters: the paper's for VOC.

    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 21, 64, 64])
    """
    return DeepLabV3Plus(Xception(stride=stride), n_classes)


def xception_71(n_classes: int = 19, stride: int = 16) -> DeepLabV3Plus:
    """Xception-71, 43.5 M parameters: the paper's for Cityscapes."""
    return DeepLabV3Plus(Xception(ENTRY_71, stride=stride), n_classes)


def small(n_classes: int) -> DeepLabV3Plus:
    """For 128×128 scenes: the small encoder of V3, so that the decoder is what differs; rates as there.

    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return DeepLabV3Plus(encoder("tiny", stride=8), n_classes, width=48, low=16, rates=(3, 6, 9))
