"""`segment --task instance|panoptic`: files that other tools can read, and clear refusals."""

from __future__ import annotations

import importlib
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from seglab import __main__ as cli
from seglab import export, runtime, zoo
from seglab.datasets import scenes
from seglab.nets.mask_rcnn_small import light
from seglab.types import SemanticResult


@pytest.fixture
def loaded(monkeypatch):
    """A small detector and a semantic net of Scenes' classes, both with random weights that find something."""
    torch.manual_seed(3)
    detector, spec = light(5, smallest=8, proposals=60, sampled=16, width=8, channels=16, hidden=16), zoo.get("scenes")
    detector.roi_heads.box_predictor.cls_score.bias.data[1] = 5  # it takes everything for a car
    instances = zoo.get("scenes-instances")
    nets = {
        "scenes-instances": runtime.ready(
            "scenes-instances", detector, instances.palette, instances.preprocess, "d" * 16, instances
        ),
        "scenes": runtime.ready("scenes", spec.build(), spec.palette, spec.preprocess, "s" * 16, spec),
    }
    module = importlib.import_module("seglab.cli.segment")
    monkeypatch.setattr(module, "load", lambda key, path: nets[key])
    return nets


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for i in range(2):
        paths.append(tmp_path / f"scene{i}.png")
        Image.fromarray(scenes.Scenes(4, 2)[i].image).save(paths[-1])
    return paths


def segment(*arguments: object) -> int:
    return cli.main(["segment", *map(str, arguments)])


def test_objects_learnt_from_components_are_said_to_be(loaded, pictures, tmp_path, capsys, monkeypatch):
    from seglab.nets.mask_rcnn_small import street_instances

    spec = zoo.get("street-instances")
    net = runtime.ready("street-instances", street_instances(), spec.palette, spec.preprocess, "e" * 16, spec)
    monkeypatch.setitem(loaded, "street-instances", net)
    assert segment(pictures[0], "--model", "street-instances", "--labels", "--output", tmp_path / "out") == 0
    assert "an approximation" in capsys.readouterr().err
    assert segment(pictures[0], "--model", "scenes-instances", "--labels", "--output", tmp_path / "out") == 0
    assert "an approximation" not in capsys.readouterr().err


def test_instance_ids_are_sixteen_bits_and_agree_with_the_library(loaded, pictures, tmp_path):
    from seglab import objects

    assert segment(*pictures, "--model", "scenes-instances", "--output", tmp_path / "out") == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "scene0.png", "scene0_overlay.jpg", "scene1.png", "scene1_overlay.jpg"]  # fmt: skip
    found = objects.find(scenes.Scenes(4, 2)[0].image, loaded["scenes-instances"])
    assert len(found) > 0
    content = (tmp_path / "out" / "scene0.png").read_bytes()
    assert Image.open(io.BytesIO(content)).mode == "I;16"
    np.testing.assert_array_equal(export.read_ids_png(content), found.ids())


def test_panoptic_files_are_cocos_and_agree(loaded, pictures, tmp_path):
    base = (pictures[0], "--model", "scenes-instances", "--task", "panoptic", "--output", tmp_path / "out")
    assert segment(*base, "--labels") == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["scene0.json", "scene0.png"]
    png, text = ((tmp_path / "out" / f"scene0.{end}").read_bytes() for end in ("png", "json"))
    (entry,) = export.read_panoptic(text, {"scene0.png": png})
    rgb = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    ids = rgb[..., 0] + 256 * rgb[..., 1] + 256**2 * rgb[..., 2]
    np.testing.assert_array_equal(ids, entry.result.segment_ids)
    listed = json.loads(text)["annotations"][0]["segments_info"]
    assert {s["id"]: s["area"] for s in listed} == {int(i): int((ids == i).sum()) for i in np.unique(ids) if i}
    assert segment(*base, "--overlay") == 0
    assert Image.open(tmp_path / "out" / "scene0_overlay.jpg").size == (128, 128)


def test_cocos_things_go_by_camvids_names(loaded, monkeypatch, pictures, tmp_path):
    """A street's stuff and COCO's things: a person is a pedestrian, and the palettes become one."""
    from seglab import inference, objects
    from seglab.palettes import CAMVID
    from seglab.palettes_coco import COCO
    from seglab.types import Crop, InstanceResult

    person = InstanceResult(
        np.float32([[10, 10, 40, 90]]), np.array([COCO.index("person")]), np.float32([0.9]),
        (Crop.of(np.ones((80, 30), bool), 10, 10),), (128, 128), COCO,
    )  # fmt: skip
    street = SemanticResult(np.full((128, 128), 3, np.uint8), np.zeros((11, 2, 2), np.float16), CAMVID)
    monkeypatch.setattr(objects, "find", lambda *a, **k: person)
    monkeypatch.setattr(inference, "segment", lambda *a, **k: street)
    arguments = ("--model", "scenes-instances", "--task", "panoptic", "--output", tmp_path / "out")
    assert segment(pictures[0], *arguments) == 0
    content = json.loads((tmp_path / "out" / "scene0.json").read_bytes())
    names = {c["id"]: c["name"] for c in content["categories"]}
    got = sorted((names[s["category_id"]], s["area"]) for s in content["annotations"][0]["segments_info"])
    assert got == [("Pedestrian", 2400), ("Road", 128 * 128 - 2400)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "street", "--task", "instance"], "can't tell objects apart"),
        (["--model", "zoo-vnet"], "reads volumes, not pictures"),
        (["--model", "street", "--task", "panoptic"], "choose one of"),
        (["--model", "scenes-instances", "--task", "semantic"], "--task instance or panoptic"),
        (["--model", "scenes-instances", "--task", "instance", "--semantic", "scenes"], "--task panoptic"),
        (["--model", "nuclei-unet", "--task", "panoptic"], "nothing to fuse"),
        (["--model", "scenes-instances", "--tile", "128"], "--tile"),
        (["--model", "maskrcnn-resnet50-fpn", "--task", "panoptic"], "--semantic"),
        (
            ["--model", "scenes-instances", "--task", "panoptic", "--semantic", "scenes-instances"],
            "class for each pixel",
        ),
        (["--model", "scenes-instances", "--task", "panoptic", "--semantic", "none"], "--semantic"),
        (["--model", "scenes-instances", "--task", "panoptic", "--semantic", "nosuch"], "no such model"),
    ],
)
def test_what_cannot_be(loaded, pictures, tmp_path, capsys, monkeypatch, arguments, says):
    monkeypatch.setitem(loaded, "maskrcnn-resnet50-fpn", loaded["scenes-instances"])
    status = segment(pictures[0], "--output", tmp_path / "out", *arguments)
    assert status == 2
    assert says in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.png")) if (tmp_path / "out").exists() else True


def test_what_isnt_full_panoptic_says_so_and_each_json_names_its_own_map(loaded, pictures, tmp_path, capsys):
    spec = zoo.get("lraspp-mobilenet")
    loaded["lraspp-mobilenet"] = runtime.ready(spec.key, spec.build(), spec.palette, spec.preprocess, "l" * 16, spec)
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "scene0.jpg"
    Image.open(pictures[0]).save(twin)
    arguments = ("--model", "scenes-instances", "--task", "panoptic", "--semantic", "lraspp-mobilenet")
    assert segment(pictures[0], twin, *arguments, "--output", tmp_path / "out", "--labels") == 0
    assert "isn't full panoptic" in capsys.readouterr().err
    named = {
        p.stem: json.loads(p.read_bytes())["annotations"][0]["file_name"] for p in (tmp_path / "out").glob("*.json")
    }
    assert named == {"scene0": "scene0.png", "scene0_2": "scene0_2.png"}


def test_nothing_found_is_said(loaded, pictures, tmp_path, capsys):
    loaded["scenes-instances"].folded.roi_heads.box_predictor.cls_score.bias.data[0] = 99  # no object anywhere
    assert segment(pictures[0], "--model", "scenes-instances", "--output", tmp_path / "out") == 0
    assert "no object was found" in capsys.readouterr().err
