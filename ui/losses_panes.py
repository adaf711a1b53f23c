"""The pictures of the page "Losses & metrics": two masks to paint on, where they differ, and what losses ask for."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from seglab.types import Palette
from ui import legend, losses_masks, losses_run
from ui import viewer as v
from ui.losses_controls import SHEET
from ui.losses_masks import MASK, OUTCOMES, Pair
from ui.losses_state import INK, LONGEST_INK, pack, unpack
from ui.texts import losses as text

LINK = "losses"
PAINT = "losses.paint"  # both masks' paint, as the last run left it
HEIGHT = 340
OVER = 0.6  # how strong masks are over a picture


def masks(uploads: dict[str, Any]) -> Pair:
    """Show both masks and the difference; return the pair as it stands with all paint."""
    now = st.session_state
    left, middle, right = st.columns(3)
    base, picture = losses_masks.truth_base(now, uploads), losses_masks.picture(now, uploads)
    photo = None if picture is None else v.send(picture, key="losses.picture")
    with left:
        _paint("truth", v.LabelLayer(base, MASK, text.TRUTH, unsure=text.IGNORED), "inkt", 1, photo)
        _colors(MASK, (0, 1))
    truth, guess = losses_masks.unpainted(now, base, uploads)
    with middle:
        levels, most = losses_masks.levels(), losses_masks.LEVELS
        layer = v.LabelLayer(losses_masks.shown(guess), levels, text.GUESS, unsure=text.AS_IT_WAS)
        _paint("guess", layer, "inkp", most, photo)
        _colors(levels, (0, most // 2, most))
    now[PAINT] = [now[ink] for ink in INK]
    pair = Pair(truth, losses_masks.painted(guess, now["inkp"]), now["cut"])
    with right:
        st.markdown(f"**{text.PANES['outcomes']}**")
        v.viewer(
            photo, [v.LabelLayer(pair.outcomes(), OUTCOMES, text.PANES["outcomes"], unsure=text.IGNORED)],
            key=f"losses.outcomes.{pair.size}.{photo is None}", link=LINK, height=HEIGHT, controls=False,
            opacity=1.0 if photo is None else OVER,
            alt=_alt("outcomes", pair.size),
        )  # fmt: skip
    return pair


def _paint(which: str, layer: v.LabelLayer, ink: str, first: int, photo: v.Sent | None) -> None:
    """Show a mask with the brush on class `first`; its strokes go into the session, as they stand in the link."""
    now, size = st.session_state, layer.labels.shape
    st.markdown(f"**{text.PANES[which]}**")
    event = v.viewer(
        photo, [layer], key=f"losses.{which}.{now['truth']}.{size}.{now.get(SHEET, 0)}", link=LINK, height=HEIGHT,
        opacity=1.0 if photo is None else OVER, tools=("brush",), tool="brush", controls="tools", ink=first,
        strokes=unpack(now[ink]), alt=_alt(which, size), legend=False,
    )  # fmt: skip
    packed = pack(event.strokes)
    if len(packed) > LONGEST_INK:
        st.warning(text.TOO_MUCH_INK.format(n=len(packed), most=LONGEST_INK), icon=":material/link_off:")
    now[ink] = packed


def gradients(pair: Pair) -> None:
    """Show the gradient maps of the two chosen losses, on one scale, and what they mean."""
    if not losses_run.wanted(pair, "maps"):
        return
    now = st.session_state
    keys = now["loss"], now["beside"]
    maps = [losses_run.slopes(pair, key, now) for key in keys]
    found = [losses_run.said(pair, key, now) for key in keys]
    most = max(one.steepest for one in found)
    for n, (column, key, slope, one) in enumerate(zip(st.columns(2), keys, maps, found, strict=True)):
        title = losses_run.loss(key).title
        with column:
            st.markdown(f"**{text.GRADIENT.format(title=title)}** = {one.value:.4g}")
            if not one.steepest:
                st.info(text.NO_GRADIENT.format(title=title))
            v.viewer(
                None, [v.HeatLayer(-slope, text.PUSH, -(most or 1), most or 1, diverging=True)],
                key=f"losses.gradient.{n}.{pair.size}", link=LINK, height=HEIGHT, opacity=1.0, controls=False,
                legend=n == 0, alt=text.GRADIENT_ALT.format(title=title),
            )  # fmt: skip
    st.caption(text.GRADIENT_NOTE.format(most=most))
    a, b = (one.shares for one in found)
    titles = [losses_run.loss(key).title for key in keys]
    if np.isfinite([a.gradient, b.gradient, a.pixels]).all():
        st.markdown(text.SHARES_NOTE.format(
            a=a.gradient, b=b.gradient, loss_a=titles[0], loss_b=titles[1], pixels=a.pixels,
        ))  # fmt: skip


def _colors(palette: Palette, shown: Sequence[int]) -> None:
    """Name some of a palette's colours, in a row."""
    parts = []
    for k in shown:
        red, green, blue = palette.colors[k]
        parts.append(f'<i style="background:rgb({red},{green},{blue})"></i>{escape(palette.names[k])}')
    st.html(f'{legend.STYLE}<div class="sl-legend">{" &emsp; ".join(parts)}</div>')


def _alt(which: str, size: tuple[int, ...]) -> str:
    return text.ALT[which].format(w=size[1], h=size[0])
