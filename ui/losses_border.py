"""The tab "Border weights" of the page "Losses & metrics": U-Net's map, and what a network gets by it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seglab.types import Palette
from ui import cache, live_panel
from ui import viewer as v
from ui.losses_charts import figure, show
from ui.texts import losses_more as text

if TYPE_CHECKING:
    from seglab.live.gaps import Outcome, Task
    from seglab.types import Ids, Image

RUN = "losses.gaps"  # the run's name
UPLOAD, PROBLEM, AT = "losses.border.ids", "losses.border.problem", "losses.border.at"
FILE = "losses.border.file"
LINK, HEIGHT = "losses.border", 340
SIDE, MOST = 128, 1024  # pixels a side of the drawn picture; of an uploaded one, at most
SECONDS, FIRST = 0.045, 3.0  # of a core: a step of both networks, and the pictures; as measured when this was written
CELLS = 2000  # in an uploaded file: the distance to each of them is looked up
PIECES = 4  # per id, of an uploaded file: more is no map of nuclei but a photograph
DIFFERENT = 0.05  # of the score: less we don't call a difference
APART = Palette("To learn", text.B_CLASSES, ((240, 240, 240), (0, 114, 178), (230, 159, 0)), things=(1,))


@dataclass(frozen=True, eq=False)
class Map:
    """Nuclei (H, W) as they are and with gaps cut, their picture if there is one, and what follows from w0 and σ.

    key names the nuclei; classes: w_c of background and of a nucleus; weights: float (H, W).
    """

    key: str
    image: Image | None
    ids: Ids
    apart: Ids
    classes: tuple[float, float]
    weights: NDArray[np.float32]
    w0: float
    sigma: float

    @property
    def plain(self) -> NDArray[np.float32]:
        """The weights without the border's term: of background and of a nucleus."""
        background, cell = self.classes
        return np.where(self.apart > 0, np.float32(cell), np.float32(background))

    @property
    def term(self) -> NDArray[np.float32]:
        """What the border adds: w0·exp(…), 0 within nuclei."""
        return self.weights - self.plain


@dataclass(frozen=True)
class Pixel:
    """The formula's numbers at a pixel: its class's weight, distances, exp(…), w. NaN and 0 where there is no term."""

    x: int
    y: int
    wc: float
    d1: float
    d2: float
    falloff: float
    w: float


def border() -> None:
    """Show the tab."""
    st.markdown(text.B_INTRO)
    _controls()
    found = computed(st.session_state)
    at = _panes(found)
    _formula(found, pixel(found, *at))
    st.subheader(text.B_TRAIN)
    _live()


def _controls() -> None:
    session = st.session_state
    number, height, reach = st.columns(3)
    height.slider(text.B_W0, 0.0, 50.0, step=0.5, key="b_w0", persist_state="session")
    reach.slider(text.B_SIGMA, 0.5, 15.0, step=0.5, key="b_sigma", persist_state="session")
    if UPLOAD in session:
        number.button(text.B_BACK, on_click=_forget, icon=":material/undo:")
    else:
        number.number_input(text.B_SEED, 0, 9999, key="b_seed", persist_state="session")
    with st.expander(text.B_MORE, icon=":material/tune:"):
        left, middle, right = st.columns(3)
        left.slider(text.B_TOUCHING, 0.0, 1.0, step=0.05, key="b_touching", persist_state="session")
        middle.slider(text.B_STEPS, 50, 1000, step=50, key="b_steps", persist_state="session")
        right.file_uploader(text.B_UPLOAD, key=FILE, on_change=_take)
    if wrong := session.get(PROBLEM):
        st.error(wrong, icon=":material/broken_image:")


def _forget() -> None:
    st.session_state.pop(UPLOAD, None)
    st.session_state[PROBLEM] = ""


def _take() -> None:
    """Read a file of ids; what is wrong with it is told, and the nuclei stay as they were."""
    session, file = st.session_state, st.session_state.get(FILE)
    session[PROBLEM] = ""
    if file is None:
        return
    try:
        session[UPLOAD] = read(file.getvalue())
    except ValueError as error:
        session[PROBLEM] = text.B_BAD_FILE.format(name=file.name, error=error)


def read(data: bytes) -> Ids:
    """Return the ids in a PNG, uint16 (H, W); ValueError says what is wrong with it."""
    from skimage.measure import label

    from seglab.export import read_ids_png

    ids = read_ids_png(data, MOST)
    if not ids.any():
        raise ValueError(text.B_NO_CELLS)
    cells = len(np.unique(ids[ids > 0]))
    if cells > CELLS:
        raise ValueError(text.B_TOO_MANY.format(cells=cells, most=CELLS))
    pieces = int(label(ids, connectivity=2).max())
    if pieces > PIECES * cells + 100:
        raise ValueError(text.B_PIECES.format(cells=cells, pieces=pieces))
    return ids


def task(now: Any) -> Task:
    """Return what is to be learnt, as the session wants it."""
    from seglab.live.gaps import Task

    return Task(touching=now["b_touching"], w0=now["b_w0"], sigma=now["b_sigma"])


def computed(now: Any) -> Map:
    """Return the nuclei and their weights, drawn or uploaded."""
    from seglab.datasets import cells
    from seglab.losses import border as library

    given: Ids | None = now.get(UPLOAD)
    key = f"{now['b_seed']} {now['b_touching']:g}" if given is None else cache.image_hash(given.view(np.uint8))

    def nuclei() -> tuple[Any, ...]:
        if given is not None:
            return given, library.separate(given)
        sample = cells.draw(now["b_seed"], 0, replace(task(now), side=SIDE).parameters)
        assert sample.ids is not None
        return sample.ids, library.separate(sample.ids), sample.image

    ids, apart, *image = cache.kept(cache.MAPS, ("losses", "nuclei", key), nuclei)
    w0, sigma = now["b_w0"], now["b_sigma"]
    classes = library.balance(apart)
    weights = cache.kept(
        cache.MAPS, ("losses", "border", key, w0, sigma), lambda: library.border_weights(apart, w0, sigma, classes)
    )
    return Map(key, image[0] if image else None, ids, apart, classes, weights, w0, sigma)


def pixel(found: Map, x: int, y: int) -> Pixel:
    """Put the formula together at a pixel, from the distances to all nuclei there."""
    inside = bool(found.apart[y, x])
    wc = found.classes[int(inside)]
    rows, columns = np.nonzero(found.apart)
    nearest = np.full(int(found.apart.max()) + 1, np.inf)
    np.minimum.at(nearest, found.apart[rows, columns], np.hypot(rows - y, columns - x))
    d1, d2 = np.partition(np.append(nearest, [np.inf, np.inf]), 1)[:2].tolist()
    falloff = float(np.exp(-((d1 + d2) ** 2) / (2 * found.sigma**2))) if not inside else 0.0
    return Pixel(x, y, wc, d1, d2, falloff, wc + found.w0 * falloff)


def _panes(found: Map) -> tuple[int, int]:
    """Show nuclei, truth and weights side by side; return the pixel (x, y) that the formula is about."""
    session = st.session_state
    height, width = found.ids.shape
    kept, at = session.get(AT, ("", (0, 0)))
    if kept != found.key:  # the heaviest pixel: a gap, if there is one
        row, column = divmod(int(found.term.argmax()), width)
        at = column, row
    sent = None if found.image is None else v.send(found.image, key="losses.border.picture")
    left, middle, right = st.columns(3)
    view = partial(v.viewer, link=LINK, height=HEIGHT, controls=False)
    with left:
        st.markdown(f"**{text.B_NUCLEI}**")
        view(
            sent, [_nuclei(found.ids)], key=f"losses.border.nuclei.{height}.{width}", legend=False,
            opacity=0.45 if sent else 1.0, alt=text.B_ALT["nuclei"],
        )  # fmt: skip
    with middle:
        st.markdown(f"**{text.B_APART}**")
        truth = np.where(found.apart > 0, 1, np.where(found.ids > 0, 2, 0)).astype(np.uint8)
        view(
            None, [v.LabelLayer(truth, APART, text.B_APART)], key=f"losses.border.apart.{height}.{width}",
            opacity=1.0, alt=text.B_ALT["apart"],
        )  # fmt: skip
    with right:
        st.markdown(f"**{text.B_WEIGHTS}**")
        high = max(float(found.weights.max()), 1e-3)
        event = view(
            None, [v.HeatLayer(found.weights, text.B_WEIGHT, 0.0, high)], key=f"losses.border.weights.{height}.{width}",
            opacity=1.0, tools=("click",), marks=(at,), alt=text.B_ALT["weights"],
        )  # fmt: skip
    if event.click and event.click != at:
        session[AT] = found.key, event.click
        st.rerun()  # so that the mark is there where the formula is
    st.caption(text.B_LEGEND)
    return at


def _nuclei(ids: Ids) -> v.IdLayer:
    from seglab.live.gaps import COLORS

    there = np.unique(ids[ids > 0]).tolist()
    colors = [tuple(color) for color in COLORS.tolist()]
    entries = tuple(
        v.Entry(k, text.B_NUCLEUS.format(id=k), colors[(k - 1) % len(colors)], text.B_CLASSES[1]) for k in there
    )
    return v.IdLayer(ids, entries, text.B_NUCLEI, text.B_NOTHING)


def _formula(found: Map, at: Pixel) -> None:
    """Show the formula, with the pixel's numbers in it, and what share of all weight the gaps have."""
    st.latex(text.B_FORMULA)
    values = {**vars(at), "w0": found.w0, "sigma": found.sigma}
    inside = bool(found.apart[at.y, at.x])
    shown = text.B_INSIDE if inside else text.B_FILLED if np.isfinite(at.d2) else text.B_ALONE
    st.latex(shown.format(**values))
    st.caption(text.B_SYMBOLS)
    cut = (found.ids > 0) & (found.apart == 0)
    if cut.any():
        plain = found.plain
        st.markdown(text.B_SHARE.format(
            pixels=cut.mean(), without=plain[cut].sum() / plain.sum(),
            with_=found.weights[cut].sum() / found.weights.sum(),
        ))  # fmt: skip


def _live() -> None:
    from seglab.live import gaps

    now = st.session_state
    st.markdown(text.B_TRAIN_INTRO)
    seconds = FIRST + SECONDS * now["b_steps"]
    st.caption(text.B_TIME.format(steps=now["b_steps"], seconds=10 * math.ceil(seconds / 10)))
    begin = partial(gaps.train, task(now), steps=now["b_steps"], names=text.B_NAMES)
    run = live_panel.panel(
        RUN, begin, score=text.B_SCORE, go_on=lambda run: partial(begin, after=run.result), rows=text.B_ROWS
    )
    st.caption(text.B_SCORE_NOTE)
    if run is not None and run.result is not None:
        _outcome(run.result)


def _outcome(outcome: Outcome) -> None:
    """Say what both have reached, at a threshold of ½ and at every other."""
    from seglab.live.gaps import THRESHOLDS

    for line in notice(outcome):
        st.markdown(line)
    st.markdown(f"**{text.B_OVER}**")
    made = figure(text.B_THRESHOLD, "", **{name: (THRESHOLDS, scores) for name, scores in outcome.by_threshold.items()})
    made.update_yaxes(range=[0, 1])
    made.add_vline(x=0.5, line_dash="dot")
    show(made, "border.threshold")


def notice(outcome: Outcome) -> list[str]:
    """Say in words what an outcome shows; that there is no difference, if there is none."""
    from seglab.live.gaps import THRESHOLDS

    without, with_ = (outcome.by_threshold[name] for name in text.B_NAMES)
    half = THRESHOLDS.index(0.5)
    said = [text.B_NOTICE.format(steps=outcome.trained.steps, without=without[half], with_=with_[half])]
    if with_[half] - without[half] < DIFFERENT:
        return [*said, text.B_NO_DIFFERENCE]
    best, best_with = int(np.argmax(without)), int(np.argmax(with_))
    said.append(text.B_THRESHOLD_NOTICE.format(
        best=without[best], at=THRESHOLDS[best], best_with=with_[best_with], at_with=THRESHOLDS[best_with]
    ))  # fmt: skip
    left = with_[best_with] - without[best]  # of the difference, when each has its own threshold
    return [*said, text.B_MOVED if left < (with_[half] - without[half]) / 2 else text.B_NOT_MOVED]
