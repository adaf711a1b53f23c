"""The scores that follow from one confusion matrix: precision, recall, specificity, Dice, and their means.

Conventions, for the whole module (those of the matrix are in `seglab.metrics.confusion`):

- A score of a class sees that class against all others: TP, FP, FN, TN are `confusion.counts(cm)`.
- A score of each class is float64 (K,) in 0..1, NaN where its denominator is 0. An **absent** class, one that is
  neither in the truth nor predicted, is NaN in all but specificity: there is nothing to be right or wrong about.
- What NaN counts in a mean is a named choice, `Absent`. Ours is "skip"; the others are what libraries do instead, and
  `seglab.metrics.conventions` says which. No epsilon anywhere.
- Means weigh every class alike; `frequency_weighted_iou` weighs it by its share of the labelled pixels.

Sources: Long, Shelhamer and Darrell, "Fully Convolutional Networks", CVPR 2015, section 5 (accuracies and IoU);
van Rijsbergen, "Information Retrieval", 1979, chapter 7 (precision, recall, F); Dice, Ecology 26, 1945; Jaccard 1912.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seglab.metrics.confusion import Matrix, counts, iou

Values = NDArray[np.float64]  # (K,)

Absent = Literal["skip", "minus one", "zero", "one"]
_COUNTS_AS: dict[str, float] = {"skip": np.nan, "minus one": -1.0, "zero": 0.0, "one": 1.0}


def precision(cm: Matrix) -> Values:
    """Share of the pixels predicted as a class that are of it, TP / (TP + FP): (K,), NaN where none is predicted.

    >>> precision(np.array([[95, 0], [5, 0]])).tolist()
    [0.95, nan]
    """
    c = counts(cm)
    return _share(c.tp, c.tp + c.fp)


def recall(cm: Matrix) -> Values:
    """Share of a class's pixels that were found, TP / (TP + FN): (K,), NaN where the truth has none (sensitivity).

    >>> recall(np.array([[95, 0], [5, 0]])).tolist()
    [1.0, 0.0]
    """
    c = counts(cm)
    return _share(c.tp, c.tp + c.fn)


def specificity(cm: Matrix) -> Values:
    """Share of the other classes' pixels that were kept out, TN / (TN + FP): (K,), NaN where all pixels are its own.

    Here, and here alone, an absent class has a value: 1, for nothing was taken for it. So 18 classes that don't occur
    in a picture would draw a mean of 21 towards 1; `mean_specificity` leaves them out.

    >>> specificity(np.array([[95, 0], [5, 0]])).tolist()
    [0.0, 1.0]
    """
    c = counts(cm)
    return _share(c.tn, c.tn + c.fp)


def dice(cm: Matrix) -> Values:
    """F1 score of the pixels, 2 TP / (2 TP + FP + FN), known as Dice: (K,), NaN for an absent class.

    The harmonic mean of precision and recall; it looks at no TN.

    >>> dice(np.array([[95, 0], [5, 0]])).round(6).tolist()
    [0.974359, 0.0]
    """
    c = counts(cm)
    return _share(2 * c.tp, 2 * c.tp + c.fp + c.fn)


def dice_from_iou(iou: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Dice that belongs to an IoU of the same masks, 2 IoU / (1 + IoU): any shape, 0..1, NaN stays NaN.

    So one can't rank two predictions of a class otherwise than the other does; their means over classes can.

    >>> float(dice_from_iou(0.5))  # doctest: +ELLIPSIS
    0.666...
    """
    value = np.asarray(iou, np.float64)
    return 2 * value / (1 + value)


def mean(values: Values, absent: Absent = "skip") -> float:
    """Mean over the classes; what a NaN counts is `absent`'s choice. NaN where no class is left to average.

    >>> mean(np.array([0.9, 0.3, np.nan])), mean(np.array([0.9, 0.3, np.nan]), "one")  # doctest: +ELLIPSIS
    (0.6, 0.733...)
    """
    kept = settled(values, absent)
    kept = kept[~np.isnan(kept)]
    return float(kept.mean()) if kept.size else float("nan")


def settled(values: Values, absent: Absent) -> Values:
    """Return the values with −1, 0 or 1 in place of NaN, or as they are for "skip". ValueError for another name.

    >>> settled(np.array([0.9, np.nan]), "minus one").tolist()
    [0.9, -1.0]
    """
    if absent not in _COUNTS_AS:
        raise ValueError(f"An absent class can be one of {', '.join(map(repr, get_args(Absent)))}; got {absent!r}.")
    return np.where(np.isnan(values), _COUNTS_AS[absent], values)


def mean_pixel_accuracy(cm: Matrix) -> float:
    """Mean over the classes that the truth has of the share of their pixels that was found (mean recall).

    Source: Long et al. 2015, section 5, "mean accuracy".

    >>> mean_pixel_accuracy(np.array([[95, 0], [5, 0]]))
    0.5
    """
    return mean(recall(cm))


def mean_specificity(cm: Matrix) -> float:
    """Mean of `specificity` over the classes that occur in the truth or the prediction.

    >>> mean_specificity(np.array([[95, 0, 0], [5, 0, 0], [0, 0, 0]]))  # 0 and 1, without the absent third class
    0.5
    """
    return mean(np.where(np.isnan(iou(cm)), np.nan, specificity(cm)))


def frequency_weighted_iou(cm: Matrix) -> float:
    """IoU of each class, weighted by the class's share of the labelled pixels; NaN where none is labelled.

    Source: Long et al. 2015, section 5, "frequency weighted IU". A class that the truth doesn't have weighs nothing,
    even where it is predicted.

    >>> frequency_weighted_iou(np.array([[95, 0], [5, 0]]))
    0.9025
    """
    c = counts(cm)
    pixels = c.tp + c.fn
    return float(np.nansum(pixels * iou(cm)) / pixels.sum()) if pixels.any() else float("nan")


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Values:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
