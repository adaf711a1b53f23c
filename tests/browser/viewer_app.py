"""A small app that mounts viewers for tests/browser/test_viewer.py; `?case=` says which."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import streamlit as st

from seglab.palettes import CAMVID
from seglab.types import Image, Labels
from ui.page import STYLE
from ui.viewer import (
    Entry,
    HeatLayer,
    IdLayer,
    LabelLayer,
    Row,
    Stroke,
    ViewerEvent,
    apply_strokes,
    segment_table,
    send,
    viewer,
)
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


EVIL = "<img src=x onerror=\"document.title='hacked'\">"
KINDS = ("Car", "Person", "Dog")


def number(n: int) -> int:
    """Return the id of object n: far beyond 255, and its low byte says little about it."""
    return 65535 if n == 299 else 7 * n + 1


def color(n: int) -> tuple[int, int, int]:
    """Return the colour of object n."""
    return 40 + n * 53 % 200, 40 + n * 97 % 200, 40 + n * 29 % 200


@lru_cache
def crowd(height: int = 300, width: int = 400, columns: int = 20, rows: int = 15) -> np.ndarray:
    """Return ids of columns × rows squares with gaps; the second touches the first."""
    y, x = np.ogrid[:height, :width]
    dy, dx = height // rows, width // columns
    n = np.minimum(y // dy, rows - 1) * columns + np.minimum(x // dx, columns - 1)
    ids = np.array([number(k) for k in range(columns * rows)], np.uint16)[n]
    ids[(x % dx >= 0.8 * dx) | (y % dy >= 0.8 * dy)] = 0
    ids[: int(0.8 * dy), :dx] = number(0)
    return ids


def crowd_layer(ids: np.ndarray, n: int, **more: object) -> IdLayer:
    """Return the layer of `crowd`'s n objects: names, colours and three classes in turn."""
    entries = tuple(Entry(number(k), f"{KINDS[k % 3].lower()} {k} · 0.9", color(k), KINDS[k % 3]) for k in range(n))
    return IdLayer(ids, entries, "Objects", **more)


def tasks(image: Image, labels: Labels, many: bool = False) -> ViewerEvent:
    """Show three linked panes, semantic, instances and panoptic, and a table of their segments."""
    names = ("sky", "building", "", "road", "", "tree", "", "", "car")
    things = np.zeros(labels.shape, np.int64)
    things[(labels == 8)] = 1
    things[:, 290:][labels[:, 290:] == 8] = 2
    parts = [(k, names[k], tuple(CAMVID.colors[k])) for k in (0, 1, 3, 5)]
    whole = np.where(things > 0, things + 300, 0)
    for n, (k, _, _) in enumerate(parts):
        whole[labels == k] = 401 + n
    lights = {401 + n: {"Classes": (k,)} for n, (k, _, _) in enumerate(parts)}
    cars = [Entry(i, f"car {i}", color(i), "Car", {"Panoptic": (300 + i,), "Classes": (8,)}) for i in (1, 2)]
    overlap = np.zeros(labels.shape, bool)
    overlap[195:235, 275:305] = True
    entries = [Entry(300 + e.id, e.name, e.color, "Car", {"Objects": (e.id,), "Classes": (8,)}) for e in cars]
    entries += [Entry(401 + n, name, rgb, name.capitalize(), lights[401 + n]) for n, (_, name, rgb) in enumerate(parts)]
    photo = send(image, key="photo")
    said = {k: {"Panoptic": (401 + n,)} for n, (k, _, _) in enumerate(parts)}
    panes = [
        LabelLayer(labels, CAMVID, "Classes", lights=said),
        IdLayer(things, tuple(cars), "Objects", "no object", overlap & (things > 0)),
        IdLayer(whole, tuple(entries), "Panoptic"),
    ]
    for layer, place in zip(panes, st.columns(3), strict=True):
        with place:
            event = viewer(photo, [layer], key=layer.name, link="tasks", alt=layer.name)
    rows = [
        Row((e.name, "thing" if e.id < 400 else "stuff", f"{(whole == e.id).sum():,}", f"{0.5 + e.id / 1000:.2f}"),
            e.color, {"Panoptic": (e.id,), **e.lights}, (200, 180, 360, 250) if e.id < 400 else None)
        for e in entries
    ]  # fmt: skip
    if many:
        rows += [Row((f"{EVIL} {n}", "more", str(n), "—")) for n in range(294)]
    columns = ["Segment", "Kind", "Pixels", "Score"]
    st.session_state.row = segment_table(rows, key="table", link="tasks", columns=columns)
    return event


def tell(event: ViewerEvent, labels: Labels) -> None:
    """Write the event where the test can read it."""
    painted = apply_strokes(labels, event.strokes)
    facts = {"click": event.click, "box": event.box, "strokes": len(event.strokes), "serial": event.serial,
             "digest": digest(painted), "changed": int((painted != labels).sum()),
             "row": st.session_state.get("row")}  # fmt: skip
    if event.click or event.box or facts["row"] is not None:
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

            palette = replace(CAMVID, names=(EVIL, *CAMVID.names[1:]))
            layers = [LabelLayer(labels, palette, EVIL), HeatLayer(warmth, EVIL + "!", unit=EVIL)]
            event = viewer(image, layers, key="text", tools=ALL, alt=EVIL)
        case "given":
            event = viewer(
                image, [LabelLayer(labels, CAMVID)], key="given", tools=ALL, tool="brush", strokes=event_strokes(),
                marks=[(100, 100)], alt=alt,
            )  # fmt: skip
        case "ids":
            hatched = np.zeros((300, 400), bool)
            hatched[100:116, 60:76] = True
            named = crowd_layer(crowd(), 300, hatched=hatched, hatched_name="both", nothing="no object")
            other = np.roll(crowd(), 5, axis=1)
            event = viewer(image, [named], before=[crowd_layer(other, 300)], key="ids", tools=["click"], alt=alt)
        case "crowd":
            image, labels = street(960, 1280)
            ids = crowd(960, 1280, 10, 6)
            nothing = f"nothing {st.slider('Step', 0, 5, 0)}"
            left, right = st.columns(2)
            with left:
                named = crowd_layer(ids, 60, nothing=nothing)
                event = viewer(image, [named], key="left", link="crowd", alt=alt, outlines=True)
            with right:
                viewer(image, [crowd_layer(ids, 60)], key="right", link="crowd", alt=alt)
        case "huge":
            image = np.full((4000, 6000, 3), 90, np.uint8)
            event = viewer(image, [crowd_layer(crowd(4000, 6000), 300)], key="huge", tools=["click"], alt=alt)
        case "tasks" | "many":
            event = tasks(image, labels, case == "many")
        case "empty":
            event = viewer(image, [IdLayer(np.zeros((300, 400), int), ())], key="empty", link="empty", alt=alt)
            segment_table([], key="table", link="empty", columns=["Segment"], empty="No object was found.")
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
