"""A class opens one link at once: each visitor uploads a picture of their own and must get back its mask, no other.

`python scripts/load.py --visitors 30 --browsers 4` starts a fresh server and lets the visitors in at the same moment:
some in a real Chromium, the others over Streamlit's own protocol (`scripts/visitor.py`). What comes back is compared,
byte for byte, with what seglab computes from the same file here: the photo and the label map in the viewer's payload,
and, of those that use the protocol, every picture on the way. Exit status 1 if anyone failed or waited over `--limit`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

if __name__ == "__main__":  # started as a file: the repository's root comes first
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.visitor import Shown, Visitor
from seglab import images
from seglab.bench.browser import CLOCK, SCREEN
from seglab.bench.server import Missing, Server, no_start, playwright, served
from ui import gallery, picker
from ui.still import still
from ui.viewer import encode

CONFIDENCE = 0.3
LINK = "model={model}&conf=" + f"{CONFIDENCE:g}"
LIMIT = 90.0  # seconds within which everybody must have their mask
OWN = "Your own"  # what an own picture's alternative text begins with


@dataclass(frozen=True, eq=False)
class Task:
    """A visitor's file and what must come back: the photo as the viewer shows it, the labels, the still pictures."""

    name: str
    data: bytes
    photo: bytes
    labels: NDArray[np.uint8]
    stills: frozenset[bytes]


@dataclass(frozen=True)
class Visit:
    """How a visit went: seconds from opening the link to the page, and to the own mask; "" or what was wrong."""

    kind: str
    opened: float = 0.0
    done: float = 0.0
    problem: str = ""


def picture(n: int) -> bytes:
    """Return visitor n's picture as a JPEG: part of a gallery picture, in a size and with a frame of its own."""
    keys = gallery.here()
    whole = Pil.fromarray(gallery.load(keys[n % len(keys)]))
    rng = np.random.default_rng(n)
    left, top = rng.uniform(0, 0.2, 2) * whole.size
    box = (left, top, left + 0.8 * whole.width, top + 0.8 * whole.height)
    size = (1000 + 8 * n, round((1000 + 8 * n) * whole.height / whole.width))
    own = whole.resize(size, Pil.Resampling.BICUBIC, box=box)
    color = tuple(int(value) for value in rng.integers(0, 256, 3))
    ImageDraw.Draw(own).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=color, width=16)
    out = io.BytesIO()
    own.save(out, "JPEG", quality=90)
    return out.getvalue()


def task(n: int, model: str) -> Task:
    """Compute here what visitor n must be shown."""
    from seglab import inference

    data = picture(n)
    image = images.decode(data)
    labels = inference.segment(image, model, threshold=CONFIDENCE).labels
    height, width = labels.shape
    h, w = encode.shown_size(height, width)
    shown = labels[encode.sample(height, h)[:, None], encode.sample(width, w)]
    return Task(f"visitor {n}.jpg", data, encode.photo(image)["file"], shown, frozenset({still(image)}))


@cache
def common() -> tuple[bytes, frozenset[bytes]]:
    """Return what everybody is shown: the link's photo as the viewer gets it; its still picture and the thumbnails."""
    image = gallery.load(gallery.DEFAULT)
    return encode.photo(image)["file"], frozenset({still(image), *map(picker.thumbnail, gallery.here())})


def check(own: Task, shown: list[Shown], stills: list[bytes]) -> str:
    """Return "" if all that a visitor was shown is theirs or everybody's, and the last is their mask; else what is not.

    >>> white = np.zeros((2, 2), np.uint8)
    >>> mine = Task("mine", b"", b"photo", white, frozenset())
    >>> check(mine, [Shown(b"photo", "Your own photo", (white,))], []), check(mine, [], [])
    ('', 'never saw a mask')
    """
    photo, pictures = common()
    for one in shown:
        if one.photo not in (own.photo, photo):
            return f"was shown a photo that is neither theirs nor the link's: {one.alt}"
    if any(data not in own.stills | pictures for data in stills):
        return "was shown a still picture that is neither theirs nor the link's"
    if not shown:
        return "never saw a mask"
    last = shown[-1]
    if last.photo != own.photo:
        return f"was left with the link's photo: {last.alt}"
    if len(last.labels) != 1 or not np.array_equal(last.labels[0], own.labels):
        wrong = "of another size" if not last.labels or last.labels[0].shape != own.labels.shape else "that differ"
        return f"got labels {wrong} from those of their picture"
    return ""


def by_protocol(server: Server, own: Task, model: str, start: threading.Event | None = None) -> Visit:
    """Open the link, upload, wait for the mask, over Streamlit's protocol."""
    kind, opened = "protocol", 0.0
    if start:
        start.wait()
    began = time.perf_counter()
    try:
        with Visitor(server.url, "Segment", LINK.format(model=model)) as visitor:
            stills, shown = list[bytes](), list[Shown]()
            visitor.on_shown = shown.append
            visitor.on_still = lambda path: stills.append(visitor.fetch(path))
            visitor.run()
            opened = time.perf_counter() - began
            visitor.open("Picture")
            visitor.set(visitor.widget("button_group", "Picture").id, string_array_value=["Your photo"])
            visitor.run()
            visitor.upload(visitor.widget("file_uploader", "").id, own.name, own.data)
            visitor.run()
            done = time.perf_counter() - began
            return Visit(kind, opened, done, check(own, shown, stills))
    except Exception as error:  # whatever it is, it is this visitor's result: a lost connection, a malformed message
        return Visit(kind, opened, time.perf_counter() - began, f"{type(error).__name__}: {error}")


READ = """async () => {
  const v = window.__bench.viewer(), { values, w, h } = v.layers[0];
  const text = (bytes) => {
    let out = "";
    for (let i = 0; i < bytes.length; i += 8192) out += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(out);
  };
  const file = await window.__seglabViewers.photo(v.data.photo).file;
  return { photo: text(new Uint8Array(await file.arrayBuffer())), alt: v.data.alt, labels: text(values), w, h };
}"""


async def by_browser(browser: Any, server: Server, own: Task, file: Path, model: str, go: Callable[[], Any]) -> Visit:
    """Do the same in a Chromium, by the mouse; what is compared is what the browser holds."""
    kind, opened = "browser", 0.0
    context = await browser.new_context(viewport=SCREEN)
    page = await context.new_page()
    page.set_default_timeout(1000 * 2 * LIMIT)
    await page.add_init_script(CLOCK)
    painted = "([test, limit]) => window.__bench.painted(test, limit)"
    await go()
    began = time.perf_counter()
    try:
        await page.goto(f"{server.url}/Segment?{LINK.format(model=model)}", wait_until="commit")
        await page.evaluate(painted, ["v.layers.length", 2000 * LIMIT])
        opened = time.perf_counter() - began
        await page.locator(".stApp[data-test-script-state=notRunning]").wait_for()
        await page.get_by_role("button", name="Picture").first.click()
        menu = page.locator("[data-testid=stPopoverBody]")
        await menu.get_by_text("Your photo", exact=True).first.click()
        await menu.locator("input[type=file]").set_input_files(str(file))
        await page.evaluate(painted, [f"v.layers.length && v.data.alt.startsWith('{OWN}')", 2000 * LIMIT])
        done = time.perf_counter() - began
        got = await page.evaluate(READ)
        labels = np.frombuffer(base64.b64decode(got["labels"]), np.uint8).reshape(got["h"], got["w"])
        return Visit(kind, opened, done, check(own, [Shown(base64.b64decode(got["photo"]), got["alt"], (labels,))], []))
    except Exception as error:  # Playwright's own errors, by whatever name
        return Visit(kind, opened, time.perf_counter() - began, f"{type(error).__name__}: {str(error)[:300]}")
    finally:
        await context.close()


def visits(server: Server, tasks: list[Task], browsers: int, model: str) -> list[Visit]:
    """Let all visitors in at once, the first `browsers` of them in a Chromium; return how it went for each."""
    results: list[Visit | None] = [None] * len(tasks)
    start = threading.Event()

    def visit(n: int) -> None:
        results[n] = by_protocol(server, tasks[n], model, start)

    threads = [threading.Thread(target=visit, args=(n,)) for n in range(browsers, len(tasks))]
    for thread in threads:
        thread.start()
    try:
        if browsers:
            # In a thread of its own: this one may have an event loop already, as under pytest with Playwright.
            with ThreadPoolExecutor(1) as pool:
                go = pool.submit(lambda: asyncio.run(_in_browsers(server, tasks[:browsers], model, start)))
                results[:browsers] = go.result()
    finally:
        start.set()
        for thread in threads:
            thread.join()
    return [result or Visit("browser", problem="never began") for result in results]


async def _in_browsers(server: Server, tasks: list[Task], model: str, start: threading.Event) -> list[Visit | None]:
    module, options = playwright("async_api")
    ready = 0
    everybody = asyncio.Event()

    async def go() -> None:
        nonlocal ready
        ready += 1
        if ready == len(tasks):
            start.set()
            everybody.set()
        await everybody.wait()

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / one.name for one in tasks]
        for file, one in zip(files, tasks, strict=True):
            file.write_bytes(one.data)
        async with module.async_playwright() as running:
            try:
                browser = await running.chromium.launch(**options)
            except module.Error as error:
                raise Missing(no_start(error)) from error
            made = [by_browser(browser, server, one, file, model, go) for one, file in zip(tasks, files, strict=True)]
            return list(await asyncio.gather(*made))


def load(visitors: int, browsers: int, model: str, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run the whole test on a fresh server; return its figures (seconds and bytes) and every visit."""
    say(f"computing what {visitors} visitors must get …")
    tasks = [task(n, model) for n in range(visitors + 2)]
    with served() as server:
        warm = by_protocol(server, tasks[-1], model)  # torch imported, model loaded
        alone = by_protocol(server, tasks[-2], model)
        say(f"one visitor alone: {alone.done:.2f} s {warm.problem or alone.problem}")
        before = server.memory()
        all_visits = visits(server, tasks[:visitors], browsers, model)
        after = server.memory()
    times = [visit.done for visit in all_visits]
    return {
        "visitors": visitors, "browsers": browsers, "model": model, "alone": alone.done,
        "median": statistics.median(times), "p95": float(np.percentile(times, 95)), "max": max(times),
        "opened": {"median": statistics.median(visit.opened for visit in all_visits),
                   "max": max(visit.opened for visit in all_visits)},
        "problems": [visit.problem for visit in (warm, alone, *all_visits) if visit.problem],
        "memory_before": before, "memory_after": after, "visits": [asdict(visit) for visit in all_visits],
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--visitors", type=int, default=30, help="how many at once (%(default)s)")
    parser.add_argument("--browsers", type=int, default=4, help="how many of them in a real Chromium (%(default)s)")
    parser.add_argument("--model", default="street-fast", help="a key of the zoo (%(default)s)")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for everybody (%(default)g)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(arguments)
    if not 0 <= args.browsers <= args.visitors or args.visitors < 1:
        parser.error("--visitors must be at least 1, and --browsers from 0 to as many")
    try:
        found = load(args.visitors, args.browsers, args.model, lambda text: print(text, file=sys.stderr, flush=True))
    except (Missing, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        grown = (found["memory_after"] - found["memory_before"]) / 1e6
        print(f"{found['visitors']} visitors at once, {found['browsers']} of them browsers, {found['model']}")
        print(f"one alone, first: {found['alone']:.2f} s")
        print(f"own mask after:   median {found['median']:.1f} s, p95 {found['p95']:.1f} s, max {found['max']:.1f} s")
        print(f"link open after:  median {found['opened']['median']:.1f} s, max {found['opened']['max']:.1f} s")
        print(f"server's memory:  {found['memory_before'] / 1e6:.0f} MB before, {grown:+.0f} MB")
        print(f"failures:         {len(found['problems'])}", *found["problems"], sep="\n  ")
    return int(bool(found["problems"]) or found["max"] > args.limit)


if __name__ == "__main__":
    sys.exit(main())
