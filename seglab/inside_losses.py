"""The losses of a Mask R-CNN on a picture with its truth, and every number that one object's losses are made of.

L = L_rpn + L_cls + L_box + L_mask: the RPN's over anchors (Ren et al. 2015, eq. 1), the others over proposals (He et
al. 2017, sec. 3). With u the class of the object that a proposal lies on by IoU ≥ 0.5, 0 being background:

    L_cls  = −ln p_u                                  softmax over the classes and background
    L_box  = [u ≥ 1] Σ_{x,y,w,h} smooth_L1(t − t*)    t: the correction for class u; t*: the one that is needed
    L_mask = [u ≥ 1] mean over 28×28 of −y ln m − (1 − y) ln(1 − m)    m: sigmoid of class u's mask alone

Conventions as in `seglab.inside`; smooth_L1's β = 1/9 is torchvision's (the papers have 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.roi_heads import project_masks_on_boxes
from torchvision.ops import box_iou

from seglab.augment_instances import FEWEST, labels, targets
from seglab.inside import Floats, Proposed, judge, network_input, propose, quietly
from seglab.nets.mask_rcnn import Detector
from seglab.runtime import Loaded
from seglab.types import Sample

BETA = 1 / 9  # where smooth L1 turns from a parabola into a line


@dataclass(frozen=True)
class Terms:
    """What one object's best proposal adds to the losses.

    id: the object's in the sample; label: its class in the palette; box, proposal (4,) float32 in pixels; iou: of the
    two; added: no proposal of the network lies on the object, so this is the object's own box, which training adds to
    the proposals; cls: −ln p_u; wanted, t, smooth_l1 (4,): t*, t, and the loss of each; probs, target, bce (28, 28):
    the true class's mask, what it should be (0..1, a pixel on the outline is in between), and the loss of each pixel.
    """

    id: int
    label: int
    box: Floats
    proposal: Floats
    iou: float
    added: bool
    cls: float
    wanted: Floats
    t: Floats
    smooth_l1: Floats
    probs: Floats
    target: Floats
    bce: Floats

    @property
    def p(self) -> float:
        """The softmax probability of the true class."""
        return float(np.exp(-self.cls))

    @property
    def box_loss(self) -> float:
        """L_box of this proposal."""
        return float(self.smooth_l1.sum())

    @property
    def mask_loss(self) -> float:
        """L_mask of this proposal."""
        return float(self.bce.mean())


@dataclass(frozen=True)
class Losses:
    """The five losses of a picture, means as training takes them; and what each object's best proposal adds.

    proposals: how many there are, the objects' own boxes included; on_objects: how many of them lie on one.
    """

    rpn_objectness: float
    rpn_box: float
    cls: float
    box: float
    mask: float
    proposals: int
    on_objects: int
    objects: tuple[Terms, ...]

    @property
    def rpn(self) -> float:
        """L_rpn: is this anchor on an object, and how far from its box."""
        return self.rpn_objectness + self.rpn_box

    @property
    def total(self) -> float:
        """What training makes smaller."""
        return self.rpn + self.cls + self.box + self.mask

    def at(self, box: Floats, least: float = 0.5) -> Terms | None:
        """Return the terms of the object whose box overlaps `box` (4,) most; None if no IoU is at least `least`."""
        if not self.objects:
            return None
        boxes = torch.from_numpy(np.stack([found.box for found in self.objects]))
        iou = box_iou(boxes, torch.tensor(box)[None])[:, 0]
        return self.objects[int(iou.argmax())] if iou.max() >= least else None


def losses(sample: Sample, loaded: Loaded, *, cancel: Callable[[], bool] | None = None) -> Losses:
    """Compute the losses that training would see on a picture with its truth, without its randomness.

    Training draws some anchors and proposals at random, few of them on background. Here all are computed, and each
    weighs as often as it is drawn on average: the result is the mean of torchvision's losses over all draws. Two other
    things are as in use, not as in training: the network's BatchNorm (its learnt statistics, not this picture's), and
    its proposals (twice as many). To them training adds the objects' own boxes, and so does this.

    Args:
        sample: with instance ids; objects of fewer than 9 pixels (as the network sees them) are left out.
        loaded: a detector of the same classes.
        cancel: asked while waiting for a turn; true raises Cancelled.

    Raises:
        ValueError: no detector, other classes, or no ids. OutOfMemory: the picture is too large.

    >>> from seglab import runtime
    >>> from seglab.nets.mask_rcnn_small import light
    >>> from seglab.types import Palette
    >>> from seglab.zoo import Preprocess
    >>> ball = Palette("demo", ("ball",), ((0, 114, 178),), things=(0,))
    >>> net = light(1, smallest=8, proposals=9, sampled=8, width=8, channels=8, hidden=8)
    >>> ids = np.zeros((64, 64), np.uint16)
    >>> ids[8:24, 8:40] = 1
    >>> one = Sample(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8), ball, "one", ids=ids)
    >>> found = losses(one, runtime.ready("demo", net, ball, Preprocess(0), ""))
    >>> found.objects[0].box.tolist(), found.total > found.mask > 0
    ([8.0, 8.0, 40.0, 24.0], True)

    """
    if sample.ids is None:
        raise ValueError(f"{sample.key} has no instance ids, so there is no loss to be had.")
    if sample.palette != loaded.palette:
        raise ValueError(
            f"{loaded.key} knows the classes of {loaded.palette.title}, {sample.key} has those of "
            f"{sample.palette.title}: choose a picture labelled with the model's classes."
        )
    net, x, scale = network_input(sample.image, loaded)
    ids = torch.from_numpy(sample.ids.astype(np.int32))
    seen = F.interpolate(ids[None, None].double(), x.shape[2:], mode="nearest-exact")[0, 0].long()
    of_id = labels(sample)  # 1 + the place among the things, 0 = none
    truth = targets(seen, of_id)
    numbers = torch.where((of_id > 0) & (torch.bincount(seen.flatten(), minlength=len(of_id)) >= FEWEST))[0].tolist()
    kinds = [sample.palette.things[i - 1] for i in truth["labels"].tolist()]
    truth["labels"] = torch.tensor((0, *net.labels))[truth["labels"]]

    def run(x: Tensor) -> Losses:
        here = {name: t.to(x.device) for name, t in truth.items()}
        proposed = propose(net, x)
        objectness, shift = _rpn_losses(net, proposed, here)
        rows = _rows(net, proposed, here)
        drawn = rows.share.sum().clamp(min=1)
        return Losses(
            objectness,
            shift,
            float((rows.share * rows.cls).sum() / drawn),
            float((rows.share[rows.on] * rows.smooth_l1.sum(1)).sum() / drawn),
            float(rows.bce.mean()) if len(rows.on) else 0.0,
            len(rows.share),
            len(rows.on),
            tuple(_terms(rows, here["boxes"], numbers, kinds, scale)),
        )

    return quietly(loaded, x, run, cancel)


def _shares(sampler: Any, label: Tensor) -> Tensor:
    """Return how often training draws each of n anchors or proposals, 0..1, by their labels (n,).

    A label of 1 or more is an object, 0 is background, −1 is never drawn.

    >>> from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
    >>> _shares(BalancedPositiveNegativeSampler(4, 0.25), torch.tensor([2, 1, 0, 0, 0, 0, 0, 0, -1])).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0]
    """
    on, off = label >= 1, label == 0
    objects = min(int(on.sum()), int(sampler.batch_size_per_image * sampler.positive_fraction))
    background = min(int(off.sum()), sampler.batch_size_per_image - objects)
    return on * (objects / max(1, int(on.sum()))) + off * (background / max(1, int(off.sum())))


def _rpn_losses(net: Detector, seen: Proposed, truth: dict[str, Tensor]) -> tuple[float, float]:
    """Return the RPN's losses, of objectness and of boxes."""
    all_labels, all_matched = net.rpn.assign_targets_to_anchors([seen.anchors], [truth])
    label, matched = all_labels[0], all_matched[0]
    share, on = _shares(net.rpn.fg_bg_sampler, label), label >= 1
    drawn = share.sum().clamp(min=1)
    wanted = net.rpn.box_coder.encode([matched[on]], [seen.anchors[on]])[0]
    objectness = F.binary_cross_entropy_with_logits(seen.scores, label, reduction="none")
    boxes = F.smooth_l1_loss(seen.shifts[on], wanted, beta=BETA, reduction="none").sum(1)
    return float((share * objectness).sum() / drawn), float((share[on] * boxes).sum() / drawn)


@dataclass(frozen=True)
class _Rows:
    """The heads' losses one by one, on the network's device and in its pixels.

    Of P proposals: share, how often each is drawn, and cls. Of those n that lie on objects: on (n,), their numbers; obj
    (n,), which object; own (n,), whether it is the object's own box; box (n, 4); the rest as in `Terms`, n of each.
    """

    share: Tensor
    cls: Tensor
    on: Tensor
    obj: Tensor
    own: Tensor
    box: Tensor
    wanted: Tensor
    t: Tensor
    smooth_l1: Tensor
    probs: Tensor
    target: Tensor
    bce: Tensor


def _rows(net: Detector, seen: Proposed, truth: dict[str, Tensor]) -> _Rows:
    """Return the heads' losses on all proposals and the objects' own boxes."""
    heads = net.roi_heads
    proposals = torch.cat([seen.proposals, truth["boxes"]])
    all_obj, all_labels = heads.assign_targets_to_proposals([proposals], [truth["boxes"]], [truth["labels"]])
    label = all_labels[0]
    logits, corrections = judge(net, seen, proposals)
    cls = F.cross_entropy(logits, label.clamp(min=0), reduction="none")
    on = torch.where(label >= 1)[0]
    u, obj, box = label[on], all_obj[0][on], proposals[on]
    t, wanted = corrections[on, u], heads.box_coder.encode([truth["boxes"][obj]], [box])[0]
    smooth_l1 = F.smooth_l1_loss(t, wanted, beta=BETA, reduction="none")
    patches = heads.mask_roi_pool(seen.maps, [box], [seen.size])
    masks = heads.mask_predictor(heads.mask_head(patches))  # (n, K + 1, 28, 28)
    mask = masks[torch.arange(len(on), device=on.device), u]
    target = project_masks_on_boxes(truth["masks"], box, obj, mask.shape[-1])
    bce = F.binary_cross_entropy_with_logits(mask, target, reduction="none")
    share, own = _shares(heads.fg_bg_sampler, label), on >= len(seen.proposals)
    return _Rows(share, cls, on, obj, own, box, wanted, t, smooth_l1, mask.sigmoid(), target, bce)


def _terms(rows: _Rows, boxes: Tensor, ids: list[int], kinds: list[int], scale: Floats) -> Iterator[Terms]:
    """Yield the terms of each object; without those whose box is another's too, which then has all its proposals."""
    iou = box_iou(boxes, rows.box)
    for j in range(len(boxes)):
        mine = torch.where((rows.obj == j) & ~rows.own)[0]
        if not len(mine):
            mine = torch.where(rows.obj == j)[0]
        if not len(mine):
            continue
        i = mine[iou[j, mine].argmax()]
        yield Terms(
            ids[j],
            kinds[j],
            boxes[j].cpu().numpy() * scale,
            rows.box[i].cpu().numpy() * scale,
            float(iou[j, i]),
            bool(rows.own[i]),
            float(rows.cls[rows.on[i]]),
            *(t[i].cpu().numpy() for t in (rows.wanted, rows.t, rows.smooth_l1, rows.probs, rows.target, rows.bce)),
        )
