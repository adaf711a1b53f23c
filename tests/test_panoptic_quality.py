"""Panoptic quality against torchmetrics, COCO's rules written down naively, and by hand; overlaps by whole masks."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.detection import panoptic_quality as torchmetrics_quality

from seglab.bench import against
from seglab.bench import panoptic as bench
from seglab.bench.sides import Timing
from seglab.metrics.matching import areas, boxes, intersections, pairs
from seglab.metrics.panoptic import Match, PanopticSums, panoptic_quality
from seglab.types import Crop, Palette, PanopticResult, Segment

PALETTE = Palette("four", ("sky", "road", "car", "person"), ((1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)), things=(2, 3))
SKY, ROAD, CAR, PERSON = range(4)


def result(ids, labels, palette=PALETTE):
    """A map of ids and the class of each id, {id: class}; ids that don't occur are left out."""
    ids = np.atleast_2d(np.array(ids, np.int32))
    segments = [
        Segment(i, k, k in palette.things, int((ids == i).sum())) for i, k in labels.items() if (ids == i).any()
    ]
    return PanopticResult(ids, tuple(segments), palette)


def by_hand(*parts):
    """[(id, pixels), …] one after the other in a row."""
    return [i for i, n in parts for _ in range(n)]


def naive(pred, truth, crowd):
    """COCO's definition, segment by segment with whole masks: sums by class, matches, misses, false alarms, ignored."""
    void = truth.segment_ids == 0
    sums = np.zeros((len(pred.palette), 4))
    matches, ignored, alarms = [], [], []
    for p in pred.segments:
        mine = pred.segment_ids == p.id
        for t in truth.segments:
            its = truth.segment_ids == t.id
            iou = (mine & its).sum() / ((mine & ~void) | its).sum()
            if t.id not in crowd and t.label == p.label and iou > 0.5:
                matches.append((p.id, t.id, p.label, iou))
                sums[p.label] += iou, 1, 0, 0
    for p in pred.segments:
        if p.id not in {m[0] for m in matches}:
            mine = pred.segment_ids == p.id
            own_crowd = np.isin(
                truth.segment_ids, [t.id for t in truth.segments if t.id in crowd and t.label == p.label]
            )
            (ignored if (mine & (void | own_crowd)).sum() / mine.sum() > 0.5 else alarms).append(p.id)
            sums[p.label, 2] += p.id in alarms
    misses = [t for t in truth.segments if t.id not in crowd and t.id not in {m[1] for m in matches}]
    for t in misses:
        sums[t.label, 3] += 1
    return sums, matches, [t.id for t in misses], alarms, ignored


def check_naive(pred, truth, crowd=()):
    quality = panoptic_quality(pred, truth, crowd)
    sums, matches, misses, alarms, ignored = naive(pred, truth, crowd)
    got = quality.sums
    np.testing.assert_allclose(np.stack([got.iou, got.tp, got.fp, got.fn], 1), sums, atol=1e-12)
    assert [(m.pred, m.truth, m.label, m.iou) for m in quality.matches] == [pytest.approx(m) for m in matches]
    assert (quality.misses, quality.false_alarms, quality.ignored) == tuple(map(tuple, (misses, alarms, ignored)))
    return quality


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_the_numbers_of_a_picture_by_hand():
    truth = result(by_hand((1, 10), (2, 8), (3, 4), (4, 4)), {1: SKY, 2: CAR, 3: CAR, 4: PERSON})
    pred = result(by_hand((9, 12), (5, 6), (6, 4), (7, 4)), {9: SKY, 5: CAR, 6: PERSON, 7: PERSON})
    quality = check_naive(pred, truth)
    # sky: 10 of 12; car: 6 of 8 found, one missed; person: one found, one where a car is
    assert quality.matches == (Match(9, 1, SKY, 10 / 12), Match(5, 2, CAR, 6 / 8), Match(7, 4, PERSON, 1.0))
    assert (quality.misses, quality.false_alarms) == ((3,), (6,))
    sums = quality.sums
    np.testing.assert_allclose(sums.sq, [10 / 12, np.nan, 6 / 8, 1])
    np.testing.assert_allclose(sums.rq, [1, np.nan, 1 / 1.5, 1 / 1.5])
    np.testing.assert_allclose(sums.pq, [10 / 12, np.nan, 0.5, 2 / 3])
    everything, things, stuff = sums.average(), sums.average(things=True), sums.average(things=False)
    assert everything.pq == pytest.approx((10 / 12 + 0.5 + 2 / 3) / 3)
    assert (everything.classes, things.classes, stuff.classes) == (3, 2, 1)
    assert things.pq == pytest.approx((0.5 + 2 / 3) / 2)
    assert stuff.sq == pytest.approx(10 / 12)
    # averaged PQ isn't averaged SQ times averaged RQ
    assert everything.sq * everything.rq == pytest.approx((10 / 12 + 3 / 4 + 1) / 3 * (1 + 2 / 3 + 2 / 3) / 3)
    assert everything.sq * everything.rq - everything.pq > 0.003


def test_iou_of_exactly_a_half_is_no_match():
    truth, pred = result(by_hand((1, 4), (2, 2)), {1: CAR, 2: SKY}), result(by_hand((1, 2), (2, 4)), {1: CAR, 2: SKY})
    quality = check_naive(pred, truth)
    assert quality.matches == ()
    assert quality.sums.average().pq == 0
    assert quality.sums.sq[CAR] == 0


def test_void_of_the_truth_is_taken_out_of_the_union():
    truth = result(by_hand((1, 4), (0, 6)), {1: CAR})
    assert check_naive(result(by_hand((1, 10)), {1: CAR}), truth).matches[0].iou == 1
    # unmatched: more than half on void is ignored, exactly half is a false alarm
    quality = check_naive(result(by_hand((1, 2), (2, 4), (3, 4)), {1: ROAD, 2: PERSON, 3: CAR}), truth)
    assert (quality.ignored, quality.false_alarms, quality.misses) == ((3,), (1, 2), (1,))


def test_void_of_the_prediction_excuses_nothing():
    truth = result(by_hand((1, 10)), {1: CAR})
    assert check_naive(result(by_hand((1, 6), (0, 4)), {1: CAR}), truth).matches[0].iou == 0.6
    assert check_naive(result([0] * 10, {}), truth).misses == (1,)


def test_crowds_are_neither_found_nor_missed_and_excuse_their_own_class():
    truth = result(by_hand((1, 10), (2, 4)), {1: PERSON, 2: SKY})
    pred = result(by_hand((1, 6), (2, 4), (3, 4)), {1: PERSON, 2: CAR, 3: SKY})
    quality = check_naive(pred, truth, crowd={1})
    assert (quality.ignored, quality.false_alarms, quality.misses) == ((1,), (2,), ())
    assert quality.sums.fn.sum() == 0
    assert check_naive(pred, truth).matches[0].label == PERSON
    both = result(
        by_hand((1, 2), (2, 2), (3, 3)), {1: PERSON, 2: PERSON, 3: SKY}
    )  # two crowds of one class: both count
    assert check_naive(result(by_hand((1, 7)), {1: PERSON}), both, crowd={1, 2}).ignored == (1,)
    with pytest.raises(ValueError, match=r"crowd names segments .*\[5\]"):
        panoptic_quality(pred, truth, crowd={1, 5})


def test_nothing_at_all():
    empty = result([0, 0], {})
    sums = panoptic_quality(empty, empty).sums
    assert np.isnan([*sums.pq, *sums.sq, *sums.rq]).all()
    assert np.isnan(sums.average().pq)
    assert sums.average().classes == 0


def test_a_data_sets_score_is_that_of_the_sums():
    a, b = result(by_hand((1, 4), (2, 4)), {1: CAR, 2: SKY}), result(by_hand((1, 8)), {1: SKY})
    preds = result(by_hand((7, 8)), {7: CAR}), result(by_hand((7, 8)), {7: SKY})
    parts = [panoptic_quality(pred, truth).sums for pred, truth in zip(preds, (a, b), strict=True)]
    total = sum(parts, PanopticSums.zero(PALETTE))
    assert (total.tp.tolist(), total.fn.tolist(), total.fp.tolist()) == ([1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0])
    assert total.pq[SKY] == 1 / (1 + 0.5)  # the mean of the pictures' own, 0 and 1, would be less
    with pytest.raises(ValueError, match="same classes"):
        parts[0] + PanopticSums.zero(Palette("two", ("a", "b"), ((0, 0, 0), (1, 1, 1))))


def test_palettes_that_go_on_for_longer():
    longer = Palette("more", (*PALETTE.names, "dog"), (*PALETTE.colors, (5, 5, 5)), things=(2, 3, 4))
    truth = result(by_hand((1, 4), (2, 4)), {1: CAR, 2: SKY})
    pred = result(by_hand((1, 4), (2, 4)), {1: CAR, 2: 4}, longer)
    sums = panoptic_quality(pred, truth).sums
    np.testing.assert_allclose(sums.pq, [0, np.nan, 1, np.nan, 0])
    assert sums.things == (2, 3, 4)
    assert panoptic_quality(truth, pred).sums.fn.tolist() == [0, 0, 0, 0, 1]
    other = Palette("other", ("road", "sky", "car", "person"), PALETTE.colors)
    with pytest.raises(ValueError, match="same classes"):
        panoptic_quality(result(by_hand((1, 4), (2, 4)), {1: CAR, 2: SKY}, other), truth)
    with pytest.raises(ValueError, match="one shape"):
        panoptic_quality(result([1], {1: SKY}), truth)


# --- any input --------------------------------------------------------------------------------------------------------

MAPS = arrays(np.int32, (7, 9), elements=st.integers(0, 6))
CLASSES = st.lists(st.integers(0, 3), min_size=7, max_size=7)


@settings(deadline=None, max_examples=150, database=None)
@given(
    pred=MAPS, truth=MAPS, of_pred=CLASSES, of_truth=CLASSES, agree=st.floats(0, 1), crowd=st.sets(st.integers(1, 6))
)
@example(np.ones((7, 9), np.int32), np.ones((7, 9), np.int32), [0] * 7, [0] * 7, 1.0, {1})
def test_it_is_cocos_definition(pred, truth, of_pred, of_truth, agree, crowd):
    # Alike in a part of the picture, so that there are matches; ids are spread out, as COCO's are.
    pred[: round(7 * agree)] = truth[: round(7 * agree)]
    spread = np.array([0, 16_777_215, 3, 70_000, 9, 1, 255], np.int32)
    p = result(spread[pred], {int(spread[i]): of_pred[i] for i in range(1, 7)})
    t = result(spread[truth], {int(spread[i]): of_truth[i] for i in range(1, 7)})
    quality = check_naive(p, t, {segment.id for segment in t.segments} & {int(spread[i]) for i in crowd})
    everyone = [m.pred for m in quality.matches] + list(quality.false_alarms + quality.ignored)
    assert sorted(everyone) == sorted(segment.id for segment in p.segments)


@settings(deadline=None, max_examples=30, database=None)
@given(truth=MAPS, of_truth=CLASSES)
def test_compared_with_itself_it_is_one(truth, of_truth):
    t = result(truth, {i: of_truth[i] for i in range(1, 7)})
    quality = panoptic_quality(t, t)
    assert len(quality.matches) == len(t.segments)
    assert set(quality.sums.pq[~np.isnan(quality.sums.pq)]) <= {1.0}
    assert (quality.misses, quality.false_alarms, quality.ignored) == ((), (), ())


def random_result(ids, rng):
    """Ids 0 to 11 with random classes; all pixels of a stuff class are one segment, as they are in torchmetrics."""
    of = np.append(rng.integers(0, 4, 12), [SKY, ROAD])
    ids = np.where((of[ids] < 2) & (ids > 0), 12 + of[ids], ids)
    return ids, result(ids, {i: int(of[i]) for i in range(1, 14)})


def two_channels(found, void):
    """Class and instance of each pixel (1, H, W, 2), as torchmetrics takes them; `void` is the class of void pixels."""
    of = {segment.id: (segment.label, segment.id * segment.thing) for segment in found.segments} | {0: (void, 0)}
    return torch.tensor([[[of[i] for i in row] for row in found.segment_ids.tolist()]])


@pytest.mark.parametrize("seed", range(8))
def test_it_is_torchmetrics_where_both_follow_coco(seed):
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 12, (6, 8)), np.ones((7, 6), int))
    classes = int(rng.integers(0, 10**6))  # the same for both maps
    truth, true = random_result(blocks, np.random.default_rng(classes))
    noisy = np.where(rng.random(blocks.shape) < 0.1, rng.integers(0, 12, blocks.shape), np.roll(blocks, 1, seed % 2))
    noisy[30:] = rng.integers(1, 12)
    _, pred = random_result(noisy, np.random.default_rng(classes))
    # Void of the prediction follows another rule in torchmetrics (see the module), so it gets one more stuff class, 4,
    # that is left out of the scores; void of the truth is a class that isn't listed.
    theirs = torchmetrics_quality(
        two_channels(pred, 4), two_channels(true, 9), {CAR, PERSON}, {SKY, ROAD, 4},
        return_sq_and_rq=True, return_per_class=True,
    ).numpy()[[2, 3, 0, 1]]  # it puts things first  # fmt: skip
    sums = panoptic_quality(pred, true).sums
    assert sums.tp.sum() > 0
    assert sums.fp.sum() > 0
    assert ((truth == 0) & (noisy > 0)).any()
    present = ~np.isnan(sums.pq)
    np.testing.assert_allclose(np.stack([sums.pq, sums.sq, sums.rq], 1)[present], theirs[present], atol=1e-6)
    assert (theirs[~present] == 0).all()


# --- overlaps ---------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60, database=None)
@given(a=MAPS, b=MAPS)
def test_pairs_and_boxes_are_counted(a, b):
    found = {(x, y): n for x, y, n in zip(*(part.tolist() for part in pairs(a, b.astype(np.uint16))), strict=True)}
    assert found == {(x, y): n for x in range(7) for y in range(7) if (n := int(((a == x) & (b == y)).sum()))}
    ids, found = boxes(a)
    assert ids.tolist() == [i for i in range(1, 7) if (a == i).any()]
    for i, (top, left, bottom, right) in zip(ids, found, strict=True):
        rows, columns = np.nonzero(a == i)
        assert (top, left, bottom, right) == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_pairs_of_empty_and_wrong_maps():
    empty = np.zeros((0, 5), np.int32)
    assert [len(part) for part in pairs(empty, empty)] == [0, 0, 0]
    assert len(boxes(empty)[0]) == 0
    for a, b in (([[1.0]], [[1]]), ([1], [1]), ([[-1]], [[0]])):
        with pytest.raises(ValueError, match="got"):
            pairs(np.array(a), np.array(b))


@pytest.mark.parametrize("seed", range(5))
def test_intersections_of_crops_are_those_of_whole_masks(seed):
    rng = np.random.default_rng(seed)
    whole, crops = [], []
    for _ in range(12):
        (top, left), (h, w) = rng.integers(0, 30, 2), rng.integers(0, 40, 2)
        mask = rng.random((h, w)) < 0.6
        crops.append(Crop.of(mask, int(top), int(left)))
        whole.append(np.zeros((80, 80), bool))
        whole[-1][top : top + h, left : left + w] = mask
    expected = np.array([[(a & b).sum() for b in whole[7:]] for a in whole[:7]])
    np.testing.assert_array_equal(intersections(crops[:7], crops[7:]), expected)
    assert expected.any()
    np.testing.assert_array_equal(areas(crops), [mask.sum() for mask in whole])
    assert intersections(crops, []).shape == (12, 0)
    assert areas([]).shape == (0,)


# --- the bench --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", bench.TASKS, ids=lambda task: task.name)
def test_both_sides_of_the_bench_agree(task, monkeypatch):
    monkeypatch.setattr(bench, "SIZE", (108, 192))
    monkeypatch.setattr(bench, "PICTURES", 4)
    outputs = [side("")() for side in (task.plain, task.ours)]
    plain, ours = (Timing("side", ms, ms, ms, 0, 0, (ms,), out) for ms, out in zip((1000.0, 1.0), outputs, strict=True))
    row = against.row(task, plain, ours)
    assert row.met
    assert row.largest_difference < 1e-6
    values = np.concatenate([values.ravel() for values in outputs[0].values()])
    assert np.ptp(values[~np.isnan(values)]) > 0.1  # there was something to compare
    slow = Timing("side", 500.0, 500.0, 500.0, 0, 0, (500.0,), outputs[1])
    assert against.row(task, plain, slow).met is (task.wanted is None)
    wrong = Timing("side", 1.0, 1.0, 1.0, 0, 0, (1.0,), {name: values + 1e-5 for name, values in outputs[1].items()})
    assert against.row(task, plain, wrong).met is False


def test_the_bench_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(against, "find_spec", lambda name: None)
    rows = [against.measure(task, 1) for task in bench.TASKS]
    assert "torchmetrics isn't installed" in against.table(rows, "")
    parser = argparse.ArgumentParser()
    bench.add(parser.add_subparsers())
    args = parser.parse_args(["panoptic", "--json", "--repeats", "1"])
    assert args.run(args) == 0
    assert [row["missing"] is not None for row in json.loads(capsys.readouterr().out)["rows"]] == [True, True]


@pytest.mark.slow
def test_a_hundred_times_as_fast_as_torchmetrics():
    row = against.measure(bench.TASKS[0], 3)
    assert row.met, row
