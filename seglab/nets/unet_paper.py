"""U-Net as published (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597, fig. 1): no padding, so 572 becomes 388.

What it fixed: FCN's skips are sums of class scores, a number for each class; here the whole fine maps go across and are
laid beside the coarse ones (crop, then concatenate), and the way up is as wide as the way down. It was trained from
scratch on 30 pictures, with elastic deformation and border weights (`seglab.losses.border`).

No convolution is padded: each 3×3 takes one pixel off every side, so that nothing beyond the picture is ever invented.
The answer is 184 pixels smaller than the input, and the skips are cropped to fit. A border that is wanted is made from
the picture's own mirror image (fig. 2), which `Mirrored` does.

What it lacks: BatchNorm; padding, which costs 2 to 6 times fewer sums on small pictures (both in `seglab.nets.unet`);
and a limit to the top of the U, which can learn local patterns by itself while the bottom idles.

Ours differs: 3 input channels, not 1 (1152 weights); 31.03 M parameters for 2 classes, as the paper's figure adds up to
(23 convolutions). Dropout stands after the last two blocks on the way down; the paper says only "at the end of the
contracting path" and gives no share, 0.5 is that of its published model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEPS = 4  # down and up again
BORDER = 184  # pixels, by how much the answer is smaller than the input
SMALLEST = 188  # the input's side for an answer of 4


class UNetPaper(nn.Module):
    """Four steps down, four up, each joined by a skip, all unpadded.

    Args:
        n_classes: K, the number of classes.
        base: channels at the top; each step down doubles them.
        dropout: share dropped in training after the last two blocks on the way down.
    """

    def __init__(self, n_classes: int, base: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        c = [base * 2**n for n in range(STEPS + 1)]  # 64, 128, 256, 512, 1024
        self.down = nn.ModuleList(twice(c_in, c_out) for c_in, c_out in zip([3, *c], c, strict=False))
        for block in self.down[-2:]:
            block.append(nn.Dropout(dropout))  # type: ignore[operator]
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * n, n, 2, stride=2) for n in reversed(c[:-1]))
        self.join = nn.ModuleList(twice(2 * n, n) for n in reversed(c[:-1]))
        self.classify = nn.Conv2d(base, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, T), normalised → logits (N, K, S − 184, T − 184); shapes at line ends: for the paper's 572.

        ValueError where a pool would drop a row: S and T must be 188, 204, 220, …, in steps of 16 (fig. 2's tiles).
        """
        if any(side < SMALLEST or (side - SMALLEST) % 16 for side in x.shape[-2:]):
            raise ValueError(
                f"Unpadded U-Net takes sides of 188, 204, 220, … 572, … pixels, in steps of 16; "
                f"got {tuple(x.shape[-2:])}. Take Mirrored(net) for pictures of any size."
            )
        skips = []
        for down in self.down[:-1]:
            x = down(x)  # (N, 64, 568, 568), (N, 128, 280, 280), (N, 256, 136, 136), (N, 512, 64, 64)
            skips.append(x)
            x = self.pool(x)  # (…, 284, 284), (…, 140, 140), (…, 68, 68), (…, 32, 32)
        x = self.down[-1](x)  # (N, 1024, 28, 28)
        for up, join in zip(self.up, self.join, strict=True):
            x = up(x)  # (N, 512, 56, 56), (N, 256, 104, 104), (N, 128, 200, 200), (N, 64, 392, 392)
            x = torch.cat([crop(skips.pop(), x), x], 1)  # twice the channels: the skip
            x = join(x)  # (N, 512, 52, 52), (N, 256, 100, 100), (N, 128, 196, 196), (N, 64, 388, 388)
        return self.classify(x)  # (N, K, 388, 388)


class Mirrored(nn.Module):
    """An unpadded U-Net for pictures of any size: mirrored beyond its edges, asked, cut to size (fig. 2)."""

    def __init__(self, net: UNetPaper) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 2. 128×128 becomes 316×316 inside."""
        h, w = x.shape[-2:]
        x = x.index_select(-2, around(h).to(x.device)).index_select(-1, around(w).to(x.device))  # (N, 3, S, T)
        return self.net(x)[..., :h, :w]  # (N, K, H, W)


def around(side: int) -> Tensor:
    """Indices of the pixels that an answer for `side` pixels is made of, mirrored at the first and the last one.

    92 before, at least 92 after, and as many more as the next possible size needs. Mirrored again and again where the
    picture is smaller than its border.

    >>> around(128)[[0, 91, 92, 219, 220]].tolist(), len(around(128))
    ([92, 1, 0, 127, 126], 316)
    """
    size = SMALLEST + max(0, -(-(side + BORDER - SMALLEST) // 16) * 16)
    period = 2 * (side - 1)  # there and back
    steps = torch.arange(-BORDER // 2, size - BORDER // 2) % period
    return torch.where(steps < side, steps, period - steps)


def crop(skip: Tensor, like: Tensor) -> Tensor:
    """Cut the middle out of `skip`, as large as `like`."""
    top, left = ((a - b) // 2 for a, b in zip(skip.shape[-2:], like.shape[-2:], strict=True))
    return skip[..., top : top + like.shape[-2], left : left + like.shape[-1]]


def twice(c_in: int, c_out: int) -> nn.Sequential:
    """Unpadded 3×3 convolution and ReLU, twice: 4 pixels less; weights drawn as in the paper's section 3."""
    first, second = nn.Conv2d(c_in, c_out, 3), nn.Conv2d(c_out, c_out, 3)
    for conv in (first, second):
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")  # a standard deviation of √(2/inputs)
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


def paper_size(n_classes: int = 2) -> UNetPaper:
    """31.03 M parameters, for inputs as published; `Mirrored(paper_size())` takes any.

    >>> with torch.device("meta"):
    ...     paper_size()(torch.empty(1, 3, 572, 572)).shape
    torch.Size([1, 2, 388, 388])
    """
    return UNetPaper(n_classes)


def small(n_classes: int) -> Mirrored:
    """An eighth of the channels, 0.49 M parameters, mirrored; without dropout, which 8 channels can't spare.

    >>> small(11)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 11, 64, 64])
    """
    return Mirrored(UNetPaper(n_classes, base=8, dropout=0.0))
