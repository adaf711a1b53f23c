"""Panoptic quality: PQ = Σ IoU of the matched segments / (TP + ½ FP + ½ FN) = SQ × RQ, for each class.

Conventions, for the whole module (Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4, and COCO's rules):

- A predicted and a true segment match when they are of one class and their IoU is greater than ½. At most one can be
  so, as segments don't overlap: nothing has to be searched for.
- **Void**: pixels without a segment in the *truth* are taken out of the predicted segments' unions. A predicted
  segment without a match of which more than half is void there is no false alarm: nobody knows what it shows. Void in
  the *prediction* excuses nothing. (torchmetrics takes that out of the union too, and doesn't count a miss that was
  mostly left void.)
- **Crowds**: true segments that stand for many things in a heap. They are neither found nor missed; for false alarms
  a crowd of the segment's own class counts as void. (panopticapi looks at one crowd of a class, here all count.)
- SQ = Σ IoU / TP is the mean IoU of what was found, RQ = TP / (TP + ½ FP + ½ FN) an F1 score. A class that is neither
  in the truth nor predicted is NaN, and averages skip it; one of which nothing was found has SQ = RQ = PQ = 0.
- Averages are over classes, and the average PQ is not the average SQ times the average RQ.
- Sums add: the score of a data set is that of the summed `PanopticSums`, never the mean of the pictures' scores.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seglab.metrics.matching import pairs
from seglab.types import Palette, PanopticResult

Scores = NDArray[np.float64]  # (K,)


@dataclass(frozen=True)
class Average:
    """Means over `classes` classes that occur; NaN where there is none."""

    pq: float
    sq: float
    rq: float
    classes: int


@dataclass(frozen=True, eq=False)
class PanopticSums:
    """All that PQ depends on, for each class (K,): sum of the matches' IoU, TP, FP, FN; `things`: which are countable.

    >>> one = PanopticSums(np.array([0.8]), np.array([1]), np.array([1]), np.array([0]), things=(0,))
    >>> (one + one).pq.round(3).tolist(), one.sq.tolist(), one.rq.round(3).tolist()
    ([0.533], [0.8], [0.667])
    """

    iou: Scores
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    things: tuple[int, ...] = ()

    @classmethod
    def zero(cls, palette: Palette) -> PanopticSums:
        """Return the sums of no picture: what to begin with, as in `sum(all_sums, PanopticSums.zero(palette))`."""
        none = np.zeros(len(palette), np.int64)
        return cls(none.astype(np.float64), none, none, none, palette.things)

    def __add__(self, other: PanopticSums) -> PanopticSums:
        if len(self.iou) != len(other.iou) or self.things != other.things:
            raise ValueError(
                f"Only sums over the same classes add up; got {len(self.iou)} with things {self.things} and "
                f"{len(other.iou)} with things {other.things}."
            )
        return PanopticSums(
            self.iou + other.iou, self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.things
        )

    @property
    def pq(self) -> Scores:
        """Panoptic quality of each class, Σ IoU / (TP + ½ FP + ½ FN): (K,) in 0..1, NaN for an absent class (eq. 1)."""
        return _share(self.iou, self._objects())

    @property
    def sq(self) -> Scores:
        """Segmentation quality, Σ IoU / TP: (K,); 0 where nothing was found, NaN for an absent class (eq. 2)."""
        return np.where(self._objects() > 0, _share(self.iou, np.maximum(self.tp, 1).astype(np.float64)), np.nan)

    @property
    def rq(self) -> Scores:
        """Recognition quality, TP / (TP + ½ FP + ½ FN): (K,), NaN for an absent class (eq. 2)."""
        return _share(self.tp.astype(np.float64), self._objects())

    def average(self, things: bool | None = None) -> Average:
        """Average PQ, SQ and RQ over the classes that occur: all, the things (True) or the stuff (False) alone."""
        chosen = self._objects() > 0
        if things is not None:
            chosen &= np.isin(np.arange(len(self.iou)), self.things) == things
        n = int(chosen.sum())
        pq, sq, rq = (float(scores[chosen].mean()) if n else float("nan") for scores in (self.pq, self.sq, self.rq))
        return Average(pq, sq, rq, n)

    def _objects(self) -> Scores:
        return self.tp + 0.5 * self.fp + 0.5 * self.fn


@dataclass(frozen=True)
class Match:
    """A predicted segment and the true one it stands for: their ids, their class and IoU (greater than ½, up to 1)."""

    pred: int
    truth: int
    label: int
    iou: float


@dataclass(frozen=True, eq=False)
class PanopticQuality:
    """One picture's sums, and what became of each segment, by ids, in the order of the results' lists.

    misses: true segments not found; false_alarms: predicted ones without a match; ignored: predicted ones without a
    match of which more than half lies on void or a crowd, so that they count nowhere.
    """

    sums: PanopticSums
    matches: tuple[Match, ...]
    misses: tuple[int, ...]
    false_alarms: tuple[int, ...]
    ignored: tuple[int, ...]


def panoptic_quality(pred: PanopticResult, truth: PanopticResult, crowd: Collection[int] = ()) -> PanopticQuality:
    """Match the segments of a prediction with the true ones; see the module for the rules.

    Both maps are of one size. `crowd`: ids of true segments that are crowds. The palettes have the same names in the
    same order; one may go on where the other ends (as the street's classes joined with COCO's do): K is the longer's
    length. ValueError otherwise.

    >>> from seglab.types import Palette, Segment
    >>> palette = Palette("demo", ("road", "car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    >>> def result(*ids):
    ...     segments = tuple(Segment(i, 0 if i == 1 else 1, i != 1, ids.count(i)) for i in sorted({*ids} - {0}))
    ...     return PanopticResult(np.array([ids], np.int32), segments, palette)
    >>> quality = panoptic_quality(result(1, 1, 1, 2, 2, 0), result(1, 1, 0, 2, 2, 2))
    >>> quality.matches[0]  # the third pixel is void in the truth
    Match(pred=1, truth=1, label=0, iou=1.0)
    >>> quality.sums.pq.round(3).tolist()
    [1.0, 0.667]
    """
    palette = _common(pred.palette, truth.palette)
    unknown = set(crowd) - {segment.id for segment in truth.segments}
    if unknown:
        raise ValueError(f"crowd names segments that the truth doesn't have: {sorted(unknown)}.")
    pred_at, truth_at, pixels = pairs(pred.segment_ids, truth.segment_ids)
    # From here on segments are numbered as they stand in the lists, 0 = void.
    p, pred_labels = _numbered(pred, pred_at)
    t, truth_labels = _numbered(truth, truth_at)
    pred_area, truth_area = (_sums(pixels, at, len(labels)) for at, labels in ((p, pred_labels), (t, truth_labels)))
    is_crowd = np.array([False] + [segment.id in crowd for segment in truth.segments])
    void = _sums(pixels * (t == 0), p, len(pred_labels))

    same = (pred_labels[p] == truth_labels[t]) & (p > 0) & (t > 0)
    union = pred_area[p] + truth_area[t] - pixels - void[p]
    found = same & ~is_crowd[t] & (2 * pixels > union)
    iou = pixels[found] / union[found]
    ignored_area = void + _sums(pixels * (same & is_crowd[t]), p, len(pred_labels))

    unmatched_p, unmatched_t = np.ones(len(pred_labels), bool), ~is_crowd
    unmatched_p[p[found]] = unmatched_t[t[found]] = False
    unmatched_p[0] = unmatched_t[0] = False
    excused = unmatched_p & (2 * ignored_area > pred_area)
    alarms = unmatched_p & ~excused

    k = len(palette)
    labels = pred_labels[p[found]]
    sums = PanopticSums(
        np.bincount(labels, weights=iou, minlength=k).astype(np.float64),
        np.bincount(labels, minlength=k),
        np.bincount(pred_labels[alarms], minlength=k),
        np.bincount(truth_labels[unmatched_t], minlength=k),
        palette.things,
    )
    columns = (pred_at[found], truth_at[found], labels, iou)
    matches = [Match(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    order = {segment.id: n for n, segment in enumerate(pred.segments)}
    return PanopticQuality(
        sums,
        tuple(sorted(matches, key=lambda match: order[match.pred])),
        _ids(truth, unmatched_t),
        _ids(pred, alarms),
        _ids(pred, excused),
    )


def _share(part: Scores, whole: Scores) -> Scores:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _sums(pixels: NDArray[np.int64], at: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Add up the pixels of the pairs with the same segment: (n,)."""
    return np.bincount(at, weights=pixels, minlength=n).astype(np.int64)


def _numbered(result: PanopticResult, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Turn ids into places in the result's list, from 1 on, and return the list's labels, −1 before them for void."""
    known = np.array([0] + [segment.id for segment in result.segments], np.int64)
    order = np.argsort(known)
    labels = np.array([-1] + [segment.label for segment in result.segments], np.int64)
    return order[np.searchsorted(known, ids, sorter=order)], labels


def _ids(result: PanopticResult, chosen: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(segment.id for segment, it in zip(result.segments, chosen[1:], strict=True) if it)


def _common(pred: Palette, truth: Palette) -> Palette:
    """Return the palette that goes on for longer; if it is the prediction's, the truth still says what is a thing."""
    longer, shorter = (pred, truth) if len(pred) > len(truth) else (truth, pred)
    n = len(shorter)
    if longer.names[:n] != shorter.names:
        raise ValueError(
            f"The prediction is in the classes of {pred.title} and the truth in those of {truth.title}; only results "
            f"in the same classes can be compared. Use a model for {truth.title}, or panoptic.fuse with `same`."
        )
    if longer is truth:
        return truth
    things = truth.things + tuple(k for k in pred.things if k >= n)
    return Palette(pred.title, pred.names, pred.colors, things, pred.background, pred.ignore_index)
