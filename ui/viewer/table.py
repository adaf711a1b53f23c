"""A table whose rows stand for segments: pointing at a row lights its segments in the viewers of the same link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from ui.viewer import encode
from ui.viewer.layers import Lights, plain

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "seglab_table",
    html='<div class="segments"></div>',
    css=(_HERE / "table.css").read_text("utf-8"),
    js="\n".join((_HERE / part).read_text("utf-8") for part in ("shared.js", "dom.js", "table.js")),
)


@dataclass(frozen=True)
class Row:
    """A row: its cells; a colour beside the first; what it lights (a layer's name → ids there); where to look.

    `box` is x0, y0, x1, y1 in picture pixels, the last two exclusive.
    """

    cells: tuple[str, ...]
    color: tuple[int, int, int] | None = None
    lights: Lights = field(default_factory=dict, hash=False)
    box: tuple[int, int, int, int] | None = None


def segment_table(
    rows: Sequence[Row],
    *,
    key: str,
    link: str,
    columns: Sequence[str],
    empty: str = "There is nothing to list.",
    label: str = "Segments",
) -> int | None:
    """Show `rows` under the headings `columns`; return the index of a row that was clicked, in the run that it causes.

    In the viewers and tables of the same `link`, the row under the pointer or the keyboard's focus is lit; a click (or
    Enter) keeps it lit and zooms the viewers to its box, a second one or Escape lets it go and shows the whole picture.
    Headings sort, numbers as numbers. `empty` stands there if there are no rows; `label` names the table to screen
    readers. ValueError for rows that don't fit.
    """
    for i, row in enumerate(rows):
        if len(row.cells) != len(columns):
            raise ValueError(f"Each row needs {len(columns)} cells, one per column; row {i} has {len(row.cells)}.")
        if row.box is not None and not (row.box[0] < row.box[2] and row.box[1] < row.box[3]):
            raise ValueError(f"A box is x0, y0, x1, y1 with x0 < x1 and y0 < y1; row {i} has {row.box}.")
    data = {"link": link, "columns": list(columns), "rows": [_plain(row) for row in rows], "empty": empty,
            "label": label}  # fmt: skip
    data["id"] = encode.digest(np.zeros(0), data)
    result = _component(key=key, data=data, on_row_change=_nothing)
    return _index(result.get("row"), str(data["id"]), len(rows))


def _nothing() -> None:
    """Streamlit lists a value in the result when it has a callback; nothing needs to happen in it."""


def _plain(row: Row) -> list[Any]:
    color = row.color and [int(c) for c in row.color]
    return [list(row.cells), color, plain(row.lights), row.box and [int(v) for v in row.box]]


def _index(sent: Any, table: str, n: int) -> int | None:
    """Return the row that the browser names; None for one of another table, or that isn't there.

    >>> _index({"index": 1, "table": "a"}, "a", 2), _index({"index": 1, "table": "a"}, "b", 2), _index("?", "a", 2)
    (1, None, None)
    """
    match sent:
        case {"index": int(i), "table": str(name)} if name == table and 0 <= i < n and not isinstance(i, bool):
            return i
    return None
