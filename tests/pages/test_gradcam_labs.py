"""The tabs "Other networks" and "Bias lab" of the page "Grad-CAM", against the library asked directly."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from seglab import instances, runtime, zoo
from seglab.datasets import crops, scenes
from seglab.explain import Category, classify, explain, of_detection, share_outside
from seglab.live import bias as library
from seglab.types import Palette
from tests.live_runs import ended
from tests.pages.apps import ok, opened, shown, words
from ui import (
    compare_source,
    gradcam_bias,
    gradcam_class,
    gradcam_object,
    gradcam_presets,
    gradcam_state,
    live_panel,
    state,
)
from ui.compare_source import Source
from ui.texts import gradcam_labs as text

PAGE = "5_Grad_CAM"
BASE = {"reveal": "1", "cls": "car", "layer": "stage8"}
start = partial(opened, PAGE, **BASE, gtab="other")


def source(**changes: str) -> Source:
    """Return the street that a link asks for."""
    return compare_source.scene(state.read(gradcam_state.FIELDS, changes)[0])


def other_thing(street: Source) -> tuple[crops.Found, tuple[int, int]]:
    """Return a thing that isn't the largest, and a pixel of it."""
    assert street.sample is not None
    assert street.sample.ids is not None
    ids = street.sample.ids
    thing = min(crops.things(street.sample), key=lambda t: int((ids == t.id).sum()))
    ys, xs = np.nonzero(ids == thing.id)
    return thing, (int(xs[len(xs) // 2]), int(ys[len(ys) // 2]))


# ---- a classifier


def test_the_classifier_is_asked_about_the_thing_that_is_clicked_on() -> None:
    app = start()
    street = source()
    largest = gradcam_class.cut(street, "")
    logits = classify(largest.image, "scenes-crops")
    names = crops.THINGS.names
    table = app.table[0].value
    assert table[text.C_COLUMNS[0]][0] == names[int(logits.argmax())]
    p = np.exp(logits - logits.max())
    assert table[text.C_COLUMNS[1]][0] == f"{(p / p.sum()).max():.1%}"
    found = explain(largest.image, "scenes-crops", Category(int(logits.argmax())))
    assert largest.mask is not None
    assert shown(app)[text.C_OUTSIDE.format(name=largest.name)] == f"{share_outside(found.heat(), largest.mask):.0%}"
    assert f"**{found.raw.max():.3g}**" in words(app, "caption")

    thing, (x, y) = other_thing(street)
    app.session_state["cspot"] = f"{x},{y}"
    ok(app.run())
    assert text.C_TRUE.format(name=names[thing.k]) in words(app)
    assert app.query_params["cspot"] in (f"{x},{y}", [f"{x},{y}"])
    ok(app.button(key="gradcam.class.whole").click().run())
    assert app.session_state["cspot"] == ""

    ok(app.selectbox(key="ccls").select("dog").run())
    want = explain(largest.image, "scenes-crops", Category(names.index("dog")))
    assert f"score y = **{want.score:.4g}**" in words(app, "caption")


def test_the_square_is_the_things_and_its_mask_is_the_truth() -> None:
    street = source()
    thing, (x, y) = other_thing(street)
    found = gradcam_class.cut(street, f"{x},{y}")
    assert found.place == crops.square(thing.box, (384, 384))
    assert found.image.shape[:2] == found.mask.shape  # type: ignore[union-attr]
    assert found.mask.sum() == (street.sample.ids == thing.id).sum()  # type: ignore[union-attr]
    beside = gradcam_class.cut(street, "2,2")
    assert beside.mask is None
    assert beside.image.shape == (192, 192, 3)
    assert gradcam_class.cut(street, "900,900").name == gradcam_class.cut(street, "").name
    empty = gradcam_class.cut(source(things="0"), "")
    assert empty.image.shape == (384, 384, 3)


def test_without_a_net_the_embedded_classifier_answers_in_resnets_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("SEGLAB_WEIGHTS_URL", (tmp_path / "nowhere").as_uri())
    app = start(cnet="resnet50", ccls="tabby")
    assert "ResNet-50, ImageNet isn't here, so “Scenes, classifier of crops” answers instead" in words(app, "warning")
    assert text.C_OURS in words(app, "caption")
    assert app.selectbox(key=gradcam_class.STAND_IN).value == ""
    assert app.query_params["ccls"] in ("tabby", ["tabby"]), "the link's class is ResNet's"


def test_of_a_network_that_lacks_the_class_nobody_says_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    palette = Palette("other", ("tabby", "beagle", "cab", "pine", "ball"), ((0, 0, 0),) * 5)
    loaded = replace(runtime.model("scenes-crops"), palette=palette)
    assert text.C_WRONG_SAID in words(start(cspot="2,2"), "markdown") or text.C_RIGHT_SAID in words(start(), "markdown")
    monkeypatch.setattr(gradcam_class, "_network", lambda: loaded)
    said = words(start(), "markdown")
    assert "It truly is" in said
    assert text.C_WRONG_SAID not in said
    assert text.C_RIGHT_SAID not in said


def test_a_photo_has_no_road_to_notice() -> None:
    assert text.C_NOTICE in words(start(), "caption")
    assert text.C_NOTICE not in words(start(what="photo", image="chelsea"), "caption")


def test_a_class_that_everything_speaks_against_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acceptance 4: never a silent all-zero map."""
    real = runtime.model("scenes-crops")
    net = copy.deepcopy(real.net)
    with torch.no_grad():
        last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
        last.weight[crops.THINGS.names.index("ball")] = -1.0  # of maps that a ReLU has left: none speaks for it
    planted = runtime.ready("scenes-crops", net, real.palette, real.preprocess, "planted", real.spec)
    monkeypatch.setattr(gradcam_class, "_network", lambda: planted)
    app = start(ccls="ball", clayer=planted.spec.cam_layers[0])  # type: ignore[union-attr]
    assert "speaks against" in words(app, "warning")
    assert not [metric for metric in app.metric if metric.label.startswith("Heat outside the")
                and metric.label == text.C_OUTSIDE.format(name=gradcam_class.cut(source(), "").name)]  # fmt: skip


def test_a_photo_is_taken_whole_and_a_grey_one_has_a_sentence_or_a_map() -> None:
    app = start(what="photo", image="chelsea")
    assert app.table[0].value[text.C_COLUMNS[0]][0] in crops.THINGS.names
    assert not [metric for metric in app.metric if "Heat outside the car" in metric.label], "nobody knows the truth"
    app.session_state["cspot"] = "100,100"
    ok(app.run())
    grey = np.full((40, 40, 3), 128, np.uint8)
    logits = classify(grey, "scenes-crops")
    assert np.isfinite(logits).all()


# ---- one object


def test_one_object_is_the_librarys() -> None:
    app = start(kind="object")
    street, loaded = source(), runtime.model("scenes-instances")
    image = street.photo.image
    found = instances.detect(image, loaded)
    ours = gradcam_object.objects(street, loaded)
    n, missed = gradcam_object.chosen(ours, "")
    assert not missed
    areas = [int(ours.offered.mask(k).sum()) for k in range(len(ours.offered))]
    assert areas[n] == max(areas)
    i = ours.rows[n]
    np.testing.assert_array_equal(found.boxes[i], ours.offered.boxes[n])
    for of in ("class", "mask"):
        app.button_group(key="oof").set_value(of).run()
        ok(app)
        shares = [metric.value for metric in app.metric if metric.label == text.O_OUTSIDE]
        for method, share in zip(("grad-cam", "hirescam"), shares, strict=True):
            target = of_detection(image, loaded, found, i, of)  # type: ignore[arg-type]
            want = explain(image, loaded, target, layer=app.session_state["olayer"], method=method)
            assert f"y = **{want.score:.4g}**; largest value **{want.raw.max():.3g}**" in words(app, "caption")
            assert share == f"{share_outside(want.heat(), ours.offered.mask(n)):.0%}"
        assert float(shares[1].rstrip("%")) < float(shares[0].rstrip("%")) / 1.3, "as the page says"


def test_a_click_takes_the_object_there_and_beside_them_it_is_said() -> None:
    street, loaded = source(), runtime.model("scenes-instances")
    ours = gradcam_object.objects(street, loaded)
    for n in range(len(ours.rows)):
        ys, xs = np.nonzero(ours.offered.mask(n))
        k, missed = gradcam_object.chosen(ours, f"{xs[0]},{ys[0]}")
        assert not missed
        assert ours.offered.mask(k)[ys[0], xs[0]]
    assert gradcam_object.chosen(ours, "900,2")[1]
    app = start(kind="object", ospot="2,2")
    assert text.O_MISSED in words(app, "caption")


def test_where_there_is_no_object_or_no_detector_it_is_said() -> None:
    assert text.O_NONE in words(start(kind="object", things="0"), "info")
    if not any(zoo.weights_here(key) for key in gradcam_state.DETECTORS[1:]):
        assert text.O_PHOTO in words(start(kind="object", what="photo", image="china"), "info")


# ---- the bias lab


def bias(app: AppTest | None = None, **params: str) -> AppTest:
    return opened(PAGE, **BASE, gtab="bias", **params)


def test_the_lab_shows_what_is_learnt_from_and_how_much_of_it_gives_the_class_away() -> None:
    app = bias()
    assert app.slider(key="bias").value == 1.0
    assert gradcam_bias._seen(1.0)[1] == gradcam_bias.LOOKED_AT
    assert gradcam_bias._seen(0.5)[1] < gradcam_bias.LOOKED_AT
    ok(app.slider(key="bias").set_value(0.8).run())
    assert app.query_params["bias"] in ("0.8", ["0.8"])
    assert all(what in words(app) for what in text.B_LINES.values())


def test_the_result_says_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "HELD_OUT", 2)
    _, outcome = ended(library.train(1.0, steps=3, pool=2))
    monkeypatch.setattr(live_panel, "panel", lambda *a, **k: SimpleNamespace(live=False, result=outcome, latest=1))
    app = bias()
    table, cells = (element.value for element in app.table)
    assert list(table[text.B_COLUMNS[0]]) == list(library.NAMES)
    first = outcome.looked["Biased"]
    assert table[text.B_COLUMNS[1]][0] == f"{first.own:.0%}"
    assert table[text.B_COLUMNS[2]][0] == f"{first.counter:.0%}"
    assert text.B_EVEN.format(n=8, even=first.even) in words(app, "caption")
    assert text.B_TRAINED.format(degree=1.0, steps=3, seed=0) in words(app, "markdown")
    assert text.B_CHANGED in words(app, "caption")
    monkeypatch.setattr(live_panel, "panel", lambda *a, **k: SimpleNamespace(
        live=False, result=replace(outcome, degree=0.8, steps=60), latest=1))  # fmt: skip
    assert text.B_TRAINED.format(degree=0.8, steps=60, seed=0) in words(bias(bias="0.8", bsteps="60"), "markdown")
    assert text.B_CHANGED not in words(bias(bias="0.8", bsteps="60"), "caption")
    assert cells[text.B_PICTURES[1]][0].split()[0] == ("✓" if first.said[1] == 0 else "✗")


def looked(counter: float, energy: float, own: float = 1.0) -> Any:
    return SimpleNamespace(own=own, counter=counter, energy=energy)


def test_the_verdict_follows_the_numbers() -> None:
    good = looked(0.9, 0.4)
    lines = gradcam_bias.notice({"a": looked(0.1, 0.1), "b": good, "c": looked(0.8, 0.3)})
    assert "It looks at the street" in lines[0]
    assert "from 10% to 80%" in lines[1]
    lines = gradcam_bias.notice({"a": looked(0.1, 0.1), "b": good, "c": looked(0.12, 0.1)})
    assert "hasn't repaired it yet" in lines[1]
    (line,) = gradcam_bias.notice({"a": looked(0.85, 0.3), "b": good, "c": good})
    assert "enough" in line


# ---- links


def test_the_open_tab_and_its_choices_are_in_the_link() -> None:
    link = {
        **BASE, "gtab": "other", "kind": "object", "cspot": "9,9", "ccls": "dog", "clayer": "stage4", "ospot": "8,8",
        "oof": "mask", "olayer": "backbone.stages.1", "bias": "0.7", "bsteps": "100", "bseed": "3",
    }  # fmt: skip
    app = opened(PAGE, **link)
    found = {key: value if isinstance(value, str) else value[0] for key, value in dict(app.query_params).items()}
    assert found == link
    for preset in gradcam_presets.PRESETS:
        assert state.read(gradcam_state.FIELDS, preset.params)[1] == []


def test_the_streets_of_the_lab_are_not_those_of_the_shipped_networks() -> None:
    seeds = {library.TRAIN_SEED, library.HELD_OUT_SEED, gradcam_bias.SEED, scenes.TEST_SEED}
    assert len(seeds) == 4
