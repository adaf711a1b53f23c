"""The one picture component: a photo and layers over it, blended in the browser.

Opacity, class visibility, outlines, before/after, zoom and pan stay in the browser and send nothing. A click, a box
or a brush stroke comes back to Python, in pixels of the picture that was handed in, whatever size it is shown at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st

from seglab.types import Image, Labels, Palette, check_image
from ui.viewer import encode
from ui.viewer import strokes as brush
from ui.viewer.layers import IdLayer, LabelLayer, Layer, shape, spec
from ui.viewer.strokes import Stroke

Tool = Literal["click", "box", "brush"]
TOOLS: tuple[Tool, ...] = ("click", "box", "brush")
# One ES module, in parts that can each be read in one sitting; viewer.js comes last and has the default export. It goes
# to the browser in an element of its own, see loader.js.
_PARTS = (
    "shared.js", "dom.js", "layers.js", "regions.js", "labels.js", "ids.js", "view.js", "input.js", "legend.js",
    "drawing.js", "light.js", "panel.js", "report.js", "linked.js", "viewer.js",
)  # fmt: skip
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class ViewerEvent:
    """What the person did, in picture pixels.

    `click` (x, y) and `box` (x0, y0, x1, y1; the last two exclusive, so that image[y0:y1, x0:x1] is its content) are
    there in the one run that they cause, `serial` grows with each; `strokes` are all there are on this picture.
    """

    click: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    strokes: tuple[Stroke, ...] = ()
    serial: int = 0


@dataclass(frozen=True)
class Sent:
    """A photo that `send` has put on the page: viewers take it in the place of the array. `size` is (H, W)."""

    id: str
    size: tuple[int, int]


_HIDDEN = "seglab-photo"  # in the key of the photo's element, and so in its CSS class, which style.css hides


def _joined(*parts: str) -> str:
    return "\n".join((_HERE / part).read_text("utf-8") for part in parts)


_photo = st.components.v2.component("seglab_photo", js=_joined("shared.js", "photo.js"), isolate_styles=False)
_code = st.components.v2.component("seglab_viewer_code", js=_joined(*_PARTS), isolate_styles=False)
_component = st.components.v2.component(
    "seglab_viewer",
    html=(_HERE / "viewer.html").read_text("utf-8"),
    css=(_HERE / "viewer.css").read_text("utf-8"),
    js=_joined("shared.js", "loader.js"),
)


def send(image: Image, *, key: str) -> Sent:
    """Send a photo, RGB uint8 (H, W, 3), to the page, unseen; viewers there show what this returns.

    So a photo that several viewers show, or that stays while viewers come and go, crosses the network once: Streamlit
    sends an element that hasn't changed as a mere reference. `key` names this element, apart from the viewers'. Not
    into an `st.empty`, which holds one element. ValueError if it isn't a picture.
    """
    check_image(image)
    photo = encode.photo(image)
    _photo(key=f"{key}.{_HIDDEN}", data=photo["id"].encode() + photo["file"])
    return Sent(photo["id"], (image.shape[0], image.shape[1]))


def viewer(
    image: Image | Sent | None,
    layers: Sequence[Layer | Labels] = (),
    *,
    key: str,
    palette: Palette | None = None,
    before: Sequence[Layer | Labels] = (),
    height: int | None = None,
    tools: Sequence[Tool] = (),
    tool: Literal["box", "brush"] | None = None,
    link: str | None = None,
    alt: str = "Picture",
    opacity: float = 0.55,
    outlines: bool = False,
    divider: bool = False,
    legend: bool = True,
    controls: bool | Literal["tools"] = True,
    ink: int | None = None,
    marks: Iterable[tuple[int, int]] = (),
    strokes: Iterable[Stroke] = (),
) -> ViewerEvent:
    """Show `image` (RGB uint8 (H, W, 3), what `send` gave, or None) with `layers` over it; return what was done.

    Layers are drawn in order and may be of any size: each is stretched over the picture, pixel by pixel. A bare uint8
    array is a `LabelLayer` in `palette`. `before` are the layers left of the before/after divider (none: the photo).
    `tools` are "click", "box", "brush" (paints on the first label layer, which must be of the picture's size); `tool`
    is active at first. `opacity`, `outlines`, `divider` (shown or not) are first values: the person's own choice is
    kept when new data comes, as are zoom and hidden classes. `controls` "tools" leaves the tools alone, for a narrow
    place; `ink` is the class that the brush paints at first. Viewers with the same `link` move together, and what is
    pointed at in one (or in a `segment_table`) is lit in all. `height` is the most px the picture takes (560 by
    default); `alt` describes it. `marks` are points (x, y) to ring; `strokes` are there when the picture is first shown
    (from a link). The viewer's code, an array, and the ids of an `IdLayer` are sent just before it in elements of their
    own, so that only what has changed is sent again; so in an `st.empty` every viewer needs a container around it.
    ValueError for arrays or tools that don't fit.
    """
    given = [_layer(item, palette) for item in layers]
    earlier = [_layer(item, palette) for item in before]
    if isinstance(image, Sent):
        size = image.size
    elif image is not None:
        check_image(image)
        size = image.shape[0], image.shape[1]
    elif given:
        size = shape(given[0])
    else:
        raise ValueError("There is nothing to show: hand in an image, a layer, or both.")
    paper = next((item for item in given if isinstance(item, LabelLayer)), None)
    _check_tools(tools, tool, paper, size)
    photo = send(image, key=key) if isinstance(image, np.ndarray) else image
    _code(key=f"{key}.{_HIDDEN}.code", data=None)
    _send_ids([item for item in (*given, *earlier) if isinstance(item, IdLayer)], key)
    picture_id = photo.id if photo else f"{size[1]}x{size[0]}"
    first = tuple(strokes)
    data = {
        "key": key, "link": link, "alt": alt, "image": picture_id, "width": size[1], "height": size[0],
        "photo": photo and photo.id,
        "layers": [spec(item) for item in given], "before": [spec(item) for item in earlier],
        "max_height": int(height or 560), "tools": list(tools), "tool": tool, "opacity": float(opacity),
        "outlines": bool(outlines), "divider": bool(divider), "legend": bool(legend), "controls": controls,
        "ink": ink,
        "marks": [[int(x), int(y)] for x, y in marks], "strokes": brush.pack(first),
    }  # fmt: skip
    result = _component(
        key=key, data=data, on_click_change=_nothing, on_box_change=_nothing, on_strokes_change=_nothing
    )
    return _event(result, picture_id, size, paper, first)


def _send_ids(layers: Sequence[IdLayer], key: str) -> None:
    """Send the pixels of `layers` to the page, each content once, the way `send` does it with a photo."""
    files = {layer.packed["id"]: layer.packed["file"] for layer in layers}
    for n, (name, file) in enumerate(files.items()):
        _photo(key=f"{key}.{_HIDDEN}.{n}", data=name.encode() + file)


def _nothing() -> None:
    """Streamlit lists a value in the result when it has a callback; nothing needs to happen in it."""


def _layer(item: Layer | Labels, palette: Palette | None) -> Layer:
    if isinstance(item, Layer):
        return item
    if palette is None:
        raise ValueError("A bare array of labels needs palette=…; or wrap it in LabelLayer, HeatLayer or IdLayer.")
    return LabelLayer(item, palette)


def _check_tools(tools: Sequence[str], tool: str | None, paper: LabelLayer | None, size: tuple[int, int]) -> None:
    unknown = sorted(set(tools) - set(TOOLS))
    if unknown or (tool is not None and tool not in tools):
        raise ValueError(f"Tools are {', '.join(TOOLS)}, and `tool` is one of those given; got {unknown or tool!r}.")
    if "brush" in tools and (paper is None or paper.labels.shape != size):
        got = "no label layer" if paper is None else f"labels of {paper.labels.shape}"
        raise ValueError(f"The brush paints on the first label layer, of the picture's size {size}; got {got}.")


def _event(
    result: Any, picture_id: str, size: tuple[int, int], paper: LabelLayer | None, first: tuple[Stroke, ...]
) -> ViewerEvent:
    """Turn what the browser sent into an event; what belongs to another picture, or lies outside it, is dropped."""

    def value(name: str) -> dict[str, Any]:
        sent = result.get(name)
        return sent if isinstance(sent, dict) and sent.get("image") == picture_id else {}

    height, width = size
    serial, click, box = 0, None, None
    match value("click"):
        case {"at": [int(x), int(y)], "serial": int(n)} if 0 <= x < width and 0 <= y < height:
            click, serial = (x, y), n
    match value("box"):
        case {"at": [int(x0), int(y0), int(x1), int(y1)], "serial": int(n)} if (
            0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        ):
            box, serial = (x0, y0, x1, y1), max(n, serial)
    painted = first
    sent = value("strokes")
    if sent and paper is not None:
        painted = brush.parse(sent.get("list"), frozenset({*range(len(paper.palette)), paper.palette.ignore_index}))
    return ViewerEvent(click, box, painted, serial)
