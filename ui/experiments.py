"""A page's presets as buttons: one click, one experiment, one sentence to check."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ui.presets import Preset

COLUMNS = 3


def buttons(presets: Sequence[Preset], start: Callable[[Preset], None]) -> None:
    """Show a button for each preset, with its sentence; a click calls `start` with it."""
    for first in range(0, len(presets), COLUMNS):
        for column, preset in zip(st.columns(COLUMNS), presets[first : first + COLUMNS], strict=False):
            with column.container(border=True):
                st.button(preset.name, key=f"preset.{preset.key}", icon=preset.icon, width="stretch",
                          on_click=start, args=(preset,))  # fmt: skip
                st.caption(preset.sentence)
