"""Cards of the home page: a thumbnail, a link that fills the card, a sentence."""

from __future__ import annotations

import base64
import io
from functools import lru_cache
from html import escape
from pathlib import Path

import streamlit as st
from PIL import Image

from ui import gallery
from ui.lessons import Lesson
from ui.presets import Preset

THUMBNAILS = Path(__file__).parent / "assets" / "thumbnails"
SIZE = (480, 300)  # pixels of a thumbnail, twice what a card shows


def lesson_card(lesson: Lesson) -> None:
    """Draw a wide card: the lesson's picture beside its question."""
    with st.container(border=True, key=f"card-{Path(lesson.file).stem}"):
        picture, text = st.columns([2, 3], vertical_alignment="center", gap="medium")
        with picture:
            cover = next((preset for preset in lesson.experiments if preset.key == lesson.cover), None)
            if cover:
                thumbnail(cover)
        with text:
            st.page_link(lesson.file, label=f"**{lesson.title}**", icon=lesson.icon)
            st.header(lesson.question, anchor=False)
            st.markdown(lesson.teaser)


def experiment_card(lesson: Lesson, preset: Preset) -> None:
    """Draw a narrow card: one experiment of a lesson, linked with its choices."""
    with st.container(border=True, key=f"card-{preset.key}", height="stretch"):
        thumbnail(preset)
        st.page_link(lesson.file, label=f"**{preset.name}**", query_params=preset.params)
        st.caption(preset.sentence)


def thumbnail(preset: Preset) -> None:
    """Show what the experiment gives, or the photograph it starts from while that hasn't been computed."""
    path = THUMBNAILS / f"{preset.key}.webp"
    data = _prepared(path, path.stat().st_mtime) if path.is_file() else _photo(preset.params.get("image", ""))
    if data:
        st.html(f'<img class="seglab-thumb" src="{data}" alt="{escape(alt(preset), quote=True)}">')


def alt(preset: Preset) -> str:
    """Say what the thumbnail shows.

    >>> from ui.presets import PRESETS
    >>> alt(PRESETS[0])
    'A palace in a street model: A Chinese palace on a hill with trees, under a blue sky'
    """
    picture = gallery.GALLERY.get(preset.params.get("image", ""))
    return f"{preset.name}: {picture.alt}" if picture else preset.name


def crop(image: Image.Image) -> Image.Image:
    """Cut a picture to the thumbnail's shape and size: the middle of a wide one, the upper part of a tall one.

    >>> crop(Image.new("RGB", (900, 300))).size == SIZE
    True
    """
    width, height = image.size
    scale = max(SIZE[0] / width, SIZE[1] / height)
    box_width, box_height = SIZE[0] / scale, SIZE[1] / scale
    left, top = (width - box_width) / 2, (height - box_height) / 6  # heads are high up
    return image.resize(SIZE, Image.Resampling.LANCZOS, box=(left, top, left + box_width, top + box_height))


@lru_cache(maxsize=128)  # more than the home page shows
def _prepared(path: Path, _changed: float) -> str:
    return _data_url(path.read_bytes())


@lru_cache(maxsize=len(gallery.GALLERY))
def _photo(key: str) -> str:
    """Return the gallery picture `key` as a data URL, or "" where it isn't on this machine."""
    if key not in gallery.here():
        return ""
    buffer = io.BytesIO()
    crop(Image.fromarray(gallery.load(key))).save(buffer, "WEBP", quality=80)
    return _data_url(buffer.getvalue())


def _data_url(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
