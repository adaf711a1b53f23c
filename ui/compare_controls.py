"""The controls of the page "Compare tasks". Each one's key is its name in the link (`ui.compare_state.FIELDS`)."""

from __future__ import annotations

import streamlit as st

from seglab.specs import Selection
from seglab.types import Palette
from ui import compare_state, picture
from ui.compare_run import seeded, usual
from ui.compare_source import Source
from ui.compare_state import COMPONENTS, MOST, SEEDS, WATERSHED
from ui.segment_controls import model_name
from ui.texts import compare as text


def source() -> Source:
    """Choose the picture: drawn with its truth, or a photo. Returns it."""
    there = compare_state.sources()
    if not there:
        st.error(text.NO_MODELS)
        st.stop()
    return picture.choose({what: text.SOURCES[what] for what in there}, text.ANOTHER, text.WHAT_HELP)


def models() -> tuple[str, str]:
    """Choose what gives the classes and what gives the objects; return the two keys."""
    what = st.session_state["what"]
    semantic = _model("semantic", text.SEMANTIC, compare_state.semantic_options(what))
    return semantic, _model("objects", text.OBJECTS, compare_state.object_options(what, semantic))


def _model(kind: str, label: str, options: tuple[str, ...]) -> str:
    """Choose one. In the link only a choice has a name: what stands first may differ from machine to machine."""
    session, widget = st.session_state, f"compare.{kind}"
    session[widget] = session[kind] if session[kind] in options else options[0]
    chosen = st.selectbox(label, options, format_func=name, key=widget, on_change=_take, args=(kind, widget))
    if session[kind] not in options:
        session[kind] = ""
    return chosen


def _take(kind: str, widget: str) -> None:
    st.session_state[kind] = st.session_state[widget]


def name(key: str) -> str:
    """Return what the page calls a model or a way to read objects off a map."""
    return text.WAYS[key] if key in text.WAYS else model_name(key)


def thresholds() -> None:
    """Show the two that matter most."""
    st.slider(text.SCORE, 0.05, 0.95, step=0.05, key="score", help=text.SCORE_HELP, persist_state="session")
    st.slider(text.VISIBLE, 0.0, 1.0, step=0.05, key="visible", help=text.VISIBLE_HELP, persist_state="session")


def more(joined: Palette, by: str) -> None:
    """Show the expander with all the others. `joined` has the classes of both; `by` is what gives the objects."""
    session = st.session_state
    with st.expander(text.MORE, icon=":material/tune:"):
        left, middle, right = st.columns(3)
        with left:
            st.slider(text.MASK, 0.1, 0.9, step=0.05, key="mask", help=text.MASK_HELP, persist_state="session")
            st.slider(text.NMS, 0.0, 0.9, step=0.05, key="nms", help=text.NMS_HELP, persist_state="session",
                      disabled=by in (WATERSHED, COMPONENTS))  # fmt: skip
            st.slider(text.LIMIT, 1, MOST, key="limit", persist_state="session")
        with middle:
            st.slider(text.STUFF_AREA, 0, 4096, step=16, key="stuff", help=text.STUFF_HELP, persist_state="session")
            st.selectbox(
                text.FIRST, list(text.FIRSTS), format_func=text.FIRSTS.__getitem__, key="first", persist_state="session"
            )
        with right:
            _names("only", text.ONLY, joined.names, text.ONLY_HELP)
            _names("switched", text.SWITCHED, joined.names, text.SWITCHED_HELP)
        _usual(by)
        score, nms, mask, visible = (session[key] for key in ("score", "nms", "mask", "visible"))
        of = {WATERSHED: (*seeded(mask)[::-1], score, visible), COMPONENTS: (mask, score, visible)}
        st.latex(text.RULES.get(by, text.RULES[""]) % of.get(by, (score, nms, mask, visible)))
        if session["what"] != "photo":
            st.markdown(f"**{text.PARAMETERS}**")
            _drawn(session["what"])


def _usual(by: str) -> None:
    """Offer the selection that suits a detector, where it isn't what the page opens with."""
    own = usual(by)
    if own == Selection():
        return
    wanted = {"score": own.score, "nms": own.nms, "mask": own.mask_threshold}
    st.button(
        text.USUAL.format(**wanted), icon=":material/rule_settings:", on_click=_choose, args=(wanted,),
        disabled=all(st.session_state[key] == value for key, value in wanted.items()), key="compare.usual",
    )  # fmt: skip


def _choose(wanted: dict[str, float]) -> None:
    st.session_state.update(wanted)


def _drawn(what: str) -> None:
    """Show what can be moved in a drawn picture."""
    columns = st.columns(4)
    for n, (key, label, low, high, step) in enumerate(drawn(what)):
        with columns[n % 4]:
            if key == "seed":
                st.number_input(label, low, high, step=step, key=key, persist_state="session")
            else:
                st.slider(label, low, high, step=step, key=key, persist_state="session")


def drawn(what: str) -> tuple[tuple[str, str, float, float, float], ...]:
    """Return the parameters of a drawn picture: key, what it is called, least, most, step."""
    if what == "photo":
        return ()
    ranges: tuple[tuple[str, str, float, float, float], ...] = (("seed", text.SEED, 0, SEEDS, 1),)
    if what == "scene":
        ranges += (
            ("things", text.THINGS, 0, 50, 1), ("size", text.SIZE, 0.5, 2.0, 0.1),
            ("crowding", text.CROWDING, 0.0, 1.0, 0.1), ("thin", text.THIN, 0.0, 1.0, 0.1),
            ("contrast", text.CONTRAST, 0.1, 1.0, 0.1), ("grain", text.GRAIN, 0.0, 0.3, 0.02),
            ("imbalance", text.IMBALANCE, 0.0, 1.0, 0.1),
        )  # fmt: skip
    else:
        ranges += (
            ("count", text.COUNT, 0, 300, 5), ("radius", text.RADIUS, 4.0, 30.0, 1.0),
            ("touching", text.TOUCHING, 0.0, 1.0, 0.1), ("blur", text.BLUR, 0.0, 4.0, 0.1),
            ("uneven", text.UNEVEN, 0.0, 1.0, 0.1),
        )  # fmt: skip
    return ranges


def _names(key: str, label: str, known: tuple[str, ...] | list[str], tip: str | None = None) -> None:
    """Choose some of the names; the link has them joined by commas."""
    widget = f"compare.{key}"
    st.session_state[widget] = list(compare_state.names(st.session_state[key], known))
    chosen = st.multiselect(label, known, key=widget, help=tip, on_change=_join, args=(key, widget))
    st.session_state[key] = ",".join(chosen)


def _join(key: str, widget: str) -> None:
    st.session_state[key] = ",".join(st.session_state[widget])
