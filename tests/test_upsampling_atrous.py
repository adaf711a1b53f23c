"""Atrous convolution against torch, receptive fields against gradients, coverage against brute force."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seglab.upsampling.atrous import (
    ReceptiveField,
    atrous,
    coverage,
    effective_kernel,
    holes,
    receptive_field,
    shift_and_stitch,
)
from seglab.upsampling.convolution import convolve


def tensor(x):
    return torch.from_numpy(np.ascontiguousarray(x))


def test_one_dimension_is_deeplabs_sum():
    dice = np.random.default_rng(0)
    x, w = dice.normal(size=12), dice.normal(size=3)
    for rate in (1, 2, 3, 5):
        by_hand = [sum(x[i + rate * k] * w[k] for k in range(3)) for i in range(12 - 2 * rate)]
        traced = atrous(x[None], w[None], (1, rate))
        np.testing.assert_allclose(traced.output[0], by_hand, atol=1e-12)
        # taps lie r apart, not r − 1
        assert [cell for (_, cell), _ in traced.trace.sources((0, 1))] == [1, 1 + rate, 1 + 2 * rate]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(0, 4),
    st.sampled_from([None, (1, 1), (2, 3)]),
)
def test_two_dimensions_are_torchs_dilated_convolution(seed, sides, kernel, rate, padding, channels):
    assume(all(n + 2 * padding >= r * (k - 1) + 1 for n, k, r in zip(sides, kernel, rate, strict=True)))
    dice = np.random.default_rng(seed)
    x = dice.normal(size=sides if channels is None else (channels[0], *sides))
    w = dice.normal(size=kernel if channels is None else (channels[1], channels[0], *kernel))
    traced = atrous(x, w, rate, padding)
    x4, w4 = (x[None, None], w[None, None]) if channels is None else (x[None], w)
    theirs = F.conv2d(tensor(x4), tensor(w4), padding=padding, dilation=rate).numpy()[0]
    np.testing.assert_allclose(traced.output.reshape(theirs.shape), theirs, atol=1e-9)
    np.testing.assert_array_equal(traced.trace.apply(x), traced.output)


def test_effective_kernel_is_what_the_kernel_with_holes_spans():
    assert [effective_kernel(k, r) for k, r in ((3, 1), (3, 2), (3, 4), (5, 3), (1, 9), (2, 2))] == [3, 5, 9, 13, 1, 3]
    for k, r in product(range(1, 6), range(1, 6)):
        with_holes = np.zeros((k, r))
        with_holes[:, 0] = 1
        assert effective_kernel(k, r) == len(np.trim_zeros(with_holes.ravel()))


def test_by_hand_the_field_of_vggs_and_deeplabs_stacks():
    assert receptive_field([(3, 1, 1)] * 3) == [
        ReceptiveField(3, 1, 0),
        ReceptiveField(5, 1, 0),
        ReceptiveField(7, 1, 0),
    ]
    pooled = receptive_field([(3, 1, 1, 1), (2, 2, 1), (3, 1, 1, 1)])
    assert pooled == [ReceptiveField(3, 1, -1), ReceptiveField(4, 2, -1), ReceptiveField(8, 2, -3)]
    assert receptive_field([]) == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=3
    )
)
def test_receptive_field_is_where_gradients_reach(layers):
    field = receptive_field(layers)[-1]
    x = torch.zeros(1, 1, 80, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, dilation, padding in layers:
        y = F.conv1d(
            y, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride, dilation=dilation, padding=padding
        )
    inner = -(
        field.start // field.jump
    )  # the first output whose whole field lies within the input, counting from start
    y[0, 0, inner].backward()
    seen = np.flatnonzero(x.grad[0, 0].numpy())
    assert seen[0] == field.start + inner * field.jump
    assert seen[-1] == seen[0] + field.size - 1


@pytest.mark.parametrize("rates", [[1], [2, 2, 2], [1, 2, 3], [1, 2, 5], [3, 1], [1, 2, 9], [5, 5]])
@pytest.mark.parametrize("kernel", [2, 3])
def test_coverage_counts_every_path(rates, kernel):
    size = 1 + sum(rate * (kernel - 1) for rate in rates)
    brute = np.zeros((size, size), int)
    for rows in product(range(kernel), repeat=len(rates)):
        for columns in product(range(kernel), repeat=len(rates)):
            brute[np.dot(rows, rates), np.dot(columns, rates)] += 1
    np.testing.assert_array_equal(coverage(rates, kernel), brute)
    # and it is the gradient of the output in the middle
    x = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    y = x
    for rate in rates:
        y = F.conv2d(y, torch.ones(1, 1, kernel, kernel, dtype=torch.float64), dilation=rate)
    y.sum().backward()
    assert y.numel() == 1
    np.testing.assert_array_equal(coverage(rates, kernel), x.grad[0, 0].numpy())


def test_gridding_by_hand():
    # Rates 2, 2, 2 see every second of 13 cells along each axis: 7² of 13².
    assert holes(coverage([2, 2, 2])) == pytest.approx(1 - 49 / 169)
    assert coverage([2, 2, 2])[0, ::2].tolist() == [1, 3, 6, 7, 6, 3, 1]
    assert holes(coverage([1, 2, 3])) == holes(coverage([1, 2, 5])) == 0
    assert coverage([1, 2, 5]).shape == (17, 17)
    # Wang et al.'s counterexample: 1, 2, 9 leaves out 4 and 5 cells from the middle of 25, on both sides.
    assert np.flatnonzero(coverage([1, 2, 9]).sum(0) == 0).tolist() == [7, 8, 16, 17]
    assert holes(coverage([1])) == 0


CONV, REST = np.random.default_rng(1).normal(size=(2, 3, 3))


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 3), (1, 2), (3, 2)])
@pytest.mark.parametrize("sides", [(16, 16), (17, 15), (13, 18)])
def test_shift_and_stitch_is_the_dilated_network(stride, sides):
    x = np.random.default_rng(2).normal(size=sides)

    def coarse(x):
        return convolve(convolve(x, CONV, stride=stride).output, REST).output

    dense = atrous(convolve(x, CONV).output, REST, stride).output
    stitched = shift_and_stitch(coarse, x, stride)
    assert stitched.shape == dense.shape == tuple(n - 3 + 1 - 2 * s for n, s in zip(sides, stride, strict=True))
    np.testing.assert_allclose(stitched, dense, atol=1e-12)


def test_shift_and_stitch_of_a_network_with_two_pools_and_channels():
    """A torch network: conv, pool 2, conv, pool 2, conv; against strides 1, and dilations 2 and 4 behind them."""
    torch.manual_seed(0)
    weights = [torch.randn(4, 2, 3, 3), torch.randn(3, 4, 3, 3), torch.randn(5, 3, 2, 2)]
    x = np.random.default_rng(3).normal(size=(2, 33, 30))

    def run(x, strided):
        y, gap = tensor(x).float()[None], 1
        for n, w in enumerate(weights):
            y = F.conv2d(y, w, dilation=1 if strided else gap).relu()
            if n < 2:
                y = F.max_pool2d(y, 2, 2 if strided else 1, dilation=1 if strided else gap)
                gap *= 2
        return y[0].numpy()

    dense = run(x, strided=False)
    np.testing.assert_allclose(shift_and_stitch(lambda x: run(x, strided=True), x, 4), dense, rtol=1e-4, atol=1e-4)


def test_f_gets_arrays_of_its_own_and_x_stays():
    x = np.arange(16.0).reshape(4, 4)

    def spoils(part):
        result = part[::2, ::2].copy()
        part[:] = 0
        return result

    np.testing.assert_array_equal(shift_and_stitch(spoils, x, 2), np.arange(16).reshape(4, 4))
    assert x.sum() == 120


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: atrous(np.ones((3, 3)), np.ones((3, 3)), 2), "5 is more than 3"),
        (lambda: atrous(np.ones((3, 3)), np.ones((3, 3)), 0), "rate must be 1 or more"),
        (lambda: effective_kernel(0, 1), "kernel must be 1"),
        (lambda: effective_kernel(3, 0), "rate must be 1"),
        (lambda: receptive_field([(3, 0, 1)]), "stride must be 1"),
        (lambda: receptive_field([(3, 1, 1, -1)]), "Padding is 0"),
        (lambda: coverage([]), "Give a rate"),
        (lambda: coverage([1, 0]), "rate 2 must be 1"),
        (lambda: coverage([1] * 20), "more paths than"),
        (lambda: shift_and_stitch(lambda x: x, np.ones((4, 4)), 2), "product of f's strides"),
        (lambda: shift_and_stitch(lambda x: x, np.ones((2, 4)), 3), "use a larger one"),
        (lambda: shift_and_stitch(lambda x: x[: 5 - x.shape[0], ::2], np.ones((4, 4)), 2), "interlace"),
    ],
)
def test_what_is_impossible_says_why(call, says):
    with pytest.raises(ValueError, match=says):
        call()
