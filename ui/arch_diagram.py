"""The component that shows a diagram and says which of its stages was chosen, by click or keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from ui import arch_svg
from ui.arch_net import Drawn

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "seglab_architecture",
    html='<div class="diagram"></div>',
    css=(_HERE / "arch_diagram.css").read_text("utf-8"),
    js=(_HERE / "arch_diagram.js").read_text("utf-8"),
)


def diagram(
    drawn: Drawn, title: str, *, key: str, chosen: str, on_choose: Callable[[str], None], shade: str = ""
) -> None:
    """Show a network's diagram, the stage `chosen` marked.

    A click on a stage, or Enter on it, calls `on_choose` with its id before the run that it causes; an id that the
    diagram doesn't have is dropped. `shade` as for `arch_svg.svg`.
    """

    def sent() -> None:
        name = _name(st.session_state[key].get("stage"), drawn)
        if name is not None:
            on_choose(name)

    data = {"svg": arch_svg.svg(drawn, title, shade), "name": title, "chosen": chosen}
    _component(key=key, data=data, on_stage_change=sent)


def _name(sent: Any, drawn: Drawn) -> str | None:
    """Return the id of a stage of `drawn` that the browser named; None for anything else."""
    match sent:
        case {"name": str(name)} if drawn.find(name) is not None:
            return name
    return None
