"""Overlaps against torch's stamps, the spectrum against waves, and the article's experiment on photos."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from skimage import data

from seglab.upsampling import generator
from seglab.upsampling.checkerboard import overlap_count, spectrum, spike, unevenness
from seglab.upsampling.convolution import convolve, transposed_convolve
from seglab.upsampling.generator import WAYS, generate, learn_pattern, prepare, random_kernels, three_ways, train
from seglab.upsampling.interpolation import nearest

PHOTOS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "cat": data.chelsea()}


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_overlaps_are_what_ones_add_up_to(kernel, stride):
    ones = torch.ones(1, 1, 5, 5)
    stamped = F.conv_transpose2d(ones, torch.ones(1, 1, kernel, kernel), stride=stride)[0, 0].numpy()
    counts = overlap_count(kernel, stride, 5)
    np.testing.assert_array_equal(counts, stamped)
    np.testing.assert_array_equal(counts, np.outer(*[overlap_count(kernel, stride, 5, dims=1)] * 2))
    taps = transposed_convolve(np.ones((5, 5)), np.ones((kernel, kernel)), stride=stride).trace.overlap()
    np.testing.assert_array_equal(counts, taps)
    for dims in (1, 2):
        many = overlap_count(kernel, stride, 40, dims)
        middle = many[(slice(12 * stride, 24 * stride),) * dims]
        assert unevenness(kernel, stride, dims) == pytest.approx(np.ptp(middle) / middle.mean())
        assert (unevenness(kernel, stride, dims) == 0) == (kernel % stride == 0)


def test_the_articles_numbers_by_hand():
    assert overlap_count(3, 2, 3).tolist()[2] == [2, 2, 4, 2, 4, 2, 2]
    assert overlap_count(4, 2, 3, 1).tolist() == [1, 1, 2, 2, 2, 2, 1, 1]
    assert overlap_count(1, 3, 2, 1).tolist() == [1, 0, 0, 1]
    assert unevenness(3, 2, 1) == pytest.approx(1 / 1.5)
    assert unevenness(3, 2, 2) == pytest.approx(3 / 2.25)


@pytest.mark.parametrize(("waves", "side"), [((0, 8), 64), ((10, 0), 64), ((5, 9), 50)])
def test_a_wave_is_two_points_of_the_spectrum(waves, side):
    rows, columns = np.indices((side, side)) / side
    picture = 100 + 6 * np.cos(2 * np.pi * (waves[0] * rows + waves[1] * columns) + 0.7)
    power = spectrum(picture)
    middle = side // 2
    assert power[middle + waves[0], middle + waves[1]] == pytest.approx(9)
    assert power[middle - waves[0], middle - waves[1]] == pytest.approx(9)
    assert power[middle, middle] == pytest.approx(0, abs=1e-12)
    assert power.sum() == pytest.approx(2 * 9 * 2.25)  # each spread over 3 × 3 bins by the window
    np.testing.assert_allclose(spectrum(np.stack([picture] * 3, -1)), power, atol=1e-9)


def test_the_spectrum_is_numpys():
    picture = np.random.default_rng(0).normal(size=(32, 20))
    window = np.outer(*(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in picture.shape))
    faded = (picture - (picture * window).sum() / window.sum()) * window
    expected = np.abs(np.fft.fftshift(np.fft.fft2(faded))) ** 2 / window.sum() ** 2
    np.testing.assert_allclose(spectrum(picture), expected, atol=1e-15)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("period", [2, 4])
def test_photos_have_no_spike_until_a_pattern_is_added(name, period):
    photo = prepare(PHOTOS[name])[0]
    plain = spike(photo, period)
    rows, columns = np.indices(photo.shape[:2])
    pattern = period**2 * ((rows % period == 0) & (columns % period == 0))  # one grey level in the mean
    assert plain < 5
    assert spike(photo + pattern[..., None], period) > 10 * plain
    assert spike(photo[1:, :-1], period) < 5  # sides that the period doesn't divide


def test_flat_pictures_and_noise_have_no_spike():
    assert spike(np.full((64, 64), 200, np.uint8), 2) == pytest.approx(1, abs=0.1)
    noise = np.random.default_rng(0).normal(size=(20, 64, 64))
    assert max(spike(one, 2) for one in noise) < 6
    assert max(spike(gaussian_filter(one, 1), 4) for one in noise) < 12


@pytest.mark.parametrize(("layer", "k"), [("transposed", 2), ("transposed", 3), ("transposed", 4), ("resize", 3)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_layer_is_the_library_convolution_cropped(layer, k, channels):
    dice = np.random.default_rng(0)
    x, kernel = dice.normal(size=(5, 7, *channels)), dice.normal(size=(k, k))
    ours = generator.upsample(x, kernel, layer)
    assert ours.shape == (10, 14, *channels)
    for c in np.ndindex(channels):
        plane = np.pad(x[(..., *c)], 1, "edge")  # a border more, whose stamps are cropped with it
        if layer == "transposed":
            start = 2 + (k - 1) // 2
            expected = transposed_convolve(plane, kernel, stride=2).output[start : start + 10, start : start + 14]
        else:
            expected = convolve(nearest(plane, (14, 18)).output, kernel, padding=1).output[2:-2, 2:-2]
        np.testing.assert_allclose(ours[(..., *c)], expected, atol=1e-12)


def test_a_kernel_is_fitted_as_least_squares_has_it():
    dice = np.random.default_rng(0)
    small, target = dice.normal(size=(6, 6)), dice.normal(size=(24, 24))
    layers = ("resize", "transposed")
    first = random_kernels(0, layers)
    (_, last), _ = train(small, target, first, layers, rounds=1)
    # The last kernel is solved for last, so it must be the best for its input.
    (fitted, _), errors = train(small, target, first, layers, rounds=1)
    middle = generator.upsample(small, fitted, "resize")
    taps = [generator.upsample(middle, tap.reshape(3, 3), "transposed").ravel() for tap in np.eye(9)]
    best = np.linalg.lstsq(np.stack(taps, 1), target.ravel(), rcond=None)[0]
    np.testing.assert_allclose(last.ravel(), best, atol=1e-9)
    got = generate(small, (fitted, last), layers)
    assert errors[-1] == pytest.approx(np.sqrt(np.mean((got - target) ** 2)))


@pytest.mark.parametrize("layers", WAYS.values())
def test_training_never_gets_worse_and_finds_what_made_the_picture(layers):
    target, small = prepare(PHOTOS["cat"])
    _, errors = train(small.mean(-1), target.mean(-1), random_kernels(0, layers), layers)
    assert all(after <= before * (1 + 1e-9) for before, after in pairwise(errors))
    assert errors[-1] < errors[0]
    made = generate(small.mean(-1), random_kernels(5, layers), layers)
    assert train(small.mean(-1), made, random_kernels(6, layers), layers, rounds=10)[1][-1] < 0.05 * made.std()


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_articles_comparison(name, seed):
    twice, last, resize = three_ways(PHOTOS[name], seed)
    assert (twice.way, last.way, resize.way) == tuple(WAYS)
    assert min(twice.spike_before, last.spike_before) > 100
    assert max(resize.spike_before, resize.spike_after) < 2
    assert spike(twice.before, 4) > 100  # also in the bytes that are shown
    for outcome in (twice, last):  # trained on a picture they all but lose it, and yet not quite
        random, trained = (
            generator.upsample(np.ones((1, 1)), kernels[1], "transposed")
            for kernels in (outcome.kernels_before, outcome.kernels_after)
        )
        assert np.ptp(random) > 0.5
        assert np.ptp(trained) < 0.02
        assert 1.2 * resize.spike_after < outcome.spike_after < 0.15 * outcome.spike_before
    for outcome in (twice, last, resize):
        assert outcome.after.shape == outcome.before.shape
        assert outcome.errors[-1] <= outcome.errors[0]
    again = three_ways(PHOTOS[name], seed)[0]
    np.testing.assert_array_equal(again.after, twice.after)


def test_a_flat_picture_shows_the_overlaps_and_resize_none():
    flat = np.full((12, 12), 100.0)
    uniform = np.full((3, 3), 4 / 9)
    stamped = generator.upsample(flat, uniform, "transposed")
    counts = np.tile([[1, 2], [2, 4]], (12, 12))
    np.testing.assert_allclose(stamped, counts * 400 / 9)
    resized = generate(flat, random_kernels(3, ("resize", "resize")), ("resize", "resize"))
    np.testing.assert_allclose(resized, 100)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_divisible_kernel_learns_the_pattern_and_a_resize_layer_cant(name):
    picture, before, (divisible, resize) = learn_pattern(PHOTOS[name])
    assert picture.dtype == np.uint8
    assert before > 100
    assert divisible.spike == pytest.approx(before, rel=0.01)
    assert resize.spike < 2
    assert np.ptp(divisible.phases) > 0.3
    np.testing.assert_allclose(resize.phases, resize.phases.mean())
    np.testing.assert_allclose(divisible.phases, divisible.kernel.reshape(2, 2, 2, 2).sum((0, 2))[::-1, ::-1])


@pytest.mark.parametrize("photo", [np.zeros((32, 64, 3), np.uint8), np.full((40, 33, 3), 255, np.uint8)])
def test_flat_photos_break_nothing(photo):
    assert all(np.isfinite(outcome.errors).all() for outcome in three_ways(photo))
    assert np.isfinite(learn_pattern(photo)[1])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: overlap_count(0, 1, 1), "must be 1 or more"),
        (lambda: overlap_count(1, 1, 0), "1 input or more"),
        (lambda: unevenness(3, 2, 3), "1 or 2 dimensions"),
        (lambda: spectrum(np.ones(5)), "picture"),
        (lambda: spike(np.ones((64, 64)), 1), "period of 2"),
        (lambda: spike(np.ones((31, 64)), 4), "8 periods"),
        (lambda: prepare(np.ones((64, 64, 3))), "uint8"),
        (lambda: prepare(np.ones((31, 64, 3), np.uint8)), "too small"),
        (lambda: generator.upsample(np.ones((4, 4)), np.ones((4, 4)), "resize"), "3×3 for a resize"),
        (lambda: generator.upsample(np.ones((4, 4)), np.ones((5, 5)), "transposed"), "4×4 for a transposed"),
    ],
)
def test_what_is_impossible_says_why(call, says):
    with pytest.raises(ValueError, match=says):
        call()
