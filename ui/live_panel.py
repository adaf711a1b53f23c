"""The panel of a live run: buttons, where it stands, curves of up to three networks, and what they say now.

It is a fragment: while a run is going it draws itself anew every `EVERY` seconds, and nothing else of the page does.
When a run begins or ends, the whole page is drawn once, with or without that clock.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab.live import Make, Run, Snapshot
from seglab.live.snapshots import Pictures
from ui import live_runs
from ui.texts import live as text

EVERY = 1.0  # seconds
MOST_POINTS = 150  # of a curve: what a chart a few hundred pixels wide can show
TALL, GAP = 128, 4  # px of a picture in a row, and between two
# Okabe and Ito's blue, vermilion and green, also told apart by their dashes.
COLORS = ("#0072B2", "#D55E00", "#009E73")
DASHES = ((1, 0), (6, 3), (2, 2))


def panel(
    name: str,
    make: Make,
    *,
    score: str,
    go_on: Callable[[Run], Make] | None = None,
    rows: Mapping[str, str] | None = None,
) -> Run | None:
    """Show this session's run of that name, with its buttons; return it, so that the page can use its result.

    Args:
        name: of the run; one for each panel.
        make: what "Train" begins: see `seglab.live.runs`. It is called in a worker, and must not call Streamlit.
        score: what the lines' score is called.
        go_on: what "Go on" begins after a run that has ended with a result; None: no such button.
        rows: titles of the rows of pictures that don't change, by their keys in `Snapshot.beside`.
    """
    run = live_runs.current(name)
    live = run is not None and run.live
    st.fragment(_body, run_every=EVERY if live else None)(name, make, score, go_on, rows or {}, live)
    return live_runs.current(name)


def _body(
    name: str, make: Make, score: str, go_on: Callable[[Run], Make] | None, rows: Mapping[str, str], clock: bool
) -> None:
    run = live_runs.current(name)
    if (run is not None and run.live) != clock:
        st.rerun()  # the whole page: it begins or ends the clock, and may show the result
    _buttons(name, make, go_on, run)
    if run is None:
        st.caption(text.SHARED)
        return
    _state(run)
    if run.history.latest is not None:
        _pictures(name, run, rows)
        _curves(run, score)


def _buttons(name: str, make: Make, go_on: Callable[[Run], Make] | None, run: Run | None) -> None:
    columns = iter(st.columns(4))

    def button(label: str, key: str, icon: str, act: Callable[..., Any], *args: Any, help: str | None = None) -> None:
        next(columns).button(
            label, key=f"{name}.{key}", icon=f":material/{icon}:", on_click=act, args=args, help=help, width="stretch"
        )

    if run is None or not run.live:
        button(text.START if run is None else text.AGAIN, "start", "play_arrow", live_runs.start, name, make)
        if run is not None and go_on is not None and run.result is not None:
            more = go_on(run)
            button(text.GO_ON, "on", "fast_forward", live_runs.start, name, more, run.history, help=text.GO_ON_HELP)
        return
    runs = live_runs.runs()
    if run.state == "paused":
        button(text.RESUME, "resume", "play_arrow", runs.resume, run)
    elif run.state == "going":
        button(text.PAUSE, "pause", "pause", runs.pause, run)
    button(text.STOP, "stop", "stop", runs.stop, run)


def _state(run: Run) -> None:
    """Say where it stands, in a line."""
    latest = run.latest
    at = {"done": latest.done, "total": latest.total} if latest else {"done": 0, "total": 0}
    if run.state == "failed":
        st.error(text.FAILED.format(message=run.message), icon=":material/error:")
    elif run.state == "waiting":
        st.info(text.WAITING.format(place=live_runs.runs().place(run)), icon=":material/hourglass:")
    elif run.state == "going" and latest is None:
        st.caption(text.BEGINNING)
    elif run.state == "going":
        others = live_runs.runs().sharing
        rate = run.images_per_second
        line = text.GOING.format(
            **at, left=_left(run.seconds_left), rate=text.RATE_UNKNOWN if rate is None else text.RATE.format(n=rate)
        )
        st.progress(min(at["done"] / at["total"], 1.0), line + (text.OTHERS.format(n=others) if others > 1 else ""))
    else:
        stopped = text.STOPPED if latest else text.STOPPED_EARLY
        st.caption({"paused": text.PAUSED, "done": text.DONE}.get(run.state, stopped).format(**at) + f" {run.message}")
    for name, line_of in latest.lines.items() if latest else ():
        if line_of.note:
            st.warning(text.LEFT_RACE.format(name=name, note=line_of.note), icon=":material/running_with_errors:")


def _left(seconds: float | None) -> str:
    """Write a time that is left.

    >>> _left(None), _left(7.2), _left(200)
    ('time left not known yet', '8 s left', '3 min left')
    """
    if seconds is None:
        return text.LEFT_UNKNOWN
    return (
        text.LEFT_SECONDS.format(n=int(seconds) + 1)
        if seconds < 90
        else text.LEFT_MINUTES.format(n=round(seconds / 60))
    )


def _curves(run: Run, score: str) -> None:
    """Show loss and score over the steps, each with all lines on one scale."""
    points = run.history.points()
    points = points[:: max(1, len(points) // MOST_POINTS)] + points[-1:]
    names = list(run.history.latest.lines) if run.history.latest else []
    rows = [(p.step, name, *p.values[name]) for p in points for name in names if name in p.values]
    steps, which, losses, scores = zip(*rows, strict=True)
    data = {"step": steps, "name": which, "loss": losses, "score": scores}
    left, right = st.columns(2)
    for column, field, title, scale in (
        (left, "loss", text.LOSS, {}), (right, "score", score, {"domain": [0, 1]}),
    ):  # fmt: skip
        alt = text.CURVES_ALT.format(what=title, names=", ".join(names))
        with column:
            st.vega_lite_chart(data, _spec(field, title, names, scale), width="stretch", height=300, alt=alt)
    if len(names) > 1:
        st.caption(text.LOSS_NOTE.format(score=score))


def _spec(field: str, title: str, names: list[str], scale: dict[str, Any]) -> dict[str, Any]:
    line = {"domain": names, "range": [*COLORS[: len(names)]]}
    dash = {"domain": names, "range": [list(dash) for dash in DASHES[: len(names)]]}
    legend = {"title": None, "orient": "top"}
    return {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "title": text.STEP},
            "y": {"field": field, "type": "quantitative", "title": title, "scale": scale},
            "color": {"field": "name", "type": "nominal", "scale": line, "legend": legend},
            "strokeDash": {"field": "name", "type": "nominal", "scale": dash, "legend": legend},
        },
    }


def _pictures(name: str, run: Run, rows: Mapping[str, str]) -> None:
    """Show the rows that don't change and each line's; once it has ended, of any snapshot that was kept."""
    kept = run.history.snapshots()
    snapshot = kept[-1]
    if not any(line.pictures for line in snapshot.lines.values()):
        return
    if not run.live and len(kept) > 1:
        steps = {snapshot.done: snapshot for snapshot in kept}
        chosen = st.select_slider(text.LOOK_BACK, list(steps), value=snapshot.done, key=f"{name}.back.{id(run)}")
        snapshot = steps[chosen]
    st.caption(text.PICTURES.format(done=snapshot.done))
    shown = _rows(snapshot, rows)
    for first in range(0, len(shown), 2):  # two side by side; on a phone they stack
        for column, (title, pictures) in zip(st.columns(2), shown[first : first + 2], strict=False):
            column.image(strip(pictures), caption=title, alt=text.ROW_ALT.format(row=title, n=len(pictures)))


def _rows(snapshot: Snapshot, titles: Mapping[str, str]) -> list[tuple[str, Pictures]]:
    beside = [(titles.get(key, key), pictures) for key, pictures in snapshot.beside.items()]
    return [*beside, *((name, line.pictures) for name, line in snapshot.lines.items() if line.pictures)]


def strip(pictures: Pictures) -> bytes:
    """Return pictures, grey or RGB, side by side as a PNG, each enlarged by a whole factor to about `TALL` px.

    Whole, and without smoothing: a pixel of these is what the network decides on.

    >>> Pil.open(io.BytesIO(strip((np.zeros((64, 64), np.uint8),) * 2))).size
    (260, 128)
    """
    parts: list[NDArray[np.uint8]] = []
    for picture in pictures:
        factor = max(1, round(TALL / picture.shape[0]))
        rgb = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
        parts += [rgb.repeat(factor, 0).repeat(factor, 1), np.full((factor * len(picture), GAP, 3), 255, np.uint8)]
    tallest = max(len(part) for part in parts)
    same = [np.pad(part, ((0, tallest - len(part)), (0, 0), (0, 0)), constant_values=255) for part in parts[:-1]]
    out = io.BytesIO()
    Pil.fromarray(np.concatenate(same, axis=1)).save(out, "PNG", compress_level=1)
    return out.getvalue()
