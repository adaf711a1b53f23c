"""The page "Grad-CAM" in a real Chromium: a click changes the map, the link restores it, two models, a stop."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from seglab import runtime
from seglab.datasets import crops
from seglab.explain import Box, Painted, Pixel, explain
from seglab.palettes import SCENES
from tests.browser.test_viewer import Stage
from ui import compare_source, gradcam_object, gradcam_run, gradcam_state, state
from ui.texts import gradcam as text
from ui.texts import gradcam_labs as labs
from ui.texts import gradcam_more as more
from ui.texts import live

CAR = SCENES.index("car")
LINK = "?reveal=1&cls=car&layer=stage8"


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Grad_CAM"


def settled(page: Page) -> None:
    """Wait until no run is under way and nothing on the page is of the run before."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=60_000)


def opened(page: Page, address: str) -> tuple[Stage, Stage]:
    """Open a link; return the picture with the region, and the map."""
    page.goto(address)
    stages = Stage(page, 0), Stage(page, 1)
    settled(page)
    return stages


def picture() -> Any:
    values = state.defaults(gradcam_state.FIELDS)
    return compare_source.scene(values).photo.image


def largest(page: Page, target: Any) -> str:
    """Wait until the page shows a target's numbers, as the library has them; return their line."""
    raw = explain(picture(), runtime.model("scenes"), target, layer="stage8")
    line = text.NUMBERS.format(most=raw.raw.max(), least=raw.raw.min(), score=raw.score).replace("**", "")
    expect(page.get_by_text(line).first).to_be_visible(timeout=60_000)
    settled(page)
    return line


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    page.wait_for_timeout(400)
    settled(page)


def test_it_asks_and_answers_and_two_models_are_voted_on_before_they_are_named(new_page: Any, url: str) -> None:
    page = new_page(1280, 1400)
    page.goto(f"{url}?other=street")
    page.get_by_role("button", name=text.ANSWERS["most"]).click(timeout=60_000)
    expect(page.get_by_text("of the heat lies on the car").first).to_be_visible(timeout=60_000)
    settled(page)
    assert "reveal=1" in page.url

    tab(page, text.TAB_TWO)
    page.get_by_role("button", name=more.FIVE[0], exact=True).wait_for(timeout=60_000)
    settled(page)
    assert page.get_by_text(more.CLASS_IOU).count() == 0
    page.get_by_role("button", name=more.FIVE[0], exact=True).click()
    expect(page.get_by_text(more.CLASS_IOU)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Votes on this question so far: 1")).to_be_visible()
    assert "other=street" in page.url
    assert "gtab=two" in page.url

    # The link brings another visitor the same two maps, and asks anew.
    other = new_page(1280, 1400)
    other.goto(page.url)
    other.get_by_role("button", name=more.FIVE[0], exact=True).wait_for(timeout=60_000)
    settled(other)
    assert other.get_by_text(more.CLASS_IOU).count() == 0
    assert other.url == page.url
    for one in (page, other):
        one.mouse.move(5, 5)
    for pane in (2, 3):
        assert Stage(other, pane).pixels() == Stage(page, pane).pixels()
    other.close()

    # A click chooses what the classifier sees, and which object is explained.
    tab(page, text.TAB_OTHER)
    for kind, key in (("classifier", "cspot"), ("object", "ospot")):
        page.get_by_text(labs.KINDS[kind], exact=True).click()
        notice = {"classifier": labs.C_NOTICE, "object": labs.O_NOTICE}[kind]
        page.get_by_text(notice[:25]).wait_for(timeout=60_000)
        settled(page)
        where, answer = Stage(page, 2), Stage(page, 3)
        before = answer.pixels()
        place = smallest(kind)
        where.canvas.scroll_into_view_if_needed()
        page.mouse.click(*where.place(*place))
        expect(page).to_have_url(re.compile(key), timeout=60_000)
        settled(page)
        answer.settle()
        assert answer.pixels() != before, kind


def smallest(kind: str) -> tuple[int, int]:
    """Return a pixel of the smallest thing that a classifier is shown, or a detector finds."""
    values = state.defaults(gradcam_state.FIELDS)
    source = compare_source.scene(values)
    if kind == "object":
        offered = gradcam_object.objects(source, runtime.model("scenes-instances")).offered
        mask = min((offered.mask(n) for n in range(len(offered))), key=lambda m: int(m.sum()))
    else:
        sample = source.sample
        assert sample is not None
        ids = sample.ids
        mask = min((ids == t.id for t in crops.things(sample)), key=lambda m: int(m.sum()))  # type: ignore[attr-defined]
    ys, xs = np.nonzero(mask)
    return int(xs[len(xs) // 2]), int(ys[len(ys) // 2])


def test_click_box_and_brush_each_change_the_map_and_the_link_brings_them_back(new_page: Any, url: str) -> None:
    page = new_page(1280, 1000)
    left, right = opened(page, url + LINK)
    looks = [right.pixels()]
    left.canvas.click(position={"x": 0.7 * left.canvas.bounding_box()["width"], "y": 20})
    expect(page).to_have_url(re.compile("where=pixel"), timeout=60_000)
    x, y = map(int, re.search(r"spot=(\d+)(?:%2C|,)(\d+)", page.url).groups())  # type: ignore[union-attr]
    largest(page, Pixel(CAR, x, y))
    looks.append(right.pixels())

    left.press("Draw a box")
    left.drag((100, 150), (300, 300))
    expect(page).to_have_url(re.compile("where=box"), timeout=60_000)
    box = list(map(int, re.search(r"frame=([\d%2C,]+)", page.url)[1].replace("%2C", ",").split(",")))  # type: ignore[index]
    assert np.abs(np.array(box) - (100, 150, 301, 301)).max() <= 2
    largest(page, Box(CAR, *box))
    looks.append(right.pixels())

    left.press("Brush")
    left.drag((150, 200), (250, 260))
    expect(page).to_have_url(re.compile("where=painted"), timeout=60_000)
    settled(page)
    ink = re.search(r"inkg=([^&]+)", page.url)[1]  # type: ignore[index]
    mask = gradcam_run.painted(ink, (384, 384)) == 1
    assert mask[230, 200]
    line = largest(page, Painted(CAR, mask))
    np.testing.assert_array_equal(left.labels(), mask)
    looks.append(right.pixels())
    assert len(set(looks)) == 4

    page.mouse.move(5, 5)
    other = new_page(1280, 1000)
    again = opened(other, page.url)
    expect(other.get_by_text(line).first).to_be_visible(timeout=60_000)
    np.testing.assert_array_equal(again[0].labels(), mask)
    other.mouse.move(5, 5)
    assert again[1].pixels() == right.pixels()
    assert other.url == page.url

    page.get_by_text(text.REGIONS["predicted"], exact=True).click()
    expect(page).not_to_have_url(re.compile("where="), timeout=60_000)
    settled(page)
    assert Stage(page, 0).get("v.state.strokes").__len__() == 0


def test_long_work_is_stopped_and_the_bias_lab_trains(new_page: Any, url: str) -> None:
    page = new_page(1280, 1000)
    opened(page, f"{url}{LINK}&cam=integrated-gradients&short=256&mirror=1&seed=21&bsteps=60")
    compute = page.get_by_role("button", name=text.COMPUTE, exact=True)
    compute.click()
    stop = page.get_by_test_id("stMain").get_by_role("button", name=text.STOP, exact=True)  # Streamlit has one too
    stop.click(timeout=60_000)
    expect(compute).to_be_visible(timeout=60_000)
    settled(page)
    assert page.get_by_test_id("stMetric").count() == 0

    tab(page, text.TAB_BIAS)
    page.get_by_role("button", name=live.START, exact=True).click()
    expect(page.get_by_text(live.DONE.format(done=60)).first).to_be_visible(timeout=90_000)
    expect(page.get_by_text("Heat on the thing: the share")).to_be_visible(timeout=60_000)


def test_nothing_sticks_out_on_a_phone(new_page: Any, url: str) -> None:
    page = new_page(390, 844)
    opened(page, url + LINK)
    for name in (text.TAB_SUM, text.TAB_TRUST, text.TAB_TWO, text.TAB_FAIL, text.TAB_OTHER, text.TAB_BIAS,
                 text.TAB_CODE):  # fmt: skip
        tab(page, name)
        assert page.get_by_test_id("stException").count() == 0, name
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
