"""Interpolation against torch for all sizes, its numbers from the lecture, and the rulers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from seglab.upsampling import bicubic, bilinear, nearest, source_coordinates

GOLDEN = json.loads((Path(__file__).parent / "golden" / "lecture_examples.json").read_text())
METHODS = {
    "nearest": (nearest, {"mode": "nearest"}),
    "bilinear, edges": (lambda x, size: bilinear(x, size, False), {"mode": "bilinear", "align_corners": False}),
    "bilinear, corners": (lambda x, size: bilinear(x, size, True), {"mode": "bilinear", "align_corners": True}),
    "bicubic, edges": (lambda x, size: bicubic(x, size, False), {"mode": "bicubic", "align_corners": False}),
    "bicubic, corners": (lambda x, size: bicubic(x, size, True), {"mode": "bicubic", "align_corners": True}),
}


def torch_resize(x, **options):
    return F.interpolate(torch.tensor(x)[None], **options)[0].numpy()


def check_trace(found, x):
    np.testing.assert_array_equal((found.trace.matrix @ x.ravel()).reshape(found.output.shape), found.output)


def test_nearest_of_the_lecture():
    case = GOLDEN["nearest_x2"]
    assert nearest(case["input"], 4).output.tolist() == case["output"]


def test_bilinear_of_the_lecture_by_edges():
    case = GOLDEN["bilinear_align_corners_false"]
    found = bilinear(case["input"], tuple(case["size"]), align_corners=False)
    np.testing.assert_allclose(found.output, case["output"], atol=1e-12)
    assert found.trace.sum_written(case["input"], (0, 1)) == "0.75·10 + 0.25·20 = 12.5"


def test_bilinear_of_the_lecture_by_corners_and_by_hand():
    case = GOLDEN["bilinear_align_corners_true"]
    found = bilinear(case["input"], tuple(case["size"]), align_corners=True)
    np.testing.assert_array_equal(found.output.round(), case["output_rounded"])
    by_hand = case["by_hand"]
    assert found.output[1, 1] == pytest.approx(by_hand["middle"], abs=1e-12)
    top, bottom = (bilinear([row], (1, 4), True).output[0, 1] for row in case["input"])
    assert top == pytest.approx(by_hand["top"], abs=1e-6)
    assert bottom == pytest.approx(by_hand["bottom"], abs=1e-6)
    assert found.output[0, 1] == pytest.approx(top)
    assert found.output[3, 1] == pytest.approx(bottom)
    assert found.trace.sum_written(case["input"], (1, 1)) == "4/9·10 + 2/9·20 + 2/9·30 + 1/9·40 = 20"


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.integers(0, 10**6),
)
def test_any_size_is_torchs(name, shape, size, seed):
    ours, options = METHODS[name]
    x = np.random.default_rng(seed).normal(size=shape)
    found = ours(x, size)
    np.testing.assert_allclose(found.output, torch_resize(x, size=size, **options), atol=1e-6)
    check_trace(found, x)
    np.testing.assert_allclose(found.trace.apply(np.ones(shape)), 1)  # the weights of each output sum to 1
    if shape[0] == 1:
        np.testing.assert_array_equal(ours(x[0], size).output, found.output[0])


def test_nearest_is_torchs_for_every_pair_of_sizes_up_to_64():
    for n_in in range(1, 65):
        x = np.arange(n_in, dtype=float)[None, None]
        for n_out in range(1, 65):
            expected = F.interpolate(torch.tensor(x), size=n_out, mode="nearest")[0].numpy()
            np.testing.assert_array_equal(nearest(x[0], (1, n_out)).output, expected)


@pytest.mark.parametrize(("n_in", "n_out"), [(5, 305), (2, 710), (168, 72), (15, 740)])
def test_nearest_is_exact_where_float32_is_not(n_in, n_out):
    x = np.arange(n_in, dtype=float)[None, None]
    expected = F.interpolate(torch.tensor(x), size=n_out, mode="nearest")[0].numpy()
    np.testing.assert_array_equal(nearest(x[0], (1, n_out)).output, expected)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.booleans())
def test_coordinates_are_where_torch_samples(n_in, n_out, align_corners):
    """Bilinear interpolation of a ramp reads off the clamped coordinate."""
    ramp = torch.arange(n_in, dtype=torch.float64)[None, None, None]
    read = F.interpolate(ramp, size=(1, n_out), mode="bilinear", align_corners=align_corners)[0, 0, 0]
    ours = source_coordinates(n_in, n_out, align_corners)
    np.testing.assert_allclose(ours.clip(0, n_in - 1), read, atol=1e-9)


def test_whole_coordinates_are_exactly_whole():
    for n_in in range(1, 30):
        for factor in (1, 2, 3, 4, 7, 10, 49, 98, 103):  # 49 · (1 / 49) is less than 1
            found = source_coordinates(n_in, (n_in - 1) * factor + 1, True)
            assert found[::factor].tolist() == list(range(n_in))
            if factor % 2:
                assert source_coordinates(n_in, n_in * factor, False)[factor // 2 :: factor].tolist() == list(
                    range(n_in)
                )


def test_taps_are_the_neighbours_that_are_read():
    inside = bilinear(np.eye(4), 8, align_corners=False).trace
    assert inside.sources((3, 4)) == [((1, 1), 0.1875), ((1, 2), 0.5625), ((2, 1), 0.0625), ((2, 2), 0.1875)]
    assert inside.sources((0, 0)) == [((0, 0), 1.0)]  # the edge repeated is one tap
    whole = bilinear(np.eye(4), 7, align_corners=True).trace
    assert whole.sources((2, 2)) == [((1, 1), 1.0), ((1, 2), 0.0), ((2, 1), 0.0), ((2, 2), 0.0)]
    assert bicubic(np.eye(6), 12, align_corners=False).trace.overlap()[5, 5] == 16
    assert set(nearest(np.eye(3), (7, 5)).trace.overlap().ravel().tolist()) == {1}


def test_channels_do_not_mix():
    found = bicubic(np.zeros((2, 4, 4)), 8, align_corners=False).trace
    assert {at[0] for at, _ in found.sources((1, 3, 3))} == {1}
    assert {at[0] for at, _ in found.targets((0, 2, 2))} == {0}


@pytest.mark.parametrize("size", [0, (3, 0), -1])
def test_an_empty_size_is_refused_here_and_by_torch(size):
    for ours, options in METHODS.values():
        with pytest.raises(ValueError, match="size must be 1 or more"):
            ours(np.eye(2), size)
        with pytest.raises(RuntimeError, match="greater than 0"):
            F.interpolate(torch.ones(1, 1, 2, 2), size=size, **options)


def test_impossible_rulers_are_refused():
    with pytest.raises(ValueError, match="1 or more"):
        source_coordinates(0, 3, True)
