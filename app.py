"""Home: what the lab is, the map of the course, what runs on this machine, where to start."""

from __future__ import annotations

import streamlit as st

from seglab import zoo
from seglab.download import WeightsError
from ui.cards import experiment_card, lesson_card
from ui.lessons import lessons
from ui.machine import machine, torch_device
from ui.page import page
from ui.texts import home as text

COLUMNS = 3


def models_table() -> str:
    """Return the models as a Markdown table: name and classes, size and whether it is here, score."""
    rows = [text.MODEL_HEAD]
    for key in zoo.offered():
        spec = zoo.get(key)
        where = text.HERE if zoo.weights_here(key) else text.DOWNLOAD
        if not zoo.weights_here(key) and isinstance(spec.source, zoo.Embedded):
            where = text.MISSING
        where = where.format(mb=zoo.weights_bytes(key) / 1e6)
        classes = {"n": len(spec.palette), "palette": spec.palette.title}
        rows.append(text.MODEL_ROW.format(title=spec.title, where=where, score=score(key), **classes))
    return "\n".join(rows)


def score(key: str) -> str:
    """Return the model's first score with the name of its split, or a dash where there is no card."""
    try:
        scores = zoo.card(key).scores
    except WeightsError:
        return text.NO_SCORE
    for split, measured in scores.items():
        metric, value = measured.headline
        return text.SCORE.format(metric=metric, score=value, split=split)
    return text.NO_SCORE


def machine_line() -> str:
    """Say in a sentence what computes here."""
    this, device = machine(), torch_device()
    return text.MACHINE_LINE.format(
        processor=this.processor,
        cores=text.CORE if this.cores == 1 else text.CORES.format(n=this.cores),
        memory=text.MEMORY.format(gb=this.memory / 2**30) if this.memory else "",
        gpu=this.gpu or text.NO_GPU,
        computes=text.COMPUTES.format(device=device) if device else text.LOADING,
    )


page(text.TITLE, text.QUESTION)
st.markdown(text.INTRO)
course = lessons()
for lesson in course:
    lesson_card(lesson)
if course:
    st.markdown(text.START.format(first=course[0].title))
for lesson in course:
    st.header(text.EXPERIMENTS.format(lesson=lesson.title), anchor=False)
    for first in range(0, len(lesson.experiments), COLUMNS):
        for column, preset in zip(st.columns(COLUMNS), lesson.experiments[first : first + COLUMNS], strict=False):
            with column:
                experiment_card(lesson, preset)
st.header(text.MACHINE, anchor=False)
st.markdown(machine_line())
st.markdown(models_table())
st.caption(text.MODELS_NOTE)
