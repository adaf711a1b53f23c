"""`scripts/flagship.py`: the candidates are of one size and one recipe, and what it prints is what was measured."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from scripts import flagship
from seglab import cost, train
from seglab.augment import Augment
from seglab.palettes import CAMVID
from seglab.types import Sample


def test_all_have_streets_recipe_and_about_its_size():
    street = train.RECIPES["street"]
    costs = {}
    for name in flagship.CANDIDATES:
        own = flagship.recipe(name)
        assert dataclasses.replace(own, build=street.build, objective=street.objective) == street
        with torch.device("meta"):
            costs[name] = cost.of_net(own.build(), (1, 3, *flagship.SIZE))
    for name, one in costs.items():
        assert 0.4 < one.parameters / costs["fpn"].parameters < 2, name
        assert 0.5 < one.macs / costs["fpn"].macs < 2, name


def sample(i: int) -> Sample:
    rng = np.random.default_rng(i)
    labels = np.zeros((64, 96), np.uint8)
    labels[30:] = 3
    labels[10:40, 20 + i : 40] = 8
    return Sample(rng.integers(0, 256, (64, 96, 3), np.uint8), labels, CAMVID, f"s_{i}", "s")


def test_trains_scores_and_prints_the_best_on_top(tmp_path, monkeypatch, capsys):
    samples = [sample(i) for i in range(4)]
    small = dataclasses.replace(train.RECIPES["street"], augment=Augment((64, 96)))
    monkeypatch.setitem(train.RECIPES, "street", small)
    monkeypatch.setattr(flagship.camvid, "load", lambda root, split: (samples, []))
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path), "--epochs", "1"]
    assert flagship.main([*arguments, "--only", "fpn"]) == 0
    found = json.loads((tmp_path / "fpn-1" / "result.json").read_text())
    assert found["pictures"] == 4
    assert 0 <= found["mean_iou"] < 1
    better = {**found, "mean_iou": 0.99, "iou": {**found["iou"], "Pole": 0.25, "Sign": None}}
    (tmp_path / "hrnet-1").mkdir()
    (tmp_path / "hrnet-1" / "result.json").write_text(json.dumps(better))
    monkeypatch.setattr(flagship, "train_one", pytest.fail)  # both are finished
    capsys.readouterr()
    assert flagship.main([*arguments, "--only", "fpn", "hrnet"]) == 0
    head, line, first, second = capsys.readouterr().out.splitlines()
    assert head.count("|") == line.count("|") == first.count("|")
    assert first.startswith("| `hrnet`")
    assert "| 0.990 | 0.250 | n/a |" in first
    assert second.startswith("| `fpn`")
    assert f"| {found['mean_iou']:.3f} |" in second


def test_a_folder_without_pictures_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit):
        flagship.main(["--data", str(tmp_path), "--output", str(tmp_path / "out")])
    assert str(tmp_path) in capsys.readouterr().err
