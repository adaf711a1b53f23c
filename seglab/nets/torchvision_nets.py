"""torchvision's segmentation networks without their last step: logits at network resolution, not at the picture's.

torchvision up-samples the logits to the input's size inside `forward`; here that is left to the caller, so that the
small logits can be kept and looked at. The modules keep torchvision's names (`backbone`, `classifier`), so its
checkpoints load as they are; the auxiliary head in them only serves training and is dropped while loading.

All: (N, 3, H, W) RGB in 0..1, normalised by ImageNet's mean and standard deviation → (N, 21, h, w) in VOC's classes,
any H, W ≥ 33; h = ⌈H/8⌉ and w = ⌈W/8⌉ (DeepLabV3-MobileNet: 16). Weights are random: `seglab.zoo` loads real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models import segmentation

_AUX = "aux_classifier."  # torchvision's name of the head that only training uses


class BackboneClassifier(nn.Module):
    """A backbone that gives named feature maps, and a classifier on the map named "out" (FCN, DeepLabV3)."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.backbone: nn.Module = whole.backbone  # type: ignore[assignment]
        self.classifier: nn.Module = whole.classifier  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, 21, h, w)."""
        features = self.backbone(x)  # {"out": (N, C, h, w)}
        return self.classifier(features["out"])  # (N, 21, h, w)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load like any module, strictly unless told otherwise, but leave the auxiliary head's tensors aside."""
        kept = {name: tensor for name, tensor in state_dict.items() if not name.startswith(_AUX)}
        return super().load_state_dict(kept, strict=strict, assign=assign)


class LiteRASPP(BackboneClassifier):
    """LR-ASPP: its classifier joins two maps of the backbone, "low" (stride 8) and "high" (stride 16)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W), normalised → logits (N, 21, ⌈H/8⌉, ⌈W/8⌉)."""
        return self.classifier(self.backbone(x))  # (N, 21, H/8, W/8)


def fcn_resnet50() -> BackboneClassifier:
    """FCN (Long et al. 2015) on a dilated ResNet-50, stride 8."""
    return BackboneClassifier(segmentation.fcn_resnet50(weights=None, weights_backbone=None, aux_loss=False))


def fcn_resnet101() -> BackboneClassifier:
    """FCN (Long et al. 2015) on a dilated ResNet-101, stride 8."""
    return BackboneClassifier(segmentation.fcn_resnet101(weights=None, weights_backbone=None, aux_loss=False))


def deeplabv3_resnet50() -> BackboneClassifier:
    """DeepLabV3 (Chen et al. 2017) on a dilated ResNet-50, stride 8."""
    return BackboneClassifier(segmentation.deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=False))


def deeplabv3_resnet101() -> BackboneClassifier:
    """DeepLabV3 (Chen et al. 2017) on a dilated ResNet-101, stride 8."""
    return BackboneClassifier(segmentation.deeplabv3_resnet101(weights=None, weights_backbone=None, aux_loss=False))


def deeplabv3_mobilenet() -> BackboneClassifier:
    """DeepLabV3 (Chen et al. 2017) on a dilated MobileNetV3-Large, stride 16."""
    return BackboneClassifier(
        segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, aux_loss=False)
    )


def lraspp_mobilenet() -> LiteRASPP:
    """Lite R-ASPP (Howard et al. 2019) on a dilated MobileNetV3-Large, stride 8."""
    return LiteRASPP(segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None))
