"""The number grids' Python side: what is refused, what is sent to the browser, what is believed of what comes back."""

from __future__ import annotations

import base64
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from seglab.upsampling.convolution import transposed_matrix
from ui.grid import SPEEDS, Links, Panel, Points, Step, grid
from ui.grid.grid import _HERE, _PARTS, _constants, _event, _serial
from ui.grid.pack import pack

APP = Path(__file__).parent / "browser" / "grid_app.py"
INPUT, KERNEL = np.array([[2.0, 4.0], [0.0, 1.0]]), np.array([[3.0, 1.0], [1.0, 5.0]])
NAN = math.nan


def two() -> list[Panel]:
    return [Panel("a", "A", [[1, 2]], editable=True), Panel("b", "B", [[3], [4]])]


# ---- what is refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "a name and a title"),
        ({"title": ""}, "a name and a title"),
        ({"values": [1, 2]}, r"sides from 1 to 64; got \(2,\)"),
        ({"values": np.zeros((0, 3))}, r"got \(0, 3\)"),
        ({"values": np.zeros((2, 65))}, r"got \(2, 65\)"),
        ({"values": np.zeros((1, 2, 2))}, "or one channel"),
        ({"values": [["x"]]}, "must be numbers"),
        ({"values": [[math.inf]]}, "NaN for an empty cell"),
        ({"values": [[NAN]], "editable": True}, "within ±999"),
        ({"values": [[-1000]], "editable": True}, "within ±999"),
        ({"ruler": "corners"}, "'edges', 'centres' or None; got 'corners'"),
    ],
)
def test_panels_that_cannot_be(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Panel(**{"name": "a", "title": "A", "values": [[1.0]], **change})


def test_a_panel_keeps_its_own_numbers() -> None:
    values = np.array([[1.0, 2.0]])
    panel = Panel("a", "A", values)
    values[0, 0] = 9
    assert panel.values.tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="read-only"):
        panel.values[0, 0] = 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": "a"}, "different panels"),
        ({"via": "a", "via_indices": [0, 0]}, "different panels"),
        ({"weights": [1.0]}, "a finite weight for each index"),
        ({"weights": [1.0, NAN]}, "a finite weight for each index"),
        ({"indptr": [0, 1]}, "end with their number, 2"),
        ({"indptr": [1, 2]}, "begin with 0"),
        ({"indptr": [0, 2, 1, 2]}, "falls"),
        ({"indices": [0, -1]}, "below 0"),
        ({"indices": [0.5, 1]}, "whole numbers; got float64"),
        ({"via": "c"}, "both via and via_indices"),
        ({"via_indices": [0, 0]}, "both via and via_indices"),
        ({"via": "c", "via_indices": [0]}, "one via index each"),
        ({"via": "c", "via_indices": [0, -2]}, "one via index each"),
        ({"indptr": [0, 70_000], "indices": np.zeros(70_000, int), "weights": np.ones(70_000)}, "at most 65536"),
    ],
)
def test_links_that_cannot_be(change: dict[str, Any], said: str) -> None:
    good = {"source": "a", "target": "b", "indptr": [0, 2], "indices": [0, 1], "weights": [1.0, 2.0]}
    Links(**good)
    with pytest.raises(ValueError, match=said):
        Links(**{**good, **change})


@pytest.mark.parametrize("at", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[NAN, 0.0]], [["x", "y"]]])
def test_points_that_cannot_be(at: Any) -> None:
    with pytest.raises(ValueError, match=r"[Pp]oints on 'a'"):
        Points("a", "b", at)


LINKS = {"source": "a", "target": "b", "indptr": [0, 1, 2], "indices": [0, 1], "weights": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (([], [], [], []), "each with a name of its own"),
        (([*two(), two()[0]], [], [], []), "each with a name of its own"),
        ((two(), [Links(**LINKS | {"source": "c"})], [], []), "no panel 'c'; there are a, b"),
        ((two(), [Links(**LINKS | {"indptr": [0, 2]})], [], []), "for 1 cells, but that panel has 2"),
        ((two(), [Links(**LINKS | {"indices": [0, 2]})], [], []), "read cell 2 of 2"),
        (
            ([*two(), Panel("k", "K", [[1]])], [Links(**LINKS, via="k", via_indices=[0, 1])], [], []),
            "use cell 1 of 'k'",
        ),
        ((two(), [], [Points("a", "b", [[0, 0]])], []), "for 1 cells of 'b', which has 2"),
        ((two(), [], [Points("x", "b", [[0, 0], [0, 1]])], []), "no panel 'x'"),
        ((two(), [], [], [Step("s", values={"a": [[1]]})]), r"'a' finite numbers \(1, 2\); got \(1, 1\)"),
        ((two(), [], [], [Step("s", values={"a": [[1, math.inf]]})]), "finite numbers"),
        ((two(), [], [], [Step("s", light={"a": [(0, 2)]})]), "a cell that 'a', 1×2, hasn't got"),
        ((two(), [], [], [Step("s", light={"a": [(-1, 0)]})]), "hasn't got"),
        ((two(), [], [], [Step("s", light={"a": [(0.5, 0)]})]), "cells \\(row, column\\)"),
        ((two(), [], [], [Step("s", light={"a": [0]})]), "cells \\(row, column\\)"),
        ((two(), [], [], [Step("s", crops=[("a", 0, 0, 2, 1)])]), "crops 'a', 1×2, to rows 0 to 2"),
    ],
)
def test_parts_that_do_not_fit(parts: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pack(*parts)


def test_a_step_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="caption"):
        Step("")


@pytest.mark.parametrize("speed", [0, 3, -1, NAN])
def test_other_speeds_are_refused(speed: float) -> None:
    with pytest.raises(ValueError, match=r"one of 0\.5, 1, 2, 5, 10, 20, 30"):
        grid(two(), key="x", speed=speed)


# ---- what is sent


def unpack(text: str, dtype: str) -> list[int]:
    return np.frombuffer(base64.b64decode(text), dtype).tolist()


def test_links_come_back_exactly() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(12, 6)) * (rng.random((12, 6)) < 0.4)
    rows, columns = np.nonzero(weights)
    via = rng.integers(-1, 2, len(rows))
    panels = [Panel("a", "A", np.ones((2, 3))), Panel("b", "B", np.ones((3, 4))), Panel("k", "K", [[1, 2]])]
    starts = np.searchsorted(rows, np.arange(13))
    links = Links("a", "b", starts, columns, weights[rows, columns], "k", via)
    [sent] = pack(panels, [links], [], [])["links"]
    assert (sent["source"], sent["target"], sent["via"]) == (0, 1, 2)
    assert unpack(sent["starts"], "<u4") == starts.tolist()
    assert unpack(sent["sources"], "<u2") == columns.tolist()
    assert [sent["weights"][code] for code in unpack(sent["codes"], "<u2")] == weights[rows, columns].tolist()
    assert unpack(sent["behind"], "<i2") == via.tolist()


def test_links_of_a_trace_know_the_kernel_cell_behind_each() -> None:
    trace = transposed_matrix((2, 2), KERNEL, stride=2, padding=1)
    numbered = transposed_matrix((2, 2), np.arange(1.0, 5).reshape(2, 2), stride=2, padding=1)
    links = Links.of(trace, "input", "output", via="kernel", via_trace=numbered)
    assert np.array_equal(links.weights, KERNEL.ravel()[links.via_indices])
    dense = np.zeros((4, 4))
    for target in range(4):
        for n in range(links.indptr[target], links.indptr[target + 1]):
            dense[target, links.indices[n]] += links.weights[n]
    assert (dense @ INPUT.ravel()).tolist() == [10, 4, 0, 3]  # the golden numbers of stride 2, padding 1
    with pytest.raises(ValueError, match="the same parameters"):
        Links.of(
            trace, "input", "output", via="kernel", via_trace=transposed_matrix((2, 2), KERNEL, stride=1, padding=0)
        )
    with pytest.raises(ValueError, match="both via and via_indices"):
        Links.of(trace, "input", "output", via="kernel")


def test_steps_are_differences_that_add_up() -> None:
    rng = np.random.default_rng(3)
    panels = [Panel("a", "A", rng.integers(0, 3, (3, 4))), Panel("b", "B", np.full((2, 2), NAN))]
    steps, wanted, now = [], [], [panel.values for panel in panels]
    for _ in range(20):
        values = {}
        for i, panel in enumerate(panels):
            if rng.random() < 0.6:
                new = rng.integers(0, 3, panel.values.shape).astype(float)
                new[rng.random(new.shape) < 0.3] = NAN
                values[panel.name], now[i] = new, new
        steps.append(Step("s", values=values))
        wanted.append([np.array(array) for array in now])
    sent = pack(panels, [], [], steps)
    assert json.loads(json.dumps(sent, allow_nan=False))["panels"][1]["values"] == [None] * 4
    shown = [np.array([NAN if v is None else v for v in panel["values"]]) for panel in sent["panels"]]
    for step, states in zip(sent["steps"], wanted, strict=True):
        for i, (cells, numbers) in step["values"].items():
            shown[i][cells] = [NAN if v is None else v for v in numbers]
        for i in (0, 1):
            assert np.array_equal(shown[i], states[i].ravel(), equal_nan=True)


def test_a_scale_holds_for_all_steps() -> None:
    def scale(values: Any, *steps: Any) -> tuple[float, float, bool]:
        [sent] = pack([Panel("a", "A", values)], [], [], [Step("s", values={"a": s}) for s in steps])["panels"]
        return sent["low"], sent["high"], sent["signed"]

    assert scale([[1, 4]]) == (0, 4, False)
    assert scale([[1, 4]], [[1, 9]], [[0, 0]]) == (0, 9, False)
    assert scale([[1, 4]], [[-6, NAN]]) == (-6, 6, True)
    assert scale([[0, 0]]) == (0, 1, False)
    assert scale([[NAN, NAN]]) == (0, 1, False)
    assert scale([[4, -1e-16]]) == (0, 4, False)  # what rounding leaves of 0


def test_light_points_and_crop_are_flat() -> None:
    steps = [Step("s", {"a": np.array([(0, 1)]), "b": []}, crops=[("b", 0, 0, 1, 1), ("a", 0, 1, 1, 2)])]
    sent = pack(two(), [], [Points("a", "b", [[[0, 0.5], [0, 1.5]], [[0, 0], [0, 0]]])], steps)
    assert sent["steps"][0]["light"] == {0: [1], 1: []}
    assert sent["steps"][0]["crops"] == [[1, 0, 0, 1, 1], [0, 0, 1, 1, 2]]
    assert sent["points"] == [{"panel": 0, "target": 1, "at": [[[0, 0.5], [0, 1.5]], [[0, 0], [0, 0]]]}]


# ---- what is believed


GOOD = {"panel": "a", "shape": [1, 2], "values": [5, -0.5], "serial": 3}


def test_an_edit_is_read() -> None:
    event = _event(GOOD, two())
    assert event is not None
    assert event.panel == "a"
    assert event.values.dtype == np.float64
    assert event.values.tolist() == [[5, -0.5]]


@pytest.mark.parametrize(
    "sent",
    [
        None, 3, "x", [], {}, [GOOD], {"panel": "a"}, {**GOOD, "panel": "b", "shape": [2, 1]}, {**GOOD, "panel": "c"},
        {**GOOD, "panel": ["a"]}, {**GOOD, "shape": [2, 1]}, {**GOOD, "shape": [1]}, {**GOOD, "shape": "12"},
        {**GOOD, "shape": [1.0, 2]}, {**GOOD, "values": [1]}, {**GOOD, "values": [1, 2, 3]},
        {**GOOD, "values": [1, "2"]}, {**GOOD, "values": [1, None]}, {**GOOD, "values": [1, True]},
        {**GOOD, "values": [1, NAN]}, {**GOOD, "values": [1, math.inf]}, {**GOOD, "values": [1, 1000]},
        {**GOOD, "values": [1, -(10**400)]}, {**GOOD, "values": [[1, 2]]}, {**GOOD, "values": {"0": 1, "1": 2}},
    ],
)  # fmt: skip
def test_hostile_messages_are_no_edits(sent: Any) -> None:
    assert _event(sent, two()) is None


@pytest.mark.parametrize("sent", [None, {"serial": 2**53}, {"serial": 1.5}, {"serial": -4}, {"serial": "9"}, [9]])
def test_hostile_serials_answer_nothing(sent: Any) -> None:
    assert _serial(sent) == 0


# ---- the code


def test_the_parts_are_small_and_write_text_only() -> None:
    assert {part for part in _PARTS if part.startswith("..")} == {"../viewer/dom.js"}
    own = {path.name for path in _HERE.glob("*.js")}
    assert own == {part for part in _PARTS if not part.startswith("..")} | {"loader.js"}
    for path in _HERE.iterdir():
        if path.suffix in (".js", ".py", ".css", ".html"):
            text = path.read_text("utf-8")
            assert len(text.splitlines()) <= 300, path.name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text), path.name
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path.name


def test_both_languages_share_the_constants() -> None:
    constants = json.loads(_constants().removeprefix("const CONSTANTS = ").removesuffix(";\n"))
    assert constants["limit"] == 999
    assert tuple(constants["speeds"]) == SPEEDS
    assert [len(base64.b64decode(table)) for table in constants["maps"].values()] == [3 * 255] * 2


@pytest.mark.parametrize("case", ["golden", "edges", "centres", "large", "lab", "text", "zeros"])
def test_every_case_of_the_browser_tests_runs(case: str) -> None:
    app = AppTest.from_file(str(APP), default_timeout=30)
    app.query_params["case"] = case
    app.run()
    assert not app.exception
