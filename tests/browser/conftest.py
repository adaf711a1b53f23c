"""Chromium and a running app for the browser tests; both are started once per test session and stopped after it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts import chromium
from seglab.bench import server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@contextmanager
def serve(script: str | Path = "app.py", **environment: str) -> Iterator[str]:
    """Start Streamlit on `script` (from the repository's root) at a free port; yield its address once it is healthy."""
    port = server.free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1"]
    with server.running(command, port, {"PYTHONPATH": str(server.ROOT)} | environment) as started:
        yield started.url


@pytest.fixture(scope="session")
def start_server() -> Callable[..., object]:
    """Return the context manager `serve(script, **environment)` for tests that need a server of their own."""
    return serve


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    """Address of the running app."""
    with serve() as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Return a Playwright Chromium; without one the test is skipped loudly, or fails where CI is set."""
    path = chromium.find()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI is set, and there is no Chromium: browser tests may not be skipped here.")
        pytest.skip(chromium.LOUD)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGS))
        yield instance
        instance.close()


@pytest.fixture
def new_page(browser: object) -> Iterator[Callable[..., object]]:
    """Return `new_page(width=1280, height=800, dark=False, **context options)`: a page in a context of its own."""
    contexts = []

    def make(width: int = 1280, height: int = 800, dark: bool = False, **options: object) -> object:
        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


class Messages:
    """Counts what went over a page's WebSocket since `reset()`: frames sent, frames and bytes received."""

    def __init__(self, page: object) -> None:
        self.count = self.frames = self.received = 0
        page.on("websocket", self._listen)

    def _listen(self, socket: object) -> None:
        socket.on("framesent", self._one_more)
        socket.on("framereceived", self._came)

    def _one_more(self, _frame: object) -> None:
        self.count += 1

    def _came(self, frame: str | bytes) -> None:
        self.frames += 1
        self.received += len(frame)

    def reset(self) -> None:
        self.count = self.frames = self.received = 0


@pytest.fixture
def ws_counter() -> type[Messages]:
    """Return `ws_counter(page)`; call it before the page opens its address."""
    return Messages
