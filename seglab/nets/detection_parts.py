"""What our detectors have in place of torchvision's parts of the same names, or do with them.

Boxes are x0 y0 x1 y1 in pixels of the input, from edge to edge.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign, roi_align


class Padding(GeneralizedRCNNTransform):
    """Pad pictures with zeros, at the right and below, to one size that strides of 32 divide, and do nothing else."""

    def __init__(self) -> None:
        super().__init__(min_size=1, max_size=1, image_mean=[0.0] * 3, image_std=[1.0] * 3, size_divisible=32)

    def normalize(self, image: Tensor) -> Tensor:
        """Return the picture as it is."""
        return image

    def resize(self, image: Tensor, target: Any = None) -> tuple[Tensor, Any]:
        """Return picture and target as they are."""
        return image, target

    def postprocess(self, result: Any, image_shapes: Any, original_image_sizes: Any) -> Any:
        """Return the objects as they are: boxes in the input's pixels, masks in their boxes."""
        return result


class Pool(MultiScaleRoIAlign):
    """RoIAlign from the map of the right stride, half a cell better placed than torchvision's.

    Cell 0 of a map lies half a cell from the picture's edge. torchvision's detectors leave that out, here and when they
    make the masks to learn from, and paste on whole pixels: a perfect mask head would get discs of 8 px to an IoU of
    0.74 only, of 20 px to 0.90. With the half (`aligned`, as in detectron2) and masks to learn from taken at the
    corners of pixels, where torchvision looks for them, it is 0.99.
    """

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: Any) -> Tensor:
        """Maps by name (N, C, H/s, W/s) and for each picture boxes (n, 4) → patches (sum of n, C, side, side)."""
        maps = [x[name] for name in self.featmap_names]
        numbers = torch.cat([torch.full_like(b[:, :1], i) for i, b in enumerate(boxes)])
        rois, levels = torch.cat([numbers, torch.cat(boxes)], 1), self.map_levels(boxes)
        patches = maps[0].new_zeros(len(rois), maps[0].shape[1], *self.output_size)
        for level, (cells, scale) in enumerate(zip(maps, self.scales, strict=True)):
            mine = torch.where(levels == level)[0]
            cut = roi_align(cells, rois[mine], self.output_size, scale, self.sampling_ratio, aligned=True)
            patches[mine] = cut.to(patches.dtype)
        return patches


class Anchors(AnchorGenerator):
    """Anchor boxes on the coarsest maps, as many as there are sizes for; the finest one would have too many.

    In float32 whatever the maps are in, and made outside inference mode: copies that learn share them.
    """

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        """Return the anchors of each picture, (n, 4) float32, of all maps one after the other."""
        return super().forward(image_list, feature_maps[-len(self.sizes) :])

    def set_cell_anchors(self, dtype: torch.dtype, device: torch.device) -> None:
        """Move the anchors of one place to `device`."""
        with torch.inference_mode(False):
            super().set_cell_anchors(torch.float32, device)


class Proposer(RPNHead):
    """The RPN's head on the maps that have anchors, the coarsest `levels`."""

    def __init__(self, channels: int, anchors: Anchors) -> None:
        super().__init__(channels, anchors.num_anchors_per_location()[0])
        self.levels = len(anchors.sizes)

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Maps (N, C, h, w) → for each (N, A, h, w) scores, and (N, 4A, h, w) corrections."""
        return super().forward(x[-self.levels :])


def float32(module: nn.Module, inputs: Any, output: Any) -> Any:
    """Turn what a head gives, tensors in lists and tuples, into float32: a forward hook."""
    if isinstance(output, Tensor):
        return output.float()
    return type(output)(float32(module, inputs, part) for part in output)
