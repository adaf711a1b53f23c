"""Upsampling: grids on which every number can be followed, and four labs more. Words in ui/texts/upsampling.py."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui import (
    picker,
    tabs,
    upsampling_code,
    upsampling_extras,
    upsampling_lab,
    upsampling_labs,
    upsampling_matrix,
    upsampling_shown,
    upsampling_tasks,
)
from ui.page import page
from ui.texts import upsampling as text

page(text.TITLE, text.QUESTION)
wrong = upsampling_labs.follow()
if wrong:
    st.warning("  \n".join(wrong), icon=":material/link_off:")

# One lab at a time; each has its own choices in the link.
lab = upsampling_labs.choose()
shown = None
if lab != "grid":
    upsampling_labs.show(lab)
else:
    shown = upsampling_labs.run(lab, upsampling_lab.lab, upsampling_labs.again)
    if shown is None:  # the question stands
        st.stop()

parts: dict[str, Callable[[], object]] = {text.TAB_TRY: upsampling_extras.experiments}
if shown:
    parts |= {
        text.TAB_TASKS: partial(upsampling_tasks.tasks, *shown),
        text.TAB_MATRIX: partial(upsampling_matrix.matrices, *shown),
        text.TAB_PIN: partial(upsampling_extras.pin, *shown),
        text.TAB_CODE: partial(upsampling_code.show, shown[0]),
    }
else:
    parts[text.TAB_CODE] = partial(upsampling_shown.script, lab)
parts[text.TAB_DOWNLOAD] = partial(upsampling_extras.downloads, shown and shown[1])
tabs.show(parts, upsampling_labs.TABS[lab == "grid"])
upsampling_labs.keep()
if lab != "grid":
    picker.tidy(picker.current())
