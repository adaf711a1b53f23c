"""The page "Upsampling" in a real Chromium: the lecture's numbers with their sums, an edit, the keyboard, the link."""

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
from ui import upsampling_presets
from ui.texts import upsampling as text

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "lecture_examples.json").read_text())
PRESETS = {preset.key: preset for preset in upsampling_presets.PRESETS}
WAIT = 60_000
SUMMED = GOLDEN["transposed_conv"]
BILINEAR = GOLDEN["bilinear_align_corners_true"]["by_hand"]


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Upsampling"


class Lab:
    """The grids on the page: panels by their title."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator(".grid[aria-label]").first
        self.sum = self.root.locator(".sum")
        self.root.locator(".cell").first.wait_for(timeout=WAIT)
        self.settle()

    def settle(self) -> None:
        self.page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=WAIT)
        self.page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=WAIT)

    def board(self, title: str) -> Any:
        return self.root.locator(".board").filter(has=self.page.locator(f".title:text-is('{title}')"))

    def cell(self, title: str, k: int) -> Any:
        return self.board(title).locator(".cell").nth(k)

    def shows(self, title: str, rows: list[list[float]]) -> None:
        expect(self.board(title).locator(".size")).to_have_text(f"{len(rows)}×{len(rows[0])}", timeout=WAIT)
        expect(self.board(title).locator(".value")).to_have_text(
            [written(v) for row in rows for v in row], timeout=WAIT
        )
        expect(self.board(title).locator(".note")).to_have_text(text.BADGE if title == text.OUTPUT else "")

    def hover(self, title: str, k: int, said: str) -> None:
        self.cell(title, k).hover()
        expect(self.sum).to_contain_text(said)


def written(value: float) -> str:
    """As a cell shows it: four significant digits."""
    return short(float(f"{value:.4g}"))[0]


@pytest.fixture
def opened(new_page: Any, url: str) -> Any:
    def open_it(width: int = 1280, **params: str) -> Lab:
        page = new_page(width, 900)
        page.goto(f"{url}?{urlencode(params)}")
        return Lab(page)

    return open_it


# Of each preset its output, and cells of panels with what must be said of them.
WORKED: tuple[tuple[str, list[list[float]], list[tuple[str, int, str]]], ...] = (
    (
        "up-middle", SUMMED["stride1_padding0"],
        [(text.OUTPUT, 4, "Output (1, 1) = 5·2 + 1·4 + 1·0 + 3·1 = 17"),
         (text.OUTPUT, 5, "Output (1, 2) = 5·4 + 1·1 = 21"),
         (text.INPUT, 1, "Input (0, 1) = 4 goes to 4 cells of Output: (0, 1) ×3, (0, 2) ×1, (1, 1) ×1, (1, 2) ×5.")],
    ),
    ("up-crop", SUMMED["stride1_padding1"], [(text.OUTPUT, 0, "Output (0, 0) = 5·2 + 1·4 + 1·0 + 3·1 = 17")]),
    ("up-stride", SUMMED["stride2_padding0"], [(text.OUTPUT, 7, "Output (1, 3) = 5·4 = 20")]),
    ("up-stride-crop", SUMMED["stride2_padding1"], [(text.OUTPUT, 0, "Output (0, 0) = 5·2 = 10"),
                                                    (text.OUTPUT, 3, "Output (1, 1) = 3·1 = 3")]),
    ("up-nearest", GOLDEN["nearest_x2"]["output"], [(text.OUTPUT, 15, "Output (3, 3) = 1·40 = 40")]),
    ("up-nails", GOLDEN["bed_of_nails_x2"]["output"], [(text.OUTPUT, 1, "Output (0, 1): nothing reaches it: 0")]),
    (
        "up-hand", [[10, BILINEAR["top"], 50 / 3, 20], [30, BILINEAR["bottom"], 110 / 3, 40]],
        [(text.OUTPUT, 1, "2/3·10 + 1/3·20"), (text.OUTPUT, 5, "2/3·30 + 1/3·40")],
    ),
    (
        "up-points", [[10, 40 / 3, 50 / 3, 20], [50 / 3, 20, 70 / 3, 80 / 3], [70 / 3, 80 / 3, 30, 100 / 3],
                      [30, 100 / 3, 110 / 3, 40]],
        [(text.OUTPUT, 5, "4/9·10 + 2/9·20 + 2/9·30 + 1/9·40 = 20. It samples Input at (1/3, 1/3).")],
    ),
    (
        "up-areas", GOLDEN["bilinear_align_corners_false"]["output"],
        [(text.OUTPUT, 1, "0.75·10 + 0.25·20 = 12.5. It samples Input at (−0.25, 0.25).")],
    ),
    (
        "up-unpool", GOLDEN["max_unpool_2x2"]["unpool_output"],
        [(text.POOLED, 3, "Maxima (1, 1) = 1·8 = 8"), (text.OUTPUT, 5, "Output (1, 1) = 1·1 = 1")],
    ),
)  # fmt: skip


def test_every_worked_number_of_the_lecture_with_its_sum(opened: Any) -> None:
    lab = opened(told="1", method="bicubic")
    assert np.rint(WORKED[7][1]).tolist() == GOLDEN["bilinear_align_corners_true"]["output_rounded"]
    for key, output, said in WORKED:
        lab.page.get_by_role("button", name=PRESETS[key].name, exact=True).click()
        lab.shows(text.OUTPUT, output)
        lab.settle()
        for title, cell, words in said:
            lab.hover(title, cell, words)
        lab.page.mouse.move(2, 2)
    lab.shows(text.POOLED, GOLDEN["max_unpool_2x2"]["pool_output"])


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
    sent = Messages(lab.page)
    lab.root.get_by_role("button", name="First step", exact=True).press("Enter")
    caption = lab.root.locator(".caption")
    expect(caption).to_contain_text("Input (0, 0) = 2 stamps 2 × kernel")
    forward = lab.root.get_by_role("button", name="Step forward", exact=True)
    for _ in range(4):
        forward.press("Enter")
    expect(caption).to_have_text("Padding 1 crops 1 on each side of the canvas: 1×1 remain.")
    assert sent.count == 0


def test_what_cannot_be_keeps_the_last_good_grids(opened: Any) -> None:
    lab = opened(told="1", stride="2")
    lab.shows(text.OUTPUT, SUMMED["stride2_padding0"])
    lab.page.get_by_role("slider", name=text.PADDING).focus()
    for _ in range(2):
        lab.page.keyboard.press("ArrowRight")
        lab.settle()
    expect(lab.page.get_by_test_id("stAlert")).to_contain_text("at least 1 cell", timeout=WAIT)
    lab.shows(text.OUTPUT, SUMMED["stride2_padding1"])


@pytest.mark.parametrize("params", [{}, {"method": "unpool"}, {"chan": "2", "pad": "1"}], ids=str)
def test_nothing_sticks_out_on_a_phone(opened: Any, params: dict[str, str]) -> None:
    lab = opened(390, told="1", **params)
    for name in (text.TAB_TASKS, text.TAB_MATRIX, text.TAB_CODE, text.TAB_DOWNLOAD):
        lab.page.get_by_role("tab", name=name, exact=True).click()
        lab.page.wait_for_timeout(300)
        lab.settle()
        assert lab.page.get_by_test_id("stException").count() == 0
        assert lab.page.evaluate("document.documentElement.scrollWidth") == 390, name
