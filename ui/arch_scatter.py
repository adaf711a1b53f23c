"""Lab: what the trained small networks score against what they cost, and their IoU against the things' size."""

from __future__ import annotations

import streamlit as st

from seglab import zoo
from seglab.cards import Score
from seglab.datasets.axes import SIZES
from ui import arch_controls, arch_net, arch_trained, cache
from ui.arch_charts import COLORS, chart
from ui.arch_net import Spec
from ui.texts import architectures_zoo as text

SHAPE = (1, 3, 128, 128)
FIRST = ("fcn-32s", "fcn-8s", "segnet", "unet")  # whose sizes are shown at first, where they are trained


def cost(key: str, what: str) -> tuple[float, bool] | None:
    """Return a cost of an architecture's small network for a picture of 128×128: of its whole, measured once.

    Of the receptive field ("field") its height, and whether there is a path from the whole picture besides. None: not
    known.
    """

    def make() -> tuple[float, bool] | None:
        stage = arch_net.draw(Spec(key, "small"), SHAPE).whole
        if what == "field":
            return None if stage.field is None else (float(stage.field.height), stage.field.whole)
        value = getattr(stage, what)
        return None if value is None else (float(value), False)

    found: tuple[float, bool] | None = cache.kept(cache.NUMBERS, ("arch", "cost", key, what), make)
    return found


def score(key: str, split: str, measure: str) -> tuple[float, float] | None:
    """Return a measure's mean and half its range over the seeds, from the network's card; None where it isn't there."""
    found = zoo.card(str(Spec(key, "small").model)).scores.get(split)
    if not isinstance(found, Score) or measure not in ("mean_iou", *found.also):
        return None
    return found.over_seeds(measure)


def scatter() -> None:
    """Show the lab."""
    from plotly.graph_objects import Figure

    now = st.session_state
    st.markdown(text.Z_INTRO)
    left, right = st.columns(2)
    left.selectbox(text.Z_X, text.Z_COSTS, format_func=text.Z_COSTS.__getitem__, key="zx", persist_state="session")
    right.selectbox(text.Z_Y, text.Z_QUALITIES, format_func=text.Z_QUALITIES.__getitem__, key="zy",
                    persist_state="session")  # fmt: skip
    split, _, measure = now["zy"].partition("/")
    keys = arch_trained.trained()
    scores = {key: found for key in keys if (found := score(key, split, measure))}
    with st.spinner(text.Z_MEASURES):
        costs = {key: cost(key, now["zx"]) for key in scores}
    # A logarithmic axis has no place for what isn't known, nor for a field of which nothing is left but the whole.
    points = [(key, *found, *scores[key]) for key, found in costs.items() if found is not None and found[0] > 0]
    made = Figure({
        "type": "scatter", "mode": "markers+text", "x": [x for _, x, *_ in points], "y": [y for *_, y, _ in points],
        "text": [arch_controls.title(key) + (" +" if whole else "") for key, _, whole, *_ in points],
        "textposition": "top center", "textfont": {"size": 10},
        "marker": {"size": 9, "color": COLORS[0],
                   "symbol": ["circle-open" if whole else "circle" for _, _, whole, *_ in points]},
        "error_y": {"type": "data", "array": [spread for *_, spread in points]},
    }, {
        "height": 460, "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "xaxis": {"title": {"text": text.Z_COSTS[now["zx"]]}, "type": "log", "exponentformat": "SI"},
        "yaxis": {"title": {"text": text.Z_QUALITIES[now["zy"]]}},
    })  # fmt: skip
    st.plotly_chart(made, key="arch.chart.scatter", config={"displayModeBar": False})
    left_out = ", ".join(arch_controls.title(key) for key in costs if key not in [point[0] for point in points])
    said = [text.Z_NOTICE, text.Z_WHOLE if any(whole for _, _, whole, *_ in points) else "",
            text.Z_UNKNOWN.format(names=left_out) if left_out else ""]  # fmt: skip
    st.caption(" ".join(filter(None, said)))
    st.markdown(text.Z_SIZES)
    first = [key for key in FIRST if key in keys] or list(keys[:2])
    who = st.multiselect(text.Z_WHO, keys, first, format_func=arch_controls.title, max_selections=len(COLORS),
                         key="arch.zoo.who")  # fmt: skip
    lines = {arch_controls.title(key): _sizes(key) for key in who}
    chart(*text.Z_SIZE_AXES, {name: line for name, line in lines.items() if line[0]}, "sizes")


def _sizes(key: str) -> tuple[list[str], list[float]]:
    """Return the ranges of sizes on which a network was scored, and its IoU of things in each."""
    found = [(split.replace("-", "–"), one[0]) for split in SIZES if (one := score(key, split, "things_iou"))]
    return [name for name, _ in found], [value for _, value in found]
