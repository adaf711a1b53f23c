"""Networks that give one class for a whole picture: ours for crops of Scenes, and torchvision's ResNet-50.

Both end as CAM wants it (Zhou et al. 2016, arXiv:1512.04150): maps, their mean over the places, one linear layer. So
Grad-CAM's α_k at the last maps is the class's weight of channel k divided by the number of places.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet

from seglab.nets.street import Residual, conv_bn


class CropNet(nn.Module):
    """A small residual network (He et al. 2016, arXiv:1512.03385), to stride 8.

    Args:
        n_classes: K, the number of classes.
        width: channels at stride 2; each further stride doubles them.

    >>> import torch
    >>> CropNet(5)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 5])
    """

    def __init__(self, n_classes: int, width: int = 24) -> None:
        super().__init__()
        self.stem = conv_bn(3, width, 3, 2)
        self.stage4 = Residual(width, 2 * width, stride=2)
        self.stage8 = nn.Sequential(Residual(2 * width, 4 * width, stride=2), Residual(4 * width, 4 * width))
        self.classify = nn.Linear(4 * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, K); any H, W ≥ 8."""
        s2 = F.relu(self.stem(x))  # (N, w, H/2, W/2)
        s4 = self.stage4(s2)  # (N, 2w, H/4, W/4)
        s8 = self.stage8(s4)  # (N, 4w, H/8, W/8)
        return self.classify(s8.mean((2, 3)))  # (N, K)


def scenes_crops() -> CropNet:
    """0.3 M parameters, the five things of Scenes."""
    return CropNet(5)


def resnet50() -> nn.Module:
    """Return torchvision's ResNet-50, with 1000 classes of ImageNet and random weights; 25.6 M parameters."""
    return resnet.resnet50(weights=None)
