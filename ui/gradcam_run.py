"""Explanations for the page "Grad-CAM": what is asked, computed once and kept, and the numbers read off the maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seglab.sharing import ByteCache
from seglab.types import Image, Labels
from ui import cache, gradcam_state, jobs
from ui.compare_source import Source
from ui.losses_state import unpack
from ui.segment_run import Run
from ui.segment_state import short_side
from ui.texts import gradcam as text
from ui.viewer import apply_strokes

if TYPE_CHECKING:
    from seglab.explain import Explanation
    from seglab.explain.methods import Method
    from seglab.explain.targets import Target
    from seglab.runtime import Loaded

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]
KEPT: ByteCache[Any] = ByteCache(64 * 2**20, cache.size_of)  # explanations, with the activations they are the sum of


@dataclass(frozen=True)
class Asked:
    """One question: the picture, the network with its prediction, the class k, where, and by which method and layer.

    `region` is `gradcam_state.region_key`, or that and a painted mask of its own in `painted`.
    """

    source: Source
    run: Run
    k: int
    region: tuple[str, str]
    method: str
    layer: str
    of: str = "logit"
    mirror: bool = False
    short: str = "auto"
    painted: Mask | None = None

    @property
    def loaded(self) -> Loaded:
        """The network."""
        return self.run.loaded

    @property
    def image(self) -> Image:
        """The picture."""
        return self.source.photo.image

    @property
    def name(self) -> str:
        """The class's name."""
        return self.run.palette.names[self.k]

    @property
    def by_layer(self) -> bool:
        """Whether the method looks at a layer."""
        return self.method not in gradcam_state.LAYERLESS

    @property
    def key(self) -> tuple[Any, ...]:
        """Names everything the explanation depends on."""
        layer = self.layer if self.by_layer else ""
        return ("cam", self.source.photo.hash, self.loaded.weights_hash, self.k, self.region, self.method, layer,
                self.of, self.mirror, self.short)  # fmt: skip

    def target(self) -> Target:
        """Return the library's target; ValueError where a place is missing."""
        from seglab.explain import Box, Everywhere, Painted, Pixel, Predicted

        where, at = self.region
        if self.painted is not None:
            return Painted(self.k, self.painted)
        if where == "all":
            return Everywhere(self.k)
        if where == "predicted":
            return Predicted(self.k)
        if where == "painted":
            return Painted(self.k, painted(at, self.source.photo.size) == 1)
        if not at:
            raise ValueError(text.NO_PLACE[where])
        if where == "pixel":
            x, y = gradcam_state.place(at, 2)
            return Pixel(self.k, x, y)
        x0, y0, x1, y1 = gradcam_state.place(at, 4)
        return Box(self.k, x0, y0, x1, y1)

    def predicted(self) -> Mask:
        """Where the network says k, bool (H, W)."""
        found: Mask = self.run.labels() == self.k
        return found

    def true(self) -> Mask | None:
        """Where k really is, by its name; None where nobody knows, or the truth has no such class."""
        return truth_of(self.source, self.name)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of a classifier or a detector: the picture (its hash), the network, the target, how and where."""

    image: Image
    hash: str
    loaded: Loaded
    goal: Target
    method: str
    layer: str
    of: str = "logit"
    mirror: bool = False
    short: str = "auto"

    @property
    def by_layer(self) -> bool:
        """Whether the method looks at a layer."""
        return self.method not in gradcam_state.LAYERLESS

    @property
    def key(self) -> tuple[Any, ...]:
        """Names everything the explanation depends on."""
        return ("cam", "other", self.hash, self.loaded.weights_hash, self.goal, self.method,
                self.layer if self.by_layer else "")  # fmt: skip

    def target(self) -> Target:
        """Return the library's target."""
        return self.goal


@dataclass(frozen=True)
class Kept:
    """What came of a question: an explanation, with its time and memory; or None and the reason in words.

    The explanation's region is kept in `bits`, packed: of a phone's photo it would weigh more than all the rest.
    """

    found: Explanation | None
    ms: float = 0.0
    peak: int = 0
    why: str = ""
    bits: NDArray[np.uint8] | None = None

    def region(self) -> Mask | None:
        """Return over which pixels y is summed, bool (H, W); None of classifiers and objects."""
        if self.found is None or self.bits is None:
            return None
        h, w = self.found.size
        return np.unpackbits(self.bits, count=h * w).reshape(h, w).astype(bool)


def painted(ink: str, size: tuple[int, int]) -> Labels:
    """Return the paint of a link as labels (H, W): 1 where there is paint."""
    return apply_strokes(np.zeros(size, np.uint8), unpack(ink))


def truth_of(source: Source, name: str) -> Mask | None:
    """Return where a class of that name is in the truth, bool (H, W); None where that isn't known."""
    if source.sample is None:
        return None
    palette = source.sample.palette
    same = same_class(name, palette.names)
    return None if same is None else source.sample.labels == palette.index(same)


def same_class(name: str, names: tuple[str, ...]) -> str | None:
    """Return the class that means the same in another palette, if there is one.

    >>> same_class("Pedestrian", ("sky", "person")), same_class("car", ("Car",)), same_class("dog", ("Car",))
    ('person', 'Car', None)
    """
    wanted = _common(name)
    return next((other for other in names if _common(other) == wanted), None)


def _common(name: str) -> str:
    return {"pedestrian": "person"}.get(name.casefold(), name.casefold())


def how(method: str) -> Method:
    """Return the library's entry of a method."""
    from seglab.explain import METHODS

    return METHODS[method]


def here(asked: Asked | Question) -> bool:
    """Whether the answer is kept, so that nothing has to run."""
    return asked.key in KEPT


def explain(asked: Asked | Question) -> Kept:
    """Return the explanation, or why there is none, from the cache or made now; OutOfMemory goes through.

    It runs in a thread of its own, and stops when nobody waits for it any more.
    """
    found: Kept | None = KEPT.peek(asked.key)
    return found or jobs.watch(asked.key, lambda progress, cancel: kept(asked, progress, cancel), lambda *_: None)


def kept(asked: Asked | Question, progress: jobs.Progress, cancel: Callable[[], bool]) -> Kept:
    """Return the explanation from the cache, or make and keep it; never in a script's own thread."""
    return cache.kept(KEPT, asked.key, lambda: made(asked, progress, cancel))


def made(asked: Asked | Question, progress: jobs.Progress, cancel: Callable[[], bool]) -> Kept:
    """Return the explanation, made now; a ValueError's words in its place, which would be the same again."""
    from seglab import runtime
    from seglab.explain import explain as library

    try:
        with runtime.peak_memory() as peak:
            found = library(
                asked.image, asked.loaded, asked.target(), method=asked.method,
                layer=asked.layer if asked.by_layer else None, of=asked.of,  # type: ignore[arg-type]
                short_side=short_side(asked.short), flip=asked.mirror, cancel=cancel, progress=progress,
            )  # fmt: skip
    except ValueError as error:
        return Kept(None, why=str(error))
    bits = None if found.region is None else np.packbits(found.region)
    return Kept(replace(found, region=None), peak.ms, peak.bytes, bits=bits)


def explained_size(loaded: Loaded, size: tuple[int, int], short: str, method: str) -> tuple[int, int]:
    """Return the size at which a method has the network look at a picture of `size`."""
    from seglab.explain import explained_size as library

    return library(size, loaded.preprocess, short_side(short), how(method).most)


def layers(loaded: Loaded, size: tuple[int, int], short: str, method: str) -> dict[str, tuple[int, int, int]]:
    """Return channels, height and width of each of the model's layers, for a picture of `size`."""
    from seglab.explain import layer_sizes

    seen = explained_size(loaded, size, short, method)
    key = "cam", "layers", loaded.weights_hash, seen
    found = cache.kept(cache.NUMBERS, key, lambda: tuple(layer_sizes(loaded, seen).items()))
    return dict(found)


def by(asked: Asked, **changes: Any) -> Asked:
    """Return the question with something else in it."""
    return replace(asked, **changes)


def end(found: Explanation, signed: bool) -> float:
    """Return what the end of the map's colours stands for: the largest value for the class, or for and against it."""
    return found.magnitude if signed else float(found.raw.max())


@dataclass(frozen=True)
class Outside:
    """The share of the heat outside a mask, and what a map without any preference would have; both 0..1."""

    share: float
    even: float


def outside(heat: Map, mask: Mask | None) -> Outside | None:
    """Return how much of a map of 0 or more lies outside; None where there is no mask, or no pixel in it."""
    from seglab.explain import share_outside

    if mask is None or not mask.any():
        return None
    return Outside(share_outside(heat, mask), 1 - float(mask.mean()))


def cut(heat: Map, low: float) -> Map:
    """Return the map with the coldest `low` per cent of its pixels, by |heat|, as NaN.

    >>> cut(np.float32([[1, -4, 2, 3]]), 50).tolist()
    [[nan, -4.0, nan, 3.0]]
    """
    if low <= 0:
        return heat
    size = np.abs(heat)
    return np.where(size > np.percentile(size, low), heat, np.float32(np.nan))


def asked_now(now: Mapping[Any, Any], source: Source, run: Run, k: int) -> Asked:
    """Return the question that the session asks."""
    return Asked(
        source, run, k, gradcam_state.region_key(now), now["cam"], now["layer"], now["y"], now["mirror"], now["short"]
    )
