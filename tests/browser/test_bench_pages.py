"""`bench pages`: its figures are of what a visitor sees; how small they are is no test's business."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from seglab.bench import compare_page, pages, server, upsampling_page
from seglab.cli.common import Failure


def test_photos_are_large_and_all_different() -> None:
    files = [pages.photo(seed) for seed in range(3)]
    assert len(set(files)) == 3
    assert Image.open(io.BytesIO(files[0])).size == pages.SIZE == (1920, 1080)


def test_rows_and_table() -> None:
    row = pages.row("a", "something", [100.0, 500.0, 300.0], 400)
    assert (row.median, row.n) == (300.0, 3)
    assert row.p95 == pytest.approx(480.0)
    assert "≤ 400 ✓" in pages.table([row])
    assert "≤ 200 ✗" in pages.table([pages.row("a", "something", [300.0], 200)])


def test_outside_a_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ROOT", tmp_path)
    with pytest.raises(server.Missing, match="checkout"):
        pages.measure(1)


class PlaywrightError(Exception):
    pass


def engine(launch: Callable[..., object]) -> object:
    """Return what looks like Playwright, with a browser of our own."""

    @contextmanager
    def start():
        yield SimpleNamespace(chromium=SimpleNamespace(launch=launch))

    return SimpleNamespace(Error=PlaywrightError, sync_playwright=start)


def test_a_chromium_that_does_not_start_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def launch(**_: object) -> None:
        raise PlaywrightError("Target closed\nCall log:\n - <launching>")

    monkeypatch.setattr(server, "playwright", lambda kind: (engine(launch), {}))
    with pytest.raises(Failure, match=r"doesn't start \(Target closed\)\. .*scripts/chromium.py installs one"):
        pages.run(argparse.Namespace(repeats=1, json=False))


def test_a_step_that_takes_too_long_is_told_and_the_browser_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    browser = SimpleNamespace(close=lambda: closed.append(1))
    monkeypatch.setattr(server, "playwright", lambda kind: (engine(lambda **_: browser), {}))
    with pytest.raises(server.Missing, match=r"\(Timeout 30000ms exceeded\)\. .*try again"), server.chromium():
        raise PlaywrightError("Timeout 30000ms exceeded.\nCall log:\n - waiting for locator")
    assert closed == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="a script with #! stands for Chromium")
def test_the_real_playwright_too(tmp_path: Path) -> None:
    path = tmp_path / "chromium"
    path.write_text('#!/bin/sh\n[ "$1" = "--version" ] || exit 3\n')
    path.chmod(0o755)
    command = [sys.executable, "-m", "seglab", "bench", "pages", "--repeats", "1"]
    done = subprocess.run(command, cwd=server.ROOT, env=os.environ | {"SEGLAB_CHROMIUM": str(path)}, text=True,
                          capture_output=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("seglab: Chromium doesn't start")


@pytest.mark.slow
def test_everything_is_measured(browser: object) -> None:
    del browser  # only asks for Chromium; the bench starts its own, in a process without this one's event loop
    command = [sys.executable, "-m", "seglab", "bench", "pages", "--repeats", "2", "--json"]
    done = subprocess.run(command, cwd=server.ROOT, text=True, capture_output=True, timeout=570, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    keys = ["upload", "confidence", "temperature", "entropy", "view", "opacity", "link", "home"]
    keys += [slider.lower().replace(" ", "-") for slider, _ in compare_page.MOVES if compare_page.there()]
    keys += ["stroke-photo", "stroke", "stroke-charts"]
    keys += [key for key, *_ in (*upsampling_page.SMALL, *upsampling_page.LARGE, *upsampling_page.LABS)]
    keys += ["roi-drag", "rebuild"]
    assert [row["key"] for row in rows] == keys
    assert all(row["n"] == 2 and row["median"] > 1 for row in rows)
