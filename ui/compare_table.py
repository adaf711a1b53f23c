"""The segments as a table whose rows light up in all three panes, and the fusion one step at a time."""

from __future__ import annotations

import math

import streamlit as st

from seglab.metrics.matching import boxes
from seglab.types import PanopticResult, Step
from ui import viewer as v
from ui.compare_names import colors, lights, names, reason, things
from ui.compare_panes import LINK, panoptic
from ui.compare_run import Run
from ui.texts import compare as text

Box = tuple[int, int, int, int]


def segments(run: Run) -> None:
    """List the segments of the fused map, things first."""
    result = run.fused()
    at, called, color = places(result), names(run, result), colors(run)
    rows = []
    for s in sorted(result.segments, key=lambda s: (not s.thing, s.id)):
        cells = (called[s.id], f"{s.id}", result.palette.names[s.label], text.THING if s.thing else text.STUFF,
                 f"{s.area}", f"{s.score:.2f}" if s.thing else "—")  # fmt: skip
        rows.append(v.Row(cells, color[s.id], lights(run, segment=s.id), at.get(s.id)))
    st.caption(text.SEGMENTS_NOTE)
    v.segment_table(
        rows, key="compare.segments", link=LINK, columns=text.SEGMENT_COLUMNS, empty=text.NO_SEGMENTS,
        label=text.TAB_SEGMENTS,
    )  # fmt: skip


def places(result: PanopticResult) -> dict[int, Box]:
    """Return each segment's box, x0, y0, x1, y1 in pixels, the last two exclusive."""
    ids, found = boxes(result.segment_ids)
    return {
        int(i): (int(left), int(top), int(right), int(bottom))
        for i, (top, left, bottom, right) in zip(ids, found, strict=True)
        if i
    }


def steps(run: Run, sent: v.Sent, clicked: tuple[int, int] | None) -> None:
    """Show the fusion after each step, what was decided and why, and who wanted a clicked pixel."""
    from seglab.panoptic import after

    result = run.fused()
    total = len(result.steps)
    st.markdown(text.STEPS_INTRO)
    if not total:
        st.info(text.NO_STEPS)
        return
    left, right = st.columns([2, 3])
    with left:
        session = st.session_state
        session["step"] = min(session["step"], total)
        n = st.slider(text.STEP, 0, total, key="step", persist_state="session")
        ids = after(result, n)
        kept = {step.segment for step in result.steps[:n]}
        part = PanopticResult(ids, tuple(s for s in result.segments if s.id in kept), result.palette)
        v.viewer(
            sent, [panoptic(run, part, text.STEP_PANE)], key="compare.step", link=LINK, height=360, opacity=0.7,
            outlines=True, legend=False, controls=False, alt=text.ALT["panoptic"].format(what=run.source.photo.alt),
        )  # fmt: skip
    with right:
        st.markdown(tell(run, result.steps[n - 1], n, total) if n else text.STEP_START)
        if n and (formula := visible_share(run, result.steps[n - 1])):
            st.latex(formula)
        _claims(run, clicked)
        rows = []
        for i, step in enumerate(result.steps, 1):
            cells = (f"{i}", candidate(run, step), step.what, f"{step.pixels}", f"{step.won}", reason(run, step))
            lit = (
                lights(run, index=step.index)
                if step.index >= 0
                else lights(run, segment=step.segment, label=step.label)
            )
            rows.append(v.Row(cells, color(run, step), lit))
        chosen = v.segment_table(
            rows, key="compare.steps", link=LINK, columns=text.STEP_COLUMNS, empty=text.NO_STEPS, label=text.TAB_STEPS
        )
        if chosen is not None and chosen + 1 != n:
            st.session_state["step.wanted"] = chosen + 1
            st.rerun()


def take_step() -> None:
    """Go to the step whose row was clicked; before its slider is built, which may not be changed afterwards."""
    wanted = st.session_state.pop("step.wanted", None)
    if wanted is not None:
        st.session_state["step"] = wanted


def tell(run: Run, step: Step, n: int, total: int) -> str:
    """Return a step in words: what it was about, what happened, and why."""
    said = text.STEP_OF.format(n=n, total=total, name=candidate(run, step), reason=reason(run, step))
    if step.lost_to:
        called = names(run, run.fused())
        others = ", ".join(f"{called[i]} ({pixels:,})" for i, pixels in step.lost_to)
        said += " " + text.STEP_LOST.format(others=others)
    return said


def visible_share(run: Run, step: Step) -> str:
    """Return the share of an object that was left to it, as a formula with its numbers; "" where it isn't asked for."""
    left = step.pixels - sum(pixels for _, pixels in step.lost_to)
    if step.index < 0 or not left or not (step.won or step.lost_to):  # if nothing is visible, it is never enough
        return ""
    least = run.settings.visible
    sign = r"\ge" if left / step.pixels >= least else "<"
    share = math.floor(100 * left / step.pixels) / 100  # rounded down: what is below the least reads as below it
    return text.VISIBLE_SHARE % (left, step.pixels, share, sign, least)


def candidate(run: Run, step: Step) -> str:
    """Return what a step is about: an object by name and score, or an area of stuff."""
    if step.index < 0:
        return run.palette.names[step.label]
    thing = things(run)[step.index]
    return text.OBJECT.format(name=thing.name, score=thing.score)


def color(run: Run, step: Step) -> tuple[int, int, int]:
    """Return the candidate's colour in the panes."""
    return things(run)[step.index].color if step.index >= 0 else run.palette.colors[step.label]


def _claims(run: Run, clicked: tuple[int, int] | None) -> None:
    """Say who wanted the clicked pixel."""
    from seglab.panoptic import claimants

    if clicked is None:
        st.caption(text.CLICK_HINT)
        return
    x, y = clicked
    result = run.fused()
    wanting = claimants(result, run.found(), y, x, int(run.labels()[y, x]))
    if not wanting:
        st.markdown(text.CLICKED_NOBODY.format(x=x, y=y))
        return
    owner = int(result.segment_ids[y, x])
    lines = [
        f"- {candidate(run, step)}: **{text.WON if step.segment and step.segment == owner else text.WANTED}**. "
        f"{reason(run, step)}"
        for step in wanting
    ]
    st.markdown("\n".join([text.CLICKED.format(x=x, y=y), "", *lines]))
