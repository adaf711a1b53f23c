"""The page "Upsampling" in a real Chromium: every number of the lecture with its sum, edits, the keyboard, the link."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from seglab.upsampling.trace import short
from tests.browser.conftest import Messages
from tests.browser.test_viewer import Stage
from ui import gallery, upsampling_presets
from ui.texts import live
from ui.texts import upsampling as text
from ui.texts import upsampling_photos as photos
from ui.texts import upsampling_views as views

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lecture_examples.json").read_text())
PRESETS = {preset.key: preset for preset in upsampling_presets.PRESETS}
WAIT = 60_000
SUMMED, POOL = GOLDEN["transposed_conv"], GOLDEN["max_unpool_2x2"]
POINTS, AREAS = GOLDEN["bilinear_align_corners_true"], GOLDEN["bilinear_align_corners_false"]
BY_HAND = POINTS["by_hand"]


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Upsampling"


class Lab:
    """The first grids on the page: panels by their title."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".grid[aria-label]").first
        self.sum = self.root.locator(".sum")
        self.root.locator(".cell").first.wait_for(timeout=WAIT)
        self.settle()

    def settle(self) -> None:
        settled(self.page)

    def board(self, title: str) -> Any:
        return self.root.locator(".board").filter(has=self.page.locator(f".title:text-is('{title}')"))

    def cell(self, title: str, k: int) -> Any:
        return self.board(title).locator(".cell").nth(k)

    def shows(self, title: str, rows: list[list[float]]) -> None:
        expect(self.board(title).locator(".size")).to_have_text(f"{len(rows)}×{len(rows[0])}", timeout=WAIT)
        expect(self.board(title).locator(".value")).to_have_text(
            [written(v) for row in rows for v in row], timeout=WAIT
        )
        made = (text.OUTPUT, text.POOLED)
        expect(self.board(title).locator(".note")).to_have_text(text.BADGE if title in made else "")

    def hover(self, title: str, k: int, said: str) -> None:
        self.cell(title, k).hover()
        expect(self.sum).to_contain_text(said)

    def told(self, title: str) -> list[str]:
        """Return what is said of each cell of a panel while the pointer is on it."""
        found: list[str] = self.board(title).evaluate(
            """(board) => { const all = [...board.querySelectorAll(".cell")].map((cell) => {
                cell.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, pointerType: "mouse" }));
                return board.closest(".grid").querySelector(".sum").textContent;
            });
            board.closest(".boards").dispatchEvent(new PointerEvent("pointerleave"));
            return all; }"""
        )
        return found


def settled(page: Page) -> None:
    """Wait until no run is under way and nothing on the page is of the run before."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=WAIT)
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=WAIT)


def written(value: float) -> str:
    """As a cell shows it: four significant digits."""
    return short(float(f"{value:.4g}"))[0]


@pytest.fixture
def opened(new_page: Any, url: str) -> Any:
    """Return opened(width, **choices) → Lab; `lab.sent` counts messages, `lab.errors` is what JavaScript threw."""

    def open_it(width: int = 1280, **params: str) -> Lab:
        page = new_page(width, 900)
        sent, errors = Messages(page), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}?{urlencode(params)}")
        lab = Lab(page)
        lab.sent, lab.errors = sent, errors
        return lab

    return open_it


# Of each preset the panels with their numbers, and what must be said of some cells.
WORKED: tuple[tuple[str, dict[str, list[list[float]]], list[tuple[str, int, str]]], ...] = (
    (
        "up-middle",
        {text.INPUT: SUMMED["input"], text.KERNEL: SUMMED["kernel"], text.OUTPUT: SUMMED["stride1_padding0"]},
        [(text.OUTPUT, 4, "Output (1, 1) = 5·2 + 1·4 + 1·0 + 3·1 = 17"),
         (text.OUTPUT, 5, "Output (1, 2) = 5·4 + 1·1 = 21"),
         (text.INPUT, 1, "Input (0, 1) = 4 goes to 4 cells of Output: (0, 1) ×3, (0, 2) ×1, (1, 1) ×1, (1, 2) ×5.")],
    ),
    ("up-crop", {text.OUTPUT: SUMMED["stride1_padding1"]},
     [(text.OUTPUT, 0, "Output (0, 0) = 5·2 + 1·4 + 1·0 + 3·1 = 17")]),
    ("up-stride", {text.OUTPUT: SUMMED["stride2_padding0"]}, [(text.OUTPUT, 7, "Output (1, 3) = 5·4 = 20")]),
    ("up-stride-crop", {text.OUTPUT: SUMMED["stride2_padding1"]},
     [(text.OUTPUT, 0, "Output (0, 0) = 5·2 = 10"), (text.OUTPUT, 3, "Output (1, 1) = 3·1 = 3")]),
    ("up-nearest", {text.INPUT: GOLDEN["nearest_x2"]["input"], text.OUTPUT: GOLDEN["nearest_x2"]["output"]},
     [(text.OUTPUT, 15, "Output (3, 3) = 1·40 = 40")]),
    ("up-nails", {text.INPUT: GOLDEN["bed_of_nails_x2"]["input"], text.OUTPUT: GOLDEN["bed_of_nails_x2"]["output"]},
     [(text.OUTPUT, 1, "Output (0, 1): nothing reaches it: 0")]),
    (
        "up-hand", {text.OUTPUT: [[10, BY_HAND["top"], 50 / 3, 20], [30, BY_HAND["bottom"], 110 / 3, 40]]},
        [(text.OUTPUT, 1, "2/3·10 + 1/3·20 + 0·30 + 0·40 ≈ 13.3333"), (text.OUTPUT, 5, "2/3·30 + 1/3·40 ≈ 33.3333")],
    ),
    (
        "up-points", {text.INPUT: POINTS["input"], text.OUTPUT: [
            [10, 40 / 3, 50 / 3, 20], [50 / 3, BY_HAND["middle"], 70 / 3, 80 / 3], [70 / 3, 80 / 3, 30, 100 / 3],
            [30, 100 / 3, 110 / 3, 40]]},
        [(text.OUTPUT, 5, "4/9·10 + 2/9·20 + 2/9·30 + 1/9·40 = 20. It samples Input at (1/3, 1/3).")],
    ),
    (
        "up-areas", {text.INPUT: AREAS["input"], text.OUTPUT: AREAS["output"]},
        [(text.OUTPUT, 1, "0.75·10 + 0.25·20 = 12.5. It samples Input at (−0.25, 0.25).")],
    ),
    (
        "up-unpool", {text.INPUT: POOL["pool_input"], text.POOLED: POOL["pool_output"], text.BACK: POOL["unpool_input"],
                      text.OUTPUT: POOL["unpool_output"]},
        [(text.POOLED, 3, "Maxima (1, 1) = 1·8 = 8"), (text.OUTPUT, 5, "Output (1, 1) = 1·1 = 1")],
    ),
)  # fmt: skip


def test_every_worked_number_of_the_lecture_with_its_sum(opened: Any) -> None:
    lab = opened(told="1", method="bicubic")
    for key, panels, said in WORKED:
        lab.page.get_by_role("button", name=PRESETS[key].name, exact=True).click()
        for title in panels:
            lab.shows(title, panels[title])
        lab.settle()
        for title, cell, words in said:
            lab.hover(title, cell, words)
        for title, rows in panels.items():
            numbers = np.array(rows, float)
            for (row, column), told in zip(np.ndindex(*numbers.shape), lab.told(title), strict=True):
                number = re.escape(short(float(f"{numbers[row, column]:.6g}"))[0])
                assert told.startswith(f"{title} ({row}, {column})"), told
                assert re.search(rf"[=≈:] {number}(?![.]?\d)", told), told
        lab.page.mouse.move(2, 2)
    assert lab.errors == []


def test_no_number_of_the_lecture_is_left_out() -> None:
    shown = [rows for _, panels, _ in WORKED for rows in panels.values()]
    rounded = {"output_rounded": np.rint(dict((key, panels) for key, panels, _ in WORKED)["up-points"][text.OUTPUT])}
    for example, parts in GOLDEN.items():
        for name, value in parts.items() if example != "ships" else ():  # those are the page Losses & metrics'
            if name == "size":
                assert value == [4, 4] == list(rounded["output_rounded"].shape)
            elif name in rounded:
                assert value == rounded[name].tolist()
            elif name != "by_hand":  # three numbers, which are in WORKED by name
                assert value in shown, f"{example}: {name}"


def test_it_asks_and_then_tells(new_page: Any, url: str) -> None:
    page = new_page(1280, 800)
    page.goto(url)
    lab = Lab(page)
    box = lab.root.locator(".boards").bounding_box()
    assert box["y"] + box["height"] <= 800
    assert lab.cell(text.OUTPUT, 4).locator(".value").inner_text() == ""
    page.get_by_label(text.ASK_NUMBER).fill("12")
    page.get_by_role("button", name=text.REVEAL).click()
    expect(page.get_by_text("You said 12; it is 17.")).to_be_visible(timeout=WAIT)
    lab = Lab(page)
    lab.shows(text.OUTPUT, SUMMED["stride1_padding0"])
    expect(page).to_have_url(re.compile("told=1"))


def test_an_edit_gives_another_output_and_goes_into_the_link(opened: Any) -> None:
    lab = opened(told="1")
    lab.cell(text.INPUT, 3).click()
    lab.root.locator(".field").fill("2")
    lab.page.keyboard.press("Enter")
    lab.shows(text.OUTPUT, [[6, 14, 4], [2, 20, 22], [0, 2, 10]])
    expect(lab.page).to_have_url(re.compile(r"x=2(\+|%20)4(/|%2F)0(\+|%20)2"))
    lab.settle()
    address = lab.page.url
    lab.page.goto("about:blank")
    lab.page.goto(address)
    Lab(lab.page).shows(text.OUTPUT, [[6, 14, 4], [2, 20, 22], [0, 2, 10]])


def test_the_keyboard_moves_edits_and_plays(opened: Any) -> None:
    lab = opened(told="1", pad="1")
    lab.cell(text.OUTPUT, 0).focus()
    expect(lab.sum).to_contain_text("= 17")
    lab.cell(text.INPUT, 0).focus()
    lab.page.keyboard.press("ArrowRight")
    expect(lab.cell(text.INPUT, 1)).to_be_focused()
    lab.page.keyboard.press("Enter")
    lab.root.locator(".field").fill("5")
    lab.page.keyboard.press("Enter")
    lab.shows(text.OUTPUT, [[18]])
    lab.settle()
    lab.page.wait_for_timeout(300)
    assert lab.sent.count > 0
    lab.sent.reset()
    lab.root.get_by_role("button", name="First step", exact=True).press("Enter")
    caption = lab.root.locator(".caption")
    expect(caption).to_contain_text("Input (0, 0) = 2 stamps 2 × kernel")
    forward = lab.root.get_by_role("button", name="Step forward", exact=True)
    for _ in range(4):
        forward.press("Enter")
    expect(caption).to_have_text("Padding 1 crops 1 on each side of the canvas: 1×1 remain.")
    lab.told(text.OUTPUT)
    lab.page.wait_for_timeout(300)
    assert lab.sent.count == 0


def test_the_keyboard_works_in_the_other_labs_and_there_are_words_for_all(new_page: Any, url: str) -> None:
    page = new_page(1280, 1000)
    keys = page.keyboard

    def opened(**params: str) -> Lab:
        page.goto(f"{url}?{urlencode(params)}")
        return Lab(page)

    def arrow(name: str, address: str) -> None:
        page.get_by_role("slider", name=name).focus()
        keys.press("ArrowRight")
        expect(page).to_have_url(re.compile(address), timeout=WAIT)
        settled(page)

    lab = opened(lab="checker", gsteps="1000", gups="t3")
    arrow(photos.C_KERNEL, "ck=4")
    expect(page.get_by_text("because 4 is divisible by 2")).to_be_visible()
    lab.cell(photos.C_OUTPUT, 0).focus()
    keys.press("ArrowRight")
    expect(lab.sum).to_contain_text(f"{photos.C_OUTPUT} (0, 1) = 1·1 = 1")
    page.get_by_role("button", name=live.START, exact=True).press("Enter")
    expect(page.get_by_text(re.compile("Step [0-9]+, pattern in grey levels: Transposed 3/2"))).to_be_visible(
        timeout=WAIT
    )
    page.get_by_role("button", name=live.STOP, exact=True).press("Enter")
    expect(page.get_by_text(re.compile("grey levels, at step [0-9]+; now")).first).to_be_visible(timeout=WAIT)

    lab = opened(lab="atrous")
    arrow(views.A_RATE, "rr=3")
    lab.cell(views.A_OUTPUT, 0).focus()
    expect(lab.sum).to_contain_text(f"{views.A_OUTPUT} (0, 0) = 1·")
    keys.press(",")
    expect(lab.root.locator(".caption")).to_contain_text("taps 3 cells apart, 2 holes between them")

    lab = opened(lab="roi")
    arrow(views.R_BINS, "bins=4")
    lab.cell(views.R_PANELS[2], 0).focus()
    expect(lab.sum).to_contain_text("RoIAlign (0, 0) = ")
    keys.press(",")
    expect(lab.root.locator(".caption")).to_contain_text("RoIAlign: bin (3, 3) is the mean of 4 samples")
    edge = page.get_by_label(views.R_EDGES[0], exact=True)
    edge.focus()
    edge.press("ArrowUp")
    edge.press("Enter")
    expect(page).to_have_url(re.compile("bx0=70"), timeout=WAIT)

    page.goto(f"{url}?lab=rebuild")
    page.get_by_role("slider", name=photos.R_FACTOR).wait_for(timeout=WAIT)
    settled(page)
    arrow(photos.R_FACTOR, "times=8")
    alts = page.locator("canvas.base").evaluate_all("(all) => all.map((c) => c.getAttribute('aria-label'))")
    assert len(alts) == 6
    assert not {"", None, "Picture"} & set(alts)


def test_it_plays_at_ten_frames_a_second_without_a_message(opened: Any) -> None:
    grid = "/".join(" ".join(str((7 * i + 3 * j) % 19 - 9) for j in range(16)) for i in range(16))
    lab = opened(told="1", x=grid, w="1 2 1/2 4 2/1 2 1", stride="2")
    lab.root.get_by_label("Steps a second").select_option("30 / s")
    lab.page.wait_for_timeout(300)
    lab.sent.reset()
    frames, took = lab.root.evaluate(
        """(root) => new Promise((done) => {
            const player = root.grid.player, began = performance.now();
            const seen = new Set();
            const look = () => {
                seen.add(root.querySelector(".caption").textContent);
                if (player.playing && performance.now() - began < 2000) requestAnimationFrame(look);
                else done([seen.size, performance.now() - began]);
            };
            player.toggle();
            look();
        })"""
    )
    assert frames / took * 1000 >= 10
    assert lab.sent.count == 0


def test_what_cannot_be_keeps_the_last_good_grids(opened: Any) -> None:
    lab = opened(told="1", stride="2")
    lab.shows(text.OUTPUT, SUMMED["stride2_padding0"])
    lab.page.get_by_role("slider", name=text.PADDING).focus()
    lab.page.keyboard.press("ArrowRight")
    lab.shows(text.OUTPUT, SUMMED["stride2_padding1"])
    lab.settle()
    lab.page.keyboard.press("ArrowRight")
    expect(lab.page.get_by_test_id("stAlert")).to_contain_text("at least 1 cell", timeout=WAIT)
    lab.shows(text.OUTPUT, SUMMED["stride2_padding1"])


def test_the_shuffles_checkerboard_is_gone_with_icnr(opened: Any) -> None:
    lab = opened(told="1", method="subpixel")
    lab.page.get_by_role("combobox", name=text.START).click()
    lab.page.get_by_role("option", name=text.STARTS["random"]).click()
    lab.board(text.FILTER.format(i=3)).wait_for(timeout=WAIT)
    lab.settle()
    values = np.array(lab.board(text.OUTPUT).locator(".value").all_inner_texts()).reshape(6, 6)
    assert (values == np.tile(values[:2, :2], (3, 3))).all()  # the input is flat, and yet this repeats over and over
    assert len(set(values.ravel())) > 1
    expect(lab.board(text.OUTPUT).locator(".note")).to_have_text(text.BADGE)
    lab.page.get_by_role("combobox", name=text.START).click()
    lab.page.get_by_role("option", name=text.STARTS["icnr"]).click()
    lab.board(text.FILTER_ALL.format(n=4)).wait_for(timeout=WAIT)
    lab.settle()
    lab.shows(text.OUTPUT, [[40] * 6] * 6)
    lab.hover(text.OUTPUT, 7, "Output (1, 1) = 1·40 = 40")


def test_a_grid_of_the_atrous_lab_is_in_the_link(opened: Any) -> None:
    lab = opened(lab="atrous")
    lab.cell(views.A_INPUT, 0).click()
    lab.root.locator(".field").fill("-7")
    lab.page.keyboard.press("Enter")
    expect(lab.page).to_have_url(re.compile(r"ax=-7"), timeout=WAIT)
    lab.settle()
    address = lab.page.url
    lab.page.goto("about:blank")
    lab.page.goto(address)
    lab = Lab(lab.page)
    expect(lab.cell(views.A_INPUT, 0).locator(".value")).to_have_text("−7")
    lab.page.get_by_role("button", name=views.A_BACK).click()
    expect(lab.page).not_to_have_url(re.compile("ax="), timeout=WAIT)


def test_a_lab_in_a_lab_draws_nothing_but_what_it_changes(opened: Any) -> None:
    lab = opened(lab="atrous", rk="2", rr="1")
    frames: dict[str, list[int]] = {}
    for name, keys in ((views.A_RATE, 2), (views.A_KERNEL, 3), (views.A_RATE, 2)):
        slider = lab.page.get_by_role("slider", name=name)
        for _ in range(keys):
            lab.sent.reset()
            address = lab.page.url
            slider.focus()
            lab.page.keyboard.press("ArrowRight")
            expect(lab.page).not_to_have_url(address, timeout=WAIT)  # the run that this asks for is under way
            lab.settle()
            frames.setdefault(name, []).append(lab.sent.frames)
    rate, kernel = frames[views.A_RATE], frames[views.A_KERNEL]
    assert max(kernel) < 1.2 * min(kernel), "each is answered by the lab alone, not every other by the page"
    assert max(rate) < 0.5 * min(kernel), "and the rate by its own part of it"


def test_another_picture_is_stitched_as_well_and_what_is_folded_opens(opened: Any) -> None:
    """Shift-and-stitch is a fragment of its own: it doesn't see by itself that the picture above it has changed."""
    lab = opened(lab="atrous")
    page = lab.page
    values = page.locator(".grid[aria-label]").nth(1).locator(".board").first.locator(".value")
    before = values.all_inner_texts()
    page.get_by_role("button", name=re.compile("Picture:")).click()
    item = page.get_by_role("button", name=gallery.GALLERY["rocket"].title)
    item.wait_for(timeout=WAIT)
    lab.settle()  # the menu is being filled: what is pressed meanwhile may be drawn anew under the mouse
    item.click()
    expect(values).not_to_have_text(before, timeout=WAIT)
    lab.settle()
    page.get_by_text(views.S_LAYERS).click()
    expect(page.locator(".js-plotly-plot")).to_be_visible(timeout=WAIT)
    page.goto(page.url.split("?")[0] + "?lab=roi")
    lab = Lab(page)
    assert page.get_by_role("table").count() == 0
    page.get_by_text(views.R_ONE_BIN).click()
    expect(page.get_by_role("table")).to_be_visible(timeout=WAIT)


def test_a_dragged_box_keeps_the_zoom(new_page: Any, url: str) -> None:
    page = new_page(1280, 1200)
    page.goto(f"{url}?lab=roi")
    stage = Stage(page)
    settled(page)
    stage.get("v.zoom(2)")
    zoom = stage.view()
    stage.drag((200, 100), (300, 200))
    expect(page.get_by_label(views.R_EDGES[0], exact=True)).to_have_value("200", timeout=WAIT)
    settled(page)
    edges = [page.get_by_label(name, exact=True).input_value() for name in views.R_EDGES]
    assert edges == ["200", "100", "301", "201"]
    assert Stage(page).view() == pytest.approx(zoom)
    lab = Lab(page)
    for title in views.R_PANELS[1:]:
        expect(lab.board(title).locator(".note")).to_have_text(views.EQUAL)
    page.get_by_label(views.R_EDGES[0], exact=True).fill("180")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("bx0=180"), timeout=WAIT)
    settled(page)
    stage = Stage(page)
    assert stage.view() == pytest.approx(zoom)
    assert stage.get("v.box") is None  # the frame of the drag would be of another box


def test_the_expander_draws_its_controls_when_it_is_opened_and_keeps_what_they_say(opened: Any) -> None:
    lab = opened(told="1", stride="2")
    slider = lab.page.get_by_role("slider", name=text.OUTPUT_PADDING)
    expect(lab.board(text.OUTPUT).locator(".size")).to_have_text("4×4", timeout=WAIT)
    assert slider.count() == 0
    lab.page.get_by_text(text.MORE).click()
    slider.focus(timeout=WAIT)
    lab.page.keyboard.press("ArrowRight")
    expect(lab.board(text.OUTPUT).locator(".size")).to_have_text("5×5", timeout=WAIT)
    lab.settle()
    expect(slider).to_be_visible()
    lab.page.get_by_text(text.MORE).click()
    expect(slider).not_to_be_visible()
    lab.settle()
    expect(lab.board(text.OUTPUT).locator(".size")).to_have_text("5×5")
    assert "outpad=1" in lab.page.url


PHONE = (
    {"told": "1"}, {"told": "1", "method": "unpool"}, {"told": "1", "chan": "2", "pad": "1"},
    {"told": "1", "method": "subpixel", "start": "random", "x": "4 4 4/4 4 4/4 4 4", "w": "1 2|3 4|5 6|7 8"},
    {"lab": "checker"}, {"lab": "checker", "cgo": "1"}, {"lab": "rebuild"}, {"lab": "atrous"}, {"lab": "roi"},
)  # fmt: skip


@pytest.mark.parametrize("params", PHONE, ids=str)
def test_nothing_sticks_out_on_a_phone(url: str, new_page: Any, params: dict[str, str]) -> None:
    page = new_page(390, 900)
    page.goto(f"{url}?{urlencode(params)}")
    settled(page)
    page.get_by_role("tab", name=text.TAB_DOWNLOAD, exact=True).wait_for(timeout=WAIT)
    settled(page)
    grid_lab = params.get("lab", "grid") == "grid"
    for name in (text.TAB_TASKS, text.TAB_MATRIX, text.TAB_CODE, text.TAB_DOWNLOAD)[0 if grid_lab else -1 :]:
        page.get_by_role("tab", name=name, exact=True).click()
        page.wait_for_timeout(300)
        settled(page)
        assert page.get_by_test_id("stException").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
