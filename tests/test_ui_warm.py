"""What is imported in the background, and that the garbage collector is told once; cards that stay in memory."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable

import pytest

from seglab import runtime
from ui import cards, warm
from ui.lessons import lessons


@pytest.fixture
def warmed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return warmed() → what it did, in order; nothing is imported or frozen in truth."""
    did: list[str] = []
    page = threading.Thread(target=lambda: None)
    page.start()
    monkeypatch.setattr(warm, "_done", threading.Event())
    monkeypatch.setattr(warm.time, "sleep", lambda _: None)
    monkeypatch.setattr(runtime, "model", lambda _: did.append("model"))
    monkeypatch.setattr(runtime, "device", lambda: did.append("model"))
    monkeypatch.setattr(warm.gc, "freeze", lambda: did.append("freeze"))

    def run() -> list[str]:
        warm._warm(page)
        assert warm.ready()
        return did

    return run


def test_all_is_imported_before_the_one_freeze(
    warmed: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []

    def note(name: str) -> None:
        found.append(name)
        if "plotly" in name:
            raise ImportError("not here")

    monkeypatch.setattr(warm.importlib, "import_module", note)
    assert warmed() == ["model", "freeze"]
    assert tuple(found) == warm.LARGE
    assert {"torchvision", "plotly.graph_objects", "pandas"} <= set(found)


def test_what_is_imported_exists() -> None:
    for name in warm.LARGE:
        assert importlib.util.find_spec(name), name


def test_every_card_of_the_home_page_stays_in_memory() -> None:
    shown = sum(len(lesson.experiments) + 1 for lesson in lessons())
    assert cards._prepared.cache_info().maxsize >= shown
