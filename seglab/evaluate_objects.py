"""How good objects are: mask AP, the DSB score, and with a semantic model beside it panoptic quality, over a split.

All sums run over the whole split, as `seglab.evaluate`'s one confusion matrix does. AP takes all objects of a score
above 0.05, as COCO does (but for the number in a picture, COCO's 100, which nuclei pass), by the model's usual NMS and
mask threshold; the others count what a picture shows: a detector's usual selection (`ModelSpec.selection`), and all
that a watershed splits. What is found where the truth says nothing counts nowhere, as in panoptic quality: unlabelled
pixels, and those of a thing's class without an id (CamVid's specks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seglab import inference, maps
from seglab.instances import detect, select
from seglab.metrics.average_precision import (
    THRESHOLDS,
    AveragePrecision,
    Detections,
    ObjectCounts,
    average_precision,
    detections,
    kaggle_score,
    object_counts,
    pooled_score,
)
from seglab.metrics.panoptic import PanopticSums, panoptic_quality
from seglab.objects import LIMIT
from seglab.panoptic import fuse
from seglab.truths import instances_of, truth
from seglab.types import Crop, InstanceResult, Palette, PanopticResult, Sample
from seglab.watershed import components, split

if TYPE_CHECKING:
    from seglab.runtime import Loaded


@dataclass(frozen=True)
class ObjectEvaluation:
    """What was counted on `pictures` pictures; ap: None for objects that have no score to be ranked by.

    baseline: of a net that gives a probability per pixel, the counts of plain connected components. dark: of things of
    one kind, which pictures show dark ones on bright ground.
    """

    palette: Palette
    pictures: int
    ap: AveragePrecision | None
    counts: tuple[ObjectCounts, ...]
    panoptic: PanopticSums | None = None
    baseline: tuple[ObjectCounts, ...] = ()
    dark: tuple[bool, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; an absent class is null."""
        found: dict[str, Any] = {"pictures": self.pictures}
        if self.ap is not None:
            found |= {
                "mask_ap": _round(self.ap.ap),
                "mask_ap50": _round(self.ap.ap50),
                "mask_ap75": _round(self.ap.ap75),
            }
            found["mask_ap_per_class"] = self._by_class(self.ap.per_class)
        found["objects"] = _by_iou(pooled_score(self.counts))
        found["objects_by_picture"] = _by_iou(kaggle_score(self.counts))
        found["objects_kaggle"] = _round(float(kaggle_score(self.counts).mean()))
        if self.baseline:
            found["objects_by_components"] = _by_iou(pooled_score(self.baseline))
        if any(self.dark) and not all(self.dark):
            bright = [counts for counts, dark in zip(self.counts, self.dark, strict=True) if not dark]
            found["objects_without_dark_ones"] = {"pictures": len(bright), **_by_iou(pooled_score(bright))}
        if self.panoptic is not None:
            for name, things in (("all", None), ("things", True), ("stuff", False)):
                mean = self.panoptic.average(things)
                found[f"panoptic_{name}"] = {"pq": _round(mean.pq), "sq": _round(mean.sq), "rq": _round(mean.rq)}
            found["pq"] = self._by_class(self.panoptic.pq)
            found["sq"] = self._by_class(self.panoptic.sq)
            found["rq"] = self._by_class(self.panoptic.rq)
        return found

    def _by_class(self, values: Any) -> dict[str, float | None]:
        return {name: _round(v) for name, v in zip(self.palette.names, values, strict=True)}


def evaluate_objects(
    model: Loaded,
    samples: Iterable[Sample],
    semantic: Loaded | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> ObjectEvaluation:
    """Find the objects of every sample and compare them with the true ones.

    Args:
        model: a detector; or a net that tells one thing from the background, whose probability is split into objects by
            seeded watershed (`watershed.split`), with plain connected components as the baseline.
        samples: pictures with instance ids in the model's own classes.
        semantic: a model of the same classes; its stuff and the objects are fused (`panoptic.fuse`, default settings).
        progress: called with the number of pictures done.

    Raises:
        ValueError: no samples, no ids, or classes that differ.
    """
    is_detector = model.spec is not None and model.spec.task == "instance"
    usual = asdict(model.spec.selection) if model.spec else {}
    scored: list[Detections] = []
    counts: list[ObjectCounts] = []
    baseline: list[ObjectCounts] = []
    dark: list[bool] = []
    sums = PanopticSums.zero(model.palette)
    for sample in samples:
        for one in (model, semantic):
            if one is not None and sample.palette != one.palette:
                raise ValueError(
                    f"{sample.key} is labelled with the classes of {sample.palette.title}, but {one.key} answers in "
                    f"those of {one.palette.title}; they can't be compared."
                )
        wanted = truth(sample)
        if is_detector:
            found = detect(sample.image, model)
            loose = known(select(found, **(usual | {"score": 0.05}), limit=LIMIT), wanted)
            scored.append(detections(loose, instances_of(wanted), most=LIMIT))
            shown = select(found, **usual, limit=LIMIT)
        else:
            probability = object_probability(sample, model)
            shown = split(probability, palette=model.palette)
            baseline.append(_counts(components(probability, palette=model.palette), sample, wanted))
        if len(model.palette.things) == 1:
            dark.append(_is_dark(sample))
        counts.append(_counts(shown, sample, wanted))
        if semantic is not None:
            sums += panoptic_quality(fuse(inference.segment(sample.image, semantic), shown), wanted).sums
        if progress is not None:
            progress(len(counts))
    if not counts:
        raise ValueError("There is nothing to evaluate: the split holds no pictures.")
    return ObjectEvaluation(
        model.palette,
        len(counts),
        average_precision(scored) if scored else None,
        tuple(counts),
        sums if semantic is not None else None,
        tuple(baseline),
        tuple(dark),
    )


def object_probability(sample: Sample, model: Loaded) -> NDArray[np.float32]:
    """Return how probable each pixel is to belong to the palette's one thing: (H, W) float32, 0..1."""
    height, width = sample.labels.shape
    return maps.probability(inference.logits(sample.image, model), (height, width), model.palette.things[0])


def known(found: InstanceResult, wanted: PanopticResult) -> InstanceResult:
    """Return the objects of which at most half lies where the truth is void, without their pixels there."""
    void = wanted.segment_ids == 0
    if not void.any():
        return found
    chosen, crops = [], []
    for i, crop in enumerate(found.crops):
        mask, there = crop.mask(), void[crop.place]
        if 2 * np.count_nonzero(mask & there) <= np.count_nonzero(mask):
            chosen.append(i)
            crops.append(Crop.of(mask & ~there, crop.top, crop.left))
    return replace(
        found, boxes=found.boxes[chosen], classes=found.classes[chosen], scores=found.scores[chosen],
        crops=tuple(crops),
    )  # fmt: skip


def _counts(found: InstanceResult, sample: Sample, wanted: PanopticResult) -> ObjectCounts:
    assert sample.ids is not None  # `truth` has seen to it
    return object_counts(known(found, wanted).ids(), sample.ids)


def _is_dark(sample: Sample) -> bool:
    """Whether the objects are darker than the rest."""
    inside = sample.ids > 0 if sample.ids is not None else np.zeros(sample.labels.shape, bool)
    return bool(inside.any() and not inside.all() and sample.image[inside].mean() < sample.image[~inside].mean())


def _by_iou(scores: NDArray[np.float64]) -> dict[str, float | None]:
    return {f"{iou:.2f}": _round(score) for iou, score in zip(THRESHOLDS, scores, strict=True)}


def _round(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
