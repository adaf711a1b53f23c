"""Pooling with indices and both ways back, against torch for all parameters and from the lecture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from seglab.upsampling import bed_of_nails, max_pool, max_unpool, transposed_convolve

GOLDEN = json.loads((Path(__file__).parent / "golden" / "lecture_examples.json").read_text())
SHAPE = st.tuples(st.integers(1, 3), st.integers(1, 8), st.integers(1, 8))


def pairs(low, high):
    one = st.integers(low, high)
    return one | st.tuples(one, one)


def drawn(seed, shape):
    """Whole numbers from a few, so that there are ties."""
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(float)


def torch_pool(x, kernel, stride, padding):
    try:
        pooled, indices = F.max_pool2d(torch.tensor(x)[None], kernel, stride, padding, return_indices=True)
    except (RuntimeError, ValueError):
        return None
    return pooled[0].numpy(), indices[0].numpy()


@settings(max_examples=300, deadline=None)
@given(SHAPE, pairs(0, 4), st.none() | pairs(0, 4), pairs(-1, 2), st.integers(0, 10**6))
def test_pool_and_indices_are_torchs_or_both_refuse(shape, kernel, stride, padding, seed):
    x = drawn(seed, shape)
    expected = torch_pool(x, kernel, stride, padding)
    if expected is None:
        with pytest.raises(ValueError, match=r"must|at most"):
            max_pool(x, kernel, stride, padding)
        return
    found, indices = max_pool(x, kernel, stride, padding)
    np.testing.assert_array_equal(found.output, expected[0])
    np.testing.assert_array_equal(indices, expected[1])
    np.testing.assert_array_equal((found.trace.matrix @ x.ravel()).reshape(found.output.shape), found.output)
    np.testing.assert_array_equal(found.trace.overlap(), 1)


@settings(max_examples=200, deadline=None)
@given(SHAPE, pairs(1, 4), st.none() | pairs(1, 4), pairs(0, 2), st.none() | pairs(0, 12), st.integers(0, 10**6))
def test_unpool_is_torchs_or_both_refuse(shape, kernel, stride, padding, size, seed):
    x = drawn(seed, shape)
    assume(torch_pool(x, kernel, stride, padding) is not None)
    pooled, indices = max_pool(x, kernel, stride, padding)
    arguments = [torch.tensor(pooled.output)[None], torch.tensor(indices)[None], kernel, stride, padding]
    size = (size, size) if isinstance(size, int) else size
    try:
        expected = F.max_unpool2d(*arguments, output_size=size)[0].numpy()
        if expected.size == 0:  # the one thing that torch accepts and we don't
            raise ValueError
    except (RuntimeError, ValueError):
        with pytest.raises(ValueError, match="must"):
            max_unpool(pooled.output, indices, kernel, stride, padding, size)
        return
    found = max_unpool(pooled.output, indices, kernel, stride, padding, size)
    np.testing.assert_array_equal(found.output, expected)
    np.testing.assert_array_equal(
        (found.trace.matrix @ pooled.output.ravel()).reshape(found.output.shape), found.output
    )


@settings(max_examples=100, deadline=None)
@given(SHAPE, pairs(1, 4), st.integers(0, 10**6))
def test_unpool_brings_each_maximum_home_and_the_input_size_always_fits(shape, stride, seed):
    x = np.random.default_rng(seed).normal(size=shape)
    s = np.broadcast_to(stride, 2)
    assume((s <= shape[1:]).all())
    pooled, indices = max_pool(x, stride)
    found = max_unpool(pooled.output, indices, stride, size=shape[1:]).output
    kept = found != 0
    np.testing.assert_array_equal(found[kept], x[kept])
    assert kept.sum() == pooled.output.size


def test_max_unpool_of_the_lecture():
    case = GOLDEN["max_unpool_2x2"]
    pooled, indices = max_pool(case["pool_input"], 2)
    assert pooled.output.tolist() == case["pool_output"]
    found = max_unpool(case["unpool_input"], indices, 2)
    assert found.output.tolist() == case["unpool_output"]
    assert found.trace.sum_written(case["unpool_input"], (0, 2)) == "1·2 = 2"
    assert found.trace.sum_written(case["unpool_input"], (0, 0)) == "nothing reaches it: 0"
    assert found.trace.targets((1, 0)) == [((3, 0), 1.0)]


def test_an_index_that_repeats_keeps_the_last():
    x, indices = np.array([[1, 2, 3.0]]), np.array([[4, 0, 4]])
    found = max_unpool(x, indices, (1, 2))
    assert found.output.tolist() == [[2, 0, 0, 0, 3, 0]]
    assert found.trace.targets((0, 0)) == []
    by_torch = F.max_unpool2d(torch.tensor(x)[None], torch.tensor(indices)[None], (1, 2))
    np.testing.assert_array_equal(found.output, by_torch[0].numpy())


def test_channels_do_not_mix():
    x = drawn(1, (3, 4, 4))
    pooled, indices = max_pool(x, 2)
    found = max_unpool(pooled.output, indices, 2)
    for c in range(3):
        one, its_indices = max_pool(x[c], 2)
        np.testing.assert_array_equal(pooled.output[c], one.output)
        np.testing.assert_array_equal(found.output[c], max_unpool(one.output, its_indices, 2).output)


def test_bed_of_nails_of_the_lecture():
    case = GOLDEN["bed_of_nails_x2"]
    assert bed_of_nails(case["input"], 2).output.tolist() == case["output"]


@settings(max_examples=50, deadline=None)
@given(SHAPE, pairs(1, 4), st.integers(0, 10**6))
def test_nails_are_a_transposed_convolution_with_one_1(shape, factor, seed):
    x = drawn(seed, shape)
    found = bed_of_nails(x, factor)
    f = np.broadcast_to(factor, 2)
    for c in range(shape[0]):
        stamped = transposed_convolve(x[c], [[1]], tuple(f.tolist()), 0, tuple((f - 1).tolist()))
        np.testing.assert_array_equal(found.output[c], stamped.output)
    np.testing.assert_array_equal((found.trace.matrix @ x.ravel()).reshape(found.output.shape), found.output)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: max_pool(np.ones((2, 2)), 3), r"window \(3, 3\) must not be larger .* \(2, 2\)"),
        (lambda: max_pool(np.ones((4, 4)), 3, padding=2), "half its kernel at most"),
        (lambda: max_pool(np.ones((4, 4)), 2, stride=0), "stride must be 1 or more"),
        (lambda: max_unpool(np.ones((2, 2)), np.zeros((2, 3), int), 2), "one for each number of x"),
        (lambda: max_unpool(np.ones((2, 2)), np.zeros((2, 2)), 2), "whole numbers"),
        (lambda: max_unpool(np.ones((2, 2)), np.full((2, 2), 16), 2), "0 to 15"),
        (lambda: max_unpool(np.ones((2, 2)), np.zeros((2, 2), int), 2, size=(6, 4)), r"\(4, 4\); got \(6, 4\)"),
        (lambda: bed_of_nails(np.ones((2, 2)), 0), "factor must be 1 or more"),
    ],
)
def test_refusals_name_the_rule_and_the_numbers(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
