"""What a mask is good for: the background or the sky replaced, blurred or filtered, an object cut out."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab import draw
from seglab.types import Image, Labels, Palette
from ui import files, gallery
from ui.segment_run import Run
from ui.still import still
from ui.texts import segment as text

SKY = "Sky"


def alpha(run: Run, labels: Labels, classes: Sequence[int], softness: float = 0.5) -> NDArray[np.float32]:
    """Return the opacity (H, W) in 0..1 of the region: from its classes' probability, and 0 or 1 under the brush."""
    soft = draw.soft_alpha(run.heat("probability", tuple(classes)), softness)
    before = run.labels()
    if labels is before:
        return soft
    return np.where(labels != before, np.isin(labels, classes).astype(np.float32), soft)


def likely(counts: NDArray[np.int64], palette: Palette) -> list[str]:
    """Return the region to begin with: the sky or the thing (countable class) with the largest area, else the largest.

    >>> p = Palette("demo", ("Sky", "Road", "Car"), ((0, 0, 0), (5, 5, 5), (9, 9, 9)), things=(2,))
    >>> likely(np.array([20, 70, 10, 0]), p), likely(np.array([1, 9, 90, 0]), p), likely(np.array([0, 100, 0, 0]), p)
    (['Sky'], ['Car'], ['Road'])
    """
    wanted = [k for k, name in enumerate(palette.names) if (k in palette.things or name == SKY) and counts[k]]
    best = max(wanted or range(len(palette)), key=lambda k: counts[k])
    return [palette.names[best]]


def uses(run: Run, labels: Labels, counts: NDArray[np.int64]) -> None:
    """Show the controls, the finished picture and its download."""
    controls, result = st.columns([1, 2])
    with controls:
        key = _region_key(run)
        if key not in st.session_state:
            st.session_state[key] = likely(counts, run.palette)
            if SKY in st.session_state[key]:  # nobody wants everything but the sky replaced
                st.session_state["use.what"] = "replace_in"
        names = st.multiselect(text.USE_REGION, run.palette.names, key=key, persist_state="session")
        what = st.selectbox(text.USE_WHAT, list(text.USES), format_func=text.USES.__getitem__, key="use.what")
        change = _change(what)
        softness = st.slider(text.USE_SOFTNESS, 0.05, 1.0, 0.5, 0.05, key="use.softness", help=text.USE_NOTE)
    if not names:
        result.info(text.USE_NONE)
        return
    picture = change(run.photo.image, alpha(run, labels, [run.palette.index(name) for name in names], softness))
    with result:
        st.image(still(picture), alt=text.USE_ALT.format(what=text.USES[what]), width="stretch")
        files.offer(
            text.USE_SAVE, partial(png, picture), f"{run.photo.stem}_{what}.png", "image/png", key="segment.use"
        )


def region(run: Run, counts: NDArray[np.int64]) -> list[int]:
    """Return the classes of the region that was chosen, or of the likely one where none was."""
    names = st.session_state.get(_region_key(run)) or likely(counts, run.palette)
    return [run.palette.index(name) for name in names]


def _region_key(run: Run) -> str:
    return f"use.region.{run.photo.hash}.{run.palette.title}"


def _change(what: str) -> Callable[[Image, NDArray[np.float32]], NDArray[np.uint8]]:
    """Show the controls of one use; return what it does to a picture and the region's alpha."""
    if what == "cut":
        return draw.cut_out
    if what == "blur":
        radius = st.slider(text.USE_RADIUS, 1, 40, 8, key="use.radius")
        return lambda image, region: draw.blur_background(image, region, radius)
    if what == "filter":
        name = st.selectbox(text.USE_FILTER, list(draw.FILTERS), key="use.filter")
        return lambda image, region: draw.filter_region(image, region, name)
    kind = st.selectbox(
        text.USE_BACKGROUND, [text.USE_PLAIN, *gallery.here()], key="use.background",
        format_func=lambda key: gallery.GALLERY[key].title if key in gallery.GALLERY else key,
    )  # fmt: skip
    behind: Image | tuple[int, int, int]
    if kind == text.USE_PLAIN:
        color = st.color_picker(text.USE_COLOR, "#f4a261", key="use.color")
        behind = int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
    else:
        behind = gallery.load(kind)
    if what == "replace_in":
        return lambda image, region: draw.replace_background(image, 1 - region, behind)
    return lambda image, region: draw.replace_background(image, region, behind)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return RGB or RGBA (H, W, 3 or 4) as the bytes of a PNG."""
    out = io.BytesIO()
    Pil.fromarray(picture).save(out, "PNG", compress_level=4)
    return out.getvalue()
