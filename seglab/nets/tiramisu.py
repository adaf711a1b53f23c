"""FC-DenseNet, "One Hundred Layers Tiramisu" (Jégou et al. 2017, CVPRW, arXiv:1611.09326, fig. 1 and tables 1 and 2).

Fixed: U-Net spends 31 M parameters, for each of its layers makes all its channels anew. In a *dense block* a layer adds
just k channels (the growth rate) and reads all that were made before it (the line marked ← dense). On the way down a
block's input stays beside what it made; on the way up it is left out (← left out), or the channels would explode.
Skips join the two, as in U-Net. 66.9 % mean IoU on CamVid's test set with 9.4 M parameters, without pre-training.
Lacks: memory and time: all is concatenated at full resolution, so that activations, not weights, are what it costs.
Layers, and biases in all convolutions, as in the authors' code, github.com/SimJeg/FC-DenseNet. Parameters: 1.38, 3.46
and 9.32 M by count (11 classes); the paper prints 1.5, 3.5 and 9.4. Their code counts BatchNorm's running statistics
too, which aren't trained: 1.40, 3.50, 9.43 M. Differs: PyTorch's initialisation, theirs is He's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

DROPOUT = 0.2


def layer(c_in: int, c_out: int, kernel: int = 3) -> nn.Sequential:
    """Table 1: BatchNorm, ReLU, convolution, dropout; the size stays."""
    return nn.Sequential(
        nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), nn.Dropout(DROPOUT)
    )


class DenseBlock(nn.Module):
    """Fig. 2: n layers, each reads the input and all that the earlier ones made, and makes k channels more."""

    def __init__(self, c_in: int, n: int, k: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer(c_in + i * k, k) for i in range(n))

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) → (N, n·k, h, w): what the layers made, without the input."""
        made: list[Tensor] = []
        for make in self.layers:
            made.append(make(torch.cat([x, *made], 1)))  # (N, k, h, w)  ← dense
        return torch.cat(made, 1)  # (N, n·k, h, w)


class FCDenseNet(nn.Module):
    """Down by dense blocks and pooling, up by transposed convolutions and dense blocks, joined by skips.

    Args:
        n_classes: K.
        layers: of each dense block, down, bottom and up: an odd number of them.
        k: growth rate.
        first: channels of the first convolution.
    """

    def __init__(self, n_classes: int, layers: Sequence[int], k: int, first: int = 48) -> None:
        super().__init__()
        if len(layers) < 3 or len(layers) % 2 == 0:
            raise ValueError(f"An FC-DenseNet has an odd number of blocks, down, bottom, up; got {len(layers)}.")
        steps = len(layers) // 2
        self.first = nn.Conv2d(3, first, 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        c, skips = first, []
        for n in layers[:steps]:
            self.down.append(DenseBlock(c, n, k))
            c += n * k
            skips.append(c)
            self.shrink.append(nn.Sequential(layer(c, c, kernel=1), nn.MaxPool2d(2)))
        self.bottom = DenseBlock(c, layers[steps], k)
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for before, n in zip(layers[steps:], layers[steps + 1 :], strict=False):
            self.enlarge.append(nn.ConvTranspose2d(before * k, before * k, 3, stride=2))
            c = before * k + skips.pop()
            self.up.append(DenseBlock(c, n, k))
        self.classify = nn.Conv2d(c + layers[-1] * k, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        x = self.first(x)  # (N, 48, H, W)
        skips = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = torch.cat([x, block(x)], 1)  # (N, c + n·k, h, w): the block's input stays
            skips.append(x)
            x = shrink(x)  # (N, c + n·k, h/2, w/2)
        made = self.bottom(x)  # (N, n·k, H/32, W/32)  ← the block's input is left out, here and in all below
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            skip = skips.pop()
            h, w = skip.shape[-2:]
            x = enlarge(made)[..., :h, :w]  # (N, n·k, 2h, 2w): 2h + 1 and 2w + 1, cropped to the skip
            x = torch.cat([x, skip], 1)  # (N, n·k + skip's, 2h, 2w)
            made = block(x)  # (N, n·k, 2h, 2w)
        return self.classify(torch.cat([x, made], 1))  # (N, K, H, W): only the last block keeps its input


def fc_densenet56(n_classes: int = 11) -> FCDenseNet:
    """Blocks of 4 layers, k = 12: 1.38 M parameters, 56 convolutions.

    >>> with torch.device("meta"):
    ...     fc_densenet56()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 11, 64, 64])
    """
    return FCDenseNet(n_classes, [4] * 11, k=12)


def fc_densenet67(n_classes: int = 11) -> FCDenseNet:
    """Blocks of 5 layers, k = 16: 3.46 M parameters, 67 convolutions."""
    return FCDenseNet(n_classes, [5] * 11, k=16)


def fc_densenet103(n_classes: int = 11) -> FCDenseNet:
    """Table 2: blocks of 4 to 15 layers, k = 16: 9.32 M parameters, 103 convolutions."""
    return FCDenseNet(n_classes, [4, 5, 7, 10, 12, 15, 12, 10, 7, 5, 4], k=16)


def paper_size(n_classes: int = 11) -> FCDenseNet:
    """FC-DenseNet103, the one that the paper's best results are of."""
    return fc_densenet103(n_classes)


def small(n_classes: int) -> FCDenseNet:
    """For 128×128 scenes: all eleven blocks, of 1 to 6 layers, few where the map is large, for there they are dear.

    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return FCDenseNet(n_classes, [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1], k=10, first=12)
