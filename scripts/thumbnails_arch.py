"""The thumbnails of the page "Architectures": each experiment's diagram, as the page draws it in its light theme.

The drawing is SVG whose colours are those of Streamlit's theme, so Chromium paints it (requirements-dev.txt).
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image as PILImage

from seglab.bench.server import chromium
from ui import arch_controls, arch_diagram, arch_net, arch_state, arch_svg, state
from ui.cards import SIZE
from ui.presets import Preset

COLOURS = "--st-text-color:#1b2a2a; --st-background-color:#fff; --st-primary-color:#0f766e; --st-font:sans-serif"
CSS = Path(arch_diagram.__file__).with_suffix(".css")
PAGE = """<style>body {{ margin: 0; background: #fff; {colours} }} {css}
.diagram {{ border: 0; width: {w}px; height: {h}px; box-sizing: border-box; display: grid; place-items: center;
overflow: hidden; padding: 12px }} svg {{ min-width: 0 !important; width: 100% !important; height: 100% !important }}
.name, .size, .change {{ display: none }}</style><div class="diagram">{svg}</div>"""


def diagram(preset: Preset) -> PILImage.Image:
    """Return what an experiment of "Architectures" draws: the first of its networks; of the lab, what it slides."""
    values, problems = state.read(arch_state.FIELDS, preset.params)
    if problems:
        raise ValueError(f"The experiment {preset.key} isn't a valid link: {' '.join(problems)}")
    key = "patch" if values["alab"] == "window" else str(values["arch"])
    spec = arch_net.Spec(key, str(values["abuild"]))
    drawn = arch_net.draw(spec, arch_net.shape_for(spec, (128, 128)))
    svg = arch_svg.svg(drawn, arch_controls.full_title(spec), str(values["shade"]))
    w, h = SIZE
    page = PAGE.format(colours=COLOURS, css=CSS.read_text(encoding="utf-8"), svg=svg, w=w, h=h)
    with chromium() as browser:
        view = browser.new_page(viewport={"width": w, "height": h})
        view.set_content(page)
        return PILImage.open(io.BytesIO(view.screenshot())).convert("RGB")
