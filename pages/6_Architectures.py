"""Architectures: what each part of a network makes, costs and sees. Words in ui/texts/architectures.py."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui import arch_code, arch_extras, arch_field, arch_lab, arch_labs, arch_timeline, picker, picture, tabs
from ui.arch_state import FIELDS
from ui.page import page
from ui.state import follow_link, keep_link
from ui.texts import architectures as text

page(text.TITLE, text.QUESTION)
wrong = follow_link(FIELDS, st.query_params, st.session_state, "architectures")
if wrong:
    st.warning("  \n".join(wrong), icon=":material/link_off:")
picture.own(text.SOURCES)

# One lab at a time; the first holds the diagrams, and each of the others has its own few controls.
lab = arch_labs.choose()
if lab == "net":
    shown, source = arch_lab.lab()
    if not shown:  # the question stands
        keep_link(FIELDS, st.query_params, st.session_state, "architectures")
        st.stop()
else:
    arch_labs.show(lab)
    shown, source = [], picture.now()

parts: dict[str, Callable[[], object]] = {text.TAB_TRY: arch_extras.experiments}
if shown:
    parts |= {
        text.TAB_FIELD: partial(arch_field.fields, shown[0]),
        text.TAB_CODE: partial(arch_code.show, shown[0]),
        text.TAB_TIME: arch_timeline.timeline,
    }
parts[text.TAB_DOWNLOAD] = partial(arch_extras.downloads, shown[0] if shown else None, source)
tabs.show(parts, f"arch.tab.{len(parts)}")
keep_link(FIELDS, st.query_params, st.session_state, "architectures")
picker.tidy(source.photo)
