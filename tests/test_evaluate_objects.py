"""Object scores over a split: known answers to known truths, by hand; the command prints what the function counts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from seglab import __main__ as cli
from seglab import evaluate_objects as eo
from seglab import objects, runtime, zoo
from seglab.datasets import cells, scenes
from seglab.palettes import NUCLEI, SCENES
from seglab.specs import Selection
from seglab.truths import instances_of, truth
from seglab.types import SemanticResult
from seglab.zoo import Preprocess


class Answers(nn.Module):
    """Gives each picture that it knows the class map it was told, as sure logits."""

    def __init__(self, known):
        super().__init__()
        self.known = known
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        labels = next(labels for size, labels in self.known.items() if size == tuple(x.shape[-2:]))
        one_hot = torch.nn.functional.one_hot(torch.from_numpy(labels).long(), 2).permute(2, 0, 1)[None]
        return one_hot.float() * 20


def nuclei_model(sample):
    net = Answers({sample.labels.shape: sample.labels})
    return runtime.ready("answers", net, NUCLEI, Preprocess(0), "x" * 16, zoo.get("nuclei-unet"))


def test_touching_cells_without_gaps_merge_in_both_ways_of_counting():
    sample = cells.draw(3, 0, cells.Parameters(count=6, size=16, height=128, width=128))
    ids = np.zeros((128, 128), np.uint16)
    ids[10:40, 10:30], ids[10:40, 30:50], ids[80:100, 80:100] = 1, 2, 3  # two that touch, one alone
    sample = replace(sample, ids=ids, labels=(ids > 0).astype(np.uint8))
    found = eo.evaluate_objects(nuclei_model(sample), [sample])
    assert found.ap is None
    # Both ways find one merged object (IoU ½ with either: no match at > ½) and the one alone: TP 1, FP 1, FN 2.
    assert found.as_dict()["objects"]["0.50"] == 0.25
    assert found.as_dict()["objects_by_components"]["0.50"] == 0.25
    apart = replace(sample, labels=np.where(np.isin(np.arange(128), (29, 30))[None], 0, sample.labels).astype(np.uint8))
    model = nuclei_model(apart)  # a net that learnt the gap
    report = eo.evaluate_objects(model, [sample]).as_dict()
    assert report["objects"]["0.50"] == 1.0
    assert report["objects"]["0.95"] == pytest.approx(1 / 5)  # 19 of 20 columns are no more than 0.95: TP 1, FP 2, FN 2


@pytest.fixture
def found_all_but_one(monkeypatch):
    """A detector that finds what there is, but for the last object of each picture, and a perfect semantic net."""

    def detect(image, model):
        sample = next(s for s in SAMPLES if np.array_equal(s.image, image))
        return instances_of(truth(sample))

    def select(found, *, score, nms, mask_threshold, limit):
        assert (score in (0.05, 0.7), nms, mask_threshold) == (True, 0.2, 0.4)  # the model's own; AP ranks by score
        n = len(found) - 1
        return replace(found, boxes=found.boxes[:n], classes=found.classes[:n], scores=found.scores[:n],
                       crops=found.crops[:n])  # fmt: skip

    def segment(image, model):
        sample = next(s for s in SAMPLES if np.array_equal(s.image, image))
        return SemanticResult(sample.labels, np.zeros((len(SCENES), 2, 2), np.float16), SCENES)

    monkeypatch.setattr(eo, "detect", detect)
    monkeypatch.setattr(eo, "select", select)
    monkeypatch.setattr(eo.inference, "segment", segment)
    spec = replace(zoo.get("scenes-instances"), selection=Selection(0.7, 0.2, 0.4))
    return runtime.ready(spec.key, spec.build(), spec.palette, spec.preprocess, "y" * 16, spec)


SAMPLES = [scenes.Scenes(11, 3)[i] for i in range(3)]


def test_a_missed_object_counts_once_in_each_score(found_all_but_one):
    semantic = replace(found_all_but_one, key="semantic")
    found = eo.evaluate_objects(found_all_but_one, SAMPLES, semantic)
    things = sum(len(instances_of(truth(s))) for s in SAMPLES)
    assert found.as_dict()["objects"]["0.50"] == pytest.approx((things - 3) / things, abs=1e-4)
    sums = found.panoptic
    assert sums is not None
    missed = np.zeros(len(SCENES), int)
    for s in SAMPLES:
        missed[instances_of(truth(s)).classes[-1]] += 1
    np.testing.assert_array_equal(sums.fn[list(SCENES.things)], missed[list(SCENES.things)])
    assert sums.fp.sum() == 0
    assert found.as_dict()["panoptic_stuff"]["pq"] > 0.95  # small areas of stuff are dropped by the fusion
    stats = found.ap.per_class  # type: ignore[union-attr]
    for k in SCENES.things:
        total = sum(int((instances_of(truth(s)).classes == k).sum()) for s in SAMPLES)
        if total:  # precision 1 up to the recall that is reached, 0 beyond: 101 recalls, 0 among them
            recall = (total - missed[k]) / total
            assert stats[k] == pytest.approx((np.floor(recall * 100 + 1e-9) + 1) / 101 if recall else 0, abs=1e-9)


def test_what_cannot_be_compared(found_all_but_one):
    with pytest.raises(ValueError, match="labelled with the classes of Nuclei"):
        eo.evaluate_objects(found_all_but_one, [cells.draw(1, 0)])
    with pytest.raises(ValueError, match="needs ids"):
        eo.evaluate_objects(found_all_but_one, [replace(SAMPLES[0], ids=None)])
    with pytest.raises(ValueError, match="holds no pictures"):
        eo.evaluate_objects(found_all_but_one, [])


def test_find_by_either_kind_of_model(found_all_but_one):
    sample = cells.draw(3, 0, cells.Parameters(count=4, size=14, height=96, width=96))
    found = objects.find(sample.image, nuclei_model(sample))
    assert 1 <= len(found) <= 6
    random = objects.find(SAMPLES[0].image, found_all_but_one)  # random weights: whatever it is, it fits the picture
    assert random.size == SAMPLES[0].labels.shape
    street = zoo.get("street")
    whole = runtime.ready("street", street.build(), street.palette, street.preprocess, "z" * 16, street)
    with pytest.raises(ValueError, match="can't tell objects"):
        objects.find(SAMPLES[0].image, whole)


def test_find_takes_a_detectors_own_selection(found_all_but_one, monkeypatch):
    asked = []
    monkeypatch.setattr(objects.instances, "select", lambda found, **how: asked.append(how) or found)
    objects.find(SAMPLES[0].image, found_all_but_one)
    assert asked == [{"score": 0.7, "nms": 0.2, "mask_threshold": 0.4, "limit": objects.LIMIT}]


def test_the_command_prints_what_was_counted(found_all_but_one, monkeypatch, capsys):
    import importlib

    command = importlib.import_module("seglab.cli.evaluate")
    monkeypatch.setattr(
        command,
        "load",
        lambda key, path: found_all_but_one if key == "scenes-instances" else replace(found_all_but_one),
    )
    monkeypatch.setattr("seglab.datasets._scenes", lambda split, crops: SAMPLES)
    assert cli.main(["evaluate", "scenes-instances", "--split", "test", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    wanted = eo.evaluate_objects(found_all_but_one, SAMPLES, replace(found_all_but_one, key="scenes")).as_dict()
    assert report["panoptic_all"] == wanted["panoptic_all"]
    assert report["mask_ap50"] == wanted["mask_ap50"]
    assert cli.main(["evaluate", "scenes-instances", "--split", "test"]) == 0
    shown = capsys.readouterr().out
    assert f"PQ {wanted['panoptic_all']['pq']:.4f}" in shown
    assert f"AP50 {wanted['mask_ap50']:.4f}" in shown
    assert cli.main(["evaluate", "scenes-instances", "--split", "test", "--semantic", "none"]) == 0
    assert "PQ" not in capsys.readouterr().out


def test_what_lies_where_the_truth_says_nothing_counts_nowhere():
    """Two cars, one of them a speck without an id: finding it is no false alarm."""
    from seglab.metrics.average_precision import average_precision, detections, object_counts
    from seglab.types import Crop, InstanceResult, Palette, Sample

    palette = Palette("demo", ("road", "car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    labels, ids = np.zeros((20, 20), np.uint8), np.zeros((20, 20), np.uint16)
    labels[2:10, 2:10] = labels[15:18, 15:18] = 1
    ids[2:10, 2:10] = 1
    wanted = truth(Sample(np.zeros((20, 20, 3), np.uint8), labels, palette, "one", ids=ids))
    crops = (Crop.of(np.ones((3, 3), bool), 15, 15), Crop.of(np.ones((8, 8), bool), 2, 2))
    boxes = np.float32([[15, 15, 18, 18], [2, 2, 10, 10]])
    labels[2:10, 10:14] = palette.ignore_index  # and half as much again as the car, right beside it
    wide = Sample(np.zeros((20, 20, 3), np.uint8), labels, palette, "two", ids=ids)
    box = np.float32([[2, 2, 14, 10]])
    more = InstanceResult(
        box, np.array([1]), np.float32([0.9]), (Crop.of(np.ones((8, 12), bool), 2, 2),), (20, 20), palette
    )
    assert eo.known(more, truth(wide)).mask(0).sum() == 64
    both = InstanceResult(boxes, np.array([1, 1]), np.float32([0.9, 0.8]), crops, (20, 20), palette)
    left = eo.known(both, wanted)
    assert left.boxes.tolist() == [[2, 2, 10, 10]]
    assert object_counts(left.ids(), ids).scores[0] == 1
    assert average_precision([detections(left, instances_of(wanted))]).ap50 == 1


def test_more_than_a_hundred_nuclei_can_all_be_found():
    from seglab.metrics.average_precision import average_precision, detections

    crowd = cells.draw(1, 0, cells.Parameters(count=200, size=5, touching=0, height=512, width=512))
    there = instances_of(truth(crowd))
    assert len(there) > 150
    assert average_precision([detections(there, there)]).ap50 < 0.8  # COCO's hundred
    assert average_precision([detections(there, there, most=objects.LIMIT)]).ap50 == 1
