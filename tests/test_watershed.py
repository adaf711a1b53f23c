"""Objects from probabilities: against scikit-image's own measures, and shapes whose answer is known."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure

from seglab import watershed
from seglab.datasets import cells, nuclei
from seglab.losses.border import separate
from seglab.palettes import CAMVID, VOC


def disk(shape, y, x, r):
    yy, xx = np.ogrid[: shape[0], : shape[1]]
    return (yy - y) ** 2 + (xx - x) ** 2 <= r * r


def soft(mask, sigma=1.0):
    return ndimage.gaussian_filter(mask.astype(np.float32), sigma).clip(0, 1)


def dsb_score(truth, found, threshold=0.5):
    """TP / (TP + FP + FN), pair by pair, as the Data Science Bowl scores a picture."""
    matched = 0
    for k in np.unique(truth[truth > 0]):
        mask = truth == k
        for j in np.unique(found[mask]):
            other = found == j
            if j and (mask & other).sum() > threshold * (mask | other).sum():
                matched += 1
    return matched / (truth.max() + len(np.unique(found[found > 0])) - matched)


@pytest.fixture
def scene():
    return soft(cells.draw(5, 0, cells.Parameters(count=60, touching=0.4)).ids > 0)


def test_components_are_what_scikit_image_finds(scene):
    result = watershed.components(scene, min_area=1)
    oracle = measure.regionprops(measure.label(scene > 0.5, connectivity=2), scene)
    assert len(result) == len(oracle) > 10
    got = {tuple(box.astype(int)): (score, crop.mask().sum()) for box, score, crop in _objects(result)}
    for region in oracle:
        y0, x0, y1, x1 = region.bbox
        score, area = got[x0, y0, x1, y1]
        assert area == region.area
        assert score == pytest.approx(region.intensity_mean, rel=1e-5)


def _objects(result):
    return zip(result.boxes, result.scores, result.crops, strict=True)


@pytest.mark.parametrize("options", [{}, {"confident": 0.5, "threshold": 0.5}])
def test_a_result_holds_together(scene, options):
    result = watershed.split(scene, min_area=20, **options)
    assert (np.diff(result.scores) <= 0).all()
    assert (result.classes == 1).all()
    masks = np.array([result.mask(i) for i in range(len(result))])
    assert masks.sum(0).max() == 1  # none overlap
    assert masks.sum((1, 2)).min() >= 20
    for mask, box, score in zip(masks, result.boxes, result.scores, strict=True):
        ys, xs = np.nonzero(mask)
        assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        assert score == pytest.approx(scene[mask].mean(), rel=1e-5)
        assert scene[mask].min() > options.get("threshold", 0.3)


def test_a_gap_tells_two_apart_where_components_see_one():
    """Two squares with a dip of 0.5 between them: the dip is shared out, and nothing below the threshold is taken."""
    p = np.zeros((20, 41), np.float32)
    p[5:15, 5:20], p[5:15, 20], p[5:15, 21:36] = 0.9, 0.55, 0.9
    assert len(watershed.components(p)) == 1
    result = watershed.split(p)
    assert len(result) == 2
    assert all(150 <= result.mask(i).sum() <= 160 for i in range(2))
    assert (result.ids() > 0).sum() == 310
    assert len(watershed.split(p, threshold=0.5, confident=0.5)) == 1  # no confidence asked for, no gap seen


def test_what_is_nowhere_confident_is_no_object():
    p = np.zeros((20, 20), np.float32)
    p[5:15, 5:15] = 0.65
    assert len(watershed.split(p)) == 0
    assert len(watershed.components(p)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_touching_nuclei(seed):
    """With gaps, as border weights teach them, nearly all are found; connected components of the plain mask merge."""
    truth = cells.draw(seed, 0, cells.Parameters(touching=0.8)).ids
    n = int(truth.max())
    merged = len(watershed.components(soft(truth > 0)))
    found = watershed.split(soft(separate(truth) > 0, 0.7))
    assert merged < 0.6 * n
    assert abs(len(found) - n) <= 2
    assert dsb_score(truth, found.ids()) > 0.9


def test_small_ones_are_dropped_and_noise_is_no_seed():
    p = np.zeros((30, 30), np.float32)
    p[2:6, 2:6], p[10:20, 10:20] = 0.9, 0.9
    p[25, 15:26] = 1
    assert len(watershed.split(p, min_area=17)) == 1
    assert len(watershed.split(p)) == 2
    assert len(watershed.split(p, min_area=1)) == 2  # the eleven pixels are no seed
    assert len(watershed.components(p, min_area=1)) == 3


@pytest.mark.parametrize("find", [watershed.split, watershed.components])
def test_nothing_and_everything(find):
    empty = find(np.zeros((7, 9), np.float32))
    assert len(empty) == 0
    assert empty.size == (7, 9)
    assert empty.boxes.shape == (0, 4)
    full = find(np.ones((7, 9), bool))
    assert len(full) == 1
    assert full.boxes.tolist() == [[0, 0, 9, 7]]
    assert full.scores.tolist() == [1]
    assert find(np.full((7, 9), np.float32(1 + 1e-6))).scores.tolist() == [1]  # a softmax's rounding


def test_the_input_is_left_alone(scene):
    kept = scene.copy()
    watershed.split(scene)
    watershed.components(scene)
    assert np.array_equal(scene, kept)


def test_errors_say_what_is_wanted():
    p = np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"within 0\.\.1; got 0 to 3\. Take softmax"):
        watershed.split(p + 3 * np.eye(4, dtype=np.float32))
    with pytest.raises(ValueError, match="got nan"):
        watershed.split(np.full((4, 4), np.nan))
    with pytest.raises(ValueError, match=r"got float32 \(1, 4, 4\)"):
        watershed.components(p[None])
    with pytest.raises(ValueError, match="got uint8"):
        watershed.components(p.astype(np.uint8))
    with pytest.raises(ValueError, match=r"threshold 0\.8, confident 0\.7"):
        watershed.split(p, threshold=0.8)
    with pytest.raises(ValueError, match="one thing; got PASCAL VOC"):
        watershed.split(p, palette=VOC)


def test_components_of_a_street():
    labels = np.full((60, 80), CAMVID.index("Road"), np.uint8)
    labels[50:] = 255
    car, walker = CAMVID.index("Car"), CAMVID.index("Pedestrian")
    labels[10:20, 5:25], labels[20:30, 25:40] = car, car  # touch at a corner: one, as said
    labels[30:40, 60:65], labels[5:8, 70:72] = walker, walker
    labels[12:14, 25:30] = walker  # beside the car, but of another class
    ids = watershed.components_of(labels, CAMVID)
    assert ids.dtype == np.uint16
    assert np.unique(ids).tolist() == [0, 1, 2, 3, 4]
    for k in np.unique(ids)[1:]:
        assert len(np.unique(labels[ids == k])) == 1
    assert set(np.unique(labels[ids > 0])) == {car, walker}
    assert np.unique(watershed.components_of(labels, CAMVID, min_area=8)).tolist() == [0, 1, 2, 3]  # 6 pixels fall
    assert np.unique(watershed.components_of(labels, CAMVID, min_area=11)).tolist() == [0, 1, 2]


def test_components_of_equals_the_oracle():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 21, (30, 40)), np.ones((3, 3))).astype(np.uint8)
    ids = watershed.components_of(labels, VOC)
    oracle = measure.label(labels, background=0, connectivity=2)
    pairs = np.unique(np.stack([ids.ravel(), oracle.ravel()]), axis=1)
    assert pairs.shape[1] == ids.max() + 1 == oracle.max() + 1  # one to one


def test_more_things_than_ids():
    labels = np.zeros((600, 600), np.uint8)
    labels[::2, ::2] = 1
    with pytest.raises(ValueError, match=r"90000 components.*raise min_area"):
        watershed.components_of(labels, VOC)


def test_many_nuclei_on_a_large_picture_are_quick():
    how = cells.Parameters(count=320, size=14, height=1040, width=1388)
    p = soft(cells.draw(0, 0, how).ids > 0)
    start = time.process_time()
    result = watershed.split(p)
    assert time.process_time() - start < 1.5  # 0.2 s on a free core
    assert len(result) > 150


def test_real_nuclei(data):
    """Training pictures: with gaps cut into the truth, nearly all nuclei come back; without, components lose many."""
    samples = nuclei.load(data, "train", limit=15)
    gaps = [dsb_score(s.ids, watershed.split(soft(separate(s.ids) > 0, 0.7)).ids()) for s in samples]
    plain = [dsb_score(s.ids, watershed.components(soft(s.ids > 0)).ids()) for s in samples]
    assert np.mean(gaps) > 0.95
    assert np.mean(plain) < np.mean(gaps) - 0.03
