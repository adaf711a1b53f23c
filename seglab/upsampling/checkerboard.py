"""Checkerboards: how unevenly a transposed convolution stamps its output, and the spike that this is in the spectrum.

Conventions, for the whole module:

- Kernel and stride are of one axis, the same for both axes in two dimensions; sizes are in cells.
- Without padding, which crops the borders and leaves the pattern as it is.
- A picture is (H, W), or (H, W, 3), of which the mean of the three channels is taken; any real numbers, uint8 too.
- A spectrum is **power** in squared grey levels, float64 (H, W), with frequency 0 in the middle, at (H // 2, W // 2):
  k columns to the right of it stand for k waves across the picture's width, k / W per pixel. An artefact that repeats
  every p pixels sits at the multiples of 1 / p per pixel, along both axes. Show the logarithm: powers span decades.

Source: Odena, Dumoulin & Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016, doi:10.23915/distill.00003.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import hann

REACH = 8  # bins to each side of an artefact's frequency with which it is compared, at most
FLOOR = 1e-12  # squared grey levels; less is rounding, so that a picture without any power has a ratio of 1


def overlap_count(kernel: int, stride: int, n: int, dims: Literal[1, 2] = 2) -> NDArray[np.int64]:
    """How many inputs are stamped onto each output cell of a transposed convolution of n (or n × n) inputs.

    Returns int64 ((n − 1)·s + k,), or squared for `dims` 2, where the counts of rows and columns multiply: 3/2 gives 1
    and 2 along an axis, 1, 2 and 4 in a picture. With a kernel below the stride there are cells that nothing reaches.

    Raises:
        ValueError: kernel, stride or n below 1, or `dims` isn't 1 or 2.

    >>> overlap_count(3, 2, 4, dims=1).tolist(), overlap_count(4, 2, 4, dims=1).tolist()
    ([1, 1, 2, 1, 2, 1, 2, 1, 1], [1, 1, 2, 2, 2, 2, 2, 2, 1, 1])
    """
    _check(kernel, stride, dims)
    if n < 1:
        raise ValueError(f"There must be 1 input or more; got {n}.")
    counts = np.zeros((n - 1) * stride + kernel, np.int64)
    for i in range(n):
        counts[i * stride : i * stride + kernel] += 1
    return counts if dims == 1 else np.outer(counts, counts)


def unevenness(kernel: int, stride: int, dims: Literal[1, 2] = 2) -> float:
    """How uneven the stamps overlap away from the borders, (most − least) / mean; 0 if stride divides kernel, else > 0.

    In one period of `stride` cells, ⌈k/s⌉ or ⌊k/s⌋ stamps meet, k/s in the mean.

    Raises:
        ValueError: as `overlap_count`.

    >>> unevenness(3, 2, dims=1), unevenness(3, 2, dims=2), unevenness(4, 2)  # 2 and 1; 4, 2 and 1; 4 only
    (0.6666666666666666, 1.3333333333333333, 0.0)
    """
    _check(kernel, stride, dims)
    least, most = kernel // stride, -(-kernel // stride)
    return float((most**dims - least**dims) / (kernel / stride) ** dims)


def spectrum(image: NDArray[np.generic]) -> NDArray[np.float64]:
    """Power of each frequency of a picture (H, W) or (H, W, 3): float64 (H, W), squared grey levels, centred.

    The mean is removed, and a Hann window fades the borders: without, the jump from each border to the opposite one
    would draw a bright cross. Scaled so that a wave of amplitude a has a²/4 at each of its two frequencies (at the
    highest, ½ per pixel, both are one: a²). The window spreads each over 3 × 3 bins.

    Raises:
        ValueError: not a picture of at least 2 × 2 pixels.

    >>> stripes = np.tile([0.0, 2.0], (16, 8))  # ±1, 8 waves across 16 pixels
    >>> spectrum(stripes)[8, [0, 8]].round(6).tolist()
    [1.0, 0.0]
    """
    grey = np.asarray(image, np.float64)
    if grey.ndim == 3 and grey.shape[-1] == 3:
        grey = grey.mean(-1)
    if grey.ndim != 2 or min(grey.shape) < 2:
        raise ValueError(f"A spectrum is of a picture (H, W) or (H, W, 3), 2×2 at least; got {np.shape(image)}.")
    window = np.outer(*(hann(side, sym=False) for side in grey.shape))
    centred = (grey - np.average(grey, weights=window)) * window
    return np.fft.fftshift(np.abs(np.fft.fft2(centred)) ** 2) / window.sum() ** 2


def spike(image: NDArray[np.generic], period: int) -> float:
    """How far a pattern that repeats every `period` pixels stands out of the spectrum: the strongest ratio of powers.

    Usual photos have 0.5 to 10 (more if the camera or a JPEG left such a pattern), a visible checkerboard hundreds. For
    each multiple of 1 / period along both axes, the mean power of the 3 × 3 bins there over that of its
    neighbourhood: the median of the bins 3 to 8 away along the rows, or along the columns, whichever is more. (Edges
    that are level or upright make the spectrum's two axes strong in any photo; compared along the axis they are no
    spike.) The largest of these ratios is returned, since a pattern needn't have all of its frequencies.

    Args:
        image: (H, W) or (H, W, 3), at least 8 periods along each side.
        period: in pixels, 2 or more; 2 for one layer of stride 2, 4 for two such layers.

    Raises:
        ValueError: the period is below 2 or the picture too small for it.

    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> board = np.indices((64, 64)).sum(0) % 2
    >>> spike(noise, 2) < 5, spike(noise + board, 2) > 100
    (True, True)
    """
    power = spectrum(image)
    if period < 2 or min(power.shape) < 8 * period:
        raise ValueError(
            f"A pattern needs a period of 2 pixels or more and a picture of 8 periods along each side; got a period "
            f"of {period} in {power.shape[0]}×{power.shape[1]}."
        )
    reach = min(REACH, min(power.shape) // (2 * period))
    return max(_ratio(power, row, column, reach) for row, column in multiples(power.shape, period))


def multiples(shape: tuple[int, ...], period: int) -> Iterator[tuple[int, int]]:
    """Bins (row, column) of the multiples of 1 / period along both axes, but for frequency 0, in a spectrum of `shape`.

    >>> list(multiples((8, 8), 2))  # one past the highest frequency is the lowest
    [(4, 0), (0, 4), (0, 0)]
    """
    for v, u in np.ndindex(period, period):
        if (v, u) != (0, 0):
            row, column = shape[0] // 2 + round(v * shape[0] / period), shape[1] // 2 + round(u * shape[1] / period)
            yield row % shape[0], column % shape[1]


def _ratio(power: NDArray[np.float64], row: int, column: int, reach: int) -> float:
    near, far = np.arange(-1, 2), np.r_[-reach:-2, 3 : reach + 1]
    height, width = power.shape  # frequencies wrap around: one past the highest is the lowest

    def around(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        return power[np.ix_((row + rows) % height, (column + columns) % width)]

    usual = max(np.median(around(far, near)), np.median(around(near, far)))
    return float((around(near, near).mean() + FLOOR) / (usual + FLOOR))


def _check(kernel: int, stride: int, dims: int) -> None:
    if kernel < 1 or stride < 1:
        raise ValueError(f"Kernel and stride must be 1 or more; got {kernel} and {stride}.")
    if dims not in (1, 2):
        raise ValueError(f"Overlaps are counted in 1 or 2 dimensions; got {dims}.")
