"""Stacks of atrous layers, on the page "Upsampling": what they see, their holes, and a picture sent through them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from ui import cache, picker, upsampling_equal
from ui import viewer as v
from ui.expander import expander
from ui.losses_charts import figure
from ui.picker import Photo
from ui.state import plain
from ui.texts import upsampling_views as text
from ui.upsampling_latex import broken
from ui.upsampling_views_state import LAYERS, PATTERNS, stack

Plane = NDArray[np.float64]

GOOD = "upsampling.atrous.stack"  # the last stack that could be
MOST_FIELD = 129  # cells a side of the maps of paths
PHOTO, DRAWN = 256, 65  # pixels of the longer side of what goes through a stack
HEIGHT = 320
ORANGE = (230, 159, 0)


def refuse(error: str, last: str) -> None:
    """Say what can't be, and what is shown instead."""
    st.warning(text.STAYS.format(error=error, last=last), icon=":material/block:")


def listed(numbers: Any) -> str:
    """Write whole numbers one after the other.

    >>> listed((1, 2, 5))
    '1, 2, 5'
    """
    return ", ".join(str(int(n)) for n in numbers)


def stacks() -> tuple[tuple[int, ...], int]:
    """Show what a stack of rates sees; return its rates and the kernel size."""
    from seglab.upsampling.atrous import coverage, holes, receptive_field

    now = st.session_state
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    left.text_input(text.S_RATES, key="rates", max_chars=40, persist_state="session",
                    help=text.S_RATES_HELP.format(layers=LAYERS))  # fmt: skip
    with right.container(horizontal=True):
        for known in text.S_TRY:
            st.button(known.replace(",", ", "), key=f"upsampling.stack.{known}", on_click=partial(_try, known))
    rates, k = _rates(now["rates"], now["rk"])
    ones = (1,) * len(rates)
    size, plain = (receptive_field([(k, 1, rate) for rate in each])[-1].size for each in (rates, ones))
    paths, paths_one = coverage(rates, k), coverage(ones, k)
    share = holes(paths)
    with st.container(horizontal=True, gap="medium"):
        st.metric(text.S_SHARE, text.S_PERCENT.format(percent=100 * share), width="content")
        st.metric(text.S_FIELD, text.S_CELLS.format(size=size), width="content")
        st.metric(text.S_WEIGHTS, f"{len(rates) * k * k}", width="content")
    said = text.S_GRIDDING if share else text.S_NO_GRIDDING
    read = paths > 0
    shared = np.count_nonzero(read[:, 1:] & read[:, :-1]) / np.count_nonzero(read)  # with the output beside it
    st.markdown(said.format(share=share, shared=shared, size=size, layers=len(rates), one=plain))
    left, right = st.columns(2)
    with left:
        _map(text.S_MAP.format(rates=listed(rates)), paths, size, rates, k, "rates")
    with right:
        _map(text.S_MAP_ONE, paths_one, size, ones, k, "ones")
    st.caption(text.S_MAP_NOTE.format(most=paths.max(), most_one=paths_one.max()))
    st.latex(broken(text.S_FIELD_FILLED.format(steps=k - 1, sum=" + ".join(map(str, rates)), size=size)))
    box = expander(text.S_LAYERS, "upsampling.stack", icon=":material/layers:")
    if box is not None:
        with box:
            _by_layer(rates, k)
    return rates, k


def _by_layer(rates: tuple[int, ...], k: int) -> None:
    """Show what each layer adds: effective kernels, receptive fields and jumps, beside the same without rates."""
    from seglab.upsampling.atrous import effective_kernel, receptive_field

    fields = receptive_field([(k, 1, rate) for rate in rates])
    plain, strided = (receptive_field([(k, stride, 1)] * len(rates)) for stride in (1, 2))
    left, right = st.columns([3, 2])
    spans = [effective_kernel(k, rate) for rate in rates]
    columns = (
        range(1, len(rates) + 1), rates, spans, [f.size for f in fields], [f.jump for f in fields],
        [f.size for f in plain], [f.size for f in strided], [f.jump for f in strided],
    )  # fmt: skip
    left.dataframe({name: list(column) for name, column in zip(text.S_TABLE, columns, strict=True)}, hide_index=True)
    with right:
        at = list(range(len(rates) + 1))
        grown: dict[str, Any] = {
            name: (at, [1, *(one.size for one in found)])
            for name, found in zip(text.S_LINES, (fields, plain, strided), strict=True)
        }
        made = figure(text.S_CHART[0], text.S_CHART[1], **grown)
        made.update_xaxes(dtick=1)
        st.plotly_chart(made, key="upsampling.atrous.field", config={"displayModeBar": False})
    st.caption(text.S_CHART_NOTE.format(jump=strided[-1].jump))


def _try(rates: str) -> None:
    st.session_state["rates"] = rates


def _rates(asked: str, k: int) -> tuple[tuple[int, ...], int]:
    """Return rates and kernel size as they are shown: what is asked for, or with a sentence the last that could be."""
    now = st.session_state
    try:
        rates = checked(asked, k)
        now[GOOD] = rates, k
    except ValueError as error:
        rates, k = now.get(GOOD, ((2, 2, 2), 3))
        refuse(str(error), text.S_LAST.format(rates=listed(rates), k=k))
    return rates, k


def checked(asked: str, k: int) -> tuple[int, ...]:
    """Return the rates in a text; ValueError with a sentence if it is no stack, or one that spans too much.

    >>> checked("1 2,5", 3)
    (1, 2, 5)
    """
    try:
        rates = stack(asked)
    except ValueError as error:
        raise ValueError(text.S_WANTED.format(value=plain(asked), error=error)) from None
    size = 1 + (k - 1) * sum(rates)
    if size > MOST_FIELD:
        raise ValueError(text.S_LARGE.format(
            rates=listed(rates), steps=k - 1, total=sum(rates), size=size, most=MOST_FIELD
        ))  # fmt: skip
    return rates


def _map(title: str, paths: NDArray[np.int64], size: int, rates: tuple[int, ...], k: int, key: str) -> None:
    """Show a map of paths in the middle of size × size cells, its holes in orange."""
    st.markdown(f"**{title}** {upsampling_equal.said(upsampling_equal.paths(rates, k, paths))}")
    around = (size - len(paths)) // 2  # even where a kernel is even: a rest of one cell stands below and right
    values = np.full((size, size), np.nan)
    values[around : around + len(paths), around : around + len(paths)] = np.where(paths > 0, paths, np.nan)
    missed = np.zeros((size, size), np.uint8)
    missed[around : around + len(paths), around : around + len(paths)] = paths == 0
    hole = v.Entry(1, text.S_HOLE, ORANGE, text.S_HOLE)
    v.viewer(
        None, [v.HeatLayer(values, text.S_PATHS, 0.0), v.IdLayer(missed, (hole,), text.S_HOLES, text.S_SEEN)],
        key=f"upsampling.atrous.{key}", height=HEIGHT, opacity=1.0, controls=False, link="upsampling.atrous.map",
        alt=text.S_MAP_ALT.format(rates=listed(rates), size=len(paths), share=float(np.mean(paths == 0))),
    )  # fmt: skip


def through(plane: Plane, rates: tuple[int, ...], k: int) -> Plane:
    """Send grey levels (H, W) through layers that each take the mean of their k×k taps; edges are continued.

    The kernel is the same along both axes, so each axis is done by itself.

    >>> through(np.eye(1, 5, 2) * 9, (2,), 3).tolist()
    [[3.0, 0.0, 3.0, 0.0, 3.0]]
    """
    from scipy.ndimage import correlate1d

    for rate in rates:
        taps = np.zeros(k + (k - 1) * (rate - 1))
        taps[::rate] = 1 / k
        for axis in (0, 1):
            plane = correlate1d(plane, taps, axis, mode="nearest")
    return plane


def sent(plane: Plane, rates: tuple[int, ...], k: int) -> tuple[Plane, bool]:
    """Return what comes `through`, and whether it equals PyTorch."""

    def make() -> tuple[Plane, bool]:
        out = through(plane, rates, k)
        return out, upsampling_equal.averaged(plane, rates, k, out)

    return cache.kept(
        cache.MAPS,
        ("upsampling", "through", cache.image_hash(np.ascontiguousarray(plane).view(np.uint8)), rates, k),
        make,
    )


def roughness(plane: Plane) -> float:
    """How far a pixel lies from the middle of its left and right neighbours, on average; 0 without such neighbours.

    >>> roughness(np.array([[0.0, 4, 0, 4]]))
    4.0
    """
    if plane.shape[1] < 3:
        return 0.0
    return float(np.abs(plane[:, 1:-1] - (plane[:, :-2] + plane[:, 2:]) / 2).mean())


def drawn(pattern: str, field: int = DRAWN) -> Plane:
    """Return thin lines and a point (65, 65), or one point amid as much as a `field` takes: 255 on 0."""
    if pattern == "point":
        side = max(DRAWN, field | 1)
        return np.pad([[255.0]], side // 2)
    plane, middle, at = np.zeros((DRAWN, DRAWN)), DRAWN // 2, np.arange(DRAWN)
    plane[:, 20] = plane[at, 30 + at // 2] = plane[middle, 8] = 255
    return plane


def grey(photo: Photo, side: int, exact: bool = False) -> Plane:
    """Return the photo in grey levels 0..255, its longer side at most `side` pixels, or `exact`ly side × side."""
    height, width = photo.size
    scale = min(1.0, side / max(height, width))
    shape = (side, side) if exact else (max(1, round(width * scale)), max(1, round(height * scale)))

    def make() -> Plane:
        small = Pil.fromarray(photo.image).resize(shape, Pil.Resampling.BOX, reducing_gap=2.0)
        return np.asarray(small.convert("L"), np.float64)

    return cache.kept(cache.MAPS, ("upsampling", "grey", photo.hash, shape), make)


def picture(rates: tuple[int, ...], k: int) -> None:
    """Show lines, a point or the photo, before and after the stack and the same layers at rate 1."""
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    left.segmented_control(
        text.P_PATTERN, PATTERNS, format_func=text.P_PATTERNS.__getitem__, key="apat", required=True,
        persist_state="session",
    )  # fmt: skip
    with right:
        photo = picker.picker()
    picker.messages(photo)
    pattern = st.session_state["apat"]
    plane = grey(photo, PHOTO) if pattern == "photo" else drawn(pattern, 1 + (k - 1) * sum(rates))
    ones = (1,) * len(rates)
    (after, equal), (one, equal_one) = (sent(plane, each, k) for each in (rates, ones))
    gain = 255 / max(after.max(), one.max(), 1.0)
    height, width = plane.shape
    alts = [alt.format(what=photo.alt if pattern == "photo" else text.P_PATTERNS[pattern], w=width, h=height,
                       n=len(rates), rates=listed(rates)) for alt in text.P_ALT]  # fmt: skip
    badges = "", upsampling_equal.said(equal), upsampling_equal.said(equal_one)
    panes = zip(st.columns(3), text.P_PANES, badges, (plane, after * gain, one * gain), alts, strict=True)
    for n, (column, title, badge, shown, alt) in enumerate(panes):
        with column:
            st.markdown(f"**{title.format(rates=listed(rates))}**")
            image = np.rint(shown).clip(0, 255).astype(np.uint8)[:, :, None].repeat(3, 2)
            v.viewer(image, key=f"upsampling.atrous.pane.{n}", height=HEIGHT, controls=False,
                     link="upsampling.atrous.picture", alt=alt)  # fmt: skip
            if badge:  # below, as a title may need two lines
                st.markdown(badge)
    st.markdown(text.P_NOTE.format(
        k=k, gain=gain, before=roughness(plane), after=roughness(after), one=roughness(one)
    ))  # fmt: skip
    st.caption(text.P_SEEN[pattern])
