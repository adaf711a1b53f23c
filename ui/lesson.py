"""Save and load a page's lesson file: the choices of its link, and the own picture that a link can't carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from ui import files, picker, state
from ui.gallery import GALLERY, UPLOAD
from ui.lesson_file import MAX_MB, Lesson, LessonError, pack, unpack
from ui.picker import Photo
from ui.state import Field
from ui.texts import shared

FILE, MESSAGE = "lesson.file", "lesson.message"


def save(fields: Sequence[Field], photo: Photo, tip: str, mask: Callable[[], bytes | None] = lambda: None) -> None:
    """Show the button that saves the lesson file; its bytes, and those of the `mask`, are made when it is pressed."""
    choices = state.write(fields, st.session_state)
    button(partial(contents, photo, choices, mask), photo.stem.replace(" ", "_"), tip)


def button(make: Callable[[], bytes], stem: str, tip: str) -> None:
    """Show the button whose press makes the file."""
    files.offer(shared.LESSON_SAVE, make, f"{stem}_lesson.zip", "application/zip", key="lesson", tip=tip,
                icon=":material/school:")  # fmt: skip


def contents(photo: Photo, choices: dict[str, str], mask: Callable[[], bytes | None] = lambda: None) -> bytes:
    """Return the lesson file's bytes: the picture only if it is an own one; a missing own one is what is seen."""
    if photo.key != UPLOAD:
        choices = {key: value for key, value in choices.items() if key not in ("image", "file", "sha")}
        if photo.key in GALLERY:
            choices["image"] = photo.key
    return pack(choices, picture=photo.image if photo.key == UPLOAD else None, mask=mask())


def load(fields: Sequence[Field], restored: Callable[[Lesson], None] = lambda _: None) -> None:
    """Show the upload of a lesson file and what came of the last one; `restored` is called once its choices are set."""
    st.file_uploader(
        shared.LESSON_LOAD, type=["zip"], key=FILE, max_upload_size=MAX_MB, on_change=_loaded, args=(fields, restored)
    )
    if message := st.session_state.get(MESSAGE):
        st.warning(message, icon=":material/school:")


def _loaded(fields: Sequence[Field], restored: Callable[[Lesson], None]) -> None:
    session = st.session_state
    file = session.get(FILE)
    session[MESSAGE] = ""
    if file is None:
        return
    try:
        restore(file.getvalue(), fields, restored)
    except LessonError as error:
        session[MESSAGE] = str(error)


def restore(data: bytes, fields: Sequence[Field], restored: Callable[[Lesson], None] = lambda _: None) -> None:
    """Put a lesson file's content into the session; LessonError, and nothing has changed, if it is none."""
    session = st.session_state
    lesson = unpack(data)
    values, messages = state.read(fields, lesson.state)
    own = values.get("image") == UPLOAD
    if own and lesson.picture is None:
        raise LessonError(shared.LESSON_NO_PICTURE)
    touched = *values, picker.OWN, picker.NOTE
    before = {key: session[key] for key in touched if key in session}
    session.update(values)
    if own and lesson.picture is not None:
        picker.own(lesson.picture, str(values["file"]))
    try:
        restored(lesson)
    except LessonError:
        for key in touched:
            session.pop(key, None)
        session.update(before)
        raise
    session[MESSAGE] = " ".join([shared.LESSON_LOADED, *messages])
