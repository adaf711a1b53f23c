"""The grid lab: the visitor's own grids while a method has others; what a choice costs; what is said of odd outputs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.apps import ok, opened, words
from ui import lesson_file, state, upsampling_cost, upsampling_lab, upsampling_presets
from ui.texts import upsampling as text
from ui.upsampling_choice import choose
from ui.upsampling_make import make
from ui.upsampling_state import FIELDS, pack, unpack

start = partial(opened, "4_Upsampling")


def now(**changes: Any) -> dict[str, Any]:
    return {**state.defaults(FIELDS), "told": True, **changes}


def test_all_channels_keep_their_numbers_at_any_size() -> None:
    app = start(told="1", w=pack(np.ones((9, 2, 2))), x="1 2 3/4 5 6")
    ok(next(s for s in app.slider if s.label == text.KERNEL_SIZE).set_value(16).run())
    assert not app.error
    assert unpack(app.session_state["w"]).shape == (9, 16, 16)
    assert unpack(app.session_state["w"])[8, :2, :2].tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("factor", [1, 4])
def test_the_largest_shuffle_says_why_and_moves_nothing(factor: int) -> None:
    app = start(told="1", method="subpixel", factor="3")
    ok(next(s for s in app.slider if s.key == "factor").set_value(factor).run())
    assert app.session_state["factor"] == factor
    assert ("needs 16 channels; up to 9" in words(app, "error")) == (factor == 4)
    assert app.session_state[upsampling_lab.GOOD]["factor"] == (3 if factor == 4 else 1)
    for method in ("nails", "subpixel", "nails"):
        ok(app.selectbox(key="method").set_value(method).run())
    assert app.session_state["factor"] == factor


# ---- the visitor's own grids, while a method has others

OWN = {"x": "1 2/3 4", "w": "9 8/7 6"}


def lent(start_with: str = "random") -> AppTest:
    """The page with filters on a flat grid, over the visitor's own ones."""
    app = start(told="1", method="subpixel", **OWN)
    ok(app.selectbox(key="start").set_value(start_with).run())
    assert unpack(app.session_state["x"]).shape == (1, 4, 4)
    return app


def press(app: AppTest, label: str = "", key: str = "") -> AppTest:
    next(b for b in app.button if (b.key == key if key else b.label == label)).click()
    return ok(app.run())


@pytest.mark.parametrize("button", [{"key": "upsampling.task.sizes"}, {"label": text.TASK_SOLVE}], ids=str)
def test_a_task_that_sets_the_kernel_leaves_the_own_input(button: dict[str, str]) -> None:
    app = lent()
    app.session_state["upsampling.tab.6"] = text.TAB_TASKS
    ok(app.run())
    press(app, **button)
    assert app.session_state["method"] == "transposed"
    assert app.session_state["x"] == OWN["x"]
    assert app.session_state["w"] != OWN["w"]
    ok(app.selectbox(key="method").set_value("nearest").run())
    assert app.session_state["x"] == OWN["x"]


def test_a_preset_of_another_lab_leaves_lent_grids_lent() -> None:
    app = lent()
    press(app, next(preset.name for preset in upsampling_presets.PRESETS if preset.key == "up-checker"))
    app.session_state["lab"] = "grid"
    ok(app.run())
    ok(app.selectbox(key="method").set_value("transposed").run())
    assert {key: app.session_state[key] for key in OWN} == OWN


def test_what_was_written_into_lent_grids_is_there_again() -> None:
    app = lent()
    mine = pack(np.arange(16.0).reshape(4, 2, 2))
    app.session_state["w"] = mine
    ok(app.run())
    for _ in range(2):
        ok(app.selectbox(key="method").set_value("resize").run())
        app.session_state["w"] = "0 1 0/1 -4 1/0 1 0"
        ok(app.run())
        ok(app.selectbox(key="method").set_value("nearest").run())
        assert {key: app.session_state[key] for key in OWN} == OWN
        ok(app.selectbox(key="method").set_value("resize").run())
        assert app.session_state["w"] == "0 1 0/1 -4 1/0 1 0"
        ok(app.selectbox(key="method").set_value("subpixel").run())
        assert (app.session_state["w"], app.session_state["x"]) == (mine, pack(np.full((1, 4, 4), 4.0)))
    next(s for s in app.slider if s.key == "factor").set_value(3)
    ok(app.run())
    assert unpack(app.session_state["w"])[:4].tolist() == unpack(mine).tolist()
    assert len(unpack(app.session_state["w"])) == 9


def test_other_filters_leave_the_lent_input_as_it_was_written() -> None:
    app = lent()
    app.session_state["x"] = "7 7 7/7 0 7/7 7 7"
    ok(app.run())
    ok(app.selectbox(key="start").set_value("icnr").run())
    assert app.session_state["x"] == "7 7 7/7 0 7/7 7 7"
    ok(app.selectbox(key="method").set_value("nails").run())
    assert {key: app.session_state[key] for key in OWN} == OWN


@pytest.mark.parametrize("came", ["lesson", "link", "preset"])
def test_grids_from_elsewhere_are_the_visitors_own(came: str) -> None:
    app = lent()
    other = {"told": "1", "method": "subpixel", "start": "random", "x": "5 5 5/5 5 5/5 5 5", "w": "1 2/3 4"}
    if came == "preset":
        press(app, next(preset.name for preset in upsampling_presets.PRESETS if preset.key == "up-areas"))
        other = {"x": upsampling_presets.TENS, "w": state.defaults(FIELDS)["w"]}
    elif came == "link":
        for key in list(app.query_params):
            del app.query_params[key]
        for key, value in other.items():
            app.query_params[key] = value
        ok(app.run())
    else:
        load_lesson(app, other)
    assert app.session_state["x"] == other["x"]
    ok(app.selectbox(key="method").set_value("transposed").run())
    assert {key: app.session_state[key] for key in OWN} == {key: other[key] for key in OWN}


def load_lesson(app: AppTest, choices: dict[str, str]) -> None:
    """Load a lesson file, as the uploader under Download does."""
    app.session_state["upsampling.tab.6"] = text.TAB_DOWNLOAD
    ok(app.run())
    app.file_uploader[0].set_value(("mine.zip", lesson_file.pack(choices), "application/zip"))
    ok(app.run())


# ---- what it costs


@pytest.mark.parametrize(
    ("case", "products", "parameters"),
    [
        ({"method": "resize", "w": "1 2 1/2 4 2/1 2 1"}, 100, 9),  # (4·3 − 2)², at the border taps fall off
        ({"method": "resize", "w": "1 2 1/2 4 2/1 2 1", "mode": "bilinear"}, 100 + 36, 9),
        ({"method": "nearest"}, 0, 0), ({"method": "nails"}, 0, 0), ({"method": "subpixel"}, 0, 0),
        ({"method": "unpool"}, 0, 0), ({"method": "bilinear"}, 36, 0), ({}, 16, 4), ({"method": "conv"}, 4, 4),
        ({"chan": "2"}, 64, 16), ({"chan": "groups"}, 32, 8),
        ({"method": "subpixel", "start": "icnr", "x": "1 2 3/4 5 6/7 8 9"}, 4 * 4 * 4, 16),
        ({"method": "subpixel", "start": "random", "x": "1 2 3/4 5 6/7 8 9"}, 4 * 4 * 4, 16),
    ],
    ids=str,
)  # fmt: skip
def test_the_cost_counts_what_is_multiplied(case: dict[str, Any], products: int, parameters: int) -> None:
    c = choose(now(**case))
    assert (make(c).products, upsampling_cost.parameters(c)) == (products, parameters)


def test_a_smaller_output_is_told_otherwise() -> None:
    for method in ("nearest", "bilinear"):
        for rows, other in ((8, text.NOTICE), (1, text.NOTICE_SMALLER)):
            c = choose(now(method=method, rows=rows, x="1 2/3 4"))
            assert upsampling_lab.notice(c, make(c)) == other[method]
    c = choose(now(method="bicubic", rows=1))
    assert upsampling_lab.notice(c, make(c)) == text.NOTICE["bicubic"]


@pytest.mark.parametrize("case", [{"stride": 3}, {"stride": 5, "chan": "2"}, {"dilation": 3}], ids=str)
def test_gaps_that_no_stamp_reaches_end_as_zeros(case: dict[str, Any]) -> None:
    made = make(choose(now(**case)))
    assert made.steps[-1].caption == text.STEP_ZEROS
    last = np.stack(list(made.steps[-1].values.values())).reshape(made.output.shape)
    np.testing.assert_array_equal(last, made.output)
    assert (last == 0).any()
