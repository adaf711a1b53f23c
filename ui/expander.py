"""An expander that is filled only while it is open: else each control would pay for what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def key(part: str) -> str:
    """Where the session remembers whether the expander of a page or a part of it is open."""
    return f"{part}.expander"


def expander(label: str, part: str, icon: str = ":material/tune:") -> DeltaGenerator | None:
    """Show the expander of a page or of a part of it; return it if it is open, to be filled.

    What is in it must keep its values while it isn't shown (`persist_state="session"`).
    """
    box = st.expander(label, key=key(part), icon=icon, on_change="rerun")
    return box if box.open else None
