"""Confusion matrix of two label maps, its counts TP, FP, FN, TN, and the commonest scores: IoU and pixel accuracy.

The other scores that follow from a matrix are in `seglab.metrics.scores`.

Conventions, for the whole module:

- Labels are integers 0..K−1 (or booleans, for two classes) in arrays of any one shape; `ignore_index` (255) in the
  *truth* means "unlabelled": the pixel counts nowhere, or what else `Ignored` names. 255 in the *prediction* means
  "unsure": on a labelled pixel that is a miss.
- The matrix `cm` is int64 (K, K+1): rows are the truth, columns the prediction, `cm[i, j]` pixels of class i predicted
  as j; the last column holds the unsure ones, so that each row sums to the labelled pixels of its class.
- Matrices add: the score of a data set is the score of the summed matrices, never the mean of the pictures' scores.
  All scores also take a plain (K, K) matrix.
- A class that is neither in the truth nor in the prediction is NaN and the mean skips it (libraries disagree
  and give −1, 0 or 1 there). A class that is predicted but not in the truth has IoU 0. No epsilon anywhere.
- Scores are float64 in 0..1, NaN where undefined.

Source: Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015, section 4.2
(IoU = TP / (TP + FP + FN)); Long, Shelhamer and Darrell, "Fully Convolutional Networks", CVPR 2015, section 5.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]  # (K, K+1), rows = truth, last column = unsure

# What becomes of pixels that the truth leaves unlabelled. "dropped": they count nowhere (ours, and what an ignore_index
# does elsewhere). "own class": they are one class more, the last, so that whatever is predicted there is a false alarm
# (what happens where nobody says which index to ignore). "background": they are painted as class 0.
Ignored = Literal["dropped", "own class", "background"]


class Counts(NamedTuple):
    """Pixels of each class taken alone, int64 (K,) each: hits, false alarms, misses, and rightly left out."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    tn: NDArray[np.int64]


def confusion_matrix(
    target: NDArray[np.integer | np.bool_],
    pred: NDArray[np.integer | np.bool_],
    n_classes: int,
    ignore_index: int = 255,
    ignored: Ignored = "dropped",
) -> Matrix:
    """Count pixels by (true class, predicted class): int64 (n_classes, n_classes + 1), last column "unsure".

    `target` and `pred` are integer arrays of one shape with values 0..n_classes−1 or `ignore_index` (a prediction may
    say 255 for "unsure" whatever the `ignore_index`). With `ignored="own class"` the matrix has one class more, the
    unlabelled pixels. ValueError for unequal shapes, any other value, or a rule that isn't one of `Ignored`.

    >>> confusion_matrix(np.array([0, 0, 1, 255]), np.array([0, 1, 255, 1]), 2)
    array([[1, 1, 0],
           [0, 0, 1]])
    """
    if not 1 <= n_classes <= 255:
        raise ValueError(f"n_classes must be 1 to 255 (labels are bytes); got {n_classes}.")
    if not n_classes <= ignore_index <= 255:
        raise ValueError(
            f"ignore_index is {ignore_index}, but 0 to {n_classes - 1} are classes: use {n_classes} to 255."
        )
    if target.shape != pred.shape:
        raise ValueError(
            f"The truth is {target.shape} and the prediction {pred.shape}; they must have one shape. "
            f"Resize the prediction's logits, not its labels, to the size of the truth."
        )
    pairs = _bytes(target, "truth").astype(np.uint16)
    pairs <<= 8
    pairs |= _bytes(pred, "prediction")
    table = _count(pairs.ravel()).reshape(256, 256)
    _check(table.sum(1), {ignore_index}, n_classes, "truth")
    _check(table.sum(0), {ignore_index, 255}, n_classes, "prediction")
    unlabelled, table = table[ignore_index], table[:n_classes]
    if ignored == "background":
        table[0] += unlabelled
    elif ignored == "own class":
        table = np.concatenate([table, unlabelled[None]])
    elif ignored != "dropped":
        raise ValueError(f"ignored must be 'dropped', 'own class' or 'background'; got {ignored!r}.")
    unsure = table[:, n_classes:].sum(1, keepdims=True)
    columns = [table[:, :n_classes], unsure]
    if ignored == "own class":  # no prediction says "unlabelled", so that this class has no false alarms
        columns.insert(1, np.zeros_like(unsure))
    return np.concatenate(columns, axis=1)


def counts(cm: Matrix) -> Counts:
    """TP, FP, FN and TN of each class against all others, (K,) each; they add up to the labelled pixels.

    An unsure pixel is a miss (FN) of its own class and rightly left out (TN) by all others. ValueError for a matrix of
    another shape.

    >>> tp, fp, fn, tn = counts(np.array([[90, 5], [2, 3]]))
    >>> tp.tolist(), fp.tolist(), fn.tolist(), tn.tolist()
    ([90, 3], [2, 5], [5, 2], [3, 90])
    """
    hits, true, predicted = _sums(cm)
    return Counts(hits, predicted - hits, true - hits, true.sum() - true - predicted + hits)


def iou(cm: Matrix) -> NDArray[np.float64]:
    """Intersection over union of each class, IoU = TP / (TP + FP + FN): float64 (K,), NaN for an absent class.

    Source: Everingham et al. 2015, section 4.2 (Jaccard index).

    >>> iou(np.array([[3, 1], [0, 0]])).tolist()
    [0.75, 0.0]
    """
    hits, true, predicted = _sums(cm)
    union = true + predicted - hits
    return np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)


def mean_iou(cm: Matrix) -> float:
    """Mean of `iou` over the classes that are in the truth or in the prediction; NaN when there is none.

    >>> mean_iou(np.array([[95, 0], [5, 0]]))  # 5 pixels of ship among 100, all predicted as background
    0.475
    """
    values = iou(cm)
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")


def pixel_accuracy(cm: Matrix) -> float:
    """Share of the labelled pixels whose class was found, Σ_i cm[i, i] / Σ_ij cm[i, j]; NaN when none is labelled.

    Source: Long et al. 2015, section 5. An unsure pixel is in the denominator only.

    >>> pixel_accuracy(np.array([[95, 0], [5, 0]]))
    0.95
    """
    hits, true, _ = _sums(cm)
    return float(hits.sum() / true.sum()) if true.sum() else float("nan")


def _sums(cm: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """TP, pixels in the truth (TP + FN, the unsure too) and pixels predicted (TP + FP) of each class: (K,) each."""
    if cm.ndim != 2 or cm.shape[1] - cm.shape[0] not in (0, 1):
        raise ValueError(
            f"A confusion matrix is (K, K) or, with a last column for 'unsure', (K, K+1); got {cm.shape}. "
            f"Make it with confusion_matrix."
        )
    k = cm.shape[0]
    return cm[:, :k].diagonal(), cm.sum(1), cm[:, :k].sum(0)


def _count(pairs: NDArray[np.uint16]) -> NDArray[np.int64]:
    """How often each of the 65536 pairs of bytes occurs; where regions are large, a run of equal pairs is one step.

    Label maps are regions: two 1080p maps have 2 million pixels, but some 30 000 runs. With noise the runs are as many
    as the pixels, and counting pixels is faster.
    """
    ends = pairs[1:] != pairs[:-1]
    if np.count_nonzero(ends) > len(pairs) // 8:
        return np.bincount(pairs, minlength=65536)
    last = np.append(np.flatnonzero(ends), len(pairs) - 1) if len(pairs) else np.zeros(0, np.int64)
    # Sums of doubles are exact up to 2**53 pixels.
    return np.bincount(pairs[last], weights=np.diff(last, prepend=-1), minlength=65536).astype(np.int64)


def _bytes(labels: NDArray[np.integer | np.bool_], what: str) -> NDArray[np.uint8]:
    """Return integer labels as uint8; ValueError when they aren't integers or don't fit."""
    if labels.dtype in (np.uint8, np.bool_):
        return labels.view(np.uint8)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"The {what} must hold integer class indices; got {labels.dtype}.")
    if labels.size and not (labels.min() >= 0 and labels.max() <= 255):
        raise ValueError(f"The {what} holds values {labels.min()} to {labels.max()}; class indices are 0 to 255.")
    return labels.astype(np.uint8)


def _check(per_value: NDArray[np.int64], allowed: set[int], n_classes: int, what: str) -> None:
    """Raise ValueError when a value occurs that is neither a class nor in `allowed`."""
    wrong = [int(v) for v in np.flatnonzero(per_value) if v >= n_classes and v not in allowed]
    if wrong:
        no_answer = " or ".join(str(value) for value in sorted(allowed))
        raise ValueError(
            f"The {what} holds the value {wrong[0]}, but there are classes 0 to {n_classes - 1} and {no_answer} "
            f"for 'no answer'. Is it a map of another set of classes?"
        )
