"""The rest of the Segment page: model card, advice, experiments, question, downloads, lesson file, numbers."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from seglab import export, zoo
from seglab.cards import Score
from seglab.download import WeightsError
from seglab.types import Labels, SemanticResult
from ui import files, gallery, picker, state
from ui.cost_strip import amount, cost_strip
from ui.experiments import buttons
from ui.pin import Number, Pinned
from ui.presets import PRESETS, Preset
from ui.segment_advice import Advice, advise
from ui.segment_controls import chosen, model_name
from ui.segment_mask import Mask
from ui.segment_run import Run
from ui.segment_state import FIELDS
from ui.segment_uses import alpha
from ui.texts import segment as text
from ui.texts import shared


def card(run: Run) -> None:
    """Show the model's card in a popover."""
    spec = run.spec
    try:
        about = zoo.card(spec.key)
    except WeightsError as error:
        st.caption(str(error))
        return
    scores = [
        text.CARD_SCORE.format(iou=score.mean_iou, accuracy=score.pixel_accuracy, split=split)
        + (text.CARD_WITHOUT.format(split=split) if split in about.trained_on else "")
        for split, score in about.scores.items()
        if isinstance(score, Score)  # of models that give a class for each pixel it always is
    ]
    scores += [text.CARD_HOLD_OUT.format(iou=value, name=name) for name, value in about.hold_out.items()]
    with st.popover(text.CARD, icon=":material/badge:", width="stretch"):
        st.markdown(text.CARD_TEXT.format(
            title=spec.title, parameters=run.parameters() / 1e6, mb=zoo.weights_bytes(spec.key) / 1e6,
            n=len(spec.palette), palette=spec.palette.title, classes=", ".join(spec.palette.names),
            scores="; ".join(scores) or text.CARD_NONE, data=about.data, licence=about.licence,
            failures=" ".join(about.failures) or "–", paper=spec.paper,
        ))  # fmt: skip


def notices(run: Run, trouble: str | None, wanted: str) -> None:
    """Say, in one box, what isn't as asked and what to try: another model answered, or it knows nothing of this.

    `trouble` is why the model `wanted` couldn't be had, None if it could.
    """
    if run.notice:
        st.info(run.notice, icon=":material/memory:")
    found = _advice(run)
    if trouble is None and found is None:
        return
    what, _, why = (trouble or "").partition(". ")
    said = f"{what}. " if what else ""
    st.warning(said + (found.reason if found else ""), icon=":material/help:")
    with st.container(horizontal=True):
        if trouble is not None:
            st.button(text.RETRY, key="notice.retry", on_click=_try, args=(wanted,))
            with st.popover(text.WHY):
                st.write(why)
        for key in found.models if found else ():
            if key != wanted or trouble is None:
                label = text.TRY_MODEL.format(title=model_name(key))
                st.button(label, key=f"notice.{key}", on_click=_try, args=(key,))
        if found and run.photo.key != gallery.DEFAULT:
            label = text.TRY_PICTURE.format(title=gallery.GALLERY[gallery.DEFAULT].title)
            st.button(label, key="notice.picture", on_click=picker.choose, args=(gallery.DEFAULT,))


def _advice(run: Run) -> Advice | None:
    counts = run.areas(1.0, 0.0)[:-1]
    try:
        familiar = zoo.card(run.loaded.key).confidence_p05
    except WeightsError:  # a card that can't be read says nothing
        familiar = None
    return advise(run.loaded.key, run.palette, counts, run.confidence(1.0), familiar, run.photo.suits)


def _try(key: str) -> None:
    st.session_state.get("model.failed", {}).pop(key, None)  # a click means: try the download again
    st.session_state["model"] = key


def experiments() -> None:
    """Show the presets."""
    buttons(PRESETS, start_preset)


def start_preset(preset: Preset) -> None:
    """Set every choice as the preset's link would; an own picture stays in the session, out of use."""
    values, _ = state.read(FIELDS, preset.params)
    st.session_state.update(values)


def question(run: Run) -> None:
    """Predict, reveal, explain: does temperature change labels? The answer is measured on the picture in use."""
    st.markdown(text.PREDICT)
    said = st.radio(text.PREDICT, list(text.PREDICT_OPTIONS), format_func=text.PREDICT_OPTIONS.__getitem__, index=None,
                    horizontal=True, key="predict", label_visibility="collapsed")  # fmt: skip
    if said is None:
        return
    # With a threshold, if one that every pixel passes: without, `labels` knows the answer and leaves out the division.
    cold, hot = run.labels(1.0, 1e-9), run.labels(4.0, 1e-9)
    changed = int(np.count_nonzero(cold != hot))
    share = changed / cold.size
    answer = "none" if changed == 0 else "some" if share < 0.25 else "half"
    st.markdown(text.REVEAL.format(changed=changed, total=cold.size, before=run.confidence(1.0),
                                   after=run.confidence(4.0)))  # fmt: skip
    st.markdown(text.RIGHT if said == answer else text.WRONG.format(said=text.PREDICT_OPTIONS[said]))
    st.markdown(text.EXPLAIN)


def downloads(run: Run, labels: Labels, region: list[int]) -> None:
    """Show a button per export; its bytes are made when it is pressed. `region`: the classes that the cut-out keeps."""
    st.caption(text.DOWNLOADS.format(region=", ".join(run.palette.names[k] for k in region)))
    with st.container(horizontal=True):
        for form in export.FORMATS:
            files.offer(form.title, partial(_export, form, run, labels, region), f"{run.photo.stem}{form.suffix}",
                        form.mime, key=f"segment.{form.key}")  # fmt: skip


def _export(form: export.Format, run: Run, labels: Labels, region: list[int]) -> bytes:
    photo, result = run.photo, SemanticResult(labels, run.logits, run.palette)
    cut = alpha(run, labels, region) if form.needs_alpha else None
    return form.function(export.Source(photo.image, result, photo.name, photo.file_size, alpha=cut))


def costs(run: Run) -> None:
    """Show the cost strip of the run."""
    entries = [(shared.MS, f"{run.ms:.0f} ms"), (shared.PEAK, amount(run.peak, "B")),
               (shared.MACS, amount(run.macs(), "")), (shared.PARAMETERS, amount(run.parameters(), "")),
               (shared.DEVICE, run.device())]  # fmt: skip
    cost_strip(entries, shared.FRESH if run.fresh else shared.FROM_CACHE)


def numbers(run: Run, mask: Mask) -> Pinned:
    """Return what the A/B pin keeps of this result; areas in per cent."""
    share = 100 * mask.counts / max(int(mask.counts.sum()), 1)
    values = {text.NUMBER_CONFIDENCE: Number(run.confidence(), 3), text.NUMBER_UNSURE: Number(float(share[-1]), 1),
              text.NUMBER_MS: Number(run.ms, 1)}  # fmt: skip
    values |= {text.NUMBER_AREA.format(name=name): Number(float(share[k]), 1)
               for k, name in enumerate(run.palette.names) if mask.counts[k]}  # fmt: skip
    return Pinned(mask.labels, run.palette, values, chosen(run.photo.title, run.loaded.key))
