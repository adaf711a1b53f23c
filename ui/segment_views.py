"""The picture of the Segment page in each view, and what a click shows."""

from __future__ import annotations

from html import escape
from typing import Any, Literal

import streamlit as st

from seglab.types import Palette
from ui import segment_mask
from ui import viewer as v
from ui.legend import STYLE
from ui.segment_mask import Mask
from ui.segment_run import Run
from ui.texts import segment as text

CLICK = "segment.click"
BARS = """<style>
.sl-bars td:nth-child(2){width:50%}
.sl-bars div{height:.8em;border-radius:2px;border:1px solid rgba(128,128,128,.6);min-width:1px}
</style>"""


def show(run: Run, view: str, k: int, photo: v.Sent, slot: Any) -> Mask:
    """Show the picture in `slot`, a place of its own; remember click and strokes; return the mask as it is now."""
    mask = segment_mask.current(run)
    name = run.palette.names[k]
    layer: v.LabelLayer | v.HeatLayer
    tools: tuple[Literal["click", "brush"], ...]
    if view == "labels":
        layer = v.LabelLayer(mask.base, run.palette, text.ALT_LABELS)
        tools = ("click", "brush")
    else:
        heading = {"probability": text.HEAT_PROBABILITY.format(name=name), "entropy": text.HEAT_ENTROPY}
        layer = v.HeatLayer(run.heat(view, k), heading.get(view, text.HEAT_MARGIN), 0.0, 1.0)
        tools = ("click",)
    shown = text.VIEWS[view] if view != "probability" else text.HEAT_PROBABILITY.format(name=name)
    alt = text.ALT.format(what=run.photo.alt, view=shown, model=run.spec.title)
    with slot.container():  # the viewer is more than one element
        event = v.viewer(
            photo, [layer], key=f"segment.{run.palette.title}.{'labels' if view == 'labels' else 'heat'}",
            tools=tools, alt=alt, strokes=mask.strokes, link="segment",
        )  # fmt: skip
    if event.click:
        st.session_state[CLICK] = (run.photo.hash, event.click)
    return segment_mask.painted(mask, event.strokes) if view == "labels" else mask


def clicked(run: Run) -> None:
    """Show the five most probable classes of the clicked pixel as bars, or how to get them."""
    kept_for, at = st.session_state.get(CLICK, (None, None))
    if kept_for != run.photo.hash:
        st.caption(text.CLICK)
        return
    x, y = at
    st.markdown(f"**{text.CLICKED.format(x=x, y=y)}**")
    st.html(STYLE + BARS + bars(run.top(x, y), run.palette))


def bars(top: list[tuple[int, float]], palette: Palette) -> str:
    """Return (class, probability) pairs as an HTML table with a bar in each row.

    >>> "0.750" in bars([(0, 0.75)], Palette("demo", ("sky",), ((0, 0, 255),)))
    True
    """
    rows = []
    for k, p in top:
        color = f"rgb{palette.colors[k]}"
        bar = f'<div style="width:{100 * p:.1f}%;background:{color}"></div>'
        rows.append(f"<tr><td>{escape(palette.names[k])}</td><td>{bar}</td><td>{p:.3f}</td></tr>")
    return f'<table class="sl-legend sl-bars"><tbody>{"".join(rows)}</tbody></table>'
