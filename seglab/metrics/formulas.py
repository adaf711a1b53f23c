r"""The metrics' formulas, each beside the function that computes it, and `filled`: the formula with the numbers put in.

Conventions, for the whole module:

- LaTeX is what KaTeX and a page's `st.latex` take, the right-hand side alone. Symbols: \mathrm{TP}, \mathrm{FP},
  \mathrm{FN}, \mathrm{TN} are pixel counts, the foreground (class 1) against the background (class 0); p_{ij} are the
  pixels of class i predicted as j, K the number of classes that occur; A is the truth's mask and B the prediction's.
- A function of `METRICS` takes a confusion matrix (K, K) or (K, K+1). The scores of the foreground alone want K = 2.
- A function of `DISTANCES` takes (truth, pred), two masks; ∂A is A's boundary, d(a, ∂B) the distance to the nearest
  pixel of ∂B, A_d the pixels of A within d px of its contour. `AVERAGE_PRECISION` takes (probs, truth).
- Where a class is absent, the sum has no term for it and K doesn't count it; a score with denominator 0 is NaN.
- tests/test_metrics_formulas.py evaluates every LaTeX block here, and what `filled` makes of it, and compares.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from seglab.metrics import boundary, confusion, distances, scores
from seglab.metrics.confusion import Matrix
from seglab.metrics.sweep import sweep

TERMS = 4  # classes that `filled` writes out; the rest is an ellipsis

LONG = "Long, Shelhamer, Darrell, CVPR 2015, section 5"
RIJSBERGEN = "van Rijsbergen, Information Retrieval, 1979, chapter 7"


@dataclass(frozen=True)
class Metric:
    r"""One metric: its formula, the function that computes it, and what to know about it.

    latex: for two classes, in TP, FP, FN, TN (or for masks, in A and B); sets: the same in A and B; classes: for any
    number of classes, in p_{ij}. Then term is what each class adds to the sum, in its own TP, FP, FN, TN; each gives
    NaN for the classes that have no term; averaged: the sum is divided by the number of terms.
    """

    key: str
    title: str
    latex: str
    function: Callable[..., float]
    note: str
    source: str
    sets: str = ""
    classes: str = ""
    term: str = ""
    each: Callable[[Matrix], scores.Values] | None = None
    averaged: bool = False


def _foreground(score: Callable[[Matrix], Any], cm: Matrix) -> float:
    """Return the score of class 1 of two."""
    if len(cm) != 2:
        raise ValueError(
            f"This score is of the foreground against the background: a matrix of 2 classes; got {len(cm)}. "
            "For more classes, take the mean of the score, such as mean IoU."
        )
    return float(score(cm)[1])


def _mean(score: Callable[[Matrix], Any], cm: Matrix) -> float:
    return scores.mean(score(cm))


def _dice_from_iou(cm: Matrix) -> scores.Values:
    return scores.dice_from_iou(confusion.iou(cm))


METRICS: tuple[Metric, ...] = (
    Metric(
        "pixel_accuracy", "Pixel accuracy",
        r"\frac{\mathrm{TP}+\mathrm{TN}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}+\mathrm{TN}}",
        confusion.pixel_accuracy,
        "The share of pixels that are right. Where one class fills the picture, predicting it everywhere scores high.",
        LONG,
        classes=r"\frac{\sum_i p_{ii}}{\sum_i \sum_j p_{ij}}",
        term=r"\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}+\mathrm{TN}}", each=scores.recall,
    ),
    Metric(
        "mean_pixel_accuracy", "Mean pixel accuracy",
        r"\frac{1}{2}\left(\frac{\mathrm{TN}}{\mathrm{TN}+\mathrm{FP}}+\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FN}}\right)",
        scores.mean_pixel_accuracy,
        "The mean of each class's share of found pixels: a small class weighs as much as a large one.",
        LONG,
        classes=r"\frac{1}{K} \sum_i \frac{p_{ii}}{\sum_j p_{ij}}",
        term=r"\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FN}}", each=scores.recall, averaged=True,
    ),
    Metric(
        "precision", "Precision",
        r"\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}}",
        partial(_foreground, scores.precision),
        "The share of what was predicted that is right. One sure pixel and nothing else gives 1.",
        RIJSBERGEN,
        sets=r"\frac{|A \cap B|}{|B|}",
    ),
    Metric(
        "recall", "Recall (sensitivity)",
        r"\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FN}}",
        partial(_foreground, scores.recall),
        "The share of the object that was found. Predicting everything gives 1.",
        RIJSBERGEN,
        sets=r"\frac{|A \cap B|}{|A|}",
    ),
    Metric(
        "specificity", "Specificity",
        r"\frac{\mathrm{TN}}{\mathrm{TN}+\mathrm{FP}}",
        partial(_foreground, scores.specificity),
        "The share of the background that was left alone: the background's recall. High wherever little is predicted.",
        "Yerushalmy, Public Health Reports 62, 1947",
    ),
    Metric(
        "dice", "Dice (F1)",
        r"\frac{2\cdot\mathrm{TP}}{2\cdot\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}",
        partial(_foreground, scores.dice),
        "The harmonic mean of precision and recall. It doesn't see TN.",
        "Dice, Ecology 26, 1945",
        sets=r"\frac{2\cdot|A \cap B|}{|A|+|B|}",
    ),
    Metric(
        "iou", "IoU (Jaccard)",
        r"\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}",
        partial(_foreground, confusion.iou),
        "What both masks share of what either covers. It doesn't see TN.",
        "Everingham et al., IJCV 2015, section 4.2",
        sets=r"\frac{|A \cap B|}{|A \cup B|}",
    ),
    Metric(
        "dice_from_iou", "Dice from IoU",
        r"\frac{2\cdot\mathrm{IoU}}{1+\mathrm{IoU}}",
        partial(_foreground, _dice_from_iou),
        "Both say the same of one class: equal at 0 and 1, Dice higher between, near 2·IoU where both are small.",
        "from the two definitions",
    ),
    Metric(
        "mean_iou", "Mean IoU",
        r"\frac{1}{2}\left(\frac{\mathrm{TN}}{\mathrm{TN}+\mathrm{FN}+\mathrm{FP}}"
        r"+\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}\right)",
        confusion.mean_iou,
        "The usual score of semantic segmentation: the mean over the classes that occur, background included.",
        LONG,
        classes=r"\frac{1}{K} \sum_i \frac{p_{ii}}{\sum_j p_{ij} + \sum_j p_{ji} - p_{ii}}",
        term=r"\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}", each=confusion.iou, averaged=True,
    ),
    Metric(
        "mean_dice", "Mean Dice",
        r"\frac{1}{2}\left(\frac{2\cdot\mathrm{TN}}{2\cdot\mathrm{TN}+\mathrm{FN}+\mathrm{FP}}"
        r"+\frac{2\cdot\mathrm{TP}}{2\cdot\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}\right)",
        partial(_mean, scores.dice),
        "The mean of Dice over the classes that occur. Not 2·m/(1+m) of the mean IoU m.",
        "Dice, Ecology 26, 1945",
        classes=r"\frac{1}{K} \sum_i \frac{2\cdot p_{ii}}{\sum_j p_{ij} + \sum_j p_{ji}}",
        term=r"\frac{2\cdot\mathrm{TP}}{2\cdot\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}", each=scores.dice, averaged=True,
    ),
    Metric(
        "frequency_weighted_iou", "Frequency-weighted IoU",
        r"\frac{(\mathrm{TN}+\mathrm{FP})\cdot\frac{\mathrm{TN}}{\mathrm{TN}+\mathrm{FN}+\mathrm{FP}}"
        r"+(\mathrm{TP}+\mathrm{FN})\cdot\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}}"
        r"{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}+\mathrm{TN}}",
        scores.frequency_weighted_iou,
        "IoU weighted by the class's share of the truth: between mean IoU and pixel accuracy in what it forgives.",
        LONG,
        classes=r"\frac{1}{\sum_i \sum_j p_{ij}} \sum_i \frac{\sum_j p_{ij} \cdot p_{ii}}"
        r"{\sum_j p_{ij} + \sum_j p_{ji} - p_{ii}}",
        term=r"\frac{\mathrm{TP}+\mathrm{FN}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}+\mathrm{TN}}"
        r"\cdot\frac{\mathrm{TP}}{\mathrm{TP}+\mathrm{FP}+\mathrm{FN}}", each=scores.recall,
    ),
)  # fmt: skip

DISTANCES: tuple[Metric, ...] = (
    Metric(
        "boundary_iou", "Boundary IoU",
        r"\frac{|A_d \cap B_d|}{|A_d \cup B_d|}",
        boundary.boundary_iou,
        "IoU of the pixels within d of the contours (2 % of the diagonal): a large object can't hide a poor contour.",
        "Cheng et al., CVPR 2021",
    ),
    Metric(
        "hausdorff", "Hausdorff distance",
        r"\max\left(\max_{a\in\partial A} d(a,\partial B),\; \max_{b\in\partial B} d(b,\partial A)\right)",
        distances.hausdorff,
        "The farthest that one contour gets from the other: a single wrong pixel decides.",
        "Huttenlocher et al., PAMI 1993, equations 1 and 2",
    ),
    Metric(
        "hd95", "HD95",
        r"\max\left(\operatorname*{P_{95}}_{a\in\partial A} d(a,\partial B),\;"
        r" \operatorname*{P_{95}}_{b\in\partial B} d(b,\partial A)\right)",
        distances.hd95,
        "Each direction's 95th percentile in place of its maximum: the farthest 5 % are let off.",
        "Huttenlocher et al., PAMI 1993, for ranks",
    ),
    Metric(
        "average_surface_distance", "Average surface distance",
        r"\frac{\sum_{a\in\partial A} d(a,\partial B) + \sum_{b\in\partial B} d(b,\partial A)}"
        r"{|\partial A| + |\partial B|}",
        distances.average_surface_distance,
        "The mean over both contours' pixels: how far one is off on average.",
        "Heimann et al., IEEE TMI 2009",
    ),
)  # fmt: skip

AVERAGE_PRECISION = Metric(
    "average_precision", "Average precision",
    r"\sum_n (R_n - R_{n-1}) \cdot P_n",
    lambda probs, truth: sweep(probs, truth).average_precision,
    "The area under the precision–recall curve, in steps, over all thresholds n from the highest down; R_0 = 0.",
    "Davis and Goadrich, ICML 2006",
)  # fmt: skip


def filled(metric: Metric, cm: Matrix) -> str:
    r"""Return the formula of a metric of `METRICS` with the matrix's numbers in it, "… = 0.475", as LaTeX.

    Two classes that both count take `latex`; otherwise each class that counts gives one term, and the fifth and later
    ones an ellipsis. Results are rounded to four digits, with ≈ where that loses some. ValueError for a score of the
    foreground with more than two classes, and for a metric that isn't computed from a matrix.

    >>> iou = next(metric for metric in METRICS if metric.key == "iou")
    >>> print(filled(iou, np.array([[90, 2], [3, 5]])))
    \frac{5}{5+2+3} = 0.5
    """
    if metric not in METRICS:
        raise ValueError(f"{metric.title} isn't a function of a confusion matrix; only the metrics of METRICS are.")
    value = metric.function(cm)
    rows = np.stack(confusion.counts(cm), axis=1).tolist()
    if metric.each is None:
        return f"{_put(metric.latex, rows[1], cm)} {_equals(value)}"
    counted = ~np.isnan(metric.each(cm))
    # In an unsure pixel of class 0 nothing of class 1 is found: that is a TN, but no pixel that is right.
    if len(cm) == 2 and counted.all() and cm[:, 2:].sum() == 0:
        return f"{_put(metric.latex, rows[1], cm)} {_equals(value)}"
    terms = [_put(metric.term, row, cm) for row, it in zip(rows, counted, strict=True) if it] or [r"\frac{0}{0}"]
    total = " + ".join([*terms[:TERMS], *([r"\dots"] if len(terms) > TERMS else [])])
    if metric.averaged:
        total = rf"\frac{{1}}{{{counted.sum()}}}\left({total}\right)"
    return f"{total} {_equals(value)}"


def _put(latex: str, row: list[int], cm: Matrix) -> str:
    """Put numbers for the symbols: TP, FP, FN and TN of `row`, and the foreground's IoU."""
    numbers = {name: str(n) for name, n in zip(("TP", "FP", "FN", "TN"), row, strict=True)}
    if "IoU" in latex:
        value = float(confusion.iou(cm)[1])
        numbers["IoU"] = r"\frac{0}{0}" if math.isnan(value) else _number(value)
    return re.sub(r"\\mathrm\{(\w+)\}", lambda found: numbers[found[1]], latex)


def _equals(value: float) -> str:
    exact = math.isnan(value) or float(f"{value:.4g}") == value
    return f"{'=' if exact else chr(92) + 'approx'} {_number(value)}"


def _number(value: float) -> str:
    return r"\text{undefined}" if math.isnan(value) else f"{value:.4g}"
