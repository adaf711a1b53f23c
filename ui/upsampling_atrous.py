"""The atrous lab of the page "Upsampling": one layer on a small grid, stacks of rates, gridding, shift-and-stitch.

Words in ui/texts/upsampling_views.py, choices in ui/upsampling_views_state.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike, NDArray

from ui import cache, picker, upsampling_labs
from ui.grid import GridEvent, Links, Panel, Step, grid
from ui.texts import upsampling_views as text
from ui.upsampling_badge import apart
from ui.upsampling_latex import broken
from ui.upsampling_stacks import grey, listed, picture, refuse, stacks
from ui.upsampling_state import pack, unpack
from ui.upsampling_views_state import ATROUS_SIDE as SIDE
from ui.upsampling_views_state import FIRST

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from seglab.upsampling.trace import Trace

Plane = NDArray[np.float64]

INPUT, GOOD = "ax", "upsampling.atrous.layer"  # the input's name in the link; the last layer that could be
STITCHED = "upsampling.atrous.stitched"  # the picture that was, by its hash
BLUR = ((1, 2, 1), (2, 4, 2), (1, 2, 1))  # whole numbers, so that differences are exactly 0
LAPLACE = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
BLOCKS = 4  # outputs a side of each shifted run


def atrous() -> None:
    """Show the lab: shift-and-stitch shares nothing but the picture with the rest, and draws by itself."""
    upsampling_labs.run("atrous", _rates, _follow)
    upsampling_labs.run("atrous", _stitch)


def _rates() -> None:
    st.markdown(text.A_INTRO)
    left, right = st.columns(2)
    left.slider(text.A_KERNEL, 2, 5, key="rk", help=text.A_KERNEL_HELP, persist_state="session")
    upsampling_labs.run("atrous", partial(_layer, right))  # by itself: the rest of the lab isn't about its rate
    st.subheader(text.S_TITLE)
    shown = stacks()
    st.subheader(text.P_TITLE)
    picture(*shown)


def _follow(_: None) -> None:
    """Have another picture, which is chosen above, stitched as well."""
    if st.session_state.get(STITCHED) != picker.current().hash:
        st.rerun()


# One layer


@dataclass(frozen=True, eq=False)
class Layer:
    """One atrous convolution on the small grid: `laid` is the kernel as it lies, NaN in its holes."""

    kernel: int
    rate: int
    values: Plane
    laid: Plane
    output: Plane
    links: Links
    note: str


def layer(values: Plane, kernel: int, rate: int) -> Layer:
    """Compute it; the k×k weights are 1, 2, 3, … in reading order. ValueError if the kernel spans more than the grid.

    >>> layer(np.eye(3), 2, 2).output.tolist()  # 1·1 + 4·1
    [[5.0]]
    """
    from seglab.upsampling.atrous import atrous as convolve
    from seglab.upsampling.atrous import effective_kernel

    weights = np.arange(1.0, kernel * kernel + 1).reshape(kernel, kernel)
    traced = convolve(values, weights, rate)
    span = effective_kernel(kernel, rate)
    laid = np.full((span, span), np.nan)
    laid[::rate, ::rate] = weights
    places = np.flatnonzero(~np.isnan(laid)).reshape(kernel, kernel) + 1.0
    via = convolve(values, places, rate).trace
    links = Links.of(traced.trace, "input", "output", via="kernel", via_trace=via)
    return Layer(kernel, rate, values, laid, traced.output, links, badge(traced.output, dilated(values, weights, rate)))


def dilated(values: ArrayLike, kernel: ArrayLike, rate: int = 1, stride: int = 1) -> Plane:
    """Return torch's convolution, float64, without padding: what the badges compare with."""
    import torch
    import torch.nn.functional as F

    x, w = (torch.from_numpy(np.array(one, np.float64))[None, None] for one in (values, kernel))
    result: Plane = F.conv2d(x, w, stride=stride, dilation=rate)[0, 0].numpy()
    return result


def badge(ours: Plane, theirs: Plane) -> str:
    """Say whether both are equal but for rounding."""
    equal, most = apart(ours, theirs)
    return text.EQUAL if equal else text.DIFFERS.format(most=most)


def steps(one: Layer) -> list[Step]:
    """Play the outputs one by one: what each reads, and its number."""
    shown = np.full(one.output.shape, np.nan)
    holes = text.A_HOLES[one.rate != 2].format(n=one.rate - 1)
    apart = text.A_APART[one.rate > 1].format(r=one.rate, holes=holes)
    taps = np.arange(one.kernel) * one.rate
    played = []
    for row, column in np.ndindex(one.output.shape):
        shown[row, column] = one.output[row, column]
        rows, columns = row + taps, column + taps
        said = text.A_STEP.format(row=row, column=column, rows=listed(rows), columns=listed(columns), apart=apart)
        light = {"input": [(r, c) for r in rows for c in columns], "output": [(row, column)]}
        played.append(Step(said, light, {"output": shown.copy()}))
    return played


def _layer(place: DeltaGenerator) -> None:
    """Show the layer, and in `place` its rate."""
    from seglab.upsampling.atrous import effective_kernel

    now = st.session_state
    place.slider(text.A_RATE, 1, 6, key="rr", help=text.A_RATE_HELP, persist_state="session")
    values = unpack(now[INPUT])[0]
    k, r = now["rk"], now["rr"]
    try:
        one = layer(values, k, r)
        now[GOOD] = k, r
    except ValueError as error:
        last = now.get(GOOD, (3, 2))
        refuse(text.A_REFUSED.format(k=k, r=r, error=error), text.A_LAST.format(k=last[0], r=last[1]))
        one = layer(values, *last)
    span = effective_kernel(one.kernel, one.rate)
    with st.container(horizontal=True, gap="small"):
        st.latex(text.A_FORMULA, width="content")
        filled = text.A_SPAN_FILLED.format(k=one.kernel, r=one.rate, span=span).partition(" = ")[2]
        st.latex(broken(f"{text.A_SPAN} = {filled}"), width="content")
        st.latex(text.A_SIZE_FILLED.format(side=SIDE, span=span, out=SIDE - span + 1), width="content")
    panels = [
        Panel("input", text.A_INPUT, one.values, editable=True), Panel("kernel", text.A_LAID, one.laid),
        Panel("output", text.A_OUTPUT, one.output, note=one.note),
    ]  # fmt: skip
    grid(panels, key="upsampling.atrous.grid", links=[one.links], steps=steps(one), label=text.A_GRID, on_edit=_edited)
    if now[INPUT] != pack(FIRST[None]):
        st.button(text.A_BACK, on_click=_forget, icon=":material/undo:")
    st.caption(text.A_SLIP.format(weights=one.kernel**2))


def _edited(event: GridEvent) -> None:
    st.session_state[INPUT] = pack(event.values[None])


def _forget() -> None:
    st.session_state[INPUT] = pack(FIRST[None])


# Shift-and-stitch


@dataclass(frozen=True, eq=False)
class Stitched:
    """Both ways to the same map: `pieces` are the coarse answers by shift; `trace` leads from x to the dilated one."""

    x: Plane
    pieces: dict[tuple[int, int], Plane]
    stitched: Plane
    dense: Plane
    trace: Trace
    note: str
    coarse_note: str
    stitched_note: str


def stitch(x: Plane, factor: int) -> Stitched:
    """Run blur (stride `factor`) and Laplacian on every shift of x, and blur and dilated Laplacian once."""
    from seglab.upsampling.atrous import atrous as dilate
    from seglab.upsampling.atrous import shift_and_stitch
    from seglab.upsampling.convolution import convolve

    def coarse(part: Plane) -> Plane:
        return convolve(convolve(part, BLUR, stride=factor).output, LAPLACE).output

    blurred = convolve(x, BLUR)
    dense = dilate(blurred.output, LAPLACE, factor)
    pieces = {(a, b): coarse(x[a:, b:]) for a in range(factor) for b in range(factor)}
    theirs = dilated(dilated(x, BLUR), LAPLACE, factor)
    runs = np.stack([dilated(dilated(x[a:, b:], BLUR, stride=factor), LAPLACE) for a, b in pieces])
    stitched = shift_and_stitch(coarse, x, factor)
    return Stitched(x, pieces, stitched, dense.output, blurred.trace.then(dense.trace), badge(dense.output, theirs),
                    badge(np.stack(list(pieces.values())), runs), badge(stitched, theirs))  # fmt: skip


def _stitch() -> None:
    st.subheader(text.T_TITLE)
    st.markdown(text.T_INTRO)
    st.segmented_control(text.T_FACTOR, (2, 3), key="sfac", required=True, persist_state="session")
    factor = st.session_state["sfac"]
    st.caption(text.T_NET.format(f=factor))
    side = 2 + 2 * factor + BLOCKS * factor  # the field of an output less one, and the outputs: all runs the same size
    photo = picker.current()
    st.session_state[STITCHED] = photo.hash
    found: Stitched = cache.kept(
        cache.MAPS, ("upsampling", "stitch", photo.hash, factor),
        lambda: stitch(np.rint(grey(photo, side, exact=True) * 9 / 255), factor),
    )  # fmt: skip
    played, shown = [], np.full(found.dense.shape, np.nan)
    for (a, b), piece in found.pieces.items():
        shown[a::factor, b::factor] = piece
        rows, columns = (np.arange(shift, len(shown), factor) for shift in (a, b))
        said = text.T_STEP.format(a=a, b=b, rows=listed(rows), columns=listed(columns))
        played.append(Step(said, {"stitched": [(r, c) for r in rows for c in columns]},
                           {"coarse": piece, "stitched": shown.copy()}))  # fmt: skip
    picture, coarse, stitched, network = (title.format(n=side) for title in text.T_PANELS)
    panels = [
        Panel("input", picture, found.x),
        Panel("coarse", coarse, found.pieces[0, 0], note=found.coarse_note, scale="answers"),
        Panel("stitched", stitched, found.stitched, note=found.stitched_note, scale="answers"),
        Panel("dilated", network, found.dense, note=found.note, scale="answers"),
    ]  # fmt: skip
    grid(panels, key="upsampling.atrous.stitch", links=[Links.of(found.trace, "input", "dilated")], steps=played,
         speed=1.0, label=text.T_GRID)  # fmt: skip
    most = float(np.abs(found.stitched - found.dense).max())
    st.markdown(text.T_SAME.format(n=found.dense.size, most=most))
