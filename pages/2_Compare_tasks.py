"""Compare tasks: one picture, three answers. Words in ui/texts/compare.py, parts in ui/compare_*.py."""

from functools import partial

import streamlit as st

from seglab import zoo
from ui import compare_code, compare_controls, compare_extras, compare_panes, compare_table, segment_run, warm
from ui import pin as ab
from ui.compare_run import Settings, needs, run
from ui.compare_state import FIELDS
from ui.compare_truth import truth
from ui.page import page
from ui.state import follow_link
from ui.still import still
from ui.texts import compare as text
from ui.viewer import send

page(text.TITLE, text.QUESTION)
wrong = follow_link(FIELDS, st.query_params, st.session_state, "compare")
compare_table.take_step()
if wrong:
    st.warning("  \n".join(wrong), icon=":material/link_off:")

# First the picture and the question. What looks at it, and the thresholds that matter most, come with the guess.
which, what, how = st.columns(3, vertical_alignment="top")
with which:
    source = compare_controls.source()
if not compare_extras.answered(source):
    with st.container(width=384):  # on a phone as wide as that is
        st.image(still(source.photo.image), alt=source.photo.alt, caption=source.photo.credit, width="stretch")
    compare_extras.ask(source)
    compare_extras.keep_link(source)
    st.stop()
with what:
    semantic, objects = compare_controls.models()
with how:
    compare_controls.thresholds()

# One call: what both networks gave (kept, or computed now), and what follows from the settings.
slot = st.empty()
if not warm.ready():
    slot.image(still(source.photo.image), alt=source.photo.alt, width=384)
with segment_run.told():
    loaded, trouble = segment_run.load(semantic)
    detector, missing = segment_run.load(key, "street-instances") if (key := needs(objects)) else (None, None)
    with st.spinner(text.RUNNING.format(title=zoo.get(loaded.key).title)):
        found = run(source, loaded, objects, detector, Settings.of(st.session_state))
slot.empty()
for message in filter(None, (trouble, missing)):
    st.warning(message, icon=":material/cloud_off:")
if found.notice:
    st.info(found.notice, icon=":material/memory:")

compare_extras.guessed(source)
sent = send(source.photo.image, key="compare.photo")
clicked = compare_panes.show(found, sent)
# In a place of its own, where spinners come and go: else what stands below would be built anew, and close.
with st.container(), segment_run.told():
    compare_extras.counted(found)
compare_extras.legends(found)
compare_extras.notes(found)
now = partial(compare_extras.numbers, found)
if (before := ab.pin("compare", now)) is not None:
    ab.compare(before, now())
compare_controls.more(found.palette, found.by)
compare_extras.costs(found)

names = [
    text.TAB_SEGMENTS, text.TAB_STEPS, text.TAB_TRUTH, text.TAB_INSIDE, text.TAB_DOWNLOAD, text.TAB_EXPERIMENTS,
    text.TAB_CODE,
]  # fmt: skip
segments, steps, against, inside, download, experiments, code = st.tabs(names, key="compare.tab", on_change="rerun")
if segments.open:
    with segments:
        compare_table.segments(found)
if steps.open:
    with steps:
        compare_table.steps(found, sent, clicked)
if against.open:
    with against:
        truth(found)
if inside.open:
    with inside:
        compare_extras.inside(found)
if download.open:
    with download:
        compare_extras.downloads(found)
        compare_extras.load_lesson()
if experiments.open:
    with experiments:
        compare_extras.experiments()
if code.open:
    with code:
        compare_code.show(found)
compare_extras.keep_link(source)
compare_extras.tidy(source)
