"""The cost strip: time, peak memory, multiply-adds, parameters, device of the last forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

STYLE = """<style>
.sl-cost{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;font-size:.8125rem;opacity:.85;font-variant-numeric:tabular-nums}
</style>"""


def amount(value: float, unit: str) -> str:
    """Write a large number with a prefix.

    >>> amount(5_200_000, ""), amount(14.2e9, "MACs"), amount(1.5 * 2**30, "B")
    ('5.2 M', '14.2 GMACs', '1.6 GB')
    """
    for limit, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {prefix}{unit}"
    return f"{value:.0f} {unit}".rstrip()


def cost_strip(entries: Sequence[tuple[str, str]], note: str = "") -> None:
    """Show (name, value) pairs in one line that wraps on a phone; names and values are ours, never a visitor's."""
    pairs = "".join(f"<span><b>{name}</b> {value}</span>" for name, value in entries)
    st.html(f'{STYLE}<div class="sl-cost">{pairs}</div>')
    if note:
        st.caption(note)
