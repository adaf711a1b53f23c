"""Atrous (dilated) convolution: a wide view at full resolution; what it sees, and what it misses (gridding).

Conventions of `seglab.upsampling.trace`, and:

- Atrous convolution of rate r, in one dimension: y[i] = Σ_k x[i + r·k] w[k], the sum over the kernel's entries. Taps
  lie r apart, with r − 1 zeros ("holes", trous) between them; some lectures say that they lie r − 1 apart.
- A layer is (kernel, stride, dilation) or (kernel, stride, dilation, padding), of one axis: square kernels look the
  same along both.
- Numbers of cells and of paths are exact integers.

Source: Chen et al., "DeepLab", arXiv:1606.00915, section 3.1, eq. 1; Wang et al., "Understanding Convolution for
Semantic Segmentation", WACV 2018, arXiv:1702.08502, section 3.2 (gridding, and its remedy: hybrid dilated convolution,
HDC).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.upsampling.convolution import convolve
from seglab.upsampling.trace import Grid, Pair, Traced, as_grid, pair

Layer = tuple[int, int, int] | tuple[int, int, int, int]  # kernel, stride, dilation, and padding if any


@dataclass(frozen=True)
class ReceptiveField:
    """What one output of a stack of layers sees of the input along one axis, in cells of the input.

    Output i sees `size` cells from `start + i · jump` on; a negative start lies in the padding. `jump` is the product
    of the strides: how far apart two neighbouring outputs look.
    """

    size: int
    jump: int
    start: int


def atrous(x: ArrayLike, kernel: ArrayLike, rate: Pair = 1, padding: Pair = 0) -> Traced:
    """Atrous convolution, y[i] = Σ_k x[i + r·k] w[k] (eq. 1), on x padded with zeros.

    Args:
        x: (H, W), or (1, W) for a signal, or (C_in, H, W).
        kernel: (kH, kW), or (1, k) for a signal, or (C_out, C_in, kH, kW).
        rate: r, cells from one tap to the next, 1 or more; 1 is the ordinary convolution.
        padding: zeros on each side; r·(k − 1)/2 keeps the size for an odd kernel.

    Raises:
        ValueError: the rate is below 1, or anything that `convolve` refuses, such as an effective kernel larger than
            the padded input.

    >>> atrous([[1, 2, 3, 4, 5]], [[1, 1, 1]], rate=2).output.tolist()  # 1 + 3 + 5
    [[9.0]]
    """
    return convolve(x, kernel, padding=padding, dilation=pair(rate, "rate", 1))


def effective_kernel(kernel: int, rate: int) -> int:
    """Cells that a kernel spans at a rate: k + (k − 1)(r − 1), with k entries at r cells from each other.

    ValueError for a kernel or a rate below 1.

    >>> effective_kernel(3, 1), effective_kernel(3, 2), effective_kernel(3, 6)
    (3, 5, 13)
    """
    _at_least_one(kernel=kernel, rate=rate)
    return kernel + (kernel - 1) * (rate - 1)


def receptive_field(layers: Sequence[Layer]) -> list[ReceptiveField]:
    """Return the receptive field after each layer of a stack: it grows by (effective kernel − 1) · jump a layer.

    That is the field which the layers span; with equal rates not every cell in it is seen, see `coverage`.

    Args:
        layers: (kernel, stride, dilation) or (kernel, stride, dilation, padding) of each, from the input on.

    Raises:
        ValueError: a kernel, stride or dilation is below 1, or a padding is negative.

    Source: Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019, eq. 2.

    >>> [field.size for field in receptive_field([(3, 1, 1), (3, 1, 2), (3, 1, 4)])]
    [3, 7, 15]
    """
    size, jump, start = 1, 1, 0
    fields = []
    for kernel, stride, dilation, *rest in layers:
        padding = rest[0] if rest else 0
        _at_least_one(kernel=kernel, stride=stride, dilation=dilation)
        if padding < 0:
            raise ValueError(f"Padding is 0 zeros or more; got {padding}.")
        size += (effective_kernel(kernel, dilation) - 1) * jump
        start -= padding * jump
        jump *= stride
        fields.append(ReceptiveField(size, jump, start))
    return fields


def coverage(rates: Sequence[int], kernel: int = 3) -> NDArray[np.int64]:
    """Paths from each input cell of the receptive field to the output in its middle, int64 (R, R).

    The layers are atrous convolutions of stride 1 and of these rates; a path takes one tap of each layer. Rates 2, 2, 2
    leave zeros in between: the output is made of every second row and column only, and its neighbour of the others
    ("gridding"). Rates such as 1, 2, 5 leave none (HDC).

    Raises:
        ValueError: no rate, a rate or the kernel below 1, or more paths than an int64 can count.

    >>> coverage([2, 2], 3)[0].tolist()  # 1·1, 0, 1·2, ... : the top row; the outer product with (1, 0, 2, 0, 3, ...)
    [1, 0, 2, 0, 3, 0, 2, 0, 1]
    """
    if not rates:
        raise ValueError("Give a rate for each layer, 1 or more; got none.")
    _at_least_one(kernel=kernel, **{f"rate {n}": rate for n, rate in enumerate(rates, 1)})
    if kernel ** (2 * len(rates)) >= 2**63:
        raise ValueError(f"{len(rates)} layers of {kernel}×{kernel} have more paths than can be counted: use fewer.")
    paths = np.ones(1, np.int64)
    for rate in rates:
        taps = np.zeros(effective_kernel(kernel, rate), np.int64)
        taps[::rate] = 1
        paths = np.convolve(paths, taps)
    return np.outer(paths, paths)


def holes(paths: NDArray[np.integer]) -> float:
    """Share of the cells in a receptive field that no path leaves from, 0 to below 1; `paths` as from `coverage`.

    >>> holes(coverage([2, 2, 2])), holes(coverage([1, 2, 5]))  # 1 − (7 / 13)²
    (0.7100591715976331, 0.0)
    """
    return float(np.mean(paths == 0))


def shift_and_stitch(f: Callable[[Grid], ArrayLike], x: ArrayLike, factor: Pair) -> Grid:
    """Run a coarse network on every shift of its input and interlace the answers: a dense map, without retraining.

    `f` takes (…, H, W) and gives one output for every `factor` cells along each axis, without padding: factor is the
    product of its strides. It runs factor² times, on x without its first a rows and b columns for each a, b < factor,
    and output (i, j) of that run goes to (factor·i + a, factor·j + b). With n inputs and a receptive field of R there
    are n − R + 1 outputs along an axis. (Long et al. shift the other way and pad, for the same interlaced cells.)

    It equals the network with its strides set to 1 and all that follows a stride of s dilated by s. Take, along one
    axis, f = conv(u, stride s) and then conv(v). On x without its first a cells, output i is
    Σ_t v[t] Σ_k u[k] x[a + s·(i + t) + k]; with m = s·i + a that is Σ_t v[t] Σ_k u[k] x[m + s·t + k], which is output
    m of conv(u, stride 1) and then conv(v, dilation s). The same holds for pooling, where a maximum takes Σ_k's place.
    The dilated network computes each number once: the same result for less work.

    Args:
        f: the network, from a grid to a grid; called factor² times with arrays of its own.
        x: (H, W) or (C, H, W).
        factor: the product of f's strides, 1 or more. If f's strides multiply to more, the result is interlaced
            wrongly, and nothing in the sizes tells.

    Raises:
        ValueError: x is smaller than the factor, or the answers' sizes don't interlace.

    Source: Long, Shelhamer & Darrell, CVPR 2015, section 3.2; Sermanet et al., "OverFeat", arXiv:1312.6229, section
    3.3.

    >>> shift_and_stitch(lambda x: x[:, ::2], [[5, 6, 7, 8]], (1, 2)).tolist()
    [[5.0, 6.0, 7.0, 8.0]]
    """
    x = as_grid(x)
    rows, columns = pair(factor, "factor", 1)
    if x.shape[-2] < rows or x.shape[-1] < columns:
        raise ValueError(f"Shifting by up to {factor} − 1 leaves nothing of an input {x.shape}; use a larger one.")
    shifts = [(a, b) for a in range(rows) for b in range(columns)]
    pieces = {(a, b): np.asarray(f(x[..., a:, b:].copy()), np.float64) for a, b in shifts}
    height = sum(pieces[a, 0].shape[-2] for a in range(rows))
    width = sum(pieces[0, b].shape[-1] for b in range(columns))
    stitched = np.zeros((*pieces[0, 0].shape[:-2], height, width))
    for (a, b), piece in pieces.items():
        cells = stitched[..., a::rows, b::columns]
        if cells.shape != piece.shape or height > x.shape[-2] or width > x.shape[-1]:
            raise ValueError(
                f"The answers don't interlace: shifted by ({a}, {b}) it is {piece.shape}, and all together would be "
                f"{height}×{width} from an input {x.shape}. The factor, {factor}, must be the product of f's strides, "
                f"and f must not pad."
            )
        cells[...] = piece
    return stitched


def _at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"The {name} must be 1 or more; got {number}.")
