"""Convolution and its transpose against torch for all parameters, what torch refuses, sizes, stamps, the lecture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seglab.upsampling import (
    adjoint_gap,
    bilinear,
    bilinear_kernel,
    canvas_shape,
    conv_size,
    convolution_matrix,
    convolve,
    crop,
    sizes_that_give,
    stamps,
    transposed_convolve,
    transposed_matrix,
    transposed_size,
)

LECTURE = json.loads((Path(__file__).parent / "golden" / "lecture_examples.json").read_text())["transposed_conv"]
X, KERNEL = LECTURE["input"], LECTURE["kernel"]


def pairs(low, high):
    """A parameter for both axes, as a number or as a pair."""
    one = st.integers(low, high)
    return one | st.tuples(one, one)


# Good values, and some that nothing accepts.
STRIDE, PADDING, DILATION, OUTPUT_PADDING = pairs(1, 3), pairs(0, 3), pairs(1, 3), pairs(0, 2)
ODD_STRIDE, ODD_PADDING, ODD_DILATION, ODD_OUTPUT_PADDING = pairs(0, 3), pairs(-1, 4), pairs(0, 3), pairs(-1, 4)
SHAPE = st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7))
KERNEL_SHAPE = st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 4), st.integers(1, 4))
SEED = st.integers(0, 10**6)


def numbers(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def torchs(function, x, kernel, **options):
    """What torch's function gives in float64, or None where it refuses."""
    try:
        return function(torch.tensor(x)[None], torch.tensor(kernel), **options)[0].numpy()
    except (RuntimeError, ValueError, TypeError):
        return None


def agree(ours, function, x, kernel, **options):
    """Both give the same, or both refuse."""
    expected = torchs(function, x, kernel, **options)
    if expected is None:
        with pytest.raises(ValueError, match=r"must|for .* input channels"):
            ours(x, kernel, **options)
        return None
    found = ours(x, kernel, **options)
    np.testing.assert_allclose(found.output, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal((found.trace.matrix @ x.ravel()).reshape(expected.shape), found.output)
    return found


@settings(max_examples=300, deadline=None)
@given(SHAPE, KERNEL_SHAPE, ODD_STRIDE, ODD_PADDING, ODD_DILATION, st.integers(0, 3), SEED)
@example((1, 2, 2), (1, 1, 3, 3), 1, 0, 1, 1, 0)  # the kernel is larger than the input
@example((1, 2, 2), (1, 1, 2, 2), 1, 0, 2, 1, 0)  # only the dilated one is
@example((4, 3, 3), (3, 2, 1, 1), 1, 0, 1, 2, 0)  # 3 filters in 2 groups
def test_convolution_is_torchs_or_both_refuse(shape, kernel_shape, stride, padding, dilation, groups, seed):
    x, kernel = numbers(seed, shape, kernel_shape)
    agree(convolve, F.conv2d, x, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)


@settings(max_examples=300, deadline=None)
@given(SHAPE, KERNEL_SHAPE, ODD_STRIDE, ODD_PADDING, ODD_OUTPUT_PADDING, ODD_DILATION, st.integers(0, 3), SEED)
@example((1, 2, 2), (1, 1, 2, 2), 2, 0, 2, 1, 1, 0)  # output padding reaches stride and dilation
@example((1, 2, 2), (1, 1, 2, 2), 1, 0, 2, 3, 1, 0)  # it is below the dilation only
@example((1, 2, 2), (1, 1, 2, 2), (3, 1), 0, (2, 1), (1, 1), 1, 0)  # below on one axis
@example((1, 2, 2), (1, 1, 2, 2), 1, 2, 0, 1, 1, 0)  # nothing is left
@example((3, 2, 2), (3, 1, 1, 1), 1, 0, 0, 1, 2, 0)  # 3 channels in 2 groups
def test_transposed_convolution_is_torchs_or_both_refuse(
    shape, kernel_shape, stride, padding, output_padding, dilation, groups, seed
):
    x, kernel = numbers(seed, shape, kernel_shape)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree(transposed_convolve, F.conv_transpose2d, x, kernel, output_padding=output_padding, **options)


@st.composite
def accepted(draw):
    """Channels that fit: x's shape and a convolution's kernel, whose groups hold up to 2 channels each way."""
    groups, c_in, c_out = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    k = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    side = st.integers(1, 8)
    options = {"stride": draw(STRIDE), "padding": draw(PADDING), "dilation": draw(DILATION), "groups": groups}
    return (groups * c_in, draw(side), draw(side)), (groups * c_out, c_in, *k), options


@settings(max_examples=200, deadline=None)
@given(accepted(), SEED)
def test_convolution_is_torchs_with_channels_and_groups_that_fit(case, seed):
    shape, kernel_shape, options = case
    x, kernel = numbers(seed, shape, kernel_shape)
    agree(convolve, F.conv2d, x, kernel, **options)


@settings(max_examples=200, deadline=None)
@given(accepted(), OUTPUT_PADDING, SEED)
def test_transposed_convolution_is_torchs_with_channels_and_groups_that_fit(case, output_padding, seed):
    _, kernel_shape, options = case
    x, kernel = numbers(seed, (kernel_shape[0], *case[0][1:]), kernel_shape)
    agree(transposed_convolve, F.conv_transpose2d, x, kernel, output_padding=output_padding, **options)


@settings(max_examples=150, deadline=None)
@given(accepted(), SEED)
def test_adjoint_identity_and_the_gradient_of_torch(case, seed):
    shape, kernel_shape, options = case
    x, kernel = numbers(seed, shape, kernel_shape)
    expected = torchs(F.conv2d, x, kernel, **options)
    assume(expected is not None)
    (y,) = numbers(seed + 1, expected.shape)
    ahead, back = adjoint_gap(x, y, kernel, **options)
    assert ahead == pytest.approx(back, rel=1e-9, abs=1e-9)
    assert ahead == pytest.approx((expected * y).sum(), rel=1e-9, abs=1e-9)
    leaf = torch.tensor(x)[None].requires_grad_()
    F.conv2d(leaf, torch.tensor(kernel), **options).backward(torch.tensor(y)[None])
    gradient = convolution_matrix(shape, kernel, **options).transpose().apply(y)
    np.testing.assert_allclose(gradient, leaf.grad[0].numpy(), atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(accepted(), OUTPUT_PADDING, SEED)
def test_its_matrix_is_the_transpose_of_the_convolutions(case, output_padding, seed):
    _, kernel_shape, options = case
    (kernel,) = numbers(seed, kernel_shape)
    shape = (kernel_shape[0], *case[0][1:])
    try:
        up = transposed_matrix(shape, kernel, output_padding=output_padding, **options)
    except ValueError:
        assume(False)
    down = convolution_matrix(up.out_shape, kernel, **options)
    whole = down.matrix.toarray().reshape(*down.out_shape, -1)[:, : shape[1], : shape[2]]  # rows beyond: op ≥ stride
    np.testing.assert_array_equal(up.matrix.toarray(), whole.reshape(-1, whole.shape[-1]).T)
    below = np.broadcast_to(output_padding, 2) < np.broadcast_to(options["stride"], 2)
    if below.all():
        assert down.out_shape == shape
        assert (up.matrix != down.transpose().matrix).nnz == 0


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_transposed_convolution_of_the_lecture(stride, padding):
    expected = LECTURE[f"stride{stride}_padding{padding}"]
    found = transposed_convolve(X, KERNEL, stride, padding)
    assert found.output.tolist() == expected
    top, left, rows, columns = crop((2, 2), (2, 2), stride, padding)
    last = stamps(X, KERNEL, stride, padding)[-1].canvas
    assert last[top : top + rows, left : left + columns].tolist() == expected


def test_17_in_the_middle_is_written_out():
    trace = transposed_matrix((2, 2), KERNEL)
    assert trace.sum_written(X, (1, 1)) == "5·2 + 1·4 + 1·0 + 3·1 = 17"
    assert trace.targets((0, 1)) == [((0, 1), 3.0), ((0, 2), 1.0), ((1, 1), 1.0), ((1, 2), 5.0)]
    assert trace.overlap().tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_a_kernel_entry_of_0_is_still_a_tap():
    trace = convolution_matrix((3, 3), [[0, 1], [0, 0]])
    assert trace.overlap().tolist() == [[4, 4], [4, 4]]
    assert trace.sum_written(np.ones((3, 3)), (0, 0)) == "0·1 + 1·1 + 0·1 + 0·1 = 1"
    assert transposed_matrix((2, 2), [[0, 1], [0, 0]]).overlap()[1, 1] == 4


def test_a_channel_by_itself_is_the_same_as_one_channel():
    x, kernel = numbers(3, (4, 5), (2, 3))
    for function in (convolve, transposed_convolve):
        np.testing.assert_array_equal(function(x, kernel).output, function(x[None], kernel[None, None]).output[0])


@settings(max_examples=300, deadline=None)
@given(*[st.integers(1, 12)] * 2, *[st.integers(1, 4)] * 2, st.integers(0, 5), st.integers(0, 3))
def test_sizes_by_brute_force(n, n_out, k, s, p, d):
    d = d + 1
    assume(s <= 4)
    found = {m for m in range(1, 80) if m + 2 * p >= d * (k - 1) + 1 and conv_size(m, k, s, p, d) == n_out}
    assert sizes_that_give(n_out, k, s, p, d) == sorted(found)
    for op in range(s):
        try:
            up = transposed_size(n, k, s, p, op, d)
        except ValueError:
            assert (n - 1) * s - 2 * p + d * (k - 1) + op + 1 < 1
        else:
            assert conv_size(up, k, s, p, d) == n  # the convolution leads back
            assert up in sizes_that_give(n, k, s, p, d)


def test_sizes_are_counted_on_a_row_of_cells():
    """The first place of the kernel is 0 − p; it moves by s while its span fits."""
    for n, k, s, p, d in np.ndindex(7, 4, 3, 3, 2):
        n, k, s, d = n + 1, k + 1, s + 1, d + 1
        places = range(-p, n + p - d * (k - 1), s)
        if len(places):
            assert conv_size(n, k, s, p, d) == len(places)
        else:
            with pytest.raises(ValueError, match="larger than the padded input"):
                conv_size(n, k, s, p, d)


def test_why_output_padding_exists():
    assert conv_size(7, 3, 2, 1) == conv_size(8, 3, 2, 1) == 4
    assert sizes_that_give(4, 3, 2, 1) == [7, 8]
    assert [transposed_size(4, 3, 2, 1, op) for op in (0, 1)] == [7, 8]
    assert sizes_that_give(1, 1, 1, 2) == []


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    STRIDE,
    PADDING,
    OUTPUT_PADDING,
    DILATION,
    SEED,
)
def test_stamps_end_at_the_transposed_convolution(shape, kernel_shape, stride, padding, output_padding, dilation, seed):
    x, kernel = numbers(seed, shape, kernel_shape)
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    try:
        expected = transposed_convolve(x, kernel, **options).output
    except ValueError:
        with pytest.raises(ValueError, match="must"):
            stamps(x, kernel, **options)
        return
    steps = stamps(x, kernel, **options)
    assert [step.index for step in steps] == list(np.ndindex(*shape))
    size = canvas_shape(shape, kernel_shape, stride, output_padding, dilation)
    before = np.zeros(size)
    (s_y, s_x), (d_y, d_x) = np.broadcast_to(stride, 2), np.broadcast_to(dilation, 2)
    for step in steps:
        assert step.value == x[step.index]
        assert (step.top, step.left) == (step.index[0] * s_y, step.index[1] * s_x)
        np.testing.assert_array_equal(step.stamp, step.value * kernel)
        printed = np.zeros(size)
        for (i, j), value in np.ndenumerate(step.stamp):
            printed[step.top + i * d_y, step.left + j * d_x] = value
        np.testing.assert_allclose(step.canvas - before, printed, atol=1e-12)
        before = step.canvas
    top, left, rows, columns = crop(shape, kernel_shape, **options)
    np.testing.assert_allclose(before[top : top + rows, left : left + columns], expected, atol=1e-12)
    assert before[top : top + rows, left : left + columns].shape == expected.shape


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5, 8, (2, 3), (1, 4)])
def test_the_bilinear_kernel_interpolates_inside_the_borders(stride):
    (x,) = numbers(5, (5, 6))
    rows, columns = np.broadcast_to(stride, 2)
    kernel = bilinear_kernel(stride)
    ours = transposed_convolve(x, kernel, stride, (rows // 2, columns // 2)).output
    expected = bilinear(x, ours.shape, align_corners=False).output
    by_torch = F.interpolate(torch.tensor(x)[None, None], size=ours.shape, mode="bilinear", align_corners=False)
    assert ours.shape == (5 * rows, 6 * columns)
    inside = np.s_[rows // 2 : 5 * rows - rows // 2, columns // 2 : 6 * columns - columns // 2]
    np.testing.assert_allclose(ours[inside], expected[inside], atol=1e-12)
    np.testing.assert_allclose(ours[inside], by_torch[0, 0].numpy()[inside], atol=1e-6)
    if min(rows, columns) > 1:
        assert abs(ours[0, 0] - expected[0, 0]) > 1e-3  # at the border it fades
    assert kernel.sum() == pytest.approx(rows * columns)


def test_fcns_kernel_of_4():
    np.testing.assert_array_equal(bilinear_kernel(2), np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: transposed_convolve(X, KERNEL, 2, 0, 2),
            "Along the rows: The output padding must be below .* 2 is below",
        ),
        (lambda: transposed_convolve(X, KERNEL, 1, 2), r"\(2−1\)·1 − 2·2 \+ 1·\(2−1\) \+ 0 \+ 1 = -1"),
        (lambda: convolve(X, np.ones((2, 3))), r"Along the columns: .* 1·\(3−1\) \+ 1 = 3 is more than 2 \+ 2·0 = 2"),
        (lambda: convolve(X, KERNEL, stride=0), "The stride must be 1 or more; got 0"),
        (lambda: convolve(X, KERNEL, padding=(0, -1)), "The padding must be 0 or more"),
        (lambda: convolve(X, KERNEL, groups=2), "1 channels in 2 parts"),
        (lambda: convolve(X, np.ones((1, 1, 2, 2))), r"input \(2, 2\) the kernel must be numbers \(kH, kW\)"),
        (lambda: convolve(np.ones((3, 4, 4)), np.ones((2, 2, 2, 2))), "2 in each of 1 groups input channels"),
        (lambda: transposed_convolve(np.ones((3, 4, 4)), np.ones((2, 2, 2, 2))), "is for 2 input channels"),
        (lambda: convolve(X, [[np.nan]]), "NaN"),
        (lambda: convolve(X, np.ones((0, 2))), "must be numbers"),
        (lambda: convolution_matrix((0, 2), KERNEL), "at least one cell"),
        (lambda: adjoint_gap(X, X, KERNEL), r"output, \(1, 1\); got \(2, 2\)"),
        (lambda: bilinear_kernel(0), "stride must be 1 or more"),
        (lambda: stamps([X], KERNEL), "one channel"),
        (lambda: transposed_size(2, 2, output_padding=-1), "output padding must be 0 or more"),
        (lambda: sizes_that_give(0, 2), "size must be 1 or more"),
    ],
)
def test_refusals_name_the_rule_and_the_numbers(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_a_signal_of_one_row():
    (x, kernel) = numbers(7, (1, 9), (1, 3))
    found = transposed_convolve(x, kernel, (1, 2), (0, 1), (0, 1)).output
    expected = F.conv_transpose1d(
        torch.tensor(x)[None], torch.tensor(kernel)[None], stride=2, padding=1, output_padding=1
    )
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-12)
