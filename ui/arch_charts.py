"""Tables and charts of the labs of the page "Architectures"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#8a8a8a")  # of Okabe and Ito, and a grey


def times(ratio: float) -> str:
    """Write how many times as much something is.

    >>> times(461.3), times(3.17), times(0.0171)
    ('461', '3.2', '0.017')
    """
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show rows of text under their headings, numbers to the right."""
    body = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    st.markdown(f"| {' | '.join(heads)} |\n|---|{'---:|' * (len(heads) - 1)}\n{body}")


def chart(
    x: str,
    y: str,
    lines: Mapping[str, tuple[Any, Any]],
    key: str,
    *,
    log: bool = False,
    ticks: str | None = None,
    spreads: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Show named lines (x, y) with the axes' titles.

    log: the y axis is logarithmic; ticks: plotly's `dtick`; spreads: of a line's points, drawn as bars up and down.
    """
    from plotly.graph_objects import Figure

    data = [
        {
            "type": "scatter",
            "x": list(xs),
            "y": list(ys),
            "name": name,
            "mode": "lines+markers",
            "line": {"color": color},
            "error_y": {"type": "data", "array": list((spreads or {}).get(name, ())), "thickness": 1},
        }
        for color, (name, (xs, ys)) in zip(COLORS, lines.items(), strict=False)
    ]
    made = Figure(data, {
        "height": 320, "margin": {"l": 10, "r": 10, "t": 10, "b": 10}, "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}, "type": "log" if log else "linear", "exponentformat": "SI",
                  "dtick": ticks},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02}, "showlegend": len(lines) > 1,
    })  # fmt: skip
    st.plotly_chart(made, key=f"arch.chart.{key}", config={"displayModeBar": False})
