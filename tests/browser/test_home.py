"""The home page in Chromium: what a visitor sees first, and that its cards lead somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from ui.lessons import lessons
from ui.presets import PRESETS

NewPage = Callable[..., Any]


def everything(page: Any) -> None:
    """Wait until all cards have their pictures, and the last heading is there."""
    page.get_by_role("heading", name="What runs on this machine").wait_for()
    pictures = sum(1 + len(lesson.experiments) for lesson in lessons())
    page.locator("img.seglab-thumb").nth(pictures - 1).wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_first_picture_is_on_the_first_screen(app_url: str, new_page: NewPage, dark: bool) -> None:
    page = new_page(1280, 800, dark=dark)
    page.goto(app_url)
    everything(page)  # while they come, a lower card's picture can be the page's first for a moment
    picture = page.locator("img.seglab-thumb").first
    box = picture.bounding_box()
    assert box["y"] + box["height"] <= 800
    assert picture.evaluate("img => img.complete && img.naturalWidth > 0")
    background = page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == ("rgb(18, 23, 26)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(app_url: str, new_page: NewPage, width: int) -> None:
    page = new_page(width, 844)
    page.goto(app_url)
    everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("path", ["", "/Segment"])
def test_the_browser_asks_nobody_but_this_server(app_url: str, new_page: NewPage, path: str) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app_url + path)
    page.locator(".seglab-head h1").wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith((app_url, "data:", "blob:"))] == []


def click_at(page: Any, locator: Any) -> None:
    """Click in the middle of a picture, as a visitor would: whatever lies on top of it gets the click.

    A visitor waits until the page stands still; while cards still come in, a picture moves away from under the mouse.
    """
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    locator.scroll_into_view_if_needed()
    box = None
    while box != (box := locator.bounding_box()) or box is None:
        page.wait_for_timeout(300)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_the_lessons_picture_leads_to_the_lesson(app_url: str, new_page: NewPage) -> None:
    page = new_page()
    page.goto(app_url)
    click_at(page, page.locator("img.seglab-thumb").first)
    page.locator(".seglab-head h1", has_text=lessons()[0].question).wait_for(timeout=60_000)


def test_the_whole_card_is_a_link_to_its_experiment(app_url: str, new_page: NewPage) -> None:
    page = new_page()
    page.goto(app_url)
    preset = PRESETS[1]
    card = page.locator(f".st-key-card-{preset.key}")
    card.wait_for()
    click_at(page, card.locator("img"))
    page.wait_for_url("**/Segment?**", wait_until="commit")
    asked = {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}
    assert asked["view"] == preset.params["view"]  # the page leaves out what equals its default
    assert asked.items() <= preset.params.items()
    page.locator(".seglab-head h1", has_text=lessons()[0].question).wait_for(timeout=60_000)


def test_a_deep_link_works_on_a_fresh_server_and_the_menu_leads_home(
    start_server: Callable[..., Any], new_page: NewPage
) -> None:
    page = new_page()
    with start_server() as url:  # nobody has opened its home page
        page.goto(f"{url}/{lessons()[0].title}")
        page.locator(".seglab-head h1", has_text=lessons()[0].question).wait_for(timeout=60_000)
        page.get_by_test_id("stSidebar").get_by_role("link", name="SegLab").click()
        page.locator(".seglab-head h1", has_text="What does a network see").wait_for()
