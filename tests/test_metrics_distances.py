"""Boundaries and distances against brute force, MONAI and scipy; empty, full, one-pixel and huge masks."""

import math
import warnings
from time import process_time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy import ndimage
from scipy.spatial.distance import cdist, directed_hausdorff

from seglab.metrics import distances
from seglab.metrics.boundary import boundary, boundary_band, boundary_iou, boundary_width, bounding_box
from seglab.metrics.distances import average_surface_distance, hausdorff, hd95, surface_distances


def blobs(seed, shape=(40, 50), level=0.0):
    """Two masks of smooth noise, the second like the first."""
    dice = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(dice.standard_normal(shape), 3)
    return field > level * field.std(), field + 0.3 * ndimage.gaussian_filter(
        dice.standard_normal(shape), 3
    ) > level * field.std()


def cases():
    dice = np.random.default_rng(0)
    yield from (blobs(seed) for seed in range(4))
    yield from (blobs(seed, level=2) for seed in range(4, 6))
    yield dice.random((30, 30)) < 0.5, dice.random((30, 30)) < 0.5
    yield dice.random((60, 45)) < 0.01, dice.random((60, 45)) < 0.01
    one, full = np.zeros((50, 60), bool), np.ones((50, 60), bool)
    one[3, 57] = True
    yield one, full
    yield full, one
    yield np.roll(one, -40, 0), np.roll(one, -40, 1)
    half = dice.random((80, 90)) < 0.5  # a crowd, far from the other: the distance transform
    yield half & (np.arange(90) < 45), half & (np.arange(90) > 80)


CASES = list(cases())


def monai(function, truth, pred, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(torch.tensor(pred)[None, None], torch.tensor(truth)[None, None], True, **kwargs))


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.5, 0.5)])
def test_distances_are_the_nearest_pixels(case, spacing):
    truth, pred = CASES[case]
    a, b = (np.argwhere(mask & ~ndimage.binary_erosion(mask)) * spacing for mask in (truth, pred))
    every = cdist(a, b)
    ours = surface_distances(truth, pred, spacing)
    np.testing.assert_allclose(ours[0], every.min(1))
    np.testing.assert_allclose(ours[1], every.min(0))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_against_monai(case):
    truth, pred = CASES[case]
    assert hausdorff(truth, pred) == pytest.approx(monai(compute_hausdorff_distance, truth, pred), rel=1e-5)
    for percentile in (50, 95):
        theirs = monai(compute_hausdorff_distance, truth, pred, percentile=percentile)
        assert hausdorff(truth, pred, percentile) == pytest.approx(theirs, rel=1e-5)
    theirs = monai(compute_average_surface_distance, truth, pred, symmetric=True)
    assert average_surface_distance(truth, pred) == pytest.approx(theirs, rel=1e-5)
    theirs = monai(compute_hausdorff_distance, truth, pred, percentile=95, spacing=[2.5, 0.5])
    assert hd95(truth, pred, (2.5, 0.5)) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_against_scipys_directed_hausdorff(case):
    truth, pred = CASES[case]
    a, b = (np.argwhere(boundary(mask)) for mask in (truth, pred))
    assert hausdorff(truth, pred) == pytest.approx(max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0]))


def test_hd95_is_the_greater_of_two_percentiles_and_not_one_of_all_distances():
    truth, pred = np.zeros((2, 60, 400), bool)
    truth[10:50, 10:300] = pred[10:50, 10:300] = True
    pred[20, 300:390] = True  # a thin line sticks out: Hausdorff shouts, HD95 says less
    there, back = surface_distances(truth, pred)
    assert hausdorff(truth, pred) == 90
    assert hd95(truth, pred) == pytest.approx(np.percentile(back, 95))
    assert hd95(truth, pred) < 75
    pooled = np.percentile(np.concatenate([there, back]), 95)  # MedPy's
    assert hd95(truth, pred) > pooled + 20
    assert monai(compute_hausdorff_distance, truth, pred, percentile=0) == 90 != hausdorff(truth, pred, 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_any_masks_against_monai_and_what_must_hold(seed, height, width, share):
    truth, pred = np.random.default_rng(seed).random((2, height, width)) < share
    ours = hausdorff(truth, pred), hd95(truth, pred), average_surface_distance(truth, pred)
    theirs = [monai(compute_hausdorff_distance, truth, pred, percentile=p) for p in (None, 95)]
    theirs.append(monai(compute_average_surface_distance, truth, pred, symmetric=True))
    if truth.any() != pred.any():
        assert math.isnan(theirs[1])  # the one place where we differ: infinity is infinity at every percentile
        theirs[1] = math.inf
    assert ours == pytest.approx(theirs, rel=1e-5, nan_ok=True)
    back = hausdorff(pred, truth), hd95(pred, truth), average_surface_distance(pred, truth)
    assert ours == pytest.approx(back, nan_ok=True)  # symmetric
    assert boundary_iou(truth, pred) == pytest.approx(boundary_iou(pred, truth), nan_ok=True)
    if truth.any():
        assert (hausdorff(truth, truth), average_surface_distance(truth, truth), boundary_iou(truth, truth)) == (
            0,
            0,
            1,
        )


def test_empty_masks_are_defined():
    empty, one = np.zeros((2, 5, 6), bool)
    one = one.copy()
    one[2, 3] = True
    for score in (hausdorff, hd95, average_surface_distance):
        assert math.isnan(score(empty, empty))
        assert score(empty, one) == score(one, empty) == math.inf
    assert math.isnan(boundary_iou(empty, empty))
    assert boundary_iou(empty, one) == boundary_iou(one, empty) == 0
    assert [d.tolist() for d in surface_distances(empty, one)] == [[], [math.inf]]
    assert not boundary(empty).any()
    assert not boundary_band(empty, 3).any()
    assert bounding_box(empty) is None


@pytest.mark.parametrize("case", range(len(CASES)))
@pytest.mark.parametrize("width", [1, 2, 7, 100])
def test_bands_are_what_erosions_take_away(case, width):
    mask = CASES[case][0]
    eroded = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=width)
    np.testing.assert_array_equal(boundary_band(mask, width), mask & ~eroded)
    np.testing.assert_array_equal(boundary(mask), mask & ~ndimage.binary_erosion(mask))


def test_boundary_iou_by_hand():
    truth, pred = np.zeros((2, 300, 400), bool)
    truth[100:200, 100:200] = pred[100:200, 105:205] = True
    assert boundary_width((300, 400)) == 10
    ring = 100**2 - 80**2
    # Both rings' upper and lower bars share 95 columns; each side bar shares 5 of 10 columns of the 80 rows between.
    shared = 2 * 10 * 95 + 2 * 80 * 5
    assert boundary_iou(truth, pred) == pytest.approx(shared / (2 * ring - shared))
    assert boundary_iou(truth, pred) == pytest.approx(0.6)  # where the IoU is 95/105
    assert boundary_width((3, 4)) == 1
    assert boundary_iou(truth, pred, ratio=1) == pytest.approx(95 / 105)  # all is boundary


BIG = 2000


def big():
    y, x = np.ogrid[:BIG, :BIG]
    dice = np.random.default_rng(0)
    disc = (y - 1000) ** 2 + (x - 1000) ** 2 < 800**2
    return {
        "contours": (disc, (y - 1010) ** 2 + (x - 990) ** 2 < 780**2),
        "noise": tuple(dice.random((2, BIG, BIG)) < 0.5),
        "full": (np.ones((BIG, BIG), bool), disc),
        "one pixel": (disc, (y == 3) & (x == 1990)),
    }


@pytest.mark.parametrize("name", ["contours", "noise", "full", "one pixel"])
def test_masks_of_four_megapixels_take_well_below_a_second(name):
    truth, pred = big()[name]
    start = process_time()
    values = hausdorff(truth, pred), boundary_iou(truth, pred)
    took = process_time() - start
    assert all(map(math.isfinite, values))
    assert took < 2  # some 0.05 s, noise 0.4 s; the rest is for a busy machine


@pytest.mark.parametrize(
    ("truth", "pred", "says"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), "one shape"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), "truth holds values other than 0 and 1"),
        (np.zeros((2, 2)), np.full((2, 2), 0.5), "prediction holds values other than 0 and 1"),
        (np.zeros((2, 2), int), np.full((2, 2), 255), "prediction holds values"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "at least a pixel"),
        (np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), "must be one mask"),
    ],
)
@pytest.mark.parametrize("score", [hausdorff, hd95, average_surface_distance, boundary_iou])
def test_wrong_masks_are_explained(score, truth, pred, says):
    with pytest.raises(ValueError, match=says):
        score(truth, pred)


def test_wrong_options_are_explained():
    mask = np.ones((3, 3), bool)
    for spacing in ((0, 1), (1, -1), (1, math.nan), (1, math.inf), (1,)):
        with pytest.raises(ValueError, match="two numbers above 0"):
            surface_distances(mask, mask, spacing)
    for percentile in (-1, 101, math.nan):
        with pytest.raises(ValueError, match="0 to 100"):
            hausdorff(mask, mask, percentile)
    for ratio in (0, -1, math.nan):
        with pytest.raises(ValueError, match="share of the diagonal"):
            boundary_iou(mask, mask, ratio)
    with pytest.raises(ValueError, match="1 pixel or more; got 0"):
        boundary_band(mask, 0)


def test_numbers_and_bools_are_the_same_masks_and_stay_as_they_were():
    truth, pred = CASES[0]
    for kind in (np.uint8, np.float32, np.int64):
        a, b = truth.astype(kind), pred.astype(kind)
        a.setflags(write=False)
        b.setflags(write=False)
        assert hausdorff(a, b) == hausdorff(truth, pred)
        assert boundary_iou(a, b) == boundary_iou(truth, pred)
        np.testing.assert_array_equal(a, truth)


def test_all_ways_to_the_nearest_pixel_are_taken(monkeypatch):
    taken = set()
    for name in ("KDTree", "ndimage"):
        original = getattr(distances, name)
        target, attribute = (distances, name) if name == "KDTree" else (original, "distance_transform_edt")
        function = getattr(target, attribute)
        monkeypatch.setattr(target, attribute, lambda *a, f=function, n=attribute, **k: (taken.add(n), f(*a, **k))[1])
    for truth, pred in CASES:
        surface_distances(truth, pred)
    assert taken == {"KDTree", "distance_transform_edt"}
