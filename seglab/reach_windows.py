"""How far into the input the outputs of convolutions, pools, enlargements and paddings reach: see `reach_ends`.

All work along one axis at a time, for windows are boxes, and leave axes alone along which all is equal. `given` holds
the arguments of torch's operation (aten) by name, the tensors as `Ends`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seglab.reach_ends import NOTHING, Ends, union

Given = Mapping[str, Any]


def convolution(given: Given) -> Ends:
    """Any convolution, transposed or not: each output channel reads all input channels of its group."""
    x, weight, groups = given["input"], given["weight"], given["groups"]
    n = len(x.shape) - 2
    strides, pads, dilations, extras = (each(given[k], n) for k in ("stride", "padding", "dilation", "output_padding"))
    channels = weight.shape[1] * groups if given["transposed"] else weight.shape[0]
    tensors, counts = [_mixed(e, groups, x.shape[1], channels) for e in x.tensors], []
    for a, (stride, pad, dilation, extra) in enumerate(zip(strides, pads, dilations, extras, strict=True)):
        size, kernel, dim = x.shape[2 + a], weight.shape[2 + a], 2 + a
        span = dilation * (kernel - 1)
        if given["transposed"]:
            # The same as a convolution of stride 1 over the input with stride − 1 empty cells after each.
            count = (size - 1) * stride - 2 * pad + span + extra + 1
            tensors = [_spread(e, dim, stride) for e in tensors]
            tensors = windows(x, tensors, dim, kernel, 1, dilation, span - pad, count)
        else:
            count = (size + 2 * pad - span - 1) // stride + 1
            tensors = windows(x, tensors, dim, kernel, stride, dilation, pad, count)
        counts.append(count)
    return x.like(tensors, (x.shape[0], channels, *counts))


def pool(given: Given) -> Ends:
    """Mean or maximum over windows."""
    x = given["self"]
    n = len(x.shape) - 2
    kernels = each(given["kernel_size"], n)
    strides, pads = each(given["stride"] or kernels, n), each(given["padding"], n)
    dilations = each(given.get("dilation", 1), n)
    tensors, counts = list(x.tensors), []
    for a, (kernel, stride, pad, dilation) in enumerate(zip(kernels, strides, pads, dilations, strict=True)):
        size = x.shape[2 + a]
        room = size + 2 * pad - dilation * (kernel - 1) - 1
        count = room // stride + 1
        if given["ceil_mode"] and room % stride and count * stride < size + pad:
            count += 1  # a last window that hangs over the border, as long as it begins before it
        tensors = windows(x, tensors, 2 + a, kernel, stride, dilation, pad, count)
        counts.append(count)
    return x.like(tensors, (*x.shape[:2], *counts))


def adaptive_pool(given: Given) -> Ends:
    """As many windows as wanted: where they are fewer than cells, each grows with the picture."""
    x = given["self"]
    sizes = each(given["output_size"], len(x.shape) - 2)
    tensors = list(x.tensors)
    for a, (size, count) in enumerate(zip(x.shape[2:], sizes, strict=True)):
        if count == size:
            continue
        dim, at = 2 + a, torch.arange(count)
        cuts = list(zip((at * size // count).tolist(), (-(-(at + 1) * size // count)).tolist(), strict=True))
        tensors = [
            e
            if e.shape[dim] == 1
            else torch.cat([e.narrow(dim, i, j - i).amax(dim, keepdim=True) for i, j in cuts], dim)
            for e in tensors
        ]
        if count < size:
            nowhere = torch.full([1] * len(x.shape), NOTHING)
            tensors[3 * a : 3 * a + 3] = [nowhere, nowhere, torch.zeros_like(nowhere)]
    return x.like(tensors, (*x.shape[:2], *sizes))


def enlarge(mode: str, given: Given) -> Ends:
    """Interpolation, `mode` "nearest", "linear" or "cubic": an output reads the cells whose weight isn't 0."""
    x = given.get("input", given.get("self"))
    n = len(x.shape) - 2
    # torch says the factors in two ways, and either may leave out the sizes.
    factors = given.get("scale_factors") or [given.get(k) for k in ("scales_d", "scales_h", "scales_w", "scales")]
    factors = [f for f in factors if f is not None] or [None] * n
    sizes = given.get("output_size") or [int(s * f) for s, f in zip(x.shape[2:], factors, strict=True)]
    taps = {}
    for a, (size, count, factor) in enumerate(zip(x.shape[2:], sizes, factors, strict=True)):
        how: dict[str, Any] = {"mode": "nearest"}
        if mode != "nearest":
            how = {"mode": "linear", "align_corners": given["align_corners"]}
        how |= {"size": count} if factor is None else {"scale_factor": factor}
        # Interpolating the coordinates themselves gives the place that an output is read at.
        at = F.interpolate(torch.arange(size, dtype=torch.float64)[None, None], **how)[0, 0]
        low, high = (at + 1e-9).floor(), (at - 1e-9).ceil()
        places = [low, high]
        if mode == "cubic":
            places += [torch.where(low == high, low, low - 1), torch.where(low == high, high, high + 1)]
        taps[2 + a] = [place.long().clamp(0, size - 1) for place in places]
    return select(x, taps)


def constant_pad(given: Given) -> Ends:
    """Constants all around, which nobody reads; or cells cut off, where the padding is negative."""
    x, shape = given["self"], list(given["self"].shape)
    tensors = list(x.tensors)
    for dim, before, after in _pads(given["pad"], len(shape)):
        shape[dim] += before + after
        tensors = [_pad(e, dim, before, after, x.beyond(k, dim)) for k, e in enumerate(tensors)]
    return x.like(tensors, shape)


def mirror_pad(mode: str, given: Given) -> Ends:
    """Cells of the map itself all around, `mode` "reflect" or "replicate"."""
    x, taps = given["self"], {}
    for dim, before, after in _pads(given["padding"], len(x.shape)):
        at = torch.arange(x.shape[dim], dtype=torch.float64)[None, None]
        taps[dim] = [F.pad(at, (before, after), mode=mode)[0, 0].long()]
    return select(x, taps)


def unpool(given: Given) -> Ends:
    """Max-unpooling of windows that don't overlap: a place depends on its window's value, and on the index there."""
    x = given["self"]
    if isinstance(given["indices"], Ends):
        x = union([x, given["indices"]])
    taps = {}
    for a, (size, count) in enumerate(zip(x.shape[2:], given["output_size"], strict=True)):
        taps[2 + a] = [(torch.arange(count) // max(1, round(count / size))).clamp(max=size - 1)]
    return select(x, taps)


def select(x: Ends, taps: Mapping[int, Sequence[Tensor]]) -> Ends:
    """Return the ends where output i along `dim` reads the cells taps[dim][0][i], taps[dim][1][i] and so on."""
    tensors, shape = list(x.tensors), list(x.shape)
    for dim, places in taps.items():
        shape[dim] = len(places[0])
        tensors = [
            e if e.shape[dim] == 1 else reduce(torch.maximum, (e.index_select(dim, place) for place in places))
            for e in tensors
        ]
    return x.like(tensors, shape)


def windows(
    x: Ends, tensors: Sequence[Tensor], dim: int, kernel: int, stride: int, dilation: int, before: int, count: int
) -> list[Tensor]:
    """Maxima of x's `tensors` over `count` windows along dim, the i-th from i·stride − before on."""
    reach = (count - 1) * stride + 1
    found = []
    for k, e in enumerate(tensors):
        if e.shape[dim] > 1:
            after = reach + dilation * (kernel - 1) - before - e.shape[dim]
            e = _pad(e, dim, before, after, x.beyond(k, dim)).movedim(dim, -1)
            taps = (e[..., t * dilation : t * dilation + reach : stride] for t in range(kernel))
            e = reduce(torch.maximum, taps).movedim(-1, dim)
        found.append(e)
    return found


def _pad(e: Tensor, dim: int, before: int, after: int, beyond: tuple[float, float]) -> Tensor:
    """Pad or, where negative, crop along dim, unless all are equal there."""
    if e.shape[dim] == 1 or before == after == 0:
        return e
    e = F.pad(e.movedim(dim, -1), (before, 0), value=beyond[0])
    return F.pad(e, (0, after), value=beyond[1]).movedim(-1, dim)


def each(value: int | Sequence[int], n: int) -> list[int]:
    """Return a value per axis; torch lets one stand for all."""
    values = [value] if isinstance(value, int) else list(value)
    return values if len(values) == n else values * n


def _spread(e: Tensor, dim: int, stride: int) -> Tensor:
    """Put stride − 1 empty cells between those of e."""
    if e.shape[dim] == 1 or stride == 1:
        return e
    shape = list(e.shape)
    shape[dim] = (shape[dim] - 1) * stride + 1
    wide = torch.full(shape, NOTHING)
    wide.movedim(dim, -1)[..., ::stride] = e.movedim(dim, -1)
    return wide


def _mixed(e: Tensor, groups: int, before: int, after: int) -> Tensor:
    """Every one of `after` channels gets the maximum of its group's; e has 1 channel, or as many as `before`."""
    if e.shape[1] == 1:
        return e
    e = e.unflatten(1, (groups, before // groups)).amax(2)
    return e if groups == 1 else e.repeat_interleave(after // groups, 1)


def _pads(pad: Sequence[int], ndim: int) -> list[tuple[int, int, int]]:
    """(dimension, before, after) of torch's list, which begins with the last dimension."""
    return [(ndim - 1 - i // 2, pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
