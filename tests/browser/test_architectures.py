"""The page "Architectures" in a real Chromium: stages by click and key, the link, the phone."""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from ui import arch_controls, arch_net, arch_table
from ui.arch_layouts import KEYS
from ui.arch_net import Spec
from ui.texts import architectures as text


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Architectures"


def settled(page: Page) -> None:
    """Wait until no run is under way and nothing on the page is of the run before."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=60_000)


def pressed(page: Page) -> str | None:
    """Return the id of the stage that is marked."""
    return page.locator(".stage[aria-pressed=true]").first.get_attribute("data-stage")


def choose(page: Page, key: str, last: str) -> float:
    """Choose a network; return the seconds until its own diagram is there, of which `last` is a stage."""
    menu = page.get_by_role("combobox", name=text.ARCH)
    option = page.get_by_role("option", name=arch_controls.title(key), exact=True)
    for patience in (1_000, 1_000, 30_000):
        menu.scroll_into_view_if_needed()
        began = time.perf_counter()
        menu.click()
        menu.fill(arch_controls.title(key))  # the list draws its first eleven only
        try:
            option.click(timeout=patience)
            break
        except TimeoutError:  # a page that still scrolls from the last stage's click shuts its menus
            continue
    named = text.DIAGRAM.format(title=arch_controls.full_title(Spec(key, "small")))
    expect(page.locator("svg > title")).to_have_text(named, timeout=60_000)
    page.locator(f".stage[data-stage='{last}']").wait_for(timeout=60_000)
    return time.perf_counter() - began


def test_stages_by_click_and_key(new_page: Any, url: str) -> None:
    page: Page = new_page()
    page.goto(f"{url}?guessed=1&stage=down.4")
    stage = page.locator(".stage[data-stage='join.1']")
    stage.wait_for(timeout=60_000)
    settled(page)
    assert pressed(page) == "down.4"
    stage.click()
    page.wait_for_url("**stage=join.1**")
    settled(page)
    assert pressed(page) == "join.1"
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("32×32×32")
    # From there one stage on with an arrow, and Enter chooses it.
    stage.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".stage:focus")).to_have_attribute("data-stage", "up.2")
    page.keyboard.press("Enter")
    page.wait_for_url("**stage=up.2**")
    settled(page)
    assert pressed(page) == "up.2"
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("16×64×64")
    # Every stage of two networks, by click: its numbers are the table's.
    cold = choose(page, "segnet", "unpool#4")
    settled(page)
    for key in ("segnet", "unet"):
        if key == "unet":
            choose(page, "unet", "join.3")
            settled(page)
        for name, _, size, *_ in arch_table.rows(arch_net.draw(Spec(key, "small"), (1, 3, 128, 128)))[:-1]:
            page.locator(f".stage[data-stage='{name}']").click()
            page.wait_for_function("(name) => location.search.includes(name)", arg=f"stage={quote(name)}")
            expect(page.get_by_test_id("stMetricValue").first).to_have_text(size)
            assert pressed(page) == name
    # Another network that has been there: its diagram within a second and a half of the choice.
    settled(page)
    again = choose(page, "segnet", "unpool#4")
    print(f"SegNet's diagram after {cold:.2f} s, and {again:.2f} s when it had been there")
    assert again < 1.5
    assert page.locator("[data-testid=stException]").count() == 0


@pytest.mark.slow
def test_every_network_within_a_second_and_a_half_and_every_stage_answers(new_page: Any, url: str) -> None:
    """The first view of each in a server that has shown one network; then each of its stages by click."""
    page: Page = new_page()
    page.goto(f"{url}?guessed=1")
    page.locator(".stage").first.wait_for(timeout=60_000)
    settled(page)
    slow: dict[str, float] = {}
    for key in sorted((key for key in KEYS if "small" in arch_net.builds(key)), key="unet".__eq__):  # it is there
        spec = Spec(key, "small")
        rows = arch_table.rows(arch_net.draw(spec, arch_net.shape_for(spec, (128, 128))))[:-1]
        took = choose(page, key, rows[-1][0])
        print(f"{key}: {took:.2f} s")
        settled(page)
        if took > 1.5:
            slow[key] = took
        for name, _, size, *_ in rows:
            page.locator(f".stage[data-stage='{name}']").click(force=True)  # it may stand beneath a line's label
            page.wait_for_function("(name) => location.search.includes(name)", arg=f"stage={quote(name)}")
            expect(page.get_by_test_id("stMetricValue").first).to_have_text(size)
            assert pressed(page) == name
        settled(page)
        assert page.locator("[data-testid=stException]").count() == 0
    assert not slow


def test_the_phone_scrolls_in_the_diagram_not_in_the_page(new_page: Any, url: str) -> None:
    page: Page = new_page(width=390, height=844)
    page.goto(f"{url}?guessed=1&arch=hrnet-v2")
    page.locator(".stage").first.wait_for(timeout=60_000)
    settled(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    inner, outer = page.locator(".diagram").first.evaluate("(node) => [node.scrollWidth, node.clientWidth]")
    assert inner > outer
