"""Scores along a line: at all thresholds on probabilities, and of a mask moved by one pixel at several object sizes.

Conventions, for the whole module:

- `probs` are probabilities 0..1 (H, W) of one class, `truth` is that class's mask, bool or 0 and 1, of the same shape.
- A pixel is predicted where `probs >= threshold`, with the threshold in the precision of the probabilities, as NumPy
  compares a float32 array with a number. A threshold of 0 predicts everything.
- Scores are float64 (T,), one per threshold, in the order of the thresholds, and NaN where the denominator is 0:
  precision where nothing is predicted, recall where the truth is empty.
- **Average precision** is the sum of precision times step in recall, AP = Σ (R_n − R_{n−1}) P_n, from the highest
  threshold down, without interpolation (scikit-learn's). COCO's AP for instances is another: it makes the curve
  monotonic and reads it at 101 recalls, see `seglab.metrics.average_precision`. For an empty truth it is NaN
  (scikit-learn warns and says 0).

Source: Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves", ICML 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seglab.metrics.boundary import Mask, as_mask, boundary_band, boundary_width, bounding_box

Values = NDArray[np.float64]  # (T,)
Pixels = NDArray[np.int64]  # (T,)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Pixels counted at each of T thresholds, which ascend; the scores follow from them.

    >>> s = sweep(np.array([[0.9, 0.6, 0.2]]), np.array([[1, 0, 1]]), np.array([0.1, 0.5, 0.7]))
    >>> s.iou.round(3).tolist(), s.precision.round(3).tolist(), s.recall.tolist()
    ([0.667, 0.333, 0.5], [0.667, 0.5, 1.0], [1.0, 0.5, 0.5])
    """

    thresholds: NDArray[np.floating]
    tp: Pixels
    fp: Pixels
    fn: Pixels
    tn: Pixels

    @property
    def precision(self) -> Values:
        """TP / (TP + FP)."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Values:
        """TP / (TP + FN)."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def iou(self) -> Values:
        """TP / (TP + FP + FN)."""
        return _share(self.tp, self.tp + self.fp + self.fn)

    @property
    def dice(self) -> Values:
        """2 TP / (2 TP + FP + FN)."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> Values:
        """(TP + TN) / (TP + FP + FN + TN)."""
        return _share(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    @property
    def curve(self) -> tuple[Values, Values]:
        """Recall and precision (T + 1,), by falling recall; the last point is (0, 1), as scikit-learn adds it."""
        return np.append(self.recall, 0.0), np.append(self.precision, 1.0)

    @property
    def average_precision(self) -> float:
        """Σ (R_n − R_{n−1}) P_n over the sweep's thresholds; the exact AP if they are all that matter (None)."""
        steps = self.recall - np.append(self.recall[1:], 0.0)
        return float((steps * np.nan_to_num(self.precision)).sum())  # where nothing is predicted, recall takes no step


def sweep(
    probs: NDArray[np.floating], truth: NDArray[np.generic], thresholds: NDArray[np.floating] | None = None
) -> Sweep:
    """Count TP, FP, FN and TN at every threshold, by one histogram (or one sort, if no thresholds are given).

    Args:
        probs: (H, W), 0..1.
        truth: (H, W), bool, or numbers 0 and 1.
        thresholds: (T,), ascending; None takes every value that occurs in `probs`, which loses nothing.

    Raises:
        ValueError: unequal shapes, a probability that is NaN or not in 0..1, thresholds that don't ascend.

    >>> sweep(np.array([[0.9, 0.6, 0.2]]), np.array([[1, 0, 1]])).average_precision  # 1·½ + ⅔·½
    0.8333333333333333
    """
    if probs.shape != truth.shape:
        raise ValueError(
            f"The probabilities are {probs.shape} and the truth {truth.shape}; they must have one shape. "
            "Resize the probabilities to the size of the truth."
        )
    true = as_mask(truth, "truth").ravel()
    p = probs.ravel()
    if p.dtype.kind != "f" or not (p.min() >= 0 and p.max() <= 1):  # NaN fails this too
        raise ValueError(
            f"Probabilities are floats in 0..1; got {p.dtype} from {p.min()} to {p.max()}. From logits, take a sigmoid."
        )
    # How many thresholds each pixel reaches: all that counts, and a histogram of it holds every threshold's counts.
    if thresholds is None:
        at, inverse = np.unique(p, return_inverse=True)
        reached = inverse + 1
    else:
        at = np.asarray(thresholds).astype(p.dtype)
        if at.ndim != 1 or not at.size or not (at[1:] > at[:-1]).all() or np.isnan(at).any():
            raise ValueError(f"Thresholds must be a row of ascending numbers, each once in {p.dtype}; got {at}.")
        reached = np.searchsorted(at, p, side="right")
    predicted, tp = (_at_least(values, len(at)) for values in (reached, reached[true]))
    positives = np.count_nonzero(true)
    fp = predicted - tp
    return Sweep(at, tp, fp, positives - tp, len(p) - positives - fp)


@dataclass(frozen=True, eq=False)
class Shifted:
    """Scores of a mask and itself moved by one pixel, (n,) each: at `sizes` of its longer side, in pixels."""

    sizes: NDArray[np.int64]
    iou: Values
    dice: Values
    boundary_iou: Values


def shifted(mask: NDArray[np.generic], sizes: Sequence[int]) -> Shifted:
    """Score the mask, scaled to several sizes, against itself moved one pixel to the right.

    The object is cut out and scaled (nearest pixel) so that its bounding box's longer side has each of the sizes; the
    picture stays as large as `mask` for boundary IoU's width, as if the object came nearer or went away. For a square
    of side s, IoU = (s − 1)/(s + 1).

    Args:
        mask: (H, W), bool, or numbers 0 and 1, not empty.
        sizes: pixels, 1 or more each.

    Raises:
        ValueError: an empty mask, or a size below 1.

    >>> shifted(np.ones((8, 8)), [1, 3, 39]).iou.tolist()
    [0.0, 0.5, 0.95]
    """
    whole = as_mask(mask, "mask")
    box = bounding_box(whole)
    if box is None:
        raise ValueError("The mask is empty: there is nothing to shift. Paint an object first.")
    if min(sizes, default=1) < 1:
        raise ValueError(f"Sizes are pixels, 1 or more each; got {list(sizes)}.")
    crop, width = whole[box], boundary_width((whole.shape[0], whole.shape[1]))
    scores = np.array([_moved(_scaled(crop, size), width) for size in sizes]).reshape(-1, 3)
    return Shifted(np.array(sizes, np.int64), *scores.T)


def _moved(mask: Mask, width: int) -> tuple[float, float, float]:
    """IoU, Dice and boundary IoU of the mask and itself, moved one pixel to the right."""
    here, there = np.pad(mask, ((0, 0), (0, 1))), np.pad(mask, ((0, 0), (1, 0)))
    scores = []
    for a, b in ((here, there), (boundary_band(here, width), boundary_band(there, width))):
        both = np.count_nonzero(a & b)
        scores += [both / np.count_nonzero(a | b), 2 * both / (np.count_nonzero(a) + np.count_nonzero(b))]
    return scores[0], scores[1], scores[2]


def _scaled(mask: Mask, size: int) -> Mask:
    """Scale to `size` pixels along the longer side by nearest pixel, the shorter to at least 1; never empty."""
    h, w = (max(1, round(n * size / max(mask.shape))) for n in mask.shape)
    rows, columns = (
        ((np.arange(n) + 0.5) * full / n).astype(int) for n, full in ((h, mask.shape[0]), (w, mask.shape[1]))
    )
    small = mask[np.ix_(rows, columns)]
    if not small.any():  # thinner than what is sampled: keep a pixel of it
        small[h // 2, w // 2] = True
    return small


def _at_least(reached: NDArray[np.int64], n: int) -> Pixels:
    """How many of the values are 1 or more, 2 or more, … n or more: (n,)."""
    return np.bincount(reached, minlength=n + 1)[::-1].cumsum()[::-1][1:]


def _share(part: Pixels, whole: Pixels) -> Values:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
