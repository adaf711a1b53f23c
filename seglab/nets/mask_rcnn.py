"""Mask R-CNN (He, Gkioxari, Dollár & Girshick 2017, arXiv:1703.06870): a box for each object, then a mask in each box.

A backbone with a feature pyramid gives maps at several strides. At every place of every map the region proposal
network (RPN) scores some anchor boxes and corrects them; the best are the proposals. RoIAlign cuts a 7×7 patch of the
map out for each, from which the box head says the class and corrects the box once more, and a 14×14 patch for each box
that is left, from which the mask head draws 28×28 pixels. Fixed: objects are told apart, which no map of classes does.
Lacks: masks are 28×28, however large the object; nothing for stuff. Parts are torchvision's: the pyramid's sums of fine
and enlarged coarse maps are in `backbone.fpn` (torchvision.ops.FeaturePyramidNetwork), anchors and proposals in `rpn`,
RoIAlign in `roi_heads.box_roi_pool` and `mask_roi_pool`, the heads in `box_head` and `mask_head`; `dense` below runs
them all in their order. Ours are built in `mask_rcnn_small`.

Boxes are x0 y0 x1 y1 in pixels of the input, from edge to edge: one that holds the first pixel alone is 0 0 1 1.
Labels count from 1, 0 being "no object".
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

from seglab import folding
from seglab.nets.detection_parts import Anchors, Padding, float32
from seglab.palettes_coco import COCO_IDS

# What one pass keeps, loosely: all later choices only tighten it (`seglab.instances.select`).
SCORE, NMS, LIMIT = 0.05, 0.9, 300
STRIDES = (2, 4, 8, 16, 32)  # of our pyramid's maps


class Detector(GeneralizedRCNN):
    """torchvision's Mask R-CNN, tensor names and all, that takes our preprocessing and gives small masks.

    Some things differ from the module it is made of. Its transform only pads to multiples of 32: pictures come resized
    and normalised, and masks stay 28×28 in their boxes (`seglab.instances` pastes them one at a time). One pass keeps
    loosely what it found (SCORE, NMS, LIMIT). Boxes and scores are float32 under autocast too: anchors and coordinates
    in bf16 would be off by pixels. And the pools know their strides: torchvision's guess them from the first picture
    they see and keep the guess, which is wrong for all later ones if that one was, say, 65 pixels high.

    Args:
        whole: what it is made of; belongs to this one now.
        labels: labels[i] is the label, as the network counts, of the palette's i-th thing.
        aligned: whether it has learnt masks that lie in their boxes exactly, as ours do (see `detection_parts.Pool`).
        limit: how many objects one pass keeps.
    """

    def __init__(self, whole: MaskRCNN, labels: tuple[int, ...], *, aligned: bool, limit: int = LIMIT) -> None:
        super().__init__(whole.backbone, whole.rpn, whole.roi_heads, Padding())
        self.labels, self.aligned = labels, aligned
        heads, anchors = self.roi_heads, self.rpn.anchor_generator
        heads.score_thresh, heads.nms_thresh, heads.detections_per_img = SCORE, NMS, limit
        self.rpn.anchor_generator = Anchors(anchors.sizes, anchors.aspect_ratios)
        for part in (self.rpn.head, heads.box_predictor, heads.mask_predictor):
            part.register_forward_hook(float32)
        for pool in (heads.box_roi_pool, heads.mask_roi_pool):
            pool.scales = [1 / stride for stride in STRIDES[-len(pool.featmap_names) :]]
            pool.map_levels = initLevelMapper(6 - len(pool.scales), 5, pool.canonical_scale, pool.canonical_level)

    def forward(self, images: Tensor | list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """Find objects, or give losses when training.

        Args:
            images: (N, 3, H, W), or N of (3, h, w) of any sizes ≥ 1; normalised, resized to the size to be used.
            targets: when training, for each picture boxes (n, 4) float32, labels (n,) int64 from 1, and masks
                (n, h + 1, w + 1) float, 0..1, at the pixels' corners (`seglab.augment_instances`); n may be 0.

        Returns:
            eval: for each picture {"boxes": (n, 4) float32, "labels": (n,) int64, "scores": (n,) float32,
            "masks": (n, 1, 28, 28) float32 probabilities within the box}, best score first. train: the
            five losses by name. On the meta device, where nothing can be found: what `dense` gives.

        """
        if isinstance(images, Tensor) and images.is_meta:
            return self.dense(images, proposals=self.rpn.post_nms_top_n(), objects=self.roi_heads.detections_per_img)
        return super().forward(images, targets)

    def dense(self, x: Tensor, proposals: int = 8, objects: int = 8) -> Tensor:
        """Run all layers but none of the decisions between them, and return all they give, as one row of numbers.

        The heads get the pooled maps instead of cut-out patches, again and again until there are as many as wanted. So
        what is computed depends on the shape of x (N, 3, H, W) alone: for counting costs, and for comparing copies.
        """
        maps = self.backbone(self.transform.batch_images(list(x)))
        scores, corrections = self.rpn.head(list(maps.values()))
        heads = self.roi_heads
        classes, boxes = heads.box_predictor(heads.box_head(_patches(maps, heads.box_roi_pool, proposals)))
        masks = heads.mask_predictor(heads.mask_head(_patches(maps, heads.mask_roi_pool, objects)))
        return torch.cat([t.flatten() for t in (*scores, *corrections, classes, boxes, masks)])[None]

    def folded(self) -> Detector:
        """Return a detector with the same answers whose BatchNorms are folded (see `seglab.folding`); self stays."""
        found = folding.fold(_Dense(self)).get_submodule("detector")
        assert isinstance(found, Detector)
        return found


class _Dense(nn.Module):
    """A detector as `folding.fold` wants a network: pictures in, one tensor out."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector
        self.train(detector.training)

    def forward(self, x: Tensor) -> Tensor:
        return self.detector.dense(x)


def _patches(maps: dict[str, Tensor], pool: MultiScaleRoIAlign, n: int) -> Tensor:
    """(n, C, h, w): the maps that the pool cuts from, each pooled to its patches' size, again and again."""
    patches = torch.cat([F.adaptive_avg_pool2d(maps[name], pool.output_size) for name in pool.featmap_names])
    return patches.repeat(-(-n // len(patches)), 1, 1, 1)[:n]


def maskrcnn_resnet50_fpn() -> Detector:
    """ResNet-50-FPN as in the paper, 44 M parameters, with random weights; for torchvision's of COCO's 80 things."""
    net = Detector(detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None), COCO_IDS, aligned=False)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0  # these weights were trained so, by mistake; torchvision sets it when it loads them
    return net


def maskrcnn_resnet50_fpn_v2() -> Detector:
    """The same with BatchNorm and convolutions in all heads and a longer training (Li et al. 2021, 2111.11429)."""
    return Detector(detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None), COCO_IDS, aligned=False)
