"""The pictures of the page "Losses & metrics": two masks to paint on, where they differ, and what losses ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from ui import losses_masks, losses_run
from ui import viewer as v
from ui.losses_controls import SHEET
from ui.losses_masks import MASK, OUTCOMES, Pair
from ui.losses_state import LONGEST_INK, pack, unpack
from ui.texts import losses as text

LINK = "losses"
HEIGHT = 340


def masks(uploads: dict[str, Any]) -> Pair:
    """Show both masks and the difference; return the pair as it stands with all paint."""
    now = st.session_state
    left, middle, right = st.columns(3)
    base = losses_masks.truth_base(now, uploads)
    with left:
        _paint("truth", v.LabelLayer(base, MASK, text.TRUTH, unsure=text.IGNORED), "inkt", 1)
    truth = v.apply_strokes(base, unpack(now["inkt"]))
    changed = losses_masks.changed(losses_masks.guess_base(now, truth, uploads), now)
    with middle:
        layer = v.LabelLayer(losses_masks.shown(changed), losses_masks.levels(), text.GUESS, unsure=text.AS_IT_WAS)
        _paint("guess", layer, "inkp", losses_masks.LEVELS)
    pair = Pair(truth, losses_masks.painted(changed, now["inkp"]), now["cut"])
    with right:
        st.markdown(f"**{text.PANES['outcomes']}**")
        v.viewer(
            None, [v.LabelLayer(pair.outcomes(), OUTCOMES, text.PANES["outcomes"], unsure=text.IGNORED)],
            key=f"losses.outcomes.{pair.size}", link=LINK, height=HEIGHT, opacity=1.0, controls=False,
            alt=_alt("outcomes", pair.size),
        )  # fmt: skip
    return pair


def _paint(which: str, layer: v.LabelLayer, ink: str, first: int) -> None:
    """Show a mask with the brush on class `first`; its strokes go into the session, as they stand in the link."""
    now, size = st.session_state, layer.labels.shape
    st.markdown(f"**{text.PANES[which]}**")
    event = v.viewer(
        None, [layer], key=f"losses.{which}.{now['truth']}.{size}.{now.get(SHEET, 0)}", link=LINK, height=HEIGHT,
        opacity=1.0, tools=("brush",), tool="brush", controls="tools", ink=first,
        strokes=unpack(now[ink]), alt=_alt(which, size), legend=False,
    )  # fmt: skip
    packed = pack(event.strokes)
    if len(packed) > LONGEST_INK:
        st.warning(text.TOO_MUCH_INK.format(n=len(packed), most=LONGEST_INK), icon=":material/link_off:")
    now[ink] = packed


def gradients(pair: Pair) -> None:
    """Show the gradient maps of the two chosen losses, on one scale, and what they mean."""
    now = st.session_state
    keys = now["loss"], now["beside"]
    found = [losses_run.gradient(pair, key, now) for key in keys]
    most = losses_run.largest(*found)
    for n, (column, key, one) in enumerate(zip(st.columns(2), keys, found, strict=True)):
        title = losses_run.loss(key).title
        with column:
            st.markdown(f"**{text.GRADIENT.format(title=title)}** = {one.value:.4g}")
            if not np.abs(one.map).max():
                st.info(text.NO_GRADIENT.format(title=title))
            v.viewer(
                None, [v.HeatLayer(-one.map, text.PUSH, -(most or 1), most or 1, diverging=True)],
                key=f"losses.gradient.{n}.{pair.size}", link=LINK, height=HEIGHT, opacity=1.0, controls=False,
                legend=n == 0, alt=text.GRADIENT_ALT.format(title=title),
            )  # fmt: skip
    st.caption(text.GRADIENT_NOTE.format(most=most))
    shares(pair, found)


def shares(pair: Pair, found: list[Any]) -> None:
    """Say how much of each gradient is the object's."""
    from seglab.losses.gradients import shares as of

    a, b = (of(one, pair.truth) for one in found)
    titles = [losses_run.loss(st.session_state[key]).title for key in ("loss", "beside")]
    if np.isfinite([a.gradient, b.gradient, a.pixels]).all():
        st.markdown(text.SHARES_NOTE.format(
            a=a.gradient, b=b.gradient, loss_a=titles[0], loss_b=titles[1], pixels=a.pixels,
        ))  # fmt: skip


def _alt(which: str, size: tuple[int, ...]) -> str:
    return text.ALT[which].format(w=size[1], h=size[0])
