"""The rows of `bench pages` about the page "Compare tasks": thresholds moved over a picture with many objects.

The picture is drawn (`seglab.datasets.cells`), 1280×960 with COUNT nuclei, and uploaded like a photo. A move is
answered when the page's run has ended, tables and all, and the last of its three panes has been drawn anew.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seglab import zoo
from seglab.bench.browser import Visitor, visiting
from seglab.bench.server import Server

SIZE = (1280, 960)
COUNT = 60
MODELS = ("nuclei-unet", "nuclei-instances")
PAGE = "Compare_tasks"
TARGET = 300
# Slider, and what it is called in the table. Each moves on by a step, so that no answer is one that was kept.
MOVES = (
    ("Least score", "Compare, least score → panes and tables"),
    ("Least visible share", "Compare, visible share → panes and tables"),
    ("Mask threshold", "Compare, mask threshold → panes and tables"),
)


def there() -> bool:
    """Return whether the page and its models are in this installation."""
    return {*MODELS, "street-instances"} <= set(zoo.offered())  # without the last the page takes no photos


def picture() -> bytes:
    """Return the picture as a PNG file."""
    from PIL import Image as Pil

    from seglab.datasets import cells

    how = cells.Parameters(count=COUNT, size=38, touching=0.4, width=SIZE[0], height=SIZE[1])
    sample = cells.draw(2, 0, how)
    out = io.BytesIO()
    Pil.fromarray(sample.image).save(out, "PNG")
    return out.getvalue()


def measure(browser: Any, server: Server, folder: Path, repeats: int, done: Callable[..., None]) -> None:
    """Upload the picture, move each threshold `repeats` times, and call `done` with each row."""
    file = folder / "nuclei.png"
    file.write_bytes(picture())
    query = f"?what=photo&semantic={MODELS[0]}&objects={MODELS[1]}&score=0.3&visible=0.2&mask=0.3"
    with visiting(browser, server, query, PAGE) as visitor:
        visitor.page.get_by_role("button", name="Just show me").wait_for()
        visitor.settle()
        visitor.open_upload()
        visitor.send(file)
        visitor.page.get_by_text("Picture: nuclei.png").wait_for()  # who closes the menu before ends the upload
        visitor.settle()
        visitor.page.keyboard.press("Escape")
        visitor.page.get_by_role("button", name="Just show me").click()
        visitor.painted("v.layers.length")
        visitor.settle()
        visitor.page.get_by_text("More: the picture").first.click()
        visitor.page.get_by_role("slider", name="Mask threshold").wait_for()
        for slider, what in MOVES:
            before, press = _objects(visitor), visitor.press(slider)
            times = [visitor.run(press) for _ in range(min(repeats, 10))]
            told = f"{what} ({before} to {_objects(visitor)} objects)"
            done(slider.lower().replace(" ", "-"), told, times, TARGET)


def _objects(visitor: Visitor) -> int:
    """Return how many objects the page says it has found."""
    said = visitor.page.get_by_text("objects, each with a mask").first.inner_text()
    return int(said.split()[0])
