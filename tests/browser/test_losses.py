"""The page "Losses & metrics" in a real Chromium: what is painted, what the numbers say, and what the link carries."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from seglab.metrics import confusion, distances, scores
from tests.browser.test_viewer import Stage
from ui import losses_masks, losses_presets, losses_state, state
from ui.losses_masks import Pair
from ui.texts import losses as text

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "lecture_examples.json"
PANES = 5  # truth, prediction, right and wrong, two gradient maps
DISC = "?answered=1&truth=disc&guess=truth"


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Losses_and_metrics"


def opened(page: Page, address: str) -> list[Stage]:
    page.goto(address)
    stages = [Stage(page, n) for n in range(PANES)]
    settled(page)
    return stages


def settled(page: Page) -> None:
    """Wait until no run is under way and nothing on the page is of the run before."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=60_000)


def numbers(page: Page) -> dict[str, str]:
    """Return the headline's numbers by name."""
    return {
        one.get_by_test_id("stMetricLabel").inner_text(): one.get_by_test_id("stMetricValue").inner_text()
        for one in page.get_by_test_id("stMetric").all()
    }


def linked(address: str) -> dict[str, Any]:
    """Return the choices that a link stands for."""
    values, messages = state.read(losses_state.FIELDS, dict(parse_qsl(urlsplit(address).query)))
    assert messages == []
    return values


def painted(page: Page, truth: int, guess: int) -> Pair:
    """Wait until the link has so many strokes on the truth and on the prediction; return the masks it stands for."""
    counts: list[int] = []
    for _ in range(300):
        values = linked(page.url)
        counts = [len(losses_state.unpack(values[ink])) for ink in losses_state.INK]
        if counts == [truth, guess]:
            settled(page)
            return losses_masks.pair(linked(page.url), {})
        page.wait_for_timeout(100)
    raise AssertionError(f"the link has {counts} strokes on truth and prediction; {[truth, guess]} were painted")


def expected(pair: Pair) -> dict[str, str]:
    """Return what the headline has to say of two masks, by the library."""
    cm = pair.matrix
    values = {
        text.ACCURACY: confusion.pixel_accuracy(cm), text.PRECISION: scores.precision(cm)[1],
        text.RECALL: scores.recall(cm)[1], text.IOU: confusion.iou(cm)[1], text.DICE: scores.dice(cm)[1],
        text.MEAN_IOU: confusion.mean_iou(cm), text.MEAN_DICE: scores.mean(scores.dice(cm)),
    }  # fmt: skip
    away = distances.hausdorff(pair.truth == 1, pair.predicted & (pair.truth != 255))
    return {name: f"{100 * value:.1f} %" for name, value in values.items()} | {text.HAUSDORFF: f"{away:.0f} px"}


def agree(page: Page, stages: list[Stage], pair: Pair) -> None:
    """The link's masks are those in the pictures, and the numbers are theirs."""
    np.testing.assert_array_equal(stages[0].labels(), pair.truth)
    np.testing.assert_array_equal(stages[1].labels(), losses_masks.shown(pair.probs))
    np.testing.assert_array_equal(stages[2].labels(), pair.outcomes())
    assert numbers(page) == expected(pair)


def test_the_ships_preset_gives_the_lectures_numbers(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    opened(page, url + DISC)
    ships = json.loads(GOLDEN.read_text())["ships"]
    preset = next(one for one in losses_presets.PRESETS if one.key == "losses-ships")
    page.get_by_role("button", name=preset.name).click()
    value = page.get_by_test_id("stMetric").filter(has_text=text.ACCURACY).get_by_test_id("stMetricValue")
    expect(value).to_have_text("95.0 %", timeout=60_000)
    settled(page)
    found = numbers(page)
    assert found[text.ACCURACY] == f"{100 * ships['pixel_accuracy']:.1f} %" == "95.0 %"
    assert found[text.MEAN_IOU] == f"{100 * ships['mean_iou']:.1f} %" == "47.5 %"
    assert found[text.MEAN_DICE] == f"{100 * ships['mean_dice']:.1f} %" == "48.7 %"
    assert found[text.IOU] == f"{100 * ships['iou']['ship']:.1f} %"
    assert Stage(page).labels().sum() == ships["ship_pixels"]


def test_strokes_change_numbers_pictures_and_link_together(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    stages = opened(page, url + DISC)
    agree(page, stages, painted(page, 0, 0))
    before, maps = numbers(page), [stage.get("v.layers[0].spec.id") for stage in stages[3:]]
    stages[1].drag((4, 4), (30, 8), (30, 14))
    pair = painted(page, 0, 1)
    agree(page, stages, pair)
    middle = numbers(page)
    assert float(middle[text.PRECISION].split()[0]) < float(before[text.PRECISION].split()[0]) == 100
    stages[0].drag((50, 10), (60, 30))
    after = painted(page, 1, 1)
    assert (after.truth != pair.truth).sum() > 20
    agree(page, stages, after)
    assert numbers(page) != middle
    for stage, name in zip(stages[3:], maps, strict=True):
        assert stage.get("v.layers[0].spec.id") != name
    stages[1].root.get_by_role("button", name="Undo").first.click()
    agree(page, stages, painted(page, 1, 0))


@pytest.mark.parametrize("panes", [(1,), (0, 1)], ids=["one mask", "both in turn"])
def test_no_stroke_is_lost_when_they_are_drawn_fast(new_page: Any, url: str, panes: tuple[int, ...]) -> None:
    page = new_page(1280, 900)
    stages = opened(page, url + DISC)
    began = time.perf_counter()
    for n in range(10):
        stages[panes[n % len(panes)]].drag((4 + 5 * n, 3), (6 + 5 * n, 18))
        if n in (2, 5):
            page.wait_for_timeout(280)  # a message leaves, and the page runs while the next strokes are drawn
    assert time.perf_counter() - began < 20
    counts = [5, 5] if len(panes) == 2 else [0, 10]
    pair = painted(page, *counts)
    page.wait_for_timeout(1000)  # nothing comes late and takes one away
    assert losses_masks.pair(linked(page.url), {}).key == pair.key
    assert [len(stage.get("v.state.strokes")) for stage in stages[:2]] == counts
    agree(page, stages, pair)
    for n in range(10):
        mask = pair.truth == 1 if panes[n % len(panes)] == 0 else pair.probs == 1
        assert mask[4, 4 + 5 * n]


def test_paint_is_wiped_off_each_time(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    for n in range(3):  # the second time the browser knows "no strokes" as its own words
        stages = opened(page, url + DISC) if n == 0 else [Stage(page, k) for k in range(PANES)]
        stages[1].canvas.evaluate("c => c.scrollIntoView({ block: 'center' })")  # the button below made the page move
        page.wait_for_timeout(500)  # and it moves on for a moment
        stages[1].drag((4, 4), (30, 8 + n))
        agree(page, stages, painted(page, 0, 1))
        if n == 0:
            page.get_by_text("More: size").first.click()
            page.wait_for_timeout(500)  # it opens slowly: until then the button moves
        page.get_by_role("button", name=text.CLEAR).click()
        pair = painted(page, 0, 0)
        settled(page)
        agree(page, [Stage(page, k) for k in range(PANES)], pair)


def test_a_filled_rectangle(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    stages = opened(page, url + "?answered=1&truth=empty&guess=truth")
    stages[0].press("Filled rectangle")
    stages[0].drag((40, 30), (21, 11))
    pair = painted(page, 1, 0)
    wanted = np.zeros((64, 64), np.uint8)
    wanted[11:31, 21:41] = 1
    np.testing.assert_array_equal(pair.truth, wanted)
    agree(page, stages, pair)
    assert numbers(page)[text.IOU] == "100.0 %"  # the prediction is the truth


def test_the_copied_link_shows_the_same(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    stages = opened(page, url + DISC + "&right=4&soften=2&beside=tversky&with=tversky.beta 1.5")
    stages[1].drag((4, 4), (30, 8))
    painted(page, 0, 1)
    stages[0].press("Filled rectangle")
    stages[0].drag((50, 50), (60, 62))
    painted(page, 1, 1)
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    other = new_page(1280, 900)
    again = opened(other, page.url)
    other.mouse.move(5, 5)
    other.wait_for_timeout(300)
    assert numbers(other) == numbers(page)
    assert [stage.pixels() for stage in again] == [stage.pixels() for stage in stages]
    assert other.url == page.url
    maps = page.get_by_text(re.compile("∂loss/∂logit, .* = ")).all_inner_texts()
    assert len(maps) == 2
    assert other.get_by_text(re.compile("∂loss/∂logit, .* = ")).all_inner_texts() == maps


def test_nothing_sticks_out_on_a_phone(new_page: Any, url: str) -> None:
    page = new_page(390, 844)
    opened(page, url + DISC)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    names = page.get_by_role("tab").all_inner_texts()
    assert {text.TAB_TRY, text.TAB_CHARTS, text.TAB_CODE} < set(names)
    for name in reversed(names):  # the first is open
        page.get_by_role("tab", name=name, exact=True).click()
        page.wait_for_timeout(300)  # until the run that the click asks for has begun
        settled(page)
        assert page.get_by_test_id("stException").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
