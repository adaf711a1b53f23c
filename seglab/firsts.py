"""Which class comes first at each pixel of the picture, without stretching logits where that is known beforehand.

Conventions are those of `seglab.maps`: logits (K, h, w), `size` = (H, W) of the picture, bilinear, pixel centres.

A mean of four numbers, each the largest of its pixel, is the largest mean: where the same class comes first at the four
corners of a cell, it comes first all over it. So the logits are computed at the corners of small cells, and then only
at those pixels whose cell's corners disagree, along the borders of the classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seglab.cores import threads
from seglab.stretch import ROWS, TILE, UNSURE, best, check, grid
from seglab.types import Labels

CELL = 3  # pixels a side of a cell, about; never fewer


def firsts(logits: NDArray[np.floating], size: tuple[int, int]) -> Labels:
    """Return the class whose interpolated logit is the largest, uint8 (H, W); of equal ones the first.

    Raises:
        ValueError: see `seglab.stretch.check`.

    >>> firsts(np.array([[[0.0, 0.0]], [[3.0, -2.0]]], np.float16), (1, 4))
    array([[1, 1, 0, 0]], dtype=uint8)

    """
    check(logits, size, 1)
    (classes, h, w), (height, width) = logits.shape, map(int, size)
    finer = max(1, min(height // h, width // w) // CELL)  # cells from one sample to the next
    up, down = grid(h, height)
    left, across = grid(w, width)
    cells = _cells(logits, finer)
    out = cells.take(_of(up, down, finer, h), axis=0).take(_of(left, across, finer, w), axis=1)
    below, right = np.minimum(up + 1, h - 1), np.minimum(left + 1, w - 1)
    pixels = TILE // classes  # at once

    def band(start: int) -> None:
        flat = out[start : start + ROWS].reshape(-1)
        unknown = np.flatnonzero(flat == UNSURE)
        first = up[start]
        rows = logits[:, first : below[min(start + ROWS, height) - 1] + 1]
        samples = np.ascontiguousarray(rows.reshape(classes, -1).T, np.float32)  # a pixel's K numbers side by side
        for n in range(0, len(unknown), pixels):
            at = unknown[n : n + pixels]
            y, x = np.divmod(at, width)
            y += start
            above, under = (up[y] - first) * w, (below[y] - first) * w
            upper = _mix(samples, above + left[x], above + right[x], across[x, None])
            lower = _mix(samples, under + left[x], under + right[x], across[x, None])
            lower -= upper
            lower *= down[y, None]
            upper += lower
            flat[at] = upper.argmax(1)

    for _ in threads().map(band, range(0, height, ROWS)):
        pass
    return out


def _mix(
    samples: NDArray[np.float32], left: NDArray[np.intp], right: NDArray[np.intp], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    found = samples.take(left, axis=0)
    step = samples.take(right, axis=0)
    step -= found
    step *= share
    found += step
    return found


def _of(first: NDArray[np.intp], share: NDArray[np.float32], finer: int, n: int) -> NDArray[np.intp]:
    """Return the cell of each pixel along one axis of n samples, from `grid`'s answer."""
    return np.minimum(first * finer + (share * finer).astype(np.intp), (n - 1) * finer)


def _cells(logits: NDArray[np.floating], finer: int) -> Labels:
    """Return for each cell, `finer`² of which lie between four samples: the class that comes first all over it, or 255.

    The last row and column of cells have no samples beyond them, and nothing changes there.
    """
    classes, h, w = logits.shape
    first = np.empty(((h - 1) * finer + 1, (w - 1) * finer + 1), np.uint8)
    rows = max(1, TILE // (classes * first.shape[1]))

    def band(start: int) -> None:
        at = np.arange(start, min(start + rows, len(first)))
        corners = _between(_between(logits, at, finer, 1), np.arange(first.shape[1]), finer, 2)
        best(corners, first[start : at[-1] + 1])

    for _ in threads().map(band, range(0, len(first), rows)):
        pass
    beyond = np.pad(first, ((0, 1), (0, 1)), mode="edge")
    same = (first == beyond[1:, :-1]) & (first == beyond[:-1, 1:]) & (first == beyond[1:, 1:])
    return np.where(same, first, np.uint8(UNSURE))


def _between(samples: NDArray[np.floating], at: NDArray[np.intp], finer: int, axis: int) -> NDArray[np.float32]:
    """Return float32 numbers (K, …) at the places at/finer along axis 1 or 2."""
    left = at // finer
    found = samples.take(left, axis=axis).astype(np.float32)
    if finer > 1:
        step = samples.take(np.minimum(left + 1, samples.shape[axis] - 1), axis=axis).astype(np.float32)
        step -= found
        step *= (at % finer / finer).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
        found += step
    return found
