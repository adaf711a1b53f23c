"""Two tasks with a check in the grid lab: the kernel that is bilinear, and why there is output padding."""

from __future__ import annotations

import numpy as np
import streamlit as st

from seglab.upsampling import bilinear, bilinear_kernel, conv_size, sizes_that_give, transposed_convolve
from ui import upsampling_controls
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen
from ui.upsampling_make import Made
from ui.upsampling_state import pack

N = 5  # cells a side of the random grids on which the kernel is tried
TRIES = 4
CLOSE = 1e-4  # of weights with six digits on numbers up to 9


def tasks(c: Chosen, _made: Made) -> None:
    """Show both tasks, each with what is to be said of the choice that is shown."""
    left, right = st.columns(2)
    with left.container(border=True):
        _kernel(c)
    with right.container(border=True):
        _output_padding(c)


def _kernel(c: Chosen) -> None:
    st.markdown(f"**{text.TASK_KERNEL}**")
    st.markdown(text.TASK_KERNEL_TEXT)
    st.button(text.TASK_SETUP, key="upsampling.task.kernel", on_click=_set, args=({
        "method": "transposed", "chan": "1", "stride": 2, "pad": 0, "outpad": 0, "dilation": 1,
        "x": "0 0 0/0 8 0/0 0 0", "w": "0 0 0 0/0 0 0 0/0 0 0 0/0 0 0 0",
    },))  # fmt: skip
    found, said = check_kernel(c)
    (st.success if found else st.info)(said)
    if not found:
        with st.expander(text.TASK_HINT):
            st.markdown(text.TASK_HINT_TEXT)
            st.button(text.TASK_SOLVE, on_click=_solve)


def check_kernel(c: Chosen) -> tuple[bool, str]:
    """Try the kernel on random grids; return whether it is bilinear inside, and what is to be said."""
    if c.method != "transposed" or c.channels:
        return False, text.TASK_METHOD
    if c.stride < 2:
        return False, text.TASK_STRIDE
    s, want = c.stride, N * c.stride
    inside = slice(-(-(s - 1) // 2), want - -(-(s - 1) // 2))  # outputs between the centres of the outermost inputs
    worst: tuple[float, int, int, float, float] = (-1.0, 0, 0, 0.0, 0.0)
    rng = np.random.default_rng(0)
    for _ in range(TRIES):
        x = rng.integers(0, 10, (N, N)).astype(np.float64)
        try:
            yours = transposed_convolve(x, c.w[0], s, c.pad, c.outpad, c.dilation).output
        except ValueError as error:
            return False, str(error)
        if yours.shape != (want, want):
            return False, text.TASK_SIZE.format(n=N, want=want, got=yours.shape[0], got2=yours.shape[1])
        theirs = bilinear(x, want, align_corners=False).output
        gap = np.abs(yours - theirs)[inside, inside]
        row, column = (int(i) + inside.start for i in np.unravel_index(gap.argmax(), gap.shape))
        worst = max(worst, (float(gap.max()), row, column, float(yours[row, column]), float(theirs[row, column])))
    if worst[0] <= CLOSE:
        return True, text.TASK_KERNEL_YES.format(gap=worst[0])
    gap_, row, column, mine, other = worst
    return False, text.TASK_KERNEL_NO.format(n=N, gap=f"{gap_:.4g}", row=row, column=column, yours=f"{mine:.4g}",
                                             theirs=f"{other:.4g}")  # fmt: skip


def _output_padding(c: Chosen) -> None:
    now = st.session_state
    st.markdown(f"**{text.TASK_OP}**")
    k = c.w.shape[1]
    st.markdown(text.TASK_OP_TEXT.format(k=k, s=c.stride, p=c.pad, d=c.dilation))
    st.button(text.TASK_SETUP, key="upsampling.task.sizes", on_click=_set, args=({
        "method": "transposed", "chan": "1", "stride": 2, "pad": 1, "outpad": 0, "dilation": 1,
        "w": "1 2 1/2 4 2/1 2 1",
    },))  # fmt: skip
    a, b = st.columns(2)
    a.number_input(text.SIZE_A, 1, 99, key="size_a", persist_state="session")
    b.number_input(text.SIZE_B, 1, 99, key="size_b", persist_state="session")
    found, said = check_sizes(now["size_a"], now["size_b"], k, c.stride, c.pad, c.dilation)
    (st.success if found else st.info)(said)


def check_sizes(a: int, b: int, k: int, s: int, p: int, d: int) -> tuple[bool, str]:
    """Return whether a convolution takes both input sizes to one output, and what is to be said.

    >>> check_sizes(7, 8, 3, 2, 1, 1)[0], check_sizes(7, 9, 3, 2, 1, 1)[0], check_sizes(7, 7, 3, 2, 1, 1)[0]
    (True, False, False)
    """
    if s == 1:
        return False, text.TASK_OP_ONE
    if a == b:
        return False, text.TASK_OP_EQUAL
    try:
        out_a, out_b = (conv_size(n, k, s, p, d) for n in (a, b))
    except ValueError as error:
        return False, str(error)
    if out_a != out_b:
        return False, text.TASK_OP_NO.format(a=a, b=b, out_a=out_a, out_b=out_b)
    sizes = sizes_that_give(out_a, k, s, p, d)
    first = (out_a - 1) * s - 2 * p + d * (k - 1) + 1  # by output padding 0; there may be nothing left of it
    paddings = ", ".join(str(n - first) for n in sizes if n != first)
    back = (text.TASK_OP_BACK if first > 0 else text.TASK_OP_NOTHING).format(first=first, paddings=paddings)
    return True, text.TASK_OP_YES.format(a=a, b=b, out=out_a, sizes=", ".join(map(str, sizes)), back=back)


def _set(values: dict[str, object]) -> None:
    upsampling_controls.give_back()
    st.session_state.update(values)


def _solve() -> None:
    s = max(2, st.session_state["stride"])
    _set({"method": "transposed", "chan": "1", "stride": s, "pad": s // 2, "outpad": 0, "dilation": 1,
          "w": pack(bilinear_kernel(s)[None])})  # fmt: skip
