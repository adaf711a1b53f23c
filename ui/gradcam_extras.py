"""Around the maps of the page "Grad-CAM": the question, experiments, downloads, lesson file, cost, what is pinned."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image as Pil

from ui import files, gradcam_controls, gradcam_map, gradcam_run, lesson, losses_masks, state
from ui import viewer as v
from ui.compare_source import Source
from ui.cost_strip import amount, cost_strip
from ui.experiments import buttons
from ui.gradcam_presets import PRESETS
from ui.gradcam_run import Asked, Kept, Map
from ui.gradcam_state import FIELDS
from ui.pin import Number, Pinned
from ui.presets import Preset
from ui.texts import gradcam as text
from ui.texts import shared

SAID = "gradcam.said"  # what was answered, and to which question
MOST, LITTLE = 0.75, 1 / 3  # shares of the heat on the mask between the answers


def ask(asked: Asked, sent: v.Sent) -> bool:
    """Ask how much of the heat lies on the mask, once; return whether the map may be shown.

    Where the class isn't predicted, or something else than its mask is explained, there is nothing to ask.
    """
    session = st.session_state
    if not session["reveal"] and not (asked.region[0] == "predicted" and asked.predicted().any()):
        session["reveal"] = True
    if session["reveal"]:
        return True
    left, right = st.columns(2)
    with left:
        gradcam_map.where(asked, sent)
    with right:
        st.markdown(text.ASK.format(name=asked.name, well=_well(asked), **_how(asked)))
        for key, label in text.ANSWERS.items():
            st.button(label, key=f"gradcam.{key}", on_click=_answer, args=(asked, key), width="stretch")
        st.button(text.SKIP, on_click=_answer, args=(asked, ""), type="tertiary")
    return False


def _how(asked: Asked) -> dict[str, str]:
    """Return the method's title, and the place of its map in words."""
    where = text.AT_LAYER.format(layer=asked.layer) if asked.by_layer else ""
    return {"method": gradcam_controls.method_name(asked.method), "where": where}


def _well(asked: Asked) -> str:
    """Say how well the class is found, where the truth is known and it is found well."""
    true, found = asked.true(), asked.predicted()
    if true is None or not true.any():
        return ""
    iou = float((true & found).sum() / (true | found).sum())
    return text.WELL.format(iou=iou) if iou > 0.7 else ""


def _answer(asked: Asked, said: str) -> None:
    st.session_state["reveal"] = True
    st.session_state[SAID] = (asked.key, said)


def answered(asked: Asked, values: Map | None) -> None:
    """Say what was predicted and what is measured, as long as the question is the one that was asked."""
    of, said = st.session_state.get(SAID, (None, ""))
    found = gradcam_map.outsides(asked, values)[0]
    if of != asked.key or found is None:
        return
    on = 1 - found.share
    true = "most" if on >= MOST else "little" if on <= LITTLE else "half"
    verdict = "" if not said else text.RIGHT if said == true else text.WRONG.format(said=text.ANSWERS[said])
    st.info(
        text.REVEALED.format(verdict=verdict, on=on, name=asked.name, area=1 - found.even).strip(),
        icon=":material/local_fire_department:",
    )


def experiments() -> None:
    """Show the presets."""
    buttons(PRESETS, start)


def start(preset: Preset) -> None:
    """Set every choice as the preset's link would."""
    values, _ = state.read(FIELDS, preset.params)
    st.session_state.update(values)
    st.session_state.pop(SAID, None)
    gradcam_controls.new_sheet()


def downloads(asked: Asked, kept: Kept, values: Map | None, source: Source) -> None:
    """Offer the map, its numbers, region and picture; and the lesson file."""
    makes: dict[str, Callable[[], bytes]] = {"picture.png": lambda: _png(source.photo.image)}
    if kept.found is not None and values is not None:
        found = kept.found
        makes |= {"map.npy": partial(_npy, found.raw), "heat.npy": partial(_npy, values)}
        if found.alpha is not None:
            makes["alpha.npy"] = partial(_npy, found.alpha)
        if (region := kept.region()) is not None:
            makes["region.png"] = partial(_png, region.astype(np.uint8) * 255)
    st.caption(text.DOWNLOAD_NOTE)
    with st.container(horizontal=True):
        for name, make in makes.items():
            mime = "image/png" if name.endswith(".png") else "application/octet-stream"
            files.offer(text.DOWNLOADS[name], make, name, mime, key=f"gradcam.{name}")
    lesson.save(FIELDS, source.photo, text.LESSON_HELP)
    lesson.load(FIELDS, lambda _: gradcam_controls.new_sheet())


def numbers(asked: Asked, kept: Kept, values: Map | None) -> Pinned:
    """Return what the A/B pin keeps: the heat in tenths of its largest value, the numbers, the choices."""
    size = asked.source.photo.size
    labels = np.zeros(size, np.uint8) if values is None else np.rint(np.clip(values, 0, 1) * 10).astype(np.uint8)
    found: dict[str, Number] = {}
    if kept.found is not None:
        most = gradcam_run.end(kept.found, False)
        found = {text.MAGNITUDE: Number(most, digits(most)), text.SCORE: Number(kept.found.score, 2)}
    for name, share in zip((text.NUMBER_OUTSIDE, text.NUMBER_TRUE), gradcam_map.outsides(asked, values), strict=True):
        if share is not None:
            found[name] = Number(100 * share.share, 1)
    choices = {
        text.WHAT: asked.source.photo.title, text.MODEL: asked.run.spec.title, shared.CLASS: asked.name,
        text.LAYER: asked.layer, text.WHERE: kept.found.target if kept.found else text.REGIONS[asked.region[0]],
        text.METHOD: gradcam_run.how(asked.method).title, text.OF: text.OFS[asked.of],
        text.MIRROR: state.text(asked.mirror), text.SHORT: asked.short,
    }  # fmt: skip
    return Pinned(labels, losses_masks.levels(), found, choices)


def digits(value: float) -> int:
    """Return how many digits after the point show four that count: values may be tiny, and are compared.

    >>> digits(0.0001234), digits(123456.0), digits(0.0)
    (7, 0, 4)
    """
    return min(12, max(0, 3 - math.floor(math.log10(abs(value))))) if value else 4


def costs(asked: Asked, kept: Kept, fresh: bool) -> None:
    """Show the cost strip of the explanation."""
    from seglab import runtime

    if kept.found is None:
        return
    size = gradcam_run.explained_size(asked.loaded, asked.source.photo.size, asked.short, asked.method)
    cost = runtime.cost(asked.loaded, *size)
    passes = gradcam_run.how(asked.method).passes * (1 + asked.mirror)
    entries = [(shared.MS, f"{kept.ms:.0f} ms"), (shared.PEAK, amount(kept.peak, "B")),
               (text.PASSES_COST, str(passes)), (shared.MACS, amount(cost.macs, "")),
               (shared.PARAMETERS, amount(cost.parameters, "")), (shared.DEVICE, str(asked.loaded.device))]  # fmt: skip
    cost_strip(entries, text.COST_NOTE if fresh else shared.FROM_CACHE)


def _npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def _png(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    Pil.fromarray(values).save(out, "PNG")
    return out.getvalue()
