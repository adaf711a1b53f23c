"""The three answers against the truth: mean IoU, AP, PQ by class, and each match, miss and false alarm in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from seglab.metrics import confusion
from seglab.types import PanopticResult
from ui import cache
from ui import viewer as v
from ui.compare_names import lights, names
from ui.compare_panes import LINK
from ui.compare_run import Run
from ui.compare_state import MOST
from ui.compare_table import places
from ui.texts import compare as text

if TYPE_CHECKING:
    from seglab.metrics.average_precision import AveragePrecision


def truth(run: Run) -> None:
    """Show the scores of the picture in use, or say that it has no truth."""
    sample, quality, true = run.source.sample, run.quality(), run.true()
    if sample is None or quality is None or true is None:
        st.info(text.NO_TRUTH)
        return
    matrix = confusion.confusion_matrix(sample.labels, run.labels(), len(sample.palette))
    sums, precision = quality.sums, ap(run)
    mean = sums.average()
    for column, (name, value) in zip(
        st.columns(4),
        ((text.MEAN_IOU, float(confusion.mean_iou(matrix))), (text.AP, precision.ap), (text.AP50, precision.ap50),
         (text.PQ, mean.pq)), strict=True,
    ):  # fmt: skip
        column.metric(name, _number(value))
    st.caption(text.AP_NOTE)
    left, right = st.columns([3, 2])
    with left:
        st.markdown(text.AVERAGES.format(pq=mean.pq, sq=mean.sq, rq=mean.rq, product=mean.sq * mean.rq))
        _formula(run)
        iou, by_class = confusion.iou(matrix), precision.per_class
        present = np.flatnonzero(sums.tp + sums.fp + sums.fn)
        rows = [
            (run.palette.names[k], _number(iou[k] if k < len(iou) else np.nan), _number(by_class[k]),
             _number(sums.pq[k]), _number(sums.sq[k]), _number(sums.rq[k]), int(sums.tp[k]), int(sums.fp[k]),
             int(sums.fn[k]))
            for k in present
        ]  # fmt: skip
        table = {name: [row[i] for row in rows] for i, name in enumerate(text.CLASS_COLUMNS)}
        st.dataframe(table, hide_index=True, height="content")
    with right:
        st.caption(text.MATCHES_NOTE)
        v.segment_table(
            _matches(run, true), key="compare.matches", link=LINK, columns=text.MATCH_COLUMNS, label=text.TAB_TRUTH
        )


def ap(run: Run) -> AveragePrecision:
    """Return the average precision of all objects of a score above 0.05, as COCO counts it, but for their number.

    COCO stops at the best hundred of a class in a picture; nuclei come in hundreds.
    """
    from seglab.metrics.average_precision import average_precision, detections
    from seglab.truths import instances_of

    true = run.true()
    assert true is not None
    s = run.settings
    key = (*run.key, "ap", run.by, true.palette.things, s.mask, s.nms, s.only)
    return cache.kept(
        cache.NUMBERS, key, lambda: average_precision([detections(run.ranked(), instances_of(true), most=MOST)])
    )


def _formula(run: Run) -> None:
    """Show PQ = SQ × RQ with the numbers of the class that has the most segments, of those that have a match."""
    quality = run.quality()
    assert quality is not None
    sums = quality.sums
    if not sums.tp.any():
        return
    k = int(np.argmax(np.where(sums.tp > 0, sums.tp + sums.fp + sums.fn, 0)))
    tp, fp, fn = int(sums.tp[k]), int(sums.fp[k]), int(sums.fn[k])
    name = run.palette.names[k].replace("_", r"\_")
    st.latex(text.PQ_FORMULA % (
        name, f"{sums.iou[k]:.3f}", tp, tp, tp, fp, fn, _number(sums.sq[k]), _number(sums.rq[k]), _number(sums.pq[k])
    ))  # fmt: skip


def _matches(run: Run, true: PanopticResult) -> list[v.Row]:
    quality, result = run.quality(), run.fused()
    assert quality is not None
    at, there, called, truly = places(result), places(true), names(run, result), names(run, true)

    def row(what: str, pred: int | None, real: int | None, iou: str) -> v.Row:
        lit = lights(run, segment=pred) if pred is not None else {}
        if real is not None:
            lit[text.TRUTH_LAYER] = (real,)
        cells = (what, "—" if pred is None else called[pred], "—" if real is None else truly[real], iou)
        return v.Row(cells, None, lit, at.get(pred) if pred is not None else there.get(real or 0))

    return [
        *(row(text.MISS, None, i, "—") for i in quality.misses),
        *(row(text.FALSE_ALARM, i, None, "—") for i in quality.false_alarms),
        *(row(text.IGNORED, i, None, "—") for i in quality.ignored),
        *(row(text.MATCH, m.pred, m.truth, f"{m.iou:.2f}") for m in sorted(quality.matches, key=lambda m: m.iou)),
    ]


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
