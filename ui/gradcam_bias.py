"""The bias lab: a network whose training pictures give the class away by the street, a balanced one, a repaired one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import cache, live_panel
from ui.texts import gradcam_labs as text

if TYPE_CHECKING:
    from seglab.live import Run
    from seglab.live.bias import Looked, Outcome

RUN = "gradcam.bias"  # the run's name
SECONDS, FIRST = 0.025, 6.0  # of a core: a step of all three networks, and the pictures; as measured when written
LOOKED_AT, EACH = 8, 6  # pictures shown of what is learnt from, and drawn of each class in each street for that
SEED = 33  # of these
LOW = 0.75  # accuracy on counter-examples below which we say that a network goes by the street
REPAIRED, GAIN = 0.65, 0.1  # accuracy, and what of it was won, from which we say that a network is repaired


def bias() -> None:
    """Show the tab."""
    from seglab.live import bias as library

    now = st.session_state
    st.markdown(text.B_INTRO)
    degree = st.slider(text.B_DEGREE, 0.5, 1.0, step=0.05, key="bias", format="percent", persist_state="session",
                       help=text.B_DEGREE_HELP)  # fmt: skip
    images, own = _seen(degree)
    st.image(live_panel.strip(tuple(images)), alt=text.B_SEEN_ALT,
             caption=text.B_SEEN.format(own=own, n=len(images)))  # fmt: skip
    st.markdown(text.B_PREDICT)
    with st.expander(text.B_MORE, icon=":material/tune:"):
        a, b = st.columns(2)
        a.slider(text.B_STEPS, 60, 1000, step=20, key="bsteps", persist_state="session")
        b.number_input(text.B_SEED, 0, 9999, key="bseed", help=text.B_SEED_HELP, persist_state="session")
    seconds = 10 * math.ceil((FIRST + SECONDS * now["bsteps"]) / 10)
    st.caption(text.B_TIME.format(steps=now["bsteps"], seconds=seconds))
    run = live_panel.panel(
        RUN, partial(library.train, degree, steps=now["bsteps"], seed=now["bseed"]), score=text.B_SCORE,
        rows=text.B_ROWS,
    )  # fmt: skip
    if run is not None and run.latest is not None:
        st.caption(text.B_MAPS)
    if run is None or run.live or run.result is None:
        st.markdown("\n".join(text.B_LINE.format(name=name, what=text.B_LINES[name]) for name in library.NAMES))
        return
    _result(run, run.result)


def _seen(degree: float) -> tuple[NDArray[np.uint8], int]:
    """Return some pictures as the biased network sees them, and how many are in their class's own street."""
    from seglab.datasets import biased

    def make() -> tuple[NDArray[np.uint8], int]:
        *_, found = biased.draw(SEED, EACH)
        assert found is not None
        some = biased.chosen(found, degree, 8 * LOOKED_AT, np.random.default_rng(SEED))
        chosen = list(dict.fromkeys(some.tolist()))[:LOOKED_AT]  # each once
        return found.images[chosen], int((~found.counter[chosen]).sum())

    return cache.kept(cache.MAPS, ("cam", "bias", degree), make)


def _result(run: Run, outcome: Outcome) -> None:
    """Show the table of the three networks, what each says of the pictures shown, and what to notice."""
    from seglab.datasets import biased

    looked, shown, now = outcome.looked, outcome.shown, st.session_state
    st.markdown(text.B_TRAINED.format(degree=outcome.degree, steps=outcome.steps, seed=outcome.seed))
    if (outcome.degree, outcome.steps, outcome.seed) != (now["bias"], now["bsteps"], now["bseed"]):
        st.caption(text.B_CHANGED)
    for line in notice(looked):
        st.markdown(line)
    rows = [(name, f"{one.own:.0%}", f"{one.counter:.0%}", _share(one.energy), _share(one.energy_counter))
            for name, one in looked.items()]  # fmt: skip
    st.table({name: [row[i] for row in rows] for i, name in enumerate(text.B_COLUMNS)}, hide_index=True)
    first = next(iter(looked.values()))
    st.caption(text.B_EVEN.format(n=first.seen, even=first.even))
    for name, one in looked.items():
        if one.cold:
            st.caption(text.B_COLD.format(name=name, n=one.cold))
    columns: dict[str, list[str]] = {text.B_COLUMNS[0]: list(looked)}
    for i, title in enumerate(text.B_PICTURES):
        columns[title] = [_cell(one, i, int(shown.classes[i]), biased.CLASSES) for one in looked.values()]
    st.table(columns, hide_index=True)


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"


def _cell(one: Looked, i: int, k: int, names: tuple[str, ...]) -> str:
    mark, on = "✓" if one.said[i] == k else "✗", float(one.on[i])
    cell = text.B_CELL_COLD if math.isnan(on) else text.B_CELL
    return cell.format(mark=mark, name=names[int(one.said[i])], on=on)


def notice(looked: Mapping[str, Looked]) -> list[str]:
    """Say what the three networks have learnt to look at."""
    biased, balanced, repaired = looked.values()
    said = text.B_BIASED if biased.counter < LOW else text.B_ALIKE
    lines = [said.format(own=biased.own, counter=biased.counter, on=biased.energy, balanced=balanced.energy)]
    if biased.counter < LOW:
        better = repaired.counter >= max(REPAIRED, biased.counter + GAIN)
        after = text.B_REPAIRED if better else text.B_NOT_REPAIRED
        lines.append(after.format(before=biased.counter, after=repaired.counter, on=repaired.energy))
    return lines
