"""Average precision against pycocotools, the DSB score against the best possible matching, and both by hand."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.optimize import linear_sum_assignment

from seglab.metrics.average_precision import (
    THRESHOLDS,
    average_precision,
    detections,
    kaggle_score,
    object_counts,
    pooled_score,
)
from seglab.types import Crop, InstanceResult, Palette

SIZE = (40, 50)


def palette(k):
    return Palette(f"{k} classes", tuple("abcdefgh"[:k]), tuple((n, n, n) for n in range(k)), things=tuple(range(k)))


def instances(objects, k=1, size=SIZE):
    """Objects as (class, score, top, left, mask)."""
    return InstanceResult(
        np.zeros((len(objects), 4), np.float32),
        np.array([c for c, *_ in objects], np.int64),
        np.array([score for _, score, *_ in objects], np.float32),
        tuple(Crop.of(np.asarray(mask, bool), top, left) for _, _, top, left, mask in objects),
        size,
        palette(k),
    )


def bars(*objects):
    """Objects as (score, left, width), all ten pixels high: their IoUs are those of intervals."""
    return instances([(0, score, 0, left, np.ones((10, width))) for score, left, width in objects])


def pycocotools(pictures, k):
    """COCOeval's precision (10, 101, K) and its AP, AP50, AP75; NaN for its −1."""

    def entries(found, image, crowd):
        codes = [coco_mask.encode(np.asfortranarray(found.mask(i).astype(np.uint8))) for i in range(len(found))]
        return [
            {"image_id": image, "category_id": int(found.classes[i]), "segmentation": code, "iscrowd": int(i in crowd),
             "area": float(coco_mask.area(code)), "bbox": coco_mask.toBbox(code).tolist(),
             "score": float(found.scores[i])}
            for i, code in enumerate(codes)
        ]  # fmt: skip

    def index(lists):
        made = COCO()
        made.dataset = {
            "images": [{"id": n, "height": SIZE[0], "width": SIZE[1]} for n in range(len(lists))],
            "categories": [{"id": c} for c in range(k)],
            "annotations": [entry | {"id": n} for n, entry in enumerate([e for es in lists for e in es], 1)],
        }
        made.createIndex()
        return made

    with contextlib.redirect_stdout(io.StringIO()):
        truth = index([entries(t, n, crowd) for n, (_, t, crowd) in enumerate(pictures)])
        pred = index([entries(p, n, ()) for n, (p, *_) in enumerate(pictures)])
        made = COCOeval(truth, pred, "segm")
        made.evaluate()
        made.accumulate()
        made.summarize()
    precision = made.eval["precision"][..., 0, -1]  # all sizes, 100 detections
    return np.where(precision < 0, np.nan, precision), np.where(made.stats[:3] < 0, np.nan, made.stats[:3])


def check(pictures, k):
    got = average_precision([detections(*picture) for picture in pictures])
    precision, (ap, ap50, ap75) = pycocotools(pictures, k)
    np.testing.assert_allclose(got.precision, precision, atol=1e-9)
    np.testing.assert_allclose([got.ap, got.ap50, got.ap75], [ap, ap50, ap75], atol=1e-9)
    np.testing.assert_allclose(got.per_class, precision.mean((0, 1)), atol=1e-9)
    return got


def random_picture(rng, k, most=8):
    """Truth, and what was found of it: moved, nibbled at, missing, doubled, wrong; scores with ties; some crowds."""
    true, found = [], []
    for _ in range(rng.integers(0, most)):
        (h, w), c = rng.integers(4, 15, 2), int(rng.integers(0, k))
        top, left = int(rng.integers(0, SIZE[0] - h)), int(rng.integers(0, SIZE[1] - w))
        mask = rng.random((h, w)) < 0.95
        true.append((c, 1.0, top, left, mask))
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            t = int(np.clip(top + rng.integers(-2, 3), 0, SIZE[0] - h))
            moved = mask & (rng.random((h, w)) < rng.choice([0.6, 0.9, 1]))
            label = c if rng.random() < 0.9 else int(rng.integers(0, k))
            found.append((label, round(float(rng.random()), 1), t, left, moved))
    for _ in range(rng.integers(0, 4)):
        found.append((int(rng.integers(0, k)), float(rng.random()), 3, 5, np.ones((9, 9))))
    crowd = {i for i in range(len(true)) if rng.random() < 0.2}
    return instances(found, k), instances(true, k), crowd


@pytest.mark.parametrize("seed", range(12))
def test_it_is_pycocotools(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 5))
    got = check([random_picture(rng, k) for _ in range(6)], k)
    assert 0 < got.ap < 1


@pytest.mark.parametrize(
    "pictures",
    [
        [(bars(), bars(), ())],
        [(bars(), bars((1, 0, 10)), ())],
        [(bars((0.9, 0, 10)), bars(), ())],
        [(bars((0.9, 0, 10)), bars((1, 0, 10)), ())],
        [(bars((0.9, 0, 10)), bars((1, 0, 10)), {0})],  # nothing but a crowd
        [(bars((0.9, 0, 5), (0.8, 5, 5), (0.7, 20, 9)), bars((1, 0, 10), (1, 20, 10)), {0})],  # a crowd takes both
        [(bars((0.9, 0, 10)), bars((1, 0, 10), (1, 0, 10)), {1})],  # a single object before a crowd
        [(bars((0.9, 0, 10), (0.8, 1, 10)), bars((1, 0, 10), (1, 0, 10)), ())],  # the same object twice
        [(bars((0.9, 2, 10), (0.8, 4, 10)), bars((1, 0, 10), (1, 4, 10)), ())],  # equal IoUs: the last is taken
        [(bars((0.9, 2, 10), (0.8, 0, 10)), bars((1, 0, 10)), ())],  # the better score takes it
        [(bars((0.5, 0, 10), (0.5, 30, 10)), bars((1, 0, 10)), ()), (bars((0.5, 0, 10)), bars((1, 5, 10)), ())],
        [(instances([(0, 0.9, 0, 0, np.zeros((3, 3)))]), bars((1, 0, 3)), ())],  # an empty mask
    ],
)
def test_cases_by_hand_are_pycocotools_too(pictures):
    check(pictures, 1)


def test_a_hundred_of_a_class_count():
    wrong = [(0.9, 20, 5)] * 100
    pictures = [(bars(*wrong, (0.1, 0, 10)), bars((1, 0, 10)), ())]
    assert check(pictures, 1).ap == 0
    pictures = [(bars(*wrong[1:], (0.1, 0, 10)), bars((1, 0, 10)), ())]
    assert check(pictures, 1).ap == pytest.approx(0.01)


def test_average_precision_by_hand():
    # Ranked: right (IoU 9/11 = 0.82), wrong, right (IoU 1), of four: recall ¼ at precision 1, then ½ at 2/3.
    pred = bars((0.9, 1, 10), (0.8, 45, 5), (0.7, 20, 5))
    truth = bars((1, 0, 10), (1, 20, 5), (1, 30, 5), (1, 36, 4))
    got = average_precision([detections(pred, truth)])
    loose, strict = (26 + 25 * 2 / 3) / 101, 26 / 3 / 101  # 0.82 is enough up to 0.80
    np.testing.assert_allclose(got.precision.mean(1)[:, 0], [loose] * 7 + [strict] * 3)
    assert got.ap50 == got.ap75 == pytest.approx(loose)
    assert got.ap == pytest.approx(0.7 * loose + 0.3 * strict)


def test_a_class_without_truth_is_skipped():
    def two(*objects):
        return instances([(c, s, 0, left, np.ones((9, 9))) for c, s, left in objects], 3)

    got = average_precision([detections(two((0, 0.9, 0), (1, 0.8, 20)), two((0, 1, 0), (2, 1, 30)))])
    np.testing.assert_allclose(got.per_class, [1, np.nan, 0])
    assert got.ap == 0.5
    # a palette that goes on for longer: what is found there has no truth
    longer = detections(two((0, 0.9, 0), (2, 0.8, 20)), instances([(0, 1.0, 0, 0, np.ones((9, 9)))], 1))
    assert average_precision([longer]).ap == 1


def test_wrong_input_is_explained():
    with pytest.raises(ValueError, match="no picture"):
        average_precision([])
    with pytest.raises(ValueError, match="one picture and in the same classes"):
        detections(instances([]), instances([], 2))
    with pytest.raises(ValueError, match="one picture and in the same classes"):
        detections(instances([]), instances([], size=(3, 3)))
    with pytest.raises(ValueError, match="same classes"):
        average_precision([detections(instances([], k), instances([], k)) for k in (1, 2)])


# --- DSB score --------------------------------------------------------------------------------------------------------


def best_matching(pred, truth):
    """TP at each threshold by the best one-to-one assignment, objects taken as whole masks."""
    p, t = ([ids == i for i in np.unique(ids) if i] for ids in (pred, truth))
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in t] for a in p]).reshape(len(p), len(t))
    found = []
    for threshold in THRESHOLDS:
        rows, columns = linear_sum_assignment(iou > threshold, maximize=True)
        found.append(int((iou[rows, columns] > threshold).sum()))
    return np.array(found), len(p), len(t)


@pytest.mark.parametrize("seed", range(10))
def test_counts_are_those_of_the_best_matching(seed):
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.integers(0, 9, (5, 6)), np.ones((6, 5), int)).astype(np.uint16)
    pred = np.where(rng.random(truth.shape) < 0.15 * (seed % 3), 0, np.roll(truth, rng.integers(0, 2, 2), (0, 1)))
    pred[:6] = 300
    counts = object_counts(pred, truth)
    tp, found, true = best_matching(pred, truth)
    np.testing.assert_array_equal(counts.tp, tp)
    np.testing.assert_array_equal(counts.tp + counts.fp, found)
    np.testing.assert_array_equal(counts.tp + counts.fn, true)
    assert tp[0] > 0


def test_dsb_score_by_hand():
    truth = np.array([[1] * 10 + [0] * 2 + [2] * 4])
    first = object_counts(np.array([[7] * 8 + [0] * 4 + [9] * 2 + [8] * 2]), truth)  # IoU 0.8, and exactly ½ twice
    np.testing.assert_array_equal(first.tp, [1] * 6 + [0] * 4)
    np.testing.assert_array_equal(first.fp, [2] * 6 + [3] * 4)
    np.testing.assert_array_equal(first.fn, [1] * 6 + [2] * 4)
    assert first.scores[4] == pytest.approx(1 / 4)  # at 0.7
    second = object_counts(truth, truth)
    assert second.scores.tolist() == [1] * 10
    empty = object_counts(np.zeros((3, 3), int), np.zeros((3, 3), int))
    assert np.isnan(empty.scores).all()
    pictures = [first, second, empty]
    np.testing.assert_allclose(pooled_score(pictures), [3 / 6] * 6 + [2 / 7] * 4)
    np.testing.assert_allclose(kaggle_score(pictures), [(1 / 4 + 1) / 2] * 6 + [(0 + 1) / 2] * 4)
    assert np.isnan(kaggle_score([empty])).all()
    for score in (pooled_score, kaggle_score):
        with pytest.raises(ValueError, match="no picture"):
            score([])


def test_objects_that_are_found_instances_with_the_better_on_top():
    found = bars((0.9, 0, 10), (0.8, 5, 10))
    counts = object_counts(found.ids(), bars((1, 0, 10), (1, 10, 5)).ids())
    assert counts.scores.tolist() == [1.0] * 10
