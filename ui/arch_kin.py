"""Kin of the U-Net, one picture each: UNet++'s nested skips, and Attention U-Net's gate on a skip.

Drawn from their definitions: UNet++'s node (i, j), at stride 2ⁱ, reads all nodes before it in its row and the one
below, enlarged: X(i, j) = H([X(i, 0), …, X(i, j − 1), U(X(i + 1, j − 1))]) (Zhou et al. 2018, arXiv:1807.10165, eq. 1,
fig. 1). The gate weighs each place of a skip x by α = σ(ψᵀ ReLU(Wx x + Wg g + b) + b_ψ), g being the coarser map
(Oktay et al. 2018, arXiv:1804.03999, eq. 1 and 2, fig. 2).
"""

from __future__ import annotations

import streamlit as st

from ui.texts import architectures as text

STEPS = 4  # down, as U-Net's
ACROSS, DOWN, RADIUS = 78, 58, 17  # px between nodes, and a node's radius
INK = 'fill="none" stroke="currentColor"'
HEAD = (
    '<defs><marker id="kin" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>'
)
# The gate: boxes by name with centre and width, and the arrows between them.
BOXES = {
    "x": (40, 40, 56), "g": (40, 120, 56), "Wx · 1×1, stride 2": (160, 40, 120), "Wg · 1×1": (160, 120, 120),
    "+": (262, 80, 30), "ReLU": (326, 80, 58), "ψ · 1×1": (410, 80, 70), "σ": (478, 80, 30),
    "α, ×2": (544, 80, 62), "×": (626, 40, 30),
}  # fmt: skip
WIRES = (
    ("x", "Wx · 1×1, stride 2"), ("g", "Wg · 1×1"), ("Wx · 1×1, stride 2", "+"), ("Wg · 1×1", "+"), ("+", "ReLU"),
    ("ReLU", "ψ · 1×1"), ("ψ · 1×1", "σ"), ("σ", "α, ×2"), ("α, ×2", "×"),
)  # fmt: skip


_component = st.components.v2.component(
    "seglab_kin",
    html="<div></div>",
    css="div { overflow-x: auto; color: var(--st-text-color); font-family: var(--st-font) }",
    js="export default ({ parentElement, data }) => { parentElement.querySelector('div').innerHTML = data }",
)


def nodes(steps: int = STEPS) -> list[tuple[int, int]]:
    """Return UNet++'s nodes (row, column): a triangle.

    >>> len(nodes()), nodes(1)
    (15, [(0, 0), (0, 1), (1, 0)])
    """
    return [(i, j) for i in range(steps + 1) for j in range(steps + 1 - i)]


def reads(i: int, j: int) -> list[tuple[int, int]]:
    """Return the nodes that node (i, j) reads.

    >>> reads(2, 0), reads(0, 2)
    ([(1, 0)], [(0, 0), (0, 1), (1, 1)])
    """
    return [*((i, k) for k in range(j)), (i + 1, j - 1)] if j else [(i - 1, 0)] * bool(i)


def plus_plus() -> str:
    """Return UNet++ as SVG; the nodes that a U-Net has too are filled."""
    width, height = STEPS * ACROSS + 60, STEPS * DOWN + 76
    parts = [_open(width, height, text.KIN_PLUS_ALT, 'style="max-width: 100%; height: auto" ')]
    for i, j in nodes():
        x, y = _at(i, j)
        for k, m in reads(i, j):
            from_x, from_y = _at(k, m)
            if k == i and j - m > 1:  # past the nodes between, in an arc above them
                above, middle = y - 14 - 11 * (j - m), (x + from_x) / 2
                line = f'd="M{from_x} {y - RADIUS} Q{middle} {above} {x} {y - RADIUS}" stroke-dasharray="4 3"'
            else:
                long = ((x - from_x) ** 2 + (y - from_y) ** 2) ** 0.5
                dx, dy = (RADIUS * (x - from_x) / long, RADIUS * (y - from_y) / long)
                line = f'd="M{from_x + dx:.1f} {from_y + dy:.1f} L{x - dx:.1f} {y - dy:.1f}"'
            parts.append(f'<path {line} {INK} opacity=".75" marker-end="url(#kin)"/>')
        fill = "var(--st-primary-color, #0f766e)" if j in (0, STEPS - i) else "none"
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="{RADIUS}" fill="{fill}" fill-opacity=".25" stroke="currentColor"/>'
            f'<text x="{x}" y="{y + 4}">{i}, {j}</text>'
        )
    return "".join([*parts, "</svg>"])


def gate() -> str:
    """Return Attention U-Net's gate as SVG."""
    parts = [_open(680, 160, text.KIN_GATE_ALT)]
    for name, (x, y, width) in BOXES.items():
        parts.append(
            f'<rect x="{x - width / 2}" y="{y - 15}" width="{width}" height="30" rx="5" {INK}/>'
            f'<text x="{x}" y="{y + 4}">{name}</text>'
        )
    for a, b in WIRES:
        (x, y, width), (to_x, to_y, to_width) = BOXES[a], BOXES[b]
        parts.append(_wire(f"M{x + width / 2} {y} L{to_x - to_width / 2} {to_y}"))
    (x, y, _), (to_x, _, to_width) = BOXES["x"], BOXES["×"]
    parts.append(_wire(f"M{x} {y - 15} V10 H{to_x} V{y - 15}"))  # the skip itself
    parts.append(_wire(f"M{to_x + to_width / 2} {y} H676"))
    return "".join([*parts, "</svg>"])


def kin() -> None:
    """Show both, folded."""
    with st.expander(text.KIN, icon=":material/family_history:"):
        for picture, said in ((plus_plus(), text.KIN_PLUS), (gate(), text.KIN_GATE)):
            _component(key=f"arch.kin.{said[:8]}", data=picture)  # st.html takes SVG away
            st.markdown(said)


def _at(i: int, j: int) -> tuple[float, float]:
    """Return where UNet++'s node stands: half a column to the right for each row down, as in its fig. 1."""
    return 30 + ACROSS * (j + i / 2), 56 + DOWN * i


def _wire(path: str) -> str:
    return f'<path d="{path}" {INK} marker-end="url(#kin)"/>'


def _open(width: int, height: int, alt: str, more: str = "") -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{alt}" '
        f'{more}font-size="12" text-anchor="middle" fill="currentColor" xmlns="http://www.w3.org/2000/svg">{HEAD}'
    )
