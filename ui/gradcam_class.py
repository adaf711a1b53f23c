"""What makes a classifier say "car": a square of the picture, the probabilities, and the map of one class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from seglab import zoo
from seglab.types import Image
from ui import cache, gradcam_controls, gradcam_gate, gradcam_map, gradcam_run, gradcam_state, jobs, segment_run
from ui import viewer as v
from ui.compare_source import Source
from ui.gradcam_run import Asked, Kept, Map, Mask, Question
from ui.texts import gradcam_labs as text

if TYPE_CHECKING:
    from seglab.runtime import Loaded

HEIGHT = 340
TOP = 5  # classes in the table
STAND_IN = "gradcam.class.standin"  # the control's key while the embedded network answers for another
PHOTO_SHARE = 0.5  # of a photo's shorter side: the square around a click


@dataclass(frozen=True, eq=False)
class Shown:
    """What the network is shown: x0 y0 x1 y1 in the picture, the pixels, and of a known thing its class and mask."""

    place: tuple[int, int, int, int]
    image: Image
    name: str = ""
    mask: Mask | None = None


def classifier(asked: Asked, sent: v.Sent) -> None:
    """Show this part of the tab."""
    now = st.session_state
    st.markdown(text.C_INTRO)
    source = asked.source
    shown = cut(source, now["cspot"])
    left, right = st.columns(2)
    with left:
        loaded = _network()
        st.markdown(text.C_LEFT)
        _where(source, sent, shown)
    probability = _answer(loaded, shown)
    order = np.argsort(-probability, kind="stable")
    with left:
        _said(loaded, shown, probability, order)
    with right:
        k = _class(loaded, order)
        st.markdown(text.C_RIGHT.format(name=loaded.palette.names[k]))
        kept, values = _map(loaded, shown, k)
        _numbers(shown, kept, values)
    ours = loaded.spec is not None and isinstance(loaded.spec.source, zoo.Embedded)
    notice = f" {text.C_NOTICE}" if source.sample is not None else ""
    st.caption(f"{text.C_OURS if ours else text.C_RESNET}{notice}")


def cut(source: Source, spot: str) -> Shown:
    """Return what the network is shown for a click at `spot`, "x,y".

    In a drawn street the square around the thing there, without a click around the largest thing; else a square about
    the click, and without one the whole photo. A click beside the picture counts as none.
    """
    from seglab.datasets import crops

    image, size = source.photo.image, source.photo.size
    at = gradcam_state.place(spot, 2) if spot else None
    if at is not None and not (at[0] < size[1] and at[1] < size[0]):
        at = None
    sample = source.sample
    if sample is not None and sample.ids is not None:
        there = crops.things(sample)
        n = int(sample.ids[at[1], at[0]]) if at else 0
        chosen = next((thing for thing in there if thing.id == n), None)
        if at is None and there:
            chosen = max(there, key=lambda thing: (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1]))
        if chosen is not None:
            place = crops.square(chosen.box, size)
            mask = crops.cut(sample.ids == chosen.id, place)  # type: ignore[arg-type]
            return Shown(place, crops.cut(image, place), crops.THINGS.names[chosen.k], mask.astype(bool))
    if at is None:
        return Shown((0, 0, size[1], size[0]), image)
    x, y = at
    place = crops.square((x, y, x + 1, y + 1), size, max(1.0, PHOTO_SHARE * min(size)))
    return Shown(place, crops.cut(image, place))


def _network() -> Loaded:
    """Choose the network; the embedded one answers where the other's weights can't be had."""
    key = st.selectbox(
        text.C_MODEL, gradcam_state.CLASSIFIERS, key="cnet", format_func=lambda key: zoo.get(key).title,
        persist_state="session",
    )  # fmt: skip
    with segment_run.told():
        loaded, trouble = segment_run.load(key, gradcam_state.CLASSIFIERS[0])
    if trouble:
        st.warning(trouble, icon=":material/cloud_off:")
    return loaded


def _where(source: Source, sent: v.Sent, shown: Shown) -> None:
    """Show the picture with the square; a click there chooses another."""
    x0, y0, x1, y1 = shown.place
    labels = np.zeros(source.photo.size, np.uint8)
    labels[y0:y1, x0:x1] = 1
    event = v.viewer(
        sent, [v.LabelLayer(labels, gradcam_map.REGION, text.C_SEES)], key="gradcam.class.where", height=HEIGHT,
        tools=("click",), outlines=True, opacity=0.4, legend=False, controls=False,
        alt=text.C_ALT_LEFT.format(what=source.photo.alt),
    )  # fmt: skip
    if event.click:
        st.session_state["cspot"] = ",".join(map(str, event.click))
        st.rerun()
    if st.session_state["cspot"]:
        label = text.C_THING if source.sample is not None else text.C_WHOLE
        st.button(label, key="gradcam.class.whole", on_click=_forget, type="tertiary")


def _forget() -> None:
    st.session_state["cspot"] = ""


def _answer(loaded: Loaded, shown: Shown) -> np.ndarray:
    """Return the probabilities (K,), kept."""
    from seglab.explain import classify

    key = "cam", "class", cache.image_hash(shown.image), loaded.weights_hash

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> np.ndarray:
        return cache.kept(cache.NUMBERS, key, lambda: classify(shown.image, loaded, cancel=cancel))

    with segment_run.told():
        there = cache.NUMBERS.peek(key)
        z = jobs.watch(key, work, lambda *_: None) if there is None else there
    p: np.ndarray = np.exp(z.astype(np.float64) - z.max())
    return p / p.sum()


def _class(loaded: Loaded, order: np.ndarray) -> int:
    """Choose the class that is explained, "" being what the network says; return its index.

    A stand-in is asked by a control of its own: the link's class is the wanted network's.
    """
    session, names = st.session_state, loaded.palette.names
    best = [names[k] for k in order]
    key = "ccls" if loaded.key == session["cnet"] else STAND_IN
    if session.get(key, "") not in ("", *names):
        session[key] = ""
    options = ["", *best]
    chosen = st.selectbox(
        text.C_CLASS, options, key=key, persist_state="session",
        format_func=lambda name: name or text.C_TOP.format(name=best[0]),
    )  # fmt: skip
    return names.index(chosen) if chosen else int(order[0])


def _map(loaded: Loaded, shown: Shown, k: int) -> tuple[Kept, Map | None]:
    """Show the map over the square; return it and its values, with the ReLU."""
    from seglab.explain import Category

    session = st.session_state
    sizes = gradcam_run.layers(loaded, (shown.image.shape[0], shown.image.shape[1]), "auto", session["cam"])
    if session["clayer"] not in sizes:
        session["clayer"] = next(iter(sizes))
    question = Question(
        shown.image, cache.image_hash(shown.image), loaded, Category(k), session["cam"], session["clayer"]
    )
    kept = gradcam_gate.gated(question, "class")
    values, why = gradcam_map.heat(question, kept, signed=session["signed"])
    layers = [] if values is None else [gradcam_map.layer(values, session["signed"], session["low"])]
    method = gradcam_controls.method_name(question.method)
    v.viewer(shown.image, layers, key="gradcam.class.map", height=HEIGHT, opacity=0.6, legend=False, controls=False,
             alt=text.C_ALT.format(method=method, name=loaded.palette.names[k]))  # fmt: skip
    if why:
        st.warning(why, icon=":material/lightbulb:")
    st.selectbox(
        text.C_LAYER, list(sizes), key="clayer", persist_state="session", disabled=not question.by_layer,
        format_func=lambda name: f"{name}: {' × '.join(map(str, sizes[name]))}",
    )  # fmt: skip
    return kept, gradcam_map.heat(question, kept, signed=False)[0]


def _said(loaded: Loaded, shown: Shown, probability: np.ndarray, order: np.ndarray) -> None:
    """Show the likeliest classes, and whether the first is right."""
    names, top = loaded.palette.names, order[:TOP]
    st.table({
        text.C_COLUMNS[0]: [names[k] for k in top], text.C_COLUMNS[1]: [f"{probability[k]:.1%}" for k in top],
    }, hide_index=True)  # fmt: skip
    if shown.name:
        said = text.C_TRUE.format(name=shown.name)
        if shown.name in names:  # ImageNet knows no "dog", so that no answer could be the right one
            said += f" {text.C_RIGHT_SAID if names[order[0]] == shown.name else text.C_WRONG_SAID}"
        st.markdown(said)


def _numbers(shown: Shown, kept: Kept, values: Map | None) -> None:
    """Show what is read off the map."""
    if values is not None and (found := gradcam_run.outside(values, shown.mask)) is not None:
        st.metric(text.C_OUTSIDE.format(name=shown.name), f"{found.share:.0%}",
                  gradcam_map.text.EVEN.format(even=found.even), delta_color="off", delta_arrow="off",
                  help=text.C_OUTSIDE_HELP)  # fmt: skip
    if kept.found is not None:
        raw = kept.found.raw
        st.caption(text.C_NUMBERS.format(most=float(raw.max()), least=float(raw.min()), score=kept.found.score,
                                         h=raw.shape[0], w=raw.shape[1]))  # fmt: skip
