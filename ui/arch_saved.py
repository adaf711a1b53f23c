"""A diagram as a file of its own: with its style sheet, all colours written out, on the light theme's paper.

Elsewhere than on the page nobody knows Streamlit's CSS variables, and few programs know `color-mix`.
"""

from __future__ import annotations

import re
from pathlib import Path

from ui import arch_svg
from ui.arch_net import Drawn

COLORS = {"ink": "#1c2528", "paper": "#ffffff", "accent": "#0f766e"}  # the light theme's, in .streamlit/config.toml
_CSS = Path(__file__).parent / "arch_diagram.css"


def mixed(one: str, percent: float, other: str) -> str:
    """Return what CSS makes of color-mix(in srgb, one percent%, other), of #rrggbb.

    >>> mixed("#000000", 25, "#ffffff")
    '#bfbfbf'
    """
    pairs = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + bytes(round((percent * a + (100 - percent) * b) / 100) for a, b in pairs).hex()


def style() -> str:
    """Return the page's style sheet without what is for clicking, with colours as numbers."""
    css = _CSS.read_text("utf-8").replace("var(--share, 24%)", "24%").replace("transparent", "none")
    for name, value in COLORS.items():
        css = css.replace(f"var(--{name})", value)
    rules = re.findall(r"([^{}]+)\{([^}]*)\}", css)
    kept = (f"{which.strip()}{{{what.strip()}}}" for which, what in rules
            if not re.search(r":|\[|\.diagram|\.stage", which))  # fmt: skip
    return re.sub(r"color-mix\(in srgb, (#\w+) (\d+)%, (#\w+)\)", _mix, "".join(kept))


def _mix(found: re.Match[str]) -> str:
    return mixed(found[1], float(found[2]), found[3])


def saved(drawn: Drawn, title: str, shade: str = "") -> str:
    """Return the diagram as an SVG that any program shows as the page does; `shade` as for `arch_svg.svg`."""
    accent, paper = COLORS["accent"], COLORS["paper"]
    # A stage's share of the number it is shaded by is a variable on the page; here its slab's colour.
    found = re.sub(
        r' style="--share:(\d+)%"(.*?)class="slab"',
        lambda m: f'{m[2]}class="slab" style="fill:{mixed(accent, float(m[1]), paper)}"',
        arch_svg.svg(drawn, title, shade),
    )
    head = (
        f'<style>svg{{font-family:sans-serif}}{style()}</style><rect width="100%" height="100%" style="fill:{paper}"/>'
    )
    return found.replace("<defs>", f"{head}<defs>", 1)
