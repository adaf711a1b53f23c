"""The grid lab of the page "Upsampling": the question, the grids, what is true of them, and what can't be."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import streamlit as st

from ui import state, upsampling_badge, upsampling_controls, upsampling_cost, upsampling_sizes
from ui.grid import Panel, grid
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen, choose
from ui.upsampling_make import Made, make
from ui.upsampling_state import FIELDS, LONGEST, left_out

GOOD = "upsampling.good"  # the last choices that could be
SAID = "upsampling.said"  # what the visitor said to the question; None: nothing
NUMBER = "upsampling.number"
KEY = "upsampling.grids"


def lab() -> tuple[Chosen, Made] | None:
    """Show the lab; return what is shown, or None while the question stands."""
    if not ask():
        return None
    upsampling_controls.main()
    c, made, badge = current()
    grid(made.panels, key=KEY, links=made.links, points=made.points, steps=made.steps,
         label=text.ALL_LABEL.format(method=text.METHODS[c.method]), on_edit=upsampling_controls.edited)  # fmt: skip
    st.markdown(notice(c, made))
    formulas(c, made)
    st.caption(badge.sentence)
    upsampling_cost.strip(c, made)
    upsampling_controls.more()
    if names := left_out(st.session_state):
        st.warning(text.LINK_SHORT.format(names=" and ".join(names), most=LONGEST), icon=":material/link_off:")
    return c, made


def current() -> tuple[Chosen, Made, upsampling_badge.Badge]:
    """Compute the choices in the session; where they can't be, say why and return the last that could."""
    now = st.session_state
    try:
        found = computed(now)
    except ValueError as error:
        st.error(text.IMPOSSIBLE.format(error=error), icon=":material/block:")
        return computed(now.get(GOOD) or state.defaults(FIELDS), editable=False)
    now[GOOD] = {field.key: now[field.key] for field in FIELDS}
    return found


def computed(now: Any, editable: bool = True) -> tuple[Chosen, Made, upsampling_badge.Badge]:
    """Compute choices and compare the result with PyTorch; ValueError where they can't be."""
    c = choose(now)
    began = perf_counter()
    made = make(c, editable)
    made = replace(made, seconds=perf_counter() - began)
    badge = upsampling_badge.compare(c, made)
    return c, upsampling_badge.noted(made, badge), badge


def ask() -> bool:
    """Ask for the number in the middle, once; return whether the grids may be shown."""
    now, asked = st.session_state, stands()
    if not asked and (SAID not in now or moved()):
        return True
    c = choose(state.defaults(FIELDS))
    made = make(c)
    middle = tuple(n // 2 for n in made.output.shape)
    right = float(made.output[middle])
    if asked:
        st.markdown(text.ASK)
        hidden = made.output.copy()
        hidden[middle] = np.nan
        panels = (Panel("x0", text.INPUT, c.x[0]), Panel("w0", text.KERNEL, c.w[0]), Panel("out0", text.OUTPUT, hidden))
        grid(panels, key="upsampling.question", label=text.ASK_LABEL)
        with st.form("upsampling.ask", border=False):
            number, answer, skip = st.columns([2, 1, 1], vertical_alignment="bottom")
            number.number_input(text.ASK_NUMBER, -999.0, 999.0, value=None, step=1.0, format="%g", key=NUMBER)
            answer.form_submit_button(text.REVEAL, type="primary", width="stretch", on_click=_answer, args=(True,))
            skip.form_submit_button(text.SHOW, width="stretch", on_click=_answer, args=(False,))
        return False
    said, total = now[SAID], made.trace.sum_written(c.input, middle)
    words = text.TOLD if said is None else text.TOLD_RIGHT if said == right else text.TOLD_WRONG
    st.info(words.format(right=f"{right:g}", said=f"{said:g}" if said is not None else "", sum=total),
            icon=":material/lightbulb:")  # fmt: skip
    return True


def stands() -> bool:
    """Whether the question stands: it hasn't been answered, and nothing else is asked for."""
    return not st.session_state["told"] and not moved()


def moved() -> bool:
    """Whether any choice differs from the lecture's example, which the question is about."""
    return bool(state.write([field for field in FIELDS if field.key not in ("told", "lab")], st.session_state))


def _answer(said: bool) -> None:
    st.session_state["told"] = True
    st.session_state[SAID] = st.session_state.get(NUMBER) if said else None


def notice(c: Chosen, made: Made) -> str:
    """Say what to notice."""
    key = c.start if c.filtered else c.method
    grown = np.subtract(made.output.shape[-2:], c.x.shape[1:])
    return text.NOTICE_SMALLER[key] if key in text.NOTICE_SMALLER and grown.min() < 0 else text.NOTICE[key]


def formulas(c: Chosen, made: Made) -> None:
    """Show the size formula with its numbers put in, and what else is true of the method."""
    left, right = st.columns(2)
    with left:
        found = upsampling_sizes.sizes(c, made)
        for axis, name in enumerate((text.ROWS_OF, text.COLUMNS_OF)):
            lines = [size.line for size in found if size.axis == axis]
            if lines:
                st.markdown(f"**{text.SIZE_TITLE}{name if len(found) > len(lines) else ''}**")
            for line in lines:
                st.latex(line)
        if c.method == "unpool":
            st.caption(text.REST_NOTE)
    with right:
        if places := upsampling_sizes.coordinates(c):
            st.markdown(f"**{text.COORDINATE_TITLE}**")
            for place in places:
                st.latex(place)
        elif c.filtered:
            sums = c.kernel.sum((1, 2, 3)).reshape(c.factor, c.factor)
            rows = r" \\ ".join(" & ".join(f"{one:.4g}" for one in row) for row in sums)
            st.markdown(f"**{text.FLAT_TITLE}**")
            st.latex(rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}")
            st.caption(text.FLAT_NOTE[c.start == "icnr"].format(spread=np.ptp(sums)))
        elif c.method == "transposed":
            st.markdown(f"**{text.IDENTITY_TITLE}**")
            ahead, back, gap = upsampling_badge.gradient(c, made)
            sign = "=" if np.isclose(ahead, back, rtol=1e-9, atol=1e-9) else r"\neq"
            st.latex(rf"\langle Cz, x\rangle = {ahead:.6g} {sign} {back:.6g} = \langle z, C^{{\mathsf T}}x\rangle")
            st.caption(text.IDENTITY.format(gap=gap))
