"""Our own Mask R-CNNs (`mask_rcnn`), small enough to be trained from scratch: a residual pyramid, and light heads.

Their backbone and pyramid have BatchNorm that learns (from scratch the frozen one of torchvision's recipes would be
noise): a batch of 8 pictures has thousands of cells at every stride, and once trained it folds into the convolutions
and costs nothing, which GroupNorm doesn't. The heads have none, as in the paper (arXiv:1703.06870): their batch is the
objects that happen to be in the pictures, and there may be none. Lacks: what a pre-trained backbone would know.
"""

from __future__ import annotations

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import FeaturePyramidNetwork

from seglab.nets.detection_parts import Anchors, Pool, Proposer
from seglab.nets.mask_rcnn import LIMIT, STRIDES, Detector
from seglab.nets.street import Residual, conv_bn


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
