"""Where each number of a result comes from: a linear map written down as a sparse matrix, to be read both ways.

Conventions, for the whole package:

- A grid is (H, W), or with channels (C, H, W); a signal of one dimension is the grid (1, W), with (1, k) as its kernel
  and pairs such as (1, s) as its parameters. An index is (row, column) or (channel, row, column), from 0.
- All numbers are float64 and finite; pixels are counted, never measured. Inputs are never changed.
- A parameter for both axes is an int or a pair (for the rows, for the columns), as in torch.
- A **trace** is the matrix T (outputs × inputs) of a map that is linear, or linear once a choice is made (which input
  was the largest): result = T · input exactly, both flattened row by row. An entry of T is a **tap**: it is kept where
  an input is read though its weight happens to be 0, as with a kernel that holds a 0. Taps that read the same input
  (padding by repeating the edge) are one entry with the sum of their weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from operator import index as whole

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Grid = NDArray[np.float64]  # (H, W) or (C, H, W)
Pair = int | tuple[int, int]  # for both axes, or (for the rows, for the columns)
Tap = tuple[tuple[int, ...], float]  # an index and the weight that it has


@dataclass(frozen=True, eq=False)
class Trace:
    """A linear map from a grid of `in_shape` to one of `out_shape`: `matrix` is (outputs × inputs), float64.

    Raises:
        ValueError: a shape has a side below 1, or the matrix isn't outputs × inputs.

    >>> blur = Trace(sparse.csr_array([[0.5, 0.5, 0], [0, 0.5, 0.5]]), in_shape=(1, 3), out_shape=(1, 2))
    >>> blur.apply(np.array([[2, 4, 9]])).tolist(), blur.sum_written([[2, 4, 9]], (0, 1))
    ([[3.0, 6.5]], '0.5·4 + 0.5·9 = 6.5')
    >>> blur.sources((0, 0)), blur.targets((0, 1))
    ([((0, 0), 0.5), ((0, 1), 0.5)], [((0, 0), 0.5), ((0, 1), 0.5)])
    """

    matrix: sparse.csr_array
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not (self.in_shape and self.out_shape and min(*self.in_shape, *self.out_shape, 1) == 1):
            raise ValueError(f"Both shapes need sides of 1 or more; got {self.in_shape} to {self.out_shape}.")
        wanted = (math.prod(self.out_shape), math.prod(self.in_shape))
        if not isinstance(self.matrix, sparse.csr_array) or self.matrix.shape != wanted:
            raise ValueError(
                f"A trace from {self.in_shape} to {self.out_shape} is a csr_array {wanted}, outputs × inputs; "
                f"got {type(self.matrix).__name__} {self.matrix.shape}."
            )
        if self.matrix.dtype != np.float64 or not self.matrix.has_canonical_format:
            tidy = sparse.csr_array(self.matrix, dtype=np.float64, copy=True)
            tidy.sum_duplicates()  # sorts each row by input too, and keeps taps of weight 0
            object.__setattr__(self, "matrix", tidy)

    @classmethod
    def of_taps(
        cls,
        outputs: NDArray[np.integer],
        inputs: NDArray[np.integer],
        weights: NDArray[np.floating],
        in_shape: tuple[int, ...],
        out_shape: tuple[int, ...],
    ) -> Trace:
        """Build a trace from its taps: flat indices of outputs and inputs, and weights, of one shape (any) each.

        >>> Trace.of_taps(np.array([0, 1]), np.array([1, 0]), np.array([1.0, 0.0]), (1, 2), (1, 2)).overlap().tolist()
        [[1, 1]]
        """
        shape = (math.prod(out_shape), math.prod(in_shape))
        taps = sparse.coo_array((weights.ravel(), (outputs.ravel(), inputs.ravel())), shape=shape)
        return cls(sparse.csr_array(taps), in_shape, out_shape)

    def apply(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return matrix × x, of `out_shape`; ValueError unless x has `in_shape`."""
        return (self.matrix @ self._input(x).ravel()).reshape(self.out_shape)

    def traced(self, x: ArrayLike) -> Traced:
        """Return the result for x together with this trace."""
        return Traced(self.apply(x), self)

    def sources(self, index: tuple[int, ...]) -> list[Tap]:
        """Inputs that make the output at `index`, with their weights, in reading order; ValueError if outside."""
        return _taps(self.matrix, _flat(index, self.out_shape, "output"), self.in_shape)

    def targets(self, index: tuple[int, ...]) -> list[Tap]:
        """Outputs that the input at `index` goes to, with its weights there; ValueError if it lies outside."""
        return _taps(self._columns, _flat(index, self.in_shape, "input"), self.out_shape)

    def transpose(self) -> Trace:
        """Return the map with the transposed matrix: each tap the other way round, which is the gradient's way back."""
        return Trace(self._columns, self.out_shape, self.in_shape)

    def then(self, second: Trace) -> Trace:
        """Return this map followed by `second`, the product of both matrices, with every tap that leads through.

        Raises:
            ValueError: `second` doesn't begin where this one ends.

        >>> twice = Trace(sparse.csr_array([[0.0, 2.0]]), (1, 2), (1, 1))
        >>> twice.then(Trace(sparse.csr_array([[3.0]]), (1, 1), (1, 1))).sources((0, 0))
        [((0, 1), 6.0)]
        """
        if second.in_shape != self.out_shape:
            raise ValueError(f"The second map takes {second.in_shape}, but this one gives {self.out_shape}.")
        # A sum that cancels to 0 may be left out of a sparse product, so the taps come from a product of ones.
        product, taps = (second.matrix @ self.matrix).tocoo(), (_ones(second.matrix) @ _ones(self.matrix)).tocoo()
        return Trace.of_taps(
            np.concatenate([taps.coords[0], product.coords[0]]),
            np.concatenate([taps.coords[1], product.coords[1]]),
            np.concatenate([np.zeros(taps.nnz), product.data]),
            self.in_shape,
            second.out_shape,
        )

    def overlap(self) -> NDArray[np.int64]:
        """How many taps make each output, of `out_shape`: uneven counts are what draws a checkerboard."""
        return np.diff(self.matrix.indptr).astype(np.int64).reshape(self.out_shape)

    def sum_written(self, x: ArrayLike, index: tuple[int, ...]) -> str:
        """Write out the sum for the output at `index`, weight·input, as "3·2 + 1·4 = 10"; "nothing reaches it: 0".

        "=" where every number shown is exact, "≈" where one had to be rounded. ValueError as `apply` and `sources`.

        >>> Trace(sparse.csr_array([[1 / 3, -2.0]]), (1, 2), (1, 1)).sum_written([[10, -4]], (0, 0))
        '1/3·10 − 2·(−4) ≈ 11.3333'
        """
        grid = self._input(x)
        terms, exact, total = "", True, 0.0
        for n, (at, weight) in enumerate(self.sources(index)):
            value = float(grid[at])
            (w, w_exact), (v, v_exact) = short(abs(weight), fractions=True), short(value)
            sign = " − " if weight < 0 else " + "
            terms += (sign if n else sign.strip(" +")) + f"{w}·" + (f"({v})" if value < 0 else v)
            exact, total = exact and w_exact and v_exact, total + weight * value
        if not terms:
            return "nothing reaches it: 0"
        result, result_exact = short(total)
        return f"{terms} {'=' if exact and result_exact else '≈'} {result}"

    @cached_property
    def _columns(self) -> sparse.csr_array:
        return sparse.csr_array(self.matrix.T)

    def _input(self, x: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(x, np.float64)
        if x.shape != self.in_shape:
            raise ValueError(f"This trace is of an input {self.in_shape}; got {x.shape}. Trace the new input anew.")
        return x


@dataclass(frozen=True, eq=False)
class Traced:
    """A result and where it comes from: output = trace × input. ValueError if the shapes differ."""

    output: NDArray[np.float64]
    trace: Trace

    def __post_init__(self) -> None:
        if self.output.shape != self.trace.out_shape:
            raise ValueError(f"The trace makes {self.trace.out_shape}, but the output is {self.output.shape}.")


def short(value: float, fractions: bool = False) -> tuple[str, bool]:
    """Return a number for reading, and whether it is exact: 4 decimals at most, or a fraction of small numbers.

    >>> short(12.5), short(2 / 3), short(2 / 3, fractions=True), short(-0.00001234)
    (('12.5', True), ('0.6667', False), ('2/3', True), ('−1.2e−05', False))
    """
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    if float(text) == 0:  # what rounding leaves of a 0 is a 0
        text = f"{value:.1e}" if abs(value) > 1e-12 else "0"
    near = 1e-12 * max(1.0, abs(value))
    exact = abs(float(text) - value) <= near
    if fractions and not exact:
        fraction = Fraction(value).limit_denominator(99)
        if abs(float(fraction) - value) <= near:
            text, exact = str(fraction), True
    return text.replace("-", "−"), exact


def as_grid(x: ArrayLike, what: str = "input") -> Grid:
    """Return x as a float64 grid (H, W) or (C, H, W); ValueError unless it is one, of finite numbers.

    >>> as_grid([[1, 2]])
    array([[1., 2.]])
    """
    grid = np.asarray(x)
    if grid.dtype.kind not in "biuf" or grid.ndim not in (2, 3) or grid.size == 0:
        raise ValueError(
            f"The {what} must be numbers in a grid (H, W) or (C, H, W) of at least one cell; "
            f"got {grid.dtype} {grid.shape}. A signal is a grid of one row, (1, W)."
        )
    grid = grid.astype(np.float64)  # a copy: the caller's array may change later
    if not np.isfinite(grid).all():
        raise ValueError(f"The {what} holds NaN or infinity; fill every cell with a number.")
    return grid


def pair(value: Pair, name: str, least: int) -> tuple[int, int]:
    """Return a parameter as (rows, columns); ValueError unless it is whole numbers of `least` or more.

    >>> pair(2, "stride", 1), pair((1, 3), "stride", 1)
    ((2, 2), (1, 3))
    """
    values = value if isinstance(value, tuple | list) else (value, value)
    try:
        rows, columns = (whole(v) for v in values)
    except (TypeError, ValueError):
        raise ValueError(f"The {name} must be a whole number or a pair (rows, columns); got {value!r}.") from None
    if min(rows, columns) < least:
        raise ValueError(f"The {name} must be {least} or more; got {value}.")
    return rows, columns


def window(stride: Pair, padding: Pair, dilation: Pair) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return what moves a kernel over a grid, each as (rows, columns); ValueError if one is too small.

    >>> window(2, (0, 1), 1)
    ((2, 2), (0, 1), (1, 1))
    """
    return pair(stride, "stride", 1), pair(padding, "padding", 0), pair(dilation, "dilation", 1)


def _ones(matrix: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)


def _taps(matrix: sparse.csr_array, row: int, shape: tuple[int, ...]) -> list[Tap]:
    """Entries of one row of `matrix`, its columns being the cells of a grid of `shape`."""
    entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
    cells = np.stack(np.unravel_index(matrix.indices[entries], shape), axis=1)
    return [(tuple(cell), weight) for cell, weight in zip(cells.tolist(), matrix.data[entries].tolist(), strict=True)]


def _flat(index: tuple[int, ...], shape: tuple[int, ...], what: str) -> int:
    if len(index) != len(shape) or not all(0 <= i < side for i, side in zip(index, shape, strict=True)):
        raise ValueError(f"There is no {what} at {index}: the {what} is {shape}, counted from 0.")
    return int(np.ravel_multi_index(index, shape))
