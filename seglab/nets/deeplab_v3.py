"""DeepLab V3 (Chen, Papandreou, Schroff & Adam 2017, arXiv:1706.05587, fig. 5): ASPP with image pooling and BatchNorm.

Fixed: in V2's ASPP a 3×3 kernel of large rate degenerates to 1×1, most of its taps being off the map (fig. 4 there), so
nothing saw the whole picture. Here a branch of *image pooling*, the mean of the whole map, joins a 1×1 and three atrous
3×3 convolutions, all with BatchNorm, laid side by side and mixed by 1×1: `ASPP`, the line marked ← below. No CRF.
Lacks: boundaries, for the logits are enlarged by 8 or 16 at once (V3+ adds a decoder); costly at stride 8.
Rates: 6, 12, 18 at output stride 16; twice that, 12, 24, 36, at stride 8, where the same view is twice as many pixels.
Differs: torchvision's form, whose weights `load_torchvision` takes over with equal logits: dilations of the encoder's
last stage without the paper's multi-grid (1, 2, 4), and a 3×3 convolution behind ASPP. Its auxiliary head, which only
trains, is left out: 58.6 M parameters (21 classes); 58.0 M are quoted for the paper's with 19 (Wang et al. 2020,
arXiv:1908.07919, table 3).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.encoders import Encoder, encoder

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # by output stride


def conv(c_in: int, c_out: int, kernel: int, rate: int = 1) -> nn.Sequential:
    """Convolution with its taps `rate` apart, BatchNorm, ReLU; the size stays."""
    pad = rate * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=pad, dilation=rate, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()
    )


class ASPP(nn.Module):
    """Fig. 5: 1×1, three atrous 3×3 and the mean of the whole map, side by side, mixed by 1×1."""

    def __init__(self, c_in: int, rates: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.point = conv(c_in, width, 1)
        self.atrous = nn.ModuleList(conv(c_in, width, 3, rate) for rate in rates)
        self.image = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(c_in, width, 1, bias=False), PooledBatchNorm(width), nn.ReLU()
        )
        self.mix = nn.Sequential(conv((2 + len(rates)) * width, width, 1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) → (N, width, h, w)."""
        image = self.image(x).expand(-1, -1, *x.shape[-2:])  # (N, width, h, w), the same everywhere
        y = torch.cat([self.point(x), *(atrous(x) for atrous in self.atrous), image], 1)  # (N, 5·width, h, w)
        return self.mix(y)  # (N, width, h, w)


class DeepLabV3(nn.Module):
    """A dilated encoder, ASPP, 3×3, logits enlarged to the picture's size.

    Args:
        backbone: an encoder of output stride s = 8 or 16.
        n_classes: K.
        width: channels of each branch of ASPP.
        rates: of ASPP, in pixels of the backbone's last map; the paper's for its stride if None.
    """

    def __init__(
        self, backbone: Encoder, n_classes: int, width: int = 256, rates: tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        self.encoder = backbone
        self.aspp = ASPP(backbone.channels[-1], rates or rates_at(backbone.strides[-1]), width)
        self.refine = conv(width, width, 3)
        self.classify = nn.Conv2d(width, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = self.encoder(x)[-1]  # (N, C, H/s, W/s)  ← dilated, not H/32: see `encoders._dilate`
        y = self.aspp(y)  # (N, 256, H/s, W/s)  ← five views at once
        y = self.refine(y)  # (N, 256, H/s, W/s)
        y = self.classify(y)  # (N, K, H/s, W/s)
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of `torchvision.models.segmentation.deeplabv3_*` over, layer by layer in their order.

        Raises:
            ValueError: another number of tensors than this network has; RuntimeError: one of another shape.
        """
        theirs = [tensor for name, tensor in state.items() if not name.startswith("aux_classifier.")]
        ours = list(self.state_dict())
        if len(theirs) != len(ours):
            raise ValueError(
                f"This network has {len(ours)} tensors, the weights {len(theirs)}; is the encoder the same?"
            )
        self.load_state_dict(dict(zip(ours, theirs, strict=True)))


def rates_at(stride: int) -> tuple[int, int, int]:
    """Return the paper's rates for an output stride; ValueError for another than 8 and 16."""
    if stride not in RATES:
        raise ValueError(f"The paper has rates for strides 8 and 16; got an encoder of stride {stride}. Give rates.")
    return RATES[stride]


class PooledBatchNorm(nn.BatchNorm2d):
    """BatchNorm behind a pooling to 1×1: one picture alone has a single value there, so it takes the running mean."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, 1) → the same size."""
        if len(x) > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def paper_size(n_classes: int = 21, stride: int = 8) -> DeepLabV3:
    """ResNet-101, 58.6 M parameters; stride 16 in the paper's training, 8 in its tests and in torchvision.

    >>> with torch.device("meta"):
    ...     paper_size(stride=16)(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 21, 64, 64])
    """
    return DeepLabV3(encoder("resnet101", stride=stride), n_classes)


def small(n_classes: int) -> DeepLabV3:
    """For 128×128 scenes: a small encoder at stride 8; a quarter of the paper's rates, for a map of 16 instead of 65.

    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return DeepLabV3(encoder("tiny", stride=8), n_classes, width=48, rates=(3, 6, 9))
