"""Whether to believe the map: what deleting its pixels does, forgetting the weights, and where the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from ui import gradcam_gate, gradcam_run, jobs
from ui import viewer as v
from ui.gradcam_run import Asked, Kept, Map
from ui.losses_charts import figure
from ui.texts import gradcam_more as text

if TYPE_CHECKING:
    from seglab.explain import Curve, Explanation, Randomisation, Road

HEIGHT = 170
STAYS = 0.9  # of the probability, with every pixel deleted: then the curve says little
SURVIVES = 0.5  # rank correlation from which we say that a map outlives its weights


def trust(asked: Asked, kept: Kept, values: Map | None) -> None:
    """Show the tab; `values` is the map with its ReLU, (H, W)."""
    if kept.found is None:
        st.info(text.NO_MAP)
        return
    st.markdown(f"**{text.POINTING}**")
    _pointing(asked, values)
    st.markdown(f"**{text.CURVES}**")
    _curves(asked, kept.found)
    st.markdown(f"**{text.RANDOM}**")
    _random(asked)


def _pointing(asked: Asked, values: Map | None) -> None:
    """Show pointing game and energy-in-mask where the truth is known."""
    from seglab.explain import energy_in_mask, pointing_game

    true = asked.true()
    if true is None or not true.any():
        st.caption(text.NO_TRUTH.format(name=asked.name))
        return
    if values is None:
        st.info(text.ALL_AGAINST)
        return
    left, right, rest = st.columns([1, 1, 2])
    left.metric(text.GAME, text.HIT if pointing_game(values, true) else text.MISS, help=text.GAME_HELP)
    right.metric(text.ENERGY, f"{energy_in_mask(values, true):.0%}", text.EVEN.format(even=float(true.mean())), "off",
                 delta_arrow="off", help=text.ENERGY_HELP)  # fmt: skip
    rest.caption(text.POINTING_NOTE)


def _curves(asked: Asked, explained: Explanation) -> None:
    """Show them, by the map before its ReLU: that one leaves much of the picture equal, and in no order."""
    from seglab.explain import deletion, insertion, road

    image, loaded, target = asked.source.photo.image, asked.loaded, asked.target

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> tuple[Curve, Curve, Road]:
        def part(n: int) -> dict[str, Any]:
            return {"cancel": cancel, "progress": lambda done, total: progress(100 * n + 100 * done // total, 300)}

        goal, values = target(), explained.heat(relu=False)
        return (deletion(image, loaded, goal, values, **part(0)), insertion(image, loaded, goal, values, **part(1)),
                road(image, loaded, goal, values, **part(2)))  # fmt: skip

    found = gradcam_gate.computed((*asked.key, "curves"), "curves", text.CURVES_RUN, text.CURVES_COST, work)
    if found is None:
        return
    gone, back, both = found
    left, right = st.columns(2)
    with left:
        _chart(figure(text.SHARE, text.PROBABILITY, **{
            text.DELETION.format(area=gone.area): (gone.share, gone.probability),
            text.INSERTION.format(area=back.area): (back.share, back.probability),
        }), "curves")  # fmt: skip
        st.caption(text.CURVES_NOTE)
        if gone.probability[-1] >= STAYS * gone.probability[0]:
            st.caption(text.CURVES_FLAT.format(p=float(gone.probability[-1])))
    with right:
        _chart(figure(text.SHARE, text.PROBABILITY, **{
            text.HOTTEST: (both.hottest.share, both.hottest.probability),
            text.COLDEST: (both.coldest.share, both.coldest.probability),
        }), "road")  # fmt: skip
        st.caption(text.ROAD_NOTE.format(score=both.score))


def _random(asked: Asked) -> None:
    from seglab.explain import randomisation

    if asked.method == "integrated-gradients":
        st.info(text.RANDOM_SLOW)
        return

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> Randomisation:
        return randomisation(
            asked.source.photo.image, asked.loaded, asked.target(), method=asked.method,
            layer=asked.layer if asked.by_layer else None, cancel=cancel, progress=progress,
        )  # fmt: skip

    key = (*gradcam_run.by(asked, of="logit", mirror=False, short="auto").key, "random")  # what it compares
    found = gradcam_gate.computed(key, "random", text.RANDOM_RUN, text.RANDOM_COST, work)
    if found is None:
        return
    made = figure(text.RANDOM_AXIS, text.LIKENESS, **{text.LIKENESS: (list(found.layers), found.correlation)})
    made.update_traces(mode="lines+markers")
    _chart(made, "random", -1.05, 1.05)
    st.markdown(verdict(found))
    last = len(found.layers)
    shown = dict.fromkeys((0, 1, (last + 1) // 2, last))
    for column, n in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            name = text.RANDOM_TRUE if n == 0 else text.RANDOM_AFTER.format(layer=found.layers[n - 1])
            st.caption(name)
            _small(found.raw[n], f"gradcam.random.{n}", name)
    st.caption(text.RANDOM_NOTE)


def verdict(found: Randomisation) -> str:
    """Say what became of the map once all weights were drawn anew, and how it came there."""
    after = found.correlation[-1]
    whole = int(np.argmax(~(found.correlation > 0.99))) if not (found.correlation > 0.99).all() else len(found.layers)
    lines = []
    if whole > 1:
        lines.append(text.RANDOM_BLIND.format(n=whole, layer=found.layers[min(whole, len(found.layers) - 1)]))
    if np.isnan(after):
        lines.append(text.RANDOM_GONE)
    elif abs(after) >= SURVIVES:  # the same map with its sign turned is the same map
        lines.append((text.RANDOM_SURVIVES if after > 0 else text.RANDOM_INVERTED).format(after=after))
    else:
        lines.append(text.RANDOM_FALLS.format(after=after))
    return " ".join(lines)


def _small(raw: Map, key: str, alt: str) -> None:
    most = float(np.abs(raw).max()) or 1.0
    v.viewer(None, [v.HeatLayer(raw, text.SUM, -most, most, diverging=True)], key=key, height=HEIGHT, opacity=1.0,
             legend=False, controls=False, alt=alt)  # fmt: skip


def _chart(made: Any, key: str, low: float = 0.0, high: float = 1.02) -> None:
    made.update_yaxes(range=[low, high])
    st.plotly_chart(made, key=f"gradcam.chart.{key}", config={"displayModeBar": False})
