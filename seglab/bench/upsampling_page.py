"""The rows of `bench pages` about the page "Upsampling": controls of each lab, and a 1080p photo down and up again.

The clock starts with the visitor's key press, or when the pointer that drags a box is lifted. A control is answered
when the grids that it changes stand there anew, with the comparison to PyTorch behind their badge, no run is under way
any more, and every viewer has drawn what it was given. Runs aren't counted: one that is over before the browser has
drawn again is never seen to begin. The photo is answered when its pictures, brought back by two ways
of the nine, have been drawn; each press of its row asks for all nine anew, as no more than one set of that size is
kept.

In the grid lab's first rows all grids are 16×16 at most, also what is made of them; the others begin with an input of
that size.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from seglab.bench.browser import WAIT, Visitor, visiting
from seglab.bench.losses_page import PLACES
from seglab.bench.losses_page import SCRIPT as VIEWERS
from seglab.bench.server import Server

PAGE = "Upsampling"
ANSWER, ALL_WAYS = 200, 2000  # ms wanted
SIDE = 16
PANES = {"atrous": 5, "roi": 1, "rebuild": 6}  # viewers in a lab
KERNEL = "1 2 1 0/2 4 2 1/1 2 1 0/0 1 0 1"

# In the page: what the first grids and all pictures show now, and a wait until that is something else.
SCRIPT = """() => Object.assign(window.__bench, {
  grids() {
    if (!this.root?.isConnected) {
      const roots = [...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
      this.root = roots.map((root) => root.querySelector(".grid[aria-label]")).find((node) => node?.grid);
    }
    return this.root?.grid;
  },
  numbers() {
    const g = this.grids();
    return g ? JSON.stringify(g.data.panels.map((p) => [p.name, p.rows, p.columns, p.ruler, p.values])) : "";
  },
  pictures() { return JSON.stringify(this.viewers().map((v) => v.data.image)); },
  idle() { return document.querySelector(".stApp").dataset.testScriptState === "notRunning"; },
  async answered(what, before, limit) {
    for (const end = performance.now() + limit; ; ) {
      await this.frame();
      if (performance.now() > end) throw new Error(`not answered within ${limit} ms`);
      if (this.idle() && this[what]() !== before && this.still()) break;
    }
    await this.frame();
    await new Promise((done) => setTimeout(done));
    return performance.now() - this.began;
  },
})"""


def grid_of(side: int, **more: str) -> dict[str, str]:
    """Return the link to a grid of side×side whole numbers, and what is made of it."""
    cells = ([str((7 * i + 3 * j * j) % 19 - 9) for j in range(side)] for i in range(side))
    return {"told": "1", "x": "/".join(map(" ".join, cells)), **more}


# Key, what it is called in the table, the link, the slider, and how many steps there are on it to go there and back.
Row = tuple[str, str, dict[str, str], str, int]
SMALL: tuple[Row, ...] = (
    ("grid-stride", "transposed convolution, stride", grid_of(5, w=KERNEL, stride="1"), "Stride s", 2),
    ("grid-padding", "transposed convolution, padding", grid_of(13, w=KERNEL, stride="1"), "Padding p", 7),
    ("grid-kernel", "transposed convolution, kernel size", grid_of(7, w="1", stride="1"), "Kernel size k", 9),
    ("grid-channels", "two channels, transposed convolution, padding",
     grid_of(7, w=KERNEL, stride="2", chan="2"), "Padding p", 7),
    ("grid-dilated", "transposed convolution, dilation 2 and output padding 1, padding",
     grid_of(5, w=KERNEL, stride="2", dilation="2", outpad="1"), "Padding p", 7),
    ("grid-conv", "convolution, padding", grid_of(10, method="conv", w=KERNEL, stride="1"), "Padding p", 4),
    ("grid-bilinear", "bilinear, output rows",
     grid_of(SIDE, method="bilinear", rows="2", cols="16"), "Output rows", 14),
    ("grid-bicubic", "bicubic, output rows", grid_of(SIDE, method="bicubic", rows="2", cols="16"), "Output rows", 14),
    ("grid-resize", "resize, then convolve: factor",
     grid_of(5, method="resize", factor="1", w="1 2 1/2 4 2/1 2 1"), "Factor f", 2),
    ("grid-unpool", "max-pool and unpool, window", grid_of(SIDE, method="unpool"), "Window k", 5),
    ("grid-nearest", "nearest, output rows", grid_of(SIDE, method="nearest", rows="2", cols="16"), "Output rows", 14),
    ("grid-nails", "bed of nails, factor", grid_of(5, method="nails", factor="1"), "Factor f", 2),
    ("grid-subpixel", "sub-pixel shuffle of filters, filter size",
     grid_of(8, method="subpixel", start="random", w="1 2/3 4|0 1/2 1|5 0/0 5|2 2/2 2"), "Filter size k", 4),
)  # fmt: skip
TRANSPOSED = grid_of(SIDE, w=KERNEL, stride="2")
LARGE: tuple[Row, ...] = (
    ("large-stride", "transposed convolution, stride (up to 49×49)", TRANSPOSED, "Stride s", 2),
    ("large-padding", "transposed convolution, padding (up to 34×34)", TRANSPOSED, "Padding p", 8),
    ("large-channels", "two channels, transposed convolution, padding (34×34)",
     {**TRANSPOSED, "chan": "2"}, "Padding p", 8),
    ("large-bicubic", "bicubic, output rows (up to 30×32)",
     grid_of(SIDE, method="bicubic", rows="16", cols="32"), "Output rows", 14),
    ("large-nails", "bed of nails, factor (up to 64×64)", grid_of(SIDE, method="nails", factor="1"), "Factor f", 3),
)  # fmt: skip
LABS: tuple[Row, ...] = (
    ("checker-kernel", "checkerboard, kernel", {"lab": "checker"}, "Kernel (cells along a side)", 6),
    ("atrous-rate", "atrous, rate", {"lab": "atrous", "rk": "2", "rr": "1"}, "Rate r", 5),
    ("atrous-kernel", "atrous, kernel size of every layer", {"lab": "atrous", "rk": "2"}, "Kernel size k", 3),
    ("roi-bins", "RoI, bins a side", {"lab": "roi", "bins": "1"}, "Bins a side", 7),
)


def measure(browser: Any, server: Server, photo: Path, repeats: int, done: Callable[..., None]) -> None:
    """Press keys on each lab's sliders, `repeats` times each, and call `done` with each row; `photo` is a 1080p one."""
    for rows, where in ((SMALL, "grids ≤ 16×16, "), (LARGE, "from 16×16, "), (LABS, "")):
        for key, what, params, slider, span in rows:
            with visiting(browser, server, f"?{urlencode(params)}", PAGE) as visitor:
                _ready(visitor, PANES.get(params.get("lab", ""), 0))
                times = _there_and_back(visitor, slider, span, repeats, "numbers")
            done(key, f"Upsampling, {where}{what}", times, ANSWER)
    with visiting(browser, server, "?lab=roi", PAGE) as visitor:
        _ready(visitor, PANES["roi"])
        done("roi-drag", "Upsampling, RoI, a box dragged", [_drag(visitor, n) for n in range(repeats)], ANSWER)
    with visiting(browser, server, "?lab=rebuild&times=2", PAGE) as visitor:
        _ready(visitor, PANES["rebuild"])
        visitor.open_upload()
        visitor.send(photo)
        visitor.page.get_by_text("Original, 1920×1080").wait_for(timeout=WAIT)
        visitor.settle()
        visitor.page.keyboard.press("Escape")
        _ready(visitor, PANES["rebuild"])
        times = _there_and_back(visitor, "Made small by", 4, repeats, "pictures")
        done("rebuild", "Upsampling, 1080p photo by all nine ways", times, ALL_WAYS)


def _ready(visitor: Visitor, panes: int) -> None:
    """Wait until so many pictures stand there, or the first grids where there is none."""
    visitor.settle()
    visitor.page.evaluate(VIEWERS)
    visitor.page.evaluate(SCRIPT)
    there = "window.__bench.all = [], window.__bench.viewers().length"  # looked for anew each time
    there = f"({there}) === {panes} && window.__bench.still()" if panes else "window.__bench.numbers()"
    visitor.page.wait_for_function(f"() => {there}", timeout=WAIT)


def _there_and_back(visitor: Visitor, name: str, span: int, repeats: int, what: str) -> list[float]:
    """Press keys on a slider, `span` steps up, as many down, and so on; return ms until `what` is something else."""
    slider = visitor.page.get_by_role("slider", name=name)
    times = []
    for n in range(repeats):
        slider.focus()
        arrow = "ArrowRight" if n // span % 2 == 0 else "ArrowLeft"
        times.append(_answered(visitor, partial(visitor.page.keyboard.press, arrow), what))
    return times


def _drag(visitor: Visitor, n: int) -> float:
    """Drag the n-th box on the picture; return ms from lifting the pointer until both grids are those of the box."""
    places = PLACES.replace("viewers()[1]", "viewers()[0]")
    start, end = visitor.page.evaluate(places, [[40 + 9 * n, 30 + 5 * n], [200 + 9 * n, 180 + 5 * n]])
    mouse = visitor.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=5)
    return _answered(visitor, mouse.up, "numbers")


def _answered(visitor: Visitor, act: Callable[[], object], what: str) -> float:
    """Do `act`; return ms until `what` is something else, and all of it has been drawn."""
    before = visitor.page.evaluate(f"() => window.__bench.{what}()")
    act()
    taken = float(visitor.page.evaluate(f"window.__bench.answered({json.dumps(what)}, {json.dumps(before)}, {WAIT})"))
    visitor.settle()
    return taken
