"""Files to save: made only when asked for, once for each press, and also if the run in between broke off."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.apps import ok, words


def page() -> None:
    import streamlit as st

    from ui import files

    def make(name: str) -> bytes:
        st.session_state.setdefault("made", []).append(name)
        if refused := st.session_state.get("refuse"):
            raise {"input": ValueError, "memory": RuntimeError, "flaw": KeyError}[refused]("this picture is empty")
        return name.encode()

    if st.session_state.get("broken"):  # as when the viewer asks for a new run in the middle of this one
        st.session_state["broken"] = False
        st.stop()
    files.offer("First file", lambda: make("a"), "a.txt", "text/plain", key="a")
    files.offer("Second file", lambda: make("b"), "b.txt", "text/plain", key="b")


@pytest.fixture
def app() -> AppTest:
    return ok(AppTest.from_function(page).run())


def saved(app: AppTest) -> list[str]:
    """Return the names of what this run hands to the browser, and see that its script presses that very button."""
    buttons = app.get("download_button")
    scripts = [element.proto.body for element in app.get("html")]
    assert len(scripts) == len(buttons)
    for button, script in zip(buttons, scripts, strict=True):
        key = re.search(r"\.st-key-(\S+) button", script)[1]
        assert button.proto.id.endswith(f"-{key}")
    return [button.proto.label for button in buttons]


def test_nothing_is_made_until_a_press_and_then_once(app: AppTest) -> None:
    assert "made" not in app.session_state
    assert saved(app) == []
    ok(app.button(key="files.b").click().run())
    assert app.session_state["made"] == ["b"]
    assert saved(app) == ["Second file"]
    ok(app.run())
    assert saved(app) == []
    assert app.session_state["made"] == ["b"]


def test_a_press_whose_run_broke_off_is_answered_by_the_next(app: AppTest) -> None:
    app.session_state["broken"] = True
    app.button(key="files.a").click().run()
    assert "made" not in app.session_state
    ok(app.run())
    assert app.session_state["made"] == ["a"]
    assert saved(app) == ["First file"]


def test_a_second_press_is_a_new_element(app: AppTest) -> None:
    scripts = []
    for _ in range(2):
        ok(app.button(key="files.a").click().run())
        scripts += [e.proto.body for e in app.get("html")]
    assert len(set(scripts)) == 2


@pytest.mark.parametrize("reason", ["input", "memory", "flaw"])
def test_what_can_not_be_made_is_told_and_not_tried_again_by_itself(app: AppTest, reason: str) -> None:
    app.session_state["refuse"] = reason
    app.button(key="files.a").click().run()
    assert saved(app) == []
    if reason == "flaw":  # ours, to be seen
        assert "this picture is empty" in app.exception[0].message
    else:
        assert "First file wasn't saved: this picture is empty" in words(ok(app), "error")
    app.session_state["refuse"] = ""
    ok(app.run())
    assert app.session_state["made"] == ["a"]
    assert words(app, "error") == ""
