"""The drawn volumes: the same every time, both classes there, and neither a slice nor a brightness tells which."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from seglab.datasets import volumes
from seglab.datasets.volumes import Volumes, draw


@pytest.fixture(scope="module")
def some():
    return [draw(0, index) for index in range(20)]


def test_the_same_every_time_and_each_index_another():
    first, again, other = (draw(3, index) for index in (1, 1, 2))
    assert np.array_equal(first.voxels, again.voxels)
    assert np.array_equal(first.labels, again.labels)
    assert not np.array_equal(first.voxels, other.voxels)
    assert not np.array_equal(draw(4, 1).voxels, first.voxels)
    assert first.key == "volumes-3-1"
    assert np.array_equal(Volumes(3, 5)[1].voxels, first.voxels)


def test_what_it_is(some):
    for volume in some:
        assert volume.voxels.shape == volume.labels.shape == (32, 64, 64)
        assert volume.voxels.dtype == np.float32
        assert volume.labels.dtype == np.uint8
        assert np.isfinite(volume.voxels).all()
        assert set(np.unique(volume.labels)) == {0, 1, 2}
    shares = np.mean([np.bincount(v.labels.ravel(), minlength=3) / v.labels.size for v in some], axis=0)
    assert 0.005 < shares[1] < 0.05
    assert 0.01 < shares[2] < 0.1


def test_blobs_are_round_and_touch_nothing(some):
    for volume in some:
        labels, n = ndimage.label(volume.labels > 0, np.ones((3, 3, 3)))
        for k, box in enumerate(ndimage.find_objects(labels), 1):
            here = volume.labels[box][labels[box] == k]
            assert len(np.unique(here)) == 1  # of one class: no blob touches a tube
            if here[0] == 1:
                assert max(side.stop - side.start for side in box) <= 2 * 1.4 * volumes.RADIUS[1]
        assert n >= 2


def test_tubes_are_long(some):
    for volume in some:
        labels, _ = ndimage.label(volume.labels == 2, np.ones((3, 3, 3)))
        longest = max(max(s.stop - s.start for s in box) for box in ndimage.find_objects(labels))
        assert longest >= 20


def test_the_light_is_where_the_labels_are():
    volume = draw(5, 0, noise=0)
    for k in (1, 2):
        inside = ndimage.binary_erosion(volume.labels == k)
        assert volume.voxels[inside].mean() > 0.7
    outside = ~ndimage.binary_dilation(volume.labels > 0, iterations=3)
    assert abs(volume.voxels[outside].mean()) < 0.25
    assert volume.voxels[outside].max() < 0.8


def test_no_threshold_finds_the_things(some):
    """The baseline that a network has to beat: the best threshold on a voxel's brightness, even knowing the truth."""
    voxels = np.concatenate([v.voxels.ravel() for v in some])
    thing = np.concatenate([v.labels.ravel() > 0 for v in some])

    def iou(threshold):
        found = voxels > threshold
        return (found & thing).sum() / (found | thing).sum()

    assert max(iou(t) for t in np.linspace(0.2, 2, 19)) < 0.5


def test_brightness_does_not_tell_blob_from_tube():
    """Of single volumes it may, by chance; of many it doesn't."""
    many = [draw(1, index, noise=0) for index in range(40)]
    bright = [np.mean([v.voxels[ndimage.binary_erosion(v.labels == k)].mean() for v in many]) for k in (1, 2)]
    assert bright[0] == pytest.approx(bright[1], rel=0.1)


def test_a_slice_does_not_tell_blob_from_tube(some):
    """The area of a piece in a slice: at its best threshold it is right little more often than a guess."""
    areas: dict[int, list[int]] = {1: [], 2: []}
    for volume in some:
        for plane in volume.labels:
            for k in (1, 2):
                pieces, n = ndimage.label(plane == k)
                areas[k] += np.bincount(pieces.ravel())[1:].tolist() if n else []
    blob, tube = (np.array(areas[k]) for k in (1, 2))
    right = [((tube > t).mean() + (blob <= t).mean()) / 2 for t in range(1, 200)]
    assert max(right) < 0.75


def test_noise_and_size():
    def grain(noise):
        voxels = draw(0, 0, noise=noise).voxels
        return (voxels - ndimage.gaussian_filter(voxels, 2)).std()

    assert grain(1.0) > 1.8 * grain(0.5) > 1.8 * grain(0.2)
    assert draw(0, 0, size=(16, 40, 24)).labels.shape == (16, 40, 24)
    assert np.bincount(draw(0, 0, size=(64, 64, 64)).labels.ravel(), minlength=3).min() > 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "got -1 and 0"),
        ({"size": (8, 64, 64)}, "16 voxels or more"),
        ({"size": (64, 64)}, "16 voxels or more"),
        ({"noise": -1}, "0 or more; got -1"),
        ({"noise": float("nan")}, "got nan"),
    ],
)
def test_arguments_are_checked(wrong, message):
    with pytest.raises(ValueError, match=message):
        draw(**wrong)


def test_there_is_no_volume_past_the_end():
    with pytest.raises(IndexError, match="0 to 4; got 5"):
        Volumes(0, 5)[5]


def test_a_volume_takes_little_time():
    draw()
    start = time.process_time()
    for index in range(5):
        draw(0, index)
    assert time.process_time() - start < 1.5  # 0.3 s on a free core
