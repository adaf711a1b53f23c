"""The tab "Descend" of the page "Losses & metrics": a tiny network with shared weights, under two losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import cache, losses_run
from ui.losses_charts import figure, show
from ui.losses_film import BRIGHTEST, film
from ui.losses_masks import Pair
from ui.texts import losses as page_text
from ui.texts import losses_more as text

RATES = (0.03, 0.1, 0.3, 1.0, 2.0, 5.0)
FRAMES = 48  # masks that are shown of a descent, closer together at its start: there most happens
SECONDS = 4e-7  # a step takes so long for a pixel, some 2 ms at 64×64
AT_ONCE, MOST = 128 * 128, 256 * 256  # pixels: more are computed when asked for; more than `MOST` aren't


@dataclass(frozen=True, eq=False)
class Descent:
    """One loss's way down.

    shown (F,): steps of which there are masks; masks (F, H, W) uint8, p from 0 to `BRIGHTEST`. By step, (steps + 1,)
    each: found, pixels with p > ½; foreground and background, Σ∂L/∂z of each. left: the first step with a pixel of
    object, None: there was none; empty: how many steps had none; diverged: the step its numbers ran over, None: not.
    """

    shown: NDArray[np.int64]
    masks: NDArray[np.uint8]
    found: NDArray[np.int64]
    foreground: NDArray[np.float64]
    background: NDArray[np.float64]
    left: int | None
    empty: int
    diverged: int | None

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.found) - 1


def descend(pair: Pair) -> None:
    """Show the tab."""
    from seglab import descend as library

    st.markdown(text.D_INTRO)
    _controls(pair)
    now = st.session_state
    height, width = pair.size
    if not (pair.truth == 1).any():
        st.info(page_text.NO_OBJECT)
        return
    if height * width > MOST:
        st.info(text.D_TOO_LARGE.format(w=width, h=height, most=math.isqrt(MOST)))
        return
    if height * width > AT_ONCE and not all(_name(pair, key, now) in cache.MAPS for key in _two()):
        seconds = 2 * SECONDS * height * width * now["d_steps"]
        st.info(text.D_LARGE.format(w=width, h=height, steps=now["d_steps"], seconds=max(1, seconds)))
        if not st.button(text.D_COMPUTE, key="losses.descend.compute"):
            return
    found: list[Descent] = []
    with st.spinner(text.D_WORKING):
        for key in _two():
            try:
                found.append(descent(pair, key, now))
            except ValueError as error:
                st.info(text.D_REFUSED.format(title=losses_run.loss(key).title, error=error))
                return
    titles = [losses_run.loss(key).title for key in _two()]
    if titles[0] == titles[1]:
        titles = [f"{title} {letter}" for title, letter in zip(titles, "AB", strict=True)]
    st.markdown(notice(found[0], found[1], titles))
    show(film(library.draw(pair.truth), found, titles), "descend.film")
    st.caption(text.D_NOTE)
    _numbers(pair, found, titles)
    _charts(pair, found, titles)


def _two() -> tuple[str, str]:
    return st.session_state["loss"], st.session_state["beside"]


def _controls(pair: Pair) -> None:
    now = st.session_state
    start, rate, steps = st.columns(3)
    start.slider(text.D_START, 0.01, 0.99, step=0.01, key="d_start", help=text.D_START_HELP, persist_state="session")
    rate.select_slider(text.D_RATE, sorted({now["d_rate"], *RATES}), key="d_rate", persist_state="session")
    steps.slider(text.D_STEPS, 10, 400, step=10, key="d_steps", persist_state="session")
    start.caption(text.D_BIAS.format(bias=math.log(now["d_start"] / (1 - now["d_start"]))))
    counted = pair.truth != 255
    if counted.any():
        share = float((pair.truth[counted] == 1).mean())
        start.button(
            text.D_PRIOR, key="losses.descend.prior", help=text.D_PRIOR_HELP, on_click=_start_at, args=(share,)
        )


def _start_at(share: float) -> None:
    st.session_state["d_start"] = min(max(round(share, 2), 0.01), 0.99)


def _name(pair: Pair, key: str, now: Mapping[Any, Any]) -> tuple[Any, ...]:
    settings = tuple(losses_run.settings(key, now).items())
    of_truth = cache.image_hash(pair.truth)
    return "losses", "descent", of_truth, key, settings, now["d_start"], now["d_rate"], now["d_steps"]


def descent(pair: Pair, key: str, now: Mapping[Any, Any]) -> Descent:
    """Return the descent of a loss on the pair's truth, computed or kept; ValueError if the loss refuses the truth."""
    settings = losses_run.settings(key, now)
    arguments = now["d_start"], now["d_rate"], now["d_steps"]
    found: Descent = cache.kept(
        cache.MAPS, _name(pair, key, now), lambda: _computed(pair.truth, key, settings, *arguments)
    )
    return found


def _computed(
    truth: NDArray[np.uint8], key: str, settings: Mapping[str, float], start: float, rate: float, steps: int
) -> Descent:
    from seglab import descend as library

    loss = {key: partial(losses_run.loss(key).function, **settings)}
    shown = np.unique(np.rint(steps * np.linspace(0, 1, FRAMES) ** 1.5).astype(np.int64))
    wanted, masks, found, pulls = set(shown.tolist()), [], [], []
    diverged = None
    ways = library.descend(library.draw(truth), truth, loss, start=start, learning_rate=rate, steps=steps)
    for n, each in enumerate(ways):
        at = each[key]
        if n in wanted:
            masks.append(np.rint(at.probs * BRIGHTEST).astype(np.uint8))
        found.append(int((at.probs > 0.5).sum()))
        pulls.append((at.foreground, at.background))
        diverged = n if at.diverged and diverged is None else diverged
    pulled = np.array(pulls)
    return Descent(shown, np.stack(masks), np.array(found), pulled[:, 0], pulled[:, 1], at.left, at.empty, diverged)


def notice(a: Descent, b: Descent, titles: list[str]) -> str:
    """Say in a sentence what these two descents show."""
    if a.left is None and b.left is None:
        return text.D_BOTH_STAY.format(steps=_steps(a.steps))
    if not a.empty and not b.empty:
        return text.D_BOTH_NEVER
    if 0 in (a.left, b.left):
        return text.D_BEGAN.format(a=titles[0], b=titles[1], empty_a=_steps(a.empty), empty_b=_steps(b.empty))
    (quick, quick_title), (slow, slow_title) = sorted(
        zip((a, b), titles, strict=True), key=lambda one: math.inf if one[0].left is None else one[0].left
    )
    assert quick.left is not None
    left = _steps(quick.left)
    if slow.left is None:
        return text.D_ONE_STAYS.format(quick=quick_title, slow=slow_title, left=left, steps=a.steps)
    if slow.left == quick.left:
        return text.D_SAME.format(left=left)
    return text.D_BOTH_LEAVE.format(quick=quick_title, slow=slow_title, left=left, later=slow.left)


def _steps(n: int) -> str:
    """Write how many.

    >>> _steps(1), _steps(2)
    ('1 step', '2 steps')
    """
    return text.D_ONE_STEP if n == 1 else text.D_MANY_STEPS.format(n=n)


def _numbers(pair: Pair, found: list[Descent], titles: list[str]) -> None:
    """Show how long each stayed at "all background", and what pulled at the bias at first."""
    with st.container(horizontal=True, gap="medium"):
        for title, one in zip(titles, found, strict=True):
            looks = text.D_OF.format(empty=min(one.empty, one.steps), steps=one.steps)
            st.metric(text.D_STAYED.format(title=title), looks, width="content")
    n, rest = int((pair.truth == 1).sum()), int((pair.truth == 0).sum())
    for title, one in zip(titles, found, strict=True):
        if said := warned(one, title, n, rest):
            st.warning(said, icon=":material/trending_down:")
        st.caption(text.D_AT_START.format(
            n=n, rest=rest, title=title, foreground=-one.foreground[0], background=one.background[0]
        ))  # fmt: skip


def warned(one: Descent, title: str, n: int, rest: int) -> str:
    """Say what went wrong with a descent on n pixels of object and the rest, "" where nothing did."""
    if one.diverged is not None:
        return text.D_DIVERGED.format(title=title, n=_steps(one.diverged))
    if one.left and not one.found[-1]:
        return text.D_BACK.format(title=title)
    if one.left and one.found[-1] - n > rest / 4:  # not one that began there
        return text.D_FLOODED.format(title=title, found=one.found[-1], n=n)
    return ""


def _charts(pair: Pair, found: list[Descent], titles: list[str]) -> None:
    """Show over all steps what pulls at the bias, for each loss, and how many pixels it calls object."""
    at = np.arange(found[0].steps + 1)
    *columns, last = st.columns(3)
    for n, (column, one, title) in enumerate(zip(columns, found, titles, strict=True)):
        with column:
            st.markdown(f"**{text.D_PULL.format(title=title)}**")
            lines = {text.D_OBJECT: (at, one.foreground), text.D_BACKGROUND: (at, one.background)}
            show(figure(text.D_STEPS, "Σ ∂loss/∂logit", **lines), f"descend.pull.{n}")
    with last:
        st.markdown(f"**{text.D_FOUND}**")
        made = figure(text.D_STEPS, "", **{title: (at, one.found) for one, title in zip(found, titles, strict=True)})
        made.add_hline(y=int((pair.truth == 1).sum()), line_dash="dot", annotation_text=text.D_TRUE)
        show(made, "descend.found")
    st.caption(text.D_CHARTS)
