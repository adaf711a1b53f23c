"""Transposed convolution stamp by stamp: each input prints the kernel onto a canvas, and at the end the rim is cropped.

Conventions of `seglab.upsampling.trace`; one channel. The canvas is the output before the crop: (n−1)s + d(k−1) + 1
cells along an axis, and output padding adds empty ones at its end. Padding p then crops p cells from each side.
Made to be looked at: there is a whole canvas for each input, so take grids of up to some 16×16 cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seglab.upsampling.sizes import transposed_size
from seglab.upsampling.trace import Grid, Pair, as_grid, pair, window


@dataclass(frozen=True, eq=False)
class Stamp:
    """One step: the input at `index` prints `stamp` = value · kernel, and `canvas` is what stands there afterwards.

    Entry (i, j) of the stamp falls on the canvas at row top + d·i and column left + d·j, d being the dilation.
    """

    index: tuple[int, int]
    value: float
    top: int
    left: int
    stamp: Grid
    canvas: Grid


def canvas_shape(
    shape: tuple[int, int],
    kernel_shape: tuple[int, int],
    stride: Pair = 1,
    output_padding: Pair = 0,
    dilation: Pair = 1,
) -> tuple[int, int]:
    """Rows and columns of the canvas for an input of `shape`: (n−1)s + d(k−1) + op + 1 each.

    ValueError for a parameter out of its range, as `seglab.upsampling.sizes.transposed_size`.

    >>> canvas_shape((2, 2), (2, 2), stride=2)
    (4, 4)
    """
    _, _, rows, columns = crop(shape, kernel_shape, stride, 0, output_padding, dilation)
    return rows, columns


def crop(
    shape: tuple[int, int],
    kernel_shape: tuple[int, int],
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
) -> tuple[int, int, int, int]:
    """Return what remains of the canvas as (top, left, rows, columns): the padding's cells fall off on each side.

    ValueError as `seglab.upsampling.sizes.transposed_size`.

    >>> crop((2, 2), (2, 2), stride=2, padding=1)
    (1, 1, 2, 2)
    """
    s, p, d = window(stride, padding, dilation)
    op = pair(output_padding, "output padding", 0)
    rows, columns = (transposed_size(shape[a], kernel_shape[a], s[a], p[a], op[a], d[a]) for a in (0, 1))
    return p[0], p[1], rows, columns


def stamps(
    x: ArrayLike,
    kernel: ArrayLike,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
) -> list[Stamp]:
    """Play a transposed convolution of x (H, W) with a kernel (kH, kW): a step for each input, in reading order.

    The last canvas, cropped by `crop`, is the output of `seglab.upsampling.convolution.transposed_convolve`.

    Raises:
        ValueError: x or the kernel has channels, or as `seglab.upsampling.sizes.transposed_size`.

    >>> last = stamps([[2, 4], [0, 1]], [[3, 1], [1, 5]])[-1]
    >>> last.index, last.value, (last.top, last.left), last.stamp.tolist(), last.canvas.tolist()
    ((1, 1), 1.0, (1, 1), [[3.0, 1.0], [1.0, 5.0]], [[6.0, 14.0, 4.0], [2.0, 17.0, 21.0], [0.0, 1.0, 5.0]])
    """
    x, kernel = as_grid(x), as_grid(kernel, "kernel")
    if x.ndim != 2 or kernel.ndim != 2:
        raise ValueError(f"Stamps are played for one channel, (H, W) and (kH, kW); got {x.shape} and {kernel.shape}.")
    crop(x.shape, kernel.shape, stride, padding, output_padding, dilation)  # refuses what can't be
    s, d = pair(stride, "stride", 1), pair(dilation, "dilation", 1)
    canvas = np.zeros(canvas_shape(x.shape, kernel.shape, stride, output_padding, dilation))
    span = [d[a] * (kernel.shape[a] - 1) + 1 for a in (0, 1)]  # cells from the kernel's first entry to its last
    steps = []
    for (row, column), value in np.ndenumerate(x):
        top, left, stamp = row * s[0], column * s[1], value * kernel
        canvas = canvas.copy()
        canvas[top : top + span[0] : d[0], left : left + span[1] : d[1]] += stamp
        steps.append(Stamp((row, column), float(value), top, left, stamp, canvas))
    return steps
