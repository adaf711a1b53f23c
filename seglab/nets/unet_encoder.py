"""U-Net over a classifier's encoder (TernausNet, Iglovikov & Shvets 2018, arXiv:1801.05746, fig. 1, made general).

What it fixed: U-Net's way down starts from nothing. Any classifier has such a way, and one that has seen ImageNet knows
edges, textures and parts already: take it, and put a U-Net's way up on its five maps, a skip for each.

What it lacks: a map at full size (classifiers start with a stride of 2), so that the last doubling has no skip; and
what is pooled over the whole picture, as PSPNet and DeepLab have it.

There is no published figure for all encoders. The decoder is that of segmentation_models_pytorch, in general use: ×2 by
repeating pixels, the skip beside it, two convolutions with BatchNorm, 256, 128, 64, 32 and 16 channels; tests show
equal logits. 24.4 M parameters over ResNet-34. TernausNet itself goes up by transposed convolutions over VGG-11. Ours
differs: sides are padded to multiples of 32, where theirs must be such.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.blocks import conv_bn_relu, padded
from seglab.nets.encoders import Encoder, encoder


class EncoderUNet(nn.Module):
    """An encoder with maps at strides 2, 4, 8, 16 and 32, and five steps up.

    Args:
        backbone: the encoder, of stride 32.
        n_classes: K, the number of classes.
        widths: channels of the steps up, coarsest first.
    """

    def __init__(
        self, backbone: Encoder, n_classes: int, widths: tuple[int, int, int, int, int] = (256, 128, 64, 32, 16)
    ) -> None:
        super().__init__()
        self.encoder = backbone
        *skips, c = backbone.channels
        self.join = nn.ModuleList()
        for skip, width in zip([*reversed(skips), 0], widths, strict=True):  # 0: there is no map at full size
            self.join.append(nn.Sequential(conv_bn_relu(c + skip, width), conv_bn_relu(width, width)))
            c = width
        self.classify = nn.Conv2d(c, n_classes, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 1. Channels at line ends: over ResNet-34."""
        h, w = x.shape[-2:]
        *skips, x = self.encoder(padded(x, 32))  # 64, 64, 128, 256 at H/2, H/4, H/8, H/16; (N, 512, H/32, W/32)
        for join in self.join[:-1]:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = torch.cat([x, skips.pop()], 1)  # the skip
            x = join(x)  # (N, 256, H/16, W/16), (N, 128, H/8, …), (N, 64, H/4, …), (N, 32, H/2, …)
        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (N, 32, H, W), and nothing to lay beside it
        x = self.join[-1](x)  # (N, 16, H, W)
        return self.classify(x)[..., :h, :w]  # (N, K, H, W)


def paper_size(n_classes: int = 21, name: str = "resnet34", weights: str | None = None) -> EncoderUNet:
    """24.4 M parameters over ResNet-34; `name` and `weights` as in `seglab.nets.encoders.encoder`.

    >>> with torch.device("meta"):
    ...     paper_size(name="mobilenet_v2")(torch.empty(1, 3, 67, 91)).shape
    torch.Size([1, 21, 67, 91])
    """
    return EncoderUNet(encoder(name, weights=weights), n_classes)


def small(n_classes: int) -> EncoderUNet:
    """Over the tiny encoder, 0.46 M parameters.

    >>> small(11)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 11, 64, 64])
    """
    return EncoderUNet(encoder("tiny"), n_classes, (64, 40, 24, 16, 16))
