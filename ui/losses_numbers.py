"""The numbers of the page "Losses & metrics": metrics with their formulas, conventions, all losses in a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from ui import losses_run
from ui.losses_masks import Pair
from ui.texts import losses as text

if TYPE_CHECKING:
    from seglab.metrics.formulas import Metric


def number(value: float, digits: int = 3) -> str:
    """Write a score, or a dash where it is undefined.

    >>> number(0.4749), number(math.nan)
    ('0.475', '—')
    """
    return text.UNDEFINED if math.isnan(value) else f"{value:.{digits}f}"


def headline(pair: Pair) -> None:
    """Show the numbers that matter first, side by side as far as there is room."""
    from seglab.metrics import confusion, distances, scores

    cm = pair.matrix
    entries = (
        (text.ACCURACY, confusion.pixel_accuracy(cm)), (text.PRECISION, float(scores.precision(cm)[1])),
        (text.RECALL, float(scores.recall(cm)[1])), (text.IOU, float(confusion.iou(cm)[1])),
        (text.DICE, float(scores.dice(cm)[1])), (text.MEAN_IOU, confusion.mean_iou(cm)),
        (text.MEAN_DICE, scores.mean(scores.dice(cm))),
    )  # fmt: skip
    away = distances.hausdorff(pair.truth == 1, pair.predicted & (pair.truth != 255))
    with st.container(horizontal=True, gap="medium"):
        for label, value in entries:
            st.metric(label, text.UNDEFINED if math.isnan(value) else f"{100 * value:.1f} %", width="content")
        far = text.INFINITE if math.isinf(away) else text.UNDEFINED if math.isnan(away) else text.PX.format(n=away)
        st.metric(text.HAUSDORFF, far, width="content")
    if any(math.isnan(value) for _, value in entries):
        st.caption(text.UNDEFINED_NOTE)


def formulas(pair: Pair) -> None:
    """Show the confusion matrix, and every metric's formula with its numbers put in."""
    from seglab.metrics.formulas import METRICS, filled

    (tn, fp), (fn, tp) = pair.matrix.tolist()
    rows = ((text.MATRIX_ROWS[0], f"TN {tn:,}", f"FP {fp:,}"), (text.MATRIX_ROWS[1], f"FN {fn:,}", f"TP {tp:,}"))
    st.table({name: [row[n] for row in rows] for n, name in enumerate(text.MATRIX)}, hide_index=True)
    for first in range(0, len(METRICS), 2):
        for column, metric in zip(st.columns(2), METRICS[first : first + 2], strict=False):
            with column:
                _formula(metric, f"{metric.latex} = {filled(metric, pair.matrix)}")
    st.caption(text.SLIDE)
    distances(pair)


def _formula(metric: Metric, latex: str) -> None:
    """Show a metric's formula under its name."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{metric.title}**", help=f"{metric.note}\n\n{metric.source}")
        st.latex(latex)


def distances(pair: Pair) -> None:
    """Show the metrics that look at the boundaries, with their formulas."""
    from seglab.metrics.formulas import DISTANCES

    truth, pred = pair.truth == 1, pair.predicted & (pair.truth != 255)
    for metric in DISTANCES:
        value = metric.function(truth, pred)
        shown = r"\infty" if math.isinf(value) else text.UNDEFINED_LATEX if math.isnan(value) else number(value)
        _formula(metric, f"{metric.latex} = {shown}")


def conventions(pair: Pair) -> None:
    """Show the same pair under the conventions of other libraries."""
    from seglab.metrics.conventions import CONVENTIONS

    rows = []
    for one in CONVENTIONS:
        found = one.function(pair.truth, pair.predicted.astype(np.uint8), 2)
        background, thing = (number(float(value)) for value in found.per_class[:2])
        rows.append((one.title, background, thing, number(float(found.mean)), one.says))
    st.caption(text.CONVENTIONS_NOTE)
    st.dataframe(
        {name: [row[n] for row in rows] for n, name in enumerate(text.CONVENTION_COLUMNS)}, hide_index=True,
        height="content",
    )  # fmt: skip


def table(pair: Pair) -> None:
    """Show all losses of this pair, their values and what share of them is the object's."""
    from seglab.losses.catalogue import LOSSES

    if not losses_run.wanted(pair, "table"):
        return
    hidden = not st.toggle(text.MORE_LOSSES, key="losses.more")
    rows = []
    for loss in LOSSES:
        if hidden and loss.group == "more":
            continue
        found = losses_run.said(pair, loss.key, st.session_state)
        of = found.shares
        rows.append((
            loss.title, f"{found.value:.4g}", _percent(of.loss), _percent(of.gradient),
            f"{of.foreground:+.3g}", f"{of.background:+.3g}",
        ))  # fmt: skip
    columns = {name: [row[n] for row in rows] for n, name in enumerate(text.LOSS_COLUMNS)}
    st.dataframe(columns, hide_index=True, height="content")
    st.caption(text.LOSSES_NOTE)
    chosen = st.selectbox(text.FORMULA_OF, [loss.key for loss in LOSSES], key="losses.formula",
                          format_func=lambda key: losses_run.loss(key).title)  # fmt: skip
    loss = losses_run.loss(chosen)
    st.latex(loss.latex)
    for symbol, meaning in loss.symbols:
        st.markdown(f"${symbol}$: {meaning}")
    st.markdown(loss.note)
    st.caption(loss.source)


def _percent(share: float) -> str:
    return text.UNDEFINED if math.isnan(share) else f"{share:.0%}"
