"""The legend: each class's colour, name and area, as a table that reads without colour."""

from __future__ import annotations

from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab.types import Labels, Palette
from ui.texts import shared as text

STRIP = 64  # rows that are counted at once
STYLE = """<style>
.sl-legend{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
.sl-legend th{font-weight:600;text-align:right;opacity:.75}
.sl-legend td{text-align:right;padding:.15rem .3rem;border-top:1px solid rgba(128,128,128,.25)}
.sl-legend th{padding:.15rem .3rem}
.sl-legend th:first-child,.sl-legend td:first-child{text-align:left}
.sl-colors{display:flex;flex-wrap:wrap;gap:.3rem 1rem;font-size:.875rem}
.sl-legend i,.sl-colors i{display:inline-block;width:.9em;height:.9em;margin-right:.5em;border-radius:2px;
border:1px solid rgba(128,128,128,.6);vertical-align:-.1em}
</style>"""


def counts(labels: Labels) -> NDArray[np.int64]:
    """Return how many pixels have each value 0..255, (256,) int64, of labels (H, W).

    In strips: of the whole, `bincount` makes 8 bytes for each pixel first, and takes half as long again.
    """
    total = np.zeros(256, np.int64)
    for top in range(0, len(labels), STRIP):
        total += np.bincount(labels[top : top + STRIP].ravel(), minlength=256)
    return total


def areas(labels: Labels, n_classes: int) -> NDArray[np.int64]:
    """Return pixels per class (K + 1,) int64; the last is "unsure" (255).

    >>> areas(np.array([[0, 0, 255]], np.uint8), 2).tolist()
    [2, 0, 1]
    """
    total = counts(labels)
    return np.append(total[:n_classes], total[255])


def legend(counts: NDArray[np.int64], palette: Palette) -> None:
    """Show the classes that are in the picture, the largest first, with pixels and per cent; `counts` from `areas`."""
    st.html(STYLE + table(counts, palette))


def table(counts: NDArray[np.int64], palette: Palette) -> str:
    """Return the legend as an HTML table; names are escaped."""
    total = max(int(counts.sum()), 1)
    rows = []
    for k in sorted(np.flatnonzero(counts[:-1]), key=lambda k: -counts[k]):
        red, green, blue = palette.colors[k]
        rows.append(_row(f"rgb({red},{green},{blue})", palette.names[k], int(counts[k]), total))
    if counts[-1]:
        rows.append(_row("white", text.UNSURE, int(counts[-1]), total))
    head = f"<tr><th>{text.CLASS}</th><th>{text.PIXELS}</th><th>%</th></tr>"
    return f'<table class="sl-legend"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def colors(palette: Palette) -> None:
    """Show all classes in one line, where several pictures share them."""
    st.html(f'{STYLE}<div class="sl-colors">{"".join(_key(k, palette) for k in range(len(palette)))}</div>')


def _key(k: int, palette: Palette) -> str:
    red, green, blue = palette.colors[k]
    return f'<span><i style="background:rgb({red},{green},{blue})"></i>{escape(palette.names[k])}</span>'


def _row(color: str, name: str, pixels: int, total: int) -> str:
    swatch = f'<i style="background:{color}"></i>'
    share = "&lt; 0.1" if pixels < total / 1000 else f"{100 * pixels / total:.1f}"  # as in the viewer's legend
    return f"<tr><td>{swatch}{escape(name)}</td><td>{pixels:,}</td><td>{share}</td></tr>"
