"""The page "Grad-CAM": what it asks, shows and keeps, against the library asked directly."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import seglab.explain
from seglab import inference, runtime
from seglab.datasets import scenes
from seglab.explain import METHODS, Box, Everywhere, Painted, Pixel, Predicted, explain, share_outside
from seglab.palettes import CAMVID, SCENES
from seglab.sharing import ByteCache
from tests.pages.apps import ok, opened, shown, words
from ui import (
    cache,
    compare_source,
    gradcam_extras,
    gradcam_fail,
    gradcam_map,
    gradcam_presets,
    gradcam_run,
    gradcam_state,
    gradcam_sum,
    gradcam_trust,
    lesson,
    lesson_file,
    segment_run,
    state,
)
from ui.gradcam_votes import Polls
from ui.losses_state import pack
from ui.pin import Pinned
from ui.segment_state import short_side
from ui.texts import gradcam as text
from ui.texts import gradcam_more as more
from ui.viewer import Stroke

PAGE = "5_Grad_CAM"
CAR = SCENES.index("car")
start = partial(opened, PAGE, reveal="1", cls="car", layer="context")


def street(seed: int = gradcam_state.SEED) -> Any:
    """Return the street of that number as the page draws it."""
    return scenes.render(seed, 0, scenes.Parameters(things=(8, 8)), compare_source.SIZE).sample


def asked(**changes: str) -> gradcam_run.Asked:
    """Return the question that a link asks, without a page."""
    values, messages = state.read(gradcam_state.FIELDS, {"cls": "car", "layer": "context", **changes})
    assert messages == []
    source = compare_source.scene(values)
    loaded = runtime.model(str(values["net"]))
    options = inference.Options(short_side=short_side(str(values["short"])))
    logits = inference.logits(source.photo.image, loaded, options)
    run = segment_run.Run(source.photo, loaded, options, logits, 0.0, 0, 1.0, 0.0)
    return gradcam_run.asked_now(values, source, run, loaded.palette.index(str(values["cls"])))


def formulas(app: AppTest) -> list[str]:
    return [element.value.strip("$\n") for element in app.latex]


def open_tab(app: AppTest, name: str) -> AppTest:
    app.session_state["gradcam.tab"] = name
    return ok(app.run())


def test_it_opens_with_a_question_and_reveals_what_is_measured() -> None:
    app = opened(PAGE)
    assert "how much of that heat lies on the car itself" in words(app)
    assert not app.metric
    assert "reveal" not in app.query_params
    ok(app.button(key="gradcam.most").click().run())
    sample = street()
    mask = inference.segment(sample.image, runtime.model("scenes")).labels == CAR
    outside = share_outside(explain(sample.image, "scenes", Predicted(CAR)).heat(), mask)
    assert outside > 2 / 3, "the opening is a surprise"
    assert shown(app)[text.OUTSIDE] == f"{outside:.0%}"
    assert f"**{1 - outside:.0%}** of the heat lies on the car" in words(app, "info")
    assert text.WRONG.format(said=text.ANSWERS["most"]) in words(app, "info")
    assert (
        shown(app)[text.OUTSIDE_TRUE]
        == f"{share_outside(explain(sample.image, 'scenes', Predicted(CAR)).heat(), sample.labels == CAR):.0%}"
    )


def test_a_right_guess_is_said_to_be_right() -> None:
    app = opened(PAGE)
    ok(app.button(key="gradcam.little").click().run())
    assert text.RIGHT in words(app, "info")
    ok(app.selectbox(key="layer").select("stage8").run())
    assert text.RIGHT not in words(app, "info"), "that is another question"


def test_a_rerun_computes_nothing_and_another_layer_one_pass() -> None:
    app = start()
    before = runtime.forward_passes()
    app.toggle(key="signed").set_value(True).run()
    app.slider(key="low").set_value(50.0).run()
    ok(app)
    assert runtime.forward_passes() == before
    app.selectbox(key="layer").select("stage16").run()
    ok(app)
    assert runtime.forward_passes() <= before + 1


def test_the_link_holds_everything_and_brings_it_back() -> None:
    ink = pack([Stroke(1, 4.0, ((200, 200), (260, 240)))])
    link = {
        "reveal": "1", "seed": "4", "cls": "dog", "layer": "stage8", "where": "painted", "spot": "3,4",
        "frame": "1,2,30,40", "inkg": ink, "y": "probability", "cam": "layer-cam", "signed": "1", "low": "30",
        "mirror": "1", "short": "192", "terms": "7", "cams": "hirescam,eigencam", "gscale": "one", "net": "street-fast",
        "other": "street",
    }  # fmt: skip
    link["net"] = "scenes"
    app = opened(PAGE, **link)
    found = {key: value if isinstance(value, str) else value[0] for key, value in dict(app.query_params).items()}
    assert found == {key: value for key, value in link.items() if key != "net"}
    assert "dog in the painted region" in words(app)


JUNK = {
    "reveal": "yes", "what": "cells", "seed": "-1", "layer": "x" * 99, "where": "there", "spot": "1,b", "frame": "1,2",
    "inkg": "!", "y": "odds", "cam": "gradcam", "signed": "2", "low": "nan", "mirror": "-", "short": "7", "terms": "0",
    "cams": "c" * 999, "gscale": "two", "net": "gpt", "other": "gpt", "cls": "💥" * 40,
}  # fmt: skip


def test_junk_in_a_link_gives_defaults_and_messages() -> None:
    app = opened(PAGE, **JUNK)
    said = words(app, "warning")
    assert [key for key in JUNK if f"`{key}` in the link" not in said] == []


@pytest.mark.parametrize(
    ("choices", "target"),
    [
        ({"where": "all"}, Everywhere(CAR)),
        ({"where": "predicted"}, Predicted(CAR)),
        ({"where": "pixel", "spot": "250,220"}, Pixel(CAR, 250, 220)),
        ({"where": "box", "frame": "10,20,200,300"}, Box(CAR, 10, 20, 200, 300)),
    ],
)
def test_each_region_is_the_librarys(choices: dict[str, str], target: Any) -> None:
    question = asked(**choices)
    assert question.target() == target
    want = explain(question.source.photo.image, "scenes", target, layer="context")
    found = gradcam_run.explain(question).found
    assert found is not None
    np.testing.assert_allclose(found.raw, want.raw, rtol=1e-5, atol=1e-5 * want.magnitude)


def test_paint_is_the_region() -> None:
    question = asked(
        where="painted", inkg=pack([Stroke(1, 0.0, ((10, 20), (49, 29))), Stroke(0, 0.0, ((10, 20), (19, 29)))])
    )
    target = question.target()
    assert isinstance(target, Painted)
    want = np.zeros((384, 384), bool)
    want[20:30, 20:50] = True
    np.testing.assert_array_equal(target.mask, want)


IMPOSSIBLE: tuple[tuple[dict[str, str], str], ...] = (
    ({"where": "pixel"}, text.NO_PLACE["pixel"]),
    ({"where": "box"}, text.NO_PLACE["box"]),
    ({"where": "painted"}, "The region is empty"),
    ({"where": "pixel", "spot": "900,900"}, "lies outside the picture"),
    ({"seed": "1"}, "speaks against"),
    ({"cls": "water"}, "sees no water in this picture"),
)


def test_what_cannot_be_explained_is_a_sentence_beside_the_picture() -> None:
    app = start()
    for choices, said in IMPOSSIBLE:
        values = state.read(gradcam_state.FIELDS, {"reveal": "1", "cls": "car", "layer": "context", **choices})[0]
        for key, value in values.items():
            app.session_state[key] = value
        ok(app.run())
        assert said in words(app, "warning")
        assert text.OUTSIDE not in shown(app)
    for name in (text.TAB_SUM, text.TAB_TRUST, text.TAB_DOWNLOAD, text.TAB_CODE):
        open_tab(app, name)


def test_a_probability_that_cannot_move_is_said_to_vanish() -> None:
    preset = next(one for one in gradcam_presets.PRESETS if one.key == "gradcam-vanishes")
    assert "all but vanishes" in words(opened(PAGE, **preset.params))
    assert "all but vanishes" not in words(opened(PAGE, **{**preset.params, "y": "logit"}))


def test_a_region_half_sure_of_the_class_and_half_of_another_cannot_move_either() -> None:
    question = asked(y="probability", where="all")
    kept = gradcam_run.explain(question)
    logits = np.zeros(question.run.logits.shape, np.float16)
    none_known = gradcam_run.by(question, run=replace(question.run, logits=logits))
    assert gradcam_map.probability_slope(none_known, kept) == pytest.approx(10 / 121, rel=1e-5)
    half = logits.shape[2] // 2
    sure = logits.copy()
    sure[CAR, :, :half], sure[0, :, half:] = 20, 20
    slope = gradcam_map.probability_slope(gradcam_run.by(question, run=replace(question.run, logits=sure)), kept)
    assert slope is not None
    assert 0 < slope < 1e-6 < gradcam_map.FAINT


def test_a_chosen_size_is_bounded_everywhere_alike() -> None:
    for method, most in (("score-cam", 256), ("grad-cam", 1024)):
        loaded, size = runtime.model("street"), (2000, 3000)
        seen = gradcam_run.explained_size(loaded, size, "own", method)
        assert min(seen) == most
        h, w = gradcam_run.layers(loaded, size, "own", method)["branch16"][1:]
        assert (h, w) == tuple(8 * -(-n // 32) for n in seen)


def test_a_missing_map_tells_nothing_of_its_network_before_the_vote() -> None:
    app = open_tab(start(things="0", other="street"), text.TAB_TWO)
    assert words(app, "info").count(more.TWO_NO_MAP) >= 1
    assert "sees no" not in words(app, "info")
    skip = next(button for button in app.button if button.label == more.TWO_SKIP)
    ok(skip.click().run())
    assert more.TWO_NO_MAP not in words(app, "info")
    assert "sees no" in words(app, "info")
    assert more.TWO_ABSENT.format(name="car") in words(app, "caption")


def test_another_networks_class_of_the_same_meaning_is_taken_over() -> None:
    app = start()
    ok(app.selectbox(key="net").select("street").run())
    assert app.selectbox(key="cls").value == "Car"
    assert app.session_state["layer"] == "branch16"
    assert gradcam_run.same_class("person", CAMVID.names) == "Pedestrian"


def test_a_photo_has_no_truth_and_keeps_the_segment_pages_model() -> None:
    app = opened(PAGE, reveal="1", what="photo", image="china", model="street-fast", cls="Building")
    assert text.OUTSIDE in shown(app)
    assert text.OUTSIDE_TRUE not in shown(app)
    open_tab(app, text.TAB_TRUST)
    assert "isn't known here" in words(app, "caption")
    open_tab(app, text.TAB_FAIL)
    assert more.FAIL_NO_TRUTH in words(app, "info")


def test_nuclei_of_another_page_become_a_street() -> None:
    app = opened(PAGE)
    app.session_state["what"] = "cells"
    ok(app.run())
    assert app.session_state["what"] == "scene"


def test_methods_layers_and_formulas_are_the_librarys() -> None:
    assert tuple(METHODS) == gradcam_state.METHODS
    assert tuple(key for key, method in METHODS.items() if not method.by_layer) == gradcam_state.LAYERLESS
    assert set(more.FORMULAS) == set(METHODS)
    sizes = gradcam_run.layers(runtime.model("scenes"), (384, 384), "auto", "grad-cam")
    assert sizes == {"context": (96, 8, 8), "stage16": (192, 8, 8), "stage8": (96, 16, 16)}


def test_many_passes_wait_for_a_button_and_can_be_stopped_by_a_move() -> None:
    app = start(cam="score-cam")
    assert text.OUTSIDE not in shown(app)
    before = runtime.forward_passes()
    ok(app.button(key="gradcam.run.map").click().run())
    assert text.OUTSIDE in shown(app)
    assert runtime.forward_passes() > before
    assert [button for button in app.button if button.key == "gradcam.run.map"] == []
    after = runtime.forward_passes()
    ok(app.run())
    assert runtime.forward_passes() == after


def test_work_that_is_cancelled_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    question = asked(cam="score-cam", seed="8")
    with pytest.raises(runtime.Cancelled):
        gradcam_run.kept(question, lambda *_: None, lambda: True)
    assert not gradcam_run.here(question)


def test_the_sum_in_the_hottest_cell_adds_up() -> None:
    found = gradcam_run.explain(asked()).found
    assert found is not None
    terms, said = found.terms(), gradcam_sum.at_hottest(found)
    products = re.findall(r"\(([-\d.e+]+)\)\\cdot ([-\d.e+]+)", said)
    rest = float(re.search(r"underbrace\{\(([-\d.e+]+)\)", said)[1])  # type: ignore[index]
    total = float(said.removesuffix(r"\end{aligned}").rsplit("=", 1)[1])
    assert total == pytest.approx(found.raw.max(), rel=1e-3)
    assert sum(float(a) * float(b) for a, b in products) + rest == pytest.approx(total, rel=0.02)
    assert len(products) == 3
    assert abs(float(products[0][0]) * float(products[0][1])) > 0
    np.testing.assert_allclose(
        gradcam_sum.partial_sum(terms[:2]), terms[0].alpha * terms[0].activation + terms[1].alpha * terms[1].activation,
        rtol=1e-5,
    )  # fmt: skip
    app = open_tab(start(), text.TAB_SUM)
    assert "Sum of 4 channels" in words(app)
    assert said in formulas(app)


def test_alpha_is_written_out_as_a_mean() -> None:
    found = gradcam_run.explain(asked()).found
    assert found is not None
    term = found.terms()[0]
    assert term.slope is not None
    said = gradcam_sum.mean_of(term)
    top, bottom = re.search(r"frac\{([-\d.e+]+)\}\{(\d+)\} = ", said).groups()  # type: ignore[union-attr]
    assert int(bottom) == found.raw.size
    assert float(top) / int(bottom) == pytest.approx(found.alpha[term.channel], rel=1e-4)  # type: ignore[index]
    assert f"{term.slope[0, 0]:.3g}" in said
    assert said in formulas(open_tab(start(), text.TAB_SUM))
    assert not [f for f in formulas(open_tab(start(cam="hirescam"), text.TAB_SUM)) if "frac{1}{8" in f]


def test_a_method_without_weights_shows_its_formula_alone() -> None:
    app = open_tab(start(cam="eigencam"), text.TAB_SUM)
    assert more.NO_TERMS.format(method="EigenCAM") in words(app, "info")
    assert more.FORMULAS["eigencam"] in formulas(app)


def test_the_grid_waits_for_its_button_and_says_each_maps_size() -> None:
    app = open_tab(start(cams="grad-cam,hirescam"), text.TAB_GRID)
    assert "outside" not in words(app, "caption").split(more.GRID_COST[:5])[0].split("even map")[-1]
    ok(app.button(key="gradcam.run.grid").click().run())
    for layer in ("context", "stage16", "stage8"):
        for method in ("grad-cam", "hirescam"):
            want = explain(street().image, "scenes", Predicted(CAR), method=method, layer=layer)
            assert more.CELL.format(layer=layer, most=want.raw.max()) in words(app, "caption")
    before = runtime.forward_passes()
    app.button_group(key="gscale").set_value("one").run()
    ok(app)
    assert "One scale for all" in words(app, "caption")
    assert runtime.forward_passes() == before


def test_a_grid_that_is_no_longer_kept_waits_for_its_button_again() -> None:
    link = {"cams": "grad-cam,hirescam", "gtab": "grid", "seed": "9"}
    app = start(**link)
    ok(app.button(key="gradcam.run.grid").click().run())
    assert more.GRID_NOTE_OWN in words(app, "caption")
    gradcam_run.KEPT.clear()
    before = runtime.forward_passes()
    ok(app.run())
    assert app.button(key="gradcam.run.grid")
    assert runtime.forward_passes() <= before + 1, "the map above alone"


def test_a_photos_region_is_kept_packed() -> None:
    """Else a dozen cells of a phone's photo would fill the cache, and drive each other out."""
    question = asked(seed="8")
    kept = gradcam_run.explain(question)
    np.testing.assert_array_equal(kept.region(), question.predicted())
    assert cache.size_of(kept) < question.predicted().nbytes + kept.found.activations.nbytes * 2  # type: ignore[union-attr]
    assert kept.bits.nbytes == question.predicted().size // 8  # type: ignore[union-attr]


def test_nothing_false_is_kept_where_another_visitor_drives_the_answer_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look whether it is there and the taking of it: the cache's own look, then all is gone."""
    question = asked(seed="8")
    assert gradcam_run.explain(question).found is not None
    inside = ByteCache.__contains__

    def gone(self: ByteCache[Any], key: Any) -> bool:
        found = inside(self, key)
        self.clear()
        return found

    monkeypatch.setattr(ByteCache, "__contains__", gone)
    assert gradcam_run.explain(question).found is not None
    monkeypatch.undo()
    assert gradcam_run.KEPT.peek(question.key) is not None


@pytest.mark.parametrize("tab", ["try", "two", "fail", "grid", "other", "object"])
def test_too_little_memory_is_a_sentence_in_every_tab(monkeypatch: pytest.MonkeyPatch, tab: str) -> None:
    link = {"gtab": "other", "kind": "object"} if tab == "object" else {"gtab": tab}
    app = start(seed="14", **link)
    gradcam_run.KEPT.clear()

    def full(*args: Any, **more: Any) -> Any:
        raise runtime.OutOfMemory("There is not enough memory.")

    monkeypatch.setattr(seglab.explain, "explain", full)
    monkeypatch.setattr(seglab.explain, "of_detection", full)
    ok(app.run())
    assert "There is not enough memory." in words(app, "warning", "error")
    if tab == "grid":
        ok(app.button(key="gradcam.run.grid").click().run())
        assert "There is not enough memory." in words(app, "error")
    monkeypatch.undo()
    ok(app.run())
    assert "There is not enough memory." not in words(app), "it isn't kept"


def test_too_little_memory_for_the_second_network_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    app = start(other="street-fast", gtab="try")
    run = segment_run.run

    def full(photo: Any, loaded: Any, *rest: Any) -> Any:
        if loaded.key == "street-fast":
            raise runtime.OutOfMemory("There is not enough memory.")
        return run(photo, loaded, *rest)

    monkeypatch.setattr(segment_run, "run", full)
    open_tab(app, text.TAB_TWO)
    assert "There is not enough memory." in words(app, "error")
    assert "".join(app.query_params["gtab"]) == "two", "the tab ends there, not the page"


def test_what_is_not_so_is_not_asked() -> None:
    """No mask, or no heat on a mask that is explained, is no question; and the method's own name stands in it."""
    assert "how much of that heat" not in words(opened(PAGE, cls="water"))
    assert "sees no water" in words(opened(PAGE, cls="water"), "warning")
    assert "how much of that heat" not in words(opened(PAGE, cls="car", where="pixel", spot="250,220"))
    assert "**EigenCAM** shows where" in words(opened(PAGE, cls="car", cam="eigencam"))
    assert " in layer `" not in words(opened(PAGE, cls="car", cam="gradient"))


def test_trust_measures_what_the_library_measures() -> None:
    from seglab.explain import deletion, energy_in_mask, pointing_game, road

    app = open_tab(start(layer="stage8"), text.TAB_TRUST)
    sample = street()
    found = explain(sample.image, "scenes", Predicted(CAR), layer="stage8")
    heat, signed = found.heat(), found.heat(relu=False)
    assert (heat == 0).mean() > 0.3, "the ReLU would leave much of the picture in no order"
    assert shown(app)[more.ENERGY] == f"{energy_in_mask(heat, sample.labels == CAR):.0%}"
    assert shown(app)[more.GAME] == (more.HIT if pointing_game(heat, sample.labels == CAR) else more.MISS)
    ok(app.button(key="gradcam.run.curves").click().run())
    gone = deletion(sample.image, "scenes", Predicted(CAR), signed).probability
    assert gone[-1] > 0.9 * gone[0]
    assert more.CURVES_FLAT.format(p=gone[-1]) in words(app)
    assert more.ROAD_NOTE.format(score=road(sample.image, "scenes", Predicted(CAR), signed).score) in words(app)


def test_eigencam_survives_until_its_own_layer() -> None:
    app = open_tab(start(layer="stage8", cam="eigencam"), text.TAB_TRUST)
    ok(app.button(key="gradcam.run.random").click().run())
    assert "nothing changes at all**, until stage8" in words(app)


@pytest.mark.parametrize(
    ("correlation", "said"),
    [([0.2, 0.9], "still much the same (**0.90**)"), ([0.9, 0.1], "little of the map is left (**0.10**)"),
     ([0.9, -0.9], "with its sign turned** (**-0.90**)"), ([0.9, -0.1], "little of the map is left (**-0.10**)"),
     ([1.0, np.nan], "the gradient vanished"), ([1.0, 1.0, 0.3], "For the first 2 layers")],
)  # fmt: skip
def test_the_verdict_on_randomised_weights(correlation: list[float], said: str) -> None:
    from seglab.explain import Randomisation

    names = tuple("abc"[: len(correlation)])
    assert said in gradcam_trust.verdict(Randomisation(names, np.array(correlation), ()))


def test_two_models_are_named_only_after_the_vote() -> None:
    app = open_tab(start(other="street"), text.TAB_TWO)
    assert not app.table
    ok(app.button(key="gradcam.vote.1").click().run())
    table = app.table[0].value
    assert sorted(table.iloc[0][["A", "B"]]) == ["Scenes", "Street"]
    sample = street()
    true = sample.labels == CAR
    for name in "AB":
        key, palette = ("scenes", SCENES) if table.iloc[0][name] == "Scenes" else ("street", CAMVID)
        k = palette.index("car" if key == "scenes" else "Car")
        mask = inference.segment(sample.image, runtime.model(key)).labels == k
        energy = 1 - share_outside(explain(sample.image, key, Predicted(k)).heat(), true)
        column = dict(zip(table[more.TWO_COLUMN], table[name], strict=True))
        assert column[more.CLASS_IOU] == f"{(mask & true).sum() / (mask | true).sum():.2f}"
        assert column[more.ENERGY] == f"{energy:.0%}"
    assert "so far: 1" in words(app)
    ok(app.button(key="gradcam.vote.4").click().run())
    assert "so far: 1" in words(app), "one visitor has one vote"
    other = open_tab(start(other="street"), text.TAB_TWO)
    assert not other.table, "another visitor is asked first"
    ok(other.button(key="gradcam.vote.4").click().run())
    assert "so far: 2" in words(other)


def test_the_link_opens_the_comparison_again() -> None:
    app = open_tab(start(other="street-fast"), text.TAB_TWO)
    link = {key: value if isinstance(value, str) else value[0] for key, value in dict(app.query_params).items()}
    assert link["gtab"] == "two"
    again = opened(PAGE, **link)
    assert again.selectbox(key="other").value == "street-fast"
    assert words(again, "markdown").count(more.TWO_ASK.format(name="car")) == 1


def test_integrated_gradients_say_what_their_sum_misses() -> None:
    question = asked(cam="integrated-gradients")
    found = gradcam_run.explain(asked()).found
    assert found is not None
    said = gradcam_map.notes(question, gradcam_run.Kept(replace(found, gap=-0.0123)), None)
    assert any("off y − y(mean colour) by -1.2%" in line for line in said)
    assert not any("mean colour" in line for line in gradcam_map.notes(asked(), gradcam_run.Kept(found), None))


def test_a_class_that_the_other_network_lacks_is_named() -> None:
    app = open_tab(start(cls="dog", other="street"), text.TAB_TWO)
    assert "knows no “dog”" in words(app, "info")


def test_votes_are_bounded() -> None:
    polls = Polls(2, 3)
    for question in "abc":
        for voter in "12345":
            polls.vote(question, voter, 0)
    assert [polls.tally(question)[0] for question in "abc"] == [0, 3, 3]
    with pytest.raises(ValueError, match="0 to 4"):
        polls.vote("a", "1", 5)


def test_the_largest_mistake_is_explained_for_both_classes() -> None:
    app = open_tab(start(seed="14"), text.TAB_FAIL)
    sample = street(14)
    labels = inference.segment(sample.image, runtime.model("scenes")).labels
    road = SCENES.index("road")
    wrong = (sample.labels == road) & (labels == CAR)
    assert app.selectbox(key=gradcam_fail.PAIR).value == "road>car"
    assert gradcam_fail.mistakes(sample.labels, labels, len(SCENES))[0] == gradcam_fail.Mistake(
        road, CAR, int(wrong.sum())
    )
    for k in (road, CAR):
        want = explain(sample.image, "scenes", Painted(k, wrong), layer="context")
        said = more.FAIL_SCORE.format(mean=want.score / wrong.sum(), most=want.magnitude)
        assert said in words(app, "caption")


def test_the_mistake_and_the_channel_stay_and_are_in_the_link() -> None:
    sample = street(14)
    labels = inference.segment(sample.image, runtime.model("scenes")).labels
    second = gradcam_fail.mistakes(sample.labels, labels, len(SCENES))[1]
    pair = f"{SCENES.names[second.true]}>{SCENES.names[second.said]}"
    app = open_tab(start(seed="14"), text.TAB_FAIL)
    ok(app.selectbox(key=gradcam_fail.PAIR).select(pair).run())
    open_tab(app, text.TAB_SUM)
    assert app.query_params["pair"] in (pair, [pair])
    channel = app.selectbox(key=gradcam_sum.CHANNEL).options[1]
    ok(app.selectbox(key=gradcam_sum.CHANNEL).select_index(1).run())
    open_tab(app, text.TAB_FAIL)
    assert app.selectbox(key=gradcam_fail.PAIR).value == pair
    link = {key: value if isinstance(value, str) else value[0] for key, value in dict(app.query_params).items()}
    again = opened(PAGE, **link)
    assert again.selectbox(key=gradcam_fail.PAIR).value == pair
    open_tab(again, text.TAB_SUM)
    assert again.selectbox(key=gradcam_sum.CHANNEL).value == int(channel.split()[1])


def test_the_worst_streets_are_ranked_and_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradcam_fail, "STREETS", 3)
    app = open_tab(start(thin="0.4"), text.TAB_FAIL)
    ok(app.button(key="gradcam.run.worst").click().run())
    table = app.table[-1].value
    values = [float(value) for value in table[more.WORST_COLUMNS[1]]]
    assert values == sorted(values)
    assert len(values) == 3
    worst = table[more.WORST_COLUMNS[0]].iloc[0]
    ok(app.button(key=f"gradcam.open.{worst}").click().run())
    assert app.session_state["seed"] == int(worst)


def test_a_pin_compares_two_layers() -> None:
    app = start()
    ok(app.button(key="gradcam.pin.button").click().run())
    kept = app.session_state["gradcam.pin"]
    assert isinstance(kept, Pinned)
    ok(app.selectbox(key="layer").select("stage8").run())
    assert "Layer: context → stage8" in words(app)


def test_a_lesson_file_brings_the_choices_back() -> None:
    app = open_tab(start(), text.TAB_DOWNLOAD)
    data = lesson_file.pack({"reveal": "1", "seed": "4", "cls": "dog", "layer": "stage8", "spot": "9,9"})
    app.file_uploader(key=lesson.FILE).set_value(("lesson.zip", data, "application/zip"))
    ok(app.run())
    assert [app.session_state[key] for key in ("seed", "cls", "layer", "spot")] == [4, "dog", "stage8", "9,9"]
    assert state.write(gradcam_state.FIELDS, app.session_state)["cls"] == "dog"


def test_the_presets_keep_what_they_promise() -> None:
    on = {}
    app = start()
    for preset in gradcam_presets.PRESETS:
        if preset in gradcam_presets.PHOTO:
            continue
        open_tab(app, text.TAB_TRY)
        ok(app.button(key=f"preset.{preset.key}").click().run())
        params = {key: value for key, value in dict(app.query_params).items() if key != "terms"}
        assert {key: value if isinstance(value, str) else value[0] for key, value in params.items()} == preset.params
        on[preset.key] = 1 - float(shown(app)[text.OUTSIDE].rstrip("%")) / 100
    question = asked()
    true = question.true()
    assert true is not None
    predicted = question.predicted()
    assert (predicted & true).sum() / (predicted | true).sum() > 0.9, "nearly to the pixel"
    assert on["gradcam-elsewhere"] < 0.25, "most of the heat lies elsewhere"
    assert on["gradcam-shallow"] > 0.5, "most of the heat is on the car"
    dog, car = asked(seed="4", cls="dog", layer="stage8"), asked(seed="4", cls="car", layer="stage8")
    for one, other in ((dog, car), (car, dog)):
        heat = gradcam_run.explain(one).found.heat()  # type: ignore[union-attr]
        assert heat[one.predicted()].mean() > 2 * heat[other.predicted()].mean(), "the heat follows"
    top = question.run.top(277, 294)
    assert {SCENES.names[k] for k, _ in top[:2]} == {"car", "pavement"}
    assert top[0][1] - top[1][1] < 0.05, "nearly a tie"


def test_the_coldest_are_hidden_and_the_numbers_count_them() -> None:
    heat = np.arange(100, dtype=np.float32).reshape(10, 10)
    cut = gradcam_run.cut(heat, 90)
    assert np.isfinite(cut).sum() == 10
    assert gradcam_run.cut(heat, 0) is heat
    app = start(low="90")
    before = shown(app)[text.OUTSIDE]
    ok(app.slider(key="low").set_value(0.0).run())
    assert shown(app)[text.OUTSIDE] == before
    assert gradcam_map.layer(heat - 50, True, 0).range() == (-1.0, 1.0)


def test_downloads_are_the_raw_arrays() -> None:
    import io

    array = np.float32([[1.5, -2]])
    np.testing.assert_array_equal(np.load(io.BytesIO(gradcam_extras._npy(array))), array)
    assert gradcam_extras._png(np.zeros((2, 3, 3), np.uint8)).startswith(b"\x89PNG")
