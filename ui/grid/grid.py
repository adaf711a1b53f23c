"""The one component of number grids: pointing, playing and editing happen in the browser, an edit comes back to Python.

What the browser is given: the panels' numbers, the links as packed arrays, and for each step what changes in it.
Hovering, the written-out sums and the playing of steps need nothing more and send nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui.grid.pack import pack
from ui.grid.parts import LIMIT, SPEEDS, Links, Panel, Points, Step
from ui.viewer import encode

# One ES module, in parts that can each be read in one sitting; grid.js comes last and has the default export. It goes
# to the browser in an element of its own, as the viewer's does: see loader.js.
_PARTS = (
    "shared.js", "../viewer/dom.js", "numbers.js", "links.js", "words.js", "board.js", "ruler.js", "layout.js",
    "player.js", "editor.js", "input.js", "light.js", "grid.js",
)  # fmt: skip
_HERE = Path(__file__).parent
_HIDDEN = "seglab-photo"  # in the key of the code's element, and so in its CSS class, which style.css hides
_SAFE = 2**53  # whole numbers up to here are the same in JavaScript


@dataclass(frozen=True, eq=False)
class GridEvent:
    """An edit: the panel's name and all its numbers after it, float64 (H, W), finite and within ±999."""

    panel: str
    values: NDArray[np.float64]


def _joined(*parts: str) -> str:
    return "\n".join((_HERE / part).read_text("utf-8") for part in parts)


def _constants() -> str:
    """What both languages must agree on, as a line of JavaScript."""
    maps = {"heat": encode.color_table(False), "signed": encode.color_table(True)}
    return f"const CONSTANTS = {json.dumps({'maps': maps, 'limit': LIMIT, 'speeds': SPEEDS})};\n"


_code = st.components.v2.component("seglab_grid_code", js=_constants() + _joined(*_PARTS), isolate_styles=False)
_component = st.components.v2.component(
    "seglab_grid", html=_joined("grid.html"), css=_joined("grid.css"), js=_joined("shared.js", "loader.js")
)


def grid(
    panels: Sequence[Panel],
    *,
    key: str,
    links: Sequence[Links] = (),
    points: Sequence[Points] = (),
    steps: Sequence[Step] = (),
    speed: float = 2.0,
    label: str = "Grids of numbers",
    on_edit: Callable[[GridEvent], None] | None = None,
) -> GridEvent | None:
    """Show `panels` side by side; return an edit in the one run that it causes, else None.

    Pointing at a cell (hover, tap, keyboard) lights what it is made of and what it goes to, by `links`, and writes the
    sum below; `points` show where it samples. `steps` can be played, at `speed` steps a second at first; it never
    starts by itself. What a person has set (step, speed, focus) stays when new data comes, the step where their number
    is the same. An edited cell shows its new number at once and, if the next run doesn't take it over, or none comes,
    what `panels` last said: to refuse an edit, call `grid` with the last good panels.

    Args:
        panels: one or more, each with a name of its own, in the order in which they stand.
        key: names the component on the page, as with any widget.
        links: between these panels.
        points: for these panels.
        steps: in the order in which they are played.
        speed: one of `SPEEDS`.
        label: what the whole is called for screen readers.
        on_edit: called with an edit before the run that it causes, so that the page has the new numbers from its first
            line on; the run gets the edit as the return value too.

    Raises:
        ValueError: no panels, a name that is there twice or unknown, cells, shapes or rectangles that don't fit, or
            another speed.
    """
    if speed not in SPEEDS:
        raise ValueError(f"speed is one of {', '.join(f'{s:g}' for s in SPEEDS)} steps a second; got {speed}.")
    data = pack(panels, links, points, steps)
    answered = f"{key}.answered"  # the number of the last edit that Python has seen: the browser waits for it

    def edited() -> None:
        sent = st.session_state[key].get("edit")
        st.session_state[answered] = _serial(sent)
        if on_edit and (event := _event(sent, panels)):
            on_edit(event)

    _code(key=f"{key}.{_HIDDEN}.code", data=None)
    data |= {"key": key, "label": label, "speed": float(speed), "answered": st.session_state.get(answered, 0)}
    result = _component(key=key, data=data, on_edit_change=edited)
    return _event(result.get("edit"), panels)


def _serial(sent: Any) -> int:
    """Return the number of an edit, 0 for what has none.

    >>> _serial({"serial": 7}), _serial({"serial": -1}), _serial("7"), _serial(None)
    (7, 0, 0, 0)
    """
    match sent:
        case {"serial": int(serial)} if 0 < serial < _SAFE:
            return int(serial)
    return 0


def _event(sent: Any, panels: Sequence[Panel]) -> GridEvent | None:
    """Return what the browser sent as an edit of one of `panels`; None for anything that can't be one.

    >>> panels = [Panel("a", "A", [[1, 2]], editable=True)]
    >>> _event({"panel": "a", "shape": [1, 2], "values": [1, 2.5]}, panels).values.tolist()
    [[1.0, 2.5]]
    >>> _event({"panel": "a", "shape": [1, 2], "values": [1, float("nan")]}, panels) is None
    True
    """
    match sent:
        case {"panel": str(name), "shape": [int(rows), int(columns)], "values": list(values)}:
            panel = next((panel for panel in panels if panel.name == name and panel.editable), None)
            if panel is None or (rows, columns) != panel.values.shape or len(values) != panel.values.size:
                return None
            if not all(type(v) in (int, float) and -LIMIT <= v <= LIMIT for v in values):  # NaN fails this too
                return None
            return GridEvent(name, np.array(values, np.float64).reshape(rows, columns))
    return None
