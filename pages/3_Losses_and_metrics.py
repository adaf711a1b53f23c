"""Losses & metrics: two masks, every number they give, and every loss's gradient. Words in ui/texts/losses.py."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui import (
    losses_charts,
    losses_code,
    losses_controls,
    losses_extras,
    losses_numbers,
    losses_panes,
    losses_photo,
    picker,
)
from ui import pin as ab
from ui.losses_border import border
from ui.losses_descend import descend
from ui.losses_masks import UPLOADS
from ui.losses_state import FIELDS
from ui.losses_train import train
from ui.page import page
from ui.state import follow_link, keep_link
from ui.texts import losses as text
from ui.texts.losses_more import TAB_BORDER, TAB_DESCEND, TAB_TRAIN

page(text.TITLE, text.QUESTION)
wrong = follow_link(FIELDS, st.query_params, st.session_state, "losses")
if wrong:
    st.warning("  \n".join(wrong), icon=":material/link_off:")

# Two masks to paint on, and where they differ.
losses_controls.masks()
if st.session_state["truth"] == "photo":
    losses_photo.controls()
losses_extras.problem()
pair = losses_panes.masks(st.session_state.setdefault(UPLOADS, {}))
if not losses_extras.ask(pair):
    keep_link(FIELDS, st.query_params, st.session_state, "losses")
    st.stop()
losses_numbers.headline(pair)
st.caption(text.PAINT)
losses_controls.more()
now = partial(losses_extras.numbers, pair)
if (before := ab.pin("losses", now)) is not None:
    ab.compare(before, now())

# What two losses ask of each pixel.
st.subheader(text.MAPS_TITLE)
losses_controls.losses()
losses_panes.gradients(pair)

names = [
    text.TAB_TRY, text.TAB_NUMBERS, text.TAB_CHARTS, text.TAB_LOSSES, text.TAB_CURVES, text.TAB_SURFACE,
    TAB_DESCEND, TAB_TRAIN, TAB_BORDER, text.TAB_CONVENTIONS, text.TAB_DOWNLOAD, text.TAB_CODE,
]  # fmt: skip
tabs = st.tabs(names, key="losses.tab", on_change="rerun")
parts: tuple[Callable[[], object], ...] = (
    losses_extras.experiments,
    partial(losses_numbers.formulas, pair),
    partial(losses_charts.metrics, pair),
    partial(losses_numbers.table, pair),
    partial(losses_charts.curves, pair),
    partial(losses_charts.surface, pair),
    partial(descend, pair),
    train,
    border,
    partial(losses_numbers.conventions, pair),
    partial(losses_extras.downloads, pair),
    partial(losses_code.show, pair),
)
for tab, part in zip(tabs, parts, strict=True):
    if tab.open:
        with tab:
            part()
keep_link(FIELDS, st.query_params, st.session_state, "losses")
if st.session_state["truth"] == "photo":
    picker.tidy(picker.current())
