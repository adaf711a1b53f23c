"""Scores of instances: average precision of masks as COCO counts it, and the DSB score TP / (TP + FP + FN).

Conventions: `THRESHOLDS` are COCO's ten IoUs, 0.50, 0.55, …, 0.95. Scores are float64 in 0..1, NaN where undefined.
Both scores come from statistics of single pictures: average precision from `detections` (of which one keeps a list: all
detections of a data set are ranked together), the DSB score from `object_counts` (which add up).

**Average precision** (Lin et al., "Microsoft COCO", ECCV 2014; the rules are those of pycocotools' COCOeval):

- In each picture and class the 100 best-scored detections are matched one by one, the best first: each takes the true
  object not yet taken with which it has the largest IoU, provided that this reaches the threshold.
- One that finds none but a *crowd* (a heap of objects marked as one) is ignored; its IoU with a crowd is the share of
  its own pixels inside, and a crowd takes any number.
- Precision is read off at 101 recalls 0, 0.01, …, 1, each time the best that is reached at that recall or a larger one;
  AP is their mean, averaged over the thresholds (AP), or at one (AP50, AP75), then over the classes.
- A class without a true object is NaN and the mean skips it, whatever was detected of it.

**DSB score** (Data Science Bowl 2018): objects are compared whatever their class; a found one matches a true one when
their IoU is *greater* than the threshold. Neither overlaps its like, so from 0.5 on at most one can match. Two ways of
averaging are in use and differ: `pooled_score` takes the sums of the whole set, as StarDist's paper does (Schmidt et
al., MICCAI 2018, where it is called AP); `kaggle_score` is the competition's: the mean over the pictures, so that one
with three nuclei weighs as much as one with three hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seglab.metrics.matching import areas, intersections, pairs
from seglab.types import InstanceResult

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # detections of a class in a picture

Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Detections:
    """What became of one picture's detections, by class and from the best score on: all that AP depends on.

    scores, classes (D,); hits, ignored (10, D): whether each matched a true object, or is left out of the count, at
    each threshold; truths (K,): true objects of each class, crowds not counted.
    """

    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    hits: Flags
    ignored: Flags
    truths: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """Precision (10, 101, K) by threshold, recall and class, NaN for a class without truth, and its means."""

    precision: Scores

    @property
    def per_class(self) -> Scores:
        """AP of each class, averaged over the thresholds: (K,)."""
        return self.precision.mean((0, 1))

    @property
    def ap(self) -> float:
        """COCO's AP: the mean over classes and thresholds 0.50 to 0.95."""
        return _mean(self.per_class)

    @property
    def ap50(self) -> float:
        """AP at IoU 0.50."""
        return _mean(self.precision[0].mean(0))

    @property
    def ap75(self) -> float:
        """AP at IoU 0.75."""
        return _mean(self.precision[5].mean(0))


def detections(
    pred: InstanceResult, truth: InstanceResult, crowd: Collection[int] = (), most: int = MOST
) -> Detections:
    """Match one picture's instances with the true ones (see `panoptic.instances_of`) at each threshold.

    `crowd`: indices into `truth` of what are crowds. `most`: so many of a class count, COCO's 100; of nuclei there may
    be more in a picture, and the true ones beyond could never be found. ValueError unless both are of one size and the
    prediction's classes begin with the truth's (those after them, as in a joined palette, have no truth).
    """
    if pred.size != truth.size or pred.palette.names[: len(truth.palette)] != truth.palette.names:
        raise ValueError(
            f"Found are objects of {pred.palette.title} in {pred.size} (height, width), true are objects of "
            f"{truth.palette.title} in {truth.size}; both must be of one picture and in the same classes."
        )
    is_crowd = np.isin(np.arange(len(truth)), sorted(crowd))
    order = np.argsort(-pred.scores, kind="stable")
    of_class = [order[pred.classes[order] == k][:most] for k in range(len(pred.palette))]
    found = [_match(pred, truth, chosen, is_crowd) for chosen in of_class]
    chosen = np.concatenate(of_class)
    return Detections(
        pred.scores[chosen],
        pred.classes[chosen],
        np.concatenate([hits for hits, _ in found], axis=1),
        np.concatenate([ignored for _, ignored in found], axis=1),
        np.bincount(truth.classes[~is_crowd], minlength=len(pred.palette)),
    )


def average_precision(pictures: Sequence[Detections]) -> AveragePrecision:
    """Return the average precision over a data set, of what `detections` gave for each picture; ValueError for none.

    >>> from seglab.types import Crop, Palette
    >>> palette = Palette("demo", ("ball",), ((9, 9, 9),), things=(0,))
    >>> def ball(left, score):
    ...     crop = Crop.of(np.ones((2, 2), bool), 0, left)
    ...     return InstanceResult(np.array([[left, 0, left + 2, 2]], np.float32), np.array([0]),
    ...                           np.array([score], np.float32), (crop,), (2, 9), palette)
    >>> found = [detections(ball(0, 0.9), ball(4, 1)), detections(ball(1, 0.8), ball(1, 1))]
    >>> round(average_precision(found).ap, 4)  # the better-scored one is wrong: precision ½ up to recall ½
    0.2525
    """
    if not pictures:
        raise ValueError("There is no picture to average over.")
    if len({len(picture.truths) for picture in pictures}) > 1:
        raise ValueError("Only pictures with the same classes can be averaged.")
    scores, classes = (np.concatenate([getattr(p, name) for p in pictures]) for name in ("scores", "classes"))
    hits, ignored = (np.concatenate([getattr(p, name) for p in pictures], axis=1) for name in ("hits", "ignored"))
    truths = np.sum([picture.truths for picture in pictures], axis=0)
    order = np.argsort(-scores, kind="stable")
    precision = np.full((len(THRESHOLDS), len(RECALLS), len(truths)), np.nan)
    for k in np.flatnonzero(truths):
        own = order[classes[order] == k]
        for t in range(len(THRESHOLDS)):
            counted = hits[t, own][~ignored[t, own]]
            precision[t, :, k] = _precisions(counted, int(truths[k]))
    return AveragePrecision(precision)


def _match(
    pred: InstanceResult, truth: InstanceResult, chosen: NDArray[np.int64], is_crowd: Flags
) -> tuple[Flags, Flags]:
    """Match detections of one class, best first: hits and ignored, (10, len(chosen)) each."""
    hits, ignored = np.zeros((2, len(THRESHOLDS), len(chosen)), bool)
    if not len(chosen):
        return hits, ignored
    same = truth.classes == pred.classes[chosen[0]]
    found = [pred.crops[i] for i in chosen]
    single, crowds = ([truth.crops[i] for i in np.flatnonzero(same & of)] for of in (~is_crowd, is_crowd))
    area = areas(found)[:, None]
    shared = intersections(found, single)
    iou = shared / np.maximum(area + areas(single) - shared, 1)
    inside = (intersections(found, crowds) / np.maximum(area, 1)).max(1, initial=0)
    wanted = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    free = np.ones((len(THRESHOLDS), len(single)), bool)
    for n in np.flatnonzero(iou.max(1, initial=0) >= THRESHOLDS[0]):
        usable = np.where(free & (iou[n] >= wanted), iou[n], -1)
        best = usable.shape[1] - 1 - usable[:, ::-1].argmax(1)  # among equals the last, as pycocotools does
        hits[:, n] = usable.max(1) >= 0
        free[hits[:, n], best[hits[:, n]]] = False
    ignored = ~hits & (inside >= wanted)
    return hits, ignored


def _precisions(hits: Flags, truths: int) -> Scores:
    """Return the precision at each of `RECALLS`, from the ranked detections' hits and how many there are to find."""
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    reached = np.maximum.accumulate(precision[::-1])[::-1]  # the best at this rank or a later one
    rank = np.searchsorted(found / truths, RECALLS, side="left")
    return np.append(reached, 0)[rank]


def _mean(values: Scores) -> float:
    """Average what isn't NaN."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True, eq=False)
class ObjectCounts:
    """TP, FP and FN of objects at each of `THRESHOLDS`, (10,) each; those of several pictures add up."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]

    def __add__(self, other: ObjectCounts) -> ObjectCounts:
        return ObjectCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def scores(self) -> Scores:
        """TP / (TP + FP + FN) at each threshold, NaN where there is no object at all: (10,)."""
        objects = (self.tp + self.fp + self.fn).astype(np.float64)
        return np.divide(self.tp, objects, out=np.full(len(objects), np.nan), where=objects > 0)


def object_counts(pred: NDArray[np.integer], truth: NDArray[np.integer]) -> ObjectCounts:
    """Count the objects of one picture that were found, from two maps of ids (H, W), 0 = none.

    For the prediction that is `InstanceResult.ids()`, for the truth `Sample.ids`.

    >>> truth = np.array([[1, 1, 1, 1, 0, 2, 2]])
    >>> object_counts(np.array([[5, 5, 5, 0, 0, 0, 7]]), truth).scores.round(2)[[0, 5]].tolist()  # IoU 0.75 and 0.5
    [0.33, 0.0]
    """
    of_pred, of_truth, pixels = pairs(pred, truth)
    in_pred, in_truth = (np.unique(ids, return_inverse=True) for ids in (of_pred, of_truth))
    area_pred, area_truth = (np.bincount(at, weights=pixels)[at] for _, at in (in_pred, in_truth))
    iou = pixels / np.maximum(area_pred + area_truth - pixels, 1)
    tp = (iou[(of_pred > 0) & (of_truth > 0)][:, None] > THRESHOLDS).sum(0)
    found, true = (int(np.count_nonzero(ids)) for ids, _ in (in_pred, in_truth))
    return ObjectCounts(tp, found - tp, true - tp)


def pooled_score(pictures: Sequence[ObjectCounts]) -> Scores:
    """Return TP / (TP + FP + FN) of the whole set's sums at each of `THRESHOLDS`: (10,); StarDist's way."""
    if not pictures:
        raise ValueError("There is no picture to score.")
    return sum(pictures[1:], pictures[0]).scores


def kaggle_score(pictures: Sequence[ObjectCounts]) -> Scores:
    """Return the mean of the pictures' own scores at each of `THRESHOLDS`: (10,); their mean was the competition's.

    Pictures without any object, true or found, are skipped; NaN where there is no other.
    """
    if not pictures:
        raise ValueError("There is no picture to score.")
    scores = np.array([picture.scores for picture in pictures])
    return np.array([_mean(column) for column in scores.T])
