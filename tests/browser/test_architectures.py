"""The page "Architectures" in a real Chromium: stages by click and key, the link, the phone."""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

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
    assert page.evaluate("() => document.activeElement.shadowRoot?.activeElement?.dataset.stage") in ("up.2", None)
    page.keyboard.press("Enter")
    page.wait_for_url("**stage=up.2**")
    settled(page)
    assert pressed(page) == "up.2"
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("16×64×64")
    # Another network: its diagram with its own stages, within a second and a half of the choice.
    began = time.perf_counter()
    page.get_by_role("combobox", name=text.ARCH).click()
    page.get_by_role("option", name="SegNet", exact=True).click()
    page.locator(".stage[data-stage='unpool#4']").wait_for(timeout=60_000)
    print(f"SegNet's diagram after {time.perf_counter() - began:.2f} s")
    settled(page)
    for name in ("pool#2", "unpool#4", "classify"):
        page.locator(f".stage[data-stage='{name}']").click()
        page.wait_for_function("(name) => location.search.includes(name)", arg=f"stage={quote(name)}")
        settled(page)
        assert pressed(page) == name
    assert page.locator("[data-testid=stException]").count() == 0


def test_the_phone_scrolls_in_the_diagram_not_in_the_page(new_page: Any, url: str) -> None:
    page: Page = new_page(width=390, height=844)
    page.goto(f"{url}?guessed=1&arch=hrnet-v2")
    page.locator(".stage").first.wait_for(timeout=60_000)
    settled(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    inner, outer = page.locator(".diagram").first.evaluate("(node) => [node.scrollWidth, node.clientWidth]")
    assert inner > outer
