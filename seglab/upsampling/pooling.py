"""Max-pooling with its indices, and the two ways back: max-unpooling, which needs them, and the bed of nails.

Conventions of `seglab.upsampling.trace`. An **index** is torch's: the place of the largest number of a window in its
channel, flattened row by row, row · W + column of the pool's *input*; an int64 for each output. The padding of a pool
never wins. Of equal numbers the first in reading order wins.

The trace of a pool holds for this input alone: another input may have its maxima elsewhere.

Source: Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 2.1 (switches); Noh
et al., "Learning Deconvolution Network for Semantic Segmentation", ICCV 2015, section 3.2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.upsampling.trace import Pair, Trace, Traced, as_grid, pair


def max_pool(
    x: ArrayLike, kernel: Pair, stride: Pair | None = None, padding: Pair = 0
) -> tuple[Traced, NDArray[np.int64]]:
    """Largest number of each window of x (H, W) or (C, H, W), ⌊(n + 2p − k) / s⌋ + 1 windows an axis, and its index.

    Args:
        x: the input.
        kernel: cells of a window, 1 or more.
        stride: cells from one window to the next, 1 or more; the kernel's if None.
        padding: cells outside that the windows may cover, 0 to half the kernel.

    Raises:
        ValueError: a parameter is out of its range, or the window is larger than the padded input.

    >>> pooled, indices = max_pool([[1, 2, 6, 3], [3, 5, 2, 1]], 2)
    >>> pooled.output.tolist(), indices.tolist()
    ([[5.0, 6.0]], [[5, 2]])
    """
    x, k, p = as_grid(x), pair(kernel, "kernel", 1), pair(padding, "padding", 0)
    s = k if stride is None else pair(stride, "stride", 1)
    if p[0] > k[0] // 2 or p[1] > k[1] // 2:
        raise ValueError(
            f"A pool's padding may be half its kernel at most, or windows would be empty: {p} is more than half of {k}."
        )
    height, width = x.shape[-2:]
    if height + 2 * p[0] < k[0] or width + 2 * p[1] < k[1]:
        raise ValueError(
            f"The window {k} must not be larger than the padded input, {(height + 2 * p[0], width + 2 * p[1])}. "
            f"Take a smaller kernel or more padding."
        )
    channels = x.reshape(-1, height, width)
    padded = np.pad(channels, ((0, 0), (p[0], p[0]), (p[1], p[1])), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, k, axis=(1, 2))[:, :: s[0], :: s[1]]
    down, across = np.divmod(windows.reshape(*windows.shape[:3], -1).argmax(-1), k[1])  # where in its window
    top, left = np.arange(windows.shape[1])[:, None] * s[0] - p[0], np.arange(windows.shape[2]) * s[1] - p[1]
    indices = ((top + down) * width + left + across).astype(np.int64)
    out_shape = (*x.shape[:-2], *windows.shape[1:3])
    inputs = indices + np.arange(len(channels))[:, None, None] * height * width
    trace = Trace.of_taps(np.arange(inputs.size), inputs, np.ones(inputs.size), x.shape, out_shape)
    return trace.traced(x), indices.reshape(out_shape)


def max_unpool(
    x: ArrayLike,
    indices: NDArray[np.integer],
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    size: tuple[int, int] | None = None,
) -> Traced:
    """Put each number of x (H, W) or (C, H, W) back to its index, and 0 elsewhere: to (n−1)s − 2p + k cells an axis.

    Where an index occurs twice, the last in reading order is kept and the other is lost. (torch leaves that open; on a
    small grid its CPU code does the same.)

    Args:
        x: one number for each index.
        indices: of the paired `max_pool`, of x's shape; flat places in a channel of the output.
        kernel: the pool's kernel.
        stride: the pool's stride; the kernel's if None.
        padding: the pool's padding.
        size: (rows, columns) of the pool's input, where several sizes pool to x's: less than a stride from the above.

    Raises:
        ValueError: a parameter is out of its range, the shapes of x and indices differ, the size is too far off or
            below 1 (where torch gives a picture without pixels), or an index lies outside.

    >>> max_unpool([[5, 6]], np.array([[5, 2]]), 2, size=(2, 4)).output.tolist()
    [[0.0, 0.0, 6.0, 0.0], [0.0, 5.0, 0.0, 0.0]]
    """
    x, k, p = as_grid(x), pair(kernel, "kernel", 1), pair(padding, "padding", 0)
    s = k if stride is None else pair(stride, "stride", 1)
    usual = tuple((n - 1) * s[a] - 2 * p[a] + k[a] for a, n in enumerate(x.shape[-2:]))
    sides = usual if size is None else pair(size, "size", 1)
    if min(sides) < 1 or any(abs(sides[a] - usual[a]) >= s[a] for a in (0, 1)):
        raise ValueError(
            f"The size must be 1 or more, and less than the stride {s} from (n−1)s − 2p + k = {usual}; got {sides}. "
            f"Give the size of the pool's input."
        )
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu" or indices.shape != x.shape:
        raise ValueError(
            f"Indices must be whole numbers, one for each number of x {x.shape}; got {indices.dtype} {indices.shape}. "
            f"Take those of max_pool."
        )
    cells = math.prod(sides)
    if indices.min() < 0 or indices.max() >= cells:
        raise ValueError(
            f"Indices {indices.min()} to {indices.max()} must lie in 0 to {cells - 1}, the cells of an output {sides}. "
            f"Give the size of the pool's input."
        )
    channel = np.arange(x.size) // math.prod(x.shape[-2:])
    outputs = indices.ravel().astype(np.int64) + channel * cells
    last = np.full(x.size // math.prod(x.shape[-2:]) * cells, -1)
    np.maximum.at(last, outputs, np.arange(x.size))
    filled = np.flatnonzero(last >= 0)
    out_shape = (*x.shape[:-2], *sides)
    return Trace.of_taps(filled, last[filled], np.ones(len(filled)), x.shape, out_shape).traced(x)


def bed_of_nails(x: ArrayLike, factor: Pair) -> Traced:
    """Set x (H, W) or (C, H, W) `factor` cells apart, each at the top left of its block, with 0 between.

    It is what unpooling does without indices, and transposed convolution with the kernel [[1]] but for the size.

    Raises:
        ValueError: x isn't a grid of numbers, or the factor is below 1.

    >>> bed_of_nails([[1, 2]], 2).output.tolist()
    [[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    x, f = as_grid(x), pair(factor, "factor", 1)
    out_shape = (*x.shape[:-2], x.shape[-2] * f[0], x.shape[-1] * f[1])
    outputs = np.arange(math.prod(out_shape)).reshape(out_shape)[..., :: f[0], :: f[1]]
    return Trace.of_taps(outputs, np.arange(x.size), np.ones(x.size), x.shape, out_shape).traced(x)
