"""The lab "There and back" of the page "Upsampling": a picture or a mask made small, and brought back by each way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from seglab.types import Image, Palette
from ui import picker, segment_run, upsampling_equal
from ui import upsampling_rebuilt as made
from ui import viewer as v
from ui.texts import upsampling_photos as text
from ui.upsampling_latex import broken
from ui.upsampling_photos_state import FACTORS, METHODS, SOURCES
from ui.upsampling_rebuilt import Mask, Rebuilt, title

LINK, HEIGHT = "upsampling.rebuild", 320
LEAST = 8.0  # grey levels that the differences' scale spans at least, each way
RIGHT_WRONG = Palette("Difference", text.R_RIGHT_WRONG, ((225, 225, 225), (213, 94, 0)), things=(1,))


def rebuild() -> None:
    """Show the lab; call it once a run, after the link was followed."""
    now = st.session_state
    st.markdown(text.R_INTRO)
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    middle.segmented_control(
        text.R_OF,
        SOURCES,
        format_func=text.R_OFS.__getitem__,
        key="of",
        required=True,
        help=text.R_OF_HELP,
        persist_state="session",
    )
    right.select_slider(
        text.R_FACTOR, FACTORS, format_func=lambda n: text.R_TIMES.format(n=n), key="times", persist_state="session"
    )
    of = made.source(now)
    if of == "drawn":
        left.number_input(text.R_SEED, 0, 9999, key="rseed", persist_state="session")
        _mask(made.drawn(now["rseed"]))
        return
    with left:
        photo = picker.picker()
    picker.messages(photo)
    if of == "photo":
        _photo(photo)
        return
    with segment_run.told():
        found = made.labels(photo)
    if found.labels.shape != photo.size:
        height, width = found.labels.shape
        st.caption(text.R_MASK_BOUNDED.format(w=width, h=height, most=made.MASK_SIDE))
    _mask(found)


def _photo(photo: picker.Photo) -> None:
    now = st.session_state
    image = made.bounded(photo)
    height, width = image.shape[:2]
    if image.shape[:2] != photo.size:
        st.caption(text.R_BOUNDED.format(w=width, h=height, most=made.MOST / 1e6))
    if min(height, width) < made.WINDOW:
        st.info(text.R_TINY.format(n=made.WINDOW, w=width, h=height), icon=":material/photo_size_select_small:")
        return
    with st.spinner(text.R_WORKING):
        found = made.picture(photo, now["times"])
        pair = [made.looked(photo, now["times"], now[key]) for key in ("ra", "rb")]
    _indices(found, text.R_PSNR, "{:.2f}")
    _choose()
    first = pair[0][2]
    marks = [first.worst] if first.worst else []
    _originals(v.send(image, key="upsampling.rebuild.photo"), image, found, marks)
    most = max(LEAST, *(float(np.percentile(np.abs(seen.difference), 99.5)) for _, _, seen, _ in pair))
    for column, (row, picture, seen, equal), side in zip(st.columns(2), pair, "ab", strict=True):
        name, one = title(row.method), seen.difference
        with column:
            st.markdown(f"**{name}** {upsampling_equal.said(equal)}")
            key = f"upsampling.rebuild.{side}.{height}.{width}"
            v.viewer(picture, key=key, link=LINK, height=HEIGHT, controls=False, alt=text.R_ALT["result"].format(
                name=name), marks=marks)  # fmt: skip
            st.markdown(text.R_DIFFERENCE.format(name=name))
            v.viewer(
                None, [v.HeatLayer(one.astype(np.float32), text.R_LUMA, -most, most, diverging=True)],
                key=f"{key}.difference", link=LINK, height=HEIGHT, controls=False, opacity=1.0, legend=side == "a",
                alt=text.R_ALT["difference"].format(name=name), marks=marks,
            )  # fmt: skip
    st.caption(text.R_DIFFERENCE_NOTE.format(most=most, ring=text.R_RING[not marks]))
    _table(found, (text.R_PSNR, text.R_SSIM), ("%.2f", "%.4f"))
    _formulas(pair[0][0], first)
    st.subheader(text.S_TITLE)
    st.caption(text.S_PHOTO)


def _mask(mask: Mask) -> None:
    now = st.session_state
    with st.spinner(text.R_WORKING):
        found = made.labelled(mask, now["times"])
        equals = [made.equal(mask, now["times"], now[key]) for key in ("ra", "rb")]
    _indices(found, text.R_BOUNDARY, "{:.3f}")
    _choose()
    height, width = mask.labels.shape
    left, right = st.columns(2)
    with left:
        st.markdown(f"**{text.R_ORIGINAL.format(w=width, h=height)}**")
        _labels(mask, mask.labels, "original", text.R_ALT["original"], legend=True)
    with right:
        h, w = found.small.shape
        st.markdown(f"**{text.R_SMALL.format(w=w, h=h)}** {upsampling_equal.said(found.shrunk)}")
        _labels(mask, found.small, "small", text.R_ALT["small"].format(factor=now["times"]), link=None)
    pair = [found.of(now[key]) for key in ("ra", "rb")]
    wrong = [picture != mask.labels for _, picture in pair]
    for column, (row, picture), one, equal, side in zip(st.columns(2), pair, wrong, equals, "ab", strict=True):
        name = title(row.method)
        with column:
            st.markdown(f"**{name}** {upsampling_equal.said(equal)}")
            _labels(mask, picture, side, text.R_ALT["result"].format(name=name))
            st.markdown(text.R_DIFFERENCE.format(name=name))
            v.viewer(
                None, [v.LabelLayer(one.astype(np.uint8), RIGHT_WRONG, text.R_WRONG)],
                key=f"upsampling.rebuild.wrong.{side}.{height}.{width}", link=LINK, height=HEIGHT, controls=False,
                opacity=1.0, legend=side == "a", alt=text.R_ALT["difference"].format(name=name),
            )  # fmt: skip
    names = [title(row.method) for row, _ in pair]
    st.caption(text.R_WRONG_NOTE.format(name_a=names[0], name_b=names[1], a=wrong[0].mean(), b=wrong[1].mean()))
    _table(found, (text.R_IOU, text.R_BOUNDARY), ("%.4f", "%.4f"))
    _boundary(mask)
    _skips(mask)


def _labels(mask: Mask, labels: Any, which: str, alt: str, link: str | None = LINK, legend: bool = False) -> None:
    size = f"{labels.shape[0]}.{labels.shape[1]}"
    v.viewer(
        None, [v.LabelLayer(labels, mask.palette, mask.palette.title)], key=f"upsampling.rebuild.mask.{which}.{size}",
        link=link, height=HEIGHT, controls=False, opacity=1.0, legend=legend, alt=alt,
    )  # fmt: skip


def _originals(sent: v.Sent, image: Image, found: Rebuilt, marks: list[tuple[int, int]]) -> None:
    """Show the original and what is left of it: the small picture moves by itself, as it has other pixels."""
    left, right = st.columns(2)
    for column, picture, which, words in (
        (left, image, "original", text.R_ORIGINAL), (right, found.small, "small", text.R_SMALL),
    ):  # fmt: skip
        height, width = picture.shape[:2]
        with column:
            first = which == "original"
            badge = "" if first else f" {upsampling_equal.said(found.shrunk)}"
            st.markdown(f"**{words.format(w=width, h=height)}**{badge}")
            v.viewer(
                sent if first else picture, key=f"upsampling.rebuild.{which}.{height}.{width}",
                link=LINK if first else None, height=HEIGHT, controls=False, marks=marks if first else (),
                alt=text.R_ALT[which].format(factor=st.session_state["times"]),
            )  # fmt: skip


def _table(found: Rebuilt, names: tuple[str, str], formats: tuple[str, str]) -> None:
    """Show all ways, the best first: a photo's by PSNR, a mask's by boundary IoU."""
    by = 0 if names[0] == text.R_PSNR else 1
    rows = ordered(found, by)
    st.dataframe(
        {
            text.R_METHOD: [title(row.method) for row in rows],
            names[0]: [row.scores[0] for row in rows],
            names[1]: [row.scores[1] for row in rows],
            text.R_MS: [1000 * row.seconds for row in rows],
            text.R_MB: [row.bytes / 1e6 for row in rows],
            text.R_KEPT: [row.kept for row in rows],
        },
        hide_index=True,
        column_config={
            names[0]: st.column_config.NumberColumn(format=formats[0], help=text.R_HELP[names[0]]),
            names[1]: st.column_config.NumberColumn(format=formats[1], help=text.R_HELP[names[1]]),
            text.R_MS: st.column_config.NumberColumn(format="%.1f", help=text.R_HELP[text.R_MS]),
            text.R_MB: st.column_config.NumberColumn(format="%.1f", help=text.R_HELP[text.R_MB]),
            text.R_KEPT: st.column_config.NumberColumn(format="%.4f", help=text.R_HELP[text.R_KEPT]),
        },
    )
    st.caption(text.R_SORTED.format(score=names[by]))
    st.markdown(text.R_LOSSLESS)


def ordered(found: Rebuilt, by: int) -> list[made.Row]:
    """Return the rows, the best by score number `by` first; one that has no score comes last."""
    return sorted(found.rows, key=lambda row: -row.scores[by] if not math.isnan(row.scores[by]) else math.inf)


def _indices(found: Rebuilt, score: str, form: str) -> None:
    """Say what max-unpool's indices are worth, and offer the pair."""
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.markdown(indices(found, score, form))
    right.button(text.R_INDICES_PAIR, key="upsampling.rebuild.pair", on_click=_look, width="stretch")


def indices(found: Rebuilt, score: str, form: str) -> str:
    """Say what max-unpool reaches, what the same does without indices, and of a photo how bicubic compares."""
    by = 0 if score == text.R_PSNR else 1
    with_, without, bicubic = (found.of(method)[0] for method in ("max-unpool", "unpool", "bicubic"))
    said = text.R_INDICES.format(
        score_name=score, with_=form.format(with_.scores[by]), without=form.format(without.scores[by]),
        kept=with_.kept, kept_without=without.kept,
    )  # fmt: skip
    if by:
        return said
    if with_.scores[by] == bicubic.scores[by]:  # as on a flat picture
        return said
    more = text.R_BEATS if with_.scores[by] > bicubic.scores[by] else text.R_BRIGHT
    return f"{said} {more.format(bicubic=form.format(bicubic.scores[by]), kept_bicubic=bicubic.kept)}"


def _look() -> None:
    st.session_state.update(ra="unpool", rb="max-unpool")


def _choose() -> None:
    left, right = st.columns(2)
    left.selectbox(text.R_A, METHODS, format_func=title, key="ra", persist_state="session")
    right.selectbox(text.R_B, METHODS, format_func=title, key="rb", persist_state="session")


def _formulas(row: made.Row, seen: made.Look) -> None:
    window = seen.window
    st.markdown(f"**{text.R_FORMULAS.format(name=title(row.method))}**")
    psnr, ssim = row.scores
    filled = text.R_PSNR_EXACT if math.isinf(psnr) else text.R_PSNR_FILLED.format(
        mse=seen.error, psnr=psnr
    )  # fmt: skip
    st.latex(broken(f"{text.R_PSNR_FORMULA} {filled}"))
    st.latex(text.R_SSIM_FORMULA)
    st.latex(text.R_SSIM_FILLED.format(**vars(window)))
    why = text.R_SSIM_WHY[seen.worst is None]
    st.caption(text.R_SSIM_NOTE.format(x=window.x, y=window.y, why=why, ssim=ssim))


def _boundary(mask: Mask) -> None:
    from seglab.metrics.boundary import boundary_width

    height, width = mask.labels.shape
    n = np.count_nonzero(np.unique(mask.labels) != mask.palette.ignore_index)
    st.latex(text.R_BOUNDARY_FORMULA)
    st.caption(text.R_BOUNDARY_NOTE.format(
        width=boundary_width((height, width), made.RATIO), n=n, es="" if n == 1 else "es"
    ))  # fmt: skip


def _skips(mask: Mask) -> None:
    st.subheader(text.S_TITLE)
    st.markdown(text.S_INTRO)
    found = made.skips(mask)
    equals = made.equal_skips(mask)
    for column, row, labels, equal in zip(st.columns(3), found.rows, found.pictures, equals, strict=True):
        with column:
            st.markdown(f"**{row.method}** {upsampling_equal.said(equal)}")
            _labels(mask, labels, row.method, text.S_ALT.format(name=row.method))
            st.markdown(text.S_SCORES.format(iou=row.scores[0], boundary=row.scores[1]))
    st.caption(text.S_NOTE.format(a=found.rows[0].scores[1], b=found.rows[-1].scores[1]))
