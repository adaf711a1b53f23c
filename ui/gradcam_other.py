"""Networks that give no class for each pixel, explained on the page "Grad-CAM": a classifier, one object."""

from __future__ import annotations

import streamlit as st

from ui import gradcam_class, gradcam_object
from ui import viewer as v
from ui.gradcam_run import Asked
from ui.texts import gradcam_labs as text


def other(asked: Asked, sent: v.Sent) -> None:
    """Show the tab."""
    kind = st.segmented_control(
        text.KIND, list(text.KINDS), format_func=text.KINDS.__getitem__, key="kind", required=True,
        persist_state="session", label_visibility="collapsed",
    )  # fmt: skip
    if kind == "classifier":
        gradcam_class.classifier(asked, sent)
    else:
        gradcam_object.one_object(asked, sent)
