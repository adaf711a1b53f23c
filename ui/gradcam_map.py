"""The map over the picture, what is clicked, boxed or painted there, and the numbers beside it."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from seglab.types import Palette
from ui import cache, gradcam_controls, gradcam_run
from ui import viewer as v
from ui.gradcam_controls import SHEET
from ui.gradcam_run import Asked, Kept, Map, Outside, Question
from ui.losses_state import LONGEST_INK, pack, unpack
from ui.texts import gradcam as text

LINK = "gradcam"
# What isn't explained is darkened; the colour of what is, is none of the heat's.
REGION = Palette("Region", (text.REST, text.REGION), ((0, 0, 0), (255, 255, 255)), things=(1,))
HEIGHT = 400
FAINT = 1e-3  # of p(1 − p): from here down a probability's gradient has all but vanished
NO_BETTER = 0.97  # of the share outside that a map without preference has


def heat(asked: Asked | Question, kept: Kept, *, signed: bool) -> tuple[Map | None, str]:
    """Return the map for showing (H, W), −1..1 or 0..1, and "" ; or None and why there is none."""
    if kept.found is None:
        return None, kept.why
    found = kept.found
    try:
        return cache.kept(cache.MAPS, (*asked.key, "heat", signed), lambda: found.heat(relu=not signed)), ""
    except ValueError as error:
        return None, str(error)


def layer(values: Map, signed: bool, low: float, most: float = 1.0) -> v.HeatLayer:
    """Return the map as the viewer takes it, without its coldest `low` per cent; `most` is the end of its scale."""
    name = text.HEAT_SIGNED if signed else text.HEAT
    return v.HeatLayer(gradcam_run.cut(values, low), name, -most if signed else 0.0, most, diverging=signed)


def where(asked: Asked, sent: v.Sent) -> None:
    """Show the picture and what of it is explained; what is done there becomes the region, and the page runs anew."""
    now = st.session_state
    kind, place = asked.region
    strokes = unpack(place) if kind == "painted" else ()
    labels = v.LabelLayer(_region(asked), REGION, text.REGION)
    event = v.viewer(
        sent, [labels], key=f"gradcam.where.{now.get(SHEET, 0)}", link=LINK, height=HEIGHT, ink=1, strokes=strokes,
        tools=("click", "box", "brush"), outlines=True, opacity=0.4, legend=False, controls="tools",
        marks=_marks(asked), alt=text.ALT_WHERE.format(what=asked.source.photo.alt),
    )  # fmt: skip
    if event.click:
        _take(where="pixel", spot=",".join(map(str, event.click)))
    elif event.box:
        _take(where="box", frame=",".join(map(str, event.box)))
    elif event.strokes != strokes:
        ink = pack(event.strokes)
        if len(ink) > LONGEST_INK:
            st.warning(text.TOO_MUCH_INK, icon=":material/format_paint:")
        else:
            _take(where="painted" if ink else "predicted", inkg=ink)


def show(
    asked: Asked, values: Map | None, sent: v.Sent, key: str, *, height: int = HEIGHT, legend: bool = True
) -> None:
    """Show a map over the picture, as the session wants it drawn; of a map that isn't there, the picture alone."""
    now = st.session_state
    layers = [] if values is None else [layer(values, now["signed"], now["low"])]
    v.viewer(
        sent, layers, key=key, link=LINK, height=height, opacity=0.65, legend=legend, marks=_marks(asked),
        alt=_alt(asked), controls=legend,
    )  # fmt: skip


def _marks(asked: Asked) -> list[tuple[int, int]]:
    kind, place = asked.region
    if kind != "pixel" or not place:
        return []
    x, y = map(int, place.split(","))
    return [(x, y)]


def _take(**choices: str) -> None:
    """Make that the choice, and draw the page anew; paint stays on its sheet only while it is what counts."""
    now = st.session_state
    if now["where"] == "painted" != choices["where"]:
        gradcam_controls.new_sheet()
    now.update(choices)
    st.rerun()


def _region(asked: Asked) -> np.ndarray:
    """Return the region as labels (H, W), 1 in it; a painted one begins empty, the brush's strokes come on top."""
    where, place = asked.region
    labels = np.zeros(asked.source.photo.size, np.uint8)
    if where == "all":
        labels[:] = 1
    elif where == "predicted":
        labels[asked.predicted()] = 1
    elif where in ("pixel", "box") and place:
        x0, y0, *end = map(int, place.split(","))
        x1, y1 = end or (x0 + 1, y0 + 1)
        labels[y0:y1, x0:x1] = 1
    return labels


def _alt(asked: Asked) -> str:
    method = gradcam_run.how(asked.method).title
    return text.ALT.format(what=asked.source.photo.alt, method=method, name=asked.name, model=asked.run.spec.title)


def outsides(asked: Asked, values: Map | None) -> tuple[Outside | None, Outside | None]:
    """Return the shares of the heat outside the predicted and outside the true mask, of a map of 0 or more."""
    if values is None:
        return None, None
    return gradcam_run.outside(values, asked.predicted()), gradcam_run.outside(values, asked.true())


def numbers(asked: Asked, kept: Kept, values: Map | None) -> None:
    """Show what is read off the map (with its ReLU): what lies outside the mask, how large it is, the score."""
    by_prediction, by_truth = outsides(asked, values)
    tip = text.OUTSIDE_HELP.format(name=asked.name)
    for name, found in ((text.OUTSIDE, by_prediction), (text.OUTSIDE_TRUE, by_truth)):
        if found is not None:
            st.metric(name, f"{found.share:.0%}", text.EVEN.format(even=found.even), delta_color="off",
                      delta_arrow="off", help=tip)  # fmt: skip
    if kept.found is not None:
        raw = kept.found.raw
        size = text.NUMBERS.format(most=float(raw.max()), least=float(raw.min()), score=kept.found.score)
        st.caption(size, help=f"{text.MAGNITUDE_HELP} {text.SCORE_HELP[asked.of]}")
    for line in notes(asked, kept, by_prediction):
        st.markdown(line)


def notes(asked: Asked, kept: Kept, found: Outside | None) -> list[str]:
    """Say what is explained, and what of it is worth noticing."""
    if kept.found is None:
        return []
    h, w = kept.found.raw.shape
    where = text.AT_LAYER.format(layer=asked.layer) if asked.by_layer else ""
    lines = [text.EXPLAINED.format(target=kept.found.target, h=h, w=w, where=where)]
    if (slope := probability_slope(asked, kept)) is not None and slope < FAINT:
        lines.append(text.VANISHES.format(slope=slope, magnitude=float(kept.found.raw.max())))
    if kept.found.gap is not None and math.isfinite(kept.found.gap) and not asked.mirror:
        from seglab.explain.gradients import STEPS

        lines.append(text.GAP.format(gap=kept.found.gap, n=STEPS))
    if found is not None and found.share > NO_BETTER * found.even:
        lines.append(text.NO_BETTER.format(name=asked.name, share=found.share, even=found.even))
    elif found is not None and found.share < found.even / 2:
        lines.append(text.REDRAWS.format(name=asked.name))
    elif found is not None:
        lines.append(text.ELSEWHERE.format(share=found.share, name=asked.name, even=found.even))
    if found is None and asked.region[0] != "predicted":
        lines.append(text.NOT_PREDICTED.format(name=asked.name))
    return lines


def probability_slope(asked: Asked, kept: Kept) -> float | None:
    """Return the mean of p(1 − p) over the region, p's slope over its logit; None where logits are explained.

    Not that of the mean p: where half of the pixels are sure to be the class and half not to be, none can move.
    """
    region = kept.region()
    if asked.of != "probability" or region is None:
        return None
    from seglab.explain.score import weights

    z = asked.run.logits.astype(np.float64)
    w = weights(region, (z.shape[1], z.shape[2])).numpy()
    e = np.exp(z - z.max(0))
    p = e[asked.k] / e.sum(0)
    others = (e.sum(0) - e[asked.k]) / e.sum(0)  # 1 − p, which would be rounded to 0
    return float((w * p * others).sum() / w.sum())
