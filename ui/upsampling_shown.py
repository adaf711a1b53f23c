"""What the labs other than the grid lab show now, as arrays to download, and as scripts of torch that make them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from ui import code, files, picker, upsampling_scripts
from ui.texts import upsampling as text
from ui.upsampling_state import unpack
from ui.upsampling_views_state import box_shown

Array = NDArray[Any]
Offer = tuple[str, str, Callable[[], bytes]]  # a label, a file's name, and its bytes


def npy(values: Array) -> bytes:
    """Return an array as the bytes of a .npy file."""
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def script(lab: str) -> None:
    """Show the script of what a lab shows, with its downloads."""
    written = {"checker": _checker, "rebuild": _rebuild, "atrous": _atrous, "roi": _roi}[lab]()
    if written:
        code.show_code(written, f"upsampling_{lab}", what=text.CODE_NOTES[lab])
    else:
        st.info(text.CODE_MASK)


def downloads(lab: str) -> None:
    """Offer what a lab shows as arrays."""
    offers = {"checker": _counts, "rebuild": _pictures, "atrous": _fields, "roi": _boxes}[lab]()
    for column, (label, name, make) in zip(st.columns(3), offers, strict=False):
        with column:
            mime = "image/png" if name.endswith("png") else "application/octet-stream"
            files.offer(label, make, name, mime, key=f"upsampling.{name}", width="stretch")


# The checkerboard lab


def _checker() -> str:
    from ui.upsampling_checker import inputs

    k, s = st.session_state["ck"], st.session_state["cs"]
    return upsampling_scripts.checker(inputs(k, s), k, s)


def _counts() -> list[Offer]:
    def make() -> bytes:
        from seglab.upsampling.checkerboard import overlap_count
        from ui.upsampling_checker import inputs

        k, s = st.session_state["ck"], st.session_state["cs"]
        return npy(overlap_count(k, s, inputs(k, s)))

    return [(text.DOWNLOAD_COUNTS, "stamps.npy", make)]


# There and back


def _rebuild() -> str:
    now = st.session_state
    return upsampling_scripts.rebuild(now["times"], now["ra"]) if now["of"] == "photo" else ""


def _pictures() -> list[Offer]:
    from ui import upsampling_rebuilt as made

    now = st.session_state
    if now["of"] == "photo":

        def original() -> bytes:
            out = io.BytesIO()
            Pil.fromarray(made.bounded(picker.current())).save(out, "PNG")
            return out.getvalue()

        def way() -> bytes:
            return npy(made.picture(picker.current(), now["times"]).of(now["ra"])[1])

        return [(text.DOWNLOAD_ORIGINAL, "original.png", original), (text.DOWNLOAD_WAY, "way_a.npy", way)]

    def labels() -> bytes:
        return npy(made.mask_of(now, picker.current()).labels)

    def brought_back() -> bytes:
        return npy(made.labelled(made.mask_of(now, picker.current()), now["times"]).of(now["ra"])[1])

    return [(text.DOWNLOAD_LABELS, "labels.npy", labels), (text.DOWNLOAD_WAY, "way_a.npy", brought_back)]


# The atrous lab


def _layer() -> tuple[Array, int, int]:
    from ui.upsampling_atrous import GOOD, INPUT

    now = st.session_state
    return unpack(now[INPUT])[0], *now.get(GOOD, (3, 2))


def _stack() -> tuple[tuple[int, ...], int]:
    from ui.upsampling_stacks import GOOD

    found: tuple[tuple[int, ...], int] = st.session_state.get(GOOD, ((2, 2, 2), 3))
    return found


def _atrous() -> str:
    return upsampling_scripts.atrous(*_layer(), *_stack())


def _fields() -> list[Offer]:
    def output() -> bytes:
        from ui.upsampling_atrous import layer

        return npy(layer(*_layer()).output)

    def paths() -> bytes:
        from seglab.upsampling.atrous import coverage

        return npy(coverage(*_stack()))

    return [(text.DOWNLOAD_OUTPUT, "atrous.npy", output), (text.DOWNLOAD_PATHS, "paths.npy", paths)]


# The RoI lab


def _given() -> tuple[Array, tuple[float, ...], int, int, int, bool]:
    """Map, box, bins, stride, sampling ratio and whether it is aligned."""
    from ui.upsampling_roi import feature, working

    now = st.session_state
    values = feature(working(picker.current()), now["rscale"], now["rmap"])
    return values, box_shown(now), now["bins"], now["rscale"], now["samples"], now["aligned"]


def _roi() -> str:
    return upsampling_scripts.roi(*_given())


def _boxes() -> list[Offer]:
    def pooled() -> bytes:
        from ui.upsampling_roi import view_of

        return npy(view_of(*_given()).pool.result.output)  # type: ignore[arg-type]

    def aligned() -> bytes:
        from ui.upsampling_roi import view_of

        return npy(view_of(*_given()).align.result.output)  # type: ignore[arg-type]

    def map_() -> bytes:
        return npy(_given()[0])

    return [
        (text.DOWNLOAD_MAP, "map.npy", map_), (text.DOWNLOAD_POOL, "roi_pool.npy", pooled),
        (text.DOWNLOAD_ALIGN, "roi_align.npy", aligned),
    ]  # fmt: skip
