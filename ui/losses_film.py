"""Masks as they form, side by side: a chart that plays, or goes step by step, in the browser alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from ui.texts import losses_more as text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from ui.losses_descend import Descent

BRIGHTEST = 254  # p = 1; the heat map's colours are 0 to 254
PLAY = 120  # ms between two masks


def film(picture: NDArray[np.float32], found: Sequence[Descent], titles: Sequence[str]) -> Figure:
    """Return the picture and both masks as they form: to play, or step by step, in the browser alone."""
    from plotly.graph_objects import Frame, Image
    from plotly.subplots import make_subplots

    low, high = float(picture.min()), float(picture.max())
    grey = ((picture - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
    made = make_subplots(1, 3, subplot_titles=[text.D_SEEN, *_said(found, titles, 0)], horizontal_spacing=0.03)
    first = [_png(grey, None), *(_png(one.masks[0], _heat()) for one in found)]
    for column, source in enumerate(first, 1):
        made.add_trace(Image(source=source, hoverinfo="skip"), row=1, col=column)
    made.frames = [
        Frame(
            name=str(step), traces=[1, 2], data=[Image(source=_png(one.masks[k], _heat())) for one in found],
            layout={"annotations": [{"text": said} for said in (text.D_SEEN, *_said(found, titles, step))]},
        )
        for k, step in enumerate(found[0].shown.tolist())
    ]  # fmt: skip
    made.update_annotations(font_size=12)
    made.update_xaxes(visible=False)
    made.update_yaxes(visible=False)
    made.update_layout(
        height=470, margin={"l": 0, "r": 0, "t": 60, "b": 130}, **_film_controls(found[0].shown.tolist())
    )
    return made


def _said(found: Sequence[Descent], titles: Sequence[str], step: int) -> list[str]:
    return [
        text.D_PANEL.format(title=title, foreground=one.foreground[step], background=one.background[step])
        for one, title in zip(found, titles, strict=True)
    ]


def _film_controls(shown: list[int]) -> dict[str, Any]:
    """Return Plotly's own buttons and slider: no step asks the server."""
    play = {"frame": {"duration": PLAY, "redraw": True}, "fromcurrent": True, "transition": {"duration": 0}}
    jump = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}
    button = {"method": "animate", "label": text.D_PLAY, "args": [None, play]}
    pause = {"method": "animate", "label": text.D_PAUSE, "args": [[None], jump]}
    steps = [{"method": "animate", "label": str(n), "args": [[str(n)], jump]} for n in shown]
    return {
        "updatemenus": [{
            "type": "buttons", "direction": "left", "buttons": [button, pause], "x": 0, "y": 0, "xanchor": "left",
            "yanchor": "top", "pad": {"t": 92}, "bgcolor": "#eee", "font": {"color": "#111"}, "showactive": False,
        }],
        "sliders": [{
            "steps": steps, "y": 0, "pad": {"t": 10},
            "currentvalue": {"prefix": text.D_STEP + " ", "font": {"size": 13}},
        }],
    }  # fmt: skip


def _heat() -> NDArray[np.uint8]:
    from seglab.draw import heat_colors

    return heat_colors()


def _png(values: NDArray[np.uint8], colors: NDArray[np.uint8] | None) -> str:
    """Return a picture (H, W) as a PNG in a data URL: grey, or with a colour for each value."""
    picture = Pil.fromarray(values, "L" if colors is None else "P")
    if colors is not None:
        picture.putpalette(colors.tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
