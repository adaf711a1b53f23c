"""One bin of a box, written out: RoIPool's maximum and RoIAlign's samples with their four weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui.texts import upsampling_views as text
from ui.upsampling_latex import broken
from ui.upsampling_views_state import CELL

if TYPE_CHECKING:
    from seglab.upsampling.roi import RoIAlign, RoIPool, Sample

Plane = NDArray[np.float64]
WRITTEN = 9  # samples in a sum
LISTED = 16  # samples in the table


def value_of(feature: Plane, sample: Sample) -> float:
    """Return the map at a sample point: the sum over its corners; 0 beyond the map."""
    return float(sum(weight * feature[at] for at, weight in sample.corners))


def sample_written(feature: Plane, sample: Sample) -> str:
    r"""Write a sample's value as a sum in LaTeX.

    >>> from seglab.upsampling.roi import Sample
    >>> sample_written(np.array([[4.0, 8.0]]), Sample(0, 0.25, [((0, 0), 0.75), ((0, 1), 0.25)]))
    'f(0, 0.25) = 0.75 \\cdot 4 + 0.25 \\cdot 8 = 5'
    """
    if not sample.corners:
        return text.R_OUTSIDE.format(y=sample.y, x=sample.x)
    terms = " + ".join(text.R_TERM.format(w=weight, f=feature[at]) for at, weight in sample.corners)
    return text.R_SAMPLE_FILLED.format(y=sample.y, x=sample.x, terms=terms, value=value_of(feature, sample))


def mean_written(values: list[float], cell: tuple[int, int], output: float) -> str:
    """Write a bin as the mean of its samples in LaTeX."""
    written = text.R_MEAN if len(values) <= WRITTEN else text.R_MEAN_MANY
    terms = " + ".join(f"{value:.5g}" for value in values[:WRITTEN])
    return written.format(i=cell[0], j=cell[1], n=len(values), terms=terms, value=output)


def one_bin(feature: Plane, pool: RoIPool, align: RoIAlign, cell: tuple[int, int]) -> None:
    """Let a bin be chosen, and show how both make its number."""
    i, j = cell
    bins = pool.result.output.shape[0]
    left, right, _ = st.columns([1, 1, 2])
    for column, key, name in zip((left, right), CELL, (text.R_ROW, text.R_COLUMN), strict=True):
        column.number_input(name, 0, bins - 1, key=key, persist_state="session")
    (top, bottom), (start, end) = pool.rows[i].tolist(), pool.columns[j].tolist()
    if bottom > top and end > start:
        rows, columns = text.R_TO.format(top, bottom - 1), text.R_TO.format(start, end - 1)
        st.markdown(text.R_POOLED.format(i=i, j=j, rows=rows, columns=columns, value=pool.result.output[i, j]))
    else:
        st.caption(text.R_STEP_NONE.format(i=i, j=j))
    samples = align.samples(i, j)
    values = [value_of(feature, sample) for sample in samples]
    st.markdown(text.R_ALIGNED_BIN.format(i=i, j=j, n=len(samples)))
    st.latex(broken(text.R_SAMPLE, 1))
    st.latex(broken(sample_written(feature, samples[0]), 2))
    st.latex(broken(mean_written(values, cell, float(align.result.output[i, j])), 3))
    rows_shown = [
        (f"({sample.y:.4g}, {sample.x:.4g})",
         ", ".join(text.R_CORNER.format(r=at[0], c=at[1], w=weight) for at, weight in sample.corners) or "—",
         f"{value:.5g}")
        for sample, value in zip(samples[:LISTED], values, strict=False)
    ]  # fmt: skip
    st.table({name: [row[n] for row in rows_shown] for n, name in enumerate(text.R_COLUMNS)}, hide_index=True)
    if len(samples) > LISTED:
        st.caption(text.R_MORE_SAMPLES.format(shown=LISTED, n=len(samples)))
