"""Segment: a picture, a network, and what it says about every pixel. Words in ui/texts/segment.py, parts in ui/."""

from functools import partial

import streamlit as st

from seglab import zoo
from ui import picker, segment_code, segment_controls, segment_extras, segment_lesson, segment_run, segment_views, warm
from ui import pin as ab
from ui.legend import legend
from ui.page import page
from ui.segment_mask import corrections
from ui.segment_state import FIELDS
from ui.segment_truth import truth
from ui.segment_uses import region, uses
from ui.state import follow_link, keep_link
from ui.still import still
from ui.texts import segment as text
from ui.viewer import send

page(text.TITLE, text.QUESTION)
wrong = follow_link(FIELDS, st.query_params, st.session_state, "segment")

# Four controls in sight: picture, model, size, view.
which, what, how_large, shown = st.columns(4, vertical_alignment="bottom")
with which:
    photo = picker.picker()
with what:
    wanted = segment_controls.model()
with how_large:
    segment_controls.size(wanted)
with shown:
    view = segment_controls.view()
notes = st.container()  # messages come and go in a place of their own: what moves would be built anew, and close
with notes:
    if wrong:
        st.warning("  \n".join(wrong), icon=":material/link_off:")
    picker.messages(photo)
left, right = st.columns([3, 1])
slot = left.empty()
left.caption(photo.credit)
if not warm.ready():  # torch takes seconds to import: meanwhile there is something to look at
    slot.image(still(photo.image), alt=photo.alt, width="stretch")
with segment_run.told(), left:
    options, temperature, threshold = segment_controls.more()
    sent = send(photo.image, key="photo")  # on its way while the network runs, and only once
keep_link(FIELDS, st.query_params, st.session_state, "segment")

# One call: the picture's logits, from the cache if they are there. Until they are, the photo stands in their place.
if warm.ready() and not segment_run.is_kept(photo, wanted, options):
    slot.image(still(photo.image), alt=photo.alt, width="stretch")
with notes, segment_run.told():
    loaded, trouble = segment_run.load(wanted)
    with st.spinner(text.RUNNING.format(title=zoo.get(loaded.key).title)):
        run = segment_run.run(photo, loaded, options, temperature, threshold)
with notes:
    segment_extras.notices(run, trouble, wanted)

# The picture, and beside it what its colours mean.
with right:
    likely = int(run.areas()[:-1].argmax())
    k = segment_controls.class_index(run.palette, likely) if view == "probability" else likely
mask = segment_views.show(run, view, k, sent, slot)
with right:
    legend(mask.counts, run.palette)
    corrections(mask)
    segment_views.clicked(run)
    segment_extras.card(run)
    now = partial(segment_extras.numbers, run, mask)
    before = ab.pin("segment", now)
if before is not None:
    ab.compare(before, now())
segment_extras.costs(run)

# What to do with it. Only the open tab is run.
names = [text.TAB_EXPERIMENTS, text.TAB_USE, text.TAB_DOWNLOAD, text.TAB_TRUTH, text.TAB_CODE]
tabs = st.tabs(names, key="segment.tab", on_change="rerun")
experiments, use, download, own_truth, code = tabs
if experiments.open:
    with experiments:
        segment_extras.question(run)
        segment_extras.experiments()
if use.open:
    with use:
        uses(run, mask.labels, mask.counts)
if download.open:
    with download:
        segment_extras.downloads(run, mask.labels, region(run, mask.counts))
        segment_lesson.save(run, mask.labels)
        segment_lesson.load()
if own_truth.open:
    with own_truth:
        truth(mask.labels, run.palette)
if code.open:
    with code:
        segment_code.show(run)
keep_link(FIELDS, st.query_params, st.session_state, "segment")
picker.tidy(photo)
