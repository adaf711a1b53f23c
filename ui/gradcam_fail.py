"""Where prediction and truth differ: the map of either class at the wrong pixels, and the model's worst streets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from seglab.palettes import SCENES
from ui import compare_source, gradcam_gate, gradcam_map, gradcam_run, jobs
from ui import viewer as v
from ui.compare_state import scene_parameters
from ui.gradcam_run import Asked, Mask
from ui.texts import gradcam_more as text

STREETS = 30  # looked at for the worst list
WORST = 8  # listed
PAIRS = 6  # confusions offered, the largest first
LEAST = 20  # wrong pixels of a confusion that is offered
HEIGHT = 300
PAIR = "gradcam.pair"  # the widget's; the link has "pair"


@dataclass(frozen=True)
class Mistake:
    """Pixels of one class that were taken for another."""

    true: int
    said: int
    pixels: int


@dataclass(frozen=True)
class Street:
    """How a street came out: its number, the share of right pixels, mean IoU, and the largest mistake."""

    seed: int
    accuracy: float
    mean_iou: float
    worst: Mistake | None


def failures(asked: Asked, sent: v.Sent) -> None:
    """Show the tab."""
    sample = asked.source.sample
    if sample is None or asked.run.palette != SCENES:
        st.info(text.FAIL_NO_TRUTH)
        return
    found = mistakes(sample.labels, asked.run.labels(), len(SCENES))
    if not found:
        st.success(text.FAIL_NONE)
    else:
        by_name = {f"{SCENES.names[one.true]}>{SCENES.names[one.said]}": one for one in found}
        now = st.session_state
        now[PAIR] = now["pair"] if now["pair"] in by_name else next(iter(by_name))
        pair = st.selectbox(text.FAIL_WHICH, list(by_name), key=PAIR, format_func=lambda name: _named(by_name[name]),
                            on_change=_take)  # fmt: skip
        _pair(asked, by_name[pair], sent)
    st.markdown(f"**{text.WORST}**")
    _worst(asked)


def _take() -> None:
    st.session_state["pair"] = st.session_state[PAIR]


def mistakes(truth: np.ndarray, labels: np.ndarray, n_classes: int) -> list[Mistake]:
    """Return the largest confusions of labels (H, W) with the truth (H, W), the largest first.

    >>> mistakes(np.zeros((5, 5), np.uint8), np.full((5, 5), 2, np.uint8), 3)
    [Mistake(true=0, said=2, pixels=25)]
    """
    from seglab.metrics.confusion import confusion_matrix

    cm = confusion_matrix(truth, labels, n_classes)[:, :n_classes].copy()
    np.fill_diagonal(cm, 0)
    order = np.argsort(-cm, axis=None, kind="stable")[:PAIRS]
    pairs = [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, cm.shape), strict=True)]
    return [Mistake(i, j, int(cm[i, j])) for i, j in pairs if cm[i, j] >= LEAST]


def _named(mistake: Mistake) -> str:
    return text.MISTAKE.format(true=SCENES.names[mistake.true], said=SCENES.names[mistake.said], n=mistake.pixels)


def _pair(asked: Asked, mistake: Mistake, sent: v.Sent) -> None:
    """Show where it is, and the maps of the true and the predicted class at these pixels, on one scale."""
    assert asked.source.sample is not None
    wrong: Mask = (asked.source.sample.labels == mistake.true) & (asked.run.labels() == mistake.said)
    region = ("wrong", f"{mistake.true},{mistake.said}")
    both = [gradcam_run.by(asked, k=k, region=region, painted=wrong, of="logit") for k in (mistake.true, mistake.said)]
    answers = [gradcam_gate.gated(one, f"wrong.{n}") for n, one in enumerate(both)]
    most = max((kept.found.magnitude for kept in answers if kept.found is not None), default=0.0)
    where, *columns = st.columns(3)
    with where:
        st.markdown(text.FAIL_WHERE)
        labels = v.LabelLayer(wrong.astype(np.uint8), gradcam_map.REGION, text.FAIL_WHERE.strip("*"))
        v.viewer(sent, [labels], key="gradcam.fail.where", link="gradcam.fail", height=HEIGHT, opacity=0.5,
                 legend=False, controls=False, outlines=True, alt=text.ALT_WRONG)  # fmt: skip
    titles = (text.FAIL_TRUE, text.FAIL_SAID)
    for n, (column, one, kept, title) in enumerate(zip(columns, both, answers, titles, strict=True)):
        with column:
            st.markdown(title.format(name=one.name))
            layers = []
            if kept.found is None:
                st.info(kept.why or text.NO_MAP)
            else:
                values = kept.found.heat(relu=False, magnitude=most)
                layers = [v.HeatLayer(values, text.SUM, -1.0, 1.0, diverging=True)]
            v.viewer(sent, layers, key=f"gradcam.fail.{n}", link="gradcam.fail", height=HEIGHT, opacity=0.65,
                     controls=False, legend=n == 0, alt=text.ALT_FAIL.format(name=one.name))  # fmt: skip
            if kept.found is not None:
                mean = kept.found.score / int(wrong.sum())
                st.caption(text.FAIL_SCORE.format(mean=mean, most=kept.found.magnitude))
    st.caption(text.FAIL_NOTE.format(most=most))


def _worst(asked: Asked) -> None:
    """Show the streets that the model gets most wrong, of those numbered from 0, drawn with the same parameters."""
    how = scene_parameters(st.session_state)
    loaded = asked.loaded

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> tuple[Street, ...]:
        return tuple(look(asked, seed, how, n, progress, cancel) for n, seed in enumerate(range(STREETS)))

    key = "cam", "worst", loaded.weights_hash, how, asked.short
    note = text.WORST_COST.format(n=STREETS)
    found = gradcam_gate.computed(key, "worst", text.WORST_RUN, note, work)
    if found is None:
        return
    ranked = sorted(found, key=lambda street: street.mean_iou)[:WORST]
    rows = [
        (str(s.seed), f"{s.mean_iou:.3f}", f"{s.accuracy:.1%}", _named(s.worst) if s.worst else "–") for s in ranked
    ]
    st.table({name: [row[i] for row in rows] for i, name in enumerate(text.WORST_COLUMNS)}, hide_index=True)
    with st.container(horizontal=True):
        for street in ranked:
            st.button(text.OPEN.format(seed=street.seed), key=f"gradcam.open.{street.seed}", on_click=_open,
                      args=(street.seed,))  # fmt: skip
    st.caption(text.WORST_NOTE)


def look(asked: Asked, seed: int, how: object, n: int, progress: jobs.Progress, cancel: Callable[[], bool]) -> Street:
    """Draw a street, let the network look at it, and compare; Cancelled if nobody waits any more."""
    from seglab import inference
    from seglab.datasets import scenes
    from seglab.metrics import confusion
    from seglab.sharing import Cancelled
    from ui.segment_state import short_side

    if cancel():
        raise Cancelled("Cancelled.")
    progress(n, STREETS)
    sample = scenes.render(seed, 0, how, compare_source.SIZE).sample  # type: ignore[arg-type]
    options = inference.Options(short_side=short_side(asked.short))
    labels = inference.segment(sample.image, asked.loaded, options, cancel=cancel).labels
    cm = confusion.confusion_matrix(sample.labels, labels, len(SCENES))
    found = mistakes(sample.labels, labels, len(SCENES))
    return Street(seed, confusion.pixel_accuracy(cm), confusion.mean_iou(cm), found[0] if found else None)


def _open(seed: int) -> None:
    st.session_state["seed"] = seed
    st.session_state["pair"] = ""
