"""Segment: a picture, a network, and what it says about every pixel. Words in ui/texts/segment.py, parts in ui/."""

import streamlit as st

from ui import picker, segment_controls, segment_errors, segment_extras, segment_lesson, segment_run, segment_views
from ui import pin as ab
from ui.code import code
from ui.gallery import GALLERY
from ui.legend import areas, legend
from ui.page import page
from ui.segment_state import FIELDS
from ui.segment_truth import truth
from ui.segment_uses import jpeg, uses
from ui.state import follow_link, keep_link
from ui.texts import segment as text

page(text.TITLE, text.QUESTION, icon=text.ICON)
for message in follow_link(FIELDS, st.query_params, st.session_state, "segment"):
    st.warning(message, icon=":material/link_off:")

# Picture, model, size, view: the four controls in sight.
which, what, how_large, shown = st.columns(4, vertical_alignment="bottom")
with which:
    photo = picker.picker()
with what:
    wanted = segment_controls.model()
with how_large:
    segment_controls.size(wanted)
with shown:
    view = segment_controls.view()
picker.messages(photo)
notes = st.container()
left, right = st.columns([3, 1])
slot = left.empty()
left.caption(photo.credit)
with left:
    options, temperature, threshold = segment_controls.more()

# One call: the picture's logits, from the cache if they are there.
with slot.container(), segment_errors.told():
    if not segment_run.is_kept_for(photo, wanted, options):
        st.image(jpeg(photo.image), alt=photo.alt)  # the photo at once, the labels when they are ready
    with notes:
        loaded, trouble = segment_run.load(wanted)
    with right, st.spinner(text.RUNNING.format(title=loaded.spec.title)):
        run = segment_run.run(photo, loaded, options, temperature, threshold)
