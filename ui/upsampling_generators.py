"""The last part of the lab "Checkerboard": three small generators, trained live, and the pattern that each keeps."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from ui import live_panel
from ui.losses_charts import figure
from ui.texts import upsampling_photos as text

if TYPE_CHECKING:
    from seglab.live import Run

RUN = "upsampling.generators"  # the run's name
SECONDS, FIRST = 0.04, 1.0  # of a core: a step of all three, and the pictures; as measured when this was written
LEAST = 0.01  # grey levels: what the logarithmic chart shows at least


def live() -> None:
    """Show the run and, beside the panel's curves, the pattern in grey levels."""
    from seglab.live import generators

    now = st.session_state
    st.markdown(text.G_INTRO)
    with st.expander(text.G_MORE, icon=":material/tune:"):
        left, right = st.columns(2)
        left.slider(text.G_STEPS, 50, 1000, step=50, key="gsteps", persist_state="session")
        right.number_input(text.G_SEED, 0, 9999, key="gseed", persist_state="session")
    seconds = FIRST + SECONDS * now["gsteps"]
    st.caption(text.G_TIME.format(steps=now["gsteps"], seconds=10 * math.ceil(seconds / 10)))
    begin = partial(generators.train, steps=now["gsteps"], seed=now["gseed"], names=text.G_NAMES)
    run = live_panel.panel(
        RUN, begin, score=text.G_SCORE, go_on=lambda run: partial(begin, after=run.result), rows=text.G_ROWS
    )
    st.caption(text.G_SCORE_NOTE)
    if run is not None and not run.live and run.history.latest is not None:
        _outcome(run)


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
    """Say of each generator how high its pattern was at most, and is now."""
    said = []
    for name, (steps, values) in heights(run).items():
        most = max(values)
        said.append(text.G_NOTICE.format(name=name, most=most, step=steps[values.index(most)], now=values[-1]))
    return said


def _outcome(run: Run) -> None:
    for line in notice(run):
        st.markdown(line)
    st.markdown(text.G_WHY)
    lines = {name: (steps, [max(v, LEAST) for v in values]) for name, (steps, values) in heights(run).items()}
    made = figure(text.G_STEP, text.G_PATTERN, **lines)
    made.update_yaxes(type="log")
    st.plotly_chart(made, key="upsampling.pattern", config={"displayModeBar": False})
