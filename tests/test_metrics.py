"""Metrics against scikit-learn, the lecture's numbers and sums by hand."""

import json
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, jaccard_score
from sklearn.metrics import confusion_matrix as sklearn_matrix

from seglab.metrics.confusion import confusion_matrix, iou, mean_iou, pixel_accuracy

GOLDEN = json.loads((Path(__file__).parent / "golden" / "lecture_examples.json").read_text())


@pytest.fixture(params=[2, 11, 21, 255])
def maps(request):
    rng = np.random.default_rng(request.param)
    k = request.param
    return k, rng.integers(0, k, (60, 80), np.uint8), rng.integers(0, k, (60, 80), np.uint8)


def test_matrix_and_scores_equal_scikit_learn(maps):
    k, target, pred = maps
    cm = confusion_matrix(target, pred, k)
    assert cm.shape == (k, k + 1)
    assert cm.dtype == np.int64
    np.testing.assert_array_equal(cm[:, :k], sklearn_matrix(target.ravel(), pred.ravel(), labels=range(k)))
    np.testing.assert_array_equal(cm[:, k], 0)
    reference = jaccard_score(target.ravel(), pred.ravel(), labels=range(k), average=None)
    np.testing.assert_allclose(iou(cm), reference)
    assert mean_iou(cm) == pytest.approx(reference.mean())
    assert pixel_accuracy(cm) == pytest.approx(accuracy_score(target.ravel(), pred.ravel()))


def test_unlabelled_pixels_count_nowhere_and_unsure_ones_are_misses(maps):
    k, target, pred = maps
    rng = np.random.default_rng(1)
    if k < 255:
        target = np.where(rng.random(target.shape) < 0.1, np.uint8(255), target)
    pred = np.where(rng.random(pred.shape) < 0.2, np.uint8(255), pred)
    keep = target != 255
    # scikit-learn has no "unsure": there it is one more class, k, that the truth never holds.
    t, p = target[keep].astype(int), np.where(pred[keep] == 255, k, pred[keep])
    cm = confusion_matrix(target, pred, k)
    np.testing.assert_array_equal(cm, sklearn_matrix(t, p, labels=range(k + 1))[:k])
    np.testing.assert_allclose(iou(cm), jaccard_score(t, p, labels=range(k), average=None))
    assert pixel_accuracy(cm) == pytest.approx(accuracy_score(t, p))


def test_ships_of_the_lecture():
    ships = GOLDEN["ships"]
    target = np.zeros(ships["pixels"], np.uint8)
    target[: ships["ship_pixels"]] = 1
    cm = confusion_matrix(target, np.zeros_like(target), 2)
    assert pixel_accuracy(cm) == pytest.approx(ships["pixel_accuracy"])
    np.testing.assert_allclose(iou(cm), [ships["iou"]["background"], ships["iou"]["ship"]])
    assert mean_iou(cm) == pytest.approx(ships["mean_iou"])


def test_absent_class_is_nan_and_skipped_but_a_false_alarm_is_zero():
    cm = confusion_matrix(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]), 3)
    np.testing.assert_array_equal(iou(cm), [0.75, 0.0, np.nan])
    assert mean_iou(cm) == pytest.approx(0.375)


def test_nothing_labelled_is_nan_without_a_warning(recwarn):
    cm = confusion_matrix(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8), 3)
    assert not cm.any()
    assert np.isnan(mean_iou(cm))
    assert np.isnan(pixel_accuracy(cm))
    assert not recwarn.list


def test_matrices_add_up_over_pictures():
    rng = np.random.default_rng(3)
    target, pred = rng.integers(0, 5, (2, 4, 30, 40), np.uint8)
    parts = sum(confusion_matrix(t, p, 5) for t, p in zip(target, pred, strict=True))
    np.testing.assert_array_equal(parts, confusion_matrix(target, pred, 5))


def test_own_ignore_index_and_wider_integers():
    target = np.array([[0, 1, 11]], np.int64)
    pred = np.array([[0, 255, 1]], np.int32)
    np.testing.assert_array_equal(confusion_matrix(target, pred, 2, ignore_index=11), [[1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("target", "pred", "n_classes", "ignore", "says"),
    [
        ([0, 1], [0], 2, 255, "one shape"),
        ([0, 7], [0, 1], 2, 255, "truth holds the value 7"),
        ([0, 1], [0, 9], 2, 255, "prediction holds the value 9"),
        ([0, 256], [0, 1], 2, 255, "0 to 256"),
        ([0, -1], [0, 1], 2, 255, "-1 to 0"),
        ([0.5, 1], [0, 1], 2, 255, "integer"),
        ([0, 1], [0, 1], 2, 1, "ignore_index is 1"),
        ([0, 1], [0, 1], 256, 255, "n_classes"),
    ],
)
def test_wrong_input_is_explained(target, pred, n_classes, ignore, says):
    with pytest.raises(ValueError, match=says):
        confusion_matrix(np.array(target), np.array(pred), n_classes, ignore)


def test_a_matrix_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"got \(3, 2\)"):
        iou(np.zeros((3, 2), np.int64))


def test_inputs_stay_as_they_were(maps):
    k, target, pred = maps
    before = target.copy(), pred.copy()
    target.setflags(write=False)
    pred.setflags(write=False)
    confusion_matrix(target, pred, k)
    np.testing.assert_array_equal(target, before[0])
    np.testing.assert_array_equal(pred, before[1])


def test_a_full_hd_picture_is_counted_in_milliseconds():
    rng = np.random.default_rng(0)
    target, pred = np.kron(rng.integers(0, 21, (2, 54, 96), np.uint8), np.ones((20, 20), np.uint8))
    times = []
    for _ in range(5):
        start = process_time()
        confusion_matrix(target, pred, 21)
        times.append(process_time() - start)
    assert median(times) < 0.05  # some 5 ms; torchmetrics takes 51; the rest is for a busy machine
