"""Two networks, one picture, one class: which of the two looks more reasonable? Asked before anything is revealed."""

from __future__ import annotations

import csv
import io
import uuid
import zlib

import numpy as np
import streamlit as st

from ui import files, gradcam_gate, gradcam_map, gradcam_run, gradcam_state, segment_controls, segment_run
from ui import viewer as v
from ui.gradcam_run import Asked, Kept, Map
from ui.gradcam_votes import VOTES
from ui.segment_state import short_side
from ui.texts import gradcam_more as text

VOTER, OPEN = "gradcam.voter", "gradcam.open"
HEIGHT = 300


def two(asked: Asked, sent: v.Sent) -> None:
    """Show the tab."""
    st.markdown(text.TWO_INTRO)
    other = _other(asked)
    if other is None:
        return
    first = gradcam_run.by(asked, layer=_usual(asked))
    question = ("cam", "two", first.key, other.key)
    # Which of the two is A depends on the question alone: alike for all who vote on it, and not told by the controls.
    swapped = bool(zlib.crc32(repr(question).encode()) & 1)
    a, b = (other, first) if swapped else (first, other)
    answers = gradcam_gate.gated(a, "two.a"), gradcam_gate.gated(b, "two.b")
    maps = [gradcam_map.heat(one, kept, signed=False) for one, kept in zip((a, b), answers, strict=True)]
    voter = st.session_state.setdefault(VOTER, uuid.uuid4().hex)
    said = VOTES.of(question, voter)
    opened = st.session_state.setdefault(OPEN, set())
    hidden = said is None and question not in opened
    for column, one, name, (values, why) in zip(st.columns(2), (a, b), "AB", maps, strict=True):
        with column:
            st.markdown(f"**{name}**")
            _map(one, values, sent, name)
            if why:  # in the network's own words, which would tell A from B
                st.info(text.TWO_NO_MAP if hidden else why)
    st.markdown(text.TWO_ASK.format(name=asked.name))
    for n, (column, label) in enumerate(zip(st.columns(len(text.FIVE)), text.FIVE, strict=True)):
        column.button(
            label, key=f"gradcam.vote.{n}", on_click=VOTES.vote, args=(question, voter, n), width="stretch",
            type="primary" if said == n else "secondary",
        )  # fmt: skip
    if hidden:
        st.button(text.TWO_SKIP, on_click=_open, args=(question,), type="tertiary")
        return
    _reveal(a, b, answers, [values for values, _ in maps])
    _votes(question, a, b)


def _open(question: tuple[object, ...]) -> None:
    seen: set[object] = st.session_state[OPEN]
    if len(seen) > 100:
        seen.clear()
    seen.add(question)


def _other(asked: Asked) -> Asked | None:
    """Choose the second network; return the same question to it, None where it doesn't know the class."""
    session = st.session_state
    options = [key for key in gradcam_state.SCENE_MODELS if key != asked.loaded.key]
    if asked.source.sample is None:
        options = [key for key in options if key != "scenes"]
    if session["other"] not in options:
        session["other"] = options[0]
    key = st.selectbox(
        text.OTHER, options, key="other", format_func=segment_controls.model_name, persist_state="session"
    )
    from seglab.inference import Options

    with segment_run.told():
        loaded, trouble = segment_run.load(key)
    if trouble:
        st.warning(trouble, icon=":material/cloud_off:")
    if loaded.key == asked.loaded.key:
        return None
    same = gradcam_run.same_class(asked.name, loaded.palette.names)
    if same is None:
        st.info(text.OTHER_CLASSES.format(model=loaded.spec.title if loaded.spec else loaded.key, name=asked.name))
        return None
    with segment_run.told():
        run = segment_run.run(asked.source.photo, loaded, Options(short_side=short_side(asked.short)), 1.0, 0.0)
    found = gradcam_run.by(asked, run=run, k=loaded.palette.index(same))
    return gradcam_run.by(found, layer=_usual(found))


def _usual(asked: Asked) -> str:
    spec = asked.loaded.spec
    return spec.cam_layers[0] if spec else asked.layer


def _map(asked: Asked, values: Map | None, sent: v.Sent, name: str) -> None:
    layers = [] if values is None else [gradcam_map.layer(values, False, st.session_state["low"])]
    v.viewer(sent, layers, key=f"gradcam.two.{name}", link="gradcam.two", height=HEIGHT, opacity=0.65, controls=False,
             legend=False, alt=text.ALT_TWO.format(name=name, label=asked.name))  # fmt: skip


def _reveal(a: Asked, b: Asked, answers: tuple[Kept, Kept], maps: list[Map | None]) -> None:
    """Say which network is which, what each predicts and, where the truth is known, how right and where it looked."""
    rows: dict[str, list[str]] = {text.TWO_COLUMN: [], "A": [], "B": []}

    def row(name: str, *values: str) -> None:
        for key, value in zip(rows, (name, *values), strict=True):
            rows[key].append(value)

    row(text.NETWORK, *(one.run.spec.title for one in (a, b)))
    row(text.LAYER, *(one.layer for one in (a, b)))
    row(text.LARGEST, *("–" if kept.found is None else f"{gradcam_run.end(kept.found, False):.3g}" for kept in answers))
    row(text.PREDICTED, *(f"{one.predicted().mean():.1%}" for one in (a, b)))
    both = [gradcam_map.outsides(one, values) for one, values in zip((a, b), maps, strict=True)]
    row(text.OUTSIDE, *("–" if of[0] is None else f"{of[0].share:.0%}" for of in both))
    true = a.true()
    known = true is not None and true.any()
    if true is not None and known:
        row(text.CLASS_IOU, *(f"{iou(one.predicted(), true):.2f}" for one in (a, b)))
        row(text.RECALL, *(f"{one.predicted()[true].mean():.0%}" for one in (a, b)))
        row(text.ENERGY, *("–" if of[1] is None else f"{1 - of[1].share:.0%}" for of in both))
    st.table(rows, hide_index=True)
    st.caption(text.TWO_NOTE if known else text.TWO_NO_TRUTH if true is None else text.TWO_ABSENT.format(name=a.name))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Return the intersection over union of two masks (H, W), NaN of two empty ones."""
    union = int((a | b).sum())
    return float((a & b).sum()) / union if union else float("nan")


def _votes(question: tuple[object, ...], a: Asked, b: Asked) -> None:
    counts = VOTES.tally(question)
    st.markdown(text.VOTES.format(n=sum(counts)))
    bar = st.column_config.ProgressColumn(format="%d", min_value=0, max_value=max(1, *counts))
    columns = {text.ANSWER: list(text.FIVE), text.COUNT: counts}
    st.dataframe(columns, hide_index=True, column_config={text.COUNT: bar})
    files.offer(text.VOTES_SAVE, lambda: table(counts, a, b), "votes.csv", "text/csv", key="gradcam.votes")
    st.caption(text.VOTES_NOTE)


def table(counts: list[int], a: Asked, b: Asked) -> bytes:
    """Return the tally as CSV (UTF-8): picture, class, A, B, answer, votes."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(["picture", "class", "a", "b", "answer", "votes"])
    for label, n in zip(text.FIVE, counts, strict=True):
        rows.writerow([a.source.photo.title, a.name, a.loaded.key, b.loaded.key, label, n])
    return out.getvalue().encode()
