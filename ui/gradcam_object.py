"""Why this object: one of Mask R-CNN's, chosen by a click; the score of its class, or the logits of its mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from seglab import zoo
from ui import cache, gradcam_controls, gradcam_gate, gradcam_map, gradcam_run, gradcam_state, jobs, segment_run
from ui import viewer as v
from ui.compare_source import Source
from ui.gradcam_run import KEPT, Asked, Mask, Question
from ui.texts import gradcam_labs as text

if TYPE_CHECKING:
    from seglab.explain.targets import Instance
    from seglab.instances import Detections
    from seglab.runtime import Loaded
    from seglab.types import InstanceResult

HEIGHT = 340
BESIDE = "hirescam"  # the method that is shown beside the page's: it keeps the places that a mean forgets


@dataclass(frozen=True, eq=False)
class Objects:
    """What a detector found: all of it, the objects that are offered, and their rows in all of it; the best first."""

    detections: Detections
    offered: InstanceResult
    rows: tuple[int, ...]


def one_object(asked: Asked, sent: v.Sent) -> None:
    """Show this part of the tab."""
    key = detector(asked.source)
    if key is None:
        st.info(text.O_PHOTO)
        return
    st.markdown(text.O_INTRO)
    with segment_run.told():
        loaded, trouble = segment_run.load(key, gradcam_state.DETECTORS[0])
        found = objects(asked.source, loaded)
    if trouble:
        st.warning(trouble, icon=":material/cloud_off:")
    if not found.rows:
        st.info(text.O_NONE)
        return
    ids, entries = _numbered(found)
    n, missed = chosen(found, st.session_state["ospot"])
    i, mask = found.rows[n], found.offered.mask(n)
    of, layer = _controls(loaded)
    with segment_run.told():
        goal, why = _goal(asked.source, loaded, found, i, of)
    methods = tuple(dict.fromkeys((st.session_state["cam"], BESIDE)))
    where, *columns = st.columns(1 + len(methods))
    with where:
        st.markdown(text.O_LEFT)
        drawn = v.IdLayer(ids, entries, text.O_OBJECTS, text.O_NOTHING, mask, text.O_CHOSEN)
        event = v.viewer(
            sent, [drawn], key="gradcam.object.where", link="gradcam.object", height=HEIGHT, tools=("click",),
            opacity=0.45, outlines=True, legend=False, controls=False,
            alt=text.O_ALT_LEFT.format(what=asked.source.photo.alt, n=len(found.rows)),
        )  # fmt: skip
        if event.click:
            st.session_state["ospot"] = ",".join(map(str, event.click))
            st.rerun()
        if missed:
            st.caption(text.O_MISSED)
    if goal is None:
        st.warning(why, icon=":material/lightbulb:")
        return
    name = loaded.palette.names[goal.k]
    for column, method in zip(columns, methods, strict=True):
        with column:
            question = Question(asked.image, asked.source.photo.hash, loaded, goal, method, layer)
            _map(question, sent, name, mask, float(found.detections.scores[i]), asked.source.photo.alt)
    st.caption(text.O_NOTICE)


def _controls(loaded: Loaded) -> tuple[str, str]:
    """Choose what is summed, and the layer."""
    session = st.session_state
    layers = loaded.spec.cam_layers if loaded.spec else ()
    if session["olayer"] not in layers:
        session["olayer"] = layers[1]  # the deepest one's cells are larger than most things
    left, right = st.columns(2)
    of = left.segmented_control(
        text.O_OF, list(text.O_OFS), format_func=text.O_OFS.__getitem__, key="oof", required=True, help=text.O_OF_HELP,
        persist_state="session",
    )  # fmt: skip
    layer: str = right.selectbox(text.O_LAYER, layers, key="olayer", persist_state="session")
    return str(of), layer


def detector(source: Source) -> str | None:
    """Return the detector that is asked: the embedded one of a drawn street; of a photo torchvision's, if here."""
    if source.sample is not None:
        return gradcam_state.DETECTORS[0] if gradcam_state.DETECTORS[0] in zoo.offered() else None
    return next((key for key in gradcam_state.DETECTORS[1:] if zoo.weights_here(key)), None)


def objects(source: Source, loaded: Loaded) -> Objects:
    """Return what the detector finds, kept."""
    from seglab import instances

    key = "cam", "objects", source.photo.hash, loaded.weights_hash

    def make(cancel: Callable[[], bool]) -> Objects:
        found = instances.detect(source.photo.image, loaded, cancel=cancel)
        offered = instances.select(found)
        rows = tuple(int(np.flatnonzero((found.boxes == box).all(1))[0]) for box in offered.boxes)
        return Objects(found, offered, rows)

    there: Objects | None = KEPT.peek(key)
    return there or jobs.watch(key, lambda _, cancel: cache.kept(KEPT, key, lambda: make(cancel)), lambda *_: None)


def chosen(found: Objects, spot: str) -> tuple[int, bool]:
    """Return which of the offered objects is explained, the smallest one at `spot`, and whether none is there.

    Without a spot, or an object there, it is the largest of all.
    """
    areas = [int(found.offered.mask(n).sum()) for n in range(len(found.rows))]
    largest = areas.index(max(areas))
    if not spot:
        return largest, False
    x, y = gradcam_state.place(spot, 2)
    if x >= found.offered.size[1] or y >= found.offered.size[0]:
        return largest, True
    there = [n for n in range(len(areas)) if found.offered.mask(n)[y, x]]
    return (min(there, key=areas.__getitem__), False) if there else (largest, True)


def _numbered(found: Objects) -> tuple[np.ndarray, tuple[v.Entry, ...]]:
    """Return the objects' numbers over the picture, from 1, and what each is."""
    from seglab.draw_objects import instance_colors

    offered, palette = found.offered, found.offered.palette
    entries = []
    for n, (r, g, b) in enumerate(instance_colors(offered)[1:].tolist()):
        k = int(offered.classes[n])
        name = text.O_ENTRY.format(name=palette.names[k], n=n + 1, score=float(offered.scores[n]))
        entries.append(v.Entry(n + 1, name, (r, g, b), palette.names[k]))
    return offered.ids(), tuple(entries)


def _map(question: Question, sent: v.Sent, name: str, mask: Mask, sure: float, what: str) -> None:
    """Show a map of the object, and what is read off it."""
    session = st.session_state
    method = gradcam_controls.method_name(question.method)
    st.markdown(text.O_RIGHT.format(name=name, method=method))
    kept = gradcam_gate.gated(question, f"object.{question.method}")
    values, why = gradcam_map.heat(question, kept, signed=session["signed"])
    shown = [] if values is None else [gradcam_map.layer(values, session["signed"], session["low"])]
    v.viewer(
        sent, shown, key=f"gradcam.object.map.{question.method}", link="gradcam.object", height=HEIGHT, opacity=0.65,
        legend=False, controls=False, alt=text.O_ALT.format(what=what, method=method, name=name),
    )  # fmt: skip
    if why:
        st.warning(why, icon=":material/lightbulb:")
    positive, _ = gradcam_map.heat(question, kept, signed=False)
    if positive is not None and (outside := gradcam_run.outside(positive, mask)) is not None:
        st.metric(text.O_OUTSIDE, f"{outside.share:.0%}", gradcam_map.text.EVEN.format(even=outside.even),
                  delta_color="off", delta_arrow="off", help=text.O_OUTSIDE_HELP)  # fmt: skip
    if kept.found is not None:
        st.caption(text.O_NUMBERS.format(name=name, sure=sure, score=kept.found.score,
                                         most=float(kept.found.raw.max())))  # fmt: skip


def _goal(source: Source, loaded: Loaded, found: Objects, i: int, of: str) -> tuple[Instance | None, str]:
    """Return the target, or None and why there is none."""
    try:
        return _target(source, loaded, found, i, of == "mask"), ""
    except ValueError as error:
        return None, str(error)


def _target(source: Source, loaded: Loaded, found: Objects, i: int, mask: bool) -> Instance:
    """Return the library's target of object i; the proposal that its class was read from takes a pass, and is kept."""
    from seglab.explain import of_detection

    key = "cam", "target", source.photo.hash, loaded.weights_hash, i, mask

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> Instance:
        of = "mask" if mask else "class"
        return cache.kept(KEPT, key, lambda: of_detection(
            source.photo.image, loaded, found.detections, i, of, cancel=cancel  # type: ignore[arg-type]
        ))  # fmt: skip

    there: Instance | None = KEPT.peek(key)
    return there or jobs.watch(key, work, lambda *_: None)
