"""Around the labs of the page "Upsampling": experiments, downloads, the lesson file, the output kept as A."""

from __future__ import annotations

import io

import numpy as np
import streamlit as st

from ui import files, lesson, picker, state, upsampling_controls, upsampling_labs, upsampling_shown
from ui.experiments import buttons
from ui.grid import Panel, grid
from ui.lesson_file import Lesson, pack
from ui.presets import Preset
from ui.texts import shared
from ui.texts import upsampling as text
from ui.upsampling_choice import Chosen
from ui.upsampling_lab import GOOD, SAID
from ui.upsampling_make import Made
from ui.upsampling_presets import PRESETS
from ui.upsampling_shown import npy
from ui.upsampling_state import FIELDS, in_file

KEPT = "upsampling.kept"  # the output kept as A
PICTURE = ("image", "file", "sha")  # the picture in use: no preset is about it


def experiments() -> None:
    """Show the presets."""
    buttons(PRESETS, start)


def start(preset: Preset) -> None:
    """Set every choice of the preset's lab as its link would; those of the other labs, and the picture, stay."""
    frame = [field for field in FIELDS if field.key in ("lab", "told")]
    values, _ = state.read([*frame, *upsampling_labs.OF[preset.params.get("lab", "grid")]], preset.params)
    st.session_state.update(values)
    if values["lab"] == "grid":
        upsampling_controls.forget()
        for key in (SAID, GOOD):
            st.session_state.pop(key, None)


def pin(c: Chosen, made: Made) -> None:
    """Keep the output as A, and show what has changed since."""
    st.caption(text.PIN_NOTE)
    now = st.session_state
    kept: np.ndarray | None = now.get(KEPT)
    label = shared.PIN if kept is None else shared.UNPIN
    st.button(label, icon=":material/push_pin:", key="upsampling.pin", on_click=_keep,
              args=(made.output if kept is None else None,))  # fmt: skip
    if kept is None:
        return
    if kept.shape != made.output.shape:
        st.info(text.PIN_OTHER.format(a="×".join(map(str, kept.shape)), b="×".join(map(str, made.output.shape))))
        return
    gap = made.output - kept
    changed = np.abs(gap) > 1e-9 * np.abs(kept).max(initial=1)
    st.markdown(text.PIN_SAYS.format(n=int(changed.sum()), all=gap.size, most=f"{np.abs(gap).max():.4g}"))
    panels: list[Panel] = []
    for o, channels in enumerate(zip(*(one.reshape(-1, *one.shape[-2:]) for one in (kept, made.output, gap)),
                                     strict=True)):  # fmt: skip
        for one, title, scale in zip(channels, (text.PIN_A, text.PIN_B, text.PIN_GAP), "aab", strict=True):
            name = f"{title}{text.STEP_CHANNEL.format(i=o) if gap.ndim > 2 and len(gap) > 1 else ''}"
            panels.append(Panel(f"p{len(panels)}", name, one, scale=scale))
    grid(panels, key="upsampling.pin.grids", label=text.TAB_PIN)


def _keep(output: np.ndarray | None) -> None:
    st.session_state[KEPT] = output


def downloads(made: Made | None) -> None:
    """Offer the output and its trace, or what another lab shows, and the lesson file."""
    if made is not None:
        left, right, _ = st.columns(3)
        with left:
            files.offer(text.DOWNLOAD_OUTPUT, lambda: npy(made.output), "output.npy", "application/octet-stream",
                        key="upsampling.output", width="stretch")  # fmt: skip
        with right:
            files.offer(text.DOWNLOAD_TRACE, lambda: npz(made), "trace.npz", "application/octet-stream",
                        key="upsampling.trace", width="stretch")  # fmt: skip
    else:
        upsampling_shown.downloads(st.session_state["lab"])
    fields = in_file(upsampling_labs.FIELDS)
    if st.session_state["lab"] != "grid":  # the others are about the picture in use
        lesson.save(fields, picker.current(), text.LESSON_HELP)
    else:
        choices = state.write([field for field in fields if field.key not in PICTURE], st.session_state)
        lesson.button(lambda: pack(choices), "upsampling", text.LESSON_HELP)
    lesson.load(fields, restored)


def restored(found: Lesson) -> None:
    """Take a lesson file's grids for the visitor's own, if it has any."""
    if found.state.get("lab", "grid") == "grid":
        upsampling_controls.forget()


def npz(made: Made) -> bytes:
    """Return the trace as `scipy.sparse.load_npz` reads it, with both shapes beside it."""
    m, out = made.trace.matrix, io.BytesIO()
    np.savez_compressed(out, indptr=m.indptr, indices=m.indices, data=m.data, shape=m.shape, format=b"csr",
                        _is_array=True, in_shape=made.trace.in_shape, out_shape=made.trace.out_shape)  # fmt: skip
    return out.getvalue()
