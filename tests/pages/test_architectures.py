"""The page "Architectures": diagrams of every network, stages, tables and links, against the library asked directly."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image as Pil
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from seglab import architectures, cost, memory, zoo
from seglab.effective_field import effective
from tests.pages.apps import ok, opened, shown, words
from tests.pages.conftest import CARD, SEMANTIC
from ui import (
    arch_code,
    arch_detector,
    arch_field,
    arch_kin,
    arch_lab,
    arch_layouts,
    arch_net,
    arch_picture,
    arch_presets,
    arch_saved,
    arch_stage,
    arch_state,
    arch_svg,
    arch_table,
    arch_timeline,
    cache,
    compare_source,
    state,
)
from ui.arch_charts import times
from ui.arch_diagram import _name
from ui.arch_net import Spec
from ui.texts import architectures as text
from ui.texts import architectures_short

PAGE = "6_Architectures"
SCENE = (1, 3, 128, 128)
SVG = "{http://www.w3.org/2000/svg}"
start = partial(opened, PAGE, guessed="1")


def drawn(key: str, build: str = "small") -> arch_net.Drawn:
    spec = Spec(key, build if build in arch_net.builds(key) else arch_net.builds(key)[0])
    return arch_net.draw(spec, arch_net.shape_for(spec, (384, 384)))


def source() -> compare_source.Source:
    values, _ = state.read(arch_state.FIELDS, {})
    return compare_source.scene(values)


def look(key: str, stage: str, build: str = "small") -> arch_lab.Shown:
    """Return what the page shows of a stage, without a page."""
    spec = Spec(key, build, random=True)
    given = arch_picture.given(spec, source())
    found = arch_net.draw(spec, given.shape)
    spot = found.find(stage)
    assert spot is not None
    return arch_lab.Shown(given, found, spot, 0.0)


# ---- the diagrams


def test_there_is_a_layout_for_every_architecture() -> None:
    assert (*(row.key for row in architectures.ARCHITECTURES), arch_net.OWN) == arch_layouts.KEYS
    assert set(architectures_short.WHERE) == set(arch_layouts.KEYS)
    assert {*architectures_short.NOTES, *architectures_short.SMALL} <= set(arch_layouts.KEYS)
    with pytest.raises(ValueError, match="No layout for 'moon'; there are patch"):
        arch_layouts.layout("moon", [])


@pytest.mark.parametrize(
    ("key", "build"),
    [*((key, "small") for key in arch_layouts.KEYS), ("fpn", "street"),
     *(pytest.param(key, "paper", marks=pytest.mark.slow) for key in arch_layouts.KEYS if key != arch_net.OWN)],
)  # fmt: skip
def test_every_diagram_holds_all_of_its_network_and_nothing_overlaps(key: str, build: str) -> None:
    found = drawn(key, build)
    stages = [spot.stage for spot in found.stages if spot.stage]
    # All weights and sums are in the stages; of several calls of a part each has the weights.
    weights = {spot.place.name: spot.stage.parameters for spot in found.stages if spot.place and spot.stage}
    assert sum(weights.values()) == found.whole.parameters
    assert sum(stage.macs for stage in stages) == found.whole.macs
    targets = {line.target for line in found.lines}
    assert {n for n, spot in enumerate(found.spots) if spot.kind != "input"} == targets, "all are reached"
    sources = {line.source for line in found.lines}
    assert {n for n, spot in enumerate(found.spots) if spot.kind not in ("output", "found")} == sources
    boxes = arch_svg.areas(found)
    for (a, one), (b, other) in combinations(zip(found.spots, boxes, strict=True), 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, f"{a.id} and {b.id} overlap"
    root = ElementTree.fromstring(arch_svg.svg(found, "A & B", "parameters"))
    assert root.find(f"{SVG}title").text == "A & B"  # type: ignore[union-attr]
    assert str(len(found.stages)) in root.find(f"{SVG}desc").text  # type: ignore[union-attr,operator]
    buttons = [node for node in root.iter(f"{SVG}g") if node.get("role") == "button"]
    assert [node.get("data-stage") for node in buttons] == [spot.id for spot in found.stages]
    assert len({spot.id for spot in found.stages}) == len(found.stages)
    assert all(node.get("aria-label") for node in buttons)


def test_numbers_are_those_of_the_library() -> None:
    net, found = arch_net.net(Spec("unet", "small")), drawn("unet")
    total = cost.of_net(net, SCENE)
    assert (found.whole.parameters, found.whole.macs) == (total.parameters, total.macs)
    assert found.whole.activation_bytes == memory.activation_bytes(net, torch.empty(2, *SCENE[1:], device="meta")) // 2
    spot = found.find("down.1")
    assert spot is not None
    assert spot.stage is not None
    assert (spot.shape, spot.row) == ((1, 16, 64, 64), 1.0)
    assert spot.stage.parameters == 9 * (8 * 16 + 16 * 16) + 4 * 16
    assert spot.stage.macs == 64 * 64 * 9 * (8 * 16 + 16 * 16)
    assert spot.stage.field is not None
    assert spot.stage.field.size == (14, 14)  # 5, the pool 6, and two 3×3 at stride 2


def test_the_unet_is_a_u_with_four_skips() -> None:
    found = drawn("unet")
    rows = {spot.id: spot.row for spot in found.stages}
    assert [rows[f"down.{i}"] for i in range(5)] == [0, 1, 2, 3, 4]
    assert [rows[f"join.{i}"] for i in range(4)] == [3, 2, 1, 0]
    ids = [spot.id for spot in found.spots]
    skips = {(ids[line.source], ids[line.target]) for line in found.lines if line.joined == "concat"}
    assert skips == {p for i in range(4) for p in ((f"down.{3 - i}", f"join.{i}"), (f"up.{i}", f"join.{i}"))}


def test_segnets_indices_go_straight_across() -> None:
    found = drawn("segnet")
    across = [(found.spots[line.source], found.spots[line.target]) for line in found.lines if line.indices]
    assert len(across) == 5
    assert all(a.row == b.row and a.id.startswith("pool") and b.id.startswith("unpool") for a, b in across)


def test_as_published_the_unet_gives_388_of_572() -> None:
    found = drawn("unet-paper", "paper")
    assert (found.shape, found.spots[-1].shape) == ((1, 3, 572, 572), (1, 2, 388, 388))
    assert arch_table.rows(found)[-1][3] == "31,031,810"
    assert next(arch_net.net(found.spec).parameters()).is_meta, "no memory is spent on weights"


def test_dilation_keeps_the_row_where_strides_would_go_down() -> None:
    def row(key: str) -> float:
        spot = drawn(key).find("encoder.stages.4")
        assert spot is not None
        return spot.row

    assert (row("fcn-undilated"), row("fcn-dilated")) == (5, 3)


def test_a_run_of_blocks_is_one_stage_with_their_sums() -> None:
    found = drawn("deeplab-v3plus-xception")
    spot = next(spot for spot in found.stages if spot.place and spot.place.also)
    net = arch_net.net(found.spec)
    names = [*spot.place.also, spot.place.name]  # type: ignore[union-attr]
    assert len(names) == 4
    assert spot.stage.parameters == sum(p.numel() for n in names for p in net.get_submodule(n).parameters())  # type: ignore[union-attr]
    assert arch_svg.label(spot) == "blocks.3–6"


@pytest.mark.parametrize("build", ["small", "paper"])
def test_of_a_detector_the_paper_is_drawn_not_the_stand_in(build: str) -> None:
    found = drawn("mask-rcnn", build)
    ids = [spot.id for spot in found.spots]
    lines = {(ids[line.source], ids[line.target], line.word) for line in found.lines}
    assert {line for line in lines if line[2]} == {
        ("rpn.head", "align", "proposals"), ("roi_heads.box_predictor", "align", "boxes"),
    }  # fmt: skip
    assert {source for source, target, _ in lines if target == "found"} == {
        "roi_heads.box_predictor", "roi_heads.mask_predictor",
    }  # fmt: skip
    assert {("align", "roi_heads.box_head", ""), ("align", "roi_heads.mask_head", "")} <= lines
    assert not any(spot.kind == "concat" for spot in found.spots), "no map is laid beside another"
    said = arch_svg.svg(found, "Mask R-CNN", "activation_bytes")
    assert "28×28 masks" in said
    assert "1464000" not in said
    assert found.whole.activation_bytes is None
    memory = {spot.id: spot.stage.activation_bytes for spot in found.stages if spot.stage}
    assert memory["rpn.head"]
    assert memory["roi_heads.mask_head"] is None
    proposals = 400 if build == "small" else 1000
    assert f"{proposals} proposals and 300 objects" in arch_detector.note(found.spots)


def test_of_a_detectors_heads_the_page_says_for_how_many_boxes_and_no_memory() -> None:
    app = start(arch="mask-rcnn", stage="roi_heads.box_predictor")
    assert shown(app)[text.MEMORY] == text.UNKNOWN
    assert text.FOR_BOXES.format(n=400) in [metric.delta for metric in app.metric]
    assert text.NO_MAPS.format(why=text.NO_MAP) in words(app, "info")


def test_of_a_detector_the_backbones_fields_are_told() -> None:
    found = drawn("mask-rcnn")
    sizes = {spot.id: spot.stage.field and spot.stage.field.size for spot in found.stages if spot.stage}
    assert sizes["backbone.stem"] == (3, 3)
    assert sizes["backbone.stages.0"] == (31, 31)  # 3, at stride 2 a 3×3: 7; at stride 4 three more: 15, 23, 31
    assert sizes["rpn.head"] is None


# ---- the page


def test_it_opens_with_a_question_and_reveals_what_is_measured() -> None:
    app = opened(PAGE)
    assert "Where are most of the **weights**" in words(app)
    assert not app.metric
    ok(app.button(key="arch.split").click().run())
    weights, kept = arch_lab.shares(drawn("unet"))
    assert weights > 0.8
    assert kept > 0.6
    assert f"**{weights:.0%}** of the weights" in words(app, "info")
    assert text.RIGHT in words(app, "info")
    assert app.session_state["guessed"]


def test_a_wrong_guess_is_said_to_be_wrong() -> None:
    app = opened(PAGE)
    ok(app.button(key="arch.top").click().run())
    assert text.WRONG.format(said=text.ANSWERS["top"]) in words(app, "info")


@pytest.mark.parametrize(
    "link",
    [{"arch": "hrnet-v2"}, {"arch": "vnet"}, {"arch": "mask-rcnn", "stage": "rpn.head"}, {"arch": "tiramisu-56"},
     {"arch": "pspnet", "versus": "vnet"}, {"what": "photo", "arch": "fcn-8s"}],
)  # fmt: skip
def test_it_opens_by_a_link(link: dict[str, str]) -> None:
    app = start(**link)
    assert not words(app, "error")
    assert text.PARAMETERS in shown(app)
    row = architectures.get(link["arch"])
    assert row.fixed in words(app)
    assert row.paper.authors in words(app)


def test_a_stage_shows_its_numbers_and_the_table_all() -> None:
    app = start(stage="down.4")
    spot = drawn("unet").find("down.4")
    assert spot is not None
    assert spot.stage is not None
    assert shown(app)[text.OUT] == "128×8×8"
    assert shown(app)[text.FIELD] == "140×140 px"
    assert arch_stage.stride_of(spot.stage) == "16"
    table = app.dataframe[0].value
    assert list(table.columns) == list(text.COLUMNS)
    assert len(table) == len(drawn("unet").stages) + 1
    assert table[text.COLUMNS[3]].iloc[-1] == "486,643"


def test_an_unknown_stage_becomes_the_usual_one() -> None:
    app = start(stage="moon")
    assert app.session_state["stage"] == "down.4"
    ok(app.selectbox(key="arch").select("fcn-8s").run())
    assert app.session_state["stage"] == "fc7"


def test_what_the_browser_says_must_be_a_stage() -> None:
    found = drawn("unet")
    assert _name({"name": "join.2", "serial": 3}, found) == "join.2"
    for sent in (None, "join.2", {"name": "moon"}, {"name": 3}, {"name": "input"}):
        assert _name(sent, found) is None


def test_two_networks_and_their_difference() -> None:
    app = start(arch="fcn-undilated", versus="fcn-dilated")
    said = words(app, "markdown")
    assert text.DIFFERENCE in said
    a, b = drawn("fcn-undilated"), drawn("fcn-dilated")
    assert a.whole.parameters == b.whole.parameters
    assert f"| {text.RATIO.format(ratio=times(b.whole.macs / a.whole.macs))} |" in said
    assert arch_table.strides(a) == (32, 32)
    assert arch_table.strides(b) == (8, 8)
    assert arch_table.strides(drawn("unet")) == (1, 16)
    assert arch_table.strides(drawn("hrnet-v2p")) == (4, 64)


def test_a_size_that_isnt_there_is_said() -> None:
    app = start(arch="tiramisu-56", abuild="small")
    assert "FC-DenseNet56 isn't here small" in words(app, "info")
    assert app.session_state["abuild"] == "paper"
    assert "measured without weights" in words(app, "caption")


def test_a_network_isnt_compared_with_itself() -> None:
    app = start(arch="segnet", versus="segnet")
    assert app.session_state["versus"] == ""
    assert "SegNet" not in app.selectbox(key="versus").options


def test_the_small_one_is_told_from_the_published() -> None:
    small, paper = (arch_stage.short(Spec("deeplab-v3plus", build)) for build in ("small", "paper"))
    assert architectures_short.AS_PUBLISHED in small
    assert architectures_short.AS_PUBLISHED not in paper
    assert "stride 8" in small
    assert arch_table.strides(drawn("deeplab-v3plus")) == (4, 8), "as is said"
    assert arch_table.strides(drawn("deeplab-v3plus", "paper")) == (4, 16)


def test_the_link_holds_everything_and_brings_it_back() -> None:
    link = {"guessed": "1", "arch": "fpn", "versus": "unet", "stage": "smooth8", "stage2": "join.2", "nmaps": "4",
            "shade": "macs", "seed": "3"}  # fmt: skip
    app = opened(PAGE, **link)
    found = {key: value if isinstance(value, str) else value[0] for key, value in dict(app.query_params).items()}
    assert found == link


JUNK = {"alab": "x", "arch": "moon", "versus": "moon", "abuild": "huge", "fresh": "2", "stage": "s" * 99, "nmaps": "99",
        "shade": "pink", "what": "cells", "seed": "-1", "guessed": "maybe"}  # fmt: skip


def test_junk_in_a_link_gives_defaults_and_messages() -> None:
    said = words(opened(PAGE, **JUNK), "warning")
    assert [key for key in JUNK if f"`{key}` in the link" not in said] == []


def test_every_preset_is_a_link_of_this_page_and_names_a_stage_there_is() -> None:
    for preset in arch_presets.PRESETS:
        values, messages = state.read(arch_state.FIELDS, preset.params)
        assert messages == []
        if preset.params.get("stage"):
            assert drawn(str(values["arch"]), str(values["abuild"])).find(preset.params["stage"]) is not None
    unet, dense = drawn("unet", "paper"), drawn("tiramisu", "paper")
    assert dense.whole.parameters < unet.whole.parameters / 3
    per_pixel = [d.whole.activation_bytes / (d.shape[-1] * d.shape[-2]) for d in (unet, dense)]
    assert per_pixel[1] > per_pixel[0], "few weights, much memory"
    app = start()
    ok(app.button(key="preset.arch-rows").click().run())
    assert (app.session_state["arch"], app.session_state["stage"]) == ("hrnet-v2", "stage2.1.hear.0")


# ---- maps, weights, fields


def test_maps_are_the_channels_with_the_largest_spread() -> None:
    one = look("unet", "join.3")
    channels, strengths, values, of, _ = arch_stage.computed(one.given, one.spot)
    net, kept = arch_net.net(one.given.spec), []
    handle = net.get_submodule("join.3").register_forward_hook(lambda m, i, out: kept.append(out.clone()))
    with torch.no_grad():
        net(arch_picture.tensor(one.given))
    handle.remove()
    spread = kept[0][0].flatten(1).std(1, correction=0)
    assert of == 8
    assert channels.tolist() == spread.argsort(descending=True).tolist()
    np.testing.assert_allclose(strengths, spread.numpy()[channels], rtol=1e-4)
    whole = kept[0][0].numpy()[channels]
    np.testing.assert_allclose(values, whole / np.abs(whole).max(), atol=2e-3)


def test_maps_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one = look("unet", "join.0")
    first = arch_stage.computed(one.given, one.spot)
    monkeypatch.setattr("seglab.stages.feature_maps", lambda *_, **__: pytest.fail("it ran again"))
    assert arch_stage.computed(one.given, one.spot) is first


def test_without_trained_weights_the_page_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    said = words(start(), "markdown")
    assert text.UNTRAINED.format(seed=0) in said
    assert Spec("unet", "small").model is None


def test_trained_weights_are_used_where_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.manual_seed(5)
    net = architectures.get("unet").small(11)
    save_file({k: t.half().contiguous() for k, t in net.state_dict().items()}, tmp_path / "zoo-unet.safetensors")
    (tmp_path / "zoo-unet.toml").write_text(CARD.format(key="zoo-unet", more=SEMANTIC))
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    spec = Spec("unet", "small")
    assert spec.model == "zoo-unet"
    assert Spec("unet", "small", random=True).model is None
    loaded = arch_net.net(spec).get_submodule("classify").weight
    assert torch.equal(loaded.contiguous(), net.classify.weight.half().float())
    app = start()
    assert "U-Net, padded, small" in words(app, "markdown")
    ok(app.toggle(key="fresh").set_value(True).run())
    assert text.UNTRAINED.format(seed=0) in words(app, "markdown")
    assert arch_timeline.measured() == [("U-Net, padded", 0.1, 0.0)]


def test_our_own_networks_are_there_trained(random_weights: Path) -> None:
    assert arch_net.builds(arch_net.OWN) == ("scenes", "street-fast")
    assert "street" in arch_net.builds("fpn")
    app = start(arch="streetnet", abuild="street-fast")
    stage16 = sum(p.numel() for p in zoo.get("street-fast").build().get_submodule("stage16").parameters())
    assert shown(app)[text.PARAMETERS] == f"{stage16 / 1000:.1f} k"
    assert app.session_state["abuild"] == "street-fast"
    assert not words(app, "error")


def test_both_fields_of_a_stage() -> None:
    one = look("unet", "down.2")
    found = arch_field.find(one)
    spot = one.spot.stage
    assert spot is not None
    assert spot.field is not None
    assert found.box[2:] == spot.field.size, "all of it lies in the picture"
    net, x = arch_net.net(one.given.spec), arch_picture.tensor(one.given)
    heat = effective(net, x, "down.2")
    np.testing.assert_array_equal(found.heat, heat)
    top, left, h, w = found.box
    outside = heat.copy()
    outside[top : top + h, left : left + w] = 0
    assert outside.sum() == 0, "nothing beyond the theoretical field"
    inner = heat[top + h // 4 : top + h // 4 + h // 2, left + w // 4 : left + w // 4 + w // 2].sum() / heat.sum()
    assert found.share == pytest.approx(float(inner), abs=0.02)
    assert found.even == pytest.approx(0.25, abs=0.01)
    assert found.share > 2 * found.even


@pytest.mark.parametrize(
    ("key", "stage", "reason"),
    [("vnet", "left.1", text.FIELD_VOLUME), ("segnet", "pool#2", text.FIELD_CALLS),
     ("mask-rcnn", "rpn.head", text.FIELD_DETECTOR), ("unet", "down.0", "")],
)  # fmt: skip
def test_where_there_is_no_field_the_page_says_why(key: str, stage: str, reason: str) -> None:
    assert arch_field.why_not(look(key, stage)) == reason


def test_the_picture_is_at_128_px_and_no_longer_than_twice_that() -> None:
    assert arch_net.shape_for(Spec("unet", "small"), (1080, 1920)) == (1, 3, 128, 224)
    assert arch_net.shape_for(Spec("unet", "small"), (4000, 100)) == (1, 3, 256, 128)
    given = arch_picture.given(Spec("unet", "small"), source())
    assert arch_picture.seen(given).shape == (128, 128, 3)
    volume = arch_picture.given(Spec("vnet", "small"), source())
    assert arch_picture.tensor(volume).shape == (1, 1, 32, 64, 64)
    assert arch_picture.seen(volume).shape == (64, 64, 3)


def test_a_seeds_network_is_the_scripts_however_many_are_built_at_once() -> None:
    specs = [Spec(key, "small", random=True) for key in ("unet", "segnet", "fpn", "pspnet")]

    def weights(net: torch.nn.Module) -> torch.Tensor:
        return torch.cat([weight.flatten() for weight in net.parameters()])

    for _ in range(2):
        arch_net._NETS.clear()
        with ThreadPoolExecutor(len(specs)) as pool:
            together = list(pool.map(arch_net.net, specs))
        for spec, net in zip(specs, together, strict=True):
            torch.manual_seed(0)
            assert torch.equal(weights(net), weights(arch_net._build(spec))), spec.key


def test_new_weights_are_taken_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = []
    for n in (1, 2):
        (folder := tmp_path / str(n)).mkdir()
        torch.manual_seed(n)
        net = architectures.get("unet").small(11)  # type: ignore[misc]
        save_file({k: t.half().contiguous() for k, t in net.state_dict().items()}, folder / "zoo-unet.safetensors")
        (folder / "zoo-unet.toml").write_text(CARD.format(key="zoo-unet", more=SEMANTIC))
        monkeypatch.setattr(zoo, "WEIGHTS", folder)
        found.append(arch_net.net(Spec("unet", "small")).get_submodule("classify").weight)
        want = net.classify.weight.half().float()
        assert torch.equal(found[-1].contiguous(), want)
    assert not torch.equal(*found)


def test_a_trained_models_size_and_data_are_told(random_weights: Path) -> None:
    street = Spec("fpn", "street")
    said = arch_stage.about(arch_picture.given(street, source()))
    assert text.FOREIGN in said, "it was trained on photos"
    assert text.OTHER_SIZE.format(seen=128, trained=360) in said
    said = arch_stage.about(arch_picture.given(Spec(arch_net.OWN, "scenes"), source()))
    assert text.FOREIGN not in said
    assert "shorter side" not in said


def test_the_cost_strip_tells_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    def strip(app: AppTest) -> str:
        return " ".join(block.proto.body for block in app.get("html"))

    cache.MAPS.clear()
    app = start(stage="join.1")
    assert text.COST_NOTE in words(app, "caption")
    assert "<b>Device</b> CPU" in strip(app)
    assert "<b>Peak memory</b>" in strip(app)
    ok(app.run())
    assert text.COST_KEPT in words(app, "caption")
    none = start(arch="unet", abuild="paper")
    monkeypatch.setattr("seglab.stages.feature_maps", lambda *_, **__: pytest.fail("it ran"))
    heads = start(arch="mask-rcnn", stage="roi_heads.box_head")
    for app in (none, heads, ok(heads.run())):
        assert text.COST_NOTE not in words(app, "caption")
        assert text.COST_KEPT not in words(app, "caption")
        assert "Device" not in strip(app)


# ---- tabs


def test_a_saved_diagram_holds_its_own_colours() -> None:
    found = arch_saved.saved(drawn("unet"), "U & net", "parameters")
    root = ElementTree.fromstring(found)
    assert "var(" not in found
    assert "color-mix" not in found
    sheet = root.find(f"{SVG}style").text or ""  # type: ignore[union-attr]
    assert ".hit{fill: none; stroke: none;}" in sheet
    assert "path{fill: none;" in sheet
    fills = {slab.get("style") for slab in root.iter(f"{SVG}rect") if slab.get("class") == "slab"}
    assert "fill:#27847c" in fills, "0.9 of #0f766e on white: the stage with most weights"
    assert len(fills) > 3
    assert 'class="slab" style' not in arch_saved.saved(drawn("unet"), "", ""), "unshaded as on the page"


@pytest.mark.parametrize("tab", [text.TAB_FIELD, text.TAB_CODE, text.TAB_TIME, text.TAB_DOWNLOAD])
def test_every_tab_opens(tab: str) -> None:
    app = start(stage="down.2")
    app.session_state["arch.tab.5"] = tab
    ok(app.run())
    if tab == text.TAB_FIELD:
        assert text.FIELD_HALF in shown(app)
    if tab == text.TAB_CODE:
        assert "class UNet(nn.Module)" in "".join(block.value for block in app.code)


def test_the_code_is_the_networks_own_file() -> None:
    found = arch_code.sources(look("fcn-8s", "fc7"))
    assert list(found) == ["seglab/nets/fcn.py", "seglab/nets/encoders.py"]
    assert "class FCN(nn.Module)" in found["seglab/nets/fcn.py"]
    for head in ("V1", "V2", "V2p"):
        found = arch_code.sources(look(f"hrnet-{head.lower()}", "stem"))
        assert f"class Head{head}(nn.Module)" in found["seglab/nets/hrnet_heads.py"]
    for key, function in (("fcn-fine", "fine"), ("fcn-undilated", "undilated"), ("hrnet-v2p", "hrnet_v2p")):
        stage = "stem" if key == "hrnet-v2p" else "squeeze"
        found = arch_code.sources(look(key, stage))
        assert found[f"seglab/builders.py, {function}"].startswith(f"def {function}(")


def test_a_script_is_offered_only_where_there_are_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[str] = []
    monkeypatch.setattr(arch_code, "show_code", lambda script, *_: offered.append(script))
    for stage in ("roi_heads.box_head", "roi_heads.box_predictor"):
        arch_code.show(look("mask-rcnn", stage))
    assert offered == []
    arch_code.show(look("mask-rcnn", "rpn.head"))
    assert len(offered) == 1


def test_a_trained_models_script_runs_where_the_picture_is(random_weights: Path) -> None:
    spec = Spec(arch_net.OWN, "street-fast")
    given = arch_picture.given(spec, source())
    spot = arch_net.draw(spec, given.shape).stages[0]
    script = arch_code.script(arch_lab.Shown(given, arch_net.draw(spec, given.shape), spot, 0.0))
    assert 'runtime.model("street-fast").net.cpu()' in script


@pytest.mark.parametrize(
    ("key", "stage"),
    [("unet", "join.3"), ("segnet", "pool#1"), ("vnet", "left.1"), ("mask-rcnn", "rpn.head"),
     ("mask-rcnn", "backbone.stages.2")],
)  # fmt: skip
def test_the_script_gives_the_pages_numbers(key: str, stage: str, tmp_path: Path) -> None:
    one = look(key, stage)
    Pil.fromarray(one.given.source.photo.image).save(tmp_path / "picture.png")
    script = arch_code.script(one)
    assert script.count("\n") <= 40
    env = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"output {one.spot.shape}"
    assert lines[1] == f"parameters {one.spot.stage.parameters}"  # type: ignore[union-attr]
    channels, strengths, *_ = arch_stage.computed(one.given, one.spot)
    for line, k, strength in zip(lines[2:], channels, strengths, strict=False):
        assert line.startswith(f"channel {k} spread ")
        assert float(line.rsplit(" ", 1)[1]) == pytest.approx(strength, abs=2e-4)


def test_published_results_have_their_sources() -> None:
    cards = [zoo.card(key) for key in arch_timeline.STREETS]
    assert [score for _, score, _ in arch_timeline.streets()] == [card.scores["val"].mean_iou for card in cards]
    assert [others for *_, others in arch_timeline.streets()] == [tuple(card.hold_out.values()) for card in cards]
    found = arch_timeline.points()
    assert all(p.result.split == "test" and p.result.source and 0.5 < p.result.mean_iou < 0.9 for p in found)
    course = {(r.of, r.data) for row in architectures.ARCHITECTURES for r in row.results}
    assert course <= {(p.result.of, p.result.data) for p in found}
    assert {p.result.data for p in found} == set(arch_timeline.MARKS)


def test_a_file_of_the_table_has_plain_numbers() -> None:
    found = arch_table.as_csv(arch_table.rows(drawn("unet"))).splitlines()
    assert found[0].split(",")[0] == "Stage"
    assert ",486643," in found[-1]


def test_another_pages_choices_do_no_harm() -> None:
    app: AppTest = start()
    app.session_state["what"] = "cells"
    ok(app.run())
    assert app.session_state["what"] == "scene"
    app.session_state["what"], app.session_state["alab"] = "cells", "separable"
    ok(app.run())
    assert "what" not in app.query_params, "nor does a lab without a picture put it into the link"
    app.session_state["alab"] = "net"
    ok(app.run())
    first: Any = app.session_state["seed"]
    ok(next(button for button in app.button if button.label == text.ANOTHER).click().run())
    assert app.session_state["seed"] != first


@pytest.mark.slow
@pytest.mark.parametrize("key", arch_layouts.KEYS)
def test_every_stage_of_every_small_network_has_maps_and_a_field_or_says_why_not(key: str) -> None:
    spec = Spec(key, arch_net.builds(key)[0], random=True)
    for spot in drawn(key).stages:
        given = arch_picture.given(spec, source())
        one = arch_lab.Shown(given, drawn(key), spot, 0.0)
        if not spec.has_numbers:
            assert arch_field.why_not(one) == text.FIELD_PAPER
            continue
        if len(spot.shape) == len(given.shape):
            channels, _, values, of, _ = arch_stage.computed(given, spot)
            assert len(channels) == len(values) == min(16, of) == min(16, spot.shape[1])
        else:
            with pytest.raises(ValueError, match="is no map"):
                arch_stage.computed(given, spot)
        if not arch_field.why_not(one):
            assert 0 <= arch_field.find(one).share <= 1


def test_the_kin_of_the_u_net_are_drawn_by_their_definitions() -> None:
    assert arch_kin.reads(0, 3) == [(0, 0), (0, 1), (0, 2), (1, 2)]
    assert arch_kin.reads(3, 0) == [(2, 0)]
    edges = sum(len(arch_kin.reads(*node)) for node in arch_kin.nodes())
    drawn = arch_kin.plus_plus()
    assert drawn.count("<circle") == 15
    assert drawn.count('marker-end="url(#kin)"') == edges == 34
    assert drawn.count('fill="var(--st-primary-color') == 9, "a U-Net's nodes"
    for picture in (drawn, arch_kin.gate()):
        assert ElementTree.fromstring(picture).get("role") == "img"
    app = start(guessed="1")
    assert text.KIN in [one.label for one in app.expander]
    assert "arXiv:1804.03999" in words(app, "markdown")
    both = start(guessed="1", versus="unet-paper")
    assert [one.label for one in both.expander].count(text.KIN) == 1
    assert text.KIN not in [one.label for one in start(guessed="1", arch="segnet").expander]
