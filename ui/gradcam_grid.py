"""Methods × layers: the same question to several methods at each layer of the model, side by side."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui import gradcam_controls, gradcam_gate, gradcam_map, gradcam_run, gradcam_state, jobs
from ui import viewer as v
from ui.gradcam_run import KEPT, Asked, Kept
from ui.texts import gradcam_more as text

CHOSEN = "gradcam.cams"  # the widget's; the link has the keys joined by commas
HEIGHT = 190


def grid(asked: Asked, sent: v.Sent) -> None:
    """Show the tab."""
    session = st.session_state
    st.markdown(text.GRID_INTRO)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    session[CHOSEN] = list(gradcam_state.chosen_methods(session["cams"]))
    chosen = left.multiselect(
        text.GRID_METHODS, gradcam_state.METHODS, format_func=gradcam_controls.method_name, key=CHOSEN, on_change=_take
    )
    right.segmented_control(
        text.SCALE, list(text.SCALES), format_func=text.SCALES.__getitem__, key="gscale", required=True,
        persist_state="session", help=text.SCALE_HELP,
    )  # fmt: skip
    if not chosen:
        st.info(text.GRID_NONE)
        return
    cells = questions(asked, chosen)
    passes = sum(gradcam_run.how(cell.method).passes for cell in cells if not gradcam_run.here(cell)) * (
        1 + asked.mirror
    )
    key = "cam", "grid", tuple(cell.key for cell in cells)
    note = text.GRID_COST.format(n=len(cells), passes=passes)
    there: list[Kept] = [kept for cell in cells if (kept := KEPT.peek(cell.key)) is not None]
    found: tuple[Kept, ...] | None = tuple(there)
    if len(there) < len(cells):
        found = gradcam_gate.computed(key, "grid", text.GRID_RUN, note, lambda *a: _work(cells, *a))
    if found is not None:
        _show(cells, found, sent)


def questions(asked: Asked, methods: list[str]) -> list[Asked]:
    """Return the question for each method at each layer of the model; a method without layers is asked once."""
    names = asked.loaded.spec.cam_layers if asked.loaded.spec else (asked.layer,)
    return [
        gradcam_run.by(asked, method=method, layer=layer)
        for method in methods
        for layer in (names if method not in gradcam_state.LAYERLESS else names[:1])
    ]


def _take() -> None:
    st.session_state["cams"] = ",".join(st.session_state[CHOSEN])


def _work(cells: list[Asked], progress: jobs.Progress, cancel: Callable[[], bool]) -> tuple[Kept, ...]:
    """Return all maps, each kept by itself too, so that what is there stays when the work is stopped."""
    made = []
    for n, cell in enumerate(cells):
        progress(n, len(cells))
        made.append(gradcam_run.kept(cell, lambda *_: None, cancel))
    return tuple(made)


def _show(cells: list[Asked], answers: tuple[Kept, ...], sent: v.Sent) -> None:
    session = st.session_state
    found = {cell.key: kept for cell, kept in zip(cells, answers, strict=True)}
    signed = session["signed"]
    most = max((gradcam_run.end(k.found, signed) for k in found.values() if k.found is not None), default=1.0)
    per_row = max(sum(cell.method == one.method for cell in cells) for one in cells)
    for method in dict.fromkeys(cell.method for cell in cells):
        st.markdown(f"**{gradcam_controls.method_name(method)}**")
        row = [cell for cell in cells if cell.method == method]
        for n, (column, cell) in enumerate(zip(st.columns(per_row), row, strict=False)):
            with column:
                _cell(cell, found[cell.key], most if session["gscale"] == "one" else None, sent, f"{method}.{n}")
    st.caption(text.GRID_NOTE.format(most=most) if session["gscale"] == "one" else text.GRID_NOTE_OWN)


def _cell(cell: Asked, kept: Kept, most: float | None, sent: v.Sent, name: str) -> None:
    signed = st.session_state["signed"]
    values, why = gradcam_map.heat(cell, kept, signed=signed)
    if values is None or kept.found is None:
        st.info(why)
        return
    if most is not None:  # `values` are shares of this map's own largest
        values = values * (gradcam_run.end(kept.found, signed) / most)
    gradcam_map.show(cell, values, sent, f"gradcam.grid.{name}", height=HEIGHT, legend=False)
    positive, _ = gradcam_map.heat(cell, kept, signed=False)
    outside, _ = gradcam_map.outsides(cell, positive)
    said = text.CELL.format(
        layer=cell.layer if cell.by_layer else text.PICTURE, most=gradcam_run.end(kept.found, signed)
    )
    st.caption(said + (text.CELL_OUTSIDE.format(share=outside.share) if outside else ""))
