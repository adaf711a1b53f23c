"""A visitor in a real Chromium, with a clock in the page: what `bench pages` measures with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seglab.bench.server import Server

SCREEN = {"width": 1280, "height": 900}
WAIT = 30_000  # ms that one step may take before the bench gives up

# In the page: `began` by the visitor's own event, `painted` once the viewer has drawn what `test` asks for. The frame
# after the one in which that is first seen has certainly gone to the screen.
CLOCK = """
window.__bench = {
  began: 0,
  viewer() {  // it stands in a shadow root; of several, the last
    if (!this.canvas?.isConnected) {
      const roots = [...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
      this.canvas = roots.map((root) => root.querySelector("canvas.base")).filter(Boolean).at(-1);
    }
    return this.canvas?.viewer;
  },
  runs: 0,  // of the page's script that have ended
  count() {
    const app = document.querySelector(".stApp");
    if (!app) return requestAnimationFrame(() => this.count());
    let before = app.dataset.testScriptState;
    new MutationObserver(() => {
      const now = app.dataset.testScriptState;
      if (before !== now && now === "notRunning") this.runs += 1;
      before = now;
    }).observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
  },
  frame: () => new Promise(requestAnimationFrame),
  async painted(test, limit) {
    const wanted = new Function("v", `return ${test}`);
    for (const end = performance.now() + limit; ; ) {
      await this.frame();
      if (performance.now() > end) throw new Error(`not painted within ${limit} ms: ${test}`);
      const v = this.viewer();
      if (v && !v.fresh && !v.pending && wanted(v)) break;
    }
    await new Promise((done) => setTimeout(done));
    return performance.now() - this.began;
  },
};
for (const type of ["keydown", "click", "change"]) {
  window.addEventListener(type, (event) => { window.__bench.began = event.timeStamp; }, { capture: true });
}
window.__bench.count();
"""


class Visitor:
    """One browser context on a page."""

    def __init__(self, browser: Any, server: Server, query: str, page: str) -> None:
        self.context = browser.new_context(viewport=SCREEN)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.page.add_init_script(CLOCK)
        self.page.goto(f"{server.url}/{page}{query}", wait_until="commit")

    def painted(self, test: str) -> float:
        """Wait until the viewer `v` has drawn what `test` asks for; return ms since the last event."""
        return float(self.page.evaluate("([test, limit]) => window.__bench.painted(test, limit)", [test, WAIT]))

    def after(self, act: Callable[[], object], change: str = "layers[0].spec.id") -> float:
        """Do `act`, and return ms until another layer is drawn."""
        before = self.page.evaluate(f"() => {{ const v = window.__bench.viewer(); return v.{change}; }}")
        act()
        taken = self.painted(f"v.{change} !== {json.dumps(before)}")
        self.settle()
        return taken

    def run(self, act: Callable[[], object]) -> float:
        """Do `act`, and return ms until the page's run has ended and the last viewer has drawn what it was given."""
        before = self.page.evaluate("() => window.__bench.runs")
        act()
        taken = self.painted(f"window.__bench.runs > {before}")
        self.settle()
        return taken

    def settle(self) -> None:
        """Wait until the page's run has ended."""
        self.page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
        self.page.wait_for_function("() => !document.querySelector('[data-stale=true]')")

    def more(self) -> None:
        """Open the expander with temperature and confidence."""
        self.page.get_by_text("More: temperature").first.click()
        self.page.get_by_role("slider", name="Temperature T").wait_for()

    def press(self, slider: str, key: str = "ArrowRight") -> Callable[[], None]:
        """Return what moves a slider by one step, as the keyboard does."""
        self.page.get_by_role("slider", name=slider).focus()
        return lambda: self.page.keyboard.press(key)

    def open_upload(self) -> None:
        """Open the picture menu at the upload."""
        self.page.locator("[data-testid=stPopover] button").first.click()
        body = self.page.locator("[data-testid=stPopoverBody]")
        body.get_by_text("Your photo", exact=True).first.click()
        body.locator("input[type=file]").wait_for(state="attached")
        self.settle()

    def send(self, file: Path) -> None:
        """Choose a file in the open picture menu."""
        body = self.page.locator("[data-testid=stPopoverBody]")
        body.locator("input[type=file]").set_input_files(str(file))

    def upload(self, file: Path) -> float:
        """Choose a file, as the visitor's first; return ms until its mask is painted."""
        self.send(file)
        taken = self.painted("v.layers.length && v.data.alt.startsWith('Your own')")
        self.settle()
        return taken


@contextmanager
def visiting(browser: Any, server: Server, query: str, page: str = "Segment") -> Iterator[Visitor]:
    """Open a page as a new visitor, who leaves at the end."""
    visitor = Visitor(browser, server, query, page)
    try:
        yield visitor
    finally:
        visitor.context.close()


def choose(visitor: Visitor, view: str) -> float:
    """Choose another view from the list; return ms from the click on it."""
    views = visitor.page.get_by_role("combobox", name="View")
    views.scroll_into_view_if_needed()
    visitor.page.evaluate("() => window.__bench.frame().then(window.__bench.frame)")  # scrolling closes lists
    views.click()
    option = visitor.page.get_by_role("option", name=view)
    option.wait_for()
    return visitor.after(option.click)
