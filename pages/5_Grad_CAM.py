"""Grad-CAM: why a network gives a mask, and whether to believe the explanation. Words in ui/texts/gradcam.py."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui import (
    gradcam_bias,
    gradcam_code,
    gradcam_controls,
    gradcam_extras,
    gradcam_fail,
    gradcam_gate,
    gradcam_grid,
    gradcam_map,
    gradcam_other,
    gradcam_run,
    gradcam_sum,
    gradcam_trust,
    gradcam_two,
    picker,
    picture,
    tabs,
    warm,
)
from ui import pin as ab
from ui.gradcam_state import FIELDS
from ui.page import page
from ui.state import follow_link, keep_link
from ui.still import still
from ui.texts import gradcam as text
from ui.viewer import send

page(text.TITLE, text.QUESTION)
wrong = follow_link(FIELDS, st.query_params, st.session_state, "gradcam")
if wrong:
    st.warning("  \n".join(wrong), icon=":material/link_off:")

# Which picture, which network, and of that which class at which layer.
which, what, whose, where = st.columns(4, vertical_alignment="bottom")
with which:
    source = picture.choose(text.SOURCES, text.ANOTHER)
with what:
    wanted = gradcam_controls.model()
slot = st.empty()
if not warm.ready():
    slot.image(still(source.photo.image), alt=source.photo.alt, width=384)
run = gradcam_controls.look(source, wanted)
with whose:
    k = gradcam_controls.class_of(run, wanted)
with where:
    gradcam_controls.layer(run.loaded, source.photo.size)
slot.empty()
asked = gradcam_run.asked_now(st.session_state, source, run, k)
sent = send(source.photo.image, key="gradcam.photo")
if not gradcam_extras.ask(asked, sent):
    keep_link(FIELDS, st.query_params, st.session_state, "gradcam")
    st.stop()

# What is explained, the map, and what it says. The map is computed once, and kept.
regions = st.container()  # filled once the picture has had its say: it may change what is chosen there
left, right, beside = st.columns([4, 4, 3])
with left:
    st.markdown(text.LEFT)
    gradcam_map.where(asked, sent)
with regions:
    gradcam_controls.region()
with right:
    fresh = not gradcam_run.here(asked)
    kept = gradcam_gate.gated(asked)
    values, why = gradcam_map.heat(asked, kept, signed=st.session_state["signed"])
    st.markdown(text.RIGHT_TITLE.format(method=gradcam_controls.method_name(asked.method)))
    gradcam_map.show(asked, values, sent, "gradcam.map")
    gradcam_controls.shown()
    if why:
        st.warning(why, icon=":material/lightbulb:")
positive, _ = gradcam_map.heat(asked, kept, signed=False)
gradcam_extras.answered(asked, positive)
with beside:
    gradcam_map.numbers(asked, kept, positive)
    now = partial(gradcam_extras.numbers, asked, kept, positive)
    before = ab.pin("gradcam", now)
if before is not None:
    ab.compare(before, now())
gradcam_controls.more(asked)
gradcam_extras.costs(asked, kept, fresh)

parts: dict[str, Callable[[], object]] = {  # in the order of gradcam_state.TABS
    text.TAB_TRY: gradcam_extras.experiments,
    text.TAB_SUM: partial(gradcam_sum.sums, asked, kept),
    text.TAB_GRID: partial(gradcam_grid.grid, asked, sent),
    text.TAB_TRUST: partial(gradcam_trust.trust, asked, kept, positive),
    text.TAB_TWO: partial(gradcam_two.two, asked, sent),
    text.TAB_FAIL: partial(gradcam_fail.failures, asked, sent),
    text.TAB_OTHER: partial(gradcam_other.other, asked, sent),
    text.TAB_BIAS: gradcam_bias.bias,
    text.TAB_DOWNLOAD: partial(gradcam_extras.downloads, asked, kept, values, source),
    text.TAB_CODE: partial(gradcam_code.show, asked),
}
gradcam_controls.turn_to(list(parts))
tabs.show(parts, gradcam_controls.TAB)
gradcam_controls.turned(list(parts))
keep_link(FIELDS, st.query_params, st.session_state, "gradcam")
picker.tidy(source.photo)
