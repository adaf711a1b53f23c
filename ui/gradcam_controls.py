"""The controls of the page "Grad-CAM". Each one's key is its name in the link (`ui.gradcam_state.FIELDS`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from seglab import zoo
from ui import compare_state, gradcam_run, gradcam_state, segment_controls, segment_run
from ui.compare_source import Source
from ui.gradcam_run import Asked
from ui.segment_run import Run
from ui.segment_state import SHORT_SIDES, short_side
from ui.texts import gradcam as text

if TYPE_CHECKING:
    from seglab.runtime import Loaded

TINY = 0.005  # of the picture
TAB, OPENED = "gradcam.tab", "gradcam.tab.was"
SHEET = "gradcam.sheet"  # a new number is a new picture to paint on: the old one's strokes stay in the browser with it


def model() -> str:
    """Choose the network that is explained; return its key."""
    if st.session_state["what"] == "photo":
        return segment_controls.model()
    return st.selectbox(
        text.MODEL, gradcam_state.SCENE_MODELS, format_func=segment_controls.model_name, key="net",
        persist_state="session",
    )  # fmt: skip


def look(source: Source, key: str) -> Run:
    """Return what the network predicts for the picture, with a message where another one answers."""
    from seglab.inference import Options

    default = "scenes" if source.sample is not None and "scenes" in zoo.offered() else None
    with segment_run.told():
        loaded, trouble = segment_run.load(key, default)
        options = Options(short_side=short_side(st.session_state["short"]))
        run = segment_run.run(source.photo, loaded, options, 1.0, 0.0)
    if trouble:
        st.warning(trouble, icon=":material/cloud_off:")
    return run


def likely(run: Run) -> int:
    """Return the class that is asked about at first: the largest thing that isn't tiny, else the largest class."""
    areas = run.areas()[:-1]
    things = [k for k in run.palette.things if areas[k] >= TINY * areas.sum()]
    return max(things, key=lambda k: int(areas[k])) if things else int(areas.argmax())


def class_of(run: Run, wanted: str) -> int:
    """Choose the class; one of the same meaning is taken over from another network's."""
    session, names = st.session_state, run.palette.names
    asked = str(session.get("cls", ""))
    first = likely(run)
    if asked not in names and run.loaded.key != wanted:
        return first  # a stand-in's classes replace none
    if asked not in names and (same := gradcam_run.same_class(asked, names)):
        session["cls"] = same
    return segment_controls.class_index(run.palette, first)


def layer(loaded: Loaded, size: tuple[int, int]) -> str:
    """Choose the layer, each with its size; return its name."""
    session = st.session_state
    sizes = gradcam_run.layers(loaded, size, session["short"], session["cam"])
    if session["layer"] not in sizes:
        usual = next(iter(sizes))
        if session["layer"]:
            st.caption(text.LAYER_UNKNOWN.format(now=usual))
        session["layer"] = usual
    return st.selectbox(
        text.LAYER, list(sizes), key="layer", help=text.LAYER_HELP, persist_state="session",
        format_func=lambda name: text.LAYER_SIZE.format(name=name, c=sizes[name][0], h=sizes[name][1],
                                                        w=sizes[name][2]),
        disabled=session["cam"] in gradcam_state.LAYERLESS,
    )  # fmt: skip


def region() -> None:
    """Choose where the class's scores are summed; a click, box or stroke on the picture chooses as well."""
    st.segmented_control(
        text.WHERE, gradcam_state.REGIONS, format_func=text.REGIONS.__getitem__, key="where", required=True,
        help=text.WHERE_HELP, persist_state="session", on_change=new_sheet,
    )  # fmt: skip


def new_sheet() -> None:
    """Let the picture take its strokes from the session the next time it is shown."""
    st.session_state[SHEET] = st.session_state.get(SHEET, 0) + 1


def shown() -> None:
    """Show how the map is drawn."""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    left.toggle(text.SIGNED, key="signed", help=text.SIGNED_HELP, persist_state="session")
    right.slider(text.LOW, 0.0, 95.0, step=5.0, key="low", help=text.LOW_HELP, persist_state="session", format="%d %%")


def more(asked: Asked) -> None:
    """Show the expander with all the others."""
    with st.expander(text.MORE, icon=":material/tune:"):
        left, middle, right = st.columns(3)
        left.selectbox(
            text.METHOD, gradcam_state.METHODS, format_func=method_name, key="cam", persist_state="session",
            help=text.METHOD_HELP,
        )  # fmt: skip
        middle.segmented_control(
            text.OF, list(text.OFS), format_func=text.OFS.__getitem__, key="y", required=True, help=text.OF_HELP,
            persist_state="session",
        )  # fmt: skip
        key = asked.loaded.key
        right.selectbox(
            text.SHORT, SHORT_SIDES, format_func=lambda value: segment_controls.size_name(value, key), key="short",
            help=text.SHORT_HELP, persist_state="session",
        )  # fmt: skip
        middle.toggle(text.MIRROR, key="mirror", help=text.MIRROR_HELP, persist_state="session")
        left.caption(gradcam_run.how(st.session_state["cam"]).paper)
        if st.session_state["what"] == "scene":
            _drawn()


def turn_to(names: list[str]) -> None:
    """Open the tab that the link or an experiment asks for; `names` in the order of `gradcam_state.TABS`."""
    now = st.session_state
    if now.get(OPENED) != now["gtab"]:
        now[TAB] = names[gradcam_state.TABS.index(now["gtab"])]


def turned(names: list[str]) -> None:
    """Take the tab that is open into the link."""
    now = st.session_state
    now["gtab"] = now[OPENED] = gradcam_state.TABS[names.index(now[TAB])]


def method_name(key: str) -> str:
    """Return a method's title, as the library has it."""
    return gradcam_run.how(key).title


def _drawn() -> None:
    """Show what can be moved in the drawn street."""
    st.markdown(f"**{text.PARAMETERS}**")
    columns = st.columns(4)
    columns[0].number_input(text.SEED, 0, compare_state.SEEDS, key="seed", persist_state="session")
    ranges: tuple[tuple[str, float, float, float], ...] = (
        ("things", 0, 50, 1), ("size", 0.5, 2.0, 0.1), ("crowding", 0.0, 1.0, 0.1), ("thin", 0.0, 1.0, 0.1),
        ("contrast", 0.1, 1.0, 0.1), ("grain", 0.0, 0.3, 0.02), ("imbalance", 0.0, 1.0, 0.1),
    )  # fmt: skip
    for n, (key, low, high, step) in enumerate(ranges, 1):
        columns[n % 4].slider(text.DRAWN[key], low, high, step=step, key=key, persist_state="session")
