"""Panels, links, points and steps → what the browser is given: plain lists, arrays as base64, steps as differences."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ui.grid.parts import Crop, Links, Panel, Points, Step

Span = tuple[float, float]  # the least and the largest number


def pack(
    panels: Sequence[Panel], links: Sequence[Links], points: Sequence[Points], steps: Sequence[Step]
) -> dict[str, Any]:
    """Return {"panels", "links", "points", "steps"}, in which panels are called by their place in the list.

    Raises:
        ValueError: no panels, a name that is there twice or unknown, cells, shapes or rectangles that don't fit.

    >>> made = pack([Panel("a", "A", [[1, 2]])], [], [], [Step("Half", values={"a": [[1, 1]]})])
    >>> made["panels"][0]["values"], made["steps"][0]["values"]
    ([1.0, 2.0], {0: [[1], [1.0]]})
    """
    names = [panel.name for panel in panels]
    if not panels or len(set(names)) < len(names):
        raise ValueError(f"A component needs panels, each with a name of its own; got {names}.")
    played, ranges = _steps(steps, panels)
    return {
        "panels": [_panel(panel, span) for panel, span in zip(panels, _shared(panels, ranges), strict=True)],
        "links": [_links(one, panels) for one in links],
        "points": [_points(one, panels) for one in points],
        "steps": played,
    }


def _shared(panels: Sequence[Panel], ranges: Sequence[Span]) -> list[Span]:
    """Return each panel's range: those of one scale have the least and the largest number of all of them.

    >>> _shared([Panel("a", "A", [[1]], scale="s"), Panel("b", "B", [[9]], scale="s")], [(0.0, 1.0), (-2.0, 9.0)])
    [(-2.0, 9.0), (-2.0, 9.0)]
    """
    common: dict[str, Span] = {}
    for panel, (low, high) in zip(panels, ranges, strict=True):
        least, most = common.get(panel.scale, (low, high))
        common[panel.scale] = min(least, low), max(most, high)
    return [common[panel.scale] if panel.scale else own for panel, own in zip(panels, ranges, strict=True)]


def _panel(panel: Panel, span: Span) -> dict[str, Any]:
    """`span`: the least and the largest number that it ever shows, 0 included. Signed numbers get a scale about 0."""
    most = max(span[1], -span[0]) or 1.0
    signed = span[0] < -1e-9 * most  # what rounding leaves of 0 has no sign
    return {
        "name": panel.name, "title": panel.title, "note": panel.note, "editable": panel.editable, "ruler": panel.ruler,
        "rows": panel.values.shape[0], "columns": panel.values.shape[1], "values": _plain(panel.values),
        "low": -most if signed else 0.0, "high": most, "signed": signed,
    }  # fmt: skip


def _links(links: Links, panels: Sequence[Panel]) -> dict[str, Any]:
    source, target = _find(links.source, panels), _find(links.target, panels)
    what = f"links from {links.source!r} to {links.target!r}"
    if len(links.indptr) != panels[target].values.size + 1:
        raise ValueError(
            f"The {what} are for {len(links.indptr) - 1} cells, but that panel has {panels[target].values.size}."
        )
    if links.indices.max(initial=-1) >= panels[source].values.size:
        raise ValueError(f"The {what} read cell {links.indices.max()} of {panels[source].values.size}, from 0.")
    weights, codes = np.unique(links.weights, return_inverse=True)  # a kernel's few, over and over
    packed: dict[str, Any] = {
        "source": source, "target": target, "via": None, "starts": _base64(links.indptr, "<u4"),
        "sources": _base64(links.indices, "<u2"), "weights": weights.tolist(), "codes": _base64(codes, "<u2"),
    }  # fmt: skip
    if links.via is not None and links.via_indices is not None:
        via = _find(links.via, panels)
        if links.via_indices.max(initial=-1) >= panels[via].values.size:
            raise ValueError(f"The {what} use cell {links.via_indices.max()} of {links.via!r}, which it hasn't got.")
        packed |= {"via": via, "behind": _base64(links.via_indices, "<i2")}
    return packed


def _points(points: Points, panels: Sequence[Panel]) -> dict[str, Any]:
    target = _find(points.target, panels)
    if len(points.at) != panels[target].values.size:
        raise ValueError(
            f"The points on {points.panel!r} are for {len(points.at)} cells of {points.target!r}, "
            f"which has {panels[target].values.size}."
        )
    return {"panel": _find(points.panel, panels), "target": target, "at": points.at.tolist()}


def _steps(steps: Sequence[Step], panels: Sequence[Panel]) -> tuple[list[dict[str, Any]], list[Span]]:
    """Return the steps, each with what it changes, and the least and largest number of each panel over all of them."""
    shown = [panel.values for panel in panels]
    seen = [[panel.values] for panel in panels]
    packed = []
    for n, step in enumerate(steps):
        changes = {}
        for name, values in step.values.items():
            i = _find(name, panels)
            new = np.asarray(values, np.float64)
            if new.shape != shown[i].shape or np.isinf(new).any():
                raise ValueError(f"Step {n} must give {name!r} finite numbers {shown[i].shape}; got {new.shape}.")
            cells = np.flatnonzero(~((new == shown[i]) | (np.isnan(new) & np.isnan(shown[i]))))
            changes[i] = [cells.tolist(), _plain(new.ravel()[cells])]
            seen[i].append(new.ravel()[cells])
            shown[i] = new
        light = {_find(name, panels): _cells(cells, name, n, panels) for name, cells in step.light.items()}
        crops = [_crop(crop, n, panels) for crop in step.crops]
        packed.append({"caption": step.caption, "light": light, "values": changes, "crops": crops})
    return packed, [_span(numbers) for numbers in seen]


def _span(arrays: Sequence[NDArray[np.float64]]) -> Span:
    numbers = np.concatenate([array.ravel() for array in arrays])
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.min(initial=0)), float(numbers.max(initial=0))


def _cells(cells: ArrayLike, name: str, n: int, panels: Sequence[Panel]) -> list[int]:
    rows, columns = panels[_find(name, panels)].values.shape
    at = np.asarray(cells)
    if at.size == 0:
        return []
    if at.ndim != 2 or at.shape[1] != 2 or at.dtype.kind not in "iu":
        raise ValueError(f"Step {n} must light cells (row, column) of {name!r}; got {at.dtype} {at.shape}.")
    if (at < 0).any() or (at >= (rows, columns)).any():
        raise ValueError(f"Step {n} lights a cell that {name!r}, {rows}×{columns}, hasn't got.")
    cells_: list[int] = (at[:, 0] * columns + at[:, 1]).tolist()
    return cells_


def _crop(crop: Crop, n: int, panels: Sequence[Panel]) -> list[int]:
    name, top, left, bottom, right = crop
    i = _find(name, panels)
    rows, columns = panels[i].values.shape
    if not (0 <= top <= bottom <= rows and 0 <= left <= right <= columns):
        raise ValueError(
            f"Step {n} crops {name!r}, {rows}×{columns}, to rows {top} to {bottom} and columns {left} to {right}."
        )
    return [i, int(top), int(left), int(bottom), int(right)]


def _find(name: str, panels: Sequence[Panel]) -> int:
    for i, panel in enumerate(panels):
        if panel.name == name:
            return i
    raise ValueError(f"There is no panel {name!r}; there are {', '.join(panel.name for panel in panels)}.")


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    """JSON has no NaN: an empty cell is null there."""
    return [None if v != v else v for v in values.ravel().tolist()]


def _base64(array: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")
