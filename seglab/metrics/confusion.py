"""Confusion matrix of two label maps, and what follows from it: IoU per class, mean IoU, pixel accuracy.

Conventions, for the whole module:

- Labels are integers 0..K−1 in arrays of any one shape; `ignore_index` (255) in the *truth* means "unlabelled": the
  pixel counts nowhere. 255 in the *prediction* means "unsure": on a labelled pixel that is a miss.
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

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]  # (K, K+1), rows = truth, last column = unsure


def confusion_matrix(
    target: NDArray[np.integer], pred: NDArray[np.integer], n_classes: int, ignore_index: int = 255
) -> Matrix:
    """Count pixels by (true class, predicted class): int64 (n_classes, n_classes + 1), last column "unsure".

    `target` and `pred` are integer arrays of one shape with values 0..n_classes−1 or `ignore_index` (a prediction may
    say 255 for "unsure" whatever the `ignore_index`). ValueError for unequal shapes or any other value.

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
    # One bincount of byte pairs: 65536 counters fit the cache, and values out of range show up in the small table.
    pairs = _bytes(target, "truth").astype(np.uint16) << 8
    pairs |= _bytes(pred, "prediction")
    counts = np.bincount(pairs.ravel(), minlength=65536).reshape(256, 256)
    _check(counts.sum(1), {ignore_index}, n_classes, "truth")
    _check(counts.sum(0), {ignore_index, 255}, n_classes, "prediction")
    table = counts[:n_classes]
    unsure = table[:, n_classes:].sum(1, keepdims=True)
    return np.concatenate([table[:, :n_classes], unsure], axis=1).astype(np.int64)


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


def _bytes(labels: NDArray[np.integer], what: str) -> NDArray[np.uint8]:
    """Return integer labels as uint8; ValueError when they aren't integers or don't fit."""
    if labels.dtype == np.uint8:
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
