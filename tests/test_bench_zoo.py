"""`bench zoo`: what the cards say, what it costs, and what is claimed; with cards made up here."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from seglab import __main__ as cli
from seglab import architectures, zoo
from seglab.bench import zoo as bench
from seglab.bench import zoo_costs, zoo_table
from seglab.palettes import SCENES

SPLITS = ("test", "8-16", "16-32", "32-64", "64-128", "thin", "context")


def card(key: str, mean: float, seeds: int) -> str:
    """A card whose every score is `mean`, and ± 0.01 over three seeds."""
    lines = [f'key = "{key}"', 'title = "t"', 'data = "d"', 'licence = "l"', 'recipe = "r"', 'command = "c"']
    lines += ['trained_on = ["axes"]', "failures = []"]
    for split in SPLITS:
        lines += [f'[scores."{split}"]', f"mean_iou = {mean}", f"pixel_accuracy = {mean}"]
        lines += [f'[scores."{split}".iou]', *(f'"{name}" = {mean}' for name in SCENES.names)]
        lines += [f'[scores."{split}".also]']
        also = ("boundary_iou", "thin_recall", "things_iou", "alike_iou")
        lines += [f"{name} = {mean}" for name in also]
        if seeds > 1:
            lines += [f'[scores."{split}".seeds]']
            lines += [f"{name} = [{mean}, {mean - 0.01:.2f}, {mean + 0.01:.2f}]" for name in ("mean_iou", *also)]
    return "\n".join(lines)


@pytest.fixture
def weights(monkeypatch, tmp_path):
    """FCN-32s, 16s and 8s with three seeds, U-Net with one; baselines beside."""
    for key, mean, seeds in (("fcn-32s", 0.4, 3), ("fcn-16s", 0.5, 3), ("fcn-8s", 0.51, 3), ("linknet", 0.2, 1)):
        (tmp_path / f"zoo-{key}.toml").write_text(card(f"zoo-{key}", mean, seeds))
    measured = {split: {"mean_iou": 0.25, "boundary_iou": 0.1, "thin_recall": 0.1, "things_iou": 0.1, "alike_iou": None}
                for split in SPLITS}  # fmt: skip
    (tmp_path / "zoo.json").write_text(json.dumps({"baselines": {"Scenes": {"colour look-up": measured}}, "runs": {}}))
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    monkeypatch.setattr(
        zoo_costs, "measure", lambda row, repeats: zoo_costs.Costs(10**5, 10**6, 1.5, None, 2**20, 99, True, 8, 32)
    )
    return tmp_path


def rows(*keys: str) -> list[bench.Row]:
    return list(bench.measure([architectures.get(key) for key in keys], 1))


def test_scores_are_the_cards_over_the_seeds(weights):
    found = rows("fcn-32s", "linknet", "unet")
    assert found[0].scores.keys() == {title for title, *_ in bench.COLUMNS}
    assert found[0].scores["mean IoU"] == pytest.approx((0.4, 0.01))
    assert found[1].scores["thin"] == (0.2, 0.0)
    assert found[0].iou["dog"] == 0.4
    assert [row.trained for row in found] == [True, True, False]
    assert [row.margin for row in found] == [pytest.approx(0.15), pytest.approx(-0.05), None]
    assert found[2].scores == found[2].iou == {}


def test_an_ordering_shows_where_the_ranges_lie_apart(weights):
    found = {(c.column, c.lower, c.higher): c for c in bench.claims(["fcn-32s", "fcn-16s", "fcn-8s", "unet"])}
    assert len(found) == 5  # those of U-Net and dilation lack a side
    assert found["boundary", "fcn-32s", "fcn-16s"].shows
    close = found["thin", "fcn-16s", "fcn-8s"]
    assert (close.gap, close.spread, close.shows) == (pytest.approx(0.01), pytest.approx(0.02), False)
    assert len(bench.claims()) == 5
    # Two alike and one far above: the mean's half range says that they lie apart, but one is above the other's all.
    text = card("zoo-fcn-32s", 0.4, 3).replace("boundary_iou = [0.4, 0.39, 0.41]", "boundary_iou = [0.4, 0.4, 0.505]")
    (weights / "zoo-fcn-32s.toml").write_text(text)
    uneven = next(c for c in bench.claims() if (c.column, c.lower) == ("boundary", "fcn-32s"))
    assert uneven.gap > uneven.spread
    assert not uneven.shows


def test_the_table_has_no_blanks_and_says_what_lacks(weights):
    text = zoo_table.table(rows("fcn-32s", "fcn-16s", "linknet", "unet", "vnet"))
    scores, costs, classes, claimed, missing, others = text.split("\n\n")
    assert "0.400 ± 0.010" in scores
    assert scores.count("NOT CLEARLY ABOVE THE BASELINES") == 1
    baseline = next(line for line in scores.splitlines() if line.startswith("colour look-up"))
    assert baseline.split()[-2:] == ["0.100", "n/a"]
    first, *lines = scores.splitlines()
    assert {len(line.split(" ± ")) for line in lines[:2]} == {9}
    assert len(costs.splitlines()) == 6  # also what isn't trained
    assert "99+" in costs
    assert "ms GPU" not in costs
    assert [line.split()[0] for line in classes.splitlines()] == ["IoU,", "fcn-32s", "fcn-16s", "linknet"]
    assert "fcn-32s < fcn-16s on boundary: shows (+0.100, spread 0.020)" in claimed
    assert "NOT TRAINED YET: unet, vnet" in missing
    assert "python scripts/zoo.py --only unet vnet" in missing
    assert "FC-DenseNet56 (1.38 M)" in others
    assert first.startswith("scenes")


def test_longer_trainings_are_told(weights):
    assert bench.longer() == []
    kept = json.loads((weights / "zoo.json").read_text())
    short, long = ({"splits": {"test": {"mean_iou": value}}} for value in (0.4, 0.55))
    kept |= {"runs": {"fcn-32s": [short]}, "longer": {"fcn-32s": {"times": 3, **long}, "unet": {"times": 3, **long}}}
    (weights / "zoo.json").write_text(json.dumps(kept))
    assert bench.longer() == [bench.Longer("fcn-32s", 3, 0.4, 0.55)], "of U-Net there is nothing to compare with"
    assert "fcn-32s: 0.400 -> 0.550 with 3 times the steps" in zoo_table.table(rows("fcn-32s"))
    assert "times the steps" not in zoo_table.table(rows("linknet"))
    assert bench.as_json(rows("fcn-32s"))["longer"] == [{"key": "fcn-32s", "times": 3, "before": 0.4, "after": 0.55}]
    assert bench.as_json(rows("linknet"))["longer"] == []


def test_before_anything_is_trained(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    found = rows("fcn-32s")
    assert bench.baselines(False) == {}
    assert not found[0].trained
    assert "NOT TRAINED YET: fcn-32s" in zoo_table.table(found)


@pytest.mark.parametrize(
    ("key", "scored", "coarsest"),
    [("fcn-32s", 32, 32), ("fcn-16s", 16, 32), ("fcn-8s", 8, 32), ("unet", 1, 16), ("unet-paper", 1, 16),
     ("fcn-dilated", 8, 8), ("pspnet", 8, 8), ("deeplab-v3plus", 4, 8), ("hrnet-v2", 4, 32), ("hrnet-v2p", 4, 64),
     ("patch", 1, 1), ("vnet", 1, 8)],
)  # fmt: skip
def test_strides_are_the_papers(key, scored, coarsest):
    row = architectures.get(key)
    shape = zoo_costs.VOLUME if row.volumes else zoo_costs.SCENE
    assert zoo_costs.strides(row.small(11).eval(), shape) == (scored, coarsest)


def test_costs_by_hand(monkeypatch):
    conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
    spec = zoo.get("zoo-unet")
    monkeypatch.setitem(zoo.MODELS, "zoo-unet", type(spec)(**{**vars(spec), "build": lambda: conv}))
    found = zoo_costs.measure(architectures.get("unet"), 2)
    assert (found.parameters, found.macs) == (3 * 8 * 9 + 8, 64 * 64 * 8 * 27)
    assert (found.field, found.whole, found.score_stride, found.coarsest_stride) == (3, False, 2, 2)
    assert found.activation_bytes == 4 * 3 * 128 * 128  # a convolution keeps what it reads
    assert found.ms_cpu > 0
    assert (found.ms_gpu is None) == (not torch.cuda.is_available())


def test_a_detector_is_measured_on_a_scene():
    found = zoo_costs.measure(architectures.get("mask-rcnn"), 1)
    assert found.field is found.score_stride is None
    assert found.macs > 1e8
    assert found.activation_bytes > 2**20


def test_on_the_command_line(weights, capsys):
    assert cli.main(["bench", "zoo", "--only", "fcn-32s", "unet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in found["rows"]] == ["fcn-32s", "unet"]
    assert found["rows"][0]["scores"]["boundary"] == pytest.approx([0.4, 0.01])
    assert found["not_trained"] == ["unet"]
    assert found["baselines"]["scenes"]["colour look-up"]["mean IoU"] == 0.25
    assert {row["key"] for row in found["published_only"]} == {"tiramisu-56", "tiramisu-67"}
    assert cli.main(["bench", "zoo", "--only", "fcn-32s"]) == 0
    assert "what the course claims" not in capsys.readouterr().out


def test_models_lists_them_on_request(weights, capsys):
    assert cli.main(["models", "--json"]) == 0
    assert not any(row["key"].startswith("zoo-") for row in json.loads(capsys.readouterr().out))
    assert cli.main(["models", "--json", "--zoo"]) == 0
    found = [row for row in json.loads(capsys.readouterr().out) if row["key"].startswith("zoo-")]
    assert [row["key"] for row in found] == ["zoo-fcn-32s", "zoo-fcn-16s", "zoo-fcn-8s", "zoo-linknet"]
    assert (found[0]["score"], found[0]["split"]) == (0.4, "test")
    assert cli.main(["models"]) == 0
    said = capsys.readouterr().out
    assert "4 small architectures of the course" in said
    assert "zoo-linknet" not in said
