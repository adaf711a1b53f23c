"""The page "Upsampling", its grid lab: the lecture’s numbers, what can’t be, links, tasks, script."""

from __future__ import annotations

import ast
import io
import json
import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given as drawn
from hypothesis import strategies as st
from scipy import sparse
from streamlit.testing.v1 import AppTest

from seglab.upsampling import bilinear, bilinear_kernel
from tests import latex
from tests.pages.apps import ok, opened, words
from ui import (
    code,
    expander,
    lesson_file,
    state,
    upsampling_badge,
    upsampling_code,
    upsampling_controls,
    upsampling_extras,
    upsampling_lab,
    upsampling_labs,
    upsampling_make,
    upsampling_matrix,
    upsampling_presets,
    upsampling_sizes,
    upsampling_tasks,
)
from ui.grid.pack import pack as packed
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen, choose
from ui.upsampling_make import Made, make
from ui.upsampling_state import FIELDS, GRID, LONGEST, LONGEST_IN_FILE, METHODS, in_file, pack, unpack

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lecture_examples.json").read_text())
start = partial(opened, "4_Upsampling")
PRESETS = {preset.key: preset.params for preset in upsampling_presets.PRESETS}
SUMMED = GOLDEN["transposed_conv"]
RNG = np.random.default_rng(5)
LARGE = pack(RNG.integers(-9, 10, (1, 16, 16)).astype(float))

# Choices of every method, with every parameter moved at least once.
CASES: tuple[dict[str, Any], ...] = (
    {}, {"pad": 1}, {"stride": 2}, {"stride": 2, "pad": 1}, {"stride": 3, "outpad": 2, "pad": 2, "x": "1 -2 3/4 5 6"},
    {"dilation": 3, "outpad": 2, "stride": 1}, {"stride": 5}, {"chan": "2", "stride": 2}, {"chan": "groups", "pad": 1},
    {"x": LARGE, "w": "1 2 1/2 4 2/1 2 1", "stride": 2, "pad": 1, "outpad": 1},
    {"method": "conv"}, {"method": "conv", "pad": 2, "stride": 2, "dilation": 2, "x": "1 2 3 4/5 6 7 8"},
    {"method": "conv", "chan": "2", "pad": 1}, {"method": "conv", "chan": "groups"}, {"method": "conv", "x": LARGE},
    {"method": "nearest"}, {"method": "nearest", "rows": 3, "cols": 7}, {"method": "nearest", "x": LARGE, "rows": 32},
    {"method": "bilinear"}, {"method": "bilinear", "corners": True, "rows": 1, "cols": 5},
    {"method": "bilinear", "x": LARGE, "rows": 32, "cols": 31}, {"method": "bicubic"},
    {"method": "bicubic", "corners": True, "x": "1 2 3 4 5/5 4 3 2 1", "cols": 9},
    {"method": "nails"}, {"method": "nails", "factor": 3, "x": "1 2 3"}, {"method": "subpixel"},
    {"method": "subpixel", "factor": 3, "x": "1 2 3|4 5 6"}, {"method": "subpixel", "factor": 1},
    {"method": "subpixel", "start": "random", "x": "4 4 4/4 1 4/4 4 4", "w": "1 2/3 4|0 1/-1 2|2 2/2 2|5 0/0 5"},
    {"method": "subpixel", "start": "random", "factor": 3, "x": "1 2 3/4 5 6", "w": "1 -1"},
    {"method": "subpixel", "start": "icnr", "factor": 3, "x": "1 2 3/4 5 6", "w": "1 -1|7 7"},
    {"method": "subpixel", "start": "icnr", "factor": 1, "x": "1 2 3/4 5 6"},
    {"method": "unpool", "x": "1 2 6 3/3 5 2 1/1 2 2 1/7 3 4 8", "y": "1 2/3 4"},
    {"method": "unpool", "x": "1 2 6 3 9/3 5 2 1 9/1 2 2 1 -9", "window": 3, "hop": 2, "rim": 1},
    {"method": "unpool", "window": 2, "hop": 3, "x": LARGE},
    {"method": "resize", "w": "0.25 0.5 0.25"}, {"method": "resize", "w": "1", "factor": 3, "mode": "bilinear"},
    {"method": "resize", "w": "1 0 -1/2 0 -2/1 0 -1", "factor": 4, "mode": "bicubic"},
)  # fmt: skip


def now(**changes: Any) -> dict[str, Any]:
    return {**state.defaults(FIELDS), "told": True, **changes}


def of_preset(key: str) -> tuple[Chosen, Made]:
    values, messages = state.read(upsampling_labs.FIELDS, PRESETS[key])
    assert messages == []
    c = choose(values)
    return c, make(c)


def shown(app: AppTest) -> list[dict[str, Any]]:
    """The grid components' data, as the browser gets it."""
    found = []
    for element in app.get("bidi_component"):
        proto = element.proto
        if "panels" in proto.json:
            found.append(json.loads(proto.json))
    return found


# ---- the lecture's numbers


WANTED = {
    "up-middle": SUMMED["stride1_padding0"], "up-crop": SUMMED["stride1_padding1"],
    "up-stride": SUMMED["stride2_padding0"], "up-stride-crop": SUMMED["stride2_padding1"],
    "up-nearest": GOLDEN["nearest_x2"]["output"], "up-nails": GOLDEN["bed_of_nails_x2"]["output"],
    "up-areas": GOLDEN["bilinear_align_corners_false"]["output"],
    "up-unpool": GOLDEN["max_unpool_2x2"]["unpool_output"],
}  # fmt: skip


def test_every_worked_number_comes_out_of_its_presets_button() -> None:
    app = start(told="1", method="bicubic", stride="3")
    names = {preset.key: preset.name for preset in upsampling_presets.PRESETS}
    for key, wanted in WANTED.items():
        c, made = of_preset(key)
        assert made.output.tolist() == wanted
        assert upsampling_badge.compare(c, made).equal
        next(b for b in app.button if b.label == names[key]).click()
        ok(app.run())
        assert make(choose(app.session_state[upsampling_lab.GOOD])).output.tolist() == wanted
        assert "the largest difference" in words(app, "caption")
        assert {name: "".join(value) for name, value in app.query_params.items()} == PRESETS[key]


def test_bilinear_by_hand_is_20() -> None:
    golden = GOLDEN["bilinear_align_corners_true"]
    c, made = of_preset("up-points")
    assert np.rint(made.output).tolist() == golden["output_rounded"]
    assert made.output[1, 1] == pytest.approx(golden["by_hand"]["middle"], abs=1e-12)
    assert made.steps[5].caption.endswith("4/9·10 + 2/9·20 + 2/9·30 + 1/9·40 = 20.")
    assert c.input.tolist() == golden["input"]
    _, first = of_preset("up-hand")
    assert first.output.shape == (2, 4)
    assert first.output[0, 1] == pytest.approx(golden["by_hand"]["top"], abs=1e-6)
    assert first.output[1, 1] == pytest.approx(golden["by_hand"]["bottom"], abs=1e-6)


def test_the_pool_before_the_unpool() -> None:
    golden = GOLDEN["max_unpool_2x2"]
    c, made = of_preset("up-unpool")
    assert c.input.tolist() == golden["pool_input"]
    assert made.pooled is not None
    assert made.pooled.output.tolist() == golden["pool_output"]
    panels = {panel.title: panel.values.tolist() for panel in made.panels}
    assert panels[text.POOLED] == golden["pool_output"]
    assert panels[text.BACK] == golden["unpool_input"]


@pytest.mark.parametrize("preset", upsampling_presets.PRESETS, ids=lambda preset: preset.key)
def test_each_preset_is_a_valid_link_that_says_nothing_twice(preset: Any) -> None:
    values, messages = state.read(upsampling_labs.FIELDS, preset.params)
    assert messages == []
    assert state.write(upsampling_labs.FIELDS, values) == preset.params


def test_no_two_choices_of_the_page_have_one_name() -> None:
    keys = [field.key for field in upsampling_labs.FIELDS]
    assert len(set(keys)) == len(keys)


# ---- the question


def test_it_asks_first_and_hides_the_middle() -> None:
    app = start()
    assert text.ASK in words(app)
    assert not app.selectbox
    assert not app.latex
    app.number_input[0].set_value(12)
    next(b for b in app.button if b.label == text.REVEAL).click()
    ok(app.run())
    assert "You said 12; it is **17**" in words(app)
    assert "5·2 + 1·4 + 1·0 + 3·1 = 17" in words(app)
    assert app.query_params["told"] in ("1", ["1"])
    app = start()
    app.number_input[0].set_value(17)
    next(b for b in app.button if b.label == text.REVEAL).click()
    assert "**17** it is" in words(ok(app.run()))
    app = start()
    next(b for b in app.button if b.label == text.SHOW).click()
    assert "It is **17**" in words(ok(app.run()))


def test_a_link_to_something_else_is_not_asked_about() -> None:
    app = start(stride="2")
    assert text.ASK not in words(app)
    assert app.selectbox


# ---- every choice


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_equals_torch_and_its_trace(case: dict[str, Any]) -> None:
    c = choose(now(**case))
    made = make(c)
    badge = upsampling_badge.compare(c, made)
    assert badge.equal, badge.sentence
    assert badge.note == text.BADGE
    notes = {panel.name: panel.note for panel in upsampling_badge.noted(made, badge).panels}
    given = {name for name in notes if name[0] in "xwy"}
    assert {note for name, note in notes.items() if name not in given} == {text.BADGE}
    assert {notes[name] for name in given} == {""}
    source = c.y[0] if c.y is not None else made.pooled.output if made.pooled else c.input
    np.testing.assert_allclose(made.trace.apply(source), made.output, atol=1e-9)
    packed(made.panels, made.links, made.points, made.steps)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_links_add_up_and_steps_end_at_the_result(case: dict[str, Any]) -> None:
    made = make(choose(now(**case)))
    values = {panel.name: panel.values.ravel() for panel in made.panels}
    sums = {name: np.zeros(len(v)) for name, v in values.items()}
    for links in made.links:
        rows = np.repeat(np.arange(len(links.indptr) - 1), np.diff(links.indptr))
        np.add.at(sums[links.target], rows, links.weights * values[links.source][links.indices])
        if links.via is not None:
            assert links.via_indices is not None
            np.testing.assert_array_equal(values[links.via][links.via_indices], links.weights)
    for target in {links.target for links in made.links}:
        np.testing.assert_allclose(sums[target], values[target], atol=1e-9)
    last: dict[str, Any] = {}
    for step in made.steps:
        assert step.caption.rstrip()[-1] in ".:"
        last |= step.values
    assert made.steps
    for name in [name for name in values if name.startswith("out")]:
        np.testing.assert_allclose(np.ravel(last[name]), values[name], atol=1e-9)
    if case.get("pad") and case.get("method", "transposed") == "transposed":
        assert len(made.steps[-1].crops) == sum(name.startswith("out") for name in values)
        for o, (name, top, left, bottom, right) in enumerate(made.steps[-1].crops):
            shape = next(p.values.shape for p in made.panels if p.name == name)
            kept = values[name].reshape(shape)[top:bottom, left:right]
            np.testing.assert_allclose(kept.ravel(), values[f"out{o}"], atol=1e-9)


def test_a_wrong_number_has_no_badge() -> None:
    c = choose(now())
    made = make(c)
    made.output[0, 0] += 1e-6
    badge = upsampling_badge.compare(c, made)
    assert not badge.equal
    assert badge.note == text.BADGE_OTHER
    assert "1e-06" in badge.sentence
    for case, name in (({"pad": 1}, "canvas0"), ({"method": "resize", "w": "1"}, "resized"),
                       ({"method": "unpool", "x": LARGE}, "pooled"),
                       ({"method": "subpixel", "start": "icnr", "x": "1 2 3/4 5 6"}, "c1")):  # fmt: skip
        c = choose(now(**case))
        made = make(c)
        wrong = [replace(p, values=p.values + (p.name == name)) for p in made.panels]
        badge = upsampling_badge.compare(c, replace(made, panels=tuple(wrong)))
        notes = {panel.name: panel.note for panel in upsampling_badge.noted(made, badge).panels}
        assert notes[name] == text.BADGE_OTHER
        assert notes["out0"] == text.BADGE


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_size_formula_gives_the_outputs_size(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(latex.FUNCTIONS, r"\floor", math.floor)
    c = choose(now(**case))
    made = make(c)
    found = upsampling_sizes.sizes(c, made)
    assert found
    for size in found:
        for written, values in ((size.latex, size.values), (size.filled, {})):
            plain = written.replace(r"\left\lfloor", r"\floor(").replace(r"\right\rfloor", ")")
            assert latex.evaluate(plain, values) == pytest.approx(size.result)
        shape = made.pooled.output.shape if size.what == "pool" and made.pooled else made.output.shape
        assert size.result == shape[size.axis - 2]
        assert size.filled in size.line.replace(r" \\ &\quad", "")
        assert size.line.endswith(rf"= {size.result} \end{{aligned}}")
    sides = {(c.x.shape[a], c.w.shape[a], made.output.shape[a - 3]) for a in (1, 2)}
    if len(sides) == 2 and c.method == "transposed":
        assert {size.axis for size in found} == {0, 1}


def test_the_coordinates_formula_is_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    from seglab.upsampling import source_coordinates

    monkeypatch.setitem(latex.FUNCTIONS, r"\floor", math.floor)
    for corners in (False, True):
        c = choose(now(method="bilinear", corners=corners, rows=7, x="1/2/3"))
        for line, name, n, out in zip(upsampling_sizes.coordinates(c), ("y_i", "x_i"), (3, 1), (7, 4), strict=True):
            left, letters, filled = line.split(" = ")
            assert left == name
            for k, wanted in enumerate(source_coordinates(n, out, corners)):
                values = {"i": k, "n": n, "n_mathrm{out}": out, "n_out": out}
                assert latex.evaluate(filled, {"i": k}) == pytest.approx(wanted)
                short = letters.replace(r"n_{\mathrm{out}}", "m")
                assert latex.evaluate(short, {"m": out, **values}) == pytest.approx(wanted)


def test_the_gradient_identity_holds_with_both_numbers() -> None:
    for case in CASES:
        if case.get("method", "transposed") == "transposed":
            c = choose(now(**case))
            ahead, back, gap = upsampling_badge.gradient(c, make(c))
            assert ahead == pytest.approx(back)
            assert gap < 1e-9


# ---- what can't be


CANNOT: tuple[tuple[dict[str, str], str], ...] = (
    ({"outpad": "1"}, "output padding"), ({"pad": "2"}, "at least 1 cell"),
    ({"method": "conv", "w": "1 1 1/1 1 1/1 1 1"}, "must not be larger than the padded input"),
    ({"method": "unpool", "window": "4", "hop": "4"}, "must not be larger than the padded input"),
    ({"method": "unpool", "rim": "2"}, "half"), ({"method": "resize"}, "odd sides"),
    ({"method": "subpixel", "factor": "4"}, "16 channels"), ({"x": LARGE, "stride": "8"}, "grids of up to 64×64"),
    ({"method": "subpixel", "start": "icnr", "x": "1"}, "must not be larger than the padded input"),
    ({"method": "resize", "w": pack(np.ones((1, 15, 15))), "x": LARGE, "factor": "4"}, "up to 65,536 can be shown"),
)  # fmt: skip


def test_what_cannot_be_is_told_and_the_last_good_stays() -> None:
    app = start(told="1", stride="2", w="1 2/3 4")
    before = app.session_state[upsampling_lab.GOOD]
    assert not app.error
    for changes, said in CANNOT:
        values, messages = state.read(FIELDS, {"told": "1", **changes})
        assert messages == []
        for key, value in values.items():
            app.session_state[key] = value
        ok(app.run())
        assert said in app.error[0].value, changes
        assert app.session_state[upsampling_lab.GOOD] == before
        assert app.latex
    for tab in (text.TAB_TASKS, text.TAB_MATRIX, text.TAB_CODE, text.TAB_DOWNLOAD, text.TAB_PIN):
        app.session_state["upsampling.tab.6"] = tab
        ok(app.run())


def test_an_impossible_link_shows_the_first_example() -> None:
    app = start(told="1", outpad="3")
    assert "output padding" in app.error[0].value
    assert upsampling_lab.GOOD not in app.session_state
    assert app.latex


@pytest.mark.parametrize(
    "bad",
    [
        "", "1 2/3", "1 nan", "1 inf", "1e999", "1000", "-1000", "1_0", "<b>", "1 2|3", "/", "|", "1//2", "0x1", "１",
        "1e-400", " ".join("1" * 17), "/".join("1" * 17), "|".join("1" * 10), "1 " * 6000, "0." + "3" * 17,
    ],
)  # fmt: skip
def test_hostile_grids_in_a_link(bad: str) -> None:
    for key in ("x", "w", "y"):
        values, messages = state.read(FIELDS, {key: bad})
        if bad == "":
            assert messages == []
        elif bad in ("1e-400",):
            assert values[key] == "0"
        else:
            assert len(messages) == 1
            assert values[key] == state.defaults(FIELDS)[key]


def test_hostile_links_open_the_page() -> None:
    app = start(lab="moon", method="<script>", x="1 2/3", stride="-1", pad="99", told="yes", y="|||", rows="1e9")
    assert "`lab`" in words(app, "warning")
    assert "script" in words(app, "warning")
    app = start(told="1", w="1 2 3|4 5 6|7 8 9", x="1|2|3", chan="2", y="1 2 3")
    assert not app.error


@pytest.mark.parametrize("numbers", ["2 4/0 1", "0.5 -3/1e-05 999", "1|2|3|4", "-0 0", "+1 .5 2.", "1e2 1E-3",
                                     "6.66666666667e-2 1", "0.000123456789012"])  # fmt: skip
def test_grids_come_back_from_a_link(numbers: str) -> None:
    first = pack(unpack(numbers))
    assert pack(unpack(first)) == first
    np.testing.assert_allclose(unpack(first), unpack(numbers), rtol=1e-11)


@drawn(st.floats(-999, 999))
@example(1 / 15)
@example(1 / 144)
@example(-1 / 9999)
def test_every_number_that_an_edit_can_bring_comes_back(value: float) -> None:
    assert unpack(pack(np.array([[[value]]])))[0, 0, 0] == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize("where", ["x", "w"])
def test_a_fraction_with_many_digits_is_taken_as_an_edit(where: str) -> None:
    app = start(told="1")
    app.session_state[where] = pack(np.array([[[1 / 15, 1 / 30], [1 / 144, 0]]]))
    ok(app.run())
    assert unpack(app.session_state[upsampling_lab.GOOD][where])[0, 0, 0] == pytest.approx(1 / 15, rel=1e-11)


# ---- controls


def test_controls_change_the_link_and_the_output() -> None:
    app = start(told="1")
    next(s for s in app.slider if s.label == text.STRIDE).set_value(2)
    ok(app.run())
    assert app.query_params["stride"] in ("2", ["2"])
    assert make(choose(app.session_state[upsampling_lab.GOOD])).output.tolist() == SUMMED["stride2_padding0"]
    next(s for s in app.slider if s.label == text.KERNEL_SIZE).set_value(3)
    ok(app.run())
    assert app.session_state["w"] == "3 1 0/1 5 0/0 0 0"
    assert text.INPUT_ROWS not in [s.label for s in app.slider]  # drawn only once the expander is open
    more(app)
    next(s for s in app.slider if s.label == text.INPUT_ROWS).set_value(1)
    ok(app.run())
    assert app.session_state["x"] == "2 4"
    next(b for b in app.button if b.label == text.RANDOM_INPUT).click()
    ok(app.run())
    assert unpack(app.session_state["x"]).shape == (1, 1, 2)
    next(b for b in app.button if b.label == text.RESET).click()
    ok(app.run())
    assert make(choose(app.session_state[upsampling_lab.GOOD])).output.tolist() == SUMMED["stride1_padding0"]


def every_part() -> None:
    """The grid lab, and all that stands under it, at once."""
    import streamlit as st

    from ui import upsampling_code, upsampling_extras, upsampling_lab, upsampling_matrix, upsampling_tasks
    from ui.upsampling_labs import FIELDS

    for field in FIELDS:
        st.session_state.setdefault(field.key, field.default)
    shown = upsampling_lab.lab()
    if shown is not None:
        upsampling_tasks.tasks(*shown)
        upsampling_matrix.matrices(*shown)
        upsampling_extras.pin(*shown)
        upsampling_code.show(shown[0])
        upsampling_extras.downloads(shown[1])
        upsampling_extras.experiments()


def test_every_method_can_be_chosen_from_the_first_example_with_all_its_parts() -> None:
    app = AppTest.from_function(every_part, default_timeout=60)
    app.session_state["told"] = True
    ok(app.run())
    for method in METHODS:
        app.selectbox(key="method").set_value(method)
        ok(app.run())
        assert not app.error
        assert app.session_state[upsampling_lab.GOOD]["method"] == method
        assert (app.session_state["w"] == "3 1/1 5") == (method != "resize"), "the visitor's kernel comes back"
        assert app.session_state["x"] == "2 4/0 1"


def test_filters_begin_on_a_flat_grid_and_icnr_repeats_the_first() -> None:
    app = AppTest.from_function(every_part, default_timeout=60)
    app.session_state["told"] = True
    ok(app.run())
    app.selectbox(key="method").set_value("subpixel")
    ok(app.run())
    app.selectbox(key="start").set_value("random")
    ok(app.run())
    assert app.session_state["x"] == pack(np.full((1, 4, 4), 4.0))
    filters = unpack(app.session_state["w"])
    assert filters.shape == (4, 2, 2)
    assert filters[0].tolist() == SUMMED["kernel"]
    sums = filters.sum((1, 2)).reshape(2, 2)
    made = make(choose(app.session_state))
    np.testing.assert_allclose(made.output[0], np.tile(4 * sums, (3, 3)))
    assert np.ptp(sums) > 0
    assert f"differ by **{np.ptp(sums):.4g}**" in words(app)
    assert text.NOTICE["random"] in words(app)
    app.selectbox(key="start").set_value("icnr")
    ok(app.run())
    made = make(choose(app.session_state))
    np.testing.assert_array_equal(made.output[0], np.full((6, 6), 40.0))  # 4 · (3 + 1 + 1 + 5)
    assert text.FLAT_NOTE[1] in words(app)
    assert any(r"{pmatrix} 10 & 10 \\ 10 & 10 \end" in element.value for element in app.latex)
    next(s for s in app.slider if s.key == "factor").set_value(3)
    app.selectbox(key="start").set_value("random")
    ok(app.run())
    assert unpack(app.session_state["w"]).shape == (9, 2, 2)
    app.selectbox(key="start").set_value("plain")
    ok(app.run())
    assert (app.session_state["x"], app.session_state["w"]) == ("2 4/0 1", "3 1/1 5"), "the visitor's own grids"


def more(app: AppTest) -> AppTest:
    """Open the expander under the grids."""
    app.session_state[expander.key("upsampling")] = True
    return ok(app.run())


def test_back_to_the_example_is_the_methods_own() -> None:
    app = more(start(told="1", method="nearest", x="7"))
    ok(next(b for b in app.button if b.label == text.RESET).click().run())
    assert app.session_state["x"] == upsampling_presets.TENS
    app = more(start(told="1", method="bicubic", x="7"))
    ok(next(b for b in app.button if b.label == text.RESET_FIRST).click().run())
    assert app.session_state["x"] == "2 4/0 1"


def test_a_preset_leaves_the_other_labs_alone() -> None:
    app = start(told="1", ck="7", rates="1,2", pad="1")
    name = next(preset.name for preset in upsampling_presets.PRESETS if preset.key == "up-stride")
    ok(next(b for b in app.button if b.label == name).click().run())
    assert (app.session_state["ck"], app.session_state["rates"]) == (7, "1,2")
    assert (app.session_state["stride"], app.session_state["pad"]) == (2, 0)


def test_many_stamps_are_played_row_by_row() -> None:
    small = make(choose(now(x=pack(np.ones((1, 12, 12))), stride=2, pad=1)))
    one, two = (make(choose(now(x=LARGE, stride=2, pad=1, chan=chan))) for chan in ("1", "2"))
    assert [len(made.steps) for made in (small, one, two)] == [12 * 12 + 1, 16 + 1, 2 * 16 + 1]
    assert two.steps[16].caption.startswith("Row 0 of the input of channel 1: each of its 16 numbers stamps itself")
    np.testing.assert_array_equal(two.steps[15].light["x0"], [(15, k) for k in range(16)])
    assert [name for name, *_ in two.steps[-1].crops] == ["canvas0", "canvas1"]
    large = make(choose(now(x=LARGE, w=pack(np.ones((1, 16, 16))), stride=3)))
    assert len(large.steps) == 16


def test_an_edit_goes_into_the_link() -> None:
    def part() -> None:
        import numpy as np
        import streamlit as st

        from ui import state, upsampling_controls
        from ui.grid import GridEvent
        from ui.upsampling_state import FIELDS

        st.session_state.update({**state.defaults(FIELDS), "chan": "2", "method": "conv"})
        upsampling_controls.edited(GridEvent("x1", np.array([[7.0, 8.0], [9.0, 0.25]])))
        upsampling_controls.edited(GridEvent("w3", np.array([[1.0, 2.0], [3.0, 4.0]])))
        upsampling_controls.edited(GridEvent("w0", np.array([[1.0, 2.0, 3.0]])))  # of a grid that isn't there any more

    app = ok(AppTest.from_function(part).run())
    assert app.session_state["x"] == "2 4/0 1|7 8/9 0.25"
    assert app.session_state["w"] == "3 1/1 5|4 2/2 6|5 3/3 7|1 2/3 4"
    assert upsampling_controls.resize(np.ones((1, 2, 2)), 3, 1).tolist() == [[[1], [1], [0]]]


def test_numbers_to_put_back_that_no_longer_fit_give_way_to_the_maxima() -> None:
    c = choose(now(method="unpool", y="1 2 3", x="5 6/7 8"))
    assert make(c).output.tolist() == [[0, 0], [0, 8]]


# ---- the other labs, presets as buttons, the lesson file, the pin


def test_the_pin_keeps_an_output() -> None:
    app = start(told="1")
    app.session_state["upsampling.tab.6"] = text.TAB_PIN
    ok(app.run())
    next(b for b in app.button if b.key == "upsampling.pin").click()
    ok(app.run())
    app.session_state["w"] = "3 1/1 6"
    ok(app.run())
    assert "3 of 9 numbers changed, by 4 at most." in words(app)
    app.session_state["stride"] = 2
    assert "A is 3×3 and B is 4×4" in words(ok(app.run()))


def test_downloads_are_the_output_and_its_trace() -> None:
    c, made = of_preset("up-stride")
    assert np.load(io.BytesIO(upsampling_extras.npy(made.output))).tolist() == made.output.tolist()
    matrix = sparse.load_npz(io.BytesIO(upsampling_extras.npz(made)))
    assert (matrix @ c.input.ravel()).tolist() == made.output.ravel().tolist()


def test_the_matrix_has_its_taps() -> None:
    _, made = of_preset("up-middle")
    full = upsampling_matrix.dense(made.trace.transpose())
    assert full.shape == (4, 9)
    assert np.isnan(full).sum() == 4 * 9 - 16
    for case in (CASES[9], CASES[0]):
        app = start(told="1", **{key: str(value) for key, value in case.items()})
        app.session_state["upsampling.tab.6"] = text.TAB_MATRIX
        ok(app.run())
        assert text.MATRIX_TRANSPOSED in words(app)
        assert text.MATRIX_NOTE_TRANSPOSED in words(app)
    for method, source in (("unpool", text.MATRIX_SOURCE_BACK), ("nearest", text.MATRIX_SOURCE)):
        app = start(told="1", method=method)
        app.session_state["upsampling.tab.6"] = text.TAB_MATRIX
        assert text.MATRIX_NOTE.format(source=source) in words(ok(app.run()))
    app = start(told="1", x=LARGE, chan="2", stride="3")  # 512 × 4418
    app.session_state["upsampling.tab.6"] = text.TAB_MATRIX
    assert "too large for a picture too" in words(ok(app.run()))


@pytest.mark.parametrize("given", [(2, 1, 0, 0, 1), (3, 2, 0, 1, 1), (3, 2, 1, 1, 1), (4, 2, 1, 0, 1), (3, 1, 1, 0, 2)])
def test_the_letters_are_torchs_transposed_convolution(given: tuple[int, int, int, int, int]) -> None:
    import torch
    import torch.nn.functional as F

    k, s, p, op, d = given
    kernel, x = RNG.integers(1, 9, k).tolist(), [7, 11]
    written = upsampling_matrix.letters(*given)
    left, sums = (part.partition(r"\begin{pmatrix}")[2] for part in written.split(" = "))
    theirs = F.conv_transpose1d(torch.tensor([[x]]), torch.tensor([[kernel]]), None, s, p, op, 1, d)[0, 0].tolist()
    found = [
        sum(kernel["abcdefgh".index(letter)] * x[int(n) - 1] for letter, n in re.findall(r"([a-h]) x_(\d)", row))
        for row in sums.split(r"\\")
    ]
    assert found == theirs
    matrix = left.partition(r"\end{pmatrix}")[0].split(r"\\")
    rows = [[kernel["abcdefgh".index(c)] if c in "abcdefgh" else 0 for c in row.split()[::2]] for row in matrix]
    assert (np.array(rows) @ x).tolist() == theirs


def test_letters_that_are_too_many_are_left_out() -> None:
    for given in ((9,), (5, 8), (2, 1, 5)):  # kernel, outputs; and a padding that leaves nothing
        assert upsampling_matrix.letters(*given) == ""


def test_numbers_that_are_compared_have_one_scale() -> None:
    def scales(**case: Any) -> dict[str, tuple[float, float]]:
        made = make(choose(now(**case)))
        told = packed(made.panels, made.links, made.points, made.steps)["panels"]
        return {panel["title"]: (panel["low"], panel["high"]) for panel in told}

    bicubic = scales(method="bicubic", x="0 9/0 9")
    assert bicubic[text.INPUT] == bicubic[text.OUTPUT]
    assert bicubic[text.OUTPUT][0] == -bicubic[text.OUTPUT][1]  # it overshoots below 0
    stamped = scales(pad=1)
    assert stamped[text.CANVAS] == stamped[text.OUTPUT] == (0, 21)
    assert stamped[text.KERNEL] == (0, 5)


def test_a_grid_too_long_for_a_link_is_said_and_goes_into_the_lesson_file() -> None:
    long = pack(RNG.uniform(-2e-4, -1e-4, (9, 16, 16)))
    assert LONGEST < len(long) <= LONGEST_IN_FILE
    app = start(told="1", stride="2")
    assert not app.warning
    app.session_state["x"] = long
    ok(app.run())
    assert "leaves out: **Input**. Its numbers take more than 10,000 characters" in words(app, "warning")
    assert "x" not in app.query_params
    values = {field.key: app.session_state[field.key] for field in FIELDS}
    file = lesson_file.pack(state.write(in_file(FIELDS), values))
    restored, messages = state.read(in_file(FIELDS), lesson_file.unpack(file).state)
    assert messages == []
    assert restored == values


# ---- tasks


def task(changes: dict[str, Any]) -> tuple[bool, str]:
    return upsampling_tasks.check_kernel(choose(now(**changes)))


@pytest.mark.parametrize("stride", range(2, 9))
def test_the_bilinear_kernel_is_found_and_no_other(stride: int) -> None:
    kernel = bilinear_kernel(stride)
    right = {"stride": stride, "pad": stride // 2, "w": pack(kernel[None])}
    found, said = task(right)
    assert found, said
    wrong = kernel.copy()
    wrong[1, 1] += 0.01
    assert not task({**right, "w": pack(wrong[None])})[0]
    assert not task({**right, "w": pack(np.zeros_like(kernel)[None])})[0]
    assert text.TASK_STRIDE in task({**right, "stride": 1})[1]
    assert "makes" in task({**right, "pad": 0})[1]
    assert text.TASK_METHOD in task({**right, "method": "bilinear"})[1]
    assert text.TASK_METHOD in task({**right, "chan": "2"})[1]


def test_what_it_calls_bilinear_is_what_the_library_calls_so() -> None:
    x = RNG.integers(0, 10, (6, 6)).astype(float)
    c = choose(now(x=pack(x[None]), stride=2, pad=1, w=pack(bilinear_kernel(2)[None])))
    inside = slice(1, -1)
    np.testing.assert_allclose(make(c).output[inside, inside], bilinear(x, 12, False).output[inside, inside])


def test_the_tasks_in_the_page() -> None:
    app = start(told="1")
    app.session_state["upsampling.tab.6"] = text.TAB_TASKS
    ok(app.run())
    assert text.TASK_STRIDE in words(app)
    assert text.TASK_OP_ONE in words(app)
    next(b for b in app.button if b.key == "upsampling.task.kernel").click()
    ok(app.run())
    assert "it must make 10×10" in words(app).lower()
    next(b for b in app.button if b.label == text.TASK_SOLVE).click()
    ok(app.run())
    assert "**Found.** On random grids" in app.success[0].value
    next(b for b in app.button if b.key == "upsampling.task.sizes").click()
    ok(app.run())
    assert "6 → 3, but 9 → 5" in words(app)
    next(n for n in app.number_input if n.label == text.SIZE_B).set_value(5)
    ok(app.run())
    assert "Both 6 and 5 become 3; so do all of 5, 6" in app.success[0].value


# ---- the script


def imported(script: str) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Import)]
    return {alias.name.partition(".")[0] for node in nodes for alias in node.names}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_script_gives_the_same_numbers(case: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    c = choose(now(**case))
    script = upsampling_code.write(c)
    assert script.count("\n") <= code.MAX_LINES
    assert imported(script) == {"torch"}
    names: dict[str, Any] = {}
    import torch

    before = torch.get_default_dtype()
    exec(compile(script, "shown", "exec"), names)
    assert torch.get_default_dtype() == before
    np.testing.assert_allclose(names["out"].detach().numpy(), make(c).output, atol=1e-9)
    assert "tensor(" in capsys.readouterr().out


def test_the_page_shows_the_script_of_what_it_shows() -> None:
    app = start(told="1", pad="1")
    app.session_state["upsampling.tab.6"] = text.TAB_CODE
    ok(app.run())
    names: dict[str, Any] = {}
    exec(compile(app.code[0].value, "shown", "exec"), names)
    assert names["out"].tolist() == SUMMED["stride1_padding1"]


def test_all_of_the_grid_labs_choices_are_used() -> None:
    given = {field.key for field in GRID} - {"size_a", "size_b"}
    moved = {key for case in CASES for key in case}
    assert given <= moved
    assert upsampling_make.LARGEST == 64


def test_the_other_labs_open_by_their_link_and_lead_back() -> None:
    app = start(lab="checker")
    for lab in ("checker", "rebuild", "atrous", "roi"):
        assert state.read(upsampling_labs.FIELDS, {"lab": lab})[0]["lab"] == lab
        app.session_state["lab"] = lab
        if lab == "roi":
            app.session_state["upsampling.tab.2"] = text.TAB_DOWNLOAD
        ok(app.run())
        assert not app.error
        assert not app.warning
        assert app.query_params["lab"] in (lab, [lab])
    app.session_state["lab"] = "grid"
    assert text.ASK in words(ok(app.run()))
