"""Offer files to save: their bytes are made when the button is pressed, and a press is never lost.

Streamlit's own deferred download (`download_button` with a function) answers a press with an error if it comes while a
run is under way: the function's number is forgotten when that run begins and the end of any visitor's run sweeps it
away. Here a press is remembered in the session. The run that comes to the button makes the bytes, of what is chosen
then, and puts Streamlit's plain download button, out of sight, beside a line of script that presses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from ui.texts import shared as text

WANTED, SAVED = "files.wanted", "files.saved"
HIDDEN = "files-saved"
_PRESS = """<style>.st-key-{hidden}{{display:none}}</style><script>(() => {{
  let tries = 200;
  const press = () => {{
    const button = document.querySelector(".st-key-{key} button");
    button ? button.click() : tries-- && setTimeout(press, 25);
  }};
  press();
}})();</script>"""


def offer(
    label: str, make: Callable[[], bytes | str], name: str, mime: str, *, key: str,
    width: Literal["content", "stretch"] = "content", icon: str = ":material/download:", tip: str | None = None,
) -> None:  # fmt: skip
    """Show the button `label`; its press makes the file `name` of type `mime` with `make` and saves it.

    A ValueError or RuntimeError of `make` is shown as its sentence. `key`: the button's own, the same in every run.
    """
    st.button(label, key=f"files.{key}", icon=icon, help=tip, width=width, on_click=_want, args=(key,))
    if st.session_state.get(WANTED) != key:
        return
    try:
        data = make()
    except (ValueError, RuntimeError) as error:  # bad input; no memory, no weights
        st.session_state[WANTED] = None
        st.error(text.FILE_FAILED.format(label=label, reason=error), icon=":material/error:")
        return
    except Exception:  # not tried again by every run; one that is only broken off is no Exception to Streamlit
        st.session_state[WANTED] = None
        raise
    # Numbered: a second press must be a new element, or the browser would see nothing to do.
    number = st.session_state[SAVED] = st.session_state.get(SAVED, 0) + 1
    saved = f"{HIDDEN}-{number}"
    with st.container(key=HIDDEN):
        st.download_button(label, data, name, mime, key=saved, on_click="ignore")
        st.html(_PRESS.format(hidden=HIDDEN, key=saved), unsafe_allow_javascript=True)
    st.session_state[WANTED] = None


def _want(key: str) -> None:
    st.session_state[WANTED] = key
