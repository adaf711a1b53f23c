"""Lab: what the trained small networks score, against what they cost or against another score; and what is claimed."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from seglab.bench import zoo as bench
from ui import arch_claims, arch_controls, arch_net, arch_trained, cache
from ui.arch_charts import COLORS
from ui.arch_net import Spec
from ui.texts import architectures_zoo as text

SHAPE = (1, 3, 128, 128)
REPEATS = 5  # timed passes
MOST_NAMED = 6  # of those that none beats
LETTER, LINE = 0.011, 0.045  # a name's letter and line, as shares of the chart's width and height
# What is better of a column: less of a cost (-1), more of a quality (1), neither (0).
BETTER = {"field": 0, "stride": 0, **dict.fromkeys(text.Z_QUALITIES, 1)}
GREY = "#8a8a8a"  # to be seen on a light ground and on a dark one
DASHES = ("dash", "dot")


@dataclass(frozen=True)
class Point:
    """A network in the chart; half ranges over the seeds beside both values.

    whole: of a receptive field, in either column, whether there is a path from the whole picture besides.
    """

    key: str
    x: float
    y: float
    x_half: float = 0.0
    y_half: float = 0.0
    whole: bool = False


def cost(key: str, what: str) -> tuple[float, bool] | None:
    """Return a cost of an architecture's small network for a picture of 128×128, measured once and alone.

    Of the receptive field ("field") its height, and whether there is a path from the whole picture besides. None: not
    known. None of it depends on the weights, so that those of a fixed seed do.
    """

    def make() -> tuple[float, bool] | None:
        from seglab import receptive_field

        net = arch_net.net(Spec(key, "small", random=True))
        if what != "field":
            return _measured(net, what), False
        try:
            found = receptive_field.receptive_field(net, "", SHAPE)
        except ValueError:
            return None
        return float(found.height), found.whole

    found: tuple[float, bool] | None = cache.kept(cache.NUMBERS, ("arch", "cost", key, what), make)
    return found


def _measured(net: Any, what: str) -> float:
    import torch

    from seglab import cost, memory, runtime
    from seglab.bench import zoo_costs

    match what:
        case "parameters":
            return float(sum(weight.numel() for weight in net.parameters()))
        case "macs":
            return float(cost.of_net(net, SHAPE).macs)
        case "activation_bytes":  # of two, because BatchNorm refuses to learn from a single number
            return float(memory.activation_bytes(net, torch.empty((2, *SHAPE[1:]), device="meta")) // 2)
        case "stride":
            return float(zoo_costs.strides(net, SHAPE)[0])
        case "ms":
            with runtime.places().place(None):
                return zoo_costs.milliseconds(net, torch.zeros(SHAPE), REPEATS)
    raise ValueError(f"No cost {what!r}; there are {', '.join(text.Z_COSTS)}.")


def points(keys: Sequence[str], across: str, up: str) -> list[Point]:
    """Return the networks of which both columns are known.

    A logarithmic axis has no place for a field of which nothing is left but the whole.
    """
    found = []
    for key in keys:
        x, y = (_value(key, column) for column in (across, up))
        if x and y:
            found.append(Point(key, x[0], y[0], x[1], y[1], x[2] or y[2]))
    return found


def _value(key: str, column: str) -> tuple[float, float, bool] | None:
    """Return what stands in a column, half its range over the seeds, and whether a field is also of the whole."""
    if column in text.Z_QUALITIES:
        scored = _score(key, column)
        return (*scored, False) if scored else None
    measured = cost(key, column)
    return (measured[0], 0.0, measured[1]) if measured and measured[0] > 0 else None


def unbeaten(found: Sequence[Point], across: str, up: str) -> list[str]:
    """Return the networks that none beats, the best ones first: none is as good in both columns and better in one.

    >>> unbeaten([Point("a", 1, 0.5), Point("b", 2, 0.6), Point("c", 3, 0.55)], "macs", "test/mean_iou")
    ['b', 'a']
    """
    right, above = BETTER.get(across, -1), BETTER.get(up, -1)
    good = {point.key: (above * point.y, right * point.x) for point in found}

    def beaten(key: str) -> bool:
        y, x = good[key]
        return any(other != (y, x) and other[0] >= y and other[1] >= x for other in good.values())

    return sorted((key for key in good if not beaten(key)), key=lambda key: -good[key][0])


def named(
    found: Sequence[Point], first: Collection[str], then: Sequence[str], *, linear: tuple[bool, bool],
    lines: Collection[float] = (),
) -> dict[str, str]:  # fmt: skip
    """Return on which side of its point a name stands, of `first` in any case, of `then` where there is room.

    It goes away from the nearer edge, so that it isn't cut off; up if it can. linear: of both axes, or else
    logarithmic; lines: heights that the chart has too.
    """
    places = [tuple(value if straight else math.log(value) for value, straight in zip((p.x, p.y), linear, strict=True))
              for p in found]  # fmt: skip
    (left, width), (bottom, height) = (
        _extent([place[axis] for place in places] + ([*lines] if axis else [])) for axis in (0, 1)
    )
    at = {p.key: ((x - left) / width, (y - bottom) / height) for p, (x, y) in zip(found, places, strict=True)}
    taken: list[tuple[float, float, float, float]] = []
    sides: dict[str, str] = {}
    for key in dict.fromkeys((*first, *then)):
        if key not in at:
            continue
        x, y = at[key]
        long = LETTER * len(arch_controls.title(key))
        start, side = (x, "right") if x < 0.4 else (x - long, "left")
        for up, low in (("top", y), ("bottom", y - LINE)):
            box = (start, start + long, low, low + LINE)
            clear = all(box[1] < a or b < box[0] or box[3] < c or d < box[2] for a, b, c, d in taken)
            if clear or (key in first and up == "bottom"):
                sides[key] = f"{up} {side}"
                taken.append(box)
                break
    return sides


def _extent(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=0.0)
    pad = 0.05 * ((high - low) or 1.0)  # as plotly leaves around them, about
    return low - pad, high - low + 2 * pad


def scatter() -> None:
    """Show the lab."""
    now = st.session_state
    st.markdown(text.Z_INTRO)
    there = arch_trained.trained()
    left, middle, right = st.columns(3)
    left.selectbox(text.Z_X, text.Z_ALL, format_func=text.Z_ALL.__getitem__, key="zx", persist_state="session")
    middle.selectbox(text.Z_Y, text.Z_ALL, format_func=text.Z_ALL.__getitem__, key="zy", persist_state="session")
    first = [key for key in (now["arch"], now["versus"]) if key in there]
    with right:
        who = arch_controls.several(text.Z_WHO, "zwho", there, first, 2)
    across, up = now["zx"], now["zy"]
    if across == up:
        st.info(text.Z_SAME)
    else:
        with st.spinner(text.Z_MEASURES):
            found = points(there, across, up)
        _chart(found, across, up, who)
        scored = {key for key in there if up in text.Z_COSTS or _score(key, up)}
        lacks = ", ".join(arch_controls.title(key) for key in there if key in scored - {point.key for point in found})
        kinds = BETTER.get(across, -1), BETTER.get(up, -1)
        once = any(
            column in text.Z_QUALITIES and any(not half for half in halves)
            for column, halves in ((across, [p.x_half for p in found]), (up, [p.y_half for p in found]))
        )
        notes = (
            text.Z_NOTICES.get(kinds, ""),
            text.Z_ONCE if once else "", text.Z_NAMES,
            text.Z_BASELINES if _baselines(up) else "",
            text.Z_MS.format(n=REPEATS) if "ms" in (across, up) else "",
            text.Z_STRIDE if "stride" in (across, up) else "",
            text.Z_PATCH if "patch" in {point.key for point in found} and {across, up} & {"macs", "ms"} else "",
            text.Z_WHOLE if any(point.whole for point in found) else "",
            text.Z_UNKNOWN.format(names=lacks) if lacks else "",
        )  # fmt: skip
        st.caption(" ".join(filter(None, notes)))
    arch_claims.claims()


def _score(key: str, column: str) -> tuple[float, float] | None:
    split, _, measure = column.partition("/")
    return arch_trained.score(key, split, measure)


def _baselines(up: str) -> dict[str, float]:
    """Return what each baseline scores in a column, as far as it was measured."""
    title = next((title for title, split, measure in bench.COLUMNS if f"{split}/{measure}" == up), "")
    return {name: scores[title] for name, scores in bench.baselines(False).items() if title in scores}


def _chart(found: Sequence[Point], across: str, up: str, who: Sequence[str]) -> None:
    from plotly.graph_objects import Figure

    linear = across in text.Z_QUALITIES, up in text.Z_QUALITIES
    forms = [".3f" if straight else ".3~s" for straight in linear]
    named_too = unbeaten(found, across, up)[:MOST_NAMED]
    sides = named(found, who, named_too, linear=linear, lines=_baselines(up).values())
    titles = [arch_controls.title(point.key) + (" +" if point.whole else "") for point in found]
    symbols = [("diamond" if p.key in who else "circle") + ("-open" if p.whole else "") for p in found]
    bars = {"type": "data", "thickness": 1.5, "color": GREY}
    data: list[dict[str, Any]] = [{
        "type": "scatter", "mode": "markers+text", "x": [point.x for point in found], "y": [point.y for point in found],
        "text": [title if p.key in sides else "" for p, title in zip(found, titles, strict=True)],
        "hovertext": titles, "showlegend": False, "cliponaxis": False,
        "hovertemplate": f"%{{hovertext}}<br>%{{x:{forms[0]}}} · %{{y:{forms[1]}}}<extra></extra>",
        "textposition": [sides.get(point.key, "top right") for point in found], "textfont": {"size": 10},
        "marker": {"size": [12 if p.key in who else 8 for p in found], "symbol": symbols,
                   "opacity": 1, "color": [COLORS[1] if p.key in who else COLORS[0] for p in found]},
        "error_x": bars | {"array": [point.x_half or None for point in found], "visible": linear[0]},
        "error_y": bars | {"array": [point.y_half or None for point in found], "visible": linear[1]},
    }]  # fmt: skip
    ends = [f([point.x for point in found]) for f in (min, max)] if found else []
    data += [{
        "type": "scatter", "mode": "lines", "x": ends, "y": [value] * len(ends), "hoverinfo": "name+y",
        "name": text.Z_BASELINE.format(name=name), "line": {"color": GREY, "dash": dash, "width": 2},
    } for dash, (name, value) in zip(DASHES, _baselines(up).items(), strict=False)]  # fmt: skip
    made = Figure(data, {
        "height": 460, "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        **{axis: {"title": {"text": text.Z_ALL[column]}, "type": "linear" if straight else "log",
                  "exponentformat": "SI"}
           for axis, column, straight in zip(("xaxis", "yaxis"), (across, up), linear, strict=True)},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02},
    })  # fmt: skip
    st.plotly_chart(made, key="arch.chart.scatter", config={"displayModeBar": False})
