"""Around the masks of the page "Losses & metrics": the question, experiments, lesson file, what is pinned."""

from __future__ import annotations

import io
import math

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab import export, images
from ui import files, lesson, losses_controls, losses_masks, losses_photo, picker, state
from ui.experiments import buttons
from ui.lesson_file import Lesson, LessonError, pack
from ui.losses_masks import MASK, MOST, UPLOADS, Pair
from ui.losses_presets import PRESETS
from ui.losses_state import FIELDS, PICTURE
from ui.pin import Number, Pinned
from ui.presets import Preset
from ui.texts import losses as text
from ui.texts import shared

SAID = "losses.said"


def ask(pair: Pair) -> bool:
    """Ask whether the answer is good, once; return whether the numbers may be shown."""
    from seglab.metrics.confusion import pixel_accuracy

    session = st.session_state
    if stands():
        st.markdown(text.ASK.format(accuracy=pixel_accuracy(pair.matrix)))
        yes, no, _ = st.columns([2, 1, 4])
        yes.button(text.YES, on_click=_answer, args=(text.TOLD_YES,), width="stretch")
        no.button(text.NO, on_click=_answer, args=(text.TOLD_NO,), width="stretch")
        return False
    if (said := session.get(SAID)) and not _moved():
        st.info(said, icon=":material/sailing:")
    return True


def stands() -> bool:
    """Whether the question stands: it hasn't been answered, and nothing else is asked for."""
    return not st.session_state["answered"] and not _moved()


def _moved() -> bool:
    return bool(state.write([field for field in FIELDS if field.key != "answered"], st.session_state))


def _answer(said: str) -> None:
    st.session_state["answered"] = True
    st.session_state[SAID] = said


def problem() -> None:
    """Say what was wrong with the last file, which one is missing, and whether the masks are of unequal sizes."""
    now = st.session_state
    own = now.get(UPLOADS, {})
    if any(now[which] == "upload" and which not in own for which in ("truth", "guess")):
        st.warning(text.MISSING_FILE, icon=":material/link_off:")
    elif now["guess"] == "upload" and (size := losses_masks.truth_base(now, own).shape) != own["guess"].shape:
        st.warning(text.UNEQUAL.format(a=own["guess"].shape, b=size), icon=":material/aspect_ratio:")
    if now["truth"] == "upload" and (took := now.get(losses_controls.TOOK)):
        st.caption(took)
    if wrong := st.session_state.get(losses_controls.PROBLEM):
        st.error(wrong, icon=":material/broken_image:")


def numbers(pair: Pair) -> Pinned:
    """Return what the A/B pin keeps."""
    from seglab.metrics import confusion, scores

    cm, now = pair.matrix, st.session_state
    values = {
        text.ACCURACY: confusion.pixel_accuracy(cm), text.IOU: float(confusion.iou(cm)[1]),
        text.MEAN_IOU: confusion.mean_iou(cm), text.DICE: float(scores.dice(cm)[1]),
    }  # fmt: skip
    choices = state.write(FIELDS, now)
    numbers = {name: Number(value, 3) for name, value in values.items() if not math.isnan(value)}
    return Pinned(pair.predicted.astype(np.uint8), MASK, numbers, choices)


def experiments() -> None:
    """Show the presets."""
    buttons(PRESETS, start)


def start(preset: Preset) -> None:
    """Set every choice as the preset's link would."""
    values, _ = state.read(FIELDS, preset.params)
    st.session_state.update(values)
    st.session_state.pop(SAID, None)
    losses_controls.new_sheet()


def downloads(pair: Pair) -> None:
    """Offer both masks, the numbers, and the lesson file."""
    masks = (
        (text.DOWNLOAD_TRUTH, lambda: export.indexed_png(pair.truth, MASK), "truth.png", "image/png"),
        (text.DOWNLOAD_GUESS, lambda: _npy(pair.probs), "prediction.npy", "application/octet-stream"),
        (text.DOWNLOAD_MATRIX, lambda: _npy(pair.matrix), "confusion_matrix.npy", "application/octet-stream"),
    )  # fmt: skip
    for column, (label, make, name, mime) in zip(st.columns(len(masks)), masks, strict=True):
        with column:
            files.offer(label, make, name, mime, key=f"losses.{name}", width="stretch")
    choices, own = state.write(FIELDS, st.session_state), dict(st.session_state[UPLOADS])
    if st.session_state["truth"] == "photo":
        lesson.save(FIELDS, picker.current(), text.LESSON_HELP)
        if st.session_state["guess"] == "upload":
            st.caption(text.LESSON_NO_GUESS)
    else:
        lesson.button(lambda: contents(choices, own), "losses", text.LESSON_HELP)
    lesson.load(FIELDS, restored)


def contents(choices: dict[str, str], own: dict[str, NDArray[np.float32]]) -> bytes:
    """Return the lesson file: the choices, and the own masks they name: the truth, and the prediction in 256 steps."""
    truth, guess = (own.get(which) if choices.get(which) == "upload" else None for which in ("truth", "guess"))
    return pack(
        choices,
        mask=None if truth is None else export.indexed_png((truth >= 0.5).astype(np.uint8), MASK),
        picture=None if guess is None else np.rint(guess * 255).astype(np.uint8)[:, :, None].repeat(3, 2),
    )


def restored(loaded: Lesson) -> None:
    """Take the own masks of a lesson file; LessonError if it is another page's, or they can't be used."""
    if not any(field.key in loaded.state for field in FIELDS if field not in PICTURE):
        raise LessonError(text.LESSON_OTHER_PAGE)
    asked = loaded.state.get
    own: dict[str, NDArray[np.float32]] = {}
    if loaded.mask is not None and asked("truth") == "upload":
        try:
            own["truth"] = (images.decode_labels(loaded.mask, MASK) == 1).astype(np.float32)
        except images.ImageError as error:
            raise LessonError(shared.LESSON_MASK.format(error=error)) from error
    if loaded.picture is not None and asked("guess") == "upload" and asked("truth") != "photo":
        own["guess"] = (loaded.picture[:, :, 0] / 255).astype(np.float32)
    shapes = {mask.shape for mask in own.values()}
    if len(shapes) > 1 or any(max(shape) > MOST for shape in shapes):
        raise LessonError(text.LESSON_SIZES.format(most=MOST))
    st.session_state[UPLOADS] = own
    for key in (losses_controls.TOOK, losses_photo.OF):  # what they say is of another file, another picture
        st.session_state.pop(key, None)
    losses_controls.new_sheet()


def _npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()
