"""`CONVENTIONS` against the libraries they speak of, on pictures with absent, missed and falsely found classes."""

import warnings

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from monai.metrics import DiceMetric, MeanIoU
from sklearn.metrics import f1_score, jaccard_score
from torchmetrics.classification import BinaryJaccardIndex, MulticlassJaccardIndex
from torchmetrics.segmentation import DiceScore
from torchmetrics.segmentation import MeanIoU as TorchmetricsMeanIoU

from seglab.metrics.conventions import CONVENTIONS, Scores

BY_KEY = {convention.key: convention for convention in CONVENTIONS}
warnings.filterwarnings("ignore", module="monai|torchmetrics|sklearn")


def pictures(name):
    """(truth, prediction, K), of (N, H, W): of all the cases that libraries treat differently, some."""
    dice = np.random.default_rng(0)
    if name == "random":
        truth = np.kron(dice.integers(0, 6, (4, 3, 4)), np.ones((1, 6, 5), int)).astype(np.int64)
        return truth, np.where(dice.random(truth.shape) < 0.3, dice.integers(0, 6, truth.shape), truth), 7  # 6: absent
    if name == "one missed, one false":
        truth = np.zeros((3, 4, 4), np.int64)
        pred = truth.copy()
        truth[0, :2], pred[0, :1] = 1, 1  # found in part
        truth[1, 0], pred[1, 1] = 2, 3  # missed, and something else that the truth has nowhere
        return truth, pred, 5
    masks = {
        "object": ([[1, 1], [0, 0]], [[1, 0], [1, 0]]), "both empty": ([[0, 0]], [[0, 0]]),
        "only predicted": ([[0, 0]], [[0, 1]]), "only true": ([[0, 1]], [[0, 0]]), "both full": ([[1]], [[1]]),
    }  # fmt: skip
    truth, pred = masks[name]
    return np.array([truth]), np.array([pred]), 2


CASES = ("random", "one missed, one false", "object", "both empty", "only predicted", "only true", "both full")
BINARY = CASES[2:]


def one_hot(labels, k):
    return torch.nn.functional.one_hot(torch.from_numpy(labels), k).movedim(-1, 1)


def torchmetrics_jaccard(truth, pred, k):
    t, p = torch.from_numpy(truth), torch.from_numpy(pred)
    each, macro = (MulticlassJaccardIndex(k, average=average)(p, t) for average in ("none", "macro"))
    return each, macro


def torchmetrics_mean_iou(truth, pred, k):
    t, p = torch.from_numpy(truth), torch.from_numpy(pred)
    answers = []
    for per_class in (True, False):
        metric = TorchmetricsMeanIoU(k, per_class=per_class, input_format="index")
        for picture in range(len(t)):  # one by one, as batches come
            metric.update(p[picture : picture + 1], t[picture : picture + 1])
        answers.append(metric.compute())
    return answers


def torchmetrics_dice(truth, pred, k):
    metric = DiceScore(k, average="macro", input_format="index")
    metric.update(torch.from_numpy(pred), torch.from_numpy(truth))
    return None, metric.compute()


def smp_iou(truth, pred, k, reduction, ignore=None):
    stats = smp.metrics.get_stats(
        torch.from_numpy(pred).long(), torch.from_numpy(truth).long(), mode="multiclass", num_classes=k,
        ignore_index=ignore,
    )  # fmt: skip
    each = smp.metrics.iou_score(*(s.sum(0, keepdim=True) for s in stats), reduction=None)[0]
    return each, smp.metrics.iou_score(*stats, reduction=reduction)


def sklearn(score, truth, pred, k, **kwargs):
    flat = truth.ravel(), pred.ravel()
    return [score(*flat, labels=range(k), average=average, **kwargs) for average in (None, "macro")]


def monai(metric, truth, pred, k):
    metric(one_hot(pred, k), one_hot(truth, k))
    each = metric.get_buffer().numpy()
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(each, axis=0), metric.aggregate("mean")


ORACLES = {
    "torchmetrics_jaccard": torchmetrics_jaccard,
    "torchmetrics_mean_iou": torchmetrics_mean_iou,
    "torchmetrics_dice": torchmetrics_dice,
    "smp_macro": lambda *case: smp_iou(*case, "macro"),
    "smp_imagewise": lambda *case: (None, smp_iou(*case, "macro-imagewise")[1]),
    "smp_micro": lambda *case: smp_iou(*case, "micro"),
    "sklearn": lambda *case: sklearn(jaccard_score, *case, zero_division=0),
    "sklearn_dice": lambda *case: sklearn(f1_score, *case, zero_division=1),
    "monai_iou": lambda *case: monai(MeanIoU(reduction="none"), *case),
    "monai_iou_empty": lambda *case: monai(MeanIoU(reduction="none", ignore_empty=False), *case),
    "monai_foreground": lambda *case: monai(MeanIoU(reduction="none", include_background=False), *case),
    "monai_dice": lambda *case: monai(DiceMetric(reduction="none"), *case),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("key", ORACLES)
def test_a_convention_is_its_library(key, case):
    truth, pred, k = pictures(case)
    each, mean = ORACLES[key](truth, pred, k)
    ours = BY_KEY[key].function(truth, pred, k)
    if each is not None:
        kept = ours.per_class[1:] if "foreground" in key else ours.per_class
        np.testing.assert_allclose(kept, np.asarray(each), rtol=1e-5)
    if not ("monai" in key and np.isnan(ours.mean)):  # MONAI reduces nothing at all to 0; NaN says that it is nothing
        assert ours.mean == pytest.approx(float(mean), rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("case", BINARY)
def test_the_foreground_alone(case):
    truth, pred, _ = pictures(case)
    t, p = torch.from_numpy(truth), torch.from_numpy(pred)
    zero, one = (BY_KEY[key].function(truth, pred, 2).mean for key in ("foreground_zero", "foreground_one"))
    assert zero == pytest.approx(float(BinaryJaccardIndex()(p, t)))
    assert zero == pytest.approx(jaccard_score(truth.ravel(), pred.ravel(), zero_division=0))
    stats = smp.metrics.get_stats(p[:, None], t[:, None], mode="binary")
    assert one == pytest.approx(float(smp.metrics.iou_score(*stats, reduction="macro")))


def test_unlabelled_pixels_without_and_with_an_ignore_index():
    truth, pred, k = pictures("random")
    truth = np.where(np.random.default_rng(1).random(truth.shape) < 0.2, 255, truth)
    without, dropped, background = (
        BY_KEY[key].function(truth, pred, k) for key in ("ignored_own_class", "smp_macro", "ignored_background")
    )
    for ours, ignore in ((without, None), (dropped, 255)):
        each, mean = smp_iou(truth, pred, k, "macro", ignore)
        np.testing.assert_allclose(ours.per_class, each, rtol=1e-5)
        assert ours.mean == pytest.approx(float(mean), rel=1e-5)
    each, _ = sklearn(jaccard_score, np.where(truth == 255, 0, truth), pred, k - 1, zero_division=0)
    np.testing.assert_allclose(background.per_class, [*each, np.nan])
    assert len({round(x.mean, 6) for x in (without, dropped, background)}) == 3


def test_they_differ_where_it_is_said():
    truth, pred, k = pictures("both empty")
    shown = {key: BY_KEY[key].function(truth, pred, k).per_class[1] for key in BY_KEY}
    assert [shown[key] for key in ("torchmetrics_mean_iou", "sklearn", "smp_macro")] == [-1, 0, 1]
    assert np.isnan(shown["seglab"])
    truth, pred, k = pictures("one missed, one false")
    means = [c.function(truth, pred, k).mean for c in CONVENTIONS if "dice" not in c.key]
    assert max(means) - min(means) > 0.5  # the very same pictures


def test_the_table():
    assert len(BY_KEY) == len(CONVENTIONS)
    for convention in CONVENTIONS:
        answer = convention.function(np.array([[0, 1]]), np.array([[0, 0]]), 2)  # one picture, (H, W)
        assert isinstance(answer, Scores)
        assert answer.per_class.shape == (2,)
        assert convention.says.endswith(".")
    covered = {*ORACLES, "foreground_zero", "foreground_one", "ignored_own_class", "ignored_background"}
    assert set(BY_KEY) - covered == {"seglab", "seglab_dice", "pictures"}  # ours; test_metrics_scores


def test_our_own_means_by_hand():
    truth, pred = np.array([[[1, 1]], [[0, 0]]]), np.array([[[1, 0]], [[0, 0]]])
    assert BY_KEY["seglab"].function(truth, pred, 3).mean == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert BY_KEY["seglab_dice"].function(truth, pred, 3).mean == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert BY_KEY["pictures"].function(truth, pred, 3).mean == pytest.approx(((0 + 1 / 2) / 2 + 1) / 2)


@pytest.mark.parametrize(
    ("truth", "pred", "says"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 3), int), "one shape"),
        (np.zeros(4, int), np.zeros(4, int), r"\(H, W\) or \(N, H, W\)"),
        (np.zeros((0, 2, 2), int), np.zeros((0, 2, 2), int), "at least one picture"),
        (np.full((2, 2), np.nan), np.zeros((2, 2), int), "integer"),
        (np.full((2, 2), 7), np.zeros((2, 2), int), "truth holds the value 7"),
    ],
)
@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.key)
def test_wrong_input_is_explained(convention, truth, pred, says):
    with pytest.raises(ValueError, match=says):
        convention.function(truth, pred, 3)
