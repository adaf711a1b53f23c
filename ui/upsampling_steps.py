"""The steps that the grid lab plays: stamp by stamp, sample by sample, number by number. All words in ui/texts/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seglab.upsampling import Trace, Traced, stamps
from seglab.upsampling.trace import short
from ui.grid import Step
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen

Values = NDArray[np.float64]
SINGLE = 144  # stamps or outputs that are played one by one, at most; more go row by row: nobody watches 256 of them
LIT = 2**15  # cells that all stamps light together, at most
TERMS = 9  # of a sum that is written out in a caption


def say(value: Any) -> str:
    """Write a number as the component does."""
    return short(float(value))[0]


def stamped(c: Chosen, shape: tuple[int, int], output: Values) -> tuple[list[Values], list[Step]]:
    """Return the canvases, and the steps: a stamp for each input, and at the end what padding crops, or what stays 0.

    The steps are played on the panels "canvas…", or on the outputs themselves where nothing is cropped. Many inputs are
    played row by row, and so are large kernels: what each step lights would be megabytes.
    """
    from ui.upsampling_make import pairs

    between, outputs = pairs(c), 1 if output.ndim == 2 else len(output)
    on = "canvas" if c.pad else "out"
    height, width = c.x.shape[1:]
    by_row = c.x.size * outputs > SINGLE or c.x.size * c.w[0].size > LIT
    spans = [c.dilation * (side - 1) + 1 for side in c.w.shape[1:]]
    before, touched = np.zeros((outputs, *shape)), np.zeros((outputs, *shape), bool)
    blank = {f"out{o}": np.full(output.shape[-2:], np.nan) for o in range(outputs)} if c.pad else {}
    made: list[Step] = []
    for i, x in enumerate(c.x):
        goes = {o: stamps(x, c.w[n], c.stride, 0, c.outpad, c.dilation) for (a, o), n in between.items() if a == i}
        for row, column in np.ndindex(height, 1 if by_row else width):
            first = row * width + column
            last = first + (width if by_row else 1)
            light: dict[str, ArrayLike] = {f"x{i}": [(row, column + k) for k in range(last - first)]}
            values, overlaps = {}, 0
            for o, played in goes.items():
                under = np.zeros(shape, bool)
                for one in played[first:last]:
                    rows, columns = (slice(at, at + span, c.dilation) for at, span in zip(
                        (one.top, one.left), spans, strict=True))  # fmt: skip
                    under[rows, columns] = True
                overlaps += int(np.count_nonzero(under & touched[o]))
                touched[o] |= under
                values[f"{on}{o}"] = np.where(touched[o], before[o] + played[last - 1].canvas, np.nan)
                light[f"{on}{o}"] = np.argwhere(under)
            channel = text.STEP_CHANNEL.format(i=i) if c.channels else ""
            if by_row:
                said = text.STEP_STAMP_ROW.format(row=row, channel=channel, n=width, s=c.stride)
            else:
                said = text.STEP_STAMP.format(row=row, column=column, value=say(x[row, column]), top=row * c.stride,
                                              left=column * c.stride, channel=channel)  # fmt: skip
                said += text.overlapping(overlaps)
            made.append(Step(said, light, {**blank, **values} if not made else values))
        for o, played in goes.items():
            before[o] += played[-1].canvas
    canvases = list(before)
    if c.pad:
        top, left, bottom, right = c.pad, c.pad, shape[0] - c.pad, shape[1] - c.pad
        last_ = {f"out{o}": one for o, one in enumerate(output.reshape(-1, *output.shape[-2:]))}
        said = text.STEP_CROP.format(p=c.pad, rows=bottom - top, columns=right - left) + text.STEP_EMPTY[bool(c.outpad)]
        shown = {f"canvas{o}": canvas for o, canvas in enumerate(canvases)}
        crops = [(name, top, left, bottom, right) for name in shown]
        made.append(Step(said, {}, {**shown, **last_}, crops))
    elif not touched.all():
        made.append(Step(text.STEP_ZEROS, {}, {f"out{o}": canvas for o, canvas in enumerate(canvases)}))
    return canvases, made


def samples(c: Chosen, made: Traced, at: Values | None) -> list[Step]:
    """Interpolation: a step for each output, with its place among the inputs, `at` (n, 2), if it has one."""

    def told(cell: int, row: int, column: int) -> str:
        if at is None:
            (source, _), *_ = made.trace.sources((row, column))
            return text.STEP_COPY.format(row=row, column=column, a=source[0], b=source[1],
                                         value=say(made.output[row, column]))  # fmt: skip
        return text.STEP_SAMPLE.format(row=row, column=column, y=say(at[cell, 0]), x=say(at[cell, 1]))

    return cells(made, c.x, ["x0"], told)


def cells(
    made: Traced,
    x: Values,
    names: Sequence[str],
    told: object,
    whole: Mapping[str, tuple[int, ...]] | None = None,
) -> list[Step]:
    """A step for each output in reading order (for each row, if there are many): its inputs, and their sum.

    Args:
        made: the result and its trace from `x`.
        x: (C, H, W), whose channels are the panels `names`.
        names: see `x`.
        told: how a caption begins: a text with {row} and {column}, or a function of the cell's number, row and column.
        whole: panels, with their shapes, that are lit all the time.
    """
    trace, output = made.trace, made.output
    channels = output.reshape(-1, *output.shape[-2:])
    rows, columns = channels.shape[1:]
    by_row = output.size > SINGLE
    inside = trace.in_shape[-2:]
    given = x.reshape(trace.in_shape)
    always = {name: list(np.ndindex(*shape)) for name, shape in (whole or {}).items()}
    shown = [np.full((rows, columns), np.nan) for _ in channels]
    blank = {f"out{o}": np.full((rows, columns), np.nan) for o in range(len(channels))}
    steps: list[Step] = []
    indptr, indices = trace.matrix.indptr, trace.matrix.indices
    for o, row, column in np.ndindex(len(channels), rows, 1 if by_row else columns):
        first = (o * rows + row) * columns + column
        last = first + (columns if by_row else 1)
        read = np.unique(indices[indptr[first] : indptr[last]])
        channel, cell = np.divmod(read, inside[0] * inside[1])
        places = np.stack(np.divmod(cell, inside[1]), -1)
        light: dict[str, ArrayLike] = {names[i]: places[channel == i] for i in np.unique(channel)}
        light |= always
        light[f"out{o}"] = [(row, column + k) for k in range(last - first)]
        shown[o] = shown[o].copy()
        shown[o].ravel()[first - o * rows * columns : last - o * rows * columns] = channels[o].ravel()[
            first - o * rows * columns : last - o * rows * columns
        ]
        if by_row:
            said = text.STEP_ROW.format(row=row, channel=text.STEP_CHANNEL.format(i=o) if len(channels) > 1 else "")
        else:
            said = told(first, row, column) if callable(told) else str(told).format(row=row, column=column)
            if not said.endswith("."):
                index = (row, column) if output.ndim == 2 else (o, row, column)
                said += _sum(trace, given, index, len(read))
        steps.append(Step(said, light, {**blank, f"out{o}": shown[o]} if not steps else {f"out{o}": shown[o]}))
    return steps


def _sum(trace: Trace, x: Values, index: tuple[int, ...], terms: int) -> str:
    if terms > TERMS:
        return text.STEP_TERMS.format(n=terms, value=say(sum(w * x[at] for at, w in trace.sources(index))))
    return f": {trace.sum_written(x, index)}."


def places(trace: Trace, x: Values, source: str, target: str) -> list[Step]:
    """A step for each input that is put to a place, with zeros around."""
    shown, steps = np.full(trace.out_shape, np.nan), []
    for (row, column), value in np.ndenumerate(x[0]):
        (at, _), *_ = trace.targets((row, column))
        shown = shown.copy()
        shown[at] = value
        said = text.STEP_PLACE.format(row=row, column=column, value=say(value), a=at[0], b=at[1])
        steps.append(Step(said, {source: [(row, column)], target: [at]}, {target: shown}))
    return [*steps, Step(text.STEP_ZEROS, {}, {target: np.nan_to_num(shown)})]


def woven(x: Values, r: int, name: str = "x") -> list[Step]:
    """Sub-pixel shuffle: a step for each place, whose r² channels, the panels `name`, become a block of r × r."""
    height, width = x.shape[1:]
    shown, steps = np.full((height * r, width * r), np.nan), []
    for row, column in np.ndindex(height, width):
        shown = shown.copy()
        shown[row * r : row * r + r, column * r : column * r + r] = x[:, row, column].reshape(r, r)
        light: dict[str, ArrayLike] = {f"{name}{i}": [(row, column)] for i in range(len(x))}
        light["out0"] = [(row * r + i, column * r + j) for i in range(r) for j in range(r)]
        said = text.STEP_WEAVE.format(row=row, column=column, n=r * r, r=r)
        steps.append(Step(said, light, {"out0": shown}))
    return steps


def filtered(c: Chosen, channels: Values, filters: Sequence[str]) -> list[Step]:
    """A step for each channel that a filter, the panel in `filters`, makes of the input; then they are woven."""
    blank = {f"c{i}": np.full(one.shape, np.nan) for i, one in enumerate(channels)}
    blank["out0"] = np.full((channels.shape[1] * c.factor, channels.shape[2] * c.factor), np.nan)
    grid, taps = list(np.ndindex(*c.x.shape[1:])), list(np.ndindex(*c.w.shape[1:]))
    steps: list[Step] = []
    for i, (one, name) in enumerate(zip(channels, filters, strict=True)):
        light: dict[str, ArrayLike] = {"x0": grid, name: taps, f"c{i}": list(np.ndindex(*one.shape))}
        steps.append(Step(text.STEP_FILTER[c.start].format(i=i), light, {**({} if steps else blank), f"c{i}": one}))
    return [*steps, *woven(channels, c.factor, "c")]


def unpooled(c: Chosen, pooled: Traced, made: Traced, back: Values) -> list[Step]:
    """Max-pool, window by window, then each number goes back to where the maximum was."""
    maxima, out = np.full(back.shape, np.nan), np.full(made.output.shape, np.nan)
    steps: list[Step] = []
    inside = np.array(c.x.shape[1:])
    for row, column in np.ndindex(back.shape):
        down, right = (np.arange(c.window) + at * c.hop - c.rim for at in (row, column))
        window = np.stack(np.meshgrid(down, right, indexing="ij"), -1).reshape(-1, 2)
        window = window[((window >= 0) & (window < inside)).all(1)]
        (at, _), *_ = pooled.trace.sources((row, column))
        maxima = maxima.copy()
        maxima[row, column] = pooled.output[row, column]
        said = text.STEP_POOL.format(value=say(maxima[row, column]), a=at[0], b=at[1],
                                     index=at[0] * int(inside[1]) + at[1])  # fmt: skip
        values = {"pooled": maxima} if steps else {"pooled": maxima, "out0": out}
        steps.append(Step(said, {"x0": window, "pooled": [(row, column)]}, values))
    for row, column in np.ndindex(back.shape):
        (at, _), *_ = pooled.trace.sources((row, column))
        out = out.copy()
        out[at] = back[row, column]
        said = text.STEP_PUT.format(value=say(back[row, column]), a=at[0], b=at[1])
        steps.append(Step(said, {"x0": [at], "y0": [(row, column)], "out0": [at]}, {"out0": out}))
    return [*steps, Step(text.STEP_ZEROS, {}, {"out0": made.output})]


def resized(c: Chosen, large: Values, after: Sequence[Step]) -> list[Step]:
    """Resize first, all at once; then the convolution's own steps."""
    light = {"x0": list(np.ndindex(*c.x.shape[1:])), "resized": list(np.ndindex(*large.shape))}
    said = text.STEP_RESIZE.format(mode=text.MODES[c.mode], r=c.factor)
    return [Step(said, light, {"resized": large, "out0": np.full(large.shape, np.nan)}), *after]
