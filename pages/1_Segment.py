"""Segment: a picture, a network, and what it says about every pixel. Words in ui/texts/segment.py, parts in ui/."""

from collections.abc import Callable

import streamlit as st

from ui import segment_code, segment_extras, segment_lab, segment_lesson, tabs
from ui.page import page
from ui.segment_state import FIELDS
from ui.segment_truth import truth
from ui.segment_uses import region, uses
from ui.state import follow_link
from ui.texts import segment as text

TABS = "segment.tab"

page(text.TITLE, text.QUESTION)
tabs.hold(follow_link(FIELDS, st.query_params, st.session_state, "segment"))

# The question among the experiments is about the picture in use, once it has been answered.
alone = tabs.at_first(TABS, text.TAB_EXPERIMENTS) and st.session_state.get("predict") is None
run, mask = tabs.lab(segment_lab.lab, alone, segment_lab.end)


def experiments() -> None:
    """Show the question and the presets."""
    segment_extras.question(run)
    segment_extras.experiments()


def download() -> None:
    """Show what can be saved."""
    segment_extras.downloads(run, mask.labels, region(run, mask.counts))
    segment_lesson.save(run, mask.labels)
    segment_lesson.load()


# What to do with it. Only the open tab is run, and none of them makes labels before: a heat map does without.
parts: dict[str, Callable[[], object]] = {
    text.TAB_EXPERIMENTS: experiments,
    text.TAB_USE: lambda: uses(run, mask.labels, mask.counts),
    text.TAB_DOWNLOAD: download,
    text.TAB_TRUTH: lambda: truth(mask.labels, run.palette),
    text.TAB_CODE: lambda: segment_code.show(run),
}
tabs.show(parts, TABS)
segment_lab.end((run, mask))
