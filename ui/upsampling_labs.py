"""The labs of the page "Upsampling": the one that is chosen, and the choices of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from ui import (
    expander,
    tabs,
    upsampling_controls,
    upsampling_lab,
    upsampling_photos_state,
    upsampling_state,
    upsampling_views_state,
)
from ui.state import Field, follow_link, keep_link, seen
from ui.texts import upsampling as text

T = TypeVar("T")

FIELDS: tuple[Field, ...] = (
    *upsampling_state.FIELDS,
    *upsampling_photos_state.FIELDS,
    *upsampling_photos_state.PICTURE,
    *upsampling_views_state.FIELDS,
)
OF = {  # the choices of each lab
    "grid": upsampling_state.FIELDS, "checker": upsampling_photos_state.CHECKER,
    "rebuild": upsampling_photos_state.REBUILD, "atrous": upsampling_views_state.ATROUS,
    "roi": upsampling_views_state.ROI,
}  # fmt: skip
NAME = "upsampling"  # of the page, for its links
BIN = "upsampling.roi.bin"  # the expander of the RoI lab that writes one bin out
TABS = {True: "upsampling.tab.6", False: "upsampling.tab.2"}  # which tab is open, under the grid lab and the others


def follow() -> list[str]:
    """Take over the link, if it is a new one; return messages about what it has wrong."""
    now = st.session_state
    before = now.get(f"{NAME}.links", [])[-1:]
    wrong = follow_link(FIELDS, st.query_params, now, NAME)
    new = now[f"{NAME}.links"][-1:] != before
    if new and before:
        now.pop(expander.key(BIN), None)  # the lab opens it where this link is about a bin
    if new and now["lab"] == "grid":  # its grids are the visitor's own from now on
        upsampling_controls.forget()
    return wrong


def keep() -> None:
    """Write the choices into the link."""
    keep_link(FIELDS, st.query_params, st.session_state, NAME)


def choose() -> str:
    """Choose a lab; return its name."""
    chosen = st.segmented_control(
        text.LAB, upsampling_state.LABS, format_func=text.LABS.__getitem__, key="lab", required=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return str(chosen)


def run(lab: str, part: Callable[[], T], after: Callable[[T], object] = lambda _: None) -> T:
    """Show a lab by `part`; return what that returns. By itself, unless something under it is about what it shows.

    `after`: as in `ui.tabs.lab`.
    """

    def linked() -> T:
        seen(FIELDS, st.query_params, st.session_state, NAME)
        shown = part()
        keep()
        return shown

    grid = lab == "grid"
    alone = tabs.at_first(TABS[grid], text.TAB_TRY) and not (grid and upsampling_lab.stands())
    # There and back may hold a large photo, which the end of the page tidies up after.
    return tabs.lab(linked, alone and lab != "rebuild", after)


def again(shown: object) -> None:
    """Have the page run anew if the grid lab's question stands again: it ends there."""
    if shown is None:
        st.rerun()


def show(lab: str) -> None:
    """Show a lab other than the grid lab, which the page itself holds; each is imported when it is first looked at.

    What shares no choice with the rest of its lab runs by itself.
    """
    match lab:
        case "checker":
            from ui.upsampling_checker import on_picture, overlaps, race

            for part in (overlaps, on_picture, race):
                run(lab, part)
        case "rebuild":
            from ui.upsampling_rebuild import rebuild

            run(lab, rebuild)
        case "atrous":
            from ui.upsampling_atrous import atrous

            atrous()  # its parts run by themselves
        case "roi":
            from ui.upsampling_roi import roi

            run(lab, roi)
