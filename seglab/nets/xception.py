"""Aligned Xception as DeepLab V3+ uses it (Chen et al. 2018, ECCV, arXiv:1802.02611, fig. 4), an encoder of ×8 or ×16.

After Chollet 2017 (arXiv:1610.02357) and Dai et al.'s COCO 2017 entry, which made it deeper. Layers as in the
authors' code, tensorflow/models research/deeplab/core/xception.py, `xception_65` and `xception_71`; fig. 4's note has a
ReLU behind each depthwise convolution too, which the code has in the exit flow alone.
Fixed: a 3×3 convolution C → C' costs 9·C·C' weights; *separable*, it is 9·C for a 3×3 on each channel alone (depthwise)
and C·C' for the 1×1 that mixes them: `separable`. Max pooling, which can't be dilated, became a separable convolution
with a stride; what lies past the output stride drops its stride and is dilated instead (← below).
Lacks: depthwise convolutions do few MACs for each byte they move, so that the time saved is less than the MACs saved.
Differs: the classifier's head is gone. 37.9 M parameters; with a head of 1000 classes 39.9 M, as timm's `xception65`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-3  # of BatchNorm, as in the authors' code
Plan = tuple[tuple[tuple[int, int, int], int], ...]  # of blocks: channels of their three convolutions, and their stride
ENTRY_65: Plan = (((128,) * 3, 2), ((256,) * 3, 2), ((728,) * 3, 2))
ENTRY_71: Plan = (((128,) * 3, 2), ((256,) * 3, 1), ((256,) * 3, 2), ((728,) * 3, 1), ((728,) * 3, 2))
EXIT = ((728, 1024, 1024), (1536, 1536, 2048))


def conv_bn(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution and BatchNorm; the size stays, up to the stride."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out, eps=EPS))


def separable(c_in: int, c_out: int, stride: int = 1, rate: int = 1, relu: bool = False) -> nn.Sequential:
    """Depthwise 3×3 with taps `rate` apart, then pointwise 1×1, BatchNorm (and ReLU) behind both."""
    depthwise = nn.Conv2d(c_in, c_in, 3, stride, padding=rate, dilation=rate, groups=c_in, bias=False)
    then = [nn.ReLU()] if relu else []
    return nn.Sequential(depthwise, nn.BatchNorm2d(c_in, eps=EPS), *then, *conv_bn(c_in, c_out, 1), *then)


class Block(nn.Module):
    """Three separable convolutions, the last one strided, and a shortcut around them."""

    def __init__(self, c_in: int, channels: tuple[int, int, int], stride: int, rate: int, project: bool) -> None:
        super().__init__()
        c1, c2, c3 = channels
        self.shortcut = conv_bn(c_in, c3, 1, stride) if project else nn.Identity()
        self.conv1 = separable(c_in, c1, rate=rate)
        self.conv2 = separable(c1, c2, rate=rate)
        self.conv3 = separable(c2, c3, stride, rate)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) → (N, c2, h, w), what is known before the stride, and (N, c3, h/stride, w/stride)."""
        fine = self.conv2(F.relu(self.conv1(F.relu(x))))  # (N, c2, h, w)
        return fine, self.shortcut(x) + self.conv3(F.relu(fine))  # (N, c3, h/stride, w/stride)


class Xception(nn.Module):
    """Stem, entry, middle and exit flow; `channels` and `strides` of its maps, as `seglab.nets.encoders.Encoder` has.

    Args:
        entry: channels and stride of each block of the entry flow.
        middle: how many blocks follow that keep size and channels.
        exit: channels of the last block, and of the three separable convolutions behind it.
        stride: s, output stride, 8, 16 or 32.
    """

    def __init__(
        self, entry: Plan = ENTRY_65, middle: int = 16, exit: tuple[tuple[int, int, int], ...] = EXIT, stride: int = 16
    ) -> None:
        super().__init__()
        if stride not in (8, 16, 32):
            raise ValueError(f"The output stride of Xception is 8, 16 or 32; got {stride}.")
        c = entry[-1][0][-1]
        self.stem = nn.Sequential(conv_bn(3, 32, 3, 2), nn.ReLU(), conv_bn(32, 64, 3), nn.ReLU())
        self.blocks = nn.ModuleList()
        c_in, at, rate = 64, 2, 1
        for channels, step in (*entry, *middle * ((((c,) * 3), 1),), (exit[0], 2)):
            strided = step if at < stride else 1  # ← past the output stride: no stride,
            project = step > 1 or c_in != channels[-1]
            self.blocks.append(Block(c_in, channels, strided, rate, project))
            c_in, at, rate = channels[-1], at * strided, rate * (step // strided)  # ← but dilation from here on
        c1, c2, c3 = exit[1]
        last = ((c_in, c1), (c1, c2), (c2, c3))  # here ReLU stands behind every BatchNorm, and there is no shortcut
        self.exit = nn.Sequential(*(separable(a, b, rate=rate, relu=True) for a, b in last))
        self.taps = tuple(i for i, (_, step) in enumerate(entry) if step > 1)
        self.channels = (*(entry[i][0][1] for i in self.taps), c3)
        self.strides = (*(2 * 2**n for n in range(len(self.taps))), at)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W), normalised → maps at strides 2, 4, 8 and s; any H, W ≥ 64."""
        x = self.stem(x)  # (N, 64, H/2, W/2)
        maps = []
        for i, block in enumerate(self.blocks):
            fine, x = block(x)  # (N, 128 … 1024, H/4 … H/s, W/4 … W/s)
            if i in self.taps:
                maps.append(fine)
        x = self.exit(x)  # (N, 2048, H/s, W/s)
        return [*maps, x]


class XceptionSegmenter(nn.Module):
    """Xception alone with a 1×1 classifier: V3+ without its ASPP and decoder."""

    def __init__(self, backbone: Xception, n_classes: int) -> None:
        super().__init__()
        self.encoder = backbone
        self.classify = nn.Conv2d(backbone.channels[-1], n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = self.encoder(x)[-1]  # (N, 2048, H/16, W/16)
        y = self.classify(y)  # (N, K, H/16, W/16)
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)


def small_encoder(stride: int = 16) -> Xception:
    """An eighth of the widths, 4 middle blocks, 0.3 M parameters; channels (32, 48, 96, 256)."""
    entry: Plan = (((32,) * 3, 2), ((48,) * 3, 2), ((96,) * 3, 2))
    return Xception(entry, 4, ((96, 128, 128), (192, 192, 256)), stride)


def paper_size(n_classes: int = 21) -> XceptionSegmenter:
    """Xception-65 at stride 16, 37.9 M parameters.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 21, 64, 64])
    """
    return XceptionSegmenter(Xception(), n_classes)


def small(n_classes: int) -> XceptionSegmenter:
    """For 128×128 scenes: `small_encoder` at stride 16.

    >>> import torch
    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return XceptionSegmenter(small_encoder(), n_classes)
