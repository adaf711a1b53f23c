"""Resizing by interpolation: nearest, bilinear and bicubic, as matrices, with both rulers of `align_corners`.

Conventions of `seglab.upsampling.trace`. Where an output lies among the inputs, in input pixels from the first one's
centre (its **source coordinate**), for output i of n_out from n_in:

- align_corners=False: pixels are areas, and the picture's edges stay where they are: (i + ½) · n_in / n_out − ½.
- align_corners=True: pixels are points, and the outermost stay where they are: i · (n_in − 1) / (n_out − 1); with one
  output, 0.
- Nearest takes neither: it reads the input ⌊i · n_in / n_out⌋, as torch's mode "nearest" (not "nearest-exact").

Along each axis, bilinear reads the 2 inputs nearest to the coordinate and bicubic 4, also where a weight comes out 0.
Inputs beyond the edge repeat the edge's. No smoothing when making smaller (torch's antialias=False). The matrix of a
grid is the Kronecker product of those for rows and columns.

In float32 torch's "nearest" reads the neighbour for some outputs of some large sizes (5 to 305 is one: 24 bits are too
few for i · n_in / n_out); here, and in torch's float64, it is exact.

Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 1981, eq. 15 has a = −½; torch
takes a = −¾.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from seglab.upsampling.trace import Pair, Trace, Traced, as_grid, pair

A = -0.75  # slope of bicubic's kernel at distance 1, as in torch and OpenCV


def source_coordinates(n_in: int, n_out: int, align_corners: bool) -> NDArray[np.float64]:
    """Where each of n_out outputs lies among n_in inputs: float64 (n_out,), in input pixels, 0 = first one's centre.

    Not clamped: with align_corners=False the first may be negative and the last beyond n_in − 1; there interpolation
    repeats the edge.

    Args:
        n_in: inputs along the axis, 1 or more.
        n_out: outputs, 1 or more.
        align_corners: which ruler, see the module.

    Raises:
        ValueError: a size is below 1.

    >>> source_coordinates(2, 4, align_corners=False).tolist()
    [-0.25, 0.25, 0.75, 1.25]
    >>> source_coordinates(2, 4, align_corners=True).round(3).tolist()
    [0.0, 0.333, 0.667, 1.0]
    """
    if n_in < 1 or n_out < 1:
        raise ValueError(f"Sizes must be 1 or more; got {n_in} inputs and {n_out} outputs.")
    i = np.arange(n_out, dtype=np.float64)
    if align_corners:  # multiplied first, both ways: where a coordinate is whole, it comes out so
        return i * (n_in - 1) / max(n_out - 1, 1)
    return (i + 0.5) * n_in / n_out - 0.5


def nearest(x: ArrayLike, size: Pair) -> Traced:
    """Resize x (H, W) or (C, H, W) to `size`, a number or (rows, columns): each output copies one input.

    Raises:
        ValueError: x isn't a grid of numbers, or the size is below 1.

    >>> nearest([[10, 20]], (1, 4)).output.tolist()
    [[10.0, 10.0, 20.0, 20.0]]
    """
    return _resize(x, size, _copy)


def bilinear(x: ArrayLike, size: Pair, align_corners: bool) -> Traced:
    """Resize x (H, W) or (C, H, W) to `size`, straight lines between inputs: weights 1 − f and f along each axis.

    Raises:
        ValueError: as `nearest`.

    >>> bilinear([[10, 20]], (1, 4), align_corners=False).output.tolist()
    [[10.0, 12.5, 17.5, 20.0]]
    >>> bilinear([[10, 20], [30, 40]], 4, align_corners=True).trace.sum_written([[10, 20], [30, 40]], (1, 1))
    '4/9·10 + 2/9·20 + 2/9·30 + 1/9·40 = 20'
    """
    return _resize(x, size, lambda n_in, n_out: _kernel(n_in, n_out, align_corners, (0, 1), lambda t: 1 - t))


def bicubic(x: ArrayLike, size: Pair, align_corners: bool) -> Traced:
    """Resize x (H, W) or (C, H, W) to `size` by cubic pieces, which may overshoot: weights W(t) over 4 inputs an axis.

    W(t) = (a+2)t³ − (a+3)t² + 1 for t ≤ 1 and at³ − 5at² + 8at − 4a for 1 < t ≤ 2, at distance t, with a = −¾.

    Raises:
        ValueError: as `nearest`.

    >>> bicubic([[0, 0, 8, 8]], (1, 8), align_corners=False).output.round(2).tolist()
    [[0.0, -0.28, -0.84, 1.81, 6.19, 8.84, 8.28, 8.0]]
    """
    return _resize(x, size, lambda n_in, n_out: _kernel(n_in, n_out, align_corners, (-1, 0, 1, 2), _cubic))


def _copy(n_in: int, n_out: int) -> sparse.csr_array:
    return _taps(n_in, (np.arange(n_out) * n_in // n_out)[:, None], np.ones((n_out, 1)))


def _cubic(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(t <= 1, ((A + 2) * t - (A + 3)) * t**2 + 1, ((A * t - 5 * A) * t + 8 * A) * t - 4 * A)


def _kernel(
    n_in: int,
    n_out: int,
    align_corners: bool,
    offsets: tuple[int, ...],
    weight: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> sparse.csr_array:
    """(n_out × n_in) for inputs at `offsets` from the one at or before the coordinate, weighted by their distance."""
    coordinates = source_coordinates(n_in, n_out, align_corners)[:, None]
    inputs = np.floor(coordinates).astype(np.int64) + np.array(offsets)
    return _taps(n_in, inputs, weight(np.abs(coordinates - inputs)))


def _taps(n_in: int, inputs: NDArray[np.int64], weights: NDArray[np.float64]) -> sparse.csr_array:
    """(n_out × n_in) from the inputs (n_out, taps) that each output reads; those beyond the edge repeat the edge's."""
    rows = np.broadcast_to(np.arange(len(inputs))[:, None], inputs.shape)
    entries = (weights.ravel(), (rows.ravel(), inputs.clip(0, n_in - 1).ravel()))
    return sparse.csr_array(sparse.coo_array(entries, shape=(len(inputs), n_in)))


def _resize(x: ArrayLike, size: Pair, axis: Callable[[int, int], sparse.csr_array]) -> Traced:
    """Resize both axes by the matrices that `axis(n_in, n_out)` gives, each channel by itself."""
    x, out = as_grid(x), pair(size, "size", 1)
    # The format is named because scipy's other way, for dense blocks, would take cells that nobody reads for taps.
    matrix = sparse.kron(axis(x.shape[-2], out[0]), axis(x.shape[-1], out[1]), format="csr")
    if x.ndim == 3:
        matrix = sparse.kron(sparse.eye_array(x.shape[0]), matrix, format="csr")
    return Trace(matrix, x.shape, (*x.shape[:-2], *out)).traced(x)
