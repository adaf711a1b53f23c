"""Training detectors: right targets, learns, goes on after a kill with the same bits, refuses what can't work."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from seglab import train as training
from seglab.augment import Augment
from seglab.augment_instances import FEWEST, labels, targets, view
from seglab.nets.mask_rcnn import Detector
from seglab.nets.mask_rcnn_small import light
from seglab.objectives import Objects
from seglab.types import Palette, Sample

SHAPES = Palette("shapes", ("ground", "blue", "red"), ((90, 90, 90), (0, 114, 178), (213, 94, 0)), things=(1, 2))
PLAIN = Augment(
    (64, 64), scale=(1.0, 1.0), aspect=1.0, rotation=0, light=0.1, blur=0, noise=0, rare=0, paste=0
)  # fmt: skip


def tiny() -> Detector:
    return light(2, smallest=12, proposals=60, sampled=24, width=8, channels=16, hidden=32)


def scene(i: int, n: int = 2) -> Sample:
    """Blue and red boxes of 12 to 26 px on grey: a working loop must find them."""
    rng = np.random.default_rng(i)
    labels, ids = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint16)
    for k in range(n):
        (h, w), (y, x) = rng.integers(12, 27, 2), rng.integers(0, 38, 2)
        labels[y : y + h, x : x + w], ids[y : y + h, x : x + w] = 1 + k % 2, 3 + k
    image = SHAPES.lut()[labels].astype(int) + rng.integers(-15, 15, (64, 64, 3))
    return Sample(image.clip(0, 255).astype(np.uint8), labels, SHAPES, f"scene_{i}", "scene", ids)


SCENES = [scene(i) for i in range(16)]


@pytest.fixture
def recipe(monkeypatch):
    small = training.Recipe(tiny, 4, Objects(), PLAIN, batch=4, average=0.9)
    monkeypatch.setitem(training.RECIPES, "scenes-instances", small)
    return small


def test_targets_by_hand():
    ids = torch.zeros(6, 8, dtype=torch.long)
    ids[1:4, 2:5] = 2  # 9 pixels
    ids[1:5, 5:8] = 9  # 12, touches it
    ids[5, :8] = 4  # 8: too few
    ids[0, :] = 5  # 8, and of no class
    kinds = torch.tensor([0, 0, 2, 0, 1, 0, 0, 0, 0, 1])
    found = targets(ids, kinds)
    assert FEWEST == 9
    assert found["boxes"].tolist() == [[2, 1, 5, 4], [5, 1, 8, 5]]
    assert found["labels"].tolist() == [2, 1]
    assert found["masks"].shape == (2, 7, 9)
    wanted = np.zeros((7, 9))
    wanted[1:5, 2:6] = np.outer([0.5, 1, 1, 0.5], [0.5, 1, 1, 0.5])
    assert found["masks"][0].tolist() == wanted.tolist()
    nothing = targets(torch.zeros(6, 8, dtype=torch.long), kinds)
    assert [t.shape for t in nothing.values()] == [(0, 4), (0,), (0, 7, 9)]


def test_labels_count_the_things_of_the_palette():
    assert labels(SCENES[0]).tolist() == [0, 0, 0, 1, 2]
    stuff = dataclasses.replace(SCENES[0], palette=dataclasses.replace(SHAPES, things=(2,)))
    assert labels(stuff).tolist() == [0, 0, 0, 0, 1]


def test_views_keep_pictures_and_objects_together():
    """Where a view is blue, the masks of label 1 must lie, whatever the warp, and their boxes hold just them."""
    how = dataclasses.replace(PLAIN, crop=(48, 80), scale=(0.7, 1.6), rotation=40, light=0)
    clean = dataclasses.replace(SCENES[1], image=SHAPES.lut()[SCENES[1].labels])
    rng = torch.Generator().manual_seed(0)
    lut, agree, seen = torch.tensor(SHAPES.lut()[:3]).float() / 255, [], 0
    for _ in range(20):
        image, found = view(clean, how, rng)
        assert image.shape == (3, 48, 80)
        nearest = (image.movedim(0, -1)[..., None, :] - lut).norm(dim=-1).argmin(-1)
        for box, label, corners in zip(*found.values(), strict=True):
            mask = torch.nn.functional.avg_pool2d(corners[None].float(), 2, 1)[0] > 0.55  # back to pixels, about
            x0, y0, x1, y1 = box.int().tolist()
            assert not mask[:y0].any()
            assert not mask[:, x1:].any()
            agree += [(nearest[mask] == label).float().mean().item()] if mask.any() else []
            assert 0 <= x0 < x1 <= 80
            assert 0 <= y0 < y1 <= 48
            seen += 1
    assert seen > 20
    assert np.mean(agree) > 0.93  # all but the blended border pixels
    again, _ = view(clean, how, torch.Generator().manual_seed(0))
    first, _ = view(clean, how, torch.Generator().manual_seed(0))
    assert torch.equal(again, first)


def test_learns(recipe, tmp_path):
    steps = list(training.train("scenes-instances", SCENES, tmp_path, check=SCENES[:6], epochs=14))
    assert [p.epoch for p in steps] == list(range(1, 15))
    assert steps[-1].loss < 0.65 * steps[0].loss
    assert steps[-1].score is not None
    assert steps[-1].score > 0.5
    with safe_open(tmp_path / training.WEIGHTS, "pt") as file:
        assert json.loads(file.metadata()["seglab"])["model"] == "scenes-instances"
    state = load_file(tmp_path / training.WEIGHTS)
    assert all(v.dtype == torch.float16 for v in state.values() if v.is_floating_point())
    net = tiny()
    net.load_state_dict(state)
    assert Objects().score(net.float(), SCENES[:6]) == pytest.approx(steps[-1].score, abs=0.1)


def test_resumed_training_ends_with_the_same_bits(recipe, tmp_path):
    for _ in training.train("scenes-instances", SCENES, tmp_path / "whole"):
        pass
    killed = training.train("scenes-instances", SCENES, tmp_path / "killed")
    next(killed)
    next(killed)
    killed.close()
    assert not (tmp_path / "killed" / training.WEIGHTS).exists()
    left = [p.epoch for p in training.train("scenes-instances", SCENES, tmp_path / "killed", resume=True)]
    assert left == [3, 4]
    whole, again = ((tmp_path / name / training.WEIGHTS).read_bytes() for name in ("whole", "killed"))
    assert whole == again


def test_pictures_without_objects_do_no_harm(recipe, tmp_path):
    steps = list(training.train("scenes-instances", [scene(i, n=0) for i in range(8)], tmp_path, epochs=2))
    assert all(np.isfinite(p.loss) for p in steps)
    assert all(torch.isfinite(t).all() for t in load_file(tmp_path / training.WEIGHTS).values())


def test_refuses_what_cannot_work(recipe, tmp_path):
    with pytest.raises(ValueError, match=r"trainable are street, .*scenes-instances"):
        next(training.train("unet", SCENES, tmp_path))
    with pytest.raises(ValueError, match="leave the teacher out"):
        next(training.train("scenes-instances", SCENES, tmp_path, teacher=tiny()))
    with pytest.raises(ValueError, match="list of samples is empty"):
        next(training.train("scenes-instances", [], tmp_path))
    with pytest.raises(ValueError, match="no instance ids"):
        next(training.train("scenes-instances", [dataclasses.replace(SCENES[0], ids=None)], tmp_path))
    one = dataclasses.replace(SCENES[0], palette=dataclasses.replace(SHAPES, things=(1,)))
    with pytest.raises(ValueError, match="tells 2 classes of things apart; the samples have 1"):
        next(training.train("scenes-instances", [one], tmp_path))
    next(training.train("scenes-instances", SCENES, tmp_path, seed=1))
    with pytest.raises(ValueError, match="another training"):
        next(training.train("scenes-instances", SCENES, tmp_path, seed=2, resume=True))


def test_recipes_are_complete():
    detectors = {key for key, recipe in training.RECIPES.items() if isinstance(recipe.objective, Objects)}
    assert detectors == {"scenes-instances", "street-instances", "nuclei-instances"}
    for recipe in training.RECIPES.values():
        assert all(side % 32 == 0 for side in recipe.augment.crop)  # nothing is padded in training
