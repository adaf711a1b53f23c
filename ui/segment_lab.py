"""The lab of the page "Segment": four controls, the picture, and beside it what its colours mean."""

from __future__ import annotations

from functools import partial

import streamlit as st

from seglab import zoo
from ui import picker, segment_controls, segment_extras, segment_run, segment_views, tabs, warm
from ui import pin as ab
from ui.legend import legend
from ui.segment_mask import Mask, corrections
from ui.segment_run import Run
from ui.segment_state import FIELDS
from ui.state import keep_link, seen
from ui.still import still
from ui.texts import segment as text
from ui.viewer import send


def lab() -> tuple[Run, Mask]:
    """Show the lab; return what the tabs below are about."""
    seen(FIELDS, st.query_params, st.session_state, "segment")
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
        if wrong := tabs.held():
            st.warning("  \n".join(wrong), icon=":material/link_off:")
        picker.messages(photo)
    left, right = st.columns([3, 1])
    place, slot = left.container(), None
    left.caption(photo.credit)
    if not warm.ready():  # torch takes seconds to import: meanwhile there is something to look at
        slot = place.empty()
        slot.image(still(photo.image), alt=photo.alt, width="stretch")
    with segment_run.told(), left:
        options, temperature, threshold = segment_controls.more()
        sent = send(photo.image, key="photo")  # on its way while the network runs, and only once
    keep_link(FIELDS, st.query_params, st.session_state, "segment")

    # One call: the picture's logits, from the cache if they are there. Until they are, the photo stands in their place.
    kept = warm.ready() and segment_run.is_kept(photo, wanted, options)
    if not kept:
        tabs.whole()
    if warm.ready() and not kept:
        slot = slot or place.empty()
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
    mask = segment_views.show(run, view, k, sent, slot or place)  # no st.empty in between: it would be built anew
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
    return run, mask


def end(shown: tuple[Run, Mask]) -> None:
    """Do what comes last in every run, of the page or of the lab alone."""
    keep_link(FIELDS, st.query_params, st.session_state, "segment")
    picker.tidy(shown[0].photo)
