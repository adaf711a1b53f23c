"""The labs of the page "Architectures": the one that is chosen; each is imported when it is first looked at."""

from __future__ import annotations

import streamlit as st

from ui import arch_state, arch_trained
from ui.texts import architectures as text
from ui.texts import architectures_zoo as zoo_text


def choose() -> str:
    """Choose a lab; return its name."""
    there = (*arch_state.ALWAYS, *arch_trained.available())
    if (wanted := st.session_state["alab"]) not in there:
        st.info(zoo_text.GONE.format(lab=text.LABS[wanted]), icon=":material/hourglass_empty:")
        st.session_state["alab"] = "net"
    chosen = st.segmented_control(
        text.LAB, there, format_func=text.LABS.__getitem__, key="alab", required=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return str(chosen)


def show(lab: str) -> None:
    """Show a lab other than the networks, which the page itself holds."""
    match lab:
        case "window":
            from ui.arch_window import window

            window()
        case "flat":
            from ui.arch_flat import flat

            flat()
        case "separable":
            from ui.arch_separable import separable

            separable()
        case "aspp":
            from ui.arch_aspp import aspp

            aspp()
        case "slopes":
            from ui.arch_slopes import slopes

            slopes()
        case "top":
            from ui.arch_top import top

            top()
        case "spp":
            from ui.arch_spp import spp

            spp()
        case "strides":
            arch_trained.strides()
        case "cut":
            arch_trained.cuts()
        case "sizes":
            from ui.arch_sizes import sizes

            sizes()
        case "differ":
            arch_trained.differ()
        case "scatter":
            from ui.arch_scatter import scatter

            scatter()
