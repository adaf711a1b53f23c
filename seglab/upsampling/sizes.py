"""Sizes of convolutions along one axis, forth and back, and what torch refuses: all in cells, conventions of `trace`.

n cells in, kernel k, stride s, padding p on both sides, dilation d. The kernel spans d(k−1) + 1 cells.

- Convolution: ⌊(n + 2p − d(k−1) − 1) / s⌋ + 1. Rule: the padded input, n + 2p, holds the kernel's span.
- Transposed convolution: (n−1)s − 2p + d(k−1) + op + 1. Rules: at least 1, and the output padding op is below the
  stride or below the dilation.

The first undoes the second, but not the other way round: the division drops a remainder of up to s−1 cells, so that s
inputs give one output (`sizes_that_give`), and output padding says which of them to go back to.

Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, relationships 6
and 14, with dilation by relationship 15.
"""

from __future__ import annotations

from operator import index as whole


def conv_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    """Cells that a convolution makes of n: ⌊(n + 2p − d(k−1) − 1) / s⌋ + 1, 1 or more.

    Raises:
        ValueError: a number is too small, or the kernel spans more than the padded input.

    >>> conv_size(4, 2, s=2), conv_size(5, 2, s=2), conv_size(5, 3, p=1)
    (2, 2, 5)
    """
    _check(n, k, s, p, d)
    span, padded = d * (k - 1) + 1, n + 2 * p
    if span > padded:
        raise ValueError(
            f"The kernel must not be larger than the padded input, d(k−1) + 1 ≤ n + 2p: "
            f"{d}·({k}−1) + 1 = {span} is more than {n} + 2·{p} = {padded}. "
            f"Take a smaller kernel or dilation, or more padding."
        )
    return (padded - span) // s + 1


def transposed_size(n: int, k: int, s: int = 1, p: int = 0, output_padding: int = 0, d: int = 1) -> int:
    """Cells that a transposed convolution makes of n: (n−1)s − 2p + d(k−1) + op + 1, 1 or more.

    Raises:
        ValueError: a number is too small, the output padding is neither below the stride nor below the dilation, or
            the output would have no cell.

    >>> transposed_size(2, 2, s=2), transposed_size(2, 2, s=2, output_padding=1), transposed_size(2, 2, s=2, p=1)
    (4, 5, 2)
    """
    _check(n, k, s, p, d)
    if whole(output_padding) < 0:
        raise ValueError(f"The output padding must be 0 or more; got {output_padding}.")
    if output_padding >= s and output_padding >= d:
        raise ValueError(
            f"The output padding must be below the stride or below the dilation: {output_padding} is below neither "
            f"{s} nor {d}. It chooses among the sizes that one convolution takes to the same output."
        )
    size = (n - 1) * s - 2 * p + d * (k - 1) + output_padding + 1
    if size < 1:
        raise ValueError(
            f"The output must have at least 1 cell, (n−1)s − 2p + d(k−1) + op + 1 ≥ 1: "
            f"({n}−1)·{s} − 2·{p} + {d}·({k}−1) + {output_padding} + 1 = {size}. "
            f"Take less padding, or a larger kernel or input."
        )
    return size


def sizes_that_give(n_out: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> list[int]:
    """All input sizes, rising, that a convolution takes to n_out cells: s of them, fewer where they'd be below 1.

    The transposed convolution of n_out gives the first of s, plus the output padding. ValueError for a number that is
    too small.

    >>> sizes_that_give(2, 2, s=2), sizes_that_give(2, 3), sizes_that_give(1, 1, p=1)
    ([4, 5], [4], [])
    """
    _check(n_out, k, s, p, d)
    first = (n_out - 1) * s - 2 * p + d * (k - 1) + 1
    return list(range(max(first, 1), first + s))


def _check(n: int, k: int, s: int, p: int, d: int) -> None:
    for name, value in (("size", n), ("kernel", k), ("stride", s), ("padding", p), ("dilation", d)):
        least = 0 if name == "padding" else 1
        if whole(value) < least:
            raise ValueError(f"The {name} must be {least} or more; got {value}.")
