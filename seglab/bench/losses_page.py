"""The rows of `bench pages` about the page "Losses & metrics": brush strokes on a prediction of 256×256.

Drawn, and a network's of a photo, whose longer side is made as small.

The clock starts when the pointer is lifted, so the moment in which the viewer waits for another stroke is in it. A
stroke is answered when the page's run has ended, tables and all, and every picture that it changes has been drawn
anew: right and wrong, and both gradient maps (the painted pane itself shows the stroke at once, before the server
knows). With the charts open, also once Plotly has drawn the three that it changes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from seglab.bench.browser import Visitor, visiting
from seglab.bench.server import Server

PAGE = "Losses_and_metrics"
QUERY = "?answered=1&truth=disc&side=256&guess=truth"  # a disc in the middle; the strokes go above it
PHOTO = "?answered=1&truth=photo&guess=model&sure=0&cls=Building"  # the palace: above it is sky
STROKE, CHARTS = 300, 600  # ms wanted
ROW = 15  # strokes that stand side by side
PANES = 5  # viewers on the page: truth, prediction, right and wrong, two gradient maps
CHANGED = (2, 3, 4)  # of them by a stroke on the prediction, beside the prediction itself

# In the page: its viewers, what they show, and when Plotly last drew each chart. A chart may be there before we listen.
SCRIPT = """() => {
  Object.assign(window.__bench, {
    all: [],
    viewers() {
      if (!this.all.length || !this.all.every((v) => v.el.base.isConnected)) {
        const canvas = (node) => node.shadowRoot?.querySelector("canvas.base");
        this.all = [...document.querySelectorAll("*")].map((node) => canvas(node)?.viewer).filter(Boolean);
      }
      return this.all;
    },
    shown() { return this.viewers().map((v) => v.layers[0]?.spec.id); },
    still() { return this.viewers().every((v) => !v.fresh && !v.pending); },
    charts() {
      return [...document.querySelectorAll(".js-plotly-plot")].map((plot) => {
        if (plot.on && !plot.drawn) {
          plot.drawn = performance.now();
          plot.on("plotly_afterplot", () => { plot.drawn = performance.now(); });
        }
        return plot.drawn ?? 0;
      });
    },
  });
  window.addEventListener("pointerup", (event) => { window.__bench.began = event.timeStamp; }, { capture: true });
}"""
PLACES = """(points) => {  // picture pixels of the prediction → points of the page
  const { base } = window.__bench.viewers()[1].el;
  base.scrollIntoView({ block: "center" });
  const box = base.getBoundingClientRect();
  return points.map(([x, y]) => base.viewer.state.view.toCanvas(x + 0.5, y + 0.5))
    .map(([x, y]) => [box.left + x * box.width / base.width, box.top + y * box.height / base.height]);
}"""


def measure(browser: Any, server: Server, repeats: int, done: Callable[..., None]) -> None:
    """Paint `repeats` strokes (at most `ROW`) for each row, and call `done` with it."""
    repeats = min(repeats, ROW)
    with visiting(browser, server, PHOTO, PAGE) as visitor:
        _ready(visitor)
        done("stroke-photo", "Losses, brush stroke on a network's mask → numbers and maps",
             [_stroke(visitor, n, 10) for n in range(repeats)], STROKE)  # fmt: skip
    with visiting(browser, server, QUERY, PAGE) as visitor:
        _ready(visitor)
        done("stroke", "Losses, brush stroke → numbers and maps", [_stroke(visitor, n, 10) for n in range(repeats)],
             STROKE)  # fmt: skip
        _tab(visitor, "Threshold and size", 4)
        done("stroke-charts", "Losses, brush stroke → charts as well",
             [_stroke(visitor, n, 48, charts=True) for n in range(repeats)], CHARTS)  # fmt: skip


def _ready(visitor: Visitor) -> None:
    """Wait until all viewers show what they were given."""
    visitor.painted("v.layers.length")
    visitor.settle()
    visitor.page.evaluate(SCRIPT)
    there = "(window.__bench.all = [], window.__bench.viewers().length)"  # looked for anew: one may be late
    visitor.painted(f"{there} === {PANES} && window.__bench.still()")


def _stroke(visitor: Visitor, n: int, y: int, charts: bool = False) -> float:
    """Paint the n-th stroke of a row on the prediction; return ms until all stands that it changes."""
    mouse, x, bench = visitor.page.mouse, 12 + 16 * n, "window.__bench"
    shown, runs = visitor.page.evaluate(f"() => [{bench}.shown(), {bench}.runs]")
    start, end = visitor.page.evaluate(PLACES, [[x, y], [x + 6, y + 26]])
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=5)
    mouse.up()
    wanted = [f"{bench}.runs > {runs}", f"{bench}.still()"]
    wanted += [f"{bench}.shown()[{k}] !== {json.dumps(shown[k])}" for k in CHANGED]
    if charts:  # all but the second, a mask moved by a pixel: it knows the truth alone
        wanted.append(f"{bench}.charts().filter((drawn, k) => k !== 1 && drawn > {bench}.began).length === 3")
    taken = visitor.painted(" && ".join(wanted))
    visitor.settle()
    return taken


def _tab(visitor: Visitor, name: str, charts: int) -> float:
    """Open a tab with so many charts; return ms from the click until they are there."""
    runs = visitor.page.evaluate("() => window.__bench.runs")
    visitor.page.get_by_role("tab", name=name).click()
    drawn = "document.querySelectorAll('.js-plotly-plot .main-svg:first-child').length"
    taken = visitor.painted(f"window.__bench.runs > {runs} && {drawn} === {charts}")
    visitor.settle()
    visitor.page.evaluate("() => window.__bench.charts()")
    return taken
