"""All that follows from one confusion matrix, against torchmetrics, segmentation_models_pytorch and scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
import torchmetrics.functional.classification as tm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

from seglab.metrics import scores
from seglab.metrics.confusion import confusion_matrix, counts, iou, mean_iou, pixel_accuracy

SHIPS = json.loads((Path(__file__).parent / "golden" / "lecture_examples.json").read_text())["ships"]
PER_CLASS = {
    "precision": scores.precision, "recall": scores.recall, "specificity": scores.specificity, "dice": scores.dice,
    "iou": iou,
}  # fmt: skip


def regions(seed, k, shape=(37, 53), cell=7):
    """Random label maps of blocks, (truth, prediction): most of it agrees."""
    dice = np.random.default_rng(seed)
    small = dice.integers(0, k, (shape[0] // cell + 1, shape[1] // cell + 1))
    truth = np.kron(small, np.ones((cell, cell), int))[: shape[0], : shape[1]].astype(np.uint8)
    return truth, np.where(dice.random(shape) < 0.3, dice.integers(0, k, shape), truth).astype(np.uint8)


@pytest.fixture(params=[2, 3, 21])
def maps(request):
    return request.param, *regions(0, request.param, (70, 90), 5)


def test_every_class_against_scikit_learn_smp_and_torchmetrics(maps):
    k, truth, pred = maps
    cm = confusion_matrix(truth, pred, k)
    assert not any(np.isnan(score(cm)).any() for score in PER_CLASS.values())
    flat, every = (truth.ravel(), pred.ravel()), {"labels": range(k), "average": None, "zero_division": 0}
    np.testing.assert_allclose(scores.precision(cm), precision_score(*flat, **every))
    np.testing.assert_allclose(scores.recall(cm), recall_score(*flat, **every))
    np.testing.assert_allclose(scores.dice(cm), f1_score(*flat, **every))
    assert scores.mean_pixel_accuracy(cm) == pytest.approx(balanced_accuracy_score(*flat))

    a, b = torch.from_numpy(pred), torch.from_numpy(truth)
    theirs = {
        "precision": tm.multiclass_precision, "recall": tm.multiclass_recall, "specificity": tm.multiclass_specificity,
        "dice": tm.multiclass_f1_score, "iou": tm.multiclass_jaccard_index,
    }  # fmt: skip
    for name, function in theirs.items():
        expected = function(a, b, num_classes=k, average="none").numpy()
        np.testing.assert_allclose(PER_CLASS[name](cm), expected, rtol=1e-5, err_msg=name)
        macro = float(function(a, b, num_classes=k, average="macro"))
        assert scores.mean(PER_CLASS[name](cm)) == pytest.approx(macro, rel=1e-5), name

    stats = smp.metrics.get_stats(a[None].long(), b[None].long(), mode="multiclass", num_classes=k)
    for ours, expected in zip(counts(cm), stats, strict=True):
        np.testing.assert_array_equal(ours, expected[0])
    for name, function in {"specificity": smp.metrics.specificity, "iou": smp.metrics.iou_score}.items():
        np.testing.assert_allclose(PER_CLASS[name](cm), function(*stats)[0], rtol=1e-5)


def test_frequency_weighted_iou_is_torchmetrics_weighted_jaccard(maps):
    k, truth, pred = maps
    expected = tm.multiclass_jaccard_index(torch.from_numpy(pred), torch.from_numpy(truth), k, average="weighted")
    assert scores.frequency_weighted_iou(confusion_matrix(truth, pred, k)) == pytest.approx(float(expected), rel=1e-5)


def test_ships_of_the_lecture():
    truth = np.zeros(SHIPS["pixels"], bool)
    truth[: SHIPS["ship_pixels"]] = True
    cm = confusion_matrix(truth, np.zeros_like(truth), 2)
    assert pixel_accuracy(cm) == SHIPS["pixel_accuracy"] == 0.95
    assert mean_iou(cm) == SHIPS["mean_iou"] == 0.475
    assert scores.mean_pixel_accuracy(cm) == SHIPS["mean_pixel_accuracy"] == 0.5
    np.testing.assert_allclose(scores.dice(cm), [SHIPS["dice"]["background"], SHIPS["dice"]["ship"]], atol=5e-7)
    assert scores.mean(scores.dice(cm)) == pytest.approx(SHIPS["mean_dice"], abs=5e-7)
    assert f"{scores.mean(scores.dice(cm)):.1%}" == "48.7%"  # the slide prints 48.5 %


def test_an_absent_class_is_undefined_but_for_its_specificity():
    cm = confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3)
    for name, score in PER_CLASS.items():
        assert (score(cm)[2] == 1) if name == "specificity" else np.isnan(score(cm)[2]), name
    assert scores.mean_specificity(cm) == pytest.approx(np.mean([1, 0.5]))


@pytest.mark.parametrize(
    ("absent", "value"), [("skip", 0.7), ("minus one", 0.4 / 3), ("zero", 1.4 / 3), ("one", 2.4 / 3)]
)
def test_what_an_absent_class_counts_is_named(absent, value):
    assert scores.mean(np.array([0.9, 0.5, np.nan]), absent) == pytest.approx(value)


def test_no_class_at_all_and_unknown_names():
    assert np.isnan(scores.mean(np.full(3, np.nan)))
    assert scores.mean(np.full(3, np.nan), "one") == 1
    with pytest.raises(ValueError, match="'skip', 'minus one', 'zero', 'one'; got 'two'"):
        scores.mean(np.array([np.nan]), "two")
    with pytest.raises(ValueError, match="'own class' or 'background'; got 'void'"):
        confusion_matrix(np.array([0]), np.array([0]), 2, ignored="void")
    with pytest.raises(ValueError, match=r"got \(3, 2\)"):
        counts(np.zeros((3, 2), np.int64))
    with pytest.raises(ValueError, match=r"got \(4,\)"):
        scores.frequency_weighted_iou(np.zeros(4, np.int64))


def test_nothing_labelled_is_nan_everywhere_without_a_warning(recwarn):
    cm = confusion_matrix(np.full((2, 2), 255, np.uint8), np.zeros((2, 2), np.uint8), 3)
    for score in PER_CLASS.values():
        assert np.isnan(score(cm)).all()
    for score in (scores.mean_pixel_accuracy, scores.mean_specificity, scores.frequency_weighted_iou):
        assert np.isnan(score(cm))
    assert not recwarn.list


@pytest.mark.parametrize(("truth", "pred"), [(0, 0), (1, 1), (0, 1), (1, 0)])
def test_all_empty_and_all_full_masks(truth, pred):
    cm = confusion_matrix(np.full((5, 5), bool(truth)), np.full((5, 5), bool(pred)), 2)
    same = truth == pred
    occurs = {truth, pred}
    expected = [(1.0 if same else 0.0) if k in occurs else np.nan for k in (0, 1)]
    np.testing.assert_array_equal(iou(cm), expected)
    np.testing.assert_array_equal(scores.dice(cm), expected)
    assert scores.frequency_weighted_iou(cm) == pixel_accuracy(cm) == scores.mean_pixel_accuracy(cm) == same


def test_unlabelled_pixels_dropped_as_a_class_or_as_background():
    truth, pred = np.array([0, 1, 255, 255, 255]), np.array([0, 1, 0, 1, 255])
    np.testing.assert_array_equal(confusion_matrix(truth, pred, 2), [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(confusion_matrix(truth, pred, 2, ignored="background"), [[2, 1, 1], [0, 1, 0]])
    own = confusion_matrix(truth, pred, 2, ignored="own class")
    np.testing.assert_array_equal(own, [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 1]])
    np.testing.assert_array_equal(iou(own), [0.5, 0.5, 0])


def test_an_unsure_pixel_is_a_miss_of_its_class_alone():
    c = counts(confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 255]), 2))
    assert [x.tolist() for x in c] == [[1, 1], [0, 0], [0, 1], [2, 1]]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 20]))
def test_counting_runs_is_counting_pixels(seed, k, height, width, cell):
    truth, pred = regions(seed, k, (height, width), cell)
    truth[np.random.default_rng(seed).random(truth.shape) < 0.05] = 255
    expected = np.zeros((k, k + 1), np.int64)
    np.add.at(expected, (truth[truth < 255], pred[truth < 255]), 1)
    np.testing.assert_array_equal(confusion_matrix(truth, pred, k), expected)


def test_both_ways_to_count_are_taken_and_agree():
    truth = np.kron(np.arange(4).reshape(2, 2), np.ones((50, 50))).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 4, truth.shape, np.uint8)
    for pred in (truth, np.roll(truth, 3, 1), noise, truth.T):
        cm = confusion_matrix(truth, pred, 4)
        np.testing.assert_array_equal(cm[:, :4], np.histogram2d(truth.ravel(), pred.ravel(), bins=range(5))[0])
    assert not confusion_matrix(np.zeros((0, 3), int), np.zeros((0, 3), int), 2).any()


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_the_identity_of_dice_and_iou(four):
    cm = np.array(four).reshape(2, 2)
    np.testing.assert_allclose(scores.dice_from_iou(iou(cm)), scores.dice(cm))
    with np.errstate(invalid="ignore", divide="ignore"):
        p, r = scores.precision(cm), scores.recall(cm)
        harmonic = 2 / (1 / p + 1 / r)
    known = ~np.isnan(harmonic)
    np.testing.assert_allclose(scores.dice(cm)[known], harmonic[known])
