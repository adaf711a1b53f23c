"""Live runs on a real server, sessions opened over its WebSocket: a closed tab's run stops, the other's goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from seglab.bench import server

APP = """
import json, time
from pathlib import Path
import streamlit as st
from seglab.live import Line, Snapshot, runs
from ui import live_panel, live_runs

runs.GRACE, runs.LOOK = 1.0, 0.1
FOLDER = Path({folder!r})

def work(path):
    def make():
        try:
            for n in range(1, 1_000_000):
                time.sleep(0.002)
                path.write_text(str(n))
                yield Snapshot(n, 1_000_000, n, {{"a": Line(1 / n)}})
        finally:
            path.with_suffix(".ended").touch()
    return make

path = FOLDER / f"{{live_runs.session()}}.steps"
if live_runs.current("test") is None:
    live_runs.start("test", work(path))
live_panel.panel("test", work(path), score="IoU")
"""


def until(what: Callable[[], bool], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it didn't happen"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_closed_tab_s_run_stops_and_another_visitor_s_goes_on(tmp_path: Path) -> None:
    connect = pytest.importorskip("websockets.sync.client").connect
    from streamlit.proto.BackMsg_pb2 import BackMsg

    script, port = tmp_path / "app.py", server.free_port()
    script.write_text(APP.format(folder=str(tmp_path)))
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true"]
    hello = BackMsg()
    hello.rerun_script.query_string = ""

    def visit():
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        tab = tabs.enter_context(connect(address, max_size=None, subprotocols=["streamlit"]))
        tab.send(hello.SerializeToString())
        return tab

    def steps() -> dict[str, int]:
        return {path.stem: int(path.read_text() or 0) for path in tmp_path.glob("*.steps")}

    with server.running(command, port, {"PYTHONPATH": str(server.ROOT)}), ExitStack() as tabs:
        first = visit()
        until(lambda: len(steps()) == 1)
        (mine,) = steps()
        second = visit()
        until(lambda: len(steps()) == 2)
        (theirs,) = steps().keys() - {mine}
        before = steps()
        until(lambda: all(steps()[who] > before[who] + 50 for who in (mine, theirs)))

        first.close()
        until(lambda: (tmp_path / f"{mine}.ended").exists())
        at = steps()
        until(lambda: steps()[theirs] > at[theirs] + 50)
        assert steps()[mine] == at[mine]
        assert not (tmp_path / f"{theirs}.ended").exists()
        second.close()
        until(lambda: (tmp_path / f"{theirs}.ended").exists())
