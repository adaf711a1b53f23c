"""The last part of the lab "Checkerboard": small generators, trained live, and the pattern that each keeps."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from ui import live_panel, live_runs
from ui.losses_charts import figure
from ui.texts import upsampling_photos as text
from ui.upsampling_photos_state import MOST_RACING, UPS

if TYPE_CHECKING:
    from seglab.live import Run
    from seglab.live.generators import Up

RUN = "upsampling.generators"  # the run's name
CHOSEN = "upsampling.generators.ups"  # the widget's; the link has the names joined by commas
SECONDS, FIRST = 0.014, 1.0  # of a core: a step of one, and the pictures; as measured when this was written
LEAST = 0.01  # grey levels: what the logarithmic chart shows at least


def live() -> None:
    """Show the run and, beside the panel's curves, the pattern in grey levels."""
    from seglab.live import generators

    now = st.session_state
    st.markdown(text.G_INTRO)
    now[CHOSEN] = [key for key in now["gups"].split(",") if key in UPS]
    st.multiselect(text.G_UPS, list(UPS), format_func=text.G_NAMES.__getitem__, key=CHOSEN, max_selections=MOST_RACING,
                   on_change=_take)  # fmt: skip
    with st.expander(text.G_MORE, icon=":material/tune:"):
        left, right = st.columns(2)
        left.slider(text.G_STEPS, 50, 1000, step=50, key="gsteps", persist_state="session")
        right.number_input(text.G_SEED, 0, 9999, key="gseed", persist_state="session")
    keys = now[CHOSEN]
    if not keys:
        st.info(text.G_NOBODY)
        return
    seconds = FIRST + SECONDS * now["gsteps"] * len(keys)
    st.caption(text.G_TIME.format(steps=now["gsteps"], n=len(keys), s="s" * (len(keys) > 1),
                                  seconds=10 * math.ceil(seconds / 10)))  # fmt: skip
    ups: list[Up] = [UPS[key] for key in keys]  # type: ignore[misc]
    names = [text.G_NAMES[key] for key in keys]
    begin = partial(generators.train, steps=now["gsteps"], seed=now["gseed"], ups=ups, names=names)
    run = live_panel.panel(
        RUN, begin, score=text.G_SCORE, go_on=lambda run: partial(begin, after=run.result), rows=text.G_ROWS
    )
    st.fragment(_told, run_every=live_panel.EVERY if run is not None and run.live else None)()
    st.caption(text.G_SCORE_NOTE)
    if run is not None and not run.live and run.history.latest is not None:
        _outcome(run)


def _take() -> None:
    st.session_state["gups"] = ",".join(st.session_state[CHOSEN])


def _told() -> None:
    """Say in words, while it trains, what the pictures show: the panel says only where the run stands."""
    run = live_runs.current(RUN)
    if run is not None and run.live and run.history.latest is not None:
        st.markdown(told(run))


def told(run: Run) -> str:
    """Say how high each generator's pattern is now."""
    found = heights(run)
    said = ", ".join(text.G_NOW_ONE.format(name=name, now=values[-1]) for name, (_, values) in found.items() if values)
    step = max((steps[-1] for steps, _ in found.values() if steps), default=0)
    return text.G_NOW.format(step=step, all=said)


def heights(run: Run) -> dict[str, tuple[list[int], list[float]]]:
    """Return the pattern of each generator in grey levels, as it was over the steps."""
    from seglab.live.generators import height_of

    points = run.history.points()
    names = run.history.latest.lines if run.history.latest else ()
    return {
        name: (
            [point.step for point in points if name in point.values],
            [height_of(point.values[name][1]) for point in points if name in point.values],
        )
        for name in names
    }


def notice(run: Run) -> list[str]:
    """Say of each generator how high its pattern was at most, is now, and why."""
    keys = {name: key for key, name in text.G_NAMES.items()}
    said = []
    for name, (steps, values) in heights(run).items():
        most = max(values)
        line = text.G_NOTICE.format(name=name, most=most, step=steps[values.index(most)], now=values[-1])
        said.append(f"{line} {text.G_WHY[keys[name]]}" if name in keys else line)
    return said


def _outcome(run: Run) -> None:
    for line in notice(run):
        st.markdown(line)
    st.markdown(text.G_WHY_ALL)
    lines = {name: (steps, [max(v, LEAST) for v in values]) for name, (steps, values) in heights(run).items()}
    made = figure(text.G_STEP, text.G_PATTERN, **lines)
    made.update_yaxes(type="log")
    st.plotly_chart(made, key="upsampling.pattern", config={"displayModeBar": False})
