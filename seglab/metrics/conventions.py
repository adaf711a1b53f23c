"""The same masks scored as other libraries score them: `CONVENTIONS`, a table to read and to compute.

Conventions, for the whole module:

- `target` and `pred` are label maps (N, H, W), or (H, W) for one picture: integers 0..K−1, 255 in the truth where
  unlabelled. Every function takes (target, pred, n_classes) and returns `Scores`: per class (K,), and the mean that
  the library reports. NaN in `per_class` is a class that the library leaves out, in `mean` that it has nothing to say.
- What libraries differ in: what an absent class counts (nothing, −1, 0, 1); whether the pictures' matrices are summed
  or their scores averaged; whether the background counts; whether a class counts that only the prediction has; what
  becomes of unlabelled pixels. Where a library knows no unlabelled pixels they are dropped, and its user must do so.
- The libraries aren't used here; tests/test_metrics_conventions.py holds each function against its library, in the
  version that was current in 2025: torchmetrics 1.9, segmentation_models_pytorch 0.6, scikit-learn 1.9, MONAI 1.6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seglab.metrics.confusion import Ignored, Matrix, confusion_matrix, counts, iou
from seglab.metrics.scores import Absent, Values, dice, mean, settled

Labels = NDArray[np.integer]  # (N, H, W) or (H, W)
PerClass = Callable[[Matrix], Values]


class Scores(NamedTuple):
    """What a library answers: a value for each class (K,), NaN where it leaves the class out, and their mean."""

    per_class: Values
    mean: float


@dataclass(frozen=True)
class Convention:
    """A way to score: what it is called, what it says, and the function (target, pred, n_classes) → Scores."""

    key: str
    title: str
    says: str
    function: Callable[[Labels, Labels, int], Scores]


def summed(
    target: Labels, pred: Labels, n_classes: int, score: PerClass = iou, absent: Absent = "skip", first: int = 0,
    ignored: Ignored = "dropped", mean_absent: Absent | None = None,
) -> Scores:  # fmt: skip
    """Score the sum of the pictures' matrices; classes before `first` don't count.

    `absent` is what the library shows for an absent class, `mean_absent` what that counts in the mean, if it differs.

    >>> summed(np.array([[0, 0, 1]]), np.array([[0, 1, 1]]), 3, absent="one").per_class.tolist()
    [0.5, 0.5, 1.0]
    """
    cm = np.sum([_matrix(t, p, n_classes, ignored) for t, p in _pictures(target, pred)], axis=0)
    values = _from(score(cm)[:n_classes], first)
    return Scores(_from(settled(values, absent), first), mean(values[first:], mean_absent or absent))


def each_picture(
    target: Labels, pred: Labels, n_classes: int, score: PerClass = iou, absent: Absent = "skip", first: int = 0,
    truth_only: bool = False,
) -> Scores:  # fmt: skip
    """Average over the pictures: of a picture's mean over the classes, or, for each class, of its values.

    `truth_only`: a class that a picture's truth doesn't have is left out there, however much of it is predicted.

    >>> target, pred = np.array([[[1, 1]], [[0, 0]]]), np.array([[[1, 0]], [[0, 0]]])
    >>> each_picture(target, pred, 2).mean, summed(target, pred, 2).mean  # (¼ + 1) / 2, (⅔ + ½) / 2
    (0.625, 0.5833333333333333)
    """
    rows = _rows(target, pred, n_classes, score, absent, first, truth_only)
    return Scores(_columns(rows), mean(np.array([mean(row) for row in rows])))


def each_pair(target: Labels, pred: Labels, n_classes: int, score: PerClass = iou) -> Scores:
    """Average over all pairs of a picture and a class that occurs in it; a class that occurs nowhere shows −1.

    >>> each_pair(np.array([[[1, 1]], [[0, 0]]]), np.array([[[1, 0]], [[0, 0]]]), 2)  # 0, ½ and 1
    Scores(per_class=array([0.5, 0.5]), mean=0.5)
    """
    rows = _rows(target, pred, n_classes, score, "skip", 0, False)
    return Scores(settled(_columns(rows), "minus one"), mean(rows.ravel()))


def micro(target: Labels, pred: Labels, n_classes: int) -> Scores:
    """IoU of all classes' hits, false alarms and misses added up; for labels that is accuracy/(2 − accuracy).

    >>> micro(np.array([[0, 0, 1]]), np.array([[0, 1, 1]]), 3).mean  # 2 hits, 1 false alarm, 1 miss
    0.5
    """
    cm = np.sum([_matrix(t, p, n_classes) for t, p in _pictures(target, pred)], axis=0)
    c = counts(cm)
    union = int((c.tp + c.fp + c.fn).sum())
    # No mean of classes: each class is shown as it would be alone.
    return Scores(settled(iou(cm), "one"), float(c.tp.sum() / union) if union else float("nan"))


CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "seglab", "SegLab, IoU",
        "Pictures are summed. A class that is neither in the truth nor predicted is undefined and skipped.",
        summed,
    ),
    Convention(
        "seglab_dice", "SegLab, Dice",
        "As above, with Dice.",
        partial(summed, score=dice),
    ),
    Convention(
        "pictures", "Mean over pictures, IoU",
        "Each picture's mean IoU, averaged: a picture with one small class weighs as much as a crowded one.",
        each_picture,
    ),
    Convention(
        "torchmetrics_jaccard", "torchmetrics JaccardIndex(average='macro')",
        "Pictures are summed. Per class, an absent one shows 0; the mean skips it.",
        partial(summed, absent="zero", mean_absent="skip"),
    ),
    Convention(
        "torchmetrics_mean_iou", "torchmetrics.segmentation MeanIoU",
        "Mean over all pairs of a picture and a class in it. With per_class=True an absent class shows −1.",
        each_pair,
    ),
    Convention(
        "torchmetrics_dice", "torchmetrics.segmentation DiceScore(average='macro')",
        "Dice of each picture over the classes that occur in it, then the mean over the pictures.",
        partial(each_picture, score=dice),
    ),
    Convention(
        "smp_macro", "segmentation_models_pytorch iou_score(reduction='macro')",
        "Pictures are summed. An absent class counts 1 (zero_division=1): not to show it is to get it right.",
        partial(summed, absent="one"),
    ),
    Convention(
        "smp_imagewise", "segmentation_models_pytorch iou_score(reduction='macro-imagewise')",
        "Each picture by itself, each absent class 1: with many rare classes the mean tends to 1.",
        partial(each_picture, absent="one"),
    ),
    Convention(
        "smp_micro", "segmentation_models_pytorch iou_score(reduction='micro')",
        "Hits, false alarms and misses of all classes are added up first: large classes decide, as in pixel accuracy.",
        micro,
    ),
    Convention(
        "sklearn", "scikit-learn jaccard_score(average='macro', labels=range(K))",
        "Pictures are summed. An absent class counts 0 (zero_division): the mean falls with every class not shown.",
        partial(summed, absent="zero"),
    ),
    Convention(
        "sklearn_dice", "scikit-learn f1_score(average='macro', labels=range(K), zero_division=1)",
        "Dice (F1), with an absent class as 1.",
        partial(summed, score=dice, absent="one"),
    ),
    Convention(
        "monai_iou", "MONAI MeanIoU()",
        "Each picture by itself. A class that its truth doesn't have is left out, even where it is predicted.",
        partial(each_picture, truth_only=True),
    ),
    Convention(
        "monai_iou_empty", "MONAI MeanIoU(ignore_empty=False)",
        "As above, but a class absent from truth and prediction counts 1, and one that is only predicted 0.",
        partial(each_picture, absent="one"),
    ),
    Convention(
        "monai_foreground", "MONAI MeanIoU(include_background=False)",
        "Class 0 doesn't count, which takes the largest and easiest class out of the mean.",
        partial(each_picture, first=1, truth_only=True),
    ),
    Convention(
        "monai_dice", "MONAI DiceMetric()",
        "As MeanIoU(), with Dice.",
        partial(each_picture, score=dice, truth_only=True),
    ),
    Convention(
        "foreground_zero", "torchmetrics BinaryJaccardIndex, scikit-learn jaccard_score(average='binary')",
        "Two classes: the foreground alone. Where both masks are empty it is 0.",
        partial(summed, first=1, absent="zero"),
    ),
    Convention(
        "foreground_one", "segmentation_models_pytorch iou_score(mode='binary')",
        "Two classes: the foreground alone. Where both masks are empty it is 1.",
        partial(summed, first=1, absent="one"),
    ),
    Convention(
        "ignored_own_class", "No ignore_index given (segmentation_models_pytorch)",
        "Unlabelled pixels are no class, but what is predicted there is a false alarm. An absent class counts 1.",
        partial(summed, absent="one", ignored="own class"),
    ),
    Convention(
        "ignored_background", "Unlabelled painted as background",
        "Unlabelled pixels become class 0, as when the truth is loaded as a mask; SegLab's rules otherwise.",
        partial(summed, ignored="background"),
    ),
)  # fmt: skip


def _pictures(target: Labels, pred: Labels) -> zip[tuple[Labels, Labels]]:
    if target.shape != pred.shape or target.ndim not in (2, 3):
        raise ValueError(
            f"Truth and prediction must be label maps of one shape, (H, W) or (N, H, W); "
            f"got {target.shape} and {pred.shape}."
        )
    if target.ndim == 2:
        target, pred = target[None], pred[None]
    if not len(target):
        raise ValueError("There must be at least one picture; got none.")
    return zip(target, pred, strict=True)


def _matrix(target: Labels, pred: Labels, n_classes: int, ignored: Ignored = "dropped") -> Matrix:
    return confusion_matrix(target, pred, n_classes, ignored=ignored)


def _rows(
    target: Labels, pred: Labels, n_classes: int, score: PerClass, absent: Absent, first: int, truth_only: bool
) -> NDArray[np.float64]:
    """Score of each class in each picture, (N, K)."""
    rows = []
    for t, p in _pictures(target, pred):
        cm = _matrix(t, p, n_classes)
        values = settled(score(cm), absent)
        if truth_only:
            values[cm.sum(1) == 0] = np.nan
        rows.append(_from(values, first))
    return np.array(rows)


def _from(values: Values, first: int) -> Values:
    """Return the values with NaN for the classes before `first`."""
    return np.where(np.arange(len(values)) < first, np.nan, values)


def _columns(rows: NDArray[np.float64]) -> Values:
    return np.array([mean(column) for column in rows.T])
