"""RoIPool and RoIAlign against torchvision's, for any box; and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchvision import ops

from seglab.upsampling.roi import misalignment, roi_align, roi_pool

SCALES = (1.0, 0.5, 1 / 16, 1 / 32, 0.3, 2.0)
EDGES = st.one_of(
    st.integers(-12, 60).map(float),
    st.integers(-40, 200).map(lambda n: n / 4),  # halves, where rounding decides
    st.floats(-20, 80).map(lambda x: round(x, 3)),
)


@st.composite
def boxes(draw):
    """A box of any size, within the map or beyond it, in cells."""
    (x1, x2), (y1, y2) = (sorted(draw(st.lists(EDGES, min_size=2, max_size=2, unique=True))) for _ in range(2))
    return x1, y1, x2, y2


MAPS = st.tuples(st.integers(1, 12), st.integers(1, 12))
SIZES = st.tuples(st.integers(1, 7), st.integers(1, 7))
SEEDS, CHANNELS = st.integers(0, 10**6), st.sampled_from([None, 1, 3])


def a_map(seed, sides, channels, box, scale):
    """A feature map, and the box in pixels of the image, which is 1 / scale as large."""
    shape = sides if channels is None else (channels, *sides)
    return np.random.default_rng(seed).normal(size=shape), tuple(edge / scale for edge in box)


def theirs(function, feature, box, size, scale, *rest):
    x = torch.from_numpy(feature.reshape(1, -1, *feature.shape[-2:]))
    rois = torch.tensor([[0.0, *box]], dtype=torch.float64)
    return function(x, rois, size, scale, *rest)[0].numpy().reshape(*feature.shape[:-2], *size)


@settings(max_examples=400, deadline=None)
@given(SEEDS, MAPS, CHANNELS, boxes(), SIZES, st.sampled_from(SCALES))
@example(0, (8, 8), None, (0.5, 1.5, 2.5, 6.5), (2, 2), 1.0)  # halves away from zero: 0.5 → 1, 2.5 → 3
@example(0, (8, 8), None, (-2.5, -0.5, 2.5, 3), (3, 3), 1.0)  # and so below zero: −2.5 → −3
@example(0, (6, 6), None, (20, 20, 30, 30), (2, 2), 1.0)  # beyond the map: all bins are empty
@example(0, (3, 3), None, (0, 0, 1, 1), (7, 7), 1.0)  # more bins than cells
def test_roi_pool_is_torchvisions(seed, sides, channels, box, size, scale):
    feature, box = a_map(seed, sides, channels, box, scale)
    ours = roi_pool(feature, box, size, scale)
    np.testing.assert_allclose(ours.result.output, theirs(ops.roi_pool, feature, box, size, scale), atol=1e-9)
    trace = ours.result.trace
    np.testing.assert_array_equal(trace.apply(feature), ours.result.output)
    assert set(trace.matrix.data) <= {1.0}
    empty = (ours.rows[:, 0] >= ours.rows[:, 1])[:, None] | (ours.columns[:, 0] >= ours.columns[:, 1])
    np.testing.assert_array_equal(trace.overlap(), np.broadcast_to(~empty, ours.result.output.shape))


@settings(max_examples=400, deadline=None)
@given(SEEDS, MAPS, CHANNELS, boxes(), SIZES, st.sampled_from(SCALES), st.integers(-1, 3), st.booleans())
@example(0, (4, 4), None, (-3, -3, -0.5, -0.5), (2, 2), 1.0, 2, True)  # samples beyond −1 count as 0, nearer ones don't
@example(0, (4, 4), None, (3.25, 3.25, 6.75, 6.75), (3, 3), 1.0, 2, True)
@example(0, (4, 4), None, (1.2, 1.2, 1.3, 1.3), (2, 2), 1.0, 2, False)  # unaligned boxes are one cell large at least
@example(0, (4, 4), None, (0, 0, 11.5, 3), (2, 1), 1.0, 0, True)  # adaptive: 3 × 6 samples
def test_roi_align_is_torchvisions(seed, sides, channels, box, size, scale, ratio, aligned):
    feature, box = a_map(seed, sides, channels, box, scale)
    ours = roi_align(feature, box, size, scale, ratio, aligned)
    expected = theirs(ops.roi_align, feature, box, size, scale, ratio, aligned)
    np.testing.assert_allclose(ours.result.output, expected, atol=1e-9)
    np.testing.assert_array_equal(ours.result.trace.apply(feature), ours.result.output)
    # the samples that are shown are those that it was made of
    i, j = size[0] - 1, size[1] // 2
    samples = ours.samples(i, j)
    plane = feature.reshape(-1, *sides)[-1]
    mean = sum(w * plane[cell] for sample in samples for cell, w in sample.corners) / len(samples)
    assert mean == pytest.approx(ours.result.output.reshape(-1, *size)[-1, i, j], abs=1e-9)
    for sample in samples:
        inside = -1 <= sample.y <= sides[0] and -1 <= sample.x <= sides[1]
        assert sum(w for _, w in sample.corners) == pytest.approx(float(inside))


@settings(max_examples=60, deadline=None)
@given(SEEDS, boxes(), SIZES, st.booleans())
def test_gradients_flow_back_along_the_trace(seed, box, size, aligned):
    feature = np.random.default_rng(seed).normal(size=(6, 7))
    x = torch.from_numpy(feature)[None, None].requires_grad_()
    rois = torch.tensor([[0.0, *box]], dtype=torch.float64)
    for ours, out in (
        (roi_pool(feature, box, size).result, ops.roi_pool(x, rois, size)),
        (roi_align(feature, box, size, 1.0, 2, aligned).result, ops.roi_align(x, rois, size, 1.0, 2, aligned)),
    ):
        (gradient,) = torch.autograd.grad(out.sum(), x)
        np.testing.assert_allclose(ours.trace.transpose().apply(np.ones(size)), gradient[0, 0].numpy(), atol=1e-9)


def test_roi_pool_rounds_twice_by_hand():
    feature = np.arange(64).reshape(8, 8)
    # Stride 16; 20 → 1.25 → 1, 24 → 1.5 → 2, 70 → 4.375 → 4 (included), 101 → 6.3125 → 6 (included): 4 × 5 cells.
    pooled = roi_pool(feature, (20, 24, 70, 101), 2, 1 / 16)
    assert pooled.box == (1.25, 1.5, 4.375, 6.3125)
    assert pooled.rounded == (1, 2, 4, 6)
    assert pooled.rows.tolist() == [[2, 5], [4, 7]]  # 2.5 rows a bin: rounded outwards, they share a row
    assert pooled.columns.tolist() == [[1, 3], [3, 5]]
    assert pooled.result.output.tolist() == [[34, 36], [50, 52]]
    assert pooled.result.trace.sources((1, 0)) == [((6, 2), 1.0)]


def test_of_equal_maxima_the_first_is_chosen():
    assert roi_pool(np.ones((4, 4)), (0, 0, 3, 3), 1).result.trace.sources((0, 0)) == [((0, 0), 1.0)]


def test_roi_align_by_hand():
    # A ramp: the mean of symmetric samples is its value in the middle of the bin, exactly, wherever the box lies.
    ramp = np.add.outer(10.0 * np.arange(8), np.arange(8))
    aligned = roi_align(ramp, (20, 24, 70, 100), (2, 1), 1 / 16)
    assert aligned.box == pytest.approx((0.75, 1.0, 3.875, 5.75))
    middles = (1.0 + 4.75 / 4, 1.0 + 4.75 * 3 / 4)
    assert aligned.result.output[:, 0] == pytest.approx([10 * y + 2.3125 for y in middles])
    # Without the half pixel the ramp is read half a cell farther down and to the right.
    off = roi_align(ramp, (20, 24, 70, 100), (2, 1), 1 / 16, aligned=False)
    np.testing.assert_allclose(off.result.output - aligned.result.output, 5.5)
    sample = aligned.samples(0, 0)[0]
    assert (sample.y, sample.x) == pytest.approx((1.59375, 1.53125))
    assert [cell for cell, _ in sample.corners] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [w for _, w in sample.corners] == pytest.approx(
        [0.40625 * 0.46875, 0.40625 * 0.53125, 0.59375 * 0.46875, 0.59375 * 0.53125]
    )


def test_misalignment_by_hand():
    # 665 / 32 = 20.78 → 21, which is included: 22 cells are 704 pixels, 39 too many, and 7 bins of 22/7 cells.
    off = misalignment((0, 0, 665, 665), 1 / 32, 7)
    assert off.box == (0, 0, 39, 39)
    assert off.rows[0].tolist() == pytest.approx([0, 4 * 32 - 95])  # cells 0..3, of 3.14; the true bin is 95 pixels
    assert off.rows[1].tolist() == pytest.approx([3 * 32 - 95, 7 * 32 - 190])
    np.testing.assert_array_equal(off.rows, off.columns)
    assert off.largest == pytest.approx(max(39, np.abs(off.rows).max()))
    # Even a box whose edges are all but on those of cells.
    near = misalignment((32, 0, 95, 63), 1 / 32, (2, 2))
    assert near.box == (0, 0, 1 + 32, 1 + 32)  # 95 → 2.97 → 3, which is included


@settings(max_examples=100, deadline=None)
@given(boxes(), SIZES, st.sampled_from(SCALES))
def test_misalignment_is_bounded_and_fits_the_pooled_bins(box, size, scale):
    box = tuple(edge / scale for edge in box)
    off, pooled = misalignment(box, scale, size), roi_pool(np.zeros((400, 400)), box, size, scale)
    tolerance = 1e-6 / scale
    assert np.all(np.abs(off.box[:2]) <= 0.5 / scale + tolerance)  # rounding: half a cell at most
    assert np.all(np.abs(np.array(off.box[2:]) - 1 / scale) <= 0.5 / scale + tolerance)
    assert off.largest >= max(map(abs, off.box))
    for n, axis, bins, found in ((size[0], 1, pooled.rows, off.rows), (size[1], 0, pooled.columns, off.columns)):
        true = box[axis] + (box[axis + 2] - box[axis]) * np.arange(n + 1) / n
        inside = bins[:, 0] > 0  # not cut off at the map's border
        np.testing.assert_allclose(
            (bins / scale - np.stack([true[:-1], true[1:]], 1))[inside], found[inside], atol=tolerance
        )


@pytest.mark.parametrize(
    ("box", "size", "scale", "says"),
    [
        ((5, 0, 5, 4), 2, 1.0, "empty or reversed"),
        ((0, 4, 3, 4), 2, 1.0, "empty or reversed"),
        ((6, 0, 2, 4), 2, 1.0, "x from 6 to 2"),
        ((0, 0, math.nan, 4), 2, 1.0, "finite"),
        ((0, 0, math.inf, 4), 2, 1.0, "finite"),
        ((0, 0, 4, 4), 0, 1.0, "output size"),
        ((0, 0, 4, 4), 2, 0.0, "scale"),
        ((0, 0, 4, 4), 2, math.nan, "scale"),
    ],
)
def test_what_is_impossible_says_why(box, size, scale, says):
    for call in (
        lambda: roi_pool(np.ones((4, 4)), box, size, scale),
        lambda: roi_align(np.ones((4, 4)), box, size, scale),
        lambda: misalignment(box, scale, size),
    ):
        with pytest.raises(ValueError, match=says):
            call()
