"""How segments overlap: of two maps of ids, pixel by pixel, and of two lists of masks, box by box.

Conventions: a map of ids is a non-negative integer array (H, W), 0 = none; areas and overlaps are counted in pixels.
Maps of segments are piecewise constant, so they are cut into *runs* first (pixels of a row in which no value changes):
of a 1080p map with 50 segments some 20 000 remain of 2 million pixels, whatever numbers the ids are. Masks are compared
as packed bits (`Crop`), and only where their boxes meet. Whatever follows from overlaps (IoU, matching) has a module of
its own: `panoptic` (PQ) and `average_precision` (AP, DSB score).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seglab.types import Crop

Counts = NDArray[np.int64]


def pairs(a: NDArray[np.integer], b: NDArray[np.integer]) -> tuple[Counts, Counts, Counts]:
    """Return every pair of values (a, b) that occurs at one pixel, and at how many: three int64 arrays (n,).

    `a` and `b` are maps (H, W) of one shape; pairs come sorted by a, then b. ValueError for unequal shapes, values
    that aren't integers, or negative ones.

    >>> [found.tolist() for found in pairs(np.array([[1, 1, 2]]), np.array([[7, 0, 7]]))]
    [[1, 1, 2], [0, 7, 7], [1, 1, 1]]
    """
    if a.shape != b.shape:
        raise ValueError(f"The maps are {a.shape} and {b.shape}; they must be of one shape, pixel for pixel.")
    starts, lengths = _runs(a, b)
    (left, at_left), (right, at_right) = (_compact(x.ravel()[starts]) for x in (a, b))
    keys, where = np.unique(at_left * max(len(right), 1) + at_right, return_inverse=True)
    pixels = np.bincount(where, weights=lengths, minlength=len(keys)).astype(np.int64)  # exact below 2**53
    of_left, of_right = np.divmod(keys, max(len(right), 1))
    return left[of_left], right[of_right], pixels


def boxes(ids: NDArray[np.integer]) -> tuple[Counts, Counts]:
    """Return the ids in a map (H, W), 0 left out, ascending (n,), and their boxes (n, 4): top, left, bottom, right.

    Bottom and right are the row and column after the last.

    >>> [found.tolist() for found in boxes(np.array([[0, 5, 5], [0, 5, 0]]))]
    [[5], [[0, 1, 2, 3]]]
    """
    starts, lengths = _runs(ids)
    found, where = _compact(ids.ravel()[starts])
    row, column = np.divmod(starts, max(ids.shape[1], 1))
    low, high = np.full((2, len(found)), ids.size), np.zeros((2, len(found)), np.int64)
    for axis, (first, after) in enumerate(((row, row + 1), (column, column + lengths))):
        np.minimum.at(low[axis], where, first)
        np.maximum.at(high[axis], where, after)
    some = found != 0
    return found[some], np.concatenate([low, high]).T[some]


def areas(crops: Sequence[Crop]) -> Counts:
    """Return the pixels of each mask: int64 (n,).

    >>> areas([Crop.of(np.eye(3, dtype=bool), 0, 0)]).tolist()
    [3]
    """
    return np.array([int(np.bitwise_count(crop.bits).sum(dtype=np.int64)) for crop in crops], np.int64)


def intersections(a: Sequence[Crop], b: Sequence[Crop]) -> Counts:
    """Return how many pixels each mask of `a` shares with each of `b`: int64 (len(a), len(b)).

    >>> square = np.ones((4, 4), bool)
    >>> intersections([Crop.of(square, 0, 0)], [Crop.of(square, 1, 3), Crop.of(square, 0, 4)]).tolist()
    [[3, 0]]
    """
    shared = np.zeros((len(a), len(b)), np.int64)
    if not shared.size:
        return shared
    of_a, of_b = ([_on_grid(crop) for crop in crops] for crops in (a, b))
    place_a, place_b = (np.array([(t, c, t + bits.shape[0], c + bits.shape[1]) for t, c, bits in found])
                        for found in (of_a, of_b))  # fmt: skip
    first = np.maximum(place_a[:, None, :2], place_b[None, :, :2])
    after = np.minimum(place_a[:, None, 2:], place_b[None, :, 2:])
    for i, j in np.argwhere((first < after).all(2)).tolist():
        (top, left), (bottom, right) = first[i, j], after[i, j]
        parts = [bits[top - t : bottom - t, left - c : right - c] for t, c, bits in (of_a[i], of_b[j])]
        shared[i, j] = np.bitwise_count(parts[0] & parts[1]).sum(dtype=np.int64)
    return shared


def _runs(*maps: NDArray[np.integer]) -> tuple[Counts, Counts]:
    """Cut maps of one shape into runs within a row, in which none of them changes: first pixels and lengths."""
    if maps[0].ndim != 2 or any(x.dtype.kind not in "iu" for x in maps):
        got = " and ".join(f"{x.dtype} {x.shape}" for x in maps)
        raise ValueError(f"Maps of ids or classes are integer arrays (H, W); got {got}.")
    size = maps[0].size
    new = np.zeros(size, bool)
    for flat in (x.ravel() for x in maps):
        new[1:] |= flat[1:] != flat[:-1]
    new[:: max(maps[0].shape[1], 1)] = True
    starts = np.flatnonzero(new)
    return starts, np.diff(starts, append=size)


def _compact(values: NDArray[np.integer]) -> tuple[Counts, Counts]:
    """Return the values that occur, ascending, and for each entry the place of its value among them."""
    if values.size and values.min() < 0:
        raise ValueError(f"Ids begin at 0, which means none; got {values.min()}.")
    found, where = np.unique(values, return_inverse=True)
    return found.astype(np.int64), where.astype(np.int64)


def _on_grid(crop: Crop) -> tuple[int, int, NDArray[np.uint8]]:
    """Shift a mask's bits so that its bytes begin at columns divisible by 8: its top row, first byte column and bits.

    Masks of different boxes can then be joined byte by byte.
    """
    column, shift = divmod(crop.left, 8)
    if not shift:
        return crop.top, column, crop.bits
    bits = np.zeros((crop.bits.shape[0], crop.bits.shape[1] + 1), np.uint8)
    bits[:, :-1] = crop.bits >> shift
    bits[:, 1:] |= crop.bits << (8 - shift)
    return crop.top, column, bits
