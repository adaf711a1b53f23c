"""A page's presets as buttons: one click, one experiment, one sentence to check."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import streamlit as st

from ui.presets import Preset

COLUMNS = 3


def buttons(presets: Sequence[Preset], start: Callable[[Preset], None]) -> None:
    """Show a button for each preset, with its sentence; a click calls `start` with it.

    They stand in columns, which a phone lays one below the other in their order. No boxes around them: the browser
    goes through every box on a page at each of its runs.
    """
    each = math.ceil(len(presets) / COLUMNS)
    for n, column in enumerate(st.columns(COLUMNS)):
        with column:
            for preset in presets[n * each : (n + 1) * each]:
                st.button(preset.name, key=f"preset.{preset.key}", icon=preset.icon, width="stretch",
                          on_click=start, args=(preset,))  # fmt: skip
                st.caption(preset.sentence)
