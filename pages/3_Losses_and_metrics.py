"""Losses & metrics: two masks, every number they give, and every loss's gradient. Words in ui/texts/losses.py."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui import losses_charts, losses_code, losses_extras, losses_lab, losses_numbers, tabs
from ui.losses_border import border
from ui.losses_descend import descend
from ui.losses_state import FIELDS
from ui.losses_train import train
from ui.page import page
from ui.state import follow_link
from ui.texts import losses as text
from ui.texts.losses_more import TAB_BORDER, TAB_DESCEND, TAB_TRAIN

TABS = "losses.tab"

page(text.TITLE, text.QUESTION)
tabs.hold(follow_link(FIELDS, st.query_params, st.session_state, "losses"))

alone = tabs.at_first(TABS, text.TAB_TRY) and not losses_extras.stands()
pair = tabs.lab(losses_lab.lab, alone, losses_lab.follow)
if pair is None:
    losses_lab.end()
    st.stop()

parts: dict[str, Callable[[], object]] = {
    text.TAB_TRY: losses_extras.experiments,
    text.TAB_NUMBERS: partial(losses_numbers.formulas, pair),
    text.TAB_CHARTS: partial(losses_charts.metrics, pair),
    text.TAB_LOSSES: partial(losses_numbers.table, pair),
    text.TAB_CURVES: partial(losses_charts.curves, pair),
    text.TAB_SURFACE: partial(losses_charts.surface, pair),
    TAB_DESCEND: partial(descend, pair),
    TAB_TRAIN: train,
    TAB_BORDER: border,
    text.TAB_CONVENTIONS: partial(losses_numbers.conventions, pair),
    text.TAB_DOWNLOAD: partial(losses_extras.downloads, pair),
    text.TAB_CODE: partial(losses_code.show, pair),
}
tabs.show(parts, TABS)
losses_lab.end()
