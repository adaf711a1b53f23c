"""The FCN that torchvision ships (`fcn_resnet50`, `fcn_resnet101`): dilated, output stride 8, and no skips.

It carries the name of FCN (Long, Shelhamer & Darrell 2015, arXiv:1411.4038), but is the baseline that later papers call
"dilated FCN": the published one ends at stride 32, 16 or 8 on VGG-16 and joins finer maps by skips; this one keeps a
ResNet at stride 8 by dilation (`encoder(…, stride=8)` below: `seglab.nets.encoders._dilate` takes the strides of
stages 3 and 4 away and sets their kernels' taps 2 and 4 apart), puts one 3×3 convolution on it and enlarges by 8.
Fixed: stride 8 without skips or learnt up-sampling. Lacks: context beyond the encoder's view (PSPNet and DeepLab V3 put
their pooling just here), and finer maps for boundaries.
Differs from torchvision's: not at all but for the auxiliary head, which only trains; `load_torchvision` takes its
weights over, and the logits are the same. torchvision counts 35.3 M and 54.3 M parameters with that head of 2.4 M.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from seglab.nets.encoders import Encoder, encoder


class DilatedFCN(nn.Module):
    """A dilated encoder, convolution 3×3 to a quarter of the channels, 1×1 to logits, enlarged by 8.

    Args:
        backbone: an encoder, torchvision's is a ResNet of stride 8.
        n_classes: K.
    """

    def __init__(self, backbone: Encoder, n_classes: int) -> None:
        super().__init__()
        c = backbone.channels[-1]
        self.encoder = backbone
        self.squeeze = nn.Sequential(
            nn.Conv2d(c, c // 4, 3, padding=1, bias=False), nn.BatchNorm2d(c // 4), nn.ReLU(), nn.Dropout(0.1)
        )
        self.classify = nn.Conv2d(c // 4, n_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K, H, W); any H, W ≥ 64."""
        y = self.encoder(x)[-1]  # (N, C, H/8, W/8)  ← not H/32: the encoder's stages 3 and 4 are dilated
        y = self.squeeze(y)  # (N, C/4, H/8, W/8)
        y = self.classify(y)  # (N, K, H/8, W/8)
        return F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of `torchvision.models.segmentation.fcn_*` over, layer by layer in their order.

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


def paper_size(n_classes: int = 21) -> DilatedFCN:
    """As torchvision's `fcn_resnet101`, 51.9 M parameters.

    >>> import torch
    >>> with torch.device("meta"):
    ...     paper_size()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 21, 64, 64])
    """
    return DilatedFCN(encoder("resnet101", stride=8), n_classes)


def small(n_classes: int) -> DilatedFCN:
    """For 128×128 scenes: a small encoder at stride 8.

    >>> import torch
    >>> small(5).eval()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 5, 64, 64])
    """
    return DilatedFCN(encoder("tiny", stride=8), n_classes)
