"""A lab, and the tabs below it: one part each, and only the open one runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import NoReturn, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

T = TypeVar("T")
WHOLE = "tabs.whole"  # so many more runs of the page, come to its tabs, have no lab that is a fragment
BROKEN = "tabs.broken"  # the page ended before its tabs: a control of the lab must bring them back
HELD = "tabs.held"  # messages about the link
ASKED = "tabs.asked"  # `whole` has asked for the run that comes
_inside = ContextVar("inside", default=False)  # whether a tab's part runs
_alone = ContextVar("alone", default=False)  # whether a lab's part runs as a fragment


class _End(BaseException):
    """A part has said all that it can. No error, as Streamlit's StopException: what catches those must not take it."""


def at_first(key: str, first: str) -> bool:
    """Whether the first of the tabs `key` is open, the one that is about nothing the lab above them shows."""
    return bool(st.session_state.get(key, first) == first)


def lab(part: Callable[[], T], alone: bool, after: Callable[[T], object] = lambda _: None) -> T:
    """Show the lab above the tabs by `part`; return what that returns.

    `alone`: as a fragment, so that its controls draw nothing else anew, which is half of what the browser has to go
    through. Not where something else on the page is about what it shows: then the whole page follows each control, and
    the fragment is but a place, whose name what is still on the screen knows.
    `after` comes after `part` in the fragment's own runs; in the page's the page does at its end what is needed.
    Streamlit keeps both until the page runs again: they must not belong to its script, whose variables are large.
    """
    now, full = st.session_state, True
    whole_page = not alone or bool(now.get(WHOLE))

    def linked() -> DeltaGenerator | T:
        if not full and (whole_page or now.get(BROKEN)):
            st.rerun()  # pressed on what a fragment had left, while the page took the lab back or ended before its tabs
        place = st.container()  # in both ways as deep: what has another place is built anew, and expanders close
        if whole_page:
            return place
        if not full:
            now[HELD] = []
        token = _alone.set(True)
        try:
            with place:
                shown = part()
        finally:
            _alone.reset(token)
        if not full:
            after(shown)
        return shown

    if not whole_page and not _alone.get():  # a lab in a lab may run without the page
        now[BROKEN] = True  # until the page comes to them
    try:
        found = st.fragment(linked)()
    finally:
        full = False
    if isinstance(found, DeltaGenerator):
        with found:
            return part()
    return found


def whole() -> None:
    """Before what takes long: if the lab is a fragment, have the page run anew with the lab as a part of it.

    Streamlit lets a control interrupt the page's run, but not a fragment's. The page's next run has no fragment either:
    where nothing is kept, each would begin in vain.
    """
    st.session_state[WHOLE] = 2
    if _alone.get():
        st.session_state[ASKED] = True
        st.rerun()


def hold(messages: list[str]) -> None:
    """Keep messages about the link for the lab to show: in the page's run, and in the one that `whole` asks for."""
    if not st.session_state.pop(ASKED, False) or messages:
        st.session_state[HELD] = messages


def held() -> list[str]:
    """Return the messages about the link that are to be shown now."""
    return list(st.session_state.get(HELD, []))


def show(parts: Mapping[str, Callable[[], object]], key: str) -> None:
    """Show a tab for each name in `parts`, and call the open one's part."""
    st.session_state[WHOLE] = max(0, st.session_state.get(WHOLE, 0) - 1)
    st.session_state[BROKEN] = False
    for tab, part in zip(st.tabs(list(parts), key=key, on_change="rerun"), parts.values(), strict=True):
        if not tab.open:
            continue
        with tab:
            token = _inside.set(True)
            try:
                part()
            except _End:
                pass  # what follows the tabs, such as keeping the link, must still come
            finally:
                _inside.reset(token)


def end() -> NoReturn:
    """End the tab that is being shown; where none is, the page."""
    if _inside.get():
        raise _End
    st.stop()
