"""DeconvNet (Noh, Hong & Han, ICCV 2015, arXiv:1505.04366, fig. 2): down to a single cell, and the whole way back.

What it fixed: FCN goes up by ×8 to ×32 in one fixed step, so fine shapes are lost. Here a second network, a mirror of
VGG-16, climbs back in five: max-unpooling puts each number to where the maximum of its window was (section 3.2.1), and
transposed convolutions with stride 1 make the sparse map dense (section 3.2.2).

What it lacks: everything passes through one cell of 4096 numbers, 1×1 for a picture of 224×224; the two 7×7 layers
around it hold 82 % of the 252 M parameters. That is why the paper runs it on object proposals, 50 a picture, and adds
FCN's answer. SegNet leaves the middle out.

251.8 M parameters for 21 classes, counted from the published network definition (HyeonwooNoh/DeconvNet,
DeconvNet_inference_deploy.prototxt); 252 M in Jégou et al. 2017, arXiv:1611.09326, table 3. Ours differs: it takes
whole pictures, not proposals; they are padded to multiples of 32 and to at least 224, where the middle is 1×1; in
larger ones it slides.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from seglab.nets.blocks import padded

DEPTHS = (2, 2, 3, 3, 3)  # convolutions at each scale, as in VGG-16


class DeconvNet(nn.Module):
    """Five scales down, the dense middle, five scales up; the indices of each pool go across.

    Args:
        n_classes: K, the number of classes.
        widths: channels at each scale, finest first.
        hidden: channels in the middle.
        cells: side of the coarsest map that becomes one cell: 7 for pictures of 224, 4 for 128.
    """

    def __init__(
        self,
        n_classes: int,
        widths: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512),
        hidden: int = 4096,
        cells: int = 7,
    ) -> None:
        super().__init__()
        self.least = 32 * cells
        scales = list(
            zip((3, *widths), widths, DEPTHS, strict=False)
        )  # channels that come, channels there, convolutions
        self.down = nn.ModuleList(chain(nn.Conv2d, [c_in, *[c] * depth]) for c_in, c, depth in scales)
        bottom = widths[-1]
        self.fc6 = layer(nn.Conv2d(bottom, hidden, cells))
        self.fc7 = layer(nn.Conv2d(hidden, hidden, 1))
        self.deconv6 = layer(nn.ConvTranspose2d(hidden, bottom, cells))
        ups = [
            chain(nn.ConvTranspose2d, [*[c] * depth, c_finer]) for c_finer, c, depth in scales[:0:-1]
        ]  # coarsest first
        self.up = nn.ModuleList([*ups, chain(nn.ConvTranspose2d, [widths[0]] * 3)])
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.classify = nn.Conv2d(widths[0], n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 1. Shapes at line ends: for 224×224.

        In training the middle's BatchNorm has one cell a picture: batches must be larger than one, and of two it makes
        ±1 whatever they hold, so take eight or more.
        """
        h, w = x.shape[-2:]
        x = padded(x, 32, self.least)
        places = []
        for down in self.down:
            x = down(x)  # (N, 64, 224, 224), (N, 128, 112, 112), (N, 256, 56, 56), (N, 512, 28, 28), (N, 512, 14, 14)
            x, where = self.pool(x)  # half of that; `where` each maximum was
            places.append(where)
        x = self.fc6(x)  # (N, 4096, 1, 1)
        x = self.fc7(x)
        x = self.deconv6(x)  # (N, 512, 7, 7)
        for up in self.up:
            x = self.unpool(x, places.pop())  # twice the size: maxima back in their places, 0 elsewhere
            x = up(x)  # (N, 512, 14, 14), (N, 256, 28, 28), (N, 128, 56, 56), (N, 64, 112, 112), (N, 64, 224, 224)
        return self.classify(x)[..., :h, :w]  # (N, K, H, W)


def layer(conv: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """Follow a convolution by BatchNorm and ReLU."""
    return nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels), nn.ReLU(inplace=True))


def chain(kind: type[nn.Conv2d] | type[nn.ConvTranspose2d], channels: list[int]) -> nn.Sequential:
    """3×3 (de)convolutions with stride 1 from each number of channels to the next; the size stays."""
    return nn.Sequential(*(layer(kind(a, b, 3, padding=1)) for a, b in pairwise(channels)))


def paper_size(n_classes: int = 21) -> DeconvNet:
    """251.8 M parameters.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.empty(2, 3, 224, 224)).shape
    torch.Size([2, 21, 224, 224])
    """
    return DeconvNet(n_classes)


def small(n_classes: int) -> DeconvNet:
    """An eighth of the channels, 48 in the middle, which is 1×1 for 128×128: 0.56 M parameters.

    >>> import torch
    >>> small(11).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 11, 64, 64])
    """
    return DeconvNet(n_classes, (8, 16, 32, 64, 64), hidden=48, cells=4)
