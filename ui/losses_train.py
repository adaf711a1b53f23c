"""The tab "Train live" of the page "Losses & metrics": up to three losses, racing on a rare thing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import cache, live_panel, losses_run
from ui.losses_state import CLASSES, KEYS
from ui.texts import losses_more as text

if TYPE_CHECKING:
    from seglab.live import Run
    from seglab.live.rare import Loss, Task

RUN = "losses.train"  # the run's name
CHOSEN = "losses.train.losses"  # the widget's; the link has the keys joined by commas
MOST = 3
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
SECONDS, FIRST = 0.02, 4.0  # of a core: a step of one network, and the scenes; as measured when this was written
LOOKED_AT, SHOWN = 60, 6  # scenes counted before the training, and shown
FINDS = 0.05  # IoU from which we say that a network finds the thing


def train() -> None:
    """Show the tab."""
    from seglab.live import rare

    st.markdown(text.T_INTRO)
    _controls()
    now = st.session_state
    task = rare.Task(
        now["t_thing"], now["t_imbalance"], (min(3, now["t_things"]), now["t_things"]), (8.0, float(now["t_size"]))
    )
    _scenes(task)
    losses = chosen(now)
    if not losses:
        st.info(text.T_NOBODY)
        return
    seconds = FIRST + SECONDS * now["t_steps"] * len(losses)
    st.caption(text.T_TIME.format(
        steps=now["t_steps"], n=len(losses), s="s" * (len(losses) > 1), seconds=10 * math.ceil(seconds / 10)
    ))  # fmt: skip
    begin = partial(
        rare.train, losses, task, steps=now["t_steps"], learning_rate=now["t_rate"], per_picture=now["t_each"],
        seed=now["t_seed"],
    )  # fmt: skip
    run = live_panel.panel(
        RUN, begin, score=text.T_SCORE, go_on=lambda run: partial(begin, after=run.result), rows=text.T_ROWS
    )
    if run is None or run.live:
        st.caption(text.T_NOTICE)
    else:
        for line in notice(run):
            st.markdown(line)


def _controls() -> None:
    now = st.session_state
    left, middle, right = st.columns([2, 2, 3])
    left.selectbox(text.T_THING, CLASSES, key="t_thing", persist_state="session")
    middle.slider(text.T_IMBALANCE, 0.0, 1.0, step=0.05, key="t_imbalance", help=text.T_IMBALANCE_HELP,
                  persist_state="session")  # fmt: skip
    few = [key for key in KEYS if losses_run.loss(key).group == "few"]
    now[CHOSEN] = [key for key in now["t_losses"].split(",") if key in few][:MOST]
    right.multiselect(
        text.T_LOSSES, few, format_func=lambda key: losses_run.loss(key).title, key=CHOSEN, max_selections=MOST,
        on_change=_take,
    )  # fmt: skip
    left.slider(text.T_THINGS, 1, 20, key="t_things", persist_state="session")
    middle.slider(text.T_SIZE, 12, 64, step=4, key="t_size", help=text.T_SIZE_HELP, persist_state="session")
    with right:
        _parameters()
    with st.expander(text.T_MORE, icon=":material/tune:"):
        a, b, c = st.columns(3)
        a.slider(text.T_STEPS, 50, 2000, step=50, key="t_steps", persist_state="session")
        b.select_slider(text.T_RATE, sorted({now["t_rate"], *RATES}), key="t_rate", persist_state="session")
        c.number_input(text.T_SEED, 0, 9999, key="t_seed", help=text.T_SEED_HELP, persist_state="session")
        c.toggle(text.T_EACH, key="t_each", help=text.T_EACH_HELP, persist_state="session")


def _take() -> None:
    st.session_state["t_losses"] = ",".join(st.session_state[CHOSEN])


def _parameters() -> None:
    """Say which parameters the chosen losses have now."""
    lines = []
    for key in st.session_state[CHOSEN]:
        loss, settings = losses_run.loss(key), losses_run.settings(key, st.session_state)
        values = ", ".join(f"${p.symbol}$ = {settings[p.name]:g}" for p in loss.parameters)
        if values:
            lines.append(text.T_SETTINGS.format(title=loss.title, values=values))
    if lines:
        st.caption("  \n".join([*lines, text.T_FROM]))


def chosen(now: Mapping[Any, Any]) -> dict[str, Loss]:
    """Return the chosen losses by title, with their parameters as they stand now.

    Without the parameters in the name: "Go on" takes up the network of that name, also where a parameter has changed.
    """
    found: dict[str, Loss] = {}
    for key in now[CHOSEN]:
        loss = losses_run.loss(key)
        found[loss.title] = partial(loss.function, **losses_run.settings(key, now))
    return found


def _scenes(task: Task) -> None:
    """Show some of what there is to learn from, and how rare the thing is in it."""
    from seglab.datasets import scenes
    from seglab.live import rare
    from seglab.palettes import SCENES

    def make() -> tuple[NDArray[np.uint8], int, float]:
        drawn = scenes.training(rare.TRAIN_SEED, LOOKED_AT, task.parameters, (task.side, task.side))
        samples = [drawn[n] for n in range(LOOKED_AT)]
        there = np.stack([sample.labels == SCENES.index(task.thing) for sample in samples])
        images = np.stack([sample.image for sample in samples[:SHOWN]])
        return images, int(there.any((1, 2)).sum()), float(there.mean())

    images, holding, share = cache.kept(cache.MAPS, ("losses", "rare", task), make)
    st.image(live_panel.strip(tuple(images)), alt=text.T_RARE_ALT)
    st.caption(text.T_RARE.format(n=LOOKED_AT, holding=holding, thing=task.thing, share=share))


def notice(run: Run) -> list[str]:
    """Say of each network when it found the thing, the best first."""
    if run.history.latest is None:
        return []
    said = []
    lines = run.history.latest.lines
    for name in sorted(lines, key=lambda name: -np.nan_to_num(lines[name].score)):
        score = lines[name].score
        first = next((p.step for p in run.history.points() if name in p.values and p.values[name][1] >= FINDS), None)
        if first is None or not score >= FINDS:
            said.append(text.T_NEVER.format(name=name, score=score))
        else:
            said.append(text.T_FINDS.format(name=name, step=first, least=FINDS, score=score))
    return said
