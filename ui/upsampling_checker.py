"""The lab "Checkerboard" of the page "Upsampling": overlaps counted, the article's three ways, what kernels learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import cache, picker, upsampling_equal, upsampling_generators
from ui import viewer as v
from ui.losses_charts import COLORS
from ui.picker import Photo
from ui.texts import upsampling_photos as text
from ui.texts.upsampling import BADGE, BADGE_OTHER
from ui.upsampling_badge import apart
from ui.upsampling_photos_state import STAGES
from ui.upsampling_rebuilt import bounded

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from seglab.types import Image
    from seglab.upsampling.generator import Learnt, Outcome

INPUTS, CELLS = 6, 15  # a side of the input of ones, and of its output, if that leaves a middle to see
LINK, HEIGHT = "upsampling.ways", 320
FLOOR = 1e-4  # squared grey levels: what a spectrum shows at least, so that its logarithm is finite
TALL = 220  # px of the bars


def overlaps() -> None:
    """Show the first part: how often each output is stamped."""
    st.markdown(text.C_INTRO)
    left, right = st.columns(2)
    kernel = left.slider(text.C_KERNEL, 1, 9, key="ck", persist_state="session")
    stride = right.slider(text.C_STRIDE, 1, 6, key="cs", persist_state="session")
    st.markdown(sentence(kernel, stride))
    _overlaps(kernel, stride)


def race() -> None:
    """Show the third part: generators that learn, each with another upsampling."""
    st.subheader(text.G_TITLE)
    upsampling_generators.live()


def sentence(kernel: int, stride: int) -> str:
    """Say whether the stamps overlap evenly, why, and by how much.

    >>> sentence(3, 2)[:52]
    '**Uneven**, because 3 isn’t divisible by 2: away fro'
    """
    from seglab.upsampling.checkerboard import unevenness

    least, most = kernel // stride, math.ceil(kernel / stride)
    if least == most:
        each, square = (text.C_ONE_STAMP if n == 1 else text.C_STAMPS.format(n=n) for n in (least, least**2))
        why = text.C_EVEN.format(k=kernel, s=stride, each=each, square=square, s3="s" * (least == 1))
    elif least == 0:
        n = stride - kernel
        why = text.C_GAPS.format(k=kernel, s=stride, n=n, s3="s" * (n == 1))
    else:
        why = text.C_UNEVEN.format(k=kernel, s=stride, least=least, most=most, least2=least**2, most2=most**2)
    numbers = text.C_UNEVENNESS.format(line=unevenness(kernel, stride, 1), square=unevenness(kernel, stride, 2))
    return f"{why}  \n{numbers}"


def inputs(kernel: int, stride: int) -> int:
    """How many inputs along a side are shown: few, but enough for two periods away from the borders.

    >>> inputs(3, 2), inputs(9, 1)
    (6, 11)
    """
    return max(math.ceil(kernel / stride) + 2, min(INPUTS, 1 + (CELLS - kernel) // stride))


def _overlaps(kernel: int, stride: int) -> None:
    from seglab.upsampling import transposed_convolve
    from seglab.upsampling.checkerboard import overlap_count
    from ui.grid import Links, Panel, grid

    n = inputs(kernel, stride)
    left, right = st.columns([1, 2])
    with left:
        st.markdown(f"**{text.C_LINE}**")
        counts = overlap_count(kernel, stride, n, 1)
        st.plotly_chart(bars(counts), key="upsampling.bars", config={"displayModeBar": False})
        st.caption(text.C_COUNTS.format(counts=" ".join(map(str, counts))))
    with right:
        st.markdown(f"**{text.C_SQUARE}**")
        ones = np.ones((n, n))
        made = transposed_convolve(ones, np.ones((kernel, kernel)), stride=stride)
        panels = [
            Panel("input", text.C_INPUT, ones),
            Panel("output", text.C_OUTPUT, made.output, note=counted(made.output, n, kernel, stride)),
        ]  # fmt: skip
        grid(
            panels, key="upsampling.overlap", links=[Links.of(made.trace, "input", "output")],
            label=text.C_GRID.format(k=kernel, s=stride),
        )  # fmt: skip
    st.caption(text.C_NOTE)


def counted(output: NDArray[np.float64], n: int, kernel: int, stride: int) -> str:
    """Compare the counts with PyTorch's transposed convolution of n × n ones; return the badge's words."""
    import torch
    import torch.nn.functional as F

    x, w = (torch.ones(1, 1, side, side, dtype=torch.float64) for side in (n, kernel))
    return BADGE if apart(output, F.conv_transpose2d(x, w, stride=stride)[0, 0])[0] else BADGE_OTHER


def bars(counts: NDArray[np.int64]) -> Figure:
    """Return the counts along a line as a chart."""
    from plotly.graph_objects import Figure

    return Figure([{"type": "bar", "x": np.arange(len(counts)), "y": counts, "marker": {"color": COLORS[0]}}], {
        "height": TALL, "margin": {"l": 10, "r": 10, "t": 10, "b": 10}, "bargap": 0.08,
        "xaxis": {"title": {"text": text.C_CELL}}, "yaxis": {"title": {"text": text.C_COUNT}, "dtick": 1},
    })  # fmt: skip


def on_picture() -> None:
    """Show the second part: the article's three ways, before and after training."""
    st.subheader(text.W_TITLE)
    st.markdown(text.W_INTRO)
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    with left:
        photo = picker.picker()
    picker.messages(photo)
    now = st.session_state
    if not now["cgo"]:
        middle.button(text.W_RUN, key="upsampling.compare", on_click=_ask, type="primary", width="stretch",
                      icon=":material/grid_on:")  # fmt: skip
        st.caption(text.W_RUN_NOTE)
        return
    middle.segmented_control(
        text.W_STAGE, STAGES, format_func=text.W_STAGES.__getitem__, key="cstage", required=True,
        persist_state="session",
    )  # fmt: skip
    right.number_input(text.W_SEED, 0, 9999, key="cseed", help=text.W_SEED_HELP, persist_state="session")
    try:
        with st.spinner(text.W_WORKING):
            ways, learnt = compared(photo, now["cseed"])
    except ValueError as error:  # too small for a spectrum
        st.info(str(error), icon=":material/photo_size_select_small:")
        return
    _ways(photo, ways, now["cstage"], now["cseed"])
    st.subheader(text.L_TITLE)
    _learnt(photo, now["cseed"], *learnt)


def _ask() -> None:
    st.session_state["cgo"] = True


def compared(photo: Photo, seed: int) -> tuple[tuple[Outcome, ...], tuple[Image, float, tuple[Learnt, Learnt]]]:
    """Return the three ways on a picture, and what two layers learn of the pattern; ValueError for too small ones."""
    from seglab.upsampling.generator import learn_pattern, three_ways

    key = photo.hash, seed
    ways = cache.kept(cache.MAPS, ("upsampling", "ways", *key), lambda: three_ways(bounded(photo), seed))
    learnt = cache.kept(cache.MAPS, ("upsampling", "learnt", *key), lambda: learn_pattern(bounded(photo), seed))
    return ways, learnt


def spectra(ways: tuple[Outcome, ...]) -> tuple[NDArray[np.float32], ...]:
    """Return log10 of the power of each way's pictures, before and after: float32 (H, W), `FLOOR` at least."""
    from seglab.upsampling.checkerboard import spectrum

    pictures = (picture for way in ways for picture in (way.before, way.after))
    return tuple(np.log10(np.maximum(spectrum(picture), FLOOR)).astype(np.float32) for picture in pictures)


def rings(shape: tuple[int, int], period: int) -> list[tuple[int, int]]:
    """Return where a pattern of that period shows in a spectrum (H, W): (x, y) of the multiples of 1 / period.

    >>> rings((8, 8), 2)
    [(0, 4), (4, 0), (0, 0)]
    """
    from seglab.upsampling.checkerboard import multiples

    return [(column, row) for row, column in multiples(shape, period)]


def _ways(photo: Photo, ways: tuple[Outcome, ...], stage: str, seed: int) -> None:
    from seglab.upsampling.generator import PERIOD, prepare

    key = photo.hash, seed
    maps = cache.kept(cache.MAPS, ("upsampling", "spectra", *key), lambda: spectra(ways))
    equals = cache.kept(cache.NUMBERS, ("upsampling", "equal ways", *key), lambda: upsampling_equal.ways(
        prepare(bounded(photo))[1], ways))  # fmt: skip
    low = float(np.percentile(maps, 2))
    high = max(float(one.max()) for one in maps)
    size = ways[0].before.shape[:2]
    columns = st.columns(3)
    for n, (column, way) in enumerate(zip(columns, ways, strict=True)):
        before = stage == "before"
        power = maps[2 * n + (not before)]
        title = text.W_WAYS[way.way]
        with column:
            st.markdown(f"**{title}**  \n{upsampling_equal.said(equals[n][not before])}")
            v.viewer(
                way.before if before else way.after, key=f"upsampling.way.{n}.{size}", link=LINK, height=HEIGHT,
                controls=False, alt=text.W_ALT.format(way=title, stage=text.W_STAGES[stage]),
            )  # fmt: skip
            st.markdown(text.W_SPIKE.format(spike=way.spike_before if before else way.spike_after))
            v.viewer(
                None, [v.HeatLayer(power, text.W_SPECTRUM, low, max(high, low + 1))],
                key=f"upsampling.spectrum.{n}.{size}", link="upsampling.spectra", height=HEIGHT, controls=False,
                opacity=1.0, legend=n == 0, marks=rings((size[0], size[1]), PERIOD),
                alt=text.W_SPECTRUM_ALT.format(way=title),
            )  # fmt: skip
    st.caption(text.W_SPECTRUM_NOTE)
    st.markdown(notice(ways))
    _table(photo, ways)


def notice(ways: tuple[Outcome, ...]) -> str:
    """Say in words what the spikes are, and what training does to them."""
    twice, last, resize = ways
    said = text.W_NOTICE.format(
        twice=twice.spike_before, last=last.spike_before, resize=resize.spike_before, twice_after=twice.spike_after,
        last_after=last.spike_after, resize_after=resize.spike_after,
    )  # fmt: skip
    lost = max(twice.spike_after, last.spike_after) < min(twice.spike_before, last.spike_before) / 2
    return f"{said} {text.W_BUT}" if lost else said


def _table(photo: Photo, ways: tuple[Outcome, ...]) -> None:
    name, *numbers = text.W_COLUMNS
    values = (
        [way.spike_before for way in ways], [way.spike_after for way in ways], [way.errors[0] for way in ways],
        [way.errors[-1] for way in ways],
    )  # fmt: skip
    st.dataframe(
        {name: [text.W_WAYS[way.way] for way in ways], **dict(zip(numbers, values, strict=True))}, hide_index=True,
        column_config={number: st.column_config.NumberColumn(format="%.1f") for number in numbers},
    )  # fmt: skip
    st.caption(text.W_ERROR_NOTE.format(spike=own_spike(photo)))


def own_spike(photo: Photo) -> float:
    """Return the spike of the picture that the ways should bring back."""
    from seglab.upsampling.checkerboard import spike
    from seglab.upsampling.generator import PERIOD, prepare

    key = "upsampling", "spike", photo.hash
    return cache.kept(cache.NUMBERS, key, lambda: spike(prepare(bounded(photo))[0], PERIOD))


def _learnt(photo: Photo, seed: int, target: Image, spike: float, learnt: tuple[Learnt, Learnt]) -> None:
    from seglab.upsampling.generator import prepare

    st.markdown(text.L_INTRO)
    key = "upsampling", "equal learnt", photo.hash, seed
    equals = cache.kept(cache.NUMBERS, key, lambda: upsampling_equal.learnt(
        prepare(bounded(photo))[0], seed, target, learnt))  # fmt: skip
    titles = text.L_TARGET, text.L_TRANSPOSED, text.L_RESIZE
    pictures, spikes = (target, *(one.picture for one in learnt)), (spike, *(one.spike for one in learnt))
    for n, column in enumerate(st.columns(3)):
        with column:
            st.markdown(f"**{titles[n]}**  \n{upsampling_equal.said(equals[n])}")
            v.viewer(
                pictures[n], key=f"upsampling.learnt.{n}.{target.shape[:2]}", link="upsampling.learnt", height=HEIGHT,
                controls=False, alt=text.L_ALT.format(what=titles[n], spike=spikes[n]),
            )  # fmt: skip
            st.markdown(text.L_SPIKE.format(spike=spikes[n]))
            if n:
                (a, b), (c, d) = learnt[n - 1].phases.tolist()
                st.markdown(text.L_SUMS)
                st.latex(text.L_PHASES.format(a=a, b=b, c=c, d=d))
    st.caption(text.L_NOTE)
