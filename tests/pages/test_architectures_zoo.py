"""The labs that need trained weights, with random ones in their place: these tests are about the page."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from seglab import architectures, zoo
from seglab.datasets import axes, scenes
from seglab.evaluate_zoo import measure, network
from tests.pages.apps import ok, opened, words
from tests.pages.conftest import CARD
from ui import arch_net, arch_scatter, arch_state, arch_trained, cache, lessons
from ui.arch_net import Spec
from ui.texts import architectures_zoo as text

KEYS = ("fcn-32s", "fcn-16s", "fcn-8s", "segnet", "unet")
SCORES = """confidence_p05 = 0.1
[scores.test]
mean_iou = {iou}
pixel_accuracy = 0.5
also = {{boundary_iou = 0.25, things_iou = 0.5}}
[scores.test.seeds]
mean_iou = [{iou}, {more}]
[scores.8-16]
mean_iou = 0.1
pixel_accuracy = 0.5
also = {{things_iou = 0.125}}
"""
start = partial(opened, "6_Architectures")
assert lessons.LESSONS  # imported before any weights are taken away: its choices are made of those that are here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with random weights and a card for five small networks."""
    found = tmp_path_factory.mktemp("zoo")
    for n, key in enumerate(KEYS):
        torch.manual_seed(n)
        net = architectures.get(key).small(11)  # type: ignore[misc]
        save_file({k: t.half().contiguous() for k, t in net.state_dict().items()}, found / f"zoo-{key}.safetensors")
        more = SCORES.format(iou=0.1 * (n + 1), more=0.1 * (n + 1) + 0.02)
        (found / f"zoo-{key}.toml").write_text(CARD.format(key=f"zoo-{key}", more=more))
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
    assert np.array_equal(arch_trained.answer("unet", 0).labels, arch_trained.answer("unet", 0, ()).labels)


@pytest.mark.usefixtures("weights")
def test_scatter_reads_the_cards_and_measures_the_costs() -> None:
    assert arch_scatter.score("unet", "test", "mean_iou") == pytest.approx((0.51, 0.01))
    assert arch_scatter.score("unet", "thin", "thin_recall") is None
    assert arch_scatter._sizes("unet") == (["8–16"], [0.125])
    assert arch_scatter.cost("unet", "parameters") == (486_643, False)
    assert arch_scatter.cost("unet", "field") == (204, False)
    assert arch_scatter.cost("pspnet", "field") == (207, True), "the means see the whole picture"
    assert arch_scatter.cost("fcn-dilated", "field") == (207, False)


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
    (made,) = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart") if "markers+text" in chart.proto.spec]
    assert sorted(zip(made["data"][0]["text"], made["data"][0]["marker"]["symbol"], strict=True)) == [
        ("SegNet +", "circle-open"), ("U-Net, padded", "circle"),
    ]  # fmt: skip
