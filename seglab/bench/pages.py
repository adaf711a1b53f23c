"""How long a visitor waits: from a move of a control to the new picture painted in the browser, on a 1080p photo.

A fresh server, a real Chromium, one visitor. A clock in the page starts with the visitor's event (key press, click,
the file chosen) and stops once the frame with the new picture has been drawn: the server's run, the way there and
back, decoding and painting are all in it. Every repeat asks for something that the server hasn't computed before,
unless the row says otherwise. Needs requirements-dev.txt and a checkout: the pages aren't part of the library.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from seglab import machine
from seglab.bench import compare_page, losses_page, upsampling_page
from seglab.bench.browser import SCREEN, choose, visiting
from seglab.bench.server import Missing, Server, chromium, served

SIZE = (1920, 1080)  # width and height of the photo
REPEATS = 15


@dataclass(frozen=True)
class Row:
    """One line of the table: milliseconds from the visitor's event to the picture; `target` is the median wanted."""

    key: str
    what: str
    median: float
    p95: float
    n: int
    target: float | None = None


def row(key: str, what: str, times: list[float], target: float | None = None) -> Row:
    """Sum up one measurement.

    >>> row("a", "…", [3.0, 1.0, 2.0]).median
    2.0
    """
    return Row(key, what, statistics.median(times), float(np.percentile(times, 95)), len(times), target)


def photo(seed: int) -> bytes:
    """Return a 1080p photograph as a JPEG file, another one for each `seed`: a crop of a real one, with grain."""
    from PIL import Image as Pil

    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise Missing("The photo comes with scikit-learn: pip install -r requirements.txt")
    with Pil.open(Path(spec.submodule_search_locations[0]) / "datasets" / "images" / "china.jpg") as file:
        whole = file.convert("RGB")
    rng = np.random.default_rng(seed)
    left, top = float(rng.uniform(0, 60)), float(rng.uniform(0, 60))
    large = whole.resize(SIZE, Pil.Resampling.BICUBIC, box=(left, top, left + 576, top + 324))
    grain = rng.normal(0, 3, (SIZE[1], SIZE[0], 1))
    grained = np.clip(np.asarray(large, np.float64) + grain, 0, 255).round().astype(np.uint8)
    out = io.BytesIO()
    Pil.fromarray(grained).save(out, "JPEG", quality=92)
    return out.getvalue()


def measure(repeats: int = REPEATS, say: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Run all measurements on a fresh server; `say` is told what is measured. Missing: something isn't here."""
    rows: list[Row] = []

    def done(*args: Any) -> None:
        rows.append(row(*args))
        say(f"{rows[-1].what}: {rows[-1].median:.0f} ms")

    with tempfile.TemporaryDirectory() as folder, chromium() as browser, served() as server:
        files = [Path(folder) / f"street {seed}.jpg" for seed in range(repeats + 1)]
        for seed, file in enumerate(files):
            file.write_bytes(photo(seed))
        with visiting(browser, server, "?model=street-fast") as visitor:  # torch is imported, the model loaded
            visitor.painted("v.layers.length")
            visitor.settle()
            visitor.open_upload()
            visitor.upload(files[-1])
        times: list[float] = []
        for file in files[:-1]:
            with visiting(browser, server, "?model=street-fast") as visitor:
                visitor.painted("v.layers.length")
                visitor.settle()
                visitor.open_upload()
                times.append(visitor.upload(file))
        done("upload", "First mask after upload, street-fast", times, 1000)
        _sliders(browser, server, files[0], repeats, done)
        _openings(browser, server, repeats, done)
        if compare_page.there():
            compare_page.measure(browser, server, Path(folder), repeats, done)
        losses_page.measure(browser, server, repeats, done)
        upsampling_page.measure(browser, server, files[0], repeats, done)
    return rows


def _sliders(browser: Any, server: Server, file: Path, repeats: int, done: Callable[..., None]) -> None:
    with visiting(browser, server, "?model=street&conf=0.45") as visitor:
        visitor.painted("v.layers.length")
        visitor.settle()
        visitor.open_upload()
        visitor.upload(file)
        visitor.page.keyboard.press("Escape")
        visitor.more()
        times: list[float] = []
        while len(times) < repeats:  # up to 0.95, another temperature, down to 0.45, and so on
            key = "ArrowRight" if len(times) // 10 % 2 == 0 else "ArrowLeft"
            if len(times) % 10 == 0:
                visitor.after(visitor.press("Temperature T"))
                press = visitor.press("Least confidence", key)
            times.append(visitor.after(press))
        done("confidence", "Confidence → labels", times, 400)
        slider = visitor.page.get_by_role("slider", name="Least confidence")
        while float(slider.input_value()) > 0.55:  # above it, a high temperature leaves no label to change
            visitor.after(visitor.press("Least confidence", "ArrowLeft"))
        press = visitor.press("Temperature T")
        done("temperature", "Temperature → labels above a confidence",
             [visitor.after(press) for _ in range(min(repeats, 15))], 400)  # fmt: skip
        choose(visitor, "Entropy")
        press = visitor.press("Temperature T", "ArrowLeft")
        done("entropy", "Temperature → entropy",
             [visitor.after(press) for _ in range(min(repeats, 25))], 400)  # fmt: skip
        views = ["Margin", "Labels", "Entropy"]
        done("view", "Another view (mostly seen before)",
             [choose(visitor, views[i % len(views)]) for i in range(repeats)])  # fmt: skip
        script = """async (percent) => {
            const input = window.__bench.viewer().el.opacity, began = performance.now();
            input.value = percent;
            input.dispatchEvent(new Event("input", { bubbles: true }));
            await window.__bench.frame();
            await window.__bench.frame();
            return performance.now() - began;
        }"""
        done("opacity", "Opacity (never reaches the server)",
             [visitor.page.evaluate(script, 20 + 3 * i) for i in range(repeats)])  # fmt: skip


def _openings(browser: Any, server: Server, repeats: int, done: Callable[..., None]) -> None:
    times = []
    for _ in range(repeats):
        with visiting(browser, server, "?image=flower&model=street-fast&conf=0.5") as visitor:
            times.append(visitor.painted("v.layers.length"))  # began is 0: the navigation
    done("link", "A link in a fresh session, picture already segmented", times)
    times = []
    for _ in range(repeats):
        context = browser.new_context(viewport=SCREEN)
        page = context.new_page()
        page.goto(server.url, wait_until="commit")
        page.locator("img.seglab-thumb").first.wait_for()
        page.get_by_role("heading", name="What runs on this machine").wait_for()
        times.append(float(page.evaluate("() => performance.now()")))
        context.close()
    done("home", "The home page, to its last heading", times)


def table(rows: list[Row]) -> str:
    """Return the rows as text for a terminal."""
    lines = [f"{'':52}{'median':>8}{'p95':>8}{'n':>5}  target"]
    for r in rows:
        target = "" if r.target is None else f"≤ {r.target:.0f} {'✓' if r.median <= r.target else '✗'}"
        lines.append(f"{r.what:52}{r.median:8.0f}{r.p95:8.0f}{r.n:5}  {target}")
    return "\n".join(lines)


def add(parsers: Any) -> None:
    """Add the arguments of `bench pages`."""
    parser = parsers.add_parser("pages", help="from a move of a control to the new picture in the browser")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often each is measured (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit status."""
    from seglab.cli.common import Failure, UsageError, say

    if not 1 <= args.repeats <= 100:
        raise UsageError(f"--repeats must be from 1 to 100; got {args.repeats}")
    try:
        rows = measure(args.repeats, say)
    except Missing as error:
        raise Failure(str(error)) from error
    if args.json:
        print(json.dumps({"machine": machine.line(), "photo": list(SIZE), "rows": [asdict(r) for r in rows]}, indent=1))
    else:
        print(f"{machine.line()}; photo {SIZE[0]}×{SIZE[1]}; milliseconds\n{table(rows)}")
    return 0
