"""The number grids in a real Chromium: what is said, lit, edited and played, and that looking sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from seglab.upsampling.trace import short
from tests.browser.conftest import Messages, serve
from tests.browser.grid_app import transposed
from tests.browser.test_viewer import told, told_when
from ui.grid.grid import _constants, _joined

APP = "tests/browser/grid_app.py"
INPUTS, KERNELS, OUTPUTS = 0, 1, 2  # places of the panels


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(APP) as address:
        yield address


class Lab:
    """One component on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".grid[aria-label]")
        self.sum = self.root.locator(".sum")
        self.caption = self.root.locator(".caption")
        self.cell(0, 0).wait_for()

    def board(self, n: int) -> Any:
        return self.root.locator(".board").nth(n)

    def cell(self, n: int, k: int) -> Any:
        return self.board(n).locator(".cell").nth(k)

    def values(self, n: int) -> list[str]:
        return self.board(n).locator(".value").all_inner_texts()

    def marks(self, n: int, kind: str) -> list[int]:
        """Flat cells of a panel that are marked as `kind`."""
        script = (
            "(node, kind) => [...node.querySelectorAll('.cell')].flatMap((c, i) => c.dataset.mark === kind ? [i] : [])"
        )
        return self.board(n).evaluate(script, kind)

    def get(self, script: str) -> Any:
        """Evaluate a JavaScript expression of `g`, the component."""
        return self.root.evaluate(f"(root) => {{ const g = root.grid; return {script}; }}")

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).click()

    def edit(self, n: int, k: int, text: str, key: str = "Enter") -> None:
        self.cell(n, k).click()
        self.root.locator(".field").fill(text)
        self.page.keyboard.press(key)

    def frames(self, n: int = 2) -> None:
        script = "(n) => new Promise((done) => { const f = () => (n-- ? requestAnimationFrame(f) : done()); f(); })"
        self.page.evaluate(script, n)


@pytest.fixture
def open_case(new_page: Any, url: str) -> Any:
    """Return open_case(name, query, **page options) → Lab, with `lab.sent` counting messages from then on."""

    def opened(name: str, query: str = "", **options: Any) -> Any:
        page = new_page(**options)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        sent = Messages(page)
        page.goto(f"{url}/?case={name}{query}")
        lab = Lab(page)
        lab.errors, lab.sent = errors, sent
        page.locator("code").first.wait_for()
        page.wait_for_timeout(300)
        sent.reset()
        return lab

    return opened


# ---- looking


def test_a_sum_is_written_out_and_lit_without_a_message(open_case: Any) -> None:
    lab = open_case("golden")
    assert lab.values(OUTPUTS) == ["6", "14", "4", "2", "17", "21", "0", "1", "5"]
    lab.cell(OUTPUTS, 4).hover()
    expect(lab.sum).to_have_text("Output (1, 1) = 5·2 + 1·4 + 1·0 + 3·1 = 17")
    assert lab.marks(OUTPUTS, "here") == [4]
    assert lab.marks(INPUTS, "from") == lab.marks(KERNELS, "by") == [0, 1, 2, 3]
    lab.cell(OUTPUTS, 1).hover()
    expect(lab.sum).to_have_text("Output (0, 1) = 1·2 + 3·4 = 14")
    assert lab.marks(OUTPUTS, "here") == [1]
    assert (lab.marks(INPUTS, "from"), lab.marks(KERNELS, "by")) == ([0, 1], [0, 1])
    assert lab.cell(INPUTS, 1).get_attribute("data-word") == "×3"
    lab.page.mouse.move(2, 2)
    expect(lab.sum).to_contain_text("Point at a number")
    assert lab.marks(INPUTS, "from") == lab.marks(OUTPUTS, "here") == []
    lab.page.wait_for_timeout(300)
    assert lab.sent.count == 0
    assert lab.errors == []


def test_where_an_input_goes_and_what_uses_a_kernel_cell(open_case: Any) -> None:
    lab = open_case("golden")
    lab.cell(INPUTS, 1).hover()
    expect(lab.sum).to_have_text(
        "Input (0, 1) = 4 goes to 4 cells of Output: (0, 1) ×3, (0, 2) ×1, (1, 1) ×1, (1, 2) ×5."
    )
    assert lab.marks(OUTPUTS, "to") == [1, 2, 4, 5]
    assert lab.marks(KERNELS, "by") == [0, 1, 2, 3]
    lab.cell(KERNELS, 3).hover()
    expect(lab.sum).to_have_text(
        "Kernel (1, 1) = 5 is the weight of 4 links: Input → Output "
        "(0, 0) → (1, 1), (0, 1) → (1, 2), (1, 0) → (2, 1), (1, 1) → (2, 2)."
    )
    assert lab.marks(OUTPUTS, "to") == [4, 5, 7, 8]
    assert lab.marks(INPUTS, "from") == [0, 1, 2, 3]
    assert lab.sent.count == 0


def test_zeros_are_written_up_to_a_limit(open_case: Any) -> None:
    lab = open_case("zeros")
    lab.cell(OUTPUTS, 12).hover()  # all nine inputs, one of them 2
    expect(lab.sum).to_have_text("Output (2, 2) = 5·2 + 5·0 + 5·0 + 5·0 + 5·0 … and 4 more zeros = 10")
    lab.cell(OUTPUTS, 24).hover()
    expect(lab.sum).to_have_text("Output (4, 4) = 5·0 = 0")


@pytest.mark.parametrize(
    ("case", "sums", "ends", "labels"),
    [
        ("edges", "0.5625·10 + 0.1875·20 + 0.1875·30 + 0.0625·40 = 17.5. It samples Input at (0.25, 0.25).",
         (-0.5, 1.5), ["−0.5", "0", "1", "1.5"]),
        ("centres", "4/9·10 + 2/9·20 + 2/9·30 + 1/9·40 = 20. It samples Input at (1/3, 1/3).", (0, 1), ["0", "1"]),
    ],
)  # fmt: skip
def test_rulers_of_both_conventions(open_case: Any, case: str, sums: str, ends: Any, labels: list[str]) -> None:
    lab = open_case(case)
    lab.cell(1, 5).hover()
    expect(lab.sum).to_have_text(f"Output (1, 1) = {sums}")
    x = lab.get("['x1', 'x2'].map((a) => Number(g.boards[0].ruler.node.querySelector('.axis').getAttribute(a)))")
    origin, cell = lab.get("[g.boards[0].cells.offsetLeft, g.boards[0].nodes[0].offsetWidth]")
    assert [(at - origin) / cell - 0.5 for at in x] == pytest.approx(ends)
    assert lab.board(0).locator(".label").all_text_contents() == labels * 2
    box, dot = lab.cell(0, 0).bounding_box(), lab.board(0).locator(".point").bounding_box()
    place = 0.25 if case == "edges" else 1 / 3
    assert dot["x"] + dot["width"] / 2 == pytest.approx(box["x"] + (place + 0.5) * box["width"], abs=1)
    assert dot["y"] + dot["height"] / 2 == pytest.approx(box["y"] + (place + 0.5) * box["height"], abs=1)
    assert lab.board(0).locator(".coordinate").all_text_contents() == ["0.25" if case == "edges" else "1/3"] * 2
    lab.page.mouse.move(2, 2)
    expect(lab.board(0).locator(".point")).to_have_count(0)


# ---- editing


@pytest.mark.parametrize("case", ["golden", "callback"])
def test_an_edit_changes_pythons_answer(open_case: Any, case: str) -> None:
    lab = open_case(case)
    lab.get("g.boards[2].nodes[4].kept = true")
    lab.edit(INPUTS, 2, "7")
    expect(lab.cell(OUTPUTS, 4)).to_have_text("24")  # one more kernel entry times seven
    event = told_when(lab.page, "told.events.length === 1")["events"][0]
    assert event == {"panel": "input", "values": [[2, 4], [7, 1]]}
    expect(lab.cell(INPUTS, 2)).to_be_focused()
    assert lab.get("g.boards[2].nodes[4].kept")  # in place
    lab.cell(OUTPUTS, 4).hover()
    expect(lab.sum).to_have_text("Output (1, 1) = 5·2 + 1·4 + 1·7 + 3·1 = 24")
    lab.edit(KERNELS, 1, "−1/2")
    expected, _ = transposed(np.array([[2.0, 4], [7, 1]]), np.array([[3, -0.5], [1, 5]]))
    expect(lab.cell(OUTPUTS, 2)).to_have_text("−2")
    assert [float(text.replace("−", "-")) for text in lab.values(OUTPUTS)] == expected.ravel().tolist()
    event = told_when(lab.page, "told.events.length === 2")["events"][1]
    assert event == {"panel": "kernel", "values": [[3, -0.5], [1, 5]]}
    runs = told(lab.page)["runs"]
    lab.page.get_by_role("button", name="Rerun").click()
    assert len(told_when(lab.page, f"told.runs > {runs}")["events"]) == 2  # an edit comes once
    assert lab.errors == []


def test_an_edit_that_is_no_number_is_explained_and_can_be_left(open_case: Any) -> None:
    lab = open_case("golden")
    wrong = lab.root.locator(".wrong")
    for text in ("x", "1e9", "1/0", "", "<img src=x onerror=document.title='hacked'>"):
        lab.edit(INPUTS, 1, text)
        expect(wrong).to_contain_text("A cell takes a number from −999 to 999")
        expect(lab.root.locator(".field")).to_be_focused()
        lab.page.keyboard.press("Escape")
        expect(wrong).to_be_hidden()
        expect(lab.cell(INPUTS, 1)).to_be_focused()
    lab.edit(INPUTS, 1, "9", key="Escape")
    assert lab.values(INPUTS) == ["2", "4", "0", "1"]
    lab.edit(INPUTS, 1, "4")  # as it was
    lab.page.wait_for_timeout(300)
    assert lab.sent.count == 0
    assert lab.page.title() != "hacked"
    assert lab.errors == []


def test_tab_and_leaving_take_the_number(open_case: Any) -> None:
    lab = open_case("callback")
    lab.edit(INPUTS, 0, "3", key="Tab")
    expect(lab.cell(KERNELS, 0)).to_be_focused()
    told_when(lab.page, "told.events.length === 1")
    expect(lab.cell(OUTPUTS, 0)).to_have_text("9")
    expect(lab.cell(KERNELS, 0)).to_be_focused()
    lab.cell(INPUTS, 3).click()
    lab.root.locator(".field").fill("2,5")
    lab.sum.click()
    assert told_when(lab.page, "told.events.length === 2")["events"][1]["values"] == [[3, 4], [0, 2.5]]


def test_a_refused_edit_gives_back_the_last_good_numbers(open_case: Any) -> None:
    lab = open_case("refused")
    lab.edit(INPUTS, 0, "9")
    expect(lab.page.get_by_text("refused", exact=True)).to_be_visible()
    expect(lab.cell(INPUTS, 0)).to_have_text("2")
    assert lab.values(OUTPUTS)[0] == "6"
    lab.edit(INPUTS, 0, "9")  # and again
    told_when(lab.page, "told.events.length === 2")
    expect(lab.cell(INPUTS, 0)).to_have_text("2")


def test_an_edit_that_nobody_answers_is_taken_back(open_case: Any) -> None:
    lab = open_case("golden")
    lab.get("g.report = { setTriggerValue() {} }, true")
    lab.edit(INPUTS, 0, "9")
    expect(lab.cell(INPUTS, 0)).to_have_text("9")
    lab.get("g.editor.giveUp(), true")  # what the clock does after some seconds
    expect(lab.cell(INPUTS, 0)).to_have_text("2")
    expect(lab.root.locator(".wrong")).to_contain_text("no answer")
    assert lab.sent.count == 0


def test_quick_edits_all_arrive(open_case: Any) -> None:
    lab = open_case("slow")
    lab.edit(INPUTS, 0, "5")
    lab.edit(INPUTS, 1, "6")
    lab.edit(KERNELS, 0, "7")
    assert lab.values(INPUTS) == ["5", "6", "0", "1"]
    expected, _ = transposed(np.array([[5.0, 6], [0, 1]]), np.array([[7.0, 1], [1, 5]]))
    expect(lab.cell(OUTPUTS, 0)).to_have_text("35", timeout=20_000)
    assert [float(text) for text in lab.values(OUTPUTS)] == expected.ravel().tolist()
    assert lab.values(INPUTS) == ["5", "6", "0", "1"]
    events = told_when(lab.page, "told.events.length >= 2")["events"]
    assert events[-1] == {"panel": "kernel", "values": [[7, 1], [1, 5]]}


# ---- the keyboard


def test_the_keyboard_does_all(open_case: Any) -> None:
    lab = open_case("callback")
    keys = lab.page.keyboard
    lab.cell(INPUTS, 0).focus()
    assert lab.board(INPUTS).get_by_role("grid", name="Input, 2×2, can be edited").count() == 1
    assert lab.board(OUTPUTS).get_by_role("row").count() == 3
    expect(lab.board(INPUTS).get_by_role("gridcell", name="row 0, column 1: 4")).to_be_attached()
    expect(lab.sum).to_contain_text("Input (0, 0) = 2 goes to 4 cells")
    keys.press("ArrowRight")
    keys.press("ArrowDown")
    keys.press("ArrowDown")  # no further
    expect(lab.cell(INPUTS, 3)).to_be_focused()
    keys.press("Tab")
    expect(lab.cell(KERNELS, 0)).to_be_focused()
    keys.press("Tab")
    keys.press("Control+End")
    expect(lab.cell(OUTPUTS, 8)).to_be_focused()
    keys.press("Home")
    keys.press("ArrowUp")
    expect(lab.cell(OUTPUTS, 3)).to_be_focused()
    expect(lab.sum).to_have_text("Output (1, 0) = 1·2 + 3·0 = 2")
    keys.press("Shift+Tab")
    keys.press("Shift+Tab")
    expect(lab.cell(INPUTS, 3)).to_be_focused()  # where it was
    keys.press("-")
    keys.type("2.5")
    keys.press("Enter")
    assert told_when(lab.page, "told.events.length === 1")["events"][0]["values"] == [[2, 4], [0, -2.5]]
    expect(lab.cell(OUTPUTS, 8)).to_have_text("−12.5")
    expect(lab.cell(INPUTS, 3)).to_be_focused()
    keys.press("Enter")
    expect(lab.root.locator(".field")).to_have_value("-2.5")
    keys.press("Escape")
    keys.press(",")
    expect(lab.caption).to_have_text("Padding 1 crops a row and a column on each side.")
    keys.press(",")
    expect(lab.caption).to_contain_text("Input (1, 1) = -2.5 stamps")
    keys.press(".")
    expect(lab.caption).to_contain_text("Padding 1 crops")
    keys.press("Space")
    assert lab.get("g.player.playing")
    keys.press("Space")
    assert not lab.get("g.player.playing")
    keys.press("r")
    keys.press("c")
    keys.press("Escape")
    expect(lab.sum).to_contain_text("Point at a number")
    lab.page.wait_for_timeout(200)
    assert lab.page.get_by_role("dialog").count() == 0
    assert lab.errors == []


# ---- steps


def test_stamp_by_stamp_in_words_and_numbers(open_case: Any) -> None:
    lab = open_case("golden")
    expect(lab.caption).to_have_text("The result: all 5 steps are done.")
    assert lab.caption.get_attribute("aria-live") == "polite"
    lab.press("First step")
    expect(lab.caption).to_have_text("Input (0, 0) = 2 stamps 2 × kernel onto the canvas.")
    assert lab.values(OUTPUTS) == ["6", "2", "", "2", "10", "", "", "", ""]
    assert (lab.marks(INPUTS, "lit"), lab.marks(OUTPUTS, "lit")) == ([0], [0, 1, 3, 4])
    lab.press("Step forward")
    assert lab.values(OUTPUTS) == ["6", "14", "4", "2", "14", "20", "", "", ""]
    lab.cell(OUTPUTS, 4).hover()
    expect(lab.sum).to_have_text("Output (1, 1) = 5·2 + 1·4 + 1·0 + 3·1 = 17; so far 14")
    lab.cell(OUTPUTS, 8).hover()
    expect(lab.sum).to_have_text("Output (2, 2) = 5·1 = 5; not there yet")
    lab.root.get_by_role("slider", name="Step").fill("4")
    expect(lab.caption).to_have_text("Padding 1 crops a row and a column on each side.")
    assert lab.board(OUTPUTS).locator(".cell.out").count() == 8
    assert "out" not in lab.cell(OUTPUTS, 4).get_attribute("class").split()
    lab.press("Step back")
    assert lab.values(OUTPUTS) == ["6", "14", "4", "2", "17", "21", "0", "1", "5"]
    assert lab.board(OUTPUTS).locator(".cell.out").count() == 0
    lab.press("Step back")
    lab.press("Step back")
    assert lab.values(OUTPUTS) == ["6", "14", "4", "2", "14", "20", "", "", ""]
    expect(lab.root.get_by_role("slider", name="Step")).to_have_attribute("aria-valuetext", "step 2 of 5")
    lab.press("To the result")
    expect(lab.root.get_by_role("button", name="Step forward")).to_be_disabled()
    assert lab.sent.count == 0
    assert lab.errors == []


@pytest.mark.parametrize("case", ["large", "lab"])
def test_ten_frames_a_second_without_a_message(open_case: Any, case: str) -> None:
    lab = open_case(case)
    lab.root.get_by_label("Steps a second").select_option("20 / s")
    script = """(root) => new Promise((done) => {
        const g = root.grid, seen = [], began = performance.now();
        const look = () => {
            const text = root.querySelector(".caption").textContent;
            if (text !== seen.at(-1)) seen.push(text);
            if (g.player.playing && performance.now() - began < 2000) requestAnimationFrame(look);
            else done([seen.length, performance.now() - began, g.player.playing]);
        };
        g.player.toggle();
        look();
    })"""
    frames, took, playing = lab.root.evaluate(script)
    print(f"{case}: {frames} frames in {took:.0f} ms")
    assert frames / took * 1000 >= 10
    assert lab.caption.get_attribute("aria-live") == ("off" if playing else "polite")
    if playing:
        lab.press("Pause")
    lab.page.wait_for_timeout(300)
    assert lab.sent.count == 0
    assert lab.errors == []


def test_hover_is_quick_on_the_largest_grids(open_case: Any) -> None:
    lab = open_case("large")
    times = lab.get("""(() => {
        const times = [];
        for (let k = 0; k < 100; k++) {
            const began = performance.now();
            g.look({ hover: g.boards[1].nodes[(k * 37) % 1156].place });
            g.boards[0].node.getBoundingClientRect();
            times.push(performance.now() - began);
        }
        return times.sort((a, b) => a - b);
    })()""")
    print(f"34×34 from 16×16: {times[50]:.1f} ms to light a cell, {times[-1]:.1f} ms at most")
    assert times[50] < 50


def test_nothing_plays_by_itself_and_playing_ends_at_the_last_step(open_case: Any) -> None:
    lab = open_case("golden", reduced_motion="reduce")
    assert lab.get("[g.player.playing, g.state.place]") == [False, 5]
    assert lab.cell(0, 0).evaluate("(c) => getComputedStyle(c).transitionDuration") == "0s"
    lab.root.get_by_label("Steps a second").select_option("30 / s")
    lab.press("Play")
    expect(lab.caption).to_have_text("Padding 1 crops a row and a column on each side.")
    expect(lab.root.get_by_role("button", name="Play", exact=True)).to_be_visible()
    lab.page.wait_for_timeout(200)
    assert lab.get("[g.player.playing, g.state.place]") == [False, 4]
    assert lab.get("(g.player.toggle(), [g.player.playing, g.state.place])") == [True, 0]  # from the beginning
    expect(lab.caption).to_have_text("Padding 1 crops a row and a column on each side.")


def test_new_data_keeps_the_place_and_the_playing(open_case: Any) -> None:
    lab = open_case("lab")
    lab.root.get_by_label("Steps a second").select_option("5 / s")
    lab.get("g.boards[0].nodes[0].kept = true")
    lab.press("First step")
    lab.press("Play")
    lab.page.wait_for_function("(root) => root.grid.state.place >= 1", arg=lab.root.element_handle())
    slider = lab.page.get_by_role("slider", name="Stride")
    slider.focus()
    runs = told(lab.page)["runs"]
    lab.page.keyboard.press("ArrowRight")
    told_when(lab.page, f"told.runs > {runs}")
    expect(lab.board(OUTPUTS).locator(".size")).to_have_text("15×15")
    assert lab.get("g.player.playing")
    place = lab.get("g.state.place")
    assert 0 < place < 25
    assert lab.get("g.boards[0].nodes[0].kept")
    expect(slider).to_be_focused()
    lab.press("Pause")
    shown = lab.values(OUTPUTS)
    assert shown == lab.get("g.player.values()[2].map((v) => v === null ? '' : String(v).replace('-', '−'))")
    assert shown.count("") > 0


def test_an_edit_is_seen_in_the_step_that_is_shown(open_case: Any) -> None:
    lab = open_case("callback")
    lab.press("First step")
    lab.edit(INPUTS, 0, "3")
    expect(lab.caption).to_have_text("Input (0, 0) = 3 stamps 3 × kernel onto the canvas.")
    assert lab.values(OUTPUTS) == ["9", "3", "", "3", "15", "", "", "", ""]


# ---- hostile and strange


def test_text_is_text(open_case: Any) -> None:
    lab = open_case("text")
    lab.cell(1, 0).hover()
    expect(lab.sum).to_contain_text("<img src=x")
    lab.press("First step")
    expect(lab.caption).to_contain_text("<img src=x")
    expect(lab.board(0).locator(".note")).to_contain_text("<img src=x")
    assert lab.root.locator("img").count() == 0
    assert lab.page.title() != "hacked"
    assert lab.errors == []


def test_numbers_are_short_but_never_wrong(open_case: Any) -> None:
    texts = {"12.5": 12.5, "0.3": 0.1 + 0.2, "0.6667": 2 / 3, "−1e−7": -1e-7, "0": 1e-14, "99999": 99_999,
             "9.98e5": 998_001, "1.00e300": 1e300, "1234": 1234.4, "13.33": 13.3333, "−0.125": -0.125}  # fmt: skip
    lab = open_case("numbers", f"&values={quote(json.dumps(list(texts.values())))}")
    assert lab.values(0) == list(texts)
    assert lab.errors == []


def script(expression: str, *parts: str) -> str:
    """JavaScript that evaluates an expression of the component's own functions and of `given`."""
    code = _constants() + _joined("../viewer/dom.js", "numbers.js", *parts)
    return f"(given) => {{ {code}\nreturn {expression}; }}"


def test_numbers_are_written_alike_in_both_languages(new_page: Any) -> None:
    rng = np.random.default_rng(0)
    values = [
        float(Fraction(int(a), int(b)))
        for a, b in zip(rng.integers(-300, 300, 400), rng.integers(1, 120, 400), strict=True)
    ]
    values += (rng.normal(size=300) * 10.0 ** rng.integers(-8, 5, 300)).tolist()
    values += [*(np.arange(-64, 65) / 32).tolist(), 0.0, -0.0, 12.5, 1e-13, 0.00005, 998001.0]
    for fractions in (False, True):
        found = new_page().evaluate(script(f"given.map((v) => short(v, {json.dumps(fractions)}))"), values)
        for value, one in zip(values, found, strict=True):
            assert (one["text"], one["exact"]) == short(value, fractions), value


def test_what_can_be_typed(new_page: Any) -> None:
    texts = [
        "1",
        " -2,5 ",
        "−3",
        "+.5",
        "1/3",
        "-1 / 4",
        "1e2",
        "999",
        "-0",
        "1000",
        "NaN",
        "Infinity",
        "0x10",
        "1/0",
        "1 2",
        "",
    ]
    found = new_page().evaluate(script("given.map((t) => typed(t).value ?? null)"), texts)
    assert found == [1, -2.5, -3, 0.5, 1 / 3, -0.25, 100, 999, 0, *[None] * 7]


def test_numbers_can_be_read_on_every_color(new_page: Any) -> None:
    pairs = new_page().evaluate(script("Object.values(colors).flat()"))
    assert len(pairs) == 2 * 255

    def luminance(rgb: list[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for fill, ink in pairs:
        light = sorted([luminance([int(c) / 255 for c in fill[4:-1].split(",")]), float(ink == "#fff")])
        assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, fill


# ---- narrow and dark


@pytest.mark.parametrize("case", ["golden", "edges", "large", "lab"])
def test_the_page_never_sticks_out(open_case: Any, case: str) -> None:
    lab = open_case(case, dark=True)
    for width in (1280, 390):
        lab.page.set_viewport_size({"width": width, "height": 800})
        lab.page.wait_for_function("(w) => document.querySelector('.stMain').clientWidth <= w", arg=width)
        lab.page.wait_for_timeout(300)
        assert lab.page.evaluate("document.documentElement.scrollWidth") <= width
        edges = lab.get(
            "[...root.querySelectorAll('.board, .player, .sum')].map((n) => n.getBoundingClientRect().right)"
        )
        assert max(edges) <= width
        sizes = lab.get("g.boards.flatMap((b) => b.nodes.map((n) => [n.firstChild.scrollWidth, n.clientWidth]))")
        assert all(text <= cell for text, cell in sizes)  # no number is cut off
        assert min(lab.get("g.boards.map((b) => parseFloat(getComputedStyle(b.nodes[0]).fontSize))")) >= 9


def test_what_is_lit_far_right_comes_into_sight(open_case: Any) -> None:
    lab = open_case("large", width=390)
    lab.cell(1, 33).hover()
    lab.frames()
    box, cell = lab.board(0).locator(".box").bounding_box(), lab.cell(0, 15).bounding_box()
    assert lab.marks(0, "from") == [15]
    assert cell["x"] + cell["width"] <= box["x"] + box["width"] + 1


def test_a_finger_looks_first_and_edits_at_the_second_tap(open_case: Any) -> None:
    lab = open_case("callback", width=390, has_touch=True)
    lab.cell(OUTPUTS, 4).tap()
    expect(lab.sum).to_have_text("Output (1, 1) = 5·2 + 1·4 + 1·0 + 3·1 = 17")
    lab.cell(OUTPUTS, 4).tap()
    assert lab.root.locator(".field").count() == 0  # not one of those
    lab.cell(INPUTS, 0).tap()
    expect(lab.sum).to_contain_text("Input (0, 0) = 2 goes to")
    assert lab.root.locator(".field").count() == 0
    lab.cell(INPUTS, 0).tap()
    lab.root.locator(".field").fill("1")
    lab.page.keyboard.press("Enter")
    assert told_when(lab.page, "told.events.length === 1")["events"][0]["values"] == [[1, 4], [0, 1]]
    lab.page.locator("code").first.tap()
    expect(lab.sum).to_contain_text("Point at a number")
    assert lab.errors == []


# ---- data that change their shape


def reshaped(lab: Any, panel: int, rows: int, columns: int, **more: Any) -> None:
    """Give a panel another size; its numbers count up from 10."""
    lab.root.evaluate(
        """(root, [panel, rows, columns, more]) => {
            const g = root.grid;
            const panels = g.data.panels.slice();
            const values = Array.from({ length: rows * columns }, (_, i) => i + 10);
            panels[panel] = { ...panels[panel], rows, columns, values };
            g.update({ ...g.data, panels, links: [], steps: [], ...more }, g.report);
        }""",
        [panel, rows, columns, more],
    )


def test_cells_stay_when_a_panel_grows_and_show_what_is_new(open_case: Any) -> None:
    lab = open_case("golden")
    lab.root.evaluate("(root) => root.grid.boards[2].nodes.forEach((node, i) => (node.was = i))")
    step = {"caption": "crop", "light": {"2": [0]}, "values": {}, "crops": [[2, 1, 1, 2, 2]]}
    for rows, columns, old in ((3, 3, [0, 1, 2, 3, 4, 5, 6, 7, 8]), (2, 4, [0, 1, 2, None, 3, 4, 5, None])):
        reshaped(lab, 2, rows, columns, steps=[step])
        lab.root.evaluate("(root) => root.grid.player.go(0)")
        assert lab.root.locator(".out").count() == rows * columns - 1
        assert lab.marks(2, "lit") == [0]
        was = lab.root.evaluate("(root) => root.grid.boards[2].nodes.map((node) => node.was ?? null)")
        assert was == old
    reshaped(lab, 2, 3, 2)
    assert lab.root.locator(".out").count() == 0
    assert lab.marks(2, "lit") == []
    assert lab.values(2) == ["10", "11", "12", "13", "14", "15"]
    expect(lab.cell(2, 3)).to_have_attribute("aria-label", "row 1, column 1: 13")
    lab.cell(2, 4).hover()
    expect(lab.sum).to_have_text("Output (2, 0) = 14")
    assert lab.root.evaluate("(root) => root.grid.hover.cell") == 4
    assert lab.errors == []


def test_an_open_field_goes_with_its_panels_size_and_edits_nothing(open_case: Any) -> None:
    lab = open_case("callback")
    lab.cell(INPUTS, 3).click()
    lab.root.locator(".field").fill("77")
    reshaped(lab, INPUTS, 1, 2)
    assert lab.root.locator(".field").count() == 0
    assert lab.values(INPUTS) == ["10", "11"]
    assert lab.root.evaluate("(root) => [root.grid.busy, root.grid.editor.wanted.size]") == [False, 0]
    lab.cell(INPUTS, 0).click()
    lab.root.locator(".field").fill("5")
    lab.page.keyboard.press("Enter")
    assert lab.values(INPUTS)[0] == "5"
    assert lab.errors == []


def test_focus_and_light_survive_another_shape(open_case: Any) -> None:
    lab = open_case("golden")
    lab.press("Step back")
    lab.cell(OUTPUTS, 8).focus()
    expect(lab.sum).to_have_text("Output (2, 2) = 5·1 = 5")
    change = """(root) => {
        const g = root.grid;
        const output = { ...g.data.panels[2], rows: 2, columns: 2, values: [7, null, 8, 9] };
        g.update({ ...g.data, panels: [output, g.data.panels[0]], links: [], steps: [] }, g.report);
    }"""
    lab.root.evaluate(change)
    assert lab.root.locator(".board").count() == 2
    assert lab.values(0) == ["7", "", "8", "9"]
    expect(lab.cell(0, 3)).to_be_focused()  # as near as there is
    expect(lab.sum).to_have_text("Output (1, 1) = 9")
    expect(lab.cell(0, 1)).to_have_attribute("aria-label", "row 0, column 1: empty")
    expect(lab.root.locator(".player")).to_be_hidden()
    lab.page.keyboard.press("Tab")
    expect(lab.cell(1, 0)).to_be_focused()
    assert lab.errors == []
