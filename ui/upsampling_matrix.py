"""The matrix behind a result: C and its transpose, or the trace and its transpose, in letters and in numbers."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab.upsampling import Trace, transposed_matrix
from ui import viewer as v
from ui.grid import Panel, grid
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen
from ui.upsampling_make import Made

NUMBERS = 36  # rows or columns of a matrix whose numbers are shown, at most
LETTERS = "abcdefgh"
PIXELS = 10**6  # cells of a matrix that is shown as a picture, at most
OUTPUTS = 12  # of the example in letters, at most


def matrices(c: Chosen, made: Made) -> None:
    """Show the matrix and its transpose side by side: of a transposed convolution, first the convolution's."""
    transposed = c.method == "transposed"
    source = text.MATRIX_SOURCE_BACK if c.method == "unpool" else text.MATRIX_SOURCE
    st.markdown(text.MATRIX_TRANSPOSED if transposed else text.MATRIX_NOTE.format(source=source))
    if transposed and (written := letters(c.w.shape[2], c.stride, c.pad, c.outpad, c.dilation)):
        st.markdown(f"**{text.LETTERS_TITLE}**")
        st.latex(written)
        st.caption(text.LETTERS_NOTE)
    first = made.trace.transpose() if transposed else made.trace
    titles = text.MATRIX_TITLES.get(c.method, text.MATRIX_OTHER)
    cells = math.prod(first.matrix.shape)
    if max(first.matrix.shape) <= NUMBERS:
        full = dense(first)
        panels = [Panel("m0", titles[0], full), Panel("m1", titles[1], full.T)]
        grid(panels, key="upsampling.matrix", label=titles[0])
    elif cells > PIXELS:
        st.caption(text.MATRIX_TOO_LARGE.format(rows=first.matrix.shape[0], columns=first.matrix.shape[1]))
    else:
        st.caption(text.MATRIX_PICTURE.format(rows=first.matrix.shape[0], columns=first.matrix.shape[1]))
        most = float(np.abs(first.matrix.data).max(initial=0)) or 1.0
        signed = bool((first.matrix.data < 0).any())
        full = first.matrix.toarray()
        for n, (column, title, values) in enumerate(zip(st.columns(2), titles, (full, full.T), strict=True)):
            rows, columns = values.shape
            with column:
                st.markdown(f"**{title}**")
                v.viewer(
                    None, [v.HeatLayer(values, text.MATRIX_WEIGHT, -most if signed else 0.0, most, diverging=signed)],
                    key=f"upsampling.matrix.{n}.{rows}.{columns}", height=340, opacity=1.0, controls=False,
                    legend=n == 0, alt=text.MATRIX_ALT.format(title=title, rows=rows, columns=columns),
                )  # fmt: skip
    if transposed:
        st.caption(text.MATRIX_NOTE_TRANSPOSED)


def letters(k: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1) -> str:
    r"""Write Cᵀx = y in LaTeX for a kernel (a, b, …) of k letters on inputs x₁, x₂; "" where that is too long.

    >>> letters(2).partition("=")[2].strip()
    '\\begin{pmatrix} a x_1 \\\\ b x_1 + a x_2 \\\\ b x_2 \\end{pmatrix}'
    """
    if k > len(LETTERS):
        return ""
    numbers = np.arange(1.0, k + 1)[None]
    try:
        trace = transposed_matrix((1, 2), numbers, (1, stride), (0, padding), (0, output_padding), (1, dilation))
    except ValueError:  # a padding that leaves nothing of this short example
        return ""
    cells = np.rint(trace.matrix.toarray()).astype(int)
    if len(cells) > OUTPUTS:
        return ""
    rows = [[LETTERS[n - 1] if n else "" for n in row] for row in cells.tolist()]
    sums = [" + ".join(f"{letter} x_{i + 1}" for i, letter in enumerate(row) if letter) or "0" for row in rows]
    matrix = r" \\ ".join(" & ".join(letter or r"\cdot" for letter in row) for row in rows)
    result = r" \\ ".join(sums)
    return (
        rf"\begin{{pmatrix}} {matrix} \end{{pmatrix}} \begin{{pmatrix}} x_1 \\ x_2 \end{{pmatrix}} = "
        rf"\begin{{pmatrix}} {result} \end{{pmatrix}}"
    )


def dense(trace: Trace) -> NDArray[np.float64]:
    """Return a trace's matrix with NaN where nothing is read.

    >>> from scipy import sparse
    >>> dense(Trace(sparse.csr_array([[2.0, 0.0]]), (1, 2), (1, 1))).tolist()
    [[2.0, nan]]
    """
    full = np.full(trace.matrix.shape, np.nan)
    taps = trace.matrix.tocoo()
    full[taps.coords] = taps.data
    return full
