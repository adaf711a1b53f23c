"""Around the three panes: the guess, the ways to count nuclei, experiments, downloads, cost."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from seglab import export
from ui import cache, compare_state, files, lesson, picker, segment_run, state
from ui.compare_controls import drawn, name
from ui.compare_names import names, things
from ui.compare_panes import BESIDE, legend
from ui.compare_presets import PRESETS
from ui.compare_run import Run, Settings, needs, usual
from ui.compare_run import run as compute
from ui.compare_source import Source
from ui.compare_state import FIELDS
from ui.cost_strip import amount, cost_strip
from ui.experiments import buttons
from ui.pin import Number, Pinned
from ui.presets import Preset
from ui.texts import compare as text
from ui.texts import shared

if TYPE_CHECKING:
    from seglab.runtime import Loaded

GUESSES, SAID = "compare.guesses", "compare.said"  # by what they are about: (number, the picture's hash), or None
TOLD = "compare.told"  # the sentence of the preset that was started


def answered(source: Source) -> bool:
    """Return whether the answers may be shown: somebody has guessed, or skipped that, or followed a link to them."""
    session = st.session_state
    guesses = session.setdefault(GUESSES, {})
    if session["open"]:  # a link, an experiment or a lesson asks for the answers: of its own picture, and of no other
        guesses.setdefault(source.question, None)
        session["open"] = session["what"] == "photo" and picker.missing()  # its own picture is still to come
    return source.question in guesses


def keep_link(source: Source) -> None:
    """Write the link; it says whether the answers are shown."""
    session = st.session_state
    asked, session["open"] = session["open"], source.question in session[GUESSES]
    state.keep_link(FIELDS, st.query_params, session, "compare")
    session["open"] = asked


def ask(source: Source) -> None:
    """Ask how many there are."""
    st.markdown(f"**{text.GUESS_NUCLEI if st.session_state['what'] == 'cells' else text.GUESS}**")
    form, skip = st.columns([3, 1], vertical_alignment="bottom")
    with form.form("compare.guess.form", border=False):
        number, answer = st.columns([2, 1], vertical_alignment="bottom")
        number.number_input(text.QUESTION, 0, 999, value=None, key=SAID, label_visibility="collapsed")
        answer.form_submit_button(text.REVEAL, type="primary", width="stretch", on_click=_open, args=(source, True))
    skip.button(text.SHOW, on_click=_open, args=(source, False), width="stretch")


def guessed(source: Source) -> None:
    """Say what was guessed, and what is true."""
    said, about = st.session_state[GUESSES].get(source.question) or (None, "")
    true = source.things
    if said is not None and about == source.photo.hash:
        st.markdown(text.GUESSED.format(n=said) if true is None else text.GUESSED_TRUE.format(n=said, true=true))
    elif true is not None:
        st.markdown((text.TRUE_NUCLEI if st.session_state["what"] == "cells" else text.TRUE).format(true=true))
    if true is None:
        st.caption(text.UNKNOWN)
    told = st.session_state.get(TOLD)
    if isinstance(told, str):  # of the picture that the preset brought, and of no other one
        told = st.session_state[TOLD] = (source.photo.hash, told)
    if told and told[0] == source.photo.hash:
        st.info(told[1], icon=":material/science:")


def ways(run: Run) -> dict[str, int]:
    """Return how many objects each way to count nuclei finds, by its key; of other pictures nothing.

    Those that aren't chosen find them by their usual selection: what the sliders say would cost a watershed each time.
    """
    if run.semantic.palette.title != "Nuclei":
        return {}
    counts = {}
    for key in compare_state.object_options(st.session_state["what"], run.semantic.key):
        if key == run.objects:
            counts[key] = len(run.found())
            continue
        detector = needs(key)
        loaded = segment_run.load(detector)[0] if detector else None
        own = usual(key)
        settings = replace(run.settings, score=own.score, nms=own.nms, mask=own.mask_threshold)
        made = partial(_count, run, key, loaded, settings)
        counts[key] = cache.kept(cache.NUMBERS, (*run.key, "count", key, settings.limit, settings.only), made)
    return counts


def _count(run: Run, key: str, loaded: Loaded | None, settings: Settings) -> int:
    return len(compute(run.source, run.semantic, key, loaded, settings).found())


def counted(run: Run) -> None:
    """Show how many nuclei each way finds, beside the truth."""
    counts = ways(run)
    if counts:
        rows = {name(key): n for key, n in counts.items()}
        if run.source.things is not None:
            rows[text.TRUTH_LAYER] = run.source.things
        table = {text.WAY: list(rows), text.NUCLEI: [str(n) for n in rows.values()]}
        st.table(table, hide_index=True)


def legends(run: Run) -> None:
    """Show the one legend of all panes."""
    result = run.fused()
    present = {s.label for s in result.segments} | set(run.areas())
    st.html(legend(result.palette, present))


def notes(run: Run) -> None:
    """Say what to do, and what these models can't."""
    if run.source.sample is not None:
        st.toggle(text.BESIDE, key=BESIDE)
    st.caption(text.NOTICE)
    palette = run.semantic.palette
    if palette.background is not None and len(palette.things) > 1:
        st.warning(text.NOT_PANOPTIC, icon=":material/info:")
    if run.by == "street-instances":
        st.info(text.APPROXIMATE, icon=":material/info:")


def numbers(run: Run) -> Pinned:
    """Return what the A/B pin keeps: the fused map's class of each pixel (255 = void), the numbers, and the choices."""
    result, s = run.fused(), run.settings
    label_of = np.full(max((segment.id for segment in result.segments), default=0) + 1, 255, np.uint8)
    for segment in result.segments:
        label_of[segment.id] = segment.label
    labels = label_of[result.segment_ids]
    values = {
        text.NUMBER_OBJECTS: Number(len(run.found()), 0),
        text.NUMBER_THINGS: Number(sum(segment.thing for segment in result.segments), 0),
        text.NUMBER_VOID: Number(100 * float((labels == 255).mean()), 1),
    }
    quality = run.quality()
    if quality is not None:
        mean = quality.sums.average()
        values |= {"PQ": Number(mean.pq, 3), "SQ": Number(mean.sq, 3), "RQ": Number(mean.rq, 3)}
    choices = {
        text.WHAT: run.source.photo.title, text.SEMANTIC: name(run.semantic.key), text.OBJECTS: name(run.by),
        text.SCORE: f"{s.score:g}", text.MASK: f"{s.mask:g}", text.NMS: f"{s.nms:g}", text.LIMIT: str(s.limit),
        text.VISIBLE: f"{s.visible:g}", text.STUFF_AREA: str(s.stuff), text.FIRST: text.FIRSTS[s.first],
        text.ONLY: s.only or "–", text.SWITCHED: s.switched or "–",
    }  # fmt: skip
    choices |= {label: f"{st.session_state[key]:g}" for key, label, *_ in drawn(st.session_state["what"])}
    return Pinned(labels, result.palette, values, choices)


def experiments() -> None:
    """Show the presets."""
    buttons(PRESETS, start_preset)


def start_preset(preset: Preset) -> None:
    """Set every choice as the preset's link would."""
    values, _ = state.read(FIELDS, preset.params)
    st.session_state.update(values)
    st.session_state[TOLD] = preset.sentence


def downloads(run: Run) -> None:
    """Offer the raw results; each is made when it is asked for."""
    stem, result = run.source.photo.stem.replace(" ", "_"), run.fused()
    entry = export.Entry(f"{stem}.png", result, png=f"{stem}_panoptic.png")
    answers = (
        (text.DOWNLOAD_MAP, lambda: export.indexed_png(run.labels(), run.semantic.palette), "semantic.png",
         "image/png"),
        (text.DOWNLOAD_IDS, lambda: export.ids_png(run.found().ids()), "ids.png", "image/png"),
        (text.DOWNLOAD_MASKS, lambda: export.coco_objects_json(run.found(), f"{stem}.png"), "objects.json",
         "application/json"),
        (text.DOWNLOAD_PNG, lambda: export.panoptic_png(result), "panoptic.png", "image/png"),
        (text.DOWNLOAD_JSON, lambda: export.panoptic_json([entry]), "panoptic.json", "application/json"),
        (text.DOWNLOAD_TABLE, lambda: table(run), "segments.csv", "text/csv"),
    )  # fmt: skip
    columns = st.columns(3)
    for n, (label, make, file, mime) in enumerate(answers):
        with columns[n % 3]:
            files.offer(label, make, f"{stem}_{file}", mime, key=f"compare.{file}", width="stretch")
    lesson.save(FIELDS, run.source.photo, text.LESSON_HELP)


def load_lesson() -> None:
    """Offer to load a lesson file: it comes with its answers."""
    lesson.load(FIELDS, lambda _: st.session_state.update(open=True))


def table(run: Run) -> bytes:
    """Return the segments as CSV (UTF-8): segment, its id in the map, class, kind, pixels, score."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow([name.lower() for name in text.SEGMENT_COLUMNS])
    result = run.fused()
    for s in result.segments:
        kind = text.THING if s.thing else text.STUFF
        rows.writerow([names(run, result)[s.id], s.id, result.palette.names[s.label], kind, s.area, round(s.score, 4)])
    return out.getvalue().encode()


def inside(run: Run) -> None:
    """Look into the detector, at one object of one's choice."""
    from ui import compare_inside

    if run.detections is None or run.detector is None:
        st.info(text.INSIDE_OTHER)
        return
    found = run.found()
    if not len(found):
        st.info(text.INSIDE_NONE)
        return
    called = [text.OBJECT.format(name=thing.name, score=thing.score) for thing in things(run)]
    i = st.selectbox(text.INSIDE_WHICH, range(len(found)), format_func=called.__getitem__, key="compare.inside")
    # The objects are some of the detections, with their boxes.
    index = int(
        np.flatnonzero((run.detections.boxes == found.boxes[i]).all(1) & (run.detections.scores == found.scores[i]))[0]
    )
    compare_inside.inside(
        run.source.photo.image, run.source.sample, run.detector, run.detections, index, run.settings.mask
    )


def costs(run: Run) -> None:
    """Show what both networks took."""
    from seglab import runtime

    loaded = [one for one in (run.semantic, run.detector) if one is not None]
    parameters = sum(runtime.cost(one, 128, 128).parameters for one in loaded)
    entries = [(shared.MS, f"{run.ms:.0f} ms"), (shared.PEAK, amount(run.peak, "B")),
               (shared.PARAMETERS, amount(parameters, "")), (shared.DEVICE, str(run.semantic.device))]  # fmt: skip
    cost_strip(entries)


def tidy(source: Source) -> None:
    """Give back what was needed for a large photo."""
    picker.tidy(source.photo)


def _open(source: Source, said: bool) -> None:
    st.session_state[GUESSES][source.question] = (st.session_state.get(SAID), source.photo.hash) if said else None
