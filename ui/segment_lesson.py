"""The corrected mask in the Segment page's lesson files; the rest of a lesson file is `ui.lesson`'s."""

from __future__ import annotations

import streamlit as st

from seglab import export, images
from seglab.types import Image, Labels, Palette
from ui import lesson, picker
from ui.cache import image_hash
from ui.lesson import MESSAGE
from ui.lesson_file import Lesson
from ui.segment_run import Run
from ui.segment_state import FIELDS
from ui.texts import segment as text
from ui.texts import shared

MASK, STROKES = "lesson.mask", "segment.strokes"


def save(run: Run, labels: Labels) -> None:
    """Show the button that saves the lesson file, with the mask only if it was corrected."""
    lesson.save(
        FIELDS, run.photo, text.LESSON_HELP,
        lambda: None if labels is run.labels() else export.indexed_png(labels, run.palette),
    )  # fmt: skip


def load() -> None:
    """Show the upload of a lesson file."""
    lesson.load(FIELDS, _restored)


def _restored(loaded: Lesson) -> None:
    st.session_state.pop(STROKES, None)
    st.session_state[MASK] = (image_hash(picker.current().image), loaded.mask) if loaded.mask else None


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
