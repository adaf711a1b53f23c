"""A box on a feature map as a grid of fixed size: RoIPool, which rounds twice, and RoIAlign, which samples instead.

Conventions of `seglab.upsampling.trace`, and torchvision's, step by step:

- A box is (x1, y1, x2, y2) in pixels of the image, with x1 < x2 and y1 < y2; `scale` is the feature map's size over
  the image's (1/16 behind a stride of 16). It may reach beyond the map. `output_size` is P or (P, Q): rows, columns.
- Feature map (H, W) or (C, H, W); cell (r, c) covers the image from (c, r) / scale to (c + 1, r + 1) / scale. Bins
  divide the scaled box into P × Q equal parts.
- **RoIPool** rounds the scaled box to whole cells (halves away from zero), takes its last row and column as within it
  (+ 1), and then rounds each bin's edges outwards (floor, ceil); the result is each bin's maximum, the first one in
  reading order. A bin with no cell on the map gives 0.
- **RoIAlign** rounds nothing: each bin has n × m sample points at regular distances, and is the mean of the map there
  by bilinear interpolation. Points are in index coordinates, where (r, c) is the *middle* of cell (r, c): hence the
  − ½ of `aligned=True`. `aligned=False` is how it was first published in code, half a cell off, and makes boxes at
  least one cell large.

Source: Girshick, "Fast R-CNN", ICCV 2015, section 2.1 (RoIPool); He, Gkioxari, Dollár & Girshick, "Mask R-CNN",
ICCV 2017, section 3, "RoIAlign".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.upsampling.trace import Pair, Tap, Trace, Traced, as_grid, pair

Box = tuple[float, float, float, float]  # x1, y1, x2, y2


@dataclass(frozen=True, eq=False)
class RoIPool:
    """RoIPool of one box, with both of its roundings; the trace's one tap for each output is the chosen maximum.

    `box` is the scaled box, in cells, before any rounding. `rounded` is (first column, first row, last column, last
    row), all within it. `rows` (P, 2) and `columns` (Q, 2) hold the first and one past the last row or column of each
    bin, int64, cut off at the map's borders.
    """

    result: Traced
    box: Box
    rounded: tuple[int, int, int, int]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


class Sample(NamedTuple):
    """A sample point (y, x) in index coordinates, and the cells (row, column) with the weights that make its value.

    Four corners, fewer where they coincide at the map's border; none for a point beyond it, whose value is 0.
    """

    y: float
    x: float
    corners: list[Tap]


@dataclass(frozen=True, eq=False)
class RoIAlign:
    """RoIAlign of one box; all coordinates are index coordinates of the map (whole numbers in the middle of cells).

    `box` is where the bins lie: scaled, less ½ if aligned, made one cell large at least if not. `y` (P, n) and `x`
    (Q, m) are the rows and columns of each bin's sample points, float64: bin (i, j) has the points y[i] × x[j].
    """

    result: Traced
    box: Box
    y: NDArray[np.float64]
    x: NDArray[np.float64]

    def samples(self, row: int, column: int) -> list[Sample]:
        """Return the sample points of bin (row, column) of the output, in reading order; the bin is their mean.

        >>> roi_align(np.eye(2), (0, 0, 2, 2), 1, sampling_ratio=1).samples(0, 0)[0].corners
        [((0, 0), 0.25), ((0, 1), 0.25), ((1, 0), 0.25), ((1, 1), 0.25)]
        """
        height, width = self.result.trace.in_shape[-2:]
        found = []
        for y in self.y[row]:
            for x in self.x[column]:
                rows, columns = _corners(y, height), _corners(x, width)
                corners: list[Tap] = [((r, c), v * w) for r, v in rows for c, w in columns]
                found.append(Sample(float(y), float(x), corners))
        return found


@dataclass(frozen=True, eq=False)
class Misalignment:
    """How far RoIPool's edges lie from the true ones, in pixels of the image; positive: to the right, or below.

    `box` is for x1, y1, x2, y2; `rows` (P, 2) and `columns` (Q, 2) for the first and last edge of each bin, float64.
    """

    box: Box
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    @property
    def largest(self) -> float:
        """The largest distance of all edges, in pixels of the image, 0 or more."""
        return float(np.abs(np.concatenate([self.box, self.rows.ravel(), self.columns.ravel()])).max())


def roi_pool(feature: ArrayLike, box: Box, output_size: Pair, scale: float = 1.0) -> RoIPool:
    """RoIPool: the maximum of each bin of a box, after rounding the box and then the bins; equals torchvision's.

    Args:
        feature: (H, W) or (C, H, W).
        box: (x1, y1, x2, y2) in pixels of the image.
        output_size: P or (P, Q), 1 or more.
        scale: cells of the map for one pixel of the image, above 0.

    Returns:
        The result (P, Q) or (C, P, Q) with its trace, and where it was rounded to.

    Raises:
        ValueError: the box is empty, reversed or not finite, or a size or the scale isn't positive.

    >>> pooled = roi_pool(np.arange(16).reshape(4, 4), (0, 0, 5, 5), 2, scale=0.5)  # to 2.5, rounded to 3, included
    >>> pooled.result.output.tolist(), pooled.rounded, pooled.rows.tolist()
    ([[5.0, 7.0], [13.0, 15.0]], (0, 0, 3, 3), [[0, 2], [2, 4]])
    """
    grid = as_grid(feature, "feature map")
    size = pair(output_size, "output size", 1)
    scaled = _scaled(box, scale)
    rounded = _rounded(scaled)
    height, width = grid.shape[-2:]
    rows = np.clip(_bins(rounded[1], rounded[3], size[0]), 0, height)
    columns = np.clip(_bins(rounded[0], rounded[2], size[1]), 0, width)
    outputs, inputs = [], []
    for c, plane in enumerate(grid.reshape(-1, height, width)):
        for i, (top, bottom) in enumerate(rows):
            for j, (left, right) in enumerate(columns):
                part = plane[top:bottom, left:right]
                if part.size:
                    r, q = divmod(int(part.argmax()), part.shape[1])
                    outputs.append((c * size[0] + i) * size[1] + j)
                    inputs.append((c * height + top + r) * width + left + q)
    taps = np.array(outputs, np.int64), np.array(inputs, np.int64), np.ones(len(outputs))
    trace = Trace.of_taps(*taps, grid.shape, (*grid.shape[:-2], *size))
    return RoIPool(trace.traced(grid), scaled, rounded, rows, columns)


def roi_align(
    feature: ArrayLike,
    box: Box,
    output_size: Pair,
    scale: float = 1.0,
    sampling_ratio: int = 2,
    aligned: bool = True,
) -> RoIAlign:
    """RoIAlign: the mean of bilinear samples in each bin of a box, with no rounding; equals torchvision's.

    Args:
        feature: (H, W) or (C, H, W).
        box: (x1, y1, x2, y2) in pixels of the image.
        output_size: P or (P, Q), 1 or more.
        scale: cells of the map for one pixel of the image, above 0.
        sampling_ratio: sample points along each axis of a bin; with 0 or less as many as a bin has cells, rounded up.
        aligned: pixels have their middle at half coordinates, as everywhere else in this lab.

    Returns:
        The result (P, Q) or (C, P, Q) with its trace, and the sample points.

    Raises:
        ValueError: the box is empty, reversed or not finite, or a size or the scale isn't positive.

    >>> roi_align([[1, 2], [3, 4]], (0, 0, 2, 2), 2, sampling_ratio=1).result.output.tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    grid = as_grid(feature, "feature map")
    size = pair(output_size, "output size", 1)
    offset = 0.5 if aligned else 0.0
    x1, y1, x2, y2 = (edge - offset for edge in _scaled(box, scale))
    least = 0.0 if aligned else 1.0  # cells along each side
    wide, tall = max(x2 - x1, least), max(y2 - y1, least)
    height, width = grid.shape[-2:]
    y = _points(y1, tall, size[0], sampling_ratio)
    x = _points(x1, wide, size[1], sampling_ratio)
    bin_row, row, row_weight = _axis_taps(y, height)
    bin_column, column, column_weight = _axis_taps(x, width)
    c = np.arange(math.prod(grid.shape[:-2]))[:, None, None]
    outputs = (c * size[0] + bin_row[:, None]) * size[1] + bin_column
    inputs = (c * height + row[:, None]) * width + column
    weights = np.broadcast_to(row_weight[:, None] * column_weight, inputs.shape)
    trace = Trace.of_taps(outputs, inputs, weights, grid.shape, (*grid.shape[:-2], *size))
    return RoIAlign(trace.traced(grid), (x1, y1, x1 + wide, y1 + tall), y, x)


def misalignment(box: Box, scale: float, output_size: Pair) -> Misalignment:
    """How far RoIPool's box and bins lie from the true ones, in pixels of the image (He et al. 2017, section 3).

    The true box is the one given, and its bins are equal parts of it; RoIPool's cells cover what they cover of the
    image. RoIAlign's are 0 everywhere. Nothing is cut off at a map's border, since no map is given.

    Raises:
        ValueError: as `roi_pool`.

    >>> misalignment((0, 0, 40, 40), 1 / 16, 1).box  # 2.5 cells: rounded to 3, which is included, so up to 4 · 16 = 64
    (0.0, 0.0, 24.0, 24.0)
    """
    size = pair(output_size, "output size", 1)
    x1, y1, x2, y2 = _rounded(_scaled(box, scale))
    edges = [cell / scale - edge for cell, edge in zip((x1, y1, x2 + 1, y2 + 1), box, strict=True)]
    rows, columns = (
        _bins(first, last, n) / scale - _true_bins(start, end, n)
        for first, last, start, end, n in ((y1, y2, box[1], box[3], size[0]), (x1, x2, box[0], box[2], size[1]))
    )
    return Misalignment((edges[0], edges[1], edges[2], edges[3]), rows, columns)


def _scaled(box: Box, scale: float) -> Box:
    """Return the box in cells of the map; ValueError for a box or a scale that can't be."""
    if not (scale > 0 and math.isfinite(scale)):
        raise ValueError(f"The scale is the map's size over the image's, above 0, as 1/16; got {scale}.")
    x1, y1, x2, y2 = (float(edge) for edge in box)
    if not all(math.isfinite(edge) for edge in (x1, y1, x2, y2)):
        raise ValueError(f"A box has four finite edges x1, y1, x2, y2; got {tuple(box)}.")
    if not (x1 < x2 and y1 < y2):
        raise ValueError(
            f"The box is empty or reversed: x1 must be below x2 and y1 below y2; got x from {x1:g} to {x2:g} and y "
            f"from {y1:g} to {y2:g}. Drag from its upper left to its lower right corner."
        )
    return x1 * scale, y1 * scale, x2 * scale, y2 * scale


def _rounded(box: Box) -> tuple[int, int, int, int]:
    """First rounding: each edge to the nearest cell, halves away from zero, as C's round."""
    x1, y1, x2, y2 = (
        math.trunc(edge) + (int(math.copysign(1, edge)) if abs(edge - math.trunc(edge)) >= 0.5 else 0) for edge in box
    )
    return x1, y1, x2, y2


def _bins(first: int, last: int, n: int) -> NDArray[np.int64]:
    """Second rounding: first and one past the last cell of each of n bins of the cells first..last, (n, 2)."""
    # Floats, though integers would do: like that, a bin that ends at 6.999… or 7.000… ends where torchvision's does.
    size = (last - first + 1) / n
    return first + np.stack([np.floor(np.arange(n) * size), np.ceil(np.arange(1, n + 1) * size)], 1).astype(np.int64)


def _true_bins(start: float, end: float, n: int) -> NDArray[np.float64]:
    edges = np.linspace(start, end, n + 1)
    return np.stack([edges[:-1], edges[1:]], 1)


def _points(start: float, length: float, bins: int, sampling_ratio: int) -> NDArray[np.float64]:
    """Sample points of each bin along one axis, (bins, n), in index coordinates."""
    size = length / bins
    n = sampling_ratio if sampling_ratio > 0 else max(1, math.ceil(size))  # one in a box thinner than rounding
    return start + np.arange(bins)[:, None] * size + (np.arange(n) + 0.5) * size / n


def _corners(at: float, side: int) -> list[tuple[int, float]]:
    """Cells beside a point along one axis, with their weights; none beyond −1..side, where the map counts as 0."""
    if not -1 <= at <= side:
        return []
    at = min(max(float(at), 0.0), side - 1.0)  # the outermost cells' values reach one cell farther
    low = int(at)
    return [(low, 1.0)] if low == side - 1 else [(low, low + 1 - at), (low + 1, at - low)]


def _axis_taps(
    points: NDArray[np.float64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return (bin, cell, weight) of all taps along one axis; the weights of a bin within the map sum to 1."""
    n = points.shape[1]
    taps = [(i, cell, w / n) for i, row in enumerate(points) for at in row for cell, w in _corners(at, side)]
    bins, cells, weights = zip(*taps, strict=True) if taps else ((), (), ())
    return np.array(bins, np.int64), np.array(cells, np.int64), np.array(weights, np.float64)
