"""The viewer in a real Chromium: what stays in the browser, what reaches Python, and that pixels are exact."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from seglab.palettes import CAMVID
from tests.browser.conftest import Messages, serve
from tests.browser.viewer_app import color, crowd, event_strokes, street
from ui.viewer import Stroke, apply_strokes, encode, strokes
from ui.viewer.encode import digest, sample

APP = "tests/browser/viewer_app.py"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(APP) as address:
        yield address


class Stage:
    """One viewer on a page, spoken to in picture pixels."""

    def __init__(self, page: Page, n: int = 0) -> None:
        self.page = page
        self.root = page.locator(".viewer").nth(n)
        self.canvas = self.root.locator("canvas.base")
        self.root.locator("canvas.base[data-shown]").wait_for()

    def get(self, script: str) -> Any:
        """Evaluate a JavaScript expression of `v`, the viewer."""
        return self.canvas.evaluate(f"(c) => {{ const v = c.viewer; return {script}; }}")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where on the page the middle of picture pixel (x, y) is."""
        at = self.canvas.evaluate(
            "(c, [x, y]) => { const b = c.getBoundingClientRect(), p = c.viewer.state.view.toCanvas(x + .5, y + .5);"
            " return [b.left + p[0] * b.width / c.width, b.top + p[1] * b.height / c.height]; }", [x, y],
        )  # fmt: skip
        return at[0], at[1]

    def color(self, x: float, y: float) -> tuple[int, ...]:
        """RGBA that the canvas shows in the middle of picture pixel (x, y)."""
        self.settle()
        script = (
            "(c, [x, y]) => { const p = c.viewer.state.view.toCanvas(x + .5, y + .5).map(Math.floor);"
            " return Array.from(c.getContext('2d').getImageData(...p, 1, 1).data); }"
        )
        return tuple(self.canvas.evaluate(script, [x, y]))

    def pixels(self) -> str:
        """Return what stands for all that the canvas shows: equal pixels, equal text."""
        self.settle()
        return str(self.canvas.evaluate("(c) => c.toDataURL()"))

    def labels(self) -> np.ndarray:
        """Return the class indices as the browser holds them."""
        script = """(() => {
            const { values, h, w } = v.layers[0];
            let text = "";
            for (let i = 0; i < values.length; i += 8192) text += String.fromCharCode(...values.subarray(i, i + 8192));
            return [btoa(text), h, w];
        })()"""
        text, height, width = self.get(script)
        return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width)

    def lit(self, x: float, y: float) -> tuple[int, ...]:
        """RGBA that lies over the middle of picture pixel (x, y) because something is lit; (0, 0, 0, 0): as it is."""
        self.settle()
        script = (
            "(c, [x, y]) => { const p = c.viewer.state.view.toCanvas(x + .5, y + .5).map(Math.floor);"
            " return Array.from(c.viewer.el.light.getContext('2d').getImageData(...p, 1, 1).data); }"
        )
        return tuple(self.canvas.evaluate(script, [x, y]))

    def view(self) -> list[float]:
        return list(self.get("[v.state.view.zoom, v.state.view.cx, v.state.view.cy]"))

    def settle(self) -> None:
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def opacity(self, percent: int) -> None:
        self.root.get_by_label("Opacity of the layers").fill(str(percent))

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).click()

    def drag(self, *points: tuple[int, int]) -> None:
        self.page.mouse.move(*self.place(*points[0]))
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*self.place(*point), steps=6)
        self.page.mouse.up()


def told(page: Page) -> dict[str, Any]:
    """What Python wrote about its last event."""
    return json.loads(page.locator("code").first.inner_text())


def told_when(page: Page, condition: str) -> dict[str, Any]:
    """Return what Python wrote as soon as `condition` (JavaScript, of `told`) holds."""
    page.wait_for_function(
        f"() => {{ const told = JSON.parse(document.querySelector('code').innerText); return {condition}; }}",
        timeout=60_000,
    )
    return told(page)


@pytest.fixture
def open_case(new_page: Any, url: str) -> Any:
    """Return open_case(name, **page options) → Stage, with `stage.sent` counting messages from then on."""

    def opened(name: str, n: int = 0, **options: Any) -> Any:
        page = new_page(**options)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        sent = Messages(page)
        page.goto(f"{url}/?case={name}")
        stage = Stage(page, n)
        stage.errors, stage.sent = errors, sent
        page.wait_for_timeout(300)
        sent.reset()
        return stage

    return opened


def test_looking_sends_nothing(open_case: Any) -> None:
    stage = open_case("plain")
    page = stage.page
    shown = [stage.pixels()]

    def changed() -> None:
        shown.append(stage.pixels())
        assert shown[-1] != shown[-2]

    stage.opacity(20)
    changed()
    stage.root.get_by_role("button", name="Tree").click()
    changed()
    stage.press("Outlines")
    changed()
    stage.press("Before / after")
    changed()
    handle = stage.root.get_by_role("slider", name="divider").bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + 20)
    page.mouse.down()
    page.mouse.move(handle["x"] - 150, handle["y"] + 40, steps=5)
    page.mouse.up()
    changed()
    assert stage.get("v.state.split") < 0.4
    stage.press("Zoom in")
    changed()
    page.mouse.move(*stage.place(200, 150))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    changed()
    zoom, *_ = stage.view()
    assert zoom > 2
    stage.drag((200, 150), (230, 170))
    changed()
    stage.press("Whole picture")
    changed()
    page.wait_for_timeout(600)
    assert stage.sent.count == 0
    page.mouse.click(*stage.place(10, 10))  # the counter does count
    told_when(page, "told.now.click")
    assert stage.sent.count == 1
    assert stage.errors == []


def test_full_opacity_is_the_palettes_color(open_case: Any) -> None:
    stage = open_case("plain")
    labels = street()[1]
    stage.opacity(100)
    for k in np.unique(labels):
        y, x = (int(v) for v in np.argwhere(labels == k)[3])
        expected = (255, 255, 255) if k == 255 else CAMVID.colors[k]
        assert stage.color(x, y) == (*expected, 255)
    for x, y in [(380, 280), (381, 280), (380, 281)]:  # single pixels of a checker
        assert stage.color(x, y) == (*CAMVID.colors[labels[y, x]], 255)
    stage.opacity(0)
    tree = stage.color(60, 150)
    stage.opacity(100)
    stage.root.get_by_role("button", name="Tree").click()
    assert stage.color(60, 150) == tree  # a hidden class shows the photo as it is


@pytest.mark.parametrize("case", ["plain", "big"])
def test_label_indices_are_exact(open_case: Any, case: str) -> None:
    labels = street()[1] if case == "plain" else street(1800, 2400)[1]
    height, width = labels.shape
    received = open_case(case).labels()
    rows, columns = sample(height, received.shape[0]), sample(width, received.shape[1])
    assert received.shape == ((300, 400) if case == "plain" else (1500, 2000))
    assert np.array_equal(received, labels[rows[:, None], columns])


@pytest.mark.parametrize("case", ["plain", "big"])
@pytest.mark.parametrize("ratio", [1, 2])
def test_click_is_exact_after_zoom_and_pan(open_case: Any, case: str, ratio: int) -> None:
    stage = open_case(case, device_scale_factor=ratio)
    page = stage.page
    k = 1 if case == "plain" else 6
    page.mouse.click(*stage.place(31 * k, 47 * k))
    found = told_when(page, "told.events.length === 1")["events"][0]["click"]
    near = 0 if case == "plain" else 4  # a whole big picture has several of its pixels under one of the screen's
    assert np.abs(np.subtract(found, (31 * k, 47 * k))).max() <= near
    aim = stage.place(240 * k, 100 * k)
    page.mouse.move(*aim)
    for _ in range(12):
        page.mouse.wheel(0, -200)  # the click has engaged the wheel
    stage.settle()
    shift = np.subtract(stage.place(240 * k, 100 * k), aim)  # stays under the pointer, which is in whole pixels
    assert np.abs(shift).max() <= 1 + stage.view()[0]
    stage.drag((240 * k + 2, 100 * k + 1), (240 * k - 2, 100 * k - 1))
    assert stage.view()[0] > 8
    page.wait_for_timeout(400)  # not a double click
    page.mouse.click(*stage.place(240 * k, 100 * k))
    events = told_when(page, "told.events.length === 2")["events"]
    assert events[1]["click"] == [240 * k, 100 * k]
    assert events[1]["serial"] > events[0]["serial"]


def test_click_comes_once(open_case: Any) -> None:
    stage = open_case("update")
    stage.page.mouse.click(*stage.place(31, 47))
    told_when(stage.page, "told.now.click")
    stage.page.get_by_role("button", name="Rerun").click()
    after = told_when(stage.page, "told.now.click === null")
    assert len(after["events"]) == 1


def test_the_wheel_scrolls_the_page_until_the_picture_is_clicked(open_case: Any) -> None:
    stage = open_case("plain")
    page = stage.page
    x, y = stage.place(200, 100)
    page.mouse.move(x, y)
    page.mouse.wheel(0, 200)
    expect(stage.root.locator(".hint")).to_be_visible()
    page.wait_for_timeout(300)
    assert stage.view()[0] == 1
    assert stage.place(200, 100)[1] < y - 100
    page.mouse.click(*stage.place(200, 100))
    page.mouse.wheel(0, -200)
    page.wait_for_timeout(100)
    assert stage.view()[0] > 1.2


def test_box(open_case: Any) -> None:
    stage = open_case("all")
    stage.press("Draw a box")
    stage.drag((90, 120), (41, 33))
    assert told_when(stage.page, "told.now.box")["now"]["box"] == [41, 33, 91, 121]


def test_brush_is_local_at_once_then_told_and_undone(open_case: Any) -> None:
    stage = open_case("all")
    page = stage.page
    labels = street()[1]
    stage.opacity(100)
    stage.press("Brush")
    stage.root.get_by_label("Class to paint").select_option(label="Bicyclist")
    stage.root.get_by_label("Brush size").fill("15")
    page.mouse.move(*stage.place(50, 40))
    page.mouse.down()
    page.mouse.move(*stage.place(160, 90), steps=10)
    assert stage.color(100, 63) == (*CAMVID.colors[10], 255)  # painted before anything is sent
    assert stage.sent.count == 0
    page.mouse.up()
    first = told_when(page, "told.now.strokes === 1")["now"]
    assert stage.sent.count == 1
    assert first["changed"] > 1000
    assert first["digest"] == digest(stage.labels())  # Python painted the very same pixels
    stage.press("Eraser: gives back the original")
    stage.drag((100, 20), (101, 100))
    second = told_when(page, "told.now.strokes === 2")["now"]
    assert second["digest"] == digest(stage.labels())
    assert 0 < second["changed"] < first["changed"]
    expect(stage.root.get_by_role("button", name="Bicyclist")).to_contain_text("%")
    stage.canvas.focus()
    page.keyboard.press("Control+z")
    assert told_when(page, "told.now.strokes === 1")["now"]["digest"] == first["digest"]
    stage.press("Remove all strokes")
    assert told_when(page, "told.now.strokes === 0")["now"]["changed"] == 0
    assert np.array_equal(stage.labels(), labels)
    assert stage.errors == []


def test_a_rectangle_is_drawn_with_the_mouse_and_with_the_keys(open_case: Any) -> None:
    stage = open_case("all")
    stage.press("Filled rectangle")
    stage.root.get_by_label("Class to paint").select_option(label="Bicyclist")
    stage.drag((160, 90), (50, 40))
    first = told_when(stage.page, "told.now.strokes === 1")["now"]
    wanted = street()[1].copy()
    wanted[40:91, 50:161] = 10
    assert np.array_equal(stage.labels(), wanted)
    assert first["digest"] == digest(wanted)
    stage.canvas.focus()
    stage.page.keyboard.press("Enter")
    corner = stage.get("v.pixel(v.cross)")
    for _ in range(3):
        stage.page.keyboard.press("Shift+ArrowRight")
    stage.page.keyboard.press("Shift+ArrowDown")
    stage.page.keyboard.press("Enter")
    second = told_when(stage.page, "told.now.strokes === 2")["now"]
    x, y = corner
    wanted[y : y + 2, x : x + 4] = 10
    assert np.array_equal(stage.labels(), wanted)
    assert second["digest"] == digest(wanted)


def test_brush_on_a_reduced_picture_hits_the_same_pixels(open_case: Any) -> None:
    stage = open_case("big")
    stage.press("Brush")
    stage.drag((300, 400), (1511, 1003), (700, 1500))
    told_when(stage.page, "told.now.strokes === 1")
    sent = strokes.parse(stage.get("v.state.strokes"), frozenset(range(11)))
    labels = street(1800, 2400)[1]
    full = apply_strokes(labels, sent)
    assert (full != labels).sum() > 50_000
    assert np.array_equal(stage.labels(), full[sample(1800, 1500)[:, None], sample(2400, 2000)])
    assert told(stage.page)["now"]["digest"] == digest(full)


def test_random_strokes_are_painted_alike_in_both_languages(open_case: Any) -> None:
    stage = open_case("all")
    rng = np.random.default_rng(3)
    made = [
        Stroke(int(rng.integers(-1, 11)), float(rng.integers(1, 60)) / 2,
               tuple((int(x), int(y)) for x, y in rng.integers(-20, 420, (rng.integers(1, 8), 2))))
        for _ in range(60)
    ]  # fmt: skip
    corners = rng.integers(-20, 420, (20, 2, 2)).tolist()
    made[::3] = [Stroke(int(rng.integers(-1, 11)), 0.0, tuple(map(tuple, ends))) for ends in corners]
    stage.canvas.evaluate("(c, all) => c.viewer.setStrokes(all)", strokes.pack(made))
    assert np.array_equal(stage.labels(), apply_strokes(street()[1], made))


def test_strokes_and_marks_can_be_given(open_case: Any) -> None:
    stage = open_case("given")
    expected = apply_strokes(street()[1], event_strokes())
    assert np.array_equal(stage.labels(), expected)
    assert told(stage.page)["now"]["digest"] == digest(expected)
    assert stage.get("v.state.tool") == "brush"
    assert stage.sent.count == 0


def test_readout_names_class_and_value(open_case: Any) -> None:
    stage = open_case("plain")
    readout = stage.root.locator(".readout")
    stage.page.mouse.move(*stage.place(280, 216))
    expect(readout).to_contain_text("Car · 5.4 %")
    expect(readout).to_contain_text("x 280, y 216")
    stage.page.mouse.move(*stage.place(5, 290))
    expect(readout).to_contain_text("unsure")
    expect(stage.root.locator(".hear")).to_contain_text("unsure")
    stage.page.mouse.move(2, 2)
    expect(readout).to_be_hidden()


def test_heat_values_and_colors(open_case: Any) -> None:
    stage = open_case("heat")
    readout = stage.root.locator(".readout")
    for x, y in [(280, 200), (20, 40), (399, 299)]:
        stage.page.mouse.move(*stage.place(x, y))
        expect(readout).to_contain_text(f"x {x}, y {y}")
        shown = float(readout.inner_text().split("Distance:")[1].split(" m")[0])
        assert abs(shown - min(0.8, np.hypot(y - 200, x - 280) / 400)) < 0.003
    stage.page.mouse.move(*stage.place(20, 5))
    expect(readout).to_contain_text("no value")
    stage.opacity(100)
    assert stage.color(280, 200) == (68, 1, 84, 255)  # viridis begins here
    expect(stage.root.locator(".legend")).to_contain_text("0.8 m")


def test_linked_viewers_move_together(open_case: Any) -> None:
    left = open_case("linked")
    right = Stage(left.page, 1)
    left.page.mouse.click(*left.place(300, 100))
    told_when(left.page, "told.now.click")
    left.sent.reset()
    left.page.mouse.wheel(0, -400)
    left.drag((300, 100), (280, 120))
    assert left.view()[0] > 1.5
    assert right.view() == left.view()
    right.press("Zoom out")
    assert right.view() == left.view()
    left.page.mouse.move(*left.place(290, 110))
    expect(right.root.locator(".readout")).to_contain_text("x 290, y 110")
    left.page.wait_for_timeout(300)
    assert left.sent.count == 0


def test_before_and_after_sides(open_case: Any) -> None:
    stage = open_case("compare")
    expect(stage.root.locator(".tag.left")).to_have_text("Network B")
    stage.opacity(100)
    stage.press("Outlines")
    stage.root.get_by_role("button", name="Distance").click()  # switch this layer off
    assert stage.color(150, 95) == (*CAMVID.colors[10], 255)  # the stroke that only B has
    stage.root.get_by_role("slider", name="divider").focus()
    stage.page.keyboard.press("Home")
    assert stage.color(150, 95) == (*CAMVID.colors[street()[1][95, 150]], 255)


def test_keyboard(open_case: Any) -> None:
    stage = open_case("all")
    page = stage.page
    stage.canvas.focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    zoom, cx, cy = stage.view()
    assert zoom > 1.5
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert stage.view()[1] > cx
    assert stage.view()[2] > cy
    page.keyboard.press("-")
    assert stage.view()[0] < zoom
    page.keyboard.press("0")
    assert stage.view() == [1, 0.5, 0.5]
    page.keyboard.press("o")
    page.keyboard.press(" ")
    assert stage.get("[v.state.outlines, v.state.divider]") == [True, True]
    for key in ["ArrowRight"] * 3 + ["Shift+ArrowUp"] * 4:
        page.keyboard.press(key)
    aimed = stage.get("v.pixel(v.cross)")
    assert aimed[0] > 240
    page.keyboard.press("Enter")
    assert told_when(page, "told.now.click")["now"]["click"] == aimed
    page.keyboard.press("b")
    size = stage.get("v.state.size")
    page.keyboard.press("]")
    assert stage.get("v.state.size") > size
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert stage.get("v.state.size") < size
    page.keyboard.press("Enter")
    told_when(page, "told.now.strokes === 1")
    page.keyboard.press("e")
    assert stage.get("v.state.tool") == "eraser"
    page.keyboard.press("Control+z")
    told_when(page, "told.now.strokes === 0")
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    box = told_when(page, "told.now.box")["now"]["box"]
    assert box == [*aimed, aimed[0] + 2, aimed[1] + 1]
    assert page.get_by_role("dialog").count() == 0  # none of Streamlit's own keys


def test_everything_is_reached_by_tab_and_has_a_name(open_case: Any) -> None:
    stage = open_case("all")
    expect(stage.canvas).to_have_attribute("aria-label", "A made-up street")
    for control in stage.root.locator("button:visible, input:visible, select:visible").all():
        name = control.evaluate("(n) => (n.getAttribute('aria-label') || n.textContent).trim()")
        assert name
        box = control.bounding_box()
        assert box["height"] >= 32
        assert box["width"] >= 32


def test_touch(open_case: Any) -> None:
    stage = open_case("all", width=390, has_touch=True, is_mobile=True, device_scale_factor=2)
    page = stage.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert stage.canvas.evaluate("(c) => getComputedStyle(c).touchAction") == "pan-y"  # the page can be scrolled
    page.touchscreen.tap(*stage.place(280, 216))
    assert told_when(page, "told.now.click")["now"]["click"] == [280, 216]
    expect(stage.root.locator(".readout")).to_contain_text("Car")
    devtools = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    (x, y), step = stage.place(200, 150), 20
    touch("touchStart", (x - 20, y), (x + 20, y))
    for k in range(1, 4):
        touch("touchMove", (x - 20 - k * step, y), (x + 20 + k * step, y))
    touch("touchEnd")
    assert 3 < stage.view()[0] < 5
    stage.press("Whole picture")
    stage.press("Brush")
    stage.settle()
    assert stage.canvas.evaluate("(c) => getComputedStyle(c).touchAction") == "none"
    a, b = stage.place(100, 50), stage.place(200, 60)
    touch("touchStart", a)
    touch("touchMove", ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2))
    touch("touchMove", b)
    touch("touchEnd")
    painted = told_when(page, "told.now.strokes === 1")["now"]
    assert painted["digest"] == digest(stage.labels())
    touch("touchStart", a)  # a second finger turns a stroke into a pinch: nothing is painted
    touch("touchMove", b)
    touch("touchStart", b, (b[0] + 30, b[1]))
    touch("touchEnd")
    page.wait_for_timeout(600)
    assert told(page)["now"]["strokes"] == 1
    assert painted["digest"] == digest(stage.labels())


def test_new_data_keeps_what_the_person_set(open_case: Any) -> None:
    stage = open_case("update")
    page = stage.page
    stage.opacity(90)
    stage.root.get_by_role("button", name="Tree").click()
    stage.press("Outlines")
    stage.press("Zoom in")
    stage.drag((200, 150), (190, 140))
    view = stage.view()
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("ArrowRight")
    told_when(page, "told.runs >= 2")
    page.wait_for_timeout(500)
    assert np.array_equal(stage.labels(), np.roll(street()[1], 10, axis=1))
    assert stage.view() == view
    assert stage.get("[v.state.opacity, v.state.outlines, [...v.state.hidden]]") == [0.9, True, ["Tree"]]


def test_strokes_stay_with_their_picture(open_case: Any) -> None:
    stage = open_case("update")
    page = stage.page
    stage.press("Brush")
    stage.drag((50, 40), (160, 90))
    told_when(page, "told.now.strokes === 1")
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("ArrowRight")
    told_when(page, "told.runs >= 3")
    assert told(page)["now"]["strokes"] == 1
    page.get_by_text("Other photo").click()
    told_when(page, "told.now.strokes === 0")
    page.wait_for_timeout(500)
    assert stage.get("v.state.strokes.length") == 0
    assert np.array_equal(stage.labels(), np.roll(street()[1], 10, axis=1))


def test_a_replaced_photo_is_forgotten(open_case: Any) -> None:
    stage = open_case("update")
    page = stage.page
    first = page.evaluate("[...window.__seglabViewers.photos.keys()]")
    assert len(first) == 1
    for _ in range(3):  # there, back, and there again
        before = stage.get("v.data.photo")
        page.get_by_text("Other photo").click()
        page.wait_for_function("(id) => ![...window.__seglabViewers.photos.keys()].includes(id)", arg=before)
        assert len(page.evaluate("[...window.__seglabViewers.photos.keys()]")) == 1


def test_a_photo_that_was_sent_serves_another_viewer(open_case: Any) -> None:
    first = open_case("sent")
    page, sent = first.page, first.sent
    size = page.evaluate("async () => (await [...window.__seglabViewers.photos.values()][0].file).size")
    assert size > 200_000
    first.opacity(0)
    shown = first.pixels()
    page.get_by_text("Other viewer").click()
    told_when(page, "told.runs === 2")
    page.wait_for_function("() => window.__seglabViewers.states.has('second')")
    second = Stage(page)
    second.opacity(0)
    assert second.pixels() == shown
    assert 0 < sent.received < size / 2


def test_user_text_is_never_html(open_case: Any) -> None:
    stage = open_case("text")
    expect(stage.root.locator(".legend .name").first).to_contain_text("<img src=x")
    stage.page.mouse.move(*stage.place(200, 20))
    expect(stage.root.locator(".readout")).to_contain_text("<img src=x")
    assert stage.root.locator("img").count() == 0
    assert stage.page.title() != "hacked"


def test_hd_is_smooth(open_case: Any) -> None:
    stage = open_case("hd")
    clock = "(() => {{ const t = performance.now(); {} return performance.now() - t; }})()"
    read = "v.el.base.getContext('2d').getImageData(0, 0, 1, 1);"  # waits until it is drawn
    zoom = "for (let i = 0; i < 10; i++) { v.state.view.zoomAt(1.1, 300, 200); v.draw(); }"
    frame = stage.get(clock.format(zoom + read)) / 10
    hide = stage.get(clock.format("v.toggleClass('Tree'); v.draw();" + read))
    print(f"1080p, no GPU: {frame:.1f} ms a frame, {hide:.1f} ms to hide a class")
    assert frame < 150
    assert hide < 250


CLEAR, DIM = (0, 0, 0, 0), (0, 0, 0, 170)


def middle(n: int) -> tuple[int, int]:
    """Where square n of `crowd` has its middle."""
    return n % 20 * 20 + 7, n // 20 * 20 + 7


def test_ids_beyond_255_are_exact_shown_and_named(open_case: Any) -> None:
    stage = open_case("ids")
    readout = stage.root.locator(".readout")
    ids = np.array(stage.get("Array.from(v.layers[0].values)")).reshape(300, 400)
    assert np.array_equal(ids, crowd())
    assert ids.max() == 65535
    stage.opacity(100)
    for n in (0, 1, 36, 37, 150, 298, 299):
        assert stage.color(*middle(n)) == (*color(n), 255)
        stage.page.mouse.move(*stage.place(*middle(n)))
        expect(readout).to_contain_text(f"{('car', 'person', 'dog')[n % 3]} {n} · 0.9 · 0.")
    stage.page.mouse.move(*stage.place(*middle(103)))
    expect(readout).to_contain_text("person 103 · 0.9 · 0.2 % · both")
    stage.page.mouse.move(*stage.place(58, 58))
    expect(readout).to_contain_text("no object")
    stage.opacity(0)
    photo = stage.color(58, 58)
    stage.opacity(100)
    assert stage.color(58, 58) == photo  # 0 is clear
    assert stage.errors == []


def test_large_ids_are_reduced_without_mixing(open_case: Any) -> None:
    stage = open_case("huge")
    ids = crowd(4000, 6000)[sample(4000, 1333)[:, None], sample(6000, 2000)]
    text, height, width = stage.get("""(() => {
        const { values, h, w } = v.layers[0], bytes = new Uint8Array(values.buffer);
        let text = "";
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
        return [btoa(text), h, w];
    })()""")
    assert np.array_equal(np.frombuffer(base64.b64decode(text), np.uint16).reshape(height, width), ids)


def test_outlines_separate_touching_segments(open_case: Any) -> None:
    stage = open_case("ids")
    stage.opacity(100)
    assert stage.color(18, 8) == stage.color(19, 8) == (*color(0), 255)
    assert stage.color(20, 8) == stage.color(21, 8) == (*color(1), 255)
    stage.press("Outlines")
    assert min(stage.color(19, 8)[:3]) > 220
    assert max(stage.color(20, 8)[:3]) < 80
    assert stage.color(17, 8) == (*color(0), 255)
    assert stage.color(23, 8) == (*color(1), 255)


def test_hiding_a_class_hides_its_segments(open_case: Any) -> None:
    stage = open_case("ids")
    cars = stage.root.get_by_role("button", name="Car")
    expect(cars).to_have_text("Car× 100 · 21.4 %")
    stage.opacity(0)
    photo = stage.color(*middle(36))
    stage.opacity(100)
    cars.click()
    assert stage.color(*middle(36)) == photo
    assert stage.color(*middle(37)) == (*color(37), 255)
    stage.page.mouse.move(*stage.place(*middle(36)))
    expect(stage.root.locator(".readout")).to_contain_text("(hidden)")
    stage.press("Show all")
    assert stage.color(*middle(36)) == (*color(36), 255)


def test_hatching_is_seen_until_it_is_switched_off(open_case: Any) -> None:
    stage = open_case("ids")
    stage.opacity(100)

    def seen(shift: int = 0) -> set[tuple[int, ...]]:
        """Return the colours of a square that is hatched, or of its neighbour."""
        stage.settle()
        script = """(c, [x, y]) => {
            const { view } = c.viewer.state, at = view.toCanvas(x, y).map(Math.round), n = Math.round(14 * view.scale);
            return Array.from(c.getContext("2d").getImageData(...at, n, n).data);
        }"""
        data = stage.canvas.evaluate(script, [61 + shift, 101])
        return {tuple(data[i : i + 3]) for i in range(0, len(data), 4)}

    hatched = seen()
    assert min(max(rgb) for rgb in hatched) < 60  # dark lines beside light ones, over the colour
    assert max(min(rgb) for rgb in hatched) > 220
    assert color(103) in hatched
    assert seen(20) == {color(104)}
    stage.root.get_by_role("button", name="both").click()
    assert seen() == {color(103)}


def test_before_and_after_with_ids(open_case: Any) -> None:
    stage = open_case("ids")
    stage.opacity(100)
    stage.press("Before / after")
    # left of the middle all is 5 px further right
    assert stage.color(3, 26) != (*color(20), 255)
    assert stage.color(18, 26) == (*color(20), 255)
    assert stage.color(381, 26) == (*color(39), 255)
    stage.page.mouse.move(*stage.place(18, 26))
    expect(stage.root.locator(".readout")).to_contain_text("dog 20")


def test_ids_that_stay_are_not_sent_again(new_page: Any, url: str) -> None:
    frames: list[bytes] = []
    page = new_page()
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    page.goto(f"{url}/?case=crowd")
    stage = Stage(page)
    file = encode.ids(crowd(960, 1280, 10, 6), None)["file"]
    assert len(file) > 10_000  # what is smaller, Streamlit sends again rather than ask whether it is there
    assert any(file in frame for frame in frames)
    stage.get("window.kept = v.layers[0].values").clear()
    frames.clear()
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("ArrowRight")
    told_when(page, "told.runs >= 2")
    page.mouse.move(*stage.place(120, 150))
    expect(stage.root.locator(".readout")).to_contain_text("nothing 1")
    assert stage.get("window.kept === v.layers[0].values")
    assert frames
    assert not any(file[20:60] in frame for frame in frames)


def rows(page: Page) -> Any:
    return page.locator(".segments tbody tr")


def panes(stage: Any) -> list[Stage]:
    return [Stage(stage.page, n) for n in range(3)]


CAR_1, CAR_2, SKY = (260, 215), (320, 215), (150, 80)


def test_a_row_lights_its_segments_in_all_linked_viewers(open_case: Any) -> None:
    stage = open_case("tasks")
    classes, objects, whole = panes(stage)
    rows(stage.page).nth(0).hover()
    for pane in (objects, whole):
        expect(pane.root.locator("canvas.light[data-lit]")).to_be_attached()
        assert pane.lit(*CAR_1) == CLEAR
        assert pane.lit(*SKY) == pane.lit(*CAR_2) == DIM
        x, y = pane.get("v.state.view.toCanvas(290, 215).map(Math.round)")
        line = pane.get(f"Array.from(v.el.light.getContext('2d').getImageData({x - 8}, {y}, 20, 1).data)")
        assert [255, 255, 255, 255] in [line[i : i + 4] for i in range(0, 80, 4)]
        assert [0, 0, 0, 255] in [line[i : i + 4] for i in range(0, 80, 4)]
    assert classes.lit(*CAR_1) == classes.lit(*CAR_2) == CLEAR  # one class: a semantic map can't tell them apart
    assert classes.lit(*SKY) == DIM
    rows(stage.page).nth(2).hover()
    assert whole.lit(*SKY) == classes.lit(*SKY) == CLEAR
    assert whole.lit(*CAR_1) == DIM
    assert objects.lit(*CAR_1) == CLEAR  # nothing of it is here: nothing is dimmed
    stage.page.mouse.move(2, 2)
    for pane in (classes, objects, whole):
        expect(pane.root.locator("canvas.light[data-lit]")).not_to_be_attached()
        assert pane.lit(*SKY) == CLEAR
    stage.page.wait_for_timeout(300)
    assert stage.sent.count == 0
    assert stage.errors == []


def test_a_click_on_a_row_looks_there_and_is_told(open_case: Any) -> None:
    stage = open_case("tasks")
    page = stage.page
    first = rows(page).nth(1)
    first.locator("td").first.click()
    assert told_when(page, "told.now.row !== null")["now"]["row"] == 1
    page.wait_for_timeout(500)
    views = [pane.view() for pane in panes(stage)]
    assert views[0] == views[1] == views[2]
    assert views[0] == pytest.approx([1.25, 0.6, 0.6])  # the box with as much again around it, within the picture
    page.mouse.move(2, 2)
    assert stage.lit(*SKY) == DIM  # kept
    expect(first.get_by_role("button")).to_have_attribute("aria-pressed", "true")
    rows(page).nth(2).hover()
    assert stage.lit(*SKY) == CLEAR
    page.mouse.move(2, 2)
    assert stage.lit(*SKY) == DIM  # again
    first.locator("td").first.click()
    assert stage.lit(*SKY) == CLEAR
    expect(first.get_by_role("button")).to_have_attribute("aria-pressed", "false")
    page.wait_for_timeout(500)
    assert len(told(page)["events"]) == 1
    first.locator("td").first.click()
    assert len(told_when(page, "told.events.length === 2")["events"]) == 2  # the same row once more
    page.keyboard.press("Escape")
    page.mouse.move(2, 2)
    assert stage.lit(*SKY) == CLEAR
    assert stage.errors == []


def test_looking_does_not_move_for_who_wants_no_motion(open_case: Any) -> None:
    stage = open_case("tasks", reduced_motion="reduce")
    views = stage.get("""(() => {
        const seen = [];
        v.lookAt([200, 180, 360, 250]);
        seen.push(v.state.view.zoom);
        return seen;
    })()""")
    assert views[0] > 1.2
    assert stage.get("v.flight") is None


def test_the_table_by_keyboard(open_case: Any) -> None:
    stage = open_case("tasks")
    page = stage.page
    rows(page).nth(0).get_by_role("button").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(2).get_by_role("button")).to_be_focused()
    assert stage.lit(*SKY) == CLEAR
    assert stage.lit(*CAR_1) == DIM
    page.keyboard.press("Enter")
    assert told_when(page, "told.now.row !== null")["now"]["row"] == 2
    expect(rows(page).nth(2).get_by_role("button")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(rows(page).nth(2).get_by_role("button")).to_be_focused()  # one stop for all rows
    assert stage.lit(*CAR_1) == DIM
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert stage.lit(*CAR_1) == CLEAR
    assert page.get_by_role("dialog").count() == 0


def test_a_segment_lights_its_row_and_the_other_panes(open_case: Any) -> None:
    stage = open_case("tasks")
    classes, objects, whole = panes(stage)
    page = stage.page
    page.mouse.move(*objects.place(*CAR_1))
    lit = page.locator(".segments tr.lit")
    expect(lit).to_have_count(1)
    expect(lit).to_contain_text("car 1")
    assert whole.lit(*CAR_1) == classes.lit(*CAR_1) == CLEAR
    assert whole.lit(*CAR_2) == classes.lit(*SKY) == DIM
    assert objects.lit(*SKY) == CLEAR  # where the pointer is, a line is enough
    assert objects.get("v.el.light.hasAttribute('data-lit')")
    page.mouse.move(*classes.place(*SKY))
    expect(lit).to_contain_text("sky")
    assert whole.lit(*SKY) == CLEAR
    assert whole.lit(*CAR_1) == DIM
    page.mouse.move(*objects.place(*SKY))  # no object there
    expect(lit).to_have_count(0)
    assert whole.lit(*CAR_1) == CLEAR
    page.mouse.move(*whole.place(*CAR_2))
    expect(lit).to_contain_text("car 2")
    page.mouse.move(2, 2)
    expect(lit).to_have_count(0)


def test_only_a_click_scrolls_the_table_to_the_row(open_case: Any) -> None:
    stage = open_case("many")
    page = stage.page
    objects = panes(stage)[1]
    page.get_by_role("button", name="Pixels").click()  # ascending: the cars are far down
    table = page.locator(".segments")
    row = page.locator(".segments tr", has_text="car 1")
    page.mouse.move(*objects.place(*CAR_1))
    expect(page.locator(".segments tr.lit")).to_have_count(1)
    assert table.evaluate("(t) => t.scrollTop") == 0
    before = page.evaluate("scrollY")
    page.mouse.click(*objects.place(*CAR_1))
    assert table.evaluate("(t) => t.scrollTop") > 1000
    box, window = row.bounding_box(), table.bounding_box()
    assert window["y"] + 20 < box["y"]
    assert box["y"] + box["height"] <= window["y"] + window["height"] + 1
    assert page.evaluate("scrollY") == before


def test_table_sorts_numbers_as_numbers(open_case: Any) -> None:
    stage = open_case("tasks")
    page = stage.page

    def column(n: int) -> list[str]:
        return rows(page).locator(f":nth-child({n + 1})").all_inner_texts()

    given = [int(text.replace(",", "")) for text in column(2)]
    heading = page.get_by_role("button", name="Pixels")
    for expected, said in [(sorted(given), "ascending"), (sorted(given)[::-1], "descending"), (given, "none")]:
        heading.click()
        assert [int(text.replace(",", "")) for text in column(2)] == expected
        assert page.get_by_role("columnheader", name="Pixels").get_attribute("aria-sort") == said
    page.get_by_role("button", name="Segment").click()
    names = rows(page).locator("th").all_inner_texts()
    assert names == sorted(names)
    rows(page).nth(0).locator("td").first.click()  # building: the fourth that was given
    assert told_when(page, "told.now.row !== null")["now"]["row"] == 3


def test_300_rows_on_a_phone_are_text_and_fit(open_case: Any) -> None:
    stage = open_case("many", width=390)
    page = stage.page
    assert rows(page).count() == 300
    expect(rows(page).nth(10)).to_contain_text("<img src=x")
    assert page.locator(".segments img").count() == 0
    assert page.title() != "hacked"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    table = page.locator(".segments")
    assert table.bounding_box()["height"] <= 24 * 16 + 1
    table.evaluate("(t) => { t.scrollTop = 5000; }")
    head = page.get_by_role("columnheader", name="Pixels").bounding_box()
    assert head["y"] == pytest.approx(table.bounding_box()["y"], abs=2)  # the headings stay
    expect(page.get_by_role("table", name="Segments")).to_be_attached()


def test_no_object_at_all(open_case: Any) -> None:
    stage = open_case("empty")
    expect(stage.page.locator(".segments")).to_have_text("No object was found.")
    stage.page.mouse.move(*stage.place(100, 100))
    expect(stage.root.locator(".readout")).to_contain_text("nothing")
    assert stage.errors == []


def test_light_is_quick_in_a_crowd(open_case: Any) -> None:
    stage = open_case("crowd")
    times = stage.get("""(() => {
        const read = () => v.el.light.getContext("2d").getImageData(0, 0, 1, 1); // waits until it is drawn
        const times = [];
        for (const [id] of [...v.layers[0].spec.entries, ...v.layers[0].spec.entries]) {
            const began = performance.now();
            v.setLight({ Objects: [id] }, false);
            v.drawLight();
            read();
            times.push(performance.now() - began);
        }
        return times.sort((a, b) => a - b);
    })()""")
    assert len(times) == 120
    print(f"60 segments at 1280×960, no GPU: {times[60]:.1f} ms to light one, {times[-1]:.1f} ms at most")
    assert times[60] < 30
    recolored = stage.get("v.layers[0].color = () => { throw new Error('recoloured'); }, true")
    assert recolored
    for n in range(10):  # the pointer's way through them recolours nothing
        stage.page.mouse.move(*stage.place(n * 128 + 40, 360))
    expect(Stage(stage.page, 1).root.locator("canvas.light[data-lit]")).to_be_attached()
    assert stage.errors == []
