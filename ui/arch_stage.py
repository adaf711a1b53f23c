"""One stage of the page "Architectures": its numbers, and its feature maps on the picture, computed once and kept."""

from __future__ import annotations

import io
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pil

from seglab import zoo
from seglab.download import WeightsError
from ui import arch_detector, arch_net, arch_picture, arch_svg, cache
from ui.arch_net import SEED, Drawn, Spec
from ui.arch_picture import Given
from ui.arch_place import Spot
from ui.arch_state import MOST_MAPS
from ui.cost_strip import amount
from ui.texts import architectures as text
from ui.texts import architectures_short as words

if TYPE_CHECKING:
    from seglab.stages import Stage

TILE = 150  # px that a map is shown wide
SHORT = 8  # words of a card's data, at most
Maps = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float16], int, float]  # …, channels in all, ms


@dataclass(frozen=True)
class Field:
    """A receptive field in words, and whether there is a path from the whole picture as well."""

    words: str
    whole: bool


def field_of(stage: Stage) -> Field:
    """Write what a stage's middle sees."""
    found = stage.field
    if found is None:
        return Field(text.UNKNOWN, False)
    if found.whole and not max(found.size):
        return Field(text.WHOLE, True)
    words = "×".join(map(str, found.size)) + " px"
    return Field(f"{words} +" if found.whole else words, found.whole)


def stride_of(stage: Stage) -> str:
    """Write the stride of a stage's map; "" where it has none."""
    found = stage.field
    return f"{found.stride[-1]:g}" if found is not None and np.isfinite(found.stride[-1]) else ""


def memory_of(stage: Stage) -> str:
    """Write what training keeps of a stage."""
    return text.UNKNOWN if stage.activation_bytes is None else amount(stage.activation_bytes, "B")


def numbers(drawn: Drawn, spot: Spot) -> None:
    """Show the five numbers of a stage, each with its share of the network."""
    stage, whole, place = spot.stage, drawn.whole, spot.place
    assert stage is not None
    assert place is not None
    if place.also:
        st.markdown(text.STAGE_RUN.format(name=spot.id, n=len(place.also) + 1, first=place.also[0], kind=stage.kind))
    else:
        st.markdown(text.STAGE.format(name=spot.id, kind=stage.kind))
    seen = field_of(stage)
    stride = stride_of(stage)

    boxes = arch_detector.counted(drawn.spots).get(spot.id) if drawn.spec.key == "mask-rcnn" else None

    def of_all(part: int | None, all_: int | None) -> str | None:
        return text.OF_ALL.format(share=part / all_) if all_ and part is not None else None

    entries = (
        (text.OUT, arch_svg.size(spot.shape), None, text.STRIDE.format(stride=float(stride)) if stride else None),
        (text.PARAMETERS, amount(stage.parameters, ""), None, of_all(stage.parameters, whole.parameters)),
        (text.MACS, amount(stage.macs, ""), None,
         text.FOR_BOXES.format(n=boxes) if boxes else of_all(stage.macs, whole.macs)),
        (text.FIELD, seen.words, text.FIELD_WHOLE_HELP if seen.whole else text.FIELD_HELP, None),
        (text.MEMORY, memory_of(stage), text.MEMORY_HELP,
         of_all(stage.activation_bytes, whole.activation_bytes)),
    )  # fmt: skip
    with st.container(horizontal=True, gap="medium"):
        for label, value, tip, under in entries:
            st.metric(label, value, under, help=tip, delta_color="off", delta_arrow="off", width="content")


@dataclass(frozen=True)
class Pass:
    """The forward pass that the maps are from: milliseconds, bytes at most, where it ran; fresh: in this very view."""

    ms: float
    peak: int
    device: str
    fresh: bool


def maps(one: Given, spot: Spot) -> Pass | None:
    """Show the stage's strongest maps; return their pass, None where there is none."""
    spec, now = one.spec, st.session_state
    if not spec.has_numbers:
        count = arch_net.draw(spec, one.shape).whole.parameters
        st.caption(text.NO_WEIGHTS.format(parameters=amount(count, ""), bytes=amount(4 * count, "B")))
        return None
    if not has_maps(one, spot):
        st.info(text.NO_MAPS.format(why=text.NO_MAP), icon=":material/grid_off:")
        return None
    fresh = _key(one, spot) not in cache.MAPS
    try:
        channels, strengths, values, of, ms = computed(one, spot)
        peak = _peak(one)
    except (ValueError, WeightsError) as error:
        st.info(text.NO_MAPS.format(why=error), icon=":material/grid_off:")
        return None
    n = min(now["nmaps"], len(channels))
    st.markdown(text.MAPS_TITLE.format(title=one.title, n=n, of=of))
    with st.container(horizontal=True, gap="small"):
        for k, strength, found in list(zip(channels, strengths, values, strict=True))[:n]:
            st.image(tile(found), caption=text.MAP.format(k=k, spread=float(strength)), width=TILE,
                     alt=text.MAP_ALT.format(k=k, name=spot.id, title=one.title))  # fmt: skip
    return Pass(ms, peak, arch_net.device(one.spec), fresh)


def has_maps(one: Given, spot: Spot) -> bool:
    """Return whether a stage gives maps; some of a detector's heads give plain numbers for each box."""
    return len(spot.shape) == len(one.shape)


def _peak(one: Given) -> int:
    """Return the bytes that the forward pass takes at most, weights included; computed, without running it."""

    def make() -> int:
        from seglab import cost

        found = cost.of_net(arch_net.net(one.spec), one.shape)
        return found.weight_bytes + found.activation_bytes

    peak: int = cache.kept(cache.NUMBERS, ("arch", "peak", one.spec, one.shape), make)
    return peak


def about(one: Given) -> str:
    """Say whose weights these are, and how far from their data the picture is."""
    spec = one.spec
    if not spec.has_numbers:
        return ""
    if spec.model is None:
        yet = text.UNTRAINED_YET if not spec.random and spec.build == "small" else ""
        return yet + text.UNTRAINED.format(seed=SEED)
    said = [text.TRAINED.format(title=zoo.get(spec.model).title, data=in_short(zoo.card(spec.model).data))]
    if not arch_picture.familiar(one):
        said.append(text.FOREIGN)
    seen, trained = min(one.shape[-2:]), zoo.get(spec.model).preprocess.short_side
    if trained not in (0, seen) and not spec.volumes:  # what is told of a volume's size isn't about it
        said.append(text.OTHER_SIZE.format(seen=seen, trained=trained))
    return " ".join(said)


def in_short(data: str) -> str:
    """Return the beginning of what a card says of its data, as a phrase that goes on a sentence.

    >>> in_short("CamVid, Cambridge-driving Labeled Video Database (Brostow et al. 2008), 11-class version")
    'CamVid'
    """
    return " ".join(re.split(r"[:;,(]|\. ", data, maxsplit=1)[0].rstrip(".").split()[:SHORT])


def notes(one: Given) -> None:
    """Say what the maps are of, and how they are drawn."""
    if said := about(one):
        st.markdown(said)
    st.caption(f"{text.MAPS_NOTE} {text.MAPS_SLICE}" if one.spec.volumes else text.MAPS_NOTE)


def computed(one: Given, spot: Spot) -> Maps:
    """Run the network and keep the stage's strongest maps; ValueError where it gives none."""
    assert spot.place is not None
    place = spot.place

    def make() -> Maps:
        from seglab import runtime
        from seglab.stages import feature_maps

        net, x = arch_net.net(one.spec), arch_picture.tensor(one)
        with runtime.places().place(None):
            began = time.perf_counter()
            found = feature_maps(net, x, place.name, MOST_MAPS, place.call, by="spread")
            ms = 1000 * (time.perf_counter() - began)
        values = found.maps[:, found.maps.shape[1] // 2] if found.maps.ndim == 4 else found.maps
        span = np.abs(values).max() or 1.0
        scaled = (values / span).astype(np.float16)  # shown on a scale of its own each, so that 16 bits do
        return found.channels, found.strengths, scaled, found.of, ms

    result: Maps = cache.kept(cache.MAPS, _key(one, spot), make)
    return result


def _key(one: Given, spot: Spot) -> tuple[object, ...]:
    return "arch", "maps", *one.key, spot.id


def tile(values: NDArray[np.float16], width: int = 2 * TILE) -> bytes:
    """Return a map (h, w) as a PNG of `width` px or more, its cells as squares, from its least to its largest."""
    found = values.astype(np.float32)
    return png(found, float(found.min()), float(found.max()), width)


def png(values: NDArray[np.float32], low: float, high: float, width: int = 2 * TILE) -> bytes:
    """Return a map (h, w) as a PNG of at least `width` px, its cells as squares, coloured from `low` to `high`."""
    from seglab import draw

    picture = Pil.fromarray(draw.heat(values, vmin=low, vmax=high if high > low else low + 1))
    factor = max(1, -(-width // picture.width))
    out = io.BytesIO()
    picture.resize((picture.width * factor, picture.height * factor), Pil.Resampling.NEAREST).save(out, "PNG")
    return out.getvalue()


def choose_count() -> None:
    """Choose how many maps are shown."""
    st.slider(text.MAPS, 4, MOST_MAPS, step=2, key="nmaps", persist_state="session")


def short(spec: Spec) -> str:
    """Return the architecture in short: where the skip, the dilation or the fusion is, what it mended and lacks."""
    row = spec.row
    if row is None:
        return words.SHORT.format(where=words.WHERE[spec.key], size="", fixed=words.OWN_FIXED, lacks=words.OWN_LACKS,
                                  paper=words.OWN_PAPER, year=2026)  # fmt: skip
    cited = words.PAPER if row.paper.url else words.PAPER_PLAIN
    paper = cited.format(authors=row.paper.authors, where=row.paper.where, url=row.paper.url, figure=row.figure)
    said = words.SHORT.format(where=words.WHERE[row.key], size="" if spec.build == "paper" else words.AS_PUBLISHED,
                              fixed=row.fixed, lacks=row.lacks, paper=paper.removesuffix(", "),
                              year=row.year)  # fmt: skip
    other = "" if spec.build == "paper" else words.SMALL.get(spec.key, "")
    return f"{said} {other}".rstrip()
