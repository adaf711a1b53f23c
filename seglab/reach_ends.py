"""How far into the input the elements of a tensor reach, and what that becomes when tensors are moved, joined, summed.

`Ends` stand for one tensor. For every element and every axis of the picture they hold −first, last and whole: the first
and the last input cell on any path to that element, and whether a path comes from the whole axis, whatever its length
(0 yes, −∞ no). An element that depends on several others reaches as far as any of them: so all rules are maxima.

An operation whose window grows with the picture (a mean, a softmax, a product over places) gives `whole`, and no first
or last: so one can still tell how far the other paths reach. Which operations that are shows in what they make: the
result spans more than half of the axis, and none of what it was made of did.

Tensors are compact: of size 1 along axes on which all elements are equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

NOTHING = -math.inf


@dataclass(frozen=True)
class Ends:
    """The ends of one tensor.

    tensors: −first, last and whole for each axis of the picture, float32, each of as many dimensions as `shape` and
    expandable to it; shape: of the tensor they stand for; sides: of the picture; felt: whether to read padding counts
    as to read the border cell, or nothing at all.
    """

    tensors: tuple[Tensor, ...]
    shape: tuple[int, ...]
    sides: tuple[int, ...]
    felt: bool

    def like(self, tensors: Sequence[Tensor], shape: Sequence[int]) -> Ends:
        """Return other ends in the same picture."""
        return replace(self, tensors=tuple(tensors), shape=tuple(shape))

    def beyond(self, k: int, dim: int) -> tuple[float, float]:
        """Return what the k-th tensor holds before the first and after the last element along dim."""
        axis, kind = divmod(k, 3)
        if not self.felt or dim != axis + 2 or kind == 2:
            return NOTHING, NOTHING
        return (0.0, NOTHING) if kind == 0 else (NOTHING, self.sides[axis] - 1.0)


def picture(shape: Sequence[int], felt: bool = False) -> Ends:
    """Return the ends of the input itself, (1, C, H, W) or (1, C, D, H, W): each cell reaches itself.

    >>> less, last, _, *_ = picture((1, 3, 2, 4)).tensors  # those of the rows
    >>> last.flatten().tolist(), (-less).flatten().tolist()
    ([0.0, 1.0], [0.0, 1.0])
    """
    flat, tensors = [1] * len(shape), []
    for axis, side in enumerate(shape[2:], 2):
        at = torch.arange(side, dtype=torch.float32).view([*flat[:axis], side, *flat[axis + 1 :]])
        tensors += [-at, at, torch.full(flat, NOTHING)]
    return Ends(tuple(tensors), tuple(shape), tuple(shape[2:]), felt)


def union(parts: Sequence[Ends | Tensor]) -> Ends:
    """Return the ends of an element-by-element result, with broadcasting; plain tensors (weights) reach nowhere."""
    shape = _common([part.shape for part in parts])
    ends = [part for part in parts if isinstance(part, Ends)]
    rows = zip(*(part.tensors for part in ends), strict=True)
    tensors = [reduce(torch.maximum, (_deep(e, len(shape)) for e in row)) for row in rows]
    return ends[0].like(tensors, shape)


def moved(x: Ends, move: Callable[[Tensor], Any]) -> Any:
    """Return the ends after `move`, which only takes numbers elsewhere: a view, a transposition, a repetition."""
    results = [move(e.expand(x.shape)) for e in x.tensors]
    if isinstance(results[0], Tensor):
        return x.like([_compact(e) for e in results], results[0].shape)
    return [x.like([_compact(e) for e in parts], parts[0].shape) for parts in zip(*results, strict=True)]


def joined(parts: Sequence[Ends | Tensor], dim: int) -> Ends:
    """Return the ends of tensors laid one after the other along `dim`."""
    ends = [part for part in parts if isinstance(part, Ends)]
    n = len(ends[0].shape)
    dim %= n
    shape = list(ends[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    nowhere = torch.full([1] * n, NOTHING)
    tensors = []
    for k in range(len(ends[0].tensors)):
        row = [part.tensors[k] if isinstance(part, Ends) else nowhere for part in parts]
        common = _common([e.shape for e in row])
        sizes = [[*common[:dim], part.shape[dim], *common[dim + 1 :]] for part in parts]
        tensors.append(torch.cat([e.expand(size) for e, size in zip(row, sizes, strict=True)], dim))
    return ends[0].like([_same(e, dim) for e in tensors], shape)


def reduced(x: Ends, dims: Sequence[int] | int | None, keepdim: bool) -> Ends:
    """Return the ends of a sum, mean, maximum … over `dims` (all if None or none)."""
    n = len(x.shape)
    dims = [dims] if isinstance(dims, int) else list(dims or range(n))
    dims = sorted(d % n for d in dims)
    tensors = []
    for axis, side in enumerate(x.sides):
        less, last, whole = x.tensors[3 * axis : 3 * axis + 3]
        widest = (less + last).amax(dims, keepdim=True)
        less, last, whole = (e.amax(dims, keepdim=True) for e in (less, last, whole))
        grows = (2 * (less + last + 1) > side) & (2 * (widest + 1) <= side)
        tensors += [torch.where(grows, NOTHING, less), torch.where(grows, NOTHING, last)]
        tensors.append(torch.where(grows, 0.0, whole))
    shape = [1 if d in dims else size for d, size in enumerate(x.shape)]
    kept = x.like([_compact(e) for e in tensors], shape)
    if keepdim:
        return kept
    rest = [size for d, size in enumerate(x.shape) if d not in dims]
    return replace(kept, tensors=tuple(e.squeeze(dims) for e in kept.tensors), shape=tuple(rest))


def over(x: Ends, dims: Sequence[int] | int) -> Ends:
    """Return the ends of a softmax or a norm over `dims`: each element depends on all along them, and on itself."""
    return replace(union([x, reduced(x, dims, keepdim=True)]), shape=x.shape)


def product(a: Ends | Tensor, b: Ends | Tensor) -> Ends:
    """Return the ends of a matrix product a·b, (…, n, k) by (…, k, m)."""
    parts = [reduced(m, d, keepdim=True) for m, d in ((a, -1), (b, -2)) if isinstance(m, Ends)]
    found = union(parts)
    return replace(found, shape=(*a.shape[:-1], b.shape[-1]))


def _common(shapes: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the shape that all broadcast to; torch's own function for it takes longer than all the rest."""
    columns = zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1)
    return tuple(max(column) for column in columns)[::-1]


def _deep(e: Tensor, n: int) -> Tensor:
    """Give e as many dimensions as it takes to broadcast it."""
    return e.reshape([1] * (n - e.ndim) + list(e.shape))


def _compact(e: Tensor) -> Tensor:
    """Keep one of many that are the same place in memory."""
    for d, (size, step) in enumerate(zip(e.shape, e.stride(), strict=True)):
        if size > 1 and step == 0:
            e = e.narrow(d, 0, 1)
    return e


def _same(e: Tensor, d: int) -> Tensor:
    """Keep one along d if all are equal there: it costs a look, and saves work in all that follows."""
    first = e.narrow(d, 0, 1)
    return first if bool((e == first).all()) else e
