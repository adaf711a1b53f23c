"""What a mask is good for: the background or the sky replaced, blurred or filtered, an object cut out."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab import draw
from seglab.types import Image, Labels, Palette
from ui import gallery
from ui.segment_run import Run
from ui.texts import segment as text

FILTERS = ("grey", "sepia", "brighten", "pixelate")


def alpha(run: Run, labels: Labels, classes: Sequence[int]) -> NDArray[np.float32]:
    """Return the opacity (H, W) in 0..1 of the region: the probability of its classes, and 0 or 1 under the brush."""
    soft = run.heat("probability", tuple(classes))
    before = run.labels()
    if labels is before:
        return soft
    return np.where(labels != before, np.isin(labels, classes).astype(np.float32), soft)


def likely(counts: NDArray[np.int64], palette: Palette) -> list[str]:
    """Return the region to begin with: the thing (countable class) with the largest area, else the largest stuff.

    >>> p = Palette("demo", ("sky", "car"), ((0, 0, 0), (9, 9, 9)), things=(1,))
    >>> likely(np.array([90, 10, 0]), p), likely(np.array([90, 0, 0]), p)
    (['car'], ['sky'])
    """
    things = [k for k in palette.things if counts[k] > 0.005 * counts.sum()]
    best = max(things or range(len(palette)), key=lambda k: counts[k])
    return [palette.names[best]]


def background(run: Run, kind: str, color: str) -> Image:
    """Return a picture of the photo's size: one colour ("#rrggbb"), or a gallery picture scaled and cut to fill."""
    height, width = run.photo.size
    if kind == text.USE_PLAIN:
        rgb = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        return np.full((height, width, 3), rgb, np.uint8)
    picture = Pil.fromarray(gallery.load(kind))
    scale = min(picture.width / width, picture.height / height)
    left, top = (picture.width - width * scale) / 2, (picture.height - height * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return np.asarray(picture.resize((width, height), Pil.Resampling.LANCZOS, box=box))


def uses(run: Run, labels: Labels, counts: NDArray[np.int64]) -> None:
    """Show the controls, the finished picture and its download."""
    controls, result = st.columns([1, 2])
    with controls:
        names = st.multiselect(text.USE_REGION, run.palette.names, default=likely(counts, run.palette),
                               key=f"use.region.{run.palette.title}")  # fmt: skip
        what = st.selectbox(text.USE_WHAT, list(text.USES), format_func=text.USES.__getitem__, key="use.what")
        kind, color, radius, name = text.USE_PLAIN, "#56b4e9", 8, FILTERS[0]
        if what in ("replace", "replace_in"):
            options = [text.USE_PLAIN, *gallery.here()]
            kind = st.selectbox(text.USE_BACKGROUND, options, key="use.background",
                                format_func=lambda key: gallery.GALLERY[key].title if key in gallery.GALLERY else key)  # fmt: skip
            if kind == text.USE_PLAIN:
                color = st.color_picker(text.USE_COLOR, color, key="use.color")
        elif what == "blur":
            radius = st.slider(text.USE_RADIUS, 1, 40, radius, key="use.radius")
        elif what == "filter":
            name = st.selectbox(text.USE_FILTER, FILTERS, key="use.filter")
        if not names:
            st.info(text.USE_NONE)
            return
        st.caption(text.USE_NOTE)
    region = alpha(run, labels, [run.palette.index(one) for one in names])
    image = run.photo.image
    if what == "replace":
        picture = draw.replace_background(image, region, background(run, kind, color))
    elif what == "replace_in":
        picture = draw.replace_background(image, 1 - region, background(run, kind, color))
    elif what == "blur":
        picture = draw.blur_background(image, region, radius)
    elif what == "filter":
        picture = draw.filter_region(image, region, name)
    else:
        picture = np.dstack([image, np.round(255 * region).astype(np.uint8)])
    with result:
        st.image(png(picture, 1) if what == "cut" else jpeg(picture), alt=text.USE_ALT.format(what=text.USES[what]), width="stretch")
        st.download_button(text.USE_SAVE, lambda: png(picture), f"{run.photo.stem}_{what}.png", "image/png",
                           on_click="ignore", icon=":material/download:")  # fmt: skip


def png(picture: NDArray[np.uint8], level: int = 4) -> bytes:
    """Return RGB or RGBA (H, W, 3 or 4) as the bytes of a PNG."""
    out = io.BytesIO()
    Pil.fromarray(picture).save(out, "PNG", compress_level=level)
    return out.getvalue()


def jpeg(picture: Image) -> bytes:
    """Return RGB (H, W, 3) as the bytes of a JPEG, to look at: st.image would take far longer to encode an array."""
    out = io.BytesIO()
    Pil.fromarray(picture).save(out, "JPEG", quality=92, subsampling=0)
    return out.getvalue()
