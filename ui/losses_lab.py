"""The lab of the page "Losses & metrics": two masks, their numbers, and what two losses ask of each pixel."""

from __future__ import annotations

from functools import partial

import streamlit as st

from ui import losses_controls, losses_extras, losses_numbers, losses_panes, losses_photo, picker, tabs
from ui import pin as ab
from ui.losses_masks import UPLOADS, Pair
from ui.losses_state import FIELDS
from ui.state import keep_link, seen
from ui.texts import losses as text


def lab() -> Pair | None:
    """Show the lab; return the pair of masks, or None while the question stands."""
    seen(FIELDS, st.query_params, st.session_state, "losses")
    if wrong := tabs.held():
        st.warning("  \n".join(wrong), icon=":material/link_off:")
    # Two masks to paint on, and where they differ.
    losses_controls.masks()
    if st.session_state["truth"] == "photo":
        losses_photo.controls()
    losses_extras.problem()
    pair = losses_panes.masks(st.session_state.setdefault(UPLOADS, {}))
    if not losses_extras.ask(pair):
        return None
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
    return pair


def follow(pair: Pair | None) -> None:
    """Do what comes last in a run of the lab alone; if the question stands again, the page has to end there."""
    end()
    if pair is None:
        st.rerun()


def end() -> None:
    """Do what comes last in every run, of the page or of the lab alone."""
    keep_link(FIELDS, st.query_params, st.session_state, "losses")
    if st.session_state["truth"] == "photo":
        picker.tidy(picker.current())
