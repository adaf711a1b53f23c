"""Own ground truth: an indexed PNG against the prediction, as IoU per class and the confusion matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab import images
from seglab.metrics import confusion
from seglab.types import Labels, Palette
from ui.texts import segment as text
from ui.texts import shared


class TruthError(ValueError):
    """A ground truth that doesn't fit; the text tells the person why and what to do."""


@dataclass(frozen=True)
class Score:
    """`matrix` (K, K + 1) int64, rows truth, last column unsure; `iou` (K,), NaN for an absent class."""

    matrix: NDArray[np.int64]
    iou: NDArray[np.float64]
    mean_iou: float
    accuracy: float


def measure(data: bytes, labels: Labels, palette: Palette) -> Score:
    """Compare a PNG of class numbers with `labels`; TruthError or ImageError says what doesn't fit."""
    target = images.decode_labels(data, palette)
    if target.shape != labels.shape:
        (th, tw), (h, w) = target.shape, labels.shape
        raise TruthError(text.TRUTH_SIZE.format(tw=tw, th=th, w=w, h=h))
    if (target == palette.ignore_index).all():
        raise TruthError(text.TRUTH_EMPTY)
    matrix = confusion.confusion_matrix(target, labels, len(palette))
    return Score(matrix, confusion.iou(matrix), confusion.mean_iou(matrix), confusion.pixel_accuracy(matrix))


def truth(labels: Labels, palette: Palette) -> None:
    """Show the upload and, once there is a file that fits, the scores."""
    file = st.file_uploader(text.TRUTH, type=["png"], help=text.TRUTH_HELP, key="truth.file", max_upload_size=32)
    if file is None:
        numbered = ", ".join(f"{k} {name}" for k, name in enumerate(palette.names))
        st.caption(text.TRUTH_CLASSES.format(classes=numbered))
        return
    try:
        score = measure(file.getvalue(), labels, palette)
    except (TruthError, images.ImageError) as error:
        st.error(str(error), icon=":material/rule:")
        return
    left, right = st.columns([1, 2])
    left.metric(text.MEAN_IOU, f"{score.mean_iou:.3f}")
    left.metric(text.ACCURACY, f"{score.accuracy:.3f}")
    left.latex(text.IOU_FORMULA)
    known = [k for k in range(len(palette)) if not math.isnan(score.iou[k])]
    right.dataframe(
        {shared.CLASS: [palette.names[k] for k in known], text.IOU: [float(score.iou[k]) for k in known]},
        hide_index=True,
        column_config={text.IOU: st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)},
    )
    st.caption(text.CONFUSION)
    rows = [k for k in range(len(palette)) if score.matrix[k].any()]
    columns = [j for j in range(len(palette) + 1) if score.matrix[:, j].any()]
    names = [*palette.names, shared.UNSURE]
    st.dataframe(
        {shared.CLASS: [palette.names[k] for k in rows],
         **{f"→ {names[j]}": score.matrix[rows, j].tolist() for j in columns}},
        hide_index=True,
    )  # fmt: skip
