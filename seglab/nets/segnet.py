"""SegNet (Badrinarayanan, Kendall & Cipolla 2015, arXiv:1511.00561, fig. 2 and 3): unpool where the maxima were.

What it fixed: FCN keeps whole maps for its skips, and its last step is ×8 at once. SegNet climbs back in five steps of
×2, and for each keeps only *where* the maximum of every 2×2 window was, 2 bits a window: max-unpooling puts a number
back to its place, and convolutions fill in the rest. It is DeconvNet without its dense middle: a ninth of the weights.

What it lacks: places tell where, but not what. Everything else about the fine maps is lost on the way down; U-Net keeps
the maps themselves.

Encoder: VGG-16's 13 convolutions, each with BatchNorm; the decoder mirrors them, and its last convolution gives the
class scores. 29.45 M parameters for 11 classes (29.5 M in Jégou et al. 2017, arXiv:1611.09326, table 3). Ours differs:
sides are padded to multiples of 32, where the published code gives each unpooling its size.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from seglab.nets.blocks import padded

DEPTHS = (2, 2, 3, 3, 3)  # convolutions at each scale, as in VGG-16


class SegNet(nn.Module):
    """Five scales down, five up; the indices of each pool go across.

    Args:
        n_classes: K, the number of classes.
        widths: channels at each scale, finest first.
    """

    def __init__(self, n_classes: int, widths: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)) -> None:
        super().__init__()
        scales = list(
            zip((3, *widths), widths, DEPTHS, strict=False)
        )  # channels that come, channels there, convolutions
        self.down = nn.ModuleList(convs([c_in, *[c] * depth]) for c_in, c, depth in scales)
        ups = [convs([*[c] * depth, c_finer]) for c_finer, c, depth in scales[:0:-1]]  # coarsest first
        self.up = nn.ModuleList([*ups, convs([widths[0]] * 2)])
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.classify = nn.Conv2d(widths[0], n_classes, 3, padding=1)  # the last of the 13, with no ReLU

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 1."""
        h, w = x.shape[-2:]
        x = padded(x, 32)
        places = []
        for down in self.down:
            x = down(x)  # (N, 64, H, W), (N, 128, H/2, W/2), (N, 256, H/4, …), (N, 512, H/8, …), (N, 512, H/16, …)
            x, where = self.pool(x)  # half of that; `where` each maximum was
            places.append(where)
        for up in self.up:
            x = self.unpool(x, places.pop())  # twice the size: maxima back in their places, 0 elsewhere
            x = up(x)  # (N, 512, H/16, …), (N, 256, H/8, …), (N, 128, H/4, …), (N, 64, H/2, …), (N, 64, H, W)
        return self.classify(x)[..., :h, :w]  # (N, K, H, W)


def convs(channels: list[int]) -> nn.Sequential:
    """3×3 convolution, BatchNorm and ReLU from each number of channels to the next; the size stays."""
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise(channels):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def paper_size(n_classes: int = 11) -> SegNet:
    """29.45 M parameters.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.empty(1, 3, 360, 480)).shape
    torch.Size([1, 11, 360, 480])
    """
    return SegNet(n_classes)


def small(n_classes: int) -> SegNet:
    """An eighth of the channels, 0.46 M parameters.

    >>> import torch
    >>> small(11)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 11, 64, 64])
    """
    return SegNet(n_classes, (8, 16, 32, 64, 64))
