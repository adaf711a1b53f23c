"""Pixel shuffle and ICNR against torch and nearest-neighbour resizing; resize-then-convolve against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from seglab.upsampling import convolve, icnr, nearest, pixel_shuffle, resize_convolve, transposed_matrix

SIDE = st.integers(1, 5)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), SIDE, SIDE, st.integers(0, 10**6))
def test_pixel_shuffle_is_torchs(c, r, h, w, seed):
    x = np.random.default_rng(seed).normal(size=(c * r * r, h, w))
    found = pixel_shuffle(x, r)
    np.testing.assert_array_equal(found.output, F.pixel_shuffle(torch.tensor(x), r).numpy())
    np.testing.assert_array_equal((found.trace.matrix @ x.ravel()).reshape(found.output.shape), found.output)
    np.testing.assert_array_equal(found.trace.overlap(), 1)
    np.testing.assert_array_equal(found.trace.transpose().apply(found.output), x)  # a permutation


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), SIDE, SIDE, st.integers(0, 10**6))
def test_icnr_starts_as_nearest_neighbour_resizing_of_a_convolution(c_in, c_out, r, h, w, seed):
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=(c_in, h, w)), rng.normal(size=(c_out, c_in, 3, 3))
    shuffled = pixel_shuffle(convolve(x, icnr(kernel, r), padding=1).output, r).output
    resized = nearest(convolve(x, kernel, padding=1).output, (h * r, w * r)).output
    np.testing.assert_allclose(shuffled, resized, atol=1e-12)


def test_without_icnr_neighbours_differ():
    rng = np.random.default_rng(0)
    shuffled = pixel_shuffle(convolve(np.ones((1, 3, 3)), rng.normal(size=(4, 1, 1, 1))).output, 2).output
    assert len(np.unique(shuffled.round(9))) == 4  # of a constant picture


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["nearest", "bilinear", "bicubic"]),
    st.tuples(st.integers(1, 2), SIDE, SIDE),
    st.integers(1, 2),
    st.sampled_from([(1, 1), (3, 3), (3, 1), (5, 3)]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.integers(0, 10**6),
)
def test_resize_convolve_is_torchs_two_steps(mode, shape, c_out, k, factor, seed):
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=shape), rng.normal(size=(c_out, shape[0], *k))
    found = resize_convolve(x, kernel, factor, mode)
    size = (shape[1] * factor[0], shape[2] * factor[1])
    corners = {} if mode == "nearest" else {"align_corners": False}
    resized = F.interpolate(torch.tensor(x)[None], size=size, mode=mode, **corners)
    expected = F.conv2d(resized, torch.tensor(kernel), padding="same")[0].numpy()
    np.testing.assert_allclose(found.output, expected, atol=1e-6)
    assert found.trace.in_shape == shape
    np.testing.assert_array_equal((found.trace.matrix @ x.ravel()).reshape(found.output.shape), found.output)


def test_resize_convolve_of_one_channel_shows_each_input_once():
    found = resize_convolve([[1, 2], [3, 4]], np.ones((3, 3)), 2)
    assert found.trace.sum_written([[1, 2], [3, 4]], (1, 1)) == "4·1 + 2·2 + 2·3 + 1·4 = 18"
    cancels = resize_convolve([[1, 2], [3, 4]], [[0, 1, 0], [0, -1, 0], [0, 0, 0]], 2)
    assert ((0, 0), 0.0) in cancels.trace.sources((1, 0))  # +1 and −1 of the same input


def test_an_even_resize_has_even_weights_where_a_transposed_convolution_of_3_by_2_has_not():
    ones = np.ones((6, 6))
    resized = resize_convolve(ones, np.ones((3, 3)), 2).output[2:-2, 2:-2]
    stamped = transposed_matrix((6, 6), np.ones((3, 3)), 2).apply(ones)[2:-2, 2:-2]
    assert np.ptp(resized) == 0
    assert sorted(set(stamped.ravel().tolist())) == [1, 2, 4]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: pixel_shuffle(np.ones((6, 2, 2)), 2), r"needs \(C·4, H, W\).* got \(6, 2, 2\)"),
        (lambda: pixel_shuffle(np.ones((4, 4)), 2), "4 channels for each"),
        (lambda: pixel_shuffle(np.ones((4, 2, 2)), 0), "factor must be 1 or more"),
        (lambda: icnr(1.0, 2), "at least one filter"),
        (lambda: icnr(np.ones((1, 1)), 0), "factor must be 1 or more"),
        (lambda: resize_convolve(np.ones((2, 2)), np.ones((2, 3)), 2), "odd sides.* got 2×3"),
        (lambda: resize_convolve(np.ones((2, 2)), np.ones(3), 2), "kernel must be numbers"),
        (lambda: resize_convolve(np.ones((2, 2)), [[1]], 0), "factor must be 1 or more"),
        (lambda: resize_convolve(np.ones((2, 2)), [[1]], 2, "area"), "mode must be .* got 'area'"),
    ],
)
def test_refusals_name_the_rule_and_the_numbers(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
