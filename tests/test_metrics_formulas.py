"""Each formula that is shown is the one that is computed: the LaTeX is evaluated and compared with its function."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from seglab.metrics import formulas
from seglab.metrics.boundary import boundary, boundary_band, boundary_width
from seglab.metrics.confusion import confusion_matrix
from seglab.metrics.formulas import AVERAGE_PRECISION, DISTANCES, METRICS, filled
from seglab.metrics.sweep import sweep
from tests.latex import evaluate

SHIPS = json.loads((Path(__file__).parent / "golden" / "lecture_examples.json").read_text())["ships"]
BY_KEY = {metric.key: metric for metric in METRICS}


def matrices(k, n=20, low=1):
    return np.random.default_rng(k).integers(low, 60, (n, k, k))


def counts(cm):
    (tn, fp), (fn, tp) = cm[:, :2]
    values = {"TP": tp, "FP": fp, "FN": fn, "TN": tn}
    return values | ({"IoU": tp / (tp + fp + fn)} if tp + fp + fn else {})


def sides(text):
    """The formula of "formula = number", and the number; None where that is undefined."""
    left, sign, right = re.fullmatch(r"(.*) (=|\\approx) (.*?)", text).groups()
    return left, sign, None if right == r"\text{undefined}" else float(right)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
def test_the_formula_of_two_classes(metric):
    for cm in matrices(2):
        assert evaluate(metric.latex, counts(cm)) == pytest.approx(metric.function(cm), rel=1e-12)


@pytest.mark.parametrize("metric", [m for m in METRICS if m.classes], ids=lambda metric: metric.key)
@pytest.mark.parametrize("k", [2, 3, 7])
def test_the_formula_of_many_classes(metric, k):
    for cm in matrices(k):
        value = metric.function(cm)
        assert evaluate(metric.classes, {"p": cm, "K": k}, i=k, j=k) == pytest.approx(value, rel=1e-12)
        terms = [
            evaluate(metric.term, {"TP": cm[c, c], "FP": cm[:, c].sum() - cm[c, c], "FN": cm[c].sum() - cm[c, c],
                                   "TN": cm.sum() - cm[c].sum() - cm[:, c].sum() + cm[c, c]})
            for c in range(k)
        ]  # fmt: skip
        assert sum(terms) / (k if metric.averaged else 1) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("metric", [m for m in METRICS if m.sets], ids=lambda metric: metric.key)
def test_the_formula_in_sets(metric):
    a, b = np.random.default_rng(0).random((2, 20, 20)) < 0.4
    sizes = {r"|A \cap B|": (a & b).sum(), r"|A \cup B|": (a | b).sum(), "|A|": a.sum(), "|B|": b.sum()}
    text = metric.sets
    for name, size in sizes.items():
        text = text.replace(name, str(size))
    assert evaluate(text, {}) == pytest.approx(metric.function(confusion_matrix(a, b, 2)), rel=1e-12)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
@pytest.mark.parametrize("k", [2, 3, 4])
def test_filled_is_the_formula_with_the_numbers(metric, k):
    if k > 2 and not metric.classes:
        with pytest.raises(ValueError, match=f"matrix of 2 classes; got {k}"):
            filled(metric, matrices(k)[0])
        return
    for cm in matrices(k):
        left, sign, number = sides(filled(metric, cm))
        value = metric.function(cm)
        assert evaluate(left, {}) == pytest.approx(value, rel=1e-3 if metric.key == "dice_from_iou" else 1e-12)
        assert number == pytest.approx(value, rel=1e-3)
        assert (sign == "=") == (number == value)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.key)
@pytest.mark.parametrize(
    "cm",
    [[[9, 0], [0, 0]], [[0, 0], [0, 9]], [[0, 9], [0, 0]], [[0, 0], [9, 0]], [[5, 4], [0, 0]], [[0, 0], [3, 1]],
     [[0, 0], [0, 0]], [[8, 0], [0, 1]], [[4, 1, 2], [0, 3, 1]], [[4, 1, 2], [0, 0, 0]]],
)  # fmt: skip
def test_filled_where_a_class_is_absent_or_pixels_are_unsure(metric, cm, recwarn):
    cm = np.array(cm)
    value = metric.function(cm)
    left, _, number = sides(filled(metric, cm))
    if math.isnan(value):
        assert number is None
        with pytest.raises(ZeroDivisionError):
            evaluate(left, {})
    else:
        assert number == pytest.approx(value, abs=5e-5)
        assert evaluate(left, {}) == pytest.approx(value, rel=2e-4)
    assert not recwarn.list


def test_absent_classes_have_no_term_and_many_are_not_written_out():
    cm = np.diag([5, 3, 0, 2])
    assert filled(BY_KEY["mean_iou"], cm).startswith(r"\frac{1}{3}\left(\frac{5}{5+0+0} + ")
    many = filled(BY_KEY["mean_iou"], matrices(21)[0])
    assert many.startswith(r"\frac{1}{21}\left(")
    assert many.count(r"\frac") == 1 + formulas.TERMS
    assert r"+ \dots\right)" in many


def test_the_ships_preset():
    truth = np.zeros(SHIPS["pixels"], np.uint8)
    truth[: SHIPS["ship_pixels"]] = 1
    cm = confusion_matrix(truth, np.zeros_like(truth), 2)
    assert filled(BY_KEY["pixel_accuracy"], cm).endswith("= 0.95")
    assert filled(BY_KEY["mean_pixel_accuracy"], cm).endswith("= 0.5")
    assert filled(BY_KEY["mean_iou"], cm).endswith("= 0.475")
    assert filled(BY_KEY["mean_dice"], cm).endswith(r"\approx 0.4872")
    assert filled(BY_KEY["precision"], cm) == r"\frac{0}{0+0} = \text{undefined}"


def shapes():
    y, x = np.ogrid[:60, :80]
    dice = np.random.default_rng(0)
    yield (y - 30) ** 2 + (x - 40) ** 2 < 400, (y - 28) ** 2 + (x - 44) ** 2 < 300
    yield dice.random((60, 80)) < 0.05, dice.random((60, 80)) < 0.1
    yield y + x < 50, (y > 20) & (x > 70)


@pytest.mark.parametrize("metric", DISTANCES, ids=lambda metric: metric.key)
def test_the_formulas_of_two_masks(metric):
    over = {r"\max": np.max, r"\sum": np.sum, r"\operatorname*{P_{95}}": lambda d: np.percentile(d, 95)}
    for a, b in shapes():
        every = cdist(np.argwhere(boundary(a)), np.argwhere(boundary(b)))
        width = boundary_width(a.shape)
        band_a, band_b = boundary_band(a, width), boundary_band(b, width)
        known = {
            r"|\partial A|": every.shape[0], r"|\partial B|": every.shape[1],
            r"|A_d \cap B_d|": (band_a & band_b).sum(), r"|A_d \cup B_d|": (band_a | band_b).sum(),
        }  # fmt: skip
        for name, function in over.items():
            known[name + r"_{a\in\partial A} d(a,\partial B)"] = function(every.min(1))
            known[name + r"_{b\in\partial B} d(b,\partial A)"] = function(every.min(0))
        text = metric.latex
        for name, value in known.items():
            text = text.replace(name, f"{value:.12f}")
        assert "partial" not in text
        assert evaluate(text, {}) == pytest.approx(metric.function(a, b))


def test_the_formula_of_average_precision():
    dice = np.random.default_rng(0)
    truth, probs = dice.random((9, 9)) < 0.4, dice.random((9, 9)).round(1)
    found = sweep(probs, truth)
    recall, precision = found.recall[::-1], found.precision[::-1]  # from the highest threshold down
    values = {"R": recall, "Q": np.append(0, recall[:-1]), "P": precision}
    text = AVERAGE_PRECISION.latex.replace("R_{n-1}", "Q_n")
    assert evaluate(text, values, n=len(recall)) == pytest.approx(AVERAGE_PRECISION.function(probs, truth))


def test_the_tables():
    every = [*METRICS, *DISTANCES, AVERAGE_PRECISION]
    assert len({metric.key for metric in every}) == len(every)
    for metric in every:
        assert metric.note.endswith(".")
        assert metric.source
        assert metric.title
        assert bool(metric.classes) == bool(metric.term) == (metric.each is not None)
    with pytest.raises(ValueError, match="Hausdorff distance isn't a function of a confusion matrix"):
        filled(DISTANCES[1], np.eye(2, dtype=int))
    with pytest.raises(AttributeError):
        METRICS[0].latex = ""
