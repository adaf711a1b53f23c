"""The controls of the grid lab. Each one's key is its name in the link (`ui.upsampling_state.FIELDS`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from ui import state
from ui.expander import expander
from ui.grid import GridEvent
from ui.texts import upsampling as text
from ui.upsampling_choice import CONVOLUTIONS, INTERPOLATIONS, choose, has_kernel
from ui.upsampling_presets import PRESETS
from ui.upsampling_state import (
    CHANNELS,
    FIELDS,
    METHODS,
    MODES,
    MOST_CHANNELS,
    SIDE,
    STARTS,
    Channels,
    pack,
    unpack,
)

BLUR = "0.0625 0.125 0.0625/0.125 0.25 0.125/0.0625 0.125 0.0625"  # (1 2 1)/4 each way
FLAT = 4.0  # every number of the grid that filters begin on
LENT = "upsampling.lent"  # the visitor's own grids, while a method that can't take them has others; see `_lend`


def main() -> None:
    """Choose the method, and its main parameters beside it."""
    method = st.session_state["method"]
    first, *others = st.columns([1.6, 1, 1, 1])
    first.selectbox(text.METHOD, METHODS, format_func=text.METHODS.__getitem__, key="method", on_change=_moved,
                    persist_state="session")  # fmt: skip
    a, b, c = others
    if method in CONVOLUTIONS:
        with a:
            _side(text.KERNEL_SIZE, "w", both=True)
        b.slider(text.STRIDE, 1, 8, key="stride", persist_state="session")
        c.slider(text.PADDING, 0, 16, key="pad", persist_state="session")
    elif method in INTERPOLATIONS:
        a.slider(text.ROWS, 1, 32, key="rows", persist_state="session")
        b.slider(text.COLS, 1, 32, key="cols", persist_state="session")
        if method != "nearest":
            c.toggle(text.CORNERS, key="corners", help=text.CORNERS_HELP, persist_state="session")
    elif method == "unpool":
        a.slider(text.WINDOW, 1, 8, key="window", on_change=_window, persist_state="session")
        b.slider(text.HOP, 1, 8, key="hop", persist_state="session")
        c.slider(text.RIM, 0, 4, key="rim", persist_state="session")
    else:
        a.slider(text.FACTOR, 1, 4, key="factor", on_change=_moved, persist_state="session")
        if method == "resize":
            b.selectbox(text.MODE, MODES, format_func=text.MODES.__getitem__, key="mode", persist_state="session")
            with c:
                _side(text.KERNEL_SIZE, "w", both=True, step=2)
        if method == "subpixel":
            b.selectbox(text.START, STARTS, format_func=text.STARTS.__getitem__, key="start", help=text.START_HELP,
                        on_change=_moved, persist_state="session")  # fmt: skip
            if st.session_state["start"] != "plain":
                with c:
                    _side(text.FILTER_SIZE, "w", both=True)


def more() -> None:
    """Show the expander: sizes, random numbers, and the parameters that are rarely moved."""
    now = st.session_state
    box = expander(text.MORE, "upsampling")
    if box is None:
        return
    with box:
        left, middle, right = st.columns(3)
        with left:
            _side(text.INPUT_ROWS, "x", axis=0)
            _side(text.INPUT_COLS, "x", axis=1)
        with middle:
            if now["method"] in CONVOLUTIONS:
                if now["method"] == "transposed":
                    st.slider(text.OUTPUT_PADDING, 0, 8, key="outpad", help=text.OUTPUT_PADDING_HELP,
                              persist_state="session")  # fmt: skip
                st.slider(text.DILATION, 1, 8, key="dilation", persist_state="session")
                st.selectbox(text.CHANNELS, CHANNELS, format_func=text.CHANNELS_NAMES.__getitem__, key="chan",
                             persist_state="session")  # fmt: skip
        with right:
            st.button(text.RANDOM_INPUT, on_click=_random, args=("x", -9, 10), icon=":material/casino:",
                      width="stretch")  # fmt: skip
            if has_kernel(now):
                st.button(text.RANDOM_KERNEL, on_click=_random, args=("w", -3, 4), icon=":material/casino:",
                          width="stretch")  # fmt: skip
            if now["method"] == "unpool" and now["y"]:
                st.button(text.BACK_TO_MAXIMA, on_click=_put, args=("y", ""), width="stretch")
            st.button(text.RESET if example() else text.RESET_FIRST, on_click=_reset, icon=":material/restart_alt:",
                      width="stretch")  # fmt: skip


def edited(event: GridEvent) -> None:
    """Take a grid that was edited: its panel is called x, w or y, with its channel's number."""
    field, channel = event.panel[0], int(event.panel[1:])
    c = choose(st.session_state)
    grids = {"x": c.x, "w": c.w, "y": event.values[None]}[field].copy()
    if channel < len(grids) and grids[0].shape == event.values.shape:  # else another control was faster
        grids[channel] = event.values
        st.session_state[field] = pack(grids)


def resize(grids: Channels, rows: int, columns: int) -> Channels:
    """Cut grids (C, H, W), or continue them with zeros at the bottom and right.

    >>> resize(np.ones((1, 1, 2)), 2, 1).tolist()
    [[[1.0], [0.0]]]
    """
    out = np.zeros((len(grids), rows, columns))
    kept = grids[:, :rows, :columns]
    out[:, : kept.shape[1], : kept.shape[2]] = kept
    return out


def _side(label: str, field: str, axis: int = 0, both: bool = False, step: int = 1) -> None:
    """Show a slider for a side of a grid (both sides: the kernel's size), which is in the link with its numbers."""
    key = f"upsampling.{field}.{axis}.{both}"
    side = unpack(st.session_state[field]).shape[axis + 1]
    st.session_state[key] = side
    if step == 2:  # odd sides; an even one, from a link, is told to be wrong
        options = sorted({*range(1, SIDE, 2), side})
        st.select_slider(label, options, key=key, on_change=_resize, args=(key, field, axis, both))
    else:
        st.slider(label, 1, SIDE, key=key, on_change=_resize, args=(key, field, axis, both))


def _resize(key: str, field: str, axis: int, both: bool) -> None:
    now = st.session_state
    grids, side = unpack(now[field]), now[key]
    rows, columns = (side if both or axis == a else grids.shape[a + 1] for a in (0, 1))
    now[field] = pack(resize(grids, rows, columns))


def place() -> str:
    """Which grids the method needs: filters begin on a flat one, resizing takes kernels with a middle."""
    now = st.session_state
    return "filters" if now["method"] == "subpixel" and now["start"] != "plain" else str(now["method"])


def give_back() -> None:
    """Give the visitor's own grids back, and keep what stood in their place for when the method is chosen again."""
    now = st.session_state
    if lent := now.get(LENT):
        lent["stood"].setdefault(lent["at"], {}).update({field: now[field] for field in lent["own"]})
        now.update(lent["own"])
        lent["own"] = {}


def forget() -> None:
    """Grids came from elsewhere (a link, a preset, a lesson file): there is nothing to give back any more."""
    st.session_state.pop(LENT, None)


def _moved() -> None:
    """Give back what the method before had to put aside, and put aside what this one can't take."""
    now = st.session_state
    if LENT in now and now[LENT]["at"] != place():
        give_back()
    if now["method"] == "resize":
        _lend("w", lambda w: bool(w.shape[1] % 2 and w.shape[2] % 2), lambda _: unpack(BLUR))
    elif place() == "filters":
        _filters()


def _lend(field: str, fits: Callable[[Channels], bool], made: Callable[[Channels], Channels]) -> None:
    """Where a grid doesn't fit the method, put it aside for what stood here the last time, as it is or `made` to fit.

    `LENT` holds the visitor's "own" grids, the place that others were lent "at", and what "stood" in each such place.
    """
    now = st.session_state
    grid = unpack(now[field])
    if fits(grid):
        return
    lent = now.setdefault(LENT, {"own": {}, "stood": {}})
    lent["at"] = place()
    if field not in lent["own"]:
        lent["own"][field] = now[field]
        grid = unpack(lent["stood"].get(place(), {}).get(field, now[field]))
    now[field] = pack(grid if fits(grid) else made(grid))


def _filters() -> None:
    """Filters begin on a flat grid, where all that comes out differently is their doing; each gets numbers of its own.

    The first filter stays, so that it can be compared with ICNR, which repeats it.
    """
    now = st.session_state
    n = now["factor"] ** 2 if now["start"] == "random" else 1

    def more(w: Channels) -> Channels:
        return np.concatenate([w, np.random.default_rng(6).integers(-3, 6, (n - len(w), *w.shape[1:]))])

    if n <= MOST_CHANNELS:
        _lend("w", lambda w: len(w) >= n, more)
    if "x" in now.get(LENT, {"own": ()})["own"]:  # lent already, and changed since, perhaps
        return
    side = np.array(unpack(now["w"]).shape[1:])
    room = np.minimum(SIDE, side + 2)
    _lend("x", lambda x: len(x) == 1 and bool((x.shape[1:] >= room).all()), lambda _: np.full((1, *room), FLAT))


def _window() -> None:
    """Windows side by side at first; who wants them to overlap moves the stride."""
    now = st.session_state
    now["hop"] = now["window"]
    now["rim"] = min(now["rim"], now["window"] // 2)


def _random(field: str, low: int, high: int) -> None:
    shape = unpack(st.session_state[field]).shape
    st.session_state[field] = pack(np.random.default_rng().integers(low, high, shape).astype(np.float64))


def _put(field: str, value: str) -> None:
    st.session_state[field] = value


def example() -> dict[str, str]:
    """Return the last of the lecture's worked examples of the method, as a link has it; of most methods there is none.

    The transposed convolution's is what the page begins with.
    """
    method = st.session_state["method"]
    found = [preset.params for preset in PRESETS if preset.params.get("method") == method]
    return found[-1] if found else {"told": "1"} if method == "transposed" else {}


def _reset() -> None:
    """Everything as at first, or as in the lecture's example, but for the method and what belongs to the page."""
    now = st.session_state
    kept = ("lab", "told", "method", "size_a", "size_b")
    forget()
    values, _ = state.read(FIELDS, example())
    now.update({key: value for key, value in values.items() if key not in kept})
    _moved()
