"""Around the diagrams of the page "Architectures": experiments, downloads, the lesson file."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image as Pil

from ui import (
    arch_controls,
    arch_lab,
    arch_saved,
    arch_stage,
    arch_state,
    arch_table,
    arch_trained,
    files,
    lesson,
    state,
)
from ui.arch_lab import Shown
from ui.arch_presets import PRESETS
from ui.arch_state import FIELDS
from ui.compare_source import Source
from ui.experiments import buttons
from ui.presets import Preset
from ui.texts import architectures as text

PICTURE = ("image", "file", "sha", "what", "seed")  # the picture in use: no preset is about it


def experiments() -> None:
    """Show the presets, but for those of labs that aren't here."""
    there = (*arch_state.ALWAYS, *arch_trained.available())
    buttons([preset for preset in PRESETS if preset.params.get("alab", "net") in there], start)


def start(preset: Preset) -> None:
    """Set every choice as the preset's link would, but for the picture in use."""
    values, _ = state.read([field for field in FIELDS if field.key not in PICTURE], preset.params)
    st.session_state.update(values)
    st.session_state.pop(arch_lab.SAID, None)


def downloads(shown: Shown | None, source: Source) -> None:
    """Offer what is shown, and the lesson file."""
    makes: dict[str, tuple[str, str, Callable[[], bytes | str]]] = {
        text.PICTURE_PNG: ("picture.png", "image/png", partial(_png, source.photo.image)),
    }
    if shown is not None:
        key, drawn = shown.given.spec.key, shown.drawn
        makes[text.STAGES_CSV] = f"{key}.csv", "text/csv", lambda: arch_table.as_csv(arch_table.rows(drawn))
        heading, shade = arch_controls.full_title(drawn.spec), str(st.session_state["shade"])
        makes[text.DIAGRAM_SVG] = f"{key}.svg", "image/svg+xml", lambda: arch_saved.saved(drawn, heading, shade)
        if shown.given.spec.has_numbers:
            makes[text.MAPS_NPZ] = f"{key}_maps.npz", "application/octet-stream", partial(_maps, shown)
    st.caption(text.DOWNLOAD_NOTE)
    with st.container(horizontal=True):
        for label, (name, mime, make) in makes.items():
            files.offer(label, make, name, mime, key=f"arch.{name}")
    lesson.save(FIELDS, source.photo, text.LESSON_HELP)
    lesson.load(FIELDS)


def _png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Pil.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def _maps(shown: Shown) -> bytes:
    channels, strengths, values, _, _ = arch_stage.computed(shown.given, shown.spot)
    n = st.session_state["nmaps"]
    out = io.BytesIO()
    np.savez_compressed(out, channels=channels[:n], spread=strengths[:n], maps=values[:n])
    return out.getvalue()
