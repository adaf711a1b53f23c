"""Threshold sweeps against scikit-learn and a plain loop; the mask moved by one pixel, by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, jaccard_score, precision_recall_curve

from seglab.metrics.boundary import boundary_iou
from seglab.metrics.confusion import confusion_matrix, iou, pixel_accuracy
from seglab.metrics.scores import dice, precision, recall
from seglab.metrics.sweep import shifted, sweep


def maps(seed, shape=(30, 40), kind=np.float32, digits=None):
    dice = np.random.default_rng(seed)
    truth = dice.random(shape) < 0.2
    probs = (0.4 * dice.random(shape) + 0.5 * truth * dice.random(shape)).astype(kind)
    return (probs if digits is None else probs.round(digits)), truth


@pytest.mark.parametrize("digits", [None, 2, 1])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_the_curve_and_ap_are_scikit_learns(kind, digits):
    probs, truth = maps(1, kind=kind, digits=digits)
    found = sweep(probs, truth)
    p, r, thresholds = precision_recall_curve(truth.ravel(), probs.ravel())
    np.testing.assert_array_equal(found.thresholds, thresholds)
    np.testing.assert_allclose(found.curve[0], r)
    np.testing.assert_allclose(found.curve[1], p)
    expected = average_precision_score(truth.ravel(), probs.ravel().astype(np.float64))
    assert found.average_precision == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_each_threshold_is_the_matrix_of_probs_at_least_that(kind):
    probs, truth = maps(2, kind=kind, digits=2)
    grid = np.linspace(0, 1, 101)  # many a probability lies on a threshold
    found = sweep(probs, truth, grid)
    for n, t in enumerate(grid):
        cm = confusion_matrix(truth, probs >= kind(t), 2)
        assert [found.tn[n], found.fp[n], found.fn[n], found.tp[n]] == cm[:, :2].ravel().tolist()
        ours = found.precision[n], found.recall[n], found.iou[n], found.dice[n], found.accuracy[n]
        expected = precision(cm)[1], recall(cm)[1], iou(cm)[1], dice(cm)[1], pixel_accuracy(cm)
        np.testing.assert_allclose(ours, expected)
    assert found.accuracy[30] == pytest.approx(accuracy_score(truth.ravel(), (probs >= kind(0.3)).ravel()))
    assert found.iou[30] == pytest.approx(jaccard_score(truth.ravel(), (probs >= kind(0.3)).ravel()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 12), st.integers(1, 3))
def test_any_maps_against_scikit_learn(seed, height, width, digits):
    probs, truth = maps(seed, (height, width), np.float64, digits)
    truth[0, 0] = True
    found = sweep(probs, truth)
    assert found.average_precision == pytest.approx(average_precision_score(truth.ravel(), probs.ravel()))
    np.testing.assert_array_equal(found.tp + found.fp + found.fn + found.tn, truth.size)
    assert (np.diff(found.tp) <= 0).all()
    assert (np.diff(found.fp) <= 0).all()


def test_a_fine_grid_comes_near_the_exact_ap():
    probs, truth = maps(3, (100, 100))
    exact = sweep(probs, truth).average_precision
    assert sweep(probs, truth, np.linspace(0, 1, 1001)).average_precision == pytest.approx(exact, abs=2e-3)


def test_empty_full_and_one_pixel(recwarn):
    probs = np.array([[0.2, 0.7]])
    none, all_ = (sweep(probs, np.full((1, 2), value), np.array([0.0, 0.5, 0.9])) for value in (False, True))
    assert np.isnan(none.recall).all()
    assert np.isnan(none.average_precision)
    np.testing.assert_array_equal(none.precision, [0, 0, np.nan])
    np.testing.assert_array_equal(none.iou, [0, 0, np.nan])  # nothing true, nothing predicted
    np.testing.assert_array_equal(all_.recall, [1, 0.5, 0])
    np.testing.assert_array_equal(all_.precision, [1, 1, np.nan])
    assert all_.average_precision == 1
    one = sweep(np.array([[0.5]]), np.array([[1]]))
    assert (one.thresholds.tolist(), one.tp.tolist(), one.average_precision) == ([0.5], [1], 1)
    assert not recwarn.list
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert average_precision_score([0, 0], [0.2, 0.7]) == 0  # what the module says of scikit-learn


@pytest.mark.parametrize(
    ("probs", "truth", "thresholds", "says"),
    [
        ([[0.1]], [[0, 1]], None, "one shape"),
        ([[0.1, np.nan]], [[0, 1]], None, "floats in 0..1"),
        ([[0.1, 1.1]], [[0, 1]], None, "take a sigmoid"),
        ([[-3.0, 4.0]], [[0, 1]], None, "from -3.0 to 4.0"),
        ([[0, 1]], [[0, 1]], None, "got int64"),
        ([[0.1, 0.2]], [[0, 2]], None, "truth holds values other"),
        ([[]], [[]], None, "at least a pixel"),
        ([0.1], [1], None, "one mask"),
        ([[0.1, 0.2]], [[0, 1]], [0.5, 0.4], "ascending"),
        ([[0.1, 0.2]], [[0, 1]], [0.5, 0.5], "ascending"),
        ([[0.1, 0.2]], [[0, 1]], [], "ascending"),
        ([[0.1, 0.2]], [[0, 1]], [0.5, np.nan], "ascending"),
    ],
)
def test_wrong_input_is_explained(probs, truth, thresholds, says):
    with pytest.raises(ValueError, match=says):
        sweep(np.array(probs), np.array(truth), None if thresholds is None else np.array(thresholds))


def test_a_square_moved_by_one_pixel():
    mask = np.zeros((300, 400), bool)
    mask[20:60, 50:90] = True
    sizes = [1, 2, 5, 40, 100, 200]
    found = shifted(mask, sizes)
    s = np.array(sizes)
    np.testing.assert_array_equal(found.sizes, s)
    np.testing.assert_allclose(found.iou, (s - 1) / (s + 1))
    np.testing.assert_allclose(found.dice, (s - 1) / s)
    np.testing.assert_allclose(found.boundary_iou[:3], found.iou[:3])  # all boundary: thinner than 2 · 10 px
    ring = s[4:] ** 2 - (s[4:] - 20) ** 2
    shared = 20 * (s[4:] - 1) + 2 * (s[4:] - 20) * 9  # bars and sides, moved by one
    np.testing.assert_allclose(found.boundary_iou[4:], shared / (2 * ring - shared))
    # The lesson: IoU forgives a large object its pixel, boundary IoU doesn't.
    assert found.iou[-1] > 0.99
    assert found.boundary_iou[-1] < 0.91


def test_the_masks_own_size_is_the_mask_itself():
    y, x = np.ogrid[:64, :80]
    mask = ((y - 30) ** 2 + (x - 33) ** 2 < 200) & (x > 27)
    moved = np.roll(mask, 1, 1)
    found = shifted(mask, [int(max(np.ptp(where) + 1 for where in np.nonzero(mask)))])
    cm = confusion_matrix(mask, moved, 2)
    assert [found.iou[0], found.dice[0]] == pytest.approx([iou(cm)[1], dice(cm)[1]])
    assert found.boundary_iou[0] == pytest.approx(boundary_iou(mask, moved))


def test_thin_one_pixel_and_wrong_masks():
    line = np.zeros((50, 50))
    line[10, 5:45] = 1
    assert shifted(line, [1, 4, 40]).iou.tolist() == pytest.approx([0, 3 / 5, 39 / 41])
    one = np.zeros((9, 9))
    one[4, 4] = 1
    assert shifted(one, [1, 3]).iou.tolist() == [0, 0.5]
    cross = np.eye(40)[::-1]
    assert (shifted(cross, [1, 2, 3]).iou < 1).all()  # never empty, however small
    assert shifted(one, []).iou.shape == (0,)
    with pytest.raises(ValueError, match="mask is empty"):
        shifted(np.zeros((5, 5)), [3])
    with pytest.raises(ValueError, match=r"got \[3, 0\]"):
        shifted(one, [3, 0])
