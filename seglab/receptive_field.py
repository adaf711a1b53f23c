"""What an output of a network can see of the input: its theoretical receptive field.

That is all input cells from which there is a path to it, whatever the weights are. Exact, by running the network on
tensors that carry how far each element reaches (`seglab.reach`), on pictures that grow until no border is felt. For a
plain stack that is what Araujo, Norris & Sim reckon ("Computing Receptive Fields of Convolutional Neural Networks",
Distill 2019, eq. 2 and 3, and `seglab.upsampling.atrous`); here there may be branches, skips and ways up. What a
network does look at, within that, is `seglab.effective_field`.

Conventions: cells of the input, rows before columns; fields are boxes, each axis by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from seglab.reach import Reaching, ends, picture
from seglab.reach_ends import Ends
from seglab.shadow import shadow, watch

# By how much pictures are larger than the shape given: multiples of 2·128, so that the middle keeps its place between
# the strides, and each twice the one before.
GROWTH = (256, 512, 1024, 2048, 4096, 8192)
PERIOD = 128  # pixels, after which all strides repeat
SHAPE = (1, 3, 64, 64)


@dataclass(frozen=True)
class ReceptiveField:
    """What an element of a map sees, with a value per axis of the picture: rows, columns; or depth before them.

    start, size: element i sees `size` cells from `start + i · stride` on; a negative start is left of, or above, the
    cell that the element stands for. Where a network goes up again, neighbours see windows of different sizes, for some
    share a cell of a coarser map and some don't: these are the largest (the first one, where several are).
    stride: input cells from one element to the next; inf where the map doesn't grow with the picture.
    whole: there is also a path from the whole picture, whatever its size (global or adaptive pooling, attention,
    squeeze-and-excitation, dense layers). start and size are of the other paths then; size 0 if there is none.
    """

    start: tuple[float, ...]
    size: tuple[int, ...]
    stride: tuple[float, ...]
    whole: bool

    @property
    def top(self) -> float:
        """First row, as `start`."""
        return self.start[-2]

    @property
    def left(self) -> float:
        """First column, as `start`."""
        return self.start[-1]

    @property
    def height(self) -> int:
        """Rows, as `size`."""
        return self.size[-2]

    @property
    def width(self) -> int:
        """Columns, as `size`."""
        return self.size[-1]


def receptive_field(net: nn.Module, name: str = "", shape: Sequence[int] = SHAPE) -> ReceptiveField:
    """Return the theoretical receptive field of the network's output, or of one of its parts.

    Args:
        net: any network in torch's own operations; it isn't changed, nor are its weights looked at.
        name: of the part (as in `named_modules`), "" for the network. Of several calls it is the last one, of several
            maps that it gives the first: `of_calls` gives all.
        shape: an input that the network takes, (1, C, H, W) or (1, C, D, H, W); sides that are larger by multiples of
            256 must do as well.

    Raises:
        ValueError: an unknown name, a part that isn't run or gives no map. NoRule, which is one: an operation of which
            it isn't known how far it reaches.

    >>> two = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2))
    >>> receptive_field(two)
    ReceptiveField(start=(0.0, 0.0), size=(5, 5), stride=(2.0, 2.0), whole=False)
    >>> receptive_field(nn.Sequential(*two, nn.AdaptiveAvgPool2d(1))).whole
    True
    """
    calls = of_calls(net, [name], shape)
    fields = calls[-1][1] if calls else ()
    if not fields or fields[0] is None:
        why = f"gives no map, or one that sees more than {GROWTH[-2]} pixels" if calls else "isn't run"
        raise ValueError(f"{name or type(net).__name__} {why}: choose another part.")
    return fields[0]


def of_calls(
    net: nn.Module, names: Sequence[str], shape: Sequence[int] = SHAPE
) -> list[tuple[str, tuple[ReceptiveField | None, ...]]]:
    """Return the fields of each call of the parts `names`, in the order in which calls end: one for each map it gives.

    None for a tensor of which none can be told: one that is no map (another number of axes than the input's), or sees
    more than 4096 pixels.
    Arguments and errors as for `receptive_field`.
    """
    if len(shape) not in (4, 5) or shape[0] != 1:
        raise ValueError(f"shape must be (1, C, H, W) or (1, C, D, H, W); got {tuple(shape)}.")
    found: dict[tuple[int, int], ReceptiveField | None] = {}  # by call and map
    smaller: list[tuple[str, list[Ends]]] = []
    run = _runner(net, names, felt=True)
    for growth in GROWTH:
        larger = run([*shape[:2], *(side + growth for side in shape[2:])])
        maps = [(i, j) for i, (_, given) in enumerate(larger) for j, _ in enumerate(given)]
        for i, j in maps:
            if smaller and (i, j) not in found:
                field = _field(smaller[i][1][j], larger[i][1][j])
                if field or growth == GROWTH[-1]:
                    found[i, j] = field
        if len(found) == len(maps):
            break
        smaller = larger
    return [(name, tuple(found[i, j] for j, _ in enumerate(given))) for i, (name, given) in enumerate(larger)]


def seen(
    net: nn.Module, shape: Sequence[int], name: str = "", at: tuple[int, int] | None = None
) -> tuple[int, int, int, int]:
    """Return what one output sees of a picture of this very size: (top, left, height, width), within the picture.

    That is the box to draw. All of the picture where some path comes from the whole of it.

    Args:
        net: the network.
        shape: (1, C, H, W) of its input.
        name: as for `receptive_field`.
        at: row and column of the output; None for the middle one, (⌊h/2⌋, ⌊w/2⌋).

    Raises:
        ValueError: as for `receptive_field`, or an output that isn't there.

    >>> seen(nn.Conv2d(3, 8, 3, padding=1), (1, 3, 10, 10), at=(0, 5))
    (0, 4, 2, 3)
    """
    calls = _runner(net, [name], felt=False)(shape)
    maps = [found for found in (calls[-1][1] if calls else ()) if len(found.shape) == len(shape) == 4]
    if not maps:
        raise ValueError(f"{name or type(net).__name__} isn't run, or gives no map: choose another part.")
    h, w = maps[0].shape[-2:]
    row, column = (h // 2, w // 2) if at is None else at
    if not (0 <= row < h and 0 <= column < w):
        raise ValueError(f"The output has {h} rows and {w} columns; there is no {at} in it.")
    (tops, bottoms, all_rows), (lefts, rights, all_columns) = (
        _along(maps[0], axis, (row, column), 1) for axis in (0, 1)
    )
    (top,), (bottom,), (left,), (right,) = tops, bottoms, lefts, rights
    if all_rows or all_columns:
        return 0, 0, shape[2], shape[3]
    if bottom < top or right < left:  # nothing but padding
        return row, column, 0, 0
    return int(top), int(left), int(bottom - top) + 1, int(right - left) + 1


def _runner(
    net: nn.Module, names: Sequence[str], felt: bool
) -> Callable[[Sequence[int]], list[tuple[str, list[Ends]]]]:
    """Return what gives the name and the ends of each call of the named parts, on a picture of a shape."""
    quiet = shadow(net, meta=True)
    calls: list[tuple[str, list[Ends]]] = []

    def keep(name: str, output: Any) -> None:
        # Their ends, not the tensors, which what follows may change in place.
        tensors = [t for t in tree_leaves(output) if isinstance(t, Tensor)]
        calls.append((name, [found for t in tensors if (found := ends(t)) is not None]))

    def run(shape: Sequence[int]) -> list[tuple[str, list[Ends]]]:
        calls.clear()
        with torch.inference_mode(False), torch.no_grad(), Reaching():
            quiet(picture(shape, felt))
        return list(calls)

    watch(quiet, names, keep)
    return run


def _along(found: Ends, axis: int, place: Sequence[int], count: int) -> tuple[Tensor, Tensor, bool]:
    """Return first, last (count,) and whole of `count` elements from a place on along an axis, channels together."""
    values = []
    for e in found.tensors[3 * axis : 3 * axis + 3]:
        for other, i in enumerate(place):
            n = count if other == axis else 1
            e = e.narrow(2 + other, i, n) if e.shape[2 + other] > 1 else e
        values.append(e.amax([d for d in range(e.ndim) if d != 2 + axis]).expand(count))
    return -values[0], values[1], bool((values[2] == 0).any())


def _field(smaller: Ends, larger: Ends) -> ReceptiveField | None:
    """Return the field of a map if it is the same in both pictures; None if it still feels the border."""
    n = len(smaller.sides)
    if len(smaller.shape) != n + 2:
        everywhere = all(float(e.amin()) == 0 for e in larger.tensors[2::3])
        return ReceptiveField((0.0,) * n, (0,) * n, (math.inf,) * n, True) if everywhere else None
    more = [b - a for a, b in zip(smaller.shape[2:], larger.shape[2:], strict=True)]
    grown = zip(smaller.sides, larger.sides, more, strict=True)
    stride = tuple((b - a) / m if m else math.inf for a, b, m in grown)
    fields = []
    for found in (smaller, larger):
        start, size, everywhere = [0.0] * n, [0] * n, False
        middle = [size // 2 for size in found.shape[2:]]
        for axis, side in enumerate(found.sides):
            # The elements of one period, around the middle.
            count = max(1, min(int(PERIOD / stride[axis]), found.shape[2 + axis]))
            place = [*middle[:axis], middle[axis] - count // 2, *middle[axis + 1 :]]
            first, last, whole = _along(found, axis, place, count)
            everywhere |= whole
            seeing = last >= first
            if not seeing.any():  # no path but those from the whole picture, if any
                continue
            if (first[seeing] <= 0).any() or (last[seeing] >= side - 1).any():
                return None
            i = int((last - first).nan_to_num(nan=-1, neginf=-1).argmax())
            at = (place[axis] + i) * stride[axis] if more[axis] else 0
            start[axis], size[axis] = float(first[i]) - at, int(last[i] - first[i]) + 1
        fields.append(ReceptiveField(tuple(start), tuple(size), stride, everywhere))
    return fields[0] if fields[0] == fields[1] else None
