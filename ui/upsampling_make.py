"""What the grid lab shows of a choice: the panels, which cells make which, the steps, and the result itself.

Everything comes from `seglab.upsampling`; ValueError is the library's own sentence, for what can't be. Panels are
called "x", "w", "y" with their channel's number if they can be edited, so that an edit tells what it is of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from seglab.upsampling import (
    Trace,
    Traced,
    bed_of_nails,
    bicubic,
    bilinear,
    canvas_shape,
    convolution_matrix,
    convolve,
    max_pool,
    max_unpool,
    nearest,
    pixel_shuffle,
    resize,
    resize_convolve,
    source_coordinates,
    transposed_convolve,
    transposed_matrix,
)
from ui.grid import Links, Panel, Points, Step
from ui.grid.parts import MAX_LINKS
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen
from ui.upsampling_state import LIMIT

LARGEST = 64  # cells a side that can be shown
IN, KERNEL, OUT = "in", "kernel", "out"  # scales of colour


@dataclass(frozen=True, eq=False)
class Made:
    """What a choice gives: `output` is (H, W), or (C, H, W); `trace` leads there from the input.

    `products` counts its multiply-adds: one for each tap of a convolution or of a weighted mean, none for what is only
    copied or compared. `pooled` is max-unpool's first half, with `indices`; `seconds` is what making all of it took.
    """

    panels: tuple[Panel, ...]
    links: tuple[Links, ...]
    points: tuple[Points, ...]
    steps: tuple[Step, ...]
    output: NDArray[np.float64]
    trace: Trace
    products: int = 0
    pooled: Traced | None = None
    indices: NDArray[np.int64] | None = None
    seconds: float = 0.0


def make(c: Chosen, editable: bool = True) -> Made:
    """Compute a choice. ValueError says what can't be, and why."""
    from ui import upsampling_steps as steps

    match c.method:
        case "nearest" | "bilinear" | "bicubic":
            return _interpolated(c, editable)
        case "nails":
            made = bed_of_nails(c.input, c.factor)
            played = steps.places(made.trace, c.x, "x0", "out0")
            return _direct(c, made, played, editable)
        case "subpixel":
            return _woven(c, editable)
        case "unpool":
            return _unpooled(c, editable)
        case "transposed":
            return _transposed(c, editable)
        case "resize":
            return _resized(c, editable)
    return _convolved(c, editable)


def _direct(c: Chosen, made: Traced, played: Sequence[Step], editable: bool) -> Made:
    """One input, one output, nothing between."""
    panels = (*_inputs(c, editable), *_outputs(made.output, IN))
    return Made(panels, (linked(made.trace, "x0", "out0"),), (), tuple(played), made.output, made.trace)


def linked(trace: Trace, source: str, target: str, via: str | None = None, behind: Trace | None = None) -> Links:
    """Return the links of a trace; ValueError with the page's own sentence for more than can be shown."""
    if trace.matrix.nnz > MAX_LINKS:
        raise ValueError(text.MANY_PRODUCTS.format(n=trace.matrix.nnz, most=MAX_LINKS))
    return Links.of(trace, source, target, via=via, via_trace=behind)


def _interpolated(c: Chosen, editable: bool) -> Made:
    from ui import upsampling_steps as steps

    if c.method == "nearest":  # it follows neither ruler
        made = nearest(c.input, c.size)
        return _direct(c, made, steps.samples(c, made, None), editable)
    made = (bilinear if c.method == "bilinear" else bicubic)(c.input, c.size, c.corners)
    rows, columns = (source_coordinates(c.x.shape[a + 1], c.size[a], c.corners) for a in (0, 1))
    at = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    found = _direct(c, made, steps.samples(c, made, at), editable)
    ruled = replace(found.panels[0], ruler="centres" if c.corners else "edges")
    return replace(found, panels=(ruled, *found.panels[1:]), points=(Points("x0", "out0", at),),
                   products=made.trace.matrix.nnz)  # fmt: skip


def _woven(c: Chosen, editable: bool) -> Made:
    """Sub-pixel shuffle of the channels as they are, or of those that filters make of one input."""
    from ui import upsampling_steps as steps

    if not c.filtered:
        made = pixel_shuffle(c.x, c.factor)
        panels = [*_inputs(c, editable, text.CHANNEL), *_outputs(made.output, IN)]
        played = steps.woven(c.x, c.factor)
        return Made(tuple(panels), tuple(_weave(made.trace, "x")), (), tuple(played), made.output, made.trace)
    first = convolve(c.x, c.kernel)
    made = pixel_shuffle(first.output, c.factor)
    n = c.factor**2
    random = c.start == "random"
    titles = [text.FILTER.format(i=i) for i in range(n)] if random else [text.FILTER_ALL.format(n=n)]
    kernels = [Panel(f"w{i}", title, c.w[i], editable, scale=KERNEL) for i, title in enumerate(titles)]
    maps = [Panel(f"c{i}", f"{text.CHANNEL} {i}", one, scale=OUT) for i, one in enumerate(first.output)]
    behind = _channels(convolution_matrix(c.x.shape, numbered(c)), 1, n)
    links = [
        linked(one, "x0", f"c{i}", f"w{i if random else 0}", behind[0, i])
        for (_, i), one in _channels(first.trace, 1, n).items()
    ]
    played = steps.filtered(c, first.output, ["w0"] * n if not random else [f"w{i}" for i in range(n)])
    return Made((*_inputs(c, editable), *kernels, *maps, *_outputs(made.output)),
                (*links, *_weave(made.trace, "c")), (), tuple(played), made.output,
                first.trace.then(made.trace), first.trace.matrix.nnz)  # fmt: skip


def _weave(trace: Trace, name: str) -> list[Links]:
    """Links from each channel, called by `name` and its number, to the one output."""
    return [linked(one, f"{name}{i}", "out0") for (i, _), one in _channels(trace, trace.in_shape[0], 1).items()]


def _unpooled(c: Chosen, editable: bool) -> Made:
    from ui import upsampling_steps as steps

    pooled, indices = max_pool(c.input, c.window, c.hop, c.rim)
    back = c.y[0] if c.y is not None and c.y[0].shape == pooled.output.shape else pooled.output
    made = max_unpool(back, indices, c.window, c.hop, c.rim, c.x.shape[1:])  # type: ignore[arg-type]
    panels = (
        *_inputs(c, editable), Panel("pooled", text.POOLED, pooled.output, scale=IN),
        Panel("y0", text.BACK, back, editable and bool((np.abs(back) <= LIMIT).all()), scale=IN),
        *_outputs(made.output, IN),
    )  # fmt: skip
    links = linked(pooled.trace, "x0", "pooled"), linked(made.trace, "y0", "out0")
    played = steps.unpooled(c, pooled, made, back)
    return Made(panels, links, (), tuple(played), made.output, made.trace, pooled=pooled, indices=indices)


def _transposed(c: Chosen, editable: bool) -> Made:
    from ui import upsampling_steps as steps

    given = (c.stride, c.pad, c.outpad, c.dilation, c.groups)
    made = transposed_convolve(c.input, c.kernel, *given)
    shape = canvas_shape(c.x.shape[1:], c.w.shape[1:], c.stride, c.outpad, c.dilation)  # type: ignore[arg-type]
    _fits(shape)
    shown = transposed_matrix(c.input.shape, numbered(c), *given)
    links = _via(made.trace, shown, c, "out")
    panels = [*_inputs(c, editable), *_kernels(c, editable)]
    canvases, played = steps.stamped(c, shape, made.output)
    if c.pad:
        full = c.stride, 0, *given[2:]
        whole, behind = (transposed_matrix(c.input.shape, kernel, *full) for kernel in (c.kernel, numbered(c)))
        links += _via(whole, behind, c, "canvas")
        titles = _titles(text.CANVAS, len(canvases))
        panels += [Panel(f"canvas{o}", titles[o], canvas, scale=OUT) for o, canvas in enumerate(canvases)]
    panels += _outputs(made.output)
    return Made(tuple(panels), tuple(links), (), tuple(played), made.output, made.trace, made.trace.matrix.nnz)


def _convolved(c: Chosen, editable: bool) -> Made:
    from ui import upsampling_steps as steps

    given = c.stride, c.pad, c.dilation, c.groups
    made = convolve(c.input, c.kernel, *given)
    _fits(made.output.shape[-2:])
    links = _via(made.trace, convolution_matrix(c.input.shape, numbered(c), *given), c, "out")
    panels = (*_inputs(c, editable), *_kernels(c, editable), *_outputs(made.output))
    names = [f"x{i}" for i in range(len(c.x))]
    played = steps.cells(made, c.x, names, text.STEP_CONV, {f"w{n}": one.shape for n, one in enumerate(c.w)})
    return Made(panels, tuple(links), (), tuple(played), made.output, made.trace, made.trace.matrix.nnz)


def _resized(c: Chosen, editable: bool) -> Made:
    from ui import upsampling_steps as steps

    made = resize_convolve(c.input, c.kernel, c.factor, c.mode)
    _fits(made.output.shape)
    first = resize(c.input, c.factor, c.mode)
    padding = c.w.shape[1] // 2, c.w.shape[2] // 2
    same, behind = (convolution_matrix(made.output.shape, one, padding=padding) for one in (c.kernel, numbered(c)))
    links = linked(first.trace, "x0", "resized"), linked(same, "resized", "out0", "w0", behind)
    panels = (
        *_inputs(c, editable), Panel("resized", text.RESIZED, first.output, scale=IN), *_kernels(c, editable),
        *_outputs(made.output),
    )  # fmt: skip
    after = steps.cells(Traced(made.output, same), first.output[None], ["resized"], text.STEP_CONV,
                        {"w0": c.w[0].shape})  # fmt: skip
    played = steps.resized(c, first.output, after)
    products = same.matrix.nnz + (0 if c.mode == "nearest" else first.trace.matrix.nnz)
    return Made(panels, links, (), tuple(played), made.output, made.trace, products)


def _fits(shape: tuple[int, ...]) -> None:
    if max(shape) > LARGEST:
        raise ValueError(text.TOO_LARGE.format(rows=shape[0], columns=shape[1], most=LARGEST))


def _titles(one: str, n: int) -> list[str]:
    return [one if n == 1 else f"{one} {i}" for i in range(n)]


def _inputs(c: Chosen, editable: bool, title: str = text.INPUT) -> list[Panel]:
    titles = _titles(title, len(c.x))
    return [Panel(f"x{i}", titles[i], one, editable, scale=IN) for i, one in enumerate(c.x)]


def _kernels(c: Chosen, editable: bool) -> list[Panel]:
    if len(c.w) == 1:
        return [Panel("w0", text.KERNEL, c.w[0], editable, scale=KERNEL)]
    return [
        Panel(f"w{n}", text.KERNEL_PAIR.format(a=source, b=target), c.w[n], editable, scale=KERNEL)
        for (source, target), n in pairs(c).items()
    ]


def _outputs(output: NDArray[np.float64], scale: str = OUT) -> list[Panel]:
    """The outputs; `scale` is `IN` where they are inputs' numbers, or means of them."""
    channels = output.reshape(-1, *output.shape[-2:])
    titles = _titles(text.OUTPUT, len(channels))
    return [Panel(f"out{o}", titles[o], one, scale=scale) for o, one in enumerate(channels)]


def pairs(c: Chosen) -> dict[tuple[int, int], int]:
    """Number of the kernel between each input channel and output channel that one leads to.

    A kernel's first axis is what goes in for the transposed convolution, and what comes out for the ordinary one.
    """
    if len(c.w) == 1:
        return {(0, 0): 0}
    each = 2 // c.groups  # channels of a group
    found = {}
    for n, (first, second) in enumerate(product(range(2), range(each))):
        other = first // each * each + second if c.groups == 2 else second
        found[(first, other) if c.method == "transposed" else (other, first)] = n
    return found


def numbered(c: Chosen) -> NDArray[np.float64]:
    """The kernel with the number of its cell, from 1, in the place of each number: it tells which cell is behind."""
    cells = np.arange(1.0, c.w[0].size + 1).reshape(c.w[0].shape)
    return np.broadcast_to(cells, c.kernel.shape)


def _channels(trace: Trace, inputs: int, outputs: int) -> dict[tuple[int, int], Trace]:
    """Cut a trace of grids with channels into those from one channel to one; pairs without a tap are left out."""
    shapes = trace.in_shape[-2:], trace.out_shape[-2:]
    n_in, n_out = (int(np.prod(shape)) for shape in shapes)
    found = {}
    for i, o in product(range(inputs), range(outputs)):
        part = trace.matrix[o * n_out : (o + 1) * n_out, i * n_in : (i + 1) * n_in]
        if part.nnz:
            found[i, o] = Trace(part, *shapes)
    return found


def _via(trace: Trace, behind: Trace, c: Chosen, target: str) -> list[Links]:
    """Links through the kernels, from each input channel to each output channel."""
    outputs = trace.out_shape[0] if c.channels else 1
    parts, cells = (_channels(one, len(c.x), outputs) for one in (trace, behind))
    between = pairs(c)
    return [linked(part, f"x{i}", f"{target}{o}", f"w{between[i, o]}", cells[i, o]) for (i, o), part in parts.items()]
