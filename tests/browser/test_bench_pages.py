"""`bench pages`: its figures are of what a visitor sees; how small they are is no test's business."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from seglab.bench import pages, server


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


@pytest.mark.slow
def test_everything_is_measured(browser: object) -> None:
    del browser  # only asks for Chromium; the bench starts its own
    rows = pages.measure(2)
    keys = ["upload", "confidence", "temperature", "entropy", "view", "opacity", "link", "home"]
    assert [row.key for row in rows] == keys
    assert all(row.n == 2 and row.median > 1 for row in rows)
