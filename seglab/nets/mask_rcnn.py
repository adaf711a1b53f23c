"""Mask R-CNN (He, Gkioxari, Dollár & Girshick 2017, arXiv:1703.06870): a box for each object, then a mask in each box.

A backbone with a feature pyramid gives maps at several strides. At every place of every map the region proposal
network (RPN) scores some anchor boxes and corrects them; the best are the proposals. RoIAlign cuts a 7×7 patch of the
map out for each, from which the box head says the class and corrects the box once more, and a 14×14 patch for each box
that is left, from which the mask head draws 28×28 pixels. Parts are torchvision's; the backbone and the sizes are ours.

Ours are trained from scratch, so their backbone and pyramid have BatchNorm that learns (from scratch the frozen one of
torchvision's recipes would be noise): a batch of 8 pictures has thousands of cells at every stride, and once trained it
folds into the convolutions and costs nothing, which GroupNorm doesn't. The heads have none, as in the paper: their
batch is the objects that happen to be in the pictures, and there may be none.

Boxes are x0 y0 x1 y1 in pixels of the input, from edge to edge: one that holds the first pixel alone is 0 0 1 1.
Labels count from 1, 0 being "no object".
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

from seglab import folding
from seglab.nets.detection_parts import Anchors, Padding, Pool, Proposer, float32
from seglab.nets.street import Residual, conv_bn
from seglab.palettes_coco import COCO_IDS

# What one pass keeps, loosely: all later choices only tighten it (`seglab.instances.select`).
SCORE, NMS, LIMIT = 0.05, 0.9, 300
STRIDES = (2, 4, 8, 16, 32)  # of our pyramid's maps


class Pyramid(nn.Module):
    """Residual stages down to stride 32, and an FPN of few channels over them (Lin et al. 2017, fig. 3).

    It reaches one step further up than usual, to stride 2: things here are 8 px small, and at stride 4 that is 2 cells.

    Args:
        width: channels at stride 2.
        channels: of each map of the pyramid.
        blocks: residual blocks at strides 4, 8, 16 and 32.
    """

    def __init__(self, width: int = 24, channels: int = 64, blocks: tuple[int, int, int, int] = (2, 2, 2, 1)) -> None:
        super().__init__()
        self.out_channels = channels
        c = (width, 2 * width, 4 * width, 6 * width, 8 * width)
        self.stem = conv_bn(3, width, 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(Residual(c[i], c[i + 1], stride=2), *(Residual(c[i + 1], c[i + 1]) for _ in range(n - 1)))
            for i, n in enumerate(blocks)
        )
        self.fpn = FeaturePyramidNetwork(list(c), channels, norm_layer=nn.BatchNorm2d)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W), H and W multiples of 32 → maps "0" to "4", (N, channels, H/s, W/s) for s = 2, 4, …, 32."""
        x = F.relu(self.stem(x))
        maps = OrderedDict([("0", x)])  # (N, w, H/2, W/2)
        for i, stage in enumerate(self.stages, 1):
            x = stage(x)  # (N, 2w, H/4, W/4), (N, 4w, H/8, W/8), (N, 6w, H/16, W/16), (N, 8w, H/32, W/32)
            maps[str(i)] = x
        return self.fpn(maps)


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


def light(
    things: int,
    smallest: int,
    proposals: int,
    sampled: int,
    *,
    limit: int = LIMIT,
    width: int = 24,
    channels: int = 64,
    hidden: int = 128,
) -> Detector:
    """Build our own, 2.4 M parameters, with random weights.

    Args:
        things: number of classes.
        smallest: side of the smallest anchors in px; two sizes for each stride from 4 on, half an octave apart.
        proposals: of the RPN, when it is used; half as many when it learns.
        sampled: proposals of a picture that the heads learn from; a quarter of them at most are objects.
        limit: how many objects one pass keeps.
        width: channels of the backbone at stride 2.
        channels: of the pyramid and the mask head.
        hidden: of the box head.

    >>> light(2, 8, 100, 16, width=8, channels=16, hidden=16).labels
    (1, 2)

    """
    backbone, c = Pyramid(width, channels), channels
    sizes = tuple((smallest * s // 4, round(smallest * s / 4 * 2**0.5)) for s in STRIDES[1:])
    anchors = Anchors(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    names = [str(i) for i in range(len(STRIDES))]
    # Objects up to 28 px are cut from stride 2, up to 56 px from stride 4, …: at most 14×14 cells for a patch of 14×14.
    whole = MaskRCNN(
        backbone,
        rpn_anchor_generator=anchors,
        rpn_head=Proposer(c, anchors),
        rpn_pre_nms_top_n_train=proposals // 2,
        rpn_post_nms_top_n_train=proposals // 2,
        rpn_pre_nms_top_n_test=proposals,
        rpn_post_nms_top_n_test=proposals,
        rpn_batch_size_per_image=128,
        box_roi_pool=Pool(names, 7, 1, canonical_scale=112),
        box_head=TwoMLPHead(c * 7**2, hidden),
        box_predictor=FastRCNNPredictor(hidden, things + 1),
        box_batch_size_per_image=sampled,
        mask_roi_pool=Pool(names, 14, 1, canonical_scale=112),
        mask_head=MaskRCNNHeads(c, (c, c, c), 1),
        mask_predictor=MaskRCNNPredictor(c, c, things + 1),
    )
    return Detector(whole, tuple(range(1, things + 1)), aligned=True, limit=limit)


def scenes_instances() -> Detector:
    """Car, person, dog, ball and sign of Scenes, on pictures of 192 px or more: things from 12 px on."""
    return light(things=5, smallest=12, proposals=400, sampled=64)


def street_instances() -> Detector:
    """Car, pedestrian and bicyclist of CamVid at 480×360."""
    return light(things=3, smallest=12, proposals=600, sampled=96)


def nuclei_instances() -> Detector:
    """Cell nuclei: there may be hundreds in a picture, and a loose pass finds each some three times."""
    return light(things=1, smallest=8, proposals=1200, sampled=128, limit=1000)


def maskrcnn_resnet50_fpn() -> Detector:
    """ResNet-50-FPN as in the paper, 44 M parameters, with random weights; for torchvision's of COCO's 80 things."""
    net = Detector(detection.maskrcnn_resnet50_fpn(weights=None, weights_backbone=None), COCO_IDS, aligned=False)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = (
                0.0  # these weights were trained so, by mistake; torchvision sets it as well when it loads them
            )
    return net


def maskrcnn_resnet50_fpn_v2() -> Detector:
    """The same with BatchNorm and convolutions in all heads and a longer training (Li et al. 2021, 2111.11429)."""
    return Detector(detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None), COCO_IDS, aligned=False)
