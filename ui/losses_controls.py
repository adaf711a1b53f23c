"""The controls of the page "Losses & metrics". Each one's key is its name in the link (`ui.losses_state.FIELDS`)."""

from __future__ import annotations

import io

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab import images, zoo
from ui import losses_run
from ui.expander import expander
from ui.losses_masks import MOST, UPLOADS
from ui.losses_state import CLASSES, FIELDS, GUESSES, INK, KEYS, TRUTHS, parameters, with_parameters
from ui.texts import losses as text

SHEET = "losses.sheet"  # in the keys of the viewers
EPSILONS = (1e-5, 1e-3, 0.1, 1.0, 10.0)
PROBLEM = "losses.problem"  # what is wrong with the last file
TOOK = "losses.took"  # how the last picture of a truth was read
SHADES = 32  # that a mask may have; a picture with more is grey or a photograph


def masks() -> None:
    """Choose what the truth and the prediction are at first."""
    left, right = st.columns(2)
    left.selectbox(
        text.SHAPE, TRUTHS, format_func=text.TRUTHS.__getitem__, key="truth", help=text.SHAPE_HELP, on_change=_truth,
        persist_state="session",
    )  # fmt: skip
    right.selectbox(
        text.SHAPE_GUESS, _guesses(), format_func=text.GUESSES.__getitem__, key="guess", help=text.SHAPE_GUESS_HELP,
        on_change=_guess, persist_state="session",
    )  # fmt: skip
    if "upload" in (st.session_state["truth"], st.session_state["guess"]):
        left, right = st.columns(2)
        left.file_uploader(text.UPLOAD_TRUTH, key="losses.truth.file", on_change=_take, args=("truth",))
        right.file_uploader(text.UPLOAD_GUESS, key="losses.guess.file", on_change=_take, args=("guess",))


def _guesses() -> list[str]:
    """Return what the prediction may be; one that there isn't for this truth becomes the truth, changed."""
    truth = st.session_state["truth"]
    model = truth == "photo" or (truth == "scene" and "scenes" in zoo.offered())
    if st.session_state["guess"] == "model" and not model:
        st.session_state["guess"] = "truth"
    return [key for key in GUESSES if key != "model" or model]


def more() -> None:
    """Show the expander: what is drawn, what goes wrong with the prediction, the threshold."""
    session = st.session_state
    box = expander(text.MORE, "losses")
    if box is None:
        return
    with box:
        drawn, moved, doubted = st.columns(3)
        with drawn:
            if session["truth"] == "scene":
                st.number_input(text.PAIR, 0, 9999, key="pair", on_change=wipe, persist_state="session")
                st.selectbox(text.THING, CLASSES, key="thing", on_change=wipe, persist_state="session")
            elif session["truth"] not in ("ships", "photo", "upload"):
                st.slider(text.SIDE, 16, 256, step=16, key="side", on_change=wipe, persist_state="session")
                st.slider(text.EXTENT, 0.02, 0.9, step=0.02, key="extent", on_change=wipe, persist_state="session")
            st.slider(text.CUT, 0.02, 0.98, step=0.02, key="cut", help=text.CUT_HELP, persist_state="session")
        with moved:
            st.slider(text.RIGHT, -64, 64, key="right", persist_state="session")
            st.slider(text.DOWN, -64, 64, key="down", persist_state="session")
            st.slider(text.GROW, -16, 16, key="grow", persist_state="session")
        with doubted:
            st.slider(text.PUNCHED, 0, 40, key="punched", persist_state="session")
            st.slider(text.SALT, 0.0, 0.5, step=0.01, key="salt", persist_state="session")
            st.slider(text.SOFTEN, 0.0, 10.0, step=0.5, key="soften", persist_state="session")
            st.slider(text.SURE, -1.0, 1.0, step=0.05, key="sure", help=text.SURE_HELP, persist_state="session")
        if any(session[key] for key in INK):
            st.button(text.CLEAR, on_click=wipe, icon=":material/ink_eraser:")


def _truth() -> None:
    """Begin with another truth; a picture's begins as what its network says, so that is the prediction too."""
    wipe()
    if st.session_state["truth"] == "photo":
        st.session_state["guess"] = "model"
    _guesses()
    _as_it_is()


def _guess() -> None:
    """Begin with another prediction."""
    wipe("inkp")
    _as_it_is()


def _as_it_is() -> None:
    """Leave an own or a network's prediction as it is; masks get back the confidence that they have by default."""
    session = st.session_state
    given = session["guess"] in ("model", "upload")
    changes = ("right", "down", "grow", "punched", "salt", "soften", "sure")
    if given:
        session.update({field.key: 0.0 if isinstance(field.default, float) else 0 for field in FIELDS
                        if field.key in changes})  # fmt: skip
    elif session["sure"] == 0:
        session["sure"] = next(field.default for field in FIELDS if field.key == "sure")


def wipe(*inks: str) -> None:
    """Forget what was painted: on both masks, or on those named."""
    st.session_state.update(dict.fromkeys(inks or INK, ""))
    new_sheet()


def new_sheet() -> None:
    """Have both masks painted on anew: the paint in the session counts, not what the browser remembers."""
    st.session_state[SHEET] = st.session_state.get(SHEET, 0) + 1


def losses() -> None:
    """Choose the two losses whose gradients are shown, and move their parameters."""
    for column, key, label in zip(st.columns(2), ("loss", "beside"), (text.LOSS_A, text.LOSS_B), strict=True):
        with column:
            chosen = st.selectbox(label, KEYS, format_func=_title, key=key, persist_state="session")
            _parameters(chosen, key)


def _title(key: str) -> str:
    return losses_run.loss(key).title


def _parameters(key: str, side: str) -> None:
    """Show a slider for each parameter of a loss, side by side."""
    session, loss = st.session_state, losses_run.loss(key)
    if not loss.parameters:
        return
    now = losses_run.settings(key, session)
    for column, p in zip(st.columns(len(loss.parameters)), loss.parameters, strict=True):
        widget, label = f"losses.{side}.{key}.{p.name}", f"${p.symbol}$"
        session[widget] = now[p.name]
        args = (key, p.name, widget, p.default)
        if p.name == "epsilon":  # what matters is its order of magnitude
            options = sorted({now[p.name], p.low, *EPSILONS})
            column.select_slider(label, options, key=widget, help=p.meaning, on_change=_set, args=args)
        else:
            column.slider(label, p.low, p.high, step=0.05, key=widget, help=p.meaning, on_change=_set, args=args)


def _set(loss: str, name: str, widget: str, default: float) -> None:
    values, new = parameters(st.session_state["with"]), round(st.session_state[widget], 6)
    values.pop((loss, name), None)
    if new != default:
        values[loss, name] = new
    st.session_state["with"] = with_parameters(values)


def _take(which: str) -> None:
    """Read a file of a mask; what is wrong with it is told, and the page keeps what it had."""
    session = st.session_state
    file = session.get(f"losses.{which}.file")
    session[PROBLEM] = ""
    if file is None:
        return
    beside = "guess" if which == "truth" else "truth"
    try:
        values = read(file.getvalue(), file.name)
        other = session.setdefault(UPLOADS, {}).get(beside) if session[beside] == "upload" else None
        if other is not None and other.shape != values.shape:
            raise ValueError(text.OTHER_SIZE.format(a=values.shape, b=other.shape))
    except ValueError as error:
        session[PROBLEM] = text.BAD_FILE.format(name=file.name, error=error)
        return
    if which == "truth":
        values, session[TOOK] = as_truth(values, file.name)
    session[UPLOADS] = {**session[UPLOADS], which: values}
    session[which] = "upload"
    wipe()
    _as_it_is()


def read(data: bytes, name: str) -> NDArray[np.float32]:
    """Return a mask or probability map from a file, float32 (H, W) in 0..1; ValueError says what is wrong.

    Of a picture the brightness counts, 255 being 1, or 1 itself in a mask of 0 and 1; of .npy the numbers themselves.
    """
    if name.lower().endswith(".npy"):
        values = _npy(data)
    else:
        shades = images.decode(data).max(2)
        values = shades.astype(np.float32) / (255 if shades.max() > 1 else 1)
    if max(values.shape) > MOST:
        raise ValueError(text.TOO_LARGE.format(h=values.shape[0], w=values.shape[1], most=MOST))
    if not (values.min() >= 0 and values.max() <= 1):  # NaN fails this too
        raise ValueError(text.NOT_PROBABILITIES)
    return values


def as_truth(values: NDArray[np.float32], name: str) -> tuple[NDArray[np.float32], str]:
    """Return a file's values as a mask of 0 and 1, float32 (H, W), and a sentence on what counts as object.

    In a picture of few shades that is all but black: masks are often of 0 and 1, or in dark colours.
    """
    mask = not name.lower().endswith(".npy") and len(np.unique(values)) <= SHADES
    found = (values > 0 if mask else values >= 0.5).astype(np.float32)
    said = text.TOOK_MASK if mask else text.TOOK_GREY
    return found, said.format(share=found.mean())


def _npy(data: bytes) -> NDArray[np.float32]:
    """Return the map in a .npy file; what its head promises is checked before any memory is taken for it."""
    file = io.BytesIO(data)
    try:
        read_head = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_head[np.lib.format.read_magic(file)[0]](file)
    except Exception as error:  # NumPy's reader raises all kinds on what is no .npy
        raise ValueError(text.NOT_NPY) from error
    if len(shape) != 2 or dtype.kind not in "biuf" or 0 in shape:
        raise ValueError(text.NOT_A_MAP.format(shape=shape, dtype=dtype))
    if max(shape) > MOST:
        raise ValueError(text.TOO_LARGE.format(h=shape[0], w=shape[1], most=MOST))
    try:
        return np.load(io.BytesIO(data), allow_pickle=False).astype(np.float32)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(text.NOT_NPY) from error
