"""The drawn nuclei: the same every time, truth without overlaps, and each parameter does what it says."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from seglab.datasets import cells
from seglab.datasets.cells import Parameters

NEIGHBOURS = np.ones((3, 3))


def islands(mask):
    return ndimage.label(mask, NEIGHBOURS)[1]


def test_the_same_every_time_and_each_index_another():
    first, again, other = (cells.draw(3, index) for index in (1, 1, 2))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.ids, again.ids)
    assert not np.array_equal(first.image, other.image)
    assert not np.array_equal(cells.draw(4, 1).image, first.image)
    assert first.key == "cells-3-1"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("touching", "size"), [(0.5, 6), (1.0, 10)])
def test_every_nucleus_is_one_piece_of_a_fair_size(seed, touching, size):
    ids = cells.draw(seed, 0, Parameters(touching=touching, size=size)).ids
    boxes = ndimage.find_objects(ids.astype(int))
    assert len(boxes) >= 35
    assert None not in boxes
    assert all(islands(ids[box] == k) == 1 for k, box in enumerate(boxes, 1))
    assert np.bincount(ids.ravel())[1:].min() >= 8


def test_the_ids_agree_with_the_labels_and_the_light():
    sample = cells.draw(0, 0, Parameters(blur=0, noise=0, unevenness=0))
    assert np.array_equal(sample.labels, sample.ids > 0)
    assert sample.palette.names[1] == "nucleus"
    grey = sample.image[:, :, 0]
    assert (sample.image == grey[:, :, None]).all()
    inside = ndimage.binary_erosion(sample.ids > 0)
    outside = ~ndimage.binary_dilation(sample.ids > 0, NEIGHBOURS)
    assert np.percentile(grey[inside], 1) > np.percentile(grey[outside], 99)


@pytest.mark.parametrize("seed", range(5))
def test_touching(seed):
    """0: no two touch; 1: most do, so that connected components count far too few."""
    apart = cells.draw(seed, 0, Parameters(touching=0)).ids
    assert islands(apart > 0) == apart.max()
    clumped = cells.draw(seed, 0, Parameters(touching=1)).ids
    assert clumped.max() >= 35
    assert islands(clumped > 0) <= 10


def test_size_and_count():
    for size in (5, 10, 20):
        sample = cells.draw(0, 0, Parameters(count=12, size=size, touching=0, height=512, width=512))
        areas = np.bincount(sample.ids.ravel())[1:]
        assert len(areas) == 12
        assert 0.6 * size < np.median(np.sqrt(areas / np.pi)) < 1.4 * size
    assert cells.draw(0, 0, Parameters(count=0)).ids.max() == 0
    full = cells.draw(0, 0, Parameters(count=1000, size=30)).ids.max()
    assert 5 < full < 100  # there is no room for more


def test_blur_noise_and_light():
    def step(blur):  # the steepest edges
        grey = cells.draw(0, 0, Parameters(blur=blur, noise=0, touching=0)).image[:, :, 0].astype(float)
        return np.percentile(np.abs(np.diff(grey, axis=1)), 99)

    assert step(0.5) > 1.5 * step(1.5) > 2 * step(4)

    def grain(noise):
        grey = cells.draw(0, 0, Parameters(noise=noise, count=0)).image[:, :, 0].astype(float)
        return (grey - ndimage.gaussian_filter(grey, 2)).std()

    assert grain(0.1) > 2.5 * grain(0.03) > 2.5 * grain(0.005)

    even, uneven = (
        cells.draw(0, 0, Parameters(unevenness=u, count=0, noise=0)).image[:, :, 0].astype(float) for u in (0, 1)
    )
    assert np.percentile(even, 1) > 0.5 * even.max()
    assert uneven.min() == 0


@pytest.mark.parametrize("size", [(16, 16), (40, 300), (521, 333)])
def test_any_size(size):
    sample = cells.draw(0, 0, Parameters(height=size[0], width=size[1]))
    assert sample.image.shape == (*size, 3)
    assert sample.ids.shape == size


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"count": -1}, "count must be 0 to 1000; got -1"),
        ({"count": 3.5}, "count must be a whole number"),
        ({"size": 1}, "size must be 3 to 100"),
        ({"touching": 1.5}, "touching must be 0 to 1"),
        ({"blur": float("nan")}, "blur must be 0 to 10; got nan"),
        ({"unevenness": 2}, "unevenness must be"),
        ({"noise": -0.1}, "noise must be"),
        ({"width": 8}, "width must be 16 to 4096"),
    ],
)
def test_parameters_are_checked(wrong, message):
    with pytest.raises(ValueError, match=message):
        Parameters(**wrong)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="got -1 and 0"):
        cells.draw(-1)


def test_a_picture_takes_little_time():
    cells.draw()
    start = time.process_time()
    for index in range(10):
        cells.draw(0, index)
    assert time.process_time() - start < 1.0  # 0.2 s on a free core


def test_looks_like_the_real_ones(data):
    """Contrast, spread of brightness and share of nuclei lie within what real grey pictures show."""
    from seglab.datasets import nuclei

    def measure(sample):
        grey = sample.image[:, :, 0].astype(float)
        inside, outside = grey[sample.ids > 0], grey[sample.ids == 0]
        mean = ndimage.mean(grey, sample.ids, np.unique(sample.ids)[1:]) - outside.mean()
        return np.median(inside) / (np.median(outside) + 1), np.std(mean) / np.mean(mean), (sample.ids > 0).mean()

    real = [measure(s) for s in nuclei.load(data, "train", limit=40) if s.image.mean() < 100 and s.ids.max() > 5]
    low, high = np.percentile(real, [5, 95], axis=0)
    drawn = np.mean([measure(cells.draw(0, index)) for index in range(10)], axis=0)
    assert (low <= drawn).all(), (low, drawn)
    assert (drawn <= high).all(), (drawn, high)
