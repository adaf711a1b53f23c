"""The controls of the Segment page. Each one's key is its name in the link (`ui.segment_state.FIELDS`)."""

from __future__ import annotations

from typing import Any

import streamlit as st

from seglab import zoo
from seglab.types import Palette
from ui.segment_state import MODELS, SCALES, SHORT_SIDES, TEMPERATURES, TILES, VIEWS, short_side
from ui.texts import segment as text


def model() -> str:
    """Choose a model; those that need a download say how much."""
    return st.selectbox(text.MODEL, MODELS, format_func=model_name, key="model", persist_state="session")


def model_name(key: str) -> str:
    """Return a model's title, with the size of its download where its weights aren't here."""
    spec = zoo.get(key)
    if zoo.weights_here(key) or isinstance(spec.source, zoo.Embedded):
        return spec.title
    return text.MODEL_DOWNLOAD.format(title=spec.title, mb=zoo.weights_bytes(key) / 1e6)


def size(key: str) -> str:
    """Choose the short side that the network sees; `key` is the model's."""
    return st.selectbox(
        text.SHORT, SHORT_SIDES, format_func=lambda value: size_name(value, key), key="short", help=text.SHORT_HELP,
        persist_state="session",
    )  # fmt: skip


def size_name(value: str, key: str) -> str:
    """Return what the page calls a short side, with model `key`."""
    if value == "auto":
        return text.SHORT_AUTO.format(n=zoo.get(key).preprocess.short_side)
    return text.SHORT_OWN if value == "own" else f"{value} px"


def chosen(picture: str, key: str) -> dict[str, str]:
    """Return all choices as the page shows them: the control's name → the chosen value.

    `picture` is the picture's title, `key` the model that ran: not the chosen one where that can't be had.

    Choices that have no effect now (the class outside its view, the overlap without tiles) are left out.
    """
    now = st.session_state
    shown = {
        text.PICTURE: picture,
        text.MODEL: zoo.get(key).title,
        text.SHORT: size_name(now["short"], key),
        text.VIEW: text.VIEWS[now["view"]],
        text.TEMPERATURE: f"{now['temp']:g}",
        text.CONFIDENCE: f"{now['conf']:g}",
        text.TILE: text.TILE_PX.format(n=now["tile"]) if now["tile"] else text.TILE_NONE,
        text.FLIP: text.YES if now["flip"] else text.NO,
        text.SCALES: text.SCALES_OPTIONS[now["scales"]],
        text.PRECISION: now["precision"],
    }
    if now["view"] == "probability":
        shown[text.CLASS] = now["cls"]
    if now["tile"]:
        shown |= {text.OVERLAP: f"{now['overlap']:g}", text.BLEND: text.BLENDS[now["blend"]]}
    return shown


def view() -> str:
    """Choose what the picture shows."""
    chosen = st.selectbox(
        text.VIEW, VIEWS, format_func=text.VIEWS.__getitem__, key="view", persist_state="session",
        help="  \n".join(f"**{text.VIEWS[key]}**: {text.VIEW_HELP[key]}" for key in VIEWS),
    )  # fmt: skip
    return chosen or VIEWS[0]


def class_index(palette: Palette, likely: int) -> int:
    """Choose the class of the "one class" view; `likely` is taken where the link names none that the model has."""
    session = st.session_state
    asked = str(session.get("cls", ""))
    if asked not in palette.names:
        if asked:
            st.info(text.CLASS_UNKNOWN.format(name=asked, now=palette.names[likely]))
        session["cls"] = palette.names[likely]
    return palette.index(st.selectbox(text.CLASS, palette.names, key="cls", persist_state="session"))


def more() -> tuple[Any, float, float]:
    """Show the expander; return (`inference.Options`, temperature, threshold)."""
    from seglab import runtime  # imports torch, which the page's first message needn't wait for
    from seglab.inference import Options

    precisions = runtime.precisions()
    asked = st.session_state["precision"]
    if asked not in precisions:
        st.info(text.PRECISION_LACKING.format(precision=asked))
        st.session_state["precision"] = "fp32"

    with st.expander(text.MORE, icon=":material/tune:"):
        left, middle, right = st.columns(3)
        low, high = TEMPERATURES
        temperature = left.slider(
            text.TEMPERATURE, low, high, step=0.05, key="temp", help=text.TEMPERATURE_HELP, persist_state="session"
        )
        threshold = left.slider(
            text.CONFIDENCE, 0.0, 0.95, step=0.05, key="conf", help=text.CONFIDENCE_HELP, persist_state="session"
        )
        tile = middle.selectbox(
            text.TILE, TILES, key="tile", help=text.TILE_HELP, persist_state="session",
            format_func=lambda n: text.TILE_PX.format(n=n) if n else text.TILE_NONE,
        )  # fmt: skip
        overlap = middle.slider(
            text.OVERLAP, 0.0, 0.5, step=0.05, key="overlap", disabled=not tile, persist_state="session"
        )
        blend = middle.selectbox(
            text.BLEND, list(text.BLENDS), format_func=text.BLENDS.__getitem__, key="blend", disabled=not tile,
            persist_state="session",
        )  # fmt: skip
        flip = right.toggle(text.FLIP, key="flip", persist_state="session")
        scales = right.selectbox(
            text.SCALES, list(SCALES), format_func=text.SCALES_OPTIONS.__getitem__, key="scales",
            persist_state="session",
        )  # fmt: skip
        precision = right.selectbox(
            text.PRECISION, precisions, key="precision", help=text.PRECISION_HELP, persist_state="session"
        )
        st.latex(text.FORMULA % (f"{temperature:g}", f"{temperature:g}"))
    options = Options(
        short_side=short_side(st.session_state["short"]), tile=tile, overlap=overlap if tile else 0.25,
        blend="constant" if tile and blend == "constant" else "gaussian", flip=flip, scales=SCALES[scales],
        precision=precision,
    )  # fmt: skip
    return options, temperature, threshold
