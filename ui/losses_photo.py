"""A network's mask of the picture in use, for the page "Losses & metrics": paint the truth into it, and it is scored.

The picture is the one that all pages work on (`ui.picker`), made small enough to paint on; the network saw all of it.
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab.types import Image
from ui import cache, losses_controls, picker, segment_controls, segment_run, tabs
from ui.losses_masks import UPLOADS
from ui.losses_panes import PAINT
from ui.losses_state import INK
from ui.picker import Photo
from ui.texts import losses as text

SIDE = 256  # pixels of the longer side
OF = "losses.photo.of"  # what was asked for in the last run: the picture by its hash, network, class


def controls() -> None:
    """Show picture, network and class; put the picture (H, W, 3) and the class's probabilities (H, W) beside uploads.

    Where another picture, network or class is chosen, the paint of the one before is wiped off.
    """
    session = st.session_state
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    with left:
        photo = picker.picker()
    with middle:
        key = segment_controls.model()
    picker.messages(photo)
    if not segment_run.is_plain_kept(photo, key):
        tabs.whole()
    with segment_run.told():
        loaded, message = segment_run.load(key)
        if message:
            st.warning(message, icon=":material/cloud_off:")
        from seglab.inference import Options

        run = segment_run.run(photo, loaded, Options(), 1.0, 0.0)
    k = int(run.areas().argmax())
    if loaded.key == key or session["cls"] in ("", *loaded.palette.names):  # a stand-in's classes replace none
        with right:
            k = segment_controls.class_index(loaded.palette, k)
    # What is asked for, not what stands in for it: the paint that a link brings waits until its picture is there.
    of = session["sha"] if picker.missing() else photo.hash, key, session["cls"]
    paint = [session[key] for key in INK]
    if session.get(OF, of) != of and session.get(PAINT) == paint:  # a link to another picture brings its own paint
        losses_controls.wipe()
    session[OF] = of
    small = cache.kept(cache.MAPS, (*run.key, "small", k), lambda: _small(photo, run, k))
    session.setdefault(UPLOADS, {}).update(zip(("image", "photo"), small, strict=True))
    st.caption(text.PHOTO_NOTE)


def _small(photo: Photo, run: segment_run.Run, k: int) -> tuple[Image, NDArray[np.float32]]:
    from seglab import maps

    height, width = photo.size
    scale = min(1.0, SIDE / max(height, width))
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    image = Pil.fromarray(photo.image).resize((w, h), Pil.Resampling.BOX, reducing_gap=2.0)
    return np.array(image), maps.probability(run.logits, (h, w), k)
