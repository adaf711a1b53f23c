"""The page "Compare tasks" in a real Chromium: what each preset's sentence claims is what stands there, in numbers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from scipy import ndimage

from seglab import runtime, zoo
from seglab.datasets import cells
from tests.browser.test_viewer import Stage
from ui import compare_names, compare_presets, compare_run, compare_source, compare_state, state
from ui.compare_run import Run, Settings
from ui.texts import compare as text

PANES = ("semantic", "instance", "panoptic")


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """Return the page's address; SEGLAB_TEST_URL names an app that runs already."""
    return (os.environ.get("SEGLAB_TEST_URL") or request.getfixturevalue("app_url")) + "/Compare_tasks"


def settled(page: Page) -> None:
    """Wait until no run is under way and nothing on the page is of the run before."""
    page.locator(".stApp[data-test-script-state=notRunning]").wait_for(timeout=60_000)
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')", timeout=60_000)


def start(page: Page, url: str, key: str) -> dict[str, str]:
    """Start a preset by its button on the page; return its parameters."""
    preset = next(one for one in compare_presets.PRESETS if one.key == key)
    page.goto(f"{url}?open=1")
    page.get_by_role("tab", name=text.TAB_EXPERIMENTS).click(timeout=60_000)
    page.get_by_role("button", name=preset.name).click()
    page.wait_for_url(re.compile(rf"[?&]seed={preset.params['seed']}(&|$)"), timeout=60_000)
    settled(page)
    page.locator(".stAlert").get_by_text(preset.sentence).wait_for(timeout=60_000)
    return dict(preset.params)


def computed(params: dict[str, str], objects: str | None = None) -> Run:
    """What the library says about the picture of a link."""
    values, messages = state.read(compare_state.FIELDS, params)
    assert messages == []
    source = (compare_source.cells if values["what"] == "cells" else compare_source.scene)(values)
    semantic = values["semantic"] or compare_state.semantic_options(values["what"])[0]
    objects = objects or values["objects"] or compare_state.object_options(values["what"], semantic)[0]
    key = compare_run.needs(objects)
    detector = runtime.model(key) if key else None
    return compare_run.run(source, runtime.model(semantic), objects, detector, Settings.of(values))


def said(page: Page) -> str:
    return page.locator(".stMain").inner_text()


def first(pattern: str, words: str) -> float:
    match = re.search(pattern, words)
    assert match, f"{pattern!r} isn't said: {words[:2000]}"
    return float(match[1])


def test_it_opens_with_a_question_and_answers_a_guess(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    page.goto(url)
    page.get_by_text(text.GUESS).wait_for(timeout=60_000)
    assert not page.get_by_text("Can't count").count()
    page.get_by_role("spinbutton").fill("5")
    page.get_by_role("button", name=text.REVEAL).click()
    page.get_by_text("Your guess: 5.").wait_for(timeout=60_000)
    settled(page)
    run = computed({})
    words = said(page)
    assert first(r"There are (\d+)\.", words) == run.source.things
    assert first(r"(\d+) objects, each with a mask", words) == len(run.found())
    assert first(r"these form (\d+) connected areas", words) == sum(run.areas().values())
    np.testing.assert_array_equal(Stage(page, 0).labels(), run.labels())


def test_areas_of_a_crowd_are_no_count_and_objects_nearly_are(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    run = computed(start(page, url, "compare-crowd"))
    words = said(page)
    true = first(r"There are (\d+) things", words)
    areas = first(r"these form (\d+) connected areas", words)
    objects = first(r"(\d+) objects, each with a mask", words)
    assert true == 20
    assert abs(objects - true) <= 1 < 5 < abs(areas - true)
    sample, labels = run.source.sample, run.labels()
    joined = pieces = 0
    for label in sample.palette.things:
        area = ndimage.label(labels == label, np.ones((3, 3)))[0]
        same = (sample.labels == label) & (area > 0)
        pairs = {(int(a), int(i)) for a, i in zip(area[same], sample.ids[same], strict=True)}
        joined += len({a for a, _ in pairs}) < len(pairs)
        pieces += len({i for _, i in pairs}) < len(pairs)
    assert joined  # an area that holds more than one thing of its class
    assert pieces  # a thing that is in more than one area


def test_a_street_without_things_has_no_object_and_the_same_map_twice(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    run = computed(start(page, url, "compare-stuff"))
    words = said(page)
    assert "There are 0 things" in words
    assert text.SAYS_INSTANCE_NONE.replace("**", "") in words
    assert text.SAYS_SEMANTIC_NONE.replace("**", "") in words
    result = run.fused()
    label_of = {s.id: s.label for s in result.segments}
    kept = result.segment_ids > 0
    assert kept.mean() > 0.97  # the rest: stuff in areas too small to be kept
    assert [label_of[i] for i in result.segment_ids[kept].tolist()] == run.labels()[kept].tolist()


def test_an_object_contradicts_the_map_beneath_it_and_wins(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    run = computed(start(page, url, "compare-contradiction"))
    found, labels, fused = run.found(), run.labels(), run.fused()
    disputed = []
    for i in range(len(found)):
        beneath = np.bincount(labels[found.mask(i)], minlength=len(found.palette))
        if beneath.argmax() != found.classes[i] and beneath.max() > beneath.sum() / 2:
            disputed.append(i)
    assert disputed
    mine = fused.segment_ids[found.mask(disputed[0])]
    segment = np.bincount(mine).argmax()
    assert {s.id: s.label for s in fused.segments}[int(segment)] == found.classes[disputed[0]]
    assert first(r"(\d+) objects, each with a mask", said(page)) == len(found)


def test_pq_of_the_means_is_not_the_mean_of_pq(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    start(page, url, "compare-pq")
    page.get_by_role("tab", name=text.TAB_TRUTH).click()
    page.get_by_text("Averaged over classes").wait_for(timeout=60_000)
    settled(page)
    words = said(page)
    pq, sq, rq = (first(rf"\b{name} (0\.\d+)", words.split("Averaged over classes")[1]) for name in ("PQ", "SQ", "RQ"))
    product = first(r"SQ × RQ of the averages is (0\.\d+)", words)
    assert product == pytest.approx(sq * rq, abs=2e-3)
    assert abs(product - pq) > 0.02


def test_components_merge_touching_nuclei_and_the_others_do_not(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    start(page, url, "compare-nuclei")
    table = page.locator("table").filter(has_text=text.NUCLEI).first
    expect(table).to_contain_text(text.TRUTH_LAYER, timeout=60_000)
    rows = table.locator("tbody tr").all()
    counts = dict(row.locator("td").all_inner_texts() for row in rows)
    merged, true = (int(counts[name]) for name in (text.WAYS["components"], text.TRUTH_LAYER))
    assert merged < true
    assert int(counts[text.WAYS["watershed"]]) == true
    assert int(counts[zoo.get("nuclei-instances").title]) == true
    assert first(r"(\d+) objects, each with a mask", said(page)) == merged
    page.get_by_text(text.MORE).click()
    mask = page.get_by_role("slider", name=text.MASK)
    for name in (text.SCORE, text.VISIBLE):  # what was open stays so, whatever is counted anew
        mask.wait_for(timeout=60_000)
        page.get_by_role("slider", name=name).focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(300)
        settled(page)
    expect(mask).to_be_visible()


def test_three_hundred_nuclei(new_page: Any, url: str) -> None:
    params = {"what": "cells", "count": "300", "touching": "0", "objects": "nuclei-instances", "open": "1"}
    page = new_page(1280, 900)
    page.goto(f"{url}?{urlencode(params)}")
    page.get_by_text("objects, each with a mask").wait_for(timeout=60_000)
    settled(page)
    found = int(first(r"(\d+) objects, each with a mask", said(page)))
    run = computed(params)
    assert first(r"There are (\d+) nuclei", said(page)) == run.source.things >= 295
    assert 270 <= found == len(run.found()) <= 310
    assert page.locator(".segments tbody tr").count() == len(run.fused().segments)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (6000, 4000)], ids=str)
def test_the_smallest_and_the_largest_upload(new_page: Any, url: str, tmp_path: Path, width: int, height: int) -> None:
    drawn = cells.draw(5, 0, cells.Parameters(count=40, size=8, width=384, height=256)).image
    whole = Image.fromarray(drawn)
    picture = whole.crop((64, 64, 128, 128)) if width == 64 else whole.resize((width, height))
    file = tmp_path / "mine.png"
    picture.save(file, compress_level=1)
    page = new_page(1280, 900)
    page.goto(f"{url}?what=photo&semantic=nuclei-unet&objects=nuclei-instances")
    page.get_by_role("button", name="Just show me").wait_for(timeout=60_000)
    settled(page)
    page.get_by_role("button", name=re.compile("^Picture|Picture:")).first.click()
    page.get_by_role("radio", name="Your photo").or_(page.get_by_role("button", name="Your photo")).first.click()
    page.locator("[data-testid=stPopoverBody] input[type=file]").set_input_files(str(file))
    page.get_by_text("Picture: mine.png").wait_for(timeout=60_000)  # who closes the menu before ends the upload
    settled(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Just show me").click()
    page.get_by_text("objects, each with a mask").wait_for(timeout=120_000)
    settled(page)
    assert not page.locator("[data-testid=stException]").count()
    assert first(r"(\d+) objects, each with a mask", said(page)) >= 2
    assert Stage(page, 0).labels().any()


def test_a_row_of_the_table_lights_its_segment_in_all_panes(new_page: Any, url: str) -> None:
    page = new_page(1280, 900)
    page.goto(f"{url}?open=1")
    page.get_by_text("objects, each with a mask").wait_for(timeout=60_000)
    settled(page)
    run = computed({"open": "1"})
    thing = max((s for s in run.fused().segments if s.thing), key=lambda s: s.area)
    row = page.locator(".segments tbody tr").filter(has_text=compare_names.names(run, run.fused())[thing.id])
    row.first.hover()
    for n in range(len(PANES)):
        expect(Stage(page, n).root.locator("canvas.light[data-lit]")).to_be_attached()
