"""What a grid component is made of: panels of numbers, links between their cells, sample points, and steps to play.

Conventions: a panel is a grid (H, W) of float64; a cell is (row, column), both from 0. Where cells are flat they are
counted row by row: row · W + column. A coordinate is (row, column) too, in cells, whole numbers in their middles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from seglab.upsampling.trace import Trace

Ruler = Literal["edges", "centres"]
Crop = tuple[str, int, int, int, int]  # panel, top, left, bottom, right; the last two exclusive

MAX_SIDE = 64  # cells: what the browser can still hold as elements
MAX_LINKS = 2**16
LIMIT = 999.0  # an edited number lies within ± this
SPEEDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)  # steps a second


@dataclass(frozen=True, eq=False)
class Panel:
    """One grid of numbers. `name` is what links, points and steps call it by; `title` and its size stand below it.

    Args:
        name: unique among the panels of a component.
        title: what the person reads, also in sentences ("Output (2, 1) = …").
        values: (H, W), sides 1 to 64; NaN is an empty cell. Kept as a read-only float64 copy.
        editable: the person can change the numbers; then they must be finite and within ±999.
        note: a few words in a badge beside the title; "" for none.
        ruler: coordinates along the panel's edges: "edges" from the outer edge of the first cell to that of the last,
            −½ to n − ½ (align_corners=False: pixels are areas), "centres" from the middle of the first to that of the
            last, 0 to n − 1 (align_corners=True: pixels are points).
        scale: panels that name the same one are coloured alike, so that their numbers can be compared; "": its own.

    Raises:
        ValueError: something is none of that.

    >>> Panel("input", "Input", [[2, 4], [0, 1]], editable=True).values.tolist()
    [[2.0, 4.0], [0.0, 1.0]]
    """

    name: str
    title: str
    values: NDArray[np.float64]
    editable: bool = False
    note: str = ""
    ruler: Ruler | None = None
    scale: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.title:
            raise ValueError(f"A panel needs a name and a title; got {self.name!r} and {self.title!r}.")
        values = _numbers(self.values, f"The values of panel {self.name!r}")
        if values.ndim != 2 or not 1 <= min(values.shape) <= max(values.shape) <= MAX_SIDE:
            raise ValueError(
                f"Panel {self.name!r} takes a grid (H, W) with sides from 1 to {MAX_SIDE}; got {values.shape}. "
                "Show a part of a larger one, or one channel."
            )
        if np.isinf(values).any():
            raise ValueError(f"Panel {self.name!r} holds infinity; use NaN for an empty cell.")
        if self.editable and not (np.abs(values) <= LIMIT).all():  # NaN fails this too
            raise ValueError(f"Panel {self.name!r} can be edited, so all its numbers must lie within ±{LIMIT:g}.")
        if self.ruler not in (None, *get_args(Ruler)):
            raise ValueError(f"A ruler is 'edges', 'centres' or None; got {self.ruler!r}.")
        object.__setattr__(self, "values", _frozen(values))


@dataclass(frozen=True, eq=False)
class Links:
    """Which cells of panel `source`, with which weights, make each cell of panel `target`: a matrix in CSR form.

    Args:
        source: name of the panel that is read; `target`: of the one that is made. They may not be one panel.
        target: see `source`.
        indptr: (cells of target + 1,): the links of target cell t are those from indptr[t] to indptr[t + 1] − 1.
        indices: (n,): the flat source cell of each link.
        weights: (n,): target = Σ weight · source.
        via: name of a third panel (the kernel) whose cells are the weights, if there is one.
        via_indices: (n,): the flat cell of `via` behind each link, −1 for none; with `via`, and only then.

    Raises:
        ValueError: lengths that don't fit each other, negative indices, or more than 65 536 links. That indices lie
            within the panels is checked where these are known, by `grid`.

    >>> Links("input", "output", [0, 2, 2], [0, 1], [0.5, 0.5]).weights.tolist()
    [0.5, 0.5]
    """

    source: str
    target: str
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]
    weights: NDArray[np.float64]
    via: str | None = None
    via_indices: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        what = f"links from {self.source!r} to {self.target!r}"
        if len({self.source, self.target, self.via}) < 3:
            raise ValueError(f"Source, target and via are different panels; got {what} via {self.via!r}.")
        weights = _numbers(self.weights, f"The weights of the {what}")
        indptr, indices = _whole(self.indptr, f"indptr of the {what}"), _whole(self.indices, f"indices of the {what}")
        if weights.ndim != 1 or not np.isfinite(weights).all() or weights.shape != indices.shape:
            raise ValueError(f"The {what} need a finite weight for each index; got {weights.shape}, {indices.shape}.")
        if indptr.ndim != 1 or len(indptr) < 2 or indptr[0] != 0 or indptr[-1] != len(indices):
            raise ValueError(f"The indptr of the {what} must begin with 0 and end with their number, {len(indices)}.")
        if (np.diff(indptr) < 0).any() or (indices < 0).any():
            raise ValueError(f"The {what} have an indptr that falls or an index below 0.")
        if len(indices) > MAX_LINKS:
            raise ValueError(f"There are {len(indices)} {what}, at most {MAX_LINKS} can be shown; take smaller grids.")
        if (self.via is None) != (self.via_indices is None):
            raise ValueError(f"The {what} need both via and via_indices, or neither.")
        if self.via_indices is not None:
            via_indices = _whole(self.via_indices, f"via_indices of the {what}")
            if via_indices.shape != indices.shape or (via_indices < -1).any():
                raise ValueError(f"The {what} need one via index each, −1 or more; got {via_indices.shape}.")
            object.__setattr__(self, "via_indices", _frozen(via_indices))
        for name, array in (("indptr", indptr), ("indices", indices), ("weights", weights)):
            object.__setattr__(self, name, _frozen(array))

    @classmethod
    def of(
        cls, trace: Trace, source: str, target: str, *, via: str | None = None, via_trace: Trace | None = None
    ) -> Links:
        """Take over a trace of `seglab.upsampling`; `via_trace` has the same taps, and k + 1 for cell k of `via`.

        Raises:
            ValueError: the two traces haven't the same taps, or as `Links`.

        >>> from scipy import sparse
        >>> from seglab.upsampling.trace import Trace
        >>> blur = Trace(sparse.csr_array([[0.5, 0.5, 0], [0, 0.5, 0.5]]), in_shape=(1, 3), out_shape=(1, 2))
        >>> Links.of(blur, "input", "output").indices.tolist()
        [0, 1, 1, 2]
        """
        matrix = trace.matrix
        if via_trace is None:
            return cls(source, target, matrix.indptr, matrix.indices, matrix.data, via)
        behind = via_trace.matrix
        if not (np.array_equal(behind.indptr, matrix.indptr) and np.array_equal(behind.indices, matrix.indices)):
            raise ValueError(
                f"The via trace must have the taps of the trace from {source!r} to {target!r}, one for one; "
                f"got {behind.nnz} against {matrix.nnz}, or others. Make both with the same parameters."
            )
        cells = np.rint(behind.data).astype(np.int64) - 1
        return cls(source, target, matrix.indptr, matrix.indices, matrix.data, via, cells)


@dataclass(frozen=True, eq=False)
class Points:
    """Where each cell of panel `target` samples panel `panel`: dots that show while that cell is looked at.

    `at` is (n, 2), or (n, m, 2) for m points a cell: row and column in cells of `panel`, n the cells of `target`.
    Points may lie beyond the panel. ValueError if it isn't finite or has another shape.

    >>> Points("input", "output", [[0.25, 0.75]]).at.shape
    (1, 1, 2)
    """

    panel: str
    target: str
    at: NDArray[np.float64]

    def __post_init__(self) -> None:
        at = _numbers(self.at, f"The points on {self.panel!r}")
        if at.ndim == 2:
            at = at[:, None]
        if at.ndim != 3 or at.shape[2] != 2 or not np.isfinite(at).all():
            raise ValueError(f"Points on {self.panel!r} are finite (n, 2) or (n, m, 2); got {np.shape(self.at)}.")
        object.__setattr__(self, "at", _frozen(at))


@dataclass(frozen=True, eq=False)
class Step:
    """One state to play: what is said of it, which cells are lit, what panels show, and what is cropped.

    Args:
        caption: the state in words; it is all that some people get of it.
        light: cells (n, 2) by the panel's name.
        values: (H, W) by the panel's name, NaN where there is nothing yet. A panel that isn't named shows what it
            showed in the step before, and until it is named for the first time its own values.
        crops: (panel, top, left, bottom, right) of what stays of a panel, the last two exclusive.

    Raises:
        ValueError: the caption is empty. That cells and shapes fit the panels is checked by `grid`.

    >>> Step("The first stamp", light={"input": [(0, 0)]}).crops
    ()
    """

    caption: str
    light: Mapping[str, ArrayLike] = field(default_factory=dict)
    values: Mapping[str, ArrayLike] = field(default_factory=dict)
    crops: Sequence[Crop] = ()

    def __post_init__(self) -> None:
        if not self.caption:
            raise ValueError("A step needs a caption: say in words what happens in it.")


def _numbers(values: ArrayLike, what: str) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be numbers; got {array.dtype}.")
    return array.astype(np.float64)


def _whole(values: ArrayLike, what: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"The {what} must be whole numbers; got {array.dtype}.")
    return array.astype(np.int64)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array
