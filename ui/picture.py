"""The choice of the picture that a lab is about: drawn with its truth, or a photo."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping

import streamlit as st

from ui import picker
from ui.compare_source import Source, cells, scene
from ui.texts import compare as text


def own(there: Collection[str]) -> None:
    """Take the first kind of picture that this page has, where another page or a link left one that it hasn't."""
    if st.session_state["what"] not in there:
        st.session_state["what"] = next(iter(there))


def choose(names: Mapping[str, str], another: str, tip: str | None = None) -> Source:
    """Show the choice; return the picture.

    `names` says what each kind (of "scene", "cells" and "photo") is called here, `another` what the button is called
    that draws a new one. A `tip` stands beside the label, which is hidden without one.
    """
    own(names)
    what = st.segmented_control(
        text.WHAT, list(names), format_func=names.__getitem__, key="what", required=True, width="stretch", help=tip,
        persist_state="session", label_visibility="visible" if tip else "collapsed",
    )  # fmt: skip
    if what == "photo":
        photo = picker.picker()
        picker.messages(photo)
        return Source(photo)
    st.button(another, on_click=_another, icon=":material/casino:", width="stretch")
    return scene(st.session_state) if what == "scene" else cells(st.session_state)


def now() -> Source:
    """Return the picture that is chosen, without showing the choice."""
    what = st.session_state["what"]
    return Source(picker.current()) if what == "photo" else (scene if what == "scene" else cells)(st.session_state)


def _another() -> None:
    seed = st.session_state["seed"]
    st.session_state["seed"] = random.choice([n for n in range(200) if n != seed])
