"""Heavy work on the page "Grad-CAM": begun by a button, watched with its progress, stopped by any move, and kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

from seglab.download import WeightsError
from ui import cache, gradcam_run, jobs
from ui.gradcam_run import KEPT, Asked, Kept, Question
from ui.texts import gradcam as text
from ui.texts import segment as words

T = TypeVar("T")


def computed(
    key: Hashable, name: str, label: str, note: str, work: Callable[[jobs.Progress, Callable[[], bool]], T]
) -> T | None:
    """Return what is kept under `key`; else show the button that makes it, and None until it is pressed.

    `name` is the button's key, `note` says what it takes. `work(progress, cancel)` runs in a thread of its own, and
    must not call Streamlit. What it raises as a ValueError is shown, and None returned.
    """
    found: T | None = KEPT.peek(key)
    if found is not None:
        return found
    place = st.empty()
    with place.container():
        pressed = st.button(label, key=f"gradcam.run.{name}", icon=":material/play_arrow:")
        st.caption(note)
    if not pressed:
        return None
    place.empty()
    stop, bar = st.empty(), st.progress(0.0)
    stop.button(text.STOP, key=f"gradcam.stop.{name}", icon=":material/stop:")

    def show(done: int, total: int) -> None:
        bar.progress(min(1.0, done / total) if total else 0.0, text.DONE.format(done=done, total=total))

    def make(progress: jobs.Progress, cancel: Callable[[], bool]) -> T:
        return cache.kept(KEPT, key, lambda: work(progress, cancel))

    from seglab.runtime import OutOfMemory

    try:
        return jobs.watch(key, make, show, long=True)
    except OutOfMemory as error:
        st.error(f"{words.OUT_OF_MEMORY} {error}", icon=":material/memory:")
    except (WeightsError, ValueError) as error:
        st.warning(str(error), icon=":material/lightbulb:")
    finally:
        stop.empty()
        bar.empty()
    return None


def gated(asked: Asked | Question, name: str = "map") -> Kept:
    """Return the explanation: at once if it takes a pass or two, else once the button, of that name, is pressed.

    Where the memory isn't enough, that is the reason why there is none.
    """
    method = gradcam_run.how(asked.method)
    passes = method.passes * (1 + asked.mirror)
    if passes <= 2 or gradcam_run.here(asked):
        from seglab.runtime import OutOfMemory

        title = asked.loaded.spec.title if asked.loaded.spec else asked.loaded.key
        try:
            with st.spinner(text.RUNNING.format(title=title)):
                return gradcam_run.explain(asked)
        except OutOfMemory as error:  # not kept: there may be room the next time
            return Kept(None, why=f"{words.OUT_OF_MEMORY} {error}")
    note = text.MANY.format(title=method.title, n=passes)
    found = computed(
        asked.key, name, text.COMPUTE, note, lambda progress, cancel: gradcam_run.made(asked, progress, cancel)
    )
    return found or Kept(None)
