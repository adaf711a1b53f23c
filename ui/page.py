"""What every page calls first: configuration, style, our own menu, the header with the page's question."""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import Path

import streamlit as st

from ui import warm
from ui.lessons import HOME, lessons

ABOUT = "**SegLab**: a laboratory for image segmentation. Everything runs on the machine that serves this page."
STYLE = Path(__file__).parent / "assets" / "style.css"


def page(title: str, question: str, *, icon: str) -> None:
    """Open a page: call this before any other Streamlit command.

    `title` is its name in the menu and the browser's tab, `question` the one sentence it answers, `icon` an emoji or a
    Material symbol such as ":material/home:". Torch is warmed in the background once the page has been sent.
    """
    st.set_page_config(page_title=f"{title} · SegLab", page_icon=icon, layout="wide", menu_items={"About": ABOUT})
    st.html(STYLE)
    with st.sidebar:
        _menu()
    st.html(f'<header class="seglab-head"><p>{escape(title)}</p><h1>{escape(question)}</h1></header>')
    warm.start()


def _menu() -> None:
    st.page_link(HOME, label="SegLab", icon=":material/home:")
    for section, group in groupby(lessons(), key=lambda lesson: lesson.section):
        st.caption(section)
        for lesson in group:
            st.page_link(lesson.file, label=lesson.title, icon=lesson.icon)
