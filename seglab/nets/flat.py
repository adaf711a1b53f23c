"""Full-resolution convolutions, the first idea for a label at every pixel, and the encoder-decoder that replaced it.

The first is the plain alternative that lectures weigh the second against (for which see Long, Shelhamer & Darrell
2015, arXiv:1411.4038). Its field grows by two pixels a layer, the other's about doubles with each step down: 16, 40, 84
and 172 px for one to four steps. Lacks: the way up knows the smallest map alone, so that edges are guessed from it;
U-Net (`unet`) is the mend.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.blocks import conv_bn_relu, padded


class Flat(nn.Module):
    """So many 3×3 convolutions, BatchNorm and ReLU at the picture's own size: a receptive field of 1 + 2·layers.

    Args:
        n_classes: K, the number of classes.
        channels: of every layer.
        layers: how many.
    """

    def __init__(self, n_classes: int, channels: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(conv_bn_relu(channels if n else 3, channels) for n in range(layers)))
        self.classify = nn.Conv2d(channels, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W)."""
        return self.classify(self.layers(x))  # (N, C, H, W) all the way


class EncoderDecoder(nn.Module):
    """Two 3×3 convolutions at each size, `steps` halvings and as many doublings; no skips.

    Args:
        n_classes: K, the number of classes.
        base: channels at full size; each step down doubles them.
        steps: halvings.
    """

    def __init__(self, n_classes: int, base: int, steps: int) -> None:
        super().__init__()
        c = [base * 2**n for n in range(steps + 1)]
        self.down = nn.ModuleList(
            nn.Sequential(conv_bn_relu(c_in, c_out), conv_bn_relu(c_out, c_out))
            for c_in, c_out in zip([3, *c], c, strict=False)
        )
        self.up = nn.ModuleList(conv_bn_relu(2 * n, n) for n in reversed(c[:-1]))
        self.classify = nn.Conv2d(base, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W)."""
        height, width = x.shape[-2:]
        x = self.down[0](padded(x, 2 ** len(self.up)))  # (N, C, H, W)
        for down in self.down[1:]:
            x = down(F.max_pool2d(x, 2))  # (N, C·2ⁿ, H/2ⁿ, W/2ⁿ)
        for up in self.up:
            x = up(F.interpolate(x, scale_factor=2.0))  # (N, C·2ⁿ⁻¹, H/2ⁿ⁻¹, W/2ⁿ⁻¹)
        return self.classify(x)[..., :height, :width]  # (N, K, H, W)
