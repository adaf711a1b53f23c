"""The mask in use on the Segment page: the network's labels, or a lesson file's, with the brush's strokes over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab.types import Labels
from ui import segment_lesson
from ui import viewer as v
from ui.legend import areas
from ui.segment_lesson import STROKES
from ui.segment_run import Run
from ui.texts import segment as text


@dataclass(frozen=True, eq=False)
class Mask:
    """A run's labels as they stand; an uncorrected mask makes none before they are asked for (a heat view shows none).

    `given` is what a lesson file brought, `strokes` what the brush did.
    """

    run: Run
    given: Labels | None
    strokes: tuple[v.Stroke, ...]

    @property
    def base(self) -> Labels:
        """The labels (H, W) under the strokes."""
        return self.run.labels() if self.given is None else self.given

    @cached_property
    def labels(self) -> Labels:
        """The labels (H, W) with the strokes' corrections; the network's own array where nothing was corrected."""
        return v.apply_strokes(self.base, self.strokes) if self.strokes else self.base

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Their areas, as `ui.legend.areas` counts them."""
        return areas(self.labels, len(self.run.palette)) if self.corrected else self.run.areas()

    @property
    def corrected(self) -> bool:
        """Whether a lesson file or the brush had a say."""
        return self.given is not None or bool(self.strokes)


def current(run: Run) -> Mask:
    """Return the mask with the strokes that the session holds for this picture and these classes."""
    given = segment_lesson.mask(run.photo.hash, run.photo.image, run.palette)
    kept_for, strokes = st.session_state.get(STROKES, (None, ()))
    return Mask(run, given, strokes if kept_for == _paper(run) else ())


def painted(mask: Mask, strokes: tuple[v.Stroke, ...]) -> Mask:
    """Return the mask with these strokes instead, and remember them."""
    st.session_state[STROKES] = _paper(mask.run), strokes
    return Mask(mask.run, mask.given, strokes)


def corrections(mask: Mask) -> None:
    """Say how much the brush or the lesson file changed, and offer the way back to the network's labels."""
    if not mask.corrected:
        return
    if changed := int(np.count_nonzero(mask.labels != mask.run.labels())):
        st.caption(text.CORRECTED.format(pixels=changed))
        if mask.given is not None:
            st.button(text.DROP_MASK, on_click=segment_lesson.drop_mask)


def _paper(run: Run) -> tuple[str, str]:
    """Return what strokes belong to: one picture and one set of classes."""
    return run.photo.hash, run.palette.title
