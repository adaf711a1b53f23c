"""Save and load lesson files on the Segment page: picture, choices and the corrected mask."""

from __future__ import annotations

from functools import partial

import streamlit as st

from seglab import export, images
from seglab.types import Image, Labels, Palette
from ui import picker, state
from ui.cache import image_hash
from ui.gallery import UPLOAD
from ui.lesson_file import MAX_MB, LessonError, pack, unpack
from ui.segment_run import Run
from ui.segment_state import FIELDS
from ui.texts import shared

MASK, MESSAGE, STROKES = "lesson.mask", "lesson.message", "segment.strokes"


def save(run: Run, labels: Labels) -> None:
    """Show the button that saves the lesson file; its bytes are made when it is pressed."""
    choices = state.write(FIELDS, st.session_state)
    st.download_button(
        shared.LESSON_SAVE, partial(contents, run, labels, choices), f"{run.photo.stem}_lesson.zip", "application/zip",
        key="download.lesson", on_click="ignore", help=shared.LESSON_SAVE_HELP, icon=":material/school:",
    )  # fmt: skip


def contents(run: Run, labels: Labels, choices: dict[str, str]) -> bytes:
    """Return the lesson file's bytes: the picture only if it is an own one, the mask only if it was corrected."""
    if run.photo.key != UPLOAD:  # also where an own picture was asked for and is missing: save what is seen
        choices = {**choices, "image": run.photo.key, "file": "", "sha": ""}
    mask = None if labels is run.labels() else export.indexed_png(labels, run.palette)
    return pack(choices, picture=run.photo.image if run.photo.key == UPLOAD else None, mask=mask)


def load() -> None:
    """Show the upload of a lesson file and what came of the last one."""
    st.file_uploader(shared.LESSON_LOAD, type=["zip"], key="lesson.file", max_upload_size=MAX_MB, on_change=_loaded)
    if message := st.session_state.get(MESSAGE):
        st.warning(message, icon=":material/school:")


def _loaded() -> None:
    session = st.session_state
    file = session.get("lesson.file")
    session[MESSAGE] = ""
    if file is None:
        return
    try:
        restore(file.getvalue())
    except LessonError as error:
        session[MESSAGE] = str(error)


def restore(data: bytes) -> None:
    """Put a lesson file's content into the session; LessonError, and nothing has changed, if it is none."""
    session = st.session_state
    lesson = unpack(data)
    values, messages = state.read(FIELDS, lesson.state)
    if values["image"] == UPLOAD and lesson.picture is None:
        raise LessonError(shared.LESSON_NO_PICTURE)
    session.update(values)
    if values["image"] == UPLOAD and lesson.picture is not None:
        picker.own(lesson.picture, str(values["file"]))
    session.pop(STROKES, None)
    session[MASK] = (image_hash(picker.current().image), lesson.mask) if lesson.mask else None
    session[MESSAGE] = " ".join([shared.LESSON_LOADED, *messages])


def mask(picture: str, image: Image, palette: Palette) -> Labels | None:
    """Return the mask that a lesson file brought for this picture (by hash), if it fits the model's classes."""
    session = st.session_state
    kept_for, data = session.get(MASK) or (None, None)
    if data is None or kept_for != picture:
        return None
    try:
        labels = images.decode_labels(data, palette)
        if labels.shape != image.shape[:2]:
            raise images.ImageError(shared.LESSON_MASK_SIZE)
    except images.ImageError as error:
        session[MESSAGE] = shared.LESSON_MASK.format(error=error)
        session[MASK] = None
        return None
    return labels


def has_mask() -> bool:
    """Whether a mask from a lesson file is in use."""
    return bool(st.session_state.get(MASK))


def drop_mask() -> None:
    """Forget the loaded mask and the strokes: back to the network's labels."""
    st.session_state[MASK] = None
    st.session_state.pop(STROKES, None)
