"""The trace by hand: what it keeps, how it composes, and the sums that it writes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from seglab.upsampling.trace import Trace, Traced, as_grid, pair, short


def trace(weights, in_shape, out_shape):
    return Trace(sparse.csr_array(np.array(weights, float)), in_shape, out_shape)


def random_trace(rng, in_shape, out_shape, density=0.4):
    """A trace with some taps, a third of which have weight 0."""
    outputs, inputs = np.nonzero(rng.random((np.prod(out_shape), np.prod(in_shape))) < density)
    return Trace.of_taps(outputs, inputs, rng.integers(-1, 2, len(outputs)).astype(float), in_shape, out_shape)


def pattern(trace):
    """Which entries are taps, a dense boolean matrix."""
    taps = np.zeros(trace.matrix.shape, bool)
    taps[trace.matrix.tocoo().coords] = True
    return taps


def test_taps_of_weight_0_stay_and_repeated_ones_are_summed():
    found = Trace.of_taps(np.array([1, 0, 0, 0]), np.array([2, 1, 0, 1]), np.array([0, 3.0, 1, -3]), (1, 3), (2, 1))
    assert found.overlap().tolist() == [[2], [1]]
    assert found.sources((0, 0)) == [((0, 0), 1.0), ((0, 1), 0.0)]
    assert found.sources((1, 0)) == [((0, 2), 0.0)]
    assert found.targets((0, 2)) == [((1, 0), 0.0)]
    assert found.transpose().sources((0, 2)) == [((1, 0), 0.0)]
    assert found.transpose().transpose().sources((0, 0)) == found.sources((0, 0))


def test_rows_are_in_reading_order_though_the_matrix_wasnt_and_the_matrix_is_left_alone():
    untidy = sparse.csr_array((np.array([5, 0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))
    found = Trace(untidy, (1, 2), (1, 1))
    assert found.sources((0, 0)) == [((0, 0), 0.0), ((0, 1), 5.0)]
    assert found.matrix.dtype == np.float64
    assert untidy.indices.tolist() == [1, 0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_sources_targets_and_products_are_those_of_the_dense_matrices(seed):
    rng = np.random.default_rng(seed)
    first, second = random_trace(rng, (2, 2, 3), (3, 2)), random_trace(rng, (3, 2), (1, 5))
    x = rng.integers(-5, 5, (2, 2, 3)).astype(float)
    both = first.then(second)
    np.testing.assert_array_equal(both.apply(x), second.apply(first.apply(x)))
    np.testing.assert_array_equal(both.matrix.toarray(), second.matrix.toarray() @ first.matrix.toarray())
    ways = pattern(second).astype(int) @ pattern(first).astype(int)
    np.testing.assert_array_equal(pattern(both), ways > 0)  # also where the weights cancel to 0
    dense = first.matrix.toarray().reshape(3, 2, 2, 2, 3)
    for index in np.ndindex(3, 2):
        assert sum(w * x[at] for at, w in first.sources(index)) == first.apply(x)[index]
        assert all(dense[index][at] == w for at, w in first.sources(index))
        assert first.overlap()[index] == len(first.sources(index))
    for index in np.ndindex(2, 2, 3):
        assert all(dense[at][index] == w for at, w in first.targets(index))
    assert sum(len(first.targets(index)) for index in np.ndindex(2, 2, 3)) == first.matrix.nnz
    np.testing.assert_array_equal(first.transpose().matrix.toarray(), first.matrix.toarray().T)


@pytest.mark.parametrize(
    ("weights", "x", "written"),
    [
        ([3, 1], [2, 4], "3·2 + 1·4 = 10"),
        ([0.5, 0.5], [10, 15], "0.5·10 + 0.5·15 = 12.5"),
        ([2 / 3, 1 / 3], [30, 40], "2/3·30 + 1/3·40 ≈ 33.3333"),
        ([-1, -2], [3, -4], "−1·3 − 2·(−4) = 5"),
        ([1, -0.125], [0.1, 1 / 3], "1·0.1 − 0.125·0.3333 ≈ 0.0583"),
        ([3, 0], [1 / 3, 1], "3·0.3333 ≈ 1"),
        ([1 / 101, 0], [101, 0], "0.0099·101 ≈ 1"),
        ([1, 1], [1e-6, 0], "1·1.0e−06 + 1·0 = 1.0e−06"),
        ([1, -1], [0.1 + 0.2, 0.3], "1·0.3 − 1·0.3 = 0"),
        ([-1, -1], [1, 2], "−1·1 − 1·2 = −3"),
    ],
)
def test_sums_are_written_as_they_are(weights, x, written):
    assert trace([weights], (1, 2), (1, 1)).sum_written([x], (0, 0)) == written


def test_a_cell_that_nothing_reaches_says_so_and_a_tap_of_weight_0_is_shown():
    found = Trace.of_taps(np.array([1]), np.array([0]), np.array([0.0]), (1, 1), (1, 2))
    assert found.sum_written([[7]], (0, 0)) == "nothing reaches it: 0"
    assert found.sum_written([[7]], (0, 1)) == "0·7 = 0"
    assert found.sources((0, 0)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (100, "100"),
        (-0.0, "0"),
        (12.5, "12.5"),
        (13.33333, "13.3333"),
        (-7, "−7"),
        (1e-17, "0"),
        (12345.678, "12345.678"),
    ],
)
def test_short_numbers(value, text):
    assert short(value)[0] == text


def test_what_cannot_be_a_trace_is_refused():
    with pytest.raises(ValueError, match=r"csr_array \(2, 3\), outputs × inputs; got csr_array \(1, 2\)"):
        trace([[1, 2]], (1, 3), (1, 2))
    with pytest.raises(ValueError, match="sides of 1 or more"):
        Trace(sparse.csr_array((0, 2)), (1, 2), (0, 1))
    with pytest.raises(ValueError, match="csr_array"):
        Trace(np.eye(2), (1, 2), (1, 2))
    found = trace([[1, 2]], (1, 2), (1, 1))
    with pytest.raises(ValueError, match=r"input \(1, 2\); got \(2,\)"):
        found.apply([1, 2])
    with pytest.raises(ValueError, match=r"takes \(1, 2\), but this one gives \(1, 1\)"):
        found.then(found)
    with pytest.raises(ValueError, match=r"makes \(1, 1\), but the output is \(2,\)"):
        Traced(np.zeros(2), found)
    for index in ((0, 2), (-1, 0), (0,), (0, 0, 0)):
        with pytest.raises(ValueError, match="no input at"):
            found.targets(index)
    with pytest.raises(ValueError, match="no output at"):
        found.sources((0, 1))


@pytest.mark.parametrize(
    "grid", [[1, 2], 3, [], [[]], [["a"]], [[None, 1]], np.zeros((1, 1, 1, 1)), [[1j]], [[1, np.nan]], [[np.inf]]]
)
def test_what_is_no_grid_is_refused(grid):
    with pytest.raises(ValueError, match="The input"):
        as_grid(grid)


def test_a_grid_is_a_copy():
    x = np.ones((1, 2))
    as_grid(x)[0, 0] = 5
    assert x.tolist() == [[1, 1]]


@pytest.mark.parametrize("value", [0, (1, 0), 1.5, (1,), (1, 2, 3), "2", None, (1, None)])
def test_what_is_no_pair_is_refused(value):
    with pytest.raises(ValueError, match="The stride must be"):
        pair(value, "stride", 1)
