"""The labs of the page "Upsampling": the one that is chosen, and the choices of all of them."""

from __future__ import annotations

import streamlit as st

from ui import upsampling_photos_state, upsampling_state, upsampling_views_state
from ui.state import Field
from ui.texts import upsampling as text

FIELDS: tuple[Field, ...] = (
    *upsampling_state.FIELDS,
    *upsampling_photos_state.FIELDS,
    *upsampling_photos_state.PICTURE,
    *upsampling_views_state.FIELDS,
)


def choose() -> str:
    """Choose a lab; return its name."""
    chosen = st.segmented_control(
        text.LAB, upsampling_state.LABS, format_func=text.LABS.__getitem__, key="lab", required=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return str(chosen)


def show(lab: str) -> None:
    """Show a lab other than the grid lab, which the page itself holds; each is imported when it is first looked at."""
    match lab:
        case "checker":
            from ui.upsampling_checker import checker

            checker()
        case "rebuild":
            from ui.upsampling_rebuild import rebuild

            rebuild()
        case "atrous":
            from ui.upsampling_atrous import atrous

            atrous()
        case "roi":
            from ui.upsampling_roi import roi

            roi()
