"""The RoI lab of the page "Upsampling": a box on a feature map, RoIPool's two roundings against RoIAlign's samples.

Words in ui/texts/upsampling_views.py, choices in ui/upsampling_views_state.py. All boxes are in pixels of the picture
made `SIDE` long, as a network would get it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from ui import cache, expander, picker, upsampling_labs
from ui import viewer as v
from ui.grid import Links, Panel, Points, Step, grid
from ui.picker import Photo
from ui.texts import upsampling_views as text
from ui.upsampling_badge import apart
from ui.upsampling_bin import one_bin
from ui.upsampling_stacks import refuse
from ui.upsampling_views_state import CELL, EDGES, GOOD_BOX, MAPS, MOST_BINS, MOST_SAMPLES, SIDE, STRIDES, box_shown

if TYPE_CHECKING:
    from seglab.types import Image
    from seglab.upsampling.roi import Box, Misalignment, RoIAlign, RoIPool

Plane = NDArray[np.float64]

DRAWN = "upsampling.roi.drawn"  # the box last dragged, as long as the numbers are its
DRAGS = "upsampling.roi.drags"  # in the viewer's key: another one has no frame of a drag, and by its link the same zoom
HEIGHT, EDGE_WIDTH = 400, 76  # px
WIDE = 20  # columns of a map
FINE = 2  # pixels of the drawn boxes for each of the picture
TRUE, ROUNDED, BIN, POINT, CHOSEN = 1, 2, 3, 4, 5
COLORS = {TRUE: (86, 180, 233), ROUNDED: (213, 94, 0), BIN: (230, 159, 0), POINT: (0, 158, 115), CHOSEN: (240, 228, 66)}
NAMES = {TRUE: text.R_TRUE, ROUNDED: text.R_ROUNDED, BIN: text.R_BIN, POINT: text.R_POINT, CHOSEN: text.R_CHOSEN}


@dataclass(frozen=True, eq=False)
class View:
    """One box both ways; `off` is RoIPool's misalignment, `off_align` that of RoIAlign's box, in pixels."""

    feature: Plane
    box: Box
    stride: int
    pool: RoIPool
    align: RoIAlign
    off: Misalignment
    off_align: Box
    notes: tuple[str, str]


def roi() -> None:
    """Show the lab."""
    st.markdown(text.R_INTRO)
    now = st.session_state
    photo = picker.current()
    image = working(photo)
    _take_drag(now.get(_viewer(image)), image.shape)
    left, right = st.columns([3, 2])
    with right:
        picker.picker()
        _controls()
    picker.messages(photo)
    view = _view(image)
    cell = _cell(now["bins"])
    with left:
        _picture(photo, image, view, cell)
    with right:
        _numbers(view)
    st.latex(text.R_SCALED.format(*view.box, *view.pool.box, *view.pool.rounded, stride=view.stride), width="content")
    grid(panels(view), key="upsampling.roi.grid", links=links(view), points=[points(view)], steps=steps(view),
         label=text.R_GRID)  # fmt: skip
    st.caption(text.R_ROUNDED_NOTE.format(*view.pool.rounded))
    if now["rmap"] == "places":
        st.caption(text.R_PLACES_NOTE)
    # A link to another bin than the first is about that bin.
    now.setdefault(expander.key(upsampling_labs.BIN), cell != (min(1, now["bins"] - 1),) * 2)
    if (box := expander.expander(text.R_ONE_BIN, upsampling_labs.BIN, ":material/function:")) is not None:
        with box:
            one_bin(view.feature, view.pool, view.align, cell)
    st.caption(text.R_INSIDE)


def _viewer(image: Image) -> str:
    """Return the key of the viewer that boxes are drawn in."""
    return f"upsampling.roi.picture.{image.shape[:2]}.{st.session_state.get(DRAGS, 0)}"


def _take_drag(sent: Any, shape: tuple[int, ...]) -> None:
    """Take over a box that was just drawn: what the viewer sent is known before it, and the fields stand before it."""
    now = st.session_state
    match sent and sent.get("box"):
        case {"at": [int(x0), int(y0), int(x1), int(y1)]} if 0 <= x0 < x1 <= shape[1] and 0 <= y0 < y1 <= shape[0]:
            now[DRAWN] = [float(x0), float(y0), float(x1), float(y1)]
            now.update(zip(EDGES, now[DRAWN], strict=True))
    if DRAWN in now and now[DRAWN] != [now[key] for key in EDGES]:  # the frame of the drag is no longer the box
        del now[DRAWN]
        now[DRAGS] = now.get(DRAGS, 0) + 1


def working(photo: Photo) -> Image:
    """Return the photo with its longer side made `SIDE` pixels, as a detector resizes what it is given."""
    height, width = photo.size
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def make() -> Image:
        return np.asarray(Pil.fromarray(photo.image).resize(size, Pil.Resampling.BILINEAR, reducing_gap=2.0))

    return cache.kept(cache.MAPS, ("upsampling", "roi", photo.hash), make)


def feature(image: Image, stride: int, kind: str) -> Plane:
    """Return the map: the mean grey of each stride × stride pixels in whole numbers, or 100·row + column.

    >>> feature(np.full((20, 40, 3), 7, np.uint8), 16, "photo").tolist()
    [[7.0, 7.0, 7.0], [7.0, 7.0, 7.0]]
    """
    rows, columns = (-(-side // stride) for side in image.shape[:2])
    if kind == "places":
        return np.add.outer(100.0 * np.arange(rows), np.arange(columns))
    grey = np.asarray(Pil.fromarray(image).convert("L"), np.float64)
    starts = [np.arange(n) * stride for n in (rows, columns)]
    sums = np.add.reduceat(np.add.reduceat(grey, starts[0], 0), starts[1], 1)  # the last cells may be cut off
    sizes = [np.diff([*at, side]) for at, side in zip(starts, grey.shape, strict=True)]
    return np.rint(sums / np.outer(*sizes))


def view_of(values: Plane, box: Box, bins: int, stride: int, samples: int, aligned: bool) -> View:
    """Compute both, and compare them with torchvision's; ValueError for an empty or reversed box."""
    import torch
    from torchvision import ops

    from seglab.upsampling.roi import misalignment, roi_align, roi_pool

    scale = 1 / stride
    pool = roi_pool(values, box, bins, scale)
    align = roi_align(values, box, bins, scale, samples, aligned)
    x = torch.from_numpy(np.array(values))[None, None]
    boxes = torch.tensor([[0.0, *box]], dtype=torch.float64)
    pooled = ops.roi_pool(x, boxes, bins, scale)[0, 0].numpy()
    sampled = ops.roi_align(x, boxes, bins, scale, samples, aligned)[0, 0].numpy()
    notes = badge(pool.result.output, pooled), badge(align.result.output, sampled)
    edges: Any = tuple((cell + 0.5) * stride - edge for cell, edge in zip(align.box, box, strict=True))
    return View(values, box, stride, pool, align, misalignment(box, scale, bins), edges, notes)


def badge(ours: Plane, theirs: Plane) -> str:
    """Say whether ours and torchvision's are equal but for rounding."""
    equal, most = apart(ours, theirs)
    return text.EQUAL if equal else text.DIFFERS_VISION.format(most=most)


def _controls() -> None:
    now = st.session_state
    bins, stride = st.columns(2)
    bins.slider(text.R_BINS, 1, MOST_BINS, key="bins", persist_state="session")
    stride.segmented_control(text.R_STRIDE, STRIDES, key="rscale", required=True, help=text.R_STRIDE_HELP,
                             persist_state="session")  # fmt: skip
    with st.container(horizontal=True, gap="small"):  # in one line on a phone too
        for key, name in zip(EDGES, text.R_EDGES, strict=True):
            now[key] = float(now[key])
            st.number_input(name, 0.0, float(SIDE), step=1.0, format="%g", key=key, persist_state="session",
                            width=EDGE_WIDTH, help=text.R_EDGE_HELP.format(side=SIDE))  # fmt: skip
    if (box := expander.expander(text.R_MORE, "upsampling.roi")) is None:
        return
    with box:
        st.segmented_control(text.R_MAP, MAPS, format_func=text.R_MAPS.__getitem__, key="rmap", required=True,
                             persist_state="session")  # fmt: skip
        left, right = st.columns(2, vertical_alignment="bottom")
        left.slider(text.R_SAMPLES, 0, MOST_SAMPLES, key="samples", help=text.R_SAMPLES_HELP, persist_state="session")
        right.toggle(text.R_ALIGNED, key="aligned", help=text.R_ALIGNED_HELP, persist_state="session")


def _view(image: Image) -> View:
    """Return the box as it is asked for, or with a sentence the last one that could be."""
    now = st.session_state
    values = feature(image, now["rscale"], now["rmap"])
    rest = now["bins"], now["rscale"], now["samples"], now["aligned"]
    box = now["bx0"], now["by0"], now["bx1"], now["by1"]
    try:
        view = view_of(values, box, *rest)
        now[GOOD_BOX] = box
    except ValueError as error:
        last = box_shown(now)
        refuse(str(error), text.R_LAST.format(*last))
        view = view_of(values, last, *rest)
    return view


def _cell(bins: int) -> tuple[int, int]:
    """Let the bin be chosen that is written out; return its row and column."""
    now = st.session_state
    for key in CELL:
        now[key] = min(int(now[key]), bins - 1)
    return now[CELL[0]], now[CELL[1]]


def overlay(size: tuple[int, int], view: View, cell: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw boxes, bins and sample points as ids, `FINE` pixels for each of the picture's (H, W) = `size`."""
    ids = np.zeros((size[0] * FINE, size[1] * FINE), np.uint8)

    def line(x0: float, y0: float, x1: float, y1: float, k: int, thick: int) -> None:
        (ax, ay), (bx, by) = ((round(x * FINE), round(y * FINE)) for x, y in ((x0, y0), (x1, y1)))
        ids[max(0, ay - thick) : max(0, by + thick), max(0, ax - thick) : max(0, bx + thick)] = k

    def frame(x0: float, y0: float, x1: float, y1: float, k: int, thick: int) -> None:
        for ends in ((x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)):
            line(*ends, k, thick)

    stride = view.stride
    for top, bottom in view.pool.rows * stride:
        for left, right in view.pool.columns * stride:
            frame(left, top, right, bottom, BIN, 1)
    x1, y1, x2, y2 = view.pool.rounded
    frame(x1 * stride, y1 * stride, (x2 + 1) * stride, (y2 + 1) * stride, ROUNDED, 2)
    frame(*view.box, TRUE, 2)
    for i, rows in enumerate(view.align.y):
        for j, columns in enumerate(view.align.x):
            k, thick = (CHOSEN, 4) if (i, j) == cell else (POINT, 3)
            for y in (rows + 0.5) * stride:
                for x in (columns + 0.5) * stride:
                    line(x, y, x, y, k, thick)
    return ids


def _picture(photo: Photo, image: Image, view: View, cell: tuple[int, int]) -> None:
    entries = tuple(v.Entry(k, name, COLORS[k], name) for k, name in NAMES.items())
    v.viewer(
        v.send(image, key="upsampling.roi.photo"),
        [v.IdLayer(overlay(image.shape[:2], view, cell), entries, text.R_DRAWN)], tools=("box",), tool="box",
        key=_viewer(image), link=f"upsampling.roi.{photo.hash}", height=HEIGHT, opacity=1.0, controls="tools",
        alt=text.R_PICTURE_ALT.format(alt=photo.alt),
    )  # fmt: skip


def _numbers(view: View) -> None:
    with st.container(horizontal=True, gap="medium"):
        st.metric(text.R_OFF_POOL, text.R_PX.format(n=view.off.largest), width="content", help=text.R_OFF_HELP)
        worst = max(abs(edge) for edge in view.off_align)
        st.metric(text.R_OFF_ALIGN, text.R_PX.format(n=worst), width="content", help=text.R_OFF_HELP_ALIGN)
    edges = (round(n, 6) + 0.0 for n in (*view.off.box, *view.off_align))  # no −0
    st.caption(text.R_NOTICE.format(*edges, stride=view.stride).replace("-", "−"))


def panels(view: View) -> list[Panel]:
    """Return map and both results, with the badges; a wide map comes last, so that the results are in sight."""
    of_map, of_pool, of_align = text.R_PANELS
    values = Panel("map", of_map, view.feature, scale="values")
    pool = Panel("pool", of_pool, view.pool.result.output, note=view.notes[0], scale="values")
    align = Panel("align", of_align, view.align.result.output, note=view.notes[1], scale="values")
    return [pool, align, values] if view.feature.shape[1] > WIDE else [values, pool, align]


def links(view: View) -> list[Links]:
    """Return what each bin reads."""
    return [Links.of(view.pool.result.trace, "map", "pool"), Links.of(view.align.result.trace, "map", "align")]


def points(view: View) -> Points:
    """Return where each bin of RoIAlign samples the map."""
    at = [[(y, x) for y in rows for x in columns] for rows in view.align.y for columns in view.align.x]
    return Points("map", "align", np.array(at))


def steps(view: View) -> list[Step]:
    """Play both: the box, its rounding, each bin's rounding and maximum, each bin's samples."""
    height, width = view.feature.shape
    pool, align = view.pool.result, view.align.result
    x1, y1, x2, y2 = view.pool.rounded
    pooled, aligned = np.full_like(pool.output, np.nan), np.full_like(align.output, np.nan)
    played = [
        Step(text.R_STEP_BOX.format(*view.pool.box), {}, {"pool": pooled.copy(), "align": aligned.copy()}),
        Step(text.R_STEP_ROUND.format(x1, y1, x2, y2), {"map": _cells(y1, y2 + 1, x1, x2 + 1, height, width)}),
    ]
    for i, j in np.ndindex(pool.output.shape):
        (top, bottom), (left, right) = view.pool.rows[i].tolist(), view.pool.columns[j].tolist()
        pooled[i, j] = pool.output[i, j]
        cells = _cells(top, bottom, left, right, height, width)
        said = text.R_STEP_POOL.format(i=i, j=j, rows=text.R_TO.format(top, bottom - 1), value=pooled[i, j],
                                       columns=text.R_TO.format(left, right - 1))  # fmt: skip
        said = said if len(cells) else text.R_STEP_NONE.format(i=i, j=j)
        played.append(Step(said, {"map": cells, "pool": [(i, j)]}, {"pool": pooled.copy()}))
    for i, j in np.ndindex(align.output.shape):
        aligned[i, j] = align.output[i, j]
        read = [at for at, _ in align.trace.sources((i, j))]
        said = text.R_STEP_ALIGN.format(i=i, j=j, n=view.align.y.shape[1] * view.align.x.shape[1], value=aligned[i, j])
        played.append(Step(said, {"map": read, "align": [(i, j)]}, {"align": aligned.copy()}))
    return played


def _cells(top: int, bottom: int, left: int, right: int, height: int, width: int) -> list[tuple[int, int]]:
    """Cells of a range that lie on the map."""
    rows, columns = range(max(top, 0), min(bottom, height)), range(max(left, 0), min(right, width))
    return [(r, c) for r in rows for c in columns]
