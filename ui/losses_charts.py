"""The charts of the page "Losses & metrics": over the threshold, over size, over p, over mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import cache, losses_run
from ui.losses_masks import Pair
from ui.texts import losses as text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Of Okabe and Ito, in this order for the lines of a chart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
SIZES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
POINTS = 1000  # of a curve, as many as a screen shows
STEPS = 41  # of a surface, each way


def figure(x: str, y: str, **lines: tuple[Any, Any]) -> Figure:
    """Return a chart of named lines (x, y), with the axes' titles."""
    from plotly.graph_objects import Figure

    data = [
        {"type": "scatter", "x": xs, "y": ys, "name": name, "mode": "lines", "line": {"color": color}}
        for color, (name, (xs, ys)) in zip(COLORS, lines.items(), strict=False)
    ]
    return Figure(data, {  # all at once: each later update costs Plotly as much again
        "height": 300, "margin": {"l": 10, "r": 10, "t": 10, "b": 10}, "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}}, "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02},
        "showlegend": len(lines) > 1,
    })  # fmt: skip


def dot(made: Figure, x: float, y: float, name: str) -> None:
    """Mark where the visitor is."""
    from plotly.graph_objects import Scatter

    made.add_trace(Scatter(x=[x], y=[y], name=name, mode="markers", marker={"size": 12, "color": "#000", "line": {
        "color": "#fff", "width": 2}}))  # fmt: skip


def show(made: Figure, key: str) -> None:
    """Show a chart at the width there is."""
    st.plotly_chart(made, key=f"losses.chart.{key}", config={"displayModeBar": False})


def _thinned(x: Any, y: Any) -> tuple[Any, Any]:
    """Return a curve of at most `POINTS` points, among them its ends: a picture of floats has one for each pixel."""
    n = len(x)
    at = np.unique(np.linspace(0, n - 1, min(n, POINTS)).round().astype(int))
    return x[at], y[at]


def _exact(probs: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[Any, Any, float]:
    """Return recall, precision and average precision over all thresholds that matter."""
    from seglab.metrics.sweep import sweep

    found = sweep(probs, truth)
    return *_thinned(*found.curve), found.average_precision


def metrics(pair: Pair) -> None:
    """Show what the metrics do over the threshold, the precision–recall curve, the shift by one pixel, the identity."""
    from seglab.metrics import confusion, scores
    from seglab.metrics.sweep import shifted, sweep

    counted = pair.truth != 255
    if not counted.any():
        st.info(text.NOTHING_COUNTED)
        return
    if not losses_run.wanted(pair, "charts"):
        return
    probs, truth = pair.probs[counted][None], (pair.truth == 1)[counted][None]
    left, right = st.columns(2)
    with left:
        st.markdown(f"**{text.SWEEP}**")
        at = np.linspace(0.01, 1, 100, dtype=np.float32)
        over = sweep(probs, truth, at)
        made = figure(text.CUT, "", **{
            "IoU": (at, over.iou), text.DICE: (at, over.dice), text.PRECISION: (at, over.precision),
            text.RECALL: (at, over.recall), text.ACCURACY: (at, over.accuracy),
        })  # fmt: skip
        made.add_vline(x=pair.cut, line_dash="dot")
        show(made, "sweep")
        if truth.any():
            best = int(over.iou.argmax())
            st.caption(text.SWEEP_BEST.format(best=over.iou[best], at=at[best]))
    with right:
        st.markdown(f"**{text.PR}**")
        if truth.any():
            recall, precision, ap = cache.kept(cache.MAPS, ("losses", "curve", pair.key), lambda: _exact(probs, truth))
            made = figure(text.RECALL, text.PRECISION, curve=(recall, precision))
            made.update_yaxes(range=[0, 1.05])
            here = float(scores.precision(pair.matrix)[1])
            if there := not np.isnan(here):
                dot(made, float(scores.recall(pair.matrix)[1]), here, text.YOU)
            made.update_layout(showlegend=False)
            show(made, "pr")
            st.caption((text.SWEEP_NOTE if there else text.SWEEP_NO_DOT).format(ap=ap, cut=pair.cut))
        else:
            st.info(text.NO_OBJECT)
    with left:
        st.markdown(f"**{text.SHIFT}**")
        if truth.any():
            name = "losses", "shift", cache.image_hash(pair.truth)  # the truth's alone: the brush is mostly elsewhere
            moved = cache.kept(cache.NUMBERS, name, lambda: shifted(pair.truth == 1, SIZES))
            made = figure(text.SHIFT_AXIS, "", **{
                "IoU": (moved.sizes, moved.iou), text.DICE: (moved.sizes, moved.dice),
                text.BOUNDARY_IOU: (moved.sizes, moved.boundary_iou),
            })  # fmt: skip
            show(made, "shift")
            st.caption(text.SHIFT_NOTE)
        else:
            st.info(text.NO_OBJECT)
    with right:
        st.markdown(f"**{text.IDENTITY}**")
        at_iou = np.linspace(0, 1, 101)
        made = figure("IoU", text.DICE, **{"Dice": (at_iou, 2 * at_iou / (1 + at_iou)), "IoU": (at_iou, at_iou)})
        iou = float(confusion.iou(pair.matrix)[1])
        if np.isfinite(iou):
            dot(made, iou, 2 * iou / (1 + iou), text.YOU)
        show(made, "identity")
        st.caption(text.IDENTITY_NOTE)


def curves(pair: Pair) -> None:
    """Show loss and slope over p of the two chosen losses, for a pixel of the object and one of the background."""
    from seglab.losses.gradients import curve

    now = st.session_state
    p = np.linspace(0.005, 0.995, 199)
    share = float((pair.truth[pair.truth != 255] == 0).mean()) if (pair.truth != 255).any() else 0.5
    for y, title in ((1, text.FOR_OBJECT), (0, text.FOR_BACKGROUND)):
        st.markdown(f"**{title}**")
        lines, slopes = {}, {}
        for key in dict.fromkeys((now["loss"], now["beside"])):
            loss = losses_run.loss(key)
            more = {"beta": share} if key == "balanced_bce" else {}
            found = curve(key, p, y, **losses_run.settings(key, now), **more)
            lines[loss.title], slopes[loss.title] = (p, found.loss), (p, found.slope)
        left, right = st.columns(2)
        with left:
            show(figure("p", text.LOSS, **lines), f"loss.{y}")
        with right:
            show(figure("p", text.SLOPE, **slopes), f"slope.{y}")
    st.caption(text.CURVES_NOTE)
    both = [losses_run.loss(key) for key in dict.fromkeys((now["loss"], now["beside"]))]
    if alone := [loss.title for loss in both if not loss.per_pixel]:
        st.caption(text.CURVES_ALONE.format(titles=", ".join(alone)))


def surface(pair: Pair) -> None:
    """Show a loss over false positives and false negatives, for hard masks of this object's size."""
    from plotly.graph_objects import Figure, Scatter3d, Surface

    from seglab.losses.catalogue import LOSSES
    from seglab.losses.gradients import surface as of

    keys = [loss.key for loss in LOSSES if loss.of_counts is not None]
    key = st.selectbox(text.SURFACE_OF, keys, format_func=lambda k: losses_run.loss(k).title, key="losses.surface")
    (tn, fp), (fn, tp) = pair.matrix.tolist()
    positive, negative = tp + fn, tn + fp
    if not positive:
        st.info(text.NO_OBJECT)
        return
    most = min(negative, max(3 * positive, fp))
    alarms, misses = np.linspace(0, most, STEPS), np.linspace(0, positive, STEPS)
    chosen = losses_run.settings(key, st.session_state)
    values = of(key, positive, positive + negative, alarms, misses, **chosen)
    here = float(of(key, positive, positive + negative, [fp], [fn], **chosen)[0, 0])
    made = Figure([
        Surface(x=alarms, y=misses, z=values, colorscale="Viridis", showscale=False),
        Scatter3d(x=[fp], y=[fn], z=[here], mode="markers", marker={"size": 6, "color": "#D55E00"}),
    ])  # fmt: skip
    made.update_layout(height=460, margin={"l": 0, "r": 0, "t": 0, "b": 0}, scene={
        "xaxis_title": text.FALSE_POSITIVES, "yaxis_title": text.FALSE_NEGATIVES, "zaxis_title": text.LOSS,
    })  # fmt: skip
    show(made, "surface")
    st.caption(text.SURFACE_NOTE)
