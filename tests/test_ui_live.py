"""The live panel without a browser: start, watch, pause, stop, crash, two sessions, and one that vanishes."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from seglab.live import Line, Run, Runs, Snapshot
from seglab.live import runs as module
from ui import live_panel, live_runs
from ui.texts import live as text


def page() -> None:
    import time

    import numpy as np
    import streamlit as st

    from seglab.live import Line, Snapshot
    from seglab.sharing import Cancelled
    from ui import live_panel

    choice = st.session_state.get("choice", "long")

    def begin(first: int = 0):
        def make():
            picture = np.full((8, 8), 200, np.uint8)
            total = first + (5 if choice == "short" else 100_000)
            done = first
            try:
                for done in range(first + 1, total + 1):
                    time.sleep(0.002)
                    if choice == "crash" and done == 4:
                        raise ValueError("The picture is too small.")
                    note = "Its loss became nan." if choice == "out" else ""
                    yield None  # between two snapshots there are steps that show nothing
                    lines = {"BCE": Line(1 / done, 0.0, (picture,)), "Dice": Line(0.5, 0.4, (picture,), note)}
                    yield Snapshot(done, total, 8 * done, lines, {"picture": (picture, picture)})
            except Cancelled:
                pass
            return done

        return make

    run = live_panel.panel(
        "losses", begin(), score="IoU", go_on=lambda run: begin(run.result), rows={"picture": "Scene"}
    )
    st.text(f"result {run.result}" if run else "no run")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch):
    """Runs of their own for a test, and who is connected; sessions are told apart by `session_state["who"]`."""
    connected = {"ann", "ben", "cid"}
    monkeypatch.setattr(module, "TURN", 0.02)
    monkeypatch.setattr(module, "LOOK", 0.01)
    runs = Runs(1, 2, alive=lambda owner: owner in connected)
    monkeypatch.setattr(live_runs, "runs", lambda: runs)
    monkeypatch.setattr(live_runs, "session", lambda: st.session_state["who"])
    yield connected
    runs.close()


def visit(who: str, choice: str = "long") -> AppTest:
    app = AppTest.from_function(page, default_timeout=30)
    app.session_state["who"], app.session_state["choice"] = who, choice
    return ok(app.run())


def ok(app: AppTest) -> AppTest:
    assert not app.exception, app.exception[0].message
    return app


def press(app: AppTest, key: str) -> AppTest:
    return ok(app.button(key=f"losses.{key}").click().run())


def keys(app: AppTest) -> set[str]:
    return {button.key.removeprefix("losses.") for button in app.button}


def said(app: AppTest) -> str:
    return "\n".join(element.value for kind in ("caption", "info", "error", "warning") for element in app.get(kind))


def run_of(who: str) -> Run:
    run = live_runs.runs().find(who, "losses")
    assert run is not None
    return run


def until(what, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.005)


def progress(app: AppTest) -> str:
    return app.get("progress")[0].proto.text


def test_start_watch_stop_and_what_stays(here):
    app = visit("ann")
    assert keys(app) == {"start"}
    assert app.text[0].value == "no run"
    press(app, "start")
    until(lambda: run_of("ann").history.latest is not None and run_of("ann").history.latest.done > 20)
    ok(app.run())
    assert keys(app) == {"pause", "stop"}
    first = progress(app)
    assert "of 100000" in first
    assert "min left" in first
    assert "images/s" in first
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 2
    assert len(app.get("image")) == 3, "the scene and two lines"
    at = run_of("ann").history.latest.done
    until(lambda: run_of("ann").history.latest.done > at)
    assert progress(ok(app.run())) != first
    press(app, "stop")
    until(lambda: not run_of("ann").live)
    ok(app.run())
    assert keys(app) == {"start", "on"}
    assert "Stopped at step" in said(app)
    assert len(app.get("image")) == 3
    assert app.text[0].value == f"result {run_of('ann').result}"


def test_pause_and_resume(here):
    app = press(visit("ann"), "start")
    until(lambda: run_of("ann").history.latest is not None)
    press(ok(app.run()), "pause")
    assert keys(app) == {"resume", "stop"}
    run = run_of("ann")
    until(lambda: run not in live_runs.runs()._at_work)
    assert f"Paused at step {run.history.latest.done} of 100000." in said(ok(app.run()))
    press(app, "resume")
    assert keys(app) == {"pause", "stop"}


def test_a_run_that_is_done_goes_on_and_can_be_looked_back_at(here):
    app = press(visit("ann", "short"), "start")
    until(lambda: not run_of("ann").live)
    ok(app.run())
    assert "Done: 5 steps." in said(app)
    assert app.text[0].value == "result 5"
    slider = app.select_slider[0]
    assert list(slider.options) == ["1", "2", "3", "4", "5"]
    slider.set_value(2).run()
    assert "at step 2" in said(ok(app))
    press(app, "on")
    until(lambda: not run_of("ann").live)
    assert run_of("ann").result == 10
    assert [point.step for point in run_of("ann").history.points()] == list(range(1, 11))
    assert "Done: 10 steps." in said(ok(app.run()))


def test_a_crash_is_a_sentence(here):
    app = press(visit("ann", "crash"), "start")
    until(lambda: not run_of("ann").live)
    ok(app.run())
    assert [error.value for error in app.error] == ["The training broke off: The picture is too small."]
    assert keys(app) == {"start"}
    assert len(app.get("image")) == 3, "what it had shown stays"
    app.session_state["choice"] = "short"
    press(ok(app.run()), "start")
    until(lambda: not run_of("ann").live)
    assert run_of("ann").state == "done"


def test_a_line_that_has_left_the_race_is_named(here):
    app = press(visit("ann", "out"), "start")
    until(lambda: run_of("ann").history.latest is not None)
    assert "Dice trains no longer. Its loss became nan." in said(ok(app.run()))


def test_a_second_session_gets_on_at_the_same_time_and_a_third_sees_its_place(here):
    one, two = press(visit("ann"), "start"), press(visit("ben"), "start")
    until(lambda: all(run_of(who).history.latest is not None for who in ("ann", "ben")))
    before = [run_of(who).history.latest.done for who in ("ann", "ben")]
    until(lambda: all(run_of(who).history.latest.done > n + 20 for who, n in zip(("ann", "ben"), before, strict=True)))
    for app in (one, two):
        assert "2 trainings share" in progress(ok(app.run()))
    three = press(visit("cid"), "start")
    assert text.WAITING.format(place=1) in said(ok(three.run()))
    assert keys(three) == {"stop"}
    press(one, "stop")
    until(lambda: run_of("cid").history.latest is not None)
    assert keys(ok(three.run())) == {"pause", "stop"}
    press(three, "stop")


def test_the_run_of_a_session_that_vanished_is_stopped(here, monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.1)
    press(visit("ann"), "start")
    press(visit("ben"), "start")
    run = run_of("ann")
    until(lambda: run.history.latest is not None)
    here.remove("ann")
    until(lambda: not run.live)
    assert run.state == "stopped"
    assert live_runs.runs().find("ann", "losses") is None
    assert run_of("ben").live


def test_the_page_is_drawn_again_when_a_run_ends_while_only_the_panel_is(here, monkeypatch):
    """The panel's clock was set when a run was live; once it isn't, the body asks for the whole page."""
    asked = []
    monkeypatch.setattr(live_panel.st, "rerun", lambda: asked.append(1))
    monkeypatch.setattr(live_panel, "_buttons", lambda *args: None)
    live_panel_body = live_panel._body
    monkeypatch.setattr(live_runs, "current", lambda name: None)
    live_panel_body("losses", None, "IoU", None, {}, True)
    assert asked == [1]
    live_panel_body("losses", None, "IoU", None, {}, False)
    assert asked == [1]


@pytest.mark.parametrize("live", [True, False])
def test_the_clock_runs_only_while_a_run_does(monkeypatch, live):
    seen = []

    def fragment(body, *, run_every):
        seen.append(run_every)
        return lambda *args: None

    monkeypatch.setattr(live_panel.st, "fragment", fragment)
    monkeypatch.setattr(live_runs, "current", lambda name: SimpleNamespace(live=live))
    live_panel.panel("losses", None, score="IoU")
    assert seen == [live_panel.EVERY if live else None]


def test_who_is_here_is_asked_of_streamlit(monkeypatch):
    assert live_runs.is_here("anybody"), "there is no server here"
    monkeypatch.setattr(live_runs.runtime, "exists", lambda: True)
    instance = SimpleNamespace(is_active_session=lambda session: session == "ann")
    monkeypatch.setattr(live_runs.runtime, "get_instance", lambda: instance)
    assert live_runs.is_here("ann")
    assert not live_runs.is_here("ben")
    assert live_runs.session() == ""


def test_the_server_s_runs_are_bounded_and_start_no_thread_by_themselves():
    live_runs.runs.cache_clear()  # another test may have begun a run
    runs = live_runs.runs()
    assert runs is live_runs.runs()
    assert runs.workers == live_runs.workers()
    assert runs.most == live_runs.PER_WORKER * runs.workers
    assert runs._threads == []


def test_curves_have_one_scale_and_few_points(monkeypatch):
    run = Run("ann", "losses", lambda: iter(()))
    for n in range(1, 1000):
        run.history.add(Snapshot(n, 1000, n, {"BCE": Line(1 / n, 0.2), "Dice": Line(0.5, float("nan"))}))
    drawn = []
    monkeypatch.setattr(live_panel.st, "vega_lite_chart", lambda data, spec, **_: drawn.append((data, spec)))
    live_panel._curves(run, "IoU")
    (data, loss), (_, score) = drawn
    assert len(data["step"]) <= 2 * 2 * live_panel.MOST_POINTS
    assert data["step"][-1] == 999
    assert score["encoding"]["y"]["scale"] == {"domain": [0, 1]}
    assert loss["encoding"]["color"]["scale"]["domain"] == ["BCE", "Dice"]
    assert loss["encoding"]["strokeDash"]["scale"]["domain"] == ["BCE", "Dice"]


def test_a_strip_keeps_every_pixel():
    grey = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    rgb = np.stack([grey.T] * 3, 2)
    strip = np.asarray(Image.open(io.BytesIO(live_panel.strip((grey, rgb)))))
    assert strip.shape == (128, 2 * 128 + live_panel.GAP, 3)
    assert np.array_equal(strip[::2, :128:2, 0], grey)
    assert np.array_equal(strip[1::2, 128 + live_panel.GAP :: 2], rgb)
    small = np.asarray(Image.open(io.BytesIO(live_panel.strip((np.zeros((300, 7), np.uint8), grey)))))
    assert small.shape[0] == 300
