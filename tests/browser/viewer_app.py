"""A small app that mounts viewers for tests/browser/test_viewer.py; `?case=` says which."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import streamlit as st

from seglab.palettes import CAMVID
from seglab.types import Image, Labels
from ui.page import STYLE
from ui.viewer import HeatLayer, LabelLayer, Stroke, ViewerEvent, apply_strokes, send, viewer
from ui.viewer.encode import digest

ALL = ("click", "box", "brush")
st.html(STYLE)


@lru_cache
def street(height: int = 300, width: int = 400, seed: int = 0) -> tuple[Image, Labels]:
    """Return a made-up street, photo and labels; class 255 in a corner, a fine checker of two classes in another."""
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    labels = np.full((height, width), 1, np.uint8)
    labels[y < 0.35 + 0.05 * np.sin(9 * x)] = 0
    labels[y > 0.7] = 3
    labels[(x < 0.3) & (y > 0.3) & (y < 0.75)] = 5
    labels[(x - 0.7) ** 2 / 0.03 + (y - 0.72) ** 2 / 0.01 < 1] = 8
    labels[(abs(x - 0.5) < 0.006) & (y > 0.2) & (y < 0.8)] = 2
    labels[-40:, :40] = 255
    labels[-40:, -40:] = np.indices((40, 40)).sum(axis=0) % 2 * 10
    rng = np.random.default_rng(seed)
    tint = np.array([[135, 180, 230], [150, 110, 90], [80] * 3, [95, 95, 100], [0] * 3, [60, 110, 50]])
    photo = np.full((height, width, 3), 90.0)
    for k, rgb in enumerate(tint):
        photo[labels == k] = rgb
    photo[labels == 8] = (180, 40, 40)
    shade = 30 * np.sin(14 * x + 5 * y)[..., None] + rng.normal(0, 9, (height, width, 1))
    return np.clip(photo + shade, 0, 255).astype(np.uint8), labels


def tell(event: ViewerEvent, labels: Labels) -> None:
    """Write the event where the test can read it."""
    painted = apply_strokes(labels, event.strokes)
    facts = {"click": event.click, "box": event.box, "strokes": len(event.strokes), "serial": event.serial,
             "digest": digest(painted), "changed": int((painted != labels).sum())}  # fmt: skip
    if event.click or event.box:
        st.session_state.setdefault("events", []).append(facts)
    st.session_state.runs = st.session_state.get("runs", 0) + 1
    st.code(json.dumps({"now": facts, "events": st.session_state.get("events", []), "runs": st.session_state.runs}))


def main() -> None:
    """Show the case that the address names."""
    st.set_page_config(layout="wide")
    case = st.query_params.get("case", "plain")
    image, labels = street()
    alt = "A made-up street"
    y, x = np.mgrid[:300, :400]
    warmth = np.hypot(y - 200, x - 280).astype(np.float32) / 400
    match case:
        case "plain":
            event = viewer(image, [LabelLayer(labels, CAMVID)], key="plain", tools=["click"], alt=alt)
        case "all":
            event = viewer(image, [LabelLayer(labels, CAMVID)], key="all", tools=ALL, alt=alt)
        case "heat":
            warmth[:10] = np.nan
            event = viewer(image, [HeatLayer(warmth, "Distance", 0, 0.8, "m")], key="heat", tools=["click"], alt=alt)
        case "signed":
            values = (warmth - 0.4).astype(np.float32)
            event = viewer(image, [HeatLayer(values, "Signed", -0.4, 0.4, diverging=True)], key="signed", alt=alt)
        case "big":
            image, labels = street(1800, 2400)
            event = viewer(image, [LabelLayer(labels, CAMVID)], key="big", tools=ALL, alt=alt)
        case "hd":
            image, labels = street(1080, 1920)
            event = viewer(image, [LabelLayer(labels, CAMVID)], key="hd", tools=ALL, alt=alt)
        case "linked":
            left, right = st.columns(2)
            with left:
                event = viewer(image, [LabelLayer(labels, CAMVID)], key="left", link="pair", tools=["click"], alt=alt)
            with right:
                viewer(image, [HeatLayer(warmth, "Distance")], key="right", link="pair", alt=alt)
        case "compare":
            other = apply_strokes(labels, event_strokes())
            event = viewer(
                image,
                [LabelLayer(labels, CAMVID, "Network A"), HeatLayer(warmth, "Distance", 0, 1)],
                before=[LabelLayer(other, CAMVID, "Network B")],
                key="compare", divider=True, outlines=True, alt=alt,
            )  # fmt: skip
        case "update":
            step = st.slider("Step", 0, 5, 0)
            photo = street(seed=1)[0] if st.checkbox("Other photo") else image
            shifted = np.roll(labels, 10 * step, axis=1)
            event = viewer(photo, [LabelLayer(shifted, CAMVID)], key="update", tools=ALL, alt=alt)
        case "sent":
            image, labels = street(600, 800)
            photo = send(image, key="photo")
            other = st.checkbox("Other viewer")
            event = viewer(photo, [LabelLayer(labels, CAMVID)], key="second" if other else "first", alt=alt)
        case "text":
            from dataclasses import replace

            evil = "<img src=x onerror=\"document.title='hacked'\">"
            palette = replace(CAMVID, names=(evil, *CAMVID.names[1:]))
            layers = [LabelLayer(labels, palette, evil), HeatLayer(warmth, evil + "!", unit=evil)]
            event = viewer(image, layers, key="text", tools=ALL, alt=evil)
        case "given":
            event = viewer(
                image, [LabelLayer(labels, CAMVID)], key="given", tools=ALL, tool="brush", strokes=event_strokes(),
                marks=[(100, 100)], alt=alt,
            )  # fmt: skip
        case _:
            raise ValueError(case)
    tell(event, labels)
    if case == "update" and st.button("Rerun"):
        st.rerun()
    st.markdown("\n\n".join("A line of text below the picture." for _ in range(30)))


def event_strokes() -> list[Stroke]:
    """Return strokes as a link would bring them."""
    return [Stroke(10, 12.5, ((60, 60), (200, 120))), Stroke(-1, 5.0, ((130, 90),))]


if __name__ == "__main__":
    main()
