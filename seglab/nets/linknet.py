"""LinkNet (Chaurasia & Culurciello 2017, arXiv:1707.03718, fig. 1 to 3, table 1): a U-Net that adds, and is light.

What it fixed: U-Net's concatenations double the channels just where maps are large. Here the input of each encoder
block is added to the output of its decoder, and a decoder works on a quarter of the channels: 1×1 down to C/4, a
transposed convolution that doubles the map, 1×1 out (fig. 3). 11.5 M parameters, 11.2 M of them in ResNet-18.

What it lacks: a sum can't tell the two apart any more; nothing larger than the encoder's view; and the last two
doublings have no skip, so that things of a pixel or two are lost.

Two transposed convolutions to choose from. The published one is 3×3: stride 2 doesn't divide 3, so its stamps overlap
unevenly (checkerboards). The other, used in many later LinkNets, is 4×4 with padding 1, which divides, and grouped
here: each channel has a kernel of its own, and the 1×1 convolutions around it do the mixing.

Ours differs: sides are padded to multiples of 32. As in the authors' Python code (e-lab/pytorch-linknet, linknet.py)
there is no ReLU after the sums.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.blocks import conv_bn_relu, padded
from seglab.nets.encoders import Encoder, encoder

Enlarge = Callable[[int, int], nn.ConvTranspose2d]  # (channels, stride) → a layer that makes maps stride times as large


def published(c: int, stride: int) -> nn.ConvTranspose2d:
    """3×3, all channels to all."""
    return nn.ConvTranspose2d(c, c, 3, stride, padding=1, output_padding=stride - 1, bias=False)


def grouped(c: int, stride: int) -> nn.ConvTranspose2d:
    """4×4 for stride 2 (3×3 for stride 1), padding 1, each channel to itself."""
    return nn.ConvTranspose2d(c, c, stride + 2, stride, padding=1, groups=c, bias=False)


class Decoder(nn.Module):
    """One decoder block (fig. 3): reduce, enlarge, expand, each with BatchNorm and ReLU."""

    def __init__(self, c_in: int, c_out: int, stride: int, enlarge: Enlarge) -> None:
        super().__init__()
        c = c_in // 4
        self.reduce = conv_bn_relu(c_in, c, 1)
        self.enlarge = nn.Sequential(enlarge(c, stride), nn.BatchNorm2d(c), nn.ReLU(inplace=True))
        self.expand = conv_bn_relu(c, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) → (N, C', stride·h, stride·w)."""
        x = self.reduce(x)  # (N, C/4, h, w)
        x = self.enlarge(x)  # (N, C/4, stride·h, stride·w)
        return self.expand(x)  # (N, C', stride·h, stride·w)


class LinkNet(nn.Module):
    """An encoder with maps at strides 2, 4, 8, 16 and 32, four decoders joined by sums, and a last part to full size.

    Args:
        backbone: the encoder, of stride 32; in the paper ResNet-18.
        n_classes: K, the number of classes.
        enlarge: the decoders' transposed convolution, `published` or `grouped`.
    """

    def __init__(self, backbone: Encoder, n_classes: int, enlarge: Enlarge) -> None:
        super().__init__()
        self.encoder = backbone
        c2, c4, c8, c16, c32 = backbone.channels
        self.decoder4 = Decoder(c32, c16, 2, enlarge)
        self.decoder3 = Decoder(c16, c8, 2, enlarge)
        self.decoder2 = Decoder(c8, c4, 2, enlarge)
        self.decoder1 = Decoder(c4, c2, 1, enlarge)
        self.to_half = nn.Sequential(
            nn.ConvTranspose2d(c2, 32, 3, 2, padding=1, output_padding=1), nn.BatchNorm2d(32), nn.ReLU(inplace=True)
        )
        self.smooth = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
        self.classify = nn.ConvTranspose2d(32, n_classes, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 1. Channels at line ends: over ResNet-18."""
        h, w = x.shape[-2:]
        s2, s4, s8, s16, s32 = self.encoder(padded(x, 32))  # 64, 64, 128, 256, 512 channels
        pooled = F.max_pool2d(s2, 3, 2, 1)  # (N, 64, H/4, W/4): what goes into a ResNet's first block
        y = self.decoder4(s32) + s16  # (N, 256, H/16, W/16); each sum is a link
        y = self.decoder3(y) + s8  # (N, 128, H/8, W/8)
        y = self.decoder2(y) + s4  # (N, 64, H/4, W/4)
        y = self.decoder1(y) + pooled  # (N, 64, H/4, W/4)
        y = self.smooth(self.to_half(y))  # (N, 32, H/2, W/2)
        return self.classify(y)[..., :h, :w]  # (N, K, H, W)


def paper_size(n_classes: int = 20) -> LinkNet:
    """11.54 M parameters over ResNet-18 with the published decoder; the paper says 11.5 M.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.empty(1, 3, 67, 91)).shape
    torch.Size([1, 20, 67, 91])
    """
    return LinkNet(encoder("resnet18"), n_classes, published)


def small(n_classes: int) -> LinkNet:
    """Over the tiny encoder with grouped decoders, 0.26 M parameters: light is what it is for.

    >>> import torch
    >>> small(11)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 11, 64, 64])
    """
    return LinkNet(encoder("tiny"), n_classes, grouped)
