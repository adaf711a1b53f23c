"""Published results over the years, as a chart and a table, and what is measured here beside them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from seglab import zoo
from seglab.architectures import ARCHITECTURES
from seglab.cards import Score
from seglab.download import WeightsError
from seglab.published import OTHERS, Result
from ui.texts import architectures as text

_VOC, _CITY = "PASCAL VOC 2012", "Cityscapes"
_IMAGENET = "ImageNet"
_V2 = "Chen et al. 2018, arXiv:1606.00915"
# Beyond those that the course quotes (`seglab.published`), with the year; each from its own paper.
MORE: tuple[tuple[int, Result], ...] = (
    (2014, Result("FCN-8s", _VOC, "test", 0.622, _IMAGENET, "Long et al. 2015, arXiv:1411.4038, table 3")),
    (2014, Result("DeepLab-MSc-CRF-LargeFOV", _VOC, "test", 0.716, _IMAGENET, "Chen et al. 2015, arXiv:1412.7062")),
    (2015, Result("EDeconvNet+CRF", _VOC, "test", 0.725, _IMAGENET, "Noh et al. 2015, arXiv:1505.04366, table 1")),
    (2016, Result("DeepLab (ResNet-101), CRF", _VOC, "test", 0.797, "ImageNet, COCO", _V2)),
    (2016, Result("DeepLab (ResNet-101), CRF", _CITY, "test", 0.704, _IMAGENET, _V2)),
    (2019, Result("HRNetV2-W48", _CITY, "test", 0.816, _IMAGENET, "Wang et al. 2020, arXiv:1908.07919")),
)  # fmt: skip
STREETS = "street", "street-fast"
OTHER_YEARS = {"Mapillary": 2017}
MARKS = {_VOC: "circle", _CITY: "square", "CamVid, 11 classes": "diamond"}
COLORS = {_VOC: "#0072B2", _CITY: "#D55E00", "CamVid, 11 classes": "#009E73"}


@dataclass(frozen=True)
class Point:
    """A published result and its year."""

    year: int
    result: Result


def points() -> list[Point]:
    """Return all published results, by year and then by mean IoU."""
    found = [Point(row.year, result) for row in ARCHITECTURES for result in row.results]
    found += [Point(OTHER_YEARS[result.of], result) for result in OTHERS]
    found += [Point(year, result) for year, result in MORE]
    return sorted(found, key=lambda point: (point.year, point.result.mean_iou))


def measured() -> list[tuple[str, float, float]]:
    """Return (title, mean IoU, half the range over the seeds) of the small networks that are trained here."""
    found = []
    for row in ARCHITECTURES:
        if row.small is None or row.volumes or row.model is None:
            continue
        try:
            score = next(iter(zoo.card(row.model).scores.values()), None)
        except WeightsError:
            continue
        if isinstance(score, Score):
            found.append((row.title, *score.over_seeds("mean_iou")))
    return sorted(found, key=lambda one: -one[1])


def streets() -> list[tuple[str, float, tuple[float, ...]]]:
    """Return (title, mean IoU on CamVid's `val`, mean IoU on each drive left out) of the networks for real streets."""
    found = []
    for key in STREETS:
        try:
            card = zoo.card(key)
        except WeightsError:
            continue
        score = card.scores.get("val")
        if isinstance(score, Score):
            found.append((zoo.get(key).title, score.mean_iou, tuple(card.hold_out.values())))
    return found


def timeline() -> None:
    """Show the tab."""
    from plotly.graph_objects import Figure

    st.markdown(text.TIME_INTRO)
    found = points()
    data = []
    for name, mark in MARKS.items():
        mine = [point for point in found if point.result.data == name]
        data.append({
            "type": "scatter", "mode": "markers", "name": f"{name}, test", "x": [p.year for p in mine],
            "y": [100 * p.result.mean_iou for p in mine],
            "text": [f"{p.result.of}: {100 * p.result.mean_iou:.1f} %<br>{p.result.source}" for p in mine],
            "hoverinfo": "text", "marker": {"size": 11, "symbol": mark, "color": COLORS[name]},
        })  # fmt: skip
    x, y = text.TIME_AXES
    made = Figure(data, {
        "height": 320, "margin": {"l": 10, "r": 10, "t": 10, "b": 10}, "xaxis": {"title": {"text": x}, "dtick": 1},
        "yaxis": {"title": {"text": y}}, "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02},
    })  # fmt: skip
    st.plotly_chart(made, key="arch.timeline", config={"displayModeBar": False})
    st.caption(text.TIME_NOTE)
    rows = [(p.result.of, str(p.year), f"{p.result.data}, {p.result.split}", f"{100 * p.result.mean_iou:.1f}",
             p.result.pretraining, p.result.source) for p in found]  # fmt: skip
    st.dataframe({name: [row[i] for row in rows] for i, name in enumerate(text.TIME_COLUMNS)}, hide_index=True)
    told = [
        text.TIME_STREET.format(
            title=title, score=100 * score, others=", ".join(f"{100 * one:.1f}" for one in left_out) or "–"
        )
        for title, score, left_out in streets()
    ]
    if told:
        st.markdown(text.TIME_STREETS.format(scores="; ".join(told)))
    here = measured()
    if not here:
        st.caption(text.TIME_NOT_YET)
        return
    st.markdown(text.TIME_HERE)
    cells = [
        (title, f"{100 * mean:.1f}", f"{100 * spread:.1f}" if spread else text.TIME_ONCE)
        for title, mean, spread in here
    ]
    st.dataframe({name: [row[i] for row in cells] for i, name in enumerate(text.TIME_HERE_COLUMNS)}, hide_index=True)
