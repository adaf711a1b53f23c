"""Convolution and its transpose, both as matrices: the transpose is what "transposed convolution" means.

Conventions of `seglab.upsampling.trace`, and torch's: "convolution" is cross-correlation (the kernel isn't flipped).

- Convolution C: y[i] = Σ_t w[t] · x[s·i − p + d·t], where x is 0 outside. Kernel (kH, kW) for a grid (H, W), and
  (C_out, C_in / groups, kH, kW) for one with channels.
- Transposed convolution Cᵀ, with the same matrix turned round: each input i is stamped, times the kernel, onto the
  output at s·i − p, and overlaps add up (`seglab.upsampling.stamps` plays that). Kernel (kH, kW), or
  (C_in, C_out / groups, kH, kW): just the kernel of the convolution that it transposes.
- Stride, padding, dilation and output padding are ints or (rows, columns). What they may be: `seglab.upsampling.sizes`.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, section 4; Zeiler
et al., "Deconvolutional Networks", CVPR 2010; Shelhamer, Long & Darrell, arXiv:1605.06211, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.upsampling.sizes import conv_size, transposed_size
from seglab.upsampling.trace import Grid, Pair, Trace, Traced, as_grid, pair, window


def convolve(
    x: ArrayLike,
    kernel: ArrayLike,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Traced:
    """Convolve x (H, W) with a kernel (kH, kW), or x (C_in, H, W) with (C_out, C_in / groups, kH, kW).

    Raises:
        ValueError: as `convolution_matrix`.

    >>> convolve([[1, 2, 4]], [[1, -1]]).output.tolist()
    [[-1.0, -2.0]]
    """
    x = as_grid(x)
    return convolution_matrix(x.shape, kernel, stride, padding, dilation, groups).traced(x)


def transposed_convolve(
    x: ArrayLike,
    kernel: ArrayLike,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Traced:
    """Transposed convolution of x (H, W) with (kH, kW), or of (C_in, H, W) with (C_in, C_out / groups, kH, kW).

    Raises:
        ValueError: as `transposed_matrix`.

    >>> traced = transposed_convolve([[2, 4], [0, 1]], [[3, 1], [1, 5]], padding=1)
    >>> traced.output.tolist(), traced.trace.sum_written([[2, 4], [0, 1]], (0, 0))
    ([[17.0]], '5·2 + 1·4 + 1·0 + 3·1 = 17')
    """
    x = as_grid(x)
    return transposed_matrix(x.shape, kernel, stride, padding, output_padding, dilation, groups).traced(x)


def convolution_matrix(
    shape: tuple[int, ...],
    kernel: ArrayLike,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Trace:
    """Return the matrix C of a convolution of grids of `shape`: outputs × inputs, a tap for each kernel entry used.

    Args:
        shape: (H, W) or (C_in, H, W) of the input.
        kernel: (kH, kW), or (C_out, C_in / groups, kH, kW) for a shape with channels.
        stride: cells from one output to the next, 1 or more.
        padding: zeros on each side, 0 or more.
        dilation: cells from one kernel entry to the next, 1 or more.
        groups: parts that the channels are divided into, each convolved by itself.

    Raises:
        ValueError: a parameter is too small, channels and groups don't fit the kernel, or the kernel spans more than
            the padded input.

    >>> convolution_matrix((1, 3), [[5, 7]]).matrix.toarray().tolist()
    [[5.0, 7.0, 0.0], [0.0, 5.0, 7.0]]
    """
    w = _kernel(shape, kernel, groups, transposed=False)
    s, p, d = window(stride, padding, dilation)
    sides = _along(lambda a: conv_size(shape[a], w.shape[a], s[a], p[a], d[a]))
    out_shape = sides if len(shape) == 2 else (w.shape[0], *sides)
    return _matrix(w, shape, out_shape, s, p, d, groups)


def transposed_matrix(
    shape: tuple[int, ...],
    kernel: ArrayLike,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Trace:
    """Return Cᵀ, where C is the convolution with this kernel that goes from the output's grid to `shape`.

    Literally its transpose; only when the dilation lets the output padding reach the stride, C makes more than `shape`
    and the surplus rows are left out.

    Args:
        shape: (H, W) or (C_in, H, W) of the input.
        kernel: (kH, kW), or (C_in, C_out / groups, kH, kW) for a shape with channels.
        stride: cells from one stamp to the next, 1 or more.
        padding: cells cropped from each side of the stamps' canvas, 0 or more.
        output_padding: cells more at the bottom and right, 0 or more, below the stride or below the dilation.
        dilation: cells from one kernel entry to the next, 1 or more.
        groups: parts that the channels are divided into, each by itself.

    Raises:
        ValueError: a parameter is out of its range, channels and groups don't fit the kernel, or the output would have
            no cell.

    >>> transposed_matrix((1, 2), [[5, 7]]).matrix.toarray().tolist()
    [[5.0, 0.0], [7.0, 5.0], [0.0, 7.0]]
    """
    w = _kernel(shape, kernel, groups, transposed=True)
    s, p, d = window(stride, padding, dilation)
    op = pair(output_padding, "output padding", 0)
    sides = _along(lambda a: transposed_size(shape[a], w.shape[a], s[a], p[a], op[a], d[a]))
    out_shape = sides if len(shape) == 2 else (w.shape[1] * groups, *sides)
    return _matrix(w, out_shape, shape, s, p, d, groups).transpose()


def adjoint_gap(
    x: ArrayLike,
    y: ArrayLike,
    kernel: ArrayLike,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[float, float]:
    """Return ⟨Cx, y⟩ and ⟨x, Cᵀy⟩, equal but for rounding: transposed convolution is the gradient of convolution.

    x is the convolution's input and y of its output's shape; Cx comes from `convolve`, Cᵀy from `transposed_convolve`
    with the output padding that leads back to x's size. As ∂⟨Cx, y⟩/∂x = Cᵀy, that is how torch carries a gradient y
    back through a convolution.

    Raises:
        ValueError: as `convolution_matrix`, or y isn't of the output's shape.

    >>> adjoint_gap([[1, 2, 4]], [[3, 1]], [[1, -1]])
    (-5.0, -5.0)
    """
    x, y = as_grid(x), as_grid(y, "cotangent y")
    ahead = convolve(x, kernel, stride, padding, dilation, groups).output
    if y.shape != ahead.shape:
        raise ValueError(f"y must have the shape of the convolution's output, {ahead.shape}; got {y.shape}.")
    k, (s, p, d) = np.shape(kernel), window(stride, padding, dilation)
    rows, columns = ((x.shape[a] + 2 * p[a] - d[a] * (k[a] - 1) - 1) % s[a] for a in (-2, -1))  # what division dropped
    back = transposed_convolve(y, kernel, stride, padding, (rows, columns), dilation, groups).output
    return float((ahead * y).sum()), float((x * back).sum())


def bilinear_kernel(stride: Pair) -> Grid:
    """Kernel (k, k) with which a transposed convolution of this stride and padding ⌊stride/2⌋ interpolates bilinearly.

    k = 2s − (s mod 2), 1 − |t − c| / s at entry t from the centre c = (k−1)/2 along each axis. Away from the borders
    (outputs between the centres of the outermost inputs) the result is that of `bilinear` to s times the size with
    align_corners=False; nearer to the border a stamp is missing and the result fades.

    Source: Shelhamer, Long & Darrell, arXiv:1605.06211, section 3.3: FCN starts from it.

    Raises:
        ValueError: the stride is below 1.

    >>> bilinear_kernel((1, 2)).tolist(), bilinear_kernel(3)[2].round(2).tolist()
    ([[0.25, 0.75, 0.75, 0.25]], [0.33, 0.67, 1.0, 0.67, 0.33])
    """
    rows, columns = (_tent(s) for s in pair(stride, "stride", 1))
    return np.outer(rows, columns)


def _tent(s: int) -> NDArray[np.float64]:
    k = 2 * s - s % 2
    return 1 - np.abs(np.arange(k) - (k - 1) / 2) / s


def _kernel(shape: tuple[int, ...], kernel: ArrayLike, groups: int, transposed: bool) -> NDArray[np.float64]:
    """Return the kernel as float64 (channels, channels per group, kH, kW), checked against the input's shape."""
    w = np.asarray(kernel)
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"The input must be (H, W) or (C, H, W) with at least one cell; got {shape}.")
    if w.dtype.kind not in "biuf" or w.size == 0 or w.ndim != (2 if len(shape) == 2 else 4):
        wanted = "(kH, kW)" if len(shape) == 2 else f"({'in' if transposed else 'out'}, … / groups, kH, kW)"
        raise ValueError(f"For an input {shape} the kernel must be numbers {wanted}; got {w.dtype} {w.shape}.")
    w = w.astype(np.float64).reshape((1, 1, *w.shape) if len(shape) == 2 else w.shape)
    if not np.isfinite(w).all():
        raise ValueError("The kernel holds NaN or infinity; fill every cell with a number.")
    channels = 1 if len(shape) == 2 else shape[0]
    if groups < 1 or w.shape[0] % groups:
        raise ValueError(f"The groups must divide the kernel's first side: {w.shape[0]} channels in {groups} parts.")
    if channels != (w.shape[0] if transposed else w.shape[1] * groups):
        wanted = f"{w.shape[0]}" if transposed else f"{w.shape[1]} in each of {groups} groups"
        raise ValueError(f"The kernel {w.shape} is for {wanted} input channels; the input {shape} has {channels}.")
    return w


def _along(size: Callable[[int], int]) -> tuple[int, int]:
    """Sizes of the rows and columns, the last two axes; an error says which of them it is about."""
    sides = []
    for axis, name in ((-2, "rows"), (-1, "columns")):
        try:
            sides.append(size(axis))
        except ValueError as error:
            raise ValueError(f"Along the {name}: {error}") from None
    return sides[0], sides[1]


def _matrix(
    w: NDArray[np.float64],
    large: tuple[int, ...],
    small: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> Trace:
    """C from the grid `large` to the grid `small`, for a kernel (C_small, C_large / groups, kH, kW)."""
    (y_small, y_tap, y_large), (x_small, x_tap, x_large) = (
        _taps(large[a], small[a], w.shape[a], stride[a], padding[a], dilation[a]) for a in (-2, -1)
    )
    c_small = np.arange(w.shape[0])[:, None]
    c_large = c_small // (w.shape[0] // groups) * w.shape[1] + np.arange(w.shape[1])  # (C_small, C_large / groups)
    outputs = (c_small[..., None, None] * small[-2] + y_small[:, None]) * small[-1] + x_small
    inputs = (c_large[..., None, None] * large[-2] + y_large[:, None]) * large[-1] + x_large
    weights = w[:, :, y_tap[:, None], x_tap]
    return Trace.of_taps(np.broadcast_to(outputs, inputs.shape), inputs, weights, large, small)


def _taps(large: int, small: int, k: int, s: int, p: int, d: int) -> tuple[NDArray[np.intp], ...]:
    """Along one axis, (output, kernel entry, input) of every tap that doesn't fall into the padding."""
    at = np.arange(small)[:, None] * s - p + np.arange(k) * d
    output, tap = np.nonzero((at >= 0) & (at < large))
    return output, tap, at[output, tap]
