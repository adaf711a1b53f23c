"""Logits brought to the picture's size and reduced at once, so that they never exist at that size.

Conventions are those of `seglab.maps`: logits (K, h, w), `size` = (H, W) of the picture, bilinear, pixel centres.

A band of rows is stretched to the picture's width, then what lies between two of the network's rows is filled in, in
tiles (K, rows, columns) that fit into a core's cache. NumPy on one thread per core does that faster than torch, whose
threads meet after every operation; the scratch memory belongs to these threads and is used again, because pages fresh
from the system cost more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from numbers import Real
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from seglab.cores import scratch, threads
from seglab.types import Labels

Map = NDArray[np.float32]  # (H, W), 0..1
Tile = NDArray[np.float32]  # (K, rows, columns) of interpolated logits, free to be overwritten

ROWS = 64  # rows of the picture in a band, at most
BAND = 2**20  # numbers in a band of the network's rows stretched to the picture's width
TILE = 3 * 2**16  # numbers in a tile: three quarters of a megabyte
UNSURE = 255
COLDEST = 1e-6  # the lowest temperature: fp16 logits divided by it are far from overflowing float32


def reduce(
    logits: NDArray[np.floating],
    size: tuple[int, int],
    temperature: float,
    write: Callable[[Tile, NDArray[Any]], object],
    dtype: type[np.generic],
) -> NDArray[Any]:
    """Interpolate, divide by the temperature, and let `write(tile, out)` write each tile's part of the result (H, W).

    Args:
        logits: (K, h, w), any float type.
        size: (H, W) in pixels.
        temperature: 1e-6 to 1e6.
        write: gets a tile (K, rows, columns), which it may overwrite, and a view of its place in the result.
        dtype: of the result.

    Raises:
        ValueError: see `check`.

    >>> reduce(np.zeros((2, 1, 1), np.float16), (1, 2), 1.0, lambda z, out: np.sum(z, 0, out=out), np.float32)
    array([[0., 0.]], dtype=float32)

    """
    check(logits, size, temperature)
    (classes, h, w), (height, width) = logits.shape, map(int, size)
    up, part = grid(h, height)
    out = np.empty((height, width), dtype)
    # As many of the picture's rows as come from BAND numbers, beside the two source rows that every band shares.
    rows = max(1, min(ROWS, (BAND // (classes * max(w, width)) - 2) * height // h))
    turns = np.flatnonzero(np.diff(up)) + 1  # where the next of the network's rows begins

    def band(start: int) -> None:
        stop = min(height, start + rows)
        first = up[start]
        wide = _stretch(logits[:, first : up[stop - 1] + 2], width, temperature)  # (K, s, W)
        steps = scratch("steps", (classes, wide.shape[1] - 1, width))
        np.subtract(wide[:, 1:], wide[:, :-1], out=steps)
        edges = [start, *turns[(turns > start) & (turns < stop)].tolist(), stop]
        for y, end in pairwise(edges):
            i = up[y] - first
            # There is no step beyond the middle of the network's last row.
            above, step = wide[:, i], steps[:, i] if i < steps.shape[1] else None
            columns = -(-width // max(1, -(-classes * (end - y) * width // TILE)))
            for x in range(0, width, columns):
                to = slice(x, min(x + columns, width))
                tile = scratch("tile", (classes, end - y, to.stop - x))
                if step is None:
                    tile[...] = above[:, None, to]
                else:
                    np.multiply(step[:, None, to], part[y:end, None], out=tile)
                    tile += above[:, None, to]
                write(tile, out[y:end, to])

    for _ in threads().map(band, range(0, height, rows)):
        pass
    return out


def _stretch(rows: NDArray[np.floating], width: int, temperature: float) -> Tile:
    """(K, s, w) → float32 (K, s, W), interpolated along the rows and divided by the temperature."""
    narrow = rows.astype(np.float32)
    if temperature != 1:
        # Interpolation is linear: dividing before it, where there are fewer numbers, is the same.
        narrow /= np.float32(temperature)
    classes, s, w = narrow.shape
    if w == width:
        return narrow
    left, share = grid(w, width)
    steps = np.diff(narrow, axis=2, append=narrow[:, :, -1:])
    wide = np.take(steps, left, axis=2, out=scratch("wide", (classes, s, width)), mode="clip")
    wide *= share
    wide += np.take(narrow, left, axis=2, out=scratch("steps", (classes, s, width)), mode="clip")
    return wide


def grid(n: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each of `size` pixels, the last of n samples before its centre, and how far it is towards the next one.

    >>> [a.tolist() for a in grid(2, 4)]
    [[0, 0, 0, 1], [0.0, 0.25, 0.75, 0.25]]
    """
    # In float32, as torch does it: in float64 the labels of rare near-ties would differ from F.interpolate's.
    half = np.float32(0.5)
    at = np.maximum((np.arange(size, dtype=np.float32) + half) * (np.float32(n) / np.float32(size)) - half, 0)
    first = np.minimum(at.astype(np.intp), n - 1)
    return first, np.clip(at - first.astype(np.float32), 0, 1)


def check(logits: NDArray[np.floating], size: tuple[int, int], temperature: float) -> None:
    """Raise ValueError unless these are finite logits, a picture's size and a temperature."""
    check_settings(temperature)
    check_logits(logits)
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite numbers; got infinity or NaN. Run the network in fp32.")
    if not (isinstance(size, tuple | list) and len(size) == 2 and all(whole(n) and n >= 1 for n in size)):
        raise ValueError(f"size must be (height, width) in whole pixels, each at least 1; got {size!r}.")


def check_logits(logits: NDArray[np.floating]) -> None:
    """Raise ValueError unless `logits` is a float array (K, h, w) of 1 to 255 classes; its values aren't looked at."""
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.dtype.kind != "f" or 0 in logits.shape:
        got = f"{logits.dtype} {logits.shape}" if isinstance(logits, np.ndarray) else type(logits).__name__
        raise ValueError(f"logits must be a float array (K, h, w); got {got}. Use SemanticResult.logits.")
    if len(logits) > UNSURE:
        raise ValueError(f"At most {UNSURE} classes fit into uint8 labels beside 255 = unsure; got {len(logits)}.")


def whole(value: object) -> TypeGuard[int]:
    """Whether `value` is a whole number, Python's or NumPy's."""
    return isinstance(value, int | np.integer)


def best(z: Tile, out: Labels) -> Map:
    """Write the class of the largest number, the first of several equal ones, to `out`, and return that number.

    >>> first = np.empty((1, 2), np.uint8)
    >>> best(np.array([[[1.0, 0.0]], [[1.0, 3.0]]], np.float32), first), first
    (array([[1., 3.]], dtype=float32), array([[0, 1]], dtype=uint8))
    """
    classes, most = len(z), z.max(0)
    # Several times faster than argmax(0): K, K−1, … 1 where a class has that number, else 0; the largest is the first.
    hit = np.equal(z, most, out=scratch("hit", z.shape, bool)).view(np.uint8)
    hit *= np.arange(classes, 0, -1, dtype=np.uint8)[:, None, None]
    np.subtract(np.uint8(classes), hit.max(0), out=out)
    return most


def check_settings(temperature: float = 1.0, threshold: float = 0.0) -> None:
    """Raise ValueError unless the temperature is from 1e-6 to 1e6, and the threshold in 0..1."""
    if not (isinstance(temperature, Real) and COLDEST <= temperature <= 1 / COLDEST):
        raise ValueError(f"temperature must be {COLDEST:g} to {1 / COLDEST:g} (1: no change); got {temperature!r}.")
    if not (isinstance(threshold, Real) and 0 <= threshold <= 1):
        raise ValueError(f"threshold is a probability, 0 to 1; got {threshold!r}.")
