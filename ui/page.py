"""What every page calls first: configuration, style, our own menu, the header with the page's question."""

from __future__ import annotations

from html import escape
from itertools import groupby
from pathlib import Path

import streamlit as st

from seglab import machine
from ui import settings, warm
from ui.lessons import HOME, lessons
from ui.texts import home as text

SIDEBAR_WIDTH = 220  # pixels; on a phone the menu starts closed
ASSETS = Path(__file__).parent / "assets"
STYLE = ASSETS / "style.css"
ICON = ASSETS / "icon.svg"  # our own: a Material symbol would be fetched from Google by every browser


def page(title: str, question: str) -> None:
    """Open a page: call this before any other Streamlit command.

    `title` is its name in the menu and the browser's tab, `question` the one sentence it answers. Torch is warmed in
    the background once the page has been sent. Where the server's settings can't be used, the page says so and ends.
    """
    st.set_page_config(
        page_title=title if title == text.TITLE else f"{title} · {text.TITLE}",
        page_icon=str(ICON),
        layout="wide",
        initial_sidebar_state=SIDEBAR_WIDTH,
        menu_items={"About": text.ABOUT},  # a menu with an entry also offers the theme
    )
    machine.tell_openmp()  # before anything loads torch
    st.html(STYLE)
    with st.sidebar:
        _menu()
    st.html(f'<header class="seglab-head"><p>{escape(title)}</p><h1>{escape(question)}</h1></header>')
    if wrong := settings.problem():
        st.error(text.SETTINGS.format(problem=wrong), icon=":material/settings_alert:")
        st.stop()
    warm.start()


def _menu() -> None:
    st.page_link(HOME, label=text.TITLE, icon=":material/home:")
    for section, group in groupby(lessons(), key=lambda lesson: lesson.section):
        st.caption(section)
        for lesson in group:
            st.page_link(lesson.file, label=lesson.title, icon=lesson.icon)
