"""Theoretical against effective receptive field of a stage, on the current picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw

from seglab.types import Image
from ui import arch_net, arch_picture, cache
from ui.arch_lab import Shown
from ui.still import still
from ui.texts import architectures as text

Box = tuple[int, int, int, int]  # top, left, height, width
Map = NDArray[np.float32]
SHOWN = 480  # px of the pictures' longer side
ORANGE, WHITE = (230, 159, 0), (255, 255, 255)
STRONG = 99.5  # percentile of the gradient that is as bright as it gets


@dataclass(frozen=True)
class Found:
    """Both fields of a stage's middle: the box, |∂y/∂x| (h, w), and what is read off them."""

    box: Box
    heat: Map
    radius: float
    share: float  # of the gradient in the box of half its sides
    even: float  # what an even field would have there


def half(box: Box) -> Box:
    """Return the box of half the height and width around the same middle, at least one pixel.

    >>> half((0, 2, 8, 4))
    (2, 3, 4, 2)
    """
    top, left, h, w = box
    inner_h, inner_w = max(1, h // 2), max(1, w // 2)
    return top + (h - inner_h) // 2, left + (w - inner_w) // 2, inner_h, inner_w


def share_in(heat: Map, box: Box) -> float:
    """Return the share of a map that lies in a box, 0..1; 0 for a map of zeros.

    >>> share_in(np.ones((4, 4), np.float32), (0, 0, 2, 2))
    0.25
    """
    top, left, h, w = box
    total = float(heat.sum(dtype=np.float64))
    return float(heat[top : top + h, left : left + w].sum(dtype=np.float64)) / total if total else 0.0


def find(shown: Shown) -> Found:
    """Compute both fields of the stage's middle, once; ValueError where there is no such."""
    place = shown.spot.place
    assert place is not None

    def make() -> tuple[Box, Map]:
        from seglab import runtime
        from seglab.effective_field import effective
        from seglab.receptive_field import seen

        net, name = arch_net.looking(shown.given.spec, place.name)
        box = seen(net, shown.given.shape, name)
        with runtime.places().place(None):
            return box, effective(net, arch_picture.tensor(shown.given), name)

    key = "arch", "field", *shown.given.key, shown.spot.id
    box, heat = cache.kept(cache.MAPS, key, make)

    from seglab.effective_field import radius

    inner = half(box)
    area = max(1, box[2] * box[3])
    return Found(box, heat, radius(heat), share_in(heat, inner), inner[2] * inner[3] / area)


def why_not(shown: Shown) -> str:
    """Return the reason why there is nothing to show; "" if there is none."""
    spec, place = shown.given.spec, shown.spot.place
    if not spec.has_numbers:
        return text.FIELD_PAPER
    if spec.volumes:
        return text.FIELD_VOLUME
    if len(shown.spot.shape) != 4:
        return text.FIELD_NONE
    if spec.key == "mask-rcnn" and place is not None and not place.name.startswith(arch_net.BACKBONE):
        return text.FIELD_DETECTOR
    if place is not None and sum(s.place is not None and s.place.name == place.name for s in shown.drawn.stages) > 1:
        return text.FIELD_CALLS
    return ""


def fields(shown: Shown) -> None:
    """Show the tab."""
    name = shown.spot.id
    st.markdown(text.FIELD_INTRO.format(name=name))
    if reason := why_not(shown):
        st.info(reason, icon=":material/info:")
        return
    try:
        found = find(shown)
    except ValueError as error:
        st.info(str(error), icon=":material/info:")
        return
    h, w = shown.given.shape[-2:]
    _, _, tall, wide = found.box
    left, right = st.columns(2)
    picture = framed(arch_picture.seen(shown.given), [(found.box, ORANGE)], Pil.Resampling.BILINEAR)
    left.image(still(picture), alt=text.FIELD_ALT_BOX.format(title=shown.given.title, name=name, h=tall, w=wide),
               caption=text.FIELD_SEEN.format(h=tall, w=wide, size=f"{h}×{w}"), width="stretch")  # fmt: skip
    heat = framed(_bright(found.heat), [(found.box, ORANGE), (half(found.box), WHITE)], Pil.Resampling.NEAREST)
    right.image(still(heat), alt=text.FIELD_ALT_HEAT.format(name=name),
                caption=text.FIELD_EFFECTIVE.format(radius=found.radius), width="stretch")  # fmt: skip
    if not found.heat.any():
        st.warning(text.FIELD_ZERO, icon=":material/lightbulb:")
        return
    with st.container(horizontal=True, gap="medium"):
        st.metric(text.FIELD_BOX, f"{tall}×{wide} px", width="content")
        st.metric(text.FIELD_RADIUS, f"{found.radius:.1f} px", help=text.FIELD_RADIUS_HELP, width="content")
        st.metric(text.FIELD_HALF, f"{found.share:.0%}", text.FIELD_EVEN.format(even=found.even), delta_color="off",
                  delta_arrow="off", help=text.FIELD_HALF_HELP, width="content")  # fmt: skip
    st.markdown(text.FIELD_NOTICE)
    st.caption(text.FIELD_SCALE)


def _bright(heat: Map) -> Image:
    """Return the gradient as colours, on a scale of square roots, for it falls off fast."""
    from seglab import draw

    root = np.sqrt(heat)
    return draw.heat(root, vmin=0.0, vmax=float(np.percentile(root, STRONG)) or float(root.max()) or 1.0)


def framed(image: Image, boxes: list[tuple[Box, tuple[int, int, int]]], how: Pil.Resampling) -> Image:
    """Return a picture enlarged to look at, with boxes of these colours drawn into it."""
    h, w = image.shape[:2]
    factor = SHOWN / max(h, w)
    picture = Pil.fromarray(image).resize((round(w * factor), round(h * factor)), how)
    pen = ImageDraw.Draw(picture)
    for (top, left, tall, wide), color in boxes:
        if tall and wide:
            corners = [left * factor, top * factor, (left + wide) * factor - 1, (top + tall) * factor - 1]
            pen.rectangle(corners, outline=(0, 0, 0), width=4)
            pen.rectangle([corners[0] + 1, corners[1] + 1, corners[2] - 1, corners[3] - 1], outline=color, width=2)
    return np.asarray(picture)
