"""The home page, run without a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from seglab import zoo
from ui import cards, gallery, lessons, machine, settings, warm
from ui.presets import Preset

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_warming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "start", lambda: None)  # these tests are about the page, and torch takes its time


@pytest.fixture
def home() -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()


def html(app: AppTest) -> Iterator[str]:
    yield from (element.proto.body for element in app.get("html"))


def links(app: AppTest) -> list[object]:
    return [element.proto for element in app.get("page_link")]


def test_it_runs_and_asks_its_question(home: AppTest) -> None:
    assert not home.exception
    assert any("<h1>What does a network see" in body for body in html(home))


def test_every_lesson_has_a_card_with_its_question(home: AppTest) -> None:
    assert lessons.lessons(), "there is at least one lesson"
    for lesson in lessons.lessons():
        assert lesson.question in [element.value for element in home.header]


def experiments() -> list[Preset]:
    return [preset for lesson in lessons.lessons() for preset in lesson.experiments]


def test_every_experiment_has_a_card_that_links_to_its_choices(home: AppTest) -> None:
    linked = {link.label: link for link in links(home)}
    for preset in experiments():
        query = linked[f"**{preset.name}**"].query_string
        assert dict(parse_qsl(query.lstrip("?"))) == preset.params
        assert preset.sentence in [caption.value for caption in home.caption]


def test_every_card_has_a_picture_that_says_what_it_shows(home: AppTest) -> None:
    pictures = [body for body in html(home) if "<img" in body]
    assert len(pictures) == len(experiments()) + len(lessons.lessons())
    for body in pictures:
        assert 'src="data:image/webp;base64,' in body
        assert 'alt=""' not in body
    for picture in {preset.params["image"] for preset in experiments() if "image" in preset.params}:
        assert any(gallery.GALLERY[picture].alt in body for body in pictures)


def test_a_missing_thumbnail_falls_back_to_the_photograph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cards, "THUMBNAILS", tmp_path)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert not app.exception
    photos = [preset for preset in experiments() if "image" in preset.params]  # drawn ones have none
    covers = [lesson for lesson in lessons.lessons() if lesson.cover in {preset.key for preset in photos}]
    assert sum("data:image/webp" in body for body in html(app)) == len(photos) + len(covers)


def test_a_missing_picture_leaves_a_card_without_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cards, "THUMBNAILS", tmp_path)
    monkeypatch.setattr(gallery, "here", list)
    cards._photo.cache_clear()
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    cards._photo.cache_clear()
    assert not app.exception
    assert not any("<img" in body for body in html(app))


def test_the_table_names_every_model_and_where_its_weights_are(home: AppTest) -> None:
    table = next(element.value for element in home.markdown if element.value.startswith("| Model"))
    rows = {row.split("**")[1]: row for row in table.splitlines()[2:]}
    for key in zoo.offered():
        spec = zoo.get(key)
        assert (f"on this machine, {zoo.weights_bytes(key) / 1e6:.1f} MB" in rows[spec.title]) == zoo.weights_here(key)


def test_the_menu_has_home_and_the_lessons_that_exist(home: AppTest) -> None:
    labels = [element.proto.label for element in home.sidebar.get("page_link")]
    assert labels == ["SegLab", *(lesson.title for lesson in lessons.lessons())]


def test_lessons_without_a_page_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    unwritten = lessons.Lesson("pages/99_Unwritten.py", "Unwritten", "Is it?", "", ":material/help:", "Tasks")
    monkeypatch.setattr(lessons, "LESSONS", (*lessons.LESSONS, unwritten))
    assert unwritten not in lessons.lessons()


def test_the_device_is_the_one_that_is_set_and_told_once_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from seglab import devices

    monkeypatch.setattr(warm, "ready", lambda: False)
    assert machine.torch_device() is None
    monkeypatch.setattr(warm, "ready", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("SEGLAB_DEVICE", "cpu")
    devices.device.cache_clear()
    try:
        assert machine.torch_device() == "CPU"
    finally:
        devices.device.cache_clear()


def test_the_machine_is_described_without_torch() -> None:
    this = machine.machine()
    assert this.processor
    assert this.cores >= 1
    assert this.memory is None or this.memory > 2**28


def test_one_core_is_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def described(cores: int) -> str:
        found = machine.Machine("A processor", cores, None, None)
        monkeypatch.setattr(machine, "machine", lambda: found)
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
        return next(element.value for element in app.markdown if element.value.startswith("A processor"))

    assert described(1).startswith("A processor, 1 core;")
    assert described(2).startswith("A processor, 2 cores;")


@pytest.mark.parametrize("file", ["app.py", "pages/1_Segment.py"])
@pytest.mark.parametrize(("name", "value"), [("SEGLAB_DEVICE", "banana"), ("SEGLAB_FORWARDS", "0")])
def test_a_setting_that_cannot_be_used_is_told_on_every_page(
    monkeypatch: pytest.MonkeyPatch, file: str, name: str, value: str
) -> None:
    from seglab import devices, runtime

    monkeypatch.setenv(name, value)
    caches = (settings.problem, devices.device, runtime.places)  # each asks the environment once
    for one in caches:
        one.cache_clear()
    try:
        app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        app = app.switch_page(file).run()
    finally:
        monkeypatch.undo()
        for one in caches:
            one.cache_clear()
    assert not app.exception
    assert name in app.error[0].value
    assert repr(value) in app.error[0].value
    assert not app.selectbox
    assert app.sidebar.get("page_link")  # the menu is there


def test_without_settings_nothing_is_asked_of_torch() -> None:
    script = "import sys; from ui import settings; assert settings.problem() == ''; assert 'torch' not in sys.modules"
    environment = {key: value for key, value in os.environ.items() if key not in settings.NAMES}
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT, env=environment, timeout=60)
