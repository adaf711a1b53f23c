"""The rows of `bench pages` about the page "Upsampling": controls of the grid lab on grids of 16×16.

The clock starts with the visitor's key press. A control is answered when the page's run has ended and the grids that
it changes stand there anew, with the comparison to PyTorch behind their badge. Every press asks for other settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from seglab.bench.browser import WAIT, Visitor, visiting
from seglab.bench.server import Server

PAGE = "Upsampling"
ANSWER = 200  # ms wanted
SIDE = 16
GRID = "/".join(" ".join(str((7 * i + 3 * j * j) % 19 - 9) for j in range(SIDE)) for i in range(SIDE))
KERNEL = "1 2 1 0/2 4 2 1/1 2 1 0/0 1 0 1"
TRANSPOSED = {"told": "1", "x": GRID, "w": KERNEL, "stride": "2"}

# In the page: what the grids show now, a word for each state, and a wait until it is another one.
SCRIPT = """() => Object.assign(window.__bench, {
  grids() {
    if (!this.root?.isConnected) {
      const roots = [...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
      this.root = roots.map((root) => root.querySelector(".grid[aria-label]")).find((node) => node?.grid);
    }
    return this.root?.grid;
  },
  seen() {
    const g = this.grids();
    return g ? JSON.stringify(g.data.panels.map((p) => [p.name, p.rows, p.columns, p.ruler, p.values])) : "";
  },
  async answered(before, runs, limit) {
    for (const end = performance.now() + limit; ; ) {
      await this.frame();
      if (performance.now() > end) throw new Error(`not answered within ${limit} ms`);
      if (this.runs > runs && this.seen() !== before) break;
    }
    await this.frame();
    await new Promise((done) => setTimeout(done));
    return performance.now() - this.began;
  },
})"""


def measure(browser: Any, server: Server, repeats: int, done: Callable[..., None]) -> None:
    """Press keys on sliders of each method, `repeats` times each, and call `done` with each row."""
    rows: tuple[tuple[str, str, dict[str, str], str, int], ...] = (
        ("stride", "transposed convolution, stride", TRANSPOSED, "Stride s", 2),
        ("padding", "transposed convolution, padding", TRANSPOSED, "Padding p", 8),
        ("kernel", "transposed convolution, kernel size", {**TRANSPOSED, "stride": "1"}, "Kernel size k", 10),
        ("conv", "convolution, padding", {**TRANSPOSED, "method": "conv", "stride": "1"}, "Padding p", 8),
        ("bilinear", "bilinear, output rows", {"told": "1", "x": GRID, "method": "bilinear", "rows": "16",
                                              "cols": "16"}, "Output rows", 14),
        ("bicubic", "bicubic, output rows", {"told": "1", "x": GRID, "method": "bicubic", "rows": "16",
                                            "cols": "32"}, "Output rows", 14),
        ("resize", "resize, then convolve: factor", {"told": "1", "x": GRID, "method": "resize", "factor": "1",
                                                    "w": "1 2 1/2 4 2/1 2 1"}, "Factor f", 2),
        ("unpool", "max-pool and unpool, window", {"told": "1", "x": GRID, "method": "unpool"}, "Window k", 5),
    )  # fmt: skip
    for key, what, params, slider, span in rows:
        with visiting(browser, server, f"?{urlencode(params)}", PAGE) as visitor:
            visitor.page.get_by_text("equals PyTorch").first.wait_for(timeout=WAIT)
            visitor.settle()
            visitor.page.evaluate(SCRIPT)
            press = visitor.page.get_by_role("slider", name=slider)
            times = []
            for n in range(repeats):  # there and back, `span` steps each way
                arrow = "ArrowRight" if n // span % 2 == 0 else "ArrowLeft"
                times.append(_press(visitor, press, arrow))
            done(f"grid-{key}", f"Upsampling 16×16, {what}", times, ANSWER)


def _press(visitor: Visitor, slider: Any, key: str) -> float:
    """Press a key on a slider; return ms until the grids show something else."""
    slider.focus()
    before, runs = visitor.page.evaluate("() => [window.__bench.seen(), window.__bench.runs]")
    visitor.page.keyboard.press(key)
    script = f"window.__bench.answered({json.dumps(before)}, {runs}, {WAIT})"
    taken = float(visitor.page.evaluate(script))
    visitor.settle()
    return taken
