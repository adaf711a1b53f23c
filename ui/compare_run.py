"""Three answers to one picture: the semantic map, the objects, and both fused. Networks run once; the rest is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from seglab import zoo
from seglab.palettes_coco import same
from seglab.specs import Selection
from seglab.stretch import UNSURE
from seglab.types import InstanceResult, Labels, Logits, Palette, PanopticResult, SemanticResult
from ui import cache, compare_state, segment_run
from ui.compare_source import Source
from ui.compare_state import COMPONENTS, MOST, WATERSHED

RANKED = 0.05  # score from which on objects are ranked: the least that a detector keeps

if TYPE_CHECKING:
    from seglab.instances import Detections
    from seglab.metrics.panoptic import PanopticQuality
    from seglab.runtime import Loaded


@dataclass(frozen=True)
class Settings:
    """All that is chosen after the networks have run; hashable, to be part of a cache key."""

    score: float = 0.5
    mask: float = 0.5
    nms: float = 0.5
    limit: int = 300
    visible: float = 0.5
    stuff: int = 256
    first: str = "score"
    switched: str = ""
    only: str = ""

    @classmethod
    def of(cls, now: Mapping[Any, Any]) -> Settings:
        """Read them from the session."""
        return cls(now["score"], now["mask"], now["nms"], now["limit"], now["visible"], now["stuff"],
                   now["first"], now["switched"], now["only"])  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What the networks gave on a picture, and what follows from the settings."""

    source: Source
    semantic: Loaded
    logits: Logits
    objects: str
    detector: Loaded | None
    detections: Detections | None
    settings: Settings
    ms: float
    peak: int
    notice: str = ""  # what was done otherwise than asked, for want of memory
    made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """What the networks' answers depend on."""
        hashes = self.semantic.weights_hash, self.detector.weights_hash if self.detector else self.objects
        return "compare", self.source.photo.hash, *hashes

    @property
    def by(self) -> str:
        """What gives the objects: the detector that ran, which without a network isn't the one asked for, or a way."""
        return self.detector.key if self.detector else self.objects

    @property
    def palette(self) -> Palette:
        """The classes of both, as the fusion takes them."""
        return self.fused().palette

    def labels(self) -> Labels:
        """The semantic map."""
        from seglab import maps

        return self._kept(("labels",), lambda: maps.labels(self.logits, self.source.photo.size))

    def found(self) -> InstanceResult:
        """The objects that pass the settings: the best of the classes that take part, as many as are asked for."""
        s = self.settings
        return self._kept(("found", self.found_key), lambda: _first(self._find(s.score), slice(s.limit)))

    def ranked(self) -> InstanceResult:
        """All objects that may be ranked, whatever the score and number asked for."""
        s = self.settings
        return self._kept(("ranked", s.mask, s.nms, s.only), lambda: self._find(RANKED))

    @property
    def found_key(self) -> tuple[Any, ...]:
        """What the objects depend on, of the settings."""
        s = self.settings
        return s.score, s.mask, s.nms, s.limit, s.only

    def claims(self) -> NDArray[np.uint8]:
        """How many of them claim each pixel."""
        from seglab.panoptic import contested

        return self._kept(("claims", self.found_key), lambda: contested(self.found()))

    def areas(self) -> dict[int, int]:
        """How many connected areas each class of things has in the semantic map."""
        things = self.fused().palette.things
        key = (*self.key, "areas", things)
        return cache.kept(cache.NUMBERS, key, lambda: _areas(self.labels(), things))

    def fused(self) -> PanopticResult:
        """Both fused."""
        return self._kept(("fused", self.settings), self._fuse)

    def true(self) -> PanopticResult | None:
        """The truth, with the same classes treated as things."""
        from seglab.truths import truth

        sample = self.source.sample
        if sample is None:
            return None
        things = tuple(k for k in self.fused().palette.things if k < len(sample.palette))
        return self._kept(("true", things), lambda: truth(sample, things))

    def quality(self) -> PanopticQuality | None:
        """How good the fused map is; None where the truth isn't known."""
        from seglab.metrics.panoptic import panoptic_quality

        true = self.true()
        return None if true is None else self._kept(("pq", self.settings), lambda: panoptic_quality(self.fused(), true))

    def _find(self, score: float) -> InstanceResult:
        """Return the objects of a better score, of the classes that take part, the best first."""
        from seglab import instances

        s = self.settings
        if self.detections is not None:
            found = instances.select(self.detections, score=score, nms=s.nms, mask_threshold=s.mask, limit=MOST)
        else:
            found = self._kept(("read off", self.objects, s.mask), self._read_off)
            found = _first(found, found.scores > score)
        return _first(found, np.isin(found.classes, self.part()[1]))

    def part(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the classes of the semantic map that take part, and those of the objects; if none is named, all."""
        objects = (self.detector or self.semantic).palette
        palette, to = panoptic_joined(self.semantic.palette, objects)
        named = compare_state.names(self.settings.only, palette.names) or palette.names
        chosen = {palette.index(name) for name in named}
        semantic = tuple(k for k in range(len(self.semantic.palette)) if k in chosen)
        return semantic, tuple(k for k in range(len(objects)) if to[k] in chosen)

    def _read_off(self) -> InstanceResult:
        """Read objects off the semantic map."""
        from seglab import maps, watershed

        palette, threshold = self.semantic.palette, self.settings.mask
        probability = maps.probability(self.logits, self.source.photo.size, palette.things[0])
        if self.objects == COMPONENTS:
            return watershed.components(probability, threshold=threshold, palette=palette)
        low, high = seeded(threshold)
        return watershed.split(probability, threshold=low, confident=high, palette=palette)

    def _fuse(self) -> PanopticResult:
        from seglab import panoptic

        s, found = self.settings, self.found()
        palette, _ = panoptic_joined(self.semantic.palette, found.palette)
        switched = {palette.index(name) for name in compare_state.names(s.switched, palette.names)}
        labels, (part, _) = self.labels(), self.part()
        if len(part) < len(self.semantic.palette):
            table = np.full(256, UNSURE, np.uint8)
            table[list(part)] = part
            labels = table[labels]
        result = SemanticResult(labels, self.logits, self.semantic.palette)
        return panoptic.fuse(
            result, found, score=s.score, visible=s.visible, stuff_area=s.stuff,
            things=set(palette.things) ^ switched, overlap="smaller" if s.first == "smaller" else "score",
            same=same(self.semantic.palette, found.palette),
        )  # fmt: skip

    def _kept(self, what: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what was made in this run, or what is kept from an earlier one: large ones push each other out."""
        if what not in self.made:
            self.made[what] = cache.kept(cache.MAPS, (*self.key, *what), make)
        return self.made[what]


def usual(objects: str) -> Selection:
    """Return which objects a way to find them usually counts."""
    return Selection() if objects in (COMPONENTS, WATERSHED) else zoo.get(objects).selection


def seeded(threshold: float) -> tuple[float, float]:
    """Return the watershed's two thresholds about one: how far objects grow, and where they have their seeds.

    >>> seeded(0.5)
    (0.3, 0.7)
    """
    return max(0.05, round(threshold - 0.2, 2)), min(0.95, round(threshold + 0.2, 2))


def panoptic_joined(semantic: Palette, objects: Palette) -> tuple[Palette, tuple[int, ...]]:
    """Return the classes of both in one palette, and where each class of the objects stands in it."""
    from seglab import panoptic

    return panoptic.joined(semantic, objects, same(semantic, objects))


def run(source: Source, semantic: Loaded, objects: str, detector: Loaded | None, settings: Settings) -> Run:
    """Return the run; each network runs only if its answer isn't kept."""
    from seglab.inference import Options

    answer = segment_run.run(source.photo, semantic, Options(), 1.0, 0.0)
    found, ms, peak = None, answer.ms, answer.peak
    if detector is not None:
        key = "detections", source.photo.hash, detector.weights_hash
        found, more, most = cache.kept(cache.LOGITS, key, lambda: _detect(source, detector))
        ms, peak = ms + more, max(peak, most)
    return Run(source, semantic, answer.logits, objects, detector, found, settings, ms, peak, answer.notice)


def _detect(source: Source, detector: Loaded) -> tuple[Detections, float, int]:
    from seglab import instances, runtime

    with runtime.peak_memory() as peak:
        found = instances.detect(source.photo.image, detector)
    return found, peak.ms, peak.bytes


def needs(objects: str) -> str | None:
    """Return the key of the detector that gives the objects; None where they are read off the semantic map."""
    return None if objects in (COMPONENTS, WATERSHED) else zoo.get(objects).key


def _areas(labels: Labels, things: tuple[int, ...]) -> dict[int, int]:
    counts = {k: int(ndimage.label(labels == k, np.ones((3, 3)))[1]) for k in things}
    return {k: n for k, n in counts.items() if n}


def _first(found: InstanceResult, keep: NDArray[np.bool_] | slice) -> InstanceResult:
    chosen = np.arange(len(found))[keep]
    crops = tuple(found.crops[i] for i in chosen)
    return InstanceResult(
        found.boxes[chosen], found.classes[chosen], found.scores[chosen], crops, found.size, found.palette
    )
