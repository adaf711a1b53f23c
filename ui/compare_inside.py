"""Inside Mask R-CNN: one detection from proposal to mask, and its losses with the numbers put in."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab import draw
from seglab.types import Image, Sample
from ui import cache, cutout, jobs
from ui.still import still
from ui.texts import compare_inside as text
from ui.texts import upsampling
from ui.viewer.encode import digest

if TYPE_CHECKING:
    from seglab.inside import Origins
    from seglab.inside_losses import Losses, Terms
    from seglab.instances import Detections
    from seglab.runtime import Loaded

ROI_LAB = "pages/4_Upsampling.py"
BOX, PROPOSAL = (255, 255, 255), (255, 176, 0)
Shown = tuple[Image, str, str]  # a picture, its caption, its alt text


def inside(
    image: Image, sample: Sample | None, loaded: Loaded, detections: Detections, index: int, mask_threshold: float
) -> None:
    """Show how detection `index` came about, in four pictures, and its losses if the truth is known.

    Args:
        image: (H, W, 3) uint8, on which `detections` were found.
        sample: the picture with its truth; None, or one without ids: no losses.
        loaded: the detector that found them; it runs once more, with a truth twice, then all is kept.
        detections: as `seglab.instances.detect` gives them with default options.
        index: 0 to len(detections) − 1; ValueError otherwise.
        mask_threshold: 0..1, the probability above which a pixel belongs to the object.

    """
    if not 0 <= index < len(detections):
        raise ValueError(f"There are the detections 0 to {len(detections) - 1}; got {index}.")
    name = detections.palette.names[detections.classes[index]]
    st.markdown(text.STEPS.format(name=name, score=detections.scores[index]))
    came = _origins(image, loaded, detections)
    known = came if came is not None and np.isfinite(came.objectness[index]) else None
    _pictures(image, detections, index, mask_threshold, known)
    if known is not None:
        _correction(known, detections, index)
    elif came is not None:
        st.caption(text.NO_ORIGIN)
    _more()
    st.markdown(f"##### {text.LOSSES}")
    if sample is None or sample.ids is None:
        st.info(text.NO_TRUTH, icon=":material/help:")
    elif sample.palette != loaded.palette:
        other = text.OTHER_CLASSES.format(truth=sample.palette.title, model=loaded.palette.title)
        st.info(other, icon=":material/help:")
    elif (found := _losses(sample, loaded)) is not None:
        terms = found.at(detections.boxes[index])
        if terms is None:
            _false_alarm(known, index)
        else:
            _object(terms, sample)
        _total(found)


def _pictures(image: Image, detections: Detections, i: int, threshold: float, came: Origins | None) -> None:
    """Show cut-out, small mask, pasted mask and thresholded mask, all of the same part of the picture."""
    from seglab.inside import mask_box, pasted

    box, lies = detections.boxes[i], mask_box(detections, i)
    proposal = None if came is None else came.proposals[i]
    window = cutout.window_around(np.stack([box, lies] if proposal is None else [box, lies, proposal]), detections.size)
    photo = cutout.photo(image, window)
    small = detections.masks[i].astype(np.float32)
    probability, (rows, columns) = pasted(detections, i)
    area = np.array([columns.start, rows.start, columns.stop, rows.stop], np.float32)
    spread = np.nan_to_num(cutout.stretch(probability, area, window))  # it ends with its box: 0 outside
    said = {
        "name": detections.palette.names[detections.classes[i]],
        "pixels": int((probability > threshold).sum()),
        "threshold": threshold,
    }
    boxed, caption, alt = photo, text.PICTURE_ALONE, text.ALT_PICTURE_ALONE
    if came is not None and proposal is not None:
        boxed = cutout.framed(photo, proposal, window, PROPOSAL, dashed=True)
        caption, alt = text.PICTURE.format(sure=came.objectness[i]), text.ALT_PICTURE
    above = spread > threshold
    line = draw.outlines(above.astype(np.uint8))
    lit = np.where(line[..., None], np.uint8(255), np.where(above[..., None], photo, photo // 4))
    alt_small = text.ALT_SMALL.format(low=small.min(), high=small.max(), mean=small.mean())
    _row([
        (cutout.framed(boxed, box, window, BOX), caption, alt.format(**said)),
        (draw.heat(cutout.stretch(small, lies, window), vmin=0, vmax=1), text.SMALL, alt_small),
        (draw.heat(spread, vmin=0, vmax=1), text.PASTED, text.ALT_PASTED.format(**said)),
        (lit, text.MASK.format(**said), text.ALT_MASK.format(**said)),
    ])  # fmt: skip
    st.html(cutout.bar(threshold))
    w, h = (lies[2:] - lies[:2]) / small.shape[::-1]
    st.caption(text.NOTICE.format(detail=(text.COARSE if max(w, h) > 1 else text.FINE).format(w=w, h=h)))


def _row(shown: list[Shown]) -> None:
    """Show pictures side by side, each with its caption; on a phone below each other."""
    for column, (picture, caption, alt) in zip(st.columns(len(shown)), shown, strict=True):
        # Not "stretch": a narrow cut-out would become higher than the screen. Square ones fill their column anyway.
        column.image(still(picture), alt=alt, width="content")
        column.caption(caption)


def _correction(came: Origins, detections: Detections, i: int) -> None:
    """Show how the head's four numbers turn the proposal into the box."""
    (x, y, w, h), t = _middle(came.proposals[i]), came.corrections[i].astype(float)
    moved = np.array([x + t[0] / 10 * w, y + t[1] / 10 * h, w * np.exp(t[2] / 5), h * np.exp(t[3] / 5)])
    numbers = (x, t[0], w, moved[0], y, t[1], h, moved[1], w, t[2], moved[2], h, t[3], moved[3])
    st.markdown(text.CORRECTION)
    st.latex(text.CORRECTION_FORMULA)
    st.latex(text.CORRECTION_NUMBERS % tuple(f"{n:.2f}" for n in numbers))
    over = np.abs(moved - _middle(detections.boxes[i])).max() > 0.02
    st.caption(text.CORRECTION_NOTICE + (f" {text.CORRECTION_CUT}" if over else ""))


def _more() -> None:
    """Point to the lab on RoIAlign."""
    st.page_link(ROI_LAB, label=text.ROIALIGN, icon=upsampling.ICON, query_params={"lab": "roi"})


def _object(terms: Terms, sample: Sample) -> None:
    """Show the three losses of an object's best proposal."""
    name = sample.palette.names[terms.label]
    size = sample.labels.shape[0], sample.labels.shape[1]
    st.markdown(text.OBJECT_ADDED.format(name=name) if terms.added else text.OBJECT.format(name=name, iou=terms.iou))
    window = cutout.window_around(np.stack([terms.box, terms.proposal]), size)
    photo = cutout.framed(cutout.photo(sample.image, window), terms.proposal, window, PROPOSAL, dashed=True)
    maps = (terms.probs, terms.target, terms.bce)
    probs, target, bce = (cutout.stretch(values, terms.proposal, window) for values in maps)
    high = max(1.0, float(terms.bce.max()))
    _row([
        (cutout.framed(photo, terms.box, window, BOX), text.TRUE_BOX, text.ALT_TRUE_BOX.format(name=name)),
        (draw.heat(probs, vmin=0, vmax=1), text.PROBS, text.ALT_PROBS.format(mean=terms.probs.mean())),
        (draw.heat(target, vmin=0, vmax=1), text.TARGET, text.ALT_TARGET.format(share=terms.target.mean())),
        (draw.heat(bce, vmin=0, vmax=high), text.BCE.format(high=high),
         text.ALT_BCE.format(high=terms.bce.max(), mean=terms.mask_loss)),
    ])  # fmt: skip
    st.markdown(text.CLS.format(n=len(sample.palette.things)))
    _surprise(terms.cls)
    _box_loss(terms)
    _mask_loss(terms)


def _surprise(loss: float) -> None:
    """Show L_cls = −ln p and what to notice."""
    p = np.exp(-loss)
    small = f"{p:.1e}".split("e")
    written = f"{p:.4f}" if p >= 0.001 else rf"({small[0]}\cdot 10^{{{int(small[1])}}})"
    st.latex(text.CLS_FORMULA % (written, f"{loss:.4f}"))
    st.caption(text.CLS_NOTICE)


def _box_loss(terms: Terms) -> None:
    """Show the four corrections that were needed, those that came, and smooth L1 of each."""
    st.markdown(text.BOX)
    (x, y, w, h), (xa, ya, wa, ha) = _middle(terms.box), _middle(terms.proposal)
    needed, t, each = terms.wanted, terms.t, terms.smooth_l1
    left, right = st.columns(2)
    left.latex(text.BOX_TARGET)
    numbers = (x, xa, wa, needed[0], y, ya, ha, needed[1], w, wa, needed[2], h, ha, needed[3])
    left.latex(text.BOX_TARGETS % tuple(f"{n:.2f}" for n in numbers))
    right.latex(text.BOX_TABLE % tuple(f"{n:.3f}" for n in np.stack([needed, t, each], 1).ravel()))
    right.latex(text.BOX_FORMULA % tuple(f"{n:.3f}" for n in (*each, terms.box_loss)))
    st.caption(text.BOX_NOTICE.format(which=text.SIDES[int(each.argmax())]))


def _mask_loss(terms: Terms) -> None:
    """Show the mean cross-entropy over the small mask, and where it comes from."""
    st.markdown(text.MASK_LOSS)
    st.latex(text.MASK_FORMULA % (f"{terms.bce.sum():.1f}", f"{terms.mask_loss:.3f}"))
    row, column = np.unravel_index(terms.bce.argmax(), terms.bce.shape)
    rim = (terms.target > 0.01) & (terms.target < 0.99)
    st.caption(text.MASK_WORST.format(
        row=row + 1, column=column + 1, y=terms.target[row, column], m=terms.probs[row, column],
        loss=terms.bce[row, column], rim=float(terms.bce[rim].sum() / max(terms.bce.sum(), 1e-9)),
    ))  # fmt: skip
    st.caption(text.WHERE)


def _false_alarm(came: Origins | None, i: int) -> None:
    """Show what a detection costs where there is no object: L_cls of "no object" alone."""
    st.markdown(text.FALSE_ALARM)
    if came is not None:
        _surprise(-float(np.log(max(came.background[i], 1e-30))))


def _total(found: Losses) -> None:
    """Show the losses of the whole picture."""
    st.markdown(text.TOTAL.format(proposals=found.proposals, on=found.on_objects))
    parts = (found.rpn, found.cls, found.box, found.mask, found.total)
    st.latex(text.TOTAL_FORMULA % tuple(f"{part:.3f}" for part in parts))
    st.caption(text.TOTAL_NOTICE)


def _middle(box: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a box's middle and size: x, y, w, h."""
    x0, y0, x1, y1 = box.astype(float)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])


def _origins(image: Image, loaded: Loaded, detections: Detections) -> Origins | None:
    from seglab.inside import origins

    def make(cancel: Callable[[], bool]) -> tuple[Any, ...]:
        found = origins(image, loaded, detections, cancel=cancel)
        return found, *vars(found).values()

    return _kept(("origins", digest(image), loaded.weights_hash, digest(detections.boxes)), make)


def _losses(sample: Sample, loaded: Loaded) -> Losses | None:
    from seglab.inside_losses import losses

    assert sample.ids is not None

    def make(cancel: Callable[[], bool]) -> tuple[Any, ...]:
        found = losses(sample, loaded, cancel=cancel)
        return found, *(part for terms in found.objects for part in (terms.probs, terms.target, terms.bce))

    return _kept(("losses", digest(sample.image), loaded.weights_hash, digest(sample.ids, digest(sample.labels))), make)


def _kept(key: Hashable, make: Callable[[Callable[[], bool]], tuple[Any, ...]]) -> Any:
    """Return the first of what `make(cancel)` gives, kept with its arrays, whose bytes count.

    None, and a message, if it can't be had.
    """
    from seglab.runtime import OutOfMemory

    def work(progress: jobs.Progress, cancel: Callable[[], bool]) -> Any:
        return cache.kept(cache.MAPS, key, lambda: make(cancel))[0]

    def show(done: int, total: int) -> None:
        slot.caption(text.RUNNING)

    slot = st.empty()
    try:
        # What is kept comes back at once: no thread needed, and nothing to show.
        return work(show, lambda: False) if key in cache.MAPS else jobs.watch(key, work, show)
    except (OutOfMemory, ValueError) as error:
        st.warning(str(error), icon=":material/error:")
        return None
    finally:
        slot.empty()
