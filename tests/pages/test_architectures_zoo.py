"""The labs that need trained weights, with random ones in their place: these tests are about the page."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from seglab import architectures, zoo
from seglab.bench import zoo as bench
from seglab.datasets import axes, scenes
from seglab.evaluate_zoo import measure, network
from tests.pages.apps import ok, opened, words
from tests.pages.conftest import CARD
from ui import (
    arch_net,
    arch_picture,
    arch_presets,
    arch_scatter,
    arch_sizes,
    arch_stage,
    arch_state,
    arch_trained,
    cache,
    compare_source,
    lessons,
    state,
)
from ui.arch_net import Spec
from ui.texts import architectures_zoo as text

KEYS = ("fcn-32s", "fcn-16s", "fcn-8s", "segnet", "unet")
SCORES = """confidence_p05 = 0.1
[scores.test]
mean_iou = {iou}
pixel_accuracy = 0.5
also = {{boundary_iou = {edges}, things_iou = 0.5}}
[scores.test.seeds]
mean_iou = [{iou}, {more}]
boundary_iou = [{edges}, {sharper}]
[scores.8-16]
mean_iou = 0.1
pixel_accuracy = 0.5
also = {{things_iou = 0.125}}
[scores.8-16.seeds]
things_iou = [0.125, 0.175]
[scores.16-32]
mean_iou = 0.1
pixel_accuracy = 0.5
also = {{things_iou = 0.25}}
"""
EDGES = {"fcn-32s": 0.1, "fcn-16s": 0.2, "fcn-8s": 0.21, "segnet": 0.3, "unet": 0.4}  # and as much as 0.02 more
BASELINES = {"majority class": {"test": {"mean_iou": 0.03}}, "colour look-up": {"test": {"mean_iou": 0.09}}}
start = partial(opened, "6_Architectures")
assert lessons.LESSONS  # imported before any weights are taken away: its choices are made of those that are here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with random weights and a card for five small networks."""
    found = tmp_path_factory.mktemp("zoo")
    for n, key in enumerate(KEYS):
        torch.manual_seed(n)
        net = architectures.get(key).small(11)  # type: ignore[misc]
        if key == "unet":
            net.classify.bias.data.zero_()  # else it decides alone, for all pixels alike
        save_file({k: t.half().contiguous() for k, t in net.state_dict().items()}, found / f"zoo-{key}.safetensors")
        iou, edges = 0.1 * (n + 1), EDGES[key]
        more = SCORES.format(iou=iou, more=iou + 0.02, edges=edges, sharper=edges + 0.02)
        (found / f"zoo-{key}.toml").write_text(CARD.format(key=f"zoo-{key}", more=more))
    (found / bench.RESULTS).write_text(json.dumps({"baselines": {"Scenes": BASELINES}, "runs": {}}))
    return found


@pytest.fixture
def weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "WEIGHTS", folder)


def test_without_weights_these_labs_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    assert arch_trained.available() == ()
    app = start(alab="cut")
    assert "needs networks that aren't trained" in words(app, "info")
    assert app.session_state["alab"] == "net"


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("lab", arch_state.LABS[len(arch_state.ALWAYS) :])
def test_with_weights_every_lab_opens(lab: str) -> None:
    assert arch_trained.trained() == KEYS
    app = start(alab=lab, cut8="1")
    assert not words(app, "error")
    intro = {
        "strides": text.F_INTRO,
        "cut": text.C_INTRO,
        "sizes": text.S_INTRO,
        "differ": text.X_INTRO.format(n=24),
        "scatter": text.Z_INTRO,
    }[lab]
    assert intro[:20] in words(app, "markdown")
    ok(app.run())


@pytest.mark.usefixtures("weights")
def test_scores_of_a_street_are_the_librarys() -> None:
    sample = axes.unseen("test", 4)[3]
    want = measure([sample], network(arch_net.net(Spec("unet", "small"))))
    found = arch_trained.answer("unet", 3)
    assert (found.mean_iou, found.boundary_iou) == pytest.approx((want.mean_iou, want.boundary_iou))


@pytest.mark.usefixtures("weights")
def test_cutting_a_skip_is_zeroing_its_weights() -> None:
    net = architectures.get("unet").small(11).eval()  # type: ignore[misc]
    net.load_state_dict(zoo.state_dict("zoo-unet"))
    conv = net.get_submodule("join.1")[0]
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        cut, whole = arch_trained.without(net, (4,))(x), net(x)
        conv.weight[:, : conv.in_channels // 2] = 0
        torch.testing.assert_close(cut, net(x))
    assert not torch.equal(cut, whole)


@pytest.mark.usefixtures("weights")
def test_a_cut_network_leaves_the_whole_one_as_it_was() -> None:
    cache.MAPS.clear()
    whole = arch_trained.answer("unet", 0)
    cut = arch_trained.answer("unet", 0, (1, 2, 4, 8))
    assert not np.array_equal(cut.labels, whole.labels)
    cache.MAPS.clear()  # so that it is asked anew, with the net that was cut before
    again = arch_trained.answer("unet", 0)
    assert again is not whole
    assert np.array_equal(again.labels, whole.labels)


@pytest.mark.usefixtures("weights")
def test_scatter_reads_the_cards_and_measures_the_costs() -> None:
    assert arch_trained.score("unet", "test", "mean_iou") == pytest.approx((0.51, 0.01))
    assert arch_trained.score("unet", "thin", "thin_recall") is None
    assert arch_scatter.cost("unet", "parameters") == (486_643, False)
    assert arch_scatter.cost("unet", "field") == (204, False)
    assert arch_scatter.cost("pspnet", "field") == (207, True), "the means see the whole picture"
    assert arch_scatter.cost("fcn-dilated", "field") == (207, False)
    assert [arch_scatter.cost(key, "stride") for key in KEYS] == [(s, False) for s in (32, 16, 8, 1, 1)]
    whole = arch_net.draw(Spec("unet", "small"), arch_scatter.SHAPE).whole
    found = [arch_scatter.cost("unet", what) for what in ("macs", "activation_bytes")]
    assert found == [(whole.macs, False), (whole.activation_bytes, False)], "as the diagram has it"
    ms = arch_scatter.cost("unet", "ms")
    assert ms is not None
    assert ms[0] > 0
    assert arch_scatter.cost("unet", "ms") is ms, "measured once"


def chart(app: AppTest, what: str) -> dict[str, Any]:
    """The one chart on the page that has `what` in it."""
    (made,) = [json.loads(one.proto.spec) for one in app.get("plotly_chart") if what in one.proto.spec]
    return made


@pytest.mark.usefixtures("weights")
def test_things_by_size_have_their_range_over_the_seeds() -> None:
    assert arch_sizes.of("unet") == [("8–16", pytest.approx(0.15), pytest.approx(0.025)), ("16–32", 0.25, 0.0)]
    app = start(alab="sizes")
    lines = chart(app, "error_y")["data"]
    assert [line["name"] for line in lines] == ["FCN-32s", "FCN-8s", "SegNet", "U-Net, padded"]
    assert lines[0]["x"] == ["8–16", "16–32"]
    assert lines[0]["error_y"]["array"] == pytest.approx([0.025, 0])
    ok(app.multiselect(key="arch.swho").set_value([]).run())
    assert text.S_NONE in words(app, "info")
    assert app.query_params["swho"] == "none"
    again = start(alab="sizes", swho="unet,nonsense,fcn-8s")
    assert [line["name"] for line in chart(again, "error_y")["data"]] == ["U-Net, padded", "FCN-8s"]
    assert "not shown: nonsense." in words(again, "info")
    assert again.query_params["swho"] == "unet,fcn-8s"
    ok(again.multiselect(key="arch.swho").set_value(["segnet"]).run())
    assert again.query_params["swho"] == "segnet"


@pytest.mark.usefixtures("weights")
def test_the_cards_are_quoted_over_their_seeds() -> None:
    said = words(start(alab="strides"), "markdown").replace("\N{NO-BREAK SPACE}", " ")
    assert "0.110 ± 0.010, 0.210 ± 0.010, 0.220 ± 0.010 (± half the range over the seeds)" in said


@pytest.mark.usefixtures("weights")
def test_baselines_are_lines_in_the_scatter_where_they_were_measured() -> None:
    app = start(alab="scatter", zx="parameters")
    lines = [line for line in chart(app, "markers+text")["data"] if line["mode"] == "lines"]
    assert {line["name"]: set(line["y"]) for line in lines} == {
        "Without a network: majority class": {0.03}, "Without a network: colour look-up": {0.09},
    }  # fmt: skip
    assert all(line["line"]["dash"] != "solid" for line in lines)
    assert text.Z_BASELINES in words(app, "caption")
    app = start(alab="scatter", zx="parameters", zy="test/boundary_iou")
    assert len(chart(app, "markers+text")["data"]) == 1
    assert text.Z_BASELINES not in words(app, "caption")


@pytest.mark.usefixtures("weights")
def test_quality_against_quality() -> None:
    app = start(alab="scatter", zx="test/boundary_iou", zy="8-16/things_iou", arch="segnet")
    assert not words(app, "error")
    made = chart(app, "markers+text")
    dots = made["data"][0]
    assert made["layout"]["xaxis"]["type"] == "linear"
    assert dots["x"] == pytest.approx([value + 0.01 for value in EDGES.values()])
    assert dots["error_y"]["color"] == arch_scatter.GREY, "seen in the light and in the dark"
    assert dots["error_x"]["array"] == pytest.approx([0.01] * 5)
    assert dots["text"] == ["", "", "", "SegNet", "U-Net, padded"], "the one that is chosen, the one that none beats"
    assert dots["hovertext"][0] == "FCN-32s"
    assert dots["marker"]["symbol"] == [*["circle"] * 3, "diamond", "circle"]
    assert text.Z_NOTICES[1, 1] in words(app, "caption")
    costs = start(alab="scatter", zx="parameters", zy="macs")
    made = chart(costs, "markers+text")
    assert (made["layout"]["xaxis"]["type"], made["layout"]["yaxis"]["type"]) == ("log", "log")
    assert made["data"][0]["y"] == [arch_scatter.cost(key, "macs")[0] for key in arch_trained.trained()]  # type: ignore[index]
    assert len(made["data"]) == 1, "there is no baseline's cost"
    assert text.Z_NOTICES[-1, -1] in words(costs, "caption")
    assert text.Z_PATCH not in words(costs, "caption"), "it isn't among these"
    app.selectbox(key="zx").set_value("8-16/things_iou")
    assert text.Z_SAME in words(ok(app.run()), "info")


@pytest.mark.usefixtures("weights")
def test_claims_are_told_by_the_cards_and_explained_where_they_dont_show(monkeypatch: pytest.MonkeyPatch) -> None:
    why = "Its second skip comes late."
    monkeypatch.setitem(text.WHY, ("boundary", "fcn-16s", "fcn-8s"), why)
    monkeypatch.setitem(text.WHY, ("boundary", "fcn-32s", "fcn-16s"), "Never said.")
    said = words(start(alab="scatter", zx="parameters"), "markdown").replace("\N{NO-BREAK SPACE}", " ")
    rows = [line for line in said.splitlines() if line.startswith("| **")]
    assert rows[:2] == [
        "| **FCN-16s** beats **FCN-32s** on boundaries | :material/check: | +0.100 ± 0.020 |",
        f"| **FCN-8s** beats **FCN-16s** on boundaries. {why} | :material/remove: | +0.010 ± 0.020 |",
    ]
    assert "Never said." not in said
    assert "| **FCN-8s** beats **FCN-32s** on things of 8–16 px | :material/remove: | +0.000 ± 0.050 |" in rows
    assert not any("thin structures" in line for line in rows), "nobody was scored on them"


@pytest.mark.usefixtures("weights")
def test_experiments_with_trained_weights_are_offered_where_those_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = [one for one in arch_presets.PRESETS if one.params.get("alab") in arch_trained.available()]
    assert len(theirs) == 4
    app = start(alab="separable")
    for preset in theirs:
        ok(app.button(key=f"preset.{preset.key}").click().run())
        assert app.session_state["alab"] == preset.params["alab"]
    assert not words(app, "error")
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    buttons = [button.key for button in start(alab="separable").button]
    assert "preset.arch-window" in buttons
    assert not {f"preset.{preset.key}" for preset in theirs} & set(buttons)


def test_what_is_said_of_the_weights_is_short_and_true_of_volumes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = "Volumes of 32×64×64 voxels, blobs and tubes in noise, drawn by seglab.datasets.volumes: 200 of them."
    card = CARD.format(key="zoo-vnet", more=SCORES.format(iou=0.1, more=0.1, edges=0.1, sharper=0.1))
    (tmp_path / "zoo-vnet.toml").write_text(card.replace("none: random weights, for tests", data))
    (tmp_path / "zoo-vnet.safetensors").touch()
    monkeypatch.setattr(zoo, "WEIGHTS", tmp_path)
    spec = Spec("vnet", "small")
    street = compare_source.scene(state.read(arch_state.FIELDS, {})[0])
    said = arch_stage.about(arch_picture.Given(street, spec, arch_net.VOLUME))
    assert said == "Weights: **V-Net, small**, trained on Volumes of 32×64×64 voxels."


def test_a_street_is_the_test_splits_and_drawn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    want = axes.unseen("test", 8)[7]
    drawn = []
    render = scenes.render
    monkeypatch.setattr(scenes, "render", lambda *given: drawn.append(given) or render(*given))
    cache.MAPS.clear()
    found = arch_trained.street(7)
    assert np.array_equal(found.image, want.image)
    assert np.array_equal(found.labels, want.labels)
    assert (found.key, found.ids) == (want.key, None)
    assert len(drawn) == 1


@pytest.mark.usefixtures("weights")
def test_the_scatter_marks_what_sees_the_whole_picture_and_leaves_out_the_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = {"unet": (204.0, False), "segnet": (300.0, True)}
    monkeypatch.setattr(arch_scatter, "cost", lambda key, what: fields.get(key))
    app = start(alab="scatter", zx="field")
    said = words(app, "caption")
    assert text.Z_WHOLE in said
    assert text.Z_UNKNOWN.format(names="FCN-32s, FCN-16s, FCN-8s") in said
    dots = chart(app, "markers+text")["data"][0]
    assert sorted(zip(dots["hovertext"], dots["marker"]["symbol"], strict=True)) == [
        ("SegNet +", "circle-open"), ("U-Net, padded", "diamond"),
    ]  # fmt: skip
