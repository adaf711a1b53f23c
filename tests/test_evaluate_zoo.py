"""How architectures are measured: against the metrics of single masks, scikit-image, and answers known by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from seglab import evaluate_zoo
from seglab.datasets import axes, scenes, volumes
from seglab.datasets.scenes import Parameters
from seglab.metrics.boundary import boundary_iou
from seglab.metrics.confusion import confusion_matrix, iou, mean_iou
from seglab.palettes import SCENES
from seglab.types import Sample


@pytest.fixture(scope="module")
def some():
    return axes.unseen("thin", 4)


def moved(labels: np.ndarray) -> np.ndarray:
    return np.roll(labels, (1, 2), (0, 1))


def of_labels(give):
    return lambda samples: ((give(s), 0.5) for s in samples)


# ---- the axes


def test_the_training_set_varies_all_axes_and_is_always_the_same():
    drawn = [axes.parameters(i) for i in range(60)]
    often = Counter((p.scale, p.thin, p.context) for p in drawn)  # thin is 0.3 twice as often, context 0 as well
    assert often == {(s, t, c): n * m for s in axes.SCALES for t, n in ((0.3, 2), (0.6, 1), (1.0, 1)) for c, m in
                     ((0.0, 2), (1.0, 1))}  # fmt: skip
    assert {p.scale for p in drawn} == {(8, 128), (8, 16), (16, 32), (32, 64), (64, 128)}
    assert {p.thin for p in drawn} == {0.3, 0.6, 1.0}
    assert {p.context for p in drawn} == {0.0, 1.0}
    first, again = axes.training(3), axes.training(2)
    assert np.array_equal(first[1].image, again[1].image)
    assert first[0].ids is None
    assert axes.SEED not in (scenes.TEST_SEED, 1, 2)  # what `scenes` was trained on, and is checked with


def test_a_split_differs_from_the_test_set_in_one_thing():
    plain = Parameters()
    for name, parameters in axes.SPLITS.items():
        differing = [f for f in vars(plain) if getattr(plain, f) != getattr(parameters, f)]
        assert differing == {"test": [], "thin": ["thin"], "context": ["context"]}.get(name, ["scale"])
    assert next(iter(axes.SPLITS)) == "test"
    wanted = scenes.Scenes(scenes.TEST_SEED, 5, Parameters(scale=(8, 16)))[2]
    assert np.array_equal(axes.unseen("8-16", 3)[2].image, wanted.image)
    assert len(axes.unseen("test", 3)) == 3
    with pytest.raises(ValueError, match="No split 'wide'; there are test, 8-16"):
        axes.unseen("wide", 1)


def test_scenes_survive_being_kept_in_files(tmp_path, some):
    images, labels = axes.arrays(some)
    np.save(tmp_path / "images.npy", images)
    kept = axes.samples(np.load(tmp_path / "images.npy", mmap_mode="r"), labels, "thin")
    assert all(np.array_equal(a.image, b.image) and np.array_equal(a.labels, b.labels) for a, b in zip(kept, some))  # noqa: B905
    assert kept[3].key == "thin-3"


# ---- the measures


def test_boundary_counts_are_those_of_each_class_alone(some):
    for sample in some:
        both, either = evaluate_zoo.boundary_counts(sample.labels, moved(sample.labels), 11)
        for k in range(11):
            wanted = boundary_iou(sample.labels == k, moved(sample.labels) == k)
            assert (math.nan if not either[k] else both[k] / either[k]) == pytest.approx(wanted, nan_ok=True)


def test_boundary_counts_of_volumes_by_hand():
    """A single voxel in a block of another class: the band of 1 px is all of 3×3×3, and the shell of the block."""
    truth = np.zeros((7, 7, 7), np.uint8)
    truth[3, 3, 3] = 1
    both, either = evaluate_zoo.boundary_counts(truth, np.zeros_like(truth), 2)
    shell = 7**3 - 5**3
    assert both.tolist() == [shell, 0]  # d = 2 % of 12.1 → 1 px at least
    assert either.tolist() == [shell + 26, 1]


def test_thin_structures_are_what_an_opening_takes_away(some):
    labels = some[0].labels
    wanted = np.zeros(labels.shape, bool)
    for k in np.unique(labels):
        mask = np.pad(labels == k, 2, mode="edge")  # beyond the picture all goes on
        wanted |= (labels == k) & ~ndimage.binary_opening(mask, np.ones((3, 3)))[2:-2, 2:-2]
    # Edge padding goes on with the last pixel only; inside, where it has no say, the two must agree.
    found = evaluate_zoo.thin_structures(labels)
    assert np.array_equal(found[2:-2, 2:-2], wanted[2:-2, 2:-2])
    assert 0.005 < found.mean() < 0.5


def test_measures_are_of_the_whole_split(some):
    found = evaluate_zoo.measure(some, of_labels(lambda s: moved(s.labels)))
    matrix = sum(confusion_matrix(s.labels, moved(s.labels), 11) for s in some)
    assert found.mean_iou == pytest.approx(mean_iou(matrix))
    assert found.pixel_accuracy == pytest.approx(np.trace(matrix[:, :11]) / matrix.sum())
    by_class = dict(zip(SCENES.names, iou(matrix), strict=True))
    things = [by_class[name] for name in ("car", "person", "dog", "ball", "sign")]
    assert found.things_iou == pytest.approx(np.nanmean(things))
    assert found.alike_iou == pytest.approx(np.nanmean([by_class[name] for name in axes.ALIKE]))
    thin = [(evaluate_zoo.thin_structures(s.labels), s.labels == moved(s.labels)) for s in some]
    assert found.thin_recall == pytest.approx(sum((a & b).sum() for a, b in thin) / sum(a.sum() for a, _ in thin))
    assert 0 < found.boundary_iou < found.mean_iou
    assert found.confidence_p05 == 0.5


def test_a_perfect_answer_is_perfect_and_what_is_absent_is_none(some):
    labels = np.zeros((20, 20), np.uint8)
    sky = Sample(np.zeros((20, 20, 3), np.uint8), labels, SCENES, "sky")
    found = evaluate_zoo.measure([sky], of_labels(lambda s: s.labels)).as_dict()
    assert (found["mean_iou"], found["boundary_iou"], found["iou"]["sky"]) == (1.0, 1.0, 1.0)
    assert found["thin_recall"] is found["things_iou"] is found["iou"]["car"] is None
    with pytest.raises(ValueError, match="nothing to measure"):
        evaluate_zoo.measure([], of_labels(lambda s: s.labels))


# ---- who answers


class Brightest(nn.Module):
    """Class 0 where red is above 0 after normalising, else 2."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        z = torch.zeros(len(x), 11, *x.shape[2:])
        z[:, 0], z[:, 2] = 9 * self.scale * x[:, 0], 0
        return z


def test_a_network_answers_in_batches(some, monkeypatch):
    monkeypatch.setattr(evaluate_zoo, "BATCH", 3)
    answers = list(evaluate_zoo.network(Brightest().train())(some))
    assert len(answers) == 4
    for sample, (labels, confidence) in zip(some, answers, strict=True):
        red = sample.image[..., 0] / 255 > 0.485
        assert np.array_equal(labels == 0, red)
        assert labels.dtype == np.uint8
        assert 1 / 11 < confidence <= 1


def test_the_majority_class(some):
    counts = np.bincount(np.concatenate([s.labels.ravel() for s in some]), minlength=11)
    (labels, share), *_ = evaluate_zoo.majority(some)(some[:1])
    assert set(labels.ravel()) == {counts.argmax()}
    assert share == pytest.approx(counts.max() / counts.sum())


def test_the_colour_table_knows_colours_and_nothing_else():
    palette = SCENES
    image = np.zeros((8, 8, 3), np.uint8)
    labels = np.zeros((8, 8), np.uint8)
    image[:, 4:], labels[:, 4:] = (200, 10, 10), 6
    labels[0, 4] = 7  # outvoted
    train = Sample(image, labels, palette, "train")
    shuffled = Sample(np.ascontiguousarray(image[:, ::-1]), labels, palette, "shuffled")
    (found, sure), *_ = evaluate_zoo.colour_table([train])([shuffled])
    assert np.array_equal(found, np.where(shuffled.image[..., 0] == 200, 6, 0))
    assert sure == pytest.approx((1 + 31 / 32) / 2)
    other = Sample(np.full((8, 8, 3), 99, np.uint8), labels, palette, "never seen")
    (found, _), *_ = evaluate_zoo.colour_table([train])([other])
    assert set(found.ravel()) == {0}  # the commonest of all: 32 pixels against 31


def test_volumes_are_measured_alike():
    some = [volumes.draw(5, i, (16, 32, 32)) for i in range(2)]
    for fit in evaluate_zoo.BASELINES.values():
        found = evaluate_zoo.measure(some, fit(some))
        assert 0 < found.mean_iou < 0.7
        assert math.isnan(found.alike_iou)
    assert evaluate_zoo.inputs(some[0]).shape == (1, 16, 32, 32)
    assert evaluate_zoo.measure(some, of_labels(lambda s: s.labels)).mean_iou == 1
