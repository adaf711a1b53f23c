"""Our own network for street scenes: a residual encoder, a pooled pyramid for context, a top-down pyramid decoder.

Nothing in it is new: residual blocks (He et al. 2016, fig. 2), the last ones dilated instead of strided (DeepLab),
pyramid pooling (PSPNet, Zhao et al. 2017, fig. 3) and lateral sums on the way up (FPN, Lin et al. 2017, fig. 3).
What it adds to a plain FPN is one more step up, to stride 2, for on 480×360 pictures a pole is 2 to 4 pixels wide. It
didn't pay: with the loss at full size an FPN that ends at stride 4 is better on poles too (`weights/README.md`). Made
for training from scratch on a few hundred pictures: GELU-free, BatchNorm, no attention.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(c_in: int, c_out: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps the size (up to its stride), followed by BatchNorm; no bias, BatchNorm has one."""
    pad = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, pad, dilation, bias=False),
        nn.BatchNorm2d(c_out),
    )


class Residual(nn.Module):
    """Basic residual block: relu(x + conv(relu(conv(x)))), the shortcut projected where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = conv_bn(c_in, c_out, 3, stride, dilation)
        self.conv2 = conv_bn(c_out, c_out, 3, 1, dilation)
        self.shortcut = nn.Identity() if c_in == c_out and stride == 1 else conv_bn(c_in, c_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) → (N, c_out, H/stride, W/stride)."""
        return F.relu(self.shortcut(x) + self.conv2(F.relu(self.conv1(x))))


class PyramidPooling(nn.Module):
    """Mean of the map over 1×1, 2×2, 3×3 and 6×6 bins, each squeezed and laid beside the map (PSPNet, fig. 3)."""

    def __init__(self, c_in: int, c_out: int, bins: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.squeeze = nn.ModuleList(nn.Conv2d(c_in, c_in // 4, 1) for _ in bins)
        self.fuse = conv_bn(c_in + len(self.bins) * (c_in // 4), c_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, h, w) → (N, c_out, h, w)."""
        size = x.shape[-2:]
        pooled = [
            F.interpolate(F.relu(conv(F.adaptive_avg_pool2d(x, n))), size, mode="bilinear", align_corners=False)
            for n, conv in zip(self.bins, self.squeeze, strict=True)
        ]
        return F.relu(self.fuse(torch.cat([x, *pooled], 1)))


class StreetNet(nn.Module):
    """Encoder to stride 16, pyramid pooling, decoder back to stride 2.

    Args:
        n_classes: K, the number of classes.
        width: channels at stride 2; each further stride doubles them.
        blocks: residual blocks at strides 4, 8 and 16.
        dropout: share of context channels dropped in training.
        full: channels of one more step, to full size: what is a pixel wide is lost at stride 2. 0: no such step.
    """

    def __init__(
        self,
        n_classes: int = 11,
        width: int = 32,
        blocks: tuple[int, int, int] = (2, 3, 3),
        dropout: float = 0.1,
        full: int = 0,
    ) -> None:
        super().__init__()
        w2, w4, w8, w16 = width, 2 * width, 4 * width, 8 * width
        self.stem = conv_bn(3, w2, 3, 2)
        self.stage4 = self._stage(w2, w4, blocks[0])
        self.stage8 = self._stage(w4, w8, blocks[1])
        # Dilations 1, 2, 4: a view of the whole street without a stride of 32, at which far cars would vanish.
        self.stage16 = self._stage(w8, w16, blocks[2], dilations=(1, 2, 4))
        self.context = PyramidPooling(w16, w8)
        self.dropout = nn.Dropout2d(dropout)
        self.lateral8, self.up8 = conv_bn(w8, w8, 1), conv_bn(w8, w4)
        self.lateral4, self.up4 = conv_bn(w4, w4, 1), conv_bn(w4, w2)
        self.lateral2, self.up2 = conv_bn(w2, w2, 1), conv_bn(w2, w2)
        self.full = full
        if full:
            self.lateral1, self.up1 = conv_bn(3, full), conv_bn(w2, full)
            self.join1 = conv_bn(full, full)
        self.classify = nn.Conv2d(full or w2, n_classes, 1)

    @staticmethod
    def _stage(c_in: int, c_out: int, n: int, dilations: Sequence[int] = (1,)) -> nn.Sequential:
        first = Residual(c_in, c_out, stride=2)
        rest = [Residual(c_out, c_out, dilation=dilations[min(i, len(dilations) - 1)]) for i in range(1, n)]
        return nn.Sequential(first, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H/2, W/2), rounded up, or (N, K, H, W); any H, W ≥ 16."""
        s2 = F.relu(self.stem(x))  # (N, w, H/2, W/2)
        s4 = self.stage4(s2)  # (N, 2w, H/4, W/4)
        s8 = self.stage8(s4)  # (N, 4w, H/8, W/8)
        s16 = self.stage16(s8)  # (N, 8w, H/16, W/16)
        y = self.dropout(self.context(s16))  # (N, 4w, H/16, W/16)
        y = F.relu(self.up8(upsample_to(y, s8) + self.lateral8(s8)))  # (N, 2w, H/8, W/8)
        y = F.relu(self.up4(upsample_to(y, s4) + self.lateral4(s4)))  # (N, w, H/4, W/4)
        y = F.relu(self.up2(upsample_to(y, s2) + self.lateral2(s2)))  # (N, w, H/2, W/2)
        if self.full:
            y = F.relu(upsample_to(self.up1(y), x) + self.lateral1(x))  # (N, full, H, W)
            y = F.relu(self.join1(y))
        return self.classify(y)  # (N, K, H/2, W/2), or at full size


def upsample_to(y: Tensor, like: Tensor) -> Tensor:
    """Bilinear up-sampling of y to the height and width of `like`."""
    return F.interpolate(y, like.shape[-2:], mode="bilinear", align_corners=False)


def street_fast() -> StreetNet:
    """0.9 M parameters, 11 classes: for a mask while you look."""
    return StreetNet(width=16, blocks=(1, 2, 2))


def scenes() -> StreetNet:
    """2.0 M parameters, 11 classes, at full size: for Scenes, drawn by `seglab.datasets.scenes`."""
    return StreetNet(width=24, blocks=(1, 2, 2), full=24)
