"""FCN-32s, 16s and 8s (Long, Shelhamer & Darrell, CVPR 2015, arXiv:1411.4038, fig. 2 and 3).

What it fixed: the sliding window computes everything again for each patch. A dense layer on a 7×7 map is a convolution
with a 7×7 kernel (section 3.1, `as_convolution`); so written, a classifier takes pictures of any size and gives a map
of answers. That map is 32 times too coarse: FCN-32s only blows it up. FCN-16s adds what the map of stride 16 says, and
FCN-8s that of stride 8, as sums of class scores: the first skips.

What it lacks: all that is finer than 8 pixels; the last step, ×8 to ×32, is a fixed interpolation; one kernel's view
for objects of all sizes; and 89 % of its weights sit in fc6 and fc7.

Ours differs: fc6 is padded by 3 and sides are padded to multiples of 32; the published code pads the picture by 100 and
crops. All strides are learnt at once, where the paper goes from 32s to 8s in three steps with new scores starting at 0.
The ×2 steps start as bilinear and are learnt, the last one stays bilinear, as section 4.3 says (in the published code
all stay fixed). Bilinear beyond the edge repeats the edge, where a transposed convolution alone would fade to 0.

Parameters for 21 classes: 134.35 M (32s), 134.36 M (16s), 134.38 M (8s). Table 1 says 134 M; 134.5 M, in later tables
(Jégou et al. 2017, arXiv:1611.09326), counts the fixed kernels of the published code too.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

from seglab.nets.blocks import padded
from seglab.nets.encoders import Encoder, encoder, from_torchvision

Stride = Literal[8, 16, 32]


class FCN(nn.Module):
    """An encoder, its classifier as convolutions, and up to two skips.

    Args:
        backbone: an encoder whose last three maps have strides 8, 16 and 32.
        n_classes: K, the number of classes.
        stride: of the finest map that is asked: 32, 16 or 8.
        hidden: channels of fc6 and fc7.
        kernel: side of fc6, odd.
        dropout: share of fc6's and fc7's outputs dropped in training.
    """

    def __init__(
        self,
        backbone: Encoder,
        n_classes: int,
        stride: Stride,
        hidden: int = 4096,
        kernel: int = 7,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder, self.stride = backbone, stride
        c8, c16, c32 = backbone.channels[-3:]
        self.fc6 = nn.Conv2d(c32, hidden, kernel, padding=kernel // 2)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.score32 = nn.Conv2d(hidden, n_classes, 1)
        if stride <= 16:
            self.twice32, self.score16 = Twice(n_classes), nn.Conv2d(c16, n_classes, 1)
        if stride == 8:
            self.twice16, self.score8 = Twice(n_classes), nn.Conv2d(c8, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 1."""
        h, w = x.shape[-2:]
        *_, s8, s16, s32 = self.encoder(padded(x, 32))  # (N, 256, H/8, W/8), (N, 512, H/16, …), (N, 512, H/32, …)
        y = self.dropout(F.relu(self.fc6(s32)))  # (N, 4096, H/32, W/32)
        y = self.dropout(F.relu(self.fc7(y)))
        y = self.score32(y)  # (N, K, H/32, W/32)
        if self.stride <= 16:
            y = self.twice32(y) + self.score16(s16)  # (N, K, H/16, W/16): the first skip
        if self.stride == 8:
            y = self.twice16(y) + self.score8(s8)  # (N, K, H/8, W/8): the second
        y = F.interpolate(y, scale_factor=self.stride, mode="bilinear", align_corners=False)  # (N, K, H, W)
        return y[..., :h, :w]


class Twice(nn.ConvTranspose2d):
    """A transposed convolution that doubles a map (N, K, h, w), bilinear until it has learnt better.

    Kernel 4, stride 2: along an axis ¼ ¾ ¾ ¼ for a class's own map, 0 for the others'. The map's edge is repeated by
    one cell before; what the extra cells give beyond the picture is cropped by the padding of 3, instead of 1.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes, n_classes, 4, stride=2, padding=3, bias=False)
        taps = torch.tensor([0.25, 0.75, 0.75, 0.25], device=self.weight.device)
        with torch.no_grad():
            self.weight.zero_()
            self.weight.diagonal().copy_(torch.outer(taps, taps)[..., None])  # (4, 4, K): each class to itself

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, K, h, w) → (N, K, 2h, 2w)."""
        return super().forward(F.pad(x, (1, 1, 1, 1), mode="replicate"), output_size)


def as_convolution(dense: nn.Linear, kernel: int) -> nn.Conv2d:
    """Return the dense layer on C maps of kernel×kernel cells as a convolution, padded to keep a map's size.

    >>> as_convolution(nn.Linear(512 * 7 * 7, 10), 7).weight.shape
    torch.Size([10, 512, 7, 7])
    """
    conv = nn.Conv2d(dense.in_features // kernel**2, dense.out_features, kernel, padding=kernel // 2)
    conv.load_state_dict({"weight": dense.weight.view_as(conv.weight), "bias": dense.bias})
    return conv


def over_vgg16(n_classes: int, stride: Stride, weights: str | None = None) -> FCN:
    """FCN as published, over VGG-16; `weights` names torchvision's ("DEFAULT"), which fill the encoder, fc6 and fc7."""
    if weights is None:
        return FCN(encoder("vgg16"), n_classes, stride)
    vgg = models.vgg16(weights=weights)
    net = FCN(from_torchvision("vgg16", vgg), n_classes, stride)
    net.fc6, net.fc7 = as_convolution(vgg.classifier[0], 7), as_convolution(vgg.classifier[3], 1)
    return net


def fcn32s(n_classes: int = 21) -> FCN:
    """134.35 M parameters; see `over_vgg16`.

    >>> with torch.device("meta"):
    ...     fcn32s()(torch.empty(1, 3, 64, 91)).shape
    torch.Size([1, 21, 64, 91])
    """
    return over_vgg16(n_classes, 32)


def fcn16s(n_classes: int = 21) -> FCN:
    """134.36 M parameters; see `over_vgg16`."""
    return over_vgg16(n_classes, 16)


def fcn8s(n_classes: int = 21) -> FCN:
    """134.38 M parameters; see `over_vgg16`."""
    return over_vgg16(n_classes, 8)


def small(n_classes: int, stride: Stride = 8) -> FCN:
    """0.37 to 0.38 M parameters over the tiny encoder, with 128 channels in a 3×3 fc6; compare strides 32, 16 and 8.

    >>> small(11, stride=32)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 11, 64, 64])
    """
    return FCN(encoder("tiny"), n_classes, stride, hidden=128, kernel=3, dropout=0.1)
