"""The tabs below a lab: one part each, and only the open one runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import NoReturn

import streamlit as st

_inside = ContextVar("inside", default=False)  # whether a tab's part runs


class _End(BaseException):
    """A part has said all that it can. No error, as Streamlit's StopException: what catches those must not take it."""


def show(parts: Mapping[str, Callable[[], object]], key: str) -> None:
    """Show a tab for each name in `parts`, and call the open one's part."""
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
