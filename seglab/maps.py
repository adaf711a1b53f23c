"""What is read off a network's logits: labels, probabilities and how sure it is. None of it runs the network.

Conventions: logits (K, h, w), any float type, with h×w the network's resolution; `size` = (H, W) of the picture. Logits
are first brought to the picture's size bilinearly (pixel centres, `align_corners=False`, as torchvision does), then
divided by the temperature, then softmaxed: probabilities that are interpolated instead would be blunter at edges.
Maps are float32 (H, W) in 0..1. A temperature T > 1 evens the probabilities out, T < 1 sharpens them; it never changes
which class comes first (Guo et al. 2017, "On calibration of modern neural networks", eq. 9).

Memory is bounded: K×H×W numbers never exist. A band of rows is stretched to the picture's width, then what lies between
two of the network's rows is filled in, in tiles (K, rows, columns) that fit into a core's cache, and reduced at once.
NumPy on one thread per core does that faster than torch, whose threads meet after every operation; the scratch memory
belongs to these threads and is used again, because pages fresh from the system cost more than the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from itertools import pairwise
from numbers import Real
from typing import Any

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


def labels(
    logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0, threshold: float = 0.0
) -> Labels:
    """Return the most probable class of each pixel, uint8 (H, W), or 255 where its probability is below `threshold`.

    The same as `F.interpolate(logits, size, mode="bilinear", align_corners=False)` and then `argmax`, but for ties
    within float32's rounding (one pixel in some millions).

    Raises:
        ValueError: logits not (K, h, w) with 1 to 255 classes, temperature outside 1e-6..1e6, threshold outside 0..1.

    >>> logits = np.array([[[0.0, 0.0]], [[3.0, -2.0]]], np.float16)  # two classes, 1×2 pixels
    >>> labels(logits, (1, 4))
    array([[1, 1, 0, 0]], dtype=uint8)
    >>> labels(logits, (1, 4), threshold=0.9)
    array([[  1, 255, 255, 255]], dtype=uint8)

    """
    check_settings(temperature, threshold)

    def of(z: Tile, out: Labels) -> None:
        best = _best(z, out)
        if threshold > 0:
            # The winner's softmax is 1 / Σ exp(z − z_max).
            z -= best
            out[1 / np.exp(z, out=z).sum(0) < threshold] = UNSURE

    # A temperature never changes which class comes first.
    return _reduce(logits, size, temperature if threshold > 0 else 1, of, np.uint8, only_first=threshold == 0)


def probability(
    logits: NDArray[np.floating], size: tuple[int, int], k: int | Collection[int], *, temperature: float = 1.0
) -> Map:
    """Return the probability of class k, or of any of several classes k (their sum), float32 (H, W) in 0..1.

    >>> float(probability(np.zeros((4, 2, 2), np.float16), (8, 8), (0, 3))[0, 0])
    0.5
    """
    chosen = sorted({int(k)} if isinstance(k, int | np.integer) else {int(i) for i in k})
    if not chosen or not 0 <= chosen[0] <= chosen[-1] < len(logits):
        raise ValueError(f"k must name classes 0 to {len(logits) - 1}; got {k!r}.")

    def of(z: Tile, out: Map) -> None:
        z -= z.max(0)
        total = np.exp(z, out=z).sum(0)
        np.minimum(sum(z[i] for i in chosen) / total, 1, out=out)

    return _reduce(logits, size, temperature, of, np.float32)


def entropy(logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0) -> Map:
    """Return −Σ p log p / log K, float32 (H, W): 0 = certain, 1 = all K classes alike (so it doesn't depend on K).

    Multiply by log2 K for bits. With a single class it is 0.

    >>> float(entropy(np.zeros((4, 1, 1), np.float16), (2, 2))[0, 0])
    1.0
    """
    return _reduce(logits, size, temperature, lambda z, out: _entropy(z, z.max(0), out), np.float32)


def margin(logits: NDArray[np.floating], size: tuple[int, int], *, temperature: float = 1.0) -> Map:
    """Return the first class's probability minus the second's, float32 (H, W): 0 = a tie, 1 = certain.

    >>> float(margin(np.zeros((4, 1, 1), np.float16), (2, 2))[0, 0])
    0.0
    """

    def of(z: Tile, out: Map) -> None:
        z -= z.max(0)
        total = np.exp(z, out=scratch("exp", z.shape)).sum(0)
        first = np.equal(z, 0, out=scratch("hit", z.shape, bool))
        # The second is the largest among the others, unless several classes share the first place.
        np.copyto(z, -np.inf, where=first)
        second = np.exp(z.max(0))
        second[first.sum(0) > 1] = 1
        np.divide(1 - second, total, out=out)

    return _reduce(logits, size, temperature, of, np.float32)


def top(
    logits: NDArray[np.floating], size: tuple[int, int], x: int, y: int, n: int = 5, *, temperature: float = 1.0
) -> list[tuple[int, float]]:
    """Return the n most probable (class, probability) at the picture's pixel column x, row y, best first.

    >>> top(np.array([[[0.0]], [[np.log(3)]]]), (2, 2), x=1, y=0, temperature=1.0)[0][0]
    1
    """
    height, width = size
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"(x, y) must lie in the {width}×{height} picture; got ({x}, {y}).")
    if n < 1:
        raise ValueError(f"n, the number of classes to list, must be at least 1; got {n}.")
    _check(logits, size, temperature)
    up, part = _grid(logits.shape[1], height)
    left, share = _grid(logits.shape[2], width)
    corners = logits[:, [up[y], min(up[y] + 1, logits.shape[1] - 1)]]
    corners = corners[:, :, [left[x], min(left[x] + 1, logits.shape[2] - 1)]].astype(np.float64)
    row = corners[:, 0] + part[y] * (corners[:, 1] - corners[:, 0])
    z = (row[:, 0] + share[x] * (row[:, 1] - row[:, 0])) / temperature
    probs = np.exp(z - z.max())
    probs /= probs.sum()
    return [(int(k), float(probs[k])) for k in np.argsort(-probs, kind="stable")[:n]]


def mean_confidence(logits: NDArray[np.floating], *, temperature: float = 1.0) -> float:
    """Return the mean over pixels, at the network's resolution, of the winning class's probability: 1/K to 1.

    >>> mean_confidence(np.zeros((4, 3, 3), np.float16))
    0.25
    """
    size = (logits.shape[-2], logits.shape[-1])

    def of(z: Tile, out: Map) -> None:
        z -= z.max(0)
        np.divide(1, np.exp(z, out=z).sum(0), out=out)

    return float(_reduce(logits, size, temperature, of, np.float32).mean(dtype=np.float64))


def check_settings(temperature: float = 1.0, threshold: float = 0.0) -> None:
    """Raise ValueError unless the temperature is from 1e-6 to 1e6, and the threshold in 0..1."""
    if not (isinstance(temperature, Real) and COLDEST <= temperature <= 1 / COLDEST):
        raise ValueError(f"temperature must be {COLDEST:g} to {1 / COLDEST:g} (1: no change); got {temperature!r}.")
    if not (isinstance(threshold, Real) and 0 <= threshold <= 1):
        raise ValueError(f"threshold is a probability, 0 to 1; got {threshold!r}.")


def _best(z: Tile, out: Labels) -> Map:
    """Write the class of the largest number, the first of several equal ones, and return that number."""
    classes, best = len(z), z.max(0)
    # Several times faster than argmax(0): K, K−1, … 1 where a class equals the best, else 0; the largest is the first.
    hit = np.equal(z, best, out=scratch("hit", z.shape, bool)).view(np.uint8)
    hit *= np.arange(classes, 0, -1, dtype=np.uint8)[:, None, None]
    np.subtract(np.uint8(classes), hit.max(0), out=out)
    return best


def _entropy(z: Tile, best: Map, out: Map) -> None:
    # With y = z − z_max and S = Σ exp y: log p = y − log S. Where p underflows, p·y is 0, never NaN.
    z -= best
    p = np.exp(z, out=scratch("exp", z.shape))
    total = p.sum(0)
    p *= z
    np.subtract(np.log(total), p.sum(0) / total, out=out)
    out *= 1 / math.log(len(z)) if len(z) > 1 else 0
    np.clip(out, 0, 1, out=out)


def _reduce(
    logits: NDArray[np.floating],
    size: tuple[int, int],
    temperature: float,
    reduce: Callable[[Tile, NDArray[Any]], None],
    dtype: type[np.generic],
    *,
    only_first: bool = False,
) -> NDArray[Any]:
    """Interpolate, divide by the temperature, and let `reduce(tile, out)` write each tile's part of the result.

    only_first: all that is wanted is which class comes first, so where that is known nothing is computed.
    """
    _check(logits, size, temperature)
    (classes, h, w), (height, width) = logits.shape, size
    up, part = _grid(h, height)
    left, _ = _grid(w, width)
    out = _known(logits).take(left, axis=1).take(up, axis=0) if only_first else np.empty(size, dtype)
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
            if only_first:
                unknown = np.flatnonzero(out[y] == UNSURE)
                above, step = above[:, unknown], None if step is None else step[:, unknown]
            n = above.shape[1]
            columns = -(-n // max(1, -(-classes * (end - y) * n // TILE)))
            for x in range(0, n, columns or 1):
                to = slice(x, min(x + columns, n))
                tile = scratch("tile", (classes, end - y, to.stop - x))
                if step is None:
                    tile[...] = above[:, None, to]
                else:
                    np.multiply(step[:, None, to], part[y:end, None], out=tile)
                    tile += above[:, None, to]
                if only_first:
                    found = scratch("found", tile.shape[1:], dtype)
                    reduce(tile, found)
                    out[y:end, unknown[to]] = found
                else:
                    reduce(tile, out[y:end, to])

    for _ in threads().map(band, range(0, height, rows)):
        pass
    return out


def _known(logits: NDArray[np.floating]) -> Labels:
    """Return (h, w): the class that comes first all over between a sample and those below and right of it, or UNSURE.

    A mean of four numbers, each the largest of its pixel, is the largest mean: so it is known where all four agree.
    """
    classes, h, w = logits.shape
    first = np.empty((h, w), np.uint8)
    rows = max(1, TILE // (classes * w))
    for y in range(0, h, rows):
        _best(logits[:, y : y + rows].astype(np.float32), first[y : y + rows])
    beyond = np.pad(first, ((0, 1), (0, 1)), mode="edge")
    same = (first == beyond[1:, :-1]) & (first == beyond[:-1, 1:]) & (first == beyond[1:, 1:])
    return np.where(same, first, np.uint8(UNSURE))


def _stretch(rows: NDArray[np.floating], width: int, temperature: float) -> Tile:
    """(K, s, w) → float32 (K, s, W), interpolated along the rows and divided by the temperature."""
    narrow = rows.astype(np.float32)
    if temperature != 1:
        # Interpolation is linear: dividing before it, where there are fewer numbers, is the same.
        narrow /= np.float32(temperature)
    classes, s, w = narrow.shape
    if w == width:
        return narrow
    left, share = _grid(w, width)
    steps = np.diff(narrow, axis=2, append=narrow[:, :, -1:])
    wide = np.take(steps, left, axis=2, out=scratch("wide", (classes, s, width)), mode="clip")
    wide *= share
    wide += np.take(narrow, left, axis=2, out=scratch("steps", (classes, s, width)), mode="clip")
    return wide


def _grid(n: int, size: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each of `size` pixels, the last of n samples before its centre, and how far it is towards the next one."""
    # In float32, as torch does it: in float64 the labels of rare near-ties would differ from F.interpolate's.
    half = np.float32(0.5)
    at = np.maximum((np.arange(size, dtype=np.float32) + half) * (np.float32(n) / np.float32(size)) - half, 0)
    first = np.minimum(at.astype(np.intp), n - 1)
    return first, np.clip(at - first.astype(np.float32), 0, 1)


def _check(logits: NDArray[np.floating], size: tuple[int, int], temperature: float) -> None:
    check_settings(temperature)
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.dtype.kind != "f" or 0 in logits.shape:
        got = f"{logits.dtype} {logits.shape}" if isinstance(logits, np.ndarray) else type(logits).__name__
        raise ValueError(f"logits must be a float array (K, h, w); got {got}. Use SemanticResult.logits.")
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite numbers; got infinity or NaN. Run the network in fp32.")
    if len(logits) > UNSURE:
        raise ValueError(f"At most {UNSURE} classes fit into uint8 labels beside 255 = unsure; got {len(logits)}.")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be (height, width) in pixels, each at least 1; got {size!r}.")
