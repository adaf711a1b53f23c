"""The chart of the small networks' scores and costs: its columns, its names; what is claimed where nothing is known."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from seglab import zoo
from seglab.bench import zoo as bench
from tests.pages.apps import ok, opened, words
from ui import arch_scatter
from ui.texts import architectures_zoo as text

start = partial(opened, "6_Architectures")


def test_every_column_of_the_bench_can_be_chosen() -> None:
    assert set(text.Z_QUALITIES) == {f"{split}/{measure}" for _, split, measure in bench.COLUMNS}
    assert set(text.Q_WHAT) == {title for title, *_ in bench.COLUMNS}


def test_none_beats_the_unbeaten() -> None:
    some = [arch_scatter.Point(*given) for given in (("a", 1, 0.5), ("b", 2, 0.6), ("c", 3, 0.55), ("d", 1, 0.4))]
    up = "test/mean_iou"
    assert arch_scatter.unbeaten(some, "macs", up) == ["b", "a"]
    assert arch_scatter.unbeaten(some, "test/boundary_iou", up) == ["b", "c"]
    assert arch_scatter.unbeaten(some, "field", up) == ["b"], "a wide field is neither good nor bad"
    assert arch_scatter.unbeaten(some, "macs", "ms") == ["d"], "of two costs less is better"


def test_who_is_pointed_out_stands_in_the_link() -> None:
    """By the package's own weights; at first the page's two networks are."""
    app = start(alab="scatter", zx="test/boundary_iou", arch="fpn", versus="segnet")
    assert app.multiselect(key="arch.zwho").value == ["fpn", "segnet"]
    assert "zwho" not in app.query_params
    app = start(alab="scatter", zx="test/boundary_iou", zwho="unet,unet,segnet,fcn-8s")
    assert app.multiselect(key="arch.zwho").value == ["unet", "segnet"]
    assert "not shown: fcn-8s." in words(app, "info")
    assert app.query_params["zwho"] == "unet,segnet"
    ok(app.multiselect(key="arch.zwho").set_value([]).run())
    assert app.query_params["zwho"] == "none"
    assert start(alab="scatter", zx="test/boundary_iou", zwho="none").multiselect(key="arch.zwho").value == []


def test_names_that_would_lie_on_each_other_are_left_out() -> None:
    some = [arch_scatter.Point(*given) for given in (("unet", 10, 0.5), ("segnet", 10, 0.501), ("fpn", 10, 0.49),
                                                     ("patch", 1, 0.1), ("linknet", 100, 0.9))]  # fmt: skip
    then = ["linknet", "fpn", "segnet", "patch"]
    found = arch_scatter.named(some, ["unet"], then, linear=(False, True))
    assert found == {"unet": "top left", "linknet": "top left", "fpn": "bottom left", "patch": "top right"}
    assert "segnet" in arch_scatter.named(some, ["unet", "segnet"], then, linear=(False, True)), "it is pointed out"


def test_without_cards_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    assert bench.claims() == []
