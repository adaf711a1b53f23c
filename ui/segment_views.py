"""The picture of the Segment page in each view, what a click shows, and the mask with the brush's corrections."""

from __future__ import annotations

from html import escape
from typing import Any, Literal

import numpy as np
import streamlit as st

from seglab.types import Labels, Palette
from ui import segment_lesson
from ui import viewer as v
from ui.legend import STYLE
from ui.segment_lesson import STROKES
from ui.segment_run import Run
from ui.texts import segment as text

CLICK = "segment.click"
BARS = """<style>
.sl-bars td:nth-child(2){width:50%}
.sl-bars div{height:.8em;border-radius:2px;border:1px solid rgba(128,128,128,.6);min-width:1px}
</style>"""


def show(run: Run, view: str, k: int, slot: Any, carrier: Any) -> Labels:
    """Show the picture; remember click and strokes; return the labels with the strokes' corrections.

    The viewer goes into `slot`, which holds one element, and the photo's hidden element into `carrier`.
    """
    labels = segment_lesson.mask(run.photo.hash, run.photo.image, run.palette)
    labels = run.labels() if labels is None else labels
    paper = (run.photo.hash, run.palette.title)  # strokes belong to one picture and one set of classes
    kept_for, strokes = st.session_state.get(STROKES, (None, ()))
    strokes = strokes if kept_for == paper else ()
    name = run.palette.names[k]
    layer: v.LabelLayer | v.HeatLayer
    tools: tuple[Literal["click", "brush"], ...]
    if view == "labels":
        layer = v.LabelLayer(labels, run.palette, text.ALT_LABELS)
        tools = ("click", "brush")
    else:
        heading = {"probability": text.HEAT_PROBABILITY.format(name=name), "entropy": text.HEAT_ENTROPY}
        layer = v.HeatLayer(run.heat(view, k), heading.get(view, text.HEAT_MARGIN), 0.0, 1.0)
        tools = ("click",)
    shown = text.VIEWS[view] if view != "probability" else text.HEAT_PROBABILITY.format(name=name)
    alt = text.ALT.format(what=run.photo.alt, view=shown, model=run.spec.title)
    with slot:
        event = v.viewer(
            run.photo.image, [layer], key=f"segment.{run.palette.title}.{'labels' if view == 'labels' else 'heat'}",
            tools=tools, alt=alt, strokes=strokes, link="segment", carrier=carrier,
        )  # fmt: skip
    if event.click:
        st.session_state[CLICK] = (run.photo.hash, event.click)
    if view == "labels":
        strokes = event.strokes
        st.session_state[STROKES] = (paper, strokes)
    return v.apply_strokes(labels, strokes) if strokes else labels


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


def corrected(run: Run, labels: Labels) -> None:
    """Say how much the brush changed, and offer the way back to the network's labels."""
    before = run.labels()
    if changed := 0 if labels is before else int(np.count_nonzero(labels != before)):
        st.caption(text.CORRECTED.format(pixels=changed))
        if segment_lesson.has_mask():
            st.button(text.DROP_MASK, on_click=segment_lesson.drop_mask)
