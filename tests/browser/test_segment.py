"""The Segment page in a real Chromium: from a photo to a corrected mask in a file, and links that come back."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from seglab.palettes import CAMVID
from tests.browser.conftest import Messages
from tests.browser.test_viewer import Stage
from ui import gallery

SIZE = 240, 320  # height, width of the photo that is uploaded


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Segment"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Return a real photograph under a name and at a size that the gallery doesn't have."""
    path = tmp_path / "my holiday.jpg"
    Image.fromarray(gallery.load("china")).resize(SIZE[::-1]).save(path, quality=95)
    return path


def opened(page: Page, address: str) -> Stage:
    page.goto(address)
    stage = Stage(page)
    settled(page)
    return stage


def settled(page: Page) -> None:
    """Wait until no run is under way and nothing on the page is of the run before."""
    page.locator(".sl-cost").wait_for(timeout=60_000)
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=60_000)


def upload(page: Page, file: Path) -> None:
    page.get_by_role("button", name=re.compile("^Picture|Picture:")).first.click()
    page.get_by_role("radio", name="Your photo").or_(page.get_by_role("button", name="Your photo")).first.click()
    page.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(str(file))


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    page.wait_for_timeout(300)  # until the run that the click asks for has begun
    settled(page)


def choose(page: Page, label: str, option: str) -> None:
    box, wanted = page.get_by_role("combobox", name=re.compile(label)).first, page.get_by_role("option", name=option)
    box.click()
    try:
        wanted.wait_for(timeout=3_000)
    except PlaywrightTimeout:  # a run that ended just then closed the list
        box.click()
    wanted.click()
    page.wait_for_timeout(300)
    settled(page)


def save(page: Page, name: str) -> bytes:
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name=name).first.click()
    return Path(waiting.value.path()).read_bytes()


def alt(page: Page) -> str:
    return str(page.locator("canvas.base").first.get_attribute("aria-label"))


def test_upload_click_brush_download_lesson(new_page: Any, url: str, photo: Path) -> None:
    page = new_page(1280, 900, accept_downloads=True)
    opened(page, url)
    upload(page, photo)
    expect(page.locator("canvas.base")).to_have_attribute("aria-label", re.compile("Your own photo"), timeout=60_000)
    page.keyboard.press("Escape")
    settled(page)
    stage = Stage(page)
    assert page.url.count("image=upload") == 1
    assert "my" in page.url

    page.mouse.click(*stage.place(40, 30))
    expect(page.get_by_text("Pixel (40, 30)")).to_be_visible(timeout=60_000)
    bars = page.locator("table.sl-bars tr")
    expect(bars).to_have_count(5)
    probs = [float(text) for text in page.locator("table.sl-bars td:nth-child(3)").all_inner_texts()]
    assert probs == sorted(probs, reverse=True)
    assert 0 < sum(probs) <= 1.003  # three digits each

    tab(page, "Download")
    before = np.asarray(Image.open(io.BytesIO(save(page, "Labels, indexed PNG"))))
    assert before.shape == SIZE

    stage.press("Brush")
    stage.root.get_by_label("Class to paint").select_option(label="Bicyclist")
    stage.drag((60, 120), (200, 120))
    expect(page.get_by_text("Corrected by hand")).to_be_visible(timeout=60_000)
    settled(page)
    with Image.open(io.BytesIO(save(page, "Labels, indexed PNG"))) as file:
        assert file.mode == "P"
        assert tuple(file.getpalette()[: 3 * len(CAMVID)]) == tuple(np.ravel(CAMVID.colors))
        after = np.asarray(file)
    painted = CAMVID.index("Bicyclist")
    assert (after[120, 60:201] == painted).all()
    far = np.ones(SIZE, bool)
    far[60:181] = False
    np.testing.assert_array_equal(after[far], before[far])
    np.testing.assert_array_equal(after, stage.labels())  # the file is what the visitor saw

    tab(page, "Use it")  # a correction outlives whatever else is looked at
    choose(page, "View", "Entropy")
    expect(page.get_by_text("Corrected by hand")).to_be_visible()
    choose(page, "View", "Labels")
    np.testing.assert_array_equal(Stage(page).labels(), after)
    tab(page, "Download")

    lesson = save(page, "Lesson file")
    with zipfile.ZipFile(io.BytesIO(lesson)) as archive:
        assert sorted(archive.namelist()) == ["mask.png", "picture.png", "state.json"]
        assert json.loads(archive.read("state.json"))["file"] == "my holiday.jpg"
    path = photo.parent / "lesson.zip"
    path.write_bytes(lesson)

    other = new_page(1280, 900, accept_downloads=True)
    other.goto(page.url)
    expect(other.get_by_text(re.compile("This link was made with the file"))).to_be_visible(timeout=60_000)
    expect(other.get_by_role("alert").get_by_text("my holiday.jpg")).to_be_visible()
    settled(other)
    tab(other, "Download")
    other.locator("input[type=file]").last.set_input_files(str(path))
    expect(other.locator("canvas.base")).to_have_attribute("aria-label", re.compile("Your own photo"), timeout=60_000)
    settled(other)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(save(other, "Labels, indexed PNG")))), after)


def test_a_link_brings_back_picture_view_and_class(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    opened(page, f"{url}?image=flower&model=street&view=probability&cls=Tree&temp=2")
    assert gallery.GALLERY["flower"].alt in alt(page)
    assert "p(Tree)" in alt(page)
    stage = Stage(page)
    pixels = stage.pixels()
    other = new_page(1280, 900)
    opened(other, page.url)
    assert alt(other) == alt(page)
    assert Stage(other).pixels() == pixels


def test_back_and_forward_follow_the_links(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    opened(page, f"{url}?view=entropy")
    opened(page, f"{url}?view=margin")
    page.go_back()
    expect(page.locator("canvas.base")).to_have_attribute("aria-label", re.compile("Entropy"), timeout=60_000)


def test_looking_sends_nothing(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    sent = Messages(page)
    stage = opened(page, url)
    page.wait_for_timeout(500)
    sent.reset()
    stage.opacity(20)
    stage.press("Outlines")
    stage.press("Before / after")
    stage.press("Zoom in")
    stage.root.locator(".legend button").first.click()
    page.wait_for_timeout(500)
    assert sent.count == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_picture_is_on_the_first_screen_and_nothing_is_too_wide(new_page: Any, url: str, dark: bool) -> None:
    for width, height in ((1280, 800), (390, 844)):
        page = new_page(width, height, dark=dark)
        opened(page, url)
        box = page.locator("canvas.base").bounding_box()
        assert box["y"] + box["height"] / 2 <= height
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_every_part_shows_without_an_error_and_what_is_above_stays(new_page: Any, url: str) -> None:
    """The lab is a fragment under the first tab alone; going from one to another builds nothing anew."""
    page = new_page(390, 844)
    opened(page, url)
    page.get_by_text("More: temperature").click()
    page.get_by_role("slider", name="Temperature").wait_for()
    page.locator("canvas.base").evaluate("canvas => { canvas.dataset.mine = 1; }")
    for name in ("Use it", "Download", "Your ground truth", "Code", "Experiments"):
        tab(page, name)
        assert page.locator("[data-testid=stException]").count() == 0, name
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
        assert page.locator("canvas.base[data-mine]").count() == 1, name
        assert page.get_by_role("slider", name="Temperature").is_visible(), name


def test_a_press_while_the_page_is_computing_still_saves(new_page: Any, url: str) -> None:
    """Streamlit's own deferred download fails here: the end of another visitor's run sweeps its function away."""
    page, other = new_page(1280, 900, accept_downloads=True), new_page(1280, 900)
    for each in (page, other):
        opened(each, url)
        each.get_by_text("More: temperature").click()
    tab(page, "Download")
    page.get_by_text("Mirror and average").first.click()  # the network runs
    page.wait_for_timeout(150)
    other.get_by_role("slider", name="Temperature").focus()
    other.keyboard.press("ArrowRight")
    other.wait_for_url("**temp=*")
    settled(other)
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="Labels, indexed PNG").click()
    settled(page)
    np.testing.assert_array_equal(np.asarray(Image.open(waiting.value.path())), Stage(page).labels())
