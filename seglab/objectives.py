"""What a network is trained for: how views of a sample become inputs, and how wrong the network is on them.

Three kinds: `Classes` (a class per pixel), `Gaps` (objects and the gaps between them, by U-Net's border weights) and
`Objects` (boxes and masks, by a detector). The loop in `seglab.train` knows none of this: it asks an objective for a
loss function (`begin`) and now and then for a score. All randomness comes from the generator handed in, and torch's
own, which the loop seeds by (seed, epoch).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from seglab import augment_instances
from seglab.augment import Augment, paste, view, view_with_ids
from seglab.losses import border, cross_entropy, soft_dice
from seglab.nets.mask_rcnn import Detector
from seglab.preprocess import normalize
from seglab.types import Ids, Sample

Loss = Callable[[nn.Module, Sequence[Sample], Generator], Tensor]  # of the network, on random views of the samples


class Objective(Protocol):
    """What `seglab.train` asks for; frozen, because it is part of the recipe."""

    @property
    def measure(self) -> str:
        """What `score` is called."""

    def begin(
        self, samples: Sequence[Sample], augment: Augment, device: torch.device, teacher: nn.Module | None
    ) -> Loss:
        """Look the training set over, once, and return the function that gives a batch's loss."""

    def score(self, net: nn.Module, samples: Sequence[Sample]) -> float:
        """Return a measure in 0..1 of the network on whole pictures, for the eye while it trains."""


@dataclass(frozen=True)
class Classes:
    """A class per pixel: class-weighted cross-entropy + soft Dice + a teacher's soft answers.

    `stride` is that of the network's output; the truth is compared at this size. `dice` and `distil` weigh the second
    and third term beside the first; the third is there if there is a teacher.
    """

    stride: int = 2
    dice: float = 1.0
    distil: float = 1.0
    measure: ClassVar[str] = "mean IoU"

    def begin(
        self, samples: Sequence[Sample], augment: Augment, device: torch.device, teacher: nn.Module | None
    ) -> Loss:
        """Count the classes, and return the loss."""
        weights = class_weights(samples, len(samples[0].palette)).to(device)

        def loss(net: nn.Module, chosen: Sequence[Sample], rng: Generator) -> Tensor:
            views = [view(sample, augment, rng, self.stride) for sample in chosen]
            images, targets = torch.stack([v[0] for v in views]), torch.stack([v[1] for v in views])
            x, target = paste(images, targets, augment, rng)
            x, target = normalize(x.to(device)), target.to(device)
            with torch.autocast(device.type, torch.bfloat16):
                logits = net(x).float()
            found = cross_entropy(logits, target, weights) + self.dice * soft_dice(logits, target)
            if teacher is not None:
                with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
                    soft = _resized(teacher(x).float().softmax(1), logits.shape[-2:])
                found = found - self.distil * (soft * logits.log_softmax(1)).sum(1).mean()
            return found

        return loss

    def score(self, net: nn.Module, samples: Sequence[Sample]) -> float:
        """Mean IoU at the pictures' own size, from one confusion matrix (`evaluate` is the measure)."""
        from seglab.metrics.confusion import confusion_matrix, mean_iou

        k = len(samples[0].palette)
        matrix = np.zeros((k, k + 1), np.int64)
        for sample in samples:
            labels = _logits(net, sample).argmax(1)[0].to(torch.uint8).cpu().numpy()
            matrix = matrix + confusion_matrix(sample.labels, labels, k)
        return float(mean_iou(matrix))


def _resized(soft: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring a teacher's probabilities (N, K, h, w) to the student's size: means where it's finer, bilinear where not.

    >>> _resized(torch.tensor([[[[1.0, 0.0, 0.0, 1.0]]]]), (1, 2)).tolist()
    [[[[0.5, 0.5]]]]
    >>> _resized(torch.tensor([[[[1.0, 0.0]]]]), (1, 4)).tolist()
    [[[[1.0, 0.75, 0.25, 0.0]]]]
    """
    if soft.shape[-2] >= size[0] and soft.shape[-1] >= size[1]:
        return F.adaptive_avg_pool2d(soft, size)
    return F.interpolate(soft, size, mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class Gaps:
    """Objects against background, with U-Net's border weights: the gaps between objects count most.

    `w0` and `sigma` (pixels) are those of `losses.border_weights`; `bend` is the standard deviation, in pixels, of the
    elastic deformation. The network's output has the picture's size. The paper's class weights are left out, and its w0
    of 10 is less here: where rare objects weigh more than background they come out too large, and where a gap weighs
    much more than what it parts, both of them too small (`weights/README.md` has the figures).
    """

    w0: float = 4.0
    sigma: float = 5.0
    bend: float = 8.0
    measure: ClassVar[str] = "objects at IoU 0.5"

    def begin(
        self, samples: Sequence[Sample], augment: Augment, device: torch.device, teacher: nn.Module | None
    ) -> Loss:
        """Return the loss. ValueError if there is a teacher, or samples without ids."""
        from seglab.elastic import elastic

        if teacher is not None:
            raise ValueError("A network of gaps learns from the truth alone; leave the teacher out.")
        _ids(samples[0])

        def one(sample: Sample, rng: Generator) -> tuple[Tensor, Tensor, Tensor]:
            image, ids = view_with_ids(sample, augment, rng)
            image, ids = elastic(image, ids, rng, self.bend)
            inside = ids >= 0  # −1: past the picture's edge
            apart = border.separate(ids.clamp(min=0).numpy())
            weights = border.border_weights(apart, self.w0, self.sigma, class_weights=(1, 1))
            return image, torch.from_numpy((apart > 0).astype(np.int64)), torch.from_numpy(weights) * inside

        def loss(net: nn.Module, chosen: Sequence[Sample], rng: Generator) -> Tensor:
            x, target, weights = (torch.stack(part).to(device) for part in zip(*(one(s, rng) for s in chosen)))  # noqa: B905
            with torch.autocast(device.type, torch.bfloat16):
                logits = net(normalize(x)).float()
            return border.pixel_weighted_cross_entropy(logits, target, weights)

        return loss

    def score(self, net: nn.Module, samples: Sequence[Sample]) -> float:
        """TP/(TP + FP + FN) of the objects that `watershed.split` finds, at an IoU of 0.5, over all pictures' sums."""
        from seglab.metrics.average_precision import object_counts, pooled_score
        from seglab.watershed import split

        found = [split(_logits(net, s).softmax(1)[0, 1].cpu().numpy(), palette=s.palette).ids() for s in samples]
        counts = [object_counts(ids, _ids(s)) for ids, s in zip(found, samples, strict=True)]
        return float(pooled_score(counts)[0])


@dataclass(frozen=True)
class Objects:
    """Objects by a detector, which gives its five losses itself; they are added up, each as in the paper.

    Is this anchor on an object, and how far from its box (L_rpn); which class has this proposal (L_cls), how far is it
    from the object's box (L_box), and which of its 28×28 pixels belong to the object (L_mask, of the true class's mask
    alone). `short_side` is what pictures are resized to for the score; 0: they stay as they are.
    """

    short_side: int = 0
    measure: ClassVar[str] = "mask AP50"

    def begin(
        self, samples: Sequence[Sample], augment: Augment, device: torch.device, teacher: nn.Module | None
    ) -> Loss:
        """Return the loss. ValueError if there is a teacher, or samples without ids."""
        if teacher is not None:
            raise ValueError("A detector learns from the truth alone; leave the teacher out.")
        _ids(samples[0])
        things = len(samples[0].palette.things)

        def loss(net: nn.Module, chosen: Sequence[Sample], rng: Generator) -> Tensor:
            assert isinstance(net, Detector)
            if len(net.labels) != things:
                raise ValueError(
                    f"This net tells {len(net.labels)} classes of things apart; the samples have {things}."
                )
            views = [augment_instances.view(sample, augment, rng) for sample in chosen]
            x = normalize(torch.stack([image for image, _ in views]).to(device))
            truth = [{name: t.to(device) for name, t in target.items()} for _, target in views]
            with torch.autocast(device.type, torch.bfloat16):
                return sum(net(x, truth).values())

        return loss

    def score(self, net: nn.Module, samples: Sequence[Sample]) -> float:
        """Mask AP at IoU 0.5."""
        from seglab import runtime
        from seglab.instances import detect, select
        from seglab.metrics.average_precision import average_precision, detections
        from seglab.objects import LIMIT
        from seglab.truths import instances_of, truth
        from seglab.zoo import Preprocess

        loaded = runtime.ready("in training", copy.deepcopy(net), samples[0].palette, Preprocess(self.short_side), "")
        found = [select(detect(sample.image, loaded), score=0.05, limit=LIMIT) for sample in samples]
        pairs = zip(found, samples, strict=True)
        return float(average_precision([detections(f, instances_of(truth(s)), most=LIMIT) for f, s in pairs]).ap50)


def class_weights(samples: Sequence[Sample], n_classes: int, at_most: int = 1000) -> Tensor:
    """Square root of median frequency over frequency (Eigen & Fergus 2015, softened), 0.5 to 4; (K,) float32.

    Counted on the first `at_most` samples: of drawn ones there may be any number.
    """
    counts = np.zeros(256, np.int64)
    for i in range(min(len(samples), at_most)):
        counts += np.bincount(samples[i].labels.ravel(), minlength=256)
    frequency = counts[:n_classes] / max(counts[:n_classes].sum(), 1)
    median = np.median(frequency[frequency > 0])
    return torch.from_numpy(np.sqrt(median / np.maximum(frequency, 1e-6)).clip(0.5, 4.0)).float()


def _ids(sample: Sample) -> Ids:
    if sample.ids is None:
        raise ValueError(f"{sample.key} has no instance ids, so there are no objects to learn from.")
    return sample.ids


def _logits(net: nn.Module, sample: Sample) -> Tensor:
    """Logits (1, K, H, W) of a whole picture at its own size."""
    net.eval()
    with torch.inference_mode():
        x = torch.from_numpy(sample.image).permute(2, 0, 1)[None].float() / 255
        x = normalize(x.to(next(net.parameters()).device))
        return F.interpolate(net(x), sample.labels.shape, mode="bilinear", align_corners=False)
