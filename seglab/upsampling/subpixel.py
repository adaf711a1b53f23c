"""Two ways up without overlaps: sub-pixel convolution (pixel shuffle), and resize first, then convolve.

Conventions of `seglab.upsampling.trace`. Pixel shuffle by r turns r² channels into one of r times the size: channel
c·r² + i·r + j is at rows ≡ i and columns ≡ j (mod r) of channel c. A convolution before it makes the r² channels.

Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network", CVPR 2016, section 2.2; Aitken et al., "Checkerboard artifact free sub-pixel convolution", arXiv:1707.02937;
Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016, doi:10.23915/distill.00003.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.upsampling.convolution import convolution_matrix
from seglab.upsampling.interpolation import bicubic, bilinear, nearest
from seglab.upsampling.trace import Pair, Trace, Traced, as_grid, pair

Mode = Literal["nearest", "bilinear", "bicubic"]


def pixel_shuffle(x: ArrayLike, r: int) -> Traced:
    """Weave x (C·r², H, W) into (C, H·r, W·r): out[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w] (Shi et al., eq. 4).

    Raises:
        ValueError: x isn't a grid with channels, r is below 1, or r² doesn't divide the channels.

    >>> pixel_shuffle([[[1]], [[2]], [[3]], [[4]]], 2).output.tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    x, r = as_grid(x), pair(r, "factor", 1)[0]
    if x.ndim != 3 or x.shape[0] % r**2:
        raise ValueError(f"Pixel shuffle by {r} needs (C·{r**2}, H, W), {r**2} channels for each of C; got {x.shape}.")
    c, h, w = x.shape[0] // r**2, *x.shape[1:]
    inputs = np.arange(x.size).reshape(c, r, r, h, w).transpose(0, 3, 1, 4, 2)  # c, h, i, w, j
    return Trace.of_taps(np.arange(x.size), inputs, np.ones(x.size), x.shape, (c, h * r, w * r)).traced(x)


def icnr(kernel: ArrayLike, r: int) -> NDArray[np.float64]:
    """Repeat each filter of a kernel (C, …) r² times: (C·r², …), to start a sub-pixel convolution without checkerboard.

    Pixel shuffle by r of a convolution with it is nearest-neighbour resizing of the convolution with `kernel` itself,
    until training moves the r² copies apart.

    Source: Aitken et al. 2017, section 3 ("initialisation to convolution NN resize").

    Raises:
        ValueError: the kernel has no filters, or r is below 1.

    >>> icnr([[[[1.0]]], [[[2.0]]]], 2).ravel().tolist()
    [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    """
    kernel, r = np.asarray(kernel, np.float64), pair(r, "factor", 1)[0]
    if kernel.ndim == 0 or kernel.size == 0:
        raise ValueError(f"The kernel must be (C, …) with at least one filter; got {kernel.shape}.")
    return np.repeat(kernel, r**2, axis=0)


def resize(x: ArrayLike, factor: Pair, mode: Mode = "nearest") -> Traced:
    """Resize x (H, W) or (C, H, W) to whole multiples of its sides; bilinear and bicubic with align_corners=False.

    Raises:
        ValueError: x isn't a grid, the factor is below 1, or the mode is another.

    >>> resize([[1, 5]], (1, 2)).output.tolist()
    [[1.0, 1.0, 5.0, 5.0]]
    """
    x, f = as_grid(x), pair(factor, "factor", 1)
    size = (x.shape[-2] * f[0], x.shape[-1] * f[1])
    match mode:
        case "nearest":
            return nearest(x, size)
        case "bilinear":
            return bilinear(x, size, align_corners=False)
        case "bicubic":
            return bicubic(x, size, align_corners=False)
    raise ValueError(f"The mode must be 'nearest', 'bilinear' or 'bicubic'; got {mode!r}.")


def resize_convolve(x: ArrayLike, kernel: ArrayLike, factor: Pair, mode: Mode = "nearest") -> Traced:
    """Resize x by a whole factor, then convolve to the same size (zeros outside): no overlaps to be uneven.

    The trace is the product of both matrices, from x to the result. Bilinear and bicubic are with align_corners=False.

    Args:
        x: (H, W) or (C_in, H, W).
        kernel: (kH, kW) or (C_out, C_in, kH, kW), of odd sides, so that it has a centre.
        factor: how many times the rows and columns, 1 or more.
        mode: how to resize.

    Raises:
        ValueError: the kernel doesn't fit x or has an even side, the factor is below 1, or the mode is another.

    >>> resize_convolve([[1, 5]], [[0.5, 0, 0.5]], (1, 2)).output.tolist()
    [[0.5, 3.0, 3.0, 2.5]]
    """
    x = as_grid(x)
    k_height, k_width = np.shape(kernel)[-2:] if np.ndim(kernel) >= 2 else (1, 1)
    if k_height % 2 == 0 or k_width % 2 == 0:
        raise ValueError(
            f"To keep the size, the kernel needs odd sides, (k−1)/2 cells on either side of its centre; "
            f"got {k_height}×{k_width}."
        )
    resized = resize(x, factor, mode)
    same = convolution_matrix(resized.output.shape, kernel, padding=(k_height // 2, k_width // 2))
    return resized.trace.then(same).traced(x)
